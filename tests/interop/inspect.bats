# mosaik-inspect against real nodes, and against probes that misbehave in ways no node does.
# shellcheck disable=SC2154 # run sets stderr

bats_require_minimum_version 1.5.0
load lib
load c
# shellcheck source=handshake.bash
load handshake

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

inspect() { run --separate-stderr in_net "$MSK_BIN/mosaik-inspect" "$@"; }

# try_bond NAME OPTION...: with that node, in the group of the key "secret"
try_bond() {
    inspect bond "$(peer_address "$1")" --network "$NETWORK" --group-key secret --json "${@:2}"
}

# ended STATUS RESULT CODE STEPS
ended() {
    assert_equal "$(jq -r '"\(.result) \(.code) \([.steps[].step] | join(" "))"' <<<"$output")" "$2 $3 $4"
    assert_equal "$status" "$1"
}

ATTEMPT='dial connected handshake_sent'
INTRODUCED="$ATTEMPT refused synced $ATTEMPT"

@test "peer and catalog of a reference node" {
    rust_start ada
    rust_start bob --bootstrap "$(peer_address ada)"
    wait_event bob ".event == \"catalog_entry\" and .entry.peer_id == \"$(peer_id ada)\"" >/dev/null
    inspect peer "$(peer_address ada)" --json
    assert_equal "$(jq -r '.entry | "\(.peer_id) \(.protocol) \(.signature_valid)"' <<<"$output")" "$(peer_id ada) 0.4.2 true"
    inspect catalog "$(peer_address bob)" --json
    assert_equal "$(jq -c '[.entries[] | .peer_id] | sort' <<<"$output")" \
        "$({ peer_id ada; peer_id bob; } | jq -cnR '[inputs] | sort')"
    assert_equal "$(jq -c '[.entries[] | .signature_valid] | unique' <<<"$output")" '[true]'
}

# The bond is over so soon that the events of a reference node may not mention it at all.
@test "a bond with a reference node, which is left as it was" {
    rust_start ada --group-key secret "${FAST[@]}"
    rust_wait ada online >/dev/null
    try_bond ada "${FAST[@]}"
    ended 0 bonded null "$INTRODUCED bonded departed"
    inspector=$(jq -r .peer_id <<<"$output")
    wait_event ada ".event == \"catalog_entry\" and .entry.peer_id == \"$inspector\"" >/dev/null
    rust_wait ada online is-leader bonds=0 >/dev/null
}

@test "refusals of a reference node" {
    rust_start ada --group-key secret
    try_bond ada --max-missed-heartbeats 7
    ended 1 refused 30404 "$INTRODUCED refused"
    assert_regex "$(jq -r .why <<<"$output")" "Groups it does list: $(jq -r '.groups[0].group_id[:10]' "$BATS_TEST_TMPDIR/ada/started")… "
    inspect bond "$(peer_address ada)" --network other --group-key secret --json
    ended 1 refused 401 "$INTRODUCED refused"
    assert_regex "$(jq -r .why <<<"$output")" 'in another network'
}

@test "tickets: refused by a reference node without, bonded with" {
    key=$(printf 'ab%.0s' {1..32})
    jq -n --arg key "$key" '{keys: [{alg: "HS256", key: $key}]}' >"$BATS_TEST_TMPDIR/validator"
    (umask 077 && "$MSK_BIN/mosaik-keygen" secret >"$BATS_TEST_TMPDIR/key")
    "$MOSAIK_PEER" ticket mint --alg HS256 --key "$key" --peer "$("$MSK_BIN/mosaik-keygen" peer-id <"$BATS_TEST_TMPDIR/key")" |
        jq -r .ticket >"$BATS_TEST_TMPDIR/ticket"
    rust_start ada --group-key secret --require-ticket "$BATS_TEST_TMPDIR/validator"
    try_bond ada --require-ticket "$BATS_TEST_TMPDIR/validator"
    ended 1 refused 30403 "$INTRODUCED refused"
    assert_regex "$(jq -r .why <<<"$output")" 'validator): missing'
    try_bond ada --require-ticket "$BATS_TEST_TMPDIR/validator" --secret-file "$BATS_TEST_TMPDIR/key" --ticket "$BATS_TEST_TMPDIR/ticket"
    ended 0 bonded null "$INTRODUCED bonded departed"
}

