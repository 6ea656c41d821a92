#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/result.h"
#include "base/text.h"

/*
 * A hash map keyed by bytes. Keys are copied into the map; values are borrowed
 * pointers, never NULL. The seed makes collisions unpredictable to a peer that
 * chooses the keys. An empty map allocates nothing.
 */

struct map_entry;

struct map {
	struct map_entry **slots; /* NULL until the first put */
	size_t             slot_count;
	size_t             len;
	uint64_t           seed;
};

/* seed: from random_bytes where a peer chooses keys; any constant otherwise. */
void map_init(struct map *map, uint64_t seed);
/* Frees keys and slots, not the values. */
void map_release(struct map *map);
/* The value, or NULL. */
void *map_get(const struct map *map, struct slice key);
/* The map's own copy of key, valid until it is removed; SLICE_NONE when it is not there. */
struct slice map_own_key(const struct map *map, struct slice key);
/* Puts value under key, replacing what was there; BROKEN without memory (nothing changed). */
enum result map_put(struct map *map, struct slice key, void *value) MUST_USE;
/* Takes key out and gives its value, NULL when it was not there. */
void *map_remove(struct map *map, struct slice key);
/* Walks all entries in no order: start with *cursor = 0; false at the end. No put meanwhile. */
bool map_next(const struct map *map, size_t *cursor, struct slice *key, void **value);

/* A fast keyed hash of bytes; the same for the same seed within one build. */
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);

#endif
