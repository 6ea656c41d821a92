/* sql/classify: what texts do. */
#include "sql/classify.h"
#include "sql/sql_internal.h"
#include "test.h"

struct row {
	const char *text;
	enum verdict_kind kind;
	uint32_t flags;
};

static const char *const kinds[] = {
	[VERDICT_UNKNOWN] = "UNKNOWN", [VERDICT_EMPTY] = "EMPTY", [VERDICT_SETTING] = "SETTING",
	[VERDICT_OWN] = "OWN",	       [VERDICT_BEGIN] = "BEGIN", [VERDICT_END] = "END",
	[VERDICT_READ] = "READ",       [VERDICT_WRITE] = "WRITE",
};

/* reader() reads, writer() writes, and mixed() reads in one schema and writes in another. */
static struct function_book *make_book(void)
{
	static const struct {
		const char *schema, *name;
		bool is_volatile;
	} rows[] = {
		{ "public", "reader", false }, { "public", "writer", true },
		{ "public", "mixed", false },  { "other", "mixed", true },
		{ "public", "Odd", false },    { "other", "lower", true },
	};
	struct function_book *book = function_book_new();

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		CHECK(function_book_add(book, slice_of(rows[i].schema), slice_of(rows[i].name),
					rows[i].is_volatile) == OK);
	CHECK(function_book_add_operator(book, SLICE_LITERAL("<~>")) == OK);
	function_book_seal(book);
	return book;
}

static void check_row(const struct row *row, const struct function_book *book)
{
	struct verdict verdict = classify(slice_of(row->text), book);

	if (verdict.kind != row->kind || verdict.flags != row->flags)
		FAIL("\"%s\" is %s with flags %x, expected %s with %x", row->text,
		     kinds[verdict.kind], verdict.flags, kinds[row->kind], row->flags);
}

#define CHECK_ROWS(rows, book)                                                                     \
	do {                                                                                       \
		for (size_t row_ = 0; row_ < COUNT_OF(rows); row_++)                               \
			check_row(&(rows)[row_], book);                                            \
	} while (0)

TEST(queries_read)
{
	static const struct row rows[] = {
		{ "SELECT 1", VERDICT_READ, 0 },
		{ "select a, b.c from t as b where x = $1 and y in (1, 2, 'x') order by 1 limit 5",
		  VERDICT_READ, 0 },
		{ " ;; SELECT 1 ;; ", VERDICT_READ, 0 },
		{ "VALUES (1, 2), (3, 4)", VERDICT_READ, 0 },
		{ "TABLE t", VERDICT_READ, 0 },
		{ "(SELECT 1)", VERDICT_READ, 0 },
		{ "((SELECT 1) UNION (SELECT 2)) ORDER BY 1", VERDICT_READ, 0 },
		{ "WITH a AS (SELECT 1) SELECT * FROM a", VERDICT_READ, 0 },
		{ "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) TABLE a",
		  VERDICT_READ, 0 },
		{ "SELECT count(*), sum(x) FILTER (WHERE x > 0) OVER (PARTITION BY y) FROM t",
		  VERDICT_READ, 0 },
		{ "SELECT x FROM t GROUP BY (x) HAVING (max(y)) > 1", VERDICT_READ, 0 },
		{ "SELECT now(), current_user, current_timestamp, upper('x'), random()",
		  VERDICT_READ, 0 },
		{ "SELECT pg_catalog.upper('x')", VERDICT_READ, 0 },
		{ "SELECT pg_sleep(1), gen_random_uuid(), clock_timestamp()", VERDICT_READ, 0 },
		{ "SELECT x::int, cast(y as text), '1'::numeric(10, 2) from t", VERDICT_READ, 0 },
		{ "SELECT extract(year from d), substring(x from 2 for 3), trim(both from y)",
		  VERDICT_READ, 0 },
		{ "SELECT d AT TIME ZONE 'utc', x LIKE 'a%' ESCAPE '!', timestamp with time zone "
		  "'now'",
		  VERDICT_READ, 0 },
		{ "SELECT * FROM generate_series(1, 10) WITH ORDINALITY AS g(n, o)", VERDICT_READ,
		  0 },
		{ "SELECT * FROM a JOIN b USING (x) LEFT JOIN LATERAL (SELECT 1) c ON true",
		  VERDICT_READ, 0 },
		{ "SELECT * FROM t TABLESAMPLE system (10)", VERDICT_READ, 0 },
		{ "SELECT CASE WHEN (a) THEN (1) ELSE (2) END, ARRAY[1, 2], ARRAY(SELECT 1), "
		  "ROW(1)",
		  VERDICT_READ, 0 },
		{ "SELECT a[1], a[1:2], (b).c, (b).* FROM t", VERDICT_READ, 0 },
		{ "SELECT EXISTS (SELECT 1), x = ANY ($1), x <> ALL (SELECT 2)", VERDICT_READ, 0 },
		{ "SELECT \"into\", 'for update', $$into$$ FROM \"delete\"", VERDICT_READ, 0 },
		{ "SELECT 1 -- ; DELETE FROM t", VERDICT_READ, 0 },
		{ "SELECT 1 /* ; DELETE /* x */ FROM t */", VERDICT_READ, 0 },
		{ "SELECT ';', $x$;$x$, E'\\';', \";\" FROM t", VERDICT_READ, 0 },
		{ "SELECT xmlelement(name a, 'b'), xmlforest(1 as x)", VERDICT_READ, 0 },
		{ "SELECT * FROM pg_class, pg_stats, information_schema.tables", VERDICT_READ, 0 },
		{ "SELECT grouping(a), b FROM t GROUP BY ROLLUP (a, b)", VERDICT_READ, 0 },
		{ "SELECT u&'\\0041', U&\"x\"", VERDICT_READ, VERDICT_BACKSLASH },
		{ "SELECT 'a'\n'b'", VERDICT_READ, VERDICT_BACKSLASH },
	};

	CHECK_ROWS(rows, NULL);
}

