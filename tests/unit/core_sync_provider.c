/* What a provider gives of its log to whom (groups.md 4.1, 4.3.6). */
#include "sync_scene.h"

/* 1 has five entries, three of them committed; 2 asks. */
static struct world *provider(uint32_t members, bool reference)
{
    struct world *world = world_new(3, members);
    world->config.reference_rules = reference;
    world->config.sync_batch_size = 2;
    begin_in_term(world, 5);
    start(world, 1);
    bond_one_way(world, 1, 2);
    bond_one_way(world, 1, 3);
    give(world, 1, 1, 5);
    commit_to(world, 1, 3);
    return world;
}

static void ask(struct world *world, enum msk_log_sync_kind kind, uint64_t start, uint64_t end)
{
    struct msk_raft_message message = sync_message(kind, start, end);
    receive(world, 1, 2, &message);
}

static void what_is_committed_is_available(void **state)
{
    (void)state;
    struct world *world = provider(3, false);
    ask(world, MSK_SYNC_AVAILABILITY_REQUEST, 0, 0);
    expect_said(world, 1, 2, "available 0..3");
    world_free(world);
}

static void fetching(void **state)
{
    static const struct {
        uint64_t start, end;
        const char *ours, *theirs;
    } rows[] = {
        {1, 2, "gives 1..2 (2)", "gives 1..2 (2)"},
        {2, 9, "gives 2..3 (2)", "gives 2..3 (2)"}, /* no more than a batch */
        {3, 5, "gives 3..3 (1)", "gives 3..4 (2)"}, /* nothing that is not committed */
        {0, 1, "gives 1..1 (1)", "gives 1..1 (1)"},
        {4, 5, "", "gives 4..5 (2)"},
        {2, 1, "", ""},
        {9, 12, "", ""}, /* W-15: silence, no marker */
        {UINT64_MAX, UINT64_MAX, "", ""},
        {1, UINT64_MAX, "gives 1..2 (2)", "gives 1..2 (2)"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int reference = 0; reference < 2; reference++) {
            struct world *world = provider(3, reference);
            ask(world, MSK_SYNC_FETCH_ENTRIES_REQUEST, rows[i].start, rows[i].end);
            expect_said(world, 1, 2, reference ? rows[i].theirs : rows[i].ours);
            world_free(world);
        }
}

/* With --members its leader may need just the one that lags. */
static void a_leader_gives_all_it_has(void **state)
{
    (void)state;
    for (uint32_t members = 0; members <= 3; members += 3) {
        struct world *world = provider(members, false);
        raft_of(world, 1)->role = MSK_ROLE_LEADER;
        ask(world, MSK_SYNC_AVAILABILITY_REQUEST, 0, 0);
        expect_said(world, 1, 2, "available 0..5");
        ask(world, MSK_SYNC_FETCH_ENTRIES_REQUEST, 4, 5);
        expect_said(world, 1, 2, "gives 4..5 (2)");
        world_free(world);
    }
}

/* W-14: who asked hears of every advance, for a minute. */
static void new_commits_are_offered_to_who_asked(void **state)
{
    (void)state;
    struct world *world = provider(3, false);
    ask(world, MSK_SYNC_AVAILABILITY_REQUEST, 0, 0);
    expect_said(world, 1, 2, "available 0..3");
    commit_to(world, 1, 4);
    tick(world, 1);
    expect_said(world, 1, 2, "available 0..4");
    commit_to(world, 1, 5);
    tick(world, 1);
    expect_said(world, 1, 2, ""); /* not too often */
    assert_true(msk_raft_deadline(raft_of(world, 1)) <= world->now_ms + 50);
    world->now_ms += 50;
    tick(world, 1);
    expect_said(world, 1, 2, "available 0..5");
    expect_said(world, 1, 3, "");
    world->now_ms += 60000;
    give(world, 1, 1, 1);
    commit_to(world, 1, 6);
    tick(world, 1);
    lose(world, 1, 2);
    tick(world, 1);
    expect_said(world, 1, 2, "");
    world_free(world);
}

static void long_entries_come_in_several_answers(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    static uint8_t long_one[3u << 20];
    start(world, 1);
    bond_one_way(world, 1, 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(msk_log_append(&raft_of(world, 1)->log, 1, MSK_BYTES(long_one, sizeof long_one)), 0);
    commit_to(world, 1, 3);
    ask(world, MSK_SYNC_FETCH_ENTRIES_REQUEST, 1, 3);
    expect_said(world, 1, 2, "gives 1..1 (1)");
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_committed_is_available),
        cmocka_unit_test(fetching),
        cmocka_unit_test(a_leader_gives_all_it_has),
        cmocka_unit_test(new_commits_are_offered_to_who_asked),
        cmocka_unit_test(long_entries_come_in_several_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
