#!/usr/bin/env bash
# Measures pgcarwash beside no pooler, Debian's pgbouncer and haproxy in TCP mode: throughput,
# latency, the pooler's own CPU time and memory. Everything runs in a temporary folder on free
# ports and is gone afterwards, also after Ctrl-C. Wants a machine with nothing else to do.
#
#   PGCARWASH      the program to measure          (build/release/pgcarwash)
#   BENCH_SECONDS  measured time of a pgbench run  (3)
#   BENCH_ROUNDS   rounds per line                 (5)
#   BENCH_LINES    regular expression on line names (all; BENCH_LINES=? lists them)
#   BENCH_TARGETS  (direct pgbouncer haproxy pgcarwash)
#   BENCH_QUICK    1: one short round of everything, to see that it works
#   BENCH_OUT      markdown file to write, with the numbers as JSON beside it; in a file that
#                  exists only the part between its bench markers is replaced
set -u
cd "$(dirname "$0")/../.." || exit 1
tests/deps.sh bench || exit 1
ulimit -n "$(ulimit -Hn)"
exec python3 -B tests/bench/bench.py
