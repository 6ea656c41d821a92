"""Certificates, clients and servers for the tests of TLS.

Certificates are made by the openssl program while the tests run. Client speaks as libpq does,
but lets a test say what it should not; FakeServer is what a pooler meets when it dials, scripted
by a function that gets the socket.
"""

import base64
import hashlib
import hmac
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import threading

import harness
import wireclient
from wireclient import Wire, message

SSL_REQUEST = struct.pack("!II", 8, 80877103)
GSS_REQUEST = struct.pack("!II", 8, 80877104)


# ---- certificates -----------------------------------------------------------------------------

class Authority:
    """Signs certificates; all files are in folder, NAME.crt and NAME.key."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = pathlib.Path(folder), name
        self._openssl("req", "-x509", *self._key(name), "-out", self.crt(name), "-days", "30",
                      "-subj", f"/CN=test {name}")

    def _openssl(self, *arguments):
        done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True,
                              cwd=self.folder)
        if done.returncode:
            raise RuntimeError(f"openssl {arguments[0]}: {done.stderr}")

    def _key(self, name):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.key(name)]

    def crt(self, name=None):
        return str(self.folder / f"{name or self.name}.crt")

    def key(self, name):
        return str(self.folder / f"{name}.key")

    def sign(self, name, subject, alternative=None):
        """NAME.crt and NAME.key for this common name; replaces them when they are there."""
        request, extension = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extension.write_text(f"subjectAltName={alternative}\n" if alternative else "")
        self._openssl("req", *self._key(name), "-out", request, "-subj", f"/CN={subject}")
        self._openssl("x509", "-req", "-in", request, "-CA", self.crt(), "-CAkey",
                      self.key(self.name), "-CAcreateserial", "-out", self.crt(name), "-days",
                      "30", "-extfile", extension)
        for path in (self.crt(name), self.key(name)):
            harness.give_away(path)
        os.chmod(self.key(name), 0o600)
        return {"crt": self.crt(name), "key": self.key(name)}


def end_point(der):
    """tls-server-end-point of a certificate signed with SHA-256 (RFC 5929)."""
    return hashlib.sha256(der).digest()


# ---- clients ----------------------------------------------------------------------------------

class ChannelScram(wireclient.Scram):
    """SCRAM-SHA-256-PLUS; header and data can be made wrong."""

    def __init__(self, password, data, header="p=tls-server-end-point,,",
                 mechanism="SCRAM-SHA-256-PLUS"):
        super().__init__(password)
        self.header, self.data, self.mechanism = header, data, mechanism

    def initial(self):
        data = (self.header + self.first).encode()
        return message("p", self.mechanism.encode() + b"\0" + struct.pack("!I", len(data)) + data)

    def final(self, challenge):
        plain = super().final(challenge)
        # The same message for another channel: the signature covers it.
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        binding = base64.b64encode(self.header.encode() + self.data).decode()
        bare = f"c={binding},r={parts['r']}"
        salted = hashlib.pbkdf2_hmac("sha256", self.password, base64.b64decode(parts["s"]),
                                     int(parts["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        signed = ",".join((self.first, challenge.decode(), bare)).encode()
        signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.expected = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
        assert plain
        return message("p", f"{bare},p={base64.b64encode(proof).decode()}".encode())


def context(authority=None, certificate=None, alpn=None, version=None):
    """How a client sees the world; without authority it believes everybody."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_REQUIRED if authority else ssl.CERT_NONE
    if authority:
        made.load_verify_locations(authority.crt())
    if certificate:
        made.load_cert_chain(certificate["crt"], certificate["key"])
    if alpn:
        made.set_alpn_protocols(alpn)
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class Client(Wire):
    """A Wire over TLS. mechanisms: what was offered, when SASL was."""

    def __init__(self, address, user="app", database="app", tls=None, direct=False, login=True,
                 scram=None, **more):
        super().__init__(address, user, database, login=False, **more)
        self.scram, self.mechanisms = scram, None
        try:
            if not direct:
                self.socket.sendall(SSL_REQUEST)
                answer = self.socket.recv(1)
                if answer != b"S":
                    raise AssertionError(f"SSLRequest was answered {answer}")
            self.socket = (tls or context()).wrap_socket(self.socket, server_hostname="localhost")
            if login:
                self.login()
        except BaseException:
            self.socket.close()
            raise

    def _authenticate(self, answer, scram):
        kind, = struct.unpack_from("!I", answer.body)
        if kind == 10:
            self.mechanisms = answer.body[4:].rstrip(b"\0").decode().split("\0")
            if self.scram:
                made = self.scram(self)
                self.send(made.initial())
                return made
        return super()._authenticate(answer, scram)

    @property
    def certificate(self):
        """The server's, as DER."""
        return self.socket.getpeercert(True)


