/* The whole proxy without sockets: what leaves, when, what is counted; verdict files and their replay; captures. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "proxy/pcapng.h"
#include "proxy/proxy.h"

#define MS  1000000ull
#define LEN 100

struct world {
    struct msk_network network;
    struct msk_replay replay;
    struct msk_proxy *proxy;
    struct msk_builder sent;     /* first byte of each datagram */
    struct msk_builder verdicts; /* as in a file */
    enum msk_fate answer;        /* of `send` */
    unsigned turned_bits;        /* in what was sent, which was all the same byte */
};

static enum msk_fate on_send(void *context, size_t from, size_t to, struct msk_bytes packet)
{
    struct world *world = context;
    (void)from;
    (void)to;
    if (world->answer != MSK_FATE_PASS)
        return world->answer;
    msk_builder_byte(&world->sent, packet.data[1]);
    for (size_t i = 0; i < packet.len; i++)
        world->turned_bits += (unsigned)__builtin_popcount(packet.data[i] ^ packet.data[1]);
    return MSK_FATE_PASS;
}

static void on_ruled(void *context, const struct msk_ruled *ruled)
{
    struct world *world = context;
    msk_verdict_append(&world->verdicts, &world->network, ruled);
    msk_builder_byte(&world->verdicts, '\n');
}

static void begin(struct world *world, const char *words, uint64_t seed)
{
    const struct msk_proxy_owner owner = {.send = on_send, .ruled = on_ruled, .context = world};
    struct msk_error err;
    msk_network_init(&world->network);
    assert_int_equal(msk_network_add_node(&world->network, "a", &err), 0);
    assert_int_equal(msk_network_add_node(&world->network, "b\"", &err), 0); /* has to be quoted in files */
    assert_int_equal(msk_network_link(&world->network, seed, &err), 0);
    msk_builder_init(&world->sent, 1 << 20);
    msk_builder_init(&world->verdicts, 16 << 20);
    assert_int_equal(msk_proxy_new(&world->network, &world->replay, 0, seed, &owner, &world->proxy), 0);
    struct msk_rules rules = {0};
    assert_int_equal(msk_rules_set_words(&rules, words, &err), 0);
    msk_link_set_rules(msk_network_between(&world->network, 0, 1), &rules);
}

static void end(struct world *world)
{
    msk_proxy_free(world->proxy);
    msk_network_free(&world->network);
    msk_replay_free(&world->replay);
    msk_builder_free(&world->sent);
    msk_builder_free(&world->verdicts);
}

static const struct msk_link_counters *counters(const struct world *world)
{
    return &msk_network_between(&world->network, 0, 1)->counters;
}

static void arrive(struct world *world, uint64_t now_ns, char mark)
{
    uint8_t datagram[LEN];
    memset(datagram, mark, sizeof datagram);
    msk_proxy_receive(world->proxy, now_ns, 0, 1, MSK_BYTES(datagram, LEN), MSK_BYTES(datagram, LEN));
    msk_proxy_settle(world->proxy);
}

static void pass_time(struct world *world, uint64_t now_ns)
{
    while (msk_proxy_deadline_ns(world->proxy) <= now_ns) {
        msk_proxy_release(world->proxy, now_ns);
        msk_proxy_settle(world->proxy);
    }
}

static void assert_sent(const struct world *world, const char *expected)
{
    assert_string_equal(world->sent.data ? (const char *)world->sent.data : "", expected);
}

static void a_perfect_link_passes_at_once(void **state)
{
    (void)state;
    struct world world = {0};
    begin(&world, "none", 1);
    arrive(&world, 5, 'x');
    arrive(&world, 6, 'y');
    assert_sent(&world, "xy");
    assert_int_equal(msk_proxy_deadline_ns(world.proxy), MSK_NEVER);
    assert_int_equal(counters(&world)->received, 2);
    assert_int_equal(counters(&world)->sent_bytes, 2 * LEN);
    end(&world);
}

static void delayed_ones_leave_when_they_are_due(void **state)
{
    (void)state;
    struct world world = {0};
    begin(&world, "delay=10ms packets=1", 1);
    arrive(&world, 0, 'x');
    arrive(&world, 1 * MS, 'y'); /* not meant: goes ahead */
    pass_time(&world, 9 * MS);
    assert_sent(&world, "y");
    assert_int_equal(msk_proxy_deadline_ns(world.proxy), 10 * MS);
    pass_time(&world, 10 * MS);
    assert_sent(&world, "yx");
    assert_int_equal(counters(&world)->delayed, 1);
    end(&world);
}

