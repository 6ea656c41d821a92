"""TLS between clients and the pooler: modes, certificates, channel binding, hostile clients."""

import os
import socket
import ssl
import subprocess
import threading
import time

import pytest

import harness
import tls
from harness import PASSWORDS
from wireclient import Gone, ServerError, query, startup, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]

WORD = "s\u00e9cret"


@pytest.fixture(scope="session")
def authority(folder):
    made = tls.Authority(harness.make_folder(folder, "certificates."))
    made.server = made.sign("server", "localhost", "DNS:localhost,IP:127.0.0.1")
    made.client = made.sign("client", "app")
    made.other = tls.Authority(harness.make_folder(folder, "others."), "other")
    made.stranger = made.other.sign("stranger", "app")
    return made


@pytest.fixture
def secure(pooler, authority):
    """A pooler with client_tls_sslmode as said."""
    def make(mode="allow", **settings):
        return pooler(**{"client_tls_sslmode": mode,
                         "client_tls_cert_file": authority.server["crt"],
                         "client_tls_key_file": authority.server["key"],
                         "server_tls_sslmode": "disable", **settings})
    return make


def failure_of(call):
    with pytest.raises(ServerError) as caught:
        call()
    return caught.value.text


def ask(address, packet, count=1):
    """What comes back for the first bytes on a connection."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as one:
        one.settimeout(5)
        one.connect(address)
        one.sendall(packet)
        return one.recv(count)


# ---- modes ------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca",
                                  "verify-full"])
def test_modes(secure, authority, mode):
    p = secure(mode, client_tls_ca_file=authority.crt())
    certificate = authority.client if mode.startswith("verify") else None
    if mode == "disable":
        assert ask(p.address, tls.SSL_REQUEST) == b"N"
    else:
        with tls.Client(p.address, tls=tls.context(authority, certificate)) as client:
            assert client.value("select 1") == "1"
    if mode in ("disable", "allow", "prefer"):
        assert p.wire().value("select 2") == "2"
    else:
        assert failure_of(p.wire) == "SSL required"
        assert "closing because: SSL required" in p.log()
    # The Unix socket needs no encryption, and has none.
    assert ask(p.socket, tls.SSL_REQUEST) == b"N"
    with harness.Wire(p.socket, "app", "app") as local:
        assert local.value("select 3") == "3"


def test_libpq(secure, authority):
    """psycopg with every sslmode of its own."""
    p = secure("require")
    for mode, more in (("require", {}), ("prefer", {}),
                       ("verify-ca", {"sslrootcert": authority.crt()}),
                       ("verify-full", {"sslrootcert": authority.crt()})):
        with p.psycopg(sslmode=mode, **more) as connection:
            assert connection.execute("select %s::int", [7]).fetchone() == (7,)
            assert connection.pgconn.ssl_in_use


def test_show_and_log(secure):
    p = secure("require")
    with tls.Client(p.address) as client:
        version = client.socket.version()
        with tls.Client(p.address, "admin", "pgcarwash") as console:
            from wireclient import rows
            answers = console.ask(query("SHOW CLIENTS"))
            names = [c[0] for m in answers if m.kind == "T" for c in m.columns()]
            found = [dict(zip(names, row)) for row in rows(answers)]
        expected = f"{version}/{client.socket.cipher()[0]}"
        assert [row["tls"] for row in found if row["user"] == "app"] == [expected]
        assert f"login attempt: db=app user=app tls={expected} replication=no" in p.log()


def test_much_data(secure, fresh):
    """More than any buffer, both ways, with a reader that dawdles."""
    p = secure("require")
    table = fresh("t")
    with p.psycopg(sslmode="require", autocommit=False) as connection:
        connection.execute(f"create table {table}(n int, t text)")
        with connection.cursor().copy(f"copy {table} from stdin") as copy:
            for i in range(2000):
                copy.write_row((i, "x" * 4000))
        with connection.cursor() as cursor:
            cursor.execute(f"select n, t from {table} order by n")
            time.sleep(0.3)
            seen = [(n, len(t)) for n, t in cursor]
    assert seen == [(i, 4000) for i in range(2000)]


def test_cancel(secure):
    """In clear, as PQcancel sends it, and encrypted, also where TLS is required."""
    p = secure("require")
    import psycopg
    with p.psycopg(sslmode="require") as connection:
        for cancel in (connection.cancel, connection.cancel_safe):
            timer = threading.Timer(0.3, cancel)
            timer.start()
            with pytest.raises(psycopg.errors.QueryCanceled):
                connection.execute("select pg_sleep(20)")
            timer.join()


# ---- direct TLS -------------------------------------------------------------------------------

def test_direct(secure, authority):
    p = secure("require")
    with tls.Client(p.address, tls=tls.context(authority, alpn=["postgresql"]),
                    direct=True) as client:
        assert client.socket.selected_alpn_protocol() == "postgresql"
        assert client.value("select 1") == "1"


def test_direct_by_libpq(secure):
    import psycopg
    if psycopg.pq.version() < 170000:
        pytest.skip("this libpq cannot")
    p = secure("require")
    with p.psycopg(sslmode="require", sslnegotiation="direct") as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_direct_needs_the_protocol(secure):
    """Whoever wanted to talk to another kind of server is not answered (ALPACA)."""
    p = secure("require")
    for alpn in (None, ["http/1.1"]):
        with pytest.raises((ssl.SSLError, Gone, OSError)):
            tls.Client(p.address, tls=tls.context(alpn=alpn), direct=True)
    wait_until(lambda: p.log().count("TLS handshake error: handshake failed") == 2, 3)


def test_direct_where_there_is_none(secure):
    p = secure("disable")
    for address in (p.address, p.socket):
        assert ask(address, b"\x16\x03\x01\x01\x00\x01", 1) in (b"", b"E")


# ---- client certificates ----------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_client_certificates(secure, authority, mode):
    p = secure(mode, client_tls_ca_file=authority.crt())
    with tls.Client(p.address, tls=tls.context(certificate=authority.client)) as client:
        assert client.value("select 1") == "1"
    for certificate in (None, authority.stranger):
        with pytest.raises((ssl.SSLError, Gone, OSError)):
            tls.Client(p.address, tls=tls.context(certificate=certificate))
    wait_until(lambda: "certificate verify failed" in p.log()
               and "peer did not return a certificate" in p.log(), 3)
    assert "TLS handshake error: handshake failed: error:" in p.log()


def test_unverified_certificate_does_no_harm(secure, authority):
    """libpq shows what it has; below verify-ca that is nobody's business."""
    p = secure("require", client_tls_ca_file=authority.crt())
    with tls.Client(p.address, tls=tls.context(certificate=authority.stranger)) as client:
        assert client.value("select 1") == "1"


