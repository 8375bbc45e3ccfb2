/* blake3.h: BLAKE3-256 in its plain (unkeyed) mode, the hash H of the protocol (wire.md 1). */
#ifndef MSK_CRYPTO_BLAKE3_H
#define MSK_CRYPTO_BLAKE3_H

#include "base/bytes.h"
#include "base/digest.h"

#define MSK_BLAKE3_BLOCK_LEN 64
#define MSK_BLAKE3_CHUNK_LEN 1024
#define MSK_BLAKE3_DEPTH_MAX 54 /* 2^54 chunks of 1024 bytes: any length a u64 can count */

/* A hash in progress; holds copies of what it was fed, so wipe it (msk_wipe) when that was secret. */
struct msk_blake3 {
    uint32_t chaining_value[8]; /* of the chunk being read */
    uint64_t chunk_index;
    uint8_t block[MSK_BLAKE3_BLOCK_LEN];
    uint8_t block_len, blocks_compressed; /* within the chunk */
    uint8_t depth;
    uint32_t stack[MSK_BLAKE3_DEPTH_MAX][8]; /* subtrees that wait for their right neighbour */
};

void msk_blake3_init(struct msk_blake3 *hash);
void msk_blake3_update(struct msk_blake3 *hash, struct msk_bytes in);

/* The digest of all bytes so far; more may follow. */
struct msk_digest msk_blake3_finish(const struct msk_blake3 *hash);

/* All at once. */
struct msk_digest msk_blake3(struct msk_bytes in);

#endif
