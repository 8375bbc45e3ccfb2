#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-ticket: tickets made, checked rule by rule, shown.
load lib

ADA=8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c
BEA=8139770ea87d175f56a35466c34c7eccb8d8a91b4ee37a25df60f5b8fc9b394c

# issuer [ALG]: makes issuer.jwk, and validator.json that wants its tickets.
issuer() {
    mosaik-keygen issuer "${1:-ES256}" --output issuer.jwk --force
    validator '{}'
}

# validator MEMBERS: writes validator.json with these members beside the key.
validator() {
    jq --argjson key "$(mosaik-keygen issuer-public issuer.jwk)" '.keys = [{key: $key}]' <<<"$1" >validator.json
}

mint() { mosaik-ticket mint --key issuer.jwk --peer "$ADA" "$@"; }
verify() { mosaik-ticket verify --validator validator.json --peer "$ADA" "$@"; }

# breaks RULE DETAIL TICKET [OPTION...]: the ticket is refused because of this rule, with words that match.
breaks() {
    run --separate-stderr verify --json "${@:4}" -- "$3"
    assert_equal "$stderr" ""
    assert_equal "$status" 1
    assert_equal "$(jq -c '[.valid, .reason, .expires]' <<<"$output")" "[false,\"$1\",null]"
    assert_regex "$(jq -r .detail <<<"$output")" "${2:-.}"
}

# part N TICKET, and its text
part() { cut -d. -f"$1" <<<"$2"; }
encode() { base64 -w0 | tr '+/' '-_' | tr -d '='; }

# signed HEADER CLAIMS: a ticket with just these texts, signed with the HS256 key of zeros.
ZEROS=$(printf '0%.0s' {1..64})
signed() {
    local message
    message=$(printf %s "$1" | encode).$(printf %s "$2" | encode)
    echo "$message.$(printf %s "$message" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$ZEROS" -binary | encode)"
}
zeros_validator() { jq --arg key "$ZEROS" '.keys = [{alg: "HS256", key: $key}]' <<<"${1:-{\}}" >validator.json; }

@test "a ticket of each algorithm, its key in each form, from a file and from standard input" {
    local alg format
    for alg in HS256 HS384 HS512 ES256 ES384 ES512 EdDSA; do
        issuer "$alg"
        for format in jwk hex pem; do
            [[ $alg$format != HS*pem ]] || continue
            if [[ $format = jwk ]]; then cp issuer.jwk key; else
                mosaik-keygen issuer "$alg" --format "$format" --output key --force
                jq -n --arg alg "$alg" --arg key "$(mosaik-keygen issuer-public --alg "$alg" --format "$format" key)" \
                    '{keys: [{alg: $alg, key: $key}]}' >validator.json
            fi
            mosaik-ticket mint --alg "$alg" --key key --peer "$ADA" >file.jwt
            mosaik-ticket mint --alg "$alg" --key - --peer "$ADA" <key >stdin.jwt
            verify <file.jwt
            verify "$(<stdin.jwt)"
            run -1 verify --peer "$BEA" - <file.jwt
        done
    done
}

@test "without an option a ticket holds for an hour" {
    issuer
    local before after expires
    before=$(date +%s)
    expires=$(mint --json | jq .expires)
    after=$(date +%s)
    assert [ "$expires" -ge $((before + 3600)) ]
    assert [ "$expires" -le $((after + 3600)) ]
}

@test "what mint is told is in the ticket" {
    issuer
    mint --issuer ops --audience net --expires-at 2100-01-01T00:00:00Z --not-before 1600000001 --issued-at 1600000000 \
        --jti j --claim role=writer --claim 'level=3' --claim 'o={"b":1,"a":[null]}' --claim n=18446744073709551615 >t
    run --separate-stderr mosaik-ticket show --json <t
    assert_equal "$output" "{\"id\":\"$(mosaik-ticket id <t)\",\"verified\":false,\"header\":{\"alg\":\"ES256\",\"typ\":\"JWT\"},\"claims\":{\"aud\":\"net\",\"exp\":4102444800,\"iat\":1600000000,\"iss\":\"ops\",\"jti\":\"j\",\"level\":3,\"n\":18446744073709551615,\"nbf\":1600000001,\"o\":{\"a\":[null],\"b\":1},\"role\":\"writer\",\"sub\":\"$ADA\"}}"
    run --separate-stderr mosaik-ticket show <t
    assert_line "issuer       ops"
    assert_line --regexp '^expires      2100-01-01T00:00:00Z, in [0-9]+d'
    assert_line 'claim role   "writer"'
    assert_line 'Nothing of this was verified: "mosaik-ticket verify" does that.'
}

