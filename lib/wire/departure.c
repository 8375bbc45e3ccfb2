#include "wire/departure.h"

#include <string.h>

#include "crypto/blake3.h"

static uint8_t *put_be64(uint8_t *place, int64_t number)
{
    for (int i = 0; i < 8; i++)
        place[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
    return place + 8;
}

void msk_departure_preimage(const struct msk_departure *departure, uint8_t out[MSK_DEPARTURE_PREIMAGE_LEN])
{
    const struct msk_timestamp *time = &departure->timestamp;
    memcpy(out, departure->peer_id.bytes, MSK_DIGEST_LEN);
    uint8_t *place = put_be64(out + MSK_DIGEST_LEN, departure->last_version.started_ms);
    place = put_be64(place, departure->last_version.updated_ms);
    put_be64(place, time->seconds * 1000 + time->nanoseconds / 1000000);
}

static struct msk_digest digest_of(const struct msk_departure *departure)
{
    uint8_t preimage[MSK_DEPARTURE_PREIMAGE_LEN];
    msk_departure_preimage(departure, preimage);
    return msk_blake3(MSK_BYTES(preimage, sizeof preimage));
}

int msk_departure_sign(struct msk_departure *departure, const uint8_t secret[MSK_SECRET_LEN])
{
    struct msk_digest digest = digest_of(departure);
    return msk_ed25519_sign(secret, MSK_BYTES(digest.bytes, MSK_DIGEST_LEN), departure->signature);
}

int msk_departure_verify(const struct msk_departure *departure)
{
    struct msk_digest digest = digest_of(departure);
    return msk_ed25519_verify(&departure->peer_id, MSK_BYTES(digest.bytes, MSK_DIGEST_LEN), departure->signature);
}
