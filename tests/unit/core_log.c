/* The log in memory: positions, terms, cutting, limits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "core/log.h"

static void fill(struct msk_log *log, const char *terms)
{
    for (const char *p = terms; *p; p++)
        assert_int_equal(msk_log_append(log, (uint64_t)(*p - '0'), MSK_BYTES(p, 1)), 0);
}

static void expect_last(const struct msk_log *log, uint64_t term, uint64_t index)
{
    struct msk_cursor last = msk_log_last(log);
    assert_int_equal(last.term, term);
    assert_int_equal(last.index, index);
}

static void cursors_compare_by_term_first(void **state)
{
    (void)state;
    assert_true(msk_cursor_compare((struct msk_cursor){2, 1}, (struct msk_cursor){1, 9}) > 0);
    assert_true(msk_cursor_compare((struct msk_cursor){1, 1}, (struct msk_cursor){1, 9}) < 0);
    assert_true(msk_cursor_compare((struct msk_cursor){1, 9}, (struct msk_cursor){1, 1}) > 0);
    assert_true(msk_cursor_compare((struct msk_cursor){0, 9}, (struct msk_cursor){1, 0}) < 0);
    assert_int_equal(msk_cursor_compare((struct msk_cursor){3, 4}, (struct msk_cursor){3, 4}), 0);
}

static void an_empty_log_has_the_sentinel(void **state)
{
    (void)state;
    struct msk_log log;
    uint64_t term = 99;
    msk_log_init(&log);
    expect_last(&log, 0, 0);
    assert_true(msk_log_term_at(&log, 0, &term));
    assert_int_equal(term, 0);
    assert_false(msk_log_term_at(&log, 1, &term));
    assert_null(msk_log_get(&log, 0));
    msk_log_free(&log);
}

static void entries_are_numbered_from_one(void **state)
{
    (void)state;
    struct msk_log log;
    uint64_t term;
    msk_log_init(&log);
    fill(&log, "1123");
    expect_last(&log, 3, 4);
    assert_true(msk_log_term_at(&log, 3, &term));
    assert_int_equal(term, 2);
    assert_false(msk_log_term_at(&log, 5, &term));
    assert_false(msk_log_term_at(&log, UINT64_MAX, &term));
    assert_memory_equal(msk_log_get(&log, 4)->command.data, "3", 1);
    msk_log_free(&log);
}

static void cutting(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    fill(&log, "11122");
    msk_log_truncate(&log, 6);
    expect_last(&log, 2, 5);
    msk_log_truncate(&log, 4);
    expect_last(&log, 1, 3);
    assert_int_equal(log.bytes, 3);
    fill(&log, "4");
    expect_last(&log, 4, 4);
    msk_log_truncate(&log, 1);
    expect_last(&log, 0, 0);
    assert_int_equal(log.bytes, 0);
    msk_log_free(&log);
}

/* The process ends with status 70 rather than lose a committed entry. */
static void what_is_kept_cannot_be_cut(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    fill(&log, "111");
    msk_log_keep(&log, 2);
    msk_log_keep(&log, 1); /* never back */
    msk_log_truncate(&log, 3);
    expect_last(&log, 1, 2);
    pid_t child = fork();
    if (child == 0) {
        close(STDERR_FILENO);
        msk_log_truncate(&log, 2);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 70);
    msk_log_free(&log);
}

static void limits(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    for (uint32_t i = 0; i < MSK_LOG_ENTRIES_MAX; i++)
        assert_int_equal(msk_log_append(&log, 1, MSK_BYTES("", 0)), 0);
    assert_int_equal(msk_log_append(&log, 1, MSK_BYTES("", 0)), MSK_E_LIMIT);
    expect_last(&log, 1, MSK_LOG_ENTRIES_MAX);
    msk_log_free(&log);
    assert_int_equal(msk_log_append(&log, 1, MSK_BYTES(NULL, MSK_LOG_BYTES_MAX + 1)), MSK_E_LIMIT);
    expect_last(&log, 0, 0);
}

static void without_memory_nothing_changes(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    for (uint64_t n = 0; n < 2; n++) {
        msk_alloc_fail_after(n);
        int result = msk_log_append(&log, 1, MSK_BYTES("x", 1));
        msk_alloc_fail_after(UINT64_MAX);
        assert_int_equal(result, MSK_E_NOMEM);
        expect_last(&log, 0, 0);
    }
    msk_log_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_compare_by_term_first),  cmocka_unit_test(an_empty_log_has_the_sentinel),
        cmocka_unit_test(entries_are_numbered_from_one),  cmocka_unit_test(cutting),
        cmocka_unit_test(what_is_kept_cannot_be_cut),     cmocka_unit_test(limits),
        cmocka_unit_test(without_memory_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
