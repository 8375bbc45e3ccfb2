/* Tickets on live bonds: checked when a bond begins, when an entry changes, and by time against the wall clock, which
 * may jump (groups.md 2.9, W-32). */
#include "core/mesh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mesh_parts.h"
#include "wire/close_code.h"

#define TICKET_CHECK_MS     60000 /* at least this often */
#define CLOCK_JUMP_MS       500   /* the wall clock against the monotonic one, from one look to the next */
#define EXPIRING_MS         60000 /* reported this long before, or with a tenth of the time left, */
#define EXPIRING_PART       10
#define EXPIRING_PART_SHORT 3    /* but not with more than a third: a short one is renewed at half time, say */
#define ASK_INTERVAL_MS     1000 /* between two syncs with a peer that we refused for want of a ticket */

static int64_t warn_time(int64_t expires_ms, int64_t wall_ms)
{
    if (expires_ms == MSK_TICKET_NEVER)
        return MSK_TICKET_NEVER;
    int64_t left_ms = expires_ms - wall_ms, before_ms = left_ms / EXPIRING_PART;
    if (before_ms < EXPIRING_MS)
        before_ms = EXPIRING_MS;
    if (before_ms > left_ms / EXPIRING_PART_SHORT)
        before_ms = left_ms / EXPIRING_PART_SHORT;
    return expires_ms - before_ms;
}

/* ---- what is told */

static void emit_expiry(const struct msk_mesh *mesh, struct msk_now now, enum msk_event_kind kind,
                        const struct msk_digest *peer, int64_t expires_ms, struct msk_actions *out)
{
    bool never = expires_ms == MSK_TICKET_NEVER;
    int64_t left_ms = never || expires_ms < now.wall_ms ? 0 : expires_ms - now.wall_ms;
    const struct msk_field fields[] = {
        MSK_F_DIGEST("peer", peer),
        never ? MSK_F_TEXT("expires_at", "never") : MSK_F_TIME("expires_at", expires_ms),
        never ? MSK_F_TEXT("remaining_s", NULL) : MSK_F_U64("remaining_s", (uint64_t)left_ms / 1000),
    };
    msk_act_event(out, &mesh->config.bond.group_id, kind, fields, sizeof fields / sizeof fields[0]);
}

/* Say what is new about somebody's tickets. */
static void report(const struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *peer,
                   const struct msk_ticket_watch *before, const struct msk_ticket_verdict *verdict,
                   struct msk_actions *out)
{
    if (!verdict->valid && (!before->known || before->valid || strcmp(before->reason, verdict->reason) != 0))
        MSK_EMIT(out, &mesh->config.bond.group_id, TICKET_EXPIRED, MSK_F_DIGEST("peer", peer),
                 MSK_F_TEXT("reason", verdict->reason), MSK_F_U64("validator", verdict->validator));
    else if (verdict->valid && (!before->known || !before->valid))
        emit_expiry(mesh, now, MSK_EVENT_TICKET_VALID, peer, verdict->expires_ms, out);
    else if (verdict->valid && before->expires_ms != verdict->expires_ms)
        emit_expiry(mesh, now, MSK_EVENT_TICKET_REFRESHED, peer, verdict->expires_ms, out);
}

const char *msk_ticket_fault(const struct msk_ticket_watch *watch, const char *whose, char out[MSK_TICKET_FAULT_SIZE])
{
    if (!watch->known || watch->valid)
        return NULL;
    if (strcmp(watch->reason, MSK_TICKET_MISSING) == 0)
        snprintf(out, MSK_TICKET_FAULT_SIZE, "%s has no ticket for validator %zu", whose, watch->validator);
    else
        snprintf(out, MSK_TICKET_FAULT_SIZE, "%s has no ticket that validator %zu accepts: %s", whose, watch->validator,
                 watch->reason);
    return out;
}

const char *msk_member_refusal(const struct msk_mesh *mesh, const struct msk_member *member,
                               char out[MSK_TICKET_FAULT_SIZE])
{
    const char *fault = msk_ticket_fault(&member->tickets, "it", out);
    if (fault || member->last_code != MSK_CLOSE_NOT_ALLOWED)
        return fault;
    fault = msk_ticket_fault(&mesh->own_tickets, "this node", out);
    return fault ? fault : "this node's tickets are good here: the clocks differ, or it goes by an older entry";
}

/* ---- one look */

/* Wall time from now until something is to be done about it. */
static int64_t wait_for(const struct msk_ticket_watch *watch, struct msk_now now)
{
    if (!watch->valid)
        return TICKET_CHECK_MS;
    int64_t next_ms = watch->warned ? watch->expires_ms : watch->warn_ms;
    int64_t wait_ms = next_ms == MSK_TICKET_NEVER ? TICKET_CHECK_MS : next_ms - now.wall_ms;
    return wait_ms < 1 ? 1 : wait_ms < TICKET_CHECK_MS ? wait_ms : TICKET_CHECK_MS;
}

static void warn_if_due(const struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *peer,
                        struct msk_ticket_watch *watch, struct msk_actions *out)
{
    if (!watch->valid || watch->warned || watch->warn_ms > now.wall_ms)
        return;
    watch->warned = true;
    emit_expiry(mesh, now, MSK_EVENT_TICKET_EXPIRING, peer, watch->expires_ms, out);
}

/* What the programs of validators need. */
struct asking {
    const struct msk_mesh *mesh;
    struct msk_now now;
    struct msk_actions *out;
};

