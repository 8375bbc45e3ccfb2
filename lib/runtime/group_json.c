#include "runtime/group_json.h"

#include <string.h>

#include "base/alloc.h"
#include "crypto/identity.h"

#define VALIDATORS_MAX 64

enum kind { KIND_DIGEST, KIND_U64, KIND_U32 };

#define AT(member) offsetof(struct msk_group_config, member)

static const struct field {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
    {"key", KIND_DIGEST, AT(key)},
    {"machine_signature", KIND_DIGEST, AT(machine_signature)},
    {"sync_signature", KIND_DIGEST, AT(sync_signature)},
    {"heartbeat_interval_ms", KIND_U64, AT(heartbeat_interval_ms)},
    {"heartbeat_jitter_ms", KIND_U64, AT(heartbeat_jitter_ms)},
    {"max_missed_heartbeats", KIND_U32, AT(max_missed_heartbeats)},
    {"election_timeout_ms", KIND_U64, AT(raft.election_timeout_ms)},
    {"election_timeout_jitter_ms", KIND_U64, AT(raft.election_timeout_jitter_ms)},
    {"bootstrap_delay_ms", KIND_U64, AT(raft.bootstrap_delay_ms)},
    {"reluctant_factor", KIND_U32, AT(raft.reluctant_factor)},
    {"members", KIND_U32, AT(raft.members)},
    {"machine_timeout_ms", KIND_U64, AT(machine_timeout_ms)},
    {"forward_timeout_ms", KIND_U64, AT(raft.forward_timeout_ms)},
    {"query_timeout_ms", KIND_U64, AT(raft.query_timeout_ms)},
    {"sync_batch_size", KIND_U64, AT(raft.sync_batch_size)},
    {"sync_fetch_timeout_ms", KIND_U64, AT(raft.sync_fetch_timeout_ms)},
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

/* Texts that stand for enumerated values, and the sources of a key: what is reported must not be free text. */
static const char *const preferences[] = {
    [MSK_PREFER_NORMAL] = "normal", [MSK_PREFER_RELUCTANT] = "reluctant", [MSK_PREFER_OBSERVER] = "observer"};
static const char *const key_sources[] = {"file", "text", "validator"};
static const char *const fork_rules[] = {[MSK_FORK_HALT] = "halt", [MSK_FORK_RESYNC] = "resync"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing */

static json_t *field_to_json(const struct msk_group_config *config, const struct field *field)
{
    const char *at = (const char *)config + field->offset;
    char text[MSK_DIGEST_TEXT_SIZE];
    switch (field->kind) {
    case KIND_DIGEST:
        return json_string(msk_digest_text((const struct msk_digest *)at, text));
    case KIND_U64:
        return json_integer((json_int_t) * (const uint64_t *)(const void *)at);
    case KIND_U32:
        return json_integer((json_int_t) * (const uint32_t *)(const void *)at);
    }
    return NULL;
}

json_t *msk_group_to_json(const struct msk_group_config *config, json_t *validators)
{
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "alias", config->alias, "key_source", config->key_source,
                             "machine", config->machine, "preference", preferences[config->raft.preference], "on_fork",
                             fork_rules[config->raft.on_fork], "validators", validators);
    int failed = json == NULL;
    if (config->schema)
        failed |= json_object_set(json, "schema", config->schema->source);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        failed |= json_object_set_new(json, fields[i].name, field_to_json(config, &fields[i]));
    if (!failed)
        return json;
    json_decref(json);
    return NULL;
}

/* ---- reading */

static int fail_member(const char *name, const char *wanted, struct msk_error *err)
{
    msk_fail(err, MSK_E_INVALID, "group.%s: %s is wanted", name, wanted);
    return MSK_E_INVALID;
}

static int read_number(const json_t *value, const struct field *field, uint64_t max, uint64_t *out,
                       struct msk_error *err)
{
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (uint64_t)number > max)
        return fail_member(field->name, "a whole number in range", err);
    *out = (uint64_t)number;
    return 0;
}

static int read_field(const json_t *json, const struct field *field, struct msk_group_config *config,
                      struct msk_error *err)
{
    const json_t *value = json_object_get(json, field->name);
    char *at = (char *)config + field->offset;
    uint64_t number = 0;
    int rc = 0;
    if (field->kind == KIND_DIGEST) {
        const char *text = json_string_value(value);
        rc = text ? msk_digest_parse(msk_bytes_of_text(text), (struct msk_digest *)at, err) : MSK_E_INVALID;
        return rc ? fail_member(field->name, "a digest of 64 hex digits", err) : 0;
    }
    rc = read_number(value, field, field->kind == KIND_U64 ? INT64_MAX : UINT32_MAX, &number, err);
    if (rc == 0 && field->kind == KIND_U64)
        *(uint64_t *)(void *)at = number;
    else if (rc == 0)
        *(uint32_t *)(void *)at = (uint32_t)number;
    return rc;
}

/* Which of the texts the member is. */
static int read_choice(const json_t *json, const char *name, const char *const *texts, size_t count, size_t *out,
                       struct msk_error *err)
{
    const char *text = json_string_value(json_object_get(json, name));
    for (*out = 0; text && *out < count; ++*out)
        if (strcmp(text, texts[*out]) == 0)
            return 0;
    return fail_member(name, "another value", err);
}

