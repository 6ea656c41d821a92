"""Pool modes, sizes and limits; who is served when."""

import collections
import os
import re
import subprocess
import time

import pytest

import harness
from wireclient import Gone, ServerError, errors, kinds, query, rows, wait_until

pytestmark = pytest.mark.pooled

PID = "select pg_backend_pid()"


def hold(pooler, count, user="app", database="app"):
    """Clients with a transaction open, each on its server."""
    clients = [pooler.wire(user, database) for _ in range(count)]
    for client in clients:
        client.sql("begin")
    return clients


def refused(make):
    """The text of the FATAL error that a login ends with."""
    with pytest.raises(ServerError) as caught:
        make()
    assert caught.value.severity == "FATAL", caught.value
    return caught.value.text


# ---- modes ------------------------------------------------------------------------------------

def test_session_mode_keeps_the_server(pooler):
    p = pooler(pool_mode="session", default_pool_size=5)
    with p.wire() as one, p.wire() as two:
        first, second = one.value(PID), two.value(PID)
        assert first != second
        one.sql("create temp table own (a int); insert into own values (1); set work_mem = '123kB'")
        for _ in range(5):
            assert one.value(PID) == first and two.value(PID) == second
        assert one.value("select count(*) from own") == "1"
        assert one.value("show work_mem") == "123kB"


def test_session_mode_cleans_the_server(pooler):
    """server_reset_query runs when the client has left."""
    p = pooler(pool_mode="session", default_pool_size=1, min_pool_size=0)
    seen = set()
    for _ in range(4):
        with p.wire() as wire:
            seen.add(wire.value(PID))
            assert wire.value("show work_mem") == "4MB"
            assert wire.value("select to_regclass('own') is null") == "t"
            wire.sql("create temp table own (a int); set work_mem = '123kB'")
    assert len(seen) == 1, "the server connection was not reused"


def test_transaction_mode_shares_the_server(pooler):
    p = pooler(default_pool_size=1, min_pool_size=0)
    with p.wire() as one, p.wire() as two:
        assert one.value(PID) == two.value(PID)
        one.sql("begin")
        two.send(query("select 'waits'"))
        assert two.quiet(0.3)
        one.sql("commit")
        assert rows(two.ready()) == [("waits",)]


def test_transaction_mode_keeps_the_server_in_a_transaction(pooler):
    p = pooler()
    with p.wire() as one, p.wire() as two:
        one.sql("begin")
        first = one.value(PID)
        for _ in range(6):
            assert two.value(PID) != first
            assert one.value(PID) == first
        with pytest.raises(ServerError):
            one.sql("select 1/0")
        assert two.value(PID) != first, "a failed transaction is still a transaction"
        one.sql("rollback")


def test_statement_mode_refuses_transactions(pooler):
    p = pooler(pool_mode="statement")
    with p.wire() as wire:
        assert wire.value("select 1") == "1"
        wire.send(query("begin"))
        assert errors(wire.rest())[-1] == (
            "08P01", "transaction blocks not allowed in statement pooling mode")
    with p.wire() as wire:
        assert wire.value("select 'pool is well'") == "pool is well"


@pytest.mark.fixed
def test_mode_of_database_and_user(pooler):
    """The user's setting goes before the database's, that before the global one."""
    p = pooler(pool_mode="transaction",
               databases={"app": {}, "byses": {"dbname": "app", "pool_mode": "session"}},
               users={"third": "pool_mode=statement"})

    def mode(user, database):
        with p.wire(user, database) as wire:
            wire.sql("select 1")
            return p.pool(user, database)["pool_mode"]

    assert mode("app", "app") == "transaction"
    assert mode("app", "byses") == "session"
    assert mode("third", "byses") == "statement"


