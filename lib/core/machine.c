#include "core/machine.h"

#include <string.h>

#include "base/text.h"

const struct msk_machine *const msk_machines[] = {&msk_machine_noop, &msk_machine_counter, &msk_machine_lines,
                                                  &msk_machine_kv,   &msk_machine_opaque,  NULL};

/* The idle command is not for the program's eyes. */
const struct msk_machine msk_machine_exec = {.name = "exec",
                                             .may_be_lost = true,
                                             .rust_type = "exec",
                                             .command = MSK_TYPE(json),
                                             .query = MSK_TYPE(json),
                                             .result = MSK_TYPE(json),
                                             .has_idle = true,
                                             .idle = {(const uint8_t *)"\4null", 5}};

const struct msk_machine *msk_machine_find(const char *name)
{
    if (strncmp(name, MSK_MACHINE_EXEC_PREFIX, strlen(MSK_MACHINE_EXEC_PREFIX)) == 0)
        return name[strlen(MSK_MACHINE_EXEC_PREFIX)] ? &msk_machine_exec : NULL;
    for (size_t i = 0; msk_machines[i]; i++)
        if (strcmp(msk_machines[i]->name, name) == 0)
            return msk_machines[i];
    return NULL;
}

int msk_machine_describe(const struct msk_machine *machine, const struct msk_schema *schema, struct msk_machine *out,
                         struct msk_error *err)
{
    bool is_program = machine == &msk_machine_exec;
    if (!is_program && (machine->command || machine->query || machine->result))
        return msk_fail(err, MSK_E_INVALID, "the machine %s has types of its own", machine->name);
    *out = *machine;
    out->command = schema->command;
    out->query = schema->query;
    out->result = schema->result;
    out->has_idle &= !is_program;
    return 0;
}

/* ---- JSON */

/* The bytes themselves, without a length in front. */
static int read_hex(const json_t *json, struct msk_builder *out, struct msk_error *err)
{
    size_t offset;
    int rc = json_is_string(json)
                 ? msk_hex_decode_append(json_string_value(json), json_string_length(json), out, &offset)
                 : MSK_E_INVALID;
    return rc < 0 ? msk_fail(err, rc, "%s", rc == MSK_E_INVALID ? "expected bytes as hex text" : msk_error_sentence(rc))
                  : 0;
}

static int print_hex(struct msk_bytes value, json_t **out, struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, 2 * value.len + 1);
    msk_hex_append(&text, value);
    *out = text.error ? NULL : json_stringn(text.len ? (const char *)text.data : "", text.len);
    msk_builder_free(&text);
    return *out ? 0 : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

int msk_machine_read_json(const struct msk_type *type, const json_t *json, struct msk_builder *out,
                          struct msk_error *err)
{
    return type ? msk_json_to_bytes(type, json, out, err) : read_hex(json, out, err);
}

int msk_machine_print_json(const struct msk_type *type, struct msk_bytes value, json_t **out, struct msk_error *err)
{
    return type ? msk_bytes_to_json(type, value, out, err) : print_hex(value, out, err);
}
