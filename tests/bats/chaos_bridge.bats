#!/usr/bin/env bats
# mosaik-chaos run --bridge: two nodes in network namespaces of their own, and the switch between them.
load lib
load cluster
load chaos

# The outer namespace holds the switch; each node has an inner one, kept by a process that does nothing.
keep_namespace() { # NAME COMMAND...: NAME.pid is the process that keeps it
    local name=$1
    shift
    rm -f "$name.ready" && mkfifo "$name.ready"
    "$@" sh -c 'echo >&9; exec 9>&-; exec sleep 300' >/dev/null 2>&1 9>"$name.ready" 3>&- &
    echo $! >"$name.pid"
    read -r _ <"$name.ready"
}

within() { # NAME COMMAND...: in its namespaces
    nsenter --user --net --preserve-credentials --target "$(pid_of "ns-$1")" "${@:2}"
}

lay_cables() {
    local name i=0
    keep_namespace ns-outer unshare --user --map-root-user --net
    for name in ada bob; do
        i=$((i + 1))
        keep_namespace "ns-$name" nsenter --user --net --preserve-credentials --target "$(pid_of ns-outer)" unshare --net
        within outer ip link add "to-$name" type veth peer name eth0
        within outer ip link set eth0 netns "$(pid_of "ns-$name")"
        within outer ip link set "to-$name" up
        within "$name" ip link set lo up
        within "$name" ip address add "10.9.0.$i/24" dev eth0
        within "$name" ip link set eth0 up
    done
}

@test "a switch takes CAP_NET_RAW, and says so" {
    run -1 unshare --user --map-user=1 mosaik-chaos run --bridge lo,eth0
    assert_output --partial "interface lo: packet sockets take the capability CAP_NET_RAW"
    assert_output --partial "setcap cap_net_raw+ep"
}

@test "ARP and TCP pass, UDP is ruled: a bond forms, ends, and forms again" {
    lay_cables
    # shellcheck disable=SC2034 # launch_chaos runs within it
    CHAOS_WITHIN=(nsenter --user --net --preserve-credentials --target "$(pid_of ns-outer)")
    launch_chaos --bridge to-ada,to-bob
    assert_equal "$(jq -r .mode <net.out)" bridge
    within bob python3 -c '
import socket
s = socket.create_server(("10.9.0.2", 5000)); open("listening", "w").close()
c = s.accept()[0]; c.sendall(b"x" * 100000); c.close()' 3>&- &
    timeout 10 bash -c 'until [ -e listening ]; do :; done'
    run within ada python3 -c '
import socket
c = socket.create_connection(("10.9.0.2", 5000)); n = 0
while b := c.recv(65536): n += len(b)
print(n)'
    assert_output 100000
    group_key >/dev/null
    for name in ada bob; do
        key_of "$name" >/dev/null
    done
    in_namespace ada --listen 10.9.0.1:0
    in_namespace bob --listen 10.9.0.2:0 --bootstrap "$(peer_of ada)"
    await ada 'bonds>=1'
    await bob 'bonds>=1'
    assert [ "$(stat to-bob to-ada handshakes)" -ge 1 ]
    mosaik-chaos set to-ada to-bob drop=1
    expect_event bob '.event == "bond_closed"'
    mosaik-chaos set to-ada to-bob profile=lossy # duplicates and turned bits among it: checksums are right nevertheless
    await bob 'bonds>=1'
    assert [ "$(stat to-ada to-bob dropped_by.unsent)" -eq 0 ]
    refuses 1 'node: a bridge knows interfaces, not addresses' mosaik-chaos node to-ada 10.9.0.1:1
}

# As start_node, in a namespace.
in_namespace() {
    local name=$1
    shift
    rm -f "$name.ready" && mkfifo "$name.ready"
    within "$name" mosaik-node run --secret-file "$name.key" --network test --group-key-file group.secret "${FAST[@]}" \
        --control "$name.sock" --events "$name.events" --ready-fd 9 "$@" >"$name.out" 2>"$name.err" 9>"$name.ready" 3>&- &
    echo $! >"$name.pid"
    read -r _ <"$name.ready" || fail "$name did not start: $(<"$name.err")"
}
