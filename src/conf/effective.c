/*
 * Which level's value counts: the rules of the reference in one place. "Given" means set at
 * all for sizes and query_wait_timeout, where 0 says something; above 0 for the rest. Called by
 * pools, sessions and the console; owns nothing.
 */

#include "conf/effective.h"

static int given_or(int value, int otherwise)
{
	return value != NOT_SET ? value : otherwise;
}

static int positive_or(int value, int otherwise)
{
	return value > 0 ? value : otherwise;
}

static struct span positive_span_or(struct span value, struct span otherwise)
{
	return value.us > 0 ? value : otherwise;
}

enum pool_mode effective_pool_mode(const struct settings *settings,
				   const struct database_settings *database,
				   const struct user_settings *user)
{
	if (user && user->pool_mode != POOL_MODE_NOT_SET)
		return user->pool_mode;
	if (database && database->pool_mode != POOL_MODE_NOT_SET)
		return database->pool_mode;
	return settings->pool_mode;
}

int effective_pool_size(const struct settings *settings, const struct database_settings *database,
			const struct user_settings *user)
{
	int size = settings->default_pool_size;

	if (database)
		size = given_or(database->pool_size, size);
	return user ? given_or(user->pool_size, size) : size;
}

int effective_reserve_pool_size(const struct settings *settings,
				const struct database_settings *database,
				const struct user_settings *user)
{
	int size = settings->reserve_pool_size;

	if (database)
		size = given_or(database->reserve_pool_size, size);
	return user ? given_or(user->reserve_pool_size, size) : size;
}

int effective_min_pool_size(const struct settings *settings,
			    const struct database_settings *database)
{
	return database ? given_or(database->min_pool_size, settings->min_pool_size)
			: settings->min_pool_size;
}

struct span effective_query_wait_timeout(const struct settings *settings,
					 const struct database_settings *database,
					 const struct user_settings *user)
{
	if (user && span_is_set(user->query_wait_timeout))
		return user->query_wait_timeout;
	if (database && span_is_set(database->query_wait_timeout))
		return database->query_wait_timeout;
	return settings->query_wait_timeout;
}

int effective_max_db_connections(const struct settings *settings,
				 const struct database_settings *database)
{
	return positive_or(database ? database->max_db_connections : NOT_SET,
			   settings->max_db_connections);
}

int effective_max_db_client_connections(const struct settings *settings,
					const struct database_settings *database)
{
	return positive_or(database ? database->max_db_client_connections : NOT_SET,
			   settings->max_db_client_connections);
}

int effective_max_user_connections(const struct settings *settings,
				   const struct user_settings *user)
{
	return positive_or(user ? user->max_user_connections : NOT_SET,
			   settings->max_user_connections);
}

int effective_max_user_client_connections(const struct settings *settings,
					  const struct user_settings *user)
{
	return positive_or(user ? user->max_user_client_connections : NOT_SET,
			   settings->max_user_client_connections);
}

struct span effective_server_lifetime(const struct settings *settings,
				      const struct database_settings *database)
{
	return positive_span_or(database ? database->server_lifetime : SPAN_NOT_SET,
				settings->server_lifetime);
}

struct span effective_query_timeout(const struct settings *settings,
				    const struct user_settings *user)
{
	return positive_span_or(user ? user->query_timeout : SPAN_NOT_SET, settings->query_timeout);
}

struct span effective_idle_transaction_timeout(const struct settings *settings,
					       const struct user_settings *user)
{
	return positive_span_or(user ? user->idle_transaction_timeout : SPAN_NOT_SET,
				settings->idle_transaction_timeout);
}

struct span effective_transaction_timeout(const struct settings *settings,
					  const struct user_settings *user)
{
	return positive_span_or(user ? user->transaction_timeout : SPAN_NOT_SET,
				settings->transaction_timeout);
}

struct span effective_client_idle_timeout(const struct settings *settings,
					  const struct user_settings *user)
{
	return positive_span_or(user ? user->client_idle_timeout : SPAN_NOT_SET,
				settings->client_idle_timeout);
}

