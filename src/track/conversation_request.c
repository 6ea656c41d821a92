/*
 * What one client message means for the server it goes to: which debts it makes, whether it is
 * sent as it is, with another statement name, behind messages of ours, or not at all.
 *
 * Statement names: a client's named statement is a shared one, prepared on servers under a name
 * of ours when it is first needed there. Its unnamed statement keeps its place (every server has
 * one) and its text, so that it can be prepared again on another server. What is noted here is
 * noted as if the server had agreed; backend_reply.c undoes it when the server did not.
 */
#include "base/alloc.h"
#include "sql/scan.h"
#include "track/prepared.h"
#include "track_internal.h"
#include "wire/query.h"
#include "wire/result.h"
#include "wire/writer.h"

/* Requests kept for a second try; longer turns are not tried twice. */
#define REPLAY_MAX 16384

static const char ready_idle[] = { 'Z', 0, 0, 0, 5, 'I' };

static struct step forward(void)
{
	return (struct step){ .kind = STEP_FORWARD };
}

static struct step drop(void)
{
	return (struct step){ .kind = STEP_DROP };
}

static struct step end(enum ending ending)
{
	return (struct step){ .kind = STEP_END, .ending = ending };
}

/* The step, with what was gathered for the server in front of it. */
static struct step behind_ours(struct backend *backend, struct step step)
{
	if (backend->before.failed)
		return end(END_NO_MEMORY);
	step.before = buffer_slice(&backend->before);
	return step;
}

static struct debt *owe(struct conversation *conversation, struct backend *backend,
			enum debt_kind kind, enum debt_fate fate)
{
	struct debt *debt = ledger_owe(&backend->ledger, kind);

	if (debt == NULL)
		return NULL;
	debt->fate = fate;
	debt->creditor = conversation;
	return debt;
}

static struct step owe_and_forward(struct conversation *conversation, struct backend *backend,
				   enum debt_kind kind)
{
	return owe(conversation, backend, kind, FATE_FORWARD) ? forward() : end(END_NO_MEMORY);
}

static void mark_may_drop(struct backend *backend, struct debt *debt)
{
	if (!debt->may_drop)
		backend->doubts++;
	debt->may_drop = true;
}

/* The client's unnamed statement becomes statement (taken, may be NULL), undone with debt. */
static void swap_unnamed(struct conversation *conversation, struct debt *debt,
			 struct statement *statement)
{
	debt->swaps_unnamed = true;
	debt->unnamed = conversation->unnamed;
	conversation->unnamed = NULL;
	conversation_set_unnamed(conversation, statement);
}

/* Takes statement out of the server: Close in front of the client's message. */
static enum result write_close(struct conversation *conversation, struct backend *backend,
			       struct statement *statement)
{
	char name[STATEMENT_NAME_MAX];
	uint32_t generation = 0;
	struct debt *debt = owe(conversation, backend, DEBT_CLOSE, FATE_SWALLOW);

	if (debt == NULL)
		return BROKEN;
	if (prepared_set_use(backend->prepared, statement, &generation)) {
		debt->generation = generation;
		debt->prepared = statement_ref(statement);
		prepared_set_remove(backend->prepared, statement);
	}
	query_write_target(&backend->before, 'C', 'S', statement_name(statement, name));
	return OK;
}

static enum result make_room(struct conversation *conversation, struct backend *backend)
{
	while (prepared_set_count(backend->prepared) >= backend->prepared_max) {
		if (write_close(conversation, backend, prepared_set_oldest(backend->prepared)) !=
		    OK)
			return BROKEN;
	}
	return OK;
}

enum copy { COPY_FRESH, COPY_STALE, COPY_MISSING };

static enum copy copy_on(struct backend *backend, struct statement *statement)
{
	uint32_t generation;

	if (backend->prepared == NULL ||
	    !prepared_set_use(backend->prepared, statement, &generation))
		return COPY_MISSING;
	return generation == statement_generation(statement) ? COPY_FRESH : COPY_STALE;
}

/*
 * True when the copy was asked for in an earlier batch that the server has not answered yet: it may
 * still be refused, without this batch being skipped.
 */
