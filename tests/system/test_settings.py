"""Settings that no other test is about: each does what its help says."""

import collections
import ctypes
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

import harness
import wireclient
from wireclient import Gone, ServerError, errors, extended, kinds, query, rows, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]


def refused(act):
    """The text of the error that ends it."""
    with pytest.raises(ServerError) as caught:
        act()
    return caught.value.text


def ends_with(wire, text, least, most):
    started = time.monotonic()
    assert errors(wire.rest())[-1:] == [("08P01", text)]
    took = time.monotonic() - started
    assert least <= took <= most, f"{text} came after {took:.2f} s"


# ---- one entry of [databases] or [users] has a value of its own ---------------------------------

def test_sizes_of_one_database(pooler, pg):
    p = pooler(databases={"app": {"min_pool_size": 2}, "second": {}})
    with p.wire(), p.wire(database="second"):
        wait_until(lambda: len(pg.backends("datname = 'app'")) == 2, 5, "min_pool_size of app")
        assert len(pg.backends("datname = 'second'")) == 1


@pytest.mark.parametrize("where", ["reserve_pool_size", "reserve_pool", "user"])
def test_reserve_of_one_entry(pooler, pg, where):
    own = {} if where == "user" else {where: 1}
    users = {"app": "reserve_pool_size=1"} if where == "user" else {}
    p = pooler(databases={"app": own, "second": {}}, users=users, default_pool_size=1,
               reserve_pool_timeout=0.5, query_wait_timeout=2)
    with p.wire() as first, p.wire() as second:
        first.sql("begin")
        assert second.value("select 'from the reserve'") == "from the reserve"
        assert len(pg.backends("datname = 'app'")) == 2
        first.sql("commit")
    if where != "user":
        with p.wire(database="second") as first, p.wire(database="second") as second:
            first.sql("begin")
            second.send(query("select 1"))
            ends_with(second, "query_wait_timeout", 1.5, 4)


def test_lifetime_of_one_database(pooler, pg):
    p = pooler(databases={"app": {"server_lifetime": 1}, "second": {}})
    with p.wire() as short, p.wire(database="second") as long:
        before = short.value("select pg_backend_pid()"), long.value("select pg_backend_pid()")
        time.sleep(2)
        after = short.value("select pg_backend_pid()"), long.value("select pg_backend_pid()")
    assert before[0] != after[0] and before[1] == after[1]


@pytest.mark.parametrize("setting", ["of the database", "of the user"])
def test_wait_timeout_of_one_entry(pooler, setting):
    mine, users = {"query_wait_timeout": 1}, {}
    if setting == "of the user":
        # It comes before that of the database.
        mine, users = {"query_wait_timeout": 15}, {"app": "query_wait_timeout=1"}
    p = pooler(databases={"app": mine}, users=users, default_pool_size=1)
    with p.wire() as holder, p.wire() as waiter:
        holder.sql("begin")
        waiter.send(query("select 1"))
        ends_with(waiter, "query_wait_timeout", 0.8, 3)


def test_timeouts_of_one_user(pooler):
    p = pooler(users={"app": "idle_transaction_timeout=1", "other": "transaction_timeout=1",
                      "third": "client_idle_timeout=1"})
    wires = [p.wire(name) for name in ("app", "other", "third", "admin")]
    for wire in wires[:2] + wires[3:]:
        wire.sql("begin")
    started = time.monotonic()
    for wire, text in zip(wires, ("idle transaction timeout", "transaction timeout",
                                  "client_idle_timeout")):
        assert errors(wire.rest()) == [("08P01", text)]
    assert 0.8 < time.monotonic() - started < 3
    assert wires[3].value("select 'still here'") == "still here"
    wires[3].close()


def test_clients_of_one_entry(pooler):
    p = pooler(databases={"app": {"max_db_client_connections": 1}, "second": {}},
               users={"other": "max_user_client_connections=1"})
    with p.wire():
        assert refused(p.wire) == "client connections exceeded (max_db_client_connections)"
        with p.wire("other", "second"), p.wire("app", "second"), p.wire("app", "second"):
            assert refused(lambda: p.wire("other", "second")) == \
                "client connections exceeded (max_user_client_connections)"
    wait_until(lambda: not p.servers(state="active"), 5, "the end of all")
    p.wire().close()


def test_encoding_of_one_database(pooler):
    p = pooler(databases={"app": {"client_encoding": "LATIN1"}, "second": {}})
    with p.wire() as one, p.wire(database="second") as two:
        assert one.parameters["client_encoding"] == "LATIN1"
        assert two.parameters["client_encoding"] == "UTF8"


