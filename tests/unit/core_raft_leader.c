/* Leading: heartbeats, acknowledgements, what may be committed, when to step down: groups.md 3.7, 3.11, W-1, W-8, W-9.
 */
#include "raft_trace.h"

/* Number 1 leads term 2 of `count` members, whose logs hold one entry of term 1 each. */
static struct world *led(int count, uint32_t declared)
{
    struct world *world = world_new(count, declared);
    begin_in_term(world, 1);
    start_all(world);
    for (int i = 1; i <= count; i++)
        give(world, i, 1, 1);
    elect(world, 1);
    assert_int_equal(world->parcel_count, 0);
    return world;
}

static void ack(struct world *world, int from, enum msk_vote vote, uint64_t index)
{
    struct msk_raft_message message = {.kind = MSK_RAFT_APPEND_ENTRIES_RESPONSE,
                                       .append_entries_response = {raft_of(world, 1)->hard.term, index, vote}};
    receive(world, 1, from, &message);
}

static void expect_heartbeat(struct world *world, size_t parcel, int to, uint64_t term, struct msk_cursor prev,
                             uint64_t commit)
{
    struct msk_arena arena;
    assert_true(parcel < world->parcel_count);
    assert_int_equal(world->parcels[parcel].to, to);
    struct msk_raft_message message = read_parcel(&world->parcels[parcel], &arena);
    assert_int_equal(message.kind, MSK_RAFT_APPEND_ENTRIES);
    assert_int_equal(message.append_entries.term, term);
    assert_int_equal(number_of(&message.append_entries.leader), 1);
    assert_int_equal(msk_cursor_compare(message.append_entries.prev, prev), 0);
    assert_int_equal(message.append_entries.entries.count, 0);
    assert_int_equal(message.append_entries.leader_commit, commit);
    msk_arena_free(&arena);
}

/* ---- heartbeats */

static void the_first_heartbeat_leaves_at_once(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    start_all(world);
    timer_of(world, 1);
    deliver_between(world, 1, 2);
    deliver_between(world, 2, 1);
    lose(world, 1, 3);
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    assert_int_equal(world->parcel_count, 1);
    expect_heartbeat(world, 0, 2, 1, at(0, 0), 0);
    assert_true(raft_of(world, 1)->online);
    world_free(world);
}

static void the_reference_waits_an_interval(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    world->config.reference_rules = true;
    start_all(world);
    timer_of(world, 1);
    deliver(world);
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    assert_int_equal(world->parcel_count, 0);
    assert_int_equal(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 500);
    timer_of(world, 1);
    expect_heartbeat(world, 0, 2, 1, at(0, 0), 0);
    world_free(world);
}

static void then_one_each_interval(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 500);
        timer_of(world, 1);
        expect_heartbeat(world, 0, 2, 2, at(1, 1), 1);
        expect_heartbeat(world, 1, 3, 2, at(1, 1), 1);
        deliver(world);
        assert_int_equal(world->parcel_count, 0); /* nobody answers heartbeats */
    }
    expect(world, "");
    world_free(world);
}

static void who_bonds_later_hears_of_the_leader_at_once(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    start(world, 1);
    timer_of(world, 1);
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    start(world, 2);
    bond(world, 1, 2);
    expect_heartbeat(world, 0, 2, 1, at(0, 0), 0);
    assert_int_equal(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 500);
    forget(world);
    deliver(world);
    expect(world, "2 leader of term 1 is 1\n");
    unbond(world, 1, 2);
    timer_of(world, 1);
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    world_free(world);
}

/* ---- commit */

