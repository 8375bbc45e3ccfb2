/* What the other end of a connection says: the answer to our handshake (groups.md 2.3), then messages (2.7, 2.9). */
#include <stdio.h>

#include "base/text.h"
#include "core/mesh_parts.h"
#include "wire/close_code.h"
#include "wire/frame.h"

/* ---- what cannot be */

static void violation(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_bytes frame,
                      const char *detail, struct msk_actions *out)
{
    char text[MSK_ERROR_TEXT_MAX + 64], prefix[2 * 16 + 1];
    msk_hex_encode(MSK_BYTES(frame.data, frame.len < 16 ? frame.len : 16), prefix);
    snprintf(text, sizeof text, "%s (frame of %zu bytes: %s%s)", detail, frame.len, prefix,
             frame.len > 16 ? "..." : "");
    struct msk_member *member = bond->peer;
    MSK_EMIT(out, &mesh->config.bond.group_id, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_TEXT("detail", text));
    if (bond == member->dial)
        msk_mesh_dial_over(mesh, now, member, MSK_CLOSED_LOCAL, MSK_CLOSE_PROTOCOL_VIOLATION, text, out);
    else
        msk_mesh_end(mesh, now, member, MSK_CLOSE_PROTOCOL_VIOLATION, false, out);
}

/* Memory running out is our own fault, not the peer's. */
static void undecodable(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_bytes frame,
                        int error, const char *detail, struct msk_actions *out)
{
    if (error != MSK_E_NOMEM)
        violation(mesh, now, bond, frame, detail, out);
    else if (bond == ((struct msk_member *)bond->peer)->dial)
        msk_mesh_dial_over(mesh, now, bond->peer, MSK_CLOSED_LOCAL, MSK_CLOSE_UNEXPECTED_CLOSE, "out of memory", out);
    else
        msk_mesh_end(mesh, now, bond->peer, MSK_CLOSE_UNEXPECTED_CLOSE, false, out);
}

/* ---- messages */

static void receive_end(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_bytes frame,
                        struct msk_handshake_end *end, struct msk_actions *out)
{
    struct msk_signed_peer_entry_seq news;
    struct msk_error err = {0};
    struct msk_member *member = bond->peer;
    if (msk_bond_check_proof(bond, &mesh->config.bond, &end->proof) < 0) {
        msk_mesh_dial_over(mesh, now, member, MSK_CLOSED_LOCAL, MSK_CLOSE_INVALID_PROOF, "wrong proof", out);
        return;
    }
    int error = msk_mesh_check_list(mesh, now, &member->peer, &end->bonds, &news, &err, out);
    if (error < 0) {
        undecodable(mesh, now, bond, frame, error, err.text, out);
        return;
    }
    member->dial = NULL;
    mesh->dial_count--;
    bool list_withheld = !member->proven;
    msk_mesh_complete(mesh, now, bond, out);
    if (list_withheld)
        msk_mesh_tell_bonds(mesh, member, out);
    msk_mesh_take_list(mesh, now, member, &end->bonds, &news, out);
}

/* groups.md 2.9. Only the peer's own entry counts (W-17). */
static void receive_update(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_bytes frame,
                           const struct msk_signed_peer_entry *entry, struct msk_actions *out)
{
    struct msk_member *member = bond->peer;
    if (!msk_digest_equal(&entry->entry.address.peer_id, &member->peer)) {
        violation(mesh, now, bond, frame, "an entry of another peer in PeerEntryUpdate", out);
        return;
    }
    char version[48];
    snprintf(version, sizeof version, "%lld.%lld", (long long)entry->entry.version.started_ms,
             (long long)entry->entry.version.updated_ms);
    enum msk_catalog_outcome outcome =
        mesh->host->learn(mesh->host->node, now, entry, MSK_SOURCE_UPDATE, MSK_TURN_BY_ID, out);
    MSK_EMIT(out, &mesh->config.bond.group_id, PEER_ENTRY_UPDATE, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_TEXT("version", version), MSK_F_TEXT("outcome", msk_catalog_outcome_text(outcome)));
    msk_watch_clock(now, entry, "PeerEntryUpdate", &member->skew_reported, out);
    if (entry->entry.version.started_ms > member->bond_started_ms)
        member->bond_started_ms = entry->entry.version.started_ms;
}

static void receive(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_bytes frame,
                    const struct msk_bond_message *message, struct msk_actions *out)
{
    struct msk_member *member = bond->peer;
    switch (message->kind) {
    case MSK_BOND_PING:
        msk_bond_send_kind(bond, MSK_BOND_PONG, out);
        break;
    case MSK_BOND_PONG:
        break;
    case MSK_BOND_DEPARTURE:
        msk_mesh_departed(mesh, now, member, out);
        break;
    case MSK_BOND_PEER_ENTRY_UPDATE:
        receive_update(mesh, now, bond, frame, &message->entry, out);
        break;
    case MSK_BOND_FORMED:
        msk_member_linked(member, &message->entry.entry.address.peer_id);
        msk_mesh_pairs_changed(mesh, now);
        msk_mesh_hear_of(mesh, now, &message->entry, MSK_SOURCE_FORMED, out);
        break;
    case MSK_BOND_RAFT:
        if (mesh->events.raft(mesh->events.group, now, &member->peer, &message->raft, out) < 0)
            violation(mesh, now, bond, frame, "a consensus message out of bounds", out);
        break;
    }
}

void msk_mesh_frame(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link, struct msk_bytes frame,
                    struct msk_actions *out)
{
    struct msk_bond *bond = link->context;
    bool greeting = bond->state != MSK_BOND_OPEN;
    union {
        struct msk_handshake_end end;
        struct msk_bond_message message;
    } decoded;
    struct msk_arena arena;
    struct msk_error err = {0};
    msk_arena_init(&arena, MSK_DECODE_BUDGET(frame.len));
    int error = greeting ? msk_decode_unchecked(MSK_TYPE(handshake_end), frame, &arena, &decoded, &err)
                         : msk_decode(MSK_TYPE(bond_message), frame, &arena, &decoded, &err);
    if (error < 0) {
        undecodable(mesh, now, bond, frame, error, err.text, out);
    } else if (greeting) {
        receive_end(mesh, now, bond, frame, &decoded.end, out);
    } else {
        msk_bond_heard(bond, now, &mesh->config.bond, &mesh->random, frame.len);
        mesh->events.heard(mesh->events.group, now, &link->info.peer);
        receive(mesh, now, bond, frame, &decoded.message, out);
    }
    msk_arena_free(&arena);
}

size_t msk_mesh_frame_max(const struct msk_link *link)
{
    const struct msk_bond *bond = link->context;
    return bond->state == MSK_BOND_OPEN ? MSK_FRAME_MAX_BOND : MSK_GROUP_HANDSHAKE_MAX;
}
