/*
 * Who waits for a server of a pool: asking, withdrawing, granting, refusing. Grants and
 * refusals are made in the loop's end-of-turn queue, never inside somebody else's call.
 *
 * Invariants: a free server is only lent directly when nobody waits, else to the oldest waiter.
 * A waiter is in exactly one list: refusals if refused is set, that of its place if it is held or
 * decides anew (of a home only), claims if it wants a server of its own, logins if for_login, else
 * waiters.
 */

#include "pool_internal.h"

static struct list *list_of(struct waiter *waiter)
{
	struct pool *pool = waiter->pool;

	if (waiter->refused != END_NONE)
		return &pool->refusals;
	if (waiter->place == WAITER_HELD)
		return &pool->held;
	if (waiter->place == WAITER_AGAIN)
		return &pool->again;
	if (waiter->dedicated)
		return &pool->claims;
	return waiter->for_login ? &pool->logins : &pool->waiters;
}

static void leave(struct waiter *waiter)
{
	list_remove(list_of(waiter), &waiter->node);
	waiter->pool = NULL;
	waiter->place = WAITER_QUEUES;
}

void pool_serve_soon(struct pool *pool)
{
	loop_at_end(pool->pools->loop, &pool->task);
}

void pool_serve_blocked(struct pools *pools)
{
	if (!pools->has_blocked)
		return;
	LIST_EACH(&pools->pools, node) {
		struct pool *pool = CONTAINER_OF(node, struct pool, node);

		if (pool->blocked)
			pool_serve_soon(pool);
	}
}

void pool_refuse(struct waiter *waiter, enum ending why)
{
	struct pool *pool = waiter->pool;

	if (list_has(&waiter->node))
		list_remove(list_of(waiter), &waiter->node);
	waiter->place = WAITER_QUEUES;
	waiter->refused = why;
	list_append(&pool->refusals, &waiter->node);
	pool_serve_soon(pool);
}

static void refuse_list(struct list *list, enum ending why)
{
	LIST_EACH(list, node)
		pool_refuse(CONTAINER_OF(node, struct waiter, node), why);
}

void pool_refuse_all(struct pool *pool, enum ending why)
{
	refuse_list(&pool->logins, why);
	refuse_list(&pool->waiters, why);
	refuse_list(&pool->held, why);
	refuse_list(&pool->again, why);
	LIST_EACH(&pool->claims, node)
		dedicated_refuse(CONTAINER_OF(node, struct waiter, node), why, SLICE_NONE);
}

/* ---- deciding anew ---- */

static void ask_anew(struct waiter *waiter)
{
	struct pool *home = pool_home(waiter->pool);

	list_remove(list_of(waiter), &waiter->node);
	waiter->pool = home;
	waiter->place = WAITER_AGAIN;
	list_append(&home->again, &waiter->node);
	pool_serve_soon(home);
}

void pool_requeue(struct pool *pool)
{
	LIST_EACH(&pool->waiters, node)
		ask_anew(CONTAINER_OF(node, struct waiter, node));
	LIST_EACH(&pool->claims, node) {
		struct waiter *claim = CONTAINER_OF(node, struct waiter, node);

		if (!claim->dedicated->server)
			ask_anew(claim);
	}
}

void pool_wake(struct pool *home)
{
	LIST_EACH(&home->held, node)
		ask_anew(CONTAINER_OF(node, struct waiter, node));
	if (home->logins.len)
		pool_serve_soon(home);
}

/* ---- asking ---- */

static bool has_usable_server(const struct pool *pool)
{
	bool usable = pool->open - pool->dedicated + pool->dedicated_logins >
	              pool->servers[SERVER_CONNECTING].len + pool->servers[SERVER_LOGIN].len;

	LIST_EACH(&pool->below, node)
		usable |= has_usable_server(CONTAINER_OF(node, struct pool, in_home));
	return usable;
}

/*
 * What fails at one host may come back at another, so in a cluster only a failure that is the
 * client's own is told, and of a replica's only when there is nobody else.
 */
static bool tells_failure(const struct pool *pool)
{
	return pool->failed && (pool->final || !pool->database->cluster) && !pool_is_paused(pool) &&
	       !has_usable_server(pool) && !pool_has_stand_in(pool);
}

static enum ending reason_to_refuse(const struct pool *pool, const struct waiter *waiter)
{
	if (pool->database->removed)
		return END_DATABASE_REMOVED;
	if (pool->pools->shutting_down)
		return END_SERVER_SHUTDOWN;
	if (!waiter->dedicated && tells_failure(pool))
		return END_SERVER_LOGIN_CACHED;
	return END_NONE;
}

/* The server to lend next, or NULL. Those that idled too long are put aside to be checked. */
static struct server *find_free(struct pool *pool)
{
	struct list      *idle = &pool->servers[SERVER_IDLE];
	struct list_node *node;
	struct server    *server;

	if (pool_is_paused(pool))
		return NULL;
	for (;;) {
		node = pool->pools->settings->server_round_robin ? list_first(idle) :
		                                                   list_last(idle);
		if (!node)
			return NULL;
		server = CONTAINER_OF(node, struct server, node);
		if (!server_needs_check(server))
			return server;
		server_enter(server, SERVER_USED);
	}
}