static void a_partition_catches_what_is_under_way(void **state)
{
    (void)state;
    struct world world = {0};
    begin(&world, "delay=10ms", 1);
    arrive(&world, 0, 'x');
    world.network.nodes[0].side = 1;
    world.network.nodes[1].side = 2;
    arrive(&world, 1 * MS, 'y');
    pass_time(&world, 50 * MS);
    assert_sent(&world, "");
    assert_int_equal(counters(&world)->fates[MSK_FATE_PARTITION], 2);
    world.network.nodes[1].side = 0;
    arrive(&world, 60 * MS, 'z');
    pass_time(&world, 70 * MS);
    assert_sent(&world, "z");
    end(&world);
}

static void a_pause_holds_and_resuming_sends_in_order(void **state)
{
    (void)state;
    struct world world = {0};
    begin(&world, "delay=10ms packets=1", 1);
    arrive(&world, 0, 'x');
    world.network.nodes[1].paused = true;
    arrive(&world, 1 * MS, 'y');
    pass_time(&world, 20 * MS);
    arrive(&world, 21 * MS, 'z');
    assert_sent(&world, "");
    assert_int_equal(counters(&world)->held, 3);
    msk_proxy_resume(world.proxy, 30 * MS); /* it was another that went on */
    pass_time(&world, 30 * MS);
    assert_sent(&world, "");
    world.network.nodes[1].paused = false;
    msk_proxy_resume(world.proxy, 40 * MS);
    pass_time(&world, 40 * MS);
    assert_sent(&world, "yxz");
    end(&world);
}

static void duplicates_and_turned_bits_arrive(void **state)
{
    (void)state;
    struct world world = {0};
    begin(&world, "duplicate=1 corrupt=1", 1);
    for (int i = 0; i < 100; i++)
        arrive(&world, (uint64_t)i, '\0');
    pass_time(&world, 1000);
    assert_int_equal(world.sent.len, 200);
    assert_int_equal(counters(&world)->sent, 200);
    assert_int_equal(counters(&world)->duplicated, 100);
    assert_int_equal(counters(&world)->corrupted, 100);
    assert_in_range(world.turned_bits, 150, 200 + 2 * 8 * LEN); /* where it is not the byte compared with */
    end(&world);
}

static void what_cannot_be_sent_is_counted(void **state)
{
    (void)state;
    struct world world = {.answer = MSK_FATE_ABSENT};
    begin(&world, "none", 1);
    arrive(&world, 0, 'x');
    assert_int_equal(counters(&world)->fates[MSK_FATE_ABSENT], 1);
    world.answer = MSK_FATE_PASS;
    arrive(&world, 0, 'y');
    msk_proxy_unsent(world.proxy, 0, 1, LEN);
    assert_int_equal(counters(&world)->sent, 0);
    assert_int_equal(counters(&world)->sent_bytes, 0);
    assert_int_equal(counters(&world)->dropped, 2);
    assert_int_equal(counters(&world)->fates[MSK_FATE_UNSENT], 1);
    end(&world);
}

#define LUCKLESS "drop=0.3 delay=5ms jitter=5ms:pareto reorder=0.2 duplicate=0.2 corrupt=0.1 loss=0.1:0.5"

static void run_many(struct world *world)
{
    for (unsigned i = 0; i < 1000; i++)
        arrive(world, i * MS, (char)('a' + i % 26));
    pass_time(world, 100000 * MS);
}

static void the_same_seed_does_the_same(void **state)
{
    (void)state;
    struct world one = {0}, same = {0}, other = {0};
    begin(&one, LUCKLESS, 7);
    begin(&same, LUCKLESS, 7);
    begin(&other, LUCKLESS, 8);
    run_many(&one);
    run_many(&same);
    run_many(&other);
    assert_string_equal((char *)one.verdicts.data, (char *)same.verdicts.data);
    assert_string_equal((char *)one.sent.data, (char *)same.sent.data);
    assert_string_not_equal((char *)one.verdicts.data, (char *)other.verdicts.data);
    end(&one);
    end(&same);
    end(&other);
}

static void a_replay_repeats_another_runs_verdicts(void **state)
{
    (void)state;
    struct world first = {0}, again = {0};
    struct msk_builder file;
    struct msk_error err;
    begin(&first, LUCKLESS, 7);
    run_many(&first);
    msk_builder_init(&file, 16 << 20);
    msk_verdict_header_append(&file, &first.network, 7);
    msk_builder_byte(&file, '\n');
    msk_builder_append(&file, first.verdicts.data, first.verdicts.len);
    begin(&again, "blackhole=true", 99); /* what the rules say now does not matter */
    assert_int_equal(msk_replay_parse(msk_builder_view(&file), &again.network, &again.replay, &err), 0);
    run_many(&again);
    assert_string_equal((char *)again.verdicts.data, (char *)first.verdicts.data);
    assert_string_equal((char *)again.sent.data, (char *)first.sent.data);
    arrive(&again, 200000 * MS, 'x'); /* behind the file: the rules */
    assert_int_equal(counters(&again)->fates[MSK_FATE_BLACKHOLE], 1);
    msk_builder_free(&file);
    end(&first);
    end(&again);
}

