/* Ticket keys in all their forms, validator files and what is wrong with them, and the edges of the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "crypto/jwt.h"

/* ---- keys */

static struct msk_jwt_secret some_secret(const struct msk_jwt_alg *alg)
{
    struct msk_jwt_secret secret;
    uint8_t random[MSK_JWT_SECRET_MAX];
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)(7 * i + 1);
    assert_int_equal(msk_jwt_secret_of_random(alg, MSK_BYTES(random, alg->secret_len), &secret), 0);
    return secret;
}

static bool is_same_secret(const struct msk_jwt_secret *a, const struct msk_jwt_secret *b)
{
    return a->alg == b->alg && memcmp(a->material, b->material, a->alg->secret_len) == 0;
}

static bool is_same_public(const struct msk_jwt_public *a, const struct msk_jwt_public *b)
{
    return a->alg == b->alg && memcmp(a->material, b->material, a->alg->public_len) == 0;
}

static void expect_written_and_read(const struct msk_jwt_secret *secret, enum msk_jwt_format format)
{
    struct msk_jwt_secret secret_again;
    struct msk_jwt_public public_key, public_again;
    struct msk_builder text;
    struct msk_error err;
    const struct msk_jwt_alg *alg = format == MSK_JWT_FORMAT_HEX ? secret->alg : NULL;
    msk_builder_init(&text, 4096);
    assert_int_equal(msk_jwt_public_of(secret, &public_key), 0);
    assert_int_equal(msk_jwt_secret_write(secret, format, &text, &err), 0);
    if (msk_jwt_secret_parse(alg, msk_builder_view(&text), &secret_again, &err) < 0)
        fail_msg("%s: %s: %s", secret->alg->name, (const char *)text.data, err.text);
    assert_true(is_same_secret(secret, &secret_again));
    msk_builder_reset(&text);
    assert_int_equal(msk_jwt_public_write(&public_key, format, &text, &err), 0);
    msk_builder_text(&text, " \r\n");
    if (msk_jwt_public_parse(alg, msk_builder_view(&text), &public_again, &err) < 0)
        fail_msg("%s: %s: %s", secret->alg->name, (const char *)text.data, err.text);
    assert_true(is_same_public(&public_key, &public_again));
    msk_builder_free(&text);
}

static void every_key_survives_every_form(void **state)
{
    (void)state;
    size_t count;
    const struct msk_jwt_alg *algs = msk_jwt_algs(&count);
    for (size_t i = 0; i < count; i++) {
        struct msk_jwt_secret secret = some_secret(&algs[i]);
        expect_written_and_read(&secret, MSK_JWT_FORMAT_JWK);
        expect_written_and_read(&secret, MSK_JWT_FORMAT_HEX);
        if (algs[i].family != MSK_JWT_HMAC)
            expect_written_and_read(&secret, MSK_JWT_FORMAT_PEM);
    }
    assert_int_equal(count, 7);
}

static void every_algorithm_signs_and_checks(void **state)
{
    (void)state;
    size_t count;
    const struct msk_jwt_alg *algs = msk_jwt_algs(&count);
    struct msk_bytes message = msk_bytes_of_text("header.claims"), other = msk_bytes_of_text("header.claimz");
    for (size_t i = 0; i < count; i++) {
        struct msk_jwt_secret secret = some_secret(&algs[i]);
        struct msk_jwt_public public_key;
        uint8_t signature[MSK_JWT_SIGNATURE_MAX];
        struct msk_bytes whole = MSK_BYTES(signature, algs[i].signature_len);
        struct msk_jwt_checker *checker;
        assert_int_equal(msk_jwt_public_of(&secret, &public_key), 0);
        assert_int_equal(msk_jwt_checker_new(&public_key, &checker), 0);
        assert_int_equal(msk_jwt_sign(&secret, message, signature), 0);
        assert_int_equal(msk_jwt_checker_check(checker, message, whole), 0);
        assert_int_equal(msk_jwt_checker_check(checker, other, whole), MSK_E_REFUSED);
        assert_int_equal(msk_jwt_checker_check(checker, message, MSK_BYTES(signature, whole.len - 1)), MSK_E_REFUSED);
        memset(signature, 0, sizeof signature);
        assert_int_equal(msk_jwt_checker_check(checker, message, whole), MSK_E_REFUSED);
        memset(signature, 0xff, sizeof signature);
        assert_int_equal(msk_jwt_checker_check(checker, message, whole), MSK_E_REFUSED);
        assert_int_equal(msk_jwt_sign(&secret, message, signature), 0); /* what was refused leaves no trace */
        assert_int_equal(msk_jwt_checker_check(checker, message, whole), 0);
        msk_jwt_checker_free(checker);
    }
}

