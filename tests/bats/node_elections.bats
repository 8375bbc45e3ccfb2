#!/usr/bin/env bats
# Groups of real nodes on loopback: who leads, and what happens when that one is gone.
load lib
load cluster

@test "a node alone leads" {
    start_node ada
    await ada is-leader online
    assert_equal "$(status_of ada '[.role, .term, .leader, .online, (.bonds | length)] | @json')" \
        "[\"leader\",1,\"$(id_of ada)\",true,0]"
}

@test "three nodes agree on a leader" {
    start_group ada bob cy
    leader=$(leader_of ada bob cy)
    for name in $(others "$leader" ada bob cy); do
        assert_equal "$(status_of "$name" .role)" follower
    done
    assert_equal "$(status_of "$leader" .role)" leader
}

@test "five nodes agree on a leader, all bonded with all" {
    start_group ada bob cy dee eve
    leader_of ada bob cy dee eve
    for name in ada bob cy dee eve; do
        assert_equal "$(status_of "$name" '[.bonds[].peer] | unique | length')" 4
    done
}

@test "the group elects again when its leader is killed, and again" {
    start_group ada bob cy dee eve
    alive=(ada bob cy dee eve)
    for _ in 1 2; do
        leader=$(leader_of "${alive[@]}")
        term=$(status_of "$leader" .term)
        mapfile -t alive < <(others "$leader" "${alive[@]}")
        kill_node "$leader" || true
        next=$(leader_of "${alive[@]}")
        assert [ "$next" != "$leader" ]
        assert [ "$(status_of "$next" .term)" -gt "$term" ]
    done
}

@test "wait leader-changed ends with the next leader" {
    start_group ada bob cy
    leader=$(leader_of ada bob cy)
    mapfile -t rest < <(others "$leader" ada bob cy)
    on "${rest[0]}" wait leader-changed --timeout "$LIMIT" 3>&- &
    waiting=$!
    kill_node "$leader" || true
    wait $waiting
    assert [ "$(status_of "${rest[0]}" .leader)" != "$(id_of "$leader")" ]
}

@test "a killed leader comes back as a follower" {
    start_group ada bob cy
    leader=$(leader_of ada bob cy)
    mapfile -t rest < <(others "$leader" ada bob cy)
    kill_node "$leader" || true
    next=$(leader_of "${rest[@]}")
    start_node "$leader" --bootstrap "$(peer_of "$next")"
    await "$leader" 'bonds>=2' is-follower "leader=$(id_of "$next")"
}

@test "observers elect nobody" {
    start_group_of_observers ada bob
    run -4 on ada wait leader --timeout 1500ms
    assert_equal "$(status_of ada '[.role, .term] | @json')" '["follower",0]'

    start_node cy --bootstrap "$(peer_of ada)"
    await ada "leader=$(id_of cy)"
    await bob "leader=$(id_of cy)"
}

start_group_of_observers() {
    start_node "$1" --leadership observer
    start_node "$2" --leadership observer --bootstrap "$(peer_of "$1")"
    await "$1" 'bonds>=1'
    await "$2" 'bonds>=1'
}

@test "a reluctant node lets another lead" {
    start_node ada --leadership reluctant:5
    start_node bob --leadership reluctant:5 --bootstrap "$(peer_of ada)"
    start_node cy --bootstrap "$(peer_of ada)"
    await cy 'bonds>=2' is-leader
    assert_equal "$(leader_of ada bob cy)" cy
}

@test "a leader that departs is missed at once, not after a time-out" {
    start_group ada bob cy
    leader=$(leader_of ada bob cy)
    mapfile -t rest < <(others "$leader" ada bob cy)
    kill_node "$leader" TERM
    for name in "${rest[@]}"; do
        event=$(expect_event "$name" ".event == \"bond_closed\" and .peer == \"$(id_of "$leader")\"")
        assert_equal "$(jq .code <<<"$event")" 102
    done
    leader_of "${rest[@]}"
}

@test "members mode: a minority of the declared members elects nobody" {
    start_node ada --members 3
    run -4 on ada wait leader --timeout 1500ms
    expect_event ada '.event == "election_held_back"'
    assert_equal "$(status_of ada '[.role, .term] | @json')" '["follower",0]'
    assert [ "$(events ada '.event == "members_mode" and .members == 3')" -eq 1 ]

    start_node bob --members 3 --bootstrap "$(peer_of ada)"
    leader_of ada bob
}

@test "members mode: a leader that loses the majority steps down" {
    start_node ada --members 3
    for name in bob cy; do
        start_node "$name" --members 3 --bootstrap "$(peer_of ada)"
    done
    for name in ada bob cy; do
        await "$name" 'bonds>=2'
    done
    leader=$(leader_of ada bob cy)
    for name in $(others "$leader" ada bob cy); do
        kill_node "$name" || true
    done
    await "$leader" offline
    assert [ "$(status_of "$leader" .role)" != leader ]
    assert [ "$(events "$leader" '.event == "leader_stepped_down"')" -eq 1 ]
}
