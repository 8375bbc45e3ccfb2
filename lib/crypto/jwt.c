#include "crypto/jwt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "crypto/json_text.h"

#define TOKEN_MEMORY_MAX (64 * MSK_JWT_TOKEN_MAX) /* what reading one token may cost */
#define LAST_SECOND      8210266876799            /* of the reference's calendar: the year 262142 */

/* Registered claims in the order in which they are written. */
enum registered { ISS, SUB, AUD, EXP, NBF, IAT, JTI, REGISTERED_COUNT };
static const char *const registered_names[] = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"};

static bool is_time(enum registered which)
{
    return which == EXP || which == NBF || which == IAT;
}

static int registered_of(struct msk_bytes name)
{
    for (int i = 0; i < REGISTERED_COUNT; i++)
        if (msk_bytes_equal(name, msk_bytes_of_text(registered_names[i])))
            return i;
    return -1;
}

/* Text or time, as the claim's name demands. */
static bool has_right_type(enum registered which, const struct msk_json *value)
{
    return value->kind == (is_time(which) ? MSK_JSON_UNSIGNED : MSK_JSON_TEXT);
}

/* ---- minting (wire.md 5.3) */

struct mint {
    struct msk_arena arena;
    struct msk_json registered[REGISTERED_COUNT]; /* null: absent */
    struct msk_builder others;                    /* ,"name":value for each */
};

static void set_text(struct mint *mint, enum registered which, const char *text)
{
    if (text)
        mint->registered[which] = (struct msk_json){.kind = MSK_JSON_TEXT, .text = msk_bytes_of_text(text)};
}

static void set_time(struct mint *mint, enum registered which, bool given, uint64_t seconds)
{
    if (given)
        mint->registered[which] = (struct msk_json){.kind = MSK_JSON_UNSIGNED, .number = seconds};
}

/* An object of all private claims is parsed from their text: that orders them, and lets the last of equals win. */
static int gather_others(struct mint *mint, const struct msk_jwt_claims *claims, struct msk_json *out,
                         struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_JWT_TOKEN_MAX);
    for (size_t i = 0; i < claims->other_count; i++) {
        struct msk_json value;
        int rc = msk_json_parse(msk_bytes_of_text(claims->others[i].json), &mint->arena, &value, err);
        if (rc < 0) {
            msk_builder_free(&text);
            return msk_wrap(err, rc, "claim \"%s\"", claims->others[i].name);
        }
        msk_builder_byte(&text, i == 0 ? '{' : ',');
        msk_json_write_text(msk_bytes_of_text(claims->others[i].name), &text);
        msk_builder_byte(&text, ':');
        msk_json_write(&value, &text);
    }
    msk_builder_text(&text, claims->other_count ? "}" : "{}");
    int rc = text.error ? msk_fail(err, text.error, "claims: %s", msk_error_sentence(text.error))
                        : msk_json_parse(msk_builder_view(&text), &mint->arena, out, err);
    msk_builder_free(&text);
    return rc;
}

/* A registered name among the private claims goes where it belongs, if its type is right. */
static void place_other(struct mint *mint, const struct msk_json_member *claim)
{
    int which = registered_of(claim->name);
    if (which >= 0 && has_right_type((enum registered)which, &claim->value)) {
        mint->registered[which] = claim->value;
        return;
    }
    if (which >= 0 && which != EXP)
        return;
    msk_builder_byte(&mint->others, ',');
    msk_json_write_text(claim->name, &mint->others);
    msk_builder_byte(&mint->others, ':');
    msk_json_write(&claim->value, &mint->others);
}

static int gather(struct mint *mint, const struct msk_jwt_claims *claims, struct msk_error *err)
{
    struct msk_json others = {0};
    set_text(mint, ISS, claims->issuer);
    set_text(mint, SUB, claims->subject);
    set_text(mint, AUD, claims->audience);
    set_text(mint, JTI, claims->id);
    set_time(mint, EXP, claims->has_expires, claims->expires_s);
    set_time(mint, NBF, claims->has_not_before, claims->not_before_s);
    set_time(mint, IAT, claims->has_issued_at, claims->issued_at_s);
    int rc = gather_others(mint, claims, &others, err);
    for (size_t i = 0; rc == 0 && i < others.object.count; i++)
        place_other(mint, &others.object.members[i]);
    return rc;
}

static void write_claims(const struct mint *mint, struct msk_builder *out)
{
    char before = '{';
    for (int i = 0; i < REGISTERED_COUNT; i++) {
        if (mint->registered[i].kind == MSK_JSON_NULL)
            continue;
        msk_builder_printf(out, "%c\"%s\":", before, registered_names[i]);
        msk_json_write(&mint->registered[i], out);
        before = ',';
    }
    struct msk_bytes others = msk_builder_view(&mint->others);
    if (before == '{') {
        msk_builder_byte(out, '{');
        if (others.len > 0)
            others = MSK_BYTES(others.data + 1, others.len - 1); /* without the comma before the first */
    }
    msk_builder_append(out, others.data, others.len);
    msk_builder_byte(out, '}');
}

