/* Commands and queries of callers: at the leader, at followers, without a leader; outcomes (groups.md 3.8, W-10, W-11).
 */
#include "raft_trace.h"

static void request(struct world *world, int member, bool executes, uint64_t number, const char *commands,
                    uint64_t timeout_ms)
{
    struct msk_bytes list[16];
    struct msk_actions actions = {0};
    size_t count = strlen(commands);
    assert_true(count <= 16);
    for (size_t i = 0; i < count; i++)
        list[i] = MSK_BYTES(&commands[i], 1);
    if (executes)
        msk_raft_execute(raft_of(world, member), world_now(world), number, list, count, timeout_ms, &actions);
    else
        msk_raft_feed(raft_of(world, member), world_now(world), number, list, count, &actions);
    perform(world, member, &actions);
}

static void execute(struct world *world, int member, uint64_t number, const char *commands)
{
    request(world, member, true, number, commands, 0);
}

static void feed(struct world *world, int member, uint64_t number, const char *commands)
{
    request(world, member, false, number, commands, 0);
}

static void query(struct world *world, int member, uint64_t number, bool strong)
{
    struct msk_actions actions = {0};
    msk_raft_query(raft_of(world, member), world_now(world), number, MSK_BYTES("", 0), strong, &actions);
    perform(world, member, &actions);
}

/* The next end of a request: "MEMBER #NUMBER OUTCOME FIRST..LAST", or nothing. */
static void expect_end(struct world *world, const char *want)
{
    char have[4096] = "";
    for (size_t i = 0; i < world->ended_count; i++) {
        const struct ended *ended = &world->ended[i];
        int len = snprintf(have + strlen(have), sizeof have - strlen(have), "%d #%d %s", ended->member,
                           (int)ended->request, msk_outcome_name(ended->outcome));
        assert_true(len > 0);
        if (ended->outcome == MSK_OUTCOME_ANSWERED)
            snprintf(have + strlen(have), sizeof have - strlen(have), " %d at %d\n", ended->result[0],
                     (int)ended->position);
        else if (ended->last)
            snprintf(have + strlen(have), sizeof have - strlen(have), " %d..%d\n", (int)ended->first, (int)ended->last);
        else
            snprintf(have + strlen(have), sizeof have - strlen(have), "\n");
    }
    world->ended_count = 0;
    assert_string_equal(have, want);
}

/* 1 leads, all are settled. The tally answers how many commands there were. */
static struct world *led(int count, uint32_t members)
{
    struct world *world = world_new(count, members);
    start_all(world);
    elect(world, 1);
    forget(world);
    return world;
}

/* ---- at the leader */

static void the_leader_places_and_commits(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    feed(world, 1, 1, "ab");
    expect_end(world, "1 #1 assigned 1..2\n");
    execute(world, 1, 2, "cde");
    expect_end(world, "");
    deliver(world);
    expect_end(world, "1 #2 committed 3..5\n");
    for (int i = 1; i <= 3; i++)
        assert_int_equal(raft_of(world, i)->committed.index, 5);
    world_free(world);
}

static void alone_it_commits_once_it_is_on_disk(void **state)
{
    (void)state;
    struct world *world = led(1, 0);
    world->slow_disk = true;
    execute(world, 1, 1, "a");
    expect_end(world, "");
    disk(world, 1);
    expect_end(world, "1 #1 committed 1..1\n");
    world_free(world);
}

/* The followers' answers wait for their disks; the leader's own counts only when its disk is done. */
static void persist_before_acknowledging(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    world->slow_disk = true;
    execute(world, 1, 1, "a");
    deliver(world);
    disk(world, 2);
    deliver(world);
    expect_end(world, ""); /* 2 of 3, but not the leader itself, and one is no majority */
    disk(world, 1);
    expect_end(world, "1 #1 committed 1..1\n");
    world_free(world);
}

static void a_majority_does_without_the_leaders_disk(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    world->slow_disk = true;
    execute(world, 1, 1, "a");
    deliver(world);
    disk(world, 2);
    disk(world, 3);
    deliver(world);
    expect_end(world, "1 #1 committed 1..1\n");
    world_free(world);
}

