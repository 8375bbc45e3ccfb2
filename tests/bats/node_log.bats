#!/usr/bin/env bats
# Commands that become entries of the group's log, and queries of what they come to.
# shellcheck disable=SC2154 # trio sets leader and followers
load lib
load cluster

COUNTER=(--machine counter)
OPAQUE=(--machine opaque --machine-id ledger --sync-type ledger::Ledger)
MEMBERS=(--members 3)

# restart NAME [KNOWN]: a member of the trio started again on its directory.
restart() {
    start_node "$1" --data-dir "$1.data" ${2:+--bootstrap "$(peer_of "$2")"} "${COUNTER[@]}" "${MEMBERS[@]}"
}

# has NAME INDEX RESULT [QUERY]: what its own state answers once it has applied so much.
has() {
    await "$1" "committed>=$2"
    assert_equal "$(on "$1" query ${4:+"$4"} --weak --json | jq -c .result)" "$3"
}

# ones N: so many increments by one, a line each.
ones() { yes '{"Increment":1}' | head -n "$1"; }

@test "one node: a counter counts" {
    start_node ada "${COUNTER[@]}"
    await ada is-leader
    answers 'committed: index 1' on ada execute '{"Increment":7}'
    answers 'committed: 2 commands, index 2 to 3' on ada execute '{"Decrement":9}' '{"Increment":1}'
    answers $'-1\nread at index 3' on ada query
    answers $'-1\nread at index 3' on ada query null --weak
    answers '{"index":4,"first":4,"count":1,"outcome":"committed"}' on ada execute '{"Increment":1}' --json
    answers '{"result":0,"position":4}' on ada query --json
}

@test "one node: lines keeps texts in order" {
    start_node ada --machine lines
    await ada is-leader
    run -0 on ada execute '"one"' '"zwei ☃"' '"-"'
    answers $'["one","zwei ☃","-"]\nread at index 3' on ada query 0
    answers $'["-"]\nread at index 3' on ada query 2
}

@test "one node: kv sets, compares, deletes and scans" {
    start_node ada --machine kv
    await ada is-leader
    run -0 on ada execute '{"Set":["a/1","x"]}' '{"Set":["a/2","y"]}' '{"Cas":["a/1","x","z"]}' \
        '{"Cas":["a/2","not y","w"]}' '{"Set":["b","q"]}' '{"Delete":"b"}'
    assert_equal "$(on ada query '{"Get":"a/1"}' --json | jq -c .result)" '{"Value":"z"}'
    assert_equal "$(on ada query '{"Get":"b"}' --json | jq -c .result)" '{"Value":null}'
    assert_equal "$(on ada query '{"Scan":"a/"}' --json | jq -c .result)" '{"Pairs":{"a/1":"z","a/2":"y"}}'
}

@test "opaque keeps bytes, and answers no queries" {
    start_node ada "${OPAQUE[@]}"
    await ada is-leader
    answers 'committed: index 1' on ada execute --hex 00ff10
    answers 'committed: index 2' on ada execute '"c0ffee"'
    refuses 1 'the machine does not answer this query' mosaik-node query --control ada.sock
    refuses 1 'the machine does not answer this query' mosaik-node query --control ada.sock --weak
    answers 2 jq .applied <<<"$(on ada status --json)"
}

@test "opaque with a schema takes commands in its terms, also in groups of the configuration file and joined later" {
    local schema=$BATS_TEST_DIRNAME/../../docs/examples/orders.schema.json
    local order='{"id":1,"symbol":"ab","side":{"Sell":{"short":true}},"legs":[{"venue":"x","quantities":[1,300]}],"tags":[],"price":-2,"urgent":true,"blob":[1,255]}'
    jq -n --arg schema "$schema" '{groups: [{group_key: "two", as: "listed", machine: "opaque", machine_id: "l",
        sync_type: "l::L", schema: $schema, bootstrap_delay: "10ms", heartbeat_interval: "50ms", heartbeat_jitter: "20ms",
        election_timeout: "100ms", election_timeout_jitter: "50ms"}]}' >groups.json
    start_node ada --config groups.json --group-key one "${FAST[@]}" --as plain "${OPAQUE[@]}" --schema "$schema"
    on ada join --group-key three --as later "${FAST[@]}" "${OPAQUE[@]}" --schema - <"$schema"
    local group
    for group in plain listed later; do
        await ada is-leader --group "$group"
        answers 'committed: index 1' on ada execute "$order" --group "$group"
        refuses 2 'command 1: Order.side: has no case "Hold"' \
            mosaik-node execute --control ada.sock "$(jq -c '.side = "Hold"' <<<"$order")" --group "$group"
        refuses 2 'query: Query: expected {"case": ...} or "case"' mosaik-node query --control ada.sock --group "$group"
        refuses 1 'the machine does not answer this query' mosaik-node query --control ada.sock '"Count"' --group "$group"
        # bytes are still bytes
        answers 'committed: index 2' on ada execute --hex 00 --group "$group"
    done
}

