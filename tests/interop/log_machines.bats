# One log, two implementations: commands and queries of a counter in groups of reference nodes and ours, whoever leads.

bats_require_minimum_version 1.5.0
load lib
load c

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

GROUP=(--group-key secret "${BRISK[@]}" --machine counter)
C_TYPE=(--sync-type 'mosaik_peer::machines::Replica<mosaik_peer::machines::Counter>')
SOON=(--bootstrap-delay 1s)
LATE=(--bootstrap-delay 20s)

# lead KIND NAME: the first member, which is to lead. follow KIND NAME KNOWN: another, which may lead once that is gone.
lead() {
    case $1 in
    c) c_start "$2" "${GROUP[@]}" "${C_TYPE[@]}" "${SOON[@]}" ;;
    rust) rust_start "$2" "${GROUP[@]}" "${SOON[@]}" ;;
    esac
}
follow() {
    local known
    known=$(peer_address "$3")
    case $1 in
    c) c_start "$2" "${GROUP[@]}" "${C_TYPE[@]}" "${LATE[@]}" --bootstrap "$known" ;;
    rust) # looks for bootstrap peers by gossip, which our nodes do not speak: it is asked for a sync with them
        rust_start "$2" "${GROUP[@]}" "${LATE[@]}"
        peer_do "$2" "$(jq -cn --arg peer "$known" '{cmd: "sync", peer: $peer}')" >/dev/null
        ;;
    esac
}

# given NODE COMMAND...: executed there; prints first and last index.
given() {
    if is_c "$1"; then c_do "$1" execute "${@:2}"; else rust_execute "$@"; fi | jq -c '[.first, .index]'
}

# value NODE [weak]: the counter, as this node answers.
value() {
    if is_c "$1"; then c_do "$1" query ${2:+--weak} | jq -c .result; else rust_query "$1" null ${2:+weak}; fi
}

# reads VALUE INDEX NODE...: everybody has applied so much and answers so.
reads() {
    local node
    for node in "${@:3}"; do
        node_wait "$node" "committed>=$2" >/dev/null
        assert_equal "$(value "$node" weak)" "$1"
        assert_equal "$(value "$node")" "$1"
    done
}

# many NODE N: so many increments by one.
many() {
    if is_c "$1"; then
        yes '{"Increment":1}' | head -n "$2" | c_do "$1" execute - >/dev/null
    else
        # shellcheck disable=SC2046 # one word a command
        rust_execute "$1" $(yes '{"Increment":1}' | head -n "$2") >/dev/null
    fi
}

# Leader and follower take commands; a late joiner of either kind gets the log. LEADER is the kind of the first node.
mixed_group() {
    local other=$1
    [ "$1" = c ] && other=rust || other=c
    lead "$1" a
    follow "$other" b a
    mesh a b
    assert_equal "$(agree a b)" "$(peer_id a)"
    assert_equal "$(given a '{"Increment":7}')" '[1,1]'
    assert_equal "$(given b '{"Decrement":9}' '{"Increment":1}')" '[2,3]'
    assert_equal "$(given a '{"Increment":1}')" '[4,4]'
    reads 0 4 a b
    many a 2500
    many b 2500
    reads 5000 5004 a b
}

@test "ours leads a reference node: commands from both, one state" { mixed_group c; }

@test "a reference node leads ours: commands from both, one state" { mixed_group rust; }

@test "ours catches up from reference nodes, and from ours" {
    lead rust a
    node_wait a online >/dev/null
    many a 4500
    follow c b a
    mesh a b
    reads 4500 4500 a b
    follow c d a
    mesh a b d
    reads 4500 4500 d
    assert_equal "$(given d '{"Increment":1}')" '[4501,4501]'
    reads 4501 4501 a b d
}

@test "a reference node catches up from ours" {
    lead c a
    node_wait a online >/dev/null
    many a 4500
    follow rust b a
    mesh a b
    reads 4500 4500 a b
    assert_equal "$(given b '{"Increment":1}')" '[4501,4501]'
    reads 4501 4501 a b
}

@test "when a leader of ours dies, the reference members have all that it committed, and ours again after its return" {
    lead c a
    follow rust b a
    follow c d a
    mesh a b d
    assert_equal "$(agree a b d)" "$(peer_id a)"
    many d 100
    reads 100 100 a b d
    peer_kill a
    successor "$(peer_id a)" b d >/dev/null
    many b 50
    reads 150 150 b d
    follow c a b
    mesh a b d
    reads 150 150 a
}
