#include "runtime/chaos_bridge.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "proxy/proxy.h" /* MSK_PACKET_MAX */
#include "runtime/udp_frame.h"

#define VNET sizeof(struct virtio_net_hdr)

struct interface {
    struct msk_bridge *bridge;
    uv_poll_t poll;
    int fd;
    size_t node;
};

struct msk_bridge {
    const struct msk_network *network;
    struct msk_bridge_owner owner;
    struct msk_bridge_counters counters;
    struct interface *interfaces[MSK_NODES_MAX]; /* by node */
    struct msk_map macs;                         /* where each was seen last */
    size_t open_count;
    uint8_t buffers[MSK_BRIDGE_BATCH][MSK_PACKET_MAX];
    uint8_t segment[MSK_PACKET_MAX];
};

/* ---- the switch */

static void learn(struct msk_bridge *bridge, const uint8_t *mac, struct interface *seen_at)
{
    if ((mac[0] & 1) || msk_map_get(&bridge->macs, mac, ETHER_ADDR_LEN) == seen_at)
        return;
    if (bridge->macs.count == MSK_BRIDGE_MACS_MAX)
        msk_map_free(&bridge->macs);
    msk_map_remove(&bridge->macs, mac, ETHER_ADDR_LEN);
    msk_map_put(&bridge->macs, mac, ETHER_ADDR_LEN, seen_at); /* without memory: its frames go everywhere */
}

enum msk_fate msk_bridge_send(struct msk_bridge *bridge, size_t to, struct msk_bytes packet)
{
    ssize_t n = send(bridge->interfaces[to]->fd, packet.data, packet.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n < 0 ? MSK_FATE_UNSENT : MSK_FATE_PASS;
}

static void forward_to(struct interface *in, size_t to, struct msk_bytes packet, const struct msk_udp_frame *frame)
{
    struct msk_bridge *bridge = in->bridge;
    if (frame)
        bridge->owner.receive(bridge->owner.context, in->node, to, packet,
                              MSK_BYTES(packet.data + frame->payload, frame->payload_len));
    else
        msk_bridge_send(bridge, to, packet);
}

/* `frame` NULL: no UDP. */
static void forward(struct interface *in, struct msk_bytes packet, const struct msk_udp_frame *frame)
{
    struct msk_bridge *bridge = in->bridge;
    const uint8_t *mac = packet.data + VNET;
    const struct interface *known = msk_map_get(&bridge->macs, mac, ETHER_ADDR_LEN);
    for (size_t to = 0; to < bridge->network->node_count; to++)
        if (to != in->node && (!known || known->node == to))
            forward_to(in, to, packet, frame);
}

static void forward_joined(struct interface *in, const uint8_t *packet, const struct msk_udp_frame *frame)
{
    struct msk_bridge *bridge = in->bridge;
    for (size_t offset = 0; offset < frame->payload_len; offset += frame->segment_len) {
        struct msk_udp_frame one = *frame;
        size_t len = msk_udp_frame_segment(packet, frame, offset, bridge->segment);
        one.payload_len = len - frame->payload;
        forward(in, MSK_BYTES(bridge->segment, len), &one);
        bridge->owner.settle(bridge->owner.context); /* the buffer is used again */
    }
}

static void receive_one(struct interface *in, uint8_t *data, const struct mmsghdr *message)
{
    struct msk_bridge *bridge = in->bridge;
    const struct sockaddr_ll *from = message->msg_hdr.msg_name;
    struct msk_bytes packet = MSK_BYTES(data, message->msg_len);
    struct msk_udp_frame frame;
    if (from->sll_pkttype == PACKET_OUTGOING)
        return;
    if ((message->msg_hdr.msg_flags & MSG_TRUNC) || packet.len < VNET + ETHER_HDR_LEN) {
        bridge->counters.unreadable++;
        return;
    }
    learn(bridge, data + VNET + ETHER_ADDR_LEN, in);
    if (!msk_udp_frame_find(packet, &frame)) {
        bridge->counters.others_passed++;
        forward(in, packet, NULL);
    } else if (frame.segment_len) {
        forward_joined(in, data, &frame);
    } else {
        msk_udp_frame_defer_checksum(data, &frame);
        forward(in, packet, &frame);
    }
}

/* True if there may be more. */
static bool receive_batch(struct interface *in)
{
    struct msk_bridge *bridge = in->bridge;
    struct sockaddr_ll senders[MSK_BRIDGE_BATCH];
    struct iovec parts[MSK_BRIDGE_BATCH];
    struct mmsghdr messages[MSK_BRIDGE_BATCH];
    for (size_t i = 0; i < MSK_BRIDGE_BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = bridge->buffers[i], .iov_len = MSK_PACKET_MAX};
        messages[i].msg_hdr = (struct msghdr){
            .msg_name = &senders[i], .msg_namelen = sizeof senders[i], .msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int count = recvmmsg(in->fd, messages, MSK_BRIDGE_BATCH, MSG_DONTWAIT, NULL);
    bridge->counters.unreadable += count < 0 && errno == EINVAL; /* an offload that it has no words for */
    for (int i = 0; i < count; i++)
        receive_one(in, bridge->buffers[i], &messages[i]);
    if (count > 0)
        bridge->owner.settle(bridge->owner.context);
    return count == MSK_BRIDGE_BATCH;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct interface *in = poll->data;
    (void)events;
    if (status < 0)
        uv_poll_start(poll, UV_READABLE, on_readable); /* it went down: libuv stops watching */
    for (int i = 0; i < MSK_BRIDGE_BATCHES_MAX && receive_batch(in); i++)
        ;
}

/* ---- interfaces */

static int fail_interface(const char *name, const char *what, struct msk_error *err)
{
    return msk_fail(err, MSK_E_IO, "interface %s: %s%s", name, what, strerror(errno));
}

static int bind_to(int fd, const char *name, struct msk_error *err)
{
    int on = 1;
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    address.sll_ifindex = (int)if_nametoindex(name);
    if (address.sll_ifindex == 0)
        return fail_interface(name, "", err);
    struct packet_mreq all = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
    if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0)
        return fail_interface(name, "offloads: ", err);
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof all) != 0)
        return fail_interface(name, "promiscuous mode: ", err);
    return bind(fd, (struct sockaddr *)&address, sizeof address) ? fail_interface(name, "", err) : 0;
}

