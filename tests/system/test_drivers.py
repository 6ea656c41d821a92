"""libpq, psycopg 2 and 3, asyncpg, node-postgres, psql and pgbench as their users use them."""

import asyncio
import concurrent.futures
import datetime
import decimal
import os
import shutil
import subprocess

import pytest

import harness


# ---- psycopg 3 --------------------------------------------------------------------------------

def test_psycopg3_values(pooler):
    with pooler().psycopg() as connection:
        values = [7, 2 ** 40, "täxt", b"\0\xff", 1.5, decimal.Decimal("1.25"), None, True,
                  datetime.date(2024, 2, 29), [1, 2, 3], datetime.timedelta(hours=2)]
        for _ in range(8):  # prepared from the fifth time on
            row = connection.execute("select %s::int, %s::bigint, %s::text, %s::bytea, %s::float8,"
                                     " %s::numeric, %s::text, %s::bool, %s::date, %s::int[],"
                                     " %s::interval", values).fetchone()
            assert list(row) == values
        binary = connection.cursor(binary=True)
        assert binary.execute("select %s::int, %s::text", [7, "x"]).fetchone() == (7, "x")


def test_psycopg3_prepares_by_itself(pooler):
    """Two connections that prepare the same names _pg3_0, _pg3_1, ... for other texts."""
    p = pooler()
    with p.psycopg(prepare_threshold=0) as one, p.psycopg(prepare_threshold=0) as two:
        for turn in range(20):
            for number in range(5):
                assert one.execute(f"select 'one {number}', %s::int", [turn]).fetchone() == (
                    f"one {number}", turn)
                assert two.execute(f"select 'two {4 - number}', %s::int", [turn]).fetchone() == (
                    f"two {4 - number}", turn)


def test_psycopg3_many_statements(pooler):
    """More than psycopg keeps: it deallocates the oldest ones by SQL or Close."""
    p = pooler()
    with p.psycopg(prepare_threshold=0) as connection:
        connection.prepared_max = 10
        for turn in range(3):
            for number in range(40):
                assert connection.execute(f"select {number} + %s::int", [turn]).fetchone() == (
                    number + turn,)


def test_psycopg3_transactions(pooler, fresh):
    import psycopg
    table = fresh("t")
    with pooler().psycopg(autocommit=False) as connection:
        connection.execute(f"create table {table} (a int)")
        connection.commit()
        with connection.transaction():
            connection.execute(f"insert into {table} values (1)")
            with pytest.raises(psycopg.errors.DivisionByZero):
                with connection.transaction():
                    connection.execute(f"insert into {table} values (2)")
                    connection.execute("select 1/0")
        connection.execute(f"insert into {table} values (3)")
        connection.rollback()
        assert connection.execute(f"select a from {table}").fetchall() == [(1,)]
        connection.commit()


def test_psycopg3_pipeline(pooler):
    import psycopg
    with pooler().psycopg() as connection:
        with connection.pipeline() as pipeline:
            cursors = [connection.execute("select %s::int", [n]) for n in range(300)]
            pipeline.sync()
            assert [c.fetchone()[0] for c in cursors] == list(range(300))
        with pytest.raises(psycopg.errors.DivisionByZero):
            with connection.pipeline():
                connection.execute("select 1")
                connection.execute("select 1/%s::int", [0])
                connection.execute("select 2")
        assert connection.execute("select 'fine'").fetchone() == ("fine",)


def test_psycopg3_executemany_and_copy(pooler, fresh):
    table = fresh("t")
    with pooler().psycopg(autocommit=False) as connection:
        cursor = connection.cursor()
        cursor.execute(f"create table {table} (a int, b text)")
        cursor.executemany(f"insert into {table} values (%s, %s)", [(n, f"b{n}")
                                                                   for n in range(500)])
        with cursor.copy(f"copy {table} from stdin") as copy:
            for number in range(500, 1000):
                copy.write_row((number, f"b{number}"))
        connection.commit()
        with cursor.copy(f"copy {table} to stdout") as copy:
            assert sum(1 for _ in copy.rows()) == 1000
        cursor.execute(f"select count(*), sum(a) from {table}")
        assert cursor.fetchone() == (1000, 499500)
        connection.commit()


def test_psycopg3_server_side_cursor(pooler):
    with pooler().psycopg(autocommit=False) as connection:
        with connection.cursor("wash") as cursor:
            cursor.itersize = 100
            cursor.execute("select generate_series(1, 1000)")
            assert [row[0] for row in cursor] == list(range(1, 1001))


def test_psycopg3_stream(pooler):
    with pooler().psycopg() as connection:
        cursor = connection.cursor()
        assert [row[0] for row in cursor.stream("select generate_series(1, %s)", [5000])] == \
            list(range(1, 5001))


