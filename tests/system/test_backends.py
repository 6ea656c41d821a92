"""Server processes that die: the client they served hears of it, nobody else does."""

import os
import signal
import time

import pytest

from wireclient import (Gone, ServerError, bind, copy_data, errors, execute, extended, kinds, parse,
                        query, rows, sync)

pytestmark = pytest.mark.pooled

PID = "select pg_backend_pid()"


def lost(wire):
    """The connection must end with an error of class 57 or 08."""
    answers = wire.rest()
    assert errors(answers), f"no error before the end: {answers}"
    assert errors(answers)[-1][0][:2] in ("57", "08"), answers
    assert answers[-1].fields()["S"] == "FATAL", answers


def test_idle_server_killed(pooler, pg):
    """Nobody uses it, so nobody notices."""
    p = pooler()
    with p.wire() as one, p.wire() as two:
        for number in range(5):
            assert one.value(f"select {number}") == str(number)
            assert two.bound("select $1::text", number) == [(str(number),)]
            pg.kill_backends("usename = 'app'")
            time.sleep(0.1)
        assert one.quiet(0.1) and two.quiet(0.1)


@pytest.mark.parametrize("scene", ["query", "extended", "transaction", "failed transaction",
                                   "copy in", "copy out", "pipeline"])
def test_server_killed_under_a_client(pooler, pg, fresh, scene):
    table = fresh("t")
    pg.sql(f"create table {table} (a text); grant all on {table} to public")
    p = pooler()
    with p.wire() as bystander:
        bystander.sql("select 1")
        wire = p.wire()
        wire.sql("begin")
        pid = wire.value(PID)
        if scene == "query":
            wire.send(query("select pg_sleep(30)"))
        elif scene == "extended":
            wire.send(extended("select pg_sleep(30)"))
        elif scene == "failed transaction":
            wire.ask(query("select 1/0"))
        elif scene == "copy in":
            wire.send(query(f"copy {table} from stdin"))
            wire.until("G")
            wire.send(copy_data("line\n"))
        elif scene == "copy out":
            wire.send(query("copy (select repeat('c', 3000), pg_sleep(0.02)"
                            " from generate_series(1, 1500)) to stdout"))
            wire.until("d")
        elif scene == "pipeline":
            wire.send(*[parse("", "select pg_sleep(0.1)") + bind() + execute() + sync()] * 100)
        time.sleep(0.1)
        pg.sql(f"select pg_terminate_backend({pid})")
        lost(wire)
        for number in range(6):
            assert bystander.value(f"select {number}") == str(number)
        assert bystander.value(f"select count(*) from {table}") == "0"


def test_bystanders_in_the_middle_of_their_work(pooler, pg):
    """Only the client on the killed server is hit, though all are busy."""
    p = pooler(default_pool_size=6)
    clients = [p.wire() for _ in range(6)]
    for client in clients:
        client.sql("begin")
    pids = [client.value(PID) for client in clients]
    for client in clients:
        client.send(query("select pg_sleep(0.6), 'fine'"))
    time.sleep(0.1)
    pg.sql(f"select pg_terminate_backend({pids[2]})")
    lost(clients[2])
    for number, client in enumerate(clients):
        if number != 2:
            assert rows(client.ready()) == [("", "fine")]
            client.sql("commit")
            client.close()


def test_crash_of_the_server(pooler, own_pg):
    """kill -9 of one backend makes PostgreSQL restart all; clients that rested see nothing."""
    p = pooler(postgres=own_pg, query_wait_timeout=20)
    resting, working = p.wire(timeout=30), p.wire()
    resting.sql("select 1")
    working.sql("begin")
    victim = int(working.value(PID))
    working.send(query("select pg_sleep(30)"))
    time.sleep(0.1)
    os.kill(victim, signal.SIGKILL)
    lost(working)
    time.sleep(0.2)
    own_pg.wait()
    for number in range(4):
        assert resting.value(f"select {number}") == str(number)
    resting.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["fast", "immediate"])
def test_restart_of_the_server(pooler, own_pg, how):
    p = pooler(postgres=own_pg, query_wait_timeout=20)
    resting = [p.wire(timeout=30, application_name=f"n{n}") for n in range(5)]
    for client in resting:
        client.ask(parse("s", "select 'prepared'"), sync())
    own_pg.stop(how)
    own_pg.start()
    for number, client in enumerate(resting):
        assert rows(client.ask(bind("", "s"), execute(), sync())) == [("prepared",)]
        assert client.value("show application_name") == f"n{number}"
        client.close()


def test_server_gone_in_the_middle_of_a_result(pooler, own_pg):
    p = pooler(postgres=own_pg)
    wire = p.wire()
    wire.send(query("select repeat('x', 1000), pg_sleep(0.0001) from generate_series(1, 200000)"))
    wire.until("D")
    own_pg.stop(signal.SIGQUIT)
    answers = wire.rest()
    # Behind half a message no error can be said any more.
    if not wire.buffer:
        assert errors(answers) and errors(answers)[-1][0][:2] in ("57", "08"), answers[-1]
    own_pg.start()
    with p.wire() as other:
        assert other.value("select 1") == "1"


@pytest.mark.fixed
def test_server_has_no_room(pooler, own_pg):
    """PostgreSQL at its own limit: clients wait for the servers there are."""
    own_pg.sql("alter system set max_connections = 10")
    own_pg.restart()
    p = pooler(postgres=own_pg, default_pool_size=20, min_pool_size=0, server_login_retry=1)
    first = p.wire()
    first.sql("begin")
    taken = [own_pg.wire() for _ in range(5)]
    clients = [p.wire(timeout=20) for _ in range(4)]
    for client in clients:
        client.send(query("select 'served'"))
    time.sleep(0.5)
    first.sql("commit")
    for other in taken:
        other.close()
    for client in clients:
        assert rows(client.ready()) == [("served",)]
        client.close()


def test_password_changed_on_the_server(pooler, pg):
    """The server's refusal reaches the client, with its words and SQLSTATE."""
    p = pooler(secrets={"by_md5": "no longer right"}, min_pool_size=0)
    with pytest.raises((ServerError, Gone)) as caught:
        with p.wire("by_md5") as wire:
            wire.sql("select 1")
    if p.kind == "pgcarwash":
        assert caught.value.sqlstate == "28P01"
        text = 'password authentication failed for user "by_md5"'
        assert caught.value.text == text
        told = [line for line in p.log().splitlines() if " C-0x" in line and text in line]
        assert any(f" closing because: {text} (age=" in line for line in told), told
        assert any(line.endswith(f" pooler error: {text}") for line in told), told
    with p.wire() as wire:
        assert wire.value("select 'others are well'") == "others are well"
