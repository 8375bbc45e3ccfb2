#include "core/tickets.h"

#include <string.h>

#include "crypto/jwt_validator.h"

static int64_t expiry_ms(const struct msk_jwt_verdict *verdict)
{
    return verdict->never || verdict->expires_s > INT64_MAX / 1000 ? MSK_TICKET_NEVER
                                                                   : (int64_t)verdict->expires_s * 1000;
}

/* The latest expiry among the tickets of the class that pass. */
static int check_one(const struct msk_jwt_validator *validator, const struct msk_peer_entry *entry, int64_t wall_ms,
                     struct msk_ticket_verdict *out)
{
    const struct msk_digest class_id = msk_jwt_class();
    size_t checked = 0;
    *out = (struct msk_ticket_verdict){.reason = MSK_TICKET_MISSING};
    for (size_t i = 0; i < entry->tickets.count && checked < MSK_TICKETS_CHECKED_MAX; i++) {
        const struct msk_ticket *ticket = &entry->tickets.items[i].ticket;
        if (!msk_digest_equal(&ticket->class_id, &class_id))
            continue;
        checked++;
        struct msk_jwt_verdict verdict;
        int error = msk_jwt_verify(validator, ticket->data, &entry->address.peer_id, wall_ms, &verdict);
        if (error < 0)
            return error;
        if (!verdict.valid) {
            memcpy(out->reason, verdict.rule, sizeof out->reason);
        } else if (!out->valid || expiry_ms(&verdict) > out->expires_ms) {
            out->valid = true;
            out->expires_ms = expiry_ms(&verdict);
        }
    }
    return 0;
}

int msk_tickets_check(const struct msk_jwt_validator *const *validators, size_t count,
                      const struct msk_peer_entry *entry, int64_t wall_ms, struct msk_ticket_verdict *out)
{
    *out = (struct msk_ticket_verdict){.valid = true, .expires_ms = MSK_TICKET_NEVER};
    for (size_t i = 0; i < count; i++) {
        struct msk_ticket_verdict one;
        int error = check_one(validators[i], entry, wall_ms, &one);
        if (error < 0)
            return error;
        if (!one.valid) {
            *out = one;
            out->validator = i;
            return 0;
        }
        if (one.expires_ms < out->expires_ms)
            out->expires_ms = one.expires_ms;
    }
    return 0;
}
