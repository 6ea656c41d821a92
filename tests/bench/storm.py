"""Waves of clients that log in by SCRAM-SHA-256 all at once and leave when all are in.

storm.py PORT USER DATABASE PASSWORD CLIENTS PAUSE_SECONDS TLS(0|1): until it gets SIGINT, then one
line of JSON: how many logins, how many were refused, what they took. One process and one epoll
loop; the costly half of a proof (PBKDF2) is done once, so that the other side is what is measured.
"""

import base64
import hashlib
import hmac
import json
import os
import select
import signal
import socket
import ssl
import struct
import sys
import time

from rawclient import (SSL_REQUEST, ServerError, error_text, messages,
                       startup_message, trusting_context)

LOGIN_SECONDS = 30


def message(kind, body):
    return kind + struct.pack("!i", len(body) + 4) + body


class Prover:
    """The client's half of SCRAM; the keys are kept for the salt that was seen last."""

    def __init__(self, password):
        self.password, self.salt = password.encode(), None

    def _learn(self, salt, iterations):
        if salt != self.salt:
            salted = hashlib.pbkdf2_hmac("sha256", self.password, salt, iterations)
            self.key = hmac.digest(salted, b"Client Key", "sha256")
            self.stored, self.salt = hashlib.sha256(self.key).digest(), salt

    def final(self, bare, challenge):
        parts = dict(part.split("=", 1) for part in challenge.split(","))
        self._learn(base64.b64decode(parts["s"]), int(parts["i"]))
        without_proof = f"c=biws,r={parts['r']}"
        signature = hmac.digest(self.stored, f"{bare},{challenge},{without_proof}".encode(),
                                "sha256")
        proof = bytes(a ^ b for a, b in zip(self.key, signature))
        return f"{without_proof},p={base64.b64encode(proof).decode()}".encode()


class Visitor:
    """One login. step() after each readiness: True when it is in."""

    def __init__(self, port, startup, prover, context):
        self.prover, self.context, self.startup = prover, context, startup
        self.socket = socket.socket()
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.data, self.at = b"", time.monotonic()
        self.socket.connect_ex(("127.0.0.1", port))
        self.step = self._connected
        self.fd = self.socket.fileno()

    def _connected(self):
        if not self.context:
            return self._greet()
        self.socket.send(SSL_REQUEST)
        self.step = self._answered
        return False

    def _answered(self):
        answer = self.socket.recv(1)
        if answer != b"S":
            raise ServerError(f"SSLRequest was answered {answer}")
        self.socket = self.context.wrap_socket(self.socket, do_handshake_on_connect=False)
        self.step = self._shake
        return self._shake()

    def _shake(self):
        try:
            self.socket.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return self._greet()

    def _greet(self):
        self.socket.send(self.startup)
        self.step = self._talk
        return False

    def _talk(self):
        try:
            piece = self.socket.recv(65536)
        except (ssl.SSLWantReadError, BlockingIOError):
            return False
        if not piece:
            raise ServerError("the connection was closed")
        self.data += piece
        used = 0
        for kind, body in messages(self.data):
            used += 5 + len(body)
            if kind == b"E":
                raise ServerError(error_text(body))
            if kind == b"R":
                self._prove(struct.unpack_from("!i", body)[0], body[4:])
            if kind == b"Z":
                return True
        self.data = self.data[used:]
        return False

    def _prove(self, kind, body):
        if kind == 10:
            self.bare = "n=,r=" + base64.b64encode(os.urandom(18)).decode()
            first = b"n,," + self.bare.encode()
            self.socket.send(message(b"p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(first))
                                     + first))
        elif kind == 11:
            self.socket.send(message(b"p", self.prover.final(self.bare, body.decode())))


class Storm:
    def __init__(self, port, user, database, password, count, tls):
        self.port, self.count = port, count
        self.startup = startup_message(user, database)
        self.prover = Prover(password)
        self.context = trusting_context() if tls else None
        self.times, self.refused, self.why = [], 0, None

    def wave(self):
        poll, visitors, left = select.epoll(), {}, 0
        try:
            for _ in range(self.count):
                one = Visitor(self.port, self.startup, self.prover, self.context)
                visitors[one.fd] = one
                poll.register(one.fd, select.EPOLLOUT)
            left, until = len(visitors), time.monotonic() + LOGIN_SECONDS
            while left and time.monotonic() < until:
                for fd, _ in poll.poll(1):
                    left -= self._go_on(poll, visitors[fd])
            self.refused += left
        finally:
            for one in visitors.values():
                one.socket.close()
            poll.close()

    def _go_on(self, poll, one):
        """1 when that was the end of it."""
        try:
            done = one.step()
        except (OSError, ServerError) as trouble:
            self.refused, self.why, done = self.refused + 1, str(trouble), True
        else:
            if done:
                self.times.append(time.monotonic() - one.at)
        if done:
            poll.unregister(one.fd)
        else:
            poll.modify(one.fd, select.EPOLLIN)
        return done

    def result(self, seconds):
        times = sorted(self.times)
        return {"logins_per_s": len(times) / seconds, "refused": self.refused, "why": self.why,
                "login_p50_ms": times[len(times) // 2] * 1e3 if times else None,
                "login_p99_ms": times[int(len(times) * 0.99)] * 1e3 if times else None}


def main():
    port, user, database, password, count, pause, tls = sys.argv[1:]
    storm = Storm(int(port), user, database, password, int(count), int(tls))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    begin = time.monotonic()
    try:
        while True:
            started = time.monotonic()
            storm.wave()
            time.sleep(max(0.0, float(pause) - (time.monotonic() - started)))
    except KeyboardInterrupt:
        print(json.dumps(storm.result(time.monotonic() - begin)))


if __name__ == "__main__":
    main()
