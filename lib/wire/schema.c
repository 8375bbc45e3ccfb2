#include "wire/schema.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "wire/type_build.h"

/* One of "types". A type that is met again while it is being read contains itself: by way of a box. */
struct named {
    const char *name;
    const json_t *json;
    enum { UNREAD, OPEN, READ } state;
    const struct msk_type *type; /* once READ */
    struct msk_type *box;        /* NULL: nothing met it while it was OPEN */
    unsigned ends;               /* how many ends were around it when it was opened */
};

struct loader {
    struct msk_arena *arena;
    struct msk_error *err;
    struct named *named;
    size_t named_count;
    char path[MSK_PATH_MAX];
    size_t path_len;
    unsigned depth;
    unsigned ends; /* how many types around this one have values without it: options, lists, enums */
};

/* ---- where we are */

/* Append a step; returns where to cut the path again. */
static size_t step(struct loader *in, const char *separator, const char *name)
{
    size_t before = in->path_len, room = sizeof in->path - before;
    int len = snprintf(in->path + before, room, "%s%s", before ? separator : "", name);
    in->path_len += (size_t)len < room ? (size_t)len : room - 1;
    return before;
}

static size_t step_item(struct loader *in, size_t i)
{
    char index[32];
    snprintf(index, sizeof index, "[%zu]", i);
    return step(in, "", index);
}

static void step_back(struct loader *in, size_t before)
{
    in->path[in->path_len = before] = 0;
}

/* NULL, so that whoever fails may return it. */
static void *fail(struct loader *in, const char *what)
{
    if (!in->err->code)
        msk_fail(in->err, MSK_E_INVALID, "%s: %s", *in->path ? in->path : "schema", what);
    return NULL;
}

static void *fail_name(struct loader *in, const char *what, const char *name)
{
    char text[MSK_PATH_MAX];
    snprintf(text, sizeof text, "%s \"%s\"", what, name);
    return fail(in, text);
}

/* What type_build.h answers: NULL has a reason in the arena. */
static const struct msk_type *built(struct loader *in, const struct msk_type *type)
{
    char text[64];
    if (type)
        return type;
    if (in->arena->error == MSK_E_NOMEM && !in->err->code) {
        msk_fail(in->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
        return NULL;
    }
    snprintf(text, sizeof text, "too large, or nested deeper than %d", MSK_DEPTH_MAX);
    return fail(in, text);
}

static const char *keep_name(struct loader *in, const char *name)
{
    const char *kept = msk_arena_copy(in->arena, name, strlen(name));
    if (!kept)
        built(in, NULL);
    return kept;
}

/* ---- types by name */

static const struct {
    const char *name;
    const struct msk_type *type;
} plain[] = {
    {"unit", &msk_type_unit},
    {"bool", &msk_type_bool},
    {"u8", &msk_type_u8},
    {"u16", &msk_type_u16},
    {"u32", &msk_type_u32},
    {"u64", &msk_type_u64},
    {"u128", &msk_type_u128},
    {"usize", &msk_type_u64},
    {"i8", &msk_type_i8},
    {"i16", &msk_type_i16},
    {"i32", &msk_type_i32},
    {"i64", &msk_type_i64},
    {"i128", &msk_type_i128},
    {"isize", &msk_type_i64},
    {"f32", &msk_type_f32},
    {"f64", &msk_type_f64},
    {"char", &msk_type_char},
    {"string", &msk_type_text},
    {"bytes", &msk_type_bytes},
    {"digest", &msk_type_digest},
    {"peer_id", &msk_type_peer_id},
    {"timestamp", &msk_type_timestamp},
    {"duration", &msk_type_duration},
    {"ip", &msk_type_ip},
    {"socket_addr", &msk_type_socket_addr},
};

static const struct msk_type *find_plain(const char *name)
{
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(plain[i].name, name) == 0)
            return plain[i].type;
    return NULL;
}

static const struct msk_type *read_type(struct loader *in, const char *name, const json_t *json);

static const struct msk_type *read_named(struct loader *in, struct named *named)
{
    char outer[MSK_PATH_MAX];
    size_t outer_len = in->path_len;
    memcpy(outer, in->path, sizeof outer);
    in->path_len = 0; /* a type's place is where it is described, not where it was first used */
    step(in, "", "types");
    step(in, ".", named->name);
    named->state = OPEN;
    named->ends = in->ends;
    named->type = read_type(in, named->name, named->json);
    if (named->type && named->box)
        msk_type_box_fill(named->box, named->type);
    named->state = READ;
    memcpy(in->path, outer, sizeof outer);
    in->path_len = outer_len;
    return named->type;
}

static const struct msk_type *refer(struct loader *in, const char *name)
{
    const struct msk_type *found = find_plain(name);
    if (found)
        return found;
    for (size_t i = 0; i < in->named_count; i++) {
        struct named *named = &in->named[i];
        if (strcmp(named->name, name) != 0)
            continue;
        if (named->state == UNREAD)
            return read_named(in, named);
        if (named->state == READ)
            return named->type;
        if (named->ends == in->ends)
            return fail_name(in, "contains itself without end: type", name);
        if (!named->box)
            named->box = msk_type_box(in->arena);
        return built(in, named->box);
    }
    return fail_name(in, "no type", name);
}

