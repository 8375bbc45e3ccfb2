#!/usr/bin/env bats
# Members compared by what they have committed: running ones, directories, and both.
# shellcheck disable=SC2154 # run sets stderr
load lib
load cluster

# equals N: three members with N increments committed by all.
equals() {
    trio --machine counter --as count --members 3
    increments "$1"
    for name in ada bob cy; do
        await "$name" "committed>=$1"
    done
}

increments() { # N
    local i
    for ((i = 1; i <= $1; i++)); do
        printf '{"Increment":%d}\n' "$i"
    done >commands
    on "$leader" execute - <commands >/dev/null
}

# alone NAME COMMAND...: a node with a directory of its own, in the group of all others that are made so, that executes the
# commands alone and ends: a history of its own.
alone() {
    start_node "$1" --data-dir "$1.data" --machine counter --as count --members 1
    await "$1" is-leader
    local command
    for command in "${@:2}"; do
        on "$1" execute "$command" >/dev/null
    done
}

one='{"Increment":1}'
two='{"Increment":2}'

@test "three running members that have the same" {
    equals 30
    run -0 --separate-stderr mosaik-inspect diff ada.sock bob.sock cy.sock
    assert_equal "$stderr" ''
    assert_line --index 0 --regexp '^ada.sock  committed up to 3[0-9]$'
    assert_line --regexp '^equal up to 3[0-9]$'
    run -0 mosaik-inspect diff --json ada.sock bob.sock cy.sock
    assert_equal "$(jq -c '[.equal, .equal_to >= 30, .differs_at, ([.members[] | select(.compared)] | length)]' <<<"$output")" \
        '[true,true,null,3]'
    run -0 mosaik-inspect elections ada.events bob.events cy.events # nor do the digests that they reported differ
    assert_equal "$(jq -s '[.[] | select(.event == "state_digest" and .committed == 16) | .digest] | unique | length' ./*.events)" 1
}

@test "a member that is behind is equal as far as it is" {
    equals 10
    local behind
    behind=$(others "$leader" ada bob cy | head -n 1)
    kill_node "$behind" KILL || true
    increments 5
    local other
    other=$(others "$leader" ada bob cy | tail -n 1)
    await "$other" 'committed>=15'
    run -0 mosaik-inspect diff --json ada.data bob.data cy.data
    run -0 mosaik-inspect diff --json "$leader.sock" "$behind.data" "$other.sock"
    assert_equal "$(jq -c '[.equal, (.members[1].behind > 0), .members[0].behind]' <<<"$output")" '[true,true,0]'
    run -0 mosaik-inspect diff "$leader.sock" "$behind.data"
    assert_line --regexp "^$behind.data  committed up to [0-9]+, [0-9]+ behind$"
}

@test "histories that differ: the first entry, with term and command on each side" {
    alone ada "$one" "$one" "$one" "$one" "$one"
    kill_node ada TERM || true
    alone bob "$one" "$one" "$two" "$one" "$one"
    run -1 --separate-stderr mosaik-inspect diff ada.data bob.sock
    assert_equal "$stderr" ''
    assert_line 'ada.data  committed up to 4, 1 behind; entry 3: term 1, {"Increment":1}'
    assert_line 'bob.sock  committed up to 5; entry 3: term 1, {"Increment":2}'
    assert_line 'they differ from entry 3 on'
    run -1 mosaik-inspect diff --json ada.data bob.sock
    run -1 mosaik-inspect elections --json ada.events bob.events
    assert_regex "$(jq -r '.groups[0].flags[].text' <<<"$output")" 'entries 3 to 3: .* committed others'
    run -1 mosaik-inspect diff --json ada.data bob.sock
    assert_equal "$(jq -c '[.equal, .equal_to, .differs_at, .members[].entry]' <<<"$output")" \
        '[false,2,3,{"index":3,"term":1,"command":{"Increment":1}},{"index":3,"term":1,"command":{"Increment":2}}]'
}

