#!/usr/bin/env python3
"""Runs wire scripts against the daemon: fake clients, a fake server, exact bytes.

usage: wirerun.py [-j JOBS] [-v] SCRIPT.wire ...

PGCARWASH names the program; it is started once for each script, as an unprivileged user when
this runs as root. WIRE_TIMEOUT: seconds to wait for what a script expects (5).
"""

import concurrent.futures
import errno
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from wireactor import NO_MESSAGE_MS, Failure, Stage, is_server_name, show_packet
from wireproto import ScriptError, text
from wirescript import Message, read_script

TIMEOUT = float(os.environ.get("WIRE_TIMEOUT", "5"))
BAD_OUTPUT = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|[Aa]ssertion")

# What a server reports at login; values of the start-up packet replace them.
REPORTED = {
    "application_name": "", "client_encoding": "UTF8", "DateStyle": "ISO, MDY",
    "default_transaction_read_only": "off", "in_hot_standby": "off", "integer_datetimes": "on",
    "IntervalStyle": "postgres", "is_superuser": "off", "server_encoding": "UTF8",
    "server_version": "15.4", "session_authorization": "app",
    "standard_conforming_strings": "on", "TimeZone": "UTC",
}

INI = {
    "listen_addr": "127.0.0.1", "unix_socket_dir": "", "auth_type": "trust",
    "pool_mode": "transaction", "default_pool_size": "4", "max_prepared_statements": "200",
    "server_tls_sslmode": "disable", "client_tls_sslmode": "disable", "admin_users": "admin",
    "logfile": "", "pidfile": "", "server_login_retry": "1",
}


def free_port():
    """Below the ports that the kernel gives away: those of fake servers, and of connections of
    others, come from there, and one of them could take a port before our daemon listens on it."""
    while True:
        try:
            with socket.create_server(("127.0.0.1", random.randrange(12000, 32000))) as probe:
                return probe.getsockname()[1]
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise


