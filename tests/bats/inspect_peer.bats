#!/usr/bin/env bats
# shellcheck disable=SC2154 # run sets stderr
# mosaik-inspect peer and catalog: what running nodes say of themselves and of others, verified.
load lib
load cluster

@test "peer: the signed entry and the handshake, for people and for scripts" {
    start_node ada
    run --separate-stderr mosaik-inspect peer "$(peer_of ada)"
    assert_equal "$stderr$status" 0
    assert_line --regexp "^peer +$(id_of ada)\$"
    assert_line --regexp "^network +$(mosaik-keygen network-id test)\$"
    assert_line --regexp "^addresses +$(address_of ada)\$"
    assert_line --regexp "^groups +$(status_of ada .group_id)\$"
    assert_line --regexp '^tickets +-$'
    assert_line --regexp '^signature +valid$'
    assert_line --regexp '^handshake +answered after [0-9.]+ ms, done after [0-9.]+ ms, round trip [0-9.]+ ms$'
    assert_line --regexp '^cipher +TLS_[A-Z0-9_]+, [A-Za-z0-9]+$'

    run --separate-stderr mosaik-inspect peer "$(peer_of ada)" --json
    assert_equal "$stderr$status" 0
    assert_equal "$(jq -r '.entry | "\(.peer_id)@\(.addresses[0]) \(.signature_valid) \(.groups | length)"' <<<"$output")" \
        "$(peer_of ada) true 1"
    assert_equal "$(jq '.handshake | .connected_ms >= .answered_ms and .rtt_us > 0' <<<"$output")" true
}

@test "peer: a node of another network and without groups in common answers too, and keeps no memory of it" {
    start_node ada --network elsewhere
    run --separate-stderr mosaik-inspect peer "$(peer_of ada)" --json
    assert_equal "$(jq -r .entry.network_id <<<"$output")" "$(mosaik-keygen network-id elsewhere)"
    assert_equal "$(on ada catalog --json | jq '[.peers[] | select(.own | not)] | length')" 0
}

@test "catalog: all that a node knows, and it does not learn of who asks" {
    start_group ada bob
    run --separate-stderr mosaik-inspect catalog "$(peer_of ada)"
    assert_equal "$stderr$status" 0
    assert_equal "${#lines[@]}" 3
    assert_line --regexp '^PEER +ADDRESSES +UPDATED +GROUPS +TICKETS +SIGNATURE$'
    assert_line --regexp "^$(id_of ada | cut -c-10) +$(address_of ada) .* $(status_of ada .group_id | cut -c-10) +0 +valid\$"
    assert_line --regexp "^$(id_of bob | cut -c-10) +$(address_of bob) .* valid\$"

    run --separate-stderr mosaik-inspect catalog "$(peer_of ada)" --json
    assert_equal "$(jq -c '[.entries[] | .peer_id] | sort' <<<"$output")" "$({ id_of ada; id_of bob; } | jq -cnR '[inputs] | sort')"
    assert_equal "$(jq -c '[.entries[] | .signature_valid] | unique' <<<"$output")" '[true]'
}

@test "where no node is: nobody listens, another key, silence" {
    start_node ada
    local command nowhere nobody
    nobody=$(mosaik-keygen secret | mosaik-keygen peer-id)
    nowhere=$(start_node bob && peer_of bob)
    kill_node bob || true
    for command in peer catalog; do
        run --separate-stderr -3 mosaik-inspect $command "$nowhere"
        assert_equal "$output" ""
        assert_equal "${stderr_lines[0]}" "mosaik-inspect: ${nowhere#*@}: nobody listens there"
        assert_regex "${stderr_lines[1]}" '^mosaik-inspect: No program listens at this address'

        run --separate-stderr -3 mosaik-inspect $command "$nobody@$(address_of ada)"
        assert_equal "${stderr_lines[0]}" "mosaik-inspect: $(address_of ada): another peer answers there: $(id_of ada)"
        assert_regex "${stderr_lines[1]}" 'but with another key'

        kill -STOP "$(pid_of ada)"
        run --separate-stderr -4 mosaik-inspect $command "$(peer_of ada)" --timeout 300ms
        assert_equal "$output" ""
        assert_equal "${stderr_lines[0]}" "mosaik-inspect: no answer"
        kill -CONT "$(pid_of ada)"
    done
}

@test "bad input is refused before anything is sent" {
    local peer command
    peer=$(mosaik-keygen secret | mosaik-keygen peer-id)@127.0.0.1:9
    for command in peer catalog; do
        run -2 mosaik-inspect $command
        assert_output --partial 'PEER'
        run -2 mosaik-inspect $command "${peer#*@}"
        run -2 mosaik-inspect $command "${peer%:9}"
        run -2 mosaik-inspect $command "x$peer"
        run -2 mosaik-inspect $command "$peer" --timeout soon
        run -2 mosaik-inspect $command "$peer" another
        run -3 mosaik-inspect $command "$peer" --secret-file missing
        assert_output --partial 'missing: No such file or directory'
        echo 00ff >short.key
        run -2 mosaik-inspect $command "$peer" --secret-file short.key
        assert_output --partial 'short.key'
    done
}
