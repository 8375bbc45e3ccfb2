/* The entry points of type.h, and the reader they share. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "wire/kind.h"

const char *msk_fault_name(enum msk_fault fault)
{
    static const char *const names[] = {
#define X(name, text) text,
        MSK_FAULT_MAP(X)
#undef X
    };
    return names[fault];
}

/* ---- where a reader is, in words */

static void append_path(const struct msk_reader *in, char *out, size_t size)
{
    size_t len = strlen(out);
    for (unsigned i = 0; i < in->depth && len < size; i++) {
        const struct msk_step *step = &in->path[i];
        if (step->name)
            len += (size_t)snprintf(out + len, size - len, ".%s", step->name);
        else
            len += (size_t)snprintf(out + len, size - len, "[%zu]", step->index);
    }
}

static int code_of(enum msk_fault fault)
{
    return fault == MSK_FAULT_NOMEM ? MSK_E_NOMEM : fault == MSK_FAULT_LIMIT ? MSK_E_LIMIT : MSK_E_INVALID;
}

int msk_reader_fail(struct msk_reader *in, enum msk_fault fault, size_t offset, const char *format, ...)
{
    int code = code_of(fault);
    struct msk_place place = {.fault = code == MSK_E_INVALID && in->wrapped ? MSK_FAULT_REJECTED : fault,
                              .offset = offset};
    snprintf(place.path, sizeof place.path, "%s", in->root->name);
    append_path(in, place.path, sizeof place.path);
    if (in->place)
        *in->place = place;
    if (in->err) {
        va_list args;
        va_start(args, format);
        vsnprintf(in->err->text, sizeof in->err->text, format, args);
        va_end(args);
        msk_wrap(in->err, code, "%s", place.path);
        size_t len = strlen(in->err->text);
        if (in->in.data)
            snprintf(in->err->text + len, sizeof in->err->text - len, " at offset %zu", offset);
    }
    return code;
}

int msk_reader_no_memory(struct msk_reader *in)
{
    if (in->arena->error == MSK_E_LIMIT)
        return msk_reader_fail(in, MSK_FAULT_LIMIT, in->offset, "needs more than %zu bytes of memory", in->arena->max);
    return msk_reader_fail(in, MSK_FAULT_NOMEM, in->offset, "out of memory");
}

/* ---- bytes in */

size_t msk_reader_left(const struct msk_reader *in)
{
    return in->in.len - in->offset;
}

int msk_read_bytes(struct msk_reader *in, size_t len, const uint8_t **out)
{
    if (len > msk_reader_left(in))
        return msk_reader_fail(in, MSK_FAULT_UNEXPECTED_END, in->offset, "the input ends after %zu of %zu bytes",
                               msk_reader_left(in), len);
    *out = in->in.data + in->offset;
    in->offset += len;
    return 0;
}

static int read_long_varint(struct msk_reader *in, unsigned bits, unsigned __int128 *out)
{
    size_t start = in->offset, most = (bits + 6) / 7;
    uint8_t last_max = (uint8_t)((1u << (bits - 7 * (most - 1))) - 1);
    *out = 0;
    for (size_t i = 0; i < most; i++) {
        if (in->offset == in->in.len)
            return msk_reader_fail(in, MSK_FAULT_UNEXPECTED_END, start, "the input ends within a varint");
        uint8_t byte = in->in.data[in->offset++];
        *out |= (unsigned __int128)(byte & 0x7f) << 7 * i;
        if (byte & 0x80)
            continue;
        if (i == most - 1 && byte > last_max)
            return msk_reader_fail(in, MSK_FAULT_BAD_VARINT, start, "varint beyond %u bits", bits);
        return 0;
    }
    return msk_reader_fail(in, MSK_FAULT_BAD_VARINT, start, "varint longer than %zu bytes", most);
}

int msk_read_varint(struct msk_reader *in, unsigned bits, unsigned __int128 *out)
{
    if (in->offset == in->in.len || in->in.data[in->offset] & 0x80) /* most are one byte */
        return read_long_varint(in, bits, out);
    *out = in->in.data[in->offset++];
    return 0;
}

int msk_read_counted(struct msk_reader *in, struct msk_bytes *out)
{
    size_t start = in->offset;
    unsigned __int128 len;
    int rc = msk_read_varint(in, 64, &len);
    if (rc < 0)
        return rc;
    if (len > msk_reader_left(in))
        return msk_reader_fail(in, MSK_FAULT_UNEXPECTED_END, start, "%llu bytes announced, %zu left",
                               (unsigned long long)len, msk_reader_left(in));
    out->len = (size_t)len;
    return msk_read_bytes(in, out->len, &out->data);
}