static void an_empty_list(void **state)
{
    (void)state;
    struct world *world = led(2, 0);
    execute(world, 1, 1, "");
    feed(world, 2, 2, "");
    expect_end(world, "1 #1 refused\n2 #2 refused\n");
    world_free(world);
}

/* ---- at a follower */

static void a_follower_forwards(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    feed(world, 2, 1, "ab");
    execute(world, 2, 2, "cd");
    expect_end(world, "");
    deliver(world);
    expect_end(world, "2 #1 assigned 1..2\n2 #2 committed 3..4\n");
    world_free(world);
}

static void without_a_leader_it_is_offline(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    start_all(world);
    execute(world, 1, 1, "a");
    query(world, 1, 2, true);
    query(world, 1, 3, false);
    expect_end(world, "1 #1 offline\n1 #2 offline\n1 #3 answered 0 at 0\n");
    timer_of(world, 1); /* a candidate */
    execute(world, 1, 4, "a");
    expect_end(world, "1 #4 offline\n");
    world_free(world);
}

static void a_leader_without_a_bond_is_offline(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    unbond(world, 1, 2);
    execute(world, 2, 1, "a");
    expect_end(world, "2 #1 offline\n");
    world_free(world);
}

/* What left this node may be executed. */
static void no_acknowledgement_in_time(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    execute(world, 2, 1, "a");
    query(world, 2, 2, true);
    world->now_ms += 1999;
    tick(world, 2);
    expect_end(world, "");
    world->now_ms += 1;
    assert_true(msk_raft_deadline(raft_of(world, 2)) <= world->now_ms);
    tick(world, 2);
    expect_end(world, "2 #1 unknown\n2 #2 offline\n");
    deliver(world); /* too late */
    expect_end(world, "");
    assert_int_equal(raft_of(world, 1)->log.count, 1);
    world_free(world);
}

static void the_end_of_the_leader_ends_the_wait(void **state)
{
    (void)state;
    struct world *world = led(3, 0);
    execute(world, 2, 1, "a");
    query(world, 2, 2, true);
    unbond(world, 1, 2);
    expect_end(world, "2 #1 unknown\n2 #2 offline\n");
    world_free(world);
}

static void no_commit_in_time(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    request(world, 1, true, 1, "a", 5000);
    world->now_ms += 5000;
    tick(world, 1);
    expect_end(world, "1 #1 unknown 1..1\n");
    deliver(world);
    expect_end(world, "");
    world_free(world);
}

static void a_caller_that_left_gets_nothing(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    execute(world, 1, 1, "a");
    msk_raft_forget_request(raft_of(world, 1), 1);
    deliver(world);
    expect_end(world, "");
    world_free(world);
}

/* ---- W-11 */

/* 1 takes a command of 2 and dies before it tells anybody; another one is committed in its place. */
static void lost(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    execute(world, 2, 1, "a");
    deliver_between(world, 2, 1);
    for (size_t i = 0; i < world->parcel_count;) { /* only the acknowledgement arrives */
        struct msk_arena arena;
        struct msk_raft_message message = read_parcel(&world->parcels[i], &arena);
        msk_arena_free(&arena);
        if (message.kind == MSK_RAFT_FORWARD)
            deliver_parcel(world, i);
        else
            i++;
    }
    crash(world, 1);
    unbond_from_all(world, 1);
    timer_of(world, 3);
    deliver(world);
    expect_role(world, 3, MSK_ROLE_LEADER, 2);
    execute(world, 3, 2, "b");
    deliver(world);
    expect_end(world, "3 #2 committed 1..1\n2 #1 lost 1..1\n");
    world_free(world);
}

/* The same for the leader's own caller, who sees it when the deposed leader returns. */
static void lost_by_the_leader_itself(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    isolate(world, 1);
    execute(world, 1, 1, "a");
    run(world, 12000);
    expect_role(world, 1, MSK_ROLE_FOLLOWER, 1);
    int leader = raft_of(world, 2)->role == MSK_ROLE_LEADER ? 2 : 3;
    execute(world, leader, 2, "b");
    deliver(world);
    heal(world);
    run(world, 5000);
    char want[64];
    snprintf(want, sizeof want, "%d #2 committed 1..1\n1 #1 lost 1..1\n", leader);
    expect_end(world, want);
    world_free(world);
}

