/* Reading JSON text (json_text.h). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/json_text.h"

struct reader {
    struct msk_bytes text;
    size_t at;
    unsigned depth;
    struct msk_arena *arena;
    struct msk_error *err;
};

static int read_value(struct reader *in, struct msk_json *out);

static int refuse(struct reader *in, const char *why)
{
    return msk_fail(in->err, MSK_E_INVALID, "not JSON: %s at offset %zu", why, in->at);
}

static int no_memory(struct reader *in)
{
    return msk_fail(in->err, in->arena->error, "%s", msk_error_sentence(in->arena->error));
}

/* The next byte; 0 at the end, which is no byte of JSON either. */
static uint8_t peek(const struct reader *in)
{
    return in->at < in->text.len ? in->text.data[in->at] : 0;
}

static void skip_space(struct reader *in)
{
    for (uint8_t c = peek(in); c == ' ' || c == '\t' || c == '\r' || c == '\n'; c = peek(in))
        in->at++;
}

static bool take(struct reader *in, char c)
{
    bool there = peek(in) == (uint8_t)c;
    in->at += there;
    return there;
}

static bool take_word(struct reader *in, const char *word)
{
    size_t len = strlen(word);
    bool there = in->text.len - in->at >= len && memcmp(in->text.data + in->at, word, len) == 0;
    in->at += there ? len : 0;
    return there;
}

/* ---- numbers
 *
 * Fractions are read as the reference reads them, whose arithmetic is quick and sometimes off in the last digit: as
 * many digits as 64 bits hold, times or divided by one power of ten. A ticket's claim must mean the same number here.
 */

#define POWER_MAX 308

static double power_of_ten(int exponent)
{
    char text[8];
    snprintf(text, sizeof text, "1e%d", exponent);
    return strtod(text, NULL);
}

static bool append_digit(uint64_t *number, uint8_t digit)
{
    uint64_t longer;
    if (__builtin_mul_overflow(*number, 10u, &longer) ||
        __builtin_add_overflow(longer, (unsigned)(digit - '0'), &longer))
        return false;
    *number = longer;
    return true;
}

static bool at_digit(const struct reader *in)
{
    return peek(in) >= '0' && peek(in) <= '9';
}

/* A number taken apart: its digits without the point, as many as fit, and the power of ten to go with them. */
struct parts {
    bool negative, whole, cut; /* cut: there were more digits */
    uint64_t digits;
    int64_t exponent;
};

static int take_exponent(struct reader *in, struct parts *out)
{
    bool down = take(in, '-');
    int64_t exponent = 0;
    if (!down)
        take(in, '+');
    if (!at_digit(in))
        return refuse(in, "bad number");
    for (; at_digit(in); in->at++)
        if (exponent <= INT32_MAX)
            exponent = exponent * 10 + (in->text.data[in->at] - '0');
    out->whole = false;
    out->exponent += down ? -exponent : exponent;
    return 0;
}

static int take_number(struct reader *in, struct parts *out)
{
    *out = (struct parts){.negative = take(in, '-'), .whole = true};
    size_t first = in->at;
    for (; at_digit(in); in->at++) {
        out->cut = out->cut || !append_digit(&out->digits, in->text.data[in->at]);
        out->exponent += out->cut;
    }
    if (in->at == first || (in->text.data[first] == '0' && in->at > first + 1))
        return refuse(in, "bad number");
    if (take(in, '.')) {
        out->whole = false;
        if (!at_digit(in))
            return refuse(in, "bad number");
        for (; at_digit(in); in->at++) {
            out->cut = out->cut || !append_digit(&out->digits, in->text.data[in->at]);
            out->exponent -= !out->cut;
        }
    }
    return take(in, 'e') || take(in, 'E') ? take_exponent(in, out) : 0;
}

static int to_fraction(struct reader *in, const struct parts *parts, struct msk_json *out)
{
    double value = (double)parts->digits;
    int64_t exponent = parts->exponent;
    for (; value != 0 && exponent < -POWER_MAX; exponent += POWER_MAX)
        value /= power_of_ten(POWER_MAX);
    if (value != 0 && exponent > POWER_MAX)
        return refuse(in, "number out of range");
    if (value != 0)
        value = exponent < 0 ? value / power_of_ten((int)-exponent) : value * power_of_ten((int)exponent);
    if (!isfinite(value))
        return refuse(in, "number out of range");
    out->kind = MSK_JSON_FRACTION;
    out->fraction = parts->negative ? -value : value;
    return 0;
}

