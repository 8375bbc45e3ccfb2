/* gossip_memory.h: which broadcasts we have had, and for a while what they said (wire.md C.3, C.5).
 *
 * Strangers decide how many there are, so both have a bound; beyond it the oldest is forgotten early. */
#ifndef MSK_CORE_GOSSIP_MEMORY_H
#define MSK_CORE_GOSSIP_MEMORY_H

#include "base/clock.h"
#include "base/digest.h"
#include "base/map.h"

/* wire.md C.3 */
#define MSK_ID_MEMORY_MS     90000
#define MSK_PAYLOAD_CACHE_MS 30000
#define MSK_SWEEP_MS         1000

/* Our own bounds: an id costs about 150 bytes. 90 s of announcements of 4,000 peers are 8,000 ids. */
#define MSK_IDS_MAX           16384
#define MSK_PAYLOADS_MAX      4096
#define MSK_PAYLOAD_BYTES_MAX (2u << 20)

struct msk_remembered {
    struct msk_remembered *next; /* the one after it in time */
    struct msk_digest id;
    uint64_t since_ms;
    uint16_t round;
    uint8_t *payload; /* NULL once it left the cache */
    size_t len;
};

struct msk_gossip_memory {
    struct msk_map by_id;
    struct msk_remembered *oldest, *newest, *oldest_payload;
    size_t payload_count, payload_bytes;
    uint64_t sweep_ms;
};

/* `seed` scatters the table: the ids come from strangers. */
void msk_gossip_memory_init(struct msk_gossip_memory *memory, uint64_t seed);
void msk_gossip_memory_free(struct msk_gossip_memory *memory);

/* Remember an id that is not known yet, and a copy of its payload with the round it is passed on with. 0 or MSK_E_NOMEM
 * (nothing changed). Times never go back. */
int msk_gossip_memory_add(struct msk_gossip_memory *memory, uint64_t now_ms, const struct msk_digest *id,
                          struct msk_bytes payload, uint16_t round);

/* NULL: not known. Valid until the next add or sweep. */
const struct msk_remembered *msk_gossip_memory_find(const struct msk_gossip_memory *memory,
                                                    const struct msk_digest *id);

/* Forget what is too old, if a sweep is due. */
void msk_gossip_memory_sweep(struct msk_gossip_memory *memory, uint64_t now_ms);
uint64_t msk_gossip_memory_deadline(const struct msk_gossip_memory *memory); /* monotonic ms, or MSK_NEVER */

#endif
