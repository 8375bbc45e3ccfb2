/* gossip_links.h: the connections of gossip: which serve to talk to a peer, how far each of their one-way streams has
 * been read, what waits for a dial (wire.md C.1).
 *
 * A dense table, because no peer and no number of peers may make it long. */
#ifndef MSK_CORE_GOSSIP_LINKS_H
#define MSK_CORE_GOSSIP_LINKS_H

#include "core/action.h"

/* Our own bounds: wire.md sets none. */
#define MSK_GOSSIP_LINKS_MAX    64
#define MSK_GOSSIP_PER_PEER_MAX 4 /* connections with one peer; a further one ends the oldest */
#define MSK_GOSSIP_DIALS_MAX    8 /* under way at once: strangers may tell us whom to dial */
#define MSK_GOSSIP_STREAMS_MAX  8 /* of one connection, open at once; the reference opens one */
#define MSK_GOSSIP_QUEUE_MAX    8 /* messages that wait for one dial */

enum msk_gossip_stream_state {
    MSK_STREAM_AWAITS_HEADER,
    MSK_STREAM_IS_READ,
    MSK_STREAM_IS_IGNORED /* of a topic we have not joined */
};

struct msk_gossip_stream {
    uint64_t number;
    enum msk_gossip_stream_state state;
};

struct msk_gossip_link {
    uint64_t number;
    struct msk_digest peer;
    bool open;          /* otherwise we are dialling */
    bool header_sent;   /* on our own stream */
    uint64_t order;     /* among those that opened: the highest is the newest */
    uint64_t active_ms; /* when something was last said, either way */
    struct msk_gossip_stream streams[MSK_GOSSIP_STREAMS_MAX];
    size_t stream_count;
    struct msk_bytes queue[MSK_GOSSIP_QUEUE_MAX]; /* owned copies */
    size_t queue_count;
};

struct msk_gossip_links {
    struct msk_digest topic;
    struct msk_gossip_link items[MSK_GOSSIP_LINKS_MAX];
    size_t count, dials;
    uint64_t last_order;
};

void msk_gossip_links_init(struct msk_gossip_links *links, const struct msk_digest *topic);
void msk_gossip_links_free(struct msk_gossip_links *links);

/* NULL: none, or no more room. What they return is valid until a link is removed. */
struct msk_gossip_link *msk_gossip_links_find(struct msk_gossip_links *links, uint64_t number);
struct msk_gossip_link *msk_gossip_links_add(struct msk_gossip_links *links, uint64_t now_ms, uint64_t number,
                                             const struct msk_digest *peer);

/* The connection to answer a peer on: the one that opened last, or else the one being dialled; NULL: none. */
struct msk_gossip_link *msk_gossip_links_newest(struct msk_gossip_links *links, const struct msk_digest *peer);

/* The oldest open connection of a peer, if it has more than it may; NULL: it has not. */
struct msk_gossip_link *msk_gossip_links_excess(struct msk_gossip_links *links, const struct msk_digest *peer);

/* Removing moves other links. */
void msk_gossip_links_remove(struct msk_gossip_links *links, struct msk_gossip_link *link);

/* The connection stands: what waited leaves. */
void msk_gossip_links_opened(struct msk_gossip_links *links, uint64_t now_ms, struct msk_gossip_link *link,
                             struct msk_actions *out);

/* Send a message of at most MSK_GOSSIP_BODY_MAX bytes, the topic before the first; or let it wait for the dial. What
 * finds no place in the queue is dropped: the layers above get along without. */
void msk_gossip_links_say(const struct msk_gossip_links *links, uint64_t now_ms, struct msk_gossip_link *link,
                          struct msk_bytes body, struct msk_actions *out);

/* The reading state of a stream, new ones awaiting their header; NULL: too many. */
struct msk_gossip_stream *msk_gossip_link_stream(struct msk_gossip_link *link, uint64_t number);
void msk_gossip_link_forget_stream(struct msk_gossip_link *link, uint64_t number);

#endif
