/* Values made of others: records, tuples, choices, options, wrapped and boxed values (wire.md 2). */
#include <string.h>

#include "base/assert.h"
#include "wire/kind.h"

static const void *const_place(const struct msk_type_member *member, const void *value)
{
    return (const char *)value + member->offset;
}

static void *place(const struct msk_type_member *member, void *value)
{
    return (char *)value + member->offset;
}

static json_t *print_member(const struct msk_type_member *member, const void *value)
{
    return member->type->kind->print(member->type, const_place(member, value));
}

/* ---- records: the members one after another */

static void encode_record(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    for (size_t i = 0; i < type->member_count; i++) {
        const struct msk_type_member *member = &type->members[i];
        member->type->kind->encode(member->type, const_place(member, value), out);
    }
}

static int decode_record(const struct msk_type *type, struct msk_reader *in, void *out)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < type->member_count; i++) {
        const struct msk_type_member *member = &type->members[i];
        rc = msk_read_at(member->name, i, member->type, in, place(member, out));
    }
    return rc;
}

static json_t *print_record(const struct msk_type *type, const void *value)
{
    json_t *object = json_object();
    for (size_t i = 0; object && i < type->member_count; i++)
        if (json_object_set_new_nocheck(object, type->members[i].name, print_member(&type->members[i], value)) < 0) {
            json_decref(object);
            return NULL;
        }
    return object;
}

static const struct msk_type_member *find_member(const struct msk_type *type, const char *name)
{
    for (size_t i = 0; i < type->member_count; i++)
        if (strcmp(type->members[i].name, name) == 0)
            return &type->members[i];
    return NULL;
}

/* Only options may be left out. */
static int parse_record(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    const char *name;
    json_t *value;
    if (!json_is_object(json))
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected an object");
    json_object_foreach((json_t *)json, name, value)
    {
        if (!find_member(type, name))
            return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "has no member \"%s\"", name);
    }
    for (size_t i = 0; i < type->member_count; i++) {
        const struct msk_type_member *member = &type->members[i];
        const json_t *content = json_object_get(json, member->name);
        if (!content && member->type->kind != &msk_kind_option)
            return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "member \"%s\" is missing", member->name);
        int rc = content ? msk_parse_at(member->name, i, member->type, in, content, place(member, out)) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int compare_record(const struct msk_type *type, const void *a, const void *b)
{
    for (size_t i = 0; i < type->member_count; i++) {
        const struct msk_type_member *member = &type->members[i];
        int order = msk_compare(member->type, const_place(member, a), const_place(member, b));
        if (order)
            return order;
    }
    return 0;
}

static size_t least_record(const struct msk_type *type)
{
    size_t least = 0;
    for (size_t i = 0; i < type->member_count; i++)
        if (__builtin_add_overflow(least, msk_type_least(type->members[i].type), &least))
            return SIZE_MAX;
    return least;
}

const struct msk_kind msk_kind_record = {encode_record, decode_record,  print_record,
                                         parse_record,  compare_record, least_record};

/* ---- tuples: records that are lists in JSON; one of a single member is that member there */

