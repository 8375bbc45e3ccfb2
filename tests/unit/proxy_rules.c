/* Rules as text and JSON, and back: each member, what is refused, and with which words. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "proxy/rules.h"

static const char *text_of(const struct msk_rules *rules, char out[MSK_RULES_TEXT_MAX])
{
    struct msk_builder builder;
    msk_builder_init(&builder, MSK_RULES_TEXT_MAX);
    msk_rules_append(&builder, rules);
    assert_int_equal(builder.error, 0);
    snprintf(out, MSK_RULES_TEXT_MAX, "%s", (const char *)builder.data);
    msk_builder_free(&builder);
    return out;
}

static void words_come_back_as_they_were_given(void **state)
{
    (void)state;
    static const char *const same[] = {
        "none",
        "drop=0.2",
        "loss=0.01:0.2",
        "loss=0.01:0.2:0.5",
        "loss=0.01:0.2:1:0.001",
        "delay=50ms",
        "delay=1500us jitter=10ms",
        "jitter=10ms:normal",
        "jitter=10ms:pareto",
        "reorder=0.1:20ms",
        "duplicate=0.01 corrupt=0.001",
        "rate=10mbit queue=65536",
        "mtu=1200",
        "blackhole=true",
        "rebind=5s",
        "packets=initial,handshake,1rtt,close,first:3,every:10,1,4,9",
    };
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct msk_rules rules = {0};
        struct msk_error err = {0};
        char text[MSK_RULES_TEXT_MAX];
        assert_int_equal(msk_rules_set_words(&rules, same[i], &err), 0);
        assert_string_equal(text_of(&rules, text), same[i]);
    }
}

static void other_ways_to_say_the_same(void **state)
{
    (void)state;
    static const struct {
        const char *given, *same;
    } cases[] = {
        {"delay=0.05s", "delay=50ms"},
        {"delay=2000ms", "delay=2s"},
        {"jitter=10ms:uniform", "jitter=10ms"},
        {"reorder=0.5", "reorder=0.5:10ms"},
        {"rate=2000kbit", "rate=2mbit"},
        {"queue=64k mtu=1k", "queue=65536 mtu=1024"},
        {"drop=0.2 none", "none"},
        {"drop=0.2 drop=0 delay=0ms blackhole=false", "none"},
        {"packets=first:3 packets=all", "none"},
        {"profile=3g delay=1ms", "loss=0.002:0.2 delay=1ms jitter=20ms:normal rate=2mbit queue=131072"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msk_rules rules = {0};
        struct msk_error err = {0};
        char text[MSK_RULES_TEXT_MAX];
        assert_int_equal(msk_rules_set_words(&rules, cases[i].given, &err), 0);
        assert_string_equal(text_of(&rules, text), cases[i].same);
    }
}

static void what_is_refused_changes_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *given, *why;
    } cases[] = {
        {"drop=1.1", "drop: \"1.1\" is no probability, which is a number from 0 to 1"},
        {"drop=-0.1", "drop: \"-0.1\" is no probability, which is a number from 0 to 1"},
        {"drop=nan", "drop: \"nan\" is no probability, which is a number from 0 to 1"},
        {"drop=1e-1", "drop: \"1e-1\" is no probability, which is a number from 0 to 1"},
        {"drop=", "drop: \"\" is no probability, which is a number from 0 to 1"},
        {"drop=.", "drop: \".\" is no probability, which is a number from 0 to 1"},
        {"loss=0.1", "loss: \"0.1\" is no burst loss, which is ENTER:LEAVE[:BAD[:GOOD]]"},
        {"loss=0.1:0.2:0.3:0.4:0.5",
         "loss: \"0.1:0.2:0.3:0.4:0.5\" is no burst loss, which is ENTER:LEAVE[:BAD[:GOOD]]"},
        {"loss=0.1:2", "loss: \"2\" is no probability, which is a number from 0 to 1"},
        {"delay=50", "delay: \"50\" is no time span, such as 50ms, 1.5s or 200us"},
        {"delay=25h", "delay: \"25h\" is too much"},
        {"jitter=1ms:gauss", "jitter: \"gauss\" is none of uniform, normal, pareto"},
        {"rate=10", "rate: \"10\" is no rate, such as 500kbit or 10mbit"},
        {"mtu=big", "mtu: \"big\" is no number of bytes, such as 1200 or 64k"},
        {"blackhole=yes", "blackhole: \"yes\" is neither true nor false"},
        {"packets=first:0", "packets: \"0\" is no whole number from 1 on"},
        {"packets=1,,2", "packets: \"\" is none of initial, handshake, 1rtt, close, first:N, every:N, a number, all"},
        {"packets=4294967296", "packets: \"4294967296\" is no whole number from 1 on"},
        {"profile=4g", "profile: \"4g\" is none of wifi, 3g, satellite, lossy"},
        {"slow", "\"slow\" is no rule, which is NAME=VALUE, or none"},
        {"drop=0.5 slow=1",
         "there is no rule \"slow\": known are profile, drop, loss, delay, jitter, reorder, duplicate, corrupt, rate, "
         "queue, mtu, blackhole, rebind, packets"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msk_rules rules = {.delay_ns = 1000000};
        struct msk_error err = {0};
        char text[MSK_RULES_TEXT_MAX];
        assert_int_equal(msk_rules_set_words(&rules, cases[i].given, &err), MSK_E_INVALID);
        assert_string_equal(err.text, cases[i].why);
        assert_string_equal(text_of(&rules, text), "delay=1ms");
    }
}

static void json_says_the_same_as_words(void **state)
{
    (void)state;
    struct msk_rules rules = {0};
    struct msk_error err = {0};
    char text[MSK_RULES_TEXT_MAX];
    json_t *object = json_pack("{s:s, s:s, s:f, s:s, s:i, s:b, s:[s, i]}", "from", "a", "to", "b", "drop", 0.25,
                               "delay", "5ms", "mtu", 1300, "blackhole", 1, "packets", "initial", 7);
    assert_int_equal(msk_rules_set_json(&rules, object, &err), 0);
    json_decref(object);
    assert_string_equal(text_of(&rules, text), "drop=0.25 delay=5ms mtu=1300 blackhole=true packets=initial,7");
    object = msk_rules_json(&rules);
    char *back = json_dumps(object, JSON_COMPACT);
    assert_string_equal(back,
                        "{\"drop\":0.25,\"delay\":\"5ms\",\"mtu\":1300,\"blackhole\":true,\"packets\":\"initial,7\"}");
    free(back);
    json_decref(object);
    object = json_pack("{s:{}}", "drop");
    assert_int_equal(msk_rules_set_json(&rules, object, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "drop: expected a text, a number, a boolean, or a short list of them");
    json_decref(object);
}

static void packets_are_meant_by_kind_or_number(void **state)
{
    (void)state;
    struct msk_packets packets = {0};
    struct msk_error err;
    assert_true(msk_packets_mean(&packets, 0, 1));
    assert_int_equal(msk_packets_parse("handshake,first:2,every:5,8", &packets, &err), 0);
    static const unsigned meant[] = {1, 2, 5, 8, 10};
    for (unsigned number = 1, next = 0; number <= 10; number++) {
        bool expected = next < 5 && meant[next] == number;
        next += expected;
        assert_int_equal(msk_packets_mean(&packets, MSK_PACKET_ONE_RTT, number), expected);
        assert_true(msk_packets_mean(&packets, MSK_PACKET_INITIAL | MSK_PACKET_HANDSHAKE, number));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_come_back_as_they_were_given),  cmocka_unit_test(other_ways_to_say_the_same),
        cmocka_unit_test(what_is_refused_changes_nothing),     cmocka_unit_test(json_says_the_same_as_words),
        cmocka_unit_test(packets_are_meant_by_kind_or_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
