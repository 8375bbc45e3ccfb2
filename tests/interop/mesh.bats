# How soon everybody is bonded with everybody: after a cold start, and after a partition has healed.

bats_require_minimum_version 1.5.0
load lib
load c
load ../chaos/bridge

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

# Cold starts that are measured; more of them for figures.
: "${MESH_ROUNDS:=20}"

GROUP=(--group-key secret "${FAST[@]}")

# clock_ms NAME: what to add to mono_ms of a node's events for times since boot. Ours count from there already; for
# reference nodes it is the start of the process.
clock_ms() {
    if is_c "$1"; then
        echo 0
    else
        awk -v hz="$(getconf CLK_TCK)" '{ print int($22 * 1000 / hz) }' "/proc/$(peer_pid "$1")/stat"
    fi
}

# event_ms NAME EXPRESSION: when the last such event was, since boot.
event_ms() {
    jq -rs --argjson clock "$(clock_ms "$1")" "map(select($2)) | last | .mono_ms + \$clock" "$(peer_out "$1")"
}

# mesh_ms NODE...: from the moment when all of them ran until the last bond was formed.
mesh_ms() {
    local node other all_run_ms=0 all_bonded_ms=0 at_ms
    for node in "$@"; do
        at_ms=$(event_ms "$node" '.event == "node_started"')
        [ "$at_ms" -le "$all_run_ms" ] || all_run_ms=$at_ms
        for other in "$@"; do
            [ "$other" != "$node" ] || continue
            at_ms=$(event_ms "$node" ".event == \"bond_formed\" and .peer == \"$(peer_id "$other")\"")
            [ "$at_ms" -le "$all_bonded_ms" ] || all_bonded_ms=$at_ms
        done
    done
    echo $((all_bonded_ms > all_run_ms ? all_bonded_ms - all_run_ms : 0))
}

# Everybody is told in advance where the others will be.
cold_start() {
    local name a b c
    rust_secret=()
    for name in a b; do
        rust_secret+=("$("$MSK_BIN/mosaik-keygen" secret)")
    done
    a=$("$MSK_BIN/mosaik-keygen" peer-id <<<"${rust_secret[0]}")@${address[a]}
    b=$("$MSK_BIN/mosaik-keygen" peer-id <<<"${rust_secret[1]}")@${address[b]}
    c=$(c_key c)@${address[c]}
    rust_launch a --secret "${rust_secret[0]}" --listen "${address[a]}" --bootstrap "$b" --bootstrap "$c" "${GROUP[@]}"
    rust_launch b --secret "${rust_secret[1]}" --listen "${address[b]}" --bootstrap "$a" --bootstrap "$c" "${GROUP[@]}"
    c_launch c --listen "${address[c]}" --bootstrap "$a" --bootstrap "$b" "${GROUP[@]}"
    for name in a b c; do
        await_start "$name"
    done
}

@test "two reference nodes and one of ours are in a full mesh within 2 s of a cold start, every time" {
    declare -A address
    rust_start a
    rust_start b
    c_start c "${GROUP[@]}"
    for node in a b c; do
        address[$node]=$(jq -r .address "$BATS_TEST_TMPDIR/$node/started")
        peer_kill "$node"
    done
    times_ms=()
    for ((round = 1; round <= MESH_ROUNDS; round++)); do
        cold_start
        mesh a b c
        times_ms+=("$(mesh_ms a b c)")
        for node in a b c; do
            peer_kill "$node"
        done
    done
    echo "# full mesh after ms: $(printf '%s\n' "${times_ms[@]}" | sort -n | tr '\n' ' ')" >&3
    slowest_ms=$(printf '%s\n' "${times_ms[@]}" | sort -n | tail -n 1)
    assert [ "$slowest_ms" -le $((2000 * TIME_FACTOR)) ]
}

# ---- partitions

# unbonded NODE OTHER: waits until a node has lost its bond with another since $before.
unbonded() {
    wait_event "$1" ".seq > ${before[$1]} and .event == \"bond_closed\" and .peer == \"$(peer_id "$2")\"" >/dev/null
}

# cut_off NODE OTHER...: parts a node from the others until neither side believes in a bond any more.
cut_off() {
    local other
    declare -A before
    for other in "$@"; do
        before[$other]=$(last_seq "$other")
    done
    chaos partition "$1" / "${@:2}"
    for other in "${@:2}"; do
        unbonded "$1" "$other"
        unbonded "$other" "$1"
    done
}

@test "after a partition all are bonded again within 2 s, whoever was cut off" {
    bridge_start a c d
    bridge_node rust a "${GROUP[@]}"
    bridge_node c c --bootstrap "$(peer_address a)" "${GROUP[@]}"
    bridge_node c d --bootstrap "$(peer_address a)" "${GROUP[@]}"
    mesh a c d
    for round in {1..3}; do
        echo "round $round"
        cut_off c a d
        chaos heal
        INTEROP_LIMIT_S=2 mesh c a d
        cut_off a c d
        chaos heal
        INTEROP_LIMIT_S=2 mesh a c d
    done
}
