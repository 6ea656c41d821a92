#include "cut.h"
#include "wire/result.h"

static enum result read_parameter(struct slice body)
{
	struct slice name, value;

	return result_read_parameter(body, &name, &value);
}

static enum result read_key(struct slice body)
{
	struct slice key;
	uint32_t pid;

	return result_read_key(body, &pid, &key);
}

static enum result read_ready(struct slice body)
{
	char status;

	return result_read_ready(body, &status);
}

static enum result read_tag(struct slice body)
{
	struct slice tag;

	return result_read_tag(body, &tag);
}

TEST(parameter_status)
{
	struct slice body = BYTES("TimeZone\0UTC\0"), name, value;

	REQUIRE(result_read_parameter(body, &name, &value) == OK);
	CHECK_SLICE_EQ(name, BYTES("TimeZone"));
	CHECK_SLICE_EQ(value, BYTES("UTC"));
	CHECK_CUT_BROKEN(read_parameter, body);
	CHECK_CUT_BROKEN(read_parameter, BYTES("\0\0"));
	CHECK_INT_EQ(read_parameter(BYTES("a\0b\0c")), BROKEN);
}

TEST(backend_key_of_4_to_256_bytes)
{
	static const char zeros[300];
	struct slice key;
	uint32_t pid;

	REQUIRE(result_read_key(BYTES("\1\2\3\4wxyz"), &pid, &key) == OK);
	CHECK_UINT_EQ(pid, 0x01020304);
	CHECK_SLICE_EQ(key, BYTES("wxyz"));
	CHECK_CUT_BROKEN_BELOW(read_key, ((struct slice){ zeros, 260 }), 8);
	CHECK_INT_EQ(read_key((struct slice){ zeros, 261 }), BROKEN);
}

TEST(ready_for_query)
{
	for (int status = 0; status < 256; status++) {
		char byte = (char)status, read = 0;
		enum result result = result_read_ready((struct slice){ &byte, 1 }, &read);

		CHECK_INT_EQ(result, byte && strchr("ITE", byte) ? OK : BROKEN);
		if (result == OK)
			CHECK_INT_EQ(read, byte);
	}
	CHECK_CUT_BROKEN(read_ready, BYTES("I"));
	CHECK_INT_EQ(read_ready(BYTES("II")), BROKEN);
}

TEST(command_tag)
{
	struct slice tag;

	REQUIRE(result_read_tag(BYTES("SELECT 1\0"), &tag) == OK);
	CHECK_SLICE_EQ(tag, BYTES("SELECT 1"));
	CHECK_CUT_BROKEN(read_tag, BYTES("SELECT 1\0"));
	CHECK_INT_EQ(read_tag(BYTES("SELECT\0x")), BROKEN);
}

TEST(replies_written_byte_for_byte)
{
	struct buffer out;

	buffer_init(&out);
	result_write_parameter(&out, BYTES("TimeZone"), BYTES("UTC"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("S\0\0\0\x11TimeZone\0UTC\0"));
	buffer_clear(&out);
	result_write_key(&out, 0x01020304, BYTES("wxyz"));
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("K\0\0\0\x0c\1\2\3\4wxyz"));
	buffer_clear(&out);
	result_write_tag(&out, BYTES("SHOW"));
	result_write_ready(&out, 'T');
	CHECK_SLICE_EQ(buffer_slice(&out), BYTES("C\0\0\0\x09SHOW\0Z\0\0\0\5T"));
	buffer_release(&out);
}

TEST(columns_have_the_sizes_of_pg_type)
{
	static const struct result_column columns[] = {
		{ "a", TYPE_TEXT },  { "b", TYPE_INT8 },    { "c", TYPE_INT4 },
		{ "d", TYPE_BYTEA }, { "e", TYPE_NUMERIC },
	};
	struct buffer out;

	buffer_init(&out);
	result_write_columns(&out, columns, COUNT_OF(columns), 1);
	CHECK_SLICE_EQ(buffer_slice(&out),
		       BYTES("T\0\0\0\x6a\0\5"
			     "a\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\1"
			     "b\0\0\0\0\0\0\0\0\0\0\x14\0\x08\xff\xff\xff\xff\0\1"
			     "c\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\1"
			     "d\0\0\0\0\0\0\0\0\0\0\x11\xff\xff\xff\xff\xff\xff\0\1"
			     "e\0\0\0\0\0\0\0\0\0\6\xa4\xff\xff\xff\xff\xff\xff\0\1"));
	buffer_release(&out);
}

TEST(rows_hold_values_and_nulls)
{
	struct buffer out;
	size_t mark;

	buffer_init(&out);
	mark = result_write_row_begin(&out, 3);
	result_write_value(&out, BYTES("42"));
	result_write_null(&out);
	result_write_value(&out, SLICE_NONE);
	result_write_row_end(&out, mark);
	CHECK_SLICE_EQ(buffer_slice(&out),
		       BYTES("D\0\0\0\x14\0\3\0\0\0\2" "42\xff\xff\xff\xff\0\0\0\0"));
	buffer_release(&out);
}
