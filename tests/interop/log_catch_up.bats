# Late joiners of either kind fetch a long log from either kind, whatever the batches, and all end in the same place.

bats_require_minimum_version 1.5.0
load lib
load c
load log

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

COUNT=100000
UP='{"Increment":1}'

# filled KIND N [OPTION...]: a leads alone, with so many commands.
filled() {
    alone "$1" a "${@:3}"
    many a "$2" "$UP"
    node_wait a "committed>=$2" >/dev/null
}

# joins KIND NAME N [OPTION...]: a late one that then has it all, and takes part.
joins() {
    follow "$1" "$2" a "${@:4}"
    node_wait "$2" "committed>=$3" >/dev/null
    assert_equal "$(asked "$2" null weak)" "$3"
}

# ends N NODE...: one more command, by the last of them; then all are equal.
ends() {
    assert_equal "$(given "${!#}" "$UP")" "[$1,$1]"
    reads "$1" "$1" null "${@:2}"
    same_end "$1" "${@:2}"
}

@test "ours fetches 100,000 entries from a reference node" {
    machine counter
    filled rust "$COUNT"
    joins c b "$COUNT"
    ends "$((COUNT + 1))" a b
}

@test "a reference node fetches 100,000 entries from ours" {
    machine counter
    filled c "$COUNT"
    joins rust b "$COUNT"
    ends "$((COUNT + 1))" a b
}

# served BY TO: how many answers with entries ours BY gave TO.
served() {
    jq -c --arg to "$(peer_id "$2")" 'select(.direction == "out" and .peer == $to)
        | .message.raft?.state_sync?.fetch_entries_response // empty' "$BATS_TEST_TMPDIR/$1.frames" | wc -l
}

# fetched BY FROM: how many answers with entries ours BY got from FROM.
fetched() {
    jq -c --arg from "$(peer_id "$2")" 'select(.direction == "in" and .peer == $from)
        | .message.raft?.state_sync?.fetch_entries_response // empty' "$BATS_TEST_TMPDIR/$1.frames" | wc -l
}

@test "both kinds fetch 100,000 entries from both kinds at once" {
    machine counter
    filled rust "$COUNT"
    joins c b "$COUNT" --frames "$BATS_TEST_TMPDIR/b.frames"
    follow c c a --frames "$BATS_TEST_TMPDIR/c.frames"
    follow rust d a
    mesh a b c d
    for node in c d; do
        node_wait "$node" "committed>=$COUNT" >/dev/null
        assert_equal "$(asked "$node" null weak)" "$COUNT"
    done
    ends "$((COUNT + 1))" a b c d
    # c had two providers or three
    [ "$(fetched c a)" -gt 0 ]
    [ "$(fetched c b)" -gt 0 ]
    # and so had the reference
    [ "$(served b d)" -gt 0 ]
}

# batches SIZE N: to ours from a reference node, then to a reference node from both.
batches() {
    machine counter --sync-batch-size "$1"
    filled rust "$2"
    joins c b "$2"
    joins rust d "$2"
    ends "$(($2 + 1))" a b d
}

@test "batches of 1 entry" { batches 1 150; }

@test "batches of 7 entries" { batches 7 1500; }

@test "batches of 2000 entries, the last one short" { batches 2000 9999; }
