#ifndef SQL_VERDICTS_H
#define SQL_VERDICTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"
#include "sql/function_book.h"
#include "sql/verdict.h"

/*
 * A bounded memory of texts already judged. Texts that differ only in constants and comments
 * (but those with hints) are one entry: what is remembered is the text's shape. One memory belongs
 * to one database, because functions are known per database.
 */

struct verdicts;

struct verdicts_counts {
	uint64_t hits;	 /* found */
	uint64_t misses; /* classified and remembered */
	uint64_t passed; /* judged at a look without memory (BEGIN, SET), or not to be remembered */
	uint64_t evicted;
	size_t entries;
	size_t bytes; /* of entries, with their overhead */
};

/*
 * Gives a memory of at most max_entries (1 or more) and max_bytes of entries; the least recently
 * used go first. seed: random, so that clients cannot choose texts that collide. NULL without
 * memory.
 */
struct verdicts *verdicts_new(size_t max_entries, size_t max_bytes, uint64_t seed);
/* NULL is allowed. */
void verdicts_free(struct verdicts *verdicts);

/*
 * As classify(text, functions), from memory where text or one of its shape has been judged with
 * the same generation: any number that changes when functions are other ones. Never fails:
 * without memory it is judged and not remembered.
 */
struct verdict verdicts_judge(struct verdicts *verdicts, struct slice text,
			      const struct function_book *functions, uint64_t generation);
/*
 * True when text itself is a shape that is remembered for generation: *verdict is what
 * verdicts_judge would give. Much cheaper than that for texts that come again as they are, like
 * those with parameters; for one with constants it is a lookup in vain.
 */
bool verdicts_recall(struct verdicts *verdicts, struct slice text, uint64_t generation,
		     struct verdict *verdict);
/*
 * The server knows better: from now on kind is the verdict on text and all of its shape, with
 * VERDICT_OVERRULED, in every generation, until it is evicted or cleared. For VERDICT_WRITE when
 * a replica has refused it with 25006.
 */
void verdicts_overrule(struct verdicts *verdicts, struct slice text, enum verdict_kind kind);
void verdicts_clear(struct verdicts *verdicts);
struct verdicts_counts verdicts_counts(const struct verdicts *verdicts);

#endif
