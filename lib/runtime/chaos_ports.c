#include "runtime/chaos_ports.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/map.h"
#include "quic/address.h"

#define SOCKET_BUFFER (4 << 20) /* asked of the system, which may give less */

/* Datagrams that leave through one port with the next system call. */
struct outbox {
    struct mmsghdr messages[MSK_PORTS_BATCH];
    struct iovec parts[MSK_PORTS_BATCH];
    size_t from[MSK_PORTS_BATCH], to[MSK_PORTS_BATCH];
    size_t count;
};

struct port {
    struct msk_ports *ports;
    uv_poll_t poll;
    int fd;
    size_t node; /* it stands for */
    union msk_address last_sender;
    size_t last_from; /* node of the last sender */
    bool has_last;
    struct outbox out;
    struct port *next_dirty;
    bool dirty;
};

/* A node's address in the forms it is needed in. */
struct place {
    union msk_address address;
    bool reachable; /* the port is known, too */
    bool learns;    /* the port follows the node */
    size_t node;
};

struct msk_ports {
    uv_loop_t *loop;
    struct msk_network *network;
    struct msk_ports_owner owner;
    struct msk_ports_counters counters;
    struct port *own[MSK_NODES_MAX]; /* by node */
    struct port **rebound;           /* by sender, receiver; NULL: the sender's own */
    struct place places[MSK_NODES_MAX];
    struct msk_map by_address, by_ip;
    struct port *dirty;
    size_t open_count;
    bool closing;
    uint8_t buffers[MSK_PORTS_BATCH][MSK_PORTS_DATAGRAM_MAX];
    union msk_address senders[MSK_PORTS_BATCH];
};

/* ---- who is where */

#define ADDRESS_KEY_MAX 18

/* Port and IP address, or the IP address alone. */
static size_t address_key(const union msk_address *address, bool with_port, uint8_t key[ADDRESS_KEY_MAX])
{
    bool v4 = address->any.sa_family == AF_INET;
    size_t len = v4 ? sizeof address->v4.sin_addr : sizeof address->v6.sin6_addr;
    memcpy(key, v4 ? (const void *)&address->v4.sin_addr : (const void *)&address->v6.sin6_addr, len);
    if (with_port)
        memcpy(key + len, v4 ? &address->v4.sin_port : &address->v6.sin6_port, 2);
    return with_port ? len + 2 : len;
}

static void add_place(struct msk_map *map, struct place *place, bool with_port)
{
    uint8_t key[ADDRESS_KEY_MAX];
    msk_map_put(map, key, address_key(&place->address, with_port, key), place); /* without memory: an unknown sender */
}

void msk_ports_readdress(struct msk_ports *ports)
{
    msk_map_free(&ports->by_address);
    msk_map_free(&ports->by_ip);
    for (size_t i = 0; i < ports->network->node_count; i++) {
        const struct msk_proxy_node *node = &ports->network->nodes[i];
        struct place *place = &ports->places[i];
        place->node = i;
        place->reachable = node->has_address && node->node.port != 0;
        if (!node->has_address)
            continue;
        msk_address_from_wire(&node->node, &place->address);
        place->learns |= node->node.port == 0;
        if (place->reachable)
            add_place(&ports->by_address, place, true);
        if (place->learns)
            add_place(&ports->by_ip, place, false);
        if (ports->own[i])
            ports->own[i]->has_last = false;
    }
}

static struct place *find_place(struct msk_ports *ports, const union msk_address *sender)
{
    uint8_t key[ADDRESS_KEY_MAX];
    struct place *place = msk_map_get(&ports->by_address, key, address_key(sender, true, key));
    if (place)
        return place;
    place = msk_map_get(&ports->by_ip, key, address_key(sender, false, key));
    if (!place)
        return NULL;
    msk_address_to_wire(sender, &ports->network->nodes[place->node].node);
    msk_ports_readdress(ports);
    ports->owner.learned(ports->owner.context, place->node);
    return place;
}

