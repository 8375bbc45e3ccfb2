# bridge.bash: nodes of either kind in network namespaces of their own, and mosaik-chaos between them as a switch: for
# nodes that cannot be told what to advertise. To be loaded after interop/lib.bash and interop/c.bash.
#
#   bridge_start a b c             a namespace for each, which we call its island, and the switch between them
#   bridge_node rust a OPTION...   a node of that kind on the island of its name
#   chaos partition a / b c        any command of mosaik-chaos
#
# On an island there is one interface, eth0 at 10.9.0.N; its other end is the switch's interface NAME.
#
# Reference nodes do not start without a relay, and talk through it where UDP fails, which would mend every partition. So
# each of them has a relay of its own, on the loopback of its island: one that never carries anything to another node.

# bridge_start NAME... [-- OPTION...]: options for mosaik-chaos
bridge_start() {
    local names=() dir=$BATS_TEST_TMPDIR/bridge
    while [ "$#" -gt 0 ] && [ "$1" != -- ]; do
        names+=("$1")
        shift
    done
    mkdir -p "$dir"
    for name in "${names[@]}"; do
        island_start "$name"
    done
    export MOSAIK_CHAOS_CONTROL=$dir/control
    exec_in_net "$MSK_BIN/mosaik-chaos" run --bridge "$(IFS=, && echo "${names[*]}")" --events - "${@:2}" \
        >"$dir/out" 2>"$dir/err" 3>&- &
    record bridge $!
    wait_event bridge '.event == "chaos_started"' >/dev/null || {
        cat "$dir/err" >&2
        return 1
    }
}

chaos() { "$MSK_BIN/mosaik-chaos" "$@"; }

# chaos_stat FROM TO MEMBER: one figure of a link
chaos_stat() {
    chaos stats --json | jq --arg from "$1" --arg to "$2" ".links[] | select(.from == \$from and .to == \$to) | .$3"
}

# The names of islands are those of the nodes; their files are apart from the nodes' own.
island_file() { echo "$BATS_TEST_TMPDIR/bridge/$1.$2"; }
island_ip() { cat "$(island_file "$1" ip)"; }

# on_island NAME COMMAND...: what it starts runs there, and finds the island's relay.
on_island() {
    local relay
    relay=$(cat "$(island_file "$1" relay)" 2>/dev/null) || :
    INTEROP_NET_PID=$(<"$(island_file "$1" pid)") RELAY_URL=$relay "${@:2}"
}

island_start() { # NAME
    local name=$1 ready pid ip
    ready=$(island_file "$name" ready)
    ip=10.9.0.$(($(find "$BATS_TEST_TMPDIR/bridge" -name '*.ip' | wc -l) + 1))
    mkfifo "$ready"
    # shellcheck disable=SC2016 # the inner shell expands these
    exec_in_net unshare --net sh -c 'ip link set lo up && echo up >"$1" && exec tail --pid="$2" -f /dev/null' sh "$ready" \
        "$$" >/dev/null 3>&- &
    pid=$!
    echo "$pid" >>"$BATS_TEST_TMPDIR/pids"
    echo "$pid" >"$(island_file "$name" pid)"
    echo "$ip" >"$(island_file "$name" ip)"
    read -r -t 10 <>"$ready"
    in_net ip link delete dev "$name" 2>/dev/null || : # one of a namespace that is about to go
    in_net ip link add name "$name" type veth peer name eth0 netns "$pid"
    in_net ip link set dev "$name" up
    on_island "$name" in_net ip address add "$ip/24" dev eth0
    on_island "$name" in_net ip link set eth0 up
}

# bridge_node rust|c NAME [OPTION...]
bridge_node() {
    local kind=$1 name=$2
    [ "$kind" = c ] || [ -e "$(island_file "$name" relay)" ] || relay_start "$name"
    on_island "$name" "${kind}_start" "$name" --listen "$(island_ip "$name"):0" "${@:3}"
}

relay_start() { # NAME
    on_island "$1" peer_launch "relay-$1" relay
    await_start "relay-$1" relay_started
    jq -r .url "$BATS_TEST_TMPDIR/relay-$1/started" >"$(island_file "$1" relay)"
}
