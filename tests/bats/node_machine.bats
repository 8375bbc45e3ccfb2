#!/usr/bin/env bats
# --machine exec:COMMAND: programs as state machines, well-behaved and others.
# shellcheck disable=SC2154 # trio sets leader and followers
load lib
load cluster

VOTES=(--machine "exec:exec $root/docs/examples/votes.py" --machine-id votes)

# scripted TEXT: a machine that is this shell script, with `reply MEMBERS` at hand for the request in $line; sets SCRIPTED.
scripted() {
    cat >machine.sh <<SCRIPT
reply() { echo "{\"id\":\$(expr "\$line" : '{"id":\([0-9]*\)')\$1}"; }
$1
SCRIPT
    SCRIPTED=(--machine "exec:exec sh machine.sh" --machine-id scripted)
}

# What is right for a machine that counts commands but keeps no snapshots.
COUNTS='n=0; while read -r line; do case $line in
*\"restore\"*) n=0; reply ;;
*\"apply\"*) n=$((n + $(echo "$line" | grep -o "\"index\"" | wc -l))); reply ;;
*\"query\"*) reply ",\"result\":$n" ;;
*) reply ",\"state\":null" ;;
esac; done'

# has NAME INDEX RESULT: what its own program answers once everything up to there, or further, is applied.
has() {
    await "$1" "committed>=$2"
    settled "$@"
}

# settled NAME INDEX RESULT: the same, however long the program takes to be started again.
settled() {
    local try
    for ((try = 0; try < 50; try++)); do
        on "$1" query --weak --json >answer 2>/dev/null || continue # waits up to --query-timeout
        ! jq -e "(.result == $3) and (.position >= $2)" answer >/dev/null || return 0
    done
    fail "$1 has still $(<answer)"
}

# program_of NAME: the process of its machine, started last
program_of() {
    jq -rs '[.[] | select(.event == "program_started")][-1].pid' "$1.events"
}

# gone PID...: none of them is there any more, soon
gone() {
    local pid
    for pid in "$@"; do
        timeout "$LIMIT" tail -f /dev/null --pid "$pid" || fail "process $pid is still there"
    done
}

@test "exec: a program in Python counts votes" {
    start_node ada "${VOTES[@]}"
    await ada is-leader
    answers 'committed: index 1' on ada execute '{"vote":"tea"}'
    answers 'committed: 4 commands, index 2 to 5' on ada execute '{"vote":"tea"}' '{"vote":"coffee"}' '"nonsense"' '{"withdraw":"tea"}'
    answers '{"result":{"coffee":1,"tea":1},"position":5}' on ada query --json
    answers $'1\nread at index 5' on ada query '"tea"'
    refuses 1 'the machine does not answer this query' mosaik-node query 7 --control ada.sock
    assert_equal "$(status_of ada '[.config.machine, .committed, .applied] | @json')" "[\"${VOTES[1]}\",5,5]"
}

@test "exec: a program inherits nothing of the node's but its three pipes" {
    start_node ada --data-dir data "${VOTES[@]}"
    await ada is-leader
    run -0 on ada execute '{"vote":"tea"}' # it runs, and has read its own text
    run -0 ls -l "/proc/$(program_of ada)/fd"
    assert_output --regexp ' 2 -> '
    refute_output --partial "$PWD" # neither data nor sockets, nor what --ready-fd tells
}

@test "exec: a program in shell adds up numbers" {
    start_node ada --machine "exec:$root/docs/examples/total.sh" --machine-id total
    await ada is-leader
    printf '%s\n' 5 -2 '"no number"' 1.5 40 1e300 9007199254740993 | on ada execute - >/dev/null
    answers $'43\nread at index 7' on ada query
}

