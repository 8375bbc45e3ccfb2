/* Bonds row by row: who is refused with which code and in which order (groups.md 2.3, 2.4), what messages do (2.7, 2.8),
 * which of two connections stays (2.6), how a dialler goes on (2.5). Our node is at place 1, the test holds others. */
#include "node_fake.h"

#define US   1
#define PEER 2
#define OTHER 3

struct scene {
    struct net *net;
    struct msk_group_config group;
    struct msk_signed_peer_entry *entry; /* the peer's */
};

/* A node alone in its group; the peer's place is held by the test and not known to it yet. */
static struct scene alone(void)
{
    struct scene scene = {.net = net_new(7)};
    scene.group = net_group_config(scene.net, "g");
    net_start(scene.net, US, NULL);
    net_join(scene.net, US, &scene.group);
    fake_take(scene.net, PEER, NULL);
    fake_take(scene.net, OTHER, NULL);
    scene.entry = fake_entry(scene.net, PEER, NULL, 0);
    return scene;
}

/* The peer is in its catalog, without listing the group: nobody dials it. */
static struct scene known(void)
{
    struct scene scene = alone();
    fake_introduce(scene.net, PEER, US, scene.entry);
    return scene;
}

static struct net_conn *open_link(struct scene *scene)
{
    struct net_conn *conn = fake_dial(scene->net, PEER, US, MSK_ALPN_GROUPS);
    assert_true(NET_UNTIL(scene->net, 1000, conn->open) < 1000);
    return conn;
}

static const char *text_of(const struct msk_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->fields[i].name, name) == 0)
            return event->fields[i].text;
    return NULL;
}

static void expect_refusal(struct scene *scene, struct net_conn *conn, uint64_t code, const char *check)
{
    assert_int_equal(fake_closed(scene->net, conn, 0, 100), code);
    assert_int_equal(net_events(scene->net, US, MSK_EVENT_HANDSHAKE_REJECTED), 1);
    assert_string_equal(text_of(&scene->net->places[US].last[MSK_EVENT_HANDSHAKE_REJECTED], "check"), check);
    assert_int_equal(net_view(scene->net, US, &scene->group.id).bond_count, 0);
    net_free(scene->net);
}

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

