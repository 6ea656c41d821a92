"""Replication connections pass through: each has a server connection of its own, a walsender."""

import shutil
import signal
import subprocess
import time

import pytest

import harness
import wireclient
from wireclient import query, wait_until

pytestmark = [pytest.mark.fixed, pytest.mark.pooled, pytest.mark.pgcarwash]


@pytest.fixture(scope="module")
def source(folder):
    """A server that can be replicated, with a user who may."""
    server = harness.Postgres(folder, wal_level="logical", max_wal_senders=10,
                              max_replication_slots=10, wal_keep_size="'64MB'")
    with open(server.data / "pg_hba.conf", "a", encoding="ascii") as hba:
        hba.write("host replication all 127.0.0.1/32 trust\n"
                  "host replication repl 127.0.0.1/32 trust\n")
    server.start()
    server.sql("create role repl login replication; grant all on database app to repl;"
               " grant create on schema public to public")
    yield server
    server.remove()


@pytest.fixture
def front(pooler, source):
    """The pooler in front of it."""
    def make(**settings):
        settings.setdefault("databases", {"app": {}, "second": {}, "replication": {}})
        return pooler(postgres=source, secrets={"repl": ""}, **settings)
    return make


def run(tool, *arguments, timeout=60):
    return subprocess.run([harness.postgres_bin(tool), *map(str, arguments)], timeout=timeout,
                          capture_output=True, text=True, env=harness.clean_environment("/tmp"))


def target(p):
    return ["-h", "127.0.0.1", "-p", p.port, "-U", "repl", "-w"]


def walsenders(source):
    return int(source.sql("select count(*) from pg_stat_get_wal_senders()")[0][0])


def test_a_walsender_of_its_own(front, source):
    p = front(pool_mode="transaction")
    with p.wire("repl", "replication", replication="true") as wire:
        first = wire.sql("IDENTIFY_SYSTEM")
        assert len(first) == 1 and first[0][2] != ""
        assert wire.sql("IDENTIFY_SYSTEM") == first
        [client] = [row for row in p.console("SHOW CLIENTS") if row["user"] == "repl"]
        assert client["replication"] == "physical" and client["state"] == "active"
        [server] = p.servers(user="repl")
        assert server["replication"] == "physical" and server["link"] == client["ptr"]
        with p.wire("repl", "replication", replication="on") as other:
            assert other.sql("IDENTIFY_SYSTEM") == first
            assert len(p.servers(user="repl")) == 2
    wait_until(lambda: p.servers(user="repl") == [], 5, "the end of its servers")
    assert "replication client disconnected" in p.log()
    assert "replication=yes" in p.log()
    wait_until(lambda: walsenders(source) == 0, 5, "the walsenders' end")


def test_what_no_replication_client_leaves_is_never_reused(front, source):
    p = front(pool_mode="transaction")
    pids = set()
    for _ in range(3):
        with p.wire("repl", "app", replication="database") as wire:
            pids.add(wire.value("select pg_backend_pid()"))
            [client] = [row for row in p.console("SHOW CLIENTS") if row["user"] == "repl"]
            assert client["replication"] == "logical"
        with p.wire("repl", "app") as wire:
            pids.add(wire.value("select 'ordinary' || pg_backend_pid()"))
    assert len(pids) == 4, pids


def test_start_up_parameters_are_the_walsenders(front, source):
    p = front()
    with p.wire("repl", "app", replication="database", application_name="stand in",
                options="-c statement_timeout=4321 -c search_path=elsewhere") as wire:
        assert wire.value("show statement_timeout") == "4321ms"
        assert wire.value("show search_path") == "elsewhere"
        assert wire.value("show application_name") == "stand in"
        assert wire.parameters["application_name"] == "stand in"
    assert "replication=database" in p.log()


def test_a_refusal_is_the_servers_own(front, source):
    p = front()
    with pytest.raises(wireclient.ServerError) as caught:
        p.wire("app", "app", replication="database")
    assert "must be superuser or replication role" in str(caught.value)
    assert "login failed: FATAL must be superuser" in p.log()
    with p.wire("app", "app") as wire:
        assert wire.value("select 1") == "1"


