/* What each rule does to many datagrams, with a fixed seed: counts within five standard deviations of what was asked.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/error.h"
#include "proxy/ruling.h"

#define MANY 100000
#define LEN  1200
#define MS   1000000ull

static struct msk_link_state link_with(const char *words)
{
    struct msk_link_state link = {.key = msk_link_key(42, "a", "b")};
    struct msk_rules rules = {0};
    struct msk_error err = {0};
    assert_int_equal(msk_rules_set_words(&rules, words, &err), 0);
    msk_link_set_rules(&link, &rules);
    return link;
}

static struct msk_verdict rule_next(struct msk_link_state *link, uint64_t now_ns, unsigned kinds)
{
    link->counters.received++;
    return msk_link_rule(link, now_ns, kinds, LEN);
}

/* How many of MANY datagrams had this fate. */
static unsigned count_fate(const char *words, enum msk_fate fate)
{
    struct msk_link_state link = link_with(words);
    unsigned count = 0;
    for (unsigned i = 0; i < MANY; i++)
        count += rule_next(&link, 0, 0).fate == fate;
    return count;
}

static void assert_near(unsigned count, double probability)
{
    double expected = MANY * probability, deviation = sqrt(MANY * probability * (1 - probability));
    assert_true(fabs(count - expected) <= 5 * deviation);
}

static void drop_takes_its_share(void **state)
{
    (void)state;
    assert_near(count_fate("drop=0.2", MSK_FATE_DROP), 0.2);
    assert_near(count_fate("drop=0.001", MSK_FATE_DROP), 0.001);
    assert_int_equal(count_fate("drop=1", MSK_FATE_DROP), MANY);
    assert_int_equal(count_fate("none", MSK_FATE_PASS), MANY);
    assert_int_equal(count_fate("blackhole=true", MSK_FATE_BLACKHOLE), MANY);
    assert_int_equal(count_fate("mtu=1199", MSK_FATE_MTU), MANY);
    assert_int_equal(count_fate("mtu=1200", MSK_FATE_PASS), MANY);
}

/* Of time in the bad state enter / (enter + leave), in runs of 1 / leave. */
static void burst_loss_comes_in_bursts(void **state)
{
    (void)state;
    struct msk_link_state link = link_with("loss=0.01:0.25");
    unsigned lost = 0, bursts = 0;
    bool before = false;
    for (unsigned i = 0; i < MANY; i++) {
        bool now = rule_next(&link, 0, 0).fate == MSK_FATE_LOSS;
        lost += now;
        bursts += now && !before;
        before = now;
    }
    assert_in_range(lost, MANY * 0.034, MANY * 0.043);
    assert_in_range(lost * 100 / bursts, 370, 430);
    assert_near(count_fate("loss=0:1:1:0.05", MSK_FATE_LOSS), 0.05);
}

struct spread {
    double mean_ms, deviation_ms, least_ms, most_ms;
};

static struct spread measure(const char *words)
{
    struct msk_link_state link = link_with(words);
    struct spread spread = {.least_ms = 1e9};
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < MANY; i++) {
        double ms = (double)rule_next(&link, 0, 0).delay_ns / MS;
        sum += ms;
        squares += ms * ms;
        spread.least_ms = ms < spread.least_ms ? ms : spread.least_ms;
        spread.most_ms = ms > spread.most_ms ? ms : spread.most_ms;
    }
    spread.mean_ms = sum / MANY;
    spread.deviation_ms = sqrt(squares / MANY - spread.mean_ms * spread.mean_ms);
    return spread;
}

static void jitter_has_its_distribution(void **state)
{
    (void)state;
    struct spread fixed = measure("delay=50ms"), uniform = measure("delay=50ms jitter=10ms"),
                  normal = measure("delay=50ms jitter=10ms:normal"), pareto = measure("delay=50ms jitter=10ms:pareto");
    assert_true(fixed.least_ms == 50 && fixed.most_ms == 50);
    assert_true(fabs(uniform.mean_ms - 50) < 0.1 && fabs(uniform.deviation_ms - 10 / sqrt(3)) < 0.1);
    assert_true(uniform.least_ms >= 40 && uniform.most_ms <= 60);
    assert_true(fabs(normal.mean_ms - 50) < 0.2 && fabs(normal.deviation_ms - 10) < 0.2);
    assert_true(pareto.least_ms >= 50 && fabs(pareto.mean_ms - 60) < 0.5);
    assert_true(pareto.most_ms > 150 && pareto.most_ms <= 50 + 10 * MSK_JITTER_TAIL_MAX);
}

static void delays_are_never_negative(void **state)
{
    (void)state;
    struct spread spread = measure("delay=1ms jitter=100ms:normal");
    assert_true(spread.least_ms >= 0 && spread.most_ms < 1000);
}

static void jitter_alone_keeps_the_order_and_reorder_does_not(void **state)
{
    (void)state;
    struct msk_link_state link = link_with("delay=50ms jitter=40ms");
    uint64_t last_ns = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct msk_verdict verdict = rule_next(&link, i * MS, 0);
        uint64_t departure_ns = msk_link_departure_ns(&link, i * MS, &verdict);
        assert_true(departure_ns >= last_ns);
        last_ns = departure_ns;
    }
    link = link_with("reorder=0.1:20ms");
    unsigned reordered = 0;
    for (unsigned i = 0; i < MANY; i++) {
        struct msk_verdict verdict = rule_next(&link, i * MS, 0);
        uint64_t departure_ns = msk_link_departure_ns(&link, i * MS, &verdict);
        assert_int_equal(departure_ns, i * (uint64_t)MS + (verdict.reordered ? 20u * MS : 0));
        reordered += verdict.reordered;
    }
    assert_near(reordered, 0.1);
}

