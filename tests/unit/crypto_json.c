/* JSON text as the reference reads and writes it; the expected texts are serde_json's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "crypto/json_text.h"

static void expect_len(const char *text, size_t len, const char *want)
{
    struct msk_arena arena;
    struct msk_builder out;
    struct msk_json json;
    struct msk_error err;
    msk_arena_init(&arena, 1 << 20);
    msk_builder_init(&out, 1 << 20);
    if (msk_json_parse(MSK_BYTES(text, len), &arena, &json, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    msk_json_write(&json, &out);
    if (strcmp((const char *)out.data, want) != 0)
        fail_msg("%s is written as %s, not %s", text, (const char *)out.data, want);
    msk_builder_free(&out);
    msk_arena_free(&arena);
}

static void expect(const char *text, const char *want)
{
    expect_len(text, strlen(text), want);
}

static void whole_numbers_keep_their_digits(void **state)
{
    (void)state;
    expect("0", "0");
    expect("18446744073709551615", "18446744073709551615");
    expect("-9223372036854775808", "-9223372036854775808");
    expect("18446744073709551616", "1.8446744073709552e+19");
    expect("-9223372036854775809", "-9.223372036854776e+18");
    expect("-0", "-0.0");
}

static void fractions_are_as_short_as_can_be(void **state)
{
    (void)state;
    expect("1.0", "1.0");
    expect("2.50", "2.5");
    expect("1e3", "1000.0");
    expect("1E+2", "100.0");
    expect("1e15", "1000000000000000.0");
    expect("1e16", "1e+16");
    expect("12345678901234567.0", "1.2345678901234566e+16");
    expect("0.0001", "0.0001");
    expect("0.00001", "0.00001");
    expect("0.000001", "1e-6");
    expect("1.5e-9", "1.5e-9");
    expect("5e-324", "5e-324");
    expect("1.7976931348623157e308", "1.7976931348623157e+308");
    expect("-1.25e-20", "-1.25e-20");
    expect("0e999999999999", "0.0");
}

/* The reference's quick reading misses the nearest number now and then, and so must ours. */
static void fractions_are_as_imprecise_as_the_reference_s(void **state)
{
    (void)state;
    expect("226e-29", "2.2600000000000003e-27");
    expect("553e28", "5.529999999999999e+30");
    expect("9007199254740993.0", "9007199254740994.0");
    expect("7.2828597e-83", "7.282859700000001e-83");
}

static void objects_are_ordered_and_the_last_member_wins(void **state)
{
    (void)state;
    expect(" { \"b\" : 1 , \"a\" : { \"z\" : [ ] , \"y\" : { } } , \"b\" : 2 } ",
           "{\"a\":{\"y\":{},\"z\":[]},\"b\":2}");
    expect("{\"aa\":1,\"a\":2,\"\":3,\"\\u00e9\":4}", "{\"\":3,\"a\":2,\"aa\":1,\"\xc3\xa9\":4}");
    expect("[1,2,3,4,5,6,7,8,9]", "[1,2,3,4,5,6,7,8,9]");
    expect("[null,true,false]", "[null,true,false]");
}

