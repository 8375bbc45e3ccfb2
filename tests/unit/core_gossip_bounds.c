/* Whatever peers do, gossip stays within its bounds; what it reads and refuses of the vectors, noise, failing memory.
 */
#include "gossip_rig.h"

#include "core/gossip_links.h"
#include "vectors.h"

/* ---- bounds */

static void connections_have_a_bound(void **state)
{
    (void)state;
    neighbours(1000, "BCDEF");
    for (uint64_t link = 0; link < MSK_GOSSIP_LINKS_MAX; link++) {
        now.mono_ms++;
        opened(link, (char)('a' + link % 26));
    }
    expect_lines("close 0 with 0 flushed\nclose 1 with 0 flushed\nclose 2 with 0 flushed\nclose 3 with 0 flushed\n"
                 "close 4 with 0 flushed\n"); /* the longest silent strangers */
    assert_int_equal(msk_gossip_neighbour_count(gossip), 5);
}

static void connections_of_one_peer_have_a_bound(void **state)
{
    (void)state;
    for (uint64_t link = 0; link <= MSK_GOSSIP_PER_PEER_MAX; link++)
        opened(link, 'B');
    expect_lines("close 0 with 0 flushed\n");
}

static void connections_all_of_neighbours_leave_no_room(void **state)
{
    (void)state;
    neighbours(0, "BCDEF");
    for (uint64_t link = 10; link < 10 + 3 * 5; link++)
        opened(link, "BCDEF"[link % 5]);
    for (char name = 'a'; name < 'a' + MSK_ASKED_MAX; name++) { /* asked to be neighbours */
        addressless = "";
        opened(100u + (unsigned)name * 4, name);
        opened(101u + (unsigned)name * 4, name);
        opened(102u + (unsigned)name * 4, name);
        opened(103u + (unsigned)name * 4, name);
        membership_frame(
            0, &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN, .forward_join.peer = info(name, NULL)});
    }
    forget_lines();
    opened(5000, 'z');
    expect_lines("close 5000 with 0\n");
}

static void dials_have_a_bound(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'z'; name++)
        join(name);
    trace_actions();
    assert_int_equal(count_of(&trace, "dial "), MSK_GOSSIP_DIALS_MAX);
}

static void streams_have_a_bound(void **state)
{
    (void)state;
    neighbour(1, 'B');
    for (uint64_t stream = 1; stream < MSK_GOSSIP_STREAMS_MAX; stream++)
        header(1, stream);
    msk_gossip_stream_ended(gossip, now, 1, 3, &actions);
    header(1, 100);
    expect_lines("");
    header(1, 101);
    trace_actions();
    assert_int_equal(count_of(&trace, "too many gossip streams on one connection\nclose 1 with 400\n"), 1);
}

static void one_never_talks_to_oneself(void **state)
{
    (void)state;
    opened(1, 'A');
    expect_lines("close 1 with 0\n");
}

/* ---- vectors, noise, want of memory */

/* Every message of the vectors can be heard, and those the reference cannot read are refused. */
static void hear_vector(struct vector *vector)
{
    static const char *const skipped[] = {"stream header: the topic id", "peer data: "};
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
        if (strncmp(vector->name, skipped[i], strlen(skipped[i])) == 0)
            return;
    bool is_decode = json_object_get(vector->input, "op") != NULL;
    bool is_bad = json_object_get(vector->json, "error") != NULL;
    opened(1, 'B');
    header(1, 0);
    frame(1, 0, is_decode ? hex_member(vector, vector->input, "bytes") : hex_member(vector, vector->json, "hex"));
    trace_actions();
    if (count_of(&trace, "broke the protocol") != is_bad)
        vector_fail(vector, trace_text(&trace));
    msk_builder_reset(&trace.lines);
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
}

static void the_vectors_are_understood(void **state)
{
    (void)state;
    static const struct vector_op ops[] = {{"", hear_vector}, {"decode", hear_vector}, {0}};
    vectors_run("gossip", ops);
}

/* Frames made of noise, and messages with single bits changed. */
static void noise_does_no_harm(void **state)
{
    (void)state;
    static const char *const seeds[] = {JOIN, NEIGHBOR_HIGH, GOODBYE_ALIVE, "010301", "01020003", "0101"};
    struct msk_random noise;
    msk_random_seed(&noise, 3);
    for (uint64_t link = 0; link < 20000; link++) {
        uint8_t body[64];
        const char *seed = seeds[msk_random_below(&noise, 6)];
        size_t len = strlen(seed) / 2;
        assert_int_equal(msk_hex_decode(seed, strlen(seed), body, len, NULL), 0);
        for (size_t i = len; i < sizeof body; i++)
            body[i] = (uint8_t)msk_random_next(&noise);
        body[msk_random_below(&noise, len)] ^= (uint8_t)(1u << msk_random_below(&noise, 8));
        opened(link, (char)('B' + msk_random_below(&noise, 20)));
        header(link, 0);
        frame(link, 0, MSK_BYTES(body, msk_random_below(&noise, sizeof body)));
        tick_after(msk_random_below(&noise, 300));
        forget_lines();
        assert_true(msk_gossip_neighbour_count(gossip) <= MSK_ACTIVE_MAX);
    }
}

/* The same little life with the first, second, ... request for memory failing. */
static void little_life(void)
{
    opened(1, 'B');
    header(1, 0);
    hex_frame(1, 0, JOIN);
    opened(2, 'C');
    header(2, 0);
    hex_frame(2, 0, JOIN);
    join('D');
    opened(FIRST_DIAL, 'D');
    broadcast(msk_bytes_of_text("x"));
    hex_frame(2, 0, "0101");
    broadcast(msk_bytes_of_text("y"));
    hex_frame(1, 0, "010301d2e63c51de771d0c79d40a9a9b1cfa3750bdc8bd195fc6bb059916e1eed2389200");
    tick_after(200);
    closed(1);
    msk_gossip_leave(gossip, now, &actions);
}

static void want_of_memory_is_survived(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t successes = 0; failed; successes++) {
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
        msk_alloc_fail_after(successes);
        little_life();
        void *spare = msk_calloc(1, 1);
        failed = spare == NULL;
        msk_free(spare);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(successes < 1000);
        for (struct msk_gossip_news news; msk_gossip_next(gossip, &news);)
            ;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connections_have_a_bound),
        TEST(connections_of_one_peer_have_a_bound),
        TEST(connections_all_of_neighbours_leave_no_room),
        TEST(dials_have_a_bound),
        TEST(streams_have_a_bound),
        TEST(one_never_talks_to_oneself),
        TEST(the_vectors_are_understood),
        TEST(noise_does_no_harm),
        TEST(want_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
