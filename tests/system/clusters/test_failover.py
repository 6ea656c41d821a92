"""The primary moves: who can wait is held, nothing acknowledged is lost, nothing runs twice."""

import collections
import multiprocessing
import signal
import threading
import time

import pytest

from cluster import WHERE, shown, wait_ready, wait_state
from wireclient import Gone, ServerError, errors, kinds, query, rows, wait_until

pytestmark = pytest.mark.fixed


def insert(wire, number, seq):
    """In one of the ways there are. The table has no key: what runs twice is there twice."""
    text = f"insert into events values ({number}, {seq})"
    if seq % 4 == 0:
        wire.sql(text)
    elif seq % 4 == 1:
        wire.bound("insert into events values ($1, $2)", number, seq)
    elif seq % 4 == 2:
        wire.sql(f"begin; {text}; commit")
    else:
        wire.sql("begin")
        wire.sql(text)
        wire.sql("commit")


def write(pooler, number, stop, results):
    """Inserts (worker, seq) one by one; notes each attempt: began, ended, how."""
    attempts, seq, wire = [], 0, None
    while not stop.is_set():
        seq += 1
        began = time.monotonic()
        try:
            if wire is None:
                wire = pooler.wire(timeout=60)
            insert(wire, number, seq)
            how = "done"
        except ServerError as error:
            how = error.sqlstate
        except (Gone, OSError) as error:
            how = "gone"
        if how != "done" and wire:
            wire.socket.close()
            wire = None
        attempts.append((seq, began, time.monotonic(), how))
        time.sleep(0.002)
    results.put((number, attempts))


class Writers:
    """Processes that insert until stopped."""

    def __init__(self, pooler, count=6):
        self.stop_event, self.results = multiprocessing.Event(), multiprocessing.Queue()
        self.workers = [multiprocessing.Process(
            target=write, args=(pooler, number, self.stop_event, self.results))
            for number in range(count)]
        for worker in self.workers:
            worker.start()

    def stop(self):
        self.stop_event.set()
        found = dict(self.results.get(timeout=90) for _ in self.workers)
        for worker in self.workers:
            worker.join(10)
        return found

    def kill(self):
        for worker in self.workers:
            worker.kill()
            worker.join()


@pytest.fixture
def writers():
    made = []

    def make(*arguments, **more):
        made.append(Writers(*arguments, **more))
        return made[-1]
    yield make
    for one in made:
        one.kill()


def check(found, primary, failure, writable):
    """What the clients saw against what is there. failure, writable: moments by our clock."""
    there = collections.Counter((int(a), int(b)) for a, b in
                                primary.sql("select worker, seq from events"))
    assert max(there.values()) == 1
    failed_late, first = [], None
    for number, attempts in found.items():
        for seq, began, ended, how in attempts:
            if how == "done":
                assert (number, seq) in there, "an acknowledged write is lost"
                if ended > writable:
                    first = min(first or ended, ended)
            elif began > failure:
                failed_late.append((number, seq, began - failure, how))
    assert first, "nothing was written after the failover"
    print(f"first write {first - writable:.3f} s after the new primary took writes")
    assert not failed_late, failed_late
    assert first - writable < 5
    return first - writable


def synchronous(cluster):
    """Acknowledged means: node1 has it."""
    cluster.primary.reload(synchronous_standby_names="'node1'", synchronous_commit="'on'")
    wait_until(lambda: cluster.primary.sql(
        "select 1 from pg_stat_replication where sync_state = 'sync'"), 10, "synchronous commit")


@pytest.mark.parametrize("how", ["crash", "fast"])
def test_the_primary_dies(splitter, own_cluster, writers, how):
    cluster = own_cluster()
    synchronous(cluster)
    p = splitter(cluster, {"failover_hold": "30"})
    load = writers(p)
    time.sleep(1.5)
    old = cluster.primary
    if how == "crash":
        old.crash()
    else:
        old.stop(signal.SIGINT)
    failure = time.monotonic()
    time.sleep(1)
    cluster.promote(cluster.nodes[1])
    writable = time.monotonic()
    time.sleep(2.5)
    check(load.stop(), cluster.primary, failure, writable)
    wait_state(p, cluster.nodes[1], "primary", column="role")


