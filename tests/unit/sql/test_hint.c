/* sql/hint and sql/own_setting: what an application says to us in its texts. */
#include "sql/hint.h"
#include "sql/own_setting.h"
#include "test.h"

TEST(comments_that_are_hints)
{
	static const struct {
		const char *comment;
		enum verdict_hint hint;
	} rows[] = {
		{ "/* pgcarwash: primary */", VERDICT_HINT_PRIMARY },
		{ "/*pgcarwash:replica*/", VERDICT_HINT_REPLICA },
		{ "/* PGCARWASH : Replica */", VERDICT_HINT_REPLICA },
		{ "--pgcarwash: primary", VERDICT_HINT_PRIMARY },
		{ "--  pgcarwash:\tprimary  ", VERDICT_HINT_PRIMARY },
		{ "--", VERDICT_HINT_NONE },
		{ "/**/", VERDICT_HINT_NONE },
		{ "/* pgcarwash */", VERDICT_HINT_NONE },
		{ "/* pgcarwash: */", VERDICT_HINT_NONE },
		{ "/* pgcarwash: primary please */", VERDICT_HINT_NONE },
		{ "/* pgcarwashes: primary */", VERDICT_HINT_NONE },
		{ "/* x pgcarwash: primary */", VERDICT_HINT_NONE },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (hint_of_comment(slice_of(rows[i].comment)) != rows[i].hint)
			FAIL("wrong hint in \"%s\"", rows[i].comment);
	}
}

TEST(hints_are_found_anywhere_but_in_literals)
{
	CHECK_INT_EQ(hint_find(SLICE_LITERAL("select 1 /* pgcarwash: replica */ + 2")),
		     VERDICT_HINT_REPLICA);
	CHECK_INT_EQ(hint_find(SLICE_LITERAL("select '/* pgcarwash: replica */'")),
		     VERDICT_HINT_NONE);
	CHECK_INT_EQ(hint_find(SLICE_LITERAL("select $$--pgcarwash: replica\n$$")),
		     VERDICT_HINT_NONE);
	CHECK_INT_EQ(hint_find(SLICE_LITERAL("select \"--pgcarwash: replica\n\"")),
		     VERDICT_HINT_NONE);
	CHECK_INT_EQ(hint_find(SLICE_NONE), VERDICT_HINT_NONE);
}

struct row {
	const char *text;
	enum own_setting_action action;
	const char *name, *value;
	bool local;
};

TEST(settings_of_our_own)
{
	static const struct row rows[] = {
		{ "SET pgcarwash.route = primary", OWN_SETTING_SET, "route", "primary", false },
		{ "set PgCarwash.Route to 'replica' ;", OWN_SETTING_SET, "route", "replica",
		  false },
		{ "SET SESSION pgcarwash.route TO auto", OWN_SETTING_SET, "route", "auto", false },
		{ "SET LOCAL pgcarwash.route=auto", OWN_SETTING_SET, "route", "auto", true },
		{ "SET \"pgcarwash\".\"route\" = E'x'", OWN_SETTING_SET, "route", "x", false },
		{ "SET pgcarwash.read_after = '0/16B3748 it''s'", OWN_SETTING_SET, "read_after",
		  "0/16B3748 it's", false },
		{ "SET pgcarwash.x = -1.5", OWN_SETTING_SET, "x", "-1.5", false },
		{ "SET pgcarwash.x = ''", OWN_SETTING_SET, "x", "", false },
		{ "/* a */ SET pgcarwash.x /* b */ = 1 -- c", OWN_SETTING_SET, "x", "1", false },
		{ ";SET pgcarwash.x TO DEFAULT", OWN_SETTING_RESET, "x", "", false },
		{ "RESET pgcarwash.x", OWN_SETTING_RESET, "x", "", false },
		{ "SHOW pgcarwash.position;;", OWN_SETTING_SHOW, "position", "", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct own_setting own;

		if (!own_setting_parse(slice_of(rows[i].text), &own)) {
			FAIL("\"%s\" is not ours", rows[i].text);
			continue;
		}
		CHECK_INT_EQ(own.action, rows[i].action);
		CHECK_SLICE_EQ(own_setting_name(&own), slice_of(rows[i].name));
		CHECK_SLICE_EQ(own_setting_value(&own), slice_of(rows[i].value));
		CHECK(own.local == rows[i].local);
	}
}

TEST(settings_of_others)
{
	static const char *const texts[] = {
		"",
		"SET",
		"SET route = primary",
		"SET other.route = primary",
		"SET pgcarwash = primary",
		"SET pgcarwash. = primary",
		"SET pgcarwash.route",
		"SET pgcarwash.route = ",
		"SET pgcarwash.route primary",
		"SET pgcarwash.route = a, b",
		"SET pgcarwash.route = a; SELECT 1",
		"SET pgcarwash.route = 'a\\b'",
		"SET pgcarwash.route = $$a$$",
		"SET pgcarwash.route = 'a",
		"SET pgcarwash.route = -",
		"SHOW pgcarwash.route x",
		"SHOW pgcarwash",
		"SHOW ALL",
		"RESET ALL",
		"SELECT pgcarwash.route",
	};
	char text[600];
	struct own_setting own;

	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		if (own_setting_parse(slice_of(texts[i]), &own))
			FAIL("\"%s\" is taken for ours", texts[i]);
	}
	snprintf(text, sizeof(text), "SHOW pgcarwash.%0100d", 1);
	CHECK(!own_setting_parse(slice_of(text), &own));
	snprintf(text, sizeof(text), "SET pgcarwash.x = '%0256d'", 1);
	CHECK(own_setting_parse(slice_of(text), &own));
	snprintf(text, sizeof(text), "SET pgcarwash.x = '%0257d'", 1);
	CHECK(!own_setting_parse(slice_of(text), &own));
}
