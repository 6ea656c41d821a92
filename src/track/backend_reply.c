/*
 * What one reply of a server means: which debt it answers, who gets it, what its error tells of
 * shared statements. The order of replies is PostgreSQL docs, "Message Flow"; what the server
 * skips after an error is "Extended Query" there. Called by the server's pump. Which message may
 * answer which debt, and what needs none of this, is in backend_pass.c.
 */
#include "track/prepared.h"
#include "track_internal.h"
#include "wire/notice.h"
#include "wire/result.h"

static struct reply broken(void)
{
	return (struct reply){ .action = REPLY_BROKEN };
}

/* The oldest debt that the server itself must answer, and its place. */
static struct debt *real_head(struct backend *backend, unsigned *place)
{
	for (unsigned i = 0; i < backend->ledger.len; i++) {
		struct debt *debt = ledger_at(&backend->ledger, i);

		if (!debt_is_ours(debt)) {
			*place = i;
			return debt;
		}
	}
	return NULL;
}

static struct reply finish(struct backend *backend, struct reply reply, size_t ahead)
{
	if (backend->own.failed)
		return broken();
	if (reply.creditor == NULL && reply.action == REPLY_FORWARD)
		reply.action = REPLY_SWALLOW;
	reply.ahead = reply.behind = SLICE_NONE;
	if (backend->own.len > 0) {
		/* The client's own, before a request that is not its own. */
		if (reply.creditor == NULL)
			reply.creditor = backend->lent_to;
		reply.ahead = (struct slice){ backend->own.data, ahead };
		reply.behind = (struct slice){ backend->own.data + ahead,
					       backend->own.len - ahead };
	}
	if (reply.creditor != NULL && (reply.action == REPLY_FORWARD || backend->own.len > 0))
		backend->told = true;
	return reply;
}

/*
 * Describing a statement, PostgreSQL sends ParameterDescription before it finds out that the
 * result type has changed. While the batch may be sent again that message waits for the next.
 */
static bool hold(struct backend *backend, const struct message *message)
{
	if (!backend->recording || backend->told || backend->own.len > 0 ||
	    !message_is_whole(message))
		return false;
	buffer_append_slice(&backend->held, message_bytes(message));
	return true;
}

static void release_held(struct backend *backend)
{
	if (backend->held.len == 0 && !backend->held.failed)
		return;
	buffer_append_slice(&backend->own, buffer_slice(&backend->held));
	backend->own.failed |= backend->held.failed;
	buffer_clear(&backend->held);
}

/* ---- errors ---- */

/* What an error means for the shared statement its request relies on. */
enum mishap {
	MISHAP_NONE,
	MISHAP_OUTDATED,  /* its result type has changed */
	MISHAP_LOST_COPY, /* its copy is not there: dropped behind our back */
	MISHAP_ALIEN_COPY /* something else is there under its name */
};

/* RevalidateCachedQuery's complaint; its text is translated, its routine's name is not. */
static bool is_outdated_plan(const struct notice_view *view)
{
	return slice_equal(view->sqlstate, SLICE_LITERAL("0A000")) &&
	       slice_equal(view->routine, SLICE_LITERAL("RevalidateCachedQuery"));
}

/* The error that a request of ours was made to provoke. */
static bool is_expected(const struct debt *head, const struct notice_view *view)
{
	if (head->fate != FATE_REPLACE)
		return false;
	if (head->kind == DEBT_DESCRIBE)
		return slice_equal(view->sqlstate, SLICE_LITERAL("26000"));
	return slice_equal(view->sqlstate, SLICE_LITERAL(FAILING_SQLSTATE)) ||
	       slice_equal(view->sqlstate, SLICE_LITERAL("42P05"));
}

