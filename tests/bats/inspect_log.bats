#!/usr/bin/env bats
# What a data directory holds of a log: shown, checked, followed; damaged in every way that can be thought of.
# shellcheck disable=SC2154 # run sets stderr
load lib
load cluster

database=ada.data/mosaik.db

# counted N [SIGNAL]: a node with so many increments in its log, each in a row of its own, and ended.
counted() {
    start_node ada --data-dir ada.data --machine counter --as count
    await ada is-leader
    append_from 1 "$1"
    kill_node ada "${2:-TERM}" || true
}

append_from() { # FIRST LAST
    local i
    for ((i = $1; i <= $2; i++)); do
        on ada execute "{\"Increment\":$i}" --group count >/dev/null
    done
}

sql() { sqlite3 "$database" "$@"; } # behind the node's back

overwrite() { # OFFSET BYTES
    printf '%s' "$2" | dd of="$database" bs=1 seek="$1" conv=notrunc status=none
}

# damaged FILTER EXPECTED [TEXT]: the log is said to be damaged; what jq says about the answer, and a fault that is told.
damaged() {
    run -5 --separate-stderr mosaik-inspect log ada.data --json
    assert_regex "$stderr" '^mosaik-inspect: data directory ada.data: damaged, [0-9]+ faults; the first: '
    assert_equal "$(jq -c "$1" <<<"$output")" "$2"
    [[ -z ${3:-} ]] || assert_regex "$(jq -r '.damage[].text' <<<"$output")" "$3"
}

files_of() { (cd "$1" && sha256sum -- * && ls -la --time-style=full-iso | sed 1,3d); }

@test "a log: entries with terms, commands, and what is known to be committed" {
    counted 3
    run -0 --separate-stderr mosaik-inspect log ada.data
    assert_equal "$stderr" ''
    assert_line --index 0 --regexp '^group [0-9a-f]{10}… \(count\) of peer [0-9a-f]{10}…, machine counter$'
    assert_line --index 1 --regexp '^term [1-9]+, voted for [0-9a-f]{10}…$' # where the disk is slow it may stand again
    assert_line --index 2 'the log ends with entry 3, known to be committed up to 2'
    assert_line --index 3 '     INDEX   TERM  COMMITTED  COMMAND'
    assert_line --index 4 --regexp '^         1      [1-9]  yes        \{"Increment":1\}$'
    assert_line --index 6 --regexp '^         3      [1-9]  -          \{"Increment":3\}$'
    assert_line --index 7 'nothing is damaged'
    run -0 mosaik-inspect log ada.data --json
    assert_equal "$(jq -c '[.alias, .machine, .term == .entries[0].term, .last, .committed.index, .snapshot, .sound, .faults, .damage]' <<<"$output")" \
        '["count","counter",true,3,2,null,true,0,[]]'
    assert_equal "$(jq -c '.entries[1] | .term = 1' <<<"$output")" \
        '{"index":2,"term":1,"command":{"Increment":2},"committed":true}'
    assert_equal "$(jq -r .peer_id <<<"$output")" "$(id_of ada)"
}

@test "a range is shown, and all of the log is checked" {
    counted 4
    run -0 mosaik-inspect log ada.data --json --from 2 --to 3
    assert_equal "$(jq -c '[.entries[].index]' <<<"$output")" '[2,3]'
    run -0 mosaik-inspect log ada.data --json --from 9
    assert_equal "$(jq -c .entries <<<"$output")" '[]'
    refuses 2 '--to: 1 is below --from 2' mosaik-inspect log ada.data --from 2 --to 1
    sql 'DELETE FROM log WHERE first = 1'
    run -5 mosaik-inspect log ada.data --from 3
    assert_line 'damaged: entry 1 is missing'
}

