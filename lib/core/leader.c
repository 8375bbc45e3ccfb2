#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

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
    msk_raft_send(raft, &peer->id, &message, out);
}

/* A leader without any bond has nobody to beat for: the next bond wakes it (greet in raft.c). With --members it must
 * notice that it lost the others. */
static bool needs_no_timer(const struct msk_raft *raft)
{
    return msk_raft_defends(raft) && msk_raft_bonded_count(raft) == 1 && msk_raft_floor(raft) <= 1;
}

static void arm_heartbeat(struct msk_raft *raft, struct msk_now now)
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
    arm_heartbeat(raft, now);
}

/* 3.5 "Becoming leader". Whoever granted has a log equal to ours. 3.11 leader rule 4: the first heartbeat leaves at
 * once. */
void msk_raft_lead(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    uint64_t last = msk_log_last(&raft->log).index;
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        peer->counted = peer->answered && peer->answer == MSK_VOTE_GRANTED;
        peer->acked = peer->counted ? last : 0;
    }
    raft->online = true;
    raft->lagging = false;
    msk_raft_set_role(raft, MSK_ROLE_LEADER, out);
    msk_raft_publish_leader(raft, &raft->config.self, out);
    if (msk_raft_defends(raft))
        broadcast_heartbeat(raft, now, out);
    else
        arm_heartbeat(raft, now);
}

/* ---- commit */

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* W-1, W-9: the highest index that a majority has, 0 for none: of the declared members, else of ourselves and those
 * bonded peers that granted anything in this term. */
static uint64_t majority_index(const struct msk_raft *raft)
{
    uint64_t acked[MSK_RAFT_PEERS_MAX + 1] = {msk_log_last(&raft->log).index};
    size_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].bonded && raft->peers[i].counted)
            acked[count++] = raft->peers[i].acked;
    size_t needed = msk_raft_floor(raft) ? msk_raft_floor(raft) : count / 2 + 1;
    if (needed > count)
        return 0;
    qsort(acked, count, sizeof acked[0], descending);
    return acked[needed - 1];
}

/* W-8: entries of earlier terms are committed only together with one of our own. */
static bool may_commit(const struct msk_raft *raft, uint64_t index)
{
    uint64_t term;
    if (index <= raft->committed.index || !msk_log_term_at(&raft->log, index, &term))
        return false;
    return term == raft->hard.term || !msk_raft_defends(raft);
}

/* 3.7: an acknowledgement may move the commit index, which the others learn at once. */
void msk_raft_leader_acked(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                           const struct msk_append_entries_response *response, struct msk_actions *out)
{
    uint64_t last = msk_log_last(&raft->log).index;
    if (response->vote == MSK_VOTE_GRANTED) {
        peer->counted = true;
        peer->acked = response->last_log_index < last ? response->last_log_index : last;
    } else if (response->vote == MSK_VOTE_ABSTAINED) {
        peer->counted = false;
    }
    MSK_EMIT(out, &raft->config.group, APPEND_ACKED, MSK_F_DIGEST("peer", &peer->id),
             MSK_F_U64("index", response->last_log_index), MSK_F_TEXT("vote", msk_vote_name(response->vote)));
    uint64_t index = majority_index(raft);
    if (!may_commit(raft, index))
        return;
    msk_raft_commit(raft, index, out);
    broadcast_heartbeat(raft, now, out);
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
}
