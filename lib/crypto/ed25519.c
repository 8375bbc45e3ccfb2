#include "crypto/ed25519.h"

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/error.h"

/* OpenSSL tells out of memory only by its error queue, which must not grow either. */
static int library_failed(void)
{
    bool nomem = ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE;
    ERR_clear_error();
    return nomem ? MSK_E_NOMEM : MSK_E_CRYPTO;
}

static EVP_PKEY *load_secret(const uint8_t secret[MSK_SECRET_LEN])
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, MSK_SECRET_LEN);
}

int msk_ed25519_public(const uint8_t secret[MSK_SECRET_LEN], struct msk_digest *peer_id)
{
    EVP_PKEY *key = load_secret(secret);
    size_t len = MSK_DIGEST_LEN;
    bool done = key && EVP_PKEY_get_raw_public_key(key, peer_id->bytes, &len) == 1 && len == MSK_DIGEST_LEN;
    EVP_PKEY_free(key);
    return done ? 0 : library_failed();
}

int msk_ed25519_sign(const uint8_t secret[MSK_SECRET_LEN], struct msk_bytes message,
                     uint8_t signature[MSK_SIGNATURE_LEN])
{
    EVP_PKEY *key = load_secret(secret);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    size_t len = MSK_SIGNATURE_LEN;
    bool done = key && context && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1 &&
                EVP_DigestSign(context, signature, &len, message.data, message.len) == 1 && len == MSK_SIGNATURE_LEN;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return done ? 0 : library_failed();
}

/* OpenSSL refuses an S that is not reduced and compares R by its bytes, but takes keys and R of small order, with which
 * one signature fits many messages. */
int msk_ed25519_verify(const struct msk_digest *peer_id, struct msk_bytes message,
                       const uint8_t signature[MSK_SIGNATURE_LEN])
{
    if (msk_ed25519_is_small_order(peer_id->bytes) || msk_ed25519_is_small_order(signature))
        return MSK_E_REFUSED;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, peer_id->bytes, MSK_DIGEST_LEN);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    int rc = MSK_E_CRYPTO;
    if (key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, key) == 1)
        rc =
            EVP_DigestVerify(context, signature, MSK_SIGNATURE_LEN, message.data, message.len) == 1 ? 0 : MSK_E_REFUSED;
    else
        rc = library_failed();
    ERR_clear_error();
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(key);
    return rc;
}
