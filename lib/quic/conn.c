#include <openssl/objects.h>
#include <openssl/rand.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "base/text.h"
#include "quic/internal.h"
#include "quic/tls.h"

/* Before anything is known about a path. The usual 333 ms (RFC 9002) would make one lost first packet cost a second. */
#define INITIAL_RTT_MS   100
#define ACTIVE_CIDS_MAX  5 /* as the reference */
#define INITIAL_DCID_LEN 20
#define QLOG_NAME_SIZE   (2 * NGTCP2_MAX_CIDLEN + 1)

/* All our packets leave from wherever the owner's socket is bound: ngtcp2 is given a fixed local address per family. */
static ngtcp2_path path_to(const union msk_address *remote)
{
    static union msk_address local4 = {.v4 = {.sin_family = AF_INET}}, local6 = {.v6 = {.sin6_family = AF_INET6}};
    union msk_address *local = remote->any.sa_family == AF_INET ? &local4 : &local6;
    return (ngtcp2_path){
        .local = {.addr = &local->any, .addrlen = msk_address_len(local)},
        .remote = {.addr = (struct sockaddr *)&remote->any, .addrlen = msk_address_len(remote)},
    };
}

/* ---- rings, events, timer */

void msk_conn_ready(struct msk_quic_conn *conn)
{
    msk_ring_push(&conn->quic->ready, &conn->in_ready);
}

void msk_conn_raise(struct msk_quic_conn *conn, unsigned events)
{
    conn->events |= events;
    msk_ring_push(&conn->quic->eventful, &conn->in_eventful);
}

static uint64_t silence_ends_ns(const struct msk_quic_conn *conn)
{
    return conn->patience_ns ? conn->heard_ns + conn->patience_ns : UINT64_MAX;
}

void msk_conn_set_timer(struct msk_quic_conn *conn)
{
    uint64_t deadline_ns = UINT64_MAX;
    if (conn->state == CONN_OVER) {
        if (conn->holds & HOLD_PERIOD)
            deadline_ns = conn->repeat_at_ns < conn->over_at_ns ? conn->repeat_at_ns : conn->over_at_ns;
    } else {
        deadline_ns = ngtcp2_conn_get_expiry2(conn->ngtcp2);
        if (conn->linger_until_ns < deadline_ns)
            deadline_ns = conn->linger_until_ns;
        if (silence_ends_ns(conn) < deadline_ns)
            deadline_ns = silence_ends_ns(conn);
    }
    msk_timers_set(&conn->quic->timers, &conn->timer, deadline_ns);
}

static void conn_due(struct msk_timer *timer, uint64_t now_ns)
{
    struct msk_quic_conn *conn = MSK_RING_ITEM(timer, struct msk_quic_conn, timer);
    if (conn->state == CONN_OVER) {
        msk_conn_over_due(conn, now_ns);
        return;
    }
    if (conn->state == CONN_CLOSING)
        return;
    if (conn->linger_until_ns <= now_ns) {
        msk_conn_close_with_packet(conn, now_ns);
        return;
    }
    int rc = silence_ends_ns(conn) <= now_ns ? NGTCP2_ERR_IDLE_CLOSE : ngtcp2_conn_handle_expiry(conn->ngtcp2, now_ns);
    if (rc != 0)
        msk_conn_fail(conn, now_ns, rc);
    else
        msk_conn_ready(conn);
}

/* ---- accepted handshakes in flight, per network address */

static struct msk_bytes network_of(const union msk_address *address)
{
    return address->any.sa_family == AF_INET ? MSK_BYTES(&address->v4.sin_addr, 4)
                                             : MSK_BYTES(&address->v6.sin6_addr, 8);
}

static size_t handshakes_from(const struct msk_quic *quic, struct msk_bytes network)
{
    return (size_t)(uintptr_t)msk_map_get(&quic->addresses, network.data, network.len);
}

