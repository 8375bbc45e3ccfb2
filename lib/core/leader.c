#include <inttypes.h>
#include <stdio.h>

#include "core/raft_state.h"

#define REASON_SIZE 128

/* ---- heartbeats (3.7, 3.11) */

void msk_raft_heartbeat(struct msk_raft *raft, struct msk_raft_peer *peer, struct msk_actions *out)
{
    struct msk_raft_message message = {
        .kind = MSK_RAFT_APPEND_ENTRIES,
        .append_entries = {.term = raft->hard.term,
                           .leader = raft->config.self,
                           .prev = msk_log_last(&raft->log),
                           .leader_commit = raft->committed.index},
    };
    msk_raft_send_early(raft, &peer->id, &message, out);
}

/* A leader without any bond has nobody to beat for: the next bond wakes it (greet in raft.c). With --members it must
 * notice that it lost the others. */
static bool needs_no_timer(const struct msk_raft *raft)
{
    return msk_raft_defends(raft) && msk_raft_bonded_count(raft) == 1 && msk_raft_floor(raft) <= 1;
}

void msk_raft_leader_arm(struct msk_raft *raft, struct msk_now now)
{
    msk_raft_arm(raft, now, raft->config.heartbeat_interval_ms);
    if (needs_no_timer(raft))
        raft->timer_ms = MSK_NEVER;
}

static void broadcast_heartbeat(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].bonded)
            msk_raft_heartbeat(raft, &raft->peers[i], out);
    msk_raft_leader_arm(raft, now);
}

/* W-8: older entries that not everybody has can be committed with one of our own only. Where the machine has a command
 * that changes nothing it is appended now; else they wait for the next caller (3.11, leader rule 7). */
static void commit_older(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (!msk_raft_defends(raft))
        return;
    msk_raft_leader_commit(raft, now, out);
    if (raft->committed.index < raft->log.count)
        msk_raft_append_idle(raft, now, out);
}

/* 3.5 "Becoming leader". Whoever granted has a log equal to ours. 3.11 leader rule 4: the first heartbeat leaves at
 * once. */
void msk_raft_lead(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    msk_raft_committee_elected(raft);
    raft->sent = raft->lead_from = raft->log.count;
    raft->proof.open = raft->proof.fails = false;
    raft->online = true;
    raft->lagging = raft->refuses = false;
    msk_raft_set_role(raft, MSK_ROLE_LEADER, out);
    msk_raft_publish_leader(raft, &raft->config.self, out);
    msk_raft_report_lead(raft, out);
    if (msk_raft_defends(raft))
        broadcast_heartbeat(raft, now, out);
    else
        msk_raft_leader_arm(raft, now);
    commit_older(raft, now, out);
}

/* ---- commit */

void msk_raft_leader_commit(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    uint64_t index = msk_raft_committable(raft);
    if (index == 0)
        return;
    msk_raft_commit(raft, index, out);
    raft->group_committed = raft->committed.index;
    msk_raft_report_commits(raft, now, out);
    if (raft->role == MSK_ROLE_LEADER)
        broadcast_heartbeat(raft, now, out);
}

/* 3.7: an acknowledgement may move the commit index. */
void msk_raft_leader_acked(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                           const struct msk_append_entries_response *response, struct msk_actions *out)
{
    msk_raft_committee_heard(raft, peer, response);
    MSK_EMIT(out, &raft->config.group, APPEND_ACKED, MSK_F_DIGEST("peer", &peer->id),
             MSK_F_U64("index", response->last_log_index), MSK_F_TEXT("vote", msk_vote_name(response->vote)));
    msk_raft_report_committee(raft, out);
    msk_raft_leader_commit(raft, now, out);
}

/* ---- the end of leading */

/* 3.3: another leader of our own term. Both stand again; at most one of us is elected. */
void msk_raft_leader_rival(struct msk_raft *raft, struct msk_now now, const struct msk_digest *rival,
                           struct msk_actions *out)
{
    MSK_EMIT(out, &raft->config.group, TWO_LEADERS, MSK_F_U64("term", raft->hard.term),
             MSK_F_DIGEST("first", &raft->config.self), MSK_F_DIGEST("second", rival));
    msk_raft_lose_leader(raft, "two leaders", out);
    msk_raft_stand(raft, now, out);
}

/* W-1: who has not heard a majority within an election timeout must expect that the others follow somebody else. */
static bool has_lost_majority(const struct msk_raft *raft, struct msk_now now)
{
    return msk_raft_contact(raft, now, raft->config.election_timeout_ms) < msk_raft_floor(raft);
}

static void step_down(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    char reason[REASON_SIZE];
    snprintf(reason, sizeof reason, "heard %" PRIu32 " of %" PRIu32 " members within %" PRIu64 " ms, needs %" PRIu32,
             msk_raft_contact(raft, now, raft->config.election_timeout_ms), raft->config.members,
             raft->config.election_timeout_ms, msk_raft_floor(raft));
    MSK_EMIT(out, &raft->config.group, LEADER_STEPPED_DOWN, MSK_F_U64("term", raft->hard.term),
             MSK_F_TEXT("reason", reason));
    msk_raft_lose_leader(raft, "stepped down", out);
    msk_raft_follow(raft, now, out);
    raft->held_back = true; /* as after hold_back: the members' return arms the timer */
    raft->timer_ms = MSK_NEVER;
}

void msk_raft_leader_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (has_lost_majority(raft, now))
        step_down(raft, now, out);
    else
        broadcast_heartbeat(raft, now, out);
    msk_raft_report_commits(raft, now, out);
    if (raft->role != MSK_ROLE_LEADER || !msk_raft_defends(raft))
        return;
    msk_raft_leader_commit(raft, now, out); /* who left does not count any more */
    msk_raft_reads_beat(raft, now, out);
}