TEST(queries_that_write)
{
	static const struct row rows[] = {
		{ "SELECT * INTO t2 FROM t", VERDICT_WRITE, 0 },
		{ "SELECT * INTO TEMP t2 FROM t", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "SELECT 1 FROM t FOR UPDATE", VERDICT_WRITE, VERDICT_LOCKS_ROWS },
		{ "SELECT 1 FROM t FOR NO KEY UPDATE SKIP LOCKED", VERDICT_WRITE,
		  VERDICT_LOCKS_ROWS },
		{ "SELECT 1 FROM t FOR SHARE OF t NOWAIT", VERDICT_WRITE, VERDICT_LOCKS_ROWS },
		{ "SELECT * FROM (SELECT 1 FROM t FOR KEY SHARE) x", VERDICT_WRITE,
		  VERDICT_LOCKS_ROWS },
		{ "WITH a AS (INSERT INTO t VALUES (1) RETURNING x) SELECT * FROM a", VERDICT_WRITE,
		  0 },
		{ "WITH a AS (UPDATE t SET x = 1 RETURNING x) SELECT * FROM a", VERDICT_WRITE, 0 },
		{ "WITH a AS (SELECT 1), b AS (DELETE FROM t) SELECT 1", VERDICT_WRITE, 0 },
		{ "SELECT nextval('s')", VERDICT_WRITE, 0 },
		{ "SELECT pg_catalog.nextval('s')", VERDICT_WRITE, 0 },
		{ "SELECT setval('s', 1), currval('s'), lastval()", VERDICT_WRITE, 0 },
		{ "SELECT txid_current()", VERDICT_WRITE, 0 },
		{ "SELECT pg_current_xact_id()", VERDICT_WRITE, 0 },
		{ "SELECT pg_notify('a', 'b')", VERDICT_WRITE, 0 },
		{ "SELECT pg_advisory_lock(1)", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "SELECT pg_try_advisory_lock_shared(1)", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "SELECT pg_advisory_xact_lock(1)", VERDICT_WRITE, 0 },
		{ "SELECT set_config('a.b', 'c', false)", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "SELECT lo_create(0), lo_get(1)", VERDICT_WRITE, 0 },
		{ "SELECT pg_switch_wal()", VERDICT_WRITE, 0 },
		{ "SELECT * FROM t WHERE x = nextval('s')", VERDICT_WRITE, 0 },
		{ "SELECT * FROM nextval('s')", VERDICT_WRITE, 0 },
		{ "SELECT query_to_xml('select 1', true, true, '')", VERDICT_WRITE, 0 },
		{ "SELECT * FROM pg_temp.x", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "INSERT INTO t VALUES (1)", VERDICT_WRITE, 0 },
		{ "INSERT INTO t SELECT * FROM u ON CONFLICT DO NOTHING", VERDICT_WRITE, 0 },
		{ "UPDATE t SET x = 1", VERDICT_WRITE, 0 },
		{ "DELETE FROM t", VERDICT_WRITE, 0 },
		{ "MERGE INTO t USING u ON t.x = u.x WHEN MATCHED THEN DELETE", VERDICT_WRITE, 0 },
		{ "TRUNCATE t", VERDICT_WRITE, 0 },
		{ "CREATE TABLE t (x int)", VERDICT_WRITE, 0 },
		{ "CREATE TEMP TABLE t (x int)", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "CREATE TEMPORARY VIEW t AS SELECT 1", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "CREATE TABLE pg_temp.t AS SELECT 1", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "CREATE TABLE t AS SELECT 1", VERDICT_WRITE, 0 },
		{ "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)", VERDICT_WRITE, 0 },
		{ "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; END", VERDICT_WRITE, 0 },
		{ "DROP TABLE t", VERDICT_WRITE, 0 },
		{ "ALTER TABLE t ADD y int", VERDICT_WRITE, 0 },
		{ "GRANT SELECT ON t TO public", VERDICT_WRITE, 0 },
		{ "COMMENT ON TABLE t IS 'x'", VERDICT_WRITE, 0 },
		{ "CALL p()", VERDICT_WRITE, 0 },
		{ "DO $$ BEGIN END $$", VERDICT_WRITE, 0 },
		{ "VACUUM", VERDICT_WRITE, 0 },
		{ "ANALYZE t", VERDICT_WRITE, 0 },
		{ "REINDEX TABLE t", VERDICT_WRITE, 0 },
		{ "CLUSTER", VERDICT_WRITE, 0 },
		{ "CHECKPOINT", VERDICT_WRITE, 0 },
		{ "LOCK TABLE t", VERDICT_WRITE, 0 },
		{ "NOTIFY c, 'x'", VERDICT_WRITE, 0 },
		{ "REFRESH MATERIALIZED VIEW v", VERDICT_WRITE, 0 },
		{ "COMMIT PREPARED 'x'", VERDICT_WRITE, 0 },
		{ "ROLLBACK PREPARED 'x'", VERDICT_WRITE, 0 },
		{ "LISTEN c", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "UNLISTEN *", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "LOAD 'x'", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "PREPARE p AS SELECT 1", VERDICT_WRITE, VERDICT_SESSION_STATE },
		{ "EXECUTE p(1)", VERDICT_WRITE, VERDICT_SESSION_STATE },
	};

	CHECK_ROWS(rows, NULL);
}

