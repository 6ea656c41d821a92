/*
 * Rules between settings that are each fine alone. Errors are for what cannot work at all;
 * warnings for what works otherwise than most would expect. Called by load.c; owns nothing.
 */

#include <string.h>

#include "conf/effective.h"
#include "conf/option.h"

#include "conf/conf_internal.h"

bool is_reserved_database(struct slice name)
{
	return slice_equal(name, SLICE_LITERAL("pgbouncer")) ||
	       slice_equal(name, SLICE_LITERAL("pgcarwash"));
}

/* A complaint that points at the line of key, where it has one. */
#define COMPLAIN_ABOUT(settings, complaints, severity, key, ...)                                   \
	do {                                                                                       \
		const char *file_ = NULL;                                                          \
		unsigned line_ = 0;                                                                \
		(void)option_source(option_find(&option_global, SLICE_LITERAL(key)), settings,     \
				    &file_, &line_);                                               \
		complaints_add(complaints, severity, file_, line_, __VA_ARGS__);                   \
	} while (0)

#define WARN_ABOUT(settings, complaints, key, ...)                                                 \
	COMPLAIN_ABOUT(settings, complaints, COMPLAINT_WARNING, key, __VA_ARGS__)

static bool is_same_place(const struct database_host *a, const struct database_host *b)
{
	if (a->port != b->port || !a->host != !b->host)
		return false;
	return !a->host || slice_equal_nocase(slice_of(a->host), slice_of(b->host));
}

/* One server named twice would be two primaries. */
static void check_hosts(const struct settings *settings, const struct database_settings *database,
			struct complaints *complaints)
{
	if (!effective_is_cluster(settings, database))
		return;
	for (unsigned i = 1; i < database->host_count; i++) {
		for (unsigned j = 0; j < i; j++) {
			const struct database_host *host = &database->hosts[i];

			if (!is_same_place(host, &database->hosts[j]))
				continue;
			complaints_add(complaints, COMPLAINT_ERROR, database->file, database->line,
				       "database \"%s\": host \"%s\" with port %d is named twice: "
				       "an entry that routes has each host once",
				       database->name, host->host ? host->host : "", host->port);
			return;
		}
	}
}

void check_errors(const struct settings *settings, struct complaints *complaints)
{
	if (!*settings->listen_addr && !*settings->unix_socket_dir)
		COMPLAIN_ABOUT(settings, complaints, COMPLAINT_ERROR, "unix_socket_dir",
			       "nowhere to listen: listen_addr and unix_socket_dir are both empty");
	if (*settings->unix_socket_group && !*settings->unix_socket_dir)
		COMPLAIN_ABOUT(settings, complaints, COMPLAINT_ERROR, "unix_socket_group",
			       "unix_socket_group is set but there is no unix_socket_dir");
	for (size_t i = 0; i < settings->database_count; i++)
		check_hosts(settings, &settings->databases[i], complaints);
	if (settings->fallback_database)
		check_hosts(settings, settings->fallback_database, complaints);
}

static bool is_asked_outside(enum auth_type type)
{
	return type == AUTH_TYPE_PAM || type == AUTH_TYPE_LDAP;
}

static void check_auth(const struct settings *settings, struct complaints *complaints)
{
	if (settings->auth_type == AUTH_TYPE_HBA && !*settings->auth_hba_file)
		WARN_ABOUT(settings, complaints, "auth_type",
			   "no auth_hba_file: no rule fits, so nobody can log in");
	if (settings->auth_type == AUTH_TYPE_LDAP && !settings->auth_ldap_options)
		WARN_ABOUT(settings, complaints, "auth_type",
			   "no auth_ldap_options: nobody can be asked, so nobody can log in");
	if (is_asked_outside(settings->auth_type)) {
		if (settings->auth_user)
			WARN_ABOUT(settings, complaints, "auth_user",
				   "auth_user does not go with auth_type %s: nobody can log in",
				   settings->auth_type == AUTH_TYPE_PAM ? "pam" : "ldap");
		return;
	}
	if (settings->auth_type != AUTH_TYPE_ANY && !settings->auth_user &&
	    (!settings->auth_file || !*settings->auth_file))
		WARN_ABOUT(settings, complaints, "auth_type",
			   "no auth_file: nobody is known, so nobody can log in");
}

static void check_tls(const struct settings *settings, struct complaints *complaints)
{
	if (settings->client_tls_sslmode == TLS_MODE_VERIFY_CA && !*settings->client_tls_ca_file)
		WARN_ABOUT(settings, complaints, "client_tls_sslmode",
			   "client_tls_sslmode is verify-ca without client_tls_ca_file: every "
			   "authority the system trusts may vouch for clients");
}

