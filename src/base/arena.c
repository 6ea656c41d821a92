/*
 * Memory freed all at once. Owns a chain of chunks, the newest first; small things are cut
 * from the newest, a big one gets a chunk of its own behind it. Invariant: used <= size in
 * every chunk, and what lies after used is zero.
 */
#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base_internal.h"

#define FIRST_CHUNK 1024
#define LAST_CHUNK  65536 /* chunks double up to here */

struct chunk {
	struct chunk *older;
	size_t size, used;
	max_align_t bytes[];
};

struct arena {
	struct chunk *newest; /* NULL until the first allocation */
	size_t next_size;
	size_t held;
};

struct arena *arena_new(void)
{
	struct arena *arena = mem_alloc_zero(sizeof(*arena));

	if (arena) {
		arena->next_size = FIRST_CHUNK;
		arena->held = sizeof(*arena);
	}
	return arena;
}

void arena_free(struct arena *arena)
{
	struct chunk *chunk, *older;

	if (!arena)
		return;
	for (chunk = arena->newest; chunk; chunk = older) {
		older = chunk->older;
		mem_free(chunk);
	}
	mem_free(arena);
}

void arena_free_secret(struct arena *arena)
{
	if (!arena)
		return;
	for (struct chunk *chunk = arena->newest; chunk; chunk = chunk->older)
		explicit_bzero(chunk->bytes, chunk->used);
	arena_free(arena);
}

static struct chunk *chunk_new(struct arena *arena, size_t size)
{
	struct chunk *chunk = mem_alloc_zero(sizeof(*chunk) + size);

	if (chunk) {
		chunk->size = size;
		arena->held += sizeof(*chunk) + size;
	}
	return chunk;
}

/* A chunk with size bytes free. A big one goes second, so the newest keeps its free rest. */
static struct chunk *chunk_with_room(struct arena *arena, size_t size)
{
	struct chunk *newest = arena->newest, *chunk;
	bool big = size > arena->next_size / 2;

	if (newest && newest->size - newest->used >= size)
		return newest;
	chunk = chunk_new(arena, big ? size : arena->next_size);
	if (!chunk)
		return NULL;
	if (big && newest) {
		chunk->older = newest->older;
		newest->older = chunk;
		return chunk;
	}
	chunk->older = newest;
	arena->newest = chunk;
	if (arena->next_size < LAST_CHUNK)
		arena->next_size *= 2;
	return chunk;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	struct chunk *chunk;
	void *place;

	if (size > SIZE_MAX / 2 || mem_fault_due())
		return NULL;
	/* Zero bytes still get a place of their own, as from mem_alloc. */
	size = size ? size : 1;
	size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	chunk = chunk_with_room(arena, size);
	if (!chunk)
		return NULL;
	place = (char *)chunk->bytes + chunk->used;
	chunk->used += size;
	return place;
}

char *arena_copy_text(struct arena *arena, struct slice text)
{
	char *copy = text.len < SIZE_MAX ? arena_alloc(arena, text.len + 1) : NULL;

	if (copy && text.len > 0)
		memcpy(copy, text.data, text.len);
	return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
	va_list args;
	int len;
	char *text;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		return NULL;
	text = arena_alloc(arena, (size_t)len + 1);
	if (!text)
		return NULL;
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}

size_t arena_size(const struct arena *arena)
{
	return arena->held;
}
