/* quic_world.h: endpoints that exchange datagrams in memory under a virtual clock, for the tests of the QUIC room.
 *
 * What each endpoint reports is recorded in its struct node. The network delivers after `latency_ms` unless `meddle`
 * says otherwise. Nothing here sleeps or opens a socket. */
#ifndef QUIC_WORLD_H
#define QUIC_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/random.h"
#include "quic/conn.h"

#define MS              UINT64_C(1000000)
#define NODES_MAX       4
#define CONNS_MAX       512
#define ALPN            "/mosaik/groups/1"
#define SOCKET_FULL_MAX 1000

struct packet {
    struct packet *next;
    uint64_t at_ns;
    union msk_address from, to;
    size_t len;
    uint8_t data[MSK_QUIC_DATAGRAM_MAX];
};

struct node {
    struct msk_quic *quic;
    struct msk_digest id;
    union msk_address address;
    struct msk_quic_conn *conns[CONNS_MAX]; /* in order of their events; NULL once closed */
    struct msk_quic_conn_info infos[CONNS_MAX];
    size_t connected, closed, dials_failed, streams_allowed;
    struct msk_quic_close close;    /* of the last end: closed or failed */
    void *user;                     /* of the last event */
    struct msk_quic_stream *stream; /* the last one with an event */
    unsigned changes;               /* all changes of streams seen */
    size_t opened, ended, reset;
    uint64_t reset_code;
    bool reads_nothing;
    struct msk_builder received; /* by all streams */
    size_t socket_takes;         /* datagram batches until the socket says it is full */
};

struct world;
/* What becomes of a datagram: true to deliver it (perhaps changed, perhaps at another time). */
typedef bool (*meddle_fn)(struct world *world, struct packet *packet, void *context);

struct world {
    uint64_t now_ns;
    uint64_t latency_ms;
    struct node nodes[NODES_MAX];
    size_t count;
    struct packet *in_flight;
    uint64_t sent; /* datagrams so far */
    meddle_fn meddle;
    void *context;
    struct msk_random random;
};

static inline union msk_address world_address(unsigned host, uint16_t port)
{
    struct msk_socket_addr wire = {.version = MSK_IPV4, .ip = {10, 0, 0, (uint8_t)host}, .port = port};
    union msk_address out;
    msk_address_from_wire(&wire, &out);
    return out;
}

static inline void world_config(struct msk_quic_config *config, uint8_t secret)
{
    static const char *const alpns[] = {ALPN, "/mosaik/discovery/ping/1.0"};
    msk_quic_config_init(config);
    memset(config->secret, secret, sizeof config->secret);
    config->alpns = alpns;
    config->alpn_count = 2;
}

static inline struct world *world_new(void)
{
    struct world *world = msk_calloc(1, sizeof *world);
    assert_non_null(world);
    world->now_ns = 1000000 * MS;
    world->latency_ms = 1;
    msk_random_seed(&world->random, 1);
    return world;
}

/* A further endpoint; NULL config: the defaults, with a secret of its own. */
static inline struct node *world_add(struct world *world, const struct msk_quic_config *config)
{
    struct msk_quic_config defaults;
    struct msk_error err;
    struct node *node = &world->nodes[world->count];
    world_config(&defaults, (uint8_t)(world->count + 1));
    assert_int_equal(msk_quic_new(config ? config : &defaults, &node->quic, &err), 0);
    node->id = *msk_quic_peer_id(node->quic);
    node->address = world_address((unsigned)world->count + 1, 7000);
    node->socket_takes = SIZE_MAX;
    msk_builder_init(&node->received, 1u << 30);
    world->count++;
    return node;
}

static inline void world_free(struct world *world)
{
    for (size_t i = 0; i < world->count; i++) {
        msk_quic_free(world->nodes[i].quic);
        msk_builder_free(&world->nodes[i].received);
    }
    while (world->in_flight) {
        struct packet *packet = world->in_flight;
        world->in_flight = packet->next;
        msk_free(packet);
    }
    msk_free(world);
}

/* ---- the network */

static inline void world_insert(struct world *world, struct packet *packet)
{
    struct packet **link = &world->in_flight;
    while (*link && (*link)->at_ns <= packet->at_ns)
        link = &(*link)->next;
    packet->next = *link;
    *link = packet;
}

static inline void world_post(struct world *world, const union msk_address *from, const union msk_address *to,
                              struct msk_bytes data)
{
    assert_true(data.len > 0 && data.len <= MSK_QUIC_DATAGRAM_MAX);
    struct packet *packet = msk_calloc(1, sizeof *packet);
    if (!packet)
        return; /* lost */
    packet->at_ns = world->now_ns + world->latency_ms * MS;
    packet->from = *from;
    packet->to = *to;
    packet->len = data.len;
    memcpy(packet->data, data.data, data.len);
    world->sent++;
    if (!world->meddle || world->meddle(world, packet, world->context))
        world_insert(world, packet);
    else
        msk_free(packet);
}

struct world_socket {
    struct world *world;
    struct node *node;
};

