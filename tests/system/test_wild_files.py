"""Files as people have them: Debian's, the one of a scaling guide, and all corners of the grammar.

Where a file names system folders and ports, it is run unchanged in namespaces of its own, with
empty folders in the place of the system's. Needs root for that.
"""

import ctypes
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess

import pytest

import harness
from test_startup import SEED_INI, run
from wireclient import wait_until

pytestmark = [pytest.mark.pooled, pytest.mark.fixed]

DEBIAN_INI = pathlib.Path("/etc/pgbouncer/pgbouncer.ini")
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
MS_NOSUID, MS_BIND, MS_REC, MS_PRIVATE = 2, 0x1000, 0x4000, 0x40000
SIOCSIFFLAGS, IFF_UP_LOOPBACK_RUNNING = 0x8914, 0x49
LIBC = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(LIBC, name)(*arguments):
        raise OSError(ctypes.get_errno(), name)


def mount(source, target, kind, flags, data=None):
    call("mount", str(source).encode(), str(target).encode(), kind, ctypes.c_ulong(flags), data)


def become_unprivileged():
    who = harness.unprivileged()
    os.setgroups([])
    os.setgid(who["group"])
    os.setuid(who["user"])


class World:
    """A process that sees a network and folders of its own, and those that visit it."""

    def __init__(self, folder, program, ini, files=()):
        """folder is seen as /mnt, ini started from where it is; files: path -> text."""
        self.folder, self.files = folder, dict(files)
        shutil.copy(program, folder / "program")
        (folder / "program").chmod(0o755)
        self.log_path = folder / "log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["/mnt/program", str(ini)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=harness.clean_environment("/mnt"), preexec_fn=self._enter)

    def _enter(self):
        call("unshare", CLONE_NEWNS | CLONE_NEWNET)
        mount("none", "/", None, MS_REC | MS_PRIVATE)
        mount(self.folder, "/mnt", None, MS_BIND)
        for path in ("/tmp", "/run", "/var/log"):
            mount("tmpfs", path, b"tmpfs", MS_NOSUID, b"mode=1777")
        for path in ("/run/postgresql", "/var/log/postgresql"):
            os.makedirs(path)
            harness.give_away(path)
        if self.files:
            mount("tmpfs", "/etc/pgbouncer", b"tmpfs", MS_NOSUID, b"mode=755")
        for path, text in self.files.items():
            pathlib.Path(path).write_text(text, encoding="utf-8")
            harness.give_away(path)
        with socket.socket() as any_socket:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo",
                                                              IFF_UP_LOOPBACK_RUNNING))
        os.chdir("/")
        become_unprivileged()

    def _visit(self):
        for kind in ("net", "mnt"):
            fd = os.open(f"/proc/{self.process.pid}/ns/{kind}", os.O_RDONLY)
            call("setns", fd, 0)
            os.close(fd)
        os.chdir("/")
        become_unprivileged()

    def run(self, *words, **more):
        """A program inside, as the pooler's own user."""
        return subprocess.run(words, capture_output=True, text=True, timeout=20,
                              preexec_fn=self._visit, env={**harness.clean_environment("/mnt"),
                                                           **more})

    def wait(self, path, text):
        """Until that file, as seen inside, has that text."""
        def has():
            assert self.process.poll() is None, self.log_path.read_text()
            return text in self.run("cat", path).stdout
        wait_until(has, 10, f"{text} in {path}", 0.1)

    def end(self):
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(10)


@pytest.fixture
def world(folder):
    """world(ini, files) starts the pooler with the file where it lies."""
    made = []

    def make(ini, files=()):
        if os.geteuid():
            pytest.skip("needs root")
        done = subprocess.run(["unshare", "-mn", "true"], capture_output=True)
        if done.returncode:
            pytest.skip("no namespaces here")
        made.append(World(harness.make_folder(folder, "world."), harness.Pooler.binary(), ini,
                          files))
        return made[-1]
    yield make
    for one in made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()


