/* What a leader tells of those it needs: its committee, and commits that do not come (groups.md 8.1). */
#include "core/raft_state.h"

/* Peers as an event names them; the group has no more. */
struct list {
    struct msk_digest items[MSK_RAFT_PEERS_MAX + 1];
    size_t count;
};

static struct msk_digest_seq seq_of(struct list *list)
{
    return (struct msk_digest_seq){.items = list->items, .count = list->count};
}

void msk_raft_report_lead(struct msk_raft *raft, struct msk_actions *out)
{
    raft->report = (struct msk_leader_report){.waits_since_ms = MSK_NEVER};
    for (size_t i = 0; i < raft->peer_count; i++)
        raft->peers[i].told_voter = false;
    msk_raft_report_committee(raft, out);
}

/* Remember what is told now: whether that is something new. */
static bool note_committee(struct msk_raft *raft)
{
    uint32_t quorum = msk_raft_commit_quorum(raft);
    bool changed = quorum != raft->report.quorum;
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        bool votes = msk_raft_is_voter(raft, peer);
        changed |= votes != peer->told_voter;
        peer->told_voter = votes;
    }
    raft->report.quorum = quorum;
    return changed;
}

void msk_raft_report_committee(struct msk_raft *raft, struct msk_actions *out)
{
    if (raft->role != MSK_ROLE_LEADER || !note_committee(raft))
        return;
    struct list voters = {.items = {raft->config.self}, .count = 1}, others = {.count = 0};
    for (size_t i = 0; i < raft->peer_count; i++) {
        const struct msk_raft_peer *peer = &raft->peers[i];
        struct list *list = peer->told_voter ? &voters : &others;
        if (peer->bonded)
            list->items[list->count++] = peer->id;
    }
    MSK_EMIT(out, &raft->config.group, COMMITTEE_CHANGED, MSK_F_DIGESTS("voters", seq_of(&voters)),
             MSK_F_DIGESTS("non_voters", seq_of(&others)), MSK_F_U64("quorum", raft->report.quorum),
             MSK_F_U64("floor", msk_raft_floor(raft)));
}

/* Bonded peers that have not told that they have the next entry; ourselves while our disk has not. */
static void find_missing(const struct msk_raft *raft, struct list *out)
{
    if (msk_raft_defends(raft) && raft->durable <= raft->committed.index)
        out->items[out->count++] = raft->config.self;
    for (size_t i = 0; i < raft->peer_count; i++) {
        const struct msk_raft_peer *peer = &raft->peers[i];
        if (peer->bonded && (!peer->counted || peer->acked <= raft->committed.index))
            out->items[out->count++] = peer->id;
    }
}

static void tell_stall(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct list missing = {.count = 0};
    find_missing(raft, &missing);
    uint32_t have = msk_raft_bonded_count(raft) - (uint32_t)missing.count;
    raft->report.stalled = true;
    MSK_EMIT(out, &raft->config.group, COMMIT_STALLED, MSK_F_U64("last", raft->log.count),
             MSK_F_U64("committed", raft->committed.index),
             MSK_F_U64("since_ms", now.mono_ms - raft->report.waits_since_ms),
             MSK_F_DIGESTS("waiting_for", seq_of(&missing)), MSK_F_U64("have", have),
             MSK_F_U64("quorum", msk_raft_commit_quorum(raft)),
             MSK_F_TEXT("reason", have < msk_raft_commit_quorum(raft) ? "too few members have acknowledged"
                                                                      : "no command of its own term is among them"));
}

void msk_raft_report_commits(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    struct msk_leader_report *report = &raft->report;
    bool waits = raft->role == MSK_ROLE_LEADER && raft->log.count > raft->committed.index;
    bool advanced = report->waits_behind != raft->committed.index;
    if (report->stalled && advanced)
        MSK_EMIT(out, &raft->config.group, COMMIT_RESUMED, MSK_F_U64("committed", raft->committed.index),
                 MSK_F_U64("last", raft->log.count), MSK_F_U64("since_ms", now.mono_ms - report->waits_since_ms));
    if (!waits || advanced || report->waits_since_ms == MSK_NEVER) {
        report->stalled = false;
        report->waits_since_ms = waits ? now.mono_ms : MSK_NEVER;
        report->waits_behind = raft->committed.index;
    } else if (!report->stalled && now.mono_ms - report->waits_since_ms >= raft->config.election_timeout_ms) {
        tell_stall(raft, now, out);
    }
}
