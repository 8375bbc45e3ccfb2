#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "quic/oneway.h"
#include "runtime/net_internal.h"
#include "runtime/now.h"

#define ROUNDS_MAX 16 /* of one turn, before other handles of the loop get theirs */
#define NS_PER_MS  UINT64_C(1000000)

/* ---- turns */

static int send_datagrams(void *context, const union msk_address *to, struct msk_bytes data, size_t segment_len)
{
    struct msk_net *net = context;
    for (size_t i = 0; i < net->socket_count; i++)
        if (msk_udp_address(net->sockets[i])->any.sa_family == to->any.sa_family)
            return msk_udp_send(net->sockets[i], to, data, segment_len);
    return MSK_E_UNREACHABLE; /* no socket of this IP version */
}

/* Take all events, let the owner act, send. True: that gave rise to more. */
static bool turn_once(struct msk_net *net)
{
    struct msk_quic_event event;
    net->again = false;
    while (msk_quic_next_event(net->quic, &event))
        msk_net_take_event(net, &event);
    net->owner.act(net->owner.context);
    bool busy = !msk_net_quiet(net);
    msk_quic_flush(net->quic, msk_now_ns(), send_datagrams, net);
    while (msk_quic_next_event(net->quic, &event)) { /* of timers: losses, time-outs */
        msk_net_take_event(net, &event);
        net->again = true;
    }
    if (busy && msk_net_quiet(net)) /* no event tells that, and the owner may wait for it */
        net->again = true;
    return net->again;
}

static void on_timer(uv_timer_t *timer)
{
    struct msk_net *net = timer->data;
    net->timer_ms = MSK_NEVER;
    msk_net_turn(net);
}

static uint64_t earliest_ms(struct msk_net *net)
{
    uint64_t quic_ns = msk_quic_deadline(net->quic);
    uint64_t quic_ms = quic_ns > UINT64_MAX - NS_PER_MS ? MSK_NEVER : (quic_ns + NS_PER_MS - 1) / NS_PER_MS;
    uint64_t owner_ms = net->owner.deadline_ms(net->owner.context);
    return quic_ms < owner_ms ? quic_ms : owner_ms;
}

/* libuv's clock is ours in whole milliseconds, read once an iteration: rounding up means never waking too early. What
 * is due already waits for the next millisecond all the same: libuv 1.44 calls timers that are due until none is, and
 * would never come to the sockets, nor to its own end. */
static void arm_timer(struct msk_net *net, bool at_once)
{
    uint64_t next_ms = at_once ? 0 : earliest_ms(net);
    if (next_ms == net->timer_ms)
        return;
    net->timer_ms = next_ms;
    if (next_ms == MSK_NEVER) {
        uv_timer_stop(&net->timer);
        return;
    }
    uv_update_time(net->loop);
    uint64_t now_ms = uv_now(net->loop);
    uv_timer_start(&net->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 1, 0);
}

void msk_net_turn(struct msk_net *net)
{
    net->again = true;
    if (net->in_turn)
        return;
    net->in_turn = true;
    for (int round = 0; round < ROUNDS_MAX && turn_once(net); round++)
        ;
    net->in_turn = false;
    arm_timer(net, net->again);
}

/* ---- sockets */

static void on_datagram(void *context, const union msk_address *from, struct msk_bytes datagram)
{
    struct msk_net *net = context;
    msk_quic_receive(net->quic, msk_now_ns(), from, datagram);
}

static void on_unreachable(void *context, const union msk_address *to)
{
    struct msk_net *net = context;
    msk_quic_unreachable(net->quic, msk_now_ns(), to);
}

static void on_settle(void *context)
{
    msk_net_turn(context);
}

static int open_sockets(struct msk_net *net, const struct msk_net_config *config, struct msk_error *err)
{
    const struct msk_udp_owner owner = {
        .datagram = on_datagram, .unreachable = on_unreachable, .settle = on_settle, .context = net};
    for (size_t i = 0; i < config->listen_count; i++) {
        union msk_address address;
        if (i >= MSK_NET_LISTEN_MAX || (i == 1 && config->listen[0].version == config->listen[1].version))
            return msk_fail(err, MSK_E_INVALID, "at most one address of each IP version can be listened at");
        msk_address_from_wire(&config->listen[i], &address);
        int rc = msk_udp_new(net->loop, &address, &owner, &net->sockets[i], err);
        if (rc)
            return rc;
        net->socket_count++;
    }
    return 0;
}

void msk_net_address(const struct msk_net *net, size_t index, struct msk_socket_addr *out)
{
    msk_address_to_wire(msk_udp_address(net->sockets[index]), out);
}

/* ---- beginning and end */

static int open_endpoint(struct msk_net *net, const struct msk_net_config *config, struct msk_error *err)
{
    struct msk_quic_config quic;
    const char *alpns[MSK_ALPN_COUNT];
    msk_quic_config_init(&quic);
    for (size_t i = 0; i < config->alpn_count; i++)
        alpns[i] = msk_alpn_text(config->alpns[i]);
    quic.alpns = alpns;
    quic.alpn_count = config->alpn_count;
    quic.send_queue_max = MSK_NET_SEND_QUEUE_MAX;
    quic.streams_uni_max = MSK_QUIC_ONEWAY_STREAMS_MAX;
    memcpy(quic.secret, config->secret, sizeof quic.secret);
    int rc = msk_net_debug_open(net, config, &quic, err);
    if (rc == 0)
        rc = msk_quic_new(&quic, &net->quic, err);
    msk_wipe(&quic, sizeof quic);
    return rc;
}

int msk_net_new(uv_loop_t *loop, const struct msk_net_config *config, const struct msk_net_owner *owner,
                struct msk_net **out, struct msk_error *err)
{
    struct msk_net *net = msk_calloc(1, sizeof *net);
    if (!net)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    net->loop = loop;
    net->owner = *owner;
    net->frames = config->frames;
    net->timer_ms = MSK_NEVER;
    uv_timer_init(loop, &net->timer);
    net->timer.data = net;
    int rc = open_endpoint(net, config, err);
    if (rc == 0)
        rc = open_sockets(net, config, err);
    if (rc) {
        msk_net_free(net);
        return rc;
    }
    *out = net;
    return 0;
}

static void on_timer_closed(uv_handle_t *handle)
{
    msk_free(handle->data);
}

void msk_net_free(struct msk_net *net)
{
    if (!net)
        return;
    msk_net_free_links(net);
    if (net->quic)
        msk_quic_free(net->quic);
    for (size_t i = 0; i < net->socket_count; i++)
        msk_udp_close(net->sockets[i]);
    msk_net_debug_close(net);
    uv_close((uv_handle_t *)&net->timer, on_timer_closed);
}

const struct msk_digest *msk_net_peer_id(const struct msk_net *net)
{
    return msk_quic_peer_id(net->quic);
}

struct msk_net_figures msk_net_figures(const struct msk_net *net)
{
    return net->figures;
}

void msk_net_refuse(struct msk_net *net)
{
    net->refusing = true;
}

bool msk_net_quiet(const struct msk_net *net)
{
    return net->links.count == 0 && msk_quic_idle(net->quic);
}
