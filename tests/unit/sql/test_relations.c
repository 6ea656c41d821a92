/* Relations that are more than tables: in the book, and where a text reads them. */
#include "sql/classify.h"
#include "test.h"

TEST(what_is_noted_of_relations)
{
	struct function_book *book = function_book_new();

#define RELATION(name) function_book_relation(book, SLICE_LITERAL(name))
#define VIEW(name, function, is_volatile)                                                          \
	CHECK(function_book_add_view(book, SLICE_LITERAL(name), SLICE_LITERAL(function),           \
				     is_volatile) == OK)
	CHECK_INT_EQ(function_book_relation(NULL, SLICE_LITERAL("t")), FUNCTION_READS);
	CHECK(function_book_add_relation(book, SLICE_LITERAL("t_id_seq")) == OK);
	VIEW("locks", "pg_advisory_lock", true);
	VIEW("bumps", "", true);
	VIEW("reads", "pg_get_viewdef", false);
	VIEW("sleeps", "pg_sleep", true);
	VIEW("both", "pg_is_in_recovery", true);
	VIEW("asks", "pg_is_in_recovery", true);
	VIEW("both", "pg_advisory_lock", true);
	VIEW("both", "pg_is_in_recovery", true);
	CHECK(function_book_add_view_over(book, SLICE_LITERAL("acts"),
					  SLICE_LITERAL("pg_stat_activity")) == OK);
	CHECK(function_book_add_view_over(book, SLICE_LITERAL("names"),
					  SLICE_LITERAL("pg_views")) == OK);
	function_book_seal(book);
	CHECK_INT_EQ(RELATION("t"), FUNCTION_READS);
	CHECK_INT_EQ(RELATION("t_id_seq"), FUNCTION_HOST);
	CHECK_INT_EQ(RELATION("locks"), FUNCTION_WRITES);
	CHECK_INT_EQ(RELATION("bumps"), FUNCTION_WRITES);
	CHECK_INT_EQ(RELATION("reads"), FUNCTION_READS);
	CHECK_INT_EQ(RELATION("sleeps"), FUNCTION_READS);
	CHECK_INT_EQ(RELATION("asks"), FUNCTION_HOST);
	CHECK_INT_EQ(RELATION("both"), FUNCTION_WRITES);
	CHECK_INT_EQ(RELATION("acts"), FUNCTION_HOST);
	CHECK_INT_EQ(RELATION("names"), FUNCTION_READS);
#undef RELATION
#undef VIEW
	function_book_unref(book);
}

/* A sequence, another one of an odd name, and a view that writes. */
static struct function_book *make_book(void)
{
	struct function_book *book = function_book_new();

	CHECK(function_book_add_relation(book, SLICE_LITERAL("t_seq")) == OK);
	CHECK(function_book_add_relation(book, SLICE_LITERAL("Odd \"\\")) == OK);
	CHECK(function_book_add_view(book, SLICE_LITERAL("v"), SLICE_NONE, true) == OK);
	function_book_seal(book);
	return book;
}

TEST(texts_that_read_them)
{
	static const struct {
		const char *text;
		enum verdict_kind kind;
		uint32_t flags;
	} rows[] = {
		{ "SELECT last_value FROM t_seq", VERDICT_READ, VERDICT_HOST },
		{ "SELECT last_value FROM public.t_seq AS s", VERDICT_READ, VERDICT_HOST },
		{ "SELECT * FROM t, \"t_seq\"", VERDICT_READ, VERDICT_HOST },
		{ "TABLE T_SEQ", VERDICT_READ, VERDICT_HOST },
		{ "COPY t_seq TO STDOUT", VERDICT_READ, VERDICT_HOST | VERDICT_COPY_OUT },
		{ "SELECT * FROM \"Odd \"\"\\\"", VERDICT_READ, VERDICT_HOST },
		{ "SELECT t_seq FROM t", VERDICT_READ, 0 },
		{ "SELECT 't_seq' FROM \"T_SEQ\"", VERDICT_READ, 0 },
		{ "SELECT * FROM v", VERDICT_WRITE, 0 },
		{ "SELECT * FROM t JOIN v USING (a)", VERDICT_WRITE, 0 },
		{ "SELECT (SELECT a FROM v)", VERDICT_WRITE, 0 },
		{ "SELECT v.a FROM t v", VERDICT_READ, 0 },
		{ "SELECT * FROM pg_sequences", VERDICT_READ, VERDICT_HOST },
		{ "SELECT table_to_xml('t', true, true, '')", VERDICT_READ, VERDICT_HOST },
	};
	struct function_book *book = make_book();

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct verdict verdict = classify(slice_of(rows[i].text), book);

		if (verdict.kind != rows[i].kind || verdict.flags != rows[i].flags)
			FAIL("\"%s\" is of kind %d with flags %x, expected %d with %x",
			     rows[i].text, verdict.kind, verdict.flags, rows[i].kind,
			     rows[i].flags);
	}
	function_book_unref(book);
}
