#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static uint64_t budget = UINT64_MAX;

static int exhausted(void)
{
    if (budget == UINT64_MAX)
        return 0;
    if (budget == 0)
        return 1;
    budget--;
    return 0;
}

void *msk_calloc(size_t count, size_t size)
{
    return exhausted() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *msk_realloc(void *old, size_t size)
{
    return exhausted() ? NULL : realloc(old, size ? size : 1);
}

void *msk_memdup(const void *data, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    uint8_t *copy = msk_calloc(1, len + 1);
    if (copy && len)
        memcpy(copy, data, len);
    return copy;
}

char *msk_strdup(const char *text)
{
    return msk_memdup(text, strlen(text));
}

void msk_free(void *block)
{
    free(block);
}

void msk_wipe(void *data, size_t len)
{
    if (len)
        memset(data, 0, len);
    __asm__ __volatile__("" : : "r"(data) : "memory");
}

void msk_alloc_fail_after(uint64_t successes)
{
    budget = successes;
}