@test "what is no schema is refused with its place" {
    local start=(mosaik-node run --secret-file "$(key_of ada)" --network test --group-key one)
    echo '{"command": {"struct": [{"a": "u8"}, {"b": "u9"}]}}' >no-type
    refuses 2 '--schema: no-type: command.struct[1].b: no type "u9"' "${start[@]}" "${OPAQUE[@]}" --schema no-type
    printf '{"command":\n  "u8",}' >no-json
    refuses 2 "--schema: no-json: line 2, column 8: string or '}' expected near '}'" \
        "${start[@]}" "${OPAQUE[@]}" --schema no-json
    echo '{"command": "u8"}' >good
    refuses 2 '--schema: the machine counter has types of its own' "${start[@]}" --machine counter --schema good
    refuses 3 '--schema: nowhere: No such file or directory' "${start[@]}" "${OPAQUE[@]}" --schema nowhere
}

@test "hex gives a machine the bytes of commands, queries and results" {
    start_node ada "${COUNTER[@]}"
    await ada is-leader
    run -0 on ada execute --hex 0005 # Increment(5)
    answers $'5\nread at index 1' on ada query
    answers $'"0a"\nread at index 1' on ada query --hex
}

@test "three nodes: leader and followers take commands, and answer queries" {
    trio "${COUNTER[@]}" "${MEMBERS[@]}"
    answers 'committed: index 1' on "$leader" execute '{"Increment":1}'
    answers 'committed: index 2' on "${followers[0]}" execute '{"Increment":2}'
    answers 'committed: index 3' on "${followers[1]}" execute '{"Increment":4}'
    for name in ada bob cy; do
        assert_equal "$(on "$name" query --json | jq -c '[.result, .position]')" '[7,3]'
        has "$name" 3 7
    done
}

@test "three nodes: lines and kv are the same everywhere" {
    start_group ada bob cy
    on ada join --group-key two --as notes --machine lines "${FAST[@]}"
    on ada join --group-key three --as pairs --machine kv "${FAST[@]}"
    local name group
    for name in bob cy; do
        on "$name" join --group-key two --as notes --machine lines "${FAST[@]}"
        on "$name" join --group-key three --as pairs --machine kv "${FAST[@]}"
    done
    for name in ada bob cy; do
        for group in notes pairs; do
            await "$name" 'bonds>=2' online --group "$group"
        done
    done
    for name in ada bob cy; do
        run -0 on "$name" execute "\"$name\"" --group notes
        run -0 on "$name" execute "{\"Set\":[\"$name\",\"here\"]}" --group pairs
    done
    for name in ada bob cy; do
        await "$name" 'committed>=3' --group notes
        await "$name" 'committed>=3' --group pairs
        answers $'["ada","bob","cy"]\nread at index 3' on "$name" query 0 --weak --group notes
        answers $'{"Pairs":{"ada":"here","bob":"here","cy":"here"}}\nread at index 3' \
            on "$name" query '{"Scan":""}' --weak --group pairs
    done
}

@test "feed answers with the places, and the commands are committed soon" {
    trio "${COUNTER[@]}" "${MEMBERS[@]}"
    answers 'assigned: index 1' on "$leader" feed '{"Increment":1}'
    answers '{"index":3,"first":2,"count":2,"outcome":"assigned"}' \
        on "${followers[0]}" feed '{"Increment":2}' '{"Increment":3}' --json
    for name in ada bob cy; do
        has "$name" 3 6
    done
}

@test "standard input: thousands of commands in batches, blank lines between them" {
    start_node ada "${COUNTER[@]}"
    await ada is-leader
    { ones 2500; echo; printf '{"Decrement":500}'; } >commands
    run -0 --separate-stderr on ada execute - <commands
    # shellcheck disable=SC2154 # run sets stderr
    assert_equal "$stderr" ''
    assert_equal "$output" 'committed: 2501 commands, index 1 to 2501'
    answers $'2000\nread at index 2501' on ada query
    : >nothing
    answers '' on ada execute - <nothing
}

@test "a slow writer's commands do not wait for a batch to be full" {
    start_node ada "${COUNTER[@]}"
    await ada is-leader
    mkfifo input
    mosaik-node execute - --control ada.sock <input >answer 3>&- &
    local execute=$! writer
    exec {writer}>input
    echo '{"Increment":3}' >&"$writer"
    has ada 1 3
    echo '{"Increment":4}' >&"$writer"
    has ada 2 7
    exec {writer}>&-
    wait "$execute"
    assert_equal "$(<answer)" 'committed: 2 commands, index 1 to 2'
}

