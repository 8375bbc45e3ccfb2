/* Whole stories in virtual time: starting, losing the leader, partitions and their end, with and without the defences:
 * groups.md 7, W-1, W-2, W-12, and what observed.md saw live nodes do. */
#include "raft_trace.h"

static int leaders(struct world *world)
{
    int count = 0;
    for (int i = 1; i <= world->count; i++)
        count += raft_of(world, i) && raft_of(world, i)->role == MSK_ROLE_LEADER;
    return count;
}

static int leader_of(struct world *world)
{
    int leader = 0;
    for (int i = 1; i <= world->count; i++)
        if (raft_of(world, i) && raft_of(world, i)->role == MSK_ROLE_LEADER)
            leader = i;
    assert_int_not_equal(leader, 0);
    return leader;
}

static uint64_t term_of(struct world *world, int number)
{
    return raft_of(world, number)->hard.term;
}

/* All that run are online, in one term, under one leader. */
static void expect_settled(struct world *world)
{
    int leader = leader_of(world);
    assert_int_equal(leaders(world), 1);
    for (int i = 1; i <= world->count; i++) {
        const struct msk_raft *raft = raft_of(world, i);
        if (!raft)
            continue;
        assert_true(raft->online);
        assert_int_equal(raft->hard.term, term_of(world, leader));
        assert_int_equal(number_of(&raft->leader), leader);
    }
    assert_int_equal(world->two_leaders, 0);
}

static struct world *settled(int count, uint32_t declared, bool reference)
{
    struct world *world = world_new(count, declared);
    world->config.reference_rules = reference;
    start_all(world);
    run(world, 10000);
    expect_settled(world);
    forget(world);
    return world;
}

static const uint32_t declared[] = {0, 3};

static void started_together_they_settle_within_one_timeout(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = world_new(3, declared[i]);
        start_all(world);
        run(world, 6100); /* 3000 + 2000..2500, and one heartbeat */
        expect_settled(world);
        world_free(world);
    }
}

static void a_quiet_group_changes_nothing(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = settled(3, declared[i], false);
        uint64_t term = term_of(world, 1);
        run(world, 120000);
        expect(world, "");
        assert_int_equal(term_of(world, 1), term);
        world_free(world);
    }
}

/* observed.md: 2.0 to 2.2 s. */
static void a_dead_leader_is_replaced_within_a_timeout(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world *world = settled(3, declared[i], false);
        crash(world, leader_of(world));
        run(world, 2600);
        expect_settled(world);
        world_free(world);
    }
}

static void no_later_than_the_reference(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        uint64_t took_ms[2];
        for (int reference = 0; reference < 2; reference++) {
            struct world *world = world_new(5, reference ? 0 : 5);
            world->now_ms += seed * 8000; /* another seed for all, the same beats */
            world->config.reference_rules = reference;
            start_all(world);
            uint64_t began_ms = world->now_ms;
            while (leaders(world) == 0) {
                run(world, 10);
                assert_true(world->now_ms - began_ms < 60000);
            }
            took_ms[reference] = world->now_ms - began_ms;
            world_free(world);
        }
        assert_true(took_ms[0] <= took_ms[1]);
    }
}

/* W-1: with --members the minority has no leader, the majority has one. */
static void a_leader_cut_off_steps_down_and_follows_when_back(void **state)
{
    (void)state;
    struct world *world = settled(3, 3, false);
    int old = leader_of(world);
    isolate(world, old);
    run(world, 6000);
    expect_role(world, old, MSK_ROLE_FOLLOWER, 1);
    int new = leader_of(world);
    uint64_t term = term_of(world, new);
    heal(world);
    run(world, 3000);
    expect_settled(world);
    assert_int_equal(leader_of(world), new); /* its return disturbs nobody */
    assert_int_equal(term_of(world, new), term);
    world_free(world);
}

