/* What ngtcp2 asks of us and tells us. None of these may call back into writing or reading packets. */

#include <openssl/rand.h>
#include <string.h>

#include "base/alloc.h"
#include "quic/internal.h"
#include "quic/tls.h"

#define CID_TRIES 4 /* two random ids of 8 bytes never collide twice */

static void *mem_malloc(size_t size, void *context)
{
    (void)context;
    return msk_realloc(NULL, size);
}

static void mem_free(void *block, void *context)
{
    (void)context;
    msk_free(block);
}

static void *mem_calloc(size_t count, size_t size, void *context)
{
    (void)context;
    return msk_calloc(count, size);
}

static void *mem_realloc(void *block, size_t size, void *context)
{
    (void)context;
    return msk_realloc(block, size);
}

const ngtcp2_mem msk_quic_mem = {.malloc = mem_malloc, .free = mem_free, .calloc = mem_calloc, .realloc = mem_realloc};

/* ---- connection ids and reset tokens */

int msk_conn_new_cid(struct msk_quic_conn *conn, ngtcp2_cid *cid)
{
    if (conn->cid_count == CONN_CIDS_MAX)
        return MSK_E_LIMIT;
    uint8_t *place = conn->cids[conn->cid_count];
    int rc = MSK_E_EXISTS;
    for (int tries = 0; rc == MSK_E_EXISTS && tries < CID_TRIES; tries++) {
        if (RAND_bytes(place, CID_LEN) != 1)
            return MSK_E_CRYPTO;
        rc = msk_map_put(&conn->quic->cids, place, CID_LEN, conn);
    }
    if (rc < 0)
        return rc;
    conn->cid_count++;
    ngtcp2_cid_init(cid, place, CID_LEN);
    return 0;
}

