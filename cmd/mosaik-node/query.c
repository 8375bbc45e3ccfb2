/* mosaik-node query: ask the group's state machine. */
#include <inttypes.h>
#include <string.h>

#include "submit.h"

struct options {
    struct node_target target;
    const char *query;
    bool weak, hex;
    uint64_t timeout_ms;
};

#define AT(member) offsetof(struct options, member)

static const struct msk_option rows[] = {
    {.name = "query",
     .type = &msk_value_text,
     .placeholder = "QUERY",
     .positional = true,
     .offset = AT(query),
     .help = "a query as JSON in the machine's terms; may be left out where the machine needs none"},
    {.name = "weak",
     .letter = 'w',
     .type = &msk_value_flag,
     .offset = AT(weak),
     .help = "answer from this node's own state, which may be behind"},
    {.name = "hex",
     .letter = 'x',
     .type = &msk_value_flag,
     .offset = AT(hex),
     .help = "query and result are the hex digits of their bytes"},
    {.name = "timeout",
     .letter = 't',
     .type = &msk_value_duration_ms,
     .fallback = "30s",
     .offset = AT(timeout_ms),
     .help = "how long to wait for the answer"},
    {.name = NULL},
};

static int make_request(const struct options *options, json_t **out, struct msk_error *err)
{
    const char *text = options->query;
    json_t *query = NULL; /* left out: the machine's query of nothing */
    if (options->timeout_ms == 0 || options->timeout_ms > NODE_REQUEST_MAX_MS)
        return msk_fail(err, MSK_E_INVALID, "--timeout: from 1ms to 12 days");
    int rc = text ? node_read_value(text, strlen(text), options->hex, "query", &query, err) : 0;
    if (rc == 0)
        *out = json_pack("{s:s, s:o*, s:b, s:b}", "cmd", "query", "query", query, "weak", options->weak, "hex",
                         options->hex);
    return rc;
}

static int print_text(const struct msk_run *run, const json_t *result, const json_t *answer)
{
    const struct msk_output *out = run->out;
    if (json_dumpf(result, out->stream, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
        return msk_fail(run->err, MSK_E_IO, "the result could not be written");
    fprintf(out->stream, "\nread at index %" PRId64 "\n",
            (int64_t)json_integer_value(json_object_get(answer, "position")));
    return 0;
}

static int run_query(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_client *client;
    json_t *request = NULL, *answer = NULL;
    int rc = make_request(options, &request, run->err);
    if (rc == 0)
        rc = node_open(&options->target, request, options->timeout_ms, &client, &answer, run->err);
    if (rc)
        return rc;
    msk_client_close(client);
    const json_t *result = json_object_get(answer, "result");
    if (run->out->json)
        rc = msk_output_json(run->out, json_incref(answer));
    else
        rc = result ? print_text(run, result, answer) : node_outcome_fail(answer, run->err);
    json_decref(answer);
    return rc == 0 && !result ? msk_error_exit_status(MSK_E_REFUSED) : rc;
}

static const struct msk_example examples[] = {
    {"mosaik-node query --control node.sock", "The value of a counter"},
    {"mosaik-node query '{\"Get\":\"colour\"}' --json --control node.sock | jq .result", "Of a kv"},
    {"mosaik-node query 0 --weak --control node.sock", "All lines, as far as this node has them"},
    {NULL, NULL},
};

const struct msk_command node_query = {
    .name = "query",
    .summary = "Ask the group's state machine",
    .details =
        "A strong query, the default, is answered by the leader once it is sure to know of all that was acknowledged "
        "before. Ends with 1 where nobody can answer.",
    .sets = {{.options = rows}, {.options = node_target_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_query,
};
