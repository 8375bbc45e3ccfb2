/* Which entries a log replay session fetches from whom, and whether what comes is what was asked for (groups.md 4.2,
 * 4.3 rule 3, W-15). */
#include <string.h>

#include "base/alloc.h"
#include "core/raft_state.h"

#define BAR_MS  60000 /* who answers wrongly is not asked for so long */
#define SLOW_MS 3000  /* what one has not answered in that time is asked of another, too */

/* ---- asking */

static uint64_t batch_size(const struct msk_raft *raft)
{
    return raft->config.sync_batch_size ? raft->config.sync_batch_size : 2000;
}

/* W-5: all but the first chunk begin with an entry that the one before ends with. Where that is the same, so is all
 * before it, and what two peers gave is of one history. A batch of one entry has no room for that: then only the leader
 * is asked, as when peers turned out to differ. */
static bool overlaps(const struct msk_raft *raft)
{
    return msk_raft_defends(raft) && batch_size(raft) > 1;
}

bool msk_sync_only_leader(const struct msk_raft *raft)
{
    return msk_raft_defends(raft) && (raft->sync.leader_only || !overlaps(raft));
}

uint64_t msk_sync_first_new(const struct msk_raft *raft, struct msk_index_range range)
{
    return overlaps(raft) && range.start > raft->sync.from ? range.start + 1 : range.start;
}

/* The end of what is there, or on its way, at `index`; 0: nothing. */
static uint64_t covered_to(const struct msk_raft *raft, struct msk_now now, uint64_t index)
{
    const struct msk_sync *sync = &raft->sync;
    for (size_t i = 0; i < sync->chunk_count; i++)
        if (msk_sync_first_new(raft, sync->chunks[i].range) <= index && index <= sync->chunks[i].range.end)
            return sync->chunks[i].range.end;
    for (size_t i = 0; i < raft->peer_count; i++) {
        const struct msk_raft_peer *peer = &raft->peers[i];
        if (peer->fetching && now.mono_ms - peer->fetch_ms < SLOW_MS &&
            msk_sync_first_new(raft, peer->fetch) <= index && index <= peer->fetch.end)
            return peer->fetch.end;
    }
    return 0;
}

static uint64_t end_before(uint64_t next, uint64_t start, uint64_t end)
{
    return next > start && next <= end ? next - 1 : end;
}

/* The end of a hole that begins at `start`: not into what is there already (W-15 c). */
static uint64_t hole_end(const struct msk_raft *raft, uint64_t start, uint64_t end)
{
    const struct msk_sync *sync = &raft->sync;
    for (size_t i = 0; i < sync->chunk_count; i++)
        end = end_before(msk_sync_first_new(raft, sync->chunks[i].range), start, end);
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].fetching)
            end = end_before(msk_sync_first_new(raft, raft->peers[i].fetch), start, end);
    return end;
}

static size_t fetch_count(const struct msk_raft *raft)
{
    size_t count = 0;
    for (size_t i = 0; i < raft->peer_count; i++)
        count += raft->peers[i].fetching;
    return count;
}

/* False: there is nothing for this peer. */
static bool fetch_from(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer, struct msk_actions *out)
{
    const struct msk_sync *sync = &raft->sync;
    uint64_t start = sync->next, end;
    while ((end = covered_to(raft, now, start)) > 0)
        start = end + 1;
    if (start > sync->target.index || start < peer->offer.start || start > peer->offer.end)
        return false;
    uint64_t first = overlaps(raft) && start > sync->from ? start - 1 : start;
    end = first - 1 + batch_size(raft);
    end = end > sync->target.index ? sync->target.index : end;
    end = end > peer->offer.end ? peer->offer.end : end;
    peer->fetch = (struct msk_index_range){first, hole_end(raft, start, end)};
    peer->fetching = true;
    peer->fetch_ms = now.mono_ms;
    const struct msk_raft_message message = {
        .kind = MSK_RAFT_STATE_SYNC, .state_sync = {.kind = MSK_SYNC_FETCH_ENTRIES_REQUEST, .fetch = peer->fetch}};
    msk_raft_send_early(raft, &peer->id, &message, out);
    return true;
}

/* Behind a peer that is slow to give what comes next all places fill up, but for the one that this needs (keep_chunk).
 * So it may always be asked for. */
static bool has_place(const struct msk_raft *raft, struct msk_now now)
{
    return raft->sync.chunk_count + fetch_count(raft) < MSK_SYNC_CHUNKS_MAX ||
           covered_to(raft, now, raft->sync.next) == 0;
}

static bool may_fetch(const struct msk_raft *raft, struct msk_now now, const struct msk_raft_peer *peer)
{
    return peer->bonded && peer->available && !peer->fetching && peer->barred_ms <= now.mono_ms && has_place(raft, now);
}

