/* Validator files whose class is exec, and what is wrong with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "crypto/identity.h"
#include "crypto/validator.h"

#define HEX_ID   "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define NAMES    "\"class\":\"exec\",\"name\":\"passes\",\"signature\":\"v1\""
#define COMMAND  "\"command\":[\"check\",\"-v\",\"Größe\"]"
#define COMPLETE "{" NAMES "," COMMAND "}"

static bool is_empty(const struct msk_validator *validator)
{
    static const struct msk_validator empty;
    return memcmp(validator, &empty, sizeof empty) == 0;
}

static int parse(struct msk_bytes text, struct msk_validator *out, struct msk_error *err)
{
    memset(out, 0xee, sizeof *out); /* whatever was there before */
    return msk_validator_parse(text, out, err);
}

/* ---- what is right */

static void members_are_read(void **state)
{
    (void)state;
    struct msk_validator validator;
    struct msk_digest class_id = msk_digest_of_string("passes"), signature = msk_digest_of_string("v1");
    assert_int_equal(parse(msk_bytes_of_text(COMPLETE), &validator, NULL), 0);
    assert_true(msk_digest_equal(&validator.class_id, &class_id));
    assert_true(msk_digest_equal(&validator.signature, &signature));
    assert_string_equal(validator.command[0], "check");
    assert_string_equal(validator.command[1], "-v");
    assert_string_equal(validator.command[2], "Größe");
    assert_null(validator.command[3]);
    assert_int_equal(validator.timeout_ms, MSK_VALIDATOR_TIMEOUT_DEFAULT_MS);
    msk_validator_free(&validator);
    assert_true(is_empty(&validator));
}

static void digests_may_be_given_as_such(void **state)
{
    (void)state;
    struct msk_validator validator;
    struct msk_digest want;
    memset(&want, 0x0b, sizeof want);
    assert_int_equal(parse(msk_bytes_of_text("{\"class\":\"exec\",\"name\":\"" HEX_ID "\",\"signature\":\"" HEX_ID
                                             "\",\"timeout\":\"1m\"," COMMAND "}"),
                           &validator, NULL),
                     0);
    assert_true(msk_digest_equal(&validator.class_id, &want));
    assert_true(msk_digest_equal(&validator.signature, &want));
    assert_int_equal(validator.timeout_ms, MSK_VALIDATOR_TIMEOUT_MAX_MS);
    msk_validator_free(&validator);
}

/* As many words of a command. */
static void write_command(size_t words, struct msk_builder *out)
{
    msk_builder_text(out, "{" NAMES ",\"command\":[");
    for (size_t i = 0; i < words; i++)
        msk_builder_printf(out, "%s\"w\"", i ? "," : "");
    msk_builder_text(out, "]}");
    assert_int_equal(out->error, 0);
}

