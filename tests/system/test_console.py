"""The console: every command, its columns and types, by every kind of client."""

import asyncio
import socket
import subprocess
import threading
import time

import pytest

import harness
import wireclient
from wireclient import (ServerError, bind, errors, execute, extended, kinds, parse, query, rows,
                        sync, wait_until)

pytestmark = [pytest.mark.pooled, pytest.mark.fixed]

TYPES = {"text": 25, "int4": 23, "int8": 20, "numeric": 1700}
SOCKETS = ("type text, user text, database text, replication text, state text, addr text,"
           " port int4, local_addr text, local_port int4, connect_time text, request_time text,"
           " wait int4, wait_us int4, close_needed int4, ptr text, link text, remote_pid int4,"
           " tls text, application_name text, prepared_statements int4, id int4")
COUNTS = ("server_assignment_count xact_count query_count {0} xact_time query_time wait_time"
          " {1}client_parse_count {1}server_parse_count {1}bind_count {1}client_login_count")
STATS = "database text, " + ", ".join(
    f"{prefix}_{name} numeric" for prefix, moved in (("total", "received sent"),
                                                     ("avg", "recv sent"))
    for name in COUNTS.format(moved, "").split()) + ", total_requests numeric"
PERIOD = "database text, " + ", ".join(
    f"{name} numeric" for name in COUNTS.format("bytes_received bytes_sent", "{0}").split())

SHOWS = {
    "VERSION": "version text", "STATE": "key text, value text",
    "CONFIG": "key text, value text, default text, changeable text",
    "LISTS": "list text, items int4",
    "MEM": "name text, size int4, used int4, free int4, memtotal int4",
    "DATABASES": "name text, host text, port int4, database text, force_user text, pool_size int4,"
                 " min_pool_size int4, reserve_pool_size int4, server_lifetime int4, pool_mode"
                 " text, load_balance_hosts text, max_connections int4, current_connections int4,"
                 " max_client_connections int4, current_client_connections int4, paused int4,"
                 " disabled int4, reserve_pool int4",
    "USERS": "name text, pool_size text, reserve_pool_size text, pool_mode text,"
             " max_user_connections int4, current_connections int4, max_user_client_connections"
             " int4, current_client_connections int4",
    "POOLS": "database text, user text, cl_active int4, cl_waiting int4, cl_active_cancel_req"
             " int4, cl_waiting_cancel_req int4, sv_active int4, sv_active_cancel int4,"
             " sv_being_canceled int4, sv_idle int4, sv_used int4, sv_tested int4, sv_login int4,"
             " maxwait int4, maxwait_us int4, pool_mode text, load_balance_hosts text",
    "CLIENTS": SOCKETS, "SERVERS": SOCKETS,
    "SOCKETS": SOCKETS + ", recv_pos int4, pkt_pos int4, pkt_remain int4, send_pos int4,"
                         " send_remain int4, pkt_avail int4, send_avail int4",
    "STATS": STATS, "STATS_TOTALS": PERIOD.replace("{0}", ""),
    "STATS_AVERAGES": PERIOD.replace("{0}", "avg_"), "TOTALS": "name text, value numeric",
}


def refused(pooler, command, user="admin"):
    with pytest.raises(ServerError) as caught:
        pooler.console(command, user)
    assert (caught.value.severity, caught.value.sqlstate) == ("ERROR", "08P01"), caught.value
    return caught.value.text


def table(rows_of, key="key", value="value"):
    return {row[key]: row[value] for row in rows_of}


# ---- SHOW -------------------------------------------------------------------------------------

@pytest.mark.pgcarwash
@pytest.mark.parametrize("name", SHOWS)
def test_columns_and_types(pooler, name):
    p = pooler()
    with p.wire() as client:
        client.sql("select 1")
        with p.wire("admin", "pgcarwash") as console:
            answers = console.ask(query(f"SHOW {name}"))
        columns = [c for m in answers if m.kind == "T" for c in m.columns()]
        expected = [tuple(part.split()) for part in SHOWS[name].split(", ")]
        assert [c[0] for c in columns] == [n for n, _ in expected]
        assert [c[3] for c in columns] == [TYPES[t] for _, t in expected]
        assert all(c[6] == 0 for c in columns), "all columns are text"
        assert rows(answers), "no rows"
        assert answers[-2].tag() == "SHOW"


