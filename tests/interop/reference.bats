# The scenarios of the reference's own tests of groups, under their names, with members of both kinds. Which file has which
# is in README.md.

bats_require_minimum_version 1.5.0
load lib
load c
load log

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() {
    local errors=
    [ -n "${forks-}" ] || errors=$(told_errors)
    interop_teardown
    assert_equal "$errors" ""
}

# told_errors: what grave our nodes had to tell.
told_errors() {
    local out
    for out in "$BATS_TEST_TMPDIR"/*/out; do
        [ ! -e "${out%out}secret" ] || jq -r 'select(.level == "error") | .text' "$out"
    done
}

# ---- tickets

KEY=$(printf 'ab%.0s' {1..32})

# validator ISSUER: the file of one that wants tickets of this issuer.
validator() {
    local file=$BATS_TEST_TMPDIR/$1.validator
    jq -n --arg key "$KEY" --arg issuer "$1" '{keys: [{alg: "HS256", key: $key}], issuers: [$issuer]}' >"$file"
    echo "$file"
}

# with_tickets KIND NAME ISSUERS [OPTION...]: a node that holds a ticket of each of these issuers, in words; "NAME:SPAN" is
# one that ends after that.
with_tickets() {
    local dir=$BATS_TEST_TMPDIR/$2 issuer secret id options=("${@:4}") known=${first-}
    mkdir -p "$dir"
    secret=$("$MSK_BIN/mosaik-keygen" secret)
    id=$("$MSK_BIN/mosaik-keygen" peer-id <<<"$secret")
    for issuer in $3; do
        "$MOSAIK_PEER" ticket mint --alg HS256 --key "$KEY" --peer "$id" --issuer "${issuer%:*}" \
            --expires-at "$(($(date +%s) + ${issuer##*:}))" | jq -r .ticket >"$dir/$issuer"
        case $1 in
        c) options+=(--ticket "$dir/$issuer") ;;
        rust) options+=(--ticket "$(<"$dir/$issuer")") ;;
        esac
    done
    case $1 in
    c) (umask 077 && echo "$secret" >"$dir/secret") ;;
    rust) options+=(--secret "$secret") ;;
    esac
    "$1_start" "$2" "${options[@]}" ${known:+--bootstrap "$(peer_address "$known")"}
    first=${known:-$2}
}

# refused AT PEER: our node AT was told 30403 by PEER, or told it so.
refused() {
    wait_event "$1" "(.event == \"dial_refused\" or .event == \"handshake_rejected\") and .code == 30403 and
        .peer == \"$(peer_id "$2")\"" >/dev/null
}

# only_bonds N NODE...: each has so many bonds.
only_bonds() {
    local node
    for node in "${@:2}"; do
        assert_equal "$(node_status "$node" | jq '.bonds | length')" "$1"
    done
}

@test "jwt_authorized_peers_can_bond" {
    machine counter --require-ticket "$(validator me)"
    with_tickets c n0 me:3600 "${C_OPTIONS[@]}"
    with_tickets rust n1 me:3600 "${RUST_OPTIONS[@]}"
    with_tickets c n2 me:-600 "${C_OPTIONS[@]}"
    with_tickets rust n3 '' "${RUST_OPTIONS[@]}"
    mesh n0 n1
    refused n2 n0
    refused n2 n1
    refused n0 n3
    only_bonds 1 n0 n1
    only_bonds 0 n2 n3
}

@test "group_key_derived_from_jwt_validator" {
    local file key
    file=$(validator me)
    key=$("$MOSAIK_PEER" ticket signature --validator "$file" | jq -r .signature)
    assert_equal "$("$MSK_BIN/mosaik-ticket" signature --validator "$file")" "$key"
    with_tickets c n0 me:3600 "${BRISK[@]}" --group-key-from-validator "$file" --require-ticket "$file"
    with_tickets rust n1 me:3600 "${BRISK[@]}" --group-key "$key" --require-ticket "$file"
    assert_equal "$(node_status n0 | jq .group_id)" "$(node_status n1 | jq .group_id)"
    mesh n0 n1
}

@test "mismatched_jwt_auth_config_prevents_bonding" {
    local limit_s=$((SECONDS + INTEROP_LIMIT_S * TIME_FACTOR))
    with_tickets c n0 me:3600 "${FAST[@]}" --group-key secret --require-ticket "$(validator me)"
    with_tickets rust n1 me:3600 "${FAST[@]}" --group-key secret
    run ! test "$(node_status n0 | jq .group_id)" = "$(node_status n1 | jq .group_id)"
    # they know of each other, and each leads a group of its own
    until node_catalog n0 n1 && node_catalog n1 n0; do
        [ "$SECONDS" -lt "$limit_s" ]
    done >/dev/null
    node_wait n0 is-leader >/dev/null
    node_wait n1 is-leader >/dev/null
    only_bonds 0 n0 n1
}

@test "multiple_ticket_validators" {
    machine counter --require-ticket "$(validator alpha)" --require-ticket "$(validator beta)"
    with_tickets rust n0 'alpha:3600 beta:3600' "${RUST_OPTIONS[@]}"
    with_tickets c n1 'alpha:3600 beta:3600' "${C_OPTIONS[@]}"
    with_tickets c n2 alpha:3600 "${C_OPTIONS[@]}"
    with_tickets rust n3 beta:3600 "${RUST_OPTIONS[@]}"
    mesh n0 n1
    refused n2 n0
    refused n2 n1
    refused n1 n3
    only_bonds 1 n0 n1
    only_bonds 0 n2 n3
}

# ---- bonds, identity

# in_group KIND NAME ALIAS KEY: a running node joins a further group.
in_group() {
    case $1 in
    c) c_do "$2" join --group-key "$4" --as "$3" "${FAST[@]}" 2>/dev/null ;;
    rust) peer_do "$2" "$(jq -cn --arg key "$4" --arg alias "$3" '{cmd: "join", group_key: $key, as: $alias,
        heartbeat_interval: "100ms", heartbeat_jitter: "20ms", election_timeout: "300ms", election_timeout_jitter: "150ms",
        bootstrap_delay: "200ms"}')" ;;
    esac | jq -r .group_id
}

@test "members_can_see_each_other" {
    local key
    key=$("$MSK_BIN/mosaik-keygen" group-key)
    c_start n0 "${FAST[@]}" --group-key one --as g1
    rust_start n1 "${FAST[@]}" --group-key one --as g1 --bootstrap "$(peer_address n0)"
    rust_start n2 "${FAST[@]}" --group-key two --as g2 --bootstrap "$(peer_address n0)"
    c_start n3 "${FAST[@]}" --group-key two --as g2 --bootstrap "$(peer_address n2)"
    in_group c n0 g2 two >/dev/null
    in_group rust n1 g3 "$key" >/dev/null
    in_group rust n2 g3 "$key" >/dev/null
    mesh n0/g1 n1/g1
    mesh n0/g2 n2/g2 n3/g2
    mesh n1/g3 n2/g3
}

@test "group_id_derived_from_config" {
    local ours reference key
    for key in one two; do
        machine counter
        c_start "c-$key" --group-key "$key" "${C_OPTIONS[@]:2}" --data-dir "$BATS_TEST_TMPDIR/$key.data"
        rust_start "rust-$key" --group-key "$key" "${RUST_OPTIONS[@]:2}"
        ours+=("$(node_status "c-$key" | jq -r .group_id)")
        reference+=("$(node_status "rust-$key" | jq -r .group_id)")
    done
    # kept in memory
    ours+=("$("$MSK_BIN/mosaik-keygen" group-id --group-key one "${C_OPTIONS[@]:2}" 2>/dev/null)")
    # another machine
    ours+=("$(in_group c c-one noop one)")
    reference+=("$(in_group rust rust-one noop one)")
    assert_equal "${ours[0]} ${ours[1]} ${ours[3]}" "${reference[*]}"
    assert_equal "${ours[2]}" "${ours[0]}"
    assert_equal "$(printf '%s\n' "${reference[@]}" | sort -u | wc -l)" 3
}

# ---- the log

# small LEADER FOLLOWER
one_leader_one_follower_small() {
    machine counter
    alone "$1" n0
    assert_equal "$(node_status n0 | jq .committed)" 0
    assert_equal "$(given n0 '{"Increment":3}')" '[1,1]'
    assert_equal "$(given n0 '{"Increment":4}' '{"Decrement":2}' '{"Increment":1}')" '[2,4]'
    follow "$2" n1 n0
    node_wait n1 "leader=$(peer_id n0)" 'committed>=4' >/dev/null
    assert_equal "$(node_status n1 | jq .log.index)" 4
    reads 6 4 null n0 n1
    assert_equal "$(given n0 '{"Increment":1}' '{"Increment":1}')" '[5,6]'
    reads 8 6 null n0 n1
    same_end 6 n0 n1
}

@test "one_leader_one_follower_small: ours leads" { one_leader_one_follower_small c rust; }

@test "one_leader_one_follower_small: the reference leads" { one_leader_one_follower_small rust c; }

# large BATCH LEADER FOLLOWER LATER
one_leader_one_follower_large() {
    local all
    mapfile -t all < <(printf '{"Increment":%s}\n' {0..199})
    machine counter --sync-batch-size "$1"
    alone "$2" n0
    assert_equal "$(given n0 "${all[@]}")" '[1,200]'
    follow "$3" n1 n0
    reads 19900 200 null n0 n1
    assert_equal "$(given n1 "${all[@]}")" '[201,400]'
    follow "$4" n2 n0
    reads 39800 400 null n0 n1 n2
    assert_equal "$(agree n0 n1 n2)" "$(peer_id n0)"
    same_end 400 n0 n1 n2
}

@test "one_leader_one_follower_large: batches of 7" { one_leader_one_follower_large 7 c rust c; }

@test "one_leader_one_follower_large: batches of 20" { one_leader_one_follower_large 20 rust c rust; }

@test "one_leader_one_follower_large: batches of 100" { one_leader_one_follower_large 100 c rust rust; }

@test "one_leader_one_follower_large: batches of 1000" { one_leader_one_follower_large 1000 rust c c; }

# weak LEADER FOLLOWER FOLLOWER
no_catchup_weak_query() {
    local node
    machine counter
    lead "$1" n0
    follow "$2" n1 n0
    follow "$3" n2 n0
    mesh n0 n1 n2
    assert_equal "$(agree n0 n1 n2)" "$(peer_id n0)"
    same_end 0 n0 n1 n2
    assert_equal "$(given n0 '{"Increment":3}')" '[1,1]'
    assert_equal "$(given n0 '{"Increment":4}')" '[2,2]'
    for node in n0 n1 n2; do
        node_wait "$node" 'committed>=2' >/dev/null
        assert_equal "$(asked "$node" null weak)" 7
    done
    assert_equal "$(given n1 '{"Decrement":2}')" '[3,3]'
    for node in n0 n1 n2; do
        node_wait "$node" 'committed>=3' >/dev/null
        assert_equal "$(asked "$node" null weak)" 5
    done
    node_quit n0
    successor "$(peer_id n0)" n1 n2 >/dev/null
    assert_equal "$(given n1 '{"Increment":1}' '{"Increment":2}' '{"Increment":3}')" '[4,6]'
    assert_equal "$(given n2 '{"Increment":5}' '{"Increment":7}' '{"Increment":8}')" '[7,9]'
    for node in n1 n2; do
        node_wait "$node" 'committed>=9' >/dev/null
        assert_equal "$(asked "$node" null weak)" 31
    done
    same_end 9 n1 n2
}

@test "no_catchup_weak_query: ours leads, then one of both kinds" { no_catchup_weak_query c rust c; }

@test "no_catchup_weak_query: the reference leads, then one of both kinds" { no_catchup_weak_query rust c rust; }

# questions DIRECTION: the strong queries that our node's frames show.
questions() {
    jq -c --arg direction "$1" 'select(.direction == $direction) | .message.raft?.forward?.query // empty' \
        "$BATS_TEST_TMPDIR/frames" | wc -l
}

# strong LEADER FOLLOWER, one of them ours; DIRECTION of the question.
no_catchup_strong_query() {
    machine counter
    C_OPTIONS+=(--frames "$BATS_TEST_TMPDIR/frames")
    lead "$1" n0
    follow "$2" n1 n0
    mesh n0 n1
    assert_equal "$(agree n0 n1)" "$(peer_id n0)"
    assert_equal "$(given n0 '{"Increment":3}' '{"Increment":4}')" '[1,2]'
    node_wait n1 'committed>=2' >/dev/null
    assert_equal "$(asked n0 null)" 7
    assert_equal "$(asked n1 null weak)" 7
    assert_equal "$(questions "$3")" 0
    assert_equal "$(asked n1 null)" 7
    assert_equal "$(questions "$3")" 1
}

@test "no_catchup_strong_query: ours leads and is asked" { no_catchup_strong_query c rust in; }

@test "no_catchup_strong_query: ours follows and asks" { no_catchup_strong_query rust c out; }

# two: a leader and a follower of either kind.
two() {
    machine counter
    lead c n0
    follow rust n1 n0
    mesh n0 n1
    assert_equal "$(agree n0 n1)" "$(peer_id n0)"
}

# together: waits for what runs in the background; all of it must succeed.
together() {
    local pid
    for pid in "$@"; do
        wait "$pid"
    done
}

@test "execute_is_send_sync_via_joinset" {
    local by pids=()
    two
    for by in {1..5}; do
        given n0 "{\"Increment\":$by}" >/dev/null 3>&- &
        pids+=($!)
        given n1 "{\"Increment\":$((by + 9))}" >/dev/null 3>&- &
        pids+=($!)
    done
    together "${pids[@]}"
    reads 75 10 null n0 n1
    same_end 10 n0 n1
}

@test "execute_many_is_send_sync_via_joinset" {
    local pids=() batch node numbers
    two
    for batch in 'n0 1 2' 'n0 3 4' 'n1 5 6 7' 'n1 10 12'; do
        read -r node numbers <<<"$batch"
        # shellcheck disable=SC2046,SC2086 # words
        given "$node" $(printf '{"Increment":%s} ' $numbers) >/dev/null 3>&- &
        pids+=($!)
    done
    together "${pids[@]}"
    reads 50 9 null n0 n1
    same_end 9 n0 n1
}

@test "query_is_send_sync_via_joinset" {
    local i pids=() file=$BATS_TEST_TMPDIR/answers
    two
    assert_equal "$(given n0 '{"Increment":10}' '{"Increment":20}')" '[1,2]'
    node_wait n1 'committed>=2' >/dev/null
    for i in {1..3}; do
        for node in n0 n1; do
            asked "$node" null >>"$file" 3>&- &
            pids+=($!)
            asked "$node" null weak >>"$file" 3>&- &
            pids+=($!)
        done
    done
    together "${pids[@]}"
    assert_equal "$(sort "$file" | uniq -c | tr -s ' ')" ' 12 30'
}

# fed NODE COMMAND...: prints first and last of the places that were assigned.
fed() {
    if is_c "$1"; then
        c_do "$1" feed "${@:2}"
    else
        peer_do "$1" "$(jq -cs '{cmd: "feed", commands: .}' <<<"${*:2}")"
    fi | jq -c '[.first, .index]'
}

# smoke LEADER FOLLOWER
feed_smoke() {
    machine counter
    lead "$1" n0
    follow "$2" n1 n0
    mesh n0 n1
    assert_equal "$(agree n0 n1)" "$(peer_id n0)"
    assert_equal "$(fed n1 '{"Increment":3}')" '[1,1]'
    assert_equal "$(fed n1 '{"Increment":4}')" '[2,2]'
    assert_equal "$(fed n1 '{"Increment":3}' '{"Increment":3}' '{"Increment":2}')" '[3,5]'
    reads 15 5 null n0 n1
    same_end 5 n0 n1
}

@test "feed smoke: the reference feeds ours" { feed_smoke c rust; }

@test "feed smoke: ours feeds the reference" { feed_smoke rust c; }

# ---- leaders

@test "is_elected" {
    local joined stood leader
    machine counter
    lead c n0
    joined=$(wait_event n0 '.event == "group_joined"' | jq .mono_ms)
    stood=$(wait_event n0 '.event == "election_started"' | jq .mono_ms)
    # not before the bootstrap delay and one election timeout
    [ "$((stood - joined))" -ge 1300 ]
    node_wait n0 is-leader >/dev/null
    follow rust n1 n0
    follow c n2 n0
    mesh n0 n1 n2
    assert_equal "$(agree n0 n1 n2)" "$(peer_id n0)"
    assert_equal "$(node_status n0 | jq .term)" 1
    peer_kill n0
    successor "$(peer_id n0)" n1 n2 >/dev/null
    follow rust n3 n2 --leadership observer
    mesh n1 n2 n3
    # a loaded machine may have had one more election meanwhile
    leader=$(successor "$(peer_id n0)" n1 n2 n3)
    case $leader in
    "$(peer_id n1)" | "$(peer_id n2)") ;;
    *) fail "$leader leads" ;;
    esac
}

# rivals KIND KIND KIND [OPTION...]: three that know nothing of each other, each leader of its own.
rivals() {
    local i=0 kind
    for kind in "$1" "$2" "$3"; do
        alone "$kind" "n$i"
        i=$((i + 1))
    done
}

# discover FROM NODE...: FROM, of the reference, has a catalog sync with each.
discover() {
    local node
    for node in "${@:2}"; do
        peer_do "$1" "$(jq -cn --arg peer "$(peer_address "$node")" '{cmd: "sync", peer: $peer}')" >/dev/null
    done
}

@test "rivals_with_same_log_pos" {
    machine counter
    rivals c rust c
    discover n1 n0 n2
    mesh n0 n1 n2
    agree n0 n1 n2 >/dev/null
}

# The longest log wins, and what others committed by themselves is lost. Both have entries of term 1, so that the reference
# cannot tell its own from the group's: what it and those who fetched from it have is not looked at.
@test "rivals_with_different_log_pos: ours has the longest log" {
    forks=yes
    machine counter
    rivals c rust c
    assert_equal "$(given n0 '{"Increment":1}' '{"Increment":2}' '{"Increment":3}')" '[1,3]'
    assert_equal "$(given n1 '{"Increment":40}')" '[1,1]'
    discover n1 n0 n2
    mesh n0 n1 n2
    assert_equal "$(agree n0 n1 n2)" "$(peer_id n0)"
    same_end 3 n0 n1 n2
    assert_equal "$(asked n0 null) $(asked n1 null) $(asked n2 null)" '6 6 6'
}

@test "rivals_with_different_log_pos: the reference has the longest log, ours gives up what it had committed" {
    forks=yes
    machine counter
    C_OPTIONS+=(--on-fork resync)
    rivals rust c rust
    assert_equal "$(given n0 '{"Increment":1}' '{"Increment":2}' '{"Increment":3}')" '[1,3]'
    assert_equal "$(given n1 '{"Increment":40}')" '[1,1]'
    discover n0 n1 n2
    mesh n0 n1 n2
    assert_equal "$(agree n0 n1 n2)" "$(peer_id n0)"
    wait_event n1 '.event == "group_resynced"' >/dev/null
    same_end 3 n0 n1 n2
    assert_equal "$(asked n0 null weak) $(asked n1 null weak) $(asked n2 null)" '6 6 6'
}
