/* quic_keys.h: secrets that nodes have written to a key log, and one question answered with them: whether a 1-RTT
 * packet is a CONNECTION_CLOSE (RFC 9001 5, RFC 9000 19.19). */
#ifndef MSK_PROXY_QUIC_KEYS_H
#define MSK_PROXY_QUIC_KEYS_H

#include "base/bytes.h"
#include "base/map.h"

#define MSK_QUIC_SECRETS_MAX    256  /* used last; older ones are forgotten */
#define MSK_QUIC_KEYED_CIDS_MAX 4096 /* ids whose secret is known; beyond, all are found anew */
#define MSK_QUIC_PLAIN_MAX      2048 /* bytes of a packet that is looked into */

struct msk_quic_secret;

struct msk_quic_keys {
    struct msk_quic_secret *secrets[MSK_QUIC_SECRETS_MAX];
    size_t next; /* to be used, or used again */
    struct msk_map by_cid;
    /* Called when no secret fits: true if there are more now. NULL: there never are. */
    bool (*more)(void *context);
    void *context;
};

/* Zero-initialise. */
void msk_quic_keys_free(struct msk_quic_keys *keys);

/* One line of a key log (SSLKEYLOGFILE), without its end; what is no 1-RTT secret is passed over. */
void msk_quic_keys_add(struct msk_quic_keys *keys, struct msk_bytes line);

/* Whether `packet`, with a short header and an id of one of the lengths in `cid_lens` (bit N: N bytes), carries a
 * CONNECTION_CLOSE. False also where no secret opens it. Keys that have been updated are not known. */
bool msk_quic_keys_close(struct msk_quic_keys *keys, uint32_t cid_lens, struct msk_bytes packet);

#endif
