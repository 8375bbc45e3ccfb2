/* A follower that lags takes the missing entries from whoever has them, while the leader's new ones wait in a buffer
 * (groups.md 4.2, 4.3). Which entries are fetched from whom: sync_fetch.c. */
#include "base/alloc.h"
#include "core/raft_state.h"

#define ASK_INTERVAL_MS 2000 /* 4.3, rule 2 */
#define STALLED_MS      5000 /* without any progress: reported */
#define PATIENCE        3    /* fetch timeouts without progress: from the start (rule 5) */

static uint64_t fetch_timeout_ms(const struct msk_raft *raft)
{
    return raft->config.sync_fetch_timeout_ms ? raft->config.sync_fetch_timeout_ms : 25000;
}

/* ---- beginning, ending */

/* Rule 1: one entry of what is committed is fetched, too, and compared. The reference begins behind its last entry,
 * whatever that is (W-4). */
static uint64_t first_to_fetch(const struct msk_raft *raft)
{
    if (!msk_raft_defends(raft))
        return raft->log.count + 1;
    return raft->committed.index ? raft->committed.index : 1;
}

static void drop_chunks(struct msk_sync *sync)
{
    while (sync->chunk_count > 0)
        msk_free(sync->chunks[--sync->chunk_count].entries);
}

static void forget_offers(struct msk_raft *raft)
{
    for (size_t i = 0; i < raft->peer_count; i++)
        raft->peers[i].available = raft->peers[i].fetching = false;
}

void msk_sync_stop(struct msk_raft *raft)
{
    drop_chunks(&raft->sync);
    msk_log_free(&raft->sync.buffer);
    raft->sync.active = raft->sync.has_target = raft->sync.has_peer = false;
    forget_offers(raft);
}

static void begin(struct msk_raft *raft, struct msk_now now)
{
    struct msk_sync *sync = &raft->sync;
    msk_sync_stop(raft);
    sync->active = true;
    sync->leader_only = false;
    sync->from = sync->next = first_to_fetch(raft);
    sync->started_ms = sync->progress_ms = sync->ask_ms = now.mono_ms;
    sync->stall_reported = false;
}

void msk_sync_restart(struct msk_raft *raft, struct msk_now now, const char *reason, struct msk_actions *out)
{
    begin(raft, now);
    MSK_EMIT(out, &raft->config.group, SYNC_RESTARTED, MSK_F_U64("index", raft->sync.next),
             MSK_F_TEXT("reason", reason));
}

/* ---- what the leader says meanwhile */

static struct msk_cursor end_of_buffer(const struct msk_sync *sync)
{
    if (sync->buffer.count == 0)
        return sync->target;
    return (struct msk_cursor){sync->buffer.last_term, sync->target.index + sync->buffer.count};
}

/* Rule 4: what does not fit is dropped, and the next append of the leader says where to go. */
static void buffer_entries(struct msk_raft *raft, const struct msk_append_entries *append, struct msk_actions *out)
{
    struct msk_sync *sync = &raft->sync;
    int result = 0;
    for (size_t i = 0; i < append->entries.count && result == 0; i++)
        result = msk_raft_defends(raft) && sync->buffer.bytes > MSK_SYNC_BUFFER_BYTES
                     ? MSK_E_LIMIT
                     : msk_log_append(&sync->buffer, append->entries.items[i].term, append->entries.items[i].command);
    if (result == 0)
        return;
    msk_log_free(&sync->buffer);
    sync->has_target = false;
    MSK_EMIT(out, &raft->config.group, LIMIT_HIT, MSK_F_TEXT("which", "entries waiting for a sync"),
             MSK_F_DIGEST("peer", &append->leader), MSK_F_U64("value", MSK_SYNC_BUFFER_BYTES));
}

/* Appends that follow each other go into the buffer; any other one is a new target. */
static void aim(struct msk_raft *raft, const struct msk_append_entries *append, struct msk_actions *out)
{
    struct msk_sync *sync = &raft->sync;
    struct msk_raft_peer *leader = msk_raft_peer_find(raft, &append->leader);
    bool continues = sync->has_target && sync->leader_term == append->term &&
                     msk_cursor_compare(end_of_buffer(sync), append->prev) == 0;
    if (msk_sync_only_leader(raft) &&
        sync->leader_term != append->term) { /* what the last one gave may not be its own */
        drop_chunks(sync);
        forget_offers(raft);
        sync->next = first_to_fetch(raft);
        sync->ask_ms = 0;
    }
    if (!continues && (msk_raft_defends(raft) || !sync->has_target)) {
        msk_log_free(&sync->buffer);
        sync->target = append->prev;
        sync->has_target = true;
    }
    if (leader && sync->leader_term != append->term) /* whatever it was thought of before, its entries count now */
        leader->barred_ms = 0;
    sync->leader = append->leader;
    sync->leader_term = append->term;
    buffer_entries(raft, append, out);
}