# ---- clients ------------------------------------------------------------------------------------

def test_disable_pqexec(pooler):
    p = pooler(disable_pqexec=1)
    with p.wire() as wire:
        assert wire.bound("select 'extended'") == [("extended",)]
        wire.send(query("select 'simple'"))
        assert errors(wire.rest()) == [("08P01", "PQexec disallowed")]
    assert p.console("SHOW VERSION")


# ---- the log ------------------------------------------------------------------------------------

def test_log_pooler_errors(pooler):
    p = pooler(log_pooler_errors=0)
    assert refused(lambda: p.wire(database="nosuch")) == "no such database: nosuch"
    p.settings["log_pooler_errors"] = 1
    p.reload()
    assert "pooler error" not in p.log()
    assert refused(lambda: p.wire(database="nosuch")) == "no such database: nosuch"
    assert re.search(r"WARNING C-0x\w+: nosuch/app@127\.0\.0\.1:\d+ pooler error: no such database:"
                     r" nosuch\n", p.log())


def test_log_stats(pooler):
    quiet, p = pooler(log_stats=0, stats_period=1), pooler(stats_period=1)
    with p.wire() as wire:
        wire.sql("select 1")
        wait_until(lambda: len(re.findall(
            r" LOG stats: \d+ xacts/s, \d+ queries/s, \d+ client parses/s, \d+ server parses/s,"
            r" \d+ binds/s, \d+ client logins/s, in \d+ B/s, out \d+ B/s, xact \d+ us, query \d+ us,"
            r" wait \d+ us", p.log())) >= 2, 5, "two lines of totals")
    assert "stats:" not in quiet.log()


def test_conffile(pooler):
    """SET names another file; the next reload reads that one, and those after it."""
    p = pooler(query_wait_timeout=11)
    other = p.folder / "other.ini"
    other.write_text(p.ini.read_text().replace("query_wait_timeout = 11", "query_wait_timeout = 12"))
    harness.give_away(other)

    def value(key):
        return {row["key"]: row["value"] for row in p.console("SHOW CONFIG")}[key]

    p.console(f"SET conffile = '{other}'")
    assert value("query_wait_timeout") == "11"
    for _ in range(2):
        p.console("RELOAD")
        assert (value("query_wait_timeout"), value("conffile")) == ("12", str(other))


# ---- console ------------------------------------------------------------------------------------

def test_suspend_timeout(pooler):
    """Who cannot be brought to a stop, because he does not read, is closed then."""
    p = pooler(suspend_timeout=1, tcp_socket_buffer=8192)
    with p.wire() as deaf, p.wire() as calm:
        calm.sql("select 1")
        deaf.send(query("select repeat('x', 1000) from generate_series(1, 100000)"))
        time.sleep(0.5)
        with p.wire("admin", harness.CONSOLE) as console:
            started = time.monotonic()
            assert kinds(console.ask(query("SUSPEND"))) == "CZ"
            assert 0.8 < time.monotonic() - started < 3
            assert kinds(console.ask(query("RESUME"))) == "CZ"
        assert calm.value("select 'goes on'") == "goes on"
    assert "closing because: suspend_timeout" in p.log()


# ---- network ------------------------------------------------------------------------------------

def socket_of(pid, fd):
    """A copy of another process's socket (pidfd_open(2), pidfd_getfd(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    process = libc.syscall(434, pid, 0)
    copy = libc.syscall(438, process, fd, 0)
    os.close(process)
    if copy < 0:
        pytest.skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
    return socket.socket(fileno=copy)


def tcp_sockets(pid):
    """(socket, is listening) of each TCP socket of the process."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            if not os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:"):
                continue
        except FileNotFoundError:
            continue
        one = socket_of(pid, int(fd))
        if one.family == socket.AF_INET and one.type == socket.SOCK_STREAM:
            yield one, bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
        else:
            one.close()


def options_of(p):
    """What the kernel says of the listening socket and of connections, as two sets of tuples."""
    found = {True: set(), False: set()}
    for one, listens in tcp_sockets(p.pid):
        with one:
            found[listens].add((
                one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
                one.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
                one.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)))
    return found[True], found[False]


