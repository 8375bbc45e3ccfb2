/* ticket_text.h: tickets as people and programs have them: in files, and in the questions put to a validator's program
 * and its answers (mosaik-formats(5)). */
#ifndef MSK_WIRE_TICKET_TEXT_H
#define MSK_WIRE_TICKET_TEXT_H

#include <jansson.h>

#include "wire/messages.h"

#define MSK_TICKET_REASON_MAX 128
#define MSK_TICKET_NEVER      INT64_MAX

/* A ticket file: a JWT, or for another class {"class": ..., "data": text} or {"class": ..., "data_hex": ...}. White
 * space behind it is ignored. The data is that of `text` or `memory`, which the caller initialised.
 * MSK_E_INVALID naming the place, MSK_E_LIMIT of `memory`, MSK_E_NOMEM. */
int msk_ticket_of_text(struct msk_bytes text, struct msk_builder *memory, struct msk_ticket *out,
                       struct msk_error *err);

/* What is known of one ticket of a peer. */
struct msk_ticket_opinion {
    bool valid;
    int64_t expires_ms;                 /* valid: wall ms, or MSK_TICKET_NEVER */
    char reason[MSK_TICKET_REASON_MAX]; /* not valid: printable */
};

/* {"peer_id","class","ticket_hex","ticket"}, the last one only if it is text. A new reference, NULL without memory. */
json_t *msk_ticket_question(const struct msk_ticket *ticket, const struct msk_digest *peer);

/* {"accept":true,"expires":SECONDS or "never"} or {"accept":false,"reason":...}. NULL, or what is wrong with it, a
 * static text; `out` then refuses with that. An expiry that has passed refuses, too. */
const char *msk_ticket_answer(const json_t *answer, int64_t wall_ms, struct msk_ticket_opinion *out);

/* A refusal for a reason, which is made printable and cut. */
void msk_ticket_refuse(const char *reason, struct msk_ticket_opinion *out);

#endif
