/*
 * The differences from PgBouncer that a configuration would meet. A table of conditions and
 * texts. Called for --check; owns nothing.
 */

#include "daemon/differences.h"

#include "conf/option.h"
#include "conf/settings.h"

/* ---- conditions ---- */

static bool always(const struct settings *settings)
{
	(void)settings;
	return true;
}

static bool gives(const struct settings *settings, const char *key)
{
	const char *file;
	unsigned line;

	return option_source(option_find(&option_global, slice_of(key)), settings, &file, &line);
}

static bool logs_to_syslog_unnamed(const struct settings *settings)
{
	return settings->syslog && !gives(settings, "syslog_ident");
}

static bool has_no_job_name(const struct settings *settings)
{
	return !gives(settings, "job_name");
}

static bool shares_servers(const struct settings *settings)
{
	if (settings->pool_mode != POOL_MODE_SESSION)
		return true;
	for (size_t i = 0; i < settings->database_count; i++)
		if (settings->databases[i].pool_mode > POOL_MODE_SESSION)
			return true;
	for (size_t i = 0; i < settings->user_count; i++)
		if (settings->users[i].pool_mode > POOL_MODE_SESSION)
			return true;
	return settings->fallback_database &&
	       settings->fallback_database->pool_mode > POOL_MODE_SESSION;
}

static bool shares_statements(const struct settings *settings)
{
	return shares_servers(settings) && settings->max_prepared_statements > 0;
}

static bool ignores_parameters(const struct settings *settings)
{
	return *settings->ignore_startup_parameters != '\0';
}

static bool looks_users_up(const struct settings *settings)
{
	if (settings->auth_user && *settings->auth_user)
		return true;
	for (size_t i = 0; i < settings->database_count; i++)
		if (settings->databases[i].auth_user)
			return true;
	return settings->fallback_database && settings->fallback_database->auth_user;
}

static bool names_clients(const struct settings *settings)
{
	return settings->application_name_add_host;
}

static bool opens_many(const struct settings *settings)
{
	return settings->default_pool_size != 1;
}

static const struct difference {
	bool (*applies)(const struct settings *settings);
	const char *text;
} differences[] = {
	{ has_no_job_name, "job_name is \"pgcarwash\" by default, and the name of the process" },
	{ logs_to_syslog_unnamed,
	  "syslog_ident is \"pgcarwash\" by default: give it to keep the old name in syslog" },
	{ ignores_parameters,
	  "start-up parameters are passed on to the server; those in ignore_startup_parameters "
	  "are still dropped, which is hardly needed any more" },
	{ shares_statements, "unnamed prepared statements follow their client from server to "
			     "server, as named ones do" },
	{ shares_statements, "a prepared statement's name that is unknown or taken is an error, "
			     "26000 or 42P05, not the end of the connection" },
	{ looks_users_up, "a user whom auth_query does not find fails as with a wrong password; "
			  "\"no such user\" is in the log alone" },
	{ shares_servers, "a client that vanishes in a query or transaction costs a cancel and a "
			  "ROLLBACK, not the server connection" },
	{ names_clients, "application_name is cut so that the client's address fits into "
			 "PostgreSQL's 63 bytes" },
	{ opens_many, "up to 4 server connections of a pool log in at once, once one has "
		      "succeeded; PgBouncer opens one after the other" },
	{ always, "a reload is all or nothing: a file with a mistake changes nothing" },
};

/* ---- printing ---- */

void differences_print(const struct settings *settings, FILE *out)
{
	fputs("differences from PgBouncer with these settings:\n", out);
	for (size_t i = 0; i < COUNT_OF(differences); i++)
		if (differences[i].applies(settings))
			fprintf(out, "  %s\n", differences[i].text);
	fputs("docs/MIGRATING.md tells all of them\n", out);
}
