/* mosaik-keygen group-id: the id of a group from what defines it, on demand with every step. */
#include "base/alloc.h"
#include "cli/group_options.h"
#include "cli/layout.h"
#include "keygen.h"

struct options {
    bool explain;
    struct msk_group_options group;
};

static const struct msk_option rows[] = {
    {.name = "explain",
     .letter = 'e',
     .type = &msk_value_flag,
     .offset = offsetof(struct options, explain),
     .help = "print every step of the derivation: where two operators' ids differ, the first different digest tells "
             "which setting does"},
    {.name = NULL},
};

static json_t *steps_to_json(const struct msk_group_step *steps, size_t count)
{
    json_t *list = json_array();
    char digest[MSK_DIGEST_TEXT_SIZE];
    for (size_t i = 0; list && i < count; i++) {
        json_t *step = json_pack("{s:s,s:s,s:s}", "step", steps[i].step, "input", steps[i].input, "digest",
                                 msk_digest_text(&steps[i].digest, digest));
        if (json_array_append_new(list, step) < 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static int print_json(const struct msk_run *run, const struct msk_group_setup *setup,
                      const struct msk_group_step *steps, size_t count)
{
    char digest[MSK_DIGEST_TEXT_SIZE];
    json_t *answer = json_pack("{s:s}", "group_id", msk_digest_text(&setup->config.id, digest));
    int failed = !answer;
    if (answer && setup->has_network)
        failed |= json_object_set_new(answer, "network_id", json_string(msk_digest_text(&setup->network_id, digest)));
    if (answer && steps)
        failed |= json_object_set_new(answer, "steps", steps_to_json(steps, count));
    if (failed) {
        json_decref(answer);
        return MSK_E_NOMEM;
    }
    return msk_output_json(run->out, answer);
}

static int print_steps(const struct msk_run *run, const struct msk_group_step *steps, size_t count)
{
    static const struct msk_column columns[] = {{"DIGEST", false}, {"STEP", false}, {"INPUT", false}};
    struct msk_table table;
    char digest[MSK_DIGEST_TEXT_SIZE];
    msk_table_init(&table, columns, 3);
    for (size_t i = 0; i < count; i++) {
        msk_table_cell(&table, "%s", msk_digest_text(&steps[i].digest, digest));
        msk_table_cell(&table, "%s", steps[i].step);
        msk_table_cell(&table, "%s", steps[i].input);
    }
    return msk_table_print(&table, run->out);
}

static int print(const struct msk_run *run, const struct msk_group_setup *setup, bool explain)
{
    size_t count = explain ? MSK_GROUP_STEPS(setup->validator_count) : 0;
    struct msk_group_step *steps = explain ? msk_calloc(count, sizeof *steps) : NULL;
    if (explain && !steps)
        return MSK_E_NOMEM;
    if (explain)
        msk_group_explain(&setup->inputs, steps);
    int rc = run->out->json ? print_json(run, setup, steps, count)
             : explain      ? print_steps(run, steps, count)
                            : keygen_print_digest(run, "group_id", &setup->config.id);
    msk_free(steps);
    return rc;
}

static int run_group_id(struct msk_run *run)
{
    const struct options *options = run->options;
    struct msk_group_setup setup = {0};
    struct msk_error unfit;
    int rc = msk_group_setup_make(&options->group, &setup, run->err);
    if (rc == 0 && msk_group_setup_check(&setup, &unfit) < 0)
        msk_warn("no node can run with these settings: %s", unfit.text);
    if (rc == 0)
        rc = print(run, &setup, options->explain);
    msk_group_setup_free(&setup);
    return rc;
}

static const struct msk_example examples[] = {
    {"mosaik-keygen group-id --group-key-file group.key", NULL},
    {"mosaik-keygen group-id --group-key-file group.key --require-ticket validator.json --explain", NULL},
    {"mosaik-keygen group-id -k group.key --machine-id my-ledger --sync-type ledger_node::Ledger",
     "A group of Rust members with a machine of their own"},
    {NULL, NULL},
};

const struct msk_command keygen_group_id = {
    .name = "group-id",
    .summary = "Tell the id of a group from what defines it",
    .details = "The id follows from the group key, the heartbeat settings, the signatures of the machine and of its "
               "log replay, and the required tickets in their order. Members whose ids differ in anything never bond.",
    .sets = {{.options = rows}, MSK_GROUP_OPTION_SETS(offsetof(struct options, group))},
    .size = sizeof(struct options),
    .examples = examples,
    .answers = true,
    .run = run_group_id,
};
