#!/usr/bin/env bash
# Every include goes to the file's own folder or to one on an earlier line of src/LAYERS, and
# every folder of src/, include/ and tests/unit/ is named there. The tests of session play on
# tests/stage.
set -u
cd "$(dirname "$0")/.." || exit 1

# "line folder" for each folder, and all folders in one pattern
ranks=$(sed 's/#.*//' src/LAYERS | awk 'NF { line++; for (i = 1; i <= NF; i++) print line, $i }')
violations=$(
    for folder in src/*/ include/*/ tests/unit/*/; do
        [ -d "$folder" ] || continue
        name=$(basename "$folder")
        grep -qE "^[0-9]+ $name\$" <<<"$ranks" || echo "$folder: $name is not in src/LAYERS"
    done
    find src include tests/unit -name '*.[ch]' -mindepth 2 -print0 2>/dev/null |
        xargs -0 -r grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]+"[a-z_]+/' |
        awk -v ranks="$ranks" '
            BEGIN {
                count = split(ranks, lines, "\n")
                for (i = 1; i <= count; i++) { split(lines[i], part, " "); rank[part[2]] = part[1] }
            }
            {
                split($0, field, ":")
                folder = field[1]
                sub(/^(src|include|tests\/unit)\//, "", folder)
                sub(/\/.*/, "", folder)
                target = $0
                sub(/^[^"]*"/, "", target)
                sub(/\/.*/, "", target)
                if (target == folder || !(folder in rank)) next
                if (target == "stage" && field[1] ~ /^tests\/unit\/session\//) next
                if (!(target in rank))
                    printf "%s:%s: %s is not in src/LAYERS\n", field[1], field[2], target
                else if (rank[target] >= rank[folder])
                    printf "%s:%s: %s may not use %s\n", field[1], field[2], folder, target
            }'
)
files=$(find src include tests/unit -name '*.[ch]' 2>/dev/null | wc -l)
failed=0
if [ -n "$violations" ]; then
    echo "$violations"
    failed=$(grep -c '' <<<"$violations")
fi
if [ "$files" -eq 0 ]; then
    echo "no source found"
    failed=1
fi
echo "$((failed == 0)) passed, $failed failed"
[ "$failed" -eq 0 ]
