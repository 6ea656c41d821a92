/*
 * One backend connection: birth, states, lending, closing. Owns the socket and the backend
 * (what the server has been told). Used by the pool, by sessions through pool/server.h and by
 * the other server_*.c, which hold the input callbacks.
 *
 *   CONNECTING -> LOGIN -> IDLE <-> LENT -> TESTED (cleaned, reset) -> IDLE
 *                 LOGIN -> LENT, if it is dedicated to one client
 *                          IDLE -> USED -> TESTED (checked) -> IDLE
 *                          LENT -> HELD (cancel under way) -> IDLE
 *   and from everywhere to LEAVING, the last.
 *
 * Invariants: a server is in exactly one list of its pool, that of its state. Only a LENT or
 * LEAVING server has a borrower. A LEAVING one has no stream; it is freed by the reaper once
 * its borrower was told and no cancel refers to it.
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/random.h"
#include "net/listener.h"
#include "pool/canceler.h"
#include "pool_internal.h"
#include "track/guard.h"
#include "track/prepared.h"

static_assert(sizeof(struct server) < 1024, "a server without its buffers is under 1 kB");

#define STATE(state) (1u << SERVER_##state)

/* From which state to which; and the name SHOW SERVERS gives it. */
static const struct {
	const char *name;
	unsigned    next;
} states[] = {
	[SERVER_CONNECTING] = { "new", STATE(LOGIN) | STATE(LEAVING) },
	[SERVER_LOGIN] = { "new", STATE(IDLE) | STATE(USED) | STATE(TESTED) | STATE(LENT) |
	                                  STATE(LEAVING) },
	[SERVER_IDLE] = { "idle", STATE(LENT) | STATE(USED) | STATE(LEAVING) },
	[SERVER_USED] = { "used", STATE(TESTED) | STATE(LEAVING) },
	[SERVER_TESTED] = { "tested", STATE(IDLE) | STATE(USED) | STATE(HELD) | STATE(LEAVING) },
	[SERVER_LENT] = { "active", STATE(IDLE) | STATE(USED) | STATE(TESTED) | STATE(HELD) |
	                                    STATE(LEAVING) },
	[SERVER_HELD] = { "being_canceled",
	                  STATE(IDLE) | STATE(USED) | STATE(TESTED) | STATE(LEAVING) },
	[SERVER_LEAVING] = { "closing", 0 },
};

static void server_on_task(struct loop_task *task);

const char *server_state_name(enum server_state state)
{
	return states[state].name;
}

static void count_dedicated(struct server *server, enum server_state next)
{
	struct pool *pool = server->pool;

	if (!server->dedicated)
		return;
	if (server->state <= SERVER_LOGIN && next > SERVER_LOGIN)
		pool->dedicated_logins--;
	if (next == SERVER_LEAVING)
		pool->dedicated--;
}

void server_enter(struct server *server, enum server_state state)
{
	struct pool *pool = server->pool;

	assert(states[server->state].next & (1u << state));
	if (log_wants(LEVEL_NOISE))
		log_line(LEVEL_NOISE, server_prefix(server), "state %s -> %s",
		         states[server->state].name, states[state].name);
	list_remove(&pool->servers[server->state], &server->node);
	count_dedicated(server, state);
	server->state = state;
	list_append(&pool->servers[state], &server->node);
	if (state == SERVER_LEAVING) {
		pool->open--;
		pool->database->servers--;
	}
}

const char *server_prefix(const struct server *server)
{
	static char        prefix[320];
	char               host[64];
	const struct pool *pool = server->pool;
	const char        *where = server->host;

	if (server->stream) {
		address_host(stream_peer(server->stream), host, sizeof(host));
		where = strchr(host, ':') ? NULL : host;
	}
	if (where && (*where == '/' || *where == '@'))
		where = "unix";
	snprintf(prefix, sizeof(prefix), where ? "S-%p: %s/%s@%s:%d" : "S-%p: %s/%s@[%s]:%d",
	         (const void *)server, pool->database->name, pool->user, where ? where : host,
	         server->port);
	return prefix;
}

/* ---- opening ---- */

/* The next of the entry's hosts: another one each time, or after a failure only. */
static const struct database_host *choose_host(struct pool *pool)
{
	const struct database_settings *entry = pool->database->entry;
	const struct database_host     *chosen = &entry->hosts[pool->next_host % entry->host_count];

	if (entry->load_balance_hosts == LOAD_BALANCE_ROUND_ROBIN)
		pool->next_host++;
	return chosen;
}

