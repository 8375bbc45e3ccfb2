# Groups that require tickets of a class that neither program brings along: on our side a program judges them, in the
# reference a TicketValidator of its host (README.md), by the same rule. A ticket is the text PEERID:UNTIL.

bats_require_minimum_version 1.5.0
load lib
load c

KEY=$(printf 'ab%.0s' {1..32})

RULE='(.ticket // "" | split(":")) as $parts
| (if $parts[1] == "never" then "never" else try ($parts[1] | tonumber) catch null end) as $until
| if ($parts | length) != 2 or $parts[0] != .peer_id then {id, accept: false, reason: "not of this peer"}
  elif $until == null then {id, accept: false, reason: "no time"}
  else {id, accept: true, expires: $until} end'

# What nobody takes, of PEER.
BAD_TICKETS=(
    '{"class":"passes","data":"0000000000000000000000000000000000000000000000000000000000000000:never"}'
    '{"class":"passes","data":"PEER:1000000000"}'
    '{"class":"passes","data":"PEER:soon"}'
    '{"class":"passes","data":"PEER"}'
    '{"class":"passes","data_hex":"ff3a00"}'
    '{"class":"passports","data":"PEER:never"}'
)

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() {
    interop_setup
    jq -n --arg rule "$RULE" '{class: "exec", name: "passes", signature: "a pass of the peer",
        command: ["jq", "-c", "--unbuffered", $rule], timeout: "20s"}' >"$BATS_TEST_TMPDIR/validator"
    jq -n --arg key "$KEY" '{keys: [{alg: "HS256", key: $key}]}' >"$BATS_TEST_TMPDIR/jwt-validator"
    GROUP=(--group-key secret "${FAST[@]}" --require-ticket "$BATS_TEST_TMPDIR/validator")
}
teardown() { interop_teardown; }

# pass PEER [UNTIL]: a ticket as both programs take it.
pass() { jq -cn --arg data "$1:${2-never}" '{class: "passes", data: $data}'; }

# give NODE [UNTIL]: a running node gets a pass of its own; prints the ticket's id.
give() {
    local pass
    pass=$(pass "$(peer_id "$1")" "${@:2}")
    if is_c "$1"; then
        echo "$pass" >"$BATS_TEST_TMPDIR/$1/ticket"
        c_do "$1" ticket add "$BATS_TEST_TMPDIR/$1/ticket" | jq -r .id
    else
        peer_do "$1" "{\"cmd\":\"ticket_add\",\"ticket\":$pass}" | jq -r .ticket_id
    fi
}

# jwt NODE: a running node gets a JWT as well.
jwt() {
    local text
    text=$("$MOSAIK_PEER" ticket mint --alg HS256 --key "$KEY" --peer "$(peer_id "$1")" | jq -r .ticket)
    if is_c "$1"; then
        c_do "$1" ticket add - <<<"$text"
    else
        peer_do "$1" "{\"cmd\":\"ticket_add\",\"ticket\":\"$text\"}"
    fi
}

# take NODE ID
take() {
    if is_c "$1"; then
        c_do "$1" ticket remove "$2"
    else
        peer_do "$1" "{\"cmd\":\"ticket_remove\",\"ticket_id\":\"$2\"}"
    fi
}

# exchange NODE ID UNTIL: another pass in the place of one; prints the new one's id.
exchange() {
    give "$1" "$3"
    take "$1" "$2" >/dev/null
}

# in_future SECONDS: Unix time.
in_future() { echo "$(($(date +%s) + $1 * TIME_FACTOR))"; }

start_pair() {
    rust_start a "${GROUP[@]}"
    c_start c "${GROUP[@]}" --bootstrap "$(peer_address a)"
}

# known_until NODE PEER UNTIL: waits until our NODE knows PEER's tickets to hold so long.
known_until() {
    local limit_s=$((SECONDS + INTEROP_LIMIT_S * TIME_FACTOR)) time
    time=$(date -u -d "@$3" +%FT%TZ)
    until c_status "$1" | jq -e --arg peer "$(peer_id "$2")" --arg time "$time" \
        'any(.bonds[]; .peer == $peer and .ticket_expires == $time)' >/dev/null; do
        [ "$SECONDS" -lt "$limit_s" ] || return
    done
}

@test "both programs take and refuse the same tickets" {
    local peer ticket until validator=$BATS_TEST_TMPDIR/validator
    peer=$("$MSK_BIN/mosaik-keygen" secret | "$MSK_BIN/mosaik-keygen" peer-id)
    for ticket in "${BAD_TICKETS[@]//PEER/$peer}"; do
        [[ $ticket != *passports* ]] || continue # is not looked at
        run -1 "$MOSAIK_PEER" ticket verify --validator "$validator" --peer "$peer" "$ticket"
        assert_equal "$output" '{"expires":null,"valid":false}'
        run -1 "$MSK_BIN/mosaik-ticket" verify --validator "$validator" --peer "$peer" --json "$ticket"
        assert_equal "$(jq -c .valid <<<"$output")" false
    done
    for until in never 4000000000; do
        ticket=$(pass "$peer" "$until")
        run -0 "$MOSAIK_PEER" ticket verify --validator "$validator" --peer "$peer" "$ticket"
        assert_equal "$(jq -r .expires <<<"$output")" "$until"
        run -0 "$MSK_BIN/mosaik-ticket" verify --validator "$validator" --peer "$peer" --json "$ticket"
        assert_equal "$(jq -r .expires <<<"$output")" "$until"
    done
    assert_equal "$("$MSK_BIN/mosaik-ticket" signature --validator "$validator")" \
        "$("$MOSAIK_PEER" ticket signature --validator "$validator" | jq -r .signature)"
}

