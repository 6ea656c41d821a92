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
