/* What must do no harm: either side vanishing at any packet, noise, damaged and forged datagrams, no memory. */

#include <stdlib.h>

#include <openssl/crypto.h>

#include "quic_world.h"

static size_t connections(const struct node *node)
{
    struct msk_quic_stats stats;
    msk_quic_stats(node->quic, &stats);
    return stats.connections;
}

/* A dialogue that touches most of the room: handshake, a question, an answer, a close. The owner's steps depend on what
 * has happened so far, so that it can be cut off anywhere. */
static void dialogue(struct world *world, struct node *a, struct node *b, uint64_t span_ms)
{
    struct msk_quic_dial *dial;
    bool asked = false, answered = false;
    if (msk_quic_dial(a->quic, world->now_ns, &b->id, ALPN, &b->address, 1, NULL, &dial) < 0)
        return;
    for (uint64_t ms = 0; ms < span_ms; ms++) {
        world_run(world, 1);
        struct msk_quic_stream *stream;
        struct msk_bytes part = msk_bytes_of_text("question or answer");
        if (!asked && a->connected && a->conns[0] && msk_quic_stream_open(a->conns[0], true, &stream) == 0)
            asked = msk_quic_stream_write(stream, &part, 1) == 0;
        if (!answered && b->opened && b->connected && b->conns[0])
            answered = msk_quic_stream_write(b->stream, &part, 1) == 0;
        if (answered && a->received.len == part.len && a->conns[0])
            msk_quic_conn_close(a->conns[0], world->now_ns, 200, "Success", 0);
    }
}

static void assert_all_over(struct world *world, struct node *a, struct node *b)
{
    world_run(world, 90000); /* one side's idle timeout may follow the other's */
    assert_int_equal(a->connected + a->dials_failed, 1);
    assert_int_equal(a->closed, a->connected);
    assert_int_equal(b->closed, b->connected);
    assert_int_equal(connections(a) + connections(b), 0);
    assert_int_equal(msk_quic_deadline(a->quic), UINT64_MAX);
    assert_int_equal(msk_quic_deadline(b->quic), UINT64_MAX);
}

struct cut {
    uint64_t from;                 /* the first datagram that is lost */
    const union msk_address *only; /* sent by this one; NULL: by anybody */
};

static bool cut_off(struct world *world, struct packet *packet, void *context)
{
    const struct cut *cut = context;
    return world->sent < cut->from || (cut->only && !msk_address_equal(cut->only, &packet->from));
}

#define DIALOGUE_DATAGRAMS 20 /* more than a whole dialogue has */

static void either_side_may_vanish_at_any_packet(void **state)
{
    (void)state;
    for (int who = 0; who < 3; who++) {
        for (uint64_t from = 1; from <= DIALOGUE_DATAGRAMS; from++) {
            struct world *world = world_new();
            struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
            struct cut cut = {from, who == 0 ? NULL : who == 1 ? &a->address : &b->address};
            world->meddle = cut_off;
            world->context = &cut;
            dialogue(world, a, b, 50);
            assert_all_over(world, a, b);
            world_free(world);
        }
    }
}

static void an_endpoint_may_be_freed_at_any_packet(void **state)
{
    (void)state;
    for (uint64_t ms = 0; ms < 12; ms++) {
        struct world *world = world_new();
        struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
        dialogue(world, a, b, ms);
        world_free(world);
    }
}

static bool lose_one(struct world *world, struct packet *packet, void *context)
{
    (void)packet;
    return world->sent != *(const uint64_t *)context;
}

static void any_one_datagram_may_be_lost(void **state)
{
    (void)state;
    for (uint64_t which = 1; which <= DIALOGUE_DATAGRAMS; which++) {
        struct world *world = world_new();
        struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
        world->meddle = lose_one;
        world->context = &which;
        dialogue(world, a, b, 3000);
        assert_int_equal(a->close.by, MSK_QUIC_BY_LOCAL);
        assert_int_equal(b->close.by, MSK_QUIC_BY_PEER);
        assert_int_equal(b->close.code, 200);
        assert_all_over(world, a, b);
        world_free(world);
    }
}

/* ---- damage */

enum damage { FLIP, TRUNCATE, EXTEND, DAMAGES };

struct damager {
    enum damage damage;
    double chance;
};

static bool damage_some(struct world *world, struct packet *packet, void *context)
{
    const struct damager *damager = context;
    if (msk_random_unit(&world->random) >= damager->chance)
        return true;
    size_t at = msk_random_below(&world->random, packet->len);
    if (damager->damage == FLIP)
        packet->data[at] ^= (uint8_t)(1u << msk_random_below(&world->random, 8));
    else if (damager->damage == TRUNCATE)
        packet->len = at + 1;
    else
        while (packet->len < sizeof packet->data)
            packet->data[packet->len++] = (uint8_t)msk_random_next(&world->random);
    return true;
}

static void damaged_datagrams_are_like_lost_ones(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct damager damager = {(enum damage)(seed % DAMAGES), seed <= 10 ? 0.2 : 1.0};
        struct world *world = world_new();
        struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
        msk_random_seed(&world->random, seed);
        world->meddle = damage_some;
        world->context = &damager;
        dialogue(world, a, b, 500);
        if (a->connected && damager.chance == 1.0 && damager.damage == FLIP)
            fail_msg("a handshake succeeded with every datagram damaged");
        assert_all_over(world, a, b);
        world_free(world);
    }
}

