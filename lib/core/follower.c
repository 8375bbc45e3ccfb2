#include "core/raft_state.h"

#define REVOLT_DELAY_MAX_MS 100 /* W-2 (b): so that not all stand at once */

/* Where the sender's log ends, as far as the append tells. */
static struct msk_cursor end_of(const struct msk_append_entries *append)
{
    size_t count = append->entries.count;
    if (count == 0)
        return append->prev;
    return (struct msk_cursor){append->entries.items[count - 1].term, append->prev.index + count};
}

/* 3.6, step 2, case "consistent". */
static bool fits(const struct msk_raft *raft, struct msk_cursor prev)
{
    uint64_t term;
    return msk_log_term_at(&raft->log, prev.index, &term) && term == prev.term;
}

/* ---- a sender that is not obeyed */

/* W-13: of two leaders of one term the first one seen is followed, the other one reported. */
static bool is_second_leader(const struct msk_raft *raft, const struct msk_digest *from)
{
    return msk_raft_defends(raft) && raft->has_leader && raft->leader_term == raft->hard.term &&
           !msk_digest_equal(&raft->leader, from);
}

static void report_second_leader(struct msk_raft *raft, const struct msk_digest *from, struct msk_actions *out)
{
    if (raft->rival_reported)
        return;
    raft->rival_reported = true;
    MSK_EMIT(out, &raft->config.group, TWO_LEADERS, MSK_F_U64("term", raft->hard.term),
             MSK_F_DIGEST("first", &raft->leader), MSK_F_DIGEST("second", from));
}

/* W-2 (b): what is committed here must be in a leader's log. */
static bool lacks_committed(const struct msk_raft *raft, const struct msk_append_entries *append)
{
    uint64_t committed = raft->committed.index, index = append->prev.index;
    if (!msk_raft_defends(raft))
        return false;
    if (end_of(append).index < committed || (index <= committed && !fits(raft, append->prev)))
        return true;
    for (size_t i = 0; i < append->entries.count && ++index <= committed; i++)
        if (!msk_raft_holds(raft, index, &append->entries.items[i]))
            return true;
    return false;
}

/* It gets no answer and nothing is cut. We stand at once: where our log is ahead of its own it will abstain, and
 * whoever has our history will grant. When that did not help, nobody could vote it out, and the histories differ for
 * good (W-2, W-3). */
void msk_raft_refuse(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from, struct msk_cursor theirs,
                     bool commits, struct msk_actions *out)
{
    bool ahead = msk_cursor_compare(msk_log_last(&raft->log), theirs) > 0;
    bool was_followed = raft->leader_term == raft->hard.term,
         stood = raft->refuses && raft->refused_term < raft->hard.term;
    msk_raft_lose_leader(raft, was_followed ? "it lacks committed entries" : "a new term began", out);
    raft->online = raft->lagging = false;
    if (!ahead && commits && stood) {
        msk_raft_forked(raft, now, from, theirs, out);
        return;
    }
    if (!raft->refuses)
        raft->refused_term = raft->hard.term;
    raft->refuses = true;
    raft->refused = *from;
    raft->refused_log = theirs;
    raft->refusing_term = raft->hard.term;
    if (raft->config.preference == MSK_PREFER_OBSERVER)
        msk_raft_arm_follower(raft, now);
    else if (!raft->fork_reported)
        msk_raft_arm(raft, now, msk_random_below(&raft->random, REVOLT_DELAY_MAX_MS));
    if (raft->fork_reported)
        return;
    raft->fork_reported = true;
    MSK_EMIT(out, &raft->config.group, FORK_SUSPECTED, MSK_F_U64("term", raft->hard.term), MSK_F_DIGEST("peer", from),
             MSK_F_CURSOR("theirs", theirs), MSK_F_CURSOR("ours", raft->committed));
}

/* One that was followed for a while may turn out so only when its log is compared: not even its heartbeats are heard
 * then, in this term. */
static bool is_refused(const struct msk_raft *raft, const struct msk_digest *from)
{
    return raft->refuses && raft->refusing_term == raft->hard.term && msk_digest_equal(&raft->refused, from);
}

/* ---- taking entries in (3.6) */

/* W-5: every entry is compared; from the first difference on the leader's replace ours. */
static bool take_entries(struct msk_raft *raft, const struct msk_digest *from, const struct msk_append_entries *append,
                         struct msk_actions *out)
{
    uint64_t index = append->prev.index, term;
    for (size_t i = 0; i < append->entries.count; i++) {
        const struct msk_log_entry *entry = &append->entries.items[i];
        if (msk_raft_holds(raft, ++index, entry))
            continue;
        if (msk_log_term_at(&raft->log, index, &term) && term == entry->term) /* W-7: written by two leaders */
            MSK_EMIT(out, &raft->config.group, FORK_DETECTED, MSK_F_U64("term", term), MSK_F_DIGEST("peer", from),
                     MSK_F_U64("index", index));
        msk_raft_cut(raft, index, out);
        if (!msk_raft_append(raft, from, entry, out))
            return false;
    }
    return true;
}

/* 3.6 to the letter: only the first entry may cut, and whatever differs later lands behind the last one (W-5). */
static bool take_entries_unchecked(struct msk_raft *raft, const struct msk_digest *from,
                                   const struct msk_append_entries *append, struct msk_actions *out)
{
    uint64_t index = append->prev.index + 1, term;
    for (size_t i = 0; i < append->entries.count; i++, index++) {
        const struct msk_log_entry *entry = &append->entries.items[i];
        bool present = msk_log_term_at(&raft->log, index, &term);
        if (present && term == entry->term)
            continue;
        if (present && i == 0)
            msk_raft_cut(raft, index, out);
        if (!msk_raft_append(raft, from, entry, out))
            return false;
    }
    return true;
}

