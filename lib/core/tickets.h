/* tickets.h: whether a peer's entry carries the tickets a group requires, and until when (wire.md 5.2). */
#ifndef MSK_CORE_TICKETS_H
#define MSK_CORE_TICKETS_H

#include "crypto/jwt.h"
#include "crypto/validator.h"
#include "wire/ticket_text.h"

#define MSK_TICKETS_CHECKED_MAX 64 /* of one entry and class: a stranger's entry must not cost unbounded signatures */

#define MSK_TICKET_MISSING "missing"
#define MSK_TICKETS_LATER  1 /* a program has not answered yet */

struct msk_ticket_verdict {
    bool valid;
    int64_t expires_ms;            /* valid: wall ms, or MSK_TICKET_NEVER, also when nothing is required */
    char reason[MSK_JWT_RULE_MAX]; /* not valid: MSK_TICKET_MISSING, or what the last of its tickets broke (cli.md) */
    size_t validator;              /* not valid: which one refused, counted from 0 */
};

/* Asks the programs of validators that have one. */
struct msk_ticket_programs {
    /* 0 and its opinion, MSK_TICKETS_LATER, or MSK_E_NOMEM: then nothing is known. */
    int (*ask)(void *context, const struct msk_validator *validator, const struct msk_ticket *ticket,
               const struct msk_digest *peer, struct msk_ticket_opinion *out);
    void *context;
};

/* One validator is met by the latest expiry among the tickets of its class that pass; of several validators all must
 * be met, and the earliest expiry counts. 0; MSK_TICKETS_LATER: none refuses, but some cannot say yet; MSK_E_NOMEM,
 * MSK_E_CRYPTO: then nothing is known. */
int msk_tickets_check(const struct msk_validator *const *validators, size_t count, const struct msk_peer_entry *entry,
                      int64_t wall_ms, const struct msk_ticket_programs *programs, struct msk_ticket_verdict *out);

#endif
