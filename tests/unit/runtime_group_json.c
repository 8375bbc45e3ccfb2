/* A group's settings over the control socket: the same at the other end, with the same id; nothing half read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "crypto/identity.h"
#include "runtime/group_json.h"

static const char validator_text[] = "{\"class\":\"jwt\",\"keys\":[{\"alg\":\"HS256\",\"key\":"
                                     "\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\"}]}";

static struct msk_group_config config(void)
{
    return (struct msk_group_config){
        .key = msk_digest_of_string("secret1"),
        .alias = "ledger",
        .key_source = "text",
        .machine = "kv",
        .machine_signature = msk_digest_of_string(MSK_NOOP_MACHINE_ID),
        .sync_signature = msk_log_replay_signature(MSK_NOOP_MACHINE_TYPE, 2000, 25000),
        .heartbeat_interval_ms = 500,
        .heartbeat_jitter_ms = 150,
        .max_missed_heartbeats = 10,
        .raft = {.election_timeout_ms = 2000,
                 .election_timeout_jitter_ms = 500,
                 .bootstrap_delay_ms = 3000,
                 .preference = MSK_PREFER_RELUCTANT,
                 .reluctant_factor = 4,
                 .members = 5,
                 .machine = &msk_machine_kv,
                 .forward_timeout_ms = 1500,
                 .query_timeout_ms = 2500,
                 .sync_batch_size = 2000,
                 .sync_fetch_timeout_ms = 25000,
                 .on_fork = MSK_FORK_RESYNC},
    };
}

static void settings_survive_the_way(void **state)
{
    (void)state;
    const struct msk_group_config sent = config();
    json_t *json = msk_group_to_json(&sent, json_array());
    struct msk_group_copy *copy;
    struct msk_error err;
    char id[MSK_DIGEST_TEXT_SIZE];
    assert_int_equal(msk_group_copy_of_json(json, &copy, &err), 0);
    const struct msk_group_config *got = &copy->config;
    assert_string_equal(got->alias, "ledger");
    assert_string_equal(got->key_source, "text");
    assert_string_equal(got->machine, "kv");
    assert_ptr_equal(got->raft.machine, &msk_machine_kv);
    assert_int_equal(got->raft.forward_timeout_ms, 1500);
    assert_int_equal(got->raft.query_timeout_ms, 2500);
    assert_int_equal(got->raft.sync_batch_size, 2000);
    assert_int_equal(got->raft.sync_fetch_timeout_ms, 25000);
    assert_int_equal(got->raft.on_fork, MSK_FORK_RESYNC);
    assert_int_equal(got->raft.heartbeat_interval_ms, 500);
    assert_int_equal(got->raft.election_timeout_ms, 2000);
    assert_int_equal(got->raft.election_timeout_jitter_ms, 500);
    assert_int_equal(got->raft.bootstrap_delay_ms, 3000);
    assert_int_equal(got->raft.preference, MSK_PREFER_RELUCTANT);
    assert_int_equal(got->raft.reluctant_factor, 4);
    assert_int_equal(got->raft.members, 5);
    /* groups.md 1.6: this very group's id */
    assert_string_equal(msk_digest_text(&got->id, id),
                        "c2bf3bd93ca72858eecf8802cb1e92933b8dc930e9e8d080601abd32abd968f4");
    msk_group_copy_free(copy);
    json_decref(json);
}

/* The running node reads it again: it has no file of the asker's. */
static void a_schema_travels_whole(void **state)
{
    (void)state;
    struct msk_group_config sent = config();
    struct msk_schema *schema;
    struct msk_group_copy *copy;
    struct msk_error err;
    json_t *source = json_pack("{s:s, s:{s:s}}", "command", "u16", "result", "option", "string");
    assert_int_equal(msk_schema_new(source, &schema, &err), 0);
    json_decref(source);
    sent.machine = "opaque";
    sent.schema = schema;
    json_t *json = msk_group_to_json(&sent, json_array());
    msk_schema_free(schema);
    assert_int_equal(msk_group_copy_of_json(json, &copy, &err), 0);
    assert_ptr_equal(copy->config.raft.machine->command, MSK_TYPE(u16));
    assert_string_equal(copy->config.raft.machine->result->name, "option");
    assert_string_equal(copy->config.raft.machine->name, "opaque");
    msk_group_copy_free(copy);

    json_object_set_new(json_object_get(json, "schema"), "query", json_string("u17"));
    assert_int_equal(msk_group_copy_of_json(json, &copy, &err), MSK_E_INVALID);
    assert_string_equal(err.text, "group.schema: query: no type \"u17\"");
    json_decref(json);
}

