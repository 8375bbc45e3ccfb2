#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-ticket on every golden case of the reference: tickets made, checked, validators signed.
load lib

# A validator file of the words of a case.
VALIDATOR='{keys: [.keys[] | {alg, key: (.key_material // .key.public // .key.secret)}]}
    + {issuers: (.issuers // []), audiences: (.audiences // []), subject, allow_non_expiring: (.allow_non_expiring // false)}
    + {max_lifetime: (.max_lifetime_secs | span), max_age: (.max_age_secs | span)}
    + {claims: (.claims // {} | if type == "array" then map({key: .[0], value: (.[1] | fromjson)}) | from_entries else . end)}'
SPAN='def span: if . == null or . == floor then . else "\(. * 1000 | round)ms" end;'

# What the vectors call the broken rule, and its name.
RULES='{"not text":"malformed", "not three parts":"malformed", "header malformed":"malformed",
    "header has no algorithm":"malformed", "no key for the algorithm":"algorithm", "signature does not verify":"signature",
    "claims malformed":"malformed", "issuer differs":"issuer", "subject differs":"subject", "not yet valid":"not_before",
    "expiry required":"non_expiring", "expired":"expired", "lifetime too long":"lifetime", "too old":"age",
    "issued-at required":"age", "audience differs":"audience", "claim differs":"claim:",
    "expiry not representable":"malformed"}'

from_hex() { perl -ne 'chomp; print pack "H*", $_'; }

@test "tickets are checked as the reference does" {
    local count=0 name peer hex token validator expected
    while IFS=$'\t' read -r name peer validator expected hex; do
        printf '%s' "$validator" >validator.json
        token=$(from_hex <<<"$hex" && printf .) # line ends at its end count
        run --separate-stderr mosaik-ticket verify --json --at 1700000000 --validator validator.json --peer "$peer" \
            -- "${token%.}"
        # The name of a claim is not in the vectors.
        assert_equal "$name: $(jq -c '[.valid, (.reason // "" | sub(":.*"; ":")), .expires]' <<<"$output")" "$name: $expected"
        count=$((count + 1))
    done < <(jq -r "$SPAN .cases[] | select(.input.op == \"validate\") | [.name, .input.peer,
        (.input.validator | $VALIDATOR | tojson),
        ([.accepted, (if .error then ($RULES)[.error] else \"\" end), .expires] | tojson), .input.hex]
        | join(\"\t\")" "$MSK_VECTORS/jwt_tickets.json")
    assert_equal "$count" 140
}

@test "tickets are made as the reference does" {
    local count=0 input key token id alg options part
    while IFS=$'\t' read -r alg key input token id; do
        mapfile -t options < <(jq -r '[
            (["iss", "--issuer"], ["sub", "--subject"], ["aud", "--audience"], ["jti", "--jti"], ["exp", "--expires-at"],
             ["nbf", "--not-before"], ["iat", "--issued-at"]) as [$name, $option]
            | select(.[$name]) | "\($option)=\(.[$name])"]
            + [.claims // {} | to_entries[] | "--claim=\(.key)=\(.value | tojson)"]
            + (if .exp then [] else ["--never"] end) | .[]' <<<"$input")
        run --separate-stderr mosaik-ticket mint --json --alg "$alg" --key - --peer "$(jq -r .peer <<<"$input")" \
            "${options[@]}" <<<"$key"
        if [[ $alg = ES512 ]]; then # signed with fresh randomness
            for part in 1 2; do
                assert_equal "$(jq -r .ticket <<<"$output" | cut -d. -f$part)" "$(cut -d. -f$part <<<"$token")"
            done
        else
            assert_equal "$(jq -r '.ticket, .id' <<<"$output")" "$token"$'\n'"$id"
        fi
        count=$((count + 1))
    done < <(jq -r '.cases[] | select(.input.op == "build")
        | [.input.alg, .input.key.private // .input.key.secret, (.input | tojson), .token, .ticket_id] | join("\t")' \
        "$MSK_VECTORS/jwt_tickets.json")
    assert_equal "$count" 18
}

@test "validators have the signatures that the reference gives them" {
    local count=0 validator hex
    while IFS=$'\t' read -r validator hex; do
        printf '%s' "$validator" >validator.json
        answers "$hex" mosaik-ticket signature --validator validator.json
        count=$((count + 1))
    done < <(jq -r "$SPAN .cases[] | select(.input.op == \"validator-signature\") | [(.input | $VALIDATOR | tojson), .hex]
        | join(\"\t\")" "$MSK_VECTORS/jwt_validators.json")
    assert [ "$count" -gt 20 ]
}
