"""etc/haproxy/haproxy.cfg: clients spread over two pgcarwash, one of which may go."""

import collections
import re
import shutil
import subprocess
import time

import pytest

import harness
from wireclient import Gone, ServerError, Wire, wait_until

pytestmark = [pytest.mark.fixed, pytest.mark.skipif(
    not (shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")),
    reason="haproxy is not installed")]

EXAMPLE = harness.ROOT / "etc/haproxy/haproxy.cfg"


@pytest.fixture
def balanced(pooler, folder):
    """Two poolers and an HAProxy from the example, its addresses replaced."""
    port, running = harness.free_port(), []

    def make(proxy=False):
        more = {"proxy_protocol_from": "127.0.0.1"} if proxy else {}
        both = [pooler(databases={"app": {}}, secrets={"pgcarwash": ""}, warm=False,
                       stats_users="watcher, pgcarwash", **more) for _ in range(2)]
        text = EXAMPLE.read_text(encoding="ascii")
        for old, new in ((5000, port), (6432, both[0].port), (6433, both[1].port)):
            assert f"127.0.0.1:{old}" in text
            text = text.replace(f"127.0.0.1:{old}", f"127.0.0.1:{new}")
        text = text.replace("inter 2s", "inter 200ms")
        if proxy:
            text = re.sub(r"( check)$", r" check send-proxy-v2 check-send-proxy", text, flags=re.M)
        home = harness.make_folder(folder, "haproxy.")
        (home / "haproxy.cfg").write_text(text, encoding="ascii")
        with open(home / "haproxy.log", "ab") as log:
            running.append(harness.spawn(
                [shutil.which("haproxy") or "/usr/sbin/haproxy", "-db", "-f",
                 home / "haproxy.cfg"], home, log))

        def through():
            try:
                Wire(("127.0.0.1", port), "app", "app").close()
                return True
            except (OSError, Gone, ServerError):
                return False
        wait_until(through, 15, "HAProxy to let clients through")
        return both

    yield make, ("127.0.0.1", port)
    for one in running:
        one.terminate()
        one.wait(10)


def attached(one, **more):
    return [row for row in one.console("SHOW CLIENTS", **more) if row["database"] == "app"]


def test_clients_are_spread_and_move_on(balanced):
    make, address = balanced
    both = make()
    time.sleep(1)
    wires = [Wire(address, "app", "app") for _ in range(10)]
    assert all(wire.value("select 7") == "7" for wire in wires)
    assert all(len(attached(one)) >= 3 for one in both)
    both[0].process.kill()
    both[0].process.wait()
    both[0].ended = True
    done = collections.Counter()
    for wire in wires:
        try:
            wire.value("select 8")
            done["lives"] += 1
        except (Gone, ServerError, OSError):
            done["gone"] += 1
    assert done["lives"] >= 3 and done["gone"] >= 3
    wait_until(lambda: Wire(address, "app", "app").value("select 9") == "9", 10, "the other one")
    assert len(attached(both[1])) >= 1


def test_addresses_of_clients_are_told(balanced):
    make, address = balanced
    both = make(proxy=True)
    with Wire(address, "app", "app") as wire:
        port = wire.socket.getsockname()[1]
        assert wire.value("select 7") == "7"
        assert any(f"127.0.0.1:{port}" in one.log() for one in both)
