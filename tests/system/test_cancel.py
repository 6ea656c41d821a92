"""Cancel requests: exactly the query meant, never another one."""

import random
import threading
import time

import pytest

import wireclient
from wireclient import (bind, errors, execute, extended, kinds, parse, query, rows, sync,
                        wait_until)

CANCELED = [("57014", "canceling statement due to user request")]


def wait_running(pg, text, count=1):
    """Until so many backends run a query with that text."""
    found = f"select count(*) from pg_stat_activity where state = 'active' and pid <>" \
            f" pg_backend_pid() and query like '%{text}%'"
    wait_until(lambda: int(pg.sql(found)[0][0]) >= count, 5, f"the start of {text}")


def test_cancel_of_a_query(pooler, pg):
    with pooler().wire() as wire:
        for _ in range(3):
            wire.send(query("select pg_sleep(30), 'one'"))
            wait_running(pg, "''one''")
            wire.cancel()
            assert errors(wire.ready()) == CANCELED
            assert wire.value("select 'goes on'") == "goes on"


def test_cancel_of_an_extended_query(pooler, pg):
    with pooler().wire() as wire:
        wire.send(extended("select pg_sleep(30), 'two'"))
        wait_running(pg, "''two''")
        wire.cancel()
        answers = wire.ready()
        assert errors(answers) == CANCELED
        assert wire.bound("select $1::text", "fine") == [("fine",)]


def test_cancel_in_a_transaction(pooler, pg):
    with pooler().wire() as wire:
        wire.sql("begin")
        wire.send(query("select pg_sleep(30), 'three'"))
        wait_running(pg, "''three''")
        wire.cancel()
        answers = wire.ready()
        assert errors(answers) == CANCELED and answers[-1].status() == "E"
        assert kinds(wire.ask(query("rollback"))) == "CZ"
        assert wire.value("select 1") == "1"


def test_cancel_in_copy(pooler, pg, fresh):
    table = fresh("t")
    pg.sql(f"create table {table} (a text); grant all on {table} to public")
    with pooler().wire() as wire:
        wire.send(query(f"copy {table} from stdin"))
        assert kinds(wire.until("G")) == "G"
        wire.send(wireclient.copy_data("a line\n"))
        time.sleep(0.1)
        wire.cancel()
        wire.send(wireclient.copy_data("one more\n"))
        answers = wire.ready()
        assert errors(answers)[0][0] == "57014"
        wire.send(wireclient.copy_done())
        assert wire.value(f"select count(*) from {table}") == "0"


def test_cancel_in_a_pipeline(pooler, pg):
    """Only the transaction that runs is cancelled; those behind it run."""
    with pooler().wire() as wire:
        wire.send(extended("select 'before'"), extended("select pg_sleep(30), 'four'"),
                  extended("select 'behind'"), extended("select 'last'"))
        assert rows(wire.ready()) == [("before",)]
        wait_running(pg, "''four''")
        wire.cancel()
        assert errors(wire.ready()) == CANCELED
        assert rows(wire.ready()) == [("behind",)]
        assert rows(wire.ready()) == [("last",)]


def test_cancel_while_idle_does_nothing(pooler):
    with pooler().wire() as wire:
        for number in range(20):
            assert wire.value(f"select {number}") == str(number)
            wire.cancel()


@pytest.mark.pooled
def test_cancel_by_an_idle_client_spares_the_next_one(pooler):
    """The server a client used last may work for somebody else by now."""
    p = pooler(default_pool_size=1, min_pool_size=0)
    with p.wire() as idle, p.wire() as busy:
        for _ in range(10):
            idle.sql("select 1")
            busy.send(query("select pg_sleep(0.05), 'busy'"))
            time.sleep(0.01)
            idle.cancel()
            assert rows(busy.ready()) == [("", "busy")]


