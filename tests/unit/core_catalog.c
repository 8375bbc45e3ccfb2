/* The catalog's rules of acceptance one by one (wire.md 4.4, D.1), its bounds, its snapshot; and the own entry's
 * versions (wire.md 4.3). */
#include "node_fake.h"

#include "wire/frame.h"

#define US   1
#define PEER 2

struct scene {
    struct net *net; /* for its places and secrets */
    struct msk_catalog catalog;
};

static struct scene empty(void)
{
    struct scene scene = {.net = net_new(3)};
    msk_catalog_init(&scene.catalog, &scene.net->places[US].id, &scene.net->network_id, 0);
    return scene;
}

static void scene_free(struct scene *scene)
{
    msk_catalog_free(&scene->catalog);
    net_free(scene->net);
}

static int64_t wall(const struct scene *scene)
{
    return net_now(scene->net, US).wall_ms;
}

/* An entry of a place whose process began `started_ago_ms` ago and changed it `updated_ago_ms` ago (negative: hence).
 */
static struct msk_signed_peer_entry *entry(struct scene *scene, int place, int64_t started_ago_ms,
                                           int64_t updated_ago_ms)
{
    struct msk_entry_version version = {wall(scene) - started_ago_ms, wall(scene) - updated_ago_ms};
    return fake_entry_of(scene->net, place, NULL, version);
}

static enum msk_catalog_outcome offer(struct scene *scene, const struct msk_signed_peer_entry *offered)
{
    return msk_catalog_offer(&scene->catalog, net_now(scene->net, US), offered, MSK_SOURCE_SYNC, MSK_STANDING_STRANGER,
                             NULL);
}

/* ---- wire.md 4.4 */

static void rule_1_another_network_is_dropped(void **state)
{
    (void)state;
    struct scene scene = empty();
    struct msk_signed_peer_entry *foreign = entry(&scene, PEER, 0, 0);
    foreign->entry.network = msk_digest_of_string("another");
    fake_sign(scene.net, PEER, foreign);
    assert_int_equal(offer(&scene, foreign), MSK_CATALOG_OTHER_NETWORK);
    assert_int_equal(scene.catalog.count, 0);
    scene_free(&scene);
}

static void rule_2_five_minutes_old_is_the_oldest(void **state)
{
    (void)state;
    struct scene scene = empty();
    assert_int_equal(offer(&scene, entry(&scene, PEER, 400000, 300001)), MSK_CATALOG_STALE);
    assert_int_equal(offer(&scene, entry(&scene, PEER, 400000, 300000)), MSK_CATALOG_ADDED);
    scene_free(&scene);
}

static void rule_3_only_newer_ones_replace(void **state)
{
    (void)state;
    struct scene scene = empty();
    assert_int_equal(offer(&scene, entry(&scene, PEER, 100, 50)), MSK_CATALOG_ADDED);
    assert_int_equal(offer(&scene, entry(&scene, PEER, 100, 50)), MSK_CATALOG_NOT_NEWER);
    assert_int_equal(offer(&scene, entry(&scene, PEER, 100, 51)), MSK_CATALOG_NOT_NEWER);
    assert_int_equal(offer(&scene, entry(&scene, PEER, 100, 49)), MSK_CATALOG_UPDATED);
    /* The start decides before the update. */
    assert_int_equal(offer(&scene, entry(&scene, PEER, 101, 0)), MSK_CATALOG_NOT_NEWER);
    assert_int_equal(offer(&scene, entry(&scene, PEER, 99, 80)), MSK_CATALOG_UPDATED);
    assert_int_equal(scene.catalog.count, 1);
    scene_free(&scene);
}

static void our_own_id_is_skipped(void **state)
{
    (void)state;
    struct scene scene = empty();
    assert_int_equal(offer(&scene, entry(&scene, US, 0, 0)), MSK_CATALOG_OWN);
    scene_free(&scene);
}

