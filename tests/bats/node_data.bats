#!/usr/bin/env bats
# What survives a crash, and data directories that are not what they should be.
load lib
load cluster

database() { sqlite3 "$1/mosaik.db" "$2"; }

# cannot_start STATUS TEXT NAME OPTION...
cannot_start() {
    local expected_status=$1 text=$2 name=$3
    shift 3
    run --separate-stderr timeout 10 mosaik-node run -s "$(key_of "$name")" --network test --group-key-file "$(group_key)" "$@"
    assert_equal "$output" ""
    # shellcheck disable=SC2154 # run sets stderr
    assert_regex "$stderr" "$text"
    assert_equal "$status" "$expected_status"
}

@test "term and vote survive kill -9" {
    start_node ada --data-dir data --members 1
    await ada is-leader
    term=$(status_of ada .term) # 1, unless the disk took longer than an election
    kill_node ada || true

    start_node ada --data-dir data --members 1 --bootstrap-delay 1h
    assert_equal "$(status_of ada '[.term, .voted_for] | @json')" "[$term,\"$(id_of ada)\"]"
    kill_node ada || true

    start_node ada --data-dir data --members 1
    await ada is-leader
    assert [ "$(status_of ada .term)" -gt "$term" ]
}

@test "without a data directory a restarted node begins at term 0" {
    start_node ada
    await ada is-leader
    kill_node ada || true
    start_node ada --leadership observer
    assert_equal "$(status_of ada '[.term, .voted_for] | @json')" '[0,null]'
}

@test "a group restarts from its disks after all were killed, with a later term" {
    start_node ada --data-dir ada.data
    for name in bob cy; do
        start_node "$name" --data-dir "$name.data" --bootstrap "$(peer_of ada)"
    done
    await ada 'bonds>=2'
    leader=$(leader_of ada bob cy)
    term=$(status_of "$leader" .term)
    for name in ada bob cy; do
        kill_node "$name" || true
    done
    start_node ada --data-dir ada.data
    for name in bob cy; do
        start_node "$name" --data-dir "$name.data" --bootstrap "$(peer_of ada)"
    done
    leader=$(leader_of ada bob cy)
    assert [ "$(status_of "$leader" .term)" -gt "$term" ]
}

@test "each group has its own record" {
    start_node ada --data-dir data --as one
    on ada join --group-key two --as two "${FAST[@]}"
    await ada is-leader --group one
    await ada is-leader --group two
    kill_node ada || true
    assert_equal "$(database data 'SELECT count(*) FROM hard_state')" 2
}

@test "a group left and joined again remembers its vote" {
    start_node ada --data-dir data
    await ada is-leader
    term=$(status_of ada .term) # a slow disk may take it more than one
    on ada leave
    on ada join --group-key-file "$(group_key)" "${FAST[@]}" --leadership observer
    assert_equal "$(status_of ada '[.term, .voted_for] | @json')" "[$term,\"$(id_of ada)\"]"
}

@test "no vote leaves before it is on disk, and heartbeats do not wait for the disk" {
    start_node ada --data-dir data --members 2 --leadership observer
    coproc SQLITE { exec sqlite3 data/mosaik.db 3>&-; }
    echo 'BEGIN IMMEDIATE; SELECT "locked";' >&"${SQLITE[1]}"
    read -r -u "${SQLITE[0]}" locked
    assert_equal "$locked" locked

    start_node bob --members 2 --bootstrap "$(peer_of ada)"
    await bob 'bonds>=1'
    expect_event bob '.event == "election_started"'
    expect_event ada '.event == "vote_cast"'
    run -4 on bob wait leader --timeout 1s
    assert_equal "$(status_of bob '.bonds[0].missed')" 0

    echo 'ROLLBACK;' >&"${SQLITE[1]}"
    await bob is-leader
    input=${SQLITE[1]}
    exec {input}>&-
}

@test "two nodes on one directory: the second is refused, and the first goes on" {
    start_node ada --data-dir data
    cannot_start 1 "data directory data: process $(pid_of ada) has it open" ada --data-dir data
    await ada is-leader
}

@test "another node's or another network's directory is refused" {
    start_node ada --data-dir data
    kill_node ada TERM
    cannot_start 5 "data directory data: it belongs to peer $(id_of ada | cut -c 1-10)" bob --data-dir data
    cannot_start 5 'data directory data: it belongs to network' ada --data-dir data --network other
}

@test "a foreign, a newer, a torn and an altered database are refused" {
    mkdir foreign
    sqlite3 foreign/mosaik.db 'CREATE TABLE recipes (name)'
    cannot_start 5 'data directory foreign: it is the database of another program' ada --data-dir foreign

    start_node ada --data-dir data
    await ada is-leader
    kill_node ada TERM
    cp -r data newer
    database newer 'PRAGMA user_version = 9'
    cannot_start 5 'data directory newer: it has format 9' ada --data-dir newer

    cp -r data altered
    database altered 'UPDATE hard_state SET term = 7'
    cannot_start 5 'data directory altered: term and vote of group [0-9a-f]{10}.*: bad checksum' ada --data-dir altered

    cp -r data torn
    truncate -s 4000 torn/mosaik.db
    cannot_start 5 'data directory torn: ' ada --data-dir torn

    mkdir garbage
    head -c 20000 /dev/zero | tr '\0' x >garbage/mosaik.db
    cannot_start 5 'data directory garbage: file is not a database' ada --data-dir garbage
}

@test "a directory that cannot be written is refused" {
    : >file
    cannot_start 3 'data directory file: .*Not a directory' ada --data-dir file
    cannot_start 3 'data directory no/where: .*No such file' ada --data-dir no/where
}

@test "a node whose disk is full stops before it breaks its word" {
    key_of ada
    mkfifo ready
    (
        ulimit -f 48 # KiB: room for an empty store, not for the votes of many groups
        exec mosaik-node run -s ada.key --network test --group-key-file "$(group_key)" "${FAST[@]}" --data-dir data \
            --control ada.sock --ready-fd 9 >ada.out 2>ada.err 9>ready 3>&-
    ) &
    echo $! >ada.pid
    read -r _ <ready
    for name in {a..p}; do
        on ada join --group-key-file "$(group_key "$name")" "${FAST[@]}" || break
    done
    wait "$(pid_of ada)" && status=0 || status=$?
    assert_equal "$status" 3
    assert_regex "$(<ada.err)" 'mosaik-node: store: .*(disk is full|disk I/O error)'
}
