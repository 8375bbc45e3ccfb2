/* net.h: links over real sockets: QUIC connections, each with its one framed stream (wire.md 3.1) or, for gossip, with
 * one-way streams (wire.md C.1), known by number; and the loop's turns, which begin when datagrams or a deadline arrive
 * and end when everything that follows has been sent.
 *
 * One turn: datagrams -> links opened, frames, links closed -> the owner acts (dials, sends, closes) -> datagrams out
 * -> one timer for the earliest deadline of anybody. */
#ifndef MSK_RUNTIME_NET_H
#define MSK_RUNTIME_NET_H

#include <uv.h>

#include "core/link.h"
#include "quic/conn.h"

#define MSK_NET_LINGER_MS         200         /* a flushing close waits so long for what was sent (groups.md 2.10) */
#define MSK_NET_GOSSIP_SILENCE_MS 10000       /* then a gossip neighbour is given up: a keep-alive stayed unanswered */
#define MSK_NET_SEND_QUEUE_MAX    (32u << 20) /* bytes a peer may leave unread; more ends its link with 30408 (W-26) */
#define MSK_NET_LISTEN_MAX        2           /* one socket an IP version */

struct msk_net;
struct msk_journal;

/* Callbacks come in turns, never from within the functions below, save `closed` from msk_net_dial and msk_net_send, for
 * what failed at once. */
struct msk_net_owner {
    uint64_t (*new_link)(void *context); /* a number for a connection that a peer has opened */
    void (*opened)(void *context, uint64_t link, const struct msk_link_info *info);
    void (*frame)(void *context, uint64_t link, struct msk_bytes frame);
    /* Of the announce protocol, in place of `frame`: `stream` counts the peer's streams of a link. */
    void (*stream_frame)(void *context, uint64_t link, uint64_t stream, struct msk_bytes frame);
    void (*stream_ended)(void *context, uint64_t link, uint64_t stream);
    /* Also with `stream_ended`, while the connection still stands; nothing more is told about the link after either. */
    void (*closed)(void *context, uint64_t link, const struct msk_link_close *close);
    size_t (*frame_max)(void *context, uint64_t link); /* the largest frame acceptable now (W-25); 0: read no more */

    void (*act)(void *context);             /* do what the above gave reason to, and what is due */
    uint64_t (*deadline_ms)(void *context); /* when act should be called: mono_ms, MSK_NEVER */
    void *context;
};

struct msk_net_config {
    const uint8_t *secret;                /* 32 bytes; not kept */
    const struct msk_socket_addr *listen; /* at most one of each IP version; port 0: any */
    size_t listen_count;
    const enum msk_alpn *alpns; /* protocols accepted; none: nobody can connect */
    size_t alpn_count;
    const char *qlog_directory, *keylog_path; /* NULL: none; kept, not copied */
    struct msk_journal *frames;               /* where each frame is told (frame_log.h); NULL: nowhere */
};

/* 0, MSK_E_NOMEM, MSK_E_CRYPTO, MSK_E_INVALID (two addresses of a version), MSK_E_IO naming address or file. */
int msk_net_new(uv_loop_t *loop, const struct msk_net_config *config, const struct msk_net_owner *owner,
                struct msk_net **out, struct msk_error *err);

/* At once and silently: see msk_net_quiet. NULL is fine. The loop must run once more to let go of sockets and timer. */
void msk_net_free(struct msk_net *net);

const struct msk_digest *msk_net_peer_id(const struct msk_net *net);

/* Where the sockets are bound, in the order of the configuration. */
void msk_net_address(const struct msk_net *net, size_t index, struct msk_socket_addr *out);

/* Have a turn: after anything happened outside the network that gives the owner reason to act. Called from within a
 * turn it makes that one go on. */
void msk_net_turn(struct msk_net *net);

/* Open link `link`, whose number is new: ends in `opened` or `closed`. IP addresses only. */
void msk_net_dial(struct msk_net *net, uint64_t link, const struct msk_digest *peer, enum msk_alpn alpn,
                  const struct msk_transport_addr_set *addresses);

/* One frame, without its length. Unknown and closed links are ignored, and links whose peer has not opened its stream.
 */
void msk_net_send(struct msk_net *net, uint64_t link, struct msk_bytes frame);

/* Close with a code and its phrase, after delivery or MSK_NET_LINGER_MS if `flush`. Nothing more is told about the
 * link. */
void msk_net_close(struct msk_net *net, uint64_t link, uint64_t code, bool flush);

/* A msk_export_fn, the context being the net. */
int msk_net_export(void *net, uint64_t link, struct msk_bytes label, uint8_t out[32]);

/* The connection of an open link, for its figures; NULL if there is none. */
const struct msk_quic_conn *msk_net_conn(const struct msk_net *net, uint64_t link);

/* Call `each` for every open link. */
void msk_net_each(const struct msk_net *net,
                  void (*each)(void *context, uint64_t link, const struct msk_quic_conn *conn), void *context);

/* Links and the bytes of their frames since the start; gossip, which has other connections, not counted. */
struct msk_net_figures {
    uint64_t opened, bytes_in, bytes_out;
};
struct msk_net_figures msk_net_figures(const struct msk_net *net);

/* From now on close every connection that a peer opens, with 102: the node departs. */
void msk_net_refuse(struct msk_net *net);

/* No link is left, and every close has been told to its peer as well as can be: the time to free it. */
bool msk_net_quiet(const struct msk_net *net);

#endif
