/* Standing, counting and winning: groups.md 3.4, 3.5, 3.9 and W-1, W-2 (a), W-6, W-12, W-31. */
#include "raft_trace.h"

/* ---- timers and who stands (3.4, 3.9) */

static uint64_t first_timer_ms(struct msk_raft_config config, uint64_t term)
{
    struct world *world = world_new(1, 0);
    world->config = config;
    world->members[1].disk.term = term;
    start(world, 1);
    uint64_t delay_ms = msk_raft_deadline(raft_of(world, 1)) - world->now_ms;
    world_free(world);
    return delay_ms;
}

static void the_first_timer(void **state)
{
    (void)state;
    struct msk_raft_config config = {.election_timeout_ms = 2000,
                                     .election_timeout_jitter_ms = 500,
                                     .bootstrap_delay_ms = 3000,
                                     .heartbeat_interval_ms = 500};
    assert_in_range(first_timer_ms(config, 0), 5000, 5499);
    assert_in_range(first_timer_ms(config, 1), 2000, 2499);
    config.preference = MSK_PREFER_RELUCTANT;
    assert_in_range(first_timer_ms(config, 0), 15000, 16499);
    config.reluctant_factor = 2;
    assert_in_range(first_timer_ms(config, 0), 10000, 10998);
    assert_in_range(first_timer_ms(config, 7), 4000, 4998);
    config.election_timeout_ms = UINT64_MAX; /* cut to the longest time there is */
    assert_in_range(first_timer_ms(config, 7), MSK_RAFT_TIME_MAX_MS * 2, MSK_RAFT_TIME_MAX_MS * 2 + 998);
}

static void alone_it_elects_itself(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    show(world, MSK_EVENT_TERM_CHANGED);
    show(world, MSK_EVENT_ROLE_CHANGED);
    start(world, 1);
    run(world, 4900);
    expect(world, "");
    run(world, 600);
    expect(world, "1 term 0 -> 1: election\n"
                  "1 follower -> candidate in term 1\n"
                  "1 stands in term 1, asks nobody\n"
                  "1 leads term 1 with 1 granted, 0 abstained, quorum 1\n"
                  "1 candidate -> leader in term 1\n"
                  "1 leader of term 1 is 1\n");
    assert_true(raft_of(world, 1)->online);
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER); /* nobody to beat for, nothing to wake for */
    world_free(world);
}

static void a_candidate_asks_again_in_the_next_term(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    start_all(world);
    timer_of(world, 1);
    uint64_t started_ms = world->now_ms, timer_ms = msk_raft_deadline(raft_of(world, 1));
    assert_in_range(timer_ms - started_ms, 2000, 2499); /* no bootstrap delay any more */
    assert_false(raft_of(world, 1)->online);
    lose(world, 1, 2);
    lose(world, 1, 3);
    timer_of(world, 1);
    char lines[300];
    snprintf(lines, sizeof lines,
             "1 stands in term 1, asks 2 3\n"
             "1 no majority in term 1 after %d ms: 1 granted, 0 denied, 0 abstained, quorum 2\n"
             "1 stands in term 2, asks 2 3\n",
             (int)(timer_ms - started_ms));
    expect(world, lines);
    deliver(world);
    expect(world, "2 grants 1 in term 2: equal logs (0,0)\n"
                  "3 grants 1 in term 2: equal logs (0,0)\n"
                  "1 leads term 2 with 2 granted, 0 abstained, quorum 2\n"
                  "1 leader of term 2 is 1\n"
                  "2 leader of term 2 is 1\n"
                  "3 leader of term 2 is 1\n");
    world_free(world);
}

/* Where requests take longer than the jitter, two candidates would get in each other's way for ever. */
static void rounds_draw_from_ever_wider_spans(void **state)
{
    (void)state;
    static const uint64_t spans_ms[] = {500, 1000, 2000, 4000, 4000};
    uint64_t longest_ms = 0;
    for (int attempt = 0; attempt < 20; attempt++) {
        struct world *world = world_new(3, 0);
        world->now_ms += (uint64_t)attempt; /* the seeds hang on it */
        start_all(world);
        for (size_t round = 0; round < sizeof spans_ms / sizeof spans_ms[0]; round++) {
            timer_of(world, 1);
            lose(world, 1, 2);
            lose(world, 1, 3);
            uint64_t timer_ms = msk_raft_deadline(raft_of(world, 1)) - world->now_ms;
            assert_in_range(timer_ms, 2000, 1999 + spans_ms[round]);
            if (timer_ms > longest_ms)
                longest_ms = timer_ms;
        }
        world_free(world);
    }
    assert_true(longest_ms > 4000);
}

