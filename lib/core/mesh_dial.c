/* Dialling: groups.md 2.1, 2.3, and what follows from each way a dial or a bond can end (2.5). */
#include "core/mesh.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "core/mesh_parts.h"
#include "wire/close_code.h"

#define DIAL_BUSY_MS     100   /* until a dial that found MSK_DIALS_MAX others tries again */
#define SYNC_PATIENCE_MS 12000 /* a sync ends earlier by its own limits */
#define UNKNOWN_PAUSE_MS 60000 /* after 401 although we synced, again and again */

/* How long to wait before dialling again, for each way to go on (groups.md 2.5, last column): the first wait is drawn
 * from [from_ms, to_ms], doubles with each failure in a row up to most_ms, counted from the beginning of the dial. */
static const struct redial_rule {
    enum msk_wait wait;
    uint32_t from_ms, to_ms, most_ms; /* most_ms 0: not by time */
    bool loud;                        /* somebody should look into it */
} redial_rules[] = {
    [MSK_RETRY_DONE] = {MSK_WAIT_DUE, 400, 600, 15000, false},
    [MSK_RETRY_BACKOFF] = {MSK_WAIT_DUE, 400, 600, 15000, false},
    [MSK_RETRY_NEVER] = {MSK_WAIT_ENTRY, 0, 0, 0, true},
    [MSK_RETRY_QUARANTINE] = {MSK_WAIT_QUARANTINE, MSK_QUARANTINE_MS, MSK_QUARANTINE_MS, MSK_QUARANTINE_MS, true},
    [MSK_RETRY_DEPARTED] = {MSK_WAIT_DUE, 5000, 6000, 15000, false},
    [MSK_RETRY_LATE] = {MSK_WAIT_DUE, 30000, 35000, 35000, true},
    [MSK_RETRY_SYNC] = {MSK_WAIT_DUE, 400, 600, 15000, false},
    [MSK_RETRY_TICKET] = {MSK_WAIT_TICKET, 60000, 70000, 70000, true},
    [MSK_RETRY_ENTRY_CHANGE] = {MSK_WAIT_ENTRY, 0, 0, 0, true},
    [MSK_RETRY_OTHER_BOND] = {MSK_WAIT_DUE, 50, 500, 2000, false},
};

enum stage { STAGE_PREPARATION, STAGE_CONNECT, STAGE_HANDSHAKE };
static const char *const stage_names[] = {"preparation", "connect", "handshake"};

static const struct redial_rule *rule_for(enum msk_closed_by by, uint64_t code)
{
    const struct msk_close *close = by == MSK_CLOSED_TRANSPORT ? NULL : msk_close_find(code);
    enum msk_retry retry = close ? close->retry : MSK_RETRY_BACKOFF;
    msk_assert((size_t)retry < sizeof redial_rules / sizeof redial_rules[0]);
    return &redial_rules[retry];
}

void msk_member_plan(struct msk_member *member, enum msk_wait wait, uint64_t due_ms, const char *trigger)
{
    member->wait = wait;
    member->due_ms = due_ms;
    member->trigger = trigger;
}

/* ---- starting */

/* Before anything is sent: groups.md 2.3, step 1, and what a C node can dial at all. NULL: nothing stands in the way.
 */
static const char *obstacle(const struct msk_member *member, bool allowed, char fault[MSK_TICKET_FAULT_SIZE])
{
    struct msk_transport_addr ignored[MSK_DIAL_ADDRESSES_MAX];
    if (msk_ip_addresses(&member->entry->entry.address.addresses, ignored) == 0)
        return "its entry has no IP address";
    return allowed ? NULL : msk_ticket_fault(&member->tickets, "it", fault);
}

/* A peer that knows nothing of us would answer 401: exchange catalogs first. true: that is under way. */
static bool introduce(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, bool again,
                      struct msk_actions *out)
{
    const struct msk_host *host = mesh->host;
    int state = host->acquaint(host->node, now, &member->peer, &member->entry->entry.address.addresses, again, out);
    member->introduced = true;
    if (state != 1)
        return false;
    msk_member_plan(member, MSK_WAIT_SYNC, now.mono_ms + SYNC_PATIENCE_MS, member->trigger);
    return true;
}

