/* departure.h: the signed announcement that a peer leaves the network (wire.md 4.7). */
#ifndef MSK_WIRE_DEPARTURE_H
#define MSK_WIRE_DEPARTURE_H

#include "crypto/ed25519.h"
#include "wire/messages.h"

#define MSK_DEPARTURE_PREIMAGE_LEN 56

/* What is hashed and then signed: peer id, started, updated, timestamp in whole ms, the numbers big-endian. */
void msk_departure_preimage(const struct msk_departure *departure, uint8_t out[MSK_DEPARTURE_PREIMAGE_LEN]);

/* Fill in `signature`. 0, MSK_E_NOMEM, MSK_E_CRYPTO. */
int msk_departure_sign(struct msk_departure *departure, const uint8_t secret[MSK_SECRET_LEN]);

/* 0 or MSK_E_REFUSED. Decoding does not do this: an unsigned departure is ignored, not malformed. */
int msk_departure_verify(const struct msk_departure *departure);

#endif
