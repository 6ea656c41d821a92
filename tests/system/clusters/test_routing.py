"""Where transactions go while the cluster is well: reads to replicas, all else to the primary."""

import collections
import time

import pytest

from cluster import WHERE, shown, wait_state
from wireclient import (ServerError, bind, errors, execute, extended, kinds, parse, query, rows,
                        startup, sync, wait_until)

pytestmark = pytest.mark.fixed

REPLICAS = {"node1", "node2"}


def where(wire):
    return wire.value(WHERE)


def settled(wire, seconds=10):
    """Until this client's reads are on replicas again (its own writes have arrived there)."""
    wait_until(lambda: where(wire) in REPLICAS, seconds, "reads on replicas")


def test_reads_are_spread_and_writes_go_to_the_primary(splitter, calm):
    p = splitter(calm)
    with p.wire() as wire:
        counts = collections.Counter(where(wire) for _ in range(60))
        assert set(counts) == REPLICAS
        assert min(counts.values()) >= 20
        wire.sql("insert into log values (100, 1)")
        assert wire.value("select count(*) from log where worker = 100") == "1"
        wire.sql("delete from log where worker = 100")
    reasons = {row["reason"]: int(row["transactions"]) for row in p.console("SHOW ROUTES")
               if row["database"] == "app"}
    assert sum(reasons.values()) >= 63


@pytest.mark.parametrize("text, place", [
    ("select 1, {w}", "replica"),
    ("  -- a comment\n/* another */ select {w}", "replica"),
    ("select {w} from notes where id = 1", "replica"),
    ("with x as (select {w} as w) select w from x", "replica"),
    ("values ({w})", "replica"),
    ("select {w} from notes where id = 1 for update", "primary"),
    ("select {w} from notes where id = 1 for share", "primary"),
    ("with x as (update notes set who = 'x' where id = 2 returning {w} as w) select w from x",
     "primary"),
    ("select {w}, nextval('tickets')", "primary"),
    ("select {w}, bump(3)", "primary"),
    ("select {w}, pg_advisory_xact_lock(1)", "primary"),
    ("select {w}, txid_current()", "primary"),
    ("/* pgcarwash: primary */ select {w}", "primary"),
    ("select {w} /* pgcarwash: primary */", "primary"),
    ("/* pgcarwash: replica */ select {w}", "replica"),
])
def test_places_of_statements(splitter, calm, text, place):
    p = splitter(calm)
    text = text.format(w="place()")
    with p.wire() as wire:
        for ask in (wire.sql, wire.bound):
            found = ask(text)[0]
            names = REPLICAS if place == "replica" else {"node0"}
            assert names & set(found), (text, found)
            time.sleep(0.02)


def test_prepared_statements_are_routed(splitter, calm):
    p = splitter(calm)
    with p.wire() as wire:
        wire.ask(parse("r", WHERE), parse("w", "update notes set v = v + 1 where id = $1"
                                               " returning place()"),
                 sync())
        seen = set()
        for number in range(20):
            seen.add(rows(wire.ask(bind("", "r"), execute(), sync()))[0][0])
        assert seen <= REPLICAS
        written = wire.ask(bind("", "w", [7]), execute(), sync())
        assert rows(written) == [("node0",)]
        # A pipeline: a read and a write behind it, then a read again.
        answers = wire.ask(bind("", "r"), execute(), sync(), bind("", "w", [7]), execute(), sync(),
                           bind("", "r"), execute(), sync())
        answers += wire.ready(2)
        assert [a for a in rows(answers)][1] == ("node0",)
        assert not errors(answers)


def test_blocks(splitter, calm):
    p = splitter(calm)
    with p.wire() as wire:
        wire.sql("begin")
        assert where(wire) == "node0"
        wire.sql("commit")
        settled(wire)
        for begin in ("begin read only", "start transaction read only",
                      "begin isolation level repeatable read read only"):
            assert wire.ask(query(begin))[0].tag() == begin.split()[0].upper().replace(
                "START", "START TRANSACTION")
            assert where(wire) in REPLICAS
            wire.sql("select 1")
            wire.sql("commit")
        wire.sql("begin")
        wire.sql("set transaction read only")
        assert where(wire) in REPLICAS
        wire.sql("rollback")
        # An empty block never needs a server.
        assert kinds(wire.ask(query("begin"))) == "CZ"
        assert p.servers(link="") == p.servers()
        assert kinds(wire.ask(query("commit"))) == "CZ"
        with pytest.raises(ServerError) as failed:
            wire.sql("begin read only; insert into log values (1, 1); commit")
        assert failed.value.sqlstate == "25006"
        wire.sql("rollback")


