/* Types that a schema describes: what they take and give, what is wrong with a schema, and what hostile ones cost. The
 * golden vectors go through schemas in wire_vectors_types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "wire/schema.h"

#define TEXT_MAX 65536

/* JSON, with ' for ". */
static json_t *parse(const char *text)
{
    static char copy[TEXT_MAX];
    snprintf(copy, sizeof copy, "%s", text);
    for (char *quote = copy; (quote = strchr(quote, '\''));)
        *quote = '"';
    json_error_t error;
    json_t *json = json_loads(copy, JSON_DECODE_ANY, &error);
    if (!json)
        fail_msg("%s: %s", copy, error.text);
    return json;
}

static struct msk_schema *schema_of(const char *text)
{
    struct msk_schema *schema;
    struct msk_error err;
    json_t *json = parse(text);
    if (msk_schema_new(json, &schema, &err))
        fail_msg("%s: %s", text, err.text);
    json_decref(json);
    return schema;
}

static void expect_refused(const char *text, const char *why)
{
    struct msk_schema *schema;
    struct msk_error err;
    json_t *json = parse(text);
    assert_int_equal(msk_schema_new(json, &schema, &err), MSK_E_INVALID);
    assert_string_equal(err.text, why);
    json_decref(json);
}

/* The JSON has this encoding, and the encoding this JSON. */
static void expect_both_ways(const struct msk_type *type, const char *text, const char *hex)
{
    struct msk_builder bytes, shown;
    struct msk_error err;
    json_t *json = parse(text), *back;
    msk_builder_init(&bytes, TEXT_MAX);
    msk_builder_init(&shown, TEXT_MAX);
    if (msk_json_to_bytes(type, json, &bytes, &err))
        fail_msg("%s: %s", text, err.text);
    msk_hex_append(&shown, msk_builder_view(&bytes));
    msk_builder_byte(&shown, 0);
    assert_string_equal((const char *)shown.data, hex);
    assert_int_equal(msk_bytes_to_json(type, msk_builder_view(&bytes), &back, &err), 0);
    assert_true(json_equal(json, back));
    json_decref(json);
    json_decref(back);
    msk_builder_free(&bytes);
    msk_builder_free(&shown);
}

static void expect_no_value(const struct msk_type *type, const char *text, const char *why)
{
    struct msk_builder bytes;
    struct msk_error err;
    json_t *json = parse(text);
    msk_builder_init(&bytes, TEXT_MAX);
    assert_true(msk_json_to_bytes(type, json, &bytes, &err) < 0);
    assert_string_equal(err.text, why);
    json_decref(json);
    msk_builder_free(&bytes);
}

/* ---- values */

static const char orders[] =
    "{'types': {'Order': {'struct': [{'id': 'u64'}, {'side': 'Side'}, {'legs': {'seq': 'Leg'}},"
    "                                {'note': {'option': 'string'}}, {'price': 'i64'}, {'blob': 'bytes'}]},"
    "           'Side': {'enum': ['Buy', {'Sell': {'struct': [{'short': 'bool'}]}}, {'Cross': {'tuple': ['u8', "
    "'i32']}}]},"
    "           'Leg': {'struct': [{'venue': 'string'}, {'quantities': {'seq': 'u32'}}]}},"
    " 'command': 'Order', 'query': 'unit', 'result': {'option': 'Order'}}";

static void a_struct_of_many_things(void **state)
{
    (void)state;
    struct msk_schema *schema = schema_of(orders);
    expect_both_ways(schema->command,
                     "{'id': 300, 'side': {'Sell': {'short': true}}, 'legs': [{'venue': 'x', 'quantities': [1, 128]}],"
                     " 'note': null, 'price': -1, 'blob': 'ff00'}",
                     "ac02"
                     "0101"
                     "01"
                     "0178"
                     "02018001"
                     "00"
                     "01"
                     "02ff00");
    expect_both_ways(schema->command,
                     "{'id': '18446744073709551615', 'side': {'Cross': [7, -65]}, 'legs': [], 'note': 'n', 'price': 0,"
                     " 'blob': ''}",
                     "ffffffffffffffffff01"
                     "02078101"
                     "00"
                     "01016e"
                     "00"
                     "00");
    expect_both_ways(schema->query, "null", "");
    expect_both_ways(schema->result, "null", "00");
    assert_string_equal(schema->command->name, "Order");
    msk_schema_free(schema);
}

static void values_that_do_not_fit(void **state)
{
    (void)state;
    struct msk_schema *schema = schema_of(orders);
    expect_no_value(schema->command, "{'id': 1}", "Order: member \"side\" is missing");
    expect_no_value(schema->command, "{'id': -1, 'side': 'Buy', 'legs': [], 'price': 0, 'blob': ''}",
                    "Order.id: does not fit 64 bits");
    expect_no_value(schema->command, "{'id': 1, 'side': 'Hold', 'legs': [], 'price': 0, 'blob': ''}",
                    "Order.side: has no case \"Hold\"");
    expect_no_value(
        schema->command,
        "{'id': 1, 'side': 'Buy', 'legs': [{'venue': 'x', 'quantities': [1, 'y']}], 'price': 0, 'blob': ''}",
        "Order.legs[0].quantities[1]: expected a whole number");
    msk_schema_free(schema);
}