static int count_handshake(struct msk_quic_conn *conn)
{
    struct msk_quic *quic = conn->quic;
    struct msk_bytes network = network_of(&conn->remote);
    size_t count = handshakes_from(quic, network);
    if (count >= quic->config.handshakes_per_address_max)
        return MSK_E_LIMIT;
    msk_map_remove(&quic->addresses, network.data, network.len);
    int rc = msk_map_put(&quic->addresses, network.data, network.len, (void *)(uintptr_t)(count + 1));
    if (rc < 0)
        return rc;
    conn->counted = true;
    quic->handshakes++;
    return 0;
}

void msk_conn_uncount(struct msk_quic_conn *conn)
{
    if (!conn->counted)
        return;
    struct msk_quic *quic = conn->quic;
    struct msk_bytes network = network_of(&conn->remote);
    size_t count = handshakes_from(quic, network);
    msk_map_remove(&quic->addresses, network.data, network.len);
    if (count > 1)
        msk_map_put(&quic->addresses, network.data, network.len, (void *)(uintptr_t)(count - 1)); /* there is room */
    conn->counted = false;
    quic->handshakes--;
}

/* ---- making and unmaking */

static void write_qlog(void *context, uint32_t flags, const void *data, size_t len)
{
    const struct msk_quic_conn *conn = context;
    const struct msk_quic_config *config = &conn->quic->config;
    const ngtcp2_cid *cid = &conn->initial_dcid;
    char name[QLOG_NAME_SIZE];
    msk_hex_encode(MSK_BYTES(cid->data, cid->datalen), name);
    config->qlog(config->context, name, MSK_BYTES(data, len), flags & NGTCP2_QLOG_WRITE_FLAG_FIN);
}

static void set_up(const struct msk_quic_conn *conn, uint64_t now_ns, ngtcp2_settings *settings,
                   ngtcp2_transport_params *params)
{
    static const uint32_t versions[] = {NGTCP2_PROTO_VER_V1};
    const struct msk_quic_config *config = &conn->quic->config;
    ngtcp2_settings_default(settings);
    settings->initial_ts = now_ns;
    settings->initial_rtt = INITIAL_RTT_MS * MSK_MS;
    settings->max_tx_udp_payload_size = MSK_QUIC_DATAGRAM_MAX;
    settings->handshake_timeout = config->handshake_timeout_ms * MSK_MS;
    settings->max_window = config->connection_window_max;
    settings->max_stream_window = config->stream_window_max;
    settings->preferred_versions = settings->available_versions = versions;
    settings->preferred_versionslen = settings->available_versionslen = 1;
    if (config->qlog)
        settings->qlog_write = write_qlog;

    ngtcp2_transport_params_default(params);
    params->initial_max_data = config->connection_window;
    params->initial_max_stream_data_bidi_local = config->stream_window;
    params->initial_max_stream_data_bidi_remote = config->stream_window;
    params->initial_max_stream_data_uni = config->stream_window;
    params->initial_max_streams_bidi = config->streams_bidi_max;
    params->initial_max_streams_uni = config->streams_uni_max;
    params->max_idle_timeout = config->idle_timeout_ms * MSK_MS;
    params->active_connection_id_limit = ACTIVE_CIDS_MAX;
}

static int conn_new(struct msk_quic *quic, uint64_t now_ns, const union msk_address *remote, struct msk_quic_conn **out)
{
    struct msk_quic_conn *conn = msk_calloc(1, sizeof *conn);
    if (!conn)
        return MSK_E_NOMEM;
    conn->quic = quic;
    conn->remote = *remote;
    conn->started_ns = now_ns;
    conn->linger_until_ns = UINT64_MAX;
    struct msk_ring *rings[] = {&conn->in_conns, &conn->in_ready, &conn->in_eventful,     &conn->in_dial,
                                &conn->streams,  &conn->sendable, &conn->eventful_streams};
    for (size_t i = 0; i < sizeof rings / sizeof *rings; i++)
        msk_ring_init(rings[i]);
    int rc = msk_timers_add(&quic->timers, &conn->timer, conn_due);
    if (rc < 0) {
        msk_free(conn);
        return rc;
    }
    conn->number = ++quic->conns_made;
    quic->conn_count++;
    msk_ring_push(&quic->conns, &conn->in_conns);
    *out = conn;
    return 0;
}

