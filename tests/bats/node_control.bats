#!/usr/bin/env bats
# Talking to a running node: every command, its JSON, its exit status; and what a node makes of nonsense.
load lib
load cluster

# ask NAME LINE...: raw lines to the control socket; prints the answers
ask() {
    perl -MSocket -e '
        my $path = shift;
        my $s;
        socket($s, AF_UNIX, SOCK_STREAM, 0) and connect($s, sockaddr_un($path)) or die $!;
        send($s, "$_\n", 0) for @ARGV;
        shutdown($s, 1);
        print while <$s>;
    ' "$1.sock" "${@:2}"
}

@test "status has the members that scripts rely on" {
    start_group ada bob
    leader_of ada bob
    run on ada status --json
    assert_equal "$(jq -r 'keys - (keys - ["peer_id", "network_id", "group_id", "alias", "role", "term", "leader", "online",
        "committed", "applied", "log", "bonds", "sync", "config"]) | length' <<<"$output")" 14
    assert_equal "$(jq -c '.log | keys' <<<"$output")" '["index","term"]'
    assert_equal "$(jq -r '.bonds[0] | [.peer, .address, .ticket_expires] | @json' <<<"$output")" \
        "[\"$(id_of bob)\",\"$(address_of bob)\",null]" || assert_equal "$(jq -r '.bonds[0].direction' <<<"$output")" accepted
    assert_equal "$(jq -r '.bonds[0] | (.rtt_us > 0) and (.since | endswith("Z"))' <<<"$output")" true
    assert_equal "$(jq .sync <<<"$output")" null
}

@test "status is readable" {
    start_group ada bob
    leader_of ada bob
    run on ada status
    assert_success
    assert_line --regexp "^peer      $(id_of ada)\$"
    assert_line --regexp '^role      (leader|follower) in term [0-9]+, online$'
    assert_line --regexp '^log       ends at term 0 index 0, committed 0, applied 0$'
    assert_line --regexp '^bonds     1$'
    assert_line --regexp "^$(id_of bob | cut -c 1-10) +127\.0\.0\.1:[0-9]+ +(dialled|accepted) +[0-9.]+ ms"
}

@test "bonds and catalog as tables and as JSON" {
    start_group ada bob
    run on ada bonds
    assert_line --index 0 --regexp '^PEER +ADDRESS +DIRECTION +RTT +AGE +TICKET EXPIRES$'
    assert_line --index 1 --regexp "^$(id_of bob | cut -c 1-10)"
    assert_equal "$(on ada bonds --json | jq -r '.bonds[].peer')" "$(id_of bob)"
    run on ada catalog
    assert_line --index 0 --regexp '^PEER +ADDRESSES +AGE +SOURCE +BONDED +GROUPS$'
    assert_line --index 1 --regexp "^$(id_of bob | cut -c 1-10) +$(address_of bob) .* yes +$(status_of ada .group_id | cut -c 1-10)\$"
    assert_equal "$(on ada catalog --json | jq -r '.peers[] | [.peer_id, .signature_valid] | @json')" "[\"$(id_of bob)\",true]"
}

@test "MOSAIK_CONTROL names the node, --control wins" {
    start_node ada
    start_node bob
    assert_equal "$(MOSAIK_CONTROL=ada.sock mosaik-node status --json | jq -r .peer_id)" "$(id_of ada)"
    assert_equal "$(MOSAIK_CONTROL=ada.sock mosaik-node status --json --control bob.sock | jq -r .peer_id)" "$(id_of bob)"
    run -2 mosaik-node status
    assert_output --partial '--control SOCKET: missing'
    run -3 mosaik-node status --control nowhere.sock
    assert_output 'mosaik-node: control socket: nowhere.sock: No such file or directory'
}

