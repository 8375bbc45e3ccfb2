#!/usr/bin/env bats
# Starting and stopping a node: its first line, readiness, signals, and everything it can refuse to start with.
load lib
load cluster

# A receiver of datagrams at a unix socket, as a service manager has one; prints them, one a line.
notify_socket() {
    : >notified
    perl -MSocket -e '
        my $path = shift; $path =~ s/^@/\0/;
        my $s;
        socket($s, AF_UNIX, SOCK_DGRAM, 0) and bind($s, pack("S a*", AF_UNIX, $path)) or die $!;
        $| = 1; print "bound\n";
        while (defined recv($s, my $data, 4096, 0)) { $data =~ s/\n/ /g; print "$data\n"; }
    ' "$1" >notified 3>&- &
    echo $! >notify.pid
    expect_line notified bound
}

# expect_line FILE TEXT: until the file has a line that begins so
expect_line() {
    local follow
    exec {follow}< <(exec tail -n +1 -f "$1" 2>/dev/null 3>&-)
    local tail_pid=$!
    timeout "$LIMIT" grep -q -m 1 "^$2" <&"$follow"
    local status=$?
    kill "$tail_pid"
    exec {follow}<&-
    return "$status"
}

# cannot_start STATUS TEXT OPTION...: run ends with the status, says so, and prints no first line
cannot_start() {
    local expected_status=$1 text=$2
    shift 2
    run --separate-stderr timeout 10 mosaik-node run --network test --group-key-file "$(group_key)" "$@"
    assert_equal "$output" ""
    # shellcheck disable=SC2154 # run sets stderr
    assert_regex "$stderr" "$text"
    assert_equal "$status" "$expected_status"
}

@test "the first line says who and where the node is" {
    start_node ada
    assert_equal "$(head -n 1 ada.out | jq -r '[.event, .v, .control, .groups[0].alias] | @json')" \
        '["node_started",1,"ada.sock",""]'
    assert_equal "$(id_of ada)" "$(mosaik-keygen peer-id <ada.key)"
    assert_regex "$(address_of ada)" '^127\.0\.0\.1:[0-9]+$'
    assert_equal "$(head -n 1 ada.out | jq -r .network_id)" "$(mosaik-keygen network-id test)"
    assert_equal "$(head -n 1 ada.out | jq -r '.group_id, .groups[0].group_id' | uniq)" \
        "$(mosaik-keygen group-id --group-key-file "$(group_key)" --heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 6)"
    assert_equal "$(wc -l <ada.out)" 1
}

@test "with --events - standard output is the event stream, node_started first" {
    start_node ada --events -
    await ada is-leader
    assert_equal "$(head -n 1 ada.out | jq -r .event)" node_started
    assert_equal "$(jq -s 'map(.seq) == [range(1; length + 1)]' ada.out)" true
    assert_equal "$(jq -s '[.[] | select(.event == "election_won")] | length' ada.out)" 1
}

@test "the ready descriptor gets one line" {
    key_of ada
    mkfifo ready
    mosaik-node run -s ada.key --network test --group-key x --ready-fd 9 9>ready >ada.out 3>&- &
    echo $! >ada.pid
    assert_equal "$(cat ready)" ready
    assert_equal "$(jq -r .event ada.out)" node_started
}

@test "the service manager is told: ready, reloading, stopping" {
    notify_socket notify.sock
    NOTIFY_SOCKET=notify.sock start_node ada
    expect_line notified READY=1
    kill -HUP "$(pid_of ada)"
    expect_line notified 'RELOADING=1 MONOTONIC_USEC=[0-9]*'
    kill_node ada TERM
    expect_line notified STOPPING=1
}

@test "the service manager may listen in the abstract namespace" {
    notify_socket "@mosaik-test-$BATS_TEST_TMPDIR"
    NOTIFY_SOCKET=@mosaik-test-$BATS_TEST_TMPDIR start_node ada
    expect_line notified READY=1
}

