"""Programs that watch PgBouncer watch this pooler, unchanged."""

import re
import subprocess
import urllib.request

import pytest

import harness
from wireclient import wait_until

pytestmark = [pytest.mark.pgcarwash, pytest.mark.fixed]


@pytest.fixture
def exporter(folder):
    """Starts Debian's prometheus-pgbouncer-exporter; gives a function that scrapes it."""
    running = []

    def start(pooler, *arguments):
        port = harness.free_port()
        log_path = pooler.folder / "exporter.log"
        with open(log_path, "wb") as log:
            process = harness.spawn(
                ["/usr/bin/prometheus-pgbouncer-exporter", "--host", "127.0.0.1", "--port", port,
                 "--pgbouncer-host", "127.0.0.1", "--pgbouncer-port", pooler.port, *arguments],
                pooler.folder, log)
        running.append((process, log_path))
        wait_until(lambda: process.poll() is not None or b"on port" in log_path.read_bytes(), 10,
                   "the exporter's start", 0.05)
        assert process.poll() is None, log_path.read_text()

        def scrape():
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as page:
                found = metrics(page.read().decode())
            assert "Traceback" not in log_path.read_text()
            return found
        return scrape
    yield start
    for process, log_path in running:
        process.terminate()
        process.wait(10)


def metrics(text):
    """{"name{labels}": value}"""
    found = re.findall(r"^(pgbouncer_[^ ]+) (\S+)$", text, re.M)
    return {name: float(value) for name, value in found}


LISTS = ("databases", "users", "pools", "free_clients", "used_clients", "login_clients",
         "free_servers", "used_servers", "dns_names", "dns_zones", "dns_queries", "dns_pending")


def test_scrape(pooler, exporter):
    """Every metric is there, and counts what was done."""
    p = pooler(stats_users="pgbouncer", secrets={"pgbouncer": ""}, default_pool_size=7,
               reserve_pool_size=3)
    scrape = exporter(p)
    first = scrape()
    assert set(LISTS) <= {re.sub(r"^pgbouncer_|\{.*", "", name) for name in first}
    assert first['pgbouncer_pool_size{database="app"}'] == 7
    assert first['pgbouncer_reserve_pool{database="app"}'] == 3
    with p.wire() as client, p.wire() as waiting:
        for _ in range(25):
            client.value("select 1")
        client.sql("begin")
        p.console("PAUSE second")
        now = scrape()
        app = '{database="app"}'
        assert now["pgbouncer_requests_total" + app] == 26
        assert now["pgbouncer_received_bytes_total" + app] > 25 * len("Q....select 1.")
        assert now["pgbouncer_sent_bytes_total" + app] > 25 * 60
        assert now["pgbouncer_query_microseconds_total" + app] > 0
        both = '{database="app",user="app"}'
        assert now["pgbouncer_active_clients" + both] + now["pgbouncer_waiting_clients" + both] >= 1
        assert now["pgbouncer_used_servers"] == 1
        assert now["pgbouncer_used_clients"] == 3, "two of app and the exporter's own"
        assert now["pgbouncer_databases"] >= 2
        assert waiting.value("select 1") == "1"
    for _ in range(20):
        again = scrape()
    assert again.keys() >= now.keys()


def test_scrape_of_chosen_databases(pooler, exporter):
    p = pooler(stats_users="watcher")
    p.wire().close()
    p.wire(database="second").close()
    found = exporter(p, "--pgbouncer-user", "watcher", "--database", "second")()
    assert 'pgbouncer_pool_size{database="second"}' in found
    assert not [name for name in found if 'database="app"' in name]


def test_scrape_with_a_password(pooler, exporter):
    """As .pgpass gives it; the exporter outlives a RELOAD, and is told when it may not look."""
    p = pooler(auth_type="scram-sha-256", stats_users="watcher", secrets={"watcher": "sight"})
    (p.folder / ".pgpass").write_text(f"127.0.0.1:{p.port}:*:watcher:sight\n")
    (p.folder / ".pgpass").chmod(0o600)
    harness.give_away(p.folder / ".pgpass")
    scrape = exporter(p, "--pgbouncer-user", "watcher")
    assert scrape()["pgbouncer_pools"] >= 1
    p.signal(1)
    wait_until(lambda: "re-reading" in p.log(), 5)
    assert scrape()["pgbouncer_pools"] >= 1
    p.settings["stats_users"] = ""
    p.write()
    p.signal(1)
    wait_until(lambda: p.log().count("re-reading") == 2, 5)
    with pytest.raises(AssertionError, match="not allowed"):
        exporter(p, "--pgbouncer-user", "watcher")