static void text_is_escaped_only_where_it_must_be(void **state)
{
    (void)state;
    expect("\"\\u0022\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\\u007f\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
    expect("\"\\ud83c\\udf0d\\u00fc\"", "\"\xf0\x9f\x8c\x8d\xc3\xbc\"");
    expect("\"a\\u0000b\"", "\"a\\u0000b\"");
}

static void how_often_a_member_was_given_is_known(void **state)
{
    (void)state;
    struct msk_arena arena;
    struct msk_json json;
    msk_arena_init(&arena, 1 << 20);
    assert_int_equal(msk_json_parse(msk_bytes_of_text("{\"a\":1,\"b\":2,\"a\":3,\"a\":4}"), &arena, &json, NULL), 0);
    assert_int_equal(msk_json_find(&json, "a")->times, 3);
    assert_int_equal(msk_json_find(&json, "a")->value.number, 4);
    assert_int_equal(msk_json_find(&json, "b")->times, 1);
    assert_null(msk_json_find(&json, "c"));
    assert_null(msk_json_find(&msk_json_find(&json, "a")->value, "a"));
    msk_arena_free(&arena);
}

static void expect_refused(const char *text, const char *want)
{
    struct msk_arena arena;
    struct msk_json json;
    struct msk_error err;
    msk_arena_init(&arena, 1 << 20);
    if (msk_json_parse(msk_bytes_of_text(text), &arena, &json, &err) != MSK_E_INVALID)
        fail_msg("%s is accepted", text);
    assert_string_equal(err.text, want);
    msk_arena_free(&arena);
}

static void what_is_no_json_is_refused_with_its_place(void **state)
{
    (void)state;
    expect_refused("", "not JSON: expected a value at offset 0");
    expect_refused("nul", "not JSON: expected a value at offset 0");
    expect_refused("1 2", "not JSON: something follows the value at offset 2");
    expect_refused("01", "not JSON: bad number at offset 2");
    expect_refused("1.", "not JSON: bad number at offset 2");
    expect_refused("-", "not JSON: bad number at offset 1");
    expect_refused("1e", "not JSON: bad number at offset 2");
    expect_refused("1e400", "not JSON: number out of range at offset 5");
    expect_refused("[1,]", "not JSON: expected a value at offset 3");
    expect_refused("[1 2]", "not JSON: expected , or ] at offset 3");
    expect_refused("{\"a\" 1}", "not JSON: expected : at offset 5");
    expect_refused("{a:1}", "not JSON: expected a member's name at offset 1");
    expect_refused("{\"a\":1,}", "not JSON: expected a member's name at offset 7");
    expect_refused("\"abc", "not JSON: text without end at offset 1");
    expect_refused("\"\\\"", "not JSON: text without end at offset 1");
    expect_refused("\"a\nb\"", "not JSON: control character in text at offset 2");
    expect_refused("\"\\x\"", "not JSON: bad escape at offset 2");
    expect_refused("\"\\u12g4\"", "not JSON: bad escape at offset 3");
    expect_refused("\"\\ud800\"", "not JSON: bad escape at offset 7");
    expect_refused("\"\\udc00\\ud800\"", "not JSON: bad escape at offset 7");
    expect_refused("\"\xff\"", "not JSON: not UTF-8 at offset 1");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[2 * MSK_JSON_DEPTH_MAX + 3];
    memset(text, '[', MSK_JSON_DEPTH_MAX);
    memset(text + MSK_JSON_DEPTH_MAX, ']', MSK_JSON_DEPTH_MAX);
    text[2 * MSK_JSON_DEPTH_MAX] = 0;
    expect(text, text);
    memset(text, '[', MSK_JSON_DEPTH_MAX + 1);
    memset(text + MSK_JSON_DEPTH_MAX + 1, ']', MSK_JSON_DEPTH_MAX + 1);
    text[2 * MSK_JSON_DEPTH_MAX + 2] = 0;
    expect_refused(text, "not JSON: nested too deep at offset 128");
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    struct msk_json json;
    for (size_t max = 0; max < 4000; max += 7) {
        struct msk_arena arena;
        msk_arena_init(&arena, max);
        int rc = msk_json_parse(msk_bytes_of_text("{\"a\":[1,2.5,\"x\"],\"b\":{\"c\":[[[]]]}}"), &arena, &json, NULL);
        assert_true(rc == MSK_E_LIMIT || (rc == 0 && max > 300));
        msk_arena_free(&arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_numbers_keep_their_digits),
        cmocka_unit_test(fractions_are_as_short_as_can_be),
        cmocka_unit_test(fractions_are_as_imprecise_as_the_reference_s),
        cmocka_unit_test(objects_are_ordered_and_the_last_member_wins),
        cmocka_unit_test(text_is_escaped_only_where_it_must_be),
        cmocka_unit_test(how_often_a_member_was_given_is_known),
        cmocka_unit_test(what_is_no_json_is_refused_with_its_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
