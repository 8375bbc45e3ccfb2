/* Any JSON value, which travels as text. There is one text for each value, so that members agree on the bytes. */
#include <stdlib.h>
#include <string.h>

#include "wire/kind.h"

static json_t *load(struct msk_bytes text)
{
    return json_loadb(text.len ? (const char *)text.data : "", text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static bool nests_within(json_t *json, int levels)
{
    bool shallow = levels > 0 || !(json_is_array(json) || json_is_object(json));
    size_t i;
    const char *name;
    json_t *item;
    if (shallow)
        json_array_foreach(json, i, item) shallow = shallow && nests_within(item, levels - 1);
    if (shallow)
        json_object_foreach(json, name, item) shallow = shallow && nests_within(item, levels - 1);
    return shallow;
}

static int keep(struct msk_reader *in, json_t *json, struct msk_bytes *out)
{
    if (!nests_within(json, MSK_JSON_VALUE_DEPTH_MAX))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, in->offset, "nested more than %d deep",
                               MSK_JSON_VALUE_DEPTH_MAX);
    char *text = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return msk_reader_fail(in, MSK_FAULT_NOMEM, 0, "out of memory");
    *out = MSK_BYTES(msk_arena_copy(in->arena, text, strlen(text)), strlen(text));
    free(text);
    return out->data ? 0 : msk_reader_no_memory(in);
}

static void encode_json(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    (void)type;
    msk_write_counted(out, *(const struct msk_bytes *)value);
}

static int decode_json(const struct msk_type *type, struct msk_reader *in, void *out)
{
    (void)type;
    struct msk_bytes text;
    size_t offset = in->offset;
    int rc = msk_read_counted(in, &text);
    if (rc < 0)
        return rc;
    json_t *json = load(text);
    if (!json)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, offset, "not JSON");
    rc = keep(in, json, out);
    json_decref(json);
    return rc;
}

static json_t *print_json(const struct msk_type *type, const void *value)
{
    (void)type;
    return load(*(const struct msk_bytes *)value);
}

static int parse_json(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    (void)type;
    return keep(in, (json_t *)json, out);
}

static int compare_json(const struct msk_type *type, const void *a, const void *b)
{
    (void)type;
    return msk_compare_bytes(*(const struct msk_bytes *)a, *(const struct msk_bytes *)b);
}

const struct msk_kind msk_kind_json = {encode_json, decode_json, print_json, parse_json, compare_json, msk_least_one};

const struct msk_type msk_type_json = {
    .kind = &msk_kind_json, .name = "json", .size = sizeof(struct msk_bytes), .align = _Alignof(struct msk_bytes)};
