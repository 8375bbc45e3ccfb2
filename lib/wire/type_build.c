#include "wire/type_build.h"

#include "wire/kind.h"

static size_t round_up(size_t size, size_t align)
{
    return (size + align - 1) / align * align;
}

/* How many types deep; MSK_DEPTH_MAX + 1 for anything deeper. */
static unsigned depth_of(const struct msk_type *type, unsigned outer)
{
    unsigned deepest = outer + (type->depth ? type->depth : 1);
    if (type->depth || deepest > MSK_DEPTH_MAX)
        return deepest;
    if (type->element)
        deepest = depth_of(type->element, outer + 1);
    for (size_t i = 0; i < type->member_count && deepest <= MSK_DEPTH_MAX; i++) {
        unsigned depth = type->members[i].type ? depth_of(type->members[i].type, outer + 1) : 0;
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static const struct msk_type *keep(struct msk_arena *arena, struct msk_type type)
{
    unsigned depth = depth_of(&type, 0);
    if (depth > MSK_DEPTH_MAX || type.size > MSK_TYPE_BYTES_MAX) {
        arena->error = MSK_E_LIMIT;
        return NULL;
    }
    type.least = type.kind->least(&type);
    type.depth = depth;
    struct msk_type *kept = msk_arena_alloc(arena, 1, sizeof *kept);
    if (kept)
        *kept = type;
    return kept;
}

/* Types are made from types that may have failed: the failure passes through. */
static const struct msk_type *keep_list(struct msk_arena *arena, const struct msk_kind *kind, const char *name,
                                        const struct msk_type *element)
{
    if (!element)
        return NULL;
    return keep(arena, (struct msk_type){.kind = kind,
                                         .name = name,
                                         .size = sizeof(struct msk_list),
                                         .align = _Alignof(struct msk_list),
                                         .element = element});
}

const struct msk_type *msk_type_seq(struct msk_arena *arena, const struct msk_type *element)
{
    return keep_list(arena, &msk_kind_seq, "seq", element);
}

const struct msk_type *msk_type_set(struct msk_arena *arena, const struct msk_type *element)
{
    return keep_list(arena, &msk_kind_set, "set", element);
}

const struct msk_type *msk_type_map(struct msk_arena *arena, const struct msk_type *key, const struct msk_type *value)
{
    struct msk_type_member pair[] = {{.name = "key", .type = key}, {.name = "value", .type = value}};
    return keep_list(arena, &msk_kind_map, "map", msk_type_tuple(arena, "pair", pair, 2));
}

const struct msk_type *msk_type_option(struct msk_arena *arena, const struct msk_type *element)
{
    if (!element)
        return NULL;
    size_t extent = round_up(sizeof(bool), element->align);
    return keep(arena, (struct msk_type){.kind = &msk_kind_option,
                                         .name = "option",
                                         .size = round_up(extent + element->size, element->align),
                                         .align = element->align,
                                         .element = element,
                                         .extent = extent});
}

const struct msk_type *msk_type_array(struct msk_arena *arena, const struct msk_type *element, size_t count)
{
    size_t size;
    if (!element)
        return NULL;
    if (count > MSK_TYPE_BYTES_MAX || __builtin_mul_overflow(count, element->size, &size)) {
        arena->error = MSK_E_LIMIT;
        return NULL;
    }
    return keep(arena, (struct msk_type){.kind = &msk_kind_array,
                                         .name = "array",
                                         .size = size,
                                         .align = element->align,
                                         .element = element,
                                         .extent = count});
}

const struct msk_type *msk_type_wrapped(struct msk_arena *arena, const struct msk_type *element)
{
    if (!element)
        return NULL;
    return keep(arena, (struct msk_type){.kind = &msk_kind_wrapped,
                                         .name = "wrapped",
                                         .size = element->size,
                                         .align = element->align,
                                         .element = element});
}

struct msk_type *msk_type_box(struct msk_arena *arena)
{
    struct msk_type *box = msk_arena_alloc(arena, 1, sizeof *box);
    if (box) /* its depth is no matter: boxes are counted when they are read */
        *box = (struct msk_type){
            .kind = &msk_kind_box, .name = "box", .size = sizeof(void *), .align = _Alignof(void *), .depth = 1};
    return box;
}

void msk_type_box_fill(struct msk_type *box, const struct msk_type *element)
{
    box->element = element;
    box->least = msk_type_least(element);
}

/* Copy the members; false without memory, or if there are too many. */
static bool copy_members(struct msk_arena *arena, const struct msk_type_member *members, size_t count,
                         struct msk_type_member **out)
{
    if (count > MSK_TYPE_MEMBERS_MAX) {
        arena->error = MSK_E_LIMIT;
        return false;
    }
    *out = msk_arena_alloc(arena, count, sizeof **out);
    for (size_t i = 0; *out && i < count; i++)
        (*out)[i] = members[i];
    return *out != NULL;
}

/* Members behind one another, each where its alignment allows. */
static const struct msk_type *keep_struct(struct msk_arena *arena, const struct msk_kind *kind, const char *name,
                                          const struct msk_type_member *members, size_t count)
{
    struct msk_type type = {.kind = kind, .name = name, .align = 1, .member_count = count};
    struct msk_type_member *placed;
    if (!copy_members(arena, members, count, &placed))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const struct msk_type *member = placed[i].type;
        if (!member)
            return NULL;
        placed[i].offset = round_up(type.size, member->align);
        type.size = placed[i].offset + member->size;
        type.align = member->align > type.align ? member->align : type.align;
    }
    type.size = round_up(type.size, type.align);
    type.members = placed;
    return keep(arena, type);
}

const struct msk_type *msk_type_record(struct msk_arena *arena, const char *name, const struct msk_type_member *members,
                                       size_t count)
{
    return keep_struct(arena, &msk_kind_record, name, members, count);
}

const struct msk_type *msk_type_tuple(struct msk_arena *arena, const char *name, const struct msk_type_member *members,
                                      size_t count)
{
    return keep_struct(arena, &msk_kind_tuple, name, members, count);
}

const struct msk_type *msk_type_choice(struct msk_arena *arena, const char *name, const struct msk_type_member *cases,
                                       size_t count)
{
    struct msk_type type = {.kind = &msk_kind_choice, .name = name, .align = _Alignof(uint32_t), .member_count = count};
    struct msk_type_member *placed;
    size_t largest = 0;
    if (!copy_members(arena, cases, count, &placed))
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (placed[i].type) {
            type.align = placed[i].type->align > type.align ? placed[i].type->align : type.align;
            largest = placed[i].type->size > largest ? placed[i].type->size : largest;
        }
    size_t content = round_up(sizeof(uint32_t), type.align);
    for (size_t i = 0; i < count; i++)
        placed[i].offset = content;
    type.size = round_up(content + largest, type.align);
    type.members = placed;
    return keep(arena, type);
}
