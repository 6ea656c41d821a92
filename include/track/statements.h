#ifndef TRACK_STATEMENTS_H
#define TRACK_STATEMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/text.h"
#include "sql/verdict.h"

/*
 * Prepared statements shared by text and parameter types. A statement is interned: the same
 * signature gives the same pointer, for all clients and servers, as long as anyone refers to
 * it. Its name on servers is made from its id and is never a client's choice.
 */

struct statement_store;

/* seed: random, since clients choose the texts. NULL without memory. */
struct statement_store *statement_store_new(uint64_t seed) MUST_USE;
/* No statement may be left referred to. NULL is allowed. */
void statement_store_free(struct statement_store *store);
size_t statement_store_count(const struct statement_store *store);
size_t statement_store_bytes(const struct statement_store *store);

struct statement;

/*
 * Gives a reference to the statement of this signature (parse_view.signature, copied), or NULL
 * without memory.
 */
struct statement *statement_intern(struct statement_store *store, struct slice signature) MUST_USE;
struct statement *statement_ref(struct statement *statement);
/* NULL is allowed. */
void statement_unref(struct statement *statement);

struct slice statement_signature(const struct statement *statement);
/* The SQL text alone. */
struct slice statement_text(const struct statement *statement);

/* Its name on servers ("pgcarwash_17"), with a NUL behind it; borrowed from the statement. */
struct slice statement_name(struct statement *statement);

/*
 * The generation goes up when a server reports that the statement's result type changed: a
 * copy prepared under an older generation is prepared anew before a client that prepared it
 * later meets it.
 */
uint32_t statement_generation(const struct statement *statement);
void statement_outdate(struct statement *statement);

/*
 * What its text does, as judged before with this generation (never 0) of functions; false: that
 * was not noted.
 */
bool statement_verdict(const struct statement *statement, uint64_t generation,
		       struct verdict *verdict);
void statement_note_verdict(struct statement *statement, uint64_t generation,
			    struct verdict verdict);

/* True when executing it may drop prepared statements (DISCARD, DEALLOCATE). */
bool statement_may_drop(const struct statement *statement);

#endif
