"""Fixtures of the system tests; see harness.py for what is behind them."""

import itertools
import os
import shutil
import signal

import pytest

import harness
import wireclient

NUMBERS = itertools.count(1)
TEST_SECONDS = (60 + float(os.environ.get("CROSSING_SECONDS", 20))
                + float(os.environ.get("STARVE_SECONDS", 0))
                + float(os.environ.get("CONNECTS", 0)) / 200
                + float(os.environ.get("STALE_PAIRS", 0)) / 200)


def pytest_configure(config):
    for line in (
            "fixed: chooses its own pool sizes, so it runs once, without rotation of servers",
            "pgcarwash: needs what only pgcarwash has",
            "pooled: needs a pooler (skipped with POOLER=direct)"):
        config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc):
    """Each test with a pooler runs on one server again and again, and on rotated servers."""
    if "rotation" not in metafunc.fixturenames:
        return
    wanted = {"0": [False], "1": [True]}.get(os.environ.get("ROTATE"), [False, True])
    if metafunc.definition.get_closest_marker("fixed"):
        wanted = [False]
    elif harness.KIND == "direct":
        wanted = [False]
    metafunc.parametrize("rotation", wanted, ids=["rotated" if r else "plain" for r in wanted])


def pytest_runtest_setup(item):
    marks = {mark.name for mark in item.iter_markers()}
    if "pgcarwash" in marks and harness.KIND != "pgcarwash":
        pytest.skip("only pgcarwash has this")
    if "pooled" in marks and harness.KIND == "direct":
        pytest.skip("needs a pooler")


def _too_long(_signal, _frame):
    raise AssertionError(f"the test took longer than {TEST_SECONDS} s")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(int(TEST_SECONDS))
    outcome = yield
    signal.alarm(0)
    if outcome.excinfo and issubclass(outcome.excinfo[0], harness.Skip):
        outcome.force_exception(pytest.skip.Exception(str(outcome.excinfo[1])))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its pooler's log."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for pooler in getattr(item, "poolers", []):
            if isinstance(pooler, harness.Pooler) and pooler.log_path.exists():
                report.sections.append((f"log of {pooler.folder.name}", pooler.log()[-3000:]))


@pytest.fixture(scope="session")
def folder():
    path = harness.make_folder()
    yield path
    if os.environ.get("KEEP"):
        print(f"kept: {path}")
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_postgres(folder):
    server = harness.Postgres(folder).start()
    yield server
    server.stop()


@pytest.fixture
def pg(shared_postgres):
    """The server all tests share; none may stop it."""
    return shared_postgres


@pytest.fixture
def own_pg(folder):
    """A server of this test's own, to stop, crash or fill."""
    server = harness.Postgres(folder).start()
    yield server
    server.remove()


@pytest.fixture
def rotation():
    """Replaced by parametrization where a test has a pooler."""
    return False


@pytest.fixture
def pooler(request, pg, rotation, folder):
    """Makes a started pooler: pooler(postgres=..., databases=..., users=..., secrets=...,
    start=..., wait=..., warm=..., KEY=VALUE of the main section). All are stopped and checked at
    the end."""
    made = request.node.poolers = []

    def make(postgres=None, start=True, wait=True, warm=None, **settings):
        server = postgres or pg
        if harness.KIND == "direct":
            made.append(harness.Direct(server))
            return made[-1]
        if rotation:
            settings = {"server_round_robin": 1, "min_pool_size": 4, **settings}
        one = harness.Pooler(server, folder, **settings)
        made.append(one)
        if not start:
            return one
        one.start(wait)
        if warm or (warm is None and rotation and "app" in one.databases
                    and one.settings["auth_type"] == "trust"):
            one.warm(min(4, int(one.settings["default_pool_size"]) or 4))
        return one

    yield make
    troubles = []
    for one in made:
        try:
            one.stop()
        except AssertionError as trouble:
            troubles.append(str(trouble))
    if made:
        pg.kill_backends()
    if troubles:
        pytest.fail("\n".join(troubles), pytrace=False)


@pytest.fixture
def fresh(pg):
    """fresh("t") is a name no other test uses; tables of that name are dropped at the end."""
    names = []

    def name(prefix):
        names.append(f"{prefix}_{os.getpid()}_{next(NUMBERS)}")
        return names[-1]

    yield name
    for one in names:
        drop = f"drop table if exists {one} cascade"
        try:
            pg.sql(f"set client_min_messages = error; set lock_timeout = '1s'; {drop}")
        except wireclient.ServerError:
            pg.kill_backends()  # a failed test's transaction
            pg.sql(drop)


def pytest_sessionfinish(session):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not reporter:
        return
    counts = {key: len(value) for key, value in reporter.stats.items()}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    session.config.counts = (counts.get("passed", 0), failed, counts.get("skipped", 0))


def pytest_unconfigure(config):
    counts = getattr(config, "counts", None)
    if counts:
        passed, failed, skipped = counts
        if skipped:
            print(f"{skipped} skipped")
        print(f"{passed} passed, {failed} failed")
