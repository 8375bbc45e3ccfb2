/* Networks from configurations, and what changes them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "proxy/config.h"

static json_t *json_of(const char *text)
{
    json_error_t where;
    json_t *value = json_loads(text, JSON_DECODE_ANY, &where);
    assert_non_null(value);
    return value;
}

static const char three_nodes[] = "{\"a\":{\"listen\":\"127.0.0.1:0\",\"node\":\"127.0.0.1:7001\"},"
                                  "\"b\":{\"listen\":\"127.0.0.1:0\",\"node\":\"127.0.0.1:7002\"},"
                                  "\"c\":{\"listen\":\"[::1]:0\"}}";

static struct msk_network new_network(void)
{
    struct msk_network network;
    struct msk_error err;
    json_t *nodes = json_of(three_nodes);
    msk_network_init(&network);
    assert_int_equal(msk_config_nodes(nodes, &network, &err), 0);
    assert_int_equal(msk_network_link(&network, 1, &err), 0);
    json_decref(nodes);
    return network;
}

static int act(struct msk_network *network, const char *action, const char *argument, struct msk_error *err)
{
    json_t *value = json_of(argument);
    *err = (struct msk_error){0};
    int rc = msk_network_act(network, action, value, NULL, err);
    json_decref(value);
    return rc;
}

static void rules_of_a_star_are_everybodys(void **state)
{
    (void)state;
    struct msk_network network = new_network();
    struct msk_error err;
    assert_int_equal(act(&network, "set", "{\"from\":\"*\",\"to\":\"b\",\"delay\":\"5ms\"}", &err), 0);
    assert_int_equal(act(&network, "set", "{\"from\":\"a\",\"to\":\"*\",\"rules\":\"drop=1\"}", &err), 0);
    assert_int_equal(msk_network_between(&network, 0, 1)->rules.delay_ns, 5000000);
    assert_true(msk_network_between(&network, 0, 1)->rules.drop > 0.9); /* beside the delay */
    assert_true(msk_network_between(&network, 0, 2)->rules.drop > 0.9);
    assert_int_equal(msk_network_between(&network, 2, 1)->rules.delay_ns, 5000000);
    assert_false(msk_network_between(&network, 1, 0)->ruled);
    assert_false(msk_network_between(&network, 1, 1)->ruled);
    msk_network_free(&network);
}

static void partitions_have_sides(void **state)
{
    (void)state;
    struct msk_network network = new_network();
    struct msk_error err;
    assert_int_equal(act(&network, "partition", "[[\"a\"],[\"b\",\"c\"]]", &err), 0);
    assert_true(msk_network_parted(&network, 0, 1) && msk_network_parted(&network, 2, 0));
    assert_false(msk_network_parted(&network, 1, 2));
    assert_int_equal(act(&network, "partition", "[[\"b\"],[\"c\"]]", &err), 0); /* in place of the first */
    assert_false(msk_network_parted(&network, 0, 1));                           /* a is on no side */
    assert_true(msk_network_parted(&network, 1, 2));
    assert_int_equal(act(&network, "heal", "true", &err), 0);
    assert_false(msk_network_parted(&network, 1, 2));
    msk_network_free(&network);
}

static void wrong_actions_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *action, *argument, *why;
    } cases[] = {
        {"set", "{\"from\":\"a\",\"to\":\"d\",\"drop\":1}", "set: to: there is no node \"d\": known are a, b, c"},
        {"set", "{\"from\":\"a\",\"drop\":1}", "set: to: expected the name of a node"},
        {"set", "{\"from\":\"a\",\"to\":\"a\",\"drop\":1}", "set: from and to are the same node"},
        {"set", "{\"from\":\"*\",\"to\":\"*\",\"delay\":\"1ms\",\"drop\":2}",
         "set: drop: \"2\" is no probability, which is a number from 0 to 1"},
        {"set", "[]", "set: expected an object with from, to, and rules"},
        {"partition", "[[\"a\"]]", "partition: expected at least two lists of names"},
        {"partition", "[[\"a\"],[]]", "partition: [1]: expected a list of names"},
        {"partition", "[[\"a\"],[\"b\",\"a\"]]", "partition: [1][1]: \"a\" is named twice"},
        {"partition", "[[\"a\"],[3]]", "partition: [1][0]: expected the name of a node"},
        {"heal", "false", "heal: expected true"},
        {"pause", "\"z\"", "pause: there is no node \"z\": known are a, b, c"},
        {"node", "{\"name\":\"a\",\"address\":\"nowhere\"}", NULL},
        {"node", "{\"name\":\"a\",\"address\":\"[::1]:1\"}",
         "node: address: the proxy's port for \"a\" is of the other IP version"},
        {"burn", "true", "\"burn\" is none of set, partition, heal, pause, resume, node"},
    };
    struct msk_network network = new_network();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msk_error err;
        assert_true(act(&network, cases[i].action, cases[i].argument, &err) < 0);
        if (cases[i].why)
            assert_string_equal(err.text, cases[i].why);
    }
    for (size_t from = 0; from < 3; from++)
        for (size_t to = 0; to < 3; to++) {
            assert_false(msk_network_between(&network, from, to)->ruled);
            assert_false(msk_network_parted(&network, from, to));
        }
    msk_network_free(&network);
}

