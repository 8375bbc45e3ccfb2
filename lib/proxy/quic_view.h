/* quic_view.h: what can be seen of QUIC from outside, without keys: the kinds of packets in a datagram, and connections
 * that begin (RFC 9000 17, RFC 9369).
 *
 * Long headers say what they are. A short header is taken for 1-RTT if the datagram is long enough for a connection id
 * of a length that its receiver has chosen before, which is all that can be known: later ids are agreed on in secret.
 * That holds for the end of a connection, too: once the handshake is over only its keys show a CONNECTION_CLOSE. What
 * does show is its repetition: packet numbers make every other packet unique, but who has closed sends the same bytes
 * again (RFC 9000 10.2.1). So "close" is a short datagram with a short header that was seen before: never the first
 * one, and none of a peer that does not repeat it or seals it anew. With the nodes' key log (quic_keys.h) there is no
 * guessing. A connection that is refused by an Initial packet is always seen to be, since everybody can open those. */
#ifndef MSK_PROXY_QUIC_VIEW_H
#define MSK_PROXY_QUIC_VIEW_H

#include "base/bytes.h"
#include "base/map.h"
#include "proxy/quic_keys.h"

#define MSK_QUIC_CID_MAX         20
#define MSK_QUIC_CONNECTIONS_MAX 4096 /* seen last; older ones are forgotten */
#define MSK_QUIC_COALESCED_MAX   8    /* packets of a datagram that are looked at */
#define MSK_QUIC_CLOSE_MAX       256  /* bytes of a datagram that may be a close */
#define MSK_QUIC_RECENT_MAX      16   /* such datagrams of a direction that are remembered */

/* One connection: the id that the client's first Initial was sent to, and those that both sides chose first. */
struct msk_quic_seen {
    uint32_t client, server; /* nodes */
    uint8_t first_cid_len, client_cid_len, server_cid_len;
    uint8_t first_cid[MSK_QUIC_CID_MAX], client_cid[MSK_QUIC_CID_MAX], server_cid[MSK_QUIC_CID_MAX];
    bool used, answered, established, client_closed, server_closed;
};

/* The last datagrams of a direction that may have been closes, by their hashes. */
struct msk_quic_recent {
    uint64_t hashes[MSK_QUIC_RECENT_MAX];
    bool repeated[MSK_QUIC_RECENT_MAX];
    size_t next;
};

/* What is known about all nodes. Zero-initialise; a few hundred KiB. */
struct msk_quic_view {
    struct msk_quic_seen seen[MSK_QUIC_CONNECTIONS_MAX];
    size_t next;                    /* to be used, or used again */
    struct msk_map by_cid;          /* node and id -> connection */
    uint32_t *cid_lens;             /* by node: bit N: it chose an id of N bytes */
    struct msk_quic_recent *recent; /* by sender, receiver */
    size_t node_count;
    struct msk_quic_keys *keys; /* the caller's; NULL: there are none */
};

/* What a datagram told. */
struct msk_quic_sight {
    unsigned kinds;   /* enum msk_packet_kind of packets.h */
    bool begins;      /* a connection that was not seen before */
    bool establishes; /* the client's first 1-RTT packet: the handshake is over */
    bool closes;      /* a close that was not counted yet */
};

/* 0 or MSK_E_NOMEM. `seed` keeps strangers from choosing ids that collide. */
int msk_quic_view_init(struct msk_quic_view *view, size_t node_count, uint64_t seed);
void msk_quic_view_free(struct msk_quic_view *view);

/* Look at a datagram from one node to another. Never fails: what is no QUIC tells nothing; without memory connections
 * go unnoticed. */
struct msk_quic_sight msk_quic_look(struct msk_quic_view *view, uint32_t from, uint32_t to, struct msk_bytes datagram);

#endif
