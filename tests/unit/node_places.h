/* node_places.h: the network of node_net.h as it lies in memory: places, connections, what is on its way. */
#ifndef MSK_TESTS_NODE_PLACES_H
#define MSK_TESTS_NODE_PLACES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "core/node_parts.h"
#include "crypto/identity.h"
#include "wire/close_code.h"

#define NET_PLACES_MAX  12
#define NET_CONNS_MAX   4096
#define NET_STEPS_MAX   2000000 /* deliveries and ticks in one run: more is a storm */
#define NET_ENTRIES_MAX 4096
#define NET_RECORDS_MAX 1024  /* on their way to one disk */
#define NET_FRAMES_MAX  64    /* kept for a test to look at, of one end */
#define NET_IDLE_MS     30000 /* transport.md: idle timeout */
#define NET_DIAL_MS     10000 /* a dial that nobody answers */
#define NET_EPOCH_MS    INT64_C(1750000000000)

struct net;
struct net_conn;

/* One way of a connection: what was written and has not arrived. */
struct net_parcel {
    struct net_parcel *next;
    uint64_t due_ms;
    bool is_close;
    uint64_t code;
    size_t len;
    uint8_t data[];
};

struct net_end {
    int place;
    uint64_t link; /* of a node */
    bool told;     /* it knows that the connection is over, or ended it */
    struct net_parcel *inbox, **inbox_tail;
    uint64_t last_due_ms, stalled_ms, retry_ms; /* since when a cut holds it up; the next retransmission */
    /* for a place held by a test */
    struct {
        uint8_t *data;
        size_t len;
    } frames[NET_FRAMES_MAX];
    size_t frame_count;
    bool closed;
    uint64_t code; /* NET_CODE_TRANSPORT: without an application code */
};
#define NET_CODE_TRANSPORT UINT64_MAX

struct net_conn {
    int number;
    enum msk_alpn alpn;
    struct net_end ends[2]; /* the dialler's, the acceptor's */
    bool opening, open;
    uint64_t first_ms, try_ms, wait_ms,
        open_ms; /* of the handshake: begun, next packet, its backoff; when it is done */
};

/* A place held by a test hears of what happens there. */
struct net_fake {
    void *context;
    void (*opened)(struct net *net, struct net_conn *conn, int end, void *context);
    void (*frame)(struct net *net, struct net_conn *conn, int end, struct msk_bytes frame, void *context);
    void (*closed)(struct net *net, struct net_conn *conn, int end, uint64_t code, void *context);
    void (*tick)(struct net *net, void *context);
    uint64_t due_ms; /* of the next tick; 0: none */
};

struct net_place {
    struct net *net;
    struct msk_node *node; /* NULL: nobody there, or a fake */
    bool faked;
    struct net_fake fake;
    uint8_t secret[32];
    struct msk_digest id;
    struct msk_socket_addr address;
    struct msk_actions actions, held;
    uint64_t on_disk;
    /* what is on the disk, of one group; the records on their way there, and when each arrives */
    struct msk_hard_state disk;
    struct msk_log disk_log;
    struct msk_cursor disk_committed, disk_snapshot_at;
    uint8_t *disk_snapshot;
    size_t disk_snapshot_len;
    uint64_t disk_stall_ms; /* besides what every disk takes */
    struct msk_action records[NET_RECORDS_MAX];
    uint64_t record_due_ms[NET_RECORDS_MAX];
    size_t record_count;
    int64_t clock_skew_ms; /* of its wall clock */
    /* Its monotonic clock: what it showed when its rate was set, and when that was. */
    uint64_t clock_mono_ms, clock_since_ms;
    uint32_t clock_ppm;     /* a million: a second is a second; 0: it stands still */
    uint64_t generation_ms; /* started at */
    unsigned events[MSK_EVENT_COUNT];
    struct msk_event last[MSK_EVENT_COUNT];
    uint64_t last_ms[MSK_EVENT_COUNT];
    bool paused; /* its process stands still */
};

