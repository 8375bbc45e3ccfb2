# What a node does with each broken handshake, as acceptor (groups.md 2.4) and as dialler (groups.md 2.3, 2.5). Every case
# runs against a reference node, as the yardstick, and against one of ours, which does the same but where the name says it.

bats_require_minimum_version 1.5.0
load lib
load c
# shellcheck source=handshake.bash
load handshake

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

# start_target KIND [OPTION...]: a node, and a probe aimed at it: $p.
start_target() {
    echo "against $1"
    node_start "$@" --group-key secret
    aim_at "$1" secret
    p=probe-$1
    probe_start "$p"
}

@test "401: the acceptor does not know the dialler" {
    for kind in rust c; do
        start_target "$kind"
        assert_equal "$(greet "$p" "$(hello)")" 'peer 401 UnknownPeer'
    done
}

@test "30408: the handshake does not come" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" '{"raw":"00"}')" 'peer 30408 Timeout'
    done
}

@test "400: the handshake cannot be decoded" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" '{"frame":"ff"}')" 'peer 400 ProtocolViolation'
    done
}

@test "103: the stream ends before the handshake" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" '"finish"')" 'peer 103 UnexpectedClose'
    done
}

@test "the stream ends after the handshake's length: 103 from the reference, 30400 from us" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        greet "$p" '{"raw":"00000061"},"finish"' >"$BATS_TEST_TMPDIR/$kind/end"
    done
    assert_equal "$(cat "$BATS_TEST_TMPDIR/rust/end")" 'peer 103 UnexpectedClose'
    assert_equal "$(cat "$BATS_TEST_TMPDIR/c/end")" 'peer 30400 InvalidHandshake'
}

@test "30400: the stream ends within the handshake, or is aborted" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" '{"raw":"0000006100"},"finish"')" 'peer 30400 InvalidHandshake'
        assert_equal "$(greet "$p" '{"raw":"0000006100"},{"reset":0}')" 'peer 30400 InvalidHandshake'
    done
}

@test "101: another network" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" "$(hello "$ZEROS")")" 'peer 101 DifferentNetwork'
    done
}

@test "30404: a group that the acceptor has not joined" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" "$(hello '' "$ZEROS")")" 'peer 30404 GroupNotFound'
    done
}

@test "30405: a wrong proof" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" "$(hello '' '' "$ZEROS")")" 'peer 30405 InvalidProof'
    done
}

# with_list PROOF: a HandshakeStart whose list has one entry, with a wrong signature.
with_list() {
    local entry
    entry=$(peer_do "$p" "$(jq -cn --arg network "$TARGET_NETWORK" '{cmd: "sign_entry", network: $network, groups: []}')")
    entry=$(jq -r .hex <<<"$entry")
    echo "{\"frame\":\"$TARGET_NETWORK$TARGET_GROUP${1}01${entry::-128}$ZEROS$ZEROS\"}"
}

@test "400: a wrong signature in the list, after a right proof" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        assert_equal "$(greet "$p" "$(with_list '{proof}')")" 'peer 400 ProtocolViolation'
    done
}

@test "a wrong signature in the list and a wrong proof: 400 from the reference, 30405 from us" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        greet "$p" "$(with_list "$ZEROS")" >"$BATS_TEST_TMPDIR/$kind/end"
    done
    assert_equal "$(cat "$BATS_TEST_TMPDIR/rust/end")" 'peer 400 ProtocolViolation'
    assert_equal "$(cat "$BATS_TEST_TMPDIR/c/end")" 'peer 30405 InvalidProof'
}

@test "30429: a second bond; the first stays, until a departure ends it" {
    for kind in rust c; do
        start_target "$kind"
        introduce "$p"
        first=$(bond "$p")
        assert_equal "$(greet "$p" "$(hello)")" 'peer 30429 AlreadyBonded'
        node_wait "$kind" "bonded=$(peer_id "$p")" >/dev/null
        # Only an open connection can be written to.
        run -0 peer_do "$p" "{\"cmd\":\"do\",\"conn\":$first,\"do\":[{\"frame\":\"02\"}]}"
        assert_equal "$(probe_closed "$p" "$first")" 'peer 102 Cancelled'
    done
}

