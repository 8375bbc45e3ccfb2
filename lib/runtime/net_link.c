#include <string.h>

#include "base/alloc.h"
#include "quic/link.h"
#include "quic/oneway.h"
#include "runtime/frame_log.h"
#include "runtime/net_internal.h"
#include "runtime/now.h"
#include "wire/close_code.h"

/* A dial, or a connection with its streams. It is in the map until its end has been told. */
struct net_link {
    struct msk_net *net;
    uint64_t number;
    enum msk_alpn alpn;
    struct msk_quic_dial *dial;
    struct msk_quic_conn *conn;
    union { /* once connected, by protocol */
        struct msk_quic_link framed;
        struct msk_quic_oneway oneway; /* of the announce protocol */
    };
    bool told; /* the owner knows its end, or has asked for it */
    struct msk_frame_log_link log;
    uint64_t frames_in, frames_out;
};

static struct net_link *find(const struct msk_net *net, uint64_t number)
{
    return msk_map_get(&net->links, &number, sizeof number);
}

static struct net_link *add(struct msk_net *net, uint64_t number, enum msk_alpn alpn)
{
    struct net_link *link = msk_calloc(1, sizeof *link);
    if (!link)
        return NULL;
    *link = (struct net_link){.net = net, .number = number, .alpn = alpn};
    if (msk_map_put(&net->links, &number, sizeof number, link)) {
        msk_free(link);
        return NULL;
    }
    return link;
}

static bool is_oneway(const struct net_link *link)
{
    return link->alpn == MSK_ALPN_ANNOUNCE;
}

static void free_link(struct net_link *link)
{
    if (link->conn && is_oneway(link))
        msk_quic_oneway_free(&link->oneway);
    else if (link->conn)
        msk_quic_link_free(&link->framed);
    msk_free(link);
}

/* Its handles are over, or not its own any more. */
static void drop(struct net_link *link)
{
    msk_map_remove(&link->net->links, &link->number, sizeof link->number);
    free_link(link);
}

void msk_net_free_links(struct msk_net *net)
{
    size_t position = 0;
    for (struct net_link *link; (link = msk_map_next(&net->links, &position));)
        free_link(link);
    msk_map_free(&net->links);
}

static void tell_closed(struct net_link *link, const struct msk_link_close *close)
{
    if (link->told)
        return;
    link->told = true;
    link->net->owner.closed(link->net->owner.context, link->number, close);
}

/* We end it, for a reason of our own. */
static void give_up(struct net_link *link, uint64_t code, const char *detail)
{
    msk_quic_conn_close(link->conn, msk_now_ns(), code, msk_close_name(code), 0);
    tell_closed(link, &(struct msk_link_close){.by = MSK_CLOSED_LOCAL, .code = code, .detail = detail});
}

static void check_sent(struct net_link *link, int rc)
{
    if (rc == MSK_E_LIMIT)
        give_up(link, MSK_CLOSE_TIMEOUT, "the peer does not read what it is sent (W-26)");
    else if (rc == MSK_E_NOMEM || (rc == MSK_E_CLOSED && is_oneway(link)))
        give_up(link, MSK_CLOSE_DROPPED, rc == MSK_E_NOMEM ? msk_error_sentence(rc) : "the peer reads no more");
}

/* ---- opening */

void msk_net_dial(struct msk_net *net, uint64_t number, const struct msk_digest *peer, enum msk_alpn alpn,
                  const struct msk_transport_addr_set *addresses)
{
    union msk_address to[MSK_QUIC_DIAL_ADDRESSES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < addresses->count && count < MSK_QUIC_DIAL_ADDRESSES_MAX; i++)
        if (addresses->items[i].kind == MSK_ADDR_IP)
            msk_address_from_wire(&addresses->items[i].ip, &to[count++]);
    struct net_link *link = add(net, number, alpn);
    int rc = link ? msk_quic_dial(net->quic, msk_now_ns(), peer, msk_alpn_text(alpn), to, count, link, &link->dial)
                  : MSK_E_NOMEM;
    if (rc == 0)
        return;
    const struct msk_link_close close = {.by = MSK_CLOSED_TRANSPORT, .detail = msk_error_sentence(rc)};
    net->owner.closed(net->owner.context, number, &close);
    if (link)
        drop(link);
}

