"""A PostgreSQL client made of a socket and nothing else.

Tests build every message by hand, send it in whatever pieces they like and see every message
that comes back, in order. Message formats: PostgreSQL documentation, chapter "Frontend/Backend
Protocol", section "Message Formats".
"""

import base64
import collections
import hashlib
import hmac
import os
import socket
import struct
import time

PROTOCOL_3_0 = 196608
PROTOCOL_3_2 = 196610
SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)


# ---- messages a client sends ------------------------------------------------------------------

def _text(value):
    return value if isinstance(value, bytes) else str(value).encode()


def _cstring(value):
    return _text(value) + b"\0"


def message(kind, body=b""):
    return kind.encode() + struct.pack("!I", len(body) + 4) + body


def startup(params, version=PROTOCOL_3_0):
    body = struct.pack("!I", version)
    for name, value in params.items():
        body += _cstring(name) + _cstring(value)
    body += b"\0"
    return struct.pack("!I", len(body) + 4) + body


def cancel_request(pid, key):
    """key: a number of four bytes, or bytes."""
    if isinstance(key, int):
        key = struct.pack("!I", key)
    return struct.pack("!III", 12 + len(key), 80877102, pid) + key


def query(sql):
    return message("Q", _cstring(sql))


def parse(name, sql, *types):
    body = _cstring(name) + _cstring(sql) + struct.pack("!H", len(types))
    return message("P", body + b"".join(struct.pack("!I", oid) for oid in types))


def _values(values):
    body = struct.pack("!H", len(values))
    for value in values:
        if value is None:
            body += struct.pack("!i", -1)
        else:
            body += struct.pack("!i", len(_text(value))) + _text(value)
    return body


def bind(portal="", statement="", values=(), formats=(), results=()):
    body = _cstring(portal) + _cstring(statement)
    body += struct.pack("!H", len(formats)) + b"".join(struct.pack("!H", f) for f in formats)
    body += _values(values)
    body += struct.pack("!H", len(results)) + b"".join(struct.pack("!H", f) for f in results)
    return message("B", body)


def describe(kind, name=""):
    return message("D", kind.encode() + _cstring(name))


def execute(portal="", limit=0):
    return message("E", _cstring(portal) + struct.pack("!I", limit))


def close(kind, name=""):
    return message("C", kind.encode() + _cstring(name))


def sync():
    return message("S")


def flush():
    return message("H")


def terminate():
    return message("X")


def copy_data(data):
    return message("d", _text(data))


def copy_done():
    return message("c")


def copy_fail(reason):
    return message("f", _cstring(reason))


def function_call(oid, *arguments):
    body = struct.pack("!IH", oid, 0) + _values(arguments) + struct.pack("!H", 0)
    return message("F", body)


def extended(sql, *values, name="", types=()):
    """Parse, Bind, Describe, Execute and Sync of one statement."""
    return (parse(name, sql, *types) + bind("", name, values) + describe("P") + execute()
            + sync())


# ---- messages a server sends ------------------------------------------------------------------

class Message(collections.namedtuple("Message", "kind body")):
    """One message of the server; the readers below give its parts."""

    def fields(self):
        """ErrorResponse, NoticeResponse: field letter -> text."""
        parts = self.body.rstrip(b"\0").split(b"\0")
        return {part[:1].decode(): part[1:].decode(errors="replace") for part in parts if part}

    def row(self):
        """DataRow: the values as bytes, None for NULL."""
        count, = struct.unpack_from("!H", self.body)
        at, values = 2, []
        for _ in range(count):
            size, = struct.unpack_from("!i", self.body, at)
            at += 4
            values.append(None if size < 0 else self.body[at:at + size])
            at += max(size, 0)
        return values

    def columns(self):
        """RowDescription: (name, table, attribute, type, size, modifier, format) of each."""
        count, = struct.unpack_from("!H", self.body)
        at, columns = 2, []
        for _ in range(count):
            end = self.body.index(b"\0", at)
            name = self.body[at:end].decode()
            columns.append((name, *struct.unpack_from("!IHIhih", self.body, end + 1)))
            at = end + 19
        return columns

    def status(self):
        """ReadyForQuery: 'I', 'T' or 'E'."""
        return self.body.decode()

    def tag(self):
        """CommandComplete: the tag."""
        return self.body[:-1].decode()

    def pair(self):
        """ParameterStatus: (name, value)."""
        name, value = self.body[:-1].split(b"\0")
        return name.decode(), value.decode()

    def __repr__(self):
        if self.kind in "EN" and self.body:
            fields = self.fields()
            return f"{self.kind}({fields.get('S')} {fields.get('C')} {fields.get('M')!r})"
        body = self.body if len(self.body) <= 60 else self.body[:57] + b"..."
        return f"{self.kind}({body!r})"


