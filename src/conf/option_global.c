/*
 * The keys of [pgcarwash], in the order SHOW CONFIG lists them. A table and nothing else: what
 * is done with rows is in option.c and value.c. Help texts are what a user reads in CONFIG.md
 * and in the example file.
 */

#include <limits.h>

#include "conf/option.h"

#include "conf/conf_internal.h"

#define AT(ctype, key)		.name = #key, .offset = FIELD_AT(struct settings, ctype, key)
#define TEXT(key)		AT(const char *, key), .type = OPTION_TEXT
#define LIST(key)		AT(const char *, key), .type = OPTION_LIST
#define SECRET(key)		AT(const char *, key), .type = OPTION_SECRET
#define NETWORKS(key)		AT(const char *, key), .type = OPTION_NETWORKS
#define PATH(key)		AT(const char *, key), .type = OPTION_PATH
#define SECRET(key)		AT(const char *, key), .type = OPTION_SECRET
#define BOOL(key)		AT(bool, key), .type = OPTION_BOOL
#define TIME(key)		AT(struct span, key), .type = OPTION_TIME, SPAN_ROW
#define SPAN_ROW		.max = TIME_MAX, .unit = "seconds"
#define INT(key, low, high)	AT(int, key), .type = OPTION_INT, .min = low, .max = high
#define UINT(key, low, high)	AT(unsigned, key), .type = OPTION_UINT, .min = low, .max = high
#define MODE(key)		AT(int, key), .type = OPTION_MODE, .min = 0, .max = 0777
#define WORD(key, words)	AT(const char *, key), .type = OPTION_WORD, .choices = words
#define ENUM(key, ctype, words) AT(ctype, key), .type = OPTION_ENUM, .choices = words

#define LIVE	    .flags = OPTION_RELOADABLE
#define FIXED	    .flags = 0

static const char auth_query_standard[] =
	"SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END "
	"FROM pg_authid WHERE rolname=$1 AND rolcanlogin";