TEST(transactions_and_settings)
{
	static const struct row rows[] = {
		{ "", VERDICT_EMPTY, 0 },
		{ " ; -- x", VERDICT_EMPTY, 0 },
		{ "BEGIN", VERDICT_BEGIN, VERDICT_OPENS },
		{ "begin work;", VERDICT_BEGIN, VERDICT_OPENS },
		{ "START TRANSACTION", VERDICT_BEGIN, VERDICT_OPENS },
		{ "BEGIN TRANSACTION READ ONLY", VERDICT_BEGIN, VERDICT_OPENS },
		{ "COMMIT", VERDICT_END, VERDICT_CLOSES },
		{ "END", VERDICT_END, VERDICT_CLOSES },
		{ "ROLLBACK TRANSACTION;", VERDICT_END, VERDICT_CLOSES },
		{ "ABORT", VERDICT_END, VERDICT_CLOSES },
		{ "PREPARE TRANSACTION 'x'", VERDICT_END, VERDICT_CLOSES },
		{ "COMMIT AND CHAIN", VERDICT_END, VERDICT_CLOSES | VERDICT_OPENS },
		{ "COMMIT AND NO CHAIN", VERDICT_END, VERDICT_CLOSES },
		{ "SAVEPOINT a", VERDICT_SETTING, 0 },
		{ "RELEASE a", VERDICT_SETTING, 0 },
		{ "ROLLBACK TO a", VERDICT_SETTING, 0 },
		{ "SET a.b = 'c'", VERDICT_SETTING, VERDICT_SETS },
		{ "SET LOCAL search_path TO a, \"b\"", VERDICT_SETTING, VERDICT_SETS },
		{ "SET statement_timeout = 10", VERDICT_SETTING, VERDICT_SETS },
		{ "SET x TO -1.5", VERDICT_SETTING, VERDICT_SETS },
		{ "SET x = DEFAULT", VERDICT_SETTING, VERDICT_SETS },
		{ "SET TIME ZONE 'utc'", VERDICT_SETTING, VERDICT_SETS },
		{ "SET ROLE x", VERDICT_SETTING, VERDICT_SETS },
		{ "SET SESSION AUTHORIZATION x", VERDICT_SETTING, VERDICT_SETS },
		{ "SET CONSTRAINTS ALL DEFERRED", VERDICT_SETTING, 0 },
		{ "RESET x", VERDICT_SETTING, VERDICT_SETS },
		{ "RESET ALL", VERDICT_SETTING, VERDICT_SETS },
		{ "DISCARD ALL", VERDICT_SETTING, VERDICT_SETS },
		{ "DISCARD PLANS", VERDICT_SETTING, VERDICT_SETS },
		{ "DEALLOCATE p", VERDICT_SETTING, VERDICT_SETS },
		{ "SHOW search_path", VERDICT_SETTING, 0 },
		{ "SHOW transaction_read_only", VERDICT_SETTING, VERDICT_HOST },
		{ "SHOW in_hot_standby", VERDICT_SETTING, VERDICT_HOST },
		{ "SHOW ALL", VERDICT_SETTING, VERDICT_HOST },
		{ "SET TRANSACTION SNAPSHOT 'x'", VERDICT_SETTING, VERDICT_SETS | VERDICT_HOST },
		{ "SET pgcarwash.route = primary", VERDICT_OWN, 0 },
		{ "SHOW pgcarwash.position;", VERDICT_OWN, 0 },
		{ "RESET pgcarwash.route", VERDICT_OWN, 0 },
	};

	CHECK_ROWS(rows, NULL);
}

