/* track/prepared: the copies on one server in order of use; track/statements: what they are of. */
#include "test.h"
#include "track/prepared.h"
#include "track/statements.h"

static struct statement *intern(struct statement_store *store, const char *text)
{
	char signature[32] = { 0 };
	size_t len = strlen(text);

	memcpy(signature, text, len);
	return statement_intern(store, (struct slice){ signature, len + 3 });
}

TEST(one_signature_is_one_statement)
{
	struct statement_store *store = statement_store_new(7);
	struct statement *one = intern(store, "one"), *two = intern(store, "two");
	struct statement *typed = statement_intern(store, SLICE_LITERAL("one\0\0\1\0\0\0\x17"));

	CHECK(one != NULL && two != NULL && typed != NULL && one != two && one != typed);
	CHECK(intern(store, "one") == one);
	CHECK_UINT_EQ(statement_store_count(store), 3);
	CHECK(statement_store_bytes(store) > 0);
	CHECK_SLICE_EQ(statement_text(one), slice_of("one"));
	CHECK_SLICE_EQ(statement_text(typed), slice_of("one"));
	CHECK_SLICE_EQ(statement_signature(two), SLICE_LITERAL("two\0\0\0"));
	CHECK_SLICE_EQ(statement_name(two), slice_of("pgcarwash_2"));
	CHECK_TEXT_EQ(statement_name(two).data, "pgcarwash_2");
	statement_unref(one);
	statement_unref(one);
	CHECK_UINT_EQ(statement_store_count(store), 2);
	/* A text that comes back is a new statement. */
	one = intern(store, "one");
	CHECK_SLICE_EQ(statement_name(one), slice_of("pgcarwash_4"));
	statement_unref(one);
	statement_unref(two);
	statement_unref(typed);
	statement_unref(NULL);
	CHECK_UINT_EQ(statement_store_bytes(store), 0);
	statement_store_free(store);
}

TEST(statements_that_may_drop_others)
{
	struct statement_store *store = statement_store_new(7);
	struct statement *discard = intern(store, "discard all");
	struct statement *one = intern(store, "one");

	CHECK(statement_may_drop(discard) && !statement_may_drop(one));
	statement_unref(discard);
	statement_unref(one);
	statement_store_free(store);
}

TEST(copies_in_order_of_use)
{
	struct statement_store *store = statement_store_new(7);
	struct statement *one = intern(store, "one"), *two = intern(store, "two");
	struct prepared_set *set = prepared_set_new();
	struct prepared_copy found;

	REQUIRE(set != NULL);
	CHECK(prepared_set_oldest(set) == NULL && prepared_set_count(NULL) == 0);
	CHECK(!prepared_set_use(set, one, &found) && !prepared_set_remove(set, one));
	CHECK(prepared_set_add(set, one, (struct prepared_copy){ 3, 11 }) == OK);
	CHECK(prepared_set_add(set, two, (struct prepared_copy){ 4, 12 }) == OK);
	CHECK(prepared_set_oldest(set) == one);
	CHECK(prepared_set_use(set, one, &found));
	CHECK_UINT_EQ(found.generation, 3);
	CHECK_UINT_EQ(found.number, 11);
	CHECK(prepared_set_oldest(set) == two);
	CHECK_UINT_EQ(prepared_set_count(set), 2);
	CHECK(prepared_set_add(set, two, (struct prepared_copy){ 5, 15 }) == OK);
	CHECK_UINT_EQ(prepared_set_count(set), 2);
	CHECK(prepared_set_use(set, two, &found) && found.number == 15);
	statement_unref(one);
	statement_unref(two);
	CHECK_UINT_EQ(statement_store_count(store), 2);
	prepared_set_free(set);
	prepared_set_free(NULL);
	CHECK_UINT_EQ(statement_store_count(store), 0);
	statement_store_free(store);
}

TEST(copies_are_taken_out_by_who_made_them)
{
	struct statement_store *store = statement_store_new(7);
	struct statement *one = intern(store, "one"), *two = intern(store, "two");
	struct prepared_set *set = prepared_set_new();

	REQUIRE(set != NULL);
	CHECK(prepared_set_add(set, one, (struct prepared_copy){ 0, 11 }) == OK);
	CHECK(prepared_set_add(set, two, (struct prepared_copy){ 0, 12 }) == OK);
	prepared_set_remove_made_by(set, one, 10);
	prepared_set_remove_made_by(set, two, 12);
	prepared_set_remove_made_by(set, two, 12);
	CHECK(prepared_set_count(set) == 1 && prepared_set_oldest(set) == one);
	prepared_set_drop_before(set, 11);
	CHECK_UINT_EQ(prepared_set_count(set), 1);
	prepared_set_drop_before(set, 12);
	CHECK_UINT_EQ(prepared_set_count(set), 0);
	prepared_set_free(set);
	statement_unref(one);
	statement_unref(two);
	statement_store_free(store);
}

TEST(without_memory_nothing_is_there)
{
	WITH_EACH_FAULT(nth)
	{
		struct statement_store *store = statement_store_new(7);
		struct prepared_set *set = prepared_set_new();
		struct statement *one = store ? intern(store, "one") : NULL;
		struct prepared_copy copy = { 0, 1 };

		if (set != NULL && one != NULL)
			CHECK((prepared_set_add(set, one, copy) == OK) ==
			      prepared_set_use(set, one, &copy));
		prepared_set_free(set);
		statement_unref(one);
		statement_store_free(store);
	}
}
