#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-keygen group-id: golden vectors, explanations, and settings that make no group.
load lib

key=63a568b9905f03d1aa9e5620196204b2138b149ef2ed6f6b9a8a0f48f70dbd5f # of the text secret1
id=c2bf3bd93ca72858eecf8802cb1e92933b8dc930e9e8d080601abd32abd968f4  # with all defaults

group_id() { mosaik-keygen group-id "$@"; }

# The digest of a step, by its number.
step() { jq -r ".steps[$1].digest"; }

@test "the id of the defaults" {
    answers "$id" mosaik-keygen group-id --group-key "$key"
    printf '%s\n' "$key" >group.key
    answers "$id" mosaik-keygen group-id --group-key-file group.key
    answers "$id" mosaik-keygen group-id -k - <group.key
    answers "{\"group_id\":\"$id\"}" mosaik-keygen group-id --json -kgroup.key
}

@test "golden vectors without tickets" {
    local count=0 name interval jitter missed secret type machine batch want
    while IFS=$'\t' read -r name interval jitter missed secret type machine want; do
        case $name in *"batch 500"*) batch=(--sync-batch-size 500 --sync-fetch-timeout 10s) ;; *) batch=() ;; esac
        run --separate-stderr group_id --group-key "$secret" --heartbeat-interval "${interval}ms" \
            --heartbeat-jitter "${jitter}ms" --max-missed-heartbeats "$missed" --machine-id "$machine" \
            --sync-type "$type" "${batch[@]}"
        assert_success
        assert_equal "$output $name" "$want $name"
        count=$((count + 1))
    done < <(vectors group_ids.json 'select(.input.op == "group-id" and (.input.validator_signatures | length) == 0)
        | [.name, .input.heartbeat_interval_ms, .input.heartbeat_jitter_ms, .input.max_missed_heartbeats, .input.key,
           .input.machine_type_name, .input.machine_signature, .hex]')
    assert [ "$count" -ge 8 ]
}

