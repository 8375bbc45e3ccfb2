#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets output, lib.bash sets root
# Groups that require tickets: who gets in and who learns why not; renewed, expired, revoked.
load lib
load cluster

# issuer NAME: makes NAME.jwk, and NAME.json, a validator that wants its tickets.
issuer() {
    mosaik-keygen issuer ES256 --output "$1.jwk"
    jq -n --argjson key "$(mosaik-keygen issuer-public "$1.jwk")" --arg name "$1" '{keys: [{key: $key}], issuers: [$name]}' \
        >"$1.json"
}

# ticket ISSUER NAME [OPTION...]: writes ISSUER-NAME.jwt, in one step.
ticket() {
    mosaik-ticket mint --key "$1.jwk" --issuer "$1" --peer "$(mosaik-keygen peer-id <"$(key_of "$2")")" "${@:3}" >new.jwt
    mv new.jwt "$1-$2.jwt"
}

# start_guarded NAME [OPTION...]: a member of the group that requires tickets of ops, with its own.
start_guarded() {
    start_node "$1" --require-ticket ops.json --ticket "ops-$1.jwt" "${@:2}"
}

# closed_after NAME TIME: the close code of its last bond, and how many seconds after TIME (Unix) it ended
closed_after() { # NAME TIME
    grep '"event":"bond_closed".*}$' "$1.events" | tail -n 1 | jq -r --argjson at "$2" '"\(.code) \((.ts[:19] + "Z" | fromdate) + (.ts[20:23] | tonumber) / 1000 - $at)"'
}

# ended_in_time NAME TIME: with 30403, not before that time, and when it was due (within a second, where the machine is
# not busy), not at the next look once a minute
ended_in_time() {
    local code after
    read -r code after < <(closed_after "$1" "$2")
    assert_equal "$code" 30403
    jq -en "$after >= 0 and $after < 10" || fail "$1: the bond ended $after s after $2"
}

warned() { # TEXT: until bob has said this
    timeout 10 sh -c 'until grep -q "$1" bob.err; do sleep 0.05; done' sh "$1"
}

pair() { # ada and bob are bonded
    issuer ops
    ticket ops ada
    ticket ops bob
    start_guarded ada
    start_guarded bob --bootstrap "$(peer_of ada)"
    await ada "bonds>=1"
    await bob "bonds>=1"
}

@test "who has no ticket, or a bad one, is not let in, and both sides say why" {
    issuer ops
    ticket ops ada
    start_guarded ada
    start_node bob --require-ticket ops.json --bootstrap "$(peer_of ada)"
    expect_event bob '.event == "dial_refused" and .code == 30403'
    assert_equal "$(jq -rs 'map(select(.event == "dial_refused")) | .[0].why' bob.events)" \
        'this node has no ticket for validator 0'
    assert_equal "$(jq -rs 'map(select(.event == "handshake_rejected" and .code == 30403)) | .[0] | "\(.check): \(.why)"' ada.events)" \
        '8: it has no ticket for validator 0'
    assert_equal "$(status_of bob '.ticket | [.valid, .reason, .validator] | @csv')" 'false,"missing",0'
    assert_equal "$(status_of bob '.unbonded[0].why')" 'this node has no ticket for validator 0'
    assert_equal "$(status_of ada '.unbonded[0].why')" 'it has no ticket for validator 0'
    run on bob status
    assert_line --regexp '^ticket +missing \(validator 0\)'

    ticket ops bob --subject somebody
    on bob ticket add ops-bob.jwt
    expect_event ada '.event == "ticket_expired" and .reason == "subject"'
    ticket ops bob
    on bob ticket add ops-bob.jwt
    await ada "bonds>=1"
    assert_equal "$(status_of bob '.ticket.valid')" true
}

@test "two required tickets: both are needed, and their order is part of the id" {
    issuer ops
    issuer dev
    for name in ada bob cat; do ticket ops "$name"; ticket dev "$name"; done
    both=(--require-ticket ops.json --require-ticket dev.json)
    start_node ada "${both[@]}" --ticket ops-ada.jwt --ticket dev-ada.jwt
    start_node bob "${both[@]}" --ticket dev-bob.jwt --ticket ops-bob.jwt --bootstrap "$(peer_of ada)"
    await ada "bonds>=1"
    start_node cat "${both[@]}" --ticket ops-cat.jwt --bootstrap "$(peer_of ada)"
    expect_event cat '.event == "dial_refused" and .why == "this node has no ticket that validator 1 accepts: signature"'
    assert_equal "$(status_of ada '.bonds | length')" 1
    on cat ticket add dev-cat.jwt
    await ada "bonds>=2"
    start_node dan --require-ticket dev.json --require-ticket ops.json
    assert [ "$(status_of dan .group_id)" != "$(status_of ada .group_id)" ]
}