def test_listen_in_session_mode(pooler):
    p = pooler(pool_mode="session")
    with p.wire() as listener, p.wire() as speaker:
        listener.sql("listen wash")
        for number in range(3):
            speaker.sql(f"notify wash, 'car {number}'")
            answers = listener.until("A")
            assert answers[-1].body[4:] == b"wash\0car %d\0" % number
        speaker.sql("select pg_notify('wash', 'last')")
        assert "A" in kinds(listener.ask(query("select 1")) + listener.until("A")
                            if listener.quiet(0.2) else listener.until("A"))


# ---- sizes ------------------------------------------------------------------------------------

@pytest.mark.fixed
def test_default_pool_size(pooler, pg):
    p = pooler(default_pool_size=3)
    clients = hold(p, 3)
    late = [p.wire() for _ in range(4)]
    for client in late:
        client.send(query("select 'late'"))
    assert late[0].quiet(0.3)
    pool = p.pool()
    assert (pool["cl_active"], pool["cl_waiting"], pool["sv_active"]) == ("3", "4", "3")
    assert len(pg.backends("usename = 'app'")) == 3
    for client in clients:
        client.sql("commit")
    for client in late:
        assert rows(client.ready()) == [("late",)]
    assert len(pg.backends("usename = 'app'")) == 3


@pytest.mark.fixed
def test_pool_size_of_database_and_user(pooler, pg):
    p = pooler(default_pool_size=1, databases={"app": {"pool_size": 2}},
               users={"third": "pool_size=3"})
    for user, size in (("app", 2), ("third", 3)):
        clients = hold(p, size, user)
        extra = p.wire(user)
        extra.send(query("select 1"))
        assert extra.quiet(0.2)
        assert len(pg.backends(f"usename = '{user}'")) == size
        clients[0].sql("commit")
        extra.ready()


@pytest.mark.fixed
def test_reserve_pool(pooler, pg):
    p = pooler(default_pool_size=1, reserve_pool_size=2, reserve_pool_timeout=1)
    holder, = hold(p, 1)
    late = [p.wire() for _ in range(3)]
    started = time.monotonic()
    for client in late:
        client.send(query("begin"))
    assert late[0].quiet(0.5), "the reserve was taken too early"
    late[0].ready()
    late[1].ready()
    assert 0.9 < time.monotonic() - started < 4
    assert late[2].quiet(0.5), "more than the reserve was taken"
    assert len(pg.backends("usename = 'app'")) == 3
    assert "taking connection from reserve_pool" in p.log()
    holder.close()


@pytest.mark.fixed
def test_min_pool_size(pooler, pg):
    """Kept up while a client is there, or when the user is forced."""
    p = pooler(min_pool_size=3, databases={"app": {}, "forced": {"dbname": "app", "user": "other"}})
    wait_until(lambda: len(pg.backends("usename = 'other'")) == 3, 5, "three forced servers")
    assert not pg.backends("usename = 'app'")
    with p.wire() as wire:
        wire.sql("select 1")
        wait_until(lambda: len(pg.backends("usename = 'app'")) == 3, 5, "three servers")


# ---- limits -----------------------------------------------------------------------------------

@pytest.mark.fixed
def test_max_client_conn(pooler):
    p = pooler(max_client_conn=5)
    clients = [p.wire() for _ in range(5)]
    assert refused(p.wire) == "no more connections allowed (max_client_conn)"
    assert p.console("SHOW VERSION"), "the console is for trouble of this kind"
    clients.pop().close()
    wait_until(lambda: len(p.console("SHOW CLIENTS")) == 5, 3, "one client less")
    with p.wire() as wire:
        assert wire.value("select 1") == "1"
    for client in clients:
        assert client.value("select 2") == "2"
        client.close()


def open_are(pg, most, which):
    """A backend whose connection we closed lives on for a moment."""
    wait_until(lambda: len(pg.backends(which)) <= most, 5, f"no more than {most} backends")


