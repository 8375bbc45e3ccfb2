# What reference nodes lose, as a matter of observation: whether they lose it hangs on timing, so nothing is asserted but that it
# was tried. That ours keep it is asserted in tests/bats/chaos_weaknesses.bats. docs/weaknesses.md has the figures.

bats_require_minimum_version 1.5.0

weakness=$BATS_TEST_DIRNAME/../chaos/weakness

observe() { # WEAKNESS
    run "$weakness" "$1" rust
    [ "$status" -ne 77 ] || skip "${lines[-1]}"
    echo "$output"
    echo "# ${lines[-1]}" >&3
    [ "$status" -le 1 ]
}

@test "W-1: both sides of a partition acknowledge" { observe W-1; }
@test "W-2: a follower that was cut off erases what was acknowledged" { observe W-2; }
@test "W-9: a leader acknowledges what nobody else has" { observe W-9; }