/* A member that fell silent is given up quickly, to be tried again at once: after a partition the next first packet
 * must not be long in coming. */
static bool is_probe(const struct msk_member *member, struct msk_now now)
{
    return member->proven && now.mono_ms - member->lost_ms < MSK_PROBE_PERIOD_MS;
}

static uint64_t connect_limit_ms(const struct msk_member *member, struct msk_now now)
{
    return is_probe(member, now) ? MSK_PROBE_INTERVAL_MS + 4 * member->rtt_us / 1000 : MSK_CONNECT_TIMEOUT_MS;
}

static struct msk_bond *start(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member,
                              struct msk_actions *out)
{
    struct msk_link *link = msk_host_dial(mesh->host, &member->peer, MSK_ALPN_GROUPS,
                                          &member->entry->entry.address.addresses, MSK_OWNER_GROUP, out);
    if (!link)
        return NULL;
    link->object = mesh->events.group;
    struct msk_bond *dial = msk_mesh_new_bond(mesh, member, link, now);
    if (!dial)
        msk_host_close(mesh->host, link, MSK_CLOSE_DROPPED, false, out);
    return dial;
}

/* What may bring the next dial before its time. */
static const char *again_when(enum msk_wait wait)
{
    return wait == MSK_WAIT_SYNC     ? "after a catalog sync, "
           : wait == MSK_WAIT_TICKET ? "when its entry or ours changes, "
                                     : "";
}

/* `retry_ms` MSK_NEVER: not by time. */
static void report_failure(const struct msk_mesh *mesh, const struct msk_member *member, bool loud, const char *phrase,
                           uint64_t retry_ms, struct msk_actions *out)
{
    char next[80] = "until its entry changes", fault[MSK_TICKET_FAULT_SIZE];
    struct msk_field retry = MSK_F_TEXT("retry_in_ms", NULL);
    if (retry_ms != MSK_NEVER) {
        snprintf(next, sizeof next, "again %sin %llu ms%s", again_when(member->wait), (unsigned long long)retry_ms,
                 *again_when(member->wait) ? " at the latest" : "");
        retry = MSK_F_U64("retry_in_ms", retry_ms);
    }
    const struct msk_field fields[] = {MSK_F_DIGEST("peer", &member->peer),
                                       MSK_F_TEXT("stage", member->last_stage),
                                       MSK_F_U64("code", member->last_code),
                                       MSK_F_TEXT("phrase", phrase),
                                       retry,
                                       MSK_F_TEXT("next", next),
                                       MSK_F_TEXT("why", msk_member_refusal(mesh, member, fault))};
    msk_act_event(out, &mesh->config.bond.group_id, loud ? MSK_EVENT_DIAL_REFUSED : MSK_EVENT_DIAL_FAILED, fields,
                  sizeof fields / sizeof fields[0]);
}

/* Nothing can be done until its entry changes, or a program changes its mind; said once. */
static void hold_back(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, const char *why,
                      struct msk_actions *out)
{
    bool told = member->last_stage == stage_names[STAGE_PREPARATION];
    msk_member_plan(member, MSK_WAIT_ENTRY, MSK_NEVER, "catalog");
    if (!member->tickets.valid && msk_mesh_asks_programs(mesh))
        msk_member_plan(member, MSK_WAIT_TICKET, now.mono_ms + MSK_VERDICT_REFUSED_MS, "catalog");
    member->last_stage = stage_names[STAGE_PREPARATION];
    member->last_code = 0;
    if (!told)
        report_failure(mesh, member, false, why, member->wait == MSK_WAIT_TICKET ? MSK_VERDICT_REFUSED_MS : MSK_NEVER,
                       out);
}

