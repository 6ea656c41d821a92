"""Online restart: -R takes over the sockets and the clients of the process that runs."""

import array
import os
import signal
import socket
import struct
import time

import pytest

import harness
import wireclient
from wireclient import bind, execute, kinds, parse, query, rows, sync, wait_until

pytestmark = [pytest.mark.fixed, pytest.mark.pooled, pytest.mark.pgcarwash]


class Successor(harness.Pooler):
    """The same files, started with -R."""

    def __init__(self, old, log):
        self.__dict__.update(old.__dict__)
        self.process, self.ended, self.args = None, False, ["-R"]
        self.log_path = old.folder / log


@pytest.fixture
def successor(request):
    """successor(old) takes over from it and is stopped at the end."""
    made = []

    def make(old):
        one = Successor(old, f"successor{len(made)}.log")
        made.append(one)
        one.start(wait=False)
        wait_until(lambda: "process up" in one.log() or one.process.poll() is not None, 20,
                   "its start")
        if one.process.poll() is not None:
            raise AssertionError(one.log())
        return one

    yield make
    for one in made:
        if one.process:
            one.stop()



def test_idle_clients_go_on(pooler, successor, pg):
    old = pooler(pidfile="pooler.pid")
    wires = [old.wire(application_name=f"client {n}") for n in range(20)]
    assert all(wire.value("select 1") == "1" for wire in wires)
    new = successor(old)
    assert old.wait_end(5) == 0
    for n, wire in enumerate(wires):
        assert wire.value("show application_name") == f"client {n}"
    assert len(new.console("SHOW CLIENTS")) == 21
    assert "took over 20 clients" in new.log()
    assert old.log().count("closing because: disko over") == 20
    assert int((old.folder / "pooler.pid").read_text()) == new.pid
    with new.wire() as fresh:
        assert fresh.value("select 'new'") == "new"
    with wireclient.Wire(new.socket, "app", "app") as fresh:
        assert fresh.value("select 'over the Unix socket'") == "over the Unix socket"
    for wire in wires:
        wire.close()


def test_all_of_a_session_goes_along(pooler, successor, pg):
    old = pooler()
    wire = old.wire()
    wire.sql("set timezone to 'Asia/Tokyo'")
    wire.sql("set datestyle to 'german'")
    wire.ask(parse("mine", "select $1::int + 1", 23), sync())
    wire.ask(parse("", "select 'unnamed ' || $1", 25), sync())
    new = successor(old)
    assert old.wait_end(5) == 0
    assert rows(wire.ask(bind("", "mine", ["41"]), execute(), sync())) == [("42",)]
    assert wire.value("show timezone") == "Asia/Tokyo"
    assert wire.value("show datestyle") == "German, DMY"
    assert wireclient.errors(wire.ask(parse("mine", "select 1"), sync()))[0][0] == "42P05"
    wire.send(query("select pg_sleep(30), 'after'"))
    wait_until(lambda: pg.sql("select 1 from pg_stat_activity where state = 'active' and query"
                              " like '%''after''' and pid <> pg_backend_pid()"), 5, "the query")
    wireclient.send_cancel(new.address, wire.pid, wire.key)
    assert wireclient.errors(wire.ready())[0][0] == "57014"
    assert wire.value("select 'well'") == "well"
    wire.close()


def test_the_unnamed_statement_goes_along(pooler, successor, pg):
    old = pooler()
    with old.wire() as wire:
        wire.ask(parse("", "select 'unnamed ' || $1", 25), sync())
        successor(old)
        assert old.wait_end(5) == 0
        assert rows(wire.ask(bind("", "", ["x"]), execute(), sync())) == [("unnamed x",)]


def test_who_is_busy_stays_until_he_leaves(pooler, successor, pg):
    old = pooler()
    busy, idle, in_transaction = old.wire(), old.wire(), old.wire()
    in_transaction.sql("begin")
    busy.send(query("select pg_sleep(2), 'done'"))
    assert idle.value("select 1") == "1"
    new = successor(old)
    assert idle.value("select 2") == "2"
    assert in_transaction.value("select 3") == "3"
    in_transaction.sql("commit")
    assert rows(busy.ready()) == [("", "done")]
    assert old.process.poll() is None
    assert len([r for r in new.console("SHOW CLIENTS") if r["database"] == "app"]) == 1
    with new.wire() as fresh:
        assert fresh.value("select 4") == "4"
    busy.close()
    in_transaction.close()
    assert old.wait_end(5) == 0
    assert os.path.exists(new.socket)
    assert idle.value("select 5") == "5"
    idle.close()


def test_what_a_client_sent_meanwhile_is_not_lost(pooler, successor, pg):
    """A crowd that asks all the time: every reply comes, in order, from one or the other."""
    import threading
    old = pooler(default_pool_size=5)
    stop, troubles, counts = threading.Event(), [], []

    def ask(n):
        count = 0
        try:
            with old.wire() as wire:
                while not stop.is_set():
                    token = f"{n}-{count}"
                    if wire.value(f"select '{token}'") != token:
                        troubles.append(token)
                    count += 1
                    if n % 2:
                        time.sleep(0.002)
        except Exception as trouble:  # noqa: BLE001
            troubles.append(repr(trouble))
        counts.append(count)

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(16)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    new = successor(old)
    time.sleep(0.5)
    again = successor(new)
    time.sleep(0.5)
    stop.set()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert min(counts) > 10
    for one in (old, new):
        assert one.wait_end(5) == 0
    assert len(again.console("SHOW CLIENTS")) == 1


