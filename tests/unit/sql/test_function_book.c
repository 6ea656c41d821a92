/* sql/function_book: what functions do, with and without a catalogue. */
#include "sql/function_book.h"
#include "test.h"

static enum function_effect look(const struct function_book *book, const char *schema,
				 const char *name)
{
	return function_book_look(book, slice_of(schema), slice_of(name));
}

TEST(functions_of_postgresql_are_known_without_a_book)
{
	CHECK_INT_EQ(look(NULL, "", "upper"), FUNCTION_READS);
	CHECK_INT_EQ(look(NULL, "pg_catalog", "upper"), FUNCTION_READS);
	CHECK_INT_EQ(look(NULL, "", "count"), FUNCTION_READS);
	CHECK_INT_EQ(look(NULL, "", "now"), FUNCTION_READS);
	CHECK_INT_EQ(look(NULL, "", "random"), FUNCTION_READS);
	CHECK_INT_EQ(look(NULL, "", "nextval"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(NULL, "", "txid_current"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(NULL, "", "pg_is_in_recovery"), FUNCTION_HOST);
	CHECK_INT_EQ(look(NULL, "", "pg_stat_get_activity"), FUNCTION_HOST);
	CHECK_INT_EQ(look(NULL, "", "mine"), FUNCTION_UNKNOWN);
	CHECK_INT_EQ(look(NULL, "public", "upper"), FUNCTION_UNKNOWN);
	CHECK_INT_EQ(look(NULL, "", ""), FUNCTION_UNKNOWN);
	CHECK_INT_EQ(look(NULL, "", "UPPER"), FUNCTION_UNKNOWN);
}

static void add(struct function_book *book, const char *schema, const char *name, bool is_volatile)
{
	CHECK(function_book_add(book, slice_of(schema), slice_of(name), is_volatile) == OK);
}

TEST(the_worst_of_a_name_counts)
{
	struct function_book *book = function_book_new();

	add(book, "a", "f", false);
	add(book, "a", "g", true);
	add(book, "a", "g", false); /* an overload */
	add(book, "b", "h", true);
	add(book, "c", "h", false);
	add(book, "a", "upper", true);
	add(book, "a", "nextval", false);
	add(book, "a", "random", true);
	function_book_seal(book);
	CHECK_INT_EQ(look(book, "", "f"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "a", "f"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "b", "f"), FUNCTION_UNKNOWN);
	CHECK_INT_EQ(look(book, "a", "g"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "", "h"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "c", "h"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "", "upper"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "pg_catalog", "upper"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "", "nextval"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "a", "nextval"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "", "random"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "", "lower"), FUNCTION_READS);
	function_book_unref(book);
}

/* A newer server knows functions that the table does not, and may know some better. */
TEST(rows_of_pg_catalog_add_to_the_table)
{
	struct function_book *book = function_book_new();

	add(book, "pg_catalog", "brand_new", false);
	add(book, "pg_catalog", "brand_new_writer", true);
	add(book, "pg_catalog", "pg_stat_get_brand_new", false);
	add(book, "pg_catalog", "random", true);	    /* known to be harmless */
	add(book, "pg_catalog", "pg_is_in_recovery", true); /* known to be about the host */
	add(book, "pg_catalog", "upper", true);		    /* grown volatile */
	add(book, "pg_catalog", "nextval", false);	    /* the table is not softened */
	function_book_seal(book);
	CHECK_INT_EQ(look(book, "", "brand_new"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "pg_catalog", "brand_new"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "", "brand_new_writer"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "", "pg_stat_get_brand_new"), FUNCTION_HOST);
	CHECK_INT_EQ(look(book, "", "random"), FUNCTION_READS);
	CHECK_INT_EQ(look(book, "", "pg_is_in_recovery"), FUNCTION_HOST);
	CHECK_INT_EQ(look(book, "", "upper"), FUNCTION_WRITES);
	CHECK_INT_EQ(look(book, "pg_catalog", "nextval"), FUNCTION_WRITES);
	function_book_unref(book);
}

TEST(operators_with_volatile_functions)
{
	struct function_book *book = function_book_new();

	CHECK(!function_book_has_operators(NULL));
	CHECK(!function_book_operator_writes(NULL, SLICE_LITERAL("+")));
	CHECK(!function_book_has_operators(book));
	CHECK(function_book_add_operator(book, SLICE_LITERAL("<~>")) == OK);
	CHECK(function_book_has_operators(book));
	CHECK(function_book_operator_writes(book, SLICE_LITERAL("<~>")));
	CHECK(!function_book_operator_writes(book, SLICE_LITERAL("+")));
	function_book_unref(book);
}

TEST(a_name_too_long_for_postgresql_stays_unknown)
{
	struct function_book *book = function_book_new();
	char name[400];

	memset(name, 'x', sizeof(name));
	CHECK(function_book_add(book, SLICE_LITERAL("a"), (struct slice){ name, sizeof(name) },
				false) == OK);
	CHECK_INT_EQ(function_book_look(book, SLICE_NONE, (struct slice){ name, sizeof(name) }),
		     FUNCTION_UNKNOWN);
	function_book_unref(book);
}

TEST(a_book_lives_as_long_as_it_is_held)
{
	struct function_book *book = function_book_new();

	add(book, "a", "f", false);
	function_book_seal(book);
	CHECK(function_book_ref(book) == book);
	function_book_unref(book);
	CHECK_INT_EQ(look(book, "a", "f"), FUNCTION_READS);
	function_book_unref(book);
	function_book_unref(NULL);
}

TEST(without_memory_a_book_says_so)
{
	WITH_EACH_FAULT(nth)
	{
		struct function_book *book = function_book_new();
		enum result result;

		if (!book)
			continue;
		result = function_book_add(book, SLICE_LITERAL("a"), SLICE_LITERAL("f"), true);
		CHECK(result == OK || mem_fault_hit());
		result = function_book_add_operator(book, SLICE_LITERAL("+"));
		CHECK(result == OK || mem_fault_hit());
		result = function_book_add_relation(book, SLICE_LITERAL("s"));
		CHECK(result == OK || mem_fault_hit());
		function_book_unref(book);
	}
}