def test_copy(splitter, calm):
    p = splitter(calm)
    with p.wire() as wire:
        out = wire.ask(query(f"copy ({WHERE}) to stdout"))
        assert [m.body.strip().decode() for m in out if m.kind == "d"][0] in REPLICAS


def test_own_write_is_in_the_next_read(splitter, calm):
    """Replay stands still, so only the primary has it."""
    p = splitter(calm)
    for replica in calm.replicas:
        replica.pause()
    try:
        with p.wire() as wire:
            for number in range(50):
                value = wire.value("update notes set v = v + 1 where id = 10 returning v")
                assert wire.value("select v from notes where id = 10") == value
                assert wire.bound("select v from notes where id = $1", 10) == [(value,)]
            assert where(wire) == "node0"
            # Another session has not written: it may read what is older.
            with p.wire() as other:
                assert where(other) in REPLICAS
    finally:
        for replica in calm.replicas:
            replica.resume()
        calm.wait_caught_up()


@pytest.mark.parametrize("scope", ["user", "database", "application", "none"])
def test_scopes_of_consistency(splitter, calm, scope):
    p = splitter(calm, {"read_consistency": scope})
    for replica in calm.replicas:
        replica.pause()
    try:
        with p.wire(application_name="one") as wire, \
             p.wire(user="other", application_name="one") as stranger, \
             p.wire(application_name="two") as mine:
            wire.sql("update notes set v = v + 1 where id = 11")
            places = {"self": where(wire), "stranger": where(stranger), "mine": where(mine)}
            fresh = {key for key, value in places.items() if value == "node0"}
            assert fresh == {"user": {"self", "mine"}, "database": {"self", "stranger", "mine"},
                             "application": {"self", "stranger"}, "none": set()}[scope]
    finally:
        for replica in calm.replicas:
            replica.resume()
        calm.wait_caught_up()


def position_of(wire, seconds=10):
    """Known as soon as the primary has answered a probe that was sent after the write."""
    end = time.monotonic() + seconds
    while True:
        try:
            return wire.value("show pgcarwash.position")
        except ServerError as error:
            assert error.sqlstate == "55000" and time.monotonic() < end
            time.sleep(0.02)


def test_position_goes_from_one_pooler_to_another(splitter, calm):
    first, second = splitter(calm), splitter(calm)
    for replica in calm.replicas:
        replica.pause()
    try:
        with first.wire() as writer, second.wire() as reader:
            assert where(reader) in REPLICAS
            value = writer.value("update notes set v = v + 1 where id = 12 returning v")
            position = position_of(writer)
            reader.sql(f"set pgcarwash.read_after = '{position}'")
            assert reader.value("select v from notes where id = 12") == value
    finally:
        for replica in calm.replicas:
            replica.resume()
        calm.wait_caught_up()


def test_the_application_says_where(splitter, calm):
    p = splitter(calm)
    with p.wire() as wire:
        wire.sql("set pgcarwash.route = 'primary'")
        assert {where(wire) for _ in range(6)} == {"node0"}
        assert wire.value("show pgcarwash.route") == "primary"
        wire.sql("set pgcarwash.route = 'auto'")
        assert {where(wire) for _ in range(6)} <= REPLICAS
        wire.sql("set pgcarwash.route = 'replica'")
        assert where(wire) in REPLICAS
        wire.sql("reset pgcarwash.route")
        with pytest.raises(ServerError) as failed:
            wire.sql("set pgcarwash.route = 'nowhere'")
        assert failed.value.sqlstate == "22023"


@pytest.mark.parametrize("ask", ["sql", "bound"])
def test_what_a_replica_refuses_is_run_on_the_primary(splitter, calm, ask):
    """Nobody can see that this view writes."""
    p = splitter(calm)
    with p.wire() as wire:
        before = int(wire.value("/* pgcarwash: primary */ select v from notes where id = 1"))
        time.sleep(0.5)
        for number in range(1, 6):
            assert getattr(wire, ask)("select v from bumped") == [(str(before + number),)]
        assert wire.value("select v from notes where id = 1") == str(before + 5)


def test_a_paused_replica_gets_no_reads(splitter, calm):
    p = splitter(calm, {"max_replica_lag": "1", "replica_retry_after": "2",
                        "read_consistency": "none"})
    late = calm.replicas[0]
    late.pause()
    try:
        calm.primary.sql("update notes set v = v + 1 where id = 13")
        wait_state(p, late, "lagging")
        with p.wire() as wire:
            assert {where(wire) for _ in range(10)} == {calm.replicas[1].name}
        assert float(shown(p)[str(late.port)]["lag_seconds"]) >= 1
    finally:
        late.resume()
        calm.wait_caught_up()
    wait_state(p, late, "up")