class Insistent(threading.Thread):
    """Tries to write until it has succeeded; says when."""

    def __init__(self, pooler, seq):
        super().__init__(daemon=True)
        self.pooler, self.seq, self.done, self.place = pooler, seq, None, None
        self.start()

    def run(self):
        while self.done is None:
            try:
                with self.pooler.wire(timeout=60) as wire:
                    self.place = wire.value(f"insert into events values (50, {self.seq})"
                                            " returning place()")
                self.done = time.monotonic()
            except (ServerError, Gone, OSError):
                time.sleep(0.01)


@pytest.mark.parametrize("how", ["crash", "fast", "freeze", "alive"])
def test_writes_go_on_soon_at_default_settings(splitter, own_cluster, how):
    """From the moment the new primary takes writes; the figure is printed."""
    cluster = own_cluster()
    p = splitter(cluster, probe_interval=None, probe_timeout=None, server_login_retry=None)
    old, new = cluster.primary, cluster.nodes[1]
    with p.wire() as wire:
        wire.sql("insert into events values (50, 0)")
    {"crash": old.crash, "fast": old.stop, "freeze": old.freeze, "alive": lambda: None}[how]()
    time.sleep(0.5)
    writer = Insistent(p, 1) if how != "alive" else None
    new.sql("select pg_promote(false)")
    while not new.is_primary():
        time.sleep(0.001)
    writable, seq = time.monotonic(), 1
    # As long as nobody knows of the new one, the old one is written to.
    while writer is None or (writer.done and writer.place != new.name):
        seq += 1
        writer = Insistent(p, seq)
        writer.join(30)
    writer.join(30)
    print(f"{how}: first write {writer.done - writable:.3f} s after the new primary took writes")
    assert writer.done - writable < 5


def test_a_frozen_host_is_noticed_within_the_timeout(splitter, own_cluster):
    """Counted from its last answer, with the default settings."""
    cluster = own_cluster(replicas=1)
    p = splitter(cluster, probe_interval=None, probe_timeout=None)
    for node in (cluster.nodes[1], cluster.nodes[0]):
        node.freeze()
        frozen = time.monotonic()
        wait_state(p, node, "down")
        print(f"{node.name}: noticed after {time.monotonic() - frozen:.3f} s")
        assert time.monotonic() - frozen < 6
        node.thaw()
        wait_state(p, node, "up")


def test_a_primary_that_restarts_is_waited_for(splitter, own_cluster, writers):
    """Nobody takes its place: it comes back as what it was."""
    cluster = own_cluster(replicas=1)
    cluster.primary.reload(synchronous_commit="'on'")
    p = splitter(cluster, {"failover_hold": "30"})
    load = writers(p)
    time.sleep(1)
    cluster.primary.crash()
    failure = time.monotonic()
    time.sleep(0.5)
    cluster.primary.start()
    writable = time.monotonic()
    time.sleep(1)
    check(load.stop(), cluster.primary, failure, writable)


def test_the_primary_hangs(splitter, own_cluster, writers):
    """Packets go into a black hole; when it wakes again it is not written to."""
    cluster = own_cluster()
    synchronous(cluster)
    p = splitter(cluster, {"failover_hold": "30"}, probe_timeout="1")
    load = writers(p)
    time.sleep(1.5)
    old = cluster.primary
    old.freeze()
    time.sleep(3)
    noticed = time.monotonic()
    cluster.promote(cluster.nodes[1])
    writable = time.monotonic()
    time.sleep(1.5)
    old.thaw()
    time.sleep(2)
    found = load.stop()
    check(found, cluster.primary, noticed, writable)
    wait_state(p, old, "fenced")
    mine = {tuple(row) for row in cluster.primary.sql("select worker, seq from events")}
    theirs = {tuple(row) for row in old.sql("select worker, seq from events")}
    done = {(str(number), str(seq)) for number, attempts in found.items()
            for seq, _, ended, how in attempts if how == "done" and ended > writable}
    assert done <= mine and not done & (theirs - mine)


