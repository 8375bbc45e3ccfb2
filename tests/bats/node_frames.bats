#!/usr/bin/env bats
# --frames: every frame of a conversation, decoded, with who said it to whom.
load lib
load cluster

# A group of two that elects, executes and departs: its `leader` and `follower`.
converse() {
    local options=(--machine counter --members 2) # so that nobody is elected alone, without a request
    start_node ada "${options[@]}" --frames ada.frames
    start_node bob "${options[@]}" --frames bob.frames --bootstrap "$(peer_of ada)"
    leader=$(leader_of ada bob)
    follower=$(others "$leader" ada bob)
    on "$follower" execute '{"Increment":5}' '{"Decrement":2}' >/dev/null
    expect_line "$leader.frames" '.message.raft?.append_entries_response.last_log_index == 2' >/dev/null
    expect_line "$leader.frames" '.message == "pong"' >/dev/null
    kill_node "$follower" TERM
    expect_line "$leader.frames" '.message == "departure"' >/dev/null
    kill_node "$leader" TERM
}

# kinds FILE DIRECTION: of the frames of bonds, each once
kinds() {
    jq -r --arg direction "$2" 'select(.protocol == "/mosaik/groups/1" and .direction == $direction)
        | if .type != "bond_message" then .type else .message.raft? // .message | if type == "string" then . else keys[0] end end' \
        "$1" | sort -u
}

@test "the conversation of a group reads from handshake to departure" {
    converse
    run kinds "$leader.frames" out
    for kind in ping pong request_vote append_entries forward; do
        assert_line "$kind"
    done
    run kinds "$leader.frames" in
    for kind in ping pong request_vote_response append_entries_response forward departure; do
        assert_line "$kind"
    done
    assert_equal "$(kinds ada.frames in | grep handshake)" "$(kinds bob.frames out | grep handshake)"
    assert_equal "$(kinds ada.frames out | grep handshake)" "$(kinds bob.frames in | grep handshake)"
}

@test "messages are decoded, and each names peer, group and bond" {
    converse
    group=$(head -n 1 ada.out | jq -r .group_id)
    run jq -c 'select(.message.raft?.append_entries.entries | length > 0)
        | [.direction, .message.raft.append_entries.entries[].command]' "$leader.frames"
    assert_line '["out","0005","0102"]'
    run jq -c 'select(.message.raft?.forward.command) | [.direction, .message.raft.forward.command.commands[]]' "$leader.frames"
    assert_line '["in","0005","0102"]'
    run jq -r 'select(.message.raft?.request_vote) | [.v, .direction, .peer, .group, .message.raft.request_vote.candidate] | @tsv' \
        "$leader.frames"
    assert_line "1	out	$(id_of "$follower")	$group	$(id_of "$leader")"
    assert_equal "$(jq -r 'select(.message.raft?) | .bond' ada.frames | sort -u)" "$(jq -r 'select(.message.raft?) | .bond' bob.frames | sort -u)"
    assert_equal "$(jq 'select((.size < 1) or (.ts | endswith("Z") | not) or (.mono_ms < 1))' ada.frames)" ""
}

@test "catalogs and gossip are there too" {
    converse
    run jq -r 'select(.type == "catalog_snapshot" and .direction == "in") | .message.entries[].entry.address.id' ada.frames
    assert_line "$(id_of bob)"
    run jq -r 'select(.protocol == "/mosaik/discovery/announce/1.0" and .direction == "in")
        | [.type, (.message | if type == "string" then . else keys[0] end), (.stream > 0)] | @tsv' ada.frames
    assert_line "digest	$(mosaik-keygen network-id test)	true"
    assert_line "gossip_message	membership	true"
}

@test "long batches are cut, and say so" {
    start_node ada --machine lines --frames ada.frames
    start_node bob --machine lines --bootstrap "$(peer_of ada)"
    leader_of ada bob
    perl -e 'print "\"", "x" x 600, "\"\n"; print "\"short\"\n" for 1..99' | on bob execute - >/dev/null
    run expect_line ada.frames '[.cut // [] | .[].path | endswith("entries") or endswith("commands")] | any'
    assert_success
    assert_equal "$(jq -c '[.cut[].count]' <<<"$output")" '[100,602]'
    assert_equal "$(jq -c '[.message.raft | .append_entries.entries // .forward.command.commands | length,
        (.[0] | (.command? // .) | length)]' <<<"$output")" '[16,1024]'
}

@test "on standard output frames follow the first line; a file that cannot be written is an error" {
    start_node ada --frames -
    start_node bob --bootstrap "$(peer_of ada)"
    expect_line ada.out '.type == "handshake_end"' >/dev/null
    assert_equal "$(head -n 1 ada.out | jq -r .event)" node_started
    run -3 mosaik-node run --secret-file ada.key --network test --group-key-file group.secret --frames nowhere/f
    assert_output "mosaik-node: frames: nowhere/f: No such file or directory"
}
