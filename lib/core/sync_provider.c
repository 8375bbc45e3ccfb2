/* What every member gives to those who lag: which entries there are, and the entries, from memory or from the disk
 * (groups.md 4.1, 4.3.6). */
#include "base/alloc.h"
#include "core/raft_state.h"

#define ANSWER_BYTES_MAX  (4u << 20)
#define SERVED_BYTES_MAX  (256u << 20) /* to one peer in a second */
#define WANTED_FOR_MS     60000        /* who asked so recently is told of new entries (W-14) */
#define OFFER_INTERVAL_MS 50

static uint64_t batch_size(const struct msk_raft *raft)
{
    return raft->config.sync_batch_size ? raft->config.sync_batch_size : 2000;
}

/* Committed entries. A leader also gives those of its log that are not: it may need the very member that lags to commit
 * them, and what it leads with is the group's. */
static uint64_t offered_end(const struct msk_raft *raft)
{
    bool needs_them = raft->role == MSK_ROLE_LEADER && msk_raft_defends(raft);
    return needs_them ? raft->log.count : raft->committed.index;
}

static void send_sync(struct msk_raft *raft, const struct msk_digest *to, const struct msk_log_sync *sync,
                      struct msk_actions *out)
{
    struct msk_raft_message message = {.kind = MSK_RAFT_STATE_SYNC, .state_sync = *sync};
    msk_raft_send_early(raft, to, &message, out);
}

static void tell_available(struct msk_raft *raft, struct msk_raft_peer *peer, struct msk_actions *out)
{
    peer->told = offered_end(raft);
    send_sync(raft, &peer->id,
              &(struct msk_log_sync){.kind = MSK_SYNC_AVAILABILITY_RESPONSE, .available = {0, peer->told}}, out);
}

/* ---- entries */

/* W-27: one member that asks for everything again and again shall not slow the others down. */
static bool may_serve(struct msk_raft_peer *peer, struct msk_now now)
{
    if (now.mono_ms - peer->served_ms >= 1000) {
        peer->served_ms = now.mono_ms;
        peer->served_bytes = 0;
    }
    return peer->served_bytes < SERVED_BYTES_MAX;
}

/* As many of the entries from `first` on as one answer takes; they point into the log. */
static size_t collect(const struct msk_raft *raft, uint64_t first, size_t count, struct msk_fetched_entry *entries)
{
    size_t taken = 0, bytes = 0;
    for (; taken < count; taken++) {
        struct msk_log_entry entry;
        if (!msk_log_get(&raft->log, first + taken, &entry) ||
            (taken > 0 && bytes + entry.command.len > ANSWER_BYTES_MAX))
            break;
        entries[taken] = (struct msk_fetched_entry){entry.command, entry.term};
        bytes += entry.command.len;
    }
    return taken;
}

/* The same of encoded ones. */
static size_t collect_encoded(struct msk_bytes encoded, size_t count, struct msk_fetched_entry *entries)
{
    size_t taken = 0;
    for (; taken < count; taken++) {
        struct msk_log_entry entry;
        size_t len = msk_log_read_entry(encoded, &entry);
        if (len == 0)
            break;
        entries[taken] = (struct msk_fetched_entry){entry.command, entry.term};
        encoded = MSK_BYTES(encoded.data + len, encoded.len - len);
    }
    return taken;
}

static void give(struct msk_raft *raft, struct msk_raft_peer *peer, uint64_t first, struct msk_fetched_entry *entries,
                 size_t count, struct msk_actions *out)
{
    if (count == 0) /* it asks others */
        return;
    for (size_t i = 0; i < count; i++)
        peer->served_bytes += entries[i].command.len;
    send_sync(raft, &peer->id,
              &(struct msk_log_sync){.kind = MSK_SYNC_FETCH_ENTRIES_RESPONSE,
                                     .fetched = {{first, first + count - 1}, {entries, count}}},
              out);
}

