"""Hosts that are there but take nobody in, that are full, that are named wrongly."""

import collections
import time

import pytest

from cluster import WHERE
from wireclient import query, rows

pytestmark = pytest.mark.fixed


def where(wire):
    return wire.value(WHERE)


def let_in(node, allowed):
    """The node's pg_hba.conf lets app in, or not; the prober always."""
    path = node.data / "pg_hba.conf"
    rule = "host app app 127.0.0.1/32 reject\n"
    text = path.read_text(encoding="ascii").replace(rule, "")
    path.write_text(text if allowed else rule + text, encoding="ascii")
    node.sql("select pg_reload_conf()")
    time.sleep(0.2)


@pytest.fixture
def closed(calm):
    """closed(node, ...): from now on these let app not in."""
    shut = []

    def close(*nodes):
        for node in nodes:
            shut.append(node)
            let_in(node, False)
    yield close
    for node in shut:
        let_in(node, True)


def test_a_replica_that_refuses_logins_gets_no_reads(splitter, calm, closed):
    one, two = calm.replicas
    closed(one)
    p = splitter(calm, probe_user="postgres")
    for _ in range(5):
        with p.wire() as wire:
            assert {where(wire) for _ in range(6)} == {two.name}
    let_in(one, True)
    time.sleep(2)  # more than server_login_retry
    with p.wire() as wire:
        assert {where(wire) for _ in range(10)} == {one.name, two.name}


def test_when_all_replicas_refuse_the_primary_reads(splitter, calm, closed):
    closed(*calm.replicas)
    p = splitter(calm, probe_user="postgres")
    with p.wire() as wire:
        assert {where(wire) for _ in range(6)} == {"node0"}
    counts = {row["reason"]: row["transactions"] for row in p.console("SHOW ROUTES")}
    assert counts["no_replica"] == "6" and counts["read"] == "0"


def test_a_full_pool_is_gone_around(splitter, calm):
    p = splitter(calm, {"pool_size": "1"})
    with p.wire() as busy, p.wire() as wire:
        busy.send(query("select place(), pg_sleep(2)"))
        time.sleep(0.3)
        begun = time.monotonic()
        places = collections.Counter(where(wire) for _ in range(20))
        assert time.monotonic() - begun < 1
        assert len(places) == 1
        assert rows(busy.ready())[0][0] not in places


UNREADABLE = """
    create sequence steps; select setval('steps', 5);
    create unlogged table scratch as select 1 as v;
    create view keeps as select pg_advisory_lock(77)::text as kept;
    create view over_keeps as select * from keeps;
    create view asks as select pg_is_in_recovery() as standby;
    create view acts as select pid from pg_stat_activity where pid = pg_backend_pid();
    create aggregate bumped_sum(int) (sfunc = bump_and_add, stype = int, initcond = '0');
    grant all on steps, scratch, over_keeps, asks, acts to app;
"""
FUNCTION = ("create function bump_and_add(int, int) returns int language sql volatile as"
            " 'update notes set v = v + 1 where id = 3 returning $1 + $2'")


@pytest.fixture
def unreadable(calm):
    calm.primary.sql(FUNCTION)
    for text in UNREADABLE.strip().split(";\n"):
        calm.primary.sql(text)
    calm.wait_caught_up()
    yield
    calm.primary.sql("drop view over_keeps, keeps, asks, acts; drop table scratch;"
                     " drop sequence steps; drop function bump_and_add cascade")


def routes(p):
    return {row["reason"]: int(row["transactions"]) for row in p.console("SHOW ROUTES")
            if row["database"] == "app"}


@pytest.mark.parametrize("text, expected", [
    ("select last_value from steps", "5"),  # 32 ahead on a replica
    ("select last_value from pg_sequences where sequencename = 'steps'", "5"),
    ("select v from scratch", "1"),
    ("select kept from over_keeps", ""),
    ("select standby from asks", "f"),
    ("select count(*) from acts", "1"),
    ("select bumped_sum(v) > -1 from (values (1)) t(v)", "t"),
    ("begin isolation level serializable; select 7; commit", "7"),
    ("discard temp; select 8", "8"),
])
def test_what_no_replica_can_read_is_not_tried_there(splitter, calm, unreadable, text, expected):
    p = splitter(calm)
    with p.wire() as wire:
        assert wire.value(text) == expected
        counts = routes(p)
        assert counts["read"] == 0 and counts["write"] == 1, counts
        assert [row for row in calm.primary.sql("select 1 from pg_locks where objid = 77")] == (
            [("1",)] if "keeps" in text else [])
    for replica in calm.replicas:
        assert not replica.sql("select 1 from pg_locks where objid = 77")


def test_a_new_unlogged_table_is_learned_by_its_refusal(splitter, calm):
    p = splitter(calm)
    calm.primary.sql("create unlogged table novel as select 3 as v; grant all on novel to app")
    try:
        calm.wait_caught_up()
        with p.wire() as wire:
            assert [wire.value("select v from novel") for _ in range(4)] == ["3"] * 4
        counts = routes(p)
        assert counts["refused"] == 1 and counts["write"] == 3, counts
    finally:
        calm.primary.sql("drop table novel")
