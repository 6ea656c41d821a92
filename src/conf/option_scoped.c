/*
 * The keys of entries in [databases], [users] and [peers]. Tables and nothing else; see
 * option_global.c. A row without standard is "not set" until an entry names it: the field is
 * then NULL, NOT_SET, SPAN_NOT_SET or POOL_MODE_NOT_SET.
 */

#include <limits.h>

#include "conf/option.h"

#include "conf/conf_internal.h"

#define AT(ctype, key)		.name = #key, .offset = FIELD_AT(struct OWNER, ctype, key)
#define TEXT(key)		AT(const char *, key), .type = OPTION_TEXT
#define SECRET(key)		AT(const char *, key), .type = OPTION_SECRET
#define TIME(key)		AT(struct span, key), .type = OPTION_TIME, SPAN_ROW
#define SPAN_ROW		.max = TIME_MAX, .unit = "seconds"
#define INT(key, low, high)	AT(int, key), .type = OPTION_INT, .min = low, .max = high
#define SIZE(key)		INT(key, -1, INT_MAX)
#define NUMBERS(key, low, high) TEXT_AS(key, key, NUMBERS), .min = low, .max = high
#define TEXT_AS(key, field, type_) \
	.name = #key, .offset = FIELD_AT(struct OWNER, const char *, field), .type = OPTION_##type_
#define WORD(key, words)	ENUM(key, int, words)
#define ENUM(key, ctype, words) AT(ctype, key), .type = OPTION_ENUM, .choices = words

#define CONNECT .flags = OPTION_RELOADABLE | OPTION_CONNECT
#define HOSTS	.flags = OPTION_RELOADABLE | OPTION_CONNECT | OPTION_HOSTS
#define LIVE    .flags = OPTION_RELOADABLE

/* A row stays one thought, whatever its length. */
/* clang-format off */
#define OWNER database_settings
static const struct option database_rows[] = {
{ TEXT(dbname), CONNECT,
  .help = "Name of the database on the server. Without it, the entry's name; in the * "
	"entry, the name "
	"the client asked for." },
{ TEXT(host), HOSTS,
  .help = "Name or address of the server; a directory, or a name that starts with @, is a Unix "
	"socket. Without it, the Unix socket in unix_socket_dir. Several with commas between: new "
	"server connections go to each in turn (load_balance_hosts), or, with read_write_split or "
	"target_session_attrs, the hosts are one cluster and each is asked what it is: see "
	"ROUTING.md." },
{ TEXT_AS(port, ports, NUMBERS), .min = 1, .max = 65535, HOSTS, .standard = "5432",
  .help = "Port of the server; with several hosts, one for all or one for each." },
{ WORD(target_session_attrs, choice_session_target), HOSTS,
  .help = "Where all transactions of this entry go, in libpq's words. read-write and primary: to "
	"the primary, wherever it is now. read-only and standby: to replicas. prefer-standby: to "
	"replicas, to the primary while there is none. any: to any host that answers. With "
	"read_write_split, to where each transaction belongs among the hosts that this leaves." },
{ NUMBERS(weight, 0, 1000), LIVE,
  .help = "Shares of the reads, one for each host (2,1,1: the first takes half). A host of 0 "
	"takes reads only when no other replica can." },
{ NUMBERS(backup, 0, 1), LIVE,
  .help = "1 for each host that takes reads only when no other replica can, 0 for the others." },
{ TEXT(user), CONNECT,
  .help = "The forced user: all clients of this entry share one pool, logged in to the "
	"server under "
	"this name." },
{ SECRET(password), LIVE,
  .help = "Password of the forced user. Without it, the user's secret in auth_file is used." },
{ TEXT(auth_user), LIVE, .help = "As the global key, for this entry." },
{ TEXT(auth_query), CONNECT, .help = "As the global key, for this entry." },
{ TEXT(auth_dbname), CONNECT, .help = "As the global key, for this entry." },
{ SIZE(pool_size), LIVE,
  .help = "Instead of default_pool_size. 0 is no limit, -1 as if not given." },
{ SIZE(min_pool_size), LIVE, .help = "Instead of the global key. -1 as if not given." },
{ SIZE(reserve_pool_size), .alias = "reserve_pool", LIVE,
  .help = "Instead of the global key. -1 as if not given." },
{ TEXT(connect_query), CONNECT,
  .help = "Query run once on each new server connection. Its errors are logged and ignored." },
{ ENUM(pool_mode, enum pool_mode, choice_pool_mode), LIVE,
  .help = "Instead of the global key. A user's own pool_mode comes first." },
{ TIME(query_wait_timeout), LIVE,
  .help = "Instead of the global key, 0 included. A user's own value comes first." },
{ ENUM(load_balance_hosts, enum load_balance_hosts, choice_load_balance), HOSTS,
  .standard = "round-robin",
  .help = "With several hosts: round-robin takes the next one for each connection, disable stays "
	"with one until a connection fails. Without effect where the hosts are one cluster." },
{ ENUM(sslnegotiation, enum ssl_negotiation, choice_ssl_negotiation), CONNECT,
  .standard = "postgres",
  .help = "How TLS with the server begins: postgres asks first, direct begins at once, which "
	"saves a round trip and needs PostgreSQL 17. Without effect while server_tls_sslmode is "
	"disable, and on Unix sockets." },
{ ENUM(channel_binding, enum channel_binding, choice_channel_binding), CONNECT,
  .help = "Instead of server_channel_binding: disable, prefer or require." },
{ SIZE(max_db_connections), LIVE,
  .help = "Instead of the global key. 0 and -1 as if not given." },
{ SIZE(max_db_client_connections), LIVE,
  .help = "Instead of the global key. 0 and -1 as if not given." },
{ TIME(server_lifetime), LIVE, .help = "Instead of the global key. 0 as if not given." },
{ WORD(read_write_split, choice_switch), HOSTS, .help = "Instead of the global key." },
{ WORD(read_consistency, choice_consistency), LIVE, .help = "Instead of the global key." },
{ WORD(balance, choice_balance), LIVE, .help = "Instead of the global key." },
{ WORD(when_no_replica, choice_no_replica), LIVE, .help = "Instead of the global key." },
{ TIME(max_replica_lag), LIVE, .help = "Instead of the global key, 0 included." },
{ INT(max_replica_lag_bytes, 0, INT_MAX), LIVE, .help = "Instead of the global key, 0 included." },
{ TIME(replica_retry_after), LIVE, .help = "Instead of the global key, 0 included." },
{ TIME(replica_wait_timeout), LIVE, .help = "Instead of the global key, 0 included." },
{ TIME(failover_hold), LIVE, .help = "Instead of the global key, 0 included." },
{ TIME(probe_interval), LIVE, .help = "Instead of the global key. 0 as if not given." },
{ TIME(probe_timeout), LIVE, .help = "Instead of the global key. 0 as if not given." },
{ TEXT(probe_user), LIVE, .help = "Instead of the global key." },
{ SECRET(probe_password), LIVE, .help = "Instead of the global key." },
{ TEXT(lag_query), LIVE, .help = "Instead of the global key." },
{ TEXT(client_encoding), CONNECT, .help = "Sent to the server when a connection is made." },
{ TEXT(datestyle), CONNECT, .help = "Sent to the server when a connection is made." },
{ TEXT(timezone), CONNECT, .help = "Sent to the server when a connection is made." },
{ TEXT(application_name), CONNECT, .help = "Sent to the server when a connection is made." },
};
#undef OWNER

