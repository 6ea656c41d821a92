"""auth_type hba: which rule counts for a login, and what follows from it; peer; reload."""

import os
import pwd
import subprocess

import psycopg
import pytest

import harness
from harness import md5_secret, scram_secret
from wireclient import ServerError, Wire

pytestmark = [pytest.mark.pooled, pytest.mark.fixed, pytest.mark.pgcarwash]

CONSOLE = "host pgcarwash admin 127.0.0.1/32 trust\n"
ME = pwd.getpwuid(os.geteuid()).pw_name


def put(path, text):
    path.write_text(text, encoding="utf-8")
    harness.give_away(path)


@pytest.fixture
def with_rules(pooler):
    def make(rules, maps=None, files=None, **settings):
        p = pooler(start=False, auth_type="hba", **settings)
        p.settings["auth_hba_file"] = p.folder / "hba.conf"
        put(p.folder / "hba.conf", CONSOLE + rules)
        for name, text in (files or {}).items():
            put(p.folder / name, text)
        if maps is not None:
            p.settings["auth_ident_file"] = p.folder / "ident.conf"
            put(p.folder / "ident.conf", maps)
        p.write()
        return p.start()
    return make


def failure(connect, *arguments, **login):
    with pytest.raises(ServerError) as caught:
        connect(*arguments, **login)
    assert (caught.value.severity, caught.value.sqlstate) == ("FATAL", "08P01"), caught.value
    return caught.value.text


def asked(pooler, user, password):
    """The authentication requests that were made."""
    with pooler.wire(user, password=password) as wire:
        return [int.from_bytes(m.body[:4], "big") for m in wire.greeting if m.kind == "R"]


def test_each_rule_has_its_method(with_rules):
    secrets = {"app": "word", "other": md5_secret("other", "word"), "third": scram_secret("word")}
    p = with_rules("host app app 127.0.0.1/32 password\n"
                   "host app,x other 127.0.0.0 255.0.0.0 md5\n"
                   "host all third all scram-sha-256\n"
                   "host second all 127.0.0.1/32 trust\n"
                   "host all watcher all reject\n", secrets=secrets)
    assert asked(p, "app", "word") == [3, 0]
    assert asked(p, "other", "word") == [5, 0]
    assert asked(p, "third", "word") == [10, 11, 12, 0]
    with p.wire("app", "second") as wire:
        assert wire.value("select current_user") == "app"
    assert failure(p.wire, "app", password="wrong") == "password authentication failed"
    assert failure(p.wire, "third", password="wrong") == "SASL authentication failed"
    assert failure(p.wire, "watcher") == "login rejected"
    assert failure(p.wire, "admin") == "no authentication method is found"
    assert failure(p.wire, "nobody", "second") == '"trust" authentication failed'


def test_a_database_that_is_not_there_is_told_after_the_rule(with_rules):
    p = with_rules("host all app all trust\n")
    assert failure(p.wire, "app", "nowhere") == "no such database: nowhere"
    assert failure(p.wire, "other", "nowhere") == "no authentication method is found"


def test_bad_lines_are_logged_and_skipped(with_rules):
    p = with_rules("host app app 127.0.0.1/99 trust\nhost app app somewhere trust\n"
                   "host app app all trust\n")
    p.wire().close()
    log = p.log()
    assert "hba line 2: bad number of bits behind the address" in log
    assert "could not parse hba config line 2" in log
    assert "could not parse hba config line 3" in log
    assert "config line 4" not in log


def test_names_from_files(with_rules):
    p = with_rules("host @dbs @names.txt all trust\n",
                   files={"dbs": "app\n", "names.txt": "app, other # not third\n@more\n",
                          "more": "\"watcher\"\n"})
    for user in ("app", "other", "watcher"):
        p.wire(user).close()
    assert failure(p.wire, "third") == "no authentication method is found"
    assert failure(p.wire, "app", "second") == "no authentication method is found"


def test_peer_and_its_map(with_rules):
    p = with_rules("local app all peer map=m\nlocal second all peer\nhost all all all peer\n",
                   maps=f"m {ME} app\nm {ME} nobody\nm somebody other\n")
    with Wire(p.socket, "app", "app") as wire:
        assert wire.value("select current_user") == "app"
    rejected = "unix socket login rejected"
    assert failure(Wire, p.socket, "other", "app") == rejected
    assert failure(Wire, p.socket, "nobody", "app") == rejected
    assert failure(Wire, p.socket, "app", "second") == rejected
    assert failure(p.wire, "app") == rejected


def test_a_map_may_allow_everybody(with_rules):
    p = with_rules("local all all peer map=m\n", maps=f"m {ME} all\n")
    for user in ("app", "other"):
        with Wire(p.socket, user, "app") as wire:
            assert wire.value("select current_user") == user


