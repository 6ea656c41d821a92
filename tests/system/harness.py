"""Throw-away PostgreSQL servers and poolers for the system tests.

Everything lives in one temporary folder and on free ports of 127.0.0.1; only processes started
here are ever signalled. As root, servers run as an unprivileged user, because PostgreSQL and
pgcarwash refuse to run as root.

POOLER chooses what is tested: pgcarwash (default), pgbouncer (a stand-in to try the tests
themselves) or direct (no pooler at all: shows that a test asks only what PostgreSQL does).
"""

import base64
import ctypes
import errno
import hashlib
import hmac
import os
import pathlib
import pwd
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import wireclient
from wireclient import Wire, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
KIND = os.environ.get("POOLER", "pgcarwash")
PROGRAM = ROOT / (os.environ.get("PGCARWASH") or
                  f"build/{os.environ.get('PGCARWASH_FLAVOUR', 'release')}/pgcarwash")
SANITIZED = PROGRAM.parent.name == "asan"
MAIN_SECTION = {"pgcarwash": "pgcarwash", "pgbouncer": "pgbouncer"}.get(KIND)
CONSOLE = {"pgcarwash": "pgcarwash", "pgbouncer": "pgbouncer"}.get(KIND)

# Roles whose login PostgreSQL asks a password for, by the method of the same name.
PASSWORDS = {"by_plain": "plain secret", "by_md5": "md5 secret", "by_scram": "scram secret"}
TRUSTED = ("app", "other", "third", "admin", "watcher")

# Keys that Debian's pgbouncer 1.18 does not know.
UNKNOWN_TO_PGBOUNCER = {"max_prepared_statements", "track_extra_parameters", "cancel_wait_timeout",
                        "query_wait_notify", "transaction_timeout", "pool_idle_timeout",
                        "max_db_client_connections", "max_user_client_connections"}

BAD_LOG = re.compile(r"Sanitizer|runtime error:|[Aa]ssert(ion)?[ `].*failed|Assertion|"
                     r"double free|corrupted", re.M)


def postgres_bin(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    path = str(found[-1]) if found else shutil.which(name)
    if not path:
        raise RuntimeError(f"{name} is not installed (make deps)")
    return path


def installed_server(version, parent):
    """The folder of bin, lib and share of a version that venv.sh has installed, where the
    unprivileged user can reach it; None when there is none for this machine."""
    native = ROOT / f"build/servers/node_modules/postgresql-{version}/native"
    if not native.exists():
        return None
    reached = subprocess.run(["test", "-x", native / "bin" / "postgres"], **unprivileged())
    if reached.returncode == 0:
        return native
    copy = pathlib.Path(parent) / f"postgresql-{version}"
    if not copy.exists():
        subprocess.run(["cp", "-a", native, copy], check=True)
    return copy


# ---- processes --------------------------------------------------------------------------------

def unprivileged():
    """Popen arguments that make a child run as somebody other than root; {} when we are not."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError("there is neither a user postgres nor a user nobody")


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def clean_environment(folder):
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    keep.update(HOME=str(folder), LC_ALL="C", TZ="UTC",
                ASAN_OPTIONS="detect_leaks=1:exitcode=99", UBSAN_OPTIONS="print_stacktrace=1")
    return keep


def spawn(argv, folder, log):
    return subprocess.Popen([str(a) for a in argv], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log, env=clean_environment(folder),
                            preexec_fn=_die_with_parent, **unprivileged())


def free_port():
    """Below the ports that the kernel gives away: a connection of somebody else could take one of
    those before the program that it is meant for listens on it."""
    while True:
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", random.randrange(12000, 32000)))
                return probe.getsockname()[1]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


def make_folder(parent=None, prefix="pgcarwash-test."):
    """A folder the unprivileged user may write to."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    who = unprivileged()
    if who:
        os.chown(folder, who["user"], who["group"])
    folder.chmod(0o755)
    return folder


def give_away(path):
    who = unprivileged()
    if who:
        os.chown(path, who["user"], who["group"])


def memory_of(pid, field="VmRSS"):
    """Kilobytes, from /proc/PID/status. VmHWM is the highest so far."""
    for line in open(f"/proc/{pid}/status", encoding="ascii", errors="replace"):
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"no {field} of process {pid}")


# ---- secrets ----------------------------------------------------------------------------------

def md5_secret(user, password):
    return "md5" + hashlib.md5((password + user).encode()).hexdigest()


def scram_secret(password, salt=b"sixteen byte sal", iterations=4096):
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    client = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    text = [base64.b64encode(part).decode() for part in (salt, client, server)]
    return f"SCRAM-SHA-256${iterations}:{text[0]}${text[1]}:{text[2]}"