static void a_reluctant_candidate_is_not_slower_than_others(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    world->config.preference = MSK_PREFER_RELUCTANT;
    start_all(world);
    timer_of(world, 1);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 2000, 2499);
    world_free(world);
}

static void observers_never_stand(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.preference = MSK_PREFER_OBSERVER;
    start_all(world);
    run(world, 60000);
    expect(world, "");
    for (int i = 1; i <= 3; i++) {
        expect_role(world, i, MSK_ROLE_FOLLOWER, 0);
        assert_true(msk_raft_deadline(raft_of(world, i)) == MSK_NEVER);
    }
    world_free(world);
}

static void an_observer_notices_a_silent_leader(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    start(world, 1);
    world->config.preference = MSK_PREFER_OBSERVER;
    start(world, 2);
    bond_all(world);
    timer_of(world, 1);
    deliver(world);
    expect(world, "1 stands in term 1, asks 2\n"
                  "2 abstains for 1 in term 1: equal logs, but it only observes\n"
                  "1 leads term 1 with 1 granted, 1 abstained, quorum 1\n"
                  "1 leader of term 1 is 1\n"
                  "2 leader of term 1 is 1\n");
    timer_of(world, 2);
    expect(world, "2 leader 1 of term 1 is gone: its silence outlasted the election timeout\n");
    assert_false(raft_of(world, 2)->online);
    world_free(world);
}

/* ---- the quorum (3.5) */

struct answers {
    int asked;           /* without ourselves */
    const char *answers; /* of peers 2, 3, ...: g, d, a; the others are silent */
    bool wins;
};

static void try(const struct answers *row)
{
    struct world *world = world_new(row->asked + 1, 0);
    start_all(world);
    timer_of(world, 1);
    for (int i = 0; row->answers[i]; i++) {
        enum msk_vote vote = row->answers[i] == 'g'   ? MSK_VOTE_GRANTED
                             : row->answers[i] == 'd' ? MSK_VOTE_DENIED
                                                      : MSK_VOTE_ABSTAINED;
        struct msk_raft_message message = {.kind = MSK_RAFT_REQUEST_VOTE_RESPONSE, .request_vote_response = {1, vote}};
        receive(world, 1, i + 2, &message);
    }
    enum msk_role want = row->wins ? MSK_ROLE_LEADER : MSK_ROLE_CANDIDATE;
    if (raft_of(world, 1)->role != want)
        fail_msg("%d asked, answers \"%s\": %s", row->asked, row->answers, msk_role_name(raft_of(world, 1)->role));
    world_free(world);
}

