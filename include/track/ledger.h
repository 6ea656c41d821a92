#ifndef TRACK_LEDGER_H
#define TRACK_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"

/*
 * The replies a server still owes, in order, and to whom. Belongs to the server; every entry
 * names its creditor, so that several clients' turns can be under way on one server.
 * (PostgreSQL docs, "Message Flow": which request is answered by which messages.)
 */

struct conversation;
struct statement;
struct binding;

enum debt_kind {
	DEBT_QUERY,    /* Query: any number of results, ends with ReadyForQuery */
	DEBT_FUNCTION, /* FunctionCall: the same */
	DEBT_SYNC,     /* Sync: ReadyForQuery */
	DEBT_PARSE,    /* ParseComplete */
	DEBT_BIND,     /* BindComplete */
	DEBT_DESCRIBE, /* [ParameterDescription] RowDescription or NoData */
	DEBT_EXECUTE,  /* rows, then CommandComplete, EmptyQueryResponse or PortalSuspended */
	DEBT_CLOSE,    /* CloseComplete */
	DEBT_FLUSH,    /* no reply: replies of our own up to here are due now */
	DEBT_COPY_END, /* no reply: the client's CopyDone or CopyFail went by here */
};

enum debt_fate {
	FATE_FORWARD, /* the creditor gets what the server says */
	FATE_SWALLOW, /* the request was ours: nobody gets the reply (but an error goes to the creditor) */
	FATE_OWN,     /* the server was never asked: we answer in its place and order */
	FATE_REPLACE, /* the request is known to fail: its error is replaced by the entry's own */
};

struct debt {
	enum debt_kind kind;
	enum debt_fate fate;
	bool           silent;   /* SWALLOW: an error is swallowed, too */
	bool           may_drop; /* it may drop prepared statements (DISCARD, DEALLOCATE) */
	uint64_t       number;   /* counts up over the ledger's life */
	struct conversation *creditor; /* NULL: nobody (any more) */

	/* How to undo what was noted when the request went out; see track/backend. References owned. */
	struct statement *prepared;  /* PARSE: put into the server's set; CLOSE: taken out of it */
	struct statement *unnamed;   /* what the creditor's unnamed statement was before */
	bool              had_unnamed_change;
	struct binding   *binding;   /* PARSE: name given by it; CLOSE: name taken by it */
	struct statement *uses;      /* BIND, DESCRIBE: the shared statement it relies on */
	struct notice_text *error;   /* REPLACE: ErrorResponse to send instead, owned */
};

struct ledger {
	struct debt *ring;  /* NULL while nothing was ever owed */
	unsigned     cap;   /* a power of two */
	unsigned     first; /* index of the oldest */
	unsigned     len;
	uint64_t     next_number;
};

void ledger_init(struct ledger *ledger);
/* All debts must have been settled or dropped by their owner first. */
void ledger_release(struct ledger *ledger);

/*
 * Adds a debt of this kind at the end and gives it to be filled in (zeroed but for kind and
 * number); NULL without memory. Valid until the next owe.
 */
struct debt *ledger_owe(struct ledger *ledger, enum debt_kind kind) MUST_USE;
/* The i-th oldest, 0 <= i < len. */
static inline struct debt *ledger_at(const struct ledger *ledger, unsigned i)
{
	return &ledger->ring[(ledger->first + i) & (ledger->cap - 1)];
}
static inline struct debt *ledger_head(const struct ledger *ledger)
{
	return ledger->len ? ledger_at(ledger, 0) : 0;
}
static inline bool ledger_is_empty(const struct ledger *ledger)
{
	return ledger->len == 0;
}
/* Drops the oldest; whatever it refers to has been let go by the caller. */
void ledger_settle(struct ledger *ledger);
/* Drops the newest. */
void ledger_take_back(struct ledger *ledger);
/* Drops the i-th oldest. */
void ledger_remove(struct ledger *ledger, unsigned i);

#endif
