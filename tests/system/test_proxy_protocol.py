"""The PROXY protocol: HAProxy in front passes clients on, and everything knows the real ones."""

import shutil
import signal
import socket
import subprocess
import threading

import pytest

import harness
from test_takeover import successor  # noqa: F401  (a fixture)
from wireclient import Gone, ServerError, startup, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.pooled, pytest.mark.fixed]

PROXY_HOST = "127.0.0.2"
HAPROXY = shutil.which("haproxy") or "/usr/sbin/haproxy"


class Haproxy(harness.Endpoint):
    """A HAProxy in TCP mode that says to target whose connections they are."""

    def __init__(self, parent, target, words):
        self.folder = harness.make_folder(parent, "haproxy.")
        self.port = harness.free_port()
        if isinstance(target, str):
            where = f"unix@{target}"
        else:
            where = f"127.0.0.1:{target[1]} source {PROXY_HOST}"
        config = self.folder / "haproxy.cfg"
        config.write_text(f"""
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen postgres
    bind 127.0.0.1:{self.port}
    server pooler {where} {words}
""", encoding="utf-8")
        harness.give_away(config)
        self.log = open(self.folder / "haproxy.log", "ab")
        self.process = harness.spawn([HAPROXY, "-db", "-f", config], self.folder, self.log)
        wait_until(self.accepts, 10, "HAProxy's start", 0.01)

    def accepts(self):
        assert self.process.poll() is None, (self.folder / "haproxy.log").read_text()
        try:
            socket.create_connection(self.address, 1).close()
            return True
        except OSError:
            return False

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.log.close()


@pytest.fixture
def haproxy(folder):
    made = []

    def make(target, words):
        made.append(Haproxy(folder, target, words))
        return made[-1]
    yield make
    for one in made:
        one.stop()


def client_of(pooler, user="app"):
    """Address and port of the only client of this name, as SHOW CLIENTS tells them."""
    found = [row for row in pooler.console("SHOW CLIENTS") if row["user"] == user]
    assert len(found) == 1, found
    return found[0]["addr"], int(found[0]["port"])