void msk_mesh_dial(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    char fault[MSK_TICKET_FAULT_SIZE];
    bool allowed = msk_member_tickets_valid(mesh, now, member, out);
    if (!allowed && member->tickets.pending) {
        msk_member_plan(member, MSK_WAIT_TICKET, now.mono_ms + SYNC_PATIENCE_MS, member->trigger);
        return;
    }
    const char *why = obstacle(member, allowed, fault);
    if (why) {
        hold_back(mesh, now, member, why, out);
        return;
    }
    if (mesh->dial_count >= MSK_DIALS_MAX) {
        msk_member_plan(member, MSK_WAIT_DUE, now.mono_ms + DIAL_BUSY_MS, member->trigger);
        return;
    }
    if (!member->introduced && introduce(mesh, now, member, false, out))
        return;
    member->dial = start(mesh, now, member, out);
    if (!member->dial) {
        msk_member_plan(member, MSK_WAIT_DUE, now.mono_ms + MSK_PROBE_INTERVAL_MS, member->trigger);
        return;
    }
    member->dial->limit_ms = now.mono_ms + connect_limit_ms(member, now);
    member->wait = MSK_WAIT_NOTHING;
    mesh->dial_count++;
    MSK_EMIT(out, &mesh->config.bond.group_id, DIAL_STARTED, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_TEXT("trigger", member->trigger), MSK_F_U64("attempt", member->attempts + 1));
}

void msk_mesh_opened(struct msk_mesh *mesh, struct msk_now now, struct msk_link *link, struct msk_actions *out)
{
    struct msk_bond *bond = link->context;
    struct msk_member *member = bond->peer;
    struct msk_signed_peer_entry_seq bonds = {0};
    bond->state = MSK_BOND_GREETING;
    bond->limit_ms = now.mono_ms + MSK_HANDSHAKE_TIMEOUT_MS;
    member->rtt_us = link->info.rtt_us;
    /* Whom we are bonded with is told only to who proved the key before (W-33). */
    int error = member->proven ? msk_mesh_list(mesh, member, &bonds) : 0;
    if (error == 0)
        error = msk_bond_send_start(bond, &mesh->config.bond, &bonds, out);
    msk_free(bonds.items);
    if (error < 0)
        msk_mesh_dial_over(mesh, now, member, MSK_CLOSED_LOCAL, MSK_CLOSE_DROPPED, msk_error_sentence(error), out);
}

/* ---- ending */

/* The dial is no longer under way; its link is the caller's to deal with. */
static void release(struct msk_mesh *mesh, struct msk_member *member)
{
    msk_free(member->dial);
    member->dial = NULL;
    mesh->dial_count--;
}

void msk_mesh_dial_drop(struct msk_mesh *mesh, struct msk_member *member, uint64_t code, struct msk_actions *out)
{
    msk_host_close(mesh->host, member->dial->link, code, false, out);
    release(mesh, member);
}

static uint64_t wait_ms(struct msk_mesh *mesh, struct msk_now now, const struct msk_member *member,
                        const struct redial_rule *rule)
{
    uint64_t most_ms = rule->most_ms;
    if (rule == &redial_rules[MSK_RETRY_BACKOFF] && is_probe(member, now) &&
        member->last_code != MSK_CLOSE_GROUP_NOT_FOUND)
        most_ms = MSK_PROBE_INTERVAL_MS;
    uint32_t doublings = member->attempts > 1 ? member->attempts - 1 : 0;
    uint64_t first_ms = rule->from_ms + msk_random_below(&mesh->random, rule->to_ms - rule->from_ms + 1);
    uint64_t waited_ms = first_ms << (doublings < 16 ? doublings : 16);
    /* Jitter must survive at the cap, too. */
    uint64_t spread_ms = msk_random_below(&mesh->random, most_ms / 8 + 1);
    return waited_ms < most_ms - spread_ms ? waited_ms : most_ms - spread_ms;
}