static void a_majority_of_those_that_granted(void **state)
{
    (void)state;
    struct world *world = led(5, 0); /* 2 and 3 granted before 1 led: counted are 1, 2, 3 */
    show(world, MSK_EVENT_APPEND_ACKED);
    give(world, 1, 2, 3);
    ack(world, 4, MSK_VOTE_GRANTED, 2); /* now 4 too: 2 of 4 have it */
    ack(world, 2, MSK_VOTE_GRANTED, 3);
    expect(world, "1 4 has up to 2 (granted)\n"
                  "1 2 has up to 3 (granted)\n"
                  "1 committed 1 -> 2 in term 2\n");
    for (size_t i = 0; i < 4; i++)
        expect_heartbeat(world, i, (int)i + 2, 2, at(2, 4), 2); /* told at once */
    assert_int_equal(world->parcel_count, 4);
    world_free(world);
}

static void what_is_claimed_beyond_our_log_does_not_count(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    give(world, 1, 2, 1);
    ack(world, 2, MSK_VOTE_GRANTED, UINT64_MAX);
    expect(world, "1 committed 1 -> 2 in term 2\n");
    world_free(world);
}

static void denied_and_abstained(void **state)
{
    (void)state;
    struct world *world = led(3, 0); /* counted: all three */
    give(world, 1, 2, 1);
    ack(world, 2, MSK_VOTE_DENIED, 2); /* says nothing */
    expect(world, "");
    ack(world, 2, MSK_VOTE_ABSTAINED, 2);
    ack(world, 3, MSK_VOTE_ABSTAINED, 2); /* counted no longer: 1 alone is all there is */
    expect(world, "1 committed 1 -> 2 in term 2\n");
    world_free(world);
}

/* W-8: and with it the older ones. 3 has not got the first one. */
static void entries_of_earlier_terms_wait_for_one_of_ours(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    begin_in_term(world, 1);
    start_all(world);
    give(world, 1, 1, 1);
    give(world, 2, 1, 1);
    timer_of(world, 1);
    deliver_between(world, 1, 2);
    deliver_between(world, 2, 1);
    lose(world, 1, 3); /* and so cannot fetch what it lacks */
    expect_role(world, 1, MSK_ROLE_LEADER, 2);
    forget(world);
    ack(world, 2, MSK_VOTE_GRANTED, 1);
    ack(world, 3, MSK_VOTE_GRANTED, 0);
    expect(world, "");
    give(world, 1, 2, 1);
    ack(world, 3, MSK_VOTE_GRANTED, 0);
    expect(world, "");
    ack(world, 2, MSK_VOTE_GRANTED, 2);
    expect(world, "1 committed 0 -> 2 in term 2\n");
    world_free(world);
}

/* Unless all have them: then nobody can be elected who does not. */
static void entries_that_all_members_have_need_not_wait(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    begin_in_term(world, 1);
    start_all(world);
    for (int i = 1; i <= 3; i++)
        give(world, i, 1, 2);
    unbond(world, 1, 3);
    elect(world, 1);
    assert_int_equal(raft_of(world, 1)->committed.index, 0); /* two of three do not suffice */
    bond(world, 1, 3);
    deliver(world);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(raft_of(world, i)->committed.index, 2);
    world_free(world);
}

static void the_reference_counts_them(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.reference_rules = true;
    begin_in_term(world, 1);
    start_all(world);
    for (int i = 1; i <= 3; i++)
        give(world, i, 1, 1);
    elect(world, 1);
    ack(world, 2, MSK_VOTE_GRANTED, 1);
    expect(world, "1 committed 0 -> 1 in term 1\n");
    world_free(world);
}

/* W-9, W-1: of all declared members, bonded or not. */
static void a_majority_of_the_members(void **state)
{
    (void)state;
    struct world *world = led(5, 5);
    give(world, 1, 2, 1);
    unbond(world, 1, 4);
    unbond(world, 1, 5);
    ack(world, 2, MSK_VOTE_GRANTED, 2); /* 2 of 3 bonded, 2 of 5 members */
    expect(world, "");
    ack(world, 3, MSK_VOTE_GRANTED, 2);
    expect(world, "1 committed 1 -> 2 in term 2\n");
    world_free(world);
}

