# lib.bash: reference nodes, relays and probes for bats files.
#
#   setup_file()    { interop_setup_file; }
#   setup()         { interop_setup; }
#   teardown()      { interop_teardown; }
#   teardown_file() { interop_teardown_file; }
#
# Everything runs in a network namespace that has only loopback. Each file gets one, with a relay in it.
# A process NAME keeps its files in $BATS_TEST_TMPDIR/NAME: in (requests), out (NDJSON), err, pid, started (first line).
# The programs and their JSON are described in README.md.

INTEROP_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# Seconds that a wait may take; TIME_FACTOR stretches them on slow machines.
: "${INTEROP_LIMIT_S:=20}"
: "${TIME_FACTOR:=1}"

# Options for a group that finds its leader soon. The heartbeat settings are part of its id: for all members or none.
BRISK=(--heartbeat-interval 100ms --heartbeat-jitter 20ms --election-timeout 300ms --election-timeout-jitter 150ms)
# shellcheck disable=SC2034 # for the bats files
FAST=("${BRISK[@]}" --bootstrap-delay 200ms)

# ---- namespace

# exec_in_net COMMAND...: replaces this (sub)shell, so that `exec_in_net x &` leaves the pid of x in $!.
exec_in_net() {
    if [ -n "${INTEROP_NET_PID-}" ]; then
        exec nsenter --target "$INTEROP_NET_PID" --user --net --preserve-credentials -- "$@"
    fi
    exec "$@"
}

in_net() {
    (exec_in_net "$@")
}

only_loopback() {
    [ "$(ip -o link show up | wc -l)" -eq 1 ] && ip -o link show up | grep -q ' lo:'
}

# A process that keeps a new namespace alive as long as this shell lives. Root and others alike need a user namespace
# of their own here: what works for one is then tested for both.
start_namespace() {
    local ready=$BATS_FILE_TMPDIR/namespace
    if only_loopback; then
        return
    fi
    mkfifo "$ready"
    # shellcheck disable=SC2016 # the inner shell expands these
    unshare --user --map-root-user --net \
        sh -c 'ip link set lo up && echo up >"$1" && exec tail --pid="$2" -f /dev/null' sh "$ready" "$$" \
        >/dev/null 2>"$ready.err" 3>&- &
    INTEROP_NET_PID=$!
    echo "$INTEROP_NET_PID" >>"$BATS_FILE_TMPDIR/pids"
    export INTEROP_NET_PID
    if ! read -r -t 10 <>"$ready"; then
        cat "$ready.err" >&2
        echo "interop: no network namespace to be had" >&2
        return 1
    fi
}

# ---- waiting

# wait_line FILE EXPRESSION [SECONDS] [PID]: prints the first line of an NDJSON file for which the jq expression holds,
# and fails when there is none in time, or PID ends before.
wait_line() {
    local file=$1 expression=$2 limit_s=${3:-$INTEROP_LIMIT_S} pid=${4-} feed tail_pid line
    exec {feed}< <(exec timeout "$((limit_s * TIME_FACTOR))" \
        tail -s 0.05 -n +1 ${pid:+--pid="$pid"} -F "$file" 2>/dev/null 3>&-)
    tail_pid=$!
    line=$(jq -cn --unbuffered "first(inputs | select($expression))" <&"$feed" 3>&-)
    exec {feed}<&-
    kill "$tail_pid" 2>/dev/null || :
    if [ -z "$line" ]; then
        echo "wait_line: $file: no line within ${limit_s}s: $expression" >&2
        tail -n 3 "$file" >&2
        return 1
    fi
    echo "$line"
}

# wait_exit PID [SECONDS]
wait_exit() {
    timeout "$((${2:-$INTEROP_LIMIT_S} * TIME_FACTOR))" tail --pid="$1" -s 0.05 -f /dev/null 3>&-
}

# ---- processes

# peer_launch NAME ARGUMENT...: starts mosaik-peer. Its stdin is a FIFO it holds open itself: requests come and go without
# ending it.
peer_launch() {
    local name=$1 dir=$BATS_TEST_TMPDIR/$1
    shift
    mkdir -p "$dir"
    rm -f "$dir/in"
    mkfifo "$dir/in"
    exec_in_net "$MOSAIK_PEER" "$@" 0<>"$dir/in" >"$dir/out" 2>"$dir/err" 3>&- &
    record "$name" $!
}

