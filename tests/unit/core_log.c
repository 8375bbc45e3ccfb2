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
    struct msk_log_entry entry;
    assert_false(msk_log_get(&log, 0, &entry));
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
    struct msk_log_entry entry;
    assert_true(msk_log_get(&log, 4, &entry));
    assert_memory_equal(entry.command.data, "3", 1);
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
    assert_int_equal(log.bytes, 9);
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
    static const uint64_t successes[] = {0, 1, 1}; /* then fails the list of blocks, a block, its bytes */
    for (size_t n = 0; n < 3; n++) {
        msk_alloc_fail_after(successes[n]);
        int result = msk_log_append(&log, 1, MSK_BYTES("x", 1));
        msk_alloc_fail_after(UINT64_MAX);
        assert_int_equal(result, MSK_E_NOMEM);
        expect_last(&log, 0, 0);
    }
    msk_log_free(&log);
}

/* ---- blocks */

/* Commands of many lengths over several blocks. */
static struct msk_log made(uint64_t count)
{
    struct msk_log log;
    uint8_t bytes[200];
    msk_log_init(&log);
    for (uint64_t i = 1; i <= count; i++) {
        memset(bytes, (int)i, sizeof bytes);
        assert_int_equal(msk_log_append(&log, i / 700, MSK_BYTES(bytes, i % 200)), 0);
    }
    return log;
}

static void expect_made(const struct msk_log *log, uint64_t count)
{
    assert_int_equal(log->count, count);
    for (uint64_t i = 1; i <= count; i++) {
        struct msk_log_entry entry;
        uint64_t term;
        assert_true(msk_log_get(log, i, &entry));
        assert_true(msk_log_term_at(log, i, &term));
        assert_int_equal(entry.term, i / 700);
        assert_int_equal(term, i / 700);
        assert_int_equal(entry.command.len, i % 200);
        for (size_t k = 0; k < entry.command.len; k++)
            assert_int_equal(entry.command.data[k], (uint8_t)i);
    }
    struct msk_cursor last = msk_log_last(log);
    assert_int_equal(last.term, count / 700);
}

static void many_blocks_are_one_log(void **state)
{
    (void)state;
    struct msk_log log = made(5000), copy;
    expect_made(&log, 5000);
    msk_log_init(&copy);
    for (uint64_t first = 1; first <= 5000;) {
        struct msk_bytes part;
        uint64_t count = msk_log_encoded(&log, first, first + 600 < 5000 ? first + 600 : 5000, &part);
        assert_int_equal(msk_log_append_encoded(&copy, part, count), 0);
        first += count;
    }
    expect_made(&copy, 5000);
    assert_int_equal(copy.bytes, log.bytes);
    for (uint64_t cut = 4999; cut > 0; cut = cut * 2 / 3) {
        msk_log_truncate(&copy, cut + 1);
        expect_made(&copy, cut);
    }
    msk_log_truncate(&copy, 1);
    assert_int_equal(copy.bytes, 0);
    msk_log_free(&copy);
    msk_log_free(&log);
}

static void damaged_entries_are_noticed(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    assert_int_equal(msk_log_append_encoded(&log, MSK_BYTES("\x01\x02xy", 4), 1), 0);
    assert_int_equal(msk_log_append_encoded(&log, MSK_BYTES("\x01\x03xy", 4), 1), MSK_E_DAMAGED);
    assert_int_equal(msk_log_append_encoded(&log, MSK_BYTES("\x01\x01xy", 4), 1), MSK_E_DAMAGED);
    assert_int_equal(msk_log_append_encoded(&log, MSK_BYTES("", 0), 1), MSK_E_DAMAGED);
    assert_int_equal(msk_log_append_encoded(&log, MSK_BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 10), 1),
                     MSK_E_DAMAGED);
    msk_log_free(&log);
}

/* Whatever is asked for in between, and however the log came to be. */
static void digests_do_not_depend_on_the_way(void **state)
{
    (void)state;
    struct msk_log log = made(5000);
    for (uint64_t turn = 0; turn < 300; turn++) {
        uint64_t index = turn * 7919 % 5001;
        struct msk_log other = made(index);
        struct msk_digest a = msk_log_digest(&log, index), b = msk_log_digest(&other, index);
        assert_true(msk_digest_equal(&a, &b));
        msk_log_free(&other);
        if (turn % 50 == 49) { /* cut and grown again */
            msk_log_free(&other);
            other = made(5000);
            (void)msk_log_digest(&other, 5000);
            msk_log_truncate(&other, index + 1);
            b = msk_log_digest(&other, index);
            assert_true(msk_digest_equal(&a, &b));
            msk_log_free(&other);
        }
    }
    msk_log_free(&log);
}

