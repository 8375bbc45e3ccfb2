/* jwt.h: JWT tickets: made, checked, shown (wire.md 5.3, 5.4). */
#ifndef MSK_CRYPTO_JWT_H
#define MSK_CRYPTO_JWT_H

#include "crypto/jwt_validator.h"

#define MSK_JWT_TOKEN_MAX (64 * 1024) /* no entry that fits anywhere can carry more (wire.md D.1) */

/* What a ticket says. Texts are the caller's; NULL means absent. */
struct msk_jwt_claims {
    const char *issuer, *subject, *audience, *id;
    bool has_expires, has_not_before, has_issued_at;
    uint64_t expires_s, not_before_s, issued_at_s;
    const struct msk_jwt_claim *others; /* private claims in any order; a name given twice: the last wins. Registered
                                         * names among them go to their field if of the right type; else `exp` stays
                                         * private and the others vanish */
    size_t other_count;
};

/* Append the token (ASCII, no line feed). 0, MSK_E_INVALID (a private claim that is no JSON), MSK_E_NOMEM, MSK_E_LIMIT,
 * MSK_E_CRYPTO. wire.md 5.3. */
int msk_jwt_mint(const struct msk_jwt_secret *key, const struct msk_jwt_claims *claims, struct msk_builder *out,
                 struct msk_error *err);

/* Append the JSON texts of header and claims as they are in the token; nothing is verified. MSK_E_INVALID says which
 * part is malformed, MSK_E_NOMEM, MSK_E_LIMIT. */
int msk_jwt_read(struct msk_bytes token, struct msk_builder *header, struct msk_builder *claims, struct msk_error *err);

#define MSK_JWT_RULE_MAX 128

struct msk_jwt_verdict {
    bool valid;
    char rule[MSK_JWT_RULE_MAX]; /* the first broken one, as cli.md names it: "signature", "claim:role"; empty if valid
                                  */
    bool never;                  /* valid, and without expiry */
    uint64_t expires_s;          /* otherwise when */
};

/* Check a ticket's data for the peer `subject` at `now_ms` (wall clock). 0 with a verdict, or MSK_E_NOMEM,
 * MSK_E_CRYPTO: then nothing is known. wire.md 5.4. */
int msk_jwt_verify(const struct msk_jwt_validator *validator, struct msk_bytes token, const struct msk_digest *peer_id,
                   int64_t now_ms, struct msk_jwt_verdict *out);

#endif
