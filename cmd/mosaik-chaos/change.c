/* mosaik-chaos set, partition, heal, pause, resume, node: change a running network. */
#include <string.h>

#include "chaos_cmd.h"
#include "proxy/rules.h"

/* ---- set */

struct set_options {
    struct chaos_target target;
    const char *from, *to;
    struct msk_list rules; /* of const char * */
};

static const struct msk_option set_rows[] = {
    {.name = "FROM",
     .placeholder = "FROM",
     .type = &msk_value_text,
     .positional = true,
     .required = true,
     .offset = offsetof(struct set_options, from),
     .help = "who sends; * is everybody"},
    {.name = "TO",
     .placeholder = "TO",
     .type = &msk_value_text,
     .positional = true,
     .required = true,
     .offset = offsetof(struct set_options, to),
     .help = "who receives; * is everybody"},
    {.name = "RULE",
     .placeholder = "RULE",
     .type = &msk_value_text,
     .positional = true,
     .required = true,
     .repeatable = true,
     .offset = offsetof(struct set_options, rules),
     .help = "NAME=VALUE, or none: all rules off"},
    {.name = NULL},
};

static int run_set(struct msk_run *run)
{
    const struct set_options *options = run->options;
    const char *const *words = options->rules.items;
    struct msk_rules rules = {0};
    struct msk_builder text;
    msk_builder_init(&text, MSK_RULES_TEXT_MAX);
    for (size_t i = 0; i < options->rules.count; i++)
        msk_builder_printf(&text, "%s%s", i ? " " : "", words[i]);
    int rc = text.error ? msk_fail(run->err, text.error, "%s", msk_error_sentence(text.error))
                        : msk_rules_set_words(&rules, (const char *)text.data, run->err);
    if (rc == 0)
        rc = chaos_change(
            &options->target, "set",
            json_pack("{s:s, s:s, s:s}", "from", options->from, "to", options->to, "rules", (const char *)text.data),
            run->err);
    msk_builder_free(&text);
    return rc;
}

static const struct msk_example set_examples[] = {
    {"mosaik-chaos set a b drop=0.2 delay=50ms jitter=10ms:normal", NULL},
    {"mosaik-chaos set '*' '*' profile=3g", NULL},
    {"mosaik-chaos set a b none", NULL},
    {NULL, NULL},
};

const struct msk_command chaos_set = {
    .name = "set",
    .summary = "Change rules of a link: those that are named, the others stay",
    .sets = {{.options = set_rows}, {.options = chaos_target_rows, .offset = offsetof(struct set_options, target)}},
    .size = sizeof(struct set_options),
    .examples = set_examples,
    .run = run_set,
};

/* ---- partition */

struct partition_options {
    struct chaos_target target;
    struct msk_list words; /* of const char * */
};

static const struct msk_option partition_rows[] = {
    {.name = "NODE",
     .placeholder = "NODE",
     .type = &msk_value_text,
     .positional = true,
     .required = true,
     .repeatable = true,
     .offset = offsetof(struct partition_options, words),
     .help = "names, with / between the sides"},
    {.name = NULL},
};

static json_t *sides_of(const struct msk_list *words)
{
    const char *const *names = words->items;
    json_t *sides = json_array(), *side = json_array();
    json_array_append_new(sides, side);
    for (size_t i = 0; i < words->count; i++) {
        int rc;
        if (strcmp(names[i], "/") == 0)
            rc = json_array_append_new(sides, side = json_array());
        else
            rc = json_array_append_new(side, json_string(names[i]));
        if (rc) {
            json_decref(sides);
            return NULL;
        }
    }
    return sides;
}

static int run_partition(struct msk_run *run)
{
    const struct partition_options *options = run->options;
    return chaos_change(&options->target, "partition", sides_of(&options->words), run->err);
}

static const struct msk_example partition_examples[] = {
    {"mosaik-chaos partition a / b c", NULL},
    {NULL, NULL},
};