static int ask_program(void *context, const struct msk_validator *validator, const struct msk_ticket *ticket,
                       const struct msk_digest *peer, struct msk_ticket_opinion *opinion)
{
    const struct asking *asking = context;
    return msk_verdicts_look(asking->mesh->host->verdicts, asking->now, validator, ticket, peer, opinion, asking->out);
}

bool msk_mesh_asks_programs(const struct msk_mesh *mesh)
{
    for (size_t i = 0; i < mesh->config.validator_count; i++)
        if (mesh->config.validators[i]->command)
            return true;
    return false;
}

static void look_again(struct msk_mesh *mesh, struct msk_ticket_watch *watch, uint64_t due_ms)
{
    watch->due_ms = due_ms;
    if (due_ms < mesh->tickets_due_ms)
        mesh->tickets_due_ms = due_ms;
}

/* Check an entry, bring the watch up to date, and plan the next look. A check that could not be made proves nothing:
 * refused. While a program has not answered, what was found before counts as long as that would have. */
bool msk_mesh_tickets_valid(struct msk_mesh *mesh, struct msk_now now, const struct msk_peer_entry *entry,
                            struct msk_ticket_watch *watch, struct msk_actions *out)
{
    if (mesh->config.validator_count == 0)
        return true;
    struct msk_ticket_verdict verdict;
    struct asking asking = {mesh, now, out};
    const struct msk_ticket_programs programs = {ask_program, &asking};
    int error = msk_tickets_check(mesh->config.validators, mesh->config.validator_count, entry, now.wall_ms, &programs,
                                  &verdict);
    watch->pending = error == MSK_TICKETS_LATER;
    if (watch->pending) {
        look_again(mesh, watch, now.mono_ms + TICKET_CHECK_MS);
        return watch->known && watch->valid && watch->expires_ms > now.wall_ms;
    }
    if (error < 0) {
        verdict = (struct msk_ticket_verdict){0};
        snprintf(verdict.reason, sizeof verdict.reason, "%s", msk_error_sentence(error));
    }
    report(mesh, now, &entry->address.peer_id, watch, &verdict, out);
    bool same = watch->known && watch->valid && verdict.valid && watch->expires_ms == verdict.expires_ms;
    if (!same)
        *watch = (struct msk_ticket_watch){.known = true,
                                           .valid = verdict.valid,
                                           .expires_ms = verdict.expires_ms,
                                           .warn_ms = warn_time(verdict.expires_ms, now.wall_ms),
                                           .validator = verdict.validator};
    memcpy(watch->reason, verdict.reason, sizeof watch->reason);
    warn_if_due(mesh, now, &entry->address.peer_id, watch, out);
    look_again(mesh, watch, now.mono_ms + (uint64_t)wait_for(watch, now));
    return verdict.valid;
}

bool msk_member_tickets_valid(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member,
                              struct msk_actions *out)
{
    return msk_mesh_tickets_valid(mesh, now, &member->entry->entry, &member->tickets, out);
}

/* While it had no bond nobody waited for that time. */
void msk_member_tickets_bonded(struct msk_mesh *mesh, const struct msk_member *member)
{
    if (member->tickets.known && member->tickets.due_ms < mesh->tickets_due_ms)
        mesh->tickets_due_ms = member->tickets.due_ms;
}

void msk_mesh_own_tickets(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    (void)msk_mesh_tickets_valid(mesh, now, &mesh->host->own->signed_entry.entry, &mesh->own_tickets, out);
}

/* ---- by time */

/* Expiries are wall time, timers are not: once the wall clock was set, none of them is right any more (W-32). */
static bool clock_was_set(struct msk_mesh *mesh, struct msk_now now)
{
    int64_t offset_ms = now.wall_ms - (int64_t)now.mono_ms;
    bool set = llabs(offset_ms - mesh->clock_offset_ms) > CLOCK_JUMP_MS;
    mesh->clock_offset_ms = offset_ms;
    return set;
}

void msk_mesh_tickets_due(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    if (mesh->config.validator_count == 0)
        return;
    bool all = clock_was_set(mesh, now);
    if (!all && mesh->tickets_due_ms > now.mono_ms)
        return;
    mesh->tickets_due_ms = MSK_NEVER;
    if (all || mesh->own_tickets.due_ms <= now.mono_ms)
        msk_mesh_own_tickets(mesh, now, out);
    uint64_t next_ms = mesh->own_tickets.due_ms;
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *member = mesh->members[i];
        if (!member->bond)
            continue;
        if ((all || member->tickets.due_ms <= now.mono_ms) && !msk_member_tickets_valid(mesh, now, member, out))
            msk_mesh_end(mesh, now, member, MSK_CLOSE_NOT_ALLOWED, false, out);
        else if (member->tickets.due_ms < next_ms)
            next_ms = member->tickets.due_ms;
    }
    mesh->tickets_due_ms = next_ms;
}

/* ---- programs that have answered */

void msk_mesh_tickets_settle(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    if (mesh->own_tickets.pending)
        msk_mesh_own_tickets(mesh, now, out);
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *member = mesh->members[i];
        if (!member->tickets.pending)
            continue;
        if (member->bond && !msk_member_tickets_valid(mesh, now, member, out))
            msk_mesh_end(mesh, now, member, MSK_CLOSE_NOT_ALLOWED, false, out);
        else if (!member->bond && member->wait == MSK_WAIT_TICKET)
            msk_member_plan(member, MSK_WAIT_DUE, now.mono_ms, "catalog");
    }
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
