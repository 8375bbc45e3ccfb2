/* Links: to which part of the node each belongs, by its protocol. */
#include "core/node_parts.h"
#include "wire/close_code.h"
#include "wire/frame.h"

uint64_t msk_node_new_link(struct msk_node *node)
{
    return msk_links_number(&node->links);
}

static struct msk_link *accept_link(struct msk_node *node, uint64_t number, const struct msk_link_info *info)
{
    enum msk_link_owner owner = info->alpn == MSK_ALPN_GROUPS ? MSK_OWNER_ACCEPTOR : MSK_OWNER_DISCOVERY;
    return msk_links_add(&node->links, number, owner, info);
}

static bool is_served(enum msk_alpn alpn)
{
    return alpn == MSK_ALPN_GROUPS || alpn == MSK_ALPN_SYNC || alpn == MSK_ALPN_PING;
}

/* The link of a connection that stands now; NULL: it is not wanted, and closed. */
static struct msk_link *link_for(struct msk_node *node, uint64_t number, const struct msk_link_info *info,
                                 struct msk_actions *out)
{
    bool served = info->dialled || is_served(info->alpn);
    struct msk_link *link = node->stopped || !served ? NULL
                            : info->dialled          ? msk_links_find(&node->links, number)
                                                     : accept_link(node, number, info);
    if (!link)
        msk_act_close(out, number, served ? MSK_CLOSE_CANCELLED : MSK_CLOSE_INVALID_ALPN, false);
    return link;
}

static void opened(struct msk_node *node, struct msk_now now, struct msk_link *link, struct msk_actions *out)
{
    if (link->owner == MSK_OWNER_ACCEPTOR) {
        msk_node_accept_opened(node, now, link, out);
    } else if (link->owner == MSK_OWNER_DISCOVERY) {
        msk_discovery_opened(node->discovery, now, link, out);
    } else {
        struct msk_group *group = link->object;
        int pending = msk_group_begin(out);
        msk_mesh_opened(group->mesh, now, link, out);
        msk_group_end(group, pending, out);
    }
}

void msk_node_link_opened(struct msk_node *node, struct msk_now now, uint64_t number, const struct msk_link_info *info,
                          struct msk_actions *out)
{
    struct msk_link *link = link_for(node, number, info, out);
    if (link) {
        link->info = *info;
        link->open = true;
        opened(node, now, link, out);
    }
    msk_node_settle(node, now, out);
}

void msk_node_link_frame(struct msk_node *node, struct msk_now now, uint64_t number, struct msk_bytes frame,
                         struct msk_actions *out)
{
    struct msk_link *link = msk_links_find(&node->links, number);
    if (!link)
        return; /* closed by us; what was on its way does not count */
    if (link->owner == MSK_OWNER_ACCEPTOR) {
        msk_node_accept_frame(node, now, link, frame, out);
    } else if (link->owner == MSK_OWNER_DISCOVERY) {
        msk_discovery_frame(node->discovery, now, link, frame, out);
    } else {
        struct msk_group *group = link->object;
        int pending = msk_group_begin(out);
        msk_mesh_frame(group->mesh, now, link, frame, out);
        msk_group_end(group, pending, out);
    }
    msk_node_settle(node, now, out);
}

void msk_node_link_closed(struct msk_node *node, struct msk_now now, uint64_t number,
                          const struct msk_link_close *close, struct msk_actions *out)
{
    struct msk_link *link = msk_links_find(&node->links, number);
    if (!link)
        return;
    if (link->owner == MSK_OWNER_ACCEPTOR) {
        msk_node_accept_closed(node, link, close, out);
    } else if (link->owner == MSK_OWNER_DISCOVERY) {
        msk_discovery_closed(node->discovery, now, link, close, out);
    } else {
        struct msk_group *group = link->object;
        int pending = msk_group_begin(out);
        msk_mesh_closed(group->mesh, now, link, close, out);
        msk_group_end(group, pending, out);
    }
    msk_node_settle(node, now, out);
}

size_t msk_node_link_frame_max(const struct msk_node *node, uint64_t number)
{
    const struct msk_link *link = msk_links_find(&node->links, number);
    if (!link)
        return MSK_FRAME_MAX_BOND; /* on its way to being closed by us: no reason for another code */
    switch (link->owner) {
    case MSK_OWNER_ACCEPTOR:
        return MSK_GROUP_HANDSHAKE_MAX;
    case MSK_OWNER_DISCOVERY:
        return msk_discovery_frame_max(link);
    case MSK_OWNER_GROUP:
        break;
    }
    return msk_mesh_frame_max(link);
}

void msk_node_link_rtt(struct msk_node *node, uint64_t number, uint64_t rtt_us)
{
    struct msk_link *link = msk_links_find(&node->links, number);
    if (link)
        link->info.rtt_us = rtt_us;
}
