"""The classes of published vulnerabilities of poolers, one section each, on the side of logins.

What is sent before a TLS handshake; functions and tables that a search_path puts in the way of
auth_query; passwords that have expired; lengths in SCRAM messages; commands of the console for
those who may only look. Malformed packets of all kinds are in test_tls_clients.py, test_auth.py
and the fuzz targets.
"""

import base64
import socket
import struct
import time

import pytest

import harness
import tls
from harness import scram_secret
from wireclient import (Gone, Scram, ServerError, Wire, errors, extended, message, query, rows,
                        startup, wait_until)

pytestmark = [pytest.mark.pooled, pytest.mark.fixed, pytest.mark.pgcarwash]

SCRAM = {"app": "scram word", "third": scram_secret("scram word")}


def failure(connect, *arguments, **login):
    with pytest.raises(ServerError) as caught:
        connect(*arguments, **login)
    assert (caught.value.severity, caught.value.sqlstate) == ("FATAL", "08P01"), caught.value
    return caught.value.text


# ---- bytes before TLS (CVE-2021-3935) ---------------------------------------------------------

@pytest.fixture(scope="module")
def certificate(folder):
    path = harness.make_folder(folder, "hostile.")
    return tls.Authority(path).sign("server", "localhost", "DNS:localhost")


@pytest.fixture
def secure(pooler, certificate):
    def make(mode, **settings):
        return pooler(client_tls_sslmode=mode, client_tls_key_file=certificate["key"],
                      client_tls_cert_file=certificate["crt"], **settings)
    return make


def everything(one):
    answer = b""
    try:
        while piece := one.recv(4096):
            answer += piece
    except (ConnectionResetError, TimeoutError):
        pass
    return answer


INJECTED = startup({"user": "app", "database": "app"}) + query("create table injected (a int)")


@pytest.mark.parametrize("mode", ["allow", "require"])
@pytest.mark.parametrize("before, between", [
    (tls.SSL_REQUEST + INJECTED, b""), (tls.SSL_REQUEST, INJECTED),
    (tls.GSS_REQUEST + tls.SSL_REQUEST + INJECTED, b""), (tls.SSL_REQUEST + INJECTED[:1], b""),
    (tls.SSL_REQUEST, INJECTED[:1])],
    ids=["piled", "between", "behind GSS", "one byte", "one byte between"])
def test_what_a_client_sent_before_tls_is_never_read(secure, pg, mode, before, between):
    """A man in the middle puts bytes in front of the client's own handshake."""
    p = secure(mode)
    with socket.create_connection(p.address, 5) as one:
        one.settimeout(5)
        one.sendall(before)
        if between:
            assert one.recv(1) == b"S"
            one.sendall(between)
        # The client's own handshake follows; it must not lead anywhere.
        try:
            with tls.context().wrap_socket(one, server_hostname="localhost") as encrypted:
                encrypted.sendall(startup({"user": "app", "database": "app"}))
                answer = everything(encrypted)
        except (OSError, ValueError):
            answer = b""
    assert b"Z\0\0\0\5I" not in answer
    assert "login attempt" not in p.log()
    assert pg.sql("select to_regclass('injected') is null")[0][0] == "t"
    with tls.Client(p.address) as client:
        assert client.value("select 1") == "1"


FORGED = message("R", struct.pack("!I", 0)) + message("Z", b"I")
ASKS = message("R", struct.pack("!I", 3))


@pytest.mark.parametrize("forged", [FORGED, ASKS, FORGED[:1]], ids=["welcome", "asks", "one byte"])
@pytest.mark.parametrize("at_once", [True, False], ids=["piled", "later"])
def test_what_a_server_sent_before_tls_is_never_read(pooler, forged, at_once):
    """The same towards servers: a forged question for the password must not be answered."""
    heard = []

    def serve(one):
        assert tls.take_packet(one) == tls.SSL_REQUEST[4:]
        one.sendall(b"S" + forged if at_once else b"S")
        if not at_once:
            time.sleep(0.05)
            one.sendall(forged)
        one.settimeout(3)
        heard.append(everything(one))

    with tls.FakeServer(serve) as fake:
        p = pooler(databases={"app": f"host=127.0.0.1 port={fake.port} user=app password=untold"},
                   server_tls_sslmode="require", client_login_timeout=3)
        with pytest.raises((ServerError, Gone, OSError)):
            p.wire()
        wait_until(lambda: heard, 5)
    # Nothing but a ClientHello, and an alert, may have been said.
    assert b"untold" not in heard[0]
    assert heard[0][:1] in (b"", b"\x16")


