"""Peers that lie: servers in every message and at every state, clients from the first byte on.

Whatever they say, only they are closed, soon, and the daemon goes on with the others.
"""

import concurrent.futures
import socket
import struct
import threading
import time

import pytest

import tls
from tls import message
from wireclient import PROTOCOL_3_0, PROTOCOL_3_2, startup, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.pooled, pytest.mark.fixed]

AT_ONCE = 60
PATIENCE = 10  # seconds; no deadline of the daemon's own is longer here


def text(*words):
    return b"".join(word + b"\0" for word in words)


def number(value, size=4):
    return value.to_bytes(size, "big")


# ---- what a server may say --------------------------------------------------------------------

NOTICE = b"SERROR\0VERROR\0C42601\0Mnonsense\0\0"
SAMPLES = [
    ("R", number(0)), ("R", number(3)), ("R", number(5) + b"salt"),
    ("R", number(10) + text(b"SCRAM-SHA-256", b"")), ("R", number(11) + b"r=x,s=eA==,i=4096"),
    ("R", number(12) + b"v=eA=="), ("R", number(7)), ("S", text(b"TimeZone", b"UTC")),
    ("K", number(7) + b"four"), ("Z", b"I"), ("Z", b"T"), ("Z", b"?"), ("E", NOTICE),
    ("N", NOTICE), ("T", number(1, 2) + text(b"x") + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)),
    ("D", number(1, 2) + number(4) + b"data"), ("C", text(b"SELECT 1")), ("1", b""), ("2", b""),
    ("3", b""), ("n", b""), ("I", b""), ("s", b""), ("t", number(1, 2) + number(25)),
    ("A", number(9) + text(b"channel", b"payload")), ("G", b"\0" + number(1, 2) + number(0, 2)),
    ("H", b"\0" + number(1, 2) + number(0, 2)), ("W", b"\0" + number(0, 2)), ("d", b"data"),
    ("c", b""), ("V", number(4) + b"data"), ("v", number(PROTOCOL_3_0) + number(0)),
    ("v", number(PROTOCOL_3_2) + number(1) + text(b"_pq_.x")), ("?", b""), ("\0", b""),
    ("\x7f", b"x")]


def lies_of(kind, body):
    """The message itself, cut, too long, with counts and with lengths that are not true."""
    yield message(kind, body)
    for end in range(len(body)):
        yield message(kind, body[:end])
    yield message(kind, body + b"\xff\xff\xff")
    for size in (2, 4):
        for start in (0, 1, 4):
            if len(body) >= start + size:
                for count in (b"\xff" * size, b"\x7f" + b"\xff" * (size - 1), b"\0" * size):
                    yield message(kind, body[:start] + count + body[start + size:])
    for length in (0, 3, 5, 0x7fffffff, 0x80000000, 0xffffffff):
        yield kind.encode("latin-1") + number(length) + body


LIES = [lie for kind, body in SAMPLES for lie in lies_of(kind, body)]

# What the client asks and what the server says before it lies.
STATES = {
    "login": (None, b""),
    "proving": (None, message("R", number(0))),
    "idle": (None, None),
    "query": (message("Q", text(b"select 1")), b""),
    "rows": (message("Q", text(b"select 1")), message(*SAMPLES[14]) + message(*SAMPLES[15])),
    "batch": (message("P", text(b"", b"select 1") + number(0, 2)) + message("B", text(b"", b"")
              + b"\0" * 6) + message("D", b"P\0") + message("E", text(b"") + number(0))
              + message("S"), message("1") + message("2")),
    "copy in": (message("Q", text(b"copy t from stdin")), message("G", b"\0\0\0")),
    "copy out": (message("Q", text(b"copy t to stdout")), message("H", b"\0\0\0")),
}


class Liar:
    """Servers that lie on the first connection of each database; its name says how."""

    def __init__(self):
        self.lock, self.seen = threading.Lock(), set()

    def serve(self, one):
        words = tls.take_packet(one)[4:].split(b"\0")
        name = words[words.index(b"database") + 1].decode()
        with self.lock:
            first, _ = name not in self.seen, self.seen.add(name)
        state, index = name.rsplit("/", 1)
        if first:
            self.lie(one, state, LIES[int(index)])
        else:
            tls.welcome(one)

    @staticmethod
    def lie(one, state, lie):
        before = STATES[state][1]
        if state not in ("login", "proving"):
            one.sendall(message("R", number(0)) + message("K", number(7) + b"four")
                        + message("Z", b"I"))
        if before is not None and STATES[state][0]:
            one.recv(65536)
        one.sendall((before or b"") + lie)
        one.settimeout(0.05)
        try:
            while one.recv(65536):
                pass
        except OSError:
            pass


def converse(address, name, request):
    """Logs in and asks; how long until it was answered or closed."""
    began = time.monotonic()
    with socket.create_connection(address, PATIENCE) as one:
        one.settimeout(PATIENCE)
        one.sendall(startup({"user": "app", "database": name})
                    + (request or message("Q", text(b"select 1"))) + message("X"))
        try:
            while one.recv(65536):
                pass
        except ConnectionResetError:
            pass
    return time.monotonic() - began


