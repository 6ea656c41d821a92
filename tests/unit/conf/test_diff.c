#include "conf_test.h"

#include "conf/diff.h"

static const char before_text[] = "[pgcarwash]\n"
				  "auth_type = any\n"
				  "max_client_conn = 10\n"
				  "[databases]\n"
				  "gone = host=a user=u\n"
				  "same = host=a user=u\n"
				  "limits = host=a user=u pool_size=3\n"
				  "moved = host=a user=u\n"
				  "* = host=a user=u\n"
				  "[users]\n"
				  "old = pool_size=1\n"
				  "kept = pool_size=1\n"
				  "changed = pool_size=1\n";

static const char after_text[] = "[pgcarwash]\n"
				 "auth_type = any\n"
				 "max_client_conn = 20\n"
				 "[databases]\n"
				 "moved = host=a port=5433 user=u\n"
				 "limits = host=a user=u pool_size=4 password=new\n"
				 "same = host=a user=u\n"
				 "fresh = host=a user=u\n"
				 "* = host=b user=u\n"
				 "[users]\n"
				 "kept = pool_size=1\n"
				 "changed = pool_size=1 pool_mode=session\n"
				 "young =\n";

static void check_database(const struct database_change *change, const char *name,
			   enum change_kind kind, bool connect)
{
	CHECK_TEXT_EQ(change->name, name);
	CHECK_INT_EQ(change->kind, kind);
	CHECK_INT_EQ(change->connect, connect);
	CHECK((change->before == NULL) == (kind == CHANGE_ADDED));
	CHECK((change->after == NULL) == (kind == CHANGE_REMOVED));
}

TEST(what_changed_is_listed)
{
	struct complaints complaints;
	const struct settings *before, *after;
	struct settings_diff diff;

	complaints_init(&complaints);
	before = load_text(before_text, &complaints);
	after = load_text(after_text, &complaints);
	REQUIRE(before && after);
	REQUIRE(settings_diff_init(&diff, before, after) == OK);
	CHECK_UINT_EQ(diff.option_count, 1);
	CHECK(settings_diff_has(&diff, "max_client_conn"));
	CHECK(!settings_diff_has(&diff, "auth_type"));
	REQUIRE(diff.database_count == 5);
	check_database(&diff.databases[0], "fresh", CHANGE_ADDED, true);
	check_database(&diff.databases[1], "gone", CHANGE_REMOVED, true);
	check_database(&diff.databases[2], "limits", CHANGE_CHANGED, false);
	check_database(&diff.databases[3], "moved", CHANGE_CHANGED, true);
	check_database(&diff.databases[4], "*", CHANGE_CHANGED, true);
	REQUIRE(diff.user_count == 3);
	CHECK_TEXT_EQ(diff.users[0].name, "changed");
	CHECK_INT_EQ(diff.users[0].kind, CHANGE_CHANGED);
	CHECK_TEXT_EQ(diff.users[1].name, "old");
	CHECK_INT_EQ(diff.users[1].kind, CHANGE_REMOVED);
	CHECK_TEXT_EQ(diff.users[2].name, "young");
	CHECK_INT_EQ(diff.users[2].kind, CHANGE_ADDED);
	CHECK(!diff.auth_file_text);
	settings_diff_release(&diff);
	settings_unref(before);
	settings_unref(after);
	complaints_release(&complaints);
}

TEST(nothing_changed)
{
	struct complaints complaints;
	const struct settings *before, *after;
	struct settings_diff diff;

	complaints_init(&complaints);
	before = load_text(before_text, &complaints);
	after = load_text(before_text, &complaints);
	REQUIRE(before && after);
	REQUIRE(settings_diff_init(&diff, before, after) == OK);
	CHECK_UINT_EQ(diff.option_count + diff.database_count + diff.user_count, 0);
	settings_diff_release(&diff);
	WITH_EACH_FAULT(nth)
	{
		enum result result = settings_diff_init(&diff, before, after);

		CHECK((result == OK) == !mem_fault_hit());
		if (result == OK)
			settings_diff_release(&diff);
	}
	mem_fail_at(0);
	settings_unref(before);
	settings_unref(after);
	complaints_release(&complaints);
}