/* ---- bytes out */

void msk_write_varint(struct msk_builder *out, unsigned __int128 value)
{
    for (; value > 0x7f; value >>= 7)
        msk_builder_byte(out, (uint8_t)(value | 0x80));
    msk_builder_byte(out, (uint8_t)value);
}

void msk_write_counted(struct msk_builder *out, struct msk_bytes bytes)
{
    msk_write_varint(out, bytes.len);
    msk_builder_append(out, bytes.data, bytes.len);
}

size_t msk_least_one(const struct msk_type *type)
{
    (void)type;
    return 1;
}

size_t msk_type_least(const struct msk_type *type)
{
    return type->depth ? type->least : type->kind->least(type);
}

int msk_compare_bytes(struct msk_bytes a, struct msk_bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.data, b.data, common) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* ---- one value, one step down */

/* Apart, so that values without a condition do not pay for the sentence. */
static __attribute__((noinline)) int ask_type(const struct msk_type *type, struct msk_reader *in, size_t start,
                                              const void *value)
{
    struct msk_error why = {.text = ""};
    int rc = type->check(value, &why);
    if (rc == MSK_E_NOMEM)
        return msk_reader_fail(in, MSK_FAULT_NOMEM, start, "out of memory");
    return rc < 0 ? msk_reader_fail(in, MSK_FAULT_REJECTED, start, "%s", why.text) : 0;
}

/* The type's own condition, once the value is complete. */
static int check_value(const struct msk_type *type, struct msk_reader *in, size_t start, const void *value)
{
    return type->check && !in->trusted ? ask_type(type, in, start, value) : 0;
}

int msk_read_value(const struct msk_type *type, struct msk_reader *in, void *out)
{
    size_t start = in->offset;
    int rc = type->kind->decode(type, in, out);
    return rc < 0 ? rc : check_value(type, in, start, out);
}

int msk_parse_value(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    int rc = type->kind->parse(type, in, json, out);
    return rc < 0 ? rc : check_value(type, in, 0, out);
}

static int go_down(struct msk_reader *in, const char *name, size_t index)
{
    if (in->depth == MSK_DEPTH_MAX)
        return msk_reader_fail(in, MSK_FAULT_LIMIT, in->offset, "nested deeper than %d", MSK_DEPTH_MAX);
    in->path[in->depth++] = (struct msk_step){name, index};
    return 0;
}

int msk_read_at(const char *name, size_t index, const struct msk_type *type, struct msk_reader *in, void *out)
{
    size_t start = in->offset;
    int rc = go_down(in, name, index);
    if (rc < 0)
        return rc;
    rc = msk_read_value(type, in, out);
    if (rc == 0 && in->offset == start && ++in->empty > MSK_EMPTY_ITEMS_MAX)
        rc = msk_reader_fail(in, MSK_FAULT_LIMIT, start, "more than %d empty items", MSK_EMPTY_ITEMS_MAX);
    in->depth--;
    return rc;
}

int msk_parse_at(const char *name, size_t index, const struct msk_type *type, struct msk_reader *in, const json_t *json,
                 void *out)
{
    int rc = go_down(in, name, index);
    if (rc < 0)
        return rc;
    rc = msk_parse_value(type, in, json, out);
    in->depth--;
    return rc;
}

/* ---- type.h */

static int out_of_memory(const struct msk_type *type, struct msk_error *err)
{
    return msk_fail(err, MSK_E_NOMEM, "%s: out of memory", type->name);
}

static int encode_or_explain(const struct msk_type *type, const void *value, struct msk_builder *out,
                             struct msk_error *err)
{
    int rc = msk_encode(type, value, out);
    return rc < 0 ? msk_fail(err, rc, "%s: %s", type->name, msk_error_sentence(rc)) : 0;
}

static int decode(struct msk_reader reader, void *out)
{
    static const uint8_t nothing[1];
    if (!reader.in.data)
        reader.in = MSK_BYTES(nothing, 0); /* a NULL input is an empty one, not JSON */
    memset(out, 0, reader.root->size);
    return msk_read_value(reader.root, &reader, out);
}

