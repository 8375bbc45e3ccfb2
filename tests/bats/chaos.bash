# chaos.bash: a mosaik-chaos between the nodes of cluster.bash. Each node listens at an IP address of its own, by which the
# proxy knows it, and advertises the proxy's port. Files: net.json, net.sock (control), net.out, net.err, net.events.
export MOSAIK_CHAOS_CONTROL=net.sock
CHAOS_NODES=(ada bob cy)

# start_chaos [OPTION...]: returns once its ports are open. `links` and `schedule` may hold members of its configuration.
start_chaos() {
    jq -n '{nodes: ($ARGS.positional | to_entries | map({key: .value, value: {listen: "127.0.0.1:0", node: "127.0.1.\(.key + 1):0"}})
        | from_entries)}' --args "${CHAOS_NODES[@]}" |
        jq --argjson links "${links:-[]}" --argjson schedule "${schedule:-[]}" '. + {$links, $schedule}' >net.json
    launch_chaos --config net.json --seed "${CHAOS_SEED:-7}" "$@"
}

launch_chaos() {
    rm -f net.ready && mkfifo net.ready
    "${CHAOS_WITHIN[@]}" mosaik-chaos run --control net.sock --events net.events --ready-fd 9 "$@" >net.out 2>net.err 9>net.ready 3>&- &
    echo $! >net.pid
    read -r _ <net.ready || fail "mosaik-chaos did not start: $(<net.err)"
}

stop_chaos() {
    kill -TERM "$(<net.pid)"
    wait "$(<net.pid)"
}

behind_of() { jq -r --arg name "$1" 'select(.event == "chaos_started") | .nodes[$name].listen' <net.out; }
peer_behind() { echo "$(id_of "$1")@$(behind_of "$1")"; }

# start_behind NAME OPTION...: a node that is reached through the proxy, and which the proxy knows before it needs to.
start_behind() {
    local name=$1 i
    for i in "${!CHAOS_NODES[@]}"; do
        [[ ${CHAOS_NODES[i]} != "$name" ]] || break
    done
    start_node "$name" --listen "127.0.1.$((i + 1)):0" --advertise "$(behind_of "$name")" "${@:2}"
    mosaik-chaos node "$name" "$(address_of "$name")"
}

# start_group_behind NAME...: all bonded with all, through the proxy
start_group_behind() {
    local first=$1 name
    start_behind "$first"
    for name in "${@:2}"; do
        start_behind "$name" --bootstrap "$(peer_behind "$first")"
    done
    for name in "$@"; do
        await "$name" "bonds>=$(($# - 1))"
    done
}

# stat FROM TO MEMBER: one figure of a link
stat() {
    mosaik-chaos stats --json |
        jq --arg from "$1" --arg to "$2" ".links[] | select(.from == \$from and .to == \$to) | .$3"
}