static int sign_token(const struct msk_jwt_secret *key, const struct mint *mint, struct msk_builder *token)
{
    struct msk_builder json;
    uint8_t signature[MSK_JWT_SIGNATURE_MAX];
    msk_builder_init(&json, MSK_JWT_TOKEN_MAX);
    msk_builder_printf(&json, "{\"alg\":\"%s\",\"typ\":\"JWT\"}", key->alg->name);
    msk_base64url_append(token, msk_builder_view(&json));
    msk_builder_byte(token, '.');
    msk_builder_reset(&json);
    write_claims(mint, &json);
    msk_base64url_append(token, msk_builder_view(&json));
    int rc = json.error ? json.error : token->error;
    msk_builder_free(&json);
    if (rc == 0)
        rc = msk_jwt_sign(key, msk_builder_view(token), signature);
    if (rc == 0) {
        msk_builder_byte(token, '.');
        msk_base64url_append(token, MSK_BYTES(signature, key->alg->signature_len));
        rc = token->error;
    }
    return rc;
}

int msk_jwt_mint(const struct msk_jwt_secret *key, const struct msk_jwt_claims *claims, struct msk_builder *out,
                 struct msk_error *err)
{
    struct mint mint = {0};
    struct msk_builder token;
    msk_arena_init(&mint.arena, TOKEN_MEMORY_MAX);
    msk_builder_init(&mint.others, MSK_JWT_TOKEN_MAX);
    msk_builder_init(&token, MSK_JWT_TOKEN_MAX);
    int rc = gather(&mint, claims, err);
    if (rc == 0) {
        rc = mint.others.error ? mint.others.error : sign_token(key, &mint, &token);
        if (rc == 0) {
            msk_builder_append(out, token.data, token.len);
            rc = out->error;
        }
        if (rc < 0)
            msk_fail(err, rc, "ticket: %s", msk_error_sentence(rc));
    }
    msk_builder_free(&token);
    msk_builder_free(&mint.others);
    msk_arena_free(&mint.arena);
    return rc;
}

/* ---- taking apart */

/* As they are in the token; `message` is what is signed. */
struct parts {
    struct msk_bytes header, claims, signature, message;
};

static struct msk_bytes until_dot(struct msk_bytes *rest, bool *found)
{
    const uint8_t *dot = rest->len ? memchr(rest->data, '.', rest->len) : NULL;
    size_t len = dot ? (size_t)(dot - rest->data) : rest->len;
    struct msk_bytes part = MSK_BYTES(rest->data, len);
    *found = dot != NULL;
    *rest = MSK_BYTES(rest->data + len + *found, rest->len - len - *found);
    return part;
}

/* Text of three parts; a further dot stays in the third. */
static bool split(struct msk_bytes token, struct parts *out)
{
    bool first, second;
    struct msk_bytes rest = token;
    if (token.len == 0 || token.len > MSK_JWT_TOKEN_MAX || !msk_utf8_valid(token, NULL))
        return false;
    out->header = until_dot(&rest, &first);
    out->claims = until_dot(&rest, &second);
    out->signature = rest;
    out->message = MSK_BYTES(token.data, token.len - rest.len - 1);
    return first && second;
}

/* Append the JSON text of an object in base64url. 0, MSK_E_INVALID, MSK_E_NOMEM, MSK_E_LIMIT. */
static int append_part(struct msk_bytes part, struct msk_builder *out, struct msk_error *err)
{
    struct msk_arena arena;
    struct msk_json json;
    size_t start = out->len;
    int rc = msk_base64url_decode((const char *)part.data, part.len, out);
    if (rc < 0)
        return msk_fail(err, rc, "not base64url");
    msk_arena_init(&arena, TOKEN_MEMORY_MAX);
    struct msk_bytes text = out->len == start ? MSK_BYTES(NULL, 0) : MSK_BYTES(out->data + start, out->len - start);
    rc = msk_json_parse(text, &arena, &json, err);
    if (rc == 0 && json.kind != MSK_JSON_OBJECT)
        rc = msk_fail(err, MSK_E_INVALID, "not an object");
    msk_arena_free(&arena);
    return rc;
}

