/* Lists: sequences, sets, maps, arrays (wire.md 2). */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "wire/kind.h"

static void *item_at(const struct msk_type *element, void *items, size_t i)
{
    return (char *)items + i * element->size;
}

static const void *const_item_at(const struct msk_type *element, const void *items, size_t i)
{
    return (const char *)items + i * element->size;
}

/* ---- sequences: struct msk_list */

static void encode_seq(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    const struct msk_list *list = value;
    msk_write_varint(out, list->count);
    for (size_t i = 0; i < list->count; i++)
        type->element->kind->encode(type->element, const_item_at(type->element, list->items, i), out);
}

/* The count is believed only as far as the rest of the input could hold so many items. */
static int read_count(const struct msk_type *type, struct msk_reader *in, size_t *count)
{
    size_t start = in->offset, least = msk_type_least(type->element);
    unsigned __int128 announced;
    int rc = msk_read_varint(in, 64, &announced);
    if (rc < 0)
        return rc;
    if (least > 0 && announced > msk_reader_left(in) / least)
        return msk_reader_fail(in, MSK_FAULT_UNEXPECTED_END, start, "%llu items announced, room for %zu",
                               (unsigned long long)announced, msk_reader_left(in) / least);
    if (least == 0 && announced > MSK_EMPTY_ITEMS_MAX)
        return msk_reader_fail(in, MSK_FAULT_LIMIT, start, "%llu empty items, at most %d are taken",
                               (unsigned long long)announced, MSK_EMPTY_ITEMS_MAX);
    *count = (size_t)announced;
    return 0;
}

static int make_room(const struct msk_type *type, struct msk_reader *in, size_t count, struct msk_list *list)
{
    list->count = count;
    list->items = msk_arena_alloc(in->arena, count, type->element->size);
    return list->items ? 0 : msk_reader_no_memory(in);
}

static int decode_seq(const struct msk_type *type, struct msk_reader *in, void *out)
{
    struct msk_list *list = out;
    size_t count = 0;
    int rc = read_count(type, in, &count);
    if (rc == 0)
        rc = make_room(type, in, count, list);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = msk_read_at(NULL, i, type->element, in, item_at(type->element, list->items, i));
    return rc;
}

/* Append to a JSON array; false when memory is out. */
static bool append_item(json_t *array, const struct msk_type *type, const void *value)
{
    return json_array_append_new(array, type->kind->print(type, value)) == 0;
}

static json_t *print_items(const struct msk_type *element, const void *items, size_t count)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < count; i++)
        if (!append_item(array, element, const_item_at(element, items, i))) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *print_seq(const struct msk_type *type, const void *value)
{
    const struct msk_list *list = value;
    return print_items(type->element, list->items, list->count);
}

static int parse_items(const struct msk_type *element, struct msk_reader *in, const json_t *json, void *items)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < json_array_size(json); i++)
        rc = msk_parse_at(NULL, i, element, in, json_array_get(json, i), item_at(element, items, i));
    return rc;
}

static int parse_seq(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    struct msk_list *list = out;
    if (!json_is_array(json))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected a list");
    int rc = make_room(type, in, json_array_size(json), list);
    return rc < 0 ? rc : parse_items(type->element, in, json, list->items);
}

static int compare_items(const struct msk_type *element, const void *a, size_t a_count, const void *b, size_t b_count)
{
    for (size_t i = 0; i < a_count && i < b_count; i++) {
        int order = msk_compare(element, const_item_at(element, a, i), const_item_at(element, b, i));
        if (order)
            return order;
    }
    return (a_count > b_count) - (a_count < b_count);
}

static int compare_seq(const struct msk_type *type, const void *a, const void *b)
{
    const struct msk_list *left = a, *right = b;
    return compare_items(type->element, left->items, left->count, right->items, right->count);
}

const struct msk_kind msk_kind_seq = {encode_seq, decode_seq, print_seq, parse_seq, compare_seq, msk_least_one};

/* ---- sets and maps: lists in ascending order without equals. A map's items are ordered by their first member, the
 * key. */

static const struct msk_type *sort_key(const struct msk_type *type)
{
    return type->kind == &msk_kind_map ? type->element->members[0].type : type->element;
}

static size_t key_offset(const struct msk_type *type)
{
    return type->kind == &msk_kind_map ? type->element->members[0].offset : 0;
}

static int compare_keys(const struct msk_type *type, const void *a, const void *b)
{
    size_t offset = key_offset(type);
    return msk_compare(sort_key(type), (const char *)a + offset, (const char *)b + offset);
}

static bool is_in_order(const struct msk_type *type, const struct msk_list *list)
{
    for (size_t i = 1; i < list->count; i++)
        if (compare_keys(type, const_item_at(type->element, list->items, i - 1),
                         const_item_at(type->element, list->items, i)) >= 0)
            return false;
    return true;
}

/* Equal keys keep the order they came in, which their addresses tell. */
static int compare_pointers(const void *a, const void *b, void *type)
{
    const char *left = *(const char *const *)a, *right = *(const char *const *)b;
    int order = compare_keys(type, left, right);
    return order ? order : (left > right) - (left < right);
}

/* Pointers to the items in order, of equal keys only the last; returns how many. `sorted` has room for all. */
static size_t sort_items(const struct msk_type *type, const struct msk_list *list, const void **sorted)
{
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = const_item_at(type->element, list->items, i);
    qsort_r(sorted, list->count, sizeof *sorted, compare_pointers, (void *)type);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++)
        if (i + 1 == list->count || compare_keys(type, sorted[i], sorted[i + 1]) != 0)
            sorted[kept++] = sorted[i];
    return kept;
}

