"""The lines of the bench. Each line runs against one started target and gives numbers.

A line says which targets it can be run against, and how a target must be set up: with TLS, with
passwords, with one server connection for each client.
"""

import contextlib
import dataclasses
import json
import pathlib
import sys
import time

import machine
from machine import DATABASE, PLAIN, POOL_SIZE, SCRAM_PASSWORD, USER, BenchError, Setup
from rawclient import Herd, RawClient
from storm import Storm

WARM_SECONDS = 0.3
START_SECONDS = 60
PATIENCE_SECONDS = 8  # for clients that others keep from their first transaction
MOST_SECONDS = 3600  # pgbench is ended long before
IDLE_SECONDS = 2
THREADS = 2


class Line:
    """name is for choosing, title for reading.

    measured and rival: the targets whose numbers are compared. ground: on which servers it runs.
    """

    measured, rival, ground = "pgcarwash", "pgbouncer", "one"

    def rounds(self, wanted):
        """How many rounds this line needs when others have as many as wanted."""
        return wanted

    def leaves_out(self, target):
        """Why this line cannot be run against the target, or None."""
        return None

    def setup(self, target):
        """How the target has to be set up."""
        return PLAIN

    def prepare(self, postgres):
        """Before each run, nothing measured yet."""


def percentile(ordered, share):
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class TransactionLog:
    """What pgbench -l writes, a file for each thread, read while it grows.

    A line: client, transaction, microseconds it took, script, second and microsecond of its end.
    """

    def __init__(self, prefix):
        self.prefix, self.files, self.rests = prefix, {}, {}
        for old in prefix.parent.glob(prefix.name + ".*"):
            old.unlink()

    def read(self):
        """The transactions written since the last time: (client, end, microseconds)."""
        for path in self.prefix.parent.glob(self.prefix.name + ".*"):
            if path not in self.files:
                self.files[path], self.rests[path] = open(path, encoding="ascii"), ""
        for path, file in self.files.items():
            lines = (self.rests[path] + file.read()).split("\n")
            self.rests[path] = lines.pop()
            for line in lines:
                words = line.split()
                if words[2] == "failed":
                    raise BenchError("a transaction failed")
                yield int(words[0]), int(words[4]) + int(words[5]) / 1e6, int(words[2])

    def close(self):
        for path, file in self.files.items():
            file.close()
            path.unlink()


SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;\n"
AID = "\\set aid random(1, 100000 * :scale)\n"
# name -> (title, a script of pgbench's own or the text of one)
SCRIPTS = {
    "select": ("select-only", "select-only"),
    "tpcb": ("TPC-B-like", "tpcb-like"),
    "update": ("UPDATE of one row",
               AID + "UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;\n"),
    "block": ("BEGIN, SELECT, COMMIT", f"{AID}BEGIN;\n{SELECT}COMMIT;\n"),
    "readonly": ("BEGIN READ ONLY, SELECT, COMMIT", f"{AID}BEGIN READ ONLY;\n{SELECT}COMMIT;\n"),
}


