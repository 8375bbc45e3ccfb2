/* mosaik-keygen issuer: a new key that signs tickets. */
#include "base/alloc.h"
#include "cli/jwt_options.h"
#include "cli/secret.h"
#include "keygen.h"

#define ATTEMPTS_MAX  8    /* each fails for fewer than one in 2^31 */
#define P521_TOP_BITS 0x01 /* of the first byte of a scalar: 521 = 65 * 8 + 1 */

struct options {
    const struct msk_jwt_alg *alg;
    unsigned format; /* enum msk_jwt_format */
    struct keygen_target target;
};

static const struct msk_option rows[] = {
    {.name = "alg",
     .type = &msk_value_jwt_alg,
     .choices = msk_jwt_alg_names,
     .placeholder = "ALG",
     .positional = true,
     .required = true,
     .offset = offsetof(struct options, alg),
     .help = "HS256, HS384, HS512, ES256, ES384, ES512 or EdDSA"},
    {.name = "format",
     .letter = 'f',
     .type = &msk_value_choice,
     .choices = msk_jwt_format_names,
     .fallback = "jwk",
     .offset = offsetof(struct options, format),
     .help = "how the key is written; HS keys have no PEM"},
    {.name = NULL},
};

static int make_key(const struct msk_jwt_alg *alg, struct msk_jwt_secret *key, struct msk_error *err)
{
    uint8_t random[MSK_JWT_SECRET_MAX];
    int rc = MSK_E_INVALID;
    for (int i = 0; rc == MSK_E_INVALID && i < ATTEMPTS_MAX; i++) {
        rc = msk_secret_random(random, alg->secret_len, err);
        if (alg->secret_len == MSK_JWT_SECRET_MAX)
            random[0] &= P521_TOP_BITS;
        if (rc == 0)
            rc = msk_jwt_secret_of_random(alg, MSK_BYTES(random, alg->secret_len), key);
    }
    msk_wipe(random, sizeof random);
    return rc == MSK_E_INVALID ? MSK_E_CRYPTO : rc;
}

/* {"alg", "public_key"}; where the public key is the secret, only the first. */
static json_t *describe(const struct msk_jwt_secret *key, enum msk_jwt_format format)
{
    json_t *answer = json_pack("{s:s}", "alg", key->alg->name);
    struct msk_jwt_public public;
    struct msk_builder text;
    if (key->alg->family == MSK_JWT_HMAC)
        return answer;
    msk_builder_init(&text, MSK_KEY_FILE_MAX);
    if (msk_jwt_public_of(key, &public) < 0 || msk_jwt_public_write(&public, format, &text, NULL) < 0 ||
        json_object_set_new(answer, "public_key", msk_jwt_key_to_json(msk_builder_view(&text), format)) < 0) {
        json_decref(answer);
        answer = NULL;
    }
    msk_builder_free(&text);
    return answer;
}

static int run_issuer(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_jwt_secret key;
    struct msk_builder text;
    json_t *secret = NULL;
    msk_builder_init(&text, MSK_KEY_FILE_MAX);
    int rc = make_key(options->alg, &key, run->err);
    if (rc == 0)
        rc = msk_jwt_secret_write(&key, options->format, &text, run->err);
    if (rc == 0) {
        secret = msk_jwt_key_to_json(msk_builder_view(&text), options->format);
        if (options->format != MSK_JWT_FORMAT_PEM)
            msk_builder_byte(&text, '\n');
        rc = text.error;
    }
    if (rc == 0)
        rc = keygen_emit(run, &options->target, msk_builder_view(&text), "private_key", secret,
                         describe(&key, options->format));
    msk_key_file_free(&text);
    msk_wipe(&key, sizeof key);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-keygen issuer ES256 --output issuer.jwk", NULL},
    {"mosaik-keygen issuer EdDSA --format pem --output issuer.pem", NULL},
    {NULL, NULL},
};

const struct msk_command keygen_issuer = {
    .name = "issuer",
    .summary = "Make a new key that signs tickets",
    .sets = {{.options = rows}, {.options = keygen_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_issuer,
};
