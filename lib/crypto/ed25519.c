/* By libsodium, which checks signatures twice as fast as OpenSSL and is as strict as the reference by itself. What is
 * called here chooses no implementation and draws no randomness, so it needs no sodium_init. */
#include "crypto/ed25519.h"

#include <sodium.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"

/* libsodium wants the public key behind the secret. */
struct pair {
    uint8_t public[crypto_sign_PUBLICKEYBYTES], secret[crypto_sign_SECRETKEYBYTES];
};

int msk_ed25519_public(const uint8_t secret[MSK_SECRET_LEN], struct msk_digest *peer_id)
{
    struct pair pair;
    int failed = crypto_sign_seed_keypair(pair.public, pair.secret, secret);
    memcpy(peer_id->bytes, pair.public, sizeof pair.public);
    msk_wipe(&pair, sizeof pair);
    return failed ? MSK_E_CRYPTO : 0;
}

int msk_ed25519_sign(const uint8_t secret[MSK_SECRET_LEN], struct msk_bytes message,
                     uint8_t signature[MSK_SIGNATURE_LEN])
{
    struct pair pair;
    int failed = crypto_sign_seed_keypair(pair.public, pair.secret, secret) ||
                 crypto_sign_detached(signature, NULL, message.data, message.len, pair.secret);
    msk_wipe(&pair, sizeof pair);
    return failed ? MSK_E_CRYPTO : 0;
}

int msk_ed25519_verify(const struct msk_digest *peer_id, struct msk_bytes message,
                       const uint8_t signature[MSK_SIGNATURE_LEN])
{
    return crypto_sign_verify_detached(signature, message.data, message.len, peer_id->bytes) ? MSK_E_REFUSED : 0;
}
