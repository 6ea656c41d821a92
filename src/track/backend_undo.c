/*
 * Debts that leave the ledger without the server's answer: replies of our own that have become
 * due, and requests the server skipped or refused, whose effects on names, unnamed statements
 * and the server's set were noted when they went out and are undone here.
 *
 * A request is undone as part of its batch, newest first. Batches behind it, already on their
 * way, may have changed the same things again: what is theirs stays.
 */
#include <assert.h>

#include "track/prepared.h"
#include "track_internal.h"
#include "wire/writer.h"

void backend_settle(struct backend *backend)
{
	struct debt *head = ledger_head(&backend->ledger);

	if (head->may_drop)
		backend->doubts--;
	if (head->had != NULL)
		backend->unproven = false;
	ledger_settle(&backend->ledger);
}

/* ---- replies of our own ---- */

bool debt_is_ours(const struct debt *debt)
{
	return debt->fate == FATE_OWN || debt->kind == DEBT_FLUSH || debt->kind == DEBT_COPY_END;
}

static void answer(struct backend *backend)
{
	const struct debt *debt = ledger_head(&backend->ledger);

	if (debt->fate == FATE_OWN && debt->creditor != NULL)
		writer_empty(&backend->own, debt->kind == DEBT_PARSE ? '1' : '3');
	backend_settle(backend);
}

void backend_advance(struct backend *backend)
{
	while (!ledger_is_empty(&backend->ledger) && debt_is_ours(ledger_head(&backend->ledger)))
		answer(backend);
}

void backend_advance_flushed(struct backend *backend)
{
	const struct ledger *ledger = &backend->ledger;
	bool owes = false;
	unsigned due = 0;

	for (unsigned i = 0; i < ledger->len && debt_is_ours(ledger_at(ledger, i)); i++) {
		owes |= ledger_at(ledger, i)->fate == FATE_OWN;
		/* The end of a COPY that never was is nothing to wait for. */
		if (ledger_at(ledger, i)->kind == DEBT_FLUSH || !owes)
			due = i + 1;
	}
	for (; due > 0; due--)
		answer(backend);
}

/* ---- undoing ---- */

/* The batch under undoing: debts before `end` of the ledger. */
struct batch {
	struct backend *backend;
	unsigned end;
};

/* BROKEN: a name the client has was lost for want of memory. */
static enum result undo_names(struct backend *backend, struct debt *debt, bool failed)
{
	struct conversation *creditor = debt->creditor;
	struct binding *binding;

	if (debt->named && creditor != NULL) {
		binding = names_find_request(&creditor->names, debt->request);
		if (binding != NULL) {
			names_take(&creditor->names, binding);
			binding_free(binding);
		}
	}
	return backend_undo_drop(backend, debt, failed);
}

enum result backend_undo_drop(struct backend *backend, struct debt *debt, bool failed)
{
	struct binding *binding;

	if (debt->binding == NULL)
		return OK;
	backend->alien_names |= failed && debt->kind != DEBT_CLOSE;
	if (debt->creditor == NULL)
		return OK;
	binding = debt->binding;
	debt->binding = NULL;
	return names_put_back(&debt->creditor->names, binding);
}

/* The first debt of a later batch that puts statement into the server's set or takes it out. */
static struct debt *find_later(const struct batch *batch, const struct statement *statement)
{
	for (unsigned i = batch->end; i < batch->backend->ledger.len; i++) {
		struct debt *debt = ledger_at(&batch->backend->ledger, i);

		if (debt->prepared == statement)
			return debt;
	}
	return NULL;
}

static void undo_parse(const struct batch *batch, const struct debt *debt)
{
	struct debt *later = find_later(batch, debt->prepared);

	prepared_set_remove_made_by(batch->backend->prepared, debt->prepared, debt->number);
	/* A later Close thinks that it took this copy out. */
	if (later != NULL && later->copy_number == debt->number)
		later->copy_number = 0;
}

static void undo_close(const struct batch *batch, const struct debt *debt)
{
	struct debt *later = find_later(batch, debt->prepared);
	struct prepared_copy copy = { debt->generation, debt->copy_number };

	if (copy.number == 0)
		return;
	/* A later Close, for fear of that, will take it out after all. */
	if (later != NULL) {
		later->copy_number = copy.number;
		later->generation = copy.generation;
		return;
	}
	/* Without memory to note it the copy is taken for gone; preparing it closes it first. */
	if (prepared_set_add(batch->backend->prepared, debt->prepared, copy) != OK)
		batch->backend->prepared_unsure = true;
}

