/*
 * What operators do to databases: PAUSE, RESUME, DISABLE, RECONNECT, KILL, shutting down; and
 * how the console learns that a wait is over. Called by the console and by signals.
 */

#include "pool_internal.h"

/* Calls what for the pools of database, or of all. */
static void each_pool(struct pools *pools, struct database *database,
                      void (*what)(struct pool *pool))
{
	LIST_EACH(&pools->pools, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, node);

		if (!database || pool->database == database)
			what(pool);
	}
}

static void pause_pool(struct pool *pool)
{
	pool_close_free_servers(pool, END_SERVER_PAUSED);
}

void pools_pause(struct pools *pools, struct database *database)
{
	if (database)
		database->paused = true;
	else
		pools->paused = true;
	each_pool(pools, database, pause_pool);
	loop_at_end(pools->loop, &pools->changed);
}

void pools_resume(struct pools *pools, struct database *database)
{
	if (database)
		database->paused = false;
	else
		pools->paused = false;
	each_pool(pools, database, pool_serve_soon);
}

bool pools_is_paused(const struct pools *pools)
{
	return pools->paused;
}

void pools_set_disabled(struct database *database, bool disabled)
{
	database->disabled = disabled;
}

static void reconnect_pool(struct pool *pool)
{
	pool_recycle(pool, END_SERVER_RECONNECT);
}

void pools_reconnect(struct pools *pools, struct database *database)
{
	each_pool(pools, database, reconnect_pool);
	loop_at_end(pools->loop, &pools->changed);
}

static void kill_pool(struct pool *pool)
{
	pool_refuse_all(pool, END_DATABASE_REMOVED);
	pool_close_all_servers(pool, END_DATABASE_REMOVED);
}

void pools_kill(struct pools *pools, struct database *database)
{
	pools_pause(pools, database);
	each_pool(pools, database, kill_pool);
}

static void shut_down_pool(struct pool *pool)
{
	pool_refuse_all(pool, END_SERVER_SHUTDOWN);
	pool_close_free_servers(pool, END_SERVER_SHUTDOWN);
}

void pools_shut_down(struct pools *pools)
{
	pools->shutting_down = true;
	each_pool(pools, NULL, shut_down_pool);
	loop_at_end(pools->loop, &pools->changed);
}

bool pools_is_drained(const struct pools *pools, const struct database *database)
{
	LIST_EACH(&pools->pools, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, node);

		if ((!database || pool->database == database) && pool->open)
			return false;
	}
	return true;
}

bool pools_is_recycled(const struct pools *pools, const struct database *database)
{
	LIST_EACH(&pools->pools, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, node);

		if (database && pool->database != database)
			continue;
		for (struct server *server = pool_next_server(pool, NULL); server;
		     server = pool_next_server(pool, server))
			if (server->close_needed)
				return false;
	}
	return true;
}

void pools_watch(struct pools *pools, void (*on_change)(void *ctx), void *ctx)
{
	pools->on_change = on_change;
	pools->watcher = ctx;
}
