/*
 * What one reply of a server means: which debt it answers, who gets it, what must be undone when
 * it is an error. The order of replies is PostgreSQL docs, "Message Flow"; what the server skips
 * after an error is "Extended Query" there.
 */
#include <assert.h>

#include "base/alloc.h"
#include "track/prepared.h"
#include "track_internal.h"
#include "wire/notice.h"
#include "wire/result.h"
#include "wire/writer.h"

#define BIT(kind) (1u << (kind))
#define RESULTS	  (BIT(DEBT_QUERY) | BIT(DEBT_EXECUTE))
#define ENDS	  (BIT(DEBT_QUERY) | BIT(DEBT_FUNCTION) | BIT(DEBT_SYNC))

struct reply_rule {
	char type;
	unsigned belongs; /* kinds of debt it may be an answer to */
	unsigned settles; /* kinds it is the whole answer to */
};

static const struct reply_rule rules[] = {
	{ '1', BIT(DEBT_PARSE), BIT(DEBT_PARSE) },
	{ '2', BIT(DEBT_BIND), BIT(DEBT_BIND) },
	{ '3', BIT(DEBT_CLOSE), BIT(DEBT_CLOSE) },
	{ 't', BIT(DEBT_DESCRIBE), 0 },
	{ 'T', BIT(DEBT_DESCRIBE) | RESULTS, BIT(DEBT_DESCRIBE) },
	{ 'n', BIT(DEBT_DESCRIBE), BIT(DEBT_DESCRIBE) },
	{ 'D', RESULTS, 0 },
	{ 'C', RESULTS, BIT(DEBT_EXECUTE) },
	{ 'I', RESULTS, BIT(DEBT_EXECUTE) },
	{ 's', BIT(DEBT_EXECUTE), BIT(DEBT_EXECUTE) },
	{ 'V', BIT(DEBT_FUNCTION), 0 },
	{ 'G', RESULTS, 0 },
	{ 'H', RESULTS, 0 },
	{ 'W', RESULTS, 0 },
	{ 'd', RESULTS, 0 },
	{ 'c', RESULTS, 0 },
	{ 'Z', ENDS, ENDS },
};

static const struct reply_rule *find_rule(char type)
{
	for (size_t i = 0; i < COUNT_OF(rules); i++) {
		if (rules[i].type == type)
			return &rules[i];
	}
	return NULL;
}

static struct reply broken(void)
{
	return (struct reply){ .action = REPLY_BROKEN };
}

static void settle(struct backend *backend)
{
	if (ledger_head(&backend->ledger)->may_drop)
		backend->doubts--;
	ledger_settle(&backend->ledger);
}

static bool is_ours(const struct debt *debt)
{
	return debt->fate == FATE_OWN || debt->kind == DEBT_FLUSH || debt->kind == DEBT_COPY_END;
}

static void answer_own(struct backend *backend, const struct debt *debt)
{
	if (debt->fate == FATE_OWN && debt->creditor != NULL)
		writer_empty(&backend->own, debt->kind == DEBT_PARSE ? '1' : '3');
}

void backend_advance(struct backend *backend)
{
	struct debt *head;

	while ((head = ledger_head(&backend->ledger)) != NULL && is_ours(head)) {
		answer_own(backend, head);
		settle(backend);
	}
}

void backend_advance_flushed(struct backend *backend)
{
	unsigned due = 0;

	for (unsigned i = 0; i < backend->ledger.len && is_ours(ledger_at(&backend->ledger, i));
	     i++) {
		if (ledger_at(&backend->ledger, i)->kind == DEBT_FLUSH)
			due = i + 1;
	}
	for (; due > 0; due--) {
		answer_own(backend, ledger_head(&backend->ledger));
		settle(backend);
	}
}

/* The oldest debt that the server itself must answer, and its place. */
static struct debt *real_head(struct backend *backend, unsigned *place)
{
	for (unsigned i = 0; i < backend->ledger.len; i++) {
		struct debt *debt = ledger_at(&backend->ledger, i);

		if (!is_ours(debt)) {
			*place = i;
			return debt;
		}
	}
	return NULL;
}

static void undo_names(struct debt *debt)
{
	struct conversation *creditor = debt->creditor;

	if (creditor == NULL)
		return;
	if (debt->named) {
		struct binding *binding = names_find_number(&creditor->names, debt->number);

		if (binding != NULL) {
			if (binding->statement == NULL)
				creditor->names_on_server--;
			names_take(&creditor->names, binding);
			binding_free(binding);
		}
	}
	if (debt->kind == DEBT_CLOSE && debt->binding != NULL) {
		if (debt->binding->statement == NULL)
			creditor->names_on_server++;
		names_put_back(&creditor->names, debt->binding);
		debt->binding = NULL;
	}
}

