#include "quic/framed.h"

#define FEED_MAX 16384 /* bytes copied before their frames are taken out: what came at once is not all held twice */

/* Nothing more is at hand: has the stream ended? An idle stream keeps no memory meanwhile. */
static int check_end(struct msk_quic_stream *stream, struct msk_frame_reader *reader, struct msk_error *err)
{
    uint64_t code;
    switch (msk_quic_stream_end(stream, &code)) {
    case MSK_QUIC_STREAM_RESET:
        return msk_fail(err, MSK_E_IO, "the peer reset the stream with %llu", (unsigned long long)code);
    case MSK_QUIC_STREAM_FINISHED:
        if (msk_frame_reader_end(reader, err) < 0)
            return MSK_E_PROTOCOL;
        return msk_fail(err, MSK_E_CLOSED, "the peer ended the stream");
    case MSK_QUIC_STREAM_GOES_ON:
        break;
    }
    if (msk_frame_reader_end(reader, NULL) == 0)
        msk_frame_reader_free(reader);
    return 0;
}

int msk_quic_frame_next(struct msk_quic_stream *stream, struct msk_frame_reader *reader, size_t frame_max,
                        struct msk_bytes *frame, struct msk_error *err)
{
    msk_frame_reader_limit(reader, frame_max);
    for (;;) {
        int rc = msk_frame_reader_next(reader, frame, err);
        if (rc != 0 || !stream)
            return rc;
        struct msk_bytes data = msk_quic_stream_peek(stream);
        if (data.len == 0)
            return check_end(stream, reader, err);
        if (data.len > FEED_MAX)
            data.len = FEED_MAX;
        rc = msk_frame_reader_feed(reader, data);
        if (rc < 0)
            return msk_fail(err, rc, "%s", msk_error_sentence(rc));
        msk_quic_stream_consume(stream, data.len);
    }
}

int msk_quic_frame_write(struct msk_quic_stream *stream, struct msk_bytes frame)
{
    if (frame.len > UINT32_MAX)
        return MSK_E_LIMIT;
    const uint8_t header[MSK_FRAME_HEADER_LEN] = {(uint8_t)(frame.len >> 24), (uint8_t)(frame.len >> 16),
                                                  (uint8_t)(frame.len >> 8), (uint8_t)frame.len};
    const struct msk_bytes parts[] = {MSK_BYTES(header, sizeof header), frame};
    return msk_quic_stream_write(stream, parts, 2);
}
