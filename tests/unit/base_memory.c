/* Builders, arenas, maps: what they hold, their bounds, and memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/random.h"

/* ---- builders */

static void a_builder_grows_to_its_maximum_and_no_further(void **state)
{
    (void)state;
    struct msk_builder builder;
    msk_builder_init(&builder, 100);
    for (int i = 0; i < 100; i++)
        msk_builder_byte(&builder, (uint8_t)i);
    assert_int_equal(builder.error, 0);
    assert_int_equal(builder.data[builder.len], 0);
    msk_builder_byte(&builder, 1);
    assert_int_equal(builder.error, MSK_E_LIMIT);
    assert_int_equal(builder.len, 100);
    msk_builder_reset(&builder);
    msk_builder_printf(&builder, "%s-%d", "abc", 7);
    assert_true(msk_bytes_equal(msk_builder_view(&builder), msk_bytes_of_text("abc-7")));
    msk_builder_free(&builder);
}

static void the_first_failure_sticks(void **state)
{
    (void)state;
    struct msk_builder builder;
    msk_builder_init(&builder, 5);
    msk_builder_text(&builder, "abcdef");
    msk_builder_text(&builder, "x");
    assert_int_equal(builder.error, MSK_E_LIMIT);
    assert_int_equal(builder.len, 0);
    size_t len;
    assert_null(msk_builder_take(&builder, &len));
    assert_int_equal(len, 0);
}

static void consuming_keeps_the_rest(void **state)
{
    (void)state;
    struct msk_builder builder;
    msk_builder_init(&builder, 100);
    msk_builder_text(&builder, "headrest");
    msk_builder_consume(&builder, 4);
    assert_string_equal((const char *)builder.data, "rest");
    msk_builder_consume(&builder, 4);
    assert_int_equal(builder.len, 0);
    msk_builder_consume(&builder, 0);
    msk_builder_free(&builder);
}

static void what_was_taken_is_the_caller_s(void **state)
{
    (void)state;
    struct msk_builder builder;
    size_t len;
    msk_builder_init(&builder, 100);
    uint8_t *nothing = msk_builder_take(&builder, &len);
    assert_non_null(nothing);
    assert_int_equal(len, 0);
    msk_free(nothing);
    msk_builder_text(&builder, "mine");
    uint8_t *taken = msk_builder_take(&builder, &len);
    assert_int_equal(len, 4);
    assert_string_equal((const char *)taken, "mine");
    assert_int_equal(builder.len, 0);
    msk_free(taken);
}

static void a_builder_survives_without_memory(void **state)
{
    (void)state;
    struct msk_builder builder;
    msk_builder_init(&builder, 1000);
    msk_builder_text(&builder, "kept");
    msk_alloc_fail_after(0);
    for (int i = 0; i < 100; i++)
        msk_builder_byte(&builder, 'x');
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(builder.error, MSK_E_NOMEM);
    assert_memory_equal(builder.data, "kept", 4);
    msk_builder_free(&builder);
}

/* ---- arenas */