@test "answers in JSON" {
    issuer
    local answer
    answer=$(mint --json --never)
    assert_equal "$(jq -c 'keys_unsorted, .expires' <<<"$answer")" $'["ticket","id","expires"]\n"never"'
    answers "$(jq -c '{id}' <<<"$answer")" mosaik-ticket id --json "$(jq -r .ticket <<<"$answer")"
    answer=$(mint --json --expires-at 4102444800 | jq -r .ticket)
    answers '{"valid":true,"reason":null,"expires":4102444800}' verify --json "$answer"
    validator '{"allow_non_expiring":true}'
    answers '{"valid":true,"reason":null,"expires":"never"}' verify --json "$(mint --never)"
    answers 'valid: never expires' verify "$(mint --never)"
    assert_equal "$(mosaik-ticket signature --json --validator validator.json)" \
        "{\"signature\":\"$(mosaik-ticket signature --validator - <validator.json)\"}"
}

@test "altered: any byte of any part" {
    issuer
    local ticket i byte flipped
    ticket=$(mint)
    for ((i = 0; i < ${#ticket}; i += 7)); do
        byte=${ticket:i:1}
        [[ $byte = A ]] && flipped=B || flipped=A
        run verify "${ticket:0:i}$flipped${ticket:i+1}"
        assert_equal "$status" 1
        assert_regex "$output" '^(malformed|algorithm|signature): '
    done
    breaks signature 'altered' "$(part 1 "$ticket").$(part 2 "$(mint --issuer other)").$(part 3 "$ticket")"
}

@test "malformed: parts missing, too many, swapped, empty, binary, huge, no JSON" {
    issuer
    local ticket header claims mark
    ticket=$(mint)
    header=$(part 1 "$ticket") claims=$(part 2 "$ticket") mark=$(part 3 "$ticket")
    breaks malformed 'three parts' "$header.$claims"
    breaks malformed 'three parts' "nonsense"
    breaks malformed 'three parts' ""
    breaks malformed 'header: not base64url' "!$header.$claims.$mark"
    breaks malformed '' "..$mark"
    breaks malformed 'header names no algorithm' "$claims.$header.$mark"
    breaks signature '' "$header.$mark.$claims"
    breaks signature '' "$header.$claims."
    breaks signature '' "$header.$claims.$mark.$mark"
    breaks malformed 'header' "$(printf '["ES256"]' | encode).$claims.$mark"
    breaks malformed 'header' "$(printf '{"alg":7}' | encode).$claims.$mark"
    run -1 --separate-stderr verify --json < <(noise 3000)
    assert_equal "$(jq -r .reason <<<"$output")" malformed
    run -1 --separate-stderr verify --json < <(printf '%s.%s.' "$header" "$claims" && head -c 100000 /dev/zero | tr '\0' A)
    assert_equal "$(jq -r .reason <<<"$output")" malformed
    refuses 2 "standard input: larger than 1048576 bytes" mosaik-ticket verify --validator validator.json --peer "$ADA" \
        < <(head -c 2000000 /dev/zero)
}

@test "algorithm: none, another than the keys', another case" {
    issuer
    local ticket claims mark alg
    ticket=$(mint)
    claims=$(part 2 "$ticket") mark=$(part 3 "$ticket")
    for alg in none None HS256 ES384 EdDSA es256; do
        breaks algorithm "it is signed with \"$alg\"; the validator has keys for ES256" \
            "$(printf '{"alg":"%s"}' "$alg" | encode).$claims.$mark"
    done
    breaks algorithm none "$(printf '{"alg":"none"}' | encode).$claims."
}

@test "signature: a public key is not taken for the secret of HS256" {
    issuer
    local public ticket
    public=$(mosaik-keygen issuer-public --format hex issuer.jwk)
    ticket=$(mosaik-ticket mint --alg HS256 --key - --peer "$ADA" <<<"${public:2}")
    breaks algorithm HS256 "$ticket"
    cp issuer.jwk first.jwk
    mosaik-keygen issuer ES256 --output issuer.jwk --force
    breaks signature 'another issuer' "$(mint)"
}

@test "each rule, and its reason in words" {
    issuer
    validator '{"issuers":["ops","dev"],"audiences":["net"],"max_lifetime":"2h","max_age":60,"claims":{"role":"writer","level":3}}'
    good=(--issuer ops --audience net --claim role=writer --claim level=3)
    verify "$(mint "${good[@]}")"
    breaks issuer '^it is from "me"; wanted is "ops" or "dev"$' "$(mint "${good[@]}" --issuer me)"
    breaks issuer '^it names no issuer; wanted' "$(mint)"
    breaks subject "^it is for \"x\"; wanted is \"$ADA\"" "$(mint "${good[@]}" --subject x)"
    breaks not_before '^it begins 20.*Z, in (5m|4m 5)' "$(mint "${good[@]}" --not-before $((EPOCHSECONDS + 300)))"
    breaks expired '^it ended 2001-09-09T01:46:40Z, .* ago$' "$(mint "${good[@]}" --expires-at 1000000000)"
    breaks non_expiring 'never expires' "$(mint "${good[@]}" --never)"
    breaks lifetime 'at most 2h from now' "$(mint "${good[@]}" --expires-in 3h)"
    breaks age 'it was issued .* 2m .*ago; an age of at most 1m' "$(mint "${good[@]}" --issued-at $((EPOCHSECONDS - 120)))"
    breaks audience '^it names no audience; wanted is "net"' "$(mint --issuer ops)"
    breaks claim:role '^it has "reader"; wanted is "writer"$' "$(mint "${good[@]}" --claim role=reader)"
    breaks claim:level '^it has 3.0; wanted is 3$' "$(mint "${good[@]}" --claim level=3.0)"
    breaks claim:level '^it does not have it; wanted is 3$' "$(mint --issuer ops --audience net --claim role=writer)"
}

@test "to the second: expired at exp, valid at nbf" {
    issuer
    local ticket
    ticket=$(mint --expires-at 1700000100 --not-before 1700000000)
    verify "$ticket" --at 1700000000
    verify "$ticket" --at 2023-11-14T22:14:59.999Z
    breaks expired 'this second' "$ticket" --at 1700000100
    breaks not_before 'in 1s' "$ticket" --at 1699999999
}

@test "the wall clock counts, and not a second longer" {
    issuer
    local ticket
    ticket=$(mint --expires-at $((EPOCHSECONDS + 2)))
    verify "$ticket"
    breaks expired '' "$ticket" --at $((EPOCHSECONDS + 2))
    breaks expired 'ago|this second' "$(mint --expires-in 0s)"
}

@test "claims of the wrong type, given twice, null" {
    zeros_validator
    local header='{"alg":"HS256"}'
    verify "$(signed "$header" "{\"sub\":\"$ADA\",\"exp\":4102444800}")"
    verify "$(signed "$header" "{\"sub\":\"$ADA\",\"exp\":4102444800,\"aud\":null,\"x\":1,\"x\":2}")"
    local wrong
    for wrong in '"aud":["a"]' '"aud":[]' '"nbf":"1"' '"nbf":1.5' '"nbf":-1' '"iat":1e3' '"iss":7' '"jti":{}' \
        '"nbf":18446744073709551616' '"sub":"x"'; do
        breaks malformed '' "$(signed "$header" "{\"sub\":\"$ADA\",\"exp\":4102444800,$wrong}")"
    done
    breaks malformed 'no date' "$(signed "$header" "{\"sub\":\"$ADA\",\"exp\":18446744073709551615}")"
    breaks malformed 'claims' "$(signed "$header" '[]')"
    breaks malformed 'claims' "$(signed "$header" '{')"
    breaks malformed '' "$(signed '{"alg":"none","alg":7}' "{}")"
    breaks subject 'no subject' "$(signed "$header" '{"exp":4102444800}')"
}

@test "white space behind a ticket does not matter" {
    issuer
    local ticket
    ticket=$(mint)
    verify < <(printf '%s \r\n\n' "$ticket")
    assert_equal "$(mosaik-ticket id <<<"$ticket")" "$(mosaik-ticket id "$ticket")"
    breaks malformed 'header' " $ticket"
}

@test "what a stranger wrote is shown without its control characters" {
    zeros_validator '{"issuers":["x"]}'
    local ticket
    ticket=$(signed '{"alg":"HS256"}' '{"iss":"\u001b[31m\n","a\u0007b":"c"}')
    run --separate-stderr mosaik-ticket show "$ticket"
    assert_line 'issuer        \x1b[31m\x0a'
    assert_line 'claim a\x07b  "c"'
    breaks issuer '^it is from "\\x1b\[31m\\x0a"' "$ticket"
}

@test "a member of a validator file that is unknown, missing, doubled or of another type" {
    issuer
    local says members
    while IFS='|' read -r says members; do
        echo "$members" >validator.json
        run --separate-stderr verify x
        assert_equal "$status $output" "2 "
        assert_regex "$stderr" "^mosaik-ticket: validator.json: $says"
    done <<'END'
keys: at least one|{}
keys: at least one|{"keys":[]}
unknown member "key"|{"key":[]}
class: only "jwt" and "exec"|{"class":"tdx"}
keys: expected a list|{"keys":{}}
keys\[0\].alg: expected HS256|{"keys":[{"alg":"none","key":""}]}
keys\[0\].key: |{"keys":[{"alg":"ES256","key":"00"}]}
keys\[0\].key: missing|{"keys":[{"alg":"ES256"}]}
issuers\[1\]: expected text|{"issuers":["a",7]}
max_age: |{"max_age":"soon"}
allow_non_expiring: expected true or false|{"allow_non_expiring":1}
issuers: given twice|{"issuers":[],"issuers":[]}
END
    refuses 3 "none.json: No such file or directory" mosaik-ticket signature --validator none.json
}

@test "a validator with a secret that others may read" {
    mosaik-keygen issuer HS256 --output issuer.jwk
    validator '{}'
    chmod 644 validator.json
    run --separate-stderr verify "$(mint)"
    assert_success
    assert_regex "$stderr" "^mosaik-ticket: warning: validator.json: others may read the secret of an HS key"
}

@test "usage" {
    issuer
    refuses 2 "--peer PEERID: missing: whom the ticket is for" mosaik-ticket mint --key issuer.jwk
    local mint=(mosaik-ticket mint --key issuer.jwk --peer "$ADA")
    refuses 2 "only one of --expires-in, --expires-at and --never is wanted" "${mint[@]}" --never --expires-in 1h
    refuses 2 "--claim: \"role\": NAME=VALUE is wanted" "${mint[@]}" --claim role
    refuses 2 "--expires-at: \"tomorrow\" is no time: give 2026-11-21T12:26:00Z or Unix seconds
see \"mosaik-ticket mint --help\"" "${mint[@]}" --expires-at tomorrow
    refuses 2 "TICKET: empty" mosaik-ticket id ""
    refuses 2 "TICKET: not a JWT: it needs three parts joined by dots" mosaik-ticket show x
    run -2 mosaik-ticket mint --key issuer.jwk --alg ES384 --peer "$ADA"
    run -2 mosaik-ticket mint --key issuer.jwk --peer 1234
}

@test "it needs no event loop and no QUIC" {
    run ldd "$MSK_BIN/mosaik-ticket"
    refute_output --regexp 'libuv|ngtcp2|sqlite'
}
