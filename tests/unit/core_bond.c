/* Bonds row by row: who is refused with which code and in which order (groups.md 2.4), what messages do (2.7, 2.8), how
 * a member leaves (2.10). Our node is at place 1, the test holds others. */
#include "bond_scene.h"
#include "core/mesh_parts.h"

/* ---- groups.md 2.4 */

static void row_1_other_protocols_are_closed_with_100(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = fake_dial(scene.net, PEER, US, MSK_ALPN_STREAMS);
    assert_int_equal(fake_closed(scene.net, conn, 0, 100), MSK_CLOSE_INVALID_ALPN);
    net_free(scene.net);
}

static void row_2_a_connection_that_says_nothing_ends_after_2_s(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    uint64_t opened_ms = scene.net->now_ms;
    assert_int_equal(fake_closed(scene.net, conn, 0, 3000), MSK_CLOSE_TIMEOUT);
    uint64_t took_ms = scene.net->now_ms - opened_ms;
    assert_in_range(took_ms, 1999, 2005);
    net_free(scene.net);
}

static void row_3_an_unknown_peer_gets_401_even_for_rubbish(void **state)
{
    (void)state;
    struct scene scene = alone();
    struct net_conn *conn = open_link(&scene);
    fake_send_bytes(scene.net, conn, 0, MSK_BYTES("\xff\xff", 2));
    expect_refusal(&scene, conn, MSK_CLOSE_UNKNOWN_PEER, "3");
}

static void row_3_a_stale_entry_does_not_count(void **state)
{
    (void)state;
    struct scene scene = known();
    net_run_for(scene.net, 299000);
    struct net_conn *conn = fake_bond(scene.net, PEER, US, &scene.group);
    net_run_for(scene.net, 50);
    assert_int_equal(conn->ends[0].closed, false);
    net_close(scene.net, conn, 0, MSK_CLOSE_CANCELLED);
    net_run_for(scene.net, 2000);
    conn = fake_bond(scene.net, PEER, US, &scene.group);
    assert_int_equal(fake_closed(scene.net, conn, 0, 100), MSK_CLOSE_UNKNOWN_PEER);
    net_free(scene.net);
}

static void row_4a_an_undecodable_handshake_gets_400(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    fake_send_bytes(scene.net, conn, 0, MSK_BYTES("short", 5));
    expect_refusal(&scene, conn, MSK_CLOSE_PROTOCOL_VIOLATION, "4a");
}

static void end_of_stream(struct scene *scene, bool inside_frame, uint64_t code)
{
    struct net_conn *conn = open_link(scene);
    const struct msk_link_close close = {.by = MSK_CLOSED_PEER, .stream_ended = true, .inside_frame = inside_frame};
    msk_node_link_closed(scene->net->places[US].node, net_now(scene->net, US), conn->ends[1].link, &close,
                         &scene->net->places[US].actions);
    net_execute(scene->net, US);
    expect_refusal(scene, conn, code, "4a");
}

static void row_4a_a_stream_that_ends_gets_103(void **state)
{
    (void)state;
    struct scene scene = known();
    end_of_stream(&scene, false, MSK_CLOSE_UNEXPECTED_CLOSE);
}

static void row_4a_a_stream_cut_inside_a_frame_gets_30400(void **state)
{
    (void)state;
    struct scene scene = known();
    end_of_stream(&scene, true, MSK_CLOSE_INVALID_HANDSHAKE);
}

/* Everything else wrong as well: the network is looked at first. */
static void row_5_another_network_gets_101(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    struct msk_handshake_start start = {.network_id = msk_digest_of_string("another")};
    fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
    expect_refusal(&scene, conn, MSK_CLOSE_DIFFERENT_NETWORK, "5");
}

static void row_6_a_group_not_joined_gets_30404(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    struct msk_handshake_start start = {.network_id = scene.net->network_id};
    fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
    expect_refusal(&scene, conn, MSK_CLOSE_GROUP_NOT_FOUND, "6");
}

