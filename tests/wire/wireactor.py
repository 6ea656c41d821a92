"""The ends a wire script plays: sockets of fake clients and of the fake server."""

import re
import select
import socket
import struct
import time

from wireproto import (CLIENT, SERVER, CODECS, DEFAULTS, NAMES, REQUEST_CODES, ScriptError,
                       decode, decode_startup, encode, encode_request, encode_startup, show,
                       show_text, text)

LONGEST = 1 << 28  # a length above this is nonsense, not a message to wait for
NO_MESSAGE_MS = 50


class Failure(Exception):
    """What was expected did not come."""


class Actor:
    """One end: plays a client towards the daemon, or one connection of the server."""

    def __init__(self, name):
        self.name = name
        self.is_server = is_server_name(name)
        self.sock = None
        self.input = bytearray()
        self.consumed = 0      # bytes of the stream taken out of input so far
        self.chunk_ends = []   # offsets in the stream where one recv ended
        self.output = bytearray()
        self.eof = False
        self.eof_seen = False  # the script said "eof"
        self.hold = False      # does not read
        self.untyped = self.is_server  # the next packet has no type byte
        self.rest = b""        # what ">cut" kept back
        self.pid = 0
        self.key = b""

    @property
    def says(self):
        return SERVER if self.is_server else CLIENT

    @property
    def hears(self):
        return CLIENT if self.is_server else SERVER

    def attach(self, sock):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.__init__(self.name)
        self.sock = sock

    def close(self, reset=False):
        if self.sock:
            if reset:
                self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                     struct.pack("ii", 1, 0))
            self.sock.close()
        self.sock = None
        self.output.clear()

    def wants_read(self):
        return self.sock is not None and not self.eof and not self.hold

    def on_readable(self):
        try:
            data = self.sock.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.eof = True
            return
        self.input += data
        self.chunk_ends.append(self.consumed + len(self.input))

    def on_writable(self):
        try:
            del self.output[:self.sock.send(self.output)]
        except BlockingIOError:
            pass
        except OSError:
            self.output.clear()  # the other side is gone; reading tells

    def take(self, size):
        out = bytes(self.input[:size])
        del self.input[:size]
        self.consumed += size
        return out

    def note_key(self, packet):
        """Of a BackendKeyData that came or went."""
        self.pid, self.key = int.from_bytes(packet[5:9], "big"), packet[9:]

    def packet_size(self):
        """Size of the first packet of input, None while that is not known."""
        header = 4 if self.untyped else 5
        if len(self.input) < header:
            return None
        size, = struct.unpack(">I", self.input[header - 4:header])
        if size < 4 or size > LONGEST:
            raise Failure("%s: no message begins with %s" % (self.name,
                                                           show_text(bytes(self.input[:40]))))
        return size + header - 4

    def has_packet(self):
        size = self.packet_size()
        return size is not None and len(self.input) >= size

    def describe_input(self):
        """What is there and was not taken, decoded as far as it goes."""
        out, data = [], bytes(self.input)
        while len(data) >= 5 and not self.untyped and len(out) < 20:
            size = struct.unpack(">I", data[1:5])[0] + 1
            if size < 5 or size > len(data):
                break
            out.append(show_packet(self.hears, data[:size]))
            data = data[size:]
        if data:
            out.append("raw(%s)" % show_text(data))
        if self.eof:
            out.append("eof")
        return " ".join(out) or "nothing"


def is_server_name(name):
    """S, S1, S2, ... and K, K1, ... (cancels) are connections the daemon makes."""
    return re.fullmatch(r"[SK]\d*", name) is not None


def show_packet(side, packet):
    kind = packet[:1].decode("latin-1")
    if kind not in NAMES[side]:
        return "raw(%s)" % show_text(packet)
    return show(kind, decode(side, kind, packet[5:]))