def test_two_primaries(splitter, own_cluster):
    """A replica is promoted while the primary lives: the newer timeline has it from then on."""
    cluster = own_cluster()
    p = splitter(cluster)
    with p.wire() as wire:
        wire.sql("insert into log values (1, 1)")
        old, new = cluster.primary, cluster.nodes[1]
        new.promote()
        wait_state(p, old, "fenced")
        assert wire.value("insert into log values (1, 2) returning place()") \
            == new.name
        for _ in range(10):
            assert wire.value(WHERE) != old.name
    wait_until(lambda: not old.backends("application_name <> 'pgcarwash probe'"
                                        " and backend_type = 'client backend'"), 5,
               "connections to the old primary to be closed")
    assert "two primaries" in p.log() or "timeline" in p.log()


def test_split_brain_of_one_timeline(splitter, own_cluster):
    """Both replicas are promoted at once: nobody can tell which is right, so nobody writes."""
    cluster = own_cluster()
    p = splitter(cluster, {"failover_hold": "2"})
    p.wire().close()
    cluster.primary.crash()
    one, two = cluster.nodes[1:]
    one.promote()
    two.promote()
    wait_until(lambda: "two primaries" in p.log(), 10, "the shout")
    with p.wire() as wire:
        with pytest.raises((ServerError, Gone)):
            wire.sql("insert into log values (2, 1)")
    one.stop()
    with p.wire() as wire:
        wait_until(lambda: shown(p)[str(two.port)]["role"] == "primary", 10, "one is left")
        assert wire.value("insert into log values (2, 2) returning place()") \
            == two.name


def test_a_replica_dies_and_comes_back(splitter, own_cluster):
    cluster = own_cluster()
    p = splitter(cluster)
    one, two = cluster.replicas
    with p.wire() as wire:
        one.crash()
        seen = {wire.value(WHERE) for _ in range(40)}
        assert seen <= {two.name, "node0"}
        wait_state(p, one, "down")
        two.crash()
        assert {wire.value(WHERE) for _ in range(10)} == {"node0"}
        one.start()
        two.start()
        wait_ready(p, cluster)
        assert {wire.value(WHERE) for _ in range(20)} == {one.name, two.name}


def test_only_the_read_in_mid_result_fails(splitter, own_cluster):
    """One that has not answered yet is run elsewhere; others notice nothing."""
    cluster = own_cluster(replicas=1)
    p = splitter(cluster)
    with p.wire(timeout=30) as streaming, p.wire(timeout=30) as silent, p.wire() as other:
        streaming.send(query("select repeat('x', 9000), pg_sleep(0.02), place()"
                             " from generate_series(1, 2000)"))
        silent.send(query("select pg_sleep(2), place()"))
        streaming.until("D")
        time.sleep(0.3)
        cluster.replicas[0].crash()
        assert other.value("select 1") == "1"
        assert rows(silent.ready()) == [("", "node0")]
        rest = streaming.rest()
        assert "C" not in kinds(rest), "the result was cut, but is said to be complete"
        # Inside a row that broke off nothing can be said.
        assert all(state[:2] in ("57", "08") for state, _ in errors(rest))


def test_planned_failover(splitter, own_cluster, writers):
    """FAILOVER app TO host: not one client sees an error."""
    cluster = own_cluster()
    p = splitter(cluster, {"failover_hold": "30"})
    load = writers(p)
    time.sleep(1)
    new = cluster.nodes[1]
    p.console(f"FAILOVER app TO 127.0.0.1:{new.port}", timeout=60)
    writable = time.monotonic()
    cluster.primary = new
    time.sleep(1.5)
    found = load.stop()
    assert {how for attempts in found.values() for *_, how in attempts} == {"done"}
    check(found, new, writable, writable)


def test_nobody_waits_longer_than_failover_hold(splitter, own_cluster):
    cluster = own_cluster(replicas=1)
    p = splitter(cluster, {"failover_hold": "2"})
    with p.wire(timeout=20) as wire:
        wire.sql("insert into log values (3, 1)")
        cluster.primary.crash()
        wait_state(p, cluster.primary, "down")
        began = time.monotonic()
        with pytest.raises((ServerError, Gone)) as failed:
            wire.sql("insert into log values (3, 2)")
        assert 1.5 < time.monotonic() - began < 8
        assert any(m.kind == "N" for m in wire.received)
    with p.wire() as wire:
        assert wire.value(WHERE) == "node1"
