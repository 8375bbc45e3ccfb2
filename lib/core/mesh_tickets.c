/* Tickets on live bonds: checked when a bond begins, when an entry changes, and by time against the wall clock, which
 * may jump (groups.md 2.9, W-32). */
#include "core/mesh.h"

#include <stdio.h>
#include <string.h>

#include "core/mesh_parts.h"
#include "wire/close_code.h"

#define TICKET_CHECK_MS 60000 /* at least this often */
#define EXPIRING_MS     60000 /* reported this long before, or with a tenth of the time left */
#define EXPIRING_PART   10
#define ASK_INTERVAL_MS 1000 /* between two syncs with a peer that we refused for want of a ticket */

static int64_t warn_time(int64_t expires_ms, int64_t wall_ms)
{
    if (expires_ms == MSK_TICKET_NEVER)
        return MSK_TICKET_NEVER;
    int64_t part_ms = (expires_ms - wall_ms) / EXPIRING_PART;
    return expires_ms - (part_ms > EXPIRING_MS ? part_ms : EXPIRING_MS);
}

static struct msk_field expiry_field(int64_t expires_ms)
{
    return expires_ms == MSK_TICKET_NEVER ? MSK_F_TEXT("expires_at", "never") : MSK_F_TIME("expires_at", expires_ms);
}

/* Say what is new about somebody's tickets. */
static void report(const struct msk_mesh *mesh, const struct msk_digest *peer, const struct msk_ticket_watch *before,
                   const struct msk_ticket_verdict *verdict, struct msk_actions *out)
{
    const struct msk_digest *group_id = &mesh->config.bond.group_id;
    if (!verdict->valid && (!before->known || before->valid))
        MSK_EMIT(out, group_id, TICKET_EXPIRED, MSK_F_DIGEST("peer", peer), MSK_F_TEXT("reason", verdict->reason),
                 MSK_F_U64("validator", verdict->validator));
    else if (verdict->valid && (!before->known || !before->valid))
        MSK_EMIT(out, group_id, TICKET_VALID, MSK_F_DIGEST("peer", peer), expiry_field(verdict->expires_ms));
    else if (verdict->valid && before->expires_ms != verdict->expires_ms)
        MSK_EMIT(out, group_id, TICKET_REFRESHED, MSK_F_DIGEST("peer", peer), expiry_field(verdict->expires_ms));
}

/* A check that could not be made proves nothing: refused. */
bool msk_mesh_tickets_valid(struct msk_mesh *mesh, struct msk_now now, const struct msk_peer_entry *entry,
                            struct msk_ticket_watch *watch, struct msk_actions *out)
{
    if (mesh->config.validator_count == 0)
        return true;
    struct msk_ticket_verdict verdict;
    int error = msk_tickets_check(mesh->config.validators, mesh->config.validator_count, entry, now.wall_ms, &verdict);
    if (error < 0) {
        verdict = (struct msk_ticket_verdict){0};
        snprintf(verdict.reason, sizeof verdict.reason, "%s", msk_error_sentence(error));
    }
    report(mesh, &entry->address.peer_id, watch, &verdict, out);
    bool same = watch->known && watch->valid && watch->expires_ms == verdict.expires_ms;
    if (!same)
        *watch = (struct msk_ticket_watch){.known = true,
                                           .valid = verdict.valid,
                                           .expires_ms = verdict.expires_ms,
                                           .warn_ms = warn_time(verdict.expires_ms, now.wall_ms)};
    watch->valid = verdict.valid;
    /* The next look is planned by msk_mesh_tickets_due; make sure that there is one. */
    if (mesh->tickets_due_ms > now.mono_ms)
        mesh->tickets_due_ms = now.mono_ms;
    return verdict.valid;
}

bool msk_member_tickets_valid(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member,
                              struct msk_actions *out)
{
    return msk_mesh_tickets_valid(mesh, now, &member->entry->entry, &member->tickets, out);
}

void msk_mesh_own_tickets(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    (void)msk_mesh_tickets_valid(mesh, now, &mesh->host->own->signed_entry.entry, &mesh->own_tickets, out);
}

/* ---- by time */

static void warn_if_due(const struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *peer,
                        struct msk_ticket_watch *watch, struct msk_actions *out)
{
    if (!watch->valid || watch->warned || watch->warn_ms > now.wall_ms || watch->expires_ms <= now.wall_ms)
        return;
    watch->warned = true;
    MSK_EMIT(out, &mesh->config.bond.group_id, TICKET_EXPIRING, MSK_F_DIGEST("peer", peer),
             MSK_F_TIME("expires_at", watch->expires_ms),
             MSK_F_U64("remaining_s", (uint64_t)(watch->expires_ms - now.wall_ms) / 1000));
}

/* Wall time from now until something is to be done about it. */
static int64_t wait_for(const struct msk_ticket_watch *watch, struct msk_now now)
{
    if (!watch->valid)
        return TICKET_CHECK_MS;
    int64_t next_ms = watch->warned ? watch->expires_ms : watch->warn_ms;
    int64_t wait_ms = next_ms == MSK_TICKET_NEVER ? TICKET_CHECK_MS : next_ms - now.wall_ms;
    return wait_ms < 0 ? 0 : wait_ms < TICKET_CHECK_MS ? wait_ms : TICKET_CHECK_MS;
}

static int64_t look_at_own(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    msk_mesh_own_tickets(mesh, now, out);
    warn_if_due(mesh, now, &mesh->config.bond.self, &mesh->own_tickets, out);
    return wait_for(&mesh->own_tickets, now);
}

static int64_t look_at(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    if (!msk_member_tickets_valid(mesh, now, member, out)) {
        msk_mesh_end(mesh, now, member, MSK_CLOSE_NOT_ALLOWED, false, out);
        return TICKET_CHECK_MS;
    }
    warn_if_due(mesh, now, &member->peer, &member->tickets, out);
    return wait_for(&member->tickets, now);
}

void msk_mesh_tickets_due(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    if (mesh->config.validator_count == 0) {
        mesh->tickets_due_ms = MSK_NEVER;
        return;
    }
    int64_t wait_ms = look_at_own(mesh, now, out);
    for (size_t i = 0; i < mesh->member_count; i++) {
        if (!mesh->members[i]->bond)
            continue;
        int64_t member_ms = look_at(mesh, now, mesh->members[i], out);
        wait_ms = member_ms < wait_ms ? member_ms : wait_ms;
    }
    mesh->tickets_due_ms = now.mono_ms + (uint64_t)(wait_ms > 0 ? wait_ms : 1);
}

/* ---- tickets that we may not have heard of */

void msk_member_ask_ticket(struct msk_member *member, struct msk_now now)
{
    member->ask_due_ms = member->ask_from_ms > now.mono_ms ? member->ask_from_ms : now.mono_ms;
}

void msk_mesh_ask_due(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    const struct msk_host *host = mesh->host;
    if (member->ask_due_ms > now.mono_ms)
        return;
    member->ask_due_ms = MSK_NEVER;
    member->ask_from_ms = now.mono_ms + ASK_INTERVAL_MS;
    if (!member->bond)
        (void)host->acquaint(host->node, now, &member->peer, &member->entry->entry.address.addresses, true, out);
}