@pytest.mark.pgcarwash
@pytest.mark.parametrize("database", ["pgcarwash", "pgbouncer"])
@pytest.mark.parametrize("name", sorted(SHOWS))
def test_show_in_the_extended_protocol(pooler, database, name):
    p = pooler()
    with p.wire() as client, p.wire("admin", database) as console:
        client.sql("select 1")
        simple = console.ask(query(f"SHOW {name}"))
        answers = console.ask(extended(f"SHOW {name}"))
        assert kinds(answers).startswith("12TD") and kinds(answers).endswith("CZ")
        assert answers[2].columns() == simple[0].columns()


@pytest.mark.pgcarwash
def test_console_with_psycopg(pooler):
    """psycopg prepares a statement it sees often; that must go well too."""
    import psycopg
    p = pooler()
    with p.psycopg("admin", "pgcarwash") as connection:
        for _ in range(12):
            cursor = connection.execute("SHOW POOLS")
            names = [column.name for column in cursor.description]
            assert "cl_waiting" in names
            found = [dict(zip(names, row)) for row in cursor.fetchall()]
            assert all(isinstance(row["cl_active"], int) for row in found)
        assert isinstance(connection.execute("SHOW STATS").fetchall(), list)
        with pytest.raises(psycopg.Error):
            connection.execute("SHOW NONSENSE")
        assert connection.execute("SHOW VERSION").fetchone()
    with p.psycopg("admin", "pgcarwash", autocommit=True, prepare_threshold=0) as connection:
        for _ in range(3):
            assert connection.execute("SHOW LISTS").fetchall()


@pytest.mark.pgcarwash
def test_console_with_asyncpg(pooler):
    import asyncpg
    p = pooler()

    async def talk():
        connection = await asyncpg.connect(host="127.0.0.1", port=p.port, user="admin",
                                           database="pgcarwash", ssl=False)
        for _ in range(3):
            found = await connection.fetch("SHOW POOLS")
            assert all(isinstance(row["cl_active"], int) for row in found)
            assert await connection.fetch("SHOW STATS")
        await connection.close()
    asyncio.run(talk())


def test_console_with_psql(pooler):
    p = pooler()
    done = p.psql("-c", "SHOW POOLS", "-c", "SHOW DATABASES;", "-c", "show version",
                  user="admin", database=harness.CONSOLE)
    assert done.returncode == 0, done.stderr
    assert "cl_waiting" in done.stdout and "force_user" in done.stdout
    done = p.psql("-c", "SHOW HELP", user="admin", database=harness.CONSOLE)
    assert "Console usage" in done.stderr


def test_steering_with_psql(pooler, pg):
    """A runbook: commands in a file, with comments, in one go and one at a time."""
    p = pooler()
    p.wire().close()
    runbook = """\\set ON_ERROR_STOP on
        -- before the move
        PAUSE app;
        SHOW DATABASES \\g (format=unaligned)
        /* the move */ SET query_wait_timeout = 33;
        SET server_lifetime TO '77';
        RESUME app;
        show config
        \\g (format=unaligned)
        RELOAD;
        """
    done = p.psql(user="admin", database=harness.CONSOLE, script=runbook)
    assert done.returncode == 0, done.stderr
    tags = [line.split("=")[0] for line in done.stdout.splitlines()
            if line.split()[0].isupper() and "|" not in line]
    assert tags == ["PAUSE", "SET query_wait_timeout", "SET server_lifetime", "RESUME", "RELOAD"]
    assert "\nquery_wait_timeout|33|" in done.stdout
    assert "\nserver_lifetime|77|" in done.stdout
    wait_until(lambda: not pg.backends("usename = 'app'"), 3, "the end of the servers paused")
    done = p.psql("-c", "PAUSE nowhere", user="admin", database=harness.CONSOLE)
    assert done.returncode and "no such database: nowhere" in done.stderr
    done = p.psql("-c", "PAUSE", user="watcher", database=harness.CONSOLE)
    assert done.returncode and "ERROR" in done.stderr


