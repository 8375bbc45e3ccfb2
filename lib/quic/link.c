#include "quic/link.h"

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

int msk_quic_link_next(struct msk_quic_link *link, size_t frame_max, struct msk_bytes *frame, struct msk_error *err)
{
    return msk_quic_frame_next(link->stream, &link->reader, frame_max, frame, err);
}

int msk_quic_link_send(struct msk_quic_link *link, struct msk_bytes frame)
{
    return link->stream ? msk_quic_frame_write(link->stream, frame) : MSK_E_CLOSED;
}
