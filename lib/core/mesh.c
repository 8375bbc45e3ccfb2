/* The members of a group, and what is due when. */
#include "core/mesh.h"

#include <string.h>

#include "base/alloc.h"
#include "core/mesh_parts.h"
#include "wire/close_code.h"

#define UPDATE_STEP_MS      100  /* a refreshed entry goes from one member to the next after this */
#define UPDATE_ROUND_MAX_MS 2000 /* and has gone round after this, however many they are */

struct msk_mesh *msk_mesh_new(const struct msk_host *host, const struct msk_mesh_events *events,
                              const struct msk_mesh_config *config)
{
    struct msk_mesh *mesh = msk_calloc(1, sizeof *mesh);
    if (!mesh)
        return NULL;
    mesh->host = host;
    mesh->events = *events;
    mesh->config = *config;
    mesh->tickets_due_ms = mesh->pairs_due_ms = mesh->updates_due_ms = MSK_NEVER;
    msk_random_seed(&mesh->random, config->seed);
    return mesh;
}

static void free_member(struct msk_member *member)
{
    msk_free(member->bond);
    msk_free(member->spare);
    msk_free(member->dial);
    msk_member_forget_pairs(member);
    msk_signed_peer_entry_free(member->entry);
    msk_free(member);
}

void msk_mesh_free(struct msk_mesh *mesh)
{
    if (!mesh)
        return;
    for (size_t i = 0; i < mesh->member_count; i++)
        free_member(mesh->members[i]);
    msk_free(mesh->members);
    msk_wipe(&mesh->config.bond.key, sizeof mesh->config.bond.key);
    msk_free(mesh);
}

/* ---- members */

