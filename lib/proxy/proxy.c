#include "proxy/proxy.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"

int msk_proxy_new(struct msk_network *network, const struct msk_replay *replay, uint64_t start_ns, uint64_t seed,
                  const struct msk_proxy_owner *owner, struct msk_proxy **out)
{
    struct msk_proxy *proxy = msk_calloc(1, sizeof *proxy);
    if (!proxy)
        return MSK_E_NOMEM;
    int rc = msk_quic_view_init(&proxy->view, network->node_count, seed);
    if (rc) {
        msk_free(proxy);
        return rc;
    }
    proxy->network = network;
    proxy->replay = replay;
    proxy->owner = *owner;
    proxy->start_ns = start_ns;
    *out = proxy;
    return 0;
}

void msk_proxy_free(struct msk_proxy *proxy)
{
    if (!proxy)
        return;
    msk_proxy_settle(proxy);
    msk_delay_line_free(&proxy->line);
    msk_delay_line_free(&proxy->held);
    msk_quic_view_free(&proxy->view);
    msk_free(proxy);
}

/* ---- counting */

static void count_drop(struct msk_link_state *link, enum msk_fate fate)
{
    link->counters.dropped++;
    link->counters.fates[fate]++;
}

static void count_arrival(struct msk_link_state *link, const struct msk_quic_sight *sight, size_t len)
{
    link->counters.received++;
    link->counters.received_bytes += len;
    link->counters.handshakes += sight->begins;
    link->counters.connections += sight->establishes;
    link->counters.closes += sight->closes;
}

static void count_verdict(struct msk_link_state *link, const struct msk_verdict *verdict)
{
    link->counters.reordered += verdict->reordered;
    link->counters.duplicated += verdict->duplicate;
    link->counters.corrupted += verdict->corrupt;
}

void msk_proxy_unsent(struct msk_proxy *proxy, size_t from, size_t to, size_t len)
{
    struct msk_link_state *link = msk_network_between(proxy->network, from, to);
    link->counters.sent--;
    link->counters.sent_bytes -= len;
    count_drop(link, MSK_FATE_UNSENT);
}

/* ---- out */

static void send_now(struct msk_proxy *proxy, struct msk_link_state *link, size_t from, size_t to,
                     struct msk_bytes packet)
{
    enum msk_fate fate = proxy->owner.send(proxy->owner.context, from, to, packet);
    if (fate != MSK_FATE_PASS) {
        count_drop(link, fate);
        return;
    }
    link->counters.sent++;
    link->counters.sent_bytes += packet.len;
}

static bool is_paused(const struct msk_proxy *proxy, size_t from, size_t to)
{
    return proxy->network->nodes[from].paused || proxy->network->nodes[to].paused;
}

/* Into a line; what finds no room is dropped. */
static bool keep(struct msk_delay_line *line, struct msk_link_state *link, uint64_t due_ns, size_t from, size_t to,
                 struct msk_bytes packet)
{
    bool kept = msk_delay_line_put(line, due_ns, (uint32_t)from, (uint32_t)to, packet) == 0;
    if (!kept)
        count_drop(link, MSK_FATE_LIMIT);
    return kept;
}

/* ---- in */

static struct msk_verdict decide(struct msk_proxy *proxy, struct msk_link_state *link, uint64_t now_ns, size_t from,
                                 size_t to, unsigned kinds, size_t len)
{
    const struct msk_verdict *decided = msk_replay_find(proxy->replay, from, to, link->counters.received);
    if (decided)
        return *decided;
    if (msk_network_parted(proxy->network, from, to))
        return (struct msk_verdict){.fate = MSK_FATE_PARTITION};
    return msk_link_rule(link, now_ns, kinds, len);
}

/* A copy with one bit of the payload turned. */
static struct msk_bytes corrupt(struct msk_proxy *proxy, struct msk_bytes packet, struct msk_bytes payload,
                                uint32_t bit)
{
    size_t at = (size_t)(payload.data - packet.data) + bit / 8;
    memcpy(proxy->scratch, packet.data, packet.len);
    if (bit / 8 < payload.len)
        proxy->scratch[at] ^= (uint8_t)(1u << bit % 8);
    return MSK_BYTES(proxy->scratch, packet.len);
}

