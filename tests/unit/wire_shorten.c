/* Long values are cut, in place, and each cut is noted with its way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "wire/messages.h"
#include "wire/shorten.h"

#define ENTRIES 100000

static struct msk_arena arena;

static int setup(void **state)
{
    (void)state;
    msk_arena_init(&arena, 64u << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    msk_arena_free(&arena);
    return 0;
}

/* Shorten to `items` and `bytes`, and compare message and cuts, both as JSON text. */
static void expect(const struct msk_type *type, void *value, size_t items, size_t bytes, const char *message,
                   const char *cuts)
{
    json_t *noted = json_array(), *json;
    assert_true(msk_shorten(type, value, items, bytes, noted));
    assert_int_equal(msk_value_to_json(type, value, &json, NULL), 0);
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY), *cut_text = json_dumps(noted, JSON_COMPACT);
    assert_string_equal(text, message);
    assert_string_equal(cut_text, cuts);
    free(text);
    free(cut_text);
    json_decref(json);
    json_decref(noted);
}

static void what_is_short_stays(void **state)
{
    (void)state;
    struct msk_bytes commands[] = {msk_bytes_of_text("ab"), msk_bytes_of_text("c")};
    struct msk_forward forward = {.kind = MSK_FORWARD_COMMAND, .command.commands = {commands, 2}};
    expect(MSK_TYPE(forward), &forward, 2, 2, "{\"command\":{\"commands\":[\"6162\",\"63\"],\"request_id\":null}}",
           "[]");
}

static void lists_and_bytes_within_choices_and_records_are_cut(void **state)
{
    (void)state;
    struct msk_log_entry *entries = msk_arena_alloc(&arena, ENTRIES, sizeof *entries);
    for (size_t i = 0; i < ENTRIES; i++)
        entries[i] = (struct msk_log_entry){.term = i, .command = msk_bytes_of_text("command")};
    struct msk_bond_message message = {
        .kind = MSK_BOND_RAFT,
        .raft = {.kind = MSK_RAFT_APPEND_ENTRIES, .append_entries = {.entries = {entries, ENTRIES}}}};
    json_t *cuts = json_array(), *json;
    assert_true(msk_shorten(MSK_TYPE(bond_message), &message, 2, 3, cuts));
    assert_int_equal(message.raft.append_entries.entries.count, 2);
    assert_int_equal(msk_value_to_json(MSK_TYPE(bond_message), &message, &json, NULL), 0);
    char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY), *cut_text = json_dumps(cuts, JSON_COMPACT);
    assert_non_null(
        strstr(text, "\"entries\":[{\"term\":0,\"command\":\"636f6d\"},{\"term\":1,\"command\":\"636f6d\"}]"));
    assert_string_equal(cut_text, "[{\"path\":\"raft.append_entries.entries\",\"count\":100000},"
                                  "{\"path\":\"raft.append_entries.entries[0].command\",\"count\":7},"
                                  "{\"path\":\"raft.append_entries.entries[1].command\",\"count\":7}]");
    free(text);
    free(cut_text);
    json_decref(json);
    json_decref(cuts);
}

static void options_hold_what_is_cut(void **state)
{
    (void)state;
    struct msk_peer_info none = {.has_data = false, .data = msk_bytes_of_text("never looked at")};
    struct msk_peer_info some = {.has_data = true, .data = msk_bytes_of_text("data")};
    expect(MSK_TYPE(membership),
           &(struct msk_membership){.kind = MSK_MEMBERSHIP_JOIN, .join = {.has_data = true, .data = some.data}}, 1, 1,
           "{\"join\":{\"data\":\"64\"}}", "[{\"path\":\"join.data\",\"count\":4}]");
    json_t *cuts = json_array();
    assert_true(msk_shorten(MSK_TYPE(peer_info), &none, 1, 1, cuts));
    assert_int_equal(json_array_size(cuts), 0);
    json_decref(cuts);
}

/* Text must remain text. */
static void text_is_cut_between_characters(void **state)
{
    (void)state;
    struct msk_bytes text = msk_bytes_of_text("a\xe2\x82\xac");
    expect(MSK_TYPE(text), &text, 0, 3, "\"a\"", "[{\"path\":\"\",\"count\":4}]");
    text = msk_bytes_of_text("\xe2\x82\xac");
    expect(MSK_TYPE(text), &text, 0, 0, "\"\"", "[{\"path\":\"\",\"count\":3}]");
}

static void notes_are_bounded_cuts_are_not(void **state)
{
    (void)state;
    struct msk_bytes commands[2 * MSK_CUTS_MAX];
    for (size_t i = 0; i < 2 * MSK_CUTS_MAX; i++)
        commands[i] = msk_bytes_of_text("long");
    struct msk_forward forward = {.kind = MSK_FORWARD_COMMAND, .command.commands = {commands, 2 * MSK_CUTS_MAX}};
    json_t *cuts = json_array();
    assert_true(msk_shorten(MSK_TYPE(forward), &forward, 2 * MSK_CUTS_MAX, 1, cuts));
    assert_int_equal(json_array_size(cuts), MSK_CUTS_MAX);
    for (size_t i = 0; i < 2 * MSK_CUTS_MAX; i++)
        assert_int_equal(commands[i].len, 1);
    json_decref(cuts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_short_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_and_bytes_within_choices_and_records_are_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(options_hold_what_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(text_is_cut_between_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(notes_are_bounded_cuts_are_not, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
