#include "core/raft.h"

#include <stdio.h>

#include "base/alloc.h"
#include "core/raft_state.h"

#define CAUSE_SIZE 96

/* ---- life */

static void cut_times(struct msk_raft_config *config)
{
    uint64_t *times[] = {&config->heartbeat_interval_ms, &config->election_timeout_ms,
                         &config->election_timeout_jitter_ms, &config->bootstrap_delay_ms};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++)
        if (*times[i] > MSK_RAFT_TIME_MAX_MS)
            *times[i] = MSK_RAFT_TIME_MAX_MS;
    if (config->reluctant_factor == 0)
        config->reluctant_factor = MSK_RELUCTANT_DEFAULT;
}

static int fail(struct msk_error *err, int code)
{
    return msk_fail(err, code, "%s", msk_error_sentence(code));
}

/* What the disk told of the log must go together. */
static int check_saved(const struct msk_raft *raft, const struct msk_saved *saved, struct msk_error *err)
{
    uint64_t term;
    if (saved->committed.index > raft->log.count)
        return msk_fail(err, MSK_E_DAMAGED, "%llu entries are committed, but only %llu stored",
                        (unsigned long long)saved->committed.index, (unsigned long long)raft->log.count);
    if (!msk_log_term_at(&raft->log, saved->snapshot_at.index, &term) || term != saved->snapshot_at.term)
        return msk_fail(err, MSK_E_DAMAGED, "the snapshot is of entry %llu, which is not in the log",
                        (unsigned long long)saved->snapshot_at.index);
    return 0;
}

/* 3.1: term, vote and log as they were; the machine as it was, or told what was committed. */
static int restore(struct msk_raft *raft, const struct msk_saved *saved, struct msk_error *err)
{
    bool has_snapshot = saved->snapshot_at.index > 0 && raft->machine->restore;
    if (has_snapshot && raft->config.stored) /* nobody applies those in it again */
        msk_log_spare(&raft->log, saved->snapshot_at.index);
    int rc = saved->load ? saved->load(saved->context, &raft->log, err) : 0;
    rc = rc < 0 ? rc : check_saved(raft, saved, err);
    if (rc < 0)
        return rc;
    raft->hard = saved->hard;
    if (raft->log.last_term > raft->hard.term) /* W-6 b */
        raft->hard = (struct msk_hard_state){.term = raft->log.last_term};
    raft->durable = raft->log.count;
    raft->committed.index = saved->committed.index;
    if (has_snapshot && saved->snapshot_at.index > raft->committed.index)
        raft->committed.index = saved->snapshot_at.index;
    msk_log_term_at(&raft->log, raft->committed.index, &raft->committed.term);
    raft->recorded = raft->committed;
    if (msk_log_has_digest(&raft->log, raft->committed.index))
        (void)msk_log_digest(&raft->log, raft->committed.index); /* here it delays nobody */
    if (msk_raft_defends(raft))
        msk_log_keep(&raft->log, raft->committed.index);
    if (!has_snapshot)
        return 0;
    rc = raft->machine->restore(raft->machine_state, saved->snapshot);
    raft->applied = raft->reached = raft->snapshot_index = saved->snapshot_at.index;
    return rc < 0 ? msk_fail(err, rc, "the machine does not take its snapshot of entry %llu: %s",
                             (unsigned long long)raft->applied, msk_error_sentence(rc))
                  : 0;
}

static int start(struct msk_raft *raft, const struct msk_saved *saved, struct msk_error *err)
{
    int rc = raft->machine->create(raft->config.machine_context, &raft->machine_state);
    if (rc < 0)
        return fail(err, rc);
    return saved ? restore(raft, saved, err) : 0;
}

/* What was committed before the start and is not in the snapshot. */
static int replay(struct msk_raft *raft, struct msk_error *err)
{
    struct msk_actions none;
    msk_actions_init(&none);
    msk_raft_apply(raft, &none);
    int rc = raft->failed ? msk_fail(err, MSK_E_INTERNAL, "the machine failed at entry %llu",
                                     (unsigned long long)raft->applied + 1)
                          : 0;
    msk_actions_free(&none);
    return rc;
}

