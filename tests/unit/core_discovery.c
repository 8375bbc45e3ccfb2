/* Catalog sync and ping as initiator and acceptor, and when they happen (wire.md 4.5 to 4.9, D.1). Our node is at place
 * 1, the test holds others. */
#include "core/discovery_parts.h"
#include "node_fake.h"

#define US    1
#define PEER  2
#define OTHER 3

static struct net *node_alone(const int *bootstrap)
{
    struct net *net = net_new(11);
    fake_take(net, PEER, NULL);
    fake_take(net, OTHER, NULL);
    net_start(net, US, bootstrap);
    return net;
}

static const struct msk_signed_peer_entry *known(const struct net *net, int place)
{
    return msk_catalog_find(&net->places[US].node->catalog, net_now(net, US).wall_ms, &net->places[place].id);
}

static struct net_conn *opened(struct net *net, enum msk_alpn alpn)
{
    struct net_conn *conn = fake_dial(net, PEER, US, alpn);
    assert_true(NET_UNTIL(net, 1000, conn->open) < 1000);
    net_run_for(net, 5);
    return conn;
}

/* The latest connection of a protocol that our node began with a place; NULL: none. */
static struct net_conn *begun(const struct net *net, int place, enum msk_alpn alpn)
{
    for (size_t i = net->conn_count; i > 0; i--) {
        struct net_conn *conn = net->conns[i - 1];
        if (conn->alpn == alpn && conn->ends[0].place == US && conn->ends[1].place == place)
            return conn;
    }
    return NULL;
}

static void send_snapshot(struct net *net, struct net_conn *conn, int end, struct msk_signed_peer_entry *const *entries,
                          size_t count)
{
    struct msk_signed_peer_entry items[8];
    for (size_t i = 0; i < count; i++)
        items[i] = *entries[i];
    struct msk_catalog_snapshot snapshot = {{items, count}};
    fake_send(net, conn, end, MSK_TYPE(catalog_snapshot), &snapshot);
}

/* How many entries a snapshot that came to an end has, and whether the place is among them. */
static size_t snapshot_of(const struct net *net, const struct net_conn *conn, int end, int place, bool *present)
{
    struct msk_arena arena;
    struct msk_catalog_snapshot snapshot;
    assert_true(fake_decode(MSK_TYPE(catalog_snapshot), fake_frame(conn, end, 0), &arena, &snapshot));
    *present = false;
    for (size_t i = 0; i < snapshot.entries.count; i++)
        *present =
            *present || msk_digest_equal(&snapshot.entries.items[i].entry.address.peer_id, &net->places[place].id);
    msk_arena_free(&arena);
    return snapshot.entries.count;
}

/* ---- acceptor */

static void the_answer_is_taken_before_merging(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    bool present;
    struct net_conn *first = opened(net, MSK_ALPN_SYNC);
    send_snapshot(net, first, 0, (struct msk_signed_peer_entry *[]){fake_entry(net, PEER, NULL, 0)}, 1);
    net_run_for(net, 10);
    assert_int_equal(snapshot_of(net, first, 0, PEER, &present), 1);
    assert_false(present);
    assert_non_null(known(net, PEER));
    /* It waits for the initiator to close. */
    assert_false(first->ends[0].closed);
    struct net_conn *second = opened(net, MSK_ALPN_SYNC);
    send_snapshot(net, second, 0, NULL, 0);
    net_run_for(net, 10);
    assert_int_equal(snapshot_of(net, second, 0, PEER, &present), 2);
    assert_true(present);
    net_free(net);
}

static void several_are_served_side_by_side(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    struct net_conn *silent = opened(net, MSK_ALPN_SYNC);
    struct net_conn *other = fake_dial(net, OTHER, US, MSK_ALPN_SYNC);
    net_run_for(net, 10);
    send_snapshot(net, other, 0, NULL, 0);
    net_run_for(net, 10);
    assert_int_equal(other->ends[0].frame_count, 1);
    assert_false(silent->ends[0].closed);
    net_free(net);
}

static void a_stranger_that_says_nothing_is_dropped_after_5_s(void **state)
{
    (void)state;
    static const enum msk_alpn alpns[] = {MSK_ALPN_SYNC, MSK_ALPN_PING};
    for (size_t i = 0; i < 2; i++) {
        struct net *net = node_alone(NULL);
        struct net_conn *conn = opened(net, alpns[i]);
        assert_int_equal(fake_closed(net, conn, 0, 5100), MSK_CLOSE_CANCELLED);
        net_free(net);
    }
}

