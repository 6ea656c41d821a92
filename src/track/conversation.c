/*
 * One client's talk: birth and death, which message needs a server, what a lent server must be
 * told first. What each message means is in conversation_request.c. Owned by session.
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
	conversation->statement_mode = options->statement_mode;
	names_init(&conversation->names);
	return conversation;
}

void conversation_free(struct conversation *conversation)
{
	if (conversation == NULL)
		return;
	names_release(&conversation->names);
	statement_unref(conversation->unnamed);
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

unsigned conversation_statements(const struct conversation *conversation)
{
	return conversation->names.all.len;
}

bool conversation_is_pinned(const struct conversation *conversation)
{
	return conversation->unnamed_on_server || conversation->names_on_server > 0;
}

void conversation_set_unnamed(struct conversation *conversation, struct statement *statement)
{
	statement_unref(conversation->unnamed);
	conversation->unnamed = statement;
	conversation->unnamed_on_server = false;
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

bool conversation_must_wait(const struct conversation *conversation, const struct backend *backend,
			    const struct message *message)
{
	if (!conversation->tracks_statements || backend->doubts == 0)
		return false;
	switch (message->type) {
	case 'P':
	case 'B':
	case 'D':
	case 'C': return true;
	default: return false;
	}
}

/* Writes the SETs as one simple query, so that all of them or none take effect. */
static enum result write_settings(struct conversation *conversation, struct backend *backend,
				  struct slice sql, struct buffer *out)
{
	struct debt *debt = ledger_owe(&backend->ledger, DEBT_QUERY);

	if (debt == NULL)
		return BROKEN;
	debt->fate = FATE_SWALLOW;
	debt->creditor = conversation;
	debt->had = backend->has;
	backend->has = varset_ref(conversation->wants);
	backend_set_unnamed(backend, NULL);
	query_write_query(out, sql);
	return out->failed ? BROKEN : OK;
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

void conversation_replay(struct conversation *conversation, struct backend *backend,
			 struct buffer *requests)
{
	(void)conversation;
	*requests = backend->replay;
	buffer_init(&backend->replay);
	backend->recording = false;
}

static void write_error(struct buffer *out, const char *sqlstate, const char *message)
{
	notice_write(out, 'E',
		     &(struct notice_view){ .severity = SLICE_LITERAL("ERROR"),
					    .sqlstate = slice_of(sqlstate),
					    .message = slice_of(message) });
}

struct buffer *error_instead(const char *sqlstate, const char *message)
{
	struct buffer *out = mem_alloc(sizeof(*out));

	if (out == NULL)
		return NULL;
	buffer_init(out);
	write_error(out, sqlstate, message);
	if (!out->failed)
		return out;
	mem_free(out);
	return NULL;
}

bool conversation_cancel_waiting(struct conversation *conversation, const struct message *message,
				 struct buffer *answer)
{
	if (!conversation_needs_server(conversation, message))
		return false;
	write_error(answer, "57014", "canceling statement due to user request");
	if (message->type == 'Q' || message->type == 'F' || message->type == 'S')
		result_write_ready(answer, 'I');
	else
		conversation->cancelled = true;
	return !answer->failed;
}
