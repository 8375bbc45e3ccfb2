/* chaos_bridge.h: a small learning switch over packet sockets: UDP between its interfaces is ruled, ARP, neighbour
 * discovery, TCP and the rest pass. For nodes that cannot be told what to advertise. */
#ifndef MSK_RUNTIME_CHAOS_BRIDGE_H
#define MSK_RUNTIME_CHAOS_BRIDGE_H

#include <uv.h>

#include "proxy/network.h"

#define MSK_BRIDGE_BATCH       16
#define MSK_BRIDGE_BATCHES_MAX 8    /* before others get their turn */
#define MSK_BRIDGE_MACS_MAX    4096 /* learned; beyond, all are learned anew */

struct msk_bridge;

struct msk_bridge_owner {
    /* A frame with a UDP datagram, between two interfaces; it stays as it is until `settle` has returned. */
    void (*receive)(void *context, size_t from, size_t to, struct msk_bytes packet, struct msk_bytes payload);
    void (*settle)(void *context);
    void *context;
};

struct msk_bridge_counters {
    uint64_t others_passed; /* frames without UDP */
    uint64_t unreadable;    /* frames the system could not hand out */
};

/* A switch between the network's nodes, whose names are those of interfaces.
 * 0; MSK_E_REFUSED: this takes CAP_NET_RAW; MSK_E_IO naming the interface; MSK_E_NOMEM. msk_bridge_close is to be
 * called in any case. */
int msk_bridge_new(uv_loop_t *loop, const struct msk_network *network, const struct msk_bridge_owner *owner,
                   struct msk_bridge **out, struct msk_error *err);

/* Send a frame that `receive` got, or a copy of it, out of an interface. PASS or UNSENT. */
enum msk_fate msk_bridge_send(struct msk_bridge *bridge, size_t to, struct msk_bytes packet);

const struct msk_bridge_counters *msk_bridge_counters(const struct msk_bridge *bridge);

/* Closes; it is freed once the loop has run. NULL is fine. */
void msk_bridge_close(struct msk_bridge *bridge);

#endif
