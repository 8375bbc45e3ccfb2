/* udp_frame.h: UDP datagrams inside Ethernet frames, as packet sockets hand them out with struct virtio_net_hdr in
 * front: finding them, splitting what segmentation offload has joined, and leaving checksums to the system. */
#ifndef MSK_RUNTIME_UDP_FRAME_H
#define MSK_RUNTIME_UDP_FRAME_H

#include "base/bytes.h"

/* Where things are, from the beginning of the packet (with its virtio_net_hdr) on. */
struct msk_udp_frame {
    size_t ip, udp, payload, payload_len;
    bool v4;
    size_t segment_len; /* of each joined datagram; 0: it is one alone */
};

#define MSK_UDP_FRAME_HEADERS_MAX 128 /* in front of the payload */

/* False if there is no whole UDP datagram: other protocols, fragments, IPv6 extension headers. */
bool msk_udp_frame_find(struct msk_bytes packet, struct msk_udp_frame *out);

/* Have the system compute the checksum when the packet is sent, so that a turned bit gets through. */
void msk_udp_frame_defer_checksum(uint8_t *packet, const struct msk_udp_frame *frame);

/* Write the datagram that begins at `offset` of the joined payload as a packet of its own to `out`, which has room for
 * MSK_UDP_FRAME_HEADERS_MAX + segment_len. Returns its length. */
size_t msk_udp_frame_segment(const uint8_t *packet, const struct msk_udp_frame *frame, size_t offset, uint8_t *out);

#endif