static json_t *print_tuple(const struct msk_type *type, const void *value)
{
    if (type->member_count == 1)
        return print_member(&type->members[0], value);
    json_t *array = json_array();
    for (size_t i = 0; array && i < type->member_count; i++)
        if (json_array_append_new(array, print_member(&type->members[i], value)) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static int parse_tuple(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    const struct msk_type_member *members = type->members;
    if (type->member_count == 1)
        return msk_parse_at(members[0].name, 0, members[0].type, in, json, place(&members[0], out));
    if (!json_is_array(json) || json_array_size(json) != type->member_count)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected a list of %zu", type->member_count);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < type->member_count; i++)
        rc = msk_parse_at(members[i].name, i, members[i].type, in, json_array_get(json, i), place(&members[i], out));
    return rc;
}

const struct msk_kind msk_kind_tuple = {encode_record, decode_record,  print_tuple,
                                        parse_tuple,   compare_record, least_record};

/* ---- choices: the case's number, then its content. In memory a uint32_t at the start tells the case. */

static const struct msk_type_member *chosen(const struct msk_type *type, const void *value)
{
    uint32_t number = *(const uint32_t *)value;
    msk_assert(number < type->member_count);
    return &type->members[number];
}

static void encode_choice(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    const struct msk_type_member *one = chosen(type, value);
    msk_write_varint(out, *(const uint32_t *)value);
    if (one->type)
        one->type->kind->encode(one->type, const_place(one, value), out);
}

static int decode_choice(const struct msk_type *type, struct msk_reader *in, void *out)
{
    size_t start = in->offset;
    unsigned __int128 number;
    int rc = msk_read_varint(in, 32, &number);
    if (rc < 0)
        return rc;
    if (number >= type->member_count)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, start, "unknown case %u, there are %zu", (unsigned)number,
                               type->member_count);
    *(uint32_t *)out = (uint32_t)number;
    const struct msk_type_member *one = &type->members[number];
    return one->type ? msk_read_at(one->name, number, one->type, in, place(one, out)) : 0;
}

static json_t *print_choice(const struct msk_type *type, const void *value)
{
    const struct msk_type_member *one = chosen(type, value);
    if (!one->type)
        return json_string_nocheck(one->name);
    json_t *object = json_object();
    if (!object || json_object_set_new_nocheck(object, one->name, print_member(one, value)) == 0)
        return object;
    json_decref(object);
    return NULL;
}

static int parse_choice(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    void *only = json_object_size(json) == 1 ? json_object_iter((json_t *)json) : NULL;
    const char *name = only ? json_object_iter_key(only) : json_string_value(json);
    const json_t *content = only ? json_object_iter_value(only) : NULL;
    if (!name)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "expected {\"case\": ...} or \"case\"");
    const struct msk_type_member *one = find_member(type, name);
    if (!one)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "has no case \"%s\"", name);
    *(uint32_t *)out = (uint32_t)(one - type->members);
    if (one->type && content)
        return msk_parse_at(one->name, 0, one->type, in, content, place(one, out));
    if (one->type)
        return msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "case \"%s\" needs content", name);
    return !content || json_is_null(content)
               ? 0
               : msk_reader_fail(in, MSK_FAULT_REJECTED, 0, "case \"%s\" has no content", name);
}

static int compare_choice(const struct msk_type *type, const void *a, const void *b)
{
    const struct msk_type_member *left = chosen(type, a), *right = chosen(type, b);
    if (left != right)
        return left > right ? 1 : -1;
    return left->type ? msk_compare(left->type, const_place(left, a), const_place(left, b)) : 0;
}

const struct msk_kind msk_kind_choice = {encode_choice, decode_choice,  print_choice,
                                         parse_choice,  compare_choice, msk_least_one};

/* ---- options: 00, or 01 and the value. In memory a bool, and the value type->extent behind it. */

static bool is_some(const void *value)
{
    return *(const bool *)value;
}

static const void *content_of(const struct msk_type *type, const void *value)
{
    return (const char *)value + type->extent;
}

static void encode_option(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    msk_builder_byte(out, is_some(value));
    if (is_some(value))
        type->element->kind->encode(type->element, content_of(type, value), out);
}

static int decode_option(const struct msk_type *type, struct msk_reader *in, void *out)
{
    const uint8_t *tag;
    int rc = msk_read_bytes(in, 1, &tag);
    if (rc < 0)
        return rc;
    if (*tag > 1)
        return msk_reader_fail(in, MSK_FAULT_BAD_OPTION, in->offset - 1, "%u is neither 0 (none) nor 1 (some)", *tag);
    *(bool *)out = *tag;
    return *tag ? msk_read_value(type->element, in, (char *)out + type->extent) : 0;
}

static json_t *print_option(const struct msk_type *type, const void *value)
{
    return is_some(value) ? type->element->kind->print(type->element, content_of(type, value)) : json_null();
}