static enum mishap find_mishap(const struct debt *head, const struct notice_view *view)
{
	if (head->outdated)
		return is_expected(head, view) ? MISHAP_OUTDATED : MISHAP_NONE;
	if (head->kind == DEBT_PARSE && head->prepared != NULL)
		return slice_equal(view->sqlstate, SLICE_LITERAL("42P05")) ? MISHAP_ALIEN_COPY
									   : MISHAP_NONE;
	if (head->uses == NULL)
		return MISHAP_NONE;
	if (is_outdated_plan(view))
		return MISHAP_OUTDATED;
	return slice_equal(view->sqlstate, SLICE_LITERAL("26000")) ? MISHAP_LOST_COPY : MISHAP_NONE;
}

static void note_mishap(struct backend *backend, enum mishap mishap, const struct debt *head)
{
	switch (mishap) {
	case MISHAP_OUTDATED:
		/* A copy made before the last change says nothing new. */
		if (!head->outdated && head->generation == statement_generation(head->uses))
			statement_outdate(head->uses);
		break;
	case MISHAP_LOST_COPY: prepared_set_remove(backend->prepared, head->uses); break;
	case MISHAP_ALIEN_COPY: backend->prepared_unsure = true; break;
	case MISHAP_NONE: break;
	}
}

/*
 * True when the creditor hears of the statement's new result type in this very batch: it prepares
 * it before the request at place, or describes it or a portal from there on.
 */
static bool learns_of(const struct ledger *ledger, unsigned place)
{
	const struct debt *head = ledger_at(ledger, place);
	const struct statement *statement = head->uses;
	const struct names *names = &head->creditor->names;

	for (unsigned i = 0; i < ledger->len; i++) {
		const struct debt *debt = ledger_at(ledger, i);
		const struct binding *binding = NULL;

		if (i >= place && debt->kind == DEBT_DESCRIBE &&
		    (debt->uses == NULL || debt->uses == statement))
			return true;
		if (i < place && debt->named)
			binding = names_find_request(names, debt->request);
		if (binding != NULL && binding->statement == statement)
			return true;
	}
	return false;
}

/* The creditor was told the result type under the name it used. */
static bool knows_type(const struct debt *debt)
{
	const struct binding *binding = names_find_request(&debt->creditor->names, debt->used_name);

	return binding == NULL || binding->described;
}

/*
 * A batch that met a mishap may be sent again when nobody can tell: it is all here, alone and no
 * transaction is open, and the client got nothing of it yet. A client that relies on an older
 * description of the statement must get the error, or it would misread the rows; one that never
 * had any does not care.
 */
static bool may_retry(struct backend *backend, enum mishap mishap, unsigned place)
{
	const struct ledger *ledger = &backend->ledger;
	const struct debt *last = ledger_at(ledger, ledger->len - 1);
	const struct debt *head = ledger_at(ledger, place);

	if (mishap == MISHAP_NONE || !backend->recording || backend->told || backend->retried ||
	    backend->status != 'I' || last->kind != DEBT_SYNC || last->creditor == NULL)
		return false;
	for (unsigned i = 0; i + 1 < ledger->len; i++) {
		if (BIT(ledger_at(ledger, i)->kind) & ENDS)
			return false;
	}
	return mishap != MISHAP_OUTDATED || learns_of(ledger, place) || !knows_type(head);
}

static struct reply retry(struct backend *backend, enum mishap mishap, const struct debt *head)
{
	struct conversation *creditor = head->creditor;

	if (mishap == MISHAP_OUTDATED)
		names_renew(&creditor->names, head->uses);
	if (backend_take_back(backend) != OK)
		return broken();
	buffer_clear(&backend->held);
	backend->retried = true;
	return (struct reply){ .action = REPLY_RETRY, .creditor = creditor };
}

/* An error of a request of our own making, or one whose error we replace. */
static struct reply error_for_ours(struct backend *backend, const struct debt *head,
				   const struct notice_view *view, struct reply reply)
{
	if (head->had != NULL) {
		varset_unref(backend->has);
		backend->has = varset_ref(head->had);
	}
	if (head->had != NULL || head->opens) {
		if (!reply.fatal && head->creditor != NULL)
			reply.action = REPLY_REFUSED;
	} else if (is_expected(head, view) && head->creditor != NULL) {
		reply.action = REPLY_REPLACE;
		buffer_append_slice(&backend->own, buffer_slice(head->instead));
	} else if (head->silent) {
		backend->own_failed = true;
		reply.action = REPLY_SWALLOW;
	}
	return reply;
}

