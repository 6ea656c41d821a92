/*
 * A database as clients name it: its settings entry and what operators did to it. Owned by
 * pools; holds its settings snapshot, so that the entry of one that a reload dropped stays
 * readable until the last session has left.
 */

#include <assert.h>

#include "base/alloc.h"
#include "base/log.h"
#include "sql/function_book.h"
#include "sql/verdicts.h"
#include "pool_internal.h"

struct database *database_new(struct pools *pools, struct slice name,
                              const struct settings *settings,
                              const struct database_settings *entry, bool is_auto)
{
	struct database *database = mem_alloc_zero(sizeof(*database));

	if (!database)
		return NULL;
	database->name = mem_copy_text(name.data, name.len);
	if (!database->name || map_put(&pools->names, name, database) != OK) {
		mem_free(database->name);
		mem_free(database);
		return NULL;
	}
	database->pools = pools;
	database->settings = settings_ref(settings);
	database->entry = entry;
	database->is_auto = is_auto;
	database->functions_generation = ++pools->next_generation;
	map_init(&database->users, pools->names.seed);
	map_init(&database->learned, pools->names.seed);
	list_init(&database->pool_list);
	list_append(&pools->databases, &database->node);
	if (database_follow_hosts(database) != OK) {
		database_free(database);
		return NULL;
	}
	if (database->cluster && pools->on_cluster)
		pools->on_cluster(pools->cluster_watcher, database);
	return database;
}

void database_free(struct database *database)
{
	struct pools *pools = database->pools;

	assert(!database->pool_list.len && !database->servers);
	if (database->removed) {
		list_remove(&pools->departed, &database->node);
	} else {
		map_remove(&pools->names, slice_of(database->name));
		list_remove(&pools->databases, &database->node);
	}
	map_release(&database->users);
	database_release_learned(database);
	cluster_free(database->cluster);
	verdicts_free(database->verdicts);
	function_book_unref(database->functions);
	settings_unref(database->settings);
	mem_free(database->name);
	mem_free(database);
}

void database_set_entry(struct database *database, const struct settings *settings,
                        const struct database_settings *entry)
{
	const struct settings *old = database->settings;

	database->settings = settings_ref(settings);
	database->entry = entry;
	database->old_protocol = false;
	if (database_follow_hosts(database) != OK)
		log_error("out of memory: %s keeps its old hosts until RELOAD", database->name);
	settings_unref(old);
	LIST_EACH(&database->pool_list, node)
		pool_set_limits(CONTAINER_OF(node, struct pool, in_database));
}

void database_depart(struct database *database)
{
	struct pools *pools = database->pools;

	database->removed = true;
	map_remove(&pools->names, slice_of(database->name));
	list_remove(&pools->databases, &database->node);
	list_append(&pools->departed, &database->node);
	LIST_EACH(&database->pool_list, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, in_database);

		pool_close_all_servers(pool, END_DATABASE_REMOVED);
		pool_refuse_all(pool, END_DATABASE_REMOVED);
	}
}

const char *database_name(const struct database *database)
{
	return database->name;
}

const struct database_settings *database_settings(const struct database *database)
{
	return database->entry;
}

bool database_is_paused(const struct database *database)
{
	return database->paused;
}

bool database_is_disabled(const struct database *database)
{
	return database->disabled;
}

bool database_is_removed(const struct database *database)
{
	return database->removed;
}

bool database_is_auto(const struct database *database)
{
	return database->is_auto;
}

unsigned database_servers(const struct database *database)
{
	return database->servers;
}

unsigned database_clients(const struct database *database)
{
	return database->clients;
}

void database_count_client(struct database *database, int change)
{
	assert(change >= 0 || database->clients >= (unsigned)-change);
	database->clients += (unsigned)change;
}