class Daemon:
    """The program under test, in a folder of its own."""

    def __init__(self, program, folder, script, server_port):
        self.folder = folder
        self.log_path = os.path.join(folder, "log")
        self.port = free_port()
        self.write_files(script, server_port)
        environment = dict(os.environ)
        environment.setdefault("ASAN_OPTIONS", "exitcode=99")
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
        command = [program, os.path.join(folder, "pgcarwash.ini")]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] + command
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd=folder, env=environment)

    def write_files(self, script, server_port):
        ini = dict(INI, listen_port=str(self.port), auth_file=os.path.join(self.folder, "users"))
        for line in script.ini:
            key, _, value = line.partition("=")
            ini[key.strip()] = value.strip()
        self.write_ini(script, server_port, ini)
        with open(os.path.join(self.folder, "users"), "w", encoding="utf-8") as out:
            for line in ['"app" ""', '"bob" ""', '"admin" ""'] + script.users:
                out.write(line + "\n")
        os.chmod(self.folder, 0o755)

    def write_ini(self, script, server_port, ini):
        with open(os.path.join(self.folder, "pgcarwash.ini"), "w", encoding="utf-8") as out:
            out.write("[databases]\n")
            out.write("db = host=127.0.0.1 port=%d\n" % server_port)
            for line in script.databases:
                out.write(line.replace("$port", str(server_port)) + "\n")
            out.write("[pgcarwash]\n")
            for key, value in ini.items():
                out.write("%s = %s\n" % (key, value))

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def wait_ready(self):
        end = time.monotonic() + 4 * TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        raise Failure("the daemon does not listen")

    def stop(self):
        """Ends it at once; None or what was wrong with it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGQUIT)
        try:
            code = self.process.wait(4 * TIMEOUT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return "the daemon does not stop on SIGQUIT"
        if code:
            return "the daemon ended with %d" % code
        if BAD_OUTPUT.search(self.log()):
            return "the daemon complained"
        return None


class Player:
    """Carries out the steps of one script."""

    def __init__(self, script, stage, daemon):
        self.script = script
        self.stage = stage
        self.daemon = daemon
        self.logins = 0

    def play(self, step):
        if step.verb == "->":
            self.stage.send_messages(self.stage.actor(step.actor), step.messages)
            self.stage.expect_messages(self.stage.actor(step.to), [Message("same", [])])
            return
        if step.actor is None:
            getattr(self, "daemon_" + step.verb)(step.options)
            return
        actor = self.stage.actor(step.actor)
        name = {">": "send", "<": "expect", ">tiny": "send_tiny", ">cut": "send_cut",
                "<together": "expect_together"}.get(step.verb, step.verb)
        getattr(self, "do_" + name)(actor, step)

    # ---- messages ----

    def do_send(self, actor, step):
        self.stage.send_messages(actor, step.messages)

    def do_expect(self, actor, step):
        self.stage.expect_messages(actor, step.messages)

    def do_send_tiny(self, actor, step):
        packets = [self.stage.bytes_of(actor, m) for m in step.messages]
        self.stage.last_sent = packets
        for byte in b"".join(packets):
            self.stage.send(actor, bytes([byte]))
            self.stage.pump(lambda: False, 0.0005)

    def do_send_cut(self, actor, step):
        packets = [self.stage.bytes_of(actor, m) for m in step.messages]
        at = int(step.options[0].value)
        self.stage.last_sent = packets
        self.stage.send(actor, b"".join(packets)[:at])
        actor.rest = b"".join(packets)[at:]
        self.stage.pump(lambda: False, 0.02)

    def do_rest(self, actor, _):
        self.stage.send(actor, actor.rest)
        actor.rest = b""

    def do_expect_together(self, actor, step):
        start = actor.consumed
        self.stage.expect_messages(actor, step.messages)
        for end in actor.chunk_ends:
            if start < end < actor.consumed:
                raise Failure("%s got this in more than one write" % actor.name)

    # ---- connections ----

    def do_connect(self, actor, _):
        actor.attach(socket.create_connection(("127.0.0.1", self.daemon.port), TIMEOUT))

    def do_refused(self, actor, _):
        try:
            self.do_connect(actor, None)
        except ConnectionRefusedError:
            return
        raise Failure("%s could connect" % actor.name)

    def do_accept(self, actor, _):
        if not self.stage.pump(lambda: self.stage.waiting, TIMEOUT):
            raise Failure("%s: nobody connects to the server" % actor.name)
        actor.attach(self.stage.waiting.pop(0))

    def do_login(self, actor, step):
        if actor.is_server:
            self.server_login(actor, step.options)
            return
        options = list(step.options)
        server = None
        if options and is_server_name(options[0].value.decode()):
            server = self.stage.actor(options.pop(0).value.decode())
        pairs = {b"user": b"app", b"database": b"db"}
        pairs.update(o.value.partition(b"=")[::2] for o in options)
        self.do_connect(actor, step)
        self.stage.send_messages(actor, [
            Message("startup", [text(n + b"=" + v) for n, v in pairs.items()])])
        if server:
            self.server_login(server, [])
        self.do_welcome(actor, step)

    def server_login(self, actor, options):
        """accept, refuse encryption, trust whoever comes."""
        self.do_accept(actor, None)
        self.stage.wait_packet(actor, "a start-up packet")
        packet = actor.take(actor.packet_size())
        while packet[4:8] in (b"\4\xd2\x16\x2f", b"\4\xd2\x16\x30"):
            self.stage.send(actor, b"N")
            self.stage.wait_packet(actor, "a start-up packet")
            packet = actor.take(actor.packet_size())
        actor.untyped = False
        if packet[4:6] != b"\0\3":
            raise Failure("%s expected a StartupMessage and got %r" % (actor.name, packet))
        self.logins += 1
        actor.pid, actor.key = 1000 + self.logins, b"key%d" % self.logins
        self.stage.send_messages(actor, self.server_welcome(actor, packet, options))

    def server_welcome(self, actor, packet, options):
        fields = packet[8:].split(b"\0")
        asked = {n.lower(): v for n, v in zip(fields[::2], fields[1::2])}
        reported = {n.encode(): asked.get(n.lower().encode(), v.encode())
                    for n, v in REPORTED.items()}
        reported.update(o.value.partition(b"=")[::2] for o in options)
        return ([Message("R", [])] + [Message("S", [text(n), text(v)])
                                      for n, v in reported.items()] +
                [Message("K", [text(actor.pid), text(actor.key)]), Message("Z", [text("I")])])

    def do_welcome(self, actor, _):
        """R(0), any S, K, Z(I), and remembers the key."""
        stage = self.stage
        stage.expect(actor, Message("R", []))
        while True:
            stage.wait_packet(actor, "S(...)* K(...) Z(I)")
            packet = bytes(actor.input[:actor.packet_size()])
            if packet[:1] not in b"SK":
                raise Failure("%s expected S(...)* K(...) Z(I)\n  and got  %s" % (
                    actor.name, actor.describe_input()))
            actor.take(len(packet))
            if packet[:1] == b"K":
                break
        actor.note_key(packet)
        stage.expect(actor, Message("Z", [text("I")]))

    def do_close(self, actor, _):
        actor.close()

    def do_reset(self, actor, _):
        actor.close(reset=True)

    def do_shut(self, actor, _):
        actor.sock.shutdown(socket.SHUT_WR)

    def do_hold(self, actor, _):
        actor.hold = True

    def do_resume(self, actor, _):
        actor.hold = False

    # ---- silence and its end ----

    def do_quiet(self, actor, step):
        wait = int(step.options[0].value) if step.options else NO_MESSAGE_MS
        self.stage.pump(lambda: actor.input or actor.eof, wait / 1000)
        if actor.input or actor.eof:
            raise Failure("%s expected silence\n  and got  %s" % (
                actor.name, actor.describe_input()))

    def do_eof(self, actor, _):
        self.stage.pump(lambda: actor.input or actor.eof, TIMEOUT)
        if actor.input or not actor.eof:
            raise Failure("%s expected the connection to be closed\n  and got  %s" % (
                actor.name, actor.describe_input()))
        actor.eof_seen = True

    def do_gone(self, actor, _):
        if not self.stage.pump(lambda: actor.eof, TIMEOUT):
            raise Failure("%s expected the connection to be closed" % actor.name)
        actor.close()

    def do_sent(self, actor, _):
        if not self.stage.pump(lambda: not actor.output, TIMEOUT):
            raise Failure("%s: %d bytes are still not taken" % (actor.name, len(actor.output)))

    def do_stuck(self, actor, _):
        """The other side takes no more; it settles within a while."""
        left = -1
        while actor.output and len(actor.output) != left:
            left = len(actor.output)
            self.stage.pump(lambda: not actor.output, 0.3)
        if not actor.output:
            raise Failure("%s: all bytes were taken" % actor.name)

    # ---- the daemon ----

    def daemon_wait(self, options):
        self.stage.pump(lambda: False, int(options[0].value) / 1000)

    def daemon_signal(self, options):
        self.daemon.process.send_signal(getattr(signal, "SIG" + options[0].value.decode()))

    def daemon_reload(self, options):
        """reload ["KEY = VALUE" ...]: the file with these changes, then SIGHUP."""
        self.script.ini += [o.value.decode() for o in options]
        self.daemon.write_files(self.script, self.stage.port)
        self.daemon.process.send_signal(signal.SIGHUP)
        self.stage.pump(lambda: False, 0.1)

    def daemon_ended(self, _):
        """The daemon has ended of itself, or does so now."""
        if not self.stage.pump(lambda: self.daemon.process.poll() is not None, TIMEOUT):
            raise Failure("the daemon still runs")

    def daemon_log(self, options):
        word = options[0]
        pattern = word.value if isinstance(word.value, bytes) else word.value.encode()
        if word.kind != "regex":
            pattern = re.escape(pattern)
        if not self.stage.pump(lambda: re.search(pattern, self.daemon.log().encode()), TIMEOUT):
            raise Failure("the log does not say %r" % word)

    def daemon_listen(self, options):
        """listen quiet [MS]: nobody connects to the server."""
        wait = int(options[1].value) if len(options) > 1 else NO_MESSAGE_MS
        self.stage.pump(lambda: self.stage.waiting, wait / 1000)
        if self.stage.waiting:
            raise Failure("there is a new connection to the server")

    def end(self):
        """Nothing unread, nobody lost, no surplus connection."""
        self.stage.pump(lambda: False, 0.02)
        for actor in self.stage.actors.values():
            if actor.sock and not actor.hold and (actor.input or actor.eof and not actor.eof_seen):
                raise Failure("at the end %s was sent %s" % (actor.name, actor.describe_input()))
        self.daemon_listen([text("quiet"), text("0")])


def play_script(script, program, folder):
    """None, or the report of what failed."""
    stage = Stage(TIMEOUT)
    daemon = Daemon(program, folder, script, stage.port)
    done, report = [], None
    try:
        daemon.wait_ready()
        player = Player(script, stage, daemon)
        for step in script.steps:
            done.append(step)
            player.play(step)
        done = []
        player.end()
    except (Failure, ScriptError, OSError) as error:
        report = "%s\n" % error
        if done:
            report = "%s:%d: %s\n  %s" % (script.path, done[-1].line, done[-1].source, report)
    stage.close()
    problem = daemon.stop()
    if problem:
        report = (report or "") + problem + "\n"
    if report:
        report += "  the daemon said:\n" + "".join(
            "    %s\n" % line for line in daemon.log().splitlines()[-40:])
    return report


def run_file(path, program):
    """(path, report or None, seconds)"""
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="wire-") as folder:
        try:
            with open(path, encoding="utf-8") as source:
                script = read_script(path, source.read())
            report = play_script(script, program, folder)
        except ScriptError as error:
            report = "%s\n" % error
    return path, report, time.monotonic() - start


def main(arguments):
    jobs, verbose, paths = 2, False, []
    while arguments:
        argument = arguments.pop(0)
        if argument == "-j":
            jobs = int(arguments.pop(0))
        elif argument == "-v":
            verbose = True
        else:
            paths.append(argument)
    if not paths or not os.environ.get("PGCARWASH"):
        sys.exit(__doc__)
    passed = failed = 0
    with tempfile.TemporaryDirectory(prefix="wire-") as folder:
        # A place where the unprivileged user may run it from.
        os.chmod(folder, 0o755)
        program = shutil.copy(os.environ["PGCARWASH"], folder)
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for path, report, seconds in pool.map(lambda p: run_file(p, program), paths):
                passed, failed = passed + (not report), failed + bool(report)
                if report:
                    print("FAILED %s\n%s" % (path, report))
                elif verbose:
                    print("passed %s (%.2f s)" % (path, seconds))
    print("%d passed, %d failed" % (passed, failed))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