static void encode_set(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    const struct msk_list *list = value;
    if (is_in_order(type, list)) {
        encode_seq(type, value, out);
        return;
    }
    const void **sorted = msk_calloc(list->count, sizeof *sorted);
    if (!sorted) {
        out->error = out->error ? out->error : MSK_E_NOMEM;
        return;
    }
    size_t kept = sort_items(type, list, sorted);
    msk_write_varint(out, kept);
    for (size_t i = 0; i < kept; i++)
        type->element->kind->encode(type->element, sorted[i], out);
    msk_free(sorted);
}

/* Bring what was read into order, merging equals. */
static int settle(const struct msk_type *type, struct msk_reader *in, struct msk_list *list)
{
    if (is_in_order(type, list))
        return 0;
    struct msk_list unordered = *list;
    const void **sorted = msk_arena_alloc(in->arena, list->count, sizeof *sorted);
    if (!sorted)
        return msk_reader_no_memory(in);
    int rc = make_room(type, in, sort_items(type, &unordered, sorted), list);
    for (size_t i = 0; rc == 0 && i < list->count; i++)
        memcpy(item_at(type->element, list->items, i), sorted[i], type->element->size);
    return rc;
}

static int decode_set(const struct msk_type *type, struct msk_reader *in, void *out)
{
    int rc = decode_seq(type, in, out);
    return rc < 0 ? rc : settle(type, in, out);
}

static int parse_set(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    int rc = parse_seq(type, in, json, out);
    return rc < 0 ? rc : settle(type, in, out);
}

const struct msk_kind msk_kind_set = {encode_set, decode_set, print_seq, parse_set, compare_seq, msk_least_one};

/* JSON objects have only text as keys: numbers serve as their digits, other keys make the map a list of pairs. */
static bool key_is_textual(const json_t *key)
{
    return json_is_string(key) || json_is_integer(key);
}

static bool add_pair(json_t *object, const json_t *key, json_t *value)
{
    char digits[24];
    if (!json_is_string(key)) {
        snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(key));
        return json_object_set_new_nocheck(object, digits, value) == 0;
    }
    return json_object_setn_new_nocheck(object, json_string_value(key), json_string_length(key), value) == 0;
}

static json_t *print_map(const struct msk_type *type, const void *value)
{
    const struct msk_list *list = value;
    const struct msk_type_member *members = type->element->members;
    json_t *object = json_object();
    for (size_t i = 0; object && i < list->count; i++) {
        const char *item = const_item_at(type->element, list->items, i);
        json_t *key = members[0].type->kind->print(members[0].type, item + members[0].offset);
        bool textual = key && key_is_textual(key);
        bool added =
            textual && add_pair(object, key, members[1].type->kind->print(members[1].type, item + members[1].offset));
        bool failed = !key || (textual && !added);
        json_decref(key);
        if (added)
            continue;
        json_decref(object);
        return failed ? NULL : print_seq(type, value);
    }
    return object;
}

/* A pair whose key is text, read as the key's type reads text. */
static int parse_pair(const struct msk_type *type, struct msk_reader *in, const char *key, size_t key_len,
                      const json_t *value, void *item)
{
    const struct msk_type_member *members = type->element->members;
    json_t *text = json_stringn(key, key_len);
    if (!text)
        return msk_reader_fail(in, MSK_FAULT_NOMEM, 0, "out of memory");
    int rc = msk_parse_at(key, 0, members[0].type, in, text, (char *)item + members[0].offset);
    if (rc == 0)
        rc = msk_parse_at(key, 0, members[1].type, in, value, (char *)item + members[1].offset);
    json_decref(text);
    return rc;
}

static int parse_map(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    struct msk_list *list = out;
    if (!json_is_object(json)) {
        int rc = parse_seq(type, in, json, out);
        return rc < 0 ? rc : settle(type, in, list);
    }
    int rc = make_room(type, in, json_object_size(json), list);
    const char *key;
    size_t key_len, i = 0;
    json_t *value;
    json_object_keylen_foreach((json_t *)json, key, key_len, value)
    {
        if (rc == 0)
            rc = parse_pair(type, in, key, key_len, value, item_at(type->element, list->items, i++));
    }
    return rc < 0 ? rc : settle(type, in, list);
}

const struct msk_kind msk_kind_map = {encode_set, decode_set, print_map, parse_map, compare_seq, msk_least_one};

/* ---- arrays: type->extent items in place, no count */

static void encode_array(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    for (size_t i = 0; i < type->extent; i++)
        type->element->kind->encode(type->element, const_item_at(type->element, value, i), out);
}

static int decode_array(const struct msk_type *type, struct msk_reader *in, void *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < type->extent; i++)
        rc = msk_read_at(NULL, i, type->element, in, item_at(type->element, out, i));
    return rc;
}

static json_t *print_array(const struct msk_type *type, const void *value)
{
    return print_items(type->element, value, type->extent);
}

static int parse_array(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    if (!json_is_array(json) || json_array_size(json) != type->extent)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected a list of %zu", type->extent);
    return parse_items(type->element, in, json, out);
}

static int compare_array(const struct msk_type *type, const void *a, const void *b)
{
    return compare_items(type->element, a, type->extent, b, type->extent);
}

static size_t least_array(const struct msk_type *type)
{
    size_t least = 0;
    return __builtin_mul_overflow(type->extent, msk_type_least(type->element), &least) ? SIZE_MAX : least;
}

const struct msk_kind msk_kind_array = {encode_array, decode_array,  print_array,
                                        parse_array,  compare_array, least_array};
