/*
 * SHOW CLUSTERS and SHOW ROUTES: what is known of the hosts behind entries that route, and how many
 * transactions went where and why. Reads what pool and route know; owns nothing beyond a call.
 */

#include <inttypes.h>

#include "admin/show_internal.h"
#include "pool/database.h"
#include "pool/pools.h"
#include "route/policy.h"

/* ---- CLUSTERS ---- */

static unsigned count_connections(const struct admin *admin, const struct database *database,
				  const struct endpoint_facts *facts)
{
	struct pool *pool = NULL;
	unsigned count = 0;

	while ((pool = pools_next_pool(admin->pools, pool))) {
		struct server *server = NULL;

		if (pool_database(pool) != database)
			continue;
		while ((server = pool_next_server(pool, server))) {
			struct server_facts of_server;

			server_facts(server, &of_server);
			count += of_server.port == facts->port && of_server.host &&
				 slice_equal(slice_of(of_server.host), facts->host);
		}
	}
	return count;
}

static void put_position(struct table *table, uint64_t position)
{
	char text[24];

	/* As PostgreSQL prints a pg_lsn. */
	snprintf(text, sizeof(text), "%" PRIX32 "/%" PRIX32, (uint32_t)(position >> 32),
		 (uint32_t)position);
	table_text(table, position ? text : NULL);
}

static void put_endpoint(struct admin *admin, struct table *table,
			 const struct database *database, unsigned host)
{
	struct moment now = loop_now(admin->loop);
	struct endpoint_facts facts;

	cluster_endpoint(database_cluster(database), host, now, &facts);
	table_row(table);
	table_text(table, database_name(database));
	table_slice(table, facts.host);
	table_number(table, facts.port);
	table_text(table, endpoint_role_name(facts.role));
	table_text(table, endpoint_state_name(facts.state));
	table_yes_no(table, facts.is_primary);
	table_yes_no(table, facts.drained);
	table_number(table, facts.timeline);
	put_position(table, facts.position);
	table_seconds(table, facts.lag);
	if (facts.lag.us < 0)
		table_null(table);
	else
		table_total(table, facts.lag_bytes);
	table_total(table, facts.reached);
	table_number(table, facts.weight);
	table_yes_no(table, facts.backup);
	table_number(table, count_connections(admin, database, &facts));
	table_number(table, facts.lent);
	table_seconds(table, facts.latency);
	table_time(table, admin, facts.answered);
	table_text(table, admin->actions->host_error(admin->actions->ctx, database, host));
	table_row_end(table);
}

static enum result clusters_rows(struct admin *admin, struct table *table)
{
	const struct database *database = NULL;

	while ((database = pools_next_database(admin->pools, database))) {
		const struct cluster *cluster = database_cluster(database);

		for (unsigned i = 0; cluster && i < cluster_options(cluster)->count; i++)
			put_endpoint(admin, table, database, i);
	}
	return OK;
}

static const struct result_column clusters_columns[] = {
	TEXT("database"),    TEXT("host"),	INT4("port"),	   TEXT("role"),
	TEXT("state"),	     TEXT("writes"),	TEXT("drained"),   INT8("timeline"),
	TEXT("position"),    FLOAT8("lag_seconds"), INT8("lag_bytes"), INT8("round"),
	INT4("weight"),	     TEXT("backup"),	INT4("connections"), INT4("lent"),
	FLOAT8("latency"),   TEXT("last_answer"), TEXT("last_error"),
};

const struct show show_clusters = {
	.name = "CLUSTERS",
	.help = "The hosts behind entries that route: role and state, whether writes go there, "
		"timeline, position (of a primary its newest WAL, of a replica what it has "
		"replayed), lag in seconds (the age of the newest round of probes that it has "
		"reached) and bytes, that round's number, weight, server connections, transactions "
		"under way, the time a probe takes in seconds, the last answer, and what was wrong "
		"with the last probe.",
	COLUMNS(clusters_columns),
	.rows = clusters_rows,
};

/* ---- ROUTES ---- */

static enum result routes_rows(struct admin *admin, struct table *table)
{
	const struct database *database = NULL;

	while ((database = pools_next_database(admin->pools, database))) {
		const uint64_t *counts = database_routes(database);

		for (unsigned i = 0; database_cluster(database) && i < ROUTE_REASONS; i++) {
			table_row(table);
			table_text(table, database_name(database));
			table_text(table, route_reason_name((enum route_reason)i));
			table_total(table, counts[i]);
			table_text(table, route_reason_text((enum route_reason)i));
			table_row_end(table);
		}
	}
	return OK;
}

static const struct result_column routes_columns[] = {
	TEXT("database"),
	TEXT("reason"),
	INT8("transactions"),
	TEXT("meaning"),
};

const struct show show_routes = {
	.name = "ROUTES",
	.help = "How many transactions went where, by reason, of each database that routes.",
	COLUMNS(routes_columns),
	.rows = routes_rows,
};