@pytest.mark.parametrize("words", ["send-proxy", "send-proxy-v2",
                                   "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_the_real_client_is_known(pooler, haproxy, words):
    p = pooler(proxy_protocol_from=PROXY_HOST, application_name_add_host=1)
    through = haproxy(p.address, words)
    with through.wire() as wire:
        mine = wire.socket.getsockname()
        assert wire.value("select 1 + 1") == "2"
        assert wire.value("show application_name") == f"app - {mine[0]}:{mine[1]}"
        assert client_of(p) == mine
        assert [row for row in p.console("SHOW SOCKETS")
                if row["user"] == "app" and row["port"] == str(mine[1])]
    assert f"app/app@127.0.0.1:{mine[1]} login attempt: " in p.log()
    assert f" replication=no proxy={PROXY_HOST}:" in p.log()


def test_rules_are_for_the_real_client(pooler, haproxy):
    p = pooler(start=False, auth_type="hba", proxy_protocol_from=PROXY_HOST)
    rules = p.folder / "hba.conf"
    p.settings["auth_hba_file"] = rules
    rules.write_text(f"host all all {PROXY_HOST}/32 reject\nhost all all 127.0.0.1/32 trust\n")
    harness.give_away(rules)
    p.write()
    p.start()
    through = haproxy(p.address, "send-proxy-v2")
    with through.wire() as wire:
        assert wire.value("select 1") == "1"


def test_over_a_unix_socket(pooler, haproxy):
    p = pooler(proxy_protocol_from="unix")
    through = haproxy(p.socket, "send-proxy")
    with through.wire() as wire:
        assert client_of(p) == wire.socket.getsockname()
    # The proxy runs as the same user, but its clients are not that user.
    with pytest.raises(ServerError, match="not allowed"):
        through.wire("nobody", "pgcarwash")


def test_a_cancel_comes_through(pooler, haproxy):
    p = pooler(proxy_protocol_from=PROXY_HOST)
    through = haproxy(p.address, "send-proxy-v2")
    with through.psycopg() as connection:
        timer = threading.Timer(0.3, connection.cancel)
        timer.start()
        with pytest.raises(Exception, match="canceling statement due to user request"):
            connection.execute("select pg_sleep(20)")
        timer.join()
        assert connection.execute("select 7").fetchone() == (7,)


def test_health_checks_are_no_news(pooler, haproxy):
    p = pooler(proxy_protocol_from=PROXY_HOST)
    through = haproxy(p.address, "send-proxy-v2 check inter 100ms check-send-proxy")
    with through.wire() as wire:
        for _ in range(10):
            assert wire.value("select pg_sleep(0.05)") == ""
    assert "PROXY" not in p.log()
    assert p.log().count("unexpected eof") == 0


def test_a_reload_changes_who_is_trusted(pooler, haproxy):
    p = pooler()
    through = haproxy(p.address, "send-proxy")
    with pytest.raises((Gone, ServerError)):
        through.wire()
    p.settings["proxy_protocol_from"] = f"192.0.2.0/24, {PROXY_HOST}/32"
    p.reload()
    with through.wire() as wire:
        assert wire.value("select 1") == "1"
        p.settings["proxy_protocol_from"] = ""
        p.reload()
        # Who is in stays in, as who he is.
        assert wire.value("select 2") == "2"
        assert client_of(p) == wire.socket.getsockname()
    with pytest.raises((Gone, ServerError)):
        through.wire()


def test_an_online_restart_keeps_it(pooler, haproxy, successor):  # noqa: F811
    """SHOW FDS says who the client is, and the process that goes on with it knows."""
    old = pooler(proxy_protocol_from=PROXY_HOST, application_name_add_host=1)
    through = haproxy(old.address, "send-proxy-v2")
    with through.wire() as wire:
        mine = wire.socket.getsockname()
        told = [row for row in old.console("SHOW FDS") if row["user"] == "app"]
        assert [(row["addr"], int(row["port"])) for row in told if row["task"] == "client"] == [mine]
        new = successor(old)
        assert old.wait_end(5) == 0
        assert client_of(new) == mine
        assert wire.value("show application_name") == f"app - {mine[0]}:{mine[1]}"
        with through.wire("other") as fresh:
            assert client_of(new, "other") == fresh.socket.getsockname()
        again = successor(new)
        assert new.wait_end(5) == 0
        assert client_of(again) == mine
        wire.close()
        wait_until(lambda: f"app/app@{mine[0]}:{mine[1]} closing because: client close request"
                   in again.log(), 5, "the line of its end")


def test_no_online_restart_through_a_socket_of_proxies(pooler):
    p = pooler(proxy_protocol_from="unix")
    done = subprocess.run([p.binary(), "-R", p.ini], capture_output=True, text=True, timeout=20,
                          **harness.unprivileged())
    assert done.returncode == 1
    assert "is not possible while proxy_protocol_from names unix" in done.stderr + p.log()
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


def test_without_a_header_nobody_comes_in(pooler):
    p = pooler(proxy_protocol_from=PROXY_HOST)
    for first in (startup({"user": "app"}), b"PROXY TCP4 1.2.3.4\r\n", b"\x16\x03\x01\x02\x00"):
        with socket.create_connection(p.address, 5, source_address=(PROXY_HOST, 0)) as one:
            one.sendall(first)
            assert one.recv(100) == b""
    wait_until(lambda: p.log().count("WARNING C-") == 3, 5, "three lines")
    assert p.log().count(" no PROXY header, or a bad one\n") >= 3
    # From elsewhere a header is no start-up packet.
    with socket.create_connection(p.address, 5) as one:
        one.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + startup({"user": "app"}))
        assert one.recv(1) in (b"E", b"")
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


def test_a_wrong_network_is_told(pooler):
    p = pooler(start=False, proxy_protocol_from="10.0.0.0/33")
    done = subprocess.run([p.binary(), "--check", p.ini], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'bad value "10.0.0.0/33" for setting "proxy_protocol_from"' in done.stdout + done.stderr
