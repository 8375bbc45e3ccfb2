/* udp.h: one UDP socket on the loop: datagrams in batches and out in batches, without waiting. */
#ifndef MSK_RUNTIME_UDP_H
#define MSK_RUNTIME_UDP_H

#include <uv.h>

#include "base/bytes.h"
#include "base/error.h"
#include "quic/address.h"

#define MSK_UDP_BATCH        16   /* datagrams read by one system call */
#define MSK_UDP_BATCHES_MAX  8    /* before others get their turn */
#define MSK_UDP_DATAGRAM_MAX 2048 /* longer ones are dropped: QUIC peers probe in steps up to about 1450 */

struct msk_udp;

struct msk_udp_owner {
    void (*datagram)(void *context, const union msk_address *from, struct msk_bytes datagram);
    /* Nobody listens there (ICMP), as far as one can trust that. */
    void (*unreachable)(void *context, const union msk_address *to);
    /* After a turn of the above, and when a full socket takes more. */
    void (*settle)(void *context);
    void *context;
};

/* A socket bound to `address` (port 0: one the system chooses), only for its own IP version.
 * 0, MSK_E_NOMEM, or MSK_E_IO naming the address. */
int msk_udp_new(uv_loop_t *loop, const union msk_address *address, const struct msk_udp_owner *owner,
                struct msk_udp **out, struct msk_error *err);

/* Where it is bound, with the port that was chosen. */
const union msk_address *msk_udp_address(const struct msk_udp *udp);

/* A msk_quic_send_fn in all but its first argument. 0: sent, or lost; MSK_E_LIMIT: the socket is full, `settle` follows
 * when it is not; MSK_E_UNREACHABLE. */
int msk_udp_send(struct msk_udp *udp, const union msk_address *to, struct msk_bytes data, size_t segment_len);

/* Closes and, once the loop has run, frees. NULL is fine. */
void msk_udp_close(struct msk_udp *udp);

#endif