# ---- servers ----------------------------------------------------------------------------------

class FakeServer:
    """Listens, and has each connection served by script(socket) in a thread of its own."""

    def __init__(self, script):
        self.script, self.troubles = script, []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            one.settimeout(10)
            threading.Thread(target=self._serve, args=(one,), daemon=True).start()

    def _serve(self, one):
        try:
            with one:
                self.script(one)
        except (AssertionError, KeyError, ValueError) as trouble:
            self.troubles.append(trouble)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        assert not self.troubles, self.troubles[:3]


def take(one, count):
    data = b""
    while len(data) < count:
        piece = one.recv(count - len(data))
        if not piece:
            raise ConnectionError("closed")
        data += piece
    return data


def take_packet(one):
    """A packet without a type byte."""
    length, = struct.unpack("!I", take(one, 4))
    return take(one, length - 4)


def take_message(one):
    kind = take(one, 1)
    return kind.decode(), take_packet(one)


def accept_tls(one, certificate, alpn=None, direct=False):
    """Answers SSLRequest and shakes hands; the encrypted socket."""
    if not direct:
        assert take_packet(one) == SSL_REQUEST[4:], "no SSLRequest"
        one.sendall(b"S")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(certificate["crt"], certificate["key"])
    if alpn:
        made.set_alpn_protocols(alpn)
    return made.wrap_socket(one, server_side=True)


def welcome(one):
    """AuthenticationOk and all that follows it; then one row for every query."""
    parameters = b"".join(message("S", name + b"\0" + value + b"\0") for name, value in (
        (b"server_version", b"15.0"), (b"client_encoding", b"UTF8"), (b"DateStyle", b"ISO, MDY"),
        (b"TimeZone", b"UTC"), (b"standard_conforming_strings", b"on")))
    one.sendall(message("R", struct.pack("!I", 0)) + parameters
                + message("K", struct.pack("!II", 42, 4711)) + message("Z", b"I"))
    while True:
        kind, _ = take_message(one)
        if kind == "X":
            return
        if kind == "Q":
            row = message("T", struct.pack("!H", 1) + b"x\0" + struct.pack("!IHIhih", 0, 0, 25, -1,
                                                                             -1, 0))
            row += message("D", struct.pack("!HI", 1, 4) + b"fake")
            one.sendall(row + message("C", b"SELECT 1\0") + message("Z", b"I"))


def scram_login(one, password, offered, data=b""):
    """Has a client prove itself; gives the mechanism it chose and its gs2 header."""
    assert take_packet(one)[:4] == b"\0\3\0\0", "no StartupMessage"
    one.sendall(message("R", struct.pack("!I", 10)
                        + b"".join(name.encode() + b"\0" for name in offered) + b"\0"))
    kind, body = take_message(one)
    mechanism, rest = body.split(b"\0", 1)
    first = rest[4:].decode()
    header, bare = first[:first.index("n=")], first[first.index("n="):]
    salt, nonce = b"0123456789abcdef", dict(p.split("=", 1) for p in bare.split(","))["r"] + "xyz"
    challenge = f"r={nonce},s={base64.b64encode(salt).decode()},i=4096"
    one.sendall(message("R", struct.pack("!I", 11) + challenge.encode()))
    kind, body = take_message(one)
    final = body.decode()
    parts = dict(p.split("=", 1) for p in final.split(","))
    bound = header.encode() + (data if header[0] == "p" else b"")
    assert base64.b64decode(parts["c"]) == bound, (header, parts["c"])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 4096)
    key = hmac.digest(salted, b"Client Key", "sha256")
    signed = ",".join((bare, challenge, final[:final.index(",p=")])).encode()
    signature = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
    assert base64.b64decode(parts["p"]) == bytes(a ^ b for a, b in zip(key, signature)), "proof"
    verifier = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    one.sendall(message("R", struct.pack("!I", 12) + b"v=" + base64.b64encode(verifier)))
    return mechanism.decode(), header