void msk_sync_inconsistent(struct msk_raft *raft, struct msk_now now, const struct msk_append_entries *append,
                           struct msk_actions *out)
{
    struct msk_sync *sync = &raft->sync;
    if (!sync->active) {
        begin(raft, now);
        MSK_EMIT(out, &raft->config.group, SYNC_STARTED, MSK_F_U64("from", sync->from),
                 MSK_F_U64("to", append->prev.index), MSK_F_DIGEST("leader", &append->leader));
    }
    if (sync->next > raft->log.count + 1) /* our log was cut meanwhile */
        sync->next = first_to_fetch(raft);
    if (append->leader_commit > sync->leader_commit) /* W-14: there is something new to be had */
        sync->ask_ms = now.mono_ms;
    sync->leader_commit = append->leader_commit;
    aim(raft, append, out);
    msk_sync_drain(raft, now, out);
    msk_sync_tick(raft, now, out);
}

static void report_end(const struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    MSK_EMIT(out, &raft->config.group, SYNC_DONE, MSK_F_U64("from", raft->sync.from),
             MSK_F_CURSOR("cursor", msk_log_last(&raft->log)),
             MSK_F_U64("duration_ms", now.mono_ms - raft->sync.started_ms));
}

void msk_sync_consistent(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (!raft->sync.active)
        return;
    report_end(raft, now, out);
    msk_sync_stop(raft);
}

/* ---- draining */

/* What the leader appended meanwhile, now that its predecessor is there. */
static bool take_buffer(struct msk_raft *raft, struct msk_actions *out)
{
    const struct msk_sync *sync = &raft->sync;
    for (uint64_t i = 1; i <= sync->buffer.count; i++) {
        struct msk_log_entry entry;
        uint64_t index = sync->target.index + i;
        (void)msk_log_get(&sync->buffer, i, &entry);
        if (msk_raft_holds(raft, index, &entry))
            continue;
        if (index <= raft->committed.index && msk_raft_defends(raft))
            return false;
        msk_raft_cut(raft, index, out);
        if (!msk_raft_append(raft, &sync->leader, &entry, out))
            return false;
    }
    return true;
}

static void finish(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct msk_sync *sync = &raft->sync;
    struct msk_digest leader = sync->leader;
    uint64_t term, end = sync->target.index + sync->buffer.count, commit = sync->leader_commit;
    bool current = sync->leader_term == raft->hard.term && raft->role == MSK_ROLE_FOLLOWER;
    bool reached = msk_log_term_at(&raft->log, sync->target.index, &term) && term == sync->target.term;
    if (!reached && msk_raft_defends(raft)) {
        msk_sync_restart(raft, now, "what was fetched does not lead to the leader's entries", out);
        return;
    }
    if (!take_buffer(raft, out)) {
        msk_sync_restart(raft, now, "the leader's entries do not follow what was fetched", out);
        return;
    }
    report_end(raft, now, out);
    msk_sync_stop(raft);
    if (current && msk_raft_defends(raft)) /* 3.11, follower rule 2 */
        msk_raft_follower_agreed(raft, &leader, end, commit, true, out);
}

static struct msk_sync_chunk *next_chunk(struct msk_raft *raft)
{
    struct msk_sync *sync = &raft->sync;
    for (size_t i = 0; i < sync->chunk_count; i++)
        if (msk_sync_first_new(raft, sync->chunks[i].range) <= sync->next)
            return &sync->chunks[i];
    return NULL;
}

/* A committed entry of ours is another one elsewhere. Only the leader's word ends a history, and where a majority of
 * declared members committed ours not even that, at first. Of anybody else we think that it is wrong itself. */
