# lib.bash: what scenarios are made of: a group of three behind mosaik-chaos, writers that never rest, and the judgement.
# tests/chaos/run sources it, then the scenario, and judges. Nodes, proxy and waiting are those of the bats tests.
#
#   begin              ada, bob and cy run, and each of them is given one command after another; $leader leads, ${others[@]} do not
#   works NAME...      until each of them had ROUNDS commands acknowledged that were given after this moment
#   recovers NAME...   until each of them had one, within a bound of election timeouts
#   stuck NAME...      until each of them refused ROUNDS commands, of which none may be acknowledged
#   mark; loses_bond NAME...   until each of them lost a bond since the mark
#
# Before `begin` a scenario may set `links` (rules from the start), FAST (timers), and what is in capitals below.
#
# shellcheck shell=bash disable=SC2034,SC2154 # the tests' libraries and the scenarios share variables with this one

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/bats/cluster.bash
. "$tests/bats/cluster.bash"
# shellcheck source=tests/bats/chaos.bash
. "$tests/bats/chaos.bash"

MEMBERS=("${CHAOS_NODES[@]}")
DECLARED=(--members 3)
DURABLE=                # anything: members keep their logs on disk
ELECTION_TIMEOUT_MS=300 # that of FAST, without its jitter
BOUND=40                # election timeouts that recovery may take: usually it is one to five
ROUNDS=20               # commands of each member, where some are waited for
PATIENCE=1s             # of a writer, with one command
PACE_S=0.02             # of a writer, between two
: "${TIME_FACTOR:=1}"

recoveries=() writers=()
declare -A marks

fail() {
    echo "$*" >&2
    exit 1
}

now_ms() { echo $((${EPOCHREALTIME/./} / 1000)); }

# ---- the group

begin() {
    local name known=()
    start_chaos
    for name in "${MEMBERS[@]}"; do
        start_behind "$name" --machine lines "${DECLARED[@]}" ${DURABLE:+--data-dir "$name.state"} "${known[@]}"
        known=(--bootstrap "$(peer_behind ada)")
    done
    leader=$(leader_of "${MEMBERS[@]}")
    mapfile -t others < <(others "$leader" "${MEMBERS[@]}")
    : >load
    for name in "${MEMBERS[@]}"; do
        touch "$name.answers" "$name.refusal"
        keep_writing "$name" >>"$name.answers" 3>&- &
        writers+=($!)
    done
    works "${MEMBERS[@]}"
}

# ---- load: NAME.answers has a line "INDEX TEXT GIVEN_MS ANSWERED_MS" for each command; a dash for INDEX: not acknowledged

