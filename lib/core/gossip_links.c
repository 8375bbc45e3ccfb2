#include "core/gossip_links.h"

#include "base/alloc.h"
#include "base/assert.h"

void msk_gossip_links_init(struct msk_gossip_links *links, const struct msk_digest *topic)
{
    links->topic = *topic;
    links->count = links->dials = 0;
    links->last_order = 0;
}

static void empty_queue(struct msk_gossip_link *link)
{
    while (link->queue_count > 0)
        msk_free((void *)link->queue[--link->queue_count].data);
}

void msk_gossip_links_free(struct msk_gossip_links *links)
{
    while (links->count > 0)
        empty_queue(&links->items[--links->count]);
}

struct msk_gossip_link *msk_gossip_links_find(struct msk_gossip_links *links, uint64_t number)
{
    for (size_t i = 0; i < links->count; i++)
        if (links->items[i].number == number)
            return &links->items[i];
    return NULL;
}

struct msk_gossip_link *msk_gossip_links_add(struct msk_gossip_links *links, uint64_t now_ms, uint64_t number,
                                             const struct msk_digest *peer)
{
    if (links->count == MSK_GOSSIP_LINKS_MAX)
        return NULL;
    struct msk_gossip_link *link = &links->items[links->count++];
    *link = (struct msk_gossip_link){.number = number, .peer = *peer, .active_ms = now_ms};
    links->dials++;
    return link;
}

struct msk_gossip_link *msk_gossip_links_newest(struct msk_gossip_links *links, const struct msk_digest *peer)
{
    struct msk_gossip_link *newest = NULL;
    for (size_t i = 0; i < links->count; i++) {
        struct msk_gossip_link *link = &links->items[i];
        if (msk_digest_equal(&link->peer, peer) && (!newest || link->order > newest->order))
            newest = link; /* those being dialled have order 0 */
    }
    return newest;
}

struct msk_gossip_link *msk_gossip_links_excess(struct msk_gossip_links *links, const struct msk_digest *peer)
{
    struct msk_gossip_link *oldest = NULL;
    size_t count = 0;
    for (size_t i = 0; i < links->count; i++) {
        struct msk_gossip_link *link = &links->items[i];
        if (!link->open || !msk_digest_equal(&link->peer, peer))
            continue;
        count++;
        if (!oldest || link->order < oldest->order)
            oldest = link;
    }
    return count > MSK_GOSSIP_PER_PEER_MAX ? oldest : NULL;
}

void msk_gossip_links_remove(struct msk_gossip_links *links, struct msk_gossip_link *link)
{
    empty_queue(link);
    if (!link->open)
        links->dials--;
    struct msk_gossip_link *last = &links->items[--links->count];
    if (link != last)
        *link = *last;
}

static void send(const struct msk_gossip_links *links, struct msk_gossip_link *link, struct msk_bytes body,
                 struct msk_actions *out)
{
    if (!link->header_sent) {
        size_t before = out->count;
        msk_act_send(out, link->number, MSK_BYTES(links->topic.bytes, MSK_DIGEST_LEN), 0);
        link->header_sent = out->count > before;
    }
    if (link->header_sent)
        msk_act_send(out, link->number, body, 0);
}

void msk_gossip_links_opened(struct msk_gossip_links *links, uint64_t now_ms, struct msk_gossip_link *link,
                             struct msk_actions *out)
{
    msk_assert(!link->open);
    link->open = true;
    link->order = ++links->last_order;
    link->active_ms = now_ms;
    links->dials--;
    for (size_t i = 0; i < link->queue_count; i++)
        send(links, link, link->queue[i], out);
    empty_queue(link);
}

void msk_gossip_links_say(const struct msk_gossip_links *links, uint64_t now_ms, struct msk_gossip_link *link,
                          struct msk_bytes body, struct msk_actions *out)
{
    link->active_ms = now_ms;
    if (link->open) {
        send(links, link, body, out);
        return;
    }
    if (link->queue_count == MSK_GOSSIP_QUEUE_MAX)
        return;
    uint8_t *copy = msk_memdup(body.data, body.len);
    if (copy)
        link->queue[link->queue_count++] = MSK_BYTES(copy, body.len);
}

struct msk_gossip_stream *msk_gossip_link_stream(struct msk_gossip_link *link, uint64_t number)
{
    for (size_t i = 0; i < link->stream_count; i++)
        if (link->streams[i].number == number)
            return &link->streams[i];
    if (link->stream_count == MSK_GOSSIP_STREAMS_MAX)
        return NULL;
    struct msk_gossip_stream *stream = &link->streams[link->stream_count++];
    *stream = (struct msk_gossip_stream){.number = number, .state = MSK_STREAM_AWAITS_HEADER};
    return stream;
}

void msk_gossip_link_forget_stream(struct msk_gossip_link *link, uint64_t number)
{
    for (size_t i = 0; i < link->stream_count; i++)
        if (link->streams[i].number == number)
            link->streams[i] = link->streams[--link->stream_count];
}