@test "validator files mean the same to every program, and to a node that joins later" {
    issuer ops
    jq '.claims = {"n": 18446744073709551615, "x": 1.0, "y": 1} | .max_age = "90m" | .audiences = ["a", "b"]' ops.json >v.json
    sed -i 's/"n": *[0-9.e+]*/"n": 18446744073709551615/; s/"x": *1\(\.0\)\?,/"x": 1.0,/' v.json
    options=(--group-key-from-validator v.json --require-ticket v.json "${FAST[@]}")
    start_node ada "${options[@]}" --as first
    id=$(mosaik-keygen group-id "${options[@]}")
    assert_equal "$(status_of ada .group_id)" "$id"
    assert_equal "$(status_of ada '.config.validator_signatures[0]')" "$(mosaik-ticket signature --validator v.json)"
    start_node bob
    on bob join --as second "${options[@]}"
    assert_equal "$(status_of bob .group_id --group second)" "$id"
}

# pair_with_life: a pair, and `life`: in how many seconds a ticket may end that has to be seen before, on this machine now
pair_with_life() {
    pair
    local from=${EPOCHREALTIME/[.,]/}
    ticket ops bob --expires-in 30d # takes the place of the old file
    expect_event ada '.event == "ticket_refreshed" and .remaining_s > 2500000'
    life=$((3 + 5 * (${EPOCHREALTIME/[.,]/} - from) / 1000000))
}

@test "a ticket renewed in its file keeps the bond" {
    local life
    pair_with_life
    ticket ops bob --expires-in "${life}s"
    local end=$((EPOCHSECONDS + life + 1))
    expect_event ada ".event == \"ticket_refreshed\" and .remaining_s <= $life"
    mosaik-ticket mint --key ops.jwk --issuer ops --peer "$(id_of bob)" --expires-in 60d >renewed
    cat renewed >ops-bob.jwt # in place
    expect_event ada '.event == "ticket_refreshed" and .remaining_s > 5000000'
    local expires
    expires=$(status_of ada '.bonds[0].ticket_expires | fromdate')
    assert [ "$expires" -gt $((EPOCHSECONDS + 5000000)) ]
    run on ada wait "bonds>=2" --timeout "$((end - EPOCHSECONDS))s" # past the end of the one before
    assert_equal "$(events ada '.event == "bond_closed"')" 0
    assert_equal "$(on bob catalog --json | jq '.own.tickets | length')" 1
    run on ada bonds
    assert_output --partial "$(date -u -d "@$expires" +%Y-%m-%d)"
}

@test "a file that is gone, empty or no ticket draws a warning and changes nothing" {
    pair
    : >ops-bob.jwt
    warned 'warning: ticket ops-bob.jwt: no ticket in it'
    rm ops-bob.jwt
    warned 'warning: ticket ops-bob.jwt: No such file'
    assert_equal "$(status_of ada '.bonds | length')" 1
    ticket ops bob --expires-in 30d
    expect_event ada '.event == "ticket_refreshed"'
}

@test "a bond ends with the ticket, with 30403" {
    local life
    pair_with_life
    local end=$((EPOCHSECONDS + life))
    ticket ops bob --expires-at "$end"
    expect_event ada ".event == \"ticket_refreshed\" and .remaining_s <= $life"
    assert_equal "$(status_of ada '.bonds[0].ticket_expires | fromdate')" "$end"
    expect_event ada '.event == "ticket_expiring" and .remaining_s <= 1'
    expect_event bob '.event == "bond_closed"'
    ended_in_time ada "$end"
    ended_in_time bob "$end"
    assert_equal "$(jq -rs 'map(select(.event == "ticket_expired")) | last | .reason' ada.events)" expired
    assert_equal "$(status_of bob .ticket.reason)" expired
    ticket ops bob # and a new one brings it back
    await ada "bonds>=1"
}

@test "a ticket taken back ends the bond at once, with 30403" {
    pair
    local at
    at=$EPOCHSECONDS
    on bob ticket remove "$(mosaik-ticket id <ops-bob.jwt)"
    expect_event bob '.event == "bond_closed"'
    await ada 'bonds>=0'
    expect_event ada '.event == "bond_closed"'
    local code after
    read -r code after < <(closed_after ada "$at")
    assert_equal "$code" 30403
    jq -en "$after < 10" # not at the next look once a minute
    assert_equal "$(jq -rs 'map(select(.event == "ticket_expired")) | last | .reason' ada.events)" missing
}

@test "tickets of one to two seconds, renewed twice a second, hold a group of five together" {
    run "$root/tests/chaos/renewals" 8
    echo "$output"
    assert_success
}
