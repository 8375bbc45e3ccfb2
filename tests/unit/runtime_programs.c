/* Programs of the user as validators and as machines while memory runs out, ours or jansson's: nobody is let in by it,
 * no entry is left out, and once there is memory again all goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <signal.h>

#include "base/alloc.h"
#include "core/node_parts.h"
#include "runtime/machine_exec.h"
#include "runtime/now.h"
#include "runtime/validators.h"

#define PATIENCE_MS 60000
#define ANSWER      "1s"
#define ANSWER_MS   1000 /* a line that could not be written is given up after that */
#define BUDGET_MAX  200  /* more than anything here allocates */

static struct {
    uv_loop_t loop;
    uv_timer_t limit;
    struct msk_children children;
    struct msk_node *node;
    struct msk_actions actions;
    size_t failures;                   /* of programs */
    char said[MSK_CHILD_SAID_MAX + 1]; /* last */
} world;

/* ---- memory */

enum memory { OURS, JANSSONS, MEMORY_COUNT };

static int json_budget;

static void *json_malloc(size_t size)
{
    return json_budget-- > 0 ? malloc(size) : NULL;
}

static void fail_after(enum memory memory, int budget)
{
    json_budget = budget;
    if (memory == OURS)
        msk_alloc_fail_after((uint64_t)budget);
    else
        json_set_alloc_funcs(json_malloc, free);
}

static void fail_no_more(void)
{
    msk_alloc_fail_after(UINT64_MAX);
    json_set_alloc_funcs(malloc, free);
}

/* ---- the world around programs */

static void note(const struct msk_event *event)
{
    world.failures += event->kind == MSK_EVENT_PROGRAM_FAILED;
    if (event->kind == MSK_EVENT_PROGRAM_SAID)
        snprintf(world.said, sizeof world.said, "%s", event->fields[1].text);
}

static void turn(void *context)
{
    (void)context;
    for (size_t i = 0; i < world.actions.count; i++)
        if (world.actions.items[i].kind == MSK_ACTION_EVENT)
            note(&world.actions.items[i].event);
    msk_actions_clear(&world.actions);
}

static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited for too long");
}

static int setup(void **state)
{
    const struct msk_node_config config = {.secret = {7}, .without_gossip = true};
    (void)state;
    memset(&world, 0, sizeof world);
    signal(SIGPIPE, SIG_IGN); /* as in a node */
    assert_int_equal(uv_loop_init(&world.loop), 0);
    uv_timer_init(&world.loop, &world.limit);
    uv_timer_start(&world.limit, on_limit, PATIENCE_MS, 0);
    msk_children_init(&world.children, &world.loop);
    msk_actions_init(&world.actions);
    return msk_node_new(&config, msk_now(), &world.node, NULL);
}

static int teardown(void **state)
{
    (void)state;
    fail_no_more();
    msk_children_stop(&world.children);
    while (world.children.processes > 0)
        uv_run(&world.loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&world.limit, NULL);
    uv_run(&world.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&world.loop), 0);
    msk_node_free(world.node);
    msk_actions_free(&world.actions);
    return 0;
}

/* ---- validators */

#define ACCEPT                               \
    "while read -r line; do id=${line#*:}; " \
    "echo '{\\\"id\\\":'${id%%,*}',\\\"accept\\\":true,\\\"expires\\\":\\\"never\\\"}'; done"

static const char validator_file[] = "{\"class\":\"exec\",\"name\":\"n\",\"signature\":\"s\",\"timeout\":\"" ANSWER
                                     "\",\"command\":[\"/bin/sh\",\"-c\",\"" ACCEPT "\"]}";

struct asking {
    struct msk_validator validator;
    struct msk_validators programs;
    uint32_t ticket; /* the last one */
    struct msk_ticket_opinion opinion;
};

