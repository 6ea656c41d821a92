#include "cut.h"
#include "wire/reader.h"

TEST(integers_are_big_endian)
{
	struct reader reader;

	reader_init(&reader, BYTES("\x81\x82\x83\xff\xfe\x84\x85\x86\x87\xff\xff\xff\xfd"));
	CHECK_INT_EQ(reader_u8(&reader), 0x81);
	CHECK_INT_EQ(reader_u16(&reader), 0x8283);
	CHECK_INT_EQ(reader_i16(&reader), -2);
	CHECK_UINT_EQ(reader_u32(&reader), 0x84858687u);
	CHECK_INT_EQ(reader_i32(&reader), -3);
	CHECK_INT_EQ(reader_end(&reader), OK);
}

TEST(texts_and_bytes)
{
	struct reader reader;

	reader_init(&reader, BYTES("one\0\0abcdef"));
	CHECK_SLICE_EQ(reader_text(&reader), BYTES("one"));
	CHECK_SLICE_EQ(reader_text(&reader), BYTES(""));
	CHECK_SLICE_EQ(reader_bytes(&reader, 0), BYTES(""));
	CHECK_SLICE_EQ(reader_bytes(&reader, 2), BYTES("ab"));
	CHECK_INT_EQ(reader_ok(&reader), OK);
	CHECK_INT_EQ(reader_end(&reader), BROKEN);
	CHECK_SLICE_EQ(reader_rest(&reader), BYTES("cdef"));
	CHECK_SLICE_EQ(reader_rest(&reader), BYTES(""));
	CHECK_INT_EQ(reader_end(&reader), OK);
}

TEST(an_empty_text_has_an_address)
{
	struct reader reader;

	reader_init(&reader, BYTES("\0"));
	CHECK(reader_text(&reader).data != NULL);
	CHECK(reader_bytes(&reader, 0).data != NULL);
}

TEST(an_empty_body)
{
	struct reader reader;

	reader_init(&reader, SLICE_NONE);
	CHECK_INT_EQ(reader_end(&reader), OK);
	CHECK_INT_EQ(reader_rest(&reader).len, 0);
	CHECK_INT_EQ(reader_end(&reader), OK);
	CHECK_INT_EQ(reader_text(&reader).len, 0);
	CHECK_INT_EQ(reader_ok(&reader), BROKEN);
}

static enum result read_all(struct slice body)
{
	struct reader reader;

	reader_init(&reader, body);
	(void)reader_u8(&reader);
	(void)reader_text(&reader);
	(void)reader_u16(&reader);
	(void)reader_i16(&reader);
	(void)reader_bytes(&reader, 3);
	(void)reader_u32(&reader);
	(void)reader_i32(&reader);
	return reader_end(&reader);
}

TEST(cut_anywhere_it_is_broken)
{
	CHECK_CUT_BROKEN(read_all, BYTES("1text\0" "22" "22" "bbb" "4444" "4444"));
}

TEST(past_the_end_all_is_zero)
{
	struct reader reader;

	reader_init(&reader, BYTES("abc"));
	CHECK_UINT_EQ(reader_u32(&reader), 0);
	CHECK_INT_EQ(reader_ok(&reader), BROKEN);
	/* the three bytes left over must not be taken for anything now */
	CHECK_INT_EQ(reader_u8(&reader), 0);
	CHECK_INT_EQ(reader_u16(&reader), 0);
	CHECK_INT_EQ(reader_i16(&reader), 0);
	CHECK_INT_EQ(reader_i32(&reader), 0);
	CHECK_INT_EQ(reader_text(&reader).len, 0);
	CHECK_INT_EQ(reader_bytes(&reader, 1).len, 0);
	CHECK_INT_EQ(reader_rest(&reader).len, 0);
	CHECK_INT_EQ(reader_end(&reader), BROKEN);
}

TEST(a_huge_length_does_not_wrap)
{
	struct reader reader;

	reader_init(&reader, BYTES("abc"));
	CHECK_INT_EQ(reader_bytes(&reader, SIZE_MAX).len, 0);
	CHECK_INT_EQ(reader_ok(&reader), BROKEN);
}