static void row_4a_a_bad_signature_in_the_list_is_undecodable(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = open_link(&scene);
    struct msk_signed_peer_entry *other = fake_entry(scene.net, OTHER, NULL, 0);
    other->signature[3] ^= 1;
    struct msk_handshake_start start = fake_start(scene.net, conn, &scene.group);
    start.bonds = (struct msk_signed_peer_entry_seq){other, 1};
    fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
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

static struct net_conn *bonded(struct scene *scene)
{
    struct net_conn *conn = fake_bond(scene->net, PEER, US, &scene->group);
    assert_true(NET_UNTIL(scene->net, 100, net_bonded(scene->net, US, PEER, &scene->group.id)) < 100);
    net_run_for(scene->net, 10);
    return conn;
}

static void send_kind(struct scene *scene, struct net_conn *conn, enum msk_bond_message_kind kind)
{
    struct msk_bond_message message = {.kind = kind};
    fake_send(scene->net, conn, 0, MSK_TYPE(bond_message), &message);
}

static void send_entry(struct scene *scene, struct net_conn *conn, enum msk_bond_message_kind kind,
                       const struct msk_signed_peer_entry *entry)
{
    struct msk_bond_message message = {.kind = kind, .entry = *entry};
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

static void a_listed_peer_is_dialled(void **state)
{
    (void)state;
    static const bool by_list[] = {true, false};
    for (size_t i = 0; i < 2; i++) {
        struct scene scene = known();
            struct msk_signed_peer_entry *other = fake_entry(scene.net, OTHER, &scene.group.id, 0);
        struct net_conn *conn = open_link(&scene);
        struct msk_handshake_start start = fake_start(scene.net, conn, &scene.group);
        if (by_list[i])
            start.bonds = (struct msk_signed_peer_entry_seq){other, 1};
        fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
        net_run_for(scene.net, 10);
        if (!by_list[i])
            send_entry(&scene, conn, MSK_BOND_FORMED, other);
        /* A sync comes first: it does not know us. The place answers nothing, so the dial follows the limit. */
        net_run_for(scene.net, MSK_EXCHANGE_STEP_MS + 500);
        assert_true(net_conn_total(scene.net, US, OTHER, MSK_ALPN_SYNC) > 0);
        assert_true(net_conn_total(scene.net, US, OTHER, MSK_ALPN_GROUPS) > 0);
        net_free(scene.net);
    }
}

/* Rules of ours: neither another network's entry nor one that does not list the group (groups.md 2.1). */
static void listed_peers_of_others_are_not_dialled(void **state)
{
    (void)state;
    struct scene scene = known();
    struct net_conn *conn = bonded(&scene);
    struct msk_signed_peer_entry *others[2] = {fake_entry(scene.net, OTHER, NULL, 0),
                                               fake_entry(scene.net, OTHER, &scene.group.id, 0)};
    others[1]->entry.network = msk_digest_of_string("another");
    fake_sign(scene.net, OTHER, others[1]);
    for (int i = 0; i < 2; i++)
        send_entry(&scene, conn, MSK_BOND_FORMED, others[i]);
    net_run_for(scene.net, 10000);
    assert_int_equal(net_conn_total(scene.net, US, OTHER, MSK_ALPN_GROUPS), 0);
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

/* ---- groups.md 2.6 */

/* Our node dials the peer; the peer dials at the same instant. `ours` and `theirs` are both complete at our side. */
struct crossing {
    struct scene scene;
    struct net_conn *ours, *theirs;
};

static void answer_end(struct scene *scene, struct net_conn *conn, const struct msk_signed_peer_entry_seq *bonds)
{
    struct msk_handshake_end end = {.proof = fake_proof(scene->net, conn, 1, &scene->group)};
    if (bonds)
        end.bonds = *bonds;
    fake_send(scene->net, conn, 1, MSK_TYPE(handshake_end), &end);
}

static struct net_conn *last_conn(const struct net *net, enum msk_alpn alpn, int from)
{
    for (size_t i = net->conn_count; i > 0; i--)
        if (net->conns[i - 1]->alpn == alpn && net->conns[i - 1]->ends[0].place == from)
            return net->conns[i - 1];
    return NULL;
}

static struct crossing cross(void)
{
    struct crossing crossing = {.scene = alone()};
    struct scene *scene = &crossing.scene;
    scene->entry = fake_entry(scene->net, PEER, &scene->group.id, 0);
    fake_introduce(scene->net, PEER, US, scene->entry);
    assert_true(NET_UNTIL(scene->net, 1000, net_conn_total(scene->net, US, PEER, MSK_ALPN_GROUPS) == 1) < 1000);
    crossing.ours = last_conn(scene->net, MSK_ALPN_GROUPS, US);
    assert_true(NET_UNTIL(scene->net, 1000, crossing.ours->ends[1].frame_count == 1) < 1000);
    crossing.theirs = fake_bond(scene->net, PEER, US, &scene->group);
    answer_end(scene, crossing.ours, NULL);
    net_run_for(scene->net, 20);
    assert_true(net_bonded(scene->net, US, PEER, &scene->group.id));
    assert_int_equal(fake_count(crossing.ours, 1, MSK_BOND_PING), 1);
    assert_int_equal(fake_count(crossing.theirs, 0, MSK_BOND_PING), 1);
    assert_int_equal(net_events(scene->net, US, MSK_EVENT_BOND_FORMED), 1);
    return crossing;
}

static void the_connection_that_the_peer_keeps_becomes_the_bond(void **state)
{
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct crossing crossing = cross();
        struct net *net = crossing.scene.net;
        struct net_conn *gone = closed ? crossing.ours : crossing.theirs, *kept = closed ? crossing.theirs : crossing.ours;
        int peer_end = closed ? 0 : 1;
        net_close(net, gone, 1 - peer_end, MSK_CLOSE_ALREADY_BONDED);
        for (int i = 0; i < 10; i++) {
            struct msk_bond_message ping = {.kind = MSK_BOND_PING};
            fake_send(net, kept, peer_end, MSK_TYPE(bond_message), &ping);
            net_run_for(net, 400);
        }
        assert_false(kept->ends[peer_end].closed);
        assert_true(net_bonded(net, US, PEER, &crossing.scene.group.id));
        assert_int_equal(fake_count(kept, peer_end, MSK_BOND_PONG), 10);
        assert_int_equal(net_events(net, US, MSK_EVENT_BOND_CLOSED), 0);
        assert_int_equal(net_events(net, US, MSK_EVENT_BOND_DUPLICATE), 1);
        net_free(net);
    }
}

/* A peer that keeps both: after 2 s the one that the smaller id dialled stays, the other gets 30429. */
static void of_two_that_live_the_smaller_ids_dial_stays(void **state)
{
    (void)state;
    struct crossing crossing = cross();
    struct net *net = crossing.scene.net;
    bool we_are_smaller = msk_digest_compare(&net->places[US].id, &net->places[PEER].id) < 0;
    struct net_conn *kept = we_are_smaller ? crossing.ours : crossing.theirs;
    struct net_conn *gone = we_are_smaller ? crossing.theirs : crossing.ours;
    struct msk_bond_message ping = {.kind = MSK_BOND_PING};
    fake_send(net, crossing.ours, 1, MSK_TYPE(bond_message), &ping);
    fake_send(net, crossing.theirs, 0, MSK_TYPE(bond_message), &ping);
    net_run_for(net, 1900);
    assert_false(gone->ends[we_are_smaller ? 0 : 1].closed);
    assert_int_equal(fake_closed(net, gone, we_are_smaller ? 0 : 1, 150), MSK_CLOSE_ALREADY_BONDED);
    assert_false(kept->ends[we_are_smaller ? 1 : 0].closed);
    assert_true(net_bonded(net, US, PEER, &crossing.scene.group.id));
    net_free(net);
}

/* Whatever the ids say, a connection over which nothing comes is not kept. */
static void of_two_the_silent_one_goes(void **state)
{
    (void)state;
    for (int silent = 0; silent < 2; silent++) {
        struct crossing crossing = cross();
        struct net *net = crossing.scene.net;
        struct net_conn *alive = silent ? crossing.theirs : crossing.ours, *dead = silent ? crossing.ours : crossing.theirs;
        struct msk_bond_message ping = {.kind = MSK_BOND_PING};
        fake_send(net, alive, silent ? 0 : 1, MSK_TYPE(bond_message), &ping);
        assert_int_equal(fake_closed(net, dead, silent ? 1 : 0, 2100), MSK_CLOSE_ALREADY_BONDED);
        assert_false(alive->ends[silent ? 0 : 1].closed);
        net_free(net);
    }
}

static void when_both_die_we_dial_again_soon(void **state)
{
    (void)state;
    struct crossing crossing = cross();
    struct net *net = crossing.scene.net;
    unsigned before = net_conn_total(net, US, PEER, MSK_ALPN_GROUPS);
    net_close(net, crossing.ours, 1, MSK_CLOSE_ALREADY_BONDED);
    net_close(net, crossing.theirs, 0, MSK_CLOSE_ALREADY_BONDED);
    uint64_t took_ms = NET_UNTIL(net, 2000, net_conn_total(net, US, PEER, MSK_ALPN_GROUPS) > before);
    assert_in_range(took_ms, 50, 510);
    net_free(net);
}

/* ---- groups.md 2.3, 2.5: our dial, and what follows from its refusal */

/* The peer lists the group, lets us sync, and waits for our HandshakeStart. */
static struct net_conn *dialled(struct scene *scene)
{
    scene->entry = fake_entry(scene->net, PEER, &scene->group.id, 0);
    fake_introduce(scene->net, PEER, US, scene->entry);
    assert_true(NET_UNTIL(scene->net, 1000, net_conn_total(scene->net, US, PEER, MSK_ALPN_GROUPS) == 1) < 1000);
    struct net_conn *conn = last_conn(scene->net, MSK_ALPN_GROUPS, US);
    assert_true(NET_UNTIL(scene->net, 1000, conn->ends[1].frame_count == 1) < 1000);
    return conn;
}

static void a_dial_says_network_group_proof_and_no_names(void **state)
{
    (void)state;
    struct scene scene = alone();
    struct msk_signed_peer_entry *other = fake_entry(scene.net, OTHER, NULL, 0);
    fake_introduce(scene.net, OTHER, US, other);
    (void)fake_bond(scene.net, OTHER, US, &scene.group);
    net_run_for(scene.net, 50);
    struct net_conn *conn = dialled(&scene);
    struct msk_arena arena;
    struct msk_handshake_start start;
    assert_true(fake_decode(MSK_TYPE(handshake_start), fake_frame(conn, 1, 0), &arena, &start));
    struct msk_digest proof = fake_proof(scene.net, conn, 0, &scene.group);
    assert_true(msk_digest_equal(&start.network_id, &scene.net->network_id));
    assert_true(msk_digest_equal(&start.group_id, &scene.group.id));
    assert_true(msk_digest_equal(&start.proof, &proof));
    assert_int_equal(start.bonds.count, 0); /* W-33: it has proved nothing */
    msk_arena_free(&arena);
    /* Once it has, it is told. */
    answer_end(&scene, conn, NULL);
    net_run_for(scene.net, 20);
    assert_int_equal(fake_count(conn, 1, MSK_BOND_FORMED), 1);
    net_free(scene.net);
}

static void an_answer_that_does_not_come_is_given_up_after_2_s(void **state)
{
    (void)state;
    struct scene scene = alone();
    struct net_conn *conn = dialled(&scene);
    assert_int_equal(fake_closed(scene.net, conn, 1, 2100), MSK_CLOSE_TIMEOUT);
    net_free(scene.net);
}

static void a_wrong_proof_in_the_answer_gets_30405(void **state)
{
    (void)state;
    struct scene scene = alone();
    struct net_conn *conn = dialled(&scene);
    struct msk_handshake_end end = {.proof = fake_proof(scene.net, conn, 0, &scene.group)};
    fake_send(scene.net, conn, 1, MSK_TYPE(handshake_end), &end);
    assert_int_equal(fake_closed(scene.net, conn, 1, 100), MSK_CLOSE_INVALID_PROOF);
    assert_int_equal(net_view(scene.net, US, &scene.group.id).bond_count, 0);
    /* Not before its entry changes. */
    net_run_for(scene.net, 120000);
    assert_int_equal(net_conn_total(scene.net, US, PEER, MSK_ALPN_GROUPS), 1);
    net_free(scene.net);
}

static void rubbish_in_the_answer_gets_400(void **state)
{
    (void)state;
    struct scene scene = alone();
    struct net_conn *conn = dialled(&scene);
    fake_send_bytes(scene.net, conn, 1, MSK_BYTES("x", 1));
    assert_int_equal(fake_closed(scene.net, conn, 1, 100), MSK_CLOSE_PROTOCOL_VIOLATION);
    net_free(scene.net);
}

/* Each code, and when we dial again: groups.md 2.5, last column. */
static void each_refusal_has_its_wait(void **state)
{
    (void)state;
    static const struct { uint64_t code, from_ms, to_ms; } rows[] = {
        {0, 400, 650},          {100, 200000, 0},       {101, 590000, 0},      {102, 4900, 6100},     {103, 400, 650},
        {200, 400, 650},        {204, 4900, 6100},      {400, 26000, 36000},   {30400, 400, 650},     {30403, 52000, 71000},
        {30404, 400, 650},      {30405, 200000, 0},     {30408, 400, 650},     {30429, 0, 510},       {77777, 400, 650},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene = alone();
        struct net_conn *conn = dialled(&scene);
        uint64_t begun_ms = conn->first_ms;
        net_close(scene.net, conn, 1, rows[i].code);
        uint64_t limit_ms = rows[i].to_ms ? rows[i].to_ms : 200000; /* then its entry is stale, and it is forgotten */
        uint64_t took_ms = NET_UNTIL(scene.net, limit_ms, net_conn_total(scene.net, US, PEER, MSK_ALPN_GROUPS) > 1);
        uint64_t wait_ms = scene.net->now_ms - begun_ms;
        if (rows[i].to_ms == 0 ? took_ms != UINT64_MAX : (wait_ms < rows[i].from_ms || wait_ms > rows[i].to_ms))
            fail_msg("code %llu: dialled again after %llu ms", (unsigned long long)rows[i].code,
                     (unsigned long long)wait_ms);
        net_free(scene.net);
    }
}

static void waits_double_up_to_15_s(void **state)
{
    (void)state;
    struct scene scene = alone();
    (void)dialled(&scene);
    uint64_t last_ms = 0, longest_ms = 0;
    for (unsigned dials = 1; dials <= 5; dials++) {
        struct net_conn *conn = last_conn(scene.net, MSK_ALPN_GROUPS, US);
        NET_UNTIL(scene.net, 1000, conn->open);
        net_close(scene.net, conn, 1, MSK_CLOSE_INVALID_HANDSHAKE);
        uint64_t took_ms = NET_UNTIL(scene.net, 20000, net_conn_total(scene.net, US, PEER, MSK_ALPN_GROUPS) > dials);
        assert_true(took_ms > last_ms && took_ms <= 15000);
        last_ms = took_ms;
        longest_ms = took_ms > longest_ms ? took_ms : longest_ms;
    }
    assert_true(longest_ms > 6000);
    net_free(scene.net);
}

/* It lists the group, is reachable, and is no member: after six tries it is left alone (W-33). */
static void a_stranger_that_lists_the_group_is_quarantined(void **state)
{
    (void)state;
    struct scene scene = alone();
    (void)dialled(&scene);
    for (unsigned dials = 1; dials <= MSK_REBUFFS_MAX; dials++) {
        struct net_conn *conn = last_conn(scene.net, MSK_ALPN_GROUPS, US);
        NET_UNTIL(scene.net, 1000, conn->ends[1].frame_count == 1);
        net_close(scene.net, conn, 1, MSK_CLOSE_GROUP_NOT_FOUND);
        NET_UNTIL(scene.net, 20000, net_conn_total(scene.net, US, PEER, MSK_ALPN_GROUPS) > dials);
    }
    assert_int_equal(net_conn_total(scene.net, US, PEER, MSK_ALPN_GROUPS), MSK_REBUFFS_MAX);
    assert_int_equal(net_events(scene.net, US, MSK_EVENT_PEER_QUARANTINED), 1);
    /* It can still come to us, and then it is a member like others. */
    (void)fake_bond(scene.net, PEER, US, &scene.group);
    net_run_for(scene.net, 50);
    assert_true(net_bonded(scene.net, US, PEER, &scene.group.id));
    net_free(scene.net);
}

/* 401 for ever: one sync, a few dials, then a pause (W-18). */
static void an_endless_401_is_not_followed(void **state)
{
    (void)state;
    struct scene scene = alone();
    (void)dialled(&scene);
    unsigned syncs = net_conn_total(scene.net, US, PEER, MSK_ALPN_SYNC);
    unsigned closed = 0;
    uint64_t until_ms = scene.net->now_ms + 30000;
    while (scene.net->now_ms < until_ms) {
        struct net_conn *conn = last_conn(scene.net, MSK_ALPN_GROUPS, US);
        struct net_conn *sync = last_conn(scene.net, MSK_ALPN_SYNC, US);
        if (conn->open && !conn->ends[1].told && ++closed)
            net_close(scene.net, conn, 1, MSK_CLOSE_UNKNOWN_PEER);
        if (sync && sync->ends[1].frame_count == 1 && !sync->ends[1].told) {
            struct msk_catalog_snapshot snapshot = {{scene.entry, 1}};
            fake_send(scene.net, sync, 1, MSK_TYPE(catalog_snapshot), &snapshot);
            sync->ends[1].frame_count++; /* answered */
        }
        net_run_for(scene.net, 20);
    }
    assert_int_equal(closed, 1 + MSK_UNKNOWN_RETRIES);
    assert_true(net_conn_total(scene.net, US, PEER, MSK_ALPN_SYNC) <= syncs + 2);
    assert_int_equal(net_events(scene.net, US, MSK_EVENT_PEER_QUARANTINED), 1);
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
        cmocka_unit_test(row_4a_a_bad_signature_in_the_list_is_undecodable),
        cmocka_unit_test(row_4a_a_stream_that_ends_gets_103),
        cmocka_unit_test(row_4a_a_stream_cut_inside_a_frame_gets_30400),
        cmocka_unit_test(row_5_another_network_gets_101),
        cmocka_unit_test(row_6_a_group_not_joined_gets_30404),
        cmocka_unit_test(row_7_a_second_bond_gets_30429),
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
        cmocka_unit_test(a_listed_peer_is_dialled),
        cmocka_unit_test(listed_peers_of_others_are_not_dialled),
        cmocka_unit_test(leaving_departs_before_it_closes),
        cmocka_unit_test(the_connection_that_the_peer_keeps_becomes_the_bond),
        cmocka_unit_test(of_two_that_live_the_smaller_ids_dial_stays),
        cmocka_unit_test(of_two_the_silent_one_goes),
        cmocka_unit_test(when_both_die_we_dial_again_soon),
        cmocka_unit_test(a_dial_says_network_group_proof_and_no_names),
        cmocka_unit_test(an_answer_that_does_not_come_is_given_up_after_2_s),
        cmocka_unit_test(a_wrong_proof_in_the_answer_gets_30405),
        cmocka_unit_test(rubbish_in_the_answer_gets_400),
        cmocka_unit_test(each_refusal_has_its_wait),
        cmocka_unit_test(waits_double_up_to_15_s),
        cmocka_unit_test(a_stranger_that_lists_the_group_is_quarantined),
        cmocka_unit_test(an_endless_401_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
