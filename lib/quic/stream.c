#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "quic/internal.h"

#define PIECES_MAX 8 /* of a stream's queue offered to one packet */

static bool is_open(const struct msk_quic_conn *conn)
{
    return conn->state == CONN_OPEN;
}

static void update_sendable(struct msk_quic_stream *stream)
{
    bool has_work = !stream->write_shut && (stream->send.unsent > 0 || (stream->fin_wanted && !stream->fin_sent));
    if (has_work && is_open(stream->conn))
        msk_ring_push(&stream->conn->sendable, &stream->in_sendable);
    else
        msk_ring_remove(&stream->in_sendable);
}

struct msk_quic_stream *msk_stream_new(struct msk_quic_conn *conn, int64_t id)
{
    struct msk_quic_stream *stream = msk_calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->conn = conn;
    stream->id = id;
    msk_ring_init(&stream->in_conn);
    msk_ring_init(&stream->in_sendable);
    msk_ring_init(&stream->in_eventful);
    /* Flow control keeps the peer within the windows; twice that leaves room for it to change its mind. */
    msk_builder_init(&stream->received, 2 * conn->quic->config.stream_window_max);
    msk_ring_push(&conn->streams, &stream->in_conn);
    return stream;
}

void msk_stream_free(struct msk_quic_stream *stream)
{
    msk_ring_remove(&stream->in_conn);
    msk_ring_remove(&stream->in_sendable);
    msk_ring_remove(&stream->in_eventful);
    msk_send_queue_free(&stream->send);
    msk_builder_free(&stream->received);
    msk_free(stream);
}

/* ---- what ngtcp2 reports */

void msk_stream_raise(struct msk_quic_stream *stream, unsigned changes)
{
    struct msk_quic_conn *conn = stream->conn;
    if (stream->released || !conn->announced || conn->linger_until_ns != UINT64_MAX)
        return;
    stream->changes |= changes;
    msk_ring_push(&conn->eventful_streams, &stream->in_eventful);
    msk_conn_raise(conn, 0);
}

int msk_stream_received(struct msk_quic_stream *stream, struct msk_bytes data, bool last)
{
    msk_builder_append(&stream->received, data.data, data.len);
    if (stream->received.error)
        return stream->received.error;
    if (last)
        stream->end = MSK_QUIC_STREAM_FINISHED;
    msk_stream_raise(stream, MSK_QUIC_READABLE);
    return 0;
}

void msk_stream_was_reset(struct msk_quic_stream *stream, uint64_t code)
{
    stream->end = MSK_QUIC_STREAM_RESET;
    stream->reset_code = code;
    msk_stream_raise(stream, MSK_QUIC_READABLE);
}

/* The queue stays in memory until ngtcp2 closes the stream, since it may still point there. */
static void give_up_sending(struct msk_quic_stream *stream)
{
    if (stream->lost_send)
        return;
    stream->lost_send = stream->write_shut = true;
    stream->conn->queued -= stream->send.queued;
    msk_ring_remove(&stream->in_sendable);
}

void msk_stream_was_stopped(struct msk_quic_stream *stream)
{
    give_up_sending(stream);
    msk_stream_raise(stream, MSK_QUIC_STOPPED);
}

void msk_stream_acked(struct msk_quic_stream *stream, size_t len)
{
    msk_send_queue_acked(&stream->send, len);
    if (!stream->lost_send)
        stream->conn->queued -= len;
    if (stream->wants_write && stream->send.queued <= stream->conn->quic->config.send_queue_max / 2) {
        stream->wants_write = false;
        msk_stream_raise(stream, MSK_QUIC_WRITABLE);
    }
}

void msk_stream_closed(struct msk_quic_stream *stream)
{
    give_up_sending(stream);
    stream->closed = true;
    msk_send_queue_free(&stream->send);
    if (stream->released)
        msk_stream_free(stream);
}

void msk_stream_unblocked(struct msk_quic_stream *stream)
{
    update_sendable(stream);
}