static void one_that_does_not_close_is_closed_after_5_s(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    struct net_conn *conn = opened(net, MSK_ALPN_SYNC);
    send_snapshot(net, conn, 0, NULL, 0);
    assert_int_equal(fake_closed(net, conn, 0, 5100), MSK_CLOSE_SUCCESS);
    net_free(net);
}

static void too_many_of_one_peer_are_refused(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    for (size_t i = 0; i < MSK_EXCHANGES_IN_PEER_MAX; i++)
        assert_false(opened(net, MSK_ALPN_SYNC)->ends[0].closed);
    assert_int_equal(fake_closed(net, opened(net, MSK_ALPN_SYNC), 0, 10), MSK_CLOSE_CANCELLED);
    net_free(net);
}

static void an_undecodable_snapshot_gets_400(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    struct net_conn *conn = opened(net, MSK_ALPN_SYNC);
    fake_send_bytes(net, conn, 0, MSK_BYTES("", 0));
    assert_int_equal(fake_closed(net, conn, 0, 50), MSK_CLOSE_PROTOCOL_VIOLATION);
    net_free(net);
}

/* One bad signature in a list makes the whole list fail (wire.md 4.2). */
static void one_bad_signature_spoils_the_list(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    struct net_conn *conn = opened(net, MSK_ALPN_SYNC);
    struct msk_signed_peer_entry *entries[] = {fake_entry(net, PEER, NULL, 0), fake_entry(net, OTHER, NULL, 0)};
    entries[1]->signature[0] ^= 1;
    send_snapshot(net, conn, 0, entries, 2);
    assert_int_equal(fake_closed(net, conn, 0, 50), MSK_CLOSE_PROTOCOL_VIOLATION);
    assert_null(known(net, PEER));
    net_free(net);
}

/* Only news need a signature: what is not taken may carry any. */
static void what_is_known_is_not_checked_again(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    struct msk_signed_peer_entry *entries[] = {fake_entry(net, PEER, NULL, 0), fake_entry(net, OTHER, NULL, 0)};
    send_snapshot(net, opened(net, MSK_ALPN_SYNC), 0, entries, 1);
    net_run_for(net, 50);
    struct msk_entry_version version = known(net, PEER)->entry.version;
    struct net_conn *conn = opened(net, MSK_ALPN_SYNC);
    entries[0]->signature[0] ^= 1;
    send_snapshot(net, conn, 0, entries, 2);
    net_run_for(net, 50);
    assert_int_equal(conn->ends[0].frame_count, 1);
    assert_non_null(known(net, OTHER));
    assert_int_equal(msk_peer_entry_verify(known(net, PEER)), 0);
    /* A newer one is news. */
    conn = opened(net, MSK_ALPN_SYNC);
    entries[0] = fake_entry(net, PEER, NULL, 0);
    assert_true(msk_entry_version_compare(&entries[0]->entry.version, &version) > 0);
    entries[0]->signature[0] ^= 1;
    send_snapshot(net, conn, 0, entries, 1);
    assert_int_equal(fake_closed(net, conn, 0, 50), MSK_CLOSE_PROTOCOL_VIOLATION);
    assert_int_equal(msk_entry_version_compare(&known(net, PEER)->entry.version, &version), 0);
    net_free(net);
}

/* `count` peers that nobody can dial; free the items. */
static struct msk_catalog_snapshot crowd(const struct net *net, size_t count)
{
    struct msk_signed_peer_entry *items = calloc(count, sizeof *items);
    for (size_t i = 0; i < count; i++) {
        uint8_t secret[MSK_SECRET_LEN] = {1, (uint8_t)i, (uint8_t)(i >> 8)};
        items[i].entry.protocol = msk_bytes_of_text(MSK_PROTOCOL_VERSION);
        items[i].entry.network = net->network_id;
        items[i].entry.version = (struct msk_entry_version){NET_EPOCH_MS, NET_EPOCH_MS};
        assert_int_equal(msk_ed25519_public(secret, &items[i].entry.address.peer_id), 0);
        assert_int_equal(msk_peer_entry_sign(&items[i], secret), 0);
    }
    return (struct msk_catalog_snapshot){{items, count}};
}

