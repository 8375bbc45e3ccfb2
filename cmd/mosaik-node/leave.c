/* mosaik-node leave: depart from one group. */
#include "node_cmd.h"

struct options {
    struct node_target target;
    const char *group; /* NULL: the only one */
};

static const struct msk_option rows[] = {
    {.name = "group",
     .type = &msk_value_text,
     .placeholder = "GROUP",
     .positional = true,
     .offset = offsetof(struct options, group),
     .help = "alias or id of the group, where the node has several"},
    {.name = NULL},
};

static int run_leave(struct msk_run *run)
{
    const struct options *options = run->options;
    struct node_target target = options->target;
    json_t *answer;
    if (options->group)
        target.group = options->group;
    int rc = node_ask(&target, json_pack("{s:s}", "cmd", "leave"), &answer, run->err);
    if (rc)
        return rc;
    if (run->out->json)
        return msk_output_json(run->out, answer);
    fprintf(run->out->stream, "left %s\n", json_string_value(json_object_get(answer, "group_id")));
    json_decref(answer);
    return 0;
}

static const struct msk_example examples[] = {
    {"mosaik-node leave ledger --control node.sock", NULL},
    {NULL, NULL},
};

const struct msk_command node_leave = {
    .name = "leave",
    .summary = "Depart from one group; its members see it at once",
    .sets = {{.options = rows}, {.options = node_target_plain_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_leave,
};
