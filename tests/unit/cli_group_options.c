/* Group options as a node takes them: the whole configuration, and settings that no member can run with. What ids they
 * give is tested through mosaik-keygen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/arguments.h"
#include "cli/group_options.h"

#define KEY "63a568b9905f03d1aa9e5620196204b2138b149ef2ed6f6b9a8a0f48f70dbd5f"
#define ID  "c2bf3bd93ca72858eecf8802cb1e92933b8dc930e9e8d080601abd32abd968f4"

struct run_options {
    bool other;
    struct msk_group_options group;
};

static const struct msk_example examples[] = {{"node run", NULL}, {NULL, NULL}};
static const struct msk_command run = {
    .name = "run",
    .summary = "Run",
    .sets = {MSK_GROUP_OPTION_SETS(offsetof(struct run_options, group))},
    .size = sizeof(struct run_options),
    .examples = examples,
};
static const struct msk_command *const commands[] = {&run, NULL};
static const struct msk_program node = {.name = "node", .summary = "A node", .commands = commands};

static struct msk_arguments arguments;
static struct msk_group_setup setup;
static struct msk_error err;

/* Options in one text, separated by spaces. */
static int make(const char *text)
{
    char copy[1024], *argv[64] = {"node", "run"};
    int argc = 2;
    snprintf(copy, sizeof copy, "%s", text);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        argv[argc++] = word;
    err = (struct msk_error){0};
    setup = (struct msk_group_setup){0};
    int rc = msk_arguments_parse(&arguments, &node, argc, argv, &err);
    if (rc == 0)
        rc = msk_group_setup_make(&((struct run_options *)arguments.values)->group, &setup, &err);
    return rc;
}

static void done(void)
{
    msk_group_setup_free(&setup);
    msk_arguments_free(&arguments);
}

static void defaults_are_those_of_the_reference(void **state)
{
    (void)state;
    char text[MSK_DIGEST_TEXT_SIZE];
    assert_int_equal(make("--group-key " KEY), 0);
    const struct msk_group_config *config = &setup.config;
    assert_string_equal(msk_digest_text(&config->id, text), ID);
    assert_string_equal(msk_digest_text(&config->key, text), KEY);
    assert_string_equal(config->key_source, "text");
    assert_string_equal(config->machine, "noop");
    assert_int_equal(config->heartbeat_interval_ms, 500);
    assert_int_equal(config->heartbeat_jitter_ms, 150);
    assert_int_equal(config->max_missed_heartbeats, 10);
    assert_int_equal(config->validator_count, 0);
    assert_int_equal(config->raft.heartbeat_interval_ms, 500);
    assert_int_equal(config->raft.election_timeout_ms, 2000);
    assert_int_equal(config->raft.election_timeout_jitter_ms, 500);
    assert_int_equal(config->raft.bootstrap_delay_ms, 3000);
    assert_int_equal(config->raft.preference, MSK_PREFER_NORMAL);
    assert_int_equal(config->raft.members, 0);
    assert_ptr_equal(config->raft.machine, &msk_machine_noop);
    assert_int_equal(config->raft.forward_timeout_ms, 2000);
    assert_int_equal(config->raft.query_timeout_ms, 2000);
    assert_int_equal(config->raft.sync_batch_size, 2000);
    assert_int_equal(config->raft.sync_fetch_timeout_ms, 25000);
    assert_int_equal(config->raft.on_fork, MSK_FORK_HALT);
    assert_false(setup.has_network);
    assert_int_equal(msk_group_setup_check(&setup, &err), 0);
    done();
}

