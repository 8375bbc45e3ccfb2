# Groups behind mosaik-chaos as a switch, each node in a namespace of its own: what holds there for nodes of either kind.

bats_require_minimum_version 1.5.0
load lib
load c
load ../chaos/bridge

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() { interop_setup; }
teardown() { interop_teardown; }

GROUP=(--group-key secret "${FAST[@]}")

# members KIND KIND KIND: a, b and c, bonded with each other and of one mind
members() {
    bridge_start a b c
    bridge_node "$1" a "${GROUP[@]}"
    bridge_node "$2" b "${GROUP[@]}" --bootstrap "$(peer_address a)"
    bridge_node "$3" c "${GROUP[@]}" --bootstrap "$(peer_address a)"
}

# The switch has seen the bonds of all pairs form, and what the partition costs is on the links that it parts.
counted() {
    local pair
    for pair in "a b" "b c" "c a"; do
        # shellcheck disable=SC2086 # two words
        assert [ $(($(chaos_stat $pair connections) + $(chaos_stat "${pair#* }" "${pair% *}" connections))) -ge 1 ]
    done
    assert [ "$(chaos_stat a b dropped_by.partition)" -gt 0 ]
    assert [ "$(chaos_stat c a dropped_by.partition)" -gt 0 ]
    assert_equal "$(chaos_stat b c dropped)" 0
}

part_from_a() {
    local node
    chaos partition a / b c
    for node in b c; do
        wait_event "$node" ".event == \"bond_closed\" and .peer == \"$(peer_id a)\"" >/dev/null
    done
    wait_event a '.event == "bond_closed"' >/dev/null
    agree b c
    chaos heal
}

@test "reference nodes alone: parted, healed, bonded, of one mind" {
    members rust rust rust
    rust_mesh a b c
    rust_agree a b c
    part_from_a
    rust_mesh a b c
    rust_agree a b c
    counted
}

@test "a reference node among ours: parted, healed, bonded, of one mind" {
    members rust c c
    mesh a b c
    agree a b c
    part_from_a
    mesh a b c
    agree a b c
    counted
}

@test "one of ours among reference nodes: parted, healed, bonded, of one mind" {
    members c rust rust
    mesh a b c
    agree a b c
    part_from_a
    mesh a b c
    agree a b c
    counted
}
