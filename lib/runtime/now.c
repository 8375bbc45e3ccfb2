#include "runtime/now.h"

#include <time.h>

#include "base/assert.h"

static uint64_t read_ns(clockid_t clock)
{
    struct timespec now;
    msk_assert(clock_gettime(clock, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t msk_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

struct msk_now msk_now(void)
{
    return (struct msk_now){.mono_ms = msk_now_ns() / 1000000u,
                            .wall_ms = (int64_t)(read_ns(CLOCK_REALTIME) / 1000000u)};
}