@test "they bond as soon as both have a ticket" {
    start_pair
    assert_equal "$(c_status c | jq -r .group_id)" "$(rust_status a | jq -r .group_id)"
    give c
    give a
    mesh a c
    agree a c
}

@test "tickets are given at the start, as text and as bytes" {
    local secret hex
    secret=$("$MSK_BIN/mosaik-keygen" secret)
    hex=$(printf %s "$("$MSK_BIN/mosaik-keygen" peer-id <<<"$secret"):never" | od -An -tx1 | tr -d ' \n')
    rust_start a "${GROUP[@]}" --secret "$secret" --ticket "{\"class\":\"passes\",\"data_hex\":\"$hex\"}"
    pass "$(c_key c)" >"$BATS_TEST_TMPDIR/pass"
    c_start c "${GROUP[@]}" --ticket "$BATS_TEST_TMPDIR/pass" --bootstrap "$(peer_address a)"
    mesh a c
}

@test "we refuse reference nodes without a ticket and with bad ones, with 30403" {
    local number=0 secret peer ticket
    c_start c "${GROUP[@]}"
    give c
    for ticket in '' "${BAD_TICKETS[@]}"; do
        number=$((number + 1))
        secret=$("$MSK_BIN/mosaik-keygen" secret)
        peer=$("$MSK_BIN/mosaik-keygen" peer-id <<<"$secret")
        rust_start "a$number" "${GROUP[@]}" --secret "$secret" --bootstrap "$(peer_address c)" \
            ${ticket:+--ticket "${ticket//PEER/$peer}"}
        run -0 wait_event c ".event == \"handshake_rejected\" and .peer == \"$peer\""
        assert_equal "$(jq -c '[.code, .check]' <<<"$output")" '[30403,"8"]'
    done
    assert_equal "$(c_status c | jq '.bonds | length')" 0
}

@test "a reference node refuses us without a ticket and with bad ones, with 30403" {
    local number=0 peer ticket
    rust_start a "${GROUP[@]}"
    give a
    for ticket in '' "${BAD_TICKETS[@]}"; do
        number=$((number + 1))
        peer=$(c_key "c$number")
        echo "${ticket//PEER/$peer}" >"$BATS_TEST_TMPDIR/c$number/pass"
        c_start "c$number" "${GROUP[@]}" --bootstrap "$(peer_address a)" ${ticket:+--ticket "$BATS_TEST_TMPDIR/c$number/pass"}
        run -0 wait_event "c$number" ".event == \"dial_refused\" and .peer == \"$(peer_id a)\""
        assert_equal "$(jq .code <<<"$output")" 30403
    done
    assert_equal "$(rust_status a | jq '.bonds | length')" 0
}

@test "whose ticket runs out loses the bond with 30403, and gets it back with another" {
    local node before
    local -A ticket closer=([a]=local [c]=peer)
    start_pair
    for node in a c; do
        ticket[$node]=$(give "$node")
    done
    for node in a c; do
        mesh a c
        before=$(last_seq c)
        exchange "$node" "${ticket[$node]}" "$(in_future 2)"
        run -0 wait_event c ".seq > $before and .event == \"bond_closed\""
        assert_equal "$(jq -c '[.code, .by]' <<<"$output")" "[30403,\"${closer[$node]}\"]"
        give "$node"
    done
    mesh a c
}

@test "a ticket renewed over the bond keeps it, on either side" {
    local node until witness closed
    local -A ticket
    start_pair
    rust_start b "${GROUP[@]}" --bootstrap "$(peer_address c)"
    for node in a b c; do
        ticket[$node]=$(give "$node")
    done
    mesh a c
    mesh b c
    until=$(in_future 5)
    for node in a c; do
        ticket[$node]=$(exchange "$node" "${ticket[$node]}" "$until")
    done
    known_until c a "$until"
    for node in a c; do
        give "$node" 4000000000
    done
    known_until c a 4000000000
    # once that of b has run out, those of a and c would have
    exchange b "${ticket[b]}" $((until + 1))
    witness=$(peer_id b)
    run -0 wait_event c ".event == \"bond_closed\" and .peer == \"$witness\""
    assert_equal "$(jq -c .code <<<"$output")" 30403
    mesh a c
    closed=$(jq -Rr 'fromjson? | select(.event == "bond_closed" and .code == 30403) | .peer' "$(peer_out a)" "$(peer_out c)")
    assert_equal "$(sort -u <<<"$closed")" "$witness"
}

@test "a JWT and one of its own class: both are wanted, and their order is of the group" {
    local id
    GROUP=(--group-key secret "${FAST[@]}" --require-ticket "$BATS_TEST_TMPDIR/jwt-validator"
        --require-ticket "$BATS_TEST_TMPDIR/validator")
    start_pair
    give a
    give c
    jwt a
    run -0 wait_event c ".event == \"dial_refused\""
    assert_equal "$(jq .code <<<"$output")" 30403
    jwt c
    mesh a c
    id=$(c_status c | jq -r .group_id)
    assert_equal "$(rust_status a | jq -r .group_id)" "$id"
    run -0 "$MSK_BIN/mosaik-keygen" group-id --group-key secret "${BRISK[@]}" \
        --require-ticket "$BATS_TEST_TMPDIR/validator" --require-ticket "$BATS_TEST_TMPDIR/jwt-validator"
    refute_output --partial "$id"
}
