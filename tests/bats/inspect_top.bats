#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets output, status, stderr
# mosaik-inspect top: several running nodes at a glance.
load lib
load cluster

@test "a table of all nodes, printed once" {
    start_group ada bob cy
    leader=$(leader_of ada bob cy)
    run --separate-stderr mosaik-inspect top --once ada.sock bob.sock cy.sock
    assert_success
    assert_equal "${#lines[@]}" 4
    assert_line --index 0 --regexp '^NODE +GROUP +ROLE +STATE +TERM +LEADER +COMMITTED +LAG +BONDS +UNBONDED +TICKET +SYNC$'
    id=$(id_of "$leader")
    assert_line --regexp "^${id:0:10} +[0-9a-f]{10} +leader +online +[1-9][0-9]* +itself +0 +0 +2 +0 +- +-$"
    assert_equal "$(grep -c " follower  *online .* ${id:0:10} " <<<"$output")" 2
}

@test "unreachable sockets are shown as such" {
    start_node ada
    await ada is-leader online
    run --separate-stderr mosaik-inspect top --once ada.sock bob.sock
    assert_equal "$status" 3
    assert_equal "$stderr" "mosaik-inspect: 1 of 2 nodes could not be reached"
    assert_line --index 1 --partial leader
    assert_line --index 2 --partial 'bob.sock: control socket: '

    run --separate-stderr mosaik-inspect top --once --json ada.sock bob.sock
    assert_equal "$status" 3
    assert_equal "$(jq -c '[.nodes[] | [.socket, .reachable, .groups[].role]]' <<<"$output")" \
        '[["ada.sock",true,"leader"],["bob.sock",false]]'
}

@test "a node that hangs does not stop the view of the others" {
    start_node ada
    start_node bob --bootstrap "$(peer_of ada)"
    kill -STOP "$(pid_of bob)"
    run --separate-stderr mosaik-inspect top --once bob.sock ada.sock
    kill -CONT "$(pid_of bob)"
    assert_equal "$status" 3
    assert_line --partial "$(id_of ada | cut -c1-10)"
    assert_line "bob.sock: the node has not answered in time"
}

@test "a line for each group of a node" {
    start_node ada
    mosaik-keygen group-key --output other.secret
    on ada join --group-key-file other.secret --as other "${FAST[@]}"
    run --separate-stderr mosaik-inspect top --once ada.sock
    assert_success
    assert_equal "${#lines[@]}" 3
    assert_line --partial ' other '
}

@test "without a terminal the live view says what to do" {
    run --separate-stderr mosaik-inspect top ada.sock </dev/null
    complains 2 $'this is no terminal that can be drawn on\n--once prints a table' mosaik-inspect
    refuses 2 $'--json: only with --once\nmosaik-node watch streams events' mosaik-inspect top --json ada.sock
    refuses 2 '--interval: 100ms to 1h' mosaik-inspect top --interval 1ms ada.sock
}

@test "on a terminal it draws, and q leaves it as it was" {
    command -v script >/dev/null || skip "no script(1)"
    start_node ada
    await ada is-leader online
    local id keys
    id=$(id_of ada)
    mkfifo keys
    TERM=xterm script -qec "stty cols 120 rows 20; mosaik-inspect top --interval 100ms ada.sock; echo ended \$?" /dev/null \
        <keys >screen 2>&1 3>&- &
    echo $! >script.pid # teardown ends what is left
    exec {keys}>keys
    printf q >&"$keys" # is read when the first picture stands
    wait "$(<script.pid)"
    exec {keys}>&-
    run cat screen
    assert_output --partial "${id:0:10}"
    assert_output --partial $'\e[?1049l' # the alternate screen is left
    assert_output --partial 'ended 0'
}
