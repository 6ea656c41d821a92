"""auth_type pam and rules with method pam, with services of our own in /etc/pam.d: only as root.

What is asked of PAM and how its answer is read is tested by tests/unit/net/test_ask_pam.c, without
root.
"""

import os
import pathlib
import shutil
import threading

import pytest

import harness
from harness import PASSWORDS
from wireclient import Gone, ServerError, message, startup, wait_until

SERVICES = pathlib.Path("/etc/pam.d")
MODULES = list(pathlib.Path("/").glob("*lib*/*/security/pam_exec.so")) + \
    list(pathlib.Path("/").glob("usr/lib*/**/security/pam_exec.so"))

pytestmark = [
    pytest.mark.pooled, pytest.mark.fixed, pytest.mark.pgcarwash,
    pytest.mark.skipif(not os.access(SERVICES, os.W_OK) or not MODULES,
                       reason="services of PAM cannot be made here")]

FAILED = "PAM authentication failed"
SERVICE = """auth required pam_exec.so quiet expose_authtok {script}
account required pam_permit.so
"""
# Judges by a file of names and passwords, and waits for as long as there is a file called gate.
SCRIPT = """#!/bin/sh
while [ -e {folder}/gate ]; do sleep 0.05; done
echo "$PAM_SERVICE $PAM_USER $PAM_RHOST" >>{folder}/asked
grep -qxF "$PAM_USER $(tr -d '\\000')" {folder}/people
"""


class Authority:
    def __init__(self, folder, service):
        self.folder = harness.make_folder(folder, "pam.")
        self.service, self.path = service, SERVICES / service
        script = self.folder / "script"
        script.write_text(SCRIPT.format(folder=self.folder), encoding="ascii")
        script.chmod(0o755)
        (self.folder / "people").write_text(
            "app app's word\nother other's word\n"
            f"by_scram {PASSWORDS['by_scram']}\n", encoding="ascii")
        with open(self.path, "x", encoding="ascii") as out:  # never somebody else's
            out.write(SERVICE.format(script=script))

    def asked(self):
        path = self.folder / "asked"
        return path.read_text(encoding="ascii").splitlines() if path.exists() else []

    def hang(self):
        (self.folder / "gate").touch()

    def go_on(self):
        (self.folder / "gate").unlink()

    def remove(self):
        self.path.unlink()
        shutil.rmtree(self.folder)


@pytest.fixture
def pam(folder):
    authority = Authority(folder, f"pgcarwash-test-{os.getpid()}")
    yield authority
    authority.remove()


@pytest.fixture
def with_rules(pooler, pam):
    def make(rules, **settings):
        p = pooler(start=False, auth_type="hba", **settings)
        p.settings["auth_hba_file"] = p.folder / "hba.conf"
        p.settings["auth_hba_file"].write_text(
            "host pgcarwash admin all trust\n"
            + rules.replace("SERVICE", f"pamservice={pam.service}") + "\n", encoding="ascii")
        harness.give_away(p.settings["auth_hba_file"])
        p.secrets = {"admin": ""}
        p.write()
        return p.start()
    return make


def failure(pooler, user="app", database="app", **login):
    with pytest.raises(ServerError) as caught:
        pooler.wire(user, database, **login)
    assert (caught.value.severity, caught.value.sqlstate) == ("FATAL", "08P01"), caught.value
    return caught.value.text


def test_pam_knows_who_it_is(with_rules, pam):
    p = with_rules("host all all all pam SERVICE")
    with p.wire("app", password="app's word") as wire:
        assert [m.body[:4] for m in wire.greeting if m.kind == "R"] == [b"\0\0\0\3", b"\0\0\0\0"]
        assert wire.value("select current_user") == "app"
    assert pam.asked() == [f"{pam.service} app 127.0.0.1"]
    assert failure(p, password="other's word") == FAILED
    assert failure(p, "nobody", password="x") == FAILED
    assert failure(p, password="") == "empty password returned by client"
    assert failure(p, "app", "nowhere", password="app's word") == "no such database: nowhere"
    assert f"{FAILED}: pam_authenticate: " in p.log()
    assert "other's word" not in p.log()
    assert "app" in [row["name"] for row in p.console("SHOW USERS")]


def test_a_unix_socket_has_no_address(with_rules, pam):
    p = with_rules("local all all pam SERVICE")
    harness.Wire(p.socket, "app", "app", password="app's word").close()
    assert pam.asked() == [f"{pam.service} app [local]"]


def test_servers_are_logged_in_with_the_same_password(with_rules):
    p = with_rules("host all all all pam SERVICE")
    with p.wire("by_scram", password=PASSWORDS["by_scram"]) as wire:
        assert wire.value("select current_user") == "by_scram"


def test_live_queries_go_on_while_pam_hangs(with_rules, pam):
    p = with_rules("host all all all pam SERVICE")
    with p.wire("app", password="app's word") as live:
        pam.hang()
        waiting = []
        for _ in range(20):
            wire = p.wire("other", login=False)
            wire.send(startup({"user": "other", "database": "app"}))
            wire.until("R")
            wire.send(message("p", b"other's word\0"))
            waiting.append(wire)
        for number in range(200):
            assert live.value(f"select {number}") == str(number)
        for wire in waiting:
            wire.quiet(0.01)
        for wire in waiting[::2]:
            wire.vanish()
        pam.go_on()
        for wire in waiting[1::2]:
            wire.until("Z")
            assert wire.value("select current_user") == "other"
            wire.close()


def test_a_hanging_pam_ends_with_the_login(with_rules, pam):
    p = with_rules("host all all all pam SERVICE", client_login_timeout=1)
    pam.hang()
    try:
        assert failure(p, password="app's word") == "client_login_timeout"
    finally:
        pam.go_on()
    p.wire("app", password="app's word").close()


def test_the_process_ends_while_pam_hangs(with_rules, pam):
    p = with_rules("host all all all pam SERVICE")
    pam.hang()
    try:
        refused = []

        def log_in():
            with pytest.raises((ServerError, Gone, OSError)):
                p.wire("app", password="app's word")
            refused.append(True)
        thread = threading.Thread(target=log_in)
        thread.start()
        wait_until(lambda: "login attempt" in p.log(), 5, "the login")
        p.stop()
        thread.join()
        assert refused
    finally:
        pam.go_on()


def test_auth_type_pam(pooler, folder):
    """Its service is named pgbouncer, so that a service file from there goes on to work."""
    if (SERVICES / "pgbouncer").exists():
        pytest.skip("there is a service pgbouncer on this machine")
    authority = Authority(folder, "pgbouncer")
    try:
        p = pooler(auth_type="pam", admin_users="other")
        p.wire("app", password="app's word").close()
        assert failure(p, password="x") == FAILED
        assert p.console("SHOW VERSION", "other", password="other's word")
        p = pooler(auth_type="pam", auth_user="postgres")
        assert failure(p, password="app's word") == "bouncer config error"
        assert authority.asked()[0] == "pgbouncer app 127.0.0.1"
    finally:
        authority.remove()