static void acknowledgements_of_dead_bonds_do_not_count(void **state)
{
    (void)state;
    struct world *world = led(4, 0);
    give(world, 1, 2, 1);
    ack(world, 4, MSK_VOTE_GRANTED, 2); /* counted: 1, 2, 3, 4 */
    unbond(world, 1, 4);
    ack(world, 2, MSK_VOTE_DENIED, 0);
    expect(world, "");
    bond(world, 1, 4); /* it must acknowledge something again before commits wait for it */
    ack(world, 2, MSK_VOTE_GRANTED, 2);
    expect(world, "1 committed 1 -> 2 in term 2\n");
    world_free(world);
}

/* ---- W-1: the end of leading */

static void a_leader_that_hears_no_majority_steps_down(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    show(world, MSK_EVENT_ROLE_CHANGED);
    isolate(world, 1);
    for (int i = 0; i < 4; i++)
        timer_of(world, 1); /* 2000 ms: still within the election timeout */
    expect_role(world, 1, MSK_ROLE_LEADER, 2);
    timer_of(world, 1);
    expect(world, "1 steps down in term 2: heard 1 of 3 members within 2000 ms, needs 2\n"
                  "1 leader -> follower in term 2\n");
    assert_false(raft_of(world, 1)->online);
    assert_false(raft_of(world, 1)->has_leader);
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    heal(world);
    beat(world);
    assert_in_range(msk_raft_deadline(raft_of(world, 1)) - world->now_ms, 1000, 1499);
    world_free(world);
}

static void one_member_in_reach_is_enough_of_three(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    cut_between(world, 1, 3);
    for (int i = 0; i < 20; i++)
        timer_of(world, 1);
    expect_role(world, 1, MSK_ROLE_LEADER, 2);
    world_free(world);
}

static void without_members_it_leads_for_ever(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    isolate(world, 1);
    for (int i = 0; i < 20; i++)
        timer_of(world, 1);
    expect_role(world, 1, MSK_ROLE_LEADER, 2);
    world_free(world);
}

static void a_leader_that_stands_in_for_the_reference_does_too(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    world->config.reference_rules = true;
    start_all(world);
    elect(world, 1);
    isolate(world, 1);
    for (int i = 0; i < 20; i++)
        timer_of(world, 1);
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    world_free(world);
}

static void a_follower_warns_of_a_minority(void **state)
{
    (void)state;
    struct world *world = led(5, 5);
    unbond(world, 2, 5);
    expect(world, "");
    unbond(world, 2, 4);
    expect(world, "");
    unbond(world, 2, 3);
    expect(world, "2 2 of 5 members bonded: a leader that counts only those could commit without a majority\n");
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_heartbeat_leaves_at_once),
        cmocka_unit_test(the_reference_waits_an_interval),
        cmocka_unit_test(then_one_each_interval),
        cmocka_unit_test(who_bonds_later_hears_of_the_leader_at_once),
        cmocka_unit_test(a_majority_of_those_that_granted),
        cmocka_unit_test(what_is_claimed_beyond_our_log_does_not_count),
        cmocka_unit_test(denied_and_abstained),
        cmocka_unit_test(entries_of_earlier_terms_wait_for_one_of_ours),
        cmocka_unit_test(entries_that_all_members_have_need_not_wait),
        cmocka_unit_test(the_reference_counts_them),
        cmocka_unit_test(a_majority_of_the_members),
        cmocka_unit_test(acknowledgements_of_dead_bonds_do_not_count),
        cmocka_unit_test(a_leader_that_hears_no_majority_steps_down),
        cmocka_unit_test(one_member_in_reach_is_enough_of_three),
        cmocka_unit_test(without_members_it_leads_for_ever),
        cmocka_unit_test(a_leader_that_stands_in_for_the_reference_does_too),
        cmocka_unit_test(a_follower_warns_of_a_minority),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
