#ifndef AUTH_FIELDS_H
#define AUTH_FIELDS_H

#include "base/arena.h"
#include "base/result.h"
#include "base/text.h"

/*
 * Lines of words as pg_hba.conf and pg_ident.conf have them (PostgreSQL docs, "The pg_hba.conf
 * File"): separated by blanks, joined to lists by commas, quoted by ", # begins a comment.
 */

struct word {
	struct slice text; /* without quotes; borrowed from the line or the arena */
	bool quoted;	   /* began with a quote: a name, never a keyword */
	bool joined;	   /* a comma ends it: the next word belongs to the same list */
	bool no_memory;	   /* why it is BROKEN */
};

/* Takes the next line, without its end, off *rest; false when *rest is used up. */
bool fields_next_line(struct slice *rest, struct slice *line);
/*
 * Takes the next word off *line. AGAIN: there is none. BROKEN: a quote is not closed, or no
 * memory in arena (word->no_memory).
 */
enum result fields_next_word(struct slice *line, struct arena *arena, struct word *word) MUST_USE;
/* What is left of a line, trimmed and without its comment. */
struct slice fields_rest(struct slice line);

#endif
