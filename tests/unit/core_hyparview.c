/* The membership layer, row by row (wire.md C.4). Lines read: to whom < what. */
#include "gossip_trace.h"

#include "core/hyparview.h"

static struct trace trace;
static struct msk_random randomness;
static struct msk_hyparview view; /* of A */
static uint64_t now_ms;

static int set_up(void **state)
{
    (void)state;
    trace_init(&trace, NULL);
    msk_random_seed(&randomness, 1);
    now_ms = 1000;
    struct msk_digest self = peer('A');
    msk_hyparview_init(&view, &self, &trace.port, &randomness, now_ms);
    msk_hyparview_set_data(&view, msk_bytes_of_text("a"));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    msk_builder_free(&trace.lines);
    return 0;
}

/* ---- messages that arrive */

static void receive(char from, const struct msk_membership *message)
{
    struct msk_digest id = peer(from);
    msk_hyparview_receive(&view, now_ms, &id, message);
}

static void join(char from)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_JOIN});
}

static void neighbor(char from, enum msk_neighbor_priority priority)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_NEIGHBOR, .neighbor.priority = priority});
}

static void forward_join(char from, char joiner, uint16_t ttl)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN,
                                           .forward_join = {.peer = info(joiner, "addr"), .ttl = ttl}});
}

static void disconnect(char from, bool alive)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_DISCONNECT, .disconnect.alive = alive});
}

static struct msk_peer_info_seq nodes_of(const char *names)
{
    static struct msk_peer_info nodes[64];
    size_t count = strlen(names);
    for (size_t i = 0; i < count; i++)
        nodes[i] = info(names[i], "d");
    return (struct msk_peer_info_seq){nodes, count};
}

static void shuffle(char from, char origin, const char *names, uint16_t ttl)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE,
                                           .shuffle = {.origin = peer(origin), .nodes = nodes_of(names), .ttl = ttl}});
}

static void shuffle_reply(char from, const char *names)
{
    receive(from,
            &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE_REPLY, .shuffle_reply.nodes = nodes_of(names)});
}

static void lost(char name)
{
    struct msk_digest id = peer(name);
    msk_hyparview_lost(&view, now_ms, &id);
}

static void tick_after(uint64_t ms)
{
    now_ms += ms;
    msk_hyparview_tick(&view, now_ms);
}

/* ---- states to start from */

static void forget_trace(void)
{
    msk_builder_reset(&trace.lines);
}

/* These are neighbours, and nothing is outstanding. */
static void neighbours(const char *names)
{
    for (; *names; names++)
        neighbor(*names, MSK_PRIORITY_HIGH);
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS);
    forget_trace();
}

/* These are known, without anything being said about it: there is no room for more neighbours while they are added. */
static void passive(const char *names)
{
    for (; *names; names++) {
        struct msk_peer_info known = info(*names, "p");
        msk_view_add(&view.passive, &known);
    }
}

static bool is_active(char name)
{
    struct msk_digest id = peer(name);
    return msk_hyparview_is_active(&view, &id);
}

static const struct msk_view_peer *in_passive(char name)
{
    struct msk_digest id = peer(name);
    return msk_view_find(&view.passive, &id);
}

static const struct msk_view_peer *in_pending(char name)
{
    struct msk_digest id = peer(name);
    return msk_view_find(&view.pending, &id);
}

/* ---- joining */

static void to_join_is_to_ask_once(void **state)
{
    (void)state;
    struct msk_peer_info bootstrap = info('B', "b");
    msk_hyparview_join(&view, &bootstrap);
    expect(&trace, "B < join (a)\n");
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS);
    expect(&trace, "");
    neighbor('B', MSK_PRIORITY_HIGH); /* its answer: it is not known to us as one, so we answer too */
    expect(&trace, "up B\nB < neighbor high (a)\n");
    struct msk_peer_info self = info('A', NULL);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
