#include "cli/group_options.h"

#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/jwt_options.h"
#include "cli/schema_file.h"
#include "cli/secret.h"
#include "cli/visible.h"

/* ---- the table */

static int parse_leadership(const struct msk_option *option, const char *text, struct msk_arena *arena, void *out,
                            struct msk_error *err)
{
    struct msk_leadership *leadership = out;
    static const char reluctant[] = "reluctant:";
    leadership->factor = MSK_RELUCTANT_DEFAULT;
    if (strcmp(text, "normal") == 0)
        leadership->preference = MSK_PREFER_NORMAL;
    else if (strcmp(text, "observer") == 0)
        leadership->preference = MSK_PREFER_OBSERVER;
    else if (strcmp(text, "reluctant") == 0)
        leadership->preference = MSK_PREFER_RELUCTANT;
    else if (strncmp(text, reluctant, strlen(reluctant)) == 0) {
        leadership->preference = MSK_PREFER_RELUCTANT;
        int rc = msk_value_u32.parse(option, text + strlen(reluctant), arena, &leadership->factor, err);
        if (rc == 0 && leadership->factor == 0)
            rc = msk_fail(err, MSK_E_INVALID, "the factor of reluctant is at least 1");
        return rc;
    } else {
        char shown[MSK_VISIBLE_SIZE];
        return msk_fail(err, MSK_E_INVALID, "%s is none of normal, reluctant, reluctant:N, observer",
                        msk_visible(text, shown));
    }
    return 0;
}

static const struct msk_value_type value_leadership = {
    .placeholder = "normal|reluctant[:N]|observer",
    .size = sizeof(struct msk_leadership),
    .parse = parse_leadership,
};

static const char *const machine_names[] = {"noop", "counter", "lines", "kv", "opaque", MSK_MACHINE_EXEC_PREFIX, NULL};
static const char *const leadership_names[] = {"normal", "reluctant", "observer", NULL};
static const char *const on_fork_names[] = {[MSK_FORK_HALT] = "halt", [MSK_FORK_RESYNC] = "resync", NULL};

#define AT(member) offsetof(struct msk_group_options, member)

const struct msk_option msk_group_identity_rows[] = {
    {.name = "network",
     .type = &msk_value_text,
     .placeholder = "NAME",
     .offset = AT(network),
     .help = "the network's name, or its id as 64 hex digits"},
    {.name = "group-key-file",
     .letter = 'k',
     .type = &msk_value_file,
     .offset = AT(group_key_file),
     .help = "file with the group key: 64 hex digits, or a text that stands for one; - reads standard input"},
    {.name = "group-key",
     .type = &msk_value_text,
     .placeholder = "STRING",
     .offset = AT(group_key),
     .help = "the group key itself, for tests and demonstrations: other users see it in the list of processes"},
    {.name = "group-key-from-validator",
     .type = &msk_value_file,
     .offset = AT(group_key_from_validator),
     .help = "the group key is the signature of this ticket validator"},
    {.name = "heartbeat-interval",
     .type = &msk_value_duration_ms,
     .fallback = "500ms",
     .offset = AT(heartbeat_interval_ms),
     .help = "time after which a silent bond is pinged, and period of the leader's heartbeat"},
    {.name = "heartbeat-jitter",
     .type = &msk_value_duration_ms,
     .fallback = "150ms",
     .offset = AT(heartbeat_jitter_ms),
     .help = "how much of the interval is random"},
    {.name = "max-missed-heartbeats",
     .type = &msk_value_u32,
     .fallback = "10",
     .offset = AT(max_missed_heartbeats),
     .help = "heartbeats missed before a bond is closed"},
    {.name = "machine",
     .type = &msk_value_text,
     .placeholder = "noop|counter|lines|kv|opaque|exec:COMMAND",
     .choices = machine_names,
     .fallback = "noop",
     .offset = AT(machine),
     .help = "the state machine; opaque keeps the commands of any machine as bytes, under the signature that "
             "--machine-id and --sync-type give; exec: asks a program, which sh runs"},
    {.name = "machine-id",
     .type = &msk_value_text,
     .placeholder = "STRING",
     .offset = AT(machine_id),
     .help =
         "what the machine's signature is made from, if not that of --machine: a text, or a digest as 64 hex digits"},
    {.name = "sync-type",
     .type = &msk_value_text,
     .placeholder = "STRING",
     .offset = AT(sync_type),
     .help = "the machine's Rust type name in the signature of log replay, if not that of --machine"},
    {.name = "sync-batch-size",
     .type = &msk_value_u64,
     .fallback = "2000",
     .offset = AT(sync_batch_size),
     .help = "log entries fetched at a time"},
    {.name = "sync-fetch-timeout",
     .type = &msk_value_duration_ms,
     .fallback = "25s",
     .offset = AT(sync_fetch_timeout_ms),
     .help = "time to wait for fetched entries; whole seconds enter the group id"},
    {.name = "require-ticket",
     .type = &msk_value_file,
     .repeatable = true,
     .offset = AT(require_ticket),
     .help = "members must hold a ticket that this validator accepts; the order matters"},
    {.name = NULL},
};