@pytest.mark.fixed
def test_max_db_connections(pooler, pg):
    p = pooler(max_db_connections=2)
    other = p.wire("other")
    other.sql("select 'has a pool'")
    held = hold(p, 2)
    other.send(query("select 'other'"))
    assert other.quiet(0.4)
    open_are(pg, 2, "datname = 'app'")
    held[0].sql("commit")
    assert rows(other.ready()) == [("other",)]
    open_are(pg, 2, "datname = 'app'")


@pytest.mark.fixed
def test_idle_servers_of_other_pools_are_evicted(pooler, pg):
    p = pooler(max_db_connections=3)
    for client in hold(p, 3):
        client.sql("commit")
    assert len(pg.backends("usename = 'app'")) == 3
    for user in ("other", "third", "other"):
        with p.wire(user) as wire:
            started = time.monotonic()
            assert wire.value("select current_user") == user
            assert time.monotonic() - started < 2
        open_are(pg, 3, "datname = 'app'")
    wait_until(lambda: "evicted" in p.log(), 2, "the log's word")


@pytest.mark.fixed
def test_max_user_connections(pooler, pg):
    p = pooler(max_user_connections=2)
    second = p.wire(database="second")
    second.sql("select 'has a pool'")
    held = hold(p, 2)
    second.send(query("select current_database()"))
    assert second.quiet(0.4)
    open_are(pg, 2, "usename = 'app'")
    held[0].sql("commit")
    assert rows(second.ready()) == [("second",)]
    open_are(pg, 2, "usename = 'app'")


@pytest.mark.fixed
def test_max_connections_of_one_database_and_user(pooler, pg):
    p = pooler(databases={"app": {"max_db_connections": 1}, "second": {}},
               users={"other": "max_user_connections=1"})
    held = hold(p, 1) + hold(p, 1, "other", "second")
    late = p.wire()
    late.send(query("select 1"))
    later = p.wire("other", "second")
    later.send(query("select 1"))
    assert late.quiet(0.3) and later.quiet(0.1)
    assert len(pg.backends()) == len(held) == 2


# ---- order ------------------------------------------------------------------------------------

@pytest.mark.fixed
@pytest.mark.parametrize("size", [1, 3])
def test_oldest_waiter_first(pooler, pg, fresh, size):
    table = fresh("t")
    pg.sql(f"create table {table} (at serial, who int); grant all on {table}, {table}_at_seq"
           " to public")
    p = pooler(default_pool_size=size)
    holders = hold(p, size)
    waiters = [p.wire() for _ in range(20)]
    for number, waiter in enumerate(waiters):
        waiter.send(query(f"insert into {table} (who) values ({number}) returning pg_sleep(0.02)"))
        time.sleep(0.01)
    for holder in holders:
        holder.sql("commit")
    for waiter in waiters:
        waiter.ready()
    order = [int(row[0]) for row in pg.sql(f"select who from {table} order by at")]
    worst = max(abs(place - who) for place, who in enumerate(order))
    assert worst < size, f"served in the order {order}"


@pytest.mark.fixed
@pytest.mark.parametrize("clients, servers", [(100, 4), (1000, 25)])
def test_nobody_starves(pooler, clients, servers):
    """Many clients on few servers: all get about the same. STARVE_SECONDS makes it longer."""
    p = pooler(default_pool_size=servers)
    seconds = os.environ.get("STARVE_SECONDS", "4")
    script = p.folder / "script.sql"
    script.write_text("select pg_sleep(0.002);\n")
    done = subprocess.run(
        [harness.postgres_bin("pgbench"), "-n", "-c", str(clients), "-j", "2", "-T", seconds,
         "--log", "-f", script, p.dsn()], capture_output=True, text=True, cwd=p.folder,
        timeout=60 + int(seconds),
        env=harness.clean_environment(p.folder))
    assert done.returncode == 0, done.stderr
    answers = []
    for path in p.folder.glob("pgbench_log*"):
        for line in path.read_text().splitlines():
            client, _, _, _, seconds, microseconds = line.split()[:6]
            answers.append((int(seconds), int(microseconds), client))
    counts = collections.Counter(client for *_, client in answers)
    assert len(counts) == clients
    assert min(counts.values()) > 0.5 * max(counts.values()), counts
    # Counted in answers to others, not in time: when the machine stands still, all wait.
    latest, longest = {}, 0
    for place, (*_, client) in enumerate(sorted(answers)):
        longest = max(longest, place - latest.get(client, place))
        latest[client] = place
    assert longest < 4 * clients, f"one waited while {longest} others were answered"


