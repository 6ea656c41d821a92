"""As a service of systemd: what it is told, and sockets it passes."""

import os
import signal
import socket
import subprocess

import pytest

import harness
from wireclient import Wire, query, rows

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]


# Puts the sockets where sd_listen_fds(3) wants them and becomes the service.
START = """
import os, sys
notify, numbers, *program = sys.argv[1:]
kept = [os.dup(one) for one in eval(numbers)]
kept = [os.dup2(one, 20 + at) for at, one in enumerate(kept)]
for at, one in enumerate(kept):
    os.dup2(one, 3 + at)
os.environ["NOTIFY_SOCKET"] = notify
if kept:
    os.environ.update(LISTEN_FDS=str(len(kept)), LISTEN_PID=str(os.getpid()))
os.execv(program[0], program)
"""


class Manager:
    """What systemd does: a socket for states, and the start of the service in its environment."""

    def __init__(self, pooler):
        self.pooler = pooler
        self.path = pooler.folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(10)
        self.path.chmod(0o777)

    def start(self, *passed):
        program = [str(self.pooler.install()), str(self.pooler.ini)]
        numbers = [one.fileno() for one in passed]
        with open(self.pooler.log_path, "ab") as log:
            self.pooler.process = subprocess.Popen(
                ["python3", "-c", START, str(self.path), repr(numbers), *program],
                cwd=self.pooler.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env=harness.clean_environment(self.pooler.folder), pass_fds=numbers,
                **harness.unprivileged())

    def told(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())


@pytest.fixture
def manager(pooler):
    one = Manager(pooler(start=False))
    yield one
    one.socket.close()


def test_states_from_start_to_end(manager):
    manager.start()
    ready = manager.told()
    assert ready["READY"] == "1" and ready["MAINPID"] == str(manager.pooler.pid)
    assert rows(manager.pooler.wire().ask(query("select 1"))) == [("1",)]
    manager.pooler.signal(signal.SIGHUP)
    reloading = manager.told()
    assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
    assert manager.told()["READY"] == "1"
    manager.pooler.signal(signal.SIGINT)
    assert manager.told()["STOPPING"] == "1"
    assert manager.pooler.wait_end() == 0


def test_a_failed_reload_is_told(manager):
    manager.start()
    assert manager.told()["READY"] == "1"
    manager.pooler.ini.write_text("[pgcarwash]\nno_such_key = 1\n", encoding="utf-8")
    manager.pooler.signal(signal.SIGHUP)
    assert manager.told()["RELOADING"] == "1"
    again = manager.told()
    assert again["READY"] == "1" and "failed" in again["STATUS"]


def test_sockets_passed_are_listened_on(manager):
    tcp = socket.create_server(("127.0.0.1", 0))
    path = str(manager.pooler.folder / ".s.PGSQL.6432")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(path)
    os.chmod(path, 0o777)
    unix.listen()
    manager.start(tcp, unix)
    assert manager.told()["READY"] == "1"
    log = manager.pooler.log()
    assert "listen_addr and unix_socket_dir are not listened on" in log
    manager.pooler.port = tcp.getsockname()[1]
    assert rows(manager.pooler.wire().ask(query("select 1"))) == [("1",)]
    with Wire(path) as client:
        assert rows(client.ask(query("select 1"))) == [("1",)]
    assert not os.path.exists(manager.pooler.socket)
    manager.pooler.signal(signal.SIGQUIT)
    assert manager.pooler.wait_end() == 0
    # systemd keeps its sockets for the next start
    assert os.path.exists(path)
    tcp.close()
    unix.close()
