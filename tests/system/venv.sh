#!/bin/sh
# Makes BUILD/venv, BUILD/node and BUILD/servers with what the system tests need, unless they are
# there and up to date: tests/system/venv.sh BUILD
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
mkdir -p "$build"

python=/usr/bin/python3
"$python" -c 'import venv, ensurepip' 2>/dev/null || python=python3

if ! cmp -s "$here/requirements.txt" "$build/venv/requirements.txt"; then
    echo "making $build/venv"
    rm -rf "$build/venv"
    "$python" -m venv "$build/venv"
    "$build/venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$build/venv/requirements.txt"
fi

if ! cmp -s "$here/node/package-lock.json" "$build/node/installed"; then
    echo "making $build/node"
    rm -rf "$build/node"
    mkdir -p "$build/node"
    cp "$here/node/package.json" "$here/node/package-lock.json" "$build/node/"
    (cd "$build/node" && npm ci --silent --no-audit --no-fund)
    cp "$here/node/package-lock.json" "$build/node/installed"
fi

# PostgreSQL 16 to 18, of which Debian 12 has none; there are binaries for x86-64 only. Their
# symbolic links are made by a script of theirs, run here by name: npm may be set up to run none.
if [ "$(uname -m)" = x86_64 ] &&
    ! cmp -s "$here/servers/package-lock.json" "$build/servers/installed"; then
    echo "making $build/servers"
    rm -rf "$build/servers"
    mkdir -p "$build/servers"
    cp "$here/servers/package.json" "$here/servers/package-lock.json" "$build/servers/"
    (cd "$build/servers" && npm ci --silent --no-audit --no-fund --ignore-scripts)
    for one in "$build"/servers/node_modules/postgresql-*; do
        (cd "$one" && node scripts/hydrate-symlinks.js)
    done
    cp "$here/servers/package-lock.json" "$build/servers/installed"
fi
