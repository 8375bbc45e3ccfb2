#include "cli/jwt_options.h"

#include <string.h>

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

json_t *msk_jwt_key_to_json(struct msk_bytes text, enum msk_jwt_format format)
{
    const char *data = (const char *)text.data;
    return format == MSK_JWT_FORMAT_JWK ? json_loadb(data, text.len, 0, NULL) : json_stringn(data, text.len);
}
