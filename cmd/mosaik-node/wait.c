/* mosaik-node wait: until conditions hold, all at once; the node looks after every change. */
#include <inttypes.h>

#include "node_cmd.h"
#include "runtime/waits.h"

struct options {
    struct node_target target;
    struct msk_list conditions; /* of const char * */
    uint64_t timeout_ms;
};

static const struct msk_option rows[] = {
    {.name = "condition",
     .type = &msk_value_text,
     .placeholder = "CONDITION",
     .positional = true,
     .required = true,
     .repeatable = true,
     .offset = offsetof(struct options, conditions),
     .help = "online, offline, leader, leader=PEER, is-leader, is-follower, leader-changed, committed>=N, bonds>=N, "
             "bonded=PEER"},
    {.name = "timeout",
     .letter = 't',
     .type = &msk_value_duration_ms,
     .fallback = "30s",
     .offset = offsetof(struct options, timeout_ms),
     .help = "how long to wait"},
    {.name = NULL},
};

static int make_request(const struct options *options, json_t **out, struct msk_error *err)
{
    const char *const *texts = options->conditions.items;
    if (options->timeout_ms > MSK_WAIT_TIMEOUT_MAX_MS)
        return msk_fail(err, MSK_E_INVALID, "--timeout: more than 30 days");
    if (options->conditions.count > MSK_WAIT_CONDITIONS_MAX)
        return msk_fail(err, MSK_E_INVALID, "more than %d conditions", MSK_WAIT_CONDITIONS_MAX);
    json_t *list = json_array();
    for (size_t i = 0; i < options->conditions.count; i++) {
        struct msk_condition condition;
        int rc = msk_condition_parse(texts[i], &condition, err);
        if (rc) {
            json_decref(list);
            return rc;
        }
        json_array_append_new(list, json_string(texts[i]));
    }
    *out =
        json_pack("{s:s, s:o, s:I}", "cmd", "wait", "conditions", list, "timeout_ms", (json_int_t)options->timeout_ms);
    return 0;
}

static int run_wait(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_client *client;
    json_t *request = NULL, *answer = NULL;
    int rc = make_request(options, &request, run->err);
    if (rc == 0) /* the node keeps the time; should it hang, we notice a little later */
        rc = node_open(&options->target, request, options->timeout_ms + NODE_ANSWER_MAX_MS, &client, &answer, run->err);
    if (rc)
        return rc;
    msk_client_close(client);
    bool met = json_is_true(json_object_get(answer, "met"));
    const char *condition = json_string_value(json_object_get(answer, "condition"));
    json_int_t waited_ms = json_integer_value(json_object_get(answer, "waited_ms"));
    if (run->out->json)
        rc = msk_output_json(run->out, json_incref(answer));
    else if (met)
        fprintf(run->out->stream, "%s: after %" PRId64 " ms\n", condition, (int64_t)waited_ms);
    else
        rc = msk_fail(run->err, MSK_E_TIMEOUT, "waited %" PRId64 " ms in vain: %s", (int64_t)waited_ms, condition);
    json_decref(answer);
    return rc || met ? rc : msk_error_exit_status(MSK_E_TIMEOUT);
}

static const struct msk_example examples[] = {
    {"mosaik-node wait leader online 'bonds>=2' --timeout 20s --control node.sock", NULL},
    {"mosaik-node wait leader-changed --control node.sock", "Until another leader, or another term, is known"},
    {NULL, NULL},
};

const struct msk_command node_wait = {
    .name = "wait",
    .summary = "Wait until conditions hold, all of them at once",
    .details = "Nothing is polled: the node looks after every change. Ends with 4 when the time is over.",
    .sets = {{.options = rows}, {.options = node_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_wait,
};
