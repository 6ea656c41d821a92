"""What the table of PostgreSQL's own functions says is true of the server that runs here."""

import os
import pathlib
import re
import subprocess

import pytest

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
HEADER = ROOT / "src/sql/builtin_functions.h"
SCRIPT = ROOT / "tests/tools/builtin_functions.sh"
# Volatile, and said to read what is the same on a standby: each is looked at by a person.
ALLOWED = {"clock_timestamp", "current_query", "gen_random_uuid", "pg_get_wal_resource_managers",
           "pg_partition_ancestors", "pg_partition_tree", "pg_sleep", "pg_sleep_for",
           "pg_sleep_until", "random", "timeofday"}


def tables():
    """effect -> names, as the C source has them."""
    found = re.findall(r"builtin_(\w+)\[\] = \{(.*?)\};", HEADER.read_text(), re.S)
    return {effect: re.findall(r'N\("(\w+)"\)', names) for effect, names in found}


@pytest.fixture(scope="module")
def volatile(shared_postgres):
    return {row[0] for row in shared_postgres.sql(
        "select proname from pg_proc where provolatile = 'v' and pronamespace = 'pg_catalog'"
        "::regnamespace")}


def test_no_volatile_function_is_said_to_read(volatile):
    assert len(volatile) > 100
    assert not set(tables()["reads"]) & volatile
    assert set(tables()["allowed"]) == ALLOWED & volatile


def test_functions_that_assign_transaction_ids_write():
    assert {"txid_current", "pg_current_xact_id", "nextval", "setval", "pg_notify",
            "set_config", "pg_advisory_lock", "lo_create"} <= set(tables()["writes"])


def test_every_name_is_in_one_table_and_sorted():
    every = [name for names in tables().values() for name in names]
    assert len(every) == len(set(every)) > 1500
    for names in tables().values():
        assert names == sorted(names)


def test_the_script_makes_what_is_committed(shared_postgres):
    if shared_postgres.sql("select current_setting('server_version_num')::int / 10000")[0][0] != "15":
        pytest.skip("the table is PostgreSQL 15's")
    bin_folder = pathlib.Path(harness.postgres_bin("psql")).parent
    here = {**os.environ, "PGHOST": str(shared_postgres.folder), "PGUSER": "postgres",
            "PGPORT": str(shared_postgres.port), "PGDATABASE": "app",
            "PATH": f"{bin_folder}:{os.environ['PATH']}"}
    made = subprocess.run([SCRIPT], env=here, capture_output=True, text=True, check=True).stdout
    assert made == HEADER.read_text()
