/* layout.h: the words in which messages.c writes down a message. Internal to the wire room.
 *
 *   MSK_RECORD(cursor, MSK_FIELD(term, u64), MSK_FIELD(index, u64));
 *
 * describes struct msk_cursor as msk_type_cursor. Rows are tuples (ROW, ...); a list applies ROW to the structure and
 * the rest of the tuple, so that a row need not repeat which structure it is in. */
#ifndef MSK_WIRE_LAYOUT_H
#define MSK_WIRE_LAYOUT_H

#include <stddef.h>

#include "wire/kind.h"

/* clang-format off */

/* A member of struct msk_NAME and its type. */
#define MSK_FIELD(member, type) (MSK_ROW_FIELD, member, #member, &msk_type_##type)
/* The same under another name in JSON. */
#define MSK_FIELD_AS(name, member, type) (MSK_ROW_FIELD, member, name, &msk_type_##type)
/* `member`, present when `has_member` says so. */
#define MSK_OPTION(member, type) (MSK_ROW_OPTION, member, has_##member, #member, &msk_type_##type)
/* A case whose content is the member of the same name and type, one with another member, and one without content. */
#define MSK_CASE(member)                (MSK_ROW_FIELD, member, #member, &msk_type_##member)
#define MSK_CASE_OF(name, member, type) (MSK_ROW_FIELD, member, name, &msk_type_##type)
#define MSK_UNIT_CASE(name)             (MSK_ROW_UNIT, #name)

#define MSK_ROW_FIELD(self, member, name, type) {name, type, offsetof(self, member)},
#define MSK_ROW_UNIT(self, name)                {name, NULL, 0},
#define MSK_ROW_OPTION(self, member, flag, title, of)                                                                  \
    {title,                                                                                                            \
     &(const struct msk_type){.kind = &msk_kind_option,                                                                \
                              .name = title,                                                                           \
                              .element = of,                                                                           \
                              .extent = offsetof(self, member) - offsetof(self, flag)},                                \
     offsetof(self, flag)},

#define MSK_GROUP(c_type, type_name, kind_name, check_function, ...)                                                   \
    static const struct msk_type_member type_name##_members[] = {MSK_EACH(c_type, __VA_ARGS__)};                       \
    const struct msk_type msk_type_##type_name = {.kind = &msk_kind_##kind_name,                                       \
                                                  .name = #type_name,                                                  \
                                                  .size = sizeof(c_type),                                              \
                                                  .align = _Alignof(c_type),                                           \
                                                  .members = type_name##_members,                                      \
                                                  .member_count = sizeof type_name##_members / sizeof type_name##_members[0], \
                                                  .check = check_function}

/* Of struct msk_NAME: its members in order, in JSON an object; the same as a list; a choice by its `kind`. */
#define MSK_RECORD(name, ...)                MSK_GROUP(struct msk_##name, name, record, NULL, __VA_ARGS__)
#define MSK_RECORD_CHECKED(name, check, ...) MSK_GROUP(struct msk_##name, name, record, check, __VA_ARGS__)
#define MSK_TUPLE(name, ...)                 MSK_GROUP(struct msk_##name, name, tuple, NULL, __VA_ARGS__)
#define MSK_CHOICE(name, ...)                                                                                          \
    _Static_assert(offsetof(struct msk_##name, kind) == 0 && sizeof(((struct msk_##name *)0)->kind) == 4, "kind first"); \
    MSK_GROUP(struct msk_##name, name, choice, NULL, __VA_ARGS__)
/* Of enum msk_NAME: cases without content. */
#define MSK_ENUM(name, ...) MSK_GROUP(enum msk_##name, name, choice, NULL, __VA_ARGS__)

/* struct msk_NAME as MSK_SEQ declares it: seq, set or map of `of`. */
#define MSK_LIST(kind_name, type_name, of)                                                                             \
    static const struct msk_type msk_type_##type_name = {.kind = &msk_kind_##kind_name,                                \
                                                         .name = #type_name,                                           \
                                                         .size = sizeof(struct msk_list),                              \
                                                         .align = _Alignof(struct msk_list),                           \
                                                         .element = &msk_type_##of}

/* MSK_EACH(self, (ROW, a...), ...) -> ROW(self, a...) ..., for up to ten rows. */
#define MSK_UNWRAP(...)         __VA_ARGS__
#define MSK_APPLY(self, tuple)  MSK_APPLY_(self, MSK_UNWRAP tuple)
#define MSK_APPLY_(...)         MSK_APPLY__(__VA_ARGS__)
#define MSK_APPLY__(self, row, ...) row(self, __VA_ARGS__)
#define MSK_EACH(self, ...)                                                                                            \
    MSK_EACH_N(__VA_ARGS__, MSK_EACH_10, MSK_EACH_9, MSK_EACH_8, MSK_EACH_7, MSK_EACH_6, MSK_EACH_5, MSK_EACH_4,       \
               MSK_EACH_3, MSK_EACH_2, MSK_EACH_1, )(self, __VA_ARGS__)
#define MSK_EACH_N(a, b, c, d, e, f, g, h, i, j, which, ...) which
#define MSK_EACH_1(self, a)       MSK_APPLY(self, a)
#define MSK_EACH_2(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_1(self, __VA_ARGS__)
#define MSK_EACH_3(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_2(self, __VA_ARGS__)
#define MSK_EACH_4(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_3(self, __VA_ARGS__)
#define MSK_EACH_5(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_4(self, __VA_ARGS__)
#define MSK_EACH_6(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_5(self, __VA_ARGS__)
#define MSK_EACH_7(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_6(self, __VA_ARGS__)
#define MSK_EACH_8(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_7(self, __VA_ARGS__)
#define MSK_EACH_9(self, a, ...)  MSK_APPLY(self, a) MSK_EACH_8(self, __VA_ARGS__)
#define MSK_EACH_10(self, a, ...) MSK_APPLY(self, a) MSK_EACH_9(self, __VA_ARGS__)

#endif
