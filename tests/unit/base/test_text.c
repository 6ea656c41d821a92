#include "test.h"

#include "base/text.h"

#define S(literal) SLICE_LITERAL(literal)

TEST(slices_compare)
{
	CHECK(slice_equal(S("ab"), S("ab")) && !slice_equal(S("ab"), S("aB")));
	CHECK(slice_equal(SLICE_NONE, S("")));
	CHECK(slice_equal_nocase(S("aBZ[9"), S("AbZ[9")) && slice_equal_nocase(SLICE_NONE, S("")));
	CHECK(!slice_equal_nocase(S("a"), S("ab")) && !slice_equal_nocase(S("@"), S("`")));
	CHECK(!slice_equal_nocase(S("\xc4"), S("\xe4")));
	CHECK(slice_starts_with(S("pgcarwash"), S("pgcar")) && slice_starts_with(S("a"), S("")));
	CHECK(!slice_starts_with(S("pg"), S("pgc")) && slice_starts_with(SLICE_NONE, SLICE_NONE));
	CHECK_UINT_EQ(slice_of(NULL).len, 0);
}

TEST(white_space_is_trimmed)
{
	CHECK_SLICE_EQ(slice_trim(S(" \t\r\n\v\fa b \n")), S("a b"));
	CHECK_SLICE_EQ(slice_trim(S(" \t ")), S(""));
	CHECK_SLICE_EQ(slice_trim(SLICE_NONE), S(""));
	CHECK_SLICE_EQ(slice_trim(S("\xa0"
				    "a\0")),
		       S("\xa0"
			 "a\0"));
}

TEST(fields_are_cut_one_by_one)
{
	struct slice rest = S(" a, b c ,,d,"), field;

	REQUIRE(slice_next_field(&rest, ',', &field));
	CHECK_SLICE_EQ(field, S("a"));
	REQUIRE(slice_next_field(&rest, ',', &field));
	CHECK_SLICE_EQ(field, S("b c"));
	REQUIRE(slice_next_field(&rest, ',', &field));
	CHECK_SLICE_EQ(field, S(""));
	REQUIRE(slice_next_field(&rest, ',', &field));
	CHECK_SLICE_EQ(field, S("d"));
	CHECK(!slice_next_field(&rest, ',', &field));
	rest = S("");
	CHECK(!slice_next_field(&rest, ',', &field));
	rest = SLICE_NONE;
	CHECK(!slice_next_field(&rest, ',', &field));
}

static const struct {
	struct slice text;
	enum result result;
	int64_t value;
} numbers[] = {
	{ S("0"), OK, 0 },
	{ S("-0"), OK, 0 },
	{ S("+12"), OK, 12 },
	{ S("-9223372036854775808"), OK, INT64_MIN },
	{ S("9223372036854775807"), OK, INT64_MAX },
	{ S("9223372036854775808"), BROKEN, 0 },
	{ S("-9223372036854775809"), BROKEN, 0 },
	{ S("99999999999999999999"), BROKEN, 0 },
	{ S(""), BROKEN, 0 },
	{ S("-"), BROKEN, 0 },
	{ S("--1"), BROKEN, 0 },
	{ S("1 "), BROKEN, 0 },
	{ S("1a"), BROKEN, 0 },
	{ S("0x10"), BROKEN, 0 },
	{ S("010"), OK, 10 },
	{ S("1\0"), BROKEN, 0 },
}, c_numbers[] = {
	{ S("0x1F"), OK, 31 },
	{ S("-0Xff"), OK, -255 },
	{ S("010"), OK, 8 },
	{ S("08"), BROKEN, 0 },
	{ S("0"), OK, 0 },
	{ S("0x"), BROKEN, 0 },
	{ S("12"), OK, 12 },
	{ S("0x7fffffffffffffff"), OK, INT64_MAX },
	{ S("0x8000000000000000"), BROKEN, 0 },
	{ S("0xg"), BROKEN, 0 },
	{ S(""), BROKEN, 0 },
}, seconds[] = {
	{ S("1.5"), OK, 1500000 },
	{ S("0"), OK, 0 },
	{ S("0.000001"), OK, 1 },
	{ S("0.1234567"), OK, 123456 },
	{ S(".25"), OK, 250000 },
	{ S("3."), OK, 3000000 },
	{ S("."), BROKEN, 0 },
	{ S(""), BROKEN, 0 },
	{ S("-1"), BROKEN, 0 },
	{ S("1.-5"), BROKEN, 0 },
	{ S("1.5.5"), BROKEN, 0 },
	{ S("1s"), BROKEN, 0 },
	{ S("9223372036854"), OK, INT64_C(9223372036854000000) },
	{ S("9223372036855"), BROKEN, 0 },
	{ S("9223372036854.9"), BROKEN, 0 },
};

