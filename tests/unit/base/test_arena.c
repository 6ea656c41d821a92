#include "test.h"

#include "base/arena.h"

TEST(memory_is_zero_aligned_and_apart)
{
	struct arena *arena = arena_new();
	char *places[300];

	REQUIRE(arena);
	for (size_t i = 0; i < 300; i++) {
		places[i] = arena_alloc(arena, i);
		REQUIRE(places[i]);
		CHECK_UINT_EQ((uintptr_t)places[i] % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < i; k++)
			CHECK_INT_EQ(places[i][k], 0);
		memset(places[i], (int)(i & 0x7f), i);
	}
	for (size_t i = 1; i < 300; i++)
		CHECK(places[i][0] == (char)(i & 0x7f) && places[i][i - 1] == places[i][0]);
	arena_free(arena);
	arena_free(NULL);
}

TEST(a_big_piece_leaves_room_for_small_ones)
{
	struct arena *arena = arena_new();
	char *big, *small;
	size_t size;

	REQUIRE(arena);
	REQUIRE(arena_alloc(arena, 16));
	big = arena_alloc(arena, 1000000);
	REQUIRE(big);
	memset(big, 1, 1000000);
	size = arena_size(arena);
	CHECK(size > 1000000 && size < 1010000);
	small = arena_alloc(arena, 16);
	CHECK(small && small[0] == 0);
	CHECK_UINT_EQ(arena_size(arena), size);
	arena_free(arena);
}

TEST(texts_are_copied_and_formatted)
{
	struct arena *arena = arena_new();
	char source[] = "abcd";
	char *copy, *number, *empty;

	REQUIRE(arena);
	copy = arena_copy_text(arena, (struct slice){ source, 3 });
	source[0] = 'x';
	number = arena_format(arena, "%s=%d", "n", 12);
	empty = arena_copy_text(arena, SLICE_NONE);
	CHECK_TEXT_EQ(copy, "abc");
	CHECK_TEXT_EQ(number, "n=12");
	CHECK_TEXT_EQ(empty, "");
	arena_free(arena);
}

TEST(secrets_are_freed_with_everything)
{
	struct arena *arena = arena_new();

	REQUIRE(arena);
	for (int i = 0; i < 100; i++)
		CHECK(arena_copy_text(arena, SLICE_LITERAL("a password")) != NULL);
	CHECK(arena_alloc(arena, 100000) != NULL);
	arena_free_secret(arena);
	arena_free_secret(NULL);
}

TEST(impossible_sizes_are_refused)
{
	struct arena *arena = arena_new();

	REQUIRE(arena);
	CHECK(!arena_alloc(arena, SIZE_MAX));
	CHECK(!arena_alloc(arena, SIZE_MAX - 8));
	CHECK(!arena_copy_text(arena, (struct slice){ "x", SIZE_MAX }));
	arena_free(arena);
}

TEST(without_memory_it_gives_null)
{
	WITH_EACH_FAULT(nth)
	{
		struct arena *arena = arena_new();
		int given = 0;

		for (int i = 0; arena && i < 100; i++)
			given += arena_alloc(arena, 100) != NULL;
		CHECK_INT_EQ(given, !arena ? 0 : mem_fault_hit() ? 99 : 100);
		arena_free(arena);
	}
}
