"""Logins: every way a client proves who it is, and the pooler to the server."""

import base64
import hashlib
import os
import struct
import subprocess

import pytest

import harness
import wireclient
from harness import PASSWORDS, md5_secret, scram_secret
from wireclient import Gone, ServerError, errors, message, startup

pytestmark = [pytest.mark.pooled, pytest.mark.fixed]

WORD = "p\u00e4ss 'w\"ord"
SECRETS = {"app": WORD, "other": md5_secret("other", WORD), "third": scram_secret(WORD)}


def failure(pooler, **login):
    with pytest.raises(ServerError) as caught:
        pooler.wire(**login)
    assert (caught.value.severity, caught.value.sqlstate) == ("FATAL", "08P01"), caught.value
    return caught.value.text


# ---- clients ----------------------------------------------------------------------------------

@pytest.mark.parametrize("auth_type, works", [
    ("plain", {"app", "other", "third"}), ("md5", {"app", "other", "third"}),
    ("scram-sha-256", {"app", "third"})])
def test_kinds_of_secrets(pooler, auth_type, works):
    """A plain, an md5 and a SCRAM secret under each method that asks for a password."""
    p = pooler(auth_type=auth_type, secrets=SECRETS)
    sasl = "SASL authentication failed"
    for user in SECRETS:
        by_scram = auth_type == "scram-sha-256" or (auth_type == "md5" and user == "third")
        wrong = sasl if by_scram else "password authentication failed"
        if user in works:
            with p.wire(user, password=WORD) as wire:
                assert wire.value("select current_user") == user
        else:
            assert failure(p, user=user, password=WORD) == wrong
        assert failure(p, user=user, password=WORD + "x") == wrong
        assert failure(p, user=user, password="x") == wrong


@pytest.mark.parametrize("auth_type", ["plain", "md5", "scram-sha-256"])
def test_unknown_user_looks_like_a_known_one(pooler, auth_type):
    """Same messages, same texts, whatever is wrong."""
    p = pooler(auth_type=auth_type, secrets=SECRETS)
    seen = []
    for user, database in (("app", "app"), ("nobody at all", "app"), ("app", "no such database")):
        wire = p.wire(user, database, password="wrong", login=False)
        with pytest.raises(ServerError) as caught:
            wire.login()
        sizes = [(m.kind, len(m.body)) for m in wire.received]
        seen.append((sizes, caught.value.fields))
    assert seen[0] == seen[1] == seen[2]


def test_unknown_user_has_a_steady_salt(pooler):
    """A salt that changes with every try would tell that the user does not exist."""
    p = pooler(auth_type="scram-sha-256", secrets=SECRETS)

    def salt(user):
        wire = p.wire(user, password="wrong", login=False)
        with pytest.raises(ServerError):
            wire.login()
        challenge = [m for m in wire.received if m.kind == "R"][1].body[4:].decode()
        parts = dict(part.split("=", 1) for part in challenge.split(","))
        return parts["s"], parts["i"]

    assert salt("nobody") == salt("nobody")
    assert salt("nobody") != salt("nobody2")
    assert salt("nobody")[1] == salt("third")[1] == "4096"


def test_trust(pooler):
    p = pooler(auth_type="trust")
    with p.wire("app") as wire:
        assert wire.value("select current_user") == "app"
    assert failure(p, user="nobody at all") == '"trust" authentication failed'


def test_any(pooler):
    p = pooler(auth_type="any", databases={"app": {"user": "app"}, "second": {}})
    for user in ("whoever", "app"):
        with p.wire(user) as wire:
            assert wire.value("select current_user") == "app"
    assert failure(p, user="whoever", database="second") == "bouncer config error"


@pytest.mark.pgcarwash
def test_saslprep(pooler):
    """RFC 4013: a soft hyphen is nothing, a ligature its letters; libpq prepares, so must we."""
    p = pooler(auth_type="scram-sha-256", secrets={
        "app": "I\u00adX \ufb01n", "other": "IX fin", "third": scram_secret("IX fin")})
    for user in ("app", "other", "third"):
        for password in ("IX fin", "I\u00adX \ufb01n"):
            with p.psycopg(user, password=password) as connection:
                assert connection.execute("select current_user").fetchone() == (user,)


def test_psql_and_libpq(pooler):
    p = pooler(auth_type="scram-sha-256", secrets=SECRETS)
    for user in ("app", "third"):
        done = subprocess.run([harness.postgres_bin("psql"), "-XAtc", "select current_user",
                               p.dsn(user)], capture_output=True, text=True, timeout=20,
                              env={**harness.clean_environment("/tmp"), "PGPASSWORD": WORD})
        assert done.stdout.strip() == user, done.stderr


