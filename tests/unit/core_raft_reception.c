/* What a message does in each role: groups.md 3.3, and W-12, W-13, W-21, W-22 where a message arrives. */
#include "raft_trace.h"

/* Three members in term 5; `role` of number 1 is as asked, 2 leads if it follows. */
static struct world *in_role(enum msk_role role)
{
    struct world *world = world_new(3, 0);
    begin_in_term(world, 4);
    start_all(world);
    if (role == MSK_ROLE_CANDIDATE) {
        timer_of(world, 1);
        lose(world, 1, 2);
        lose(world, 1, 3);
        forget(world);
    } else {
        elect(world, role == MSK_ROLE_LEADER ? 1 : 2);
    }
    expect_role(world, 1, role, 5);
    return world;
}

static const enum msk_role roles[] = {MSK_ROLE_FOLLOWER, MSK_ROLE_CANDIDATE, MSK_ROLE_LEADER};

static struct msk_raft_message with_term(const struct world *world, enum msk_raft_message_kind kind, uint64_t term)
{
    switch (kind) {
    case MSK_RAFT_APPEND_ENTRIES:
        return append(world, 2, term, at(0, 0), 0);
    case MSK_RAFT_APPEND_ENTRIES_RESPONSE:
        return (struct msk_raft_message){.kind = kind, .append_entries_response = {term, 0, MSK_VOTE_GRANTED}};
    case MSK_RAFT_REQUEST_VOTE:
        return request_vote(world, 2, term, at(0, 0));
    default:
        return (struct msk_raft_message){.kind = MSK_RAFT_REQUEST_VOTE_RESPONSE,
                                         .request_vote_response = {term, MSK_VOTE_GRANTED}};
    }
}

static void step_1_lower_terms_get_no_answer(void **state)
{
    (void)state;
    for (size_t r = 0; r < 3; r++)
        for (enum msk_raft_message_kind kind = 0; kind <= MSK_RAFT_REQUEST_VOTE_RESPONSE; kind++) {
            struct world *world = in_role(roles[r]);
            uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
            struct msk_raft_message message = with_term(world, kind, 4);
            assert_int_equal(receive(world, 1, 2, &message), 0);
            expect(world, "");
            /* but one that leads an old term learns of the present leader's (W-10) */
            bool tells = roles[r] == MSK_ROLE_LEADER && kind == MSK_RAFT_APPEND_ENTRIES;
            assert_int_equal(world->parcel_count, tells);
            assert_true(msk_raft_deadline(raft_of(world, 1)) == timer_ms);
            expect_role(world, 1, roles[r], 5);
            world_free(world);
        }
}

static void step_3_a_higher_term_makes_a_follower(void **state)
{
    (void)state;
    static const enum msk_role before[] = {MSK_ROLE_FOLLOWER, MSK_ROLE_CANDIDATE};
    for (size_t r = 0; r < 2; r++)
        for (enum msk_raft_message_kind kind = 0; kind <= MSK_RAFT_REQUEST_VOTE_RESPONSE; kind++) {
            struct world *world = in_role(before[r]);
            struct msk_raft_status status;
            struct msk_raft_message message = with_term(world, kind, 9);
            receive(world, 1, 2, &message);
            expect_role(world, 1, MSK_ROLE_FOLLOWER, 9);
            msk_raft_status(raft_of(world, 1), &status);
            assert_int_equal(status.has_leader, kind == MSK_RAFT_APPEND_ENTRIES);
            assert_int_equal(status.online, kind == MSK_RAFT_APPEND_ENTRIES);
            assert_in_range(status.timer_ms - world->now_ms, 2000, 2499);
            assert_int_equal(world->members[1].disk.term, 9);
            world_free(world);
        }
}

static void step_3_tells_what_brought_the_term(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_FOLLOWER);
    show(world, MSK_EVENT_TERM_CHANGED);
    struct msk_raft_message message = with_term(world, MSK_RAFT_REQUEST_VOTE, 6);
    receive(world, 1, 2, &message);
    message = append(world, 3, 7, at(0, 0), 0);
    receive(world, 1, 3, &message);
    expect(world, "1 leader 2 of term 5 is gone: a new term began\n"
                  "1 term 5 -> 6: request_vote of 2\n"
                  "1 grants 2 in term 6: equal logs (0,0)\n"
                  "1 term 6 -> 7: append_entries of 3\n"
                  "1 leader of term 7 is 3\n");
    world_free(world);
}

static void step_4_every_role_answers_for_its_vote(void **state)
{
    (void)state;
    for (size_t r = 0; r < 3; r++) {
        struct world *world = in_role(roles[r]);
        struct msk_raft_message message = request_vote(world, 3, 5, at(0, 0));
        receive(world, 1, 3, &message);
        expect(world, roles[r] == MSK_ROLE_FOLLOWER ? "1 denies 3 in term 5: this term's vote went to 2\n"
                                                    : "1 denies 3 in term 5: stands itself in this term\n");
        assert_int_equal(world->parcel_count, 1);
        world_free(world);
    }
}

