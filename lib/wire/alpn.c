#include "wire/alpn.h"

#include <string.h>

static const char *const texts[] = {
#define X(name, text) text,
    MSK_ALPN_MAP(X)
#undef X
};

const char *msk_alpn_text(enum msk_alpn alpn)
{
    return texts[alpn];
}

enum msk_alpn msk_alpn_find(const char *text, size_t len)
{
    for (int i = 0; i < MSK_ALPN_COUNT; i++)
        if (strlen(texts[i]) == len && memcmp(texts[i], text, len) == 0)
            return (enum msk_alpn)i;
    return MSK_ALPN_COUNT;
}
