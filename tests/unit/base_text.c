/* Text forms of bytes, time and errors, there and back; and the generator of pseudo random numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

/* ---- bytes */

/* RFC 4648 section 10, and one byte that needs the alphabet's end. */
static void known_encodings(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *base32, *base64url;
    } rows[] = {
        {"", "", ""},
        {"f", "my", "Zg"},
        {"fo", "mzxq", "Zm8"},
        {"foo", "mzxw6", "Zm9v"},
        {"foob", "mzxw6yq", "Zm9vYg"},
        {"fooba", "mzxw6ytb", "Zm9vYmE"},
        {"foobar", "mzxw6ytboi", "Zm9vYmFy"},
        {"\xfb\xff", "7p7q", "-_8"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct msk_bytes bytes = msk_bytes_of_text(rows[i].bytes);
        struct msk_builder out;
        uint8_t back[16];
        msk_builder_init(&out, 100);
        msk_base32_append(&out, bytes);
        assert_true(msk_bytes_equal(msk_builder_view(&out), msk_bytes_of_text(rows[i].base32)));
        assert_int_equal(msk_base32_decode(rows[i].base32, strlen(rows[i].base32), back, bytes.len), 0);
        assert_memory_equal(back, bytes.data, bytes.len);
        msk_builder_reset(&out);
        msk_base64url_append(&out, bytes);
        assert_true(msk_bytes_equal(msk_builder_view(&out), msk_bytes_of_text(rows[i].base64url)));
        msk_builder_reset(&out);
        assert_int_equal(msk_base64url_decode(rows[i].base64url, strlen(rows[i].base64url), &out), 0);
        assert_true(msk_bytes_equal(msk_builder_view(&out), bytes));
        msk_builder_free(&out);
    }
}

static void expect_base64url(const char *text, int want)
{
    struct msk_builder out;
    msk_builder_init(&out, 100);
    assert_int_equal(msk_base64url_decode(text, strlen(text), &out), want);
    msk_builder_free(&out);
}

static void base64url_is_strict(void **state)
{
    (void)state;
    expect_base64url("Zg==", 0);
    expect_base64url("Zm8=", 0);
    expect_base64url("Zg=", MSK_E_INVALID);
    expect_base64url("Zm8==", MSK_E_INVALID);
    expect_base64url("Zh", MSK_E_INVALID); /* unused low bits */
    expect_base64url("Z", MSK_E_INVALID);
    expect_base64url("Zg\n", MSK_E_INVALID);
    expect_base64url("+/8", MSK_E_INVALID);
}

static void base32_is_strict(void **state)
{
    (void)state;
    uint8_t out[8];
    assert_int_equal(msk_base32_decode("MY", 2, out, 1), 0);
    assert_int_equal(msk_base32_decode("mz", 2, out, 1), MSK_E_INVALID);
    assert_int_equal(msk_base32_decode("m1", 2, out, 1), MSK_E_INVALID);
    assert_int_equal(msk_base32_decode("my==", 4, out, 1), MSK_E_INVALID);
}

static void bad_hex_is_found(void **state)
{
    (void)state;
    uint8_t out[4];
    size_t offset;
    struct msk_builder builder;
    assert_int_equal(msk_hex_decode("00fFAb", 6, out, 3, &offset), 0);
    assert_memory_equal(out, "\x00\xff\xab", 3);
    assert_int_equal(msk_hex_decode("00g0", 4, out, 2, &offset), MSK_E_INVALID);
    assert_int_equal(offset, 2);
    assert_int_equal(msk_hex_decode("000", 3, out, 2, &offset), MSK_E_INVALID);
    assert_int_equal(offset, 3);
    msk_builder_init(&builder, 10);
    msk_builder_text(&builder, "x");
    assert_int_equal(msk_hex_decode_append("4142", 4, &builder, NULL), 0);
    assert_int_equal(msk_hex_decode_append("414", 3, &builder, &offset), MSK_E_INVALID);
    assert_int_equal(offset, 3);
    assert_true(msk_bytes_equal(msk_builder_view(&builder), msk_bytes_of_text("xAB")));
    msk_builder_free(&builder);
}

