#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-keygen issuer, issuer-public: ticket signing keys in every form people keep them in.
load lib

@test "public keys of the golden vectors, from hex" {
    local count=0 alg private public
    while IFS=$'\t' read -r alg private public; do
        answers "$public" mosaik-keygen issuer-public --alg "$alg" --format hex <<<"$private"
        count=$((count + 1))
    done < <(vectors jwt_tickets.json 'select(.input.op == "build") | .input
        | [.alg, .key.private // .key.secret, .key.public // .key.secret]' | sort -u)
    assert [ "$count" -eq 7 ]
}

@test "a new key each time, and every form tells the same public key" {
    local alg format public
    for alg in HS256 HS384 HS512 ES256 ES384 ES512 EdDSA; do
        mosaik-keygen issuer "$alg" --output "$alg.jwk"
        mosaik-keygen issuer "$alg" --output other.jwk --force
        refute cmp -s "$alg.jwk" other.jwk
        assert_equal "$(jq -r .alg "$alg.jwk")" "$alg"
        public=$(mosaik-keygen issuer-public "$alg.jwk")
        assert_equal "$(jq -c 'del(.d)' "$alg.jwk")" "$(jq -c . <<<"$public")"
    done
    for alg in ES256 ES384 ES512 EdDSA; do
        for format in jwk pem hex; do
            mosaik-keygen issuer "$alg" --format "$format" --output "$alg.$format" --force
            run --separate-stderr mosaik-keygen issuer-public --alg "$alg" "$alg.$format"
            assert_success
            assert_equal "$(jq -r 'has("d"), .alg' <<<"$output" | xargs)" "false $alg"
        done
    done
}

@test "PEM keys are those of openssl, in both directions" {
    command -v openssl >/dev/null || skip "no openssl program"
    local alg
    for alg in ES256 ES384 ES512 EdDSA; do
        mosaik-keygen issuer "$alg" --format pem --output key.pem --force
        answers "$(openssl pkey -in key.pem -pubout)" mosaik-keygen issuer-public --format pem key.pem
    done
    openssl ecparam -name prime256v1 -genkey -noout -out sec1.pem
    answers "$(openssl pkey -in sec1.pem -pubout)" mosaik-keygen issuer-public --format pem sec1.pem
}

@test "answers in JSON" {
    run --separate-stderr mosaik-keygen issuer ES256 --json
    assert_success
    assert_equal "$(jq -c '[.alg, .public_key.x == .private_key.x, (.private_key | has("d"))]' <<<"$output")" \
        '["ES256",true,true]'
    jq .private_key <<<"$output" >key.jwk
    local public
    public=$(jq -c .public_key <<<"$output")
    answers "{\"alg\":\"ES256\",\"public_key\":$public}" mosaik-keygen issuer-public --json key.jwk
    run --separate-stderr mosaik-keygen issuer HS256 --json --format hex
    assert_equal "$(jq -c '[keys, (.private_key | length)]' <<<"$output")" '[["alg","private_key"],64]'
    run --separate-stderr mosaik-keygen issuer EdDSA --json --output ed.jwk
    assert_equal "$(jq -c '[keys, .public_key.kty]' <<<"$output")" '[["alg","file","public_key"],"OKP"]'
    assert_equal "$(stat -c %a ed.jwk)" 600
}

@test "there is no PEM for HS keys" {
    refuses 2 "HS256 keys have no PEM form: use jwk or hex" mosaik-keygen issuer HS256 --format pem
    mosaik-keygen issuer HS512 --output hs.jwk
    refuses 2 "HS512 keys have no PEM form: use jwk or hex" mosaik-keygen issuer-public --format pem hs.jwk
}

@test "algorithms that do not exist" {
    local hint=$'\nsee "mosaik-keygen issuer --help"'
    refuses 2 "ALG: \"es256\" is none of HS256, HS384, HS512, ES256, ES384, ES512, EdDSA$hint" mosaik-keygen issuer es256
    refuses 2 "ALG: \"none\" is none of HS256, HS384, HS512, ES256, ES384, ES512, EdDSA$hint" mosaik-keygen issuer none
    refuses 2 "ALG: missing: HS256, HS384, HS512, ES256, ES384, ES512 or EdDSA$hint" mosaik-keygen issuer
    refuses 2 "--format: \"der\" is none of jwk, pem, hex$hint" mosaik-keygen issuer ES256 --format der
}

# not_a_key TEXT COMMAND...: refused as malformed, with a reason that begins like this.
not_a_key() {
    local text=$1
    shift
    run --separate-stderr "$@"
    assert_equal "$output" ""
    assert_equal "$status" 2
    assert_equal "${stderr:0:${#text}}" "$text"
    # shellcheck disable=SC2154 # run sets stderr_lines
    assert [ "${#stderr_lines[@]}" -eq 1 ]
}

@test "damaged keys are refused with the file's name" {
    mosaik-keygen issuer ES256 --output good.jwk
    mosaik-keygen issuer ES256 --output good.hex --format hex
    mosaik-keygen issuer ES256 --output good.pem --format pem
    head -c 100 good.jwk >short.jwk
    not_a_key "mosaik-keygen: short.jwk: " mosaik-keygen issuer-public short.jwk
    head -c 100 good.pem >short.pem
    not_a_key "mosaik-keygen: short.pem: " mosaik-keygen issuer-public short.pem
    head -c 60 good.hex >short.hex
    not_a_key "mosaik-keygen: short.hex: " mosaik-keygen issuer-public --alg ES256 short.hex
    not_a_key "mosaik-keygen: good.hex: " mosaik-keygen issuer-public good.hex
    not_a_key "mosaik-keygen: good.jwk: " mosaik-keygen issuer-public --alg ES384 good.jwk
    not_a_key "mosaik-keygen: good.jwk: " mosaik-keygen issuer-public --alg HS256 good.jwk
    jq 'del(.d)' good.jwk >public.jwk
    not_a_key "mosaik-keygen: public.jwk: " mosaik-keygen issuer-public public.jwk
    not_a_key "mosaik-keygen: standard input: empty" mosaik-keygen issuer-public </dev/null
    noise 1000 >binary
    not_a_key "mosaik-keygen: binary: " mosaik-keygen issuer-public binary
    head -c 100000 /dev/zero >huge
    not_a_key "mosaik-keygen: huge: larger than 16384 bytes" mosaik-keygen issuer-public huge
    printf '0%.0s' {1..64} >zero.hex
    not_a_key "mosaik-keygen: zero.hex: " mosaik-keygen issuer-public --alg ES256 zero.hex
    printf 'f%.0s' {1..64} >high.hex
    not_a_key "mosaik-keygen: high.hex: " mosaik-keygen issuer-public --alg ES256 high.hex
}
