/* Result sets of our own: both formats of each type. */

#include "test.h"

#include "admin/table.h"

static const struct result_column columns[] = {
	{ "t", TYPE_TEXT },
	{ "i", TYPE_INT4 },
	{ "b", TYPE_INT8 },
	{ "n", TYPE_NUMERIC },
};
static const int16_t all_binary[] = { 1, 1, 1, 1 };
static const int16_t mixed[] = { 0, 1, 0, 1 };

static void put_row(struct table *table, const char *text, int64_t number)
{
	table_row(table);
	table_text(table, text);
	table_number(table, number);
	table_number(table, number);
	table_number(table, number);
	table_row_end(table);
}

TEST(text_format)
{
	static const char expected[] = "D\0\0\0\x26\0\4"
				       "\0\0\0\2hi"
				       "\0\0\0\3-17"
				       "\0\0\0\3-17"
				       "\0\0\0\1"
				       "0"
				       "D\0\0\0\x1a\0\4\xff\xff\xff\xff\0\0\0\2"
				       "42";
	struct buffer out = BUFFER_EMPTY;
	struct table table;

	table_init(&table, &out, columns, COUNT_OF(columns), NULL);
	put_row(&table, "hi", -17);
	CHECK_UINT_EQ(table.rows, 1);
	CHECK_UINT_EQ(out.len, 1 + 4 + 2 + 4 * 4 + 2 + 3 + 3 + 1);
	CHECK_BYTES_EQ(out.data + 5, expected + 5, 2 + 4 + 2 + 4 + 3 + 4 + 3 + 4 + 1);
	buffer_clear(&out);
	table_row(&table);
	table_text(&table, NULL);
	table_number(&table, 42);
	table_null(&table);
	table_total(&table, UINT64_MAX);
	table_row_end(&table);
	CHECK_BYTES_EQ(out.data + 7, "\xff\xff\xff\xff\0\0\0\2", 8);
	CHECK_BYTES_EQ(out.data + out.len - 20, "18446744073709551615", 20);
	buffer_release(&out);
}

TEST(binary_format)
{
	static const char expected[] = "\0\0\0\2hi"
				       "\0\0\0\4\0\1\x86\xa0"
				       "\0\0\0\x8\0\0\0\0\0\1\x86\xa0"
				       "\0\0\0\xa\0\1\0\1\0\0\0\0\0\xa";
	struct buffer out = BUFFER_EMPTY;
	struct table table;

	table_init(&table, &out, columns, COUNT_OF(columns), all_binary);
	put_row(&table, "hi", 100000);
	CHECK_UINT_EQ(out.len, 7 + sizeof(expected) - 1);
	CHECK_BYTES_EQ(out.data + 7, expected, sizeof(expected) - 1);
	buffer_release(&out);
}

TEST(numbers_are_cut_to_their_columns)
{
	struct buffer out = BUFFER_EMPTY;
	struct table table;

	table_init(&table, &out, columns, COUNT_OF(columns), mixed);
	put_row(&table, "", INT64_MIN);
	CHECK_BYTES_EQ(out.data + 11, "\0\0\0\4\x80\0\0\0", 8);
	CHECK_BYTES_EQ(out.data + 19, "\0\0\0\x14-9223372036854775808", 24);
	CHECK_BYTES_EQ(out.data + 43, "\0\0\0\x8\0\0\0\0\0\0\0\0", 12);
	buffer_release(&out);
}

static void check_numeric(uint64_t value, const char *expected, size_t len)
{
	uint8_t out[TABLE_NUMERIC_MAX];

	CHECK_UINT_EQ(table_encode_numeric(value, out), len);
	CHECK_BYTES_EQ(out, expected, len);
}

/* Bytes as PostgreSQL's numeric_send gives them. */
TEST(numeric_in_binary)
{
	check_numeric(0, "\0\0\0\0\0\0\0\0", 8);
	check_numeric(1, "\0\1\0\0\0\0\0\0\0\1", 10);
	check_numeric(9999, "\0\1\0\0\0\0\0\0\x27\x0f", 10);
	check_numeric(10000, "\0\1\0\1\0\0\0\0\0\1", 10);
	check_numeric(10001, "\0\2\0\1\0\0\0\0\0\1\0\1", 12);
	check_numeric(100000000, "\0\1\0\2\0\0\0\0\0\1", 10);
	check_numeric(UINT64_MAX, "\0\5\0\4\0\0\0\0\x07\x34\x1a\x58\x02\xe1\x03\xbb\x06\x4f", 18);
}

TEST(description_tells_the_formats)
{
	static const char first[] = "t\0\0\0\0\0\0\0\0\0\0\x19\xff\xff\xff\xff\xff\xff\0\0";
	static const char second[] = "i\0\0\0\0\0\0\0\0\0\0\x17\0\4\xff\xff\xff\xff\0\1";
	struct buffer out = BUFFER_EMPTY;
	struct table table;

	table_init(&table, &out, columns, COUNT_OF(columns), mixed);
	table_describe(&table);
	CHECK_BYTES_EQ(out.data, "T\0\0\0\x56\0\4", 7);
	CHECK_BYTES_EQ(out.data + 7, first, sizeof(first) - 1);
	CHECK_BYTES_EQ(out.data + 7 + sizeof(first) - 1, second, sizeof(second) - 1);
	buffer_release(&out);
}