/* The node that sent this to the port. */
static bool sender_of(struct port *port, const union msk_address *sender, size_t *node)
{
    if (port->has_last && msk_address_equal(sender, &port->last_sender)) {
        *node = port->last_from;
        return true;
    }
    const struct place *place = find_place(port->ports, sender);
    if (!place || place->node == port->node)
        return false;
    port->has_last = true;
    port->last_sender = *sender;
    port->last_from = *node = place->node;
    return true;
}

/* ---- in */

static void receive_one(struct port *port, const struct mmsghdr *message, const uint8_t *data)
{
    struct msk_ports *ports = port->ports;
    union msk_address sender;
    size_t from;
    if (message->msg_hdr.msg_flags & MSG_TRUNC)
        ports->counters.too_long++;
    else if (msk_address_from_sockaddr(message->msg_hdr.msg_name, &sender) || !sender_of(port, &sender, &from))
        ports->counters.unknown_senders++;
    else
        ports->owner.receive(ports->owner.context, from, port->node, MSK_BYTES(data, message->msg_len),
                             MSK_BYTES(data, message->msg_len));
}

/* True if there may be more. */
static bool receive_batch(struct port *port)
{
    struct msk_ports *ports = port->ports;
    struct iovec parts[MSK_PORTS_BATCH];
    struct mmsghdr messages[MSK_PORTS_BATCH];
    for (size_t i = 0; i < MSK_PORTS_BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = ports->buffers[i], .iov_len = MSK_PORTS_DATAGRAM_MAX};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &ports->senders[i],
                                              .msg_namelen = sizeof ports->senders[i],
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
    int count = recvmmsg(port->fd, messages, MSK_PORTS_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count; i++)
        receive_one(port, &messages[i], ports->buffers[i]);
    if (count > 0)
        ports->owner.settle(ports->owner.context);
    return count == MSK_PORTS_BATCH;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct port *port = poll->data;
    (void)events;
    if (status < 0)
        uv_poll_start(poll, UV_READABLE, on_readable); /* libuv stops watching a socket with an error to tell */
    for (int i = 0; i < MSK_PORTS_BATCHES_MAX && receive_batch(port); i++)
        ;
}

/* ---- out */

static void flush(struct port *port)
{
    struct outbox *out = &port->out;
    for (size_t sent = 0; sent < out->count;) {
        int n = sendmmsg(port->fd, out->messages + sent, (unsigned)(out->count - sent), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno == EINTR)
            continue;
        struct msk_ports_owner *owner = &port->ports->owner;
        owner->unsent(owner->context, out->from[sent], out->to[sent], out->parts[sent].iov_len);
        sent++;
    }
    out->count = 0;
}

void msk_ports_flush(struct msk_ports *ports)
{
    for (struct port *port = ports->dirty; port; port = port->next_dirty) {
        flush(port);
        port->dirty = false;
    }
    ports->dirty = NULL;
}

static void mark_dirty(struct port *port)
{
    if (port->dirty)
        return;
    port->dirty = true;
    port->next_dirty = port->ports->dirty;
    port->ports->dirty = port;
}

enum msk_fate msk_ports_send(struct msk_ports *ports, size_t from, size_t to, struct msk_bytes datagram)
{
    struct place *place = &ports->places[to];
    struct port *port = ports->rebound[from * ports->network->node_count + to];
    if (!place->reachable)
        return MSK_FATE_ABSENT;
    if (!port)
        port = ports->own[from];
    if (port->out.count == MSK_PORTS_BATCH)
        flush(port);
    struct outbox *out = &port->out;
    size_t i = out->count++;
    out->parts[i] = (struct iovec){.iov_base = (void *)datagram.data, .iov_len = datagram.len};
    out->messages[i].msg_hdr = (struct msghdr){.msg_name = &place->address,
                                               .msg_namelen = msk_address_len(&place->address),
                                               .msg_iov = &out->parts[i],
                                               .msg_iovlen = 1};
    out->from[i] = from;
    out->to[i] = to;
    mark_dirty(port);
    return MSK_FATE_PASS;
}

/* ---- sockets */

