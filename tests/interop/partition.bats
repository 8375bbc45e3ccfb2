# Partitions of groups of both kinds, ours with --members 3: what nothing takes away, and what cannot be helped
# (docs/safety.md).

bats_require_minimum_version 1.5.0
load lib
load c
load ../chaos/bridge

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

GROUP=(--group-key secret "${BRISK[@]}" --machine lines)
LATE=(--bootstrap-delay 20s)

# member KIND NAME [OPTION...]
member() {
    local ours=()
    [ "$1" != c ] || ours=(--members 3 --query-timeout "$((INTEROP_LIMIT_S * TIME_FACTOR))s" --sync-type 'mosaik_peer::machines::Replica<mosaik_peer::machines::Lines>')
    bridge_node "$1" "$2" "${GROUP[@]}" "${ours[@]}" "${@:3}"
}

# members KIND KIND KIND: a, which leads, b and c, bonded; three commands are committed everywhere.
members() {
    bridge_start a b c
    member "$1" a --bootstrap-delay 2s
    member "$2" b "${LATE[@]}" --bootstrap "$(peer_address a)"
    member "$3" c "${LATE[@]}" --bootstrap "$(peer_address a)"
    mesh a b c
    assert_equal "$(agree a b c)" "$(peer_id a)"
    given one a
    given two b
    given three c
}

# given TEXT NODE: executed there; acknowledged.
given() { execute "$1" "$2" >/dev/null; }

execute() {
    if is_c "$2"; then
        c_do "$2" execute "\"$1\"" --timeout "$((INTEROP_LIMIT_S * TIME_FACTOR))s"
    else
        rust_execute "$2" "\"$1\""
    fi
}

# lines NODE: all that it has applied
lines() {
    if is_c "$1"; then c_do "$1" query 0 --weak | jq -c .result; else rust_query "$1" 0 weak; fi
}

# has NODE INDEX LINES: once it has committed so much, it has these.
has() {
    node_wait "$1" "committed>=$2" >/dev/null
    assert_equal "$(lines "$1")" "$3"
}

cut_off() { # NODE OTHER OTHER: until all its bonds are dead, at both ends
    chaos partition "$1" / "$2" "$3"
    local node
    for node in "$2" "$3"; do
        wait_event "$node" ".event == \"bond_closed\" and .peer == \"$(peer_id "$1")\"" >/dev/null
        wait_event "$1" ".event == \"bond_closed\" and .peer == \"$(peer_id "$node")\"" >/dev/null
    done
}

healed() {
    chaos heal
    mesh a b c
    agree a b c
}

@test "two of ours: a reference leader that is cut off takes none of their commands with it" {
    members rust c c
    cut_off a b c
    successor "$(peer_id a)" b c
    given four b
    given five c
    given lost a # it goes on alone, and nobody but it will ever know
    healed
    has b 5 '["one","two","three","four","five"]'
    has c 5 '["one","two","three","four","five"]'
}

@test "two of ours: a reference follower that elected itself and took commands is voted out" {
    members c c rust
    cut_off c a b
    rust_wait c "leader=$(peer_id c)" online >/dev/null
    given lost-1 c
    given lost-2 c
    given lost-3 c
    given four a
    given five b
    wanted=$(healed)
    refute [ "$wanted" = "$(peer_id c)" ]
    has a 5 '["one","two","three","four","five"]'
    has b 5 '["one","two","three","four","five"]'
    assert_equal "$(c_status a | jq .halted)" false
    assert_equal "$(c_status b | jq .halted)" false
    given six a
    has b 6 '["one","two","three","four","five","six"]'
}

@test "two of ours: cut off, a leader of ours acknowledges nothing" {
    members c c rust
    cut_off a b c
    run -1 c_do a execute '"no"' --timeout 1s
    run -1 c_do a query 0
    successor "$(peer_id a)" b c
    given four b
    healed
    has a 4 '["one","two","three","four"]'
    has b 4 '["one","two","three","four"]'
    has c 4 '["one","two","three","four"]'
}

# One of ours cannot keep the others from their rules; it can tell.
@test "one of ours: what two reference members give up is told, and nothing else put in its place" {
    members rust rust c
    cut_off b a c
    rust_wait b "leader=$(peer_id b)" online >/dev/null
    given lost-1 b
    given four a
    given five c
    chaos heal
    wait_event c '.event == "fork_suspected"' >/dev/null
    has c 5 '["one","two","three","four","five"]'
}

# Reference followers ignore a question, and answer an entry.
@test "one of ours leads two reference members: a strong query waits for an entry that they acknowledge" {
    members c rust rust
    c_do a query 0 >"$BATS_TEST_TMPDIR/answer" &
    local asked=$!
    until [ "$(c_status a | jq .requests)" = 1 ]; do kill -0 "$asked"; done
    given four b
    wait "$asked"
    assert_equal "$(jq -c .result "$BATS_TEST_TMPDIR/answer")" '["one","two","three","four"]'
    run -1 grep -c '"event":"bond_closed"' "$(peer_out a)" # none was offended
}
