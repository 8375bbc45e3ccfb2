/* gossip_view.h: a bounded set of peers with what is known of each: the active, passive and pending peers (wire.md
 * C.4).
 *
 * Views are small (at most MSK_PASSIVE_MAX), so searching them is a walk. */
#ifndef MSK_CORE_GOSSIP_VIEW_H
#define MSK_CORE_GOSSIP_VIEW_H

#include "base/random.h"
#include "wire/messages.h"

/* Peer data kept per peer: a relay URL and a dozen addresses. So many that a shuffle of MSK_SHUFFLE_NODES_MAX peers
 * always fits into one message; longer data is passed on but not kept. */
#define MSK_PEER_DATA_MAX 384

struct msk_view_peer {
    struct msk_digest id;
    bool has_data;
    bool said_alive;   /* passive: it disconnected but lives, so the end of its connection means nothing */
    uint64_t until_ms; /* pending: forget it then; passive: do not ask it before */
    size_t data_len;
    uint8_t data[MSK_PEER_DATA_MAX];
};

struct msk_view {
    struct msk_view_peer *peers; /* the owner's array of `max`; no particular order */
    size_t count, max;
};

struct msk_view_peer *msk_view_find(const struct msk_view *view, const struct msk_digest *id); /* NULL: absent */

/* A peer that is absent, into a view that has room. Valid until the view changes. */
struct msk_view_peer *msk_view_add(struct msk_view *view, const struct msk_peer_info *info);

/* Whether it was there; `*removed` (may be NULL) gets a copy. Moves other peers. */
bool msk_view_remove(struct msk_view *view, const struct msk_digest *id, struct msk_view_peer *removed);

/* A random peer that is neither `a` nor `b` (each may be NULL); NULL: none. */
struct msk_view_peer *msk_view_pick(const struct msk_view *view, struct msk_random *random, const struct msk_digest *a,
                                    const struct msk_digest *b);

/* Up to `wanted` random peers other than `except`, written to `out`; how many. They point into the view. */
size_t msk_view_sample(const struct msk_view *view, struct msk_random *random, const struct msk_digest *except,
                       size_t wanted, struct msk_peer_info *out);

/* Keep the data of `info`, if it has any and it is not too long. */
void msk_view_remember(struct msk_view_peer *peer, const struct msk_peer_info *info);

struct msk_peer_info msk_view_info(const struct msk_view_peer *peer); /* points into the peer */

#endif
