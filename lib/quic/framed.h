/* framed.h: frames on a stream: what links and one-way streams share (wire.md 3.1, C.1). */
#ifndef MSK_QUIC_FRAMED_H
#define MSK_QUIC_FRAMED_H

#include "quic/conn.h"
#include "wire/frame.h"

/* The next frame, of at most `frame_max` bytes, valid until the next call: 1; 0: none yet. Then the ends (wire.md 3.2),
 * each with a phrase in `err` (may be NULL): MSK_E_CLOSED: FIN after a whole frame; MSK_E_PROTOCOL: FIN inside one;
 * MSK_E_IO: the peer reset the stream; MSK_E_LIMIT: a longer frame was announced; MSK_E_NOMEM. Memory grows with what
 * has arrived, never with what is announced (W-25). `stream` NULL: there is none yet. */
int msk_quic_frame_next(struct msk_quic_stream *stream, struct msk_frame_reader *reader, size_t frame_max,
                        struct msk_bytes *frame, struct msk_error *err);

/* Queue one frame (copied). MSK_E_LIMIT (it is too long, or the queue is full), MSK_E_CLOSED, MSK_E_NOMEM. */
int msk_quic_frame_write(struct msk_quic_stream *stream, struct msk_bytes frame);

#endif