static void an_acknowledgement_that_does_not_fit(void **state)
{
    static const struct msk_index_range rows[] = {{0, 0}, {5, 4}, {5, 6}, {1, UINT64_MAX}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct world *world = led(3, 0);
        execute(world, 2, 1, "a");
        struct msk_raft_message message = {
            .kind = MSK_RAFT_FORWARD,
            .forward = {.kind = MSK_FORWARD_COMMAND_ACK,
                        .command_ack = {raft_of(world, 2)->requests.items[0].id, rows[i]}}};
        receive(world, 2, 3, &message); /* not from the leader */
        expect_end(world, "");
        receive(world, 2, 1, &message);
        assert_int_equal(world->ended_count, 1);
        assert_int_equal(world->ended[0].outcome, MSK_OUTCOME_UNKNOWN);
        world_free(world);
    }
}

/* ---- queries */

static void weak_and_strong(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    execute(world, 1, 1, "abc");
    deliver_between(world, 1, 2);
    query(world, 2, 2, false); /* has the entries, does not know that they are committed */
    expect_end(world, "2 #2 answered 0 at 0\n");
    deliver(world);
    world->ended_count = 0;
    query(world, 1, 3, true);
    query(world, 2, 4, true);
    deliver(world);
    expect_end(world, "1 #3 answered 3 at 3\n2 #4 answered 3 at 3\n");
    world_free(world);
}

/* 3.11, leader rule 7: a machine that has a command for it commits them by itself. */
static void older_entries_are_committed_by_an_idle_command(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    world->config.machine = &msk_machine_noop;
    begin_in_term(world, 1);
    start_all(world);
    for (int i = 1; i <= 2; i++)
        give(world, i, 1, 2);
    elect(world, 1);
    run(world, 5000);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(raft_of(world, i)->committed.index, 3);
    world_free(world);
}

/* ---- limits */

static void long_commands_go_in_several_messages(void **state)
{
    (void)state;
    struct world *world = led(2, 2);
    static uint8_t long_one[MSK_APPEND_BYTES_MAX / 2 + 1000];
    struct msk_bytes commands[5];
    struct msk_actions actions = {0};
    for (int i = 0; i < 5; i++)
        commands[i] = MSK_BYTES(long_one, sizeof long_one);
    msk_raft_execute(raft_of(world, 1), world_now(world), 1, commands, 5, 0, &actions);
    perform(world, 1, &actions);
    assert_int_equal(world->parcel_count, 5); /* two do not fit into one */
    deliver(world);
    expect_end(world, "1 #1 committed 1..5\n");
    assert_int_equal(raft_of(world, 2)->committed.index, 5);
    world_free(world);
}

static void too_many_wait(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    for (uint64_t i = 0; i < MSK_REQUESTS_MAX; i++) {
        struct msk_request waits = {.state = MSK_REQUEST_ASKED, .number = 1000 + i, .deadline_ms = MSK_NEVER};
        assert_non_null(msk_request_add(raft_of(world, 2), &waits));
    }
    execute(world, 2, 1, "a");
    query(world, 2, 2, true);
    expect_end(world, "2 #1 refused\n2 #2 refused\n");
    world_free(world);
}

static void a_full_log_refuses(void **state)
{
    (void)state;
    struct world *world = led(1, 0);
    raft_of(world, 1)->log.bytes = MSK_LOG_BYTES_MAX;
    execute(world, 1, 1, "ab");
    expect_end(world, "1 #1 refused\n");
    assert_int_equal(raft_of(world, 1)->requests.count, 0);
    assert_int_equal(raft_of(world, 1)->log.count, 0);
    world_free(world);
}

/* ---- a machine that takes its time */

static uint64_t asked_ticket;

static int later_apply(void *state, const struct msk_machine_batch *batch)
{
    (void)batch;
    ++*(int *)state;
    return MSK_MACHINE_LATER;
}