static size_t position_of(const struct msk_mesh *mesh, const struct msk_digest *peer, bool *found)
{
    size_t low = 0, high = mesh->member_count;
    *found = false;
    while (low < high && !*found) {
        size_t middle = low + (high - low) / 2;
        int order = msk_digest_compare(&mesh->members[middle]->peer, peer);
        *found = order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return *found ? high : low;
}

struct msk_member *msk_member_find(const struct msk_mesh *mesh, const struct msk_digest *peer)
{
    bool found;
    size_t at = position_of(mesh, peer, &found);
    return found ? mesh->members[at] : NULL;
}

static bool idle(const struct msk_member *member)
{
    return !member->bond && !member->dial;
}

static void remove_at(struct msk_mesh *mesh, size_t at)
{
    free_member(mesh->members[at]);
    mesh->member_count--;
    memmove(&mesh->members[at], &mesh->members[at + 1], (mesh->member_count - at) * sizeof(struct msk_member *));
}

/* Room for one more, at the cost of a stranger that we tried in vain most often; for somebody who came to us (`urgent`)
 * also of one that we have not tried yet. */
static bool make_room(struct msk_mesh *mesh, bool urgent)
{
    if (mesh->member_count < MSK_MEMBERS_MAX)
        return true;
    size_t worst = SIZE_MAX;
    for (size_t i = 0; i < mesh->member_count; i++) {
        const struct msk_member *member = mesh->members[i];
        if (idle(member) && !member->proven && (urgent || member->attempts > 0) &&
            (worst == SIZE_MAX || member->attempts > mesh->members[worst]->attempts))
            worst = i;
    }
    if (worst != SIZE_MAX)
        remove_at(mesh, worst);
    return worst != SIZE_MAX;
}

static bool reserve(struct msk_mesh *mesh)
{
    if (mesh->member_count < mesh->member_capacity)
        return true;
    size_t capacity = mesh->member_capacity ? mesh->member_capacity * 2 : 8;
    struct msk_member **members = msk_realloc(mesh->members, capacity * sizeof(struct msk_member *));
    if (!members)
        return false;
    mesh->members = members;
    mesh->member_capacity = capacity;
    return true;
}

static struct msk_member *add(struct msk_mesh *mesh, const struct msk_signed_peer_entry *entry, bool urgent)
{
    if (!make_room(mesh, urgent) || !reserve(mesh))
        return NULL;
    struct msk_member *member = msk_calloc(1, sizeof *member);
    if (!member)
        return NULL;
    member->peer = entry->entry.address.peer_id;
    member->ask_due_ms = MSK_NEVER;
    member->entry = msk_signed_peer_entry_copy(entry);
    if (!member->entry) {
        msk_free(member);
        return NULL;
    }
    bool found;
    size_t at = position_of(mesh, &member->peer, &found);
    memmove(&mesh->members[at + 1], &mesh->members[at], (mesh->member_count - at) * sizeof(struct msk_member *));
    mesh->members[at] = member;
    mesh->member_count++;
    return member;
}

static bool is_newer(const struct msk_signed_peer_entry *entry, const struct msk_signed_peer_entry *known)
{
    return msk_entry_version_compare(&entry->entry.version, &known->entry.version) > 0;
}

/* Without memory the old one stays. */
static void take_entry(struct msk_member *member, const struct msk_signed_peer_entry *entry)
{
    struct msk_signed_peer_entry *copy = msk_signed_peer_entry_copy(entry);
    if (!copy)
        return;
    msk_signed_peer_entry_free(member->entry);
    member->entry = copy;
}

struct msk_member *msk_member_of(struct msk_mesh *mesh, const struct msk_signed_peer_entry *entry, bool urgent)
{
    struct msk_member *member = msk_member_find(mesh, &entry->entry.address.peer_id);
    if (!member)
        return add(mesh, entry, urgent);
    if (is_newer(entry, member->entry))
        take_entry(member, entry);
    return member;
}

/* ---- entries */

bool msk_member_lists_group(const struct msk_mesh *mesh, const struct msk_signed_peer_entry *entry)
{
    return msk_digest_equal(&entry->entry.network, &mesh->config.bond.network_id) &&
           msk_peer_entry_lists_group(&entry->entry, &mesh->config.bond.group_id);
}

/* The member's entry is newer than the one we acted on: what stood in the way of a dial may be gone. */
static void lift_wait(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, bool restarted)
{
    if (member->wait == MSK_WAIT_ENTRY || member->wait == MSK_WAIT_TICKET)
        msk_member_plan(member, MSK_WAIT_DUE, now.mono_ms, "catalog");
    if (!restarted)
        return;
    member->introduced = false;
    member->rebuffs = member->unknown = 0;
    if (member->wait == MSK_WAIT_QUARANTINE &&
        now.mono_ms + MSK_QUARANTINE_MS >= member->due_ms + MSK_QUARANTINE_LIFT_MS)
        msk_member_plan(member, MSK_WAIT_DUE, now.mono_ms + msk_random_below(&mesh->random, MSK_QUARANTINE_LIFT_MS),
                        "catalog");
}

/* Nothing planned yet: dial. Planned for later, but it has just shown itself alive: sooner. */
static void call_for_dial(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, enum msk_turn turn,
                          const char *trigger)
{
    uint64_t due_ms = now.mono_ms + msk_head_start_ms(mesh->host, &member->peer, turn);
    bool sooner = member->wait == MSK_WAIT_DUE && turn != MSK_TURN_BY_ID && due_ms < member->due_ms;
    if (member->wait == MSK_WAIT_NOTHING || sooner)
        msk_member_plan(member, MSK_WAIT_DUE, due_ms, trigger);
}

void msk_mesh_consider(struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry,
                       enum msk_turn turn, const char *trigger, struct msk_actions *out)
{
    const struct msk_digest *peer = &entry->entry.address.peer_id;
    struct msk_member *member = msk_member_find(mesh, peer);
    if (msk_digest_equal(peer, &mesh->config.bond.self) || (!member && !msk_member_lists_group(mesh, entry)))
        return;
    struct msk_entry_version known = member ? member->entry->entry.version : (struct msk_entry_version){0, 0};
    member = msk_member_of(mesh, entry, false);
    if (!member)
        return;
    bool newer = msk_entry_version_compare(&member->entry->entry.version, &known) > 0;
    if (member->bond) {
        if (newer && !msk_member_tickets_valid(mesh, now, member, out))
            msk_mesh_end(mesh, now, member, MSK_CLOSE_NOT_ALLOWED, false, out);
        return;
    }
    if (!msk_member_lists_group(mesh, member->entry)) {
        msk_member_plan(member, MSK_WAIT_ENTRY, MSK_NEVER, NULL);
        return;
    }
    if (member->dial)
        return;
    if (newer && known.started_ms)
        lift_wait(mesh, now, member, member->entry->entry.version.started_ms > known.started_ms);
    call_for_dial(mesh, now, member, turn, trigger);
}

void msk_mesh_learn(struct msk_mesh *mesh, struct msk_now now, const struct msk_signed_peer_entry *entry,
                    enum msk_turn turn, struct msk_actions *out)
{
    msk_mesh_consider(mesh, now, entry, turn, "catalog", out);
}

/* A member that fell silent is remembered longer; who bonded without listing the group, and left, only visited. */
void msk_mesh_forgotten(struct msk_mesh *mesh, const struct msk_digest *peer)
{
    bool found;
    size_t at = position_of(mesh, peer, &found);
    if (found && idle(mesh->members[at]) &&
        (!mesh->members[at]->proven || !msk_member_lists_group(mesh, mesh->members[at]->entry)))
        remove_at(mesh, at);
}

void msk_mesh_synced(struct msk_mesh *mesh, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out)
{
    struct msk_member *member = msk_member_find(mesh, peer);
    if (!member)
        return;
    member->introduced = true;
    if (member->wait == MSK_WAIT_SYNC && idle(member))
        msk_mesh_dial(mesh, now, member, out);
}

void msk_mesh_start(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    const struct msk_catalog *catalog = mesh->host->catalog;
    for (size_t i = 0; i < catalog->count; i++) {
        const struct msk_digest *peer = &catalog->records[i].entry->entry.address.peer_id;
        const struct msk_signed_peer_entry *entry = msk_catalog_find(catalog, now.wall_ms, peer);
        if (entry)
            msk_mesh_consider(mesh, now, entry, MSK_TURN_OURS, "catalog", out);
    }
    msk_mesh_own_tickets(mesh, now, out);
}

static void send_update(struct msk_mesh *mesh, struct msk_member *member, struct msk_actions *out)
{
    member->outdated = false;
    msk_bond_send_entry(member->bond, MSK_BOND_PEER_ENTRY_UPDATE, &mesh->host->own->signed_entry, out);
}

/* One of those who still lack our refreshed entry gets it. */
static void update_next(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    struct msk_member *next = NULL;
    size_t left = 0;
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *member = mesh->members[i];
        bool waits = member->bond && member->outdated;
        if (waits && !next)
            next = member;
        left += waits;
    }
    mesh->updates_due_ms = left > 1 ? now.mono_ms + mesh->updates_step_ms : MSK_NEVER;
    if (next)
        send_update(mesh, next, out);
}

