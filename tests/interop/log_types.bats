# Commands that are more than a number: texts, and a struct of about everything postcard can carry, which ours knows by a
# schema only. Either kind leads.

bats_require_minimum_version 1.5.0
load lib
load c
load log

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

# other KIND
other() { if [ "$1" = c ]; then echo rust; else echo c; fi; }

# pair KIND: a leads, b of the other kind follows.
pair() {
    lead "$1" a
    follow "$(other "$1")" b a
    mesh a b
    assert_equal "$(agree a b)" "$(peer_id a)"
}

# ---- lines

texts() {
    machine lines
    pair "$1"
    local long
    long=$(printf 'x%.0s' {1..20000})
    assert_equal "$(given a '""' '"plain"' '"\"quoted\" \\ and \u0007"')" '[1,3]'
    assert_equal "$(given b '"hé, 世界 🌍"' "\"$long\"")" '[4,5]'
    reads "[\"\",\"plain\",\"\\\"quoted\\\" \\\\ and \\u0007\",\"hé, 世界 🌍\",\"$long\"]" 5 0 a b
    reads "[\"$long\"]" 5 4 a b
    same_end 5 a b
}

@test "ours leads: texts from both members, one list" { texts c; }

@test "a reference node leads: texts from both members, one list" { texts rust; }

# Ours run a program that keeps the texts, which they know by a schema.
# shellcheck disable=SC2034 # PROGRAM and SCHEMA are for machine
program_of_lines() {
    cat >"$BATS_TEST_TMPDIR/lines.jq" <<'EOT'
foreach inputs as $request ([];
    if $request.do == "apply" then . + [$request.entries[].command]
    elif $request.do == "restore" then $request.state // []
    else . end;
    {id: $request.id} +
    if $request.do == "query" then {result: .[$request.query:]}
    elif $request.do == "snapshot" then {state: .}
    else {} end)
EOT
    PROGRAM="exec jq -nc --unbuffered -f $BATS_TEST_TMPDIR/lines.jq"
    SCHEMA=$BATS_TEST_TMPDIR/schema
    echo '{"command": "string", "query": "u64", "result": {"seq": "string"}}' >"$SCHEMA"
}

@test "ours leads, a program: texts from both members, one list" {
    program_of_lines
    texts c
}

@test "a reference node leads a program of ours: texts from both members, one list" {
    program_of_lines
    texts rust
}

# ---- nested

ORDERS=(
    '{"id":1,"symbol":"","side":"Buy","legs":[],"tags":[],"note":null,"price":0,"urgent":false,"blob":[]}'
    '{"id":300,"symbol":"ab","side":{"Sell":{"short":true}},"legs":[{"venue":"x","quantities":[1,128,4294967295]},{"venue":"","quantities":[]}],"tags":[["a","b"],[],["c"]],"note":"","price":-1,"urgent":true,"blob":[0,127,128,255]}'
    '{"id":9007199254740991,"symbol":"世界","side":{"Cross":[255,-2147483648]},"legs":[{"venue":"y","quantities":[7]}],"tags":[[]],"note":"n","price":-9007199254740991,"urgent":false,"blob":[1]}'
)

# What the reference has of each order is what was given.
orders_are_known_to() {
    local i
    for i in 0 1 2 3; do
        assert_equal "$(rust_query "$1" "{\"At\":$i}" weak | jq -cS .Order)" "$(jq -cS . <<<"${ORDERS[i % 3]}")"
    done
    assert_equal "$(rust_query "$1" '"Count"' weak)" '{"Number":4}'
}

@test "a reference node leads: ours gives and shows structs it knows by a schema, and gets its queries answered" {
    machine nested
    pair rust
    assert_equal "$(given b "${ORDERS[@]}")" '[1,3]'
    assert_equal "$(given a "${ORDERS[0]}")" '[4,4]'
    same_end 4 a b
    orders_are_known_to a
    local i query
    for query in '"Count"' '{"At":9}' '{"Quantity":{"symbol":"ab"}}' '{"At":0}' '{"At":1}' '{"At":2}'; do
        assert_equal "$(c_do b query "$query" | jq -cS .result)" "$(rust_query a "$query" | jq -cS .)"
    done
    assert_equal "$(c_do b query '{"Quantity":{"symbol":"ab"}}' | jq -c .result)" '{"Number":4294967424}'
    # without the leader there is only what it keeps
    run -1 c_do b query --weak '"Count"'
}

@test "ours leads with structs it knows by a schema: the reference follows, and gets no wrong answer" {
    machine nested
    pair c
    assert_equal "$(given a "${ORDERS[@]}")" '[1,3]'
    assert_equal "$(given b "${ORDERS[0]}")" '[4,4]'
    same_end 4 a b
    orders_are_known_to b
    run ! peer_do b '{"cmd":"query","query":"Count"}'
    assert_equal "$(jq -r .error <<<"$output")" 'Group is temporarily offline and cannot process queries'
    run -1 c_do a query '"Count"'
}

# the_same QUERY...: every member answers like the first, from its own state and through the leader.
the_same() {
    local question node answer
    for question in "$@"; do
        answer=$(asked a "$question" weak | jq -cS .)
        for node in a b d; do
            assert_equal "$(asked "$node" "$question" weak | jq -cS .)" "$answer"
            assert_equal "$(asked "$node" "$question" | jq -cS .)" "$answer"
        done
    done
}

@test "a program with a schema is a full member: it follows and answers, leads when the reference dies, and its late twin catches up" {
    command -v python3 >/dev/null || skip 'no python3'
    PROGRAM="exec $EXAMPLES/orders.py" machine nested
    pair rust
    assert_equal "$(given b "${ORDERS[@]}")" '[1,3]'
    assert_equal "$(given a "${ORDERS[1]}")" '[4,4]'
    follow c d a
    mesh a b d
    for node in a b d; do
        node_wait "$node" 'committed>=4' >/dev/null
    done
    the_same '"Count"' '{"At":1}' '{"Quantity":{"symbol":"ab"}}'
    assert_equal "$(asked d '"Count"' weak)" '{"Number":4}'
    peer_kill a
    successor "$(peer_id a)" b d >/dev/null
    follow rust a b
    mesh a b d
    assert_equal "$(given a "${ORDERS[2]}")" '[5,5]'
    # the reference asks a leader of ours, which asks its program
    assert_equal "$(asked a '"Count"')" '{"Number":5}'
    the_same '{"At":4}'
    same_end 5 a b d
}

@test "integers beyond 2^53 are digits in ours, and arrive whole" {
    machine nested
    pair rust
    local order
    order=$(jq -c '.id = "18446744073709551615" | .price = "-9223372036854775808"' <<<"${ORDERS[0]}")
    assert_equal "$(given b "$order")" '[1,1]'
    assert_equal "$(c_do b query '{"At":0}' | jq -cS .result.Order)" "$(jq -cS . <<<"$order")"
    # jq would round them
    run -0 peer_do a '{"cmd":"query","query":{"At":0}}'
    assert_regex "$(grep '"cmd":"query"' "$(peer_out a)")" '"id":18446744073709551615.*"price":-9223372036854775808'
}
