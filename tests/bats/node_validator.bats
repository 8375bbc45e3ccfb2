#!/usr/bin/env bats
# Validators of class exec: programs that check tickets of a class of their own.
# shellcheck disable=SC2154 # lib.bash sets root
load lib
load cluster

# validator COMMAND...: validator.json, which runs it; sets GUARDED.
validator() {
    jq -n '{class: "exec", name: "guests.v1", signature: "guest list 1", command: $ARGS.positional, timeout: "5s"}' \
        --args -- "$@" >validator.json
    GUARDED=(--require-ticket validator.json)
}

# guest NAME WORD UNTIL: on the list, with a ticket in NAME.ticket
guest() {
    echo "$(mosaik-keygen peer-id <"$(key_of "$1")") $2 $3" >>guests
    word "$1" "$2"
}

word() { jq -n '{class: "guests.v1", data: $ARGS.positional[0]}' --args -- "$2" >"$1.ticket"; }

# scripted TEXT: a validator that is this shell script
scripted() {
    cat >check.sh <<<"$1"
    validator sh check.sh
}

peer_id() { mosaik-keygen peer-id <"$(key_of "$1")"; }

# pair: ada and bob, both with tickets, ada known to bob
pair() {
    word ada open
    word bob sesame
    start_node ada --ticket ada.ticket "${GUARDED[@]}"
    start_node bob --ticket bob.ticket --bootstrap "$(peer_of ada)" "${GUARDED[@]}"
}

# refused_because REASON: neither is let in by the other, and it is said why
refused_because() {
    expect_event ada ".event == \"ticket_expired\" and .peer == \"$(peer_id bob)\" and (.reason | test(\"$1\"))"
    expect_event bob ".event == \"ticket_expired\" and .peer == \"$(peer_id ada)\" and (.reason | test(\"$1\"))"
    assert_equal "$(status_of ada '.bonds | length')" 0
    assert_regex "$(status_of ada .ticket.reason)" "$1"
}

@test "who is on the list gets in, and is not asked about again" {
    validator "$root/docs/examples/guestlist.py" guests
    guest ada open never
    guest bob sesame 4000000000
    guest cy mistaken never
    word cy mine
    start_node ada --ticket ada.ticket "${GUARDED[@]}"
    start_node bob --ticket bob.ticket --bootstrap "$(peer_of ada)" "${GUARDED[@]}"
    start_node cy --ticket cy.ticket --bootstrap "$(peer_of ada)" "${GUARDED[@]}"
    await ada "bonded=$(id_of bob)"
    leader_of ada bob
    assert_equal "$(status_of ada .bonds[0].ticket_expires)" 2096-10-02T07:06:40Z
    expect_event ada ".event == \"ticket_expired\" and .peer == \"$(id_of cy)\" and .reason == \"not on the list\""
    assert_equal "$(status_of cy '.bonds | length')" 0
    assert_equal "$(events ada '.event == "program_started" and .program == "validator"')" 1
}

@test "the end of a ticket ends the bond with 30403" {
    validator "$root/docs/examples/guestlist.py" guests
    guest ada open never
    guest bob sesame "$(($(date +%s) + 6))"
    start_node ada --ticket ada.ticket "${GUARDED[@]}"
    start_node bob --ticket bob.ticket --bootstrap "$(peer_of ada)" "${GUARDED[@]}"
    await ada 'bonds>=1'
    expect_event ada '.event == "bond_closed" and .code == 30403'
    expect_event ada ".event == \"ticket_expired\" and .peer == \"$(id_of bob)\" and .reason == \"expired\""
}

@test "a ticket of its own class is added and removed while the node runs" {
    validator "$root/docs/examples/guestlist.py" guests
    guest ada open never
    guest bob sesame never
    start_node ada --ticket ada.ticket "${GUARDED[@]}"
    start_node bob --bootstrap "$(peer_of ada)" "${GUARDED[@]}"
    expect_event ada ".event == \"ticket_expired\" and .peer == \"$(id_of bob)\" and .reason == \"missing\""
    id=$(on bob ticket add bob.ticket)
    await ada 'bonds>=1'
    on bob ticket remove "$id"
    expect_event ada '.event == "bond_closed" and .code == 30403'
}

@test "a program that ends lets nobody in" {
    scripted 'read -r line; exit 7'
    pair
    refused_because "the validator's program failed"
    expect_event ada '.event == "program_failed" and .program == "validator" and .reason == "it ended with status 7"'
}

@test "a program that writes garbage lets nobody in" {
    scripted 'while read -r line; do echo yes; done'
    pair
    refused_because "the validator's program failed"
    expect_event ada '.event == "program_failed" and .reason == "it wrote a line that is no JSON object"'
}

@test "a program that answers half lets nobody in" {
    scripted 'while read -r line; do id=${line#*:}; echo "{\"id\":${id%%,*},\"accept\":true}"; done'
    pair
    refused_because "the validator's program failed: its answer accepts but has no"
}

@test "a program that hangs lets nobody in, and holds nothing up" {
    scripted 'while read -r line; do :; done'
    sed -i s/5s/500ms/ validator.json
    pair
    refused_because "the validator's program failed"
    expect_event ada '.event == "program_failed" and .reason == "it did not answer within 500 ms"'
}

