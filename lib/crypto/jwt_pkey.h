/* jwt_pkey.h: ticket keys as OpenSSL has them. Internal to the crypto room. */
#ifndef MSK_CRYPTO_JWT_PKEY_H
#define MSK_CRYPTO_JWT_PKEY_H

#include <openssl/evp.h>

#include "crypto/jwt_key.h"

/* ECDSA and EdDSA keys, from their material. NULL if the material is no key, or OpenSSL failed; free with
 * EVP_PKEY_free. */
EVP_PKEY *msk_jwt_pkey_of_public(const struct msk_jwt_public *key);
EVP_PKEY *msk_jwt_pkey_of_secret(const struct msk_jwt_secret *key);

/* And back. MSK_E_INVALID says why it is none of ours. `alg` is filled in; if it was set before, it must be that one.
 */
int msk_jwt_public_of_pkey(EVP_PKEY *pkey, struct msk_jwt_public *out, struct msk_error *err);
int msk_jwt_secret_of_pkey(EVP_PKEY *pkey, struct msk_jwt_secret *out, struct msk_error *err);

/* x and y, each public_len - 1 bytes, of a compressed point. 0 or MSK_E_INVALID. */
int msk_jwt_point_expand(const struct msk_jwt_public *key, uint8_t *x, uint8_t *y);

/* The compressed point of x and y, unchecked. */
void msk_jwt_point_compress(const struct msk_jwt_alg *alg, const uint8_t *x, const uint8_t *y, uint8_t *out);

#endif
