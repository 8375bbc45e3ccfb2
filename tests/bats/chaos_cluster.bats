#!/usr/bin/env bats
# Groups of real nodes behind mosaik-chaos: what they make of a network that misbehaves.
load lib
load cluster
load chaos

@test "a group forms through the proxy, which counts its handshakes" {
    start_chaos
    start_group_behind ada bob cy
    leader_of ada bob cy
    assert [ "$(stat bob ada handshakes)" -ge 1 ]
    assert [ "$(stat bob ada connections)" -ge 1 ]
    assert_equal "$(status_of bob '[.bonds[].address] | sort | join(" ")')" \
        "$(printf '%s\n' "$(behind_of ada)" "$(behind_of cy)" | sort | paste -sd' ')"
    assert_equal "$(mosaik-chaos stats --json | jq '[.links[].dropped_by | .partition, .drop, .limit, .unsent] | add')" 0
}

@test "a leader cut off is replaced, and follows when the partition heals" {
    start_chaos
    start_group_behind ada bob cy
    leader=$(leader_of ada bob cy)
    mapfile -t rest < <(others "$leader" ada bob cy)
    mosaik-chaos partition "$leader" / "${rest[@]}"
    await "${rest[0]}" leader-changed
    leader_of "${rest[@]}"
    assert [ "$(stat "$leader" "${rest[0]}" dropped_by.partition)" -gt 0 ]
    assert_equal "$(stat "${rest[0]}" "${rest[1]}" dropped)" 0
    mosaik-chaos heal
    for name in ada bob cy; do
        await "$name" 'bonds>=2'
    done
    leader_of ada bob cy
}

@test "a link that is deaf in one direction ends the bond, and the bond comes back" {
    start_chaos
    start_group_behind ada bob
    mosaik-chaos set ada bob blackhole=true
    expect_event bob '.event == "bond_closed"'
    assert [ "$(stat ada bob dropped_by.blackhole)" -gt 0 ]
    assert_equal "$(stat bob ada dropped)" 0
    mosaik-chaos set ada bob none
    await ada 'bonds>=1'
    await bob 'bonds>=1' online
}

@test "a fifth of all datagrams may be lost: there is a leader all the same" {
    links='[{"from":"*","to":"*","drop":0.2,"delay":"2ms","jitter":"1ms"}]' start_chaos
    start_group_behind ada bob cy
    leader_of ada bob cy
    for pair in "ada bob" "bob cy" "cy ada"; do
        # shellcheck disable=SC2086 # two words
        assert [ "$(stat $pair dropped_by.drop)" -gt 0 ]
    done
}

@test "every datagram is accounted for" {
    links='[{"from":"*","to":"*","profile":"lossy"}]' start_chaos
    start_group_behind ada bob
    mosaik-chaos pause ada
    expect_event bob '.event == "bond_closed"'
    kill_node ada || true
    kill_node bob || true
    run mosaik-chaos stats --json
    assert_equal "$(jq '[.links[] | .received + .duplicated] | add' <<<"$output")" \
        "$(jq '([.links[] | .sent + .dropped] | add) + .under_way + .waiting' <<<"$output")"
    assert_equal "$(jq '[.links[].dropped] | add' <<<"$output")" "$(jq '[.links[].dropped_by[]] | add' <<<"$output")"
    assert [ "$(jq .waiting <<<"$output")" -gt 0 ]
}

@test "a paused node misses the group, and is back once it is resumed" {
    start_chaos
    start_group_behind ada bob cy
    leader=$(leader_of ada bob cy)
    mapfile -t rest < <(others "$leader" ada bob cy)
    mosaik-chaos pause "$leader"
    await "${rest[0]}" leader-changed
    assert [ "$(mosaik-chaos stats --json | jq .waiting)" -gt 0 ]
    mosaik-chaos resume "$leader"
    assert_equal "$(mosaik-chaos stats --json | jq .waiting)" 0
    await "$leader" 'bonds>=2'
    leader_of ada bob cy
}