static int open_socket(const char *name, int *out, struct msk_error *err)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); /* protocol 0: nothing until it is bound */
    if (fd < 0 && (errno == EPERM || errno == EACCES))
        return msk_fail(err, MSK_E_REFUSED,
                        "interface %s: packet sockets take the capability CAP_NET_RAW\nrun as root, or let root say: "
                        "setcap cap_net_raw+ep /path/to/mosaik-chaos",
                        name);
    if (fd < 0)
        return fail_interface(name, "", err);
    int rc = bind_to(fd, name, err);
    if (rc)
        close(fd);
    else
        *out = fd;
    return rc;
}

static int open_interface(struct msk_bridge *bridge, uv_loop_t *loop, size_t node, struct msk_error *err)
{
    struct interface *in = msk_calloc(1, sizeof *in);
    if (!in)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = open_socket(bridge->network->nodes[node].name, &in->fd, err);
    if (rc == 0) {
        int uv_rc = uv_poll_init(loop, &in->poll, in->fd);
        if (uv_rc) {
            close(in->fd);
            rc = msk_fail(err, MSK_E_IO, "socket: %s", uv_strerror(uv_rc));
        }
    }
    if (rc) {
        msk_free(in);
        return rc;
    }
    in->bridge = bridge;
    in->node = node;
    in->poll.data = in;
    bridge->interfaces[node] = in;
    bridge->open_count++;
    uv_poll_start(&in->poll, UV_READABLE, on_readable);
    return 0;
}

static void free_bridge(struct msk_bridge *bridge)
{
    msk_map_free(&bridge->macs);
    msk_free(bridge);
}

static void on_closed(uv_handle_t *handle)
{
    struct interface *in = handle->data;
    struct msk_bridge *bridge = in->bridge;
    close(in->fd);
    msk_free(in);
    if (--bridge->open_count == 0)
        free_bridge(bridge);
}

int msk_bridge_new(uv_loop_t *loop, const struct msk_network *network, const struct msk_bridge_owner *owner,
                   struct msk_bridge **out, struct msk_error *err)
{
    struct msk_bridge *bridge = msk_calloc(1, sizeof *bridge);
    *out = bridge;
    if (!bridge)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    bridge->network = network;
    bridge->owner = *owner;
    for (size_t node = 0; node < network->node_count; node++) {
        int rc = open_interface(bridge, loop, node, err);
        if (rc)
            return rc;
    }
    return 0;
}

const struct msk_bridge_counters *msk_bridge_counters(const struct msk_bridge *bridge)
{
    return &bridge->counters;
}

void msk_bridge_close(struct msk_bridge *bridge)
{
    if (!bridge)
        return;
    if (bridge->open_count == 0) {
        free_bridge(bridge);
        return;
    }
    for (size_t node = 0; node < bridge->network->node_count; node++)
        if (bridge->interfaces[node])
            uv_close((uv_handle_t *)&bridge->interfaces[node]->poll, on_closed);
}
