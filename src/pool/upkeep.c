/*
 * What nobody asks for, about three times a second: idle and old servers closed, pools kept at
 * their minimum, logins tried again, reserve and starving pools looked at, and what is not used
 * any more freed. Called by the timer of pools only, so that nothing is freed in its own call.
 */

#include "base/log.h"
#include "pool_internal.h"

/* A pool that a shared limit keeps waiting so long gets a server of another pool. */
#define STARVED_SECONDS 1

/* ---- servers ---- */

static enum ending reason_to_retire(const struct server *server, struct moment now)
{
	const struct pool     *pool = server->pool;
	const struct settings *settings = pool->pools->settings;
	struct span            idle = moment_between(server->released, now);
	struct span            timeout = settings->server_idle_timeout;

	if (server->close_needed)
		return END_SERVER_RECONNECT;
	if (pool->limits.size && pool->open > pool->limits.size + pool->limits.reserve)
		return END_SERVER_SURPLUS;
	if (pool->limits.lifetime.us && server_lifetime_over(server))
		return END_SERVER_LIFETIME;
	if (timeout.us > 0 && idle.us >= timeout.us && pool->open > pool->limits.minimum)
		return END_SERVER_IDLE;
	return END_NONE;
}

static void retire(struct pool *pool, enum server_state state, struct moment now)
{
	LIST_EACH(&pool->servers[state], node) {
		struct server *server = CONTAINER_OF(node, struct server, node);
		enum ending    why = reason_to_retire(server, now);

		if (why == END_SERVER_LIFETIME)
			pool->lifetime_closed = now;
		if (why != END_NONE)
			server_close(server, why, NULL);
		else if (state == SERVER_IDLE && server_needs_check(server))
			server_enter(server, SERVER_USED);
	}
}

/*
 * In session mode a client keeps its server until it leaves. server_fast_close takes servers that
 * are to be replaced away as soon as no transaction is open, and the client with them. A
 * replication client never leaves of itself: its server is taken away at once.
 */
static void close_fast(struct pool *pool)
{
	bool fast = pool->pools->settings->server_fast_close &&
	            pool->limits.mode == POOL_MODE_SESSION;

	if (!fast && !pool->dedicated)
		return;
	LIST_EACH(&pool->servers[SERVER_LENT], node) {
		struct server *server = CONTAINER_OF(node, struct server, node);

		if (server->close_needed &&
		    (server->dedicated || (fast && backend_is_clean(&server->backend))))
			server_close(server, END_DATABASE_CHANGED, NULL);
	}
}

/* ---- fairness between pools that share a limit ---- */

static bool has_starved(const struct pool *pool, struct moment now)
{
	struct list_node *node = list_first(&pool->waiters);
	struct span       wait;

	if (!pool->blocked || !node)
		return false;
	wait = moment_between(CONTAINER_OF(node, struct waiter, node)->since, now);
	return wait.us >= span_seconds(STARVED_SECONDS).us;
}

/* The next server that comes free in the largest pool that shares a limit makes room. */
static void feed(struct pool *starved)
{
	struct pool *largest = NULL;

	LIST_EACH(&starved->pools->pools, node) {
		struct pool *other = CONTAINER_OF(node, struct pool, node);
		bool         shares = other->database == starved->database ||
		              slice_equal(slice_of(other->user), slice_of(starved->user));

		if (other == starved || !shares || other->evictions >= other->open)
			continue;
		if (!largest || other->open > largest->open)
			largest = other;
	}
	if (largest)
		largest->evictions++;
}

/* ---- pools and databases ---- */

static bool is_empty(const struct pool *pool)
{
	bool empty = !pool->attached && !pool->open && !pool->servers[SERVER_LEAVING].len &&
	             !pool->waiters.len && !pool->logins.len && !pool->refusals.len &&
	             !pool->held.len && !pool->again.len && !pool->claims.len &&
	             !pool->evictions;

	LIST_EACH(&pool->below, node)
		empty = empty && is_empty(CONTAINER_OF(node, struct pool, in_home));
	return empty;
}

/* Whether something has been so for as long as timeout; *since remembers. 0 = off. */
static bool has_lasted(bool is_so, struct moment *since, struct span timeout, struct moment now)
{
	if (!is_so) {
		*since = MOMENT_NEVER;
		return false;
	}
	if (moment_is_never(*since))
		*since = now;
	return timeout.us > 0 && moment_reached(moment_after(*since, timeout), now);
}

static void look_after_pool(struct pool *pool, struct moment now)
{
	const struct settings *settings = pool->pools->settings;

	pool->evictions = 0;
	retire(pool, SERVER_IDLE, now);
	retire(pool, SERVER_USED, now);
	close_fast(pool);
	pool_open_more(pool);
	pool_open_minimum(pool);
	/* One below goes with its home, unless its host has left. */
	if (pool->home) {
		if (pool->host < 0 && is_empty(pool))
			pool_free(pool);
		return;
	}
	if (is_empty(pool) && pool->database->removed) {
		pool_free(pool);
		return;
	}
	if (pool_is_forced(pool) && pool->limits.minimum)
		return;
	if (has_lasted(is_empty(pool), &pool->empty_since, settings->pool_idle_timeout, now)) {
		log_info("cleaning up idle pool for user %s on db %s because: pool idle timeout "
		         "(age= %llds)",
		         pool->user, pool->database->name,
		         (long long)(moment_between(pool->empty_since, now).us / 1000000));
		pool_free(pool);
	}
}

static void free_pools(struct database *database)
{
	LIST_EACH(&database->pool_list, node)
		pool_free(CONTAINER_OF(node, struct pool, in_database));
}

static bool has_only_empty_pools(const struct database *database)
{
	LIST_EACH(&database->pool_list, node)
		if (!is_empty(CONTAINER_OF(node, struct pool, in_database)))
			return false;
	return true;
}

static void look_after_databases(struct pools *pools, struct moment now)
{
	struct span timeout = pools->settings->autodb_idle_timeout;

	LIST_EACH(&pools->databases, node) {
		struct database *database = CONTAINER_OF(node, struct database, node);
		bool idle = !database->clients && has_only_empty_pools(database);

		if (!database->is_auto || database->paused || database->disabled)
			continue;
		if (!has_lasted(idle, &database->idle_since, timeout, now))
			continue;
		free_pools(database);
		database_free(database);
	}
	LIST_EACH(&pools->departed, node) {
		struct database *database = CONTAINER_OF(node, struct database, node);

		if (!database->clients && !database->pool_list.len)
			database_free(database);
	}
}

void upkeep_run(struct pools *pools)
{
	struct moment now = loop_now(pools->loop);

	pools->has_blocked = false;
	LIST_EACH(&pools->pools, node)
		look_after_pool(CONTAINER_OF(node, struct pool, node), now);
	LIST_EACH(&pools->pools, node)
		if (has_starved(CONTAINER_OF(node, struct pool, node), now))
			feed(CONTAINER_OF(node, struct pool, node));
	look_after_databases(pools, now);
}
