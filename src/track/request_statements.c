/*
 * Parse, Bind, Describe and Close of a client whose statements are tracked. A named statement is
 * a shared one, prepared on servers under a name of ours when it is first needed there; the
 * client's name is replaced on the way. The unnamed statement keeps its place (every server has
 * one) and its text, so that it can be prepared again on another server.
 *
 * Invariant: no message reaches a server that would make it use another client's statement, even
 * if a batch before it that is still under way fails.
 */
#include "base/alloc.h"
#include "track/prepared.h"
#include "track_internal.h"
#include "wire/query.h"

bool statement_name_of(const struct message *message, struct slice *name)
{
	struct target_view target;
	struct bind_view bind;
	const char *end;

	switch (message->type) {
	case 'P':
		/* It need not be whole. */
		end = message->body.len ? memchr(message->body.data, '\0', message->body.len)
					: NULL;
		if (end == NULL)
			return false;
		*name = (struct slice){ message->body.data, (size_t)(end - message->body.data) };
		return true;
	case 'B':
		if (query_read_bind(message->body, &bind) != OK)
			return false;
		*name = bind.statement;
		return true;
	case 'C':
	case 'D':
		if (query_read_target(message->body, &target) != OK || target.kind != 'S')
			return false;
		*name = target.name;
		return true;
	default: return false;
	}
}

static bool is_name_of_ours(struct slice name)
{
	return slice_starts_with(name, SLICE_LITERAL(STATEMENT_PREFIX));
}

/* ---- copies of shared statements on the server ---- */

enum copy { COPY_FRESH, COPY_STALE, COPY_MISSING };

static enum copy find_copy(struct backend *backend, struct statement *statement,
			   struct prepared_copy *found)
{
	if (backend->prepared == NULL || !prepared_set_use(backend->prepared, statement, found))
		return COPY_MISSING;
	return found->generation == statement_generation(statement) ? COPY_FRESH : COPY_STALE;
}

/* Takes statement out of the server: Close in front of the client's message. */
static enum result write_close(struct conversation *conversation, struct backend *backend,
			       struct statement *statement)
{
	struct prepared_copy found;
	struct debt *debt = conversation_owe(conversation, backend, DEBT_CLOSE, FATE_SWALLOW);

	if (debt == NULL)
		return BROKEN;
	query_write_target(&backend->before, 'C', 'S', statement_name(statement));
	backend->last_close = debt->number;
	/* The set's reference may be the last but for this. */
	debt->prepared = statement_ref(statement);
	if (find_copy(backend, statement, &found) != COPY_MISSING) {
		debt->generation = found.generation;
		debt->copy_number = found.number;
		prepared_set_remove(backend->prepared, statement);
	}
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

/*
 * True when something may be there under the statement's name: an old copy, or one whose Close is
 * under way in a batch that may yet be skipped. Closing what is not there is no error.
 */
static bool needs_close(struct backend *backend, struct statement *statement)
{
	struct prepared_copy found;

	return backend->prepared_unsure || backend_is_open(backend, backend->ended_close) ||
	       find_copy(backend, statement, &found) != COPY_MISSING;
}

/* Sends Parse for a shared statement; its debt has this fate. NULL without memory. */
static struct debt *write_parse(struct conversation *conversation, struct backend *backend,
				struct statement *statement, enum debt_fate fate)
{
	struct prepared_copy copy;
	struct debt *debt;

	if (backend->prepared == NULL)
		backend->prepared = prepared_set_new();
	if (backend->prepared == NULL ||
	    (needs_close(backend, statement) &&
	     write_close(conversation, backend, statement) != OK) ||
	    make_room(conversation, backend) != OK)
		return NULL;
	debt = conversation_owe(conversation, backend, DEBT_PARSE, fate);
	if (debt == NULL)
		return NULL;
	copy = (struct prepared_copy){ statement_generation(statement), debt->number };
	if (prepared_set_add(backend->prepared, statement, copy) != OK)
		return NULL;
	debt->prepared = statement_ref(statement);
	query_write_parse(&backend->before, statement_name(statement),
			  statement_signature(statement));
	backend->parses++;
	return debt;
}

/* ---- requests that PostgreSQL would refuse on account of the client's own names ---- */

/* text has its NUL in len. NULL without memory. */
static struct buffer *error_instead(const char *sqlstate, const struct buffer *text)
{
	struct buffer *out = text->failed ? NULL : mem_alloc(sizeof(*out));

