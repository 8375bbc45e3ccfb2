/* What members tell each other of third ones: the lists of the handshake, BondFormed (groups.md 2.2, 2.7). */
#include "base/alloc.h"
#include "core/mesh_parts.h"

/* ---- told by us */

int msk_mesh_list(const struct msk_mesh *mesh, const struct msk_member *except, struct msk_signed_peer_entry_seq *out)
{
    *out = (struct msk_signed_peer_entry_seq){0};
    out->items = msk_calloc(mesh->bond_count, sizeof *out->items);
    if (!out->items)
        return MSK_E_NOMEM;
    for (size_t i = 0; i < mesh->member_count; i++)
        if (mesh->members[i]->bond && mesh->members[i] != except)
            out->items[out->count++] = *mesh->members[i]->entry;
    return 0;
}

void msk_mesh_tell_others(struct msk_mesh *mesh, const struct msk_member *member, struct msk_actions *out)
{
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *other = mesh->members[i];
        if (other != member && other->bond)
            msk_bond_send_entry(other->bond, MSK_BOND_FORMED, member->entry, out);
    }
}

void msk_mesh_tell_bonds(struct msk_mesh *mesh, struct msk_member *member, struct msk_actions *out)
{
    for (size_t i = 0; member->bond && i < mesh->member_count; i++)
        if (mesh->members[i]->bond && mesh->members[i] != member)
            msk_bond_send_entry(member->bond, MSK_BOND_FORMED, mesh->members[i]->entry, out);
}

/* ---- told to us */

/* Nothing of what it says will be used: it is our own, or the catalog has one that is as new. */
static bool is_known(const struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry)
{
    enum msk_catalog_outcome outcome = msk_catalog_judge(mesh->host->catalog, now, entry);
    return outcome == MSK_CATALOG_OWN || outcome == MSK_CATALOG_NOT_NEWER;
}

int msk_mesh_check_list(const struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *from,
                        struct msk_signed_peer_entry_seq *list, struct msk_signed_peer_entry_seq *news,
                        struct msk_error *err, struct msk_actions *out)
{
    if (list->count > MSK_LIST_MAX) {
        MSK_EMIT(out, &mesh->config.bond.group_id, LIMIT_HIT, MSK_F_TEXT("which", "entries of one handshake list"),
                 MSK_F_DIGEST("peer", from), MSK_F_U64("value", list->count));
        list->count = MSK_LIST_MAX;
    }
    *news = (struct msk_signed_peer_entry_seq){list->items, 0};
    for (size_t i = 0; i < list->count; i++) {
        const struct msk_signed_peer_entry entry = list->items[i];
        if (is_known(mesh, now, &entry))
            continue;
        int error = msk_check(MSK_TYPE(signed_peer_entry), &entry, err);
        if (error < 0)
            return msk_wrap(err, error, "bonds[%zu]", i);
        list->items[i] = news->items[news->count];
        news->items[news->count++] = entry;
    }
    return 0;
}

void msk_mesh_hear_of(struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry,
                      enum msk_entry_source source, struct msk_actions *out)
{
    mesh->host->learn(mesh->host->node, now, entry, source, MSK_TURN_BY_ID, out);
    msk_mesh_consider(mesh, now, entry, MSK_TURN_BY_ID, source == MSK_SOURCE_FORMED ? "bond_formed" : "handshake_list",
                      out);
}

void msk_mesh_take_list(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member,
                        const struct msk_signed_peer_entry_seq *list, const struct msk_signed_peer_entry_seq *news,
                        struct msk_actions *out)
{
    msk_member_list(member, list);
    for (size_t i = 0; i < news->count; i++)
        msk_mesh_hear_of(mesh, now, &news->items[i], MSK_SOURCE_HANDSHAKE, out);
    /* The others by the catalog's entry: theirs was not checked. */
    for (size_t i = news->count; i < list->count; i++) {
        const struct msk_signed_peer_entry *known =
            msk_catalog_find(mesh->host->catalog, now.wall_ms, &list->items[i].entry.address.peer_id);
        if (known)
            msk_mesh_consider(mesh, now, known, MSK_TURN_BY_ID, "handshake_list", out);
    }
}
