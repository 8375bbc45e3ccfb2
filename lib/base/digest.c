#include "base/digest.h"

#include <string.h>

#include "base/bytes.h"
#include "base/text.h"

int msk_digest_compare(const struct msk_digest *a, const struct msk_digest *b)
{
    return memcmp(a->bytes, b->bytes, MSK_DIGEST_LEN);
}

bool msk_digest_equal(const struct msk_digest *a, const struct msk_digest *b)
{
    return msk_digest_compare(a, b) == 0;
}

bool msk_digest_is_zero(const struct msk_digest *digest)
{
    static const struct msk_digest zero;
    return msk_digest_equal(digest, &zero);
}

bool msk_digest_equal_secret(const struct msk_digest *a, const struct msk_digest *b)
{
    unsigned difference = 0;
    for (int i = 0; i < MSK_DIGEST_LEN; i++)
        difference |= a->bytes[i] ^ b->bytes[i];
    return difference == 0;
}

const char *msk_digest_text(const struct msk_digest *digest, char out[MSK_DIGEST_TEXT_SIZE])
{
    msk_hex_encode(MSK_BYTES(digest->bytes, MSK_DIGEST_LEN), out);
    return out;
}

const char *msk_digest_short(const struct msk_digest *digest, char out[MSK_DIGEST_SHORT_SIZE])
{
    msk_hex_encode(MSK_BYTES(digest->bytes, 5), out);
    return out;
}
