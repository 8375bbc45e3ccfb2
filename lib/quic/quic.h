/* quic.h: a QUIC endpoint without sockets or clocks: datagrams and the time go in, datagrams, events and a deadline
 * come out. Client and server at once, as one node key (transport.md).
 *
 * The owner's loop: msk_quic_receive for what arrived, msk_quic_next_event until there is none (acting on each),
 * msk_quic_flush, then sleep until msk_quic_deadline. Times are monotonic nanoseconds and never go back.
 *
 * Handles (dials, connections, streams) are pointers; the event that ends one says so, and it stays valid until the
 * next call of msk_quic_next_event. */
#ifndef MSK_QUIC_QUIC_H
#define MSK_QUIC_QUIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/error.h"
#include "quic/address.h"

struct msk_quic;
struct msk_quic_dial;
struct msk_quic_conn;
struct msk_quic_stream;

#define MSK_QUIC_ALPN_MAX           255 /* bytes of one protocol name */
#define MSK_QUIC_ALPNS_MAX          16
#define MSK_QUIC_DIAL_ADDRESSES_MAX 16
#define MSK_QUIC_DIAL_STAGGER_MS    150  /* before the next address is tried beside the former ones */
#define MSK_QUIC_DATAGRAM_MAX       1452 /* bytes of UDP payload we send; found by path MTU discovery from 1200 on */
#define MSK_QUIC_BATCH_MAX          16   /* datagrams of equal size handed to the socket in one call */

struct msk_quic_config {
    uint8_t secret[32];       /* the node's Ed25519 secret; not kept, the caller wipes its copy */
    const char *const *alpns; /* protocols served, copied; others fail the handshake with alert 120 (wire.md 0) */
    size_t alpn_count;

    uint64_t idle_timeout_ms, keep_alive_ms; /* 30 s, 5 s (transport.md); a keep-alive of 0 sends none */
    uint64_t handshake_timeout_ms;           /* 10 s: of a dial with all its addresses, or of an accepted handshake */

    size_t connections_max;                     /* 1024, closed ones included until they are over */
    size_t handshakes_max;                      /* 256 accepted ones in flight; more are refused */
    size_t handshakes_per_address_max;          /* 64 of them from one IPv4 address or IPv6 /64 */
    size_t retry_above;                         /* 32: with more in flight, addresses are validated by Retry first */
    uint64_t streams_bidi_max, streams_uni_max; /* 4, 64: open at once by the peer */
    uint64_t stream_window,
        stream_window_max; /* 128 KiB, growing to 2 MiB: what a peer may send ahead of our reading */
    uint64_t connection_window, connection_window_max; /* the same for a whole connection: 256 KiB, 4 MiB */
    size_t send_queue_max;                             /* 80 MiB: bytes of one stream written but not acknowledged */

    /* qlog (JSON-SEQ, draft-ietf-quic-qlog): pieces of a connection's log, `name` being its first destination id in
     * hex; `last` with the end of it. NULL: none. */
    void (*qlog)(void *context, const char *name, struct msk_bytes piece, bool last);
    /* One line of an NSS key log, without its newline. Whoever has it can read the connections. NULL: none. */
    void (*keylog)(void *context, const char *line);
    void *context;
};

/* The defaults above, for the caller to change. */
void msk_quic_config_init(struct msk_quic_config *config);

/* 0, MSK_E_NOMEM, MSK_E_CRYPTO, or MSK_E_INVALID naming the setting. */
int msk_quic_new(const struct msk_quic_config *config, struct msk_quic **out, struct msk_error *err);

/* Everything at once and silently: peers notice by time-out, or by stateless reset. See msk_quic_shutdown. */
void msk_quic_free(struct msk_quic *quic);

const struct msk_digest *msk_quic_peer_id(const struct msk_quic *quic);

/* ---- datagrams and time */

/* One UDP datagram. Never fails: what cannot be used is dropped and counted. */
void msk_quic_receive(struct msk_quic *quic, uint64_t now_ns, const union msk_address *from, struct msk_bytes datagram);

/* Hand `data` to the socket: datagrams of `segment_len` bytes each, the last one perhaps shorter (as UDP_SEGMENT takes
 * them). 0: sent or lost, MSK_E_LIMIT: the socket is full, MSK_E_UNREACHABLE: there is no way to that address. */
typedef int (*msk_quic_send_fn)(void *context, const union msk_address *to, struct msk_bytes data, size_t segment_len);

/* Run due timers and send what there is to send, a bounded amount: if more is left the deadline has already passed.
 * After MSK_E_LIMIT from `send` the same data is offered again by the next call, to be made when the socket takes more;
 * until then the deadline does not count what waits for it. */
void msk_quic_flush(struct msk_quic *quic, uint64_t now_ns, msk_quic_send_fn send, void *context);

