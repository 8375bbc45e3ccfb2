#!/usr/bin/env bats
# What the reference's rules lose and --members keeps (docs/weaknesses.md): three nodes behind a ruled switch.
load lib

keeps() { # WEAKNESS
    run "$BATS_TEST_DIRNAME/../chaos/weakness" "$1" c
    assert_success
    assert_line "$1, c: broken in 0 of 1 rounds"
}

@test "W-1: of two sides of a partition only the majority acknowledges" { keeps W-1; }
@test "W-2: a follower that was cut off does not erase what was acknowledged" { keeps W-2; }
@test "W-9: what a leader has acknowledged outlives it" { keeps W-9; }
