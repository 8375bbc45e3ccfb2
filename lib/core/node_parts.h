/* node_parts.h: what the files of the node share. */
#ifndef MSK_CORE_NODE_PARTS_H
#define MSK_CORE_NODE_PARTS_H

#include "core/announce.h"
#include "core/discovery.h"
#include "core/group.h"
#include "core/node.h"

#define MSK_ACCEPTING_MAX      64 /* bond handshakes whose first message is awaited, all together and of one peer (W-19) */
#define MSK_ACCEPTING_PEER_MAX 2
#define MSK_HELP_INTERVAL_MS   2000 /* between two refreshes of our entry for the sake of others' dials */

/* An accepted connection that has not said for which group it is, or whose tickets a program looks at. The context of
 * its link. */
struct msk_accepting {
    struct msk_link *link;
    uint64_t limit_ms;
    uint8_t *frame; /* what it said, to be looked at again; NULL: nothing yet */
    size_t len;
};

struct msk_node {
    struct msk_own_entry own;
    struct msk_catalog catalog;
    struct msk_links links;
    struct msk_verdicts verdicts;
    struct msk_host host;
    struct msk_discovery *discovery;
    struct msk_announcer *announcer; /* NULL: this node does not gossip */
    struct msk_group *groups[MSK_NODE_GROUPS_MAX];
    size_t group_count;
    struct msk_accepting *accepting[MSK_ACCEPTING_MAX];
    size_t accepting_count;
    struct msk_random random;
    uint64_t sequence;                      /* of records, over all groups */
    uint64_t discovered, updated, departed; /* entries of the catalog, counted for metrics */
    uint64_t purge_ms;                      /* not later than the first entry turns stale */
    uint64_t help_due_ms, helped_ms;
    bool stopped;
};

struct msk_group *msk_node_group(const struct msk_node *node, const struct msk_digest *id); /* NULL: not joined */

/* At the end of every call from outside: groups whose actions got lost are failed and their ids withdrawn (W-22). What
 * else was lost is forgiven: exchanges and dials end by their own limits. */
void msk_node_settle(struct msk_node *node, struct msk_now now, struct msk_actions *out);

/* Only the version of the own entry grows; without memory the old one does for now. */
void msk_node_refresh(struct msk_node *node, struct msk_now now, struct msk_actions *out);

/* A peer is no longer in the catalog. */
void msk_node_forget_peer(struct msk_node *node, const struct msk_digest *peer, const char *reason,
                          struct msk_actions *out);

/* ---- gossip (node_gossip.c) */
int msk_node_gossip_new(struct msk_node *node, const struct msk_node_config *config, struct msk_now now);
/* Act on what was heard: after every call that may have reached the announcer. */
void msk_node_gossip_take(struct msk_node *node, struct msk_now now, struct msk_actions *out);
/* Connections of the announce protocol are no links of the node; false: it is of another one, or not served. */
bool msk_node_gossip_opened(struct msk_node *node, struct msk_now now, uint64_t number,
                            const struct msk_link_info *info, struct msk_actions *out);
void msk_node_gossip_closed(struct msk_node *node, struct msk_now now, uint64_t number,
                            const struct msk_link_close *close, struct msk_actions *out);

/* ---- accepted bond connections (node_accept.c): checks 1 to 6 of groups.md 2.4 */
void msk_node_accept_opened(struct msk_node *node, struct msk_now now, struct msk_link *link, struct msk_actions *out);
void msk_node_accept_frame(struct msk_node *node, struct msk_now now, struct msk_link *link, struct msk_bytes frame,
                           struct msk_actions *out);
/* Look at those again that wait for a verdict. */
void msk_node_accept_again(struct msk_node *node, struct msk_now now, struct msk_actions *out);
void msk_node_accept_closed(struct msk_node *node, struct msk_link *link, const struct msk_link_close *close,
                            struct msk_actions *out);
void msk_node_accept_tick(struct msk_node *node, struct msk_now now, struct msk_actions *out);
uint64_t msk_node_accept_deadline(const struct msk_node *node);
void msk_node_accept_stop(struct msk_node *node, struct msk_actions *out);

#endif