@test "exec: members agree, and one whose program is killed has it back without losing or repeating anything" {
    trio "${VOTES[@]}" --members 3
    run -0 on "${followers[0]}" execute '{"vote":"tea"}' '{"vote":"coffee"}' '{"vote":"tea"}'
    for name in ada bob cy; do
        has "$name" 3 '{"coffee":1,"tea":2}'
    done
    for name in ada bob cy; do
        kill -9 "$(program_of "$name")"
        expect_event "$name" '.event == "program_failed" and (.reason | startswith("it was killed by signal 9"))'
        expect_event "$name" '.event == "machine_lost" and .from == 0 and .to == 3'
    done
    run -0 on "${followers[1]}" execute '{"withdraw":"coffee"}'
    for name in ada bob cy; do
        has "$name" 4 '{"coffee":0,"tea":2}'
    done
    answers $'2\nread at index 4' on "${followers[0]}" query '"tea"'
}

@test "exec: killed members come back with their programs" {
    trio "${VOTES[@]}" --members 3
    run -0 on ada execute '{"vote":"tea"}' '{"vote":"tea"}'
    for name in ada bob cy; do
        has "$name" 2 '{"tea":2}'
        programs+=("$(program_of "$name")")
        kill_node "$name" || true
    done
    gone "${programs[@]}"
    trio "${VOTES[@]}" --members 3
    run -0 on "$leader" execute '{"vote":"coffee"}'
    for name in ada bob cy; do
        has "$name" 3 '{"coffee":1,"tea":2}'
    done
}

@test "exec: snapshots are kept, so that neither node nor program begins at the first entry again" {
    start_node ada --data-dir data --members 1 "${VOTES[@]}"
    await ada is-leader
    yes '{"vote":"tea"}' | head -n 10500 | on ada execute - >/dev/null
    run -0 on ada execute '{"vote":"coffee"}' # snapshots are taken when more is appended
    has ada 10501 '{"coffee":1,"tea":10500}'
    snapshot=$(status_of ada .snapshot)
    assert [ "$snapshot" -gt 10000 ]
    kill -9 "$(program_of ada)"
    expect_event ada ".event == \"machine_lost\" and .from == $snapshot and .to == 10501"
    has ada 10501 '{"coffee":1,"tea":10500}'

    kill_node ada || true
    start_node ada --data-dir data --members 1 "${VOTES[@]}"
    await ada is-leader
    assert_equal "$(status_of ada .snapshot)" "$snapshot"
    run -0 on ada execute '{"vote":"coffee"}'
    has ada 10502 '{"coffee":2,"tea":10500}'
}

@test "exec: without snapshots a program is told everything again" {
    scripted "$COUNTS"
    start_node ada "${SCRIPTED[@]}"
    await ada is-leader
    run -0 on ada execute 1 2 3
    has ada 3 3
    kill -9 "$(program_of ada)"
    has ada 3 3
}

# fails REASON SCRIPT OPTION...: such a program is found out and started again and again, while its node leads and
# commits; once it is right, everything is applied.
fails() {
    local reason=$1
    scripted "$2"
    start_node ada "${SCRIPTED[@]}" "${@:3}"
    await ada is-leader
    run -0 on ada feed 1 2 3
    await ada 'committed>=3'
    expect_event ada ".event == \"program_failed\" and (.reason | test(\"$reason\"))"
    expect_event ada ".event == \"program_failed\" and .retry_in_ms > 100"
    assert_equal "$(status_of ada '[.role, .committed, .applied] | @json')" '["leader",3,0]'
    scripted "$COUNTS"
    settled ada 3 3
}

@test "exec: garbage" {
    fails 'it wrote a line that is no JSON object' 'while read -r line; do echo "a number, perhaps 7"; done'
}

@test "exec: an answer to something else" {
    fails 'whose \"id\" is not that of the oldest request' 'while read -r line; do echo "{\"id\":0}"; done'
}

@test "exec: silence" {
    fails 'it did not answer within 200 ms' 'while read -r line; do :; done' --machine-timeout 200ms
}

@test "exec: a line without end" {
    fails 'it wrote a line of more than 16777216 bytes' 'cat /dev/zero | tr "\\0" x'
}