static void the_future_is_refused(void **state)
{
    (void)state;
    static const int64_t end_of_calendar_ms = INT64_C(8210266876799999);
    struct scene scene = empty();
    assert_int_equal(offer(&scene, entry(&scene, PEER, 0, -50001)), MSK_CATALOG_FUTURE);
    assert_int_equal(
        offer(&scene, fake_entry_of(scene.net, PEER, NULL, (struct msk_entry_version){0, end_of_calendar_ms})),
        MSK_CATALOG_FUTURE);
    assert_int_equal(offer(&scene, fake_entry_of(scene.net, PEER, NULL, (struct msk_entry_version){0, INT64_MAX})),
                     MSK_CATALOG_FUTURE);
    assert_int_equal(offer(&scene, fake_entry_of(scene.net, PEER, NULL, (struct msk_entry_version){0, INT64_MIN})),
                     MSK_CATALOG_STALE);
    assert_int_equal(offer(&scene, entry(&scene, PEER, 0, -50000)), MSK_CATALOG_ADDED);
    scene_free(&scene);
}

static void an_entry_above_64_kib_is_refused(void **state)
{
    (void)state;
    struct scene scene = empty();
    static struct msk_digest tags[2100];
    struct msk_signed_peer_entry *big = entry(&scene, PEER, 0, 0);
    for (size_t i = 0; i < 2100; i++)
        tags[i] = msk_digest_of_integer(i, 8);
    struct msk_signed_peer_entry changed = *big;
    changed.entry.tags = (struct msk_digest_seq){tags, 2100};
    fake_sign(scene.net, PEER, &changed);
    assert_int_equal(offer(&scene, &changed), MSK_CATALOG_TOO_BIG);
    scene_free(&scene);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct scene scene = empty();
    struct msk_signed_peer_entry *first = entry(&scene, PEER, 0, 10), *second = entry(&scene, PEER, 0, 5);
    uint64_t successes = 0;
    for (;; successes++) {
        msk_alloc_fail_after(successes);
        enum msk_catalog_outcome outcome = offer(&scene, first);
        msk_alloc_fail_after(UINT64_MAX);
        if (outcome == MSK_CATALOG_ADDED)
            break;
        assert_int_equal(outcome, MSK_CATALOG_NOMEM);
        assert_int_equal(scene.catalog.count, 0);
    }
    assert_true(successes >= 2);
    msk_alloc_fail_after(0);
    assert_int_equal(offer(&scene, second), MSK_CATALOG_NOMEM);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(
        msk_catalog_find(&scene.catalog, wall(&scene), &scene.net->places[PEER].id)->entry.version.updated_ms,
        first->entry.version.updated_ms);
    scene_free(&scene);
}

/* ---- forgetting */

static void stale_entries_are_hidden_and_then_purged(void **state)
{
    (void)state;
    struct scene scene = empty();
    const struct msk_digest *peer = &scene.net->places[PEER].id;
    struct msk_digest purged;
    assert_int_equal(offer(&scene, entry(&scene, PEER, 0, 0)), MSK_CATALOG_ADDED);
    int64_t last_ms = wall(&scene) + 300000;
    assert_int_equal(msk_catalog_next_purge(&scene.catalog), last_ms + 1);
    assert_non_null(msk_catalog_find(&scene.catalog, last_ms, peer));
    assert_null(msk_catalog_find(&scene.catalog, last_ms + 1, peer));
    assert_false(msk_catalog_purge_one(&scene.catalog, last_ms, &purged));
    assert_true(msk_catalog_purge_one(&scene.catalog, last_ms + 1, &purged));
    assert_true(msk_digest_equal(&purged, peer));
    assert_int_equal(scene.catalog.count, 0);
    assert_int_equal(scene.catalog.bytes, 0);
    assert_true(msk_catalog_next_purge(&scene.catalog) == INT64_MAX);
    scene_free(&scene);
}

/* ---- bounds. Entries of made-up peers: the catalog leaves signatures to the decoder. */

static enum msk_catalog_outcome offer_stranger(struct scene *scene, uint64_t number, int64_t age_ms,
                                               enum msk_standing standing, struct msk_digest *evicted)
{
    struct msk_signed_peer_entry stranger = {.entry = {.protocol = msk_bytes_of_text("0.4.2"),
                                                       .network = scene->net->network_id,
                                                       .version = {wall(scene) - age_ms, wall(scene) - age_ms}}};
    stranger.entry.address.peer_id = msk_digest_of_integer(number, 8);
    return msk_catalog_offer(&scene->catalog, net_now(scene->net, US), &stranger, MSK_SOURCE_SYNC, standing, evicted);
}

