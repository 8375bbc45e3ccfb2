/* Text and bytes: counted, fixed, one character; semantic versions and relay URLs (wire.md 2, 2.1). */
#include <string.h>

#include "base/text.h"
#include "crypto/ed25519.h"
#include "wire/kind.h"
#include "wire/url.h"

/* ---- counted bytes and text: struct msk_bytes */

/* Into the arena: what is decoded outlives its input. */
static int keep(struct msk_reader *in, struct msk_bytes bytes, struct msk_bytes *out)
{
    *out = MSK_BYTES(msk_arena_copy(in->arena, bytes.data, bytes.len), bytes.len);
    return out->data ? 0 : msk_reader_no_memory(in);
}

static void encode_counted(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    msk_write_counted(out, *(const struct msk_bytes *)value);
}

static int decode_bytes(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    struct msk_bytes bytes;
    int rc = msk_read_counted(in, &bytes);
    return rc < 0 ? rc : keep(in, bytes, out);
}

static int read_text(struct msk_reader *in, struct msk_bytes *out)
{
    size_t bad;
    int rc = msk_read_counted(in, out);
    if (rc == 0 && !msk_utf8_valid(*out, &bad))
        return msk_reader_fail(in, MSK_FAULT_BAD_UTF8, in->offset - out->len + bad, "not UTF-8");
    return rc;
}

static int decode_text(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    struct msk_bytes text;
    int rc = read_text(in, &text);
    return rc < 0 ? rc : keep(in, text, out);
}

static json_t *print_hex(struct msk_bytes bytes)
{
    struct msk_builder text;
    msk_builder_init(&text, 2 * bytes.len + 1);
    msk_hex_append(&text, bytes);
    json_t *json = text.error ? NULL : json_stringn_nocheck(text.data ? (const char *)text.data : "", text.len);
    msk_builder_free(&text);
    return json;
}

static json_t *print_bytes(const struct msk_type *type, const void *value)
{
    (void)type;
    return print_hex(*(const struct msk_bytes *)value);
}

static json_t *print_text(const struct msk_type *type, const void *value)
{
    (void)type;
    const struct msk_bytes *text = value;
    return json_stringn_nocheck(text->len ? (const char *)text->data : "", text->len);
}

/* The reference's own JSON has bytes as an array of numbers. */
static int parse_numbers(struct msk_reader *in, const json_t *json, struct msk_bytes *out)
{
    size_t len = json_array_size(json);
    uint8_t *bytes = msk_arena_alloc(in->arena, len, 1);
    if (!bytes)
        return msk_reader_no_memory(in);
    for (size_t i = 0; i < len; i++) {
        const json_t *item = json_array_get(json, i);
        json_int_t number = json_integer_value(item);
        if (!json_is_integer(item) || number < 0 || number > 255)
            return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "item %zu is no byte", i);
        bytes[i] = (uint8_t)number;
    }
    *out = MSK_BYTES(bytes, len);
    return 0;
}

static int parse_hex(struct msk_reader *in, const json_t *json, struct msk_bytes *out)
{
    if (json_is_array(json))
        return parse_numbers(in, json, out);
    if (!json_is_string(json))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected hex digits");
    size_t len = json_string_length(json), offset;
    uint8_t *bytes = msk_arena_alloc(in->arena, len / 2, 1);
    if (!bytes)
        return msk_reader_no_memory(in);
    if (msk_hex_decode(json_string_value(json), len, bytes, len / 2, &offset) < 0)
        return offset < len ? msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "character %zu is no hex digit", offset + 1)
                            : msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "an odd number of hex digits");
    *out = MSK_BYTES(bytes, len / 2);
    return 0;
}

static int parse_bytes(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    return parse_hex(in, json, out);
}

static int parse_text(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    if (!json_is_string(json))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected text");
    return keep(in, MSK_BYTES(json_string_value(json), json_string_length(json)), out);
}

static int compare_counted(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    return msk_compare_bytes(*(const struct msk_bytes *)a, *(const struct msk_bytes *)b);
}

const struct msk_kind msk_kind_bytes = {encode_counted, decode_bytes,    print_bytes,
                                        parse_bytes,    compare_counted, msk_least_one};
const struct msk_kind msk_kind_text = {encode_counted, decode_text,     print_text,
                                       parse_text,     compare_counted, msk_least_one};

