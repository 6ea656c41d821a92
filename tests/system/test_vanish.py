"""Clients that leave without a word cost no server connection and disturb nobody."""

import os
import signal
import time

import pytest

import wireclient
from wireclient import bind, execute, extended, flush, kinds, parse, query, rows, sync, wait_until

pytestmark = pytest.mark.pooled


def leave_in_query(wire, _):
    wire.send(query("select pg_sleep(30), 'left'"))


def leave_in_extended_query(wire, _):
    wire.send(extended("select pg_sleep(30), 'left'"))


def leave_in_pipeline(wire, _):
    wire.send(*[extended("select pg_sleep(0.1), 'left'")] * 100)


def leave_before_sync(wire, _):
    wire.send(parse("", "select 'left'"), bind(), execute(), flush())
    wire.until("C")


def leave_without_any_sync(wire, _):
    wire.send(parse("", "select 'left'"), bind())


def leave_in_transaction(wire, table):
    wire.sql("begin")
    wire.sql(f"insert into {table} values ('left')")


def leave_in_failed_transaction(wire, table):
    wire.sql(f"begin; insert into {table} values ('left')")
    wire.ask(query("select 1/0"))


def leave_in_transaction_and_query(wire, table):
    wire.sql(f"begin; insert into {table} values ('left')")
    wire.send(query("select pg_sleep(30), 'left'"))


def leave_in_copy_in(wire, table):
    wire.send(query(f"copy {table} from stdin"))
    wire.until("G")
    wire.send(wireclient.copy_data("left\n"))


def leave_in_copy_message(wire, table):
    wire.send(query(f"copy {table} from stdin"))
    wire.until("G")
    wire.send(wireclient.copy_data("left\n" * 100)[:300])


def leave_in_large_copy_message(wire, table):
    """Its beginning is with the server already; the rest never comes."""
    wire.send(query(f"copy {table} from stdin"))
    wire.until("G")
    wire.send(wireclient.copy_data("left\n" * 200000)[:700000])


def leave_in_copy_out(wire, _):
    wire.send(query("copy (select repeat('left', 100) from generate_series(1, 300000)) to stdout"))
    wire.until("d")


def leave_in_large_result(wire, _):
    wire.send(query("select repeat('left', 100) from generate_series(1, 300000)"))
    wire.until("D")


def leave_in_the_middle_of_a_message(wire, _):
    wire.send(query("select 'left' as " + "x" * 60)[:30])


def leave_in_the_middle_of_a_header(wire, _):
    wire.send(query("select 1")[:3])


def leave_in_a_large_message(wire, _):
    wire.send(query("select length('" + "x" * 3000000 + "')")[:1500000])


def leave_in_a_large_bind(wire, _):
    wire.send(parse("", "select length($1)"),
              bind("", "", ["x" * 3000000])[:1500000])


def leave_at_once(_, __):
    pass


SCENES = [scene for name, scene in sorted(globals().items()) if name.startswith("leave_")]


def clients(pool):
    return int(pool["cl_active"]) + int(pool["cl_waiting"])


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("scene", SCENES, ids=lambda s: s.__name__[6:])
def test_client_vanishes(pooler, pg, fresh, scene, reset):
    """Its transaction is undone, its query ended, and the pool serves on."""
    table = fresh("left")
    pg.sql(f"create table {table} (a text); grant all on {table} to public")
    p = pooler(default_pool_size=2, min_pool_size=0)
    with p.wire() as bystander:
        assert bystander.value("select 'before'") == "before"
        for _ in range(3):
            wire = p.wire()
            scene(wire, table)
            wire.vanish(reset)
        wait_until(lambda: not pg.backends("query like '%left%' and state <> 'idle'"), 8,
                   "the end of what the vanished clients ran")
        for number in range(6):
            assert bystander.value(f"select {number}") == str(number)
        assert bystander.value(f"select count(*) from {table}") == "0"
        if p.kind == "pgcarwash":
            wait_until(lambda: p.pool()["sv_active"] == "0", 5, "sv_active = 0")
            wait_until(lambda: clients(p.pool()) <= 1, 5, "the vanished clients' end")


@pytest.mark.pgcarwash
@pytest.mark.fixed
@pytest.mark.parametrize("scene", [
    leave_in_query, leave_in_extended_query, leave_before_sync, leave_in_transaction,
    leave_in_failed_transaction, leave_in_transaction_and_query, leave_in_copy_in,
    leave_in_the_middle_of_a_message, leave_without_any_sync, leave_in_copy_message,
    leave_in_large_copy_message],
    ids=lambda s: s.__name__[6:])
def test_the_server_connection_is_kept(pooler, pg, fresh, scene):
    """A vanished client costs at most a cancel and a ROLLBACK."""
    table = fresh("left")
    pg.sql(f"create table {table} (a text); grant all on {table} to public")
    p = pooler(default_pool_size=1)
    with p.wire() as bystander:
        before = bystander.value("select pg_backend_pid()")
        for turn in range(5):
            wire = p.wire()
            scene(wire, table)
            wire.vanish()
            assert bystander.value("select pg_backend_pid()") == before, f"turn {turn}"
            assert bystander.value(f"select count(*) from {table}") == "0"