@test "several groups of a node: each has its machine and its log" {
    start_node ada "${COUNTER[@]}" --as count
    on ada join --group-key two --as notes --machine lines "${FAST[@]}"
    await ada is-leader --group count
    await ada is-leader --group notes
    ones 1500 >commands
    answers 'committed: 1500 commands, index 1 to 1500' mosaik-node execute - -c ada.sock --group count <commands
    answers 'committed: index 1' on ada execute '"a note"' --group notes
    answers $'1500\nread at index 1500' on ada query --group count
    answers $'["a note"]\nread at index 1' on ada query 0 --group notes
    run -2 on ada execute '"a note"'
}

@test "what was committed before a batch that fails is told" {
    start_node ada "${COUNTER[@]}"
    await ada is-leader
    { ones 1000; echo '{"Increment":0.5}'; } >commands
    run -2 --separate-stderr on ada execute - <commands
    assert_equal "$output" ''
    assert_regex "$stderr" '^mosaik-node: after 1000 that were committed: standard input: line 1001: '
    answers $'1000\nread at index 1000' on ada query
}

@test "bad commands are refused by their place, and nothing of their batch is executed" {
    start_node ada "${COUNTER[@]}"
    await ada is-leader
    run --separate-stderr on ada execute '{"Increment":1}' '{"Increment":"two"}'
    assert_equal "$status" 2
    assert_regex "$stderr" '^mosaik-node: command 2: .*Increment.*'
    run --separate-stderr on ada execute '{"Multiply":1}'
    assert_equal "$status" 2
    assert_regex "$stderr" '^mosaik-node: command 1: .*Multiply'
    printf '%s\n' '{"Increment":1}' '' '{"Increment":-1}' >commands
    run --separate-stderr on ada execute - <commands
    assert_equal "$status" 2
    assert_regex "$stderr" '^mosaik-node: standard input: line 3: .*Increment'
    printf '%s\n' '{"Increment":1}' '{"Increment"' >commands
    run --separate-stderr on ada execute - <commands
    assert_equal "$status" 2
    assert_regex "$stderr" '^mosaik-node: standard input: line 2: column [0-9]+: not JSON: '
    refuses 2 'command 1: column 2: pairs of hex digits are wanted' mosaik-node execute -c ada.sock --hex 0g
    run --separate-stderr on ada query '{"Get":"a"}'
    assert_equal "$status" 2
    assert_regex "$stderr" '^mosaik-node: query: '
    refuses 2 '-: stands alone: other commands go to standard input, too' mosaik-node execute -c ada.sock - '{"Increment":1}'
    has ada 0 0
}

@test "without a leader commands and strong queries end with 1, weak ones are answered" {
    start_node ada "${COUNTER[@]}" --leadership observer
    run -1 --separate-stderr on ada execute '{"Increment":1}'
    assert_equal "$output" ''
    assert_regex "$stderr" '^mosaik-node: offline: no leader is known'
    run -1 --separate-stderr on ada execute '{"Increment":1}' --json
    assert_equal "$(jq -r .outcome <<<"$output")" offline
    run -1 --separate-stderr on ada feed '{"Increment":1}'
    assert_regex "$stderr" '^mosaik-node: offline: '
    run -1 --separate-stderr on ada query
    assert_regex "$stderr" '^mosaik-node: offline: '
    answers $'0\nread at index 0' on ada query --weak
}

@test "a late joiner catches up, and so does one that was away" {
    start_node ada "${COUNTER[@]}"
    start_node bob "${COUNTER[@]}" --data-dir bob.data --leadership observer --bootstrap "$(peer_of ada)"
    await ada is-leader 'bonds>=1'
    ones 3000 >commands
    run -0 on ada execute - <commands
    has bob 3000 3000
    kill_node bob || true
    run -0 on ada execute - <commands
    start_node cy "${COUNTER[@]}" --leadership observer --bootstrap "$(peer_of ada)"
    has cy 6000 6000
    start_node bob "${COUNTER[@]}" --data-dir bob.data --leadership observer --bootstrap "$(peer_of ada)"
    has bob 6000 6000
    assert_equal "$(status_of cy .log.index)" 6000
}

@test "every acknowledged command survives kill -9 of the leader under load" {
    trio "${COUNTER[@]}" "${MEMBERS[@]}"
    local writer=${followers[0]}
    load_writer "$writer" &
    local load=$!
    await "$writer" 'committed>=100'
    local old=$leader reached
    kill_node "$old" || true
    leader=$(leader_of "${followers[@]}")
    reached=$(status_of "$leader" .committed)
    await "$writer" "committed>=$((reached + 50))"
    touch enough
    wait "$load"
    run -0 on "$leader" query --json
    # Whatever was acknowledged counts; what ended as unknown may.
    assert [ "$(jq .result <<<"$output")" -ge "$(<acknowledged)" ]
    assert [ "$(jq .result <<<"$output")" -le "$(<attempted)" ]
    restart "$old" "$leader"
    await "$old" online
    run -0 on "$old" execute '{"Increment":1}'
    has "$old" "$(on "$leader" query --json | jq .position)" "$(on "$leader" query --json | jq .result)"
}

