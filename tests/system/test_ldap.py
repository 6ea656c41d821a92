"""auth_type ldap and rules with method ldap, against a directory of our own."""

import pytest

import harness
from directory import BASE, BOSS, BOSS_PASSWORD, Directory
from harness import PASSWORDS
from tls import Authority
from wireclient import Gone, ServerError, message, startup, wait_until

pytestmark = [pytest.mark.pooled, pytest.mark.fixed, pytest.mark.pgcarwash]

PEOPLE = {"app": "app's word", "other": "other's word", "by_md5": PASSWORDS["by_md5"],
          "by_scram": PASSWORDS["by_scram"], "by_plain": "not what the server thinks"}
FAILED = "LDAP authentication failed"
SEARCH = f'ldapbasedn="{BASE}" ldapbinddn="{BOSS}" ldapbindpasswd="{BOSS_PASSWORD}"'


@pytest.fixture(scope="module")
def shared(folder):
    directory = Directory(folder, PEOPLE).start()
    yield directory
    directory.remove()


@pytest.fixture
def own(folder):
    """One to stop or to freeze."""
    directory = Directory(folder, PEOPLE).start()
    yield directory
    directory.remove()


@pytest.fixture
def by_ldap(pooler, shared):
    """A pooler whose clients are known to the directory alone."""
    def make(options, directory=shared, **settings):
        where = f"ldapserver=127.0.0.1 ldapport={directory.port} "
        p = pooler(start=False, auth_type="ldap", auth_ldap_options=where + options, **settings)
        p.secrets = {}
        p.write()
        return p.start()
    return make


@pytest.fixture
def with_rules(pooler, shared):
    def make(rules, **settings):
        p = pooler(start=False, auth_type="hba", **settings)
        rules_file = p.folder / "hba.conf"
        p.settings["auth_hba_file"] = rules_file
        rules_file.write_text(rules.replace("SERVER", f"ldapserver=127.0.0.1 ldapport={shared.port}")
                              + "host pgcarwash admin all trust\n", encoding="utf-8")
        harness.give_away(rules_file)
        p.write()
        return p.start()
    return make


@pytest.fixture(scope="module")
def authority(folder):
    return Authority(harness.make_folder(folder, "authority."))


@pytest.fixture(scope="module")
def encrypted(folder, authority):
    """A directory whose certificate is for 127.0.0.1."""
    files = authority.sign("directory", "directory", "IP:127.0.0.1")
    directory = Directory(folder, PEOPLE, (files["crt"], files["key"])).start()
    yield directory
    directory.remove()


def encrypted_options(directory, how, host="127.0.0.1"):
    port = directory.tls_port if how == "ldapscheme=ldaps" else directory.port
    return f'ldapserver={host} ldapport={port} {how} {SIMPLE}'


def failure(pooler, user="app", database="app", **login):
    with pytest.raises(ServerError) as caught:
        pooler.wire(user, database, **login)
    assert (caught.value.severity, caught.value.sqlstate) == ("FATAL", "08P01"), caught.value
    return caught.value.text


SIMPLE = f'ldapprefix="uid=" ldapsuffix=",ou=people,{BASE}"'


@pytest.mark.parametrize("options", [SIMPLE, SEARCH,
                                     SEARCH + ' ldapsearchfilter="(mail=$username@example.net)"'])
def test_the_directory_knows_who_it_is(by_ldap, options):
    p = by_ldap(options)
    with p.wire("app", password="app's word") as wire:
        assert [m.body[:4] for m in wire.greeting if m.kind == "R"] == [b"\0\0\0\3", b"\0\0\0\0"]
        assert wire.value("select current_user") == "app"
    p.wire("other", password="other's word").close()
    assert failure(p, password="other's word") == FAILED
    assert failure(p, "nobody", password="x") == FAILED
    assert failure(p, password="") == "empty password returned by client"
    assert failure(p, "app", "nowhere", password="x") == FAILED
    assert failure(p, "app", "nowhere", password="app's word") == "no such database: nowhere"
    assert "app's word" not in p.log() and BOSS_PASSWORD not in p.log()


def test_servers_are_logged_in_with_the_same_password(by_ldap):
    p = by_ldap(SEARCH)
    for user in ("by_md5", "by_scram"):
        with p.wire(user, password=PASSWORDS[user]) as wire:
            assert wire.value("select current_user") == user
    # The directory takes it, the server does not.
    with pytest.raises(ServerError) as caught:
        p.wire("by_plain", password=PEOPLE["by_plain"])
    assert caught.value.sqlstate == "28P01"