static void tell_opened(struct net_link *link)
{
    struct msk_quic_conn_info conn;
    struct msk_quic_conn_stats stats;
    msk_quic_conn_info(link->conn, &conn);
    msk_quic_conn_stats(link->conn, &stats);
    struct msk_link_info info = {
        .peer = conn.peer,
        .alpn = link->alpn,
        .dialled = conn.dialled,
        .rtt_us = stats.rtt_us,
        .export_secret = msk_net_export,
        .export_context = link->net,
    };
    msk_address_to_wire(&conn.remote, &info.remote);
    link->net->owner.opened(link->net->owner.context, link->number, &info);
}

static void on_connected(struct net_link *link, struct msk_quic_conn *conn)
{
    link->dial = NULL;
    link->conn = conn;
    msk_quic_conn_set_user(conn, link);
    if (link->net->frames)
        msk_frame_log_begin(&link->log, link->number, link->alpn, conn);
    int rc = 0;
    if (is_oneway(link)) {
        msk_quic_oneway_init(&link->oneway, conn);
        msk_quic_conn_set_patience(conn, msk_now_ns(), MSK_NET_GOSSIP_SILENCE_MS);
    } else {
        link->net->figures.opened++;
        rc = msk_quic_link_init(&link->framed, conn);
    }
    if (rc)
        give_up(link, MSK_CLOSE_DROPPED, rc == MSK_E_LIMIT ? "the peer allows no stream" : msk_error_sentence(rc));
    else
        tell_opened(link);
}

static void on_accepted(struct msk_net *net, struct msk_quic_conn *conn)
{
    struct msk_quic_conn_info info;
    struct net_link *link = NULL;
    msk_quic_conn_info(conn, &info);
    if (!net->refusing)
        link = add(net, net->owner.new_link(net->owner.context), msk_alpn_find(info.alpn, strlen(info.alpn)));
    if (link) {
        on_connected(link, conn);
    } else {
        uint64_t code = net->refusing ? MSK_CLOSE_CANCELLED : MSK_CLOSE_DROPPED;
        msk_quic_conn_close(conn, msk_now_ns(), code, msk_close_name(code), 0);
    }
}

/* ---- frames in */

static void log_frame(struct net_link *link, enum msk_frame_direction direction, uint64_t stream, bool first,
                      struct msk_bytes frame)
{
    if (link->net->frames)
        msk_frame_log_tell(link->net->frames, &link->log, direction, stream, first, frame);
}

/* What msk_quic_link_next ended with, as the owner is told (wire.md 3.2). */
static void tell_end(struct net_link *link, int end, const char *detail)
{
    if (end == MSK_E_LIMIT)
        give_up(link, MSK_CLOSE_PROTOCOL_VIOLATION, detail);
    else if (end == MSK_E_NOMEM)
        give_up(link, MSK_CLOSE_DROPPED, detail);
    else
        tell_closed(link, &(struct msk_link_close){.by = MSK_CLOSED_PEER,
                                                   .detail = detail,
                                                   .stream_ended = true,
                                                   .inside_frame = end != MSK_E_CLOSED});
}

static void take_frames(struct net_link *link)
{
    const struct msk_net_owner *owner = &link->net->owner;
    struct msk_bytes frame;
    struct msk_error err;
    for (;;) {
        size_t max = owner->frame_max(owner->context, link->number);
        if (max == 0)
            return;
        int rc = msk_quic_link_next(&link->framed, max, &frame, &err);
        if (rc < 0)
            tell_end(link, rc, err.text);
        if (rc <= 0)
            return;
        link->net->figures.bytes_in += frame.len;
        log_frame(link, MSK_FRAME_IN, 0, link->frames_in++ == 0, frame);
        owner->frame(owner->context, link->number, frame);
    }
}