/* Where server leads to. BROKEN without memory. */
static enum result aim(struct server *server)
{
	const struct pool *pool = server->pool;
	const char        *host = pool->where;

	server->port = pool->port;
	if (!pool->home) {
		const struct database_host *chosen = choose_host(server->pool);

		host = chosen->host ? chosen->host : pool->database->settings->unix_socket_dir;
		server->port = chosen->port;
	}
	server->host = mem_copy_text(host, strlen(host));
	return server->host ? OK : BROKEN;
}

static void on_dialled(void *ctx, int fd, enum ending why, const char *detail)
{
	struct server *server = ctx;
	struct pool   *pool = server->pool;

	server->dial = NULL;
	if (fd < 0 && pool->database->entry->load_balance_hosts == LOAD_BALANCE_DISABLE)
		pool->next_host++;
	if (fd >= 0) {
		server_connected(server, fd);
		return;
	}
	if (detail && *detail)
		log_line(LEVEL_WARNING, server_prefix(server), "%s: %s", ending_row(why)->text,
		         detail);
	server_refused(server, why, NULL, SLICE_NONE);
}

static enum result start_dial(struct server *server)
{
	const struct settings *settings = server->pool->pools->settings;
	struct socket_options  options = socket_options_of(settings);
	struct dial_target target = {
		.host = server->host,
		.port = server->port,
		.timeout = settings->server_connect_timeout,
		.options = &options,
	};

	server->dial = dial_start(server->pool->pools->loop, server->pool->pools->resolver,
	                          &target, on_dialled, server);
	return server->dial ? OK : BROKEN;
}

static unsigned prepared_max(const struct settings *settings)
{
	int max = settings->max_prepared_statements;

	return max > 0 ? (unsigned)max : 1;
}

struct server *server_open(struct pool *pool)
{
	struct pools  *pools = pool->pools;
	struct server *server = mem_alloc_zero(sizeof(*server));

	if (!server)
		return NULL;
	server->pool = pool;
	if (aim(server) != OK || backend_init(&server->backend, pools->varsets,
	                                      prepared_max(pools->settings)) != OK)
		goto fail;
	server->state = SERVER_CONNECTING;
	server->born = loop_now(pools->loop);
	server->jitter.us = (int64_t)random_below((uint64_t)pool->limits.lifetime.us / 20 + 1);
	server->task.run = server_on_task;
	list_init(&server->cancels);
	list_init(&server->cancels_over);
	if (start_dial(server) != OK) {
		backend_release(&server->backend);
		goto fail;
	}
	timer_init(&server->timer, pools->loop, server_on_due, server);
	server->id = pools_next_id(pools);
	list_append(&pool->servers[SERVER_CONNECTING], &server->node);
	pool->open++;
	pool->database->servers++;
	return server;
fail:
	mem_free(server->host);
	mem_free(server);
	return NULL;
}

static void on_input(void *ctx)
{
	struct server *server = ctx;

	if (server->state == SERVER_LOGIN && server->work == WORK_NONE)
		server_login_input(server);
	else
		server_pump(server);
}

static void on_room(void *ctx)
{
	struct server *server = ctx;

	if (server->state == SERVER_LENT)
		server->borrower.events->on_room(server->borrower.ctx);
}

static void on_end(void *ctx, int error)
{
	struct server *server = ctx;
	bool           in_login = server->state == SERVER_LOGIN;
	enum ending    why = error == ENOMEM ? END_NO_MEMORY : END_SERVER_CRASHED;

	if (error)
		log_line(LEVEL_DEBUG, server_prefix(server), "%s", strerror(error));
	if (in_login && error != ENOMEM)
		why = secure_judge_end(server, server->stream, error);
	if (why == END_SERVER_CRASHED && server_protocol_steps_down(server, SLICE_NONE))
		server_close(server, END_SERVER_OLD_PROTOCOL, NULL);
	else if (in_login)
		server_refused(server, why, NULL, SLICE_NONE);
	else
		server_close(server, why, NULL);
	if (!in_login && error != ENOMEM)
		pool_note_trouble(server->pool);
}

static void on_secured(void *ctx)
{
	server_login_secured(ctx);
}