/* A waiter comes to a list of the pool. */
static void arrive(struct pool *pool, struct waiter *waiter, enum waiter_place place)
{
	enum ending why = reason_to_refuse(pool, waiter);

	waiter->pool = pool;
	waiter->place = place;
	if (!waiter->resumed)
		waiter->since = loop_now(pool->pools->loop);
	waiter->resumed = false;
	if (why != END_NONE)
		pool_refuse(waiter, why);
	else
		list_append(list_of(waiter), &waiter->node);
}

static uint64_t waited_us(const struct waiter *waiter, const struct pool *pool)
{
	return (uint64_t)moment_between(waiter->since, loop_now(pool->pools->loop)).us;
}

static void lend(struct pool *pool, struct waiter *waiter, struct server *server, bool waited)
{
	if (waited)
		pool_home(pool)->counters.wait_us += waited_us(waiter, pool);
	waiter->resumed = false;
	server_lend(server, &waiter->borrower);
}

void pool_hold(struct pool *home, struct waiter *waiter)
{
	waiter->refused = END_NONE;
	arrive(home, waiter, WAITER_HELD);
}

enum result pool_ask(struct pool *pool, struct waiter *waiter, struct server **server)
{
	bool refuses = reason_to_refuse(pool, waiter) != END_NONE;
	bool is_any = !waiter->for_login && !waiter->dedicated;

	*server = NULL;
	if (pool_is_spread(pool) && !waiter->for_login) {
		struct pool *below = pool_default(pool);

		if (below)
			return pool_ask(below, waiter, server);
		pool_hold(pool, waiter);
		return AGAIN;
	}
	waiter->refused = END_NONE;
	if (!refuses && waiter->for_login && pool->welcome && !pool->welcome_stale)
		return OK;
	if (!refuses && is_any && !pool->waiters.len)
		*server = find_free(pool);
	if (*server) {
		lend(pool, waiter, *server, waiter->resumed);
		return OK;
	}
	arrive(pool, waiter, WAITER_QUEUES);
	pool_open_more(pool);
	return AGAIN;
}

void pool_withdraw(struct waiter *waiter)
{
	if (!waiter->pool)
		return;
	dedicated_withdraw(waiter);
	leave(waiter);
}

/* ---- the end of the turn ---- */

static void grant_logins(struct pool *pool)
{
	unsigned left = pool->logins.len;

	while (left-- && pool->logins.len && pool->welcome && !pool->welcome_stale) {
		struct waiter *waiter =
			CONTAINER_OF(list_first(&pool->logins), struct waiter, node);

		leave(waiter);
		pool_home(pool)->counters.wait_us += waited_us(waiter, pool);
		waiter->events->on_grant(waiter, NULL);
	}
}

static void grant(struct pool *pool, struct server *server)
{
	struct waiter *waiter = CONTAINER_OF(list_first(&pool->waiters), struct waiter, node);

	/* Whatever else has gone wrong: who is to write is never given a host that may not be. */
	if (waiter->for_primary && pool->home && !pool_is_primary(pool)) {
		ask_anew(waiter);
		return;
	}
	leave(waiter);
	lend(pool, waiter, server, true);
	waiter->events->on_grant(waiter, server);
}

static void grant_waiters(struct pool *pool)
{
	unsigned       left = pool->waiters.len;
	struct server *server;

	while (left-- && pool->waiters.len && (server = find_free(pool)))
		grant(pool, server);
}

static struct slice error_for(const struct pool *pool, enum ending why)
{
	if (why == END_SERVER_LOGIN_FAILED)
		return buffer_slice(&pool->login_error);
	return why == END_SERVER_LOGIN_CACHED ? buffer_slice(&pool->cached_error) : SLICE_NONE;
}

static void tell_refusals(struct pool *pool)
{
	unsigned left = pool->refusals.len;

	while (left-- && pool->refusals.len) {
		struct waiter *waiter =
			CONTAINER_OF(list_first(&pool->refusals), struct waiter, node);
		enum ending   why = waiter->refused;

		leave(waiter);
		waiter->refused = END_NONE;
		if (waiter->dedicated)
			dedicated_tell(waiter, why);
		else
			waiter->events->on_refuse(waiter, why, error_for(pool, why));
	}
}

static void tell_again(struct pool *home)
{
	unsigned left = home->again.len;

	while (left-- && home->again.len) {
		struct waiter *waiter =
			CONTAINER_OF(list_first(&home->again), struct waiter, node);
		struct server *server;

		leave(waiter);
		waiter->resumed = true;
		if (waiter->events->on_again)
			waiter->events->on_again(waiter);
		else if (pool_ask(home, waiter, &server) == OK)
			waiter->events->on_grant(waiter, server);
	}
}

/* The task of the end-of-turn queue. What its own callbacks add is served in the next turn. */
void pool_serve(struct loop_task *task)
{
	struct pool *pool = CONTAINER_OF(task, struct pool, task);

	tell_refusals(pool);
	tell_again(pool);
	grant_logins(pool);
	dedicated_grant(pool);
	grant_waiters(pool);
	pool_open_more(pool);
	if (pool->refusals.len || pool->again.len || (pool->waiters.len && find_free(pool)))
		loop_next_turn(pool->pools->loop, task);
}
