# handshake.bash: a probe tries the acceptor's checks of the group handshake (groups.md 2.4) on any node, ours or a
# reference one. Aim at the node first: with aim_at, or by setting
#
#   TARGET=PEERID@IP:PORT TARGET_NETWORK=ID TARGET_GROUP=ID TARGET_KEY=TEXT
#
# where TARGET_GROUP is one that the node has joined with TARGET_KEY.

# shellcheck disable=SC2034 # for the bats files
ZEROS=$(printf '%064d' 0)

# aim_at NAME KEY: at a node and its only group.
aim_at() {
    TARGET=$(peer_address "$1")
    TARGET_NETWORK=$(jq -r .network_id "$BATS_TEST_TMPDIR/$1/started")
    TARGET_GROUP=$(jq -r '.groups[0].group_id' "$BATS_TEST_TMPDIR/$1/started")
    TARGET_KEY=$2
}

# probe_dial PROBE ALPN STEPS: prints the answer. STEPS are JSON, comma separated.
probe_dial() {
    peer_do "$1" "$(jq -cn --arg peer "$TARGET" --arg alpn "$2" --argjson steps "[$3]" \
        --arg key "$TARGET_KEY" --arg group "$TARGET_GROUP" '{cmd: "dial", peer: $peer, alpn: $alpn, do: $steps,
        proof: {group_key: $key, group_id: $group}, pong: true}')"
}

# probe_closed PROBE CONNECTION: waits for the end of a connection, prints who closed it with what.
probe_closed() {
    wait_event "$1" ".event == \"closed\" and .conn == $2" | jq -r '"\(.by) \(.code) \(.reason)"'
}

# hello [NETWORK [GROUP [PROOF]]]: a HandshakeStart, by default the right one.
hello() {
    echo "{\"frame\":\"${1:-$TARGET_NETWORK}${2:-$TARGET_GROUP}${3:-{proof\}}00\"}"
}

# introduce PROBE [TICKET]: makes the probe known to the target by a catalog sync. The target will dial it then; without
# an accept script (answer_with) that fails.
introduce() {
    local entry
    entry=$(peer_do "$1" "$(jq -cn --arg network "$TARGET_NETWORK" --arg group "$TARGET_GROUP" --arg ticket "${2-}" \
        '{cmd: "sign_entry", network: $network, groups: [$group], tickets: [$ticket | select(. != "")]}')")
    entry=$(jq -r .hex <<<"$entry")
    probe_dial "$1" /mosaik/discovery/sync/1.0 \
        "{\"frame\":\"01$entry\"},{\"receive\":1},{\"close\":{\"code\":200,\"reason\":\"Success\"}}" |
        jq -e '.script_error == null' >/dev/null
}

# greet PROBE STEPS: tries a handshake and prints how the target ended it.
greet() {
    local answer
    answer=$(probe_dial "$1" /mosaik/groups/1 "$2")
    probe_closed "$1" "$(jq .conn <<<"$answer")"
}

# bond PROBE: completes a handshake and prints the number of the connection.
bond() {
    local answer
    answer=$(probe_dial "$1" /mosaik/groups/1 "$(hello ""),{\"receive\":1}")
    jq -e '.script_error == null' <<<"$answer" >/dev/null
    jq .conn <<<"$answer"
}

# ---- the probe as acceptor

# answer_with PROBE STEPS: introduces the probe to the target; STEPS are what it does once it has the HandshakeStart.
answer_with() {
    peer_do "$1" "{\"cmd\":\"accept\",\"alpn\":\"/mosaik/groups/1\",\"do\":[{\"receive\":1}${2:+,$2}]}" >/dev/null
    introduce "$1"
}

# dialled PROBE [CONNECTION]: the number of the target's first connection for the group, after another one.
dialled() {
    wait_event "$1" ".event == \"accepted\" and .alpn == \"/mosaik/groups/1\" and .conn > ${2:--1}" | jq .conn
}
