/* raft_state.h: what the parts of raft share: the state of one member, and the steps that more than one role takes. */
#ifndef MSK_CORE_RAFT_STATE_H
#define MSK_CORE_RAFT_STATE_H

#include "base/random.h"
#include "core/log.h"
#include "core/raft.h"

/* A peer that is bonded, or was when the present election or leadership began. */
struct msk_raft_peer {
    struct msk_digest id;
    bool bonded;
    bool reported;     /* a dropped message of this bond was reported (W-13) */
    uint64_t heard_ms; /* mono_ms of its last frame */

    bool asked, answered; /* the election under way (3.5) */
    enum msk_vote answer;

    bool counted;   /* leader: it granted its vote or an append in this term (W-9) ... */
    uint64_t acked; /* ... and has the log up to here */
};

struct msk_raft {
    struct msk_raft_config config;
    struct msk_random random;
    bool failed; /* the terms ran out: it does nothing any more (W-21) */

    struct msk_hard_state hard;
    bool hard_changed;          /* not yet given out to be persisted */
    uint64_t record, persisted; /* the last record given out, the last one known to be on disk */

    struct msk_log log;
    struct msk_cursor committed;

    enum msk_role role;
    bool online;
    uint64_t timer_ms; /* election or heartbeat timer, MSK_NEVER: unarmed */

    bool has_leader;
    struct msk_digest leader;
    uint64_t leader_term; /* the term in which `leader` was last published */
    uint64_t leader_heard_ms;

    bool lagging;   /* follower: the leader's last append did not fit our log (W-12) */
    bool held_back; /* it would stand but hears too few members; their return arms the timer (W-2) */
    bool fork_reported, rival_reported; /* in this term */

    uint64_t own_vote_record; /* our own vote counts once this record is on disk (W-6) */
    uint64_t election_started_ms;
    uint32_t round; /* elections since a leader was known */
    uint32_t quorum;

    struct msk_raft_peer *peers; /* sorted by id, so that broadcasts have an order */
    size_t peer_count, peer_capacity;
};

/* Whether the defences of groups.md 7 are on. */
static inline bool msk_raft_defends(const struct msk_raft *raft)
{
    return !raft->config.reference_rules;
}

/* ---- raft_roster.c: bonded peers, and how many members are within reach */

struct msk_raft_peer *msk_raft_peer_find(const struct msk_raft *raft, const struct msk_digest *id); /* NULL: none */
/* The new or returned peer; NULL after setting out->error or reporting the limit. */
struct msk_raft_peer *msk_raft_peer_bond(struct msk_raft *raft, struct msk_now now, const struct msk_digest *id,
                                         struct msk_actions *out);
void msk_raft_peer_unbond(struct msk_raft *raft, struct msk_raft_peer *peer);
/* Forget those no longer bonded, and what the others answered and acknowledged: a new election begins. */
void msk_raft_peers_renew(struct msk_raft *raft);
uint32_t msk_raft_bonded_count(const struct msk_raft *raft); /* with ourselves */

/* How many members must agree: a majority of the declared ones, 0 without --members (W-1). */
uint32_t msk_raft_floor(const struct msk_raft *raft);
/* Members heard within the last `window_ms`, with ourselves. */
uint32_t msk_raft_contact(const struct msk_raft *raft, struct msk_now now, uint64_t window_ms);
/* The time within which members must have been heard for us to stand: two heartbeats at least. */
uint64_t msk_raft_contact_window_ms(const struct msk_raft *raft);
bool msk_raft_may_stand(const struct msk_raft *raft, struct msk_now now);

/* ---- raft_role.c: term, role, leader, timers, records */

/* A higher term: no vote, no answers, offline. `cause` tells what brought it. */
void msk_raft_enter_term(struct msk_raft *raft, uint64_t term, const char *cause, struct msk_actions *out);
void msk_raft_follow(struct msk_raft *raft, struct msk_now now, struct msk_actions *out); /* with a fresh timer */
void msk_raft_set_role(struct msk_raft *raft, enum msk_role role, struct msk_actions *out);
void msk_raft_publish_leader(struct msk_raft *raft, const struct msk_digest *leader, struct msk_actions *out);
void msk_raft_lose_leader(struct msk_raft *raft, const char *reason, struct msk_actions *out);
void msk_raft_set_vote(struct msk_raft *raft, const struct msk_digest *vote);

void msk_raft_arm(struct msk_raft *raft, struct msk_now now, uint64_t delay_ms);
void msk_raft_arm_follower(struct msk_raft *raft, struct msk_now now); /* a fresh follower timer (3.4) */

/* Give out the hard state if it changed. The record that messages decided on now must wait for, 0: none. */
uint64_t msk_raft_save(struct msk_raft *raft, struct msk_actions *out);
void msk_raft_send(struct msk_raft *raft, const struct msk_digest *to, const struct msk_raft_message *message,
                   struct msk_actions *out);

void msk_raft_fail(struct msk_raft *raft, const char *reason, struct msk_actions *out);

/* Commit up to `index`, which is in the log. */
void msk_raft_commit(struct msk_raft *raft, uint64_t index, struct msk_actions *out);

/* ---- vote.c (3.5) */
const char *msk_vote_name(enum msk_vote vote); /* "granted", "denied", "abstained" */
void msk_raft_answer_vote(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                          const struct msk_request_vote *ask, struct msk_actions *out);

/* ---- candidate.c (3.4, 3.5) */

/* Stand in the next term, or hold back, saying why. */
void msk_raft_stand(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_raft_ask(struct msk_raft *raft, struct msk_raft_peer *peer, struct msk_actions *out);
void msk_raft_count_vote(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer, enum msk_vote vote,
                         struct msk_actions *out);
void msk_raft_check_election(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_raft_candidate_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

/* ---- follower.c (3.6) */
void msk_raft_follower_append(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                              const struct msk_append_entries *append, struct msk_actions *out);
void msk_raft_follower_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

/* ---- leader.c (3.7) */
void msk_raft_lead(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_raft_heartbeat(struct msk_raft *raft, struct msk_raft_peer *peer, struct msk_actions *out);
void msk_raft_leader_rival(struct msk_raft *raft, struct msk_now now, const struct msk_digest *rival,
                           struct msk_actions *out);
void msk_raft_leader_acked(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                           const struct msk_append_entries_response *response, struct msk_actions *out);
void msk_raft_leader_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

#endif
