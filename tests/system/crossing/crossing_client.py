"""The clients of the crossing test: asyncio, the raw protocol, strict about every message."""

import asyncio
import collections
import random
import socket
import struct

import wireclient
from wireclient import Message


class Crossed(Exception):
    """A reply that does not belong to its query, is missing, or is one too many."""


class Lost(Exception):
    """The connection ended; sqlstate says what the last error was, None for no error."""

    def __init__(self, sqlstate=None, text=""):
        self.sqlstate = sqlstate
        super().__init__(f"{sqlstate} {text}")


class Connection(asyncio.Protocol):
    """Bytes in, messages out; someone waits for the next message of certain types."""

    def __init__(self):
        self.messages = collections.deque()
        self.buffer = bytearray()
        self.stops, self.waiter, self.closed = "", None, False
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, _):
        self.closed = True
        self._wake()

    def data_received(self, data):
        self.buffer += data
        buffer, at, stop = self.buffer, 0, False
        while len(buffer) - at >= 5:
            end = at + 1 + struct.unpack_from("!I", buffer, at + 1)[0]
            if end > len(buffer):
                break
            kind = chr(buffer[at])
            self.messages.append(Message(kind, bytes(buffer[at + 5:end])))
            stop = stop or kind in self.stops
            at = end
        del buffer[:at]
        if stop:
            self._wake()

    def _wake(self):
        if self.waiter and not self.waiter.done():
            self.waiter.set_result(None)

    async def until(self, stops, seconds):
        """Messages up to and with the first of these types."""
        found = []
        while True:
            while self.messages:
                found.append(self.messages.popleft())
                if found[-1].kind == "E" and found[-1].fields()["S"] == "FATAL":
                    fields = found[-1].fields()
                    raise Lost(fields["C"], fields["M"])
                if found[-1].kind in stops:
                    return found
            if self.closed:
                raise Lost()
            self.stops = stops
            self.waiter = asyncio.get_running_loop().create_future()
            try:
                await asyncio.wait_for(self.waiter, seconds)
            except asyncio.TimeoutError:
                raise Crossed(f"no reply within {seconds} s; so far {found[-8:]}") from None
            finally:
                self.waiter = None


class Client:
    """One client of the test: its connection, its prepared statements, its setting, its books."""

    def __init__(self, crossing, number):
        self.crossing, self.number = crossing, number
        self.link, self.index, self.chance = None, 0, random.Random(f"{crossing.seed}.{number}")
        self.statements, self.unnamed, self.name = {}, None, None
        self.pid, self.key, self.patience = 0, 0, crossing.patience

    # -- connection

    async def connect(self):
        loop = asyncio.get_running_loop()
        host, port = self.crossing.address
        self.statements, self.unnamed = {}, None
        self.name = f"client {self.number}"
        _, self.link = await loop.create_connection(Connection, host, port)
        self.send(wireclient.startup({"user": self.crossing.user, "application_name": self.name,
                                      "database": self.crossing.database}))
        for answer in await self.link.until("Z", self.patience):
            if answer.kind == "K":
                self.pid, self.key = struct.unpack("!II", answer.body)

    def send(self, *parts):
        self.link.transport.write(b"".join(parts))

    def leave(self, politely=True):
        if not self.link:
            return
        if politely:
            self.send(wireclient.terminate())
            self.link.transport.close()
        else:
            self.link.transport.abort()
        self.link = None

    # -- replies

    async def until(self, stops):
        """The messages up to one of these types, less the setting reports, which are checked."""
        found = []
        for answer in await self.link.until(stops, self.patience):
            if answer.kind != "S":
                found.append(answer)
                continue
            name, value = answer.pair()
            if name == "application_name" and value != self.name:
                raise Crossed(f"application_name is reported as {value!r}, not {self.name!r}")
        return found

    async def reply(self, *patterns, status="I"):
        """The messages up to ReadyForQuery, whose types must be exactly one of these."""
        answers = await self.until("Z")
        kinds = wireclient.kinds(answers)
        if kinds not in patterns:
            raise Crossed(f"expected {' or '.join(patterns)}, got {kinds}: {answers[:8]}")
        if status and answers[-1].status() != status:
            raise Crossed(f"transaction status {answers[-1].status()}, not {status}")
        return answers

    def rows(self, answers, *expected):
        """The only values of the rows must be these, in this order."""
        got = [value for row in wireclient.rows(answers) for value in row]
        if got != list(expected):
            raise Crossed(f"expected rows {expected}, got {got}")

    def failed(self, answers, sqlstate, text=None):
        """There must be one error, of this SQLSTATE, that has the text in its message."""
        found = wireclient.errors(answers)
        if len(found) != 1 or found[0][0] != sqlstate or (text and text not in found[0][1]):
            raise Crossed(f"expected error {sqlstate} {text!r}, got {found}")

    def nothing_left(self):
        """Between two operations no message may be under way."""
        left = [m for m in self.link.messages if m.kind != "S"]
        if left and left[0].kind == "E" and left[0].fields()["S"] == "FATAL":
            raise Lost(left[0].fields()["C"], left[0].fields()["M"])
        if left or self.link.buffer:
            raise Crossed(f"messages nobody asked for: {left[:6]} {bytes(self.link.buffer[:40])}")

    # -- books of what was written

    def promise(self, token, count):
        """From here until settled, the rows of this token may or may not be there."""
        self.crossing.ledger[token] = (0, count)

    def settle(self, token, count):
        """The server has said how many rows of the token there are."""
        self.crossing.ledger[token] = (count, count)

    # -- cancel

    async def cancel(self, pid=None, key=None):
        """Over its own connection; returns when the other side has closed it."""
        host, port = self.crossing.address
        try:
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(wireclient.cancel_request(pid or self.pid, key or self.key))
            await asyncio.wait_for(reader.read(), self.patience)
            writer.close()
        except ConnectionError:
            pass
        except asyncio.TimeoutError:
            raise Crossed("a cancel request was not closed in time") from None