static inline int world_send(void *context, const union msk_address *to, struct msk_bytes data, size_t segment_len)
{
    struct world_socket *socket = context;
    assert_true(segment_len > 0 && data.len <= (size_t)MSK_QUIC_BATCH_MAX * MSK_QUIC_DATAGRAM_MAX);
    if (socket->node->socket_takes == 0)
        return MSK_E_LIMIT;
    if (socket->node->socket_takes != SIZE_MAX)
        socket->node->socket_takes--;
    for (size_t at = 0; at < data.len; at += segment_len) {
        size_t len = data.len - at < segment_len ? data.len - at : segment_len;
        world_post(socket->world, &socket->node->address, to, MSK_BYTES(data.data + at, len));
    }
    return 0;
}

/* ---- the owner of an endpoint */

static inline void node_stream_event(struct node *node, const struct msk_quic_event *event)
{
    node->stream = event->stream;
    node->changes |= event->changes;
    node->opened += event->changes & MSK_QUIC_OPENED ? 1 : 0;
    if (node->reads_nothing || !(event->changes & MSK_QUIC_READABLE))
        return;
    struct msk_bytes data = msk_quic_stream_peek(event->stream);
    msk_builder_append(&node->received, data.data, data.len);
    msk_quic_stream_consume(event->stream, data.len);
    enum msk_quic_stream_end end = msk_quic_stream_end(event->stream, &node->reset_code);
    node->ended += end == MSK_QUIC_STREAM_FINISHED;
    node->reset += end == MSK_QUIC_STREAM_RESET;
}

static inline void node_event(struct node *node, const struct msk_quic_event *event)
{
    node->user = event->user;
    switch (event->kind) {
    case MSK_QUIC_CONNECTED:
        assert_true(node->connected < CONNS_MAX);
        msk_quic_conn_info(event->conn, &node->infos[node->connected]);
        node->conns[node->connected++] = event->conn;
        break;
    case MSK_QUIC_STREAM:
        node_stream_event(node, event);
        break;
    case MSK_QUIC_STREAMS:
        node->streams_allowed++;
        break;
    case MSK_QUIC_CLOSED:
        for (size_t i = 0; i < node->connected; i++)
            if (node->conns[i] == event->conn)
                node->conns[i] = NULL;
        node->closed++;
        node->close = *event->close;
        break;
    case MSK_QUIC_DIAL_FAILED:
        node->dials_failed++;
        node->close = *event->close;
        break;
    }
}

static inline void node_work(struct world *world, struct node *node)
{
    struct msk_quic_event event;
    struct world_socket socket = {world, node};
    while (msk_quic_next_event(node->quic, &event))
        node_event(node, &event);
    msk_quic_flush(node->quic, world->now_ns, world_send, &socket);
    while (msk_quic_next_event(node->quic, &event))
        node_event(node, &event);
}

/* ---- time */

static inline void world_deliver_one(struct world *world)
{
    struct packet *packet = world->in_flight;
    world->in_flight = packet->next;
    for (size_t i = 0; i < world->count; i++)
        if (world->nodes[i].quic && msk_address_equal(&world->nodes[i].address, &packet->to))
            msk_quic_receive(world->nodes[i].quic, world->now_ns, &packet->from, MSK_BYTES(packet->data, packet->len));
    msk_free(packet);
}

/* What has arrived by now. */
static inline void world_deliver(struct world *world)
{
    while (world->in_flight && world->in_flight->at_ns <= world->now_ns)
        world_deliver_one(world);
}

/* Let everybody work, then go on to the next thing that happens, but not beyond `until_ns`; false when that is reached.
 */
static inline bool world_step(struct world *world, uint64_t until_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < world->count; i++) {
        struct node *node = &world->nodes[i];
        if (!node->quic)
            continue;
        node_work(world, node);
        uint64_t deadline_ns = msk_quic_deadline(node->quic);
        if (deadline_ns < next_ns)
            next_ns = deadline_ns;
    }
    if (world->in_flight && world->in_flight->at_ns < next_ns)
        next_ns = world->in_flight->at_ns;
    if (next_ns > until_ns) {
        world->now_ns = until_ns;
        return false;
    }
    if (next_ns > world->now_ns)
        world->now_ns = next_ns;
    world_deliver(world);
    return true;
}

/* Run for a span of virtual time. The bound on steps catches endpoints that never come to rest. */
static inline void world_run(struct world *world, uint64_t span_ms)
{
    uint64_t until_ns = world->now_ns + span_ms * MS;
    for (unsigned steps = 0; world_step(world, until_ns); steps++)
        assert_true(steps < 1000000);
}

/* Dial `to` from `from`; the handle is not needed after the outcome. */
static inline struct msk_quic_dial *world_dial_as(struct world *world, struct node *from, struct node *to,
                                                  const struct msk_digest *peer, const char *alpn)
{
    struct msk_quic_dial *dial = NULL;
    assert_int_equal(msk_quic_dial(from->quic, world->now_ns, peer, alpn, &to->address, 1, from, &dial), 0);
    return dial;
}

static inline void world_connect(struct world *world, struct node *from, struct node *to)
{
    size_t before = from->connected, peers_before = to->connected;
    world_dial_as(world, from, to, &to->id, ALPN);
    world_run(world, 500);
    assert_int_equal(from->connected, before + 1);
    assert_int_equal(to->connected, peers_before + 1);
}

#endif