/* A large network is learned whole, in as many exchanges as its size needs; nobody makes us check more at once. */
static void a_crowd_is_learned_in_several_exchanges(void **state)
{
    (void)state;
    const size_t count = MSK_SYNC_NEWS_MAX + 300;
    struct net *net = node_alone(NULL);
    const struct msk_catalog *catalog = &net->places[US].node->catalog;
    struct msk_catalog_snapshot snapshot = crowd(net, count);
    fake_send(net, opened(net, MSK_ALPN_SYNC), 0, MSK_TYPE(catalog_snapshot), &snapshot);
    net_run_for(net, 50);
    assert_int_equal(catalog->count, MSK_SYNC_NEWS_MAX);
    assert_int_equal(net_events(net, US, MSK_EVENT_LIMIT_HIT), 1);
    fake_send(net, opened(net, MSK_ALPN_SYNC), 0, MSK_TYPE(catalog_snapshot), &snapshot);
    net_run_for(net, 50);
    assert_int_equal(catalog->count, count);
    assert_int_equal(net_events(net, US, MSK_EVENT_LIMIT_HIT), 1);
    free(snapshot.entries.items);
    net_free(net);
}

static void a_stream_that_ends_early(void **state)
{
    (void)state;
    for (int inside = 0; inside < 2; inside++) {
        struct net *net = node_alone(NULL);
        struct net_conn *conn = opened(net, MSK_ALPN_SYNC);
        const struct msk_link_close close = {.by = MSK_CLOSED_PEER, .stream_ended = true, .inside_frame = inside};
        msk_node_link_closed(net->places[US].node, net_now(net, US), conn->ends[1].link, &close,
                             &net->places[US].actions);
        net_execute(net, US);
        assert_int_equal(fake_closed(net, conn, 0, 50), inside ? MSK_CLOSE_DROPPED : MSK_CLOSE_UNEXPECTED_CLOSE);
        net_free(net);
    }
}

static void any_ping_gets_a_fresh_entry(void **state)
{
    (void)state;
    static const char *const questions[] = {"", "whatever"};
    for (size_t i = 0; i < 2; i++) {
        struct net *net = node_alone(NULL);
        net_run_for(net, 500);
        struct net_conn *conn = opened(net, MSK_ALPN_PING);
        fake_send_bytes(net, conn, 0, msk_bytes_of_text(questions[i]));
        net_run_for(net, 10);
        struct msk_arena arena;
        struct msk_signed_peer_entry entry;
        assert_true(fake_decode(MSK_TYPE(signed_peer_entry), fake_frame(conn, 0, 0), &arena, &entry));
        assert_true(
            msk_entry_version_compare(&entry.entry.version, &net->places[US].node->own.signed_entry.entry.version) > 0);
        msk_arena_free(&arena);
        net_free(net);
    }
}

/* ---- initiator */

static void we_speak_first_and_close_at_once(void **state)
{
    (void)state;
    struct net *net = node_alone((const int[]){PEER, 0});
    bool present;
    net_run_for(net, 10);
    struct net_conn *conn = begun(net, PEER, MSK_ALPN_SYNC);
    assert_int_equal(snapshot_of(net, conn, 1, US, &present), 1);
    assert_true(present);
    send_snapshot(net, conn, 1, (struct msk_signed_peer_entry *[]){fake_entry(net, PEER, NULL, 0)}, 1);
    assert_int_equal(fake_closed(net, conn, 1, 10), MSK_CLOSE_SUCCESS);
    assert_non_null(known(net, PEER));
    net_free(net);
}

static void an_answer_that_does_not_come_is_given_up_and_tried_again(void **state)
{
    (void)state;
    struct net *net = node_alone((const int[]){PEER, 0});
    net_run_for(net, 10);
    struct net_conn *conn = begun(net, PEER, MSK_ALPN_SYNC);
    assert_int_equal(fake_closed(net, conn, 1, 5100), MSK_CLOSE_CANCELLED);
    assert_int_equal(net_events(net, US, MSK_EVENT_SYNC_FAILED), 1);
    net_run_for(net, 500);
    assert_ptr_not_equal(begun(net, PEER, MSK_ALPN_SYNC), conn);
    net_free(net);
}

