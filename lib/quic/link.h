/* link.h: a link: the one bidirectional stream of a connection, opened by its dialler, carrying frames (wire.md 3). */
#ifndef MSK_QUIC_LINK_H
#define MSK_QUIC_LINK_H

#include "quic/framed.h"

/* A member of what owns it; it must be freed before, or while, MSK_QUIC_CLOSED of its connection is handled. */
struct msk_quic_link {
    struct msk_quic_conn *conn;
    struct msk_quic_stream *stream; /* NULL: accepted, and the peer has not opened it yet */
    struct msk_frame_reader reader;
};

/* For a connection just reported as MSK_QUIC_CONNECTED. A dialler opens the stream; an acceptor waits for it, and
 * cannot send before. 0, or msk_quic_stream_open's errors. */
int msk_quic_link_init(struct msk_quic_link *link, struct msk_quic_conn *conn);
void msk_quic_link_free(struct msk_quic_link *link);

/* Take in an MSK_QUIC_STREAM event of the connection. Streams beyond the first are never looked at (wire.md 3.1): they
 * are refused. True: there may be frames, or the end, to be had. */
bool msk_quic_link_event(struct msk_quic_link *link, const struct msk_quic_event *event);

/* As msk_quic_frame_next. */
int msk_quic_link_next(struct msk_quic_link *link, size_t frame_max, struct msk_bytes *frame, struct msk_error *err);

/* Queue one frame (copied). MSK_E_LIMIT: the peer does not read what it is sent (W-26), MSK_E_CLOSED: there is no
 * stream yet, or no longer; MSK_E_NOMEM. */
int msk_quic_link_send(struct msk_quic_link *link, struct msk_bytes frame);

#endif