/* ---- types made of others */

static const struct msk_type *read_item(struct loader *in, const json_t *list, size_t i)
{
    size_t before = step_item(in, i);
    const struct msk_type *type = read_type(in, NULL, json_array_get(list, i));
    step_back(in, before);
    return type;
}

static const struct msk_type *read_map(struct loader *in, const char *name, const json_t *json)
{
    (void)name;
    if (json_array_size(json) != 2)
        return fail(in, "expected [key type, value type]");
    const struct msk_type *key = read_item(in, json, 0);
    const struct msk_type *value = key ? read_item(in, json, 1) : NULL;
    return value ? built(in, msk_type_map(in->arena, key, value)) : NULL;
}

static const struct msk_type *read_array(struct loader *in, const char *name, const json_t *json)
{
    (void)name;
    const json_t *count = json_array_get(json, 1);
    if (json_array_size(json) != 2 || !json_is_integer(count) || json_integer_value(count) < 0)
        return fail(in, "expected [type, how many]");
    const struct msk_type *element = read_item(in, json, 0);
    return element ? built(in, msk_type_array(in->arena, element, (size_t)json_integer_value(count))) : NULL;
}

/* Room for the members that the list in `json` describes. */
static struct msk_type_member *new_members(struct loader *in, const json_t *json)
{
    if (!json_is_array(json))
        return fail(in, "expected a list");
    struct msk_type_member *members = msk_arena_alloc(in->arena, json_array_size(json) + 1, sizeof *members);
    if (!members)
        built(in, NULL);
    return members;
}

static const struct msk_type *read_tuple(struct loader *in, const char *name, const json_t *json)
{
    size_t count = json_array_size(json);
    struct msk_type_member *members = new_members(in, json);
    if (!members)
        return NULL;
    if (count == 0)
        return fail(in, "expected types; a tuple without is \"unit\"");
    for (size_t i = 0; i < count; i++) {
        char index[32];
        snprintf(index, sizeof index, "%zu", i);
        members[i].name = keep_name(in, index);
        members[i].type = members[i].name ? read_item(in, json, i) : NULL;
        if (!members[i].type)
            return NULL;
    }
    if (count == 1) /* whose JSON is a list, too */
        return built(in, msk_type_array(in->arena, members[0].type, 1));
    return built(in, msk_type_tuple(in->arena, name ? name : "tuple", members, count));
}

static bool is_taken(const struct msk_type_member *members, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(members[i].name, name) == 0)
            return true;
    return false;
}

/* {"name": T}, or where units are allowed "name". */
static bool read_member(struct loader *in, const json_t *json, bool units, struct msk_type_member *members, size_t i)
{
    void *only = json_object_size(json) == 1 ? json_object_iter((json_t *)json) : NULL;
    const char *name = only ? json_object_iter_key(only) : units ? json_string_value(json) : NULL;
    if (!name)
        return fail(in, units ? "expected \"Case\" or {\"Case\": type}" : "expected {\"name\": type}");
    size_t before = step(in, ".", name);
    if (is_taken(members, i, name))
        return fail(in, "the name is given twice");
    members[i].name = keep_name(in, name);
    if (!members[i].name)
        return false;
    members[i].type = only ? read_type(in, NULL, json_object_iter_value(only)) : NULL;
    step_back(in, before);
    return members[i].type || !only;
}

static struct msk_type_member *read_members(struct loader *in, const json_t *json, bool units)
{
    size_t i;
    const json_t *item;
    if (json_array_size(json) > MSK_TYPE_MEMBERS_MAX)
        return fail(in, "too many members");
    struct msk_type_member *members = new_members(in, json);
    json_array_foreach(json, i, item)
    {
        size_t before = step_item(in, i);
        if (!members || !read_member(in, item, units, members, i))
            return NULL;
        step_back(in, before);
    }
    return members;
}

static const struct msk_type *read_struct(struct loader *in, const char *name, const json_t *json)
{
    struct msk_type_member *members = read_members(in, json, false);
    return members ? built(in, msk_type_record(in->arena, name ? name : "struct", members, json_array_size(json)))
                   : NULL;
}

static const struct msk_type *read_enum(struct loader *in, const char *name, const json_t *json)
{
    struct msk_type_member *cases = read_members(in, json, true);
    if (cases && json_array_size(json) == 0)
        return fail(in, "an enum without cases has no values");
    return cases ? built(in, msk_type_choice(in->arena, name ? name : "enum", cases, json_array_size(json))) : NULL;
}