static void append_makes_a_follower_of_a_candidate(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_CANDIDATE);
    struct msk_raft_message message = append(world, 2, 5, at(0, 0), 0);
    receive(world, 1, 2, &message);
    expect(world, "1 leader of term 5 is 2\n");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 5);
    assert_true(raft_of(world, 1)->online);
    world_free(world);
}

static void append_to_a_leader_is_a_rival(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_LEADER);
    struct msk_raft_message message = append(world, 2, 5, at(0, 0), 0);
    receive(world, 1, 2, &message);
    expect(world, "1 two leaders in term 5: 1 and 2\n"
                  "1 stands in term 6, asks 2 3\n");
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 6);
    assert_false(raft_of(world, 1)->has_leader);
    world_free(world);
}

/* Rows 2 to 6 of the role table. */
static void what_a_role_does_not_expect_is_ignored(void **state)
{
    (void)state;
    for (size_t r = 0; r < 3; r++) {
        struct world *world = in_role(roles[r]);
        show(world, MSK_EVENT_APPEND_ACKED);
        show(world, MSK_EVENT_VOTE_RECEIVED);
        struct msk_raft_message messages[] = {
            with_term(world, MSK_RAFT_APPEND_ENTRIES_RESPONSE, 5),
            with_term(world, MSK_RAFT_REQUEST_VOTE_RESPONSE, 5),
            {.kind = MSK_RAFT_FORWARD, .forward = {.kind = MSK_FORWARD_QUERY}},
            {.kind = MSK_RAFT_FORWARD, .forward = {.kind = MSK_FORWARD_COMMAND_ACK}},
            {.kind = MSK_RAFT_STATE_SYNC, .state_sync = {.kind = MSK_SYNC_AVAILABILITY_RESPONSE}},
        };
        for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
            if ((roles[r] == MSK_ROLE_LEADER && i == 0) || (roles[r] == MSK_ROLE_CANDIDATE && i == 1) ||
                (roles[r] != MSK_ROLE_CANDIDATE && i == 2)) /* followers answer their leader: core_read.c */
                continue;
            receive(world, 1, 2, &messages[i]);
            expect(world, "");
            assert_int_equal(world->parcel_count, 0);
            expect_role(world, 1, roles[r], 5);
        }
        world_free(world);
    }
}

static void strangers_are_not_heard(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_FOLLOWER);
    unbond(world, 1, 3);
    struct msk_raft_message message = request_vote(world, 3, 9, at(0, 0));
    receive(world, 1, 3, &message);
    expect(world, "");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 5);
    world_free(world);
}

/* ---- W-12 */

static void a_leader_disturbed_by_one_that_lags_stands_again(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_LEADER);
    give(world, 1, 5, 3);
    struct msk_raft_message message = request_vote(world, 3, 8, at(5, 1));
    receive(world, 1, 3, &message);
    expect(world, "1 denies 3 in term 8: its log (5,1) is behind mine (5,3)\n"
                  "1 stands in term 9, asks 2 3\n");
    world_free(world);
}

static void a_leader_disturbed_by_a_mere_term_stands_again(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_LEADER);
    struct msk_raft_message message = with_term(world, MSK_RAFT_REQUEST_VOTE_RESPONSE, 8);
    receive(world, 1, 3, &message);
    expect(world, "1 stands in term 9, asks 2 3\n");
    world_free(world);
}

static void a_leader_gives_way_to_a_candidate_that_is_fit(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_LEADER);
    struct msk_raft_message message = request_vote(world, 3, 8, at(0, 0));
    receive(world, 1, 3, &message);
    expect(world, "1 grants 3 in term 8: equal logs (0,0)\n");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 8);
    world_free(world);
}

static void a_leader_gives_way_to_a_later_one(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_LEADER);
    struct msk_raft_message message = append(world, 3, 8, at(0, 0), 0);
    receive(world, 1, 3, &message);
    expect(world, "1 leader of term 8 is 3\n");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 8);
    world_free(world);
}

static void the_reference_does_not_stand_again(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    world->config.reference_rules = true;
    start_all(world);
    elect(world, 1);
    give(world, 1, 1, 3);
    struct msk_raft_message message = request_vote(world, 2, 8, at(0, 0));
    receive(world, 1, 2, &message);
    expect(world, "1 denies 2 in term 8: its log (0,0) is behind mine (1,3)\n");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 8);
    world_free(world);
}

/* ---- W-13, W-21, W-22 */