@pytest.mark.parametrize("auth_type", ["plain", "md5"])
def test_empty_password(pooler, auth_type):
    p = pooler(auth_type=auth_type, secrets=SECRETS)
    wire = p.wire("app", login=False)
    wire.send(startup({"user": "app", "database": "app"}))
    wire.until("R")
    wire.send(message("p", b"\0"))
    assert errors(wire.rest())[0][1] in ("empty password returned by client",
                                         "password authentication failed")


@pytest.mark.pgcarwash
@pytest.mark.parametrize("data", [
    b"SCRAM-SHA-256-PLUS\0\0\0\0\0", b"SCRAM-SHA-256\0\xff\xff\xff", b"SCRAM-SHA-256",
    b"SCRAM-SHA-256\0\0\0\0\x05n,,n=", b"SCRAM-SHA-256\0\x7f\xff\xff\xff" + b"n,,n=,r=abc",
    b"SCRAM-SHA-256\0\0\0\0\x10p=tls-unique,,n=", b"", b"\0" * 40,
    b"SCRAM-SHA-256\0\0\0\0\x0bn,,n=,r=\x01\x02\x03", b"x" * 60000])
def test_broken_sasl(pooler, data):
    p = pooler(auth_type="scram-sha-256", secrets=SECRETS)
    for user in ("app", "nobody"):
        wire = p.wire(user, login=False)
        wire.send(startup({"user": user, "database": "app"}))
        wire.until("R")
        wire.send(message("p", data))
        answers = wire.rest()
        assert [e[0] for e in errors(answers)] == ["08P01"], answers
    with p.wire("app", password=WORD) as wire:
        assert wire.value("select 1") == "1"


@pytest.mark.pgcarwash
def test_password_message_too_long(pooler):
    p = pooler(auth_type="scram-sha-256", secrets=SECRETS)
    wire = p.wire("app", login=False)
    wire.send(startup({"user": "app", "database": "app"}))
    wire.until("R")
    wire.send(b"p" + struct.pack("!I", 0x7fffffff) + b"x" * 1000)
    assert [e[0] for e in errors(wire.rest())] in (["08P01"], [])
    assert p.memory() < 200_000


@pytest.mark.pgcarwash
def test_wrong_proof_with_a_right_nonce(pooler):
    """The exchange to its end, but with a proof made of another password."""
    p = pooler(auth_type="scram-sha-256", secrets=SECRETS)
    for user in ("app", "third", "nobody"):
        assert failure(p, user=user, password="almost") == "SASL authentication failed"


@pytest.mark.parametrize("packet, text", [
    (startup({"database": "app"}), "no username supplied"),
    (startup({"user": "x" * 200, "database": "app"}), "username too long"),
    (struct.pack("!II", 8, 2 << 16), "old V2 protocol not supported"),
    (struct.pack("!II", 20, 196608) + b"user\0app\0xxx", None),
    (struct.pack("!I", 0xffffffff) + b"xxxx", None), (struct.pack("!II", 3, 196608), None),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None), (b"\x16\x03\x01\x02\x00" + b"x" * 100, None)])
@pytest.mark.pgcarwash
def test_broken_startup(pooler, packet, text):
    p = pooler()
    wire = p.wire(login=False)
    wire.send(packet)
    answers = wire.rest()
    if text:
        assert errors(answers) == [("08P01", text)]
    with p.wire() as wire:
        assert wire.value("select 1") == "1"


def test_tls_and_gss_requests(pooler):
    """Answered N for now; then the login goes on."""
    p = pooler()
    for requests in ([wireclient.SSL_REQUEST], [wireclient.GSS_REQUEST],
                     [wireclient.GSS_REQUEST, wireclient.SSL_REQUEST]):
        wire = p.wire(login=False)
        for request in requests:
            wire.send(request)
            assert wire.socket.recv(1) == b"N"
        wire.login()
        assert wire.value("select 1") == "1"
        wire.close()
    done = subprocess.run(
        [harness.postgres_bin("psql"), "-XAtc", "select 1", p.dsn(sslmode="prefer",
                                                                  gssencmode="prefer")],
        capture_output=True, text=True, timeout=20, env=harness.clean_environment("/tmp"))
    assert done.stdout.strip() == "1", done.stderr


@pytest.mark.pgcarwash
@pytest.mark.parametrize("version, options", [
    (196608, {"_pq_.unheard_of": "1"}), (196611, {}), (196609, {"_pq_.a": "1", "_pq_.b": "2"})])