static int read_machine(const json_t *json, struct msk_group_copy *copy, struct msk_error *err)
{
    const char *name = json_string_value(json_object_get(json, "machine"));
    const struct msk_machine *machine = name ? msk_machine_find(name) : NULL;
    if (!machine)
        return fail_member("machine", "a machine of this program", err);
    copy->machine_name = msk_strdup(name);
    copy->config.machine = copy->machine_name;
    copy->config.raft.machine = machine;
    return copy->machine_name ? 0 : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

/* What tells a machine its types, if anything does. */
static int read_schema(json_t *json, struct msk_group_copy *copy, struct msk_error *err)
{
    if (!json)
        return 0;
    int rc = msk_schema_new(json, &copy->schema, err);
    if (rc == 0)
        rc = msk_machine_describe(copy->config.raft.machine, copy->schema, &copy->machine, err);
    if (rc)
        return msk_wrap(err, rc, "group.schema");
    copy->config.schema = copy->schema;
    copy->config.raft.machine = &copy->machine;
    return 0;
}

static int read_choices(const json_t *json, struct msk_group_config *config, struct msk_error *err)
{
    size_t preference = 0, source = 0, rule = 0;
    int rc = read_choice(json, "preference", preferences, COUNT(preferences), &preference, err);
    if (rc == 0)
        rc = read_choice(json, "key_source", key_sources, COUNT(key_sources), &source, err);
    if (rc == 0)
        rc = read_choice(json, "on_fork", fork_rules, COUNT(fork_rules), &rule, err);
    if (rc)
        return rc;
    config->raft.preference = (enum msk_preference)preference;
    config->key_source = key_sources[source];
    config->raft.on_fork = (enum msk_on_fork)rule;
    return 0;
}

static int read_alias(const json_t *json, struct msk_group_config *config, struct msk_error *err)
{
    const char *alias = json_string_value(json_object_get(json, "alias"));
    if (!alias || strlen(alias) > MSK_ALIAS_MAX)
        return msk_fail(err, MSK_E_INVALID, "group.alias: a text of at most %d bytes is wanted", MSK_ALIAS_MAX);
    memcpy(config->alias, alias, strlen(alias) + 1);
    return 0;
}

static int read_validators(const json_t *list, struct msk_group_copy *copy, struct msk_error *err)
{
    size_t i, count = json_array_size(list);
    const json_t *item;
    if (!json_is_array(list) || count > VALIDATORS_MAX)
        return fail_member("validators", "a list of at most 64", err);
    copy->validators = msk_calloc(count + 1, sizeof *copy->validators);
    copy->order = msk_calloc(count + 1, sizeof *copy->order);
    if (!copy->validators || !copy->order)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    copy->config.validators = copy->order;
    json_array_foreach(list, i, item)
    {
        struct msk_bytes text = MSK_BYTES(json_string_value(item), json_string_length(item));
        int rc = msk_validator_parse(text, &copy->validators[i], err);
        if (rc)
            return msk_wrap(err, rc, "group.validators[%zu]", i);
        copy->order[i] = &copy->validators[i];
        copy->config.validator_count = i + 1;
    }
    return 0;
}

static void derive(struct msk_group_copy *copy)
{
    struct msk_group_config *config = &copy->config;
    struct msk_digest signatures[VALIDATORS_MAX];
    for (size_t i = 0; i < config->validator_count; i++)
        signatures[i] = copy->validators[i].signature;
    const struct msk_group_inputs inputs = {
        .key = config->key,
        .heartbeat_interval_ms = config->heartbeat_interval_ms,
        .heartbeat_jitter_ms = config->heartbeat_jitter_ms,
        .max_missed_heartbeats = config->max_missed_heartbeats,
        .machine_signature = config->machine_signature,
        .sync_signature = config->sync_signature,
        .validator_signatures = signatures,
        .validator_count = config->validator_count,
    };
    config->id = msk_group_id(&inputs);
    config->consensus_digest =
        msk_consensus_digest(config->heartbeat_interval_ms, config->heartbeat_jitter_ms, config->max_missed_heartbeats);
    config->raft.heartbeat_interval_ms = config->heartbeat_interval_ms;
}

static int read_copy(const json_t *json, struct msk_group_copy *copy, struct msk_error *err)
{
    if (!json_is_object(json))
        return msk_fail(err, MSK_E_INVALID, "\"group\" must be an object");
    int rc = read_alias(json, &copy->config, err);
    if (rc == 0)
        rc = read_choices(json, &copy->config, err);
    if (rc == 0)
        rc = read_machine(json, copy, err);
    if (rc == 0)
        rc = read_schema(json_object_get(json, "schema"), copy, err);
    for (size_t i = 0; i < FIELD_COUNT && rc == 0; i++)
        rc = read_field(json, &fields[i], &copy->config, err);
    return rc ? rc : read_validators(json_object_get(json, "validators"), copy, err);
}

int msk_group_copy_of_json(const json_t *json, struct msk_group_copy **out, struct msk_error *err)
{
    struct msk_group_copy *copy = msk_calloc(1, sizeof *copy);
    if (!copy)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = read_copy(json, copy, err);
    if (rc) {
        msk_group_copy_free(copy);
        return rc;
    }
    derive(copy);
    *out = copy;
    return 0;
}

void msk_group_copy_free(struct msk_group_copy *copy)
{
    if (!copy)
        return;
    for (size_t i = 0; i < copy->config.validator_count; i++)
        msk_validator_free(&copy->validators[i]);
    msk_free(copy->validators);
    msk_free(copy->order);
    msk_schema_free(copy->schema);
    msk_free(copy->machine_name);
    msk_wipe(copy, sizeof *copy);
    msk_free(copy);
}