/* ---- filling packets */

/* Offer one stream's data, or with NULL let ngtcp2 finish the packet with what it has itself. */
static ngtcp2_ssize write_stream(struct msk_quic_stream *stream, ngtcp2_conn *ngtcp2, ngtcp2_path *path,
                                 ngtcp2_pkt_info *info, uint8_t *dest, size_t dest_len, ngtcp2_tstamp now_ns)
{
    if (!stream)
        return ngtcp2_conn_writev_stream(ngtcp2, path, info, dest, dest_len, NULL, NGTCP2_WRITE_STREAM_FLAG_NONE, -1,
                                         NULL, 0, now_ns);
    ngtcp2_vec pieces[PIECES_MAX];
    size_t count = msk_send_queue_gather(&stream->send, pieces, PIECES_MAX), offered = 0;
    for (size_t i = 0; i < count; i++)
        offered += pieces[i].len;
    uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
    bool fin = stream->fin_wanted && offered == stream->send.unsent;
    if (fin)
        flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    ngtcp2_ssize taken = -1;
    ngtcp2_ssize rc =
        ngtcp2_conn_writev_stream(ngtcp2, path, info, dest, dest_len, &taken, flags, stream->id, pieces, count, now_ns);
    if (taken > 0)
        msk_send_queue_sent(&stream->send, (size_t)taken);
    if (taken >= 0 && fin && (size_t)taken == offered)
        stream->fin_sent = true;
    return rc;
}

ngtcp2_ssize msk_stream_write_packet(ngtcp2_conn *ngtcp2, ngtcp2_path *path, ngtcp2_pkt_info *info, uint8_t *dest,
                                     size_t dest_len, ngtcp2_tstamp now_ns, void *context)
{
    struct msk_quic_conn *conn = context;
    for (;;) {
        struct msk_quic_stream *stream = NULL;
        if (ngtcp2_conn_get_max_data_left2(ngtcp2) > 0)
            stream = MSK_RING_FIRST(&conn->sendable, struct msk_quic_stream, in_sendable);
        ngtcp2_ssize rc = write_stream(stream, ngtcp2, path, info, dest, dest_len, now_ns);
        if (stream) {
            /* To the end of the ring, so that streams take turns; out of it when there is nothing more or the peer
             * allows no more. */
            msk_ring_remove(&stream->in_sendable);
            if (rc == NGTCP2_ERR_STREAM_SHUT_WR || rc == NGTCP2_ERR_STREAM_NOT_FOUND)
                give_up_sending(stream);
            else if (rc != NGTCP2_ERR_STREAM_DATA_BLOCKED)
                update_sendable(stream);
        }
        if (rc != NGTCP2_ERR_WRITE_MORE && rc != NGTCP2_ERR_STREAM_DATA_BLOCKED && rc != NGTCP2_ERR_STREAM_SHUT_WR &&
            rc != NGTCP2_ERR_STREAM_NOT_FOUND)
            return rc;
    }
}

/* ---- what the owner asks for */

int msk_quic_stream_open(struct msk_quic_conn *conn, bool bidirectional, struct msk_quic_stream **out)
{
    if (!is_open(conn))
        return MSK_E_CLOSED;
    struct msk_quic_stream *stream = msk_stream_new(conn, -1);
    if (!stream)
        return MSK_E_NOMEM;
    int rc = bidirectional ? ngtcp2_conn_open_bidi_stream(conn->ngtcp2, &stream->id, stream)
                           : ngtcp2_conn_open_uni_stream(conn->ngtcp2, &stream->id, stream);
    if (rc != 0) {
        msk_stream_free(stream);
        conn->wants_streams = rc == NGTCP2_ERR_STREAM_ID_BLOCKED;
        return conn->wants_streams ? MSK_E_LIMIT : MSK_E_NOMEM;
    }
    if (!bidirectional)
        stream->end = MSK_QUIC_STREAM_FINISHED;
    *out = stream;
    return 0;
}

