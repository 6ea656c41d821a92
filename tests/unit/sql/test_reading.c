/* Which turns a replica can run: one function for sessions and for EXPLAIN ROUTE. */
#include "sql/reading.h"

#include "sql/classify.h"
#include "test.h"

static bool reads(const char *text, bool by_default)
{
	struct verdict verdict = classify(slice_of(text), NULL);

	return verdict_reads(&verdict, by_default);
}

TEST(turns_that_a_replica_can_run)
{
	static const char *const texts[] = {
		"SELECT 1", "", "VALUES (1)", "EXPLAIN SELECT 1", "COPY t TO STDOUT",
		"BEGIN READ ONLY", "START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
		"BEGIN READ ONLY; SELECT 1", "/* pgcarwash: replica */ SELECT pg_is_in_recovery()",
		"SELECT set_config('a.b', 'c', true)",
		"SELECT 'log_cnt', last_value(x) OVER w FROM t WINDOW w AS (ORDER BY y)",
	};

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (!reads(texts[i], false))
			FAIL("\"%s\" is no read", texts[i]);
}

TEST(turns_that_it_cannot)
{
	static const char *const texts[] = {
		"DELETE FROM t", "BEGIN", "BEGIN; SELECT 1", "SELECT 1; COMMIT", "SET x = 1",
		"BEGIN READ ONLY ISOLATION LEVEL SERIALIZABLE", "BEGIN READ ONLY; DELETE FROM t",
		"BEGIN READ ONLY; SET x = 1", "SELECT 1 FROM t FOR UPDATE", "SHOW x",
		"SELECT pg_is_in_recovery()", "FETCH c", "LISTEN c", "SELECT pg_advisory_lock(1)",
		"COPY t FROM STDIN", "SELECT last_value FROM s", "SELECT s.\"log_cnt\" FROM s",
		"BEGIN READ ONLY; RESET ALL",
	};

	for (size_t i = 0; i < COUNT_OF(texts); i++)
		if (reads(texts[i], false))
			FAIL("\"%s\" is a read", texts[i]);
}

TEST(a_default_counts_where_nothing_is_said)
{
	CHECK(reads("BEGIN", true));
	CHECK(!reads("BEGIN READ WRITE", true));
	CHECK(!reads("BEGIN ISOLATION LEVEL SERIALIZABLE", true));
}
