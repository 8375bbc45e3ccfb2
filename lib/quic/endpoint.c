#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/alloc.h"
#include "quic/internal.h"
#include "quic/tls.h"

#define FLUSH_BATCHES_MAX 128 /* of one msk_quic_flush, after which arriving datagrams get their turn */

/* ---- making and unmaking */

void msk_quic_config_init(struct msk_quic_config *config)
{
    *config = (struct msk_quic_config){
        .idle_timeout_ms = 30000,
        .keep_alive_ms = 5000,
        .handshake_timeout_ms = 10000,
        .connections_max = 1024,
        .handshakes_max = 256,
        .handshakes_per_address_max = 64,
        .retry_above = 32,
        .streams_bidi_max = 4,
        .streams_uni_max = 64,
        .stream_window = 128u << 10,
        .stream_window_max = 2u << 20,
        .connection_window = 256u << 10,
        .connection_window_max = 4u << 20,
        .send_queue_max = 80u << 20,
    };
}

static int check_config(const struct msk_quic_config *config, struct msk_error *err)
{
    if (config->alpn_count > MSK_QUIC_ALPNS_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d protocols", MSK_QUIC_ALPNS_MAX);
    for (size_t i = 0; i < config->alpn_count; i++)
        if (!*config->alpns[i] || strlen(config->alpns[i]) > MSK_QUIC_ALPN_MAX)
            return msk_fail(err, MSK_E_INVALID, "a protocol's name has 1 to %d bytes", MSK_QUIC_ALPN_MAX);
    if (config->idle_timeout_ms == 0 || config->handshake_timeout_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "idle and handshake timeout must not be 0");
    if (config->stream_window > config->stream_window_max || config->connection_window > config->connection_window_max)
        return msk_fail(err, MSK_E_INVALID, "a window is larger than its maximum");
    return 0;
}

static int copy_alpns(struct msk_quic *quic, const struct msk_quic_config *config)
{
    struct msk_builder list;
    msk_builder_init(&list, MSK_QUIC_ALPNS_MAX * (1 + MSK_QUIC_ALPN_MAX));
    for (size_t i = 0; i < config->alpn_count; i++) {
        msk_builder_byte(&list, (uint8_t)strlen(config->alpns[i]));
        msk_builder_text(&list, config->alpns[i]);
    }
    int rc = list.error;
    quic->alpns = msk_builder_take(&list, &quic->alpns_len);
    return rc;
}

/* Reset tokens follow from the node's secret, so that a restarted node can tell its peers that their connections are
 * gone. Retry tokens and table seeds live as long as the process. */
static int make_keys(struct msk_quic *quic, const uint8_t secret[32])
{
    static const char label[] = "mosaik stateless reset";
    uint64_t seeds[3];
    if (!HMAC(EVP_sha256(), secret, 32, (const uint8_t *)label, sizeof label - 1, quic->reset_key, NULL) ||
        RAND_bytes(quic->retry_key, sizeof quic->retry_key) != 1 || RAND_bytes((uint8_t *)seeds, sizeof seeds) != 1)
        return MSK_E_CRYPTO;
    quic->cids.seed = seeds[0];
    quic->resets.seed = seeds[1];
    quic->addresses.seed = seeds[2];
    return 0;
}

static int set_up(struct msk_quic *quic, const struct msk_quic_config *config, struct msk_error *err)
{
    quic->out = msk_realloc(NULL, (size_t)MSK_QUIC_BATCH_MAX * MSK_QUIC_DATAGRAM_MAX);
    if (!quic->out || copy_alpns(quic, config) < 0)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    if (make_keys(quic, config->secret) < 0)
        return msk_fail(err, MSK_E_CRYPTO, "no random bytes");
    return msk_tls_new(quic, config->secret, err);
}

int msk_quic_new(const struct msk_quic_config *config, struct msk_quic **out, struct msk_error *err)
{
    int rc = check_config(config, err);
    if (rc < 0)
        return rc;
    struct msk_quic *quic = msk_calloc(1, sizeof *quic);
    if (!quic)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    quic->config = *config;
    msk_wipe(quic->config.secret, sizeof quic->config.secret);
    quic->config.alpns = NULL;
    struct msk_ring *rings[] = {&quic->conns, &quic->ready,        &quic->eventful,
                                &quic->dials, &quic->failed_dials, &quic->replies};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        msk_ring_init(rings[i]);
    rc = set_up(quic, config, err);
    if (rc < 0) {
        msk_quic_free(quic);
        return rc;
    }
    *out = quic;
    return 0;
}

/* What the owner was told is over, with the event before. */
static void free_parting(struct msk_quic *quic)
{
    if (quic->parting_dial)
        msk_dial_free(quic->parting_dial);
    quic->parting_dial = NULL;
    if (quic->parting_conn)
        msk_conn_unhold(quic->parting_conn, HOLD_EVENT);
    quic->parting_conn = NULL;
}

static void free_dials(struct msk_ring *dials)
{
    while (!msk_ring_empty(dials))
        msk_dial_free(MSK_RING_FIRST(dials, struct msk_quic_dial, link));
}

void msk_quic_free(struct msk_quic *quic)
{
    if (!quic)
        return;
    free_parting(quic);
    while (!msk_ring_empty(&quic->conns))
        msk_conn_free(MSK_RING_FIRST(&quic->conns, struct msk_quic_conn, in_conns));
    free_dials(&quic->dials);
    free_dials(&quic->failed_dials);
    msk_replies_free(quic);
    if (quic->tls)
        msk_tls_free(quic);
    msk_map_free(&quic->cids);
    msk_map_free(&quic->resets);
    msk_map_free(&quic->addresses);
    msk_timers_free(&quic->timers);
    msk_wipe(quic->reset_key, sizeof quic->reset_key);
    msk_wipe(quic->retry_key, sizeof quic->retry_key);
    msk_free(quic->alpns);
    msk_free(quic->out);
    msk_free(quic);
}

const struct msk_digest *msk_quic_peer_id(const struct msk_quic *quic)
{
    return &quic->id;
}

/* ---- sending */

int msk_quic_transmit(struct msk_quic *quic, const struct outlet *outlet, const union msk_address *to, size_t len,
                      size_t segment_len)
{
    int rc = outlet->send(outlet->context, to, MSK_BYTES(quic->out, len), segment_len);
    if (rc == MSK_E_LIMIT) {
        quic->blocked = true;
        quic->out_to = *to;
        quic->out_len = len;
        quic->out_segment_len = segment_len;
        return rc;
    }
    quic->blocked = false;
    quic->stats.datagrams_sent += (len + segment_len - 1) / segment_len;
    return rc;
}

static void send_replies(struct msk_quic *quic, const struct outlet *outlet)
{
    while (!quic->blocked && !msk_ring_empty(&quic->replies)) {
        struct reply *reply = MSK_RING_FIRST(&quic->replies, struct reply, link);
        memcpy(quic->out, reply->data, reply->len);
        msk_quic_transmit(quic, outlet, &reply->to, reply->len, reply->len);
        msk_ring_remove(&reply->link);
        quic->reply_count--;
        msk_free(reply);
    }
}

void msk_quic_flush(struct msk_quic *quic, uint64_t now_ns, msk_quic_send_fn send, void *context)
{
    struct outlet outlet = {send, context};
    msk_timers_fire(&quic->timers, now_ns);
    if (quic->blocked)
        msk_quic_transmit(quic, &outlet, &quic->out_to, quic->out_len, quic->out_segment_len);
    send_replies(quic, &outlet);
    for (int batches = 0; batches < FLUSH_BATCHES_MAX && !quic->blocked && !msk_ring_empty(&quic->ready); batches++) {
        struct msk_quic_conn *conn = MSK_RING_FIRST(&quic->ready, struct msk_quic_conn, in_ready);
        msk_ring_remove(&conn->in_ready);
        if (msk_conn_flush(conn, now_ns, &outlet))
            msk_conn_ready(conn);
    }
}

uint64_t msk_quic_deadline(const struct msk_quic *quic)
{
    if (!quic->blocked && (!msk_ring_empty(&quic->ready) || !msk_ring_empty(&quic->replies)))
        return 0;
    return msk_timers_next(&quic->timers);
}

/* ---- ending */

void msk_quic_unreachable(struct msk_quic *quic, uint64_t now_ns, const union msk_address *to)
{
    struct msk_ring *link = quic->conns.next;
    while (link != &quic->conns) {
        struct msk_quic_conn *conn = MSK_RING_ITEM(link, struct msk_quic_conn, in_conns);
        link = link->next;
        if (conn->dial && conn->state == CONN_HANDSHAKE && conn->answered_ns == 0 &&
            msk_address_equal(&conn->remote, to))
            msk_conn_fail_unreachable(conn, now_ns);
    }
}

void msk_quic_shutdown(struct msk_quic *quic, uint64_t now_ns, uint64_t code, const char *reason)
{
    quic->shutting_down = true;
    struct msk_ring *link = quic->dials.next;
    while (link != &quic->dials) {
        struct msk_quic_dial *dial = MSK_RING_ITEM(link, struct msk_quic_dial, link);
        link = link->next;
        msk_quic_dial_cancel(dial, now_ns);
    }
    for (link = quic->conns.next; link != &quic->conns; link = link->next) {
        struct msk_quic_conn *conn = MSK_RING_ITEM(link, struct msk_quic_conn, in_conns);
        if (conn->state != CONN_OPEN && conn->state != CONN_HANDSHAKE)
            continue;
        if (conn->linger_until_ns == UINT64_MAX)
            msk_conn_set_local_close(conn, code, reason);
        msk_conn_close_with_packet(conn, now_ns);
    }
}

bool msk_quic_idle(const struct msk_quic *quic)
{
    if (quic->blocked || !msk_ring_empty(&quic->ready) || !msk_ring_empty(&quic->replies))
        return false;
    for (const struct msk_ring *link = quic->conns.next; link != &quic->conns; link = link->next) {
        const struct msk_quic_conn *conn = MSK_RING_ITEM(link, const struct msk_quic_conn, in_conns);
        if (conn->state != CONN_OVER || (conn->close_packet && conn->connected_ns != 0))
            return false;
    }
    return true;
}

/* ---- events */

/* The next event of a connection: first that it is there, last that it is gone. */
static bool take_event(struct msk_quic_conn *conn, struct msk_quic_event *event)
{
    struct msk_quic *quic = conn->quic;
    *event = (struct msk_quic_event){.conn = conn, .user = conn->user};
    if (conn->events & EVENT_CONNECTED) {
        conn->events &= ~(unsigned)EVENT_CONNECTED;
        event->kind = MSK_QUIC_CONNECTED;
        event->dial = quic->parting_dial = conn->dial;
        if (conn->dial) {
            msk_ring_remove(&conn->dial->link);
            msk_ring_remove(&conn->in_dial);
            conn->dial = NULL;
        }
        return true;
    }
    struct msk_quic_stream *stream = MSK_RING_FIRST(&conn->eventful_streams, struct msk_quic_stream, in_eventful);
    if (stream) {
        msk_ring_remove(&stream->in_eventful);
        event->kind = MSK_QUIC_STREAM;
        event->stream = stream;
        event->changes = stream->changes;
        stream->changes = 0;
        return true;
    }
    if (conn->events & EVENT_STREAMS) {
        conn->events &= ~(unsigned)EVENT_STREAMS;
        event->kind = MSK_QUIC_STREAMS;
        return true;
    }
    if (conn->events & EVENT_CLOSED) {
        conn->events = 0;
        event->kind = MSK_QUIC_CLOSED;
        event->close = &conn->close;
        quic->parting_conn = conn;
        return true;
    }
    return false;
}

bool msk_quic_next_event(struct msk_quic *quic, struct msk_quic_event *event)
{
    free_parting(quic);
    while (!msk_ring_empty(&quic->eventful)) {
        struct msk_quic_conn *conn = MSK_RING_FIRST(&quic->eventful, struct msk_quic_conn, in_eventful);
        if (take_event(conn, event))
            return true;
        msk_ring_remove(&conn->in_eventful);
    }
    struct msk_quic_dial *dial = MSK_RING_FIRST(&quic->failed_dials, struct msk_quic_dial, link);
    if (!dial)
        return false;
    msk_ring_remove(&dial->link);
    quic->parting_dial = dial;
    *event =
        (struct msk_quic_event){.kind = MSK_QUIC_DIAL_FAILED, .dial = dial, .user = dial->user, .close = &dial->close};
    return true;
}

/* ---- figures */

void msk_quic_stats(const struct msk_quic *quic, struct msk_quic_stats *out)
{
    *out = quic->stats;
    out->connections = quic->conn_count;
}