@test "the first difference among thousands of entries" {
    local name
    for name in ada bob; do
        start_node "$name" --data-dir "$name.data" --machine counter --members 1
        await "$name" is-leader
        { yes "$one" | head -n 2500; [[ $name == ada ]] && echo "$one" || echo "$two"; yes "$one" | head -n 2500; } >commands
        on "$name" execute - <commands >/dev/null
    done
    run -1 mosaik-inspect diff --json ada.sock bob.sock
    assert_equal "$(jq -c '[.differs_at, .members[1].entry.command]' <<<"$output")" '[2501,{"Increment":2}]'
    on ada execute "$one" >/dev/null # so that the directories know that much to be committed
    on bob execute "$one" >/dev/null
    run -1 mosaik-inspect diff --json ada.data bob.data
    assert_equal "$(jq -c '[.differs_at, .members[0].entry.command]' <<<"$output")" '[2501,{"Increment":1}]'
}

@test "a difference that has left memory: between two indices, exactly by the directories" {
    local name
    for name in ada bob; do
        start_node "$name" --data-dir "$name.data" --machine counter --members 1
        await "$name" is-leader
        { yes "$one" | head -n 1999; [[ $name == ada ]] && echo "$one" || echo "$two"; yes "$one" | head -n 70000; } >commands
        on "$name" execute - <commands >/dev/null
    done
    run -1 mosaik-inspect diff ada.sock bob.sock
    assert_line 'equal up to 1024, they differ at 2048: what is between has left memory, their data directories tell more'
    run -1 mosaik-inspect diff --json ada.sock bob.sock
    assert_equal "$(jq -c '[.equal_to, .differs_at, .differs_by, .members[].entry]' <<<"$output")" '[1024,null,2048,null,null]'
    run -1 mosaik-inspect diff --json ada.data bob.data
    assert_equal "$(jq -c '[.equal_to, .differs_at, .differs_by]' <<<"$output")" '[1999,2000,2000]'
}

@test "a damaged directory, a member that is not there, and too few of them" {
    alone ada "$one" "$one" "$one" "$one"
    kill_node ada TERM || true
    cp -r ada.data bob.data
    cp -r ada.data cy.data
    sqlite3 bob.data/mosaik.db "UPDATE log SET entries = x'01020007' WHERE first = 2"
    run -5 --separate-stderr mosaik-inspect diff ada.data bob.data cy.data --json
    assert_equal "$(jq -c '[.equal, [.members[] | [.committed, .damaged]]]' <<<"$output")" '[true,[[3,false],[1,true],[3,false]]]'
    assert_equal "$stderr" 'mosaik-inspect: bob.data: entries 2 to 2: bad checksum: one of them is not as it was written'
    run -3 --separate-stderr mosaik-inspect diff ada.data cy.data nowhere.sock
    assert_line 'equal up to 3'
    assert_line --partial 'nowhere.sock  not compared: '
    run -3 --separate-stderr mosaik-inspect diff ada.data cy.data ada.key
    assert_line "ada.key   not compared: neither a control socket nor a data directory"
    refuses 2 'MEMBER: 2 to 64 of them are wanted' mosaik-inspect diff ada.data
}

@test "members of different groups are not compared" {
    alone ada "$one"
    start_node bob --data-dir bob.data --machine counter --group-key other "${FAST[@]}"
    await bob is-leader
    refuses 2 'ada.sock and bob.sock are of different groups' mosaik-inspect diff ada.sock bob.sock
}

@test "a digest and entries over the control socket, within bounds" {
    alone ada "$one" "$two"
    mosaik_ask() {
        python3 - "$1" <<'PYTHON'
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.connect("ada.sock")
s.sendall(sys.argv[1].encode() + b"\n")
print(s.makefile().readline(), end="")
PYTHON
    }
    assert_equal "$(mosaik_ask '{"cmd":"digest","index":2}' | jq -c '[.result.committed, (.result.digest | length)]')" '[2,64]'
    assert_equal "$(mosaik_ask '{"cmd":"digest","index":3}' | jq -c .result.digest)" null
    assert_equal "$(mosaik_ask '{"cmd":"digest","index":-1}' | jq -c .code)" '"INVALID"'
    assert_equal "$(mosaik_ask '{"cmd":"entries","from":1,"to":99}' | jq -c '[.result.entries[] | [.index, .hex, .command]]')" \
        '[[1,"0001",{"Increment":1}],[2,"0002",{"Increment":2}]]'
    assert_equal "$(mosaik_ask '{"cmd":"entries","from":"x"}' | jq -c .code)" '"INVALID"'
    local i
    for ((i = 0; i < 400; i++)); do echo "$one"; done >commands
    on ada execute - <commands >/dev/null
    assert_equal "$(mosaik_ask '{"cmd":"entries","from":1,"to":9999}' | jq '.result.entries | length')" 256
}
