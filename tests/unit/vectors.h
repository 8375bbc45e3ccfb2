/* vectors.h: golden vectors for unit tests: files of cases, each case run by the row of a table that its "op" names. */
#ifndef MSK_TESTS_VECTORS_H
#define MSK_TESTS_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/text.h"

/* One case: its input, and scratch memory that ends with it. */
struct vector {
    const char *file, *name;
    const json_t *json, *input;
    struct msk_arena scratch;
};

/* What to do with the cases of one op ("" where the input names none). */
struct vector_op {
    const char *op;
    void (*run)(struct vector *vector);
};

static inline json_t *vectors_load(const char *file)
{
    const char *directory = getenv("MSK_VECTORS");
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.json", directory ? directory : "tests/vectors", file);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!root)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

static inline void vector_fail(const struct vector *vector, const char *what)
{
    fail_msg("%s: \"%s\": %s", vector->file, vector->name, what);
}

static inline void vector_run(struct vector *vector, const struct vector_op *ops)
{
    const char *op = json_string_value(json_object_get(vector->input, "op"));
    for (; ops->op; ops++)
        if (strcmp(ops->op, op ? op : "") == 0) {
            ops->run(vector);
            return;
        }
    vector_fail(vector, "no test knows this op");
}

/* Run every case; `ops` ends with a row of zeros. */
static inline void vectors_run(const char *file, const struct vector_op *ops)
{
    json_t *root = vectors_load(file), *item;
    size_t i;
    json_array_foreach(json_object_get(root, "cases"), i, item)
    {
        struct vector vector = {.file = file,
                                .name = json_string_value(json_object_get(item, "name")),
                                .json = item,
                                .input = json_object_get(item, "input")};
        msk_arena_init(&vector.scratch, 64 << 20);
        vector_run(&vector, ops);
        msk_arena_free(&vector.scratch);
    }
    printf("%s: %zu cases\n", file, i);
    assert_true(i > 0);
    json_decref(root);
}

/* For cases that another file's test runs. */
static inline void vector_tested_elsewhere(struct vector *vector)
{
    (void)vector;
}

/* ---- members of a case; those of the input need `vector->input` */

static inline const json_t *member(const struct vector *vector, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!value)
        vector_fail(vector, key);
    return value;
}

static inline const char *text_member(const struct vector *vector, const json_t *object, const char *key)
{
    const json_t *value = member(vector, object, key);
    if (!json_is_string(value))
        vector_fail(vector, key);
    return json_string_value(value);
}

static inline struct msk_bytes string_bytes(const json_t *string)
{
    return MSK_BYTES(json_string_value(string), json_string_length(string));
}

/* Numbers above 2^53 are given as text. */
static inline uint64_t number_value(const json_t *value)
{
    return json_is_string(value) ? strtoull(json_string_value(value), NULL, 10) : (uint64_t)json_integer_value(value);
}

static inline uint64_t number_member(const struct vector *vector, const json_t *object, const char *key)
{
    return number_value(member(vector, object, key));
}

static inline struct msk_bytes hex_bytes(struct vector *vector, const char *text)
{
    size_t len = strlen(text) / 2;
    uint8_t *bytes = msk_arena_alloc(&vector->scratch, len + 1, 1);
    assert_int_equal(msk_hex_decode(text, strlen(text), bytes, len, NULL), 0);
    return MSK_BYTES(bytes, len);
}

static inline struct msk_bytes hex_member(struct vector *vector, const json_t *object, const char *key)
{
    return hex_bytes(vector, text_member(vector, object, key));
}

static inline struct msk_digest digest_member(struct vector *vector, const json_t *object, const char *key)
{
    struct msk_digest digest;
    struct msk_bytes bytes = hex_member(vector, object, key);
    assert_int_equal(bytes.len, MSK_DIGEST_LEN);
    memcpy(digest.bytes, bytes.data, MSK_DIGEST_LEN);
    return digest;
}

/* ---- expectations */

static inline void expect_text(const struct vector *vector, const char *key, const char *got)
{
    const char *want = text_member(vector, vector->json, key);
    if (strcmp(want, got) != 0)
        fail_msg("%s: \"%s\": %s is %s, not %s", vector->file, vector->name, key, got, want);
}

static inline void expect_bytes(struct vector *vector, const char *key, struct msk_bytes got)
{
    char *text = msk_arena_alloc(&vector->scratch, got.len + 1, 2);
    msk_hex_encode(got, text);
    expect_text(vector, key, text);
}

static inline void expect_digest(struct vector *vector, const char *key, struct msk_digest got)
{
    expect_bytes(vector, key, MSK_BYTES(got.bytes, MSK_DIGEST_LEN));
}

/* Members that only some cases have. */
static inline bool has_member(const struct vector *vector, const char *key)
{
    return json_object_get(vector->json, key) != NULL;
}

#endif