int msk_decode_at(const struct msk_type *type, struct msk_bytes in, struct msk_arena *arena, void *out,
                  struct msk_error *err, struct msk_place *place)
{
    return decode((struct msk_reader){.in = in, .arena = arena, .root = type, .err = err, .place = place}, out);
}

int msk_decode_unchecked(const struct msk_type *type, struct msk_bytes in, struct msk_arena *arena, void *out,
                         struct msk_error *err)
{
    return decode((struct msk_reader){.in = in, .arena = arena, .root = type, .err = err, .trusted = true}, out);
}

int msk_decode(const struct msk_type *type, struct msk_bytes in, struct msk_arena *arena, void *out,
               struct msk_error *err)
{
    return msk_decode_at(type, in, arena, out, err, NULL);
}

int msk_encode(const struct msk_type *type, const void *in, struct msk_builder *out)
{
    type->kind->encode(type, in, out);
    return out->error;
}

int msk_check(const struct msk_type *type, const void *value, struct msk_error *err)
{
    struct msk_builder bytes;
    struct msk_arena arena;
    msk_builder_init(&bytes, MSK_DECODED_MAX);
    msk_arena_init(&arena, MSK_DECODED_MAX);
    int rc = encode_or_explain(type, value, &bytes, err);
    void *again = msk_arena_alloc(&arena, 1, type->size);
    if (rc == 0)
        rc = again ? msk_decode(type, msk_builder_view(&bytes), &arena, again, err) : out_of_memory(type, err);
    msk_arena_free(&arena);
    msk_builder_free(&bytes);
    return rc;
}

int msk_canonical(const struct msk_type *type, struct msk_bytes in, struct msk_builder *out, struct msk_error *err)
{
    struct msk_arena arena;
    msk_arena_init(&arena, MSK_DECODED_MAX);
    void *value = msk_arena_alloc(&arena, 1, type->size);
    int rc = value ? msk_decode(type, in, &arena, value, err) : out_of_memory(type, err);
    if (rc == 0)
        rc = encode_or_explain(type, value, out, err);
    msk_arena_free(&arena);
    return rc;
}

int msk_copy(const struct msk_type *type, const void *in, struct msk_arena *arena, void *out)
{
    struct msk_builder bytes;
    msk_builder_init(&bytes, MSK_DECODED_MAX);
    int rc = msk_encode(type, in, &bytes);
    if (rc == 0)
        rc = msk_decode_unchecked(type, msk_builder_view(&bytes), arena, out, NULL);
    msk_builder_free(&bytes);
    return rc;
}

int msk_compare(const struct msk_type *type, const void *a, const void *b)
{
    return type->kind->compare(type, a, b);
}

int msk_value_to_json(const struct msk_type *type, const void *in, json_t **out, struct msk_error *err)
{
    *out = type->kind->print(type, in);
    return *out ? 0 : out_of_memory(type, err);
}

int msk_json_to_value(const struct msk_type *type, const json_t *in, struct msk_arena *arena, void *out,
                      struct msk_error *err)
{
    struct msk_reader reader = {.arena = arena, .root = type, .err = err};
    memset(out, 0, type->size);
    return msk_parse_value(type, &reader, in, out);
}

int msk_bytes_to_json_at(const struct msk_type *type, struct msk_bytes in, json_t **out, struct msk_error *err,
                         struct msk_place *place)
{
    struct msk_arena arena;
    msk_arena_init(&arena, MSK_DECODED_MAX);
    *out = NULL;
    void *value = msk_arena_alloc(&arena, 1, type->size);
    int rc = value ? msk_decode_at(type, in, &arena, value, err, place) : out_of_memory(type, err);
    if (rc == 0)
        rc = msk_value_to_json(type, value, out, err);
    msk_arena_free(&arena);
    return rc;
}

int msk_bytes_to_json(const struct msk_type *type, struct msk_bytes in, json_t **out, struct msk_error *err)
{
    return msk_bytes_to_json_at(type, in, out, err, NULL);
}

int msk_json_to_bytes(const struct msk_type *type, const json_t *in, struct msk_builder *out, struct msk_error *err)
{
    struct msk_arena arena;
    msk_arena_init(&arena, MSK_DECODED_MAX);
    void *value = msk_arena_alloc(&arena, 1, type->size);
    int rc = value ? msk_json_to_value(type, in, &arena, value, err) : out_of_memory(type, err);
    if (rc == 0)
        rc = encode_or_explain(type, value, out, err);
    msk_arena_free(&arena);
    return rc;
}
