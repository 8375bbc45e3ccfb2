/* type_build.h: types made at run time, for messages whose layout a user describes (--schema) or a test composes.
 *
 * Everything comes from an arena and lives as long as it; names must live as long, too. Every function returns NULL
 * after setting arena->error. */
#ifndef MSK_WIRE_TYPE_BUILD_H
#define MSK_WIRE_TYPE_BUILD_H

#include "wire/type.h"

#define MSK_TYPE_MEMBERS_MAX 4096
#define MSK_TYPE_BYTES_MAX   (1u << 20) /* of one value in memory, without what it points to */

/* In memory: a bool, then the value at the next aligned place. */
const struct msk_type *msk_type_option(struct msk_arena *arena, const struct msk_type *element);

/* In memory: struct { void *items; size_t count; }. */
const struct msk_type *msk_type_seq(struct msk_arena *arena, const struct msk_type *element);
const struct msk_type *msk_type_set(struct msk_arena *arena, const struct msk_type *element);
const struct msk_type *msk_type_map(struct msk_arena *arena, const struct msk_type *key, const struct msk_type *value);

/* In memory: `count` values one after another. */
const struct msk_type *msk_type_array(struct msk_arena *arena, const struct msk_type *element, size_t count);

/* A value that travels inside a byte vector (wire.md 2.1 "Datum"); in memory the value itself. */
const struct msk_type *msk_type_wrapped(struct msk_arena *arena, const struct msk_type *element);

/* A type that is told later, for types that contain themselves (Rust's Box, which leaves no trace in the encoding); in
 * memory a pointer. It is `element` from msk_type_box_fill on, which must come before it is used. */
struct msk_type *msk_type_box(struct msk_arena *arena);
void msk_type_box_fill(struct msk_type *box, const struct msk_type *element);

/* Members in order; their offsets are computed, `offset` in `members` is ignored. In JSON a record is an object, a
 * tuple an array (of one member: that member alone). In memory a choice is a uint32_t and behind it its content. */
const struct msk_type *msk_type_record(struct msk_arena *arena, const char *name, const struct msk_type_member *members,
                                       size_t count);
const struct msk_type *msk_type_tuple(struct msk_arena *arena, const char *name, const struct msk_type_member *members,
                                      size_t count);
const struct msk_type *msk_type_choice(struct msk_arena *arena, const char *name, const struct msk_type_member *cases,
                                       size_t count);

#endif
