/* catalog.h: what is known of other peers: the newest signed entry of each, accepted by rule, bounded, forgotten when
 * stale (wire.md 4.4). The own entry is not in it. */
#ifndef MSK_CORE_CATALOG_H
#define MSK_CORE_CATALOG_H

#include "base/clock.h"
#include "wire/peer_entry.h"

#define MSK_CATALOG_ENTRIES_MAX 4096
#define MSK_CATALOG_ENTRY_MAX   (64u << 10) /* encoded */
#define MSK_CATALOG_BYTES_MAX   (12u << 20) /* of all entries encoded: a snapshot fits into one frame */
#define MSK_PURGE_AFTER_MS      300000u     /* wire.md 4.11 */

/* What a peer is to us. When the catalog is full, a peer that means more takes the place of one that means less; among
 * equals those who are in stay, so that strangers cannot push anybody out (wire.md D.1, 12). */
enum msk_standing { MSK_STANDING_STRANGER, MSK_STANDING_GROUP, MSK_STANDING_BOOTSTRAP, MSK_STANDING_MEMBER };

/* How an entry came to us. */
#define MSK_ENTRY_SOURCE_MAP(X)    \
    X(SYNC, "sync")                \
    X(PING, "ping")                \
    X(GOSSIP, "gossip")            \
    X(UPDATE, "bond")              \
    X(HANDSHAKE, "handshake list") \
    X(FORMED, "bond formed")

enum msk_entry_source {
#define X(name, text) MSK_SOURCE_##name,
    MSK_ENTRY_SOURCE_MAP(X)
#undef X
};
const char *msk_entry_source_name(enum msk_entry_source source);

/* What became of an offered entry, in the order in which the rules are asked. */
#define MSK_CATALOG_OUTCOME_MAP(X)               \
    X(ADDED, "new")                              \
    X(UPDATED, "newer")                          \
    X(OWN, "my own peer id")                     \
    X(OTHER_NETWORK, "another network")          \
    X(STALE, "too old")                          \
    X(FUTURE, "too far in the future")           \
    X(NOT_NEWER, "not newer than the known one") \
    X(TOO_BIG, "too big")                        \
    X(FULL, "the catalog is full")               \
    X(NOMEM, "out of memory")

enum msk_catalog_outcome {
#define X(name, text) MSK_CATALOG_##name,
    MSK_CATALOG_OUTCOME_MAP(X)
#undef X
};
const char *msk_catalog_outcome_text(enum msk_catalog_outcome outcome);

struct msk_catalog_record {
    struct msk_signed_peer_entry *entry; /* owned */
    size_t size;                         /* encoded */
    enum msk_standing standing;
    enum msk_entry_source source; /* of the version held */
};

struct msk_catalog {
    struct msk_digest self, network_id;
    int64_t purge_after_ms;
    struct msk_catalog_record *records; /* ascending by peer id */
    size_t count, capacity, bytes;
};

void msk_catalog_init(struct msk_catalog *catalog, const struct msk_digest *self, const struct msk_digest *network_id,
                      uint64_t purge_after_ms); /* 0: the default */
void msk_catalog_free(struct msk_catalog *catalog);

/* What msk_catalog_offer would say, as far as an entry's id, network and version tell: ADDED and UPDATED still depend
 * on room. Cheap: signatures need not have been checked. */
enum msk_catalog_outcome msk_catalog_judge(const struct msk_catalog *catalog, struct msk_now now,
                                           const struct msk_signed_peer_entry *entry);

/* The rules of wire.md 4.4 in their order, with two of ours: no entry of our own id, and none more than 50 s in the
 * future on any path (D.1, 3). The entry is copied when it is taken (ADDED, UPDATED). `evicted` (may be NULL) is set to
 * the peer that had to make room, if any; all zero otherwise. */
enum msk_catalog_outcome msk_catalog_offer(struct msk_catalog *catalog, struct msk_now now,
                                           const struct msk_signed_peer_entry *entry, enum msk_entry_source source,
                                           enum msk_standing standing, struct msk_digest *evicted);

/* The entry of a peer unless stale, valid until the catalog changes; NULL: unknown. */
const struct msk_signed_peer_entry *msk_catalog_find(const struct msk_catalog *catalog, int64_t wall_ms,
                                                     const struct msk_digest *peer_id);

/* A peer came to mean more (bonded) or less; unknown peers are ignored. */
void msk_catalog_set_standing(struct msk_catalog *catalog, const struct msk_digest *peer_id,
                              enum msk_standing standing);

/* A peer announced its departure. true if it was known. */
bool msk_catalog_remove(struct msk_catalog *catalog, const struct msk_digest *peer_id);

/* Take out one stale entry and name its peer; false when there is none left. */
bool msk_catalog_purge_one(struct msk_catalog *catalog, int64_t wall_ms, struct msk_digest *purged);

/* Wall ms when the first entry becomes stale; INT64_MAX: never. */
int64_t msk_catalog_next_purge(const struct msk_catalog *catalog);

/* The snapshot of a sync, encoded: all entries that are not stale, and `own`, ascending by peer id (wire.md 4.5).
 * 0, MSK_E_NOMEM or the builder's error. */
int msk_catalog_snapshot(const struct msk_catalog *catalog, int64_t wall_ms, const struct msk_signed_peer_entry *own,
                         struct msk_builder *out);

#endif
