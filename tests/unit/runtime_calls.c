/* Callers within the process: what they ask reaches the node, and each is told the end of it once. */
#include "node_fake.h"
#include "runtime/calls.h"

static const struct msk_bytes increment = {(const uint8_t *)"\0\1", 2};

struct caller {
    struct msk_calls calls;
    struct net *net;
    struct msk_digest group;
    enum msk_outcome outcomes[8];
    size_t ended, dropped;
    uint64_t last; /* index */
    size_t again;  /* so often it asks again when it is told */
};

/* The network's hook has no context. */
static struct caller caller;

static void on_replied(struct net *net, int number, const struct msk_action *action)
{
    (void)net;
    (void)number;
    msk_calls_reply(&caller.calls, action);
}

static int ask(enum msk_call_kind kind, const struct msk_digest *group);

static void on_ended(void *context, const struct msk_action *reply)
{
    struct caller *told = context;
    assert_ptr_equal(told, &caller);
    if (!reply) {
        told->dropped++;
        return;
    }
    assert_true(told->ended < sizeof told->outcomes / sizeof told->outcomes[0]);
    told->outcomes[told->ended++] = reply->reply.outcome;
    told->last = reply->reply.last;
    if (told->again > 0) {
        told->again--;
        assert_int_equal(ask(MSK_CALL_EXECUTE, &told->group), 0);
    }
}

static int ask(enum msk_call_kind kind, const struct msk_digest *group)
{
    struct net_place *place = &caller.net->places[1];
    const struct msk_call_ask what = {.commands = &increment, .count = 1, .query = MSK_BYTES("", 0)};
    return msk_calls_ask(&caller.calls, place->node, kind, group, &what, on_ended, &caller, &place->actions);
}

static int setup(void **state)
{
    (void)state;
    caller = (struct caller){.net = net_new(7)};
    msk_calls_init(&caller.calls);
    struct msk_group_config config = net_group_config(caller.net, "g");
    config.raft.members = 1;
    config.raft.machine = &msk_machine_counter;
    caller.group = config.id;
    caller.net->replied = on_replied;
    net_start(caller.net, 1, NULL);
    net_join(caller.net, 1, &config);
    net_run_for(caller.net, 10000); /* it leads itself */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    net_free(caller.net);
    return 0;
}

/* Also what a caller asks when it is told. */
static void run(void)
{
    do {
        net_execute(caller.net, 1);
        net_run_for(caller.net, 100);
    } while (caller.net->places[1].actions.count > 0);
}

static void each_is_told_its_end(void **state)
{
    (void)state;
    assert_int_equal(ask(MSK_CALL_EXECUTE, &caller.group), 0);
    run();
    assert_int_equal(ask(MSK_CALL_FEED, &caller.group), 0);
    run();
    assert_int_equal(ask(MSK_CALL_QUERY, &caller.group), 0);
    run();
    assert_int_equal(caller.ended, 3);
    assert_int_equal(caller.outcomes[0], MSK_OUTCOME_COMMITTED);
    assert_int_equal(caller.outcomes[1], MSK_OUTCOME_ASSIGNED);
    assert_int_equal(caller.outcomes[2], MSK_OUTCOME_ANSWERED);
}

static void one_may_ask_again_at_once(void **state)
{
    (void)state;
    caller.again = 4;
    assert_int_equal(ask(MSK_CALL_EXECUTE, &caller.group), 0);
    run();
    assert_int_equal(caller.ended, 5);
    assert_int_equal(caller.last, 5);
}

static void who_cannot_be_served_is_told_at_once(void **state)
{
    (void)state;
    const struct msk_digest unknown = {{1}};
    assert_int_equal(ask(MSK_CALL_EXECUTE, &unknown), MSK_E_NOTFOUND);
    msk_calls_end(&caller.calls);
    assert_int_equal(caller.ended + caller.dropped, 0);
}

static void at_the_end_they_are_dropped(void **state)
{
    (void)state;
    assert_int_equal(ask(MSK_CALL_EXECUTE, &caller.group), 0);
    msk_calls_end(&caller.calls);
    assert_int_equal(caller.dropped, 1);
    run(); /* the answer finds nobody */
    assert_int_equal(caller.ended, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_is_told_its_end),
        TEST(one_may_ask_again_at_once),
        TEST(who_cannot_be_served_is_told_at_once),
        TEST(at_the_end_they_are_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
