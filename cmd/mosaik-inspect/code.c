/* mosaik-inspect code: what a close code means, who sends it when, what to do (wire.md 3.3). */
#include <inttypes.h>
#include <string.h>

#include "cli/layout.h"
#include "cli/visible.h"
#include "inspect.h"
#include "wire/close_code.h"

#define LABEL_WIDTH 10

struct options {
    const char *code; /* number or name; NULL: all */
};

static const struct msk_option rows[] = {
    {.name = "code",
     .type = &msk_value_text,
     .placeholder = "N|NAME",
     .positional = true,
     .offset = offsetof(struct options, code),
     .help = "the code's number or name; without it all codes are told"},
    {.name = NULL},
};

static json_t *to_json(const struct msk_close *close)
{
    return json_pack("{s:I,s:s,s:s,s:s,s:s,s:s}", "code", (json_int_t)close->code, "name", close->name, "area",
                     close->area, "meaning", close->meaning, "sent_by", close->sent_by, "remedy", close->remedy);
}

static bool is_wanted(const struct msk_close *close, const char *text)
{
    return !text || msk_close_matches(close, text);
}

/* Those wanted, one alone as itself. */
static json_t *all_to_json(const char *text, size_t matches)
{
    size_t count;
    const struct msk_close *all = msk_close_all(&count);
    json_t *codes = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(&all[i], text))
            continue;
        json_t *code = to_json(&all[i]);
        if (matches == 1) {
            json_decref(codes);
            return code;
        }
        if (json_array_append_new(codes, code) < 0) {
            json_decref(codes);
            return NULL;
        }
    }
    return json_pack("{s:o}", "codes", codes);
}

static void print_labelled(FILE *stream, const char *label, const char *text)
{
    fprintf(stream, "  %-*s", LABEL_WIDTH - 2, label);
    msk_wrap_text(stream, text, LABEL_WIDTH, LABEL_WIDTH);
}

static void print_one(const struct msk_run *run, const struct msk_close *close)
{
    const struct msk_output *out = run->out;
    fprintf(out->stream, "%s%" PRIu64 " %s%s (%s)\n", msk_style(out, MSK_STYLE_BOLD), close->code,
            *close->name ? close->name : "without a reason", msk_style(out, MSK_STYLE_PLAIN), close->area);
    print_labelled(out->stream, "meaning", close->meaning);
    print_labelled(out->stream, "sent by", close->sent_by);
    print_labelled(out->stream, "remedy", close->remedy);
}

static int print_table(const struct msk_run *run)
{
    static const struct msk_column columns[] = {{"CODE", true}, {"NAME", false}, {"AREA", false}, {"MEANING", false}};
    size_t count;
    const struct msk_close *all = msk_close_all(&count);
    struct msk_table table;
    msk_table_init(&table, columns, 4);
    for (size_t i = 0; i < count; i++) {
        msk_table_cell(&table, "%" PRIu64, all[i].code);
        msk_table_cell(&table, "%s", all[i].name);
        msk_table_cell(&table, "%s", all[i].area);
        msk_table_cell(&table, "%s", all[i].meaning);
    }
    return msk_table_print(&table, run->out);
}

static int none_found(const char *text, struct msk_error *err)
{
    size_t count;
    const struct msk_close *all = msk_close_all(&count);
    char shown[MSK_VISIBLE_SIZE];
    struct msk_suggestion near = {.mistyped = text};
    for (size_t i = 0; i < count; i++)
        msk_suggest(&near, all[i].name);
    msk_visible(text, shown);
    if (near.best && strspn(text, "0123456789") != strlen(text))
        return msk_fail(err, MSK_E_NOTFOUND, "%s: no close code of this name\ndid you mean %s?", shown, near.best);
    return msk_fail(err, MSK_E_NOTFOUND, "%s: no close code of mosaik\n\"mosaik-inspect code\" tells all", shown);
}

static int run_code(struct msk_run *run)
{
    const char *text = ((const struct options *)run->options)->code;
    size_t count, matches = 0;
    const struct msk_close *all = msk_close_all(&count);
    for (size_t i = 0; i < count; i++)
        matches += is_wanted(&all[i], text);
    if (matches == 0)
        return none_found(text, run->err);
    if (run->out->json)
        return msk_output_json(run->out, all_to_json(text, matches));
    if (!text)
        return print_table(run);
    for (size_t i = 0; i < count; i++)
        if (is_wanted(&all[i], text))
            print_one(run, &all[i]);
    return 0;
}

static const struct msk_example examples[] = {
    {"mosaik-inspect code 30404", NULL},
    {"mosaik-inspect code NotAllowed", "A name of several codes"},
    {"mosaik-inspect code --json | jq -r '.codes[].name'", NULL},
    {NULL, NULL},
};

const struct msk_command inspect_code = {
    .name = "code",
    .summary = "Tell what a close code means, who sends it when, and what to do",
    .sets = {{.options = rows}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_code,
};
