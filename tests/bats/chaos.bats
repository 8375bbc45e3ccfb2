#!/usr/bin/env bats
# mosaik-chaos: its commands, what they refuse, and what becomes of plain datagrams.
load lib
load cluster
load chaos

@test "the first line tells the seed and each node's port of the proxy" {
    start_chaos
    run jq -c '[.v, .event, .mode, .seed, .control, (.nodes | keys), .nodes.ada.node]' <net.out
    assert_output '[1,"chaos_started","proxy","7","net.sock",["ada","bob","cy"],"127.0.1.1:0"]'
    assert_regex "$(behind_of bob)" '^127\.0\.0\.1:[1-9][0-9]*$'
    assert_equal "$(head -n 1 net.events)" "$(<net.out)"
    stop_chaos
    assert_equal "$(tail -n 1 net.events | jq -r .event)" chaos_stopped
    assert [ ! -e net.sock ]
}

@test "without --seed each run has another" {
    echo '{"nodes":{"a":{"listen":"127.0.0.1:0"},"b":{"listen":"127.0.0.1:0"}}}' >two.json
    for run in 1 2; do
        launch_chaos --config two.json
        jq -r .seed <net.out >"seed.$run"
        stop_chaos
    done
    assert [ "$(<seed.1)" != "$(<seed.2)" ]
}

@test "rules can be set, shown and taken away while it runs" {
    links='[{"from":"*","to":"cy","drop":0.25}]' start_chaos
    answers "" mosaik-chaos set ada bob delay=50ms jitter=10ms:normal
    answers "" mosaik-chaos set ada cy loss=0.01:0.2
    answers "from  to           rules
ada   bob          delay=50ms jitter=10ms:normal
ada   cy   parted  drop=0.25 loss=0.01:0.2
bob   ada          none
bob   cy   parted  drop=0.25
cy    ada  parted  none
cy    bob  parted  none" bash -c 'mosaik-chaos partition ada bob / cy && mosaik-chaos links'
    mosaik-chaos heal
    mosaik-chaos set '*' '*' none
    run jq -c '[.links[] | .words] | unique' <(mosaik-chaos links --json)
    assert_output '["none"]'
    run jq -rc '[.event, (.rules // .sides | tojson)] | @tsv' net.events
    assert_output - <<'END'
chaos_started	null
rules_changed	{"delay":"50ms","jitter":"10ms:normal"}
rules_changed	{"drop":0.25,"loss":"0.01:0.2"}
partitioned	[["ada","bob"],["cy"]]
healed	null
rules_changed	{}
END
}

@test "what is wrong with a configuration is said with its place, and nothing is started" {
    local hint=$'\nsee "mosaik-chaos run --help"' nodes='"nodes":{"a":{"listen":"127.0.0.1:0"},"b":{"listen":"127.0.0.1:0"}}'
    refuses 2 "no nodes: give --config FILE with \"nodes\", or --bridge IF,IF,..." mosaik-chaos run
    echo '{"nodes":{' >syntax.json
    refuses 2 "syntax.json: line 2, column 0: string or '}' expected near end of file$hint" mosaik-chaos run --config syntax.json
    echo "{$nodes,\"link\":[]}" >member.json
    refuses 2 $'member.json: "link": no such option\ndid you mean "links"?' mosaik-chaos run --config member.json
    echo "{$nodes,\"links\":[{\"from\":\"a\",\"to\":\"b\"},{\"from\":\"a\",\"to\":\"b\",\"drop\":2}]}" >rule.json
    refuses 2 "rule.json: links[1]: set: drop: \"2\" is no probability, which is a number from 0 to 1" mosaik-chaos run --config rule.json
    echo "{$nodes,\"schedule\":[{\"at\":\"1s\",\"partition\":[[\"a\"],[\"x\"]]}]}" >schedule.json
    refuses 2 "schedule.json: schedule[0]: partition: [1][0]: there is no node \"x\": known are a, b" mosaik-chaos run --config schedule.json
    echo '{"nodes":{"a":{"listen":"192.0.2.1:0"},"b":{"listen":"127.0.0.1:0"}}}' >elsewhere.json
    refuses 3 'node "a": listen on 192.0.2.1:0: Cannot assign requested address' mosaik-chaos run --config elsewhere.json
    echo "{$nodes}" >good.json
    refuses 3 "nowhere/events: No such file or directory" mosaik-chaos run --config good.json --events nowhere/events
    refuses 3 "nowhere/verdicts: No such file or directory" mosaik-chaos run --config good.json --verdicts nowhere/verdicts
    echo nonsense >replay
    refuses 2 "replay: line 1: column 8: '[' or '{' expected near 'nonsense'" mosaik-chaos run --config good.json --replay replay
    refuses 2 "--bridge: at least two interfaces are wanted" mosaik-chaos run --bridge lo
}

