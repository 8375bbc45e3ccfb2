#include "core/rolling.h"

#include "base/assert.h"

#define REPORTS_PER_DOUBLING 8

void msk_rolling_init(struct msk_rolling *rolling)
{
    rolling->count = 0;
    rolling->end = (struct msk_digest){{0}};
    msk_blake3_init(&rolling->hash);
}

void msk_rolling_resume(struct msk_rolling *rolling, uint64_t count, const struct msk_digest *digest)
{
    msk_assert(count % MSK_ROLLING_BLOCK == 0);
    msk_rolling_init(rolling);
    rolling->count = count;
    rolling->end = *digest;
}

static void begin_block(struct msk_rolling *rolling)
{
    msk_blake3_init(&rolling->hash);
    if (rolling->count > 0)
        msk_blake3_update(&rolling->hash, MSK_BYTES(rolling->end.bytes, MSK_DIGEST_LEN));
}

void msk_rolling_add(struct msk_rolling *rolling, struct msk_bytes encoded, uint64_t count)
{
    uint64_t in_block = rolling->count % MSK_ROLLING_BLOCK;
    msk_assert(count <= MSK_ROLLING_BLOCK - in_block);
    if (in_block == 0)
        begin_block(rolling);
    msk_blake3_update(&rolling->hash, encoded);
    rolling->count += count;
    if (in_block + count == MSK_ROLLING_BLOCK)
        rolling->end = msk_blake3_finish(&rolling->hash);
}

struct msk_digest msk_rolling_digest(const struct msk_rolling *rolling)
{
    bool at_end = rolling->count > 0 && rolling->count % MSK_ROLLING_BLOCK == 0;
    return at_end ? rolling->end : msk_blake3_finish(&rolling->hash);
}

uint64_t msk_rolling_next_report(uint64_t index)
{
    uint64_t next = index + 1, step = 1;
    while (step < MSK_ROLLING_BLOCK && step * 2 * REPORTS_PER_DOUBLING <= next)
        step *= 2;
    return (next + step - 1) / step * step;
}
