/* Joining, forwarded joins, neighbors, disconnects, losses: the membership layer row by row (wire.md C.4). Lines read:
 * to whom < what. */
#include "hyparview_rig.h"

/* ---- joining */

static void to_join_is_to_ask_once(void **state)
{
    (void)state;
    struct msk_digest bootstrap = peer('B'), self = peer('A');
    msk_hyparview_join(&view, &bootstrap);
    expect(&trace, "B < join (a)\n");
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS);
    expect(&trace, "");
    neighbor('B', MSK_PRIORITY_HIGH); /* its answer: it is not known to us as one, so we answer too */
    expect(&trace, "up B\nB < neighbor high (a)\n");
    msk_hyparview_join(&view, &self);
    expect(&trace, "");
}

static void a_joiner_is_let_in_and_passed_on(void **state)
{
    (void)state;
    neighbours("BC");
    receive('D', &(struct msk_membership){.kind = MSK_MEMBERSHIP_JOIN,
                                          .join = {.has_data = true, .data = msk_bytes_of_text("d")}});
    expect(&trace, "up D\nD < neighbor high (a)\nB < forward join D(d) ttl 6\nC < forward join D(d) ttl 6\n");
    assert_int_equal(view.active.peers[2].data_len, 1); /* remembered */
}

static void a_neighbour_may_join_again(void **state)
{
    (void)state;
    neighbours("BC");
    join('B');
    expect(&trace, "B < neighbor high (a)\nC < forward join B ttl 6\n");
    assert_int_equal(view.active.count, 2);
}

static void a_joiner_takes_the_place_of_a_random_neighbour(void **state)
{
    (void)state;
    neighbours("BCDEF");
    passive("PQ");
    join('G');
    assert_true(is_active('G'));
    assert_int_equal(view.active.count, 5);
    assert_int_equal(view.passive.count, 3);
    char gone = 0;
    for (char name = 'B'; name <= 'F'; name++)
        if (!is_active(name))
            gone = name;
    assert_non_null(in_passive(gone)); /* kept for later */
    char lines[64];
    snprintf(lines, sizeof lines, "down %c\n%c < shuffle reply:", gone, gone);
    assert_int_equal(count_of(&trace, lines), 1);
    snprintf(lines, sizeof lines, "%c < disconnect alive\ndrop %c\nup G\nG < neighbor high (a)\n", gone, gone);
    assert_int_equal(count_of(&trace, lines), 1);
    assert_int_equal(count_of(&trace, "forward join G ttl 6"), 4);
}

/* ---- forward join */

static void a_forwarded_neighbour_is_greeted(void **state)
{
    (void)state;
    neighbours("BCD");
    forward_join('B', 'C', 5);
    expect(&trace, "C < neighbor high (a)\n");
    forward_join('B', 'C', 5); /* one greeting at a time */
    expect(&trace, "");
    struct msk_digest c = peer('C');
    assert_int_equal(msk_view_find(&view.active, &c)->data_len, 4);
}

static void a_walk_ends_at_ttl_0(void **state)
{
    (void)state;
    neighbours("BC");
    forward_join('B', 'J', 0);
    expect(&trace, "J < neighbor high (a)\n");
    assert_false(is_active('J')); /* only when it answers */
    assert_int_equal(in_pending('J')->data_len, 4);
    neighbor('J', MSK_PRIORITY_HIGH);
    expect(&trace, "up J\n"); /* an answer is not answered */
}

static void a_walk_ends_at_a_lonely_peer(void **state)
{
    (void)state;
    neighbours("B");
    forward_join('B', 'J', 6);
    expect(&trace, "J < neighbor high (a)\n");
}

static void a_walk_leaves_a_trace_at_ttl_3(void **state)
{
    (void)state;
    neighbours("BC");
    forward_join('B', 'J', 4);
    expect(&trace, "C < forward join J(addr) ttl 3\n");
    assert_null(in_passive('J'));
    forward_join('B', 'J', 3);
    expect(&trace, "C < forward join J(addr) ttl 2\n");
    assert_non_null(in_passive('J'));
}

