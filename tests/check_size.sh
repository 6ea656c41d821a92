#!/usr/bin/env bash
# Files up to 600 lines, headers 150, functions 70, nesting 3, lines 100 columns (a tab
# counts 8). What tests/size_exceptions lists, with its own limit and a reason, may be larger.
# An exception that is no longer needed is a violation too.
set -u
cd "$(dirname "$0")/.." || exit 1

find src include tests -name '*.[ch]' -print0 | sort -z | xargs -0 -r awk '
    function violation(key, what, size, limit) {
        if (key in exception) {
            limit = exception[key]
            needed[key] = 1
        }
        if (size <= limit)
            return
        printf "%s: %s %d, at most %d\n", key, what, size, limit
        failed++
    }
    function end_of_file() {
        violation(file, "lines", lines, file ~ /^include\// ? 150 : 600)
        files++
    }
    function width(text,   i, columns) {
        for (i = 1; i <= length(text); i++)
            columns += substr(text, i, 1) == "\t" ? 8 - columns % 8 : 1
        return columns
    }
    BEGIN {
        while ((getline text < "tests/size_exceptions") > 0) {
            if (text ~ /^#/ || text ~ /^[[:space:]]*$/) continue
            if (split(text, part, " ") < 3) { print "tests/size_exceptions: no reason: " text; failed++ }
            exception[part[1]] = part[2] + 0
        }
    }
    FNR == 1 { if (file != "") end_of_file(); file = FILENAME; name = ""; start = 0 }
    { lines = FNR }
    length($0) > 20 && width($0) > 100 { violation(file ":" FNR, "columns", width($0), 100) }
    # A definition starts at the left margin and its body is a brace of its own there.
    /^[a-z_].*\(/ && !/;[[:space:]]*$/ {
        name = $0
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        if (name == "TEST") { name = $0; sub(/.*\(/, "", name); sub(/\).*/, "", name) }
    }
    /^\{/ { start = FNR }
    /^\}/ {
        if (start && name != "") violation(file ":" name, "lines", FNR - start - 1, 70)
        start = 0
        name = ""
    }
    start && /^\t\t\t\t+(if|for|while|switch|do)[ ({]/ {
        match($0, /^\t+/)
        violation(file ":" FNR, "nesting", RLENGTH, 3)
    }
    END {
        if (file != "") end_of_file()
        for (key in exception)
            if (!(key in needed)) { print "tests/size_exceptions: " key " needs no exception"; failed++ }
        if (!files) { print "no source found"; failed++ }
        printf "%d passed, %d failed\n", (files > failed ? files - failed : 0), failed
        exit (failed > 0)
    }'
