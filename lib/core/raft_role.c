#include <string.h>

#include "core/raft_state.h"

static const char *const role_names[] = {
    [MSK_ROLE_FOLLOWER] = "follower", [MSK_ROLE_CANDIDATE] = "candidate", [MSK_ROLE_LEADER] = "leader"};

const char *msk_role_name(enum msk_role role)
{
    return role_names[role];
}

void msk_raft_set_role(struct msk_raft *raft, enum msk_role role, struct msk_actions *out)
{
    enum msk_role old = raft->role;
    raft->role = role;
    if (role != old)
        MSK_EMIT(out, &raft->config.group, ROLE_CHANGED, MSK_F_TEXT("old", msk_role_name(old)),
                 MSK_F_TEXT("new", msk_role_name(role)), MSK_F_U64("term", raft->hard.term));
}

void msk_raft_enter_term(struct msk_raft *raft, uint64_t term, const char *cause, struct msk_actions *out)
{
    MSK_EMIT(out, &raft->config.group, TERM_CHANGED, MSK_F_U64("old", raft->hard.term), MSK_F_U64("new", term),
             MSK_F_TEXT("cause", cause));
    raft->hard = (struct msk_hard_state){.term = term};
    raft->hard_changed = true;
    raft->fork_reported = raft->rival_reported = false;
    raft->online = false;
    msk_raft_peers_renew(raft);
    if (!msk_raft_defends(raft)) /* 4.2; ours goes on (W-12) */
        msk_sync_stop(raft);
}

void msk_raft_follow(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    raft->online = false;
    msk_raft_set_role(raft, MSK_ROLE_FOLLOWER, out);
    msk_raft_arm_follower(raft, now);
}

void msk_raft_set_vote(struct msk_raft *raft, const struct msk_digest *vote)
{
    if (raft->hard.has_vote && msk_digest_equal(&raft->hard.vote, vote))
        return;
    raft->hard.has_vote = true;
    raft->hard.vote = *vote;
    raft->hard_changed = true;
}

void msk_raft_publish_leader(struct msk_raft *raft, const struct msk_digest *leader, struct msk_actions *out)
{
    bool same = raft->has_leader && msk_digest_equal(&raft->leader, leader);
    raft->round = 0;
    if (same && raft->leader_term == raft->hard.term)
        return;
    struct msk_field old = raft->has_leader ? MSK_F_DIGEST("old", &raft->leader) : MSK_F_TEXT("old", NULL);
    msk_raft_requests_leaderless(raft, out);
    raft->has_leader = true;
    raft->leader = *leader;
    raft->leader_term = raft->hard.term;
    raft->leader_changes++;
    MSK_EMIT(out, &raft->config.group, LEADER_CHANGED, old, MSK_F_DIGEST("new", leader),
             MSK_F_U64("term", raft->hard.term));
}

void msk_raft_lose_leader(struct msk_raft *raft, const char *reason, struct msk_actions *out)
{
    if (!raft->has_leader)
        return;
    raft->has_leader = false;
    msk_raft_requests_leaderless(raft, out);
    if (!msk_digest_equal(&raft->leader, &raft->config.self)) /* that we lead no longer is told as a change of role */
        MSK_EMIT(out, &raft->config.group, LEADER_LOST, MSK_F_DIGEST("old", &raft->leader),
                 MSK_F_U64("term", raft->leader_term), MSK_F_TEXT("reason", reason));
}

/* ---- timers */

void msk_raft_arm(struct msk_raft *raft, struct msk_now now, uint64_t delay_ms)
{
    raft->held_back = false;
    if (__builtin_add_overflow(now.mono_ms, delay_ms, &raft->timer_ms))
        raft->timer_ms = MSK_NEVER;
}

void msk_raft_arm_follower(struct msk_raft *raft, struct msk_now now)
{
    uint64_t delay_ms =
        raft->config.election_timeout_ms + msk_random_below(&raft->random, raft->config.election_timeout_jitter_ms);
    if (raft->hard.term == 0)
        delay_ms += raft->config.bootstrap_delay_ms;
    if (raft->config.preference == MSK_PREFER_RELUCTANT)
        delay_ms *= raft->config.reluctant_factor;
    msk_raft_arm(raft, now, delay_ms);
}

/* ---- records and messages */

uint64_t msk_raft_save(struct msk_raft *raft, struct msk_actions *out)
{
    if (raft->hard_changed) {
        raft->record = raft->hard_record = ++*raft->config.sequence;
        raft->hard_changed = false;
        msk_act_persist(out, &raft->config.group, &raft->hard, raft->record);
    }
    msk_raft_save_log(raft, out);
    return raft->record > raft->persisted ? raft->record : 0;
}

void msk_raft_send(struct msk_raft *raft, const struct msk_digest *to, const struct msk_raft_message *message,
                   struct msk_actions *out)
{
    msk_act_raft(out, to, message, msk_raft_save(raft, out));
}

void msk_raft_send_early(struct msk_raft *raft, const struct msk_digest *to, const struct msk_raft_message *message,
                         struct msk_actions *out)
{
    msk_raft_save(raft, out);
    msk_act_raft(out, to, message, raft->hard_record > raft->persisted ? raft->hard_record : 0);
}

void msk_raft_fail(struct msk_raft *raft, const char *reason, struct msk_actions *out)
{
    raft->failed = true;
    raft->online = false;
    msk_raft_set_role(raft, MSK_ROLE_FOLLOWER, out);
    raft->timer_ms = MSK_NEVER;
    msk_sync_stop(raft);
    msk_requests_abandon(raft, reason, out);
    MSK_EMIT(out, &raft->config.group, GROUP_FAILED, MSK_F_TEXT("reason", reason),
             MSK_F_CURSOR("committed", raft->committed));
}
