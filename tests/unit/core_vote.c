/* How a request for our vote is answered: groups.md 3.5 rows 1 to 5, and what is on disk before an answer leaves. */
#include "raft_trace.h"

/* Member 1 has voted for nobody in term 2 and its log ends at (2,9); 2 and 3 are bonded to it. */
static struct world *voter(enum msk_preference preference)
{
    struct world *world = world_new(3, 0);
    world->config.preference = preference;
    begin_in_term(world, 2);
    start_all(world);
    give(world, 1, 1, 5);
    give(world, 1, 2, 4);
    return world;
}

static void ask(struct world *world, int candidate, uint64_t term, struct msk_cursor log)
{
    struct msk_raft_message message = request_vote(world, candidate, term, log);
    assert_int_equal(receive(world, 1, candidate, &message), 0);
}

/* The one answer that 1 has sent, which is taken away. */
static void expect_answer(struct world *world, int to, uint64_t term, enum msk_vote vote)
{
    struct msk_arena arena;
    assert_int_equal(world->parcel_count, 1);
    assert_int_equal(world->parcels[0].to, to);
    struct msk_raft_message message = read_parcel(&world->parcels[0], &arena);
    assert_int_equal(message.kind, MSK_RAFT_REQUEST_VOTE_RESPONSE);
    assert_int_equal(message.request_vote_response.term, term);
    assert_int_equal(message.request_vote_response.vote, vote);
    lose(world, 1, to);
    msk_arena_free(&arena);
}

static void expect_vote_on_disk(struct world *world, uint64_t term, int candidate)
{
    struct msk_hard_state *disk = &world->members[1].disk;
    assert_int_equal(disk->term, term);
    assert_int_equal(disk->has_vote ? number_of(&disk->vote) : 0, candidate);
}

static void row_1_one_vote_a_term(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 9));
    lose(world, 1, 2);
    world->now_ms += 100;
    uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
    ask(world, 3, 3, at(2, 9));
    expect(world, "1 grants 2 in term 3: equal logs (2,9)\n"
                  "1 denies 3 in term 3: this term's vote went to 2\n");
    expect_answer(world, 3, 3, MSK_VOTE_DENIED);
    expect_vote_on_disk(world, 3, 2);
    assert_int_equal(msk_raft_deadline(raft_of(world, 1)), timer_ms);
    world_free(world);
}

static void row_1_even_for_a_longer_log(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 9));
    lose(world, 1, 2);
    ask(world, 3, 3, at(2, 99));
    expect(world, "1 grants 2 in term 3: equal logs (2,9)\n"
                  "1 denies 3 in term 3: this term's vote went to 2\n");
    world_free(world);
}

static void row_1_the_same_candidate_may_ask_again(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 9));
    lose(world, 1, 2);
    ask(world, 2, 3, at(2, 9));
    expect_answer(world, 2, 3, MSK_VOTE_GRANTED);
    world_free(world);
}

static void row_1_a_candidate_has_voted_for_itself(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    timer_of(world, 1);
    ask(world, 2, 3, at(2, 99));
    expect(world, "1 stands in term 3, asks 2 3\n"
                  "1 denies 2 in term 3: stands itself in this term\n");
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 3);
    world_free(world);
}

static void row_2_a_log_behind_ours(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(1, 20));
    expect(world, "1 denies 2 in term 3: its log (1,20) is behind mine (2,9)\n");
    expect_answer(world, 2, 3, MSK_VOTE_DENIED);
    expect_vote_on_disk(world, 3, 0);
    uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
    world->now_ms += 100;
    ask(world, 3, 3, at(2, 8)); /* the second time no new term re-arms the timer */
    expect(world, "1 denies 3 in term 3: its log (2,8) is behind mine (2,9)\n");
    assert_int_equal(msk_raft_deadline(raft_of(world, 1)), timer_ms);
    world_free(world);
}

/* Two that cannot win shall not keep from standing the one that can, though it waits longer than they do. */
static void row_2_a_new_term_does_not_postpone_the_timer(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_RELUCTANT);
    uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
    for (uint64_t term = 3; world->now_ms + 2000 < timer_ms; term++) {
        world->now_ms += 2000;
        ask(world, 2, term, at(1, 20));
    }
    assert_int_equal(msk_raft_deadline(raft_of(world, 1)), timer_ms);
    ask(world, 3, 100, at(2, 9)); /* granted: now it waits */
    assert_true(msk_raft_deadline(raft_of(world, 1)) > timer_ms);
    world_free(world);
}

static void row_3_a_log_ahead_of_ours(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 10));
    expect(world, "1 abstains for 2 in term 3: its log (2,10) is ahead of mine (2,9)\n");
    expect_answer(world, 2, 3, MSK_VOTE_ABSTAINED);
    world_free(world);
}

