/* Tickets in files, the questions put to a validator's program, and its answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "crypto/identity.h"
#include "crypto/jwt_validator.h"
#include "wire/ticket_text.h"

#define HEX_ID   "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"
#define DATA_MAX 64

/* ---- files */

static void expect_ticket(const char *text, struct msk_digest class_id, struct msk_bytes data)
{
    struct msk_builder memory;
    struct msk_ticket ticket;
    struct msk_error err;
    msk_builder_init(&memory, DATA_MAX);
    if (msk_ticket_of_text(msk_bytes_of_text(text), &memory, &ticket, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_true(msk_digest_equal(&ticket.class_id, &class_id));
    assert_true(msk_bytes_equal(ticket.data, data));
    msk_builder_free(&memory);
}

static void files_hold_jwts_and_tickets_of_any_class(void **state)
{
    struct msk_digest passes = msk_digest_of_string("passes"), as_given;
    (void)state;
    memset(&as_given, 0x0b, sizeof as_given);
    expect_ticket("a.b.c\r\n \t", msk_jwt_class(), msk_bytes_of_text("a.b.c"));
    expect_ticket("{\"class\":\"passes\",\"data\":\"open\"}\n", passes, msk_bytes_of_text("open"));
    expect_ticket("{\"data\":\"Gr\\u00f6\\u00dfe \",\"class\":\"passes\"}", passes, msk_bytes_of_text("Größe "));
    expect_ticket("{\"class\":\"passes\",\"data\":\"a\\u0000b\"}", passes, MSK_BYTES("a\0b", 3));
    expect_ticket("{\"class\":\"passes\",\"data\":\"\"}", passes, msk_bytes_of_text(""));
    expect_ticket("{\"class\":\"passes\",\"data_hex\":\"00fFA0\"}", passes, MSK_BYTES("\0\xff\xa0", 3));
    expect_ticket("{\"class\":\"passes\",\"data_hex\":\"\"}", passes, msk_bytes_of_text(""));
    expect_ticket("{\"class\":\"" HEX_ID "\",\"data\":\"x\"}", as_given, msk_bytes_of_text("x"));
}

static void what_is_no_ticket_is_explained(void **state)
{
    static const char wanted[] = "not a ticket: \"class\" and one of \"data\" and \"data_hex\" are wanted";
    static const struct {
        const char *text, *want; /* how the explanation begins */
    } cases[] = {
        {"", "no ticket in it"},
        {" \n", "no ticket in it"},
        {"a.b .c", "not a ticket: byte 3 is no printable character"},
        {HEX_ID, "not a ticket: a JWT has three parts with dots between"},
        {"a.b", "not a ticket: a JWT has three parts with dots between"},
        {"a.b.c.d", "not a ticket: a JWT has three parts with dots between"},
        {" {\"class\":\"c\",\"data\":\"x\"}", "not a ticket: byte 0 is no printable character"},
        {"{", "not a ticket: "},
        {"{\"class\":\"c\",\"data\":\"x\"} x", "not a ticket: end of file expected near 'x' at line 1"},
        {"{\"class\":\"c\",\n\"data\":\"\xff\"}", "not a ticket: unable to decode byte 0xff"},
        {"{\"class\":\"c\",\"data\":\"x\",\"data\":\"y\"}", "not a ticket: duplicate object key"},
        {"{}", "not a ticket: \"class\" and one of \"data\" and \"data_hex\" are wanted"},
        {"{\"data\":\"x\"}", "not a ticket: \"class\" and one of \"data\" and \"data_hex\" are wanted"},
        {"{\"class\":7,\"data\":\"x\"}", "not a ticket: class: expected a text"},
        {"{\"class\":\"c\",\"data\":null}", "not a ticket: data: expected a text"},
        {"{\"class\":\"c\",\"data_hex\":[]}", "not a ticket: data_hex: expected a text"},
        {"{\"class\":\"c\",\"data\":\"x\",\"more\":1}", "not a ticket: unknown member \"more\""},
        {"{\"class\":\"c\"}", wanted},
        {"{\"class\":\"\",\"data\":\"x\"}", wanted},
        {"{\"class\":\"c\",\"data\":\"x\",\"data_hex\":\"00\"}", wanted},
        {"{\"class\":\"c\\u0000d\",\"data\":\"x\"}", "not a ticket: class: text must not contain a zero character"},
        {"{\"class\":\"c\",\"data_hex\":\"000\"}", "not a ticket: data_hex: not hex digits at character 4"},
        {"{\"class\":\"c\",\"data_hex\":\"00g0\"}", "not a ticket: data_hex: not hex digits at character 3"},
        {"{\"class\":\"c\",\"data_hex\":\"00\\u000000\"}", "not a ticket: data_hex: not hex digits"},
    };
    struct msk_builder memory;
    struct msk_ticket ticket;
    struct msk_error err;
    (void)state;
    msk_builder_init(&memory, DATA_MAX);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (msk_ticket_of_text(msk_bytes_of_text(cases[i].text), &memory, &ticket, &err) != MSK_E_INVALID)
            fail_msg("accepted: %s", cases[i].text);
        if (strncmp(err.text, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("%s: %s, not %s", cases[i].text, err.text, cases[i].want);
    }
    msk_builder_free(&memory);
}

static void a_ticket_is_as_long_as_its_memory_allows(void **state)
{
    static const char *const members[] = {"data", "data_hex"};
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (size_t over = 0; over < 2; over++) {
            char text[4 * DATA_MAX], digits[2 * DATA_MAX + 3] = "";
            struct msk_builder memory;
            struct msk_ticket ticket;
            struct msk_error err;
            memset(digits, '0', (DATA_MAX + over) * (i + 1));
            snprintf(text, sizeof text, "{\"class\":\"c\",\"%s\":\"%s\"}", members[i], digits);
            msk_builder_init(&memory, DATA_MAX);
            int rc = msk_ticket_of_text(msk_bytes_of_text(text), &memory, &ticket, &err);
            assert_int_equal(rc, over ? MSK_E_LIMIT : 0);
            assert_true(over || ticket.data.len == DATA_MAX);
            msk_builder_free(&memory);
        }
}

static void without_memory_there_is_no_ticket(void **state)
{
    static const char *const texts[] = {"{\"class\":\"c\",\"data\":\"x\"}", "{\"class\":\"c\",\"data_hex\":\"00\"}"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct msk_builder memory;
        struct msk_ticket ticket;
        msk_builder_init(&memory, DATA_MAX);
        msk_alloc_fail_after(0);
        int rc = msk_ticket_of_text(msk_bytes_of_text(texts[i]), &memory, &ticket, NULL);
        msk_alloc_fail_after(UINT64_MAX);
        assert_int_equal(rc, MSK_E_NOMEM);
        msk_builder_free(&memory);
    }
}

/* ---- questions and answers */

static void expect_question(struct msk_bytes data, const char *want)
{
    struct msk_ticket ticket = {.data = data};
    struct msk_digest peer;
    memset(&ticket.class_id, 0x0b, sizeof ticket.class_id);
    memset(&peer, 0x0b, sizeof peer);
    json_t *question = msk_ticket_question(&ticket, &peer);
    char *text = json_dumps(question, JSON_COMPACT);
    assert_string_equal(text, want);
    free(text);
    json_decref(question);
}

static void questions_show_text_where_it_is_text(void **state)
{
    (void)state;
#define IDS "\"peer_id\":\"" HEX_ID "\",\"class\":\"" HEX_ID "\""
    expect_question(msk_bytes_of_text("open"), "{" IDS ",\"ticket_hex\":\"6f70656e\",\"ticket\":\"open\"}");
    expect_question(msk_bytes_of_text(""), "{" IDS ",\"ticket_hex\":\"\",\"ticket\":\"\"}");
    expect_question(MSK_BYTES("a\0\"", 3), "{" IDS ",\"ticket_hex\":\"610022\",\"ticket\":\"a\\u0000\\\"\"}");
    expect_question(MSK_BYTES("\xff", 1), "{" IDS ",\"ticket_hex\":\"ff\"}");
}

/* An answer at 1000 s: it accepts until `expires_ms`, or refuses for `reason`, or is at `fault`. */
static void expect_answer(const char *text, int64_t expires_ms, const char *reason, const char *fault)
{
    struct msk_ticket_opinion opinion;
    json_t *answer = json_loads(text, 0, NULL);
    assert_non_null(answer);
    const char *got = msk_ticket_answer(answer, 1000000, &opinion);
    if (!got != !fault || (fault && strcmp(got, fault) != 0))
        fail_msg("%s: %s", text, got ? got : "no fault");
    assert_int_equal(opinion.valid, !reason && !fault);
    if (opinion.valid)
        assert_int_equal(opinion.expires_ms, expires_ms);
    else
        assert_string_equal(opinion.reason, fault ? fault : reason);
    json_decref(answer);
}

static void answers_accept_until_then_or_refuse(void **state)
{
    static const char no_expiry[] = "its answer accepts but has no \"expires\" in seconds or \"never\"";
    static const char no_answer[] = "its answer has no \"accept\" that is true or false";
    (void)state;
    expect_answer("{\"accept\":true,\"expires\":\"never\"}", MSK_TICKET_NEVER, NULL, NULL);
    expect_answer("{\"accept\":true,\"expires\":1001}", 1001000, NULL, NULL);
    expect_answer("{\"accept\":true,\"expires\":9223372036854775807}", MSK_TICKET_NEVER, NULL, NULL);
    expect_answer("{\"accept\":true,\"expires\":1000}", 0, "expired", NULL);
    expect_answer("{\"accept\":true,\"expires\":0}", 0, "expired", NULL);
    expect_answer("{\"accept\":false}", 0, "refused", NULL);
    expect_answer("{\"accept\":false,\"reason\":7}", 0, "refused", NULL);
    expect_answer("{\"accept\":false,\"reason\":\"not\\ntoday\",\"expires\":\"never\"}", 0, "not?today", NULL);
    expect_answer("{\"accept\":true}", 0, NULL, no_expiry);
    expect_answer("{\"accept\":true,\"expires\":-1}", 0, NULL, no_expiry);
    expect_answer("{\"accept\":true,\"expires\":1001.5}", 0, NULL, no_expiry);
    expect_answer("{\"accept\":true,\"expires\":\"1001\"}", 0, NULL, no_expiry);
    expect_answer("{\"accept\":\"true\",\"expires\":\"never\"}", 0, NULL, no_answer);
    expect_answer("{\"accept\":1}", 0, NULL, no_answer);
    expect_answer("{}", 0, NULL, no_answer);
}

static void a_long_reason_is_cut(void **state)
{
    char reason[1000] = "";
    struct msk_ticket_opinion opinion;
    (void)state;
    memset(reason, 'r', sizeof reason - 1);
    msk_ticket_refuse(reason, &opinion);
    assert_int_equal(strlen(opinion.reason), MSK_TICKET_REASON_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_hold_jwts_and_tickets_of_any_class),
        cmocka_unit_test(what_is_no_ticket_is_explained),
        cmocka_unit_test(a_ticket_is_as_long_as_its_memory_allows),
        cmocka_unit_test(without_memory_there_is_no_ticket),
        cmocka_unit_test(questions_show_text_where_it_is_text),
        cmocka_unit_test(answers_accept_until_then_or_refuse),
        cmocka_unit_test(a_long_reason_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