/* One element is a list in JSON, a newtype is not; an empty struct is an object. */
static void small_shapes(void **state)
{
    (void)state;
    static const struct {
        const char *type, *json, *hex;
    } shapes[] = {
        {"{'tuple': ['u16']}", "[300]", "ac02"},
        {"{'struct': []}", "{}", ""},
        {"{'enum': [{'V': 'unit'}, {'W': {'tuple': ['bool']}}]}", "{'V': null}", "00"},
        {"{'enum': [{'V': 'unit'}, {'W': {'tuple': ['bool']}}]}", "{'W': [true]}", "0101"},
        {"{'array': ['u8', 3]}", "[1, 2, 255]", "0102ff"},
        {"{'encoded': {'seq': 'u8'}}", "[1, 2]", "03020102"},
        {"{'map': ['u64', 'bool']}", "{'7': true, '300': false}", "020701ac0200"},
        {"{'map': [{'tuple': ['u8', 'u8']}, 'unit']}", "[[[1, 2], null]]", "010102"},
        {"'usize'", "5", "05"},
        {"'isize'", "-5", "09"},
        {"'digest'", "'000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f'",
         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, "{'command': %s}", shapes[i].type);
        struct msk_schema *schema = schema_of(text);
        expect_both_ways(schema->command, shapes[i].json, shapes[i].hex);
        assert_null(schema->query);
        assert_null(schema->result);
        msk_schema_free(schema);
    }
}

/* ---- types that contain themselves */

static void trees_and_chains(void **state)
{
    (void)state;
    struct msk_schema *schema =
        schema_of("{'types': {'Tree': {'enum': [{'Leaf': 'u8'}, {'Node': {'seq': 'Tree'}}]},"
                  "           'Chain': {'struct': [{'value': 'u8'}, {'next': {'option': 'Chain'}}]},"
                  "           'Even': {'option': 'Odd'}, 'Odd': {'struct': [{'even': 'Even'}]}},"
                  " 'command': 'Tree', 'query': 'Chain', 'result': 'Even'}");
    expect_both_ways(schema->command, "{'Node': [{'Leaf': 9}, {'Node': []}, {'Node': [{'Leaf': 1}]}]}",
                     "010300090100010100"
                     "01");
    expect_both_ways(schema->query, "{'value': 1, 'next': {'value': 2, 'next': null}}", "01010200");
    expect_both_ways(schema->result, "{'even': {'even': null}}", "010100");
    expect_no_value(schema->command, "{'Node': [{'Node': [{'Leaf': 256}]}]}",
                    "Tree.Node[0].Node[0].Leaf: does not fit 8 bits");
    msk_schema_free(schema);
}

/* Values without an end in sight are refused before they fill the stack. */
static void depth_is_bounded(void **state)
{
    (void)state;
    static uint8_t ones[100000];
    struct msk_schema *schema =
        schema_of("{'types': {'N': {'option': 'N'}, 'L': {'seq': 'L'}}, 'command': 'N', 'query': 'L'}");
    struct msk_error err;
    json_t *json;
    memset(ones, 1, sizeof ones);
    assert_int_equal(msk_bytes_to_json(schema->command, MSK_BYTES(ones, sizeof ones), &json, &err), MSK_E_LIMIT);
    assert_non_null(strstr(err.text, "nested deeper than 48"));
    assert_int_equal(msk_bytes_to_json(schema->query, MSK_BYTES(ones, sizeof ones), &json, &err), MSK_E_LIMIT);
    assert_non_null(strstr(err.text, "nested deeper than 48"));
    msk_schema_free(schema);
}

/* ---- hostile ones */

/* T0 to T40, each twice the one before: a value of T40 takes no bytes and has 2^40 members. */
static void nothing_many_times_over(void **state)
{
    (void)state;
    char text[4096] = "{'types': {'T0': 'unit'";
    for (int i = 1; i <= 40; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ", 'T%d': {'tuple': ['T%d', 'T%d']}", i, i - 1,
                 i - 1);
    strcat(text, "}, 'command': {'seq': 'T40'}, 'query': {'seq': {'seq': 'unit'}}}");
    struct msk_schema *schema = schema_of(text);
    struct msk_error err;
    json_t *json;
    assert_int_equal(msk_bytes_to_json(schema->command, MSK_BYTES("\x01", 1), &json, &err), MSK_E_LIMIT);
    assert_non_null(strstr(err.text, "more than 65536 empty items"));
    /* two lists that are not too long by themselves */
    assert_int_equal(msk_bytes_to_json(schema->query, MSK_BYTES("\x02\xc0\xb8\x02\xc0\xb8\x02", 7), &json, &err),
                     MSK_E_LIMIT);
    msk_schema_free(schema);
}