/* The data of custom transport addresses: short before long, the short ones by length first (wire.md 2.1). */
static int compare_custom_data(const struct msk_type *type, const void *a, const void *b)
{
    enum { SHORT_MAX = 30 };
    (void)type;
    struct msk_bytes left = *(const struct msk_bytes *)a, right = *(const struct msk_bytes *)b;
    bool left_long = left.len > SHORT_MAX, right_long = right.len > SHORT_MAX;
    if (left_long != right_long)
        return left_long - right_long;
    if (!left_long && left.len != right.len)
        return left.len > right.len ? 1 : -1;
    return msk_compare_bytes(left, right);
}

const struct msk_kind msk_kind_custom_data = {encode_counted, decode_bytes,        print_bytes,
                                              parse_bytes,    compare_custom_data, msk_least_one};

const struct msk_type msk_type_bytes = {
    .kind = &msk_kind_bytes, .name = "bytes", .size = sizeof(struct msk_bytes), .align = _Alignof(struct msk_bytes)};
const struct msk_type msk_type_text = {
    .kind = &msk_kind_text, .name = "text", .size = sizeof(struct msk_bytes), .align = _Alignof(struct msk_bytes)};

/* ---- one character, as its text: uint32_t */

static size_t utf8_of(uint32_t scalar, uint8_t out[4])
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

/* The first character of well-formed text. */
static uint32_t first_scalar(struct msk_bytes text)
{
    uint8_t lead = text.data[0];
    if (lead < 0x80)
        return lead;
    size_t len = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    uint32_t scalar = lead & (0x7fu >> len);
    for (size_t i = 1; i < len; i++)
        scalar = scalar << 6 | (text.data[i] & 0x3f);
    return scalar;
}

static void encode_char(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    uint8_t bytes[4];
    msk_write_counted(out, MSK_BYTES(bytes, utf8_of(*(const uint32_t *)value, bytes)));
}

/* What follows the first character within the four bytes is ignored, as the reference does. */
static int decode_char(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    size_t start = in->offset;
    struct msk_bytes text;
    int rc = msk_read_counted(in, &text);
    if (rc < 0)
        return rc;
    if (text.len < 1 || text.len > 4 || !msk_utf8_valid(text, NULL))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, start, "not one character");
    *(uint32_t *)out = first_scalar(text);
    return 0;
}

static json_t *print_char(const struct msk_type *type, const void *value)
{
    (void)type;
    uint8_t bytes[4];
    size_t len = utf8_of(*(const uint32_t *)value, bytes);
    return json_stringn_nocheck((const char *)bytes, len);
}

static int parse_char(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    struct msk_bytes text = MSK_BYTES(json_string_value(json), json_string_length(json));
    uint8_t bytes[4];
    if (text.len < 1 || utf8_of(first_scalar(text), bytes) != text.len)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected text of one character");
    *(uint32_t *)out = first_scalar(text);
    return 0;
}

static int compare_char(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static size_t least_char(const struct msk_type *type)
{
    (void)type;
    return 2;
}

const struct msk_kind msk_kind_char = {encode_char, decode_char, print_char, parse_char, compare_char, least_char};
const struct msk_type msk_type_char = {
    .kind = &msk_kind_char, .name = "char", .size = sizeof(uint32_t), .align = _Alignof(uint32_t)};

/* ---- a fixed number of raw bytes: type->size */

static void encode_fixed(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    msk_builder_append(out, value, type->size);
}

static int decode_fixed(const struct msk_type *type, struct msk_reader *in, void *out)
{
    const uint8_t *bytes;
    int rc = msk_read_bytes(in, type->size, &bytes);
    if (rc == 0)
        memcpy(out, bytes, type->size);
    return rc;
}

static json_t *print_fixed(const struct msk_type *type, const void *value)
{
    return print_hex(MSK_BYTES(value, type->size));
}

static int parse_fixed(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    struct msk_bytes bytes = {0};
    int rc = parse_hex(in, json, &bytes);
    if (rc < 0)
        return rc;
    if (bytes.len != type->size)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "%zu bytes, expected %zu", bytes.len, type->size);
    memcpy(out, bytes.data, type->size);
    return 0;
}

static int compare_fixed(const struct msk_type *type, const void *a, const void *b)
{
    return memcmp(a, b, type->size);
}

static size_t least_fixed(const struct msk_type *type)
{
    return type->size;
}

static int check_peer_id(const void *value, struct msk_error *err)
{
    const struct msk_digest *peer_id = value;
    return msk_ed25519_is_point(peer_id->bytes)
               ? 0
               : msk_fail(err, MSK_E_INVALID, "no peer id: these 32 bytes are no Ed25519 public key");
}

