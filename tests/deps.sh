#!/usr/bin/env bash
# Installs the Debian packages that are missing for the purposes named; the only place that
# lists them. Needs root or sudo only when something is missing. -n only says what is missing.
# Usage: tests/deps.sh [-n] build|check|fuzz|drivers|demo|bench...
set -u
cd "$(dirname "$0")/.." || exit 1

packages_for() {
    case $1 in
    build) echo gcc make pkg-config binutils libevent-dev libpq-dev libssl-dev libinih-dev \
        libpg-query-dev libidn-dev libhiredis-dev libpam0g-dev libldap-dev ;;
    check) echo git procps openssl haproxy python3 python3-venv nodejs npm postgresql \
        postgresql-contrib pgbouncer prometheus-pgbouncer-exporter slapd patroni etcd-server ;;
    fuzz) echo clang libclang-rt-14-dev ;;
    drivers) echo python3 postgresql postgresql-contrib default-jdk-headless \
        libpostgresql-jdbc-java golang-go ruby ruby-pg php-cli php-pgsql perl libdbd-pg-perl ;;
    demo) echo postgresql postgresql-contrib ;;
    regress) echo gcc python3 python3-venv dpkg-dev postgresql postgresql-server-dev-15 ;;
    bench) echo python3 postgresql postgresql-contrib pgbouncer haproxy ;;
    *) return 1 ;;
    esac
}

is_installed() {
    # A Node.js that is not Debian's brings its own npm and cannot have Debian's; a Go or Java
    # that is there already is good enough.
    case $1 in
    npm) command -v npm >/dev/null && return 0 ;;
    golang-go) command -v go >/dev/null && return 0 ;;
    default-jdk-headless) command -v javac >/dev/null && return 0 ;;
    esac
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

dry=
if [ "${1:-}" = -n ]; then
    dry=yes
    shift
fi
missing=()
for purpose in "$@"; do
    if ! packages=$(packages_for "$purpose"); then
        echo "deps.sh: unknown purpose \"$purpose\"" >&2
        exit 2
    fi
    for package in $packages; do
        is_installed "$package" || missing+=("$package")
    done
done
if [ ${#missing[@]} -eq 0 ]; then
    exit 0
fi
if [ -n "$dry" ]; then
    echo "${missing[@]}"
    exit 1
fi
if ! command -v apt-get >/dev/null; then
    echo "deps.sh: no apt-get here; install what these Debian packages hold: ${missing[*]}" >&2
    exit 1
fi
root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "deps.sh: run this as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    root=(sudo)
fi
echo "installing ${missing[*]}"
"${root[@]}" apt-get update -qq || exit 1
"${root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
