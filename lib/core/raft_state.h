/* raft_state.h: what the parts of raft share: the state of one member, and the steps that more than one role takes. */
#ifndef MSK_CORE_RAFT_STATE_H
#define MSK_CORE_RAFT_STATE_H

#include "base/random.h"
#include "core/log.h"
#include "core/raft.h"

#define MSK_RAFT_WRITES_MAX   64 /* records of entries under way to the disk that are told apart */
#define MSK_SYNC_CHUNKS_MAX   16 /* fetched ahead of what is drained */
#define MSK_SYNC_BUFFER_BYTES (64u << 20)
#define MSK_APPEND_BYTES_MAX  (1u << 20) /* of entries in one message, unless one alone is longer (W-24, W-26) */

/* Whether a peer counts for commits by the reference's rules (3.7). */
enum msk_seat { MSK_SEAT_NONE, MSK_SEAT_VOTER, MSK_SEAT_WAITING };

/* A peer that is bonded, or was when the present election or leadership began. */
struct msk_raft_peer {
    struct msk_digest id;
    bool bonded;
    bool reported;     /* a dropped message of this bond was reported (W-13) */
    uint64_t heard_ms; /* mono_ms of its last frame */

    bool asked, answered; /* the election under way (3.5) */
    enum msk_vote answer;

    bool counted;     /* leader: it granted its vote or an append in this term (W-9) ... */
    uint64_t acked;   /* ... and has the log up to here */
    uint64_t follows; /* leader: the last question to which it said that it follows us in this term */
    bool answers;     /* leader: it has answered in this term what members of the reference do not */
    enum msk_seat seat;
    bool told_voter; /* in the committee, as last reported */

    /* we fetch from it (4.2) */
    bool available; /* it has told which entries it has: */
    struct msk_index_range offer;
    bool fetching; /* and was asked for some of them: */
    struct msk_index_range fetch;
    uint64_t fetch_ms;  /* when */
    uint64_t barred_ms; /* it answered wrongly: nothing is fetched from it until then */

    /* it fetches from us (4.1) */
    uint64_t wanted_ms, told;         /* when it last asked what we have, 0: never; the end that it was told */
    uint64_t served_ms, served_bytes; /* in the second that began then */
    uint64_t reading, reading_from;   /* the READ on its behalf, 0: none, and its first index */
};

/* Fetched entries that wait for those before them. */
struct msk_sync_chunk {
    struct msk_index_range range;
    struct msk_digest from;
    struct msk_log_entry *entries; /* owned, with their commands */
};

/* A log replay session (4.2, 4.3). */
struct msk_sync {
    bool active, has_target;
    struct msk_cursor target; /* it ends when our log has this, */
    struct msk_log buffer;    /* and these behind it */
    struct msk_digest leader; /* who appended them, */
    uint64_t leader_term, leader_commit;
    uint64_t from, next; /* fetched first; to be drained next */
    struct msk_sync_chunk chunks[MSK_SYNC_CHUNKS_MAX];
    size_t chunk_count;
    uint64_t started_ms, progress_ms, ask_ms; /* ask_ms: what is available is asked again */
    bool stall_reported, has_peer;
    bool leader_only;       /* others were seen to have, or may share, another history */
    struct msk_digest peer; /* whom entries last came from */
};

enum msk_request_state {
    MSK_REQUEST_FORWARDED, /* sent to the leader, which has not acknowledged */
    MSK_REQUEST_PLACED,    /* its commands have places that are not committed */
    MSK_REQUEST_ASKED,     /* a query sent to the leader */
    MSK_REQUEST_DOUBTED,   /* a strong query at the leader, which must be sure first (raft_read.c) */
    MSK_REQUEST_LOCAL      /* a query given to a machine that takes time */
};

/* Somebody waits (3.8). */
struct msk_request {
    enum msk_request_state state;
    uint64_t number;      /* the caller's, or the peer's request id */
    uint64_t id;          /* on the wire, or the machine's ticket */
    uint64_t deadline_ms; /* of its present state */
    uint64_t give_up_ms;  /* of waiting for the commit */
    bool executes;        /* not only feeds */
    bool for_peer;        /* a query that `peer` forwarded: its own deadline tells it that no answer comes */
    uint64_t first, last, count;
    uint64_t term;     /* in which we placed it ourselves; 0: the leader did, */
    uint8_t *commands; /* and these are its commands (owned, each behind its length); DOUBTED: the query */
    bool held;         /* LOCAL: not asked before `last` is applied; the query is in `commands` */
    size_t len;
    struct msk_digest peer;
};

