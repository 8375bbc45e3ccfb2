# The log of a group led by a reference node: our members follow it, acknowledge, and know what is committed.

bats_require_minimum_version 1.5.0
load lib
load c

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

GROUP=(--group-key secret "${BRISK[@]}")
# Nobody else stands before the one who is to lead has bonds with all, and gets their votes: whoever voted for a leader is
# in its committee, and then has to acknowledge.
SOON=(--bootstrap-delay 1s)
LATE=(--bootstrap-delay 20s)

# nulls N: so many commands of a unit machine.
nulls() {
    printf 'null %.0s' $(seq "$1")
}

# holds INDEX NODE...: everybody has that much committed, and no more.
holds() {
    local node
    for node in "${@:2}"; do
        node_wait "$node" "committed>=$1" >/dev/null
        assert_equal "$(node_status "$node" | jq .committed)" "$1"
    done
}

@test "commands of a reference leader are committed by the acknowledgement of ours, one by one and in bulk" {
    rust_start a "${GROUP[@]}" "${SOON[@]}"
    c_start c "${GROUP[@]}" "${LATE[@]}" --bootstrap "$(peer_address a)"
    mesh a c
    assert_equal "$(agree a c)" "$(peer_id a)"
    # With this vote the committee has two members, and an entry needs both.
    assert_equal "$(wait_event c '.event == "vote_cast"' | jq -r .answer)" granted
    for index in 1 2 3; do
        run -0 rust_execute a null
        assert_equal "$(jq .index <<<"$output")" "$index"
    done
    run -0 rust_execute a "$(nulls 500)"
    assert_equal "$(jq -c '[.first, .index]' <<<"$output")" '[4,503]'
    holds 503 a c
    assert_equal "$(c_status c | jq -c .log)" "$(c_status c | jq -c '{term, index: .committed}')"
}

# committed_soon: whether a commits its first command within 300 ms; c is stopped and given all the time it needs.
committed_soon() {
    kill -STOP "$(peer_pid c)"
    peer_do a '{"cmd":"feed","commands":[null]}' >/dev/null
    peer_do a '{"cmd":"wait","conditions":["committed>=1"],"timeout":"300ms"}'
}

@test "a reference leader waits for the acknowledgement of ours if we voted for it, and not if we came later" {
    # While it is stopped ours shall neither be given up nor stand when it wakes.
    GROUP+=(--max-missed-heartbeats 100)
    RELUCTANT=(--leadership reluctant:20)
    rust_start a "${GROUP[@]}" "${SOON[@]}"
    c_start c "${GROUP[@]}" "${RELUCTANT[@]}" --bootstrap "$(peer_address a)"
    mesh a c
    agree a c
    run ! committed_soon
    kill -CONT "$(peer_pid c)"
    holds 1 a c
    for node in a c; do
        peer_kill "$node"
    done

    NETWORK+=-2
    rust_start a "${GROUP[@]}" --bootstrap-delay 200ms
    rust_wait a is-leader
    c_start c "${GROUP[@]}" "${RELUCTANT[@]}" --bootstrap "$(peer_address a)"
    mesh a c
    agree a c
    committed_soon
    kill -CONT "$(peer_pid c)"
    holds 1 a c
}

@test "a group of three commits what either reference node is given" {
    rust_start a "${GROUP[@]}" "${SOON[@]}"
    rust_start b "${GROUP[@]}" "${LATE[@]}" --bootstrap "$(peer_address a)"
    c_start c "${GROUP[@]}" "${LATE[@]}" --bootstrap "$(peer_address a)"
    mesh a b c
    assert_equal "$(agree a b c)" "$(peer_id a)"
    rust_execute a "$(nulls 10)" >/dev/null
    rust_execute b "$(nulls 10)" >/dev/null
    holds 20 a b c
}

@test "our observer follows without being counted" {
    rust_start a "${GROUP[@]}" "${SOON[@]}"
    c_start c "${GROUP[@]}" --leadership observer --bootstrap "$(peer_address a)"
    mesh a c
    assert_equal "$(agree a c)" "$(peer_id a)"
    rust_execute a "$(nulls 10)" >/dev/null
    holds 10 a c
}

@test "our members elect a leader among themselves that has all that the reference leader committed" {
    rust_start a "${GROUP[@]}" "${SOON[@]}"
    for node in c d; do
        c_start "$node" "${GROUP[@]}" "${LATE[@]}" --bootstrap "$(peer_address a)"
    done
    mesh a c d
    assert_equal "$(agree a c d)" "$(peer_id a)"
    rust_execute a "$(nulls 25)" >/dev/null
    holds 25 a c d
    peer_kill a
    successor "$(peer_id a)" c d
    for node in c d; do
        assert_equal "$(c_status "$node" | jq -c '[.log.index, .committed]')" '[25,25]'
    done
}

@test "when a reference leader dies, the other reference node and ours go on with one log" {
    rust_start a "${GROUP[@]}" "${SOON[@]}"
    rust_start b "${GROUP[@]}" "${LATE[@]}" --bootstrap "$(peer_address a)"
    c_start c "${GROUP[@]}" --leadership reluctant:6 "${LATE[@]}" --bootstrap "$(peer_address a)"
    mesh a b c
    assert_equal "$(agree a b c)" "$(peer_id a)"
    rust_execute a "$(nulls 5)" >/dev/null
    holds 5 a b c
    peer_kill a
    assert_equal "$(successor "$(peer_id a)" b c)" "$(peer_id b)"
    run -0 rust_execute b "$(nulls 5)"
    assert_equal "$(jq -c '[.first, .index]' <<<"$output")" '[6,10]'
    holds 10 b c
}