def test_cancel_with_a_wrong_key(pooler, pg):
    with pooler().wire() as wire:
        wire.send(query("select pg_sleep(0.4), 'five'"))
        wait_running(pg, "''five''")
        for pid, key in ((wire.pid, wire.key ^ 1), (wire.pid ^ 1, wire.key), (0, 0),
                         (0xffffffff, 0xffffffff)):
            wireclient.send_cancel(wire.address, pid, key)
        assert rows(wire.ready()) == [("", "five")]


@pytest.mark.pooled
@pytest.mark.fixed
def test_cancel_while_waiting_for_a_server(pooler):
    """A client in the queue has no query running; it is told so at once, or served later."""
    p = pooler(default_pool_size=1)
    with p.wire() as first, p.wire() as second:
        first.sql("begin")
        second.send(query("select 'second'"))
        time.sleep(0.1)
        second.cancel()
        time.sleep(0.1)
        assert first.value("select 'mine'") == "mine"
        first.sql("commit")
        try:
            answers = second.ready()
            assert rows(answers) == [("second",)] or errors(answers)[0][0] == "57014", answers
        except wireclient.Gone:
            pass


@pytest.mark.pooled
def test_keys_differ(pooler):
    p = pooler()
    clients = [p.wire() for _ in range(50)]
    assert len({(c.pid, c.key) for c in clients}) == 50
    for client in clients:
        client.close()


@pytest.mark.pooled
def test_cancel_over_the_unix_socket(pooler, pg):
    p = pooler()
    with p.wire() as wire:
        wire.send(query("select pg_sleep(30), 'six'"))
        wait_running(pg, "''six''")
        wireclient.send_cancel(p.socket, wire.pid, wire.key)
        assert errors(wire.ready()) == CANCELED


def test_cancel_from_psycopg(pooler, pg):
    import psycopg
    with pooler().psycopg() as connection:
        timer = threading.Timer(0.2, connection.cancel)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(30)")
        timer.join()
        assert connection.execute("select 1").fetchone() == (1,)


class Worker(threading.Thread):
    """Runs queries of which it cancels some; whatever goes wrong is in `trouble`."""

    def __init__(self, pooler, seed, cancels, seconds):
        super().__init__()
        self.pooler, self.chance = pooler, random.Random(seed)
        self.cancels, self.deadline = cancels, time.monotonic() + seconds
        self.trouble, self.canceled, self.finished, self.number = None, 0, 0, seed

    def run(self):
        try:
            with self.pooler.wire() as wire:
                while time.monotonic() < self.deadline:
                    self.turn(wire)
        except Exception as trouble:  # whatever it is, the test reports it
            self.trouble = f"client {self.number}: {trouble!r}"

    def turn(self, wire):
        token = f"{self.number}.{self.finished}.{self.canceled}"
        wanted = self.cancels and self.chance.random() < 0.6
        sleep = self.chance.choice((0, 0.001, 0.003)) if wanted else 0.001
        text = f"select '{token}', pg_sleep({sleep})"
        wire.send(query(text) if self.chance.random() < 0.5 else
                  parse("", text) + bind() + execute() + sync())
        if wanted:
            time.sleep(self.chance.random() * 0.004)
            wire.cancel()
        answers = wire.ready()
        if errors(answers):
            assert wanted, f"a query nobody cancelled: {errors(answers)}"
            assert errors(answers) == CANCELED
            self.canceled += 1
        else:
            assert rows(answers) == [(token, "")], f"{token} got {rows(answers)}"
            self.finished += 1


def test_storm_of_cancels(pooler):
    """Half the clients cancel their own queries all the time; the others must not notice."""
    p = pooler(default_pool_size=4)
    workers = [Worker(p, n, n % 2 == 0, 3) for n in range(16)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert not worker.is_alive(), "a client hangs"
    troubles = [w.trouble for w in workers if w.trouble]
    assert not troubles, troubles[:5]
    assert sum(w.canceled for w in workers) > 20
    assert min(w.finished for w in workers) > 10
