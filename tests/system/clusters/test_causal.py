"""The traps of causal reads, one by one: what could make a replica look fresher than it is."""

import contextlib
import signal
import time

import pytest

from cluster import WHERE, shown, wait_ready
from wireclient import (ServerError, bind, copy_data, copy_done, errors, execute, parse, query,
                        rows, sync, wait_until)

pytestmark = pytest.mark.fixed

READ = "select v, place() from notes where id = "


@contextlib.contextmanager
def paused(cluster, nodes=None):
    """What is written now is on the primary only."""
    nodes = nodes or cluster.replicas
    try:
        for node in nodes:
            node.pause()
        yield
    finally:
        for node in nodes:
            node.resume()
        cluster.wait_caught_up()


def read(wire, row):
    value, place = wire.sql(READ + str(row))[0]
    return int(value), place


# ---- what a write is ---------------------------------------------------------------------------

def by_copy(wire, row):
    wire.send(query("copy notes from stdin"))
    wire.until("G")
    wire.send(copy_data(f"{row}\t1\tcopied\n".encode()), copy_done())
    wire.ready()


def by_prepared_transaction(wire, row):
    wire.sql("begin")
    wire.sql(f"update notes set v = 1 where id = {row}")
    wire.sql(f"prepare transaction 'row {row}'")
    wire.sql(f"commit prepared 'row {row}'")


def by_extended(wire, row):
    wire.ask(parse("", "update notes set v = 1 where id = $1"), bind("", "", [row]), execute(),
             sync())


def by_text(text):
    return lambda wire, row: wire.sql(text.format(row=row))


WRITES = {
    "update": by_text("update notes set v = 1 where id = {row}"),
    "cte": by_text("with x as (update notes set v = 1 where id = {row} returning v)"
                   " select * from x"),
    "function": by_text("select bump({row})"),
    "hidden": by_text("select v from bump_of_{row}"),
    "call": by_text("call bump_by_call({row})"),
    "do": by_text("do $$ begin update notes set v = 1 where id = {row}; end $$"),
    "several": by_text("select 1; update notes set v = 1 where id = {row}"),
    "block": by_text("begin; update notes set v = 1 where id = {row}; commit"),
    "explain": by_text("explain analyze update notes set v = 1 where id = {row}"),
    "extended": by_extended,
    "copy": by_copy,
    "commit prepared": by_prepared_transaction,
}


def test_every_kind_of_write_is_seen(splitter, calm):
    """By the session that made it, on the primary as long as no replica has it."""
    p = splitter(calm)
    number = 200 + list(WRITES).index("hidden")
    calm.primary.sql(f"create or replace view bump_of_{number} as select bump({number}) as v;"
                     f" grant select on bump_of_{number} to public")
    calm.primary.sql(f"delete from notes where id = {200 + list(WRITES).index('copy')}")
    calm.wait_caught_up()
    with paused(calm):
        for row, (name, write) in enumerate(WRITES.items(), 200):
            with p.wire() as wire:
                assert wire.value(WHERE) != "node0", name
                write(wire, row)
                assert read(wire, row) == (1, "node0"), name


def test_a_commit_that_is_not_flushed_yet(splitter, own_cluster):
    """With synchronous_commit = off the flushed position is behind what was acknowledged."""
    cluster = own_cluster(replicas=1)
    p = splitter(cluster)
    cluster.primary.reload(wal_writer_delay="'10s'", synchronous_commit="'off'")
    time.sleep(0.3)
    unflushed = 0
    with p.wire() as wire:
        for value in range(1, 101):
            wire.sql(f"update notes set v = {value} where id = 1")
            unflushed += cluster.primary.value(
                "select pg_current_wal_flush_lsn() < pg_current_wal_insert_lsn()") == "t"
            for _ in range(3):
                assert read(wire, 1)[0] == value
                time.sleep(0.005)
        assert unflushed > 10, "the trap was not set"
        cluster.primary.reload(wal_writer_delay="'10ms'")
        cluster.primary.sql("checkpoint")
        wait_until(lambda: read(wire, 1) == (100, "node1"), 15, "the replica to have it")


# ---- who wrote ---------------------------------------------------------------------------------

def vanish_in_block(wire, row):
    wire.sql("begin")
    wire.sql(f"update notes set v = 1 where id = {row}")
    wire.vanish(reset=True)
    return 0


def vanish_over_commit(wire, row):
    wire.sql("begin")
    wire.sql(f"update notes set v = 1 where id = {row}")
    wire.send(query("commit"))
    wire.vanish()
    return 1