static int read_number(struct reader *in, struct msk_json *out)
{
    struct parts parts;
    int rc = take_number(in, &parts);
    if (rc < 0)
        return rc;
    if (!parts.whole || parts.cut)
        return to_fraction(in, &parts, out);
    if (!parts.negative) {
        out->kind = MSK_JSON_UNSIGNED;
        out->number = parts.digits;
        return 0;
    }
    if (parts.digits == 0 || parts.digits > (uint64_t)1 << 63) /* minus zero is a fraction */
        return to_fraction(in, &parts, out);
    out->kind = MSK_JSON_NEGATIVE;
    out->negative = (int64_t)-parts.digits;
    return 0;
}

/* ---- text */

static bool take_hex4(struct reader *in, uint32_t *unit)
{
    uint8_t bytes[2];
    if (in->text.len - in->at < 4 || msk_hex_decode((const char *)in->text.data + in->at, 4, bytes, 2, NULL) < 0)
        return false;
    in->at += 4;
    *unit = (uint32_t)bytes[0] << 8 | bytes[1];
    return true;
}

/* After "\u": one unit, or two that make a character together. */
static bool take_scalar(struct reader *in, uint32_t *scalar)
{
    uint32_t low;
    if (!take_hex4(in, scalar))
        return false;
    if (*scalar < 0xd800 || *scalar > 0xdfff)
        return true;
    if (*scalar > 0xdbff || !take_word(in, "\\u") || !take_hex4(in, &low) || low < 0xdc00 || low > 0xdfff)
        return false;
    *scalar = 0x10000 + ((*scalar - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

static size_t put_utf8(uint8_t *out, uint32_t scalar)
{
    if (scalar < 0x80) {
        out[0] = (uint8_t)scalar;
        return 1;
    }
    size_t len = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
    for (size_t i = len; i-- > 1; scalar >>= 6)
        out[i] = (uint8_t)(0x80 | (scalar & 0x3f));
    out[0] = (uint8_t)(0xf0 << (4 - len) | scalar);
    return len;
}

/* After the backslash. */
static bool take_escape(struct reader *in, uint32_t *scalar)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *name = peek(in) ? strchr(names, peek(in)) : NULL;
    if (take(in, 'u'))
        return take_scalar(in, scalar);
    if (!name)
        return false;
    in->at++;
    *scalar = (uint8_t)meanings[name - names];
    return true;
}

/* How many bytes from here on stand for themselves. */
static size_t plain_length(const struct reader *in)
{
    size_t at = in->at;
    while (at < in->text.len && in->text.data[at] >= 0x20 && in->text.data[at] != '\\' && in->text.data[at] != '"')
        at++;
    return at - in->at;
}

/* Room for a text that ends with the next quote that is not escaped: escapes are never shorter than what they stand
 * for. */
static int room_for_text(struct reader *in, uint8_t **room)
{
    size_t end = in->at + plain_length(in);
    while (end < in->text.len && in->text.data[end] != '"')
        end += in->text.data[end] == '\\' ? 2 : 1;
    if (end >= in->text.len)
        return refuse(in, "text without end");
    *room = msk_arena_alloc(in->arena, end - in->at + 1, 1);
    return *room ? 0 : no_memory(in);
}

/* From behind the opening quote. */
static int read_text(struct reader *in, struct msk_bytes *out)
{
    uint8_t *bytes = NULL;
    size_t len = 0;
    int rc = room_for_text(in, &bytes);
    if (!bytes)
        return rc;
    for (;;) {
        uint32_t scalar;
        size_t plain = plain_length(in);
        memcpy(bytes + len, in->text.data + in->at, plain);
        len += plain;
        in->at += plain;
        if (take(in, '"'))
            break;
        if (!take(in, '\\'))
            return refuse(in, "control character in text");
        if (!take_escape(in, &scalar))
            return refuse(in, "bad escape");
        len += put_utf8(bytes + len, scalar);
    }
    *out = MSK_BYTES(bytes, len);
    return 0;
}

/* ---- lists and objects: items gathered in an array that doubles */

/* Room for one more item of `size` bytes behind `count`. */
static void *grow(struct reader *in, void *items, size_t count, size_t size)
{
    if (count & (count - 1))
        return items; /* full only at powers of two */
    void *larger = msk_arena_alloc(in->arena, count ? 2 * count : 1, size);
    if (larger && count)
        memcpy(larger, items, count * size);
    return larger;
}

static int read_list(struct reader *in, struct msk_json *out)
{
    struct msk_json *items = NULL;
    size_t count = 0;
    skip_space(in);
    if (!take(in, ']')) {
        do {
            items = grow(in, items, count, sizeof *items);
            if (!items)
                return no_memory(in);
            int rc = read_value(in, &items[count++]);
            if (rc < 0)
                return rc;
            skip_space(in);
        } while (take(in, ','));
        if (!take(in, ']'))
            return refuse(in, "expected , or ]");
    }
    *out = (struct msk_json){.kind = MSK_JSON_LIST, .list = {items, count}};
    return 0;
}

static int read_member(struct reader *in, struct msk_json_member *out)
{
    skip_space(in);
    if (!take(in, '"'))
        return refuse(in, "expected a member's name");
    int rc = read_text(in, &out->name);
    skip_space(in);
    if (rc == 0 && !take(in, ':'))
        rc = refuse(in, "expected :");
    return rc < 0 ? rc : read_value(in, &out->value);
}

static int compare_names(struct msk_bytes a, struct msk_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* By name, and equal names in the order given, which `times` holds until they are merged. */
static int compare_members(const void *a, const void *b)
{
    const struct msk_json_member *left = a, *right = b;
    int order = compare_names(left->name, right->name);
    return order ? order : (left->times > right->times) - (left->times < right->times);
}

static size_t sort_members(struct msk_json_member *members, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        members[i].times = i;
    if (count)
        qsort(members, count, sizeof *members, compare_members);
    for (size_t i = 0; i < count; i++) {
        bool again = kept > 0 && compare_names(members[kept - 1].name, members[i].name) == 0;
        size_t times = again ? members[kept - 1].times + 1 : 1;
        kept += again ? 0 : 1;
        members[kept - 1] = members[i];
        members[kept - 1].times = times;
    }
    return kept;
}

static int read_object(struct reader *in, struct msk_json *out)
{
    struct msk_json_member *members = NULL;
    size_t count = 0;
    skip_space(in);
    if (!take(in, '}')) {
        do {
            members = grow(in, members, count, sizeof *members);
            if (!members)
                return no_memory(in);
            int rc = read_member(in, &members[count++]);
            if (rc < 0)
                return rc;
            skip_space(in);
        } while (take(in, ','));
        if (!take(in, '}'))
            return refuse(in, "expected , or }");
    }
    *out = (struct msk_json){.kind = MSK_JSON_OBJECT, .object = {members, sort_members(members, count)}};
    return 0;
}

/* ---- values */

static int read_nested(struct reader *in, struct msk_json *out, int (*read_it)(struct reader *, struct msk_json *))
{
    if (++in->depth > MSK_JSON_DEPTH_MAX)
        return refuse(in, "nested too deep");
    int rc = read_it(in, out);
    in->depth--;
    return rc;
}

static int read_value(struct reader *in, struct msk_json *out)
{
    skip_space(in);
    if (take(in, '{'))
        return read_nested(in, out, read_object);
    if (take(in, '['))
        return read_nested(in, out, read_list);
    if (take(in, '"')) {
        out->kind = MSK_JSON_TEXT;
        return read_text(in, &out->text);
    }
    if (peek(in) == '-' || (peek(in) >= '0' && peek(in) <= '9'))
        return read_number(in, out);
    if (take_word(in, "null")) {
        out->kind = MSK_JSON_NULL;
        return 0;
    }
    bool truth = take_word(in, "true");
    if (truth || take_word(in, "false")) {
        out->kind = MSK_JSON_BOOL;
        out->truth = truth;
        return 0;
    }
    return refuse(in, "expected a value");
}

int msk_json_parse(struct msk_bytes text, struct msk_arena *arena, struct msk_json *out, struct msk_error *err)
{
    struct reader in = {.text = text, .arena = arena, .err = err};
    if (!msk_utf8_valid(text, &in.at))
        return refuse(&in, "not UTF-8");
    in.at = 0;
    int rc = read_value(&in, out);
    skip_space(&in);
    if (rc == 0 && in.at < text.len)
        rc = refuse(&in, "something follows the value");
    return rc;
}

const struct msk_json_member *msk_json_find(const struct msk_json *object, const char *name)
{
    if (object->kind != MSK_JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < object->object.count; i++)
        if (msk_bytes_equal(object->object.members[i].name, msk_bytes_of_text(name)))
            return &object->object.members[i];
    return NULL;
}