def test_another_password_reaches_the_server_at_the_next_login(by_ldap, pg):
    p = by_ldap(SEARCH)
    with pytest.raises(ServerError):
        p.wire("by_plain", password=PEOPLE["by_plain"])
    pg.sql(f"alter role by_plain password '{PEOPLE['by_plain']}'")
    try:
        wait_until(lambda: logs_in(p, "by_plain", PEOPLE["by_plain"]), 5, "the server's consent")
    finally:
        pg.sql(f"alter role by_plain password '{PASSWORDS['by_plain']}'")


def logs_in(pooler, user, password):
    try:
        pooler.wire(user, password=password).close()
        return True
    except ServerError:
        return False


def test_show_users_lists_who_came_in(by_ldap):
    p = by_ldap(SEARCH, admin_users="other")
    p.wire("app", password="app's word").close()
    assert failure(p, "by_md5", password="wrong") == FAILED
    names = [row["name"] for row in p.console("SHOW USERS", "other", password="other's word")]
    assert "app" in names and "by_md5" not in names
    shown = p.console("SHOW CONFIG", "other", password="other's word")
    assert [r["value"] for r in shown if r["key"] == "auth_ldap_options"] == ["***"]


@pytest.mark.parametrize("name", ["*", "a*", "app)(uid=*", "a\\70p", "app/"])
def test_names_cannot_steer_the_search(by_ldap, name):
    p = by_ldap(SEARCH)
    assert failure(p, name, password="app's word") == FAILED
    p.wire("app", password="app's word").close()


@pytest.mark.parametrize("options, reason", [
    (SEARCH.replace("searcher's", "other"), "cannot bind to search: Invalid credentials"),
    (f'ldapbasedn="{BASE}"', "cannot search: No such object"),
    (SEARCH + " ldapsearchfilter=(uid=not-$username)", "no entries fit the user"),
    (SEARCH + " ldapsearchfilter=(objectClass=inetOrgPerson)", "several entries fit the user"),
    (SEARCH + " ldapsearchfilter=((", "cannot search: Bad search filter"),
    (SEARCH + " ldaptls=1", "cannot connect: ")])
def test_the_log_says_why(by_ldap, options, reason):
    p = by_ldap(options)
    assert failure(p, password="app's word") == FAILED
    assert f"{FAILED}: {reason}" in p.log()


@pytest.mark.parametrize("how", ["ldapscheme=ldaps", "ldaptls=1"])
def test_encrypted(pooler, encrypted, authority, monkeypatch, how):
    monkeypatch.setenv("LDAPTLS_CACERT", authority.crt())
    p = pooler(auth_type="ldap", auth_ldap_options=encrypted_options(encrypted, how))
    with p.wire("app", password="app's word") as wire:
        assert wire.value("select current_user") == "app"
    assert failure(p, password="other's word") == FAILED
    assert "cannot bind as the user: Invalid credentials" in p.log()


@pytest.mark.parametrize("how", ["ldapscheme=ldaps", "ldaptls=1"])
@pytest.mark.parametrize("wrong", ["authority", "name"])
def test_a_certificate_that_is_not_to_be_trusted(pooler, encrypted, authority, folder,
                                                 monkeypatch, how, wrong):
    host = "127.0.0.1" if wrong == "authority" else "localhost"
    if wrong == "authority":
        authority = Authority(harness.make_folder(folder, "others."), "other")
    monkeypatch.setenv("LDAPTLS_CACERT", authority.crt())
    p = pooler(auth_type="ldap", auth_ldap_options=encrypted_options(encrypted, how, host))
    assert failure(p, password="app's word") == FAILED
    assert f"{FAILED}: cannot connect: TLS handshake failed: " in p.log()
    assert "is the certificate for this name, and by an authority in TLS_CACERT" in p.log()


@pytest.mark.parametrize("how", ["ldapscheme=ldaps", "ldaptls=1"])
def test_an_encrypted_directory_that_hangs(pooler, shared, encrypted, authority, monkeypatch, how):
    """Threads that wait in its handshake are back for others when their logins are over."""
    monkeypatch.setenv("LDAPTLS_CACERT", authority.crt())
    p = pooler(start=False, auth_type="hba", client_login_timeout=1)
    rules = p.folder / "hba.conf"
    rules.write_text(f"host all app all ldap {encrypted_options(encrypted, how)}\n"
                     f"host all all all ldap ldapserver=127.0.0.1 ldapport={shared.port} {SIMPLE}\n")
    harness.give_away(rules)
    p.settings["auth_hba_file"] = rules
    p.write()
    p.start()
    p.wire("app", password="app's word").close()
    encrypted.freeze()
    try:
        waiting = [begin_login(p, "app", "app's word") for _ in range(12)]
        for wire in waiting:
            with pytest.raises((ServerError, Gone)):
                wire.until("Z")
        wait_until(lambda: logs_in(p, "other", "other's word"), 3, "a free thread")
    finally:
        encrypted.thaw()
    p.wire("app", password="app's word").close()


