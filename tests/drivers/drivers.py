"""Runs the driver programs through a pooler: on one server again and again, on rotated ones, and
through an entry that splits between a primary and a replica.

Each program prints a line "ok NAME" or "not ok NAME: WHY" for each of its cases. A program that
ends badly, or prints nothing, has failed as a whole.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

import cluster  # noqa: E402
import harness  # noqa: E402

BUILD = harness.ROOT / "build" / "drivers"
CASE_SECONDS = 120


def build_java():
    jar = next(pathlib.Path("/usr/share/java").glob("postgresql.jar"), None)
    if not jar:
        raise RuntimeError("libpostgresql-jdbc-java is not installed")
    source, target = HERE / "Jdbc.java", BUILD / "Jdbc.class"
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["javac", "-encoding", "UTF-8", "-cp", str(jar), "-d", str(BUILD),
                        str(source)], check=True)
    return ["java", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", "-cp", f"{jar}:{BUILD}",
            "Jdbc"]


def build_go():
    target = BUILD / "go"
    subprocess.run(["go", "build", "-o", str(target), "."], cwd=HERE / "go", check=True)
    return [str(target)]


DRIVERS = {
    "JDBC": build_java,
    "Go": build_go,
    "Ruby": lambda: ["ruby", str(HERE / "ruby.rb")],
    "PHP": lambda: ["php", "-d", "display_errors=stderr", str(HERE / "php.php")],
    "Perl": lambda: ["perl", str(HERE / "perl.pl")],
}


def run_driver(name, command, pooler, label, **more):
    """Prints what the program says; how many cases passed and failed."""
    environment = {**os.environ, "POOLER_PORT": str(pooler.port), "POOLER_KIND": harness.KIND,
                   "TZ": "UTC", "LC_ALL": "C.UTF-8", **more}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CASE_SECONDS,
                              env=environment)
        output, trouble = done.stdout, done.stderr if done.returncode else ""
    except subprocess.TimeoutExpired as late:
        output, trouble = (late.stdout or b"").decode(), f"longer than {CASE_SECONDS} s"
    lines = [line for line in output.splitlines() if line.startswith(("ok ", "not ok "))]
    good = sum(line.startswith("ok ") for line in lines)
    bad = len(lines) - good
    if trouble or not lines:
        lines.append(f"not ok the program itself: {trouble[-2000:]}")
        bad += 1
    for line in lines:
        if not line.startswith("ok "):
            print(f"  {name}, {label}: {line}")
    return good, bad


def run_all(commands, pooler, label, **more):
    """All programs through a pooler, which is stopped; how many cases passed and failed."""
    passed = failed = 0
    for name, command in commands.items():
        started = time.monotonic()
        good, bad = run_driver(name, command, pooler, label, **more)
        passed, failed = passed + good, failed + bad
        print(f"{name}, {label}: {good} passed, {bad} failed,"
              f" {time.monotonic() - started:.1f} s")
    try:
        pooler.stop()
    except AssertionError as trouble:
        print(f"  {trouble}")
        failed += 1
    return passed, failed


def on_one_host(commands, folder):
    postgres = harness.Postgres(folder).start()
    try:
        if harness.KIND == "direct":
            yield run_all(commands, harness.Direct(postgres), "direct")
            return
        one = harness.Pooler(postgres, folder, default_pool_size=8).start()
        yield run_all(commands, one, "one server")
        rotated = harness.Pooler(postgres, folder, default_pool_size=8, server_round_robin=1,
                                 min_pool_size=4).start()
        rotated.warm()
        yield run_all(commands, rotated, "rotated")
    finally:
        postgres.stop()


def on_a_cluster(commands, folder):
    pair = cluster.Cluster(folder, replicas=1)
    try:
        pair.primary.sql(cluster.PLACE)
        pair.wait_caught_up()
        splitting = harness.Pooler(pair.primary, folder, databases={"app": pair.words()},
                                   default_pool_size=8, probe_interval="0.2").start()
        cluster.wait_ready(splitting, pair)
        yield run_all(commands, splitting, "splitting", POOLER_SPLITS="1")
    finally:
        pair.remove()


def main():
    wanted = sys.argv[1:] or list(DRIVERS)
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = harness.make_folder()
    passed = failed = 0
    try:
        commands = {}
        for name in wanted:
            try:
                commands[name] = DRIVERS[name]()
            except (OSError, RuntimeError, subprocess.CalledProcessError) as trouble:
                print(f"  {name}: cannot be built: {trouble}")
                failed += 1
        for good, bad in on_one_host(commands, folder):
            passed, failed = passed + good, failed + bad
        if harness.KIND == "pgcarwash":
            for good, bad in on_a_cluster(commands, folder):
                passed, failed = passed + good, failed + bad
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
