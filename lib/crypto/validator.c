#include "crypto/validator.h"

#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "crypto/identity.h"
#include "crypto/json_text.h"

#define VALIDATOR_TEXT_MAX   (1u << 20)
#define VALIDATOR_MEMORY_MAX (16u << 20)

static int expected(struct msk_error *err, const char *what)
{
    return msk_fail(err, MSK_E_INVALID, "expected %s", what);
}

/* A text that is not empty and has no zero character. */
static bool is_word(const struct msk_json *json)
{
    return json->kind == MSK_JSON_TEXT && json->text.len > 0 && !memchr(json->text.data, 0, json->text.len);
}

/* ---- the members of a file whose class is exec */

static int read_class(const struct msk_json *json, struct msk_validator *out, struct msk_error *err)
{
    (void)json;
    (void)out;
    (void)err;
    return 0;
}

/* As everywhere a digest may be given: 64 hex digits, or a text that is hashed. */
static int read_digest(const struct msk_json *json, struct msk_digest *out, struct msk_error *err)
{
    if (!is_word(json))
        return expected(err, "a text");
    char *text = msk_memdup(json->text.data, json->text.len);
    if (!text)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    *out = msk_digest_of_string(text);
    msk_free(text);
    return 0;
}

static int read_name(const struct msk_json *json, struct msk_validator *out, struct msk_error *err)
{
    return read_digest(json, &out->class_id, err);
}

static int read_signature(const struct msk_json *json, struct msk_validator *out, struct msk_error *err)
{
    return read_digest(json, &out->signature, err);
}

static int read_command(const struct msk_json *json, struct msk_validator *out, struct msk_error *err)
{
    size_t count = json->kind == MSK_JSON_LIST ? json->list.count : 0;
    if (count == 0 || count > MSK_VALIDATOR_WORDS_MAX)
        return expected(err, "a list of a program and its arguments");
    out->command = msk_calloc(count + 1, sizeof *out->command);
    for (size_t i = 0; out->command && i < count; i++) {
        const struct msk_json *word = &json->list.items[i];
        if (!is_word(word))
            return msk_fail(err, MSK_E_INVALID, "[%zu]: expected a text", i);
        out->command[i] = msk_memdup(word->text.data, word->text.len);
        if (!out->command[i])
            break;
    }
    return out->command && out->command[count - 1] ? 0
                                                   : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

static int read_timeout(const struct msk_json *json, struct msk_validator *out, struct msk_error *err)
{
    char text[32] = "";
    if (!is_word(json) || json->text.len >= sizeof text)
        return expected(err, "a time span like \"2s\"");
    memcpy(text, json->text.data, json->text.len);
    int rc = msk_duration_parse(text, &out->timeout_ms, err);
    if (rc == 0 && (out->timeout_ms == 0 || out->timeout_ms > MSK_VALIDATOR_TIMEOUT_MAX_MS))
        rc = msk_fail(err, MSK_E_INVALID, "from 1ms to 1m");
    return rc;
}

static const struct row {
    const char *name;
    bool optional;
    int (*read)(const struct msk_json *json, struct msk_validator *out, struct msk_error *err);
} rows[] = {
    {"class", false, read_class},     {"name", false, read_name},      {"signature", false, read_signature},
    {"command", false, read_command}, {"timeout", true, read_timeout},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static int read_row(const struct msk_json *json, const struct row *row, struct msk_validator *out,
                    struct msk_error *err)
{
    const struct msk_json_member *member = msk_json_find(json, row->name);
    if (!member)
        return row->optional ? 0 : msk_fail(err, MSK_E_INVALID, "%s: missing", row->name);
    if (member->times > 1)
        return msk_fail(err, MSK_E_INVALID, "%s: given twice", row->name);
    int rc = row->read(&member->value, out, err);
    return rc < 0 ? msk_wrap(err, rc, "%s", row->name) : 0;
}

static bool is_known(struct msk_bytes name)
{
    for (size_t i = 0; i < ROW_COUNT; i++)
        if (msk_bytes_equal(name, msk_bytes_of_text(rows[i].name)))
            return true;
    return false;
}

static int read_program(const struct msk_json *json, struct msk_validator *out, struct msk_error *err)
{
    for (size_t i = 0; i < json->object.count; i++) {
        struct msk_bytes name = json->object.members[i].name;
        if (!is_known(name))
            return msk_fail(err, MSK_E_INVALID, "unknown member \"%.*s\"", (int)name.len, (const char *)name.data);
    }
    out->timeout_ms = MSK_VALIDATOR_TIMEOUT_DEFAULT_MS;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        int rc = read_row(json, &rows[i], out, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* ---- either class */

static bool is_program(const struct msk_json *json)
{
    const struct msk_json_member *class_name = msk_json_find(json, "class");
    return class_name && class_name->value.kind == MSK_JSON_TEXT &&
           msk_bytes_equal(class_name->value.text, msk_bytes_of_text("exec"));
}

static int read_jwt(struct msk_bytes text, struct msk_validator *out, struct msk_error *err)
{
    int rc = msk_jwt_validator_parse(text, &out->jwt, err);
    if (rc == 0) {
        out->class_id = msk_jwt_class();
        out->signature = msk_jwt_validator_signature(&out->jwt);
    }
    return rc;
}

int msk_validator_parse(struct msk_bytes text, struct msk_validator *out, struct msk_error *err)
{
    struct msk_arena arena;
    struct msk_json json;
    *out = (struct msk_validator){0};
    if (text.len > VALIDATOR_TEXT_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %u bytes", VALIDATOR_TEXT_MAX);
    msk_arena_init(&arena, VALIDATOR_MEMORY_MAX);
    int rc = msk_json_parse(text, &arena, &json, err);
    if (rc == 0)
        rc = is_program(&json) ? read_program(&json, out, err) : read_jwt(text, out, err);
    msk_arena_wipe(&arena);
    if (rc < 0)
        msk_validator_free(out);
    return rc;
}

void msk_validator_free(struct msk_validator *validator)
{
    for (size_t i = 0; validator->command && validator->command[i]; i++)
        msk_free(validator->command[i]);
    msk_free(validator->command);
    msk_jwt_validator_free(&validator->jwt);
    *validator = (struct msk_validator){0};
}
