"""What the scaling guide that people start from asks of its pooler, as its owner would run it."""

import re
import subprocess

import pytest

import harness
from test_startup import SEED_INI
from wireclient import (bind, close, describe, errors, execute, kinds, parse, query, rows, sync,
                        wait_until)

pytestmark = [pytest.mark.pooled, pytest.mark.fixed]

WORD = "a password"


@pytest.fixture
def guide(pooler, pg):
    """The guide's own file; only what names its machines is another: server, port and folder."""
    def make():
        p = pooler(start=False, databases={"app": {}})
        text = SEED_INI
        for old, new in ((r"^carwash = .*$", f"carwash = host=127.0.0.1 port={pg.port}"
                                             " dbname=app user=app"),
                         (r"^listen_addr = .*$", f"listen_addr = *\nunix_socket_dir = {p.folder}"),
                         (r"^listen_port = .*$", f"listen_port = {p.port}"),
                         (r"^auth_file = .*$", f"auth_file = {p.folder / 'users.txt'}")):
            text, count = re.subn(old, new, text, flags=re.M)
            assert count == 1, old
        p.ini.write_text(text + "admin_users = admin\n")
        p.secrets = {"carwash": harness.md5_secret("carwash", WORD), "admin": "of admin"}
        (p.folder / "users.txt").write_text(
            "".join(f'"{name}" "{secret}"\n' for name, secret in p.secrets.items()))
        return p.start()
    return make


def connect(pooler, **more):
    return pooler.wire("carwash", "carwash", password=WORD, **more)


def test_many_clients_few_servers(guide, pg):
    """300 clients at once on 25 servers; the limits are those of the file."""
    p = guide()
    clients = [connect(p) for _ in range(300)]
    for client in clients:
        client.send(query("select pg_sleep(0.01), 'mine ' || 7"))
    for client in clients:
        assert rows(client.ready())[0][1] == "mine 7"
    assert 5 <= len(pg.backends("usename = 'app'")) <= 30, "25 and a reserve of 5"
    pools = [row for row in p.console("SHOW POOLS", password="of admin")
             if row["database"] == "carwash"]
    assert [(row["user"], row["cl_waiting"], row["pool_mode"]) for row in pools] == [
        ("app", "0", "transaction")]
    for client in clients:
        client.close()


BOOKINGS = """
create schema {0};
set search_path = {0};
create table "Booking"(id bigint generated always as identity, date date not null, slot time,
    customer text, primary key (id, date), unique (date, slot));
"""

# Section 4 of the guide, but for its call of an extension that schedules it.
PARTITIONS = """
CREATE TABLE {0}.bookings_partitioned (LIKE {0}."Booking" INCLUDING ALL) PARTITION BY RANGE (date);
CREATE TABLE {0}.bookings_2025_01 PARTITION OF {0}.bookings_partitioned
  FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE OR REPLACE FUNCTION {0}.create_monthly_partitions()
RETURNS void AS $$
DECLARE
  start_date date;
  end_date date;
  partition_name text;
BEGIN
  FOR i IN 0..11 LOOP
    start_date := date_trunc('month', CURRENT_DATE + interval '1 month' * i);
    end_date := start_date + interval '1 month';
    partition_name := 'bookings_' || to_char(start_date, 'YYYY_MM');
    BEGIN
      EXECUTE format('CREATE TABLE IF NOT EXISTS {0}.%I PARTITION OF {0}.bookings_partitioned'
                     ' FOR VALUES FROM (%L) TO (%L)', partition_name, start_date, end_date);
    EXCEPTION
      WHEN duplicate_table THEN NULL;
    END;
  END LOOP;
END;
$$ LANGUAGE plpgsql;
SELECT {0}.create_monthly_partitions();
SELECT {0}.create_monthly_partitions();
"""

# Sections 2 and 9: what is asked to see whether all is well.
QUESTIONS = (
    "SELECT EXTRACT(EPOCH FROM (now() - pg_last_xact_replay_timestamp())) as lag",
    "SELECT schemaname, tablename, indexname FROM pg_indexes WHERE schemaname = '{0}'",
    "SELECT client_addr, state, sync_state FROM pg_stat_replication",
    "SELECT 1")


