# Tickets made by our programs and by the reference's, of every algorithm, checked by both; one and two validators in a
# group; both sides see a ticket renewed, and its end.

bats_require_minimum_version 1.5.0
load lib
load c

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
teardown() { interop_teardown; }
setup() {
    interop_setup
    umask 077
    cd "$BATS_TEST_TMPDIR" || return
}

GROUP=(--group-key secret "${FAST[@]}")
ALGS=(HS256 HS384 HS512 ES256 ES384 ES512 EdDSA)

keygen() { "$MSK_BIN/mosaik-keygen" "$@"; }
ticket() { "$MSK_BIN/mosaik-ticket" "$@"; }

# issuer NAME ALG [MEMBERS]: NAME.key (hex), NAME.json, a validator with these further members.
issuer() {
    keygen issuer "$2" --format hex --output "$1.key" --force
    jq -n --arg alg "$2" --arg key "$(keygen issuer-public --alg "$2" --format hex "$1.key")" \
        "{keys: [{alg: \$alg, key: \$key}]} + ${3:-{\}}" >"$1.json"
    echo "$2" >"$1.alg"
}

# mint c|rust ISSUER PEER [OPTION...]
mint() {
    local options=(mint --alg "$(<"$2.alg")" --key "$2.key" --peer "$3" "${@:4}")
    if [ "$1" = c ]; then ticket "${options[@]}"; else "$MOSAIK_PEER" ticket "${options[@]}" | jq -r .ticket; fi
}

# give NODE TICKET: has a node present it; prints its id.
give() {
    if is_c "$1"; then
        echo "$2" >given.jwt
        c_do "$1" ticket add given.jwt | jq -r .id
    else
        peer_do "$1" "{\"cmd\":\"ticket_add\",\"ticket\":\"$2\"}" | jq -r .ticket_id
    fi
}

# start_pair OPTION...: a reference node a and one of ours, c, in a group with these options; not bonded before both
# have their tickets.
start_pair() {
    rust_start a "${GROUP[@]}" "$@"
    c_start c "${GROUP[@]}" "$@" --bootstrap "$(peer_address a)"
}

# ended NODE SEQ: the code with which the bond ended after that event
ended() {
    wait_event "$1" ".seq > $2 and .event == \"bond_closed\"" | jq .code
}

@test "each algorithm: what one makes the other accepts, and nothing that was altered" {
    local alg maker peer token first
    peer=$(keygen secret | keygen peer-id)
    for alg in "${ALGS[@]}"; do
        issuer i "$alg" '{issuers: ["ops"], claims: {role: "writer"}}'
        assert_equal "$(ticket signature --validator i.json)" \
            "$("$MOSAIK_PEER" ticket signature --validator i.json | jq -r .signature)"
        for maker in c rust; do
            token=$(mint "$maker" i "$peer" --issuer ops --claim role=writer --expires-in 1h)
            assert_equal "$("$MOSAIK_PEER" ticket verify --validator i.json --peer "$peer" "$token" | jq -c '[.valid, .expires]')" \
                "$(ticket verify --json --validator i.json --peer "$peer" "$token" | jq -c '[.valid, .expires]')"
            ticket verify --validator i.json --peer "$peer" "$token"
            first=${token: -8:1}
            token=${token:0:-8}$([ "$first" = A ] && echo B || echo A)${token: -7}
            run -1 "$MOSAIK_PEER" ticket verify --validator i.json --peer "$peer" "$token"
            run -1 ticket verify --validator i.json --peer "$peer" "$token"
        done
    done
}

@test "one validator: tickets made by the other's kind" {
    issuer i ES256
    start_pair --require-ticket i.json
    give a "$(mint c i "$(peer_id a)")"
    give c "$(mint rust i "$(peer_id c)")"
    mesh a c
    agree a c
    c_status c | jq -e '.bonds[0].ticket_expires | length > 0'
}

@test "two validators: both must be met, in the order of the group's id" {
    issuer i EdDSA '{issuers: ["ops"]}'
    issuer j HS256 '{audiences: ["net"]}'
    start_pair --require-ticket i.json --require-ticket j.json
    assert_equal "$(c_status c | jq -r .group_id)" "$(rust_status a | jq -r .group_id)"
    give a "$(mint rust i "$(peer_id a)" --issuer ops)"
    give a "$(mint rust j "$(peer_id a)" --audience net)"
    give c "$(mint c i "$(peer_id c)" --issuer ops)"
    wait_event c '.event == "ticket_expired" and .validator == 1'
    assert_equal "$(c_status c | jq '.bonds | length')" 0
    give c "$(mint c j "$(peer_id c)" --audience net)"
    mesh a c
}

@test "a renewed ticket keeps the bond, in both directions" {
    issuer i ES256
    start_pair --require-ticket i.json
    local end=$((EPOCHSECONDS + 6))
    give a "$(mint c i "$(peer_id a)" --expires-at "$end")"
    give c "$(mint c i "$(peer_id c)" --expires-at "$end")"
    mesh a c
    local before
    before=$(last_seq c)
    give c "$(mint c i "$(peer_id c)")"
    give a "$(mint c i "$(peer_id a)")"
    wait_event c ".seq > $before and .event == \"ticket_refreshed\" and .peer == \"$(peer_id a)\""
    run -4 "$MSK_BIN/mosaik-node" wait "bonds>=2" --timeout $((end + 2 - EPOCHSECONDS))s --control c/control
    run -0 jq -s '[.[] | select(.event == "bond_closed")] | length' c/out
    assert_output 0
}

@test "both see the end of a ticket: 30403" {
    issuer i ES256
    start_pair --require-ticket i.json
    give a "$(mint c i "$(peer_id a)")"
    local end=$((EPOCHSECONDS + 4)) who
    give c "$(mint c i "$(peer_id c)" --expires-at "$end")"
    mesh a c
    for who in a c; do assert_equal "$(ended "$who" 0)" 30403; done
    assert [ "$EPOCHSECONDS" -ge "$end" ]
    assert [ "$EPOCHSECONDS" -le $((end + 1)) ]
    give c "$(mint rust i "$(peer_id c)")"
    mesh a c
}