@test "golden vectors of the consensus digest" {
    local count=0 interval jitter missed want
    while IFS=$'\t' read -r interval jitter missed want; do
        run --separate-stderr group_id --group-key "$key" --explain --json --heartbeat-interval "${interval}ms" \
            --heartbeat-jitter "${jitter}ms" --max-missed-heartbeats "$missed"
        assert_success
        assert_equal "$(step 0 <<<"$output")" "$want"
        count=$((count + 1))
    done < <(vectors group_ids.json 'select(.input.op == "consensus-digest")
        | [.input.heartbeat_interval_ms, .input.heartbeat_jitter_ms, .input.max_missed_heartbeats, .hex]')
    assert [ "$count" -ge 6 ]
}

@test "golden vectors of log replay" {
    local count=0 batch timeout type want
    while IFS=$'\t' read -r batch timeout type want; do
        run --separate-stderr group_id --group-key "$key" --explain --json --sync-batch-size "$batch" \
            --sync-fetch-timeout "${timeout}ms" --sync-type "$type"
        assert_success
        assert_equal "$(step 2 <<<"$output")" "$want"
        count=$((count + 1))
    done < <(vectors group_ids.json 'select(.input.op == "log-replay-signature")
        | [.input.batch_size, .input.fetch_timeout_ms, .input.machine_type_name, .hex]')
    assert [ "$count" -ge 8 ]
}

# A validator file for each case, named like its signature.
make_validators() {
    local signature json
    while IFS=$'\t' read -r signature json; do
        printf '%s' "$json" >"$signature.json"
    done < <(jq -r '.cases[] | select(.input.op == "validator-signature")
        | select([.input.max_lifetime_secs, .input.max_age_secs] | all(. == null or . == floor)) | .input as $in
        | [.hex, ({keys: [$in.keys[] | {alg, key: .key_material}], issuers: $in.issuers, audiences: $in.audiences,
            subject: $in.subject, allow_non_expiring: $in.allow_non_expiring, claims: ($in.claims | map({key: .[0], value: (.[1] | fromjson)}) | from_entries),
            max_lifetime: ($in.max_lifetime_secs | if . == null then . else "\(.)s" end),
            max_age: ($in.max_age_secs | if . == null then . else "\(.)s" end)} | tojson)] | join("\t")' \
        "$MSK_VECTORS/jwt_validators.json")
}

@test "golden vectors of validators: in the id in their order, and as key" {
    make_validators
    local count=0 file signature
    for file in *.json; do
        signature=${file%.json}
        run --separate-stderr group_id --group-key "$key" --require-ticket "$file" --explain --json
        assert_equal "$stderr" ""
        assert_equal "$(step 3 <<<"$output")" "$signature"
        answers "$(mosaik-keygen group-id --group-key "$signature")" \
            mosaik-keygen group-id --group-key-from-validator "$file"
        count=$((count + 1))
    done
    assert [ "$count" -ge 10 ]
    set -- *.json
    local ab ba
    ab=$(group_id --group-key "$key" --require-ticket "$1" --require-ticket "$2")
    ba=$(group_id --group-key "$key" --require-ticket "$2" --require-ticket "$1")
    refute [ "$ab" = "$ba" ]
    echo "{\"require_ticket\": [\"$1\", \"$2\"]}" >config
    answers "$ab" mosaik-keygen group-id --group-key "$key" --config config
}

@test "validators that are damaged or too many" {
    echo '{"keys": [{"alg": "HS256", "key": "11"}]}' >bad.json
    run --separate-stderr group_id --group-key "$key" --require-ticket bad.json
    assert_failure 2
    assert_regex "$stderr" '^mosaik-keygen: bad.json: keys'
    refuses 3 "absent.json: No such file or directory" mosaik-keygen group-id --group-key "$key" --require-ticket absent.json
    refuses 3 "absent.json: No such file or directory" mosaik-keygen group-id --group-key-from-validator absent.json
    echo '{"keys": [{"alg": "EdDSA", "key": "a09aa5f47a6759802ff955f8dc2d2a14a5c99d23be97f864127ff9383455a4f0"}]}' >good.json
    # shellcheck disable=SC2046 # words
    refuses 2 "--require-ticket: given more than 64 times" \
        mosaik-keygen group-id --group-key "$key" $(printf -- '--require-ticket good.json %.0s' {1..65})
}

@test "--explain shows every step and never the key" {
    run --separate-stderr group_id --group-key "$key" --explain
    assert_success
    refute_output --partial "$key"
    assert_equal "${#lines[@]}" 8
    assert_regex "${lines[7]}" "^$id"
    run --separate-stderr group_id --group-key "$key" --explain --json
    assert_equal "$(jq -c '[(.steps | length), .steps[-1].digest == .group_id]' <<<"$output")" '[7,true]'
    assert_equal "$(jq -c '.steps[0] | keys' <<<"$output")" '["digest","input","step"]'
}

@test "what is no part of the id does not change it" {
    answers "$id" mosaik-keygen group-id --group-key "$key" --election-timeout 9s --election-timeout-jitter 1s \
        --bootstrap-delay 0ms --leadership reluctant:5 --members 3
    run --separate-stderr group_id --group-key "$key" --network testnet --json
    assert_equal "$(jq -r .group_id <<<"$output")" "$id"
    assert_equal "$(jq -r .network_id <<<"$output")" "$(mosaik-keygen network-id testnet)"
}

@test "settings that no member can run with draw a warning" {
    local warning='mosaik-keygen: warning: no node can run with these settings: '
    run --separate-stderr group_id --group-key "$key" --heartbeat-jitter 0ms
    assert_success
    assert_equal "$stderr" "$warning--heartbeat-jitter: 0 aborts the reference's members"
    run --separate-stderr group_id --group-key "$key" --heartbeat-interval 150ms
    assert_equal "$stderr" "$warning--heartbeat-interval: 150ms must exceed the jitter of 150ms"
    run --separate-stderr group_id --group-key "$key" --election-timeout-jitter 0s
    assert_equal "$stderr" "$warning--election-timeout-jitter: 0 aborts the reference's members"
    run --separate-stderr group_id --group-key "$key" --election-timeout 500ms
    assert_equal "$stderr" "$warning--election-timeout: 500ms must exceed the heartbeat interval of 500ms, or no leader ever settles"
    answers "$id" mosaik-keygen group-id --group-key "$key" --election-timeout 501ms
}

@test "one group key is wanted" {
    refuses 2 $'the group key: one of --group-key-file, --group-key and --group-key-from-validator is wanted' \
        mosaik-keygen group-id
    refuses 2 $'the group key: only one of --group-key-file, --group-key and --group-key-from-validator is wanted' \
        mosaik-keygen group-id --group-key a --group-key-file b
}

@test "damaged group keys are not taken for texts" {
    head -c 63 <<<"$key" >short
    refuses 2 "short: 63 hex digits where 64 are expected" mosaik-keygen group-id -k short
    sed 's/^\(.\{63\}\)./\1O/' <<<"$key" >typo
    refuses 2 'typo: line 1, column 64: "O" is no hex digit' mosaik-keygen group-id -k typo
    head -c 100 /dev/zero >zeros
    refuses 2 "zeros: neither 64 hex digits nor a text" mosaik-keygen group-id -k zeros
    refuses 2 "standard input: empty" mosaik-keygen group-id -k - </dev/null
}

@test "a text in a key file is hashed, without its line end, and warned about" {
    printf 'secret1\n' >group.key
    run --separate-stderr group_id -k group.key
    assert_success
    assert_output "$id"
    assert_regex "$stderr" '^mosaik-keygen: warning: the group key is made from a text'
}

@test "machines without a signature of their own" {
    local advice=$'the machine opaque has no signature of its own\ngive --machine-id and --sync-type, as the other members have them'
    refuses 2 "--machine-id: missing: $advice" mosaik-keygen group-id --group-key "$key" --machine opaque
    refuses 2 "--sync-type: missing: $advice" \
        mosaik-keygen group-id --group-key "$key" --machine opaque --machine-id ledger
    refuses 2 '--machine: "abacus" is none of noop, counter, lines, kv, opaque, exec:COMMAND' \
        mosaik-keygen group-id --group-key "$key" --machine abacus
    refuses 2 "--sync-type: a type name is never empty" mosaik-keygen group-id --group-key "$key" --sync-type ""
    refuses 2 "--sync-type: not UTF-8" mosaik-keygen group-id --group-key "$key" --sync-type $'\xff'
}

@test "built-in machines bring the signatures that their reference types have" {
    local machine id type
    while read -r machine id type; do
        run -0 mosaik-keygen group-id --group-key "$key" --machine-id "$id" --sync-type "$type"
        answers "$output" mosaik-keygen group-id --group-key "$key" --machine "$machine"
        # The bytes of any machine may be kept under its signature: the group is the same.
        answers "$output" mosaik-keygen group-id --group-key "$key" --machine opaque --machine-id "$id" --sync-type "$type"
    done <<END
counter 0000000000000000000000000000000000000000000000000000000000000002 counter::Counter
lines lines lines::Lines
kv kv kv::Kv
END
}

@test "what a fork leads to and how long requests wait is no part of the id" {
    run -0 mosaik-keygen group-id --group-key "$key"
    answers "$output" mosaik-keygen group-id --group-key "$key" --on-fork resync --forward-timeout 9s --query-timeout 1s
    refuses 2 $'--on-fork: "panic" is none of halt, resync\nsee "mosaik-keygen group-id --help"' \
        mosaik-keygen group-id --group-key "$key" --on-fork panic
}

@test "leadership is normal, reluctant or observer" {
    refuses 2 $'--leadership: "eager" is none of normal, reluctant, reluctant:N, observer\nsee "mosaik-keygen group-id --help"' \
        mosaik-keygen group-id --group-key "$key" --leadership eager
    refuses 2 $'--leadership: the factor of reluctant is at least 1\nsee "mosaik-keygen group-id --help"' \
        mosaik-keygen group-id --group-key "$key" --leadership reluctant:0
    refuses 2 $'--leadership: "" is no whole number\nsee "mosaik-keygen group-id --help"' \
        mosaik-keygen group-id --group-key "$key" --leadership reluctant:
}

@test "a group may be described in a configuration file" {
    printf '%s\n' "$key" >group.key
    cat >group.json <<END
{"group_key_file": "group.key", "heartbeat_interval": "1s", "max_missed_heartbeats": 3, "explain": true}
END
    run --separate-stderr group_id --config group.json --json
    assert_success
    assert_equal "$(jq '.steps | length' <<<"$output")" 7
    local from_file
    from_file=$(jq -r .group_id <<<"$output")
    answers "$from_file" mosaik-keygen group-id -k group.key --heartbeat-interval 1s --max-missed-heartbeats 3
    run --separate-stderr group_id --config group.json --json --heartbeat-interval 500ms --max-missed-heartbeats 10
    assert_equal "$(jq -r .group_id <<<"$output")" "$id"
}
