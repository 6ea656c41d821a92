#!/usr/bin/env bash
# PostgreSQL's own regression suite through pgcarwash: once through an entry with one host, once
# through one that splits reads and writes over a primary and a replica; no test may come out
# differently. The suite is taken from Debian's source package, kept in build/regress.
#   REGRESS_TESTS  names of tests (all of parallel_schedule)
#   PGCARWASH      program to test (build/release/pgcarwash)
# The last line printed is "N passed, N failed".
set -eu
cd "$(dirname "$0")/../.."
root=$PWD
work=$root/build/regress
version=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1 | cut -d/ -f5)
if [ -z "$version" ]; then
    echo "regress: PostgreSQL is not installed (make deps-check)" >&2
    exit 1
fi
server_include=/usr/include/postgresql/$version/server
tests/deps.sh regress

# The configured sources of packages, as sources of source packages.
fetch() {
    mkdir -p "$work/apt/parts" "$work/apt/lists/partial" "$work/source"
    cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
        sed -n 's/^deb /deb-src /p' >"$work/apt/list" || true
    for file in /etc/apt/sources.list.d/*.sources; do
        [ ! -e "$file" ] || sed 's/^Types:.*/Types: deb-src/' "$file" \
            >"$work/apt/parts/$(basename "$file")"
    done
    local options=(-o "Dir::Etc::sourcelist=$work/apt/list" -q
        -o "Dir::Etc::sourceparts=$work/apt/parts" -o "Dir::State::lists=$work/apt/lists"
        -o "APT::Sandbox::User=root")
    apt-get "${options[@]}" update >&2
    cd "$work/source"
    # The newest first; a mirror may lack one that it lists.
    for one in $(apt-cache "${options[@]}" showsrc "postgresql-$version" |
        sed -n 's/^Version: //p' | sort -rV | uniq); do
        apt-get "${options[@]}" source --download-only "postgresql-$version=$one" >&2 &&
            tar xf postgresql-"$version"_*.orig.tar.* --wildcards --strip-components=3 \
                '*/src/test/regress' && return 0
    done
    return 1
}

suite=$work/source/regress
if [ ! -f "$suite/parallel_schedule" ]; then
    rm -rf "$work/source"
    if ! (fetch); then
        echo "regress: the source of postgresql-$version cannot be had" >&2
        exit 1
    fi
fi
gcc -shared -fPIC -O1 -w -I"$server_include" -I"$suite" -o "$work/regress.so" "$suite/regress.c"
tests/system/venv.sh build
exec build/venv/bin/python tests/regress/regress.py "$suite" "$work/regress.so" \
    ${REGRESS_TESTS:-}