static int new_connection_id(ngtcp2_conn *ngtcp2, ngtcp2_cid *cid, ngtcp2_stateless_reset_token *token, size_t len,
                             void *context)
{
    (void)ngtcp2;
    struct msk_quic_conn *conn = context;
    if (len != CID_LEN || msk_conn_new_cid(conn, cid) < 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    msk_reset_token(conn->quic, cid, token);
    return 0;
}

static int remove_connection_id(ngtcp2_conn *ngtcp2, const ngtcp2_cid *cid, void *context)
{
    (void)ngtcp2;
    struct msk_quic_conn *conn = context;
    for (size_t i = 0; i < conn->cid_count; i++) {
        if (cid->datalen != CID_LEN || memcmp(conn->cids[i], cid->data, CID_LEN) != 0)
            continue;
        msk_map_remove(&conn->quic->cids, cid->data, cid->datalen);
        memcpy(conn->cids[i], conn->cids[--conn->cid_count], CID_LEN);
    }
    return 0;
}

static void forget_token(struct msk_quic_conn *conn, const ngtcp2_stateless_reset_token *token)
{
    for (size_t i = 0; i < conn->token_count; i++) {
        if (memcmp(&conn->tokens[i], token, sizeof *token) != 0)
            continue;
        msk_map_remove(&conn->quic->resets, token->data, sizeof token->data);
        conn->tokens[i] = conn->tokens[--conn->token_count];
        return;
    }
}

/* A stateless reset names no connection id we know, only the token: remember whose it is. One that does not fit is not
 * looked out for; the connection then ends by time-out. */
static int peer_id_status(ngtcp2_conn *ngtcp2, ngtcp2_connection_id_status_type type, uint64_t sequence,
                          const ngtcp2_cid *cid, const ngtcp2_stateless_reset_token *token, void *context)
{
    (void)ngtcp2, (void)sequence, (void)cid;
    struct msk_quic_conn *conn = context;
    if (!token)
        return 0;
    if (type == NGTCP2_CONNECTION_ID_STATUS_TYPE_DEACTIVATE)
        forget_token(conn, token);
    else if (conn->token_count < CONN_TOKENS_MAX &&
             msk_map_put(&conn->quic->resets, token->data, sizeof token->data, conn) == 0)
        conn->tokens[conn->token_count++] = *token;
    return 0;
}

static int stateless_reset(ngtcp2_conn *ngtcp2, const ngtcp2_pkt_stateless_reset2 *reset, void *context)
{
    (void)ngtcp2, (void)reset;
    ((struct msk_quic_conn *)context)->reset_by_peer = true;
    return 0;
}

static void random_bytes(uint8_t *dest, size_t len, const ngtcp2_rand_ctx *context)
{
    (void)context;
    if (RAND_bytes(dest, (int)len) != 1)
        memset(dest, 0, len); /* only padding and gaps are asked for here, nothing secret */
}

/* ---- handshake */

/* Done on our side. A connection without a protocol stays unannounced; msk_conn_receive then refuses it. */
static int handshake_completed(ngtcp2_conn *ngtcp2, void *context)
{
    struct msk_quic_conn *conn = context;
    struct msk_bytes alpn = msk_tls_alpn(conn);
    if (alpn.len == 0)
        return 0;
    if (!conn->alpn && !(conn->alpn = msk_memdup(alpn.data, alpn.len)))
        return NGTCP2_ERR_CALLBACK_FAILURE;
    conn->state = CONN_OPEN;
    conn->connected_ns = ngtcp2_conn_get_timestamp(ngtcp2);
    conn->announced = true;
    msk_conn_uncount(conn);
    if (conn->quic->config.keep_alive_ms > 0)
        ngtcp2_conn_set_keep_alive_timeout(ngtcp2, conn->quic->config.keep_alive_ms * MSK_MS);
    if (conn->dial)
        msk_dial_won(conn->dial, conn, conn->connected_ns);
    msk_conn_raise(conn, EVENT_CONNECTED);
    return 0;
}

/* ---- streams */

static int stream_opened(ngtcp2_conn *ngtcp2, int64_t id, void *context)
{
    struct msk_quic_stream *stream = msk_stream_new(context, id);
    if (!stream || ngtcp2_conn_set_stream_user_data(ngtcp2, id, stream) != 0)
        return NGTCP2_ERR_CALLBACK_FAILURE;
    msk_stream_raise(stream, MSK_QUIC_OPENED);
    return 0;
}

static int stream_data(ngtcp2_conn *ngtcp2, uint32_t flags, int64_t id, uint64_t offset, const uint8_t *data,
                       size_t len, void *context, void *stream)
{
    (void)ngtcp2, (void)id, (void)offset, (void)context;
    bool last = flags & NGTCP2_STREAM_DATA_FLAG_FIN;
    return msk_stream_received(stream, MSK_BYTES(data, len), last) < 0 ? NGTCP2_ERR_CALLBACK_FAILURE : 0;
}

static int stream_acked(ngtcp2_conn *ngtcp2, int64_t id, uint64_t offset, uint64_t len, void *context, void *stream)
{
    (void)ngtcp2, (void)id, (void)offset, (void)context;
    msk_stream_acked(stream, len);
    return 0;
}

static int stream_closed(ngtcp2_conn *ngtcp2, uint32_t flags, int64_t id, uint64_t code, void *context, void *stream)
{
    (void)flags, (void)code, (void)context;
    if (!ngtcp2_conn_is_local_stream2(ngtcp2, id)) {
        if (ngtcp2_is_bidi_stream(id))
            ngtcp2_conn_extend_max_streams_bidi(ngtcp2, 1);
        else
            ngtcp2_conn_extend_max_streams_uni(ngtcp2, 1);
    }
    if (stream)
        msk_stream_closed(stream);
    return 0;
}

static int stream_reset(ngtcp2_conn *ngtcp2, int64_t id, uint64_t final_size, uint64_t code, void *context,
                        void *stream)
{
    (void)ngtcp2, (void)id, (void)final_size, (void)context;
    msk_stream_was_reset(stream, code);
    return 0;
}

static int stream_stopped(ngtcp2_conn *ngtcp2, int64_t id, uint64_t code, void *context, void *stream)
{
    (void)ngtcp2, (void)id, (void)code, (void)context;
    msk_stream_was_stopped(stream);
    return 0;
}

static int stream_unblocked(ngtcp2_conn *ngtcp2, int64_t id, uint64_t max_data, void *context, void *stream)
{
    (void)ngtcp2, (void)id, (void)max_data, (void)context;
    if (stream)
        msk_stream_unblocked(stream);
    return 0;
}

static int more_streams(ngtcp2_conn *ngtcp2, uint64_t max_streams, void *context)
{
    (void)ngtcp2, (void)max_streams;
    struct msk_quic_conn *conn = context;
    if (conn->wants_streams && conn->announced) {
        conn->wants_streams = false;
        msk_conn_raise(conn, EVENT_STREAMS);
    }
    return 0;
}

const ngtcp2_callbacks msk_quic_callbacks = {
    .client_initial = ngtcp2_crypto_client_initial_cb,
    .recv_client_initial = ngtcp2_crypto_recv_client_initial_cb,
    .recv_crypto_data = ngtcp2_crypto_recv_crypto_data_cb,
    .recv_retry = ngtcp2_crypto_recv_retry_cb,
    .version_negotiation = ngtcp2_crypto_version_negotiation_cb,
    .encrypt = ngtcp2_crypto_encrypt_cb,
    .decrypt = ngtcp2_crypto_decrypt_cb,
    .hp_mask = ngtcp2_crypto_hp_mask_cb,
    .update_key = ngtcp2_crypto_update_key_cb,
    .delete_crypto_aead_ctx = ngtcp2_crypto_delete_crypto_aead_ctx_cb,
    .delete_crypto_cipher_ctx = ngtcp2_crypto_delete_crypto_cipher_ctx_cb,
    .get_path_challenge_data2 = ngtcp2_crypto_get_path_challenge_data2_cb,
    .rand = random_bytes,
    .get_new_connection_id2 = new_connection_id,
    .remove_connection_id = remove_connection_id,
    .dcid_status2 = peer_id_status,
    .recv_stateless_reset2 = stateless_reset,
    .handshake_completed = handshake_completed,
    .stream_open = stream_opened,
    .recv_stream_data = stream_data,
    .acked_stream_data_offset = stream_acked,
    .stream_close = stream_closed,
    .stream_reset = stream_reset,
    .recv_stop_sending = stream_stopped,
    .extend_max_stream_data = stream_unblocked,
    .extend_max_local_streams_bidi = more_streams,
    .extend_max_local_streams_uni = more_streams,
};