static void quarantine(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, uint64_t pause_ms,
                       const char *why, struct msk_actions *out)
{
    msk_member_plan(member, MSK_WAIT_QUARANTINE, now.mono_ms + pause_ms, "redial");
    member->rebuffs = member->unknown = 0;
    MSK_EMIT(out, &mesh->config.bond.group_id, PEER_QUARANTINED, MSK_F_DIGEST("peer", &member->peer),
             MSK_F_U64("ms", pause_ms), MSK_F_TEXT("why", why));
}

/* 401: it lacks our entry. Sync once and dial; if that does not help, wait longer each time (W-18). true: decided. */
static bool unknown_peer(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    member->unknown++;
    if (member->unknown > MSK_UNKNOWN_RETRIES) {
        quarantine(mesh, now, member, UNKNOWN_PAUSE_MS, "it does not take our entry; do the clocks differ?", out);
        return true;
    }
    return member->unknown == 1 && introduce(mesh, now, member, true, out);
}

uint64_t msk_member_redial(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, uint64_t started_ms,
                           enum msk_closed_by by, uint64_t code, struct msk_actions *out)
{
    const struct redial_rule *rule = rule_for(by, code);
    if (!msk_member_lists_group(mesh, member->entry)) { /* it left, and said so */
        msk_member_plan(member, MSK_WAIT_ENTRY, MSK_NEVER, "catalog");
        return MSK_NEVER;
    }
    member->trigger = "redial";
    if (rule == &redial_rules[MSK_RETRY_SYNC] && unknown_peer(mesh, now, member, out))
        return member->due_ms - now.mono_ms;
    if (member->rebuffs >= MSK_REBUFFS_MAX && !member->proven) {
        quarantine(mesh, now, member, MSK_QUARANTINE_MS, "it lists the group but is no member", out);
        return MSK_QUARANTINE_MS;
    }
    if (rule->most_ms == 0) {
        msk_member_plan(member, rule->wait, MSK_NEVER, "redial");
        return MSK_NEVER;
    }
    if (rule->wait == MSK_WAIT_QUARANTINE) {
        quarantine(mesh, now, member, rule->most_ms, msk_close_name(code), out);
        return rule->most_ms;
    }
    uint64_t due_ms = started_ms + wait_ms(mesh, now, member, rule);
    msk_member_plan(member, rule->wait, due_ms > now.mono_ms ? due_ms : now.mono_ms, "redial");
    return member->due_ms - now.mono_ms;
}

/* It could be reached and did not want us (W-33). Two of the codes are the network's ordinary business. */
static bool is_rebuff(const struct msk_bond *dial, enum msk_closed_by by, uint64_t code)
{
    return dial->state == MSK_BOND_GREETING && by != MSK_CLOSED_TRANSPORT && code != MSK_CLOSE_ALREADY_BONDED &&
           code != MSK_CLOSE_UNKNOWN_PEER;
}

void msk_mesh_dial_over(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, enum msk_closed_by by,
                        uint64_t code, const char *detail, struct msk_actions *out)
{
    struct msk_bond *dial = member->dial;
    uint64_t started_ms = dial->started_ms;
    member->attempts++;
    member->rebuffs += is_rebuff(dial, by, code);
    member->last_stage = stage_names[dial->state == MSK_BOND_CONNECTING ? STAGE_CONNECT : STAGE_HANDSHAKE];
    member->last_code = by == MSK_CLOSED_TRANSPORT ? 0 : code;
    if (by == MSK_CLOSED_LOCAL)
        msk_act_close(out, dial->link->number, code, false);
    msk_links_remove(mesh->host->links, dial->link);
    release(mesh, member);
    if (member->bond) /* it dialled us meanwhile */
        return;
    uint64_t retry_ms = msk_member_redial(mesh, now, member, started_ms, by, code, out);
    const char *phrase = by != MSK_CLOSED_TRANSPORT && *msk_close_name(code) ? msk_close_name(code) : detail;
    report_failure(mesh, member, rule_for(by, code)->loud, phrase ? phrase : "connection failed", retry_ms, out);
}