int msk_raft_new(const struct msk_raft_config *config, const struct msk_saved *saved, struct msk_now now,
                 struct msk_raft **out, struct msk_error *err)
{
    struct msk_raft *raft = msk_calloc(1, sizeof *raft);
    if (!raft)
        return fail(err, MSK_E_NOMEM);
    raft->config = *config;
    cut_times(&raft->config);
    msk_random_seed(&raft->random, config->seed);
    msk_log_init(&raft->log);
    msk_log_init(&raft->sync.buffer);
    raft->changed_from = raft->requests.next_ms = MSK_NEVER;
    raft->machine = config->machine ? config->machine : &msk_machine_noop;
    int rc = start(raft, saved, err);
    rc = rc < 0 ? rc : replay(raft, err);
    if (rc < 0) {
        msk_raft_free(raft);
        return rc;
    }
    msk_raft_arm_follower(raft, now);
    *out = raft;
    return 0;
}

void msk_raft_free(struct msk_raft *raft)
{
    if (!raft)
        return;
    msk_sync_stop(raft);
    msk_requests_free(raft);
    raft->machine->destroy(raft->machine_state);
    msk_log_free(&raft->log);
    msk_free(raft->peers);
    msk_free(raft);
}

void msk_raft_stop(struct msk_raft *raft, const char *reason, struct msk_actions *out)
{
    msk_requests_abandon(raft, reason, out);
}

/* ---- who is there */

/* W-2: the members' return makes one that was held back stand, but not before a leader had time to beat twice. */
static void reconsider_standing(struct msk_raft *raft, struct msk_now now)
{
    if (!raft->held_back || !msk_raft_may_stand(raft, now))
        return;
    uint64_t beats = raft->config.heartbeat_interval_ms * 2, timeout = raft->config.election_timeout_ms;
    msk_raft_arm(raft, now,
                 (beats < timeout ? beats : timeout) +
                     msk_random_below(&raft->random, raft->config.election_timeout_jitter_ms));
}

/* The reference asks a peer that bonds during an election only in its next round, and a leader lets it wait for the
 * next heartbeat. Any answer counts as soon as it is there, so we ask and beat at once. */
static void greet(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer, struct msk_actions *out)
{
    if (raft->role == MSK_ROLE_CANDIDATE && !peer->answered)
        msk_raft_ask(raft, peer, out);
    if (raft->role != MSK_ROLE_LEADER)
        return;
    msk_raft_heartbeat(raft, peer, out);
    if (raft->timer_ms == MSK_NEVER)
        msk_raft_arm(raft, now, raft->config.heartbeat_interval_ms);
}

void msk_raft_bonded(struct msk_raft *raft, struct msk_now now, const struct msk_digest *id, struct msk_actions *out)
{
    struct msk_raft_peer *peer = msk_raft_peer_bond(raft, now, id, out);
    if (!peer || raft->failed)
        return;
    reconsider_standing(raft, now);
    if (msk_raft_defends(raft))
        greet(raft, now, peer, out);
}

/* W-1: a leader that follows the reference commits with whoever is bonded to it. */
static void warn_of_minority(const struct msk_raft *raft, struct msk_actions *out)
{
    bool led_by_other = raft->has_leader && raft->role != MSK_ROLE_LEADER;
    if (led_by_other && msk_raft_bonded_count(raft) + 1 == msk_raft_floor(raft))
        MSK_EMIT(out, &raft->config.group, MINORITY_COMMIT_POSSIBLE, MSK_F_U64("bonded", msk_raft_bonded_count(raft)),
                 MSK_F_U64("members", raft->config.members), MSK_F_U64("floor", msk_raft_floor(raft)));
}

void msk_raft_unbonded(struct msk_raft *raft, struct msk_now now, const struct msk_digest *id, struct msk_actions *out)
{
    struct msk_raft_peer *peer = msk_raft_peer_find(raft, id);
    if (!peer || !peer->bonded)
        return;
    msk_raft_peer_unbond(raft, peer);
    msk_raft_report_committee(raft, out);
    if (raft->has_leader && msk_digest_equal(id, &raft->leader))
        msk_raft_requests_leaderless(raft, out);
    msk_sync_schedule(raft, now, out);
    warn_of_minority(raft, out);
}