static void row_3_arms_the_timer(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 2, at(2, 10));
    uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1));
    world->now_ms += 1000;
    ask(world, 2, 2, at(2, 10));
    assert_true(msk_raft_deadline(raft_of(world, 1)) >= world->now_ms + 2000);
    assert_true(msk_raft_deadline(raft_of(world, 1)) > timer_ms);
    world_free(world);
}

/* W-7: two candidates ahead of us cannot both count our abstention. */
static void row_3_is_remembered(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 10));
    lose(world, 1, 2);
    ask(world, 3, 3, at(2, 11));
    expect(world, "1 abstains for 2 in term 3: its log (2,10) is ahead of mine (2,9)\n"
                  "1 denies 3 in term 3: this term's vote went to 2\n");
    expect_vote_on_disk(world, 3, 2);
    world_free(world);
}

static void row_3_is_forgotten_by_the_reference(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.reference_rules = true;
    start_all(world);
    ask(world, 2, 3, at(2, 10));
    ask(world, 3, 3, at(2, 11));
    expect(world, "1 abstains for 2 in term 3: its log (2,10) is ahead of mine (0,0)\n"
                  "1 abstains for 3 in term 3: its log (2,11) is ahead of mine (0,0)\n");
    world_free(world);
}

static void row_4_an_observer_abstains_from_equal_logs(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_OBSERVER);
    ask(world, 2, 3, at(2, 9));
    lose(world, 1, 2);
    ask(world, 3, 3, at(2, 9));
    expect(world, "1 abstains for 2 in term 3: equal logs, but it only observes\n"
                  "1 denies 3 in term 3: this term's vote went to 2\n");
    expect_vote_on_disk(world, 3, 2);
    world_free(world);
}

static void row_5_a_grant(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 9));
    expect(world, "1 grants 2 in term 3: equal logs (2,9)\n");
    expect_answer(world, 2, 3, MSK_VOTE_GRANTED);
    expect_vote_on_disk(world, 3, 2);
    assert_true(msk_raft_deadline(raft_of(world, 1)) >= world->now_ms + 2000);
    world_free(world);
}

/* ---- W-6: the disk comes first */

static void no_answer_leaves_before_its_record(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    world->slow_disk = true;
    ask(world, 2, 3, at(2, 9));
    assert_int_equal(world->parcel_count, 1);
    assert_int_equal(world->parcels[0].after, world->members[1].on_disk + 1);
    assert_false(may_leave(world, &world->parcels[0]));
    disk(world, 1);
    assert_true(may_leave(world, &world->parcels[0]));
    world_free(world);
}

static void a_new_term_and_the_vote_are_one_record(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    uint64_t before = world->members[1].on_disk;
    ask(world, 2, 3, at(2, 9));
    assert_int_equal(world->members[1].on_disk, before + 1);
    ask(world, 2, 3, at(2, 9)); /* nothing new */
    assert_int_equal(world->members[1].on_disk, before + 1);
    world_free(world);
}

/* The vote that was on its way to the disk is lost with the process, and with it the answer. */
static void a_voter_that_restarts_keeps_its_word(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    ask(world, 2, 3, at(2, 9));
    crash(world, 1);
    unbond_from_all(world, 1);
    start(world, 1);
    bond(world, 1, 2);
    bond(world, 1, 3);
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 3);
    forget(world);
    ask(world, 3, 3, at(2, 9));
    expect(world, "1 denies 3 in term 3: this term's vote went to 2\n");
    world_free(world);
}

static void an_answer_waits_for_the_newest_record(void **state)
{
    (void)state;
    struct world *world = voter(MSK_PREFER_NORMAL);
    world->slow_disk = true;
    ask(world, 2, 3, at(1, 1)); /* denied: only the term is recorded */
    ask(world, 3, 3, at(2, 9)); /* granted: a second record */
    assert_int_equal(world->parcels[0].after, world->members[1].on_disk + 1);
    assert_int_equal(world->parcels[1].after, world->members[1].on_disk + 2);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_1_one_vote_a_term),
        cmocka_unit_test(row_1_even_for_a_longer_log),
        cmocka_unit_test(row_1_the_same_candidate_may_ask_again),
        cmocka_unit_test(row_1_a_candidate_has_voted_for_itself),
        cmocka_unit_test(row_2_a_log_behind_ours),
        cmocka_unit_test(row_2_a_new_term_does_not_postpone_the_timer),
        cmocka_unit_test(row_3_a_log_ahead_of_ours),
        cmocka_unit_test(row_3_arms_the_timer),
        cmocka_unit_test(row_3_is_remembered),
        cmocka_unit_test(row_3_is_forgotten_by_the_reference),
        cmocka_unit_test(row_4_an_observer_abstains_from_equal_logs),
        cmocka_unit_test(row_5_a_grant),
        cmocka_unit_test(no_answer_leaves_before_its_record),
        cmocka_unit_test(a_new_term_and_the_vote_are_one_record),
        cmocka_unit_test(a_voter_that_restarts_keeps_its_word),
        cmocka_unit_test(an_answer_waits_for_the_newest_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
