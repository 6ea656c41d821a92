"""COPY and messages of every size, with slow ends, in bounded memory."""

import os
import socket
import threading
import time

import pytest

import harness
import wireclient
from wireclient import (bind, copy_data, copy_done, errors, execute, extended, kinds, parse, query,
                        rows, sync)

MEGABYTE = 1 << 20
# How much a pooler may grow while it carries a message of any size, in kilobytes.
GROWTH = 100_000 if harness.SANITIZED else 12_000


class Grown:
    """Fails when the pooler's memory peaked more than GROWTH above what it was before."""

    def __init__(self, pooler):
        self.pooler, self.before = pooler, 0

    def __enter__(self):
        if self.pooler.kind != "direct":
            self.before += self.pooler.memory()
        return self

    def __exit__(self, kind, *_):
        if kind is None and self.pooler.kind == "pgcarwash":
            grown = self.pooler.memory("VmHWM") - self.before
            assert grown < GROWTH, f"memory grew by {grown} kB"


@pytest.fixture
def table(pg, fresh):
    name = fresh("t")
    pg.sql(f"create unlogged table {name} (a text); grant all on {name} to public")
    return name


def test_copy_in(pooler, table):
    p = pooler()
    with p.wire(timeout=60) as wire, Grown(p):
        line = b"x" * 999 + b"\n"
        wire.send(query(f"copy {table} from stdin"))
        wire.until("G")
        for _ in range(300):
            wire.send(copy_data(line * 100))
        wire.send(copy_done())
        answers = wire.ready()
        assert kinds(answers) == "CZ" and answers[0].tag() == "COPY 30000"
        assert wire.value(f"select count(*) from {table}") == "30000"


def test_copy_out(pooler):
    p = pooler()
    with p.wire(timeout=60) as wire, Grown(p):
        wire.send(query("copy (select repeat('y', 999) from generate_series(1, 50000)) to stdout"))
        size, count, answer = 0, 0, wire.read()
        assert answer.kind == "H"
        while answer.kind != "C":
            answer = wire.read(keep=False)
            if answer.kind == "d":
                size, count = size + len(answer.body), count + 1
        assert (count, size, answer.tag()) == (50000, 50_000_000, "COPY 50000")
        assert kinds(wire.ready()) == "Z"


def test_copy_error_in_the_middle(pooler, table):
    """The client goes on sending for a while; the next query is answered as usual."""
    with pooler().wire(timeout=30) as wire:
        for _ in range(3):
            wire.send(query(f"copy {table} from stdin"))
            wire.until("G")
            for number in range(400):
                wire.send(copy_data("bad\tline\n" if number == 20 else "good\n" * 1000))
            wire.send(copy_done())
            answers = wire.ready()
            assert [e[0] for e in errors(answers)] == ["22P04"]
            assert wire.value(f"select count(*) from {table}") == "0"


def test_copy_with_syncs(pooler, table):
    """Sync and Flush within a copy are ignored and count for nothing."""
    with pooler().wire() as wire:
        for number in range(1, 4):
            wire.send(query(f"copy {table} from stdin"))
            wire.until("G")
            for _ in range(20):
                wire.send(copy_data("line\n"), sync(), wireclient.flush())
            wire.send(copy_done())
            assert kinds(wire.ready()) == "CZ"
            assert wire.value(f"select count(*) from {table}") == str(20 * number)


def test_copy_in_by_many_at_once(pooler, table):
    p = pooler(default_pool_size=4)
    clients = [p.wire(timeout=30) for _ in range(4)]
    for client in clients:
        client.send(query(f"copy {table} from stdin"))
        client.until("G")
    for turn in range(50):
        for number, client in enumerate(clients):
            client.send(copy_data(f"{number}\n" * 500))
    for client in clients:
        client.send(copy_done())
        assert kinds(client.ready()) == "CZ"
        client.close()
    with p.wire() as wire:
        assert wire.sql(f"select a, count(*) from {table} group by 1 order by 1") == [
            (str(n), "25000") for n in range(4)]


@pytest.mark.parametrize("size", [1, 10, 100, 1000, 4000, 4091, 4096, 8187, 8192, 16379, 16384,
                                  32768, 65531, 65536, 131072, 1000003])
def test_results_of_all_sizes(pooler, size):
    with pooler().wire() as wire:
        for near in range(max(1, size - 6), size + 7):
            assert wire.value(f"select repeat('z', {near})") == "z" * near
            if size > 100000:
                break


@pytest.mark.parametrize("size", [1, 100, 4000, 4090, 8190, 16384, 65530, 131072, 1000003])
def test_parameters_of_all_sizes(pooler, size):
    with pooler().wire() as wire:
        for near in range(max(1, size - 4), size + 5):
            value = "v" * near
            assert wire.bound("select $1::text, length($1)", value) == [(value, str(near))]
            if size > 100000:
                break


@pytest.mark.parametrize("way", ["query", "parse", "bind"])
def test_a_hundred_megabytes_to_the_server(pooler, way):
    """Streamed through, never collected."""
    p = pooler()
    size = 100 * MEGABYTE
    big = b"b" * size
    with p.wire(timeout=60) as wire:
        wire.sql("select 1")
        grown = Grown(p)
        if way == "parse":
            # The text is the client's statement and may have to be sent again.
            grown.before = 2 * size // 1024
        with grown:
            if way == "query":
                wire.send(query(b"select length('" + big + b"')"))
            elif way == "parse":
                wire.send(parse("", b"select length('" + big + b"')"), bind(), execute(), sync())
            else:
                wire.send(parse("", "select length($1)"), bind("", "", [big]), execute(), sync())
            answers = wire.ready()
            assert rows(answers) == [(str(size),)]
        assert wire.value("select 'small again'") == "small again"