static void every_setting_reaches_the_configuration(void **state)
{
    (void)state;
    struct msk_digest network = msk_digest_of_string("testnet");
    assert_int_equal(make("--group-key " KEY " --network testnet --heartbeat-interval 100ms --heartbeat-jitter 20ms "
                          "--max-missed-heartbeats 5 --election-timeout 300ms --election-timeout-jitter 151ms "
                          "--bootstrap-delay 200ms --leadership reluctant:7 --members 5 --machine kv "
                          "--forward-timeout 3s --query-timeout 4s --sync-batch-size 7 --sync-fetch-timeout 5s "
                          "--on-fork resync"),
                     0);
    const struct msk_group_config *config = &setup.config;
    assert_true(setup.has_network && msk_digest_equal(&setup.network_id, &network));
    assert_int_equal(config->heartbeat_interval_ms, 100);
    assert_int_equal(config->raft.heartbeat_interval_ms, 100);
    assert_int_equal(config->heartbeat_jitter_ms, 20);
    assert_int_equal(config->max_missed_heartbeats, 5);
    assert_int_equal(config->raft.election_timeout_ms, 300);
    assert_int_equal(config->raft.election_timeout_jitter_ms, 151);
    assert_int_equal(config->raft.bootstrap_delay_ms, 200);
    assert_int_equal(config->raft.preference, MSK_PREFER_RELUCTANT);
    assert_int_equal(config->raft.reluctant_factor, 7);
    assert_int_equal(config->raft.members, 5);
    assert_string_equal(config->machine, "kv");
    assert_ptr_equal(config->raft.machine, &msk_machine_kv);
    assert_int_equal(config->raft.forward_timeout_ms, 3000);
    assert_int_equal(config->raft.query_timeout_ms, 4000);
    assert_int_equal(config->raft.sync_batch_size, 7);
    assert_int_equal(config->raft.sync_fetch_timeout_ms, 5000);
    assert_int_equal(config->raft.on_fork, MSK_FORK_RESYNC);
    assert_int_equal(msk_group_setup_check(&setup, &err), 0);
    done();
}

static void leadership_has_three_forms(void **state)
{
    (void)state;
    assert_int_equal(make("--group-key " KEY " --leadership observer"), 0);
    assert_int_equal(setup.config.raft.preference, MSK_PREFER_OBSERVER);
    done();
    assert_int_equal(make("--group-key " KEY " --leadership reluctant"), 0);
    assert_int_equal(setup.config.raft.preference, MSK_PREFER_RELUCTANT);
    assert_int_equal(setup.config.raft.reluctant_factor, MSK_RELUCTANT_DEFAULT);
    done();
}

static void expect_unfit(const char *options, const char *reason)
{
    char all[256];
    snprintf(all, sizeof all, "--group-key " KEY " %s", options);
    assert_int_equal(make(all), 0);
    assert_int_equal(msk_group_setup_check(&setup, &err), MSK_E_INVALID);
    assert_string_equal(err.text, reason);
    done();
}

static void settings_that_no_member_can_run_with(void **state)
{
    (void)state;
    expect_unfit("--machine-timeout 0s", "--machine-timeout: 0 leaves a program no time to answer");
    expect_unfit("--heartbeat-jitter 0s", "--heartbeat-jitter: 0 aborts the reference's members");
    expect_unfit("--heartbeat-jitter 500ms", "--heartbeat-interval: 500ms must exceed the jitter of 500ms");
    expect_unfit("--heartbeat-jitter 1s", "--heartbeat-interval: 500ms must exceed the jitter of 1s");
    expect_unfit("--election-timeout-jitter 0s", "--election-timeout-jitter: 0 aborts the reference's members");
    expect_unfit("--election-timeout 500ms",
                 "--election-timeout: 500ms must exceed the heartbeat interval of 500ms, or no leader ever settles");
}

static void validators_are_kept_in_order(void **state)
{
    (void)state;
    char paths[2][64], options[256];
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "/tmp/cli_group_options.XXXXXX");
        int fd = mkstemp(paths[i]);
        assert_true(fd >= 0);
        dprintf(fd, "{\"keys\":[{\"alg\":\"HS256\",\"key\":\"%064d\"}]}", i);
        close(fd);
    }
    snprintf(options, sizeof options, "--group-key " KEY " --require-ticket %s --require-ticket %s", paths[0],
             paths[1]);
    assert_int_equal(make(options), 0);
    assert_int_equal(setup.config.validator_count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct msk_validator *validator = setup.config.validators[i];
        struct msk_digest signature = validator->signature;
        assert_int_equal(validator->jwt.keys[0].material[31], i);
        assert_true(msk_digest_equal(&signature, &setup.inputs.validator_signatures[i]));
    }
    done();
    int rc = MSK_E_NOMEM;
    for (uint64_t successes = 0; rc != 0; successes++) { /* memory may run out anywhere */
        assert_true(successes < 1000);
        msk_alloc_fail_after(successes);
        rc = make(options);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(rc == 0 || rc == MSK_E_NOMEM);
        done();
    }
    for (int i = 0; i < 2; i++)
        unlink(paths[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_those_of_the_reference),
        cmocka_unit_test(every_setting_reaches_the_configuration),
        cmocka_unit_test(leadership_has_three_forms),
        cmocka_unit_test(settings_that_no_member_can_run_with),
        cmocka_unit_test(validators_are_kept_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
