/* mosaik-inspect decode: any protocol message from hex to JSON, or the place of its first error. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cli/input.h"
#include "cli/layout.h"
#include "cli/visible.h"
#include "inspect.h"
#include "wire/frame.h"
#include "wire/messages.h"

#define DECODE_TEXT_MAX (4 * (size_t)MSK_FRAME_MAX_BOND) /* two digits a byte, and white space */

struct options {
    bool types;
    const struct msk_type *type;
    const char *hex;
};

static int parse_type(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                      struct msk_error *err)
{
    (void)option;
    (void)arena;
    const struct msk_type *type = msk_type_find(text);
    if (type) {
        *(const struct msk_type **)out = type;
        return 0;
    }
    size_t count;
    const struct msk_type_entry *all = msk_type_list(&count);
    char shown[MSK_VISIBLE_SIZE];
    struct msk_suggestion near = {.mistyped = text};
    for (size_t i = 0; i < count; i++)
        msk_suggest(&near, all[i].type->name);
    msk_visible(text, shown);
    if (near.best)
        return msk_fail(err, MSK_E_INVALID, "%s is no message\ndid you mean %s?", shown, near.best);
    return msk_fail(err, MSK_E_INVALID, "%s is no message\n\"mosaik-inspect decode --types\" tells all", shown);
}

static const struct msk_value_type value_type = {
    .placeholder = "TYPE", .size = sizeof(struct msk_type *), .parse = parse_type};

static const struct msk_option rows[] = {
    {.name = "type",
     .type = &value_type,
     .positional = true,
     .offset = offsetof(struct options, type),
     .help = "what the bytes are: one of --types"},
    {.name = "hex",
     .type = &msk_value_text,
     .placeholder = "HEX",
     .positional = true,
     .fallback = "-",
     .offset = offsetof(struct options, hex),
     .help = "the message in hex digits, without the length that stands before it on a stream; - reads them from "
             "standard input, where white space may stand between them"},
    {.name = "types", .type = &msk_value_flag, .offset = offsetof(struct options, types), .help = "list the types"},
    {.name = NULL},
};

/* ---- types */

static int print_types(const struct msk_run *run)
{
    static const struct msk_column columns[] = {{"TYPE", false}, {"WHAT IT IS", false}};
    size_t count;
    const struct msk_type_entry *all = msk_type_list(&count);
    struct msk_table table;
    json_t *types = json_object();
    msk_table_init(&table, columns, 2);
    for (size_t i = 0; i < count; i++) {
        json_object_set_new(types, all[i].type->name, json_string(all[i].about));
        msk_table_cell(&table, "%s", all[i].type->name);
        msk_table_cell(&table, "%s", all[i].about);
    }
    if (!run->out->json) {
        json_decref(types);
        return msk_table_print(&table, run->out);
    }
    msk_builder_free(&table.cells);
    return msk_output_json(run->out, json_pack("{s:o}", "types", types));
}

/* ---- input */

/* Digits of `text` to bytes; white space between them does not count. */
static int read_digits(const char *name, struct msk_bytes text, struct msk_builder *out, struct msk_error *err)
{
    struct msk_builder digits;
    int rc = 0;
    msk_builder_init(&digits, DECODE_TEXT_MAX);
    for (size_t i = 0; rc == 0 && i < text.len; i++) {
        if (isxdigit(text.data[i]))
            msk_builder_byte(&digits, text.data[i]);
        else if (!isspace(text.data[i]))
            rc = msk_input_bad_digit(name, text, i, err);
    }
    if (rc == 0)
        rc = digits.error;
    if (rc == 0 && digits.len % 2)
        rc = msk_fail(err, MSK_E_INVALID, "%s: an odd number of hex digits: %zu", name, digits.len);
    if (rc == 0)
        rc = msk_hex_decode_append((const char *)digits.data, digits.len, out, NULL);
    msk_builder_free(&digits);
    return rc;
}

static int read_message(const char *hex, struct msk_builder *out, struct msk_error *err)
{
    if (strcmp(hex, "-") != 0)
        return read_digits("HEX", msk_bytes_of_text(hex), out, err);
    struct msk_builder text;
    msk_builder_init(&text, DECODE_TEXT_MAX);
    int rc = msk_input_read(hex, &text, NULL, err);
    if (rc == 0)
        rc = read_digits(msk_input_name(hex), msk_builder_view(&text), out, err);
    msk_builder_free(&text);
    return rc;
}

/* ---- output */

static int print_failure(const struct msk_run *run, const struct msk_place *place)
{
    json_t *answer = json_pack("{s:s,s:I,s:s,s:s}", "error", run->err->text, "offset", (json_int_t)place->offset,
                               "field", place->path, "fault", msk_fault_name(place->fault));
    return msk_output_json(run->out, answer);
}

static int print_message(const struct msk_run *run, json_t *message)
{
    if (run->out->json)
        return msk_output_json(run->out, message);
    char *text = json_dumps(message, JSON_INDENT(2) | JSON_ENCODE_ANY);
    json_decref(message);
    if (!text)
        return MSK_E_NOMEM;
    fprintf(run->out->stream, "%s\n", text);
    free(text);
    return 0;
}

static int decode(const struct msk_run *run, const struct msk_type *type, struct msk_bytes message)
{
    json_t *json;
    struct msk_place place = {0};
    int rc = msk_bytes_to_json_at(type, message, &json, run->err, &place);
    if (rc == 0)
        return print_message(run, json);
    return rc == MSK_E_INVALID && print_failure(run, &place) < 0 ? MSK_E_NOMEM : rc;
}

static int run_decode(struct msk_run *run)
{
    const struct options *options = run->options;
    if (options->types)
        return print_types(run);
    if (!options->type)
        return msk_fail(run->err, MSK_E_INVALID, "TYPE: missing\n\"mosaik-inspect decode --types\" lists the types");
    struct msk_builder message;
    msk_builder_init(&message, DECODE_TEXT_MAX / 2);
    int rc = read_message(options->hex, &message, run->err);
    if (rc == 0)
        rc = decode(run, options->type, msk_builder_view(&message));
    msk_builder_free(&message);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect decode bond_message 0503020301", NULL},
    {"xxd -p frame.bin | mosaik-inspect decode signed_peer_entry", "White space between the digits does not matter"},
    {"mosaik-inspect decode --types", NULL},
    {NULL, NULL},
};

const struct msk_command inspect_decode = {
    .name = "decode",
    .summary = "Tell what a protocol message says, in JSON",
    .details = "A message that cannot be decoded ends with status 2; the answer is then an object with the members "
               "error, offset (in bytes) and field. Bytes after the message are ignored, as the reference does.",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_decode,
};
