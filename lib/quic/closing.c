/* How connections end: what ngtcp2 reports turned into one struct msk_quic_close, CONNECTION_CLOSE delivered as surely
 * as can be, late packets answered (RFC 9000 10). */

#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "quic/internal.h"

/* Closing and draining last three probe timeouts (RFC 9000 10.2). Within the first two of them the close is repeated
 * unasked, since a peer with nothing to send would never ask, and wait for its idle time-out instead. */
#define PERIOD_PTOS 3

/* ---- words */

static const char *const transport_errors[] = {
    "NO_ERROR",
    "INTERNAL_ERROR",
    "CONNECTION_REFUSED",
    "FLOW_CONTROL_ERROR",
    "STREAM_LIMIT_ERROR",
    "STREAM_STATE_ERROR",
    "FINAL_SIZE_ERROR",
    "FRAME_ENCODING_ERROR",
    "TRANSPORT_PARAMETER_ERROR",
    "CONNECTION_ID_LIMIT_ERROR",
    "PROTOCOL_VIOLATION",
    "INVALID_TOKEN",
    "APPLICATION_ERROR",
    "CRYPTO_BUFFER_EXCEEDED",
    "KEY_UPDATE_ERROR",
    "AEAD_LIMIT_REACHED",
    "NO_VIABLE_PATH",
};
#define TRANSPORT_ERRORS (sizeof transport_errors / sizeof *transport_errors)

#define ERROR_TEXT_SIZE 96

static bool is_alert(uint64_t code)
{
    return code >= NGTCP2_CRYPTO_ERROR && code <= NGTCP2_CRYPTO_ERROR + 0xff;
}

static const char *error_text(uint64_t code, char out[ERROR_TEXT_SIZE])
{
    if (is_alert(code)) {
        int alert = (int)(code - NGTCP2_CRYPTO_ERROR);
        snprintf(out, ERROR_TEXT_SIZE, "TLS alert %d (%s)", alert, SSL_alert_desc_string_long(alert));
    } else if (code < TRANSPORT_ERRORS) {
        snprintf(out, ERROR_TEXT_SIZE, "QUIC error %s", transport_errors[code]);
    } else {
        snprintf(out, ERROR_TEXT_SIZE, "QUIC error 0x%llx", (unsigned long long)code);
    }
    return out;
}

static int error_of(uint64_t code)
{
    if (is_alert(code) || code == NGTCP2_CONNECTION_REFUSED)
        return MSK_E_REFUSED;
    return code == NGTCP2_NO_ERROR || code == NGTCP2_APPLICATION_ERROR ? MSK_E_CLOSED : MSK_E_PROTOCOL;
}

static void copy_reason(char out[MSK_QUIC_REASON_MAX + 1], const uint8_t *reason, size_t len)
{
    if (len > MSK_QUIC_REASON_MAX)
        len = MSK_QUIC_REASON_MAX;
    for (size_t i = 0; i < len; i++)
        out[i] = reason[i] >= ' ' && reason[i] <= '~' ? (char)reason[i] : '?';
    out[len] = 0;
}

__attribute__((format(printf, 4, 5))) static void set_close(struct msk_quic_conn *conn, int error, uint64_t code,
                                                            const char *format, ...)
{
    conn->close.by = MSK_QUIC_BY_TRANSPORT;
    conn->close.error = error;
    conn->close.code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(conn->close.detail, sizeof conn->close.detail, format, args);
    va_end(args);
}

void msk_conn_set_local_close(struct msk_quic_conn *conn, uint64_t code, const char *reason)
{
    struct msk_quic_close *close = &conn->close;
    *close = (struct msk_quic_close){.by = MSK_QUIC_BY_LOCAL, .code = code};
    copy_reason(close->reason, (const uint8_t *)reason, strlen(reason));
    snprintf(close->detail, sizeof close->detail, "closed by us with %llu%s%s", (unsigned long long)code,
             *close->reason ? " " : "", close->reason);
    ngtcp2_ccerr_set_application_error(&conn->ccerr, code, (const uint8_t *)close->reason, strlen(close->reason));
}