static void the_reference_has_two_leaders_then(void **state)
{
    (void)state;
    struct world *world = settled(3, 0, true);
    isolate(world, leader_of(world));
    run(world, 10000);
    assert_int_equal(leaders(world), 2);
    world_free(world);
}

/* W-2 (a), W-12: however long it was away. */
static void a_follower_cut_off_returns_without_an_election(void **state)
{
    (void)state;
    for (uint64_t away_ms = 1000; away_ms <= 20000; away_ms += 1000) {
        struct world *world = settled(3, 3, false);
        int leader = leader_of(world), follower = leader % 3 + 1;
        isolate(world, follower);
        run(world, away_ms);
        expect_role(world, follower, MSK_ROLE_FOLLOWER, 1);
        heal(world);
        run(world, 3000);
        expect_settled(world);
        assert_int_equal(leader_of(world), leader);
        assert_int_equal(term_of(world, leader), 1);
        world_free(world);
    }
}

static void a_flapping_link_disturbs_nobody(void **state)
{
    (void)state;
    struct world *world = settled(3, 3, false);
    int leader = leader_of(world), follower = leader % 3 + 1;
    for (int i = 0; i < 20; i++) {
        isolate(world, follower);
        run(world, 6000);
        heal(world);
        run(world, 2000);
    }
    expect_settled(world);
    assert_int_equal(term_of(world, leader), 1);
    world_free(world);
}

/* W-2: one that led alone comes back to a group that has committed without it. */
static void return_of_a_minority_leader(struct world *world, int *leader, int *follower)
{
    *leader = leader_of(world);
    *follower = *leader % 3 + 1;
    isolate(world, *follower);
    run(world, 12000);
    for (int i = 1; i <= 3; i++)
        if (i != *follower) {
            give(world, i, 1, 5);
            commit_to(world, i, 5);
        }
    heal(world);
    forget(world);
    run(world, 5000);
}

static void the_reference_follows_whoever_returns(void **state)
{
    (void)state;
    struct world *world = settled(3, 0, true);
    int leader, follower;
    return_of_a_minority_leader(world, &leader, &follower);
    expect_role(world, follower, MSK_ROLE_LEADER, term_of(world, leader)); /* without the five committed entries */
    world_free(world);
}

/* W-2 (b): without --members it did lead alone, but nobody follows it. */
static void without_members_it_is_voted_out(void **state)
{
    (void)state;
    struct world *world = settled(3, 0, false);
    int leader, follower;
    return_of_a_minority_leader(world, &leader, &follower);
    int now = leader_of(world);
    assert_int_equal(leaders(world), 1);
    assert_int_not_equal(now, follower);
    assert_int_equal(raft_of(world, now)->log.count, 5);
    for (int i = 1; i <= 3; i++)
        if (i != follower)
            assert_int_equal(raft_of(world, i)->committed.index, 5);
    world_free(world);
}

static void with_members_it_never_led(void **state)
{
    (void)state;
    struct world *world = settled(3, 3, false);
    int leader, follower;
    return_of_a_minority_leader(world, &leader, &follower);
    assert_int_equal(leader_of(world), leader);
    assert_int_equal(term_of(world, leader), 1);
    assert_true(raft_of(world, follower)->online);
    assert_int_equal(raft_of(world, follower)->committed.index, 5); /* it has fetched what it missed */
    world_free(world);
}

/* W-3: one that follows the reference's rules led alone, and took more commands than the others. Those are a majority
 * of the members: its log being ahead of theirs helps it nothing. */
