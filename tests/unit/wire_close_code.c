/* Close codes: numbers and reasons as the reference sends them, and a complete explanation for each. */
#include "vectors.h"

#include "wire/alpn.h"
#include "wire/close_code.h"

static void close_case(struct vector *vector)
{
    uint64_t code = number_member(vector, vector->json, "code");
    const struct msk_close *close = msk_close_find(code);
    if (!close)
        vector_fail(vector, "unknown code");
    expect_bytes(vector, "hex", msk_bytes_of_text(msk_close_name(code)));
    assert_string_equal(close->name, text_member(vector, vector->input, "reason"));
    const char *area = text_member(vector, vector->input, "area");
    assert_string_equal(close->area, strcmp(area, "network") == 0 ? "any protocol" : area);
}

static void close_codes(void **state)
{
    (void)state;
    vectors_run("close_codes", (struct vector_op[]){{"", close_case}, {0}});
}

static bool is_sentence(const char *text)
{
    return strlen(text) > 10 && text[strlen(text) - 1] == '.' && text[0] >= 'A' && text[0] <= 'Z';
}

static void every_code_is_explained_once(void **state)
{
    (void)state;
    size_t count;
    const struct msk_close *all = msk_close_all(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || all[i].code > all[i - 1].code);
        assert_true(is_sentence(all[i].meaning));
        assert_true(is_sentence(all[i].sent_by));
        assert_true(is_sentence(all[i].remedy));
    }
    assert_int_equal(count, 23);
}

static size_t count_matches(const char *text)
{
    size_t count, matches = 0;
    const struct msk_close *all = msk_close_all(&count);
    for (size_t i = 0; i < count; i++)
        matches += msk_close_matches(&all[i], text);
    return matches;
}

static void codes_are_found_by_number_and_name(void **state)
{
    (void)state;
    assert_int_equal(count_matches("30404"), 1);
    assert_int_equal(count_matches("0"), 1);
    assert_int_equal(count_matches("groupnotfound"), 1);
    assert_int_equal(count_matches("NotAllowed"), 3);
    assert_int_equal(count_matches(""), 0);
    assert_int_equal(count_matches("99"), 0);
    assert_int_equal(count_matches("404x"), 0);
    assert_null(msk_close_find(99));
    assert_string_equal(msk_close_name(99), "");
}

static void protocols_are_found_by_their_exact_name(void **state)
{
    (void)state;
    for (int i = 0; i < MSK_ALPN_COUNT; i++) {
        const char *text = msk_alpn_text((enum msk_alpn)i);
        assert_int_equal(msk_alpn_find(text, strlen(text)), i);
        assert_int_equal(msk_alpn_find(text, strlen(text) - 1), MSK_ALPN_COUNT);
    }
    assert_string_equal(msk_alpn_text(MSK_ALPN_GROUPS), "/mosaik/groups/1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_codes),
        cmocka_unit_test(every_code_is_explained_once),
        cmocka_unit_test(codes_are_found_by_number_and_name),
        cmocka_unit_test(protocols_are_found_by_their_exact_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