# ---- versions and ciphers ---------------------------------------------------------------------

def test_protocols(secure):
    p = secure("require", client_tls_protocols="tlsv1.2")
    with tls.Client(p.address, tls=tls.context(version=ssl.TLSVersion.TLSv1_2)) as client:
        assert client.socket.version() == "TLSv1.2"
    with pytest.raises((ssl.SSLError, OSError)):
        tls.Client(p.address, tls=tls.context(version=ssl.TLSVersion.TLSv1_3))


def test_ciphers(secure):
    p = secure("require", client_tls_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256",
               client_tls13_ciphers="TLS_CHACHA20_POLY1305_SHA256",
               client_tls_ecdhcurve="secp384r1")
    for version, name in ((ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
                          (ssl.TLSVersion.TLSv1_3, "TLS_CHACHA20_POLY1305_SHA256")):
        with tls.Client(p.address, tls=tls.context(version=version)) as client:
            assert client.socket.cipher()[0] == name


# ---- channel binding --------------------------------------------------------------------------

@pytest.fixture
def scram(secure):
    return secure("allow", auth_type="scram-sha-256",
                  secrets={"app": WORD, "other": harness.scram_secret(WORD)})


def test_channel_binding(scram):
    for user in ("app", "other"):
        with scram.psycopg(user=user, password=WORD, sslmode="require",
                           channel_binding="require") as connection:
            assert connection.execute("select current_user").fetchone() == (user,)


def login_bound(pooler, user="app", **wrong):
    def make(client):
        data = wrong.get("data", tls.end_point(client.certificate))
        return tls.ChannelScram(WORD, data, *([wrong["header"]] if "header" in wrong else []),
                                **{k: v for k, v in wrong.items() if k == "mechanism"})
    with tls.Client(pooler.address, user, password=WORD, scram=make) as client:
        assert client.mechanisms == ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
        return client.value("select 1")


def test_channel_binding_is_checked(scram):
    """Somebody on the way has another certificate, or takes the offer away."""
    assert login_bound(scram) == "1"
    sasl = "SASL authentication failed"
    for wrong in ({"data": b"\0" * 32}, {"data": b""},
                  {"header": "y,,", "data": b"", "mechanism": "SCRAM-SHA-256"},
                  {"header": "p=tls-unique,,"}, {"header": "n,,", "data": b""}):
        assert failure_of(lambda: login_bound(scram, **wrong)) == sasl, wrong
    # Not able to bind is no offence.
    assert login_bound(scram, header="n,,", data=b"", mechanism="SCRAM-SHA-256") == "1"


def test_no_channel_without_tls(scram):
    wire = scram.wire("app", password=WORD)
    offered = [m.body[4:] for m in wire.greeting if m.kind == "R" and m.body[3] == 10]
    assert offered == [b"SCRAM-SHA-256\0\0"]


# ---- nothing that came before the handshake ---------------------------------------------------

@pytest.mark.parametrize("request_packet, text", [
    (tls.SSL_REQUEST, "received unencrypted data after SSL request"),
    (tls.GSS_REQUEST, "received unencrypted data after GSSAPI encryption request")])
def test_piled_up(secure, request_packet, text):
    p = secure("allow")
    wire = p.wire(login=False)
    wire.send(request_packet, startup({"user": "app", "database": "app"}))
    answer = wire.read()
    assert answer.kind == "E" and answer.fields()["M"] == text
    wire.rest()
    assert f"closing because: {text}" in p.log()


def test_plain_start_after_the_answer(secure):
    """What was sent before the handshake, but came later than the request, is no start-up."""
    p = secure("allow")
    with socket.create_connection(p.address, 5) as one:
        one.sendall(tls.SSL_REQUEST)
        assert one.recv(1) == b"S"
        one.sendall(startup({"user": "app", "database": "app"}) + query("select 1"))
        answer = b""
        try:
            while piece := one.recv(4096):
                answer += piece
        except ConnectionResetError:
            pass
    assert b"Z\0\0\0\5I" not in answer
    wait_until(lambda: "TLS handshake error: handshake failed: error:" in p.log(), 3)


def test_request_inside_tls(secure):
    p = secure("allow")
    for packet in (tls.SSL_REQUEST, tls.GSS_REQUEST):
        client = tls.Client(p.address, login=False)
        client.send(packet)
        found = client.rest()
        assert [m.kind for m in found] in ([], ["E"])


def test_second_request(secure):
    p = secure("disable")
    with socket.create_connection(p.address, 5) as one:
        for packet in (tls.GSS_REQUEST, tls.SSL_REQUEST):
            one.sendall(packet)
            assert one.recv(1) == b"N"
        one.sendall(tls.SSL_REQUEST)
        assert one.recv(1) in (b"", b"E")


# ---- hostile clients --------------------------------------------------------------------------

def test_half_open_handshakes_time_out(secure):
    """Silent, or silent after half a hello: they hold little, nobody waits for them, and go."""
    p = secure("require", client_login_timeout=2)
    ones = []
    for i in range(300):
        one = socket.create_connection(p.address, 5)
        one.sendall(tls.SSL_REQUEST)
        ones.append(one)
    for i, one in enumerate(ones):
        assert one.recv(1) == b"S"
        if i % 2:
            one.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    with tls.Client(p.address) as client:
        assert client.value("select 1") == "1"
        for one in ones:
            one.settimeout(5)
            try:
                assert one.recv(100) == b""
            except ConnectionResetError:
                pass
            one.close()
        assert client.value("select 2") == "2"
    assert p.log().count("closing because: client_login_timeout") >= 300


@pytest.mark.parametrize("hello", [
    b"\x16\x03\x01\xff\xff" + b"\x01" * 100, b"\x16\x03\x01\x00\x00", b"\x16\xff\xff\x00\x01\x01",
    b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", b"\x16" + b"\x00" * 3000, b"\x80\x2e\x01\x00\x02"],
    ids=str)
def test_bad_hello(secure, hello):
    p = secure("allow")
    for first in (tls.SSL_REQUEST, b""):
        with socket.create_connection(p.address, 5) as one:
            if first:
                one.sendall(first)
                assert one.recv(1) == b"S"
            one.sendall(hello)
            one.shutdown(socket.SHUT_WR)
            try:
                while one.recv(4096):
                    pass
            except ConnectionResetError:
                pass
    with tls.Client(p.address) as client:
        assert client.value("select 1") == "1"


def test_garbage_inside(secure):
    """A record that was tampered with ends the session and nobody else's."""
    p = secure("allow")
    with tls.Client(p.address) as good:
        bad = tls.Client(p.address)
        raw = socket.socket(fileno=os.dup(bad.socket.fileno()))
        raw.sendall(b"\x17\x03\x03\x00\x30" + b"x" * 48)
        with pytest.raises((Gone, OSError)):
            bad.read()
        raw.close()
        assert good.value("select 1") == "1"
    assert len(p.console("SHOW CLIENTS")) == 1


def test_renegotiation(secure):
    p = secure("require", client_tls_protocols="tlsv1.2")
    done = subprocess.run(["openssl", "s_client", "-starttls", "postgres", "-connect",
                           f"127.0.0.1:{p.port}"], input="R\n", capture_output=True, text=True,
                          timeout=20)
    assert "no renegotiation" in done.stderr
    with tls.Client(p.address) as client:
        assert client.value("select 1") == "1"


def test_login_storm(secure):
    """While many shake hands at once, who is logged in is served."""
    p = secure("require", max_client_conn=500)
    storming = threading.Event()
    made = []

    def storm():
        while not storming.is_set():
            try:
                made.append(tls.Client(p.address).close())
            except (OSError, Gone):
                pass

    with tls.Client(p.address) as client:
        threads = [threading.Thread(target=storm) for _ in range(8)]
        for thread in threads:
            thread.start()
        slowest = 0
        for _ in range(100):
            before = time.monotonic()
            client.value("select 1")
            slowest = max(slowest, time.monotonic() - before)
        storming.set()
        for thread in threads:
            thread.join()
    assert len(made) > 8
    assert slowest < 5


# ---- reload -----------------------------------------------------------------------------------

def test_reload_of_a_certificate(pooler, folder):
    """New connections see the new one; nobody is dropped, whatever is under way."""
    own = tls.Authority(harness.make_folder(folder, "renewed."))
    first = own.sign("server", "localhost")
    p = pooler(client_tls_sslmode="require", client_tls_cert_file=first["crt"],
               client_tls_key_file=first["key"], server_tls_sslmode="disable")
    troubles, stop = [], threading.Event()

    def work():
        try:
            with tls.Client(p.address) as client:
                while not stop.is_set():
                    assert client.value("select 'some text'") == "some text"
        except Exception as trouble:  # told by the main thread
            troubles.append(trouble)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    with tls.Client(p.address) as client:
        before = client.certificate
    own.sign("server", "localhost")
    p.signal(1)
    seen = lambda: tls.Client(p.address, login=False).certificate
    wait_until(lambda: seen() != before, 5, "the new certificate")
    time.sleep(0.2)
    stop.set()
    for thread in threads:
        thread.join()
    assert not troubles


def console(pooler, *commands):
    """What each command is answered with, over the Unix socket."""
    with harness.Wire(pooler.socket, "admin", "pgcarwash") as wire:
        return [wire.ask(query(command)) for command in commands]


def test_reload_of_nonsense(secure, authority, folder):
    """All or nothing: with a bad file everything stays as it was."""
    p = secure("require")
    with tls.Client(p.address) as client:
        for key, value in (("client_tls_cert_file", "/nowhere.crt"),
                           ("client_tls_key_file", authority.client["key"]),
                           ("client_tls_ciphers", "none such"),
                           ("client_tls_protocols", "tlsv9")):
            good = p.settings[key] if key in p.settings else None
            p.settings.update({key: value, "default_pool_size": 3})
            p.write()
            answers, = console(p, "RELOAD")
            assert [m.fields()["M"] for m in answers if m.kind == "E"] == [
                "RELOAD failed, see logs for additional details"]
            assert [m.fields()["C"] for m in answers if m.kind == "E"] == ["F0000"]
            p.settings[key] = good
            assert client.value("select 1") == "1"
            assert tls.Client(p.address).value("select 1") == "1"
    assert ("TLS setup failed: failed to load certificate file \"/nowhere.crt\": "
            "error:80000002:system library::No such file or directory") in p.log()
    with harness.Wire(p.socket, "admin", "pgcarwash") as wire:
        rows = {row[0]: row[1] for row in wire.sql("SHOW CONFIG")}
        assert rows["default_pool_size"] == "20"


def test_set_one_by_one(pooler, authority):
    """Only the last of the keys makes them fit together; until then the old ones stay."""
    p = pooler(server_tls_sslmode="disable")
    notice = "TLS settings could not be applied, still using old configuration"
    answers = console(p, "SET client_tls_sslmode = 'require'",
                      f"SET client_tls_cert_file = '{authority.server['crt']}'",
                      "SET default_pool_size = 7")
    assert [[m.fields()["M"] for m in one if m.kind == "N"] for one in answers] == [
        [notice], [notice], []]
    assert [[m.kind for m in one][-2:] for one in answers] == [["C", "Z"]] * 3
    assert ask(p.address, tls.SSL_REQUEST) == b"N"
    assert p.wire().value("select 1") == "1"
    answers = console(p, f"SET client_tls_key_file = '{authority.server['key']}'")
    assert not [m for m in answers[0] if m.kind in "NE"]
    assert tls.Client(p.address).value("select 1") == "1"
    assert failure_of(p.wire) == "SSL required"


def test_bad_start(secure):
    p = secure("require", client_tls_cert_file="/nowhere.crt", start=False)
    p.start(wait=False)
    assert p.wait_end() == 1
    assert "ERROR TLS setup failed: failed to load certificate file \"/nowhere.crt\"" in p.log()
    done = subprocess.run([p.install(), "--check", p.ini], capture_output=True, text=True,
                          **harness.unprivileged())
    assert done.returncode == 1
    line = 1 + p.ini.read_text().splitlines().index("client_tls_cert_file = /nowhere.crt")
    assert f"error: {p.ini}:{line}: TLS setup failed: failed to load certificate" in done.stderr
    assert "(client_tls_cert_file)" in done.stderr
