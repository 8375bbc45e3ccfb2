# Groups that require a ticket: who has one is bonded, who has none or loses it is not, whichever side looks.

bats_require_minimum_version 1.5.0
load lib
load c

KEY=$(printf 'ab%.0s' {1..32})

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() {
    interop_setup
    jq -n --arg key "$KEY" '{keys: [{alg: "HS256", key: $key}], issuers: ["me"]}' >"$BATS_TEST_TMPDIR/validator"
    GROUP=(--group-key secret "${FAST[@]}" --require-ticket "$BATS_TEST_TMPDIR/validator")
}
teardown() { interop_teardown; }

# mint PEER [OPTION...]: a ticket, made by the reference.
mint() {
    "$MOSAIK_PEER" ticket mint --alg HS256 --key "$KEY" --issuer me --peer "$1" "${@:2}" | jq -r .ticket
}

# give NODE [OPTION...]: a running node gets a ticket; prints the ticket's id.
give() {
    if is_c "$1"; then
        mint "$(peer_id "$1")" "${@:2}" >"$BATS_TEST_TMPDIR/$1/ticket"
        c_do "$1" ticket add "$BATS_TEST_TMPDIR/$1/ticket" | jq -r .id
    else
        peer_do "$1" "$(mint "$(peer_id "$1")" "${@:2}" | jq -cR '{cmd: "ticket_add", ticket: .}')" | jq -r .ticket_id
    fi
}

# take NODE ID: and loses it again.
take() {
    if is_c "$1"; then
        c_do "$1" ticket remove "$2"
    else
        peer_do "$1" "{\"cmd\":\"ticket_remove\",\"ticket_id\":\"$2\"}"
    fi
}

start_pair() {
    rust_start a "${GROUP[@]}"
    c_start c "${GROUP[@]}" --bootstrap "$(peer_address a)"
}

@test "they bond as soon as both have a ticket" {
    start_pair
    give c
    give a
    mesh a c
}

@test "we refuse a reference node without a ticket, with 30403" {
    start_pair
    give c
    run -0 wait_event c '.event == "handshake_rejected"'
    assert_equal "$(jq -c '[.code, .check]' <<<"$output")" '[30403,"8"]'
}

@test "a reference node refuses us without a ticket, with 30403, and takes us once we have one" {
    secret=$("$MSK_BIN/mosaik-keygen" secret)
    rust_start a "${GROUP[@]}" --secret "$secret" --ticket "$(mint "$("$MSK_BIN/mosaik-keygen" peer-id <<<"$secret")")"
    c_start c "${GROUP[@]}" --bootstrap "$(peer_address a)"
    run -0 wait_event c '.event == "dial_refused"'
    assert_equal "$(jq .code <<<"$output")" 30403
    give c
    mesh a c
}

@test "bond_terminated_on_jwt_ticket_revocation: whoever gives up its ticket loses the bond with 30403, and gets it back with another" {
    declare -A ticket closer=([a]=local [c]=peer)
    start_pair
    for node in a c; do
        ticket[$node]=$(give "$node")
    done
    for node in a c; do
        mesh a c
        before=$(last_seq c)
        take "$node" "${ticket[$node]}"
        run -0 wait_event c ".seq > $before and .event == \"bond_closed\""
        assert_equal "$(jq -c '[.code, .by]' <<<"$output")" "[30403,\"${closer[$node]}\"]"
        give "$node"
        mesh a c
    done
}

@test "a bond ends when a ticket runs out, unless it was renewed over the bond" {
    start_pair
    for node in a c; do
        give "$node" --expires-in 3s
    done
    mesh a c
    give c
    before=$(last_seq c)
    # Only that of a runs out: it is we who notice.
    run -0 wait_event c ".seq > $before and .event == \"bond_closed\""
    assert_equal "$(jq -c '[.code, .by]' <<<"$output")" '[30403,"local"]'
    give a
    mesh a c
}