@test "a program that is not there lets nobody in" {
    validator ./nowhere/check
    pair
    refused_because "the validator's program failed: it cannot be started: no such file or directory"
}

@test "once the program is right, the members find each other" {
    scripted 'exit 1'
    pair
    refused_because "the validator's program failed"
    scripted 'while read -r line; do id=${line#*:}; echo "{\"id\":${id%%,*},\"accept\":true,\"expires\":\"never\"}"; done'
    mosaik-node wait 'bonds>=1' --timeout 90s --control ada.sock
}

@test "its class and signature are part of the group id, its command is not" {
    validator true
    local options=(--group-key-file "$(group_key)" "${GUARDED[@]}")
    first=$(mosaik-keygen group-id "${options[@]}")
    validator false --any argument
    answers "$first" mosaik-keygen group-id "${options[@]}"
    sed -i 's/list 1/list 2/' validator.json
    run -0 mosaik-keygen group-id "${options[@]}"
    assert_not_equal "$output" "$first"
    answers "$(mosaik-keygen group-key 'guest list 2')" mosaik-ticket signature --validator validator.json
}

@test "mosaik-ticket verify asks the program" {
    validator "$root/docs/examples/guestlist.py" guests
    guest ada open 4000000000
    peer=$(peer_id ada)
    run -0 mosaik-ticket verify --validator validator.json --peer "$peer" open
    assert_output --partial 'valid: expires 2096-10-02T07:06:40Z'
    run -0 mosaik-ticket verify --validator validator.json --peer "$peer" - <ada.ticket
    run -1 mosaik-ticket verify --validator validator.json --peer "$peer" --json shut
    assert_equal "$output" '{"valid":false,"reason":"not on the list","expires":null}'
    refuses 2 'the ticket is of another class than the validator' \
        mosaik-ticket verify --validator validator.json --peer "$peer" '{"class":"other","data":"open"}'
    local -A wrong=(['exit 3']='it ended with status 3 and no answer' ['read -r line; echo no']='it wrote a line that is no JSON object'
        ['kill -9 $$']='it was killed by signal 9' ['cat /dev/zero | tr "\0" x']='it wrote a line of more than 65536 bytes'
        ['tail -f /dev/null']='it did not answer within 300 ms' ['echo "{\"id\":1}"']='its answer has no "accept" that is true or false'
        ['echo "{\"id\":2,\"accept\":true,\"expires\":\"never\"}"']='it wrote a line whose "id" is not that of the question')
    for script in "${!wrong[@]}"; do
        scripted "$script"
        sed -i s/5s/300ms/ validator.json
        run -1 mosaik-ticket verify --validator validator.json --peer "$peer" open
        assert_equal "$output" "refused: the validator's program failed: ${wrong[$script]}"
    done
    validator ./nowhere/check
    run -1 mosaik-ticket verify --validator validator.json --peer "$peer" open
    assert_output --partial 'it cannot be started: No such file or directory'
}

@test "mosaik-inspect bond says what the program says" {
    validator "$root/docs/examples/guestlist.py" guests
    guest ada open never
    guest eve other never
    word eve mine
    start_node ada --ticket ada.ticket "${GUARDED[@]}"
    run mosaik-inspect bond "$(peer_of ada)" --network test --group-key-file "$(group_key)" "${FAST[@]}" "${GUARDED[@]}" \
        --secret-file eve.key --ticket eve.ticket
    assert_output --partial 'not on the list'
    guest fay third never
    run mosaik-inspect bond "$(peer_of ada)" --network test --group-key-file "$(group_key)" "${FAST[@]}" "${GUARDED[@]}" \
        --secret-file fay.key --ticket fay.ticket
    assert_output --partial bonded
}

@test "validator and ticket files that are wrong" {
    local -A wrong=(['{"class":"exec"}']='name: missing' ['{"class":"exec","name":"n","signature":"s","command":[]}']='command: expected a list of a program and its arguments'
        ['{"class":"exec","name":"n","signature":"s","command":["x",7]}']='command: [1]: expected a text'
        ['{"class":"exec","name":"n","signature":"","command":["x"]}']='signature: expected a text'
        ['{"class":"exec","name":"n","signature":"s","command":["x"],"timeout":"2h"}']='timeout: from 1ms to 1m'
        ['{"class":"exec","name":"n","signature":"s","command":["x"],"keys":[]}']='unknown member "keys"'
        ['{"class":"exec","name":"n","name":"m","signature":"s","command":["x"]}']='name: given twice')
    for text in "${!wrong[@]}"; do
        echo "$text" >validator.json
        refuses 2 "validator.json: ${wrong[$text]}" mosaik-ticket signature --validator validator.json
    done
    start_node ada
    for text in '{' '{"class":"c"}' '{"class":"c","data":"x","data_hex":"00"}' '{"class":"","data":"x"}' '{"class":"c","data_hex":"0g"}' '{"class":"c","data":"x","more":1}'; do
        echo "$text" >bad.ticket
        run -2 on ada ticket add bad.ticket
        assert_output --partial 'not a ticket'
    done
}
