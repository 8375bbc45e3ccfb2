/* Numbers, truth values, nothing (wire.md 2). */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "wire/kind.h"

/* ---- unit */

static void encode_unit(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type, (void)value, (void)out;
}

static int decode_unit(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type, (void)in, (void)out;
    return 0;
}

static json_t *print_unit(const struct msk_type *type, const void *value)
{
    (void)type, (void)value;
    return json_null();
}

static int parse_unit(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type, (void)out;
    return json_is_null(json) ? 0 : msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected null");
}

static int compare_unit(const struct msk_type *type, const void *a, const void *b)
{
    (void)type, (void)a, (void)b;
    return 0;
}

static size_t least_unit(const struct msk_type *type)
{
    (void)type;
    return 0;
}

const struct msk_kind msk_kind_unit = {encode_unit, decode_unit, print_unit, parse_unit, compare_unit, least_unit};

/* ---- bool */

static void encode_bool(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    msk_builder_byte(out, *(const bool *)value);
}

static int decode_bool(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    const uint8_t *byte;
    int rc = msk_read_bytes(in, 1, &byte);
    if (rc < 0)
        return rc;
    if (*byte > 1)
        return msk_reader_fail(in, MSK_FAULT_BAD_BOOL, in->offset - 1, "%u is neither 0 nor 1", *byte);
    *(bool *)out = *byte;
    return 0;
}

static json_t *print_bool(const struct msk_type *type, const void *value)
{
    (void)type;
    return json_boolean(*(const bool *)value);
}

static int parse_bool(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    if (!json_is_boolean(json))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected true or false");
    *(bool *)out = json_is_true(json);
    return 0;
}

static int compare_bool(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    return *(const bool *)a - *(const bool *)b;
}

const struct msk_kind msk_kind_bool = {encode_bool, decode_bool, print_bool, parse_bool, compare_bool, msk_least_one};

/* ---- integers of 1, 2, 4, 8 and 16 bytes: type->size tells which */

static unsigned __int128 load_unsigned(const struct msk_type *type, const void *value)
{
    switch (type->size) {
    case 1:
        return *(const uint8_t *)value;
    case 2:
        return *(const uint16_t *)value;
    case 4:
        return *(const uint32_t *)value;
    case 8:
        return *(const uint64_t *)value;
    }
    return *(const unsigned __int128 *)value;
}

static __int128 load_signed(const struct msk_type *type, const void *value)
{
    unsigned unused = (unsigned)(128 - 8 * type->size);
    return (__int128)(load_unsigned(type, value) << unused) >> unused;
}

static void store_integer(const struct msk_type *type, unsigned __int128 number, void *out)
{
    switch (type->size) {
    case 1:
        *(uint8_t *)out = (uint8_t)number;
        return;
    case 2:
        *(uint16_t *)out = (uint16_t)number;
        return;
    case 4:
        *(uint32_t *)out = (uint32_t)number;
        return;
    case 8:
        *(uint64_t *)out = (uint64_t)number;
        return;
    }
    *(unsigned __int128 *)out = number;
}

/* One byte goes as it is, wider integers as varints. */
static void write_integer(const struct msk_type *type, unsigned __int128 number, struct msk_builder *out)
{
    if (type->size == 1)
        msk_builder_byte(out, (uint8_t)number);
    else
        msk_write_varint(out, number);
}

static int read_integer(const struct msk_type *type, struct msk_reader *in, unsigned __int128 *number)
{
    if (type->size > 1)
        return msk_read_varint(in, (unsigned)(8 * type->size), number);
    const uint8_t *byte;
    int rc = msk_read_bytes(in, 1, &byte);
    if (rc == 0)
        *number = *byte;
    return rc;
}

static void encode_unsigned(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    write_integer(type, load_unsigned(type, value), out);
}

static int decode_unsigned(const struct msk_type *type, struct msk_reader *in, void *out)
{
    unsigned __int128 number = 0;
    int rc = read_integer(type, in, &number);
    if (rc == 0)
        store_integer(type, number, out);
    return rc;
}