/* A bootstrap peer that starts later is found within a second, after minutes within five. */
static void an_absent_bootstrap_peer_is_tried_again_and_again(void **state)
{
    (void)state;
    struct net *net = net_new(12);
    net_start(net, US, (const int[]){2, 0});
    net_run_for(net, 700);
    net_start(net, 2, NULL);
    assert_in_range(NET_UNTIL(net, 1000, known(net, 2)), 0, 700);
    net_free(net);

    net = net_new(13);
    net_start(net, US, (const int[]){2, 0});
    net_run_for(net, 30000);
    assert_in_range(net_conn_total(net, US, 2, MSK_ALPN_SYNC), 25, 35);
    assert_int_equal(net_events(net, US, MSK_EVENT_BOOTSTRAP_UNREACHABLE), 1);
    net_run_for(net, 270000);
    assert_in_range(net_conn_total(net, US, 2, MSK_ALPN_SYNC), 100, 115);
    net_start(net, 2, NULL);
    assert_in_range(NET_UNTIL(net, 10000, known(net, 2)), 0, 6000);
    net_free(net);
}

static void a_new_peer_is_synced_with_once(void **state)
{
    (void)state;
    struct net *net = node_alone((const int[]){PEER, 0});
    net_run_for(net, 10);
    struct msk_signed_peer_entry *entries[] = {fake_entry(net, PEER, NULL, 0), fake_entry(net, OTHER, NULL, 0)};
    send_snapshot(net, begun(net, PEER, MSK_ALPN_SYNC), 1, entries, 2);
    net_run_for(net, 150);
    struct net_conn *conn = begun(net, OTHER, MSK_ALPN_SYNC);
    assert_non_null(conn);
    send_snapshot(net, conn, 1, NULL, 0);
    net_run_for(net, 20000);
    assert_int_equal(net_conn_total(net, US, OTHER, MSK_ALPN_SYNC), 1);
    net_free(net);
}

/* Those who are not bonded with us hear from us again well within five minutes (wire.md 4.9). */
static void we_sync_again_every_45_s(void **state)
{
    (void)state;
    struct net *net = net_new(14);
    net->without_gossip = true;
    net_start(net, US, (const int[]){2, 0});
    net_start(net, 2, NULL);
    net_run_for(net, 600000);
    assert_in_range(net_conn_total(net, US, 2, MSK_ALPN_SYNC), 10, 60);
    assert_in_range(net_conn_total(net, US, 2, MSK_ALPN_PING), 20, 120);
    assert_non_null(known(net, 2));
    assert_int_equal(net_events(net, US, MSK_EVENT_ENTRY_REMOVED), 0);
    net_free(net);
}

/* Unless they hear from us by gossip (wire.md 4.8). */
static void those_we_gossip_with_are_not_synced_again(void **state)
{
    (void)state;
    struct net *net = net_new(14);
    net_start(net, US, (const int[]){2, 0});
    net_start(net, 2, NULL);
    net_start(net, 3, (const int[]){2, 0});
    net_run_for(net, 600000);
    for (int i = 2; i <= 3; i++) {
        assert_in_range(net_conn_total(net, US, i, MSK_ALPN_SYNC), 1, 3);
        assert_non_null(known(net, i));
    }
    assert_int_equal(net_events(net, US, MSK_EVENT_ENTRY_REMOVED), 0);
    net_free(net);
}

static void bonded_peers_are_not_synced_again(void **state)
{
    (void)state;
    struct net *net = net_new(15);
    struct msk_group_config config = net_group_config(net, "g");
    for (int i = 1; i <= 2; i++) {
        net_start(net, i, (const int[]){1, 0});
        net_join(net, i, &config);
    }
    net_run_for(net, 2000);
    unsigned before = net_conn_total(net, 1, 2, MSK_ALPN_SYNC) + net_conn_total(net, 1, 2, MSK_ALPN_PING);
    net_run_for(net, 600000);
    assert_int_equal(net_conn_total(net, 1, 2, MSK_ALPN_SYNC) + net_conn_total(net, 1, 2, MSK_ALPN_PING), before);
    assert_non_null(known(net, 2)); /* by PeerEntryUpdate */
    net_free(net);
}

