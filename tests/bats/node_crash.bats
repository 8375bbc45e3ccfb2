#!/usr/bin/env bats
# A group of members with data directories loses nothing: neither by kill -9 at any moment, nor by disks that fail. What its
# callers were told is linearizable, whatever happens to its members and the network.
load lib
load cluster

chaos=$BATS_TEST_DIRNAME/../chaos

@test "kill -9 of one, two or all at random moments, under load: everything acknowledged is there" {
    run "$chaos/kills" 6 1
    assert_success
    assert_output --regexp '^ok: seed 1, 6 rounds in .* 1 copies opened'
}

@test "without --members a loss would be told" {
    run "$chaos/kills" 3 1 --stock
    assert_success
    assert_output --regexp '^ok: seed 1, 3 rounds'
}

@test "histories that are right and wrong are told apart" {
    run "$chaos/linearizable" --self-test
    assert_success
    assert_output --partial ' 0 wrongly'
}

@test "reads and writes are linearizable under kills, pauses and partitions" {
    run "$chaos/linearizable" 6 1
    assert_success
    assert_output --regexp '^ok: seed 1, [0-9]+ writes, [0-9]+ reads'
}

# ---- disks that fail

# write_until NAME FILE PREFIX: one command after another, until NAME is gone or refuses; the index and text of what was
# acknowledged go to FILE.
write_until_gone() {
    local n=0 answer
    while n=$((n + 1)) && answer=$(on "$1" execute "\"$3-$n $filler\"" --json --timeout 5s 2>/dev/null 3>&-); do
        echo "$(jq .index <<<"$answer") $3-$n" >>"$2"
    done
}
filler=$(printf 'x%.0s' {1..4000})

# All that was acknowledged is at its place, at each of the members.
expect_acknowledged() { # FILE NAME...
    local name
    for name in "${@:2}"; do
        on "$name" query 0 --weak --json | jq -r '.result | to_entries[] | "\(.key + 1) \(.value | split(" ")[0])"' >"$name.lines"
        run -0 sort -u "$1" "$name.lines"
        assert_equal "${#lines[@]}" "$(wc -l <"$name.lines")"
    done
}

# A mount namespace with a file system of its own at ./small, in which nodes are started from now on.
small_file_system() { # SIZE
    mkdir small
    mkfifo mounted
    unshare --map-root-user --mount sh -c 'mount -t tmpfs -o size="$1" tmpfs small && echo yes >mounted && exec sleep 1d' \
        sh "$1" 3>&- 2>small.err &
    echo $! >ns.pid
    read -r -t 10 _ <>mounted || skip "no mount namespace here, so NOTHING is known about full disks: $(<small.err)"
    NODE_WITHIN=(nsenter --user --mount --preserve-credentials "--wdns=$PWD" --target "$(pid_of ns)")
}

@test "a member whose disk is full says so and ends; the group goes on, and has it back when there is room" {
    local options=(--machine lines --members 3) NODE_WITHIN within
    small_file_system 1m
    start_node ada --data-dir small/data "${options[@]}"
    within=("${NODE_WITHIN[@]}") NODE_WITHIN=()
    start_node bob --data-dir bob.data --bootstrap "$(peer_of ada)" "${options[@]}"
    start_node cy --data-dir cy.data --bootstrap "$(peer_of ada)" "${options[@]}"
    leader_of ada bob cy
    write_until_gone ada acknowledged ada
    wait "$(pid_of ada)" && status=0 || status=$?
    assert_equal "$status" 3
    assert_regex "$(<ada.err)" 'store: .*(disk is full|No space left)'

    leader=$(leader_of bob cy)
    echo "$(on "$leader" execute '"still here"' --json | jq .index) still" >>acknowledged
    "${within[@]}" mount -o remount,size=64m small
    NODE_WITHIN=("${within[@]}")
    start_node ada --data-dir small/data --bootstrap "$(peer_of bob)" "${options[@]}"
    index=$(on ada execute '"back"' --json --timeout "$LIMIT" | jq .index) ||
        { await ada online && index=$(on ada execute '"back"' --json | jq .index); }
    for name in ada bob cy; do
        await "$name" "committed>=$index"
    done
    expect_acknowledged acknowledged ada bob cy
}

@test "a member whose data directory was removed acknowledges nothing any more" {
    local options=(--machine lines --members 3)
    start_node ada --data-dir ada.data "${options[@]}"
    start_node bob --data-dir bob.data --bootstrap "$(peer_of ada)" "${options[@]}"
    start_node cy --data-dir cy.data --bootstrap "$(peer_of ada)" "${options[@]}"
    leader_of ada bob cy
    echo "$(on ada execute '"first"' --json | jq .index) first" >acknowledged
    rm -r ada.data
    write_until_gone ada acknowledged ada
    wait "$(pid_of ada)" && status=0 || status=$?
    assert_equal "$status" 3
    assert_regex "$(<ada.err)" 'store: the database was removed, or another one is in its place'
    leader=$(leader_of bob cy)
    index=$(on "$leader" execute '"still here"' --json | jq .index)
    await bob "committed>=$index"
    await cy "committed>=$index"
    expect_acknowledged acknowledged bob cy
}

@test "a read-only data directory is refused" {
    local NODE_WITHIN
    small_file_system 1m
    start_node ada --data-dir small/data
    kill_node ada TERM
    "${NODE_WITHIN[@]}" mount -o remount,ro small
    run --separate-stderr "${NODE_WITHIN[@]}" timeout 10 mosaik-node run -s ada.key --network test --group-key x --data-dir small/data
    # shellcheck disable=SC2154 # run sets stderr
    assert_regex "$stderr" 'data directory small/data: .*[Rr]ead-only'
    assert_equal "$status" 3
}