TEST(copy_explain_and_cursors)
{
	static const struct row rows[] = {
		{ "COPY t TO STDOUT", VERDICT_READ, VERDICT_COPY_OUT },
		{ "COPY (SELECT 1) TO STDOUT WITH (FORMAT csv)", VERDICT_READ, VERDICT_COPY_OUT },
		{ "COPY (SELECT nextval('s')) TO STDOUT", VERDICT_WRITE, VERDICT_COPY_OUT },
		{ "COPY (DELETE FROM t RETURNING x) TO STDOUT", VERDICT_WRITE, VERDICT_COPY_OUT },
		{ "COPY t FROM STDIN", VERDICT_WRITE, VERDICT_COPY_IN },
		{ "COPY t TO '/tmp/x'", VERDICT_WRITE, 0 },
		{ "COPY t TO PROGRAM 'x'", VERDICT_WRITE, 0 },
		{ "COPY t FROM '/tmp/x'", VERDICT_WRITE, 0 },
		{ "EXPLAIN SELECT 1", VERDICT_READ, VERDICT_EXPLAIN },
		{ "EXPLAIN (ANALYZE, FORMAT json) SELECT 1", VERDICT_READ, VERDICT_EXPLAIN },
		{ "EXPLAIN ANALYZE INSERT INTO t VALUES (1)", VERDICT_WRITE, VERDICT_EXPLAIN },
		{ "EXPLAIN INSERT INTO t VALUES (1)", VERDICT_WRITE, VERDICT_EXPLAIN },
		{ "EXPLAIN ANALYZE SELECT nextval('s')", VERDICT_WRITE, VERDICT_EXPLAIN },
		{ "EXPLAIN ANALYZE EXECUTE p", VERDICT_WRITE, VERDICT_EXPLAIN },
		{ "EXPLAIN ANALYZE CREATE TABLE t AS SELECT 1", VERDICT_WRITE, VERDICT_EXPLAIN },
		{ "EXPLAIN ANALYZE SELECT 1 FROM t FOR UPDATE", VERDICT_WRITE,
		  VERDICT_EXPLAIN | VERDICT_LOCKS_ROWS },
		{ "DECLARE c CURSOR FOR SELECT 1", VERDICT_READ, VERDICT_CURSOR },
		{ "DECLARE c CURSOR FOR SELECT 1 FROM t FOR UPDATE", VERDICT_WRITE,
		  VERDICT_CURSOR | VERDICT_LOCKS_ROWS },
		{ "DECLARE c CURSOR WITH HOLD FOR SELECT 1", VERDICT_WRITE,
		  VERDICT_CURSOR | VERDICT_SESSION_STATE },
		{ "FETCH 10 FROM c", VERDICT_READ, VERDICT_CURSOR },
		{ "MOVE ALL FROM c", VERDICT_READ, VERDICT_CURSOR },
		{ "CLOSE c", VERDICT_READ, VERDICT_CURSOR },
	};

	CHECK_ROWS(rows, NULL);
}