const struct msk_option msk_group_member_rows[] = {
    {.name = "election-timeout",
     .type = &msk_value_duration_ms,
     .fallback = "2s",
     .offset = AT(election_timeout_ms),
     .help = "time without a leader before an election"},
    {.name = "election-timeout-jitter",
     .type = &msk_value_duration_ms,
     .fallback = "500ms",
     .offset = AT(election_timeout_jitter_ms),
     .help = "at most so much is added to it at random"},
    {.name = "bootstrap-delay",
     .type = &msk_value_duration_ms,
     .fallback = "3s",
     .offset = AT(bootstrap_delay_ms),
     .help = "added to the first election timeout of a new group"},
    {.name = "leadership",
     .type = &value_leadership,
     .choices = leadership_names,
     .fallback = "normal",
     .offset = AT(leadership),
     .help = "how willing this member is to lead: a reluctant one waits N times as long (3), an observer never "
             "stands"},
    {.name = "members",
     .type = &msk_value_u32,
     .offset = AT(members),
     .help = "the declared size of the group: majorities are then counted of it"},
    {.name = "forward-timeout",
     .type = &msk_value_duration_ms,
     .fallback = "2s",
     .offset = AT(forward_timeout_ms),
     .help = "time to wait for the leader to take commands over"},
    {.name = "query-timeout",
     .type = &msk_value_duration_ms,
     .fallback = "2s",
     .offset = AT(query_timeout_ms),
     .help = "time to wait for the leader's answer to a strong query"},
    {.name = "machine-timeout",
     .type = &msk_value_duration_ms,
     .fallback = "30s",
     .offset = AT(machine_timeout_ms),
     .help = "time in which the program of an exec: machine must answer, or it is started again"},
    {.name = "on-fork",
     .type = &msk_value_choice,
     .choices = on_fork_names,
     .fallback = "halt",
     .offset = AT(on_fork),
     .help = "what to do when committed entries differ from the group's: stop applying and keep them, or throw all "
             "away and take the group's log"},
    {.name = "schema",
     .type = &msk_value_file,
     .offset = AT(schema),
     .help =
         "file with the types of another program's commands, queries and results (mosaik-formats(5)): they are then "
         "JSON in its terms"},
    {.name = NULL},
};

/* ---- what they come to */

/* What the options say, or what the machine brings itself. */
static int choose_signature(const char *option, const char *given, const char *own, const char *machine,
                            const char **out, struct msk_error *err)
{
    *out = given ? given : own;
    if (*out)
        return 0;
    return msk_fail(err, MSK_E_INVALID,
                    "--%s: missing: the machine %s has no signature of its own\n"
                    "give --machine-id and --sync-type, as the other members have them",
                    option, machine);
}