def test_psycopg3_by_many_threads(pooler):
    p = pooler(default_pool_size=5)

    def work(number):
        with p.psycopg(prepare_threshold=1) as connection:
            for turn in range(40):
                with connection.transaction():
                    token = f"{number}.{turn}"
                    assert connection.execute("select %s::text", [token]).fetchone() == (token,)
                    assert connection.execute(f"select {turn % 5}, %s::text",
                                              [token]).fetchone() == (turn % 5, token)
        return True

    with concurrent.futures.ThreadPoolExecutor(20) as executor:
        assert all(executor.map(work, range(20)))


def test_psycopg3_async(pooler):
    import psycopg
    p = pooler(default_pool_size=4)

    async def work(number):
        async with await psycopg.AsyncConnection.connect(p.dsn(), autocommit=True) as connection:
            for turn in range(20):
                cursor = await connection.execute("select %s::text", [f"{number}.{turn}"])
                assert await cursor.fetchone() == (f"{number}.{turn}",)

    async def everybody():
        await asyncio.gather(*[work(n) for n in range(20)])
    asyncio.run(everybody())


# ---- libpq itself -----------------------------------------------------------------------------

def test_libpq_unnamed_prepare(pooler):
    """PQprepare("") and PQexecPrepared(""): two transactions, one statement."""
    from psycopg import pq
    p = pooler()
    links = [pq.PGconn.connect(p.dsn().encode()) for _ in range(5)]
    for turn in range(10):
        for number, link in enumerate(links):
            result = link.prepare(b"", b"select '%d ' || $1::text" % number)
            assert result.status == pq.ExecStatus.COMMAND_OK, result.error_message
        for number, link in enumerate(links):
            described = link.describe_prepared(b"")
            assert described.nparams == 1 and described.nfields == 1
            result = link.exec_prepared(b"", [str(turn).encode()])
            assert result.status == pq.ExecStatus.TUPLES_OK, result.error_message
            assert result.get_value(0, 0) == b"%d %d" % (number, turn)
    for link in links:
        link.finish()


def test_libpq_named_prepare_and_errors(pooler):
    from psycopg import pq
    p = pooler()
    one, two = (pq.PGconn.connect(p.dsn().encode()) for _ in range(2))
    for link, text in ((one, b"select 1"), (two, b"select 2")):
        assert link.prepare(b"s", text).status == pq.ExecStatus.COMMAND_OK
    for _ in range(3):
        assert one.exec_prepared(b"s", []).get_value(0, 0) == b"1"
        assert two.exec_prepared(b"s", []).get_value(0, 0) == b"2"
        wrong = one.exec_prepared(b"none", [])
        assert wrong.error_field(pq.DiagnosticField.SQLSTATE) == b"26000"
        wrong = two.prepare(b"s", b"select 3")
        assert wrong.error_field(pq.DiagnosticField.SQLSTATE) == b"42P05"
        assert one.transaction_status == pq.TransactionStatus.IDLE
    one.finish()
    two.finish()


# ---- psycopg 2 --------------------------------------------------------------------------------

def test_psycopg2(pooler, fresh):
    import psycopg2
    import psycopg2.extras
    table = fresh("t")
    connection = psycopg2.connect(pooler().dsn())
    with connection, connection.cursor() as cursor:
        cursor.execute(f"create table {table} (a int, b text)")
        psycopg2.extras.execute_values(cursor, f"insert into {table} values %s",
                                       [(n, str(n)) for n in range(300)])
        psycopg2.extras.execute_batch(cursor, f"update {table} set b = %s where a = %s",
                                      [(f"x{n}", n) for n in range(100)])
    with connection, connection.cursor() as cursor:
        cursor.execute(f"select count(*) from {table} where b like 'x%%'")
        assert cursor.fetchone() == (100,)
        with open(os.devnull, "w", encoding="ascii") as nothing:
            cursor.copy_expert(f"copy {table} to stdout", nothing)
    with pytest.raises(psycopg2.errors.DivisionByZero):
        with connection, connection.cursor() as cursor:
            cursor.execute(f"delete from {table}")
            cursor.execute("select 1/0")
    with connection, connection.cursor("named") as cursor:
        cursor.execute(f"select a from {table} order by a")
        assert [row[0] for row in cursor] == list(range(300))
    with connection, connection.cursor() as cursor:
        cursor.execute("select 'ä', E'\\\\x41'::bytea")
        assert cursor.fetchone()[0] == "ä"
    connection.set_client_encoding("LATIN1")
    with connection, connection.cursor() as cursor:
        cursor.execute("select 'ä', length('ä')")
        assert cursor.fetchone() == ("ä", 1)
    connection.close()


# ---- asyncpg ----------------------------------------------------------------------------------

def asyncpg_settings(p):
    return {"host": "127.0.0.1", "port": p.port, "user": "app", "database": "app", "ssl": False}


