/* quic_keys.h: one question, whether a packet is a CONNECTION_CLOSE (RFC 9001 5, RFC 9000 19.19): of 1-RTT packets,
 * answered with secrets that nodes have written to a key log; of Initial packets, whose keys everybody can know. */
#ifndef MSK_PROXY_QUIC_KEYS_H
#define MSK_PROXY_QUIC_KEYS_H

#include "base/bytes.h"
#include "base/map.h"

#define MSK_QUIC_SECRETS_MAX    256  /* used last; older ones are forgotten */
#define MSK_QUIC_KEYED_CIDS_MAX 4096 /* ids whose secret is known; beyond, all are found anew */
#define MSK_QUIC_PLAIN_MAX      2048 /* bytes of a packet that is looked into */
#define MSK_QUIC_HEADER_MAX     256  /* of these, before the packet number: a token may be long */

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

/* Whether an Initial packet of version 1 carries a CONNECTION_CLOSE. `first_cid` is the id that the client's first one
 * was sent to, after a Retry the one that this told; the packet number is at `number_at`. */
bool msk_quic_initial_close(struct msk_bytes first_cid, bool of_client, size_t number_at, struct msk_bytes packet);

#endif