int msk_jwt_read(struct msk_bytes token, struct msk_builder *header, struct msk_builder *claims, struct msk_error *err)
{
    struct parts parts;
    if (!split(token, &parts))
        return msk_fail(err, MSK_E_INVALID, "not a JWT: it needs three parts joined by dots");
    int rc = append_part(parts.header, header, err);
    if (rc < 0)
        return msk_wrap(err, rc, "header");
    rc = append_part(parts.claims, claims, err);
    return rc < 0 ? msk_wrap(err, rc, "claims") : 0;
}

/* ---- checking (wire.md 5.4): one function per rule, in the order of the rules */

struct check {
    const struct msk_jwt_validator *validator;
    const struct msk_digest *peer_id;
    int64_t now_ms;
    struct msk_arena arena;
    struct msk_bytes token;
    struct parts parts;
    struct msk_bytes alg_name;
    struct msk_json claims;
    const struct msk_json *registered[REGISTERED_COUNT]; /* NULL: absent */
    struct msk_jwt_verdict *verdict;
};

/* What a rule says: 0 kept, 1 broken (the verdict names it), negative: it could not be told. */
static int broken(struct check *check, const char *rule)
{
    snprintf(check->verdict->rule, sizeof check->verdict->rule, "%s", rule);
    return 1;
}

/* Rule 1 */
static int check_parts(struct check *check)
{
    return split(check->token, &check->parts) ? 0 : broken(check, "malformed");
}

/* JSON in base64url, into the arena. */
static int read_part(struct check *check, struct msk_bytes part, struct msk_json *out)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_JWT_TOKEN_MAX);
    int rc = msk_base64url_decode((const char *)part.data, part.len, &text);
    if (rc == 0) {
        struct msk_bytes kept = MSK_BYTES(msk_arena_copy(&check->arena, text.data, text.len), text.len);
        rc = kept.data ? msk_json_parse(kept, &check->arena, out, NULL) : MSK_E_NOMEM;
    }
    msk_builder_free(&text);
    return rc == MSK_E_NOMEM ? rc : rc < 0 ? broken(check, "malformed") : 0;
}

/* Rule 2: the header names an algorithm. */
static int check_header(struct check *check)
{
    struct msk_json header;
    int rc = read_part(check, check->parts.header, &header);
    if (rc)
        return rc;
    const struct msk_json_member *alg = msk_json_find(&header, "alg");
    if (!alg || alg->value.kind != MSK_JSON_TEXT)
        return broken(check, "malformed");
    check->alg_name = alg->value.text;
    return 0;
}

/* Rules 3 and 4: a key of that algorithm verifies the signature. */
static int check_signature(struct check *check)
{
    struct msk_builder signature;
    bool known = false, verified = false;
    msk_builder_init(&signature, MSK_JWT_TOKEN_MAX);
    int rc = msk_base64url_decode((const char *)check->parts.signature.data, check->parts.signature.len, &signature);
    bool readable = rc == 0;
    rc = rc == MSK_E_NOMEM ? rc : 0;
    for (size_t i = 0; rc == 0 && !verified && i < check->validator->key_count; i++) {
        if (!msk_bytes_equal(check->alg_name, msk_bytes_of_text(check->validator->keys[i].alg->name)))
            continue;
        known = true;
        if (readable)
            rc = msk_jwt_checker_check(check->validator->checkers[i], check->parts.message,
                                       msk_builder_view(&signature));
        verified = readable && rc == 0;
        rc = rc == MSK_E_REFUSED ? 0 : rc;
    }
    msk_builder_free(&signature);
    if (rc < 0)
        return rc;
    return !known ? broken(check, "algorithm") : !verified ? broken(check, "signature") : 0;
}

/* Rule 5: claims are an object; registered ones have their types and come once; null is as good as absent. */
static int check_claims(struct check *check)
{
    int rc = read_part(check, check->parts.claims, &check->claims);
    if (rc)
        return rc;
    if (check->claims.kind != MSK_JSON_OBJECT)
        return broken(check, "malformed");
    for (int i = 0; i < REGISTERED_COUNT; i++) {
        const struct msk_json_member *claim = msk_json_find(&check->claims, registered_names[i]);
        if (!claim)
            continue;
        if (claim->times > 1)
            return broken(check, "malformed");
        if (claim->value.kind == MSK_JSON_NULL)
            continue;
        if (!has_right_type((enum registered)i, &claim->value))
            return broken(check, "malformed");
        check->registered[i] = &claim->value;
    }
    return 0;
}

static bool is_one_of(const struct msk_json *claim, char *const *texts, size_t count)
{
    for (size_t i = 0; claim && i < count; i++)
        if (msk_bytes_equal(claim->text, msk_bytes_of_text(texts[i])))
            return true;
    return false;
}