/* A steady bond refuses a second one before its proof is looked at, and stays. */
static void row_7_a_second_bond_gets_30429(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *first = fake_bond(scene.net, PEER, US, &scene.group);
    net_run_for(scene.net, 100);
    struct net_conn *second = open_link(&scene);
    struct msk_handshake_start start = {.network_id = scene.net->network_id, .group_id = scene.group.id};
    fake_send(scene.net, second, 0, MSK_TYPE(handshake_start), &start);
    assert_int_equal(fake_closed(scene.net, second, 0, 100), MSK_CLOSE_ALREADY_BONDED);
    assert_string_equal(text_of(&scene.net->places[US].last[MSK_EVENT_HANDSHAKE_REJECTED], "check"), "7");
    assert_false(first->ends[0].closed);
    assert_true(net_bonded(scene.net, US, PEER, &scene.group.id));
    net_free(scene.net);
}

/* Unless its process is another one: the bond we hold is dead, though we have not noticed yet. */
static void row_7_a_restarted_peer_is_taken_at_once(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *first = fake_bond(scene.net, PEER, US, &scene.group);
    net_run_for(scene.net, 3000);
    int64_t wall_ms = net_now(scene.net, US).wall_ms;
    fake_introduce(scene.net, PEER, US,
                   fake_entry_of(scene.net, PEER, NULL, (struct msk_entry_version){wall_ms, wall_ms}));
    struct net_conn *second = fake_bond(scene.net, PEER, US, &scene.group);
    assert_int_equal(fake_closed(scene.net, first, 0, 100), MSK_CLOSE_TIMEOUT);
    net_run_for(scene.net, 1000);
    assert_false(second->ends[0].closed);
    assert_true(net_bonded(scene.net, US, PEER, &scene.group.id));
    net_free(scene.net);
}

static void row_9_a_wrong_proof_gets_30405(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    struct msk_handshake_start start = fake_start(scene.net, conn, &scene.group);
    start.proof.bytes[31] ^= 1;
    fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
    expect_refusal(&scene, conn, MSK_CLOSE_INVALID_PROOF, "9");
}

/* The proof of the acceptor itself, thrown back, is not one of the dialler. */
static void row_9_a_proof_is_of_its_author(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    struct msk_handshake_start start = fake_start(scene.net, conn, &scene.group);
    start.proof = fake_proof(scene.net, conn, 1, &scene.group);
    fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
    expect_refusal(&scene, conn, MSK_CLOSE_INVALID_PROOF, "9");
}

static void row_10_the_answer_carries_our_proof_and_our_bonds(void **state)
{
    (void)state;
    struct scene scene = known();
    struct msk_signed_peer_entry *other = fake_entry(scene.net, OTHER, NULL, 0);
    fake_introduce(scene.net, OTHER, US, other);
    struct net_conn *first = fake_bond(scene.net, OTHER, US, &scene.group);
    net_run_for(scene.net, 50);
    struct net_conn *conn = fake_bond(scene.net, PEER, US, &scene.group);
    net_run_for(scene.net, 50);

    struct msk_arena arena;
    struct msk_handshake_end end;
    assert_true(fake_decode(MSK_TYPE(handshake_end), fake_frame(conn, 0, 0), &arena, &end));
    struct msk_digest proof = fake_proof(scene.net, conn, 1, &scene.group);
    assert_true(msk_digest_equal(&end.proof, &proof));
    assert_int_equal(end.bonds.count, 1);
    assert_true(msk_digest_equal(&end.bonds.items[0].entry.address.peer_id, &scene.net->places[OTHER].id));
    msk_arena_free(&arena);
    /* And the others hear of the new bond (2.7). */
    assert_int_equal(fake_count(first, 0, MSK_BOND_FORMED), 1);
    assert_int_equal(fake_count(conn, 0, MSK_BOND_FORMED), 0);
    net_free(scene.net);
}

