/* verdicts.h: what programs said of peers' tickets: asked once, remembered for a while (wire.md 5.2).
 *
 * One for all groups of a node. An answer comes later, by its number; until then nobody is let in. */
#ifndef MSK_CORE_VERDICTS_H
#define MSK_CORE_VERDICTS_H

#include "base/clock.h"
#include "core/action.h"
#include "core/tickets.h"

#define MSK_VERDICTS_MAX       1024        /* remembered, the oldest are forgotten */
#define MSK_VERDICTS_ASKED_MAX 256         /* of these without an answer */
#define MSK_VERDICTS_BYTES_MAX (16u << 20) /* of tickets without an answer */
#define MSK_VERDICT_REFUSED_MS 10000       /* a refusal is remembered; an acceptance until the ticket expires */

struct msk_verdict {
    struct msk_digest key; /* of validator, ticket and peer */
    uint64_t number;       /* 0: it is answered */
    uint64_t until_ms;     /* not an acceptance: remembered up to then */
    size_t bytes;          /* of the ticket, without an answer */
    struct msk_ticket_opinion opinion;
};

struct msk_verdicts {
    struct msk_verdict *items; /* oldest first */
    size_t count, capacity, asked, asked_bytes;
    uint64_t last_number;
};

void msk_verdicts_free(struct msk_verdicts *verdicts);

/* What is known of this ticket: 0, or MSK_TICKETS_LATER: a VALIDATE action went out, now or before. A refusal where too
 * many are asked already. MSK_E_NOMEM. */
int msk_verdicts_look(struct msk_verdicts *verdicts, struct msk_now now, const struct msk_validator *validator,
                      const struct msk_ticket *ticket, const struct msk_digest *peer,
                      struct msk_ticket_opinion *opinion, struct msk_actions *out);

/* The answer to a VALIDATE. False: nobody waits for this number. */
bool msk_verdicts_settle(struct msk_verdicts *verdicts, struct msk_now now, uint64_t number,
                         const struct msk_ticket_opinion *opinion);

#endif
