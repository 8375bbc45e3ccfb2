/* tickets.h: whether a peer's entry carries the tickets a group requires, and until when (wire.md 5.2). */
#ifndef MSK_CORE_TICKETS_H
#define MSK_CORE_TICKETS_H

#include "crypto/jwt.h"
#include "wire/messages.h"

struct msk_ticket_verdict {
    bool valid;
    bool never;        /* valid, and without expiry; also when nothing is required */
    int64_t expires_ms; /* otherwise when, wall clock */
    char reason[MSK_JWT_RULE_MAX]; /* not valid: "missing", or the first rule the best candidate broke (cli.md) */
    size_t validator;  /* not valid: which one refused, counted from 0 */
};

/* One validator is met by the latest expiry among the tickets of its class that pass; of several validators all must
 * be met, and the earliest expiry counts. 0, or MSK_E_NOMEM, MSK_E_CRYPTO: then nothing is known. */
int msk_tickets_check(const struct msk_jwt_validator *const *validators, size_t count,
                      const struct msk_peer_entry *entry, int64_t wall_ms, struct msk_ticket_verdict *out);

#endif
