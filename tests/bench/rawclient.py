"""PostgreSQL clients that do as little as possible: log in without a password, ask, discard.

They speak protocol 3.0 on bare sockets, so that what is measured is the other side.
"""

import select
import socket
import ssl
import struct
import time

SOCKET_SECONDS = 120
LOGINS_AT_ONCE = 64  # below the smallest listen backlog in use
CLIENTS_PER_ADDRESS = 5000  # ephemeral ports are about 28,000 for each source address
READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"
IP_BIND_ADDRESS_NO_PORT = 24
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


class ServerError(Exception):
    pass


def trusting_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def startup_message(user, database):
    body = struct.pack("!i", 196608)
    body += b"".join(word.encode() + b"\0" for word in ("user", user, "database", database))
    body += b"\0"
    return struct.pack("!i", len(body) + 4) + body


def query_message(sql):
    body = sql.encode() + b"\0"
    return b"Q" + struct.pack("!i", len(body) + 4) + body


def error_text(body):
    """The M field of an ErrorResponse."""
    for field in body.split(b"\0"):
        if field[:1] == b"M":
            return field[1:].decode(errors="replace")
    return "an error without a text"


def messages(data):
    """(type, body) of each message in data, which holds whole messages only."""
    at = 0
    while at + 5 <= len(data):
        (length,) = struct.unpack_from("!i", data, at + 1)
        yield data[at:at + 1], data[at + 5:at + 1 + length]
        at += 1 + length


def row_values(body):
    """What is in a DataRow."""
    values, at = [], 2
    while at < len(body):
        (length,) = struct.unpack_from("!i", body, at)
        values.append(body[at + 4:at + 4 + length].decode())
        at += 4 + length
    return values


class RawClient:
    """One blocking connection."""

    def __init__(self, port, user, database, tls=False):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SOCKET_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket.sendall(SSL_REQUEST)
            if self.socket.recv(1) != b"S":
                raise ServerError("no TLS there")
            self.socket = trusting_context().wrap_socket(self.socket)
        self.socket.sendall(startup_message(user, database))
        self._read_reply()

    def _read_reply(self):
        data = b""
        while not data.endswith(READY_FOR_QUERY):
            piece = self.socket.recv(65536)
            if not piece:
                self._check(data)
                raise ServerError("the connection was closed")
            data += piece
        self._check(data)
        return data

    @staticmethod
    def _check(data):
        for kind, body in messages(data):
            if kind == b"E":
                raise ServerError(error_text(body))

    def ask(self, sql):
        """First column of the first row as text, or None."""
        rows = self.rows(sql)
        return rows[0][0] if rows else None

    def rows(self, sql):
        """All rows, their values as text; none of them NULL."""
        self.socket.sendall(query_message(sql))
        return [row_values(body) for kind, body in messages(self._read_reply()) if kind == b"D"]

    def swallow(self, sql):
        """Ask and throw the reply away unread; its size in bytes.

        Only the last bytes are looked at, so a reply must not have ReadyForQuery in its data.
        """
        room = bytearray(1 << 20)
        view = memoryview(room)
        self.socket.sendall(query_message(sql))
        total, tail = 0, b""
        while tail != READY_FOR_QUERY:
            got = self.socket.recv_into(view)
            if not got:
                raise ServerError("the connection was closed")
            if not total and room[:1] == b"E":
                raise ServerError(error_text(bytes(room[5:got])))
            total += got
            tail = (tail + bytes(room[max(0, got - 6):got]))[-6:]
        return total

    def close(self):
        try:
            self.socket.sendall(b"X\x00\x00\x00\x04")
        except OSError:
            pass
        self.socket.close()


class Herd:
    """Many clients that log in and then do nothing until told to."""

    def __init__(self, port, user, database, count):
        self.port, self.count = port, count
        self.startup = startup_message(user, database)
        self.clients = []
        self.poll = select.epoll()

    def _connect(self, number):
        """A connection whose source address is one of 127.0.0.2 and up."""
        client = socket.socket()
        client.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
        client.bind((f"127.0.0.{2 + number // CLIENTS_PER_ADDRESS}", 0))
        client.settimeout(SOCKET_SECONDS)
        client.connect(("127.0.0.1", self.port))
        client.setblocking(False)
        self.clients.append(client)
        return client

    def log_in(self):
        numbers = iter(range(self.count))
        self._keep_busy(lambda: self._start_login(next(numbers, None)))

    def _start_login(self, number):
        if number is None:
            return None
        client = self._connect(number)
        client.send(self.startup)
        return client

    def ask_each(self, sql):
        """Every client asks once; a few at a time."""
        query = query_message(sql)
        waiting = iter(self.clients)

        def start():
            client = next(waiting, None)
            if client:
                client.send(query)
            return client
        self._keep_busy(start)

    def _keep_busy(self, start):
        """Call start() while it gives clients, LOGINS_AT_ONCE of them waiting for replies."""
        replies, by_fd = {}, {}
        until = time.monotonic() + SOCKET_SECONDS
        more = True
        while more or by_fd:
            while more and len(by_fd) < LOGINS_AT_ONCE:
                client = start()
                more = client is not None
                if more:
                    by_fd[client.fileno()], replies[client.fileno()] = client, b""
                    self.poll.register(client, select.EPOLLIN)
            for fd, _ in self.poll.poll(1):
                piece = by_fd[fd].recv(65536)
                replies[fd] += piece
                RawClient._check(replies[fd])
                if not piece:
                    raise ServerError(f"client {len(self.clients)}: the connection was closed")
                if replies[fd].endswith(READY_FOR_QUERY):
                    self.poll.unregister(fd)
                    del by_fd[fd], replies[fd]
            if time.monotonic() > until:
                raise ServerError(f"{len(by_fd)} clients had no answer in {SOCKET_SECONDS} s")

    def close(self):
        for client in self.clients:
            client.close()
        self.poll.close()
