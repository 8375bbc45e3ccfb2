/* What is shown to people: text from outside made harmless, suggestions, wrapped paragraphs, tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/layout.h"
#include "cli/visible.h"

static void expect_visible(const char *text, const char *want)
{
    char shown[MSK_VISIBLE_SIZE];
    assert_string_equal(msk_visible(text, shown), want);
}

static void only_printable_characters_are_shown(void **state)
{
    (void)state;
    expect_visible("", "\"\"");
    expect_visible("plain text", "\"plain text\"");
    expect_visible("Zürich 東京 \xf0\x9f\x8c\x8a", "\"Zürich 東京 \xf0\x9f\x8c\x8a\"");
    expect_visible("a\nb\x1b[2J\x7f", "\"a\\x0ab\\x1b[2J\\x7f\"");
    expect_visible("\xc2\x9b", "\"\\xc2\\x9b\""); /* a control character of the C1 range */
    expect_visible("\xc2\xa0", "\"\xc2\xa0\"");
    expect_visible("\xff\xc3", "\"\\xff\\xc3\"");
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    char text[MSK_VISIBLE_MAX + 8] = "", want[MSK_VISIBLE_SIZE];
    memset(text, 'x', MSK_VISIBLE_MAX);
    snprintf(want, sizeof want, "\"%s\"", text);
    expect_visible(text, want);
    strcpy(text + MSK_VISIBLE_MAX - 1, "\xe6\x9d\xb1");
    snprintf(want, sizeof want, "\"%.*s...\"", MSK_VISIBLE_MAX - 1, text);
    expect_visible(text, want);
    memset(text, 0xbf, sizeof text - 1); /* nothing but continuation bytes: the cut must still end */
    expect_visible(text, msk_visible(text, want));
    assert_int_equal(strlen(want), 4 * (MSK_VISIBLE_MAX - 3) + 5);
}

static void distances_count_edits(void **state)
{
    (void)state;
    assert_int_equal(msk_name_distance("", ""), 0);
    assert_int_equal(msk_name_distance("", "abc"), 3);
    assert_int_equal(msk_name_distance("kitten", "sitting"), 3);
    assert_int_equal(msk_name_distance("vrebose", "verbose"), 1);
    assert_int_equal(msk_name_distance("group-di", "group-id"), 1);
    char name[MSK_NAME_MAX + 2];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = 0;
    assert_int_equal(msk_name_distance(name, "x"), MSK_NAME_MAX);
}

static const char *suggestion(const char *mistyped)
{
    static const char *const names[] = {"network", "group-key", "group-key-file", "members", NULL};
    struct msk_suggestion near = {.mistyped = mistyped};
    for (size_t i = 0; names[i]; i++)
        msk_suggest(&near, names[i]);
    return near.best;
}

static void only_near_names_are_suggested(void **state)
{
    (void)state;
    assert_string_equal(suggestion("netwrok"), "network");
    assert_string_equal(suggestion("group_key"), "group-key");
    assert_string_equal(suggestion("group-key-fil"), "group-key-file");
    assert_string_equal(suggestion("mem"), "members");
    assert_null(suggestion("x"));
    assert_null(suggestion(""));
    assert_null(suggestion("timeout"));
}

/* ---- layout */

static char *printed;
static size_t printed_len;

static FILE *begin(void)
{
    FILE *stream = open_memstream(&printed, &printed_len);
    assert_non_null(stream);
    return stream;
}

static void expect_printed(FILE *stream, const char *want)
{
    assert_int_equal(fclose(stream), 0);
    assert_string_equal(printed, want);
    free(printed);
}

static void paragraphs_break_between_words(void **state)
{
    (void)state;
    FILE *stream = begin();
    msk_wrap_text(stream, "", 0, 0);
    msk_wrap_text(stream, "short", 10, 4);
    msk_wrap_text(stream, "aaaaaaaaaa bbbbbbbbbb\ncccc", 60, 2);
    msk_wrap_text(stream, "one\n\ntwo", 0, 4);
    expect_printed(stream, "short\n"
                           "aaaaaaaaaa\n"
                           "  bbbbbbbbbb\n"
                           "  cccc\n"
                           "one\n"
                           "\n"
                           "    two\n");
}

static const struct msk_column columns[] = {{"PEER", false}, {"RTT", true}, {"NOTE", false}};

static void tables_are_aligned(void **state)
{
    (void)state;
    struct msk_table table;
    struct msk_output out = {.stream = begin()};
    msk_table_init(&table, columns, 3);
    msk_table_cell(&table, "%s", "Zürich");
    msk_table_cell(&table, "%d", 7);
    msk_table_cell(&table, "%s", "evil\n\x1b[m");
    msk_table_cell(&table, "%s", "b");
    msk_table_cell(&table, "%d", 12345);
    msk_table_cell(&table, "%s", "");
    assert_int_equal(msk_table_print(&table, &out), 0);
    expect_printed(out.stream, "PEER      RTT  NOTE\n"
                               "Zürich      7  evil\\x0a\\x1b[m\n"
                               "b       12345  \n");
}

static void colour_is_only_for_titles(void **state)
{
    (void)state;
    struct msk_table table;
    struct msk_output out = {.stream = begin(), .colour = true};
    msk_table_init(&table, columns, 1);
    msk_table_cell(&table, "x");
    assert_int_equal(msk_table_print(&table, &out), 0);
    expect_printed(out.stream, "\033[1mPEER\033[0m\nx\n");
}

static void a_table_without_memory_prints_nothing(void **state)
{
    (void)state;
    struct msk_table table;
    struct msk_output out = {.stream = begin()};
    msk_alloc_fail_after(0);
    msk_table_init(&table, columns, 1);
    msk_table_cell(&table, "x");
    assert_int_equal(msk_table_print(&table, &out), MSK_E_NOMEM);
    msk_alloc_fail_after(UINT64_MAX);
    expect_printed(out.stream, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_printable_characters_are_shown),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(distances_count_edits),
        cmocka_unit_test(only_near_names_are_suggested),
        cmocka_unit_test(paragraphs_break_between_words),
        cmocka_unit_test(tables_are_aligned),
        cmocka_unit_test(colour_is_only_for_titles),
        cmocka_unit_test(a_table_without_memory_prints_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
