/*
 * The pools below a home, one for each host of its database's cluster: made on first use, matched
 * by name and port when a reload changes the list, told of what the cluster found out. Owned by
 * their home; in the lists of pools and of their database like any other pool, before it, so that
 * limits and upkeep need not know of them. Called by pool, queue, database and by servers.
 *
 * Invariant: home->hosts[i] is the pool of the cluster's host i, or NULL; a pool below whose host
 * left the list has host -1, closes its servers as they come free and is freed by upkeep.
 */

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "pool_internal.h"
#include "wire/notice.h"

#define BIT(host) (UINT64_C(1) << (host))

static unsigned count_hosts(const struct pool *pool)
{
	const struct cluster *cluster = pool->database->cluster;

	return cluster ? cluster_options(cluster)->count : 0;
}

struct pool *pool_at_host(struct pool *home, unsigned host)
{
	if (host >= count_hosts(home))
		return NULL;
	if (!home->hosts)
		home->hosts = mem_alloc_zero(CLUSTER_MAX_HOSTS * sizeof(*home->hosts));
	if (!home->hosts)
		return NULL;
	if (!home->hosts[host])
		home->hosts[host] = pool_new_below(home, host);
	return home->hosts[host];
}

int pool_host(const struct pool *pool)
{
	return pool->home ? pool->host : -1;
}

bool pool_splits(const struct pool *pool)
{
	const struct cluster *cluster = pool->database->cluster;

	return cluster && cluster_options(cluster)->splits;
}

bool pool_is_primary(const struct pool *pool)
{
	const struct cluster *cluster = pool->database->cluster;

	return cluster && pool->host >= 0 && cluster_primary(cluster) == pool->host;
}

static bool is_up(const struct pool *pool, unsigned host)
{
	struct endpoint_facts facts;

	cluster_endpoint(pool->database->cluster, host, loop_now(pool->pools->loop), &facts);
	return (facts.state == ENDPOINT_UP || facts.state == ENDPOINT_LAGGING) && !facts.drained;
}

bool pool_takes_work(const struct pool *pool)
{
	return pool->host >= 0 && is_up(pool, (unsigned)pool->host);
}

struct pool *pool_default(struct pool *home)
{
	int host = cluster_primary(home->database->cluster);

	for (unsigned i = 0; host < 0 && i < count_hosts(home); i++)
		if (is_up(home, i))
			host = (int)i;
	return host < 0 ? NULL : pool_at_host(home, (unsigned)host);
}

/* ---- which of them can take one more ---- */

static bool has_room(const struct pool *pool)
{
	return pool->servers[SERVER_IDLE].len > pool->waiters.len || !pool->limits.size ||
	       pool->open < pool->limits.size;
}

/* While one tries whether it lets us in again, the others go elsewhere. */
static bool refuses(const struct pool *pool)
{
	return pool->failed && pool_serves_nobody(pool) &&
	       (!moment_reached(pool->retry_at, loop_now(pool->pools->loop)) ||
	        pool->servers[SERVER_CONNECTING].len + pool->servers[SERVER_LOGIN].len > 0);
}

void pool_see_hosts(const struct pool *home, uint64_t *room, uint64_t *refusing)
{
	unsigned count = home->hosts ? count_hosts(home) : 0;

	*room = UINT64_MAX;
	*refusing = 0;
	for (unsigned i = 0; i < count; i++) {
		const struct pool *pool = home->hosts[i];

		if (pool && !has_room(pool))
			*room &= ~BIT(i);
		if (pool && refuses(pool))
			*refusing |= BIT(i);
	}
}

static bool primary_may_read(const struct cluster *cluster)
{
	enum session_target target = cluster_options(cluster)->target;

	return target == TARGET_ANY || target == TARGET_PREFER_STANDBY;
}

bool pool_has_stand_in(const struct pool *pool)
{
	const struct cluster *cluster = pool->database->cluster;
	uint64_t              room, refusing;

	if (!cluster || pool->host < 0 || pool_is_primary(pool))
		return false;
	pool_see_hosts(pool->home, &room, &refusing);
	if (!primary_may_read(cluster) && cluster_primary(cluster) >= 0)
		refusing |= BIT(cluster_primary(cluster));
	for (unsigned i = 0; i < count_hosts(pool); i++)
		if ((int)i != pool->host && !(refusing & BIT(i)) && is_up(pool, i))
			return true;
	return false;
}

