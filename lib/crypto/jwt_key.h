/* jwt_key.h: the algorithms of JWT tickets, and their keys in every form people keep them in: hex, PEM, JWK
 * (wire.md 5.3, cli.md). */
#ifndef MSK_CRYPTO_JWT_KEY_H
#define MSK_CRYPTO_JWT_KEY_H

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"

#define MSK_JWT_SECRET_MAX    66  /* a P-521 scalar; HS512 has 64 */
#define MSK_JWT_PUBLIC_MAX    67  /* a compressed P-521 point */
#define MSK_JWT_SIGNATURE_MAX 132 /* r and s of P-521 */

enum msk_jwt_family { MSK_JWT_HMAC, MSK_JWT_ECDSA, MSK_JWT_EDDSA };

struct msk_jwt_alg {
    const char *name;  /* as in the token's header: "ES256" */
    const char *label; /* what the fingerprint starts from: "es256", "EdDsa" */
    enum msk_jwt_family family;
    const char *hash, *curve;                     /* OpenSSL's names; NULL where there is none */
    size_t secret_len, public_len, signature_len; /* for HMAC the public key is the secret */
};

/* NULL if the name, compared exactly, is none of HS256/384/512, ES256/384/512, EdDSA. */
const struct msk_jwt_alg *msk_jwt_alg_find(struct msk_bytes name);
const struct msk_jwt_alg *msk_jwt_algs(size_t *count);

/* Verifies tickets: the key material that is fingerprinted. Secret for HMAC, so wipe it. */
struct msk_jwt_public {
    const struct msk_jwt_alg *alg;
    uint8_t material[MSK_JWT_PUBLIC_MAX];
};

/* Signs tickets. */
struct msk_jwt_secret {
    const struct msk_jwt_alg *alg;
    uint8_t material[MSK_JWT_SECRET_MAX];
};

/* Read a key given as hex (needs `alg`), PEM or JWK text; white space around it is ignored. `alg` may be NULL where the
 * text says it. MSK_E_INVALID says what is wrong: length, not a point, another algorithm, an unknown form. */
int msk_jwt_public_parse(const struct msk_jwt_alg *alg, struct msk_bytes text, struct msk_jwt_public *out,
                         struct msk_error *err);
int msk_jwt_secret_parse(const struct msk_jwt_alg *alg, struct msk_bytes text, struct msk_jwt_secret *out,
                         struct msk_error *err);

/* A key from `secret_len` random bytes; MSK_E_INVALID if they are no scalar of the curve (try others), MSK_E_CRYPTO. */
int msk_jwt_secret_of_random(const struct msk_jwt_alg *alg, struct msk_bytes random, struct msk_jwt_secret *out);

/* 0 or MSK_E_CRYPTO. */
int msk_jwt_public_of(const struct msk_jwt_secret *secret, struct msk_jwt_public *out);

enum msk_jwt_format { MSK_JWT_FORMAT_JWK, MSK_JWT_FORMAT_PEM, MSK_JWT_FORMAT_HEX };

/* Append the key as text, ending in a line feed only for PEM. MSK_E_INVALID: HMAC has no PEM; MSK_E_CRYPTO. */
int msk_jwt_public_write(const struct msk_jwt_public *key, enum msk_jwt_format format, struct msk_builder *out,
                         struct msk_error *err);
int msk_jwt_secret_write(const struct msk_jwt_secret *key, enum msk_jwt_format format, struct msk_builder *out,
                         struct msk_error *err);

/* derive(digest of the label, key material) */
struct msk_digest msk_jwt_fingerprint(const struct msk_jwt_public *key);

/* Raw signature (r || s for ECDSA) over `message`; alg->signature_len bytes. 0 or MSK_E_CRYPTO. */
int msk_jwt_sign(const struct msk_jwt_secret *key, struct msk_bytes message, uint8_t signature[MSK_JWT_SIGNATURE_MAX]);

/* A key made ready to check many signatures, one after another. */
struct msk_jwt_checker;

/* `*out` is the caller's. MSK_E_NOMEM, or MSK_E_CRYPTO: also for material that is no key. */
int msk_jwt_checker_new(const struct msk_jwt_public *key, struct msk_jwt_checker **out);
void msk_jwt_checker_free(struct msk_jwt_checker *checker); /* NULL is fine */

/* 0, MSK_E_REFUSED (also any malformed signature) or MSK_E_CRYPTO. */
int msk_jwt_checker_check(struct msk_jwt_checker *checker, struct msk_bytes message, struct msk_bytes signature);

#endif
