/* sql/verdicts: the memory says what classify says, is bounded, and learns. */
#include "sql/verdicts.h"
#include "sql/classify.h"
#include "test.h"

static struct verdict judge(struct verdicts *verdicts, const char *text)
{
	return verdicts_judge(verdicts, slice_of(text), NULL, 1);
}

TEST(texts_of_one_shape_are_judged_once)
{
	struct verdicts *verdicts = verdicts_new(10, 10000, 1);
	struct verdicts_counts counts;

	CHECK_INT_EQ(judge(verdicts, "SELECT * FROM t WHERE x = 1").kind, VERDICT_READ);
	CHECK_INT_EQ(judge(verdicts, "SELECT * FROM t WHERE x = 2").kind, VERDICT_READ);
	CHECK_INT_EQ(judge(verdicts, "SELECT * FROM t WHERE x = 3 /* trace 17 */").kind,
		     VERDICT_READ);
	CHECK_INT_EQ(judge(verdicts, "SELECT * FROM t WHERE x = 'a'").kind, VERDICT_READ);
	counts = verdicts_counts(verdicts);
	/* A number and a literal are two shapes. */
	CHECK_UINT_EQ(counts.misses, 2);
	CHECK_UINT_EQ(counts.hits, 2);
	CHECK_UINT_EQ(counts.entries, 2);
	verdicts_free(verdicts);
}

TEST(a_text_that_is_its_shape_is_recalled)
{
	static const char *const text = "SELECT * FROM t WHERE x = $1;";
	struct verdicts *verdicts = verdicts_new(10, 10000, 1);
	struct verdict verdict = { 0 };

	CHECK(!verdicts_recall(verdicts, slice_of(text), 1, &verdict));
	CHECK_INT_EQ(judge(verdicts, text).kind, VERDICT_READ);
	CHECK(verdicts_recall(verdicts, slice_of(text), 1, &verdict));
	CHECK_INT_EQ(verdict.kind, VERDICT_READ);
	CHECK_INT_EQ(verdict.statements, 1);
	CHECK(!verdicts_recall(verdicts, slice_of(text), 2, &verdict));
	verdicts_overrule(verdicts, slice_of(text), VERDICT_WRITE);
	CHECK(verdicts_recall(verdicts, slice_of(text), 2, &verdict));
	CHECK_INT_EQ(verdict.kind, VERDICT_WRITE);
	/* With a constant it is another one. */
	CHECK_INT_EQ(judge(verdicts, "SELECT 17").kind, VERDICT_READ);
	CHECK(!verdicts_recall(verdicts, SLICE_LITERAL("SELECT 17"), 1, &verdict));
	verdicts_free(verdicts);
}

TEST(what_is_settled_at_a_look_takes_no_room)
{
	struct verdicts *verdicts = verdicts_new(10, 10000, 1);

	CHECK_INT_EQ(judge(verdicts, "BEGIN").kind, VERDICT_BEGIN);
	CHECK_INT_EQ(judge(verdicts, "COMMIT").kind, VERDICT_END);
	CHECK_INT_EQ(judge(verdicts, "SET app.user = '17'").kind, VERDICT_SETTING);
	CHECK_INT_EQ(judge(verdicts, "SHOW pgcarwash.position").kind, VERDICT_OWN);
	CHECK_INT_EQ(judge(verdicts, "").kind, VERDICT_EMPTY);
	CHECK_UINT_EQ(verdicts_counts(verdicts).passed, 5);
	CHECK_UINT_EQ(verdicts_counts(verdicts).entries, 0);
	/* What only the parser knows is remembered as it stands. */
	CHECK_INT_EQ(judge(verdicts, "BEGIN READ ONLY").access, VERDICT_ACCESS_READ_ONLY);
	CHECK_INT_EQ(judge(verdicts, "BEGIN READ ONLY").access, VERDICT_ACCESS_READ_ONLY);
	CHECK_INT_EQ(judge(verdicts, "BEGIN READ WRITE").access, VERDICT_ACCESS_READ_WRITE);
	CHECK_UINT_EQ(verdicts_counts(verdicts).hits, 1);
	verdicts_free(verdicts);
}

TEST(constants_that_matter_are_not_blanked)
{
	struct verdicts *verdicts = verdicts_new(10, 10000, 1);

	CHECK_INT_EQ(judge(verdicts, "SET default_transaction_read_only = 'on'").default_access,
		     VERDICT_ACCESS_READ_ONLY);
	CHECK_INT_EQ(judge(verdicts, "SET default_transaction_read_only = 'off'").default_access,
		     VERDICT_ACCESS_READ_WRITE);
	CHECK_INT_EQ(judge(verdicts, "SELECT 1; SET transaction_read_only = 1").access,
		     VERDICT_ACCESS_READ_ONLY);
	CHECK_INT_EQ(judge(verdicts, "SELECT 1; SET transaction_read_only = 0").access,
		     VERDICT_ACCESS_READ_WRITE);
	verdicts_free(verdicts);
}

