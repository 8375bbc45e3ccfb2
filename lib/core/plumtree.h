/* plumtree.h: the broadcast layer of gossip: whole messages along a tree of eager neighbours, ids to the lazy ones, who
 * ask for what the tree did not bring (PlumTree; wire.md C.5). */
#ifndef MSK_CORE_PLUMTREE_H
#define MSK_CORE_PLUMTREE_H

#include "core/gossip_memory.h"
#include "core/gossip_port.h"
#include "core/gossip_wanted.h"

/* wire.md C.3 */
#define MSK_LAZY_PUSH_MS           5
#define MSK_OPTIMISATION_THRESHOLD 7

/* So many i-haves fill one message of less than 4096 bytes: 4 bytes of tags and count, 32 + 3 for each. */
#define MSK_I_HAVE_MAX 116

struct msk_plumtree_peer {
    struct msk_digest id;
    bool eager;
    size_t queued;
    struct msk_have queue[MSK_I_HAVE_MAX]; /* to be told with the next lazy push */
};

struct msk_plumtree {
    const struct msk_gossip_port *port;
    struct msk_gossip_memory memory;
    struct msk_wanted_list wanted;
    struct msk_plumtree_peer peers[MSK_ACTIVE_MAX];
    size_t peer_count;
    uint64_t lazy_push_ms;
};

/* `port` outlives it. `seed` scatters tables that are keyed by strangers. Times are monotonic milliseconds. */
void msk_plumtree_init(struct msk_plumtree *tree, const struct msk_gossip_port *port, uint64_t seed);
void msk_plumtree_free(struct msk_plumtree *tree);

/* The membership layer's news: a new neighbour is eager; a lost one takes its notes with it. */
void msk_plumtree_neighbour(struct msk_plumtree *tree, const struct msk_digest *peer, bool up);

/* Tell everybody. 0, MSK_E_EXISTS (the very same was said or heard within MSK_ID_MEMORY_MS), MSK_E_NOMEM. */
int msk_plumtree_broadcast(struct msk_plumtree *tree, uint64_t now_ms, struct msk_bytes content);

/* One message; the rows of wire.md C.5. True: it brought content that is new, which is `*content` (it points into the
 * message). What does not concern a neighbour is ignored, save its content. */
bool msk_plumtree_receive(struct msk_plumtree *tree, uint64_t now_ms, const struct msk_digest *from,
                          const struct msk_broadcast *message, struct msk_bytes *content);

void msk_plumtree_tick(struct msk_plumtree *tree, uint64_t now_ms);
uint64_t msk_plumtree_deadline(const struct msk_plumtree *tree); /* monotonic ms, or MSK_NEVER */

/* For status: whether a neighbour is an eager one. */
bool msk_plumtree_is_eager(const struct msk_plumtree *tree, const struct msk_digest *peer);

#endif