static int choose_machine(const struct msk_group_options *options, struct msk_group_setup *setup, struct msk_error *err)
{
    struct msk_group_inputs *inputs = &setup->inputs;
    const struct msk_machine *machine = msk_machine_find(options->machine);
    if (!machine) {
        char shown[MSK_VISIBLE_SIZE];
        return msk_fail(err, MSK_E_INVALID, "--machine: %s is none of noop, counter, lines, kv, opaque, exec:COMMAND",
                        msk_visible(options->machine, shown));
    }
    setup->config.machine = options->machine;
    setup->config.raft.machine = machine;
    int rc = choose_signature("machine-id", options->machine_id, machine->id, machine->name, &inputs->machine_id, err);
    if (rc == 0)
        rc = choose_signature("sync-type", options->sync_type, machine->rust_type, machine->name, &inputs->machine_type,
                              err);
    if (rc)
        return rc;
    if (!*inputs->machine_type)
        return msk_fail(err, MSK_E_INVALID, "--sync-type: a type name is never empty");
    if (!msk_utf8_valid(msk_bytes_of_text(inputs->machine_type), NULL))
        return msk_fail(err, MSK_E_INVALID, "--sync-type: not UTF-8");
    inputs->sync_batch_size = options->sync_batch_size;
    inputs->sync_fetch_timeout_ms = options->sync_fetch_timeout_ms;
    inputs->machine_signature = msk_digest_of_string(inputs->machine_id);
    inputs->sync_signature =
        msk_log_replay_signature(inputs->machine_type, inputs->sync_batch_size, inputs->sync_fetch_timeout_ms);
    return 0;
}

static int read_schema(const char *path, struct msk_group_setup *setup, struct msk_error *err)
{
    if (!path)
        return 0;
    int rc = msk_schema_read(path, &setup->schema, err);
    if (rc)
        return msk_wrap(err, rc, "--schema");
    rc = msk_machine_describe(setup->config.raft.machine, setup->schema, &setup->machine, err);
    if (rc)
        return msk_wrap(err, rc, "--schema");
    setup->config.schema = setup->schema;
    setup->config.raft.machine = &setup->machine;
    return 0;
}

static int read_validators(const struct msk_list *files, struct msk_group_setup *setup, struct msk_error *err)
{
    const char *const *paths = files->items;
    if (files->count > MSK_GROUP_VALIDATORS_MAX)
        return msk_fail(err, MSK_E_INVALID, "--require-ticket: given more than %d times", MSK_GROUP_VALIDATORS_MAX);
    for (size_t i = 0; i < files->count; i++) {
        int rc = msk_validator_read(paths[i], &setup->validators[i], err);
        if (rc < 0)
            return rc;
        setup->validator_count = i + 1;
        setup->validator_order[i] = &setup->validators[i];
        setup->validator_signatures[i] = setup->validators[i].signature;
    }
    setup->inputs.validator_signatures = setup->validator_signatures;
    setup->inputs.validator_count = setup->validator_count;
    return 0;
}

static int key_from_validator(const char *path, struct msk_digest *key, struct msk_error *err)
{
    struct msk_validator validator = {0};
    int rc = msk_validator_read(path, &validator, err);
    if (rc == 0)
        *key = validator.signature;
    msk_validator_free(&validator);
    return rc;
}

static int choose_key(const struct msk_group_options *options, struct msk_group_setup *setup, struct msk_error *err)
{
    int given = !!options->group_key_file + !!options->group_key + !!options->group_key_from_validator;
    if (given != 1)
        return msk_fail(err, MSK_E_INVALID,
                        "the group key: %s of --group-key-file, --group-key and "
                        "--group-key-from-validator is wanted",
                        given ? "only one" : "one");
    struct msk_digest *key = &setup->inputs.key;
    if (options->group_key_file) {
        setup->config.key_source = "file";
        return msk_group_key_read(options->group_key_file, key, err);
    }
    if (options->group_key_from_validator) {
        setup->config.key_source = "validator";
        return key_from_validator(options->group_key_from_validator, key, err);
    }
    setup->config.key_source = "text";
    *key = msk_group_key_of_text(options->group_key);
    return 0;
}