struct msk_requests {
    struct msk_request *items;
    size_t count, capacity, bytes;
    size_t doubted;   /* how many are in that state */
    uint64_t next_ms; /* no deadline is earlier */
};

/* How a leader makes sure that the others still follow it (raft_read.c). */
struct msk_proof {
    uint64_t asked; /* questions, counted: the number of the last one */
    bool open;      /* too few have answered it */
    bool fails;     /* too few of those who are bonded ever answer: entries must do */
};

/* A record of entries under way to the disk: once `sequence` is there, the log is up to `last`. */
struct msk_write {
    uint64_t sequence, last;
};

/* What a leader has reported last. */
struct msk_leader_report {
    uint32_t quorum;         /* of its committee; 0: nothing yet */
    uint64_t waits_since_ms; /* entries wait to be committed since then, MSK_NEVER: none do, */
    uint64_t waits_behind;   /* the committed index being this */
    bool stalled;            /* which was reported */
};

struct msk_raft {
    struct msk_raft_config config;
    struct msk_random random;
    bool failed; /* the terms ran out: it does nothing any more (W-21) */

    struct msk_hard_state hard;
    bool hard_changed;          /* not yet given out to be persisted */
    uint64_t record, persisted; /* the last record given out, the last one known to be on disk */

    uint64_t hard_record; /* the last one of the hard state */

    struct msk_log log;
    struct msk_cursor committed, recorded; /* recorded: as last given out with entries */
    uint64_t changed_from;                 /* the first index not yet given out to be stored, MSK_NEVER: none */
    struct msk_write writes[MSK_RAFT_WRITES_MAX];
    size_t write_count;
    uint64_t durable; /* the log is on disk up to here */

    const struct msk_machine *machine;
    void *machine_state;
    uint64_t applied, applying; /* applying: the machine is busy up to there, 0: it is not */
    uint64_t reached;           /* it once had applied up to here: no answer rests on less */
    uint64_t snapshot_index;
    struct msk_cursor snapshot_at;      /* of the one under way: */
    bool snapshotting, snapshot_wanted; /* it is; it is to be, once the machine is at rest */

    struct msk_requests requests;
    struct msk_sync sync;
    uint64_t reads;    /* the last number given to a READ */
    uint64_t offer_ms; /* when those who fetch from us may be told again of new entries */

    enum msk_role role;
    bool online;
    uint64_t timer_ms; /* election or heartbeat timer, MSK_NEVER: unarmed */

    uint64_t elections, leader_changes; /* counted for metrics */
    bool has_leader;
    struct msk_digest leader;
    uint64_t leader_term; /* the term in which `leader` was last published */
    uint64_t leader_heard_ms, group_committed;
    struct msk_proof proof; /* leader: of leading (W-10) */
    uint64_t sent;          /* leader: entries up to here were broadcast */
    uint64_t lead_from;     /* leader: our log ended here when we were elected */
    struct msk_leader_report report;
    bool halted; /* its committed entries are not the group's (W-3) */

