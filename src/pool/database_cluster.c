/*
 * What a database has when its entry is a cluster: the cluster itself, which follows the entry,
 * what SHOW ROUTES counts, what is known of its functions and of texts already judged. Called by
 * reload, by the daemon's probes and by sessions that route.
 */

#include "base/alloc.h"
#include "base/random.h"
#include "conf/effective.h"
#include "pool/cluster_settings.h"
#include "pool_internal.h"
#include "sql/function_book.h"
#include "sql/verdicts.h"

/* Texts judged that are remembered for one database. */
#define VERDICTS_MAX   10000
#define VERDICTS_BYTES ((size_t)8 * 1024 * 1024)

static void match_pools(struct database *database)
{
	LIST_EACH(&database->pool_list, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, in_database);

		if (!pool->home)
			pool_match_hosts(pool);
	}
}

static void drop(struct database *database)
{
	struct cluster *cluster = database->cluster;

	if (!cluster)
		return;
	database->cluster = NULL;
	match_pools(database);
	cluster_free(cluster);
}

/* Without memory for it every text is judged when it comes. */
static void remember_verdicts(struct database *database, bool splits)
{
	uint64_t seed;

	if (splits && !database->verdicts) {
		random_bytes(&seed, sizeof(seed));
		database->verdicts = verdicts_new(VERDICTS_MAX, VERDICTS_BYTES, seed);
	} else if (!splits) {
		verdicts_free(database->verdicts);
		database->verdicts = NULL;
	}
}

enum result database_follow_hosts(struct database *database)
{
	struct cluster_host    hosts[CLUSTER_MAX_HOSTS];
	struct cluster_options options;

	if (!effective_is_cluster(database->settings, database->entry)) {
		drop(database);
		remember_verdicts(database, false);
		return OK;
	}
	cluster_settings_read(database->settings, database->entry, hosts, &options);
	remember_verdicts(database, options.splits);
	if (database->cluster) {
		if (cluster_set_options(database->cluster, &options) != OK)
			return BROKEN;
	} else {
		database->cluster = cluster_new(&options);
	}
	if (!database->cluster)
		return BROKEN;
	match_pools(database);
	return OK;
}

struct cluster *database_cluster(const struct database *database)
{
	return database->cluster;
}

const uint64_t *database_routes(const struct database *database)
{
	return database->routes;
}

void database_count_route(struct database *database, enum route_reason reason)
{
	database->routes[reason]++;
}

void database_set_functions(struct database *database, struct function_book *functions)
{
	struct function_book *old = database->functions;

	database->functions = functions ? function_book_ref(functions) : NULL;
	function_book_unref(old);
	database->functions_generation = ++database->pools->next_generation;
}

struct function_book *database_functions(const struct database *database)
{
	return database->functions;
}

uint64_t database_functions_generation(const struct database *database)
{
	return database->functions_generation;
}

struct verdicts *database_verdicts(const struct database *database)
{
	return database->verdicts;
}
