"""TLS between the pooler and PostgreSQL: modes, verification, channel binding, lying servers."""

import struct
import time

import pytest

import harness
import tls
from harness import PASSWORDS
from wireclient import ServerError, message, query, startup, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]


@pytest.fixture(scope="module")
def authority(folder):
    made = tls.Authority(harness.make_folder(folder, "certificates."))
    made.server = made.sign("server", "localhost", "DNS:localhost,IP:127.0.0.1")
    made.named = made.sign("named", "db.example", "DNS:db.example")
    made.client = made.sign("client", "app")
    made.other = tls.Authority(harness.make_folder(folder, "others."), "other")
    return made


@pytest.fixture(scope="module")
def secure_pg(folder, authority):
    """A PostgreSQL with TLS; user third needs a certificate."""
    server = harness.Postgres(
        folder, ssl="on", ssl_cert_file=f"'{authority.server['crt']}'",
        ssl_key_file=f"'{authority.server['key']}'", ssl_ca_file=f"'{authority.crt()}'")
    hba = server.data / "pg_hba.conf"
    rules = "hostssl all third 127.0.0.1/32 cert map=all\nhost all third 127.0.0.1/32 reject\n"
    hba.write_text("local all all trust\n" + rules + hba.read_text())
    (server.data / "pg_ident.conf").write_text("all app third\n")
    server.start()
    yield server
    server.remove()


def entry(server, **words):
    return {"app": {"host": "127.0.0.1", "port": server.port, **words}}


ENCRYPTED = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"


def failure_of(call):
    with pytest.raises(ServerError) as caught:
        call()
    return caught.value.text


# ---- modes ------------------------------------------------------------------------------------

@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca",
                                  "verify-full"])
@pytest.mark.parametrize("encrypts", [True, False], ids=["tls", "plain"])
def test_modes(pooler, pg, secure_pg, authority, mode, encrypts):
    server = secure_pg if encrypts else pg
    p = pooler(postgres=server, databases=entry(server), server_tls_sslmode=mode,
               server_tls_ca_file=authority.crt())
    if not encrypts and mode in ("require", "verify-ca", "verify-full"):
        assert failure_of(p.wire) == "server refused SSL"
        assert "closing because: server refused SSL" in p.log()
        return
    with p.wire() as client:
        assert client.value(ENCRYPTED) == ("t" if encrypts and mode != "disable" else "f")
        info = p.servers()[0]["tls"]
    if encrypts and mode != "disable":
        assert info.startswith("TLSv1.3/TLS_")
        assert f"SSL established: {info}" in p.log()
    else:
        assert info == ""


def test_unix_socket_goes_without(pooler, secure_pg):
    p = pooler(postgres=secure_pg, databases={"app": {"host": str(secure_pg.folder),
                                                      "port": secure_pg.port}},
               server_tls_sslmode="verify-full")
    assert p.wire().value(ENCRYPTED) == "f"


def test_versions_and_ciphers(pooler, secure_pg):
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="require",
               server_tls_protocols="tlsv1.2", server_tls_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")
    with p.wire() as client:
        assert client.sql("select version, cipher from pg_stat_ssl where pid = pg_backend_pid()"
                          ) == [("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256")]


# ---- verification -----------------------------------------------------------------------------

def test_other_authority(pooler, secure_pg, authority):
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="verify-ca",
               server_tls_ca_file=authority.other.crt())
    assert failure_of(p.wire) == "TLS startup failed"
    assert "TLS handshake error: handshake failed: error:" in p.log()
    assert "certificate verify failed" in p.log()


def test_no_authority_means_the_systems(pooler, secure_pg):
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="verify-ca")
    assert failure_of(p.wire) == "TLS startup failed"


def test_host_names(pooler, authority):
    def serve(one):
        secure = tls.accept_tls(one, authority.named)
        tls.take_packet(secure)
        tls.welcome(secure)

    with tls.FakeServer(serve) as fake:
        for mode, fine in (("verify-ca", True), ("verify-full", False)):
            for host in ("127.0.0.1", "localhost"):
                p = pooler(databases=entry(fake, host=host), server_tls_sslmode=mode,
                           server_tls_ca_file=authority.crt())
                if fine:
                    assert p.wire().value("select 1") == "fake"
                else:
                    assert failure_of(p.wire) == "TLS startup failed"
                    assert "mismatch" in p.log()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_verify_full(pooler, secure_pg, authority, host):
    p = pooler(postgres=secure_pg, databases=entry(secure_pg, host=host),
               server_tls_sslmode="verify-full", server_tls_ca_file=authority.crt())
    assert p.wire().value(ENCRYPTED) == "t"