static void free_streams(struct msk_quic_conn *conn)
{
    while (!msk_ring_empty(&conn->streams))
        msk_stream_free(MSK_RING_FIRST(&conn->streams, struct msk_quic_stream, in_conn));
}

void msk_conn_drop_state(struct msk_quic_conn *conn)
{
    ngtcp2_conn_del(conn->ngtcp2);
    conn->ngtcp2 = NULL;
    msk_tls_detach(conn);
}

static void forget_ids(struct msk_quic_conn *conn)
{
    struct msk_quic *quic = conn->quic;
    for (size_t i = 0; i < conn->cid_count; i++)
        msk_map_remove(&quic->cids, conn->cids[i], CID_LEN);
    const ngtcp2_cid *first = &conn->initial_dcid;
    if (!conn->dialled && msk_map_get(&quic->cids, first->data, first->datalen) == conn)
        msk_map_remove(&quic->cids, first->data, first->datalen);
    for (size_t i = 0; i < conn->token_count; i++)
        msk_map_remove(&quic->resets, conn->tokens[i].data, sizeof conn->tokens[i].data);
}

void msk_conn_free(struct msk_quic_conn *conn)
{
    struct msk_quic *quic = conn->quic;
    msk_conn_uncount(conn);
    msk_conn_drop_state(conn);
    forget_ids(conn);
    free_streams(conn);
    msk_timers_remove(&quic->timers, &conn->timer);
    struct msk_ring *links[] = {&conn->in_conns, &conn->in_ready, &conn->in_eventful, &conn->in_dial};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        msk_ring_remove(links[i]);
    quic->conn_count--;
    msk_free(conn->close_packet);
    msk_free(conn->alpn);
    msk_free(conn);
}

void msk_conn_unhold(struct msk_quic_conn *conn, unsigned holds)
{
    conn->holds &= ~holds;
    if (conn->holds == 0)
        msk_conn_free(conn);
    else
        msk_conn_set_timer(conn);
}

/* ---- client */

static int dial_with(struct msk_quic_conn *conn, const struct msk_quic_dial *dial, uint64_t now_ns)
{
    conn->dialled = true;
    conn->peer = dial->peer;
    conn->alpn = msk_strdup(dial->alpn);
    uint8_t random[INITIAL_DCID_LEN];
    ngtcp2_cid scid;
    if (!conn->alpn || RAND_bytes(random, sizeof random) != 1 || msk_conn_new_cid(conn, &scid) < 0)
        return MSK_E_NOMEM;
    ngtcp2_cid_init(&conn->initial_dcid, random, sizeof random);
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    set_up(conn, now_ns, &settings, &params);
    settings.handshake_timeout = UINT64_MAX; /* the dial has one for all its attempts */
    ngtcp2_path path = path_to(&conn->remote);
    if (ngtcp2_conn_client_new(&conn->ngtcp2, &conn->initial_dcid, &scid, &path, NGTCP2_PROTO_VER_V1,
                               &msk_quic_callbacks, &settings, &params, &msk_quic_mem, conn) != 0)
        return MSK_E_NOMEM;
    return msk_tls_attach(conn);
}

int msk_conn_dial(struct msk_quic_dial *dial, uint64_t now_ns, const union msk_address *to, struct msk_quic_conn **out)
{
    struct msk_quic_conn *conn;
    int rc = conn_new(dial->quic, now_ns, to, &conn);
    if (rc < 0)
        return rc;
    rc = dial_with(conn, dial, now_ns);
    if (rc < 0) {
        msk_conn_free(conn);
        return rc;
    }
    conn->dial = dial;
    msk_ring_push(&dial->attempts, &conn->in_dial);
    msk_conn_ready(conn);
    *out = conn;
    return 0;
}

/* ---- server */