def test_partitions_and_questions(guide, pg, fresh):
    """By psql as a script of many transactions, then from a client as one text."""
    p = guide()
    schema = fresh("guide")
    pg.sql("grant create on database app to app")
    try:
        script = (BOOKINGS + PARTITIONS + ";\n".join(QUESTIONS) + ";").format(schema)
        done = subprocess.run(
            [harness.postgres_bin("psql"), "-X", "-v", "ON_ERROR_STOP=1",
             p.dsn("carwash", "carwash", password=WORD)], input=script, capture_output=True,
            text=True, timeout=30, env=harness.clean_environment("/tmp"))
        assert done.returncode == 0, done.stderr
        with connect(p) as client:
            count = client.value("select count(*) from pg_inherits where inhparent ="
                                 f" '{schema}.bookings_partitioned'::regclass")
            assert int(count) >= 12
            for question in QUESTIONS:
                assert not errors(client.ask(query(question.format(schema))))
            assert len(client.sql(QUESTIONS[1].format(schema))) >= 26
            client.sql(PARTITIONS.format(schema).split(";\n", 2)[2])
    finally:
        pg.sql(f"drop schema if exists {schema} cascade")


def test_prisma_with_pgbouncer_true(guide):
    """Its way of sharing servers: each statement in a transaction of its own that first throws
    all prepared statements away, by names that every client uses alike."""
    p = guide()
    clients = [connect(p) for _ in range(12)]
    for turn in range(6):
        for number, client in enumerate(clients):
            assert kinds(client.ask(query("BEGIN"))) == "CZ"
            assert not errors(client.ask(query("DEALLOCATE ALL")))
            answers = client.ask(parse("s0", f"SELECT {number} + $1::int AS n", 23),
                                 describe("S", "s0"), sync())
            assert kinds(answers) == "1tTZ"
        for number, client in enumerate(clients):
            answers = client.ask(bind("", "s0", (str(turn),)), execute(), sync())
            assert rows(answers) == [(str(number + turn),)]
            assert kinds(client.ask(close("S", "s0"), sync())) == "3Z"
            assert kinds(client.ask(query("COMMIT"))) == "CZ"
    for client in clients:
        client.close()


def test_pool_reset(guide):
    """All connections of an application closed and opened again, a few times over."""
    p = guide()
    for _ in range(4):
        clients = [connect(p) for _ in range(50)]
        assert [client.value("select 1") for client in clients] == ["1"] * 50
        for client in clients:
            client.close()
    wait_until(lambda: p.console("SHOW POOLS", password="of admin")[0]["cl_active"] == "0", 3)


# Section 5, the names of its machines aside, and shorter pauses between its checks.
HAPROXY = """
global
    maxconn 4096
    log stdout local0

defaults
    mode tcp
    timeout connect 5000ms
    timeout client 30000ms
    timeout server 30000ms
    option tcplog
    default-server inter 100ms

frontend postgres_frontend
    bind 127.0.0.1:{port}
    default_backend postgres_backend

backend postgres_backend
    balance leastconn
    option pgsql-check user postgres
    server primary 127.0.0.1:{0} check port {0}
    server replica1 127.0.0.1:{1} check port {1} backup
"""


def test_haproxy_in_front(guide, folder):
    """Its pgsql-check finds the pooler well, and the other one takes over when it has gone."""
    first, second = guide(), guide()
    place = harness.make_folder(folder, "haproxy.")
    port = harness.free_port()
    config = place / "haproxy.cfg"
    config.write_text(HAPROXY.format(first.port, second.port, port=port))
    with open(place / "log", "wb") as log:
        process = harness.spawn(["/usr/sbin/haproxy", "-db", "-f", config], place, log)
    address = ("127.0.0.1", port)

    def ask():
        try:
            with harness.Wire(address, "carwash", "carwash", password=WORD) as client:
                return client.value("select 'served'")
        except (OSError, harness.wireclient.Gone):
            return None
    try:
        wait_until(lambda: ask() == "served", 5, "HAProxy's start")
        log = (place / "log").read_text()
        assert "is DOWN" not in log, log
        assert first.log().count("db=carwash user=carwash") >= 1
        assert second.log().count("db=carwash user=carwash") == 0
        first.stop()
        wait_until(lambda: ask() == "served", 5, "the other pooler's turn")
        assert second.log().count("db=carwash user=carwash") >= 1
    finally:
        process.terminate()
        process.wait(10)
