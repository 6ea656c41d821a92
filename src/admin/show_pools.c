/*
 * SHOW DATABASES, POOLS and USERS, sorted by name. The console's own database and pool are
 * among them, as tools expect. Reads what the pools say; owns nothing beyond a call.
 */

#include <stdlib.h>

#include "admin/show_internal.h"
#include "auth/users.h"
#include "base/alloc.h"
#include "conf/effective.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "session/roster.h"

#define CONSOLE_POOL_SIZE 2

/* NULL unless the servers are several. */
static const char *balance_text(const struct database_settings *entry)
{
	if (!entry->host || !strchr(entry->host, ','))
		return NULL;
	return entry->load_balance_hosts == LOAD_BALANCE_DISABLE ? "disable" : "round-robin";
}

static int64_t whole_seconds(struct span span)
{
	return span.us / 1000000;
}

/* ---- DATABASES ---- */

static int by_database_name(const void *a, const void *b)
{
	const struct database *const *left = a, *const *right = b;

	return strcmp(*left ? database_name(*left) : CONSOLE_DATABASE,
		      *right ? database_name(*right) : CONSOLE_DATABASE);
}

/* All databases by name, the console's being NULL; memory of the caller's, NULL without. */
static const struct database **sorted_databases(struct admin *admin, size_t *count)
{
	const struct database *database = NULL, **databases;
	size_t len = 1;

	while ((database = pools_next_database(admin->pools, database)))
		len++;
	databases = mem_alloc_zero(len * sizeof(*databases));
	*count = len;
	if (!databases)
		return NULL;
	for (size_t i = 1; i < len; i++)
		databases[i] = database = pools_next_database(admin->pools, database);
	qsort(databases, len, sizeof(*databases), by_database_name);
	return databases;
}

static void put_console_database(struct admin *admin, struct table *table)
{
	table_row(table);
	table_text(table, CONSOLE_DATABASE);
	table_null(table); /* host */
	table_number(table, admin->settings->listen_port);
	table_text(table, CONSOLE_DATABASE);
	table_text(table, CONSOLE_DATABASE); /* force_user */
	table_number(table, CONSOLE_POOL_SIZE);
	table_number(table, 0);
	table_number(table, 0);
	table_number(table, whole_seconds(admin->settings->server_lifetime));
	table_text(table, "statement");
	table_null(table);
	table_number(table, 0);
	table_number(table, 0);
	table_number(table, 0);
	table_number(table, admin->visits.len);
	table_number(table, 0);
	table_number(table, 0);
	table_number(table, 0); /* reserve_pool */
	table_row_end(table);
}

static void put_database(struct admin *admin, struct table *table, const struct database *database)
{
	const struct settings *settings = admin->settings;
	const struct database_settings *entry = database_settings(database);

	table_row(table);
	table_text(table, database_name(database));
	table_text(table, entry->host);
	table_number(table, entry->port);
	table_text(table, effective_dbname(entry, database_name(database)));
	table_text(table, entry->user);
	table_number(table, effective_pool_size(settings, entry, NULL));
	table_number(table, effective_min_pool_size(settings, entry));
	table_number(table, effective_reserve_pool_size(settings, entry, NULL));
	table_number(table, whole_seconds(effective_server_lifetime(settings, entry)));
	table_text(table, pool_mode_text(entry->pool_mode));
	table_text(table, balance_text(entry));
	table_number(table, effective_max_db_connections(settings, entry));
	table_number(table, database_servers(database));
	table_number(table, effective_max_db_client_connections(settings, entry));
	table_number(table, database_clients(database));
	table_number(table, database_is_paused(database));
	table_number(table, database_is_disabled(database));
	table_number(table, effective_reserve_pool_size(settings, entry, NULL));
	table_row_end(table);
}

static enum result databases_rows(struct admin *admin, struct table *table)
{
	size_t count;
	const struct database **databases = sorted_databases(admin, &count);

	if (!databases)
		return BROKEN;
	for (size_t i = 0; i < count; i++) {
		if (databases[i])
			put_database(admin, table, databases[i]);
		else
			put_console_database(admin, table);
	}
	mem_free(databases);
	return OK;
}

