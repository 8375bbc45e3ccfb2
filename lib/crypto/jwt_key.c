/* Reading ticket keys (jwt_key.h). */
#include "crypto/jwt_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "crypto/identity.h"
#include "crypto/json_text.h"
#include "crypto/jwt_pkey.h"

#define KEY_TEXT_MAX 16384 /* of any key as text */

static const struct msk_jwt_alg algs[] = {
    {"HS256", "hs256", MSK_JWT_HMAC, "SHA256", NULL, 32, 32, 32},
    {"HS384", "hs384", MSK_JWT_HMAC, "SHA384", NULL, 48, 48, 48},
    {"HS512", "hs512", MSK_JWT_HMAC, "SHA512", NULL, 64, 64, 64},
    {"ES256", "es256", MSK_JWT_ECDSA, "SHA256", "P-256", 32, 33, 64},
    {"ES384", "es384", MSK_JWT_ECDSA, "SHA384", "P-384", 48, 49, 96},
    {"ES512", "es512", MSK_JWT_ECDSA, "SHA512", "P-521", 66, 67, 132},
    {"EdDSA", "EdDsa", MSK_JWT_EDDSA, NULL, "Ed25519", 32, 32, 64},
};

const struct msk_jwt_alg *msk_jwt_algs(size_t *count)
{
    *count = sizeof algs / sizeof algs[0];
    return algs;
}

const struct msk_jwt_alg *msk_jwt_alg_find(struct msk_bytes name)
{
    for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++)
        if (msk_bytes_equal(msk_bytes_of_text(algs[i].name), name))
            return &algs[i];
    return NULL;
}

struct msk_digest msk_jwt_fingerprint(const struct msk_jwt_public *key)
{
    struct msk_digest label = msk_digest_of_string(key->alg->label);
    return msk_digest_derive(&label, MSK_BYTES(key->material, key->alg->public_len));
}

int msk_jwt_public_of(const struct msk_jwt_secret *secret, struct msk_jwt_public *out)
{
    out->alg = secret->alg;
    if (secret->alg->family == MSK_JWT_HMAC) {
        memcpy(out->material, secret->material, secret->alg->secret_len);
        return 0;
    }
    EVP_PKEY *pkey = msk_jwt_pkey_of_secret(secret);
    int rc = pkey ? msk_jwt_public_of_pkey(pkey, out, NULL) : MSK_E_CRYPTO;
    EVP_PKEY_free(pkey);
    return rc;
}

/* ---- is it a key at all */

static int check_public(const void *parsed, struct msk_error *err)
{
    const struct msk_jwt_public *key = parsed;
    if (key->alg->family == MSK_JWT_HMAC)
        return 0;
    EVP_PKEY *pkey = msk_jwt_pkey_of_public(key);
    EVP_PKEY_free(pkey);
    return pkey ? 0 : msk_fail(err, MSK_E_INVALID, "not a point of %s", key->alg->curve);
}

static int check_secret(const void *parsed, struct msk_error *err)
{
    const struct msk_jwt_secret *key = parsed;
    if (key->alg->family == MSK_JWT_HMAC)
        return 0;
    EVP_PKEY *pkey = msk_jwt_pkey_of_secret(key);
    EVP_PKEY_free(pkey);
    return pkey ? 0 : msk_fail(err, MSK_E_INVALID, "not a private key of %s", key->alg->curve);
}

int msk_jwt_secret_of_random(const struct msk_jwt_alg *alg, struct msk_bytes random, struct msk_jwt_secret *out)
{
    if (random.len != alg->secret_len)
        return MSK_E_INVALID;
    out->alg = alg;
    memcpy(out->material, random.data, random.len);
    if (alg->family == MSK_JWT_ECDSA && alg->secret_len == MSK_JWT_SECRET_MAX)
        out->material[0] &= 1; /* a scalar of P-521 has 521 bits */
    return check_secret(out, NULL);
}

/* ---- hex */

static int read_hex(struct msk_bytes text, size_t len, uint8_t *out, struct msk_error *err)
{
    size_t offset;
    if (msk_hex_decode((const char *)text.data, text.len, out, len, &offset) == 0)
        return 0;
    if (offset < text.len)
        return msk_fail(err, MSK_E_INVALID, "neither JWK, PEM nor hex: character %zu", offset + 1);
    return msk_fail(err, MSK_E_INVALID, "%zu hex digits, expected %zu", text.len, 2 * len);
}

static int need_alg(const struct msk_jwt_alg *alg, struct msk_error *err)
{
    return alg ? 0 : msk_fail(err, MSK_E_INVALID, "a key in hex does not say its algorithm: give it");
}

