#include "quic/oneway.h"

void msk_quic_oneway_init(struct msk_quic_oneway *oneway, struct msk_quic_conn *conn)
{
    *oneway = (struct msk_quic_oneway){.conn = conn};
    msk_builder_init(&oneway->unsent, MSK_QUIC_ONEWAY_QUEUE_MAX);
}

void msk_quic_oneway_free(struct msk_quic_oneway *oneway)
{
    for (size_t i = 0; i < MSK_QUIC_ONEWAY_STREAMS_MAX; i++)
        if (oneway->incoming[i].stream)
            msk_frame_reader_free(&oneway->incoming[i].reader);
    msk_builder_free(&oneway->unsent);
}

/* ---- the peer's streams */

static struct msk_quic_incoming *find(struct msk_quic_oneway *oneway, const struct msk_quic_stream *stream)
{
    for (size_t i = 0; i < MSK_QUIC_ONEWAY_STREAMS_MAX; i++)
        if (oneway->incoming[i].stream == stream)
            return &oneway->incoming[i];
    return NULL;
}

static struct msk_quic_incoming *add(struct msk_quic_oneway *oneway, struct msk_quic_stream *stream)
{
    struct msk_quic_incoming *incoming = msk_quic_stream_bidirectional(stream) ? NULL : find(oneway, NULL);
    if (!incoming) {
        msk_quic_stream_release(stream, 0);
        return NULL;
    }
    *incoming = (struct msk_quic_incoming){.stream = stream, .number = ++oneway->opened};
    msk_frame_reader_init(&incoming->reader, 0);
    return incoming;
}

struct msk_quic_incoming *msk_quic_oneway_event(struct msk_quic_oneway *oneway, const struct msk_quic_event *event)
{
    if (event->stream == oneway->own)
        return NULL; /* that it is read no more is noticed by the next one to write */
    struct msk_quic_incoming *incoming = find(oneway, event->stream);
    if (!incoming)
        incoming = add(oneway, event->stream);
    return event->changes & MSK_QUIC_READABLE ? incoming : NULL;
}

int msk_quic_incoming_next(struct msk_quic_incoming *incoming, size_t frame_max, struct msk_bytes *frame,
                           struct msk_error *err)
{
    int rc = msk_quic_frame_next(incoming->stream, &incoming->reader, frame_max, frame, err);
    incoming->frames += rc == 1;
    return rc;
}

void msk_quic_incoming_release(struct msk_quic_incoming *incoming)
{
    msk_quic_stream_release(incoming->stream, 0);
    msk_frame_reader_free(&incoming->reader);
    incoming->stream = NULL;
}

/* ---- our stream */

/* 0 also when the peer does not allow it yet. */
static int open_own(struct msk_quic_oneway *oneway)
{
    int rc = oneway->own ? 0 : msk_quic_stream_open(oneway->conn, false, &oneway->own);
    return rc == MSK_E_LIMIT ? 0 : rc;
}

int msk_quic_oneway_send(struct msk_quic_oneway *oneway, struct msk_bytes frame)
{
    int rc = open_own(oneway);
    if (rc < 0)
        return rc;
    if (!oneway->own)
        return msk_frame_append(&oneway->unsent, frame, MSK_QUIC_ONEWAY_QUEUE_MAX);
    if (msk_quic_stream_queued(oneway->own) + frame.len > MSK_QUIC_ONEWAY_QUEUE_MAX)
        return MSK_E_LIMIT;
    return msk_quic_frame_write(oneway->own, frame);
}

int msk_quic_oneway_retry(struct msk_quic_oneway *oneway)
{
    if (oneway->unsent.len == 0)
        return 0;
    int rc = open_own(oneway);
    if (rc < 0 || !oneway->own)
        return rc;
    struct msk_bytes unsent = msk_builder_view(&oneway->unsent);
    rc = msk_quic_stream_write(oneway->own, &unsent, 1);
    msk_builder_free(&oneway->unsent);
    return rc;
}

void msk_quic_oneway_finish(struct msk_quic_oneway *oneway)
{
    if (oneway->own)
        msk_quic_stream_finish(oneway->own);
}