/*
 * Undoes what was noted when this request went out. failed: the server refused it; otherwise it
 * was skipped. A failed Parse of the unnamed statement leaves none behind (exec_parse_message
 * drops the old one first), a skipped one leaves the old.
 */
static void undo(struct backend *backend, struct debt *debt, bool failed)
{
	if (debt->kind == DEBT_PARSE && debt->prepared != NULL)
		prepared_set_remove(backend->prepared, debt->prepared);
	/* Without memory to note it the copy is taken for gone; preparing it again closes it first.
	 */
	if (debt->kind == DEBT_CLOSE && debt->prepared != NULL &&
	    prepared_set_add(backend->prepared, debt->prepared, debt->generation, debt->number) !=
		    OK)
		backend->prepared_unsure = true;
	undo_names(debt);
	if (debt->sets_unnamed)
		backend_set_unnamed(backend, NULL);
	if (debt->swaps_unnamed && debt->creditor != NULL) {
		conversation_set_unnamed(debt->creditor, failed ? NULL : debt->unnamed);
		if (!failed)
			debt->unnamed = NULL;
	}
}

/* The head failed: the server skips to the next Sync, and so does the ledger. */
static void skip_to_sync(struct backend *backend)
{
	struct ledger *ledger = &backend->ledger;
	unsigned end = 0;

	while (end < ledger->len && ledger_at(ledger, end)->kind != DEBT_SYNC)
		end++;
	backend->skipping = end == ledger->len;
	for (unsigned i = end; i > 0; i--)
		undo(backend, ledger_at(ledger, i - 1), i == 1);
	for (; end > 0; end--)
		settle(backend);
}

/* RevalidateCachedQuery's complaint; its text is translated, its routine's name is not. */
static bool is_outdated_plan(const struct notice_view *view)
{
	return slice_equal(view->sqlstate, SLICE_LITERAL("0A000")) &&
	       slice_equal(view->routine, SLICE_LITERAL("RevalidateCachedQuery"));
}

/*
 * A batch that met an outdated plan may be sent again when nobody can tell: it is all here, alone
 * and no transaction is open, the client got nothing of it yet, and it learns the new result type
 * from it, because it prepares or describes the statement in the same batch. A client that relies
 * on an older description must get the error, or it would misread the rows.
 */
static bool may_retry(struct backend *backend, unsigned place)
{
	struct ledger *ledger = &backend->ledger;
	struct debt *last = ledger_at(ledger, ledger->len - 1);
	bool learns = false;

	if (!backend->recording || backend->told || backend->retried || backend->status != 'I' ||
	    last->kind != DEBT_SYNC || last->creditor == NULL)
		return false;
	for (unsigned i = 0; i + 1 < ledger->len; i++) {
		struct debt *debt = ledger_at(ledger, i);

		if (debt->kind == DEBT_SYNC || debt->kind == DEBT_QUERY ||
		    debt->kind == DEBT_FUNCTION)
			return false;
		if (debt->kind == (i < place ? DEBT_PARSE : DEBT_DESCRIBE))
			learns = true;
	}
	return learns;
}

static struct reply retry(struct backend *backend)
{
	struct ledger *ledger = &backend->ledger;
	struct conversation *creditor = ledger_at(ledger, ledger->len - 1)->creditor;

	for (unsigned i = ledger->len - 1; i > 0; i--)
		undo(backend, ledger_at(ledger, i - 1), false);
	while (ledger->len > 1)
		settle(backend);
	ledger_head(ledger)->fate = FATE_SWALLOW;
	backend->retried = true;
	return (struct reply){ .action = REPLY_RETRY, .creditor = creditor };
}

static struct reply finish(struct backend *backend, struct reply reply, size_t ahead)
{
	if (backend->own.failed)
		return broken();
	reply.ahead = (struct slice){ backend->own.data, ahead };
	reply.behind = (struct slice){ backend->own.data + ahead, backend->own.len - ahead };
	if (backend->own.len == 0)
		reply.ahead = reply.behind = SLICE_NONE;
	if (reply.creditor != NULL && (reply.action == REPLY_FORWARD || backend->own.len > 0))
		backend->told = true;
	return reply;
}