static const struct msk_jwt_alg *alg(const char *name)
{
    return msk_jwt_alg_find(msk_bytes_of_text(name));
}

static void expect_bad_public(const char *name, const char *text, const char *want)
{
    struct msk_jwt_public key;
    struct msk_error err;
    assert_int_equal(msk_jwt_public_parse(name ? alg(name) : NULL, msk_bytes_of_text(text), &key, &err), MSK_E_INVALID);
    assert_string_equal(err.text, want);
}

static void expect_bad_secret(const char *name, const char *text, const char *want)
{
    struct msk_jwt_secret key;
    struct msk_error err;
    assert_int_equal(msk_jwt_secret_parse(name ? alg(name) : NULL, msk_bytes_of_text(text), &key, &err), MSK_E_INVALID);
    assert_string_equal(err.text, want);
}

#define X256 "xySAtbcEIdXi0NvLfoy5s8Hv1hXgmjNnpcnj1GlnCiw"
#define D256 "AQgPFh0kKzI5QEdOVVxjanF4f4aNlJuiqbC3vsXM09o"

static void bad_keys_are_explained(void **state)
{
    (void)state;
    expect_bad_public("ES256", "02", "2 hex digits, expected 66");
    expect_bad_public("ES256", "hello", "neither JWK, PEM nor hex: character 1");
    expect_bad_public("ES256", "020000000000000000000000000000000000000000000000000000000000000001",
                      "not a point of P-256");
    expect_bad_public("EdDSA", "0200000000000000000000000000000000000000000000000000000000000000",
                      "not a point of Ed25519");
    expect_bad_public(NULL, "00", "a key in hex does not say its algorithm: give it");
    expect_bad_public("HS256", "00", "2 hex digits, expected 64");
    expect_bad_public("ES256", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
                      "the PEM text holds no public key");
    expect_bad_public(NULL, "{", "not JSON: expected a member's name at offset 1");
    expect_bad_public(NULL, "{\"kty\":\"RSA\"}",
                      "\"kty\", \"crv\" and \"alg\" name no key of HS256/384/512, ES256/384/512 or EdDSA");
    expect_bad_public("HS256", "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X256 "\"}",
                      "the key is for EdDSA, not HS256");
    expect_bad_public(NULL, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}",
                      "\"x\" must be 32 bytes in base64url");
    expect_bad_public(NULL, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" X256 "\",\"y\":\"" X256 "\"}",
                      "\"x\" and \"y\" are no point of P-256");
    expect_bad_public(NULL, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X256 "\",\"d\":\"" D256 "\"}",
                      "this is a private key (it has \"d\"); give the public one");
    expect_bad_secret(NULL, "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"" X256 "\"}",
                      "this is a public key (it has no \"d\"); give the private one");
    expect_bad_secret("ES256", "0000000000000000000000000000000000000000000000000000000000000000",
                      "not a private key of P-256");
    expect_bad_secret("ES256", "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
                      "not a private key of P-256");
    expect_bad_secret("EdDSA", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                      "the PEM text holds no private key without a password");
    assert_null(alg("es256"));
    assert_null(alg("none"));
}