/* A row stays one thought, whatever its length. */
/* clang-format off */
static const struct option rows[] = {
{ LIST(admin_users), LIVE, .standard = "", .group = GROUP_CONSOLE,
  .help = "Users who may give every command on the console. They log in like any other client." },
{ BOOL(application_name_add_host), LIVE, .standard = "0", .group = GROUP_CLIENTS,
  .help = "Appends the client's address to its application_name at login, so that "
	"pg_stat_activity shows where a query came from: `NAME - ADDRESS:PORT`. A long name "
	"is cut "
	"so that the whole fits into PostgreSQL's 63 bytes." },
{ TEXT(auth_dbname), LIVE, .group = GROUP_AUTH,
  .help = "The database entry in which auth_query runs. Without it, the database the client "
	"asked for. The console's own database is not possible." },
{ PATH(auth_file), LIVE, .group = GROUP_AUTH,
  .help = "File of users and their secrets, one a line: \"name\" \"secret\". A secret is a plain "
	"password, md5 and 32 hexadecimal digits, or a SCRAM-SHA-256 verifier as PostgreSQL "
	"stores it. Read again at every reload." },
{ PATH(auth_hba_file), LIVE, .standard = "", .group = GROUP_AUTH,
  .help = "Rules in the form of pg_hba.conf, used when auth_type is hba. The first that fits a "
	"login says how it is proved; without one, nobody gets in. Methods: trust, reject, md5, "
	"password, scram-sha-256, peer, cert, ldap and pam, the last with pamservice= for a "
	"service other than pgbouncer. A line with a mistake is logged and skipped. Read again "
	"at every reload." },
{ PATH(auth_ident_file), LIVE, .group = GROUP_AUTH,
  .help = "Maps from certificate or operating system names to database users, used by rules "
	"of auth_hba_file that name a map." },
{ SECRET(auth_ldap_options), LIVE, .group = GROUP_AUTH,
  .help = "LDAP options as PostgreSQL writes them in pg_hba.conf, used when auth_type is ldap: "
	"ldapserver, ldapport, ldapscheme, ldaptls, ldapprefix and ldapsuffix for a simple bind, "
	"or ldapbasedn, ldapbinddn, ldapbindpasswd, ldapsearchattribute, ldapsearchfilter for a "
	"search first, or ldapurl. Whose certificates are believed is said in ldap.conf, by "
	"TLS_CACERT. SHOW CONFIG does not show them, since they may hold a password." },
{ TEXT(auth_query), LIVE, .standard = auth_query_standard, .group = GROUP_AUTH,
  .help = "Query that finds the secret of a user who is not in auth_file, or has an empty secret "
	"there, run by auth_user at each login of his. It takes the name as $1 and returns two "
	"columns, name and secret. A secret of NULL never matches." },
{ ENUM(auth_type, enum auth_type, choice_auth_type), LIVE, .standard = "md5", .group = GROUP_AUTH,
  .help = "How clients prove who they are. any: no check and no name, for databases with a forced "
	"user. trust: no check, but the user must be known. plain: the password in clear text. "
	"md5: a challenge, or SCRAM where the stored secret is a SCRAM verifier. scram-sha-256: "
	"SCRAM only. cert: a certificate of the client's with its name. hba: as the rules in "
	"auth_hba_file say. pam, ldap: the password in clear text (so have clients use TLS), "
	"which PAM (service pgbouncer) or an LDAP directory then judges; servers that ask for a "
	"password get the same one, auth_file is not read for it, and auth_user is not possible "
	"beside it. Only in builds that have them." },
{ TEXT(auth_user), LIVE, .group = GROUP_AUTH,
  .help = "The user who runs auth_query. Without it, only users in auth_file can log in." },
{ TIME(autodb_idle_timeout), LIVE, .standard = "3600", .group = GROUP_POOLS,
  .help = "A database made from the * entry is forgotten after being unused this long. 0 "
	"keeps it." },
{ ENUM(balance, enum balance_method, choice_balance), LIVE, .standard = "round-robin",
  .group = GROUP_ROUTING,
  .help = "How reads are spread over the replicas that can take them. round-robin: one after the "
	"other, as often as their weights say. least-connections: where the fewest transactions "
	"are under way for its weight. latency: where the probe is answered soonest, in "
	"proportion. random: by lot." },
{ TIME(cancel_wait_timeout), LIVE, .standard = "10", .group = GROUP_TIMEOUTS,
  .help = "A cancel request that could not be passed on to the server in this time is dropped. "
	"0 waits as long as it takes." },
{ TIME(client_idle_timeout), LIVE, .standard = "0", .group = GROUP_TIMEOUTS,
  .help = "Clients that hold no server and say nothing for this long are disconnected. 0 is off. "
	"Set it above the idle time of the application's own pool." },
{ TIME(client_login_timeout), LIVE, .standard = "60", .group = GROUP_TIMEOUTS,
  .help = "A client's whole login must be done in this time. 0 is off." },
{ TEXT(client_tls13_ciphers), LIVE, .group = GROUP_CLIENT_TLS,
  .help = "TLS 1.3 cipher suites offered to clients, in OpenSSL's notation." },
{ PATH(client_tls_ca_file), LIVE, .standard = "", .group = GROUP_CLIENT_TLS,
  .help = "Certificates of the authorities that sign client certificates. When it is set, clients "
	"are asked for one in every sslmode." },
{ PATH(client_tls_cert_file), LIVE, .standard = "", .group = GROUP_CLIENT_TLS,
  .help = "Our certificate, shown to clients." },
{ TEXT(client_tls_ciphers), LIVE, .standard = "default", .group = GROUP_CLIENT_TLS,
  .help = "Ciphers offered to clients up to TLS 1.2, in OpenSSL's notation. default, "
	"secure, normal "
	"and fast all mean the library's default." },
{ WORD(client_tls_dheparams, choice_dheparams), LIVE, .standard = "auto",
  .group = GROUP_CLIENT_TLS,
  .help = "Parameters of the ephemeral Diffie-Hellman exchange with clients." },
{ TEXT(client_tls_ecdhcurve), LIVE, .standard = "auto", .group = GROUP_CLIENT_TLS,
  .help = "Elliptic curve of the key exchange with clients: auto, a curve's name, or none, which "
	"leaves such key exchange to TLS 1.3." },
{ PATH(client_tls_key_file), LIVE, .standard = "", .group = GROUP_CLIENT_TLS,
  .help = "The private key that belongs to client_tls_cert_file." },
{ TEXT(client_tls_protocols), LIVE, .standard = "secure", .group = GROUP_CLIENT_TLS,
  .help = "TLS versions allowed to clients: a list of tlsv1.0, tlsv1.1, tlsv1.2 and tlsv1.3, or "
	"all, or secure (1.2 and 1.3). A ! before a version takes it out." },
{ ENUM(client_tls_sslmode, enum tls_mode, choice_tls_mode), LIVE, .standard = "disable",
  .group = GROUP_CLIENT_TLS,
  .help = "Whether clients may use TLS (allow, prefer), must use it on TCP (require), or must show "
	"a certificate of client_tls_ca_file, too (verify-ca, verify-full). All but disable need a "
	"key and a certificate. TLS settings and the files they name are read again by every "
	"reload, which disconnects nobody." },
{ PATH(conffile), LIVE, .group = GROUP_PROCESS,
  .help = "The file that the next reload reads. Normally the one named on the command line." },
{ INT(default_pool_size, 0, INT_MAX), LIVE, .standard = "20", .scoped = "pool_size",
  .group = GROUP_POOLS,
  .help = "How many server connections one pool, that is one pair of database and user, may have. "
	"0 is no limit. More is seldom faster: start near twice the cores of the server." },
{ BOOL(disable_pqexec), FIXED, .standard = "0", .group = GROUP_CLIENTS,
  .help = "Refuses the simple query protocol, which allows several statements in one text and is "
	"what SQL injection likes best. Only for applications that use the extended protocol "
	"throughout." },
{ TIME(dns_max_ttl), LIVE, .standard = "15", .group = GROUP_DNS,
  .help = "How long a host name's addresses are remembered." },
{ TIME(dns_nxdomain_ttl), LIVE, .standard = "15", .group = GROUP_DNS,
  .help = "How long it is remembered that a host name does not exist." },
{ TIME(dns_zone_check_period), LIVE, .standard = "0", .group = GROUP_DNS,
  .help = "How often a zone's serial number is looked at; when it has changed, all names of the "
	"zone are looked up again. 0 is off." },
{ TIME(failover_hold), LIVE, .standard = "30", .group = GROUP_ROUTING,
  .help = "How long a transaction that needs the primary waits while there is none (or while two "
	"hosts claim to be it) before its client gets an error. Long enough for a promotion. 0 "
	"does not wait." },
{ TIME(idle_transaction_timeout), LIVE, .standard = "0", .group = GROUP_TIMEOUTS,
  .help = "A client that stays idle inside a transaction for this long is disconnected, and its "
	"transaction is rolled back. 0 is off." },
{ LIST(ignore_startup_parameters), LIVE, .standard = "", .group = GROUP_CLIENTS,
  .help = "Start-up parameters to accept and do nothing about, instead of refusing the "
	"login. Needed "
	"for drivers that send extra_float_digits and the like. The word options also swallows "
	"unknown settings inside the options parameter." },
{ TEXT(job_name), FIXED, .standard = "pgcarwash", .group = GROUP_PROCESS,
  .help = "A name for this instance, which ps and top show as that of the process (its first "
	"15 bytes)." },
{ TEXT(lag_query), LIVE, .standard = "", .group = GROUP_ROUTING,
  .help = "A query of your own that each replica is asked with every probe: one row, one column, "
	"how many seconds it is behind. NULL is not behind. What it says counts for "
	"max_replica_lag when it is more than what was measured. Empty: none." },
{ LIST(listen_addr), FIXED, .standard = "", .group = GROUP_LISTEN,
  .help = "Addresses to listen on for TCP: names, IPv4 or IPv6 addresses, * for all. Empty: "
	"only the "
	"Unix socket." },
{ INT(listen_backlog, 0, 65535), FIXED, .standard = "128", .group = GROUP_LISTEN,
  .help = "How many connections may wait in the kernel to be accepted." },
{ INT(listen_port, 1, 65535), FIXED, .standard = "6432", .group = GROUP_LISTEN,
  .help = "TCP port, and the number in the name of the Unix socket." },
{ BOOL(log_connections), LIVE, .standard = "1", .group = GROUP_LOG,
  .help = "Log each successful login." },
{ BOOL(log_disconnections), LIVE, .standard = "1", .group = GROUP_LOG,
  .help = "Log each end of a connection, with the reason." },
{ BOOL(log_pooler_errors), LIVE, .standard = "1", .group = GROUP_LOG,
  .help = "Log the errors that we, not the server, send to clients." },
{ BOOL(log_stats), LIVE, .standard = "1", .group = GROUP_LOG,
  .help = "Log a line of totals every stats_period." },
{ PATH(logfile), LIVE, .standard = "", .group = GROUP_LOG,
  .help = "File to append log lines to. Opened again at every reload, for log rotation." },
{ TEXT(login_notify_message), LIVE, .standard = "", .group = GROUP_CLIENTS,
  .help = "A notice sent to each client at the end of its login." },
{ INT(max_client_conn, 1, INT_MAX), LIVE, .standard = "100", .group = GROUP_CLIENTS,
  .help = "How many clients may be connected at once, those logging in included, the "
	"console's aside. "
	"Each needs a file descriptor, and so does each server connection." },
{ INT(max_db_client_connections, 0, INT_MAX), LIVE, .standard = "0", .group = GROUP_CLIENTS,
  .help = "How many clients of one database may be connected at once. 0 is no limit." },
{ INT(max_db_connections, 0, INT_MAX), LIVE, .standard = "0", .group = GROUP_POOLS,
  .help = "How many server connections all pools of one database may have together. When it is "
	"reached, an idle server of another pool gives way. 0 is no limit." },
{ UINT(max_packet_size, 256, UINT_MAX), LIVE, .standard = "2147483647", .unit = "bytes",
  .group = GROUP_NETWORK,
  .help = "A longer message ends the connection. Long messages pass through in pieces, so this "
	"protects the server's memory rather than ours." },
{ INT(max_prepared_statements, 0, INT_MAX), LIVE, .standard = "200", .group = GROUP_POOLS,
  .help = "How many of the clients' named prepared statements are kept on one server connection in "
	"transaction and statement mode; the longest unused gives way. 0: names are not followed "
	"and prepared statements fail in these modes." },
{ TIME(max_replica_lag), LIVE, .standard = "10", .group = GROUP_ROUTING,
  .help = "A replica further behind than this gets no reads until replica_retry_after has passed "
	"and it has caught up. Measured as the age of the newest state of the primary that it has "
	"replayed, on our clock: an idle primary makes nobody late. 0 is no limit." },
{ INT(max_replica_lag_bytes, 0, INT_MAX), LIVE, .standard = "0", .unit = "bytes",
  .group = GROUP_ROUTING,
  .help = "The same in bytes of WAL not replayed yet. 0 is no limit." },
{ INT(max_user_client_connections, 0, INT_MAX), LIVE, .standard = "0", .group = GROUP_CLIENTS,
  .help = "How many clients of one user may be connected at once. 0 is no limit." },
{ INT(max_user_connections, 0, INT_MAX), LIVE, .standard = "0", .group = GROUP_POOLS,
  .help = "How many server connections all pools of one user may have together. 0 is no limit." },
{ INT(min_pool_size, 0, INT_MAX), LIVE, .standard = "0", .group = GROUP_POOLS,
  .help = "How many server connections a pool keeps open even when idle, as long as a client is "
	"connected or the entry forces a user. Helps when load comes back suddenly." },
{ INT(peer_id, 0, 16383), LIVE, .standard = "0", .group = GROUP_LISTEN,
  .help = "Our number among the processes of [peers], which share a port or a balancer: a cancel "
	"request that reaches another process than that of its query is passed on to it. Keys "
	"given out from then on hold the number. 0: we are alone." },
{ PATH(pidfile), FIXED, .standard = "", .group = GROUP_PROCESS,
  .help = "File for our process id. Needed to run in the background." },
{ INT(pkt_buf, 512, 16777216), FIXED, .standard = "4096", .unit = "bytes",
  .group = GROUP_NETWORK,
  .help = "How many bytes are taken from a client's socket at once, at least. Buffers are shared "
	"and cost an idle connection nothing, so 64 kB are taken anyway: only a value between "
	"that and 120 kB changes anything." },
{ ENUM(pool_mode, enum pool_mode, choice_pool_mode), LIVE, .standard = "session",
  .group = GROUP_POOLS,
  .help = "When a server goes back to the pool. session: when the client leaves. "
	"transaction: after "
	"each transaction. statement: after each query, and transactions of several statements are "
	"refused." },
{ TIME(pool_idle_timeout), LIVE, .standard = "0", .group = GROUP_POOLS,
  .help = "A pool without clients and servers is forgotten after this time. 0 keeps it." },
{ TIME(probe_interval), LIVE, .standard = "0.5", .group = GROUP_ROUTING,
  .help = "How often each host of a cluster is asked for its role and position. It bounds how "
	"long a moved primary or a dead replica goes unnoticed; a failed connection, or somebody "
	"who waits for his own write to reach a replica, makes us ask earlier. One cheap query on "
	"a connection that stays open. 0 counts as the default." },
{ SECRET(probe_password), LIVE, .group = GROUP_ROUTING,
  .help = "Password of probe_user. Without it, the user's secret in auth_file when that is a "
	"plain password." },
{ TIME(probe_timeout), LIVE, .standard = "3", .group = GROUP_ROUTING,
  .help = "A host that has not answered a probe, or not let us connect, in this time is down: no "
	"transaction goes there until it answers again. With a probe_interval of half of it or "
	"less, the time counts from the host's last answer. 0 counts as the default." },
{ TEXT(probe_user), LIVE, .group = GROUP_ROUTING,
  .help = "Who asks the hosts. Needs no rights beyond logging in to the entry's database; but "
	"only a member of pg_monitor sees at once that a replica follows a new primary, and "
	"FAILOVER needs the right to run pg_promote(). Without it, the entry's user, else "
	"auth_user." },
{ NETWORKS(proxy_protocol_from), LIVE, .standard = "", .group = GROUP_LISTEN,
  .help = "Addresses and networks of proxies, HAProxy for one, that begin each connection with the "
	"header of the PROXY protocol, version 1 or 2, and nothing else; the word unix stands for "
	"Unix sockets. The log, rules of auth_hba_file, SHOW CLIENTS and application_name_add_host "
	"then tell the client that the header names. A connection from there without a header is "
	"closed; from elsewhere none is accepted. Whoever may connect from these addresses can "
	"claim any address: name proxies only. With unix, nothing else comes in over Unix sockets: "
	"no console of our own user, no online restart (-R), no peers." },
{ TIME(query_timeout), LIVE, .standard = "0", .group = GROUP_TIMEOUTS,
  .help = "A query that takes longer costs the client its connection. 0 is off. Set it a "
	"little above "
	"PostgreSQL's statement_timeout: it is meant for a network that fails silently." },
{ INT(query_wait_notify, 0, INT_MAX), LIVE, .standard = "5", .unit = "seconds",
  .group = GROUP_TIMEOUTS,
  .help = "A client that has waited this long for a server gets a notice, once. 0 is off." },
{ TIME(query_wait_timeout), LIVE, .standard = "120", .group = GROUP_TIMEOUTS,
  .help = "A client that has waited this long for a server is disconnected. 0 lets it wait "
	"for ever." },
{ ENUM(read_consistency, enum read_consistency, choice_consistency), LIVE,
  .standard = "session", .group = GROUP_ROUTING,
  .help = "Whose earlier writes a read on a replica is sure to see: the session's own, those of "
	"all sessions of the user, of all with the same application_name, of everybody in the "
	"database (all through this process), or none. A read that no replica is fresh enough for "
	"goes to the primary." },
{ BOOL(read_write_split), LIVE, .standard = "0", .group = GROUP_ROUTING,
  .help = "For entries with several hosts: transactions that provably only read go to replicas, "
	"all others to the primary. In session mode the whole session goes to the primary." },
{ TIME(replica_retry_after), LIVE, .standard = "60", .group = GROUP_ROUTING,
  .help = "How long a replica that was too far behind is left alone at least." },
{ TIME(replica_wait_timeout), LIVE, .standard = "5", .group = GROUP_ROUTING,
  .help = "With when_no_replica = wait: how long a read waits for a replica that can take it "
	"before it goes to the primary." },
{ INT(reserve_pool_size, 0, INT_MAX), LIVE, .standard = "0", .group = GROUP_POOLS,
  .help = "How many further server connections a pool may open when a client has waited for "
	"reserve_pool_timeout. 0 is none." },
{ TIME(reserve_pool_timeout), LIVE, .standard = "5", .group = GROUP_POOLS,
  .help = "How long a client must have waited before the reserve is used. 0 never uses it." },
{ PATH(resolv_conf), FIXED, .standard = "", .group = GROUP_DNS,
  .help = "File to read name servers from. Empty: the system's." },
{ INT(sbuf_loopcnt, 0, INT_MAX), LIVE, .standard = "5", .group = GROUP_NETWORK,
  .help = "How often one socket is read before others get their turn. 0 is practically no limit." },
{ INT(scram_iterations, 1, INT_MAX), LIVE, .standard = "4096", .group = GROUP_AUTH,
  .help = "Rounds of hashing when a SCRAM login is checked against a plain password in "
	"auth_file. More "
	"rounds cost an attacker, the client and us alike." },
{ ENUM(server_channel_binding, enum channel_binding, choice_channel_binding), LIVE,
  .standard = "prefer", .scoped = "channel_binding", .group = GROUP_SERVER_TLS,
  .help = "Whether a SCRAM login to a server over TLS is tied to that TLS connection "
	"(SCRAM-SHA-256-PLUS), so that nobody in between can pass it on: when the server offers it "
	"(prefer), always (require: every other kind of login is refused), or never (disable, for "
	"something in between that ends TLS itself)." },
{ TIME(server_check_delay), LIVE, .standard = "30", .group = GROUP_SERVERS,
  .help = "A server connection idle for longer is tried with server_check_query before it is lent "
	"out. 0 tries it every time." },
{ TEXT(server_check_query), LIVE, .standard = "<empty>", .group = GROUP_SERVERS,
  .help = "Query that tells whether a server connection still works. The word <empty> sends "
	"an empty "
	"query, the cheapest there is. Nothing at all: no check." },
{ TIME(server_connect_timeout), LIVE, .standard = "15", .group = GROUP_SERVERS,
  .help = "Connecting and logging in to a server must be done in this time." },
{ BOOL(server_fast_close), LIVE, .standard = "0", .group = GROUP_SERVERS,
  .help = "In session mode, closes servers that are to be replaced at the end of the transaction "
	"instead of waiting for the client to leave." },
{ TIME(server_idle_timeout), LIVE, .standard = "600", .group = GROUP_SERVERS,
  .help = "A server connection unused for this long is closed, but not below min_pool_size. "
	"0 is off." },
{ TIME(server_lifetime), LIVE, .standard = "3600", .group = GROUP_SERVERS,
  .help = "A server connection this old is closed when it is free, one after the other so "
	"that a pool "
	"is never empty at once. 0 uses each connection once." },
{ TIME(server_login_retry), LIVE, .standard = "15", .group = GROUP_SERVERS,
  .help = "How long to wait after a failed connect or login before trying again (up to an eighth "
	"less, so that many pools do not try at the same moment). A server that refuses one login "
	"after the other for a wrong password, or a role or database that is not there, is tried "
	"after two and then four times as long; a reload or RECONNECT tries at once. Clients that "
	"come meanwhile are told the last error." },
{ ENUM(server_protocol, enum server_protocol, choice_server_protocol), LIVE, .standard = "3.0",
  .group = GROUP_SERVERS,
  .help = "Version of the protocol asked of servers. 3.2, of PostgreSQL 18, brings cancel keys too "
	"long to be guessed; PostgreSQL since 9.3 answers it with what it speaks itself. Not so "
	"everything that speaks the protocol: some poolers and other databases refuse a version "
	"they do not know, or close the connection. Hence 3.0 is the default. auto asks for 3.2, "
	"and when a server refuses that, logs in again with 3.0 and goes on so with its database "
	"until the next reload." },
{ TEXT(server_reset_query), LIVE, .standard = "DISCARD ALL", .group = GROUP_SERVERS,
  .help = "Query that makes a server clean for its next client, run when a client leaves in "
	"session "
	"mode. Empty: none." },
{ BOOL(server_reset_query_always), LIVE, .standard = "0", .group = GROUP_SERVERS,
  .help = "Runs server_reset_query in every pool mode, after each transaction too. A crutch for "
	"applications that do not fit transaction mode." },
{ BOOL(server_round_robin), LIVE, .standard = "0", .group = GROUP_SERVERS,
  .help = "Lends the server that was idle longest rather than the one used last. Spreads "
	"load where "
	"something behind one address balances connections." },
{ TEXT(server_tls13_ciphers), LIVE, .group = GROUP_SERVER_TLS,
  .help = "TLS 1.3 cipher suites offered to servers, in OpenSSL's notation." },
{ PATH(server_tls_ca_file), LIVE, .standard = "", .group = GROUP_SERVER_TLS,
  .help = "Certificates of the authorities that sign server certificates." },
{ PATH(server_tls_cert_file), LIVE, .standard = "", .group = GROUP_SERVER_TLS,
  .help = "Our certificate, shown to servers that ask for one." },
{ TEXT(server_tls_ciphers), LIVE, .standard = "default", .group = GROUP_SERVER_TLS,
  .help = "Ciphers offered to servers up to TLS 1.2; see client_tls_ciphers." },
{ PATH(server_tls_key_file), LIVE, .standard = "", .group = GROUP_SERVER_TLS,
  .help = "The private key that belongs to server_tls_cert_file." },
{ TEXT(server_tls_protocols), LIVE, .standard = "secure", .group = GROUP_SERVER_TLS,
  .help = "TLS versions allowed to servers; see client_tls_protocols." },
{ ENUM(server_tls_sslmode, enum tls_mode, choice_tls_mode), LIVE, .standard = "prefer",
  .group = GROUP_SERVER_TLS,
  .help = "Whether connections to servers use TLS when the server can (allow, prefer), always "
	"(require), and whether the server's certificate must be signed by server_tls_ca_file, or "
	"an authority the system trusts (verify-ca), and be made out to the host we asked for "
	"(verify-full). Unix sockets go without. When a reload changes how servers are reached, "
	"all server connections are replaced as they come free." },
{ BOOL(so_reuseport), FIXED, .standard = "0", .group = GROUP_LISTEN,
  .help = "Lets several processes listen on one port; the kernel spreads the clients. Each needs "
	"a unix_socket_dir, a pidfile and a peer_id of its own, and the others in [peers]." },
{ INT(stats_period, 1, INT_MAX), LIVE, .standard = "60", .unit = "seconds", .group = GROUP_LOG,
  .help = "How often averages are computed, and logged with log_stats." },
{ LIST(stats_users), LIVE, .standard = "", .group = GROUP_CONSOLE,
  .help = "Users who may look at everything on the console but change nothing." },
{ TIME(suspend_timeout), LIVE, .standard = "10", .group = GROUP_CONSOLE,
  .help = "Connections that cannot be brought to a stop in this time after SUSPEND are closed." },
{ BOOL(syslog), LIVE, .standard = "0", .group = GROUP_LOG, .help = "Send log lines to syslog." },
{ WORD(syslog_facility, choice_syslog_facility), LIVE, .standard = "daemon", .group = GROUP_LOG,
  .help = "The facility they are sent under." },
{ TEXT(syslog_ident), LIVE, .standard = "pgcarwash", .group = GROUP_LOG,
  .help = "The name they are sent under." },
{ BOOL(tcp_defer_accept), LIVE, .standard = "1", .max = 3600, .group = GROUP_NETWORK,
  .help = "Accepts a connection only when its first bytes are there (TCP_DEFER_ACCEPT). Older "
	"files have a number of seconds here, which means 1." },
{ BOOL(tcp_keepalive), LIVE, .standard = "1", .group = GROUP_NETWORK,
  .help = "Lets the kernel find dead connections (SO_KEEPALIVE)." },
{ INT(tcp_keepcnt, 0, 127), LIVE, .standard = "0", .group = GROUP_NETWORK,
  .help = "How many probes may go unanswered (TCP_KEEPCNT). 0: the system's default." },
{ INT(tcp_keepidle, 0, 32767), LIVE, .standard = "0", .unit = "seconds", .group = GROUP_NETWORK,
  .help = "Silence before the first probe (TCP_KEEPIDLE). 0: the system's default." },
{ INT(tcp_keepintvl, 0, 32767), LIVE, .standard = "0", .unit = "seconds", .group = GROUP_NETWORK,
  .help = "Time between probes (TCP_KEEPINTVL). 0: the system's default." },
{ INT(tcp_socket_buffer, 0, INT_MAX), LIVE, .standard = "0", .unit = "bytes",
  .group = GROUP_NETWORK,
  .help = "Size of the kernel's socket buffers (SO_SNDBUF, SO_RCVBUF). 0: the system's "
	"choice, which "
	"adapts itself and is nearly always better." },
{ INT(tcp_user_timeout, 0, INT_MAX), LIVE, .standard = "0", .unit = "milliseconds",
  .group = GROUP_NETWORK,
  .help = "How long sent bytes may stay unacknowledged before the connection counts as dead "
	"(TCP_USER_TIMEOUT). 0: the system's default." },
{ LIST(track_extra_parameters), FIXED, .standard = "IntervalStyle", .group = GROUP_CLIENTS,
  .help = "Settings that are kept per client across servers, besides client_encoding, DateStyle, "
	"TimeZone, standard_conforming_strings, application_name, default_transaction_read_only "
	"and search_path (PostgreSQL reports it from 18 on). Only settings that PostgreSQL "
	"reports to clients can be followed." },
{ TIME(transaction_timeout), LIVE, .standard = "0", .group = GROUP_TIMEOUTS,
  .help = "A transaction that takes longer costs the client its connection. 0 is off." },
{ PATH(unix_socket_dir), FIXED, .standard = "/tmp", .group = GROUP_LISTEN,
  .help = "Directory of the Unix socket, .s.PGSQL.PORT in it. Empty: none. A name that "
	"starts with @ is "
	"in the abstract namespace. Servers without a host are looked for here too." },
{ TEXT(unix_socket_group), FIXED, .standard = "", .group = GROUP_LISTEN,
  .help = "Group that owns the Unix socket." },
{ MODE(unix_socket_mode), FIXED, .standard = "0777", .group = GROUP_LISTEN,
  .help = "Permissions of the Unix socket. Write 0770 with a leading zero: the number is "
	"octal then." },
{ TEXT(user), FIXED, .group = GROUP_PROCESS,
  .help = "Operating system user to become after start. We do not run as root." },
{ INT(verbose, 0, INT_MAX), LIVE, .group = GROUP_LOG,
  .help = "How much to log: 0 what matters, 1 details, 2 every step. Each -v on the command "
	"line adds "
	"one." },
{ ENUM(when_no_replica, enum no_replica, choice_no_replica), LIVE, .standard = "primary",
  .group = GROUP_ROUTING,
  .help = "What becomes of a read when no replica can take it (down, too far behind, not fresh "
	"enough). primary: it runs there. wait: it waits up to replica_wait_timeout first. error: "
	"it fails, to protect the primary." },
};
/* clang-format on */

const struct option_table option_global = { "pgcarwash", rows, COUNT_OF(rows) };
