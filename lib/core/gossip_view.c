#include "core/gossip_view.h"

#include <string.h>

#include "base/assert.h"

struct msk_view_peer *msk_view_find(const struct msk_view *view, const struct msk_digest *id)
{
    for (size_t i = 0; i < view->count; i++)
        if (msk_digest_equal(&view->peers[i].id, id))
            return &view->peers[i];
    return NULL;
}

void msk_view_remember(struct msk_view_peer *peer, const struct msk_peer_info *info)
{
    if (!info->has_data || info->data.len > MSK_PEER_DATA_MAX)
        return;
    peer->has_data = true;
    peer->data_len = info->data.len;
    if (info->data.len)
        memmove(peer->data, info->data.data, info->data.len);
}

struct msk_view_peer *msk_view_add(struct msk_view *view, const struct msk_peer_info *info)
{
    msk_assert(view->count < view->max);
    struct msk_view_peer *peer = &view->peers[view->count++];
    peer->id = info->peer_id;
    peer->has_data = peer->said_alive = false;
    peer->until_ms = 0;
    peer->data_len = 0;
    msk_view_remember(peer, info);
    return peer;
}

bool msk_view_remove(struct msk_view *view, const struct msk_digest *id, struct msk_view_peer *removed)
{
    struct msk_view_peer *peer = msk_view_find(view, id);
    if (!peer)
        return false;
    if (removed)
        *removed = *peer;
    struct msk_view_peer *last = &view->peers[--view->count];
    if (peer != last)
        *peer = *last;
    return true;
}

static bool is(const struct msk_view_peer *peer, const struct msk_digest *id)
{
    return id && msk_digest_equal(&peer->id, id);
}

struct msk_view_peer *msk_view_pick(const struct msk_view *view, struct msk_random *random, const struct msk_digest *a,
                                    const struct msk_digest *b)
{
    struct msk_view_peer *chosen = NULL;
    uint64_t candidates = 0;
    for (size_t i = 0; i < view->count; i++) {
        if (is(&view->peers[i], a) || is(&view->peers[i], b))
            continue;
        if (msk_random_below(random, ++candidates) == 0)
            chosen = &view->peers[i];
    }
    return chosen;
}

size_t msk_view_sample(const struct msk_view *view, struct msk_random *random, const struct msk_digest *except,
                       size_t wanted, struct msk_peer_info *out)
{
    size_t seen = 0, count = 0;
    for (size_t i = 0; i < view->count && wanted > 0; i++) {
        if (is(&view->peers[i], except))
            continue;
        seen++;
        size_t place = count < wanted ? count++ : (size_t)msk_random_below(random, seen);
        if (place < wanted)
            out[place] = msk_view_info(&view->peers[i]);
    }
    return count;
}

struct msk_peer_info msk_view_info(const struct msk_view_peer *peer)
{
    return (struct msk_peer_info){
        .peer_id = peer->id, .has_data = peer->has_data, .data = MSK_BYTES(peer->data, peer->data_len)};
}
