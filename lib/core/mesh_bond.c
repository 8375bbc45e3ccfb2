/* Bonds: how they are accepted, which of two connections stays, what their messages do, how they end (groups.md 2.3 to
 * 2.10). */
#include "core/mesh.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "core/mesh_parts.h"
#include "wire/close_code.h"
#include "wire/frame.h"

struct msk_bond *msk_mesh_new_bond(struct msk_mesh *mesh, struct msk_member *member, struct msk_link *link,
                                   struct msk_now now)
{
    struct msk_bond *bond = msk_calloc(1, sizeof *bond);
    if (!bond)
        return NULL;
    bond->link = link;
    bond->peer = member;
    bond->total = &mesh->traffic;
    bond->started_ms = now.mono_ms;
    link->context = bond;
    return bond;
}

/* ---- one of two connections (groups.md 2.6) */

static const char *direction(const struct msk_bond *bond)
{
    return bond->link->info.dialled ? "dialled" : "accepted";
}

/* Both ends must come to the same answer: the connection that the smaller id dialled. One that shows signs of being
 * dead is out of the question; and who dials a second time has lost the first. */
static bool prefer_second(const struct msk_mesh *mesh, const struct msk_member *member, const struct msk_bond *first,
                          const struct msk_bond *second)
{
    if (first->missed > 0 || first->link->info.dialled == second->link->info.dialled)
        return true;
    bool we_are_smaller = msk_digest_compare(&mesh->config.bond.self, &member->peer) < 0;
    return second->link->info.dialled == we_are_smaller;
}

static void swap_bonds(struct msk_member *member)
{
    struct msk_bond *bond = member->bond;
    uint64_t heard = member->bond_heard;
    member->bond = member->spare;
    member->spare = bond;
    member->bond_heard = member->spare_heard;
    member->spare_heard = heard;
}

static void report_duplicate(const struct msk_mesh *mesh, const struct msk_member *member, const struct msk_bond *kept,
                             const struct msk_bond *closed, struct msk_actions *out)
{
    MSK_EMIT(out, &mesh->config.bond.group_id, BOND_DUPLICATE, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_TEXT("kept", direction(kept)), MSK_F_TEXT("closed", direction(closed)));
}

/* Close the spare ourselves; what was sent on it gets there first. */
static void close_spare(struct msk_mesh *mesh, struct msk_member *member, struct msk_actions *out)
{
    report_duplicate(mesh, member, member->bond, member->spare, out);
    msk_host_close(mesh->host, member->spare->link, MSK_CLOSE_ALREADY_BONDED, true, out);
    msk_free(member->spare);
    member->spare = NULL;
}

/* A second connection: keep both for a while, and send at once on the one that will stay if the peer agrees. */
static void keep_as_spare(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_bond *second)
{
    member->spare = second;
    member->spare_since_ms = now.mono_ms;
    member->bond_heard = member->bond->traffic.frames_in;
    member->spare_heard = second->traffic.frames_in;
    if (prefer_second(mesh, member, member->bond, second))
        swap_bonds(member);
}

/* The peer did not close either: drop the one that is silent, or else the less preferred. */
void msk_mesh_spare_due(struct msk_mesh *mesh, struct msk_member *member, struct msk_actions *out)
{
    bool bond_alive = member->bond->traffic.frames_in > member->bond_heard;
    bool spare_alive = member->spare->traffic.frames_in > member->spare_heard;
    if (spare_alive && !bond_alive)
        swap_bonds(member);
    close_spare(mesh, member, out);
}

/* ---- beginning */

static void report_formed(const struct msk_mesh *mesh, struct msk_now now, const struct msk_member *member,
                          struct msk_actions *out)
{
    const struct msk_bond *bond = member->bond;
    MSK_EMIT(out, &mesh->config.bond.group_id, BOND_FORMED, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_DIGEST("bond", &bond->id), MSK_F_TEXT("direction", direction(bond)),
             MSK_F_U64("took_ms", now.mono_ms - bond->started_ms), MSK_F_U64("rtt_us", bond->link->info.rtt_us),
             MSK_F_U64("bonds_total", mesh->bond_count), MSK_F_U64("roster_size", mesh->member_count + 1));
}

static void become_bonded(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_bond *bond,
                          struct msk_actions *out)
{
    bool again = member->proven;
    member->bond = bond;
    member->proven = member->introduced = true;
    member->attempts = member->unknown = member->rebuffs = 0;
    member->last_stage = NULL;
    member->skew_reported = false;
    member->rtt_us = bond->link->info.rtt_us;
    msk_member_plan(member, MSK_WAIT_NOTHING, MSK_NEVER, NULL);
    member->bond_started_ms = member->entry->entry.version.started_ms;
    mesh->bond_count++;
    msk_catalog_set_standing(mesh->host->catalog, &member->peer, MSK_STANDING_MEMBER);
    report_formed(mesh, now, member, out);
    msk_mesh_tell_others(mesh, member, out);
    msk_mesh_pairs_changed(mesh, now);
    mesh->events.bonded(mesh->events.group, now, &member->peer, out);
    /* Members of the reference dial again when any entry changes: what we got back, others may be missing still. */
    if (again)
        mesh->host->refresh(mesh->host->node, now, out);
}

