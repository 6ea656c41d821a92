/* track/vars: settings as interned values, and the SQL between two of them. */
#include "test.h"
#include "track/vars.h"

static struct varset_store *store;

/* "name=value name=value ..."; values have no blanks. A reference is given. */
static const struct varset *set_of(const char *pairs)
{
	const struct varset *set = varset_empty(store), *next;
	struct slice rest = slice_of(pairs), pair, name;

	while (slice_next_field(&rest, ' ', &pair)) {
		if (!slice_next_field(&pair, '=', &name))
			continue;
		next = varset_with(set, name, pair);
		varset_unref(set);
		set = next;
	}
	return set;
}

static void check_diff(const char *has, const char *wants, const char *sql, unsigned count)
{
	struct buffer out = BUFFER_EMPTY;
	const struct varset *from = set_of(has), *to = set_of(wants);

	CHECK_UINT_EQ(varset_diff(from, to, &out), count);
	CHECK_SLICE_EQ(buffer_slice(&out), slice_of(sql));
	buffer_release(&out);
	varset_unref(from);
	varset_unref(to);
}

#define STORE_TEST(name)                                                                           \
	static void name##_in_store(void);                                                         \
	TEST(name)                                                                                 \
	{                                                                                          \
		store = varset_store_new(3);                                                       \
		if (store != NULL)                                                                 \
			name##_in_store();                                                         \
		varset_store_free(store);                                                          \
	}                                                                                          \
	static void name##_in_store(void)

STORE_TEST(equal_sets_are_one)
{
	const struct varset *a = set_of("x=1 y=2 z=3"), *b = set_of("z=3 x=0 y=2 x=1");
	const struct varset *c = set_of("x=1 y=2");

	CHECK(a == b && a != c);
	CHECK_UINT_EQ(varset_store_count(store), 2);
	varset_unref(a);
	varset_unref(b);
	varset_unref(c);
	varset_unref(NULL);
	CHECK_UINT_EQ(varset_store_count(store), 0);
}

STORE_TEST(values_are_found_whatever_the_case_of_the_name)
{
	const struct varset *set = set_of("TimeZone=UTC a.b= xx=2 x=1");

	CHECK_SLICE_EQ(varset_value(set, slice_of("timezone")), slice_of("UTC"));
	CHECK_SLICE_EQ(varset_value(set, slice_of("x")), slice_of("1"));
	CHECK_SLICE_EQ(varset_value(set, slice_of("xx")), slice_of("2"));
	CHECK(varset_value(set, slice_of("A.B")).data != NULL);
	CHECK(varset_value(set, slice_of("nothing")).data == NULL);
	varset_unref(set);
}

STORE_TEST(a_pair_is_replaced_or_removed)
{
	const struct varset *set = set_of("a=1 b=2"), *more, *less;

	more = varset_with(set, slice_of("A"), slice_of("3"));
	CHECK_SLICE_EQ(varset_value(more, slice_of("a")), slice_of("3"));
	CHECK_SLICE_EQ(varset_value(set, slice_of("a")), slice_of("1"));
	less = varset_with(more, slice_of("a"), SLICE_NONE);
	CHECK(varset_value(less, slice_of("a")).data == NULL);
	CHECK_SLICE_EQ(varset_value(less, slice_of("b")), slice_of("2"));
	varset_unref(set);
	set = varset_with(less, slice_of("zz"), SLICE_NONE);
	CHECK(set == less);
	varset_unref(set);
	varset_unref(more);
	varset_unref(less);
}

STORE_TEST(pairs_come_in_order_of_name)
{
	const struct varset *set = set_of("c=3 A=1 b=2");
	struct slice name, value;
	char order[4] = { 0 };
	unsigned index = 0;

	while (varset_next(set, &index, &name, &value))
		order[index - 1] = value.data[0];
	CHECK_TEXT_EQ(order, "123");
	varset_unref(set);
}

STORE_TEST(names_are_tracked)
{
	const struct varset *set = varset_empty(store);
	static const char too_long[] =
		"a_name_of_more_than_sixty-four_characters_is_no_name_of_any_setting";

	CHECK(varset_store_track(store, slice_of("TimeZone")) == OK);
	CHECK(varset_store_track(store, slice_of("timezone")) == OK);
	CHECK(varset_store_track(store, slice_of(too_long)) == OK);
	CHECK(varset_tracked_by(set, slice_of("TIMEZONE")));
	CHECK(!varset_tracked_by(set, slice_of("DateStyle")));
	CHECK(!varset_store_tracks(store, slice_of(too_long)));
	CHECK(!varset_store_tracks(store, slice_of("")));
	varset_unref(set);
}

STORE_TEST(what_is_proven_stays_so)
{
	const struct varset *set = set_of("a=1"), *same;

	CHECK(!varset_is_proven(set));
	varset_prove(set);
	same = set_of("a=1");
	CHECK(varset_is_proven(same));
	varset_unref(same);
	varset_unref(set);
	set = set_of("a=1");
	CHECK(!varset_is_proven(set));
	varset_unref(set);
}

STORE_TEST(the_sql_between_two_sets)
{
	check_diff("", "", "", 0);
	check_diff("a=1", "a=1", "", 0);
	check_diff("a=1", "a=2", "SET \"a\"='2';", 1);
	check_diff("a=1 b=2", "b=3 c=4", "SET \"b\"='3';SET \"c\"='4';RESET \"a\";", 3);
	check_diff("a=1", "a=", "SET \"a\"='';", 1);
	check_diff("", "my.own=it's", "SET \"my\".\"own\"='it''s';", 1);
	check_diff("", "a=\\", "SET \"a\"=E'\\\\';", 1);
	check_diff("", "a\"b=1", "SET \"a\"\"b\"='1';", 1);
	check_diff("A=1", "a=1", "", 0);
}

STORE_TEST(case_matters_unless_the_value_is_words)
{
	check_diff("TimeZone=UTC", "timezone=utc", "", 0);
	check_diff("client_encoding=UTF8", "client_encoding=utf8", "", 0);
	check_diff("application_name=App", "application_name=app",
		   "SET \"application_name\"='app';", 1);
}

STORE_TEST(lists_of_identifiers_are_set_as_they_are_read)
{
	check_diff("", "search_path=\"$user\",public",
		   "SELECT pg_catalog.set_config('search_path','\"$user\",public',false);", 1);
	check_diff("search_path=a", "", "RESET \"search_path\";", 1);
}

TEST(without_memory_there_is_no_set)
{
	WITH_EACH_FAULT(nth)
	{
		const struct varset *empty = NULL, *set = NULL;

		store = varset_store_new(3);
		if (store != NULL && varset_store_track(store, slice_of("a")) == OK)
			empty = varset_empty(store);
		if (empty != NULL)
			set = varset_with(empty, slice_of("a"), slice_of("1"));
		CHECK(set != NULL || mem_fault_hit());
		varset_unref(set);
		varset_unref(empty);
		varset_store_free(store);
	}
}
