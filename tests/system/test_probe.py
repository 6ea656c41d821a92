"""Probes: who asks, over what, what is found out of a primary and one replica, and when."""

import subprocess
import time

import pytest

import harness
import tls
from wireclient import wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]

PLACE = ("create function place() returns text stable language sql as"
         " 'select current_setting(''cluster_name'')'")
PROBES = "select {} from pg_stat_activity where application_name = 'pgcarwash probe'"


class Replica(harness.Postgres):
    """A server that streams from another one."""

    def __init__(self, parent, source):
        self.parent, self.version = parent, None
        self.process, self._admin = None, None
        self.folder = harness.make_folder(parent, "replica.")
        self.data, self.port = self.folder / "data", harness.free_port()
        self.log_path = self.folder / "server.log"
        done = subprocess.run(
            [harness.postgres_bin("pg_basebackup"), "-D", self.data, "-h", "127.0.0.1", "-p",
             str(source.port), "-U", "postgres", "-R", "-X", "stream", "-c", "fast", "--no-sync"],
            cwd=self.folder, capture_output=True, text=True,
            env=harness.clean_environment(parent), **harness.unprivileged())
        assert done.returncode == 0, done.stderr
        with open(self.data / "postgresql.auto.conf", "a", encoding="ascii") as conf:
            conf.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n"
                       "cluster_name = 'replica'\n")


@pytest.fixture(scope="module")
def authority(folder):
    made = tls.Authority(harness.make_folder(folder, "certificates."))
    made.server = made.sign("server", "localhost", "DNS:localhost,IP:127.0.0.1")
    return made


@pytest.fixture(scope="module")
def pair(folder, authority):
    """A primary with TLS and its replica."""
    primary = harness.Postgres(
        folder, wal_level="replica", max_wal_senders=5, cluster_name="'primary'", ssl="on",
        ssl_cert_file=f"'{authority.server['crt']}'", ssl_key_file=f"'{authority.server['key']}'",
        wal_retrieve_retry_interval="'200ms'")
    with open(primary.data / "pg_hba.conf", "a", encoding="ascii") as hba:
        hba.write("host replication all 127.0.0.1/32 trust\n")
    primary.start()
    primary.sql(PLACE)
    replica = Replica(folder, primary).start()
    yield primary, replica
    replica.remove()
    primary.remove()


def entry(pair, **words):
    return {"app": {"host": "127.0.0.1,127.0.0.1",
                    "port": ",".join(str(server.port) for server in pair),
                    "read_write_split": "on", "read_consistency": "none", **words}}


def reads_at(pooler, place, seconds=10):
    """Until reads are answered there."""
    with pooler.wire() as wire:
        wait_until(lambda: wire.value("select place()") == place, seconds,
                   f"reads at the {place}")


@pytest.mark.parametrize("user", ["by_plain", "by_md5", "by_scram"])
def test_passwords(pooler, pair, user):
    p = pooler(pair[0], databases=entry(pair), probe_user=user,
               probe_password=harness.PASSWORDS[user])
    reads_at(p, "replica")
    assert pair[0].sql(PROBES.format("usename")) == [(user,)]


def test_a_plain_secret_of_auth_file_serves(pooler, pair):
    p = pooler(pair[0], databases=entry(pair), probe_user="by_scram")
    reads_at(p, "replica")


def test_a_probe_that_is_not_let_in(pooler, pair):
    p = pooler(pair[0], databases=entry(pair), probe_user="by_scram", probe_password="wrong")
    wait_until(lambda: p.log().count("is unknown, down") == 2, 10, "both to be down")
    assert "wrong" not in p.log()
    assert "password authentication failed" in p.log()
    p.settings["probe_password"] = harness.PASSWORDS["by_scram"]
    p.reload()
    reads_at(p, "replica")


@pytest.mark.parametrize("mode, encrypted", [("disable", "f"), ("prefer", "t"),
                                             ("verify-full", "t")])
def test_tls_is_that_of_servers(pooler, pair, authority, mode, encrypted):
    p = pooler(pair[0], databases=entry(pair), probe_user="app", server_tls_sslmode=mode,
               server_tls_ca_file=authority.crt())
    reads_at(p, "replica")
    assert pair[0].sql("select ssl from pg_stat_ssl join pg_stat_activity using (pid)"
                       " where application_name = 'pgcarwash probe'") == [(encrypted,)]


def test_an_authority_that_is_not_trusted(pooler, pair, folder):
    other = tls.Authority(harness.make_folder(folder, "others."), "other")
    p = pooler(pair[0], databases=entry(pair), probe_user="app",
               server_tls_sslmode="verify-ca", server_tls_ca_file=other.crt())
    wait_until(lambda: "certificate verify failed" in p.log(), 10, "the refusal")
    assert not pair[0].sql(PROBES.format("pid"))


