/* announce.h: what a node tells the whole network through gossip, and what it believes of what others tell: entries and
 * departures (wire.md 4.7).
 *
 * The announcer owns the node's gossip. The node hands connections to msk_announcer_gossip, calls the announcer when
 * its own entry changed, and after every call to either takes what was heard with msk_announcer_next. */
#ifndef MSK_CORE_ANNOUNCE_H
#define MSK_CORE_ANNOUNCE_H

#include "core/catalog.h"
#include "core/gossip.h"
#include "core/own_entry.h"

#define MSK_DEPARTURE_WINDOW_MS 500 /* wire.md 4.11: time for a departure to spread before the connections close */

/* Our own bounds. */
#define MSK_REJOIN_INTERVAL_MS   5000 /* between attempts to find neighbours while there is none, +- 50 % */
#define MSK_JOIN_MAX             8    /* peers asked in one attempt, and bootstrap peers among them */
#define MSK_JOIN_BOOTSTRAP_MAX   4
#define MSK_SEEK_INTERVAL_MS     30000  /* between attempts to reach one peer that has fallen silent */
#define MSK_SILENT_AFTER_MS      135000 /* two announcements of it are missing */
#define MSK_ANNOUNCE_PAUSE_MS    500    /* between announcements for the sake of new neighbours, who may come and go */
#define MSK_GOSSIP_BOOTSTRAP_MAX 64

struct msk_announcer;

struct msk_announcer_config {
    struct msk_digest network_id;
    uint64_t seed;
    const struct msk_own_entry *own;     /* outlives the announcer */
    const struct msk_catalog *catalog;   /* likewise: for addresses and known versions */
    uint64_t (*new_link)(void *context); /* a number for a connection to be dialled */
    void *context;
    bool silent; /* only hear: our entry is never announced, nor our departure */
};

/* 0 or MSK_E_NOMEM. */
int msk_announcer_new(const struct msk_announcer_config *config, struct msk_now now, struct msk_announcer **out);
void msk_announcer_free(struct msk_announcer *announcer);
struct msk_gossip *msk_announcer_gossip(struct msk_announcer *announcer);

/* A peer to turn to whenever there is no neighbour. 0 or MSK_E_LIMIT. */
int msk_announcer_add_bootstrap(struct msk_announcer *announcer, struct msk_now now, const struct msk_digest *peer,
                                const struct msk_socket_addr *address);

/* The own entry has a new version: tell the neighbours. Without neighbours nothing is sent, as a new neighbour is told
 * anyway. An entry that no gossip message can carry is reported once (entry_too_large) and never sent (wire.md D.1). */
void msk_announcer_tell(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out);

/* Announce that we leave; MSK_DEPARTURE_WINDOW_MS later all connections are closed (at once if nobody listens). */
void msk_announcer_depart(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out);
bool msk_announcer_departed(const struct msk_announcer *announcer);

void msk_announcer_tick(struct msk_announcer *announcer, struct msk_now now, struct msk_actions *out);
uint64_t msk_announcer_deadline(const struct msk_announcer *announcer); /* mono_ms, or MSK_NEVER */

/* Announcements keep us and this peer informed of each other, so that nothing else needs to. */
bool msk_announcer_informs(const struct msk_announcer *announcer, struct msk_now now, const struct msk_digest *peer);

/* ---- what was heard */
enum msk_heard_kind {
    MSK_HEARD_ENTRY,     /* offer it to the catalog, source gossip */
    MSK_HEARD_DEPARTURE, /* remove the peer from the catalog */
    MSK_HEARD_REFRESH    /* a new neighbour: raise the version of the own entry and call msk_announcer_tell */
};
struct msk_heard {
    enum msk_heard_kind kind;
    struct msk_digest peer, from;              /* whom it is about, who passed it on */
    const struct msk_signed_peer_entry *entry; /* valid until the next call */
};
/* false: no more. What is refused is reported as an event with its reason and not given out. */
bool msk_announcer_next(struct msk_announcer *announcer, struct msk_now now, struct msk_heard *out,
                        struct msk_actions *actions);

/* ---- the rules by themselves */

#define MSK_ANNOUNCEMENT_VERDICT_MAP(X)                 \
    X(ACCEPTED, "accepted")                             \
    X(STALE, "signed more than 50 s ago")               \
    X(FUTURE, "signed more than 50 s in the future")    \
    X(BAD_SIGNATURE, "the signature does not hold")     \
    X(UNKNOWN, "the peer is not known")                 \
    X(SUPERSEDED, "a newer entry of the peer is known") \
    X(NOMEM, "out of memory")

enum msk_announcement_verdict {
#define X(name, text) MSK_ANNOUNCEMENT_##name,
    MSK_ANNOUNCEMENT_VERDICT_MAP(X)
#undef X
};
const char *msk_announcement_verdict_text(enum msk_announcement_verdict verdict);

/* Of entries only the time is judged here, the rest is the catalog's; departures are judged in full. */
enum msk_announcement_verdict msk_announcement_judge(const struct msk_announcement *announcement, int64_t wall_ms,
                                                     const struct msk_catalog *catalog);

#endif
