/* conn.h: connections and their streams, as the layers above see them (transport.md). */
#ifndef MSK_QUIC_CONN_H
#define MSK_QUIC_CONN_H

#include "quic/quic.h"

struct msk_quic_conn_info {
    uint64_t number;        /* counts the endpoint's connections from 1, for logs */
    struct msk_digest peer; /* proven by TLS */
    const char *alpn;
    bool dialled;               /* by us */
    union msk_address remote;   /* now; it changes when the peer migrates */
    const char *cipher, *group; /* "TLS_AES_256_GCM_SHA384", "X25519" */
    uint64_t started_ns, answered_ns,
        connected_ns; /* dialled or first datagram; first packet of the peer; handshake done */
};

/* Texts live as long as the connection. */
void msk_quic_conn_info(const struct msk_quic_conn *conn, struct msk_quic_conn_info *out);

struct msk_quic_conn_stats {
    uint64_t rtt_us, rtt_min_us; /* smoothed, least; 0 as long as unknown */
    uint64_t packets_sent, packets_received, packets_lost;
    uint64_t bytes_sent, bytes_received;
    uint64_t congestion_window; /* bytes */
    size_t queued;              /* bytes written by us and not yet acknowledged */
};
void msk_quic_conn_stats(const struct msk_quic_conn *conn, struct msk_quic_conn_stats *out);

void msk_quic_conn_set_user(struct msk_quic_conn *conn, void *user);

/* TLS exporter (wire.md 3.4): 32 bytes, the same at both ends. 0, MSK_E_CLOSED after the end, or MSK_E_CRYPTO. */
int msk_quic_conn_export(const struct msk_quic_conn *conn, struct msk_bytes label, struct msk_bytes context,
                         uint8_t out[32]);

/* Close with an application code and reason (cut at MSK_QUIC_REASON_MAX), once what was written has been acknowledged
 * or `linger_ms` have passed; with 0 at once, and data under way may be lost (wire.md 3.3). Nothing but MSK_QUIC_CLOSED
 * is reported any more. The close is repeated until the peer can be assumed to know. Nothing happens if it is over
 * already. */
void msk_quic_conn_close(struct msk_quic_conn *conn, uint64_t now_ns, uint64_t code, const char *reason,
                         uint64_t linger_ms);

/* Give the connection up when nothing at all was heard of the peer for so long, from now on; the idle timeout, which
 * the endpoint's connections have in common, still holds. Longer than the keep-alive, or it ends idle connections. */
void msk_quic_conn_set_patience(struct msk_quic_conn *conn, uint64_t now_ns, uint64_t patience_ms);

/* ---- streams. All of them do nothing, or say MSK_E_CLOSED, once the connection is over. */

/* MSK_E_LIMIT when the peer allows no more at present (MSK_QUIC_STREAMS follows), MSK_E_NOMEM, MSK_E_CLOSED. */
int msk_quic_stream_open(struct msk_quic_conn *conn, bool bidirectional, struct msk_quic_stream **out);

bool msk_quic_stream_bidirectional(const struct msk_quic_stream *stream);
bool msk_quic_stream_local(const struct msk_quic_stream *stream); /* opened by us */

/* Received and not yet consumed, in order; valid until the next call about this endpoint. */
struct msk_bytes msk_quic_stream_peek(const struct msk_quic_stream *stream);

/* Done with the first `len` bytes of it: the peer may send as many more. Not reading holds the peer back, and only the
 * peer: writing goes on (W-24). */
void msk_quic_stream_consume(struct msk_quic_stream *stream, size_t len);

/* What follows the bytes at hand. */
enum msk_quic_stream_end { MSK_QUIC_STREAM_GOES_ON, MSK_QUIC_STREAM_FINISHED, MSK_QUIC_STREAM_RESET };
enum msk_quic_stream_end msk_quic_stream_end(const struct msk_quic_stream *stream, uint64_t *reset_code);

/* Queue the parts, all or nothing. MSK_E_LIMIT: they would exceed send_queue_max (MSK_QUIC_WRITABLE follows, unless the
 * queue was at most half full), MSK_E_CLOSED: finished, reset or stopped, MSK_E_NOMEM. The bytes are copied. */
int msk_quic_stream_write(struct msk_quic_stream *stream, const struct msk_bytes *parts, size_t count);

/* Written and not yet acknowledged, in bytes. */
size_t msk_quic_stream_queued(const struct msk_quic_stream *stream);

/* End our direction after what was written, or at once with a code, what is under way being lost. */
void msk_quic_stream_finish(struct msk_quic_stream *stream);
void msk_quic_stream_reset(struct msk_quic_stream *stream, uint64_t code);

/* Done with the stream: the pointer is invalid from here on. What was written is delivered (our direction is finished),
 * what comes in is refused with `code` and dropped. */
void msk_quic_stream_release(struct msk_quic_stream *stream, uint64_t code);

#endif
