#include "quic/link.h"

#define FEED_MAX                                                                                        \
    16384 /* bytes copied before their frames are taken out: what arrived at once is not all held twice \
           */

int msk_quic_link_init(struct msk_quic_link *link, struct msk_quic_conn *conn)
{
    struct msk_quic_conn_info info;
    *link = (struct msk_quic_link){.conn = conn};
    msk_frame_reader_init(&link->reader, 0);
    msk_quic_conn_info(conn, &info);
    return info.dialled ? msk_quic_stream_open(conn, true, &link->stream) : 0;
}

void msk_quic_link_free(struct msk_quic_link *link)
{
    msk_frame_reader_free(&link->reader);
    link->stream = NULL;
}

bool msk_quic_link_event(struct msk_quic_link *link, const struct msk_quic_event *event)
{
    bool may_become_ours = event->changes & MSK_QUIC_OPENED && msk_quic_stream_bidirectional(event->stream);
    if (!link->stream && may_become_ours)
        link->stream = event->stream;
    if (event->stream != link->stream) {
        msk_quic_stream_release(event->stream, 0);
        return false;
    }
    return event->changes & MSK_QUIC_READABLE;
}

/* Nothing more is at hand: has the stream ended? An idle link keeps no memory meanwhile. */
static int check_end(struct msk_quic_link *link, struct msk_error *err)
{
    uint64_t code;
    switch (msk_quic_stream_end(link->stream, &code)) {
    case MSK_QUIC_STREAM_RESET:
        return msk_fail(err, MSK_E_IO, "the peer reset the stream with %llu", (unsigned long long)code);
    case MSK_QUIC_STREAM_FINISHED:
        if (msk_frame_reader_end(&link->reader, err) < 0)
            return MSK_E_PROTOCOL;
        return msk_fail(err, MSK_E_CLOSED, "the peer ended the stream");
    case MSK_QUIC_STREAM_GOES_ON:
        break;
    }
    if (msk_frame_reader_end(&link->reader, NULL) == 0)
        msk_frame_reader_free(&link->reader);
    return 0;
}

int msk_quic_link_next(struct msk_quic_link *link, size_t frame_max, struct msk_bytes *frame, struct msk_error *err)
{
    msk_frame_reader_limit(&link->reader, frame_max);
    for (;;) {
        int rc = msk_frame_reader_next(&link->reader, frame, err);
        if (rc != 0 || !link->stream)
            return rc;
        struct msk_bytes data = msk_quic_stream_peek(link->stream);
        if (data.len == 0)
            return check_end(link, err);
        if (data.len > FEED_MAX)
            data.len = FEED_MAX;
        rc = msk_frame_reader_feed(&link->reader, data);
        if (rc < 0)
            return msk_fail(err, rc, "%s", msk_error_sentence(rc));
        msk_quic_stream_consume(link->stream, data.len);
    }
}

int msk_quic_link_send(struct msk_quic_link *link, struct msk_bytes frame)
{
    if (!link->stream)
        return MSK_E_CLOSED;
    if (frame.len > UINT32_MAX)
        return MSK_E_LIMIT;
    const uint8_t header[MSK_FRAME_HEADER_LEN] = {(uint8_t)(frame.len >> 24), (uint8_t)(frame.len >> 16),
                                                  (uint8_t)(frame.len >> 8), (uint8_t)frame.len};
    const struct msk_bytes parts[] = {MSK_BYTES(header, sizeof header), frame};
    return msk_quic_stream_write(link->stream, parts, 2);
}
