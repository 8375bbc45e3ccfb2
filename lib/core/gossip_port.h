/* gossip_port.h: what the two layers of gossip ask of the one who runs them: gossip.c, or a test that writes it down.
 */
#ifndef MSK_CORE_GOSSIP_PORT_H
#define MSK_CORE_GOSSIP_PORT_H

#include "wire/messages.h"

/* Each is carried out at once and never calls back into the layer; what the arguments point to is gone afterwards. */
struct msk_gossip_port {
    void *context;
    /* Say this to a peer; what is known of it serves to dial it. */
    void (*send)(void *context, const struct msk_peer_info *to, const struct msk_gossip_message *message);
    /* End every connection with a peer once what was said on it has arrived. */
    void (*drop)(void *context, const struct msk_digest *peer);
    /* A peer became a neighbour, or is none any more. */
    void (*neighbour)(void *context, const struct msk_digest *peer, bool up);
};

#endif