def test_without_options_or_with_bad_ones(pooler):
    p = pooler(auth_type="ldap")
    assert failure(p, password="x") == "auth_ldap_options is null"
    p = pooler(auth_type="ldap", auth_ldap_options="ldapserver=a ldapcolour=b")
    assert failure(p, password="x") == "bouncer config error"
    assert "auth_ldap_options: unknown LDAP option" in p.log()


def test_auth_user_does_not_go_with_it(by_ldap):
    p = by_ldap(SEARCH, auth_user="postgres")
    assert failure(p, password="app's word") == "bouncer config error"
    assert "auth_type ldap does not go with auth_user" in p.log()


def test_rules(with_rules):
    p = with_rules(f"host app app all ldap SERVER {SIMPLE}\n"
                   f"host all other all ldap SERVER {SEARCH} # the others\n"
                   "host all third all trust\n"
                   "host all all all ldap ldapserver=127.0.0.1 ldapport=1 ldapprefix=x\n")
    p.wire("app", password="app's word").close()
    p.wire("other", "second", password="other's word").close()
    p.wire("third").close()
    assert failure(p, "app", "second", password="app's word") == FAILED
    assert failure(p, "other", password="x") == FAILED


def test_bad_rules_are_skipped(with_rules):
    p = with_rules("host app app all ldap SERVER\nhost app app all ldap ldapserver=x ldaptls=2\n")
    assert "hba line 1: ldapbasedn, ldapprefix or ldapsuffix is missing" in p.log()
    assert "hba line 2: ldaptls is neither 0 nor 1" in p.log()
    assert failure(p) == "no authentication method is found"


def test_no_directory_is_there(by_ldap, own):
    p = by_ldap(SIMPLE, own)
    p.wire("app", password="app's word").close()
    own.stop()
    assert failure(p, password="app's word") == FAILED
    assert "Can't contact LDAP server" in p.log()
    own.start()
    p.wire("app", password="app's word").close()


def begin_login(pooler, user, password):
    wire = pooler.wire(user, login=False)
    wire.send(startup({"user": user, "database": "app"}))
    wire.until("R")
    wire.send(message("p", password.encode() + b"\0"))
    return wire


def test_live_queries_go_on_while_the_directory_hangs(by_ldap, own):
    """More logins than there are threads wait for it; whoever is in does not notice."""
    p = by_ldap(SIMPLE, own, client_login_timeout=30)
    with p.wire("app", password="app's word") as live:
        own.freeze()
        waiting = [begin_login(p, "other", "other's word") for _ in range(30)]
        for wire in waiting:
            wire.quiet(0.01)
        for number in range(200):
            assert live.value(f"select {number}") == str(number)
        for wire in waiting:
            wire.quiet(0.01)
        # Some lose patience, in a thread's hands or in the queue.
        for wire in waiting[::3]:
            wire.vanish()
        assert live.value("select 'unharmed'") == "unharmed"
        own.thaw()
        for index, wire in enumerate(waiting):
            if index % 3:
                wire.until("Z")
                assert wire.value("select current_user") == "other"
                wire.close()
        assert live.value("select 'unharmed'") == "unharmed"


def test_a_hanging_directory_ends_with_the_login(by_ldap, own):
    p = by_ldap(SIMPLE, own, client_login_timeout=1)
    own.freeze()
    for wire in [begin_login(p, "app", "app's word") for _ in range(12)]:
        with pytest.raises((ServerError, Gone)) as caught:
            wire.until("Z")
        assert "client_login_timeout" in str(caught.value) or FAILED in str(caught.value)
    own.thaw()
    p.wire("app", password="app's word").close()


def test_the_process_ends_while_the_directory_hangs(by_ldap, own):
    p = by_ldap(SIMPLE, own, client_login_timeout=60)
    own.freeze()
    waiting = [begin_login(p, "app", "app's word") for _ in range(10)]
    for wire in waiting:
        wire.quiet(0.01)
    p.stop()  # fails if that takes long or the status is not 0
