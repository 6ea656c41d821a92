#!/usr/bin/env bash
# What is generated from the tables must be what is committed: makes it anew in a folder of its
# own and compares. "make docs" mends it.
set -u
cd "$(dirname "$0")/.." || exit 1

folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
passed=0
failed=0
for tool in gendocs genadmin genman; do
    build/debug/$tool "$folder" && continue
    echo "build/debug/$tool does not run: make build/debug/$tool"
    failed=1
done
if [ "$failed" -eq 0 ]; then
    while read -r name; do
        if diff -u "$name" "$folder/$name" >"$folder/difference" 2>&1; then
            passed=$((passed + 1))
        else
            head -20 "$folder/difference"
            echo "$name is stale: run make docs and commit it"
            failed=$((failed + 1))
        fi
    done < <(cd "$folder" && find . -type f ! -name difference -printf '%P\n' | sort)
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