static void set_peer_close(struct msk_quic_conn *conn)
{
    const ngtcp2_ccerr *ccerr = ngtcp2_conn_get_ccerr2(conn->ngtcp2);
    struct msk_quic_close *close = &conn->close;
    char text[ERROR_TEXT_SIZE];
    copy_reason(close->reason, ccerr->reason, ccerr->reasonlen);
    const char *gap = *close->reason ? " " : "";
    if (ccerr->type == NGTCP2_CCERR_TYPE_APPLICATION) {
        set_close(conn, 0, ccerr->error_code, "closed by the peer with %llu%s%s", (unsigned long long)ccerr->error_code,
                  gap, close->reason);
        close->by = MSK_QUIC_BY_PEER;
    } else {
        set_close(conn, error_of(ccerr->error_code), ccerr->error_code, "the peer reports %s%s%s",
                  error_text(ccerr->error_code, text), gap, close->reason);
    }
}

static void set_tls_close(struct msk_quic_conn *conn)
{
    uint8_t alert = ngtcp2_conn_get_tls_alert2(conn->ngtcp2);
    uint64_t code = NGTCP2_CRYPTO_ERROR + alert;
    char text[ERROR_TEXT_SIZE], found[MSK_DIGEST_TEXT_SIZE];
    ngtcp2_ccerr_set_tls_alert(&conn->ccerr, alert, NULL, 0);
    if (conn->wrong_key)
        set_close(conn, MSK_E_REFUSED, code, "another peer answers there: %s",
                  msk_digest_text(&conn->presented, found));
    else
        set_close(conn, MSK_E_REFUSED, code, "the handshake failed here with %s", error_text(code, text));
    ERR_clear_error();
}

static void set_library_close(struct msk_quic_conn *conn, int liberr)
{
    ngtcp2_ccerr_set_liberr(&conn->ccerr, liberr, NULL, 0);
    int error = liberr == NGTCP2_ERR_NOMEM || liberr == NGTCP2_ERR_CALLBACK_FAILURE ? MSK_E_NOMEM : MSK_E_PROTOCOL;
    set_close(conn, error, conn->ccerr.error_code, "ended here by %s", ngtcp2_strerror(liberr));
}

static void set_timeout_close(struct msk_quic_conn *conn, const char *what)
{
    set_close(conn, MSK_E_TIMEOUT, NGTCP2_NO_ERROR, "%s", what);
}

/* ---- ending */

/* What everybody but the peer is told. */
static void finish(struct msk_quic_conn *conn, enum conn_state state, uint64_t now_ns)
{
    conn->state = state;
    conn->holds |= HOLD_PERIOD;
    msk_conn_uncount(conn);
    if (conn->announced) {
        conn->holds |= HOLD_EVENT;
        msk_conn_raise(conn, EVENT_CLOSED);
    } else if (conn->dial) {
        msk_dial_attempt_failed(conn->dial, conn, now_ns);
    }
}

void msk_conn_close_with_packet(struct msk_quic_conn *conn, uint64_t now_ns)
{
    finish(conn, CONN_CLOSING, now_ns);
    msk_conn_ready(conn);
}

/* No more packets from us. The connection ids stay known for a while, so that late packets are not taken for strays. */
static void become_over(struct msk_quic_conn *conn, uint64_t now_ns, uint64_t period_ns)
{
    conn->state = CONN_OVER;
    conn->over_at_ns = now_ns + period_ns;
    conn->repeat_at_ns = UINT64_MAX;
    if (conn->close_packet) {
        conn->repeat_interval_ns = period_ns / PERIOD_PTOS;
        conn->repeat_at_ns = now_ns + conn->repeat_interval_ns;
    }
    msk_conn_drop_state(conn);
    msk_conn_set_timer(conn);
}

static void drain(struct msk_quic_conn *conn, uint64_t now_ns)
{
    uint64_t period_ns = PERIOD_PTOS * ngtcp2_conn_get_pto2(conn->ngtcp2);
    finish(conn, CONN_OVER, now_ns);
    become_over(conn, now_ns, period_ns);
}

static void vanish(struct msk_quic_conn *conn, uint64_t now_ns)
{
    finish(conn, CONN_OVER, now_ns);
    become_over(conn, now_ns, 0);
}

