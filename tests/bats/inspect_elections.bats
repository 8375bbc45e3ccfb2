#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets output, status, stderr
# mosaik-inspect elections: what happened, from the event streams of several nodes.
load lib

data=$BATS_TEST_DIRNAME/data/elections

# say NODE MS EVENT [MEMBERS...]: append an event of group g to NODE.events; members as jq takes them: term:1,new:"a"
say() {
    jq -nc --arg node "$1" --argjson ms "$2" --arg event "$3" \
        "{v: 1, ts: (1700000000 + \$ms / 1000 | todate), mono_ms: \$ms, node: \$node, group: \"g\", event: \$event, ${4:-level:\"info\"}}" >>"$1.events"
}

# wins NODE MS TERM VOTER...: it stands, is granted these votes, leads
wins() {
    local node=$1 ms=$2 term=$3 voter granted=1
    say "$node" "$ms" election_started "term: $term, asked: []"
    for voter in "${@:4}"; do
        say "$voter" "$((ms + 1))" vote_cast "term: $term, candidate: \"$node\", answer: \"granted\", reason: \"equal logs\", row: 5"
        say "$node" "$((ms + 2))" vote_received "term: $term, peer: \"$voter\", answer: \"granted\""
        granted=$((granted + 1))
    done
    say "$node" "$((ms + 3))" election_won "term: $term, granted: $granted, denied: 0, abstained: 0, quorum: $granted"
}

# judge STATUS FILTER FILE...: how it ends, and what jq finds in its answer
judge() {
    run --separate-stderr mosaik-inspect elections --json "${@:3}"
    assert_equal "$stderr" ""
    assert_equal "$status" "$1"
    output=$(jq -rc "$2" <<<"$output")
    mapfile -t lines <<<"$output"
}

flag_names='[.groups[].flags[].flag] | join(" ")'

