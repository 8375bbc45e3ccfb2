#include "proxy/pcapng.h"

#include <string.h>

#define SECTION_HEADER    0x0a0d0d0au
#define INTERFACE_BLOCK   1u
#define ENHANCED_PACKET   6u
#define BYTE_ORDER_MAGIC  0x1a2b3c4du
#define OPTION_END        0
#define OPTION_COMMENT    1
#define OPTION_IF_NAME    2
#define OPTION_IF_TSRESOL 9
#define NANOSECONDS       9 /* if_tsresol: 10^-9 */

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define UDP_HEADER  8
#define UDP         17
#define TTL         64

/* ---- blocks, in the byte order of this machine, which their magic tells */

static void put32(struct msk_builder *out, uint32_t value)
{
    msk_builder_append(out, &value, sizeof value);
}

static void put16(struct msk_builder *out, uint16_t value)
{
    msk_builder_append(out, &value, sizeof value);
}

static void pad(struct msk_builder *out, size_t len)
{
    static const uint8_t zeros[4];
    msk_builder_append(out, zeros, (4 - len % 4) % 4);
}

static void put_option(struct msk_builder *out, uint16_t code, const void *data, size_t len)
{
    put16(out, code);
    put16(out, (uint16_t)len);
    msk_builder_append(out, data, len);
    pad(out, len);
}

static size_t begin_block(struct msk_builder *out, uint32_t type)
{
    size_t start = out->len;
    put32(out, type);
    put32(out, 0); /* its length, see end_block */
    return start;
}

static void end_block(struct msk_builder *out, size_t start)
{
    put16(out, OPTION_END);
    put16(out, 0);
    uint32_t len = (uint32_t)(out->len - start + sizeof len);
    put32(out, len);
    if (!out->error)
        memcpy(out->data + start + sizeof len, &len, sizeof len);
}

void msk_pcapng_section(struct msk_builder *out)
{
    size_t start = begin_block(out, SECTION_HEADER);
    put32(out, BYTE_ORDER_MAGIC);
    put16(out, 1); /* version 1.0 */
    put16(out, 0);
    put32(out, UINT32_MAX); /* length unknown */
    put32(out, UINT32_MAX);
    end_block(out, start);
}

void msk_pcapng_interface(struct msk_builder *out, const char *name, enum msk_pcapng_link link)
{
    static const uint8_t resolution = NANOSECONDS;
    size_t start = begin_block(out, INTERFACE_BLOCK);
    put16(out, (uint16_t)link);
    put16(out, 0);
    put32(out, 0); /* packets are whole */
    put_option(out, OPTION_IF_NAME, name, strlen(name));
    put_option(out, OPTION_IF_TSRESOL, &resolution, sizeof resolution);
    end_block(out, start);
}

void msk_pcapng_packet(struct msk_builder *out, uint32_t interface, uint64_t wall_ns, struct msk_bytes packet,
                       const char *comment)
{
    size_t start = begin_block(out, ENHANCED_PACKET);
    put32(out, interface);
    put32(out, (uint32_t)(wall_ns >> 32));
    put32(out, (uint32_t)wall_ns);
    put32(out, (uint32_t)packet.len);
    put32(out, (uint32_t)packet.len);
    msk_builder_append(out, packet.data, packet.len);
    pad(out, packet.len);
    put_option(out, OPTION_COMMENT, comment, strlen(comment));
    end_block(out, start);
}

/* ---- headers, in network order */

static void put_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* RFC 1071, over an even number of bytes, or an odd one at the end. */
static uint32_t sum(uint32_t so_far, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        so_far += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    return so_far;
}

static uint16_t fold(uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)~total;
}

static size_t put_ipv4(uint8_t *header, const struct msk_socket_addr *from, const struct msk_socket_addr *to,
                       size_t len)
{
    memset(header, 0, IPV4_HEADER);
    header[0] = 0x45;
    put_be16(header + 2, IPV4_HEADER + len);
    header[8] = TTL;
    header[9] = UDP;
    memcpy(header + 12, from->ip, 4);
    memcpy(header + 16, to->ip, 4);
    put_be16(header + 10, fold(sum(0, header, IPV4_HEADER)));
    return IPV4_HEADER;
}

static size_t put_ipv6(uint8_t *header, const struct msk_socket_addr *from, const struct msk_socket_addr *to,
                       size_t len)
{
    memset(header, 0, IPV6_HEADER);
    header[0] = 0x60;
    put_be16(header + 4, len);
    header[6] = UDP;
    header[7] = TTL;
    memcpy(header + 8, from->ip, 16);
    memcpy(header + 24, to->ip, 16);
    return IPV6_HEADER;
}

void msk_pcapng_udp(struct msk_builder *out, const struct msk_socket_addr *from, const struct msk_socket_addr *to,
                    struct msk_bytes datagram)
{
    uint8_t headers[IPV6_HEADER + UDP_HEADER];
    bool v4 = from->version == MSK_IPV4;
    size_t len = UDP_HEADER + datagram.len;
    size_t at = v4 ? put_ipv4(headers, from, to, len) : put_ipv6(headers, from, to, len);
    uint8_t *udp = headers + at;
    put_be16(udp, from->port);
    put_be16(udp + 2, to->port);
    put_be16(udp + 4, len);
    put_be16(udp + 6, 0);
    size_t ip_len = v4 ? 4 : 16; /* the pseudo header: addresses, protocol, length */
    uint32_t total = sum(sum(UDP + (uint32_t)len, from->ip, ip_len), to->ip, ip_len);
    uint16_t checksum = fold(sum(sum(total, udp, UDP_HEADER), datagram.data, datagram.len));
    put_be16(udp + 6, checksum ? checksum : 0xffff);
    msk_builder_append(out, headers, at + UDP_HEADER);
    msk_builder_append(out, datagram.data, datagram.len);
}
