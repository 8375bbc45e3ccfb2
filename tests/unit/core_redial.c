/* Dialling row by row: what our handshake says (groups.md 2.3), when we dial again after which code (2.5), which of two
 * connections stays (2.6). Our node is at place 1, the test holds others. */
#include "bond_scene.h"

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
        struct net_conn *gone = closed ? crossing.ours : crossing.theirs,
                        *kept = closed ? crossing.theirs : crossing.ours;
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
        struct net_conn *alive = silent ? crossing.theirs : crossing.ours,
                        *dead = silent ? crossing.ours : crossing.theirs;
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
    static const struct {
        uint64_t code, from_ms, to_ms;
    } rows[] = {
        {0, 400, 650},     {100, 200000, 0},   {101, 590000, 0},    {102, 4900, 6100}, {103, 400, 650},
        {200, 400, 650},   {204, 4900, 6100},  {400, 26000, 36000}, {30400, 400, 650}, {30403, 52000, 71000},
        {30404, 400, 650}, {30405, 200000, 0}, {30408, 400, 650},   {30429, 0, 510},   {77777, 400, 650},
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

static size_t unbonded_count(const struct scene *scene)
{
    json_t *bonds = msk_node_bonds_json(scene->net->places[US].node, net_now(scene->net, US), &scene->group.id);
    size_t count = json_array_size(json_object_get(bonds, "unbonded"));
    json_decref(bonds);
    return count;
}

/* A visitor, as `mosaik-inspect bond` is. */
static void who_leaves_and_never_listed_the_group_is_forgotten_with_its_entry(void **state)
{
    (void)state;
    struct scene scene = alone();
    fake_introduce(scene.net, PEER, US, scene.entry);
    struct net_conn *conn = fake_bond(scene.net, PEER, US, &scene.group);
    assert_true(NET_UNTIL(scene.net, 1000, net_bonded(scene.net, US, PEER, &scene.group.id)) < 1000);
    fake_send(scene.net, conn, 0, MSK_TYPE(bond_message), &(struct msk_bond_message){.kind = MSK_BOND_DEPARTURE});
    assert_true(NET_UNTIL(scene.net, 1000, unbonded_count(&scene) == 1) < 1000);
    net_run_for(scene.net, MSK_PURGE_AFTER_MS + 5000);
    assert_int_equal(unbonded_count(&scene), 0);
    assert_int_equal(net_conn_total(scene.net, US, PEER, MSK_ALPN_GROUPS), 1); /* its own: nobody dialled it */
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

/* What the event promises is what happens: the dial follows the sync, not the clock. */
static void after_401_a_sync_is_awaited(void **state)
{
    (void)state;
    struct scene scene = alone();
    struct net_conn *conn = dialled(&scene);
    struct msk_builder sentence;
    net_close(scene.net, conn, 1, MSK_CLOSE_UNKNOWN_PEER);
    assert_true(NET_UNTIL(scene.net, 1000, net_events(scene.net, US, MSK_EVENT_DIAL_FAILED) == 1) < 1000);
    msk_builder_init(&sentence, 1024);
    msk_event_sentence(&scene.net->places[US].last[MSK_EVENT_DIAL_FAILED], &sentence);
    assert_non_null(strstr((const char *)sentence.data,
                           "ended in 401 UnknownPeer, again after a catalog sync, in 12000 ms at the latest"));
    msk_builder_free(&sentence);
    net_run_for(scene.net, 20);
    struct net_conn *sync = last_conn(scene.net, MSK_ALPN_SYNC, US);
    struct msk_catalog_snapshot snapshot = {{scene.entry, 1}};
    fake_send(scene.net, sync, 1, MSK_TYPE(catalog_snapshot), &snapshot);
    net_run_for(scene.net, 100);
    assert_ptr_not_equal(last_conn(scene.net, MSK_ALPN_GROUPS, US), conn);
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
        cmocka_unit_test(who_leaves_and_never_listed_the_group_is_forgotten_with_its_entry),
        cmocka_unit_test(a_stranger_that_lists_the_group_is_quarantined),
        cmocka_unit_test(after_401_a_sync_is_awaited),
        cmocka_unit_test(an_endless_401_is_not_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
