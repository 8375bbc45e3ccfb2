/* mosaik-node bonds: whom a group's member is bonded with. */
#include "node_cmd.h"

struct options {
    struct node_target target;
};

static int run_bonds(struct msk_run *run)
{
    const struct options *options = run->options;
    json_t *answer;
    int rc = node_ask(&options->target, json_pack("{s:s}", "cmd", "bonds"), &answer, run->err);
    if (rc)
        return rc;
    if (run->out->json)
        return msk_output_json(run->out, answer);
    rc = node_print_bonds(run, json_object_get(answer, "bonds"));
    json_decref(answer);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-node bonds --control node.sock", NULL},
    {"mosaik-node bonds --json --control node.sock | jq -r '.bonds[].peer'", "Whole peer ids"},
    {NULL, NULL},
};

const struct msk_command node_bonds = {
    .name = "bonds",
    .summary = "List the bonds of a group",
    .sets = {{.options = node_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_bonds,
};