def test_a_hundred_megabytes_to_the_client(pooler):
    p = pooler()
    size = 100 * MEGABYTE
    with p.wire(timeout=60) as wire:
        wire.sql("select 1")
        with Grown(p):
            wire.send(query(f"select repeat('r', {size})"))
            row = wire.until("D")[-1]
            assert len(row.body) == size + 6
            wire.received.clear()
            assert kinds(wire.ready()) == "CZ"


@pytest.mark.pooled
@pytest.mark.fixed
def test_messages_over_the_limit(pooler):
    """max_packet_size ends the connection, before the message is read."""
    p = pooler(max_packet_size=100000)
    with p.wire() as wire:
        assert wire.value(f"select length('{'x' * 90000}')") == "90000"
        wire.send(query("select length('" + "x" * 110000)[:2000])
        answers = wire.rest()
        assert errors(answers)[0][0] == "08P01"
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


@pytest.mark.parametrize("data", [b"Q\0\0\0\3", b"Q\xff\xff\xff\xff", b"Q\x80\0\0\0", b"\0\0\0\0\4",
                                  b"z\0\0\0\4"],
                         ids=["short length", "length -1", "negative length", "type 0", "type z"])
@pytest.mark.pooled
def test_garbage(pooler, data):
    p = pooler()
    with p.wire() as bystander:
        wire = p.wire()
        assert wire.value("select 1") == "1"
        wire.send(data)
        answers = wire.rest()
        assert [e[0] for e in errors(answers)] in (["08P01"], [])
        assert bystander.value("select 'well'") == "well"


# ---- slow ends --------------------------------------------------------------------------------

def narrow(wire):
    """A receive buffer that does not grow, so that back-pressure is felt soon."""
    wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 200_000)
    return wire


def test_slow_reader(pooler):
    """60 MB for a client that reads little: nothing piles up in the pooler."""
    p = pooler(default_pool_size=8)
    with p.wire(timeout=60) as bystander:
        bystander.sql("select 1")
        slow = [narrow(p.wire(timeout=60)) for _ in range(3)]
        with Grown(p):
            for wire in slow:
                wire.send(query("select repeat('s', 1000) from generate_series(1, 20000)"))
            time.sleep(0.5)
            for number in range(20):
                assert bystander.value(f"select {number}") == str(number)
            for wire in slow:
                count, answer = 0, wire.read(keep=False)
                while answer.kind != "Z":
                    count += answer.kind == "D"
                    answer = wire.read(keep=False)
                assert count == 20000
                wire.close()


def test_slow_server(pooler, pg, table):
    """60 MB for a server that does not read, because the table is locked."""
    p = pooler(default_pool_size=8)
    with p.wire() as bystander:
        bystander.sql("select 1")
        sender = p.wire(timeout=60)
        with pg.wire("postgres") as locker, Grown(p):
            locker.sql(f"begin; lock table {table}")
            sent = threading.Thread(target=sender.send, args=[
                parse("", f"insert into {table} select $1"),
                *[bind("", "", ["w" * MEGABYTE]) + execute() for _ in range(60)], sync()])
            sent.start()
            time.sleep(0.5)
            for number in range(20):
                assert bystander.value(f"select {number}") == str(number)
            assert sent.is_alive(), "60 MB went into a server that does not read"
            locker.sql("rollback")
            sent.join(30)
            assert kinds(sender.ready()) == "1" + "2C" * 60 + "Z"
        sender.close()
        assert bystander.value(f"select sum(length(a)) / {MEGABYTE} from {table}") == "60"


def test_client_that_never_reads(pooler):
    """Sends without reading: both directions fill up, and it can still catch up later."""
    p = pooler(default_pool_size=4)
    with p.wire() as bystander:
        bystander.sql("select 1")
        wire = narrow(p.wire(timeout=60))
        count = 3000
        data = extended("select repeat('n', 2000), $1::text", "x" * 2000) * count
        with Grown(p):
            sent = threading.Thread(target=wire.socket.sendall, args=[data])
            sent.start()
            time.sleep(0.5)
            for number in range(20):
                assert bystander.value(f"select {number}") == str(number)
            for _ in range(count):
                answer = wire.read(keep=False)
                while answer.kind != "Z":
                    assert answer.kind in "12TDC", answer
                    answer = wire.read(keep=False)
            sent.join(10)
        wire.close()


@pytest.mark.pgcarwash
@pytest.mark.fixed
def test_memory_does_not_grow_with_connections(pooler):
    p = pooler()
    count = int(os.environ.get("CONNECTS", 1500))

    def connects(count):
        for _ in range(count):
            with p.wire() as wire:
                wire.sql("select 1")
                wire.ask(parse("s", "select 2"), sync())

    connects(300)
    before = p.memory()
    connects(count)
    assert p.memory() - before < (20000 if harness.SANITIZED else 500), \
        f"{p.memory() - before} kB more after {count} connections"


def test_many_notices(pooler):
    with pooler().wire() as wire:
        answers = wire.ask(query("do $$ begin for i in 1..3000 loop"
                                 " raise notice 'n %', i; end loop; end $$"))
        assert kinds(answers) == "N" * 3000 + "CZ"
        assert [m.fields()["M"] for m in answers[:3000]] == [f"n {n}" for n in range(1, 3001)]