/* What was sent for a COPY that failed may have come before or after its failure. */
static void note_failed_copy(struct backend *backend)
{
	backend->stray_syncs += backend->copy_syncs;
	backend->copy_syncs = 0;
	backend->copy = COPY_NONE;
}

static struct reply on_error(struct backend *backend, const struct message *message)
{
	struct reply reply = { .action = REPLY_FORWARD, .creditor = backend->lent_to };
	struct notice_view view = { 0 };
	unsigned place;
	struct debt *head = real_head(backend, &place);
	enum mishap mishap = MISHAP_NONE;

	if (message_is_whole(message) && notice_read(message->body, &view) != OK)
		return broken();
	reply.fatal = notice_is_fatal(&view);
	if (head == NULL)
		return finish(backend, reply, 0);
	if (!reply.fatal)
		mishap = find_mishap(head, &view);
	note_mishap(backend, mishap, head);
	if (may_retry(backend, mishap, place))
		return retry(backend, mishap, head);

	backend_advance(backend);
	release_held(backend);
	head = ledger_head(&backend->ledger);
	head->answered = true;
	reply.creditor = head->creditor;
	if (head->creditor != NULL)
		head->creditor->errors++;
	if (mishap == MISHAP_OUTDATED && head->creditor != NULL)
		names_renew(&head->creditor->names, head->uses);
	reply = error_for_ours(backend, head, &view, reply);
	if (reply.action == REPLY_FORWARD && head->uses != NULL &&
	    backend_write_renamed(backend, head, message))
		reply.action = REPLY_REPLACE;
	note_failed_copy(backend);
	if (head->kind == DEBT_QUERY && backend_undo_drop(backend, head, true) != OK)
		return broken();
	if ((BIT(head->kind) & ENDS) == 0 && backend_skip_batch(backend) != OK)
		return broken();
	return finish(backend, reply, backend->own.len);
}

/* ---- answers ---- */

/* DISCARD ALL and DEALLOCATE ALL leave no statement, whoever sent them. */
static void on_tag(struct backend *backend, struct debt *head, const struct message *message)
{
	struct slice tag;

	head->answered = true;
	if (backend->copy != COPY_BOTH)
		backend->copy = COPY_NONE;
	backend->copy_syncs = 0;
	if (!message_is_whole(message) || result_read_tag(message->body, &tag) != OK)
		return;
	if (!slice_equal(tag, SLICE_LITERAL("DISCARD ALL")) &&
	    !slice_equal(tag, SLICE_LITERAL("DEALLOCATE ALL")))
		return;
	backend->alien_names = backend->prepared_unsure = false;
	if (backend->prepared != NULL)
		prepared_set_drop_before(backend->prepared, head->number);
	if (head->creditor != NULL)
		names_drop_before(&head->creditor->names, head->request);
}

static bool has_sync(const struct ledger *ledger)
{
	for (unsigned i = 0; i < ledger->len; i++) {
		if (ledger_at(ledger, i)->kind == DEBT_SYNC)
			return true;
	}
	return false;
}

/* How many of the debts behind the oldest are read by a COPY IN that it begins, up to its end. */
static unsigned count_read_by_copy(const struct ledger *ledger, enum debt_kind *next)
{
	unsigned count = 0;

	for (*next = DEBT_FLUSH; 1 + count < ledger->len; count++) {
		*next = ledger_at(ledger, 1 + count)->kind;
		if (*next != DEBT_SYNC && *next != DEBT_FLUSH)
			break;
	}
	return count;
}

/*
 * CopyInResponse: Sync and Flush that are under way behind the request are read and ignored by
 * the server as part of the copy, up to its end (CopyGetData ignores them "for the convenience of
 * client libraries"; PostgreSQL docs, "COPY Operations"). Any other request ends the server's
 * connection, unless the COPY has failed before it is read, and so before all in front of it; one
 * the server was not sent must not make a difference.
 */