class Stage:
    """All actors, the fake server's port, and the loop that moves bytes."""

    def __init__(self, timeout):
        self.timeout = timeout
        self.actors = {}
        self.variables = {}
        self.waiting = []  # connections made to the fake server, not yet accepted by an actor
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.last_sent = []

    def close(self):
        for actor in self.actors.values():
            actor.close()
        for sock in self.waiting:
            sock.close()
        self.listener.close()

    def actor(self, name):
        if name not in self.actors:
            self.actors[name] = Actor(name)
        return self.actors[name]

    def pump(self, until, seconds):
        """Moves bytes until until() is true (the answer) or the time is over."""
        end = time.monotonic() + seconds
        while not until():
            left = end - time.monotonic()
            if left <= 0:
                return until()
            actors = [a for a in self.actors.values() if a.sock]
            readers = {a.sock: a for a in actors if a.wants_read()}
            writers = {a.sock: a for a in actors if a.output}
            ready = select.select(list(readers) + [self.listener], list(writers), [], left)
            for sock in ready[0]:
                if sock is self.listener:
                    self.waiting.append(self.listener.accept()[0])
                else:
                    readers[sock].on_readable()
            for sock in ready[1]:
                writers[sock].on_writable()
        return True

    # ---- sending ----

    def filled(self, words):
        """words with the variables put in."""
        out = []
        for word in words:
            if word.kind == "var":
                if word.value not in self.variables:
                    raise ScriptError("$%s has no value yet" % word.value)
                word = text(self.variables[word.value])
            out.append(word)
        return out

    def cancel_packet(self, words):
        target = words[0].value.decode()
        if target not in self.actors:
            return encode_request("cancel", int(target), words[1].value)
        actor = self.actors[target]
        key = actor.key
        if len(words) > 1 and words[1].value == b"wrong":
            key = bytes(b ^ 0x55 for b in key)
        return encode_request("cancel", actor.pid, key)

    def bytes_of(self, actor, message):
        words = self.filled(message.words)
        if message.kind == "raw":
            return b"".join(w.value for w in words)
        if message.kind == "hex":
            return bytes.fromhex("".join(w.value.decode() for w in words))
        if message.kind == "cancel":
            return self.cancel_packet(words)
        if message.kind in REQUEST_CODES:
            return encode_request(message.kind)
        if message.kind == "startup":
            version = "3.0"
            if words and re.fullmatch(rb"\d+\.\d+", words[0].value):
                version = words.pop(0).value.decode()
            return encode_startup(version, [w.value.partition(b"=")[::2] for w in words])
        return encode(actor.says, message.kind, words)

    def send(self, actor, data):
        if not actor.sock:
            raise ScriptError("%s is not connected" % actor.name)
        actor.output += data
        self.pump(lambda: not actor.output, 0.05)

    def send_messages(self, actor, messages):
        packets = [self.bytes_of(actor, m) for m in messages]
        for message, packet in zip(messages, packets):
            if message.kind == "K":
                actor.note_key(packet)
        self.last_sent = packets
        self.send(actor, b"".join(packets))

    # ---- expecting ----

    def wait_packet(self, actor, wanted):
        self.pump(lambda: actor.has_packet() or actor.eof, self.timeout)
        if not actor.has_packet():
            raise Failure("%s expected %s\n  and got  %s" % (
                actor.name, wanted, actor.describe_input()))

    def expect(self, actor, message):
        wanted = show(message.kind, message.words)
        if message.kind in ("raw", "hex"):
            self.expect_bytes(actor, self.bytes_of(actor, message), wanted)
            return
        self.wait_packet(actor, wanted)
        packet = bytes(actor.input[:actor.packet_size()])
        problem = self.mismatch(actor, message, packet)
        if problem:
            raise Failure("%s expected %s\n  and got  %s%s" % (
                actor.name, wanted, actor.describe_input(), problem))
        actor.take(len(packet))
        if message.kind == "K":
            actor.note_key(packet)
        if actor.untyped and message.kind == "startup":
            actor.untyped = False

    def expect_bytes(self, actor, data, wanted):
        self.pump(lambda: len(actor.input) >= len(data) or actor.eof, self.timeout)
        if bytes(actor.input[:len(data)]) != data:
            raise Failure("%s expected %s\n  and got  raw(%s)" % (
                actor.name, wanted, show_text(bytes(actor.input))))
        actor.take(len(data))

    def expect_many(self, actor, message):
        """As many as there are, none included."""
        while True:
            self.pump(lambda: actor.has_packet() or actor.eof, NO_MESSAGE_MS / 1000)
            if not actor.has_packet():
                return
            packet = bytes(actor.input[:actor.packet_size()])
            if self.mismatch(actor, message, packet):
                return
            actor.take(len(packet))

    def skip_until(self, actor, message):
        """Drops packets until one is what message says (or the connection ends)."""
        while True:
            self.pump(lambda: actor.has_packet() or actor.eof, self.timeout)
            if not actor.has_packet():
                return
            packet = bytes(actor.input[:actor.packet_size()])
            if self.mismatch(actor, message, packet) is None:
                return
            actor.take(len(packet))

    def expect_messages(self, actor, messages):
        for message, after in zip(messages, messages[1:] + [None]):
            if message.kind == "same":
                for packet in self.last_sent:
                    self.expect_packet(actor, packet)
            elif message.kind == "..." and after:
                self.skip_until(actor, after)
            elif message.many:
                self.expect_many(actor, message)
            else:
                self.expect(actor, message)

    def expect_packet(self, actor, packet):
        """Exactly these bytes, which are one message."""
        wanted = show_packet(actor.hears, packet)
        self.wait_packet(actor, wanted)
        if bytes(actor.input[:len(packet)]) != packet or actor.packet_size() != len(packet):
            raise Failure("%s expected %s\n  and got  %s" % (
                actor.name, wanted, actor.describe_input()))
        actor.take(len(packet))

    def mismatch(self, actor, message, packet):
        """None when packet is what message says, else a hint (perhaps empty) as text."""
        if actor.untyped:
            return self.mismatch_startup(message, packet)
        kind = packet[:1].decode("latin-1")
        if message.kind == "any":
            return None
        if kind != message.kind:
            return " "
        if kind not in CODECS[actor.hears]:
            raise ScriptError("nobody sends %r to %s" % (kind, actor.name))
        words = list(message.words)
        if not any(w.kind == "rest" for w in words):
            words += DEFAULTS.get((actor.hears, kind), [])[len(words):]
        return self.mismatch_words(words, decode(actor.hears, kind, packet[5:]))

    def mismatch_words(self, wanted, got):
        captured = {}
        for index, word in enumerate(wanted):
            if word.kind == "rest":
                self.variables.update(captured)
                return None
            if index >= len(got):
                return "\n  with too few arguments"
            if not self.word_matches(word, got[index], captured):
                return "\n  argument %d is %r" % (index + 1, got[index])
        if len(got) > len(wanted):
            return "\n  with too many arguments"
        self.variables.update(captured)
        return None

    def word_matches(self, word, got, captured):
        if word.kind == "any":
            return True
        if word.kind == "null" or got.kind == "null":
            return word.kind == got.kind
        if word.kind == "regex":
            pattern = word.value if isinstance(word.value, bytes) else word.value.encode()
            return re.fullmatch(pattern, got.value, re.S) is not None
        if word.kind == "var":
            known = captured.get(word.value, self.variables.get(word.value))
            if known is None:
                captured[word.value] = got.value
            return known is None or known == got.value
        return word.value == got.value

    def mismatch_startup(self, message, packet):
        kind, words = decode_startup(packet)
        got = show(kind, words)
        if kind != message.kind:
            return "\n  that is  %s" % got
        wanted = self.filled([w for w in message.words if w.kind != "rest"])
        if kind == "cancel":
            return None if packet == self.cancel_packet(wanted) else "\n  that is  %s" % got
        missing = [w for w in wanted if w.value not in [g.value for g in words]]
        surplus = not any(w.kind == "rest" for w in message.words) and len(words) > len(wanted)
        return "\n  that is  %s" % got if missing or surplus else None