def test_certificate_without_tls_fails(with_rules):
    p = with_rules("host app all all cert\nhostssl all all all trust\n")
    assert failure(p.wire) == "certificate authentication failed"
    assert failure(p.wire, "app", "second") == "no authentication method is found"


def test_reload_changes_the_rules(with_rules):
    p = with_rules("host all app all reject\n")
    assert failure(p.wire) == "login rejected"
    rules = p.folder / "hba.conf"
    put(rules, CONSOLE + "host all app all trust\n")
    assert failure(p.wire) == "login rejected"
    p.console("RELOAD")
    with p.wire() as kept:
        put(rules, CONSOLE + "host all app all reject\n")
        p.console("RELOAD")
        assert kept.value("select 1") == "1"
        assert failure(p.wire) == "login rejected"
    rules.unlink()
    p.console("RELOAD")
    assert failure(p.wire) == "login rejected"
    assert "could not open auth_hba_file" in p.log()


def test_without_rules_nobody_comes_in_but_the_owner(pooler):
    p = pooler(start=False, auth_type="hba")
    p.settings["auth_hba_file"] = p.folder / "gone"
    p.write()
    p.start()
    assert failure(p.wire) == "no authentication method is found"
    assert failure(p.wire, "admin", "pgcarwash") == "no authentication method is found"


# ---- certificates -----------------------------------------------------------------------------

def openssl(*arguments, folder):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def make_certificate(folder, name, subject, authority=None):
    """NAME.key and NAME.crt, signed by itself or by that authority."""
    openssl("req", "-x509" if not authority else "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", subject,
            "-keyout", f"{name}.key", "-out", f"{name}.{'csr' if authority else 'crt'}",
            folder=folder)
    if authority:
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{authority}.crt", "-CAkey",
                f"{authority}.key", "-CAcreateserial", "-days", "2", "-out", f"{name}.crt",
                folder=folder)
    for path in folder.glob(f"{name}.*"):
        path.chmod(0o600)


@pytest.fixture
def with_certificates(pooler):
    def make(rules=None, maps=None, **settings):
        p = pooler(start=False, **settings)
        certificates = p.folder / "certificates"
        certificates.mkdir(mode=0o755)
        make_certificate(certificates, "ca", "/CN=our authority")
        make_certificate(certificates, "server", "/CN=localhost", "ca")
        make_certificate(certificates, "stranger-ca", "/CN=another authority")
        for name, subject, authority in (
                ("app", "/CN=app", "ca"), ("anna", "/O=us/CN=Anna Smith", "ca"),
                ("stranger", "/CN=app", "stranger-ca"), ("nameless", "/O=us", "ca"),
                ("two", "/CN=app/CN=other", "ca")):
            make_certificate(certificates, name, subject, authority)
        for name in ("server.key", "server.crt", "ca.crt"):
            harness.give_away(certificates / name)
        p.settings.update(client_tls_sslmode="allow",
                          client_tls_key_file=certificates / "server.key",
                          client_tls_cert_file=certificates / "server.crt",
                          client_tls_ca_file=certificates / "ca.crt")
        if rules is not None:
            p.settings.update(auth_type="hba", auth_hba_file=p.folder / "hba.conf",
                              auth_ident_file=p.folder / "ident.conf")
            put(p.folder / "hba.conf", rules)
            put(p.folder / "ident.conf", maps or "")
        p.write()
        p.start()

        def come(user, certificate, sslmode="require"):
            words = {} if certificate is None else {
                "sslcert": certificates / f"{certificate}.crt",
                "sslkey": certificates / f"{certificate}.key"}
            with p.psycopg(user, sslmode=sslmode, **words) as connection:
                return connection.execute("select current_user").fetchone()[0]
        return come
    return make


def refused(come, *arguments):
    with pytest.raises(psycopg.OperationalError) as caught:
        come(*arguments)
    return str(caught.value)


def test_auth_type_cert(with_certificates):
    come = with_certificates(auth_type="cert")
    failed = "certificate authentication failed"
    assert come("app", "app") == "app"
    assert failed in refused(come, "other", "app")
    assert failed in refused(come, "app", "anna")
    assert failed in refused(come, "Anna Smith", "anna")  # not in auth_file
    assert failed in refused(come, "app", None)
    assert failed in refused(come, "app", "nameless")
    assert failed in refused(come, "app", "two")
    assert failed in refused(come, "app", None, "disable")
    assert refused(come, "app", "stranger")


def test_rules_with_certificates(with_certificates):
    come = with_certificates("hostssl all app,third all cert map=m\n"
                             "hostssl all other all trust\nhostnossl all all all reject\n",
                             maps='m "Anna Smith" app\nm app third\n')
    failed = "certificate authentication failed"
    assert come("app", "anna") == "app"
    assert come("third", "app") == "third"
    assert failed in refused(come, "third", "anna")
    assert failed in refused(come, "app", "app")
    assert come("other", None) == "other"
    assert "login rejected" in refused(come, "other", None, "disable")
