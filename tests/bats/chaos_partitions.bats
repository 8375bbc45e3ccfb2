#!/usr/bin/env bats
# What a partition does to the log of a group of three, with and without --members (docs/safety.md).
load lib
load cluster
load chaos

# behind OPTION...: ada, bob and cy with these options, bonded; sets leader and followers. One command is committed.
behind() {
    local name
    start_chaos
    start_behind ada --machine lines "$@"
    for name in bob cy; do
        start_behind "$name" --machine lines --bootstrap "$(peer_behind ada)" "$@"
    done
    for name in ada bob cy; do
        await "$name" 'bonds>=2'
    done
    leader=$(leader_of ada bob cy)
    mapfile -t followers < <(others "$leader" ada bob cy)
    given first "$leader"
    for name in ada bob cy; do
        await "$name" 'committed>=1'
    done
}

given() { on "$2" execute "\"$1\"" --timeout "$LIMIT" >/dev/null; } # TEXT NAME: executed there, acknowledged

cut_off() { # NAME: until all its bonds are dead, at both ends; sets rest
    local name
    mapfile -t rest < <(others "$1" ada bob cy)
    mosaik-chaos partition "$1" / "${rest[@]}"
    for name in "${rest[@]}"; do
        expect_event "$name" ".event == \"bond_closed\" and .peer == \"$(id_of "$1")\"" >/dev/null
        expect_event "$1" ".event == \"bond_closed\" and .peer == \"$(id_of "$name")\"" >/dev/null
    done
}

have() { # LINES NAME...: what each has applied, once it is so much
    local name
    for name in "${@:2}"; do
        await "$name" "committed>=$(jq length <<<"$1")"
        assert_equal "$(on "$name" query 0 --weak --json | jq -c .result)" "$1"
    done
}

# The two that stay together go on, whoever was cut off.
go_on() { # NAME NAME
    leader_of "$@" >/dev/null
    given second "$1"
    given third "$2"
}

@test "members: a leader cut off acknowledges and answers nothing, and has what the others did when it is back" {
    behind --members 3
    cut_off "$leader"
    run -1 on "$leader" execute '"alone"' --timeout 1s
    run -1 on "$leader" query 0
    go_on "${followers[@]}"
    mosaik-chaos heal
    have '["first","second","third"]' ada bob cy
    leader_of ada bob cy
}

@test "members: a follower cut off does not stand, and has what the others did when it is back" {
    behind --members 3
    cut_off "${followers[0]}"
    stood=$(events "${followers[0]}" '.event == "election_started"')
    run -1 on "${followers[0]}" execute '"alone"' --timeout 1s
    go_on "$leader" "${followers[1]}"
    assert_equal "$(events "${followers[0]}" '.event == "election_started"')" "$stood"
    mosaik-chaos heal
    have '["first","second","third"]' ada bob cy
    leader_of ada bob cy
}

# fork NAME: it is cut off and goes on alone; so do the others. Then they meet again.
fork() {
    cut_off "$1"
    await "$1" is-leader
    given alone "$1"
    go_on "${rest[@]}"
    mosaik-chaos heal
}

# told NAME: the fork was reported by it, and by itself it changes nothing of what it has committed.
told() {
    expect_event "$1" '.event == "fork_suspected" and .ours.index > 0' >/dev/null
    expect_event "$1" '.event == "group_halted"' >/dev/null
    assert_equal "$(status_of "$1" .halted)" true
    assert_equal "$(on "$1" query 0 --weak --json | jq -c .result)" '["first","alone"]'
    run -1 on "$1" execute '"more"'
    have '["first","second","third"]' "${rest[@]}"
}

@test "no members: a leader that was cut off goes on alone; when they meet again it says so and stops" {
    behind
    fork "$leader"
    told "$leader"
}

@test "no members: so does a follower that elected itself" {
    behind
    fork "${followers[0]}"
    told "${followers[0]}"
}

@test "no members, --on-fork resync: what was done alone is given up, and that is told" {
    behind --on-fork resync
    fork "$leader"
    expect_event "$leader" '.event == "group_resynced"' >/dev/null
    have '["first","second","third"]' ada bob cy
}
