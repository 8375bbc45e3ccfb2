#include "cli/jwt_options.h"

#include <string.h>
#include <sys/stat.h>

#include "cli/input.h"
#include "cli/output.h"
#include "cli/secret.h"
#include "cli/visible.h"

const char *const msk_jwt_alg_names[] = {"HS256", "HS384", "HS512", "ES256", "ES384", "ES512", "EdDSA", NULL};
const char *const msk_jwt_format_names[] = {
    [MSK_JWT_FORMAT_JWK] = "jwk", [MSK_JWT_FORMAT_PEM] = "pem", [MSK_JWT_FORMAT_HEX] = "hex", NULL};

static int parse_alg(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                     struct msk_error *err)
{
    (void)option;
    (void)arena;
    const struct msk_jwt_alg *alg = msk_jwt_alg_find(msk_bytes_of_text(text));
    if (alg) {
        *(const struct msk_jwt_alg **)out = alg;
        return 0;
    }
    char shown[MSK_VISIBLE_SIZE], all[MSK_ERROR_TEXT_MAX / 2];
    return msk_fail(err, MSK_E_INVALID, "%s is none of %s", msk_visible(text, shown),
                    msk_visible_list(msk_jwt_alg_names, all, sizeof all));
}

const struct msk_value_type msk_value_jwt_alg = {
    .placeholder = "ALG", .size = sizeof(struct msk_jwt_alg *), .parse = parse_alg};

int msk_jwt_secret_read(const char *path, const struct msk_jwt_alg *alg, struct msk_jwt_secret *out,
                        struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_KEY_FILE_MAX);
    int rc = msk_key_file_read(path, &text, err);
    if (rc == 0) {
        rc = msk_jwt_secret_parse(alg, msk_builder_view(&text), out, err);
        if (rc < 0)
            msk_wrap(err, rc, "%s", msk_input_name(path));
    }
    msk_key_file_free(&text);
    return rc;
}

static bool holds_secret(const struct msk_jwt_validator *validator)
{
    for (size_t i = 0; i < validator->key_count; i++)
        if (validator->keys[i].alg->family == MSK_JWT_HMAC)
            return true;
    return false;
}

int msk_validator_read(const char *path, struct msk_validator *out, struct msk_error *err)
{
    struct msk_builder text;
    mode_t mode;
    *out = (struct msk_validator){0};
    msk_builder_init(&text, MSK_VALIDATOR_FILE_MAX);
    int rc = msk_input_read(path, &text, &mode, err);
    if (rc == 0) {
        rc = msk_validator_parse(msk_builder_view(&text), out, err);
        if (rc < 0)
            msk_wrap(err, rc, "%s", msk_input_name(path));
        else if (mode & (S_IRWXG | S_IRWXO) && holds_secret(&out->jwt))
            msk_warn("%s: others may read the secret of an HS key (mode %04o), and make tickets: chmod 600",
                     msk_input_name(path), (unsigned)mode);
    }
    msk_key_file_free(&text);
    return rc;
}

json_t *msk_jwt_key_to_json(struct msk_bytes text, enum msk_jwt_format format)
{
    const char *data = (const char *)text.data;
    return format == MSK_JWT_FORMAT_JWK ? json_loadb(data, text.len, 0, NULL) : json_stringn(data, text.len);
}