struct net {
    struct net_place places[NET_PLACES_MAX + 1];
    struct net_conn *conns[NET_CONNS_MAX];
    size_t conn_count;
    bool cut[NET_PLACES_MAX + 1][NET_PLACES_MAX + 1];         /* one way: nothing from a reaches b */
    uint64_t slow_ms[NET_PLACES_MAX + 1][NET_PLACES_MAX + 1]; /* the same way takes so much longer */
    uint64_t now_ms, seed;
    uint64_t delay_ms, jitter_ms, disk_ms;
    double loss; /* probability that a first packet is lost and comes a retransmission later */
    struct msk_random random;
    struct msk_digest network_id;
    bool trace;
    uint64_t steps, wakeups;
    /* told of replies to callers, and of every event; may be NULL */
    void (*replied)(struct net *net, int place, const struct msk_action *reply);
    void (*asked)(struct net *net, int place, const struct msk_action *validate); /* a validator's program */
    void (*happened)(struct net *net, int place, const struct msk_event *event);
    void *context;
    double starve; /* probability that memory runs out somewhere within one call of a node */
    uint64_t refresh_interval_ms, purge_after_ms;
    bool without_gossip;                                    /* the nodes started from now on */
    struct msk_signed_peer_entry *entries[NET_ENTRIES_MAX]; /* made by tests */
    size_t entry_count;
};

#define NET_CLOCK_PPM 1000000

static inline struct msk_now net_now(const struct net *net, int number)
{
    const struct net_place *place = &net->places[number];
    uint64_t passed_ms = (net->now_ms - place->clock_since_ms) * place->clock_ppm / NET_CLOCK_PPM;
    return (struct msk_now){.mono_ms = place->clock_mono_ms + passed_ms,
                            .wall_ms = NET_EPOCH_MS + (int64_t)net->now_ms + place->clock_skew_ms};
}

/* From now on its monotonic clock runs at another rate. */
static inline void net_set_rate(struct net *net, int number, uint32_t ppm)
{
    struct net_place *place = &net->places[number];
    place->clock_mono_ms = net_now(net, number).mono_ms;
    place->clock_since_ms = net->now_ms;
    place->clock_ppm = ppm;
}

/* When its monotonic clock will show `mono_ms`. */
static inline uint64_t net_when(const struct net_place *place, uint64_t mono_ms)
{
    if (mono_ms == MSK_NEVER || place->clock_ppm == 0)
        return MSK_NEVER;
    if (mono_ms <= place->clock_mono_ms)
        return place->clock_since_ms;
    uint64_t left_ms = mono_ms - place->clock_mono_ms;
    return place->clock_since_ms + (left_ms * NET_CLOCK_PPM + place->clock_ppm - 1) / place->clock_ppm;
}

/* Around every call of a node. */
static inline void net_enter(struct net *net)
{
    if (net->starve > 0 && msk_random_unit(&net->random) < net->starve)
        msk_alloc_fail_after(msk_random_below(&net->random, 40));
}

static inline void net_leave(void)
{
    msk_alloc_fail_after(UINT64_MAX);
}

/* ---- making */

static inline struct net *net_new(uint64_t seed)
{
    struct net *net = calloc(1, sizeof *net);
    net->seed = seed;
    net->now_ms = 1000;
    net->delay_ms = 1;
    net->trace = getenv("NODE_NET_TRACE") != NULL;
    net->network_id = msk_digest_of_string("test network");
    msk_random_seed(&net->random, seed);
    for (int i = 1; i <= NET_PLACES_MAX; i++) {
        struct net_place *place = &net->places[i];
        struct msk_random random;
        place->net = net;
        place->clock_ppm = NET_CLOCK_PPM;
        msk_log_init(&place->disk_log);
        msk_random_seed(&random, seed * 100 + (uint64_t)i);
        for (size_t k = 0; k < sizeof place->secret; k++)
            place->secret[k] = (uint8_t)msk_random_next(&random);
        assert_int_equal(msk_ed25519_public(place->secret, &place->id), 0);
        place->address = (struct msk_socket_addr){.version = MSK_IPV4, .ip = {10, 0, 0, (uint8_t)i}, .port = 7000};
    }
    return net;
}

static inline void net_clear_inbox(struct net_end *end)
{
    while (end->inbox) {
        struct net_parcel *parcel = end->inbox;
        end->inbox = parcel->next;
        free(parcel);
    }
    end->inbox_tail = &end->inbox;
}

static inline void net_drop_records(struct net_place *place)
{
    for (size_t i = 0; i < place->record_count; i++) {
        if (place->records[i].kind == MSK_ACTION_APPEND)
            msk_free(place->records[i].append.data);
        if (place->records[i].kind == MSK_ACTION_SNAPSHOT)
            msk_free(place->records[i].snapshot.data);
    }
    place->record_count = 0;
}

