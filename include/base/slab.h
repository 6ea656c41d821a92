#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

#include "base/result.h"

/*
 * A cache of objects of one size: taken and put back without going to malloc each
 * time, and counted by name for SHOW MEM. Slabs register themselves in one list.
 */

struct slab;

/* name: borrowed for the slab's life (a literal). NULL without memory. */
struct slab *slab_new(const char *name, size_t object_size) MUST_USE;
/* All objects must be back. NULL is allowed. */
void slab_free(struct slab *slab);
/* Gives a zeroed object, or NULL. */
void *slab_take(struct slab *slab) MUST_USE;
/* Takes an object back; NULL is allowed. */
void slab_put(struct slab *slab, void *object);

struct slab_count {
	const char *name;
	size_t      object_size;
	size_t      used;  /* objects out */
	size_t      free;  /* objects kept for the next take */
	size_t      bytes; /* memory of both */
};
void slab_count(const struct slab *slab, struct slab_count *count);
/* Walks all slabs in order of creation: NULL gives the first, NULL at the end. */
const struct slab *slab_after(const struct slab *slab);

#endif