enum channel_binding effective_channel_binding(const struct settings *settings,
					       const struct database_settings *database)
{
	if (database->channel_binding != CHANNEL_BINDING_NOT_SET)
		return database->channel_binding;
	return settings->server_channel_binding;
}

/* ---- several hosts behind an entry ---- */

bool effective_read_write_split(const struct settings *settings,
				const struct database_settings *database)
{
	return given_or(database->read_write_split, settings->read_write_split) != 0;
}

bool effective_is_cluster(const struct settings *settings,
			  const struct database_settings *database)
{
	if (database->target_session_attrs != NOT_SET || database->read_write_split == 1)
		return true;
	return database->host_count > 1 && effective_read_write_split(settings, database);
}

enum session_target effective_target(const struct database_settings *database)
{
	return (enum session_target)given_or(database->target_session_attrs, TARGET_ANY);
}

enum read_consistency effective_read_consistency(const struct settings *settings,
						 const struct database_settings *database)
{
	return (enum read_consistency)given_or(database->read_consistency,
					       (int)settings->read_consistency);
}

enum balance_method effective_balance(const struct settings *settings,
				      const struct database_settings *database)
{
	return (enum balance_method)given_or(database->balance, (int)settings->balance);
}

enum no_replica effective_when_no_replica(const struct settings *settings,
					  const struct database_settings *database)
{
	return (enum no_replica)given_or(database->when_no_replica,
					 (int)settings->when_no_replica);
}

static struct span given_span_or(struct span value, struct span otherwise)
{
	return span_is_set(value) ? value : otherwise;
}

struct span effective_max_replica_lag(const struct settings *settings,
				      const struct database_settings *database)
{
	return given_span_or(database->max_replica_lag, settings->max_replica_lag);
}

int effective_max_replica_lag_bytes(const struct settings *settings,
				    const struct database_settings *database)
{
	return given_or(database->max_replica_lag_bytes, settings->max_replica_lag_bytes);
}

struct span effective_replica_retry_after(const struct settings *settings,
					  const struct database_settings *database)
{
	return given_span_or(database->replica_retry_after, settings->replica_retry_after);
}

struct span effective_replica_wait_timeout(const struct settings *settings,
					   const struct database_settings *database)
{
	return given_span_or(database->replica_wait_timeout, settings->replica_wait_timeout);
}

struct span effective_failover_hold(const struct settings *settings,
				    const struct database_settings *database)
{
	return given_span_or(database->failover_hold, settings->failover_hold);
}

struct span effective_probe_interval(const struct settings *settings,
				     const struct database_settings *database)
{
	return positive_span_or(positive_span_or(database->probe_interval,
						 settings->probe_interval),
				span_ms(500));
}

struct span effective_probe_timeout(const struct settings *settings,
				    const struct database_settings *database)
{
	return positive_span_or(positive_span_or(database->probe_timeout, settings->probe_timeout),
				span_seconds(3));
}

const char *effective_lag_query(const struct settings *settings,
				const struct database_settings *database)
{
	return database->lag_query ? database->lag_query : settings->lag_query;
}

const char *effective_probe_user(const struct settings *settings,
				 const struct database_settings *database, const char **password)
{
	*password = NULL;
	if (database->probe_user || settings->probe_user) {
		*password = settings->probe_password;
		if (database->probe_user || database->probe_password)
			*password = database->probe_password;
		return database->probe_user ? database->probe_user : settings->probe_user;
	}
	if (database->user) {
		*password = database->password;
		return database->user;
	}
	return database->auth_user ? database->auth_user : settings->auth_user;
}

const char *effective_dbname(const struct database_settings *database, const char *requested)
{
	return database->dbname ? database->dbname : requested;
}

int effective_turn_reads(const struct settings *settings)
{
	/* "No limit" still has one: somebody who never stops sending must not stop the others. */
	return settings->sbuf_loopcnt > 0 ? settings->sbuf_loopcnt : 1000;
}

size_t effective_read_size(const struct settings *settings, size_t least)
{
	/* What streams receive into is shared and no larger. */
	size_t most = 120 * 1024, wanted = (size_t)settings->pkt_buf;

	if (wanted <= least)
		return least;
	return wanted < most ? wanted : most;
}