    bool lagging; /* follower: the leader's last append did not fit our log (W-12) */
    bool refuses; /* a leader without entries committed here was not followed, nor any other since (W-2): */
    struct msk_digest refused;
    uint64_t refused_term, refusing_term; /* the first one's, the last one's */
    struct msk_cursor refused_log;        /* where the last one's ended */
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

/* Give out what changed of the hard state and the log. The record that messages decided on now must wait for, 0:
 * none. */
uint64_t msk_raft_save(struct msk_raft *raft, struct msk_actions *out);
void msk_raft_send(struct msk_raft *raft, const struct msk_digest *to, const struct msk_raft_message *message,
                   struct msk_actions *out);

/* What a leader sends need not wait for its own entries' way to the disk, only for its term. */
void msk_raft_send_early(struct msk_raft *raft, const struct msk_digest *to, const struct msk_raft_message *message,
                         struct msk_actions *out);

void msk_raft_fail(struct msk_raft *raft, const char *reason, struct msk_actions *out);

/* ---- raft_log.c: what is appended, cut, committed, applied */

/* The very same entry is at `index` (W-5, W-7). Of one that has left memory, committed and stored long ago, the term
 * must do. */
bool msk_raft_holds(const struct msk_raft *raft, uint64_t index, const struct msk_log_entry *entry);
void msk_raft_cut(struct msk_raft *raft, uint64_t from, struct msk_actions *out);
/* False after having reported the limit or set out->error. `from` NULL: our own. */
bool msk_raft_append(struct msk_raft *raft, const struct msk_digest *from, const struct msk_log_entry *entry,
                     struct msk_actions *out);
/* Give out the changed entries as a record. */
void msk_raft_save_log(struct msk_raft *raft, struct msk_actions *out);
/* The record is on disk. */
void msk_raft_log_persisted(struct msk_raft *raft, uint64_t sequence);
/* What is stored, committed and applied need not stay in memory. */
void msk_raft_spare(struct msk_raft *raft);
/* Commit up to `index`, which is in the log; the machine is told. */
void msk_raft_commit(struct msk_raft *raft, uint64_t index, struct msk_actions *out);
/* Another history than the group's (W-3): `theirs` is what `peer` has. */
void msk_raft_forked(struct msk_raft *raft, struct msk_now now, const struct msk_digest *peer, struct msk_cursor theirs,
                     struct msk_actions *out);

/* ---- raft_machine.c: what the machine is told, and what it answers */

/* Tell it what is committed, unless it is busy. */
void msk_raft_apply(struct msk_raft *raft, struct msk_actions *out);
/* Give it the query, on behalf of the caller or of the peer that forwarded it; the answer rests on no less than earlier
 * ones. */
void msk_raft_ask_machine(struct msk_raft *raft, struct msk_now now, struct msk_request *request,
                          struct msk_bytes query, struct msk_actions *out);

/* ---- raft_propose.c (3.7) */

/* As leader: append the commands and send them to everybody. 0; MSK_E_LIMIT or MSK_E_NOMEM, and nothing is appended. */
int msk_raft_propose(struct msk_raft *raft, struct msk_now now, const struct msk_bytes *commands, size_t count,
                     struct msk_actions *out);
/* The machine's command that changes nothing, if it has one (3.11, leader rule 7). */
void msk_raft_append_idle(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

/* ---- raft_committee.c (3.7, W-8, W-9) */
void msk_raft_committee_elected(struct msk_raft *raft);
void msk_raft_committee_size(const struct msk_raft *raft, uint32_t *voters, uint32_t *waiting);
void msk_raft_committee_heard(struct msk_raft *raft, struct msk_raft_peer *peer,
                              const struct msk_append_entries_response *response);
bool msk_raft_is_voter(const struct msk_raft *raft, const struct msk_raft_peer *peer);
uint32_t msk_raft_commit_quorum(const struct msk_raft *raft); /* how many must have an entry, ourselves included */
/* The highest index that may be committed now, 0: none beyond what is. */
uint64_t msk_raft_committable(const struct msk_raft *raft);

/* ---- raft_report.c: each reports what changed since the last time */
void msk_raft_report_lead(struct msk_raft *raft, struct msk_actions *out); /* a reign begins */
void msk_raft_report_committee(struct msk_raft *raft, struct msk_actions *out);
/* Entries that wait for longer than an election timeout, and the end of that. */
void msk_raft_report_commits(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

/* ---- raft_forward.c (3.8) */
void msk_raft_forward_received(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                               const struct msk_forward *forward, struct msk_actions *out);
/* Of requests that wait for a leader's answer: it is gone. */
void msk_raft_requests_leaderless(struct msk_raft *raft, struct msk_actions *out);

/* When whoever asks is no longer to wait. */
uint64_t msk_raft_query_deadline(const struct msk_raft *raft, struct msk_now now);

/* ---- raft_read.c (3.8, W-10) */

/* As leader: answer a strong query once it is certain that nothing newer was acknowledged anywhere. */
void msk_raft_read(struct msk_raft *raft, struct msk_now now, struct msk_request *request, struct msk_bytes query,
                   struct msk_actions *out);
/* As follower: our leader asks whether we follow it. */
void msk_raft_confirm(struct msk_raft *raft, const struct msk_digest *leader, uint64_t question,
                      struct msk_actions *out);
/* Whether this is such an answer; it is then taken. */
bool msk_raft_confirmed(struct msk_raft *raft, const struct msk_digest *from,
                        const struct msk_forward_query_response *response);
/* Something changed: answer what can be answered, ask the followers for the rest. */
void msk_raft_reads_settle(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
/* A heartbeat passed: ask again, and prove it by an entry. */
void msk_raft_reads_beat(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
/* Why a query could not be answered in time. */
const char *msk_raft_read_doubt(const struct msk_raft *raft, const struct msk_request *request);

/* ---- raft_requests.c */

/* Room for one more that waits until `deadline_ms`; NULL: there are too many, or no memory. */
struct msk_request *msk_request_add(struct msk_raft *raft, const struct msk_request *request);
void msk_request_remove(struct msk_raft *raft, struct msk_request *request);
void msk_request_wait(struct msk_raft *raft, struct msk_request *request, uint64_t deadline_ms);
/* Answer and remove. */
void msk_request_end(struct msk_raft *raft, struct msk_request *request, enum msk_outcome outcome, const char *reason,
                     struct msk_actions *out);
/* Those whose places are committed. */
void msk_requests_committed(struct msk_raft *raft, struct msk_actions *out);
/* Those that waited too long. */
void msk_requests_expire(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
/* All of them: what was placed is unknown, what waits for an answer offline. */
void msk_requests_abandon(struct msk_raft *raft, const char *reason, struct msk_actions *out);
void msk_requests_free(struct msk_raft *raft);

/* ---- sync_provider.c (4.1, 4.3.6) */
void msk_raft_provide(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                      const struct msk_log_sync *message, struct msk_actions *out);
/* Tell those who fetch what became available, not too often. */
void msk_raft_offer(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
uint64_t msk_raft_offer_deadline(const struct msk_raft *raft);

/* ---- sync_session.c, sync_fetch.c (4.2, 4.3) */

/* The leader's append does not fit our log. */
void msk_sync_inconsistent(struct msk_raft *raft, struct msk_now now, const struct msk_append_entries *append,
                           struct msk_actions *out);
/* It does. */
void msk_sync_consistent(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_sync_received(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                       const struct msk_log_sync *message, struct msk_actions *out);
void msk_sync_tick(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
uint64_t msk_sync_deadline(const struct msk_raft *raft);
void msk_sync_stop(struct msk_raft *raft);
/* Begin again from what is committed; `reason` is reported. */
void msk_sync_restart(struct msk_raft *raft, struct msk_now now, const char *reason, struct msk_actions *out);
/* Whether nobody else is asked for entries; what a chunk or request has behind what overlaps with the one before (W-5).
 */
bool msk_sync_only_leader(const struct msk_raft *raft);
uint64_t msk_sync_first_new(const struct msk_raft *raft, struct msk_index_range range);
/* A chunk's or request's place: what nobody has fetched or is fetching. */
void msk_sync_schedule(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_sync_drain(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

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

/* Our log is the leader's up to `index`: acknowledge if it waits for that, and commit what it says. */
void msk_raft_follower_agreed(struct msk_raft *raft, const struct msk_digest *leader, uint64_t index,
                              uint64_t leader_commit, bool waits, struct msk_actions *out);
void msk_raft_follower_append(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                              const struct msk_append_entries *append, struct msk_actions *out);
/* The leader `from`, whose log ends at `theirs`, lacks what is committed here. `commits`: it has committed something
 * itself. W-2, W-3. */
void msk_raft_refuse(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from, struct msk_cursor theirs,
                     bool commits, struct msk_actions *out);
void msk_raft_follower_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

/* ---- leader.c (3.7) */
void msk_raft_lead(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_raft_heartbeat(struct msk_raft *raft, struct msk_raft_peer *peer, struct msk_actions *out);
/* Commit what may be; the others learn of it at once. */
void msk_raft_leader_commit(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);
void msk_raft_leader_arm(struct msk_raft *raft, struct msk_now now); /* the heartbeat timer */
void msk_raft_leader_rival(struct msk_raft *raft, struct msk_now now, const struct msk_digest *rival,
                           struct msk_actions *out);
void msk_raft_leader_acked(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                           const struct msk_append_entries_response *response, struct msk_actions *out);
void msk_raft_leader_timeout(struct msk_raft *raft, struct msk_now now, struct msk_actions *out);

#endif