static void an_arena_gives_zeroed_aligned_bounded_memory(void **state)
{
    (void)state;
    struct msk_arena arena;
    msk_arena_init(&arena, 100000);
    for (size_t size = 1; size < 300; size++) {
        uint8_t *place = msk_arena_alloc(&arena, 1, size);
        assert_non_null(place);
        assert_int_equal((uintptr_t)place % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(place[i], 0);
        memset(place, 0xff, size);
    }
    assert_int_equal(arena.used, 299 * 300 / 2);
    assert_null(msk_arena_alloc(&arena, 1, 100000));
    assert_int_equal(arena.error, MSK_E_LIMIT);
    msk_arena_free(&arena);
    assert_int_equal(arena.used, 0);
    assert_int_equal(arena.error, 0);
    assert_non_null(msk_arena_alloc(&arena, 1, 100000));
    msk_arena_wipe(&arena);
}

static void impossible_requests_are_refused(void **state)
{
    (void)state;
    struct msk_arena arena;
    msk_arena_init(&arena, 100);
    assert_null(msk_arena_alloc(&arena, SIZE_MAX, 2));
    assert_int_equal(arena.error, MSK_E_LIMIT);
    assert_null(msk_arena_copy(&arena, "", SIZE_MAX));
    msk_arena_free(&arena);
    msk_alloc_fail_after(0);
    assert_null(msk_arena_alloc(&arena, 1, 1));
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(arena.error, MSK_E_NOMEM);
    assert_null(msk_memdup("", SIZE_MAX));
    msk_arena_free(&arena);
}

static void copies_end_in_a_zero(void **state)
{
    (void)state;
    struct msk_arena arena;
    msk_arena_init(&arena, 100);
    assert_string_equal(msk_arena_copy(&arena, "hello, world", 5), "hello");
    assert_string_equal(msk_arena_copy(&arena, NULL, 0), "");
    msk_arena_free(&arena);
}

/* ---- maps */

#define KEYS 3000

/* Against an array that does the same the slow way. */
static void a_map_remembers_what_an_array_does(void **state)
{
    (void)state;
    static int values[KEYS];
    static bool present[KEYS];
    struct msk_map map = {.seed = 5};
    struct msk_random random;
    size_t count = 0;
    msk_random_seed(&random, 1);
    for (int round = 0; round < 30000; round++) {
        char key[20];
        size_t i = msk_random_below(&random, KEYS), len = (size_t)snprintf(key, sizeof key, "key-%zu", i);
        if (msk_random_below(&random, 2)) {
            assert_int_equal(msk_map_put(&map, key, len, &values[i]), present[i] ? MSK_E_EXISTS : 0);
            count += !present[i];
            present[i] = true;
        } else {
            assert_ptr_equal(msk_map_remove(&map, key, len), present[i] ? &values[i] : NULL);
            count -= present[i];
            present[i] = false;
        }
        assert_int_equal(map.count, count);
    }
    size_t seen = 0, position = 0;
    for (int *value; (value = msk_map_next(&map, &position)); seen++)
        assert_true(present[value - values]);
    assert_int_equal(seen, count);
    for (size_t i = 0; i < KEYS; i++) {
        char key[20];
        size_t len = (size_t)snprintf(key, sizeof key, "key-%zu", i);
        assert_ptr_equal(msk_map_get(&map, key, len), present[i] ? &values[i] : NULL);
    }
    msk_map_free(&map);
    assert_null(msk_map_get(&map, "key-1", 5));
}

static void keys_are_compared_whole(void **state)
{
    (void)state;
    uint8_t zeros[MSK_MAP_KEY_MAX + 1] = {0};
    int values[MSK_MAP_KEY_MAX + 1];
    struct msk_map map = {0};
    for (size_t len = 0; len <= MSK_MAP_KEY_MAX; len++)
        assert_int_equal(msk_map_put(&map, zeros, len, &values[len]), 0);
    for (size_t len = 0; len <= MSK_MAP_KEY_MAX; len++)
        assert_ptr_equal(msk_map_get(&map, zeros, len), &values[len]);
    assert_null(msk_map_get(&map, zeros, MSK_MAP_KEY_MAX + 1));
    msk_map_free(&map);
}

static void a_map_without_memory_is_unchanged(void **state)
{
    (void)state;
    struct msk_map map = {0};
    int value, failures = 0;
    for (uint8_t key = 0; key < 100; key++) {
        msk_alloc_fail_after(0);
        int rc = msk_map_put(&map, &key, 1, &value);
        msk_alloc_fail_after(UINT64_MAX);
        failures += rc == MSK_E_NOMEM;
        assert_int_equal(rc == 0, msk_map_get(&map, &key, 1) != NULL);
        if (rc == MSK_E_NOMEM)
            assert_int_equal(msk_map_put(&map, &key, 1, &value), 0);
    }
    assert_true(failures > 2);
    assert_int_equal(map.count, 100);
    msk_map_free(&map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_builder_grows_to_its_maximum_and_no_further),
        cmocka_unit_test(the_first_failure_sticks),
        cmocka_unit_test(consuming_keeps_the_rest),
        cmocka_unit_test(what_was_taken_is_the_caller_s),
        cmocka_unit_test(a_builder_survives_without_memory),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_bounded_memory),
        cmocka_unit_test(impossible_requests_are_refused),
        cmocka_unit_test(copies_end_in_a_zero),
        cmocka_unit_test(a_map_remembers_what_an_array_does),
        cmocka_unit_test(keys_are_compared_whole),
        cmocka_unit_test(a_map_without_memory_is_unchanged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
