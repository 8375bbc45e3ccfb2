#include "wire/close_code.h"

#include <stdlib.h>
#include <strings.h>

static const struct msk_close codes[] = {
#define X(symbol, number, name, area, retry, meaning, sent_by, remedy) \
    {number, name, area, MSK_RETRY_##retry, meaning, sent_by, remedy},
#include "wire/close_codes.def"
#undef X
};

const struct msk_close *msk_close_all(size_t *count)
{
    *count = sizeof codes / sizeof codes[0];
    return codes;
}

const struct msk_close *msk_close_find(uint64_t code)
{
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (codes[i].code == code)
            return &codes[i];
    return NULL;
}

bool msk_close_matches(const struct msk_close *close, const char *text)
{
    char *end;
    uint64_t number = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end)
        return number == close->code;
    return *close->name && strcasecmp(text, close->name) == 0;
}

const char *msk_close_name(uint64_t code)
{
    const struct msk_close *close = msk_close_find(code);
    return close ? close->name : "";
}
