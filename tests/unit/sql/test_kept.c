/* What statements leave in their session, and what takes it away again. */
#include "sql/kept.h"

#include "sql/classify.h"
#include "sql/scan.h"
#include "test.h"

struct row {
	const char *text;
	unsigned makes, drops;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct verdict verdict = classify(slice_of(rows[i].text), NULL);

		if (verdict.makes != rows[i].makes || verdict.drops != rows[i].drops)
			FAIL("\"%s\" makes %x and drops %x, expected %x and %x", rows[i].text,
			     verdict.makes, verdict.drops, rows[i].makes, rows[i].drops);
	}
}

TEST(what_is_made)
{
	static const struct row rows[] = {
		{ "CREATE TEMP TABLE t (x int)", KEPT_TEMPORARY, 0 },
		{ "CREATE TEMPORARY SEQUENCE s", KEPT_TEMPORARY, 0 },
		{ "CREATE TABLE pg_temp.t AS SELECT 1", KEPT_TEMPORARY, 0 },
		{ "SELECT * INTO TEMP t FROM u", KEPT_TEMPORARY, 0 },
		{ "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		  KEPT_TEMPORARY, 0 },
		{ "CREATE DOMAIN pg_temp.d AS int", KEPT_TEMPORARY, 0 },
		{ "PREPARE p AS SELECT 1", KEPT_PREPARED, 0 },
		{ "SET work_mem = '1MB'", KEPT_SETTINGS, 0 },
		{ "SET SESSION a.b TO 'c'", KEPT_SETTINGS, 0 },
		{ "RESET work_mem", KEPT_SETTINGS, 0 },
		{ "SET TIME ZONE 'utc'", KEPT_SETTINGS, 0 },
		{ "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", KEPT_SETTINGS, 0 },
		{ "SELECT set_config('a.b', 'c', false)", KEPT_SETTINGS, 0 },
		{ "SELECT set_config('a.b', 'c', $1)", KEPT_SETTINGS, 0 },
		{ "SELECT set_config('a', 'b', true), set_config('a', 'b', false), 1, true",
		  KEPT_SETTINGS, 0 },
		{ "SELECT set_config('a', set_config('a', 'b', false), true)", KEPT_SETTINGS, 0 },
		{ "UPDATE pg_settings SET setting = 'x' WHERE name = 'y'", KEPT_SETTINGS, 0 },
		{ "SET ROLE x", KEPT_ROLE, 0 },
		{ "SET SESSION AUTHORIZATION x", KEPT_AUTHORIZATION, 0 },
		{ "LISTEN c", KEPT_CHANNELS, 0 },
		{ "SELECT pg_advisory_lock(1)", KEPT_LOCKS, 0 },
		{ "SELECT pg_try_advisory_lock_shared(1, 2) FROM t", KEPT_LOCKS, 0 },
		{ "DECLARE c CURSOR WITH HOLD FOR SELECT 1", KEPT_CURSORS, 0 },
		{ "LOAD 'x'", KEPT_FOR_GOOD, 0 },
		{ "SELECT setseed(0.5)", KEPT_FOR_GOOD, 0 },
		{ "SELECT 1; LISTEN c; SET x = 1", KEPT_CHANNELS | KEPT_SETTINGS, 0 },
		{ "DO $$ BEGIN CREATE TEMP TABLE t (x int); END $$", KEPT_UNSEEN, 0 },
		{ "SELECT 1; DO $$ BEGIN SET x = 1; END $$", KEPT_UNSEEN, 0 },
	};

	check_rows(rows, COUNT_OF(rows));
}

TEST(what_is_not)
{
	static const struct row rows[] = {
		{ "SELECT * FROM t", 0, 0 },
		{ "CREATE TABLE temp (x int)", 0, 0 },
		{ "UPDATE t SET x = 1", 0, 0 },
		{ "SET LOCAL work_mem = '1MB'", 0, 0 },
		{ "SET TRANSACTION READ ONLY", 0, 0 },
		{ "SHOW work_mem", 0, 0 },
		{ "SELECT set_config('a.b', 'c', true)", 0, 0 },
		{ "SELECT pg_catalog.set_config($1, $2, true), 5", 0, 0 },
		{ "SELECT pg_advisory_xact_lock(1)", 0, 0 },
		{ "SELECT pg_advisory_unlock(1)", 0, 0 },
		{ "EXECUTE p", 0, 0 },
		{ "DECLARE c CURSOR FOR SELECT 1", 0, 0 },
		{ "BEGIN; SELECT 1; COMMIT", 0, 0 },
		{ "DO $$ BEGIN UPDATE t SET x = 1; END $$", 0, 0 },
		{ "SELECT 'pg_temp' FROM pg_namespace WHERE nspname = 'pg_temp_1'", 0, 0 },
	};

	check_rows(rows, COUNT_OF(rows));
}

TEST(what_takes_it_away)
{
	static const struct row rows[] = {
		{ "DISCARD ALL", 0, KEPT_DISCARDED },
		{ "DISCARD TEMP", 0, KEPT_TEMPORARY },
		{ "DISCARD PLANS", 0, 0 },
		{ "DEALLOCATE ALL", 0, KEPT_PREPARED },
		{ "DEALLOCATE p", 0, 0 },
		{ "UNLISTEN *", 0, KEPT_CHANNELS },
		{ "UNLISTEN c", 0, 0 },
		{ "CLOSE ALL", 0, KEPT_CURSORS },
		{ "CLOSE c", 0, 0 },
		{ "RESET ALL", 0, KEPT_SETTINGS },
		{ "RESET ROLE", 0, KEPT_ROLE },
		{ "SET ROLE NONE", 0, KEPT_ROLE },
		{ "RESET SESSION AUTHORIZATION", 0, KEPT_ROLE | KEPT_AUTHORIZATION },
		{ "SELECT pg_advisory_unlock_all()", 0, KEPT_LOCKS },
		{ "SELECT pg_advisory_unlock_all(); CLOSE ALL; UNLISTEN *; RESET ALL;", 0,
		  KEPT_LOCKS | KEPT_CURSORS | KEPT_CHANNELS | KEPT_SETTINGS },
		{ "UNLISTEN *; LISTEN c", KEPT_CHANNELS, 0 },
		{ "BEGIN; UNLISTEN *; ROLLBACK", 0, 0 },
	};

	check_rows(rows, COUNT_OF(rows));
}

/* Only these are no writes, so that reads behind them need not wait for a replica. */
TEST(what_only_keeps_writes_no_data)
{
	static const char *const quiet[] = { "LISTEN c", "UNLISTEN *", "PREPARE p AS SELECT 1",
					     "SELECT pg_advisory_unlock_all()", "LOAD 'x'" };
	static const char *const loud[] = { "CREATE TEMP TABLE t (x int)", "EXECUTE p",
					    "PREPARE p AS DELETE FROM t",
					    "SELECT pg_advisory_lock(1), nextval('s')",
					    "LISTEN c; DELETE FROM t" };

	for (size_t i = 0; i < COUNT_OF(quiet); i++)
		CHECK(classify(slice_of(quiet[i]), NULL).only_keeps);
	for (size_t i = 0; i < COUNT_OF(loud); i++)
		CHECK(!classify(slice_of(loud[i]), NULL).only_keeps);
}

TEST(texts_that_are_not_parsed)
{
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("no such thing; SET x = 1")), KEPT_UNSEEN);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("set x = 1")), KEPT_UNSEEN);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("begin execute 'set x = 1'")), KEPT_UNSEEN);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("IF a THEN\n SET x = 1")), KEPT_UNSEEN);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("perform pg_advisory_lock(1)")), KEPT_UNSEEN);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("create Temp table")), KEPT_UNSEEN);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("update t set x = template")), 0);
	CHECK_UINT_EQ(kept_by_smell(SLICE_LITERAL("select offset_set, 'temperature'")), 0);
	CHECK_UINT_EQ(kept_by_smell(SLICE_NONE), 0);
}