const struct msk_command chaos_partition = {
    .name = "partition",
    .summary = "Let no datagram pass between the sides",
    .details = "A new partition replaces the last one. Who is on no side reaches everybody.",
    .sets = {{.options = partition_rows},
             {.options = chaos_target_rows, .offset = offsetof(struct partition_options, target)}},
    .size = sizeof(struct partition_options),
    .examples = partition_examples,
    .run = run_partition,
};

/* ---- heal */

struct heal_options {
    struct chaos_target target;
};

static int run_heal(struct msk_run *run)
{
    const struct heal_options *options = run->options;
    return chaos_change(&options->target, "heal", json_true(), run->err);
}

static const struct msk_example heal_examples[] = {{"mosaik-chaos heal", NULL}, {NULL, NULL}};

const struct msk_command chaos_heal = {
    .name = "heal",
    .summary = "End the partition; rules of links stay",
    .sets = {{.options = chaos_target_rows, .offset = offsetof(struct heal_options, target)}},
    .size = sizeof(struct heal_options),
    .examples = heal_examples,
    .run = run_heal,
};

/* ---- pause, resume */

struct pause_options {
    struct chaos_target target;
    const char *node;
};

static const struct msk_option pause_rows[] = {
    {.name = "NODE",
     .placeholder = "NODE",
     .type = &msk_value_text,
     .positional = true,
     .required = true,
     .offset = offsetof(struct pause_options, node),
     .help = "its name"},
    {.name = NULL},
};

static int run_pause(struct msk_run *run)
{
    const struct pause_options *options = run->options;
    return chaos_change(&options->target, run->arguments->command->name, json_string(options->node), run->err);
}

static const struct msk_example pause_examples[] = {{"mosaik-chaos pause a", NULL}, {NULL, NULL}};
static const struct msk_example resume_examples[] = {{"mosaik-chaos resume a", NULL}, {NULL, NULL}};

const struct msk_command chaos_pause = {
    .name = "pause",
    .summary = "Let what a node sends, and what is sent to it, wait",
    .sets = {{.options = pause_rows}, {.options = chaos_target_rows, .offset = offsetof(struct pause_options, target)}},
    .size = sizeof(struct pause_options),
    .examples = pause_examples,
    .run = run_pause,
};

const struct msk_command chaos_resume = {
    .name = "resume",
    .summary = "Send what waited for a paused node, and go on",
    .sets = {{.options = pause_rows}, {.options = chaos_target_rows, .offset = offsetof(struct pause_options, target)}},
    .size = sizeof(struct pause_options),
    .examples = resume_examples,
    .run = run_pause,
};

/* ---- node */

struct node_options {
    struct chaos_target target;
    const char *node, *address;
};

static const struct msk_option node_rows[] = {
    {.name = "NODE",
     .placeholder = "NODE",
     .type = &msk_value_text,
     .positional = true,
     .required = true,
     .offset = offsetof(struct node_options, node),
     .help = "its name"},
    {.name = "ADDRESS",
     .type = &msk_value_text,
     .placeholder = "IP:PORT",
     .positional = true,
     .required = true,
     .offset = offsetof(struct node_options, address),
     .help = "where it is from now on"},
    {.name = NULL},
};

static int run_node(struct msk_run *run)
{
    const struct node_options *options = run->options;
    return chaos_change(&options->target, "node",
                        json_pack("{s:s, s:s}", "name", options->node, "address", options->address), run->err);
}

static const struct msk_example node_examples[] = {{"mosaik-chaos node a 127.0.0.1:7001", NULL}, {NULL, NULL}};

const struct msk_command chaos_node = {
    .name = "node",
    .summary = "Tell where a node is, after it has been started or has moved",
    .sets = {{.options = node_rows}, {.options = chaos_target_rows, .offset = offsetof(struct node_options, target)}},
    .size = sizeof(struct node_options),
    .examples = node_examples,
    .run = run_node,
};
