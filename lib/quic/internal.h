/* internal.h: what the files of this room share about endpoints, dials, connections and streams. */
#ifndef MSK_QUIC_INTERNAL_H
#define MSK_QUIC_INTERNAL_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/ssl.h>

#include "base/map.h"
#include "quic/conn.h"
#include "quic/ring.h"
#include "quic/send_queue.h"
#include "quic/timer.h"

#define MSK_MS ((uint64_t)NGTCP2_MILLISECONDS)

#define CID_LEN         8  /* bytes of the connection ids we hand out */
#define CONN_CIDS_MAX   16 /* of one connection at a time; ngtcp2 hands out at most 8 and retires late */
#define CONN_TOKENS_MAX 8  /* stateless reset tokens of the peer we look out for, per connection */

/* A datagram owed to somebody without a connection: Retry, version negotiation, refusal, stateless reset. */
#define REPLY_MAX   384
#define REPLIES_MAX 64
struct reply {
    struct msk_ring link;
    union msk_address to;
    size_t len;
    uint8_t data[REPLY_MAX];
};

struct msk_quic {
    struct msk_quic_config config; /* without secret and protocol names */
    struct msk_digest id;
    SSL_CTX *tls;
    uint8_t *alpns; /* in TLS wire form: a length byte before each */
    size_t alpns_len;
    uint8_t reset_key[32], retry_key[32];
    struct msk_map cids;      /* connection id -> connection */
    struct msk_map resets;    /* stateless reset token of a peer -> connection */
    struct msk_map addresses; /* network address -> accepted handshakes in flight, as a number */
    struct msk_timers timers;
    struct msk_ring conns, ready, eventful, dials, failed_dials, replies;
    size_t conn_count, handshakes, reply_count;
    uint64_t conns_made;
    bool shutting_down;
    bool blocked; /* the socket is full: `out` waits to be offered again */
    uint8_t *out; /* MSK_QUIC_BATCH_MAX datagrams */
    size_t out_len, out_segment_len;
    union msk_address out_to;
    struct msk_quic_conn *parting_conn; /* told to the owner as over; freed by the next msk_quic_next_event */
    struct msk_quic_dial *parting_dial;
    struct msk_quic_stats stats;
};

struct msk_quic_dial {
    struct msk_quic *quic;
    struct msk_ring link; /* in quic->dials, or quic->failed_dials */
    struct msk_timer timer;
    struct msk_digest peer;
    char alpn[MSK_QUIC_ALPN_MAX + 1];
    union msk_address addresses[MSK_QUIC_DIAL_ADDRESSES_MAX];
    size_t count, next; /* of addresses; the next to be tried */
    struct msk_ring attempts;
    uint64_t started_ns;
    void *user;
    struct msk_quic_close close;
};

enum conn_state {
    CONN_HANDSHAKE,
    CONN_OPEN,
    CONN_CLOSING, /* over for everybody but the peer, who is to be told by the next flush */
    CONN_OVER     /* ngtcp2 and TLS are gone; stays for late packets, or for the owner's last event */
};

/* Why a connection that is over is still there. */
enum { HOLD_PERIOD = 1 << 0, HOLD_EVENT = 1 << 1 };

enum { EVENT_CONNECTED = 1 << 0, EVENT_STREAMS = 1 << 1, EVENT_CLOSED = 1 << 2 };

struct msk_quic_conn {
    struct msk_quic *quic;
    enum conn_state state;
    bool dialled;
    bool announced; /* the owner has heard or will hear of it */
    bool counted;   /* among the accepted handshakes in flight */
    bool wrong_key, reset_by_peer, wants_streams;
    unsigned holds, events;
    ngtcp2_conn *ngtcp2;
    SSL *ssl;
    ngtcp2_crypto_ossl_ctx *tls;
    ngtcp2_crypto_conn_ref ref;
    struct msk_timer timer;
    struct msk_ring in_conns, in_ready, in_eventful, in_dial;
    struct msk_quic_dial *dial; /* while trying, and until the owner has heard of the success */
    struct msk_ring streams, sendable, eventful_streams;
    size_t queued; /* bytes of all streams that are not acknowledged */
    void *user;
    uint64_t number;
    struct msk_digest peer, presented; /* `presented`: the key found instead, if wrong_key */
    char *alpn;
    union msk_address remote;
    uint64_t started_ns, answered_ns, connected_ns;
    uint8_t cids[CONN_CIDS_MAX][CID_LEN];
    size_t cid_count;
    ngtcp2_cid initial_dcid; /* accepted: what the client first called us */
    ngtcp2_stateless_reset_token tokens[CONN_TOKENS_MAX];
    size_t token_count;
    uint64_t linger_until_ns;                              /* UINT64_MAX: not lingering */
    uint64_t patience_ns, heard_ns;                        /* 0: endless; when the last packet came */
    uint64_t over_at_ns, repeat_at_ns, repeat_interval_ns; /* CONN_OVER */
    uint8_t *close_packet;                                 /* repeated while the peer may not have it */
    size_t close_packet_len;
    unsigned late_packets;
    bool repeat_close;
    ngtcp2_ccerr ccerr;
    struct msk_quic_close close;
};

struct msk_quic_stream {
    struct msk_quic_conn *conn;
    int64_t id;
    struct msk_ring in_conn, in_sendable, in_eventful;
    unsigned changes;
    struct msk_builder received;
    enum msk_quic_stream_end end;
    uint64_t reset_code;
    struct msk_send_queue send;
    bool fin_wanted, fin_sent, write_shut, wants_write;
    bool lost_send;        /* reset or stopped: what is queued will never be acknowledged */
    bool released, closed; /* by the owner; by ngtcp2. Freed when both */
};

/* ---- endpoint.c */