TEST(numbers_are_read_whole_or_not)
{
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		int64_t value = -77;

		CHECK_INT_EQ(text_to_int64(numbers[i].text, &value), numbers[i].result);
		CHECK_INT_EQ(value, numbers[i].result == OK ? numbers[i].value : -77);
	}
	for (size_t i = 0; i < COUNT_OF(c_numbers); i++) {
		int64_t value = -77;

		CHECK_INT_EQ(text_to_int64_c(c_numbers[i].text, &value), c_numbers[i].result);
		CHECK_INT_EQ(value, c_numbers[i].result == OK ? c_numbers[i].value : -77);
	}
	for (size_t i = 0; i < COUNT_OF(seconds); i++) {
		int64_t value = -77;

		CHECK_INT_EQ(text_to_seconds_us(seconds[i].text, &value), seconds[i].result);
		CHECK_INT_EQ(value, seconds[i].result == OK ? seconds[i].value : -77);
	}
}

TEST(hexadecimal_digits_have_a_worth)
{
	const char digits[] = "0123456789abcdef", capitals[] = "0123456789ABCDEF";

	for (int i = 0; i < 16; i++) {
		CHECK_INT_EQ(text_hex_digit(digits[i]), i);
		CHECK_INT_EQ(text_hex_digit(capitals[i]), i);
	}
	for (int c = -128; c < 128; c++)
		if (!strchr("0123456789abcdefABCDEF", c) || c == 0)
			CHECK_INT_EQ(text_hex_digit((char)c), -1);
}

TEST(literals_are_quoted)
{
	char out[40];
	size_t len;

	CHECK_UINT_EQ(text_quote_literal(S("it's"), out, sizeof(out)), 7);
	CHECK_TEXT_EQ(out, "'it''s'");
	CHECK_UINT_EQ(text_quote_literal(S(""), out, sizeof(out)), 2);
	CHECK_TEXT_EQ(out, "''");
	len = text_quote_literal(S("a\\b'"), out, sizeof(out));
	CHECK_TEXT_EQ(out, "E'a\\\\b'''");
	CHECK_UINT_EQ(len, strlen(out));
	CHECK_UINT_EQ(text_quote_literal(S("a\0b"), out, sizeof(out)), 0);
	CHECK_UINT_EQ(text_quote_identifier(S("a\"b"), out, sizeof(out)), 6);
	CHECK_TEXT_EQ(out, "\"a\"\"b\"");
	CHECK_UINT_EQ(text_quote_identifier(S("It's\\"), out, sizeof(out)), 7);
	CHECK_TEXT_EQ(out, "\"It's\\\"");
}

TEST(a_quoted_text_is_never_cut)
{
	static const struct {
		struct slice text;
		size_t need; /* with the NUL */
	} rows[] = {
		{ S(""), 3 }, { S("abc"), 6 }, { S("a'"), 6 }, { S("'''"), 9 }, { S("\\"), 6 }
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t cap = 0; cap < 12; cap++) {
			char out[12];

			memset(out, '#', sizeof(out));
			CHECK_UINT_EQ(text_quote_literal(rows[i].text, out, cap),
				      cap < rows[i].need ? 0 : rows[i].need - 1);
			for (size_t k = cap; k < sizeof(out); k++)
				CHECK_INT_EQ(out[k], '#');
		}
	}
}

