#ifndef CONF_EFFECTIVE_H
#define CONF_EFFECTIVE_H

#include "conf/settings.h"

/*
 * Which of a user's, a database's and the global value counts. database and user may be NULL:
 * that level says nothing. Pools take the forced user's entry where the database has one;
 * limits and timeouts of clients take the login user's.
 */

/* User, then database, then global. */
enum pool_mode effective_pool_mode(const struct settings *settings,
				   const struct database_settings *database,
				   const struct user_settings *user);
/* Servers in one pool; 0 = no limit. User, database, default_pool_size. */
int effective_pool_size(const struct settings *settings, const struct database_settings *database,
			const struct user_settings *user);
/* Further servers when clients wait too long; 0 = none. User, database, global. */
int effective_reserve_pool_size(const struct settings *settings,
				const struct database_settings *database,
				const struct user_settings *user);
/* Database, then global; 0 = none. Not yet cut to the pool size. */
int effective_min_pool_size(const struct settings *settings,
			    const struct database_settings *database);
/* How long a waiting client waits; 0 = for ever. User, database, global. */
struct span effective_query_wait_timeout(const struct settings *settings,
					 const struct database_settings *database,
					 const struct user_settings *user);

/* Servers and clients of a database over all its pools; 0 = no limit. */
int effective_max_db_connections(const struct settings *settings,
				 const struct database_settings *database);
int effective_max_db_client_connections(const struct settings *settings,
					const struct database_settings *database);
/* The same for a user. */
int effective_max_user_connections(const struct settings *settings,
				   const struct user_settings *user);
int effective_max_user_client_connections(const struct settings *settings,
					  const struct user_settings *user);

/* Age at which a server is retired; 0 = used once (only the global value can say so). */
struct span effective_server_lifetime(const struct settings *settings,
				      const struct database_settings *database);

/* User, then global; 0 = off. */
struct span effective_query_timeout(const struct settings *settings,
				    const struct user_settings *user);
struct span effective_idle_transaction_timeout(const struct settings *settings,
					       const struct user_settings *user);
struct span effective_transaction_timeout(const struct settings *settings,
					  const struct user_settings *user);
struct span effective_client_idle_timeout(const struct settings *settings,
					  const struct user_settings *user);

/* How often a socket may be read in one turn of the loop, from 1 up: sbuf_loopcnt. */
int effective_turn_reads(const struct settings *settings);
/* Bytes taken from a socket at once: least, or pkt_buf where that is more, up to 120 kB. */
size_t effective_read_size(const struct settings *settings, size_t least);

/* Database, then global. */
enum channel_binding effective_channel_binding(const struct settings *settings,
					       const struct database_settings *database);

/* ---- several hosts behind an entry: the database's own value, then the global one ---- */

/*
 * True when its hosts are one cluster, asked what they are: target_session_attrs is given, or
 * read_write_split is on for it. The global read_write_split leaves entries with one host alone.
 */
bool effective_is_cluster(const struct settings *settings,
			  const struct database_settings *database);
bool effective_read_write_split(const struct settings *settings,
				const struct database_settings *database);
enum session_target effective_target(const struct database_settings *database);
enum read_consistency effective_read_consistency(const struct settings *settings,
						 const struct database_settings *database);
enum balance_method effective_balance(const struct settings *settings,
				      const struct database_settings *database);
enum no_replica effective_when_no_replica(const struct settings *settings,
					  const struct database_settings *database);
/* 0 = no limit. */
struct span effective_max_replica_lag(const struct settings *settings,
				      const struct database_settings *database);
int effective_max_replica_lag_bytes(const struct settings *settings,
				    const struct database_settings *database);
struct span effective_replica_retry_after(const struct settings *settings,
					  const struct database_settings *database);
struct span effective_replica_wait_timeout(const struct settings *settings,
					   const struct database_settings *database);
/* 0 = nobody is held. */
struct span effective_failover_hold(const struct settings *settings,
				    const struct database_settings *database);
/* Never 0. */
struct span effective_probe_interval(const struct settings *settings,
				     const struct database_settings *database);
struct span effective_probe_timeout(const struct settings *settings,
				    const struct database_settings *database);
/* "" = none. */
const char *effective_lag_query(const struct settings *settings,
				const struct database_settings *database);
/*
 * Who asks the hosts: probe_user, the forced user, auth_user; NULL when there is none.
 * *password: what is given for it, NULL: auth_file may know.
 */
const char *effective_probe_user(const struct settings *settings,
				 const struct database_settings *database, const char **password);

/* The name sent to the server: the entry's dbname, or what the client asked for. */
const char *effective_dbname(const struct database_settings *database, const char *requested);

#endif