def test_what_replication_may_be(front, source):
    p = front()
    with p.wire("repl", "app", replication="off") as wire:
        assert wire.value("select 1") == "1"
        assert not [r for r in p.console("SHOW CLIENTS") if r["replication"] != "none"]
    with pytest.raises(wireclient.ServerError) as caught:
        p.wire("repl", "app", replication="perhaps")
    assert 'invalid value for parameter "replication"' in str(caught.value)


def test_limits_hold_and_room_is_made(front, source):
    p = front(default_pool_size=1)
    with p.wire("repl", "app") as plain:
        plain.value("select 1")
        with p.wire("repl", "app", replication="database") as wire:
            assert wire.value("select 1") == "1"
            assert len(p.servers(user="repl")) == 1
            plain.send(query("select 2"))
            time.sleep(0.3)
            assert p.pool("repl")["cl_waiting"] == "1"
        assert wireclient.rows(plain.ready()) == [("2",)]


def test_cancel_of_what_a_walsender_does(front, source):
    p = front()
    with p.wire("repl", "app", replication="database") as wire:
        wire.send(query("select pg_sleep(30)"))
        wait_until(lambda: source.sql("select 1 from pg_stat_activity where query like"
                                      " '%pg_sleep(30)' and state = 'active' and pid <>"
                                      " pg_backend_pid()"), 5, "the query")
        wire.cancel()
        assert wireclient.errors(wire.ready())[0][0] == "57014"
        assert wire.value("select 3") == "3"


def test_timeouts_are_not_for_streams(front, source):
    p = front(query_timeout=1, idle_transaction_timeout=1, client_idle_timeout=1)
    with p.wire("repl", "app", replication="database") as wire:
        time.sleep(1.5)
        assert wire.value("select pg_sleep(1.6), 4") == ""
        wire.sql("begin")
        time.sleep(1.6)
        assert wire.value("select 5") == "5"


def test_reconnect_takes_it_away(front, source):
    p = front()
    with p.wire("repl", "app", replication="database") as wire:
        wire.value("select 1")
        p.console("RECONNECT")
        answers = wire.until("E")
        assert "database configuration changed" in str(answers[-1].fields())


def asks(p, command):
    """A console that waits for the answer to this."""
    console = p.wire("admin", "pgcarwash")
    console.send(query(command))
    return console


def is_told(console, tag):
    assert [m.body for m in console.ready() if m.kind == "C"] == [tag.encode() + b"\0"]
    console.close()


def begin_stream(p):
    """A replication client that is not answered yet."""
    wire = p.wire("repl", "app", login=False)
    wire.send(wireclient.startup({"user": "repl", "database": "app", "replication": "database"}))
    return wire


@pytest.mark.parametrize("command", ["PAUSE", "PAUSE app"])
def test_pause_waits_for_a_stream_to_end(front, source, command):
    """As for a session: its server is in use for as long as it is there."""
    p = front()
    wire = p.wire("repl", "app", replication="database")
    console = asks(p, command)
    assert console.quiet(0.7)
    assert wire.value("select 'goes on'") == "goes on"
    late = begin_stream(p)
    assert late.quiet(0.3)
    wire.close()
    is_told(console, "PAUSE")
    assert late.quiet(0.3)
    p.console(command.replace("PAUSE", "RESUME"))
    late.until("Z")
    assert late.value("select 'resumed'") == "resumed"
    late.close()


def test_wait_close_sees_its_server_go(front, source):
    p = front()
    with p.wire("repl", "app", replication="database") as wire:
        is_told(asks(p, "WAIT_CLOSE"), "WAIT_CLOSE")
        p.console("RECONNECT app")
        is_told(asks(p, "WAIT_CLOSE app"), "WAIT_CLOSE")
        assert "database configuration changed" in str(wire.until("E")[-1].fields())
    assert p.servers(user="repl") == []


def test_kill_ends_it(front, source):
    p = front()
    with p.wire("repl", "app", replication="database") as wire:
        p.console("KILL app")
        assert "database removed" in str(wire.until("E")[-1].fields())
        p.console("RESUME app")