/*
 * A failed Parse of the unnamed statement leaves none behind (exec_parse_message drops the old
 * one first), a skipped one leaves the old. A later batch that changed it again has noted what
 * this one made as the old one: that is put right instead.
 */
static void undo_unnamed(const struct batch *batch, struct debt *debt, bool failed)
{
	struct conversation *creditor = debt->creditor;
	struct statement **place = &creditor->unnamed;
	bool *on_server = &creditor->unnamed_on_server;

	for (unsigned i = batch->end; i < batch->backend->ledger.len; i++) {
		struct debt *later = ledger_at(&batch->backend->ledger, i);

		if (!later->swaps_unnamed || later->creditor != creditor)
			continue;
		place = &later->unnamed;
		on_server = &later->was_on_server;
		break;
	}
	statement_unref(*place);
	*place = failed ? NULL : debt->unnamed;
	*on_server = !failed && debt->was_on_server;
	if (!failed)
		debt->unnamed = NULL;
}

/* failed: the server refused it; otherwise it was skipped. */
static enum result undo(const struct batch *batch, struct debt *debt, bool failed)
{
	struct backend *backend = batch->backend;

	if (debt->prepared != NULL && debt->kind == DEBT_PARSE)
		undo_parse(batch, debt);
	else if (debt->prepared != NULL)
		undo_close(batch, debt);
	if (debt->sets_unnamed && backend->unnamed_number == debt->number)
		backend_set_unnamed(backend, NULL, debt->number);
	if (debt->swaps_unnamed && debt->creditor != NULL)
		undo_unnamed(batch, debt, failed);
	return undo_names(backend, debt, failed);
}

/* Undoes what stands before the batch's end, newest first. */
static enum result undo_all(const struct batch *batch, bool first_failed)
{
	enum result result = OK;

	for (unsigned i = batch->end; i > 0; i--) {
		struct debt *debt = ledger_at(&batch->backend->ledger, i - 1);

		if (undo(batch, debt, first_failed && i == 1) != OK)
			result = BROKEN;
	}
	return result;
}

enum result backend_skip_batch(struct backend *backend)
{
	const struct ledger *ledger = &backend->ledger;
	struct batch batch = { backend, 0 };
	enum result result;

	while (batch.end < ledger->len && ledger_at(ledger, batch.end)->kind != DEBT_SYNC)
		batch.end++;
	backend->skipping = batch.end == ledger->len;
	result = undo_all(&batch, true);
	for (; batch.end > 0; batch.end--)
		backend_settle(backend);
	return result;
}

enum result backend_take_back(struct backend *backend)
{
	const struct ledger *ledger = &backend->ledger;
	struct batch batch = { backend, ledger->len - 1 };
	enum result result;

	assert(ledger_at(ledger, batch.end)->kind == DEBT_SYNC);
	result = undo_all(&batch, false);
	for (; batch.end > 0; batch.end--)
		backend_settle(backend);
	ledger_head(ledger)->fate = FATE_SWALLOW;
	return result;
}

/* What the server has done stays noted of it; only the creditor has not asked for it. */
static enum result undo_for_creditor(const struct batch *batch, struct debt *debt)
{
	if (debt->swaps_unnamed && debt->creditor != NULL)
		undo_unnamed(batch, debt, false);
	return undo_names(batch->backend, debt, false);
}

enum result backend_undo_turn(struct backend *backend, unsigned answered)
{
	const struct ledger *ledger = &backend->ledger;
	struct batch batch = { backend, ledger->len };
	enum result result = OK;

	for (unsigned i = batch.end; i > 0; i--) {
		struct debt *debt = ledger_at(ledger, i - 1);
		bool done = i - 1 < answered;

		if ((done ? undo_for_creditor(&batch, debt) : undo(&batch, debt, false)) != OK)
			result = BROKEN;
	}
	while (ledger->len > 1)
		backend_settle(backend);
	ledger_head(ledger)->fate = FATE_SWALLOW;
	ledger_head(ledger)->creditor = NULL;
	ledger_head(ledger)->swaps_unnamed = false;
	return result;
}
