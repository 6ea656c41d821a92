#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

#include "base/result.h"
#include "base/text.h"

/* Memory that is freed all at once: a settings snapshot, a console reply. */

struct arena;

struct arena *arena_new(void) MUST_USE;
/* Frees everything given from it. NULL is allowed. */
void arena_free(struct arena *arena);
/* The same after overwriting all of it with zero: for arenas that hold secrets. */
void arena_free_secret(struct arena *arena);
/* size bytes of zero, aligned for anything, owned by the arena; NULL without memory. */
void *arena_alloc(struct arena *arena, size_t size) MUST_USE;
/* A NUL-terminated copy. */
char *arena_copy_text(struct arena *arena, struct slice text) MUST_USE;
/* A formatted, NUL-terminated text. */
char *arena_format(struct arena *arena, const char *format, ...) PRINTF_LIKE(2, 3) MUST_USE;
/* Bytes it holds. */
size_t arena_size(const struct arena *arena);

#endif
