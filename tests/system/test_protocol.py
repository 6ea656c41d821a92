"""Versions of the protocol: 3.2 from clients and to servers, and what is negotiated."""

import struct
import threading
import time

import pytest

import harness
import wireclient
from wireclient import PROTOCOL_3_0, PROTOCOL_3_2, Wire, errors, query

pytestmark = [pytest.mark.pgcarwash, pytest.mark.pooled, pytest.mark.fixed]

NEWEST = 18  # of the servers that venv.sh installs; it speaks 3.2


@pytest.fixture(scope="module", params=(15, NEWEST))
def server(request, folder):
    if request.param != 15 and not harness.installed_server(request.param, folder):
        pytest.skip(f"there is no PostgreSQL {request.param} for this machine")
    made = harness.Postgres(folder, None if request.param == 15 else request.param)
    yield made.start()
    made.remove()


def is_cancelled(wire):
    """Its query runs, and its key cancels it."""
    wire.send(query("select pg_sleep(20)"))
    time.sleep(0.2)
    wire.cancel()
    told = errors(wire.until("Z"))
    return [state for state, _ in told] == ["57014"]


@pytest.mark.parametrize("asked", ["3.0", "3.2", "auto"])
@pytest.mark.parametrize("version", [PROTOCOL_3_0, PROTOCOL_3_2])
def test_cancels(pooler, server, asked, version):
    p = pooler(postgres=server, server_protocol=asked)
    with Wire(p.address, version=version) as wire:
        assert [m.kind for m in wire.greeting].count("v") == 0
        assert len(wire.key) == 32 if version == PROTOCOL_3_2 else isinstance(wire.key, int)
        assert is_cancelled(wire)
        assert wire.value("select 1") == "1"
    assert "asking for 3.0" not in p.log()


def test_a_cut_key_cancels_nothing(pooler, pg):
    p = pooler(postgres=pg)
    with Wire(p.address, version=PROTOCOL_3_2) as wire:
        wire.send(query("select pg_sleep(0.5)"))
        time.sleep(0.1)
        for key in (wire.key[:4], wire.key[:31], wire.key + b"x", wire.key[:31] + b"\0",
                    wire.key[:3], b"x" * 256, b"x" * 257):
            wireclient.send_cancel(p.address, wire.pid, key)
        assert not errors(wire.until("Z"))


def test_what_libpq_asks_for_on_purpose(pooler, pg):
    """A version and an option that nobody knows."""
    p = pooler(postgres=pg)
    with Wire(p.address, version=(3 << 16) | 9999,
              **{"_pq_.test_protocol_negotiation": ""}) as wire:
        answer, = [m for m in wire.greeting if m.kind == "v"]
        assert answer.body == struct.pack("!II", PROTOCOL_3_2, 1) + \
            b"_pq_.test_protocol_negotiation\0"
        assert len(wire.key) == 32


def test_a_newer_libpq(pooler, server):
    import psycopg
    if psycopg.pq.version() < 180000:
        pytest.skip("this libpq knows only one version")
    p = pooler(postgres=server, server_protocol="auto")
    with p.psycopg(min_protocol_version="3.2", max_protocol_version="latest") as client:
        timer = threading.Timer(0.3, client.cancel_safe)
        timer.start()
        with pytest.raises(psycopg.errors.QueryCanceled):
            client.execute("select pg_sleep(20)")
        timer.join()
        assert client.execute("select 2").fetchone() == (2,)