TEST(another_generation_is_judged_again)
{
	struct verdicts *verdicts = verdicts_new(10, 10000, 1);
	const struct slice text = SLICE_LITERAL("SELECT f(1)");
	struct function_book *book = function_book_new();

	CHECK(function_book_add(book, SLICE_LITERAL("public"), SLICE_LITERAL("f"), false) == OK);
	function_book_seal(book);
	CHECK_INT_EQ(verdicts_judge(verdicts, text, NULL, 1).kind, VERDICT_WRITE);
	CHECK_INT_EQ(verdicts_judge(verdicts, text, book, 2).kind, VERDICT_READ);
	CHECK_INT_EQ(verdicts_judge(verdicts, text, book, 2).kind, VERDICT_READ);
	CHECK_INT_EQ(verdicts_judge(verdicts, text, NULL, 3).kind, VERDICT_WRITE);
	CHECK_UINT_EQ(verdicts_counts(verdicts).entries, 1);
	function_book_unref(book);
	verdicts_free(verdicts);
}

TEST(a_replica_that_refuses_is_believed)
{
	struct verdicts *verdicts = verdicts_new(10, 10000, 1);
	struct verdict verdict;

	CHECK_INT_EQ(judge(verdicts, "SELECT * FROM v WHERE x = 1").kind, VERDICT_READ);
	verdicts_overrule(verdicts, SLICE_LITERAL("SELECT * FROM v WHERE x = 2"), VERDICT_WRITE);
	verdict = verdicts_judge(verdicts, SLICE_LITERAL("SELECT * FROM v WHERE x = 3"), NULL, 9);
	CHECK_INT_EQ(verdict.kind, VERDICT_WRITE);
	CHECK(verdict.flags & VERDICT_OVERRULED);
	/* One that has not been judged before, and one without a shape. */
	verdicts_overrule(verdicts, SLICE_LITERAL("SELECT 1 FROM w"), VERDICT_WRITE);
	CHECK_INT_EQ(judge(verdicts, "SELECT 2 FROM w").kind, VERDICT_WRITE);
	verdicts_overrule(verdicts, SLICE_LITERAL("SELECT 1; SELECT 2 FROM w"), VERDICT_WRITE);
	CHECK_INT_EQ(judge(verdicts, "SELECT 1; SELECT 2 FROM w").kind, VERDICT_WRITE);
	verdicts_overrule(verdicts, SLICE_LITERAL("SELECT U&'x' FROM w"), VERDICT_WRITE);
	CHECK_INT_EQ(judge(verdicts, "SELECT U&'x' FROM w").kind, VERDICT_WRITE);
	CHECK_INT_EQ(judge(verdicts, "SELECT U&'y' FROM w").kind, VERDICT_READ);
	verdicts_clear(verdicts);
	CHECK_INT_EQ(judge(verdicts, "SELECT 2 FROM w").kind, VERDICT_READ);
	verdicts_free(verdicts);
}

static void judge_numbered(struct verdicts *verdicts, unsigned number)
{
	char text[64];

	snprintf(text, sizeof(text), "SELECT a%u FROM t", number);
	CHECK_INT_EQ(judge(verdicts, text).kind, VERDICT_READ);
}

TEST(the_least_recently_used_go_first)
{
	struct verdicts *verdicts = verdicts_new(3, 10000, 1);

	judge_numbered(verdicts, 1);
	judge_numbered(verdicts, 2);
	judge_numbered(verdicts, 3);
	judge_numbered(verdicts, 1);
	judge_numbered(verdicts, 4); /* 2 goes */
	judge_numbered(verdicts, 1);
	judge_numbered(verdicts, 3);
	CHECK_UINT_EQ(verdicts_counts(verdicts).hits, 3);
	CHECK_UINT_EQ(verdicts_counts(verdicts).evicted, 1);
	judge_numbered(verdicts, 2);
	CHECK_UINT_EQ(verdicts_counts(verdicts).hits, 3);
	verdicts_free(verdicts);
}

TEST(bytes_are_bounded)
{
	struct verdicts *verdicts = verdicts_new(100000, 20000, 1);
	char long_text[8001];

	for (unsigned i = 0; i < 1000; i++) {
		judge_numbered(verdicts, i);
		CHECK(verdicts_counts(verdicts).bytes <= 20000);
	}
	CHECK(verdicts_counts(verdicts).evicted > 0);
	/* One entry must not push out all others. */
	memset(long_text, 'x', sizeof(long_text));
	memcpy(long_text, "SELECT ", 7);
	long_text[8000] = '\0';
	CHECK_INT_EQ(judge(verdicts, long_text).kind, VERDICT_READ);
	CHECK(verdicts_counts(verdicts).entries > 10);
	verdicts_clear(verdicts);
	CHECK_UINT_EQ(verdicts_counts(verdicts).bytes, 0);
	verdicts_free(verdicts);
	verdicts_free(NULL);
}

TEST(without_memory_it_judges_and_forgets)
{
	WITH_EACH_FAULT(nth)
	{
		struct verdicts *verdicts = verdicts_new(10, 10000, 1);

		if (!verdicts)
			continue;
		CHECK_INT_EQ(judge(verdicts, "SELECT 1").kind, VERDICT_READ);
		CHECK_INT_EQ(judge(verdicts, "DELETE FROM t").kind, VERDICT_WRITE);
		verdicts_overrule(verdicts, SLICE_LITERAL("SELECT 1 FROM x"), VERDICT_WRITE);
		verdicts_free(verdicts);
	}
}