def test_asyncpg(pooler, fresh):
    """It prepares everything, under names of its own, and closes them when its cache is full."""
    import asyncpg
    p = pooler()
    table = fresh("t")

    async def talk():
        one = await asyncpg.connect(**asyncpg_settings(p), statement_cache_size=5)
        two = await asyncpg.connect(**asyncpg_settings(p))
        for turn in range(10):
            for number in range(12):
                assert await one.fetchval(f"select {number} + $1::int", turn) == number + turn
                assert await two.fetchval(f"select {number} * $1::int", turn) == number * turn
        await one.execute(f"create table {table} (a int, b text)")
        await one.executemany(f"insert into {table} values ($1, $2)",
                              [(n, str(n)) for n in range(200)])
        await one.copy_records_to_table(table, records=[(n, "c") for n in range(200)])
        assert await two.fetchval(f"select count(*) from {table}") == 400
        with pytest.raises(asyncpg.DivisionByZeroError):
            async with one.transaction():
                await one.execute(f"delete from {table}")
                await one.fetch("select 1 / $1::int", 0)
        async with two.transaction():
            assert await two.fetchval(f"select count(*) from {table}") == 400
            found = [row["a"] async for row in two.cursor(f"select a from {table}", prefetch=30)]
            assert len(found) == 400
        with pytest.raises(asyncio.TimeoutError):
            await one.fetch("select pg_sleep(5)", timeout=0.2)
        assert await one.fetchval("select 'after the cancel'") == "after the cancel"
        statement = await one.prepare("select $1::text || 'x'")
        for turn in range(5):
            assert await two.fetchval("select 1") == 1
            assert await statement.fetchval(str(turn)) == f"{turn}x"
        await one.close()
        await two.close()
    asyncio.run(talk())


def test_asyncpg_pool(pooler):
    """Its pool sends a reset list at every release."""
    import asyncpg
    p = pooler(default_pool_size=5)

    async def talk():
        async with asyncpg.create_pool(**asyncpg_settings(p), min_size=5, max_size=15) as links:
            async def work(number):
                for turn in range(10):
                    async with links.acquire() as link:
                        assert await link.fetchval("select $1::int * 1000 + $2::int", number,
                                                   turn) == number * 1000 + turn
            await asyncio.gather(*[work(n) for n in range(40)])
    asyncio.run(talk())


# ---- node, psql, pgbench ----------------------------------------------------------------------

def test_node_postgres(pooler):
    built = harness.ROOT / "build" / "node"
    if not shutil.which("node"):
        pytest.fail("node is not installed (make deps)")
    p = pooler(default_pool_size=5)
    script = harness.ROOT / "tests" / "system" / "node" / "test.js"
    done = subprocess.run(["node", script], capture_output=True, text=True, timeout=50,
                          env={**harness.clean_environment("/tmp"), "POOLER_PORT": str(p.port),
                               "NODE_PATH": str(built / "node_modules")})
    lines = done.stdout.splitlines()
    assert len(lines) == 11, done.stdout + done.stderr
    assert not [line for line in lines if not line.startswith("ok ")], done.stdout


def test_psql_script(pooler, fresh):
    table = fresh("t")
    done = pooler().psql("-At", script=f"""
create table {table} (a int, b text);
\\copy {table} from program 'seq 1 50 | sed "s/$/\\tx/"'
select count(*) from {table};
begin;
delete from {table};
rollback;
select sum(a) from {table};
\\d {table}
\\set AUTOCOMMIT off
select 'in a transaction';
commit;
\\gdesc
select 1 as a, 2 as b \\gdesc
select generate_series(1, 3) \\gexec
\\copy {table} to /dev/null
""".replace("\\gexec", ";"))
    assert done.returncode == 0, done.stderr
    assert "50" in done.stdout and "1275" in done.stdout


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_pgbench(pooler, pg, mode, protocol):
    """Prepared TPC-B needs a server a client: pgbench prepares with calls that block."""
    p = pooler(pool_mode=mode, default_pool_size=20)
    database = "second"
    if not pg.sql("select to_regclass('pgbench_accounts')", database)[0][0]:
        done = subprocess.run([harness.postgres_bin("pgbench"), "-i", "-q", "-s", "1",
                               pg.dsn(database=database)], capture_output=True, text=True,
                              env=harness.clean_environment("/tmp"), timeout=60)
        assert done.returncode == 0, done.stderr
    runs = [["-S", "-c", "40" if mode != "session" else "20"]]
    if mode != "statement":
        runs.append(["-c", "20", "-b", "tpcb-like"])
    for extra in runs:
        done = subprocess.run(
            [harness.postgres_bin("pgbench"), "-n", "-M", protocol, "-j", "2", "-t", "60", *extra,
             p.dsn(database=database)], capture_output=True, text=True, timeout=60,
            env=harness.clean_environment("/tmp"))
        assert done.returncode == 0, done.stderr[-2000:]
        assert "number of failed transactions: 0 (" in done.stdout, done.stdout
        assert "error" not in done.stderr.lower(), done.stderr[-2000:]