@test "a service manager that is not there is no reason to stay away" {
    NOTIFY_SOCKET=nowhere.sock start_node ada
    await ada is-leader
    assert_regex "$(<ada.err)" "warning: NOTIFY_SOCKET: nowhere.sock: No such file"
}

@test "SIGTERM and SIGINT end a node with status 0, its control socket with it" {
    for signal in TERM INT; do
        start_node ada
        kill_node ada "$signal"
        assert [ ! -e ada.sock ]
        assert_equal "$(jq -r 'select(.event == "node_stopping").reason' ada.events)" "SIG$signal"
        rm ada.events
    done
}

# bob is bonded and then answers nothing any more, so that a departure cannot be acknowledged.
start_with_silent_peer() {
    start_group ada bob
    kill -STOP "$(pid_of bob)"
}

@test "a peer that does not answer holds up a departure for two seconds at most" {
    start_with_silent_peer
    kill_node ada TERM
}

@test "a second signal ends a node on the spot" {
    start_with_silent_peer
    kill -INT "$(pid_of ada)" # both may be there before it looks: the lower number comes first
    kill_node ada TERM && status=0 || status=$?
    assert_equal "$status" 143
}

@test "a reader of standard output who has stopped reading does not keep a node from ending" {
    key_of ada
    mkfifo unread
    exec {unread}<>unread # never read
    mosaik-node run -s ada.key --network test --group-key-file "$(group_key)" "${FAST[@]}" --control ada.sock --events - \
        >unread 2>ada.err 3>&- &
    echo $! >ada.pid
    read -r -u "$unread" _
    for _ in {1..60}; do # more than a pipe holds
        on ada join --group-key-file "$(group_key more)" "${FAST[@]}" --as more >/dev/null
        on ada leave more >/dev/null
    done
    kill_node ada TERM
}

@test "a node listens at both IP versions" {
    [[ -e /proc/net/if_inet6 ]] || skip "no IPv6 here"
    start_node ada --listen 127.0.0.1:0 --listen '[::1]:0'
    assert_equal "$(head -n 1 ada.out | jq '.addresses | length')" 2
    second=$(head -n 1 ada.out | jq -r '.addresses[1]')
    start_node bob --listen '[::1]:0' --bootstrap "$(id_of ada)@$second"
    await bob 'bonds>=1'
    await ada 'bonds>=1'
}

@test "a node that listens everywhere advertises addresses others can dial" {
    start_node ada --listen 0.0.0.0:0
    port=$(address_of ada)
    run on ada catalog --json
    assert_equal "$(jq -r '.own.addresses | length > 0' <<<"$output")" true
    refute_regex "$(jq -r '.own.addresses[]' <<<"$output")" '^0\.0\.0\.0'
    assert_regex "$(jq -r '.own.addresses[]' <<<"$output")" ":${port##*:}\$"
}

@test "--advertise replaces the address others are told" {
    start_node ada --advertise 192.0.2.7:4433 --advertise '[2001:db8::1]:4434'
    assert_equal "$(on ada catalog --json | jq -c .own.addresses)" '["192.0.2.7:4433","[2001:db8::1]:4434"]'
}

@test "a config file gives options, the command line wins" {
    key_of ada
    cat >node.json <<END
{"secret_file": "ada.key", "network": "test", "group_key": "x", "listen": ["127.0.0.1:0"], "control": "file.sock",
 "election_timeout": "600ms", "as": "from-file"}
END
    launch_node ada --config node.json --as from-line
    read -r _ <ada.ready
    assert_equal "$(status_of ada .alias)" from-line
    assert_equal "$(status_of ada .config.election_timeout_ms)" 600
}

# ---- refusals

