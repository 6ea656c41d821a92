#!/usr/bin/env bash
# A car wash takes bookings through pgcarwash: starts a throw-away PostgreSQL with two streaming
# replicas and pgcarwash in front of them, lets hundreds of clients book for a while; meanwhile one
# replica falls behind and comes back, and the primary moves to the other. Shows what the console
# says and, at the end, what the clients noticed. Everything lives in one temporary folder that is
# gone at the end, also after Ctrl-C. The servers run as an unprivileged user when this is started
# by root.
#   DEMO_SECONDS  how long, at least 24 (30)
#   DEMO_CLIENTS  how many clients (400)
set -eu
cd "$(dirname "$0")/../.."
here=$PWD/tests/demo
seconds=${DEMO_SECONDS:-30}
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
nodes=("" "" "")
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
    for node in "${nodes[@]}"; do end_process QUIT "$node"; done
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

ports=()
while [ ${#ports[@]} -lt 4 ]; do
    port=$(free_port)
    case " ${ports[*]-} " in *" $port "*) ;; *) ports+=("$port") ;; esac
done
pooler_port=${ports[3]}

# $1 number of a node; then a command of psql for it as superuser
on_node() {
    local port=${ports[$1]}
    shift
    "$bin/psql" -h "$folder" -p "$port" -U postgres -XAtq "$@" carwash
}
start_node() {
    "${as_user[@]}" "$bin/postgres" -D "node$1" -p "${ports[$1]}" >"node$1.log" 2>&1 &
    nodes[$1]=$!
    wait_for "node $1" "node$1.log" "$bin/psql" -h "$folder" -p "${ports[$1]}" -U postgres -Xqc \
        "select 1" postgres
}
# $1 follows $2
follow() {
    echo "primary_conninfo = 'host=127.0.0.1 port=${ports[$2]} user=postgres'" \
        >>"node$1/postgresql.auto.conf"
}

echo "starting PostgreSQL ($("$bin/postgres" -V | awk '{ print $3 }')): a primary on port ${ports[0]}," \
    "replicas on ${ports[1]} and ${ports[2]}"
"${as_user[@]}" "$bin/initdb" -D node0 -U postgres -A trust -E UTF8 --locale=C --no-sync \
    --no-instructions >initdb.log
cat >>node0/postgresql.conf <<SETTINGS
listen_addresses = '127.0.0.1'
unix_socket_directories = '$folder'
max_connections = 100
shared_buffers = 128MB
fsync = off
wal_level = replica
hot_standby = on
wal_keep_size = 256MB
wal_retrieve_retry_interval = 200ms
SETTINGS
start_node 0
"$bin/psql" -h "$folder" -p "${ports[0]}" -U postgres -Xqc "create role washer login password 'soap'" \
    -c "create database carwash owner washer" postgres
"$bin/psql" -h "$folder" -p "${ports[0]}" -U washer -Xq -v ON_ERROR_STOP=1 -f schema.sql carwash
on_node 0 -F ' ' -c "select format('the car wash has %s services, %s customers,
 %s bookings', (select count(*) from services), (select count(*) from customers),
 (select count(*) from bookings))" | tr -d '\n'
echo
for node in 1 2; do
    "${as_user[@]}" "$bin/pg_basebackup" -D "node$node" -h 127.0.0.1 -p "${ports[0]}" -U postgres \
        -X stream -c fast --no-sync
    follow "$node" 0
    "${as_user[@]}" touch "node$node/standby.signal"
    start_node "$node"
done

# ---- pgcarwash, sized as in the guide: 1000 clients on 25 servers ----

