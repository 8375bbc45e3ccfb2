/* mosaik-node ticket add, ticket remove: what this node presents to groups that require tickets. */
#include "cli/input.h"
#include "crypto/jwt.h"
#include "node_cmd.h"

struct options {
    struct node_target target;
    const char *file;
    struct msk_digest id;
};

static int print_id(const struct msk_run *run, json_t *answer)
{
    if (run->out->json)
        return msk_output_json(run->out, answer);
    fprintf(run->out->stream, "%s\n", json_string_value(json_object_get(answer, "id")));
    json_decref(answer);
    return 0;
}

static int ask_and_print(const struct msk_run *run, const struct node_target *target, json_t *request)
{
    json_t *answer;
    int rc = node_ask(target, request, &answer, run->err);
    return rc ? rc : print_id(run, answer);
}

static int run_add(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_builder text;
    msk_builder_init(&text, MSK_JWT_TOKEN_MAX);
    int rc = msk_input_read(options->file, &text, NULL, run->err);
    if (rc == 0) {
        json_t *token = json_stringn(text.len ? (const char *)text.data : "", text.len);
        if (token)
            rc = ask_and_print(run, &options->target, json_pack("{s:s, s:o}", "cmd", "ticket_add", "ticket", token));
        else
            rc = msk_fail(run->err, MSK_E_INVALID, "%s: not a ticket: not UTF-8", msk_input_name(options->file));
    }
    msk_builder_free(&text);
    return rc;
}

static int run_remove(struct msk_run *run)
{
    const struct options *options = run->options;
    char id[MSK_DIGEST_TEXT_SIZE];
    return ask_and_print(run, &options->target,
                         json_pack("{s:s, s:s}", "cmd", "ticket_remove", "id", msk_digest_text(&options->id, id)));
}

static const struct msk_option add_rows[] = {
    {.name = "file",
     .type = &msk_value_file,
     .positional = true,
     .required = true,
     .offset = offsetof(struct options, file),
     .help = "file with the JWT; - reads standard input"},
    {.name = NULL},
};

static const struct msk_option remove_rows[] = {
    {.name = "id",
     .type = &msk_value_name_digest,
     .placeholder = "ID",
     .positional = true,
     .required = true,
     .offset = offsetof(struct options, id),
     .help = "the ticket's id, as add printed it and mosaik-ticket id does"},
    {.name = NULL},
};

static const struct msk_example add_examples[] = {
    {"mosaik-node ticket add member.jwt --control node.sock", "Present this ticket from now on"},
    {NULL, NULL},
};

static const struct msk_example remove_examples[] = {
    {"mosaik-node ticket remove $(mosaik-ticket id <member.jwt) --control node.sock", NULL},
    {NULL, NULL},
};

const struct msk_command node_ticket_add = {
    .name = "ticket add",
    .summary = "Have the node present a further ticket; prints its id",
    .sets = {{.options = add_rows}, {.options = node_target_plain_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = add_examples,
    .answers = true,
    .run = run_add,
};

const struct msk_command node_ticket_remove = {
    .name = "ticket remove",
    .summary = "Have the node present a ticket no more",
    .sets = {{.options = remove_rows}, {.options = node_target_plain_rows, .offset = offsetof(struct options, target)}},
    .size = sizeof(struct options),
    .examples = remove_examples,
    .answers = true,
    .run = run_remove,
};
