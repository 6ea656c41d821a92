/*
 * What one client message means for the server it goes to: which debts it makes, whether it is
 * sent as it is, behind messages of ours, or not at all. Messages that name statements are in
 * request_statements.c. Called by session's pump.
 *
 * What is noted here is noted as if the server had agreed; backend_undo.c undoes it when the
 * server did not.
 */
#include "base/alloc.h"
#include "sql/scan.h"
#include "track/guard.h"
#include "track_internal.h"
#include "wire/query.h"
#include "wire/writer.h"

/* Requests kept for a second try; longer turns are not tried twice. */
#define REPLAY_MAX 16384

static const char ready_idle[] = { 'Z', 0, 0, 0, 5, 'I' };

struct step step_forward(void)
{
	return (struct step){ .kind = STEP_FORWARD };
}

struct step step_drop(void)
{
	return (struct step){ .kind = STEP_DROP };
}

struct step step_end(enum ending ending)
{
	return (struct step){ .kind = STEP_END, .ending = ending };
}

struct step step_behind_ours(struct backend *backend, struct step step)
{
	if (backend->before.failed)
		return step_end(END_NO_MEMORY);
	step.before = buffer_slice(&backend->before);
	return step;
}

static struct step owe_and_forward(struct conversation *conversation, struct backend *backend,
				   enum debt_kind kind)
{
	if (conversation_owe(conversation, backend, kind, FATE_FORWARD) == NULL)
		return step_end(END_NO_MEMORY);
	return step_forward();
}

/* ---- extended query ---- */

/*
 * Parse, Bind, Describe, Close of a conversation that tracks no statements: they pass as they
 * are, and what the server's unnamed statement is, is not known any more.
 */
static struct step pass(struct conversation *conversation, struct backend *backend,
			const struct message *message)
{
	static const struct {
		char type;
		enum debt_kind kind;
	} kinds[] = {
		{ 'P', DEBT_PARSE },
		{ 'B', DEBT_BIND },
		{ 'D', DEBT_DESCRIBE },
		{ 'C', DEBT_CLOSE },
	};
	enum debt_kind kind = DEBT_PARSE;

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].type == message->type)
			kind = kinds[i].kind;
	}
	if (kind == DEBT_PARSE || kind == DEBT_CLOSE)
		backend_set_unnamed(backend, NULL, backend->ledger.next_number);
	return owe_and_forward(conversation, backend, kind);
}

static struct step on_statement(struct conversation *conversation, struct backend *backend,
				const struct message *message)
{
	if (!conversation->tracks_statements)
		return pass(conversation, backend, message);
	switch (message->type) {
	case 'P': return request_parse(conversation, backend, message);
	case 'B': return request_bind(conversation, backend, message);
	case 'D': return request_describe(conversation, backend, message);
	default: return request_close(conversation, backend, message);
	}
}

static void mark_may_drop(struct backend *backend, struct debt *debt)
{
	debt->may_drop = true;
	backend->doubts++;
}

static struct step on_execute(struct conversation *conversation, struct backend *backend,
			      const struct message *message)
{
	struct binding *dropped = NULL;
	struct debt *debt;

	if (conversation->portal_may_drop &&
	    request_bring_dropped(conversation, backend, message, &dropped) != OK)
		return step_end(END_NO_MEMORY);
	debt = conversation_owe(conversation, backend, DEBT_EXECUTE, FATE_FORWARD);
	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	if (conversation->portal_may_drop)
		mark_may_drop(backend, debt);
	request_take_dropped(conversation, debt, dropped);
	return step_behind_ours(backend, step_forward());
}

/* This debt ends a batch: what comes after it is not skipped with it. */
static void note_end(struct conversation *conversation, struct backend *backend,
		     const struct debt *debt)
{
	conversation->last_end = debt->request;
	conversation->ended_close = conversation->last_close;
	backend->last_end = debt->number;
	backend->ended_close = backend->last_close;
	backend->batch_open = false;
	/* Its portals may be gone, or never have been. */
	request_forget_portal(conversation);
}

static struct step on_sync(struct conversation *conversation, struct backend *backend)
{
	bool needs_marker = backend_needs_marker(backend);
	struct debt *debt;

