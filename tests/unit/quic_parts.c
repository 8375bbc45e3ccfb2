/* The parts of the QUIC room that stand alone, against plain models of them: timers, rings, send queues. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/random.h"
#include "quic/ring.h"
#include "quic/send_queue.h"
#include "quic/timer.h"

#define TIMERS 50

struct alarm {
    struct msk_timer timer;
    uint64_t fired_ns;
    unsigned times;
    struct msk_timers *again; /* where it sets itself to the past once more */
};

static void ring_alarm(struct msk_timer *timer, uint64_t now_ns)
{
    struct alarm *alarm = MSK_RING_ITEM(timer, struct alarm, timer);
    alarm->fired_ns = now_ns;
    alarm->times++;
    if (alarm->again)
        msk_timers_set(alarm->again, timer, 0);
}

static void timers_fire_when_due_and_only_then(void **state)
{
    (void)state;
    struct msk_random random;
    struct msk_timers timers = {0};
    struct alarm alarms[TIMERS] = {0};
    uint64_t deadlines_ns[TIMERS];
    msk_random_seed(&random, 7);
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(msk_timers_add(&timers, &alarms[i].timer, ring_alarm), 0);
        deadlines_ns[i] = UINT64_MAX;
    }
    assert_int_equal(msk_timers_next(&timers), UINT64_MAX);
    for (uint64_t now_ns = 1; now_ns < 5000; now_ns++) {
        size_t which = msk_random_below(&random, TIMERS);
        deadlines_ns[which] = now_ns + msk_random_below(&random, 60);
        msk_timers_set(&timers, &alarms[which].timer, deadlines_ns[which]);
        uint64_t earliest_ns = UINT64_MAX;
        for (size_t i = 0; i < TIMERS; i++)
            if (deadlines_ns[i] < earliest_ns)
                earliest_ns = deadlines_ns[i];
        assert_int_equal(msk_timers_next(&timers), earliest_ns);
        msk_timers_fire(&timers, now_ns);
        for (size_t i = 0; i < TIMERS; i++) {
            assert_int_equal(alarms[i].fired_ns == now_ns, deadlines_ns[i] <= now_ns);
            if (deadlines_ns[i] <= now_ns)
                deadlines_ns[i] = UINT64_MAX;
        }
    }
    msk_timers_free(&timers);
}

static void removed_timers_stay_silent(void **state)
{
    (void)state;
    struct msk_timers timers = {0};
    struct alarm alarms[TIMERS] = {0};
    for (size_t i = 0; i < TIMERS; i++) {
        assert_int_equal(msk_timers_add(&timers, &alarms[i].timer, ring_alarm), 0);
        msk_timers_set(&timers, &alarms[i].timer, (i * 37) % 101);
    }
    for (size_t i = 0; i < TIMERS; i += 3) {
        msk_timers_remove(&timers, &alarms[i].timer);
        msk_timers_remove(&timers, &alarms[i].timer); /* again: nothing */
    }
    msk_timers_fire(&timers, 200);
    for (size_t i = 0; i < TIMERS; i++)
        assert_int_equal(alarms[i].times, i % 3 ? 1 : 0);
    msk_timers_free(&timers);
}

static void a_timer_always_due_does_not_hold_up_the_rest(void **state)
{
    (void)state;
    struct msk_timers timers = {0};
    struct alarm always = {.again = &timers}, once = {0};
    assert_int_equal(msk_timers_add(&timers, &always.timer, ring_alarm), 0);
    assert_int_equal(msk_timers_add(&timers, &once.timer, ring_alarm), 0);
    msk_timers_set(&timers, &always.timer, 0);
    msk_timers_set(&timers, &once.timer, 0);
    msk_timers_fire(&timers, 1);
    msk_timers_fire(&timers, 1);
    assert_in_range(always.times, 1, 4);
    msk_timers_remove(&timers, &always.timer);
    msk_timers_fire(&timers, 1);
    assert_int_equal(once.times, 1);
    msk_timers_free(&timers);
}

static void a_timer_that_cannot_be_added_is_an_error(void **state)
{
    (void)state;
    struct msk_timers timers = {0};
    struct alarm alarm = {0};
    msk_alloc_fail_after(0);
    int rc = msk_timers_add(&timers, &alarm.timer, ring_alarm);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(rc, MSK_E_NOMEM);
    msk_timers_remove(&timers, &alarm.timer);
    msk_timers_free(&timers);
}