static const struct stream_events stream_events = {
	.on_input = on_input,
	.on_room = on_room,
	.on_end = on_end,
	.on_secured = on_secured,
};

static void log_connection(const struct server *server)
{
	char local[64];

	if (!server->pool->pools->settings->log_connections)
		return;
	if (address_is_unix(stream_peer(server->stream)))
		log_line(LEVEL_LOG, server_prefix(server), "new connection to server");
	else
		log_line(LEVEL_LOG, server_prefix(server), "new connection to server (from %s)",
		         address_print(stream_local(server->stream), local, sizeof(local)));
}

void server_connected(struct server *server, int fd)
{
	struct pools *pools = server->pool->pools;

	server->stream = stream_new(pools->loop, fd, &pools->limits, &stream_events, server);
	if (!server->stream) {
		server_refused(server, END_NO_MEMORY, NULL, SLICE_NONE);
		return;
	}
	server_enter(server, SERVER_LOGIN);
	log_connection(server);
	server_login_start(server);
}

/* ---- closing ---- */

static void forget_creditors(struct server *server)
{
	struct ledger *ledger = &server->backend.ledger;

	server->pump.run_to = server->pump.body_to = NULL;
	if (server->backend.lent_to)
		backend_forget_creditor(&server->backend, server->backend.lent_to);
	for (unsigned i = 0; i < ledger->len; i++)
		if (ledger_at(ledger, i)->creditor)
			backend_forget_creditor(&server->backend, ledger_at(ledger, i)->creditor);
}

static void close_socket(struct server *server, enum ending why)
{
	bool polite = server->state >= SERVER_IDLE && why != END_SERVER_CRASHED &&
	              why != END_CLIENT_GONE_PARTIAL;

	if (server->dial)
		dial_cancel(server->dial);
	server->dial = NULL;
	if (!server->stream)
		return;
	/* What is queued must not be done without anybody to hear of it, or on a wrong host. */
	if (server->state == SERVER_LENT && stream_out_len(server->stream) > 0 &&
	    (server->unsent || why == END_HOST_CHANGED))
		polite = false;
	/* Terminate, so that PostgreSQL does not log a lost connection. */
	if (polite && stream_write(server->stream, SLICE_LITERAL("X\0\0\0\4")) != OK)
		polite = false;
	stream_close(server->stream, polite);
	server->stream = NULL;
}

void server_close(struct server *server, enum ending why, const char *text)
{
	struct pool *pool = server->pool;
	struct span  age = moment_between(server->born, loop_now(pool->pools->loop));

	if (server->state == SERVER_LEAVING)
		return;
	if (pool->pools->settings->log_disconnections)
		log_line(LEVEL_LOG, server_prefix(server), "closing because: %s (age=%llds)",
		         text ? text : ending_row(why)->text, (long long)(age.us / 1000000));
	server->unsent = server_is_unsent(server) &&
	                 (why == END_SERVER_CRASHED || why == END_HOST_CHANGED);
	close_socket(server, why);
	timer_disarm(&server->timer);
	server_login_free(server);
	server_count_parses(server);
	if (server->claim)
		server->claim->dedicated->server = NULL;
	server->claim = NULL;
	server->lost = why;
	server_enter(server, SERVER_LEAVING);
	canceler_end_all(server);
	if (server->borrower.events)
		loop_at_end(pool->pools->loop, &server->task);
	else
		server_let_go(server);
	pool_serve_blocked(pool->pools);
	if (pool->waiters.len || pool->logins.len || pool->claims.len)
		pool_serve_soon(pool);
	if (pool->pools->on_change)
		loop_at_end(pool->pools->loop, &pool->pools->changed);
}

void server_refused(struct server *server, enum ending why, const char *text, struct slice error)
{
	struct pool   *pool = server->pool;
	struct waiter *claim = server->claim;

	server_close(server, why, text);
	if (claim)
		dedicated_refuse(claim, why, error);
	else if (!server->dedicated)
		pool_login_failed(pool, why, error);
}

static void reap(struct loop_task *task)
{
	server_free(CONTAINER_OF(task, struct server, task));
}

void server_let_go(struct server *server)
{
	if (server->state != SERVER_LEAVING || server->borrower.events || server->cancels.len ||
	    server->cancels_over.len || list_has(&server->task.node))
		return;
	server->task.run = reap;
	loop_reap(server->pool->pools->loop, &server->task);
}