def test_tcp_options(pooler):
    """Of clients' and of servers' connections alike; a reload changes those of new ones."""
    with socket.socket() as fresh:
        system = tuple(fresh.getsockopt(socket.IPPROTO_TCP, option) for option in (
            socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT))
    p = pooler(tcp_keepalive=1, tcp_keepidle=101, tcp_keepintvl=17, tcp_keepcnt=4,
               tcp_user_timeout=55000, tcp_socket_buffer=30000)
    with p.wire() as wire:
        wire.sql("select 1")
        _, used = options_of(p)
        assert {one[:5] for one in used} == {(1, 101, 17, 4, 55000)}
        # The kernel doubles what is asked for.
        assert {one[5:] for one in used} == {(60000, 60000)}
    p.settings.update(tcp_keepalive=0, tcp_keepidle=0, tcp_keepintvl=0, tcp_keepcnt=0,
                      tcp_user_timeout=0, tcp_socket_buffer=0)
    p.reload()
    p.postgres.kill_backends()
    with p.wire() as wire:
        wire.sql("select 1")
        _, used = options_of(p)
        assert {(one[0], one[4]) for one in used} == {(0, 0)}
        assert {one[1:4] for one in used} == {system}
        assert all(one[6] != 60000 for one in used)


def test_tcp_defer_accept(pooler):
    p = pooler()
    for setting in (1, 0, 1):
        p.console(f"SET tcp_defer_accept = {setting}")
        listening = [one.getsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT)
                     for one, listens in tcp_sockets(p.pid) if listens]
        assert len(listening) == 1 and (listening[0] > 0) == bool(setting)


def test_listen_backlog(pooler):
    p = pooler(listen_backlog=37)
    shown = subprocess.run(["ss", "-Hltn", f"sport = :{p.port}"], capture_output=True, text=True,
                           check=True)
    assert shown.stdout.split()[2] == "37", shown.stdout


# ---- Unix socket --------------------------------------------------------------------------------

def test_unix_socket_mode_and_group(pooler, monkeypatch):
    who = harness.unprivileged()
    if not who:
        pytest.skip("only root can start a process that is in a group of our choice")
    monkeypatch.setattr(harness, "unprivileged", lambda: {**who, "extra_groups": [1]})
    import grp
    p = pooler(unix_socket_mode="0750", unix_socket_group=grp.getgrgid(1).gr_name)
    found = os.stat(p.socket)
    assert (found.st_mode & 0o777, found.st_gid) == (0o750, 1)
    other = pooler(wait=False, unix_socket_group="no_such_group")
    assert other.wait_end(5) == 1
    assert "no_such_group" in other.log()


# ---- names --------------------------------------------------------------------------------------

class Names(threading.Thread):
    """A name server: knows db.test, counts who is asked for (RFC 1035, section 4)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(type=socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.asked = collections.Counter()
        self.start()

    def run(self):
        while True:
            asked, peer = self.socket.recvfrom(512)
            labels, at = [], 12
            while asked[at]:
                labels.append(asked[at + 1:at + 1 + asked[at]].decode().lower())
                at += 1 + asked[at]
            name, kind = ".".join(labels), struct.unpack_from("!H", asked, at + 1)[0]
            known = name == "db.test"
            if kind == 1:
                self.asked[name] += 1
            answers = known and kind == 1
            head = asked[:2] + struct.pack("!HHHHH", 0x8180 if known else 0x8183, 1, answers, 0, 0)
            body = asked[12:at + 5]
            if answers:
                body += struct.pack("!HHHIH", 0xc00c, 1, 1, 3600, 4) + bytes((127, 0, 0, 1))
            self.socket.sendto(head + body, peer)


def test_names_are_remembered(pooler, pg):
    """resolv_conf names the server; each answer counts as long as dns_max_ttl says, one that there
    is no such name as long as dns_nxdomain_ttl."""
    names = Names()
    p = pooler(start=False, dns_max_ttl=2, dns_nxdomain_ttl=1, server_login_retry=0.1,
               client_login_timeout=2,
               databases={"app": {"host": "db.test"}, "second": {"host": "none.test"}})
    resolv = p.folder / "resolv.conf"
    resolv.write_text(f"nameserver 127.0.0.1:{names.socket.getsockname()[1]}\noptions ndots:1\n")
    harness.give_away(resolv)
    p.settings["resolv_conf"] = resolv
    p.write()
    p.start()
    p.wire().close()
    assert names.asked["db.test"] == 1
    hosts = {row["hostname"]: row for row in p.console("SHOW DNS_HOSTS")}
    assert hosts["db.test"]["addrs"].startswith("127.0.0.1")
    for _ in range(3):
        pg.kill_backends()
        p.wire().close()
    assert names.asked["db.test"] == 1
    time.sleep(2.2)
    pg.kill_backends()
    p.wire().sql("select 1")
    assert names.asked["db.test"] == 2
    started = time.monotonic()
    with pytest.raises((ServerError, Gone)):
        p.wire(database="second")
    # Tried again all the time, asked for once in a second.
    assert 1 <= names.asked["none.test"] <= 2 + (time.monotonic() - started)