static void configurations_are_refused_with_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *nodes, *why;
    } cases[] = {
        {"{}", "nodes: expected an object with at least two nodes"},
        {"{\"a\":{\"listen\":\"127.0.0.1:0\"},\"b\":{}}", "nodes.b: listen: expected IP:PORT or [IPV6]:PORT"},
        {"{\"a\":{\"listen\":\"127.0.0.1:0\"},\"b\":7}", "nodes.b: expected an object"},
        {"{\"a b\":{\"listen\":\"127.0.0.1:0\"},\"b\":{}}",
         "nodes.a b: \"a b\" is no name: 1 to 32 characters, no blanks, / or *"},
        {"{\"a\":{\"listen\":\"127.0.0.1:0\",\"port\":1},\"b\":{}}", "nodes.a: there is no member \"port\" here"},
        {"{\"a\":{\"listen\":\"127.0.0.1:0\",\"node\":\"[::1]:1\"},\"b\":{}}",
         "nodes.a: listen and node are of different IP versions"},
        {"{\"a\":{\"listen\":\"127.0.0.1:0\",\"node\":\"127.0.0.1:1\"},\"b\":{\"listen\":\"127.0.0.1:0\",\"node\":"
         "\"127.0.0.1:1\"}}",
         "nodes.b: \"a\" is at the same address"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msk_network network;
        struct msk_error err = {0};
        json_t *nodes = json_of(cases[i].nodes);
        msk_network_init(&network);
        assert_int_equal(msk_config_nodes(nodes, &network, &err), MSK_E_INVALID);
        assert_string_equal(err.text, cases[i].why);
        json_decref(nodes);
        msk_network_free(&network);
    }
}

static void a_schedule_is_checked_ahead_and_sorted(void **state)
{
    (void)state;
    struct msk_network network = new_network();
    struct msk_schedule schedule;
    struct msk_error err = {0};
    json_t *good = json_of("[{\"at\":\"15s\",\"heal\":true},{\"at\":\"5s\",\"partition\":[[\"a\"],[\"b\"]]},"
                           "{\"at\":\"5s\",\"pause\":\"c\"}]");
    assert_int_equal(msk_config_schedule(good, &network, &schedule, &err), 0);
    assert_int_equal(schedule.count, 3);
    assert_string_equal(schedule.items[0].action, "partition");
    assert_string_equal(schedule.items[1].action, "pause");
    assert_string_equal(schedule.items[2].action, "heal");
    assert_int_equal(msk_schedule_next_ns(&schedule), 5000000000u);
    assert_false(msk_network_parted(&network, 0, 1)); /* tried on a copy */
    schedule.done = 3;
    assert_int_equal(msk_schedule_next_ns(&schedule), MSK_NEVER);
    msk_schedule_free(&schedule);
    json_decref(good);
    static const struct {
        const char *text, *why;
    } bad[] = {
        {"[{\"heal\":true}]", "schedule[0]: expected an object with \"at\", a time span, and one action"},
        {"[{\"at\":\"soon\",\"heal\":true}]", "schedule[0]: at: \"soon\" is no time span, such as 50ms, 1.5s or 200us"},
        {"[{\"at\":\"1s\",\"heal\":true,\"pause\":\"a\"}]", "schedule[0]: expected \"at\" and one action"},
        {"[{\"at\":\"1s\",\"heal\":true},{\"at\":\"2s\",\"pause\":\"d\"}]",
         "schedule[1]: pause: there is no node \"d\": known are a, b, c"},
        {"{}", "schedule: expected a list of at most 4096 objects"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *value = json_of(bad[i].text);
        assert_int_equal(msk_config_schedule(value, &network, &schedule, &err), MSK_E_INVALID);
        assert_string_equal(err.text, bad[i].why);
        msk_schedule_free(&schedule);
        json_decref(value);
    }
    msk_network_free(&network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_of_a_star_are_everybodys),
        cmocka_unit_test(partitions_have_sides),
        cmocka_unit_test(wrong_actions_change_nothing),
        cmocka_unit_test(configurations_are_refused_with_the_place),
        cmocka_unit_test(a_schedule_is_checked_ahead_and_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
