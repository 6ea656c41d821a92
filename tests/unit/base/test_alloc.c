#include "test.h"

#include "base/alloc.h"

TEST(bytes_and_blocks_are_counted)
{
	size_t bytes = mem_bytes_in_use(), blocks = mem_blocks_in_use();
	char *block = mem_alloc(1000);

	REQUIRE(block);
	CHECK(mem_bytes_in_use() >= bytes + 1000);
	CHECK_UINT_EQ(mem_blocks_in_use(), blocks + 1);
	block = mem_realloc(block, 100000);
	REQUIRE(block);
	CHECK(mem_bytes_in_use() >= bytes + 100000);
	CHECK_UINT_EQ(mem_blocks_in_use(), blocks + 1);
	mem_free(block);
	CHECK_UINT_EQ(mem_bytes_in_use(), bytes);
	CHECK_UINT_EQ(mem_blocks_in_use(), blocks);
	mem_free(NULL);
}

TEST(zeroed_memory_is_zero)
{
	static const char zeros[4096];
	char *dirty = mem_alloc(4096), *block;

	REQUIRE(dirty);
	memset(dirty, 0xff, 4096);
	mem_free(dirty);
	block = mem_alloc_zero(4096);
	REQUIRE(block);
	CHECK_BYTES_EQ(block, zeros, 4096);
	mem_free(block);
}

TEST(no_size_gives_a_block_of_its_own)
{
	void *a = mem_alloc(0), *b = mem_alloc_zero(0), *c = mem_realloc(NULL, 0);

	CHECK(a && b && c && a != b && b != c && a != c);
	mem_free(a);
	mem_free(b);
	mem_free(mem_realloc(c, 0));
}

TEST(realloc_keeps_the_contents)
{
	char *text = mem_copy_text("washed", 6);

	REQUIRE(text);
	text = mem_realloc(text, 5000);
	REQUIRE(text);
	CHECK_TEXT_EQ(text, "washed");
	mem_free(text);
}

TEST(copied_text_ends_with_nul)
{
	char *text = mem_copy_text("abcdef", 3), *empty = mem_copy_text(NULL, 0);

	CHECK_TEXT_EQ(text, "abc");
	CHECK_TEXT_EQ(empty, "");
	mem_free(text);
	mem_free(empty);
	CHECK(!mem_copy_text("x", SIZE_MAX));
}

TEST(secrets_are_freed)
{
	char *secret = mem_copy_text("secret", 6);

	mem_free_secret(secret, 6);
	mem_free_secret(NULL, 6);
}

TEST(the_nth_allocation_fails_once)
{
	char *first, *second, *third, *text;

	mem_fail_at(2);
	first = mem_alloc(8);
	CHECK(first && !mem_fault_hit());
	second = mem_alloc_zero(8);
	CHECK(!second && mem_fault_hit());
	third = mem_alloc(8);
	CHECK(third);
	mem_fail_at(1);
	CHECK(!mem_realloc(third, 100));
	mem_fail_at(1);
	text = mem_copy_text("x", 1);
	CHECK(!text);
	mem_fail_at(1);
	mem_fail_at(0);
	CHECK(!mem_fault_hit());
	text = mem_copy_text("x", 1);
	CHECK(text);
	mem_free(text);
	mem_free(first);
	mem_free(third);
}

TEST(a_pause_is_not_counted)
{
	char *first, *second;

	mem_fail_at(1);
	mem_fault_pause(true);
	first = mem_alloc(8);
	CHECK(first && !mem_fault_hit());
	mem_fault_pause(false);
	second = mem_alloc(8);
	CHECK(!second && mem_fault_hit());
	mem_free(first);
}

TEST(impossible_sizes_are_refused)
{
	/* volatile: the compiler would warn about sizes it can see */
	volatile size_t huge = SIZE_MAX / 2 + 10;

	CHECK(!mem_alloc(huge));
	CHECK(!mem_alloc_zero(huge));
	CHECK(!mem_realloc(NULL, huge));
}
