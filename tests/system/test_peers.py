"""Several processes that share a port: a cancel request reaches its query through any of them."""

import contextlib
import time

import pytest

import harness
import wireclient
from wireclient import query, rows, wait_until

pytestmark = [pytest.mark.fixed, pytest.mark.pooled, pytest.mark.pgcarwash]

CANCELED = [("57014", "canceling statement due to user request")]


@pytest.fixture
def fleet(pooler):
    """fleet(3) are processes 1 to 3, each knowing the others, on ports of their own."""
    def make(count, peers=None, **settings):
        made = [pooler(start=False, peer_id=n + 1, **settings) for n in range(count)]
        for number, one in enumerate(made, 1):
            known = peers(number, made) if peers else {
                other: f"host=127.0.0.1 port={two.port}" for other, two in enumerate(made, 1)}
            with open(one.ini, "a", encoding="ascii") as ini:
                ini.write("[peers]\n" + "".join(f"{k} = {v}\n" for k, v in known.items()))
            one.start()
        return made
    return make


def start_sleep(pg, wire, text):
    wire.send(query(f"select pg_sleep(30), '{text}'"))
    wait_until(lambda: pg.sql("select 1 from pg_stat_activity where state = 'active' and query"
                              f" like '%''{text}''' and pid <> pg_backend_pid()"), 5, text)


def cancel_at(p, wire):
    wireclient.send_cancel(p.address, wire.pid, wire.key)


def test_each_process_passes_on_what_is_anothers(fleet, pg):
    made = fleet(3)
    for owner in made:
        with owner.wire() as wire:
            for asked in made:
                start_sleep(pg, wire, "passed on")
                cancel_at(asked, wire)
                assert wireclient.errors(wire.ready()) == CANCELED
            assert wire.value("select 'still here'") == "still here"


def test_only_the_query_meant(fleet, pg):
    one, two = fleet(2)
    with one.wire() as mine, two.wire() as other:
        start_sleep(pg, mine, "mine")
        start_sleep(pg, other, "others")
        cancel_at(two, mine)
        assert wireclient.errors(mine.ready()) == CANCELED
        other.quiet(0.2)
        cancel_at(one, mine)        # it is idle: nothing happens to anybody
        other.quiet(0.2)
        cancel_at(one, other)
        assert wireclient.errors(other.ready()) == CANCELED


def test_a_key_says_whose_it_is(fleet):
    made = fleet(2)
    for number, one in enumerate(made, 1):
        with one.wire() as wire:
            key = wire.pid.to_bytes(4, "big") + wire.key.to_bytes(4, "big")
            assert key[0] < 128 and key[1] | key[2] << 8 == number and key[7] & 3 == 3


def test_a_request_does_not_go_round_for_ever(fleet, pg):
    """Each of two knows the other as the third: the request goes to and fro, thrice at most."""
    one, two = fleet(2, peers=lambda number, made: {
        9: f"host=127.0.0.1 port={made[2 - number].port}"})
    began = time.monotonic()
    wireclient.send_cancel(one.address, 0x01090005, 0x01020307)
    assert time.monotonic() - began < 3
    wait_until(lambda: "TTL was exhausted" in one.log() + two.log(), 5, "the end of the way")
    both = one.log() + two.log()
    assert both.count("request because its TTL was exhausted (age") == 1
    assert both.count("successfully sent cancel request (age") == 3


def test_unknown_peers_and_keys(fleet, pg):
    one, two = fleet(2, verbose=1)
    with two.wire() as wire:
        start_sleep(pg, wire, "untouched")
        wireclient.send_cancel(one.address, 0x01770001, 3)
        wait_until(lambda: "could not find peer to forward request to" in one.log(), 5, "its log")
        wireclient.send_cancel(one.address, wire.pid, wire.key ^ 0x100)
        wait_until(lambda: "failed cancel request" in two.log(), 5, "the other's log")
        wire.quiet(0.2)
        wire.cancel()
        assert wireclient.errors(wire.ready()) == CANCELED