/* Offer quic->out (len bytes) to the socket. MSK_E_LIMIT leaves it there and sets quic->blocked. */
struct outlet {
    msk_quic_send_fn send;
    void *context;
};
int msk_quic_transmit(struct msk_quic *quic, const struct outlet *outlet, const union msk_address *to, size_t len,
                      size_t segment_len);

/* ---- replies.c: datagrams without a connection */

void msk_reply_version_negotiation(struct msk_quic *quic, const union msk_address *to, const ngtcp2_version_cid *ids);
void msk_reply_retry(struct msk_quic *quic, uint64_t now_ns, const union msk_address *to, const ngtcp2_pkt_hd *initial);
void msk_reply_close(struct msk_quic *quic, const union msk_address *to, const ngtcp2_pkt_hd *initial, uint64_t code);
void msk_reply_reset(struct msk_quic *quic, const union msk_address *to, const ngtcp2_version_cid *ids,
                     size_t trigger_len);
void msk_replies_free(struct msk_quic *quic);

/* The stateless reset token of one of our connection ids: the same after a restart with the same secret. */
void msk_reset_token(const struct msk_quic *quic, const ngtcp2_cid *cid, ngtcp2_stateless_reset_token *out);

/* ---- conn.c */

/* The client side of one attempt of a dial. 0 or MSK_E_NOMEM. */
int msk_conn_dial(struct msk_quic_dial *dial, uint64_t now_ns, const union msk_address *to, struct msk_quic_conn **out);

/* The server side for a client's first packet; `original` differs from its destination id after a Retry.
 * Consumes the datagram. */
int msk_conn_accept(struct msk_quic *quic, uint64_t now_ns, const union msk_address *from, const ngtcp2_pkt_hd *initial,
                    const ngtcp2_cid *original, struct msk_bytes datagram);

void msk_conn_receive(struct msk_quic_conn *conn, uint64_t now_ns, const union msk_address *from,
                      struct msk_bytes datagram);

/* Send what it has to send, up to one batch; true if there is more. */
bool msk_conn_flush(struct msk_quic_conn *conn, uint64_t now_ns, const struct outlet *outlet);

/* ngtcp2 and TLS go, the connection ids stay known while `conn` is held. */
void msk_conn_drop_state(struct msk_quic_conn *conn);
void msk_conn_unhold(struct msk_quic_conn *conn, unsigned holds); /* frees it when nothing holds it any more */
void msk_conn_free(struct msk_quic_conn *conn);
void msk_conn_ready(struct msk_quic_conn *conn);
void msk_conn_raise(struct msk_quic_conn *conn, unsigned events);
void msk_conn_set_timer(struct msk_quic_conn *conn);
void msk_conn_uncount(struct msk_quic_conn *conn); /* its handshake is no longer in flight */

/* ---- closing.c */

/* ngtcp2 reports an error: the connection is over, the peer is told where that makes sense. */
void msk_conn_fail(struct msk_quic_conn *conn, uint64_t now_ns, int liberr);

/* Nobody listens there: a dialled connection that has had no answer is over. */
void msk_conn_fail_unreachable(struct msk_quic_conn *conn, uint64_t now_ns);

/* Over by a local decision, as conn->close and conn->ccerr say; the next flush tells the peer. */
void msk_conn_close_with_packet(struct msk_quic_conn *conn, uint64_t now_ns);
void msk_conn_set_local_close(struct msk_quic_conn *conn, uint64_t code, const char *reason);

/* CONN_CLOSING: send the CONNECTION_CLOSE and become CONN_OVER. */
void msk_conn_send_close(struct msk_quic_conn *conn, uint64_t now_ns, const struct outlet *outlet);

/* CONN_OVER: repeat it, if that was asked for by a packet that still came, or by the timer. */
void msk_conn_repeat_close(struct msk_quic_conn *conn, const struct outlet *outlet);
void msk_conn_late_packet(struct msk_quic_conn *conn);
void msk_conn_over_due(struct msk_quic_conn *conn, uint64_t now_ns);

/* ---- callbacks.c */

extern const ngtcp2_mem msk_quic_mem;
extern const ngtcp2_callbacks msk_quic_callbacks;
int msk_conn_new_cid(struct msk_quic_conn *conn, ngtcp2_cid *cid); /* random, known to quic->cids */

/* ---- dial.c */

void msk_dial_won(struct msk_quic_dial *dial, struct msk_quic_conn *conn, uint64_t now_ns);
void msk_dial_attempt_failed(struct msk_quic_dial *dial, struct msk_quic_conn *conn, uint64_t now_ns);
void msk_dial_free(struct msk_quic_dial *dial);

/* ---- stream.c */

struct msk_quic_stream *msk_stream_new(struct msk_quic_conn *conn, int64_t id);
void msk_stream_free(struct msk_quic_stream *stream);
void msk_stream_raise(struct msk_quic_stream *stream, unsigned changes);
int msk_stream_received(struct msk_quic_stream *stream, struct msk_bytes data, bool last);
void msk_stream_was_reset(struct msk_quic_stream *stream, uint64_t code);
void msk_stream_was_stopped(struct msk_quic_stream *stream);
void msk_stream_acked(struct msk_quic_stream *stream, size_t len);
void msk_stream_closed(struct msk_quic_stream *stream);
void msk_stream_unblocked(struct msk_quic_stream *stream);

/* Fill one packet for ngtcp2_conn_write_aggregate_pkt. */
ngtcp2_ssize msk_stream_write_packet(ngtcp2_conn *ngtcp2, ngtcp2_path *path, ngtcp2_pkt_info *info, uint8_t *dest,
                                     size_t dest_len, ngtcp2_tstamp now_ns, void *conn);

#endif