@test "a leader that is killed: who took over, why, how long there was none" {
    run --separate-stderr mosaik-inspect elections "$data"/killed/*.events
    assert_success
    assert_line --partial "f31a02ae43 leads, for 0.320 s; it was killed, or hangs: heard last at 0.919 s"
    assert_line --partial "b458491b3d grants cf28399988: equal logs (0,0)"
    assert_line --partial "0.591 s to the first leader, then 0.345 s of 1.044 s without one"
    assert_line "nothing that should not have happened"

    judge 0 '.groups[0] | [.leaderless_ms, (.terms[] | [.term, (.candidates[] | .outcome, (.votes | length)), .leaders[].end])] | @json' "$data"/killed/*.events
    assert_output '[345,[1,"won",1,"silent"],[2,"won",1,"departed"]]'
}

@test "a leader that stands still, and comes back with a term of its own" {
    judge 1 '[.groups[0].terms[].leaders[] | .end, .node[:4], .why] | join("|")' "$data"/stopped/*.events
    assert_output --partial 'silent|79bd|stood still or was cut off'
    assert_output --partial 'higher_term|5962|gave way to term 3, in which 79bd9e501b stood, which heard it no more, while others did'
    judge 1 "$flag_names" "$data"/stopped/*.events
    assert_output minority_leader
}

@test "two leaders in a term" {
    judge 1 '.groups[0].flags[] | [.flag, .term, .text] | @json' "$data"/twoleaders/*.events
    assert_output '["two_leaders",1,"19dff74a5b and f719a2c83e both led term 1"]'
}

@test "the answer does not depend on the order of files, nor on events given twice" {
    mosaik-inspect elections --json "$data"/killed/{ada,bob,cy}.events | jq -S '[.groups[].terms]' >one
    mosaik-inspect elections --json "$data"/killed/{cy,ada,bob,ada}.events | jq -S '[.groups[].terms]' >two
    cmp one two
    judge 0 .duplicates "$data"/killed/{cy,ada,bob,ada}.events
    assert [ "$output" -gt 0 ]
}

@test "clocks that differ are corrected as far as votes tell" {
    for ahead in 5000 -5000; do
        jq -c ".mono_ms += 9 | .ts = ((.ts | sub(\"\\\\.[0-9]+\"; \"\") | fromdate) + $ahead / 1000 | todate)" "$data/killed/bob.events" >bob.events
        judge 0 '[.groups[0].terms[].candidates[].at_ms]' "$data"/killed/{ada,cy}.events bob.events
        read -r first second < <(jq -r '@tsv' <<<"$output")
        assert [ "$((second - first))" -gt 600 ]
        assert [ "$((second - first))" -lt 800 ]
        run mosaik-inspect elections "$data"/killed/{ada,cy}.events bob.events
        assert_output --regexp 'note: bob.events: the clock of cf28399988 is [0-9]+ ms (ahead|behind), which is corrected'
    done
}

@test "a vote given twice" {
    wins a 1000 1 c
    wins b 1010 1 c
    judge 1 '.groups[0].flags[] | [.flag, .text] | @json' ./*.events
    assert_line '["two_leaders","a and b both led term 1"]'
    assert_line '["double_vote","c granted to a in term 1 and granted to b"]'
}

@test "a candidate that votes for another one in its own term" {
    say a 1000 election_started 'term: 4, asked: ["b"]'
    wins b 1010 4 a
    judge 1 "$flag_names" ./*.events
    assert_output double_vote
}

@test "abstentions for two candidates of a term" {
    for candidate in a b; do
        say "$candidate" 1000 election_started 'term: 2, asked: ["c"]'
        say c 1005 vote_cast "term: 2, candidate: \"$candidate\", answer: \"abstained\", reason: \"its log is ahead\", row: 3"
    done
    judge 1 "$flag_names" ./*.events
    assert_output double_abstention
}

@test "the same vote told by voter and candidate, and asked for twice, is one vote" {
    wins a 1000 1 b c
    say b 1020 vote_cast 'term: 1, candidate: "a", answer: "granted", reason: "again", row: 5'
    judge 0 '.groups[0] | [(.flags | length), (.terms[0].candidates[0].votes | length)] | @json' ./*.events
    assert_output '[0,2]'
}

@test "a leader without a majority of the declared members" {
    wins a 1000 1 b
    judge 0 "$flag_names" ./*.events
    judge 0 "$flag_names" --members 3 ./*.events
    judge 1 '.groups[0].flags[].text' --members 4 ./*.events
    assert_output 'a leads term 1 with the support of 2 of 4 declared members'
}

@test "members that the events declare" {
    say a 900 members_mode 'members: 5'
    wins a 1000 1 b
    judge 1 '[.groups[0].declared, .groups[0].flags[0].flag] | @json' ./*.events
    assert_output '[5,"minority_leader"]'
}

@test "a commit without a majority" {
    for peer in b c; do say a 900 bond_formed "peer: \"$peer\", bond: \"$peer\""; done
    wins a 1000 1 b c
    say a 1100 commit_advanced 'from: 0, to: 1, term: 1'
    judge 0 "$flag_names" ./*.events
    for peer in b c; do say a 1200 bond_closed "peer: \"$peer\", code: 30408, by: \"local\""; done
    say a 1300 commit_advanced 'from: 1, to: 2, term: 1'
    judge 1 '.groups[0].flags[].text' ./*.events
    assert_output 'a committed index 2 in term 1, which 1 of 3 known members can have had'
}

@test "acknowledgements tell who can have had a committed entry" {
    wins a 1000 1 b c
    say a 1010 append_acked 'peer: "b", index: 1, vote: "granted"'
    say a 1020 commit_advanced 'from: 0, to: 1, term: 1'
    judge 0 "$flag_names" --members 3 ./*.events
    say a 1030 commit_advanced 'from: 1, to: 2, term: 1'
    judge 1 "$flag_names" --members 3 ./*.events
    assert_output minority_commit
}

@test "digests that differ: the first one, and up to where they agreed" {
    local index
    wins a 1000 1 b c
    for index in 1 2 3 4; do
        for node in a b c; do
            say "$node" $((1100 + index)) state_digest "committed: $index, digest: \"$([[ $node$index == c[34] ]] && echo beef || echo cafe)$index\""
        done
    done
    judge 1 '.groups[0].flags[] | [.flag, .text] | @json' ./*.events
    assert_output --regexp '^\["committed_differs","entries 3 to 3: c committed others \(digest beef3\) than [ab] \(cafe3\)"\]$'
    rm c.events
    judge 0 "$flag_names" ./*.events
}

@test "a node that stops, or begins again, because of a fork: with both positions" {
    wins a 1000 1 b c
    say b 1100 fork_suspected 'peer: "a", text: "a leads without entries committed here: its log ends at (3,10), committed here (1,15)"'
    say b 1101 group_halted 'committed: {term: 1, index: 15}, text: "stopped at (1,15)"'
    say c 1102 group_resynced 'committed: {term: 1, index: 15}, text: "gives up everything up to (1,15)"'
    judge 1 '.groups[0].flags[] | select(.flag | startswith("group")) | [.flag, .text] | @json' ./*.events
    assert_line '["group_halted","b: stopped at (1,15); before: a leads without entries committed here: its log ends at (3,10), committed here (1,15)"]'
    assert_line '["group_resynced","c: gives up everything up to (1,15)"]'
}

@test "commands that are uncertain are noted, not flagged" {
    wins a 1000 1 b c
    say a 1100 command_uncertain 'request: 1, from: 3, to: 5, outcome: "lost"'
    say a 1101 command_uncertain 'request: 2, from: 0, to: 0, outcome: "unknown"'
    judge 0 '.notes[]' ./*.events
    assert_output 'a: commands of its callers: 3 lost to others at their places, of 1 it is not known whether they were executed'
}

@test "committed entries that differ, and that vanish" {
    wins a 1000 1 b c
    say b 1100 commit_advanced 'from: 0, to: 7, term: 1'
    say c 1100 commit_advanced 'from: 0, to: 7, term: 2'
    say c 1200 log_truncated 'from: 6, old_last: {term: 2, index: 7}, committed: {term: 2, index: 7}'
    say c 1300 commit_advanced 'from: 4, to: 5, term: 3'
    judge 1 '[.groups[0].flags[] | .flag + ": " + .text] | join("\n")' ./*.events
    assert_line 'committed_differs: index 7: b committed an entry of term 1, c one of term 2'
    assert_line 'committed_vanished: c cut its log from 6 on, and had committed 7'
    assert_line 'committed_vanished: c had committed 7, now only 5'
}

@test "why a leader is followed no longer" {
    wins a 1000 1 b c
    say a 1500 leader_stepped_down 'term: 1, reason: "heard 1 of 3"'
    wins b 2000 2 c
    say b 2500 node_stopping 'reason: "SIGTERM"'
    wins c 3000 3 a
    say c 3500 group_failed 'reason: "disk full"'
    wins a 4000 4 b
    say a 4500 append_received 'leader: "x", term: 3'
    judge 0 '[.groups[0].terms[].leaders[].end] | join(" ")' ./*.events
    assert_output 'stepped_down departed failed leads_on'
}

@test "streams of other programs: no node, no term, no wall clock" {
    cat >rust.events <<'END'
{"v":1,"seq":1,"mono_ms":5,"event":"node_started","peer_id":"rr"}
{"v":1,"seq":2,"mono_ms":50,"event":"bond_formed","peer":"a","bond":"b1","group_id":"g","alias":"main","leader":null,"is_leader":false}
{"v":1,"seq":3,"mono_ms":90,"event":"leader_changed","group_id":"g","alias":"main","leader":"a","is_leader":false}
{"v":1,"seq":4,"mono_ms":900,"event":"leader_changed","group_id":"g","alias":"main","leader":"rr","is_leader":true}
END
    judge 0 '[.groups[0].terms[] | [.term, (.leaders[] | .node, .told)]] | @json' rust.events
    assert_output '[[null,"a",false,"rr",true]]'

    say a 1000 bond_formed 'peer: "rr", bond: "b1"'
    say a 1030 election_started 'term: 1, asked: ["rr"]'
    say a 1035 vote_received 'term: 1, peer: "rr", answer: "granted"'
    say a 1036 election_won 'term: 1, granted: 2, denied: 0, abstained: 0, quorum: 2'
    say a 1800 node_stopping 'reason: "SIGTERM"'
    judge 0 '[.groups[0].terms[] | [.term, (.leaders[] | .node, .from_ms, .end)]] | @json' rust.events a.events
    assert_output '[[null,"rr",895,"leads_on"],[1,"a",81,"departed"]]'
}

@test "several groups in one stream are judged one by one" {
    wins a 1000 1 b
    sed 's/"group":"g"/"group":"h"/' a.events >other.events
    judge 0 '[.groups[].group] | join(" ")' ./*.events
    assert_output 'g h'
}

@test "gaps, unknown events and a cut last line are told, not fatal" {
    wins a 1000 1 b
    say a 2000 something_new 'seq: 7'
    say a 2100 bond_formed 'peer: "b", seq: 11'
    printf '{"v":1,"node":"a","gro' >>a.events
    run --separate-stderr mosaik-inspect elections a.events b.events
    assert_success
    assert_line 'note: a.events: 3 events of a are missing, the first before line 5'
    assert_line 'note: a.events: the last line, 6, is incomplete and left out'
}

@test "a bad line is named with its file and number" {
    bad() {
        { head -n 1 "$data/killed/ada.events"; echo "$1"; } >bad.events
        refuses 2 "bad.events: line 2: $2" mosaik-inspect elections bad.events
    }
    bad '[]' 'an object is wanted'
    bad '{}' 'no "event"'
    bad '{"event":"vote_cast","node":"a","mono_ms":1,"group":"g"}' 'vote_cast without a term'
    bad '{"event":"vote_cast","node":"a","mono_ms":1,"group":"g","term":1}' 'vote_cast without "candidate"'
    bad '{"event":"vote_cast","node":"a","mono_ms":1,"group":"g","term":1,"candidate":"b","answer":"perhaps"}' \
        "a vote's answer is granted, denied or abstained"
    bad '{"event":"leader_lost","node":"a","group":"g"}' 'neither ts nor mono_ms says when'
    bad '{"event":"leader_lost","node":"a","group":"g","ts":"yesterday"}' 'ts is no RFC 3339 time'
    bad '{"event":"leader_lost","node":"<b>","group":"g","mono_ms":1}' 'a peer id is wanted'
    printf 'nonsense\n' >bad.events
    run -2 mosaik-inspect elections bad.events
    assert_output --partial 'bad.events: line 1: no JSON'
    echo '{"event":"bond_formed","peer":"b","mono_ms":1,"group":"g"}' >bad.events
    refuses 2 'bad.events: line 1: no "node", and no node_started before it: whose event is this?' mosaik-inspect elections bad.events
    run -3 mosaik-inspect elections missing.events
    assert_output --partial 'missing.events: No such file or directory'
}

@test "nothing to tell" {
    : >empty.events
    run --separate-stderr mosaik-inspect elections empty.events
    assert_success
    assert_line 'no event of any group'
}

@test "the drawing is well-formed, with a lane for each node, each vote and each reign" {
    say a 900 bond_formed 'peer: "b"'
    wins a 1000 1 b c
    say b 1500 vote_cast 'term: 2, candidate: "c", answer: "denied", reason: "<&\"]]>\u0001"'
    say c 1400 election_started 'term: 2, asked: []'
    run --separate-stderr mosaik-inspect elections --svg out.svg ./*.events
    assert_success
    command -v python3 >/dev/null || skip "no XML parser"
    python3 - <<'END'
import xml.etree.ElementTree as tree
root = tree.parse("out.svg").getroot()
classes = [element.get("class", "") for element in root.iter()]
assert classes.count("name") == 3, classes
assert classes.count("reign") == 1
assert classes.count("vote granted") == 2 + 1 and classes.count("vote denied") == 1 + 1  # and the legend's
END
    run --separate-stderr mosaik-inspect elections --svg - "$data"/stopped/*.events
    assert_equal "$status" 1
    assert_line --index 0 '<?xml version="1.0" encoding="UTF-8"?>'
    run -3 mosaik-inspect elections --svg missing/out.svg ./*.events
    assert_output --partial 'missing/out.svg: No such file or directory'
}