static void strangers_do_not_push_anybody_out(void **state)
{
    (void)state;
    struct scene scene = empty();
    struct msk_digest evicted;
    for (uint64_t i = 0; i < MSK_CATALOG_ENTRIES_MAX; i++)
        assert_int_equal(offer_stranger(&scene, i, 1000, i % 2 ? MSK_STANDING_STRANGER : MSK_STANDING_GROUP, NULL),
                         MSK_CATALOG_ADDED);
    assert_int_equal(offer_stranger(&scene, 100000, 0, MSK_STANDING_STRANGER, &evicted), MSK_CATALOG_FULL);
    assert_true(msk_digest_is_zero(&evicted));
    /* One that means more takes the place of one that means least. */
    assert_int_equal(offer_stranger(&scene, 100001, 0, MSK_STANDING_GROUP, &evicted), MSK_CATALOG_ADDED);
    assert_int_equal(evicted.bytes[24] % 2, 1);
    assert_int_equal(scene.catalog.count, MSK_CATALOG_ENTRIES_MAX);
    /* A member keeps its place when it is renewed as a stranger. */
    struct msk_digest member = msk_digest_of_integer(2, 8);
    msk_catalog_set_standing(&scene.catalog, &member, MSK_STANDING_MEMBER);
    assert_int_equal(offer_stranger(&scene, 2, 0, MSK_STANDING_STRANGER, NULL), MSK_CATALOG_UPDATED);
    for (uint64_t i = 0; i < MSK_CATALOG_ENTRIES_MAX - 1; i++)
        assert_int_equal(offer_stranger(&scene, 200000 + i, 0, MSK_STANDING_BOOTSTRAP, NULL), MSK_CATALOG_ADDED);
    assert_int_equal(offer_stranger(&scene, 300000, 0, MSK_STANDING_BOOTSTRAP, NULL), MSK_CATALOG_FULL);
    assert_non_null(msk_catalog_find(&scene.catalog, wall(&scene), &member));
    scene_free(&scene);
}

static void the_oldest_stranger_goes_first(void **state)
{
    (void)state;
    struct scene scene = empty();
    struct msk_digest evicted;
    for (uint64_t i = 0; i < MSK_CATALOG_ENTRIES_MAX; i++)
        (void)offer_stranger(&scene, i, i == 77 ? 200000 : 1000, MSK_STANDING_STRANGER, NULL);
    assert_int_equal(offer_stranger(&scene, 100000, 0, MSK_STANDING_MEMBER, &evicted), MSK_CATALOG_ADDED);
    struct msk_digest oldest = msk_digest_of_integer(77, 8);
    assert_true(msk_digest_equal(&evicted, &oldest));
    scene_free(&scene);
}

/* ---- wire.md 4.5 */

static void the_snapshot_is_ascending_fresh_and_has_our_own(void **state)
{
    (void)state;
    struct scene scene = empty();
    for (int i = 2; i <= 6; i++)
        assert_int_equal(offer(&scene, entry(&scene, i, 300000, i == 4 ? 299000 : 0)), MSK_CATALOG_ADDED);
    struct msk_signed_peer_entry *own = entry(&scene, US, 0, 0);
    struct msk_builder encoded;
    struct msk_arena arena;
    struct msk_catalog_snapshot snapshot;
    msk_builder_init(&encoded, MSK_FRAME_MAX_CATALOG);
    assert_int_equal(msk_catalog_snapshot(&scene.catalog, wall(&scene) + 2000, own, &encoded), 0);
    assert_true(fake_decode(MSK_TYPE(catalog_snapshot), msk_builder_view(&encoded), &arena, &snapshot));
    assert_int_equal(snapshot.entries.count, 5); /* without place 4, with us */
    bool own_seen = false;
    for (size_t i = 0; i < 5; i++) {
        const struct msk_digest *peer = &snapshot.entries.items[i].entry.address.peer_id;
        own_seen = own_seen || msk_digest_equal(peer, &scene.net->places[US].id);
        assert_false(msk_digest_equal(peer, &scene.net->places[4].id));
        assert_true(i == 0 || msk_digest_compare(&snapshot.entries.items[i - 1].entry.address.peer_id, peer) < 0);
    }
    assert_true(own_seen);
    msk_arena_free(&arena);
    msk_builder_free(&encoded);
    scene_free(&scene);
}

