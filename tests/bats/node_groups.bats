#!/usr/bin/env bats
# Several groups in one node, joining and leaving, and groups that must never mix.
load lib
load cluster

@test "one node in three groups, each with its own members and leader" {
    start_node ada --as red
    for name in green blue; do
        on ada join --group-key-file "$(group_key $name)" --as $name "${FAST[@]}"
    done
    start_node bob --bootstrap "$(peer_of ada)" --group-key-file "$(group_key green)" "${FAST[@]}"
    start_node cy --bootstrap "$(peer_of ada)" --group-key-file "$(group_key blue)" "${FAST[@]}"
    await ada 'bonds>=1' leader --group green
    await ada 'bonds>=1' leader --group blue
    await ada is-leader --group red
    assert_equal "$(on ada bonds --json --group green | jq -r '.bonds[].peer')" "$(id_of bob)"
    assert_equal "$(on ada bonds --json --group blue | jq -r '.bonds[].peer')" "$(id_of cy)"
    assert_equal "$(on ada bonds --json --group red | jq '.bonds | length')" 0
    assert_equal "$(on bob catalog --json | jq -c "[.peers[] | select(.peer_id == \"$(id_of ada)\") | .groups | length]")" '[3]'
}

@test "groups from a config file are joined at the start" {
    key_of ada
    cat >node.json <<END
{"network": "test", "groups": [
    {"as": "one", "group_key": "first", "heartbeat_interval": "100ms", "heartbeat_jitter": "20ms", "election_timeout": "300ms",
     "bootstrap_delay": "200ms", "leadership": "observer"},
    {"as": "two", "group_key": "second", "max_missed_heartbeats": 7}]}
END
    start_node ada --config node.json
    assert_equal "$(head -n 1 ada.out | jq -c '[.groups[].alias]')" '["one","two"]'
    assert_equal "$(head -n 1 ada.out | jq -r .group_id)" "$(head -n 1 ada.out | jq -r '.groups[0].group_id')"
    assert_equal "$(status_of ada '.config | [.heartbeat_interval_ms, .leadership] | @json' --group one)" '[100,"observer"]'
    assert_equal "$(status_of ada '.config.max_missed_heartbeats' --group two)" 7
}

@test "mistakes in a config file's groups are named" {
    key_of ada
    local start=(mosaik-node run -s ada.key --network test --config node.json)
    echo '{"groups": [{"group_key": "a", "heartbeat_intervall": "1s"}]}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups"[0]: "heartbeat_intervall": no option of a group has this name'
    echo '{"groups": [{"group_key": "a"}, {"group_key": "b", "leadership": "eager"}]}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups"[1]: --leadership: "eager" is none of normal, reluctant, reluctant:N, observer'
    echo '{"groups": [{"as": "no key"}]}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups"[0]: the group key'
    echo '{"groups": [{"group_key": "a", "network": "other"}]}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups"[0]: "network": no option of a group has this name'
    echo '{"groups": [{"group_key": ["a", true]}]}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups"[0]: group-key: a text or a whole number is wanted'
    echo '{"groups": ["a"]}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups"[0]: an object is wanted'
    echo '{"groups": {"group_key": "a"}}' >node.json
    run -2 "${start[@]}"
    assert_output --partial '"groups": a list of less than 256 objects is wanted'
    echo '{"groups": [{"group_key": "a", "as": "x"}, {"group_key": "b", "as": "x"}]}' >node.json
    run -1 "${start[@]}"
    assert_output --partial 'group 2: another group has the alias "x"'
}

@test "joining again changes nothing and answers with the group" {
    start_node ada
    await ada is-leader
    run on ada join --json --group-key-file "$(group_key)" "${FAST[@]}" --as late
    assert_equal "$(jq -c '[.group_id, .joined]' <<<"$output")" "[\"$(status_of ada .group_id)\",false]"
    assert_equal "$(status_of ada '[.role, .alias] | @json')" '["leader",""]'
    assert_equal "$(events ada '.event == "group_joined"')" 1
}

@test "an alias names one group only" {
    start_node ada --as red
    run -1 on ada join --group-key other --as red
    assert_output --partial 'another group has the alias "red"'
    run -1 on ada status --group blue
    assert_output 'mosaik-node: no group "blue" here'
}

@test "with several groups one has to be named" {
    start_node ada --as red
    on ada join --group-key other --as blue "${FAST[@]}"
    run -2 on ada status
    assert_output --partial 'this node has 2 groups: name one'
    id=$(status_of ada .group_id --group blue)
    assert_equal "$(status_of ada .alias --group "$id")" blue
}

@test "who leaves is seen to leave, and may join again" {
    start_group ada bob
    leader_of ada bob
    on bob leave
    event=$(expect_event ada ".event == \"bond_closed\" and .peer == \"$(id_of bob)\"")
    assert_equal "$(jq .code <<<"$event")" 102
    run -1 on bob status
    assert_output 'mosaik-node: this node has no group'
    on bob join --group-key-file "$(group_key)" "${FAST[@]}"
    await bob 'bonds>=1' leader
    await ada 'bonds>=1'
    leader_of ada bob
}

@test "leaving one group leaves the others alone" {
    start_node ada --as red
    on ada join --group-key-file "$(group_key blue)" --as blue "${FAST[@]}"
    start_node bob --bootstrap "$(peer_of ada)" --as red
    on bob join --group-key-file "$(group_key blue)" --as blue "${FAST[@]}"
    for name in ada bob; do
        await $name 'bonds>=1' leader --group red
        await $name 'bonds>=1' leader --group blue
    done
    on ada leave red
    expect_event bob '.event == "bond_closed" and .alias == "red"'
    assert_equal "$(status_of bob '.bonds | length' --group red)" 0
    assert_equal "$(status_of bob '.bonds | length' --group blue)" 1
    assert_equal "$(events bob '.event == "bond_closed" and .alias == "blue"')" 0
}

@test "members with different group keys know each other and do not bond" {
    start_node ada
    start_node bob --bootstrap "$(peer_of ada)" --group-key-file "$(group_key other)" "${FAST[@]}"
    expect_event bob ".event == \"entry_added\" and .peer == \"$(id_of ada)\""
    await ada is-leader
    await bob is-leader
    assert_equal "$(status_of ada '.bonds | length')" 0
    assert_equal "$(status_of bob '.bonds | length')" 0
    assert_equal "$(on bob catalog --json | jq -r '.peers[].peer_id')" "$(id_of ada)"
}

@test "members of different networks do not even learn of each other" {
    start_node ada
    start_node bob --bootstrap "$(peer_of ada)" --network other
    await ada is-leader
    await bob is-leader
    assert_equal "$(on ada catalog --json | jq '.peers | length')" 0
    assert_equal "$(on bob catalog --json | jq '.peers | length')" 0
}

@test "members with different heartbeat settings are in different groups" {
    start_node ada
    start_node bob --bootstrap "$(peer_of ada)" --heartbeat-interval 110ms
    await ada is-leader
    await bob is-leader
    assert [ "$(status_of ada .group_id)" != "$(status_of bob .group_id)" ]
    assert_equal "$(status_of ada '.bonds | length')" 0
}
