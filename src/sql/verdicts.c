/*
 * A bounded memory of texts already judged, keyed by their shape (shape.c) where they have one,
 * else by themselves. Owns its entries: chains of a hash table of fixed size, and a list with the
 * least recently used in front. Used by one thread: the room for shapes is shared by its calls.
 */
#include "sql/verdicts.h"

#include "base/alloc.h"
#include "base/list.h"
#include "base/map.h"
#include "sql/classify.h"
#include "sql/sql_internal.h"

struct entry {
	struct entry *next; /* in its chain */
	struct list_node used;
	uint64_t hash;
	uint64_t generation;
	struct verdict verdict;
	size_t len;
	char text[];
};

struct verdicts {
	struct entry **slots;
	size_t slot_mask;
	struct list used; /* the first is the next to go */
	size_t max_entries, max_bytes, bytes;
	uint64_t seed;
	uint64_t hits, misses, passed, evicted;
	char shape[CLASSIFY_PARSE_MAX];
};

struct verdicts *verdicts_new(size_t max_entries, size_t max_bytes, uint64_t seed)
{
	struct verdicts *verdicts = mem_alloc(sizeof(*verdicts));
	size_t slots = 16;

	if (!verdicts)
		return NULL;
	while (slots < max_entries && slots < (size_t)1 << 24)
		slots *= 2;
	*verdicts = (struct verdicts){ .slot_mask = slots - 1,
				       .max_entries = max_entries ? max_entries : 1,
				       .max_bytes = max_bytes,
				       .seed = seed };
	list_init(&verdicts->used);
	verdicts->slots = mem_alloc_zero(slots * sizeof(*verdicts->slots));
	if (!verdicts->slots) {
		mem_free(verdicts);
		return NULL;
	}
	return verdicts;
}

static size_t size_of(size_t len)
{
	return sizeof(struct entry) + len;
}

static struct entry **find(struct verdicts *verdicts, struct slice key, uint64_t hash)
{
	struct entry **place = &verdicts->slots[hash & verdicts->slot_mask];

	while (*place && ((*place)->hash != hash || (*place)->len != key.len ||
			  memcmp((*place)->text, key.data, key.len) != 0))
		place = &(*place)->next;
	return place;
}

static void drop(struct verdicts *verdicts, struct entry *entry)
{
	struct entry **place = &verdicts->slots[entry->hash & verdicts->slot_mask];

	while (*place != entry)
		place = &(*place)->next;
	*place = entry->next;
	list_remove(&verdicts->used, &entry->used);
	verdicts->bytes -= size_of(entry->len);
	mem_free(entry);
}

static struct entry *entry_of(struct list_node *node)
{
	return CONTAINER_OF(node, struct entry, used);
}

void verdicts_clear(struct verdicts *verdicts)
{
	while (list_first(&verdicts->used))
		drop(verdicts, entry_of(list_first(&verdicts->used)));
}

void verdicts_free(struct verdicts *verdicts)
{
	if (!verdicts)
		return;
	verdicts_clear(verdicts);
	mem_free(verdicts->slots);
	mem_free(verdicts);
}

/* No entry takes more than a quarter of the room. */
static bool make_room(struct verdicts *verdicts, size_t size)
{
	if (size > verdicts->max_bytes / 4)
		return false;
	while (verdicts->used.len >= verdicts->max_entries ||
	       verdicts->bytes + size > verdicts->max_bytes) {
		drop(verdicts, entry_of(list_first(&verdicts->used)));
		verdicts->evicted++;
	}
	return true;
}

/* Gives the new entry, or NULL when it does not fit or there is no memory. */
static struct entry *remember(struct verdicts *verdicts, struct slice key, uint64_t hash)
{
	struct entry *entry, **slot = &verdicts->slots[hash & verdicts->slot_mask];

	if (!make_room(verdicts, size_of(key.len)))
		return NULL;
	entry = mem_alloc(size_of(key.len));
	if (!entry)
		return NULL;
	*entry = (struct entry){ .next = *slot, .hash = hash, .len = key.len };
	memcpy(entry->text, key.data, key.len);
	*slot = entry;
	list_append(&verdicts->used, &entry->used);
	verdicts->bytes += size_of(key.len);
	return entry;
}

static struct slice key_of(struct verdicts *verdicts, struct slice text)
{
	size_t len = shape_write(text, verdicts->shape, sizeof(verdicts->shape));

	return len > 0 ? (struct slice){ verdicts->shape, len } : text;
}

/* Gives what is remembered of key and still true, as the most recently used; or NULL. */
static struct entry *recall(struct verdicts *verdicts, struct slice key, uint64_t hash,
			    uint64_t generation)
{
	struct entry *entry = *find(verdicts, key, hash);

	if (!entry ||
	    (entry->generation != generation && !(entry->verdict.flags & VERDICT_OVERRULED)))
		return NULL;
	list_remove(&verdicts->used, &entry->used);
	list_append(&verdicts->used, &entry->used);
	return entry;
}

struct verdict verdicts_judge(struct verdicts *verdicts, struct slice text,
			      const struct function_book *functions, uint64_t generation)
{
	struct slice key = key_of(verdicts, text);
	struct verdict verdict;
	struct entry *entry;
	bool sure;
	uint64_t hash;

	/* What has no shape is mostly BEGIN, COMMIT and SET: a look is cheaper than the memory. */
	sure = key.data == text.data && quick_judge(text, functions, &verdict);
	if (sure && verdict.kind != VERDICT_READ) {
		verdicts->passed++;
		return verdict;
	}
	hash = hash_bytes(key.data, key.len, verdicts->seed);
	entry = recall(verdicts, key, hash, generation);
	if (entry) {
		verdicts->hits++;
		return entry->verdict;
	}
	if (!sure)
		verdict = classify_as_is(key, functions);
	if (key.len > CLASSIFY_PARSE_MAX) {
		verdicts->passed++;
		return verdict;
	}
	entry = *find(verdicts, key, hash);
	if (!entry)
		entry = remember(verdicts, key, hash);
	if (entry) {
		entry->verdict = verdict;
		entry->generation = generation;
	}
	verdicts->misses++;
	return verdict;
}

bool verdicts_recall(struct verdicts *verdicts, struct slice text, uint64_t generation,
		     struct verdict *verdict)
{
	struct entry *entry = recall(verdicts, text,
				     hash_bytes(text.data, text.len, verdicts->seed), generation);

	if (!entry)
		return false;
	verdicts->hits++;
	*verdict = entry->verdict;
	return true;
}

void verdicts_overrule(struct verdicts *verdicts, struct slice text, enum verdict_kind kind)
{
	struct slice key = key_of(verdicts, text);
	uint64_t hash = hash_bytes(key.data, key.len, verdicts->seed);
	struct entry *entry = *find(verdicts, key, hash);

	if (!entry) {
		entry = remember(verdicts, key, hash);
		if (!entry)
			return;
		entry->verdict = classify_as_is(key, NULL);
	}
	entry->verdict.kind = kind;
	entry->verdict.only_keeps = false;
	entry->verdict.flags |= VERDICT_OVERRULED;
}

struct verdicts_counts verdicts_counts(const struct verdicts *verdicts)
{
	return (struct verdicts_counts){
		.hits = verdicts->hits,
		.misses = verdicts->misses,
		.passed = verdicts->passed,
		.evicted = verdicts->evicted,
		.entries = verdicts->used.len,
		.bytes = verdicts->bytes,
	};
}