	if (out == NULL)
		return NULL;
	buffer_init(out);
	write_error(out, sqlstate, text->data);
	if (!out->failed)
		return out;
	buffer_release(out);
	mem_free(out);
	return NULL;
}

/* A request that will fail; its error is replaced by the one with this text. NULL without memory.
 */
static struct debt *owe_failing(struct conversation *conversation, struct backend *backend,
				enum debt_kind kind, const char *sqlstate,
				const struct buffer *text)
{
	struct debt *debt = conversation_owe(conversation, backend, kind, FATE_REPLACE);

	if (debt == NULL)
		return NULL;
	debt->instead = error_instead(sqlstate, text);
	return debt->instead ? debt : NULL;
}

/*
 * Makes the server fail in the request's place and order: it is asked to prepare a text that
 * cannot be. In a failed transaction it says that instead, as it would have to the client.
 */
static struct debt *write_failing(struct conversation *conversation, struct backend *backend,
				  const char *sqlstate, const struct buffer *text)
{
	static const char signature[] = FAILING_TEXT "\0\0"; /* its NUL, no parameter types */

	query_write_parse(&backend->before, SLICE_LITERAL(NO_STATEMENT),
			  (struct slice){ signature, sizeof(signature) });
	return owe_failing(conversation, backend, DEBT_PARSE, sqlstate, text);
}

/* problem: what follows the name in PostgreSQL's message. */
static struct buffer name_problem(struct slice name, const char *problem)
{
	struct buffer text = BUFFER_EMPTY;

	buffer_append_text(&text, "prepared statement \"");
	buffer_append_slice(&text, name);
	buffer_append_text(&text, "\" ");
	buffer_append(&text, problem, strlen(problem) + 1);
	return text;
}

/* Fails in a failed transaction, too: the name is looked up first. */
static struct debt *refuse_unknown(struct conversation *conversation, struct backend *backend,
				   struct slice name)
{
	struct buffer text = name_problem(name, "does not exist");
	struct debt *debt = owe_failing(conversation, backend, DEBT_DESCRIBE, "26000", &text);

	buffer_release(&text);
	query_write_target(&backend->before, 'D', 'S', SLICE_LITERAL(NO_STATEMENT));
	return debt;
}

static struct debt *refuse_outdated(struct conversation *conversation, struct backend *backend,
				    struct statement *statement)
{
	static const char problem[] = "cached plan must not change result type";
	struct buffer text = BUFFER_EMPTY;
	struct debt *debt;

	buffer_append(&text, problem, sizeof(problem));
	debt = write_failing(conversation, backend, "0A000", &text);
	buffer_release(&text);
	if (debt == NULL)
		return NULL;
	debt->outdated = true;
	debt->uses = statement_ref(statement);
	return debt;
}

/*
 * PostgreSQL reads a text before it looks at the name, so what is wrong with the text is told
 * first. Prepared twice under one name of ours, a good text fails the second time for its name.
 */
static struct debt *write_twins(struct conversation *conversation, struct backend *backend,
				struct slice signature, const struct buffer *text)
{
	struct slice twin = SLICE_LITERAL(TWIN_STATEMENT);

	if (conversation_owe(conversation, backend, DEBT_CLOSE, FATE_SWALLOW) == NULL ||
	    conversation_owe(conversation, backend, DEBT_PARSE, FATE_SWALLOW) == NULL)
		return NULL;
	query_write_target(&backend->before, 'C', 'S', twin);
	query_write_parse(&backend->before, twin, signature);
	query_write_parse(&backend->before, twin, signature);
	return owe_failing(conversation, backend, DEBT_PARSE, "42P05", text);
}

static struct step refuse_duplicate(struct conversation *conversation, struct backend *backend,
				    struct slice name, const struct parse_view *view)
{
	struct buffer text = name_problem(name, "already exists");
	struct debt *debt;

	if (view != NULL)
		debt = write_twins(conversation, backend, view->signature, &text);
	else
		debt = write_failing(conversation, backend, "42P05", &text);
	buffer_release(&text);
	return debt ? step_behind_ours(backend, step_drop()) : step_end(END_NO_MEMORY);
}

/* ---- Parse ---- */

/* A statement too long to keep stays on this server under the client's own name. */
static struct step parse_on_server(struct conversation *conversation, struct backend *backend,
				   struct slice name)
{
	struct debt *debt;

	if (is_name_of_ours(name) ||
	    (name.len > 0 && names_find(&conversation->names, name) != NULL))
		return refuse_duplicate(conversation, backend, name, NULL);
	debt = conversation_owe(conversation, backend, DEBT_PARSE, FATE_FORWARD);
	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	backend->parses++;
	if (name.len == 0) {
		conversation_swap_unnamed(conversation, debt, NULL);
		backend_set_unnamed(backend, NULL, debt->number);
		conversation->unnamed_on_server = true;
		return step_forward();
	}
	if (names_add(&conversation->names, name, NULL, debt->request) == NULL)
		return step_end(END_NO_MEMORY);
	debt->named = true;
	backend->alien_names = true;
	return step_forward();
}

/* Takes the reference to statement. */
static struct step parse_unnamed(struct conversation *conversation, struct backend *backend,
				 struct statement *statement)
{
	struct debt *debt = conversation_owe(conversation, backend, DEBT_PARSE, FATE_FORWARD);