# ---- something to connect to ------------------------------------------------------------------

class Endpoint:
    """Where clients connect: a PostgreSQL server or a pooler in front of it."""

    port = None
    kind = None

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def wire(self, user="app", database="app", **more):
        return Wire(self.address, user, database, **more)

    def dsn(self, user="app", database="app", **more):
        words = {"host": "127.0.0.1", "port": self.port, "user": user, "dbname": database,
                 "connect_timeout": 10, "sslmode": "disable", "gssencmode": "disable", **more}
        return " ".join(f"{k}='{v}'" for k, v in words.items())

    def psycopg(self, user="app", database="app", autocommit=True, **more):
        import psycopg
        settings = {k: more.pop(k) for k in ("prepare_threshold", "cursor_factory", "row_factory")
                    if k in more}
        return psycopg.connect(self.dsn(user, database, **more), autocommit=autocommit, **settings)

    def psql(self, *arguments, user="app", database="app", script=None, timeout=30):
        """Run psql; returns the finished process with its output as text."""
        return subprocess.run(
            [postgres_bin("psql"), "-X", "-v", "ON_ERROR_STOP=1", self.dsn(user, database),
             *arguments], input=script, capture_output=True, text=True, timeout=timeout,
            env=clean_environment("/tmp"))


# ---- PostgreSQL -------------------------------------------------------------------------------