static void rings_keep_order_and_list_once(void **state)
{
    (void)state;
    struct item {
        int number;
        struct msk_ring link;
    } items[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct msk_ring ring;
    msk_ring_init(&ring);
    assert_null(MSK_RING_FIRST(&ring, struct item, link));
    for (int i = 0; i < 3; i++) {
        msk_ring_init(&items[i].link);
        msk_ring_push(&ring, &items[i].link);
        msk_ring_push(&ring, &items[0].link); /* listed already: stays where it is */
    }
    msk_ring_remove(&items[1].link);
    msk_ring_remove(&items[1].link);
    assert_int_equal(MSK_RING_FIRST(&ring, struct item, link)->number, 0);
    msk_ring_remove(&items[0].link);
    assert_int_equal(MSK_RING_FIRST(&ring, struct item, link)->number, 2);
    msk_ring_remove(&items[2].link);
    assert_true(msk_ring_empty(&ring));
}

/* ---- send queue: the n-th byte of the stream is byte_at(n) */

static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 7 + offset / 256);
}

static void append(struct msk_send_queue *queue, size_t offset, size_t len)
{
    uint8_t *data = msk_calloc(1, len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(offset + i);
    struct msk_bytes parts[] = {MSK_BYTES(data, len / 3), MSK_BYTES(data + len / 3, len - len / 3)};
    assert_int_equal(msk_send_queue_append(queue, parts, 2), 0);
    msk_free(data);
}

/* What is offered next must continue at `offset`. Returns how much was offered. */
static size_t check_next(const struct msk_send_queue *queue, size_t offset)
{
    ngtcp2_vec pieces[4];
    size_t count = msk_send_queue_gather(queue, pieces, 4), len = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < pieces[i].len; j++, len++)
            assert_int_equal(pieces[i].base[j], byte_at(offset + len));
    return len;
}

static void a_send_queue_gives_back_what_it_was_given(void **state)
{
    (void)state;
    struct msk_random random;
    struct msk_send_queue queue = {0};
    size_t written = 0, sent = 0, acked = 0;
    msk_random_seed(&random, 3);
    for (int rounds = 0; rounds < 2000; rounds++) {
        size_t len = msk_random_below(&random, rounds % 50 == 0 ? 200000 : 900);
        if (queue.queued < 500000) {
            append(&queue, written, len);
            written += len;
        }
        size_t offered = check_next(&queue, sent);
        assert_int_equal(offered == 0, sent == written);
        size_t taken = msk_random_below(&random, offered + 1);
        if (taken > 0)
            msk_send_queue_sent(&queue, taken);
        sent += taken;
        size_t more_acked = msk_random_below(&random, sent - acked + 1);
        msk_send_queue_acked(&queue, more_acked);
        acked += more_acked;
        assert_int_equal(queue.queued, written - acked);
        assert_int_equal(queue.unsent, written - sent);
    }
    msk_send_queue_free(&queue);
}

static void an_acknowledged_queue_holds_no_memory(void **state)
{
    (void)state;
    struct msk_send_queue queue = {0};
    append(&queue, 0, 100000);
    msk_send_queue_sent(&queue, 100000);
    msk_send_queue_acked(&queue, 100000);
    assert_null(queue.first);
    append(&queue, 100000, 10);
    assert_int_equal(check_next(&queue, 100000), 10);
    msk_send_queue_free(&queue);
}

static void an_append_without_memory_changes_nothing(void **state)
{
    (void)state;
    struct msk_send_queue queue = {0};
    static const uint8_t large[200000];
    struct msk_bytes part = MSK_BYTES(large, sizeof large);
    append(&queue, 0, 10);
    for (uint64_t successes = 0; successes < 3; successes++) {
        msk_alloc_fail_after(successes);
        int rc = msk_send_queue_append(&queue, &part, 1);
        msk_alloc_fail_after(UINT64_MAX);
        assert_int_equal(rc, MSK_E_NOMEM);
        assert_int_equal(queue.queued, 10);
        assert_int_equal(check_next(&queue, 0), 10);
    }
    msk_send_queue_free(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_when_due_and_only_then),
        cmocka_unit_test(removed_timers_stay_silent),
        cmocka_unit_test(a_timer_always_due_does_not_hold_up_the_rest),
        cmocka_unit_test(a_timer_that_cannot_be_added_is_an_error),
        cmocka_unit_test(rings_keep_order_and_list_once),
        cmocka_unit_test(a_send_queue_gives_back_what_it_was_given),
        cmocka_unit_test(an_acknowledged_queue_holds_no_memory),
        cmocka_unit_test(an_append_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
