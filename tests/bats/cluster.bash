# cluster.bash: running nodes in bats tests. A node has a name, and files of that name: ada.key, ada.sock (control), ada.out,
# ada.err, ada.events. Timers are short on all members (they are part of the group id); waiting is done by the nodes.

FAST=(--heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 6
    --election-timeout 300ms --election-timeout-jitter 150ms --bootstrap-delay 200ms)
LIMIT=20s # for anything that is waited for: far more than it takes

teardown() {
    local name
    for name in *.pid; do
        [[ -e $name ]] && kill -9 "$(<"$name")" 2>/dev/null
    done
    wait 2>/dev/null # where the shell reports each that was killed
    if [[ -z ${BATS_TEST_COMPLETED:-} ]]; then # a failed test: what the nodes said
        tail -n 20 -- *.err 2>/dev/null
    fi
    return 0
}

key_of() { # NAME: its secret, made on first use
    [[ -e $1.key ]] || mosaik-keygen secret --output "$1.key"
    echo "$1.key"
}

# shellcheck disable=SC2120 # the tests name others
group_key() { # [NAME]
    local file=${1:-group}.secret
    [[ -e $file ]] || mosaik-keygen group-key --output "$file"
    echo "$file"
}

NODE_WITHIN=() # what a node is started by, if anything: it becomes the node

# start_node NAME OPTION...: run it in the background; returns once it listens. Its group is the common one, unless the
# options say otherwise.
start_node() {
    local name=$1
    shift
    launch_node "$name" "$@"
    read -r _ <"$name.ready" || fail "$name did not start: $(<"$name.err")"
}

# The same without waiting.
launch_node() {
    local name=$1
    shift
    local group=(--group-key-file "$(group_key)" "${FAST[@]}") network=(--network test) option
    for option in "$@"; do
        case $option in
        --group-key* | --config) group=() ;;
        --network) network=() ;;
        esac
    done
    rm -f "$name.ready" && mkfifo "$name.ready"
    "${NODE_WITHIN[@]}" mosaik-node run --secret-file "$(key_of "$name")" "${network[@]}" "${group[@]}" --control "$name.sock" \
        --events "$name.events" --ready-fd 9 "$@" >"$name.out" 2>"$name.err" 9>"$name.ready" 3>&- &
    echo $! >"$name.pid"
}

# start_group NAME NAME...: nodes that know the first one; returns once all are bonded.
start_group() {
    local first=$1 name
    start_node "$first"
    for name in "${@:2}"; do
        start_node "$name" --bootstrap "$(peer_of "$first")"
    done
    for name in "$@"; do
        await "$name" "bonds>=$(($# - 1))"
    done
}

pid_of() { cat "$1.pid"; }
id_of() { head -n 1 "$1.out" | jq -r .peer_id; }
address_of() { head -n 1 "$1.out" | jq -r .address; }
peer_of() { echo "$(id_of "$1")@$(address_of "$1")"; }

# on NAME COMMAND...: a command about this node
on() {
    local name=$1
    shift
    mosaik-node "$@" --control "$name.sock"
}

# await NAME CONDITION...: until they hold
await() {
    local name=$1
    shift
    on "$name" wait "$@" --timeout "$LIMIT" >/dev/null
}

# status NAME FILTER [OPTION...]: what jq says about its status
status_of() {
    on "$1" status --json "${@:3}" | jq -r "$2"
}

# leader_of NAME...: which of them all of them follow, once they do. One that is gone may still be named as leader for a
# while.
leader_of() {
    local first=$1 name leader='' try
    for ((try = 0; try < 20; try++)); do
        await "$first" leader online
        leader=$(name_of "$(status_of "$first" .leader)" "$@")
        [[ -z $leader ]] || break
        on "$first" wait leader-changed --timeout 1s >/dev/null || true
    done
    [[ -n $leader ]] || fail "$first knows no leader among $*"
    for name in "$@"; do
        await "$name" "leader=$(id_of "$leader")" online
    done
    echo "$leader"
}

name_of() { # PEER-ID NAME...
    local name
    for name in "${@:2}"; do
        [[ $(id_of "$name") != "$1" ]] || echo "$name"
    done
}

# others NAME NAME...: all but the first
others() {
    local name
    for name in "${@:2}"; do
        [[ $name == "$1" ]] || echo "$name"
    done
}

# trio OPTION...: three bonded members with a data directory each; sets leader and followers.
trio() {
    start_node ada --data-dir ada.data "$@"
    start_node bob --data-dir bob.data --bootstrap "$(peer_of ada)" "$@"
    start_node cy --data-dir cy.data --bootstrap "$(peer_of ada)" "$@"
    local name
    for name in ada bob cy; do
        await "$name" 'bonds>=2'
    done
    leader=$(leader_of ada bob cy)
    # shellcheck disable=SC2034 # the test's
    mapfile -t followers < <(others "$leader" ada bob cy)
}

kill_node() { # NAME [SIGNAL]: returns once it is gone, with its exit status
    kill "-${2:-KILL}" "$(pid_of "$1")"
    wait "$(pid_of "$1")" 2>/dev/null
}

# expect_event NAME FILTER: until the node has told an event that the jq filter accepts, which is then printed
expect_event() {
    expect_line "$1.events" "$2"
}

# The same for any stream of JSON lines: expect_line FILE FILTER
expect_line() {
    local follow
    exec {follow}< <(exec tail -n +1 -f "$1" 2>/dev/null 3>&-)
    local tail_pid=$! status=0
    timeout "$LIMIT" jq -nce --unbuffered "first(inputs | select($2))" <&"$follow" || status=$?
    kill "$tail_pid"
    exec {follow}<&-
    return "$status"
}

# events NAME FILTER: how many of those told so far the filter accepts
events() {
    jq -s "[.[] | select($2)] | length" "$1.events"
}
