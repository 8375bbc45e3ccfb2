/* ring.h: doubly linked lists whose links are members of what they list, so that listing never needs memory.
 *
 * A ring is a head; a member is in at most one ring through one link. A link not in a ring points to itself. */
#ifndef MSK_QUIC_RING_H
#define MSK_QUIC_RING_H

#include <stdbool.h>
#include <stddef.h>

struct msk_ring {
    struct msk_ring *prev, *next;
};

static inline void msk_ring_init(struct msk_ring *ring)
{
    ring->prev = ring->next = ring;
}

static inline bool msk_ring_empty(const struct msk_ring *ring)
{
    return ring->next == ring;
}

/* To the end, unless it is listed already. */
static inline void msk_ring_push(struct msk_ring *ring, struct msk_ring *link)
{
    if (!msk_ring_empty(link))
        return;
    link->prev = ring->prev;
    link->next = ring;
    ring->prev->next = link;
    ring->prev = link;
}

static inline void msk_ring_remove(struct msk_ring *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    msk_ring_init(link);
}

/* The structure whose member `field` the link is; NULL for an empty ring's first. */
#define MSK_RING_ITEM(link, type, field)  ((type *)(void *)((char *)(link)-offsetof(type, field)))
#define MSK_RING_FIRST(ring, type, field) (msk_ring_empty(ring) ? NULL : MSK_RING_ITEM((ring)->next, type, field))

#endif