@pytest.mark.fixed
def test_rotation_of_servers(pooler):
    """server_round_robin = 1 takes the server idle longest, otherwise the one used last."""
    for rotate, expected in ((1, 4), (0, 1)):
        p = pooler(server_round_robin=rotate, default_pool_size=4)
        p.warm(4)
        with p.wire() as wire:
            pids = [wire.value(PID) for _ in range(12)]
        assert len(set(pids)) == expected
        if rotate:
            assert pids[:4] == pids[4:8] == pids[8:]


# ---- databases --------------------------------------------------------------------------------

@pytest.mark.fixed
def test_names_of_databases(pooler, pg):
    p = pooler(databases={
        "alias": {"dbname": "second"}, "forced": {"dbname": "app", "user": "other"},
        "socket": {"host": str(pg.folder), "dbname": "app"},
        "*": {}})
    for database, expected in (("alias", ("second", "app")), ("forced", ("app", "other")),
                               ("socket", ("app", "app")), ("second", ("second", "app")),
                               ("app", ("app", "app"))):
        with p.wire(database=database) as wire:
            assert wire.sql("select current_database(), current_user") == [expected]
    assert re.search(r"LOG C-0x[0-9a-f]+: second/\S+ registered new auto-database: second\n", p.log())
    with p.wire("third", "forced") as wire:
        assert wire.value("select current_user") == "other"
    assert p.pool("other", "forced"), "a forced user has one pool for all clients"
    assert not p.pool("third", "forced")


@pytest.mark.fixed
def test_database_unknown(pooler):
    p = pooler(databases={"app": {}})
    assert refused(lambda: p.wire(database="nowhere")) == "no such database: nowhere"
    # An entry for a database that PostgreSQL does not have passes on the server's own words.
    p = pooler(databases={"app": {"dbname": "nowhere"}})
    with pytest.raises(ServerError) as caught:
        p.wire().sql("select 1")
    assert (caught.value.sqlstate, caught.value.text) == (
        "3D000", 'database "nowhere" does not exist')
    if harness.KIND == "pgcarwash":
        for line in ("pooler error: ", "closing because: "):
            assert re.search(rf"C-0x\w+: app/app@\S+ {line}database \"nowhere\" does not exist",
                             p.log()), p.log()


@pytest.mark.fixed
def test_connect_query(pooler, pg):
    p = pooler(databases={"app": f"host=127.0.0.1 port={pg.port}"
                                 " connect_query='set work_mem = ''321kB'''"})
    with p.wire() as wire:
        for _ in range(3):
            assert wire.value("show work_mem") == "321kB"


@pytest.mark.fixed
def test_reset_query_in_transaction_mode(pooler):
    """Only with server_reset_query_always; without it a plain setting stays on the server."""
    for always, expected in ((1, "4MB"), (0, "123kB")):
        p = pooler(default_pool_size=1, server_reset_query_always=always,
                   server_reset_query="reset work_mem")
        with p.wire() as wire:
            wire.sql("set work_mem = '123kB'")
            assert wire.value("show work_mem") == expected


@pytest.mark.fixed
def test_pool_serves_on_after_a_refused_client(pooler):
    """Someone turned away costs the others nothing."""
    p = pooler(max_client_conn=3)
    with p.wire() as wire:
        keep = [p.wire(), p.wire()]
        for _ in range(50):
            with pytest.raises((ServerError, Gone)):
                p.wire()
        assert wire.value("select 1") == "1"
        assert len(keep) == 2