static void differs(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from, struct msk_cursor theirs,
                    struct msk_actions *out)
{
    if (raft->has_leader && msk_digest_equal(from, &raft->leader)) {
        if (msk_raft_floor(raft) > 1) {
            struct msk_cursor end = end_of_buffer(&raft->sync);
            msk_sync_stop(raft);
            msk_raft_refuse(raft, now, from, end, true, out);
        } else {
            msk_raft_forked(raft, now, from, theirs, out);
        }
        return;
    }
    struct msk_raft_peer *peer = msk_raft_peer_find(raft, from);
    if (peer)
        peer->barred_ms = now.mono_ms + 60000;
    MSK_EMIT(out, &raft->config.group, FORK_DETECTED, MSK_F_U64("term", theirs.term), MSK_F_DIGEST("peer", from),
             MSK_F_U64("index", theirs.index));
}

/* One fetched entry in its place; false: draining ends here. */
static bool drain_entry(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                        const struct msk_log_entry *entry, struct msk_actions *out)
{
    uint64_t index = raft->sync.next;
    if (!msk_raft_holds(raft, index, entry)) {
        if (index <= raft->committed.index && msk_raft_defends(raft)) {
            differs(raft, now, from, (struct msk_cursor){entry->term, index}, out);
            return false;
        }
        msk_raft_cut(raft, index, out);
        if (!msk_raft_append(raft, from, entry, out))
            return false;
    }
    raft->sync.next++;
    return true;
}

/* Its entry before the next one is ours, too. */
static bool joins(const struct msk_raft *raft, const struct msk_sync_chunk *chunk)
{
    uint64_t last = raft->sync.next - 1;
    return !msk_raft_defends(raft) || last < chunk->range.start || last > chunk->range.end ||
           msk_raft_holds(raft, last, &chunk->entries[last - chunk->range.start]);
}

/* Histories of members may differ where nobody declares their number, and what an earlier leader gave need not be the
 * present one's: from now on only that is asked. */
static void drain_chunk(struct msk_raft *raft, struct msk_now now, const struct msk_sync_chunk *chunk,
                        struct msk_actions *out)
{
    if (!joins(raft, chunk)) {
        msk_sync_restart(raft, now, "entries of two members do not go together", out);
        raft->sync.leader_only = true;
        return;
    }
    while (raft->sync.active && raft->sync.next <= chunk->range.end &&
           drain_entry(raft, now, &chunk->from, &chunk->entries[raft->sync.next - chunk->range.start], out))
        continue;
}

void msk_sync_drain(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct msk_sync *sync = &raft->sync;
    struct msk_sync_chunk *next;
    while (sync->active && (next = next_chunk(raft))) {
        struct msk_sync_chunk chunk = *next;
        *next = sync->chunks[--sync->chunk_count];
        drain_chunk(raft, now, &chunk, out);
        msk_free(chunk.entries);
    }
    if (sync->active && sync->has_target && sync->next > sync->target.index)
        finish(raft, now, out);
}

/* ---- time */

static void check_progress(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct msk_sync *sync = &raft->sync;
    uint64_t idle_ms = now.mono_ms - sync->progress_ms;
    if (idle_ms >= PATIENCE * fetch_timeout_ms(raft)) {
        msk_sync_restart(raft, now, "nothing came for too long", out);
    } else if (idle_ms >= STALLED_MS && !sync->stall_reported) {
        sync->stall_reported = true;
        MSK_EMIT(out, &raft->config.group, SYNC_STALLED, MSK_F_U64("index", sync->next),
                 MSK_F_U64("since_ms", idle_ms));
    }
}

static void expire_fetches(struct msk_raft *raft, struct msk_now now)
{
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        if (peer->fetching && now.mono_ms - peer->fetch_ms >= fetch_timeout_ms(raft)) {
            peer->fetching = peer->available = false;
            raft->sync.ask_ms = now.mono_ms;
        }
    }
}

static void ask_what_is_available(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    const struct msk_raft_message message = {.kind = MSK_RAFT_STATE_SYNC,
                                             .state_sync = {.kind = MSK_SYNC_AVAILABILITY_REQUEST}};
    if (raft->sync.ask_ms > now.mono_ms)
        return;
    raft->sync.ask_ms = now.mono_ms + ASK_INTERVAL_MS;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].bonded && !raft->peers[i].fetching)
            msk_raft_send_early(raft, &raft->peers[i].id, &message, out);
}

void msk_sync_tick(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (!raft->sync.active || raft->halted)
        return;
    expire_fetches(raft, now);
    if (msk_raft_defends(raft))
        check_progress(raft, now, out);
    ask_what_is_available(raft, now, out);
    msk_sync_schedule(raft, now, out);
}

uint64_t msk_sync_deadline(const struct msk_raft *raft)
{
    return raft->sync.active && !raft->halted ? raft->sync.ask_ms : MSK_NEVER;
}