#define OWNER user_settings
static const struct option user_rows[] = {
{ ENUM(pool_mode, enum pool_mode, choice_pool_mode), LIVE,
  .help = "Instead of the database's and the global value." },
{ SIZE(pool_size), LIVE,
  .help = "Instead of the database's pool_size and default_pool_size. 0 is no limit, -1 as if not "
	"given." },
{ SIZE(reserve_pool_size), LIVE,
  .help = "Instead of the database's and the global value. -1 as if not given." },
{ SIZE(max_user_connections), LIVE,
  .help = "Instead of the global key. 0 and -1 as if not given." },
{ SIZE(max_user_client_connections), LIVE,
  .help = "Instead of the global key. 0 and -1 as if not given." },
{ TIME(query_timeout), LIVE, .help = "Instead of the global key. 0 as if not given." },
{ TIME(query_wait_timeout), LIVE,
  .help = "Instead of the database's and the global value, 0 included." },
{ TIME(idle_transaction_timeout), LIVE, .help = "Instead of the global key. 0 as if not given." },
{ TIME(transaction_timeout), LIVE, .help = "Instead of the global key. 0 as if not given." },
{ TIME(client_idle_timeout), LIVE, .help = "Instead of the global key. 0 as if not given." },
};
#undef OWNER

#define OWNER peer_settings
static const struct option peer_rows[] = {
{ TEXT(host), LIVE, .help = "Address or Unix socket directory of that process." },
{ INT(port, 1, 65535), LIVE, .standard = "6432", .help = "Its port." },
{ SIZE(pool_size), LIVE,
  .help = "How many cancel requests may be on their way at once. -1: default_pool_size." },
};
#undef OWNER
/* clang-format on */

const struct option_table option_database = { "databases", database_rows, COUNT_OF(database_rows) };
const struct option_table option_user = { "users", user_rows, COUNT_OF(user_rows) };
const struct option_table option_peer = { "peers", peer_rows, COUNT_OF(peer_rows) };