static enum result on_copy_in(struct backend *backend)
{
	struct ledger *ledger = &backend->ledger;
	enum debt_kind next;
	unsigned count = count_read_by_copy(ledger, &next);

	backend->copy = COPY_IN_ENDING;
	if (1 + count < ledger->len && next != DEBT_COPY_END)
		return ledger_at(ledger, 1 + count)->fate == FATE_OWN ? BROKEN : OK;
	if (next != DEBT_COPY_END)
		backend->copy = COPY_IN;
	else
		ledger_remove(ledger, 1 + count);
	for (; count > 0; count--) {
		backend->copy_syncs += ledger_at(ledger, count)->kind == DEBT_SYNC;
		ledger_remove(ledger, count);
	}
	/* The Sync that was to end the batch is gone; the client sends another after the copy. */
	if (ledger_head(ledger)->kind == DEBT_EXECUTE && !has_sync(ledger))
		backend->batch_open = true;
	return OK;
}

static struct reply on_ready(struct backend *backend, struct reply reply,
			     const struct message *message, bool is_marker)
{
	if (result_read_ready(message->body, &backend->status) != OK)
		return broken();
	backend->copy = COPY_NONE;
	backend->copy_syncs = 0;
	reply.ready = reply.action == REPLY_FORWARD;
	reply.turn_over = (reply.ready || is_marker) && backend_is_clean(backend);
	return reply;
}

void backend_end_turn(struct backend *backend)
{
	backend->told = backend->recording = backend->retried = backend->keeps = false;
	buffer_clear(&backend->replay);
}

static struct reply note_turn(struct backend *backend, struct reply reply)
{
	if (reply.ready)
		backend_end_turn(backend);
	return reply;
}

/*
 * ParameterStatus: what the server has now, and the client wants from now on. Our own SET says
 * nothing new to the client but how the server spells the value.
 */
static enum result on_parameter(struct backend *backend, const struct message *message,
				const struct debt *head, struct reply *reply)
{
	struct slice name, value;
	bool changed = true;

	if (result_read_parameter(message->body, &name, &value) != OK ||
	    backend_note_parameter(backend, name, value) != OK)
		return BROKEN;
	if (reply->creditor != NULL &&
	    conversation_note_parameter(reply->creditor, name, value, &changed) != OK)
		return BROKEN;
	if (head != NULL && head->had != NULL && !changed)
		reply->creditor = NULL;
	return OK;
}

/* ParameterStatus, NoticeResponse, NotificationResponse: at any time, no answer to anything. */
static struct reply on_asynchronous(struct backend *backend, const struct message *message)
{
	unsigned place;
	struct debt *head = real_head(backend, &place);
	struct reply reply = { .action = REPLY_FORWARD, .creditor = backend->lent_to };

	if (head != NULL && head->creditor == NULL)
		reply.creditor = NULL;
	if (message->type == 'N' && head != NULL && head->fate != FATE_FORWARD)
		reply.creditor = NULL;
	if (message->type == 'S' && on_parameter(backend, message, head, &reply) != OK)
		return broken();
	if (reply.creditor == NULL) {
		reply.action = REPLY_SWALLOW;
		return reply;
	}
	/* It may come from the request behind our own replies. */
	backend_advance(backend);
	if (backend->own.failed)
		return broken();
	reply.ahead = buffer_slice(&backend->own);
	backend->told |= backend->own.len > 0;
	return reply;
}

/*
 * A ReadyForQuery that answers none of the debts: a Sync that was thought to have been read by a
 * COPY, which had failed before.
 */
static bool is_stray_ready(struct backend *backend, const struct message *message)
{
	const struct debt *head;
	unsigned place;

	if (message->type != 'Z' || backend->stray_syncs == 0)
		return false;
	head = real_head(backend, &place);
	return head == NULL || (BIT(head->kind) & ENDS) == 0 ||
	       (head->kind != DEBT_SYNC && !head->answered);
}