@pytest.mark.pgcarwash
@pytest.mark.fixed
def test_a_cancel_that_comes_before_its_query(pooler, pg):
    """A busy backend may see the cancel first and ignore it; the query must end all the same."""
    p = pooler(default_pool_size=1)
    with p.wire(timeout=20) as bystander:
        pid = int(bystander.value("select pg_backend_pid()"))
        wire = p.wire()
        os.kill(pid, signal.SIGSTOP)
        try:
            wire.send(query("select pg_sleep(40), 'early'"))
            time.sleep(0.1)
            wire.vanish()
            time.sleep(0.4)
        finally:
            os.kill(pid, signal.SIGCONT)
        assert bystander.value("select 'served'") == "served"
        wait_until(lambda: not pg.backends("query like '%''early''%' and state <> 'idle'"), 5,
                   "the query's end")


@pytest.mark.pgcarwash
@pytest.mark.fixed
def test_cleaning_up_is_bounded_in_time(pooler, pg):
    """A query that cannot be cancelled does not hold its place in the pool for ever."""
    p = pooler(default_pool_size=1, cancel_wait_timeout=1)
    wire = p.wire()
    wire.send(query("do $$ begin for i in 1..400 loop begin perform pg_sleep(0.05);"
                    " exception when query_canceled then null; end; end loop; end $$"))
    time.sleep(0.2)
    wire.vanish()
    with p.wire(timeout=15) as other:
        started = time.monotonic()
        assert other.value("select 'served'") == "served"
        assert time.monotonic() - started < 12


def test_waiting_client_vanishes(pooler):
    """Its place in the queue goes with it."""
    p = pooler(default_pool_size=1, min_pool_size=0)
    with p.wire() as holder, p.wire() as last:
        holder.sql("begin")
        for reset in (False, True):
            gone = p.wire()
            gone.send(query("create table must_not_exist (a int)"))
            time.sleep(0.05)
            gone.vanish(reset)
        last.send(query("select 'served'"))
        time.sleep(0.1)
        holder.sql("commit")
        assert rows(last.ready()) == [("served",)]
        if p.kind == "pgcarwash":
            assert last.value("select to_regclass('must_not_exist') is null") == "t"


def test_vanish_during_login(pooler):
    p = pooler(auth_type="scram-sha-256", secrets={"app": "secret"}, min_pool_size=0)
    steps = [b"", wireclient.SSL_REQUEST, wireclient.SSL_REQUEST[:5],
             wireclient.startup({"user": "app", "database": "app"}),
             wireclient.startup({"user": "app", "database": "app"})[:9]]
    for step in steps * 10:
        wire = p.wire(login=False)
        wire.send(step)
        wire.vanish(reset=len(step) % 2 == 0)
    with p.wire(password="secret") as wire:
        assert wire.value("select 1") == "1"


def test_terminate_behind_a_query(pooler, pg, fresh):
    """A query followed by Terminate in one packet: done or undone, never half."""
    table = fresh("t")
    pg.sql(f"create table {table} (a int); grant all on {table} to public")
    p = pooler()
    for number in range(10):
        wire = p.wire()
        wire.send(query(f"begin; insert into {table} values ({number}); commit; begin;"
                        f" insert into {table} values (-{number})"), wireclient.terminate())
        wire.rest()
    with p.wire() as other:
        assert other.value(f"select count(*) from {table} where a < 0") == "0"


@pytest.mark.pgcarwash
@pytest.mark.parametrize("together", [True, False], ids=["together", "later"])
@pytest.mark.parametrize("waiting", [True, False], ids=["waiting", "served"])
def test_fire_and_forget(pooler, pg, fresh, together, waiting):
    """PostgreSQL does what was asked for before Terminate; its client need not be there."""
    table = fresh("t")
    pg.sql(f"create table {table} (a int); grant all on {table} to public")
    p = pooler(default_pool_size=1)
    with p.wire() as other, p.wire() as wire:
        if waiting:
            other.sql("begin")
        insert = query(f"insert into {table} select 1 from pg_sleep(0.5)")
        if together:
            wire.send(insert, wireclient.terminate())
        else:
            wire.send(insert)
            time.sleep(0.2)
            wire.send(wireclient.terminate())
        wire.vanish()
        time.sleep(0.1)
        if waiting:
            other.sql("commit")
        assert other.value(f"select count(*) from {table}") == "1"


def test_half_closed_client_gets_its_answer(pooler):
    """shutdown(SHUT_WR) behind a query: PostgreSQL answers and then sees the end."""
    import socket
    p = pooler()
    wire = p.wire()
    wire.send(query("select 'heard'"))
    wire.socket.shutdown(socket.SHUT_WR)
    answers = wire.rest()
    assert rows(answers) in ([("heard",)], [])
    with p.wire() as other:
        assert other.value("select 1") == "1"


@pytest.mark.parametrize("count", [300])
def test_many_connects_and_disconnects(pooler, count):
    p = pooler()
    for number in range(count):
        wire = p.wire()
        if number % 3 == 0:
            assert wire.value(f"select {number}") == str(number)
        if number % 2:
            wire.vanish(reset=number % 4 == 1)
        else:
            wire.close()
    with p.wire() as wire:
        assert wire.ask(parse("", "select 1"), bind(), execute(), sync())[-1].status() == "I"
    if p.kind == "pgcarwash":
        wait_until(lambda: int(p.pool()["cl_active"]) + int(p.pool()["cl_waiting"]) == 0, 3,
                   "no client left")
