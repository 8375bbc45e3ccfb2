/* delay_line.h: datagrams that are on their way: given back in the order of their time, and of their arrival where that
 * is the same. One heap, no timers; what may wait is bounded. */
#ifndef MSK_PROXY_DELAY_LINE_H
#define MSK_PROXY_DELAY_LINE_H

#include "base/bytes.h"

#define MSK_DELAY_LINE_MAX       (1u << 21)        /* datagrams */
#define MSK_DELAY_LINE_BYTES_MAX ((size_t)2 << 30) /* of datagrams and their bookkeeping */

struct msk_parcel {
    uint32_t from, to; /* nodes */
    uint32_t len;
    uint8_t data[];
};

struct msk_delay_slot {
    uint64_t due_ns, sequence;
    struct msk_parcel *parcel;
};

/* Zero-initialise. */
struct msk_delay_line {
    struct msk_delay_slot *slots;
    size_t count, capacity, bytes;
    uint64_t next_sequence;
};

/* Copies the datagram. 0, MSK_E_LIMIT or MSK_E_NOMEM (nothing changed). */
int msk_delay_line_put(struct msk_delay_line *line, uint64_t due_ns, uint32_t from, uint32_t to,
                       struct msk_bytes datagram);

/* When the next one is due; MSK_NEVER: there is none. */
uint64_t msk_delay_line_next(const struct msk_delay_line *line);

/* The next one that is due, now the caller's (msk_free); NULL if none is. */
struct msk_parcel *msk_delay_line_take(struct msk_delay_line *line, uint64_t now_ns);

/* Drops what waits. */
void msk_delay_line_free(struct msk_delay_line *line);

#endif