# ---- whole files ------------------------------------------------------------------------------

def test_debians_file(world):
    """/etc/pgbouncer/pgbouncer.ini of the package pgbouncer, unchanged, as its user."""
    one = world(DEBIAN_INI)
    log = "/var/log/postgresql/pgbouncer.log"
    one.wait(log, "process up")
    pid = one.run("cat", "/var/run/postgresql/pgbouncer.pid").stdout
    assert int(pid) == one.process.pid
    text = one.run("cat", log).stdout
    assert "listening on 127.0.0.1:6432" in text
    assert "listening on unix:/var/run/postgresql/.s.PGSQL.6432" in text
    # The console, for the user it runs as, over the socket and without a password.
    done = one.run(harness.postgres_bin("psql"), "-XAt", "-h", "/var/run/postgresql", "-p", "6432",
                   "-U", "pgbouncer", "pgbouncer", "-c", "SHOW VERSION", "-c", "SHOW CONFIG")
    assert done.returncode == 0, done.stderr
    assert "auth_type|md5|" in done.stdout and "|/etc/pgbouncer/userlist.txt|" not in done.stderr
    # Nobody else: users are asked for their password.
    done = one.run(harness.postgres_bin("psql"), "-XAtw", "-h", "localhost", "-p", "6432",
                   "-U", "someone", "app", "-c", "select 1")
    assert done.returncode and "password" in done.stderr, done.stderr
    one.process.send_signal(signal.SIGHUP)  # as logrotate does
    one.wait(log, "re-reading")
    assert one.end() == 0
    assert "Sanitizer" not in one.log_path.read_text()


@pytest.mark.pgcarwash
def test_file_of_the_guide(world):
    """That of the scaling guide, with the users file it names."""
    ini = "/etc/pgbouncer/pgbouncer.ini"
    secret = harness.md5_secret("carwash", "secret")
    one = world(ini, {ini: SEED_INI, "/etc/pgbouncer/userlist.txt":
                      f'"carwash" "{secret}"\n"pgbouncer" "pass"\n'})
    one.wait("/mnt/log", "process up")
    text = one.run("cat", "/mnt/log").stdout
    assert "listening on 0.0.0.0:6432" in text and ".s.PGSQL.6432" in text
    psql = harness.postgres_bin("psql")
    # Its server is nowhere to be found from here; who a user is, is checked before that.
    for password, is_known in (("wrong", False), ("secret", True)):
        done = one.run(psql, "-XAtw", "-h", "127.0.0.1", "-p", "6432", "-U", "carwash", "carwash",
                       "-c", "select 1", PGPASSWORD=password, PGCONNECT_TIMEOUT="3")
        assert done.returncode, done.stdout
        assert ("password authentication failed" not in done.stderr) == is_known, done.stderr
    done = one.run(psql, "-XAt", "-h", "/tmp", "-p", "6432", "-U", "pgbouncer", "pgbouncer",
                   "-c", "SHOW DATABASES", "-c", "SHOW CONFIG")
    assert "carwash|db.supabase.co|5432|postgres||25|5|5|3600|" in done.stdout, done
    for key, value in (("pool_mode", "transaction"), ("max_client_conn", "1000"),
                       ("reserve_pool_timeout", "3"), ("max_db_connections", "100")):
        assert f"\n{key}|{value}|" in done.stdout
    assert one.end() == 0


@pytest.mark.pgcarwash
@pytest.mark.parametrize("path", [DEBIAN_INI, None], ids=["debian", "guide"])
def test_check_has_nothing_against_it(folder, path):
    done = run(folder, "--check", ini=path.read_text() if path else SEED_INI)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "error:" not in done.stdout + done.stderr
    assert "ERROR" not in done.stdout + done.stderr


# ---- the corners of the grammar ---------------------------------------------------------------

