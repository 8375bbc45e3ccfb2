/* send_queue.h: what was written to a stream, kept in place until the peer has acknowledged it. */
#ifndef MSK_QUIC_SEND_QUEUE_H
#define MSK_QUIC_SEND_QUEUE_H

#include <ngtcp2/ngtcp2.h>

#include "base/bytes.h"

struct msk_send_chunk;

/* Zero-initialise. Chunks from `first` on are not acknowledged, from `unsent_chunk` on not sent. */
struct msk_send_queue {
    struct msk_send_chunk *first, *last, *unsent_chunk;
    size_t acked_in_first, sent_in_unsent; /* bytes of those chunks that are done with */
    size_t queued, unsent;                 /* bytes not acknowledged; of these not sent */
};

void msk_send_queue_free(struct msk_send_queue *queue);

/* Copy the parts to the end, all or nothing: 0 or MSK_E_NOMEM. */
int msk_send_queue_append(struct msk_send_queue *queue, const struct msk_bytes *parts, size_t count);

/* What is to be sent next, as up to `max` pieces; returns their number. The bytes stay where they are until
 * acknowledged. */
size_t msk_send_queue_gather(const struct msk_send_queue *queue, ngtcp2_vec *out, size_t max);

void msk_send_queue_sent(struct msk_send_queue *queue, size_t len);
void msk_send_queue_acked(struct msk_send_queue *queue, size_t len);

#endif
