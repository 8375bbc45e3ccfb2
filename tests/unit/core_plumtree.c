/* The broadcast layer, row by row (wire.md C.5), its memories and its bounds. Lines read: to whom < what. Broadcasts
 * are single letters. */
#include "gossip_trace.h"

#include "base/alloc.h"
#include "base/error.h"
#include "core/plumtree.h"

static struct trace trace;
static struct msk_plumtree tree;
static uint64_t now_ms;

static int set_up(void **state)
{
    (void)state;
    trace_init(&trace, "xyz");
    now_ms = 1000;
    msk_plumtree_init(&tree, &trace.port, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    msk_alloc_fail_after(UINT64_MAX);
    msk_plumtree_free(&tree);
    msk_builder_free(&trace.lines);
    return 0;
}

static void neighbours(const char *names)
{
    for (; *names; names++) {
        struct msk_digest id = peer(*names);
        msk_plumtree_neighbour(&tree, &id, true);
    }
}

static void lose(char name)
{
    struct msk_digest id = peer(name);
    msk_plumtree_neighbour(&tree, &id, false);
}

static bool is_eager(char name)
{
    struct msk_digest id = peer(name);
    return msk_plumtree_is_eager(&tree, &id);
}

/* Whether it brought something new. */
static bool receive(char from, const struct msk_broadcast *message)
{
    struct msk_digest id = peer(from);
    struct msk_bytes content;
    return msk_plumtree_receive(&tree, now_ms, &id, message, &content);
}

static bool gossip_scoped(char from, const char *content, enum msk_gossip_scope_kind scope, uint16_t round)
{
    struct msk_digest id = peer(from);
    struct msk_broadcast message = {
        .kind = MSK_BROADCAST_GOSSIP,
        .gossip = {.id = id_of(*content), .content = MSK_BYTES(content, 1), .scope = {.kind = scope, .round = round}}};
    struct msk_bytes delivered;
    bool is_new = msk_plumtree_receive(&tree, now_ms, &id, &message, &delivered);
    if (is_new)
        assert_ptr_equal(delivered.data, content);
    return is_new;
}

static bool gossip(char from, const char *content, uint16_t round)
{
    return gossip_scoped(from, content, MSK_SCOPE_SWARM, round);
}

static void prune(char from)
{
    receive(from, &(struct msk_broadcast){.kind = MSK_BROADCAST_PRUNE});
}

static void graft(char from, const char *content)
{
    struct msk_broadcast message = {.kind = MSK_BROADCAST_GRAFT, .graft = {.has_id = content != NULL}};
    if (content)
        message.graft.id = id_of(*content);
    receive(from, &message);
}

static void i_have(char from, char content, uint16_t round)
{
    struct msk_have have = {.id = id_of(content), .round = round};
    receive(from, &(struct msk_broadcast){.kind = MSK_BROADCAST_I_HAVE, .haves = {&have, 1}});
}

static void tick_after(uint64_t ms)
{
    now_ms += ms;
    msk_plumtree_tick(&tree, now_ms);
}

static int broadcast(const char *content)
{
    return msk_plumtree_broadcast(&tree, now_ms, MSK_BYTES(content, 1));
}

/* ---- the rows */

static void new_neighbours_are_eager(void **state)
{
    (void)state;
    neighbours("BC");
    assert_true(is_eager('B') && is_eager('C'));
    lose('B');
    assert_false(is_eager('B'));
    assert_int_equal(broadcast("x"), 0);
    expect(&trace, "C < gossip x round 0\n");
}

static void a_broadcast_goes_whole_to_the_eager_and_as_id_to_the_lazy(void **state)
{
    (void)state;
    neighbours("BCD");
    prune('C');
    assert_int_equal(broadcast("x"), 0);
    expect(&trace, "B < gossip x round 0\nD < gossip x round 0\n");
    assert_int_equal(msk_plumtree_deadline(&tree), now_ms + MSK_LAZY_PUSH_MS);
    assert_int_equal(broadcast("y"), 0);
    tick_after(MSK_LAZY_PUSH_MS - 1);
    expect(&trace, "B < gossip y round 0\nD < gossip y round 0\n");
    tick_after(1);
    expect(&trace, "C < i-have x:0 y:0\n");
    tick_after(100);
    expect(&trace, "");
    assert_int_equal(broadcast("x"), MSK_E_EXISTS);
}

static void a_false_id_is_ignored(void **state)
{
    (void)state;
    neighbours("BC");
    struct msk_broadcast lie = {.kind = MSK_BROADCAST_GOSSIP,
                                .gossip = {.id = id_of('x'), .content = msk_bytes_of_text("y")}};
    assert_false(receive('B', &lie));
    expect(&trace, "");
    assert_true(is_eager('B'));
    assert_true(gossip('B', "x", 0)); /* nor is it remembered */
}

static void what_is_known_prunes_the_sender(void **state)
{
    (void)state;
    neighbours("BC");
    gossip('B', "x", 0);
    expect(&trace, "C < gossip x round 1\n");
    assert_false(gossip('C', "x", 3));
    expect(&trace, "C < prune\n");
    assert_false(is_eager('C'));
    assert_true(is_eager('B'));
    broadcast("y");
    assert_false(gossip('B', "y", 1)); /* our own, too */
    assert_false(is_eager('B'));
}

static void what_is_new_is_delivered_and_passed_on(void **state)
{
    (void)state;
    neighbours("BCDE");
    prune('D');
    prune('E');
    assert_true(gossip('B', "x", 4));
    expect(&trace, "C < gossip x round 5\n"); /* not back to B */
    assert_true(gossip('E', "y", 0));         /* a lazy sender gets no i-have of its own message */
    expect(&trace, "B < gossip y round 1\nC < gossip y round 1\n");
    tick_after(MSK_LAZY_PUSH_MS);
    expect(&trace, "D < i-have x:5 y:1\nE < i-have x:5\n");
}

static void rounds_do_not_start_over(void **state)
{
    (void)state;
    neighbours("BC");
    assert_true(gossip('B', "x", 65534));
    assert_true(gossip('B', "y", 65535));
    expect(&trace, "C < gossip x round 65535\nC < gossip y round 65535\n");
}

static void neighbours_scope_is_delivered_only(void **state)
{
    (void)state;
    neighbours("BC");
    assert_true(gossip_scoped('B', "x", MSK_SCOPE_NEIGHBOURS, 0));
    assert_true(gossip_scoped('B', "x", MSK_SCOPE_NEIGHBOURS, 0)); /* not remembered */
    expect(&trace, "");
}

static void a_much_shorter_way_replaces_the_longer_one(void **state)
{
    (void)state;
    neighbours("BC");
    prune('C');
    i_have('C', 'x', 3);
    assert_true(gossip('B', "x", 3 + MSK_OPTIMISATION_THRESHOLD));
    expect(&trace, "C < graft - round 3\nB < prune\n");
    assert_true(is_eager('C'));
    assert_false(is_eager('B'));
    tick_after(MSK_GRAFT_FIRST_MS); /* nothing is wanted any more */
    assert_int_equal(count_of(&trace, "graft"), 0);
}

static void a_slightly_shorter_way_does_not(void **state)
{
    (void)state;
    neighbours("BC");
    prune('C');
    i_have('C', 'x', 3);
    assert_true(gossip('B', "x", 3 + MSK_OPTIMISATION_THRESHOLD - 1));
    expect(&trace, "");
    assert_true(is_eager('B'));
    assert_false(is_eager('C'));
}

static void the_shortest_of_several_ways_counts(void **state)
{
    (void)state;
    neighbours("BCDE");
    prune('D');
    prune('E');
    i_have('D', 'x', 4);
    i_have('E', 'x', 2);
    i_have('C', 'y', 1);
    assert_true(gossip('B', "x", 10));
    expect(&trace, "C < gossip x round 11\nE < graft - round 2\nB < prune\n");
    assert_true(gossip('D', "y", 20)); /* C is eager already: no graft */
    expect(&trace, "C < gossip y round 21\nE < gossip y round 21\nD < prune\n");
}

static void a_prune_makes_lazy(void **state)
{
    (void)state;
    neighbours("B");
    prune('B');
    assert_false(is_eager('B'));
    expect(&trace, "");
}

static void what_does_not_come_is_grafted(void **state)
{
    (void)state;
    neighbours("BCD");
    prune('C');
    prune('D');
    i_have('C', 'x', 2);
    tick_after(30);
    i_have('D', 'x', 5); /* the timer goes on */
    i_have('D', 'x', 5); /* noted once */
    tick_after(MSK_GRAFT_FIRST_MS - 31);
    expect(&trace, "");
    tick_after(1);
    expect(&trace, "C < graft x round 2\n");
    assert_true(is_eager('C'));
    tick_after(MSK_GRAFT_NEXT_MS - 1);
    expect(&trace, "");
    tick_after(1);
    expect(&trace, "D < graft x round 5\n");
    tick_after(MSK_GRAFT_NEXT_MS);
    expect(&trace, ""); /* nobody is left to be asked */
    assert_int_equal(tree.wanted.count, 0);
    assert_int_equal(msk_plumtree_deadline(&tree), MSK_NEVER);
}

static void what_came_is_not_grafted(void **state)
{
    (void)state;
    neighbours("BC");
    gossip('B', "y", 0);
    i_have('C', 'y', 0); /* known already */
    i_have('C', 'x', 0);
    gossip('B', "x", 0);
    msk_builder_reset(&trace.lines);
    tick_after(MSK_GRAFT_FIRST_MS);
    expect(&trace, "");
}

static void a_lost_neighbour_is_not_grafted(void **state)
{
    (void)state;
    neighbours("BCD");
    i_have('C', 'x', 2);
    i_have('D', 'x', 3);
    lose('C');
    tick_after(MSK_GRAFT_FIRST_MS);
    expect(&trace, "D < graft x round 3\n");
}

static void a_graft_makes_eager_and_is_answered(void **state)
{
    (void)state;
    neighbours("BC");
    prune('C');
    gossip('B', "x", 4);
    tick_after(MSK_LAZY_PUSH_MS);
    expect(&trace, "C < i-have x:5\n");
    graft('C', "x");
    expect(&trace, "C < gossip x round 5\n"); /* with the round it had in the i-have */
    assert_true(is_eager('C'));
    prune('C');
    graft('C', "y"); /* never heard of */
    graft('C', NULL);
    expect(&trace, "");
    assert_true(is_eager('C'));
}

static void strangers_only_bring_content(void **state)
{
    (void)state;
    neighbours("B");
    broadcast("y");
    msk_builder_reset(&trace.lines);
    prune('S');
    graft('S', "y");
    i_have('S', 'z', 0);
    assert_int_equal(tree.wanted.count, 0);
    assert_false(gossip('S', "y", 0));
    expect(&trace, "");
    assert_true(gossip('S', "x", 0));
    expect(&trace, "B < gossip x round 1\n");
}

/* ---- memory and bounds */

static void payloads_and_ids_are_forgotten_in_time(void **state)
{
    (void)state;
    neighbours("BC");
    gossip('B', "x", 0);
    tick_after(MSK_PAYLOAD_CACHE_MS - 1);
    msk_builder_reset(&trace.lines);
    graft('C', "x");
    expect(&trace, "C < gossip x round 1\n");
    tick_after(MSK_SWEEP_MS);
    graft('C', "x");
    expect(&trace, "");
    assert_int_equal(tree.memory.payload_bytes, 0);
    tick_after(MSK_ID_MEMORY_MS - MSK_PAYLOAD_CACHE_MS - MSK_SWEEP_MS);
    assert_false(gossip('B', "x", 0)); /* the id is still known */
    tick_after(MSK_SWEEP_MS);
    assert_int_equal(tree.memory.by_id.count, 0);
    assert_int_equal(msk_plumtree_deadline(&tree), MSK_NEVER);
    assert_true(gossip('B', "x", 0));
}

static bool gossip_number(char from, uint32_t number, size_t len)
{
    static uint8_t content[4096];
    memcpy(content, &number, sizeof number);
    struct msk_bytes bytes = MSK_BYTES(content, len);
    return receive(from, &(struct msk_broadcast){.kind = MSK_BROADCAST_GOSSIP,
                                                 .gossip = {.id = msk_blake3(bytes), .content = bytes}});
}

static void a_flood_of_payloads_has_a_bound(void **state)
{
    (void)state;
    neighbours("B");
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(gossip_number('B', i, 4000));
        assert_true(tree.memory.payload_bytes <= MSK_PAYLOAD_BYTES_MAX);
    }
    assert_true(tree.memory.payload_count > 500);
    assert_int_equal(tree.memory.by_id.count, 1000);
    assert_false(gossip_number('B', 0, 4000)); /* its id is still known */
}