cat >pooler.ini <<SETTINGS
[databases]
carwash = host=127.0.0.1,127.0.0.1,127.0.0.1 port=${ports[0]},${ports[1]},${ports[2]} dbname=carwash read_write_split=on max_replica_lag=2 replica_retry_after=3

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
probe_interval = 0.5
probe_user = postgres
log_connections = 0
log_disconnections = 0
SETTINGS
printf '"washer" "soap"\n"operator" "sponge"\n' >users.txt
chown "$user" pooler.ini users.txt
echo "starting $name on port $pooler_port: 1000 clients allowed, 25 connections to each server"
"${as_user[@]}" "$folder/$name" pooler.ini >pooler.log 2>&1 &
pooler=$!
console() {
    PGPASSWORD=sponge "$bin/psql" -h 127.0.0.1 -p "$pooler_port" -U operator -X "$@" "$name"
}
# The named columns of a console command, of the row or rows of the car wash.
show() {
    local command=$1
    shift
    console -A -F '|' -P footer=off -c "$command" | awk -F '|' -v wanted="$*" '
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
    -c "$clients" -j 2 -T "$seconds" -P 5 -l --log-prefix=load.log \
    -f availability.sql@6 -f lookup.sql@3 -f create.sql@1 carwash >load.out 2>load.err &
load=$!


# $1 what is to be seen; then all that the console has to say of it
report() {
    echo
    echo "after $((SECONDS - began)) s: $1"
    show "SHOW CLUSTERS" port role state lag_seconds round connections
}
# $1 node, $2 state: until the console says so, ten seconds at most
until_state() {
    for _ in $(seq 100); do
        if console -A -F ' ' -t -c "SHOW CLUSTERS" | grep -q " ${ports[$1]} .* $2 "; then return; fi
        kill -0 "$load" 2>/dev/null || return 0
        sleep 0.1
    done
    echo "demo: node $1 is not $2:" >&2
    console -c "SHOW CLUSTERS" >&2
    exit 1
}

began=$SECONDS
sleep 4
report "reads are spread over the replicas"
show "SHOW POOLS" cl_active cl_waiting sv_active sv_idle sv_used sv_login maxwait pool_mode
show "SHOW STATS" total_xact_count total_query_count total_received total_sent total_query_time

on_node 2 -c "select pg_wal_replay_pause()" >/dev/null
until_state 2 lagging
report "the replica on port ${ports[2]} stands still, and gets no more reads"
on_node 2 -c "select pg_wal_replay_resume()" >/dev/null
until_state 2 up
report "it has caught up and is back"

console -q -c "FAILOVER carwash TO 127.0.0.1:${ports[1]}"
follow 2 1
kill -HUP "${nodes[2]}"
end_process INT "${nodes[0]}"
nodes[0]=
until_state 2 up
report "the primary has moved to port ${ports[1]}, the old one was switched off"

code=0
wait "$load" || code=$?
load=
report "the end"
show "SHOW ROUTES" reason transactions

# ---- the summary: what the clients noticed ----

echo
if [ "$code" -ne 0 ] || ! grep -q '^tps' load.out; then
    echo "demo: the workload failed:" >&2
    tail -n 20 load.err >&2
    tail -n 20 pooler.log >&2
    exit 1
fi
failed=$(sed -n 's/^number of failed transactions: \([0-9]*\) .*/\1/p' load.out)
errors=$(grep -c -i 'error' load.err || true)
made=$(on_node 1 -c "select count(*) from bookings where made > (select min(made) from bookings)")
slowest=$(cat load.log.* | awk '$3 > most { most = $3 } END { printf "%.1f", most / 1000 }')
echo "== summary"
sed -n "s/^number of transactions actually processed: \([0-9]*\).*/transactions        \1/p
        s/^tps = \([0-9.]*\).*/per second          \1/p
        s/^latency average = \(.*\)/mean latency        \1/p" load.out | awk '!seen[$1]++'
echo "slowest             $slowest ms (the move of the primary is in it)"
echo "clients             $clients"
echo "bookings made       $made"
echo "errors              $((${failed:-0} + errors))"
[ $((${failed:-0} + errors)) -eq 0 ]
