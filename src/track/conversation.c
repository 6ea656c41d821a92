/*
 * One client's talk: birth and death, which message needs a server or must wait for it, what a
 * lent server must be told first. What each message means is in conversation_request.c and
 * request_statements.c. Owned by session.
 */
#include "track/conversation.h"

#include "base/alloc.h"
#include "track_internal.h"
#include "wire/notice.h"
#include "wire/query.h"
#include "wire/result.h"

struct conversation *conversation_new(const struct conversation_options *options)
{
	struct conversation *conversation = mem_alloc_zero(sizeof(*conversation));

	if (conversation == NULL)
		return NULL;
	conversation->owner = options->owner;
	conversation->store = options->store;
	conversation->wants = varset_ref(options->wants);
	conversation->tracks_statements = options->tracks_statements;
	names_init(&conversation->names);
	return conversation;
}

void conversation_free(struct conversation *conversation)
{
	if (conversation == NULL)
		return;
	names_release(&conversation->names);
	statement_unref(conversation->unnamed);
	statement_unref(conversation->dropper);
	varset_unref(conversation->wants);
	mem_free(conversation);
}

void *conversation_owner(const struct conversation *conversation)
{
	return conversation->owner;
}

const struct varset *conversation_wants(const struct conversation *conversation)
{
	return conversation->wants;
}

uint32_t conversation_errors(const struct conversation *conversation)
{
	return conversation->errors;
}

unsigned conversation_statements(const struct conversation *conversation)
{
	return conversation->names.count;
}

bool conversation_is_pinned(const struct conversation *conversation)
{
	return conversation->unnamed_on_server || conversation->names.on_server > 0;
}

void conversation_each_statement(const struct conversation *conversation,
				 void (*each)(void *ctx, struct slice name, struct slice signature),
				 void *ctx)
{
	const struct binding *binding = NULL;

	if (conversation->unnamed != NULL)
		each(ctx, SLICE_NONE, statement_signature(conversation->unnamed));
	while ((binding = names_next(&conversation->names, binding)) != NULL)
		if (binding->statement != NULL)
			each(ctx, binding_name(binding), statement_signature(binding->statement));
}

enum result conversation_take_statement(struct conversation *conversation, struct slice name,
					struct slice signature)
{
	struct statement *statement = statement_intern(conversation->store, signature);
	struct binding *binding;

	if (statement == NULL)
		return BROKEN;
	if (name.len == 0) {
		statement_unref(conversation->unnamed);
		conversation->unnamed = statement;
		return OK;
	}
	binding = names_find(&conversation->names, name) == NULL
			  ? names_add(&conversation->names, name, statement, 0)
			  : NULL;
	statement_unref(statement);
	if (binding == NULL)
		return BROKEN;
	binding->described = true;
	return OK;
}

void conversation_swap_unnamed(struct conversation *conversation, struct debt *debt,
			       struct statement *statement)
{
	debt->swaps_unnamed = true;
	debt->unnamed = conversation->unnamed;
	debt->was_on_server = conversation->unnamed_on_server;
	conversation->unnamed = statement;
	conversation->unnamed_on_server = false;
	conversation->unnamed_request = debt->request;
}

struct debt *conversation_owe(struct conversation *conversation, struct backend *backend,
			      enum debt_kind kind, enum debt_fate fate)
{
	struct debt *debt = ledger_owe(&backend->ledger, kind);

	if (debt == NULL)
		return NULL;
	debt->fate = fate;
	debt->creditor = conversation;
	debt->request = ++conversation->requests;
	return debt;
}

enum result conversation_note_parameter(struct conversation *conversation, struct slice name,
					struct slice value, bool *changed)
{
	const struct varset *wants;

	*changed = true;
	if (!varset_tracked_by(conversation->wants, name))
		return OK;
	*changed = !slice_equal(varset_value(conversation->wants, name), value);
	if (!*changed)
		return OK;
	wants = varset_with(conversation->wants, name, value);
	if (wants == NULL)
		return BROKEN;
	varset_unref(conversation->wants);
	conversation->wants = wants;
	return OK;
}

/*
 * Copy messages that arrive without a server are the tail of a COPY that failed: PostgreSQL
 * ignores them between requests (docs, "COPY Operations"). A Flush with nothing before it does
 * nothing.
 */
bool conversation_needs_server(const struct conversation *conversation,
			       const struct message *message)
{
	switch (message->type) {
	case 'X':
	case 'd':
	case 'c':
	case 'f':
	case 'H': return false;
	default: return !conversation->cancelled;
	}
}

/* ---- what must wait ---- */

static uint64_t oldest_request(const struct conversation *conversation,
			       const struct backend *backend)
{
	for (unsigned i = 0; i < backend->ledger.len; i++) {
		const struct debt *debt = ledger_at(&backend->ledger, i);

		if (debt->creditor == conversation)
			return debt->request;
	}
	return UINT64_MAX;
}

bool conversation_is_ahead(const struct conversation *conversation, const struct backend *backend)
{
	return conversation->last_end >= oldest_request(conversation, backend);
}