static bool is_unconfirmed(struct backend *backend, struct statement *statement)
{
	bool ended = false;

	for (unsigned i = backend->ledger.len; i > 0; i--) {
		struct debt *debt = ledger_at(&backend->ledger, i - 1);

		if (debt->kind == DEBT_PARSE && debt->prepared == statement)
			return ended;
		ended |= debt->kind == DEBT_SYNC || debt->kind == DEBT_QUERY;
	}
	return false;
}

/* Sends Parse for a shared statement; its debt has this fate. NULL without memory. */
static struct debt *write_parse(struct conversation *conversation, struct backend *backend,
				struct statement *statement, enum debt_fate fate)
{
	char name[STATEMENT_NAME_MAX];
	struct debt *debt;

	if (backend->prepared == NULL)
		backend->prepared = prepared_set_new();
	if (backend->prepared == NULL)
		return NULL;
	if ((backend->prepared_unsure || copy_on(backend, statement) == COPY_STALE) &&
	    write_close(conversation, backend, statement) != OK)
		return NULL;
	if (make_room(conversation, backend) != OK)
		return NULL;
	debt = owe(conversation, backend, DEBT_PARSE, fate);
	if (debt == NULL || prepared_set_add(backend->prepared, statement,
					     statement_generation(statement), debt->number) != OK)
		return NULL;
	debt->prepared = statement_ref(statement);
	query_write_parse(&backend->before, statement_name(statement, name),
			  statement_signature(statement));
	backend->parses++;
	return debt;
}

/*
 * A request that PostgreSQL would refuse on account of the client's own names: the server is
 * asked for a statement nobody has, so that it fails there in its place and order, and the
 * error is replaced by the right one.
 */
static struct debt *write_failing(struct conversation *conversation, struct backend *backend,
				  const char *sqlstate, const char *message)
{
	struct debt *debt = owe(conversation, backend, DEBT_DESCRIBE, FATE_REPLACE);

	if (debt == NULL)
		return NULL;
	debt->instead = error_instead(sqlstate, message);
	if (debt->instead == NULL)
		return NULL;
	query_write_target(&backend->before, 'D', 'S', SLICE_LITERAL(NO_SUCH_STATEMENT));
	return debt;
}

static struct step refuse_duplicate(struct conversation *conversation, struct backend *backend,
				    struct slice name)
{
	struct buffer message = BUFFER_EMPTY;
	struct debt *debt = NULL;

	buffer_append_format(&message, "prepared statement \"%.*s\" already exists", (int)name.len,
			     name.data);
	buffer_append(&message, "", 1);
	if (!message.failed)
		debt = write_failing(conversation, backend, "42P05", message.data);
	buffer_release(&message);
	return debt ? behind_ours(backend, drop()) : end(END_NO_MEMORY);
}

/* A statement too long to keep stays on this server under the client's own name. */
static struct step parse_on_server(struct conversation *conversation, struct backend *backend,
				   const struct message *message)
{
	const char *name_end = memchr(message->body.data, '\0', message->body.len);
	struct slice name;
	struct debt *debt;

	if (name_end == NULL)
		return end(END_BROKEN_PARSE);
	name = (struct slice){ message->body.data, (size_t)(name_end - message->body.data) };
	if (name.len > 0 && names_find(&conversation->names, name) != NULL)
		return refuse_duplicate(conversation, backend, name);
	debt = owe(conversation, backend, DEBT_PARSE, FATE_FORWARD);
	if (debt == NULL)
		return end(END_NO_MEMORY);
	if (name.len == 0) {
		swap_unnamed(conversation, debt, NULL);
		backend_set_unnamed(backend, NULL);
		conversation->unnamed_on_server = true;
		return forward();
	}
	if (names_add(&conversation->names, name, NULL, debt->number) == NULL)
		return end(END_NO_MEMORY);
	debt->named = true;
	conversation->names_on_server++;
	return forward();
}

static struct step parse_unnamed(struct conversation *conversation, struct backend *backend,
				 struct statement *statement)
{
	struct debt *debt = owe(conversation, backend, DEBT_PARSE, FATE_FORWARD);

	if (debt == NULL) {
		statement_unref(statement);
		return end(END_NO_MEMORY);
	}
	backend_set_unnamed(backend, statement_ref(statement));
	debt->sets_unnamed = true;
	swap_unnamed(conversation, debt, statement);
	backend->parses++;
	return forward();
}

