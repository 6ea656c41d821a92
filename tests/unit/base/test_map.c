#include "test.h"

#include "base/map.h"

static int values[20000];

static struct slice key_of(unsigned number, char *room, size_t cap)
{
	int len = snprintf(room, cap, "key %u", number);

	return (struct slice){ room, (size_t)len };
}

TEST(what_was_put_is_found)
{
	struct map map;

	map_init(&map, 1);
	CHECK(!map_get(&map, SLICE_LITERAL("a")));
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("a"), &values[1]), OK);
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("b"), &values[2]), OK);
	CHECK_INT_EQ(map_put(&map, SLICE_NONE, &values[3]), OK);
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("a\0b"), &values[4]), OK);
	CHECK(map_get(&map, SLICE_LITERAL("a")) == &values[1]);
	CHECK(map_get(&map, SLICE_LITERAL("b")) == &values[2]);
	CHECK(map_get(&map, SLICE_LITERAL("")) == &values[3]);
	CHECK(map_get(&map, SLICE_LITERAL("a\0b")) == &values[4]);
	CHECK(!map_get(&map, SLICE_LITERAL("c")));
	CHECK_UINT_EQ(map.len, 4);
	map_release(&map);
}

TEST(put_replaces)
{
	struct map map;

	map_init(&map, 1);
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("a"), &values[1]), OK);
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("a"), &values[2]), OK);
	CHECK_UINT_EQ(map.len, 1);
	CHECK(map_get(&map, SLICE_LITERAL("a")) == &values[2]);
	map_release(&map);
}

TEST(keys_are_copied)
{
	struct map map;
	char key[] = "mine";

	map_init(&map, 1);
	CHECK_INT_EQ(map_put(&map, slice_of(key), &values[1]), OK);
	key[0] = 'x';
	CHECK(map_get(&map, SLICE_LITERAL("mine")) == &values[1]);
	map_release(&map);
}

TEST(an_empty_map_holds_no_memory)
{
	struct map map;
	size_t blocks = mem_blocks_in_use();

	map_init(&map, 1);
	CHECK(!map_remove(&map, SLICE_LITERAL("a")));
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("a"), &values[1]), OK);
	CHECK(map_remove(&map, SLICE_LITERAL("a")) == &values[1]);
	CHECK_UINT_EQ(mem_blocks_in_use(), blocks);
	CHECK_INT_EQ(map_put(&map, SLICE_LITERAL("a"), &values[1]), OK);
	map_release(&map);
	CHECK_UINT_EQ(map.len, 0);
	CHECK(!map_get(&map, SLICE_LITERAL("a")));
}

TEST(many_entries_come_and_go)
{
	struct map map;
	char room[32];

	map_init(&map, 7);
	for (unsigned i = 0; i < 20000; i++)
		CHECK_INT_EQ(map_put(&map, key_of(i, room, sizeof(room)), &values[i]), OK);
	CHECK_UINT_EQ(map.len, 20000);
	CHECK(map.slot_count >= 16384);
	for (unsigned i = 0; i < 20000; i += 2)
		CHECK(map_remove(&map, key_of(i, room, sizeof(room))) == &values[i]);
	for (unsigned i = 0; i < 20000; i++) {
		int *expected = i % 2 ? &values[i] : NULL;

		CHECK(map_get(&map, key_of(i, room, sizeof(room))) == expected);
	}
	map_release(&map);
}

TEST(a_walk_sees_each_entry_once)
{
	struct map map;
	static char seen[1000];
	char room[32];
	size_t cursor = 0;
	unsigned count = 0;
	struct slice key;
	void *value;

	memset(seen, 0, sizeof(seen));
	map_init(&map, 3);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_INT_EQ(map_put(&map, key_of(i, room, sizeof(room)), &values[i]), OK);
	while (map_next(&map, &cursor, &key, &value)) {
		unsigned number = (unsigned)((int *)value - values);

		REQUIRE(number < 1000);
		CHECK_SLICE_EQ(key, key_of(number, room, sizeof(room)));
		CHECK(!seen[number]++);
		count++;
	}
	CHECK_UINT_EQ(count, 1000);
	CHECK(!map_next(&map, &cursor, &key, &value));
	map_release(&map);
	cursor = 0;
	CHECK(!map_next(&map, &cursor, &key, &value));
}

