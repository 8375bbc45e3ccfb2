/* oneway.h: a connection of one-way streams, each carrying frames: some of the peer's, and one of our own, opened with
 * the first frame (wire.md C.1). What link.h is to the other protocols. */
#ifndef MSK_QUIC_ONEWAY_H
#define MSK_QUIC_ONEWAY_H

#include "quic/framed.h"

#define MSK_QUIC_ONEWAY_STREAMS_MAX 8          /* of the peer, open at once; further ones are refused */
#define MSK_QUIC_ONEWAY_QUEUE_MAX   (1u << 20) /* bytes the peer may leave unread */

struct msk_quic_incoming {
    struct msk_quic_stream *stream; /* NULL: a free place */
    uint64_t number;                /* counts the peer's streams of this connection from 1 */
    uint64_t frames;                /* taken from it so far */
    struct msk_frame_reader reader;
};

/* A member of what owns it; it must be freed before, or while, MSK_QUIC_CLOSED of its connection is handled. */
struct msk_quic_oneway {
    struct msk_quic_conn *conn;
    struct msk_quic_stream *own; /* NULL: nothing was sent yet, or the peer does not allow it yet */
    struct msk_builder unsent;   /* frames that wait for our stream to be allowed */
    struct msk_quic_incoming incoming[MSK_QUIC_ONEWAY_STREAMS_MAX];
    uint64_t opened;
};

void msk_quic_oneway_init(struct msk_quic_oneway *oneway, struct msk_quic_conn *conn);
void msk_quic_oneway_free(struct msk_quic_oneway *oneway);

/* Take in an MSK_QUIC_STREAM event of the connection: the peer's stream on which there may be frames, or the end, to be
 * had; NULL: none. Streams in both directions, and too many of them, are refused. */
struct msk_quic_incoming *msk_quic_oneway_event(struct msk_quic_oneway *oneway, const struct msk_quic_event *event);

/* As msk_quic_frame_next. After an end the stream is to be released. */
int msk_quic_incoming_next(struct msk_quic_incoming *incoming, size_t frame_max, struct msk_bytes *frame,
                           struct msk_error *err);
void msk_quic_incoming_release(struct msk_quic_incoming *incoming);

/* Queue one frame (copied). MSK_E_LIMIT: the peer does not read what it is sent, MSK_E_CLOSED: it wants to read no
 * more, or it is finished; MSK_E_NOMEM. */
int msk_quic_oneway_send(struct msk_quic_oneway *oneway, struct msk_bytes frame);

/* MSK_QUIC_STREAMS: what waits may leave now. As msk_quic_oneway_send. */
int msk_quic_oneway_retry(struct msk_quic_oneway *oneway);

/* No further frame follows. */
void msk_quic_oneway_finish(struct msk_quic_oneway *oneway);

#endif
