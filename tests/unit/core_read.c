/* Strong queries: what a leader must be sure of before it answers, and how it becomes so (groups.md 3.8, W-10). */
#include "raft_trace.h"

static void execute(struct world *world, int member, uint64_t number)
{
    struct msk_bytes command = MSK_BYTES("c", 1);
    struct msk_actions actions = {0};
    msk_raft_execute(raft_of(world, member), world_now(world), number, &command, 1, 0, &actions);
    perform(world, member, &actions);
}

static void query(struct world *world, int member, uint64_t number)
{
    struct msk_actions actions = {0};
    msk_raft_query(raft_of(world, member), world_now(world), number, MSK_BYTES("", 0), true, &actions);
    perform(world, member, &actions);
}

/* The requests that have ended: "MEMBER #NUMBER OUTCOME [at POSITION]", each before a semicolon. */
static void expect_ends(struct world *world, const char *want)
{
    char have[4096] = "";
    for (size_t i = 0; i < world->ended_count; i++) {
        const struct ended *ended = &world->ended[i];
        size_t len = strlen(have);
        snprintf(have + len, sizeof have - len, "%d #%d %s", ended->member, (int)ended->request,
                 msk_outcome_name(ended->outcome));
        len = strlen(have);
        if (ended->outcome == MSK_OUTCOME_ANSWERED)
            snprintf(have + len, sizeof have - len, " at %d", (int)ended->position);
        strcat(have, ";");
    }
    world->ended_count = 0;
    assert_string_equal(have, want);
}

static struct world *led_by(const struct msk_machine *machine, int count, uint32_t members)
{
    struct world *world = world_new(count, members);
    world->config.machine = machine;
    start_all(world);
    elect(world, 1);
    forget(world);
    return world;
}

/* Followers of the reference do not know the question. */
static struct world *led_among_others(const struct msk_machine *machine)
{
    struct world *world = world_new(3, 3);
    world->config.machine = machine;
    start(world, 1);
    world->config.reference_rules = true;
    start(world, 2);
    start(world, 3);
    form_bonds(world);
    elect(world, 1);
    return world;
}

static struct msk_raft_message answer_to(uint64_t question, uint64_t term)
{
    return (struct msk_raft_message){.kind = MSK_RAFT_FORWARD,
                                     .forward = {.kind = MSK_FORWARD_QUERY_RESPONSE,
                                                 .query_response = {question, MSK_BYTES("", 0), UINT64_MAX - term}}};
}

/* ---- asking the followers */

static void one_follower_of_two_is_enough(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 3);
    isolate(world, 3);
    query(world, 1, 1);
    expect_ends(world, "");
    deliver(world);
    expect_ends(world, "1 #1 answered at 0;");
    query(world, 2, 2);
    deliver(world);
    expect_ends(world, "2 #2 answered at 0;");
    world_free(world);
}

static void one_question_for_all_that_wait(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 3);
    for (uint64_t i = 1; i <= 10; i++)
        query(world, 1, i);
    assert_int_equal(world->parcel_count, 2); /* about the first: it was put before the others came */
    assert_int_equal(raft_of(world, 1)->proof.asked, 1);
    deliver(world);
    assert_int_equal(world->ended_count, 10);
    assert_int_equal(raft_of(world, 1)->proof.asked, 2);
    world_free(world);
}

/* The others follow somebody else, and the old leader still hears their beats. */
static void a_leader_that_does_not_know_its_successor(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 3);
    unbond(world, 1, 3);
    world->cut[1][2] = true; /* what 1 says does not arrive, what 2 says does */
    timer_of(world, 2);
    deliver_between(world, 2, 3);
    deliver_between(world, 3, 2);
    expect_role(world, 2, MSK_ROLE_LEADER, 2);
    execute(world, 2, 1);
    deliver_between(world, 2, 3);
    deliver_between(world, 3, 2);
    expect_ends(world, "2 #1 committed;");
    lose(world, 2, 1);
    expect_role(world, 1, MSK_ROLE_LEADER, 1);
    query(world, 1, 2);
    beat(world);
    expect_ends(world, "");
    heal(world);
    run(world, 1000);
    expect_ends(world, "1 #2 offline;");
    world_free(world);
}

