#!/usr/bin/env bats
# --metrics: figures for Prometheus, under the names that programs of the reference give them.
load lib
load cluster

# scrape NAME: the figures of a node; no tool needed but the shell
scrape() {
    local address stream
    address=$(head -n 1 "$1.out" | jq -r .metrics)
    exec {stream}<>"/dev/tcp/${address%:*}/${address##*:}"
    printf 'GET /metrics HTTP/1.1\r\nHost: %s\r\n\r\n' "$address" >&"$stream"
    timeout "$LIMIT" sed '1,/^\r$/d' <&"$stream"
    exec {stream}<&-
}

# figure FILE NAME: its one value
figure() {
    awk -v name="mosaik_$2" 'index($1, name "{") == 1 { print $2 }' "$1"
}

@test "a group of three in figures" {
    nodes=(ada bob cid)
    start_node ada --machine counter --metrics 127.0.0.1:0
    for name in bob cid; do
        start_node "$name" --machine counter --metrics 127.0.0.1:0 --bootstrap "$(peer_of ada)"
    done
    for name in "${nodes[@]}"; do await "$name" "bonds>=2"; done
    leader=$(leader_of "${nodes[@]}")
    on ada execute '{"Increment":1}' '{"Increment":1}' >/dev/null
    elections=0
    for name in "${nodes[@]}"; do
        await "$name" "committed>=2"
        scrape "$name" >"$name.metrics"
        assert_equal "$(figure "$name.metrics" groups_active)" 1
        assert_equal "$(figure "$name.metrics" groups_bonds_active)" 2
        assert_equal "$(figure "$name.metrics" groups_raft_committed)" 2
        assert_equal "$(figure "$name.metrics" discovery_catalog_size)" 2
        assert_equal "$(figure "$name.metrics" discovery_peers_discovered)" 2
        assert_equal "$(figure "$name.metrics" groups_raft_leader_changes)" "$(events "$name" '.event == "leader_changed"')"
        assert_equal "$(figure "$name.metrics" groups_raft_elections)" "$(events "$name" '.event == "election_started"')"
        elections=$((elections + $(figure "$name.metrics" groups_raft_elections)))
        for each in groups_bonds_messages_received groups_bonds_bytes_sent network_connections_opened network_ingress_bytes; do
            assert [ "$(figure "$name.metrics" "$each")" -ge 2 ]
        done
    done
    assert [ "$elections" -ge 1 ]
    assert_equal "$(figure "$leader.metrics" groups_raft_committee_size)" 3
    assert_equal "$(figure "$(others "$leader" "${nodes[@]}" | head -n 1).metrics" groups_raft_committee_size)" ""
}

@test "the format is that of Prometheus, and the manual lists every figure" {
    start_node ada --metrics 127.0.0.1:0
    scrape ada >metrics
    # Per figure one HELP, one TYPE, then its samples; nothing else.
    run awk '
        /^# HELP mosaik_[a-z_]+ ./ && NF > 3 && !($3 in seen) { seen[$3] = 1; name = $3; next }
        /^# TYPE mosaik_[a-z_]+ (counter|gauge)$/ && $3 == name && !typed[name]++ { next }
        $0 ~ "^" name "\\{network=\"[0-9a-f]+\"(,group=\"[0-9a-f]+\")?\\} [0-9]+$" && typed[name] && !($1 in seen) { seen[$1] = 1; samples++; next }
        { print "line " NR ": " $0 }
        END { print (samples > 15) }' metrics
    assert_output 1
    assert_equal "$(figure metrics groups_bonds_active)" 0
    assert_equal "$(grep -c "network=\"$(mosaik-keygen network-id test | cut -c 1-10)\"" metrics)" "$(grep -vc '^#' metrics)"
    for name in $(awk '/^# TYPE/ { print $3 }' metrics); do
        run grep -F "_${name//_/\\_}_" "$BATS_TEST_DIRNAME/../../docs/man/mosaik-formats.5.scd"
        assert_success
    done
}

@test "counters do not go back when a bond ends" {
    start_node ada --metrics 127.0.0.1:0
    start_node bob --bootstrap "$(peer_of ada)"
    await ada "bonds>=1"
    scrape ada >before
    kill_node bob TERM
    expect_event ada '.event == "bond_closed"' >/dev/null
    scrape ada >after
    assert_equal "$(figure after groups_bonds_active)" 0
    for name in groups_bonds_messages_received groups_bonds_messages_sent groups_bonds_bytes_received network_egress_bytes; do
        assert [ "$(figure after "$name")" -ge "$(figure before "$name")" ]
        assert [ "$(figure before "$name")" -gt 0 ]
    done
    expect_event ada '.event == "entry_removed"' >/dev/null
    assert_equal "$(scrape ada | figure /dev/stdin discovery_peers_departed)" 1
}

@test "an address that is taken is an error, and without the option nothing listens" {
    start_node ada --metrics 127.0.0.1:0
    address=$(head -n 1 ada.out | jq -r .metrics)
    refuses 3 "metrics: $address: address already in use" mosaik-node run --secret-file "$(key_of bob)" --network test \
        --group-key-file group.secret --metrics "$address"
    start_node cid
    assert_equal "$(head -n 1 cid.out | jq .metrics)" null
}
