/* hyparview.h: the membership layer of gossip: which few peers are our neighbours, which others we could turn to
 * (HyParView; wire.md C.4). */
#ifndef MSK_CORE_HYPARVIEW_H
#define MSK_CORE_HYPARVIEW_H

#include "base/clock.h"
#include "core/gossip_port.h"
#include "core/gossip_view.h"

/* wire.md C.3 */
#define MSK_ACTIVE_MAX               5
#define MSK_PASSIVE_MAX              30
#define MSK_FORWARD_JOIN_TTL         6
#define MSK_FORWARD_JOIN_PASSIVE_TTL 3
#define MSK_SHUFFLE_TTL              6
#define MSK_SHUFFLE_INTERVAL_MS      60000
#define MSK_SHUFFLE_ACTIVE           3
#define MSK_SHUFFLE_PASSIVE          4
#define MSK_NEIGHBOR_TIMEOUT_MS      500

/* Our own bounds. */
#define MSK_SHUFFLE_NODES_MAX (MSK_SHUFFLE_ACTIVE + MSK_SHUFFLE_PASSIVE + 1) /* in any message we write */
#define MSK_WALK_TTL_MAX      6                                              /* a longer walk is cut when it comes by */
#define MSK_ASKED_MAX         11 /* peers asked to be neighbours and not answered yet, before strangers can add more */
#define MSK_PENDING_MAX       (MSK_ASKED_MAX + MSK_ACTIVE_MAX)
#define MSK_REFUSED_PAUSE_MS                                                                 \
    60000 /* a peer that refused is not asked again so soon: both views may stay as they are \
           */

struct msk_hyparview {
    struct msk_view_peer self;
    const struct msk_gossip_port *port;
    struct msk_random *random;
    struct msk_view active, passive, pending;
    struct msk_view_peer active_peers[MSK_ACTIVE_MAX], passive_peers[MSK_PASSIVE_MAX], pending_peers[MSK_PENDING_MAX];
    uint64_t shuffle_ms;
};

/* `port` and `random` outlive it; it must not be moved. Times are monotonic milliseconds throughout. */
void msk_hyparview_init(struct msk_hyparview *view, const struct msk_digest *self, const struct msk_gossip_port *port,
                        struct msk_random *random, uint64_t now_ms);

/* The encoded peer data others get from us from now on, at most MSK_PEER_DATA_MAX bytes. */
void msk_hyparview_set_data(struct msk_hyparview *view, struct msk_bytes data);

/* Ask a peer to let us in. Nothing more happens if it does not answer. */
void msk_hyparview_join(struct msk_hyparview *view, const struct msk_digest *peer);

/* One message; the rows of wire.md C.4. */
void msk_hyparview_receive(struct msk_hyparview *view, uint64_t now_ms, const struct msk_digest *from,
                           const struct msk_membership *message);

/* To be called after a message of the other layer: a sender that is neither neighbour nor asked to be one loses its
 * connections. (After messages of this layer that is done already.) */
void msk_hyparview_handled(struct msk_hyparview *view, const struct msk_digest *from);

/* The last connection with a peer ended without our doing, or could not be made. */
void msk_hyparview_lost(struct msk_hyparview *view, uint64_t now_ms, const struct msk_digest *peer);

/* Say goodbye to every neighbour. */
void msk_hyparview_leave(struct msk_hyparview *view);

void msk_hyparview_tick(struct msk_hyparview *view, uint64_t now_ms);
uint64_t msk_hyparview_deadline(const struct msk_hyparview *view); /* monotonic ms, or MSK_NEVER */

bool msk_hyparview_is_active(const struct msk_hyparview *view, const struct msk_digest *peer);

/* A neighbour, or asked to be one: worth a connection. */
bool msk_hyparview_wants(const struct msk_hyparview *view, const struct msk_digest *peer);

#endif