@pytest.mark.parametrize("state", STATES, ids=lambda s: s.replace(" ", "_"))
def test_a_server_lies(pooler, pg, state):
    liar = Liar()
    with tls.FakeServer(liar.serve) as fake:
        p = pooler(databases={"app": {}, "*": f"host=127.0.0.1 port={fake.port}"}, warm=False,
                   server_login_retry=0.1, server_connect_timeout=2, query_timeout=2,
                   server_tls_sslmode="disable",
                   max_client_conn=5000, log_connections=0, log_disconnections=0)
        with p.wire() as honest, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as many:
            running = [many.submit(converse, p.address, f"{state}/{i}", STATES[state][0])
                       for i in range(len(LIES))]
            while not all(one.done() for one in running):
                assert honest.value("select 'true'") == "true"
                time.sleep(0.02)
            assert max(one.result() for one in running) < PATIENCE
            assert honest.value("select 'true'") == "true"
    assert len(liar.seen) == len(LIES)


# ---- what a client may say --------------------------------------------------------------------

WELCOME = {"user": "app", "database": "app"}


def starts():
    """Start-up packets that are cut, too long or nonsense; and requests with too much in them."""
    whole = startup({**WELCOME, "options": "-c a.b=c", "_pq_.x": "y"})
    for end in range(len(whole)):
        yield whole[:end]
        if end >= 8:
            yield number(end) + whole[4:end]
    for length in (0, 1, 3, 4, 7, 8, 10001, 0x7fffffff, 0x80000000, 0xffffffff):
        yield number(length) + whole[4:]
    for code in (80877102, 80877103, 80877104, 80877105, 0, 0x00020000, 0x00040000, 0xffffffff,
                 0x0003ffff):
        for rest in (b"", b"\0", b"x" * 7, b"x" * 300):
            yield number(8 + len(rest)) + number(code) + rest
    yield startup({"user": "u" * 9000})
    yield startup({f"a.b{i}": "" for i in range(1500)} | WELCOME)
    yield startup(WELCOME)[:-1] + text(*[b"_pq_.", b""] * 900) + b"\0"
    yield b"\xff" * 20000


def messages():
    """Each message of a client, cut, too long and with counts that lie."""
    bodies = [("Q", text(b"select 1")), ("P", text(b"s", b"select $1") + number(1, 2) + number(25)),
              ("B", text(b"", b"s") + number(1, 2) + number(0, 2) + number(1, 2) + number(1)
               + b"x" + number(1, 2) + number(0, 2)), ("D", b"S" + text(b"s")),
              ("C", b"P" + text(b"")), ("E", text(b"") + number(0)), ("S", b""), ("H", b""),
              ("F", number(1) + number(0, 2) * 3), ("d", b"data"), ("c", b""), ("f", text(b"why")),
              ("p", text(b"word")), ("X", b""), ("?", b""), ("\0", b"")]
    for kind, body in bodies:
        yield from lies_of(kind, body)


def provoke(address, data, hang_up):
    """Says it; then says no more, or closes its half. How long until it was closed."""
    began = time.monotonic()
    with socket.create_connection(address, PATIENCE) as one:
        one.settimeout(PATIENCE)
        try:
            one.sendall(data)
            if hang_up:
                one.shutdown(socket.SHUT_WR)
            while one.recv(65536):
                pass
        except (ConnectionResetError, BrokenPipeError):
            pass
        except OSError as trouble:
            if isinstance(trouble, TimeoutError):
                raise
    return time.monotonic() - began


@pytest.mark.parametrize("hang_up", [False, True], ids=["waits", "hangs_up"])
@pytest.mark.parametrize("kind", ["start", "message"])
def test_a_client_lies(pooler, kind, hang_up):
    p = pooler(client_login_timeout=2, client_idle_timeout=2, idle_transaction_timeout=2,
               query_timeout=2, log_connections=0, log_disconnections=0, max_client_conn=5000,
               tcp_defer_accept=0)
    head = startup(WELCOME) if kind == "message" else b""
    data = [head + one for one in (messages() if kind == "message" else starts())]
    # Of a pool of its own: servers that liars keep until query_timeout are not waited for.
    with p.wire(user="other") as honest, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as many:
        running = [many.submit(provoke, p.address, one, hang_up) for one in data]
        while not all(one.done() for one in running):
            assert honest.value("select 'true'") == "true"
            time.sleep(0.02)
        assert max(one.result() for one in running) < PATIENCE
    wait_until(lambda: p.console("SHOW LISTS")[7]["items"] == "0", 5, "the last logins")
    with p.wire() as honest:
        assert honest.value("select 2") == "2"


def test_sockets_that_say_nothing(pooler):
    """Hundreds of them: they cost little, keep nobody waiting, and go."""
    # Otherwise those without a byte would be the kernel's, and no business of ours.
    p = pooler(client_login_timeout=2, tcp_defer_accept=0)
    before = p.memory()
    ones = [socket.create_connection(p.address, 5) for _ in range(400)]
    for one in ones[::2]:
        one.sendall(startup(WELCOME)[:-1])
    with p.wire() as honest:
        assert honest.value("select 1") == "1"
        for one in ones:
            one.settimeout(PATIENCE)
            try:
                while one.recv(1000):
                    pass
            except ConnectionResetError:
                pass
            one.close()
        assert honest.value("select 2") == "2"
    assert p.memory() - before < 4000 or "asan" in str(p.binary())
