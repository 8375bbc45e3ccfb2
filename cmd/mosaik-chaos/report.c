/* mosaik-chaos stats, links: what a running network has done, and what it does. */
#include "chaos_cmd.h"
#include "cli/layout.h"

struct options {
    struct chaos_target target;
};

static const char *text_of(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));
    return text ? text : "-";
}

/* Ask, then print as JSON or by `print`. */
static int report(struct msk_run *run, const char *command,
                  int (*print)(const struct msk_run *run, const json_t *answer))
{
    const struct options *options = run->options;
    json_t *answer;
    int rc = chaos_ask(&options->target, command, NULL, &answer, run->err);
    if (rc)
        return rc;
    if (run->out->json)
        return msk_output_json(run->out, answer);
    rc = print(run, answer);
    json_decref(answer);
    return rc;
}

/* ---- stats */

static int print_stats(const struct msk_run *run, const json_t *answer)
{
    static const struct msk_column columns[] = {
        {"from", false},   {"to", false},        {"received", true},  {"sent", true},       {"dropped", true},
        {"delayed", true}, {"duplicated", true}, {"corrupted", true}, {"handshakes", true}, {"closes", true},
    };
    const size_t count = sizeof columns / sizeof columns[0];
    struct msk_table table;
    size_t i;
    json_t *link;
    msk_table_init(&table, columns, count);
    json_array_foreach(json_object_get(answer, "links"), i, link)
    {
        msk_table_cell(&table, "%s", text_of(link, "from"));
        msk_table_cell(&table, "%s", text_of(link, "to"));
        for (size_t column = 2; column < count; column++)
            msk_table_cell(&table, "%" JSON_INTEGER_FORMAT,
                           json_integer_value(json_object_get(link, columns[column].title)));
    }
    return msk_table_print(&table, run->out);
}

static int run_stats(struct msk_run *run)
{
    return report(run, "stats", print_stats);
}

static const struct msk_example stats_examples[] = {
    {"mosaik-chaos stats", NULL},
    {"mosaik-chaos stats --json | jq '.links[] | select(.dropped > 0)'", NULL},
    {NULL, NULL},
};

const struct msk_command chaos_stats = {
    .name = "stats",
    .summary = "Show what each link has done so far",
    .sets = {{.options = chaos_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = stats_examples,
    .answers = true,
    .run = run_stats,
};

/* ---- links */

static int print_links(const struct msk_run *run, const json_t *answer)
{
    static const struct msk_column columns[] = {{"from", false}, {"to", false}, {"", false}, {"rules", false}};
    struct msk_table table;
    size_t i;
    json_t *link;
    msk_table_init(&table, columns, sizeof columns / sizeof columns[0]);
    json_array_foreach(json_object_get(answer, "links"), i, link)
    {
        msk_table_cell(&table, "%s", text_of(link, "from"));
        msk_table_cell(&table, "%s", text_of(link, "to"));
        msk_table_cell(&table, "%s", json_is_true(json_object_get(link, "parted")) ? "parted" : "");
        msk_table_cell(&table, "%s", text_of(link, "words"));
    }
    return msk_table_print(&table, run->out);
}

static int run_links(struct msk_run *run)
{
    return report(run, "links", print_links);
}

static const struct msk_example links_examples[] = {{"mosaik-chaos links", NULL}, {NULL, NULL}};

const struct msk_command chaos_links = {
    .name = "links",
    .summary = "Show the rules of each link, and nodes with their addresses",
    .sets = {{.options = chaos_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = links_examples,
    .answers = true,
    .run = run_links,
};