@test "what is wrong with a change is said, and nothing is changed" {
    start_chaos
    refuses 2 "drop: \"much\" is no probability, which is a number from 0 to 1" mosaik-chaos set ada bob delay=1s drop=much
    refuses 1 'set: to: there is no node "eve": known are ada, bob, cy' mosaik-chaos set ada eve drop=1
    refuses 2 "\"slow\" is no rule, which is NAME=VALUE, or none" mosaik-chaos set ada bob slow
    refuses 2 'partition: expected at least two lists of names' mosaik-chaos partition ada bob
    refuses 1 'pause: there is no node "eve": known are ada, bob, cy' mosaik-chaos pause eve
    assert_equal "$(mosaik-chaos links --json | jq -c '[.links[].words] | unique')" '["none"]'
    run -3 mosaik-chaos stats --control nobody.sock
    assert_output --partial nobody.sock
}

# say FROM TO TEXT...: datagrams from an address of a node to another, through the proxy
say() {
    python3 - "127.0.1.$1" "$2" "${@:3}" <<'END'
import socket, sys
ip, port = sys.argv[2].rsplit(":", 1)
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.bind((sys.argv[1], 0))
for text in sys.argv[3:]:
    sender.sendto(text.encode(), (ip, int(port)))
END
}

@test "strangers and absent nodes are counted" {
    start_chaos
    say 9 "$(behind_of bob)" one two
    say 1 "$(behind_of bob)" three
    run jq -c '[.unknown_senders, (.links[] | select(.from == "ada" and .to == "bob") | .received, .dropped_by.absent)]' \
        <(mosaik-chaos stats --json)
    assert_output '[2,1,1]'
}

@test "the same seed decides the same, and verdicts can be replayed" {
    mapfile -t texts < <(seq 300)
    for run in first again; do
        links='[{"from":"*","to":"*","profile":"lossy"}]' start_chaos --verdicts "$run"
        say 1 "$(behind_of bob)" "${texts[@]}"
        assert_equal "$(stat ada bob received)" 300
        stop_chaos
        jq -c 'select(.n) | [.n, .fate, .delay_us, .duplicate]' "$run" >"$run.decisions"
    done
    assert_equal "$(wc -l <first.decisions)" 300
    assert [ "$(grep -c '"drop"' first.decisions)" -gt 10 ]
    cmp first.decisions again.decisions # the rate of no rule here hangs on time
    links='[]' start_chaos --seed 8 --replay first --verdicts replayed
    say 1 "$(behind_of bob)" "${texts[@]}"
    assert_equal "$(stat ada bob received)" 300
    stop_chaos
    jq -c 'select(.n) | [.n, .fate, .delay_us, .duplicate]' replayed | cmp - first.decisions
}

@test "it is not linked with what it does not use" {
    run ldd "$(command -v mosaik-chaos)"
    assert_success
    refute_output --regexp 'sqlite|ngtcp2|libssl'
}