/* True when this request may still be skipped or refused without the next one being skipped. */
static bool is_open(const struct conversation *conversation, const struct backend *backend,
		    uint64_t request)
{
	return request >= oldest_request(conversation, backend) &&
	       request <= conversation->last_end;
}

/*
 * True when what the name stands for depends on a batch that has ended but is not answered.
 * Within one batch there is no doubt: an error skips both or none.
 */
static bool is_open_name(const struct conversation *conversation, const struct backend *backend,
			 const struct message *message, struct slice name)
{
	const struct binding *binding;

	if (name.len == 0)
		return (message->type == 'B' || message->type == 'D') &&
		       is_open(conversation, backend, conversation->unnamed_request);
	binding = names_find(&conversation->names, name);
	return is_open(conversation, backend,
		       binding ? binding->request : conversation->ended_close);
}

bool conversation_must_wait(const struct conversation *conversation, const struct backend *backend,
			    const struct message *message)
{
	const struct debt *head = ledger_head(&backend->ledger);
	char room[SCAN_NAME_MAX];
	struct slice name;

	if (head == NULL || message->type == 'X' || backend->copy == COPY_IN)
		return false;
	if (backend->unproven || (backend->ledger.len >= PLENTY && !debt_is_ours(head)))
		return true;
	if (!conversation->tracks_statements ||
	    (backend->doubts == 0 && !conversation_is_ahead(conversation, backend)) ||
	    (!statement_name_of(message, &name) &&
	     !request_drops_name(conversation, message, room, &name)))
		return false;
	return backend->doubts > 0 || is_open_name(conversation, backend, message, name);
}

/* ---- settings ---- */

/* Writes the SETs as one simple query, so that all of them or none take effect. */
/* A simple query of ours, for which debt is owed: it takes the unnamed statement's place. */
static enum result write_own_query(struct backend *backend, const struct debt *debt,
				   struct slice sql, struct buffer *out)
{
	backend_set_unnamed(backend, NULL, debt->number);
	query_write_query(out, sql);
	if (!out->failed)
		return OK;
	backend->half_told = true;
	return BROKEN;
}

static enum result write_settings(struct conversation *conversation, struct backend *backend,
				  struct slice sql, struct buffer *out)
{
	struct debt *debt = conversation_owe(conversation, backend, DEBT_QUERY, FATE_SWALLOW);

	if (debt == NULL)
		return BROKEN;
	debt->had = backend->has;
	debt->wants = varset_ref(conversation->wants);
	backend->has = varset_ref(conversation->wants);
	backend->unproven = !varset_is_proven(conversation->wants);
	return write_own_query(backend, debt, sql, out);
}

enum result conversation_align(struct conversation *conversation, struct backend *backend,
			       struct buffer *out)
{
	struct buffer sql = BUFFER_EMPTY;
	enum result result = OK;

	backend->lent_to = conversation;
	if (backend->has == conversation->wants)
		return OK;
	if (varset_diff(backend->has, conversation->wants, &sql) > 0) {
		result = sql.failed
				 ? BROKEN
				 : write_settings(conversation, backend, buffer_slice(&sql), out);
	} else {
		/* They differ in spelling only: the server's is the canonical one. */
		varset_unref(conversation->wants);
		conversation->wants = varset_ref(backend->has);
	}
	buffer_release(&sql);
	return result;
}

enum result conversation_open_block(struct conversation *conversation, struct backend *backend,
				    struct slice sql, struct buffer *out)
{
	struct debt *debt = conversation_owe(conversation, backend, DEBT_QUERY, FATE_SWALLOW);

	if (debt == NULL)
		return BROKEN;
	debt->opens = true;
	return write_own_query(backend, debt, sql, out);
}

struct statement *conversation_statement(const struct conversation *conversation, struct slice name)
{
	const struct binding *binding;

	if (name.len == 0)
		return conversation->unnamed_on_server ? NULL : conversation->unnamed;
	binding = names_find(&conversation->names, name);
	return binding ? binding->statement : NULL;
}

void conversation_replay(struct conversation *conversation, struct backend *backend,
			 struct buffer *requests)
{
	(void)conversation;
	*requests = backend->replay;
	buffer_init(&backend->replay);
	backend->recording = false;
}

void write_error(struct buffer *out, const char *sqlstate, const char *message)
{
	notice_write(out, 'E',
		     &(struct notice_view){ .severity = SLICE_LITERAL("ERROR"),
					    .sqlstate = slice_of(sqlstate),
					    .message = slice_of(message) });
}

bool conversation_cancel_waiting(struct conversation *conversation, const struct message *message,
				 struct buffer *answer)
{
	return conversation_refuse_waiting(conversation, message, "57014",
					   "canceling statement due to user request", answer);
}

bool conversation_refuse_waiting(struct conversation *conversation, const struct message *message,
				 const char *sqlstate, const char *text, struct buffer *answer)
{
	bool ends_turn = message->type == 'Q' || message->type == 'F' || message->type == 'S';

	if (!conversation_needs_server(conversation, message))
		return false;
	write_error(answer, sqlstate, text);
	if (ends_turn)
		result_write_ready(answer, 'I');
	/* What the client was not told did not happen. */
	if (answer->failed)
		return false;
	conversation->cancelled = !ends_turn;
	return true;
}
