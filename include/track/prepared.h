#ifndef TRACK_PREPARED_H
#define TRACK_PREPARED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/result.h"
#include "track/statements.h"

/*
 * The statements prepared on one server, in order of use. Each entry holds a reference.
 */

struct prepared_set;

struct prepared_set *prepared_set_new(void) MUST_USE;
/* NULL is allowed. */
void prepared_set_free(struct prepared_set *set);
unsigned prepared_set_count(const struct prepared_set *set);

/* One copy on the server: under which generation and by which request it was made. */
struct prepared_copy {
	uint32_t generation;
	uint64_t number;
};

/* True when statement is there; the entry becomes the most recently used. */
bool prepared_set_use(struct prepared_set *set, struct statement *statement,
		      struct prepared_copy *copy);
/*
 * Notes statement (a reference is taken) as prepared; an entry that is there is renewed. BROKEN
 * without memory.
 */
enum result prepared_set_add(struct prepared_set *set, struct statement *statement,
			     struct prepared_copy copy) MUST_USE;
/* Takes statement out; false when it was not there. */
bool prepared_set_remove(struct prepared_set *set, struct statement *statement);
/* The same, but leaves a copy that another request than this one made. */
void prepared_set_remove_made_by(struct prepared_set *set, struct statement *statement,
				 uint64_t number);
/* The one used longest ago, NULL when empty; borrowed. */
struct statement *prepared_set_oldest(const struct prepared_set *set);
/* Takes out all that were prepared by requests before number. */
void prepared_set_drop_before(struct prepared_set *set, uint64_t number);

#endif