static void who_wins(void **state)
{
    (void)state;
    static const struct answers rows[] = {
        {1, "", false},   {1, "g", true},   {1, "d", false},   {1, "a", true},    {2, "g", true},    {2, "d", false},
        {2, "a", false}, /* the silent one counts against us */
        {2, "aa", true},  {2, "ad", false}, {2, "ag", true},   {2, "dd", false},  {3, "g", false},   {3, "gg", true},
        {3, "ag", true},  {3, "aag", true}, {3, "aad", false}, {4, "gg", true},   {4, "gd", false},  {4, "gdd", false},
        {4, "aa", false}, {4, "aag", true}, {4, "aaa", false}, {4, "aaaa", true}, {8, "gggg", true}, {8, "gggd", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        try(&rows[i]);
}

/* The example of 3.5. */
static struct world *longest_log_world(void)
{
    struct world *world = world_new(3, 0);
    begin_in_term(world, 2);
    start_all(world);
    for (int i = 1; i <= 3; i++)
        give(world, i, 2, 9);
    give(world, 1, 2, 1);
    return world;
}

static void the_longest_log_wins(void **state)
{
    (void)state;
    struct world *world = longest_log_world();
    timer_of(world, 1);
    deliver(world);
    expect(world, "1 stands in term 3, asks 2 3\n"
                  "2 abstains for 1 in term 3: its log (2,10) is ahead of mine (2,9)\n"
                  "3 abstains for 1 in term 3: its log (2,10) is ahead of mine (2,9)\n"
                  "1 leads term 3 with 1 granted, 2 abstained, quorum 1\n"
                  "1 leader of term 3 is 1\n"
                  "2 leader of term 3 is 1\n"
                  "3 leader of term 3 is 1\n"
                  "1 committed 0 -> 10 in term 2\n" /* the others fetched what they lacked */
                  "2 committed 0 -> 10 in term 2\n"
                  "3 committed 0 -> 10 in term 2\n");
    world_free(world);
}

static void a_majority_without_it_wins_too(void **state)
{
    (void)state;
    struct world *world = longest_log_world();
    timer_of(world, 2);
    deliver(world);
    expect(world, "2 stands in term 3, asks 1 3\n"
                  "1 denies 2 in term 3: its log (2,9) is behind mine (2,10)\n"
                  "3 grants 2 in term 3: equal logs (2,9)\n"
                  "2 leads term 3 with 2 granted, 0 abstained, quorum 2\n"
                  "2 leader of term 3 is 2\n"
                  "1 leader of term 3 is 2\n"
                  "3 leader of term 3 is 2\n"
                  "2 committed 0 -> 9 in term 2\n" /* all have these */
                  "1 committed 0 -> 9 in term 2\n"
                  "3 committed 0 -> 9 in term 2\n");
    world_free(world);
}

static void what_does_not_count(void **state)
{
    (void)state;
    struct world *world = world_new(5, 0);
    struct msk_raft_message yes = {.kind = MSK_RAFT_REQUEST_VOTE_RESPONSE,
                                   .request_vote_response = {1, MSK_VOTE_GRANTED}};
    world->config.reference_rules = true; /* which asks nobody who bonds later */
    for (int i = 1; i <= 5; i++)
        start(world, i);
    bond(world, 1, 2);
    bond(world, 1, 3);
    bond(world, 1, 4);
    timer_of(world, 1);
    bond(world, 1, 5);
    receive(world, 1, 5, &yes); /* not asked */
    receive(world, 1, 2, &yes);
    receive(world, 1, 2, &yes); /* once more */
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 1);
    yes.request_vote_response.term = 0; /* of an earlier election */
    receive(world, 1, 3, &yes);
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 1);
    yes.request_vote_response.term = 1;
    receive(world, 1, 3, &yes);
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    world_free(world);
}

/* ---- a peer that bonds during an election */

static void who_bonds_during_an_election_is_asked_at_once(void **state)
{
    (void)state;
    struct world *world = world_new(4, 0);
    for (int i = 1; i <= 4; i++)
        start(world, i);
    bond(world, 1, 2);
    timer_of(world, 1);
    lose(world, 1, 2);
    bond(world, 1, 3);
    bond(world, 1, 4);
    deliver(world);
    expect(world, "1 stands in term 1, asks 2\n"
                  "3 grants 1 in term 1: equal logs (0,0)\n"
                  "4 grants 1 in term 1: equal logs (0,0)\n"
                  "1 leads term 1 with 3 granted, 0 abstained, quorum 3\n"
                  "1 leader of term 1 is 1\n"
                  "2 leader of term 1 is 1\n"
                  "3 leader of term 1 is 1\n"
                  "4 leader of term 1 is 1\n");
    world_free(world);
}

static void the_reference_asks_it_in_the_next_round(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.reference_rules = true;
    for (int i = 1; i <= 3; i++)
        start(world, i);
    bond(world, 1, 2);
    timer_of(world, 1);
    lose(world, 1, 2);
    bond(world, 1, 3);
    deliver(world);
    expect(world, "1 stands in term 1, asks 2\n");
    world_free(world);
}

static void a_bond_that_flaps_does_not_vote_twice(void **state)
{
    (void)state;
    struct world *world = world_new(4, 0);
    start_all(world);
    timer_of(world, 1);
    deliver_between(world, 1, 2);
    deliver_between(world, 2, 1);
    unbond(world, 1, 2);
    bond(world, 1, 2);
    lose(world, 1, 3);
    lose(world, 1, 4);
    deliver(world);
    expect(world, "1 stands in term 1, asks 2 3 4\n"
                  "2 grants 1 in term 1: equal logs (0,0)\n");
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 1);
    world_free(world);
}

/* ---- W-6: our own vote */

static void our_own_vote_counts_once_it_is_on_disk(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    start_all(world);
    world->slow_disk = true;
    timer_of(world, 1);
    deliver(world);
    expect(world, "1 stands in term 1, asks 2 3\n"); /* nobody was asked yet */
    disk(world, 1);
    deliver(world);
    disk(world, 2);
    deliver(world);
    expect(world, "2 grants 1 in term 1: equal logs (0,0)\n"
                  "3 grants 1 in term 1: equal logs (0,0)\n"
                  "1 leads term 1 with 2 granted, 0 abstained, quorum 2\n"
                  "1 leader of term 1 is 1\n"
                  "2 leader of term 1 is 1\n"
                  "3 leader of term 1 is 1\n");
    world_free(world);
}

