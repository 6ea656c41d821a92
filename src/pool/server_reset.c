/*
 * From a server that belongs to nobody to one that can be lent: cleaned when its client left
 * half-way, reset, checked, held while a cancel is under way, or closed when it is not to be
 * kept. server_release() decides the next step from what the server is; each step ends in it
 * again, so the order of steps is written down once.
 */

#include "base/log.h"
#include "pool_internal.h"

/* Bytes of a CopyData message that are worth sending to keep a server. */
#define FILL_MAX (1024 * 1024)

/* ---- what speaks against keeping it ---- */

bool server_lifetime_over(const struct server *server)
{
	const struct pool *pool = server->pool;
	struct moment      now = loop_now(pool->pools->loop);
	struct span        lifetime = pool->limits.lifetime;
	struct moment      due = moment_after(server->connected, lifetime);

	if (moment_is_never(server->connected))
		return false;
	if (lifetime.us == 0)
		return true;
	if (!moment_reached(moment_after(due, server->jitter), now))
		return false;
	/* Spread, so that servers opened together are not all replaced together. */
	if (moment_is_never(pool->lifetime_closed) || pool->limits.size == 0)
		return true;
	lifetime.us /= pool->limits.size;
	return moment_reached(moment_after(pool->lifetime_closed, lifetime), now);
}

static enum ending reason_to_close(const struct server *server)
{
	const struct pool *pool = server->pool;
	const bool used = !moment_is_never(server->requested);

	if (pool->database->removed)
		return END_DATABASE_REMOVED;
	if (pool->pools->shutting_down)
		return END_SERVER_SHUTDOWN;
	if (server->close_needed)
		return END_SERVER_RECONNECT;
	if (pool_is_paused(pool))
		return END_SERVER_PAUSED;
	if (pool->limits.size && pool->open > pool->limits.size + pool->limits.reserve)
		return END_SERVER_SURPLUS;
	if (pool->evictions)
		return END_SERVER_EVICTED;
	/* A lifetime of 0 is one use, not none. */
	if ((used || pool->limits.lifetime.us) && server_lifetime_over(server))
		return END_SERVER_LIFETIME;
	return END_NONE;
}

/* True when it was closed. */
static bool close_unless_kept(struct server *server)
{
	struct pool *pool = server->pool;
	enum ending  why = reason_to_close(server);

	if (why == END_NONE)
		return false;
	if (why == END_SERVER_EVICTED)
		pool->evictions--;
	if (why == END_SERVER_LIFETIME)
		pool->lifetime_closed = loop_now(pool->pools->loop);
	server_close(server, why, NULL);
	return true;
}

/* ---- work for itself ---- */

static void begin_work(struct server *server, enum server_work work)
{
	server->work = work;
	if (server->state != SERVER_TESTED)
		server_enter(server, SERVER_TESTED);
	timer_arm_in(&server->timer, span_seconds(WORK_SECONDS));
}

static void end_work(struct server *server)
{
	server->work = WORK_NONE;
	timer_disarm(&server->timer);
}

static void send_query(struct server *server, const char *sql)
{
	struct buffer out = BUFFER_EMPTY;
	bool          sent;

	(void)backend_own_query_failed(&server->backend);
	sent = backend_write_query(&server->backend, slice_of(sql), &out) == OK &&
	       stream_write(server->stream, buffer_slice(&out)) == OK;
	buffer_release(&out);
	if (!sent)
		server_close(server, END_SERVER_WRITE, NULL);
}

static void write_recovery(struct server *server)
{
	struct buffer out = BUFFER_EMPTY;
	bool          sent = backend_write_recovery(&server->backend, &out) == OK;

	if (sent && out.len)
		sent = stream_write(server->stream, buffer_slice(&out)) == OK;
	buffer_release(&out);
	if (!sent)
		server_close(server, END_SERVER_WRITE, NULL);
}

/* For the next cancel or the end of the time, whichever comes first. */
static void arm_cleaning(struct server *server)
{
	struct moment due = server->clean_until;

	if (!server->cancels.len && !moment_is_never(server->cancel_due) &&
	    server->cancel_due.us < due.us)
		due = server->cancel_due;
	timer_arm(&server->timer, due);
}

static void clean_for(struct server *server, int seconds)
{
	struct moment now = loop_now(server->pool->pools->loop);

	server->clean_until = moment_after(now, span_seconds(seconds));
}

static void begin_cleaning(struct server *server)
{
	bool running = !ledger_is_empty(&server->backend.ledger);

	log_line(LEVEL_DEBUG, server_prefix(server), "cleaning: client left with status '%c'%s",
	         server->backend.status, running ? " and requests under way" : "");
	begin_work(server, WORK_CLEAN);
	clean_for(server, server->finishing ? FINISH_SECONDS : CLEAN_SECONDS);
	server->last_cancel = false;
	server->cancel_due = MOMENT_NEVER;
	canceler_cancel_own(server);
	arm_cleaning(server);
	write_recovery(server);
}

/*
 * A ROLLBACK waits until the cancel is settled, which could hit it; what ends a batch or a COPY
 * cannot wait.
 */
static void clean_on(struct server *server)
{
	if (backend_is_clean(&server->backend)) {
		end_work(server);
		canceler_expire(server);
		server_release(server);
		return;
	}
	canceler_cancel_own(server);
	arm_cleaning(server);
	if (!ledger_is_empty(&server->backend.ledger) || !server->cancels.len)
		write_recovery(server);
}