/* How far this leader's log is known to be ours: 3.11, follower rule 4. The reference claims its whole log. */
static uint64_t verified_index(const struct msk_raft *raft, const struct msk_append_entries *append)
{
    return msk_raft_defends(raft) ? end_of(append).index : msk_log_last(&raft->log).index;
}

static void acknowledge(struct msk_raft *raft, const struct msk_digest *leader, uint64_t index, struct msk_actions *out)
{
    bool observes = raft->config.preference == MSK_PREFER_OBSERVER;
    struct msk_raft_message message = {
        .kind = MSK_RAFT_APPEND_ENTRIES_RESPONSE,
        .append_entries_response = {.term = raft->hard.term,
                                    .last_log_index = index,
                                    .vote = observes ? MSK_VOTE_ABSTAINED : MSK_VOTE_GRANTED},
    };
    msk_raft_send(raft, leader, &message, out);
}

void msk_raft_follower_agreed(struct msk_raft *raft, const struct msk_digest *leader, uint64_t index,
                              uint64_t leader_commit, bool waits, struct msk_actions *out)
{
    uint64_t commit = leader_commit < index ? leader_commit : index;
    raft->online = true;
    raft->lagging = raft->refuses = false;
    if (waits)
        acknowledge(raft, leader, index, out);
    if (commit > raft->committed.index)
        msk_raft_commit(raft, commit, out);
}

/* 3.6, step 4. */
static void catch_up(struct msk_raft *raft, struct msk_now now, const struct msk_append_entries *append,
                     struct msk_actions *out)
{
    raft->online = false;
    raft->lagging = true;
    msk_raft_cut(raft, append->prev.index, out); /* nothing where we have no entry there */
    msk_sync_inconsistent(raft, now, append, out);
}

/* 3.6, step 3. One that was not online answers a heartbeat, too: a leader counts whom it has heard agree (W-9). */
static void keep_up(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                    const struct msk_append_entries *append, struct msk_actions *out)
{
    bool waits = append->entries.count > 0 || (msk_raft_defends(raft) && !raft->online);
    bool taken = msk_raft_defends(raft) ? take_entries(raft, from, append, out)
                                        : take_entries_unchecked(raft, from, append, out);
    raft->online = taken;
    if (!taken) /* reported where it failed */
        return;
    msk_sync_consistent(raft, now, out);
    msk_raft_follower_agreed(raft, from, verified_index(raft, append), append->leader_commit, waits, out);
}

static void obey(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                 const struct msk_append_entries *append, struct msk_actions *out)
{
    bool consistent = fits(raft, append->prev);
    msk_raft_publish_leader(raft, &append->leader, out);
    raft->leader_heard_ms = now.mono_ms;
    if (append->leader_commit > raft->group_committed)
        raft->group_committed = append->leader_commit;
    msk_raft_arm_follower(raft, now);
    MSK_EMIT(out, &raft->config.group, APPEND_RECEIVED, MSK_F_U64("term", append->term),
             MSK_F_DIGEST("leader", &append->leader), MSK_F_CURSOR("prev", append->prev),
             MSK_F_U64("count", append->entries.count), MSK_F_U64("leader_commit", append->leader_commit),
             MSK_F_BOOL("consistent", consistent));
    if (consistent)
        keep_up(raft, now, from, append, out);
    else
        catch_up(raft, now, append, out);
}

void msk_raft_follower_append(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                              const struct msk_append_entries *append, struct msk_actions *out)
{
    if (is_refused(raft, from))
        return;
    if (is_second_leader(raft, from))
        report_second_leader(raft, from, out);
    else if (lacks_committed(raft, append))
        msk_raft_refuse(raft, now, from, end_of(append), append->leader_commit > 0, out);
    else
        obey(raft, now, from, append, out);
}

/* ---- the leader is silent (3.4) */

/* W-12: one that is known to lag lets the others stand first, once. */
static void let_others_stand(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    raft->lagging = false;
    raft->online = false;
    msk_raft_arm_follower(raft, now);
    MSK_EMIT(out, &raft->config.group, ELECTION_HELD_BACK, MSK_F_U64("term", raft->hard.term),
             MSK_F_TEXT("reason", "its log lacks entries of the last leader, others go first"));
}

/* 3.9: an observer waits for others to stand; no timer runs meanwhile. */
static void wait_for_leader(struct msk_raft *raft)
{
    raft->online = false;
    raft->timer_ms = MSK_NEVER;
}

void msk_raft_follower_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (!msk_raft_defends(raft) && raft->sync.active) { /* 3.4: the timer of one that catches up is not evaluated */
        msk_raft_arm_follower(raft, now);
        return;
    }
    bool defends = msk_raft_defends(raft), observes = raft->config.preference == MSK_PREFER_OBSERVER;
    if (defends) /* W-31 */
        msk_raft_lose_leader(raft, "its silence outlasted the election timeout", out);
    if (observes && !defends)
        msk_raft_arm_follower(raft, now);
    else if (observes)
        wait_for_leader(raft);
    else if (raft->lagging && defends)
        let_others_stand(raft, now, out);
    else
        msk_raft_stand(raft, now, out);
}