static int later_query(void *state, uint64_t ticket, struct msk_bytes bytes, struct msk_builder *result)
{
    (void)state;
    (void)bytes;
    (void)result;
    asked_ticket = ticket;
    return MSK_MACHINE_LATER;
}

static int later_create(void *context, void **state)
{
    *state = context;
    return 0;
}

static void later_destroy(void *state)
{
    (void)state;
}

static void a_slow_machine(void **state)
{
    (void)state;
    static const struct msk_machine slow = {.name = "slow",
                                            .create = later_create,
                                            .destroy = later_destroy,
                                            .apply = later_apply,
                                            .query_state = later_query};
    struct world *world = world_new(2, 2);
    int calls = 0;
    struct msk_actions actions = {0};
    world->config.machine = &slow;
    world->config.machine_context = &calls;
    start(world, 1);
    world->config.machine = NULL;
    start(world, 2);
    bond_all(world);
    elect(world, 1);
    execute(world, 1, 1, "a");
    execute(world, 1, 2, "b");
    deliver(world);
    assert_int_equal(calls, 1); /* asked for more only when it is done */
    expect_end(world, "");
    msk_raft_machine_applied(raft_of(world, 1), world_now(world), 0, &actions);
    perform(world, 1, &actions);
    assert_int_equal(calls, 2);
    expect_end(world, "1 #1 committed 1..1\n");
    actions = (struct msk_actions){0};
    msk_raft_machine_applied(raft_of(world, 1), world_now(world), 0, &actions);
    perform(world, 1, &actions);
    expect_end(world, "1 #2 committed 2..2\n");
    query(world, 2, 3, true);
    deliver(world);
    expect_end(world, "");
    actions = (struct msk_actions){0};
    msk_raft_machine_answered(raft_of(world, 1), world_now(world), asked_ticket, 0, MSK_BYTES("\x09", 1), &actions);
    perform(world, 1, &actions);
    deliver(world);
    expect_end(world, "2 #3 answered 9 at 2\n");
    world_free(world);
}

/* ---- memory */

/* Whichever request for memory fails: the list says so or the caller is told, and nothing leaks. */
static void without_memory(void **state)
{
    (void)state;
    for (uint64_t n = 0; n < 60; n++)
        for (int member = 1; member <= 2; member++) {
            struct world *world = led(2, 0);
            struct msk_actions actions = {0};
            struct msk_bytes command = MSK_BYTES("a", 1);
            msk_alloc_fail_after(n);
            msk_raft_execute(raft_of(world, member), world_now(world), 1, &command, 1, 0, &actions);
            msk_alloc_fail_after(UINT64_MAX);
            for (size_t i = 0; i < actions.count; i++)
                if (actions.items[i].kind == MSK_ACTION_REPLY)
                    assert_int_equal(actions.items[i].reply.outcome, MSK_OUTCOME_REFUSED);
            msk_actions_free(&actions);
            world_free(world);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leader_places_and_commits),
        cmocka_unit_test(alone_it_commits_once_it_is_on_disk),
        cmocka_unit_test(persist_before_acknowledging),
        cmocka_unit_test(a_majority_does_without_the_leaders_disk),
        cmocka_unit_test(an_empty_list),
        cmocka_unit_test(a_follower_forwards),
        cmocka_unit_test(without_a_leader_it_is_offline),
        cmocka_unit_test(a_leader_without_a_bond_is_offline),
        cmocka_unit_test(no_acknowledgement_in_time),
        cmocka_unit_test(the_end_of_the_leader_ends_the_wait),
        cmocka_unit_test(no_commit_in_time),
        cmocka_unit_test(a_caller_that_left_gets_nothing),
        cmocka_unit_test(lost),
        cmocka_unit_test(lost_by_the_leader_itself),
        cmocka_unit_test(an_acknowledgement_that_does_not_fit),
        cmocka_unit_test(weak_and_strong),
        cmocka_unit_test(older_entries_are_committed_by_an_idle_command),
        cmocka_unit_test(long_commands_go_in_several_messages),
        cmocka_unit_test(too_many_wait),
        cmocka_unit_test(a_full_log_refuses),
        cmocka_unit_test(a_slow_machine),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
