#!/bin/sh
# Runs the system tests: tests/system/run.sh [ARGUMENTS OF PYTEST]
#   PGCARWASH          program to test, or
#   PGCARWASH_FLAVOUR  the build of it: release (default), debug, asan
#   POOLER             pgcarwash (default), pgbouncer, direct
#   ROTATE             1 = only with servers rotated between transactions, 0 = only without
#   CROSSING_SECONDS   length of the crossing test (default 20)
#   STARVE_SECONDS     length of the test that nobody starves (4)
#   CONNECTS           connections of the test that memory does not grow (1500)
#   KEEP               keep the temporary folder
# The last line printed is "N passed, N failed".
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
"$here/venv.sh" "$root/build"
cd "$here"
export PYTHONDONTWRITEBYTECODE=1
exec "$root/build/venv/bin/python" -m pytest "$@"
