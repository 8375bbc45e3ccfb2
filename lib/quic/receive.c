/* Whose datagram is it? A connection's, a stranger's first, or nobody's. */

#include <string.h>

#include "quic/internal.h"

#define RETRY_TOKEN_VALID_MS 10000

static struct msk_quic_conn *find_by_reset_token(const struct msk_quic *quic, struct msk_bytes datagram)
{
    if (datagram.len <= NGTCP2_STATELESS_RESET_TOKENLEN)
        return NULL;
    const uint8_t *token = datagram.data + datagram.len - NGTCP2_STATELESS_RESET_TOKENLEN;
    return msk_map_get(&quic->resets, token, NGTCP2_STATELESS_RESET_TOKENLEN);
}

/* Whether the token of a client's Initial came from our Retry to this address: 1 with `original` what the client first
 * called us, 0 if it is no such token, negative if it is a forged, stolen or stale one. */
static int check_token(const struct msk_quic *quic, uint64_t now_ns, const union msk_address *from,
                       const ngtcp2_pkt_hd *initial, ngtcp2_cid *original)
{
    if (initial->tokenlen == 0)
        return 0;
    int rc = ngtcp2_crypto_verify_retry_token2(
        original, initial->token, initial->tokenlen, quic->retry_key, sizeof quic->retry_key, initial->version,
        &from->any, msk_address_len(from), &initial->dcid, RETRY_TOKEN_VALID_MS * MSK_MS, now_ns);
    if (rc == NGTCP2_CRYPTO_ERR_UNREADABLE_TOKEN)
        return 0;
    return rc == 0 ? 1 : MSK_E_REFUSED;
}

static void receive_initial(struct msk_quic *quic, uint64_t now_ns, const union msk_address *from,
                            struct msk_bytes datagram)
{
    const struct msk_quic_config *config = &quic->config;
    ngtcp2_pkt_hd initial;
    if (ngtcp2_accept(&initial, datagram.data, datagram.len) != 0) {
        quic->stats.datagrams_dropped++;
        return;
    }
    ngtcp2_cid original = initial.dcid;
    int validated = check_token(quic, now_ns, from, &initial, &original);
    if (validated < 0)
        msk_reply_close(quic, from, &initial, NGTCP2_INVALID_TOKEN);
    else if (quic->shutting_down || quic->conn_count >= config->connections_max ||
             quic->handshakes >= config->handshakes_max)
        msk_reply_close(quic, from, &initial, NGTCP2_CONNECTION_REFUSED);
    else if (!validated && quic->handshakes >= config->retry_above)
        msk_reply_retry(quic, now_ns, from, &initial);
    else if (msk_conn_accept(quic, now_ns, from, &initial, &original, datagram) < 0)
        msk_reply_close(quic, from, &initial, NGTCP2_CONNECTION_REFUSED);
    else
        quic->stats.handshakes_accepted++;
}

void msk_quic_receive(struct msk_quic *quic, uint64_t now_ns, const union msk_address *from, struct msk_bytes datagram)
{
    ngtcp2_version_cid ids;
    quic->stats.datagrams_received++;
    int rc = datagram.len ? ngtcp2_pkt_decode_version_cid(&ids, datagram.data, datagram.len, CID_LEN)
                          : NGTCP2_ERR_INVALID_ARGUMENT;
    if (rc != 0 && rc != NGTCP2_ERR_VERSION_NEGOTIATION) {
        quic->stats.datagrams_dropped++;
        return;
    }
    struct msk_quic_conn *conn = msk_map_get(&quic->cids, ids.dcid, ids.dcidlen);
    bool long_header = ids.scid != NULL;
    if (!conn && !long_header)
        conn = find_by_reset_token(quic, datagram);
    if (conn)
        msk_conn_receive(conn, now_ns, from, datagram);
    else if (!long_header)
        msk_reply_reset(quic, from, &ids, datagram.len);
    else if (ids.version == NGTCP2_PROTO_VER_V1)
        receive_initial(quic, now_ns, from, datagram);
    else if (ids.version != 0 && datagram.len >= NGTCP2_MAX_UDP_PAYLOAD_SIZE)
        msk_reply_version_negotiation(quic, from, &ids);
    else
        quic->stats.datagrams_dropped++;
}
