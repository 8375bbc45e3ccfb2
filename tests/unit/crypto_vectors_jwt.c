/* JWT tickets: every golden vector: fingerprints, validator signatures, tokens made and checked. */
#include "vectors.h"

#include "base/alloc.h"
#include "crypto/identity.h"
#include "crypto/jwt.h"

#define NOW_MS INT64_C(1700000000000) /* the cases depend on the clock only through 2001 and 2100 */

static const struct msk_jwt_alg *alg_member(struct vector *vector, const json_t *object)
{
    const struct msk_jwt_alg *alg = msk_jwt_alg_find(string_bytes(member(vector, object, "alg")));
    assert_non_null(alg);
    return alg;
}

/* ---- validators */

static struct msk_jwt_public public_of(struct vector *vector, const struct msk_jwt_alg *alg, const json_t *hex)
{
    struct msk_jwt_public key;
    struct msk_error err;
    if (msk_jwt_public_parse(alg, string_bytes(hex), &key, &err) < 0)
        vector_fail(vector, err.text);
    return key;
}

static void fingerprint(struct vector *vector)
{
    const struct msk_jwt_alg *alg = alg_member(vector, vector->input);
    struct msk_jwt_public key = public_of(vector, alg, member(vector, vector->input, "key_material"));
    assert_string_equal(alg->label, text_member(vector, vector->input, "label_text"));
    expect_digest(vector, "hex", msk_jwt_fingerprint(&key));
}

/* Seconds, perhaps with a fraction, as a validator file says it. */
static json_t *span(const json_t *seconds)
{
    return json_is_real(seconds) ? json_sprintf("%.0fms", json_real_value(seconds) * 1000)
                                 : json_incref((json_t *)seconds);
}

/* The case's words as a validator file. */
static json_t *validator_file(struct vector *vector, const json_t *words)
{
    static const char *const same[] = {"issuers", "audiences", "subject", "allow_non_expiring"};
    json_t *file = json_object(), *keys = json_array(), *claims = json_object(), *value;
    const json_t *given = json_object_get(words, "claims");
    const char *name;
    size_t i;
    json_array_foreach(member(vector, words, "keys"), i, value)
    {
        const json_t *material = json_object_get(value, "key_material"), *key = json_object_get(value, "key");
        const json_t *public_key = json_object_get(key, "public"), *secret = json_object_get(key, "secret");
        json_array_append_new(keys, json_pack("{s:O, s:O}", "alg", member(vector, value, "alg"), "key",
                                              material     ? material
                                              : public_key ? public_key
                                                           : secret));
    }
    for (i = 0; i < sizeof same / sizeof same[0]; i++)
        if (json_object_get(words, same[i]))
            json_object_set(file, same[i], json_object_get(words, same[i]));
    json_array_foreach(given, i, value) /* [name, text of the value] */
        json_object_set_new(claims, json_string_value(json_array_get(value, 0)),
                            json_loads(json_string_value(json_array_get(value, 1)), JSON_DECODE_ANY, NULL));
    json_object_foreach((json_t *)given, name, value) json_object_set(claims, name, value);
    json_object_set_new(file, "keys", keys);
    json_object_set_new(file, "claims", claims);
    if (json_object_get(words, "max_lifetime_secs"))
        json_object_set_new(file, "max_lifetime", span(json_object_get(words, "max_lifetime_secs")));
    if (json_object_get(words, "max_age_secs"))
        json_object_set_new(file, "max_age", span(json_object_get(words, "max_age_secs")));
    return file;
}

static struct msk_jwt_validator validator_of(struct vector *vector, const json_t *words)
{
    struct msk_jwt_validator validator;
    struct msk_error err;
    json_t *file = validator_file(vector, words);
    char *text = json_dumps(file, 0);
    if (msk_jwt_validator_parse(msk_bytes_of_text(text), &validator, &err) < 0)
        vector_fail(vector, err.text);
    free(text);
    json_decref(file);
    return validator;
}

static void validator_signature(struct vector *vector)
{
    struct msk_jwt_validator validator = validator_of(vector, vector->input);
    expect_digest(vector, "hex", msk_jwt_validator_signature(&validator));
    msk_jwt_validator_free(&validator);
}

static void class_text(struct vector *vector)
{
    assert_string_equal(text_member(vector, vector->input, "text"), MSK_JWT_CLASS);
    expect_digest(vector, "hex", msk_jwt_class());
}

static void jwt_validators(void **state)
{
    (void)state;
    vectors_run("jwt_validators", (struct vector_op[]){{"fingerprint", fingerprint},
                                                       {"validator-signature", validator_signature},
                                                       {"from-text", class_text},
                                                       {0}});
}

/* ---- tokens made */

static uint64_t time_member(const json_t *input, const char *key, bool *given)
{
    const json_t *value = json_object_get(input, key);
    *given = value && !json_is_null(value);
    return json_is_string(value) ? (uint64_t)strtoll(json_string_value(value), NULL, 10)
                                 : (uint64_t)json_integer_value(value);
}

static size_t other_claims(struct vector *vector, struct msk_jwt_claim out[8])
{
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(json_object_get(vector->input, "claims"), name, value)
    {
        char *text = json_dumps(value, JSON_ENCODE_ANY);
        assert_true(count < 8);
        out[count++] =
            (struct msk_jwt_claim){.name = (char *)name, .json = msk_arena_copy(&vector->scratch, text, strlen(text))};
        free(text);
    }
    return count;
}

