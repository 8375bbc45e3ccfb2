/* How the commands reach a running node, and what their options have in common. */
#include <string.h>

#include "node_cmd.h"

#define CONTROL_ROW                                                                                         \
    {                                                                                                       \
        .name = "control", .letter = 'c', .type = &msk_value_file, .placeholder = "SOCKET",                 \
        .environment = "MOSAIK_CONTROL", .required = true, .offset = offsetof(struct node_target, control), \
        .help = "control socket of the running node; also MOSAIK_CONTROL",                                  \
    }

const struct msk_option node_target_plain_rows[] = {CONTROL_ROW, {.name = NULL}};

const struct msk_option node_target_rows[] = {
    CONTROL_ROW,
    {.name = "group",
     .letter = 'g',
     .type = &msk_value_text,
     .placeholder = "ALIAS|ID",
     .offset = offsetof(struct node_target, group),
     .help = "which group, where the node has several"},
    {.name = NULL},
};

int node_open(const struct node_target *target, json_t *request, uint64_t timeout_ms, struct msk_client **client,
              json_t **answer, struct msk_error *err)
{
    *client = NULL;
    if (request && target->group && json_object_set_new(request, "group", json_string(target->group)) < 0) {
        json_decref(request);
        return msk_fail(err, MSK_E_INVALID, "--group: not UTF-8");
    }
    int rc = msk_client_open(target->control, client, err);
    if (rc) {
        json_decref(request);
        return rc;
    }
    rc = msk_client_call(*client, request, timeout_ms, answer, err);
    if (rc) {
        msk_client_close(*client);
        *client = NULL;
    }
    return rc;
}

int node_ask(const struct node_target *target, json_t *request, json_t **answer, struct msk_error *err)
{
    struct msk_client *client;
    int rc = node_open(target, request, NODE_ANSWER_MAX_MS, &client, answer, err);
    msk_client_close(client);
    return rc;
}
