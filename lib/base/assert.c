#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

_Noreturn void msk_assert_failed(const char *file, int line, const char *expression)
{
    fprintf(stderr, "internal error: %s:%d: %s\nThis is a bug: please report the line above.\n", file, line,
            expression);
    fflush(NULL);
    if (getenv("MSK_ABORT"))
        abort();
    _exit(70);
}