static struct msk_jwt_claims claims_of(struct vector *vector, struct msk_jwt_claim others[8])
{
    const json_t *in = vector->input, *subject = json_object_get(in, "sub");
    struct msk_jwt_claims claims = {
        .issuer = json_string_value(json_object_get(in, "iss")),
        .subject = subject ? json_string_value(subject) : text_member(vector, in, "peer"),
        .audience = json_string_value(json_object_get(in, "aud")),
        .id = json_string_value(json_object_get(in, "jti")),
        .others = others,
        .other_count = other_claims(vector, others),
    };
    claims.expires_s = time_member(in, "exp", &claims.has_expires);
    claims.not_before_s = time_member(in, "nbf", &claims.has_not_before);
    claims.issued_at_s = time_member(in, "iat", &claims.has_issued_at);
    return claims;
}

static struct msk_jwt_secret secret_of(struct vector *vector, const struct msk_jwt_alg *alg)
{
    struct msk_jwt_secret secret;
    struct msk_error err;
    const json_t *key = member(vector, vector->input, "key"), *private_key = json_object_get(key, "private");
    if (msk_jwt_secret_parse(alg, string_bytes(private_key ? private_key : member(vector, key, "secret")), &secret,
                             &err) < 0)
        vector_fail(vector, err.text);
    return secret;
}

/* Header and claims as in the case; the rest must verify. */
static void expect_signed_part(struct vector *vector, const struct msk_jwt_public *key, struct msk_bytes token)
{
    struct msk_bytes want = string_bytes(member(vector, vector->json, "token"));
    const uint8_t *dot = memrchr(want.data, '.', want.len);
    size_t len = (size_t)(dot - want.data);
    struct msk_builder signature;
    struct msk_jwt_checker *checker;
    assert_true(token.len == want.len && memcmp(token.data, want.data, len) == 0);
    msk_builder_init(&signature, 1000);
    assert_int_equal(msk_base64url_decode((const char *)token.data + len + 1, token.len - len - 1, &signature), 0);
    assert_int_equal(msk_jwt_checker_new(key, &checker), 0);
    assert_int_equal(msk_jwt_checker_check(checker, MSK_BYTES(token.data, len), msk_builder_view(&signature)), 0);
    msk_jwt_checker_free(checker);
    msk_builder_free(&signature);
}

static void build(struct vector *vector)
{
    struct msk_jwt_claim others[8];
    struct msk_jwt_claims claims = claims_of(vector, others);
    struct msk_jwt_secret secret = secret_of(vector, alg_member(vector, vector->input));
    struct msk_jwt_public public_key;
    struct msk_error err;
    struct msk_builder token;
    msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
    if (msk_jwt_mint(&secret, &claims, &token, &err) < 0)
        vector_fail(vector, err.text);
    assert_int_equal(msk_jwt_public_of(&secret, &public_key), 0);
    expect_signed_part(vector, &public_key, msk_builder_view(&token));
    if (strcmp(secret.alg->name, "ES512") != 0) { /* those the reference signs with fresh randomness */
        expect_text(vector, "token", (const char *)token.data);
        expect_bytes(vector, "hex", msk_builder_view(&token));
        struct msk_digest class_id = msk_jwt_class();
        expect_digest(vector, "ticket_id", msk_ticket_id(&class_id, msk_builder_view(&token)));
    }
    msk_builder_free(&token);
}

/* ---- tokens checked */

/* The reference gives no reasons; these are what the vectors say each token breaks. */
static const struct {
    const char *error, *rule;
} rules[] = {
    {"not text", "malformed"},
    {"not three parts", "malformed"},
    {"header malformed", "malformed"},
    {"header has no algorithm", "malformed"},
    {"no key for the algorithm", "algorithm"},
    {"signature does not verify", "signature"},
    {"claims malformed", "malformed"},
    {"issuer differs", "issuer"},
    {"subject differs", "subject"},
    {"not yet valid", "not_before"},
    {"expiry required", "non_expiring"},
    {"expired", "expired"},
    {"lifetime too long", "lifetime"},
    {"too old", "age"},
    {"issued-at required", "age"},
    {"audience differs", "audience"},
    {"claim differs", "claim:"},
    {"expiry not representable", "malformed"},
};

static const char *rule_of(struct vector *vector)
{
    const char *error = text_member(vector, vector->json, "error");
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (strcmp(rules[i].error, error) == 0)
            return rules[i].rule;
    vector_fail(vector, error);
    return NULL;
}

static void expect_accepted(struct vector *vector, const struct msk_jwt_verdict *verdict)
{
    const json_t *expires = member(vector, vector->json, "expires");
    assert_true(verdict->valid);
    assert_string_equal(verdict->rule, "");
    assert_int_equal(verdict->never, json_is_string(expires) && strcmp(json_string_value(expires), "never") == 0);
    if (!verdict->never)
        assert_int_equal(verdict->expires_s, number_value(expires));
}

static void validate(struct vector *vector)
{
    struct msk_jwt_validator validator = validator_of(vector, member(vector, vector->input, "validator"));
    struct msk_digest peer = digest_member(vector, vector->input, "peer");
    struct msk_jwt_verdict verdict;
    assert_int_equal(msk_jwt_verify(&validator, hex_member(vector, vector->input, "hex"), &peer, NOW_MS, &verdict), 0);
    if (json_is_true(member(vector, vector->json, "accepted"))) {
        expect_accepted(vector, &verdict);
    } else {
        const char *rule = rule_of(vector);
        assert_false(verdict.valid);
        if (strncmp(verdict.rule, rule, strlen(rule)) != 0)
            vector_fail(vector, verdict.rule);
    }
    msk_jwt_validator_free(&validator);
}

static void jwt_tickets(void **state)
{
    (void)state;
    vectors_run("jwt_tickets", (struct vector_op[]){{"build", build}, {"validate", validate}, {0}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jwt_validators),
        cmocka_unit_test(jwt_tickets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
