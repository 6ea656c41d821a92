#!/usr/bin/env bash
# Runs test programs one after another and sums what their last lines say. An argument is a
# program, or NAME=value:program to set a variable for it. A program that fails shows its
# whole output; one that ends without a count is one failure.
# Usage: tests/run_programs.sh PROGRAM...
set -u

passed=0
failed=0
output=$(mktemp)
trap 'rm -f "$output"' EXIT

for argument in "$@"; do
    setting=
    program=$argument
    if [[ $argument == *=*:* ]]; then
        setting=${argument%%:*}
        program=${argument#*:}
    fi
    env ${setting:+"$setting"} timeout 900 "$program" >"$output" 2>&1
    code=$?
    last=$(tail -n 1 "$output")
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
        more_passed=${BASH_REMATCH[1]}
        more_failed=${BASH_REMATCH[2]}
        if [ "$code" -ne 0 ] && [ "$more_failed" -eq 0 ]; then
            more_failed=1
        fi
    else
        more_passed=0
        more_failed=1
        last="ended with code $code and no count"
    fi
    if [ "$code" -ne 0 ] || [ "$more_failed" -ne 0 ]; then
        cat "$output"
    fi
    echo "  ${setting:+$setting }$program: $last"
    passed=$((passed + more_passed))
    failed=$((failed + more_failed))
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
