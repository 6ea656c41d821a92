"""PostgreSQL 15 to 18 behind the pooler, with SCRAM and certificates on both sides of it.

15 is Debian's; the others come with venv.sh. Servers are rotated between transactions in every
pool, so that one server for each client can hide nothing.
"""

import threading
import time

import pytest

import harness
import tls
from wireclient import errors, kinds, query, rows, wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]

VERSIONS = (15, 16, 17, 18)
WORD = "s\u00e9cret of app"
ITERATIONS = {15: 4096, 16: 10000, 17: 20000, 18: 8192}  # those before 16 have no choice


@pytest.fixture(scope="module")
def authority(folder):
    made = tls.Authority(harness.make_folder(folder, "certificates."))
    made.server = made.sign("server", "localhost", "DNS:localhost,IP:127.0.0.1")
    made.client = made.sign("client", "app")
    made.pooler = made.sign("pooler", "the pooler")
    return made


def start_server(folder, authority, version):
    """Takes TCP connections with TLS, a certificate and a password (app) or just a certificate
    (third) only."""
    server = harness.Postgres(
        folder, None if version == 15 else version, ssl="on",
        ssl_cert_file=f"'{authority.server['crt']}'", ssl_key_file=f"'{authority.server['key']}'",
        ssl_ca_file=f"'{authority.crt()}'")
    (server.data / "pg_hba.conf").write_text(
        "local all all trust\n"
        "hostssl all third 127.0.0.1/32 cert map=pooled\n"
        "hostssl all all 127.0.0.1/32 scram-sha-256 clientcert=verify-ca\n")
    (server.data / "pg_ident.conf").write_text('pooled "the pooler" third\n')
    server.start()
    if version >= 16:
        server.sql(f"set scram_iterations = {ITERATIONS[version]}")
    server.sql("set password_encryption = 'scram-sha-256'")
    server.sql(f"alter role app password '{WORD}'")
    server.sql("alter role admin superuser password 'of admin'")
    return server


@pytest.fixture(scope="module", params=VERSIONS)
def server(request, folder, authority):
    version = request.param
    if version != 15 and not harness.installed_server(version, folder):
        pytest.skip(f"there is no PostgreSQL {version} for this machine")
    made = start_server(folder, authority, version)
    made.number = version
    yield made
    made.remove()


@pytest.fixture
def secure(pooler, server, authority):
    """A pooler that knows the verifier of app's password only, as the server has it."""
    def make(**settings):
        p = pooler(**{
            "postgres": server, "warm": False, "auth_type": "scram-sha-256",
            "secrets": {"app": server.secret_of("app"), "admin": "of admin"},
            "server_round_robin": 1, "min_pool_size": 4, "default_pool_size": 4,
            "client_tls_sslmode": "verify-full", "client_tls_ca_file": authority.crt(),
            "client_tls_cert_file": authority.server["crt"],
            "client_tls_key_file": authority.server["key"],
            "server_tls_sslmode": "verify-full", "server_tls_ca_file": authority.crt(),
            "server_tls_cert_file": authority.pooler["crt"],
            "server_tls_key_file": authority.pooler["key"], **settings})
        p.words = {"password": WORD, "sslmode": "verify-full", "sslrootcert": authority.crt(),
                   "sslcert": authority.client["crt"], "sslkey": authority.client["key"]}
        return p
    return make


def connect(pooler, user="app", **more):
    return pooler.psycopg(user, **{**pooler.words, **more})


def value(connection, text, *values):
    return connection.execute(text, values).fetchone()[0]


