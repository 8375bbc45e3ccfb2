/* A machine that answers later, and may lose its state: what it is told, in which order, and whom that lets wait. */
#include "raft_trace.h"

/* Writes down what it is told; the test answers. */
struct slow {
    char told[512];
    uint64_t ticket; /* of the last query */
};

static void note(struct slow *slow, const char *format, ...)
{
    size_t len = strlen(slow->told);
    va_list args;
    va_start(args, format);
    vsnprintf(slow->told + len, sizeof slow->told - len, format, args);
    va_end(args);
}

static int slow_create(void *context, void **state)
{
    *state = context;
    return 0;
}

static void slow_destroy(void *state)
{
    (void)state;
}

static int slow_apply(void *state, const struct msk_machine_batch *batch)
{
    note(state, "apply %d..%d\n", (int)batch->first, (int)(batch->first + batch->count - 1));
    return MSK_MACHINE_LATER;
}

static int slow_query(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    (void)result;
    ((struct slow *)state)->ticket = ticket;
    note(state, "query %.*s\n", (int)query.len, (const char *)query.data);
    return MSK_MACHINE_LATER;
}

static int slow_snapshot(void *state, struct msk_builder *out)
{
    (void)out;
    note(state, "snapshot\n");
    return MSK_MACHINE_LATER;
}

static int slow_restore(void *state, struct msk_bytes snapshot)
{
    note(state, "restore %.*s\n", (int)snapshot.len, (const char *)snapshot.data);
    return 0;
}

static const struct msk_machine slow_machine = {.name = "slow",
                                                .create = slow_create,
                                                .destroy = slow_destroy,
                                                .apply = slow_apply,
                                                .query_state = slow_query,
                                                .snapshot = slow_snapshot,
                                                .restore = slow_restore};

struct fixture {
    struct world *world;
    struct slow slow;
};

/* Member 1 leads and has the slow machine. */
static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.world = world_new(2, 2)};
    fixture.world->config.machine = &slow_machine;
    fixture.world->config.machine_context = &fixture.slow;
    start(fixture.world, 1);
    fixture.world->config.machine = NULL;
    start(fixture.world, 2);
    bond_all(fixture.world);
    elect(fixture.world, 1);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    world_free(fixture->world);
    return 0;
}

static struct msk_raft *raft(struct fixture *fixture)
{
    return raft_of(fixture->world, 1);
}

static void done(struct fixture *fixture, struct msk_actions *actions)
{
    perform(fixture->world, 1, actions);
    deliver(fixture->world);
}

/* What the machine was told and how requests ended since the last time. */
static void expect_told(struct fixture *fixture, const char *want)
{
    for (size_t i = 0; i < fixture->world->ended_count; i++) {
        const struct ended *ended = &fixture->world->ended[i];
        note(&fixture->slow, "%d #%d %s", ended->member, (int)ended->request, msk_outcome_name(ended->outcome));
        if (ended->outcome == MSK_OUTCOME_ANSWERED)
            note(&fixture->slow, " at %d", (int)ended->position);
        note(&fixture->slow, "\n");
    }
    fixture->world->ended_count = 0;
    assert_string_equal(fixture->slow.told, want);
    fixture->slow.told[0] = 0;
}

/* ---- what happens */

static void execute(struct fixture *fixture, uint64_t number, size_t count)
{
    struct msk_bytes commands[8];
    struct msk_actions actions = {0};
    for (size_t i = 0; i < count; i++)
        commands[i] = MSK_BYTES("c", 1);
    msk_raft_execute(raft(fixture), world_now(fixture->world), number, commands, count, 0, &actions);
    done(fixture, &actions);
}

static void query(struct fixture *fixture, int member, uint64_t number, const char *text, bool strong)
{
    struct msk_actions actions = {0};
    msk_raft_query(raft_of(fixture->world, member), world_now(fixture->world), number, msk_bytes_of_text(text), strong,
                   &actions);
    perform(fixture->world, member, &actions);
    deliver(fixture->world);
}

static void applied(struct fixture *fixture)
{
    struct msk_actions actions = {0};
    msk_raft_machine_applied(raft(fixture), world_now(fixture->world), 0, &actions);
    done(fixture, &actions);
}

static void answered(struct fixture *fixture, int result)
{
    struct msk_actions actions = {0};
    msk_raft_machine_answered(raft(fixture), world_now(fixture->world), fixture->slow.ticket, result, MSK_BYTES("r", 1),
                              &actions);
    done(fixture, &actions);
}

static void lost(struct fixture *fixture)
{
    struct msk_actions actions = {0};
    msk_raft_machine_lost(raft(fixture), &actions);
    done(fixture, &actions);
}

static void take_snapshot(struct fixture *fixture)
{
    struct msk_actions actions = {0};
    msk_raft_snapshot(raft(fixture), &actions);
    done(fixture, &actions);
}

/* The index of the snapshot that was stored, 0: none was. */
static uint64_t snapshotted(struct fixture *fixture, int result)
{
    struct msk_actions actions = {0};
    uint64_t index = 0;
    msk_raft_machine_snapshotted(raft(fixture), result, MSK_BYTES("s", 1), &actions);
    for (size_t i = 0; i < actions.count; i++)
        if (actions.items[i].kind == MSK_ACTION_SNAPSHOT)
            index = actions.items[i].snapshot.at.index;
    msk_actions_free(&actions);
    return index;
}

/* ---- tests */

