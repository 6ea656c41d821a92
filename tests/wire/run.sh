#!/bin/bash
# Runs the runner's own tests, then all wire scripts (or those given) against the daemon.
#
# PGCARWASH: the program; set but empty: there is none yet, only the runner is tested.
# PGCARWASH_FLAVOUR: the build flavour when PGCARWASH is not set (asan).
# Last line: N passed, N failed.

set -u
here=$(dirname "$(readlink -f "$0")")
program=${PGCARWASH-build/${PGCARWASH_FLAVOUR:-asan}/pgcarwash}
passed=0 failed=0

# run COMMAND...: adds up what its last line counts
run() {
	local output last
	output=$("$@" 2>&1)
	last=${output##*$'\n'}
	if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
		passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
		output=${output%"$last"}
	else
		failed=$((failed + 1))
	fi
	printf '%s' "$output"
}

if [ $# -eq 0 ]; then
	run "$here/selftest.py"
	set -- "$here"/*.wire
fi
if [ -z "$program" ]; then
	echo "no daemon was built: the scripts were not run"
elif [ ! -x "$program" ]; then
	echo "$program: not there"
	failed=$((failed + 1))
else
	PGCARWASH=$(readlink -f "$program")
	export PGCARWASH
	run "$here/wirerun.py" "$@"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
