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
struct varset;
struct buffer;

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
	FATE_SWALLOW, /* the request was ours: nobody gets the reply, but the creditor an error */
	FATE_OWN,     /* the server was never asked: we answer in its place and order */
	FATE_REPLACE, /* the request is made to fail: its error is replaced by the entry's own */
};

struct debt {
	enum debt_kind kind;
	enum debt_fate fate;
	bool silent;	    /* SWALLOW: an error is swallowed, too */
	bool opens;	    /* SWALLOW: BEGIN for the creditor; an error ends it */
	bool may_drop;	    /* it may drop prepared statements (DISCARD, DEALLOCATE) */
	bool answered;	    /* QUERY, FUNCTION: more than ReadyForQuery came */
	bool sets_unnamed;  /* PARSE: it changed the server's unnamed statement */
	bool swaps_unnamed; /* it changed the creditor's unnamed statement */
	bool was_on_server; /* with it: the old one was too long to be kept here */
	bool named;	    /* PARSE: it gave the creditor a name (binding.request = request) */
	bool outdated;	    /* REPLACE: stands for a plan whose result type has changed */
	uint32_t
		generation; /* CLOSE: of the copy it took out; BIND, DESCRIBE: of the one it uses */
	uint64_t number;    /* counts up over the ledger's life */
	uint64_t request;   /* counts up over the creditor's life; 0: it has no creditor */
	struct conversation *creditor; /* NULL: nobody (any more) */

	/*
	 * What was noted when the request went out, so that it can be undone when the server skips
	 * or refuses it. All owned: references, a binding, error messages.
	 */
	struct statement *prepared; /* PARSE: put into the server's set; CLOSE: taken out of it */
	uint64_t copy_number; /* CLOSE: number of the Parse that made the copy taken out; 0: none */
	struct statement *unnamed; /* what the creditor's unnamed statement was before */
	struct binding *binding;   /* the name it took from the creditor (Close, DEALLOCATE) */
	struct statement *uses;	   /* BIND, DESCRIBE: the shared statement it relies on */
	uint64_t used_name;	   /* with it: binding.request of the name the creditor used */
	const struct varset *had; /* QUERY of ours that sets settings: what the server had before */
	const struct varset *wants; /* with it: what it is to have */
	struct buffer *instead;	    /* REPLACE: the messages the creditor gets for the error */
};

struct ledger {
	struct debt *ring; /* NULL while nothing was ever owed */
	unsigned cap;	   /* a power of two */
	unsigned first;	   /* index of the oldest, below cap */
	unsigned len;
	uint64_t next_number;
};

void ledger_init(struct ledger *ledger);
/* Drops all debts. */
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
	return ledger->len ? &ledger->ring[ledger->first] : 0;
}
static inline bool ledger_is_empty(const struct ledger *ledger)
{
	return ledger->len == 0;
}
/* Drops the oldest; what it owns is freed. */
void ledger_settle(struct ledger *ledger);
/* Drops the i-th oldest; what it owns is freed. */
void ledger_remove(struct ledger *ledger, unsigned i);

#endif
