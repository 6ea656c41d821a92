"""auth_query: users that auth_file does not know."""

import time

import pytest

from harness import PASSWORDS, md5_secret
from wireclient import ServerError, wait_until

pytestmark = [pytest.mark.pooled, pytest.mark.fixed, pytest.mark.pgcarwash]


@pytest.fixture
def asking(pooler):
    """A pooler that knows only those in secrets, and asks for the rest as postgres."""
    def make(secrets=None, databases=None, **settings):
        settings = {"auth_type": "md5", "auth_user": "postgres", **settings}
        p = pooler(start=False, databases=databases, **settings)
        p.secrets = {"postgres": "unused", "admin": "admin word", **(secrets or {})}
        p.write()
        return p.start()
    return make


@pytest.fixture
def role(pg):
    """role("name", "password '...'") makes one for this test."""
    made = []

    def make(name, rest, encryption="scram-sha-256"):
        pg.sql(f"set password_encryption = '{encryption}'; create role {name} login {rest}")
        made.append(name)
        return name
    yield make
    for name in made:
        pg.sql(f"drop role {name}")


def failure(pooler, user, database="app", **login):
    with pytest.raises(ServerError) as caught:
        pooler.wire(user, database, **login)
    assert (caught.value.severity, caught.value.sqlstate) == ("FATAL", "08P01"), caught.value
    return caught.value.text


def console(pooler, command):
    return pooler.console(command, password="admin word")


@pytest.mark.parametrize("mode", ["session", "transaction", "statement"])
def test_secrets_are_found_and_serve_both_sides(asking, mode):
    """The server asks these two for a password, so the secret is used there, too."""
    p = asking(pool_mode=mode)
    for user in ("by_md5", "by_scram"):
        with p.wire(user, password=PASSWORDS[user]) as wire:
            assert wire.value("select current_user") == user
    assert failure(p, "by_md5", password="wrong") == "password authentication failed"
    assert failure(p, "by_scram", password="wrong") == "SASL authentication failed"
    assert failure(p, "app", password="app").endswith("authentication failed")  # it has none


def test_the_server_goes_back_at_once(asking):
    """With one server connection in session mode, everybody's lookup gets it in turn."""
    p = asking(pool_mode="session", default_pool_size=1)
    clients = [p.wire("by_md5", password=PASSWORDS["by_md5"]) for _ in range(3)]
    with p.wire("by_scram", password=PASSWORDS["by_scram"]) as other:
        assert other.value("select 1") == "1"
    for client in clients:
        client.close()
    rows = [r for r in console(p, "SHOW POOLS") if r["user"] == "postgres"]
    assert [(r["cl_active"], r["cl_waiting"], r["sv_active"]) for r in rows] == [("0", "0", "0")]


def test_auth_file_comes_first_unless_empty(asking):
    p = asking(secrets={"by_md5": "from the file", "by_scram": ""})
    assert failure(p, "by_md5", password=PASSWORDS["by_md5"]) == "password authentication failed"
    p.wire("by_scram", password=PASSWORDS["by_scram"]).close()


def test_expired_and_locked_roles(asking, role, pg):
    p = asking(auth_type="scram-sha-256")
    user = role("expiring", "password 'w' valid until '2000-01-01'")
    assert failure(p, user, password="w") == "SASL authentication failed"
    pg.sql(f"alter role {user} valid until '2100-01-01'")
    p.wire(user, password="w").close()
    pg.sql(f"alter role {user} nologin")
    assert failure(p, user, password="w") == "SASL authentication failed"


def test_a_new_password_counts_at_the_next_login(asking, role, pg):
    p = asking(auth_type="scram-sha-256")
    user = role("changing", "password 'old'")
    with p.wire(user, password="old") as wire:
        pg.sql(f"set password_encryption = 'scram-sha-256'; alter role {user} password 'new'")
        assert failure(p, user, password="old") == "SASL authentication failed"
        p.wire(user, password="new").close()
        assert wire.value("select 1") == "1"


def test_unknown_users_look_like_known_ones(asking):
    p = asking(auth_type="scram-sha-256")
    p.wire("by_scram", password=PASSWORDS["by_scram"]).close()
    seen = []
    for user in ("by_scram", "nobody at all", "app"):  # the last has no password
        wire = p.wire(user, password="wrong", login=False)
        with pytest.raises(ServerError) as caught:
            wire.login()
        seen.append(([(m.kind, len(m.body)) for m in wire.received], caught.value.fields))
    assert seen[0] == seen[1] == seen[2]
    assert "no such user: nobody at all" in p.log()
    assert failure(p, "by_scram", "nowhere", password="x") == "SASL authentication failed"


def test_hostile_names_are_only_a_parameter(asking):
    p = asking()
    for name in ("' or true --", "$1", "a\\'b", "by_md5\u00e9", "x" * 127):
        assert failure(p, name, password="x").endswith("authentication failed")
    p.wire("by_md5", password=PASSWORDS["by_md5"]).close()