void msk_raft_heard(struct msk_raft *raft, struct msk_now now, const struct msk_digest *id)
{
    struct msk_raft_peer *peer = msk_raft_peer_find(raft, id);
    if (!peer)
        return;
    peer->heard_ms = now.mono_ms;
    reconsider_standing(raft, now);
}

/* ---- reception (3.3) */

/* What all messages with a term have; `claimed` is whom the message says it comes from, NULL where it does not say. */
struct head {
    const char *name;
    bool has_term;
    uint64_t term;
    const struct msk_digest *claimed;
};

static struct head head_of(const struct msk_raft_message *message)
{
    switch (message->kind) {
    case MSK_RAFT_APPEND_ENTRIES:
        return (struct head){"append_entries", true, message->append_entries.term, &message->append_entries.leader};
    case MSK_RAFT_APPEND_ENTRIES_RESPONSE:
        return (struct head){"append_entries_response", true, message->append_entries_response.term, NULL};
    case MSK_RAFT_REQUEST_VOTE:
        return (struct head){"request_vote", true, message->request_vote.term, &message->request_vote.candidate};
    case MSK_RAFT_REQUEST_VOTE_RESPONSE:
        return (struct head){"request_vote_response", true, message->request_vote_response.term, NULL};
    case MSK_RAFT_FORWARD:
        return (struct head){"forward", false, 0, NULL};
    case MSK_RAFT_STATE_SYNC:
        return (struct head){"state_sync", false, 0, NULL};
    }
    return (struct head){"unknown", false, 0, NULL};
}

static void report_violation(const struct msk_raft *raft, const struct msk_digest *from, const struct head *head,
                             const char *detail, struct msk_actions *out)
{
    MSK_EMIT(out, &raft->config.group, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", from),
             MSK_F_TEXT("message", head->name), MSK_F_TEXT("detail", detail));
}

/* W-21: a term far ahead would soon leave no term to elect anybody in. */
static bool leaps(const struct msk_raft *raft, const struct head *head)
{
    if (!msk_raft_defends(raft) || !head->has_term || head->term <= raft->hard.term)
        return false;
    return head->term - raft->hard.term > MSK_TERM_LEAP_MAX || head->term > MSK_TERM_MAX;
}

/* W-22: what no log has: a term at index 0, indices beyond the last number, entries of later terms. */
static bool is_impossible(const struct msk_raft_message *message)
{
    const struct msk_append_entries *append = &message->append_entries;
    if (message->kind != MSK_RAFT_APPEND_ENTRIES)
        return false;
    for (size_t i = 0; i < append->entries.count; i++)
        if (append->entries.items[i].term > append->term)
            return true;
    return (append->prev.index == 0 && append->prev.term != 0) ||
           append->prev.index > UINT64_MAX - append->entries.count;
}

/* W-13: only the sender itself may be named as leader or candidate. Told once for a bond. */
static bool is_misnamed(const struct msk_raft *raft, struct msk_raft_peer *peer, const struct head *head,
                        struct msk_actions *out)
{
    if (!msk_raft_defends(raft) || !head->claimed || msk_digest_equal(head->claimed, &peer->id))
        return false;
    if (!peer->reported)
        report_violation(raft, &peer->id, head, "it names another peer as its sender", out);
    peer->reported = true;
    return true;
}

/* 3.3, step 3. An append names its leader itself; any other message leaves the term without one. A follower's timer is
 * only brought forward: else those who cannot win, but stand more often, would keep from standing the reluctant one
 * that could. Whoever is granted a vote arms it anew. */
static void follow_term(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                        const struct head *head, bool led, struct msk_actions *out)
{
    char cause[CAUSE_SIZE], name[MSK_DIGEST_SHORT_SIZE];
    bool waits = msk_raft_defends(raft) && raft->role == MSK_ROLE_FOLLOWER;
    uint64_t timer_ms = raft->timer_ms;
    snprintf(cause, sizeof cause, "%s of %s", head->name, msk_digest_short(from, name));
    if (!led)
        msk_raft_lose_leader(raft, "a new term began", out);
    msk_raft_enter_term(raft, head->term, cause, out);
    msk_raft_follow(raft, now, out);
    if (waits && timer_ms < raft->timer_ms)
        raft->timer_ms = timer_ms;
}