# record NAME PID: a process just started, to be ended with the test.
record() {
    echo "$2" >"$BATS_TEST_TMPDIR/$1/pid"
    echo "$2" >>"$BATS_TEST_TMPDIR/pids"
}

# await_start NAME [FIRST-EVENT]
await_start() {
    local dir=$BATS_TEST_TMPDIR/$1
    wait_line "$dir/out" ".event == \"${2-node_started}\"" "" "$(peer_pid "$1")" >"$dir/started" || {
        cat "$dir/err" >&2
        return 1
    }
}

# rust_start NAME [OPTION...]: a reference node in the network $NETWORK. rust_launch does not wait for it.
rust_start() {
    rust_launch "$@"
    await_start "$1"
}

rust_launch() {
    peer_launch "$1" node --network "$NETWORK" --relay "$RELAY_URL" "${@:2}"
}

# probe_start NAME [OPTION...]: a raw endpoint.
probe_start() {
    peer_launch "$1" probe "${@:2}"
    await_start "$1" probe_started
}

peer_pid() { cat "$BATS_TEST_TMPDIR/$1/pid"; }
peer_out() { echo "$BATS_TEST_TMPDIR/$1/out"; }
peer_id() { jq -r .peer_id "$BATS_TEST_TMPDIR/$1/started"; }
# peer_address NAME: what others dial, PEERID@IP:PORT.
peer_address() { jq -r '.peer_id + "@" + .address' "$BATS_TEST_TMPDIR/$1/started"; }

# peer_do NAME REQUEST [SECONDS]: sends a request (JSON without id), prints the answer, fails if it says so.
peer_do() {
    local name=$1 id=$BASHPID-$EPOCHREALTIME answer
    jq -c --arg id "$id" '.id = $id' <<<"$2" 1<>"$BATS_TEST_TMPDIR/$name/in" || return
    answer=$(wait_line "$(peer_out "$name")" ".event == \"answer\" and .id == \"$id\"" "${3-}" "$(peer_pid "$name")") ||
        return
    echo "$answer"
    jq -e .ok <<<"$answer" >/dev/null
}

# wait_event NAME EXPRESSION [SECONDS]
wait_event() {
    wait_line "$(peer_out "$1")" "$2" "${3-}" "$(peer_pid "$1")"
}

# last_seq NAME: the number of the newest event; later ones have `.seq > N`.
last_seq() {
    tail -n 1 "$(peer_out "$1")" | jq .seq
}

# ---- groups: NODE is NAME, or NAME/ALIAS where a node has several groups

