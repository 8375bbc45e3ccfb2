/* The bond of a member: how it begins, which of two connections stays, how it ends (groups.md 2.6, 2.10). */
#include "base/alloc.h"
#include "core/mesh_parts.h"
#include "wire/close_code.h"

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
