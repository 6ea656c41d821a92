#!/usr/bin/env bash
# A car wash takes bookings through pgcarwash: starts a throw-away PostgreSQL and pgcarwash in
# front of it, lets hundreds of clients book for a while, shows what the console says meanwhile
# and what came out. Everything lives in one temporary folder that is gone at the end, also after
# Ctrl-C. PostgreSQL and pgcarwash run as an unprivileged user when this is started by root.
#   DEMO_SECONDS  how long (20)
#   DEMO_CLIENTS  how many clients (400)
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/tests/demo
seconds=${DEMO_SECONDS:-20}
clients=${DEMO_CLIENTS:-400}
program=${PGCARWASH:-build/release/pgcarwash}
name=$(basename "$program")

if [ -z "${PGCARWASH:-}" ]; then
    tests/deps.sh build demo
    "${MAKE:-make}" release
fi
if [ ! -x "$program" ]; then
    echo "demo: there is no $program (make)" >&2
    exit 1
fi
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)

# ---- who runs what, and how all of it ends ----

as_user=()
user=$(id -un)
if [ "$(id -u)" -eq 0 ]; then
    for user in postgres nobody; do
        if id "$user" >/dev/null 2>&1; then break; fi
    done
    as_user=(setpriv "--reuid=$user" "--regid=$(id -g "$user")" --clear-groups --)
fi

folder=$(mktemp -d "${TMPDIR:-/tmp}/pgcarwash-demo.XXXXXX")
postgres=
pooler=
load=

# Ends one of our processes, at most five seconds later; $1 signal, $2 its id.
end_process() {
    [ -n "$2" ] || return 0
    kill "-$1" "$2" 2>/dev/null || return 0
    for _ in $(seq 50); do
        kill -0 "$2" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$2" 2>/dev/null || true
}

clean_up() {
    trap '' INT TERM HUP
    trap - EXIT
    end_process TERM "$load"
    end_process "$([ "$name" = pgbouncer ] && echo TERM || echo QUIT)" "$pooler"
    end_process QUIT "$postgres"
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'echo; echo "demo: interrupted, cleaning up"; exit 130' INT
trap 'exit 143' TERM HUP

# $1 what, $2 its log; then a command that must succeed within ten seconds
wait_for() {
    local what=$1 log=$2
    shift 2
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then return 0; fi
        sleep 0.1
    done
    echo "demo: $what did not start:" >&2
    tail -n 20 "$log" >&2
    exit 1
}

free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 12000))
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# ---- PostgreSQL with the car wash in it ----