def test_our_certificate(pooler, secure_pg, authority):
    """PostgreSQL's method cert."""
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="require",
               server_tls_cert_file=authority.client["crt"],
               server_tls_key_file=authority.client["key"])
    with p.wire("third") as client:
        assert client.value("select current_user") == "third"
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="require")
    assert "certificate" in failure_of(lambda: p.wire("third"))


@pytest.mark.parametrize("alpn", [["postgresql"], ["http/1.1"], None], ids=str)
def test_direct(pooler, authority, alpn):
    """Without asking first; both sides must mean PostgreSQL."""
    def serve(one):
        secure = tls.accept_tls(one, authority.server, alpn, direct=True)
        tls.take_packet(secure)
        tls.welcome(secure)

    with tls.FakeServer(serve) as fake:
        p = pooler(databases=entry(fake, sslnegotiation="direct"), server_tls_sslmode="verify-full",
                   server_tls_ca_file=authority.crt())
        if alpn == ["postgresql"]:
            with p.wire() as client:
                assert client.value("select 1") == "fake"
        else:
            assert failure_of(p.wire) == "TLS startup failed"
            assert "no protocol was agreed on (ALPN)" in p.log() or "alert" in p.log()


# ---- passwords --------------------------------------------------------------------------------

@pytest.mark.parametrize("user", PASSWORDS)
def test_passwords(pooler, secure_pg, user):
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="require")
    with p.wire(user) as client:
        assert client.value("select current_user") == user


def scram_server(certificate, offered, seen, password="secret"):
    def serve(one):
        secure = tls.accept_tls(one, certificate)
        with open(certificate["crt"], encoding="ascii") as file:
            der = tls.ssl.PEM_cert_to_DER_cert(file.read())
        seen.append(tls.scram_login(secure, password, offered, tls.end_point(der)))
        tls.welcome(secure)
    return serve


@pytest.mark.parametrize("offered, chosen", [
    (["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,")),
    (["SCRAM-SHA-256-PLUS"], ("SCRAM-SHA-256-PLUS", "p=tls-server-end-point,,")),
    (["SCRAM-SHA-256"], ("SCRAM-SHA-256", "y,,"))], ids=["both", "plus", "plain"])
def test_channel_binding(pooler, authority, offered, chosen):
    """Tied to the channel where the server can; else it is told that we could."""
    seen = []
    with tls.FakeServer(scram_server(authority.server, offered, seen)) as fake:
        p = pooler(databases=entry(fake, password="secret", user="app"),
                   server_tls_sslmode="require")
        assert p.wire().value("select 1") == "fake"
    assert seen == [chosen]


@pytest.mark.parametrize("offered, chosen", [
    (["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], "SCRAM-SHA-256-PLUS"),
    (["SCRAM-SHA-256"], None)], ids=["both", "plain"])
def test_channel_binding_required(pooler, authority, offered, chosen):
    seen = []
    with tls.FakeServer(scram_server(authority.server, offered, seen)) as fake:
        p = pooler(databases=entry(fake, password="secret", user="app"), warm=False,
                   server_tls_sslmode="require", server_channel_binding="require")
        if chosen:
            assert p.wire().value("select 1") == "fake"
            assert seen[0][0] == chosen
        else:
            assert "channel binding is required" in failure_of(p.wire)


def test_channel_binding_disabled(pooler, authority):
    """An entry's word counts before the general one."""
    seen = []
    offered = ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"]
    with tls.FakeServer(scram_server(authority.server, offered, seen)) as fake:
        p = pooler(databases=entry(fake, password="secret", user="app",
                                   channel_binding="disable"),
                   server_tls_sslmode="require", server_channel_binding="require")
        assert p.wire().value("select 1") == "fake"
    assert seen == [("SCRAM-SHA-256", "n,,")]


@pytest.mark.parametrize("user", ["app", "by_plain", "by_md5", "by_scram"])
def test_channel_binding_required_of_others(pooler, secure_pg, user):
    """Neither trust nor another method will do; PostgreSQL's SCRAM does."""
    p = pooler(postgres=secure_pg, warm=False, server_tls_sslmode="require",
               databases=entry(secure_pg, channel_binding="require"))
    if user == "by_scram":
        with p.wire(user) as client:
            assert client.value("select current_user") == user
    else:
        assert "channel binding is required" in failure_of(lambda: p.wire(user))


def test_keys_passed_through(pooler, secure_pg, authority):
    """A client that proved itself by SCRAM-SHA-256-PLUS opens servers that ask for the same."""
    secret = secure_pg.secret_of("by_scram")
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), auth_type="scram-sha-256",
               secrets={"by_scram": secret}, server_tls_sslmode="require",
               client_tls_sslmode="require", client_tls_cert_file=authority.server["crt"],
               client_tls_key_file=authority.server["key"])
    with p.psycopg(user="by_scram", password=PASSWORDS["by_scram"], sslmode="require",
                   channel_binding="require") as connection:
        assert connection.execute("select current_user").fetchone() == ("by_scram",)


