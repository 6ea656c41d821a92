"""Every deadline of the configuration."""

import socket
import time

import pytest

from wireclient import Gone, ServerError, Wire, errors, kinds, query, rows, startup, wait_until

pytestmark = [pytest.mark.pooled, pytest.mark.fixed]

PID = "select pg_backend_pid()"


def ended(wire, text, least, most):
    """The connection must end with this FATAL error, after so many seconds."""
    started = time.monotonic()
    answers = wire.rest()
    took = time.monotonic() - started
    assert errors(answers)[-1:] == [("08P01", text)], answers
    assert answers[-1].fields()["S"] == "FATAL"
    assert least <= took <= most, f"{text} came after {took:.2f} s"


def test_query_wait_timeout(pooler):
    p = pooler(default_pool_size=1, query_wait_timeout=1)
    with p.wire() as holder, p.wire() as late:
        holder.sql("begin")
        late.send(query("select 1"))
        ended(late, "query_wait_timeout", 0.8, 2.5)
        assert holder.value("select 'still'") == "still"
        holder.sql("commit")
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


def test_query_timeout(pooler, pg):
    p = pooler(query_timeout=1)
    with p.wire() as quick, p.wire() as slow:
        assert quick.value("select 1") == "1"
        slow.send(query("select pg_sleep(20), 'slow'"))
        ended(slow, "query timeout", 0.8, 2.5)
        assert quick.value("select 2") == "2"
    wait_until(lambda: not pg.sql("select 1 from pg_stat_activity where state = 'active' and"
                                  " query like '%''slow''%' and pid <> pg_backend_pid()"), 5,
               "the query's end on the server")


def test_query_timeout_of_a_user(pooler):
    p = pooler(users={"other": "query_timeout=1"})
    with p.wire("app") as mine, p.wire("other") as its:
        mine.send(query("select pg_sleep(1.8), 'mine'"))
        its.send(query("select pg_sleep(20), 'its'"))
        ended(its, "query timeout", 0.8, 2.5)
        assert rows(mine.ready()) == [("", "mine")]


def test_idle_transaction_timeout(pooler):
    p = pooler(idle_transaction_timeout=1, default_pool_size=1)
    with p.wire() as lazy, p.wire() as other:
        lazy.sql("begin")
        other.send(query("select 'served'"))
        ended(lazy, "idle transaction timeout", 0.8, 2.5)
        assert rows(other.ready()) == [("served",)]
    with p.wire() as busy:
        busy.sql("begin")
        for _ in range(6):
            busy.sql("select pg_sleep(0.3)")
        busy.sql("commit")


def test_a_long_query_is_no_idle_transaction(pooler):
    p = pooler(idle_transaction_timeout=1)
    with p.wire() as wire:
        wire.sql("begin")
        assert wire.sql("select pg_sleep(1.8), 'done'") == [("", "done")]
        wire.sql("commit")


def test_client_idle_timeout(pooler):
    p = pooler(client_idle_timeout=1)
    with p.wire() as idle, p.wire() as busy:
        busy.sql("begin")
        for wire in (idle,):
            wire.sql("select 1")
        ended(idle, "client_idle_timeout", 0.8, 2.5)
        assert busy.value("select 'in a transaction'") == "in a transaction"
        busy.sql("commit")


@pytest.mark.parametrize("sent", [b"", b"\0\0\0"], ids=["nothing", "half a packet"])
def test_client_login_timeout(pooler, sent):
    # With tcp_defer_accept the kernel keeps a silent client to itself for a while.
    p = pooler(client_login_timeout=1, tcp_defer_accept=0)
    wire = p.wire(login=False)
    wire.send(sent)
    started = time.monotonic()
    answers = wire.rest()
    assert 0.7 < time.monotonic() - started < 2.5
    assert not answers or errors(answers) == [("08P01", "client_login_timeout")]


def test_client_login_timeout_without_password(pooler):
    p = pooler(client_login_timeout=1, auth_type="md5", secrets={"app": "secret"})
    wire = p.wire(login=False)
    wire.send(startup({"user": "app", "database": "app"}))
    wire.until("R")
    ended(wire, "client_login_timeout", 0.7, 2.5)


def test_server_idle_timeout(pooler, pg):
    p = pooler(server_idle_timeout=1)
    with p.wire() as wire:
        wire.sql("select 1")
        assert len(pg.backends("usename = 'app'")) == 1
        time.sleep(0.6)
        assert len(pg.backends("usename = 'app'")) == 1, "closed too early"
        wait_until(lambda: not pg.backends("usename = 'app'"), 3, "the idle server's end")
        assert wire.value("select 2") == "2"
    assert "server idle timeout" in p.log()