static void damaged_verdict_files_are_refused_with_the_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"{\"verdicts\":\"x\"}\n{", "line 2: column 1: string or '}' expected near end of file"},
        {"{}", "line 1: no verdict: \"from\" or \"to\" is missing"},
        {"{\"n\":1,\"from\":\"a\",\"to\":\"c\",\"fate\":\"pass\"}", "line 1: there is no node \"c\": known are a, b\""},
        {"{\"n\":2,\"from\":\"b\\\"\",\"to\":\"a\",\"fate\":\"pass\"}",
         "line 1: \"n\" is not 1, the next number of this link"},
        {"{\"n\":1,\"from\":\"b\\\"\",\"to\":\"a\",\"fate\":\"doom\"}", "line 1: \"fate\" is missing or unknown"},
        {"{\"n\":1,\"from\":\"b\\\"\",\"to\":\"a\",\"fate\":\"pass\",\"delay_us\":-1}",
         "line 1: \"delay_us\" is no time"},
        {"{\"n\":1,\"from\":\"b\\\"\",\"to\":\"a\",\"fate\":\"pass\",\"corrupt_bit\":-1}",
         "line 1: \"corrupt_bit\" is no number of a bit"},
    };
    struct world world = {0};
    begin(&world, "none", 1);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct msk_replay replay = {0};
        struct msk_error err = {0};
        assert_int_equal(msk_replay_parse(msk_bytes_of_text(cases[i].text), &world.network, &replay, &err),
                         MSK_E_INVALID);
        assert_string_equal(err.text, cases[i].why);
        msk_replay_free(&replay);
    }
    end(&world);
}

static uint16_t sum_of(const uint8_t *data, size_t len, uint32_t total)
{
    for (size_t i = 0; i < len; i++)
        total += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)total;
}

static void captured_datagrams_have_right_headers(void **state)
{
    (void)state;
    struct msk_builder out;
    struct msk_socket_addr from = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = 7001}, to = from;
    to.port = 7002;
    msk_builder_init(&out, 1000);
    msk_pcapng_udp(&out, &from, &to, msk_bytes_of_text("odd"));
    assert_int_equal(out.len, 20 + 8 + 3);
    assert_int_equal(sum_of(out.data, 20, 0), 0xffff);
    assert_int_equal(sum_of(out.data + 12, out.len - 12, 17 + 11), 0xffff); /* with the pseudo header */
    msk_builder_reset(&out);
    from.version = to.version = MSK_IPV6;
    msk_pcapng_udp(&out, &from, &to, msk_bytes_of_text("even"));
    assert_int_equal(out.len, 40 + 8 + 4);
    assert_int_equal(sum_of(out.data + 8, out.len - 8, 17 + 12), 0xffff);
    msk_builder_reset(&out);
    msk_pcapng_section(&out);
    msk_pcapng_interface(&out, "abc", MSK_PCAPNG_RAW_IP);
    msk_pcapng_packet(&out, 0, 1, msk_bytes_of_text("hello"), "why");
    for (size_t at = 0; at < out.len;) { /* each block says its length twice */
        uint32_t len, again;
        memcpy(&len, out.data + at + 4, sizeof len);
        assert_int_equal(len % 4, 0);
        memcpy(&again, out.data + at + len - 4, sizeof again);
        assert_int_equal(len, again);
        at += len;
    }
    msk_builder_free(&out);
}

static void memory_that_runs_out_loses_datagrams_only(void **state)
{
    (void)state;
    struct world world = {0};
    begin(&world, "delay=1ms", 1);
    msk_alloc_fail_after(0);
    uint8_t datagram[LEN] = {0};
    world.proxy->owner.ruled = NULL;
    msk_proxy_receive(world.proxy, 0, 0, 1, MSK_BYTES(datagram, LEN), MSK_BYTES(datagram, LEN));
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(counters(&world)->fates[MSK_FATE_LIMIT], 1);
    assert_int_equal(msk_proxy_deadline_ns(world.proxy), MSK_NEVER);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_perfect_link_passes_at_once),
        cmocka_unit_test(delayed_ones_leave_when_they_are_due),
        cmocka_unit_test(a_partition_catches_what_is_under_way),
        cmocka_unit_test(a_pause_holds_and_resuming_sends_in_order),
        cmocka_unit_test(duplicates_and_turned_bits_arrive),
        cmocka_unit_test(what_cannot_be_sent_is_counted),
        cmocka_unit_test(the_same_seed_does_the_same),
        cmocka_unit_test(a_replay_repeats_another_runs_verdicts),
        cmocka_unit_test(damaged_verdict_files_are_refused_with_the_line),
        cmocka_unit_test(captured_datagrams_have_right_headers),
        cmocka_unit_test(memory_that_runs_out_loses_datagrams_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