bool msk_quic_stream_bidirectional(const struct msk_quic_stream *stream)
{
    return ngtcp2_is_bidi_stream(stream->id);
}

bool msk_quic_stream_local(const struct msk_quic_stream *stream)
{
    return (stream->id & 1) == (stream->conn->dialled ? 0 : 1); /* RFC 9000 2.1 */
}

struct msk_bytes msk_quic_stream_peek(const struct msk_quic_stream *stream)
{
    return msk_builder_view(&stream->received);
}

void msk_quic_stream_consume(struct msk_quic_stream *stream, size_t len)
{
    struct msk_quic_conn *conn = stream->conn;
    msk_assert(len <= stream->received.len);
    if (len == stream->received.len)
        msk_builder_free(&stream->received); /* an idle stream holds no memory */
    else
        msk_builder_consume(&stream->received, len);
    if (len == 0 || !is_open(conn))
        return;
    if (!stream->closed)
        ngtcp2_conn_extend_max_stream_offset(conn->ngtcp2, stream->id, len);
    ngtcp2_conn_extend_max_offset(conn->ngtcp2, len);
    msk_conn_ready(conn);
}

enum msk_quic_stream_end msk_quic_stream_end(const struct msk_quic_stream *stream, uint64_t *reset_code)
{
    if (reset_code)
        *reset_code = stream->reset_code;
    return stream->end;
}

int msk_quic_stream_write(struct msk_quic_stream *stream, const struct msk_bytes *parts, size_t count)
{
    size_t max = stream->conn->quic->config.send_queue_max, len = 0;
    if (!is_open(stream->conn) || stream->write_shut || stream->fin_wanted)
        return MSK_E_CLOSED;
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len > max - len)
            return MSK_E_LIMIT;
        len += parts[i].len;
    }
    if (len > max - stream->send.queued) {
        stream->wants_write = stream->send.queued > max / 2;
        return MSK_E_LIMIT;
    }
    int rc = msk_send_queue_append(&stream->send, parts, count);
    if (rc < 0)
        return rc;
    stream->conn->queued += len;
    update_sendable(stream);
    msk_conn_ready(stream->conn);
    return 0;
}

size_t msk_quic_stream_queued(const struct msk_quic_stream *stream)
{
    return stream->lost_send ? 0 : stream->send.queued;
}

void msk_quic_stream_finish(struct msk_quic_stream *stream)
{
    stream->fin_wanted = true;
    update_sendable(stream);
    msk_conn_ready(stream->conn);
}

void msk_quic_stream_reset(struct msk_quic_stream *stream, uint64_t code)
{
    if (!is_open(stream->conn) || stream->write_shut)
        return;
    give_up_sending(stream);
    ngtcp2_conn_shutdown_stream_write(stream->conn->ngtcp2, 0, stream->id, code);
    msk_conn_ready(stream->conn);
}

void msk_quic_stream_release(struct msk_quic_stream *stream, uint64_t code)
{
    struct msk_quic_conn *conn = stream->conn;
    bool reads = msk_quic_stream_bidirectional(stream) || !msk_quic_stream_local(stream);
    bool writes = msk_quic_stream_bidirectional(stream) || msk_quic_stream_local(stream);
    stream->released = true;
    stream->changes = 0;
    msk_ring_remove(&stream->in_eventful);
    if (stream->received.len > 0)
        msk_quic_stream_consume(stream, stream->received.len);
    if (stream->closed || !is_open(conn)) {
        if (stream->closed)
            msk_stream_free(stream);
        return; /* the others go with their connection */
    }
    if (writes)
        msk_quic_stream_finish(stream);
    if (reads && stream->end == MSK_QUIC_STREAM_GOES_ON)
        ngtcp2_conn_shutdown_stream_read(conn->ngtcp2, 0, stream->id, code);
    msk_conn_ready(conn);
}
