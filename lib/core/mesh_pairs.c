/* Who is bonded with whom, as far as members told (groups.md 8.1, mesh_incomplete), and help for pairs that are not:
 * when the version of our entry rises, members of the reference dial again (observed.md).
 *
 * A new bond is reported by both its ends, the loss of one by nobody; and two members of the reference that dialled
 * each other at once report two bonds and then close both (groups.md 2.6). So we help once after every change that we
 * hear of, and go on where a pair has never reported a bond. */
#include "core/mesh.h"

#include <string.h>

#include "base/alloc.h"
#include "core/mesh_parts.h"

/* After a change: for the reports to come in, and for the connections of simultaneous dials to be closed. */
#define PAIR_GRACE_MS 1000
/* While a pair stays incomplete we help again after this, doubling. */
#define PAIR_HELP_MS     2000
#define PAIR_HELP_MAX_MS 60000

/* ---- sets */

static size_t position_of(const struct msk_peer_set *set, const struct msk_digest *peer, bool *found)
{
    size_t low = 0, high = set->count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = msk_digest_compare(&set->items[middle], peer);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

static bool contains(const struct msk_peer_set *set, const struct msk_digest *peer)
{
    bool found;
    (void)position_of(set, peer, &found);
    return found;
}

/* Without memory or room the peer is left out: the worst that follows is help that was not needed. */
static void put(struct msk_peer_set *set, const struct msk_digest *peer)
{
    bool found;
    size_t at = position_of(set, peer, &found);
    if (found || set->count == MSK_MEMBERS_MAX)
        return;
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 8;
        struct msk_digest *items = msk_realloc(set->items, capacity * sizeof *items);
        if (!items)
            return;
        set->items = items;
        set->capacity = capacity;
    }
    memmove(&set->items[at + 1], &set->items[at], (set->count - at) * sizeof *set->items);
    set->items[at] = *peer;
    set->count++;
}

static void clear(struct msk_peer_set *set)
{
    msk_free(set->items);
    *set = (struct msk_peer_set){0};
}

/* ---- what members tell */

void msk_member_linked(struct msk_member *member, const struct msk_digest *peer)
{
    put(&member->linked, peer);
}

void msk_member_list(struct msk_member *member, const struct msk_signed_peer_entry_seq *bonds)
{
    for (size_t i = 0; i < bonds->count; i++)
        put(&member->linked, &bonds->items[i].entry.address.peer_id);
}

void msk_member_forget_pairs(struct msk_member *member)
{
    clear(&member->linked);
    clear(&member->reported);
}

/* ---- what follows */

void msk_mesh_pairs_changed(struct msk_mesh *mesh, struct msk_now now)
{
    mesh->pairs_wait_ms = PAIR_HELP_MS;
    if (mesh->bond_count >= 2 && mesh->pairs_due_ms > now.mono_ms + PAIR_GRACE_MS)
        mesh->pairs_due_ms = now.mono_ms + PAIR_GRACE_MS;
}

static bool is_missing(const struct msk_member *a, const struct msk_member *b)
{
    return !contains(&a->linked, &b->peer) && !contains(&b->linked, &a->peer);
}

static void report(struct msk_mesh *mesh, struct msk_member *a, const struct msk_member *b, struct msk_actions *out)
{
    if (contains(&a->reported, &b->peer))
        return;
    put(&a->reported, &b->peer);
    MSK_EMIT(out, &mesh->config.bond.group_id, MESH_INCOMPLETE, MSK_F_DIGEST("peer", &a->peer),
             MSK_F_DIGEST("other", &b->peer));
}

void msk_mesh_pairs_due(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    bool incomplete = false;
    for (size_t i = 0; i < mesh->member_count; i++)
        for (size_t k = i + 1; k < mesh->member_count && mesh->members[i]->bond; k++)
            if (mesh->members[k]->bond && is_missing(mesh->members[i], mesh->members[k])) {
                report(mesh, mesh->members[i], mesh->members[k], out);
                incomplete = true;
            }
    mesh->pairs_due_ms = incomplete ? now.mono_ms + mesh->pairs_wait_ms : MSK_NEVER;
    mesh->pairs_wait_ms = mesh->pairs_wait_ms * 2 < PAIR_HELP_MAX_MS ? mesh->pairs_wait_ms * 2 : PAIR_HELP_MAX_MS;
    mesh->host->refresh(mesh->host->node, now, out);
}