static struct reply on_stray_ready(struct backend *backend, const struct message *message)
{
	struct reply reply = { .action = REPLY_FORWARD, .creditor = backend->lent_to };

	if (backend->lent_to == NULL)
		reply.action = REPLY_SWALLOW;
	backend->stray_syncs--;
	if (ledger_is_empty(&backend->ledger))
		backend->skipping = backend->batch_open = false;
	reply = on_ready(backend, reply, message, false);
	return note_turn(backend, finish(backend, reply, 0));
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
 * that, so that the difference is not found again with the next client. Settings that a server
 * has taken as they are will be taken by others.
 */
static enum result end_settings(struct backend *backend, const struct debt *debt)
{
	struct slice name, value;
	unsigned index = 0;

	if (debt->had == NULL || backend->has == debt->had)
		return OK;
	varset_prove(debt->wants);
	while (varset_next(backend->reported, &index, &name, &value)) {
		if (slice_equal(varset_value(backend->has, name), value))
			continue;
		if (put(&backend->has, name, value) != OK ||
		    (debt->creditor != NULL && put(&debt->creditor->wants, name, value) != OK))
			return BROKEN;
	}
	varset_prove(backend->has);
	return OK;
}

/* The oldest debt is answered in full by this message. */
static struct reply on_last(struct backend *backend, const struct message *message,
			    struct reply reply)
{
	struct debt *head = ledger_head(&backend->ledger);
	bool is_marker = head->silent && head->kind == DEBT_SYNC && backend->lent_to != NULL;

	if (end_settings(backend, head) != OK)
		return broken();
	backend_settle(backend);
	backend_advance_flushed(backend);
	if (message->type == 'Z')
		reply = on_ready(backend, reply, message, is_marker);
	return reply;
}

/* What the first message of an answer changes; false: the server breaks the protocol. */
static bool note_answer(struct backend *backend, struct debt *head, const struct message *message)
{
	/* All that was sent before this request has been answered. */
	if (message->type != 'Z')
		backend->stray_syncs = 0;
	switch (message->type) {
	case 'C': on_tag(backend, head, message); break;
	case 'I':
	case 'V': head->answered = true; break;
	case 'G': return on_copy_in(backend) == OK;
	case 'H': backend->copy = COPY_OUT; break;
	case 'W': backend->copy = COPY_BOTH; break;
	default: break;
	}
	return true;
}

static struct reply on_answer(struct backend *backend, const struct message *message)
{
	const struct reply_rule *rule = reply_rule_of(message->type);
	struct reply reply = { .action = REPLY_FORWARD };
	struct debt *head;
	size_t ahead;

	/* What it answers came before all that is still owed. */
	if (is_stray_ready(backend, message))
		return on_stray_ready(backend, message);
	backend_advance(backend);
	release_held(backend);
	ahead = backend->own.len;
	head = ledger_head(&backend->ledger);
	if (rule == NULL || head == NULL || (rule->belongs & BIT(head->kind)) == 0 ||
	    head->fate == FATE_REPLACE || !note_answer(backend, head, message))
		return broken();
	reply.creditor = head->creditor;
	if (head->fate != FATE_FORWARD || head->creditor == NULL)
		reply.action = REPLY_SWALLOW;
	if (message->type == 't' && reply.action == REPLY_FORWARD && hold(backend, message))
		reply.action = REPLY_SWALLOW;
	if (rule->settles & BIT(head->kind))
		reply = on_last(backend, message, reply);
	if (reply.action == REPLY_BROKEN)
		return reply;
	return note_turn(backend, finish(backend, reply, ahead));
}

struct reply backend_reply_now(struct backend *backend, const struct message *message)
{
	struct reply reply = { .action = REPLY_FORWARD };

	buffer_clear(&backend->own);
	if (message->type == 'Z' ? backend_ends_turn(backend, message, &reply)
				 : backend_passes(backend, message, &reply.creditor))
		return reply;
	switch (message->type) {
	case 'E': return on_error(backend, message);
	case 'S':
	case 'N':
	case 'A': return on_asynchronous(backend, message);
	default: return on_answer(backend, message);
	}
}