static void a_walk_does_not_go_back(void **state)
{
    (void)state;
    neighbours("BCDEF");
    for (int i = 0; i < 100; i++)
        forward_join('D', 'J', 5);
    assert_int_equal(count_of(&trace, "forward join J(addr) ttl 4"), 100);
    assert_int_equal(count_of(&trace, "D <"), 0);
    for (const char *other = "BCEF"; *other; other++) {
        char line[] = {*other, ' ', '<', 0};
        assert_true(count_of(&trace, line) > 10); /* a random one each time */
    }
}

static void who_was_asked_is_not_passed_on(void **state)
{
    (void)state;
    neighbours("BC");
    forward_join('B', 'J', 0);
    forget_trace();
    forward_join('B', 'J', 6);
    expect(&trace, "");
}

static void the_own_join_coming_round_is_ignored(void **state)
{
    (void)state;
    neighbours("BC");
    forward_join('B', 'A', 0);
    forward_join('B', 'A', 3);
    expect(&trace, "");
    assert_null(in_passive('A'));
}

static void long_walks_are_cut(void **state)
{
    (void)state;
    neighbours("BC");
    forward_join('B', 'J', 60000);
    expect(&trace, "C < forward join J(addr) ttl 5\n");
    shuffle('B', 'X', "X", 60000);
    expect(&trace, "C < shuffle of X ttl 5: X(d)\n");
}

static void strangers_cannot_make_us_ask_without_end(void **state)
{
    (void)state;
    neighbours("BC");
    for (int i = 'a'; i <= 'z'; i++)
        forward_join('B', (char)i, 0);
    assert_int_equal(view.pending.count, MSK_ASKED_MAX);
    assert_int_equal(view.passive.count, 26 - MSK_ASKED_MAX); /* the others we can turn to later */
    join('C');                                                /* a neighbour is answered in any case */
    assert_non_null(in_pending('C'));
}

/* ---- neighbor */

static void a_request_is_answered_an_answer_is_not(void **state)
{
    (void)state;
    neighbor('B', MSK_PRIORITY_LOW);
    expect(&trace, "up B\nB < neighbor low (a)\n"); /* with the same priority */
    neighbor('B', MSK_PRIORITY_LOW);
    expect(&trace, ""); /* it answers our answer: enough */
    neighbor('B', MSK_PRIORITY_LOW);
    expect(&trace, "B < neighbor low (a)\n"); /* a new request of a neighbour */
}

static void a_polite_request_is_refused_without_room(void **state)
{
    (void)state;
    neighbours("BCDEF");
    passive("PQRSTUVW");
    neighbor('G', MSK_PRIORITY_LOW);
    assert_false(is_active('G'));
    assert_int_equal(count_of(&trace, "G < shuffle reply:"), 1);
    assert_int_equal(count_of(&trace, "(p)"), 7); /* seven peers it may turn to */
    assert_int_equal(count_of(&trace, "\nG < disconnect alive\ndrop G\n"), 1);
    assert_int_equal(count_of(&trace, "down"), 0);
}

static void an_urgent_request_is_never_refused(void **state)
{
    (void)state;
    neighbours("BCDEF");
    neighbor('G', MSK_PRIORITY_HIGH);
    assert_true(is_active('G'));
    assert_int_equal(count_of(&trace, "disconnect alive"), 1);
    assert_int_equal(count_of(&trace, "up G\nG < neighbor high (a)\n"), 1);
}

static void a_new_neighbour_leaves_the_passive_view(void **state)
{
    (void)state;
    passive("B");
    neighbor('B', MSK_PRIORITY_HIGH);
    assert_null(in_passive('B'));
    assert_int_equal(view.active.peers[0].data_len, 1); /* what was known of it stays known */
}

/* ---- disconnect, loss, refill */

static void who_disconnects_alive_is_kept_in_mind(void **state)
{
    (void)state;
    neighbours("BC");
    disconnect('B', true);
    expect(&trace, "down B\n"); /* it is not asked to come back at once */
    assert_non_null(in_passive('B'));
    lost('B'); /* it closes the connection as it said */
    assert_non_null(in_passive('B'));
    lost('B'); /* another attempt failed */
    assert_null(in_passive('B'));
}

static void who_disconnects_for_good_is_forgotten(void **state)
{
    (void)state;
    neighbours("BC");
    passive("P");
    disconnect('B', false);
    expect(&trace, "down B\nP < neighbor low (a)\n");
    assert_null(in_passive('B'));
    disconnect('P', false);
    assert_null(in_passive('P'));
    assert_null(in_pending('P'));
}

