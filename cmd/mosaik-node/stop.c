/* mosaik-node stop: depart from all groups and end. */
#include "node_cmd.h"

struct options {
    struct node_target target;
};

static int run_stop(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_client *client;
    json_t *answer, *more;
    int rc =
        node_open(&options->target, json_pack("{s:s}", "cmd", "stop"), NODE_ANSWER_MAX_MS, &client, &answer, run->err);
    if (rc)
        return rc;
    rc = msk_client_next(client, NODE_ANSWER_MAX_MS, &more, run->err); /* our connection ends with the node */
    msk_client_close(client);
    if (rc == 0)
        json_decref(more);
    if (run->out->json && rc == MSK_E_CLOSED)
        return msk_output_json(run->out, answer);
    json_decref(answer);
    return rc == MSK_E_CLOSED ? 0 : rc;
}

static const struct msk_example examples[] = {
    {"mosaik-node stop --control node.sock", NULL},
    {NULL, NULL},
};

const struct msk_command node_stop = {
    .name = "stop",
    .summary = "Have the node depart from all groups and end; returns when it has",
    .sets = {{.options = node_target_plain_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_stop,
};