static void alone_it_waits_for_its_disk(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    world->slow_disk = true;
    start(world, 1);
    timer_of(world, 1);
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 1);
    disk(world, 1);
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    world_free(world);
}

static void a_vote_of_an_earlier_round_does_not_count(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct msk_actions actions = {0};
    world->slow_disk = true;
    start(world, 1);
    timer_of(world, 1);
    timer_of(world, 1); /* term 2, while term 1 is still being written */
    msk_raft_persisted(raft_of(world, 1), world_now(world), 1, &actions);
    assert_int_equal(actions.count, 0);
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 2);
    disk(world, 1);
    expect_role(world, 1, MSK_ROLE_LEADER, 2);
    world_free(world);
}

/* ---- W-1, W-2 (a): with --members */

static void too_few_members_and_it_does_not_stand(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    start(world, 1);
    run(world, 60000);
    expect(world, "1 does not stand: hears 1 of 3 members within 1000 ms, needs 2\n");
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 0);
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    world_free(world);
}

/* A leader among those who return has the time to beat first. */
static void the_members_return_and_it_stands(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    start(world, 1);
    timer_of(world, 1);
    start(world, 2);
    bond(world, 1, 2);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 1000, 1499);
    timer_of(world, 1);
    deliver(world);
    expect(world, "1 does not stand: hears 1 of 3 members within 1000 ms, needs 2\n"
                  "1 stands in term 1, asks 2\n"
                  "2 grants 1 in term 1: equal logs (0,0)\n"
                  "1 leads term 1 with 2 granted, 0 abstained, quorum 2\n"
                  "1 leader of term 1 is 1\n"
                  "2 leader of term 1 is 1\n");
    world_free(world);
}

static void a_bond_that_has_gone_quiet_is_no_member_in_reach(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    start_all(world);
    isolate(world, 1);
    timer_of(world, 1);
    expect(world, "1 does not stand: hears 1 of 3 members within 1000 ms, needs 2\n");
    heal(world);
    beat(world);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 1000, 1499);
    world_free(world);
}

static void a_candidate_that_loses_the_others_gives_up_its_term(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    show(world, MSK_EVENT_ROLE_CHANGED);
    hide(world, MSK_EVENT_ELECTION_TIMEOUT);
    start_all(world);
    timer_of(world, 1);
    unbond(world, 1, 2);
    unbond(world, 1, 3);
    timer_of(world, 1);
    expect(world, "1 follower -> candidate in term 1\n"
                  "1 stands in term 1, asks 2 3\n"
                  "1 candidate -> follower in term 1\n"
                  "1 does not stand: hears 1 of 3 members within 1000 ms, needs 2\n");
    world_free(world);
}

/* All asked have answered in its favour, but they are too few of the members. */
static void the_floor_of_an_election(void **state)
{
    (void)state;
    struct world *world = world_new(5, 5);
    start_all(world);
    for (int i = 1; i <= 5; i++)
        give(world, i, 1, i == 1 ? 2 : 1);
    timer_of(world, 1);
    for (int i = 2; i <= 3; i++) {
        deliver_between(world, 1, i);
        deliver_between(world, i, 1);
    }
    expect(world, "1 stands in term 1, asks 2 3 4 5\n"
                  "2 abstains for 1 in term 1: its log (1,2) is ahead of mine (1,1)\n"
                  "3 abstains for 1 in term 1: its log (1,2) is ahead of mine (1,1)\n");
    deliver(world); /* four abstain, one granted: quorum 1 of 1, and 5 of 5 members */
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    world_free(world);
}

static void a_minority_that_all_agree_does_not_elect(void **state)
{
    (void)state;
    struct world *world = world_new(5, 5);
    for (int i = 1; i <= 5; i++)
        start(world, i);
    bond(world, 1, 2);
    bond(world, 1, 3);
    timer_of(world, 1);
    unbond(world, 1, 3);
    deliver(world);
    expect(world, "1 stands in term 1, asks 2 3\n"
                  "2 grants 1 in term 1: equal logs (0,0)\n"); /* 2 of 3 asked, but 2 of 5 members */
    expect_role(world, 1, MSK_ROLE_CANDIDATE, 1);
    bond(world, 1, 4);
    deliver(world);
    expect(world, "4 grants 1 in term 1: equal logs (0,0)\n"
                  "1 leads term 1 with 3 granted, 0 abstained, quorum 3\n"
                  "1 leader of term 1 is 1\n"
                  "2 leader of term 1 is 1\n"
                  "4 leader of term 1 is 1\n");
    world_free(world);
}