# name -> (file, {key of SHOW CONFIG: value}, {column of SHOW DATABASES for app: value}).
# {port} is the server's, {main} the keys that every file here needs.
CORNERS = {
    "indented": (
        "  [databases]\n\tapp = host=127.0.0.1 port={port}\n   ; a comment\n\t# and another\n"
        "  [pgbouncer]\n   {main}\n\tdefault_pool_size\t=\t7  \n",
        {"default_pool_size": "7"}, {"pool_size": "7"}),
    "sections in any order": (
        "[users]\napp = pool_mode=session\n[pgbouncer]\n{main}\npool_mode=transaction\n"
        "[databases]\napp = host=127.0.0.1 port={port}\n", {"pool_mode": "transaction"}, {}),
    "sections more than once": (
        "[databases]\nsecond = host=127.0.0.1 port={port}\n[pgbouncer]\ndefault_pool_size = 9\n"
        "query_timeout = 5\n[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\n"
        "default_pool_size = 3\n", {"default_pool_size": "3", "query_timeout": "0"}, {}),
    "the last of two": (
        "[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\nmax_client_conn = 5\n{main}\n"
        "max_client_conn = 50\nmax_client_conn = 60\n", {"max_client_conn": "60"}, {}),
    "no comment at the end of a line": (
        "[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\n"
        "server_check_query = select 1; -- # not a comment\n",
        {"server_check_query": "select 1; -- # not a comment"}, {}),
    "integers of C": (
        "[databases]\napp = host=127.0.0.1 port={port} pool_size=4\n[pgbouncer]\n{main}\n"
        "default_pool_size = 0x10\nunix_socket_mode = 0770\n",
        {"default_pool_size": "16", "unix_socket_mode": "504"}, {"pool_size": "4"}),
    "parts of a second": (
        "[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\n"
        "query_wait_timeout = 2.5\nserver_check_delay = .5\nserver_lifetime = 1200.0\n",
        {"query_wait_timeout": "2.5"}, {}),
    "empty values": (
        "[databases]\napp = host=127.0.0.1 port={port}\n[users]\napp =\n[pgbouncer]\n{main}\n"
        "stats_users =\nserver_check_query =\nlogfile=\n", {"server_check_query": ""}, {}),
    "case of words": (
        "[databases]\napp = host=127.0.0.1 port={port} pool_mode=Statement\n[pgbouncer]\n{main}\n"
        "pool_mode = TRANSACTION\n", {"pool_mode": "transaction"}, {"pool_mode": "statement"}),
    "quoted names": (
        "[databases]\n'app' = host=127.0.0.1 port={port}\n'with blank' = host=127.0.0.1\n"
        "'semi;colon=#' = host=127.0.0.1 port={port} dbname=app\n[users]\n'a user' ="
        " pool_mode=session\n[pgbouncer]\n{main}\n", {}, {"database": "app"}),
    "connect strings": (
        "[databases]\napp = host = 127.0.0.1   port= {port} dbname ='app' application_name='it''s a"
        " name'   client_encoding = UTF8 datestyle='ISO, DMY' connect_query='set a.b to ''x y'''\n"
        "[pgbouncer]\n{main}\n", {}, {"database": "app"}),
    "aliases": (
        "[databases]\napp = host=127.0.0.1 port={port} reserve_pool=6\n[pgbouncer]\n{main}\n",
        {}, {}),
    "everything else goes somewhere": (
        "[databases]\n* = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\n", {}, None),
    "lists": (
        "[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\n"
        "stats_users = watcher , other,third\nignore_startup_parameters = extra_float_digits,"
        " options , search_path\n", {}, {}),
    "of yesterday": (  # made for older versions: keys and values that meant more then
        "[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\nserver_reset_query ="
        " DISCARD ALL\nserver_check_query = select 1\npkt_buf = 8192\nlisten_backlog = 64\n"
        "sbuf_loopcnt = 10\ntcp_defer_accept = 45\ntcp_socket_buffer = 0\nsyslog = 0\n"
        "syslog_facility = daemon\nsyslog_ident = pgbouncer\njob_name = pgbouncer\n"
        "dns_zone_check_period = 0\nautodb_idle_timeout = 3600\nserver_tls_protocols = secure\n"
        "client_tls_dheparams = auto\nclient_tls_ecdhcurve = auto\nclient_tls_ciphers = fast\n"
        "verbose = 0\nstats_period = 60\nmax_packet_size = 2147483647\n"
        "server_round_robin = 0\ndisable_pqexec = 0\nsuspend_timeout = 10\n",
        {"server_check_query": "select 1"}, {}),
    "included": (
        "[databases]\n%include databases.inc\n[pgbouncer]\n{main}\n%include main.inc\n",
        {"default_pool_size": "8"}, {"pool_size": "8"}),
    "lines of another system": (
        "[databases]\r\napp = host=127.0.0.1 port={port}\r\n[pgbouncer]\r\n{main}\r\n"
        "default_pool_size = 6\r\n", {"default_pool_size": "6"}, {}),
    "no newline at the end": (
        "[databases]\napp = host=127.0.0.1 port={port}\n[pgbouncer]\n{main}\ndefault_pool_size=5",
        {"default_pool_size": "5"}, {"pool_size": "5"}),
}


