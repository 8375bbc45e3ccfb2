# What a reference node does with each broken handshake, as acceptor (groups.md 2.4) and as dialler (groups.md 2.3, 2.5):
# the yardstick for our own.

bats_require_minimum_version 1.5.0
load lib
# shellcheck source=handshake.bash
load handshake

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }

setup() {
    interop_setup
    probe_start p
}

teardown() { interop_teardown; }

# start_target [OPTION...]: a reference node as the probe's target.
start_target() {
    rust_start a --group-key secret "$@"
    aim_at_rust a secret
}

@test "401: the acceptor does not know the dialler" {
    start_target
    assert_equal "$(greet p "$(hello)")" 'peer 401 UnknownPeer'
}

@test "30408: the handshake does not come" {
    start_target
    introduce p
    assert_equal "$(greet p '{"raw":"00"}')" 'peer 30408 Timeout'
}

@test "400: the handshake cannot be decoded" {
    start_target
    introduce p
    assert_equal "$(greet p '{"frame":"ff"}')" 'peer 400 ProtocolViolation'
}

@test "103: the stream ends before the handshake, or after the length of it" {
    start_target
    introduce p
    assert_equal "$(greet p '"finish"')" 'peer 103 UnexpectedClose'
    assert_equal "$(greet p '{"raw":"00000061"},"finish"')" 'peer 103 UnexpectedClose'
}

@test "30400: the stream ends within the handshake, or is aborted" {
    start_target
    introduce p
    assert_equal "$(greet p '{"raw":"0000006100"},"finish"')" 'peer 30400 InvalidHandshake'
    assert_equal "$(greet p '{"raw":"0000006100"},{"reset":0}')" 'peer 30400 InvalidHandshake'
}

@test "101: another network" {
    start_target
    introduce p
    assert_equal "$(greet p "$(hello "$ZEROS")")" 'peer 101 DifferentNetwork'
}

@test "30404: a group that the acceptor has not joined" {
    start_target
    introduce p
    assert_equal "$(greet p "$(hello '' "$ZEROS")")" 'peer 30404 GroupNotFound'
}

@test "30405: a wrong proof" {
    start_target
    introduce p
    assert_equal "$(greet p "$(hello '' '' "$ZEROS")")" 'peer 30405 InvalidProof'
}

@test "30429: a second bond; the first stays" {
    start_target
    introduce p
    first=$(bond p)
    assert_equal "$(greet p "$(hello)")" 'peer 30429 AlreadyBonded'
    rust_wait a "bonded=$(peer_id p)" >/dev/null
    # Only an open connection can be written to.
    run -0 peer_do p "{\"cmd\":\"do\",\"conn\":$first,\"do\":[{\"frame\":\"02\"}]}"
    assert_equal "$(probe_closed p "$first")" 'peer 102 Cancelled'
}

@test "30403: no ticket, then bonded with one" {
    key=$(printf 'ab%.0s' {1..32})
    jq -n --arg key "$key" '{keys: [{alg: "HS256", key: $key}]}' >"$BATS_TEST_TMPDIR/validator"
    start_target --require-ticket "$BATS_TEST_TMPDIR/validator"
    introduce p
    assert_equal "$(greet p "$(hello)")" 'peer 30403 NotAllowed'
    introduce p "$("$MOSAIK_PEER" ticket mint --alg HS256 --key "$key" --peer "$(peer_id p)" | jq -r .ticket)"
    bond p
}

@test "30408: a bonded peer falls silent" {
    start_target --heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 5
    introduce p
    conn=$(jq .conn <<<"$(peer_do p "$(jq -cn --arg peer "$TARGET" --argjson hello "$(hello)" --arg group "$TARGET_GROUP" \
        '{cmd: "dial", peer: $peer, alpn: "/mosaik/groups/1", do: [$hello],
          proof: {group_key: "secret", group_id: $group}}')")")
    assert_equal "$(probe_closed p "$conn")" 'peer 30408 Timeout'
}

# The probe as acceptor: the target learns its entry and dials it.

# answer_with STEPS: what the probe does once it has the target's HandshakeStart.
answer_with() {
    local entry
    peer_do p "{\"cmd\":\"accept\",\"alpn\":\"/mosaik/groups/1\",\"do\":[{\"receive\":1}${1:+,$1}]}" >/dev/null
    entry=$(peer_do p "{\"cmd\":\"sign_entry\",\"network\":\"$TARGET_NETWORK\",\"groups\":[\"$TARGET_GROUP\"]}" | jq -r .hex)
    peer_do a "{\"cmd\":\"feed_entry\",\"entry\":\"$entry\"}" >/dev/null
}

# dialled: the number of the target's first connection for the group.
dialled() {
    wait_event p '.event == "accepted" and .alpn == "/mosaik/groups/1"' | jq .conn
}

@test "the dialler drops a connection without an answer, with code 0" {
    start_target
    answer_with ''
    assert_equal "$(probe_closed p "$(dialled)")" 'peer 0 '
}

@test "the dialler refuses a wrong proof with 30405" {
    start_target
    answer_with "{\"frame\":\"${ZEROS}00\"}"
    assert_equal "$(probe_closed p "$(dialled)")" 'peer 30405 InvalidProof'
}

@test "the dialler closes with 400 what it cannot decode" {
    start_target
    answer_with '{"frame":"ff"}'
    assert_equal "$(probe_closed p "$(dialled)")" 'peer 400 ProtocolViolation'
}

@test "the dialler syncs catalogs after 401 and dials again" {
    start_target
    peer_do p '{"cmd":"accept","alpn":"/mosaik/discovery/sync/1.0","do":[{"receive":1},{"frame":"00"},"await_close"]}'
    answer_with '{"close":{"code":401,"reason":"UnknownPeer"}}'
    first=$(dialled)
    sync=$(wait_event p ".conn > $first and .event == \"accepted\" and .alpn == \"/mosaik/discovery/sync/1.0\"" | jq .conn)
    wait_event p ".conn > $sync and .event == \"accepted\" and .alpn == \"/mosaik/groups/1\""
}
