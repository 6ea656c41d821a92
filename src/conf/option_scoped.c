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
#define ENUM(key, ctype, words) AT(ctype, key), .type = OPTION_ENUM, .choices = words

#define CONNECT	      .flags = OPTION_RELOADABLE | OPTION_CONNECT
#define CONNECT_LATER .flags = OPTION_RELOADABLE | OPTION_CONNECT | OPTION_NO_EFFECT
#define LIVE	      .flags = OPTION_RELOADABLE
#define LIVE_LATER    .flags = OPTION_RELOADABLE | OPTION_NO_EFFECT

/* A row stays one thought, whatever its length. */
/* clang-format off */
#define OWNER database_settings
static const struct option database_rows[] = {
{ TEXT(dbname), CONNECT,
  .help = "Name of the database on the server. Without it, the entry's name; in the * "
	"entry, the name "
	"the client asked for." },
{ TEXT(host), CONNECT,
  .help = "Name or address of the server; a directory, or a name that starts with @, is a Unix "
	"socket. Without it, the Unix socket in unix_socket_dir." },
{ INT(port, 1, 65535), CONNECT, .standard = "5432", .help = "Port of the server." },
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
{ ENUM(load_balance_hosts, enum load_balance_hosts, choice_load_balance), CONNECT_LATER,
  .standard = "round-robin",
  .help = "With several hosts: round-robin takes the next one for each connection, disable stays "
	"with one until a connection fails." },
{ ENUM(sslnegotiation, enum ssl_negotiation, choice_ssl_negotiation), CONNECT,
  .standard = "postgres",
  .help = "How TLS with the server begins: postgres asks first, direct begins at once, which "
	"saves a round trip and needs PostgreSQL 17. Without effect while server_tls_sslmode is "
	"disable, and on Unix sockets." },
{ SIZE(max_db_connections), LIVE,
  .help = "Instead of the global key. 0 and -1 as if not given." },
{ SIZE(max_db_client_connections), LIVE,
  .help = "Instead of the global key. 0 and -1 as if not given." },
{ TIME(server_lifetime), LIVE, .help = "Instead of the global key. 0 as if not given." },
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