/* ---- wire.md 4.3 */

struct own_scene {
    struct net *net;
    struct msk_own_entry own;
};

static struct own_scene *own_new(void)
{
    struct own_scene *scene = calloc(1, sizeof *scene);
    scene->net = net_new(5);
    assert_int_equal(msk_own_entry_init(&scene->own, scene->net->places[US].secret, &scene->net->network_id, 0, 1,
                                        net_now(scene->net, US)),
                     0);
    return scene;
}

static void own_free(struct own_scene *scene)
{
    msk_own_entry_free(&scene->own);
    net_free(scene->net);
    free(scene);
}

static void our_entry_says_what_it_must(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    const struct msk_peer_entry *entry_ = &scene->own.signed_entry.entry;
    assert_true(msk_bytes_equal(entry_->protocol, msk_bytes_of_text("0.4.2")));
    assert_true(msk_digest_equal(&entry_->address.peer_id, &scene->net->places[US].id));
    assert_int_equal(entry_->version.started_ms, net_now(scene->net, US).wall_ms);
    assert_int_equal(entry_->version.updated_ms, entry_->version.started_ms);
    assert_int_equal(msk_peer_entry_verify(&scene->own.signed_entry), 0);
    own_free(scene);
}

static void each_change_raises_the_version_by_time_or_one(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    struct msk_now now = net_now(scene->net, US);
    struct msk_entry_version *version = &scene->own.signed_entry.entry.version;
    struct msk_digest groups[2] = {msk_digest_of_string("a"), msk_digest_of_string("b")};
    int64_t started_ms = version->started_ms;
    assert_int_equal(msk_own_entry_add_group(&scene->own, now, &groups[0]), 1);
    assert_int_equal(version->updated_ms, now.wall_ms + 1);
    assert_int_equal(msk_own_entry_add_group(&scene->own, now, &groups[0]), 0);
    assert_int_equal(version->updated_ms, now.wall_ms + 1);
    assert_int_equal(msk_own_entry_add_group(&scene->own, now, &groups[1]), 1);
    assert_int_equal(version->updated_ms, now.wall_ms + 2);
    now.wall_ms += 1000;
    assert_int_equal(msk_own_entry_remove_group(&scene->own, now, &groups[0]), 1);
    assert_int_equal(version->updated_ms, now.wall_ms + 1);
    now.wall_ms -= 900; /* the clock goes back a little: still upwards */
    assert_int_equal(msk_own_entry_refresh(&scene->own, now), 0);
    assert_int_equal(version->updated_ms, now.wall_ms + 902);
    assert_int_equal(version->started_ms, started_ms);
    assert_int_equal(scene->own.signed_entry.entry.groups.count, 1);
    assert_int_equal(msk_peer_entry_verify(&scene->own.signed_entry), 0);
    own_free(scene);
}

/* Nobody takes entries from the far future, and we must not send any (wire.md D.1, 3). */
static void a_clock_set_back_starts_the_entry_over(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    struct msk_now now = net_now(scene->net, US);
    now.wall_ms -= 3600000;
    assert_int_equal(msk_own_entry_refresh(&scene->own, now), 0);
    assert_int_equal(scene->own.signed_entry.entry.version.started_ms, now.wall_ms);
    assert_int_equal(scene->own.signed_entry.entry.version.updated_ms, now.wall_ms);
    own_free(scene);
}

static void refreshes_come_every_22_to_68_seconds(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    struct msk_now now = net_now(scene->net, US);
    uint64_t least_ms = UINT64_MAX, most_ms = 0;
    for (int i = 0; i < 500; i++) {
        assert_int_equal(msk_own_entry_refresh(&scene->own, now), 0);
        uint64_t wait_ms = scene->own.refresh_ms - now.mono_ms;
        least_ms = wait_ms < least_ms ? wait_ms : least_ms;
        most_ms = wait_ms > most_ms ? wait_ms : most_ms;
    }
    assert_in_range(least_ms, 22500, 24000);
    assert_in_range(most_ms, 66000, 67500);
    own_free(scene);
}