static void an_isolated_leader_gives_up(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 5, 5);
    for (int i = 3; i <= 5; i++)
        cut_between(world, 1, i);
    query(world, 1, 1);
    query(world, 2, 2);
    deliver(world);
    expect_ends(world, "");
    world->now_ms += 2000;
    tick(world, 1);
    tick(world, 2);
    expect_ends(world, "1 #1 offline;2 #2 offline;");
    world_free(world);
}

/* What was lost on the way is asked again with the next heartbeat. */
static void a_lost_question_is_repeated(void **state)
{
    (void)state;
    struct world *world = led_by(&msk_machine_noop, 3, 3);
    query(world, 1, 1);
    lose(world, 1, 2);
    lose(world, 1, 3);
    timer_of(world, 1);
    deliver(world);
    expect_ends(world, "1 #1 answered at 0;"); /* and nothing was appended: the others are known to answer */
    world_free(world);
}

static void only_an_answer_of_this_term_to_a_later_question_counts(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 3);
    query(world, 1, 1);
    deliver(world);
    expect_ends(world, "1 #1 answered at 0;");
    isolate(world, 1);
    query(world, 1, 2);
    struct msk_raft_message wrong[] = {answer_to(1, 1), answer_to(2, 0), answer_to(2, 2), answer_to(3, 1)};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        receive(world, 1, 2, &wrong[i]);
    expect_ends(world, "");
    struct msk_raft_message right = answer_to(2, 1);
    receive(world, 1, 2, &right);
    expect_ends(world, "1 #2 answered at 0;");
    world_free(world);
}

static void only_its_leader_is_confirmed(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 3);
    struct msk_raft_message question = {.kind = MSK_RAFT_FORWARD,
                                        .forward = {.kind = MSK_FORWARD_QUERY, .query = {MSK_BYTES("", 0), 1}}};
    receive(world, 2, 3, &question);
    assert_int_equal(world->parcel_count, 0);
    receive(world, 2, 1, &question);
    assert_int_equal(world->parcel_count, 1);
    lose(world, 2, 1);
    struct msk_raft_message ask = request_vote(world, 3, 2, at(0, 0));
    receive(world, 2, 3, &ask); /* a term whose leader it does not know */
    lose(world, 2, 3);
    receive(world, 2, 1, &question);
    assert_int_equal(world->parcel_count, 0);
    world_free(world);
}

/* Who died does not know what it confirmed; its term does. */
static void the_term_is_on_disk_before_it_is_confirmed(void **state)
{
    (void)state;
    struct world *world = world_new(3, 3);
    start_all(world);
    world->slow_disk = true;
    struct msk_raft_message beat = append(world, 1, 3, at(0, 0), 0);
    struct msk_raft_message question = {.kind = MSK_RAFT_FORWARD,
                                        .forward = {.kind = MSK_FORWARD_QUERY, .query = {MSK_BYTES("", 0), 1}}};
    receive(world, 2, 1, &beat);
    receive(world, 2, 1, &question);
    for (size_t i = 0; i < world->parcel_count; i++)
        assert_false(may_leave(world, &world->parcels[i]));
    world_free(world);
}

/* ---- what else proves it */

static void without_members_nobody_is_asked(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 0);
    query(world, 1, 1);
    expect_ends(world, "1 #1 answered at 0;");
    assert_int_equal(world->parcel_count, 0);
    world_free(world);
}

/* An idle entry does, after a heartbeat at first, later at once. */
static void members_of_the_reference_acknowledge_an_entry(void **state)
{
    (void)state;
    struct world *world = led_among_others(&msk_machine_noop);
    query(world, 1, 1);
    deliver(world);
    expect_ends(world, "");
    timer_of(world, 1);
    deliver(world);
    expect_ends(world, "1 #1 answered at 1;");
    query(world, 1, 2);
    deliver(world);
    expect_ends(world, "1 #2 answered at 2;");
    world_free(world);
}