@test "wait answers when all conditions hold, and with 4 when they do not in time" {
    start_node ada
    await ada is-leader
    run -0 on ada wait --json leader online "leader=$(id_of ada)" 'committed>=0' 'bonds>=0' --timeout 1s
    assert_equal "$(jq -c '[.condition, .met]' <<<"$output")" \
        "[\"leader online leader=$(id_of ada) committed>=0 bonds>=0\",true]"
    run -4 on ada wait --json leader 'bonds>=1' --timeout 50ms
    assert_equal "$(jq -c '[.condition, .met, .waited_ms >= 50]' <<<"$output")" '["leader bonds>=1",false,true]'
    run -4 on ada wait is-follower --timeout 0ms
    assert_output 'mosaik-node: waited 0 ms in vain: is-follower'
}

@test "wait follows bonds" {
    start_node ada
    key_of bob
    bob=$(mosaik-keygen peer-id <bob.key)
    on ada wait "bonded=$bob" --timeout "$LIMIT" >waited 3>&- &
    waiting=$!
    start_node bob --bootstrap "$(peer_of ada)"
    wait $waiting
    assert_regex "$(<waited)" "^bonded=$bob: after [0-9]+ ms\$"
}

@test "wait refuses what is no condition" {
    start_node ada
    for condition in leadr 'bonds>=' 'bonds>=-1' 'committed>=x' 'bonded=12' 'leader='; do
        run -2 on ada wait "$condition"
        assert_output --regexp "condition \"$condition\""
    done
}

@test "watch tells events from now on, until the node ends" {
    start_node ada --as red
    await ada is-leader
    on ada watch >watched 3>&- &
    watching=$!
    start_node bob --bootstrap "$(peer_of ada)"
    await ada 'bonds>=1'
    kill_node ada TERM
    wait $watching
    assert_equal "$(jq -s '[.[] | select(.event == "bond_formed" and .alias == "red")] | length' watched)" 1
    assert_equal "$(jq -s 'map(.seq) | . == [range(.[0]; .[0] + length)]' watched)" true
    assert_equal "$(jq -s '[.[] | select(.event == "node_started")] | length' watched)" 0
}

@test "stop departs, and returns when the node has ended" {
    start_group ada bob
    leader_of ada bob
    run -0 on ada stop --json
    assert_equal "$(jq -c . <<<"$output")" '{"stopping":true}'
    wait "$(pid_of ada)"
    event=$(expect_event bob ".event == \"bond_closed\" and .peer == \"$(id_of ada)\"")
    assert_equal "$(jq .code <<<"$event")" 102
    run -3 on ada status
}

@test "tickets are added, shown to others, and removed" {
    start_group ada bob
    printf 'head.claims.signature\n' >ticket.jwt
    id=$(on ada ticket add ticket.jwt)
    assert_regex "$id" '^[0-9a-f]{64}$'
    expect_event bob ".event == \"peer_entry_update\" or .event == \"entry_updated\""
    assert_equal "$(on ada catalog --json | jq -r '.own.tickets[].id')" "$id"
    assert_equal "$(on ada ticket add ticket.jwt)" "$id"
    assert_equal "$(on ada catalog --json | jq '.own.tickets | length')" 1
    assert_equal "$(on ada ticket remove "$id")" "$id"
    assert_equal "$(on ada catalog --json | jq '.own.tickets | length')" 0
    run -1 on ada ticket remove "$id"
    run -2 on ada ticket add /dev/null
    assert_output 'mosaik-node: no ticket in it'
}

@test "SIGHUP reads ticket files again" {
    printf 'first.of.all' >ticket.jwt
    start_node ada --ticket ticket.jwt
    first=$(on ada catalog --json | jq -r '.own.tickets[].id')
    printf 'second.of.all' >ticket.jwt
    kill -HUP "$(pid_of ada)"
    second=$(on ada catalog --json | jq -r '.own.tickets[].id')
    assert_regex "$second" '^[0-9a-f]{64}$'
    assert [ "$first" != "$second" ]
    rm ticket.jwt
    kill -HUP "$(pid_of ada)"
    assert_equal "$(on ada catalog --json | jq -r '.own.tickets[].id')" "$second"
    assert_regex "$(<ada.err)" 'warning: ticket ticket.jwt: No such file'
}

