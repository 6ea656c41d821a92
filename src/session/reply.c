/*
 * Server to client: what the pool's servers call when a reply for this client has come. The pump
 * that reads the server is the pool's; here bytes are passed on and the turn's end is noted.
 */
#include "session_internal.h"

#include "base/log.h"
#include "pool/server.h"
#include "wire/notice.h"

/* The client's own code goes on from the end-of-turn queue, not inside the server's callback. */
static void go_on(struct session *session)
{
	if (stream_input(session->stream).len > 0 || session->stalled ||
	    direct_moved(session).len > 0)
		loop_at_end(session->roster->loop, &session->pump);
}

static void on_bytes(void *ctx, struct slice bytes)
{
	struct session *session = ctx;

	session_write(session, bytes);
	if (session_is_leaving(session))
		return;
	pool_counters(session->pool)->bytes_sent += bytes.len;
	if (session->stalled)
		go_on(session);
	if (!session->server_paused && stream_is_full(session->stream)) {
		session->server_paused = true;
		server_pause(session->server);
	}
}

static void on_ready(void *ctx, char status)
{
	struct session       *session = ctx;
	struct pool_counters *counters = pool_counters(session->pool);
	struct moment         now;

	if (session->direction != NULL)
		direct_ready(session);
	if (!ledger_is_empty(&server_backend(session->server)->ledger))
		return;
	now = loop_now(session->roster->loop);
	if (session->in_query)
		counters->query_us += (uint64_t)moment_between(session->query_began, now).us;
	session->in_query = false;
	if (status == 'I') {
		if (session->in_transaction)
			counters->transaction_us +=
				(uint64_t)moment_between(session->transaction_began, now).us;
		session->in_transaction = false;
	} else if (pool_mode(session->pool) == POOL_MODE_STATEMENT &&
	           session->replication == REPLICATION_NONE) {
		session_end(session, END_STATEMENT_MODE, NULL);
		return;
	}
	session->ready_at = now;
	if (session->watched)
		session_watch_deadline(session);
}

void reply_turn_over(struct session *session)
{
	if (session_is_leaving(session) || pool_mode(session->pool) == POOL_MODE_SESSION ||
	    session->replication != REPLICATION_NONE || session->request_left > 0 ||
	    conversation_is_pinned(session->conversation))
		return;
	session_give_back(session);
	session_enter(session, SESSION_IDLE);
}

static void on_turn_over(void *ctx)
{
	struct session *session = ctx;

	if (session_is_leaving(session))
		return;
	reply_turn_over(session);
	go_on(session);
}

static void on_swallowed(void *ctx)
{
	struct session *session = ctx;

	if (session->stalled)
		go_on(session);
}

static void on_retry(void *ctx)
{
	request_replay(ctx);
}

static void on_elsewhere(void *ctx, enum moved_why why)
{
	direct_move(ctx, why);
}

static void on_refused(void *ctx, struct slice error)
{
	struct session    *session = ctx;
	struct notice_view view = { 0 };

	if (notice_read(error, &view) != OK)
		view.message = SLICE_NONE;
	session_end_detailed(session, END_BAD_PARAMETER, NULL, view.message);
}

static void on_room(void *ctx)
{
	session_resume_client(ctx);
}

static void on_lost(void *ctx, enum ending why, bool told)
{
	struct session *session = ctx;

	if (session->direction != NULL)
		direct_given_back(session);
	session->server = NULL;
	session->told |= told;
	session_end(session, why, NULL);
}

static void on_cancel_settled(void *ctx)
{
	go_on(ctx);
}

const struct borrower_events reply_events = {
	.on_bytes = on_bytes,
	.on_ready = on_ready,
	.on_turn_over = on_turn_over,
	.on_swallowed = on_swallowed,
	.on_retry = on_retry,
	.on_elsewhere = on_elsewhere,
	.on_refused = on_refused,
	.on_room = on_room,
	.on_lost = on_lost,
	.on_cancel_settled = on_cancel_settled,
};
