/* What is appended to the log, cut from it, stored and committed; and what happens when a history differs. */
#include "base/alloc.h"
#include "core/raft_state.h"

/* ---- entries */

bool msk_raft_holds(const struct msk_raft *raft, uint64_t index, const struct msk_log_entry *entry)
{
    struct msk_log_entry ours;
    uint64_t term;
    if (index <= raft->log.gone)
        return msk_log_term_at(&raft->log, index, &term) && term == entry->term;
    return msk_log_get(&raft->log, index, &ours) && ours.term == entry->term &&
           msk_bytes_equal(ours.command, entry->command);
}

static void note_change(struct msk_raft *raft, uint64_t index)
{
    if (index < raft->changed_from)
        raft->changed_from = index;
}

void msk_raft_cut(struct msk_raft *raft, uint64_t from, struct msk_actions *out)
{
    struct msk_cursor last = msk_log_last(&raft->log);
    if (from > last.index)
        return;
    msk_log_truncate(&raft->log, from);
    note_change(raft, from);
    for (size_t i = 0; i < raft->write_count; i++)
        if (raft->writes[i].last >= from)
            raft->writes[i].last = from - 1;
    if (raft->durable >= from)
        raft->durable = from - 1;
    MSK_EMIT(out, &raft->config.group, LOG_TRUNCATED, MSK_F_U64("from", from), MSK_F_CURSOR("old_last", last),
             MSK_F_CURSOR("committed", raft->committed));
}

bool msk_raft_append(struct msk_raft *raft, const struct msk_digest *from, const struct msk_log_entry *entry,
                     struct msk_actions *out)
{
    int result = msk_log_append(&raft->log, entry->term, entry->command);
    if (result == MSK_E_LIMIT)
        MSK_EMIT(out, &raft->config.group, LIMIT_HIT, MSK_F_TEXT("which", "log"),
                 MSK_F_DIGEST("peer", from ? from : &raft->config.self), MSK_F_U64("value", raft->log.count));
    else if (result < 0)
        out->error = result;
    if (result == 0)
        note_change(raft, raft->log.count);
    return result == 0;
}

/* ---- storing */

/* The entries from `first` on in one block of memory; NULL without memory. */
static uint8_t *gather(const struct msk_raft *raft, uint64_t first, size_t *len)
{
    struct msk_builder encoded;
    uint64_t last = raft->log.count;
    msk_builder_init(&encoded, MSK_LOG_BYTES_MAX);
    while (first <= last) {
        struct msk_bytes part;
        first += msk_log_encoded(&raft->log, first, last, &part);
        msk_builder_append(&encoded, part.data, part.len);
    }
    return msk_builder_take(&encoded, len);
}

/* When more records are under way than can be told apart, the last one stands for its predecessor, too: that is known
 * to be on disk later than it is. */
static void note_write(struct msk_raft *raft, uint64_t sequence)
{
    if (raft->write_count == MSK_RAFT_WRITES_MAX)
        raft->write_count--;
    raft->writes[raft->write_count++] = (struct msk_write){sequence, raft->log.count};
}

void msk_raft_save_log(struct msk_raft *raft, struct msk_actions *out)
{
    size_t len;
    uint64_t first = raft->changed_from;
    if (first == MSK_NEVER)
        return;
    uint8_t *data = gather(raft, first, &len);
    raft->record = ++*raft->config.sequence;
    note_write(raft, raft->record);
    raft->changed_from = MSK_NEVER;
    raft->recorded = raft->committed.index <= raft->log.count ? raft->committed : msk_log_last(&raft->log);
    msk_act_append(out, &raft->config.group, first, raft->log.count + 1 - first, data, len, raft->recorded,
                   raft->record);
}

void msk_raft_log_persisted(struct msk_raft *raft, uint64_t sequence)
{
    size_t done = 0;
    while (done < raft->write_count && raft->writes[done].sequence <= sequence)
        raft->durable = raft->writes[done++].last;
    raft->write_count -= done;
    for (size_t i = 0; i < raft->write_count; i++)
        raft->writes[i] = raft->writes[i + done];
}