def warm(pooler, count=4):
    """So many servers of app's pool are open."""
    clients = [connect(pooler) for _ in range(count)]
    threads = [threading.Thread(target=value, args=(c, "select pg_sleep(0.1)")) for c in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for client in clients:
        client.close()


# ---- who is who -------------------------------------------------------------------------------

def test_secured_on_both_sides(secure, server):
    """Certificates of four parties, SCRAM bound to both channels, keys passed through."""
    p = secure()
    with connect(p, channel_binding="require") as client:
        assert value(client, "show server_version").startswith(f"{server.number}.")
        assert client.info.server_version // 10000 == server.number
        assert value(client, "select ssl and client_dn = '/CN=the pooler' and version = 'TLSv1.3'"
                             " from pg_stat_ssl where pid = pg_backend_pid()")
        secret = server.secret_of("app")
        assert secret.startswith(f"SCRAM-SHA-256${ITERATIONS[server.number]}:"), secret
    import psycopg
    with pytest.raises(psycopg.OperationalError, match="SASL authentication failed"):
        connect(p, password="wrong")
    with pytest.raises(psycopg.OperationalError):
        connect(p, sslcert="", sslkey="")


def test_passwords_asked_of_the_server(secure, server, authority):
    """auth_query, the default one; and a password of the entry's own for the server."""
    p = secure(secrets={"admin": "of admin"}, auth_user="admin")
    with connect(p) as client:
        assert value(client, "select current_user") == "app"
    p = secure(secrets={"other": "front door"},
               databases={"app": {"user": "app", "password": f"'{WORD}'"}})
    with connect(p, "other", password="front door") as client:
        assert value(client, "select current_user") == "app"


def test_certificate_of_ours_alone(secure):
    p = secure(auth_type="cert", databases={"app": {"user": "third"}})
    with connect(p) as client:
        assert value(client, "select current_user") == "third"


def test_direct_tls_to_the_server(secure, server):
    """Servers from 17 on take TLS without being asked first."""
    p = secure(databases={"app": {"sslnegotiation": "direct"}})
    if server.number >= 17:
        with connect(p, sslnegotiation="direct") as client:
            assert value(client, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")
    else:
        import psycopg
        with pytest.raises(psycopg.OperationalError):
            connect(p, sslnegotiation="direct", connect_timeout=2)
        assert "TLS handshake error" in p.log()


@pytest.mark.parametrize("least, most, agreed", [
    (None, None, 30000), ("3.2", "3.2", 30002), (None, "latest", 30002)])
def test_protocol_versions(secure, least, most, agreed):
    """What libpq 18 asks for is agreed on; what it cancels by is a key of that version."""
    import psycopg
    if psycopg.pq.version() < 180000:
        pytest.skip("this libpq knows only one")
    p = secure()
    words = {"min_protocol_version": least, "max_protocol_version": most}
    with connect(p, **{k: v for k, v in words.items() if v}) as client:
        assert client.info.full_protocol_version == agreed
        timer = threading.Timer(0.3, client.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute("select pg_sleep(20)")
        timer.join()
        assert value(client, "select 2") == 2


# ---- work -------------------------------------------------------------------------------------

def test_prepared_statements(secure, server):
    p = secure()
    warm(p)
    pids = set()
    with connect(p, prepare_threshold=0) as one, connect(p, prepare_threshold=0) as two:
        for turn in range(20):
            assert value(one, "select 'one ' || %s::int", turn) == f"one {turn}"
            assert value(two, "select 'two ' || %s::int", turn) == f"two {turn}"
            pids.add(value(one, "select pg_backend_pid()"))
        with one.pipeline():
            cursors = [one.execute("select %s::int + %s::int", (n, 1)) for n in range(50)]
        assert [c.fetchone()[0] for c in cursors] == list(range(1, 51))
    assert len(pids) > 1, "the servers were not rotated"


def test_plan_that_changes(secure, server, fresh_table):
    """Another result type: the copy of a statement on the servers is renewed."""
    p = secure()
    warm(p)
    server.sql(f"create table {fresh_table}(a int); insert into {fresh_table} values (7);"
               f" grant all on {fresh_table} to app")
    with connect(p, prepare_threshold=0) as client:
        for _ in range(5):
            assert client.execute(f"select * from {fresh_table}").fetchall() == [(7,)]
    server.sql(f"alter table {fresh_table} add b text default 'new'")
    with connect(p, prepare_threshold=0) as client:
        for _ in range(5):
            assert client.execute(f"select * from {fresh_table}").fetchall() == [(7, "new")]


@pytest.fixture
def fresh_table(server):
    name = f"t_{time.monotonic_ns()}"
    yield name
    server.sql(f"drop table if exists {name}")


def test_copy(secure, server, fresh_table):
    p = secure()
    warm(p)
    server.sql(f"create table {fresh_table}(n int, t text); grant all on {fresh_table} to app")
    with connect(p) as client:
        with client.cursor().copy(f"copy {fresh_table} from stdin (format binary)") as copy:
            copy.set_types(["int4", "text"])
            for n in range(5000):
                copy.write_row((n, "x" * (n % 200)))
        with client.cursor().copy(f"copy (select * from {fresh_table} order by n) to stdout") as copy:
            copy.set_types(["int4", "text"])
            assert [(n, len(t)) for n, t in copy.rows()] == [(n, n % 200) for n in range(5000)]
        import psycopg
        with pytest.raises(psycopg.errors.BadCopyFileFormat):
            with client.cursor().copy(f"copy {fresh_table} from stdin") as copy:
                copy.write("one\ttwo\tthree\n")
        assert value(client, f"select count(*) from {fresh_table}") == 5000


def test_cancel(secure, server):
    """Over TLS to the pooler and on to the server, while a neighbour's query goes on."""
    import psycopg
    p = secure()
    warm(p)
    with connect(p) as client, connect(p) as neighbour:
        answer = []
        thread = threading.Thread(
            target=lambda: answer.append(value(neighbour, "select pg_sleep(0.8)::text || 'good'")))
        thread.start()
        timer = threading.Timer(0.3, client.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute("select pg_sleep(20)")
        timer.join()
        thread.join()
        assert answer == ["good"]
        assert value(client, "select 'usable'") == "usable"


def test_listen(secure, server):
    """In a session of its own."""
    p = secure(pool_mode="session")
    with connect(p) as listener, connect(p) as speaker:
        listener.execute("listen wash")
        speaker.execute("notify wash, 'done'")
        found = list(listener.notifies(timeout=5, stop_after=1))
        assert [(n.channel, n.payload) for n in found] == [("wash", "done")]
        listener.execute("unlisten *")
        assert value(speaker, "select 1") == 1


# ---- settings ---------------------------------------------------------------------------------

# The reported settings of these versions (ParameterStatus); all have in_hot_standby and
# default_transaction_read_only since 14, search_path came with 18.
REPORTED = {"server_version", "server_encoding", "client_encoding", "application_name",
            "default_transaction_read_only", "in_hot_standby", "is_superuser",
            "session_authorization", "DateStyle", "IntervalStyle", "TimeZone",
            "integer_datetimes", "standard_conforming_strings"}


@pytest.fixture
def plain(server, authority, secure):
    """Byte for byte clients over TLS."""
    def make(**settings):
        p = secure(client_tls_sslmode="require", **settings)

        def client(user="app", **params):
            return tls.Client(p.address, user, password=WORD, tls=tls.context(authority),
                              **params)
        return p, client
    return make


def test_what_is_reported_at_the_login(plain, server):
    p, client = plain()
    expected = REPORTED | ({"search_path"} if server.number >= 18 else set()) | (
        {"scram_iterations"} if server.number >= 16 else set())
    with client(application_name="first") as one:
        assert set(one.parameters) == expected
        assert one.parameters["application_name"] == "first"
        assert one.parameters["in_hot_standby"] == "off"
        assert one.parameters["server_version"].startswith(f"{server.number}.")


def test_settings_follow_their_client(plain, server):
    """On rotated servers each keeps its own, and is told of its own changes only."""
    p, client = plain()
    warm(p)
    wanted = {"one": ("Europe/Helsinki", "German, DMY", "iso_8601"),
              "two": ("Asia/Tokyo", "ISO, YMD", "sql_standard")}
    clients = {}
    for name, (zone, style, interval) in wanted.items():
        clients[name] = client(application_name=name, TimeZone=zone, DateStyle=style)
        clients[name].sql(f"set intervalstyle = '{interval}'")
    ask = ("select current_setting('application_name'), current_setting('timezone'),"
           " current_setting('datestyle'), current_setting('intervalstyle')")
    pids = set()
    for turn in range(8):
        for name, (zone, style, interval) in wanted.items():
            answers = clients[name].ask(query(ask))
            assert kinds(answers) == "TDCZ", answers
            assert rows(answers) == [(name, zone, style, interval)]
            pids.add(clients[name].value("select pg_backend_pid()"))
    answers = clients["one"].ask(query("set timezone = 'UTC'"))
    assert [m.pair() for m in answers if m.kind == "S"] == [("TimeZone", "UTC")]
    for _ in range(4):
        assert clients["one"].value("show timezone") == "UTC"
        assert clients["two"].value("show timezone") == "Asia/Tokyo"
    for one in clients.values():
        one.close()
    assert len(pids) > 1


def test_search_path_follows_its_client(plain, server):
    """Given at the start it does everywhere; set later where it is reported and tracked."""
    p, client = plain(track_extra_parameters="IntervalStyle, search_path")
    warm(p)
    for schema in ("north", "south"):
        server.sql(f"create schema if not exists {schema}; grant usage on schema {schema} to app")
    north, south = client(search_path="north"), client(options="-c search_path=south")
    for _ in range(6):
        assert north.value("show search_path") == "north"
        assert south.value("show search_path") == "south"
    if server.number >= 18:
        north.sql("set search_path = public")
        for _ in range(6):
            assert north.value("show search_path") == "public"
            assert south.value("show search_path") == "south"
    for one in (north, south):
        one.close()


def test_read_only_by_default(plain, server):
    p, client = plain()
    warm(p)
    with client(default_transaction_read_only="on") as reader, client() as writer:
        for _ in range(6):
            assert errors(reader.ask(query("create temp table x(a int)")))[0][0] in ("25006",)
            assert writer.value("show default_transaction_read_only") == "off"


def test_a_restarted_server_is_found_again(secure, server):
    import psycopg
    p = secure(server_login_retry=0.2)
    with connect(p) as client:
        before = value(client, "select pg_postmaster_start_time()")
    server.restart()

    def serves():
        try:
            with connect(p) as again:
                return value(again, "select pg_postmaster_start_time()") > before
        except psycopg.Error:  # while it starts
            return False
    wait_until(serves, 10, "the new server's turn", 0.1)