static void hmac_keys_have_no_pem(void **state)
{
    (void)state;
    struct msk_jwt_secret secret = some_secret(alg("HS384"));
    struct msk_builder out;
    struct msk_error err;
    msk_builder_init(&out, 1000);
    assert_int_equal(msk_jwt_secret_write(&secret, MSK_JWT_FORMAT_PEM, &out, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "HS384 keys have no PEM form: use jwk or hex");
    assert_int_equal(out.len, 0);
    msk_builder_free(&out);
}

/* ---- validator files */

#define KEY1 "1111111111111111111111111111111111111111111111111111111111111111"
#define KEYS "\"keys\":[{\"alg\":\"HS256\",\"key\":\"" KEY1 "\"}]"

static void expect_bad_file(const char *text, const char *want)
{
    struct msk_jwt_validator validator;
    struct msk_error err;
    if (msk_jwt_validator_parse(msk_bytes_of_text(text), &validator, &err) != MSK_E_INVALID)
        fail_msg("accepted: %s", text);
    assert_string_equal(err.text, want);
    assert_null(validator.keys);
}

static void bad_files_are_explained_by_member(void **state)
{
    (void)state;
    expect_bad_file("", "not JSON: expected a value at offset 0");
    expect_bad_file("[]", "expected an object");
    expect_bad_file("{}", "keys: at least one is needed");
    expect_bad_file("{\"keys\":[]}", "keys: at least one is needed");
    expect_bad_file("{" KEYS ",\"issuer\":[]}", "unknown member \"issuer\"");
    expect_bad_file("{" KEYS "," KEYS "}", "keys: given twice");
    expect_bad_file("{\"class\":\"tdx\"}", "class: only \"jwt\" and \"exec\" are known");
    expect_bad_file("{\"keys\":{}}", "keys: expected a list of keys");
    expect_bad_file("{\"keys\":[7]}", "keys[0]: expected {\"alg\": ..., \"key\": ...}");
    expect_bad_file("{\"keys\":[{\"alg\":\"HS256\",\"key\":\"" KEY1 "\"},{\"alg\":\"ES256\",\"key\":\"00\"}]}",
                    "keys[1].key: 2 hex digits, expected 66");
    expect_bad_file("{\"keys\":[{\"alg\":\"RS256\",\"key\":\"00\"}]}",
                    "keys[0].alg: expected HS256, HS384, HS512, ES256, ES384, ES512 or EdDSA");
    expect_bad_file("{\"keys\":[{\"alg\":\"HS256\"}]}", "keys[0].key: missing");
    expect_bad_file("{\"keys\":[{\"alg\":\"HS256\",\"key\":\"00\",\"kid\":1}]}",
                    "keys[0]: a key has only the members \"alg\" and \"key\"");
    expect_bad_file("{" KEYS ",\"issuers\":\"a\"}", "issuers: expected a list of texts");
    expect_bad_file("{" KEYS ",\"audiences\":[\"a\",1]}", "audiences[1]: expected text");
    expect_bad_file("{" KEYS ",\"subject\":1}", "subject: expected text");
    expect_bad_file("{" KEYS ",\"subject\":\"a\\u0000\"}", "subject: text must not contain a zero character");
    expect_bad_file("{" KEYS ",\"allow_non_expiring\":null}", "allow_non_expiring: expected true or false");
    expect_bad_file("{" KEYS ",\"max_age\":-1}", "max_age: expected seconds, a time span like \"1h\", or null");
    expect_bad_file("{" KEYS ",\"max_lifetime\":\"soon\"}",
                    "max_lifetime: \"soon\" is no time span: give a number and ms, s, m, h or d");
    expect_bad_file("{" KEYS ",\"claims\":[]}", "claims: expected an object of names and values");
}

static struct msk_jwt_validator parse(const char *text)
{
    struct msk_jwt_validator validator;
    struct msk_error err;
    if (msk_jwt_validator_parse(msk_bytes_of_text(text), &validator, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    return validator;
}

static void a_file_can_say_the_same_in_several_ways(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{" KEYS "}",
        "{\"class\":\"jwt\"," KEYS ",\"issuers\":[],\"audiences\":[],\"subject\":null,\"allow_non_expiring\":false,"
        "\"max_lifetime\":null,\"max_age\":null,\"claims\":{}}",
        "{\"keys\":[{\"key\":{\"kty\":\"oct\",\"k\":\"ERERERERERERERERERERERERERERERERERERERERERE\"}}]}",
    };
    struct msk_digest first = {{0}};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        struct msk_jwt_validator validator = parse(same[i]);
        struct msk_digest signature = msk_jwt_validator_signature(&validator);
        if (i == 0)
            first = signature;
        assert_true(msk_digest_equal(&first, &signature));
        msk_jwt_validator_free(&validator);
    }
}

static void spans_are_seconds_or_words(void **state)
{
    (void)state;
    struct msk_jwt_validator validator = parse("{" KEYS ",\"max_lifetime\":3600,\"max_age\":\"90s\"}");
    assert_true(validator.has_max_lifetime && validator.has_max_age);
    assert_int_equal(validator.max_lifetime_ms, 3600000);
    assert_int_equal(validator.max_age_ms, 90000);
    msk_jwt_validator_free(&validator);
}

static void memory_may_run_out_anywhere(void **state)
{
    (void)state;
    const char *text =
        "{" KEYS ",\"issuers\":[\"a\",\"b\"],\"subject\":\"s\",\"claims\":{\"x\":[1],\"y\":{}},\"max_age\":\"1h\"}";
    int failures = 0;
    for (uint64_t budget = 0; budget < 100; budget++) {
        struct msk_jwt_validator validator;
        msk_alloc_fail_after(budget);
        int rc = msk_jwt_validator_parse(msk_bytes_of_text(text), &validator, NULL);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(rc == 0 || rc == MSK_E_NOMEM);
        failures += rc != 0;
        if (rc == 0)
            msk_jwt_validator_free(&validator);
    }
    assert_true(failures > 10 && failures < 100);
}

/* ---- tickets */

#define NOW_S INT64_C(1700000000)

static const struct msk_digest peer = {{1, 2, 3}};

/* A token of the validator's key, for the peer, from claims in JSON. */
static struct msk_builder token_of(const char *claims_json)
{
    struct msk_jwt_secret secret;
    struct msk_builder token;
    uint8_t signature[MSK_JWT_SIGNATURE_MAX];
    assert_int_equal(msk_jwt_secret_parse(alg("HS256"), msk_bytes_of_text(KEY1), &secret, NULL), 0);
    msk_builder_init(&token, 10000);
    msk_base64url_append(&token, msk_bytes_of_text("{\"alg\":\"HS256\"}"));
    msk_builder_byte(&token, '.');
    msk_base64url_append(&token, msk_bytes_of_text(claims_json));
    assert_int_equal(msk_jwt_sign(&secret, msk_builder_view(&token), signature), 0);
    msk_builder_byte(&token, '.');
    msk_base64url_append(&token, MSK_BYTES(signature, 32));
    return token;
}

static void expect_verdict(const char *validator_json, const char *claims, int64_t now_ms, const char *rule)
{
    char text[1000], id[MSK_DIGEST_TEXT_SIZE];
    struct msk_jwt_verdict verdict;
    struct msk_jwt_validator validator = parse(validator_json);
    snprintf(text, sizeof text, "{\"sub\":\"%s\"%s}", msk_digest_text(&peer, id), claims);
    struct msk_builder token = token_of(text);
    assert_int_equal(msk_jwt_verify(&validator, msk_builder_view(&token), &peer, now_ms, &verdict), 0);
    assert_string_equal(verdict.rule, rule);
    assert_int_equal(verdict.valid, *rule == 0);
    msk_builder_free(&token);
    msk_jwt_validator_free(&validator);
}

static void times_have_sharp_edges(void **state)
{
    (void)state;
    const char *plain = "{" KEYS "}", *brief = "{" KEYS ",\"max_lifetime\":\"100s\"}",
               *young = "{" KEYS ",\"max_age\":\"100s\"}";
    int64_t now_ms = NOW_S * 1000;
    expect_verdict(plain, ",\"exp\":1700000001", now_ms, "");
    expect_verdict(plain, ",\"exp\":1700000001", now_ms + 999, "");
    expect_verdict(plain, ",\"exp\":1700000000", now_ms, "expired");
    expect_verdict(plain, ",\"exp\":1700000001,\"nbf\":1700000000", now_ms, "");
    expect_verdict(plain, ",\"exp\":1700000001,\"nbf\":1700000001", now_ms, "not_before");
    expect_verdict(plain, ",\"exp\":1700000001,\"nbf\":null", now_ms, "");
    expect_verdict(plain, "", now_ms, "non_expiring");
    expect_verdict(plain, ",\"exp\":18446744073709551615", now_ms, "malformed");
    expect_verdict(brief, ",\"exp\":1700000100", now_ms, "");
    expect_verdict(brief, ",\"exp\":1700000101", now_ms, "lifetime");
    expect_verdict(young, ",\"exp\":1800000000,\"iat\":1699999900", now_ms, "");
    expect_verdict(young, ",\"exp\":1800000000,\"iat\":1699999899", now_ms, "age");
    expect_verdict(young, ",\"exp\":1800000000,\"iat\":18446744073709551615", now_ms, "");
    expect_verdict(young, ",\"exp\":1800000000", now_ms, "age");
    expect_verdict(plain, ",\"exp\":1", -1, "");
}

static void claims_are_named_when_they_differ(void **state)
{
    (void)state;
    const char *validator =
        "{" KEYS ",\"allow_non_expiring\":true,\"claims\":{\"role\":{\"b\":[1],\"a\":\"x\"},\"tier\":1.5}}";
    expect_verdict(validator, ",\"role\":{\"a\":\"x\",\"b\":[1]},\"tier\":15e-1", 0, "");
    expect_verdict(validator, ",\"role\":{\"a\":\"x\",\"b\":[1.0]},\"tier\":1.5", 0, "claim:role");
    expect_verdict(validator, ",\"role\":{\"a\":\"x\",\"b\":[1]},\"tier\":2", 0, "claim:tier");
    expect_verdict(validator, ",\"role\":0,\"role\":{\"a\":\"x\",\"b\":[1]},\"tier\":1.5", 0, "");
    expect_verdict("{" KEYS ",\"allow_non_expiring\":true,\"audiences\":[\"x\"]}", ",\"aud\":\"x\"", 0, "");
    expect_verdict("{" KEYS ",\"allow_non_expiring\":true,\"audiences\":[\"x\"]}", ",\"aud\":\"y\"", 0, "audience");
    expect_verdict("{" KEYS ",\"allow_non_expiring\":true,\"subject\":\"other\"}", "", 0, "subject");
    expect_verdict("{" KEYS ",\"allow_non_expiring\":true}", ",\"iss\":1", 0, "malformed");
    expect_verdict("{" KEYS ",\"allow_non_expiring\":true}", ",\"jti\":\"a\",\"jti\":\"a\"", 0, "malformed");
}

static void minted_tickets_are_accepted(void **state)
{
    (void)state;
    size_t count;
    const struct msk_jwt_alg *algs = msk_jwt_algs(&count);
    char id[MSK_DIGEST_TEXT_SIZE];
    struct msk_jwt_claim others[] = {{"z", "1"}, {"a", "{\"c\":2,\"b\":1}"}, {"z", "\"last\""}};
    struct msk_jwt_claims claims = {.subject = msk_digest_text(&peer, id),
                                    .has_expires = true,
                                    .expires_s = NOW_S + 10,
                                    .others = others,
                                    .other_count = 3};
    for (size_t i = 0; i < count; i++) {
        struct msk_jwt_secret secret = some_secret(&algs[i]);
        struct msk_jwt_public key;
        struct msk_jwt_claim wanted[] = {{"a", "{\"b\":1,\"c\":2}"}, {"z", "\"last\""}};
        struct msk_jwt_checker *checker;
        struct msk_jwt_validator validator = {
            .keys = &key, .checkers = &checker, .key_count = 1, .claims = wanted, .claim_count = 2};
        struct msk_jwt_verdict verdict;
        struct msk_builder token;
        msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
        assert_int_equal(msk_jwt_public_of(&secret, &key), 0);
        assert_int_equal(msk_jwt_checker_new(&key, &checker), 0);
        assert_int_equal(msk_jwt_mint(&secret, &claims, &token, NULL), 0);
        assert_int_equal(msk_jwt_verify(&validator, msk_builder_view(&token), &peer, NOW_S * 1000, &verdict), 0);
        assert_string_equal(verdict.rule, "");
        assert_true(verdict.valid && !verdict.never && verdict.expires_s == NOW_S + 10);
        msk_jwt_checker_free(checker);
        msk_builder_free(&token);
    }
}

static void claims_that_are_no_json_are_not_minted(void **state)
{
    (void)state;
    struct msk_jwt_secret secret = some_secret(alg("HS256"));
    struct msk_jwt_claim others[] = {{"role", "admin"}};
    struct msk_jwt_claims claims = {.others = others, .other_count = 1};
    struct msk_builder token;
    struct msk_error err;
    msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
    assert_int_equal(msk_jwt_mint(&secret, &claims, &token, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "claim \"role\": not JSON: expected a value at offset 0");
    claims.other_count = 0;
    assert_int_equal(msk_jwt_mint(&secret, &claims, &token, &err), 0); /* no claims at all: {} */
    assert_non_null(strstr((const char *)token.data, ".e30."));
    msk_builder_free(&token);
}

static void expect_unreadable(const char *text, const char *want)
{
    struct msk_builder header, claims;
    struct msk_error err;
    msk_builder_init(&header, 1000);
    msk_builder_init(&claims, 1000);
    assert_int_equal(msk_jwt_read(msk_bytes_of_text(text), &header, &claims, &err), MSK_E_INVALID);
    assert_string_equal(err.text, want);
    msk_builder_free(&header);
    msk_builder_free(&claims);
}

static void tickets_can_be_read_without_a_key(void **state)
{
    (void)state;
    struct msk_builder header, claims;
    struct msk_builder token = token_of("{\"exp\": 1, \"x\":18446744073709551615}");
    msk_builder_init(&header, 1000);
    msk_builder_init(&claims, 1000);
    assert_int_equal(msk_jwt_read(msk_builder_view(&token), &header, &claims, NULL), 0);
    assert_string_equal((const char *)header.data, "{\"alg\":\"HS256\"}");
    assert_string_equal((const char *)claims.data, "{\"exp\": 1, \"x\":18446744073709551615}");
    msk_builder_free(&header);
    msk_builder_free(&claims);
    msk_builder_free(&token);
    expect_unreadable("", "not a JWT: it needs three parts joined by dots");
    expect_unreadable("e30.e30", "not a JWT: it needs three parts joined by dots");
    expect_unreadable(".e30.", "header: not JSON: expected a value at offset 0");
    expect_unreadable("!.e30.", "header: not base64url");
    expect_unreadable("W10.e30.", "header: not an object");
    expect_unreadable("e30.e3.", "claims: not base64url");
    expect_unreadable("e30.ew.", "claims: not JSON: expected a member's name at offset 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_survives_every_form),
        cmocka_unit_test(every_algorithm_signs_and_checks),
        cmocka_unit_test(bad_keys_are_explained),
        cmocka_unit_test(hmac_keys_have_no_pem),
        cmocka_unit_test(bad_files_are_explained_by_member),
        cmocka_unit_test(a_file_can_say_the_same_in_several_ways),
        cmocka_unit_test(spans_are_seconds_or_words),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(times_have_sharp_edges),
        cmocka_unit_test(claims_are_named_when_they_differ),
        cmocka_unit_test(minted_tickets_are_accepted),
        cmocka_unit_test(claims_that_are_no_json_are_not_minted),
        cmocka_unit_test(tickets_can_be_read_without_a_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