static void without_an_idle_command_the_next_one_does(void **state)
{
    (void)state;
    struct world *world = led_among_others(&tally);
    query(world, 1, 1);
    timer_of(world, 1);
    deliver(world);
    expect_ends(world, "");
    execute(world, 1, 2);
    deliver(world);
    expect_ends(world, "1 #2 committed;1 #1 answered at 1;");
    world_free(world);
}

/* ---- what it must know */

/* A new leader does not know yet what the last one committed, with members or without. */
static void older_entries_are_waited_for(void **state)
{
    (void)state;
    for (uint32_t members = 0; members <= 3; members += 3) {
        struct world *world = world_new(3, members);
        begin_in_term(world, 1);
        start_all(world);
        for (int i = 1; i <= 2; i++)
            give(world, i, 1, 2);
        isolate(world, 3); /* bonded, and without these entries */
        elect(world, 1);
        query(world, 1, 1);
        deliver(world);
        expect_ends(world, "");
        execute(world, 1, 2);
        deliver(world);
        expect_ends(world, "1 #2 committed;1 #1 answered at 3;");
        world_free(world);
    }
}

/* A machine that takes its time. */
static bool slow_busy;

static int slow_create(void *context, void **state)
{
    (void)context;
    *state = &slow_busy;
    return 0;
}

static void slow_destroy(void *state)
{
    (void)state;
}

static int slow_apply(void *state, const struct msk_machine_batch *batch)
{
    (void)state;
    (void)batch;
    return MSK_MACHINE_LATER;
}

static int slow_query(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    (void)state;
    (void)ticket;
    (void)query;
    msk_builder_byte(result, 1);
    return 0;
}

static const struct msk_machine slow_machine = {
    .name = "slow", .create = slow_create, .destroy = slow_destroy, .apply = slow_apply, .query_state = slow_query};

static void the_machine_is_waited_for(void **state)
{
    (void)state;
    struct world *world = led_by(&slow_machine, 3, 3);
    execute(world, 1, 1);
    deliver(world);
    query(world, 1, 2);
    deliver(world);
    expect_ends(world, ""); /* committed, and a follower may have told so */
    struct msk_actions actions = {0};
    msk_raft_machine_applied(raft_of(world, 1), world_now(world), 0, &actions);
    perform(world, 1, &actions);
    expect_ends(world, "1 #1 committed;1 #2 answered at 1;");
    world_free(world);
}

/* ---- the end */

static void too_many_wait(void **state)
{
    (void)state;
    struct world *world = led_by(&tally, 3, 3);
    for (uint64_t i = 0; i <= MSK_REQUESTS_MAX; i++)
        query(world, 1, i);
    expect_ends(world, "1 #4096 refused;");
    msk_raft_forget_request(raft_of(world, 1), 7);
    assert_int_equal(raft_of(world, 1)->requests.doubted, MSK_REQUESTS_MAX - 1);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_follower_of_two_is_enough),
        cmocka_unit_test(one_question_for_all_that_wait),
        cmocka_unit_test(a_leader_that_does_not_know_its_successor),
        cmocka_unit_test(an_isolated_leader_gives_up),
        cmocka_unit_test(a_lost_question_is_repeated),
        cmocka_unit_test(only_an_answer_of_this_term_to_a_later_question_counts),
        cmocka_unit_test(only_its_leader_is_confirmed),
        cmocka_unit_test(the_term_is_on_disk_before_it_is_confirmed),
        cmocka_unit_test(without_members_nobody_is_asked),
        cmocka_unit_test(members_of_the_reference_acknowledge_an_entry),
        cmocka_unit_test(without_an_idle_command_the_next_one_does),
        cmocka_unit_test(older_entries_are_waited_for),
        cmocka_unit_test(the_machine_is_waited_for),
        cmocka_unit_test(too_many_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