def kinds(messages):
    """The types of the messages as one string, as in 'TDCZ'."""
    return "".join(m.kind for m in messages)


def rows(messages):
    """The rows among the messages, their values as text."""
    return [tuple(None if v is None else v.decode(errors="replace") for v in m.row())
            for m in messages if m.kind == "D"]


def errors(messages):
    """(SQLSTATE, text) of the errors among the messages."""
    return [(m.fields()["C"], m.fields()["M"]) for m in messages if m.kind == "E"]


class ServerError(Exception):
    """An ErrorResponse where none was expected."""

    def __init__(self, answer):
        self.fields = answer.fields()
        self.sqlstate = self.fields.get("C")
        self.severity = self.fields.get("S")
        self.text = self.fields.get("M")
        super().__init__(f"{self.severity} {self.sqlstate}: {self.text}")


class Gone(Exception):
    """The server closed the connection."""


# ---- SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677) ------------------------------------

class Scram:
    def __init__(self, password):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.first = "n=,r=" + self.nonce

    def initial(self):
        data = ("n,," + self.first).encode()
        return message("p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(data)) + data)

    def final(self, challenge):
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        if not parts["r"].startswith(self.nonce):
            raise AssertionError("the server's nonce does not begin with the client's")
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(parts["s"]),
                                     int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        bare = "c=biws,r=" + parts["r"]
        signed = ",".join((self.first, challenge.decode(), bare)).encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.expected = hmac.digest(server_key, signed, "sha256")
        return message("p", f"{bare},p={base64.b64encode(proof).decode()}".encode())

    def check(self, data):
        parts = dict(part.split("=", 1) for part in data.decode().split(","))
        if base64.b64decode(parts["v"]) != self.expected:
            raise AssertionError("the server's SCRAM signature is wrong")


# ---- the client -------------------------------------------------------------------------------

class Wire:
    """One connection. Every read has a deadline; `received` keeps what came since login."""

    def __init__(self, address, user="app", database="app", password=None, timeout=10,
                 login=True, version=PROTOCOL_3_0, **params):
        self.address = address
        self.user, self.password = user, password
        self.params = {"user": user, "database": database, **params}
        self.params = {k: v for k, v in self.params.items() if v is not None}
        self.version = version
        self.parameters, self.pid, self.key = {}, None, None
        self.greeting, self.received = [], []
        self.buffer, self.at = bytearray(), 0
        if isinstance(address, str):
            self.socket = socket.socket(socket.AF_UNIX)
        else:
            self.socket = socket.socket()
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        if login:
            try:
                self.login()
            except BaseException:
                self.socket.close()
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- login

    def login(self):
        """From the startup packet to the first ReadyForQuery; ServerError when refused."""
        self.send(startup(self.params, self.version))
        scram = None
        while True:
            answer = self.read()
            if answer.kind == "R":
                scram = self._authenticate(answer, scram)
            elif answer.kind == "S":
                name, value = answer.pair()
                self.parameters[name] = value
            elif answer.kind == "K":
                self.pid, = struct.unpack_from("!I", answer.body)
                self.key = answer.body[4:]
                if len(self.key) == 4:
                    self.key, = struct.unpack("!I", self.key)
            elif answer.kind == "E":
                raise ServerError(answer)
            elif answer.kind == "Z":
                break
        self.greeting, self.received = self.received, []

    def _authenticate(self, answer, scram):
        kind, = struct.unpack_from("!I", answer.body)
        password = self.password or ""
        if kind == 3:
            self.send(message("p", _cstring(password)))
        elif kind == 5:
            inner = hashlib.md5((password + self.user).encode()).hexdigest()
            outer = hashlib.md5(inner.encode() + answer.body[4:8]).hexdigest()
            self.send(message("p", _cstring("md5" + outer)))
        elif kind == 10:
            scram = Scram(password)
            self.send(scram.initial())
        elif kind == 11:
            self.send(scram.final(answer.body[4:]))
        elif kind == 12:
            scram.check(answer.body[4:])
        elif kind != 0:
            raise AssertionError(f"authentication request {kind} is not expected")
        return scram

    # -- bytes

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def _fill(self, wanted):
        while len(self.buffer) - self.at < wanted:
            if self.at > 1 << 20:
                del self.buffer[:self.at]
                self.at = 0
            try:
                data = self.socket.recv(1 << 18)
            except socket.timeout:
                raise TimeoutError(f"no answer; so far: {self.received[-12:]}") from None
            except ConnectionResetError:
                data = b""
            if not data:
                raise Gone(f"connection closed; last messages: {self.received[-12:]}")
            self.buffer += data

    def read(self, keep=True):
        """The next message. keep=False for large answers that nobody looks at later."""
        self._fill(5)
        kind = chr(self.buffer[self.at])
        length, = struct.unpack_from("!I", self.buffer, self.at + 1)
        self._fill(length + 1)
        answer = Message(kind, bytes(self.buffer[self.at + 5:self.at + length + 1]))
        self.at += length + 1
        if self.at == len(self.buffer):
            self.buffer, self.at = bytearray(), 0
        if keep:
            self.received.append(answer)
        return answer

    def until(self, wanted):
        """Messages up to and with the first whose type is one of `wanted`."""
        found = []
        while not found or found[-1].kind not in wanted:
            found.append(self.read())
        return found

    def ready(self, count=1):
        """Messages up to and with the count-th ReadyForQuery."""
        found = []
        for _ in range(count):
            found += self.until("Z")
        return found

    def quiet(self, seconds=0.2):
        """True when nothing arrives for that long."""
        if self.at < len(self.buffer):
            return False
        before = self.socket.gettimeout()
        self.socket.settimeout(seconds)
        try:
            data = self.socket.recv(1 << 16)
        except socket.timeout:
            return True
        finally:
            self.socket.settimeout(before)
        self.buffer += data
        return False

    def rest(self):
        """Everything up to the server's closing of the connection."""
        found = []
        try:
            while True:
                found.append(self.read())
        except Gone:
            return found

    # -- whole exchanges

    def ask(self, *parts):
        """Send, then read up to ReadyForQuery."""
        self.send(*parts)
        return self.ready()

    def sql(self, text):
        """Rows of a simple query; ServerError on an error, when the answer is complete."""
        answers = self.ask(query(text))
        for answer in answers:
            if answer.kind == "E":
                raise ServerError(answer)
        return rows(answers)

    def value(self, text):
        """The first value of the first row of a simple query."""
        return self.sql(text)[0][0]

    def bound(self, text, *values):
        """Rows of a statement sent with the extended protocol, unnamed."""
        answers = self.ask(extended(text, *values))
        for answer in answers:
            if answer.kind == "E":
                raise ServerError(answer)
        return rows(answers)

    # -- cancel and end

    def cancel(self):
        """Ask for a cancel as libpq does: over a connection of its own, until it is closed."""
        send_cancel(self.address, self.pid, self.key, self.socket.gettimeout())

    def close(self):
        try:
            self.socket.sendall(terminate())
        except OSError:
            pass
        self.socket.close()

    def vanish(self, reset=False):
        """Leave without a word; with reset by RST, as when a process's host goes away."""
        if reset:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def send_cancel(address, pid, key, timeout=10):
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as other:
        other.settimeout(timeout)
        other.connect(address)
        other.sendall(cancel_request(pid, key))
        try:
            while other.recv(100):
                pass
        except ConnectionResetError:
            pass


def wait_until(question, seconds=5, what="the condition", pause=0.02):
    """Ask again and again until the answer is true; AssertionError when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds} s: {answer!r}")
        time.sleep(pause)