void msk_mesh_complete(struct msk_mesh *mesh, struct msk_now now, struct msk_bond *bond, struct msk_actions *out)
{
    struct msk_member *member = bond->peer;
    msk_bond_open(bond, now);
    if (!member->bond) {
        /* A dial of ours that has not said anything yet can be taken back without harm. */
        if (member->dial && member->dial->state == MSK_BOND_CONNECTING)
            msk_mesh_dial_drop(mesh, member, MSK_CLOSE_DROPPED, out);
        become_bonded(mesh, now, member, bond, out);
        msk_member_tickets_bonded(mesh, member);
    } else if (!member->spare) {
        keep_as_spare(mesh, now, member, bond);
    } else {
        report_duplicate(mesh, member, member->bond, bond, out);
        msk_host_close(mesh->host, bond->link, MSK_CLOSE_ALREADY_BONDED, false, out);
        msk_free(bond);
    }
}

/* ---- accepting (groups.md 2.4) */

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

/* ---- messages */

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

/* ---- ending */

static void report_closed(const struct msk_mesh *mesh, struct msk_now now, const struct msk_member *member,
                          enum msk_closed_by by, uint64_t code, const char *detail, struct msk_actions *out)
{
    const char *name = by == MSK_CLOSED_TRANSPORT ? "" : msk_close_name(code);
    const char *phrase = *name ? name : detail ? detail : "connection lost";
    const struct msk_bond *bond = member->bond;
    MSK_EMIT(out, &mesh->config.bond.group_id, BOND_CLOSED, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_DIGEST("bond", &bond->id), MSK_F_U64("code", code), MSK_F_TEXT("phrase", phrase),
             MSK_F_TEXT("by", msk_closed_by_name(by)), MSK_F_U64("lifetime_ms", now.mono_ms - bond->opened_ms),
             MSK_F_U64("last_recv_ms", now.mono_ms - bond->heard_ms), MSK_F_U64("missed", bond->missed),
             MSK_F_U64("bytes_in", bond->traffic.bytes_in), MSK_F_U64("bytes_out", bond->traffic.bytes_out),
             MSK_F_U64("frames_in", bond->traffic.frames_in), MSK_F_U64("frames_out", bond->traffic.frames_out),
             MSK_F_TEXT("detail", detail));
}

/* The member has no connection left. Its links are dealt with already. */
static void become_unbonded(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, enum msk_closed_by by,
                            uint64_t code, const char *detail, struct msk_actions *out)
{
    report_closed(mesh, now, member, by, code, detail, out);
    msk_free(member->bond);
    member->bond = NULL;
    member->lost_ms = now.mono_ms;
    member->last_code = by == MSK_CLOSED_TRANSPORT ? 0 : code;
    mesh->bond_count--;
    msk_member_forget_pairs(member);
    mesh->events.unbonded(mesh->events.group, now, &member->peer, out);
    if (!member->dial)
        (void)msk_member_redial(mesh, now, member, now.mono_ms, by, code, out);
}

/* Close bond and spare; `by` is who is reported as the cause. */
static void end_bond(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, enum msk_closed_by by,
                     uint64_t code, bool flush, struct msk_actions *out)
{
    if (member->spare) {
        msk_host_close(mesh->host, member->spare->link, code, false, out);
        msk_free(member->spare);
        member->spare = NULL;
    }
    msk_host_close(mesh->host, member->bond->link, code, flush, out);
    become_unbonded(mesh, now, member, by, code, NULL, out);
}

void msk_mesh_end(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, uint64_t code, bool flush,
                  struct msk_actions *out)
{
    end_bond(mesh, now, member, MSK_CLOSED_LOCAL, code, flush, out);
}

void msk_mesh_departed(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    end_bond(mesh, now, member, MSK_CLOSED_PEER, MSK_CLOSE_CANCELLED, false, out);
}

void msk_mesh_closed(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link,
                     const struct msk_link_close *close, struct msk_actions *out)
{
    struct msk_bond *bond = link->context;
    struct msk_member *member = bond->peer;
    enum msk_closed_by by = close->stream_ended ? MSK_CLOSED_LOCAL : close->by;
    uint64_t code = close->code;
    if (close->stream_ended) /* wire.md 3.2 */
        code = close->inside_frame && bond->state != MSK_BOND_OPEN ? MSK_CLOSE_INVALID_HANDSHAKE
                                                                   : MSK_CLOSE_UNEXPECTED_CLOSE;
    if (bond == member->dial) {
        msk_mesh_dial_over(mesh, now, member, by, code, close->detail, out);
        return;
    }
    if (close->stream_ended)
        msk_act_close(out, link->number, code, false);
    if (bond == member->bond && member->spare)
        swap_bonds(member);
    if (bond == member->spare) { /* the other one becomes the bond, or is it already (groups.md 2.6, rule 3) */
        report_duplicate(mesh, member, member->bond, bond, out);
        msk_links_remove(mesh->host->links, link);
        member->spare = NULL;
        msk_free(bond);
        return;
    }
    become_unbonded(mesh, now, member, by, code, close->detail, out);
    msk_links_remove(mesh->host->links, link);
}
