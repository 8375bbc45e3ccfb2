/* Shuffles, strangers, leaving, and the bounds of the views (wire.md C.4). Lines read: to whom < what. */
#include "hyparview_rig.h"

/* ---- shuffles */

static void a_shuffle_every_minute(void **state)
{
    (void)state;
    tick_after(MSK_SHUFFLE_INTERVAL_MS);
    expect(&trace, ""); /* nobody to shuffle with */
    neighbours("BCDEF");
    passive("PQRSTU");
    uint64_t due_ms = msk_hyparview_deadline(&view);
    tick_after(due_ms - now_ms - 1);
    expect(&trace, "");
    tick_after(1);
    assert_int_equal(count_of(&trace, "< shuffle of A ttl 6:"), 1);
    assert_int_equal(count_of(&trace, "(p)"), 4);
    assert_int_equal(count_of(&trace, " A(a)\n"), 1);
    char to = trace_text(&trace)[0];
    size_t active = 0;
    for (char name = 'B'; name <= 'F'; name++) {
        char node[] = {' ', name, 0};
        size_t found = count_of(&trace, node);
        assert_true(name != to || found == 0);
        active += found;
    }
    assert_int_equal(active, 3);
    assert_int_equal(msk_hyparview_deadline(&view), due_ms + MSK_SHUFFLE_INTERVAL_MS);
}

static void a_shuffle_walks(void **state)
{
    (void)state;
    neighbours("BCD");
    for (int i = 0; i < 50; i++)
        shuffle('B', 'C', "CX", 3);
    assert_int_equal(count_of(&trace, "D < shuffle of C ttl 2: C(d) X(d)\n"), 50); /* neither to C nor back to B */
    assert_int_equal(view.passive.count, 0);
}

static void a_shuffle_ends_and_is_answered(void **state)
{
    (void)state;
    neighbours("BC");
    passive("PQ");
    shuffle('B', 'X', "XYB", 0);
    assert_int_equal(count_of(&trace, "X < shuffle reply:"), 1);
    assert_int_equal(count_of(&trace, "(p)"), 2); /* as many as came: the passive ones first, then active ones */
    assert_int_equal(count_of(&trace, " B") + count_of(&trace, " C"), 1);
    assert_non_null(in_passive('X'));
    assert_non_null(in_passive('Y'));
    assert_null(in_passive('B')); /* active already */
}

static void a_shuffle_ends_where_it_cannot_go_on(void **state)
{
    (void)state;
    neighbours("B");
    shuffle('B', 'X', "X", 6);
    expect(&trace, "X < shuffle reply: B\n");
    neighbours("C");
    shuffle('B', 'C', "CY", 6); /* our only other neighbour is the origin itself */
    assert_int_equal(count_of(&trace, "C < shuffle reply:"), 1);
    shuffle('B', 'A', "Z", 6);
    assert_null(in_passive('Z')); /* our own does not concern us */
}

static void replies_are_bounded(void **state)
{
    (void)state;
    neighbours("BC");
    passive("abcdefghijklmnop");
    shuffle('B', 'X', "XYZTUVWRSQPONMLK", 0);
    assert_int_equal(count_of(&trace, "(p)"), MSK_SHUFFLE_NODES_MAX);
}

static void a_shuffle_reply_fills_the_passive_view(void **state)
{
    (void)state;
    neighbours("BCDEF");
    shuffle_reply('B', "XYABC");
    expect(&trace, "");
    assert_int_equal(view.passive.count, 2); /* not oneself, not neighbours */
    shuffle_reply('B', "X");
    assert_int_equal(view.passive.count, 2);
}

