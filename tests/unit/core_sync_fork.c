/* What is committed here is not what the group has (W-3): a member stops, or takes the history of the group anew. */
#include "sync_scene.h"

static void fork_at(struct world *world, int provider_of)
{
    tell_available(world, provider_of, 6);
    struct msk_fetched_entry entries[4] = {{msk_bytes_of_text("another"), 1},
                                           {msk_bytes_of_text("x"), 1},
                                           {msk_bytes_of_text("y"), 1},
                                           {msk_bytes_of_text("z"), 1}};
    struct msk_raft_message fetched = {
        .kind = MSK_RAFT_STATE_SYNC,
        .state_sync = {.kind = MSK_SYNC_FETCH_ENTRIES_RESPONSE, .fetched = {{3, 6}, {entries, 4}}}};
    receive(world, 1, provider_of, &fetched);
}

static void a_fork_halts(void **state)
{
    (void)state;
    struct world *world = lagging(3, 3, 6, 0);
    fork_at(world, 2);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,3), committed here (1,3)\n"
                  "1 stopped at (1,3): what is committed here is not what the group has\n");
    expect_terms(world, 1, "111", 3);
    struct msk_raft_status status;
    msk_raft_status(raft_of(world, 1), &status);
    assert_true(status.halted);
    assert_false(status.online);
    struct msk_raft_message message = append(world, 2, 5, at(1, 3), 3);
    receive(world, 1, 2, &message); /* it takes part in nothing any more */
    expect(world, "");
    assert_true(msk_raft_deadline(raft_of(world, 1)) == MSK_NEVER);
    world_free(world);
}

/* Only the leader's word counts. */
static void who_does_not_lead_is_thought_wrong_itself(void **state)
{
    (void)state;
    struct world *world = lagging(3, 3, 6, 0);
    fork_at(world, 3);
    expect(world, "1 entry 3 of 3 has term 1 as here but another command\n");
    tell_available(world, 4, 6);
    answer_fetch(world, 1, 4, 3, 6, 1, 4);
    expect_terms(world, 1, "111111", 6);
    world_free(world);
}

static void a_fork_is_resynced(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    world->config.on_fork = MSK_FORK_RESYNC;
    begin_in_term(world, 5);
    start_all(world);
    give(world, 1, 1, 3);
    commit_to(world, 1, 3);
    for (int i = 2; i <= 3; i++) {
        give(world, i, 2, 6);
        commit_to(world, i, 6);
    }
    timer_of(world, 2);
    deliver(world);
    run(world, 10000);
    assert_non_null(strstr((char *)world->trace.data, "1 gives up everything up to (1,3)"));
    assert_true(same_logs(world, 1, 2));
    assert_int_equal(raft_of(world, 1)->committed.index, 6);
    assert_int_equal(raft_of(world, 1)->applied, 6);
    assert_int_equal(world->members[1].disk_log.count, 6); /* on the disk, too */
    world_free(world);
}

static bool is_asked(struct world *world, int number)
{
    return msk_raft_peer_find(raft_of(world, 1), id_of(world, number))->fetching;
}

/* Whoever shared the fork cannot be told from who has the group's entries. */
static void after_a_fork_only_the_leader_is_asked(void **state)
{
    (void)state;
    struct world *world = lagging(3, 3, 6, 0);
    raft_of(world, 1)->config.on_fork = MSK_FORK_RESYNC;
    fork_at(world, 2);
    expect(world, "1 2 leads without entries committed here: its log ends at (1,3), committed here (1,3)\n"
                  "1 gives up everything up to (1,3) and takes the history of the group\n"
                  "1 log cut from 1, was (1,3), committed (1,3)\n"
                  "1 fetches again from 1: the history is taken anew\n");
    struct msk_raft_message message = append(world, 2, 5, at(1, 6), 6);
    receive(world, 1, 2, &message);
    tell_available(world, 3, 6);
    tell_available(world, 2, 6);
    assert_false(is_asked(world, 3));
    assert_true(is_asked(world, 2));
    answer_fetch(world, 1, 2, 1, 6, 1, 6);
    expect_terms(world, 1, "111111", 6);

    /* once that is done, all are asked again */
    message = append(world, 2, 5, at(1, 6), 6);
    receive(world, 1, 2, &message);
    message = append(world, 2, 5, at(1, 9), 9);
    receive(world, 1, 2, &message);
    tell_available(world, 3, 9);
    assert_true(is_asked(world, 3));
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_halts),
        cmocka_unit_test(who_does_not_lead_is_thought_wrong_itself),
        cmocka_unit_test(a_fork_is_resynced),
        cmocka_unit_test(after_a_fork_only_the_leader_is_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
