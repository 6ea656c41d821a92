/* sql/shape: texts that differ in constants only are one. */
#include "sql/sql_internal.h"
#include "test.h"

static struct slice shape_of(const char *text, char room[512])
{
	return (struct slice){ room, shape_write(slice_of(text), room, 512) };
}

TEST(constants_and_comments_are_taken_out)
{
	static const struct {
		const char *text, *shape;
	} rows[] = {
		{ "SELECT 42", "SELECT 1" },
		{ "SELECT * FROM t WHERE a = 17 AND b='x''y'",
		  "SELECT * FROM t WHERE a = 1 AND b=''" },
		{ "  SELECT\n\t 1  ;  ", "SELECT 1 ;" },
		{ "SELECT 1.5, -.25e-10", "SELECT 1.1, -.1e-1" },
		{ "SELECT $1, a$2, t1.x2", "SELECT $1, a$2, t1.x2" },
		{ "SELECT E'a\\'b', $$x$$, $t$y$t$", "SELECT '', ''" },
		{ "SELECT B'01', X'ff', N'x'", "SELECT B'', X''" },
		{ "SELECT \"1\", 'x' AS \"It's\"", "SELECT \"1\", '' AS \"It's\"" },
		{ "SELECT 1/* x */+/**/2 -- y", "SELECT 1 + 1" },
		{ "SELECT - -3", "SELECT - -1" },
		{ "SELECT -/**/-3", "SELECT - -1" },
		{ "INSERT INTO t VALUES (1, 'a', 2)", "INSERT INTO t VALUES (1, '', 1)" },
		{ "SELECT x IN (1,2,3,4,5)", "SELECT x IN (1,1)" },
		{ "SELECT x IN (1, 2)", "SELECT x IN (1, 1)" },
		{ "SELECT x IN ('a', 'b' , 'c')", "SELECT x IN ('', '')" },
		{ "SELECT x IN (1, /* a */ 2, 3 /* b */, 4)", "SELECT x IN (1, 1)" },
		{ "SELECT x IN ('a', 'b', 'c\\d', 'e\\f', 'g\\h')",
		  "SELECT x IN ('', '', '\\', '\\')" },
		{ "SELECT 1 /* pgcarwash:  Primary */", "SELECT 1 /*pgcarwash:primary*/" },
		{ "-- pgcarwash: replica\nSELECT 1", "/*pgcarwash:replica*/ SELECT 1" },
		{ "(SELECT 5)", "(SELECT 1)" },
		{ "EXECUTE p(7)", "EXECUTE p(1)" },
	};
	char room[512];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice shape = shape_of(rows[i].text, room);

		if (!slice_equal(shape, slice_of(rows[i].shape)))
			FAIL("\"%s\" has the shape \"%.*s\"", rows[i].text, (int)shape.len,
			     shape.data);
	}
}

/* What constants may change the meaning of, and what is not read with certainty. */
TEST(some_texts_have_no_shape)
{
	static const char *const texts[] = {
		"",
		";",
		"-- x",
		"SET a = 1",
		"SHOW a",
		"BEGIN",
		"COPY t TO 'x'",
		"EXPLAIN SELECT 1",
		"EXPLAIN (ANALYZE 'off') DELETE FROM t",
		"SELECT 1; SELECT 2",
		"SELECT 1; SET default_transaction_read_only = 'on'",
		"DO 'x'",
		"PREPARE TRANSACTION 'x'",
		"SELECT U&'x'",
		"SELECT 'a'\n'b'",
		"SELECT 'a",
		"SELECT /* x",
		"SELECT 'a'$$b$$",
		"SELECT \\",
	};
	char room[512];

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (shape_of(texts[i], room).len > 0)
			FAIL("\"%s\" has a shape", texts[i]);
	}
}

TEST(a_shape_fits_or_is_none)
{
	const struct slice text = SLICE_LITERAL("SELECT abc, 12, 'x' /* pgcarwash: primary */");
	char whole[64], room[64];
	size_t len = shape_write(text, whole, sizeof(whole));

	CHECK(len > 0);
	for (size_t cap = 0; cap < sizeof(room); cap++) {
		memset(room, '#', sizeof(room));
		CHECK_UINT_EQ(shape_write(text, room, cap), cap < len ? 0 : len);
		CHECK(room[cap] == '#');
	}
}
