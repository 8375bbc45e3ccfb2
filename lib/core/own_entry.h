/* own_entry.h: the entry this node signs about itself: its addresses, groups and tickets, and its version, which grows
 * with every change and every refresh (wire.md 4.1 to 4.3). */
#ifndef MSK_CORE_OWN_ENTRY_H
#define MSK_CORE_OWN_ENTRY_H

#include "base/clock.h"
#include "base/random.h"
#include "wire/peer_entry.h"

#define MSK_OWN_ADDRESSES_MAX   16
#define MSK_OWN_GROUPS_MAX      64
#define MSK_OWN_TICKETS_MAX     64
#define MSK_OWN_ENTRY_MAX       (48u << 10) /* encoded and signed: fits the limits of a ping with room to spare */
#define MSK_REFRESH_INTERVAL_MS 45000u      /* wire.md 4.11; jittered by half of it either way */
#define MSK_CLOCK_DRIFT_MAX_MS  50000       /* nobody takes an entry further in the future (wire.md 4.4, D.1) */

struct msk_own_entry {
    uint8_t secret[MSK_SECRET_LEN];
    struct msk_signed_peer_entry signed_entry; /* always signed; its lists are the arrays below */
    uint64_t refresh_interval_ms, refresh_ms;  /* refresh_ms: mono_ms of the next one */
    struct msk_random random;
    struct msk_transport_addr addresses[MSK_OWN_ADDRESSES_MAX];
    struct msk_digest groups[MSK_OWN_GROUPS_MAX];         /* ascending */
    struct msk_ticket_entry tickets[MSK_OWN_TICKETS_MAX]; /* ascending by id; data owned */
};

/* Without addresses, groups and tickets. The secret is copied. `refresh_interval_ms` 0: the default.
 * 0, MSK_E_NOMEM, MSK_E_CRYPTO. */
int msk_own_entry_init(struct msk_own_entry *own, const uint8_t secret[MSK_SECRET_LEN],
                       const struct msk_digest *network_id, uint64_t refresh_interval_ms, uint64_t seed,
                       struct msk_now now);
void msk_own_entry_free(struct msk_own_entry *own); /* wipes the secret */

/* Each change signs anew with a higher version, or leaves everything as it was: 1 changed, 0 it was so already,
 * MSK_E_LIMIT (count or size), MSK_E_NOMEM, MSK_E_CRYPTO. Tickets are copied. */
int msk_own_entry_set_addresses(struct msk_own_entry *own, struct msk_now now, const struct msk_socket_addr *addresses,
                                size_t count);
int msk_own_entry_add_group(struct msk_own_entry *own, struct msk_now now, const struct msk_digest *group_id);
int msk_own_entry_remove_group(struct msk_own_entry *own, struct msk_now now, const struct msk_digest *group_id);
int msk_own_entry_add_ticket(struct msk_own_entry *own, struct msk_now now, const struct msk_ticket *ticket);
int msk_own_entry_remove_ticket(struct msk_own_entry *own, struct msk_now now, const struct msk_digest *ticket_id);

/* The same content with a higher version, and the next refresh 45 s +- 50 % from now. 0 or as above. */
int msk_own_entry_refresh(struct msk_own_entry *own, struct msk_now now);

/* What answers a ping: freshly signed with a higher `updated`, which is not kept (wire.md 4.6). `out` shares the lists
 * of `own` and is valid until its next change. */
int msk_own_entry_for_ping(const struct msk_own_entry *own, struct msk_now now, struct msk_signed_peer_entry *out);

#endif
