/* now.h: the system's clocks, read for those who are told the time. */
#ifndef MSK_RUNTIME_NOW_H
#define MSK_RUNTIME_NOW_H

#include "base/clock.h"

/* Monotonic, in ns; QUIC's time. */
uint64_t msk_now_ns(void);

/* Both clocks of the core; mono_ms is msk_now_ns in whole milliseconds. */
struct msk_now msk_now(void);

#endif
