/* discovery_parts.h: what discovery.c (whom to ask when) and discovery_exchange.c (the exchanges) share. */
#ifndef MSK_CORE_DISCOVERY_PARTS_H
#define MSK_CORE_DISCOVERY_PARTS_H

#include "base/random.h"
#include "core/discovery.h"

#define BOOTSTRAP_ADDRESSES_MAX 4

struct msk_exchange;

/* A peer we exchange catalogs with. */
struct msk_contact {
    struct msk_digest peer;
    bool bootstrap, kept;
    struct msk_transport_addr addresses[BOOTSTRAP_ADDRESSES_MAX]; /* configured */
    size_t address_count;
    bool acquainted;
    bool outdated;     /* our entry changed while a sync was under way */
    uint32_t failures; /* of syncs, in a row */
    uint64_t sync_due_ms, ping_due_ms;
    struct msk_exchange *sync, *ping; /* started by us and under way */
    uint64_t rtt_us;
    bool skew_reported;
};

/* One sync or ping; lives as long as its link, whose context it is. Kind and direction are the link's. */
struct msk_exchange {
    struct msk_link *link;
    struct msk_contact *contact; /* of those we started */
    uint64_t started_ms, deadline_ms;
    bool answered; /* accepted ones: our part is done, the initiator will close */
};

struct msk_discovery {
    const struct msk_host *host;
    struct msk_random random;
    uint64_t ping_interval_ms;
    struct msk_contact **contacts; /* ascending by peer */
    size_t contact_count, contact_capacity, bootstrap_count, kept_count;
    uint64_t contacts_due_ms; /* not later than the first thing due of any contact */
    struct msk_exchange *exchanges[MSK_EXCHANGES_OUT_MAX + MSK_EXCHANGES_IN_MAX];
    size_t exchange_count, out_count;
    uint64_t syncs;
};

struct msk_contact *msk_contact_find(const struct msk_discovery *discovery, const struct msk_digest *peer);

/* Start an exchange with a contact, which has none of this kind; `limit_ms` for connecting. NULL: not possible now. */
struct msk_exchange *msk_exchange_start(struct msk_discovery *discovery, struct msk_now now,
                                        struct msk_contact *contact, enum msk_alpn alpn,
                                        const struct msk_transport_addr_set *addresses, uint64_t limit_ms,
                                        struct msk_actions *out);

/* Its time for the present step is over. */
void msk_exchange_expire(struct msk_discovery *discovery, struct msk_now now, struct msk_exchange *exchange,
                         struct msk_actions *out);

/* Close it, without telling its contact. */
void msk_exchange_drop(struct msk_discovery *discovery, struct msk_exchange *exchange, uint64_t code,
                       struct msk_actions *out);

/* Catalogs were exchanged, whoever began. Plans the next sync. */
void msk_contact_acquainted(struct msk_discovery *discovery, struct msk_now now, struct msk_contact *contact);

/* A sync or ping that we started is over; `why` is NULL when it went well. Plans the next one. */
void msk_contact_settle(struct msk_discovery *discovery, struct msk_now now, struct msk_contact *contact,
                        enum msk_alpn alpn, uint64_t started_ms, const char *why, struct msk_actions *out);

#endif
