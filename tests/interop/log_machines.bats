# One log, two implementations: commands and queries of a counter in groups of reference nodes and ours, whoever leads.

bats_require_minimum_version 1.5.0
load lib
load c
load log

setup_file() { interop_setup_file; }
teardown_file() { interop_teardown_file; }
setup() {
    interop_setup
    machine counter
}
teardown() { interop_teardown; }

# Leader and follower take commands; a late joiner of either kind gets the log. LEADER is the kind of the first node.
mixed_group() {
    local other=$1
    [ "$1" = c ] && other=rust || other=c
    lead "$1" a
    follow "$other" b a
    mesh a b
    assert_equal "$(agree a b)" "$(peer_id a)"
    assert_equal "$(given a '{"Increment":7}')" '[1,1]'
    assert_equal "$(given b '{"Decrement":9}' '{"Increment":1}')" '[2,3]'
    assert_equal "$(given a '{"Increment":1}')" '[4,4]'
    reads 0 4 null a b
    many a 2500 '{"Increment":1}'
    many b 2500 '{"Increment":1}'
    reads 5000 5004 null a b
}

@test "ours leads a reference node: commands from both, one state" { mixed_group c; }

@test "a reference node leads ours: commands from both, one state" { mixed_group rust; }

@test "ours catches up from reference nodes, and from ours" {
    alone rust a
    many a 4500 '{"Increment":1}'
    follow c b a
    mesh a b
    reads 4500 4500 null a b
    follow c d a
    mesh a b d
    reads 4500 4500 null d
    assert_equal "$(given d '{"Increment":1}')" '[4501,4501]'
    reads 4501 4501 null a b d
}

@test "a reference node catches up from ours" {
    alone c a
    many a 4500 '{"Increment":1}'
    follow rust b a
    mesh a b
    reads 4500 4500 null a b
    assert_equal "$(given b '{"Increment":1}')" '[4501,4501]'
    reads 4501 4501 null a b
}

@test "when a leader of ours dies, the reference members have all that it committed, and ours again after its return" {
    lead c a
    follow rust b a
    follow c d a
    mesh a b d
    assert_equal "$(agree a b d)" "$(peer_id a)"
    many d 100 '{"Increment":1}'
    reads 100 100 null a b d
    peer_kill a
    successor "$(peer_id a)" b d >/dev/null
    many b 50 '{"Increment":1}'
    reads 150 150 null b d
    follow c a b
    mesh a b d
    reads 150 150 null a
}