static void a_change_of_ours_is_told_at_once(void **state)
{
    (void)state;
    struct net *net = net_new(16);
    net_start(net, US, (const int[]){2, 0});
    net_start(net, 2, NULL);
    net_run_for(net, 1000);
    struct msk_group_config config = net_group_config(net, "g");
    net_join(net, US, &config);
    net_run_for(net, 100);
    const struct msk_signed_peer_entry *ours =
        msk_catalog_find(&net->places[2].node->catalog, net_now(net, 2).wall_ms, &net->places[US].id);
    assert_true(msk_peer_entry_lists_group(&ours->entry, &config.id));
    net_free(net);
}

static void a_peer_that_is_gone_is_forgotten(void **state)
{
    (void)state;
    struct net *net = net_new(17);
    net_start(net, US, NULL);
    net_start(net, 2, (const int[]){1, 0});
    net_run_for(net, 1000);
    assert_non_null(known(net, 2));
    net_kill(net, 2);
    net_run_for(net, 400000);
    assert_null(known(net, 2));
    assert_int_equal(net_events(net, US, MSK_EVENT_ENTRY_REMOVED), 1);
    assert_int_equal(net->places[US].node->catalog.count, 0);
    net_free(net);
}

/* With nothing to do there is nothing to wake up for, except the refresh of our entry. */
static void a_lonely_node_sleeps(void **state)
{
    (void)state;
    struct net *net = net_new(18);
    net_start(net, US, NULL);
    net_run_for(net, 600000);
    assert_in_range(net->wakeups, 8, 28);
    net_free(net);
}

/* Whatever strangers tell, the work it makes is bounded. */
static void a_catalog_full_of_strangers(void **state)
{
    (void)state;
    struct net *net = node_alone(NULL);
    for (int round = 0; round < 20; round++) {
        struct msk_signed_peer_entry items[100];
        uint8_t secret[32] = {(uint8_t)round, 1};
        struct net_conn *conn = opened(net, MSK_ALPN_SYNC);
        for (int i = 0; i < 100; i++) {
            items[i] = *fake_entry(net, PEER, NULL, 0);
            secret[2] = (uint8_t)i;
            assert_int_equal(msk_ed25519_public(secret, &items[i].entry.address.peer_id), 0);
            assert_int_equal(msk_peer_entry_sign(&items[i], secret), 0);
        }
        struct msk_catalog_snapshot snapshot = {{items, 100}};
        fake_send(net, conn, 0, MSK_TYPE(catalog_snapshot), &snapshot);
        net_run_for(net, 10);
        net_close(net, conn, 0, MSK_CLOSE_SUCCESS);
    }
    size_t before = net->conn_count;
    net_run_for(net, 5000);
    assert_int_equal(net->places[US].node->catalog.count, 2000);
    assert_true(net->conn_count - before <= 3 * MSK_EXCHANGES_OUT_MAX);
    assert_true(net->places[US].node->discovery->contact_count <= MSK_CONTACTS_MAX);
    net_free(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_is_taken_before_merging),
        cmocka_unit_test(several_are_served_side_by_side),
        cmocka_unit_test(a_stranger_that_says_nothing_is_dropped_after_5_s),
        cmocka_unit_test(one_that_does_not_close_is_closed_after_5_s),
        cmocka_unit_test(too_many_of_one_peer_are_refused),
        cmocka_unit_test(an_undecodable_snapshot_gets_400),
        cmocka_unit_test(one_bad_signature_spoils_the_list),
        cmocka_unit_test(what_is_known_is_not_checked_again),
        cmocka_unit_test(a_crowd_is_learned_in_several_exchanges),
        cmocka_unit_test(a_stream_that_ends_early),
        cmocka_unit_test(any_ping_gets_a_fresh_entry),
        cmocka_unit_test(we_speak_first_and_close_at_once),
        cmocka_unit_test(an_answer_that_does_not_come_is_given_up_and_tried_again),
        cmocka_unit_test(an_absent_bootstrap_peer_is_tried_again_and_again),
        cmocka_unit_test(a_new_peer_is_synced_with_once),
        cmocka_unit_test(we_sync_again_every_45_s),
        cmocka_unit_test(those_we_gossip_with_are_not_synced_again),
        cmocka_unit_test(bonded_peers_are_not_synced_again),
        cmocka_unit_test(a_change_of_ours_is_told_at_once),
        cmocka_unit_test(a_peer_that_is_gone_is_forgotten),
        cmocka_unit_test(a_lonely_node_sleeps),
        cmocka_unit_test(a_catalog_full_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