static void expect_utf8(const char *text, size_t bad)
{
    size_t offset;
    assert_int_equal(msk_utf8_valid(msk_bytes_of_text(text), &offset), bad == strlen(text));
    assert_int_equal(offset, bad);
}

static void utf8_is_as_the_rfc_has_it(void **state)
{
    (void)state;
    expect_utf8("", 0);
    expect_utf8("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\x8d", 10);
    expect_utf8("\xf4\x8f\xbf\xbf", 4);
    expect_utf8("a\x80", 1);
    expect_utf8("\xc0\xaf", 0);         /* not the shortest form */
    expect_utf8("\xe0\x9f\xbf", 0);     /* nor this */
    expect_utf8("\xf0\x8f\xbf\xbf", 0); /* nor this */
    expect_utf8("\xed\xa0\x80", 0);     /* a surrogate */
    expect_utf8("\xf4\x90\x80\x80", 0); /* beyond the last character */
    expect_utf8("ab\xe2\x82", 2);
    expect_utf8("\xff", 0);
}

static void digests_are_shown_and_compared(void **state)
{
    (void)state;
    struct msk_digest a = {{0xab, 1}}, b = {{0xab, 2}}, zero = {{0}};
    char text[MSK_DIGEST_TEXT_SIZE], brief[MSK_DIGEST_SHORT_SIZE];
    assert_true(msk_digest_compare(&a, &b) < 0);
    assert_false(msk_digest_equal(&a, &b));
    assert_false(msk_digest_equal_secret(&a, &b));
    assert_true(msk_digest_equal_secret(&a, &a));
    assert_true(msk_digest_is_zero(&zero));
    assert_string_equal(msk_digest_short(&a, brief), "ab01000000");
    assert_int_equal(strlen(msk_digest_text(&a, text)), 64);
}

/* ---- time */

static void expect_time(const char *text, int64_t seconds, uint32_t nanoseconds, const char *again)
{
    int64_t s;
    uint32_t ns;
    char out[MSK_TIME_TEXT_SIZE];
    if (msk_time_parse(text, strlen(text), &s, &ns) < 0)
        fail_msg("%s is refused", text);
    assert_int_equal(s, seconds);
    assert_int_equal(ns, nanoseconds);
    assert_string_equal(msk_time_text(s, ns, out), again);
}

static void times_are_read_and_written(void **state)
{
    (void)state;
    expect_time("1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z");
    expect_time("2000-02-29t12:34:56.5z", 951827696, 500000000, "2000-02-29T12:34:56.500Z");
    expect_time("2023-11-14 23:13:20.000001+01:00", 1700000000, 1000, "2023-11-14T22:13:20.000001Z");
    expect_time("1969-12-31T23:59:59.999999999-00:00", -1, 999999999, "1969-12-31T23:59:59.999999999Z");
    expect_time("2023-12-31T23:59:59-00:30", 1704069000 - 1, 0, "2024-01-01T00:29:59Z");
    expect_time("0000-01-01T00:00:00Z", -62167219200, 0, "0000-01-01T00:00:00Z");
    expect_time("9999-12-31T23:59:59Z", 253402300799, 0, "9999-12-31T23:59:59Z");
    expect_time("+12345-01-02T03:04:05Z", 327403479845, 0, "+12345-01-02T03:04:05Z");
    expect_time("-0001-12-31T00:00:00Z", -62167305600, 0, "-0001-12-31T00:00:00Z");
    expect_time("+262142-12-31T23:59:59Z", 8210266876799, 0, "+262142-12-31T23:59:59Z");
    expect_time("-262143-01-01T00:00:00Z", -8334601228800, 0, "-262143-01-01T00:00:00Z");
}