/* A row has either `of`, which makes a type of one other, or `read`. */
static const struct former {
    const char *word;
    bool ends; /* it has values without what it is made of */
    const struct msk_type *(*of)(struct msk_arena *arena, const struct msk_type *element);
    const struct msk_type *(*read)(struct loader *in, const char *name, const json_t *json);
} formers[] = {
    {"option", true, msk_type_option, NULL}, {"seq", true, msk_type_seq, NULL},
    {"set", true, msk_type_set, NULL},       {"encoded", false, msk_type_wrapped, NULL},
    {"map", true, NULL, read_map},           {"array", false, NULL, read_array},
    {"tuple", false, NULL, read_tuple},      {"struct", false, NULL, read_struct},
    {"enum", true, NULL, read_enum},
};

static const struct msk_type *apply_former(struct loader *in, const struct former *former, const char *name,
                                           const json_t *json)
{
    if (former->read)
        return former->read(in, name, json);
    const struct msk_type *element = read_type(in, NULL, json);
    return element ? built(in, former->of(in->arena, element)) : NULL;
}

static const struct msk_type *form(struct loader *in, const char *name, const char *word, const json_t *json)
{
    for (size_t i = 0; i < sizeof formers / sizeof formers[0]; i++) {
        const struct former *former = &formers[i];
        if (strcmp(former->word, word) != 0)
            continue;
        size_t before = step(in, ".", word);
        in->ends += former->ends;
        const struct msk_type *type = apply_former(in, former, name, json);
        in->ends -= former->ends;
        step_back(in, before);
        return type;
    }
    return fail_name(in, "no way to form a type:", word);
}

/* `name`: what a struct or enum is called in errors, NULL: by its word. */
static const struct msk_type *read_type(struct loader *in, const char *name, const json_t *json)
{
    void *only = json_object_size(json) == 1 ? json_object_iter((json_t *)json) : NULL;
    const struct msk_type *type = NULL;
    if (in->depth == MSK_DEPTH_MAX)
        return built(in, NULL);
    in->depth++;
    if (json_is_string(json))
        type = refer(in, json_string_value(json));
    else if (only)
        type = form(in, name, json_object_iter_key(only), json_object_iter_value(only));
    else
        fail(in, "expected the name of a type, or an object of one member");
    in->depth--;
    return type;
}

/* ---- the whole */

static int list_named(struct loader *in, const json_t *types)
{
    const char *name;
    json_t *json;
    step(in, "", "types");
    if (types && (!json_is_object(types) || json_object_size(types) > MSK_SCHEMA_TYPES_MAX)) {
        char text[64];
        snprintf(text, sizeof text, "expected an object of at most %d members", MSK_SCHEMA_TYPES_MAX);
        fail(in, text);
        return in->err->code;
    }
    in->named = msk_arena_alloc(in->arena, json_object_size(types), sizeof *in->named);
    if (!in->named)
        built(in, NULL);
    json_object_foreach((json_t *)types, name, json)
    {
        if (find_plain(name))
            fail_name(in, "this type is built in:", name);
        if (in->err->code)
            break;
        in->named[in->named_count++] = (struct named){.name = keep_name(in, name), .json = json};
    }
    step_back(in, 0);
    return in->err->code;
}

static int check_members(struct loader *in, const json_t *json)
{
    static const char *const known[] = {"types", "command", "query", "result"};
    const char *name;
    json_t *value;
    if (!json_is_object(json))
        fail(in, "expected an object");
    json_object_foreach((json_t *)json, name, value)
    {
        size_t i = 0;
        while (i < 4 && strcmp(name, known[i]) != 0)
            i++;
        if (i == 4)
            fail_name(in, "has no member", name);
    }
    return in->err->code;
}

/* NULL where there is none. */
static const struct msk_type *read_root(struct loader *in, const json_t *json, const char *name)
{
    const json_t *described = json_object_get(json, name);
    if (!described || in->err->code)
        return NULL;
    step(in, "", name);
    const struct msk_type *type = read_type(in, name, described);
    step_back(in, 0);
    return type;
}

static int read_schema(struct loader *in, json_t *json, struct msk_schema *schema)
{
    if (check_members(in, json) || list_named(in, json_object_get(json, "types")))
        return in->err->code;
    for (size_t i = 0; i < in->named_count && !in->err->code; i++)
        if (in->named[i].state == UNREAD)
            read_named(in, &in->named[i]);
    schema->command = read_root(in, json, "command");
    schema->query = read_root(in, json, "query");
    schema->result = read_root(in, json, "result");
    return in->err->code;
}

int msk_schema_new(json_t *json, struct msk_schema **out, struct msk_error *err)
{
    struct msk_error why = {.code = 0};
    struct msk_schema *schema = msk_calloc(1, sizeof *schema);
    if (!schema)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    msk_arena_init(&schema->arena, MSK_SCHEMA_MEMORY_MAX);
    schema->source = json_incref(json);
    struct loader in = {.arena = &schema->arena, .err = &why};
    int rc = read_schema(&in, json, schema);
    if (rc < 0) {
        msk_schema_free(schema);
        return msk_fail(err, rc, "%s", why.text);
    }
    *out = schema;
    return 0;
}

void msk_schema_free(struct msk_schema *schema)
{
    if (!schema)
        return;
    json_decref(schema->source);
    msk_arena_free(&schema->arena);
    msk_free(schema);
}