@test "30403: no ticket, then bonded with one" {
    key=$(printf 'ab%.0s' {1..32})
    jq -n --arg key "$key" '{keys: [{alg: "HS256", key: $key}]}' >"$BATS_TEST_TMPDIR/validator"
    for kind in rust c; do
        start_target "$kind" --require-ticket "$BATS_TEST_TMPDIR/validator"
        introduce "$p"
        assert_equal "$(greet "$p" "$(hello)")" 'peer 30403 NotAllowed'
        introduce "$p" "$("$MOSAIK_PEER" ticket mint --alg HS256 --key "$key" --peer "$(peer_id "$p")" | jq -r .ticket)"
        bond "$p"
    done
}

@test "30408: a bonded peer falls silent" {
    for kind in rust c; do
        start_target "$kind" --heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 5
        introduce "$p"
        conn=$(jq .conn <<<"$(peer_do "$p" "$(jq -cn --arg peer "$TARGET" --argjson hello "$(hello)" \
            --arg group "$TARGET_GROUP" '{cmd: "dial", peer: $peer, alpn: "/mosaik/groups/1", do: [$hello],
            proof: {group_key: "secret", group_id: $group}}')")")
        assert_equal "$(probe_closed "$p" "$conn")" 'peer 30408 Timeout'
    done
}

@test "the dialler gives up a connection without an answer: code 0 from the reference, 30408 from us" {
    for kind in rust c; do
        start_target "$kind"
        answer_with "$p" ''
        probe_closed "$p" "$(dialled "$p")" >"$BATS_TEST_TMPDIR/$kind/end"
    done
    assert_equal "$(cat "$BATS_TEST_TMPDIR/rust/end")" 'peer 0 '
    assert_equal "$(cat "$BATS_TEST_TMPDIR/c/end")" 'peer 30408 Timeout'
}

@test "the dialler refuses a wrong proof with 30405" {
    for kind in rust c; do
        start_target "$kind"
        answer_with "$p" "{\"frame\":\"${ZEROS}00\"}"
        assert_equal "$(probe_closed "$p" "$(dialled "$p")")" 'peer 30405 InvalidProof'
    done
}

@test "the dialler closes with 400 what it cannot decode" {
    for kind in rust c; do
        start_target "$kind"
        answer_with "$p" '{"frame":"ff"}'
        assert_equal "$(probe_closed "$p" "$(dialled "$p")")" 'peer 400 ProtocolViolation'
    done
}

@test "the dialler syncs catalogs after 401 and dials again" {
    for kind in rust c; do
        start_target "$kind"
        peer_do "$p" '{"cmd":"accept","alpn":"/mosaik/discovery/sync/1.0",
            "do":[{"receive":1},{"frame":"00"},"await_close"]}'
        answer_with "$p" '{"close":{"code":401,"reason":"UnknownPeer"}}'
        first=$(dialled "$p")
        sync=$(wait_event "$p" ".conn > $first and .event == \"accepted\" and .alpn == \"/mosaik/discovery/sync/1.0\"")
        dialled "$p" "$(jq .conn <<<"$sync")"
    done
}

# groups.md 2.5, last column: which event tells of the refusal, and within how many ms we come again.
@test "how our dialler takes each code" {
    declare -A taken=(
        [0]='dial_failed 0 650' [101]='dial_refused 599000 600000' [102]='dial_failed 4800 6000'
        [103]='dial_failed 0 650' [400]='dial_refused 25000 35000' [30400]='dial_failed 0 650'
        [30403]='dial_refused 50000 70000' [30404]='dial_failed 0 650' [30405]='dial_refused null null'
        [30408]='dial_failed 0 650' [30429]='dial_failed 0 500' [77777]='dial_failed 0 650')
    start_target c
    for code in "${!taken[@]}"; do
        probe_start "p$code"
        answer_with "p$code" "{\"close\":{\"code\":$code,\"reason\":\"\"}}"
    done
    for code in "${!taken[@]}"; do
        read -r event from_ms to_ms <<<"${taken[$code]}"
        run -0 wait_event c "(.event | startswith(\"dial_\")) and .code == $code"
        echo "$output"
        assert_equal "$(jq -r .peer <<<"$output")" "$(peer_id "p$code")"
        assert_equal "$(jq -r .event <<<"$output")" "$event"
        jq -e "$from_ms <= .retry_in_ms and .retry_in_ms <= $to_ms" <<<"$output"
    done
}
