/* mosaik-node watch: the event stream of a running node, from now on. */
#include <string.h>

#include "node_cmd.h"

struct options {
    struct node_target target;
};

/* Events of the node itself belong to no group. */
static bool is_wanted(const json_t *event, const char *group)
{
    const char *id = json_string_value(json_object_get(event, "group"));
    const char *alias = json_string_value(json_object_get(event, "alias"));
    return !group || (id && strcmp(id, group) == 0) || (alias && strcmp(alias, group) == 0);
}

static int print_event(const struct msk_run *run, json_t *event, const char *group)
{
    if (!is_wanted(event, group)) {
        json_decref(event);
        return 0;
    }
    int rc = msk_output_json(run->out, event);
    fflush(run->out->stream); /* the loop looks at errors, the program's end reports them */
    return rc;
}

static int run_watch(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_client *client;
    json_t *answer, *event;
    int rc =
        node_open(&options->target, json_pack("{s:s}", "cmd", "watch"), NODE_ANSWER_MAX_MS, &client, &answer, run->err);
    if (rc)
        return rc;
    json_decref(answer);
    while (rc == 0 && !ferror(run->out->stream)) {
        rc = msk_client_next(client, MSK_NEVER, &event, run->err);
        if (rc == 0)
            rc = print_event(run, event, options->target.group);
    }
    msk_client_close(client);
    return rc == MSK_E_CLOSED ? 0 : rc; /* the node has ended, and with it the stream */
}

static const struct msk_example examples[] = {
    {"mosaik-node watch --control node.sock", NULL},
    {"mosaik-node watch --control node.sock | jq -r .text", "As sentences"},
    {NULL, NULL},
};

const struct msk_command node_watch = {
    .name = "watch",
    .summary = "Print the node's events from now on, one JSON object a line",
    .details =
        "Ends when the node ends. A reader too slow to keep up finds {\"event\":\"lines_dropped\",\"dropped\":N} in "
        "place of what it missed.",
    .sets = {{.options = node_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .run = run_watch,
};