/* Its definition, for those who compute it elsewhere. */
static void a_digest_is_of_its_block_behind_that_of_the_one_before(void **state)
{
    (void)state;
    struct msk_log log = made(1026);
    struct msk_bytes block;
    struct msk_blake3 hash;
    msk_blake3_init(&hash);
    assert_int_equal(msk_log_encoded(&log, 1, 1024, &block), 1024);
    msk_blake3_update(&hash, block);
    struct msk_digest end = msk_blake3_finish(&hash), digest = msk_log_digest(&log, 1024);
    assert_true(msk_digest_equal(&end, &digest));
    msk_blake3_init(&hash);
    msk_blake3_update(&hash, MSK_BYTES(end.bytes, MSK_DIGEST_LEN));
    assert_int_equal(msk_log_encoded(&log, 1025, 1026, &block), 2);
    msk_blake3_update(&hash, block);
    end = msk_blake3_finish(&hash);
    digest = msk_log_digest(&log, 1026);
    assert_true(msk_digest_equal(&end, &digest));
    msk_log_free(&log);
}

/* Of what has left memory, those at the ends of blocks. */
static void digests_of_what_is_gone(void **state)
{
    (void)state;
    struct msk_log whole = made(80000), log;
    msk_log_init(&log);
    msk_log_spare(&log, 80000);
    for (uint64_t i = 1; i <= 80000; i++) {
        struct msk_log_entry entry;
        assert_true(msk_log_get(&whole, i, &entry));
        assert_int_equal(msk_log_append(&log, entry.term, entry.command), 0);
    }
    assert_true(log.gone > 8192);
    for (uint64_t i = 1; i <= 80000; i += 511) {
        assert_int_equal(msk_log_has_digest(&log, i), i >= log.gone || i % 1024 == 0);
        if (!msk_log_has_digest(&log, i))
            continue;
        struct msk_digest a = msk_log_digest(&whole, i), b = msk_log_digest(&log, i);
        assert_true(msk_digest_equal(&a, &b));
    }
    struct msk_digest a = msk_log_digest(&whole, 2048), b = msk_log_digest(&log, 2048);
    assert_true(msk_digest_equal(&a, &b));
    msk_log_free(&whole);
    msk_log_free(&log);
}

static void members_report_at_the_same_indices(void **state)
{
    (void)state;
    static const uint64_t first[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13,
                                     14, 15, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40};
    uint64_t at = 0;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        at = msk_rolling_next_report(at);
        assert_int_equal(at, first[i]);
        for (uint64_t from = i ? first[i - 1] : 0; from < first[i]; from++)
            assert_int_equal(msk_rolling_next_report(from), first[i]);
    }
    assert_int_equal(msk_rolling_next_report(1000000), 1000448);
    assert_int_equal(msk_rolling_next_report(1000448), 1001472);
}

static void digests_tell_logs_apart(void **state)
{
    (void)state;
    struct msk_log log = made(3000), other = made(3000);
    struct msk_digest digests[8], digest;
    static const uint64_t at[] = {0, 1, 1023, 1024, 1025, 1500, 2048, 3000};
    for (int i = 0; i < 8; i++)
        digests[i] = msk_log_digest(&log, at[i]);
    for (int i = 7; i >= 0; i--) { /* in any order */
        digest = msk_log_digest(&other, at[i]);
        assert_true(msk_digest_equal(&digest, &digests[i]));
    }
    msk_log_truncate(&other, 1500);
    assert_int_equal(msk_log_append(&other, 2, MSK_BYTES("x", 1)), 0);
    digest = msk_log_digest(&other, 1500);
    assert_false(msk_digest_equal(&digest, &digests[5]));
    digest = msk_log_digest(&other, 1);
    assert_true(msk_digest_equal(&digest, &digests[1]));
    msk_log_free(&log);
    msk_log_free(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cursors_compare_by_term_first),
        cmocka_unit_test(an_empty_log_has_the_sentinel),
        cmocka_unit_test(entries_are_numbered_from_one),
        cmocka_unit_test(cutting),
        cmocka_unit_test(what_is_kept_cannot_be_cut),
        cmocka_unit_test(limits),
        cmocka_unit_test(without_memory_nothing_changes),
        cmocka_unit_test(many_blocks_are_one_log),
        cmocka_unit_test(damaged_entries_are_noticed),
        cmocka_unit_test(digests_tell_logs_apart),
        cmocka_unit_test(digests_do_not_depend_on_the_way),
        cmocka_unit_test(a_digest_is_of_its_block_behind_that_of_the_one_before),
        cmocka_unit_test(members_report_at_the_same_indices),
        cmocka_unit_test(digests_of_what_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
