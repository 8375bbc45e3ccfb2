#include "runtime/udp_frame.h"

#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <string.h>

#define VNET     sizeof(struct virtio_net_hdr)
#define VLAN_TAG 4

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

static size_t get_be16(const uint8_t *at)
{
    return (size_t)at[0] << 8 | at[1];
}

static void put_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* The IP header's place and type; false for anything else. */
static bool find_ip(struct msk_bytes packet, size_t *ip, size_t *type)
{
    size_t at = VNET + 2 * ETHER_ADDR_LEN;
    if (packet.len < at + 2)
        return false;
    *type = get_be16(packet.data + at);
    if (*type == ETHERTYPE_VLAN && packet.len >= at + VLAN_TAG + 2)
        *type = get_be16(packet.data + (at += VLAN_TAG));
    *ip = at + 2;
    return *type == ETHERTYPE_IP || *type == ETHERTYPE_IPV6;
}

static bool find_udp_v4(struct msk_bytes packet, struct msk_udp_frame *out)
{
    const uint8_t *ip = packet.data + out->ip;
    if (packet.len < out->ip + sizeof(struct iphdr) || ip[0] >> 4 != 4)
        return false;
    out->udp = out->ip + (ip[0] & 15) * 4u;
    return ip[9] == IPPROTO_UDP && (get_be16(ip + 6) & (IP_MF | IP_OFFMASK)) == 0 && (ip[0] & 15) >= 5;
}

static bool find_udp_v6(struct msk_bytes packet, struct msk_udp_frame *out)
{
    const uint8_t *ip = packet.data + out->ip;
    if (packet.len < out->ip + sizeof(struct ip6_hdr) || ip[0] >> 4 != 6)
        return false;
    out->udp = out->ip + sizeof(struct ip6_hdr);
    return ip[6] == IPPROTO_UDP;
}

bool msk_udp_frame_find(struct msk_bytes packet, struct msk_udp_frame *out)
{
    struct virtio_net_hdr offload;
    size_t type;
    *out = (struct msk_udp_frame){0};
    if (!find_ip(packet, &out->ip, &type))
        return false;
    out->v4 = type == ETHERTYPE_IP;
    if (!(out->v4 ? find_udp_v4(packet, out) : find_udp_v6(packet, out)))
        return false;
    out->payload = out->udp + sizeof(struct udphdr);
    if (packet.len < out->payload || out->payload > MSK_UDP_FRAME_HEADERS_MAX)
        return false;
    size_t udp_len = get_be16(packet.data + out->udp + 4), left = packet.len - out->udp;
    memcpy(&offload, packet.data, sizeof offload);
    if ((offload.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) == VIRTIO_NET_HDR_GSO_UDP_L4 && offload.gso_size > 0) {
        out->segment_len = offload.gso_size;
        udp_len = left; /* the header's may be of the first one */
    }
    if (udp_len < sizeof(struct udphdr) || udp_len > left)
        return false;
    out->payload_len = udp_len - sizeof(struct udphdr);
    return true;
}

/* ---- checksums (RFC 1071) */

static uint32_t sum(uint32_t so_far, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        so_far += (uint32_t)get_be16(data + i);
    return so_far;
}

static size_t fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

/* What the checksum field holds until the rest is summed: the pseudo header. */
static void put_pseudo_sum(uint8_t *packet, const struct msk_udp_frame *frame)
{
    size_t address_at = frame->ip + (frame->v4 ? 12 : 8), address_len = frame->v4 ? 4 : 16;
    uint32_t total = IPPROTO_UDP + (uint32_t)get_be16(packet + frame->udp + 4);
    put_be16(packet + frame->udp + 6, fold(sum(total, packet + address_at, 2 * address_len)));
}

void msk_udp_frame_defer_checksum(uint8_t *packet, const struct msk_udp_frame *frame)
{
    struct virtio_net_hdr offload;
    memcpy(&offload, packet, sizeof offload);
    bool has_none = get_be16(packet + frame->udp + 6) == 0 && !(offload.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
    if (has_none)
        return;
    offload.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    offload.csum_start = (uint16_t)(frame->udp - VNET);
    offload.csum_offset = offsetof(struct udphdr, check);
    memcpy(packet, &offload, sizeof offload);
    put_pseudo_sum(packet, frame);
}

/* ---- splitting */

static void put_ip_len(uint8_t *packet, const struct msk_udp_frame *frame, size_t udp_len, size_t number)
{
    uint8_t *ip = packet + frame->ip;
    if (!frame->v4) {
        put_be16(ip + 4, udp_len);
        return;
    }
    size_t header_len = frame->udp - frame->ip;
    put_be16(ip + 2, header_len + udp_len);
    put_be16(ip + 4, get_be16(ip + 4) + number);
    put_be16(ip + 10, 0);
    put_be16(ip + 10, ~fold(sum(0, ip, header_len)) & 0xffff);
}

size_t msk_udp_frame_segment(const uint8_t *packet, const struct msk_udp_frame *frame, size_t offset, uint8_t *out)
{
    size_t left = frame->payload_len - offset, len = left < frame->segment_len ? left : frame->segment_len;
    struct virtio_net_hdr offload = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                     .csum_start = (uint16_t)(frame->udp - VNET),
                                     .csum_offset = offsetof(struct udphdr, check)};
    memcpy(out, packet, frame->payload);
    memcpy(out, &offload, sizeof offload);
    memcpy(out + frame->payload, packet + frame->payload + offset, len);
    put_be16(out + frame->udp + 4, sizeof(struct udphdr) + len);
    put_ip_len(out, frame, sizeof(struct udphdr) + len, offset / frame->segment_len);
    put_pseudo_sum(out, frame);
    return frame->payload + len;
}
