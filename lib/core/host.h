/* host.h: what the parts of a node share, and what they ask of it. */
#ifndef MSK_CORE_HOST_H
#define MSK_CORE_HOST_H

#include "core/action.h"
#include "core/catalog.h"
#include "core/link.h"
#include "core/own_entry.h"
#include "core/verdicts.h"

/* Two peers that learn of each other at the same instant should not both dial. Who learned first-hand goes first: the
 * one that started the exchange; where neither did, the smaller id. The other waits this long. */
#define MSK_HEAD_START_MS 100

#define MSK_DIAL_ADDRESSES_MAX 8 /* tried of one entry */

/* Memory that decoding a frame of `len` bytes may take. */
#define MSK_DECODE_BUDGET(len) ((64u << 10) + (size_t)(len)*16)

enum msk_turn { MSK_TURN_OURS, MSK_TURN_BY_ID, MSK_TURN_THEIRS };

struct msk_host {
    void *node;
    const struct msk_own_entry *own;
    struct msk_catalog *catalog;
    struct msk_links *links;
    struct msk_verdicts *verdicts;

    /* An entry arrived: into the catalog if its rules allow, then to everybody concerned. */
    enum msk_catalog_outcome (*learn)(void *node, struct msk_now now, const struct msk_signed_peer_entry *entry,
                                      enum msk_entry_source source, enum msk_turn turn, struct msk_actions *out);
    /* See msk_discovery_acquaint. */
    int (*acquaint)(void *node, struct msk_now now, const struct msk_digest *peer,
                    const struct msk_transport_addr_set *addresses, bool again, struct msk_actions *out);
    /* A catalog sync that we started is over, well or not. */
    void (*synced)(void *node, struct msk_now now, const struct msk_digest *peer, struct msk_actions *out);
    bool (*is_bonded)(void *node, const struct msk_digest *peer);
    /* A bond or gossip keeps the peer and us informed of each other (wire.md 4.8, 4.9). */
    bool (*is_informed)(void *node, struct msk_now now, const struct msk_digest *peer);
    /* Raise the version of our own entry, so that members of the reference dial again (observed.md). */
    void (*refresh)(void *node, struct msk_now now, struct msk_actions *out);
};

/* An entry that its owner signed just now tells how far its clock is from ours: report (CLOCK_SKEW) more than two
 * seconds, once for each `*reported`. `source` is where it was seen. groups.md 8.1. */
void msk_watch_clock(struct msk_now now, const struct msk_signed_peer_entry *entry, const char *source, bool *reported,
                     struct msk_actions *out);

/* How long we let `peer` go first: 0 or MSK_HEAD_START_MS. */
uint64_t msk_head_start_ms(const struct msk_host *host, const struct msk_digest *peer, enum msk_turn turn);

/* Start a connection to the first IP addresses: a link of our own and the action that dials. NULL without memory, at
 * MSK_LINKS_MAX, or when there is no IP address. */
struct msk_link *msk_host_dial(const struct msk_host *host, const struct msk_digest *peer, enum msk_alpn alpn,
                               const struct msk_transport_addr_set *addresses, enum msk_link_owner owner,
                               struct msk_actions *out);

/* The first MSK_DIAL_ADDRESSES_MAX IP addresses into `out`; how many there are. Relays cannot be dialled
 * (transport.md). */
size_t msk_ip_addresses(const struct msk_transport_addr_set *addresses, struct msk_transport_addr *out);

/* Close a link with a code and forget it. */
void msk_host_close(const struct msk_host *host, struct msk_link *link, uint64_t code, bool flush,
                    struct msk_actions *out);

#endif