/* Zigzag: 0, -1, 1, -2 become 0, 1, 2, 3; a single byte stays two's complement. */
static void encode_signed(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    __int128 number = load_signed(type, value);
    unsigned __int128 doubled = (unsigned __int128)number << 1;
    write_integer(type, type->size == 1 ? (unsigned __int128)number : doubled ^ (unsigned __int128)(number >> 127),
                  out);
}

static int decode_signed(const struct msk_type *type, struct msk_reader *in, void *out)
{
    unsigned __int128 number = 0;
    int rc = read_integer(type, in, &number);
    if (rc < 0)
        return rc;
    if (type->size > 1)
        number = number >> 1 ^ -(number & 1);
    store_integer(type, number, out);
    return 0;
}

/* Beyond 2^53 numbers lose digits in many JSON readers: those are decimal text. */
#define EXACT_MAX   (INT64_C(1) << 53)
#define DECIMAL_MAX 41 /* a sign, 39 digits, a zero */

static json_t *print_decimal(bool negative, unsigned __int128 magnitude)
{
    char text[DECIMAL_MAX], *digit = text + sizeof text;
    *--digit = 0;
    do
        *--digit = (char)('0' + (int)(magnitude % 10));
    while (magnitude /= 10);
    if (negative)
        *--digit = '-';
    return json_string_nocheck(digit);
}

static json_t *print_unsigned(const struct msk_type *type, const void *value)
{
    unsigned __int128 number = load_unsigned(type, value);
    return number < EXACT_MAX ? json_integer((json_int_t)number) : print_decimal(false, number);
}

static json_t *print_signed(const struct msk_type *type, const void *value)
{
    __int128 number = load_signed(type, value);
    if (number > -EXACT_MAX && number < EXACT_MAX)
        return json_integer((json_int_t)number);
    return print_decimal(number < 0, number < 0 ? -(unsigned __int128)number : (unsigned __int128)number);
}

/* A JSON integer or decimal text as sign and magnitude; false for anything else. */
static bool parse_integer(const json_t *json, bool *negative, unsigned __int128 *magnitude)
{
    if (json_is_integer(json)) {
        json_int_t number = json_integer_value(json);
        *negative = number < 0;
        *magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
        return true;
    }
    const char *text = json_string_value(json);
    if (!text)
        return false;
    *negative = *text == '-';
    text += *negative;
    *magnitude = 0;
    if (!*text)
        return false;
    for (; *text >= '0' && *text <= '9'; text++)
        if (__builtin_mul_overflow(*magnitude, 10u, magnitude) ||
            __builtin_add_overflow(*magnitude, (unsigned)(*text - '0'), magnitude))
            return false;
    return *text == 0;
}

static int parse_bounded(const struct msk_type *type, struct msk_reader *in, const json_t *json, bool is_signed,
                         void *out)
{
    bool negative;
    unsigned __int128 magnitude;
    if (!parse_integer(json, &negative, &magnitude))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected a whole number");
    unsigned __int128 limit = ~(unsigned __int128)0 >> (128 - 8 * type->size);
    if (is_signed)
        limit = negative ? limit / 2 + 1 : limit / 2;
    else if (negative)
        limit = 0;
    if (magnitude > limit)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "does not fit %zu bits", 8 * type->size);
    store_integer(type, negative ? -magnitude : magnitude, out);
    return 0;
}

static int parse_unsigned(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    return parse_bounded(type, in, json, false, out);
}

static int parse_signed(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    return parse_bounded(type, in, json, true, out);
}

static int compare_unsigned(const struct msk_type *type, const void *a, const void *b)
{
    unsigned __int128 left = load_unsigned(type, a), right = load_unsigned(type, b);
    return (left > right) - (left < right);
}

static int compare_signed(const struct msk_type *type, const void *a, const void *b)
{
    __int128 left = load_signed(type, a), right = load_signed(type, b);
    return (left > right) - (left < right);
}

const struct msk_kind msk_kind_unsigned = {encode_unsigned, decode_unsigned,  print_unsigned,
                                           parse_unsigned,  compare_unsigned, msk_least_one};
