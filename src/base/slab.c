/*
 * Caches of objects of one size, cut from chunks and kept in a free list for the next take.
 * Owns its chunks until slab_free; the registry of all slabs is process-wide, for SHOW MEM.
 * Invariants: every object of a chunk is either out (used) or in the free list (kept).
 *
 * Under AddressSanitizer objects come from and go back to mem_*, so that its quarantine
 * finds a use after put; the counts then show nothing kept.
 */
#include "base/slab.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/base_internal.h"
#include "base/list.h"

#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_OBJECTS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_OBJECTS 0
#endif
#endif
#ifndef KEEPS_OBJECTS
#define KEEPS_OBJECTS 1
#endif

#define CHUNK_BYTES 32768 /* aimed at; a chunk has at least one object */

struct kept_object {
	struct kept_object *next;
};

struct chunk {
	struct chunk *next;
	max_align_t objects[];
};

struct slab {
	struct list_node in_registry;
	const char *name;
	size_t object_size; /* as asked for */
	size_t stride;	    /* rounded up for alignment */
	size_t per_chunk;
	size_t used, kept;
	struct chunk *chunks;
	struct kept_object *first_kept;
};

static struct list registry;

struct slab *slab_new(const char *name, size_t object_size)
{
	struct slab *slab = mem_alloc_zero(sizeof(*slab));
	size_t unit = sizeof(max_align_t);

	assert(object_size > 0);
	if (!slab)
		return NULL;
	slab->name = name;
	slab->object_size = object_size;
	slab->stride = (object_size + unit - 1) / unit * unit;
	slab->per_chunk = (CHUNK_BYTES - sizeof(struct chunk)) / slab->stride;
	if (slab->per_chunk == 0)
		slab->per_chunk = 1;
	if (!registry.head.next)
		list_init(&registry);
	list_append(&registry, &slab->in_registry);
	return slab;
}

void slab_free(struct slab *slab)
{
	struct chunk *chunk, *next;

	if (!slab)
		return;
	assert(slab->used == 0);
	for (chunk = slab->chunks; chunk; chunk = next) {
		next = chunk->next;
		mem_free(chunk);
	}
	list_remove(&registry, &slab->in_registry);
	mem_free(slab);
}

static void keep(struct slab *slab, void *object)
{
	struct kept_object *kept = object;

	kept->next = slab->first_kept;
	slab->first_kept = kept;
	slab->kept++;
}

static enum result add_chunk(struct slab *slab)
{
	struct chunk *chunk = mem_alloc(sizeof(*chunk) + slab->per_chunk * slab->stride);

	if (!chunk)
		return BROKEN;
	chunk->next = slab->chunks;
	slab->chunks = chunk;
	/* Last object first, so that takes walk the chunk upwards. */
	for (size_t i = slab->per_chunk; i > 0; i--)
		keep(slab, (char *)chunk->objects + (i - 1) * slab->stride);
	return OK;
}

void *slab_take(struct slab *slab)
{
	struct kept_object *object;

	if (!KEEPS_OBJECTS) {
		void *fresh = mem_alloc_zero(slab->object_size);

		slab->used += fresh != NULL;
		return fresh;
	}
	if (mem_fault_due() || (!slab->first_kept && add_chunk(slab) != OK))
		return NULL;
	object = slab->first_kept;
	slab->first_kept = object->next;
	slab->kept--;
	slab->used++;
	return memset(object, 0, slab->object_size);
}

void slab_put(struct slab *slab, void *object)
{
	if (!object)
		return;
	assert(slab->used > 0);
	slab->used--;
	if (KEEPS_OBJECTS)
		keep(slab, object);
	else
		mem_free(object);
}

void slab_count(const struct slab *slab, struct slab_count *count)
{
	count->name = slab->name;
	count->object_size = slab->object_size;
	count->used = slab->used;
	count->free = slab->kept;
	count->bytes = (slab->used + slab->kept) * slab->stride;
}

const struct slab *slab_after(const struct slab *slab)
{
	const struct list_node *node;

	if (!slab)
		node = registry.head.next ? list_first(&registry) : NULL;
	else
		node = list_next(&registry, &slab->in_registry);
	return node ? CONTAINER_OF(node, const struct slab, in_registry) : NULL;
}
