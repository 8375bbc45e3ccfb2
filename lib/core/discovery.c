/* Whom to ask when: the contacts and their schedule. */
#include "core/discovery.h"

#include <string.h>

#include "base/alloc.h"
#include "core/discovery_parts.h"
#include "wire/close_code.h"

#define BOOTSTRAP_FIRST_WARNING 4 /* failures in a row: after about two seconds */
#define BOOTSTRAP_WARNINGS      60

/* ---- contacts */

static size_t position_of(const struct msk_discovery *discovery, const struct msk_digest *peer, bool *found)
{
    size_t low = 0, high = discovery->contact_count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = msk_digest_compare(&discovery->contacts[middle]->peer, peer);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

struct msk_contact *msk_contact_find(const struct msk_discovery *discovery, const struct msk_digest *peer)
{
    bool found;
    size_t at = position_of(discovery, peer, &found);
    return found ? discovery->contacts[at] : NULL;
}

static bool reserve(struct msk_discovery *discovery)
{
    if (discovery->contact_count < discovery->contact_capacity)
        return true;
    size_t capacity = discovery->contact_capacity ? discovery->contact_capacity * 2 : 8;
    struct msk_contact **contacts = msk_realloc(discovery->contacts, capacity * sizeof(struct msk_contact *));
    if (!contacts)
        return false;
    discovery->contacts = contacts;
    discovery->contact_capacity = capacity;
    return true;
}

/* The contact of a peer, made if need be; NULL at the limit or without memory. Bootstrap peers have room of their own.
 */
static struct msk_contact *contact_of(struct msk_discovery *discovery, const struct msk_digest *peer, bool bootstrap)
{
    bool found;
    size_t at = position_of(discovery, peer, &found);
    if (found)
        return discovery->contacts[at];
    size_t strangers = discovery->contact_count - discovery->bootstrap_count;
    if (!bootstrap && strangers >= MSK_CONTACTS_MAX)
        return NULL;
    struct msk_contact *contact = msk_calloc(1, sizeof *contact);
    if (!contact || !reserve(discovery)) {
        msk_free(contact);
        return NULL;
    }
    contact->peer = *peer;
    contact->sync_due_ms = contact->ping_due_ms = MSK_NEVER;
    if (!bootstrap && discovery->kept_count < MSK_KEPT_CONTACTS_MAX) {
        contact->kept = true;
        discovery->kept_count++;
    }
    memmove(&discovery->contacts[at + 1], &discovery->contacts[at],
            (discovery->contact_count - at) * sizeof(struct msk_contact *));
    discovery->contacts[at] = contact;
    discovery->contact_count++;
    return contact;
}

/* Due times only ever move here, so that the deadline needs no search. */
static void plan(struct msk_discovery *discovery, uint64_t *due_ms, uint64_t at_ms)
{
    *due_ms = at_ms;
    if (at_ms < discovery->contacts_due_ms)
        discovery->contacts_due_ms = at_ms;
}

static uint64_t jittered(struct msk_discovery *discovery, uint64_t interval_ms)
{
    return interval_ms / 2 + msk_random_below(&discovery->random, interval_ms + 1);
}

/* ---- life */

struct msk_discovery *msk_discovery_new(const struct msk_host *host, uint64_t ping_interval_ms, uint64_t seed)
{
    struct msk_discovery *discovery = msk_calloc(1, sizeof *discovery);
    if (!discovery)
        return NULL;
    discovery->host = host;
    discovery->ping_interval_ms = ping_interval_ms ? ping_interval_ms : MSK_PING_INTERVAL_MS;
    discovery->contacts_due_ms = MSK_NEVER;
    msk_random_seed(&discovery->random, seed);
    return discovery;
}

void msk_discovery_free(struct msk_discovery *discovery)
{
    if (!discovery)
        return;
    for (size_t i = 0; i < discovery->exchange_count; i++)
        msk_free(discovery->exchanges[i]);
    for (size_t i = 0; i < discovery->contact_count; i++)
        msk_free(discovery->contacts[i]);
    msk_free(discovery->contacts);
    msk_free(discovery);
}

/* A stranger became a bootstrap peer. */
static int promote(struct msk_discovery *discovery, struct msk_contact *contact)
{
    if (contact->bootstrap)
        return 0;
    if (discovery->bootstrap_count == MSK_BOOTSTRAP_MAX)
        return MSK_E_LIMIT;
    discovery->kept_count -= contact->kept;
    contact->kept = false;
    contact->bootstrap = true;
    discovery->bootstrap_count++;
    return 0;
}

int msk_discovery_add_bootstrap(struct msk_discovery *discovery, struct msk_now now,
                                const struct msk_peer_address *peer)
{
    if (msk_digest_equal(&peer->peer, &discovery->host->own->signed_entry.entry.address.peer_id))
        return 0;
    if (discovery->bootstrap_count == MSK_BOOTSTRAP_MAX && !msk_contact_find(discovery, &peer->peer))
        return MSK_E_LIMIT;
    struct msk_contact *contact = contact_of(discovery, &peer->peer, true);
    int error = contact ? promote(discovery, contact) : MSK_E_NOMEM;
    if (error < 0)
        return error;
    if (contact->address_count == BOOTSTRAP_ADDRESSES_MAX)
        return MSK_E_LIMIT;
    contact->addresses[contact->address_count++] =
        (struct msk_transport_addr){.kind = MSK_ADDR_IP, .ip = peer->address};
    plan(discovery, &contact->sync_due_ms, now.mono_ms);
    return 0;
}

bool msk_discovery_is_bootstrap(const struct msk_discovery *discovery, const struct msk_digest *peer)
{
    const struct msk_contact *contact = msk_contact_find(discovery, peer);
    return contact && contact->bootstrap;
}

/* ---- what others report */

void msk_discovery_seen(struct msk_discovery *discovery, struct msk_now now, const struct msk_digest *peer,
                        enum msk_turn turn)
{
    struct msk_contact *contact = contact_of(discovery, peer, false);
    if (!contact)
        return;
    contact->acquainted = false;
    contact->failures = 0;
    uint64_t due_ms = now.mono_ms + msk_head_start_ms(discovery->host, peer, turn);
    if (due_ms < contact->sync_due_ms)
        plan(discovery, &contact->sync_due_ms, due_ms);
    if (contact->ping_due_ms == MSK_NEVER && (contact->kept || contact->bootstrap))
        plan(discovery, &contact->ping_due_ms, now.mono_ms + jittered(discovery, discovery->ping_interval_ms));
}

void msk_discovery_forgotten(struct msk_discovery *discovery, const struct msk_digest *peer, struct msk_actions *out)
{
    bool found;
    size_t at = position_of(discovery, peer, &found);
    if (!found || discovery->contacts[at]->bootstrap)
        return;
    struct msk_contact *contact = discovery->contacts[at];
    struct msk_exchange *under_way[] = {contact->sync, contact->ping};
    for (size_t i = 0; i < 2; i++)
        if (under_way[i])
            msk_exchange_drop(discovery, under_way[i], MSK_CLOSE_CANCELLED, out);
    discovery->kept_count -= contact->kept;
    discovery->contact_count--;
    memmove(&discovery->contacts[at], &discovery->contacts[at + 1],
            (discovery->contact_count - at) * sizeof(struct msk_contact *));
    msk_free(contact);
}

void msk_discovery_own_changed(struct msk_discovery *discovery, struct msk_now now)
{
    for (size_t i = 0; i < discovery->contact_count; i++) {
        struct msk_contact *contact = discovery->contacts[i];
        if (!contact->bootstrap && !contact->kept)
            continue;
        contact->outdated = contact->sync != NULL;
        plan(discovery, &contact->sync_due_ms, now.mono_ms);
    }
}

/* ---- exchanges due */

/* Addresses of the catalog, and where there are none or too few the configured or given ones. */
static void collect_addresses(const struct msk_discovery *discovery, struct msk_now now,
                              const struct msk_contact *contact, const struct msk_transport_addr_set *given,
                              struct msk_transport_addr_set *out)
{
    const struct msk_signed_peer_entry *entry = msk_catalog_find(discovery->host->catalog, now.wall_ms, &contact->peer);
    if (entry)
        out->count = msk_ip_addresses(&entry->entry.address.addresses, out->items);
    else if (given)
        out->count = msk_ip_addresses(given, out->items);
    for (size_t i = 0; i < contact->address_count && out->count < MSK_DIAL_ADDRESSES_MAX; i++) {
        bool present = false;
        for (size_t k = 0; k < out->count; k++)
            present = present || msk_compare(MSK_TYPE(transport_addr), &out->items[k], &contact->addresses[i]) == 0;
        if (!present)
            out->items[out->count++] = contact->addresses[i];
    }
}

static uint64_t retry_most_ms(const struct msk_contact *contact)
{
    if (!contact->bootstrap)
        return MSK_SYNC_RETRY_MAX_MS;
    return contact->failures < MSK_BOOTSTRAP_EAGER_TRIES ? MSK_BOOTSTRAP_RETRY_MAX_MS : MSK_BOOTSTRAP_LATE_RETRY_MS;
}

static uint64_t retry_ms(const struct msk_contact *contact)
{
    uint64_t most_ms = retry_most_ms(contact);
    uint32_t doublings = contact->failures < 16 ? contact->failures : 16;
    uint64_t wait_ms = (uint64_t)MSK_SYNC_RETRY_MS << doublings;
    return wait_ms < most_ms ? wait_ms : most_ms;
}

static struct msk_exchange *start(struct msk_discovery *discovery, struct msk_now now, struct msk_contact *contact,
                                  enum msk_alpn alpn, const struct msk_transport_addr_set *given,
                                  struct msk_actions *out)
{
    struct msk_transport_addr items[MSK_DIAL_ADDRESSES_MAX];
    struct msk_transport_addr_set addresses = {items, 0};
    collect_addresses(discovery, now, contact, given, &addresses);
    uint64_t limit_ms = contact->bootstrap ? retry_ms(contact) : MSK_EXCHANGE_STEP_MS;
    return msk_exchange_start(discovery, now, contact, alpn, &addresses, limit_ms, out);
}

int msk_discovery_acquaint(struct msk_discovery *discovery, struct msk_now now, const struct msk_digest *peer,
                           const struct msk_transport_addr_set *addresses, bool again, struct msk_actions *out)
{
    struct msk_contact *contact = contact_of(discovery, peer, false);
    if (!contact)
        return MSK_E_LIMIT;
    if (contact->acquainted && !again)
        return 0;
    if (contact->sync)
        return 1;
    contact->sync = start(discovery, now, contact, MSK_ALPN_SYNC, addresses, out);
    return contact->sync ? 1 : MSK_E_UNREACHABLE;
}

void msk_contact_acquainted(struct msk_discovery *discovery, struct msk_now now, struct msk_contact *contact)
{
    bool periodic = contact->bootstrap || contact->kept;
    contact->acquainted = true;
    contact->failures = 0;
    plan(discovery, &contact->sync_due_ms,
         periodic ? now.mono_ms + jittered(discovery, MSK_RESYNC_INTERVAL_MS) : MSK_NEVER);
}

/* An operator shall see that a bootstrap peer is missing, but not every second. */
static void report_failure(const struct msk_contact *contact, const char *why, struct msk_actions *out)
{
    const struct msk_field fields[] = {MSK_F_DIGEST("peer", &contact->peer), MSK_F_TEXT("reason", why),
                                       MSK_F_U64("failures", contact->failures)};
    bool worth_a_look = contact->bootstrap && !contact->acquainted &&
                        (contact->failures == BOOTSTRAP_FIRST_WARNING || contact->failures % BOOTSTRAP_WARNINGS == 0);
    msk_act_event(out, NULL, worth_a_look ? MSK_EVENT_BOOTSTRAP_UNREACHABLE : MSK_EVENT_SYNC_FAILED, fields,
                  sizeof fields / sizeof fields[0]);
}

void msk_contact_settle(struct msk_discovery *discovery, struct msk_now now, struct msk_contact *contact,
                        enum msk_alpn alpn, uint64_t started_ms, const char *why, struct msk_actions *out)
{
    bool periodic = contact->bootstrap || contact->kept;
    if (alpn == MSK_ALPN_PING) {
        contact->ping = NULL;
        if (periodic)
            plan(discovery, &contact->ping_due_ms, now.mono_ms + jittered(discovery, discovery->ping_interval_ms));
        return;
    }
    contact->sync = NULL;
    if (why) {
        uint64_t due_ms = started_ms + retry_ms(contact) + msk_random_below(&discovery->random, MSK_SYNC_RETRY_MS / 4);
        contact->failures++;
        plan(discovery, &contact->sync_due_ms, due_ms > now.mono_ms ? due_ms : now.mono_ms);
        report_failure(contact, why, out);
    } else {
        discovery->syncs++;
        msk_contact_acquainted(discovery, now, contact);
    }
    if (contact->outdated && periodic)
        plan(discovery, &contact->sync_due_ms, now.mono_ms);
    contact->outdated = false;
    discovery->host->synced(discovery->host->node, now, &contact->peer, out);
}

/* Others keep both sides informed of each other, so that nothing needs to be done. */
static bool informed(const struct msk_discovery *discovery, struct msk_now now, const struct msk_contact *contact)
{
    return contact->acquainted && discovery->host->is_informed(discovery->host->node, now, &contact->peer);
}

static void start_due(struct msk_discovery *discovery, struct msk_now now, struct msk_contact *contact,
                      struct msk_actions *out)
{
    if (contact->sync_due_ms <= now.mono_ms && !contact->sync) {
        contact->sync_due_ms = now.mono_ms + jittered(discovery, MSK_RESYNC_INTERVAL_MS);
        if (!informed(discovery, now, contact))
            contact->sync = start(discovery, now, contact, MSK_ALPN_SYNC, NULL, out);
        if (!contact->sync && discovery->out_count == MSK_EXCHANGES_OUT_MAX)
            contact->sync_due_ms = now.mono_ms + MSK_SYNC_RETRY_MS;
    }
    if (contact->ping_due_ms <= now.mono_ms && !contact->ping) {
        contact->ping_due_ms = now.mono_ms + jittered(discovery, discovery->ping_interval_ms);
        if (!informed(discovery, now, contact))
            contact->ping = start(discovery, now, contact, MSK_ALPN_PING, NULL, out);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What is due of a contact is not due while an exchange of that kind is under way. */
static uint64_t due_of(const struct msk_contact *contact)
{
    return earlier(contact->sync ? MSK_NEVER : contact->sync_due_ms, contact->ping ? MSK_NEVER : contact->ping_due_ms);
}

void msk_discovery_tick(struct msk_discovery *discovery, struct msk_now now, struct msk_actions *out)
{
    for (size_t i = discovery->exchange_count; i > 0; i--)
        if (i <= discovery->exchange_count && discovery->exchanges[i - 1]->deadline_ms <= now.mono_ms)
            msk_exchange_expire(discovery, now, discovery->exchanges[i - 1], out);
    if (discovery->contacts_due_ms > now.mono_ms)
        return;
    discovery->contacts_due_ms = MSK_NEVER;
    for (size_t i = 0; i < discovery->contact_count; i++) {
        struct msk_contact *contact = discovery->contacts[i];
        start_due(discovery, now, contact, out);
        discovery->contacts_due_ms = earlier(discovery->contacts_due_ms, due_of(contact));
    }
}

uint64_t msk_discovery_deadline(const struct msk_discovery *discovery)
{
    uint64_t deadline_ms = discovery->contacts_due_ms;
    for (size_t i = 0; i < discovery->exchange_count; i++)
        deadline_ms = earlier(deadline_ms, discovery->exchanges[i]->deadline_ms);
    return deadline_ms;
}

uint64_t msk_discovery_syncs(const struct msk_discovery *discovery)
{
    return discovery->syncs;
}

bool msk_discovery_view(const struct msk_discovery *discovery, const struct msk_digest *peer,
                        struct msk_contact_view *out)
{
    const struct msk_contact *contact = msk_contact_find(discovery, peer);
    if (contact)
        *out = (struct msk_contact_view){contact->acquainted, contact->failures, contact->rtt_us};
    return contact != NULL;
}