@pytest.mark.parametrize("waits", ["WAIT_FOR_SERVERS", "WAIT_FOR_CLIENTS"])
def test_a_shutdown_that_waits_lets_it_finish(front, source, waits):
    p = front()
    wire = p.wire("repl", "app", replication="database")
    p.console(f"SHUTDOWN {waits}")
    time.sleep(0.7)
    assert wire.value("select 'goes on'") == "goes on"
    assert p.process.poll() is None
    wire.close()
    assert p.wait_end(5) == 0


def test_hba_lines_for_replication(front, source, folder):
    hba = folder / "replication_hba.conf"
    hba.write_text("host replication repl 127.0.0.1/32 trust\nhost app app 127.0.0.1/32 trust\n"
                   "host pgcarwash admin 127.0.0.1/32 trust\n")
    p = front(auth_type="hba", auth_hba_file=hba)
    with p.wire("repl", "replication", replication="1") as wire:
        assert wire.sql("IDENTIFY_SYSTEM")
    for database, replication in (("app", "database"), ("replication", "false")):
        with pytest.raises(wireclient.ServerError):
            p.wire("repl", database, replication=replication)
    with pytest.raises(wireclient.ServerError):
        p.wire("app", "app", replication="true")


def test_pg_basebackup(front, source, folder):
    p = front()
    backup = harness.make_folder(folder, "backup.") / "data"
    done = run("pg_basebackup", *target(p), "-D", backup, "-X", "stream", "-c", "fast")
    assert done.returncode == 0, done.stderr
    assert (backup / "PG_VERSION").exists() and (backup / "backup_manifest").exists()
    checked = run("pg_verifybackup", backup)
    assert checked.returncode == 0, checked.stderr
    wait_until(lambda: p.servers(user="repl") == [], 5, "the end of its servers")
    shutil.rmtree(backup.parent, ignore_errors=True)


def test_pg_receivewal(front, source, folder):
    p = front()
    where = harness.make_folder(folder, "wal.")
    source.sql("create table if not exists filler (a text);"
               " insert into filler select repeat('x', 500) from generate_series(1, 4000)")
    with subprocess.Popen([harness.postgres_bin("pg_receivewal"), *map(str, target(p)), "-D",
                           where, "--synchronous", "-s", "1", "-v"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=harness.clean_environment("/tmp")) as process:
        try:
            wait_until(lambda: walsenders(source) == 1, 10, "the stream")
            source.sql("insert into filler select repeat('y', 500) from generate_series(1, 4000)")
            lsn = source.sql("select pg_switch_wal()")[0][0]
            # What pg_receivewal has flushed, it reports: that passes from the client to the server.
            wait_until(lambda: source.sql(
                f"select 1 from pg_stat_replication where flush_lsn >= '{lsn}'"), 20, "its flush")
            source.sql("insert into filler values ('z')")
            wait_until(lambda: [f for f in where.iterdir() if not f.name.endswith(".partial")], 20,
                       "a whole segment")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
            assert process.returncode == 0, process.stderr.read()
    wait_until(lambda: walsenders(source) == 0, 5, "the walsender's end")
    shutil.rmtree(where, ignore_errors=True)


def test_pg_recvlogical(front, source):
    p = front()
    common = [*target(p), "-d", "app", "--slot", "heard"]
    done = run("pg_recvlogical", *common, "--create-slot", "-P", "test_decoding")
    assert done.returncode == 0, done.stderr
    source.sql("create table heard (n int); insert into heard select generate_series(1, 500);"
               " create table last_one (n int)")
    end = source.sql("select pg_switch_wal()")[0][0]
    done = run("pg_recvlogical", *common, "--start", "-f", "-", "--endpos", end)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("table public.heard")]
    assert len(lines) == 500 and lines[499].endswith("n[integer]:500")
    done = run("pg_recvlogical", *common, "--drop-slot")
    assert done.returncode == 0, done.stderr


