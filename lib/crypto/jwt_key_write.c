/* Writing ticket keys (jwt_key.h). */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "crypto/jwt_pkey.h"

#define KEY_TEXT_MAX 1024 /* of one key written in any form */

static void member(struct msk_builder *out, const char *name, struct msk_bytes value)
{
    msk_builder_printf(out, ",\"%s\":\"", name);
    msk_base64url_append(out, value);
    msk_builder_byte(out, '"');
}

/* Public part, then "d" if there is a secret, then the algorithm. */
static int write_jwk(const struct msk_jwt_public *public_key, const struct msk_jwt_secret *secret,
                     struct msk_builder *out)
{
    static const char *const kinds[] = {[MSK_JWT_HMAC] = "oct", [MSK_JWT_ECDSA] = "EC", [MSK_JWT_EDDSA] = "OKP"};
    const struct msk_jwt_alg *alg = public_key->alg;
    msk_builder_printf(out, "{\"kty\":\"%s\"", kinds[alg->family]);
    if (alg->curve)
        msk_builder_printf(out, ",\"crv\":\"%s\"", alg->curve);
    if (alg->family == MSK_JWT_HMAC)
        member(out, "k", MSK_BYTES(public_key->material, alg->secret_len));
    if (alg->family == MSK_JWT_EDDSA)
        member(out, "x", MSK_BYTES(public_key->material, alg->public_len));
    if (alg->family == MSK_JWT_ECDSA) {
        uint8_t x[MSK_JWT_PUBLIC_MAX], y[MSK_JWT_PUBLIC_MAX];
        if (msk_jwt_point_expand(public_key, x, y) < 0)
            return MSK_E_CRYPTO;
        member(out, "x", MSK_BYTES(x, alg->public_len - 1));
        member(out, "y", MSK_BYTES(y, alg->public_len - 1));
    }
    if (secret && alg->family != MSK_JWT_HMAC)
        member(out, "d", MSK_BYTES(secret->material, alg->secret_len));
    msk_builder_printf(out, ",\"alg\":\"%s\"}", alg->name);
    return 0;
}

/* What OpenSSL wrote into memory of its own, which it wipes. */
static int take_bio(BIO *bio, bool written, struct msk_builder *out)
{
    char *data;
    long len = written ? BIO_get_mem_data(bio, &data) : 0;
    if (len > 0)
        msk_builder_append(out, data, (size_t)len);
    BIO_free(bio);
    ERR_clear_error();
    return len > 0 ? 0 : MSK_E_CRYPTO;
}

static int write_pem(const struct msk_jwt_public *public_key, const struct msk_jwt_secret *secret,
                     struct msk_builder *out)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    EVP_PKEY *pkey = secret ? msk_jwt_pkey_of_secret(secret) : msk_jwt_pkey_of_public(public_key);
    bool written = bio && pkey &&
                   (secret ? PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL)
                           : PEM_write_bio_PUBKEY(bio, pkey)) == 1;
    EVP_PKEY_free(pkey);
    return take_bio(bio, written, out);
}

static int write_key(const struct msk_jwt_public *public_key, const struct msk_jwt_secret *secret,
                     enum msk_jwt_format format, struct msk_builder *out)
{
    switch (format) {
    case MSK_JWT_FORMAT_JWK:
        return write_jwk(public_key, secret, out);
    case MSK_JWT_FORMAT_PEM:
        return write_pem(public_key, secret, out);
    case MSK_JWT_FORMAT_HEX:
        break;
    }
    msk_hex_append(out, secret ? MSK_BYTES(secret->material, secret->alg->secret_len)
                               : MSK_BYTES(public_key->material, public_key->alg->public_len));
    return 0;
}

/* Composed in one block that is wiped, then handed over. */
static int compose(const struct msk_jwt_public *public_key, const struct msk_jwt_secret *secret,
                   enum msk_jwt_format format, struct msk_builder *out, struct msk_error *err)
{
    struct msk_builder text;
    if (format == MSK_JWT_FORMAT_PEM && public_key->alg->family == MSK_JWT_HMAC)
        return msk_fail(err, MSK_E_INVALID, "%s keys have no PEM form: use jwk or hex", public_key->alg->name);
    msk_builder_init(&text, KEY_TEXT_MAX);
    msk_builder_reserve(&text, KEY_TEXT_MAX);
    msk_builder_reset(&text);
    int rc = write_key(public_key, secret, format, &text);
    if (rc == 0)
        rc = text.error;
    if (rc == 0) {
        msk_builder_append(out, text.data, text.len);
        rc = out->error;
    }
    if (text.data)
        msk_wipe(text.data, text.capacity);
    msk_builder_free(&text);
    return rc < 0 ? msk_fail(err, rc, "%s key: %s", public_key->alg->name, msk_error_sentence(rc)) : 0;
}

int msk_jwt_public_write(const struct msk_jwt_public *key, enum msk_jwt_format format, struct msk_builder *out,
                         struct msk_error *err)
{
    return compose(key, NULL, format, out, err);
}

int msk_jwt_secret_write(const struct msk_jwt_secret *key, enum msk_jwt_format format, struct msk_builder *out,
                         struct msk_error *err)
{
    struct msk_jwt_public public_key;
    int rc = msk_jwt_public_of(key, &public_key);
    rc = rc < 0 ? msk_fail(err, rc, "%s key: %s", key->alg->name, msk_error_sentence(rc))
                : compose(&public_key, key, format, out, err);
    msk_wipe(&public_key, sizeof public_key);
    return rc;
}
