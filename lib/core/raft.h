/* raft.h: consensus of one group as a pure state machine: terms, votes, leadership, the replicated log (groups.md 3).
 *
 * It is told the time, who is bonded, what arrived and what reached the disk; it appends actions: RAFT messages to
 * peers, PERSIST records, EVENTs. Each role's rules have a file of their own: follower.c, candidate.c, leader.c,
 * vote.c. */
#ifndef MSK_CORE_RAFT_H
#define MSK_CORE_RAFT_H

#include "base/clock.h"
#include "core/action.h"

enum msk_preference { MSK_PREFER_NORMAL, MSK_PREFER_RELUCTANT, MSK_PREFER_OBSERVER }; /* groups.md 3.9 */
enum msk_role { MSK_ROLE_FOLLOWER, MSK_ROLE_CANDIDATE, MSK_ROLE_LEADER };

const char *msk_role_name(enum msk_role role); /* "follower", "candidate", "leader" */

#define MSK_TERM_MAX          (UINT64_C(1) << 63) /* W-21 */
#define MSK_TERM_LEAP_MAX     (UINT64_C(1) << 20) /* W-21: a message further ahead closes its bond with 400 */
#define MSK_RELUCTANT_DEFAULT 3
#define MSK_RAFT_PEERS_MAX    1024
#define MSK_RAFT_TIME_MAX_MS  (UINT64_C(1) << 30) /* longer settings are cut to it: twelve days */

struct msk_raft_config {
    struct msk_digest group, self;
    uint64_t heartbeat_interval_ms; /* leader's append heartbeat, groups.md 3.7 */
    uint64_t election_timeout_ms, election_timeout_jitter_ms, bootstrap_delay_ms;
    enum msk_preference preference;
    uint32_t reluctant_factor; /* 0: MSK_RELUCTANT_DEFAULT */
    uint32_t members;          /* declared size of the group, 0: stock mode (dynamic quorum); W-1 */
    bool reference_rules;      /* simulator only: follow the reference without our defences (groups.md 7) */
    uint64_t seed;
    uint64_t *sequence; /* the last number given to a record: one count for all groups of a node, outlives the raft */
};

struct msk_raft;

/* `hard` is what was persisted (NULL: nothing). `*out` is the caller's (msk_raft_free). 0 or MSK_E_NOMEM. */
int msk_raft_new(const struct msk_raft_config *config, const struct msk_hard_state *hard, struct msk_now now,
                 struct msk_raft **out);
void msk_raft_free(struct msk_raft *raft);

/* The set of bonded peers: what is broadcast goes to these (groups.md 3.5). */
void msk_raft_bonded(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out);
void msk_raft_unbonded(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer,
                       struct msk_actions *out);

/* Any frame arrived from this peer: evidence of life for check-quorum (W-10). Cheap. May bring the deadline forward. */
void msk_raft_heard(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer);

/* One message from a bonded peer (groups.md 3.3); from anybody else it is ignored. 0, or MSK_E_PROTOCOL after having
 * reported why: close that bond with 400 (W-21, W-22). Messages whose fields do not name the sender (W-13) are dropped
 * and reported, not an error. */
int msk_raft_receive(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                     const struct msk_raft_message *message, struct msk_actions *out);

/* The record with this sequence number (and all before) is on disk; other groups' numbers do no harm. */
void msk_raft_persisted(struct msk_raft *raft, struct msk_now now, uint64_t sequence, struct msk_actions *out);

/* Fire what is due. */
void msk_raft_tick(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
uint64_t msk_raft_deadline(const struct msk_raft *raft); /* mono_ms, or MSK_NEVER */

/* groups.md 3.10, 8.2 */
struct msk_raft_status {
    enum msk_role role;
    uint64_t term;
    bool has_leader, has_vote, online;
    struct msk_digest leader, vote;
    struct msk_cursor log, committed;
    uint64_t applied;
    uint64_t leader_heard_ms; /* mono_ms of the leader's last append; 0 none */
    uint64_t timer_ms;        /* mono_ms when the election or heartbeat timer fires */
    uint32_t quorum;          /* of the election under way or last won */
};
void msk_raft_status(const struct msk_raft *raft, struct msk_raft_status *out);

#endif
