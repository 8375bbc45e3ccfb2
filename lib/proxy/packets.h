/* packets.h: which datagrams a rule means: by what QUIC puts into them, or by their number on the link. */
#ifndef MSK_PROXY_PACKETS_H
#define MSK_PROXY_PACKETS_H

#include "base/bytes.h"
#include "base/error.h"

/* What a datagram carries, as bits: coalesced packets give it several. name in rules, bit */
#define MSK_PACKET_KIND_MAP(X)   \
    X(INITIAL, "initial", 1)     \
    X(HANDSHAKE, "handshake", 2) \
    X(ONE_RTT, "1rtt", 4)        \
    X(CLOSE, "close", 8)

enum msk_packet_kind {
#define X(name, text, bit) MSK_PACKET_##name = (bit),
    MSK_PACKET_KIND_MAP(X)
#undef X
};

#define MSK_PACKET_INDICES_MAX 32

/* A datagram is meant if one of these holds; none given: all are. Numbers begin at 1. */
struct msk_packets {
    unsigned kinds; /* of enum msk_packet_kind */
    uint32_t first; /* the first N */
    uint32_t every; /* each N-th */
    size_t index_count;
    uint32_t indices[MSK_PACKET_INDICES_MAX];
};

/* "initial,handshake", "first:3", "every:10", "1,4,9", "all". 0, or MSK_E_INVALID with the reason. */
int msk_packets_parse(const char *text, struct msk_packets *out, struct msk_error *err);

/* The same back; nothing if all are meant. */
void msk_packets_append(struct msk_builder *out, const struct msk_packets *packets);

bool msk_packets_mean(const struct msk_packets *packets, unsigned kinds, uint64_t number);

/* "initial+1rtt", "other" for none. */
void msk_packet_kinds_append(struct msk_builder *out, unsigned kinds);

#endif
