#include "test.h"

#include "base/buffer.h"

TEST(appends_follow_each_other)
{
	struct buffer buffer;

	buffer_init(&buffer);
	CHECK_UINT_EQ(buffer_slice(&buffer).len, 0);
	buffer_append(&buffer, "ab\0c", 4);
	buffer_append_slice(&buffer, SLICE_LITERAL("-de"));
	buffer_append_slice(&buffer, SLICE_NONE);
	buffer_append_text(&buffer, "-f");
	buffer_append_format(&buffer, "-%d", 42);
	CHECK_SLICE_EQ(buffer_slice(&buffer), SLICE_LITERAL("ab\0c-de-f-42"));
	buffer_release(&buffer);
	CHECK(!buffer.data && buffer.cap == 0 && buffer.len == 0);
}

TEST(an_empty_buffer_holds_no_memory)
{
	struct buffer buffer = BUFFER_EMPTY;

	buffer_append(&buffer, NULL, 0);
	buffer_append_text(&buffer, "");
	CHECK(!buffer.data);
	buffer_release(&buffer);
}

TEST(it_grows_to_any_length)
{
	struct buffer buffer = BUFFER_EMPTY;

	for (unsigned i = 0; i < 10000; i++)
		buffer_append_format(&buffer, "%08u", i);
	CHECK_UINT_EQ(buffer.len, 80000);
	CHECK(!buffer.failed);
	CHECK_BYTES_EQ(buffer.data + 79992, "00009999", 8);
	buffer_release(&buffer);
}

TEST(a_format_that_just_fits_or_just_does_not)
{
	for (int width = 60; width < 70; width++) {
		struct buffer buffer = BUFFER_EMPTY;
		char expected[80];

		snprintf(expected, sizeof(expected), "%*d", width, 7);
		buffer_append_format(&buffer, "%*d", width, 7);
		CHECK_SLICE_EQ(buffer_slice(&buffer), slice_of(expected));
		buffer_release(&buffer);
	}
}

TEST(clear_keeps_the_memory)
{
	struct buffer buffer = BUFFER_EMPTY;
	size_t cap;

	buffer_append_text(&buffer, "something");
	cap = buffer.cap;
	buffer_clear(&buffer);
	CHECK(buffer.len == 0 && buffer.cap == cap && buffer.data);
	buffer_release(&buffer);
}

TEST(reserved_room_is_there)
{
	struct buffer buffer = BUFFER_EMPTY;
	char *place = buffer_reserve(&buffer, 0);

	CHECK(place);
	place = buffer_reserve(&buffer, 5000);
	REQUIRE(place);
	memset(place, 'x', 5000);
	CHECK_UINT_EQ(buffer.len, 0);
	buffer.len += 5000;
	CHECK(buffer_reserve(&buffer, 1) == buffer.data + 5000);
	buffer_release(&buffer);
}

TEST(the_front_can_be_dropped)
{
	struct buffer buffer = BUFFER_EMPTY;

	buffer_drop_front(&buffer, 0);
	buffer_append_text(&buffer, "abcdef");
	buffer_drop_front(&buffer, 2);
	CHECK_SLICE_EQ(buffer_slice(&buffer), SLICE_LITERAL("cdef"));
	buffer_drop_front(&buffer, 4);
	CHECK_UINT_EQ(buffer.len, 0);
	buffer_append_text(&buffer, "g");
	CHECK_SLICE_EQ(buffer_slice(&buffer), SLICE_LITERAL("g"));
	buffer_release(&buffer);
}

TEST(without_memory_it_is_failed_until_cleared)
{
	struct buffer buffer = BUFFER_EMPTY;

	mem_fail_at(1);
	buffer_append_text(&buffer, "lost");
	CHECK(buffer.failed);
	buffer_append_text(&buffer, "dropped");
	buffer_append_format(&buffer, "%s", "dropped");
	CHECK(!buffer_reserve(&buffer, 1));
	CHECK_UINT_EQ(buffer_slice(&buffer).len, 0);
	buffer_clear(&buffer);
	buffer_append_text(&buffer, "kept");
	CHECK_SLICE_EQ(buffer_slice(&buffer), SLICE_LITERAL("kept"));
	buffer_release(&buffer);
}

TEST(a_failure_drops_what_would_have_fitted)
{
	struct buffer buffer = BUFFER_EMPTY;

	buffer_append_text(&buffer, "x");
	mem_fail_at(1);
	CHECK(!buffer_reserve(&buffer, 100000));
	buffer_append_text(&buffer, "y");
	CHECK(buffer.failed && buffer.len == 1);
	buffer_release(&buffer);
}

TEST(impossible_lengths_fail)
{
	struct buffer buffer = BUFFER_EMPTY;

	CHECK(!buffer_reserve(&buffer, SIZE_MAX));
	CHECK(buffer.failed);
	buffer_release(&buffer);
}