TEST(the_current_entry_may_be_removed_in_a_walk)
{
	struct map map;
	char room[32];
	size_t cursor = 0;
	unsigned count = 0;
	struct slice key;
	void *value;

	map_init(&map, 3);
	for (unsigned i = 0; i < 1000; i++)
		CHECK_INT_EQ(map_put(&map, key_of(i, room, sizeof(room)), &values[i]), OK);
	while (map_next(&map, &cursor, &key, &value)) {
		count++;
		if (count % 3)
			CHECK(map_remove(&map, key) == value);
	}
	CHECK_UINT_EQ(count, 1000);
	CHECK_UINT_EQ(map.len, 333);
	for (cursor = 0; map_next(&map, &cursor, &key, &value);)
		CHECK(map_remove(&map, key) == value);
	CHECK_UINT_EQ(map.len, 0);
}

TEST(without_memory_nothing_changes)
{
	WITH_EACH_FAULT(nth)
	{
		struct map map;
		char room[32];
		unsigned put = 0;

		map_init(&map, 5);
		for (unsigned i = 0; i < 50; i++)
			put += map_put(&map, key_of(i, room, sizeof(room)), &values[i]) == OK;
		CHECK_UINT_EQ(map.len, put);
		CHECK(put >= 49);
		for (unsigned i = 0; i < 50; i++) {
			int *value = map_get(&map, key_of(i, room, sizeof(room)));

			CHECK(!value || value == &values[i]);
			put -= value != NULL;
		}
		CHECK_UINT_EQ(put, 0);
		map_release(&map);
	}
}

TEST(the_hash_depends_on_every_byte_and_the_length)
{
	unsigned char bytes[80] = { 0 };

	for (size_t len = 1; len <= sizeof(bytes); len++) {
		uint64_t before = hash_bytes(bytes, len, 99);

		CHECK(hash_bytes(bytes, len - 1, 99) != before);
		for (size_t i = 0; i < len; i++) {
			bytes[i] ^= 1;
			CHECK(hash_bytes(bytes, len, 99) != before);
			bytes[i] ^= 1;
		}
		CHECK_UINT_EQ(hash_bytes(bytes, len, 99), before);
		CHECK(hash_bytes(bytes, len, 98) != before);
	}
}

/* Flipping any bit of the input or the seed flips about half of the bits of the hash. */
TEST(the_hash_spreads_every_bit)
{
	unsigned char bytes[40];
	unsigned flips = 0, rounds = 0;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37);
	for (size_t len = 1; len <= sizeof(bytes); len++) {
		uint64_t before = hash_bytes(bytes, len, 1234567);

		for (size_t bit = 0; bit < len * 8; bit++) {
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			flips += (unsigned)__builtin_popcountll(before ^
								hash_bytes(bytes, len, 1234567));
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			rounds++;
		}
	}
	CHECK(flips > rounds * 31 && flips < rounds * 33);
}

/* Keys chosen to collide under one seed do not collide under another. */
TEST(colliding_keys_do_not_collide_under_another_seed)
{
	uint64_t key = 0;
	unsigned found = 0, together = 0;

	/* Keys whose hash ends in 12 zero bits: all in one slot of 4096 under seed 1. */
	while (found < 200) {
		key++;
		if ((hash_bytes(&key, sizeof(key), 1) & 0xfff) != 0)
			continue;
		found++;
		together += (hash_bytes(&key, sizeof(key), 2) & 0xfff) == 0;
	}
	CHECK(together < 5);
}

/* Regular keys of the sort peers send must not pile up in few slots. */
TEST(regular_keys_fill_the_slots_evenly)
{
	static unsigned char slots[65536];
	unsigned longest = 0, empty = 0;
	char room[32];

	memset(slots, 0, sizeof(slots));
	for (unsigned i = 0; i < 65536; i++) {
		struct slice key = key_of(i * 16, room, sizeof(room));
		uint64_t hash = hash_bytes(key.data, key.len, 42);

		slots[hash & 0xffff]++;
	}
	for (unsigned i = 0; i < 65536; i++) {
		longest = slots[i] > longest ? slots[i] : longest;
		empty += slots[i] == 0;
	}
	/* 1/e of the slots stay empty when keys fall at random; a chain of 12 is unheard of. */
	CHECK(longest < 12);
	CHECK(empty > 65536 / 100 * 36 && empty < 65536 / 100 * 38);
}