# ---- cancel -----------------------------------------------------------------------------------

def test_cancel(pooler, secure_pg, authority):
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="verify-full",
               server_tls_ca_file=authority.crt())
    with p.wire() as client:
        client.send(query("select pg_sleep(20)"))
        wait_until(lambda: secure_pg.backends("query like '%sleep%'"), 5)
        client.cancel()
        assert [m.fields()["C"] for m in client.ready() if m.kind == "E"] == ["57014"]
        assert client.value("select 1") == "1"


def test_cancel_is_encrypted(pooler, authority):
    """The key goes to whom it belongs, through TLS, and never in clear."""
    keys = []

    def serve(one):
        secure = tls.accept_tls(one, authority.server)
        packet = tls.take_packet(secure)
        if packet[:4] == struct.pack("!I", 80877102):
            keys.append(packet[4:])
            secure.close()
            return
        parameters = message("S", b"client_encoding\0UTF8\0")
        secure.sendall(message("R", struct.pack("!I", 0)) + parameters
                       + message("K", struct.pack("!II", 42, 4711)) + message("Z", b"I"))
        assert tls.take_message(secure)[0] == "Q"
        while not keys:
            time.sleep(0.01)
        secure.sendall(message("E", b"SERROR\0C57014\0Mcanceled\0\0") + message("Z", b"I"))
        tls.take_message(secure)

    with tls.FakeServer(serve) as fake:
        p = pooler(databases=entry(fake), server_tls_sslmode="verify-full",
                   server_tls_ca_file=authority.crt())
        with p.wire() as client:
            client.send(query("select 1"))
            wait_until(lambda: p.servers(state="active"), 5)
            client.cancel()
            assert [m.kind for m in client.ready()] == ["E", "Z"]
    assert keys == [struct.pack("!II", 42, 4711)]


# ---- servers that lie -------------------------------------------------------------------------

@pytest.mark.parametrize("answer, mode, text", [
    (b"S" + message("R", struct.pack("!I", 0)), "require",
     "received unencrypted data after SSL response"),
    (b"S" + message("R", struct.pack("!I", 0)), "prefer",
     "received unencrypted data after SSL response"),
    (b"N" + message("R", struct.pack("!I", 0)), "prefer",
     "received unencrypted data after SSL response"),
    (b"N", "require", "server refused SSL"), (b"X", "prefer", "bad sslreq answer"),
    (b"ESERROR\0", "prefer", "bad sslreq answer")],
    ids=["piled", "piled-prefer", "piled-no", "refused", "odd", "error"])
def test_answers(pooler, answer, mode, text):
    heard = []

    def serve(one):
        assert tls.take_packet(one) == tls.SSL_REQUEST[4:]
        one.sendall(answer)
        heard.append(one.recv(1000))

    with tls.FakeServer(serve) as fake:
        p = pooler(databases=entry(fake, user="app", password="untold"),
                   server_tls_sslmode=mode, client_login_timeout=3)
        with pytest.raises((ServerError, AssertionError)):
            p.wire()
        wait_until(lambda: heard, 5)
        assert f"closing because: {text}" in p.log()
    assert heard[0] == b""


def test_handshake_that_never_ends(pooler):
    def serve(one):
        tls.take_packet(one)
        one.sendall(b"S")
        one.recv(4096)
        one.sendall(b"\x16\x03\x03\x00\x50\x02")
        assert one.recv(10) == b""

    with tls.FakeServer(serve) as fake:
        p = pooler(databases=entry(fake), server_tls_sslmode="prefer", server_connect_timeout=1)
        wire = p.wire(login=False)
        wire.send(startup(wire.params))
        wait_until(lambda: "closing because: connect timeout" in p.log(), 5)
        wire.close()


# ---- reload -----------------------------------------------------------------------------------

def test_reload_replaces_servers(pooler, secure_pg, authority):
    """An effective change, and no other, makes all servers new; nobody is dropped."""
    p = pooler(postgres=secure_pg, databases=entry(secure_pg), server_tls_sslmode="prefer")
    pid = "select pg_backend_pid()"
    with p.wire() as client:
        first = client.value(pid)
        p.settings["query_timeout"] = 60
        p.reload()
        assert client.value(pid) == first
        client.sql("begin")
        p.settings["server_tls_sslmode"] = "verify-full"
        p.settings["server_tls_ca_file"] = authority.crt()
        p.reload()
        assert client.value(pid) == first
        client.sql("commit")
        second = client.value(pid)
        assert second != first
        p.reload()
        assert client.value(pid) == second
        p.settings["server_tls_ca_file"] = "/nowhere.crt"
        with pytest.raises(ServerError):
            p.reload()
        assert client.value(pid) == second
        assert client.value(ENCRYPTED) == "t"