TEST(every_kind_has_a_text)
{
	for (unsigned kept = 1; kept <= KEPT_ALL; kept <<= 1)
		CHECK(strcmp(kept_text(kept), kept_text(0)) != 0);
}

/* ---- scan_setting ---- */

static void expect(const char *text, const char *name)
{
	char room[SCAN_NAME_MAX];
	struct slice found = SLICE_LITERAL("none");

	if (!scan_setting(slice_of(text), room, &found))
		found = SLICE_LITERAL("none");
	CHECK_SLICE_EQ(found, slice_of(name));
}

TEST(the_name_of_a_setting)
{
	expect("SET TimeZone = 'utc'", "timezone");
	expect("set session DateStyle to iso", "datestyle");
	expect(" /* x */ SET\n application_name='a';", "application_name");
	expect("RESET search_path", "search_path");
	expect("SET TIME ZONE 'utc'", "timezone");
	expect("SET SESSION TIME ZONE LOCAL", "timezone");
	expect("SET NAMES 'utf8'", "client_encoding");
	expect("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
	       "default_transaction_read_only");
	expect("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE;",
	       "default_transaction_read_only");
	expect("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY, ISOLATION LEVEL SERIALIZABLE",
	       "none");
	expect("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE", "none");
	expect("SET LOCAL x = 1", "none");
	expect("SET ROLE x", "none");
	expect("SET SESSION AUTHORIZATION x", "none");
	expect("SET a.b = 1", "none");
	expect("RESET ALL", "none");
	expect("SET \"TimeZone\" = 'utc'", "none");
	expect("SELECT 1", "none");
}
