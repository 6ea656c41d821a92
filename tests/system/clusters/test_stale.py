"""No read is ever older than what it must see, whatever happens to the replicas.

STALE_PAIRS  how many write-then-read pairs in all (6000)
"""

import itertools
import multiprocessing
import os
import random
import signal
import time

import pytest

from cluster import WHERE
from wireclient import Gone, ServerError, bind, execute, parse, query, rows, sync

pytestmark = pytest.mark.fixed
PAIRS = int(os.environ.get("STALE_PAIRS", 6000))
WORKERS = 8
CLIENTS = 5  # of each worker
FIRST_ROW = 100

READ = "select v, place(), standby() from notes where id = "


def read_simple(wire, row):
    return wire.sql(READ + str(row))[0]


def read_bound(wire, row):
    return wire.bound(READ + "$1", row)[0]


def read_prepared(wire, row):
    return rows(wire.ask(bind("", "read", [row]), execute(), sync()))[0]


def read_block(wire, row):
    wire.sql("begin read only")
    found = wire.sql(READ + str(row))[0]
    wire.sql("commit")
    return found


READERS = (read_simple, read_bound, read_prepared, read_block)
WRITES = ("update notes set v = {v} where id = {row}",
          "begin; update notes set v = {v} where id = {row}; commit",
          "with x as (update notes set v = {v} where id = {row} returning 1) select * from x")


class Client:
    """Writes rising values to a row of its own; remembers what it must not see less of."""

    def __init__(self, pooler, row, **who):
        self.pooler, self.row, self.who = pooler, row, who
        self.value, self.at_least, self.is_read, self.wire = 0, 0, True, None
        self.connect()

    def connect(self):
        if self.wire:
            self.wire.socket.close()
        self.wire = self.pooler.wire(timeout=60, **self.who)
        self.wire.ask(parse("read", READ + "$1"), sync())
        # A new session knows nothing of what the last one wrote and read.
        self.is_read, self.seen, self.seen_now = True, {}, {}

    def write(self, text):
        self.value += 1
        self.wire.sql(text.format(v=self.value, row=self.row))
        self.at_least, self.is_read = self.value, False
        # Whatever replica this write is read from has what was read before it.
        self.seen.update(self.seen_now)
        self.seen_now = {}


class Worker:
    """Several clients, taken at random, so that between a write and its read others pass by."""

    def __init__(self, pooler, number, scope):
        self.chance, self.scope = random.Random(number), scope
        self.counts = {"pairs": 0, "stale": [], "replica": 0, "primary": 0, "lost": 0, "odd": []}
        who = {"application_name": f"worker {number}"}
        self.clients = [Client(pooler, FIRST_ROW + number * CLIENTS + i, **who)
                        for i in range(CLIENTS)]

    def look(self, client, row, at_least):
        found, place, standby = self.chance.choice(READERS)(client.wire, row)
        found, on_replica = int(found), standby == "t"
        at_least = max(at_least, client.seen.get(row, 0))
        if found < at_least:
            self.counts["stale"].append((place, row, found, at_least))
        client.seen_now[row] = max(found, at_least)
        self.counts["replica" if on_replica else "primary"] += 1

    def read(self, writer):
        reader = writer if self.scope == "session" else self.chance.choice(self.clients)
        for _ in range(self.chance.choice((1, 1, 2, 6))):
            self.look(reader, writer.row, writer.at_least)
        writer.is_read = True
        self.counts["pairs"] += 1

    def step(self, client):
        draw = self.chance.random()
        if draw < 0.1:
            self.look(client, FIRST_ROW + self.chance.randrange(WORKERS * CLIENTS), 0)
        elif not client.is_read:
            self.read(client)
        else:
            client.write(self.chance.choice(WRITES))
            if draw > 0.6:
                self.read(client)
        if draw > 0.95:
            time.sleep(self.chance.random() * 0.02)

    def work(self, pairs):
        while self.counts["pairs"] < pairs:
            client = self.chance.choice(self.clients)
            try:
                self.step(client)
            except (Gone, OSError, ServerError) as trouble:
                # A server died under it: the write may or may not have been done.
                self.counts["lost"] += 1
                if isinstance(trouble, ServerError) and \
                        trouble.sqlstate[:2] not in ("57", "08", "40"):
                    self.counts["odd"].append(str(trouble))
                client.connect()


