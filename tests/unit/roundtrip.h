/* roundtrip.h: what must hold for every encoding of every type: it comes back the same by every way there is. */
#ifndef MSK_TESTS_ROUNDTRIP_H
#define MSK_TESTS_ROUNDTRIP_H

#include "vectors.h"
#include "wire/type.h"

static inline struct msk_bytes encode(struct vector *vector, const struct msk_type *type, const void *value)
{
    struct msk_builder out;
    msk_builder_init(&out, 1 << 20);
    if (msk_encode(type, value, &out) < 0)
        vector_fail(vector, "does not encode");
    struct msk_bytes copy = {msk_arena_copy(&vector->scratch, out.data, out.len), out.len};
    msk_builder_free(&out);
    return copy;
}

static inline void *decode(struct vector *vector, const struct msk_type *type, struct msk_bytes bytes)
{
    struct msk_error err;
    void *value = msk_arena_alloc(&vector->scratch, 1, type->size);
    if (msk_decode(type, bytes, &vector->scratch, value, &err) < 0)
        vector_fail(vector, err.text);
    return value;
}

static inline struct msk_bytes encode_json(struct vector *vector, const struct msk_type *type, const json_t *json)
{
    struct msk_error err;
    struct msk_builder out;
    msk_builder_init(&out, 1 << 20);
    if (msk_json_to_bytes(type, json, &out, &err) < 0)
        vector_fail(vector, err.text);
    struct msk_bytes copy = {msk_arena_copy(&vector->scratch, out.data, out.len), out.len};
    msk_builder_free(&out);
    return copy;
}

/* Through memory, through a deep copy, and through JSON. An option of an option loses its inner nothing in JSON. */
static inline void expect_stable(struct vector *vector, const struct msk_type *type, struct msk_bytes canonical)
{
    struct msk_error err;
    json_t *json;
    void *value = decode(vector, type, canonical), *copy = msk_arena_alloc(&vector->scratch, 1, type->size);
    assert_true(msk_bytes_equal(encode(vector, type, value), canonical));
    assert_int_equal(msk_copy(type, value, &vector->scratch, copy), 0);
    assert_true(msk_bytes_equal(encode(vector, type, copy), canonical));
    assert_int_equal(msk_compare(type, value, copy), 0);
    if (msk_bytes_to_json(type, canonical, &json, &err) < 0)
        vector_fail(vector, err.text);
    if (!strstr(vector->name, "option of option"))
        assert_true(msk_bytes_equal(encode_json(vector, type, json), canonical));
    json_decref(json);
}

/* The decoder takes `bytes` and writes them back as the case's `hex`. */
static inline void expect_decoded(struct vector *vector, const struct msk_type *type, struct msk_bytes bytes)
{
    struct msk_bytes again = encode(vector, type, decode(vector, type, bytes));
    expect_bytes(vector, "hex", again);
    expect_stable(vector, type, again);
}

/* The decoder refuses `bytes` for the reason the case names, and can say where. */
static inline void expect_refused(struct vector *vector, const struct msk_type *type, struct msk_bytes bytes)
{
    struct msk_error err;
    struct msk_place place;
    void *value = msk_arena_alloc(&vector->scratch, 1, type->size);
    int rc = msk_decode_at(type, bytes, &vector->scratch, value, &err, &place);
    if (rc != MSK_E_INVALID)
        vector_fail(vector, "accepted");
    expect_text(vector, "error", msk_fault_name(place.fault));
    assert_true(strncmp(err.text, place.path, strlen(place.path)) == 0);
    assert_true(place.offset <= bytes.len);
}

/* A case of op "decode". */
static inline void expect_decode_case(struct vector *vector, const struct msk_type *type)
{
    struct msk_bytes bytes = hex_member(vector, vector->input, "bytes");
    if (has_member(vector, "error"))
        expect_refused(vector, type, bytes);
    else
        expect_decoded(vector, type, bytes);
}

#endif
