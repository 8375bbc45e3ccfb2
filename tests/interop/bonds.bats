# Bonds between our nodes and reference ones: who dials, first contact, entries kept fresh, simultaneous dials.

bats_require_minimum_version 1.5.0
load lib
load c
# shellcheck source=handshake.bash
load handshake

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

GROUP=(--group-key secret "${FAST[@]}")

# direction NODE: who dialled the only bond of a node of ours.
direction() {
    c_status "$1" | jq -r '.bonds | map(.direction) | join(" ")'
}

# start_bonded: a reference node a and one of ours, c, that was told where a is.
start_bonded() {
    rust_start a "${GROUP[@]}"
    c_start c "${GROUP[@]}" --bootstrap "$(peer_address a)"
    mesh a c
}

@test "a node of ours dials a reference node, also again when it closes the bond" {
    start_bonded
    before=$(last_seq c)
    peer_do a "{\"cmd\":\"close_bond\",\"peer\":\"$(peer_id c)\",\"close\":{\"code\":30408,\"reason\":\"Timeout\"}}"
    closed=$(wait_event c ".seq > $before and .event == \"bond_closed\"")
    assert_equal "$(jq -c '[.by, .code]' <<<"$closed")" '["peer",30408]'
    wait_event c ".seq > $before and .event == \"bond_formed\"" >/dev/null
    mesh a c
    assert_equal "$(direction c)" dialled
}

@test "a reference node dials a node of ours that knew nothing of it" {
    c_start c "${GROUP[@]}"
    rust_start a "${GROUP[@]}"
    peer_do a "{\"cmd\":\"sync\",\"peer\":\"$(peer_address c)\"}"
    mesh a c
    assert_equal "$(direction c)" accepted
}

@test "both report the same bond id" {
    start_bonded
    seen=$(wait_event a '.event == "bond_formed"' | jq -r .bond)
    c_wait c "bonded=$(peer_id a)"
    assert_equal "$(c_status c | jq -r '.bonds[0].bond')" "$seen"
}

@test "each has the other's entry in its catalog" {
    start_bonded
    shown='{peer_id, network_id, protocol, groups, addresses: (.addresses + .relays) | unique}'
    own=$(node_catalog a a | jq -cS "$shown")
    assert_equal "$(node_catalog c a | jq -cS "$shown")" "$own"
    # The catalog command of our nodes lists the others only.
    own=$(jq -cS --arg id "$(peer_id c)" --arg at "$(peer_address c)" \
        '.peer_id = $id | .addresses = [$at | split("@")[1]]' <<<"$own")
    assert_equal "$(node_catalog a c | jq -cS "$shown")" "$own"
}

@test "entries are kept fresh over the bond, both ways" {
    start_bonded
    before=$(last_seq a)
    "$MOSAIK_PEER" ticket mint --alg HS256 --key "$ZEROS" --peer "$(peer_id c)" | jq -r .ticket >"$BATS_TEST_TMPDIR/jwt"
    ticket=$(c_do c ticket add "$BATS_TEST_TMPDIR/jwt" | jq -r .id)
    run -0 wait_event a ".seq > $before and .event == \"catalog_entry\" and .entry.peer_id == \"$(peer_id c)\""
    assert_equal "$(jq -r '.change, .entry.tickets[].id' <<<"$output")" "updated"$'\n'"$ticket"

    before=$(last_seq c)
    version=$(peer_do a '{"cmd":"touch"}' | jq -r '.version | join(".")')
    run -0 wait_event c ".seq > $before and .event == \"peer_entry_update\" and .version == \"$version\""
    assert_equal "$(node_catalog c a | jq -r '.version | join(".")')" "$version"
}

@test "a ping is answered with a fresh entry" {
    c_start c "${GROUP[@]}"
    probe_start p
    aim_at c secret
    probe_dial p /mosaik/discovery/ping/1.0 '{"frame":""},{"receive":1},{"close":{"code":200,"reason":"Success"}}' |
        jq -e '.script_error == null'
    run -0 wait_event p '.event == "frame"'
    # Protocol version, network id, as in wire.md 4.1.
    assert_equal "$(jq -r '.hex[0:76]' <<<"$output")" "05302e342e32$TARGET_NETWORK"
}

# Whoever starts again has lost its catalog, but the other still knows where it is.
@test "first contact answered with 401 is healed by a catalog sync: we are unknown" {
    local secret=$ZEROS
    secret=${secret/%00/01}
    rust_start a --secret "$secret" "${GROUP[@]}"
    c_start c "${GROUP[@]}" --bootstrap "$(peer_address a)"
    mesh a c
    before=$(last_seq c)
    address=$(peer_address a)
    peer_kill a
    rust_start a --secret "$secret" --listen "${address#*@}" "${GROUP[@]}"
    run -0 wait_event c ".seq > $before and .event == \"dial_failed\" and .code == 401"
    refused=$(jq .seq <<<"$output")
    wait_event c ".seq > $refused and .event == \"bond_formed\"" >/dev/null
    mesh a c
}

@test "first contact answered with 401 is healed by a catalog sync: the reference is unknown" {
    start_bonded
    address=$(peer_address c)
    peer_kill c
    rust_wait a bonds=0 >/dev/null
    c_start c "${GROUP[@]}" --listen "${address#*@}"
    peer_do a '{"cmd":"touch"}' >/dev/null
    mesh a c
    run -0 wait_event c '.event == "handshake_rejected"'
    assert_equal "$(jq -c '[.code, .check]' <<<"$output")" '[401,"3"]'
}

# Each round both nodes join one more group and learn that of each other over the bond of the first. What we do when both
# want to dial depends on whose id is less.
@test "both dial at once, fifty times, and end up bonded within 2 s" {
    export INTEROP_LIMIT_S=2
    rust_start a "${GROUP[@]}"
    for order in lt gt; do
        until
            id=$(c_key "$order")
            [[ $order = lt && $id < $(peer_id a) || $order = gt && $id > $(peer_id a) ]]
        do :; done
        c_start "$order" "${GROUP[@]}" --bootstrap "$(peer_address a)"
        mesh a/main "$order"
        for round in {1..25}; do
            peer_do a "{\"cmd\":\"join\",\"as\":\"$order$round\",\"group_key\":\"$order$round\"}" >/dev/null &
            rust_join=$!
            c_do "$order" join --as "$order$round" --group-key "$order$round" >/dev/null 2>&1
            wait "$rust_join"
            mesh a/"$order$round" "$order/$order$round"
        done
    done
    # What was bonded stayed bonded: one node of ours in each group but the first. And dials did cross.
    assert_equal "$(peer_do a '{"cmd":"status"}' | jq -c '.groups | map(.bonds | length) | sort | [first, add]')" '[1,52]'
    wait_event lt '.event == "bond_duplicate"'
}