/* The scratch of a corrupt packet is used again soon: it takes the way through the line in any case. */
static void pass_on(struct msk_proxy *proxy, struct msk_link_state *link, uint64_t now_ns,
                    const struct msk_ruled *ruled, struct msk_bytes payload)
{
    const struct msk_verdict *verdict = &ruled->verdict;
    uint64_t departure_ns = msk_link_departure_ns(link, now_ns, verdict);
    bool paused = is_paused(proxy, ruled->from, ruled->to);
    struct msk_bytes packet = ruled->packet;
    if (verdict->corrupt)
        packet = corrupt(proxy, packet, payload, verdict->corrupt_bit);
    link->counters.delayed += departure_ns > now_ns;
    link->counters.held += paused && departure_ns <= now_ns;
    for (int copies = verdict->duplicate ? 2 : 1; copies > 0; copies--) {
        if (paused && departure_ns <= now_ns)
            keep(&proxy->held, link, 0, ruled->from, ruled->to, packet);
        else if (departure_ns > now_ns || verdict->corrupt)
            keep(&proxy->line, link, departure_ns, ruled->from, ruled->to, packet);
        else
            send_now(proxy, link, ruled->from, ruled->to, packet);
    }
}

void msk_proxy_receive(struct msk_proxy *proxy, uint64_t now_ns, size_t from, size_t to, struct msk_bytes packet,
                       struct msk_bytes payload)
{
    msk_assert(packet.len <= MSK_PACKET_MAX);
    struct msk_link_state *link = msk_network_between(proxy->network, from, to);
    struct msk_quic_sight sight = msk_quic_look(&proxy->view, (uint32_t)from, (uint32_t)to, payload);
    count_arrival(link, &sight, packet.len);
    struct msk_ruled ruled = {
        .from = from,
        .to = to,
        .number = link->counters.received,
        .at_ns = now_ns - proxy->start_ns,
        .kinds = sight.kinds,
        .packet = packet,
        .len = payload.len,
        .verdict = decide(proxy, link, now_ns, from, to, sight.kinds, payload.len),
    };
    if (proxy->owner.ruled)
        proxy->owner.ruled(proxy->owner.context, &ruled);
    if (ruled.verdict.fate != MSK_FATE_PASS) {
        count_drop(link, ruled.verdict.fate);
        return;
    }
    count_verdict(link, &ruled.verdict);
    pass_on(proxy, link, now_ns, &ruled, payload);
}

/* ---- later */

uint64_t msk_proxy_deadline_ns(const struct msk_proxy *proxy)
{
    return msk_delay_line_next(&proxy->line);
}

/* Its time has come, but what happened meanwhile counts, too. */
static void deliver(struct msk_proxy *proxy, const struct msk_parcel *parcel)
{
    struct msk_link_state *link = msk_network_between(proxy->network, parcel->from, parcel->to);
    struct msk_bytes packet = MSK_BYTES(parcel->data, parcel->len);
    if (msk_network_parted(proxy->network, parcel->from, parcel->to))
        count_drop(link, MSK_FATE_PARTITION);
    else if (is_paused(proxy, parcel->from, parcel->to))
        link->counters.held += keep(&proxy->held, link, 0, parcel->from, parcel->to, packet);
    else
        send_now(proxy, link, parcel->from, parcel->to, packet);
}

void msk_proxy_release(struct msk_proxy *proxy, uint64_t now_ns)
{
    while (proxy->spent_count < MSK_PROXY_DUE_MAX) {
        struct msk_parcel *parcel = msk_delay_line_take(&proxy->line, now_ns);
        if (!parcel)
            return;
        proxy->spent[proxy->spent_count++] = parcel;
        deliver(proxy, parcel);
    }
}

void msk_proxy_settle(struct msk_proxy *proxy)
{
    while (proxy->spent_count > 0)
        msk_free(proxy->spent[--proxy->spent_count]);
}

void msk_proxy_resume(struct msk_proxy *proxy, uint64_t now_ns)
{
    struct msk_delay_line waiting = proxy->held;
    struct msk_parcel *parcel;
    proxy->held = (struct msk_delay_line){0};
    while ((parcel = msk_delay_line_take(&waiting, 0))) {
        struct msk_link_state *link = msk_network_between(proxy->network, parcel->from, parcel->to);
        bool still = is_paused(proxy, parcel->from, parcel->to);
        keep(still ? &proxy->held : &proxy->line, link, still ? 0 : now_ns, parcel->from, parcel->to,
             MSK_BYTES(parcel->data, parcel->len));
        msk_free(parcel);
    }
    msk_delay_line_free(&waiting);
}