static void a_majority_of_ours_votes_out_whoever_returns_with_more(void **state)
{
    (void)state;
    for (uint64_t more = 1; more <= 12; more++) {
        struct world *world = world_new(3, 3);
        start(world, 1);
        start(world, 2);
        world->config.reference_rules = true;
        start(world, 3);
        form_bonds(world);
        elect(world, 1);
        isolate(world, 3);
        run(world, 12000);
        expect_role(world, 1, MSK_ROLE_LEADER, 1);
        expect_role(world, 3, MSK_ROLE_LEADER, term_of(world, 3));
        for (size_t i = 0; i < 5; i++)
            propose(world, 1);
        for (size_t i = 0; i < more; i++)
            propose(world, 3);
        deliver(world);
        if (more % 2) { /* one of the majority has more than the other */
            propose(world, 1);
            lose(world, 1, 2);
        }
        assert_int_equal(raft_of(world, 1)->committed.index, 5);
        assert_int_equal(raft_of(world, 3)->committed.index, more);
        forget(world);
        heal(world);
        run(world, 20000);
        expect_settled(world);
        assert_int_not_equal(leader_of(world), 3);
        for (int i = 1; i <= 2; i++) {
            const struct msk_raft *raft = raft_of(world, i);
            assert_int_equal(raft->log.count, 5 + more % 2);
            assert_int_equal(raft->log.last_term, 1);
            assert_true(raft->committed.index >= 5);
        }
        world_free(world);
    }
}

/* Two pairs and one that sees both: nobody may lead but with three of five. */
static void a_split_without_a_majority_has_no_leader(void **state)
{
    (void)state;
    struct world *world = settled(4, 4, false);
    int old = leader_of(world);
    for (int a = 1; a <= 2; a++)
        for (int b = 3; b <= 4; b++)
            cut_between(world, a, b);
    run(world, 30000);
    assert_int_equal(leaders(world), 0);
    assert_int_equal(term_of(world, old), 1); /* nobody raised the term either */
    heal(world);
    run(world, 5000);
    expect_settled(world);
    world_free(world);
}

/* It was stopped for a while: its timer is overdue, and what arrived meanwhile has not been read yet. */
static void a_paused_process_does_not_disturb(void **state)
{
    (void)state;
    struct world *world = settled(3, 3, false);
    int leader = leader_of(world), follower = leader % 3 + 1;
    struct msk_raft *stopped = raft_of(world, follower);
    world->members[follower].raft = NULL;
    run(world, 4000);
    world->members[follower].raft = stopped;
    char lines[200];
    snprintf(lines, sizeof lines,
             "%d leader %d of term 1 is gone: its silence outlasted the election timeout\n"
             "%d does not stand: hears 1 of 3 members within 1000 ms, needs 2\n",
             follower, leader, follower);
    tick(world, follower);
    expect(world, lines);
    run(world, 1000);
    assert_int_equal(term_of(world, leader), 1);
    expect_settled(world);
    world_free(world);
}

static void members_restart_one_after_the_other(void **state)
{
    (void)state;
    struct world *world = settled(3, 3, false);
    for (int i = 1; i <= 3; i++) {
        crash(world, i);
        run(world, 8000);
        assert_int_equal(leaders(world), 1);
        start(world, i);
        run(world, 3000);
        expect_settled(world);
    }
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(started_together_they_settle_within_one_timeout),
        cmocka_unit_test(a_quiet_group_changes_nothing),
        cmocka_unit_test(a_dead_leader_is_replaced_within_a_timeout),
        cmocka_unit_test(no_later_than_the_reference),
        cmocka_unit_test(a_leader_cut_off_steps_down_and_follows_when_back),
        cmocka_unit_test(the_reference_has_two_leaders_then),
        cmocka_unit_test(a_follower_cut_off_returns_without_an_election),
        cmocka_unit_test(a_flapping_link_disturbs_nobody),
        cmocka_unit_test(the_reference_follows_whoever_returns),
        cmocka_unit_test(without_members_it_is_voted_out),
        cmocka_unit_test(with_members_it_never_led),
        cmocka_unit_test(a_majority_of_ours_votes_out_whoever_returns_with_more),
        cmocka_unit_test(a_split_without_a_majority_has_no_leader),
        cmocka_unit_test(a_paused_process_does_not_disturb),
        cmocka_unit_test(members_restart_one_after_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