# group_request NODE REQUEST
group_request() {
    local alias=${1#"${1%%/*}"}
    jq -c --arg alias "${alias#/}" 'if $alias == "" then . else .group = $alias end' <<<"$2"
}

# rust_wait NODE CONDITION...: prints the state in which all of them hold.
rust_wait() {
    local node=$1 conditions limit_s=$((INTEROP_LIMIT_S * TIME_FACTOR))
    shift
    conditions=$(jq -cn '$ARGS.positional' --args "$@")
    peer_do "${node%%/*}" \
        "$(group_request "$node" "{\"cmd\":\"wait\",\"conditions\":$conditions,\"timeout\":\"${limit_s}s\"}")" \
        "$((INTEROP_LIMIT_S + 5))"
}

# rust_mesh NODE...: waits until all are bonded with each other. Two reference nodes that dial at once can close both
# connections (groups.md 2.6), and dial again only when an entry changes. So those that stay apart are given a change.
rust_mesh() {
    local attempt node other conditions
    for attempt in {1..10}; do
        for node in "$@"; do
            conditions=()
            for other in "$@"; do
                [ "$other" = "$node" ] || conditions+=("bonded=$(peer_id "${other%%/*}")")
            done
            if ! INTEROP_LIMIT_S=2 rust_wait "$node" "${conditions[@]}" >/dev/null; then
                peer_do "${node%%/*}" '{"cmd":"touch"}' >/dev/null
                continue 2
            fi
        done
        return 0
    done
    echo "rust_mesh: $* are not bonded after $attempt attempts" >&2
    return 1
}

# rust_agree NODE...: waits until all are online under one leader, and prints it. Until then leaders may come and go.
rust_agree() {
    local attempt node leader
    for attempt in {1..10}; do
        leader=$(INTEROP_LIMIT_S=2 rust_wait "$1" leader online) || continue
        leader=$(jq -r .leader <<<"$leader")
        for node in "${@:2}"; do
            INTEROP_LIMIT_S=2 rust_wait "$node" "leader=$leader" online >/dev/null || continue 2
        done
        echo "$leader"
        return 0
    done
    echo "rust_agree: $* have no common leader after $attempt attempts" >&2
    return 1
}

# rust_status NODE: the group's part of the status.
rust_status() {
    local alias=${1#"${1%%/*}"}
    peer_do "${1%%/*}" '{"cmd":"status"}' |
        jq -ce --arg alias "${alias#/}" '.groups[] | select($alias == "" or .alias == $alias)'
}

# rust_execute NODE COMMAND... (JSON each)
rust_execute() {
    local node=$1
    shift
    peer_do "${node%%/*}" "$(group_request "$node" "$(jq -cs '{cmd: "execute", commands: .}' <<<"$*")")"
}

# rust_query NODE [QUERY] [weak]: prints the result.
rust_query() {
    local request weak=false
    [ "${3-}" != weak ] || weak=true
    request=$(group_request "$1" "{\"cmd\":\"query\",\"query\":${2:-null},\"weak\":$weak}")
    peer_do "${1%%/*}" "$request" | jq -c .result
}

# peer_quit NAME: a clean departure.
peer_quit() {
    peer_do "$1" '{"cmd":"quit"}' >/dev/null
    wait_exit "$(peer_pid "$1")"
}

# peer_kill NAME: a crash.
peer_kill() {
    local pid
    pid=$(peer_pid "$1")
    # The shell would announce the death otherwise.
    { kill -9 "$pid" && wait "$pid" || :; } 2>/dev/null
}

# ---- set-up

# Builds the Rust program, unless MOSAIK_PEER names one. Without cargo every test of the file is skipped.
find_peer() {
    local status=0
    [ -z "${MOSAIK_PEER-}" ] || return 0
    MOSAIK_PEER=$("$INTEROP_DIR/build.sh" 2>&3) || status=$?
    if [ "$status" -eq 77 ]; then
        # bats 1.8 cannot skip a file from its setup_file.
        export INTEROP_SKIP='no cargo'
        return
    fi
    export MOSAIK_PEER
    return "$status"
}

interop_setup_file() {
    local relay=$BATS_FILE_TMPDIR/relay pid
    find_peer
    [ -z "${INTEROP_SKIP-}" ] || return 0
    start_namespace
    exec_in_net "$MOSAIK_PEER" relay >"$relay" 2>"$relay.err" 3>&- &
    pid=$!
    echo "$pid" >>"$BATS_FILE_TMPDIR/pids"
    RELAY_URL=$(wait_line "$relay" '.event == "relay_started"' "" "$pid" | jq -r .url)
    export RELAY_URL
}

interop_teardown_file() {
    kill_recorded "$BATS_FILE_TMPDIR/pids"
}

interop_setup() {
    [ -z "${INTEROP_SKIP-}" ] || skip "$INTEROP_SKIP"
    load /usr/lib/bats/bats-support/load
    load /usr/lib/bats/bats-assert/load
    NETWORK=interop-$BATS_ROOT_PID-$BATS_SUITE_TEST_NUMBER
    export NETWORK
}

# Shows the last words of every process when the test failed.
interop_teardown() {
    local dir
    if [ -z "${BATS_TEST_COMPLETED-}" ]; then
        for dir in "$BATS_TEST_TMPDIR"/*/; do
            [ ! -e "$dir/out" ] || tail -n 15 "$dir/out" "$dir/err"
        done
    fi
    kill_recorded "$BATS_TEST_TMPDIR/pids"
}

# kill_recorded FILE: ends those of the listed processes that still run; a pid may long be someone else's.
kill_recorded() {
    local running
    [ -e "$1" ] || return 0
    mapfile -t running < <(jobs -pr | grep -Fxf "$1")
    rm -f "$1"
    [ "${#running[@]}" -gt 0 ] || return 0
    { kill -9 "${running[@]}" && wait "${running[@]}" || :; } 2>/dev/null
}
