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

struct database_settings {
	const char *name; /* "*" for the template of names not listed */

	/* where and as whom */
	const char *host;   /* NULL: the Unix socket in unix_socket_dir; "/dir", "@abstract" */
	int port;	    /* always set */
	const char *dbname; /* NULL: the name the client asked for */
	const char *user;   /* the forced user: one pool for all clients */
	const char *password;
	const char *connect_query;
	enum load_balance_hosts load_balance_hosts;
	enum ssl_negotiation sslnegotiation;

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

	const char *file; /* where the entry stands, for messages */
	unsigned line;
};

#endif
