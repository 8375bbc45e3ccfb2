#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "core/raft_state.h"

#define REASON_SIZE          128
#define SPREAD_DOUBLINGS_MAX 3 /* of the jitter, in later rounds */

/* ---- standing */

/* W-2 (a): a member that hears too few others neither stands nor raises its term: its return would depose a leader that
 * the others follow. No timer runs until enough are heard again. */
static void hold_back(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    char reason[REASON_SIZE];
    uint64_t window_ms = msk_raft_contact_window_ms(raft);
    snprintf(reason, sizeof reason, "hears %" PRIu32 " of %" PRIu32 " members within %" PRIu64 " ms, needs %" PRIu32,
             msk_raft_contact(raft, now, window_ms), raft->config.members, window_ms, msk_raft_floor(raft));
    raft->online = false;
    msk_raft_set_role(raft, MSK_ROLE_FOLLOWER, out);
    raft->timer_ms = MSK_NEVER;
    raft->held_back = true;
    MSK_EMIT(out, &raft->config.group, ELECTION_HELD_BACK, MSK_F_U64("term", raft->hard.term),
             MSK_F_TEXT("reason", reason));
}

/* W-2: a refused leader with a log ahead of ours would deny us its vote. Where the others declare how many must agree
 * we need not ask it: those who have not got all that we have abstain, and one denial would be too many then. */
static bool is_asked(const struct msk_raft *raft, const struct msk_raft_peer *peer)
{
    bool denies = raft->refuses && msk_digest_equal(&raft->refused, &peer->id) &&
                  msk_cursor_compare(raft->refused_log, msk_log_last(&raft->log)) > 0;
    return peer->bonded && !(denies && msk_raft_floor(raft) > 1);
}

static void report_start(const struct msk_raft *raft, struct msk_actions *out)
{
    struct msk_digest_seq asked = {.items = msk_calloc(raft->peer_count, sizeof *asked.items)};
    if (!asked.items) {
        out->error = MSK_E_NOMEM;
        return;
    }
    for (size_t i = 0; i < raft->peer_count; i++)
        if (is_asked(raft, &raft->peers[i]))
            asked.items[asked.count++] = raft->peers[i].id;
    MSK_EMIT(out, &raft->config.group, ELECTION_STARTED, MSK_F_U64("term", raft->hard.term),
             MSK_F_DIGESTS("asked", asked), MSK_F_CURSOR("cursor", msk_log_last(&raft->log)),
             MSK_F_U64("round", raft->round));
    msk_free(asked.items);
}

void msk_raft_ask(struct msk_raft *raft, struct msk_raft_peer *peer, struct msk_actions *out)
{
    struct msk_raft_message message = {
        .kind = MSK_RAFT_REQUEST_VOTE,
        .request_vote = {.term = raft->hard.term, .candidate = raft->config.self, .log = msk_log_last(&raft->log)},
    };
    peer->asked = true;
    msk_raft_send(raft, &peer->id, &message, out);
}

/* Candidates that stand within the time that a request takes deny each other, and do so again in the next round unless
 * their timers differ by more. What the jitter is too small for, rounds that draw from ever wider spans get over. */
static uint64_t round_ms(struct msk_raft *raft)
{
    uint32_t doublings = raft->round - 1 < SPREAD_DOUBLINGS_MAX ? raft->round - 1 : SPREAD_DOUBLINGS_MAX;
    uint64_t spread_ms = raft->config.election_timeout_jitter_ms << doublings;
    return raft->config.election_timeout_ms + msk_random_below(&raft->random, spread_ms);
}

