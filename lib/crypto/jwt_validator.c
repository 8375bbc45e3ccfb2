#include "crypto/jwt_validator.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "crypto/identity.h"
#include "crypto/json_text.h"

#define VALIDATOR_TEXT_MAX   (1u << 20)
#define VALIDATOR_MEMORY_MAX (16u << 20)

/* ---- reading */

static int wrong_type(struct msk_error *err, const char *expected)
{
    return msk_fail(err, MSK_E_INVALID, "expected %s", expected);
}

/* Put a step of the way to the failure before what is known of it: "[1]" and ".key: no hex" make "[1].key: no hex". */
static int at(struct msk_error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int at(struct msk_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    char inner[MSK_ERROR_TEXT_MAX], step[MSK_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(step, sizeof step, format, args);
    va_end(args);
    memcpy(inner, err->text, sizeof inner);
    return msk_fail(err, code, *inner == '[' || *inner == '.' ? "%s%s" : "%s: %s", step, inner);
}

static int no_memory(struct msk_error *err)
{
    return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

static int read_string(const struct msk_json *json, char **out, struct msk_error *err)
{
    if (json->kind != MSK_JSON_TEXT)
        return wrong_type(err, "text");
    if (json->text.len && memchr(json->text.data, 0, json->text.len))
        return msk_fail(err, MSK_E_INVALID, "text must not contain a zero character");
    *out = msk_memdup(json->text.data, json->text.len);
    return *out ? 0 : no_memory(err);
}

static int read_strings(const struct msk_json *json, char ***out, size_t *count, struct msk_error *err)
{
    if (json->kind != MSK_JSON_LIST)
        return wrong_type(err, "a list of texts");
    if (json->list.count > MSK_JWT_TEXTS_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d texts", MSK_JWT_TEXTS_MAX);
    *out = msk_calloc(json->list.count, sizeof **out);
    if (!*out)
        return no_memory(err);
    for (size_t i = 0; i < json->list.count; i++) {
        int rc = read_string(&json->list.items[i], &(*out)[i], err);
        if (rc < 0)
            return at(err, rc, "[%zu]", i);
        ++*count;
    }
    return 0;
}

/* Seconds, or a time span in words. */
static int read_span(const struct msk_json *json, bool *given, uint64_t *ms, struct msk_error *err)
{
    char *text = NULL;
    *given = json->kind != MSK_JSON_NULL;
    if (json->kind == MSK_JSON_NULL)
        return 0;
    if (json->kind == MSK_JSON_UNSIGNED)
        return __builtin_mul_overflow(json->number, 1000u, ms) ? msk_fail(err, MSK_E_INVALID, "too long") : 0;
    if (json->kind != MSK_JSON_TEXT)
        return wrong_type(err, "seconds, a time span like \"1h\", or null");
    int rc = read_string(json, &text, err);
    if (rc == 0) {
        rc = msk_duration_parse(text, ms, err);
        msk_free(text);
    }
    return rc;
}

/* The text of a key: given as text, or as a JWK in place. */
static int parse_key(const struct msk_json *json, const struct msk_jwt_alg *alg, struct msk_jwt_public *out,
                     struct msk_error *err)
{
    struct msk_builder jwk;
    if (json->kind == MSK_JSON_TEXT)
        return msk_jwt_public_parse(alg, json->text, out, err);
    if (json->kind != MSK_JSON_OBJECT)
        return wrong_type(err, "a key as hex, PEM or JWK");
    msk_builder_init(&jwk, VALIDATOR_TEXT_MAX);
    msk_json_write(json, &jwk);
    int rc = jwk.error ? no_memory(err) : msk_jwt_public_parse(alg, msk_builder_view(&jwk), out, err);
    if (jwk.data)
        msk_wipe(jwk.data, jwk.capacity);
    msk_builder_free(&jwk);
    return rc;
}

static int read_key(const struct msk_json *json, struct msk_jwt_public *out, struct msk_error *err)
{
    const struct msk_jwt_alg *alg = NULL;
    const struct msk_json_member *name = msk_json_find(json, "alg"), *key = msk_json_find(json, "key");
    if (json->kind != MSK_JSON_OBJECT)
        return wrong_type(err, "{\"alg\": ..., \"key\": ...}");
    if (json->object.count != (name != NULL) + (size_t)(key != NULL))
        return msk_fail(err, MSK_E_INVALID, "a key has only the members \"alg\" and \"key\"");
    if (!key)
        return msk_fail(err, MSK_E_INVALID, ".key: missing");
    if (name) {
        alg = name->value.kind == MSK_JSON_TEXT ? msk_jwt_alg_find(name->value.text) : NULL;
        if (!alg)
            return msk_fail(err, MSK_E_INVALID, ".alg: expected HS256, HS384, HS512, ES256, ES384, ES512 or EdDSA");
    }
    int rc = parse_key(&key->value, alg, out, err);
    return rc < 0 ? at(err, rc, ".key") : 0;
}

/* ---- the members of a validator file */

static int read_class(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    (void)out;
    if (json->kind == MSK_JSON_TEXT && msk_bytes_equal(json->text, msk_bytes_of_text("jwt")))
        return 0;
    return msk_fail(err, MSK_E_INVALID, "only \"jwt\" and \"exec\" are known");
}

static int read_keys(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    if (json->kind != MSK_JSON_LIST)
        return wrong_type(err, "a list of keys");
    if (json->list.count > MSK_JWT_KEYS_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d keys", MSK_JWT_KEYS_MAX);
    out->keys = msk_calloc(json->list.count, sizeof *out->keys);
    out->checkers = msk_calloc(json->list.count, sizeof *out->checkers);
    if (!out->keys || !out->checkers)
        return no_memory(err);
    for (size_t i = 0; i < json->list.count; i++) {
        int rc = read_key(&json->list.items[i], &out->keys[i], err);
        if (rc < 0)
            return at(err, rc, "[%zu]", i);
        out->key_count++;
        rc = msk_jwt_checker_new(&out->keys[i], &out->checkers[i]);
        if (rc < 0)
            return msk_fail(err, rc, "[%zu]: %s", i, msk_error_sentence(rc));
    }
    return 0;
}

static int read_issuers(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    return read_strings(json, &out->issuers, &out->issuer_count, err);
}

static int read_audiences(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    return read_strings(json, &out->audiences, &out->audience_count, err);
}

static int read_subject(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    return json->kind == MSK_JSON_NULL ? 0 : read_string(json, &out->subject, err);
}

static int read_allow_non_expiring(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    if (json->kind != MSK_JSON_BOOL)
        return wrong_type(err, "true or false");
    out->allow_non_expiring = json->truth;
    return 0;
}

static int read_max_lifetime(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    return read_span(json, &out->has_max_lifetime, &out->max_lifetime_ms, err);
}

static int read_max_age(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    return read_span(json, &out->has_max_age, &out->max_age_ms, err);
}

static int read_claim(const struct msk_json_member *member, struct msk_jwt_claim *out, struct msk_error *err)
{
    struct msk_builder text;
    size_t len;
    int rc = read_string(&(struct msk_json){.kind = MSK_JSON_TEXT, .text = member->name}, &out->name, err);
    if (rc < 0)
        return rc;
    msk_builder_init(&text, VALIDATOR_TEXT_MAX);
    msk_json_write(&member->value, &text);
    out->json = (char *)msk_builder_take(&text, &len);
    return out->json ? 0 : no_memory(err);
}

static int read_claims(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    if (json->kind != MSK_JSON_OBJECT)
        return wrong_type(err, "an object of names and values");
    if (json->object.count > MSK_JWT_TEXTS_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d claims", MSK_JWT_TEXTS_MAX);
    out->claims = msk_calloc(json->object.count, sizeof *out->claims);
    if (!out->claims)
        return no_memory(err);
    for (size_t i = 0; i < json->object.count; i++) {
        const struct msk_json_member *claim = &json->object.members[i];
        int rc = read_claim(claim, &out->claims[out->claim_count++], err);
        if (rc < 0)
            return at(err, rc, ".%.*s", (int)claim->name.len, (const char *)claim->name.data);
    }
    return 0;
}

static const struct {
    const char *name;
    int (*read)(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err);
} members[] = {
    {"class", read_class},
    {"keys", read_keys},
    {"issuers", read_issuers},
    {"audiences", read_audiences},
    {"subject", read_subject},
    {"allow_non_expiring", read_allow_non_expiring},
    {"max_lifetime", read_max_lifetime},
    {"max_age", read_max_age},
    {"claims", read_claims},
};

static int read_member(const struct msk_json_member *member, struct msk_jwt_validator *out, struct msk_error *err)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (!msk_bytes_equal(member->name, msk_bytes_of_text(members[i].name)))
            continue;
        if (member->times > 1)
            return msk_fail(err, MSK_E_INVALID, "%s: given twice", members[i].name);
        int rc = members[i].read(&member->value, out, err);
        return rc < 0 ? at(err, rc, "%s", members[i].name) : 0;
    }
    return msk_fail(err, MSK_E_INVALID, "unknown member \"%.*s\"", (int)member->name.len,
                    (const char *)member->name.data);
}

static int read_validator(const struct msk_json *json, struct msk_jwt_validator *out, struct msk_error *err)
{
    if (json->kind != MSK_JSON_OBJECT)
        return wrong_type(err, "an object");
    for (size_t i = 0; i < json->object.count; i++) {
        int rc = read_member(&json->object.members[i], out, err);
        if (rc < 0)
            return rc;
    }
    return out->key_count ? 0 : msk_fail(err, MSK_E_INVALID, "keys: at least one is needed");
}

int msk_jwt_validator_parse(struct msk_bytes text, struct msk_jwt_validator *out, struct msk_error *err)
{
    struct msk_arena arena;
    struct msk_json json;
    *out = (struct msk_jwt_validator){0};
    if (text.len > VALIDATOR_TEXT_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %u bytes", VALIDATOR_TEXT_MAX);
    msk_arena_init(&arena, VALIDATOR_MEMORY_MAX);
    int rc = msk_json_parse(text, &arena, &json, err);
    if (rc == 0)
        rc = read_validator(&json, out, err);
    msk_arena_wipe(&arena);
    if (rc < 0)
        msk_jwt_validator_free(out);
    return rc;
}

static void free_strings(char **strings, size_t count)
{
    for (size_t i = 0; i < count; i++)
        msk_free(strings[i]);
    msk_free(strings);
}

void msk_jwt_validator_free(struct msk_jwt_validator *validator)
{
    if (validator->keys)
        msk_wipe(validator->keys, validator->key_count * sizeof *validator->keys);
    msk_free(validator->keys);
    for (size_t i = 0; i < validator->key_count; i++)
        msk_jwt_checker_free(validator->checkers[i]);
    msk_free(validator->checkers);
    free_strings(validator->issuers, validator->issuer_count);
    free_strings(validator->audiences, validator->audience_count);
    for (size_t i = 0; i < validator->claim_count; i++) {
        msk_free(validator->claims[i].name);
        msk_free(validator->claims[i].json);
    }
    msk_free(validator->claims);
    msk_free(validator->subject);
    *validator = (struct msk_jwt_validator){0};
}

/* ---- signature (wire.md 5.5) */

static struct msk_digest derive_text(struct msk_digest base, const char *text)
{
    return msk_digest_derive(&base, msk_bytes_of_text(text));
}

/* H(base || texts joined by commas), without joining them in memory. */
static struct msk_digest derive_joined(struct msk_digest base, char *const *texts, size_t count)
{
    struct msk_bytes parts[2 * MSK_JWT_TEXTS_MAX + 1] = {MSK_BYTES(base.bytes, MSK_DIGEST_LEN)};
    size_t n = 1;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            parts[n++] = msk_bytes_of_text(",");
        parts[n++] = msk_bytes_of_text(texts[i]);
    }
    return msk_digest_of_parts(parts, n);
}

struct msk_digest msk_jwt_class(void)
{
    return msk_digest_of_string(MSK_JWT_CLASS);
}

struct msk_digest msk_jwt_validator_signature(const struct msk_jwt_validator *validator)
{
    struct msk_digest s = msk_jwt_class();
    for (size_t i = 0; i < validator->key_count; i++) {
        struct msk_digest fingerprint = msk_jwt_fingerprint(&validator->keys[i]);
        s = derive_text(s, validator->keys[i].alg->name);
        s = msk_digest_derive_digest(&s, &fingerprint);
    }
    s = msk_digest_derive_integer(&s, validator->allow_non_expiring, 1);
    s = derive_joined(s, validator->issuers, validator->issuer_count);
    s = derive_joined(s, validator->audiences, validator->audience_count);
    s = derive_text(s, validator->subject ? validator->subject : "");
    s = msk_digest_derive_integer(&s, validator->max_lifetime_ms / 1000, 8);
    s = msk_digest_derive_integer(&s, validator->max_age_ms / 1000, 8);
    for (size_t i = 0; i < validator->claim_count; i++) {
        s = derive_text(s, validator->claims[i].name);
        s = derive_text(s, validator->claims[i].json);
    }
    return s;
}