class PgbenchLine(Line):
    """pgbench runs a little longer than what is measured: it counts from when every client has
    done a transaction (or could not for long, waiting for row locks in vain), and its log says
    what was done in that time.

    With one client, what a transaction costs depends much on whether the scheduler puts the three
    processes on one core, and a run keeps what it got: more and shorter runs tell more.
    """

    kind = "pgbench"
    scale = machine.SCALE

    def __init__(self, script, protocol, clients, seconds, connect_each=False, wanted=PLAIN):
        self.script, self.protocol, self.clients = script, protocol, clients
        self.wanted = wanted
        self.seconds, self.connect_each = seconds / 2 if clients == 1 else seconds, connect_each
        self.threads = min(clients, THREADS)
        first = "connect" if connect_each else f"{script}-{protocol}"
        secured = [(name, words) for name, words, there in (
            ("tls-both", "TLS on both sides", wanted.client_tls and wanted.server_tls),
            ("tls", "TLS from clients", wanted.client_tls and not wanted.server_tls)) if there]
        self.name = "-".join([*(name for name, _ in secured), first, str(clients)])
        how = "connect each time" if connect_each else protocol
        self.title = ", ".join([SCRIPTS[script][0], how,
                                f"{clients} client{'s' if clients > 1 else ''}",
                                *(words for _, words in secured)])

    def rounds(self, wanted):
        return 2 * wanted - 1 if self.clients == 1 else wanted

    def leaves_out(self, target):
        if self.wanted.client_tls and not target.speaks_tls:
            return "TLS passes through it"
        if self.wanted.server_tls and not target.shares_servers:
            return "there is but one side"
        return None

    def setup(self, target):
        alone = self.protocol == "prepared" and target.shares_servers
        if alone and not target.prepares_in_transaction_mode:
            return dataclasses.replace(self.wanted, session_size=self.clients)
        return self.wanted

    def prepare(self, postgres):
        if self.script == "tpcb":
            postgres.ask("truncate pgbench_history")
            for table in ("branches", "tellers"):
                postgres.ask(f"vacuum pgbench_{table}")

    def _script(self, folder):
        text = SCRIPTS[self.script][1]
        if "\n" not in text:
            return ["-b", text]
        path = folder / "script.sql"
        path.write_text(text, encoding="ascii")
        return ["-f", path, "-D", f"scale={self.scale}"]

    def _command(self, target, prefix):
        return [machine.postgres_program("pgbench"), "-n", "-M", self.protocol,
                *self._script(target.folder), "-c", self.clients, "-j", self.threads,
                "-T", MOST_SECONDS, "-l", f"--log-prefix={prefix}", "-h", "127.0.0.1",
                "-p", target.port, "-U", self.wanted.user] + ["-C"] * self.connect_each + [DATABASE]

    def run(self, target):
        prefix, output = target.folder / "transactions", target.folder / "pgbench.out"
        with contextlib.closing(TransactionLog(prefix)) as log:
            with open(output, "wb") as out:
                process = machine.spawn(self._command(target, prefix), target.folder, out,
                                        environment=self.wanted.environment)
            try:
                numbers = self._measure(process, log, target.pid)
                if "error:" in output.read_text(errors="replace"):
                    raise BenchError("clients of pgbench failed")
                return numbers
            except BenchError as problem:
                text = output.read_text(errors="replace").partition("\ntransaction type")[0]
                raise BenchError(f"{problem}: {text[-500:].strip()}") from None
            finally:
                machine.end(process, machine.signal.SIGKILL)

    def _measure(self, process, log, pid):
        seen, latencies, threads_done = {}, [], set()

        def is_warm():
            self._must_run(process)
            for client, at, _ in log.read():
                seen.setdefault(client, at)
            return len(seen) == self.clients or \
                seen and time.time() > min(seen.values()) + PATIENCE_SECONDS
        machine.wait_until(is_warm, START_SECONDS, "the first transaction", 0.1)
        time.sleep(WARM_SECONDS)
        begin = Sample(pid)
        time.sleep(self.seconds)
        end = Sample(pid)

        def is_written():
            self._must_run(process)
            for client, at, latency in log.read():
                if begin.at <= at < end.at:
                    latencies.append(latency)
                elif at >= end.at:
                    threads_done.add(client * self.threads // self.clients)
            return len(threads_done) == self.threads
        machine.wait_until(is_written, START_SECONDS, "the end of pgbench's log", 0.05)
        return self._numbers(sorted(latencies), begin, end)

    @staticmethod
    def _must_run(process):
        if process.poll() is not None:
            raise BenchError("pgbench ended")

    @staticmethod
    def _numbers(latencies, begin, end):
        if not latencies:
            raise BenchError("pgbench did nothing while it was watched")
        numbers = {"transactions": len(latencies), "tps": len(latencies) / (end.at - begin.at),
                   "p50_ms": percentile(latencies, 0.5) / 1e3,
                   "p99_ms": percentile(latencies, 0.99) / 1e3,
                   "max_ms": latencies[-1] / 1e3}
        if begin.pid:
            numbers.update(cpu_us=(end.cpu_ns - begin.cpu_ns) / 1e3 / len(latencies),
                           kernel_share=end.kernel_share_since(begin), rss_kb=end.rss_kb)
        return numbers


class Sample:
    """What a process (or none) has used by now."""

    def __init__(self, pid):
        self.pid = pid
        if pid:
            self.rss_kb, self.ticks = machine.memory_kb(pid), machine.kernel_ticks(pid)
            self.cpu_ns = machine.cpu_ns(pid)
        self.at = time.time()

    def kernel_share_since(self, begin):
        user, kernel = (now - then for now, then in zip(self.ticks, begin.ticks))
        return kernel / (user + kernel) if user + kernel else None


class BulkLine(Line):
    """One client reads one large reply and throws it away."""

    kind = "bulk"

    def __init__(self, name, title, sql, rows, wanted=PLAIN):
        self.name, self.title, self.sql, self.rows = name, title, sql, rows
        self.wanted = wanted

    def leaves_out(self, target):
        if self.wanted.client_tls and not target.shares_servers:
            return "there is but one side"
        return None

    def setup(self, target):
        return self.wanted

    def run(self, target):
        client = RawClient(target.port, USER, DATABASE, self.wanted.client_tls)
        try:
            client.swallow(self.sql.format(rows=max(1, self.rows // 50)))
            begin = Sample(target.pid)
            size = client.swallow(self.sql.format(rows=self.rows))
            end = Sample(target.pid)
        finally:
            client.close()
        numbers = {"bytes": size, "mb_per_s": size / 1e6 / (end.at - begin.at)}
        if target.pid:
            numbers.update(cpu_ms_per_gb=(end.cpu_ns - begin.cpu_ns) / 1e6 / (size / 1e9),
                           kernel_share=end.kernel_share_since(begin), rss_kb=end.rss_kb)
        return numbers


class IdleLine(Line):
    """Clients log in and idle; then each asks once; then they idle again."""

    kind = "idle"

    def __init__(self, clients):
        self.clients = clients
        self.name, self.title = "idle-clients", f"{clients:,} idle clients"

    def leaves_out(self, target):
        return None if target.shares_servers else "one server process for each client"

    def run(self, target):
        with contextlib.closing(Herd(target.port, USER, DATABASE, 3 * POOL_SIZE)) as some:
            some.log_in()
            some.ask_each("select 1")
        time.sleep(0.2)
        begin = Sample(target.pid)
        with contextlib.closing(Herd(target.port, USER, DATABASE, self.clients)) as herd:
            herd.log_in()
            logged_in = Sample(target.pid)
            time.sleep(IDLE_SECONDS)
            idled = Sample(target.pid)
            herd.ask_each("select 1")
            asked = Sample(target.pid)
        return {"clients": self.clients,
                "kb_per_client": (logged_in.rss_kb - begin.rss_kb) / self.clients,
                "kb_per_client_asked": (asked.rss_kb - begin.rss_kb) / self.clients,
                "login_cpu_us": (logged_in.cpu_ns - begin.cpu_ns) / 1e3 / self.clients,
                "idle_cpu_ms_per_s": (idled.cpu_ns - logged_in.cpu_ns) / 1e6 /
                                     (idled.at - logged_in.at),
                "rss_kb": asked.rss_kb}


class LoginLine(Line):
    """Clients log in, twenty at a time, and leave. pgbench -C would do, but spends a hundred times
    as long on a proof as the other side."""

    kind = "login"
    WAVE = 20

    def __init__(self, name, title, seconds, wanted):
        self.name, self.title, self.seconds, self.wanted = name, title, seconds, wanted

    def setup(self, target):
        return self.wanted

    def leaves_out(self, target):
        return "TLS passes through it" if self.wanted.client_tls and not target.speaks_tls else None

    def run(self, target):
        storm = Storm(target.port, self.wanted.user, DATABASE, SCRAM_PASSWORD, self.WAVE,
                      self.wanted.client_tls)
        storm.wave()
        storm.times.clear()
        begin = Sample(target.pid)
        while time.time() < begin.at + self.seconds:
            storm.wave()
        end = Sample(target.pid)
        if storm.refused:
            raise BenchError(f"{storm.refused} clients could not log in: {storm.why}")
        numbers = storm.result(end.at - begin.at)
        if target.pid:
            numbers.update(cpu_us=(end.cpu_ns - begin.cpu_ns) / 1e3 / len(storm.times),
                           kernel_share=end.kernel_share_since(begin), rss_kb=end.rss_kb)
        return numbers


class StormLine(PgbenchLine):
    """A small pgbench goes on while waves of new clients come, all at once, prove who they are
    and leave: what it waits for is what counts. The waves are the same for everybody."""

    kind = "storm"
    WAVE, PAUSE_SECONDS = 200, 0.5

    def __init__(self, seconds, name, title, tls):
        super().__init__("select", "simple", 8, seconds, wanted=Setup(client_tls=tls, scram=True))
        self.name = name
        self.title = f"{title}, {self.WAVE} at once every {self.PAUSE_SECONDS} s"

    def run(self, target):
        self.port, self.folder = target.port, target.folder
        return super().run(target)

    def leaves_out(self, target):
        return super().leaves_out(target) or (
            None if target.shares_servers else "a process for each login, no pooler")

    def _measure(self, process, log, pid):
        """The storm begins before anything is measured, and ends after it."""
        out = open(self.folder / "storm.out", "wb")
        storm = machine.spawn(
            [sys.executable, "-B", pathlib.Path(__file__).with_name("storm.py").resolve(),
             self.port, self.wanted.user, DATABASE, SCRAM_PASSWORD, self.WAVE, self.PAUSE_SECONDS,
             int(self.wanted.client_tls)], self.folder, out, as_ourselves=True)
        try:
            numbers = super()._measure(process, log, pid)
        finally:
            machine.end(storm, machine.signal.SIGINT)
            out.close()
        told = (self.folder / "storm.out").read_text(errors="replace")
        try:
            numbers.update(json.loads(told))
        except ValueError:
            raise BenchError(f"the storm: {told[-500:].strip()}") from None
        if numbers["refused"]:
            raise BenchError(f"{numbers['refused']} clients could not log in")
        return numbers


TLS_IN = Setup(client_tls=True)
TLS_BOTH = Setup(client_tls=True, server_tls=True)


def secured_lines(seconds, part, size):
    """TLS and passwords: first what goes on for long, then what logs in."""
    lines = [PgbenchLine("select", "simple", 50, seconds, wanted=TLS_IN),
             PgbenchLine("select", "extended", 50, seconds, wanted=TLS_IN),
             PgbenchLine("select", "simple", 50, seconds, wanted=TLS_BOTH),
             PgbenchLine("select", "simple", 10, seconds, True, TLS_IN),
             LoginLine("login-scram", "login with SCRAM, 20 at once", seconds, Setup(scram=True)),
             LoginLine("login-tls", "login with TLS, 20 at once", seconds, TLS_IN),
             LoginLine("login-tls-scram", "login with TLS and SCRAM, 20 at once", seconds,
                       Setup(client_tls=True, scram=True))]
    lines.append(BulkLine("tls-copy-out", f"COPY out, {size} in rows of 100 bytes, TLS on both"
                          " sides", COPY_OUT, 9_600_000 // part, TLS_BOTH))
    lines.append(StormLine(seconds, "storm", "login storm with SCRAM", False))
    lines.append(StormLine(seconds, "tls-storm", "login storm with TLS and SCRAM", True))
    return lines


COPY_OUT = "COPY (SELECT generate_series(1, {rows}), repeat('x', 90)) TO STDOUT"


def all_lines(seconds, quick):
    lines = [PgbenchLine("select", protocol, clients, seconds)
             for protocol in ("simple", "extended", "prepared") for clients in (1, 50, 1000)]
    lines += [PgbenchLine("tpcb", protocol, clients, seconds)
              for protocol in ("simple", "extended") for clients in (1, 50, 1000)]
    # pgbench prepares with blocking calls inside an open transaction: with more clients than
    # servers it waits for itself.
    lines += [PgbenchLine("tpcb", "prepared", clients, seconds) for clients in (1, POOL_SIZE)]
    lines.append(PgbenchLine("select", "simple", 10, seconds, connect_each=True))
    if quick:
        lines = [line for line in lines if line.clients < 1000 or line.protocol == "simple"]
    part = 5 if quick else 1
    size = "200 MB" if quick else "1 GB"
    lines.append(BulkLine("copy-out", f"COPY out, {size} in rows of 100 bytes",
                          COPY_OUT, 9_600_000 // part))
    lines.append(BulkLine("large-rows", f"select, {size} in rows of 1 MB",
                          "SELECT repeat('x', 1000000) FROM generate_series(1, {rows})",
                          1000 // part))
    lines.append(IdleLine(2000 if quick else 10000))
    return lines + secured_lines(seconds, part, size)
