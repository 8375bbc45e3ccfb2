#include "base/clock.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *unit;
    uint64_t ms;
} units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};

int msk_duration_parse(const char *text, uint64_t *ms, struct msk_error *err)
{
    uint64_t number = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
            return msk_fail(err, MSK_E_INVALID, "\"%s\" is too long a time", text);
    for (size_t i = 0; p != text && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(p, units[i].unit) == 0) {
            if (__builtin_mul_overflow(number, units[i].ms, ms))
                return msk_fail(err, MSK_E_INVALID, "\"%s\" is too long a time", text);
            return 0;
        }
    return msk_fail(err, MSK_E_INVALID, "\"%s\" is no time span: give a number and ms, s, m, h or d", text);
}

const char *msk_duration_text(uint64_t ms, char out[MSK_DURATION_TEXT_SIZE])
{
    size_t i = 0;
    while (ms == 0 ? units[i].ms != 1000 : ms % units[i].ms != 0)
        i++;
    snprintf(out, MSK_DURATION_TEXT_SIZE, "%" PRIu64 "%s", ms / units[i].ms, units[i].unit);
    return out;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, counted in years that begin in March, and back.
 */
static int64_t days_of_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned year_of_era = (unsigned)(year - era * 400);
    unsigned day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + (int64_t)(year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year) - 719468;
}

static void date_of_days(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day_of_era = (unsigned)(days - era * 146097);
    unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned shifted = (5 * day_of_year + 2) / 153;
    *day = day_of_year - (153 * shifted + 2) / 5 + 1;
    *month = shifted < 10 ? shifted + 3 : shifted - 9;
    *year = (int64_t)year_of_era + era * 400 + (*month <= 2);
}

/* The years -262143 to 262142: the calendar of the reference. */
#define FIRST_SECOND (-8334601228800)
#define LAST_SECOND  8210266876799

const char *msk_time_text(int64_t seconds, uint32_t nanoseconds, char out[MSK_TIME_TEXT_SIZE])
{
    out[0] = 0;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanoseconds >= 1000000000)
        return out;
    int64_t days = seconds / 86400 - (seconds % 86400 < 0), year;
    unsigned month, day, rest = (unsigned)(seconds - days * 86400);
    date_of_days(days, &year, &month, &day);
    const char *sign = year < 0 ? "-" : year > 9999 ? "+" : "";
    int n = snprintf(out, MSK_TIME_TEXT_SIZE, "%s%04d-%02u-%02uT%02u:%02u:%02u", sign, (int)(year < 0 ? -year : year),
                     month, day, rest / 3600, rest / 60 % 60, rest % 60);
    if (nanoseconds % 1000000 == 0 && nanoseconds)
        n += snprintf(out + n, MSK_TIME_TEXT_SIZE - (size_t)n, ".%03u", nanoseconds / 1000000);
    else if (nanoseconds % 1000 == 0 && nanoseconds)
        n += snprintf(out + n, MSK_TIME_TEXT_SIZE - (size_t)n, ".%06u", nanoseconds / 1000);
    else if (nanoseconds)
        n += snprintf(out + n, MSK_TIME_TEXT_SIZE - (size_t)n, ".%09u", nanoseconds);
    snprintf(out + n, MSK_TIME_TEXT_SIZE - (size_t)n, "Z");
    return out;
}

const char *msk_time_ms_text(int64_t wall_ms, char out[MSK_TIME_TEXT_SIZE])
{
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
    return msk_time_text(seconds, (uint32_t)(wall_ms - seconds * 1000) * 1000000, out);
}

const char *msk_time_stamp_text(int64_t wall_ms, char out[MSK_TIME_TEXT_SIZE])
{
    int64_t seconds = wall_ms / 1000 - (wall_ms % 1000 < 0);
    size_t len = strlen(msk_time_text(seconds, 0, out));
    if (len > 0)
        snprintf(out + len - 1, MSK_TIME_TEXT_SIZE - len + 1, ".%03uZ", (unsigned)(wall_ms - seconds * 1000));
    return out;
}

struct reader {
    const char *p, *end;
    bool bad;
};

static unsigned take_number(struct reader *in, int digits)
{
    unsigned value = 0;
    for (int i = 0; i < digits; i++) {
        if (in->p == in->end || *in->p < '0' || *in->p > '9') {
            in->bad = true;
            return 0;
        }
        value = value * 10 + (unsigned)(*in->p++ - '0');
    }
    return value;
}

/* Four digits, or a sign and up to six. */
static int take_year(struct reader *in)
{
    if (in->p == in->end || (*in->p != '+' && *in->p != '-'))
        return (int)take_number(in, 4);
    int sign = *in->p++ == '-' ? -1 : 1, digits = 0;
    while (digits < 6 && in->p + digits < in->end && in->p[digits] >= '0' && in->p[digits] <= '9')
        digits++;
    in->bad |= digits == 0;
    return sign * (int)take_number(in, digits);
}

static char take_one_of(struct reader *in, const char *set)
{
    if (in->p == in->end || !*in->p || !strchr(set, *in->p)) {
        in->bad = true;
        return 0;
    }
    return *in->p++;
}

static uint32_t take_fraction(struct reader *in)
{
    uint32_t value = 0, scale = 100000000;
    if (in->p == in->end || *in->p != '.')
        return 0;
    in->p++;
    if (in->p == in->end || *in->p < '0' || *in->p > '9')
        in->bad = true;
    for (; in->p != in->end && *in->p >= '0' && *in->p <= '9'; in->p++, scale /= 10)
        value += (uint32_t)(*in->p - '0') * scale;
    return value;
}

static int64_t take_offset_seconds(struct reader *in)
{
    char sign = take_one_of(in, "Zz+-");
    if (sign != '+' && sign != '-')
        return 0;
    unsigned hours = take_number(in, 2);
    take_one_of(in, ":");
    unsigned minutes = take_number(in, 2);
    in->bad |= hours > 23 || minutes > 59;
    int64_t offset = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    return sign == '-' ? -offset : offset;
}

static unsigned days_in_month(int year, unsigned month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

int msk_time_parse(const char *text, size_t len, int64_t *seconds, uint32_t *nanoseconds)
{
    struct reader in = {text, text + len, false};
    int year = take_year(&in);
    take_one_of(&in, "-");
    unsigned month = take_number(&in, 2);
    take_one_of(&in, "-");
    unsigned day = take_number(&in, 2);
    take_one_of(&in, "Tt ");
    unsigned hour = take_number(&in, 2);
    take_one_of(&in, ":");
    unsigned minute = take_number(&in, 2);
    take_one_of(&in, ":");
    unsigned second = take_number(&in, 2);
    uint32_t fraction = take_fraction(&in);
    int64_t offset = take_offset_seconds(&in);
    if (in.bad || in.p != in.end || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month) ||
        hour > 23 || minute > 59 || second > 60)
        return MSK_E_INVALID;
    if (second == 60) { /* a leap second is the last nanosecond-rich second before it */
        second = 59;
        fraction = 999999999;
    }
    *seconds = days_of_date(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset;
    *nanoseconds = fraction;
    return *seconds < FIRST_SECOND || *seconds > LAST_SECOND ? MSK_E_INVALID : 0;
}
