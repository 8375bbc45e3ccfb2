/* Whatever strangers and members send, and wherever memory runs out: a node stays up, keeps its bounds and its other
 * bonds (W-19, W-22, W-25, W-33). */
#include "node_fake.h"

#define US     1
#define PEER   2
#define FRIEND 3
#define ROUNDS 400

/* A node bonded with another of ours at FRIEND; the test holds PEER, which is in the catalog. */
static struct net *scene(uint64_t seed, struct msk_group_config *group)
{
    struct net *net = net_new(seed);
    *group = net_group_config(net, "g");
    fake_take(net, PEER, NULL);
    net_start(net, US, NULL);
    net_join(net, US, group);
    net_start(net, FRIEND, (const int[]){US, 0});
    net_join(net, FRIEND, group);
    fake_introduce(net, PEER, US, fake_entry(net, PEER, NULL, 0));
    assert_true(NET_UNTIL(net, 2000, net_bonded(net, US, FRIEND, &group->id)) <= 2000);
    return net;
}

/* ---- frames with errors in them */

static void encode(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    msk_builder_init(out, FAKE_FRAME_MAX);
    assert_int_equal(msk_encode(type, value, out), 0);
}

/* One of the messages that mean something in the present state, encoded. */
static void proper_frame(struct net *net, struct net_conn *conn, const struct msk_group_config *group,
                         struct msk_builder *out)
{
    struct msk_signed_peer_entry entry = *fake_entry(net, PEER, &group->id, 0);
    struct msk_handshake_start start = fake_start(net, conn, group);
    struct msk_catalog_snapshot snapshot = {{&entry, 1}};
    struct msk_bond_message message = {.kind = (enum msk_bond_message_kind)msk_random_below(&net->random, 5),
                                       .entry = entry};
    struct msk_log_entry log_entry = {1, msk_bytes_of_text("x")};
    struct msk_bond_message raft = {
        .kind = MSK_BOND_RAFT,
        .raft = {.kind = MSK_RAFT_APPEND_ENTRIES,
                 .append_entries = {
                     .term = 1, .leader = net->places[PEER].id, .entries = {&log_entry, 1}, .leader_commit = 1}}};
    start.bonds = (struct msk_signed_peer_entry_seq){&entry, 1};
    if (conn->alpn == MSK_ALPN_SYNC)
        encode(MSK_TYPE(catalog_snapshot), &snapshot, out);
    else if (conn->ends[0].frame_count == 0)
        encode(MSK_TYPE(handshake_start), &start, out);
    else
        encode(MSK_TYPE(bond_message), msk_random_below(&net->random, 2) ? &raft : &message, out);
}

static void damage(struct net *net, struct msk_builder *frame)
{
    for (uint64_t i = msk_random_below(&net->random, 4); i > 0 && frame->len > 0; i--)
        frame->data[msk_random_below(&net->random, frame->len)] ^= (uint8_t)(1u << msk_random_below(&net->random, 8));
    if (msk_random_below(&net->random, 4) == 0)
        frame->len = msk_random_below(&net->random, frame->len + 1);
}

static void damaged_frames_do_no_harm(void **state)
{
    (void)state;
    struct msk_group_config group;
    struct net *net = scene(41, &group);
    for (int round = 0; round < ROUNDS; round++) {
        struct net_conn *conn = fake_dial(net, PEER, US, round % 5 ? MSK_ALPN_GROUPS : MSK_ALPN_SYNC);
        NET_UNTIL(net, 100, conn->open);
        for (int i = 0; i < 4; i++) {
            struct msk_builder frame;
            proper_frame(net, conn, &group, &frame);
            if (i > 0 || round % 2)
                damage(net, &frame);
            fake_send_bytes(net, conn, 0, msk_builder_view(&frame));
            msk_builder_free(&frame);
            net_run_for(net, 4);
        }
        net_close(net, conn, 0, MSK_CLOSE_DROPPED);
        net_run_for(net, 10);
        if (round % 50 == 0) /* its entry must not go stale */
            fake_introduce(net, PEER, US, fake_entry(net, PEER, NULL, 0));
    }
    assert_true(net_events(net, US, MSK_EVENT_PROTOCOL_VIOLATION) > ROUNDS / 10);
    assert_true(net_events(net, US, MSK_EVENT_BOND_FORMED) > ROUNDS / 10);
    assert_true(net_bonded(net, US, FRIEND, &group.id));
    assert_int_equal(net_events(net, US, MSK_EVENT_GROUP_FAILED), 0);
    net_free(net);
}

/* ---- masses */