def test_a_peer_that_is_gone_or_deaf(fleet, pg):
    import socket
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(8)
        gone = harness.free_port()
        [one] = fleet(1, cancel_wait_timeout=1, verbose=1, peers=lambda *_: {
            7: f"host=127.0.0.1 port={deaf.getsockname()[1]} pool_size=1",
            8: f"host=127.0.0.1 port={gone}"})
        wireclient.send_cancel(one.address, 0x00080001, 3)
        assert "failed to send cancel request" in one.log()
        with contextlib.ExitStack() as stack:
            waiting = []
            for _ in range(3):
                waiting.append(stack.enter_context(socket.create_connection(one.address)))
                waiting[-1].sendall(wireclient.cancel_request(0x00070001, 3))
            wait_until(lambda: one.console("SHOW PEER_POOLS") == [
                {"peer_id": "7", "cl_active_cancel_req": "1", "cl_waiting_cancel_req": "2",
                 "sv_active_cancel": "1", "sv_login": "0"},
                {"peer_id": "8", "cl_active_cancel_req": "0", "cl_waiting_cancel_req": "0",
                 "sv_active_cancel": "0", "sv_login": "0"}], 5, "one under way, two waiting")
            for client in waiting:
                client.settimeout(5)
                assert client.recv(1) == b""
        assert one.log().count("cancel_wait_timeout") >= 3
        assert all(v == "0" for row in one.console("SHOW PEER_POOLS")
                   for k, v in row.items() if k != "peer_id")


def test_what_the_console_shows(fleet):
    one, two = fleet(2, default_pool_size=17)
    assert one.console("SHOW PEERS") == [
        {"peer_id": "1", "host": "127.0.0.1", "port": str(one.port), "pool_size": "17"},
        {"peer_id": "2", "host": "127.0.0.1", "port": str(two.port), "pool_size": "17"}]
    lists = {row["list"]: row["items"] for row in one.console("SHOW LISTS")}
    assert lists["peers"] == lists["peer_pools"] == "2"


def test_peers_change_by_reload(fleet, pg):
    one, two = fleet(2)
    with two.wire() as wire:
        text = one.ini.read_text()
        one.ini.write_text(text[:text.index("[peers]")])
        one.console("RELOAD")
        assert one.console("SHOW PEERS") == []
        start_sleep(pg, wire, "nobody knows")
        cancel_at(one, wire)
        wire.quiet(0.3)
        one.ini.write_text(text)
        one.console("RELOAD")
        cancel_at(one, wire)
        assert wireclient.errors(wire.ready()) == CANCELED


def test_one_port_for_all(pooler, pg):
    """so_reuseport: clients are spread, and cancels find their way though they are spread, too."""
    port = harness.free_port()
    made = []
    for n in range(1, 4):
        one = pooler(start=False, so_reuseport=1, listen_port=port, peer_id=n)
        one.port = port
        made.append(one)
    for one in made:
        with open(one.ini, "a", encoding="ascii") as ini:
            ini.write("[peers]\n" + "".join(f"{n} = host={two.folder} port={port}\n"
                                            for n, two in enumerate(made, 1)))
    for one in made:
        one.start(wait=False)
    for one in made:
        wait_until(lambda one=one: "process up" in one.log(), 10, "its start")
    with contextlib.ExitStack() as stack:
        wires = [stack.enter_context(made[0].wire()) for _ in range(24)]
        owners = {wire.pid >> 16 & 0xff for wire in wires}
        assert len(owners) > 1, "the kernel spreads clients"
        for n, wire in enumerate(wires[:10]):
            start_sleep(pg, wire, f"one of many {n}")
        for wire in wires[:10]:
            wire.cancel()
        for wire in wires[:10]:
            assert wireclient.errors(wire.ready()) == CANCELED
        assert all(rows(wire.ask(query("select 1"))) == [("1",)] for wire in wires)