static struct step parse_named(struct conversation *conversation, struct backend *backend,
			       struct slice name, struct statement *statement)
{
	enum copy copy = copy_on(backend, statement);
	struct debt *debt;
	/* In a failed transaction PostgreSQL refuses to parse, so it must be asked. */
	bool again = copy == COPY_FRESH &&
		     (backend->status == 'E' || is_unconfirmed(backend, statement));

	if (again && write_close(conversation, backend, statement) != OK)
		return end(END_NO_MEMORY);
	if (again || copy != COPY_FRESH)
		debt = write_parse(conversation, backend, statement, FATE_FORWARD);
	else
		debt = owe(conversation, backend, DEBT_PARSE, FATE_OWN);
	if (debt == NULL || names_add(&conversation->names, name, statement, debt->number) == NULL)
		return end(END_NO_MEMORY);
	debt->named = true;
	return behind_ours(backend, drop());
}

static struct step on_parse(struct conversation *conversation, struct backend *backend,
			    const struct message *message)
{
	struct parse_view view;
	struct statement *statement;
	struct step step;

	if (!conversation->tracks_statements)
		return owe_and_forward(conversation, backend, DEBT_PARSE);
	if (!message_is_whole(message))
		return parse_on_server(conversation, backend, message);
	if (query_read_parse(message->body, &view) != OK)
		return end(END_BROKEN_PARSE);
	if (view.name.len > 0 && names_find(&conversation->names, view.name) != NULL)
		return refuse_duplicate(conversation, backend, view.name);
	statement = statement_intern(conversation->store, view.signature);
	if (statement == NULL)
		return end(END_NO_MEMORY);
	if (view.name.len == 0)
		return parse_unnamed(conversation, backend, statement);
	step = parse_named(conversation, backend, view.name, statement);
	statement_unref(statement);
	return step;
}

/*
 * The unnamed statement is about to be used: the server's must be the client's. A client that
 * has none must find none.
 */
static enum result bring_unnamed(struct conversation *conversation, struct backend *backend)
{
	struct debt *debt;

	if (conversation->unnamed_on_server ||
	    (conversation->unnamed != NULL && backend->unnamed == conversation->unnamed))
		return OK;
	debt = owe(conversation, backend, conversation->unnamed ? DEBT_PARSE : DEBT_CLOSE,
		   FATE_SWALLOW);
	if (debt == NULL)
		return BROKEN;
	if (conversation->unnamed == NULL) {
		backend_set_unnamed(backend, NULL);
		query_write_target(&backend->before, 'C', 'S', SLICE_NONE);
		return OK;
	}
	backend_set_unnamed(backend, statement_ref(conversation->unnamed));
	debt->sets_unnamed = true;
	query_write_parse(&backend->before, SLICE_NONE, statement_signature(conversation->unnamed));
	backend->parses++;
	return OK;
}

/*
 * A named statement is about to be used. A client whose knowledge of the result type is older
 * than the statement gets the error PostgreSQL would give; see may_retry in backend_reply.c.
 */
static enum result bring_named(struct conversation *conversation, struct backend *backend,
			       struct binding *binding)
{
	struct statement *statement = binding->statement;
	struct debt *debt;

	if (backend->retried)
		binding->generation = statement_generation(statement);
	if (binding->generation != statement_generation(statement)) {
		debt = write_failing(conversation, backend, "0A000",
				     "cached plan must not change result type");
		if (debt == NULL)
			return BROKEN;
		debt->outdated = true;
		debt->uses = statement_ref(statement);
		return OK;
	}
	if (!backend->prepared_unsure && copy_on(backend, statement) == COPY_FRESH)
		return OK;
	return write_parse(conversation, backend, statement, FATE_SWALLOW) ? OK : BROKEN;
}

/*
 * Bind and Describe name a statement: makes it be there. *binding is set when the message must
 * carry our name instead of the client's.
 */
static struct debt *use_statement(struct conversation *conversation, struct backend *backend,
				  struct slice name, enum debt_kind kind, struct binding **binding)
{
	struct binding *found = name.len ? names_find(&conversation->names, name) : NULL;
	struct debt *debt;
	enum result result = OK;