static int accept_with(struct msk_quic_conn *conn, uint64_t now_ns, const ngtcp2_pkt_hd *initial,
                       const ngtcp2_cid *original)
{
    ngtcp2_cid scid;
    conn->initial_dcid = initial->dcid;
    conn->answered_ns = now_ns;
    int rc = count_handshake(conn);
    if (rc < 0)
        return rc;
    if (msk_map_put(&conn->quic->cids, initial->dcid.data, initial->dcid.datalen, conn) < 0 ||
        msk_conn_new_cid(conn, &scid) < 0)
        return MSK_E_NOMEM;
    ngtcp2_settings settings;
    ngtcp2_transport_params params;
    set_up(conn, now_ns, &settings, &params);
    params.original_dcid = *original;
    params.original_dcid_present = 1;
    if (!ngtcp2_cid_eq(original, &initial->dcid)) {
        params.retry_scid = initial->dcid;
        params.retry_scid_present = 1;
        settings.token = initial->token;
        settings.tokenlen = initial->tokenlen;
        settings.token_type = NGTCP2_TOKEN_TYPE_RETRY;
    }
    ngtcp2_stateless_reset_token token;
    msk_reset_token(conn->quic, &scid, &token);
    memcpy(params.stateless_reset_token, token.data, sizeof token.data);
    params.stateless_reset_token_present = 1;
    ngtcp2_path path = path_to(&conn->remote);
    if (ngtcp2_conn_server_new(&conn->ngtcp2, &initial->scid, &scid, &path, initial->version, &msk_quic_callbacks,
                               &settings, &params, &msk_quic_mem, conn) != 0)
        return MSK_E_NOMEM;
    return msk_tls_attach(conn);
}

int msk_conn_accept(struct msk_quic *quic, uint64_t now_ns, const union msk_address *from, const ngtcp2_pkt_hd *initial,
                    const ngtcp2_cid *original, struct msk_bytes datagram)
{
    struct msk_quic_conn *conn;
    int rc = conn_new(quic, now_ns, from, &conn);
    if (rc < 0)
        return rc;
    rc = accept_with(conn, now_ns, initial, original);
    if (rc < 0) {
        msk_conn_free(conn);
        return rc;
    }
    msk_conn_receive(conn, now_ns, from, datagram);
    return 0;
}

/* ---- datagrams in and out */

void msk_conn_receive(struct msk_quic_conn *conn, uint64_t now_ns, const union msk_address *from,
                      struct msk_bytes datagram)
{
    if (conn->state == CONN_OVER || conn->state == CONN_CLOSING) {
        msk_conn_late_packet(conn);
        return;
    }
    ngtcp2_path path = path_to(from);
    ngtcp2_pkt_info info = {0};
    int rc = ngtcp2_conn_read_pkt(conn->ngtcp2, &path, &info, datagram.data, datagram.len, now_ns);
    if (conn->answered_ns == 0)
        conn->answered_ns = now_ns;
    if (rc == 0 && !conn->announced && ngtcp2_conn_get_handshake_completed2(conn->ngtcp2)) {
        ngtcp2_conn_set_tls_alert(conn->ngtcp2, SSL_AD_NO_APPLICATION_PROTOCOL);
        rc = NGTCP2_ERR_CRYPTO;
    }
    conn->heard_ns = now_ns;
    if (rc != 0)
        msk_conn_fail(conn, now_ns, rc);
    else if (conn->linger_until_ns != UINT64_MAX && conn->queued == 0)
        msk_conn_close_with_packet(conn, now_ns);
    else
        msk_conn_ready(conn);
}

/* Where ngtcp2 wants the packet to go: not always where the peer was last, as when a new path is being validated. */
static const union msk_address *target(const ngtcp2_path_storage *storage, union msk_address *out)
{
    bool known = msk_address_from_sockaddr(storage->path.remote.addr, out) == 0;
    msk_assert(known);
    return out;
}

