#include <string.h>

#include "base/alloc.h"
#include "core/raft_state.h"

/* Where the peer is, or belongs. */
static size_t find_place(const struct msk_raft *raft, const struct msk_digest *id, bool *found)
{
    size_t low = 0, high = raft->peer_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = msk_digest_compare(&raft->peers[middle].id, id);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = false;
    return low;
}

struct msk_raft_peer *msk_raft_peer_find(const struct msk_raft *raft, const struct msk_digest *id)
{
    bool found;
    size_t place = find_place(raft, id, &found);
    return found ? &raft->peers[place] : NULL;
}

static struct msk_raft_peer *insert(struct msk_raft *raft, size_t place, struct msk_actions *out)
{
    if (raft->peer_count == raft->peer_capacity) {
        size_t capacity = raft->peer_capacity ? raft->peer_capacity * 2 : 8;
        struct msk_raft_peer *peers = msk_realloc(raft->peers, capacity * sizeof *peers);
        if (!peers) {
            out->error = MSK_E_NOMEM;
            return NULL;
        }
        raft->peers = peers;
        raft->peer_capacity = capacity;
    }
    struct msk_raft_peer *peer = &raft->peers[place];
    memmove(peer + 1, peer, (raft->peer_count - place) * sizeof *peer);
    raft->peer_count++;
    *peer = (struct msk_raft_peer){0};
    return peer;
}

/* What a former bond told. In stock mode one that returns must agree again before commits wait for it: it may lag, and
 * what it lacks may be just what is not committed. */
static void forget_bond(struct msk_raft *raft, struct msk_raft_peer *peer)
{
    peer->available = peer->fetching = false;
    peer->wanted_ms = peer->barred_ms = 0;
    if (msk_raft_floor(raft) == 0)
        peer->counted = false;
    if (raft->sync.active)
        raft->sync.ask_ms = 0;
}

struct msk_raft_peer *msk_raft_peer_bond(struct msk_raft *raft, struct msk_now now, const struct msk_digest *id,
                                         struct msk_actions *out)
{
    bool found;
    size_t place = find_place(raft, id, &found);
    if (!found && raft->peer_count == MSK_RAFT_PEERS_MAX) {
        MSK_EMIT(out, &raft->config.group, LIMIT_HIT, MSK_F_TEXT("which", "peers of a group"), MSK_F_DIGEST("peer", id),
                 MSK_F_U64("value", MSK_RAFT_PEERS_MAX));
        return NULL;
    }
    struct msk_raft_peer *peer = found ? &raft->peers[place] : insert(raft, place, out);
    if (!peer)
        return NULL;
    peer->id = *id;
    if (!peer->bonded)
        forget_bond(raft, peer);
    peer->bonded = true;
    peer->reported = false;
    peer->heard_ms = now.mono_ms;
    return peer;
}

/* Its answer goes on counting in the election that asked it, its acknowledgements in the term in which it gave them. */
void msk_raft_peer_unbond(struct msk_raft *raft, struct msk_raft_peer *peer)
{
    bool remembered =
        (raft->role == MSK_ROLE_CANDIDATE && peer->asked) || (raft->role == MSK_ROLE_LEADER && peer->counted);
    peer->bonded = peer->fetching = peer->available = false;
    if (remembered)
        return;
    raft->peer_count--;
    memmove(peer, peer + 1, (size_t)(raft->peers + raft->peer_count - peer) * sizeof *peer);
}

void msk_raft_peers_renew(struct msk_raft *raft)
{
    size_t kept = 0;
    for (size_t i = 0; i < raft->peer_count; i++) {
        struct msk_raft_peer *peer = &raft->peers[i];
        if (!peer->bonded)
            continue;
        peer->asked = peer->answered = peer->counted = peer->answers = false;
        peer->follows = 0;
        peer->seat = MSK_SEAT_NONE;
        raft->peers[kept++] = *peer;
    }
    raft->peer_count = kept;
}

uint32_t msk_raft_bonded_count(const struct msk_raft *raft)
{
    uint32_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        count += raft->peers[i].bonded;
    return count;
}

uint32_t msk_raft_floor(const struct msk_raft *raft)
{
    return msk_raft_defends(raft) && raft->config.members ? raft->config.members / 2 + 1 : 0;
}

uint32_t msk_raft_contact(const struct msk_raft *raft, struct msk_now now, uint64_t window_ms)
{
    uint32_t count = 1;
    for (size_t i = 0; i < raft->peer_count; i++)
        count += raft->peers[i].bonded && now.mono_ms - raft->peers[i].heard_ms <= window_ms;
    return count;
}

uint64_t msk_raft_contact_window_ms(const struct msk_raft *raft)
{
    uint64_t half = raft->config.election_timeout_ms / 2, beats = raft->config.heartbeat_interval_ms * 2;
    return half > beats ? half : beats;
}

bool msk_raft_may_stand(const struct msk_raft *raft, struct msk_now now)
{
    return msk_raft_contact(raft, now, msk_raft_contact_window_ms(raft)) >= msk_raft_floor(raft);
}
