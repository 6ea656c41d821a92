/*
 * Who waits for a server of a pool: asking, withdrawing, granting, refusing. Grants and
 * refusals are made in the loop's end-of-turn queue, never inside somebody else's call.
 *
 * Invariants: a free server is only lent directly when nobody waits, else to the oldest waiter.
 * A waiter is in exactly one of four lists: refusals if refused is set, claims if it wants a
 * server of its own, logins if for_login, else waiters.
 */

#include "pool_internal.h"

static struct list *list_of(struct waiter *waiter)
{
	struct pool *pool = waiter->pool;

	if (waiter->refused != END_NONE)
		return &pool->refusals;
	if (waiter->startup)
		return &pool->claims;
	return waiter->for_login ? &pool->logins : &pool->waiters;
}

static void leave(struct waiter *waiter)
{
	list_remove(list_of(waiter), &waiter->node);
	waiter->pool = NULL;
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
	waiter->refused = why;
	list_append(&pool->refusals, &waiter->node);
	pool_serve_soon(pool);
}

void pool_refuse_all(struct pool *pool, enum ending why)
{
	LIST_EACH(&pool->logins, node)
		pool_refuse(CONTAINER_OF(node, struct waiter, node), why);
	LIST_EACH(&pool->waiters, node)
		pool_refuse(CONTAINER_OF(node, struct waiter, node), why);
	LIST_EACH(&pool->claims, node)
		dedicated_refuse(CONTAINER_OF(node, struct waiter, node), why, SLICE_NONE);
}

/* ---- asking ---- */

static bool has_usable_server(const struct pool *pool)
{
	return pool->open - pool->dedicated + pool->dedicated_logins >
	       pool->servers[SERVER_CONNECTING].len + pool->servers[SERVER_LOGIN].len;
}

static enum ending reason_to_refuse(const struct pool *pool, const struct waiter *waiter)
{
	if (pool->database->removed)
		return END_DATABASE_REMOVED;
	if (pool->pools->shutting_down)
		return END_SERVER_SHUTDOWN;
	if (pool->failed && !waiter->startup && !pool_is_paused(pool) && !has_usable_server(pool))
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

enum result pool_ask(struct pool *pool, struct waiter *waiter, struct server **server)
{
	enum ending why = reason_to_refuse(pool, waiter);
	bool        is_any = !waiter->for_login && !waiter->startup;

	*server = NULL;
	waiter->refused = END_NONE;
	if (why == END_NONE && waiter->for_login && pool->welcome && !pool->welcome_stale)
		return OK;
	if (why == END_NONE && is_any && !pool->waiters.len)
		*server = find_free(pool);
	if (*server) {
		server_lend(*server, &waiter->borrower);
		return OK;
	}
	waiter->pool = pool;
	waiter->since = loop_now(pool->pools->loop);
	if (why != END_NONE)
		pool_refuse(waiter, why);
	else
		list_append(list_of(waiter), &waiter->node);
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
		waiter->on_grant(waiter, NULL);
	}
}

static void grant(struct pool *pool, struct server *server)
{
	struct waiter *waiter = CONTAINER_OF(list_first(&pool->waiters), struct waiter, node);
	struct span    waited = moment_between(waiter->since, loop_now(pool->pools->loop));

	leave(waiter);
	pool->counters.wait_us += (uint64_t)waited.us;
	server_lend(server, &waiter->borrower);
	waiter->on_grant(waiter, server);
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
		struct buffer error;

		leave(waiter);
		waiter->refused = END_NONE;
		error = waiter->error;
		buffer_init(&waiter->error);
		waiter->on_refuse(waiter, why,
		                  waiter->startup ? buffer_slice(&error) : error_for(pool, why));
		buffer_release(&error);
	}
}

/* The task of the end-of-turn queue. What its own callbacks add is served in the next turn. */
void pool_serve(struct loop_task *task)
{
	struct pool *pool = CONTAINER_OF(task, struct pool, task);

	tell_refusals(pool);
	grant_logins(pool);
	dedicated_grant(pool);
	grant_waiters(pool);
	pool_open_more(pool);
	if (pool->refusals.len || (pool->waiters.len && find_free(pool)))
		loop_next_turn(pool->pools->loop, task);
}
