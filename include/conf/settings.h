#ifndef CONF_SETTINGS_H
#define CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/moment.h"
#include "base/text.h"
#include "conf/choice.h"
#include "conf/database_settings.h"
#include "conf/routing_choice.h"
#include "conf/text_file.h"
#include "conf/user_settings.h"

/*
 * One loaded configuration: immutable, shared by counting. Fields are named like the keys of
 * [pgcarwash] and explained in conf/option_global.c (docs/CONFIG.md is made from it). Texts
 * are never NULL except where "may be NULL" stands here; lists are texts of names with commas
 * between (settings_list_has, slice_next_field). A span of 0 means off where CONFIG.md says so.
 */
struct settings {
	/* where we listen */
	const char *listen_addr; /* list; "*" all, "" none */
	int listen_port;
	int listen_backlog;
	const char *unix_socket_dir; /* "" none, "@..." abstract */
	int unix_socket_mode;
	const char *unix_socket_group;
	bool so_reuseport;
	const char *proxy_protocol_from; /* list of networks; "" nobody */
	int peer_id;

	/* the process */
	const char *user;     /* may be NULL */
	const char *conffile; /* the file the next reload reads */
	const char *pidfile, *job_name, *logfile, *syslog_facility, *syslog_ident;
	bool syslog;
	int verbose;
	bool log_connections, log_disconnections, log_pooler_errors, log_stats;
	int stats_period; /* seconds */

	/* the console */
	const char *admin_users, *stats_users; /* lists */
	struct span suspend_timeout;

	/* who may come in */
	enum auth_type auth_type;
	const char *auth_file;				 /* may be NULL */
	const char *auth_hba_file;			 /* "" none */
	const char *auth_ident_file, *auth_ldap_options; /* may be NULL */
	const char *auth_user, *auth_dbname;		 /* may be NULL */
	const char *auth_query;
	int scram_iterations;
	const char *ignore_startup_parameters, *track_extra_parameters; /* lists */
	const char *login_notify_message;
	bool application_name_add_host, disable_pqexec;
	int max_client_conn;
	int max_db_client_connections, max_user_client_connections; /* 0 no limit */

	/* pools */
	enum pool_mode pool_mode;
	int default_pool_size, min_pool_size, reserve_pool_size;
	int max_db_connections, max_user_connections; /* 0 no limit */
	struct span reserve_pool_timeout, pool_idle_timeout, autodb_idle_timeout;
	int max_prepared_statements; /* 0: no tracking */

	/* servers */
	const char *server_reset_query, *server_check_query; /* "" none, check "<empty>" */
	bool server_reset_query_always, server_round_robin, server_fast_close;
	struct span server_check_delay, server_connect_timeout, server_login_retry;
	struct span server_idle_timeout, server_lifetime;
	enum server_protocol server_protocol;
	enum channel_binding server_channel_binding;

	/* several hosts behind an entry */
	bool read_write_split;
	enum read_consistency read_consistency;
	enum balance_method balance;
	enum no_replica when_no_replica;
	struct span max_replica_lag, replica_retry_after, replica_wait_timeout;
	int max_replica_lag_bytes; /* 0 no limit */
	struct span failover_hold, probe_interval, probe_timeout;
	const char *probe_user, *probe_password, *lag_query; /* the first two may be NULL */

	/* how long things may take */
	struct span client_login_timeout, client_idle_timeout;
	struct span query_timeout, query_wait_timeout, idle_transaction_timeout;
	struct span transaction_timeout, cancel_wait_timeout;
	int query_wait_notify; /* seconds */

	/* name lookup */
	struct span dns_max_ttl, dns_nxdomain_ttl, dns_zone_check_period;
	const char *resolv_conf;

	/* sockets and buffers */
	int pkt_buf, sbuf_loopcnt;
	unsigned max_packet_size;
	bool tcp_defer_accept, tcp_keepalive;
	int tcp_keepcnt, tcp_keepidle, tcp_keepintvl; /* seconds; 0 the system's */
	int tcp_socket_buffer, tcp_user_timeout; /* bytes, milliseconds */

	/* TLS */
	enum tls_mode client_tls_sslmode, server_tls_sslmode;
	const char *client_tls_ca_file, *client_tls_cert_file, *client_tls_key_file;
	const char *client_tls_ciphers, *client_tls_protocols;
	const char *client_tls_dheparams, *client_tls_ecdhcurve;
	const char *server_tls_ca_file, *server_tls_cert_file, *server_tls_key_file;
	const char *server_tls_ciphers, *server_tls_protocols;
	const char *client_tls13_ciphers, *server_tls13_ciphers; /* may be NULL */

	/* the entries, sorted by name; "*" is not among databases */
	const struct database_settings *databases;
	size_t database_count;
	const struct database_settings *fallback_database; /* "*", may be NULL */
	const struct user_settings *users;
	size_t user_count;
	const struct peer_settings *peers;
	size_t peer_count;

	/* auth_file as it was when this was loaded; a secret. len 0: none or unreadable */
	struct slice auth_file_text;
	/* auth_hba_file, the files it names with @, auth_ident_file: read while auth_type is hba */
	struct slice auth_hba_text, auth_ident_text; /* data NULL: none or unreadable */
	const struct text_file *auth_hba_includes;
	size_t auth_hba_include_count;

	struct settings_private *private; /* memory, count, sources: conf's own */
};

/* One more holder; gives settings itself. */
const struct settings *settings_ref(const struct settings *settings);
/* One holder less; the last wipes the secrets and frees all. NULL is allowed. */
void settings_unref(const struct settings *settings);

/* True when the main section is called [pgbouncer] in the file. */
bool settings_is_pgbouncers(const struct settings *settings);

/* The entry of exactly this name ("*" is never found), or NULL. */
const struct database_settings *settings_database(const struct settings *settings,
						  struct slice name);
/* The "*" entry, or NULL. */
const struct database_settings *settings_fallback_database(const struct settings *settings);
const struct user_settings *settings_user(const struct settings *settings, struct slice name);

/* True when name is one of the comma-separated names of list; letter case counts. */
bool settings_list_has(const char *list, struct slice name);

#endif
