#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-keygen: secrets and the ids that follow from them. Ticket signing keys are in keygen_issuer.bats, group ids in
# keygen_group_id.bats.
load lib

secret() { printf "$1%.0s" {1..32}; }

@test "peer ids of the golden vectors" {
    local count=0 key want
    while IFS=$'\t' read -r key want; do
        answers "$want" mosaik-keygen peer-id <<<"$key"
        count=$((count + 1))
    done < <(vectors keys.json 'select(.input.secret and (.input.op | not)) | [.input.secret, .hex]')
    assert [ "$count" -ge 5 ]
}

@test "network ids of the golden vectors" {
    local count=0 name want
    while IFS=$'\t' read -r want name; do
        answers "$want" mosaik-keygen network-id -- "$name"
        count=$((count + 1))
    done < <(vectors digests.json 'select(.input.op == "from-text" and (.input.text | test("[\t\n\\\\]") | not)) | [.hex, .input.text]')
    assert [ "$count" -ge 5 ]
}

@test "a secret is 64 hex digits, and another one each time" {
    run --separate-stderr mosaik-keygen secret
    assert_success
    assert_regex "$output" '^[0-9a-f]{64}$'
    local first=$output
    run --separate-stderr mosaik-keygen secret
    refute [ "$output" = "$first" ]
}

@test "secret and peer id belong together" {
    run --separate-stderr mosaik-keygen secret --json
    assert_success
    answers "$(jq -r .peer_id <<<"$output")" mosaik-keygen peer-id <<<"$(jq -r .secret <<<"$output")"
}

@test "peer-id reads a file, standard input, and digits of either case" {
    secret AB >node.key
    run --separate-stderr mosaik-keygen peer-id node.key
    assert_success
    local id=$output
    answers "$id" mosaik-keygen peer-id - < <(secret ab)
    answers "{\"peer_id\":\"$id\"}" mosaik-keygen peer-id --json <node.key
}

@test "--output makes a private file and keeps an existing one" {
    umask 000
    answers "" mosaik-keygen secret --output node.key
    assert_equal "$(stat -c %a node.key)" 600
    cp node.key before
    refuses 1 $'node.key: exists already\n--force overwrites it' mosaik-keygen secret --output node.key
    cmp node.key before
    answers "" mosaik-keygen secret -o node.key --force
    refute cmp -s node.key before
    assert_equal "$(stat -c %a node.key)" 600
    assert_equal "$(ls)" $'before\nnode.key'
}

@test "--output with --json tells the peer id but not the secret" {
    run --separate-stderr mosaik-keygen secret --output node.key --json
    assert_success
    assert_equal "$(jq -c 'keys' <<<"$output")" '["file","peer_id"]'
    answers "$(jq -r .peer_id <<<"$output")" mosaik-keygen peer-id node.key
}

@test "--force replaces nothing but regular files" {
    mkdir dir
    refuses 1 "dir: not a regular file" mosaik-keygen secret --force --output dir
    mkfifo pipe
    refuses 1 "pipe: not a regular file" mosaik-keygen secret --force --output pipe
    refuses 3 "no/such/dir: No such file or directory" mosaik-keygen secret --output no/such/dir
}

@test "files that others may read draw a warning" {
    secret 01 >node.key
    chmod 640 node.key
    run --separate-stderr mosaik-keygen peer-id node.key
    assert_success
    assert_equal "$stderr" "mosaik-keygen: warning: node.key: others may read this secret (mode 0640): chmod 600"
    run bash -c 'umask 022; mosaik-keygen secret 2>&1 >out'
    assert_success
    assert_output --partial "others may read the file that this secret goes to (mode 0644)"
}

@test "damaged secrets are refused with the place" {
    refuses 2 "standard input: empty" mosaik-keygen peer-id </dev/null
    secret 01 | head -c 63 >short
    refuses 2 "short: 63 hex digits where 64 are expected" mosaik-keygen peer-id short
    printf '%s0' "$(secret 01)" >long
    refuses 2 "long: 65 hex digits where 64 are expected" mosaik-keygen peer-id long
    sed 's/^\(.\{20\}\)./\1x/' <(secret 01) >typo
    refuses 2 'typo: line 1, column 21: "x" is no hex digit' mosaik-keygen peer-id typo
    printf '0101\001\000\377' >binary
    refuses 2 'binary: line 1, column 5: "\x01" is no hex digit' mosaik-keygen peer-id binary
    head -c 1000000 /dev/zero >huge
    refuses 2 "huge: larger than 16384 bytes" mosaik-keygen peer-id huge
}

@test "files that cannot be read are told as such" {
    refuses 3 "absent: No such file or directory" mosaik-keygen peer-id absent
    mkdir dir
    refuses 3 "dir: Is a directory" mosaik-keygen peer-id dir
    run bash -c 'mosaik-keygen peer-id <&- 2>&1'
    assert_output "mosaik-keygen: standard input: Bad file descriptor"
    assert_equal "$status" 3
    if [[ $(id -u) -ne 0 ]]; then
        secret 01 >locked
        chmod 0 locked
        refuses 3 "locked: Permission denied" mosaik-keygen peer-id locked
    fi
}

@test "group keys: random ones differ, a text stands for its hash" {
    run --separate-stderr mosaik-keygen group-key
    assert_success
    assert_regex "$output" '^[0-9a-f]{64}$'
    local first=$output
    run --separate-stderr mosaik-keygen group-key --json
    refute [ "$(jq -r .group_key <<<"$output")" = "$first" ]
    answers "$first" mosaik-keygen group-key "$first"
    run --separate-stderr mosaik-keygen group-key secret1
    assert_success
    assert_output 63a568b9905f03d1aa9e5620196204b2138b149ef2ed6f6b9a8a0f48f70dbd5f
    assert_regex "$stderr" '^mosaik-keygen: warning: the group key is made from a text'
}