/* An error of a request of our own making, or one whose error we replace. */
static struct reply error_for_ours(struct backend *backend, struct debt *head, struct reply reply)
{
	if (head->had != NULL) {
		varset_unref(backend->has);
		backend->has = varset_ref(head->had);
		reply.action = head->creditor ? REPLY_REFUSED : REPLY_SWALLOW;
	} else if (head->fate == FATE_REPLACE && head->creditor != NULL) {
		reply.action = REPLY_REPLACE;
		buffer_append_slice(&backend->own, buffer_slice(head->instead));
	} else if (head->silent) {
		backend->own_failed = true;
		reply.action = REPLY_SWALLOW;
	}
	return reply;
}

static struct reply on_error(struct backend *backend, const struct message *message)
{
	struct reply reply = { .action = REPLY_FORWARD, .creditor = backend->lent_to };
	struct notice_view view = { 0 };
	unsigned place;
	struct debt *head = real_head(backend, &place);
	bool outdated;

	if (message_is_whole(message) && notice_read(message->body, &view) != OK)
		return broken();
	reply.fatal = notice_is_fatal(&view);
	if (head == NULL)
		return finish(backend, reply, 0);
	outdated = head->outdated || (head->uses != NULL && is_outdated_plan(&view));
	if (outdated && !head->outdated)
		statement_outdate(head->uses);
	if (outdated && may_retry(backend, place))
		return retry(backend);

	backend_advance(backend);
	head = ledger_head(&backend->ledger);
	reply.creditor = head->creditor;
	if (head->creditor == NULL)
		reply.action = REPLY_SWALLOW;
	else if (outdated)
		names_renew(&head->creditor->names, head->uses);
	reply = error_for_ours(backend, head, reply);
	backend->copy = COPY_NONE;
	if ((BIT(head->kind) & ENDS) == 0)
		skip_to_sync(backend);
	return finish(backend, reply, backend->own.len);
}

/* DISCARD ALL and DEALLOCATE ALL leave no statement, whoever sent them. */
static void on_tag(struct backend *backend, const struct debt *head, const struct message *message)
{
	struct slice tag;

	if (backend->copy != COPY_BOTH)
		backend->copy = COPY_NONE;
	if (!message_is_whole(message) || result_read_tag(message->body, &tag) != OK)
		return;
	if (!slice_equal(tag, SLICE_LITERAL("DISCARD ALL")) &&
	    !slice_equal(tag, SLICE_LITERAL("DEALLOCATE ALL")))
		return;
	if (backend->prepared != NULL)
		prepared_set_drop_before(backend->prepared, head->number);
	if (head->creditor != NULL)
		names_drop_before(&head->creditor->names, head->number);
}

/*
 * CopyInResponse: Sync and Flush that are under way behind the request are read and ignored by
 * the server as part of the copy, up to its end (copyfrom.c ignores them "for the convenience of
 * client libraries"; PostgreSQL docs, "COPY Operations").
 */
static void on_copy_in(struct backend *backend)
{
	struct ledger *ledger = &backend->ledger;
	bool sync_left = false;

	backend->copy = COPY_IN;
	while (ledger->len > 1 && backend->copy == COPY_IN) {
		enum debt_kind kind = ledger_at(ledger, 1)->kind;

		if (kind != DEBT_SYNC && kind != DEBT_FLUSH && kind != DEBT_COPY_END)
			break;
		if (kind == DEBT_COPY_END)
			backend->copy = COPY_IN_ENDING;
		ledger_remove(ledger, 1);
	}
	for (unsigned i = 0; i < ledger->len; i++)
		sync_left |= ledger_at(ledger, i)->kind == DEBT_SYNC;
	/* The Sync that was to end the batch is gone; the client sends another after the copy. */
	if (ledger_head(ledger)->kind == DEBT_EXECUTE && !sync_left)
		backend->batch_open = true;
}

/* Replaces *set by the set with one more pair. */
static enum result put(const struct varset **set, struct slice name, struct slice value)
{
	const struct varset *more = varset_with(*set, name, value);

	if (more == NULL)
		return BROKEN;
	varset_unref(*set);
	*set = more;
	return OK;
}

/*
 * Our SETs are done. What the server reports for a setting, or went on having because the value
 * meant the same ("ISO" where it has "ISO, MDY"), is how the value is spelled: both sides keep
 * that, so that the difference is not found again with the next client.
 */
static enum result adopt_reported(struct backend *backend, const struct debt *debt)
{
	struct slice name, value;
	unsigned     index = 0;