# ---- auth_query and search_path (CVE-2025-12819) ----------------------------------------------

@pytest.fixture
def evil(pg):
    """What somebody who may make a schema can put in the way of our query."""
    pg.sql("create schema evil; create table evil.called (by text);"
           " create table evil.pg_authid as select 'app'::name rolname, 'mine' rolpassword,"
           "  null::timestamptz rolvaliduntil, true rolcanlogin;"
           " create function evil.now() returns timestamptz language sql as"
           "  $$ insert into evil.called values ('now'); select '1900-01-01'::timestamptz $$;"
           " create function evil.equal(name, text) returns bool language plpgsql as"
           "  $$ begin insert into evil.called values ('='); return true; end $$;"
           " create operator evil.= (leftarg = name, rightarg = text, function = evil.equal);"
           " grant all on schema evil to public; grant all on all tables in schema evil to public")
    # The trap works: whoever has this search_path falls into it.
    with Wire(pg.socket, "postgres", "app", search_path="evil,pg_catalog") as trapped:
        assert trapped.sql("select rolpassword, now() < '1950-01-01' from pg_authid"
                           " where rolname = text 'app'")[0] == ("mine", "t")
        assert trapped.value("select count(*) from called") == "2"
    pg.sql("delete from evil.called")
    yield
    pg.kill_backends()
    pg.sql("drop schema evil cascade")


@pytest.fixture
def asking(pooler):
    def make(secrets=None, **settings):
        settings = {"auth_type": "md5", "auth_user": "postgres", "default_pool_size": 1, **settings}
        p = pooler(start=False, **settings)
        p.secrets = {"postgres": "word", "admin": "admin word", **(secrets or {})}
        p.write()
        return p.start()
    return make


@pytest.mark.parametrize("how", [
    {"search_path": "evil, pg_catalog"}, {"options": "-c search_path=evil,pg_catalog"},
    {"Search_Path": "evil,pg_catalog"}], ids=["parameter", "options", "case"])
@pytest.mark.parametrize("tracked", ["", "search_path"])
def test_a_start_up_packet_does_not_steer_auth_query(asking, evil, pg, how, tracked):
    p = asking(track_extra_parameters=tracked or None)
    for _ in range(2):
        assert failure(p.wire, "app", password="mine", **how).endswith("authentication failed")
    # Not either by one who got in, as the user whose servers the query runs on.
    with p.wire("postgres", password="word", **how) as wire:
        assert wire.value("show search_path").startswith("evil")
        assert failure(p.wire, "app", password="mine", **how).endswith("authentication failed")
        assert failure(p.wire, "other", password="x").endswith("authentication failed")
        assert wire.value("select count(*) from evil.called") == "0"


@pytest.mark.parametrize("mode", ["session", "transaction"])
def test_what_a_client_left_on_the_server_does_not_steer_it(asking, evil, mode):
    p = asking(pool_mode=mode)
    with p.wire("postgres", password="word") as wire:
        wire.sql("set search_path to evil, pg_catalog")
        wire.sql("create temporary table pg_authid as select * from evil.pg_authid")
    assert failure(p.wire, "app", password="mine").endswith("authentication failed")
    assert failure(p.wire, "other", password="mine").endswith("authentication failed")


# ---- expired passwords (CVE-2025-2291) --------------------------------------------------------

@pytest.fixture
def role(pg):
    made = []

    def make(name, encryption, rest):
        pg.sql(f"set password_encryption = '{encryption}'; create role {name} login {rest}")
        made.append(name)
        return name
    yield make
    for name in made:
        pg.sql(f"drop role {name}")


@pytest.mark.parametrize("auth_type, encryption", [
    ("plain", "md5"), ("plain", "scram-sha-256"), ("md5", "md5"), ("md5", "scram-sha-256"),
    ("scram-sha-256", "scram-sha-256")])
def test_an_expired_password_is_none(asking, role, pg, auth_type, encryption):
    p = asking(auth_type=auth_type)
    user = role("expires", encryption, "password 'w' valid until 'infinity'")
    p.wire(user, password="w").close()
    # It was good a moment ago, and is known on both sides: that does not count.
    for until in ("2000-01-01", "-infinity"):
        pg.sql(f"alter role {user} valid until '{until}'")
        assert failure(p.wire, user, password="w").endswith("authentication failed")
        assert failure(p.wire, user, password="").endswith(
            ("authentication failed", "empty password returned by client"))
    pg.sql(f"alter role {user} valid until 'infinity'")
    p.wire(user, password="w").close()