def test_negotiation_of_the_protocol(pooler, version, options):
    p = pooler()
    wire = p.wire(version=version, **options)
    first = [m for m in wire.greeting if m.kind == "v"]
    assert len(first) == 1, wire.greeting
    minor, count = struct.unpack_from("!II", first[0].body)
    names = first[0].body[8:].split(b"\0")[:-1]
    assert minor in (0, 196608, 196610) and count == len(options)
    assert names == [name.encode() for name in options]
    assert wire.value("select 1") == "1"
    wire.close()


def test_login_in_pieces(pooler):
    p = pooler(auth_type="md5", secrets=SECRETS)
    wire = p.wire(password=WORD, login=False)
    send = wire.send
    wire.send = lambda *parts: [send(bytes([b])) for b in b"".join(parts)]
    wire.login()
    assert wire.value("select 1") == "1"


# ---- servers ----------------------------------------------------------------------------------

@pytest.mark.parametrize("user", PASSWORDS)
def test_server_asks_for_a_password(pooler, user):
    """auth_file's plain text serves every method of the server."""
    p = pooler()
    with p.wire(user) as wire:
        assert wire.value("select current_user") == user


@pytest.mark.parametrize("user", PASSWORDS)
def test_password_of_the_database_entry(pooler, user):
    p = pooler(databases={"app": {"user": user, "password": f"'{PASSWORDS[user]}'"}},
               secrets={user: "something else"})
    with p.wire("app") as wire:
        assert wire.value("select current_user") == user


def test_md5_secret_for_the_server(pooler):
    p = pooler(auth_type="md5", secrets={"by_md5": md5_secret("by_md5", PASSWORDS["by_md5"])})
    with p.wire("by_md5", password=PASSWORDS["by_md5"]) as wire:
        assert wire.value("select current_user") == "by_md5"


def test_scram_pass_through(pooler, pg):
    """The keys of the client's own login open the server; no plain text is known."""
    p = pooler(auth_type="scram-sha-256", secrets={"by_scram": pg.secret_of("by_scram")})
    for _ in range(3):
        with p.wire("by_scram", password=PASSWORDS["by_scram"]) as wire:
            assert wire.value("select current_user") == "by_scram"
        pg.kill_backends("usename = 'by_scram'")
    assert failure(p, user="by_scram", password="wrong") == "SASL authentication failed"
    with p.psycopg("by_scram", password=PASSWORDS["by_scram"]) as connection:
        assert connection.execute("select 1").fetchone() == (1,)


def test_secret_that_does_not_fit_the_server(pooler, pg):
    """An md5 secret cannot answer SCRAM, a SCRAM secret not md5 or plain."""
    p = pooler(secrets={"by_scram": md5_secret("by_scram", PASSWORDS["by_scram"]),
                        "by_md5": scram_secret(PASSWORDS["by_md5"]),
                        "by_plain": scram_secret(PASSWORDS["by_plain"])})
    for user in PASSWORDS:
        with pytest.raises((ServerError, Gone)) as caught:
            with p.wire(user) as wire:
                wire.sql("select 1")
        if p.kind == "pgcarwash":
            assert caught.value.severity == "FATAL", caught.value
            assert "server login failed: wrong password type" in caught.value.text
    with p.wire("app") as wire:
        assert wire.value("select 1") == "1"


def test_server_rejects(pooler):
    p = pooler(secrets={"rejected": ""})
    with pytest.raises((ServerError, Gone)) as caught:
        with p.wire("rejected") as wire:
            wire.sql("select 1")
    if p.kind == "pgcarwash":
        assert caught.value.sqlstate == "28000" and "pg_hba.conf rejects" in caught.value.text


def test_no_secret_in_the_log(pooler, pg):
    word = "Rumpelstiltskin" + base64.b32encode(os.urandom(5)).decode()
    secret = scram_secret(word)
    p = pooler(auth_type="scram-sha-256", verbose=3 if harness.KIND == "pgcarwash" else 2,
               secrets={"app": word, "third": secret, "other": md5_secret("other", word)},
               databases={"app": {"password": word, "user": "by_plain"}, "second": {}})
    for user in ("app", "third", "other"):
        for password in (word, word[:-1]):
            for database in ("app", "second"):
                try:
                    p.wire(user, database, password=password).close()
                except (ServerError, Gone):
                    pass
    log = p.log()
    pieces = [word[:-1], secret.split("$")[2].split(":")[0], secret.split(":")[-1],
              hashlib.md5((word + "other").encode()).hexdigest()]
    assert not [piece for piece in pieces if piece in log], "a secret is in the log"