	*binding = NULL;
	if (found != NULL && found->statement != NULL) {
		*binding = found;
		result = bring_named(conversation, backend, found);
	} else if (name.len == 0) {
		result = bring_unnamed(conversation, backend);
	}
	if (result != OK)
		return NULL;
	debt = owe(conversation, backend, kind, FATE_FORWARD);
	if (debt == NULL)
		return NULL;
	if (*binding != NULL)
		debt->uses = statement_ref(found->statement);
	if ((*binding != NULL && statement_may_drop(found->statement)) ||
	    (name.len == 0 && conversation->unnamed && statement_may_drop(conversation->unnamed)))
		conversation->portal_may_drop = true;
	return debt;
}

static struct step on_bind(struct conversation *conversation, struct backend *backend,
			   const struct message *message)
{
	struct bind_view view;
	struct binding *binding;
	char name[STATEMENT_NAME_MAX];
	struct step step = forward();

	if (!conversation->tracks_statements)
		return owe_and_forward(conversation, backend, DEBT_BIND);
	if (query_read_bind(message->body, &view) != OK)
		return end(END_BROKEN_BIND);
	if (use_statement(conversation, backend, view.statement, DEBT_BIND, &binding) == NULL)
		return end(END_NO_MEMORY);
	if (binding != NULL) {
		query_write_bind_head(&backend->before, &view, message->len,
				      statement_name(binding->statement, name));
		step.skip = MESSAGE_HEADER_LEN + view.head_len;
	}
	return behind_ours(backend, step);
}

static struct step on_describe(struct conversation *conversation, struct backend *backend,
			       const struct message *message)
{
	struct target_view view;
	struct binding *binding;
	char name[STATEMENT_NAME_MAX];

	if (!conversation->tracks_statements)
		return owe_and_forward(conversation, backend, DEBT_DESCRIBE);
	if (query_read_target(message->body, &view) != OK)
		return end(END_BROKEN_DESCRIBE);
	if (view.kind != 'S')
		return owe_and_forward(conversation, backend, DEBT_DESCRIBE);
	if (use_statement(conversation, backend, view.name, DEBT_DESCRIBE, &binding) == NULL)
		return end(END_NO_MEMORY);
	if (binding == NULL)
		return behind_ours(backend, forward());
	query_write_target(&backend->before, 'D', 'S', statement_name(binding->statement, name));
	return behind_ours(backend, drop());
}

/* The server keeps a shared statement for the next client; only the client's name goes. */
static struct step close_named(struct conversation *conversation, struct backend *backend,
			       struct binding *binding)
{
	bool shared = binding->statement != NULL;
	struct debt *debt =
		owe(conversation, backend, DEBT_CLOSE, shared ? FATE_OWN : FATE_FORWARD);

	if (debt == NULL)
		return end(END_NO_MEMORY);
	names_take(&conversation->names, binding);
	debt->binding = binding;
	if (shared)
		return drop();
	conversation->names_on_server--;
	return forward();
}

static struct step on_close(struct conversation *conversation, struct backend *backend,
			    const struct message *message)
{
	struct target_view view;
	struct binding *binding;
	struct debt *debt;

	if (!conversation->tracks_statements)
		return owe_and_forward(conversation, backend, DEBT_CLOSE);
	if (query_read_target(message->body, &view) != OK)
		return end(END_BROKEN_CLOSE);
	binding = names_find(&conversation->names, view.name);
	if (view.kind == 'S' && view.name.len > 0 && binding != NULL)
		return close_named(conversation, backend, binding);
	debt = owe(conversation, backend, DEBT_CLOSE, FATE_FORWARD);
	if (debt == NULL)
		return end(END_NO_MEMORY);
	if (view.kind == 'S' && view.name.len == 0) {
		swap_unnamed(conversation, debt, NULL);
		backend_set_unnamed(backend, NULL);
	}
	return forward();
}

static struct step on_execute(struct conversation *conversation, struct backend *backend)
{
	struct debt *debt = owe(conversation, backend, DEBT_EXECUTE, FATE_FORWARD);

	if (debt == NULL)
		return end(END_NO_MEMORY);
	if (conversation->portal_may_drop)
		mark_may_drop(backend, debt);
	return forward();
}

