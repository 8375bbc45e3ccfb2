/* What a member is after a restart: its log, what was committed, its machine (groups.md 3.1, W-6). */
#include "raft_trace.h"

static void query_counter(struct world *world, int member, int64_t want)
{
    struct msk_actions actions = {0};
    msk_raft_query(raft_of(world, member), world_now(world), 1, MSK_BYTES("", 0), false, &actions);
    assert_int_equal(actions.count, 1);
    struct msk_bytes result = MSK_BYTES(actions.items[0].reply.result, actions.items[0].reply.len);
    int64_t have;
    struct msk_arena arena;
    msk_arena_init(&arena, 0);
    assert_int_equal(msk_decode(MSK_TYPE(i64), result, &arena, &have, NULL), 0);
    assert_int_equal(have, want);
    msk_actions_free(&actions);
}

/* Increments by 1, 2, ... `count`. */
static void count_up(struct world *world, int leader, uint8_t count)
{
    for (uint8_t i = 1; i <= count; i++) {
        const uint8_t bytes[] = {0, i};
        struct msk_bytes command = MSK_BYTES(bytes, 2);
        struct msk_actions actions = {0};
        assert_int_equal(msk_raft_propose(raft_of(world, leader), world_now(world), &command, 1, &actions), 0);
        perform(world, leader, &actions);
        deliver(world);
    }
}

static struct world *counting(void)
{
    struct world *world = world_new(1, 0);
    world->config.machine = &msk_machine_counter;
    start_all(world);
    elect(world, 1);
    count_up(world, 1, 10);
    query_counter(world, 1, 55);
    return world;
}

static void the_log_returns(void **state)
{
    (void)state;
    struct world *world = counting();
    crash(world, 1);
    start(world, 1);
    assert_int_equal(raft_of(world, 1)->log.count, 10);
    assert_int_equal(raft_of(world, 1)->hard.term, 1);
    assert_int_equal(raft_of(world, 1)->durable, 10);
    /* The last one may be committed or not: nobody has told the disk. */
    assert_int_equal(raft_of(world, 1)->committed.index, 9);
    query_counter(world, 1, 45);
    elect(world, 1); /* it is all there is */
    assert_int_equal(raft_of(world, 1)->committed.index, 10);
    query_counter(world, 1, 55);
    world_free(world);
}

/* The only member there is need not wait for an entry of its own term: nobody can hold another one (W-8). */
static void the_only_member_commits_what_it_kept(void **state)
{
    (void)state;
    struct world *world = world_new(1, 1);
    world->config.machine = &msk_machine_lines; /* no idle command */
    start_all(world);
    elect(world, 1);
    const uint8_t line[] = {1, 'x'};
    struct msk_bytes command = MSK_BYTES(line, sizeof line);
    struct msk_actions actions = {0};
    assert_int_equal(msk_raft_propose(raft_of(world, 1), world_now(world), &command, 1, &actions), 0);
    perform(world, 1, &actions);
    deliver(world);
    assert_int_equal(raft_of(world, 1)->committed.index, 1);
    crash(world, 1);
    start(world, 1);
    assert_int_equal(raft_of(world, 1)->committed.index, 0);
    elect(world, 1);
    assert_int_equal(raft_of(world, 1)->committed.index, 1);
    world_free(world);
}

/* What was on its way to the disk is gone. */
static void what_was_not_on_disk_is_gone(void **state)
{
    (void)state;
    struct world *world = counting();
    world->slow_disk = true;
    count_up(world, 1, 3);
    assert_int_equal(raft_of(world, 1)->log.count, 13);
    assert_int_equal(raft_of(world, 1)->committed.index, 10);
    crash(world, 1);
    start(world, 1);
    assert_int_equal(raft_of(world, 1)->log.count, 10);
    world_free(world);
}

/* W-6 b: the term is never below that of the log. */
static void the_term_is_that_of_the_log(void **state)
{
    (void)state;
    struct world *world = counting();
    crash(world, 1);
    world->members[1].disk = (struct msk_hard_state){0};
    start(world, 1);
    assert_int_equal(raft_of(world, 1)->hard.term, 1);
    assert_false(raft_of(world, 1)->hard.has_vote);
    world_free(world);
}

/* ---- snapshots of the machine */

struct kept {
    const struct member *member;
    struct msk_action snapshot;
};

static struct kept take_snapshot(struct world *world)
{
    struct kept kept = {.member = &world->members[1]};
    struct msk_actions actions = {0};
    msk_raft_snapshot(raft_of(world, 1), &actions);
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.items[0].kind, MSK_ACTION_SNAPSHOT);
    kept.snapshot = actions.items[0];
    actions.items[0].snapshot.data = NULL;
    world->members[1].on_disk++; /* its number */
    msk_actions_free(&actions);
    return kept;
}

