# Members of both kinds in one group: one leader, another one when that is gone, observers, departures.

bats_require_minimum_version 1.5.0
load lib
load c

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

# Slow enough to lose every election, quick enough to win one in some seconds where there is nobody else.
RELUCTANT=(--leadership reluctant:6)

# member KIND NAME [OPTION...]: a member that is told where the first one is.
member() {
    local kind=$1 name=$2 machine bootstrap=() sync
    shift 2
    # Not the no-op machine: that of the reference has no leadership settings.
    machine=(--machine idle)
    [ "$kind" = rust ] || machine=("${C_IDLE[@]}")
    # The reference looks for its bootstrap peers by gossip, which our nodes do not speak: it is asked for a sync with those.
    if [ "$kind" = rust ] && [ -n "${first-}" ] && is_c "$first"; then
        sync=$(jq -cn --arg peer "$(peer_address "$first")" '{cmd: "sync", peer: $peer}')
    elif [ -n "${first-}" ]; then
        bootstrap=(--bootstrap "$(peer_address "$first")")
    fi
    "${kind}_start" "$name" --group-key secret "${machine[@]}" "${FAST[@]}" "${bootstrap[@]}" "$@"
    [ -z "${sync-}" ] || peer_do "$name" "$sync" >/dev/null
    first=${first:-$name}
}

# leads NAME NODE...: that one is the leader of all of them.
leads() {
    assert_equal "$(agree "$@")" "$(peer_id "$1")"
}

@test "two reference nodes and one of ours follow a reference node, and after its death another leader" {
    member rust a
    member rust b "${RELUCTANT[@]}"
    member c c "${RELUCTANT[@]}"
    mesh a b c
    leads a b c
    peer_kill a
    successor "$(peer_id a)" b c
}

@test "two reference nodes follow one of ours, and after its death one of themselves" {
    member c c
    member rust a "${RELUCTANT[@]}"
    member rust b "${RELUCTANT[@]}"
    mesh a b c
    leads c a b
    peer_kill c
    successor "$(peer_id c)" a b
}

@test "a reference node and one of ours follow another of ours, and after its death another leader" {
    member c c
    member c d "${RELUCTANT[@]}"
    member rust a "${RELUCTANT[@]}"
    mesh a c d
    leads c a d
    peer_kill c
    successor "$(peer_id c)" a d
}

@test "two of ours follow a reference node, and after its death one of themselves" {
    member rust a
    member c c "${RELUCTANT[@]}"
    member c d "${RELUCTANT[@]}"
    mesh a c d
    leads a c d
    peer_kill a
    successor "$(peer_id a)" c d
}

@test "our observer abstains and never leads, while reference nodes elect twice" {
    member rust a
    member rust b
    member c c --leadership observer
    mesh a b c
    leader=$(agree a b c)
    [ "$leader" = "$(peer_id a)" ] && dead=a || dead=b
    peer_kill "$dead"
    successor "$leader" "$([ "$dead" = a ] && echo b || echo a)" c
    run -0 wait_event c '.event == "vote_cast"'
    assert_equal "$(jq -r .answer <<<"$output")" abstained
    assert_equal "$(jq -r 'select(.event == "election_started") | .event' "$(peer_out c)")" ''
}

@test "an observer of the reference abstains, while our nodes elect twice" {
    member c c
    member c d
    member rust a --leadership observer
    mesh a c d
    leader=$(agree c d a)
    [ "$leader" = "$(peer_id c)" ] && dead=c || dead=d
    alive=$([ "$dead" = c ] && echo d || echo c)
    peer_kill "$dead"
    assert_equal "$(successor "$leader" "$alive" a)" "$(peer_id "$alive")"
    run -0 wait_event "$alive" '.event == "vote_received" and .answer == "abstained"'
    assert_equal "$(jq -r .peer <<<"$output")" "$(peer_id a)"
}

@test "a node of ours leaves: the others see no time-out, and elect at once" {
    member c c
    member rust a "${RELUCTANT[@]}"
    member rust b "${RELUCTANT[@]}"
    mesh a b c
    leads c a b
    node_quit c
    for node in a b; do
        run -0 wait_event "$node" ".event == \"bond_closed\" and .peer == \"$(peer_id c)\" and .code != 30429"
        assert_equal "$(jq .code <<<"$output")" 102
        rust_wait "$node" bonds=1 >/dev/null
    done
    agree a b
}

@test "a reference node leaves: ours takes it for a departure and goes on without it" {
    member c c
    member rust a "${RELUCTANT[@]}"
    mesh a c
    leads c a
    node_quit a
    run -0 wait_event c ".event == \"bond_closed\" and .peer == \"$(peer_id a)\" and .code != 30429"
    assert_equal "$(jq .code <<<"$output")" 102
    assert_equal "$(c_status c | jq -c '[.role, .online, .bonds]')" '["leader",true,[]]'
}