/* When msk_quic_flush wants to be called: UINT64_MAX never, a time past (0) at once. */
uint64_t msk_quic_deadline(const struct msk_quic *quic);

/* The network says that nobody listens there (ICMP): handshakes with that address fail at once. Established connections
 * take no notice, since anybody can forge such a message. */
void msk_quic_unreachable(struct msk_quic *quic, uint64_t now_ns, const union msk_address *to);

/* Refuse all new connections, cancel dials, and close every connection with an application code. */
void msk_quic_shutdown(struct msk_quic *quic, uint64_t now_ns, uint64_t code, const char *reason);

/* Nothing is left to be sent, and no close of an established connection waits to be repeated for a peer that may have
 * missed it: a program that waits for this (up to some bound) before it exits leaves no peer guessing. */
bool msk_quic_idle(const struct msk_quic *quic);

/* ---- dialling */

/* Try addresses in order, the next one after MSK_QUIC_DIAL_STAGGER_MS or the former's failure; the first handshake to
 * complete wins. The server must prove to own `peer`. Ends in MSK_QUIC_CONNECTED or MSK_QUIC_DIAL_FAILED, both with
 * `user`, unless cancelled. All arguments are copied. 0, MSK_E_NOMEM, MSK_E_INVALID (no address, too many, bad ALPN),
 * MSK_E_LIMIT (connections_max), MSK_E_CLOSED (shutting down). */
int msk_quic_dial(struct msk_quic *quic, uint64_t now_ns, const struct msk_digest *peer, const char *alpn,
                  const union msk_address *addresses, size_t count, void *user, struct msk_quic_dial **out);

/* Forget a dial that has not ended: no event follows. */
void msk_quic_dial_cancel(struct msk_quic_dial *dial, uint64_t now_ns);

/* ---- how connections end */

enum msk_quic_closed_by {
    MSK_QUIC_BY_LOCAL,    /* msk_quic_conn_close */
    MSK_QUIC_BY_PEER,     /* the peer's application */
    MSK_QUIC_BY_TRANSPORT /* QUIC or TLS of either side, time-outs, resets */
};

#define MSK_QUIC_REASON_MAX 127
#define MSK_QUIC_DETAIL_MAX 383

struct msk_quic_close {
    enum msk_quic_closed_by by;
    int error;     /* what it is to the caller: 0 for application closes, else MSK_E_TIMEOUT, MSK_E_UNREACHABLE, ... */
    uint64_t code; /* application code (LOCAL, PEER) or QUIC transport error code (RFC 9000 20.1) */
    char reason[MSK_QUIC_REASON_MAX + 1]; /* the phrase sent or received, unprintable bytes replaced by '?' */
    char detail[MSK_QUIC_DETAIL_MAX + 1]; /* one phrase for people */
};

/* ---- events */

enum msk_quic_event_kind {
    MSK_QUIC_CONNECTED,   /* handshake done: `conn`; `dial` if it was dialled (over after this event) */
    MSK_QUIC_DIAL_FAILED, /* `dial` (over after this event), `close` */
    MSK_QUIC_STREAM,      /* `conn`, `stream`, `changes` */
    MSK_QUIC_STREAMS,     /* `conn`: the peer allows more streams, after msk_quic_stream_open said MSK_E_LIMIT */
    MSK_QUIC_CLOSED /* `conn` with its streams (over after this event), `close`. Always the last of a connection */
};

/* What happened to a stream since the last event about it. */
enum {
    MSK_QUIC_OPENED = 1 << 0,   /* by the peer */
    MSK_QUIC_READABLE = 1 << 1, /* data, its end, or a reset */
    MSK_QUIC_WRITABLE = 1 << 2, /* the send queue is half empty, after msk_quic_stream_write said MSK_E_LIMIT */
    MSK_QUIC_STOPPED = 1 << 3   /* the peer reads no more: what is written is lost */
};

struct msk_quic_event {
    enum msk_quic_event_kind kind;
    struct msk_quic_conn *conn;
    struct msk_quic_stream *stream;
    struct msk_quic_dial *dial;
    void *user; /* of the dial, else of the connection */
    unsigned changes;
    const struct msk_quic_close *close;
};

/* The next event, false if there is none. A stream's events come together, the latest state counts. */
bool msk_quic_next_event(struct msk_quic *quic, struct msk_quic_event *event);

/* ---- figures */

struct msk_quic_stats {
    uint64_t datagrams_received, datagrams_dropped, datagrams_sent;
    uint64_t handshakes_accepted, handshakes_refused;
    uint64_t retries_sent, resets_sent, version_negotiations_sent;
    size_t connections; /* now: in handshake, open, closing */
};
void msk_quic_stats(const struct msk_quic *quic, struct msk_quic_stats *out);

#endif