void msk_conn_fail(struct msk_quic_conn *conn, uint64_t now_ns, int liberr)
{
    switch (liberr) {
    case NGTCP2_ERR_DRAINING:
        if (conn->reset_by_peer)
            set_close(conn, MSK_E_CLOSED, NGTCP2_NO_ERROR, "the peer has forgotten this connection (stateless reset)");
        else
            set_peer_close(conn);
        drain(conn, now_ns);
        return;
    case NGTCP2_ERR_CRYPTO:
        set_tls_close(conn);
        msk_conn_close_with_packet(conn, now_ns);
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
        set_timeout_close(conn, "nothing was heard of the peer for the idle time");
        vanish(conn, now_ns);
        return;
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        set_timeout_close(conn, "the handshake was not completed in time");
        vanish(conn, now_ns);
        return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
    case NGTCP2_ERR_VERSION_NEGOTIATION_FAILURE:
        set_close(conn, MSK_E_PROTOCOL, NGTCP2_NO_ERROR, "the peer does not speak QUIC version 1");
        vanish(conn, now_ns);
        return;
    case NGTCP2_ERR_RETRY: /* the client has to come again; msk_quic_receive decides on Retry before it gets here */
    case NGTCP2_ERR_DROP_CONN:
        set_library_close(conn, liberr);
        vanish(conn, now_ns);
        return;
    default:
        set_library_close(conn, liberr);
        msk_conn_close_with_packet(conn, now_ns);
    }
}

void msk_conn_fail_unreachable(struct msk_quic_conn *conn, uint64_t now_ns)
{
    set_close(conn, MSK_E_UNREACHABLE, NGTCP2_NO_ERROR, "nobody listens there");
    vanish(conn, now_ns);
}

void msk_quic_conn_close(struct msk_quic_conn *conn, uint64_t now_ns, uint64_t code, const char *reason,
                         uint64_t linger_ms)
{
    if (conn->state != CONN_OPEN || conn->linger_until_ns != UINT64_MAX)
        return;
    msk_conn_set_local_close(conn, code, reason);
    while (!msk_ring_empty(&conn->eventful_streams))
        msk_ring_remove(conn->eventful_streams.next);
    if (linger_ms == 0 || conn->queued == 0) {
        msk_conn_close_with_packet(conn, now_ns);
        return;
    }
    conn->linger_until_ns = now_ns + linger_ms * MSK_MS;
    msk_conn_ready(conn); /* which sets the timer, too */
}

/* ---- telling the peer */

void msk_conn_send_close(struct msk_quic_conn *conn, uint64_t now_ns, const struct outlet *outlet)
{
    struct msk_quic *quic = conn->quic;
    ngtcp2_path_storage storage;
    ngtcp2_pkt_info info;
    ngtcp2_path_storage_zero(&storage);
    uint64_t period_ns = PERIOD_PTOS * ngtcp2_conn_get_pto2(conn->ngtcp2);
    ngtcp2_ssize len = ngtcp2_conn_write_connection_close(conn->ngtcp2, &storage.path, &info, quic->out,
                                                          MSK_QUIC_DATAGRAM_MAX, &conn->ccerr, now_ns);
    if (len <= 0 || msk_address_from_sockaddr(storage.path.remote.addr, &conn->remote) < 0) {
        become_over(conn, now_ns, 0); /* not possible yet, or no longer */
        return;
    }
    conn->close_packet = msk_memdup(quic->out, (size_t)len); /* without memory it is sent once only */
    conn->close_packet_len = (size_t)len;
    become_over(conn, now_ns, period_ns);
    msk_quic_transmit(quic, outlet, &conn->remote, (size_t)len, (size_t)len);
}

void msk_conn_repeat_close(struct msk_quic_conn *conn, const struct outlet *outlet)
{
    if (!conn->repeat_close || !conn->close_packet)
        return;
    conn->repeat_close = false;
    memcpy(conn->quic->out, conn->close_packet, conn->close_packet_len);
    msk_quic_transmit(conn->quic, outlet, &conn->remote, conn->close_packet_len, conn->close_packet_len);
}

/* Answered ever more rarely, so that two ends cannot keep each other busy. */
void msk_conn_late_packet(struct msk_quic_conn *conn)
{
    unsigned count = ++conn->late_packets;
    if (conn->state != CONN_OVER || (count & (count - 1)) != 0)
        return;
    conn->repeat_close = true;
    msk_conn_ready(conn);
}

void msk_conn_over_due(struct msk_quic_conn *conn, uint64_t now_ns)
{
    if (now_ns >= conn->over_at_ns) {
        msk_conn_unhold(conn, HOLD_PERIOD);
        return;
    }
    conn->repeat_close = true;
    conn->repeat_at_ns += conn->repeat_interval_ns;
    msk_conn_ready(conn);
    msk_conn_set_timer(conn);
}
