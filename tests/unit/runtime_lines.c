/* Lines for slow readers: what fits is kept in order, what does not is counted and told where it is missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "runtime/lines.h"

#define MAX 100

static bool push(struct msk_lines *lines, const char *text)
{
    return msk_lines_push(lines, msk_bytes_of_text(text));
}

static void expect_next(struct msk_lines *lines, const char *expected)
{
    struct msk_bytes piece = msk_lines_next(lines);
    assert_true(msk_bytes_equal(piece, msk_bytes_of_text(expected)));
    msk_lines_written(lines);
}

static void what_comes_while_a_piece_is_written_is_the_next_piece(void **state)
{
    (void)state;
    struct msk_lines lines;
    msk_lines_init(&lines, MAX, true);
    assert_true(msk_lines_empty(&lines));
    push(&lines, "one");
    push(&lines, "two");
    struct msk_bytes piece = msk_lines_next(&lines);
    push(&lines, "three");
    assert_true(msk_bytes_equal(piece, msk_bytes_of_text("one\ntwo\n")));
    assert_false(msk_lines_empty(&lines));
    msk_lines_written(&lines);
    expect_next(&lines, "three\n");
    expect_next(&lines, "");
    assert_true(msk_lines_empty(&lines));
    msk_lines_free(&lines);
}

static void a_gap_is_told_in_its_place(void **state)
{
    (void)state;
    struct msk_lines lines;
    msk_lines_init(&lines, 10, true);
    assert_true(push(&lines, "12345678"));
    assert_false(push(&lines, "too much"));
    assert_false(push(&lines, "x")); /* it would fit, but out of order */
    msk_lines_free(&lines);

    msk_lines_init(&lines, MAX, true);
    char line[MAX];
    memset(line, 'a', sizeof line);
    line[MAX - 1] = 0;
    assert_true(push(&lines, line));
    assert_false(push(&lines, "b"));
    assert_false(push(&lines, "c"));
    assert_int_equal(msk_lines_next(&lines).len, MAX);
    msk_lines_written(&lines);
    assert_true(push(&lines, "d"));
    expect_next(&lines, "{\"v\":1,\"event\":\"lines_dropped\",\"dropped\":2}\nd\n");
    msk_lines_free(&lines);
}

static void a_gap_among_sentences_is_a_sentence(void **state)
{
    (void)state;
    struct msk_lines lines;
    msk_lines_init(&lines, MAX, false);
    char line[MAX + 1];
    memset(line, 'a', MAX);
    line[MAX] = 0;
    assert_false(push(&lines, line)); /* it fits without its end only */
    expect_next(&lines, "");
    expect_next(&lines, "(1 lines dropped: the reader was too slow)\n");
    msk_lines_free(&lines);
}

static void without_memory_a_line_is_dropped_and_the_others_stay(void **state)
{
    (void)state;
    struct msk_lines lines;
    char line[90];
    msk_lines_init(&lines, MAX, true);
    assert_true(push(&lines, "kept"));
    memset(line, 'a', sizeof line);
    line[sizeof line - 1] = 0;
    msk_alloc_fail_after(0);
    assert_false(push(&lines, line));
    msk_alloc_fail_after(UINT64_MAX);
    expect_next(&lines, "kept\n");
    expect_next(&lines, "{\"v\":1,\"event\":\"lines_dropped\",\"dropped\":1}\n");
    msk_lines_free(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_while_a_piece_is_written_is_the_next_piece),
        cmocka_unit_test(a_gap_is_told_in_its_place),
        cmocka_unit_test(a_gap_among_sentences_is_a_sentence),
        cmocka_unit_test(without_memory_a_line_is_dropped_and_the_others_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