/* An option of an option cannot say in JSON that it holds nothing: null is the outer one's, as in the reference. */
static int parse_option(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    *(bool *)out = !json_is_null(json);
    return is_some(out) ? msk_parse_value(type->element, in, json, (char *)out + type->extent) : 0;
}

static int compare_option(const struct msk_type *type, const void *a, const void *b)
{
    if (!is_some(a) || !is_some(b))
        return is_some(a) - is_some(b);
    return msk_compare(type->element, content_of(type, a), content_of(type, b));
}

const struct msk_kind msk_kind_option = {encode_option, decode_option,  print_option,
                                         parse_option,  compare_option, msk_least_one};

/* ---- wrapped: the value's encoding as a byte vector; in memory the value itself */

static void encode_wrapped(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    struct msk_builder inner;
    msk_builder_init(&inner, out->max);
    type->element->kind->encode(type->element, value, &inner);
    if (inner.error && !out->error)
        out->error = inner.error;
    msk_write_counted(out, msk_builder_view(&inner));
    msk_builder_free(&inner);
}

static int decode_wrapped(const struct msk_type *type, struct msk_reader *in, void *out)
{
    struct msk_bytes inner, whole = in->in;
    int rc = msk_read_counted(in, &inner);
    if (rc < 0)
        return rc;
    size_t end = in->offset;
    in->in.len = end;
    in->offset -= inner.len;
    in->wrapped++;
    rc = msk_read_value(type->element, in, out);
    in->wrapped--;
    in->in = whole;
    in->offset = end; /* what the value left over is ignored */
    return rc;
}

static json_t *print_wrapped(const struct msk_type *type, const void *value)
{
    return type->element->kind->print(type->element, value);
}

static int parse_wrapped(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    return msk_parse_value(type->element, in, json, out);
}

static int compare_wrapped(const struct msk_type *type, const void *a, const void *b)
{
    return msk_compare(type->element, a, b);
}

const struct msk_kind msk_kind_wrapped = {encode_wrapped, decode_wrapped,  print_wrapped,
                                          parse_wrapped,  compare_wrapped, msk_least_one};

/* ---- boxes: the value itself; in memory a pointer, so that a type may contain itself */

/* One level of values within values of their own kind: those take stack. */
static int enter_box(const struct msk_type *type, struct msk_reader *in, void *out, void **content)
{
    if (in->boxes == MSK_DEPTH_MAX)
        return msk_reader_fail(in, MSK_FAULT_LIMIT, in->offset, "nested deeper than %d", MSK_DEPTH_MAX);
    *content = msk_arena_alloc(in->arena, 1, type->element->size);
    if (!*content)
        return msk_reader_no_memory(in);
    *(void **)out = *content;
    in->boxes++;
    return 0;
}

static const void *box_content(const void *value)
{
    return *(const void *const *)value;
}

static void encode_box(const struct msk_type *type, const void *value, struct msk_builder *out)
{
    type->element->kind->encode(type->element, box_content(value), out);
}

static int decode_box(const struct msk_type *type, struct msk_reader *in, void *out)
{
    void *content = NULL;
    int rc = enter_box(type, in, out, &content);
    if (rc < 0)
        return rc;
    rc = msk_read_value(type->element, in, content);
    in->boxes--;
    return rc;
}

static json_t *print_box(const struct msk_type *type, const void *value)
{
    return type->element->kind->print(type->element, box_content(value));
}

static int parse_box(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out)
{
    void *content = NULL;
    int rc = enter_box(type, in, out, &content);
    if (rc < 0)
        return rc;
    rc = msk_parse_value(type->element, in, json, content);
    in->boxes--;
    return rc;
}

static int compare_box(const struct msk_type *type, const void *a, const void *b)
{
    return msk_compare(type->element, box_content(a), box_content(b));
}

/* Asked for while the type is built; afterwards the box knows its own. */
static size_t least_box(const struct msk_type *type)
{
    (void)type;
    return 0;
}

const struct msk_kind msk_kind_box = {encode_box, decode_box, print_box, parse_box, compare_box, least_box};
