/* discovery.h: how a node gets to know others and stays known: catalog syncs and pings, both ways (wire.md 4.5 to 4.9).
 *
 * Every peer that appears is synced with once; bootstrap peers and a bounded number of others again and again, unless a
 * bond or gossip keeps them informed. Exchanges run side by side, each with a time limit per step (wire.md D.1, 1). */
#ifndef MSK_CORE_DISCOVERY_H
#define MSK_CORE_DISCOVERY_H

#include "core/host.h"

#define MSK_CONTACTS_MAX          1024 /* peers with a schedule; further ones are only answered */
#define MSK_KEPT_CONTACTS_MAX     64   /* peers synced and pinged periodically, beside the bootstrap peers */
#define MSK_BOOTSTRAP_MAX         64
#define MSK_EXCHANGES_OUT_MAX     16 /* started by us and under way */
#define MSK_EXCHANGES_IN_MAX      64 /* started by others, all together and by one peer */
#define MSK_EXCHANGES_IN_PEER_MAX 4
#define MSK_EXCHANGE_STEP_MS      5000
#define MSK_RESYNC_INTERVAL_MS    45000 /* +- 50 % */
#define MSK_PING_INTERVAL_MS      30000 /* +- 50 %, wire.md 4.6 */
/* A peer that does not answer is tried again: after 250 ms, doubling up to 45 s; bootstrap peers, which may just be
 * starting, up to 1 s the first 60 times and then 5 s. An attempt to a bootstrap peer lasts no longer than that wait,
 * so that one lost first packet does not cost a transport's whole patience. */
#define MSK_SYNC_RETRY_MS           250
#define MSK_SYNC_RETRY_MAX_MS       45000
#define MSK_BOOTSTRAP_RETRY_MAX_MS  1000
#define MSK_BOOTSTRAP_EAGER_TRIES   60
#define MSK_BOOTSTRAP_LATE_RETRY_MS 5000

/* Entries of one catalog whose signatures are checked, at some 0.1 ms each, so that a stranger's cannot hold us up.
 * Only those count that would be news; the rest of them is left to the next exchange. */
#define MSK_SYNC_NEWS_MAX 1024

struct msk_discovery;

/* `host` stays the caller's and outlives it. `ping_interval_ms` 0: the default. NULL without memory. */
struct msk_discovery *msk_discovery_new(const struct msk_host *host, uint64_t ping_interval_ms, uint64_t seed);
void msk_discovery_free(struct msk_discovery *discovery);

/* A peer to sync with at once and for ever; a second address of the same peer is added. 0, MSK_E_LIMIT, MSK_E_NOMEM;
 * the node's own id is ignored. */
int msk_discovery_add_bootstrap(struct msk_discovery *discovery, struct msk_now now,
                                const struct msk_peer_address *peer);
bool msk_discovery_is_bootstrap(const struct msk_discovery *discovery, const struct msk_digest *peer);

/* A peer is new in the catalog, or restarted: it is synced with once (wire.md 4.8). */
void msk_discovery_seen(struct msk_discovery *discovery, struct msk_now now, const struct msk_digest *peer,
                        enum msk_turn turn);
/* It left the catalog. */
void msk_discovery_forgotten(struct msk_discovery *discovery, const struct msk_digest *peer, struct msk_actions *out);

/* Groups, tickets or addresses of ours changed: those who are not bonded with us shall know. */
void msk_discovery_own_changed(struct msk_discovery *discovery, struct msk_now now);

/* Make sure that the peer and we know each other. 0: we exchanged catalogs in this run (unless `again`), 1: a sync is
 * under way, the host's `synced` will tell; negative: it cannot be started now. `addresses` serve where the catalog has
 * none. */
int msk_discovery_acquaint(struct msk_discovery *discovery, struct msk_now now, const struct msk_digest *peer,
                           const struct msk_transport_addr_set *addresses, bool again, struct msk_actions *out);

/* ---- its links: those it dialled, and accepted ones of the sync and ping protocols */
void msk_discovery_opened(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                          struct msk_actions *out);
void msk_discovery_frame(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                         struct msk_bytes frame, struct msk_actions *out);
/* The link is removed. */
void msk_discovery_closed(struct msk_discovery *discovery, struct msk_now now, struct msk_link *link,
                          const struct msk_link_close *close, struct msk_actions *out);
size_t msk_discovery_frame_max(const struct msk_link *link);

/* Close all exchanges with 102, for good. */
void msk_discovery_stop(struct msk_discovery *discovery, struct msk_actions *out);

void msk_discovery_tick(struct msk_discovery *discovery, struct msk_now now, struct msk_actions *out);
uint64_t msk_discovery_deadline(const struct msk_discovery *discovery); /* mono_ms, or MSK_NEVER */

/* How many of those that it began went well. */
uint64_t msk_discovery_syncs(const struct msk_discovery *discovery);

/* What the last exchange with a peer showed; false: never one. */
struct msk_contact_view {
    bool acquainted;
    uint32_t failures; /* in a row */
    uint64_t rtt_us;   /* 0: not measured */
};
bool msk_discovery_view(const struct msk_discovery *discovery, const struct msk_digest *peer,
                        struct msk_contact_view *out);

#endif