static int public_of_hex(struct msk_bytes text, void *key, struct msk_error *err)
{
    struct msk_jwt_public *out = key;
    int rc = need_alg(out->alg, err);
    if (rc < 0)
        return rc;
    size_t coordinate = out->alg->public_len - 1;
    uint8_t point[1 + 2 * MSK_JWT_PUBLIC_MAX];
    if (out->alg->family != MSK_JWT_ECDSA || text.len != 2 * (1 + 2 * coordinate))
        return read_hex(text, out->alg->public_len, out->material, err);
    rc = read_hex(text, 1 + 2 * coordinate, point, err);
    if (rc == 0 && point[0] != 4)
        rc = msk_fail(err, MSK_E_INVALID, "not an uncompressed point: it starts with %02x", point[0]);
    if (rc == 0)
        msk_jwt_point_compress(out->alg, point + 1, point + 1 + coordinate, out->material);
    return rc;
}

static int secret_of_hex(struct msk_bytes text, void *key, struct msk_error *err)
{
    struct msk_jwt_secret *out = key;
    int rc = need_alg(out->alg, err);
    return rc < 0 ? rc : read_hex(text, out->alg->secret_len, out->material, err);
}

/* ---- PEM */

/* OpenSSL would ask at the terminal. */
static int no_password(char *buffer, int size, int writing, void *context)
{
    (void)buffer, (void)size, (void)writing, (void)context;
    return -1;
}

static int public_of_pem(struct msk_bytes text, void *out, struct msk_error *err)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PUBKEY(bio, NULL, no_password, NULL) : NULL;
    int rc = pkey ? msk_jwt_public_of_pkey(pkey, out, err)
                  : msk_fail(err, MSK_E_INVALID, "the PEM text holds no public key");
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

static int secret_of_pem(struct msk_bytes text, void *out, struct msk_error *err)
{
    BIO *bio = BIO_new_mem_buf(text.data, (int)text.len);
    EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    int rc = pkey ? msk_jwt_secret_of_pkey(pkey, out, err)
                  : msk_fail(err, MSK_E_INVALID, "the PEM text holds no private key without a password");
    EVP_PKEY_free(pkey);
    BIO_free(bio);
    ERR_clear_error();
    return rc;
}

/* ---- JWK */

static struct msk_bytes jwk_text(const struct msk_json *jwk, const char *name)
{
    const struct msk_json_member *member = msk_json_find(jwk, name);
    return member && member->value.kind == MSK_JSON_TEXT ? member->value.text : (struct msk_bytes){0};
}

/* A member of exactly `len` bytes in base64url. */
static int jwk_bytes(const struct msk_json *jwk, const char *name, size_t len, uint8_t *out, struct msk_error *err)
{
    struct msk_builder bytes;
    struct msk_bytes text = jwk_text(jwk, name);
    msk_builder_init(&bytes, len + 3);
    msk_builder_reserve(&bytes, len + 3); /* at once: growing would leave copies of a secret behind */
    msk_builder_reset(&bytes);
    bool good =
        text.len > 0 && msk_base64url_decode((const char *)text.data, text.len, &bytes) == 0 && bytes.len == len;
    if (good)
        memcpy(out, bytes.data, len);
    if (bytes.data)
        msk_wipe(bytes.data, bytes.capacity);
    msk_builder_free(&bytes);
    return good ? 0 : msk_fail(err, MSK_E_INVALID, "\"%s\" must be %zu bytes in base64url", name, len);
}

/* By "alg", else by what kind of key it is. NULL: none of ours. */
static const struct msk_jwt_alg *jwk_named_alg(const struct msk_json *jwk)
{
    static const char *const kinds[] = {[MSK_JWT_HMAC] = "oct", [MSK_JWT_ECDSA] = "EC", [MSK_JWT_EDDSA] = "OKP"};
    struct msk_bytes kty = jwk_text(jwk, "kty"), crv = jwk_text(jwk, "crv"), name = jwk_text(jwk, "alg"),
                     k = jwk_text(jwk, "k");
    for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
        const struct msk_jwt_alg *alg = &algs[i];
        bool fits =
            alg->curve ? msk_bytes_equal(crv, msk_bytes_of_text(alg->curve)) : k.len == (alg->secret_len * 4 + 2) / 3;
        if (msk_bytes_equal(kty, msk_bytes_of_text(kinds[alg->family])) && fits &&
            (name.len == 0 || msk_bytes_equal(name, msk_bytes_of_text(alg->name))))
            return alg;
    }
    return NULL;
}

static int jwk_alg(const struct msk_json *jwk, const struct msk_jwt_alg **alg, struct msk_error *err)
{
    const struct msk_jwt_alg *found = jwk_named_alg(jwk), *wanted = *alg;
    if (!found)
        return msk_fail(err, MSK_E_INVALID,
                        "\"kty\", \"crv\" and \"alg\" name no key of HS256/384/512, ES256/384/512 or EdDSA");
    if (wanted && wanted != found)
        return msk_fail(err, MSK_E_INVALID, "the key is for %s, not %s", found->name, wanted->name);
    *alg = found;
    return 0;
}

