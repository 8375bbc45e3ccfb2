/* Gossip: connections of the announce protocol to the announcer, what it heard to the catalog (wire.md 4.7). */
#include <stdio.h>

#include "core/node_parts.h"
#include "wire/close_code.h"

static uint64_t new_link(void *context)
{
    return msk_node_new_link(context);
}

/* Addresses beyond the announcer's bound are no loss: a catalog sync brings them, too. */
static void add_bootstrap(struct msk_node *node, struct msk_now now, const struct msk_peer_address *peer)
{
    if (node->announcer && !msk_digest_equal(&peer->peer, msk_node_id(node)))
        (void)msk_announcer_add_bootstrap(node->announcer, now, &peer->peer, &peer->address);
}

int msk_node_gossip_new(struct msk_node *node, const struct msk_node_config *config, struct msk_now now)
{
    const struct msk_announcer_config announcer = {.network_id = config->network_id,
                                                   .seed = msk_random_next(&node->random),
                                                   .own = &node->own,
                                                   .catalog = &node->catalog,
                                                   .new_link = new_link,
                                                   .context = node};
    int error = msk_announcer_new(&announcer, now, &node->announcer);
    for (size_t i = 0; i < config->bootstrap_count && error == 0; i++)
        add_bootstrap(node, now, &config->bootstrap[i]);
    return error;
}

static void believe(struct msk_node *node, struct msk_now now, const struct msk_heard *heard, struct msk_actions *out)
{
    switch (heard->kind) {
    case MSK_HEARD_ENTRY:
        (void)node->host.learn(node, now, heard->entry, MSK_SOURCE_GOSSIP, MSK_TURN_BY_ID, out);
        break;
    case MSK_HEARD_DEPARTURE:
        if (msk_catalog_remove(&node->catalog, &heard->peer))
            msk_node_forget_peer(node, &heard->peer, "departed", out);
        break;
    case MSK_HEARD_REFRESH:
        msk_node_refresh(node, now, out);
        break;
    }
}

void msk_node_gossip_take(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    struct msk_heard heard;
    while (node->announcer && msk_announcer_next(node->announcer, now, &heard, out))
        if (!node->stopped)
            believe(node, now, &heard, out);
}

/* ---- links */

bool msk_node_gossip_opened(struct msk_node *node, struct msk_now now, uint64_t number,
                            const struct msk_link_info *info, struct msk_actions *out)
{
    if (info->alpn != MSK_ALPN_ANNOUNCE || !node->announcer)
        return false;
    msk_gossip_link_opened(msk_announcer_gossip(node->announcer), now, number, &info->peer, out);
    return true;
}

void msk_node_gossip_closed(struct msk_node *node, struct msk_now now, uint64_t number,
                            const struct msk_link_close *close, struct msk_actions *out)
{
    char code[64];
    if (!node->announcer)
        return;
    if (close->by == MSK_CLOSED_PEER)
        snprintf(code, sizeof code, "closed with %llu %s", (unsigned long long)close->code,
                 msk_close_name(close->code));
    msk_gossip_link_closed(msk_announcer_gossip(node->announcer), now, number,
                           close->by == MSK_CLOSED_PEER ? code : close->detail, out);
}

void msk_node_stream_frame(struct msk_node *node, struct msk_now now, uint64_t link, uint64_t stream,
                           struct msk_bytes frame, struct msk_actions *out)
{
    if (node->announcer)
        msk_gossip_stream_frame(msk_announcer_gossip(node->announcer), now, link, stream, frame, out);
    msk_node_settle(node, now, out);
}

void msk_node_stream_ended(struct msk_node *node, struct msk_now now, uint64_t link, uint64_t stream,
                           struct msk_actions *out)
{
    if (node->announcer)
        msk_gossip_stream_ended(msk_announcer_gossip(node->announcer), now, link, stream, out);
    msk_node_settle(node, now, out);
}
