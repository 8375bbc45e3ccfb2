# The same settings give the same group id on both sides (groups.md 1.4).

bats_require_minimum_version 1.5.0
load lib
load c

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() {
    interop_setup
    rust_start a
}
teardown() { interop_teardown; }

# rust_join REQUEST-MEMBERS: what the reference says of a group joined with these.
rust_join() {
    peer_do a "$(jq -c '. + {cmd: "join", "as": "\(now)"}' <<<"$1")"
}

c_group_id() {
    "$MSK_BIN/mosaik-keygen" group-id "$@" 2>/dev/null
}

# same_id REQUEST-MEMBERS OPTION...: two ways to say the same.
same_id() {
    local id
    echo "group: $1"
    id=$(rust_join "$1" | jq -r .group_id)
    assert_equal "$(c_group_id "${@:2}")" "$id"
}

@test "keys: a text, 64 hex digits, the empty text" {
    same_id '{"group_key":"secret"}' --group-key secret
    same_id '{"group_key":"Größe"}' --group-key Größe
    hex=$(printf '0aF%.0s' {1..21})7
    same_id "{\"group_key\":\"$hex\"}" --group-key "$hex"
    same_id '{"group_key":""}' --group-key ''
}

@test "heartbeat settings enter the id, other timings do not" {
    same_id '{"group_key":"k","heartbeat_interval":"100ms","heartbeat_jitter":"20ms","max_missed_heartbeats":3}' \
        --group-key k --heartbeat-interval 100ms --heartbeat-jitter 20ms --max-missed-heartbeats 3
    same_id '{"group_key":"k","heartbeat_interval":"1h"}' --group-key k --heartbeat-interval 1h
    same_id '{"group_key":"other"}' --group-key other --election-timeout 9s --bootstrap-delay 1s --leadership observer
}

# Machines of the reference peer, told to us by signature and Rust type.
@test "machines and log replay settings" {
    counter=$(printf '%064d' 2)
    settings='"sync_batch_size":7,"sync_fetch_timeout":"90s"'
    for machine in "idle idle" "counter $counter" "lines lines" "nested nested"; do
        read -r name signature <<<"$machine"
        joined=$(rust_join "{\"group_key\":\"k\",\"machine\":\"$name\",$settings}")
        assert_equal "$(c_group_id --group-key k --machine-id "$signature" --sync-type "$(jq -r .sync_type <<<"$joined")" \
            --sync-batch-size 7 --sync-fetch-timeout 90s)" "$(jq -r .group_id <<<"$joined")"
    done
}

@test "one and two required tickets, in either order" {
    first=$(jq -cn --arg key "$(printf 'ab%.0s' {1..32})" '{keys: [{alg: "HS256", key: $key}], issuers: ["me", "you"]}')
    second=$(jq -cn --arg key "$(printf 'cd%.0s' {1..64})" '{class: "jwt", keys: [{alg: "HS512", key: $key}],
        audiences: ["here"], subject: "somebody", allow_non_expiring: true, max_lifetime: "1h", max_age: "60s",
        claims: {role: "admin", level: 3}}')
    cd "$BATS_TEST_TMPDIR"
    echo "$first" >first
    echo "$second" >second
    same_id "{\"group_key\":\"k\",\"require_ticket\":[$first]}" --group-key k --require-ticket first
    same_id "{\"group_key\":\"k\",\"require_ticket\":[$first,$second]}" --group-key k --require-ticket first \
        --require-ticket second
    same_id "{\"group_key\":\"k\",\"require_ticket\":[$second,$first]}" --group-key k --require-ticket second \
        --require-ticket first
}

@test "required tickets of a class of their own, alone and before a JWT" {
    local digest own jwt
    digest=$(printf '0b%.0s' {1..32})
    jwt=$(jq -cn --arg key "$(printf 'ab%.0s' {1..32})" '{keys: [{alg: "HS256", key: $key}]}')
    cd "$BATS_TEST_TMPDIR"
    echo "$jwt" >jwt
    for own in passes Pässe "$digest"; do
        own="{\"class\":\"exec\",\"name\":\"$own\",\"signature\":\"of $own\",\"command\":[\"true\"]}"
        echo "$own" >own
        same_id "{\"group_key\":\"k\",\"require_ticket\":[$own]}" --group-key k --require-ticket own
        same_id "{\"group_key\":\"k\",\"require_ticket\":[$own,$jwt]}" --group-key k --require-ticket own --require-ticket jwt
    done
}
