/* The mesh for people and scripts: bonds, and why others have none (groups.md 8.2, cli.md "JSON members"). */
#include "core/mesh.h"

#include "core/mesh_parts.h"
#include "wire/address.h"
#include "wire/close_code.h"

static json_t *time_json(int64_t wall_ms)
{
    char text[MSK_TIME_TEXT_SIZE];
    return json_string(msk_time_ms_text(wall_ms, text));
}

static json_t *expiry_json(const struct msk_mesh *mesh, const struct msk_ticket_watch *watch)
{
    if (mesh->config.validator_count == 0 || !watch->valid)
        return json_null();
    return watch->expires_ms == MSK_TICKET_NEVER ? json_string("never") : time_json(watch->expires_ms);
}

static json_t *bond_json(const struct msk_mesh *mesh, struct msk_now now, const struct msk_member *member)
{
    char peer[MSK_DIGEST_TEXT_SIZE], id[MSK_DIGEST_TEXT_SIZE], address[MSK_SOCKET_TEXT_SIZE];
    const struct msk_bond *bond = member->bond;
    /* clang-format off */
    return json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:b}",
                     "peer", msk_digest_text(&member->peer, peer),
                     "address", msk_socket_addr_text(&bond->link->info.remote, address),
                     "direction", bond->link->info.dialled ? "dialled" : "accepted",
                     "rtt_us", (json_int_t)bond->link->info.rtt_us,
                     "since", time_json(bond->opened_wall_ms),
                     "ticket_expires", expiry_json(mesh, &member->tickets),
                     "bond", msk_digest_text(&bond->id, id),
                     "last_recv_ms", (json_int_t)(now.mono_ms - bond->heard_ms),
                     "missed", (json_int_t)bond->missed,
                     "frames_in", (json_int_t)bond->traffic.frames_in,
                     "frames_out", (json_int_t)bond->traffic.frames_out,
                     "bytes_in", (json_int_t)bond->traffic.bytes_in,
                     "bytes_out", (json_int_t)bond->traffic.bytes_out,
                     "spare", member->spare != NULL);
    /* clang-format on */
}

static const char *state_name(const struct msk_member *member)
{
    static const char *const waits[] = {
        [MSK_WAIT_NOTHING] = "idle",          [MSK_WAIT_DUE] = "waiting",
        [MSK_WAIT_SYNC] = "syncing",          [MSK_WAIT_ENTRY] = "until its entry changes",
        [MSK_WAIT_TICKET] = "until a ticket", [MSK_WAIT_QUARANTINE] = "quarantined"};
    return member->dial ? "dialling" : waits[member->wait];
}

static json_t *unbonded_json(const struct msk_mesh *mesh, struct msk_now now, const struct msk_member *member)
{
    char peer[MSK_DIGEST_TEXT_SIZE], fault[MSK_TICKET_FAULT_SIZE];
    bool timed = !member->dial && member->wait != MSK_WAIT_NOTHING && member->due_ms != MSK_NEVER;
    uint64_t retry_ms = timed && member->due_ms > now.mono_ms ? member->due_ms - now.mono_ms : 0;
    /* clang-format off */
    return json_pack("{s:s, s:s, s:I, s:o, s:s?, s:I, s:s, s:s?}",
                     "peer", msk_digest_text(&member->peer, peer),
                     "state", state_name(member),
                     "attempts", (json_int_t)member->attempts,
                     "retry_in_ms", timed ? json_integer((json_int_t)retry_ms) : json_null(),
                     "last_stage", member->last_stage,
                     "code", (json_int_t)member->last_code,
                     "name", msk_close_name(member->last_code), "why",
                     msk_member_refusal(mesh, member, fault));
    /* clang-format on */
}

json_t *msk_mesh_tickets_json(const struct msk_mesh *mesh)
{
    const struct msk_ticket_watch *own = &mesh->own_tickets;
    if (mesh->config.validator_count == 0 || !own->known)
        return json_null();
    if (own->valid)
        return json_pack("{s:b, s:o, s:n, s:n}", "valid", 1, "expires", expiry_json(mesh, own), "reason", "validator");
    return json_pack("{s:b, s:n, s:s, s:I}", "valid", 0, "expires", "reason", own->reason, "validator",
                     (json_int_t)own->validator);
}

/* Appends, or frees the list: a half one would mislead. */
static json_t *append(json_t *list, json_t *item)
{
    if (json_array_append_new(list, item) == 0)
        return list;
    json_decref(list);
    return NULL;
}

json_t *msk_mesh_bonds_json(const struct msk_mesh *mesh, struct msk_now now)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < mesh->member_count; i++)
        if (mesh->members[i]->bond)
            list = append(list, bond_json(mesh, now, mesh->members[i]));
    return list;
}

json_t *msk_mesh_unbonded_json(const struct msk_mesh *mesh, struct msk_now now)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < mesh->member_count; i++)
        if (!mesh->members[i]->bond)
            list = append(list, unbonded_json(mesh, now, mesh->members[i]));
    return list;
}
