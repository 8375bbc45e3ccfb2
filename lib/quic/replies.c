/* Datagrams owed to somebody without a connection. They are never larger than what they answer, and forgotten when too
 * many wait: whoever needs one asks again. */

#include <openssl/rand.h>
#include <string.h>

#include "base/alloc.h"
#include "quic/internal.h"

#define RESET_LEN_MAX 42 /* like a small packet */
#define RESET_LEN_MIN (NGTCP2_MIN_STATELESS_RESET_RANDLEN + NGTCP2_STATELESS_RESET_TOKENLEN)

static struct reply *new_reply(struct msk_quic *quic, const union msk_address *to)
{
    struct reply *reply = quic->reply_count < REPLIES_MAX ? msk_calloc(1, sizeof *reply) : NULL;
    if (!reply) {
        quic->stats.datagrams_dropped++;
        return NULL;
    }
    reply->to = *to;
    msk_ring_init(&reply->link);
    return reply;
}

static void post(struct msk_quic *quic, struct reply *reply, ngtcp2_ssize len, uint64_t *counter)
{
    if (len <= 0) {
        msk_free(reply);
        return;
    }
    reply->len = (size_t)len;
    msk_ring_push(&quic->replies, &reply->link);
    quic->reply_count++;
    ++*counter;
}

void msk_replies_free(struct msk_quic *quic)
{
    while (!msk_ring_empty(&quic->replies)) {
        struct reply *reply = MSK_RING_FIRST(&quic->replies, struct reply, link);
        msk_ring_remove(&reply->link);
        msk_free(reply);
    }
}

void msk_reply_version_negotiation(struct msk_quic *quic, const union msk_address *to, const ngtcp2_version_cid *ids)
{
    struct reply *reply = new_reply(quic, to);
    if (!reply)
        return;
    /* With a version nobody has, so that no one comes to rely on the list (RFC 9000 6.3). */
    const uint32_t versions[] = {NGTCP2_RESERVED_VERSION_MASK, NGTCP2_PROTO_VER_V1};
    uint8_t random = 0;
    if (RAND_bytes(&random, 1) != 1)
        random = 0; /* it only varies unused bits */
    ngtcp2_ssize len = ngtcp2_pkt_write_version_negotiation(reply->data, sizeof reply->data, random, ids->scid,
                                                            ids->scidlen, ids->dcid, ids->dcidlen, versions, 2);
    post(quic, reply, len, &quic->stats.version_negotiations_sent);
}

static ngtcp2_ssize write_retry(struct msk_quic *quic, uint64_t now_ns, const union msk_address *to,
                                const ngtcp2_pkt_hd *initial, struct reply *reply)
{
    uint8_t random[CID_LEN], token[NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2];
    ngtcp2_cid scid;
    if (RAND_bytes(random, sizeof random) != 1)
        return -1;
    ngtcp2_cid_init(&scid, random, sizeof random);
    ngtcp2_ssize len =
        ngtcp2_crypto_generate_retry_token2(token, quic->retry_key, sizeof quic->retry_key, initial->version, &to->any,
                                            msk_address_len(to), &scid, &initial->dcid, now_ns);
    if (len < 0)
        return -1;
    return ngtcp2_crypto_write_retry(reply->data, sizeof reply->data, initial->version, &initial->scid, &scid,
                                     &initial->dcid, token, (size_t)len);
}

void msk_reply_retry(struct msk_quic *quic, uint64_t now_ns, const union msk_address *to, const ngtcp2_pkt_hd *initial)
{
    struct reply *reply = new_reply(quic, to);
    if (reply)
        post(quic, reply, write_retry(quic, now_ns, to, initial, reply), &quic->stats.retries_sent);
}

void msk_reply_close(struct msk_quic *quic, const union msk_address *to, const ngtcp2_pkt_hd *initial, uint64_t code)
{
    struct reply *reply = new_reply(quic, to);
    if (!reply)
        return;
    ngtcp2_ssize len = ngtcp2_crypto_write_connection_close(reply->data, sizeof reply->data, initial->version,
                                                            &initial->scid, &initial->dcid, code, NULL, 0);
    post(quic, reply, len, &quic->stats.handshakes_refused);
}

void msk_reset_token(const struct msk_quic *quic, const ngtcp2_cid *cid, ngtcp2_stateless_reset_token *out)
{
    if (ngtcp2_crypto_generate_stateless_reset_token(out->data, quic->reset_key, sizeof quic->reset_key, cid) != 0)
        RAND_bytes(out->data, sizeof out->data); /* one that no reset will match */
}

/* Shorter than what triggered it, so that two ends that both have forgotten do not go on for ever (RFC 9000 10.3.3). */
void msk_reply_reset(struct msk_quic *quic, const union msk_address *to, const ngtcp2_version_cid *ids,
                     size_t trigger_len)
{
    size_t len = trigger_len - 1 < RESET_LEN_MAX ? trigger_len - 1 : RESET_LEN_MAX;
    struct reply *reply = len >= RESET_LEN_MIN ? new_reply(quic, to) : NULL;
    if (!reply)
        return;
    uint8_t random[RESET_LEN_MAX];
    ngtcp2_cid cid;
    ngtcp2_stateless_reset_token token;
    ngtcp2_cid_init(&cid, ids->dcid, ids->dcidlen);
    msk_reset_token(quic, &cid, &token);
    ngtcp2_ssize written = -1;
    if (RAND_bytes(random, sizeof random) == 1)
        written = ngtcp2_pkt_write_stateless_reset2(reply->data, sizeof reply->data, &token, random,
                                                    len - NGTCP2_STATELESS_RESET_TOKENLEN);
    post(quic, reply, written, &quic->stats.resets_sent);
}