const struct msk_kind msk_kind_fixed = {encode_fixed, decode_fixed,  print_fixed,
                                        parse_fixed,  compare_fixed, least_fixed};
const struct msk_type msk_type_digest = {.kind = &msk_kind_fixed, .name = "digest", .size = MSK_DIGEST_LEN, .align = 1};
const struct msk_type msk_type_peer_id = {
    .kind = &msk_kind_fixed, .name = "peer_id", .size = MSK_DIGEST_LEN, .align = 1, .check = check_peer_id};
const struct msk_type msk_type_signature = {
    .kind = &msk_kind_fixed, .name = "signature", .size = MSK_SIGNATURE_LEN, .align = 1};

/* ---- semantic version: text that keeps to semver.org's grammar */

static bool is_identifier_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
}

/* A number without leading zeros that fits 64 bits. */
static bool take_number(struct msk_bytes *text)
{
    uint64_t number = 0;
    size_t i = 0;
    for (; i < text->len && text->data[i] >= '0' && text->data[i] <= '9'; i++)
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (unsigned)(text->data[i] - '0'), &number))
            return false;
    bool good = i == 1 || (i > 1 && text->data[0] != '0');
    *text = MSK_BYTES(text->data + i, text->len - i);
    return good;
}

static bool take_char(struct msk_bytes *text, char c)
{
    if (text->len == 0 || text->data[0] != (uint8_t)c)
        return false;
    *text = MSK_BYTES(text->data + 1, text->len - 1);
    return true;
}

/* Identifiers joined by dots, none empty; in pre-releases those of digits only have no leading zero. */
static bool take_identifiers(struct msk_bytes *text, bool strict_numbers)
{
    do {
        size_t i = 0;
        bool digits = true;
        for (; i < text->len && is_identifier_char(text->data[i]); i++)
            digits &= text->data[i] >= '0' && text->data[i] <= '9';
        if (i == 0 || (strict_numbers && digits && i > 1 && text->data[0] == '0'))
            return false;
        *text = MSK_BYTES(text->data + i, text->len - i);
    } while (take_char(text, '.'));
    return true;
}

static int check_version(const void *value, struct msk_error *err)
{
    struct msk_bytes rest = *(const struct msk_bytes *)value;
    bool good = take_number(&rest) && take_char(&rest, '.') && take_number(&rest) && take_char(&rest, '.') &&
                take_number(&rest) && (!take_char(&rest, '-') || take_identifiers(&rest, true)) &&
                (!take_char(&rest, '+') || take_identifiers(&rest, false)) && rest.len == 0;
    return good ? 0 : msk_fail(err, MSK_E_INVALID, "not a semantic version like 0.4.2");
}

const struct msk_type msk_type_version = {.kind = &msk_kind_text,
                                          .name = "version",
                                          .size = sizeof(struct msk_bytes),
                                          .align = _Alignof(struct msk_bytes),
                                          .check = check_version};

/* ---- relay URL: text, normalised when it is read */

static int normalise(struct msk_reader *in, size_t start, struct msk_bytes text, struct msk_bytes *out)
{
    struct msk_builder url;
    struct msk_error why;
    msk_builder_init(&url, MSK_URL_MAX);
    int rc = msk_url_normalise(text, &url, &why);
    if (rc == 0)
        rc = keep(in, msk_builder_view(&url), out);
    else
        rc = msk_reader_fail(in, rc == MSK_E_NOMEM ? MSK_FAULT_NOMEM : MSK_FAULT_REJECTED, start, "%s", why.text);
    msk_builder_free(&url);
    return rc;
}

static int decode_relay_url(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    size_t start = in->offset;
    struct msk_bytes text = {0};
    int rc = read_text(in, &text);
    return rc < 0 ? rc : normalise(in, start, text, out);
}

static int parse_relay_url(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    struct msk_bytes text = {0};
    int rc = parse_text(type, in, json, &text);
    return rc < 0 ? rc : normalise(in, 0, text, out);
}

const struct msk_kind msk_kind_relay_url = {encode_counted,  decode_relay_url, print_text,
                                            parse_relay_url, compare_counted,  msk_least_one};
const struct msk_type msk_type_relay_url = {.kind = &msk_kind_relay_url,
                                            .name = "relay_url",
                                            .size = sizeof(struct msk_bytes),
                                            .align = _Alignof(struct msk_bytes)};