/* Rule 6 */
static int check_issuer(struct check *check)
{
    const struct msk_jwt_validator *wanted = check->validator;
    if (wanted->issuer_count == 0 || is_one_of(check->registered[ISS], wanted->issuers, wanted->issuer_count))
        return 0;
    return broken(check, "issuer");
}

/* Rule 7: the configured subject, else the peer itself. */
static int check_subject(struct check *check)
{
    char peer[MSK_DIGEST_TEXT_SIZE];
    char *wanted = check->validator->subject;
    if (!wanted)
        wanted = (char *)msk_digest_text(check->peer_id, peer);
    return is_one_of(check->registered[SUB], &wanted, 1) ? 0 : broken(check, "subject");
}

static int64_t now_s(const struct check *check)
{
    return check->now_ms / 1000 - (check->now_ms % 1000 < 0);
}

/* A time claim minus now, beyond 64 bits if need be. */
static __int128 ahead_s(const struct check *check, enum registered which)
{
    return (__int128)check->registered[which]->number - now_s(check);
}

/* Rule 8 */
static int check_not_before(struct check *check)
{
    return !check->registered[NBF] || ahead_s(check, NBF) <= 0 ? 0 : broken(check, "not_before");
}

/* Rule 9 */
static int check_expiry(struct check *check)
{
    if (!check->registered[EXP])
        return check->validator->allow_non_expiring ? 0 : broken(check, "non_expiring");
    return ahead_s(check, EXP) > 0 ? 0 : broken(check, "expired");
}

/* Rule 10 */
static int check_lifetime(struct check *check)
{
    if (!check->validator->has_max_lifetime || !check->registered[EXP])
        return 0;
    return ahead_s(check, EXP) * 1000 <= check->validator->max_lifetime_ms ? 0 : broken(check, "lifetime");
}

/* Rule 11: a ticket of the future has age 0. */
static int check_age(struct check *check)
{
    if (!check->validator->has_max_age)
        return 0;
    if (!check->registered[IAT] || -ahead_s(check, IAT) * 1000 > (__int128)check->validator->max_age_ms)
        return broken(check, "age");
    return 0;
}

/* Rule 12 */
static int check_audience(struct check *check)
{
    const struct msk_jwt_validator *wanted = check->validator;
    if (wanted->audience_count == 0 || is_one_of(check->registered[AUD], wanted->audiences, wanted->audience_count))
        return 0;
    return broken(check, "audience");
}

/* Equal values have equal text. */
static int claim_is(const struct msk_json *value, const char *wanted)
{
    struct msk_builder text;
    msk_builder_init(&text, 8 * MSK_JWT_TOKEN_MAX); /* escapes lengthen text by at most that */
    msk_json_write(value, &text);
    int rc = text.error ? text.error : msk_bytes_equal(msk_builder_view(&text), msk_bytes_of_text(wanted));
    msk_builder_free(&text);
    return rc;
}

/* Rule 13: registered names are never private claims. */
static int check_private_claims(struct check *check)
{
    for (size_t i = 0; i < check->validator->claim_count; i++) {
        const struct msk_jwt_claim *wanted = &check->validator->claims[i];
        const struct msk_json_member *claim = msk_json_find(&check->claims, wanted->name);
        int same = claim && registered_of(claim->name) < 0 ? claim_is(&claim->value, wanted->json) : 0;
        char rule[MSK_JWT_RULE_MAX];
        if (same < 0)
            return same;
        snprintf(rule, sizeof rule, "claim:%s", wanted->name);
        if (!same)
            return broken(check, rule);
    }
    return 0;
}

/* Rule 14: the expiry must be a date. */
static int check_representable(struct check *check)
{
    const struct msk_json *expires = check->registered[EXP];
    check->verdict->never = !expires;
    check->verdict->expires_s = expires ? expires->number : 0;
    return expires && expires->number > LAST_SECOND ? broken(check, "malformed") : 0;
}

int msk_jwt_verify(const struct msk_jwt_validator *validator, struct msk_bytes token, const struct msk_digest *peer_id,
                   int64_t now_ms, struct msk_jwt_verdict *out)
{
    static int (*const rules[])(struct check *) = {
        check_parts,    check_header,         check_signature,     check_claims,   check_issuer,
        check_subject,  check_not_before,     check_expiry,        check_lifetime, check_age,
        check_audience, check_private_claims, check_representable,
    };
    struct check check = {.validator = validator, .peer_id = peer_id, .now_ms = now_ms, .token = token, .verdict = out};
    *out = (struct msk_jwt_verdict){.rule = ""};
    msk_arena_init(&check.arena, TOKEN_MEMORY_MAX);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof rules / sizeof rules[0]; i++)
        rc = rules[i](&check);
    out->valid = rc == 0;
    msk_arena_free(&check.arena);
    return rc < 0 ? rc : 0;
}
