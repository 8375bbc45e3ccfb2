#include "crypto/jwt_pkey.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/ed25519.h"

#define POINT_MAX (2 * MSK_JWT_PUBLIC_MAX) /* an uncompressed one */

static EC_GROUP *group_of(const struct msk_jwt_alg *alg)
{
    return EC_GROUP_new_by_curve_name(EC_curve_nist2nid(alg->curve));
}

/* A key from the parts that are given; NULL where they do not make one. */
static EVP_PKEY *from_parts(const struct msk_jwt_alg *alg, const uint8_t *point, const BIGNUM *scalar)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    if (builder && context && OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME, alg->curve, 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY, point, alg->public_len) &&
        (!scalar || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar)))
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params && EVP_PKEY_fromdata_init(context) == 1)
        EVP_PKEY_fromdata(context, &key, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return key;
}

EVP_PKEY *msk_jwt_pkey_of_public(const struct msk_jwt_public *key)
{
    if (key->alg->family == MSK_JWT_EDDSA)
        return msk_ed25519_is_point(key->material)
                   ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->material, key->alg->public_len)
                   : NULL;
    return from_parts(key->alg, key->material, NULL);
}

/* scalar * generator, compressed; false if the scalar is zero or not below the group's order. */
static bool multiply_generator(const struct msk_jwt_alg *alg, const BIGNUM *scalar, uint8_t *out)
{
    EC_GROUP *group = group_of(alg);
    EC_POINT *point = group ? EC_POINT_new(group) : NULL;
    bool done =
        point && !BN_is_zero(scalar) && BN_cmp(scalar, EC_GROUP_get0_order(group)) < 0 &&
        EC_POINT_mul(group, point, scalar, NULL, NULL, NULL) == 1 &&
        EC_POINT_point2oct(group, point, POINT_CONVERSION_COMPRESSED, out, alg->public_len, NULL) == alg->public_len;
    EC_POINT_free(point);
    EC_GROUP_free(group);
    return done;
}

EVP_PKEY *msk_jwt_pkey_of_secret(const struct msk_jwt_secret *key)
{
    if (key->alg->family == MSK_JWT_EDDSA)
        return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->material, key->alg->secret_len);
    uint8_t point[MSK_JWT_PUBLIC_MAX];
    BIGNUM *scalar = BN_bin2bn(key->material, (int)key->alg->secret_len, NULL);
    EVP_PKEY *pkey = scalar && multiply_generator(key->alg, scalar, point) ? from_parts(key->alg, point, scalar) : NULL;
    BN_clear_free(scalar);
    ERR_clear_error();
    return pkey;
}

/* ---- from OpenSSL's */

/* The algorithm that goes with a key, which must be `wanted` if that is set. NULL after noting why. */
static const struct msk_jwt_alg *alg_of(EVP_PKEY *pkey, const struct msk_jwt_alg *wanted, struct msk_error *err)
{
    char group[80] = "";
    size_t count;
    const struct msk_jwt_alg *algs = msk_jwt_algs(&count), *found = NULL;
    bool eddsa = EVP_PKEY_is_a(pkey, "ED25519"), ecdsa = EVP_PKEY_is_a(pkey, "EC");
    if (ecdsa)
        EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL);
    for (size_t i = 0; i < count && !found; i++)
        if ((eddsa && algs[i].family == MSK_JWT_EDDSA) ||
            (ecdsa && algs[i].family == MSK_JWT_ECDSA && EC_curve_nist2nid(algs[i].curve) == OBJ_txt2nid(group)))
            found = &algs[i];
    if (!found)
        msk_fail(err, MSK_E_INVALID, "the key is neither Ed25519 nor of P-256, P-384 or P-521");
    else if (wanted && wanted != found)
        msk_fail(err, MSK_E_INVALID, "the key is for %s, not %s", found->name, wanted->name);
    return !wanted || wanted == found ? found : NULL;
}

void msk_jwt_point_compress(const struct msk_jwt_alg *alg, const uint8_t *x, const uint8_t *y, uint8_t *out)
{
    size_t len = alg->public_len - 1;
    out[0] = 2 + (y[len - 1] & 1);
    memcpy(out + 1, x, len);
}

/* The point as OpenSSL has it, compressed or not. */
static bool get_point(EVP_PKEY *pkey, const struct msk_jwt_alg *alg, uint8_t *out)
{
    uint8_t point[POINT_MAX];
    size_t len, coordinate = alg->public_len - 1;
    if (EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &len) != 1)
        return false;
    if (len == alg->public_len)
        memcpy(out, point, len);
    else if (len == 1 + 2 * coordinate)
        msk_jwt_point_compress(alg, point + 1, point + 1 + coordinate, out);
    return len == alg->public_len || len == 1 + 2 * coordinate;
}

int msk_jwt_public_of_pkey(EVP_PKEY *pkey, struct msk_jwt_public *out, struct msk_error *err)
{
    out->alg = alg_of(pkey, out->alg, err);
    if (!out->alg)
        return MSK_E_INVALID;
    size_t len = out->alg->public_len;
    bool done = out->alg->family == MSK_JWT_EDDSA ? EVP_PKEY_get_raw_public_key(pkey, out->material, &len) == 1
                                                  : get_point(pkey, out->alg, out->material);
    ERR_clear_error();
    return done ? 0 : msk_fail(err, MSK_E_CRYPTO, "the public key could not be read");
}

static bool get_scalar(EVP_PKEY *pkey, size_t len, uint8_t *out)
{
    BIGNUM *scalar = NULL;
    bool done = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
                BN_bn2binpad(scalar, out, (int)len) == (int)len;
    BN_clear_free(scalar);
    return done;
}

int msk_jwt_secret_of_pkey(EVP_PKEY *pkey, struct msk_jwt_secret *out, struct msk_error *err)
{
    out->alg = alg_of(pkey, out->alg, err);
    if (!out->alg)
        return MSK_E_INVALID;
    size_t len = out->alg->secret_len;
    bool done = out->alg->family == MSK_JWT_EDDSA ? EVP_PKEY_get_raw_private_key(pkey, out->material, &len) == 1
                                                  : get_scalar(pkey, len, out->material);
    ERR_clear_error();
    return done ? 0 : msk_fail(err, MSK_E_INVALID, "the private key could not be read");
}

int msk_jwt_point_expand(const struct msk_jwt_public *key, uint8_t *x, uint8_t *y)
{
    uint8_t point[POINT_MAX];
    size_t len = key->alg->public_len - 1;
    EC_GROUP *group = group_of(key->alg);
    EC_POINT *parsed = group ? EC_POINT_new(group) : NULL;
    bool done =
        parsed && EC_POINT_oct2point(group, parsed, key->material, key->alg->public_len, NULL) == 1 &&
        EC_POINT_point2oct(group, parsed, POINT_CONVERSION_UNCOMPRESSED, point, sizeof point, NULL) == 1 + 2 * len;
    if (done) {
        memcpy(x, point + 1, len);
        memcpy(y, point + 1 + len, len);
    }
    EC_POINT_free(parsed);
    EC_GROUP_free(group);
    ERR_clear_error();
    return done ? 0 : MSK_E_INVALID;
}