def test_an_expired_password_looks_like_a_wrong_one(asking, role):
    p = asking(auth_type="scram-sha-256")
    user = role("expires", "scram-sha-256", "password 'w' valid until '2000-01-01'")
    told = []
    for name, password in ((user, "w"), (user, "wrong"), ("nobody at all", "w")):
        with pytest.raises(ServerError) as caught:
            p.wire(name, password=password)
        told.append(caught.value.fields)
    assert told[0] == told[1] == told[2]


# ---- lengths in SCRAM messages ----------------------------------------------------------------

LONG = "A" * 65000
NONCE = "r=clientnonce"


def initial(text):
    data = text.encode()
    return message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", len(data)) + data)


@pytest.mark.parametrize("first", [
    f"n,,n={LONG},{NONCE}", f"n,,n=,r={LONG}", f"n,a={LONG},n=,{NONCE}", f"n,,n=,{NONCE},x={LONG}",
    f"p={LONG},,n=,{NONCE}", f"{LONG},,n=,{NONCE}", "n,,n=,r=" + "\x7f" * 1000, "n,,", "n,,n=,r="],
    ids=["user", "nonce", "authzid", "extension", "binding", "flag", "odd nonce", "nothing",
         "no nonce"])
@pytest.mark.parametrize("user", ["app", "third", "nobody"])
def test_fields_of_a_clients_first_message(pooler, first, user):
    p = pooler(auth_type="scram-sha-256", secrets=SCRAM)
    wire = p.wire(user, login=False)
    wire.send(startup({"user": user, "database": "app"}))
    wire.until("R")
    wire.send(initial(first))
    answers = wire.rest()
    # A long name is legal, and ignored; the exchange goes on with a challenge and stops there.
    assert [m.kind for m in answers][-1:] in (["E"], [], ["R"]), answers
    assert all(e == ("08P01", "SASL authentication failed") for e in errors(answers)), answers
    with p.wire("third", password="scram word") as good:
        assert good.value("select 1") == "1"


def begin_exchange(pooler, user):
    wire = pooler.wire(user, login=False)
    wire.send(startup({"user": user, "database": "app"}))
    wire.until("R")
    scram = Scram("scram word")
    wire.send(scram.initial())
    challenge = wire.until("R")[-1].body[4:].decode()
    parts = dict(part.split("=", 1) for part in challenge.split(","))
    return wire, parts["r"]


PROOF = base64.b64encode(b"\0" * 32).decode()


@pytest.mark.parametrize("final", [
    "c={c},r={r},p=" + LONG, "c=" + LONG + ",r={r},p={p}", "c={c},r=" + LONG + ",p={p}",
    "c={c},r={r}" + "B" * 60000 + ",p={p}", "c={c},r={r},x=" + LONG + ",p={p}", "c={c},r={r},p=",
    "c={c},r={r},p=====", "c={c},r={r},p=" + PROOF[:-4], "c={c},r={r},p=" + PROOF + PROOF,
    "c={c},r={r}", "c=,r={r},p={p}", ",,,", "=" * 1000],
    ids=["proof", "binding", "nonce", "nonce and more", "extension", "no proof", "odd proof",
         "short proof", "two proofs", "none", "no binding", "commas", "equals"])
@pytest.mark.parametrize("user", ["app", "third", "nobody"])
def test_fields_of_a_clients_final_message(pooler, final, user):
    p = pooler(auth_type="scram-sha-256", secrets=SCRAM)
    wire, nonce = begin_exchange(p, user)
    wire.send(message("p", final.format(c="biws", r=nonce, p=PROOF).encode()))
    assert errors(wire.rest()) == [("08P01", "SASL authentication failed")]
    with p.wire("third", password="scram word") as good:
        assert good.value("select 1") == "1"


@pytest.mark.parametrize("length", [-1, -2, 0x7fffffff, 4, 0, -0x80000000])
def test_lengths_of_the_first_message(pooler, length):
    """The length inside SASLInitialResponse does not fit the message around it."""
    p = pooler(auth_type="scram-sha-256", secrets=SCRAM)
    wire = p.wire("app", login=False)
    wire.send(startup({"user": "app", "database": "app"}))
    wire.until("R")
    wire.send(message("p", b"SCRAM-SHA-256\0" + struct.pack("!i", length) + b"n,,n=,r=abc"))
    assert [e[0] for e in errors(wire.rest())] == ["08P01"]
    assert p.memory() < 400_000


SALT = base64.b64encode(b"s" * 16).decode()


