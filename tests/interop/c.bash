# c.bash: our own nodes under the control of bats files, beside those of lib.bash, which is to be loaded first.
#
# A node keeps its files where a reference node does (lib.bash), and events carry the same names: peer_id, peer_address,
# peer_pid, peer_out, peer_kill, wait_event and last_seq do for both. The node_ functions ask either kind.

: "${MSK_BIN:=$INTEROP_DIR/../../build/bin}"

# What `--machine idle` of the reference peer is to us.
# shellcheck disable=SC2034 # for the bats files
C_IDLE=(--machine-id idle --sync-type 'mosaik_peer::machines::Replica<mosaik_peer::machines::Idle>')

# c_start NAME [OPTION...]: a node of ours in the network $NETWORK. c_launch does not wait for it.
c_start() {
    c_launch "$@"
    await_start "$1"
}

# c_launch NAME [OPTION...]: started again under its name, a node has its key again.
c_launch() {
    local name=$1 dir=$BATS_TEST_TMPDIR/$1
    shift
    [ -e "$dir/secret" ] || c_key "$name" >/dev/null
    exec_in_net "$MSK_BIN/mosaik-node" run --secret-file "$dir/secret" --network "$NETWORK" --control "$dir/control" \
        --events - "$@" >"$dir/out" 2>"$dir/err" 3>&- &
    record "$name" $!
}

# c_key NAME: makes a new key for a node, prints the peer id.
c_key() {
    local dir=$BATS_TEST_TMPDIR/$1
    mkdir -p "$dir"
    (umask 077 && "$MSK_BIN/mosaik-keygen" secret >"$dir/secret")
    "$MSK_BIN/mosaik-keygen" peer-id <"$dir/secret"
}

# c_do NODE COMMAND...: asks a node (NAME or NAME/ALIAS), prints its answer as JSON.
c_do() {
    local dir=$BATS_TEST_TMPDIR/${1%%/*} alias=${1#"${1%%/*}"}
    shift
    "$MSK_BIN/mosaik-node" "$@" --json --control "$dir/control" ${alias:+--group "${alias#/}"}
}

c_status() { c_do "$1" status; }

# c_wait NODE CONDITION...: until all of them hold.
c_wait() {
    c_do "$1" wait --timeout "$((INTEROP_LIMIT_S * TIME_FACTOR))s" "${@:2}"
}

# c_quit NAME: a clean departure.
c_quit() {
    local pid
    pid=$(peer_pid "$1")
    kill -TERM "$pid"
    wait_exit "$pid" && wait "$pid"
}

# ---- either kind

# node_start rust|c [OPTION...]: a node of that kind, under the name of the kind.
node_start() { "$1_start" "$@"; }

is_c() { [ -e "$BATS_TEST_TMPDIR/${1%%/*}/secret" ]; }

node_wait() { if is_c "$1"; then c_wait "$@"; else rust_wait "$@"; fi; }
node_status() { if is_c "$1"; then c_status "$1"; else rust_status "$1"; fi; }
node_quit() { if is_c "$1"; then c_quit "$1"; else peer_quit "$1"; fi; }

# node_catalog NODE OTHER: what a node has in its catalog about another.
node_catalog() {
    if is_c "$1"; then c_do "$1" catalog; else peer_do "$1" '{"cmd":"catalog"}'; fi |
        jq -ce --arg id "$(peer_id "$2")" '.peers[] | select(.peer_id == $id)'
}

# mesh NODE...: waits until all are bonded with each other.
mesh() {
    local node other conditions
    for node in "$@"; do
        conditions=()
        for other in "$@"; do
            [ "$other" = "$node" ] || conditions+=("bonded=$(peer_id "${other%%/*}")")
        done
        node_wait "$node" "${conditions[@]}" >/dev/null || return
    done
}

# agree NODE...: waits until all are online under one leader, and prints it. Until then leaders may come and go.
agree() { successor nobody "$@"; }

# successor PEER NODE...: the same, but for another leader than that one.
successor() {
    local old=$1 limit_s=$((SECONDS + INTEROP_LIMIT_S * TIME_FACTOR)) node leader
    shift
    while [ "$SECONDS" -lt "$limit_s" ]; do
        leader=$(node_status "$1" | jq -r .leader)
        case $leader in null | "$old") continue ;; esac
        for node in "$@"; do
            INTEROP_LIMIT_S=2 node_wait "$node" "leader=$leader" online >/dev/null || continue 2
        done
        echo "$leader"
        return 0
    done
    echo "successor: no common leader of $* other than $old" >&2
    return 1
}