@test "several groups: one is named; by its alias or its id" {
    start_node ada --data-dir ada.data --machine counter --as count
    on ada join --group-key two --as bytes --machine opaque --machine-id m --sync-type t "${FAST[@]}" >/dev/null
    await ada is-leader --group count
    await ada is-leader --group bytes
    append_from 1 1
    on ada execute --group bytes --hex c0ffee >/dev/null
    run -2 --separate-stderr mosaik-inspect log ada.data
    assert_regex "$stderr" 'ada.data: it has 2 groups: name one with --group: (bytes, count|count, bytes)$'
    assert_equal "$(mosaik-inspect log ada.data --group bytes --json | jq -c '.entries[0]')" \
        '{"index":1,"term":1,"hex":"c0ffee","committed":false}'
    local id
    id=$(status_of ada .group_id --group count)
    assert_equal "$(mosaik-inspect log ada.data --group "$id" --json | jq -c '.entries[0].command')" '{"Increment":1}'
    run -1 --separate-stderr mosaik-inspect log ada.data --group three
    assert_regex "$stderr" 'ada.data: no group "three" is in it; it has: '
}

@test "commands of another program are decoded by a schema" {
    start_node ada --data-dir ada.data --machine opaque --machine-id m --sync-type t
    await ada is-leader
    on ada execute --hex 0005 0107 >/dev/null
    echo '{"types":{"C":{"enum":[{"Up":"u32"},{"Down":"u32"}]}},"command":"C"}' >schema.json
    run -0 mosaik-inspect log ada.data --json --schema schema.json
    assert_equal "$(jq -c '[.entries[].command]' <<<"$output")" '[{"Up":5},{"Down":7}]'
    echo '{"command":"bool"}' >schema.json
    run -0 mosaik-inspect log ada.data --json --schema schema.json
    assert_equal "$(jq -c '[.entries[] | .command, .hex]' <<<"$output")" '[false,null,true,null]'
    echo '{"command":{"seq":"u64"}}' >schema.json # not what they are
    run -0 mosaik-inspect log ada.data --json --schema schema.json
    assert_equal "$(jq -c '[.entries[1] | .command, .hex]' <<<"$output")" '[[7],null]'
    echo '{"result":"u64"}' >schema.json
    refuses 2 '--schema: it has no "command"' mosaik-inspect log ada.data --schema schema.json
    run -3 mosaik-inspect log ada.data --schema nowhere.json
}

@test "what is no data directory" {
    mkdir empty foreign
    refuses 3 'data directory empty: no mosaik.db is there: it is no data directory, or no node has used it' \
        mosaik-inspect log empty
    refuses 3 'data directory nowhere: no mosaik.db is there: it is no data directory, or no node has used it' \
        mosaik-inspect log nowhere
    sqlite3 foreign/mosaik.db 'CREATE TABLE recipes (name)'
    refuses 2 'data directory foreign: its mosaik.db is the database of another program' mosaik-inspect log foreign
    head -c 8192 /dev/zero | tr '\0' x >foreign/mosaik.db
    refuses 5 'data directory foreign: file is not a database' mosaik-inspect log foreign
    : >foreign/mosaik.db
    refuses 5 'data directory foreign: foreign/mosaik.db is empty' mosaik-inspect log foreign
    run -2 mosaik-inspect log
}

@test "nothing in the directory changes, whether its node ended well or was killed" {
    local signal before
    for signal in TERM KILL; do
        counted 3 "$signal"
        rm -f ada.data/mosaik.db-shm # as a copy of a directory, too, may lack it
        before=$(files_of ada.data)
        run -0 mosaik-inspect log ada.data --json
        assert_equal "$(jq -c '[.last, .sound]' <<<"$output")" '[3,true]'
        assert_equal "$(files_of ada.data)" "$before"
        rm -r ada.data
    done
}

@test "a killed node's log is whole, and the node starts on it again" {
    counted 5 KILL
    [[ -s ada.data/mosaik.db-wal ]]
    run -0 mosaik-inspect log ada.data --json
    assert_equal "$(jq -c '[.last, .sound]' <<<"$output")" '[5,true]'
    start_node ada --data-dir ada.data --machine counter --as count --members 1
    await ada 'committed>=5'
}

