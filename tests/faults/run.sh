#!/usr/bin/env bash
# Runs the fault scenarios (or those named) under ASan and UBSan. Last line: N passed, N failed.
# Usage: tests/faults/run.sh [SCENARIO...]
set -u
cd "$(dirname "$0")/../.." || exit 1

export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:quarantine_size_mb=16}
timeout 600 build/asan/tests/faults/faults "$@"
code=$?
# Ended by a signal, a sanitizer or the time: there is no count yet.
[ "$code" -le 1 ] || echo "0 passed, 1 failed"
exit "$code"
