/*
 * The replies a server still owes: a ring that grows by doubling. It keeps order and ownership;
 * what a reply means for which debt is backend_reply.c's work.
 */
#include "track/ledger.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "track/names.h"
#include "track/statements.h"
#include "track/vars.h"

#define FIRST_CAP 16
/* A client that never asks for its replies must not make us remember requests without end. */
#define MAX_CAP (1u << 17)

void ledger_init(struct ledger *ledger)
{
	*ledger = (struct ledger){ 0 };
}

static __attribute__((noinline)) void release_noted(struct debt *debt)
{
	statement_unref(debt->prepared);
	statement_unref(debt->unnamed);
	varset_unref(debt->had);
	varset_unref(debt->wants);
	binding_free(debt->binding);
	if (debt->instead != NULL) {
		buffer_release(debt->instead);
		mem_free(debt->instead);
	}
}

/* Most debts own nothing, or but a reference to the statement they use. */
static inline void release_debt(struct debt *debt)
{
	uintptr_t noted = (uintptr_t)debt->prepared | (uintptr_t)debt->unnamed |
			  (uintptr_t)debt->had | (uintptr_t)debt->wants |
			  (uintptr_t)debt->binding | (uintptr_t)debt->instead;

	statement_unref(debt->uses);
	if (noted != 0)
		release_noted(debt);
}

void ledger_release(struct ledger *ledger)
{
	while (!ledger_is_empty(ledger))
		ledger_settle(ledger);
	mem_free(ledger->ring);
	ledger->ring = NULL;
	ledger->cap = 0;
}

static enum result grow(struct ledger *ledger)
{
	unsigned cap = ledger->cap ? ledger->cap * 2 : FIRST_CAP;
	struct debt *ring;

	if (cap > MAX_CAP)
		return BROKEN;
	ring = mem_alloc((size_t)cap * sizeof(*ring));
	if (ring == NULL)
		return BROKEN;
	for (unsigned i = 0; i < ledger->len; i++)
		ring[i] = *ledger_at(ledger, i);
	mem_free(ledger->ring);
	ledger->ring = ring;
	ledger->cap = cap;
	ledger->first = 0;
	return OK;
}

struct debt *ledger_owe(struct ledger *ledger, enum debt_kind kind)
{
	struct debt *debt;

	if (ledger->len == ledger->cap && grow(ledger) != OK)
		return NULL;
	ledger->len++;
	debt = ledger_at(ledger, ledger->len - 1);
	memset(debt, 0, sizeof(*debt));
	debt->kind = kind;
	debt->number = ++ledger->next_number;
	return debt;
}

void ledger_settle(struct ledger *ledger)
{
	assert(ledger->len > 0);
	release_debt(ledger_at(ledger, 0));
	ledger->first = (ledger->first + 1) & (ledger->cap - 1);
	ledger->len--;
}

void ledger_remove(struct ledger *ledger, unsigned i)
{
	assert(i < ledger->len);
	release_debt(ledger_at(ledger, i));
	for (; i + 1 < ledger->len; i++)
		*ledger_at(ledger, i) = *ledger_at(ledger, i + 1);
	ledger->len--;
}