static inline void net_free(struct net *net)
{
    for (int i = 1; i <= NET_PLACES_MAX; i++) {
        struct net_place *place = &net->places[i];
        msk_node_free(place->node);
        net_drop_records(place);
        msk_log_free(&place->disk_log);
        msk_free(place->disk_snapshot);
        msk_actions_free(&place->actions);
        msk_actions_free(&place->held);
        for (int kind = 0; kind < MSK_EVENT_COUNT; kind++)
            msk_event_free(&place->last[kind]);
    }
    for (size_t i = 0; i < net->conn_count; i++) {
        for (int e = 0; e < 2; e++) {
            net_clear_inbox(&net->conns[i]->ends[e]);
            for (size_t k = 0; k < net->conns[i]->ends[e].frame_count; k++)
                free(net->conns[i]->ends[e].frames[k].data);
        }
        free(net->conns[i]);
    }
    for (size_t i = 0; i < net->entry_count; i++)
        msk_signed_peer_entry_free(net->entries[i]);
    free(net);
}

static inline int net_place_of(const struct net *net, const struct msk_digest *id)
{
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (msk_digest_equal(&net->places[i].id, id))
            return i;
    return 0;
}

/* ---- connections */

static inline uint64_t net_transit(struct net *net)
{
    uint64_t ms = net->delay_ms + msk_random_below(&net->random, net->jitter_ms + 1);
    while (net->loss > 0 && msk_random_unit(&net->random) < net->loss)
        ms += 3 * (net->delay_ms + net->jitter_ms) + 25; /* a probe timeout */
    return ms;
}

static inline struct net_conn *net_conn_new(struct net *net, int from, int to, enum msk_alpn alpn, uint64_t link)
{
    assert_true(net->conn_count < NET_CONNS_MAX);
    struct net_conn *conn = calloc(1, sizeof *conn);
    *conn = (struct net_conn){.number = (int)net->conn_count,
                              .alpn = alpn,
                              .ends = {{.place = from, .link = link}, {.place = to}},
                              .opening = true,
                              .first_ms = net->now_ms,
                              .try_ms = net->now_ms,
                              .wait_ms = 1000};
    for (int e = 0; e < 2; e++)
        conn->ends[e].inbox_tail = &conn->ends[e].inbox;
    net->conns[net->conn_count++] = conn;
    return conn;
}

static inline struct net_conn *net_find(const struct net *net, int place, uint64_t link, int *end)
{
    for (size_t i = net->conn_count; i > 0; i--)
        for (int e = 0; e < 2; e++)
            if (link && net->conns[i - 1]->ends[e].place == place && net->conns[i - 1]->ends[e].link == link) {
                *end = e;
                return net->conns[i - 1];
            }
    return NULL;
}

/* Put something on its way to the other end. */
static inline void net_post(struct net *net, struct net_conn *conn, int from, struct msk_bytes data, bool is_close,
                            uint64_t code)
{
    struct net_end *to = &conn->ends[1 - from];
    struct net_parcel *parcel = calloc(1, sizeof *parcel + data.len);
    parcel->due_ms = net->now_ms + net_transit(net) + net->slow_ms[conn->ends[from].place][to->place];
    if (parcel->due_ms < to->last_due_ms)
        parcel->due_ms = to->last_due_ms;
    to->last_due_ms = parcel->due_ms;
    parcel->is_close = is_close;
    parcel->code = code;
    parcel->len = data.len;
    if (data.len)
        memcpy(parcel->data, data.data, data.len);
    *to->inbox_tail = parcel;
    to->inbox_tail = &parcel->next;
}

/* The same at both ends of a connection, and at no other. */
static inline int net_export(void *context, uint64_t link, struct msk_bytes label, uint8_t out[32])
{
    const struct net_place *place = context;
    int end;
    const struct net_conn *conn = net_find(place->net, (int)(place - place->net->places), link, &end);
    if (!conn)
        return MSK_E_NOTFOUND;
    struct msk_bytes parts[] = {MSK_BYTES(&conn->number, sizeof conn->number), label};
    struct msk_digest secret = msk_digest_of_parts(parts, 2);
    memcpy(out, secret.bytes, sizeof secret.bytes);
    return 0;
}

#endif