static void the_passive_view_holds_thirty(void **state)
{
    (void)state;
    neighbours("BCDEF");
    shuffle_reply('B', "GHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    assert_int_equal(view.passive.count, MSK_PASSIVE_MAX);
    assert_non_null(in_passive('z')); /* a random other one leaves for each new one */
}

/* ---- strangers, leaving, limits */

static void a_stranger_is_dropped_after_its_message(void **state)
{
    (void)state;
    neighbours("BCDEF");
    shuffle_reply('X', "Y");
    expect(&trace, "drop X\n");
    disconnect('X', true); /* goodbyes excepted */
    expect(&trace, "");
    struct msk_digest x = peer('X'), b = peer('B');
    msk_hyparview_handled(&view, &x);
    msk_hyparview_handled(&view, &b);
    expect(&trace, "drop X\n");
}

static void who_was_asked_may_speak_first(void **state)
{
    (void)state;
    neighbours("BC");
    forward_join('B', 'J', 0);
    forget_trace();
    shuffle_reply('J', "B"); /* the first half of a refusal */
    expect(&trace, "");
}

static void leaving_takes_leave_of_everybody(void **state)
{
    (void)state;
    neighbours("BC");
    msk_hyparview_leave(&view);
    expect(&trace, "down B\nB < shuffle reply: C\nB < disconnect for good\ndrop B\n"
                   "down C\nC < shuffle reply:\nC < disconnect for good\ndrop C\n");
}

static void long_peer_data_is_passed_on_but_not_kept(void **state)
{
    (void)state;
    static uint8_t data[MSK_PEER_DATA_MAX + 1];
    memset(data, 'x', sizeof data);
    neighbours("B");
    receive('C', &(struct msk_membership){.kind = MSK_MEMBERSHIP_JOIN,
                                          .join = {.has_data = true, .data = MSK_BYTES(data, sizeof data)}});
    assert_true(trace.lines.len > sizeof data); /* in the forward join */
    struct msk_digest c = peer('C');
    assert_false(msk_view_find(&view.active, &c)->has_data);
}

static void assert_sound(void)
{
    assert_true(view.active.count <= MSK_ACTIVE_MAX && view.passive.count <= MSK_PASSIVE_MAX);
    assert_true(view.pending.count <= MSK_PENDING_MAX);
    for (size_t i = 0; i < view.passive.count; i++)
        assert_false(msk_hyparview_is_active(&view, &view.passive.peers[i].id));
    assert_null(in_passive('A'));
    assert_false(is_active('A'));
}

/* Whatever comes, in whatever order: the views stay within their bounds and apart from each other. */
static void no_storm_breaks_the_bounds(void **state)
{
    (void)state;
    struct msk_random storm;
    msk_random_seed(&storm, 7);
    for (int i = 0; i < 100000; i++) {
        char names[6] = {0};
        for (int n = 0; n < 5; n++)
            names[n] = (char)('A' + msk_random_below(&storm, 58));
        names[0] += names[0] == 'A'; /* we do not talk to ourselves */
        uint16_t ttl = (uint16_t)msk_random_below(&storm, 8);
        switch (msk_random_below(&storm, 9)) {
        case 0:
            join(names[0]);
            break;
        case 1:
            forward_join(names[0], names[1], ttl);
            break;
        case 2:
            shuffle(names[0], names[1], names, ttl);
            break;
        case 3:
            shuffle_reply(names[0], names);
            break;
        case 4:
            neighbor(names[0], MSK_PRIORITY_HIGH);
            break;
        case 5:
            neighbor(names[0], MSK_PRIORITY_LOW);
            break;
        case 6:
            disconnect(names[0], ttl % 2);
            break;
        case 7:
            lost(names[0]);
            break;
        case 8:
            tick_after(ttl * 50u);
            break;
        }
        assert_sound();
        forget_trace();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_shuffle_every_minute),
        TEST(a_shuffle_walks),
        TEST(a_shuffle_ends_and_is_answered),
        TEST(a_shuffle_ends_where_it_cannot_go_on),
        TEST(replies_are_bounded),
        TEST(a_shuffle_reply_fills_the_passive_view),
        TEST(the_passive_view_holds_thirty),
        TEST(a_stranger_is_dropped_after_its_message),
        TEST(who_was_asked_may_speak_first),
        TEST(leaving_takes_leave_of_everybody),
        TEST(long_peer_data_is_passed_on_but_not_kept),
        TEST(no_storm_breaks_the_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