TEST(what_is_about_the_host)
{
	static const struct row rows[] = {
		{ "SELECT pg_is_in_recovery()", VERDICT_READ, VERDICT_HOST },
		{ "SELECT inet_server_addr(), inet_server_port()", VERDICT_READ, VERDICT_HOST },
		{ "SELECT pg_last_wal_replay_lsn()", VERDICT_READ, VERDICT_HOST },
		{ "SELECT pg_current_wal_lsn()", VERDICT_READ, VERDICT_HOST },
		{ "SELECT pg_backend_pid()", VERDICT_READ, VERDICT_HOST },
		{ "SELECT current_setting('transaction_read_only')", VERDICT_READ, VERDICT_HOST },
		{ "SELECT pg_stat_get_db_xact_commit(1)", VERDICT_READ, VERDICT_HOST },
		{ "SELECT pg_relation_size('t')", VERDICT_READ, VERDICT_HOST },
		{ "SELECT * FROM pg_stat_activity", VERDICT_READ, VERDICT_HOST },
		{ "SELECT * FROM pg_catalog.pg_locks", VERDICT_READ, VERDICT_HOST },
		{ "SELECT * FROM \"pg_settings\"", VERDICT_READ, VERDICT_HOST },
		{ "TABLE pg_prepared_xacts", VERDICT_READ, VERDICT_HOST },
		{ "COPY pg_stat_activity TO STDOUT", VERDICT_READ,
		  VERDICT_HOST | VERDICT_COPY_OUT },
		{ "SELECT pg_is_in_recovery(), nextval('s')", VERDICT_WRITE, VERDICT_HOST },
	};

	CHECK_ROWS(rows, NULL);
}

TEST(several_statements)
{
	static const struct row rows[] = {
		{ "SELECT 1; SELECT 2", VERDICT_READ, VERDICT_MANY },
		{ "DISCARD TEMP; SELECT 1", VERDICT_READ, VERDICT_MANY | VERDICT_SETS },
		{ "DEALLOCATE a; SELECT 1", VERDICT_READ, VERDICT_MANY | VERDICT_SETS },
		{ "SELECT 1; DELETE FROM t", VERDICT_WRITE, VERDICT_MANY },
		{ "DELETE FROM t; SELECT 1", VERDICT_WRITE, VERDICT_MANY },
		{ "INSERT INTO t VALUES (1); COMMIT", VERDICT_WRITE,
		  VERDICT_MANY | VERDICT_CLOSES },
		{ "BEGIN; SELECT 1", VERDICT_READ, VERDICT_MANY | VERDICT_OPENS },
		{ "BEGIN; SELECT 1; COMMIT", VERDICT_READ, VERDICT_MANY },
		{ "BEGIN; DELETE FROM t; END", VERDICT_WRITE, VERDICT_MANY },
		{ "COMMIT; BEGIN", VERDICT_BEGIN, VERDICT_MANY | VERDICT_CLOSES | VERDICT_OPENS },
		{ "BEGIN; COMMIT; BEGIN", VERDICT_BEGIN, VERDICT_MANY | VERDICT_OPENS },
		{ "SELECT 1; COMMIT", VERDICT_READ, VERDICT_MANY | VERDICT_CLOSES },
		{ "SET a = 1; BEGIN", VERDICT_BEGIN, VERDICT_MANY | VERDICT_SETS | VERDICT_OPENS },
		{ "SET a = 1; SHOW a", VERDICT_SETTING, VERDICT_MANY | VERDICT_SETS },
		{ "SET pgcarwash.route = 'primary'; SELECT 1", VERDICT_READ,
		  VERDICT_MANY | VERDICT_SETS },
		{ "SELECT 1; nonsense", VERDICT_UNKNOWN, 0 },
		{ "SELECT ';'; LISTEN c", VERDICT_WRITE, VERDICT_MANY | VERDICT_SESSION_STATE },
	};

	CHECK_ROWS(rows, NULL);
	CHECK_UINT_EQ(classify(SLICE_LITERAL("SELECT 1;;SELECT 2;"), NULL).statements, 2);
	CHECK_UINT_EQ(classify(SLICE_LITERAL("SELECT 1;;"), NULL).statements, 1);
	CHECK_UINT_EQ(classify(SLICE_LITERAL(";;"), NULL).statements, 0);
}

