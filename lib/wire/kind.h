/* kind.h: how each family of types is treated. Internal to the wire room; users see type.h.
 *
 * A kind is a row of functions; a type names its kind and adds what is special to it (members, element, size). Whoever
 * adds a kind writes these six functions and nothing else. */
#ifndef MSK_WIRE_KIND_H
#define MSK_WIRE_KIND_H

#include "wire/messages.h"
#include "wire/type.h"

/* One step on the way to where we are within a value: a member, a case, or an item of a list. */
struct msk_step {
    const char *name; /* NULL: an item, by index */
    size_t index;
};

/* Reading, from bytes or from JSON. */
struct msk_reader {
    struct msk_bytes in; /* in.data is NULL while JSON is read */
    size_t offset;
    struct msk_arena *arena;
    const struct msk_type *root;
    struct msk_step path[MSK_DEPTH_MAX];
    unsigned depth;   /* steps taken */
    unsigned boxes;   /* entered */
    size_t empty;     /* items and members that took no bytes */
    bool trusted;     /* our own encoding: conditions were checked before */
    unsigned wrapped; /* inside that many wrapped values, whose faults are the wrapper's (wire.md 2.1 "Datum") */
    struct msk_error *err;
    struct msk_place *place;
};

struct msk_kind {
    void (*encode)(const struct msk_type *type, const void *value, struct msk_builder *out);
    int (*decode)(const struct msk_type *type, struct msk_reader *in, void *out);
    json_t *(*print)(const struct msk_type *type, const void *value); /* NULL: out of memory */
    int (*parse)(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out);
    int (*compare)(const struct msk_type *type, const void *a, const void *b);
    size_t (*least)(const struct msk_type *type); /* bytes that every encoding has at least */
};

extern const struct msk_kind msk_kind_unit, msk_kind_bool, msk_kind_unsigned, msk_kind_signed, msk_kind_id64,
    msk_kind_float;
extern const struct msk_kind msk_kind_char, msk_kind_text, msk_kind_bytes, msk_kind_fixed, msk_kind_relay_url;
extern const struct msk_kind msk_kind_timestamp, msk_kind_duration, msk_kind_ip, msk_kind_socket_addr;
extern const struct msk_kind msk_kind_json;
extern const struct msk_kind msk_kind_custom_data; /* bytes with an order of their own */
extern const struct msk_kind msk_kind_option, msk_kind_seq, msk_kind_set, msk_kind_map, msk_kind_array;
extern const struct msk_kind msk_kind_record, msk_kind_tuple, msk_kind_choice, msk_kind_wrapped, msk_kind_box;

/* What sequences, sets and maps are in memory; every MSK_SEQ has this shape, and may be looked at as this one. A map's
 * element is a record of key and value. */
struct __attribute__((may_alias)) msk_list {
    void *items;
    size_t count;
};

/* ---- reading */

/* Note the failure and where it is; returns the code that goes with the fault. `offset` is ignored for JSON. */
int msk_reader_fail(struct msk_reader *in, enum msk_fault fault, size_t offset, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The arena refused: MSK_E_NOMEM or MSK_E_LIMIT, noted. */
int msk_reader_no_memory(struct msk_reader *in);

size_t msk_reader_left(const struct msk_reader *in);

/* Exactly `len` bytes, or UNEXPECTED_END. */
int msk_read_bytes(struct msk_reader *in, size_t len, const uint8_t **out);

/* An integer of at most `bits` bits. */
int msk_read_varint(struct msk_reader *in, unsigned bits, unsigned __int128 *out);

/* A count of bytes, and those bytes, still in the input. */
int msk_read_counted(struct msk_reader *in, struct msk_bytes *out);

/* Decode or parse with the type's own condition; the second pair also goes one step down the path. */
int msk_read_value(const struct msk_type *type, struct msk_reader *in, void *out);
int msk_parse_value(const struct msk_type *type, struct msk_reader *in, const json_t *json, void *out);
int msk_read_at(const char *name, size_t index, const struct msk_type *type, struct msk_reader *in, void *out);
int msk_parse_at(const char *name, size_t index, const struct msk_type *type, struct msk_reader *in, const json_t *json,
                 void *out);

/* ---- writing */
void msk_write_varint(struct msk_builder *out, unsigned __int128 value);
void msk_write_counted(struct msk_builder *out, struct msk_bytes bytes);

/* ---- shared by kinds */
size_t msk_least_one(const struct msk_type *type);
size_t msk_type_least(const struct msk_type *type);            /* kind->least, once for types built at run time */
int msk_compare_bytes(struct msk_bytes a, struct msk_bytes b); /* bytewise, a prefix before what it begins */

#endif