def vanish_over_write(wire, row):
    wire.send(query(f"update notes set v = 1 where id = {row}"))
    wire.vanish()
    return 1


ENDS = (vanish_in_block, vanish_over_commit, vanish_over_write)


@pytest.mark.parametrize("scope", ["user", "application", "database"])
def test_a_writer_that_vanished_has_written(splitter, calm, scope):
    """Its transaction ended in a way nobody was told of: those of its scope must see it."""
    p = splitter(calm, {"read_consistency": scope})
    who = {"user": {"user": "third"}, "application": {"application_name": "vanisher"},
           "database": {}}[scope]
    first = 300 + 10 * ["user", "application", "database"].index(scope)
    with paused(calm), p.wire(**who) as reader, p.wire(user="other") as stranger:
        for row, end in enumerate(ENDS, first):
            wrote = end(p.wire(**who), row)
            if wrote:
                # Whether it is done is up to PostgreSQL; it will be undone or seen.
                time.sleep(0.3)
            there = int(calm.primary.value(f"select v from notes where id = {row}"))
            assert there <= wrote
            assert read(reader, row) == (there, "node0"), end.__name__
        assert (stranger.value(WHERE) == "node0") == (scope == "database")


def test_a_scope_is_seen_by_another_connection(splitter, calm):
    """Applications pool as well: one connection writes, the next one reads."""
    p = splitter(calm, {"read_consistency": "application"})
    with p.wire(application_name="shop") as one, p.wire(application_name="shop") as two:
        for value in range(1, 200):
            one.sql(f"update notes set v = {value} where id = 350")
            assert read(two, 350)[0] == value
            one, two = two, one


def test_nothing_older_than_what_was_read(splitter, calm):
    """
    Of two replicas one stands still: who has read from the other never goes back to it, once they
    are a round of probes apart.
    """
    p = splitter(calm)
    late, prompt = calm.replicas
    with paused(calm, [late]):
        calm.primary.sql("update notes set v = 7 where id = 360")
        calm.wait_caught_up(nodes=[prompt])

        def apart():
            rows = shown(p)
            return int(rows[str(prompt.port)]["round"]) > int(rows[str(late.port)]["round"]) + 1
        wait_until(apart, 10, "one replica to be a round ahead")
        with p.wire() as wire:
            wait_until(lambda: read(wire, 360) == (7, prompt.name), 10, "the new value")
            assert {read(wire, 360) for _ in range(30)} == {(7, prompt.name)}
        # Somebody new may read there, or nothing was shown above.
        seen = set()
        for _ in range(10):
            with p.wire() as wire:
                seen.add(read(wire, 360))
        assert (0, late.name) in seen


def test_nothing_older_than_what_was_read_on_the_primary(splitter, calm):
    """As far as rounds of probes tell: the newest that was sent before."""
    p = splitter(calm)
    with paused(calm):
        calm.primary.sql("update notes set v = 8 where id = 361")
        time.sleep(1)
        with p.wire() as wire:
            assert read(wire, 361)[0] == 0
            assert wire.value("/* pgcarwash: primary */ select v from notes where id = 361") == "8"
            assert read(wire, 361) == (8, "node0")


# ---- what replicas do --------------------------------------------------------------------------

def test_a_replica_that_comes_back_at_an_older_state(splitter, own_cluster):
    """It shows less than before its crash, under the same address."""
    cluster = own_cluster(replicas=1)
    p = splitter(cluster)
    replica = cluster.replicas[0]
    replica.sql("checkpoint")
    with p.wire() as wire, p.wire() as other:
        wire.sql("update notes set v = 9 where id = 1")
        cluster.primary.sql("checkpoint")
        cluster.wait_caught_up()
        wait_until(lambda: read(wire, 1) == (9, "node1"), 10, "the replica to have it")
        replica.set(recovery_min_apply_delay="'1h'")
        replica.stop(signal.SIGQUIT)
        replica.start()
        assert replica.value("select v from notes where id = 1") == "0", "the trap was not set"
        for _ in range(50):
            assert read(wire, 1) == (9, "node0")
            time.sleep(0.02)
        # It is known again, as what it is now.
        wait_until(lambda: shown(p)[str(replica.port)]["state"] in ("up", "lagging"), 10,
                   "the replica to be known")
        assert read(wire, 1) == (9, "node0")
        replica.reload(recovery_min_apply_delay="0")
        wait_until(lambda: read(wire, 1) == (9, "node1"), 20, "the replica to have it again")
        assert read(other, 1)[0] == 9