/* News go to everybody at once. A mere refresh goes round: it makes members of the reference dial whom they lack a bond
 * with, and two that lack each other's and dial at the same moment close both connections again (groups.md 2.6). */
void msk_mesh_own_changed(struct msk_mesh *mesh, struct msk_now now, bool content, struct msk_actions *out)
{
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *member = mesh->members[i];
        if (member->bond && content)
            send_update(mesh, member, out);
        else if (member->bond)
            member->outdated = true;
        else if (content && member->wait == MSK_WAIT_TICKET && !member->dial)
            msk_member_plan(member, MSK_WAIT_DUE, now.mono_ms, "redial");
    }
    if (content) {
        mesh->updates_due_ms = MSK_NEVER;
        msk_mesh_own_tickets(mesh, now, out);
    } else {
        uint64_t step_ms = mesh->bond_count > 0 ? UPDATE_ROUND_MAX_MS / mesh->bond_count : 0;
        mesh->updates_step_ms = step_ms < UPDATE_STEP_MS ? step_ms : UPDATE_STEP_MS;
        update_next(mesh, now, out);
    }
}

void msk_mesh_close(struct msk_mesh *mesh, struct msk_now now, bool depart, struct msk_actions *out)
{
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *member = mesh->members[i];
        if (member->dial)
            msk_mesh_dial_drop(mesh, member, MSK_CLOSE_CANCELLED, out);
        if (member->bond && depart)
            msk_bond_send_kind(member->bond, MSK_BOND_DEPARTURE, out);
        if (member->bond)
            msk_mesh_end(mesh, now, member, MSK_CLOSE_CANCELLED, depart, out);
        msk_member_plan(member, MSK_WAIT_NOTHING, MSK_NEVER, NULL);
    }
}

struct msk_bond *msk_mesh_bond(const struct msk_mesh *mesh, const struct msk_digest *peer)
{
    const struct msk_member *member = msk_member_find(mesh, peer);
    return member ? member->bond : NULL;
}

size_t msk_mesh_bond_count(const struct msk_mesh *mesh)
{
    return mesh->bond_count;
}

struct msk_traffic msk_mesh_traffic(const struct msk_mesh *mesh)
{
    return mesh->traffic;
}