def test_an_idle_primary_shows_no_lag(splitter, calm):
    p = splitter(calm, {"max_replica_lag": "1"})
    time.sleep(3)
    for row in shown(p).values():
        assert row["state"] == "up"
        if row["role"] == "replica":
            assert float(row["lag_seconds"]) < 1


def test_drained_hosts_get_nothing_new(splitter, calm):
    p = splitter(calm)
    one, two = calm.replicas
    p.console(f"DRAIN 127.0.0.1:{one.port}")
    with p.wire() as wire:
        assert {where(wire) for _ in range(10)} == {two.name}
        p.console(f"UNDRAIN 127.0.0.1:{one.port}")
        assert {where(wire) for _ in range(10)} == REPLICAS


def test_explain_route(splitter, calm):
    p = splitter(calm)
    text = str(p.console("EXPLAIN ROUTE app select 1"))
    assert "replica" in text
    assert "primary" in str(p.console("EXPLAIN ROUTE app delete from notes"))
    assert "replica" in str(p.console("EXPLAIN ROUTE app begin read only"))
    assert "session keeps" in str(p.console("EXPLAIN ROUTE app listen mine"))
    leaves = {row["what"]: row["answer"]
              for row in p.console("EXPLAIN ROUTE app create temp table mine (x int)")}["leaves"]
    assert leaves == "a temporary object: later reads go to the primary, too"


@pytest.mark.parametrize("attrs, places", [
    ("read-write", {"node0"}), ("primary", {"node0"}), ("any", {"node0", *REPLICAS}),
    ("standby", REPLICAS), ("read-only", REPLICAS), ("prefer-standby", REPLICAS)])
def test_target_session_attrs(splitter, calm, attrs, places):
    p = splitter(calm, {"target_session_attrs": attrs, "read_write_split": "off"})
    with p.wire() as wire:
        assert {where(wire) for _ in range(12)} <= places


def test_backup_hosts_and_weights(splitter, calm):
    p = splitter(calm, {"weight": "1,3,1"})
    with p.wire() as wire:
        counts = collections.Counter(where(wire) for _ in range(80))
        assert counts["node1"] > 2 * counts["node2"] > 0
    p = splitter(calm, {"backup": "0,0,1"})
    with p.wire() as wire:
        assert {where(wire) for _ in range(12)} == {"node1"}
        p.console(f"DRAIN 127.0.0.1:{calm.nodes[1].port}")
        assert {where(wire) for _ in range(12)} == {"node2"}


@pytest.mark.parametrize("method", ["round-robin", "least-connections", "latency", "random"])
def test_balance(splitter, calm, method):
    p = splitter(calm, {"balance": method})
    with p.wire() as wire:
        assert {where(wire) for _ in range(40)} <= REPLICAS


def test_session_pooling_stays_on_the_primary(splitter, calm):
    p = splitter(calm, pool_mode="session")
    with p.wire() as wire:
        assert {where(wire) for _ in range(6)} == {"node0"}


@pytest.mark.parametrize("text, away", [
    ("create temp table mine (x int)", "discard temp"),
    ("select 1 as x into temporary mine", "discard all"),
    ("create view pg_temp.mine as select 1", "discard all"),
    ("prepare mine as select 1", "deallocate all"),
    ("set work_mem = '2MB'", "reset all"), ("set extra_float_digits = 0", "reset all"),
    ("set extra_float_digits = - 3", "reset all"),
    ("select set_config('work_mem', '2MB', false)", "discard all"),
    ("set role app", "reset role"),
    ("listen mine", "unlisten *"),
    ("select pg_advisory_lock(4711)", "select pg_advisory_unlock_all()"),
    ("begin; declare mine cursor with hold for select 1; commit", "close all"),
    ("do $$ begin set work_mem = '2MB'; end $$", "discard all"),
])
def test_what_a_session_keeps_holds_it_on_the_primary(splitter, calm, text, away):
    p = splitter(calm)
    with p.wire() as wire, p.wire() as other:
        assert where(wire) in REPLICAS
        wire.sql(text)
        time.sleep(1)
        assert {where(wire) for _ in range(6)} == {"node0"}
        assert wire.bound(WHERE) == [("node0",)]
        assert {where(other) for _ in range(6)} <= REPLICAS
        wire.sql(away)
        settled(wire)
    kept = [row for row in p.console("SHOW ROUTES") if row["reason"] == "session_state"]
    assert sum(int(row["transactions"]) for row in kept) >= 7


