"""What is judged to be a read is none that a hot standby refuses as a write."""

import pathlib
import subprocess

import pytest

import harness
import wireclient
from test_functions import tables

ROOT = pathlib.Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests/fuzz/corpus/classify"
REFUSED = "25006"


@pytest.fixture(scope="module")
def standby(folder):
    """A server in recovery that waits for WAL which never comes."""
    server = harness.Postgres(folder, wal_level="replica").start()
    server.sql("create table t (a int, b int, c int, d timestamptz, x int, y text);"
               "create table u (x int); create table a (x int); create table b (x int);"
               "create sequence s; insert into t (x) values (1)")
    server.stop()
    (server.data / "standby.signal").touch()
    server.start()
    assert server.sql("select pg_is_in_recovery()")[0][0] == "t"
    yield server
    server.remove()


def code_of(server, text):
    """SQLSTATE of the first error that text meets, or None."""
    with harness.Wire(server.socket, "postgres", "app", timeout=20) as wire:
        wire.sql("set statement_timeout = '1s'")  # one of the texts never ends
        return next((code for code, _ in wireclient.errors(wire.ask(wireclient.query(text)))), None)


def judged(kind):
    """Texts of the corpus that are judged to be of that kind."""
    subprocess.run(["make", "-s", "-C", ROOT, "build/debug/judge"], check=True,
                   stdout=subprocess.DEVNULL)
    done = subprocess.run([ROOT / "build/debug/judge", *sorted(CORPUS.iterdir())],
                          capture_output=True, text=True, check=True)
    found = [pathlib.Path(line.split()[0]).read_bytes() for line in done.stdout.splitlines()
             if line.split()[1] == kind]
    return [text for text in found if b"\0" not in text]


def test_a_standby_runs_what_is_judged_a_read(standby):
    reads = judged("read")
    assert len(reads) > 50
    codes = {text: code_of(standby, text) for text in reads}
    assert [text for text, code in codes.items() if code == REFUSED] == []
    # Most of them run, or the test would show nothing.
    assert sum(code is None for code in codes.values()) > len(reads) / 2


def test_a_standby_refuses_much_of_what_is_judged_a_write(standby):
    codes = [code_of(standby, text) for text in judged("write") if not text.startswith(b"COPY")]
    assert codes.count(REFUSED) > 20


def test_a_standby_runs_functions_that_are_said_to_read(standby):
    names = {name for effect in ("reads", "allowed", "host") for name in tables()[effect]}
    callable_ones = [row[0] for row in standby.sql(
        "select distinct proname from pg_proc where pronargs = 0 and prokind = 'f'"
        " and pronamespace = 'pg_catalog'::regnamespace") if row[0] in names]
    assert len(callable_ones) > 50
    refused = [name for name in callable_ones
               if code_of(standby, f"select * from pg_catalog.{name}()") == REFUSED]
    assert refused == []
    assert code_of(standby, "select txid_current()") == REFUSED