static int restart(struct world *world, const struct kept *kept, struct msk_cursor at, struct msk_bytes bytes)
{
    struct msk_raft_config config = world->config;
    struct member *member = &world->members[1];
    struct msk_error err;
    struct msk_saved saved = {.hard = member->disk,
                              .committed = member->disk_committed,
                              .snapshot_at = at,
                              .snapshot = bytes,
                              .load = load_log,
                              .context = (void *)kept->member};
    if (member->raft)
        crash(world, 1);
    config.self = member->id;
    config.sequence = &member->sequence;
    int rc = msk_raft_new(&config, &saved, world_now(world), &member->raft, &err);
    if (rc < 0)
        member->raft = NULL;
    return rc;
}

static unsigned applied_entries;

static int note_apply(void *state, const struct msk_machine_batch *batch)
{
    applied_entries += (unsigned)batch->count;
    return msk_machine_counter.apply(state, batch);
}

static void only_what_is_behind_the_snapshot_is_applied_again(void **state)
{
    (void)state;
    struct world *world = counting();
    struct kept kept = take_snapshot(world);
    assert_int_equal(kept.snapshot.snapshot.at.index, 10);
    struct msk_actions none = {0};
    msk_raft_snapshot(raft_of(world, 1), &none); /* nothing new since */
    assert_int_equal(none.count, 0);
    count_up(world, 1, 4);
    struct msk_machine noting = msk_machine_counter;
    noting.apply = note_apply;
    world->config.machine = &noting;
    applied_entries = 0;
    struct msk_bytes bytes = MSK_BYTES(kept.snapshot.snapshot.data, kept.snapshot.snapshot.len);
    assert_int_equal(restart(world, &kept, kept.snapshot.snapshot.at, bytes), 0);
    assert_int_equal(applied_entries, 3); /* 11 to 13: the disk knows that these are committed */
    query_counter(world, 1, 55 + 6);
    msk_free(kept.snapshot.snapshot.data);
    world_free(world);
}

/* Entries in a snapshot are committed, whatever else the disk says. */
static void a_snapshot_tells_what_is_committed(void **state)
{
    (void)state;
    struct world *world = counting();
    struct kept kept = take_snapshot(world);
    world->members[1].disk_committed = (struct msk_cursor){1, 2};
    assert_int_equal(restart(world, &kept, kept.snapshot.snapshot.at,
                             MSK_BYTES(kept.snapshot.snapshot.data, kept.snapshot.snapshot.len)),
                     0);
    assert_int_equal(raft_of(world, 1)->committed.index, 10);
    query_counter(world, 1, 55);
    msk_free(kept.snapshot.snapshot.data);
    world_free(world);
}

static void what_does_not_go_together_is_damage(void **state)
{
    (void)state;
    struct world *world = counting();
    struct kept kept = {.member = &world->members[1]};
    assert_int_equal(restart(world, &kept, at(2, 5), MSK_BYTES("\0", 1)), MSK_E_DAMAGED);  /* another term */
    assert_int_equal(restart(world, &kept, at(1, 11), MSK_BYTES("\0", 1)), MSK_E_DAMAGED); /* beyond the log */
    assert_int_equal(restart(world, &kept, at(1, 5), MSK_BYTES("\xff", 1)), MSK_E_DAMAGED);
    world->members[1].disk_committed.index = 11;
    assert_int_equal(restart(world, &kept, at(0, 0), MSK_BYTES("", 0)), MSK_E_DAMAGED);
    world_free(world);
}

/* ---- digests */

static void digests_of_what_is_committed(void **state)
{
    (void)state;
    struct world *world = counting();
    struct msk_digest before, after;
    assert_true(msk_raft_digest(raft_of(world, 1), 7, &before));
    assert_false(msk_raft_digest(raft_of(world, 1), 11, &after));
    crash(world, 1);
    start(world, 1);
    assert_true(msk_raft_digest(raft_of(world, 1), 7, &after));
    assert_true(msk_digest_equal(&before, &after));
    assert_false(msk_raft_digest(raft_of(world, 1), 10, &after)); /* there, but not known to be committed */
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_returns),
        cmocka_unit_test(the_only_member_commits_what_it_kept),
        cmocka_unit_test(what_was_not_on_disk_is_gone),
        cmocka_unit_test(the_term_is_that_of_the_log),
        cmocka_unit_test(only_what_is_behind_the_snapshot_is_applied_again),
        cmocka_unit_test(a_snapshot_tells_what_is_committed),
        cmocka_unit_test(what_does_not_go_together_is_damage),
        cmocka_unit_test(digests_of_what_is_committed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
