/* ed25519.h: node keys: peer ids, signatures, and verification as strict as the reference's (wire.md 2.1, 4.2). */
#ifndef MSK_CRYPTO_ED25519_H
#define MSK_CRYPTO_ED25519_H

#include "base/bytes.h"
#include "base/digest.h"

#define MSK_SECRET_LEN    32
#define MSK_SIGNATURE_LEN 64

/* The peer id of a secret: any 32 random bytes are one. 0 or MSK_E_CRYPTO. */
int msk_ed25519_public(const uint8_t secret[MSK_SECRET_LEN], struct msk_digest *peer_id);

/* 0 or MSK_E_CRYPTO. */
int msk_ed25519_sign(const uint8_t secret[MSK_SECRET_LEN], struct msk_bytes message,
                     uint8_t signature[MSK_SIGNATURE_LEN]);

/* Strict: S must be reduced, neither the key nor R may be of small order. 0 or MSK_E_REFUSED. */
int msk_ed25519_verify(const struct msk_digest *peer_id, struct msk_bytes message,
                       const uint8_t signature[MSK_SIGNATURE_LEN]);

/* Whether the bytes decode as a point of the curve, of any order, y not necessarily reduced (wire.md 2.1). */
bool msk_ed25519_is_point(const uint8_t bytes[32]);

#endif