/* 4.2, step (e): one request a peer, the leader last, for it has other things to do. */
void msk_sync_schedule(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct msk_raft_peer *leader = NULL;
    if (!raft->sync.active || !raft->sync.has_target)
        return;
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        if (msk_digest_equal(&peer->id, &raft->sync.leader))
            leader = peer;
        else if (!msk_sync_only_leader(raft) && may_fetch(raft, now, peer))
            (void)fetch_from(raft, now, peer, out);
    }
    if (leader && may_fetch(raft, now, leader))
        (void)fetch_from(raft, now, leader, out);
}

/* ---- what comes */

/* Rule 3. NULL: it is what was asked for; else why not. */
static const char *fault_of(const struct msk_raft *raft, const struct msk_fetched *fetched)
{
    const struct msk_index_range range = fetched->range;
    const struct msk_sync *sync = &raft->sync;
    if (fetched->entries.count != range.end - range.start + 1)
        return "the number of entries is not that of their range";
    for (size_t i = 0; i < fetched->entries.count; i++)
        if (i > 0 && fetched->entries.items[i].term < fetched->entries.items[i - 1].term)
            return "the terms of its entries cannot be";
    if (sync->has_target && range.end == sync->target.index &&
        fetched->entries.items[fetched->entries.count - 1].term != sync->target.term)
        return "its entries do not lead to the leader's";
    return NULL;
}

/* Copies of all entries in one block of memory; NULL without memory. */
static struct msk_log_entry *copy_entries(const struct msk_fetched_entry_seq *from)
{
    size_t bytes = 0;
    for (size_t i = 0; i < from->count; i++)
        bytes += from->items[i].command.len;
    struct msk_log_entry *entries = msk_calloc(1, from->count * sizeof *entries + bytes);
    uint8_t *at = (uint8_t *)(entries + from->count);
    for (size_t i = 0; entries && i < from->count; i++) {
        struct msk_bytes command = from->items[i].command;
        if (command.len)
            memcpy(at, command.data, command.len);
        entries[i] = (struct msk_log_entry){from->items[i].term, MSK_BYTES(at, command.len)};
        at += command.len;
    }
    return entries;
}

static void keep_chunk(struct msk_raft *raft, struct msk_now now, const struct msk_raft_peer *peer,
                       const struct msk_fetched *fetched)
{
    struct msk_sync *sync = &raft->sync;
    size_t room = MSK_SYNC_CHUNKS_MAX - (msk_sync_first_new(raft, fetched->range) > sync->next);
    if (sync->chunk_count >= room || fetched->range.end < sync->next)
        return;
    struct msk_log_entry *entries = copy_entries(&fetched->entries);
    if (!entries) /* it is fetched again */
        return;
    sync->chunks[sync->chunk_count++] = (struct msk_sync_chunk){fetched->range, peer->id, entries};
    sync->progress_ms = now.mono_ms;
    sync->stall_reported = false;
    sync->has_peer = true;
    sync->peer = peer->id;
}

/* Else it answers what was asked in an earlier session, or for an earlier leader's entries. */
static bool is_asked_for(const struct msk_raft_peer *peer, struct msk_index_range range)
{
    return range.start == peer->fetch.start && range.end <= peer->fetch.end && range.end >= range.start;
}

/* It has entries of a term that has not reached us: none of those that we look for. */
static bool is_of_later_term(const struct msk_raft *raft, const struct msk_fetched *fetched)
{
    return msk_raft_defends(raft) && fetched->entries.items[fetched->entries.count - 1].term > raft->hard.term;
}

/* W-15: only the answer to what is outstanding counts; the reference's marker for "nothing" is no answer at all. */
static void take_fetched(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                         const struct msk_fetched *fetched, struct msk_actions *out)
{
    if (!peer->fetching ||
        (fetched->entries.count > 0 && !is_asked_for(peer, fetched->range) && msk_raft_defends(raft)))
        return;
    peer->fetching = false;
    if (fetched->entries.count == 0) {
        peer->available = false;
        return;
    }
    const char *fault = msk_raft_defends(raft) ? fault_of(raft, fetched) : NULL;
    if (fault) {
        peer->barred_ms = now.mono_ms + BAR_MS;
        MSK_EMIT(out, &raft->config.group, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", &peer->id),
                 MSK_F_TEXT("message", "state_sync"), MSK_F_TEXT("detail", fault));
        return;
    }
    if (is_of_later_term(raft, fetched)) {
        peer->available = false;
        return;
    }
    keep_chunk(raft, now, peer, fetched);
    msk_sync_drain(raft, now, out);
}

void msk_sync_received(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                       const struct msk_log_sync *message, struct msk_actions *out)
{
    if (!raft->sync.active)
        return;
    if (message->kind == MSK_SYNC_AVAILABILITY_RESPONSE) {
        peer->available = message->available.end > 0;
        peer->offer = message->available;
    } else {
        take_fetched(raft, now, peer, &message->fetched, out);
    }
    msk_sync_schedule(raft, now, out);
}
