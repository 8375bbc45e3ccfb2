# Our nodes and reference ones in one gossip: who learns of whom, departures, crashes.
#
# No two nodes share a group, so that entries travel by gossip and by the one catalog sync with each peer that appears.

bats_require_minimum_version 1.5.0
load lib
load c

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

# gossiper NAME [OTHER...]: a node that knows the others at first; a name that begins with r is a reference node.
# Started again under its name, it has its key again.
gossiper() {
    local name=$1 other options=()
    shift
    for other in "$@"; do
        options+=(--bootstrap "$(peer_address "$other")")
    done
    if [[ $name == r* ]]; then
        mkdir -p "$BATS_TEST_TMPDIR/keys"
        [ -e "$BATS_TEST_TMPDIR/keys/$name" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$BATS_TEST_TMPDIR/keys/$name"
        rust_start "$name" --secret "$(<"$BATS_TEST_TMPDIR/keys/$name")" "${options[@]}"
    else
        c_start "$name" --group-key "$name" "${options[@]}"
    fi
}

# catalog NODE: a line for each peer it knows, and itself: id and start of the process.
catalog() {
    if is_c "$1"; then c_do "$1" catalog | jq -c '.peers + [.own]'; else peer_do "$1" '{"cmd":"catalog"}' | jq -c .peers; fi |
        jq -r '.[] | "\(.peer_id) \(.version[0])"' | sort
}

# own_lines NODE...: what all their catalogs should hold.
own_lines() {
    local node
    for node in "$@"; do
        catalog "$node" | grep "^$(peer_id "$node") "
    done | sort
}

# know_each_other NODE...: waits until each catalog holds exactly these nodes, as they are now.
know_each_other() {
    local limit_s=$((SECONDS + INTEROP_LIMIT_S * TIME_FACTOR)) node expected found
    expected=$(own_lines "$@")
    for node in "$@"; do
        until found=$(catalog "$node") && [ "$found" = "$expected" ]; do
            if [ "$SECONDS" -ge "$limit_s" ]; then
                printf '%s does not know who is there; < it should, > it does:\n' "$node" >&2
                diff <(echo "$expected") <(echo "$found") >&2
                return 1
            fi
            sleep 0.1
        done
    done
}

neighbours() { c_status "$1" | jq '.gossip.neighbours | length'; }

@test "a reference node that was told of one of ours finds the network through it" {
    gossiper c1
    gossiper c2 c1
    gossiper c3 c2
    gossiper r1 c3
    know_each_other c1 c2 c3 r1
}

@test "a node of ours that was told of a reference node finds the network through it" {
    gossiper r1
    gossiper r2 r1
    gossiper r3 r2
    gossiper c1 r3
    know_each_other r1 r2 r3 c1
    assert [ "$(neighbours c1)" -ge 1 ]
}

@test "a chain of both kinds becomes one network" {
    gossiper r1
    gossiper c1 r1
    gossiper r2 c1
    gossiper c2 r2
    gossiper c3 c2
    gossiper r3 c3
    know_each_other r1 c1 r2 c2 c3 r3
}

@test "what changes in an entry reaches those who were never dialled" {
    gossiper c1
    gossiper r1 c1
    gossiper c2 r1
    know_each_other c1 r1 c2
    c_do c2 join --group-key another --as another >/dev/null
    wait_event r1 "(.entry.peer_id? == \"$(peer_id c2)\") and (.entry.groups | length) == 2" 5 >/dev/null
    wait_event c1 ".event == \"entry_updated\" and .peer == \"$(peer_id c2)\" and .source == \"gossip\"" 5 >/dev/null
    peer_do r1 '{"cmd":"join","group_key":"third"}' >/dev/null
    id=$(rust_status r1 | jq -r .group_id)
    for node in c1 c2; do
        limit_s=$((SECONDS + 5 * TIME_FACTOR))
        until node_catalog "$node" r1 | jq -e --arg id "$id" '.groups == [$id]' >/dev/null; do
            assert [ "$SECONDS" -lt "$limit_s" ]
            sleep 0.1
        done
    done
}

# Entries live five minutes: only an announced departure can be noticed so soon.
@test "the departure of one of ours is seen by all at once" {
    gossiper r1
    gossiper c1 r1
    gossiper c2 c1
    gossiper r2 c2
    know_each_other r1 c1 c2 r2
    gone=$(peer_id c1)
    c_quit c1
    for node in r1 r2; do
        wait_event "$node" ".event == \"catalog_entry\" and .change == \"removed\" and .entry.peer_id == \"$gone\"" 1 >/dev/null
    done
    wait_event c2 ".event == \"entry_removed\" and .peer == \"$gone\" and .reason == \"departed\"" 1 >/dev/null
    know_each_other r1 c2 r2
}

@test "the departure of a reference node is seen by all at once" {
    gossiper r1
    gossiper c1 r1
    gossiper c2 c1
    know_each_other r1 c1 c2
    gone=$(peer_id r1)
    peer_quit r1
    for node in c1 c2; do
        wait_event "$node" ".event == \"entry_removed\" and .peer == \"$gone\" and .reason == \"departed\"" 1 >/dev/null
    done
    know_each_other c1 c2
}

@test "a node without gossip is still known to those it was told of, and refuses gossip" {
    gossiper r1
    c_start c1 --group-key c1 --no-gossip --bootstrap "$(peer_address r1)"
    gossiper c2 r1
    know_each_other r1 c1 c2
    assert_equal "$(c_status c1 | jq -c .gossip)" null
    probe_start p
    run -1 peer_do p "$(jq -cn --arg peer "$(peer_address c1)" '{cmd: "dial", peer: $peer, alpn: "/mosaik/discovery/announce/1.0", do: []}')"
    assert_output --partial 'error 120'
}

# Ten nodes, told of one or two others each. The seed decides whom and when; the network must be whole again soon after.
@test "ten nodes of both kinds, killed and started again at random, know each other in the end" {
    local nodes=(c1 r1 c2 r2 c3 r3 c4 r4 c5 r5) node i other
    RANDOM=${GOSSIP_SEED:-1}
    gossiper c1
    for i in {1..9}; do
        gossiper "${nodes[i]}" "${nodes[RANDOM % i]}"
    done
    know_each_other "${nodes[@]}"
    for i in {1..12}; do
        node=${nodes[RANDOM % 10]}
        other=${nodes[RANDOM % 10]}
        [ "$node" != "$other" ] || continue
        echo "round $i: $node dies, and returns by way of $other"
        peer_kill "$node"
        sleep "0.$((RANDOM % 10))"
        gossiper "$node" "$other"
    done
    know_each_other "${nodes[@]}"
}