def work(pooler, number, scope, pairs, results):
    worker = Worker(pooler, number, scope)
    worker.work(pairs)
    results.put(worker.counts)


def run(pooler, mischief, pairs, scope="session"):
    """Workers in processes of their own, and mischief() again and again meanwhile."""
    results = multiprocessing.Queue()
    each = -(-pairs // WORKERS)
    workers = [multiprocessing.Process(target=work, args=(pooler, number, scope, each, results))
               for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    try:
        while any(worker.is_alive() for worker in workers):
            mischief()
            for worker in workers:
                assert worker.exitcode in (None, 0), "a worker failed"
        found = [results.get(timeout=10) for _ in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.join()
    total = {key: sum((one[key] for one in found), type(found[0][key])()) for key in found[0]}
    share = total["replica"] / (total["replica"] + total["primary"])
    print(f"{total['pairs']} pairs, {len(total['stale'])} stale, {share:.1%} of the reads on"
          f" replicas, {total['lost']} connections lost")
    assert not total["stale"], total["stale"][:10]
    assert not total["odd"], total["odd"][:10]
    assert total["pairs"] >= pairs
    # Where no replica is read from nothing was tested.
    assert share > 0.02
    return total


def mischief_of(cluster, chance):
    """One bad thing after the other happens to a replica."""
    def pause(node):
        node.pause()
        time.sleep(chance.random())
        node.resume()

    def delay(node):
        node.delay(chance.choice((5, 50, 300)))
        time.sleep(chance.random())
        node.delay(0)

    def freeze(node):
        node.freeze()
        time.sleep(chance.random() * 2)
        node.thaw()

    def crash(node):
        node.stop(signal.SIGQUIT)
        node.start()

    def restart(node):
        node.stop(signal.SIGINT)
        node.start()

    turns = itertools.cycle((pause, delay, crash, freeze, restart))

    def one():
        next(turns)(chance.choice(cluster.replicas))
        time.sleep(chance.random() * 0.5)
    return one


@pytest.mark.parametrize("scope", ["session", "application"])
def test_stale_reads_while_replicas_suffer(splitter, own_cluster, scope):
    """One replica follows another; the pool of each host is smaller than its clients are many."""
    cluster = own_cluster()
    cluster.add("node3", cluster.nodes[1])
    cluster.primary.reload(synchronous_commit="'on'")
    p = splitter(cluster, {"read_consistency": scope, "failover_hold": "60"})
    run(p, mischief_of(cluster, random.Random(1)), PAIRS * 3 // 8, scope)


def test_stale_reads_with_promotions(splitter, own_cluster):
    """A planned change: the old primary has sent all it has before the next one takes over."""
    cluster = own_cluster()
    cluster.primary.reload(synchronous_commit="'on'")
    p = splitter(cluster, {"failover_hold": "60"}, query_wait_timeout=60)
    moves = []

    def mischief():
        time.sleep(1)
        if len(moves) >= max(2, PAIRS // 10000):
            return
        old = cluster.primary
        old.stop(signal.SIGINT)
        cluster.promote(cluster.replicas[0] if cluster.replicas[0].process
                        else cluster.replicas[1])
        moves.append(cluster.primary.name)
        time.sleep(1)
        cluster.rejoin(old)

    run(p, mischief, PAIRS // 4)
    print(f"{len(moves)} promotions")
    assert moves


def test_prompt_replicas_serve_the_reads(splitter, calm):
    """Clients that only read, beside one that writes; and one that writes now and then itself."""
    p = splitter(calm)
    with p.wire() as writer, p.wire() as one, p.wire() as two:
        places, own = [], []
        for number in range(3000):
            if number % 10 == 0:
                writer.sql("update notes set v = v + 1 where id = 50")
            places += [one.value(WHERE), two.value(WHERE)]
        for number in range(2000):
            if number % 200 == 0:
                one.sql("begin; set local synchronous_commit = on;"
                        " update notes set v = v + 1 where id = 51; commit")
            own.append(one.value(WHERE))
    served = sum(place != "node0" for place in places)
    print(f"{served / len(places):.2%} of the reads of others on replicas,"
          f" {sum(place != 'node0' for place in own) / len(own):.1%} of a client that writes")
    assert served >= 0.95 * len(places), f"{served} of {len(places)}"
