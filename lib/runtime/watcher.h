/* watcher.h: a silent member of a network's gossip, for short programs: it hears what all others announce, keeps the
 * catalog that follows from it, and says nothing of itself (wire.md 4.7). */
#ifndef MSK_RUNTIME_WATCHER_H
#define MSK_RUNTIME_WATCHER_H

#include "core/event.h"
#include "core/node.h" /* struct msk_peer_address */

struct msk_watcher_config {
    const uint8_t *secret; /* 32 bytes; not kept */
    struct msk_digest network_id;
    struct msk_peer_address peer;                  /* whose neighbour to become */
    const struct msk_signed_peer_entry_seq *known; /* told as new ones at the beginning, unless refused */

    /* The catalog changed, an announcement was refused, a neighbour came or went. `entry`: the one that was taken. */
    void (*tell)(void *context, struct msk_now now, const struct msk_event *event,
                 const struct msk_signed_peer_entry *entry);
    void *context;
};

/* Watch until SIGINT or SIGTERM, or until `for_ms` have passed (MSK_NEVER: no such limit). 0, MSK_E_NOMEM,
 * MSK_E_CRYPTO, MSK_E_IO. */
int msk_watch(const struct msk_watcher_config *config, uint64_t for_ms, struct msk_error *err);

#endif
