#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# mosaik-inspect bond: every way in which an attempt to bond ends, in steps, code and words.
load lib
load cluster

# inspect OPTION...: try to bond with ada, in the common group and in JSON
inspect() {
    run --separate-stderr mosaik-inspect bond "$(peer_of ada)" --network test --group-key-file "$(group_key)" "${FAST[@]}" \
        --timeout "$LIMIT" --json "$@"
}

# ended STATUS RESULT CODE NAME STEPS: how it ended; steps by name, with spaces between
ended() {
    assert_equal "$(jq -r '[.result, .code, .name, ([.steps[].step] | join(" "))] | @json' <<<"$output")" \
        "$(jq -cn --arg result "$2" --argjson code "$3" --argjson name "$4" --arg steps "$5" '[$result, $code, $name, $steps]')"
    assert_equal "$status" "$1"
    assert_equal "$(jq '[.steps[].at_ms] | . == sort' <<<"$output")" true
    refute_regex "$output" '"at_ms":[0-9]+\.[0-9]{4}'
}

why() { jq -r .why <<<"$output"; }

ATTEMPT='dial connected handshake_sent'
INTRODUCED="$ATTEMPT refused synced $ATTEMPT"

@test "bonded: each step is told, the peer's members too, and the peer sees a departure" {
    start_group ada bob
    inspect
    ended 0 bonded null null "$INTRODUCED bonded departed"
    assert_equal "$stderr" ""
    assert_equal "$(jq -c .members <<<"$output")" "[\"$(id_of bob)\"]"
    assert_equal "$(jq -r .group_id <<<"$output")" "$(status_of ada .group_id)"
    inspector=$(jq -r .peer_id <<<"$output")
    run -0 expect_event ada ".event == \"bond_closed\" and .peer == \"$inspector\""
    assert_equal "$(jq -c '[.code, .by]' <<<"$output")" '[102,"peer"]'
}

@test "the group goes on as if nothing had been: same leader, same term, nobody dials the inspector" {
    start_group ada bob cy
    leader_of ada bob cy
    before=$(status_of ada '[.leader, .term] | @json')
    for _ in 1 2 3; do
        inspect
        assert_success
    done
    inspector=$(jq -r .peer_id <<<"$output")
    expect_event ada ".event == \"bond_closed\" and .peer == \"$inspector\"" >/dev/null
    assert_equal "$(status_of ada '[.leader, .term] | @json')" "$before"
    await ada 'bonds>=2' online
    for name in ada bob cy; do
        assert_equal "$(status_of $name '.bonds | length')" 2
        assert_equal "$(events $name ".peer == \"$inspector\" and (.event | startswith(\"dial\"))")" 0
    done
    assert_equal "$(on ada catalog --json | jq -c ".peers[] | select(.peer_id == \"$inspector\") | [.addresses, .groups, .version[0]]")" \
        '[[],[],0]'
}

@test "for people: times, short ids, an empty line and an explanation" {
    start_node ada
    run --separate-stderr mosaik-inspect bond "$(peer_of ada)" --network test --group-key-file "$(group_key other)" "${FAST[@]}"
    assert_equal "$stderr$status" 1
    assert_regex "${lines[0]}" "^ +[0-9.]+ ms  dial $(address_of ada)\$"
    assert_regex "${lines[1]}" "^ +[0-9.]+ ms  TLS 1.3 done, the peer is $(id_of ada | cut -c-10)…\$"
    assert_regex "${lines[2]}" '^ +[0-9.]+ ms  handshake sent for group [0-9a-f]{10}…$'
    assert_regex "${lines[3]}" '^ +[0-9.]+ ms  refused: 401 UnknownPeer, as to any newcomer: it has to be told about this key first$'
    assert_regex "${lines[8]}" '^ +[0-9.]+ ms  refused: 30404 GroupNotFound$'
    assert_equal "${lines[9]:0:42}" 'The peer runs no group with this id. It is'
    assert_equal "${#lines[@]}" 14
}

@test "30404: another group, and which ones the peer does list" {
    start_node ada
    inspect --max-missed-heartbeats 7
    ended 1 refused 30404 '"GroupNotFound"' "$INTRODUCED refused"
    assert_regex "$(why)" "Groups it does list: $(status_of ada .group_id | cut -c-10)… \(1\)\$"
    on ada leave >/dev/null
    inspect
    ended 1 refused 30404 '"GroupNotFound"' "$INTRODUCED refused"
    assert_regex "$(why)" 'It lists no group at all.$'
}

@test "30404 to a peer that is known already: its entry is asked for" {
    start_group ada bob
    kill_node bob || true
    inspect --secret-file bob.key --max-missed-heartbeats 7
    ended 1 refused 30404 '"GroupNotFound"' "$ATTEMPT refused asked"
    assert_regex "$(why)" 'Groups it does list: '
}

@test "401 in spite of an introduction: another network" {
    start_node ada
    inspect --network other
    ended 1 refused 401 '"UnknownPeer"' "$INTRODUCED refused"
    assert_regex "$(why)" "its network id is $(mosaik-keygen network-id test | cut -c-10)…, the one of --network is $(mosaik-keygen network-id other | cut -c-10)…"
}

@test "101: a known peer that names another network" {
    start_group ada bob
    kill_node bob || true
    inspect --secret-file bob.key --network other
    ended 1 refused 101 '"DifferentNetwork"' "$ATTEMPT refused asked"
    assert_regex "$(why)" "its network id is $(mosaik-keygen network-id test | cut -c-10)…"
}