def test_in_another_database_with_another_query(asking, pg, fresh):
    table = fresh("passwd")
    pg.sql(f"create table {table} (n text, s text)", "second")
    try:
        pg.sql(f"insert into {table} values ('app', 'word')", "second")
        p = asking(auth_dbname="second", auth_query=f"select n, s from {table} where n = $1",
                   track_extra_parameters="search_path")
        # The table is in public: the client's search_path does not count, the role's own does.
        with p.wire("app", password="word", search_path="pg_catalog") as wire:
            assert wire.value("select current_database()") == "app"
        assert failure(p, "app", password="words") == "password authentication failed"
    finally:
        pg.sql(f"drop table {table}", "second")


def test_settings_of_the_entry(asking):
    databases = {"app": {"auth_user": "postgres", "auth_dbname": "second",
                         "auth_query": "'select $1, ''word'''"}, "second": {}}
    p = asking(auth_user=None, databases=databases)
    p.wire("app", password="word").close()
    assert failure(p, "app", "second", password="word") == "password authentication failed"


def test_search_path_of_clients_does_not_count(asking, pg):
    """CVE-2025-12819: who logs in must not choose which functions the lookup calls."""
    pg.sql("create schema evil; create table evil.pg_authid as select 'third'::name rolname,"
           " 'mine' rolpassword, null::timestamptz rolvaliduntil, true rolcanlogin;"
           " grant all on schema evil to public; grant all on evil.pg_authid to public")
    try:
        p = asking(track_extra_parameters="search_path", default_pool_size=1,
                   secrets={"postgres": "word"})
        with p.wire("postgres", password="word", search_path="evil, pg_catalog") as admin:
            assert admin.value("select rolpassword from pg_authid") == "mine"
        assert failure(p, "third", password="mine", search_path="evil, pg_catalog").endswith(
            "authentication failed")
        with p.wire("postgres", password="word") as admin:
            admin.sql("set search_path to evil, pg_catalog")
        assert failure(p, "third", password="mine").endswith("authentication failed")
    finally:
        pg.sql("drop schema evil cascade")


@pytest.mark.parametrize("query, reason", [
    ("select broken from nowhere where $1 = 'x'", 'ERROR: relation "nowhere" does not exist'),
    ("select $1", "it must return 2 columns"),
    ("select $1, 'a', 'b' where false", "it must return 2 columns"),
    ("select $1, repeat('x', 200000)", "the answer is too long"),
    ("select 1", ""),
])
def test_errors(asking, query, reason):
    p = asking(auth_query=query)
    assert failure(p, "by_md5", password="x") == "bouncer config error"
    assert f"error in auth_query: {reason}" in p.log()
    console(p, "SET auth_query = 'select $1, ''plain'''")
    with p.wire("app", password="plain") as wire:
        assert wire.value("select 1") == "1"


def test_auth_dbname_that_is_not_there(asking):
    p = asking(auth_dbname="nowhere")
    assert failure(p, "by_md5", password="x") == "bouncer config error"
    assert 'authentication database "nowhere" is not configured.' in p.log()
    p = asking(auth_dbname="second")
    console(p, "DISABLE second")
    assert failure(p, "by_md5", password="x") == 'authentication database "second" is disabled'


def test_no_server_to_ask(asking):
    p = asking(auth_dbname="away", databases={"app": {}, "away": {"port": 1}},
               client_login_timeout=2)
    began = time.monotonic()
    text = failure(p, "by_md5", password="x")
    assert text in ("client_login_timeout", "bouncer config error")
    assert time.monotonic() - began < 5
    assert failure(p, "by_md5", password="x") == "bouncer config error"


def test_a_slow_query_ends_with_the_login(asking):
    p = asking(auth_query="select $1, pg_sleep(20)::text", client_login_timeout=1,
               auth_dbname="second")
    began = time.monotonic()
    assert failure(p, "by_md5", password="x") == "client_login_timeout"
    assert time.monotonic() - began < 5
    assert p.console("SHOW VERSION", password="admin word")
    wait_until(lambda: not [r for r in console(p, "SHOW SERVERS") if r["state"] == "active"], 8,
               "the server's return")


def test_console_users_are_looked_up(asking):
    p = asking(auth_dbname="app", admin_users="admin, by_md5")
    assert p.console("SHOW VERSION", user="by_md5", password=PASSWORDS["by_md5"])
    assert failure(p, "by_md5", "pgcarwash", password="x") == "password authentication failed"


def test_forced_user_is_not_who_asks(asking):
    """The query runs as auth_user although the entry sends everybody as app."""
    p = asking(databases={"app": {"user": "app"}})
    with p.wire("by_md5", password=PASSWORDS["by_md5"]) as wire:
        assert wire.value("select current_user") == "app"


def test_md5_secret_of_another_name_does_not_fit(asking):
    p = asking(auth_query="select $1, '%s'" % md5_secret("app", "word"))
    p.wire("app", password="word").close()
    assert failure(p, "other", password="word") == "password authentication failed"