static void schemas_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *schema, *why;
    } bad[] = {
        {"[]", "schema: expected an object"},
        {"{'comand': 'u8'}", "schema: has no member \"comand\""},
        {"{'command': 'u65'}", "command: no type \"u65\""},
        {"{'command': 5}", "command: expected the name of a type, or an object of one member"},
        {"{'command': {}}", "command: expected the name of a type, or an object of one member"},
        {"{'command': {'seq': 'u8', 'set': 'u8'}}", "command: expected the name of a type, or an object of one member"},
        {"{'command': {'list': 'u8'}}", "command: no way to form a type: \"list\""},
        {"{'command': {'map': 'u8'}}", "command.map: expected [key type, value type]"},
        {"{'command': {'map': ['u8', 'v']}}", "command.map[1]: no type \"v\""},
        {"{'command': {'array': ['u8']}}", "command.array: expected [type, how many]"},
        {"{'command': {'array': ['u8', -1]}}", "command.array: expected [type, how many]"},
        {"{'command': {'array': ['u64', 1000000]}}", "command.array: too large, or nested deeper than 48"},
        {"{'command': {'array': ['u64', 9007199254740993]}}", "command.array: too large, or nested deeper than 48"},
        {"{'command': {'tuple': []}}", "command.tuple: expected types; a tuple without is \"unit\""},
        {"{'command': {'tuple': 'u8'}}", "command.tuple: expected a list"},
        {"{'command': {'struct': {'a': 'u8'}}}", "command.struct: expected a list"},
        {"{'command': {'struct': ['a']}}", "command.struct[0]: expected {\"name\": type}"},
        {"{'command': {'struct': [{'a': 'u8'}, {'a': 'u8'}]}}", "command.struct[1].a: the name is given twice"},
        {"{'command': {'enum': []}}", "command.enum: an enum without cases has no values"},
        {"{'command': {'enum': ['A', 5]}}", "command.enum[1]: expected \"Case\" or {\"Case\": type}"},
        {"{'command': {'enum': ['A', {'B': {'option': 'C'}}]}}", "command.enum[1].B.option: no type \"C\""},
        {"{'types': []}", "types: expected an object of at most 1024 members"},
        {"{'types': {'u8': 'u16'}}", "types: this type is built in: \"u8\""},
        {"{'types': {'A': {'seq': 'B'}}}", "types.A.seq: no type \"B\""},
        {"{'types': {'A': 'A'}}", "types.A: contains itself without end: type \"A\""},
        {"{'types': {'A': {'struct': [{'b': 'B'}]}, 'B': {'tuple': ['u8', 'A']}}}",
         "types.B.tuple[1]: contains itself without end: type \"A\""},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        expect_refused(bad[i].schema, bad[i].why);
}

static void too_deep_or_too_large(void **state)
{
    (void)state;
    static char text[TEXT_MAX];
    strcpy(text, "{'command': ");
    for (int i = 0; i < 60; i++)
        strcat(text, "{'option': ");
    strcat(text, "'u8'");
    for (int i = 0; i < 60; i++)
        strcat(text, "}");
    struct msk_schema *schema;
    struct msk_error err;
    json_t *json = parse(strcat(text, "}"));
    assert_int_equal(msk_schema_new(json, &schema, &err), MSK_E_INVALID);
    assert_non_null(strstr(err.text, ": too large, or nested deeper than 48"));
    json_decref(json);

    /* each a thousand times the one before */
    expect_refused(
        "{'types': {'A': {'array': ['u8', 1000]}, 'B': {'array': ['A', 1000]}, 'C': {'array': ['B', 1000]}}}",
        "types.C.array: too large, or nested deeper than 48");
}

static void memory_may_run_out(void **state)
{
    (void)state;
    json_t *json = parse(orders);
    uint64_t successes = 0;
    int rc = MSK_E_NOMEM;
    for (; rc == MSK_E_NOMEM; successes++) {
        struct msk_schema *schema = NULL;
        struct msk_error err;
        msk_alloc_fail_after(successes);
        rc = msk_schema_new(json, &schema, &err);
        msk_alloc_fail_after(UINT64_MAX);
        if (rc == 0)
            msk_schema_free(schema);
    }
    assert_int_equal(rc, 0);
    assert_true(successes > 2);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_struct_of_many_things),
        cmocka_unit_test(values_that_do_not_fit),
        cmocka_unit_test(small_shapes),
        cmocka_unit_test(trees_and_chains),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(nothing_many_times_over),
        cmocka_unit_test(schemas_that_are_refused),
        cmocka_unit_test(too_deep_or_too_large),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
