/* digest.h: the 32 bytes that name everything: peers, groups, networks, keys, proofs (wire.md 1). */
#ifndef MSK_BASE_DIGEST_H
#define MSK_BASE_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

#define MSK_DIGEST_LEN        32
#define MSK_DIGEST_TEXT_SIZE  65 /* 64 hex digits and the zero */
#define MSK_DIGEST_SHORT_SIZE 11

struct msk_digest {
    uint8_t bytes[MSK_DIGEST_LEN];
};

/* Bytewise order (wire.md 1.1). */
int msk_digest_compare(const struct msk_digest *a, const struct msk_digest *b);
bool msk_digest_equal(const struct msk_digest *a, const struct msk_digest *b);
bool msk_digest_is_zero(const struct msk_digest *digest);

/* Equality in constant time, for proofs and secrets. */
bool msk_digest_equal_secret(const struct msk_digest *a, const struct msk_digest *b);

/* 64 lower-case hex digits; the first five bytes as ten digits (wire.md 1.2). Both return `out`. */
const char *msk_digest_text(const struct msk_digest *digest, char out[MSK_DIGEST_TEXT_SIZE]);
const char *msk_digest_short(const struct msk_digest *digest, char out[MSK_DIGEST_SHORT_SIZE]);

#endif
