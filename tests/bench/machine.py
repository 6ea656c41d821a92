"""What is measured and on what: processes, their CPU time and memory, PostgreSQL, the targets.

Everything lives in one temporary folder and on free ports of 127.0.0.1. As root, servers run as
an unprivileged user. Children die with this process and are signalled by their own id only.
"""

import ctypes
import dataclasses
import os
import pathlib
import pwd
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from rawclient import RawClient, ServerError

USER, DATABASE = "postgres", "bench"
SCRAM_USER, SCRAM_PASSWORD = "visitor", "a password of some length"
PG_MAX_CONNECTIONS = 1150
POOL_SIZE = 20
SCALE = 20  # pgbench: 2 million accounts, about 300 MB


class BenchError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Setup:
    """How a target is to be set up for a line."""

    session_size: int = 0  # pool sessions, with so many servers; 0: the usual pool
    client_tls: bool = False
    server_tls: bool = False
    scram: bool = False  # clients prove who they are, the user being SCRAM_USER
    place: str = "primary"  # of a pair of servers, where the transactions belong

    @property
    def user(self):
        return SCRAM_USER if self.scram else USER

    @property
    def environment(self):
        """What libpq is to be told."""
        return {"PGSSLMODE": "require" if self.client_tls else "disable",
                "PGPASSWORD": SCRAM_PASSWORD}


PLAIN = Setup()


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
    raise BenchError("there is neither a user postgres nor a user nobody")


def _in_child(end_signal):
    def prepare():
        ctypes.CDLL(None).prctl(1, end_signal)  # PR_SET_PDEATHSIG
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return prepare


def clean_environment(folder):
    keep = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
    keep.update(HOME=str(folder), LC_ALL="C", TZ="UTC", PGOPTIONS="", PGSSLMODE="disable",
                PGGSSENCMODE="disable")
    return keep


def spawn(argv, folder, log, end_signal=signal.SIGKILL, environment=None, as_ourselves=False):
    """A session of its own keeps the terminal's Ctrl-C away: we end it in our order."""
    return subprocess.Popen([str(a) for a in argv], cwd=folder, stdin=subprocess.DEVNULL,
                            stdout=log, stderr=log,
                            env={**clean_environment(folder), **(environment or {})},
                            start_new_session=True, preexec_fn=_in_child(end_signal),
                            **({} if as_ourselves else unprivileged()))


def run(argv, folder):
    """Runs a program of PostgreSQL's to its end."""
    argv = [str(a) for a in argv]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True,
                          env=clean_environment(folder), **unprivileged())
    if done.returncode:
        raise BenchError(f"{argv[0]} failed: {done.stdout}{done.stderr}")


def end(process, how, seconds=10):
    if process.poll() is not None:
        return
    process.send_signal(how)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds, what, pause=0.01):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise BenchError(f"{what}: not within {seconds} s")
        time.sleep(pause)


def give_away(path):
    who = unprivileged()
    if who:
        os.chown(path, who["user"], who["group"])


def postgres_program(name):
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
                   key=lambda path: int(re.sub(r"\D", "", path.parts[4]) or 0))
    path = str(found[-1]) if found else shutil.which(name)
    if not path:
        raise BenchError(f"{name} is not installed (tests/deps.sh bench)")
    return path


def program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if not path:
        raise BenchError(f"{name} is not installed (tests/deps.sh bench)")
    return path


def cpu_ns(pid):
    """CPU time of all threads of a process so far, in nanoseconds.

    The process's CPU clock by its number (clock_getcpuclockid(3) makes it the same way): exact,
    where utime and stime in /proc/PID/stat count ticks of 10 ms.
    """
    return time.clock_gettime_ns((~pid << 3) | 2)