@test "exec: an end with status 1 at the start, with its last words" {
    fails 'it ended with status 1$' 'echo no database >&2; exit 1'
    expect_event ada '.event == "program_said" and .line == "no database"'
    assert_regex "$(<ada.err)" 'warning: the machine says: no database'
}

@test "exec: closed pipes" {
    fails 'it closed its standard input or output' 'exec >&-; cat >/dev/null'
}

@test "exec: it refuses committed commands" {
    fails 'it cannot apply committed commands' 'while read -r line; do case $line in
        *\"apply\"*) reply ",\"error\":\"disk full\"" ;; *) reply ;; esac; done'
}

@test "exec: a command that is not there" {
    start_node ada --machine exec:no-such-program --machine-id none
    expect_event ada '.event == "program_failed" and (.reason | test("it ended with status 127: its command was not found"))'
    await ada is-leader
}

@test "exec: heartbeats and elections do not wait for a slow program" {
    mkfifo gate
    scripted 'read -r line; reply; while read -r line; do read -r go <gate; reply ",\"result\":null"; done'
    trio "${SCRIPTED[@]}" --members 3
    run -0 on "$leader" feed 1
    for name in ada bob cy; do
        await "$name" 'committed>=1'
    done
    run -4 on "$leader" wait leader-changed --timeout 2s # far more than an election timeout
    assert_equal "$(status_of "$leader" '[.role, .committed, .applied] | @json')" '["leader",1,0]'
    run -1 on "$leader" execute 2 --timeout 100ms
    assert_output --partial unknown
}

@test "exec: a program goes with its node and with its group, and takes its own children along" {
    scripted 'tail -f /dev/null & echo $! >>grandchildren; read -r line; reply; while :; do wait; done'
    start_node ada
    on ada join --group-key other "${FAST[@]}" --as other "${SCRIPTED[@]}"
    expect_event ada '.event == "program_started" and .alias == "other"'
    await ada is-leader --group other
    assert_equal "$(status_of ada .config.machine --group other)" 'exec:exec sh machine.sh'
    first=$(program_of ada)
    on ada leave other
    gone "$first"
    on ada join --group-key other "${FAST[@]}" --as other "${SCRIPTED[@]}"
    expect_event ada ".event == \"program_started\" and .pid != $first"
    second=$(program_of ada)
    on ada stop
    wait "$(pid_of ada)"
    gone "$second"
    mapfile -t grandchildren <grandchildren
    gone "${grandchildren[@]}"
}

@test "exec: what is wrong on the command line" {
    refuses 2 '--machine: "exec:" is none of noop, counter, lines, kv, opaque, exec:COMMAND' \
        mosaik-node run -s "$(key_of ada)" --network test --group-key x --machine exec:
    refuses 2 $'--machine-id: missing: the machine exec has no signature of its own\ngive --machine-id and --sync-type, as the other members have them' \
        mosaik-node run -s "$(key_of ada)" --network test --group-key x --machine exec:true
}

@test "exec with a schema: JSON in the terms of its types, and bytes that are none of them are not for the program" {
    local schema=$root/docs/examples/orders.schema.json
    local order='{"id":"18446744073709551615","symbol":"ab","side":"Buy","legs":[{"venue":"x","quantities":[1,300]}],"tags":[],"note":null,"price":-2,"urgent":true,"blob":[1,255]}'
    start_node ada --machine "exec:exec $root/docs/examples/orders.py" --machine-id nested --schema "$schema"
    await ada is-leader
    answers 'committed: 2 commands, index 1 to 2' on ada execute "$order" "$order"
    answers 'committed: index 3' on ada execute --hex ffffffffffffffffffff
    answers $'{"Number":2}\nread at index 3' on ada query '"Count"'
    assert_equal "$(on ada query '{"At":1}' --json | jq -c .result.Order)" "$order"
    refuses 2 'command 1: Order: member "id" is missing' mosaik-node execute --control ada.sock '{}'
    # the wire has what the schema says
    assert_equal "$(on ada query --hex 00 --json | jq -r .result)" 0002
}