mkdir "$folder/home"
cp "$program" "$folder/$name"
cp "$here"/*.sql "$folder/"
chmod 755 "$folder" "$folder/$name"
chown -R "$user" "$folder"
cd "$folder"
export HOME=$folder/home
export PGCONNECT_TIMEOUT=5
unset PGHOST PGPORT PGUSER PGDATABASE PGPASSWORD PGOPTIONS PGSSLMODE PGSERVICE

server_port=$(free_port)
pooler_port=$(free_port)
while [ "$pooler_port" = "$server_port" ]; do pooler_port=$(free_port); done

echo "starting PostgreSQL ($("$bin/postgres" -V | awk '{ print $3 }')) on port $server_port"
"${as_user[@]}" "$bin/initdb" -D data -U postgres -A trust -E UTF8 --locale=C --no-sync \
    --no-instructions >initdb.log
cat >>data/postgresql.conf <<SETTINGS
port = $server_port
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 100
shared_buffers = 128MB
fsync = off
synchronous_commit = off
SETTINGS
"${as_user[@]}" "$bin/postgres" -D data >postgres.log 2>&1 &
postgres=$!
direct=(-h "$folder" -p "$server_port" -U postgres)
wait_for PostgreSQL postgres.log "$bin/psql" "${direct[@]}" -Xqc "select 1" postgres
"$bin/psql" "${direct[@]}" -Xqc "create role washer login password 'soap'" \
    -c "create database carwash owner washer" postgres
"$bin/psql" -h "$folder" -p "$server_port" -U washer -Xq -v ON_ERROR_STOP=1 -f schema.sql carwash
"$bin/psql" "${direct[@]}" -Xq -F ' ' -Atc "select format('the car wash has %s services, %s customers,
 %s bookings', (select count(*) from services), (select count(*) from customers),
 (select count(*) from bookings))" carwash | tr -d '\n'
echo

# ---- pgcarwash, sized as in the guide: 1000 clients on 25 servers ----

cat >pooler.ini <<SETTINGS
[databases]
carwash = host=127.0.0.1 port=$server_port dbname=carwash

[$name]
listen_addr = 127.0.0.1
listen_port = $pooler_port
unix_socket_dir = $folder
auth_type = md5
auth_file = $folder/users.txt
admin_users = operator
pool_mode = transaction
max_client_conn = 1000
default_pool_size = 25
min_pool_size = 5
reserve_pool_size = 5
reserve_pool_timeout = 3
max_db_connections = 100
max_user_connections = 100
server_idle_timeout = 600
server_lifetime = 3600
server_connect_timeout = 15
query_wait_timeout = 120
client_idle_timeout = 0
client_login_timeout = 60
log_connections = 0
log_disconnections = 0
SETTINGS
printf '"washer" "soap"\n"operator" "sponge"\n' >users.txt
chown "$user" pooler.ini users.txt
echo "starting $name on port $pooler_port: 1000 clients allowed, 25 server connections"
"${as_user[@]}" "$folder/$name" pooler.ini >pooler.log 2>&1 &
pooler=$!
console() {
    PGPASSWORD=sponge "$bin/psql" -h 127.0.0.1 -p "$pooler_port" -U operator -X "$@" "$name"
}
# The named columns of a console command, of the row or rows of the car wash.
show() {
    local command=$1
    shift
    console -A -F ' ' -P footer=off -c "$command" | awk -v wanted="$*" '
        NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; count = split(wanted, name, " ") }
        NR == 1 || $1 == "carwash" {
            for (i = 1; i <= count; i++) {
                width = length(name[i]) > 11 ? length(name[i]) : 11
                printf "  %*s", width, $at[name[i]]
            }
            print ""
        }'
}
wait_for "$name" pooler.log console -c "SHOW VERSION"

# ---- the day's work ----

echo
echo "$clients clients book for $seconds seconds (tests/demo/*.sql: 6 availability, 3 look-up, 1 create)"
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
PGPASSWORD=soap "$bin/pgbench" -h 127.0.0.1 -p "$pooler_port" -U washer -n -M extended \
    -c "$clients" -j 2 -T "$seconds" -P 5 \
    -f availability.sql@6 -f lookup.sql@3 -f create.sql@1 carwash >load.out 2>load.err &
load=$!

servers_used=0
last_shown=0
began=$SECONDS
while kill -0 "$load" 2>/dev/null; do
    count=$("$bin/psql" "${direct[@]}" -XAtqc \
        "select count(*) from pg_stat_activity where usename = 'washer'" carwash 2>/dev/null || echo 0)
    if [ "$count" -gt "$servers_used" ]; then servers_used=$count; fi
    if [ $((SECONDS - began - last_shown)) -ge 5 ]; then
        last_shown=$((SECONDS - began))
        echo
        echo "after $last_shown s: SHOW POOLS"
        show "SHOW POOLS" cl_active cl_waiting sv_active sv_idle sv_used sv_login maxwait pool_mode
        echo "after $last_shown s: SHOW STATS"
        show "SHOW STATS" total_xact_count total_query_count total_received total_sent \
            total_query_time
    fi
    sleep 0.5
done
code=0
wait "$load" || code=$?
load=

# ---- the summary ----

echo
if [ "$code" -ne 0 ] || ! grep -q '^tps' load.out; then
    echo "demo: the workload failed:" >&2
    tail -n 20 load.err >&2
    tail -n 20 pooler.log >&2
    exit 1
fi
failed=$(sed -n 's/^number of failed transactions: \([0-9]*\) .*/\1/p' load.out)
errors=$(grep -c -i 'error' load.err || true)
made=$("$bin/psql" "${direct[@]}" -XAtqc \
    "select count(*) from bookings where made > (select min(made) from bookings)" carwash)
echo "== summary"
sed -n "s/^number of transactions actually processed: \([0-9]*\).*/transactions        \1/p
        s/^tps = \([0-9.]*\).*/per second          \1/p
        s/^latency average = \(.*\)/mean latency        \1/p" load.out | awk '!seen[$1]++'
echo "clients             $clients"
echo "server connections  $servers_used at most"
echo "bookings made       $made"
echo "errors              $((${failed:-0} + errors))"
[ $((${failed:-0} + errors)) -eq 0 ]
