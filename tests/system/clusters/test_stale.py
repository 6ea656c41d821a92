"""No read is ever older than its client's own last write, whatever happens to the replicas.

STALE_PAIRS  how many write-then-read pairs (4000)
"""

import multiprocessing
import os
import random
import signal
import time

import pytest

from cluster import WHERE, wait_ready, wait_state
from wireclient import Gone, ServerError, bind, execute, parse, query, rows, sync

pytestmark = pytest.mark.fixed
PAIRS = int(os.environ.get("STALE_PAIRS", 4000))
WORKERS = 8

READ = "select v, place() from notes where id = "


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


def connect(pooler):
    wire = pooler.wire(timeout=60)
    wire.ask(parse("read", READ + "$1"), sync())
    return wire


def work(pooler, number, pairs, results):
    """Writes rising values to a row of its own and reads them back, by all the ways there are."""
    chance = random.Random(number)
    row, value, at_least = 100 + number, 0, 0
    counts = {"pairs": 0, "stale": [], "replica": 0, "primary": 0, "lost": 0, "odd": []}
    wire = connect(pooler)
    while counts["pairs"] < pairs:
        value += 1
        try:
            wire.sql(chance.choice(WRITES).format(v=value, row=row))
            at_least = value
            for _ in range(chance.choice((1, 1, 2, 6))):
                found, place = chance.choice(READERS)(wire, row)
                if int(found) < at_least:
                    counts["stale"].append((place, int(found), at_least))
                counts["primary" if place == "node0" else "replica"] += 1
                if chance.random() < 0.1:
                    time.sleep(chance.random() * 0.02)
            counts["pairs"] += 1
        except (Gone, OSError, ServerError) as trouble:
            # A server died under it: the write may or may not have been done.
            counts["lost"] += 1
            if isinstance(trouble, ServerError) and trouble.sqlstate[:2] not in ("57", "08", "40"):
                counts["odd"].append(str(trouble))
            wire.socket.close()
            wire = connect(pooler)
    results.put(counts)


def run(pooler, mischief, pairs=PAIRS):
    """Workers in processes of their own, and mischief() again and again meanwhile."""
    results = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=work, args=(pooler, number, pairs // WORKERS, results))
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
    print({key: value for key, value in total.items()})
    assert not total["stale"], total["stale"][:10]
    assert not total["odd"], total["odd"][:10]
    assert total["pairs"] >= pairs // WORKERS * WORKERS
    return total


def test_stale_reads_with_delays_and_pauses(splitter, own_cluster):
    cluster = own_cluster()
    p = splitter(cluster, {"read_consistency": "session", "failover_hold": "60"})
    chance = random.Random(1)

    def mischief():
        node = chance.choice(cluster.replicas)
        what = chance.choice(("pause", "delay", "restart", "nothing"))
        if what == "pause":
            node.pause()
            time.sleep(chance.random())
            node.resume()
        elif what == "delay":
            node.delay(chance.choice((5, 50, 300)))
            time.sleep(chance.random())
            node.delay(0)
        elif what == "restart":
            node.stop(signal.SIGQUIT)
            node.start()
        time.sleep(chance.random() * 0.5)

    total = run(p, mischief)
    assert total["replica"] > 0


def test_stale_reads_with_promotions(splitter, own_cluster):
    """A planned change: the old primary has sent all it has before the next one takes over."""
    cluster = own_cluster()
    p = splitter(cluster, {"failover_hold": "60"}, query_wait_timeout=60)
    moves = []

    def mischief():
        time.sleep(1)
        if len(moves) >= 2:
            return
        old = cluster.primary
        old.stop(signal.SIGINT)
        cluster.promote(cluster.replicas[0] if cluster.replicas[0].process
                        else cluster.replicas[1])
        moves.append(cluster.primary.name)
        time.sleep(1)
        cluster.rejoin(old)

    run(p, mischief, PAIRS // 2)
    assert moves


def test_prompt_replicas_serve_the_reads(splitter, calm):
    """Clients that only read, beside one that writes."""
    p = splitter(calm)
    with p.wire() as writer, p.wire() as one, p.wire() as two:
        places = []
        for number in range(500):
            if number % 10 == 0:
                writer.sql("update notes set v = v + 1 where id = 50")
            places += [one.value(WHERE), two.value(WHERE)]
    served = sum(place != "node0" for place in places)
    assert served >= 0.95 * len(places), f"{served} of {len(places)}"
