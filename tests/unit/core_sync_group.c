/* Log replay in whole groups. */
#include "sync_scene.h"

static void late_joiners(void **state)
{
    static const uint64_t batches[] = {1, 7, 20, 2000};
    (void)state;
    for (size_t b = 0; b < 4; b++) {
        struct world *world = world_new(4, 3);
        world->config.sync_batch_size = batches[b];
        for (int i = 1; i <= 2; i++)
            start(world, i);
        bond(world, 1, 2);
        elect(world, 1);
        for (int i = 0; i < 200; i++)
            propose(world, 1);
        deliver(world);
        start(world, 3);
        bond(world, 1, 3);
        bond(world, 2, 3);
        deliver(world);
        assert_int_equal(raft_of(world, 3)->committed.index, 200);
        start(world, 4);
        for (int i = 1; i <= 3; i++)
            bond(world, i, 4);
        propose(world, 1);
        deliver(world);
        assert_int_equal(raft_of(world, 4)->committed.index, 201);
        assert_true(raft_of(world, 4)->online);
        assert_true(same_logs(world, 1, 4));
        world_free(world);
    }
}

/* W-14, the chaos line: an uncommitted entry of a dead leader does not keep a late one waiting. */
static void an_uncommitted_entry_is_no_obstacle(void **state)
{
    (void)state;
    for (uint32_t members = 0; members <= 3; members += 3) {
        struct world *world = world_new(3, members);
        begin_in_term(world, 1);
        start(world, 1);
        start(world, 2);
        bond(world, 1, 2);
        give(world, 1, 1, 5);
        give(world, 2, 1, 5);
        elect(world, 1); /* nothing is committed, and nobody has a new command */
        crash(world, 2);
        unbond_from_all(world, 2);
        start(world, 3);
        bond(world, 1, 3);
        run(world, 3000);
        assert_true(raft_of(world, 3)->online);
        assert_int_equal(raft_of(world, 3)->log.count, 5);
        propose(world, 1); /* the two are a majority of three */
        deliver(world);
        assert_int_equal(raft_of(world, 3)->committed.index, 6);
        world_free(world);
    }
}

/* W-4 under the reference's rules: the session keeps what differs. */
static void the_reference_keeps_a_divergent_tail(void **state)
{
    (void)state;
    for (int reference = 0; reference < 2; reference++) {
        struct world *world = world_new(3, 0);
        world->config.reference_rules = reference;
        begin_in_term(world, 3);
        start_all(world);
        give(world, 1, 1, 5);
        for (int i = 2; i <= 3; i++) {
            give(world, i, 1, 4);
            give(world, i, 2, 3);
            commit_to(world, i, 7);
        }
        elect(world, 2);
        run(world, 5000);
        assert_int_equal(raft_of(world, 1)->log.count, 7);
        assert_int_equal(same_logs(world, 1, 2), !reference);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_joiners),
        cmocka_unit_test(an_uncommitted_entry_is_no_obstacle),
        cmocka_unit_test(the_reference_keeps_a_divergent_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