@test "the first Initials are lost: a handshake takes longer, and succeeds" {
    links='[{"from":"bob","to":"ada","drop":1,"packets":"first:2"}]' start_chaos
    start_group_behind ada bob
    assert_equal "$(stat bob ada dropped_by.drop)" 2
}

@test "a bond survives that its client's port changes" {
    start_chaos
    start_group_behind ada bob
    dialler=$(jq -rs 'map(select(.event == "bond_formed" and .direction == "dialled")) | if length > 0 then "bob" else "ada" end' bob.events)
    other=$(others "$dialler" ada bob)
    mosaik-chaos set "$dialler" "$other" rebind=200ms
    for _ in 1 2 3; do
        count=$(stat "$dialler" "$other" rebound)
        timeout 10 bash -c "until grep -c '\"rebound\"' net.events | grep -qxv '$count'; do :; done"
    done
    mosaik-chaos set "$dialler" "$other" rebind=0s
    assert_equal "$(events "$dialler" '.event == "bond_closed"')" 0
    await "$dialler" 'bonds>=1'
}

@test "a node that comes back elsewhere is found again" {
    start_chaos
    start_group_behind ada bob cy
    kill_node cy || true
    start_behind cy --bootstrap "$(peer_behind ada)"
    await cy 'bonds>=2'
    leader_of ada bob cy
}

@test "a schedule partitions and heals at its times" {
    schedule='[{"at":"1500ms","partition":[["ada"],["bob"]]},{"at":"3s","heal":true}]' start_chaos
    start_group_behind ada bob
    expect_event net '.event == "partitioned"'
    expect_event bob '.event == "bond_closed"'
    expect_event net '.event == "healed"'
    await ada 'bonds>=1'
    await bob 'bonds>=1'
}

@test "a group forms over IPv6" {
    jq -n '{nodes: {ada: {listen: "[::1]:0"}, bob: {listen: "[::1]:0"}}}' >six.json
    launch_chaos --config six.json
    start_node ada --listen '[::1]:0' --advertise "$(behind_of ada)"
    mosaik-chaos node ada "$(address_of ada)"
    start_node bob --listen '[::1]:0' --advertise "$(behind_of bob)" --bootstrap "$(peer_behind ada)"
    mosaik-chaos node bob "$(address_of bob)"
    await ada 'bonds>=1'
    await bob 'bonds>=1'
}

@test "with a key log closes are known, and can be lost" {
    links='[{"from":"*","to":"*","drop":1,"packets":"close"}]' start_chaos --keylog keys.log --verdicts verdicts
    start_behind ada --keylog keys.log
    start_behind bob --keylog keys.log --bootstrap "$(peer_behind ada)"
    await bob 'bonds>=1'
    kill_node bob TERM || true
    expect_event ada '.event == "bond_closed"'
    assert [ "$(mosaik-chaos stats --json | jq '[.links[].closes] | add')" -ge 2 ]
    stop_chaos
    run jq -r 'select((.kind // "") | test("close")) | .fate' verdicts
    assert [ "${#lines[@]}" -ge 3 ] # some are repeated
    assert_equal "$(sort -u <<<"$output")" drop
}

@test "a capture opens in tshark, and the nodes' key log decrypts it" {
    command -v tshark >/dev/null || skip "no tshark here"
    start_chaos --capture net.pcapng
    start_behind ada --keylog keys.log
    start_behind bob --keylog keys.log --bootstrap "$(peer_behind ada)"
    await bob 'bonds>=1'
    kill_node bob TERM || true # it says why it goes
    expect_event ada '.event == "bond_closed"'
    stop_chaos
    run --separate-stderr tshark -r net.pcapng -o tls.keylog_file:keys.log -Y 'quic.cc.reason_phrase' -T fields -e frame.interface_name -e frame.comment
    assert_line --partial "pass"
    run --separate-stderr tshark -r net.pcapng -Y '_ws.malformed or ip.checksum_bad.expert or udp.checksum.bad'
    assert_output ""
}