static void bad_times_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2023-11-14",
        "2023-11-14T22:13:20",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-00-01T00:00:00Z",
        "2023-01-00T00:00:00Z",
        "2023-04-31T00:00:00Z",
        "2023-01-01T24:00:00Z",
        "2023-01-01T00:60:00Z",
        "2023-01-01T00:00:61Z",
        "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00+24:00",
        "2023-01-01T00:00:00Zx",
        "+262143-01-01T00:00:00Z",
        "+1234567-01-01T00:00:00Z",
        "1700000000",
    };
    int64_t s;
    uint32_t ns;
    char out[MSK_TIME_TEXT_SIZE];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (msk_time_parse(bad[i], strlen(bad[i]), &s, &ns) == 0)
            fail_msg("%s is accepted", bad[i]);
    assert_string_equal(msk_time_text(INT64_MAX, 0, out), "");
    assert_string_equal(msk_time_text(0, 1000000000, out), "");
    assert_string_equal(msk_time_ms_text(-1, out), "1969-12-31T23:59:59.999Z");
}

static void spans_are_read_and_written_shortest(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint64_t ms;
        const char *again;
    } rows[] = {{"250ms", 250, "250ms"}, {"2s", 2000, "2s"},      {"120s", 120000, "2m"}, {"90s", 90000, "90s"},
                {"1h", 3600000, "1h"},   {"24h", 86400000, "1d"}, {"0s", 0, "0s"},        {"0ms", 0, "0s"}};
    char out[MSK_DURATION_TEXT_SIZE];
    uint64_t ms;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(msk_duration_parse(rows[i].text, &ms, NULL), 0);
        assert_int_equal(ms, rows[i].ms);
        assert_string_equal(msk_duration_text(ms, out), rows[i].again);
    }
    static const char *const bad[] = {
        "", "s", "5", "-1s", "1.5s", "1 s", "1y", "99999999999999999999s", "999999999999999999d"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(msk_duration_parse(bad[i], &ms, NULL), MSK_E_INVALID);
}

/* ---- errors */

static void errors_grow_outwards_and_stay_bounded(void **state)
{
    (void)state;
    struct msk_error err;
    assert_int_equal(msk_fail(&err, MSK_E_DAMAGED, "bad checksum"), MSK_E_DAMAGED);
    assert_int_equal(msk_wrap(&err, MSK_E_DAMAGED, "entry %d", 12), MSK_E_DAMAGED);
    assert_string_equal(err.text, "entry 12: bad checksum");
    for (int i = 0; i < 100; i++)
        msk_wrap(&err, MSK_E_DAMAGED, "around it");
    assert_int_equal(strlen(err.text), MSK_ERROR_TEXT_MAX - 1);
    assert_int_equal(msk_fail(NULL, MSK_E_IO, "unheard"), MSK_E_IO);
    assert_string_equal(msk_error_name(MSK_E_TIMEOUT), "TIMEOUT");
    assert_int_equal(msk_error_exit_status(MSK_E_INVALID), 2);
    assert_int_equal(msk_error_exit_status(0), 0);
    assert_int_equal(msk_error_exit_status(-999), 70);
}

/* ---- random numbers */

static void the_same_seed_gives_the_same_numbers_in_their_range(void **state)
{
    (void)state;
    struct msk_random a, b, c;
    unsigned counts[10] = {0}, equal = 0;
    msk_random_seed(&a, 42);
    msk_random_seed(&b, 42);
    msk_random_seed(&c, 43);
    for (int i = 0; i < 10000; i++) {
        uint64_t number = msk_random_next(&a);
        assert_int_equal(number, msk_random_next(&b));
        equal += number == msk_random_next(&c);
        counts[msk_random_below(&c, 10)]++;
        double unit = msk_random_unit(&c);
        assert_true(unit >= 0 && unit < 1);
    }
    assert_int_equal(equal, 0);
    for (int i = 0; i < 10; i++)
        assert_true(counts[i] > 800 && counts[i] < 1200);
    assert_int_equal(msk_random_below(&a, 0), 0);
    assert_int_equal(msk_random_below(&a, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_encodings),
        cmocka_unit_test(base64url_is_strict),
        cmocka_unit_test(base32_is_strict),
        cmocka_unit_test(bad_hex_is_found),
        cmocka_unit_test(utf8_is_as_the_rfc_has_it),
        cmocka_unit_test(digests_are_shown_and_compared),
        cmocka_unit_test(times_are_read_and_written),
        cmocka_unit_test(bad_times_are_refused),
        cmocka_unit_test(spans_are_read_and_written_shortest),
        cmocka_unit_test(errors_grow_outwards_and_stay_bounded),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers_in_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