def test_a_walreader_that_is_slow(front, source):
    """What a client does not read waits at the server, not in our memory."""
    p = front()
    done = run("pg_recvlogical", *target(p), "-d", "app", "--slot", "slow", "--create-slot",
               "-P", "test_decoding")
    assert done.returncode == 0, done.stderr
    source.sql("create table slow (t text);"
               " insert into slow select repeat('z', 10000) from generate_series(1, 4000)")
    with p.wire("repl", "app", replication="database") as wire:
        before = harness.memory_of(p.pid)
        wire.send(query("START_REPLICATION SLOT slow LOGICAL 0/0"))
        assert wireclient.kinds(wire.until("W")) == "W"
        time.sleep(1.5)
        assert harness.memory_of(p.pid) - before < 8000
        got = 0
        while got < 30_000_000:
            message = wire.read(keep=False)
            assert message.kind == "d"
            got += len(message.body)
    wait_until(lambda: walsenders(source) == 0, 10, "the walsender's end")
    done = run("pg_recvlogical", *target(p), "-d", "app", "--slot", "slow", "--drop-slot")
    assert done.returncode == 0, done.stderr


def test_a_subscription(front, source, folder):
    p = front()
    sink = harness.Postgres(folder, wal_level="replica", max_wal_senders=4,
                            max_replication_slots=4, max_logical_replication_workers=4).start()
    try:
        source.sql("create table wares (id int primary key, name text);"
                   " insert into wares select n, 'old ' || n from generate_series(1, 100) n;"
                   " grant select on wares to public; create publication wares for table wares")
        sink.sql("create table wares (id int primary key, name text)")
        sink.sql(f"create subscription wares connection 'host=127.0.0.1 port={p.port} user=repl"
                 " dbname=app application_name=wares' publication wares")
        count = "select count(*), max(name) from wares"
        wait_until(lambda: sink.sql(count) == [("100", "old 99")], 30, "the first copy")
        source.sql("insert into wares select n, 'new ' || n from generate_series(101, 300) n")
        wait_until(lambda: sink.sql(count)[0][0] == "300", 30, "what is new")
        source.sql("update wares set name = 'sold' where id = 1; delete from wares where id = 2")
        wait_until(lambda: sink.sql("select count(*) from wares where name = 'sold'")
                   == [("1",)] and sink.sql(count)[0][0] == "299", 30, "changes")
        sink.sql("drop subscription wares")
    finally:
        sink.remove()
    wait_until(lambda: walsenders(source) == 0, 10, "the walsenders' end")


def test_a_standby(front, source, folder):
    p = front()
    standby = harness.Postgres(folder)
    shutil.rmtree(standby.data)
    done = subprocess.run(
        [harness.postgres_bin("pg_basebackup"), *map(str, target(p)), "-D", standby.data, "-R",
         "-X", "stream", "-c", "fast", "-C", "-S", "standby"], capture_output=True, text=True,
        timeout=60, env=harness.clean_environment("/tmp"), **harness.unprivileged())
    assert done.returncode == 0, done.stderr
    with open(standby.data / "postgresql.auto.conf", "a", encoding="ascii") as conf:
        conf.write(f"port = {standby.port}\nunix_socket_directories = '{standby.folder}'\n"
                   "hot_standby = on\ncluster_name = 'second_in_line'\n")
    try:
        standby.start()
        source.sql("create table followed (n int)")
        for n in range(5):
            source.sql(f"insert into followed values ({n})")
            wait_until(lambda: standby.sql("select count(*) from pg_class where relname ="
                                           " 'followed'")[0][0] == "1"
                       and standby.sql("select count(*) from followed") == [(str(n + 1),)], 20,
                       "the standby")
        assert source.sql("select application_name, state from pg_stat_replication") == \
            [("second_in_line", "streaming")]
        # Its connection is lost: it comes back of itself.
        p.console("RECONNECT")
        source.sql("insert into followed values (5)")
        wait_until(lambda: standby.sql("select count(*) from followed") == [("6",)], 30,
                   "the standby's return")
    finally:
        standby.remove()
        source.sql("select pg_drop_replication_slot('standby')")
