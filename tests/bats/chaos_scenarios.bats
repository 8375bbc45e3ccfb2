#!/usr/bin/env bats
# Groups in trouble, under load: tests/chaos/run with each of its scenarios, and what it makes of a group that loses commands.
load lib

chaos=$BATS_TEST_DIRNAME/../chaos

# play SCENARIO [OPTION...]: it ends well; what it said is shown with the test's name.
play() {
    run "$chaos/run" "$@"
    assert_success
    assert_output --regexp "^ok +$1 +[1-9][0-9]* acknowledged"
}

@test "the leader is cut off" { play leader-isolated; }
@test "a link is deaf in one direction, then in the other" { play one-way-link; }
@test "a link comes and goes" { play flapping-link; }
@test "a follower is slow" { play slow-follower; }
@test "a fifth of all datagrams is lost" { play loss; }
@test "everything takes 300 ms" { play delay; }
@test "datagrams overtake each other" { play reordering; }
@test "everything arrives twice" { play duplicates; }
@test "bits are turned" { play corruption; }
@test "the majority is lost, and comes back" { play majority-lost; }
@test "everybody is paused" { play all-paused --seed 2; }

@test "each scenario has its test" {
    for file in "$chaos"/scenarios/*.bash; do
        name=${file##*/}
        run -0 grep -c "{ play ${name%.bash}[ ;]" "$BATS_TEST_FILENAME"
        assert_output 1
    done
}

@test "a group that acknowledges what it loses is found out" {
    cat >undeclared.bash <<'END'
DECLARED=() # majorities are counted of those who are bonded
begin
mark
mosaik-chaos partition "$leader" / "${others[@]}"
loses_bond "${MEMBERS[@]}"
works "${MEMBERS[@]}"
mosaik-chaos heal
LIMIT=2s # the member that stopped never agrees
END
    run "$chaos/run" undeclared.bash
    assert_failure 1
    assert_line "not ok undeclared"
}

@test "an acknowledged command that nobody applied is found out" {
    printf '%s\n' begin 'echo "1 nobody-1 0 0" >>ada.answers' >forged.bash
    run "$chaos/run" forged.bash
    assert_failure 1
    assert_line --regexp '^acknowledged and lost: nobody-1 at 1, where (ada|bob|cy)-[0-9]+ is$'
}

@test "a scenario that is not there is named with those that are" {
    run -2 "$chaos/run" earthquake
    assert_output --partial 'all-paused'
}
