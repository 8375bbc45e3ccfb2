#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# mosaik-inspect code: every close code with its meaning.
load lib

@test "every code of the golden vectors, with its name" {
    local count=0 code name
    while IFS=$'\t' read -r code name; do
        run --separate-stderr mosaik-inspect code "$code" --json
        assert_success
        assert_equal "$(jq -r '"\(.code) \(.name)"' <<<"$output")" "$code $name"
        assert_equal "$(jq '[.meaning, .sent_by, .remedy] | all(type == "string" and length > 10)' <<<"$output")" true
        count=$((count + 1))
    done < <(vectors close_codes.json '[.code, .input.reason]')
    assert [ "$count" -ge 22 ]
}

@test "without an argument all are told, in ascending order" {
    run --separate-stderr mosaik-inspect code --json
    assert_success
    assert_equal "$(jq -c '.codes | [length, (map(.code) | . == sort)]' <<<"$output")" '[23,true]'
    run --separate-stderr mosaik-inspect code
    assert_success
    assert_equal "${#lines[@]}" 24
    assert_line --partial "30404  GroupNotFound      groups        The peer runs no group with this id."
    refute_output --partial $'\033'
}

@test "for people: number, name, area, and three explanations" {
    run --separate-stderr mosaik-inspect code 30404
    assert_success
    assert_equal "${lines[0]}" "30404 GroupNotFound (groups)"
    assert_equal "${lines[1]}" "  meaning The peer runs no group with this id."
    assert_line --partial "sent by"
    assert_line --partial "remedy"
}

@test "names in any case, also those of several codes" {
    run --separate-stderr mosaik-inspect code groupnotfound --json
    assert_success
    assert_equal "$(jq .code <<<"$output")" 30404
    run --separate-stderr mosaik-inspect code NotAllowed --json
    assert_success
    assert_equal "$(jq -c '[.codes[].code]' <<<"$output")" '[10403,11403,30403]'
}

@test "what is no code" {
    refuses 1 $'"99": no close code of mosaik\n"mosaik-inspect code" tells all' mosaik-inspect code 99
    refuses 1 $'"GroupNotFond": no close code of this name\ndid you mean GroupNotFound?' \
        mosaik-inspect code GroupNotFond
    refuses 1 $'"": no close code of mosaik\n"mosaik-inspect code" tells all' mosaik-inspect code ""
    refuses 1 $'"18446744073709551616": no close code of mosaik\n"mosaik-inspect code" tells all' \
        mosaik-inspect code 18446744073709551616
    refuses 2 $'"2": one argument too many for code\nsee "mosaik-inspect code --help"' mosaik-inspect code 1 2
}
