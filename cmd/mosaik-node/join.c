/* mosaik-node join: a further group in a running node. */
#include "base/alloc.h"
#include "cli/input.h"
#include "cli/jwt_options.h"
#include "cli/secret.h"
#include "groups.h"
#include "node_cmd.h"
#include "runtime/group_json.h"

struct options {
    struct node_group_options group;
    struct node_target target;
};

static int append_file(const char *path, json_t *list, struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_VALIDATOR_FILE_MAX);
    int rc = msk_input_read(path, &text, NULL, err);
    if (rc == 0 && json_array_append_new(list, json_stringn((const char *)text.data, text.len)) < 0)
        rc = msk_fail(err, MSK_E_NOMEM, "%s: %s", path, msk_error_sentence(MSK_E_NOMEM));
    msk_key_file_free(&text);
    return rc;
}

/* The validators as they were read a moment ago: the node is given their contents, not their names. */
static int read_validators(const struct msk_list *files, json_t **out, struct msk_error *err)
{
    const char *const *paths = files->items;
    json_t *list = json_array();
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < files->count; i++)
        rc = append_file(paths[i], list, err);
    if (rc)
        json_decref(list);
    else
        *out = list;
    return rc;
}

static int make_request(const struct options *options, const struct node_group *group, json_t **out,
                        struct msk_error *err)
{
    json_t *validators;
    int rc = read_validators(&options->group.group.require_ticket, &validators, err);
    if (rc == 0)
        *out = json_pack("{s:s, s:o}", "cmd", "join", "group", msk_group_to_json(&group->setup.config, validators));
    return rc;
}

static int print_answer(const struct msk_run *run, json_t *answer)
{
    if (run->out->json)
        return msk_output_json(run->out, answer);
    fprintf(run->out->stream, "%s %s\n", json_is_true(json_object_get(answer, "joined")) ? "joined" : "was already in",
            json_string_value(json_object_get(answer, "group_id")));
    json_decref(answer);
    return 0;
}

static int run_join(struct msk_run *run)
{
    const struct options *options = run->options;
    struct node_group *group;
    json_t *request, *answer;
    int rc = node_group_make(&options->group, &group, run->err);
    if (rc)
        return rc;
    rc = make_request(options, group, &request, run->err);
    node_group_free(group);
    if (rc == 0)
        rc = node_ask(&options->target, request, &answer, run->err);
    return rc ? rc : print_answer(run, answer);
}

static const struct msk_example examples[] = {
    {"mosaik-node join --group-key-file other.key --as ledger --control node.sock", NULL},
    {NULL, NULL},
};

const struct msk_command node_join = {
    .name = "join",
    .summary = "Have the node join a further group, as the same peer",
    .details = "Options that give the id of a group it is in already change nothing and answer with that group.",
    .sets = {{.options = node_target_plain_rows, .offset = offsetof(struct options, target)},
             {.options = node_alias_rows, .offset = offsetof(struct options, group)},
             MSK_GROUP_OPTION_SETS(offsetof(struct options, group.group))},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_join,
};