	while (varset_next(debt->had, &index, &name, &value)) {
		if (!varset_tracked_by(backend->has, name) ||
		    slice_equal(varset_value(backend->has, name), value))
			continue;
		if (put(&backend->has, name, value) != OK ||
		    (debt->creditor != NULL && put(&debt->creditor->wants, name, value) != OK))
			return BROKEN;
	}
	return OK;
}

static struct reply on_ready(struct backend *backend, struct reply reply,
			     const struct message *message)
{
	if (result_read_ready(message->body, &backend->status) != OK)
		return broken();
	backend->copy = COPY_NONE;
	if (reply.action != REPLY_FORWARD)
		return reply;
	reply.ready = true;
	reply.turn_over = backend_is_clean(backend);
	return reply;
}

/* ParameterStatus, NoticeResponse, NotificationResponse: at any time, no answer to anything. */
static struct reply on_asynchronous(struct backend *backend, const struct message *message)
{
	unsigned place;
	struct debt *head = real_head(backend, &place);
	struct reply reply = { .action = REPLY_FORWARD, .creditor = backend->lent_to };
	struct slice name, value;
	bool changed = true;

	if (head != NULL && head->creditor == NULL)
		reply.creditor = NULL;
	if (message->type == 'N' && head != NULL && head->fate != FATE_FORWARD)
		reply.creditor = NULL;
	if (message->type == 'S') {
		if (result_read_parameter(message->body, &name, &value) != OK ||
		    backend_note_parameter(backend, name, value) != OK)
			return broken();
		if (reply.creditor != NULL &&
		    conversation_note_parameter(reply.creditor, name, value, &changed) != OK)
			return broken();
		if (head != NULL && head->had != NULL && varset_tracked_by(head->had, name) &&
		    put(&head->had, name, value) != OK)
			return broken();
		/* Our own SET says nothing new to the client but how the server spells the value. */
		if (head != NULL && head->had != NULL && !changed)
			reply.creditor = NULL;
	}
	if (reply.creditor == NULL)
		reply.action = REPLY_SWALLOW;
	return reply;
}

/* An extra ReadyForQuery: a Sync that met a COPY which had just failed. */
static bool is_stray_ready(const struct backend *backend, const struct message *message)
{
	return message->type == 'Z' && ledger_is_empty(&backend->ledger) && backend->skipping;
}

static struct reply on_answer(struct backend *backend, const struct message *message)
{
	const struct reply_rule *rule = find_rule(message->type);
	struct reply reply = { .action = REPLY_FORWARD };
	struct debt *head;
	unsigned kind;
	size_t ahead;

	backend_advance(backend);
	ahead = backend->own.len;
	head = ledger_head(&backend->ledger);
	if (is_stray_ready(backend, message)) {
		backend->skipping = backend->batch_open = false;
		reply.creditor = backend->lent_to;
		return finish(backend, on_ready(backend, reply, message), ahead);
	}
	if (rule == NULL || head == NULL || (rule->belongs & BIT(head->kind)) == 0)
		return broken();
	reply.creditor = head->creditor;
	if (head->fate != FATE_FORWARD || head->creditor == NULL)
		reply.action = REPLY_SWALLOW;
	kind = BIT(head->kind);
	switch (message->type) {
	case 'C': on_tag(backend, head, message); break;
	case 'G': on_copy_in(backend); break;
	case 'H': backend->copy = COPY_OUT; break;
	case 'W': backend->copy = COPY_BOTH; break;
	default: break;
	}
	if (message->type == 'Z' && head->had != NULL &&
	    adopt_reported(backend, head) != OK)
		return broken();
	if (rule->settles & kind) {
		settle(backend);
		if (message->type == 'Z')
			reply = on_ready(backend, reply, message);
		backend_advance_flushed(backend);
	}
	reply = finish(backend, reply, ahead);
	if (reply.ready) {
		backend->told = backend->recording = backend->retried = false;
		backend->replay.len = 0;
	}
	return reply;
}

struct reply backend_reply(struct backend *backend, const struct message *message)
{
	buffer_clear(&backend->own);
	switch (message->type) {
	case 'E': return on_error(backend, message);
	case 'S':
	case 'N':
	case 'A': return on_asynchronous(backend, message);
	default: return on_answer(backend, message);
	}
}

bool backend_rows_flow(struct backend *backend, struct conversation **creditor)
{
	struct debt *head = ledger_head(&backend->ledger);

	if (head == NULL || (BIT(head->kind) & RESULTS) == 0 || head->fate != FATE_FORWARD)
		return false;
	*creditor = head->creditor;
	backend->told = true;
	return true;
}