static void a_strong_query_waits_for_all_that_is_committed(void **state)
{
    struct fixture *fixture = *state;
    execute(fixture, 1, 2);
    execute(fixture, 2, 1);
    query(fixture, 1, 3, "own", true);
    query(fixture, 2, 4, "other", true);
    query(fixture, 1, 5, "weak", false);
    expect_told(fixture, "apply 1..2\nquery weak\n");
    answered(fixture, 0);
    expect_told(fixture, "1 #5 answered at 0\n");
    applied(fixture);
    expect_told(fixture, "apply 3..3\n1 #1 committed\n");
    applied(fixture);
    expect_told(fixture, "query own\nquery other\n1 #2 committed\n");
    answered(fixture, 0);
    expect_told(fixture, "2 #4 answered at 3\n");
    query(fixture, 1, 6, "once more", true);
    answered(fixture, MSK_E_INVALID);
    expect_told(fixture, "query once more\n1 #6 refused\n");
}

static void what_waits_too_long_is_told_so(void **state)
{
    struct fixture *fixture = *state;
    execute(fixture, 1, 1);
    query(fixture, 1, 2, "own", true);
    fixture->world->now_ms += 2000;
    struct msk_actions actions = {0};
    msk_raft_tick(raft(fixture), world_now(fixture->world), &actions);
    done(fixture, &actions);
    expect_told(fixture, "apply 1..1\n1 #2 offline\n");
    applied(fixture);
    expect_told(fixture, "1 #1 committed\n");
}

static void what_was_lost_is_told_again(void **state)
{
    struct fixture *fixture = *state;
    execute(fixture, 1, 2);
    applied(fixture);
    execute(fixture, 2, 1);
    query(fixture, 1, 3, "asked", false);
    expect_told(fixture, "apply 1..2\napply 3..3\nquery asked\n1 #1 committed\n");
    lost(fixture);
    expect_told(fixture, "apply 1..3\n1 #3 refused\n");
    assert_int_equal(raft(fixture)->applied, 0);
    answered(fixture, 0);                /* too late */
    query(fixture, 1, 4, "weak", false); /* an earlier one may have been answered at 2 */
    expect_told(fixture, "");
    applied(fixture);
    expect_told(fixture, "query weak\n1 #2 committed\n");
    assert_int_equal(raft(fixture)->applied, 3);
}

static void a_snapshot_is_taken_once_it_is_at_rest(void **state)
{
    struct fixture *fixture = *state;
    execute(fixture, 1, 1);
    applied(fixture);
    execute(fixture, 2, 1);
    take_snapshot(fixture);
    execute(fixture, 3, 1);
    expect_told(fixture, "apply 1..1\napply 2..2\n1 #1 committed\n");
    applied(fixture);
    expect_told(fixture, "snapshot\napply 3..3\n1 #2 committed\n");
    take_snapshot(fixture); /* one is under way */
    applied(fixture);
    expect_told(fixture, "1 #3 committed\n");
    assert_int_equal(snapshotted(fixture, 0), 2); /* as it was when it was asked */
    assert_int_equal(snapshotted(fixture, 0), 0); /* once */
    lost(fixture);
    expect_told(fixture, "apply 3..3\n");
}

static void a_snapshot_that_fails_changes_nothing(void **state)
{
    struct fixture *fixture = *state;
    execute(fixture, 1, 1);
    applied(fixture);
    take_snapshot(fixture);
    assert_int_equal(snapshotted(fixture, MSK_E_REFUSED), 0);
    take_snapshot(fixture);
    lost(fixture);
    assert_int_equal(snapshotted(fixture, 0), 0); /* of the state that is gone */
    expect_told(fixture, "apply 1..1\nsnapshot\nsnapshot\napply 1..1\n1 #1 committed\n");
}

static void a_fork_does_not_wait_for_it(void **state)
{
    struct fixture *fixture = *state;
    raft(fixture)->config.on_fork = MSK_FORK_RESYNC;
    execute(fixture, 1, 1);
    struct msk_actions actions = {0};
    msk_raft_forked(raft(fixture), world_now(fixture->world), id_of(fixture->world, 2), at(1, 0), &actions);
    done(fixture, &actions);
    assert_int_equal(raft(fixture)->applying, 0);
    assert_int_equal(raft(fixture)->reached, 0);
    expect_told(fixture, "apply 1..1\nrestore \n1 #1 unknown\n");
}

static void a_halted_member_has_again_what_it_had(void **state)
{
    struct fixture *fixture = *state;
    execute(fixture, 1, 2);
    applied(fixture);
    struct msk_actions actions = {0};
    msk_raft_forked(raft(fixture), world_now(fixture->world), id_of(fixture->world, 2), at(1, 0), &actions);
    done(fixture, &actions);
    lost(fixture);
    query(fixture, 1, 2, "old", false);
    applied(fixture);
    answered(fixture, 0);
    expect_told(fixture, "apply 1..2\napply 1..2\nquery old\n1 #1 committed\n1 #2 answered at 2\n");
}

static void a_batch_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    static uint8_t big[MSK_MACHINE_APPLY_BYTES];
    const struct msk_bytes commands[] = {MSK_BYTES(big, sizeof big), MSK_BYTES(big, 1), MSK_BYTES(big, sizeof big / 2),
                                         MSK_BYTES(big, sizeof big / 2)};
    struct msk_actions actions = {0};
    execute(fixture, 1, 1);
    msk_raft_execute(raft(fixture), world_now(fixture->world), 2, commands, 4, 0, &actions);
    done(fixture, &actions);
    for (int i = 0; i < 4; i++)
        applied(fixture);
    expect_told(fixture, "apply 1..1\napply 2..2\napply 3..4\napply 5..5\n1 #1 committed\n1 #2 committed\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_strong_query_waits_for_all_that_is_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_too_long_is_told_so, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_lost_is_told_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_is_taken_once_it_is_at_rest, setup, teardown),
        cmocka_unit_test_setup_teardown(a_snapshot_that_fails_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_fork_does_not_wait_for_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_halted_member_has_again_what_it_had, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_is_bounded, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
