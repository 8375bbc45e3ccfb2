#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr, lib.bash sets root
# The manual: pages are complete and free of mistakes, and describe what is there.
load lib

man=$BATS_TEST_DIRNAME/../../docs/man

@test "pages of the programs are valid scdoc with all sections" {
    command -v scdoc >/dev/null || skip "no scdoc"
    local page program
    for page in "$man"/*.1.scd; do
        program=$(basename "$page" .1.scd)
        "$program" --man-options >sections
        run --separate-stderr awk -f "$man/assemble.awk" sections "$man/sections.txt" "$page"
        assert_equal "$stderr$status" 0
        scdoc <<<"$output" >"$program.1"
        run grep -c '^\.SH' "$program.1"
        assert [ "$output" -ge 8 ]
    done
}

@test "every event has its place in mosaik-formats(5), and every field of one a meaning" {
    command -v scdoc >/dev/null || skip "no scdoc"
    run --separate-stderr awk -f "$man/events.awk" "$man/fields.txt" "$root/lib/core/events.def" "$root"/lib/*/*.c
    assert_equal "$stderr$status" 0
    echo "$output" >sections
    assert_equal "$(grep -c '^\*.*\* (\(trace\|debug\|info\|warn\|error\))$' sections)" "$(grep -c '^X(' "$root/lib/core/events.def")"
    awk -f "$man/assemble.awk" sections "$man/sections.txt" "$man/mosaik-formats.5.scd" >page
    scdoc <page >/dev/null
}

@test "fields.txt tells of each field once, in order" {
    assert_equal "$(cut -d' ' -f1 "$man/fields.txt")" "$(cut -d' ' -f1 "$man/fields.txt" | LC_ALL=C sort -u)"
}

@test "a page that asks for a section that does not exist is an error" {
    printf '@NONSENSE@\n' >page
    run --separate-stderr awk -f "$man/assemble.awk" "$man/sections.txt" page
    assert_failure 1
    assert_equal "$stderr" "page: there is no section NONSENSE"
}

@test "a field without a meaning is an error" {
    printf 'X(SOMETHING, INFO, "{nonsense} happened")\n' >events.def
    run --separate-stderr awk -f "$man/events.awk" "$man/fields.txt" events.def
    assert_failure 1
    assert_equal "$stderr" 'docs/man/fields.txt: nothing about "nonsense", a field of an event in events.def'
}
