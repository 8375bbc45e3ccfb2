#include "core/verdicts.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "crypto/identity.h"

#define LOST_MS (2 * MSK_VALIDATOR_TIMEOUT_MAX_MS) /* no answer takes longer: ask again */

void msk_verdicts_free(struct msk_verdicts *verdicts)
{
    msk_free(verdicts->items);
    *verdicts = (struct msk_verdicts){0};
}

static struct msk_digest key_of(const struct msk_validator *validator, const struct msk_ticket *ticket,
                                const struct msk_digest *peer)
{
    struct msk_digest id = msk_ticket_id(&ticket->class_id, ticket->data);
    struct msk_digest key = msk_digest_derive_digest(&validator->signature, &id);
    return msk_digest_derive_digest(&key, peer);
}

static void note_answered(struct msk_verdicts *verdicts, struct msk_verdict *verdict)
{
    verdicts->asked -= verdict->number != 0;
    verdicts->asked_bytes -= verdict->bytes;
    verdict->number = verdict->bytes = 0;
}

static void remove_at(struct msk_verdicts *verdicts, size_t at)
{
    note_answered(verdicts, &verdicts->items[at]);
    verdicts->count--;
    memmove(&verdicts->items[at], &verdicts->items[at + 1], (verdicts->count - at) * sizeof *verdicts->items);
}

/* What no longer counts is asked again. */
static bool is_over(const struct msk_verdict *verdict, struct msk_now now)
{
    return verdict->opinion.valid ? verdict->opinion.expires_ms <= now.wall_ms : verdict->until_ms <= now.mono_ms;
}

static struct msk_verdict *find(struct msk_verdicts *verdicts, const struct msk_digest *key)
{
    for (size_t i = 0; i < verdicts->count; i++)
        if (msk_digest_equal(&verdicts->items[i].key, key))
            return &verdicts->items[i];
    return NULL;
}

/* At the cost of the oldest that was answered; without memory NULL. */
static struct msk_verdict *add(struct msk_verdicts *verdicts)
{
    if (verdicts->count == verdicts->capacity && verdicts->capacity < MSK_VERDICTS_MAX) {
        size_t capacity = verdicts->capacity ? verdicts->capacity * 2 : 16;
        struct msk_verdict *items = msk_realloc(verdicts->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        verdicts->items = items;
        verdicts->capacity = capacity;
    }
    msk_assert(verdicts->items);
    for (size_t i = 0; verdicts->count == MSK_VERDICTS_MAX && i < MSK_VERDICTS_MAX; i++)
        if (!verdicts->items[i].number)
            remove_at(verdicts, i);
    struct msk_verdict *added = &verdicts->items[verdicts->count++];
    *added = (struct msk_verdict){0};
    return added;
}

int msk_verdicts_look(struct msk_verdicts *verdicts, struct msk_now now, const struct msk_validator *validator,
                      const struct msk_ticket *ticket, const struct msk_digest *peer,
                      struct msk_ticket_opinion *opinion, struct msk_actions *out)
{
    struct msk_digest key = key_of(validator, ticket, peer);
    struct msk_verdict *known = find(verdicts, &key);
    if (known && is_over(known, now)) {
        remove_at(verdicts, (size_t)(known - verdicts->items));
        known = NULL;
    }
    if (known && known->number)
        return MSK_TICKETS_LATER;
    if (known) {
        *opinion = known->opinion;
        return 0;
    }
    if (verdicts->asked == MSK_VERDICTS_ASKED_MAX ||
        ticket->data.len > MSK_VERDICTS_BYTES_MAX - verdicts->asked_bytes) {
        msk_ticket_refuse("too many tickets wait for the validator", opinion);
        return 0;
    }
    struct msk_verdict *asked = add(verdicts);
    if (!asked)
        return MSK_E_NOMEM;
    asked->key = key;
    asked->number = ++verdicts->last_number;
    asked->bytes = ticket->data.len;
    asked->until_ms = now.mono_ms + LOST_MS;
    verdicts->asked++;
    verdicts->asked_bytes += asked->bytes;
    msk_act_validate(out, asked->number, validator, ticket, peer);
    return MSK_TICKETS_LATER;
}

bool msk_verdicts_settle(struct msk_verdicts *verdicts, struct msk_now now, uint64_t number,
                         const struct msk_ticket_opinion *opinion)
{
    for (size_t i = 0; number && i < verdicts->count; i++) {
        struct msk_verdict *verdict = &verdicts->items[i];
        if (verdict->number != number)
            continue;
        note_answered(verdicts, verdict);
        verdict->until_ms = now.mono_ms + MSK_VERDICT_REFUSED_MS;
        verdict->opinion = *opinion;
        return true;
    }
    return false;
}