TEST(distances_between_words)
{
	CHECK_UINT_EQ(text_distance(S(""), S(""), 3), 0);
	CHECK_UINT_EQ(text_distance(S("pool_mode"), S("pool_mode"), 3), 0);
	CHECK_UINT_EQ(text_distance(S("pool_mode"), S("pol_mode"), 3), 1);
	CHECK_UINT_EQ(text_distance(S("pool_mode"), S("pool_moed"), 3), 1);
	CHECK_UINT_EQ(text_distance(S("pool_mode"), S("poll_mode"), 3), 1);
	CHECK_UINT_EQ(text_distance(S("max_client_con"), S("max_client_conn"), 3), 1);
	CHECK_UINT_EQ(text_distance(S("kitten"), S("sitting"), 3), 3);
	CHECK_UINT_EQ(text_distance(S("kitten"), S("sitting"), 2), 3);
	CHECK_UINT_EQ(text_distance(S("abc"), S("xyz"), 15), 3);
	CHECK_UINT_EQ(text_distance(S("abc"), S("xyz"), 0), 1);
	CHECK_UINT_EQ(text_distance(S(""), S("abc"), 15), 3);
	CHECK_UINT_EQ(text_distance(S("abc"), S(""), 15), 3);
	CHECK_UINT_EQ(text_distance(S("short"), S("a much longer text"), 3), 4);
}

/* The same by the definition, cell by cell, to compare with. */
static unsigned plain_distance(struct slice a, struct slice b)
{
	unsigned cells[16][16];

	for (size_t i = 0; i <= a.len; i++) {
		for (size_t j = 0; j <= b.len; j++) {
			unsigned best = (unsigned)(i + j);

			if (i > 0 && cells[i - 1][j] + 1 < best)
				best = cells[i - 1][j] + 1;
			if (j > 0 && cells[i][j - 1] + 1 < best)
				best = cells[i][j - 1] + 1;
			if (i > 0 && j > 0 &&
			    cells[i - 1][j - 1] + (a.data[i - 1] != b.data[j - 1]) < best)
				best = cells[i - 1][j - 1] + (a.data[i - 1] != b.data[j - 1]);
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1] && cells[i - 2][j - 2] + 1 < best)
				best = cells[i - 2][j - 2] + 1;
			cells[i][j] = best;
		}
	}
	return cells[a.len][b.len];
}

TEST(the_band_gives_what_the_whole_matrix_gives)
{
	unsigned random = 1;

	for (int round = 0; round < 3000; round++) {
		char texts[2][15];
		struct slice words[2];

		for (int w = 0; w < 2; w++) {
			random = random * 1103515245 + 12345;
			words[w] = (struct slice){ texts[w], (random >> 16) % 15 };
			for (size_t i = 0; i < words[w].len; i++) {
				random = random * 1103515245 + 12345;
				texts[w][i] = (char)('a' + (random >> 16) % 3);
			}
		}
		for (unsigned limit = 0; limit <= 15; limit++) {
			unsigned plain = plain_distance(words[0], words[1]);

			CHECK_UINT_EQ(text_distance(words[0], words[1], limit),
				      plain > limit ? limit + 1 : plain);
		}
	}
}

TEST(utf8_is_told_from_other_bytes)
{
	static const struct slice good[] = {
		S(""),
		S("plain"),
		S("\xc2\x80"),
		S("gr\xc3\xbc\xc3\x9f"),
		S("\xe0\xa0\x80"),
		S("\xed\x9f\xbf"),
		S("\xee\x80\x80"),
		S("\xf0\x90\x80\x80"),
		S("\xf4\x8f\xbf\xbf"),
	};
	static const struct slice bad[] = {
		S("\x80"),
		S("\xc0\x80"),
		S("\xc1\xbf"),
		S("\xc3"),
		S("\xc3("),
		S("\xe0\x9f\xbf"),
		S("\xe2\x82"),
		S("\xed\xa0\x80"),
		S("\xf0\x8f\xbf\xbf"),
		S("\xf4\x90\x80\x80"),
		S("\xf5\x80\x80\x80"),
		S("\xff"),
		S("a\xe2\x82(b"),
		S("\xf0\x9f\x98"),
	};

	for (size_t i = 0; i < COUNT_OF(good); i++)
		CHECK(text_is_utf8(good[i]));
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		CHECK(!text_is_utf8(bad[i]));
		if (text_is_utf8(bad[i]))
			FAIL("row %zu of bad", i);
	}
}
