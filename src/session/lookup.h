#ifndef SESSION_LOOKUP_H
#define SESSION_LOOKUP_H

#include <stdbool.h>

#include "base/ending.h"
#include "base/text.h"

/*
 * Finds a user's secret with auth_query: a query of our own over a server of an ordinary pool,
 * which goes back right after the answer, whatever the pool's mode.
 */

struct lookup;
struct roster;
struct database;

struct lookup_answer {
	enum ending  why;    /* END_NONE: it was answered */
	bool         found;  /* there is such a user */
	struct slice secret; /* data NULL: nothing ever matches; borrowed for the call */
};

struct lookup_wish {
	struct database *database; /* where it runs */
	const char      *auth_user;
	const char      *query;
	bool             is_standard; /* the query is our own default, not one of the operator's */
	struct slice     user;        /* whose secret */
	/* From the end-of-turn queue, at most once; the lookup is dead after. */
	void (*on_done)(void *ctx, const struct lookup_answer *answer);
	void *ctx;
};

/* All but the database is copied or used at once. NULL without memory. */
struct lookup *lookup_start(struct roster *roster, const struct lookup_wish *wish) MUST_USE;
/* Its asker is gone: on_done is not called, a server is given back. NULL is allowed. */
void lookup_cancel(struct lookup *lookup);

#endif
