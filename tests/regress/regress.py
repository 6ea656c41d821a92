"""Runs the regression suite twice through pgcarwash and compares the results, test by test.

regress.py SUITE LIBRARY [TEST...]: SUITE is src/test/regress of PostgreSQL, LIBRARY its regress.so.
Both runs are serial on pools of one server a host, so they differ in nothing but routing.
"""

import collections
import difflib
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve()
sys.path.insert(0, str(HERE.parents[1] / "system"))

import cluster  # noqa: E402
import harness  # noqa: E402

# What is about the host, the moment or the process, in whatever test it stands.
VARIES = [(re.compile(pattern), text) for pattern, text in (
    (r"\d+\.\d+ ms", "N ms"), (r"pg_toast_\d+", "pg_toast_N"), (r"PID \d+", "PID N"),
    (r"/\S*server\.\w+/", "/server/"), (r"port \d+", "port N"))]

# What pgcarwash says while a read waits for the replica.
TOLD = "NOTICE:  held or refused: no replica can take it"

# Tests with data made by random(): their rows are not compared.
RANDOM = {"cluster"}
ROW = re.compile(r"\s+\S.* \| |\(\d+ rows?\)")


def lines_of(path):
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else "no result\n"
    for pattern, instead in VARIES:
        text = pattern.sub(instead, text)
    lines = [one for one in text.splitlines() if one != TOLD]
    return [one for one in lines if not ROW.match(one)] if path.stem in RANDOM else lines


def schedule(suite, wanted):
    tests = []
    for line in (suite / "parallel_schedule").read_text(encoding="ascii").splitlines():
        if line.startswith("test:"):
            tests += line[5:].split()
    return wanted or tests


def statements(node, head):
    """The texts of a server's log whose entries begin so, by state: "25006|STATEMENT"."""
    log = node.log_path.read_text(encoding="utf-8", errors="replace")
    return collections.Counter(entry[len(head):].rstrip("\n")
                               for entry in re.split(r"(?m)^(?=\w{5}\|)", log)
                               if entry.startswith(head))


def writes_lost(made):
    """What the replica refused to write and the primary was never asked to, and how much it was."""
    refused = statements(made.replicas[0], "25006|STATEMENT:  ")
    asked = statements(made.primary, "00000|LOG:  statement: ")
    print(f"  writes that reached the replica: {refused.total()}")
    return list((refused - asked).elements())


def begin_anew(suite):
    """
    A client that comes meets what the one before left on the server they share, on each host of
    its own: so whoever leaves by \\c takes that along, as without a pooler.
    """
    for path in (suite / "sql").glob("*.sql"):
        text = path.read_bytes()
        path.write_bytes(text.replace(b"\n\\c ", b"\nDISCARD ALL;\n\\c "))


def run(folder, name, suite, library, tests, splits):
    """One run on a cluster of its own: the folder with its results, and the writes lost."""
    home = harness.make_folder(folder, f"{name}.")
    made = cluster.Cluster(folder, 1, autovacuum="off", max_prepared_transactions=0,
                           shared_buffers="'128MB'", log_line_prefix="'%e|'",
                           log_statement="'all'")
    pooler = None
    try:
        made.primary.sql("create role regress superuser login")
        made.primary.sql("create database regression template template0 owner regress", "postgres")
        for setting in ("lc_messages = 'C'", "timezone = 'PST8PDT'", "datestyle = 'Postgres, MDY'",
                        "intervalstyle = 'postgres_verbose'",
                        "timezone_abbreviations = 'Default'", "bytea_output = 'hex'"):
            made.primary.sql(f"alter database regression set {setting}")
        made.wait_caught_up()
        # A test goes on as another session (\c) and relies on what it has written before.
        words = made.words(dbname="regression", probe_user="regress",
                           read_consistency="database") if splits else \
            {"port": made.primary.port, "dbname": "regression"}
        pooler = harness.Pooler(made.primary, folder, databases={"regression": words},
                                secrets={"regress": ""}, default_pool_size=1,
                                query_wait_timeout=60,
                                # Reads wait for the replica, or hardly any would be run there.
                                **({"probe_interval": "0.05", "when_no_replica": "wait"}
                                   if splits else {})).start()
        command = [
            f"/usr/lib/postgresql/{harness.postgres_bin('psql').split('/')[4]}/lib/pgxs/src/test"
            "/regress/pg_regress", "--use-existing", "--host=127.0.0.1", f"--port={pooler.port}",
            "--user=regress", "--dbname=regression", f"--inputdir={suite}",
            f"--outputdir={home}", f"--dlpath={library.parent}", "--max-connections=1",
            f"--bindir={pathlib.Path(harness.postgres_bin('psql')).parent}"]
        for test in tests:
            # What a test leaves on its server (search_path) is not for the next one.
            pooler.console("RECONNECT")
            subprocess.run([*command, test], cwd=home,
                           env={**harness.clean_environment(home), "PGSSLMODE": "disable"},
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           timeout=600, check=False, **harness.unprivileged())
        if splits:
            for row in pooler.console("SHOW ROUTES"):
                print(f"  {row['database']}: {row['reason']} {row['transactions']}")
        pooler.check()
        lost = writes_lost(made) if splits else []
    finally:
        if pooler:
            pooler.stop()
        made.remove()
    return home / "results", lost


def main():
    suite, library = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
    tests = schedule(suite, sys.argv[3:])
    folder = harness.make_folder()
    # The unprivileged user reads the suite and loads the library from here.
    readable = folder / "suite"
    shutil.copytree(suite, readable)
    begin_anew(readable)
    shutil.copy(library, readable / "regress.so")
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    passed = failed = 0
    try:
        found = [run(folder, name, readable, readable / "regress.so", tests, splits)
                 for name, splits in (("plain", False), ("split", True))]
        for test in tests:
            plain, split = (lines_of(results / f"{test}.out") for results, _ in found)
            if plain == split and plain != ["no result"]:
                passed += 1
                continue
            failed += 1
            print(f"{test} differs:")
            print("\n".join(list(difflib.unified_diff(plain, split, "one host", "split",
                                                      n=3, lineterm=""))[:60]))
        for text in found[1][1]:
            failed += 1
            print(f"refused by the replica, never run on the primary: {text}")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
