/* UDP inside Ethernet frames: what is found and what is not, checksums, joined datagrams. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <linux/virtio_net.h>

#include "runtime/udp_frame.h"

#define VNET sizeof(struct virtio_net_hdr)

struct packet {
    uint8_t data[4096];
    size_t len;
};

static void put(struct packet *packet, const void *bytes, size_t len)
{
    memcpy(packet->data + packet->len, bytes, len);
    packet->len += len;
}

static void put_be16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* A datagram of `len` bytes over IPv4 or IPv6, behind a VLAN tag if wanted. */
static struct packet new_packet(bool v4, bool vlan, size_t len)
{
    struct packet packet = {.len = VNET};
    uint8_t ip[40] = {0}, udp[8] = {0x1b, 0x59, 0x1b, 0x5a}, payload[2048];
    size_t ip_len = v4 ? 20 : 40;
    put(&packet, "\2\0\0\0\0\1\2\0\0\0\0\2", 12);
    if (vlan)
        put(&packet, "\x81\0\0\7", 4);
    put(&packet, v4 ? "\x08\0" : "\x86\xdd", 2);
    put_be16(udp + 4, 8 + len);
    put_be16(udp + 6, 0x1234);
    if (v4) {
        memcpy(ip, "\x45\0\0\0\0\7\x40\0\x40\x11\0\0\x0a\x09\0\1\x0a\x09\0\2", 20);
        put_be16(ip + 2, 28 + len);
    } else {
        memcpy(ip, "\x60\0\0\0\0\0\x11\x40", 8);
        put_be16(ip + 4, 8 + len);
        ip[23] = 1;
        ip[39] = 2;
    }
    for (size_t i = 0; i < len; i++)
        payload[i] = (uint8_t)i;
    put(&packet, ip, ip_len);
    put(&packet, udp, sizeof udp);
    put(&packet, payload, len);
    return packet;
}

static bool find(const struct packet *packet, struct msk_udp_frame *frame)
{
    return msk_udp_frame_find(MSK_BYTES(packet->data, packet->len), frame);
}

static void datagrams_are_found(void **state)
{
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        bool v4 = kind & 1, vlan = kind & 2;
        struct packet packet = new_packet(v4, vlan, 100);
        struct msk_udp_frame frame;
        memset(packet.data + packet.len, 0xee, 6); /* padding behind a short frame is none of it */
        packet.len += 6;
        assert_true(find(&packet, &frame));
        assert_int_equal(frame.v4, v4);
        assert_int_equal(frame.payload_len, 100);
        assert_int_equal(packet.data[frame.payload + 99], 99);
        assert_int_equal(frame.segment_len, 0);
    }
}

static void what_is_no_datagram_is_not(void **state)
{
    (void)state;
    struct msk_udp_frame frame;
    struct packet packet = new_packet(true, false, 100), good = packet;
    for (size_t len = 0; len < good.len; len++) {
        packet.len = len;
        assert_false(find(&packet, &frame)); /* cut anywhere */
    }
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {VNET + 12, 0x88},      /* another protocol */
        {VNET + 14, 0x55},      /* IP version */
        {VNET + 14, 0x44},      /* header too short */
        {VNET + 14 + 9, 6},     /* TCP */
        {VNET + 14 + 6, 0x20},  /* more fragments */
        {VNET + 14 + 7, 1},     /* a later fragment */
        {VNET + 14 + 24, 0xff}, /* UDP length beyond the end */
        {VNET + 14 + 25, 7},    /* or shorter than its header */
    };
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        packet = good;
        packet.data[changes[i].at] = changes[i].value;
        assert_false(find(&packet, &frame));
    }
}

static uint16_t sum(const uint8_t *data, size_t len, uint32_t total)
{
    for (size_t i = 0; i < len; i++)
        total += i % 2 ? data[i] : (uint32_t)data[i] << 8;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return (uint16_t)total;
}

/* What the system will do: sum from csum_start on, and put the complement into the field. Then all has to come out
 * even. */
static void assert_checksum_comes_out(struct packet *packet, const struct msk_udp_frame *frame)
{
    struct virtio_net_hdr offload;
    memcpy(&offload, packet->data, sizeof offload);
    assert_int_equal(offload.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
    assert_int_equal(offload.gso_type, VIRTIO_NET_HDR_GSO_NONE);
    uint8_t *start = packet->data + VNET + offload.csum_start;
    size_t len = 8 + frame->payload_len;
    put_be16(start + offload.csum_offset, (uint16_t)~sum(start, len, 0));
    size_t address_at = frame->ip + (frame->v4 ? 12 : 8), address_len = frame->v4 ? 8 : 32;
    uint32_t pseudo = 17 + (uint32_t)len + sum(packet->data + address_at, address_len, 0);
    assert_int_equal(sum(packet->data + frame->udp, len, pseudo), 0xffff);
}

static void checksums_are_left_to_the_system(void **state)
{
    (void)state;
    for (int v4 = 0; v4 < 2; v4++) {
        struct packet packet = new_packet(v4, false, 101);
        struct msk_udp_frame frame;
        assert_true(find(&packet, &frame));
        msk_udp_frame_defer_checksum(packet.data, &frame);
        packet.data[frame.payload + 3] ^= 4; /* as a corrupting rule does */
        assert_checksum_comes_out(&packet, &frame);
    }
    struct packet none = new_packet(true, false, 10), before;
    struct msk_udp_frame frame;
    assert_true(find(&none, &frame));
    put_be16(none.data + frame.udp + 6, 0); /* its sender wants none */
    before = none;
    msk_udp_frame_defer_checksum(none.data, &frame);
    assert_memory_equal(none.data, before.data, none.len);
}

static void joined_datagrams_are_split(void **state)
{
    (void)state;
    for (int v4 = 0; v4 < 2; v4++) {
        struct packet packet = new_packet(v4, false, 1000);
        struct virtio_net_hdr offload = {.gso_type = 5, .gso_size = 300};
        struct msk_udp_frame frame, one;
        memcpy(packet.data, &offload, sizeof offload);
        assert_true(find(&packet, &frame));
        assert_int_equal(frame.segment_len, 300);
        for (size_t offset = 0; offset < 1000; offset += 300) {
            struct packet segment = {.len = 0};
            segment.len = msk_udp_frame_segment(packet.data, &frame, offset, segment.data);
            assert_true(find(&segment, &one));
            assert_int_equal(one.payload_len, offset == 900 ? 100 : 300);
            assert_memory_equal(segment.data + one.payload, packet.data + frame.payload + offset, one.payload_len);
            assert_checksum_comes_out(&segment, &one);
            if (v4) {
                assert_int_equal(sum(segment.data + one.ip, 20, 0), 0xffff);
                assert_int_equal(segment.data[one.ip + 5], 7 + offset / 300); /* the id counts on */
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(datagrams_are_found),
        cmocka_unit_test(what_is_no_datagram_is_not),
        cmocka_unit_test(checksums_are_left_to_the_system),
        cmocka_unit_test(joined_datagrams_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