def kernel_ticks(pid):
    """(user, kernel) clock ticks: good only for their proportion."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]), int(fields[12])


def memory_kb(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = re.search(r"^VmRSS:\s+(\d+)", text, re.M)
    if not resident:
        raise BenchError("the process measured has ended")
    return int(resident.group(1))


# ---- PostgreSQL -------------------------------------------------------------------------------

class Postgres:
    SETTINGS = {
        "listen_addresses": "'127.0.0.1'", "unix_socket_directories": "''", "fsync": "off",
        "full_page_writes": "off", "wal_level": "minimal", "max_wal_senders": 0,
        "max_wal_size": "'4GB'", "checkpoint_timeout": "'1h'", "shared_buffers": "'768MB'",
        "max_connections": PG_MAX_CONNECTIONS, "autovacuum": "off", "jit": "off",
        "log_min_messages": "fatal", "lc_messages": "'C'", "ssl": "on",
        "password_encryption": "'scram-sha-256'",
    }

    scale = SCALE

    def __init__(self, folder):
        self.folder, self.process, self.port = folder, None, free_port()
        self.data, self.secret = folder / "data", None

    def start(self):
        self.make()
        log_path = self.folder / "postgresql.log"
        with open(log_path, "ab") as log:
            self.process = spawn([postgres_program("postgres"), "-D", self.data], self.folder,
                                 log, signal.SIGQUIT)

        def accepts():
            if self.process.poll() is not None:
                raise BenchError("PostgreSQL ended: " + log_path.read_text()[-2000:])
            try:
                self.ask("select 1", "postgres")
                return True
            except (OSError, ServerError):
                return False
        wait_until(accepts, 30, "PostgreSQL's start", 0.1)
        self.fill()

    def make(self):
        run([postgres_program("initdb"), "-D", self.data, "-U", USER, "-A", "trust", "-E", "UTF8",
             "--locale=C", "--no-sync", "--no-instructions"], self.folder)
        certificate, key = make_certificate(self.folder)
        with open(self.data / "postgresql.conf", "a", encoding="ascii") as conf:
            conf.write("".join(f"{k} = {v}\n" for k, v in self.SETTINGS.items()))
            conf.write(f"port = {self.port}\n")
            conf.write(f"ssl_cert_file = '{certificate}'\nssl_key_file = '{key}'\n")
        rules = self.data / "pg_hba.conf"
        rules.write_text(f"host all {SCRAM_USER} 127.0.0.1/32 scram-sha-256\n"
                         + rules.read_text())

    def fill(self):
        self.ask(f"create database {DATABASE}", "postgres")
        run([postgres_program("pgbench"), "-i", "-q", "-s", self.scale, "-h", "127.0.0.1", "-p",
             self.port, "-U", USER, DATABASE], self.folder)
        self.ask(f"create role {SCRAM_USER} login password '{SCRAM_PASSWORD}'")
        self.ask(f"grant all on all tables in schema public to {SCRAM_USER}")
        self.secret = self.ask(f"select rolpassword from pg_authid where rolname = '{SCRAM_USER}'")
        self.ask("checkpoint")

    def ask(self, sql, database=DATABASE):
        client = RawClient(self.port, USER, database)
        try:
            return client.ask(sql)
        finally:
            client.close()

    def be_quiet(self):
        """Until the backends of the run before have gone."""
        client = RawClient(self.port, USER, DATABASE)
        wait_until(lambda: client.ask("select count(*) from pg_stat_activity where backend_type ="
                                      " 'client backend'") == "1", 60, "old backends' end", 0.05)
        client.close()

    def stop(self):
        if self.process:
            end(self.process, signal.SIGINT, 30)


def make_certificate(folder):
    """Certificate and key of localhost (ECDSA, P-256), one for everybody."""
    certificate, key = folder / "tls.crt", folder / "tls.key"
    done = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-nodes", "-keyout", key, "-out", certificate, "-days", "30", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], capture_output=True, text=True)
    if done.returncode:
        raise BenchError(f"openssl: {done.stderr}")
    for path in (certificate, key):
        give_away(path)
        path.chmod(0o600)
    return certificate, key


# ---- targets ----------------------------------------------------------------------------------

class Target:
    """Where a load connects. start() for one run, stop() after it; pid of the pooler or None."""

    shares_servers = False  # one server connection serves many clients
    prepares_in_transaction_mode = False
    speaks_tls = True  # itself: what passes through does not count

    def __init__(self, folder, postgres):
        self.folder, self.postgres = folder, postgres
        self.process, self.port = None, None

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def start(self, setup=PLAIN):
        self.port = free_port()
        self.config_path().write_text(self.config(setup), encoding="ascii")
        give_away(self.config_path())
        with open(self.log_path(), "wb") as log:
            self.process = spawn(self.command(), self.folder, log)

        def accepts():
            if self.process.poll() is not None:
                raise BenchError("it did not start")
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return True
            except OSError:
                return False
        wait_until(accepts, 10, f"{self.name}'s start")

    def stop(self):
        if self.process:
            end(self.process, self.end_signal)
            self.process = None

    def config_path(self):
        return self.folder / f"{self.name}.conf"

    def log_path(self):
        return self.folder / f"{self.name}.log"

    def last_words(self):
        """Exit status and end of the log of a target that has ended by itself; else nothing."""
        if not self.process or self.process.poll() is None:
            return ""
        log = self.log_path().read_text(errors="replace")[-800:]
        return f"; {self.name} ended with {self.process.returncode}: {log}"

    end_signal = signal.SIGTERM


class Direct(Target):
    name = "direct"

    def start(self, setup=PLAIN):
        self.port = self.postgres.port

    def version(self):
        return None


class Haproxy(Target):
    name = "haproxy"
    speaks_tls = False

    def config(self, _):
        return ("global\n maxconn 4000\n nbthread 1\ndefaults\n mode tcp\n timeout connect 30s\n"
                " timeout client 1h\n timeout server 1h\nlisten postgresql\n"
                f" bind 127.0.0.1:{self.port}\n server one 127.0.0.1:{self.postgres.port}\n")

    def command(self):
        return [program("haproxy"), "-db", "-f", self.config_path()]

    def version(self):
        text = subprocess.run([program("haproxy"), "-v"], capture_output=True, text=True).stdout
        return "haproxy " + re.search(r"version (\S+)", text).group(1)


class Pooler(Target):
    """The same settings for both poolers; none that only one of them knows."""

    shares_servers = True

    def config(self, setup):
        users = self.folder / "users.txt"
        users.write_text(f'"{USER}" ""\n"{SCRAM_USER}" "{self.postgres.secret}"\n',
                         encoding="ascii")
        give_away(users)
        size = setup.session_size or POOL_SIZE
        settings = {
            "listen_addr": "127.0.0.1", "listen_port": self.port, "unix_socket_dir": "",
            "auth_type": "scram-sha-256" if setup.scram else "trust", "auth_file": users,
            "max_client_conn": 20000,
            "pool_mode": "session" if setup.session_size else "transaction",
            "default_pool_size": size, "max_db_connections": size,
            "client_tls_sslmode": "require" if setup.client_tls else "disable",
            "client_tls_cert_file": self.folder / "tls.crt",
            "client_tls_key_file": self.folder / "tls.key",
            "server_tls_sslmode": "verify-full" if setup.server_tls else "disable",
            "server_tls_ca_file": self.folder / "tls.crt",
            "server_lifetime": 86400, "server_idle_timeout": 0, "query_wait_timeout": 600,
            "ignore_startup_parameters": "extra_float_digits",
            "log_connections": 0, "log_disconnections": 0, "log_stats": 0,
        }
        lines = ["[databases]", f"{DATABASE} = {self.entry(setup)}", f"[{self.section}]"]
        return "\n".join(lines + [f"{k} = {v}" for k, v in settings.items()]) + "\n"

    def entry(self, _):
        return f"host=127.0.0.1 port={self.postgres.port}"


class Pgbouncer(Pooler):
    name = section = "pgbouncer"

    def command(self):
        return [program("pgbouncer"), self.config_path()]

    def version(self):
        text = subprocess.run([program("pgbouncer"), "-V"], capture_output=True, text=True).stdout
        return text.splitlines()[0]


class Pgcarwash(Pooler):
    name = section = "pgcarwash"
    prepares_in_transaction_mode = True
    end_signal = signal.SIGQUIT
    binary = pathlib.Path(os.environ.get("PGCARWASH") or "build/release/pgcarwash").resolve()

    def __init__(self, folder, postgres):
        super().__init__(folder, postgres)
        if not self.binary.is_file():
            raise BenchError("there is no build/release/pgcarwash (make release)")

    def command(self):
        # The build folder may be out of the unprivileged user's reach.
        copy = self.folder / "pgcarwash"
        if not copy.exists():
            shutil.copy(self.binary, copy)
            copy.chmod(0o755)
        return [copy, self.config_path()]

    def version(self):
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True,
                                text=True).stdout.strip()
        text = subprocess.run([self.binary, "-V"], capture_output=True, text=True).stdout
        return f"{text.partition(chr(10))[0]} ({commit})" if commit else text.partition("\n")[0]


TARGETS = {kind.name: kind for kind in (Direct, Pgbouncer, Haproxy, Pgcarwash)}


def make_folder(parent=None):
    folder = pathlib.Path(tempfile.mkdtemp(prefix="pgcarwash-bench.", dir=parent))
    give_away(folder)
    folder.chmod(0o755)
    return folder


# ---- description ------------------------------------------------------------------------------

def describe():
    """Lines about this machine, without any name of it."""
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    model = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(.+)", cpu, re.M)
    virtual = " (virtual)" if re.search(r"^flags\s*:.*\bhypervisor\b", cpu, re.M) else ""
    total = int(re.search(r"MemTotal:\s+(\d+)", pathlib.Path("/proc/meminfo").read_text()).group(1))
    system = {}
    for line in pathlib.Path("/etc/os-release").read_text().splitlines():
        key, _, value = line.partition("=")
        system[key] = value.strip('"')
    kernel = ".".join(os.uname().release.split(".")[:2])
    return [f"{os.cpu_count()} cores, {model.group(1) if model else os.uname().machine}{virtual}, "
            f"{total / 1048576:.0f} GB of memory",
            f"{system.get('PRETTY_NAME', 'Linux')}, Linux {kernel}"]


def postgres_version():
    text = subprocess.run([postgres_program("postgres"), "-V"], capture_output=True, text=True)
    return "PostgreSQL " + text.stdout.split()[2]