# ---- nonsense

@test "requests that are none are answered with the reason" {
    start_node ada
    run ask ada 'garbage' '[]' '{}' '{"cmd":7}' '{"cmd":"dance"}' '{"cmd":"status","group":7}' '{"cmd":"wait"}' \
        '{"cmd":"wait","conditions":["online"],"timeout_ms":-1}' '{"cmd":"join","group":{}}' '{"cmd":"ticket_add"}' \
        '{"cmd":"ticket_remove","id":"zz"}' '{"cmd":"status","cmd":"stop"}'
    assert_success
    assert_equal "${#lines[@]}" 12
    assert_equal "$(jq -s 'all(.[]; .ok == false and (.error | length > 0) and (.code | length > 0))' <<<"$output")" true
    assert_equal "$(jq -r .code <<<"$output" | sort -u)" INVALID
    assert_equal "$(status_of ada .peer_id)" "$(id_of ada)"
}

@test "several requests on one connection are answered in order" {
    start_node ada
    run ask ada '{"cmd":"groups"}' '{"cmd":"catalog"}' '{"cmd":"status"}'
    assert_equal "$(jq -s -c 'map(.result | has("groups"), has("peers"), has("role"))' <<<"$output")" \
        '[true,false,false,false,true,false,false,false,true]'
}

@test "a request without end is refused, not stored" {
    start_node ada
    run perl -MSocket -e '
        $SIG{PIPE} = "IGNORE";
        my $s;
        socket($s, AF_UNIX, SOCK_STREAM, 0) and connect($s, sockaddr_un("ada.sock")) or die $!;
        for (1 .. 64) { last unless defined send($s, "x" x 65536, 0) }
        print while <$s>;
    '
    assert_output --partial '"the request is too long"'
    assert_equal "$(status_of ada .peer_id)" "$(id_of ada)"
}

@test "more connections than allowed are told so, and the others go on" {
    start_node ada
    run perl -MSocket -e '
        my @all;
        for (1 .. 140) {
            my $s;
            socket($s, AF_UNIX, SOCK_STREAM, 0) and connect($s, sockaddr_un("ada.sock")) or die $!;
            push @all, $s;
        }
        print scalar readline $all[-1];
        send($all[0], qq({"cmd":"groups"}\n), 0);
        print scalar readline $all[0];
    '
    assert_line --index 0 --partial '"too many connections to the control socket"'
    assert_line --index 1 --partial '"ok":true'
    assert_equal "$(status_of ada .peer_id)" "$(id_of ada)"
}

@test "a client that leaves while it waits is forgotten" {
    start_node ada
    for _ in 1 2 3; do
        on ada wait 'bonds>=9' --timeout 20s 3>&- &
        kill -9 $!
        wait $! || true
    done
    await ada is-leader
    on ada stop
    wait "$(pid_of ada)"
}

@test "nonsense in UDP datagrams disturbs nobody" {
    start_group ada bob
    port=$(address_of ada)
    port=${port##*:}
    for size in 0 1 21 1200 1472 9000; do
        noise "$size" >"/dev/udp/127.0.0.1/$port" || true
    done
    # Looks like a version 1 Initial, and like a version nobody knows.
    printf '\xc0\x00\x00\x00\x01\x08aaaaaaaa\x08bbbbbbbb%01180d' 0 >"/dev/udp/127.0.0.1/$port"
    printf '\xc0\x1a\x2a\x3a\x4a\x08aaaaaaaa\x08bbbbbbbb%01180d' 0 >"/dev/udp/127.0.0.1/$port"
    leader_of ada bob
    assert_equal "$(events ada '.event == "bond_closed"')" 0
}