static void a_flood_of_ids_has_a_bound(void **state)
{
    (void)state;
    neighbours("B");
    for (uint32_t i = 0; i < MSK_IDS_MAX + 100; i++) {
        assert_true(gossip_number('B', i, 4));
        assert_true(tree.memory.payload_count <= MSK_PAYLOADS_MAX);
    }
    assert_int_equal(tree.memory.by_id.count, MSK_IDS_MAX);
    assert_false(gossip_number('B', 100, 4));
    assert_true(gossip_number('B', 99, 4)); /* the oldest were forgotten early */
}

static void a_flood_of_i_haves_has_a_bound(void **state)
{
    (void)state;
    neighbours("BC");
    for (uint32_t i = 0; i < 2000; i++) {
        struct msk_have have = {.id = msk_blake3(MSK_BYTES(&i, sizeof i))};
        receive('B', &(struct msk_broadcast){.kind = MSK_BROADCAST_I_HAVE, .haves = {&have, 1}});
    }
    assert_int_equal(tree.wanted.count, MSK_WANTED_PER_PEER_MAX);
    i_have('C', 'x', 0); /* others are not kept from theirs */
    assert_int_equal(tree.wanted.count, MSK_WANTED_PER_PEER_MAX + 1);
    tick_after(MSK_GRAFT_FIRST_MS);
    assert_int_equal(count_of(&trace, "B < graft"), MSK_WANTED_PER_PEER_MAX);
    assert_int_equal(count_of(&trace, "C < graft x"), 1);
    tick_after(MSK_GRAFT_NEXT_MS);
    assert_int_equal(tree.wanted.count, 0);
}