static int open_socket(const union msk_address *address, int *out, union msk_address *bound, struct msk_error *err)
{
    char text[MSK_ADDRESS_TEXT_SIZE];
    int on = 1, buffer = SOCKET_BUFFER;
    socklen_t len = sizeof *bound;
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd >= 0) { /* wishes: it works without */
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
        if (address->any.sa_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    }
    if (fd < 0 || bind(fd, &address->any, msk_address_len(address)) != 0 || getsockname(fd, &bound->any, &len) != 0) {
        int rc = msk_fail(err, MSK_E_IO, "listen on %s: %s", msk_address_text(address, text), strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    *out = fd;
    return 0;
}

static int open_port(struct msk_ports *ports, const struct msk_socket_addr *at, size_t node, struct port **out,
                     struct msk_socket_addr *bound, struct msk_error *err)
{
    union msk_address address, bound_address = {0};
    msk_address_from_wire(at, &address);
    struct port *port = msk_calloc(1, sizeof *port);
    if (!port)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = open_socket(&address, &port->fd, &bound_address, err);
    if (rc == 0) {
        int uv_rc = uv_poll_init(ports->loop, &port->poll, port->fd);
        if (uv_rc) {
            close(port->fd);
            rc = msk_fail(err, MSK_E_IO, "socket: %s", uv_strerror(uv_rc));
        }
    }
    if (rc) {
        msk_free(port);
        return rc;
    }
    port->ports = ports;
    port->node = node;
    port->poll.data = port;
    ports->open_count++;
    uv_poll_start(&port->poll, UV_READABLE, on_readable);
    msk_address_to_wire(&bound_address, bound);
    *out = port;
    return 0;
}

static void free_ports(struct msk_ports *ports)
{
    msk_map_free(&ports->by_address);
    msk_map_free(&ports->by_ip);
    msk_free(ports->rebound);
    msk_free(ports);
}

static void on_closed(uv_handle_t *handle)
{
    struct port *port = handle->data;
    struct msk_ports *ports = port->ports;
    close(port->fd);
    msk_free(port);
    if (--ports->open_count == 0 && ports->closing)
        free_ports(ports);
}

static void close_port(struct port *port)
{
    if (port)
        uv_close((uv_handle_t *)&port->poll, on_closed);
}

int msk_ports_rebind(struct msk_ports *ports, size_t from, size_t to, bool on, struct msk_socket_addr *bound,
                     struct msk_error *err)
{
    struct port **place = &ports->rebound[from * ports->network->node_count + to], *port = NULL;
    struct msk_socket_addr any_port = ports->network->nodes[from].listen;
    any_port.port = 0;
    *bound = ports->network->nodes[from].listen;
    int rc = on ? open_port(ports, &any_port, from, &port, bound, err) : 0;
    if (rc)
        return rc;
    msk_ports_flush(ports);
    close_port(*place);
    *place = port;
    return 0;
}

const struct msk_ports_counters *msk_ports_counters(const struct msk_ports *ports)
{
    return &ports->counters;
}

int msk_ports_new(uv_loop_t *loop, struct msk_network *network, const struct msk_ports_owner *owner,
                  struct msk_ports **out, struct msk_error *err)
{
    struct msk_ports *ports = msk_calloc(1, sizeof *ports);
    *out = ports;
    if (ports)
        ports->rebound = msk_calloc(network->node_count * network->node_count, sizeof *ports->rebound);
    if (!ports || !ports->rebound)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    ports->loop = loop;
    ports->network = network;
    ports->owner = *owner;
    for (size_t i = 0; i < network->node_count; i++) {
        struct msk_proxy_node *node = &network->nodes[i];
        int rc = open_port(ports, &node->listen, i, &ports->own[i], &node->listen, err);
        if (rc)
            return msk_wrap(err, rc, "node \"%s\"", node->name);
    }
    msk_ports_readdress(ports);
    return 0;
}

void msk_ports_close(struct msk_ports *ports)
{
    if (!ports)
        return;
    ports->closing = true;
    if (ports->open_count == 0) {
        free_ports(ports);
        return;
    }
    for (size_t i = 0; i < ports->network->node_count; i++)
        close_port(ports->own[i]);
    for (size_t i = 0; i < ports->network->node_count * ports->network->node_count; i++)
        close_port(ports->rebound[i]);
}
