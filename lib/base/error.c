#include "base/error.h"

#include <stdio.h>
#include <string.h>

struct error_row {
    int code, exit_status;
    const char *name, *sentence;
};

static const struct error_row rows[] = {
#define X(name, code, exit_status, sentence) {code, exit_status, #name, sentence},
    MSK_ERROR_MAP(X)
#undef X
};

static const struct error_row *row_of(int code)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].code == code)
            return &rows[i];
    return &rows[sizeof rows / sizeof rows[0] - 1];
}

const char *msk_error_name(int code)
{
    return row_of(code)->name;
}

const char *msk_error_sentence(int code)
{
    return row_of(code)->sentence;
}

int msk_error_exit_status(int code)
{
    return code == 0 ? 0 : row_of(code)->exit_status;
}

int msk_fail(struct msk_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    return code;
}

int msk_wrap(struct msk_error *err, int code, const char *format, ...)
{
    if (!err)
        return code;
    char inner[MSK_ERROR_TEXT_MAX];
    memcpy(inner, err->text, sizeof inner);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    int room = (int)sizeof err->text - n - (int)sizeof ": "; /* what is cut is cut on purpose */
    if (n >= 0 && room > 0)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %.*s", room, inner);
    err->code = code;
    return code;
}