def test_server_lifetime(pooler, pg):
    """Old servers are replaced when nobody uses them, never under a client."""
    p = pooler(server_lifetime=1, default_pool_size=1)
    with p.wire() as wire:
        first = wire.value(PID)
        wire.sql("begin")
        held = wire.value(PID)
        time.sleep(2)
        assert wire.value(PID) == held, "the server was taken away in a transaction"
        wire.sql("commit")
        wait_until(lambda: wire.value(PID) != first, 4, "a new server", 0.3)
    assert "server lifetime over" in p.log()


def test_server_connect_timeout(pooler):
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        p = pooler(databases={"app": {"port": port}}, server_connect_timeout=1,
                   query_wait_timeout=3, client_login_timeout=4)
        with pytest.raises((ServerError, Gone, TimeoutError)):
            with p.wire() as wire:
                wire.sql("select 1")
        wait_until(lambda: "connect timeout" in p.log(), 4, "connect timeout in the log")


def test_server_login_retry(pooler, own_pg):
    """Clients wait through an outage of the server that is shorter than their patience."""
    p = pooler(postgres=own_pg, server_login_retry=1, query_wait_timeout=15)
    with p.wire() as wire:
        assert wire.value("select 1") == "1"
        own_pg.stop()
        time.sleep(0.2)
        wire.send(query("select 'after the outage'"))
        time.sleep(0.5)
        own_pg.start()
        started = time.monotonic()
        answers = wire.ready()
        assert rows(answers) == [("after the outage",)], answers
        assert time.monotonic() - started < 5


def test_server_down(pooler, own_pg):
    """A new client meets the reason of the last failure, at once."""
    p = pooler(postgres=own_pg, server_login_retry=30, query_wait_timeout=2,
               client_login_timeout=5)
    own_pg.stop()
    with pytest.raises(ServerError) as caught:
        with p.wire() as wire:
            wire.sql("select 1")
    assert caught.value.severity == "FATAL" and caught.value.sqlstate[:2] in ("08", "57")
    started = time.monotonic()
    with pytest.raises(ServerError) as caught:
        with p.wire() as wire:
            wire.sql("select 1")
    assert time.monotonic() - started < 4
    assert "server login has been failing, cached error: connect failed (server_login_retry)" \
        in caught.value.text or caught.value.text == "query_wait_timeout", caught.value
    for line in ("pooler error: ", "closing because: "):
        assert line + "server login has been failing, cached error: connect failed" in p.log()


@pytest.mark.parametrize("delay, checks", [(0, 5), (30, 0)])
def test_server_check_query(pooler, own_pg, delay, checks):
    own_pg.sql("alter system set log_statement = 'all'")
    own_pg.sql("select pg_reload_conf()")
    p = pooler(postgres=own_pg, server_check_delay=delay, server_check_query="select 42 as checked",
               default_pool_size=1)
    with p.wire() as wire:
        for _ in range(6):
            wire.sql("select 1")
            time.sleep(0.02)
    seen = own_pg.log_path.read_text().count("select 42 as checked")
    assert (seen >= checks) if checks else (seen == 0), f"{seen} check queries"


def test_failing_check_query_costs_nobody_an_error(pooler, own_pg):
    """The dead server is replaced before a client gets it."""
    p = pooler(postgres=own_pg, server_check_delay=0, default_pool_size=2)
    with p.wire() as wire:
        for _ in range(5):
            assert wire.value("select 1") == "1"
            own_pg.kill_backends()
            time.sleep(0.05)
            assert wire.value("select 2") == "2"


def test_cancel_of_a_timed_out_query_hits_nobody_else(pooler):
    p = pooler(query_timeout=1, default_pool_size=3)
    slow = [p.wire() for _ in range(2)]
    for wire in slow:
        wire.send(query("select pg_sleep(20)"))
    with p.wire() as other:
        other.send(query("select 'served', pg_sleep(0.7)"))
        for wire in slow:
            ended(wire, "query timeout", 0, 3)
        assert kinds(other.ready()) == "TDCZ"
        for number in range(20):
            assert other.value(f"select {number}") == str(number)


def test_console_is_exempt(pooler):
    """Client timeouts do not cut off an operator's session to the console too early."""
    p = pooler(client_idle_timeout=1, query_timeout=1)
    with Wire(p.address, "admin", "pgcarwash" if p.kind == "pgcarwash" else "pgbouncer") as wire:
        assert wire.ask(query("SHOW VERSION"))
        assert wire.ask(query("SHOW POOLS"))
