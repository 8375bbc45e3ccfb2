#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-inspect decode: messages in JSON, and the place of the first error.
load lib

# fails_at OFFSET FIELD COMMAND...: a message that cannot be decoded ends with status 2, and an answer that tells where.
fails_at() {
    local offset=$1 field=$2
    shift 2
    run --separate-stderr "$@"
    assert_equal "$status" 2
    assert_equal "$(jq -r '"\(.offset) \(.field)"' <<<"$output")" "$offset $field"
    assert_equal "$stderr" "mosaik-inspect: $(jq -r .error <<<"$output")"
}

# decodes TYPE FILE FILTER: every case of a vector file that the filter lets through is read.
decodes() {
    local count=0 hex name
    while IFS=$'\t' read -r hex name; do
        run --separate-stderr mosaik-inspect decode "$1" --json <<<"$hex"
        jq -e . <<<"$output" >/dev/null || fail "$name: $output"
        assert_equal "$status $stderr" "0 "
        count=$((count + 1))
    done < <(vectors "$2" "select($3 and .hex and .input.op != \"decode\") | [.hex, .name]")
    assert [ "$count" -ge 3 ]
}

@test "messages of the golden vectors" {
    decodes bond_message bonds.json true
    decodes handshake_start handshakes.json '(.name | startswith("handshake start"))'
    decodes handshake_end handshakes.json '(.name | startswith("handshake end"))'
}

@test "terms and votes of the golden vectors" {
    local count=0 hex term vote
    while IFS=$'\t' read -r hex term vote; do
        run --separate-stderr mosaik-inspect decode bond_message --json <<<"$hex"
        assert_equal "$(jq -r '.raft.request_vote_response | "\(.term) \(.vote)"' <<<"$output")" "$term $vote"
        count=$((count + 1))
    done < <(vectors bonds.json 'select(.name | startswith("raft: request vote response")) | [.hex, .input.term, .input.vote]')
    assert [ "$count" -ge 9 ]
}

@test "a message as JSON, indented for people and on one line with --json" {
    answers '{"raft":{"request_vote_response":{"term":2,"vote":"denied"}}}' \
        mosaik-inspect decode bond_message 05030201 --json
    run --separate-stderr mosaik-inspect decode bond_message 05030201
    assert_success
    assert_equal "${lines[1]}" '  "raft": {'
    answers '"ping"' mosaik-inspect decode bond_message 00
}

@test "digits come as argument or on standard input, white space between them does not count" {
    answers '"ping"' mosaik-inspect decode bond_message - <<<$'0\n 0\t\r\n'
    answers '"ping"' mosaik-inspect decode bond_message <<<00
    answers "$(printf '0A%.0s' {1..32} | tr A-F a-f | jq -R .)" mosaik-inspect decode digest "$(printf '0A%.0s' {1..32})"
}

@test "bytes after the message are ignored" {
    answers '"ping"' mosaik-inspect decode bond_message 00ffff
}

@test "the place of the first error" {
    fails_at 3 bond_message.raft.request_vote_response.vote mosaik-inspect decode bond_message 05030203
    fails_at 0 bond_message mosaik-inspect decode bond_message ""
    fails_at 0 bond_message mosaik-inspect decode bond_message </dev/null
    fails_at 0 bond_message mosaik-inspect decode bond_message 09 --json
    fails_at 0 handshake_end.proof mosaik-inspect decode handshake_end 0503
}

@test "what are no hex digits" {
    local hint=$'\nsee "mosaik-inspect decode --help"'
    refuses 2 'HEX: line 1, column 4: "x" is no hex digit' mosaik-inspect decode bond_message 050x
    refuses 2 'HEX: an odd number of hex digits: 3' mosaik-inspect decode bond_message 050
    refuses 2 'standard input: line 2, column 2: "g" is no hex digit' mosaik-inspect decode bond_message <<<$'05\n0g'
    refuses 2 'standard input: line 1, column 1: a zero byte is no hex digit' \
        mosaik-inspect decode bond_message < <(printf '\0')
    refuses 2 'standard input: line 1, column 1: "\x7f" is no hex digit' \
        mosaik-inspect decode bond_message <<<$'\177ELF'
    refuses 2 "\"00\": one argument too many for decode$hint" mosaik-inspect decode bond_message 00 00
}

@test "the types are listed, and near ones suggested" {
    run --separate-stderr mosaik-inspect decode --types --json
    assert_success
    assert_equal "$(jq '.types | has("signed_peer_entry") and has("bond_message") and length > 20' <<<"$output")" true
    run --separate-stderr mosaik-inspect decode --types
    assert_line --regexp '^bond_message +groups: '
    refuses 2 $'TYPE: "bond_mesage" is no message\ndid you mean bond_message?' mosaik-inspect decode bond_mesage 00
    refuses 2 $'TYPE: "xyzzy" is no message\n"mosaik-inspect decode --types" tells all' mosaik-inspect decode xyzzy 00
    refuses 2 $'TYPE: missing\n"mosaik-inspect decode --types" lists the types' mosaik-inspect decode
}

@test "input has a limit" {
    run --separate-stderr mosaik-inspect decode bond_message < <(head -c 70000000 /dev/zero | tr '\0' '0')
    assert_equal "$status" 2
    assert_equal "$stderr" "mosaik-inspect: standard input: larger than 67108864 bytes"
}