@pytest.mark.pgcarwash
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_types_with_psycopg(pooler, binary):
    """Every column of every SHOW becomes what its type says, in both formats."""
    from decimal import Decimal
    p = pooler()
    kinds_of = {"text": str, "int4": int, "int8": int, "numeric": Decimal}
    with p.wire() as client, p.psycopg("admin", "pgcarwash") as connection:
        client.sql("select 1")
        for name, columns in SHOWS.items():
            expected = [tuple(part.split()) for part in columns.split(", ")]
            with connection.cursor(binary=binary) as cursor:
                cursor.execute(f"SHOW {name}")
                assert [c.type_code for c in cursor.description] == [TYPES[t] for _, t in expected]
                for row in cursor:
                    for value, (column, kind) in zip(row, expected):
                        assert value is None or isinstance(value, kinds_of[kind]), (column, value)
                assert cursor.statusmessage == "SHOW"


@pytest.mark.pgcarwash
def test_steering_with_psycopg(pooler):
    """Commands as statements of the extended protocol, also in a pipeline; the answer of a PAUSE
    is waited for, and a cancel ends the wait."""
    import psycopg
    p = pooler()
    with p.wire() as client, p.psycopg("admin", "pgcarwash") as console:
        client.sql("begin")
        timer = threading.Timer(0.4, client.sql, ("commit",))
        timer.start()
        started = time.monotonic()
        assert console.execute("PAUSE app").statusmessage == "PAUSE"
        assert time.monotonic() - started > 0.3
        timer.join()
        assert console.execute("RESUME app").statusmessage == "RESUME"
        assert client.value("select 1") == "1"
        for command, tag in (("SET query_timeout = '7'", "SET query_timeout=7"), ("RECONNECT app", "RECONNECT"),
                             ("DISABLE app", "DISABLE"), ("ENABLE app", "ENABLE")):
            for prepare in (False, True):
                assert console.execute(command, prepare=prepare).statusmessage == tag
        config = {row[0]: row[1] for row in console.execute("SHOW CONFIG")}
        assert config["query_timeout"] == "7"
        assert console.execute("RELOAD").statusmessage == "RELOAD"
        config = {row[0]: row[1] for row in console.execute("SHOW CONFIG")}
        assert config["query_timeout"] == "0"
        with pytest.raises(psycopg.Error, match="no such database: nowhere") as caught:
            console.execute("PAUSE nowhere")
        assert caught.value.sqlstate == "08P01"
        with console.pipeline():
            several = [console.execute(f"SHOW {name}") for name in ("LISTS", "POOLS", "VERSION")]
        assert all(cursor.fetchall() for cursor in several)
    with p.psycopg("admin", "pgcarwash", autocommit=False) as console:
        console.execute("SHOW POOLS")
        console.commit()
        console.execute("SET query_timeout = 3")
        console.rollback()  # which undoes nothing
        assert console.execute("SHOW STATE").fetchall()


def test_pools_tell_the_truth(pooler):
    p = pooler(default_pool_size=2)
    clients = [p.wire() for _ in range(5)]
    for client in clients[:2]:
        client.sql("begin")
    for client in clients[2:4]:
        client.send(query("select 1"))
    time.sleep(1.1)
    pool = p.pool()
    assert (pool["cl_active"], pool["cl_waiting"], pool["sv_active"], pool["sv_idle"]) in [
        ("3", "2", "2", "0"), ("2", "2", "2", "0")]
    assert int(pool["maxwait"]) >= 1 and pool["pool_mode"] == "transaction"
    states = sorted(row["state"] for row in p.console("SHOW CLIENTS") if row["user"] == "app")
    assert states.count("waiting") == 2 and len(states) == 5
    servers = p.servers(user="app")
    assert [row["state"] for row in servers] == ["active"] * 2
    assert all(row["link"] for row in servers)
    for client in clients[:2]:
        client.sql("commit")
    for client in clients[2:4]:
        client.ready()
    pool = p.pool()
    assert (pool["cl_waiting"], pool["sv_active"]) == ("0", "0")
    assert int(pool["sv_idle"]) + int(pool["sv_used"]) == 2
    for client in clients:
        client.close()