/* 3.3, role table, first row. */
static void receive_append(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                           const struct msk_append_entries *append, struct msk_actions *out)
{
    if (raft->role == MSK_ROLE_LEADER) {
        msk_raft_leader_rival(raft, now, from, out);
        return;
    }
    if (raft->role == MSK_ROLE_CANDIDATE)
        msk_raft_follow(raft, now, out);
    msk_raft_follower_append(raft, now, from, append, out);
}

/* 3.3, step 2: questions to the provider, answers to the session. */
static void receive_sync(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                         const struct msk_log_sync *message, struct msk_actions *out)
{
    if (message->kind == MSK_SYNC_AVAILABILITY_REQUEST || message->kind == MSK_SYNC_FETCH_ENTRIES_REQUEST)
        msk_raft_provide(raft, now, peer, message, out);
    else
        msk_sync_received(raft, now, peer, message, out);
}

/* 3.3, steps 4 and 5, for messages of our own term. */
static void dispatch(struct msk_raft *raft, struct msk_now now, struct msk_raft_peer *peer,
                     const struct msk_raft_message *message, struct msk_actions *out)
{
    struct msk_digest from = peer->id;
    switch (message->kind) {
    case MSK_RAFT_APPEND_ENTRIES:
        receive_append(raft, now, &from, &message->append_entries, out);
        return;
    case MSK_RAFT_APPEND_ENTRIES_RESPONSE:
        if (raft->role == MSK_ROLE_LEADER)
            msk_raft_leader_acked(raft, now, peer, &message->append_entries_response, out);
        return;
    case MSK_RAFT_REQUEST_VOTE:
        msk_raft_answer_vote(raft, now, &from, &message->request_vote, out);
        return;
    case MSK_RAFT_REQUEST_VOTE_RESPONSE:
        if (raft->role == MSK_ROLE_CANDIDATE)
            msk_raft_count_vote(raft, now, peer, message->request_vote_response.vote, out);
        return;
    case MSK_RAFT_FORWARD:
        msk_raft_forward_received(raft, now, &from, &message->forward, out);
        return;
    case MSK_RAFT_STATE_SYNC:
        receive_sync(raft, now, peer, &message->state_sync, out);
        return;
    }
}

/* W-12: whether a mere term is about to depose a leader that the others still hear. */
static bool leads_majority(const struct msk_raft *raft, struct msk_now now)
{
    return msk_raft_defends(raft) && raft->role == MSK_ROLE_LEADER && msk_raft_may_stand(raft, now);
}

/* A message of our term or a higher one. */
static void receive_current(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                            const struct head *head, const struct msk_raft_message *message, struct msk_actions *out)
{
    bool is_append = message->kind == MSK_RAFT_APPEND_ENTRIES, disturbs = false;
    if (head->has_term && head->term > raft->hard.term) {
        disturbs = !is_append && leads_majority(raft, now);
        follow_term(raft, now, from, head, is_append, out);
    }
    dispatch(raft, now, msk_raft_peer_find(raft, from), message, out);
    if (disturbs && !raft->hard.has_vote) /* nobody fit to lead asked for our vote: W-12 stands again at once */
        msk_raft_stand(raft, now, out);
}

/* Queries that can be answered are, what was decided goes to the disk, and whoever waits for entries hears of them. */
static void end_turn(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    msk_raft_reads_settle(raft, now, out);
    msk_raft_offer(raft, now, out);
    msk_raft_save(raft, out);
    msk_raft_spare(raft);
}

/* 3.3, step 1 has no answer for old terms. One who still leads in an old term while we follow another leader learns it
 * from us (W-1, W-10): the higher term alone makes it step down, whoever it is. */
static void answer_old_leader(struct msk_raft *raft, const struct msk_digest *from,
                              const struct msk_raft_message *message, struct msk_actions *out)
{
    bool knows_better =
        raft->has_leader && raft->leader_term == raft->hard.term && !msk_digest_equal(from, &raft->leader);
    if (!msk_raft_defends(raft) || !knows_better || message->kind != MSK_RAFT_APPEND_ENTRIES)
        return;
    const struct msk_raft_message answer = {
        .kind = MSK_RAFT_APPEND_ENTRIES_RESPONSE,
        .append_entries_response = {.term = raft->hard.term, .vote = MSK_VOTE_DENIED}};
    msk_raft_send(raft, from, &answer, out);
}

