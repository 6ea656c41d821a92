/*
 * What one server connection has been told and still owes. Owned by pool/server; told of requests
 * by conversation.c and of replies by backend_reply.c. This file: birth and death, settings,
 * bringing an abandoned server back to a clean state.
 */
#include "track/backend.h"

#include "base/alloc.h"
#include "track/prepared.h"
#include "track_internal.h"
#include "wire/query.h"
#include "wire/writer.h"

enum result backend_init(struct backend *backend, struct varset_store *varsets,
			 unsigned prepared_max)
{
	*backend = (struct backend){ .status = 'I', .prepared_max = prepared_max };
	ledger_init(&backend->ledger);
	backend->has = varset_empty(varsets);
	return backend->has ? OK : BROKEN;
}

void backend_release(struct backend *backend)
{
	ledger_release(&backend->ledger);
	prepared_set_free(backend->prepared);
	backend_set_unnamed(backend, NULL);
	varset_unref(backend->has);
	buffer_release(&backend->replay);
	buffer_release(&backend->own);
	buffer_release(&backend->before);
	backend->prepared = NULL;
	backend->has = NULL;
}

void backend_set_unnamed(struct backend *backend, struct statement *statement)
{
	statement_unref(backend->unnamed);
	backend->unnamed = statement;
}

enum result backend_note_parameter(struct backend *backend, struct slice name, struct slice value)
{
	const struct varset *has;

	if (!varset_tracked_by(backend->has, name))
		return OK;
	has = varset_with(backend->has, name, value);
	if (has == NULL)
		return BROKEN;
	varset_unref(backend->has);
	backend->has = has;
	return OK;
}

bool backend_is_clean(const struct backend *backend)
{
	return backend->status == 'I' && ledger_is_empty(&backend->ledger) &&
	       !backend->batch_open && !backend->skipping && backend->copy == COPY_NONE;
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
	backend->recording = false;
	/* Scratch memory is for the busy: an idle server keeps none. */
	buffer_release(&backend->replay);
}

enum result backend_write_query(struct backend *backend, struct slice sql, struct buffer *out)
{
	struct debt *debt = ledger_owe(&backend->ledger, DEBT_QUERY);

	if (debt == NULL)
		return BROKEN;
	debt->fate = FATE_SWALLOW;
	debt->silent = true;
	debt->may_drop = true;
	backend->doubts++;
	backend->batch_open = false;
	backend->own_failed = false;
	backend_set_unnamed(backend, NULL);
	query_write_query(out, sql);
	return out->failed ? BROKEN : OK;
}

bool backend_own_query_failed(struct backend *backend)
{
	bool failed = backend->own_failed;

	backend->own_failed = false;
	return failed;
}

static enum result write_sync(struct backend *backend, struct buffer *out)
{
	struct debt *debt = ledger_owe(&backend->ledger, DEBT_SYNC);

	if (debt == NULL)
		return BROKEN;
	debt->fate = FATE_SWALLOW;
	debt->silent = true;
	backend->batch_open = false;
	backend->skipping = false;
	writer_empty(out, 'S');
	return out->failed ? BROKEN : OK;
}

/*
 * In COPY IN the server takes nothing but the copy's end, and an extended query needs a Sync
 * behind it (PostgreSQL docs, "COPY Operations").
 */
static void end_copy(struct backend *backend, struct buffer *out)
{
	size_t mark = writer_begin(out, 'f');

	writer_text(out, SLICE_LITERAL("client has gone"));
	writer_end(out, mark);
	backend->copy = COPY_IN_ENDING;
}

enum result backend_write_recovery(struct backend *backend, struct buffer *out)
{
	bool in_copy = backend->copy == COPY_IN || backend->copy == COPY_BOTH;

	if (in_copy)
		end_copy(backend, out);
	if (backend->batch_open || backend->skipping)
		return write_sync(backend, out);
	if (!ledger_is_empty(&backend->ledger))
		return out->failed ? BROKEN : OK;
	if (backend->status != 'I')
		return backend_write_query(backend, SLICE_LITERAL("ROLLBACK"), out);
	backend->copy = COPY_NONE;
	return out->failed ? BROKEN : OK;
}
