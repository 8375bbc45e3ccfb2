/* raft.h: consensus of one group as a pure state machine: terms, votes, leadership, the replicated log (groups.md 3).
 *
 * It is told the time, who is bonded, what arrived and what reached the disk; it appends actions: RAFT messages to
 * peers, PERSIST records, EVENTs. Each role's rules have a file of their own: follower.c, candidate.c, leader.c,
 * vote.c. */
#ifndef MSK_CORE_RAFT_H
#define MSK_CORE_RAFT_H

#include "base/clock.h"
#include "core/action.h"
#include "core/log.h"
#include "core/machine.h"

enum msk_preference { MSK_PREFER_NORMAL, MSK_PREFER_RELUCTANT, MSK_PREFER_OBSERVER }; /* groups.md 3.9 */
enum msk_role { MSK_ROLE_FOLLOWER, MSK_ROLE_CANDIDATE, MSK_ROLE_LEADER };

const char *msk_role_name(enum msk_role role); /* "follower", "candidate", "leader" */

#define MSK_TERM_MAX          (UINT64_C(1) << 63) /* W-21 */
#define MSK_TERM_LEAP_MAX     (UINT64_C(1) << 20) /* W-21: a message further ahead closes its bond with 400 */
#define MSK_RELUCTANT_DEFAULT 3
#define MSK_RAFT_PEERS_MAX    1024
#define MSK_RAFT_TIME_MAX_MS  (UINT64_C(1) << 30) /* longer settings are cut to it: twelve days */

/* What to do once committed entries turn out to differ from the group's (W-3): stop applying and serve old reads only,
 * or throw everything away and take the group's log. */
enum msk_on_fork { MSK_FORK_HALT, MSK_FORK_RESYNC };

struct msk_raft_config {
    struct msk_digest group, self;
    uint64_t heartbeat_interval_ms; /* leader's append heartbeat, groups.md 3.7 */
    uint64_t election_timeout_ms, election_timeout_jitter_ms, bootstrap_delay_ms;
    enum msk_preference preference;
    uint32_t reluctant_factor;         /* 0: MSK_RELUCTANT_DEFAULT */
    uint32_t members;                  /* declared size of the group, 0: stock mode (dynamic quorum); W-1 */
    const struct msk_machine *machine; /* NULL: noop */
    void *machine_context;
    uint64_t forward_timeout_ms, query_timeout_ms;   /* 0: 2 s (groups.md 0) */
    uint64_t sync_batch_size, sync_fetch_timeout_ms; /* 0: 2000, 25 s */
    enum msk_on_fork on_fork;
    bool stored;          /* what is on disk can be read again (MSK_ACTION_READ): old entries leave memory */
    bool reference_rules; /* simulator only: follow the reference without our defences (groups.md 7) */
    uint64_t seed;
    uint64_t *sequence; /* the last number given to a record: one count for all groups of a node, outlives the raft */
};

struct msk_raft;

/* What was persisted of a group: the last PERSIST, the committed cursor of the last APPEND, the last SNAPSHOT, and all
 * entries of the log. */
struct msk_saved {
    struct msk_hard_state hard;
    struct msk_cursor committed;
    struct msk_cursor snapshot_at; /* (0,0): none */
    struct msk_bytes snapshot;
    /* Append the stored entries to `log`, from index 1 (msk_log_append_encoded). NULL: there are none. */
    int (*load)(void *context, struct msk_log *log, struct msk_error *err);
    void *context;
};

/* `saved` is what was persisted (NULL: nothing), used during the call only. The machine is restored from its snapshot
 * and told the committed entries behind it. `*out` is the caller's (msk_raft_free).
 * 0, MSK_E_NOMEM, MSK_E_DAMAGED, or what `load` or the machine returned. `err` may be NULL. */
int msk_raft_new(const struct msk_raft_config *config, const struct msk_saved *saved, struct msk_now now,
                 struct msk_raft **out, struct msk_error *err);
void msk_raft_free(struct msk_raft *raft);

/* The group ends here: whoever waits is answered. */
void msk_raft_stop(struct msk_raft *raft, const char *reason, struct msk_actions *out);

/* The set of bonded peers: what is broadcast goes to these (groups.md 3.5). */
void msk_raft_bonded(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out);
void msk_raft_unbonded(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer,
                       struct msk_actions *out);