static void a_refusal_makes_us_ask_the_next(void **state)
{
    (void)state;
    neighbours("BCDE");
    passive("PQ");
    lost('B');
    lost('C'); /* one left of D, E and two asked */
    assert_int_equal(count_of(&trace, "neighbor low (a)"), 2);
    forget_trace();
    disconnect('P', true);
    expect(&trace, ""); /* there is nobody else, and P is left alone for a while */
    shuffle_reply('D', "R");
    expect(&trace, "R < neighbor low (a)\n");
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS); /* nobody answers */
    lost('Z');
    expect(&trace, "");
    tick_after(MSK_REFUSED_PAUSE_MS - MSK_NEIGHBOR_TIMEOUT_MS);
    forget_trace();
    lost('Z');
    expect(&trace, "P < neighbor low (a)\n");
}

static void a_lost_neighbour_is_not_kept(void **state)
{
    (void)state;
    neighbours("BC");
    passive("P");
    lost('B');
    expect(&trace, "down B\nP < neighbor low (a)\n");
    assert_null(in_passive('B'));
}

static void without_neighbours_we_insist(void **state)
{
    (void)state;
    neighbours("B");
    passive("PQR");
    lost('B');
    assert_int_equal(count_of(&trace, "neighbor high (a)"), 1); /* one only: it cannot refuse */
    assert_int_equal(view.pending.count, 1);
    char asked = name_of(&view.pending.peers[0].id);
    forget_trace();
    neighbor(asked, MSK_PRIORITY_HIGH);
    assert_int_equal(count_of(&trace, "neighbor low (a)"), 2); /* with company, politely */
}

static void who_does_not_answer_is_forgotten(void **state)
{
    (void)state;
    neighbours("BC");
    passive("P");
    lost('B');
    expect(&trace, "down B\nP < neighbor low (a)\n");
    assert_int_equal(msk_hyparview_deadline(&view), now_ms + MSK_NEIGHBOR_TIMEOUT_MS);
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS - 1);
    assert_non_null(in_pending('P'));
    passive("Q");
    tick_after(1);
    expect(&trace, "Q < neighbor low (a)\n");
    assert_null(in_passive('P'));
}

static void the_end_of_a_strangers_connection_forgets_it(void **state)
{
    (void)state;
    neighbours("BCDEF");
    passive("P");
    lost('P');
    assert_null(in_passive('P'));
    expect(&trace, "");
}

static void five_is_enough(void **state)
{
    (void)state;
    neighbours("BC");
    shuffle_reply('B', "PQRSTU");
    assert_int_equal(count_of(&trace, "neighbor low (a)"), 3);
    assert_int_equal(view.active.count + view.pending.count, MSK_ACTIVE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(to_join_is_to_ask_once),
        TEST(a_joiner_is_let_in_and_passed_on),
        TEST(a_neighbour_may_join_again),
        TEST(a_joiner_takes_the_place_of_a_random_neighbour),
        TEST(a_forwarded_neighbour_is_greeted),
        TEST(a_walk_ends_at_ttl_0),
        TEST(a_walk_ends_at_a_lonely_peer),
        TEST(a_walk_leaves_a_trace_at_ttl_3),
        TEST(a_walk_does_not_go_back),
        TEST(who_was_asked_is_not_passed_on),
        TEST(the_own_join_coming_round_is_ignored),
        TEST(long_walks_are_cut),
        TEST(strangers_cannot_make_us_ask_without_end),
        TEST(a_request_is_answered_an_answer_is_not),
        TEST(a_polite_request_is_refused_without_room),
        TEST(an_urgent_request_is_never_refused),
        TEST(a_new_neighbour_leaves_the_passive_view),
        TEST(who_disconnects_alive_is_kept_in_mind),
        TEST(who_disconnects_for_good_is_forgotten),
        TEST(a_refusal_makes_us_ask_the_next),
        TEST(a_lost_neighbour_is_not_kept),
        TEST(without_neighbours_we_insist),
        TEST(who_does_not_answer_is_forgotten),
        TEST(the_end_of_a_strangers_connection_forgets_it),
        TEST(five_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
