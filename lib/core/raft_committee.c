/* Which entries a leader may call committed: by a majority, or by the reference's committee (groups.md 3.7, W-1, W-8,
 * W-9). */
#include <stdlib.h>

#include "core/raft_state.h"

#define COMMITTEE_MAX 5

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

bool msk_raft_is_voter(const struct msk_raft *raft, const struct msk_raft_peer *peer)
{
    return peer->bonded && (msk_raft_defends(raft) ? peer->counted : peer->seat == MSK_SEAT_VOTER);
}

uint32_t msk_raft_commit_quorum(const struct msk_raft *raft)
{
    uint32_t voters = 1, floor = msk_raft_floor(raft);
    for (size_t i = 0; i < raft->peer_count; i++)
        voters += msk_raft_is_voter(raft, &raft->peers[i]);
    return floor && msk_raft_defends(raft) ? floor : voters / 2 + 1;
}

/* ---- ours */

/* W-1, W-9: the highest index that a majority has on disk, 0 for none: of the declared members, else of ourselves and
 * those bonded peers that granted anything in this term. */
static uint64_t majority_index(const struct msk_raft *raft)
{
    uint64_t acked[MSK_RAFT_PEERS_MAX + 1] = {raft->durable};
    size_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (msk_raft_is_voter(raft, &raft->peers[i]))
            acked[count++] = raft->peers[i].acked;
    size_t needed = msk_raft_commit_quorum(raft);
    if (needed > count)
        return 0;
    qsort(acked, count, sizeof acked[0], descending);
    return acked[needed - 1];
}

/* What every member has: whoever is elected later has it too, whatever its term. In stock mode those count that are
 * bonded. 0: not all have told. */
static uint64_t common_index(const struct msk_raft *raft)
{
    uint64_t least = raft->durable;
    uint32_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++) {
        const struct msk_raft_peer *peer = &raft->peers[i];
        if (!peer->counted && peer->bonded && raft->config.members == 0)
            return 0;
        count += peer->counted;
        least = peer->counted && peer->acked < least ? peer->acked : least;
    }
    return count >= raft->config.members ? least : 0;
}

/* ---- the reference's: voters V and non-voters N, ourselves always among V */

static size_t seats(const struct msk_raft *raft, enum msk_seat seat)
{
    size_t count = seat == MSK_SEAT_VOTER;
    for (size_t i = 0; i < raft->peer_count; i++)
        count += raft->peers[i].seat == seat;
    return count;
}

static void promote_best(struct msk_raft *raft)
{
    struct msk_raft_peer *best = NULL;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (raft->peers[i].seat == MSK_SEAT_WAITING && (!best || raft->peers[i].acked > best->acked))
            best = &raft->peers[i];
    if (best)
        best->seat = MSK_SEAT_VOTER;
}

static void backfill(struct msk_raft *raft)
{
    size_t voters = seats(raft, MSK_SEAT_VOTER), waiting = seats(raft, MSK_SEAT_WAITING);
    size_t target = voters + waiting < COMMITTEE_MAX ? voters + waiting : COMMITTEE_MAX;
    if (target > 2 && target % 2 == 0)
        target++;
    if (voters >= target)
        return;
    size_t added = waiting < target - voters ? waiting : target - voters;
    if ((voters + added) % 2 == 0 && added > 0)
        added--;
    while (added-- > 0)
        promote_best(raft);
}

static void drop_unbonded(struct msk_raft *raft)
{
    for (size_t i = 0; i < raft->peer_count; i++)
        if (!raft->peers[i].bonded)
            raft->peers[i].seat = MSK_SEAT_NONE;
    backfill(raft);
}

static void committee_heard(struct msk_raft *raft, struct msk_raft_peer *peer, enum msk_vote vote)
{
    if (vote == MSK_VOTE_ABSTAINED)
        peer->seat = MSK_SEAT_NONE;
    backfill(raft);
    drop_unbonded(raft);
    if (vote == MSK_VOTE_GRANTED && peer->seat == MSK_SEAT_NONE) {
        peer->seat = MSK_SEAT_WAITING;
        backfill(raft);
    }
}

static uint64_t committee_index(const struct msk_raft *raft)
{
    uint64_t acked[MSK_RAFT_PEERS_MAX + 1] = {raft->log.count};
    size_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        if (msk_raft_is_voter(raft, &raft->peers[i]))
            acked[count++] = raft->peers[i].acked;
    qsort(acked, count, sizeof acked[0], descending);
    return acked[count / 2];
}

/* ---- both */

void msk_raft_committee_elected(struct msk_raft *raft)
{
    uint64_t last = raft->log.count;
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        peer->counted = peer->answered && peer->answer == MSK_VOTE_GRANTED;
        peer->acked = peer->counted ? last : 0;
        peer->seat = peer->counted ? MSK_SEAT_VOTER : MSK_SEAT_NONE;
    }
}

void msk_raft_committee_size(const struct msk_raft *raft, uint32_t *voters, uint32_t *waiting)
{
    *voters = *waiting = 0;
    if (raft->role != MSK_ROLE_LEADER)
        return;
    *voters = 1;
    for (size_t i = 0; i < raft->peer_count; i++) {
        const struct msk_raft_peer *peer = &raft->peers[i];
        enum msk_seat counted = peer->counted ? MSK_SEAT_VOTER : MSK_SEAT_NONE;
        enum msk_seat seat = msk_raft_defends(raft) ? counted : peer->seat;
        *voters += seat == MSK_SEAT_VOTER;
        *waiting += seat == MSK_SEAT_WAITING;
    }
}

void msk_raft_committee_heard(struct msk_raft *raft, struct msk_raft_peer *peer,
                              const struct msk_append_entries_response *response)
{
    if (response->vote == MSK_VOTE_GRANTED) {
        peer->counted = true;
        peer->answers |= response->last_log_index <= raft->lead_from; /* that was a heartbeat */
        peer->acked = response->last_log_index < raft->log.count ? response->last_log_index : raft->log.count;
    } else if (response->vote == MSK_VOTE_ABSTAINED) {
        peer->counted = false;
    }
    if (!msk_raft_defends(raft))
        committee_heard(raft, peer, response->vote);
}

/* W-8: entries of earlier terms are committed only together with one of our own, unless everybody has them. */
static uint64_t safe_index(const struct msk_raft *raft)
{
    uint64_t term, index = majority_index(raft);
    return msk_log_term_at(&raft->log, index, &term) && term == raft->hard.term ? index : common_index(raft);
}

uint64_t msk_raft_committable(const struct msk_raft *raft)
{
    uint64_t index = msk_raft_defends(raft) ? safe_index(raft) : committee_index(raft);
    return index > raft->committed.index ? index : 0;
}