@test "without a secret, a network or a group key a node does not start" {
    refuses 2 $'--secret-file FILE: missing: file with the node\'s secret, 64 hex digits\nsee "mosaik-node run --help"' \
        mosaik-node run --network test --group-key x
    key_of ada
    refuses 2 $'--network NAME: missing: the network\'s name or id\nsee "mosaik-node run --help"' \
        mosaik-node run -s ada.key --group-key x || true
    run -2 mosaik-node run -s ada.key --network test
    assert_regex "$output" "the group key"
}

@test "a bad secret file is refused" {
    cannot_start 3 'nowhere.key: No such file' -s nowhere.key
    echo 12345 >short.key
    cannot_start 2 'short.key' -s short.key
    : >empty.key
    cannot_start 2 'empty.key' -s empty.key
}

@test "a port that is taken is refused" {
    start_node ada
    key_of bob
    cannot_start 3 "listen on $(address_of ada): Address already in use" -s bob.key --listen "$(address_of ada)"
}

@test "two addresses of one IP version are refused" {
    key_of ada
    cannot_start 2 'at most one address of each IP version' -s ada.key --listen 127.0.0.1:0 --listen 127.0.0.1:0
}

@test "bad settings are refused with their name" {
    key_of ada
    cannot_start 2 '^mosaik-node: --heartbeat-jitter' -s ada.key --heartbeat-jitter 0ms
    cannot_start 2 '^mosaik-node: --election-timeout' -s ada.key --election-timeout 100ms
    cannot_start 2 '^mosaik-node: --listen' -s ada.key --listen nonsense
    cannot_start 2 '^mosaik-node: --bootstrap' -s ada.key --bootstrap 127.0.0.1:7001
    cannot_start 2 '^mosaik-node: --as' -s ada.key --as ''
}

@test "files that cannot be used are refused with their name" {
    key_of ada
    cannot_start 3 'ticket nowhere.jwt: No such file' -s ada.key --ticket nowhere.jwt
    cannot_start 3 'events: no/where: No such file' -s ada.key --events no/where
    cannot_start 3 'key log no/where: No such file' -s ada.key --keylog no/where
    cannot_start 3 'qlog directory nowhere: No such file' -s ada.key --qlog-dir nowhere
    cannot_start 3 'qlog directory ada.key: Not a directory' -s ada.key --qlog-dir ada.key
    printf 'two words' >words.jwt
    cannot_start 2 'ticket words.jwt: not a ticket: byte 3' -s ada.key --ticket words.jwt
    : >empty.jwt
    cannot_start 2 'ticket empty.jwt: no ticket in it' -s ada.key --ticket empty.jwt
}

@test "a control socket in use, or a file in its place, is refused; a stale one is replaced" {
    start_node ada
    key_of bob
    cannot_start 1 'control socket: ada.sock: another process listens there' -s bob.key --control ada.sock
    kill_node ada || true
    assert [ -S ada.sock ] # nobody cleaned up behind it
    run -3 on ada status
    assert_output "mosaik-node: control socket: ada.sock: nobody listens there any more"
    start_node ada
    await ada is-leader
    assert_equal "$(stat -c %a ada.sock)" 600

    echo precious >file.sock
    cannot_start 1 'file.sock: exists and is not a socket' -s bob.key --control file.sock
    assert_equal "$(<file.sock)" precious
    run -3 on file status
    assert_output "mosaik-node: control socket: file.sock: this is no socket"
    cannot_start 2 'has at most 107 bytes' -s bob.key --control "$(printf 'x%.0s' {1..200})"
}

@test "qlog and key log are written where wanted" {
    mkdir qlog
    start_node ada --qlog-dir qlog --keylog keys
    start_node bob --bootstrap "$(peer_of ada)"
    await bob 'bonds>=1'
    kill_node ada TERM
    assert_regex "$(cat keys)" 'CLIENT_TRAFFIC_SECRET_0'
    assert_equal "$(stat -c %a keys)" 600
    assert [ "$(find qlog -name '*.sqlog' -size +0 | wc -l)" -ge 1 ]
}