static const struct result_column databases_columns[] = {
	TEXT("name"),
	TEXT("host"),
	INT4("port"),
	TEXT("database"),
	TEXT("force_user"),
	INT4("pool_size"),
	INT4("min_pool_size"),
	INT4("reserve_pool_size"),
	INT4("server_lifetime"),
	TEXT("pool_mode"),
	TEXT("load_balance_hosts"),
	INT4("max_connections"),
	INT4("current_connections"),
	INT4("max_client_connections"),
	INT4("current_client_connections"),
	INT4("paused"),
	INT4("disabled"),
	INT4("reserve_pool"),
};

const struct show show_databases = {
	.name = "DATABASES",
	.help = "The databases clients can ask for: where they lead, their limits, how many "
		"servers and clients there are now. reserve_pool is reserve_pool_size by the name "
		"that older monitoring programs look for.",
	COLUMNS(databases_columns),
	.rows = databases_rows,
};

/* ---- POOLS ---- */

static const char *pool_database_name(const struct pool *pool)
{
	return pool ? database_name(pool_database(pool)) : CONSOLE_DATABASE;
}

static int by_pool_name(const void *a, const void *b)
{
	const struct pool *const *left = a, *const *right = b;
	int order = strcmp(pool_database_name(*left), pool_database_name(*right));

	if (order)
		return order;
	return strcmp(*left ? pool_user(*left) : CONSOLE_DATABASE,
		      *right ? pool_user(*right) : CONSOLE_DATABASE);
}

/* As sorted_databases. */
static const struct pool **sorted_pools(struct admin *admin, size_t *count)
{
	const struct pool *pool = NULL, **pools;
	size_t len = 1;

	while ((pool = pools_next_pool(admin->pools, pool)))
		len++;
	pools = mem_alloc_zero(len * sizeof(*pools));
	*count = len;
	if (!pools)
		return NULL;
	for (size_t i = 1; i < len; i++)
		pools[i] = pool = pools_next_pool(admin->pools, pool);
	qsort(pools, len, sizeof(*pools), by_pool_name);
	return pools;
}

static void put_pool(struct admin *admin, struct table *table, const struct pool *pool)
{
	struct pool_facts facts = { .clients_active = admin->visits.len };

	if (pool)
		pool_facts(pool, loop_now(admin->loop), &facts);
	table_row(table);
	table_text(table, pool_database_name(pool));
	table_text(table, pool ? pool_user(pool) : CONSOLE_DATABASE);
	table_number(table, facts.clients_active);
	table_number(table, facts.clients_waiting);
	table_number(table, facts.cancels_active);
	table_number(table, facts.cancels_waiting);
	table_number(table, facts.servers_active);
	table_number(table, facts.servers_cancelling);
	table_number(table, facts.servers_held);
	table_number(table, facts.servers_idle);
	table_number(table, facts.servers_used);
	table_number(table, facts.servers_tested);
	table_number(table, facts.servers_login);
	table_number(table, whole_seconds(facts.oldest_wait));
	table_number(table, facts.oldest_wait.us % 1000000);
	table_text(table, pool ? pool_mode_text(pool_mode(pool)) : "statement");
	table_text(table, pool ? balance_text(database_settings(pool_database(pool))) : NULL);
	table_row_end(table);
}

static enum result pools_rows(struct admin *admin, struct table *table)
{
	size_t count;
	const struct pool **pools = sorted_pools(admin, &count);

	if (!pools)
		return BROKEN;
	for (size_t i = 0; i < count; i++)
		put_pool(admin, table, pools[i]);
	mem_free(pools);
	return OK;
}

static const struct result_column pools_columns[] = {
	TEXT("database"),
	TEXT("user"),
	INT4("cl_active"),
	INT4("cl_waiting"),
	INT4("cl_active_cancel_req"),
	INT4("cl_waiting_cancel_req"),
	INT4("sv_active"),
	INT4("sv_active_cancel"),
	INT4("sv_being_canceled"),
	INT4("sv_idle"),
	INT4("sv_used"),
	INT4("sv_tested"),
	INT4("sv_login"),
	INT4("maxwait"),
	INT4("maxwait_us"),
	TEXT("pool_mode"),
	TEXT("load_balance_hosts"),
};

const struct show show_pools = {
	.name = "POOLS",
	.help = "The pools, one for each database and server user: clients and servers by what "
		"they do, and how long the client that waits longest has waited.",
	COLUMNS(pools_columns),
	.rows = pools_rows,
};