def test_scram_keys_go_along(pooler, successor, pg):
    """Without them the successor could not log in to servers in the client's name."""
    secret = pg.secret_of("by_scram")
    old = pooler(auth_type="scram-sha-256", secrets={"by_scram": secret, "admin": "a"},
                 server_lifetime=3600)
    with old.wire("by_scram", "app", password=harness.PASSWORDS["by_scram"]) as wire:
        assert wire.value("select 1") == "1"
        new = successor(old)
        assert old.wait_end(5) == 0
        assert wire.value("select current_user") == "by_scram"
    assert "wrong password type" not in new.log()


def test_nobody_there(pooler, successor):
    p = pooler(start=False)
    p.args = ["-R"]
    p.start()
    with p.wire() as wire:
        assert wire.value("select 1") == "1"
    assert "no old process answers" in p.log() and "deprecated" in p.log()


def test_a_successor_that_fails_changes_nothing(pooler, pg):
    old = pooler(start=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        old.start()
        with old.wire() as wire:
            assert wire.value("select 1") == "1"
            text = old.ini.read_text()
            old.ini.write_text(text.replace(f"listen_port = {old.port}",
                                            f"listen_port = {taken.getsockname()[1]}"))
            one = Successor(old, "failed.log")
            one.start(wait=False)
            one.process.wait(20)
            assert one.process.returncode == 1
            assert wire.value("select 2") == "2"
        with old.wire() as wire:
            assert wire.value("select 3") == "3"


def read_fds(path, command):
    """What the console sends our own user: bytes and descriptors."""
    with socket.socket(socket.AF_UNIX) as console:
        console.connect(path)
        console.settimeout(5)
        console.sendall(wireclient.startup({"user": "pgbouncer", "database": "pgbouncer"}))
        data, fds = b"", []
        while b"Z\0\0\0\5I" not in data:
            data += console.recv(4096)
        data = b""
        console.sendall(query(command))
        while not data.endswith(b"Z\0\0\0\5I"):
            part, control, _, _ = console.recvmsg(4096, socket.CMSG_SPACE(4))
            data += part
            for level, kind, content in control:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                fds += list(array.array("i", content))
    messages, at = [], 0
    while at < len(data):
        length, = struct.unpack_from("!I", data, at + 1)
        messages.append(wireclient.Message(chr(data[at]), data[at + 5:at + length + 1]))
        at += length + 1
    return messages, fds


def test_what_show_fds_says(pooler, pg):
    p = pooler()
    with p.wire() as wire:
        wire.value("select 1")
        answer = p.wire("admin", "pgcarwash").ask(query("SHOW FDS"))
        columns = [m.columns() for m in answer if m.kind == "T"][0]
        assert [c[0] for c in columns] == [
            "fd", "task", "user", "database", "addr", "port", "cancel", "link",
            "client_encoding", "std_strings", "datestyle", "timezone", "password",
            "scram_client_key", "scram_server_key"]
        found = p.console("SHOW FDS")
        assert [r["task"] for r in found] == ["pooler", "pooler", "client", "server"]
        [client] = [r for r in found if r["task"] == "client"]
        assert client["user"] == client["database"] == "app" and client["addr"] == "127.0.0.1"
        assert client["link"] == "0" and client["cancel"] == "0"
        assert client["client_encoding"] == "UTF8" and client["password"] is None
        assert p.console("SHOW FD_STATES") == []
        with pytest.raises(wireclient.ServerError) as caught:
            p.console("SHOW FDS", user="watcher")
        assert "admin access needed" in str(caught.value)
        # Who only looks takes nothing away.
        assert wire.value("select 2") == "2"


@pytest.mark.skipif(os.geteuid() == 0, reason="our own user must be the pooler's")
def test_descriptors_for_our_own_user(pooler, pg):
    p = pooler()
    with p.wire() as wire:
        messages, fds = read_fds(p.socket, "SHOW FDS")
        told = [m.row() for m in messages if m.kind == "D"]
        assert kinds(messages) == "T" + "D" * len(told) + "CZ"
        assert len(fds) == len(told)
        for fd in fds:
            os.close(fd)
        assert wire.value("select 1") == "1"


def test_terminated_by_its_signal(pooler, successor, pg):
    """The old process, still serving somebody, leaves at once when it is told to."""
    old = pooler()
    busy = old.wire()
    busy.sql("begin")
    new = successor(old)
    assert old.process.poll() is None
    old.signal(signal.SIGTERM)
    assert old.wait_end(5) == 0
    assert os.path.exists(new.socket)
    with new.wire() as wire:
        assert wire.value("select 1") == "1"
    busy.close()