/* ---- time */

static void dial_due(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    if (member->dial && member->dial->limit_ms <= now.mono_ms)
        msk_mesh_dial_over(mesh, now, member, MSK_CLOSED_LOCAL, MSK_CLOSE_TIMEOUT, "no answer in time", out);
    if (idle(member) && member->wait != MSK_WAIT_NOTHING && member->due_ms <= now.mono_ms)
        msk_mesh_dial(mesh, now, member, out);
}

static void beat_due(struct msk_mesh *mesh, struct msk_now now, struct msk_member *member, struct msk_actions *out)
{
    if (member->spare && member->spare->beat_ms <= now.mono_ms &&
        msk_bond_beat(member->spare, now, &mesh->config.bond, &mesh->random, out))
        msk_mesh_spare_due(mesh, member, out); /* it is silent: no use waiting for its time */
    if (!member->bond || member->bond->beat_ms > now.mono_ms)
        return;
    uint32_t missed = member->bond->missed, most = mesh->config.bond.max_missed_heartbeats;
    if (msk_bond_beat(member->bond, now, &mesh->config.bond, &mesh->random, out)) {
        if (member->spare)
            msk_mesh_spare_due(mesh, member, out);
        else
            msk_mesh_end(mesh, now, member, MSK_CLOSE_TIMEOUT, false, out);
        return;
    }
    if (member->bond->missed == missed)
        return;
    if (member->bond->missed * 2 >= most)
        MSK_EMIT(out, &mesh->config.bond.group_id, HEARTBEAT_FAILING, MSK_F_DIGEST("peer", &member->peer),
                 MSK_F_U64("missed", member->bond->missed), MSK_F_U64("max", most));
    else
        MSK_EMIT(out, &mesh->config.bond.group_id, HEARTBEAT_MISSED, MSK_F_DIGEST("peer", &member->peer),
                 MSK_F_U64("missed", member->bond->missed), MSK_F_U64("max", most));
}

/* Lost long ago and gone from the catalog. */
static bool is_forgettable(const struct msk_mesh *mesh, struct msk_now now, const struct msk_member *member)
{
    return idle(member) && member->proven && now.mono_ms - member->lost_ms > MSK_MEMBER_MEMORY_MS &&
           !msk_catalog_find(mesh->host->catalog, now.wall_ms, &member->peer);
}

void msk_mesh_tick(struct msk_mesh *mesh, struct msk_now now, struct msk_actions *out)
{
    for (size_t i = 0; i < mesh->member_count; i++) {
        struct msk_member *member = mesh->members[i];
        dial_due(mesh, now, member, out);
        if (member->spare && member->spare_since_ms + MSK_SPARE_MS <= now.mono_ms)
            msk_mesh_spare_due(mesh, member, out);
        beat_due(mesh, now, member, out);
        msk_mesh_ask_due(mesh, now, member, out);
    }
    msk_mesh_tickets_due(mesh, now, out);
    if (mesh->pairs_due_ms <= now.mono_ms)
        msk_mesh_pairs_due(mesh, now, out);
    if (mesh->updates_due_ms <= now.mono_ms)
        update_next(mesh, now, out);
    for (size_t i = mesh->member_count; i > 0; i--)
        if (is_forgettable(mesh, now, mesh->members[i - 1]))
            remove_at(mesh, i - 1);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t member_deadline(const struct msk_member *member)
{
    uint64_t deadline_ms = member->ask_due_ms;
    if (member->dial)
        deadline_ms = earlier(deadline_ms, member->dial->limit_ms);
    if (member->bond)
        deadline_ms = earlier(deadline_ms, member->bond->beat_ms);
    if (member->spare)
        deadline_ms = earlier(deadline_ms, earlier(member->spare->beat_ms, member->spare_since_ms + MSK_SPARE_MS));
    if (idle(member) && member->wait != MSK_WAIT_NOTHING)
        deadline_ms = earlier(deadline_ms, member->due_ms);
    return deadline_ms;
}

uint64_t msk_mesh_deadline(const struct msk_mesh *mesh)
{
    uint64_t deadline_ms = earlier(earlier(mesh->tickets_due_ms, mesh->pairs_due_ms), mesh->updates_due_ms);
    for (size_t i = 0; i < mesh->member_count; i++)
        deadline_ms = earlier(deadline_ms, member_deadline(mesh->members[i]));
    return deadline_ms;
}