TEST(what_is_no_sql_is_unknown)
{
	static const struct row rows[] = {
		{ "nonsense", VERDICT_UNKNOWN, 0 },
		{ "EXPLAIN", VERDICT_UNKNOWN, 0 },
		{ "WITH x SELECT 1", VERDICT_UNKNOWN, 0 },
		{ "SELECT 1 FOR", VERDICT_UNKNOWN, 0 },
		{ "SELECT 'open", VERDICT_UNKNOWN, VERDICT_BACKSLASH },
		{ "SELECT $a$ open $b$", VERDICT_UNKNOWN, VERDICT_BACKSLASH },
		{ "SELECT /* open", VERDICT_UNKNOWN, VERDICT_BACKSLASH },
		{ "SELECT \\ 1", VERDICT_UNKNOWN, VERDICT_BACKSLASH },
	};

	/* The flag is set where the lexer has given up, too; only the kind counts here. */
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct verdict verdict = classify(slice_of(rows[i].text), NULL);

		CHECK_INT_EQ(verdict.kind, VERDICT_UNKNOWN);
	}
	CHECK_INT_EQ(classify((struct slice){ "SELECT 1\0; DELETE FROM t", 25 }, NULL).kind,
		     VERDICT_UNKNOWN);
	CHECK_INT_EQ(classify(SLICE_NONE, NULL).kind, VERDICT_EMPTY);
}

TEST(functions_of_a_database)
{
	static const struct row with_book[] = {
		{ "SELECT reader(1)", VERDICT_READ, 0 },
		{ "SELECT public.reader(1)", VERDICT_READ, 0 },
		{ "SELECT \"reader\"(1)", VERDICT_READ, 0 },
		{ "SELECT READER(1)", VERDICT_READ, 0 },
		{ "SELECT \"Odd\"(1)", VERDICT_READ, 0 },
		{ "SELECT odd(1)", VERDICT_WRITE, VERDICT_FUNCTIONS },
		{ "SELECT writer(1)", VERDICT_WRITE, 0 },
		{ "SELECT mixed(1)", VERDICT_WRITE, 0 },
		{ "SELECT public.mixed(1)", VERDICT_READ, 0 },
		{ "SELECT other.mixed(1)", VERDICT_WRITE, 0 },
		{ "SELECT lower('x')", VERDICT_WRITE, 0 },
		{ "SELECT pg_catalog.lower('x')", VERDICT_READ, 0 },
		{ "SELECT nobody.reader(1)", VERDICT_WRITE, VERDICT_FUNCTIONS },
		{ "SELECT * FROM reader(1), writer(2)", VERDICT_WRITE, 0 },
		{ "SELECT a + b FROM t", VERDICT_READ, 0 },
		{ "SELECT a <~> b FROM t", VERDICT_WRITE, 0 },
		{ "SELECT a OPERATOR(public.<~>) b FROM t", VERDICT_WRITE, 0 },
		{ "SELECT a FROM t ORDER BY a USING <~>", VERDICT_WRITE, 0 },
		{ "SELECT a <~> ANY (SELECT 1)", VERDICT_WRITE, 0 },
		{ "INSERT INTO t VALUES (unknown())", VERDICT_WRITE, 0 },
	};
	static const struct row without[] = {
		{ "SELECT reader(1)", VERDICT_WRITE, VERDICT_FUNCTIONS },
		{ "SELECT \"x\".y(1)", VERDICT_WRITE, VERDICT_FUNCTIONS },
		{ "SELECT unknown(nextval('s'))", VERDICT_WRITE, 0 },
		{ "SELECT unknown(1) FROM t FOR UPDATE", VERDICT_WRITE, VERDICT_LOCKS_ROWS },
		{ "SELECT pg_catalog.unknown()", VERDICT_WRITE, VERDICT_FUNCTIONS },
	};
	struct function_book *book = make_book();

	CHECK_ROWS(with_book, book);
	CHECK_ROWS(without, NULL);
	function_book_unref(book);
}

/* ---- what is said about transactions ---- */

struct saying {
	const char *text;
	enum verdict_access access, default_access;
	enum verdict_isolation isolation, default_isolation;
};

#define RO  VERDICT_ACCESS_READ_ONLY
#define RW  VERDICT_ACCESS_READ_WRITE
#define AO  VERDICT_ACCESS_OTHER
#define SER VERDICT_ISOLATION_SERIALIZABLE
#define LES VERDICT_ISOLATION_LESS
#define IO  VERDICT_ISOLATION_OTHER