# load_writer NAME: one command after another, until the file `enough` is there. What was acknowledged and attempted is counted.
load_writer() {
    local acknowledged=0 attempted=0
    while [[ ! -e enough ]]; do
        attempted=$((attempted + 1))
        ! on "$1" execute '{"Increment":1}' --timeout 2s >/dev/null 2>&1 3>&- || acknowledged=$((acknowledged + 1))
    done
    echo "$acknowledged" >acknowledged
    echo "$attempted" >attempted
}

@test "all killed at once: a restart has every acknowledged command" {
    trio "${COUNTER[@]}" "${MEMBERS[@]}"
    ones 1500 >commands
    run -0 on "${followers[0]}" execute - <commands
    local name
    for name in ada bob cy; do
        kill -9 "$(pid_of "$name")"
    done
    for name in ada bob cy; do
        wait "$(pid_of "$name")" || true
    done
    restart ada
    restart bob ada
    restart cy ada
    leader=$(leader_of ada bob cy)
    run -0 on "$leader" execute '{"Increment":1}'
    for name in ada bob cy; do
        assert_equal "$(on "$name" query --json | jq .result)" 1501
        has "$name" 1501 1501
    done
}

# ---- outcomes that nobody wants. A leader stays one for two seconds without its followers, long enough to be given commands.

patient_trio() {
    FAST=("${FAST[@]/#300ms/2s}") # the election timeout
    trio "${COUNTER[@]}" "${MEMBERS[@]}"
    run -0 on "$leader" execute '{"Increment":1}'
    for name in ada bob cy; do
        await "$name" 'committed>=1'
    done
}

# eventually COMMAND...: until it succeeds
eventually() {
    local until=$((SECONDS + 20))
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < until)) || fail "in vain: $*"
    done
}

log_reaches() { # NAME INDEX: committed or not
    [[ $(status_of "$1" .log.index) -ge $2 ]]
}

signal_each() { # SIGNAL NAME...
    local name
    for name in "${@:2}"; do
        kill "-$1" "$(pid_of "$name")"
    done
}

# agree PATTERN: afterwards all say the same, whether what was uncertain was done or not.
agree() {
    eventually on ada execute '{"Increment":0}'
    eventually all_say_the_same
    assert_regex "$(on ada query --weak --json | jq .result)" "$1"
}

all_say_the_same() {
    local name
    for name in ada bob cy; do
        on "$name" query --weak --json
    done | jq -se 'length == 3 and (unique | length == 1)'
}

@test "unknown: the leader cannot reach its followers, and whoever waits is told so in time" {
    patient_trio
    signal_each STOP "${followers[@]}"
    run -1 --separate-stderr on "$leader" execute '{"Increment":10}' --timeout 500ms --json
    assert_equal "$(jq -c '[.outcome, .reason]' <<<"$output")" '["unknown","not committed in time"]'
    expect_event "$leader" '.event == "command_uncertain" and .outcome == "unknown" and .from == 2 and .to == 2' >/dev/null
    signal_each CONT "${followers[@]}"
    agree '^(1|11)$'
}

@test "unknown: the leader takes a forwarded command and says nothing" {
    patient_trio
    signal_each STOP "$leader"
    run -1 --separate-stderr on "${followers[0]}" execute '{"Increment":10}' --json
    assert_equal "$(jq -r .outcome <<<"$output")" unknown
    assert_regex "$(jq -r .reason <<<"$output")" '^(no answer in time|the leader is gone)$'
    signal_each CONT "$leader"
    agree '^(1|11)$'
}

@test "lost: others were committed in the place of what a cut off leader was given" {
    patient_trio
    local old=$leader waiting name
    for name in "${followers[@]}"; do
        kill_node "$name" || true
    done
    on "$old" execute '{"Increment":10}' --timeout 60s --json >answer 3>&- &
    waiting=$!
    eventually log_reaches "$old" 2
    signal_each STOP "$old"
    restart "${followers[0]}" "$old"
    restart "${followers[1]}" "${followers[0]}"
    leader=$(leader_of "${followers[@]}")
    run -0 on "$leader" execute '{"Increment":100}'
    signal_each CONT "$old"
    local status=0
    wait "$waiting" || status=$?
    assert_equal "$status" 1
    assert_equal "$(jq -c '[.outcome, .reason]' <answer)" '["lost","other commands were committed in its place"]'
    expect_event "$old" '.event == "command_uncertain" and .outcome == "lost"' >/dev/null
    agree '^101$'
}
