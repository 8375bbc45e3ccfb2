#include "base/text.h"

#include <string.h>

#include "base/error.h"

static const char hex_digits[] = "0123456789abcdef";
static const char base32_digits[] = "abcdefghijklmnopqrstuvwxyz234567";
static const char zbase32_digits[] = "ybndrfg8ejkmcpqxot1uwisza345h769";
static const char base64url_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void msk_hex_encode(struct msk_bytes in, char *out)
{
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = hex_digits[in.data[i] >> 4];
        out[2 * i + 1] = hex_digits[in.data[i] & 15];
    }
    out[2 * in.len] = 0;
}

void msk_hex_append(struct msk_builder *out, struct msk_bytes in)
{
    for (size_t i = 0; i < in.len; i++) {
        msk_builder_byte(out, (uint8_t)hex_digits[in.data[i] >> 4]);
        msk_builder_byte(out, (uint8_t)hex_digits[in.data[i] & 15]);
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int msk_hex_decode(const char *text, size_t text_len, uint8_t *out, size_t len, size_t *offset)
{
    size_t bad = text_len;
    for (size_t i = 0; i < text_len; i++)
        if (hex_value(text[i]) < 0) {
            bad = i;
            break;
        }
    if (offset)
        *offset = bad;
    if (bad != text_len || text_len != 2 * len)
        return MSK_E_INVALID;
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)((unsigned)hex_value(text[2 * i]) << 4 | (unsigned)hex_value(text[2 * i + 1]));
    return 0;
}

int msk_hex_decode_append(const char *text, size_t text_len, struct msk_builder *out, size_t *offset)
{
    size_t start = out->len;
    uint8_t *place = msk_builder_reserve(out, text_len / 2);
    if (!place)
        return out->error;
    int rc = text_len % 2 ? MSK_E_INVALID : msk_hex_decode(text, text_len, place, text_len / 2, offset);
    if (rc < 0) {
        if (text_len % 2 && offset)
            *offset = text_len;
        out->len = start;
    }
    return rc;
}

/* All three alphabets are the same walk: take `bits` at a time from the high end. */
static void append_digits(struct msk_builder *out, struct msk_bytes in, unsigned bits, const char *digits)
{
    unsigned held = 0, count = 0;
    for (size_t i = 0; i < in.len; i++) {
        held = held << 8 | in.data[i];
        for (count += 8; count >= bits; count -= bits)
            msk_builder_byte(out, (uint8_t)digits[held >> (count - bits) & ((1u << bits) - 1)]);
        held &= (1u << count) - 1;
    }
    if (count)
        msk_builder_byte(out, (uint8_t)digits[held << (bits - count) & ((1u << bits) - 1)]);
}

void msk_base32_append(struct msk_builder *out, struct msk_bytes in)
{
    append_digits(out, in, 5, base32_digits);
}

void msk_zbase32_append(struct msk_builder *out, struct msk_bytes in)
{
    append_digits(out, in, 5, zbase32_digits);
}

void msk_base64url_append(struct msk_builder *out, struct msk_bytes in)
{
    append_digits(out, in, 6, base64url_digits);
}

int msk_base32_decode(const char *text, size_t text_len, uint8_t *out, size_t len)
{
    if (text_len != (len * 8 + 4) / 5)
        return MSK_E_INVALID;
    unsigned held = 0, count = 0;
    size_t done = 0;
    for (size_t i = 0; i < text_len; i++) {
        char c = text[i];
        int value = c >= 'a' && c <= 'z'   ? c - 'a'
                    : c >= 'A' && c <= 'Z' ? c - 'A'
                    : c >= '2' && c <= '7' ? c - '2' + 26
                                           : -1;
        if (value < 0)
            return MSK_E_INVALID;
        held = held << 5 | (unsigned)value;
        count += 5;
        if (count >= 8) {
            count -= 8;
            out[done++] = (uint8_t)(held >> count);
            held &= (1u << count) - 1;
        }
    }
    return held == 0 && done == len ? 0 : MSK_E_INVALID;
}

/* Values of the digits, one more each: 0 is no digit. */
/* clang-format off */
static const uint8_t base64url_values[256] = {
    ['A'] = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26,
    ['a'] = 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
    ['0'] = 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
    ['-'] = 63,
    ['_'] = 64,
};
/* clang-format on */

/* One more than the value of `count` digits at `text`, put together; 0 if one of them is none. */
static inline uint32_t take_digits(const char *text, size_t count)
{
    uint32_t bits = 0;
#pragma GCC unroll 4
    for (size_t i = 0; i < count; i++) {
        uint32_t value = base64url_values[(uint8_t)text[i]];
        if (value == 0)
            return 0;
        bits = bits << 6 | (value - 1);
    }
    return bits + 1;
}

int msk_base64url_decode(const char *text, size_t text_len, struct msk_builder *out)
{
    size_t end = text_len;
    while (end > 0 && text[end - 1] == '=' && text_len - end < 2)
        end--;
    if (end % 4 == 1 || (end != text_len && text_len % 4 != 0))
        return MSK_E_INVALID;
    uint8_t *place = msk_builder_reserve(out, end / 4 * 3 + end % 4 * 6 / 8);
    if (!place)
        return out->error;
    for (; end >= 4; end -= 4, text += 4) {
        uint32_t bits = take_digits(text, 4);
        if (bits-- == 0)
            return MSK_E_INVALID;
        *place++ = (uint8_t)(bits >> 16);
        *place++ = (uint8_t)(bits >> 8);
        *place++ = (uint8_t)bits;
    }
    if (end == 0)
        return 0;
    uint32_t bits = take_digits(text, end);
    if (bits-- == 0)
        return MSK_E_INVALID;
    unsigned spare = end == 3 ? 2 : 4; /* bits behind the last whole byte must be zero */
    if (end == 3)
        *place++ = (uint8_t)(bits >> 10);
    *place = (uint8_t)(bits >> spare);
    return bits & ((1u << spare) - 1) ? MSK_E_INVALID : 0;
}

/* Length of the well-formed sequence at `p`, or 0. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];
    size_t len = lead < 0x80                    ? 1
                 : lead >= 0xc2 && lead <= 0xdf ? 2
                 : (lead & 0xf0) == 0xe0        ? 3
                 : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                : 0;
    if (len == 0 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((lead == 0xe0 && p[1] < 0xa0) || (lead == 0xed && p[1] > 0x9f) || (lead == 0xf0 && p[1] < 0x90) ||
        (lead == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* Whether all of eight bytes are below 0x80, as most text is. */
static bool is_ascii(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

bool msk_utf8_valid(struct msk_bytes in, size_t *offset)
{
    size_t at = 0;
    while (at < in.len) {
        size_t len = in.len - at >= 8 && is_ascii(in.data + at) ? 8 : utf8_sequence(in.data + at, in.len - at);
        if (len == 0)
            break;
        at += len;
    }
    if (offset)
        *offset = at;
    return at == in.len;
}