keep_writing() { # NAME
    local name=$1 n=0 given_ms answer index pace
    mkfifo "$name.pace"
    exec {pace}<>"$name.pace"
    while [[ -e load ]]; do
        n=$((n + 1))
        given_ms=$(now_ms)
        index=-
        if answer=$(on "$name" execute "\"$name-$n\"" --json --timeout "$PATIENCE" 2>"$name.refusal"); then
            answer=${answer#*'"index":'}
            index=${answer%%,*}
        fi
        echo "$index $name-$n $given_ms $(now_ms)"
        read -r -t "$PACE_S" -u "$pace" || : # nobody writes to it
    done
}

# answered NAME PATTERN SINCE_MS COUNT LIMIT_MS: until COUNT of the commands given since then have an INDEX like that; prints
# when the last one was answered.
answered() {
    local follow tail_pid index given_ms at_ms count=$4 end_ms=$(($(now_ms) + $5)) left_ms
    exec {follow}< <(exec tail -s 0.05 -n +1 -f "$1.answers" 3>&-)
    tail_pid=$!
    while left_ms=$((end_ms - $(now_ms))) && [[ $count -gt 0 && $left_ms -gt 0 ]]; do
        read -r -t "$((left_ms / 1000)).$(printf %03d $((left_ms % 1000)))" -u "$follow" index _ given_ms at_ms || break
        # shellcheck disable=SC2053 # a pattern
        [[ $index != $2 || $given_ms -lt $3 ]] || count=$((count - 1))
    done
    kill "$tail_pid"
    exec {follow}<&-
    [[ $count -eq 0 ]] && echo "$at_ms"
}

LONG_MS=$((${LIMIT%s} * 1000 * TIME_FACTOR))

works() {
    local since_ms name
    since_ms=$(now_ms)
    for name in "$@"; do
        answered "$name" '[0-9]*' "$since_ms" "$ROUNDS" "$LONG_MS" >/dev/null ||
            fail "$name did not acknowledge $ROUNDS commands; it said: $(cat "$name.refusal")"
    done
}

recovers() {
    local since_ms name at_ms last_ms=0
    since_ms=$(now_ms)
    for name in "$@"; do
        at_ms=$(answered "$name" '[0-9]*' "$since_ms" 1 $((BOUND * ELECTION_TIMEOUT_MS * TIME_FACTOR))) ||
            fail "$name acknowledged nothing for $BOUND election timeouts; it said: $(cat "$name.refusal")"
        [[ $at_ms -le $last_ms ]] || last_ms=$at_ms
    done
    recoveries+=("$(awk "BEGIN { printf \"%.1f\", ($last_ms - $since_ms) / $ELECTION_TIMEOUT_MS }")")
}

stuck() {
    local since_ms name
    for name in "$@"; do
        await "$name" offline || fail "$name still thinks it can do something"
    done
    since_ms=$(now_ms)
    for name in "$@"; do
        answered "$name" - "$since_ms" "$ROUNDS" "$LONG_MS" >/dev/null || fail "$name did not refuse $ROUNDS commands"
        ! answered "$name" '[0-9]*' "$since_ms" 1 10 >/dev/null || fail "$name acknowledged a command"
    done
}

mark() {
    local name
    for name in "${MEMBERS[@]}"; do
        marks[$name]=$(wc -l <"$name.events")
    done
}

loses_bond() {
    local name
    for name in "$@"; do
        expect_event "$name" ".event == \"bond_closed\" and .seq > ${marks[$name]}" >/dev/null ||
            fail "$name lost no bond"
    done
}

# ---- the judgement

# The writers stop, all members are of one mind; NAME.applied is what each has applied in the end, a text a line.
settle() {
    local name index
    rm load
    wait "${writers[@]}"
    for name in "${MEMBERS[@]}"; do
        await "$name" 'bonds>=2' || fail "$name is not bonded with both others in the end"
    done
    leader_of "${MEMBERS[@]}" >/dev/null
    index=$(on ada execute '"the end"' --json | jq .index) || fail 'the last command was refused'
    for name in "${MEMBERS[@]}"; do
        await "$name" "committed>=$index" || fail "$name never had $index entries committed"
        on "$name" query 0 --weak --json | jq -r '.result[]' >"$name.applied"
    done
}

judge() {
    local name flags
    settle
    for name in "${MEMBERS[@]}"; do
        cmp ada.applied "$name.applied" || fail "$name has applied something else than ada"
    done
    sort ada.applied | uniq -d >twice
    [[ ! -s twice ]] || fail "applied twice: $(head -n 3 twice)"
    awk 'FILENAME == "ada.applied" { applied[FNR] = $0; next }
        $1 != "-" && applied[$1] != $2 { print $2 " at " $1 ", where " applied[$1] " is" }' ada.applied ./*.answers >lost
    [[ ! -s lost ]] || fail "acknowledged and lost: $(head -n 3 lost)"
    mosaik-inspect elections --json "${MEMBERS[@]/%/.events}" >elections.json || [[ $? -eq 1 ]]
    flags=$(jq -r '.groups[].flags[] | "\(.flag): \(.text)"' elections.json)
    [[ -z $flags ]] || fail "$flags"
    jq -e '[.groups[].terms[].leaders | length] | max == 1' elections.json >/dev/null || fail 'a term with several leaders'
}

# Everybody ends when told to, and well.
depart() {
    local name
    for name in "${MEMBERS[@]}" net; do
        kill -TERM "$(pid_of "$name")"
    done
    for name in "${MEMBERS[@]}" net; do
        wait "$(pid_of "$name")" || fail "$name ended with status $?"
        rm "$name.pid"
    done
}

summary() {
    echo "$(cat ./*.answers | grep -vc '^-') acknowledged, $(cat ./*.answers | grep -c '^-') not," \
        "$(jq '[.groups[].terms[].leaders[]] | length' elections.json) leaders${recoveries:+, recovered after ${recoveries[*]} election timeouts}"
}
