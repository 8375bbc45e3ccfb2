#include "core/tickets.h"

#include <stdio.h>
#include <string.h>

static int64_t expiry_ms(const struct msk_jwt_verdict *verdict)
{
    return verdict->never || verdict->expires_s > INT64_MAX / 1000 ? MSK_TICKET_NEVER
                                                                   : (int64_t)verdict->expires_s * 1000;
}

static int verify_jwt(const struct msk_validator *validator, const struct msk_ticket *ticket,
                      const struct msk_digest *peer, int64_t wall_ms, struct msk_ticket_opinion *out)
{
    struct msk_jwt_verdict verdict;
    int error = msk_jwt_verify(&validator->jwt, ticket->data, peer, wall_ms, &verdict);
    if (error < 0)
        return error;
    *out = (struct msk_ticket_opinion){.valid = verdict.valid, .expires_ms = verdict.valid ? expiry_ms(&verdict) : 0};
    snprintf(out->reason, sizeof out->reason, "%s", verdict.rule);
    return 0;
}

/* The latest expiry among the tickets of the class that pass. */
static int check_one(const struct msk_validator *validator, const struct msk_peer_entry *entry, int64_t wall_ms,
                     const struct msk_ticket_programs *programs, struct msk_ticket_verdict *out)
{
    const struct msk_digest *peer = &entry->address.peer_id;
    bool later = false;
    size_t checked = 0;
    *out = (struct msk_ticket_verdict){.reason = MSK_TICKET_MISSING};
    for (size_t i = 0; i < entry->tickets.count && checked < MSK_TICKETS_CHECKED_MAX; i++) {
        const struct msk_ticket *ticket = &entry->tickets.items[i].ticket;
        if (!msk_digest_equal(&ticket->class_id, &validator->class_id))
            continue;
        checked++;
        struct msk_ticket_opinion opinion;
        int rc = validator->command ? programs->ask(programs->context, validator, ticket, peer, &opinion)
                                    : verify_jwt(validator, ticket, peer, wall_ms, &opinion);
        if (rc < 0)
            return rc;
        if (rc == MSK_TICKETS_LATER) {
            later = true;
        } else if (!opinion.valid) {
            snprintf(out->reason, sizeof out->reason, "%s", opinion.reason);
        } else if (!out->valid || opinion.expires_ms > out->expires_ms) {
            out->valid = true;
            out->expires_ms = opinion.expires_ms;
        }
    }
    return later && !out->valid ? MSK_TICKETS_LATER : 0;
}

int msk_tickets_check(const struct msk_validator *const *validators, size_t count, const struct msk_peer_entry *entry,
                      int64_t wall_ms, const struct msk_ticket_programs *programs, struct msk_ticket_verdict *out)
{
    int result = 0;
    *out = (struct msk_ticket_verdict){.valid = true, .expires_ms = MSK_TICKET_NEVER};
    for (size_t i = 0; i < count; i++) {
        struct msk_ticket_verdict one;
        int rc = check_one(validators[i], entry, wall_ms, programs, &one);
        if (rc < 0)
            return rc;
        if (rc == MSK_TICKETS_LATER) {
            result = rc;
            continue;
        }
        if (!one.valid) {
            *out = one;
            out->validator = i;
            return 0;
        }
        if (one.expires_ms < out->expires_ms)
            out->expires_ms = one.expires_ms;
    }
    return result;
}