static void connections_that_say_nothing_are_bounded(void **state)
{
    (void)state;
    struct msk_group_config group;
    struct net *net = scene(42, &group);
    for (int i = 0; i < 1000; i++) {
        (void)fake_dial(net, PEER, US, i % 2 ? MSK_ALPN_GROUPS : MSK_ALPN_SYNC);
        if (i % 10 == 0)
            net_run_for(net, 3);
        const struct msk_node *node = net->places[US].node;
        assert_true(node->accepting_count <= MSK_ACCEPTING_PEER_MAX);
        assert_true(node->links.by_number.count <= MSK_ACCEPTING_PEER_MAX + MSK_EXCHANGES_IN_PEER_MAX + 4);
    }
    net_run_for(net, 10000);
    assert_int_equal(net->places[US].node->accepting_count, 0);
    assert_true(net_bonded(net, US, FRIEND, &group.id));
    net_free(net);
}

/* A member that names hundreds of made-up peers makes us dial, but not without bound, nor for ever. */
static void made_up_members_are_bounded(void **state)
{
    (void)state;
    struct msk_group_config group;
    struct net *net = scene(43, &group);
    struct net_conn *conn = fake_bond(net, PEER, US, &group);
    net_run_for(net, 20);
    for (int i = 0; i < 600; i++) {
        uint8_t secret[32] = {(uint8_t)i, (uint8_t)(i >> 8), 9};
        struct msk_signed_peer_entry entry = *fake_entry(net, 9, &group.id, 0); /* an address where nobody is */
        assert_int_equal(msk_ed25519_public(secret, &entry.entry.address.peer_id), 0);
        assert_int_equal(msk_peer_entry_sign(&entry, secret), 0);
        struct msk_bond_message message = {.kind = MSK_BOND_FORMED, .entry = entry};
        fake_send(net, conn, 0, MSK_TYPE(bond_message), &message);
        net_run_for(net, 20);
        const struct msk_group *own = msk_node_group(net->places[US].node, &group.id);
        assert_int_equal(own->broken, 0);
        assert_true(net->places[US].node->links.by_number.count <= MSK_EXCHANGES_OUT_MAX + MSK_DIALS_MAX + 8);
    }
    assert_true(net_bonded(net, US, FRIEND, &group.id));
    assert_true(net_bonded(net, US, PEER, &group.id));
    net_free(net);
}

/* ---- memory */

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    unsigned failed = 0;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        struct net *net = net_new(seed);
        struct msk_group_config group = net_group_config(net, "g");
        for (int i = 1; i <= 3; i++) {
            net_start(net, i, (const int[]){1, 0});
            net_join(net, i, &group);
        }
        net->starve = 0.05;
        net_run_for(net, 20000);
        net->starve = 0;
        for (int i = 1; i <= 3; i++) {
            failed += net_events(net, i, MSK_EVENT_GROUP_FAILED);
            net_join(net, i, &group); /* again, where it failed */
        }
        uint64_t took_ms = NET_UNTIL(net, 120000, net_full_mesh(net, 3, &group.id));
        if (took_ms == UINT64_MAX)
            fail_msg("seed %llu: no mesh", (unsigned long long)seed);
        net_free(net);
    }
    assert_true(failed > 0); /* else nothing was lost and this shows nothing */
}

/* ---- the frames accepted at each stage (W-25) */

static void frame_limits_follow_the_state(void **state)
{
    (void)state;
    struct msk_group_config group;
    struct net *net = scene(44, &group);
    const struct msk_node *node = net->places[US].node;
    struct net_conn *conn = fake_dial(net, PEER, US, MSK_ALPN_GROUPS);
    NET_UNTIL(net, 100, conn->open);
    assert_int_equal(msk_node_link_frame_max(node, conn->ends[1].link), MSK_GROUP_HANDSHAKE_MAX);
    struct msk_handshake_start start = fake_start(net, conn, &group);
    fake_send(net, conn, 0, MSK_TYPE(handshake_start), &start);
    net_run_for(net, 10);
    assert_int_equal(msk_node_link_frame_max(node, conn->ends[1].link), 16u << 20);
    struct net_conn *ping = fake_dial(net, PEER, US, MSK_ALPN_PING);
    NET_UNTIL(net, 100, ping->open);
    assert_int_equal(msk_node_link_frame_max(node, ping->ends[1].link), 64u << 10);
    struct net_conn *sync = fake_dial(net, PEER, US, MSK_ALPN_SYNC);
    NET_UNTIL(net, 100, sync->open);
    assert_int_equal(msk_node_link_frame_max(node, sync->ends[1].link), 16u << 20);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(damaged_frames_do_no_harm),     cmocka_unit_test(connections_that_say_nothing_are_bounded),
        cmocka_unit_test(made_up_members_are_bounded),   cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(frame_limits_follow_the_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
