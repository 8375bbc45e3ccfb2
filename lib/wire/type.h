/* type.h: the description of a message, written once: it encodes, decodes, prints and reads JSON (wire.md 2).
 *
 * A description is a constant (messages.c) or built at run time (type_build.h); both are the same structure. Values lie
 * in memory as ordinary C structures whose members the description knows by offset. */
#ifndef MSK_WIRE_TYPE_H
#define MSK_WIRE_TYPE_H

#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

struct msk_kind; /* how a family of types is treated: kind.h */
struct msk_type;

/* A member of a record or tuple, or a case of a choice. */
struct msk_type_member {
    const char *name;
    const struct msk_type *type; /* NULL: a case without content */
    size_t offset;               /* of the member, or of the case's content, within the value */
};

struct msk_type {
    const struct msk_kind *kind;
    const char *name;
    size_t size, align; /* of a value in memory */
    const struct msk_type_member *members;
    size_t member_count;
    const struct msk_type *element; /* of options, sequences, sets, maps, arrays, wrapped values */
    size_t extent;                  /* arrays: their length; options: offset of the value behind its flag */
    int (*check)(const void *value, struct msk_error *err); /* a further condition on a decoded value, or NULL */
    size_t least;   /* of types built at run time: bytes that every encoding has at least */
    unsigned depth; /* of types built at run time: how many types deep; 0 for constants */
};

#define MSK_TYPE(name) (&msk_type_##name)

/* ---- limits */
#define MSK_DEPTH_MAX       48          /* nesting of types: no message reaches 12 */
#define MSK_EMPTY_ITEMS_MAX 65536       /* items and members of one value that take no bytes */
#define MSK_DECODED_MAX     (64u << 20) /* memory for one value where the caller gives no arena of its own */
#define MSK_PATH_MAX        256

/* Nesting of lists and objects in a value that is any JSON: less than what the usual readers can take, some of which
 * end where it is more. All members must have the same limit: it decides what is a command. */
#define MSK_JSON_VALUE_DEPTH_MAX 100

/* What made the decoder stop: the reference tells these apart (vectors README). */
#define MSK_FAULT_MAP(X)                \
    X(NONE, "none")                     \
    X(UNEXPECTED_END, "unexpected-end") \
    X(BAD_VARINT, "bad-varint")         \
    X(BAD_BOOL, "bad-bool")             \
    X(BAD_OPTION, "bad-option")         \
    X(BAD_UTF8, "bad-utf8")             \
    X(REJECTED, "rejected-by-type")     \
    X(LIMIT, "limit")                   \
    X(NOMEM, "no-memory")

enum msk_fault {
#define X(name, text) MSK_FAULT_##name,
    MSK_FAULT_MAP(X)
#undef X
};
const char *msk_fault_name(enum msk_fault fault);

/* The same failure for machines. */
struct msk_place {
    enum msk_fault fault;
    size_t offset;           /* bytes into the input, where the offending item begins */
    char path[MSK_PATH_MAX]; /* "raft_message.append_entries.entries[3].term"; cut at its bound */
};

/* Decode one value into `out` (type->size bytes); what it points to comes from `arena`. Lenient as wire.md 2: bytes
 * after the value are ignored, varints may be overlong, sets unordered.
 * MSK_E_INVALID, MSK_E_LIMIT (arena, depth) or MSK_E_NOMEM; `err` (may be NULL) then reads "PATH: REASON at offset N".
 * `out` and the arena's new content are then of no use. `place` may be NULL. */
int msk_decode_at(const struct msk_type *type, struct msk_bytes in, struct msk_arena *arena, void *out,
                  struct msk_error *err, struct msk_place *place);
int msk_decode(const struct msk_type *type, struct msk_bytes in, struct msk_arena *arena, void *out,
               struct msk_error *err);

/* The same, but only the form is looked at: what types demand beyond it (curve points, signatures, versions) is not.
 * For whoever needs few of many values, and checks those by msk_check. `err` may be NULL. */
int msk_decode_unchecked(const struct msk_type *type, struct msk_bytes in, struct msk_arena *arena, void *out,
                         struct msk_error *err);

/* What msk_decode_unchecked left out, for a value of this type. 0 or the errors of msk_decode. */
int msk_check(const struct msk_type *type, const void *value, struct msk_error *err);

/* Append the canonical encoding: shortest varints, sets and maps in order and without duplicates. The value must be
 * well formed: known cases, valid text. 0 or the builder's error, or MSK_E_INVALID for a time that has no text. */
int msk_encode(const struct msk_type *type, const void *in, struct msk_builder *out);

/* Append the canonical encoding of the value that `in` encodes: what a lenient reader stores and compares (groups.md
 * 0). Errors of msk_decode and msk_encode. */
int msk_canonical(const struct msk_type *type, struct msk_bytes in, struct msk_builder *out, struct msk_error *err);

/* A deep copy of a well-formed value into `arena`. MSK_E_NOMEM, MSK_E_LIMIT. */
int msk_copy(const struct msk_type *type, const void *in, struct msk_arena *arena, void *out);

/* Order as the reference's ordered sets have it (wire.md 2, 2.1): negative, zero, positive. */
int msk_compare(const struct msk_type *type, const void *a, const void *b);

/* JSON: digests and bytes are hex, 64-bit identifiers and integers beyond 2^53 decimal text, other integers numbers,
 * choices {"case": content} or "case", maps with text-like keys objects. Reading also accepts the reference's own
 * JSON: bytes as arrays of numbers. A new reference in `*out`. */
int msk_value_to_json(const struct msk_type *type, const void *in, json_t **out, struct msk_error *err);
int msk_json_to_value(const struct msk_type *type, const json_t *in, struct msk_arena *arena, void *out,
                      struct msk_error *err);

/* Both steps at once, within MSK_DECODED_MAX. `place` may be NULL. */
int msk_bytes_to_json_at(const struct msk_type *type, struct msk_bytes in, json_t **out, struct msk_error *err,
                         struct msk_place *place);
int msk_bytes_to_json(const struct msk_type *type, struct msk_bytes in, json_t **out, struct msk_error *err);
int msk_json_to_bytes(const struct msk_type *type, const json_t *in, struct msk_builder *out, struct msk_error *err);

/* ---- types that have no members, as they lie in memory */

/* nothing; bool; uintN_t; intN_t; float, double; uint32_t, a Unicode scalar value */
extern const struct msk_type msk_type_unit, msk_type_bool;
extern const struct msk_type msk_type_u8, msk_type_u16, msk_type_u32, msk_type_u64, msk_type_u128;
extern const struct msk_type msk_type_i8, msk_type_i16, msk_type_i32, msk_type_i64, msk_type_i128;
extern const struct msk_type msk_type_f32, msk_type_f64, msk_type_char;

/* uint64_t, in JSON always text */
extern const struct msk_type msk_type_id64;

/* struct msk_bytes: bytes, text, a semantic version, a URL in its normal form */
extern const struct msk_type msk_type_bytes, msk_type_text, msk_type_version, msk_type_relay_url;

/* struct msk_bytes: any JSON value; travels as its text, written without spaces and with sorted members */
extern const struct msk_type msk_type_json;

/* struct msk_digest, where a peer id is a curve point; uint8_t[64] */
extern const struct msk_type msk_type_digest, msk_type_peer_id, msk_type_signature;

/* struct msk_timestamp; struct msk_duration; struct msk_socket_addr, the ip without its port */
extern const struct msk_type msk_type_timestamp, msk_type_duration, msk_type_ip, msk_type_socket_addr;

#endif