static void clean_on_due(struct server *server)
{
	if (!moment_reached(server->clean_until, loop_now(server->pool->pools->loop))) {
		clean_on(server);
		return;
	}
	if (server->finishing) {
		server->finishing = false;
		clean_for(server, CLEAN_SECONDS);
		clean_on(server);
		return;
	}
	/* Closed, it would run on with its locks. */
	if (!server->last_cancel && canceler_cancel_last(server)) {
		server->last_cancel = true;
		clean_for(server, LAST_CANCEL_SECONDS);
		arm_cleaning(server);
		return;
	}
	server_close(server, END_CLEAN_TIMEOUT, NULL);
}

static const char *check_query(const struct server *server)
{
	const char *query = server->pool->pools->settings->server_check_query;

	return slice_equal(slice_of(query), SLICE_LITERAL("<empty>")) ? "" : query;
}

bool server_needs_check(const struct server *server)
{
	const struct settings *settings = server->pool->pools->settings;
	struct moment          now;

	if (!*settings->server_check_query)
		return false;
	now = loop_now(server->pool->pools->loop);
	return moment_between(server->released, now).us > settings->server_check_delay.us;
}

void server_check(struct server *server)
{
	if (server->state == SERVER_IDLE)
		server_enter(server, SERVER_USED);
	begin_work(server, WORK_CHECK);
	send_query(server, check_query(server));
}

static void finish_query(struct server *server, enum ending failed_why)
{
	bool failed = backend_own_query_failed(&server->backend);

	if (!ledger_is_empty(&server->backend.ledger))
		return;
	end_work(server);
	if (failed)
		server_close(server, failed_why, NULL);
	else
		server_release(server);
}

void server_work_on(struct server *server)
{
	switch (server->work) {
	case WORK_CONNECT_QUERY:
		if (ledger_is_empty(&server->backend.ledger))
			server_login_done(server);
		return;
	case WORK_CLEAN: clean_on(server); return;
	case WORK_RESET: finish_query(server, END_SERVER_RESET); return;
	case WORK_CHECK: finish_query(server, END_SERVER_CHECK); return;
	case WORK_NONE: return;
	}
}

void server_on_due(void *ctx)
{
	struct server *server = ctx;

	switch (server->state == SERVER_LOGIN ? WORK_CONNECT_QUERY : server->work) {
	case WORK_CONNECT_QUERY:
		server_refused(server, END_CONNECT_TIMEOUT, NULL, SLICE_NONE);
		return;
	case WORK_CLEAN: clean_on_due(server); return;
	case WORK_RESET: server_close(server, END_SERVER_RESET, NULL); return;
	case WORK_CHECK: server_close(server, END_SERVER_CHECK, NULL); return;
	case WORK_NONE: return;
	}
}

/* ---- the way back ---- */

static bool needs_reset(const struct server *server)
{
	const struct settings *settings = server->pool->pools->settings;

	return server->dirty && *settings->server_reset_query &&
	       (settings->server_reset_query_always ||
	        server->pool->limits.mode == POOL_MODE_SESSION);
}

void server_release(struct server *server)
{
	struct pool *pool = server->pool;

	if (!backend_is_clean(&server->backend)) {
		begin_cleaning(server);
		return;
	}
	if (close_unless_kept(server))
		return;
	if (server->cancels.len) {
		if (server->state != SERVER_HELD)
			server_enter(server, SERVER_HELD);
		return;
	}
	if (needs_reset(server)) {
		server->dirty = false;
		begin_work(server, WORK_RESET);
		send_query(server, pool->pools->settings->server_reset_query);
		return;
	}
	server->released = loop_now(pool->pools->loop);
	server_enter(server, SERVER_IDLE);
	if (pool->waiters.len || pool->logins.len)
		pool_serve_soon(pool);
}

/* True when it is not a lent server any more but one whose on_lost was on its way. */
static bool take_lost(struct server *server)
{
	if (server->state != SERVER_LEAVING)
		return false;
	loop_forget(server->pool->pools->loop, &server->task);
	server_take(server);
	server_let_go(server);
	return true;
}

/*
 * The rest of a CopyData message, so that the server reads what comes behind it as messages. False
 * when the message cannot be completed: of any other kind the server would do something with it,
 * and a walsender too.
 */
static bool fill_message(struct server *server, const struct farewell *farewell)
{
	static const char zeros[8192];
	uint32_t          left = farewell->message_left;

	if (left && (farewell->message_type != 'd' || left > FILL_MAX ||
	             server->backend.copy == COPY_BOTH))
		return false;
	while (left) {
		uint32_t n = left < sizeof(zeros) ? left : sizeof(zeros);

		if (server_write(server, (struct slice){ zeros, n }) != OK)
			return false;
		left -= n;
	}
	return true;
}

void pool_give_back_after(struct server *server, const struct farewell *farewell)
{
	if (take_lost(server))
		return;
	server_take(server);
	canceler_expire(server);
	server->finishing = farewell->orderly;
	if (server->dedicated && !farewell->message_left)
		server_close(server, END_REPLICATION_LEFT, NULL);
	else if (!server->dedicated && fill_message(server, farewell))
		server_release(server);
	else
		server_close(server, END_CLIENT_GONE_PARTIAL, NULL);
}

void pool_give_back(struct server *server, bool mid_message)
{
	pool_give_back_after(server, &(struct farewell){ .message_left = mid_message });
}

void pool_discard(struct server *server, enum ending why)
{
	if (take_lost(server))
		return;
	server_take(server);
	server_close(server, why, NULL);
}
