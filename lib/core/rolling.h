/* rolling.h: the digest of a log at every index, without all of the log: two members whose digests are equal at an
 * index have the same entries up to there (groups.md 8.1 "state_digest").
 *
 * Entries are hashed by blocks. The digest at an index is that of the entries of its block up to it, behind the digest
 * at the end of the block before: kept digests of block ends are enough to go on anywhere. */
#ifndef MSK_CORE_ROLLING_H
#define MSK_CORE_ROLLING_H

#include "crypto/blake3.h"

#define MSK_ROLLING_BLOCK 1024 /* entries; part of the format: members of other versions compare these digests */

struct msk_rolling {
    uint64_t count;         /* entries that it covers */
    struct msk_blake3 hash; /* of the block under way */
    struct msk_digest end;  /* at the end of the last whole block */
};

void msk_rolling_init(struct msk_rolling *rolling);

/* Go on behind `count` entries, whole blocks, whose digest is `digest`. */
void msk_rolling_resume(struct msk_rolling *rolling, uint64_t count, const struct msk_digest *digest);

/* The next `count` entries, which are of one block, as they are encoded in a message (log.h). */
void msk_rolling_add(struct msk_rolling *rolling, struct msk_bytes encoded, uint64_t count);

struct msk_digest msk_rolling_digest(const struct msk_rolling *rolling);

/* The first index behind `index` at which members report their digest: all do it at the same ones, eight to each
 * doubling of the index, but at least at every MSK_ROLLING_BLOCK-th. */
uint64_t msk_rolling_next_report(uint64_t index);

#endif
