#!/bin/sh
# Drivers of other languages through the pooler: tests/drivers/run.sh [JDBC|Go|Ruby|PHP|Perl...]
#   PGCARWASH  program to test; without it build/release/pgcarwash
#   POOLER     pgcarwash (default), pgbouncer, direct
# Installs what is missing. The last line printed is "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."
tests/deps.sh drivers
python=/usr/bin/python3
[ -x "$python" ] || python=python3
export PYTHONDONTWRITEBYTECODE=1
exec "$python" tests/drivers/drivers.py "$@"
