#!/usr/bin/env bash
# Runs each fuzz target for FUZZ_SECONDS. New inputs stay in build/fuzz/corpus; a finding is
# left in build/fuzz as crash-<module>-...: mend it and add the input to tests/fuzz/corpus.
# Usage: tests/fuzz/run.sh MODULE...
set -u
cd "$(dirname "$0")/../.." || exit 1

passed=0
failed=0
for module in "$@"; do
    corpus=build/fuzz/corpus/$module
    stored=tests/fuzz/corpus/$module
    dictionary=tests/fuzz/$module.dict
    mkdir -p "$corpus" "$stored"
    if "build/fuzz/fuzz_$module" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=0 -verbosity=0 -artifact_prefix="build/fuzz/crash-$module-" \
        $([ -f "$dictionary" ] && echo "-dict=$dictionary") "$corpus" "$stored"; then
        echo "  $module: nothing found"
        passed=$((passed + 1))
    else
        echo "  $module: found something, see build/fuzz/crash-$module-*"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