TEST(access_and_isolation)
{
	static const struct saying rows[] = {
		{ "BEGIN", 0, 0, 0, 0 },
		{ "BEGIN READ ONLY", RO, 0, 0, 0 },
		{ "BEGIN READ WRITE", RW, 0, 0, 0 },
		{ "START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE", RO, 0,
		  SER, 0 },
		{ "BEGIN ISOLATION LEVEL REPEATABLE READ", 0, 0, LES, 0 },
		{ "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE", RW, 0, LES, 0 },
		{ "BEGIN DEFERRABLE", 0, 0, 0, 0 },
		{ "BEGIN; SET TRANSACTION READ ONLY", RO, 0, 0, 0 },
		{ "SET TRANSACTION READ WRITE", RW, 0, 0, 0 },
		{ "SET LOCAL transaction_read_only = off", RW, 0, 0, 0 },
		{ "SET transaction_read_only TO 'ON'", RO, 0, 0, 0 },
		{ "SET transaction_read_only = 1", RO, 0, 0, 0 },
		{ "SET transaction_read_only = 0", RW, 0, 0, 0 },
		{ "SET transaction_read_only = true", RO, 0, 0, 0 },
		{ "SET transaction_read_only = f", RW, 0, 0, 0 },
		{ "SET transaction_read_only = o", AO, 0, 0, 0 },
		{ "SET transaction_read_only TO DEFAULT", AO, 0, 0, 0 },
		{ "SET transaction_isolation = 'serializable'", 0, 0, SER, 0 },
		{ "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", 0, 0, SER, 0 },
		{ "RESET transaction_isolation", 0, 0, IO, 0 },
		{ "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY", 0, RO, 0, 0 },
		{ "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ "
		  "WRITE",
		  0, RW, 0, SER },
		{ "SET default_transaction_read_only = on", 0, RO, 0, 0 },
		{ "SET SESSION default_transaction_read_only TO false", 0, RW, 0, 0 },
		{ "set DEFAULT_TRANSACTION_READ_ONLY = 'yes'", 0, RO, 0, 0 },
		{ "SET LOCAL default_transaction_read_only = on", 0, 0, 0, 0 },
		{ "SET default_transaction_read_only FROM CURRENT", 0, AO, 0, 0 },
		{ "RESET default_transaction_read_only", 0, AO, 0, 0 },
		{ "SET default_transaction_isolation = 'SERIALIZABLE'", 0, 0, 0, SER },
		{ "SET default_transaction_isolation = 'read committed'", 0, 0, 0, LES },
		{ "RESET default_transaction_isolation", 0, 0, 0, IO },
		{ "RESET ALL", 0, AO, 0, IO },
		{ "DISCARD ALL", 0, AO, 0, IO },
		{ "DISCARD PLANS", 0, 0, 0, 0 },
		{ "RESET ROLE", 0, 0, 0, 0 },
		{ "SET default_transaction_deferrable = on", 0, 0, 0, 0 },
		{ "BEGIN READ ONLY; COMMIT; BEGIN READ WRITE", RW, 0, 0, 0 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct verdict verdict = classify(slice_of(rows[i].text), NULL);

		if (verdict.access != rows[i].access ||
		    verdict.default_access != rows[i].default_access ||
		    verdict.isolation != rows[i].isolation ||
		    verdict.default_isolation != rows[i].default_isolation)
			FAIL("\"%s\" says %d %d %d %d", rows[i].text, verdict.access,
			     verdict.default_access, verdict.isolation, verdict.default_isolation);
	}
}

TEST(hints_of_a_text)
{
	static const struct {
		const char *text;
		enum verdict_hint hint;
	} rows[] = {
		{ "SELECT 1 /* pgcarwash: primary */", VERDICT_HINT_PRIMARY },
		{ "/* pgcarwash: replica */ SELECT 1", VERDICT_HINT_REPLICA },
		{ "/*PgCarwash:PRIMARY*/ WITH a AS (SELECT 1) TABLE a", VERDICT_HINT_PRIMARY },
		{ "SELECT 1 FROM t WHERE x = 'a' -- pgcarwash: replica", VERDICT_HINT_REPLICA },
		{ "-- pgcarwash: primary\nINSERT INTO t VALUES (1)", VERDICT_HINT_PRIMARY },
		{ "/* pgcarwash: primary */ nonsense", VERDICT_HINT_PRIMARY },
		{ "/* pgcarwash: replica */ SELECT 1 /* pgcarwash: primary */",
		  VERDICT_HINT_PRIMARY },
		{ "/* pgcarwash: replica */ BEGIN", VERDICT_HINT_REPLICA },
		{ "SET a = 1 /* pgcarwash: replica */", VERDICT_HINT_REPLICA },
		{ "SET pgcarwash.route = auto /* pgcarwash: replica */", VERDICT_HINT_REPLICA },
		{ "SELECT 1; SELECT 2 /* pgcarwash: replica */", VERDICT_HINT_REPLICA },
		{ "SELECT '/* pgcarwash: primary */'", VERDICT_HINT_NONE },
		{ "SELECT 1 /* pgcarwash: somewhere */", VERDICT_HINT_NONE },
		{ "SELECT 1 /* pgcarwash primary */", VERDICT_HINT_NONE },
		{ "SELECT 1", VERDICT_HINT_NONE },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (classify(slice_of(rows[i].text), NULL).hint != rows[i].hint)
			FAIL("wrong hint of \"%s\"", rows[i].text);
	}
}

TEST(a_backslash_that_matters_is_told)
{
	static const struct {
		const char *text;
		bool told;
	} rows[] = {
		{ "SELECT 'a\\b'", true },
		{ "SELECT 'a\\''; DELETE FROM t; --'", true },
		{ "WITH a AS (SELECT 'a\\b') TABLE a", true },
		{ "SELECT E'a\\b'", false },
		{ "SELECT E'\xe8\\b'", true },
		{ "SELECT $$a\\b$$", false },
		{ "INSERT INTO t VALUES ('a\\b')", true },
		{ "SELECT 'ab'", false },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t flags = classify(slice_of(rows[i].text), NULL).flags;

		if (!!(flags & VERDICT_BACKSLASH) != rows[i].told)
			FAIL("\"%s\"", rows[i].text);
	}
}

/* ---- hostile texts ---- */

static char *repeat(const char *head, const char *part, size_t times, const char *tail)
{
	size_t head_len = strlen(head), part_len = strlen(part), tail_len = strlen(tail);
	char *text = mem_alloc(head_len + part_len * times + tail_len + 1), *at = text;

	memcpy(at, head, head_len);
	at += head_len;
	for (size_t i = 0; i < times; i++, at += part_len)
		memcpy(at, part, part_len);
	memcpy(at, tail, tail_len + 1);
	return text;
}

/* Each may be a level of recursion; none may end the process, none may be called a write. */
TEST(deep_texts_are_bounded)
{
	static const char *const parts[] = {
		"-",
		"+1",
		" IS NULL",
		"::int",
		"(",
		"NOT ",
		" COLLATE x",
		"f(",
		"CASE WHEN ",
		"ARRAY[",
		"[1]",
		" OR b AND c",
		"\"a\".",
		" UNION SELECT 1",
		" JOIN t ON true",
		"(SELECT ",
		"U&'",
		"'",
		"/*",
		"$a$",
		"\\",
		"E'\\",
		"- ",
	};
	static const char *const heads[] = { "SELECT ", "SELECT 1", "SELECT 1 FROM t",
					     "WITH a AS (" };

	for (size_t part = 0; part < COUNT_OF(parts); part++) {
		for (size_t head = 0; head < COUNT_OF(heads); head++) {
			char *text =
				repeat(heads[head], parts[part], 200000 / strlen(parts[part]), "");
			struct verdict verdict = classify(slice_of(text), NULL);

			CHECK(verdict.kind == VERDICT_UNKNOWN || verdict.kind == VERDICT_READ);
			mem_free(text);
		}
	}
}

TEST(a_long_list_of_constants_is_read)
{
	char *text = repeat("WITH a AS (SELECT 1) SELECT * FROM a WHERE x IN (0", ", 12345", 100000,
			    ") AND y IN ('a', 'b', 'c')");

	CHECK_INT_EQ(classify(slice_of(text), NULL).kind, VERDICT_READ);
	mem_free(text);
	text = repeat("INSERT INTO t VALUES (0, 'x')", ", (1, 'x')", 100000, "");
	CHECK_INT_EQ(classify(slice_of(text), NULL).kind, VERDICT_WRITE);
	mem_free(text);
}

TEST(without_memory_it_is_unknown)
{
	WITH_EACH_FAULT(nth)
	{
		struct verdict verdict =
			classify(SLICE_LITERAL("WITH a AS (SELECT 1) TABLE a"), NULL);

		CHECK(verdict.kind == VERDICT_READ ||
		      (mem_fault_hit() && verdict.kind == VERDICT_UNKNOWN));
	}
}

TEST(a_verdict_is_small)
{
	CHECK(sizeof(struct verdict) <= 16);
}