/* The end of what is on disk and will never be another entry. */
static uint64_t settled_end(const struct msk_raft *raft)
{
    return raft->committed.index < raft->durable ? raft->committed.index : raft->durable;
}

/* What has left memory comes from the disk: one read for a peer at a time. */
static void read_stored(struct msk_raft *raft, struct msk_raft_peer *peer, uint64_t first, uint64_t last,
                        struct msk_actions *out)
{
    if (peer->reading)
        return;
    peer->reading = ++raft->reads;
    peer->reading_from = first;
    last = last < settled_end(raft) ? last : settled_end(raft);
    msk_act_read(out, &raft->config.group, peer->reading, first, last - first + 1, ANSWER_BYTES_MAX);
}

static void serve(struct msk_raft *raft, struct msk_raft_peer *peer, uint64_t first, uint64_t last,
                  struct msk_actions *out)
{
    size_t count = (size_t)(last - first + 1);
    if (first <= raft->log.gone) {
        read_stored(raft, peer, first, last, out);
        return;
    }
    struct msk_fetched_entry *entries = msk_calloc(count, sizeof *entries);
    if (entries) /* otherwise it asks again */
        give(raft, peer, first, entries, collect(raft, first, count, entries), out);
    msk_free(entries);
}

void msk_raft_entries_read(struct msk_raft *raft, struct msk_now now, uint64_t number, size_t count,
                           struct msk_bytes encoded, struct msk_actions *out)
{
    struct msk_raft_peer *peer = NULL;
    (void)now;
    for (size_t i = 0; i < raft->peer_count && !peer; i++)
        peer = raft->peers[i].reading == number ? &raft->peers[i] : NULL;
    if (!peer)
        return;
    peer->reading = 0;
    bool is_of_use = peer->bonded && !raft->halted && peer->reading_from + count - 1 <= settled_end(raft);
    struct msk_fetched_entry *entries = is_of_use ? msk_calloc(count, sizeof *entries) : NULL;
    if (entries)
        give(raft, peer, peer->reading_from, entries, collect_encoded(encoded, count, entries), out);
    msk_free(entries);
}

/* W-15: where there is nothing to give we are silent instead of sending the reference's marker. */
static void answer_fetch(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                         struct msk_index_range range, struct msk_actions *out)
{
    uint64_t end = msk_raft_defends(raft) ? offered_end(raft) : raft->log.count;
    uint64_t first = range.start ? range.start : 1, last = range.end < end ? range.end : end;
    if (first > last || !may_serve(peer, now))
        return;
    if (last - first >= batch_size(raft))
        last = first + batch_size(raft) - 1;
    serve(raft, peer, first, last, out);
}

void msk_raft_provide(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                      const struct msk_log_sync *message, struct msk_actions *out)
{
    if (raft->halted)
        return;
    if (message->kind == MSK_SYNC_AVAILABILITY_REQUEST) {
        peer->wanted_ms = now.mono_ms;
        tell_available(raft, peer, out);
    } else {
        answer_fetch(raft, now, peer, message->fetch, out);
    }
}

/* It asked, and has not been told of all there is. */
static bool waits(const struct msk_raft *raft, const struct msk_raft_peer *peer)
{
    return peer->bonded && peer->wanted_ms && peer->told != offered_end(raft);
}

uint64_t msk_raft_offer_deadline(const struct msk_raft *raft)
{
    if (!msk_raft_defends(raft) || raft->halted || raft->failed)
        return MSK_NEVER;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (waits(raft, &raft->peers[i]))
            return raft->offer_ms;
    return MSK_NEVER;
}

/* 4.3.6: members of the reference ask once and then wait for ever (W-14). */
void msk_raft_offer(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (msk_raft_offer_deadline(raft) > now.mono_ms)
        return;
    raft->offer_ms = now.mono_ms + OFFER_INTERVAL_MS;
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        if (now.mono_ms - peer->wanted_ms > WANTED_FOR_MS)
            peer->wanted_ms = 0;
        if (waits(raft, peer))
            tell_available(raft, peer, out);
    }
}