static void a_ping_gets_a_newer_version_that_is_not_kept(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    struct msk_signed_peer_entry answer;
    struct msk_entry_version before = scene->own.signed_entry.entry.version;
    assert_int_equal(msk_own_entry_for_ping(&scene->own, net_now(scene->net, US), &answer), 0);
    assert_true(msk_entry_version_compare(&answer.entry.version, &before) > 0);
    assert_int_equal(msk_peer_entry_verify(&answer), 0);
    assert_int_equal(msk_entry_version_compare(&scene->own.signed_entry.entry.version, &before), 0);
    own_free(scene);
}

static void addresses_are_a_set(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    struct msk_now now = net_now(scene->net, US);
    struct msk_socket_addr addresses[MSK_OWN_ADDRESSES_MAX + 1];
    for (int i = 0; i <= MSK_OWN_ADDRESSES_MAX; i++)
        addresses[i] = scene->net->places[1 + i % 3].address;
    const struct msk_transport_addr_set *set = &scene->own.signed_entry.entry.address.addresses;
    assert_int_equal(msk_own_entry_set_addresses(&scene->own, now, addresses, MSK_OWN_ADDRESSES_MAX + 1), MSK_E_LIMIT);
    assert_int_equal(msk_own_entry_set_addresses(&scene->own, now, addresses, MSK_OWN_ADDRESSES_MAX), 1);
    assert_int_equal(set->count, 3);
    assert_int_equal(msk_own_entry_set_addresses(&scene->own, now, addresses, 3), 0);
    assert_int_equal(msk_own_entry_set_addresses(&scene->own, now, addresses + 1, 1), 1);
    assert_int_equal(set->items[0].ip.ip[3], 2);
    own_free(scene);
}

static void tickets_come_and_go_within_bounds(void **state)
{
    (void)state;
    struct own_scene *scene = own_new();
    struct msk_now now = net_now(scene->net, US);
    struct msk_ticket ticket = {.class_id = msk_digest_of_string("class"), .data = msk_bytes_of_text("data")};
    struct msk_digest id = msk_ticket_id(&ticket.class_id, ticket.data);
    assert_int_equal(msk_own_entry_add_ticket(&scene->own, now, &ticket), 1);
    assert_int_equal(msk_own_entry_add_ticket(&scene->own, now, &ticket), 0);
    assert_true(msk_digest_equal(&scene->own.signed_entry.entry.tickets.items[0].id, &id));
    assert_int_equal(msk_own_entry_remove_ticket(&scene->own, now, &id), 1);
    assert_int_equal(msk_own_entry_remove_ticket(&scene->own, now, &id), 0);

    static uint8_t bulk[MSK_OWN_ENTRY_MAX];
    struct msk_entry_version before = scene->own.signed_entry.entry.version;
    struct msk_ticket big = {.class_id = ticket.class_id, .data = MSK_BYTES(bulk, sizeof bulk)};
    assert_int_equal(msk_own_entry_add_ticket(&scene->own, now, &big), MSK_E_LIMIT);
    assert_int_equal(scene->own.signed_entry.entry.tickets.count, 0);
    assert_int_equal(msk_entry_version_compare(&scene->own.signed_entry.entry.version, &before), 0);
    assert_int_equal(msk_peer_entry_verify(&scene->own.signed_entry), 0);
    own_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_1_another_network_is_dropped),
        cmocka_unit_test(rule_2_five_minutes_old_is_the_oldest),
        cmocka_unit_test(rule_3_only_newer_ones_replace),
        cmocka_unit_test(our_own_id_is_skipped),
        cmocka_unit_test(the_future_is_refused),
        cmocka_unit_test(an_entry_above_64_kib_is_refused),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(stale_entries_are_hidden_and_then_purged),
        cmocka_unit_test(strangers_do_not_push_anybody_out),
        cmocka_unit_test(the_oldest_stranger_goes_first),
        cmocka_unit_test(the_snapshot_is_ascending_fresh_and_has_our_own),
        cmocka_unit_test(our_entry_says_what_it_must),
        cmocka_unit_test(each_change_raises_the_version_by_time_or_one),
        cmocka_unit_test(a_clock_set_back_starts_the_entry_over),
        cmocka_unit_test(refreshes_come_every_22_to_68_seconds),
        cmocka_unit_test(a_ping_gets_a_newer_version_that_is_not_kept),
        cmocka_unit_test(addresses_are_a_set),
        cmocka_unit_test(tickets_come_and_go_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