static void i_haves_are_split(void **state)
{
    (void)state;
    neighbours("BC");
    prune('C');
    for (uint32_t i = 0; i < MSK_I_HAVE_MAX + 5; i++)
        gossip_number('B', i, 4);
    assert_int_equal(count_of(&trace, "C < i-have"), 1); /* a full one does not wait */
    assert_int_equal(count_of(&trace, "?:1"), MSK_I_HAVE_MAX);
    tick_after(MSK_LAZY_PUSH_MS);
    assert_int_equal(count_of(&trace, "C < i-have"), 2);
    assert_int_equal(count_of(&trace, "?:1"), MSK_I_HAVE_MAX + 5);
}

static void without_memory_a_message_is_lost_and_nothing_else(void **state)
{
    (void)state;
    neighbours("BC");
    for (uint64_t i = 0; i < 3; i++) {
        msk_alloc_fail_after(i);
        assert_false(gossip('B', "x", 0));
        assert_int_equal(broadcast("y"), MSK_E_NOMEM);
        expect(&trace, "");
        i_have('C', 'z', 0);
    }
    msk_alloc_fail_after(UINT64_MAX);
    assert_true(gossip('B', "x", 0));
    assert_int_equal(broadcast("y"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(new_neighbours_are_eager),
        TEST(a_broadcast_goes_whole_to_the_eager_and_as_id_to_the_lazy),
        TEST(a_false_id_is_ignored),
        TEST(what_is_known_prunes_the_sender),
        TEST(what_is_new_is_delivered_and_passed_on),
        TEST(rounds_do_not_start_over),
        TEST(neighbours_scope_is_delivered_only),
        TEST(a_much_shorter_way_replaces_the_longer_one),
        TEST(a_slightly_shorter_way_does_not),
        TEST(the_shortest_of_several_ways_counts),
        TEST(a_prune_makes_lazy),
        TEST(what_does_not_come_is_grafted),
        TEST(what_came_is_not_grafted),
        TEST(a_lost_neighbour_is_not_grafted),
        TEST(a_graft_makes_eager_and_is_answered),
        TEST(strangers_only_bring_content),
        TEST(payloads_and_ids_are_forgotten_in_time),
        TEST(a_flood_of_payloads_has_a_bound),
        TEST(a_flood_of_ids_has_a_bound),
        TEST(a_flood_of_i_haves_has_a_bound),
        TEST(i_haves_are_split),
        TEST(without_memory_a_message_is_lost_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
