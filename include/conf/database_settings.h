#ifndef CONF_DATABASE_SETTINGS_H
#define CONF_DATABASE_SETTINGS_H

#include <stdbool.h>

#include "base/moment.h"
#include "conf/choice.h"

/*
 * One entry of [databases], fields named like the keys. Texts are NULL when not set, numbers
 * NOT_SET, spans SPAN_NOT_SET; conf/effective.h says which value counts then. Read-only, and
 * lives as long as its struct settings.
 */

#define NOT_SET		  (-1)
#define SPAN_NOT_SET	  ((struct span){ -1 })
#define DATABASE_NAME_MAX 63 /* bytes; PostgreSQL's NAMEDATALEN - 1 */

static inline bool span_is_set(struct span span)
{
	return span.us >= 0;
}

/* One of the hosts that an entry lists. */
struct database_host {
	const char *host; /* NULL: the Unix socket in unix_socket_dir */
	int port;
	unsigned weight; /* share of the reads; 1 unless given */
	bool backup;	 /* takes reads only when no other replica can */
};

#define DATABASE_HOSTS_MAX 64

struct database_settings {
	const char *name; /* "*" for the template of names not listed */

	/* where and as whom */
	const char *host;   /* NULL: the Unix socket in unix_socket_dir; "/dir", "@name"; a list */
	const char *ports;  /* port as written: one, or one for each host */
	int port;	    /* of the first host; always set */
	const char *weight, *backup;	   /* as written; NULL: 1, 0 for each */
	const struct database_host *hosts; /* the same parsed: at least one */
	unsigned host_count;		   /* up to DATABASE_HOSTS_MAX */
	const char *dbname; /* NULL: the name the client asked for */
	const char *user;   /* the forced user: one pool for all clients */
	const char *password;
	const char *connect_query;
	enum load_balance_hosts load_balance_hosts;
	enum ssl_negotiation sslnegotiation;
	enum channel_binding channel_binding;

	/* put into the server's start-up packet */
	const char *client_encoding;
	const char *datestyle;
	const char *timezone;
	const char *application_name;

	/* looking users up */
	const char *auth_user;
	const char *auth_query;
	const char *auth_dbname;

	/* limits */
	enum pool_mode pool_mode;
	int pool_size;
	int min_pool_size;
	int reserve_pool_size;
	int max_db_connections;
	int max_db_client_connections;
	struct span server_lifetime;
	struct span query_wait_timeout;

	/* routing; each NOT_SET or one of the enums in conf/routing_choice.h, a switch 0 or 1 */
	int target_session_attrs;
	int read_write_split;
	int read_consistency;
	int balance;
	int when_no_replica;
	struct span max_replica_lag, replica_retry_after, replica_wait_timeout;
	int max_replica_lag_bytes;
	struct span failover_hold;
	struct span probe_interval, probe_timeout;
	const char *probe_user, *probe_password, *lag_query;

	const char *file; /* where the entry stands, for messages */
	unsigned line;
};

#endif
