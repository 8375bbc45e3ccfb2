/* Instants as RFC 3339 text, spans as seconds and nanoseconds (wire.md 2, 2.1). */
#include <string.h>

#include "base/clock.h"
#include "wire/kind.h"

/* ---- timestamp: struct msk_timestamp, text on the wire and in JSON */

static void encode_timestamp(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    const struct msk_timestamp *time = value;
    char text[MSK_TIME_TEXT_SIZE];
    msk_time_text(time->seconds, time->nanoseconds, text);
    if (!*text && !out->error)
        out->error = MSK_E_INVALID;
    msk_write_counted(out, msk_bytes_of_text(text));
}

static int take_time(struct msk_reader *in, size_t start, struct msk_bytes text, struct msk_timestamp *out)
{
    if (msk_time_parse((const char *)text.data, text.len, &out->seconds, &out->nanoseconds) < 0)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, start, "not a time like 2026-11-21T12:26:00Z");
    return 0;
}

static int decode_timestamp(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    size_t start = in->offset;
    struct msk_bytes text;
    int rc = msk_read_counted(in, &text);
    return rc < 0 ? rc : take_time(in, start, text, out);
}

static json_t *print_timestamp(const struct msk_type *type, const void *value)
{
    (void)type;
    const struct msk_timestamp *time = value;
    char text[MSK_TIME_TEXT_SIZE];
    return json_string_nocheck(msk_time_text(time->seconds, time->nanoseconds, text));
}

static int parse_timestamp(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    return take_time(in, 0, MSK_BYTES(json_string_value(json), json_string_length(json)), out);
}

static int compare_timestamp(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    const struct msk_timestamp *left = a, *right = b;
    if (left->seconds != right->seconds)
        return left->seconds > right->seconds ? 1 : -1;
    return (left->nanoseconds > right->nanoseconds) - (left->nanoseconds < right->nanoseconds);
}

const struct msk_kind msk_kind_timestamp = {encode_timestamp, decode_timestamp,  print_timestamp,
                                            parse_timestamp,  compare_timestamp, msk_least_one};
const struct msk_type msk_type_timestamp = {.kind = &msk_kind_timestamp,
                                            .name = "timestamp",
                                            .size = sizeof(struct msk_timestamp),
                                            .align = _Alignof(struct msk_timestamp)};

/* ---- duration: struct msk_duration, {"secs","nanos"} in JSON */

#define NANOSECONDS 1000000000u

static void encode_duration(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    const struct msk_duration *duration = value;
    msk_write_varint(out, duration->seconds);
    msk_write_varint(out, duration->nanoseconds);
}

/* Nanoseconds beyond a second carry over. */
static int carry(struct msk_reader *in, size_t start, struct msk_duration *duration)
{
    if (__builtin_add_overflow(duration->seconds, duration->nanoseconds / NANOSECONDS, &duration->seconds))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, start, "longer than 2^64 seconds");
    duration->nanoseconds %= NANOSECONDS;
    return 0;
}

static int decode_duration(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    struct msk_duration *duration = out;
    size_t start = in->offset;
    int rc = msk_read_at("secs", 0, &msk_type_u64, in, &duration->seconds);
    if (rc == 0)
        rc = msk_read_at("nanos", 0, &msk_type_u32, in, &duration->nanoseconds);
    return rc < 0 ? rc : carry(in, start, duration);
}

static json_t *print_duration(const struct msk_type *type, const void *value)
{
    (void)type;
    const struct msk_duration *duration = value;
    json_t *seconds = msk_type_u64.kind->print(&msk_type_u64, &duration->seconds);
    return json_pack("{s:o, s:I}", "secs", seconds, "nanos", (json_int_t)duration->nanoseconds);
}

static int parse_duration(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    struct msk_duration *duration = out;
    const json_t *seconds = json_object_get(json, "secs"), *nanoseconds = json_object_get(json, "nanos");
    if (!seconds || !nanoseconds || json_object_size(json) != 2)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected {\"secs\": ..., \"nanos\": ...}");
    int rc = msk_parse_at("secs", 0, &msk_type_u64, in, seconds, &duration->seconds);
    if (rc == 0)
        rc = msk_parse_at("nanos", 0, &msk_type_u32, in, nanoseconds, &duration->nanoseconds);
    return rc < 0 ? rc : carry(in, 0, duration);
}

static int compare_duration(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    const struct msk_duration *left = a, *right = b;
    if (left->seconds != right->seconds)
        return left->seconds > right->seconds ? 1 : -1;
    return (left->nanoseconds > right->nanoseconds) - (left->nanoseconds < right->nanoseconds);
}

static size_t least_duration(const struct msk_type *type)
{
    (void)type;
    return 2;
}

const struct msk_kind msk_kind_duration = {encode_duration, decode_duration,  print_duration,
                                           parse_duration,  compare_duration, least_duration};
const struct msk_type msk_type_duration = {.kind = &msk_kind_duration,
                                           .name = "duration",
                                           .size = sizeof(struct msk_duration),
                                           .align = _Alignof(struct msk_duration)};