def test_a_temporary_table_hides_another_one(splitter, calm):
    p = splitter(calm, default_pool_size=1)
    with p.wire() as wire:
        before = wire.value("select count(*) from notes")
        wire.sql("create temp table notes (id int)")
        time.sleep(1)
        assert wire.value("select count(*) from notes") == "0" != before
        wire.sql("discard all")
        assert wire.value("select count(*) from notes") == before


@pytest.mark.parametrize("text", [
    "set timezone = 'Asia/Tokyo'", "set local work_mem = '2MB'", "set application_name = 'x'",
    "SET extra_float_digits = 3", "set extra_float_digits to '2' ;",
    "select set_config('work_mem', '2MB', true)", "select pg_advisory_xact_lock(1)",
    "set session characteristics as transaction read only"])
def test_what_goes_with_the_client_holds_it_nowhere(splitter, calm, text):
    p = splitter(calm)
    with p.wire() as wire:
        wire.sql(text)
        settled(wire)
    assert not [row for row in p.console("SHOW ROUTES")
                if row["reason"] == "session_state" and row["transactions"] != "0"]


def test_a_session_that_only_reads_begins_on_a_replica(splitter, calm):
    p = splitter(calm, default_pool_size=1)
    with p.wire() as wire, p.wire() as other:
        wire.sql("set session characteristics as transaction read only")
        settled(wire)
        wire.sql("begin")
        assert where(wire) in REPLICAS
        wire.sql("commit")
        with pytest.raises(ServerError) as failed:
            wire.sql("update notes set v = v where id = 1")
        assert failed.value.sqlstate == "25006"
        # On the same server: it is the other one's business.
        other.sql("update notes set v = v where id = 1")


def test_the_primary_may_refuse_to_write(splitter, calm):
    """Nobody waits because somebody writes in a block that says READ ONLY."""
    p = splitter(calm)
    with p.wire() as wire, p.wire() as other:
        other.sql("create temp table kept (x int)")
        for _ in range(20):
            other.sql("begin read only")
            with pytest.raises(ServerError) as failed:
                other.sql("delete from notes")
            assert failed.value.sqlstate == "25006"
            other.sql("rollback")
            assert not [m for m in wire.ask(query("select pg_backend_pid()")) if m.kind == "N"]


def test_clients_are_not_told_of_recovery(splitter, calm):
    """libpq looks at in_hot_standby when it is asked for a server that takes writes."""
    p = splitter(calm)
    with p.psycopg(target_session_attrs="read-write") as connection:
        for _ in range(10):
            assert connection.execute(WHERE).fetchone()[0] in REPLICAS
        assert connection.pgconn.parameter_status(b"in_hot_standby") == b"off"


# ---- replication clients through a cluster ----

def streams(p, **more):
    return p.wire("postgres", "app", replication="database", **more)


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_replication_is_begun_at_the_primary(splitter, calm, mode):
    p = splitter(calm, secrets={"postgres": ""}, pool_mode=mode)
    for _ in range(4):
        with streams(p) as wire:
            assert where(wire) == "node0"
            assert wire.value("select pg_is_in_recovery()") == "f"
    with p.wire("postgres", "app", replication="true") as wire:
        assert wire.sql("IDENTIFY_SYSTEM")[0][2] != ""
        assert [row["port"] for row in p.servers(user="postgres")
                if row["replication"] == "physical"] == [str(calm.primary.port)]


@pytest.mark.parametrize("attrs, places", [
    ("primary", {"node0"}), ("read-write", {"node0"}), ("standby", REPLICAS),
    ("read-only", REPLICAS), ("prefer-standby", REPLICAS), ("any", REPLICAS | {"node0"})])
def test_replication_goes_where_the_entry_says(splitter, calm, attrs, places):
    p = splitter(calm, {"target_session_attrs": attrs, "read_write_split": "off"},
                 secrets={"postgres": ""})
    seen = set()
    for _ in range(6):
        with streams(p) as wire:
            seen.add(where(wire))
    assert seen == places


def test_replication_waits_for_a_primary(splitter, own_cluster):
    """And never begins at a replica instead."""
    one = own_cluster(1)
    p = splitter(one, secrets={"postgres": ""}, client_login_timeout=20)
    with streams(p) as before:
        assert where(before) == "node0"
        one.primary.stop()
        assert before.until("E")
    wait_state(p, one.primary, "down")
    wire = p.wire("postgres", "app", login=False)
    wire.send(startup({"user": "postgres", "database": "app", "replication": "database"}))
    assert wire.quiet(1)
    one.primary.start()
    wire.until("Z")
    assert where(wire) == "node0"
    wire.close()
