#include "core/own_entry.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/identity.h"

/* wire.md 4.3. A clock that was set back far would leave our entry so deep in the future that nobody takes it (D.1):
 * the entry then starts over, as a restarted process's would. */
static struct msk_entry_version next_version(struct msk_entry_version version, int64_t wall_ms)
{
    int64_t updated_ms = (version.updated_ms > wall_ms ? version.updated_ms : wall_ms) + 1;
    if (updated_ms - wall_ms >= MSK_CLOCK_DRIFT_MAX_MS)
        return (struct msk_entry_version){wall_ms, wall_ms};
    return (struct msk_entry_version){version.started_ms, updated_ms};
}

static int check_size(const struct msk_signed_peer_entry *entry)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, MSK_OWN_ENTRY_MAX);
    int error = msk_encode(MSK_TYPE(signed_peer_entry), entry, &encoded);
    msk_builder_free(&encoded);
    return error;
}

/* Sign the entry as it stands now under the next version; on failure version and signature stay as they were. */
static int sign(struct msk_own_entry *own, struct msk_now now)
{
    struct msk_signed_peer_entry next = own->signed_entry;
    next.entry.version = next_version(next.entry.version, now.wall_ms);
    int error = msk_peer_entry_sign(&next, own->secret);
    if (error == 0)
        error = check_size(&next);
    if (error < 0)
        return error;
    own->signed_entry = next;
    return 0;
}

static void plan_refresh(struct msk_own_entry *own, struct msk_now now)
{
    uint64_t interval_ms = own->refresh_interval_ms;
    own->refresh_ms = now.mono_ms + interval_ms / 2 + msk_random_below(&own->random, interval_ms + 1);
}

int msk_own_entry_init(struct msk_own_entry *own, const uint8_t secret[MSK_SECRET_LEN],
                       const struct msk_digest *network_id, uint64_t refresh_interval_ms, uint64_t seed,
                       struct msk_now now)
{
    memset(own, 0, sizeof *own);
    memcpy(own->secret, secret, MSK_SECRET_LEN);
    own->refresh_interval_ms = refresh_interval_ms ? refresh_interval_ms : MSK_REFRESH_INTERVAL_MS;
    msk_random_seed(&own->random, seed);

    struct msk_peer_entry *entry = &own->signed_entry.entry;
    entry->protocol = msk_bytes_of_text(MSK_PROTOCOL_VERSION);
    entry->network = *network_id;
    entry->version = (struct msk_entry_version){now.wall_ms, now.wall_ms};
    entry->address.addresses.items = own->addresses;
    entry->groups.items = own->groups;
    entry->tickets.items = own->tickets;
    int error = msk_ed25519_public(secret, &entry->address.peer_id);
    if (error == 0)
        error = msk_peer_entry_sign(&own->signed_entry, secret);
    if (error < 0)
        msk_own_entry_free(own);
    else
        plan_refresh(own, now);
    return error;
}

void msk_own_entry_free(struct msk_own_entry *own)
{
    for (size_t i = 0; i < own->signed_entry.entry.tickets.count; i++)
        msk_free((void *)own->tickets[i].ticket.data.data);
    msk_wipe(own, sizeof *own);
}

int msk_own_entry_refresh(struct msk_own_entry *own, struct msk_now now)
{
    plan_refresh(own, now);
    return sign(own, now);
}

int msk_own_entry_for_ping(const struct msk_own_entry *own, struct msk_now now, struct msk_signed_peer_entry *out)
{
    *out = own->signed_entry;
    out->entry.version = next_version(out->entry.version, now.wall_ms);
    return msk_peer_entry_sign(out, own->secret);
}

/* ---- addresses */

static int compare_addresses(const void *a, const void *b)
{
    return msk_compare(MSK_TYPE(transport_addr), a, b);
}

/* Sorted and without repetitions, as a set is written. */
static size_t make_address_set(const struct msk_socket_addr *from, size_t count, struct msk_transport_addr *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (struct msk_transport_addr){.kind = MSK_ADDR_IP, .ip = from[i]};
    qsort(to, count, sizeof *to, compare_addresses);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || compare_addresses(&to[kept - 1], &to[i]) != 0)
            to[kept++] = to[i];
    return kept;
}

