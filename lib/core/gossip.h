/* gossip.h: a full member of one gossip topic: neighbours, broadcasts and their connections (wire.md C).
 *
 * Pure. It is told of connections with the announce protocol, of frames on the peers' one-way streams, and the time. It
 * appends to the action list: DIAL; SEND, a frame on our own one-way stream of a connection, which is opened with the
 * first; CLOSE, where `flush` means that our stream is finished and acknowledged first (wire.md C.1); events. What it
 * learnt is taken with msk_gossip_next after every call. */
#ifndef MSK_CORE_GOSSIP_H
#define MSK_CORE_GOSSIP_H

#include <jansson.h>

#include "core/action.h"
#include "core/hyparview.h"
#include "wire/frame.h"

#define MSK_GOSSIP_BODY_MAX (MSK_FRAME_MAX_GOSSIP - 1) /* what a sender may send; a reader takes one byte more */
#define MSK_GOSSIP_CONTENT_MAX \
    (MSK_GOSSIP_BODY_MAX - 38) /* of one broadcast: tags, id, length and round take the rest */

/* Our own bounds. */
#define MSK_GOSSIP_IDLE_MS   10000 /* silence on a connection with a peer that is no neighbour, until it is closed */
#define MSK_GOSSIP_ADDRESSES 16    /* per peer: in our own peer data, and tried in one dial */

struct msk_gossip;

/* What gossip needs of its owner; neither may call back. */
struct msk_gossip_owner {
    void *context;
    /* A number for a connection to be dialled. */
    uint64_t (*new_link)(void *context);
    /* Addresses of a peer that are known from elsewhere (the catalog): at most `max` into `out`; how many. */
    size_t (*find_addresses)(void *context, struct msk_now now, const struct msk_digest *peer,
                             struct msk_transport_addr *out, size_t max);
};

struct msk_gossip_config {
    struct msk_digest self;
    struct msk_digest topic; /* the network id (wire.md 4.7) */
    uint64_t seed;
    struct msk_gossip_owner owner;
};

/* 0 or MSK_E_NOMEM. */
int msk_gossip_new(const struct msk_gossip_config *config, struct msk_now now, struct msk_gossip **out);
void msk_gossip_free(struct msk_gossip *gossip);

/* The addresses others are told to dial us at, from now on: the first MSK_GOSSIP_ADDRESSES. 0 or MSK_E_NOMEM. */
int msk_gossip_set_addresses(struct msk_gossip *gossip, const struct msk_transport_addr_set *addresses);

/* Ask a peer to let us in; the owner knows its addresses. */
void msk_gossip_join(struct msk_gossip *gossip, struct msk_now now, const struct msk_digest *peer,
                     struct msk_actions *out);

/* Tell everybody. 0, MSK_E_LIMIT (above MSK_GOSSIP_CONTENT_MAX: never sent), MSK_E_UNREACHABLE (no neighbour),
 * MSK_E_EXISTS (the same content within MSK_ID_MEMORY_MS), MSK_E_CLOSED (left), MSK_E_NOMEM. */
int msk_gossip_broadcast(struct msk_gossip *gossip, struct msk_now now, struct msk_bytes content,
                         struct msk_actions *out);

/* Say goodbye and close every connection. Nothing is said or heard any more. */
void msk_gossip_leave(struct msk_gossip *gossip, struct msk_now now, struct msk_actions *out);

/* ---- connections: one of ours now stands, or somebody opened one */
void msk_gossip_link_opened(struct msk_gossip *gossip, struct msk_now now, uint64_t link, const struct msk_digest *peer,
                            struct msk_actions *out);
/* One frame of one of the peer's streams, of at most MSK_FRAME_MAX_GOSSIP bytes; `stream` tells streams of a connection
 * apart. Content that msk_gossip_next gives out is valid until the next frame. */
void msk_gossip_stream_frame(struct msk_gossip *gossip, struct msk_now now, uint64_t link, uint64_t stream,
                             struct msk_bytes frame, struct msk_actions *out);
/* The peer finished or reset a stream. */
void msk_gossip_stream_ended(struct msk_gossip *gossip, struct msk_now now, uint64_t link, uint64_t stream,
                             struct msk_actions *out);
/* It is gone, or could not be dialled; `detail` (may be NULL) says why. Unknown numbers are ignored. */
void msk_gossip_link_closed(struct msk_gossip *gossip, struct msk_now now, uint64_t link, const char *detail,
                            struct msk_actions *out);

/* ---- what it learnt */
enum msk_gossip_news_kind { MSK_NEWS_DELIVERED, MSK_NEWS_NEIGHBOUR_UP, MSK_NEWS_NEIGHBOUR_DOWN };
struct msk_gossip_news {
    enum msk_gossip_news_kind kind;
    struct msk_digest peer;   /* the neighbour; of DELIVERED the one who passed it on */
    struct msk_bytes content; /* DELIVERED */
};
bool msk_gossip_next(struct msk_gossip *gossip, struct msk_gossip_news *out); /* false: no more */

/* ---- time, looking in */
void msk_gossip_tick(struct msk_gossip *gossip, struct msk_now now, struct msk_actions *out);
uint64_t msk_gossip_deadline(const struct msk_gossip *gossip); /* mono_ms, or MSK_NEVER */

size_t msk_gossip_neighbour_count(const struct msk_gossip *gossip);
bool msk_gossip_is_neighbour(const struct msk_gossip *gossip, const struct msk_digest *peer);

/* {"neighbours":[{"peer","push":"eager"|"lazy"}],"passive","pending","links","remembered","cached_bytes","wanted"}.
 * A new reference, or NULL without memory. */
json_t *msk_gossip_json(const struct msk_gossip *gossip);

#endif
