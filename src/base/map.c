/*
 * A hash map keyed by bytes: slots with short chains, one block per entry holding the key.
 * Owns entries and slots, borrows the values. Invariants: slot_count is 0 or a power of two;
 * slots is NULL exactly when the map is empty, so an idle map costs nothing.
 */
#include "base/map.h"

#include <assert.h>

#include "base/alloc.h"

#define FIRST_SLOTS 8
#define MAX_SLOTS   ((size_t)1 << 31) /* a walk's cursor counts slots in 32 bits */

struct map_entry {
	struct map_entry *next;
	uint64_t hash;
	void *value;
	size_t key_len;
	char key[];
};

/* Both halves of the 128-bit product folded: every input bit reaches every output bit. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load_8(const unsigned char *bytes)
{
	uint64_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

static inline uint64_t load_4(const unsigned char *bytes)
{
	uint32_t word;

	memcpy(&word, bytes, sizeof(word));
	return word;
}

/*
 * Both factors of each product are masked by secrets made from the seed: a peer that knows
 * this code but not the seed cannot choose bytes that make a factor zero, which would let
 * all else drop out of the hash.
 */
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed)
{
	const unsigned char *bytes = data;
	uint64_t left = seed ^ UINT64_C(0xa0761d6478bd642f);
	uint64_t right = ((seed << 29) | (seed >> 35)) * UINT64_C(0xe7037ed1a0b428db) +
			 UINT64_C(0x8ebc6af09c88c6e3);
	uint64_t state = left ^ (len * UINT64_C(0x9e3779b97f4a7c15));
	uint64_t a = 0, b = 0;
	size_t rest = len;

	for (; rest > 16; rest -= 16, bytes += 16)
		state = fold(load_8(bytes) ^ state, load_8(bytes + 8) ^ right);
	/* 16 to 1 bytes are left: two words that may overlap cover them all. */
	if (rest >= 8) {
		a = load_8(bytes);
		b = load_8(bytes + rest - 8);
	} else if (rest >= 4) {
		a = load_4(bytes);
		b = load_4(bytes + rest - 4);
	} else if (rest > 0) {
		a = (uint64_t)bytes[0] << 16 | (uint64_t)bytes[rest / 2] << 8 | bytes[rest - 1];
	}
	return fold(fold(a ^ state, b ^ right) ^ left, right);
}

void map_init(struct map *map, uint64_t seed)
{
	*map = (struct map){ .seed = seed };
}

void map_release(struct map *map)
{
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_entry *entry = map->slots[i], *next;

		for (; entry; entry = next) {
			next = entry->next;
			mem_free(entry);
		}
	}
	mem_free(map->slots);
	map_init(map, map->seed);
}

static struct map_entry **slot_of(const struct map *map, uint64_t hash)
{
	return &map->slots[hash & (map->slot_count - 1)];
}

/* Where the pointer to key's entry is, or NULL when key is not in the map. */
static struct map_entry **find(const struct map *map, struct slice key, uint64_t hash)
{
	struct map_entry **place;

	if (!map->slots)
		return NULL;
	for (place = slot_of(map, hash); *place; place = &(*place)->next) {
		const struct map_entry *entry = *place;

		if (entry->hash == hash && entry->key_len == key.len &&
		    (key.len == 0 || memcmp(entry->key, key.data, key.len) == 0))
			return place;
	}
	return NULL;
}

void *map_get(const struct map *map, struct slice key)
{
	struct map_entry **place;

	if (map->len == 0)
		return NULL;
	place = find(map, key, hash_bytes(key.data, key.len, map->seed));
	return place ? (*place)->value : NULL;
}

struct slice map_own_key(const struct map *map, struct slice key)
{
	struct map_entry **place = find(map, key, hash_bytes(key.data, key.len, map->seed));

	return place ? (struct slice){ (*place)->key, (*place)->key_len } : SLICE_NONE;
}

static enum result resize(struct map *map, size_t slot_count)
{
	struct map grown = *map;
	struct map_entry **slots = mem_alloc_zero(slot_count * sizeof(struct map_entry *));

	if (!slots)
		return BROKEN;
	grown.slots = slots;
	grown.slot_count = slot_count;
	for (size_t i = 0; i < map->slot_count; i++) {
		struct map_entry *entry = map->slots[i], *next;

		for (; entry; entry = next) {
			struct map_entry **slot = slot_of(&grown, entry->hash);

			next = entry->next;
			entry->next = *slot;
			*slot = entry;
		}
	}
	mem_free(map->slots);
	*map = grown;
	return OK;
}

/* Only the very first slots must be had: later, longer chains are better than a failed put. */
static enum result make_room(struct map *map)
{
	if (!map->slots)
		return resize(map, FIRST_SLOTS);
	if (map->len >= map->slot_count && map->slot_count < MAX_SLOTS)
		(void)!resize(map, map->slot_count * 2);
	return OK;
}

enum result map_put(struct map *map, struct slice key, void *value)
{
	uint64_t hash = hash_bytes(key.data, key.len, map->seed);
	struct map_entry **place = find(map, key, hash);
	struct map_entry *entry;

	assert(value);
	if (place) {
		(*place)->value = value;
		return OK;
	}
	if (key.len > SIZE_MAX / 2)
		return BROKEN;
	entry = mem_alloc(sizeof(*entry) + key.len);
	if (!entry)
		return BROKEN;
	if (make_room(map) != OK) {
		mem_free(entry);
		return BROKEN;
	}
	entry->hash = hash;
	entry->value = value;
	entry->key_len = key.len;
	if (key.len > 0)
		memcpy(entry->key, key.data, key.len);
	place = slot_of(map, hash);
	entry->next = *place;
	*place = entry;
	map->len++;
	return OK;
}

void *map_remove(struct map *map, struct slice key)
{
	struct map_entry **place = find(map, key, hash_bytes(key.data, key.len, map->seed));
	struct map_entry *entry;
	void *value;

	if (!place)
		return NULL;
	entry = *place;
	value = entry->value;
	*place = entry->next;
	mem_free(entry);
	if (--map->len == 0)
		map_release(map);
	return value;
}

/*
 * The cursor is the next slot to open and, in its upper half, how many entries at the tail
 * of the slot before are still to come. Counted from the tail, it stays right when the
 * entry just given is removed.
 */
bool map_next(const struct map *map, size_t *cursor, struct slice *key, void **value)
{
	size_t slot = *cursor & UINT32_MAX, left = *cursor >> 32, len = 0;
	struct map_entry *entry;

	if (slot > map->slot_count)
		return false;
	while (left == 0) {
		if (slot == map->slot_count)
			return false;
		for (entry = map->slots[slot++]; entry; entry = entry->next)
			left++;
	}
	for (entry = map->slots[slot - 1]; entry; entry = entry->next)
		len++;
	entry = map->slots[slot - 1];
	for (; len > left; len--)
		entry = entry->next;
	assert(entry);
	*cursor = slot | (left - 1) << 32;
	*key = (struct slice){ entry->key, entry->key_len };
	*value = entry->value;
	return true;
}