@test "a directory that cannot be written" {
    local signal
    for signal in TERM KILL; do
        counted 2 "$signal"
        run -0 unshare --user --map-root-user --mount sh -c \
            'mount --bind ada.data ada.data && mount -o remount,ro,bind ada.data && mosaik-inspect log ada.data --json' 3>&-
        assert_equal "$(jq -c '[.last, .sound]' <<<"$output")" '[2,true]'
        rm -f ada.data/mosaik.db-shm
        run -0 unshare --user --map-root-user --mount sh -c \
            'mount --bind ada.data ada.data && mount -o remount,ro,bind ada.data && mosaik-inspect log ada.data --json' 3>&-
        assert_equal "$(jq -c '[.last, .sound]' <<<"$output")" '[2,true]'
        rm -r ada.data
    done
}

@test "beside a running node, which goes on" {
    start_node ada --data-dir ada.data --machine counter --as count
    await ada is-leader
    append_from 1 2
    assert_equal "$(mosaik-inspect log ada.data --json | jq -c '[.last, .sound]')" '[2,true]'
    append_from 3 4
    assert_equal "$(mosaik-inspect log ada.data --json | jq -c '[.last, .sound]')" '[4,true]'
    kill_node ada TERM
    [[ ! -e ada.data/mosaik.db-wal ]] # nobody stood in the way of its last clean-up
}

@test "damage: an altered byte in an entry" {
    counted 5
    sql "UPDATE log SET entries = x'0102002a' WHERE first = 3"
    damaged '[.faults, (.entries | length), .entries[2], .entries[3].sound]' \
        '[1,5,{"index":3,"term":1,"command":{"Increment":42},"committed":true,"sound":false},null]' \
        '^entries 3 to 3: bad checksum'
    run -5 mosaik-inspect log ada.data
    assert_line --regexp '^ +3 +1  yes +\{"Increment":42\}  \(perhaps altered\)$'
}

@test "damage: an entry is missing, in the middle or at the end" {
    counted 5
    sql 'DELETE FROM log WHERE first IN (2, 3, 5)'
    damaged '[[.entries[].index], [.damage[] | [.first, .last, .text]]]' \
        '[[1,4],[[2,3,"entries 2 to 3 are missing"],[5,5,"entry 5 is missing"]]]'
}

@test "damage: an entry too many, and one twice" {
    counted 3
    sql 'UPDATE log_state SET last = 2, checksum = (SELECT checksum FROM log_state)'
    damaged .last 0 'end of the log and committed position: bad checksum'
    assert_equal "$(jq -c '[.entries[].index]' <<<"$output")" '[1,2,3]'
}

@test "damage: term and vote" {
    counted 3
    sql 'UPDATE hard_state SET term = 7'
    damaged '[.term, (.entries | length)]' '[0,3]' '^term and vote: bad checksum'
    sql 'DELETE FROM hard_state'
    damaged .term 0 'there is a log, but neither term nor vote'
}

@test "damage: a file that lost its end" {
    counted 40
    truncate -s -4096 "$database"
    damaged '.faults > 0' true 'its end is missing'
    run -5 mosaik-inspect log ada.data
    assert_line --partial 'damaged: mosaik.db: its end is missing'
}

@test "damage: a page of the file is overwritten" {
    start_node ada --data-dir ada.data --machine lines --as lines
    await ada is-leader
    local i text
    text=$(printf 'x%.0s' {1..900})
    for i in {1..40}; do
        on ada execute "\"$i $text\"" >/dev/null
    done
    kill_node ada TERM
    local page
    page=$(sql "SELECT pageno FROM dbstat WHERE name = 'log' AND pagetype = 'leaf' ORDER BY path LIMIT 1 OFFSET 3" 2>/dev/null) ||
        page=12
    overwrite $(((page - 1) * 4096)) "$(printf 'y%.0s' {1..4096})"
    damaged '[(.entries | length) < 40, (.entries | length) > 20, .entries[0].index, .entries[-1].index]' '[true,true,1,40]' \
        'entries [0-9]+ to [0-9]+ are missing'
}