/* One that may be lost is told again what is behind its last snapshot. */
void msk_raft_spare(struct msk_raft *raft)
{
    uint64_t needed_to = raft->machine->may_be_lost ? raft->snapshot_index : raft->applied;
    if (raft->config.stored)
        msk_log_spare(&raft->log, needed_to < raft->durable ? needed_to : raft->durable);
}

/* ---- committing */

/* At the same indices on every member, so that somebody else can compare (W-3, W-4). */
static void report_digests(struct msk_raft *raft, uint64_t from, struct msk_actions *out)
{
    for (uint64_t at = msk_rolling_next_report(from); at <= raft->committed.index; at = msk_rolling_next_report(at)) {
        if (!msk_log_has_digest(&raft->log, at))
            continue;
        struct msk_digest digest = msk_log_digest(&raft->log, at);
        MSK_EMIT(out, &raft->config.group, STATE_DIGEST, MSK_F_U64("committed", at), MSK_F_DIGEST("digest", &digest));
    }
}

void msk_raft_commit(struct msk_raft *raft, uint64_t index, struct msk_actions *out)
{
    uint64_t from = raft->committed.index;
    raft->committed.index = index;
    msk_log_term_at(&raft->log, index, &raft->committed.term);
    if (msk_raft_defends(raft))
        msk_log_keep(&raft->log, index);
    MSK_EMIT(out, &raft->config.group, COMMIT_ADVANCED, MSK_F_U64("from", from), MSK_F_U64("to", index),
             MSK_F_U64("term", raft->committed.term));
    report_digests(raft, from, out);
    msk_raft_apply(raft, out);
    msk_requests_committed(raft, out);
}

bool msk_raft_digest(struct msk_raft *raft, uint64_t index, struct msk_digest *out)
{
    if (index > raft->committed.index || !msk_log_has_digest(&raft->log, index))
        return false;
    *out = msk_log_digest(&raft->log, index);
    return true;
}

bool msk_raft_entry(const struct msk_raft *raft, uint64_t index, struct msk_log_entry *out)
{
    return msk_log_get(&raft->log, index, out);
}

/* ---- another history (W-3) */

static void halt(struct msk_raft *raft, struct msk_actions *out)
{
    raft->halted = true;
    raft->online = false;
    msk_sync_stop(raft);
    msk_requests_abandon(raft, "the histories of this member and its group differ", out);
    msk_raft_set_role(raft, MSK_ROLE_FOLLOWER, out);
    raft->timer_ms = MSK_NEVER;
    MSK_EMIT(out, &raft->config.group, GROUP_HALTED, MSK_F_CURSOR("committed", raft->committed));
}

/* Everything is thrown away and taken from the group again. */
static void resync(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    MSK_EMIT(out, &raft->config.group, GROUP_RESYNCED, MSK_F_CURSOR("committed", raft->committed));
    msk_requests_abandon(raft, "this member takes the history of its group anew", out);
    raft->log.kept = 0;
    msk_raft_cut(raft, 1, out);
    raft->changed_from = 1;
    raft->committed = raft->recorded = (struct msk_cursor){0};
    raft->applied = raft->applying = raft->reached = raft->snapshot_index = 0;
    raft->snapshotting = false;
    if (raft->machine->restore(raft->machine_state, MSK_BYTES("", 0)) < 0)
        msk_raft_fail(raft, "the machine failed", out);
    raft->online = false;
    msk_sync_restart(raft, now, "the history is taken anew", out);
    raft->sync.leader_only = true; /* whoever shared what is given up does not have the group's, either */
}

void msk_raft_forked(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer, struct msk_cursor theirs,
                     struct msk_actions *out)
{
    if (!raft->fork_reported)
        MSK_EMIT(out, &raft->config.group, FORK_SUSPECTED, MSK_F_U64("term", raft->hard.term),
                 MSK_F_DIGEST("peer", peer), MSK_F_CURSOR("theirs", theirs), MSK_F_CURSOR("ours", raft->committed));
    raft->fork_reported = true;
    if (raft->config.on_fork == MSK_FORK_RESYNC && raft->machine->restore)
        resync(raft, now, out);
    else
        halt(raft, out);
}