def test_functions_are_known_without_delay(pooler, pair):
    """A VOLATILE function is a write from the first call; a new STABLE one is soon a read."""
    pair[0].sql("create or replace function shaky() returns text volatile language sql as"
                " 'select current_setting(''cluster_name'')'")
    p = pooler(pair[0], databases=entry(pair), probe_user="app")
    reads_at(p, "replica")
    with p.wire() as wire:
        assert {wire.value("select shaky()") for _ in range(5)} == {"primary"}


def test_a_lag_query_of_ones_own(pooler, pair):
    pair[0].sql("create table if not exists mine (behind float)")
    pair[0].sql("truncate mine")
    pair[0].sql("insert into mine values (0)")
    pair[0].sql("grant select on mine to public")
    p = pooler(pair[0], databases=entry(pair), probe_user="app", probe_interval=0.1,
               replica_retry_after=0.3, lag_query="select behind from mine")
    reads_at(p, "replica")
    pair[0].sql("update mine set behind = 99")
    reads_at(p, "primary")
    assert "is replica, lagging" in p.log()
    pair[0].sql("update mine set behind = null")
    reads_at(p, "replica")


def test_a_lag_query_that_fails_harms_nobody(pooler, pair):
    p = pooler(pair[0], databases=entry(pair), probe_user="app", lag_query="select nonsense")
    reads_at(p, "replica")
    time.sleep(1)
    reads_at(p, "replica")


def test_a_reload_brings_and_takes_hosts(pooler, pair):
    alone = {"app": {"host": "127.0.0.1", "port": pair[0].port, "read_write_split": "on"}}
    p = pooler(pair[0], databases=alone, probe_user="app")
    reads_at(p, "primary")
    p.databases = entry(pair)
    p.reload()
    reads_at(p, "replica")
    p.databases = alone
    p.reload()
    reads_at(p, "primary")
    wait_until(lambda: not pair[1].sql(PROBES.format("pid")), 5, "the end of the probe")
    p.databases = {"app": {"port": pair[0].port}}
    p.reload()
    wait_until(lambda: not pair[0].sql(PROBES.format("pid")), 5, "the end of probing")
    reads_at(p, "primary")


def test_databases_made_from_the_template_are_probed(pooler, pair):
    p = pooler(pair[0], databases={"*": entry(pair)["app"]}, probe_user="app",
               autodb_idle_timeout=1, pool_idle_timeout=1, server_idle_timeout=1)
    assert not pair[0].sql(PROBES.format("pid"))
    reads_at(p, "replica")
    assert pair[0].sql(PROBES.format("datname")) == [("app",)]
    wait_until(lambda: not pair[0].sql(PROBES.format("pid")), 30, "the end of the database")


def test_a_replica_that_restarts_is_found_again(pooler, pair):
    p = pooler(pair[0], databases=entry(pair), probe_user="app")
    reads_at(p, "replica")
    pair[1].restart()
    reads_at(p, "replica")
    assert "is replica, down" in p.log()


def test_a_terminated_probe_is_no_death(pooler, pair):
    p = pooler(pair[0], databases=entry(pair), probe_user="app")
    reads_at(p, "replica")
    with p.wire() as wire:
        wire.sql("begin")
        before = wire.value("select pg_backend_pid()")
        assert pair[0].sql(PROBES.format("pg_terminate_backend(pid)")) == [("t",)]
        time.sleep(0.5)
        assert wire.value("select pg_backend_pid()") == before
        wire.sql("commit")
    assert len(pair[0].sql(PROBES.format("pid"))) == 1


def test_a_name_is_resolved(pooler, pair):
    p = pooler(pair[0], databases=entry(pair, host="localhost,localhost"), probe_user="app")
    reads_at(p, "replica")


def test_a_unix_socket(pooler, pair):
    hosts = ",".join(str(server.folder) for server in pair)
    p = pooler(pair[0], databases=entry(pair, host=hosts), probe_user="app")
    reads_at(p, "replica")


def test_hosts_without_a_cluster_are_taken_in_turn(pooler, pair):
    """A list without the router's keys means what PgBouncer means by it."""
    plain = {"app": {**entry(pair)["app"], "read_write_split": "off"}}
    p = pooler(pair[0], databases=plain, probe_user="app")
    wires = [p.wire() for _ in range(4)]
    for wire in wires:
        wire.sql("begin")
    assert sorted(wire.value("select place()") for wire in wires) == \
        ["primary", "primary", "replica", "replica"]
    for wire in wires:
        wire.close()
    assert not pair[0].sql(PROBES.format("pid"))
