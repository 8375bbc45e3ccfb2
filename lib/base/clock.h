/* clock.h: time as it is handed to pure code, and time spans and instants as text (cli.md). */
#ifndef MSK_BASE_CLOCK_H
#define MSK_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Both clocks, read once per event by whoever owns them. `mono_ms` never goes back. */
struct msk_now {
    uint64_t mono_ms;
    int64_t wall_ms; /* since 1970, may jump */
};

#define MSK_NEVER UINT64_MAX /* a deadline that never comes */

/* "250ms", "2s", "5m", "1h", "30d" -> ms. 0 or MSK_E_INVALID. */
int msk_duration_parse(const char *text, uint64_t *ms, struct msk_error *err);

#define MSK_DURATION_TEXT_SIZE 24
/* The shortest of those forms that is exact: 90000 -> "90s". Returns `out`. */
const char *msk_duration_text(uint64_t ms, char out[MSK_DURATION_TEXT_SIZE]);

#define MSK_TIME_TEXT_SIZE 40
/* RFC 3339 in UTC: "2026-11-21T12:26:00.250Z", the fraction with 0, 3, 6 or 9 digits as needed (wire.md 2.1).
 * Years before 0 and after 9999 have a sign; `seconds` since 1970 must lie within the years -262143 to 262142 (the text
 * is empty otherwise). Returns `out`. */
const char *msk_time_text(int64_t seconds, uint32_t nanoseconds, char out[MSK_TIME_TEXT_SIZE]);
const char *msk_time_ms_text(int64_t wall_ms, char out[MSK_TIME_TEXT_SIZE]);

/* The same with all three digits of the milliseconds, also "000": for streams of records. */
const char *msk_time_stamp_text(int64_t wall_ms, char out[MSK_TIME_TEXT_SIZE]);

/* RFC 3339, also with lower-case t/z, a space for T, other offsets, and signed years of up to six digits. 0 or
 * MSK_E_INVALID. */
int msk_time_parse(const char *text, size_t len, int64_t *seconds, uint32_t *nanoseconds);

#endif
