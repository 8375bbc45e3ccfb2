/* Accepting a dialler that said HandshakeStart for our group: checks 7 to 12 of groups.md 2.4. */
#include "base/alloc.h"
#include "core/mesh_parts.h"
#include "wire/close_code.h"

/* The process that dials began after our bond with the peer did: that bond is dead, whatever its timer says. Two signs,
 * since clocks differ and the entry we had when the bond began may have been of an older process still. */
static bool has_restarted(const struct msk_member *member, const struct msk_signed_peer_entry *entry)
{
    int64_t started_ms = entry->entry.version.started_ms;
    return member && member->bond && started_ms > member->bond_started_ms && started_ms > member->bond->opened_wall_ms;
}

/* Check 7. A bond that is there refuses a second one, unless both may just have dialled at once (2.6, rule 2), or it
 * shows signs of being dead. */
static bool has_room(const struct msk_member *member, struct msk_now now)
{
    if (!member || !member->bond)
        return true;
    if (member->spare)
        return false;
    bool crossing = member->bond->link->info.dialled && now.mono_ms - member->bond->opened_ms < MSK_SPARE_MS;
    return crossing || member->bond->missed > 0;
}

/* `why`: more than the code says, or NULL. */
static void reject(struct msk_mesh *mesh, struct msk_link *link, uint64_t code, const char *check, const char *why,
                   struct msk_actions *out)
{
    MSK_EMIT(out, &mesh->config.bond.group_id, HANDSHAKE_REJECTED, MSK_F_DIGEST("peer", &link->info.peer),
             MSK_F_U64("code", code), MSK_F_TEXT("phrase", msk_close_name(code)), MSK_F_TEXT("check", check),
             MSK_F_TEXT("why", why));
    msk_host_close(mesh->host, link, code, false, out);
}

/* A dialler that said HandshakeStart. */
struct caller {
    struct msk_member *member; /* NULL: not taken for one; it costs us nothing lasting before it has proved the key */
    const struct msk_signed_peer_entry *entry;
    struct msk_handshake_start *start;
    struct msk_bond *bond;
    struct msk_ticket_watch tickets;
    struct msk_signed_peer_entry_seq news; /* of its list */
    const char *check;                     /* under way, or the one that failed */
};

#define EXAMINE_LATER UINT64_MAX

/* Checks 7 to 9: 0, EXAMINE_LATER, or the code to close with. */
static uint64_t examine(struct msk_mesh *mesh, struct msk_now now, struct caller *caller, struct msk_actions *out)
{
    caller->check = "7";
    if (!has_room(caller->member, now) && !has_restarted(caller->member, caller->entry))
        return MSK_CLOSE_ALREADY_BONDED;
    caller->check = "9";
    bool proven = msk_bond_check_proof(caller->bond, &mesh->config.bond, &caller->start->proof) == 0;
    if (!proven && msk_mesh_asks_programs(mesh)) /* no program works for strangers */
        return MSK_CLOSE_INVALID_PROOF;
    caller->check = "8";
    bool allowed = msk_mesh_tickets_valid(mesh, now, &caller->entry->entry, &caller->tickets, out);
    if (caller->tickets.pending)
        return EXAMINE_LATER;
    if (!allowed)
        return MSK_CLOSE_NOT_ALLOWED;
    caller->check = "9";
    return proven ? 0 : MSK_CLOSE_INVALID_PROOF;
}

/* What was put off of check 4a (mesh.h). 0, or the code to close with. */
static uint64_t examine_list(struct msk_mesh *mesh, struct msk_now now, struct caller *caller, struct msk_actions *out)
{
    struct msk_error err = {0};
    const struct msk_digest *peer = &caller->bond->link->info.peer;
    int error = msk_mesh_check_list(mesh, now, peer, &caller->start->bonds, &caller->news, &err, out);
    caller->check = "4a";
    if (error == MSK_E_NOMEM)
        return MSK_CLOSE_UNEXPECTED_CLOSE;
    if (error < 0)
        MSK_EMIT(out, &mesh->config.bond.group_id, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", peer),
                 MSK_F_TEXT("detail", err.text));
    return error < 0 ? MSK_CLOSE_PROTOCOL_VIOLATION : 0;
}

/* Steps 10 to 12. */
static void welcome(struct msk_mesh *mesh, struct msk_now now, const struct caller *caller, struct msk_actions *out)
{
    struct msk_signed_peer_entry_seq bonds;
    struct msk_member *member = caller->member;
    struct msk_link *link = caller->bond->link;
    int error = msk_mesh_list(mesh, member, &bonds);
    if (error == 0)
        error = msk_bond_send_end(caller->bond, &mesh->config.bond, &bonds, out);
    msk_free(bonds.items);
    if (error < 0) {
        msk_free(caller->bond);
        reject(mesh, link, MSK_CLOSE_UNEXPECTED_CLOSE, "10", msk_error_sentence(error), out);
        return;
    }
    if (has_restarted(member, member->entry))
        msk_mesh_end(mesh, now, member, MSK_CLOSE_TIMEOUT, false, out);
    link->owner = MSK_OWNER_GROUP;
    link->object = mesh->events.group;
    msk_mesh_complete(mesh, now, caller->bond, out);
    msk_mesh_take_list(mesh, now, member, &caller->start->bonds, &caller->news, out);
}

/* With what may have been found out about its tickets. */
static void turn_away(struct msk_mesh *mesh, struct msk_now now, const struct caller *caller, struct msk_link *link,
                      uint64_t code, struct msk_actions *out)
{
    char fault[MSK_TICKET_FAULT_SIZE];
    bool refused = code == MSK_CLOSE_NOT_ALLOWED;
    msk_free(caller->bond);
    reject(mesh, link, code, caller->check, refused ? msk_ticket_fault(&caller->tickets, "it", fault) : NULL, out);
    if (refused && caller->member)
        msk_member_ask_ticket(caller->member, now);
}

bool msk_mesh_accept(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link,
                     const struct msk_signed_peer_entry *entry, struct msk_handshake_start *start,
                     struct msk_actions *out)
{
    struct caller caller = {
        .member = msk_member_find(mesh, &link->info.peer), .entry = entry, .start = start, .check = "7"};
    caller.bond = msk_mesh_new_bond(mesh, caller.member, link, now);
    if (caller.member)
        caller.tickets = caller.member->tickets;
    uint64_t code = caller.bond ? examine(mesh, now, &caller, out) : MSK_CLOSE_UNEXPECTED_CLOSE;
    if (code == EXAMINE_LATER) {
        msk_free(caller.bond);
        return false;
    }
    if (code == 0)
        code = examine_list(mesh, now, &caller, out);
    if (code == 0) {
        caller.check = "10";
        caller.bond->peer = caller.member = msk_member_of(mesh, entry, true);
        code = caller.member ? 0 : MSK_CLOSE_UNEXPECTED_CLOSE;
    }
    if (caller.member)
        caller.member->tickets = caller.tickets;
    if (code)
        turn_away(mesh, now, &caller, link, code, out);
    else
        welcome(mesh, now, &caller, out);
    return true;
}