/* A simple Query destroys the unnamed statement (PostgreSQL docs, "Extended Query"). */
static struct step on_query(struct conversation *conversation, struct backend *backend,
			    const struct message *message)
{
	struct debt *debt = owe(conversation, backend, DEBT_QUERY, FATE_FORWARD);

	if (debt == NULL)
		return end(END_NO_MEMORY);
	backend->batch_open = false;
	if (!conversation->tracks_statements)
		return forward();
	if (conversation->unnamed != NULL || conversation->unnamed_on_server)
		swap_unnamed(conversation, debt, NULL);
	if (backend->unnamed != NULL)
		backend_set_unnamed(backend, NULL);
	if (scan_may_drop_statements(message->body))
		mark_may_drop(backend, debt);
	return forward();
}

static struct step on_sync(struct conversation *conversation, struct backend *backend)
{
	/* During COPY IN the server ignores it. */
	if (backend->copy == COPY_IN)
		return forward();
	backend->batch_open = false;
	backend->skipping = false;
	conversation->portal_may_drop = false;
	return owe_and_forward(conversation, backend, DEBT_SYNC);
}

static struct step on_flush(struct conversation *conversation, struct backend *backend)
{
	struct step step = forward();

	if (backend->copy == COPY_IN)
		return step;
	if (!ledger_is_empty(&backend->ledger) &&
	    owe(conversation, backend, DEBT_FLUSH, FATE_FORWARD) == NULL)
		return end(END_NO_MEMORY);
	backend_advance_flushed(backend);
	if (backend->own.failed)
		return end(END_NO_MEMORY);
	step.answer = buffer_slice(&backend->own);
	if (backend->own.len > 0)
		backend->told = true;
	return step;
}

/* CopyData, CopyDone, CopyFail: they make no debts, but the copy's end must be known. */
static struct step on_copy(struct conversation *conversation, struct backend *backend, char type)
{
	if (backend->copy == COPY_NONE && ledger_is_empty(&backend->ledger))
		return drop();
	if (type == 'd' || backend->copy == COPY_BOTH)
		return forward();
	if (backend->copy == COPY_IN)
		backend->copy = COPY_IN_ENDING;
	else if (owe(conversation, backend, DEBT_COPY_END, FATE_FORWARD) == NULL)
		return end(END_NO_MEMORY);
	return forward();
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

/* Keeps a copy of the turn's requests while it is one batch from an idle server, and short. */
static void record(struct backend *backend, const struct message *message)
{
	struct slice bytes = message_bytes(message);

	if (ledger_is_empty(&backend->ledger) && backend->status == 'I' && !backend->retried) {
		backend->recording = is_extended(message->type);
		backend->replay.len = 0;
	}
	if (!backend->recording)
		return;
	if (!message_is_whole(message) || backend->replay.len + bytes.len > REPLAY_MAX ||
	    !(is_extended(message->type) || message->type == 'S' || message->type == 'H'))
		backend->recording = false;
	else
		buffer_append_slice(&backend->replay, bytes);
	if (backend->replay.failed)
		backend->recording = false;
}

static struct step without_server(struct conversation *conversation, const struct message *message)
{
	struct step step = drop();

	if (message->type == 'X')
		return end(END_CLIENT_CLOSED);
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
	case 'P': return on_parse(conversation, backend, message);
	case 'B': return on_bind(conversation, backend, message);
	case 'D': return on_describe(conversation, backend, message);
	case 'E': return on_execute(conversation, backend);
	case 'C': return on_close(conversation, backend, message);
	case 'S': return on_sync(conversation, backend);
	case 'H': return on_flush(conversation, backend);
	case 'F':
		backend->batch_open = false;
		return owe_and_forward(conversation, backend, DEBT_FUNCTION);
	case 'd':
	case 'c':
	case 'f': return on_copy(conversation, backend, message->type);
	case 'X': return end(END_CLIENT_CLOSED);
	default: return end(END_UNKNOWN_PACKET);
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
		return drop();
	/* In COPY IN anything but the copy's own messages is an error there, without other reply.
	 */
	if (backend->copy == COPY_IN &&
	    (is_extended(message->type) || message->type == 'Q' || message->type == 'F'))
		return forward();
	buffer_clear(&backend->before);
	buffer_clear(&backend->own);
	if (conversation->tracks_statements)
		record(backend, message);
	step = with_server(conversation, backend, message);
	if (step.kind != STEP_END && is_extended(message->type))
		backend->batch_open = true;
	return step;
}
