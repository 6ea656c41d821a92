/*
 * Servers that belong to one client (replication connections, physical and logical): started with
 * the client's own start-up settings, lent to it as soon as they have logged in, closed when they
 * are given back. They count in all limits of the pool, but nobody else's login depends on theirs.
 *
 * Who wants one is a claim, a waiter in pool->claims. Invariants: claim->dedicated->server and
 * server->claim name each other, from the dialling to the lending; a claim without a server is one
 * for which there was no room yet. Called by queue.c and pool_open.c, and by the server when its
 * login ends.
 */

#include <assert.h>

#include "pool_internal.h"
#include "wire/writer.h"

static struct waiter *claim_at(struct list_node *node)
{
	return CONTAINER_OF(node, struct waiter, node);
}

/* A server that is free takes up the room for one that is needed. */
static bool make_room(struct pool *pool)
{
	static const enum server_state free_states[] = { SERVER_USED, SERVER_IDLE };

	if (pool_makes_room(pool))
		return true;
	for (unsigned i = 0; i < COUNT_OF(free_states); i++) {
		struct list_node *node = list_first(&pool->servers[free_states[i]]);

		if (!node)
			continue;
		server_close(CONTAINER_OF(node, struct server, node), END_SERVER_EVICTED, NULL);
		return pool_makes_room(pool);
	}
	return false;
}

static void open_for(struct waiter *claim)
{
	struct pool   *pool = claim->pool;
	struct server *server = server_open(pool);

	if (!server) {
		dedicated_refuse(claim, END_NO_MEMORY, SLICE_NONE);
		return;
	}
	server->dedicated = true;
	server->replication = claim->dedicated->replication;
	server->claim = claim;
	claim->dedicated->server = server;
	pool->dedicated++;
	pool->dedicated_logins++;
}

void dedicated_open(struct pool *pool)
{
	if (pool_is_paused(pool) || pool->pools->shutting_down || pool->database->removed)
		return;
	LIST_EACH(&pool->claims, node) {
		struct waiter *claim = claim_at(node);

		if (claim->dedicated->server)
			continue;
		if (!make_room(pool))
			return;
		open_for(claim);
	}
}

void dedicated_is_ready(struct server *server)
{
	/* What comes now is for the client: it is read when that has been told. */
	stream_pause(server->stream);
	pool_serve_soon(server->pool);
}

void dedicated_grant(struct pool *pool)
{
	LIST_EACH(&pool->claims, node) {
		struct waiter *claim = claim_at(node);
		struct server *server = claim->dedicated->server;
		struct span    waited;

		if (!server || server->state != SERVER_LOGIN || server->login)
			continue;
		waited = moment_between(claim->since, loop_now(pool->pools->loop));
		pool_home(pool)->counters.wait_us += (uint64_t)waited.us;
		list_remove(&pool->claims, node);
		claim->pool = NULL;
		claim->dedicated->server = NULL;
		server_lend(server, &claim->borrower);
		stream_resume(server->stream);
		claim->events->on_grant(claim, server);
	}
}

void dedicated_refuse(struct waiter *claim, enum ending why, struct slice error)
{
	struct dedicated *dedicated = claim->dedicated;
	size_t            mark;

	if (dedicated->server) {
		dedicated->server->claim = NULL;
		server_close(dedicated->server, why, NULL);
		dedicated->server = NULL;
	}
	if (error.data) {
		mark = writer_begin(&dedicated->error, 'E');
		writer_bytes(&dedicated->error, error);
		writer_end(&dedicated->error, mark);
	}
	pool_refuse(claim, why);
}

void dedicated_tell(struct waiter *claim, enum ending why)
{
	struct buffer error = claim->dedicated->error;

	/* The one who is told may free what it wanted. */
	buffer_init(&claim->dedicated->error);
	claim->events->on_refuse(claim, why, buffer_slice(&error));
	buffer_release(&error);
}

void dedicated_withdraw(struct waiter *claim)
{
	struct dedicated *dedicated = claim->dedicated;

	if (!dedicated)
		return;
	buffer_release(&dedicated->error);
	if (!dedicated->server)
		return;
	server_close(dedicated->server, END_REPLICATION_GONE, NULL);
	assert(!dedicated->server);
}
