# The harness itself: reference nodes alone do what the mixed tests rely on.

bats_require_minimum_version 1.5.0
load lib

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

# A counter group of two nodes, a and b, with a leader.
start_pair() {
    rust_start a --group-key secret --machine counter "${FAST[@]}"
    rust_start b --group-key secret --machine counter "${FAST[@]}" --bootstrap "$(peer_address a)"
    rust_mesh a b
    rust_agree a b >/dev/null
}

@test "two nodes bond and agree on a leader" {
    start_pair
    run -0 rust_status a
    assert_equal "$(jq -r '.bonds[0]' <<<"$output")" "$(peer_id b)"
    run -0 rust_status b
    assert_equal "$(jq -r '.bonds[0]' <<<"$output")" "$(peer_id a)"
    assert_equal "$(jq -r .sync_type <<<"$output")" \
        'mosaik_peer::machines::Replica<mosaik_peer::machines::Counter>'
}

@test "the default no-op group has the id of the specification" {
    rust_start a --group-key secret1
    run -0 rust_status a
    assert_equal "$(jq -r .group_id <<<"$output")" \
        c2bf3bd93ca72858eecf8802cb1e92933b8dc930e9e8d080601abd32abd968f4
}

@test "a command given to either node is applied by both" {
    start_pair
    run -0 rust_execute a '{"Increment":7}' '{"Decrement":2}'
    assert_equal "$(jq -c '[.first, .index, .count]' <<<"$output")" '[1,2,2]'
    run -0 rust_execute b '{"Increment":10}'
    rust_wait a 'committed>=3' >/dev/null
    assert_equal "$(rust_query a null weak)" 15
    assert_equal "$(rust_query b)" 15
}

@test "quit departs: the peer sees its bond closed as cancelled" {
    start_pair
    before=$(last_seq a)
    peer_quit b
    wait_event b '.event == "node_stopped"' >/dev/null
    run -0 wait_event a ".seq > $before and .event == \"bond_closed\" and .peer == \"$(peer_id b)\""
    assert_equal "$(jq .code <<<"$output")" 102
    rust_wait a bonds=0 >/dev/null
}

@test "a killed node is missed" {
    start_pair
    before=$(last_seq a)
    peer_kill b
    run -0 wait_event a ".seq > $before and .event == \"bond_closed\" and .peer == \"$(peer_id b)\""
    assert_equal "$(jq .code <<<"$output")" 30408
}

@test "one node runs several groups" {
    start_pair
    for node in a b; do
        peer_do "$node" '{"cmd":"join","as":"text","group_key":"other","machine":"lines","bootstrap_delay":"200ms"}'
    done
    rust_mesh a/text b/text
    rust_agree a/text b/text >/dev/null
    rust_execute a/text '"one"' '"two"' '"three"' >/dev/null
    assert_equal "$(rust_query b/text 1)" '["two","three"]'
    peer_do a '{"cmd":"leave","group":"text"}' >/dev/null
    rust_wait b/text bonds=0 >/dev/null
    rust_wait b/main bonds=1 >/dev/null
}

@test "a malformed request is answered and changes nothing" {
    rust_start a
    run -1 peer_do a '{"cmd":"join","group_key":"x","machine":"clock"}'
    assert_output --partial 'unknown variant'
    run -1 peer_do a '{"cmd":"execute","commands":[1]}'
    assert_output --partial '0 groups'
    run -0 peer_do a '{"cmd":"status"}'
    assert_equal "$(jq -c .groups <<<"$output")" '[]'
}

@test "a required ticket admits its bearer and no one else" {
    key=$(printf 'ab%.0s' {1..32})
    validator=$(jq -cn --arg key "$key" '{class: "jwt", keys: [{alg: "HS256", key: $key}], issuers: ["me"]}')
    echo "$validator" >"$BATS_TEST_TMPDIR/validator"
    group=(--group-key secret "${FAST[@]}" --require-ticket "$BATS_TEST_TMPDIR/validator")
    mint() { "$MOSAIK_PEER" ticket mint --alg HS256 --key "$key" --issuer me --peer "$(peer_id "$1")" | jq -r .ticket; }

    rust_start a "${group[@]}"
    rust_start b "${group[@]}" --bootstrap "$(peer_address a)"
    rust_start c "${group[@]}" --bootstrap "$(peer_address a)"
    for node in a b; do
        peer_do "$node" "{\"cmd\":\"ticket_add\",\"ticket\":\"$(mint "$node")\"}" >/dev/null
    done
    rust_mesh a b
    wait_event a ".event == \"catalog_entry\" and .entry.peer_id == \"$(peer_id c)\"" >/dev/null
    before=$(last_seq a)
    peer_do c "{\"cmd\":\"ticket_add\",\"ticket\":\"$(mint c)\"}" >/dev/null
    rust_mesh a b c
    run -0 wait_event a ".event == \"bond_formed\" and .peer == \"$(peer_id c)\""
    assert [ "$(jq .seq <<<"$output")" -gt "$before" ]

    run -0 "$MOSAIK_PEER" ticket verify --validator "$BATS_TEST_TMPDIR/validator" --peer "$(peer_id a)" "$(mint a)"
    run -1 "$MOSAIK_PEER" ticket verify --validator "$BATS_TEST_TMPDIR/validator" --peer "$(peer_id b)" "$(mint a)"
}