static bool send_batch(struct msk_quic_conn *conn, uint64_t now_ns, const struct outlet *outlet)
{
    struct msk_quic *quic = conn->quic;
    ngtcp2_path_storage storage;
    ngtcp2_pkt_info info;
    size_t segment_len = 0;
    ngtcp2_path_storage_zero(&storage);
    ngtcp2_ssize len = ngtcp2_conn_write_aggregate_pkt(conn->ngtcp2, &storage.path, &info, quic->out,
                                                       (size_t)MSK_QUIC_BATCH_MAX * MSK_QUIC_DATAGRAM_MAX, &segment_len,
                                                       msk_stream_write_packet, now_ns);
    if (len < 0) {
        msk_conn_fail(conn, now_ns, (int)len);
        return false;
    }
    if (len == 0)
        return false;
    union msk_address to;
    int rc = msk_quic_transmit(quic, outlet, target(&storage, &to), (size_t)len, segment_len);
    if (rc != MSK_E_UNREACHABLE || !conn->dialled || conn->answered_ns != 0)
        return true;
    msk_conn_fail_unreachable(conn, now_ns);
    return false;
}

bool msk_conn_flush(struct msk_quic_conn *conn, uint64_t now_ns, const struct outlet *outlet)
{
    if (conn->state == CONN_OVER)
        msk_conn_repeat_close(conn, outlet);
    else if (conn->state == CONN_CLOSING)
        msk_conn_send_close(conn, now_ns, outlet);
    else if (send_batch(conn, now_ns, outlet))
        return true;
    else if (conn->state == CONN_HANDSHAKE || conn->state == CONN_OPEN)
        msk_conn_set_timer(conn);
    return false;
}

/* ---- looking in */

void msk_quic_conn_info(const struct msk_quic_conn *conn, struct msk_quic_conn_info *out)
{
    *out = (struct msk_quic_conn_info){
        .number = conn->number,
        .peer = conn->peer,
        .alpn = conn->alpn,
        .dialled = conn->dialled,
        .remote = conn->remote,
        .cipher = "",
        .group = "",
        .started_ns = conn->started_ns,
        .answered_ns = conn->answered_ns,
        .connected_ns = conn->connected_ns,
    };
    if (conn->ngtcp2)
        msk_address_from_sockaddr(ngtcp2_conn_get_path2(conn->ngtcp2)->remote.addr, &out->remote);
    if (conn->ssl) {
        out->cipher = SSL_get_cipher_name(conn->ssl);
        out->group = OBJ_nid2sn((int)SSL_get_negotiated_group(conn->ssl));
    }
}

void msk_quic_conn_stats(const struct msk_quic_conn *conn, struct msk_quic_conn_stats *out)
{
    *out = (struct msk_quic_conn_stats){.queued = conn->queued};
    if (!conn->ngtcp2)
        return;
    ngtcp2_conn_info info;
    ngtcp2_conn_get_conn_info2(conn->ngtcp2, &info);
    bool measured = info.min_rtt != UINT64_MAX;
    out->rtt_us = measured ? info.smoothed_rtt / NGTCP2_MICROSECONDS : 0;
    out->rtt_min_us = measured ? info.min_rtt / NGTCP2_MICROSECONDS : 0;
    out->packets_sent = info.pkt_sent;
    out->packets_received = info.pkt_recv;
    out->packets_lost = info.pkt_lost;
    out->bytes_sent = info.bytes_sent;
    out->bytes_received = info.bytes_recv;
    out->congestion_window = info.cwnd;
}

void msk_quic_conn_set_user(struct msk_quic_conn *conn, void *user)
{
    conn->user = user;
}

void msk_quic_conn_set_patience(struct msk_quic_conn *conn, uint64_t now_ns, uint64_t patience_ms)
{
    if (conn->state != CONN_OPEN)
        return;
    conn->heard_ns = now_ns;
    conn->patience_ns = patience_ms * MSK_MS;
    msk_conn_set_timer(conn);
}

int msk_quic_conn_export(const struct msk_quic_conn *conn, struct msk_bytes label, struct msk_bytes context,
                         uint8_t out[32])
{
    if (conn->state != CONN_OPEN)
        return MSK_E_CLOSED;
    if (SSL_export_keying_material(conn->ssl, out, 32, (const char *)label.data, label.len, context.data, context.len,
                                   1) != 1)
        return MSK_E_CRYPTO;
    return 0;
}