	if (debt == NULL) {
		statement_unref(statement);
		return step_end(END_NO_MEMORY);
	}
	backend_set_unnamed(backend, statement_ref(statement), debt->number);
	debt->sets_unnamed = true;
	conversation_swap_unnamed(conversation, debt, statement);
	backend->parses++;
	return step_forward();
}

static struct step parse_named(struct conversation *conversation, struct backend *backend,
			       struct slice name, struct statement *statement)
{
	struct prepared_copy found;
	struct debt *debt;

	/*
	 * A fresh copy saves the server the work. But in a failed transaction it refuses to parse,
	 * and whether it will be in one is not known while batches are under way.
	 */
	if (find_copy(backend, statement, &found) == COPY_FRESH && backend->status != 'E' &&
	    !conversation_is_ahead(conversation, backend))
		debt = conversation_owe(conversation, backend, DEBT_PARSE, FATE_OWN);
	else
		debt = write_parse(conversation, backend, statement, FATE_FORWARD);
	if (debt == NULL || names_add(&conversation->names, name, statement, debt->request) == NULL)
		return step_end(END_NO_MEMORY);
	debt->named = true;
	return step_behind_ours(backend, step_drop());
}

struct step request_parse(struct conversation *conversation, struct backend *backend,
			  const struct message *message)
{
	struct parse_view view;
	struct statement *statement;
	struct slice name;
	struct step step;

	if (!statement_name_of(message, &name))
		return step_end(END_BROKEN_PARSE);
	if (!message_is_whole(message))
		return parse_on_server(conversation, backend, name);
	if (query_read_parse(message->body, &view) != OK)
		return step_end(END_BROKEN_PARSE);
	if (name.len > 0 && names_find(&conversation->names, name) != NULL)
		return refuse_duplicate(conversation, backend, name, &view);
	statement = statement_intern(conversation->store, view.signature);
	if (statement == NULL)
		return step_end(END_NO_MEMORY);
	if (name.len == 0)
		return parse_unnamed(conversation, backend, statement);
	step = parse_named(conversation, backend, name, statement);
	statement_unref(statement);
	return step;
}

/* ---- Bind and Describe ---- */

/*
 * The unnamed statement is about to be used: the server's must be the client's. A client that
 * has none must find none.
 */
static enum result bring_unnamed(struct conversation *conversation, struct backend *backend)
{
	struct debt *debt;

	if (conversation->unnamed_on_server ||
	    (conversation->unnamed != NULL && backend->unnamed == conversation->unnamed &&
	     !backend_is_open(backend, backend->unnamed_number)))
		return OK;
	debt = conversation_owe(conversation, backend,
				conversation->unnamed ? DEBT_PARSE : DEBT_CLOSE, FATE_SWALLOW);
	if (debt == NULL)
		return BROKEN;
	if (conversation->unnamed == NULL) {
		backend_set_unnamed(backend, NULL, debt->number);
		query_write_target(&backend->before, 'C', 'S', SLICE_NONE);
		return OK;
	}
	backend_set_unnamed(backend, statement_ref(conversation->unnamed), debt->number);
	debt->sets_unnamed = true;
	query_write_parse(&backend->before, SLICE_NONE, statement_signature(conversation->unnamed));
	backend->parses++;
	return OK;
}

/*
 * A shared statement is about to be used. A client whose knowledge of its result type is older
 * than the statement's gets the error PostgreSQL would give; see may_retry in backend_reply.c.
 */
static enum result bring_shared(struct conversation *conversation, struct backend *backend,
				struct binding *binding)
{
	struct statement *statement = binding->statement;
	struct prepared_copy found;
	struct debt *debt;

	/* Who was never told of a type cannot be misled. */
	if (!binding->described)
		binding->generation = statement_generation(statement);
	if (binding->generation != statement_generation(statement)) {
		debt = refuse_outdated(conversation, backend, statement);
		return debt ? OK : BROKEN;
	}
	if (find_copy(backend, statement, &found) == COPY_FRESH &&
	    !backend_is_open(backend, found.number))
		return OK;
	debt = write_parse(conversation, backend, statement, FATE_SWALLOW);
	return debt ? OK : BROKEN;
}

/* A name the client never gave. It may be one it gave in SQL (PREPARE), but none of ours. */
static enum result bring_unknown(struct conversation *conversation, struct backend *backend,
				 struct slice name)
{
	struct debt *debt;

