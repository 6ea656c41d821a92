#!/usr/bin/env bash
# Runs make targets one after another, goes on after a failure, and sums the last count each
# of them prints. A target that fails or prints no count is a failure.
# Usage: MAKE=make tests/check.sh TARGET...
set -u

# Build on all processors, unless the caller has said how many jobs there may be.
jobs=
[[ ${MAKEFLAGS:-} == *-j* || ${MAKEFLAGS:-} == *jobserver* ]] || jobs=-j$(nproc)

passed=0
failed=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

for target in "$@"; do
    echo "== $target"
    ${MAKE:-make} $jobs "$target" 2>&1 | tee "$output"
    code=${PIPESTATUS[0]}
    count=$(grep -E '^[0-9]+ passed, [0-9]+ failed$' "$output" | tail -n 1)
    more_passed=0
    more_failed=0
    if [ -n "$count" ]; then
        more_passed=${count%% passed*}
        more_failed=${count##*passed, }
        more_failed=${more_failed%% failed}
    fi
    if [ "$more_failed" -eq 0 ] && { [ "$code" -ne 0 ] || [ -z "$count" ]; }; then
        echo "$target: ended with code $code${count:+ although it printed $count}"
        more_failed=1
    fi
    passed=$((passed + more_passed))
    failed=$((failed + more_failed))
done

echo "== all of them"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