# follow OPTION...: in the background, to the file followed; --json
follow() {
    mosaik-inspect log "${data:-ada.data}" --follow --json "$@" >followed 2>followed.err 3>&- &
    echo $! >follow.pid
}

restart() { # NAME [KNOWN]: a member of three, on its directory
    start_node "$1" --data-dir "$1.data" --machine counter --members 3 ${2:+--bootstrap "$(peer_of "$2")"}
}

# expect_record FILTER: until --follow has printed one that the filter accepts, which is then printed
expect_record() {
    mkdir -p records
    ln -sf "$PWD/followed" records/follow.events
    (cd records && expect_event follow "$1")
}

@test "follow: what a node executes, and what becomes committed" {
    start_node ada --data-dir ada.data --machine counter --as count
    await ada is-leader
    append_from 1 2
    follow --from 2
    expect_record '.kind == "entry" and .index == 2'
    append_from 3 4
    assert_equal "$(expect_record '.kind == "entry" and .index == 4' | jq -c '[.v, .term, .command, .committed]')" \
        '[1,1,{"Increment":4},false]'
    expect_record '.kind == "committed" and .index == 3'
    kill_node follow INT
    assert_equal "$(tail -n 1 followed)" '{"entries":3,"sound":true,"faults":0,"v":1,"kind":"end"}'
    assert_equal "$(jq -s -c '[.[] | select(.kind == "entry") | .index]' followed)" '[2,3,4]'
    assert_equal "$(<followed.err)" ''
}

@test "follow: through a restart of the node, and to an end" {
    start_node ada --data-dir ada.data --machine counter --as count
    await ada is-leader
    append_from 1 1
    follow --to 3
    expect_record '.kind == "entry" and .index == 1'
    kill_node ada TERM
    start_node ada --data-dir ada.data --machine counter --as count
    await ada is-leader
    append_from 2 3
    wait "$(<follow.pid)"
    assert_equal "$(jq -s -c '[.[] | select(.kind == "entry") | .index]' followed)" '[1,2,3]'
}

@test "follow: entries that are taken back and replaced" {
    # The leader must still lead when both others are gone, on a slow machine, too.
    FAST=(--heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 30
        --election-timeout 2s --election-timeout-jitter 500ms --bootstrap-delay 200ms)
    local name leader rest
    for name in ada bob cy; do
        start_node "$name" --data-dir "$name.data" --machine counter --members 3 ${rest:+--bootstrap "$(peer_of ada)"}
        rest=others
    done
    leader=$(leader_of ada bob cy)
    mapfile -t rest < <(others "$leader" ada bob cy)
    on "$leader" execute '{"Increment":1}' >/dev/null
    for name in "${rest[@]}"; do
        await "$name" 'committed>=1'
        kill_node "$name" KILL || true
    done
    run -1 on "$leader" execute '{"Increment":2}' '{"Increment":3}' --timeout 1ms
    kill_node "$leader" KILL || true
    data=$leader.data follow
    expect_record '.kind == "entry" and .index == 3'
    restart "${rest[0]}"
    restart "${rest[1]}" "${rest[0]}"
    await "${rest[0]}" leader online
    on "${rest[0]}" execute '{"Increment":4}' >/dev/null
    restart "$leader" "${rest[0]}"
    expect_record '.kind == "truncated" and .index == 2 and (.text | endswith("taken back: they were not committed") or endswith("taken back: it was not committed"))'
    expect_record '.kind == "entry" and .command.Increment == 4'
    kill_node follow TERM
}