def test_cascaded_and_delayed_replicas_only_lag(splitter, own_cluster):
    cluster = own_cluster(replicas=1)
    cluster.add("cascaded", cluster.nodes[1])
    cluster.add("delayed", recovery_min_apply_delay="'300ms'")
    cluster.primary.reload(synchronous_commit="'on'")
    p = splitter(cluster)
    places = set()
    with p.wire() as wire:
        for value in range(1, 61):
            wire.sql(f"update notes set v = {value} where id = 1")
            until = time.monotonic() + (0.6 if value % 10 == 0 else 0.03)
            while time.monotonic() < until:
                found, place = read(wire, 1)
                assert found == value, place
                places.add(place)
                time.sleep(0.005)
    assert places == {"node0", "node1", "cascaded", "delayed"}


def test_a_read_that_recovery_cancels_runs_on_the_primary(splitter, own_cluster):
    """40001 on a standby: what it reads was locked on the primary."""
    cluster = own_cluster(replicas=1)
    replica = cluster.replicas[0]
    replica.reload(max_standby_streaming_delay="0", max_standby_archive_delay="0")
    cluster.primary.reload(synchronous_commit="'on'")
    cluster.primary.sql("create table rubbish as select n from generate_series(1, 1000) n;"
                        " grant select on rubbish to public")
    cluster.wait_caught_up()
    p = splitter(cluster)
    text = "select place(), count(*) from rubbish, (select pg_sleep(3)) s group by 1"

    def conflicts():
        return int(replica.value("select sum(confl_lock) from pg_stat_database_conflicts"))

    for left, ask in enumerate(([query(text)], [parse("", text), bind(), execute(), sync()]), 1):
        before = conflicts()
        with p.wire(timeout=30) as wire:
            wire.send(*ask)
            wait_until(lambda: replica.backends("state = 'active' and query like '%rubbish%'"), 10,
                       "the read to run on the replica")
            cluster.primary.sql(f"begin; truncate rubbish; insert into rubbish"
                                f" select generate_series(1, {left}); commit")
            answer = wire.ready()
            assert not errors(answer)
            assert rows(answer) == [("node0", str(left))]
        wait_until(lambda b=before: conflicts() > b, 10, "the replica to tell of the conflict")


def test_a_promotion_voids_what_replicas_had_reached(splitter, own_cluster):
    """One that does not follow the new timeline gets no reads, however fresh it was."""
    cluster = own_cluster()
    p = splitter(cluster)
    old, new, left_behind = cluster.nodes
    with p.wire(timeout=40) as wire:
        wire.sql("update notes set v = 1 where id = 1")
        old.crash()
        new.promote()
        cluster.primary = new
        wire.sql("update notes set v = 2 where id = 1")
        for _ in range(40):
            assert read(wire, 1) == (2, new.name)
            time.sleep(0.01)
    with p.wire() as stranger:
        assert {stranger.value(WHERE) for _ in range(20)} == {new.name}
        left_behind.follow(new)
        left_behind.reload()
        wait_until(lambda: stranger.value(WHERE) == left_behind.name, 20, "it to follow")
        assert read(stranger, 1) == (2, left_behind.name)


def test_a_position_from_before_a_promotion(splitter, own_cluster):
    """read_after of an older timeline is honoured on the new one, where it was kept."""
    cluster = own_cluster()
    p = splitter(cluster)
    old, new, _ = cluster.nodes
    with p.wire() as wire:
        wire.sql("update notes set v = 3 where id = 1")
        position = wire.value("show pgcarwash.position")
    cluster.wait_caught_up()
    old.stop(signal.SIGINT)
    cluster.promote(new)
    wait_ready(p, cluster)
    with p.wire() as wire:
        wire.sql(f"set pgcarwash.read_after = '{position}'")
        assert {read(wire, 1)[0] for _ in range(20)} == {3}
        with pytest.raises(ServerError):
            wire.sql("set pgcarwash.read_after = '1/1/0/1'")


# ---- what a transaction is ---------------------------------------------------------------------

def test_a_block_that_may_write_is_on_the_primary_from_its_start(splitter, calm):
    p = splitter(calm)
    with p.wire() as wire:
        for begin in ("begin", "begin isolation level repeatable read", "start transaction"):
            wire.sql(begin)
            assert wire.value(WHERE) == "node0"
            wire.sql("update notes set v = v + 1 where id = 370")
            assert wire.value(WHERE) == "node0"
            wire.sql("rollback")
    with p.wire() as wire:
        wire.sql("begin read only")
        assert wire.value(WHERE) != "node0"
        wire.sql("commit")
