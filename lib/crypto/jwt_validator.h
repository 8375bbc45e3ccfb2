/* jwt_validator.h: what a group demands of a JWT ticket, and the digest of that demand, which enters the group id
 * (wire.md 5.2, 5.5). */
#ifndef MSK_CRYPTO_JWT_VALIDATOR_H
#define MSK_CRYPTO_JWT_VALIDATOR_H

#include "base/error.h"
#include "crypto/jwt_key.h"

#define MSK_JWT_CLASS "mosaik.tickets.jwt.v1" /* the class digest is this text's */

#define MSK_JWT_KEYS_MAX  64
#define MSK_JWT_TEXTS_MAX 256 /* issuers, audiences, required claims: each */

struct msk_jwt_claim {
    char *name;
    char *json; /* compact, members sorted: equal values have equal text */
};

/* Owns everything in it; zero-initialised is "no keys, all defaults". */
struct msk_jwt_validator {
    struct msk_jwt_public *keys;
    struct msk_jwt_checker **checkers; /* of each key */
    char **issuers, **audiences;
    struct msk_jwt_claim *claims; /* ascending by name */
    size_t key_count, issuer_count, audience_count, claim_count;
    char *subject; /* NULL: the peer id */
    bool allow_non_expiring;
    bool has_max_lifetime, has_max_age;
    uint64_t max_lifetime_ms, max_age_ms;
};

/* Read a validator file (cli.md). Strict: unknown members, wrong types, bad keys are MSK_E_INVALID and the text names
 * the member ("keys[1].key: not a point of P-256"). Also MSK_E_NOMEM. On failure `out` is empty. */
int msk_jwt_validator_parse(struct msk_bytes text, struct msk_jwt_validator *out, struct msk_error *err);

/* Wipes the keys. */
void msk_jwt_validator_free(struct msk_jwt_validator *validator);

struct msk_digest msk_jwt_class(void);
struct msk_digest msk_jwt_validator_signature(const struct msk_jwt_validator *validator);

#endif