/* 3.5 "Candidate start". In a term that is new to us we have not voted yet, so the next one will do. */
void msk_raft_stand(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    if (!msk_raft_may_stand(raft, now)) {
        hold_back(raft, now, out);
        return;
    }
    if (raft->hard.term >= MSK_TERM_MAX) {
        msk_raft_fail(raft, "the terms are used up", out);
        return;
    }
    msk_sync_stop(raft); /* the log that we stand with does not change meanwhile */
    msk_raft_enter_term(raft, raft->hard.term + 1, "election", out);
    msk_raft_set_vote(raft, &raft->config.self);
    msk_raft_save(raft, out);
    raft->own_vote_record = raft->record;
    msk_raft_set_role(raft, MSK_ROLE_CANDIDATE, out);
    raft->round++;
    raft->election_started_ms = now.mono_ms;
    msk_raft_arm(raft, now, round_ms(raft));
    raft->elections++;
    report_start(raft, out);
    for (size_t i = 0; i < raft->peer_count; i++)
        if (is_asked(raft, &raft->peers[i]))
            msk_raft_ask(raft, &raft->peers[i], out);
}

/* ---- counting */

/* The answers to our candidacy, our own vote among them. */
struct tally {
    uint32_t asked, granted, denied, abstained;
};

/* W-6: our own vote is among those granted only once it is on disk. */
static struct tally tally(const struct msk_raft *raft)
{
    struct tally tally = {.asked = 1, .granted = raft->own_vote_record <= raft->persisted};
    for (size_t i = 0; i < raft->peer_count; i++) {
        const struct msk_raft_peer *peer = &raft->peers[i];
        tally.asked += peer->asked;
        tally.granted += peer->answered && peer->answer == MSK_VOTE_GRANTED;
        tally.denied += peer->answered && peer->answer == MSK_VOTE_DENIED;
        tally.abstained += peer->answered && peer->answer == MSK_VOTE_ABSTAINED;
    }
    return tally;
}

/* 3.5: a majority of those asked who did not abstain; denied and silent ones count against us. */
static uint32_t quorum(const struct tally *tally)
{
    return (tally->asked - tally->abstained) / 2 + 1;
}

#define COUNTS(votes)                                                           \
    MSK_F_U64("granted", (votes).granted), MSK_F_U64("denied", (votes).denied), \
        MSK_F_U64("abstained", (votes).abstained), MSK_F_U64("quorum", quorum(&(votes)))

/* W-1: whoever abstains says that our log is ahead of its own, which plain Raft would grant. So these and the granted
 * votes together must come from a majority of the declared members. */
static bool reaches_floor(const struct msk_raft *raft, const struct tally *tally)
{
    return tally->granted + tally->abstained >= msk_raft_floor(raft);
}

void msk_raft_check_election(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct tally votes = tally(raft);
    raft->quorum = quorum(&votes);
    if (votes.granted < raft->quorum || !reaches_floor(raft, &votes))
        return;
    MSK_EMIT(out, &raft->config.group, ELECTION_WON, MSK_F_U64("term", raft->hard.term), COUNTS(votes),
             MSK_F_U64("floor", msk_raft_floor(raft)),
             MSK_F_U64("duration_ms", now.mono_ms - raft->election_started_ms));
    msk_raft_lead(raft, now, out);
}

void msk_raft_count_vote(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer, enum msk_vote vote,
                         struct msk_actions *out)
{
    if (!peer->asked || peer->answered)
        return;
    peer->answered = true;
    peer->answer = vote;
    struct tally votes = tally(raft);
    MSK_EMIT(out, &raft->config.group, VOTE_RECEIVED, MSK_F_U64("term", raft->hard.term),
             MSK_F_DIGEST("peer", &peer->id), MSK_F_TEXT("answer", msk_vote_name(vote)), COUNTS(votes));
    msk_raft_check_election(raft, now, out);
}

/* 3.4: the round is over without a majority; the next one asks again in a new term. */
void msk_raft_candidate_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct tally votes = tally(raft);
    MSK_EMIT(out, &raft->config.group, ELECTION_TIMEOUT, MSK_F_U64("term", raft->hard.term), COUNTS(votes),
             MSK_F_U64("duration_ms", now.mono_ms - raft->election_started_ms));
    msk_raft_stand(raft, now, out);
}