static void too_many_handshakes_of_one_peer_are_refused(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conns[MSK_ACCEPTING_PEER_MAX + 1];
    for (size_t i = 0; i <= MSK_ACCEPTING_PEER_MAX; i++)
        conns[i] = open_link(&scene);
    assert_int_equal(fake_closed(scene.net, conns[MSK_ACCEPTING_PEER_MAX], 0, 50), MSK_CLOSE_TIMEOUT);
    assert_int_equal(net_events(scene.net, US, MSK_EVENT_LIMIT_HIT), 1);
    for (size_t i = 0; i < MSK_ACCEPTING_PEER_MAX; i++)
        assert_false(conns[i]->ends[0].closed);
    net_free(scene.net);
}

/* ---- groups.md 2.7, 2.8, 2.10 */

static void send_kind(struct scene *scene, struct net_conn *conn, enum msk_bond_message_kind kind)
{
    struct msk_bond_message message = {.kind = kind};
    fake_send(scene->net, conn, 0, MSK_TYPE(bond_message), &message);
}

static void a_ping_is_sent_at_once_and_pings_are_answered(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    assert_int_equal(fake_count(conn, 0, MSK_BOND_PING), 1);
    send_kind(&scene, conn, MSK_BOND_PING);
    net_run_for(scene.net, 10);
    assert_int_equal(fake_count(conn, 0, MSK_BOND_PONG), 1);
    net_free(scene.net);
}

static void a_silent_peer_is_dropped_after_ten_misses(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    uint64_t heard_ms = scene.net->now_ms;
    assert_int_equal(fake_closed(scene.net, conn, 0, 6000), MSK_CLOSE_TIMEOUT);
    uint64_t took_ms = scene.net->now_ms - heard_ms;
    assert_in_range(took_ms, 3800, 5600); /* groups.md 2.8 */
    net_free(scene.net);
}

static void any_frame_keeps_a_bond_alive(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    for (int i = 0; i < 20; i++) {
        net_run_for(scene.net, 1000);
        send_kind(&scene, conn, MSK_BOND_PONG);
    }
    assert_false(conn->ends[0].closed);
    assert_int_equal(net_events(scene.net, US, MSK_EVENT_HEARTBEAT_FAILING), 0);
    net_free(scene.net);
}

static void rubbish_on_a_bond_gets_400(void **state)
{
    (void)state;
    static const char *const rubbish[] = {"\x06", "\x03\x01\x02", "\x05\x09", ""};
    static const size_t lengths[] = {1, 3, 2, 0};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct scene scene = known();
        struct net_conn *conn = bonded(&scene);
        fake_send_bytes(scene.net, conn, 0, MSK_BYTES(rubbish[i], lengths[i]));
        assert_int_equal(fake_closed(scene.net, conn, 0, 50), MSK_CLOSE_PROTOCOL_VIOLATION);
        assert_int_equal(net_events(scene.net, US, MSK_EVENT_PROTOCOL_VIOLATION), 1);
        net_free(scene.net);
    }
}

static void bytes_behind_a_message_are_ignored(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    fake_send_bytes(scene.net, conn, 0, MSK_BYTES("\x00more", 5));
    net_run_for(scene.net, 10);
    assert_int_equal(fake_count(conn, 0, MSK_BOND_PONG), 1);
    net_free(scene.net);
}

static void a_departure_ends_the_bond_with_102(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    send_kind(&scene, conn, MSK_BOND_DEPARTURE);
    assert_int_equal(fake_closed(scene.net, conn, 0, 50), MSK_CLOSE_CANCELLED);
    assert_false(net_bonded(scene.net, US, PEER, &scene.group.id));
    net_free(scene.net);
}