/* Any frame arrived from this peer: evidence of life (W-1, W-2). Cheap. May bring the deadline forward. */
void msk_raft_heard(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer);

/* One message from a bonded peer (groups.md 3.3); from anybody else it is ignored. 0, or MSK_E_PROTOCOL after having
 * reported why: close that bond with 400 (W-21, W-22). Messages whose fields do not name the sender (W-13) are dropped
 * and reported, not an error. */
int msk_raft_receive(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                     const struct msk_raft_message *message, struct msk_actions *out);

/* ---- requests of this member's caller (groups.md 3.8). Each is answered by one REPLY with the caller's number. */

#define MSK_REQUESTS_MAX      4096        /* of one group at a time */
#define MSK_REQUEST_BYTES_MAX (64u << 20) /* of commands in requests that wait, and in one frame */

/* Commands are canonical encodings of the machine's type. execute replies when they are committed here, or after
 * `timeout_ms` (0: never) that it does not know; feed when the leader has given them places. */
void msk_raft_execute(struct msk_raft *raft, struct msk_now now, uint64_t request, const struct msk_bytes *commands,
                      size_t count, uint64_t timeout_ms, struct msk_actions *out);
void msk_raft_feed(struct msk_raft *raft, struct msk_now now, uint64_t request, const struct msk_bytes *commands,
                   size_t count, struct msk_actions *out);
/* Strong: by the leader, once it is sure to know of all that was acknowledged before (W-10); weak: from our own
 * state. */
void msk_raft_query(struct msk_raft *raft, struct msk_now now, uint64_t request, struct msk_bytes query, bool strong,
                    struct msk_actions *out);

/* The caller does not wait any more: no reply comes. */
void msk_raft_forget_request(struct msk_raft *raft, uint64_t request);

/* What a machine answered later (machine.h). `result` is 0 or an error. */
void msk_raft_machine_applied(struct msk_raft *raft, struct msk_now now, int result, struct msk_actions *out);
void msk_raft_machine_answered(struct msk_raft *raft, struct msk_now now, uint64_t ticket, int result,
                               struct msk_bytes answer, struct msk_actions *out);
/* `state` is as the machine was when it was asked. */
void msk_raft_machine_snapshotted(struct msk_raft *raft, int result, struct msk_bytes state, struct msk_actions *out);
/* The machine lost its state and what was under way, and is again as in its last snapshot that raft knows of, or at the
 * beginning: it is told the entries behind that once more. */
void msk_raft_machine_lost(struct msk_raft *raft, struct msk_actions *out);

/* Take a snapshot of the machine if it has one and entries were applied since the last; as soon as it is at rest. */
void msk_raft_snapshot(struct msk_raft *raft, struct msk_actions *out);

/* The rolling digest of the entries up to `index`; false where they are not all there and committed, or `index` lies
 * among those that have left memory. */
bool msk_raft_digest(struct msk_raft *raft, uint64_t index, struct msk_digest *out);
/* One entry of the log; valid until the next call. False: none there, or not in memory any more. */
bool msk_raft_entry(const struct msk_raft *raft, uint64_t index, struct msk_log_entry *out);

/* The answer to a READ: `count` entries from its first on, as it asked; 0: they cannot be read. */
void msk_raft_entries_read(struct msk_raft *raft, struct msk_now now, uint64_t number, size_t count,
                           struct msk_bytes entries, struct msk_actions *out);

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
    uint64_t group_committed; /* the highest commit index that the leader told; the lag is up to there */
    uint64_t log_bytes;       /* of encoded entries, in memory */
    uint64_t snapshot_index;  /* of the machine's last snapshot */
    size_t requests;          /* callers that wait */
    uint64_t elections;       /* in which this member stood, since it started */
    uint64_t leader_changes;  /* how often it learned of a leader of a term, since it started */
    uint32_t voters, waiting; /* leader: the committee, itself included, and who may join it (3.7) */
    bool halted;              /* its history differs from the group's (W-3) */
    bool syncing;             /* a log replay session runs: */
    uint64_t sync_from, sync_next, sync_target, sync_buffered; /* its first, next and last index; entries behind it */
    bool has_sync_peer;
    struct msk_digest sync_peer; /* whom it last heard from */
};
void msk_raft_status(const struct msk_raft *raft, struct msk_raft_status *out);

#endif