	/*
	 * During COPY IN the server ignores it, or, if the COPY has just failed, answers it: which
	 * of them nobody can tell, so it is not asked.
	 */
	if (backend->copy == COPY_IN)
		return step_drop();
	debt = conversation_owe(conversation, backend, DEBT_SYNC, FATE_FORWARD);
	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	note_end(conversation, backend, debt);
	backend->skipping = false;
	if (!needs_marker)
		return step_forward();
	writer_empty(&backend->before, 'S');
	if (backend_write_marker(backend, &backend->before) != OK)
		return step_end(END_NO_MEMORY);
	return step_behind_ours(backend, step_drop());
}

static struct step on_flush(struct conversation *conversation, struct backend *backend)
{
	struct step step = step_forward();

	if (backend->copy == COPY_IN)
		return step_drop();
	if (!ledger_is_empty(&backend->ledger) &&
	    conversation_owe(conversation, backend, DEBT_FLUSH, FATE_FORWARD) == NULL)
		return step_end(END_NO_MEMORY);
	/* A guarded turn is answered when it is known where it runs. */
	if (!backend->guarded)
		backend_advance_flushed(backend);
	if (backend->own.failed)
		return step_end(END_NO_MEMORY);
	step.answer = buffer_slice(&backend->own);
	if (backend->own.len > 0)
		backend->told = true;
	return step;
}

/* ---- the rest ---- */

/* A simple Query destroys the unnamed statement (PostgreSQL docs, "Extended Query"). */
static struct step on_query(struct conversation *conversation, struct backend *backend,
			    const struct message *message)
{
	bool may_drop = conversation->tracks_statements &&
			(!message_is_whole(message) || scan_may_drop_statements(message->body));
	struct binding *dropped = NULL;
	struct debt *debt;

	if (may_drop && request_make_dropped(conversation, backend, message, &dropped) != OK)
		return step_end(END_NO_MEMORY);
	debt = conversation_owe(conversation, backend, DEBT_QUERY, FATE_FORWARD);
	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	request_take_dropped(conversation, debt, dropped);
	note_end(conversation, backend, debt);
	if (backend->unnamed != NULL)
		backend_set_unnamed(backend, NULL, debt->number);
	if (!conversation->tracks_statements)
		return step_forward();
	/* Even if there is none: an earlier request that took it away may be undone, not this one.
	 */
	conversation_swap_unnamed(conversation, debt, NULL);
	if (may_drop)
		mark_may_drop(backend, debt);
	return step_behind_ours(backend, step_forward());
}

static struct step on_function(struct conversation *conversation, struct backend *backend)
{
	struct debt *debt = conversation_owe(conversation, backend, DEBT_FUNCTION, FATE_FORWARD);

	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	note_end(conversation, backend, debt);
	return step_forward();
}

/* CopyData, CopyDone, CopyFail: they make no debts, but the copy's end must be known. */
static struct step on_copy(struct conversation *conversation, struct backend *backend, char type)
{
	if (backend->copy == COPY_NONE && ledger_is_empty(&backend->ledger))
		return step_drop();
	if (type == 'd' || backend->copy == COPY_BOTH)
		return step_forward();
	if (backend->copy == COPY_IN)
		backend->copy = COPY_IN_ENDING;
	else if (conversation_owe(conversation, backend, DEBT_COPY_END, FATE_FORWARD) == NULL)
		return step_end(END_NO_MEMORY);
	return step_forward();
}

static bool is_extended(char type)
{
	switch (type) {
	case 'P':
	case 'B':
	case 'D':
	case 'E':
	case 'C': return true;
	default: return false;
	}
}

/* Nothing of the client's is under way, but perhaps its settings. */
static bool begins_turn(const struct backend *backend)
{
	const struct ledger *ledger = &backend->ledger;

	return backend->status == 'I' && !backend->batch_open && !backend->retried &&
	       (ledger->len == 0 || (ledger->len == 1 && ledger_head(ledger)->had != NULL));
}

/* Keeps a copy of the turn's requests while it is one batch from an idle server, and short. */
static void record(struct backend *backend, const struct message *message)
{
	struct slice bytes = message_bytes(message);
	bool is_chosen = backend->guarded || backend->keeps;
	bool fits = backend->replay.len + bytes.len <=
		    (backend->guarded ? BACKEND_GUARD_MAX : REPLAY_MAX);
	bool is_known = is_extended(message->type) || message->type == 'S' ||
			message->type == 'H' || (message->type == 'Q' && is_chosen);

	if (!is_chosen && begins_turn(backend)) {
		backend->recording = is_extended(message->type);
		buffer_clear(&backend->replay);
	}
	if (!backend->recording)
		return;
	if (!message_is_whole(message) || !fits || !is_known)
		backend->recording = false;
	else
		buffer_append_slice(&backend->replay, bytes);
	if (backend->replay.failed)
		backend->recording = false;
}

