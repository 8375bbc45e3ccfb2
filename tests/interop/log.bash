# log.bash: groups of either kind with one machine, led by the member that was started first. After lib.bash and c.bash.

EXAMPLES=$INTEROP_DIR/../../docs/examples

# Nobody else stands before the one that is to lead has bonds with all.
SOON=(--bootstrap-delay 1s)
LATE=(--bootstrap-delay 20s)

# machine counter|lines|nested [OPTION...]: what the members replicate, and further options of the group. Ours keep the
# commands of nested without knowing what they do, but for their types; where $PROGRAM is set it runs them, and those of
# lines with the types of $SCHEMA.
machine() {
    local rust_type=mosaik_peer::machines::${1^} ours=$1 schema=${SCHEMA-}
    if [ "$1" = nested ]; then
        ours=opaque
        schema=$EXAMPLES/orders.schema.json
    fi
    [ -z "${PROGRAM-}" ] || ours=exec:$PROGRAM
    RUST_OPTIONS=(--group-key secret "${BRISK[@]}" --machine "$1" "${@:2}")
    C_OPTIONS=(--group-key secret "${BRISK[@]}" --machine "$ours" "${@:2}"
        --sync-type "mosaik_peer::machines::Replica<$rust_type>")
    [ -z "$schema" ] || C_OPTIONS+=(--machine-id "$1" --schema "$schema")
}

# lead KIND NAME [OPTION...]: the first member, which is to lead.
lead() {
    case $1 in
    c) c_start "$2" "${C_OPTIONS[@]}" "${SOON[@]}" "${@:3}" ;;
    rust) rust_start "$2" "${RUST_OPTIONS[@]}" "${SOON[@]}" "${@:3}" ;;
    esac
}

# alone KIND NAME [OPTION...]: the first member, which leads without waiting for others; returns once it does.
alone() {
    local SOON=(--bootstrap-delay 100ms)
    lead "$@"
    node_wait "$2" is-leader >/dev/null
}

# follow KIND NAME KNOWN [OPTION...]: another, which knows KNOWN, and may lead once the leader is gone.
follow() {
    local options=("${LATE[@]}" --bootstrap "$(peer_address "$3")" "${@:4}")
    case $1 in
    c) c_start "$2" "${C_OPTIONS[@]}" "${options[@]}" ;;
    rust) rust_start "$2" "${RUST_OPTIONS[@]}" "${options[@]}" ;;
    esac
}

# given NODE COMMAND...: executed there; prints first and last index.
given() {
    if is_c "$1"; then c_do "$1" execute "${@:2}"; else rust_execute "$@"; fi | jq -c '[.first, .index]'
}

# many NODE N COMMAND: the same command so many times.
many() {
    if is_c "$1"; then
        yes "$3" | head -n "$2" | c_do "$1" execute - >/dev/null
    else
        # shellcheck disable=SC2046 # one word a command, which has no spaces
        rust_execute "$1" $(yes "$3" | head -n "$2") >/dev/null
    fi
}

# asked NODE [QUERY] [weak]: prints the result.
asked() {
    if is_c "$1"; then c_do "$1" query ${2:+"$2"} ${3:+--weak} | jq -c .result; else rust_query "$@"; fi
}

# reads RESULT INDEX QUERY NODE...: everybody has applied so much and answers so, from its own state and through the leader.
reads() {
    local node
    for node in "${@:4}"; do
        node_wait "$node" "committed>=$2" >/dev/null
        assert_equal "$(asked "$node" "$3" weak)" "$1"
        assert_equal "$(asked "$node" "$3")" "$1"
    done
}

# same_end INDEX NODE...: everybody has committed so much and no more, and nothing is in the logs of ours behind that.
same_end() {
    local node status
    for node in "${@:2}"; do
        node_wait "$node" "committed>=$1" >/dev/null
        status=$(node_status "$node")
        assert_equal "$(jq .committed <<<"$status")" "$1"
        ! is_c "$node" || assert_equal "$(jq .log.index <<<"$status")" "$1"
    done
}
