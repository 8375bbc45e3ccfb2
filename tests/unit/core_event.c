/* Events: the sentence people read, the object programs read, and who owns what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "core/event.h"

static struct msk_digest digest_of(uint8_t byte)
{
    struct msk_digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct msk_event make(enum msk_event_kind kind, const struct msk_field *fields, size_t count)
{
    struct msk_event event = {.kind = kind, .field_count = count};
    memcpy(event.fields, fields, count * sizeof *fields);
    return event;
}
#define EVENT(kind, ...)                                      \
    make(MSK_EVENT_##kind, (struct msk_field[]){__VA_ARGS__}, \
         sizeof((struct msk_field[]){__VA_ARGS__}) / sizeof(struct msk_field))

static void expect_sentence(struct msk_event event, const char *want)
{
    struct msk_builder out;
    msk_builder_init(&out, 1u << 20);
    msk_event_sentence(&event, &out);
    assert_int_equal(out.error, 0);
    assert_string_equal((char *)out.data, want);
    msk_builder_free(&out);
}

static void every_kind_of_field_in_a_sentence(void **state)
{
    (void)state;
    struct msk_digest one = digest_of(0x11), two = digest_of(0x22), both[] = {one, two};
    expect_sentence(EVENT(LEADER_CHANGED, MSK_F_DIGEST("new", &one), MSK_F_U64("term", UINT64_MAX)),
                    "leader of term 18446744073709551615 is 1111111111");
    expect_sentence(
        EVENT(ELECTION_STARTED, MSK_F_U64("term", 3), MSK_F_DIGESTS("asked", ((struct msk_digest_seq){both, 2}))),
        "stands in term 3, asks 1111111111 2222222222");
    expect_sentence(EVENT(ELECTION_STARTED, MSK_F_U64("term", 3), MSK_F_DIGESTS("asked", ((struct msk_digest_seq){0}))),
                    "stands in term 3, asks nobody");
    expect_sentence(EVENT(APPEND_RECEIVED, MSK_F_DIGEST("leader", &one), MSK_F_U64("count", 2),
                          MSK_F_CURSOR("prev", ((struct msk_cursor){4, 7})), MSK_F_U64("leader_commit", 6),
                          MSK_F_BOOL("consistent", true)),
                    "1111111111 appends 2 after (4,7), commit 6, consistent yes");
    expect_sentence(
        EVENT(CLOCK_SKEW, MSK_F_DIGEST("peer", &two), MSK_F_I64("estimate_ms", -2500), MSK_F_TEXT("source", "entry")),
        "the clock of 2222222222 differs by about -2500 ms, seen in its entry");
    expect_sentence(EVENT(TICKET_VALID, MSK_F_DIGEST("peer", &one), MSK_F_TIME("expires_at", 1500)),
                    "ticket of 1111111111 is valid, expires 1970-01-01T00:00:01.500Z");
    expect_sentence(EVENT(LIMIT_HIT, MSK_F_TEXT("which", "log"), MSK_F_DIGEST("peer", &one), MSK_F_ID64("value", 9)),
                    "limit log reached for 1111111111: 9");
}

static void missing_fields_and_no_text(void **state)
{
    (void)state;
    expect_sentence(EVENT(NODE_STOPPING, MSK_F_TEXT("other", "x")), "stopping: ?");
    expect_sentence(EVENT(NODE_STOPPING, MSK_F_TEXT("reason", NULL)), "stopping: none");
}

static void texts_of_others_cannot_disturb(void **state)
{
    (void)state;
    expect_sentence(EVENT(NODE_STOPPING, MSK_F_TEXT("reason", "a\x1b[2J\nb\xff\xfe"
                                                              "c\xc3\xa9\x7f")),
                    "stopping: a?[2J?b??c\xc3\xa9?");
    char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    huge[sizeof huge - 1] = 0;
    struct msk_builder out;
    msk_builder_init(&out, 1u << 20);
    struct msk_event event = EVENT(NODE_STOPPING, MSK_F_TEXT("reason", huge));
    msk_event_sentence(&event, &out);
    assert_int_equal(out.len, strlen("stopping: ") + 1024 + strlen("..."));
    msk_builder_free(&out);
}

static void long_lists_are_cut(void **state)
{
    (void)state;
    struct msk_digest many[18];
    for (int i = 0; i < 18; i++)
        many[i] = digest_of(0xaa);
    struct msk_builder out;
    msk_builder_init(&out, 1u << 20);
    struct msk_event event =
        EVENT(ELECTION_STARTED, MSK_F_U64("term", 1), MSK_F_DIGESTS("asked", ((struct msk_digest_seq){many, 18})));
    msk_event_sentence(&event, &out);
    assert_non_null(strstr((char *)out.data, "aaaaaaaaaa and 2 more"));
    msk_builder_free(&out);
}

static json_t *json_of(struct msk_event event, const char *alias)
{
    static struct msk_digest node, network;
    node = digest_of(1);
    network = digest_of(2);
    struct msk_event_frame frame = {{77, 1763728000250}, &node, &network, alias, 5};
    json_t *json = msk_event_to_json(&event, &frame);
    assert_non_null(json);
    return json;
}

static void expect_json(json_t *json, const char *want)
{
    char *text = json_dumps(json, JSON_COMPACT);
    assert_string_equal(text, want);
    free(text);
    json_decref(json);
}

#define ONES   "0101010101010101010101010101010101010101010101010101010101010101"
#define TWOS   "0202020202020202020202020202020202020202020202020202020202020202"
#define THREES "0303030303030303030303030303030303030303030303030303030303030303"

static void the_whole_object(void **state)
{
    (void)state;
    struct msk_event event =
        EVENT(TERM_CHANGED, MSK_F_U64("old", 1), MSK_F_U64("new", 2), MSK_F_TEXT("cause", "election"));
    event.has_group = true;
    event.group = digest_of(3);
    expect_json(json_of(event, "main"),
                "{\"v\":1,\"ts\":\"2025-11-21T12:26:40.250Z\",\"mono_ms\":77,\"node\":\"" ONES "\",\"net\":\"" TWOS
                "\",\"group\":\"" THREES
                "\",\"alias\":\"main\",\"event\":\"term_changed\",\"level\":\"info\",\"seq\":5,"
                "\"old\":1,\"new\":2,\"cause\":\"election\",\"text\":\"term 1 -> 2: election\"}");
}

static void without_a_group_there_is_no_alias(void **state)
{
    (void)state;
    expect_json(json_of(EVENT(NODE_STOPPING, MSK_F_TEXT("reason", NULL)), NULL),
                "{\"v\":1,\"ts\":\"2025-11-21T12:26:40.250Z\",\"mono_ms\":77,\"node\":\"" ONES "\",\"net\":\"" TWOS
                "\",\"event\":\"node_stopping\",\"level\":\"info\",\"seq\":5,\"reason\":null,"
                "\"text\":\"stopping: none\"}");
}

static void expect_member(struct msk_field field, const char *want)
{
    field.name = "reason";
    json_t *json = json_of(EVENT(NODE_STOPPING, field), NULL);
    char *text = json_dumps(json_object_get(json, "reason"), JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text, want);
    free(text);
    json_decref(json);
}

static void every_kind_of_field_in_json(void **state)
{
    (void)state;
    struct msk_digest one = digest_of(1);
    expect_member(MSK_F_U64("", 1u << 20), "1048576");
    expect_member(MSK_F_U64("", UINT64_C(1) << 53), "9007199254740992");
    expect_member(MSK_F_U64("", (UINT64_C(1) << 53) + 1), "\"9007199254740993\"");
    expect_member(MSK_F_ID64("", 7), "\"7\"");
    expect_member(MSK_F_I64("", -3), "-3");
    expect_member(MSK_F_BOOL("", false), "false");
    expect_member(MSK_F_TEXT("", "a\"b\x01"), "\"a\\\"b?\"");
    expect_member(MSK_F_DIGEST("", &one), "\"" ONES "\"");
    expect_member(MSK_F_DIGESTS("", ((struct msk_digest_seq){&one, 1})), "[\"" ONES "\"]");
    expect_member(MSK_F_CURSOR("", ((struct msk_cursor){3, 4})), "{\"term\":3,\"index\":4}");
    expect_member(MSK_F_TIME("", 0), "\"1970-01-01T00:00:00Z\"");
}

static void every_event_has_a_name_a_level_and_balanced_braces(void **state)
{
    (void)state;
    static const char *const sentences[] = {
#define X(name, level, sentence) sentence,
#include "core/events.def"
#undef X
    };
    for (int kind = 0; kind < MSK_EVENT_COUNT; kind++) {
        const char *name = msk_event_name((enum msk_event_kind)kind);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
        assert_ptr_equal(name, msk_event_name((enum msk_event_kind)kind));
        assert_non_null(msk_level_name(msk_event_level((enum msk_event_kind)kind)));
        int depth = 0;
        for (const char *p = sentences[kind]; *p; p++) {
            depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
            assert_in_range(depth, 0, 1);
        }
        assert_int_equal(depth, 0);
    }
    assert_string_equal(msk_event_name(MSK_EVENT_VOTE_CAST), "vote_cast");
    assert_string_equal(msk_level_name(msk_event_level(MSK_EVENT_TWO_LEADERS)), "error");
}

static void a_copy_owns_what_it_tells(void **state)
{
    (void)state;
    char text[] = "first";
    struct msk_digest list[] = {digest_of(1)};
    struct msk_event event = EVENT(ELECTION_STARTED, MSK_F_TEXT("term", text),
                                   MSK_F_DIGESTS("asked", ((struct msk_digest_seq){list, 1}))),
                     copy;
    assert_int_equal(msk_event_copy(&event, &copy), 0);
    text[0] = 'X';
    list[0] = digest_of(9);
    expect_sentence(copy, "stands in term first, asks 0101010101");
    msk_event_free(&copy);
}

static void a_copy_without_memory_leaves_nothing(void **state)
{
    (void)state;
    struct msk_digest list[] = {digest_of(1)};
    struct msk_event event = EVENT(ELECTION_STARTED, MSK_F_TEXT("term", "x"), MSK_F_TEXT("more", "y"),
                                   MSK_F_DIGESTS("asked", ((struct msk_digest_seq){list, 1}))),
                     copy;
    for (uint64_t n = 0; n < 3; n++) {
        msk_alloc_fail_after(n);
        int result = msk_event_copy(&event, &copy);
        msk_alloc_fail_after(UINT64_MAX);
        assert_int_equal(result, MSK_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_field_in_a_sentence),
        cmocka_unit_test(missing_fields_and_no_text),
        cmocka_unit_test(texts_of_others_cannot_disturb),
        cmocka_unit_test(long_lists_are_cut),
        cmocka_unit_test(the_whole_object),
        cmocka_unit_test(without_a_group_there_is_no_alias),
        cmocka_unit_test(every_kind_of_field_in_json),
        cmocka_unit_test(every_event_has_a_name_a_level_and_balanced_braces),
        cmocka_unit_test(a_copy_owns_what_it_tells),
        cmocka_unit_test(a_copy_without_memory_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