static bool same_addresses(const struct msk_transport_addr_set *set, const struct msk_transport_addr *items,
                           size_t count)
{
    if (set->count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (compare_addresses(&set->items[i], &items[i]) != 0)
            return false;
    return true;
}

int msk_own_entry_set_addresses(struct msk_own_entry *own, struct msk_now now, const struct msk_socket_addr *addresses,
                                size_t count)
{
    if (count > MSK_OWN_ADDRESSES_MAX)
        return MSK_E_LIMIT;
    struct msk_transport_addr_set *set = &own->signed_entry.entry.address.addresses;
    struct msk_transport_addr wanted[MSK_OWN_ADDRESSES_MAX] = {0}, old[MSK_OWN_ADDRESSES_MAX];
    size_t wanted_count = make_address_set(addresses, count, wanted), old_count = set->count;
    if (same_addresses(set, wanted, wanted_count))
        return 0;
    memcpy(old, own->addresses, sizeof old);
    memcpy(own->addresses, wanted, sizeof wanted);
    set->count = wanted_count;
    int error = sign(own, now);
    if (error == 0)
        return 1;
    memcpy(own->addresses, old, sizeof old);
    set->count = old_count;
    return error;
}

/* ---- sorted lists of things that begin with a digest: groups, tickets */

/* Where the digest is, or belongs; `*found` tells which. */
static size_t position_of(const void *items, size_t count, size_t item_size, const struct msk_digest *digest,
                          bool *found)
{
    size_t at = 0;
    int order = 1;
    while (at < count && (order = msk_digest_compare((const void *)((const char *)items + at * item_size), digest)) < 0)
        at++;
    *found = at < count && order == 0;
    return at;
}

static void open_gap(void *items, size_t *count, size_t item_size, size_t at)
{
    char *place = (char *)items + at * item_size;
    memmove(place + item_size, place, (*count - at) * item_size);
    (*count)++;
}

static void close_gap(void *items, size_t *count, size_t item_size, size_t at)
{
    char *place = (char *)items + at * item_size;
    (*count)--;
    memmove(place, place + item_size, (*count - at) * item_size);
}

int msk_own_entry_add_group(struct msk_own_entry *own, struct msk_now now, const struct msk_digest *group_id)
{
    struct msk_digest_seq *groups = &own->signed_entry.entry.groups;
    bool found;
    size_t at = position_of(own->groups, groups->count, sizeof *own->groups, group_id, &found);
    if (found)
        return 0;
    if (groups->count == MSK_OWN_GROUPS_MAX)
        return MSK_E_LIMIT;
    open_gap(own->groups, &groups->count, sizeof *own->groups, at);
    own->groups[at] = *group_id;
    int error = sign(own, now);
    if (error == 0)
        return 1;
    close_gap(own->groups, &groups->count, sizeof *own->groups, at);
    return error;
}

int msk_own_entry_remove_group(struct msk_own_entry *own, struct msk_now now, const struct msk_digest *group_id)
{
    struct msk_digest_seq *groups = &own->signed_entry.entry.groups;
    bool found;
    size_t at = position_of(own->groups, groups->count, sizeof *own->groups, group_id, &found);
    if (!found)
        return 0;
    struct msk_digest removed = own->groups[at];
    close_gap(own->groups, &groups->count, sizeof *own->groups, at);
    int error = sign(own, now);
    if (error == 0)
        return 1;
    open_gap(own->groups, &groups->count, sizeof *own->groups, at);
    own->groups[at] = removed;
    return error;
}

int msk_own_entry_add_ticket(struct msk_own_entry *own, struct msk_now now, const struct msk_ticket *ticket)
{
    struct msk_ticket_map *tickets = &own->signed_entry.entry.tickets;
    struct msk_ticket_entry added = {.id = msk_ticket_id(&ticket->class_id, ticket->data), .ticket = *ticket};
    bool found;
    size_t at = position_of(own->tickets, tickets->count, sizeof *own->tickets, &added.id, &found);
    if (found)
        return 0;
    if (tickets->count == MSK_OWN_TICKETS_MAX)
        return MSK_E_LIMIT;
    added.ticket.data.data = msk_memdup(ticket->data.data, ticket->data.len);
    if (!added.ticket.data.data)
        return MSK_E_NOMEM;
    open_gap(own->tickets, &tickets->count, sizeof *own->tickets, at);
    own->tickets[at] = added;
    int error = sign(own, now);
    if (error == 0)
        return 1;
    close_gap(own->tickets, &tickets->count, sizeof *own->tickets, at);
    msk_free((void *)added.ticket.data.data);
    return error;
}

int msk_own_entry_remove_ticket(struct msk_own_entry *own, struct msk_now now, const struct msk_digest *ticket_id)
{
    struct msk_ticket_map *tickets = &own->signed_entry.entry.tickets;
    bool found;
    size_t at = position_of(own->tickets, tickets->count, sizeof *own->tickets, ticket_id, &found);
    if (!found)
        return 0;
    struct msk_ticket_entry removed = own->tickets[at];
    close_gap(own->tickets, &tickets->count, sizeof *own->tickets, at);
    int error = sign(own, now);
    if (error == 0) {
        msk_free((void *)removed.ticket.data.data);
        return 1;
    }
    open_gap(own->tickets, &tickets->count, sizeof *own->tickets, at);
    own->tickets[at] = removed;
    return error;
}