@pytest.mark.parametrize("name", CORNERS)
def test_corner(pooler, pg, name):
    text, config, database = CORNERS[name]
    p = pooler(start=False)
    newline = "\r\n" if "\r" in text else "\n"
    main = newline.join(f"{key} = {value}" for key, value in {
        "listen_addr": "127.0.0.1", "listen_port": p.port, "unix_socket_dir": p.folder,
        "auth_type": "trust", "auth_file": p.folder / "users.txt", "admin_users": "admin"}.items())
    (p.folder / "databases.inc").write_text(f"app = host=127.0.0.1 port={pg.port}\n")
    (p.folder / "main.inc").write_text("default_pool_size = 4\n%include deeper.inc\n")
    (p.folder / "deeper.inc").write_text("; nested\ndefault_pool_size = 8\n")
    p.ini.write_bytes(text.format(port=pg.port, main=main).encode())
    p.start()
    with p.wire() as client:
        assert client.value("select current_database()") == "app"
    found = {row["key"]: row["value"] for row in p.console("SHOW CONFIG")}
    assert {key: found[key] for key in config} == config
    shown = [row for row in p.console("SHOW DATABASES") if row["name"] == "app"][0]
    assert {key: shown[key] for key in database or ()} == (database or {})
    p.console("RELOAD")
    with p.wire() as client:
        assert client.value("select 1") == "1"


def test_connect_string_is_understood(pooler, pg):
    """What the corner "connect strings" says arrives at the server."""
    p = pooler(databases={"app": f"host = 127.0.0.1 port= {pg.port} application_name='it''s a name'"
                                 " datestyle='ISO, DMY' connect_query='set a.b to ''x y'''"})
    with p.wire() as client:
        assert client.value("select current_setting('a.b')") == "x y"
        if p.kind == "pgcarwash":
            assert client.value("show datestyle") == "ISO, DMY"
            assert client.value("show application_name") == "it's a name"


@pytest.mark.pgcarwash
@pytest.mark.parametrize("text", [
    "[databases]\na = host=127.0.0.1\n", "[pgbouncer]\nlisten_port = 1x\n",
    "[pgbouncer]\n[nonsense]\n", "[pgbouncer]\nkey without a value\n",
    "[pgbouncer]\n%include no/such/file\n", "[databases]\na = host='127.0.0.1\n[pgbouncer]\n",
    "[databases]\na = nothost=127.0.0.1\n[pgbouncer]\n", "[databases]\na = port=0\n[pgbouncer]\n",
    "[databases]\npgbouncer = port=1\n[pgbouncer]\n", "[users]\na = pool_mode=x\n[pgbouncer]\n",
    "listen_port = 1\n[pgbouncer]\n"])
def test_what_is_no_file(folder, text):
    """Files that PgBouncer refuses are refused, too."""
    done = run(folder, ini=text)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "rror" in done.stderr or "FATAL" in done.stderr
