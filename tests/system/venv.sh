#!/bin/sh
# Makes BUILD/venv and BUILD/node with what the system tests need, unless they are there and
# up to date: tests/system/venv.sh BUILD
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