static void duplicates_and_turned_bits_have_their_share(void **state)
{
    (void)state;
    struct msk_link_state link = link_with("duplicate=0.05 corrupt=0.02");
    unsigned duplicates = 0, corrupt = 0;
    for (unsigned i = 0; i < MANY; i++) {
        struct msk_verdict verdict = rule_next(&link, 0, 0);
        duplicates += verdict.duplicate;
        corrupt += verdict.corrupt;
        assert_true(verdict.corrupt_bit < LEN * 8);
    }
    assert_near(duplicates, 0.05);
    assert_near(corrupt, 0.02);
}

/* 1200 bytes at 9.6 Mbit/s take 1 ms; 6000 bytes of queue are five of them. */
static void a_rate_makes_them_queue_and_a_full_queue_drops(void **state)
{
    (void)state;
    struct msk_link_state link = link_with("rate=9600kbit queue=6000");
    for (unsigned i = 0; i < 8; i++) {
        struct msk_verdict verdict = rule_next(&link, 0, 0);
        assert_int_equal(verdict.fate, i < 5 ? MSK_FATE_PASS : MSK_FATE_QUEUE);
        if (i < 5)
            assert_int_equal(verdict.delay_ns, (i + 1) * MS);
    }
    assert_int_equal(rule_next(&link, 1 * MS, 0).delay_ns, 5 * MS);
    assert_int_equal(rule_next(&link, 1 * MS, 0).fate, MSK_FATE_QUEUE);
    assert_int_equal(rule_next(&link, 100 * MS, 0).delay_ns, 1 * MS);
}

static void rules_mean_the_packets_they_name(void **state)
{
    (void)state;
    struct msk_link_state link = link_with("drop=1 packets=initial,every:4");
    for (unsigned i = 1; i <= 12; i++)
        assert_int_equal(rule_next(&link, 0, MSK_PACKET_ONE_RTT).fate, i % 4 ? MSK_FATE_PASS : MSK_FATE_DROP);
    assert_int_equal(rule_next(&link, 0, MSK_PACKET_INITIAL | MSK_PACKET_HANDSHAKE).fate, MSK_FATE_DROP);
    link.rules.packets = (struct msk_packets){.first = 2};
    struct msk_rules again = link.rules;
    msk_link_set_rules(&link, &again); /* numbers count from when rules are set */
    for (unsigned i = 1; i <= 4; i++)
        assert_int_equal(rule_next(&link, 0, 0).fate, i <= 2 ? MSK_FATE_DROP : MSK_FATE_PASS);
}

static void the_same_seed_decides_the_same(void **state)
{
    (void)state;
    struct msk_link_state one = link_with("profile=lossy"), same = link_with("profile=lossy"), other = one;
    other.key = msk_link_key(43, "a", "b");
    unsigned differ = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct msk_verdict a = rule_next(&one, i, 0), b = rule_next(&same, i, 0), c = rule_next(&other, i, 0);
        assert_memory_equal(&a, &b, sizeof a);
        differ += a.fate != c.fate || a.delay_ns != c.delay_ns;
    }
    assert_true(differ > 9000);
    assert_true(msk_link_key(1, "a", "b") != msk_link_key(1, "b", "a"));
    assert_true(msk_link_key(1, "ab", "c") != msk_link_key(1, "a", "bc"));
}

/* Whether a datagram is dropped does not hang on the other rules. */
static void one_rule_does_not_change_the_luck_of_another(void **state)
{
    (void)state;
    struct msk_link_state plain = link_with("drop=0.3"), more = link_with("drop=0.3 jitter=5ms:normal duplicate=0.5");
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(rule_next(&plain, 0, 0).fate, rule_next(&more, 0, 0).fate);
}

static void fates_have_names(void **state)
{
    (void)state;
    enum msk_fate fate;
    for (int i = 0; i < MSK_FATE_COUNT; i++) {
        assert_int_equal(msk_fate_of_name(msk_fate_name((enum msk_fate)i), &fate), 0);
        assert_int_equal(fate, i);
    }
    assert_int_equal(msk_fate_of_name("doom", &fate), MSK_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drop_takes_its_share),
        cmocka_unit_test(burst_loss_comes_in_bursts),
        cmocka_unit_test(jitter_has_its_distribution),
        cmocka_unit_test(delays_are_never_negative),
        cmocka_unit_test(jitter_alone_keeps_the_order_and_reorder_does_not),
        cmocka_unit_test(duplicates_and_turned_bits_have_their_share),
        cmocka_unit_test(a_rate_makes_them_queue_and_a_full_queue_drops),
        cmocka_unit_test(rules_mean_the_packets_they_name),
        cmocka_unit_test(the_same_seed_decides_the_same),
        cmocka_unit_test(one_rule_does_not_change_the_luck_of_another),
        cmocka_unit_test(fates_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