static void fill_config(const struct msk_group_options *options, struct msk_group_setup *setup)
{
    const struct msk_group_inputs *inputs = &setup->inputs;
    struct msk_group_config *config = &setup->config;
    config->id = msk_group_id(inputs);
    config->key = inputs->key;
    config->consensus_digest =
        msk_consensus_digest(inputs->heartbeat_interval_ms, inputs->heartbeat_jitter_ms, inputs->max_missed_heartbeats);
    config->machine_signature = inputs->machine_signature;
    config->sync_signature = inputs->sync_signature;
    config->heartbeat_interval_ms = inputs->heartbeat_interval_ms;
    config->heartbeat_jitter_ms = inputs->heartbeat_jitter_ms;
    config->max_missed_heartbeats = inputs->max_missed_heartbeats;
    config->validators = setup->validator_order;
    config->validator_count = setup->validator_count;
    config->raft.heartbeat_interval_ms = options->heartbeat_interval_ms;
    config->raft.election_timeout_ms = options->election_timeout_ms;
    config->raft.election_timeout_jitter_ms = options->election_timeout_jitter_ms;
    config->raft.bootstrap_delay_ms = options->bootstrap_delay_ms;
    config->raft.preference = options->leadership.preference;
    config->raft.reluctant_factor = options->leadership.factor;
    config->raft.members = options->members;
    config->machine_timeout_ms = options->machine_timeout_ms;
    config->raft.forward_timeout_ms = options->forward_timeout_ms;
    config->raft.query_timeout_ms = options->query_timeout_ms;
    config->raft.sync_batch_size = options->sync_batch_size;
    config->raft.sync_fetch_timeout_ms = options->sync_fetch_timeout_ms;
    config->raft.on_fork = (enum msk_on_fork)options->on_fork;
}

int msk_group_setup_make(const struct msk_group_options *options, struct msk_group_setup *setup, struct msk_error *err)
{
    setup->inputs.heartbeat_interval_ms = options->heartbeat_interval_ms;
    setup->inputs.heartbeat_jitter_ms = options->heartbeat_jitter_ms;
    setup->inputs.max_missed_heartbeats = options->max_missed_heartbeats;
    setup->has_network = options->network != NULL;
    if (options->network)
        setup->network_id = msk_digest_of_string(options->network);
    int rc = choose_machine(options, setup, err);
    if (rc == 0)
        rc = read_schema(options->schema, setup, err);
    if (rc == 0)
        rc = read_validators(&options->require_ticket, setup, err);
    if (rc == 0)
        rc = choose_key(options, setup, err);
    if (rc == 0)
        fill_config(options, setup);
    return rc;
}

int msk_group_setup_check(const struct msk_group_setup *setup, struct msk_error *err)
{
    const struct msk_group_config *config = &setup->config;
    char a[MSK_DURATION_TEXT_SIZE], b[MSK_DURATION_TEXT_SIZE];
    if (config->raft.forward_timeout_ms == 0 || config->raft.query_timeout_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "--%s-timeout: 0 would let no request out of this node",
                        config->raft.forward_timeout_ms == 0 ? "forward" : "query");
    if (config->machine_timeout_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "--machine-timeout: 0 leaves a program no time to answer");
    if (config->heartbeat_jitter_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "--heartbeat-jitter: 0 aborts the reference's members");
    if (config->heartbeat_interval_ms <= config->heartbeat_jitter_ms)
        return msk_fail(err, MSK_E_INVALID, "--heartbeat-interval: %s must exceed the jitter of %s",
                        msk_duration_text(config->heartbeat_interval_ms, a),
                        msk_duration_text(config->heartbeat_jitter_ms, b));
    if (config->raft.election_timeout_jitter_ms == 0)
        return msk_fail(err, MSK_E_INVALID, "--election-timeout-jitter: 0 aborts the reference's members");
    if (config->raft.election_timeout_ms <= config->heartbeat_interval_ms)
        return msk_fail(err, MSK_E_INVALID,
                        "--election-timeout: %s must exceed the heartbeat interval of %s, or no leader ever settles",
                        msk_duration_text(config->raft.election_timeout_ms, a),
                        msk_duration_text(config->heartbeat_interval_ms, b));
    return 0;
}

void msk_group_setup_free(struct msk_group_setup *setup)
{
    for (size_t i = 0; i < MSK_GROUP_VALIDATORS_MAX; i++)
        msk_validator_free(&setup->validators[i]);
    msk_schema_free(setup->schema);
    msk_wipe(setup, sizeof *setup);
}
