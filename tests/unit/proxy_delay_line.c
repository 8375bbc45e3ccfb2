/* The delay line: order, bounds, and a million datagrams. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "proxy/delay_line.h"

#define MILLION 1000000u

static void put(struct msk_delay_line *line, uint64_t due_ns, uint32_t number)
{
    assert_int_equal(msk_delay_line_put(line, due_ns, number, 0, MSK_BYTES(&number, sizeof number)), 0);
}

static void a_million_leave_in_the_order_of_their_times(void **state)
{
    (void)state;
    struct msk_delay_line line = {0};
    struct msk_random random;
    uint64_t *due_ns = msk_calloc(MILLION, sizeof *due_ns), last_ns = 0;
    msk_random_seed(&random, 1);
    for (uint32_t i = 0; i < MILLION; i++) {
        due_ns[i] = msk_random_below(&random, 100000); /* many share a time */
        put(&line, due_ns[i], i);
    }
    assert_int_equal(line.count, MILLION);
    uint32_t last = 0;
    for (uint32_t i = 0; i < MILLION; i++) {
        struct msk_parcel *parcel = msk_delay_line_take(&line, UINT64_MAX);
        uint32_t number = parcel->from;
        assert_memory_equal(parcel->data, &number, sizeof number);
        assert_true(i == 0 || due_ns[number] > last_ns || (due_ns[number] == last_ns && number > last));
        last_ns = due_ns[number];
        last = number;
        msk_free(parcel);
    }
    assert_null(msk_delay_line_take(&line, UINT64_MAX));
    assert_int_equal(line.bytes, 0);
    msk_free(due_ns);
    msk_delay_line_free(&line);
}

static void nothing_leaves_before_its_time(void **state)
{
    (void)state;
    struct msk_delay_line line = {0};
    assert_int_equal(msk_delay_line_next(&line), MSK_NEVER);
    put(&line, 30, 3);
    put(&line, 10, 1);
    put(&line, 20, 2);
    assert_int_equal(msk_delay_line_next(&line), 10);
    assert_null(msk_delay_line_take(&line, 9));
    for (uint32_t i = 1; i <= 3; i++) {
        struct msk_parcel *parcel = msk_delay_line_take(&line, i * 10);
        assert_int_equal(parcel->from, i);
        assert_null(msk_delay_line_take(&line, i * 10));
        msk_free(parcel);
    }
    msk_delay_line_free(&line);
}

static void it_is_bounded_by_count_and_by_bytes(void **state)
{
    (void)state;
    struct msk_delay_line line = {0};
    line.bytes = MSK_DELAY_LINE_BYTES_MAX - 100; /* as if that much waited */
    uint8_t datagram[100] = {0};
    assert_int_equal(msk_delay_line_put(&line, 0, 0, 0, MSK_BYTES(datagram, sizeof datagram)), MSK_E_LIMIT);
    assert_int_equal(msk_delay_line_put(&line, 0, 0, 0, MSK_BYTES(datagram, 10)), 0);
    line.bytes -= MSK_DELAY_LINE_BYTES_MAX - 100;
    msk_free(msk_delay_line_take(&line, 0));
    for (uint32_t i = 0; i < MSK_DELAY_LINE_MAX; i++)
        put(&line, i, i);
    assert_int_equal(msk_delay_line_put(&line, 0, 0, 0, MSK_BYTES(datagram, 1)), MSK_E_LIMIT);
    msk_delay_line_free(&line);
}

static void without_memory_nothing_is_lost(void **state)
{
    (void)state;
    struct msk_delay_line line = {0};
    put(&line, 5, 1);
    for (uint64_t successes = 0; successes < 2; successes++) {
        msk_alloc_fail_after(successes);
        int rc = msk_delay_line_put(&line, 1, 2, 0, MSK_BYTES("x", 1));
        msk_alloc_fail_after(UINT64_MAX);
        assert_int_equal(rc, successes == 0 ? MSK_E_NOMEM : 0);
    }
    struct msk_parcel *parcel = msk_delay_line_take(&line, 1);
    assert_int_equal(parcel->from, 2);
    msk_free(parcel);
    assert_int_equal(msk_delay_line_next(&line), 5);
    msk_delay_line_free(&line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_million_leave_in_the_order_of_their_times),
        cmocka_unit_test(nothing_leaves_before_its_time),
        cmocka_unit_test(it_is_bounded_by_count_and_by_bytes),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