static void validators_travel_whole_and_enter_the_id(void **state)
{
    (void)state;
    const struct msk_group_config sent = config();
    struct msk_group_copy *plain, *guarded;
    struct msk_error err;
    json_t *without = msk_group_to_json(&sent, json_array());
    json_t *with = msk_group_to_json(&sent, json_pack("[s]", validator_text));
    assert_int_equal(msk_group_copy_of_json(without, &plain, &err), 0);
    assert_int_equal(msk_group_copy_of_json(with, &guarded, &err), 0);
    assert_int_equal(guarded->config.validator_count, 1);
    struct msk_digest signature = guarded->config.validators[0]->signature;
    struct msk_digest expected = msk_digest_derive_digest(&plain->config.id, &signature);
    assert_true(msk_digest_equal(&guarded->config.id, &expected));
    msk_group_copy_free(plain);
    msk_group_copy_free(guarded);
    json_decref(without);
    json_decref(with);
}

static void wrong_members_are_named(void **state)
{
    static const struct {
        const char *member, *value, *says;
    } rows[] = {
        {"alias", "7", "group.alias"},
        {"key", "\"12\"", "group.key: a digest"},
        {"key", "null", "group.key: a digest"},
        {"machine_signature", "7", "group.machine_signature"},
        {"sync_signature", "\"zz\"", "group.sync_signature"},
        {"key_source", "\"a free text\"", "group.key_source"},
        {"machine", "\"abacus\"", "group.machine"},
        {"preference", "\"eager\"", "group.preference"},
        {"heartbeat_interval_ms", "-1", "group.heartbeat_interval_ms"},
        {"heartbeat_jitter_ms", "1.5", "group.heartbeat_jitter_ms"},
        {"max_missed_heartbeats", "4294967296", "group.max_missed_heartbeats"},
        {"election_timeout_ms", "\"2s\"", "group.election_timeout_ms"},
        {"members", "[]", "group.members"},
        {"validators", "{}", "group.validators"},
        {"validators", "[7]", "group.validators[0]"},
        {"validators", "[\"{}\"]", "group.validators[0]: keys"},
        {"validators", "[\"{\\\"class\\\":\\\"x\\\"}\"]", "group.validators[0]: class"},
    };
    (void)state;
    const struct msk_group_config sent = config();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct msk_group_copy *copy;
        struct msk_error err;
        json_t *json = msk_group_to_json(&sent, json_array());
        json_object_set_new(json, rows[i].member, json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
        assert_int_equal(msk_group_copy_of_json(json, &copy, &err), MSK_E_INVALID);
        if (!strstr(err.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].says);
        json_object_del(json, rows[i].member);
        assert_int_equal(msk_group_copy_of_json(json, &copy, &err), MSK_E_INVALID);
        json_decref(json);
    }
    struct msk_group_copy *copy;
    struct msk_error err;
    assert_int_equal(msk_group_copy_of_json(NULL, &copy, &err), MSK_E_INVALID);
}

static void memory_may_run_out_while_reading(void **state)
{
    (void)state;
    const struct msk_group_config sent = config();
    json_t *json = msk_group_to_json(&sent, json_pack("[s]", validator_text));
    uint64_t successes = 0;
    for (;; successes++) {
        struct msk_group_copy *copy;
        struct msk_error err;
        msk_alloc_fail_after(successes);
        int rc = msk_group_copy_of_json(json, &copy, &err);
        msk_alloc_fail_after(UINT64_MAX);
        if (rc == 0) {
            msk_group_copy_free(copy);
            break;
        }
        assert_int_equal(rc, MSK_E_NOMEM);
        assert_true(successes < 100);
    }
    assert_true(successes >= 3);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_survive_the_way),
        cmocka_unit_test(a_schema_travels_whole),
        cmocka_unit_test(validators_travel_whole_and_enter_the_id),
        cmocka_unit_test(wrong_members_are_named),
        cmocka_unit_test(memory_may_run_out_while_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