# Frames of the probe below: a catalog of one entry, and a handshake for the group of node a.
catalog_of_one() { echo "01$1"; }
handshake_start() { # NETWORK-ID GROUP-ID
    echo "$1$2{proof}00"
}

@test "a probe that nobody knows is refused with 401, and bonds once it is known" {
    rust_start a --group-key secret "${FAST[@]}"
    group_id=$(rust_status a | jq -r .group_id)
    network_id=$(jq -r .network_id "$BATS_TEST_TMPDIR/a/started")
    probe_start p
    proof=$(jq -cn --arg id "$group_id" '{group_key: "secret", group_id: $id}')
    hello=$(jq -cn --arg peer "$(peer_address a)" --arg frame "$(handshake_start "$network_id" "$group_id")" \
        --argjson proof "$proof" \
        '{cmd: "dial", peer: $peer, alpn: "/mosaik/groups/1", proof: $proof, do: [{frame: $frame}, {receive: 1}]}')

    run -0 peer_do p "$hello"
    conn=$(jq .conn <<<"$output")
    run -0 wait_event p ".event == \"closed\" and .conn == $conn"
    assert_equal "$(jq -c '[.by, .code, .reason]' <<<"$output")" '["peer",401,"UnknownPeer"]'

    entry=$(peer_do p "$(jq -cn --arg net "$NETWORK" --arg id "$group_id" \
        '{cmd: "sign_entry", network: $net, groups: [$id], addresses: []}')" | jq -r .hex)
    run -0 peer_do p "$(jq -cn --arg peer "$(peer_address a)" --arg frame "$(catalog_of_one "$entry")" \
        '{cmd: "dial", peer: $peer, alpn: "/mosaik/discovery/sync/1.0",
          do: [{frame: $frame}, {receive: 1}, {close: {code: 200, reason: "Success"}}]}')"
    wait_event a ".event == \"catalog_entry\" and .entry.peer_id == \"$(peer_id p)\"" >/dev/null

    run -0 peer_do p "$hello"
    assert_equal "$(jq .script_error <<<"$output")" null
    rust_wait a "bonded=$(peer_id p)" >/dev/null
    peer_do p "{\"cmd\":\"do\",\"conn\":$(jq .conn <<<"$output"),\"do\":[{\"frame\":\"ff\"}]}" >/dev/null
    run -0 wait_event p ".event == \"closed\" and .conn == $(jq .conn <<<"$output")"
    assert_equal "$(jq -c '[.by, .code]' <<<"$output")" '["peer",400]'
}

@test "a node that dials the probe gets the answer of its script" {
    probe_start p
    peer_do p '{"cmd":"accept","alpn":"/mosaik/groups/1","do":[{"receive":1},{"close":{"code":30405,"reason":"InvalidProof"}}]}'
    rust_start a --group-key secret "${FAST[@]}"
    group_id=$(rust_status a | jq -r .group_id)
    entry=$(peer_do p "$(jq -cn --arg net "$NETWORK" --arg id "$group_id" \
        '{cmd: "sign_entry", network: $net, groups: [$id]}')" | jq -r .hex)
    run -0 peer_do a "{\"cmd\":\"feed_entry\",\"entry\":\"$entry\"}"
    assert_equal "$(jq .accepted <<<"$output")" true
    run -0 wait_event p '.event == "accepted"'
    assert_equal "$(jq -r .peer_id <<<"$output")" "$(peer_id a)"
    run -0 wait_event p '.event == "frame"'
    assert_equal "$(jq -r '.hex[0:128]' <<<"$output")" \
        "$(jq -r .network_id "$BATS_TEST_TMPDIR/a/started")$group_id"
}

@test "bench measures rounds" {
    run -0 in_net "$MOSAIK_PEER" bench --group-key secret --nodes 2 --rounds 2 "${FAST[@]}"
    assert_equal "$(grep '^{' <<<"$output" | jq -c '[.event, .round]' | tr '\n' ' ')" '["round",1] ["round",2] '
    run -0 jq -es 'all(.[0].nodes[]; 0 < .leader_ms and .first_bond_ms <= .online_ms)' <<<"$(grep '^{' <<<"$output")"
}