static void a_command_has_so_many_words_at_most(void **state)
{
    (void)state;
    struct msk_validator validator;
    struct msk_builder text;
    struct msk_error err;
    msk_builder_init(&text, 10000);
    write_command(MSK_VALIDATOR_WORDS_MAX, &text);
    assert_int_equal(parse(msk_builder_view(&text), &validator, &err), 0);
    assert_non_null(validator.command[MSK_VALIDATOR_WORDS_MAX - 1]);
    assert_null(validator.command[MSK_VALIDATOR_WORDS_MAX]);
    msk_validator_free(&validator);
    msk_builder_reset(&text);
    write_command(MSK_VALIDATOR_WORDS_MAX + 1, &text);
    assert_int_equal(parse(msk_builder_view(&text), &validator, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "command: expected a list of a program and its arguments");
    msk_builder_free(&text);
}

/* ---- what is wrong */

static void bad_files_are_explained_by_member(void **state)
{
    static const char list[] = "command: expected a list of a program and its arguments";
    static const char span[] = "timeout: expected a time span like \"2s\"";
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "not JSON: expected a value at offset 0"},
        {"\"exec\"", "expected an object"},
        {"{\"class\":\"exec", "not JSON: text without end at offset 10"},
        {"{\"class\":\"Exec\"}", "class: only \"jwt\" and \"exec\" are known"},
        {"{\"class\":\"exec\",\"class\":\"exec\"}", "class: given twice"},
        {"{\"class\":\"jwt\"," COMMAND "}", "unknown member \"command\""},
        {"{\"class\":\"exec\"}", "name: missing"},
        {"{\"class\":\"exec\",\"name\":\"n\"}", "signature: missing"},
        {"{" NAMES "}", "command: missing"},
        {"{" NAMES "," COMMAND "," COMMAND "}", "command: given twice"},
        {"{" NAMES "," COMMAND ",\"Timeout\":\"1s\"}", "unknown member \"Timeout\""},
        {"{\"class\":\"exec\",\"name\":7}", "name: expected a text"},
        {"{\"class\":\"exec\",\"name\":\"\"}", "name: expected a text"},
        {"{\"class\":\"exec\",\"name\":\"a\\u0000b\"}", "name: expected a text"},
        {"{\"class\":\"exec\",\"name\":\"n\",\"signature\":null}", "signature: expected a text"},
        {"{" NAMES ",\"command\":\"check\"}", list},
        {"{" NAMES ",\"command\":{}}", list},
        {"{" NAMES ",\"command\":[]}", list},
        {"{" NAMES ",\"command\":[\"\"]}", "command: [0]: expected a text"},
        {"{" NAMES ",\"command\":[\"a\",true]}", "command: [1]: expected a text"},
        {"{" NAMES ",\"command\":[\"a\",\"b\",\"\\u0000\"]}", "command: [2]: expected a text"},
        {"{" NAMES "," COMMAND ",\"timeout\":2}", span},
        {"{" NAMES "," COMMAND ",\"timeout\":\"1111111111111111111111111111111s\"}", span},
        {"{" NAMES "," COMMAND ",\"timeout\":\"0s\"}", "timeout: from 1ms to 1m"},
        {"{" NAMES "," COMMAND ",\"timeout\":\"60001ms\"}", "timeout: from 1ms to 1m"},
    };
    struct msk_validator validator;
    struct msk_error err;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (parse(msk_bytes_of_text(cases[i].text), &validator, &err) != MSK_E_INVALID)
            fail_msg("accepted: %s", cases[i].text);
        if (strcmp(err.text, cases[i].want) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, err.text, cases[i].want);
        assert_true(is_empty(&validator));
    }
}

static void a_file_too_long_is_not_read(void **state)
{
    (void)state;
    struct msk_validator validator;
    struct msk_error err;
    size_t len = (1u << 20) + 1;
    char *text = msk_calloc(1, len);
    assert_non_null(text);
    memset(text, ' ', len);
    memcpy(text, COMPLETE, sizeof COMPLETE - 1);
    assert_int_equal(parse(MSK_BYTES(text, len), &validator, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "more than 1048576 bytes");
    assert_int_equal(parse(MSK_BYTES(text, len - 1), &validator, &err), 0);
    msk_validator_free(&validator);
    msk_free(text);
}

static void it_may_run_out_of_memory(void **state)
{
    (void)state;
    struct msk_validator validator;
    struct msk_error err;
    int rc = MSK_E_NOMEM;
    uint64_t failures = 0;
    for (; rc != 0 && failures < 100; failures++) {
        msk_alloc_fail_after(failures);
        rc = parse(msk_bytes_of_text(COMPLETE), &validator, &err);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(rc == 0 || (rc == MSK_E_NOMEM && is_empty(&validator)));
    }
    assert_true(rc == 0 && failures > 5);
    msk_validator_free(&validator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read),
        cmocka_unit_test(digests_may_be_given_as_such),
        cmocka_unit_test(a_command_has_so_many_words_at_most),
        cmocka_unit_test(bad_files_are_explained_by_member),
        cmocka_unit_test(a_file_too_long_is_not_read),
        cmocka_unit_test(it_may_run_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
