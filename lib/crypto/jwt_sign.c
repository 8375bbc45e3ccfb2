/* Signatures of tickets (jwt_key.h). */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/ed25519.h"
#include "crypto/jwt_pkey.h"

#define DER_MAX (MSK_JWT_SIGNATURE_MAX + 16)

/* ---- HMAC */

static int hmac(const struct msk_jwt_alg *alg, const uint8_t *secret, struct msk_bytes message,
                uint8_t out[MSK_JWT_SIGNATURE_MAX])
{
    const EVP_MD *hash = EVP_get_digestbyname(alg->hash);
    unsigned len = 0;
    bool done = hash && HMAC(hash, secret, (int)alg->secret_len, message.data, message.len, out, &len);
    ERR_clear_error();
    return done && len == alg->signature_len ? 0 : MSK_E_CRYPTO;
}

/* Once keyed, a context starts over with the same key. */
static EVP_MAC_CTX *keyed_hmac(const struct msk_jwt_public *key)
{
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)key->alg->hash, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC_free(mac);
    if (context && EVP_MAC_init(context, key->material, key->alg->secret_len, params) == 1)
        return context;
    EVP_MAC_CTX_free(context);
    return NULL;
}

static int check_hmac(EVP_MAC_CTX *context, struct msk_bytes message, struct msk_bytes signature)
{
    uint8_t expected[MSK_JWT_SIGNATURE_MAX];
    size_t len;
    bool done = EVP_MAC_init(context, NULL, 0, NULL) == 1 && EVP_MAC_update(context, message.data, message.len) == 1 &&
                EVP_MAC_final(context, expected, &len, sizeof expected) == 1 && len == signature.len;
    int rc = !done ? MSK_E_CRYPTO : CRYPTO_memcmp(expected, signature.data, len) == 0 ? 0 : MSK_E_REFUSED;
    msk_wipe(expected, sizeof expected);
    return rc;
}

/* ---- ECDSA: OpenSSL has signatures in DER, tickets have r and s side by side */

static bool raw_of_der(const uint8_t *der, size_t der_len, size_t len, uint8_t *out)
{
    ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)der_len);
    int half = (int)len / 2;
    bool done = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, half) == half &&
                BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + half, half) == half;
    ECDSA_SIG_free(pair);
    return done;
}

/* The DER form, its length in `*der_len`. */
static bool der_of_raw(struct msk_bytes raw, uint8_t der[DER_MAX], size_t *der_len)
{
    ECDSA_SIG *pair = ECDSA_SIG_new();
    int half = (int)raw.len / 2, len = -1;
    BIGNUM *r = BN_bin2bn(raw.data, half, NULL), *s = BN_bin2bn(raw.data + half, half, NULL);
    if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
        r = s = NULL; /* the pair's now */
        if (i2d_ECDSA_SIG(pair, NULL) <= DER_MAX)
            len = i2d_ECDSA_SIG(pair, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(pair);
    *der_len = len > 0 ? (size_t)len : 0;
    return len > 0;
}

/* Deterministic (RFC 6979), as the reference signs with two of the three curves; and pure: no randomness is drawn. */
static bool sign_der(EVP_PKEY *pkey, const char *hash, struct msk_bytes message, uint8_t der[DER_MAX], size_t *der_len)
{
    unsigned deterministic = 1;
    OSSL_PARAM params[] = {OSSL_PARAM_construct_uint(OSSL_SIGNATURE_PARAM_NONCE_TYPE, &deterministic),
                           OSSL_PARAM_construct_end()};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    *der_len = DER_MAX;
    bool done = context && EVP_DigestSignInit_ex(context, NULL, hash, NULL, NULL, pkey, params) == 1 &&
                EVP_DigestSign(context, der, der_len, message.data, message.len) == 1;
    EVP_MD_CTX_free(context);
    return done;
}

static int sign_ecdsa(const struct msk_jwt_secret *key, struct msk_bytes message, uint8_t *signature)
{
    uint8_t der[DER_MAX];
    size_t der_len;
    EVP_PKEY *pkey = msk_jwt_pkey_of_secret(key);
    bool done = pkey && sign_der(pkey, key->alg->hash, message, der, &der_len) &&
                raw_of_der(der, der_len, key->alg->signature_len, signature);
    EVP_PKEY_free(pkey);
    ERR_clear_error();
    return done ? 0 : MSK_E_CRYPTO;
}

static int check_ecdsa(const char *hash, EVP_PKEY *pkey, struct msk_bytes message, struct msk_bytes signature)
{
    uint8_t der[DER_MAX];
    size_t der_len;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int rc = MSK_E_CRYPTO;
    if (context && der_of_raw(signature, der, &der_len) &&
        EVP_DigestVerifyInit_ex(context, NULL, hash, NULL, NULL, pkey, NULL) == 1)
        rc = EVP_DigestVerify(context, der, der_len, message.data, message.len) == 1 ? 0 : MSK_E_REFUSED;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return rc;
}

/* ---- all of them */

int msk_jwt_sign(const struct msk_jwt_secret *key, struct msk_bytes message, uint8_t signature[MSK_JWT_SIGNATURE_MAX])
{
    switch (key->alg->family) {
    case MSK_JWT_HMAC:
        return hmac(key->alg, key->material, message, signature);
    case MSK_JWT_ECDSA:
        return sign_ecdsa(key, message, signature);
    case MSK_JWT_EDDSA:
        break;
    }
    return msk_ed25519_sign(key->material, message, signature);
}

struct msk_jwt_checker {
    const struct msk_jwt_alg *alg;
    EVP_MAC_CTX *mac;        /* of HMAC */
    EVP_PKEY *pkey;          /* of ECDSA */
    struct msk_digest point; /* of EdDSA */
};

int msk_jwt_checker_new(const struct msk_jwt_public *key, struct msk_jwt_checker **out)
{
    struct msk_jwt_checker *checker = msk_calloc(1, sizeof *checker);
    if (!checker)
        return MSK_E_NOMEM;
    bool done = true;
    checker->alg = key->alg;
    switch (key->alg->family) {
    case MSK_JWT_HMAC:
        checker->mac = keyed_hmac(key);
        done = checker->mac;
        break;
    case MSK_JWT_ECDSA:
        checker->pkey = msk_jwt_pkey_of_public(key);
        done = checker->pkey;
        break;
    case MSK_JWT_EDDSA:
        memcpy(checker->point.bytes, key->material, MSK_DIGEST_LEN);
        break;
    }
    ERR_clear_error();
    if (!done) {
        msk_jwt_checker_free(checker);
        return MSK_E_CRYPTO;
    }
    *out = checker;
    return 0;
}

void msk_jwt_checker_free(struct msk_jwt_checker *checker)
{
    if (!checker)
        return;
    EVP_MAC_CTX_free(checker->mac);
    EVP_PKEY_free(checker->pkey);
    msk_free(checker);
}

int msk_jwt_checker_check(struct msk_jwt_checker *checker, struct msk_bytes message, struct msk_bytes signature)
{
    if (signature.len != checker->alg->signature_len)
        return MSK_E_REFUSED;
    if (checker->mac)
        return check_hmac(checker->mac, message, signature);
    if (checker->pkey)
        return check_ecdsa(checker->alg->hash, checker->pkey, message, signature);
    return msk_ed25519_verify(&checker->point, message, signature.data);
}