static void the_reference_knows_no_members(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    world->config.reference_rules = true;
    start(world, 1);
    run(world, 6000);
    expect(world, "1 stands in term 1, asks nobody\n"
                  "1 leads term 1 with 1 granted, 0 abstained, quorum 1\n"
                  "1 leader of term 1 is 1\n");
    world_free(world);
}

/* ---- W-12, W-31, W-21 */

static void one_that_lags_lets_the_others_stand_first(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    begin_in_term(world, 1);
    start_all(world);
    struct msk_raft_message message = append(world, 2, 1, at(1, 7), 0);
    receive(world, 1, 2, &message); /* entries it has never seen */
    timer_of(world, 1);
    expect(world, "1 leader of term 1 is 2\n"
                  "1 leader 2 of term 1 is gone: its silence outlasted the election timeout\n"
                  "1 does not stand: its log lacks entries of the last leader, others go first\n");
    timer_of(world, 1);
    expect(world, "1 stands in term 2, asks 2\n");
    world_free(world);
}

static void who_stands_publishes_no_leader(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    struct msk_raft_status status;
    start_all(world);
    elect(world, 2);
    timer_of(world, 1);
    expect(world, "1 leader 2 of term 1 is gone: its silence outlasted the election timeout\n"
                  "1 stands in term 2, asks 2\n");
    msk_raft_status(raft_of(world, 1), &status);
    assert_false(status.has_leader);
    world_free(world);
}

static void the_reference_goes_on_publishing_it(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    struct msk_raft_status status;
    world->config.reference_rules = true;
    start_all(world);
    timer_of(world, 2);
    deliver(world);
    timer_of(world, 2);
    deliver(world);
    forget(world);
    timer_of(world, 1);
    expect(world, "1 stands in term 2, asks 2\n");
    msk_raft_status(raft_of(world, 1), &status);
    assert_true(status.has_leader);
    world_free(world);
}

static void the_last_term(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    begin_in_term(world, MSK_TERM_MAX);
    start(world, 1);
    timer_of(world, 1);
    expect(world, "1 the group failed: the terms are used up\n");
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    expect_role(world, 1, MSK_ROLE_FOLLOWER, MSK_TERM_MAX);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_timer),
        cmocka_unit_test(alone_it_elects_itself),
        cmocka_unit_test(a_candidate_asks_again_in_the_next_term),
        cmocka_unit_test(rounds_draw_from_ever_wider_spans),
        cmocka_unit_test(a_reluctant_candidate_is_not_slower_than_others),
        cmocka_unit_test(observers_never_stand),
        cmocka_unit_test(an_observer_notices_a_silent_leader),
        cmocka_unit_test(who_wins),
        cmocka_unit_test(the_longest_log_wins),
        cmocka_unit_test(a_majority_without_it_wins_too),
        cmocka_unit_test(what_does_not_count),
        cmocka_unit_test(who_bonds_during_an_election_is_asked_at_once),
        cmocka_unit_test(the_reference_asks_it_in_the_next_round),
        cmocka_unit_test(a_bond_that_flaps_does_not_vote_twice),
        cmocka_unit_test(our_own_vote_counts_once_it_is_on_disk),
        cmocka_unit_test(alone_it_waits_for_its_disk),
        cmocka_unit_test(a_vote_of_an_earlier_round_does_not_count),
        cmocka_unit_test(too_few_members_and_it_does_not_stand),
        cmocka_unit_test(the_members_return_and_it_stands),
        cmocka_unit_test(a_bond_that_has_gone_quiet_is_no_member_in_reach),
        cmocka_unit_test(a_candidate_that_loses_the_others_gives_up_its_term),
        cmocka_unit_test(the_floor_of_an_election),
        cmocka_unit_test(a_minority_that_all_agree_does_not_elect),
        cmocka_unit_test(the_reference_knows_no_members),
        cmocka_unit_test(one_that_lags_lets_the_others_stand_first),
        cmocka_unit_test(who_stands_publishes_no_leader),
        cmocka_unit_test(the_reference_goes_on_publishing_it),
        cmocka_unit_test(the_last_term),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