def test_who_waits_for_the_first_server(pooler, pg):
    """A client that has proved itself waits like any other, and its time is counted."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        p = pooler(databases={"app": {"port": silent.getsockname()[1]}}, server_login_retry=1)
        with p.wire(login=False) as late:
            late.send(wireclient.startup({"user": "app", "database": "app"}))
            wait_until(lambda: p.pool().get("cl_waiting") == "1", 5, "the client")
            [row] = [r for r in p.console("SHOW CLIENTS") if r["user"] == "app"]
            assert row["state"] == "waiting"
            [row] = [r for r in p.console("SHOW SOCKETS")
                     if r["user"] == "app" and r["type"] == "C"]
            assert row["state"] == "cl_waiting"
            lists = {r["list"]: r["items"] for r in p.console("SHOW LISTS")}
            assert lists["login_clients"] == "0" and lists["used_clients"] == "2"
            time.sleep(0.3)
            p.databases["app"] = {"port": pg.port}
            p.reload()
            silent.close()
            late.until("Z")
        [row] = [r for r in p.console("SHOW STATS") if r["database"] == "app"]
        assert int(row["total_wait_time"]) > 250000
        assert row["total_server_assignment_count"] == "0"


def test_stats_count(pooler):
    p = pooler()

    def totals():
        return [r for r in p.console("SHOW STATS") if r["database"] == "app"][0]

    with p.wire() as wire:
        wire.sql("select 1")
        before = totals()
        for _ in range(10):
            wire.sql("select 1")
        wire.sql("begin")
        for _ in range(5):
            wire.sql("select 2")
        wire.sql("commit")
        after = totals()
    grown = {name: int(after[name]) - int(before[name]) for name in
             ("total_xact_count", "total_query_count", "total_received", "total_sent")}
    assert grown["total_xact_count"] == 11
    assert grown["total_query_count"] == 17
    assert grown["total_received"] > 17 * 10 and grown["total_sent"] > 17 * 10


@pytest.mark.pgcarwash
def test_stats_of_prepared_statements(pooler):
    p = pooler(default_pool_size=1)
    clients = [p.wire() for _ in range(3)]
    for client in clients:
        client.ask(parse("s", "select 1"), bind("", "s"), execute(), sync())
    found = [r for r in p.console("SHOW STATS") if r["database"] == "app"][0]
    assert found["total_client_parse_count"] == "3"
    assert found["total_server_parse_count"] == "1"
    assert found["total_bind_count"] == "3"
    assert found["total_client_login_count"] == "3"
    rows_of = p.console("SHOW CLIENTS")
    assert [r["prepared_statements"] for r in rows_of if r["user"] == "app"] == ["1"] * 3
    for client in clients:
        client.close()


@pytest.mark.pgcarwash
def test_ids_are_never_used_twice(pooler):
    p = pooler()
    seen = set()
    for _ in range(5):
        with p.wire() as wire:
            wire.sql("select 1")
            ids = [row["id"] for row in p.console("SHOW CLIENTS") if row["user"] == "app"]
            assert len(ids) == 1 and ids[0] not in seen
            seen.update(ids)


# ---- who may ----------------------------------------------------------------------------------

def test_who_may_what(pooler):
    p = pooler()
    assert p.console("SHOW POOLS", "admin") and p.console("SHOW POOLS", "watcher")
    for command in ("PAUSE", "RELOAD", "SHUTDOWN", "SET verbose = 1", "KILL app", "DISABLE app"):
        assert refused(p, command, "watcher") == "admin access needed"
    with pytest.raises(ServerError) as caught:
        p.console("SHOW POOLS", "app")
    assert (caught.value.severity, caught.value.text) == ("FATAL", "not allowed")


def test_own_user_on_the_unix_socket(pooler):
    """Whoever runs the daemon is its admin, without a password."""
    p = pooler(auth_type="scram-sha-256")
    done = subprocess.run(
        [harness.postgres_bin("psql"), "-XAtc", "SHOW VERSION",
         f"host={p.folder} port={p.port} user=pgbouncer dbname=pgbouncer"],
        capture_output=True, text=True, timeout=20, env=harness.clean_environment(p.folder),
        **harness.unprivileged())
    assert done.returncode == 0 and done.stdout.strip(), done.stderr


@pytest.mark.parametrize("command", ["", "NONSENSE", "SHOW NONSENSE", "SHOW", "SELECT 1 + 1",
                                     "PAUSE app extra", "DROP TABLE x", "SHOW 'POOLS'"])
def test_commands_that_do_not_exist(pooler, command):
    p = pooler()
    with p.wire("admin", harness.CONSOLE) as console:
        answers = console.ask(query(command))
        assert kinds(answers) == "EZ"
        assert errors(answers)[0] == ("08P01", f"invalid command '{command}', use SHOW HELP;")
        assert kinds(console.ask(query("SHOW VERSION;"))) == "TDCZ"


def test_words_drivers_send(pooler):
    """Drivers ask for settings when they connect."""
    p = pooler()
    for name, value in (("client_encoding", "UTF-8"), ("standard_conforming_strings", "on"),
                        ("datestyle", "ISO"), ("timezone", "GMT")):
        found = p.console(f"SHOW {name}")
        assert [list(row.values()) for row in found] == [[value]]
    with p.wire("admin", harness.CONSOLE) as console:
        assert kinds(console.ask(query("SET datestyle = 'ISO'"))) == "NCZ"


# ---- steering ---------------------------------------------------------------------------------

def test_set_and_reload(pooler):
    p = pooler(query_wait_timeout=None)
    p.console("SET query_wait_timeout = 11")
    assert table(p.console("SHOW CONFIG"))["query_wait_timeout"] == "11"
    origins = {row["key"]: row["source"] for row in p.console("SHOW CONFIG_SOURCES")}
    assert origins["query_wait_timeout"] == "SET"
    assert origins["server_lifetime"] == "default"
    assert origins["listen_port"].startswith(f"{p.ini}:")
    assert refused(p, "SET no_such_key = 1") == "SET failed"
    assert refused(p, "SET pool_mode = nonsense") == "SET failed"
    p.console("RELOAD")
    assert table(p.console("SHOW CONFIG"))["query_wait_timeout"] == "120"
    found = {row["key"]: row for row in p.console("SHOW CONFIG")}
    assert found["listen_port"]["changeable"] == "no"
    assert found["pool_mode"]["changeable"] == "yes"


def test_pause_and_resume(pooler, pg):
    p = pooler()
    with p.wire() as working, p.wire() as waiting:
        waiting.sql("select 1")
        working.sql("begin")
        with p.wire("admin", harness.CONSOLE) as console:
            console.send(query("PAUSE app"))
            assert console.quiet(0.3), "PAUSE did not wait for the transaction"
            waiting.send(query("select 'later'"))
            assert working.value("select 1") == "1"
            working.sql("commit")
            assert kinds(console.ready()) == "CZ"
        wait_until(lambda: not pg.backends("usename = 'app'"), 3, "the servers' end")
        assert [r["paused"] for r in p.console("SHOW DATABASES") if r["name"] == "app"] == ["1"]
        assert waiting.quiet(0.3)
        p.console("RESUME app")
        assert rows(waiting.ready()) == [("later",)]
    assert refused(p, "RESUME app") == "database app is not paused"
    assert refused(p, "RESUME") == "pooler is not paused/suspended"
    assert refused(p, "PAUSE nowhere") == "no such database: nowhere"
    assert refused(p, f"PAUSE {harness.CONSOLE}") == f"cannot pause admin db: {harness.CONSOLE}"
    assert refused(p, f"RESUME {harness.CONSOLE}") == f"database {harness.CONSOLE} is not paused"
    p.console("PAUSE")
    assert table(p.console("SHOW STATE"))["paused"] == "yes" if p.kind == "pgcarwash" else True
    assert refused(p, "PAUSE") == "already suspended/paused"
    p.console("RESUME")


def test_disable_and_enable(pooler):
    p = pooler()
    with p.wire() as wire:
        wire.sql("select 1")
        p.console("DISABLE app")
        assert wire.value("select 'stays'") == "stays"
        with pytest.raises(ServerError) as caught:
            p.wire()
        assert caught.value.text.lower() in ('database "app" is disabled',
                                             "database does not allow connections: app")
        p.console("ENABLE app")
        p.wire().close()
    assert refused(p, "DISABLE") == "a database is required"
    assert refused(p, "ENABLE nowhere") == "no such database: nowhere"


def test_reconnect_and_wait_close(pooler):
    p = pooler()
    with p.wire() as wire, p.wire() as other:
        before = wire.value("select pg_backend_pid()")
        wire.sql("begin")
        p.console("RECONNECT app")
        assert wire.value("select pg_backend_pid()") == before
        with p.wire("admin", harness.CONSOLE) as console:
            console.send(query("WAIT_CLOSE app"))
            assert console.quiet(0.3)
            wire.sql("commit")
            assert kinds(console.ready()) == "CZ"
        assert wire.value("select pg_backend_pid()") != before
        assert other.value("select 1") == "1"


def test_kill(pooler, pg):
    p = pooler()
    wire, second = p.wire(), p.wire(database="second")
    wire.sql("begin")
    second.sql("select 1")
    p.console("KILL app")
    assert errors(wire.rest())[-1] == ("08P01", "database removed")
    wait_until(lambda: not pg.backends("datname = 'app'"), 3, "the servers' end")
    assert second.value("select 'unharmed'") == "unharmed"
    p.console("RESUME app")
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


@pytest.mark.pgcarwash
def test_kill_client(pooler):
    p = pooler()
    with p.wire() as stays:
        stays.sql("select 1")
        mine = {row["id"] for row in p.console("SHOW CLIENTS")}
        goes = p.wire()
        goes.sql("begin")
        found = [r["id"] for r in p.console("SHOW CLIENTS")
                 if r["user"] == "app" and r["id"] not in mine]
        p.console(f"KILL_CLIENT {found[0]}")
        assert errors(goes.rest())[-1] == ("08P01", "admin forced disconnect")
        assert stays.value("select 'stays'") == "stays"
    assert refused(p, "KILL_CLIENT 99999999") == "client not found"
    assert refused(p, "KILL_CLIENT x") == "invalid client pointer supplied"


@pytest.mark.pgcarwash
def test_suspend(pooler):
    """Clients rest while the one who suspended is there, and go on when he resumes or leaves."""
    p = pooler()
    with p.wire() as wire, p.wire("admin", "pgcarwash") as console:
        wire.sql("select 1")
        for end in ("RESUME", "leaves"):
            assert kinds(console.ask(query("SUSPEND"))) == "CZ"
            wire.send(query(f"select '{end}'"))
            assert wire.quiet(0.3)
            if end == "RESUME":
                assert kinds(console.ask(query("RESUME"))) == "CZ"
            else:
                console.close()
            assert rows(wire.ready()) == [(end,)]


@pytest.mark.pgcarwash
@pytest.mark.parametrize("command, waits", [
    ("SHUTDOWN", None), ("SHUTDOWN WAIT_FOR_SERVERS", "servers"),
    ("SHUTDOWN WAIT_FOR_CLIENTS", "clients")])
def test_shutdown(pooler, command, waits):
    p = pooler()
    wire = p.wire()
    wire.sql("begin")
    console = p.wire("admin", "pgcarwash")
    console.send(query(command))
    if waits is None:
        assert p.wait_end(3) == 0
        return
    assert kinds(console.ready()) == "CZ"
    console.close()
    time.sleep(0.5)
    assert p.process.poll() is None, "it did not wait"
    assert wire.value("select 'to the end'") == "to the end"
    wire.sql("commit")
    if waits == "clients":
        time.sleep(0.5)
        assert p.process.poll() is None
        assert wire.value("select 'still'") == "still"
        wire.close()
    assert p.wait_end(3) == 0


def test_a_command_that_is_much_too_long(pooler):
    p = pooler()
    with p.wire("admin", harness.CONSOLE) as console:
        console.send(query("SHOW " + "x" * 70000))
        assert console.until("E")[-1].fields()["M"] == "incomplete pkt"
    assert p.console("SHOW VERSION")


@pytest.mark.pgcarwash
def test_another_shutdown_changes_what_is_waited_for(pooler):
    """It never costs a transaction; only the one without a word does not wait."""
    p = pooler()
    idle, busy = p.wire(), p.wire()
    busy.sql("begin")
    idle.value("select 1")
    with wireclient.Wire(p.socket, "admin", "pgcarwash") as console:
        for command in ("SHUTDOWN WAIT_FOR_CLIENTS", "SHUTDOWN WAIT_FOR_CLIENTS",
                        "SHUTDOWN WAIT_FOR_SERVERS"):
            assert kinds(console.ask(query(command))) == "CZ"
            assert busy.value("select 'not harmed'") == "not harmed"
        idle.send(query("select 2"))
        assert "server shutting down" in str(idle.until("E")[-1].fields())
        busy.sql("commit")
        assert p.wait_end(3) == 0
    assert "server connections dropped, exiting" in p.log()


@pytest.mark.pgcarwash
def test_shutdown_word_unknown(pooler):
    p = pooler()
    assert "invalid command" in refused(p, "SHUTDOWN SOMETIMES")
    assert p.console("SHOW VERSION")