const struct msk_kind msk_kind_signed = {encode_signed, decode_signed,  print_signed,
                                         parse_signed,  compare_signed, msk_least_one};

/* ---- identifiers of 64 bits: text in JSON whatever their size */

static json_t *print_id64(const struct msk_type *type, const void *value)
{
    return print_decimal(false, load_unsigned(type, value));
}

const struct msk_kind msk_kind_id64 = {encode_unsigned, decode_unsigned,  print_id64,
                                       parse_unsigned,  compare_unsigned, msk_least_one};

/* ---- floating point: IEEE 754, little-endian */

static double load_float(const struct msk_type *type, const void *value)
{
    return type->size == sizeof(float) ? (double)*(const float *)value : *(const double *)value;
}

static void encode_float(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    uint64_t bits = 0;
    memcpy(&bits, value, type->size);
    if (type->size == sizeof(float)) {
        uint32_t narrow;
        memcpy(&narrow, value, sizeof narrow);
        bits = narrow;
    }
    for (size_t i = 0; i < type->size; i++)
        msk_builder_byte(out, (uint8_t)(bits >> 8 * i));
}

static int decode_float(const struct msk_type *type, struct msk_reader *in, void *out)
{
    const uint8_t *bytes;
    int rc = msk_read_bytes(in, type->size, &bytes);
    if (rc < 0)
        return rc;
    uint64_t bits = 0;
    for (size_t i = type->size; i-- > 0;)
        bits = bits << 8 | bytes[i];
    uint32_t narrow = (uint32_t)bits;
    memcpy(out, type->size == sizeof narrow ? (void *)&narrow : (void *)&bits, type->size);
    return 0;
}

/* JSON has no words for these. */
static const struct {
    const char *text;
    double value;
} odd_floats[] = {{"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};

static json_t *print_float(const struct msk_type *type, const void *value)
{
    double number = load_float(type, value);
    if (isfinite(number))
        return json_real(number);
    return json_string(odd_floats[isnan(number) ? 0 : number > 0 ? 1 : 2].text);
}

static int parse_float(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    double number = json_number_value(json);
    if (!json_is_number(json)) {
        const char *text = json_is_string(json) ? json_string_value(json) : "";
        size_t i = 0;
        while (i < 3 && strcmp(text, odd_floats[i].text) != 0)
            i++;
        if (i == 3)
            return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected a number");
        number = odd_floats[i].value;
    }
    if (type->size == sizeof(float))
        *(float *)out = (float)number;
    else
        *(double *)out = number;
    return 0;
}

/* Numbers by value, and what is not a number behind them all: any total order will do. */
static int compare_float(const struct msk_type *type, const void *a, const void *b)
{
    double left = load_float(type, a), right = load_float(type, b);
    if (isnan(left) || isnan(right))
        return isnan(left) - isnan(right);
    return (left > right) - (left < right);
}

static size_t least_float(const struct msk_type *type)
{
    return type->size;
}

const struct msk_kind msk_kind_float = {encode_float, decode_float,  print_float,
                                        parse_float,  compare_float, least_float};

/* ---- the types of these kinds */

#define PLAIN(type_name, kind_name, c_type)        \
    const struct msk_type msk_type_##type_name = { \
        .kind = &msk_kind_##kind_name, .name = #type_name, .size = sizeof(c_type), .align = _Alignof(c_type)}

const struct msk_type msk_type_unit = {.kind = &msk_kind_unit, .name = "unit", .size = 0, .align = 1};
PLAIN(bool, bool, bool);
PLAIN(u8, unsigned, uint8_t);
PLAIN(u16, unsigned, uint16_t);
PLAIN(u32, unsigned, uint32_t);
PLAIN(u64, unsigned, uint64_t);
PLAIN(u128, unsigned, unsigned __int128);
PLAIN(i8, signed, int8_t);
PLAIN(i16, signed, int16_t);
PLAIN(i32, signed, int32_t);
PLAIN(i64, signed, int64_t);
PLAIN(i128, signed, __int128);
PLAIN(id64, id64, uint64_t);
PLAIN(f32, float, float);
PLAIN(f64, float, double);