@pytest.mark.parametrize("first", [
    "r={r}" + LONG + f",s={SALT},i=4096", "r={r}x,s=" + LONG + ",i=4096",
    f"r={{r}}x,s={SALT},i=4294967297", f"r={{r}}x,s={SALT},i=-1", f"r={{r}}x,s={SALT},i=0",
    f"r={{r}}x,s={SALT},i=99999999999999999999", f"r={{r}}x,s={SALT},i=" + "9" * 60000,
    f"r={{r}}x,s=,i=4096", f"r={{r}}x,s=====,i=4096", f"r=,s={SALT},i=4096", "", ",", "r={r}x"],
    ids=["nonce", "salt", "iterations wrap", "negative", "zero", "huge", "digits", "no salt",
         "odd salt", "no nonce", "empty", "comma", "cut"])
def test_fields_of_a_servers_first_message(pooler, first):
    check_server(pooler, lambda nonce: [(11, first.format(r=nonce))])


@pytest.mark.parametrize("final", ["v=" + LONG, "v=", "v=====", "e=" + LONG, "x=" + LONG, "",
                                   "v=" + base64.b64encode(b"\0" * 32).decode()],
                         ids=["long", "none", "odd", "error", "other", "empty", "wrong"])
def test_fields_of_a_servers_final_message(pooler, final):
    check_server(pooler, lambda nonce: [(11, f"r={nonce}x,s={SALT},i=4096"), (12, final)])


def check_server(pooler, lies):
    """A server that lies in SCRAM gets no login; nobody else notices."""
    def serve(one):
        # FakeServer speaks plainly: the first packet asks for TLS.
        if tls.take_packet(one) == tls.SSL_REQUEST[4:]:
            one.sendall(b"N")
            tls.take_packet(one)
        one.sendall(message("R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
        nonce = one.recv(4096).split(b",r=")[1].decode()
        for code, text in lies(nonce):
            one.sendall(message("R", struct.pack("!I", code) + text.encode()))
            if code == 11:
                one.recv(4096)
        one.sendall(message("R", struct.pack("!I", 0)) + message("Z", b"I"))
        everything(one)

    with tls.FakeServer(serve) as fake:
        p = pooler(databases={"liar": f"host=127.0.0.1 port={fake.port} user=app password=word",
                              "app": {}}, client_login_timeout=5)
        with p.wire("app", "app") as good:
            with pytest.raises(ServerError) as caught:
                p.wire("app", "liar")
            assert "server login" in caught.value.text or "login_timeout" in caught.value.text
            assert good.value("select 1") == "1"
        assert p.memory() < 400_000


# ---- who may give commands --------------------------------------------------------------------

def commands(victim):
    return [f"KILL_CLIENT {victim}", "KILL app", "KILL", "PAUSE", "PAUSE app", "RESUME", "SUSPEND",
            "DISABLE app", "ENABLE app", "RECONNECT", "WAIT_CLOSE app", "RELOAD", "SHUTDOWN",
            "SHUTDOWN WAIT_FOR_CLIENTS", "SHUTDOWN WAIT_FOR_SERVERS", "SET verbose = 2",
            "SET admin_users = 'watcher'"]


def test_who_may_look_may_not_touch(pooler):
    p = pooler()
    with p.wire() as victim:
        victim.sql("begin")
        found = [r["id"] for r in p.console("SHOW CLIENTS", "watcher") if r["user"] == "app"]
        assert len(found) == 1
        with p.wire("watcher", "pgcarwash") as watcher:
            for command in commands(found[0]):
                for text in (command, command.lower(), f"  {command} ;"):
                    answers = watcher.ask(query(text))
                    assert errors(answers) == [("08P01", "admin access needed")], (text, answers)
                answers = watcher.ask(extended(command))
                assert [e[1] for e in errors(answers)] == ["admin access needed"], command
            assert rows(watcher.ask(query("SHOW VERSION")))
        assert victim.value("select 'alive'") == "alive"
    assert p.console("SHOW CONFIG", "watcher")


def test_names_that_only_look_like_admins(pooler):
    p = pooler(admin_users="admin", auth_type="trust",
               secrets={"Admin": "", "admin ": "", "admi": "", "watcher,admin": ""})
    for user in ("Admin", "admin ", "admi", "watcher,admin", "app"):
        assert failure(p.wire, user, "pgcarwash") == "not allowed"
        assert failure(p.wire, user, "pgbouncer") == "not allowed"
    # The name of the console's own user is nobody's over TCP.
    for user in ("pgbouncer", "pgcarwash"):
        with pytest.raises(ServerError):
            Wire(p.address, user, "pgcarwash")