int msk_raft_receive(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                     const struct msk_raft_message *message, struct msk_actions *out)
{
    struct msk_raft_peer *peer = msk_raft_peer_find(raft, from);
    struct head head = head_of(message);
    if (!peer || !peer->bonded || raft->failed || raft->halted)
        return 0;
    msk_raft_heard(raft, now, from);
    const char *violation = leaps(raft, &head)       ? "its term is far ahead of ours"
                            : is_impossible(message) ? "it tells of a log that cannot be"
                                                     : NULL;
    if (violation) {
        report_violation(raft, from, &head, violation, out);
        return MSK_E_PROTOCOL;
    }
    bool outdated = head.has_term && head.term < raft->hard.term; /* 3.3, step 1: no answer */
    if (is_misnamed(raft, peer, &head, out))
        return 0;
    if (outdated) {
        answer_old_leader(raft, from, message, out);
        return 0;
    }
    receive_current(raft, now, from, &head, message, out);
    end_turn(raft, now, out);
    return 0;
}

/* ---- disk and time */

void msk_raft_persisted(struct msk_raft *raft, struct msk_now now, uint64_t sequence, struct msk_actions *out)
{
    if (sequence <= raft->persisted)
        return;
    raft->persisted = sequence;
    msk_raft_log_persisted(raft, sequence);
    if (raft->failed || raft->halted)
        return;
    if (raft->role == MSK_ROLE_CANDIDATE)
        msk_raft_check_election(raft, now, out);
    else if (raft->role == MSK_ROLE_LEADER && msk_raft_defends(raft))
        msk_raft_leader_commit(raft, now, out);
    end_turn(raft, now, out);
}

static void fire_timer(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    switch (raft->role) {
    case MSK_ROLE_FOLLOWER:
        msk_raft_follower_timeout(raft, now, out);
        break;
    case MSK_ROLE_CANDIDATE:
        msk_raft_candidate_timeout(raft, now, out);
        break;
    case MSK_ROLE_LEADER:
        msk_raft_leader_timeout(raft, now, out);
        break;
    }
}

void msk_raft_tick(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    msk_requests_expire(raft, now, out);
    if (msk_sync_deadline(raft) <= now.mono_ms)
        msk_sync_tick(raft, now, out);
    if (raft->timer_ms <= now.mono_ms)
        fire_timer(raft, now, out);
    end_turn(raft, now, out);
}

uint64_t msk_raft_deadline(const struct msk_raft *raft)
{
    uint64_t deadline_ms = raft->timer_ms, sync_ms = msk_sync_deadline(raft), offer_ms = msk_raft_offer_deadline(raft);
    deadline_ms = raft->requests.next_ms < deadline_ms ? raft->requests.next_ms : deadline_ms;
    deadline_ms = offer_ms < deadline_ms ? offer_ms : deadline_ms;
    return sync_ms < deadline_ms ? sync_ms : deadline_ms;
}

void msk_raft_status(const struct msk_raft *raft, struct msk_raft_status *out)
{
    *out = (struct msk_raft_status){
        .role = raft->role,
        .term = raft->hard.term,
        .has_leader = raft->has_leader,
        .has_vote = raft->hard.has_vote,
        .online = raft->online,
        .leader = raft->leader,
        .vote = raft->hard.vote,
        .log = msk_log_last(&raft->log),
        .committed = raft->committed,
        .applied = raft->applied,
        .leader_heard_ms = raft->leader_heard_ms,
        .timer_ms = raft->timer_ms,
        .quorum = raft->quorum,
        .group_committed =
            raft->group_committed > raft->committed.index ? raft->group_committed : raft->committed.index,
        .log_bytes = raft->log.bytes,
        .snapshot_index = raft->snapshot_index,
        .requests = raft->requests.count,
        .elections = raft->elections,
        .leader_changes = raft->leader_changes,
        .halted = raft->halted,
        .syncing = raft->sync.active,
        .sync_from = raft->sync.from,
        .sync_next = raft->sync.next,
        .sync_target = raft->sync.has_target ? raft->sync.target.index : 0,
        .sync_buffered = raft->sync.buffer.count,
        .has_sync_peer = raft->sync.has_peer,
        .sync_peer = raft->sync.peer,
    };
    msk_raft_committee_size(raft, &out->voters, &out->waiting);
}