@test "30429: the secret of a member that runs; its bond stays" {
    start_group ada bob
    inspect --secret-file bob.key
    ended 1 refused 30429 '"AlreadyBonded"' "$ATTEMPT refused"
    assert_regex "$(why)" 'a node with the same secret runs'
    await ada "bonded=$(id_of bob)"
    assert_equal "$(events ada '.event == "bond_closed"')" 0
}

@test "30403: which ticket rule is broken; bonded with a good ticket" {
    local peer required=(--require-ticket validator.json)
    mosaik-keygen issuer HS256 --output issuer.key
    jq -n --argjson key "$(cat issuer.key)" '{keys: [{alg: "HS256", key: $key}]}' >validator.json
    peer=$(mosaik-keygen peer-id <"$(key_of eve)")
    start_node ada "${required[@]}"

    inspect "${required[@]}"
    ended 1 refused 30403 '"NotAllowed"' "$INTRODUCED refused"
    assert_regex "$(why)" 'validator 1 \(validator.json\): missing. Give one with --ticket. Tickets are mostly made out to one peer'

    ticket bad "$peer" -10
    inspect "${required[@]}" --secret-file eve.key --ticket bad
    ended 1 refused 30403 '"NotAllowed"' "$INTRODUCED refused"
    assert_regex "$(why)" 'validator 1 \(validator.json\): expired. `mosaik-ticket verify`'

    ticket good "$(mosaik-keygen peer-id <"$(key_of fay)")" 600
    inspect "${required[@]}" --secret-file fay.key --ticket bad --ticket good
    ended 0 bonded null null "$INTRODUCED bonded departed"
    assert_regex "$(why)" 'But it would refuse the peer, .* validator 1 \(validator.json\): missing.'

    ticket ada.jwt "$(id_of ada)" 600
    on ada ticket add ada.jwt
    inspect "${required[@]}" --secret-file fay.key --ticket good
    assert_equal "$(jq -r '[.steps[].step] | join(" ")' <<<"$output")" "dial connected handshake_sent bonded departed asked"
    assert_regex "$(why)" 'becomes a member. The peer has no other bonds.'
}

# ticket FILE PEER SECONDS: a JWT of issuer.key
ticket() {
    local header claims key
    header=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url)
    claims=$(jq -cjn --arg sub "$2" --argjson exp "$(($(date +%s) + $3))" '{$sub, $exp}' | base64url)
    key=$(jq -r .k issuer.key | tr -- -_ +/ | { cat; echo "="; } | tr -d '\n' | base64 -d | xxd -p -c 100)
    printf '%s.%s.%s\n' "$header" "$claims" "$(printf '%s.%s' "$header" "$claims" |
        openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64url)" >"$1"
}
base64url() { base64 -w 0 | tr +/ -_ | tr -d =; }

@test "unreachable: nobody listens, another key" {
    start_node ada
    inspect_at() {
        run --separate-stderr mosaik-inspect bond "$1" --network test --group-key-file "$(group_key)" --json "${@:2}"
    }
    inspect_at "$(mosaik-keygen peer-id <"$(key_of eve)")@$(address_of ada)"
    ended 3 unreachable null '"wrong_key"' 'dial wrong_key'
    assert_equal "$(jq -r '.steps[-1].text' <<<"$output")" \
        "no connection: $(address_of ada): another peer answers there: $(id_of ada)"
    local peer
    peer=$(peer_of ada)
    kill_node ada || true
    inspect_at "$peer"
    ended 3 unreachable null '"unreachable"' 'dial unreachable'
    assert_regex "$(why)" 'No program listens at this address'
}

@test "timed out: a node that does not answer" {
    start_node ada
    kill -STOP "$(pid_of ada)"
    inspect --timeout 300ms
    ended 4 timed_out null '"no_answer"' 'dial no_answer'
    assert_regex "$(why)" 'the node hangs'
}

@test "bad input is refused before anything is sent" {
    local peer
    peer=$(mosaik-keygen secret | mosaik-keygen peer-id)@127.0.0.1:9
    refuses 2 "--network NAME: missing: the network's name or id" \
        mosaik-inspect bond "$peer" --group-key-file "$(group_key)"
    run -2 mosaik-inspect bond "$peer" --network test
    assert_output --partial 'the group key: one of'
    run -2 mosaik-inspect bond --network test --group-key-file group.secret
    run -2 mosaik-inspect bond "$peer:1" --network test --group-key-file group.secret
    run -2 mosaik-inspect bond "$peer" --network test --group-key-file group.secret --heartbeat-interval soon
    run -3 mosaik-inspect bond "$peer" --network test --group-key-file group.secret --ticket missing
    assert_output --partial 'missing: No such file or directory'
    printf 'not a\nticket' >ticket
    run -2 mosaik-inspect bond "$peer" --network test --group-key-file group.secret --ticket ticket
    assert_output --partial 'ticket: not a ticket: byte 3 is no printable character'
    : >ticket
    run -2 mosaik-inspect bond "$peer" --network test --group-key-file group.secret --ticket ticket
    assert_output --partial 'ticket: no ticket in it'
    run -2 mosaik-inspect bond "$peer" --network test --group-key-file group.secret --require-ticket ticket
}

@test "settings that no node can run with draw a warning" {
    start_node ada
    inspect --heartbeat-jitter 0ms
    ended 1 refused 30404 '"GroupNotFound"' "$INTRODUCED refused"
    assert_regex "$stderr" 'warning: no node can run with these settings: --heartbeat-jitter'
}
