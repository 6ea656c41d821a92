/*
 * What one server connection has been told and still owes. Owned by pool/server; told of requests
 * by conversation_request.c and of replies by backend_reply.c. This file: birth and death,
 * settings, requests of our own, bringing an abandoned server back to a clean state.
 */
#include "track/backend.h"

#include "base/alloc.h"
#include "track/prepared.h"
#include "track_internal.h"
#include "wire/query.h"
#include "wire/writer.h"

/* Bytes of scratch a server may keep between turns. */
#define REPLAY_KEPT 2048

enum result backend_init(struct backend *backend, struct varset_store *varsets,
			 unsigned prepared_max)
{
	*backend = (struct backend){ .status = 'I', .prepared_max = prepared_max };
	ledger_init(&backend->ledger);
	backend->has = varset_empty(varsets);
	if (backend->has == NULL)
		return BROKEN;
	backend->reported = varset_ref(backend->has);
	return OK;
}

void backend_release(struct backend *backend)
{
	ledger_release(&backend->ledger);
	prepared_set_free(backend->prepared);
	backend_set_unnamed(backend, NULL, 0);
	varset_unref(backend->has);
	varset_unref(backend->reported);
	buffer_release(&backend->replay);
	buffer_release(&backend->own);
	buffer_release(&backend->held);
	buffer_release(&backend->early);
	buffer_release(&backend->released);
	buffer_release(&backend->before);
	backend->prepared = NULL;
	backend->has = backend->reported = NULL;
}

void backend_set_unnamed(struct backend *backend, struct statement *statement, uint64_t number)
{
	statement_unref(backend->unnamed);
	backend->unnamed = statement;
	backend->unnamed_number = number;
}

enum result backend_note_parameter(struct backend *backend, struct slice name, struct slice value)
{
	const struct varset *has, *reported;

	if (!varset_tracked_by(backend->has, name))
		return OK;
	has = varset_with(backend->has, name, value);
	if (has == NULL)
		return BROKEN;
	reported = varset_with(backend->reported, name, value);
	if (reported == NULL) {
		varset_unref(has);
		return BROKEN;
	}
	varset_unref(backend->has);
	varset_unref(backend->reported);
	backend->has = has;
	backend->reported = reported;
	/* While a SET is under way it is what we hope for, not what the server has. */
	if (!backend->unproven)
		varset_prove(has);
	return OK;
}

bool backend_is_open(const struct backend *backend, uint64_t number)
{
	const struct debt *head = ledger_head(&backend->ledger);

	return head != NULL && number >= head->number && number < backend->last_end;
}

bool backend_is_clean(const struct backend *backend)
{
	return backend->status == 'I' && ledger_is_empty(&backend->ledger) &&
	       !backend->batch_open && !backend->skipping && backend->copy == COPY_NONE &&
	       backend->stray_syncs == 0 && !backend->half_told &&
	       !(backend->alien_names && backend->lent_to == NULL);
}

void backend_forget_creditor(struct backend *backend, struct conversation *creditor)
{
	for (unsigned i = 0; i < backend->ledger.len; i++) {
		struct debt *debt = ledger_at(&backend->ledger, i);

		if (debt->creditor == creditor)
			debt->creditor = NULL;
	}
	if (backend->lent_to == creditor)
		backend->lent_to = NULL;
	backend->told = backend->recording = backend->retried = backend->keeps = false;
	if (backend->guarded || backend->early.cap > 0 || backend->released.cap > 0)
		backend_unguard(backend);
	/* Nobody is to be told what waited for this creditor's next reply. */
	buffer_release(&backend->held);
	/* Kept from turn to turn while it is small: most turns need it. */
	if (backend->replay.cap > REPLAY_KEPT)
		buffer_release(&backend->replay);
	else
		buffer_clear(&backend->replay);
}

/* ---- requests of our own ---- */

static struct debt *owe_silently(struct backend *backend, enum debt_kind kind)
{
	struct debt *debt = ledger_owe(&backend->ledger, kind);

	if (debt == NULL)
		return NULL;
	debt->fate = FATE_SWALLOW;
	debt->silent = true;
	return debt;
}

/* What was written to out and what was noted must agree, or the server is lost. */
static enum result written(struct backend *backend, const struct buffer *out)
{
	if (!out->failed)
		return OK;
	backend->half_told = true;
	return BROKEN;
}

enum result backend_write_query(struct backend *backend, struct slice sql, struct buffer *out)
{
	struct debt *debt = owe_silently(backend, DEBT_QUERY);