/* ---- the short way ---- */

/*
 * The batch is this client's alone, and nothing is under way that could make a request of it wait,
 * be skipped or be more than it says.
 */
static bool is_plain_batch(const struct conversation *conversation, const struct backend *backend)
{
	const struct debt *head = ledger_head(&backend->ledger);

	return head != NULL && head->creditor == conversation && backend->batch_open &&
	       conversation->last_end < head->request && !conversation->portal_may_drop &&
	       !conversation->cancelled && !backend->skipping && backend->copy == COPY_NONE &&
	       backend->copy_syncs == 0 && backend->stray_syncs == 0 && backend->doubts == 0 &&
	       !backend->unproven && !backend->guarded && backend->ledger.len < PLENTY;
}

/* The debt of a message that needs no more than one, or -1. */
static int plain_kind(const struct message *message)
{
	static const char unnamed_portal[] = { 'P', '\0' };
	struct target_view view;

	switch (message->type) {
	case 'E': return DEBT_EXECUTE;
	case 'S': return DEBT_SYNC;
	case 'D':
		if (message->body.len == sizeof(unnamed_portal) &&
		    memcmp(message->body.data, unnamed_portal, sizeof(unnamed_portal)) == 0)
			return DEBT_DESCRIBE;
		if (query_read_target(message->body, &view) == OK && view.kind == 'P')
			return DEBT_DESCRIBE;
		return -1;
	default: return -1;
	}
}

bool conversation_passes(struct conversation *conversation, struct backend *backend,
			 const struct message *message)
{
	int kind = plain_kind(message);
	struct debt *debt;

	if (kind < 0 || !message_is_whole(message) || !is_plain_batch(conversation, backend))
		return false;
	debt = conversation_owe(conversation, backend, (enum debt_kind)kind, FATE_FORWARD);
	if (debt == NULL)
		return false;
	if (backend->recording)
		record(backend, message);
	if (kind == DEBT_DESCRIBE)
		request_note_described(conversation);
	if (kind == DEBT_SYNC)
		note_end(conversation, backend, debt);
	return true;
}

/* ---- the long one ---- */

static struct step without_server(struct conversation *conversation, const struct message *message)
{
	struct step step = step_drop();

	if (message->type == 'X')
		return step_end(END_CLIENT_CLOSED);
	if (conversation->cancelled && message->type == 'S') {
		conversation->cancelled = false;
		step.answer = (struct slice){ ready_idle, sizeof(ready_idle) };
	}
	return step;
}

static struct step with_server(struct conversation *conversation, struct backend *backend,
			       const struct message *message)
{
	switch (message->type) {
	case 'Q': return on_query(conversation, backend, message);
	case 'P':
	case 'B':
	case 'D':
	case 'C': return on_statement(conversation, backend, message);
	case 'E': return on_execute(conversation, backend, message);
	case 'S': return on_sync(conversation, backend);
	case 'H': return on_flush(conversation, backend);
	case 'F': return on_function(conversation, backend);
	case 'd':
	case 'c':
	case 'f': return on_copy(conversation, backend, message->type);
	case 'X': return step_end(END_CLIENT_CLOSED);
	default: return step_end(END_UNKNOWN_PACKET);
	}
}

struct step conversation_request(struct conversation *conversation, struct backend *backend,
				 const struct message *message)
{
	struct step step;

	if (backend == NULL || conversation->cancelled)
		return without_server(conversation, message);
	/* After an error the server reads nothing but Sync (and Terminate). */
	if (backend->skipping && message->type != 'S' && message->type != 'X')
		return step_drop();
	/* A server that gets these in COPY IN closes the connection; it is kept from that. */
	if (backend->copy == COPY_IN &&
	    (is_extended(message->type) || message->type == 'Q' || message->type == 'F'))
		return step_end(END_COPY_BROKEN);
	buffer_clear(&backend->before);
	buffer_clear(&backend->own);
	if (conversation->portal_may_drop && backend_is_clean(backend))
		conversation->portal_may_drop = false;
	if (conversation->tracks_statements || backend->guarded || backend->keeps)
		record(backend, message);
	step = with_server(conversation, backend, message);
	if (step.kind == STEP_END && step.ending == END_NO_MEMORY)
		backend->half_told = true;
	if (step.kind != STEP_END && is_extended(message->type))
		backend->batch_open = true;
	return step;
}