static void whoever_names_another_is_dropped(void **state)
{
    (void)state;
    struct world *world = in_role(MSK_ROLE_FOLLOWER);
    struct msk_raft_message vote = request_vote(world, 2, 6, at(0, 0)), entries = append(world, 2, 6, at(0, 0), 0);
    assert_int_equal(receive(world, 1, 3, &vote), 0);
    assert_int_equal(receive(world, 1, 3, &entries), 0); /* told once a bond */
    expect(world, "1 3 broke the protocol: it names another peer as its sender\n");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 5);
    unbond(world, 1, 3);
    bond(world, 1, 3);
    assert_int_equal(receive(world, 1, 3, &vote), 0);
    expect(world, "1 3 broke the protocol: it names another peer as its sender\n");
    world_free(world);
}

static void the_reference_believes_them(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.reference_rules = true;
    start_all(world);
    struct msk_raft_message message = append(world, 2, 1, at(0, 0), 0);
    receive(world, 1, 3, &message);
    expect(world, "1 leader of term 1 is 2\n");
    world_free(world);
}

static void a_term_far_ahead_ends_the_bond(void **state)
{
    (void)state;
    for (enum msk_raft_message_kind kind = 0; kind <= MSK_RAFT_REQUEST_VOTE_RESPONSE; kind++) {
        struct world *world = in_role(MSK_ROLE_FOLLOWER);
        struct msk_raft_message message = with_term(world, kind, 5 + MSK_TERM_LEAP_MAX + 1);
        assert_int_equal(receive(world, 1, 2, &message), MSK_E_PROTOCOL);
        expect(world, "1 2 broke the protocol: its term is far ahead of ours\n");
        expect_role(world, 1, MSK_ROLE_FOLLOWER, 5);
        message = with_term(world, kind, UINT64_MAX);
        assert_int_equal(receive(world, 1, 2, &message), MSK_E_PROTOCOL);
        message = with_term(world, kind, 5 + MSK_TERM_LEAP_MAX);
        assert_int_equal(receive(world, 1, 2, &message), 0);
        expect_role(world, 1, MSK_ROLE_FOLLOWER, 5 + MSK_TERM_LEAP_MAX);
        world_free(world);
    }
}

static void no_term_is_beyond_the_last(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    begin_in_term(world, MSK_TERM_MAX - 1);
    start_all(world);
    struct msk_raft_message message = with_term(world, MSK_RAFT_REQUEST_VOTE, MSK_TERM_MAX + 1);
    assert_int_equal(receive(world, 1, 2, &message), MSK_E_PROTOCOL);
    message = with_term(world, MSK_RAFT_REQUEST_VOTE, MSK_TERM_MAX);
    assert_int_equal(receive(world, 1, 2, &message), 0);
    world_free(world);
}

static void impossible_logs_end_the_bond(void **state)
{
    (void)state;
    static const struct {
        struct msk_cursor prev;
        uint64_t second_term;
    } rows[] = {{{3, 0}, 5}, {{5, UINT64_MAX}, 5}, {{5, UINT64_MAX - 1}, 5}, {{1, 3}, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct msk_log_entry entries[2] = {{5, MSK_BYTES("a", 1)}, {rows[i].second_term, MSK_BYTES("b", 1)}};
        struct world *world = in_role(MSK_ROLE_FOLLOWER);
        give(world, 1, 1, 3);
        struct msk_raft_message message = append(world, 2, 5, rows[i].prev, 0);
        message.append_entries.entries = (struct msk_log_entry_seq){entries, 2};
        assert_int_equal(receive(world, 1, 2, &message), MSK_E_PROTOCOL);
        expect(world, "1 2 broke the protocol: it tells of a log that cannot be\n");
        assert_int_equal(msk_log_last(&raft_of(world, 1)->log).index, 3);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(step_1_lower_terms_get_no_answer),
        cmocka_unit_test(step_3_a_higher_term_makes_a_follower),
        cmocka_unit_test(step_3_tells_what_brought_the_term),
        cmocka_unit_test(step_4_every_role_answers_for_its_vote),
        cmocka_unit_test(append_makes_a_follower_of_a_candidate),
        cmocka_unit_test(append_to_a_leader_is_a_rival),
        cmocka_unit_test(what_a_role_does_not_expect_is_ignored),
        cmocka_unit_test(strangers_are_not_heard),
        cmocka_unit_test(a_leader_disturbed_by_one_that_lags_stands_again),
        cmocka_unit_test(a_leader_disturbed_by_a_mere_term_stands_again),
        cmocka_unit_test(a_leader_gives_way_to_a_candidate_that_is_fit),
        cmocka_unit_test(a_leader_gives_way_to_a_later_one),
        cmocka_unit_test(the_reference_does_not_stand_again),
        cmocka_unit_test(whoever_names_another_is_dropped),
        cmocka_unit_test(the_reference_believes_them),
        cmocka_unit_test(a_term_far_ahead_ends_the_bond),
        cmocka_unit_test(no_term_is_beyond_the_last),
        cmocka_unit_test(impossible_logs_end_the_bond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