	if (debt == NULL)
		return BROKEN;
	debt->may_drop = true;
	backend->doubts++;
	backend->batch_open = false;
	backend->own_failed = false;
	backend_set_unnamed(backend, NULL, debt->number);
	query_write_query(out, sql);
	return written(backend, out);
}

bool backend_own_query_failed(struct backend *backend)
{
	bool failed = backend->own_failed;

	backend->own_failed = false;
	return failed;
}

static enum result write_sync(struct backend *backend, struct buffer *out)
{
	if (owe_silently(backend, DEBT_SYNC) == NULL)
		return BROKEN;
	backend->batch_open = false;
	backend->skipping = false;
	writer_empty(out, 'S');
	return written(backend, out);
}

bool backend_needs_marker(const struct backend *backend)
{
	const struct debt *head = ledger_head(&backend->ledger);

	if (backend->copy_syncs == 0 && backend->stray_syncs == 0)
		return false;
	for (unsigned i = 0; i < backend->ledger.len; i++) {
		const struct debt *debt = ledger_at(&backend->ledger, i);
		bool is_copy = debt == head && (backend->copy_syncs > 0 || debt->answered);

		if (!is_copy && debt->kind != DEBT_SYNC && !debt_is_ours(debt))
			return false;
	}
	return true;
}

enum result backend_write_marker(struct backend *backend, struct buffer *out)
{
	if (owe_silently(backend, DEBT_CLOSE) == NULL)
		return BROKEN;
	query_write_target(out, 'C', 'S', SLICE_LITERAL(NO_STATEMENT));
	if (write_sync(backend, out) == OK)
		return OK;
	backend->half_told = true;
	return BROKEN;
}

/* ---- recovery ---- */

/*
 * In COPY IN the server takes nothing but the copy's end, and an extended query needs a Sync
 * behind it (PostgreSQL docs, "COPY Operations"). A walsender in COPY BOTH knows CopyDone only.
 */
static void end_copy(struct backend *backend, struct buffer *out)
{
	size_t mark;

	if (backend->copy == COPY_BOTH) {
		writer_empty(out, 'c');
	} else {
		mark = writer_begin(out, 'f');
		writer_text(out, SLICE_LITERAL("client has gone"));
		writer_end(out, mark);
	}
	backend->copy = COPY_IN_ENDING;
}

/*
 * A Sync alone would commit what the batch has done so far, and PostgreSQL rolls it back when a
 * client is lost before its Sync: so the server is made to fail first.
 */
static enum result spoil_batch(struct backend *backend, struct buffer *out)
{
	if (owe_silently(backend, DEBT_DESCRIBE) == NULL)
		return BROKEN;
	query_write_target(out, 'D', 'P', SLICE_LITERAL(NO_STATEMENT));
	return OK;
}

/*
 * What is asked already is answered first: it may yet turn into a COPY, in which any other
 * message would cost the connection. The server answers when it is told to flush.
 */
static enum result flush_batch(struct backend *backend, struct buffer *out)
{
	const struct ledger *ledger = &backend->ledger;

	if (ledger_at(ledger, ledger->len - 1)->kind == DEBT_FLUSH)
		return written(backend, out);
	if (owe_silently(backend, DEBT_FLUSH) == NULL)
		return BROKEN;
	writer_empty(out, 'H');
	return written(backend, out);
}

static enum result end_batch(struct backend *backend, struct buffer *out)
{
	bool needs_marker = backend_needs_marker(backend);
	bool runs = backend->batch_open && !backend->skipping && backend->copy == COPY_NONE;

	/* Replies of our own have no one to go to any more. */
	if (runs)
		backend_advance(backend);
	if (runs && !ledger_is_empty(&backend->ledger))
		return flush_batch(backend, out);
	if (runs && spoil_batch(backend, out) != OK)
		return BROKEN;
	if (write_sync(backend, out) != OK)
		return BROKEN;
	return needs_marker ? backend_write_marker(backend, out) : OK;
}

enum result backend_write_recovery(struct backend *backend, struct buffer *out)
{
	if (backend->half_told)
		return BROKEN;
	if (backend->copy == COPY_IN || backend->copy == COPY_BOTH)
		end_copy(backend, out);
	if (backend->batch_open || backend->skipping)
		return end_batch(backend, out);
	if (!ledger_is_empty(&backend->ledger))
		return written(backend, out);
	backend->copy = COPY_NONE;
	if (backend->stray_syncs > 0)
		return backend_write_marker(backend, out);
	if (backend->status != 'I')
		return backend_write_query(backend, SLICE_LITERAL("ROLLBACK"), out);
	if (backend->alien_names)
		return backend_write_query(backend, SLICE_LITERAL("DEALLOCATE ALL"), out);
	return written(backend, out);
}