static bool is_answered(struct asking *asking, struct msk_actions *questions)
{
    static const struct msk_digest peer = {{7}};
    const struct msk_ticket ticket = {.class_id = asking->validator.class_id,
                                      .data = MSK_BYTES(&asking->ticket, sizeof asking->ticket)};
    return msk_verdicts_look(&world.node->verdicts, msk_now(), &asking->validator, &ticket, &peer, &asking->opinion,
                             questions) == 0;
}

/* Ask about another ticket, with so much memory, also for the first steps of a program that is to be started. */
static void ask(struct asking *asking, enum memory memory, int budget)
{
    struct msk_actions questions;
    msk_actions_init(&questions);
    asking->ticket++;
    assert_false(is_answered(asking, &questions));
    assert_int_equal(questions.count, 1);
    fail_after(memory, budget);
    msk_validators_ask(&asking->programs, &questions.items[0]);
    for (int i = 0; i < 3; i++)
        uv_run(&world.loop, UV_RUN_NOWAIT);
    fail_no_more();
    while (!is_answered(asking, &questions))
        uv_run(&world.loop, UV_RUN_ONCE);
    msk_actions_free(&questions);
}

static void without_memory_a_validator_lets_nobody_in(void **state)
{
    (void)state;
    for (enum memory memory = 0; memory < MEMORY_COUNT; memory++) {
        int refused = 0, accepted = 0;
        for (int budget = 0; budget < BUDGET_MAX && accepted < 2; budget++) {
            struct asking asking = {
                .ticket = 1000 * (memory * BUDGET_MAX + (uint32_t)budget),
                .programs.host = {
                    .children = &world.children, .node = world.node, .actions = &world.actions, .turn = turn}};
            assert_int_equal(msk_validator_parse(msk_bytes_of_text(validator_file), &asking.validator, NULL), 0);
            ask(&asking, memory, budget);
            accepted += asking.opinion.valid;
            refused += !asking.opinion.valid;
            assert_true(asking.opinion.valid || asking.opinion.reason[0]);
            while (!asking.opinion.valid) {
                uv_sleep(1); /* its restart may be due */
                uv_run(&world.loop, UV_RUN_NOWAIT);
                ask(&asking, memory, INT32_MAX);
            }
            msk_validators_free(&asking.programs);
            msk_validator_free(&asking.validator);
        }
        assert_true(refused > 2 && accepted == 2);
    }
}

/* ---- machines */

/* Takes everything, and tells on its standard error what it is to apply. */
#define TAKE                                                                                     \
    "exec:while read -r line; do case $line in *'\"do\":\"apply\"'*) echo \"$line\" >&2; esac; " \
    "id=${line#*:}; echo '{\"id\":'${id%%,*}'}'; done"

struct machine {
    struct msk_schema *schema;
    struct msk_machine described;
    struct msk_group_config config;
    struct msk_machine_exec *exec;
    void *state;
    struct msk_builder command;
};

/* Commands and queries are texts, by a schema: what is JSON itself jansson reads, and does not tell why it could not.
 */
static void machine_describe(struct machine *machine)
{
    json_t *types = json_pack("{s:s, s:s}", "command", "string", "query", "string");
    assert_int_equal(msk_schema_new(types, &machine->schema, NULL), 0);
    json_decref(types);
    assert_int_equal(msk_machine_describe(msk_machine_find(TAKE), machine->schema, &machine->described, NULL), 0);
}

static int machine_create(struct machine *machine)
{
    const struct msk_machine_exec_host host = {
        .children = &world.children, .node = world.node, .actions = &world.actions, .turn = turn};
    machine->config = (struct msk_group_config){
        .machine = TAKE, .machine_timeout_ms = ANSWER_MS, .raft.machine = &machine->described};
    machine->exec = NULL;
    int rc = msk_machine_exec_new(&host, &machine->config, &machine->exec);
    const struct msk_raft_config *raft = &machine->config.raft;
    return rc < 0 ? rc : raft->machine->create(raft->machine_context, &machine->state);
}