static void check_pools(const struct settings *settings, struct complaints *complaints)
{
	if (settings->reserve_pool_size > 0 && settings->reserve_pool_timeout.us == 0)
		WARN_ABOUT(settings, complaints, "reserve_pool_size",
			   "reserve_pool_size is never used: reserve_pool_timeout is 0");
	if (settings->default_pool_size > 0 &&
	    settings->min_pool_size > settings->default_pool_size)
		WARN_ABOUT(settings, complaints, "min_pool_size",
			   "min_pool_size %d is above default_pool_size %d, which counts",
			   settings->min_pool_size, settings->default_pool_size);
	if (settings->max_db_connections > 0 &&
	    settings->default_pool_size > settings->max_db_connections)
		WARN_ABOUT(settings, complaints, "max_db_connections",
			   "default_pool_size %d cannot be reached: max_db_connections is %d",
			   settings->default_pool_size, settings->max_db_connections);
	if (settings->max_user_connections > 0 &&
	    settings->default_pool_size > settings->max_user_connections)
		WARN_ABOUT(settings, complaints, "max_user_connections",
			   "default_pool_size %d cannot be reached: max_user_connections is %d",
			   settings->default_pool_size, settings->max_user_connections);
	if (settings->server_reset_query_always && !*settings->server_reset_query)
		WARN_ABOUT(settings, complaints, "server_reset_query_always",
			   "server_reset_query_always does nothing: server_reset_query is empty");
}

static void check_peers(const struct settings *settings, struct complaints *complaints)
{
	if (settings->peer_count && !settings->peer_id)
		complaints_add(complaints, COMPLAINT_WARNING, settings->peers[0].file,
			       settings->peers[0].line,
			       "section [peers] does nothing: peer_id is 0");
	if (settings->so_reuseport && !settings->peer_id)
		WARN_ABOUT(settings, complaints, "so_reuseport",
			   "so_reuseport without peer_id: a cancel request that another process "
			   "gets is lost");
}

/* Only what the entry itself says: global values were looked at once. */
static void check_database(const struct settings *settings,
			   const struct database_settings *database, struct complaints *complaints)
{
	int size = effective_pool_size(settings, database, NULL);
	int min = effective_min_pool_size(settings, database);
	int most = effective_max_db_connections(settings, database);

	if ((database->min_pool_size != NOT_SET || database->pool_size != NOT_SET) && size > 0 &&
	    min > size)
		complaints_add(complaints, COMPLAINT_WARNING, database->file, database->line,
			       "database \"%s\": min_pool_size %d is above the pool size %d, which "
			       "counts",
			       database->name, min, size);
	if ((database->pool_size != NOT_SET || database->max_db_connections > 0) && most > 0 &&
	    size > most)
		complaints_add(complaints, COMPLAINT_WARNING, database->file, database->line,
			       "database \"%s\": the pool size %d cannot be reached: "
			       "max_db_connections is %d",
			       database->name, size, most);
	if (settings->auth_type == AUTH_TYPE_ANY && !database->user)
		complaints_add(
			complaints, COMPLAINT_WARNING, database->file, database->line,
			"database \"%s\" needs a user: with auth_type any clients have no name "
			"to log in with",
			database->name);
	if (database->sslnegotiation == SSL_NEGOTIATION_DIRECT &&
	    settings->server_tls_sslmode == TLS_MODE_DISABLE)
		complaints_add(complaints, COMPLAINT_WARNING, database->file, database->line,
			       "database \"%s\": sslnegotiation=direct does nothing: "
			       "server_tls_sslmode is disable",
			       database->name);
	if (database->password && !database->user)
		complaints_add(complaints, COMPLAINT_WARNING, database->file, database->line,
			       "database \"%s\": the password is not used without a user",
			       database->name);
}

static bool has_place_for_all(enum session_target target)
{
	return target == TARGET_ANY || target == TARGET_PREFER_STANDBY;
}

static void check_routing(const struct settings *settings, const struct database_settings *database,
			  struct complaints *complaints)
{
	const char *password;

	if (!effective_is_cluster(settings, database)) {
		if (database->weight || database->backup)
			complaints_add(complaints, COMPLAINT_WARNING, database->file,
				       database->line,
				       "database \"%s\": weight and backup do nothing without "
				       "read_write_split or target_session_attrs",
				       database->name);
		return;
	}
	if (effective_read_write_split(settings, database) &&
	    !has_place_for_all(effective_target(database)))
		complaints_add(complaints, COMPLAINT_WARNING, database->file, database->line,
			       "database \"%s\": read_write_split does nothing: "
			       "target_session_attrs says where all of it goes",
			       database->name);
	if (!effective_probe_user(settings, database, &password))
		complaints_add(complaints, COMPLAINT_WARNING, database->file, database->line,
			       "database \"%s\": nobody to ask its hosts as: it needs probe_user, "
			       "user or auth_user",
			       database->name);
}

static void check_entry(const struct settings *settings, const struct database_settings *database,
			struct complaints *complaints)
{
	check_database(settings, database, complaints);
	check_routing(settings, database, complaints);
}

void check_warnings(const struct settings *settings, struct complaints *complaints)
{
	check_auth(settings, complaints);
	check_tls(settings, complaints);
	check_pools(settings, complaints);
	check_peers(settings, complaints);
	for (size_t i = 0; i < settings->database_count; i++)
		check_entry(settings, &settings->databases[i], complaints);
	if (settings->fallback_database)
		check_entry(settings, settings->fallback_database, complaints);
	if (settings->database_count == 0 && !settings->fallback_database)
		complaints_add(complaints, COMPLAINT_WARNING, NULL, 0,
			       "no database in [databases]: only the console can be reached");
	if (settings->syslog && !*settings->syslog_ident)
		WARN_ABOUT(settings, complaints, "syslog_ident", "syslog_ident is empty");
}
