/* What members tell of third ones, in the lists of the handshake and by BondFormed (groups.md 2.1, 2.2, 2.7): whose
 * signatures are checked when, and who is dialled. Our node is at place 1, the test holds others. */
#include "bond_scene.h"
#include "core/mesh_parts.h"

/* Of the place OTHER, listing the group; its signature is wrong. */
static struct msk_signed_peer_entry *forged(struct scene *scene)
{
    struct msk_signed_peer_entry *entry = fake_entry(scene->net, OTHER, &scene->group.id, 0);
    entry->signature[3] ^= 1;
    return entry;
}

/* The catalog's of the place OTHER; NULL: none. */
static const struct msk_signed_peer_entry *held(const struct scene *scene)
{
    return msk_catalog_find(&scene->net->places[US].node->catalog, net_now(scene->net, US).wall_ms,
                            &scene->net->places[OTHER].id);
}

/* ---- lists of those who dial us */

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

/* What is wrong besides is found first: the list of a stranger costs no signature. */
static void the_list_of_a_stranger_is_not_checked(void **state)
{
    (void)state;
    static const struct {
        size_t wrong_at; /* offset into HandshakeStart */
        uint64_t code;
        const char *check;
    } rows[] = {
        {offsetof(struct msk_handshake_start, network_id), MSK_CLOSE_DIFFERENT_NETWORK, "5"},
        {offsetof(struct msk_handshake_start, group_id), MSK_CLOSE_GROUP_NOT_FOUND, "6"},
        {offsetof(struct msk_handshake_start, proof), MSK_CLOSE_INVALID_PROOF, "9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct scene scene = known();
        struct net_conn *conn = open_link(&scene);
        struct msk_handshake_start start = fake_start(scene.net, conn, &scene.group);
        ((uint8_t *)&start)[rows[i].wrong_at] ^= 1;
        start.bonds = (struct msk_signed_peer_entry_seq){forged(&scene), 1};
        fake_send(scene.net, conn, 0, MSK_TYPE(handshake_start), &start);
        net_run_for(scene.net, 10);
        assert_int_equal(net_events(scene.net, US, MSK_EVENT_PROTOCOL_VIOLATION), 0);
        assert_null(held(&scene));
        expect_refusal(&scene, conn, rows[i].code, rows[i].check);
    }
}

/* The handshake of a member with these entries in its list. */
static struct net_conn *greet(struct scene *scene, struct msk_signed_peer_entry *entries, size_t count)
{
    struct net_conn *conn = open_link(scene);
    struct msk_handshake_start start = fake_start(scene->net, conn, &scene->group);
    start.bonds = (struct msk_signed_peer_entry_seq){entries, count};
    fake_send(scene->net, conn, 0, MSK_TYPE(handshake_start), &start);
    net_run_for(scene->net, 10);
    return conn;
}

/* And nothing of it is believed: this one claims to be a member at another address. */
static void what_the_catalog_has_is_not_checked_again(void **state)
{
    (void)state;
    struct scene scene = known();
    fake_introduce(scene.net, OTHER, US, fake_entry(scene.net, OTHER, NULL, 0));
    struct msk_signed_peer_entry entry = *held(&scene);
    struct msk_transport_addr address = {.kind = MSK_ADDR_IP, .ip = scene.net->places[PEER].address};
    entry.entry.address.addresses = (struct msk_transport_addr_set){&address, 1};
    entry.entry.groups = (struct msk_digest_seq){&scene.group.id, 1};
    (void)greet(&scene, &entry, 1);
    assert_true(net_bonded(scene.net, US, PEER, &scene.group.id));
    assert_int_equal(msk_peer_entry_verify(held(&scene)), 0);
    assert_null(msk_member_find(scene.net->places[US].node->groups[0]->mesh, &scene.net->places[OTHER].id));
    net_free(scene.net);
}

static void a_newer_one_is_checked(void **state)
{
    (void)state;
    struct scene scene = known();
    fake_introduce(scene.net, OTHER, US, fake_entry(scene.net, OTHER, &scene.group.id, 0));
    struct msk_entry_version version = held(&scene)->entry.version;
    net_run_for(scene.net, 10);
    struct net_conn *conn = greet(&scene, forged(&scene), 1);
    assert_int_equal(msk_entry_version_compare(&held(&scene)->entry.version, &version), 0);
    expect_refusal(&scene, conn, MSK_CLOSE_PROTOCOL_VIOLATION, "4a");
}

/* A member of ours cannot make us check any number of signatures either. */
static void a_list_counts_up_to_its_limit(void **state)
{
    (void)state;
    for (size_t spoilt = MSK_LIST_MAX - 1; spoilt <= MSK_LIST_MAX; spoilt++) {
        struct scene scene = known();
        struct msk_signed_peer_entry entries[MSK_LIST_MAX + 1];
        const struct msk_signed_peer_entry *good = fake_entry(scene.net, OTHER, &scene.group.id, 0);
        for (size_t i = 0; i <= MSK_LIST_MAX; i++)
            entries[i] = *good;
        entries[spoilt] = *forged(&scene);
        struct net_conn *conn = greet(&scene, entries, MSK_LIST_MAX + 1);
        assert_int_equal(net_events(scene.net, US, MSK_EVENT_LIMIT_HIT), 1);
        if (spoilt < MSK_LIST_MAX) {
            expect_refusal(&scene, conn, MSK_CLOSE_PROTOCOL_VIOLATION, "4a");
        } else {
            assert_true(net_bonded(scene.net, US, PEER, &scene.group.id));
            assert_int_equal(msk_peer_entry_verify(held(&scene)), 0);
            net_free(scene.net);
        }
    }
}

/* ---- lists of those whom we dial */

static void the_list_in_an_answer_is_checked_after_the_proof(void **state)
{
    (void)state;
    for (int proven = 0; proven < 2; proven++) {
        struct scene scene = alone();
        struct net_conn *conn = dialled(&scene);
        struct msk_handshake_end end = {.proof = fake_proof(scene.net, conn, proven, &scene.group),
                                        .bonds = {forged(&scene), 1}};
        fake_send(scene.net, conn, 1, MSK_TYPE(handshake_end), &end);
        assert_int_equal(fake_closed(scene.net, conn, 1, 100),
                         proven ? MSK_CLOSE_PROTOCOL_VIOLATION : MSK_CLOSE_INVALID_PROOF);
        assert_int_equal(net_events(scene.net, US, MSK_EVENT_PROTOCOL_VIOLATION), (unsigned)proven);
        assert_int_equal(net_view(scene.net, US, &scene.group.id).bond_count, 0);
        assert_null(held(&scene));
        net_free(scene.net);
    }
}

/* ---- who is dialled */

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_4a_a_bad_signature_in_the_list_is_undecodable),
        cmocka_unit_test(the_list_of_a_stranger_is_not_checked),
        cmocka_unit_test(what_the_catalog_has_is_not_checked_again),
        cmocka_unit_test(a_newer_one_is_checked),
        cmocka_unit_test(a_list_counts_up_to_its_limit),
        cmocka_unit_test(the_list_in_an_answer_is_checked_after_the_proof),
        cmocka_unit_test(a_listed_peer_is_dialled),
        cmocka_unit_test(listed_peers_of_others_are_not_dialled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