static void machine_start(struct machine *machine)
{
    json_t *text = json_string("x");
    machine_describe(machine);
    assert_int_equal(machine_create(machine), 0);
    msk_builder_init(&machine->command, 100);
    assert_int_equal(msk_machine_read_json(machine->described.command, text, &machine->command, NULL), 0);
    json_decref(text);
}

static void machine_end(struct machine *machine)
{
    machine->config.raft.machine->destroy(machine->state);
    msk_machine_exec_free(machine->exec);
    msk_builder_free(&machine->command);
    msk_schema_free(machine->schema);
}

static int apply_three(const struct machine *machine)
{
    const struct msk_log_entry entry = {.term = 1, .command = msk_builder_view(&machine->command)};
    const struct msk_log_entry entries[] = {entry, entry, entry};
    const struct msk_machine_batch batch = {.term = 1, .first = 5, .entries = entries, .count = 3};
    return machine->config.raft.machine->apply(machine->state, &batch);
}

static void without_memory_no_entry_is_left_out(void **state)
{
    (void)state;
    for (enum memory memory = 0; memory < MEMORY_COUNT; memory++) {
        struct machine machine;
        int refused = 0;
        machine_start(&machine);
        world.said[0] = 0;
        for (int budget = 0; budget < BUDGET_MAX && !world.said[0]; budget++) {
            size_t failures = world.failures;
            fail_after(memory, budget);
            int rc = apply_three(&machine);
            fail_no_more();
            assert_true(rc == MSK_E_NOMEM || rc == MSK_MACHINE_LATER);
            refused += rc < 0;
            while (rc >= 0 && !world.said[0] && world.failures == failures)
                uv_run(&world.loop, UV_RUN_ONCE);
        }
        assert_true(refused > 3);
        assert_non_null(strstr(world.said, "\"do\":\"apply\",\"entries\":[{\"index\":5,\"command\":\"x\"},"
                                           "{\"index\":6,\"command\":\"x\"},{\"index\":7,\"command\":\"x\"}]}"));
        machine_end(&machine);
    }
}

static int ask_query(const struct machine *machine)
{
    return machine->config.raft.machine->query_state(machine->state, 1, msk_builder_view(&machine->command), NULL);
}

static int ask_snapshot(const struct machine *machine)
{
    return machine->config.raft.machine->snapshot(machine->state, NULL);
}

static void without_memory_a_machine_is_not_asked(void **state)
{
    static int (*const requests[])(const struct machine *machine) = {ask_query, ask_snapshot};
    (void)state;
    for (size_t i = 0; i < 2 * MEMORY_COUNT; i++) {
        struct machine machine;
        int rc = MSK_E_NOMEM, refused = 0;
        machine_start(&machine);
        for (int budget = 0; budget < BUDGET_MAX && rc < 0; budget++) {
            fail_after(i % 2 ? OURS : JANSSONS, budget);
            rc = requests[i / 2](&machine);
            fail_no_more();
            assert_true(rc == MSK_E_NOMEM || rc == MSK_MACHINE_LATER);
            refused += rc < 0;
        }
        assert_true(rc == MSK_MACHINE_LATER && refused > 1);
        machine_end(&machine);
    }
}

static void without_memory_there_is_no_machine(void **state)
{
    struct machine machine;
    int rc = MSK_E_NOMEM, refused = 0;
    (void)state;
    machine_describe(&machine);
    for (int budget = 0; budget < BUDGET_MAX && rc < 0; budget++) {
        fail_after(OURS, budget);
        rc = machine_create(&machine);
        fail_no_more();
        assert_true(rc == MSK_E_NOMEM || rc == 0);
        refused += rc < 0;
        msk_machine_exec_free(machine.exec);
    }
    assert_true(rc == 0 && refused > 2);
    msk_schema_free(machine.schema);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_memory_a_validator_lets_nobody_in, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_no_entry_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_a_machine_is_not_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_there_is_no_machine, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