/* ---- another list of hosts ---- */

static void let_go(struct pool *pool)
{
	pool->host = -1;
	pool_recycle(pool, END_SERVER_RECONNECT);
	pool_requeue(pool);
}

static void match(struct pool *pool, const struct cluster *cluster)
{
	struct pool *home = pool->home;
	int          host = cluster_find(cluster, slice_of(pool->where), pool->port);

	if (host < 0 || home->hosts[host]) {
		let_go(pool);
		return;
	}
	pool->host = host;
	home->hosts[host] = pool;
}

/* What the home had of servers of its own before its database was a cluster is of no use. */
void pool_match_hosts(struct pool *home)
{
	const struct cluster *cluster = home->database->cluster;

	if (home->hosts)
		memset(home->hosts, 0, CLUSTER_MAX_HOSTS * sizeof(*home->hosts));
	LIST_EACH(&home->below, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, in_home);

		if (cluster)
			match(pool, cluster);
		else
			let_go(pool);
	}
	if (cluster && home->open)
		pool_recycle(home, END_SERVER_RECONNECT);
	pool_requeue(home);
	pool_wake(home);
}

void pool_leave_home(struct pool *pool)
{
	if (!pool->home)
		return;
	if (pool->host >= 0)
		pool->home->hosts[pool->host] = NULL;
	list_remove(&pool->home->below, &pool->in_home);
}

/* ---- what is found out ---- */

static void change_host(struct pool *pool, const struct cluster_change *change)
{
	uint64_t bit = BIT(pool->host);

	if (change->close & bit)
		pool_close_all_servers(pool, END_HOST_CHANGED);
	if ((change->close | change->requeue) & bit) {
		/* Whatever failed there, failed at what it was before. */
		pool->failed = false;
		pool_requeue(pool);
	}
}

void database_cluster_changed(struct database *database, const struct cluster_change *change)
{
	LIST_EACH(&database->pool_list, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, in_database);

		if (pool->host >= 0)
			change_host(pool, change);
		else if (!pool->home && change->wake)
			pool_wake(pool);
	}
}

void pool_count_lent(struct pool *pool, int change)
{
	if (pool->host >= 0)
		cluster_count(pool->database->cluster, (unsigned)pool->host, change);
}

static void ask_at_once(struct pool *pool)
{
	struct pools *pools = pool->pools;

	if (pools->on_trouble)
		pools->on_trouble(pools->trouble_watcher, pool->database, (unsigned)pool->host);
}

void pool_note_trouble(struct pool *pool)
{
	struct cluster *cluster = pool->database->cluster;

	if (pool->host >= 0 &&
	    cluster_note_trouble(cluster, (unsigned)pool->host, loop_now(pool->pools->loop)))
		ask_at_once(pool);
}

/*
 * The classes of SQLSTATE that tell of a server or a connection going away (PostgreSQL docs,
 * "PostgreSQL Error Codes"). That a replica refuses to write is no news; that the primary does is
 * most likely because the client's transaction says READ ONLY, and a lost connection that is not
 * this one's end is to somewhere else (a foreign server, a publisher): nobody is held for these.
 */
void pool_smell(struct pool *pool, struct slice body)
{
	struct notice_view view;
	struct slice       state;

	if (notice_read(body, &view) != OK)
		return;
	state = view.sqlstate;
	if (notice_is_fatal(&view) && (slice_starts_with(state, SLICE_LITERAL("08")) ||
	                               slice_equal(state, SLICE_LITERAL("57P01")) ||
	                               slice_equal(state, SLICE_LITERAL("57P02")) ||
	                               slice_equal(state, SLICE_LITERAL("57P03"))))
		pool_note_trouble(pool);
	else if (slice_equal(state, SLICE_LITERAL("25006")) && pool_is_primary(pool))
		ask_at_once(pool);
}

void pools_watch_trouble(struct pools *pools,
                         void (*on_trouble)(void *ctx, struct database *database, unsigned host),
                         void *ctx)
{
	pools->on_trouble = on_trouble;
	pools->trouble_watcher = ctx;
}

void pools_watch_clusters(struct pools *pools,
                          void (*on_cluster)(void *ctx, struct database *database), void *ctx)
{
	pools->on_cluster = on_cluster;
	pools->cluster_watcher = ctx;
}