static void noise_costs_nothing(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    uint8_t noise[MSK_QUIC_DATAGRAM_MAX];
    for (int rounds = 0; rounds < 3000; rounds++) {
        size_t len = msk_random_below(&world->random, sizeof noise) + 1;
        for (size_t i = 0; i < len; i++)
            noise[i] = (uint8_t)msk_random_next(&world->random);
        if (rounds % 3 == 0) /* like an Initial of version 1, with a plausible length of connection ids */
            memcpy(noise, "\xc0\x00\x00\x00\x01\x08", len < 6 ? len : 6);
        msk_quic_receive(b->quic, world->now_ns, &a->address, MSK_BYTES(noise, len));
        if (rounds % 100 == 0)
            world_run(world, 1);
    }
    msk_quic_receive(b->quic, world->now_ns, &a->address, MSK_BYTES(noise, 0));
    world_run(world, 30000);
    assert_int_equal(a->closed + b->closed, 0);
    assert_int_equal(connections(b), 1);
    world_free(world);
}

/* A flood of first packets from many addresses: state stays bounded, and those who answer get through. */
static bool multiply(struct world *world, struct packet *packet, void *context)
{
    (void)context;
    static bool busy;
    if (busy || packet->len < 1200 || !(packet->data[0] & 0x80))
        return true;
    busy = true;
    for (uint16_t i = 0; i < 400; i++) {
        union msk_address forged = world_address(100 + i % 100, (uint16_t)(20000 + i));
        packet->data[6] = (uint8_t)i; /* another destination connection id, so another connection */
        packet->data[7] = (uint8_t)(i >> 8);
        world_post(world, &forged, &packet->to, MSK_BYTES(packet->data, packet->len));
    }
    busy = false;
    return false;
}

static void a_flood_is_bounded(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world->meddle = multiply;
    world_dial_as(world, a, b, &b->id, ALPN);
    world_run(world, 5);
    assert_in_range(connections(b), 0, 32); /* retry_above: what comes from forged addresses goes no further */
    world->meddle = NULL;
    world_run(world, 5000);
    assert_int_equal(a->connected, 1);
    world_free(world);
}

/* ---- no memory */

/* OpenSSL's own requests count, too: the whole handshake is reachable from the network. */
static void *openssl_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return msk_realloc(NULL, size);
}

static void *openssl_realloc(void *block, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    return msk_realloc(block, size);
}

static void openssl_free(void *block, const char *file, int line)
{
    (void)file, (void)line;
    msk_free(block);
}

#define ALLOCATIONS_MAX 20000 /* more than a whole dialogue makes */

/* Whether the dialogue came to its end although requests failed after so many. Whatever happened, nothing is left. */
static bool dialogue_without_memory(uint64_t successes)
{
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    msk_alloc_fail_after(successes);
    dialogue(world, a, b, 30);
    msk_alloc_fail_after(UINT64_MAX);
    bool done = a->close.by == MSK_QUIC_BY_LOCAL && b->close.by == MSK_QUIC_BY_PEER && b->close.code == 200;
    msk_quic_shutdown(a->quic, world->now_ns, 0, "");
    msk_quic_shutdown(b->quic, world->now_ns, 0, "");
    world_run(world, 60000);
    assert_int_equal(a->closed, a->connected);
    assert_int_equal(b->closed, b->connected);
    assert_int_equal(connections(a) + connections(b), 0);
    world_free(world);
    return done;
}

static void memory_may_end_at_any_request(void **state)
{
    (void)state;
    uint64_t successes = 0;
    while (!dialogue_without_memory(successes)) {
        assert_true(successes < ALLOCATIONS_MAX);
        successes += 1 + successes / 50;
    }
    assert_true(successes > 100);
}

static void an_endpoint_without_memory_is_an_error(void **state)
{
    (void)state;
    struct msk_quic_config config;
    struct msk_quic *quic;
    int rc = MSK_E_NOMEM;
    world_config(&config, 1);
    for (uint64_t successes = 0; rc != 0; successes++) {
        struct msk_error err;
        msk_alloc_fail_after(successes);
        rc = msk_quic_new(&config, &quic, &err);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(rc == 0 || rc == MSK_E_NOMEM || rc == MSK_E_CRYPTO);
        assert_true(successes < ALLOCATIONS_MAX);
    }
    msk_quic_free(quic);
}

int main(void)
{
    if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1)
        abort();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(either_side_may_vanish_at_any_packet),
        cmocka_unit_test(an_endpoint_may_be_freed_at_any_packet),
        cmocka_unit_test(any_one_datagram_may_be_lost),
        cmocka_unit_test(damaged_datagrams_are_like_lost_ones),
        cmocka_unit_test(noise_costs_nothing),
        cmocka_unit_test(a_flood_is_bounded),
        cmocka_unit_test(memory_may_end_at_any_request),
        cmocka_unit_test(an_endpoint_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