static void an_update_of_another_peer_gets_400(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    struct msk_signed_peer_entry *other = fake_entry(scene.net, OTHER, &scene.group.id, 0);
    send_entry(&scene, conn, MSK_BOND_PEER_ENTRY_UPDATE, other);
    assert_int_equal(fake_closed(scene.net, conn, 0, 50), MSK_CLOSE_PROTOCOL_VIOLATION);
    assert_null(msk_catalog_find(&scene.net->places[US].node->catalog, net_now(scene.net, US).wall_ms,
                                 &scene.net->places[OTHER].id));
    net_free(scene.net);
}

static void an_update_reaches_the_catalog(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    net_run_for(scene.net, 100);
    struct msk_signed_peer_entry *newer = fake_entry(scene.net, PEER, &scene.group.id, 0);
    send_entry(&scene, conn, MSK_BOND_PEER_ENTRY_UPDATE, newer);
    net_run_for(scene.net, 10);
    const struct msk_signed_peer_entry *held = msk_catalog_find(
        &scene.net->places[US].node->catalog, net_now(scene.net, US).wall_ms, &scene.net->places[PEER].id);
    assert_int_equal(held->entry.version.updated_ms, newer->entry.version.updated_ms);
    assert_int_equal(held->entry.groups.count, 1);
    net_free(scene.net);
}

static void our_changes_are_told_on_the_bond(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    struct net_place *us = &scene.net->places[US];
    struct msk_ticket ticket = {.class_id = msk_digest_of_string("class"), .data = MSK_BYTES("data", 4)};
    unsigned before = fake_count(conn, 0, MSK_BOND_PEER_ENTRY_UPDATE);
    assert_int_equal(msk_node_ticket_add(us->node, net_now(scene.net, US), &ticket, &us->actions), 0);
    net_execute(scene.net, US);
    net_run_for(scene.net, 10);
    assert_int_equal(fake_count(conn, 0, MSK_BOND_PEER_ENTRY_UPDATE), before + 1);
    net_free(scene.net);
}

/* A bare refresh makes members of the reference dial; two that hear of it at the same moment may undo each other's
 * dials (groups.md 2.6). */
static void a_refreshed_entry_goes_from_one_to_the_next(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net *net = scene.net;
    struct net_conn *conns[2] = {bonded(&scene)};
    fake_introduce(net, OTHER, US, fake_entry(net, OTHER, NULL, 0));
    conns[1] = fake_bond(net, OTHER, US, &scene.group);
    net_run_for(net, 20);
    unsigned before[2], now[2];
    for (int i = 0; i < 2; i++)
        before[i] = now[i] = fake_count(conns[i], 0, MSK_BOND_PEER_ENTRY_UPDATE);
    uint64_t told_ms[2] = {0, 0};
    for (uint64_t end_ms = net->now_ms + 2000; net->now_ms < end_ms; net_run_for(net, 1))
        for (int i = 0; i < 2; i++) {
            now[i] = fake_count(conns[i], 0, MSK_BOND_PEER_ENTRY_UPDATE);
            if (now[i] > before[i] && told_ms[i] == 0)
                told_ms[i] = net->now_ms;
        }
    assert_int_equal(now[0], before[0] + 1);
    assert_int_equal(now[1], before[1] + 1);
    uint64_t apart_ms = told_ms[0] > told_ms[1] ? told_ms[0] - told_ms[1] : told_ms[1] - told_ms[0];
    assert_in_range(apart_ms, 90, 110);
    net_free(net);
}

/* Two members without a word of a bond between them: reported once, and helped by new versions of our entry, ever less
 * often; a BondFormed ends it. */