static int public_of_jwk(const struct msk_json *jwk, void *key, struct msk_error *err)
{
    struct msk_jwt_public *out = key;
    uint8_t x[MSK_JWT_PUBLIC_MAX], y[MSK_JWT_PUBLIC_MAX];
    int rc = jwk_alg(jwk, &out->alg, err);
    if (rc < 0)
        return rc;
    if (out->alg->family == MSK_JWT_HMAC)
        return jwk_bytes(jwk, "k", out->alg->secret_len, out->material, err);
    if (msk_json_find(jwk, "d"))
        return msk_fail(err, MSK_E_INVALID, "this is a private key (it has \"d\"); give the public one");
    if (out->alg->family == MSK_JWT_EDDSA)
        return jwk_bytes(jwk, "x", out->alg->public_len, out->material, err);
    if ((rc = jwk_bytes(jwk, "x", out->alg->public_len - 1, x, err)) < 0 ||
        (rc = jwk_bytes(jwk, "y", out->alg->public_len - 1, y, err)) < 0)
        return rc;
    struct msk_jwt_public point = {.alg = out->alg};
    uint8_t x_again[MSK_JWT_PUBLIC_MAX], y_again[MSK_JWT_PUBLIC_MAX];
    msk_jwt_point_compress(out->alg, x, y, point.material);
    if (msk_jwt_point_expand(&point, x_again, y_again) < 0 || memcmp(y, y_again, out->alg->public_len - 1) != 0)
        return msk_fail(err, MSK_E_INVALID, "\"x\" and \"y\" are no point of %s", out->alg->curve);
    *out = point;
    return 0;
}

static int secret_of_jwk(const struct msk_json *jwk, void *key, struct msk_error *err)
{
    struct msk_jwt_secret *out = key;
    int rc = jwk_alg(jwk, &out->alg, err);
    const char *name = rc == 0 && out->alg->family == MSK_JWT_HMAC ? "k" : "d";
    if (rc == 0 && !msk_json_find(jwk, name))
        rc = msk_fail(err, MSK_E_INVALID, "this is a public key (it has no \"d\"); give the private one");
    return rc < 0 ? rc : jwk_bytes(jwk, name, out->alg->secret_len, out->material, err);
}

/* ---- any form */

static struct msk_bytes trim(struct msk_bytes text)
{
    while (text.len > 0 && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    while (text.len > 0 && strchr(" \t\r\n", text.data[0]))
        text = MSK_BYTES(text.data + 1, text.len - 1);
    return text;
}

static bool begins_with(struct msk_bytes text, const char *word)
{
    return text.len >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

/* Both kinds of keys come in the same forms. */
struct reading {
    int (*of_jwk)(const struct msk_json *jwk, void *out, struct msk_error *err);
    int (*of_pem)(struct msk_bytes text, void *out, struct msk_error *err);
    int (*of_hex)(struct msk_bytes text, void *out, struct msk_error *err);
    int (*check)(const void *key, struct msk_error *err);
    size_t size;
};

static int read_jwk(const struct reading *reading, struct msk_bytes text, void *out, struct msk_error *err)
{
    struct msk_json jwk;
    struct msk_arena arena;
    msk_arena_init(&arena, 16 * KEY_TEXT_MAX);
    int rc = msk_json_parse(text, &arena, &jwk, err);
    if (rc == 0)
        rc = reading->of_jwk(&jwk, out, err);
    msk_arena_wipe(&arena);
    return rc;
}

static int read_key(const struct reading *reading, struct msk_bytes text, void *out, struct msk_error *err)
{
    text = trim(text);
    if (text.len > KEY_TEXT_MAX)
        return msk_fail(err, MSK_E_INVALID, "longer than any key");
    int rc = begins_with(text, "{")            ? read_jwk(reading, text, out, err)
             : begins_with(text, "-----BEGIN") ? reading->of_pem(text, out, err)
                                               : reading->of_hex(text, out, err);
    if (rc == 0)
        rc = reading->check(out, err);
    if (rc < 0)
        msk_wipe(out, reading->size);
    return rc;
}

int msk_jwt_public_parse(const struct msk_jwt_alg *alg, struct msk_bytes text, struct msk_jwt_public *out,
                         struct msk_error *err)
{
    static const struct reading reading = {public_of_jwk, public_of_pem, public_of_hex, check_public, sizeof *out};
    *out = (struct msk_jwt_public){.alg = alg};
    return read_key(&reading, text, out, err);
}

int msk_jwt_secret_parse(const struct msk_jwt_alg *alg, struct msk_bytes text, struct msk_jwt_secret *out,
                         struct msk_error *err)
{
    static const struct reading reading = {secret_of_jwk, secret_of_pem, secret_of_hex, check_secret, sizeof *out};
    *out = (struct msk_jwt_secret){.alg = alg};
    return read_key(&reading, text, out, err);
}