# answering STEPS: how an attempt ends when the handshake is answered so
answering() {
    peer_do probe "{\"cmd\":\"accept\",\"alpn\":\"/mosaik/groups/1\",\"do\":[{\"receive\":1}${1:+,$1}]}" >/dev/null
    try_bond probe --timeout "${2:-10s}"
}

@test "answers that no node gives" {
    probe_start probe
    answering "{\"frame\":\"${ZEROS}00\"}"
    ended 1 refused 30405 "$ATTEMPT refused"
    assert_regex "$(jq -r .why <<<"$output")" "but the peer's proof of the group key is wrong"
    answering '{"frame":"ff"}'
    ended 1 refused 400 "$ATTEMPT refused"
    answering '"finish"'
    ended 1 refused 103 "$ATTEMPT refused"
    answering '{"raw":"ffffffff"}'
    ended 1 refused 400 "$ATTEMPT refused"
    for code in 30405 30408 102 100 30400; do
        answering "{\"close\":{\"code\":$code,\"reason\":\"\"}}"
        ended 1 refused "$code" "$ATTEMPT refused"
        assert_equal "$(jq -r .name <<<"$output")" "$("$MSK_BIN/mosaik-inspect" code $code --json | jq -r .name)"
    done
    answering '{"close":{"code":12345,"reason":"?"}}'
    ended 1 refused 12345 "$ATTEMPT refused"
    assert_regex "$(jq -r .why <<<"$output")" '^No code of mosaik'
    answering '' 300ms
    ended 4 timed_out null "$ATTEMPT no_answer"
    assert_regex "$(jq -r .why <<<"$output")" '^The connection stands'
}

@test "a peer that serves no groups" {
    probe_start probe
    try_bond probe
    ended 3 unreachable null 'dial no_protocol'
    inspect peer "$(peer_address probe)"
    assert_equal "$status" 3
}

@test "entries with bad signatures are shown as such" {
    probe_start probe
    entry=$(peer_do probe '{"cmd":"sign_entry","network":"test","groups":[],"tickets":[]}' | jq -r .hex)
    bad=${entry%??}$(printf %02x $((0x${entry: -2} ^ 1)))
    peer_do probe "{\"cmd\":\"accept\",\"alpn\":\"/mosaik/discovery/ping/1.0\",\"do\":[{\"receive\":1},{\"frame\":\"$bad\"},\"await_close\"]}"
    peer_do probe "{\"cmd\":\"accept\",\"alpn\":\"/mosaik/discovery/sync/1.0\",\"do\":[{\"receive\":1},{\"frame\":\"02$entry$bad\"},\"await_close\"]}"
    inspect peer "$(peer_address probe)" --json
    assert_equal "$status" 1
    assert_equal "$(jq .entry.signature_valid <<<"$output")" false
    assert_equal "$stderr" "mosaik-inspect: the entry's signature is not the peer's"
    inspect catalog "$(peer_address probe)" --json
    assert_equal "$status" 1
    assert_equal "$(jq -c '[.entries[].signature_valid]' <<<"$output")" '[true,false]'
    assert_regex "$stderr" '1 of 2 entries are not signed by the peer they describe'
    peer_do probe '{"cmd":"accept","alpn":"/mosaik/discovery/ping/1.0","do":[{"receive":1},{"frame":"ff"},"await_close"]}'
    inspect peer "$(peer_address probe)"
    assert_equal "$status" 1
    assert_regex "$stderr" 'the answer cannot be decoded: '
}
