/* track/names: a client's names, taken, put back and dropped. */
#include "test.h"
#include "track/names.h"

static const struct slice a = { "a", 1 }, b = { "b", 1 };
static const struct slice text = { "one\0\0\0", 6 };

TEST(names_are_found_by_name_and_by_request)
{
	struct statement_store *store = statement_store_new(1);
	struct statement *statement = statement_intern(store, text);
	struct names names;

	names_init(&names);
	CHECK(names_find(&names, a) == NULL);
	REQUIRE(names_add(&names, a, statement, 5) != NULL);
	REQUIRE(names_add(&names, b, NULL, 7) != NULL);
	statement_unref(statement);
	CHECK_SLICE_EQ(binding_name(names_find(&names, a)), a);
	CHECK(names_find(&names, a)->statement == statement);
	CHECK(names_find_request(&names, 7) == names_find(&names, b));
	CHECK(names_find_request(&names, 6) == NULL);
	CHECK_UINT_EQ(names.on_server, 1);
	CHECK_UINT_EQ(names.count, 2);
	names_release(&names);
	CHECK_UINT_EQ(statement_store_count(store), 0);
	statement_store_free(store);
}

TEST(a_name_is_taken_and_put_back)
{
	struct binding *binding;
	struct names names;

	names_init(&names);
	binding = names_add(&names, a, NULL, 1);
	REQUIRE(binding != NULL);
	names_take(&names, binding);
	CHECK(names_find(&names, a) == NULL && names.on_server == 0);
	CHECK_INT_EQ(names_put_back(&names, binding), OK);
	CHECK(names_find(&names, a) == binding && names.on_server == 1);
	names_release(&names);
}

TEST(a_name_in_use_again_is_not_put_back)
{
	struct binding *old, *new;
	struct names names;

	names_init(&names);
	old = names_add(&names, a, NULL, 1);
	REQUIRE(old != NULL);
	names_take(&names, old);
	new = names_add(&names, a, NULL, 2);
	CHECK_INT_EQ(names_put_back(&names, old), OK);
	CHECK(names_find(&names, a) == new &&names.count == 1 && names.on_server == 1);
	names_release(&names);
}

TEST(older_names_are_dropped)
{
	struct names names;

	names_init(&names);
	REQUIRE(names_add(&names, a, NULL, 4) != NULL);
	REQUIRE(names_add(&names, b, NULL, 5) != NULL);
	names_drop_before(&names, 5);
	CHECK(names_find(&names, a) == NULL && names_find(&names, b) != NULL);
	CHECK_UINT_EQ(names.on_server, 1);
	names_release(&names);
}

TEST(names_learn_of_a_new_result_type)
{
	struct statement_store *store = statement_store_new(1);
	struct statement *statement = statement_intern(store, text);
	struct names names;

	names_init(&names);
	REQUIRE(names_add(&names, a, statement, 1) != NULL);
	REQUIRE(names_add(&names, b, NULL, 2) != NULL);
	statement_outdate(statement);
	CHECK(names_find(&names, a)->generation != statement_generation(statement));
	names_renew(&names, statement);
	CHECK_UINT_EQ(names_find(&names, a)->generation, statement_generation(statement));
	names_release(&names);
	statement_unref(statement);
	statement_store_free(store);
}

TEST(without_memory_a_name_is_not_given)
{
	WITH_EACH_FAULT(nth)
	{
		struct names names;
		struct binding *binding;

		names_init(&names);
		binding = names_add(&names, a, NULL, 1);
		CHECK(names_find(&names, a) == binding);
		CHECK_UINT_EQ(names.count, binding ? 1 : 0);
		if (binding != NULL) {
			names_take(&names, binding);
			if (names_put_back(&names, binding) != OK)
				CHECK(mem_fault_hit());
		}
		CHECK_UINT_EQ(names.on_server, names.count);
		names_release(&names);
	}
}
