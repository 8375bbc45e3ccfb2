/* network.h: nodes, the links between them with their rules, and what may be changed while it runs: one table of
 * actions, which serves the schedule, the control socket, and the command line. */
#ifndef MSK_PROXY_NETWORK_H
#define MSK_PROXY_NETWORK_H

#include <jansson.h>

#include "proxy/ruling.h"
#include "wire/messages.h" /* struct msk_socket_addr */

#define MSK_NODES_MAX     64
#define MSK_NODE_NAME_MAX 32

struct msk_proxy_node {
    char name[MSK_NODE_NAME_MAX + 1];
    struct msk_socket_addr listen; /* the proxy's port that stands for it; port 0: any */
    struct msk_socket_addr node;   /* where it is */
    bool has_address;              /* `node` is known, at least its IP address */
    unsigned side;                 /* of the partition; 0: of none, it reaches everybody */
    bool paused;
};

struct msk_network {
    size_t node_count;
    struct msk_proxy_node nodes[MSK_NODES_MAX];
    struct msk_link_state *links; /* by sender, receiver */
};

/* No nodes, no links. msk_network_free is to be called in any case. */
void msk_network_init(struct msk_network *network);
void msk_network_free(struct msk_network *network);

/* Before links are made. 0, MSK_E_INVALID naming it, MSK_E_LIMIT. */
int msk_network_add_node(struct msk_network *network, const char *name, struct msk_error *err);

/* Perfect links between all, whose decisions follow from `seed`. 0 or MSK_E_NOMEM. */
int msk_network_link(struct msk_network *network, uint64_t seed, struct msk_error *err);

struct msk_link_state *msk_network_between(const struct msk_network *network, size_t from, size_t to);

/* 0, or MSK_E_NOTFOUND with what names there are. */
int msk_network_find(const struct msk_network *network, const char *name, size_t *node, struct msk_error *err);

/* Whether the partition lies between them. */
bool msk_network_parted(const struct msk_network *network, size_t from, size_t to);

/* One change. `event` (may be NULL) becomes a new object with "event" and its members. Actions and their arguments:
 *   set        {"from":NAME|"*", "to":NAME|"*", rules...} or with "rules": words
 *   partition  [[NAME,...],[NAME,...],...]: sides that do not reach each other; who is on none reaches all
 *   heal       true: the partition ends
 *   pause      NAME: what it sends and what is sent to it waits;   resume  NAME
 *   node       {"name":NAME, "address":IP:PORT}: it is there now
 * 0; MSK_E_INVALID or MSK_E_NOTFOUND naming the member, and nothing is changed; MSK_E_NOMEM. */
int msk_network_act(struct msk_network *network, const char *action, const json_t *argument, json_t **event,
                    struct msk_error *err);

/* {"links":[{"from","to","received",...}]}: what each link has done; NULL: memory is out. */
json_t *msk_network_stats_json(const struct msk_network *network);

/* {"links":[{"from","to","rules","words","parted"}], "nodes":[{"name","listen","node","side","paused"}]} */
json_t *msk_network_links_json(const struct msk_network *network);

#endif