	if (!is_name_of_ours(name))
		return OK;
	debt = refuse_unknown(conversation, backend, name);
	return debt ? OK : BROKEN;
}

/*
 * Bind and Describe name a statement: makes it be there. *shared is set when the message must
 * carry our name instead of the client's.
 */
static enum result use_statement(struct conversation *conversation, struct backend *backend,
				 struct slice name, enum debt_kind kind, struct statement **shared)
{
	struct binding *binding = name.len ? names_find(&conversation->names, name) : NULL;
	struct debt *debt;
	enum result result = OK;

	*shared = binding ? binding->statement : NULL;
	if (name.len == 0)
		result = bring_unnamed(conversation, backend);
	else if (binding == NULL)
		result = bring_unknown(conversation, backend, name);
	else if (*shared != NULL)
		result = bring_shared(conversation, backend, binding);
	if (result != OK)
		return BROKEN;
	debt = conversation_owe(conversation, backend, kind, FATE_FORWARD);
	if (debt == NULL)
		return BROKEN;
	conversation->bound = kind == DEBT_BIND && binding ? binding->request : conversation->bound;
	if (*shared != NULL) {
		binding->described |= kind == DEBT_DESCRIBE;
		debt->used_name = binding->request;
		debt->uses = statement_ref(*shared);
		debt->generation = statement_generation(*shared);
	}
	return OK;
}

struct step request_bind(struct conversation *conversation, struct backend *backend,
			 const struct message *message)
{
	struct bind_view view;
	struct statement *shared;
	struct step step = step_forward();

	if (query_read_bind(message->body, &view) != OK)
		return step_end(END_BROKEN_BIND);
	if (use_statement(conversation, backend, view.statement, DEBT_BIND, &shared) != OK)
		return step_end(END_NO_MEMORY);
	request_note_portal(conversation, view.portal,
			    view.statement.len ? shared : conversation->unnamed);
	if (shared != NULL) {
		query_write_bind_head(&backend->before, &view, message->len,
				      statement_name(shared));
		step.skip = MESSAGE_HEADER_LEN + view.head_len;
	}
	return step_behind_ours(backend, step);
}

void request_note_described(struct conversation *conversation)
{
	struct binding *bound = names_find_request(&conversation->names, conversation->bound);

	if (bound != NULL)
		bound->described = true;
}

struct step request_describe(struct conversation *conversation, struct backend *backend,
			     const struct message *message)
{
	struct target_view view;
	struct statement *shared;

	if (query_read_target(message->body, &view) != OK)
		return step_end(END_BROKEN_DESCRIBE);
	if (view.kind == 'P') {
		request_note_described(conversation);
		if (conversation_owe(conversation, backend, DEBT_DESCRIBE, FATE_FORWARD) == NULL)
			return step_end(END_NO_MEMORY);
		return step_forward();
	}
	if (use_statement(conversation, backend, view.name, DEBT_DESCRIBE, &shared) != OK)
		return step_end(END_NO_MEMORY);
	if (shared == NULL)
		return step_behind_ours(backend, step_forward());
	query_write_target(&backend->before, 'D', 'S', statement_name(shared));
	return step_behind_ours(backend, step_drop());
}

/* ---- Close ---- */

/* The server keeps a shared statement for the next client; only the client's name goes. */
static struct step close_named(struct conversation *conversation, struct backend *backend,
			       struct binding *binding)
{
	bool shared = binding->statement != NULL;
	struct debt *debt = conversation_owe(conversation, backend, DEBT_CLOSE,
					     shared ? FATE_OWN : FATE_FORWARD);

	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	names_take(&conversation->names, binding);
	debt->binding = binding;
	conversation->last_close = debt->request;
	return shared ? step_drop() : step_forward();
}

struct step request_close(struct conversation *conversation, struct backend *backend,
			  const struct message *message)
{
	struct target_view view;
	struct binding *binding = NULL;
	struct debt *debt;
	bool ours;

	if (query_read_target(message->body, &view) != OK)
		return step_end(END_BROKEN_CLOSE);
	if (view.kind == 'S' && view.name.len > 0)
		binding = names_find(&conversation->names, view.name);
	if (binding != NULL)
		return close_named(conversation, backend, binding);
	ours = view.kind == 'S' && is_name_of_ours(view.name);
	debt = conversation_owe(conversation, backend, DEBT_CLOSE, ours ? FATE_OWN : FATE_FORWARD);
	if (debt == NULL)
		return step_end(END_NO_MEMORY);
	if (view.kind == 'S' && view.name.len == 0) {
		conversation_swap_unnamed(conversation, debt, NULL);
		backend_set_unnamed(backend, NULL, debt->number);
	}
	return ours ? step_drop() : step_forward();
}