class Postgres(Endpoint):
    """One server. The first one of a version runs initdb; the others copy its folder.

    version: 16, 17 or 18, of what venv.sh installs; without it Debian's.
    """

    kind = "direct"
    templates = {}

    SETTINGS = {
        "listen_addresses": "'127.0.0.1'", "fsync": "off", "synchronous_commit": "off",
        "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": 0,
        "shared_buffers": "'32MB'", "autovacuum": "off", "jit": "off", "max_connections": 150,
        "max_wal_size": "'2GB'", "log_min_messages": "warning", "timezone": "'UTC'",
        "log_timezone": "'UTC'", "datestyle": "'iso, mdy'", "password_encryption": "'md5'",
        "lc_messages": "'C'", "log_line_prefix": "'%m [%p] %u@%d '", "restart_after_crash": "on",
    }

    def __init__(self, parent, version=None, **settings):
        self.parent, self.version = pathlib.Path(parent), version
        self.process, self._admin = None, None
        if version not in Postgres.templates:
            Postgres.templates[version] = self._make_template()
        self.folder = make_folder(self.parent, "server.")
        self.data = self.folder / "data"
        subprocess.run(["cp", "-a", Postgres.templates[version], self.data], check=True)
        self.port = free_port()
        with open(self.data / "postgresql.auto.conf", "a", encoding="ascii") as conf:
            conf.write(f"port = {self.port}\nunix_socket_directories = '{self.folder}'\n")
            for name, value in settings.items():
                conf.write(f"{name} = {value}\n")
        self.log_path = self.folder / "server.log"

    def program(self, name):
        if self.version is None:
            return postgres_bin(name)
        return installed_server(self.version, self.parent) / "bin" / name

    def _make_template(self):
        data = make_folder(self.parent, "template.") / "data"
        done = subprocess.run(
            [self.program("initdb"), "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync", "--no-instructions"], cwd=self.parent,
            capture_output=True, text=True, env=clean_environment(self.parent), **unprivileged())
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stdout}{done.stderr}")
        with open(data / "postgresql.conf", "a", encoding="ascii") as conf:
            for name, value in self.SETTINGS.items():
                conf.write(f"{name} = {value}\n")
        methods = {"by_plain": "password", "by_md5": "md5", "by_scram": "scram-sha-256"}
        with open(data / "pg_hba.conf", "w", encoding="ascii") as hba:
            hba.write("local all all trust\n")
            for user, method in methods.items():
                hba.write(f"host all {user} 127.0.0.1/32 {method}\n")
            hba.write("host all rejected 127.0.0.1/32 reject\nhost all all 127.0.0.1/32 trust\n")
        roles = [f"create role {name} login;" for name in (*TRUSTED, "rejected")]
        for user, password in PASSWORDS.items():
            encryption = "scram-sha-256" if user == "by_scram" else "md5"
            roles.append(f"set password_encryption = '{encryption}';")
            roles.append(f"create role {user} login password '{password}';")
        roles += ["create database app owner app;", "create database second owner app;",
                  "grant pg_signal_backend to app;"]
        # --single needs one statement a line and takes no port.
        done = subprocess.run([self.program("postgres"), "--single", "-D", data, "postgres"],
                              input="\n".join(roles) + "\n", capture_output=True, text=True,
                              env=clean_environment(self.parent), cwd=data, **unprivileged())
        if done.returncode or "ERROR" in done.stdout + done.stderr:
            raise RuntimeError(f"making roles failed: {done.stdout}{done.stderr}")
        return data

    @property
    def socket(self):
        return str(self.folder / f".s.PGSQL.{self.port}")

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = spawn([self.program("postgres"), "-D", self.data], self.folder, log)
        self.wait()
        return self

    def wait(self, seconds=20):
        """Until it takes logins."""
        def accepts():
            if self.process.poll() is not None:
                raise AssertionError("PostgreSQL ended: " + self.log_path.read_text()[-2000:])
            try:
                Wire(self.socket, "postgres", "postgres").close()
                return True
            except (OSError, wireclient.ServerError, wireclient.Gone):
                return False
        wait_until(accepts, seconds, "PostgreSQL's start")

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast shutdown; SIGQUIT: as a crash; SIGTERM: when the last client has gone."""
        self._forget_admin()
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)
                self.process.wait(20)
        self.process = None

    def restart(self):
        self.stop()
        self.start()

    def remove(self):
        self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _forget_admin(self):
        if self._admin:
            self._admin.close()
            self._admin = None

    def sql(self, text, database=None):
        """Run as superuser over a connection of our own; rows as text."""
        if database:
            with Wire(self.socket, "postgres", database) as once:
                return once.sql(text)
        if self._admin is None:
            self._admin = Wire(self.socket, "postgres", "app", timeout=20)
        try:
            return self._admin.sql(text)
        except (wireclient.Gone, OSError):
            self._forget_admin()
            raise

    def backends(self, condition="true"):
        """Server processes of clients that came over TCP, hence of a pooler."""
        return self.sql("select pid, usename, datname, state, query from pg_stat_activity where"
                        f" client_addr is not null and pid <> pg_backend_pid() and ({condition})"
                        " order by backend_start")

    def kill_backends(self, condition="true"):
        """pg_terminate_backend for those, until they are gone; how many there were."""
        pids = [row[0] for row in self.backends(condition)]
        for pid in pids:
            self.sql(f"select pg_terminate_backend({pid})")
        if pids:
            wait_until(lambda: not self.sql("select pid from pg_stat_activity where pid in"
                                            f" ({','.join(pids)})"), 10, "the backends' end")
        return len(pids)

    def secret_of(self, user):
        return self.sql(f"select rolpassword from pg_authid where rolname = '{user}'")[0][0]


# ---- poolers ----------------------------------------------------------------------------------

class Skip(Exception):
    """The thing asked for does not exist in what is tested now."""


class Direct(Endpoint):
    """Stands for the pooler when there is none."""

    kind = "direct"

    def __init__(self, postgres):
        self.postgres, self.port = postgres, postgres.port

    def __getattr__(self, name):
        raise Skip(f"{name} needs a pooler")

    def stop(self):
        pass

    def check(self):
        pass


class Pooler(Endpoint):
    """A pooler process with its ini file, between start() and stop()."""

    kind = KIND

    DEFAULTS = {
        "listen_addr": "127.0.0.1", "auth_type": "trust", "admin_users": "admin",
        "stats_users": "watcher", "pool_mode": "transaction", "default_pool_size": 20,
        "max_client_conn": 1000, "server_login_retry": 1, "query_wait_timeout": 20,
        "ignore_startup_parameters": "extra_float_digits",
    }

    def __init__(self, postgres, parent, databases=None, users=None, secrets=None, **settings):
        self.postgres = postgres
        self.folder = make_folder(parent, "pooler.")
        self.port = free_port()
        self.process, self.ended, self.args = None, False, []
        self.databases = databases if databases is not None else {"app": {}, "second": {}}
        self.users = users or {}
        self.settings = {**self.DEFAULTS, "unix_socket_dir": self.folder,
                         "auth_file": self.folder / "users.txt", "listen_port": self.port,
                         **settings}
        self.secrets = {name: "" for name in TRUSTED}
        self.secrets.update(PASSWORDS)
        self.secrets.update(secrets or {})
        self.ini = self.folder / "pooler.ini"
        self.log_path = self.folder / "pooler.log"
        self.write()

    # -- files

    def entry(self, words):
        """One [databases] value; a string is taken as it is."""
        if isinstance(words, str):
            return words
        words = {"host": "127.0.0.1", "port": self.postgres.port, **words}
        return " ".join(f"{k}={v}" for k, v in words.items() if v is not None)

    def write(self):
        """Ini and user file from databases, users, settings and secrets as they are now."""
        lines = ["[databases]"]
        lines += [f"{name} = {self.entry(words)}" for name, words in self.databases.items()]
        lines.append("[users]")
        lines += [f"{name} = {words}" for name, words in self.users.items()]
        lines.append(f"[{MAIN_SECTION}]")
        for name, value in self.settings.items():
            if value is None or (KIND == "pgbouncer" and name in UNKNOWN_TO_PGBOUNCER):
                continue
            lines.append(f"{name} = {value}")
        self.ini.write_text("\n".join(lines) + "\n", encoding="utf-8")
        users = self.folder / "users.txt"
        users.write_text("".join('"%s" "%s"\n' % (name, secret.replace('"', '""'))
                                 for name, secret in self.secrets.items()), encoding="utf-8")
        for path in (self.ini, users):
            give_away(path)

    def log(self):
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    # -- life

    @staticmethod
    def binary():
        if KIND == "pgbouncer":
            return shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
        if not PROGRAM.exists():
            raise RuntimeError(f"{PROGRAM} is not built (make)")
        return PROGRAM

    def install(self):
        """The path of the program, copied to where the unprivileged user can reach it."""
        if KIND != "pgcarwash":
            return self.binary()
        program = self.folder / "pgcarwash"
        if not program.exists():
            shutil.copy(self.binary(), program)
            program.chmod(0o755)
        return program

    def start(self, wait=True):
        program = self.install()
        with open(self.log_path, "ab") as log:
            self.process = spawn([program, *self.args, self.ini], self.folder, log)
        if wait:
            self.wait()
        return self

    def wait(self, seconds=10):
        def accepts():
            if self.process.poll() is not None:
                raise AssertionError(f"the pooler ended with {self.process.returncode} at its"
                                     f" start:\n{self.log()[-3000:]}")
            try:
                socket.create_connection(self.address, 1).close()
                return True
            except OSError:
                return False
        wait_until(accepts, seconds, "the pooler's start", 0.005)

    @property
    def pid(self):
        return self.process.pid

    @property
    def socket(self):
        return str(self.folder / f".s.PGSQL.{self.port}")

    def signal(self, which):
        self.process.send_signal(which)

    def reload(self):
        """Write the files anew and have them read, over the console."""
        self.write()
        return self.console("RELOAD")

    def wait_end(self, seconds=10):
        """The process must end by itself now; its exit status."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the pooler is still there after {seconds} s:\n"
                                 + self.log()[-2000:]) from None
        self.ended = True
        return status

    def check(self):
        """Fails when it died or wrote what must never be in a log."""
        if not self.ended and self.process and self.process.poll() is not None:
            raise AssertionError(f"the pooler died with status {self.process.returncode}:\n"
                                 + self.log()[-4000:])
        found = BAD_LOG.search(self.log()) if self.log_path.exists() else None
        if found:
            start = max(0, found.start() - 200)
            raise AssertionError("the pooler's log has:\n" + self.log()[start:start + 5000])

    def stop(self):
        """End it at once; fails when that does not work or it was not well."""
        if not self.process:
            return
        try:
            self.check()
            if not self.ended:
                self.signal(signal.SIGTERM if KIND == "pgbouncer" else signal.SIGQUIT)
                status = self.wait_end(10)
                if KIND == "pgcarwash" and status:
                    raise AssertionError(f"exit status {status}:\n" + self.log()[-4000:])
                self.check()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process = None

    # -- console

    def console(self, command, user="admin", **more):
        """Rows of a console command as dicts of text; ServerError on an error."""
        with self.wire(user, CONSOLE, **more) as console:
            answers = console.ask(wireclient.query(command))
        for answer in answers:
            if answer.kind == "E":
                raise wireclient.ServerError(answer)
        names = [c[0] for m in answers if m.kind == "T" for c in m.columns()]
        return [dict(zip(names, row)) for row in wireclient.rows(answers)]

    def pool(self, user="app", database="app"):
        """The row of SHOW POOLS, {} when there is no such pool."""
        found = [row for row in self.console("SHOW POOLS")
                 if row["database"] == database and row["user"] == user]
        return found[0] if found else {}

    def servers(self, **wanted):
        """Rows of SHOW SERVERS that have these values."""
        return [row for row in self.console("SHOW SERVERS")
                if all(row[k] == v for k, v in wanted.items())]

    def warm(self, count=4, user="app", database="app"):
        """Open that many server connections and have them idle."""
        clients = [self.wire(user, database) for _ in range(count)]
        for client in clients:
            client.send(wireclient.query("select pg_sleep(0.04)"))
        for client in clients:
            client.ready()
            client.close()

    def memory(self, field="VmRSS"):
        return memory_of(self.pid, field)