/* The frames of one of the peer's one-way streams, until it ends. */
static void take_stream(struct net_link *link, struct msk_quic_incoming *incoming)
{
    const struct msk_net_owner *owner = &link->net->owner;
    struct msk_bytes frame;
    struct msk_error err;
    int rc;
    while ((rc = msk_quic_incoming_next(incoming, MSK_FRAME_MAX_GOSSIP, &frame, &err)) == 1) {
        log_frame(link, MSK_FRAME_IN, incoming->number, incoming->frames == 1, frame);
        owner->stream_frame(owner->context, link->number, incoming->number, frame);
    }
    if (rc == 0)
        return;
    uint64_t number = incoming->number;
    msk_quic_incoming_release(incoming);
    if (rc == MSK_E_LIMIT || rc == MSK_E_NOMEM)
        tell_end(link, rc, err.text);
    else
        owner->stream_ended(owner->context, link->number, number);
}

static void on_stream(struct net_link *link, const struct msk_quic_event *event)
{
    if (is_oneway(link)) {
        struct msk_quic_incoming *incoming = msk_quic_oneway_event(&link->oneway, event);
        if (incoming && !link->told)
            take_stream(link, incoming);
    } else if (msk_quic_link_event(&link->framed, event) && !link->told) {
        take_frames(link);
    }
}

/* ---- the end */

static void on_closed(struct net_link *link, const struct msk_quic_close *close)
{
    static const enum msk_closed_by by[] = {[MSK_QUIC_BY_LOCAL] = MSK_CLOSED_LOCAL,
                                            [MSK_QUIC_BY_PEER] = MSK_CLOSED_PEER,
                                            [MSK_QUIC_BY_TRANSPORT] = MSK_CLOSED_TRANSPORT};
    tell_closed(link, &(struct msk_link_close){.by = by[close->by], .code = close->code, .detail = close->detail});
    drop(link);
}

void msk_net_take_event(struct msk_net *net, const struct msk_quic_event *event)
{
    struct net_link *link = event->user;
    switch (event->kind) {
    case MSK_QUIC_CONNECTED:
        if (event->dial)
            on_connected(link, event->conn);
        else
            on_accepted(net, event->conn);
        break;
    case MSK_QUIC_STREAM:
        if (link)
            on_stream(link, event);
        break;
    case MSK_QUIC_DIAL_FAILED:
    case MSK_QUIC_CLOSED:
        if (link)
            on_closed(link, event->close);
        break;
    case MSK_QUIC_STREAMS: /* a link's stream is opened at once or never */
        if (link && is_oneway(link) && !link->told)
            check_sent(link, msk_quic_oneway_retry(&link->oneway));
        break;
    }
}

/* ---- what the owner asks for */

void msk_net_send(struct msk_net *net, uint64_t number, struct msk_bytes frame)
{
    struct net_link *link = find(net, number);
    if (!link || link->told || !link->conn)
        return;
    if (!is_oneway(link))
        net->figures.bytes_out += frame.len;
    log_frame(link, MSK_FRAME_OUT, 0, link->frames_out++ == 0, frame);
    check_sent(link,
               is_oneway(link) ? msk_quic_oneway_send(&link->oneway, frame) : msk_quic_link_send(&link->framed, frame));
}

void msk_net_close(struct msk_net *net, uint64_t number, uint64_t code, bool flush)
{
    struct net_link *link = find(net, number);
    if (!link)
        return;
    link->told = true;
    if (link->dial) {
        msk_quic_dial_cancel(link->dial, msk_now_ns());
        drop(link);
    } else {
        if (flush && is_oneway(link))
            msk_quic_oneway_finish(&link->oneway);
        msk_quic_conn_close(link->conn, msk_now_ns(), code, msk_close_name(code), flush ? MSK_NET_LINGER_MS : 0);
    }
}

int msk_net_export(void *context, uint64_t number, struct msk_bytes label, uint8_t out[32])
{
    const struct net_link *link = find(context, number);
    if (!link || !link->conn)
        return MSK_E_CLOSED;
    return msk_quic_conn_export(link->conn, label, msk_bytes_of_text(msk_alpn_text(link->alpn)), out);
}

const struct msk_quic_conn *msk_net_conn(const struct msk_net *net, uint64_t number)
{
    const struct net_link *link = find(net, number);
    return link ? link->conn : NULL;
}

void msk_net_each(const struct msk_net *net,
                  void (*each)(void *context, uint64_t link, const struct msk_quic_conn *conn), void *context)
{
    size_t position = 0;
    for (const struct net_link *link; (link = msk_map_next(&net->links, &position));)
        if (link->conn && !link->told)
            each(context, link->number, link->conn);
}