/* The end of the turn in which a lent server was closed. */
static void server_on_task(struct loop_task *task)
{
	struct server  *server = CONTAINER_OF(task, struct server, task);
	struct borrower borrower = server->borrower;
	bool            told = server->told_fatal || server_is_mid_message(server);

	if (borrower.events->on_elsewhere && backend_take_elsewhere(&server->backend) == OK) {
		borrower.events->on_elsewhere(borrower.ctx, MOVED_LOST);
		return;
	}
	if (borrower.events->on_elsewhere && server->unsent &&
	    backend_take_unsent(&server->backend) == OK) {
		borrower.events->on_elsewhere(borrower.ctx, MOVED_UNSENT);
		return;
	}
	forget_creditors(server);
	server->borrower = (struct borrower){ NULL, NULL };
	pool_count_lent(server->pool, -1);
	server_let_go(server);
	borrower.events->on_lost(borrower.ctx, server->lost, told);
}

void server_free(struct server *server)
{
	struct loop *loop = server->pool->pools->loop;

	canceler_free_all(server);
	loop_forget(loop, &server->task);
	list_remove(&server->pool->servers[server->state], &server->node);
	timer_release(&server->timer);
	backend_release(&server->backend);
	varset_unref(server->welcome);
	mem_free_secret(server->key, server->key_len);
	mem_free(server->host);
	mem_free(server);
}

void server_count_parses(struct server *server)
{
	pool_home(server->pool)->counters.server_parses +=
		server->backend.parses - server->parses_seen;
	server->parses_seen = server->backend.parses;
}

/* ---- lending ---- */

void server_lend(struct server *server, const struct borrower *borrower)
{
	struct pool *pool = server->pool;

	server_enter(server, SERVER_LENT);
	server->borrower = *borrower;
	server->claim = NULL;
	server->lend_number++;
	server->dirty = true;
	server->requested = loop_now(pool->pools->loop);
	server->sent_before = stream_bytes_out(server->stream);
	pool_home(pool)->counters.assignments++;
	if (pool->home) {
		pool_count_lent(pool, 1);
		server->backend.hides_standby = pool_splits(pool);
	}
}

void server_take(struct server *server)
{
	forget_creditors(server);
	if (server->borrower.events)
		pool_count_lent(server->pool, -1);
	server->borrower = (struct borrower){ NULL, NULL };
	server->lend_number++;
	if (server->stream && stream_is_paused(server->stream))
		stream_resume(server->stream);
	server_count_parses(server);
}

bool server_is_unsent(const struct server *server)
{
	return server->state == SERVER_LENT && server->stream &&
	       stream_bytes_out(server->stream) == server->sent_before;
}

struct backend *server_backend(struct server *server)
{
	return &server->backend;
}

const struct varset *server_welcome(const struct server *server)
{
	return server->welcome;
}

enum result server_write(struct server *server, struct slice bytes)
{
	return server->stream ? stream_write(server->stream, bytes) : BROKEN;
}

bool server_is_full(const struct server *server)
{
	return server->stream && stream_is_full(server->stream);
}

void server_pause(struct server *server)
{
	if (server->stream)
		stream_pause(server->stream);
}

void server_resume(struct server *server)
{
	if (server->stream)
		stream_resume(server->stream);
}

bool server_has_cancel(const struct server *server)
{
	return server->cancels.len > 0;
}

/* ---- looking ---- */

struct pool *server_pool(const struct server *server)
{
	return server->pool;
}

enum server_state server_state(const struct server *server)
{
	return server->state;
}

void server_facts(const struct server *server, struct server_facts *facts)
{
	*facts = (struct server_facts){
		.id = server->id,
		.state = server->state,
		.stream = server->stream,
		.link = server->borrower.events ? server->borrower.ctx : NULL,
		.connected = moment_is_never(server->connected) ? server->born : server->connected,
		.requested = server->requested,
		.pid = server->pid,
		.prepared = server->backend.prepared ?
		                    prepared_set_count(server->backend.prepared) : 0,
		.close_needed = server->close_needed,
		.replication = server->replication,
		.application_name =
			varset_value(server->backend.has, SLICE_LITERAL("application_name")),
		.host = server->host,
		.port = server->port,
	};
}