static void a_pair_without_a_bond_is_reported_and_helped(void **state)
{
    (void)state;
    struct scene scene = known();
    fake_introduce(scene.net, OTHER, US, fake_entry(scene.net, OTHER, NULL, 0));
    struct net_conn *conns[] = {bonded(&scene), fake_bond(scene.net, OTHER, US, &scene.group)};
    for (int i = 0; i < 20; i++) {
        net_run_for(scene.net, 1000);
        for (int k = 0; k < 2; k++)
            send_kind(&scene, conns[k], MSK_BOND_PONG);
    }
    assert_int_equal(net_events(scene.net, US, MSK_EVENT_MESH_INCOMPLETE), 1);
    unsigned helped = fake_count(conns[0], 0, MSK_BOND_PEER_ENTRY_UPDATE);
    assert_in_range(helped, 4, 6); /* after 1, 3, 7, 15 s, and perhaps a regular one */
    send_entry(&scene, conns[0], MSK_BOND_FORMED, fake_entry(scene.net, OTHER, NULL, 0));
    net_run_for(scene.net, 2000);
    const struct msk_mesh *mesh = msk_node_group(scene.net->places[US].node, &scene.group.id)->mesh;
    assert_true(mesh->pairs_due_ms == MSK_NEVER);
    net_free(scene.net);
}

static void leaving_departs_before_it_closes(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    struct net_place *us = &scene.net->places[US];
    assert_int_equal(msk_node_leave(us->node, net_now(scene.net, US), &scene.group.id, &us->actions), 0);
    bool flushed = false;
    for (size_t i = 0; i < us->actions.count; i++)
        flushed = flushed || (us->actions.items[i].kind == MSK_ACTION_CLOSE && us->actions.items[i].close.flush);
    assert_true(flushed);
    net_execute(scene.net, US);
    assert_int_equal(fake_closed(scene.net, conn, 0, 50), MSK_CLOSE_CANCELLED);
    size_t last = conn->ends[0].frame_count;
    assert_int_equal(fake_frame(conn, 0, last - 1).data[0], MSK_BOND_DEPARTURE);
    assert_int_equal(fake_frame(conn, 0, last - 2).data[0], MSK_BOND_PEER_ENTRY_UPDATE);
    assert_int_equal(us->node->own.signed_entry.entry.groups.count, 0);
    net_free(scene.net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_1_other_protocols_are_closed_with_100),
        cmocka_unit_test(row_2_a_connection_that_says_nothing_ends_after_2_s),
        cmocka_unit_test(row_3_an_unknown_peer_gets_401_even_for_rubbish),
        cmocka_unit_test(row_3_a_stale_entry_does_not_count),
        cmocka_unit_test(row_4a_an_undecodable_handshake_gets_400),
        cmocka_unit_test(row_4a_a_stream_that_ends_gets_103),
        cmocka_unit_test(row_4a_a_stream_cut_inside_a_frame_gets_30400),
        cmocka_unit_test(row_5_another_network_gets_101),
        cmocka_unit_test(row_6_a_group_not_joined_gets_30404),
        cmocka_unit_test(row_7_a_second_bond_gets_30429),
        cmocka_unit_test(row_7_a_restarted_peer_is_taken_at_once),
        cmocka_unit_test(row_9_a_wrong_proof_gets_30405),
        cmocka_unit_test(row_9_a_proof_is_of_its_author),
        cmocka_unit_test(row_10_the_answer_carries_our_proof_and_our_bonds),
        cmocka_unit_test(too_many_handshakes_of_one_peer_are_refused),
        cmocka_unit_test(a_ping_is_sent_at_once_and_pings_are_answered),
        cmocka_unit_test(a_silent_peer_is_dropped_after_ten_misses),
        cmocka_unit_test(any_frame_keeps_a_bond_alive),
        cmocka_unit_test(rubbish_on_a_bond_gets_400),
        cmocka_unit_test(bytes_behind_a_message_are_ignored),
        cmocka_unit_test(a_departure_ends_the_bond_with_102),
        cmocka_unit_test(an_update_of_another_peer_gets_400),
        cmocka_unit_test(an_update_reaches_the_catalog),
        cmocka_unit_test(our_changes_are_told_on_the_bond),
        cmocka_unit_test(a_refreshed_entry_goes_from_one_to_the_next),
        cmocka_unit_test(a_pair_without_a_bond_is_reported_and_helped),
        cmocka_unit_test(leaving_departs_before_it_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
