/* Real programs as parts of a node: what they are asked and answer, what they do wrong, and that they are gone in the
 * end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <errno.h>
#include <signal.h>

#include "runtime/child.h"

#define PATIENCE_MS 60000

struct fixture {
    uv_loop_t loop;
    uv_timer_t limit;
    struct msk_children children;
    struct msk_child *child;
    const char *argv[4];
    bool ask_again; /* whenever it was started */
    int pid, starts, failures, answers, drops;
    uint64_t last_number, retry_ms;
    char reason[MSK_CHILD_REASON_MAX], said[4096], answer[64];
};

static void on_started(void *context, int pid)
{
    struct fixture *fixture = context;
    fixture->pid = pid;
    fixture->starts++;
    uv_stop(&fixture->loop); /* a look at what is waited for, although nothing else happens */
    if (fixture->ask_again)
        assert_int_equal(msk_child_ask(fixture->child, json_pack("{s:s}", "do", "again"), 1, 0), 0);
}

static const char *on_answered(void *context, int kind, uint64_t number, const json_t *answer)
{
    struct fixture *fixture = context;
    const char *text = json_string_value(json_object_get(answer, "text"));
    assert_int_equal(kind, 1);
    fixture->answers++;
    fixture->last_number = number;
    snprintf(fixture->answer, sizeof fixture->answer, "%s", text ? text : "");
    return text && strcmp(text, "wrong") == 0 ? "it said so" : NULL;
}

static void on_dropped(void *context, int kind, uint64_t number, const char *reason)
{
    struct fixture *fixture = context;
    assert_int_equal(kind, 1);
    assert_true(number > 0 || fixture->ask_again);
    assert_true(strlen(reason) > 0);
    fixture->drops++;
}

static void on_failed(void *context, const char *reason, uint64_t retry_ms)
{
    struct fixture *fixture = context;
    fixture->failures++;
    fixture->retry_ms = retry_ms;
    snprintf(fixture->reason, sizeof fixture->reason, "%s", reason);
}

static void on_said(void *context, const char *text)
{
    struct fixture *fixture = context;
    size_t len = strlen(fixture->said);
    snprintf(fixture->said + len, sizeof fixture->said - len, "%s|", text);
}

static void on_limit(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited for too long");
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    signal(SIGPIPE, SIG_IGN); /* as in a node */
    assert_int_equal(uv_loop_init(&fixture.loop), 0);
    uv_timer_init(&fixture.loop, &fixture.limit);
    uv_timer_start(&fixture.limit, on_limit, PATIENCE_MS, 0);
    msk_children_init(&fixture.children, &fixture.loop);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    msk_children_stop(&fixture->children);
    msk_child_free(fixture->child);
    while (fixture->children.processes > 0)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    for (int i = 0; fixture->pid && kill(-fixture->pid, 0) == 0 && i < PATIENCE_MS; i++)
        uv_sleep(1); /* its whole group: init may take a moment */
    assert_true(fixture->pid == 0 || (kill(-fixture->pid, 0) < 0 && errno == ESRCH));
    uv_close((uv_handle_t *)&fixture->limit, NULL);
    uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    return 0;
}

static void run_program(struct fixture *fixture, const char *script, uint64_t timeout_ms)
{
    const struct msk_child_owner owner = {on_started, on_answered, on_dropped, on_failed, on_said, fixture};
    fixture->argv[0] = "/bin/sh";
    fixture->argv[1] = "-c";
    fixture->argv[2] = script;
    fixture->child = msk_child_new(&fixture->children, fixture->argv, timeout_ms, &owner);
    assert_non_null(fixture->child);
}

static void ask(struct fixture *fixture, uint64_t number)
{
    assert_int_equal(msk_child_ask(fixture->child, json_pack("{s:s}", "do", "it"), 1, number), 0);
}

static void run_until(struct fixture *fixture, const int *what, int count)
{
    while (*what < count)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

static void expect_failure(struct fixture *fixture, const char *script, uint64_t timeout_ms, const char *reason)
{
    run_program(fixture, script, timeout_ms);
    ask(fixture, 1);
    run_until(fixture, &fixture->failures, 1);
    assert_string_equal(fixture->reason, reason);
    assert_int_equal(fixture->retry_ms, MSK_CHILD_RETRY_MIN_MS);
    assert_int_equal(msk_child_pending(fixture->child), 0); /* dropped */
    assert_int_equal(fixture->answers, 0);
    assert_int_equal(fixture->drops, 1);
}

/* ---- what is right */

static void requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "while read -r line; do echo \"$line\" | sed 's/\"do\":\"it\"/\"text\":\"done\"/'; done",
                PATIENCE_MS);
    for (uint64_t i = 1; i <= 100; i++)
        ask(fixture, i * 10);
    assert_int_equal(msk_child_pending(fixture->child), 100);
    run_until(fixture, &fixture->answers, 100);
    assert_int_equal(fixture->last_number, 1000);
    assert_string_equal(fixture->answer, "done");
    ask(fixture, 7);
    run_until(fixture, &fixture->answers, 101);
    assert_int_equal(fixture->last_number, 7);
    assert_int_equal(fixture->failures, 0);
}

static void an_answer_may_come_in_pieces(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture,
                "read -r a; printf '{\"id\":'; read -r b; printf '1}\\n{\"id\":2,\"text\":\"%s\"}\\n' \"${#b}\"; cat",
                PATIENCE_MS);
    ask(fixture, 1);
    ask(fixture, 2);
    run_until(fixture, &fixture->answers, 2);
    assert_string_equal(fixture->answer, "18"); /* {"id":2,"do":"it"} */
}

static void its_standard_error_is_heard(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "read -r a; printf 'one\\n\\ttwo\\033[1m\\377\\n' >&2; printf 'last words' >&2; exit 3",
                PATIENCE_MS);
    ask(fixture, 1);
    run_until(fixture, &fixture->failures, 1);
    assert_string_equal(fixture->said, "one| two?[1m?|last words|");
    assert_string_equal(fixture->reason, "it ended with status 3");
}

static void too_much_on_standard_error_is_counted(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture,
                "i=0; while [ $i -lt 120 ]; do echo $i >&2; i=$((i + 1)); done; "
                "read -r a; echo '{\"id\":1}'; read -r b; head -c 5000 /dev/zero | tr '\\0' y >&2; exit 0",
                PATIENCE_MS);
    ask(fixture, 1);
    run_until(fixture, &fixture->answers, 1);
    int heard = 0;
    for (const char *at = fixture->said; (at = strchr(at, '|')); at++)
        heard++;
    assert_true(heard >= MSK_CHILD_SAID_RATE && heard < 120);
    fixture->said[0] = 0;
    uv_sleep(1001); /* the next second of the count */
    ask(fixture, 2);
    run_until(fixture, &fixture->failures, 1);
    assert_non_null(strstr(fixture->said, " lines left out)|yyy"));
    assert_int_equal(strlen(strchr(fixture->said, 'y')), MSK_CHILD_SAID_MAX + 1);
}

/* ---- what is wrong */

static void no_program(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_child_owner owner = {on_started, on_answered, on_dropped, on_failed, on_said, fixture};
    fixture->argv[0] = "/nowhere/to/be/found";
    fixture->child = msk_child_new(&fixture->children, fixture->argv, PATIENCE_MS, &owner);
    run_until(fixture, &fixture->failures, 2);
    assert_string_equal(fixture->reason, "it cannot be started: no such file or directory");
    assert_int_equal(fixture->starts, 0);
}

static void not_found_by_the_shell(void **state)
{
    expect_failure(*state, "no-such-command", PATIENCE_MS, "it ended with status 127: its command was not found");
}

static void killed(void **state)
{
    expect_failure(*state, "read -r a; kill -9 $$", PATIENCE_MS, "it was killed by signal 9 (Killed)");
}

static void garbage(void **state)
{
    expect_failure(*state, "echo 'hello there'; cat", PATIENCE_MS, "it wrote a line that is no JSON object");
}

static void a_list(void **state)
{
    expect_failure(*state, "echo '[{\"id\":1}]'; cat", PATIENCE_MS, "it wrote a line that is no JSON object");
}

static void another_id(void **state)
{
    expect_failure(*state, "read -r a; echo '{\"id\":2}'; cat", PATIENCE_MS,
                   "it wrote a line whose \"id\" is not that of the oldest request");
}

static void unasked(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "echo '{\"id\":1}'; cat >/dev/null", PATIENCE_MS);
    run_until(fixture, &fixture->failures, 1);
    assert_string_equal(fixture->reason, "it wrote a line whose \"id\" is not that of the oldest request");
}

static void silence(void **state)
{
    expect_failure(*state, "tail -f /dev/null", 50, "it did not answer within 50 ms");
}

static void a_line_without_end(void **state)
{
    expect_failure(*state, "tr '\\0' x </dev/zero", PATIENCE_MS, "it wrote a line of more than 16777216 bytes");
}

static void a_closed_pipe(void **state)
{
    expect_failure(*state, "exec >&-; read -r a; read -r b", PATIENCE_MS, "it closed its standard input or output");
}

static void what_its_owner_does_not_take(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "read -r a; echo '{\"id\":1,\"text\":\"wrong\"}'; cat", PATIENCE_MS);
    ask(fixture, 1);
    run_until(fixture, &fixture->failures, 1);
    assert_string_equal(fixture->reason, "it said so");
}

static void it_is_started_again_later_each_time(void **state)
{
    struct fixture *fixture = *state;
    fixture->ask_again = true;
    run_program(fixture, "read -r a; exit 1", PATIENCE_MS);
    for (int i = 1; i <= 3; i++) {
        run_until(fixture, &fixture->failures, i);
        assert_int_equal(fixture->retry_ms, MSK_CHILD_RETRY_MIN_MS << (i - 1));
    }
    assert_int_equal(fixture->starts, 3);
}

static void what_is_asked_while_it_is_down_waits(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "read -r a; case $a in *'\"id\":1,'*) exit 1 ;; esac; echo '{\"id\":2}'; cat", PATIENCE_MS);
    ask(fixture, 1);
    run_until(fixture, &fixture->failures, 1);
    ask(fixture, 2);
    run_until(fixture, &fixture->answers, 1);
    assert_int_equal(fixture->last_number, 2);
    assert_int_equal(fixture->starts, 2);
}

static void it_takes_its_children_along(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "tail -f /dev/null & tail -f /dev/null & read -r a; echo '{\"id\":1}'; wait", PATIENCE_MS);
    ask(fixture, 1);
    run_until(fixture, &fixture->answers, 1);
    assert_int_equal(kill(-fixture->pid, 0), 0); /* the rest is looked at in the end */
}

static void one_that_does_not_read_fills_no_more_than_its_queue(void **state)
{
    struct fixture *fixture = *state;
    run_program(fixture, "tail -f /dev/null", PATIENCE_MS);
    run_until(fixture, &fixture->starts, 1);
    for (int i = 0; i < MSK_CHILD_QUEUE_MAX; i++) {
        assert_int_equal(msk_child_is_busy(fixture->child), i >= MSK_CHILD_QUEUE_MAX / 2);
        ask(fixture, 1);
    }
    assert_int_equal(msk_child_ask(fixture->child, json_pack("{s:s}", "do", "it"), 1, 1), MSK_E_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_are_answered_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(an_answer_may_come_in_pieces, setup, teardown),
        cmocka_unit_test_setup_teardown(its_standard_error_is_heard, setup, teardown),
        cmocka_unit_test_setup_teardown(too_much_on_standard_error_is_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(no_program, setup, teardown),
        cmocka_unit_test_setup_teardown(not_found_by_the_shell, setup, teardown),
        cmocka_unit_test_setup_teardown(killed, setup, teardown),
        cmocka_unit_test_setup_teardown(garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list, setup, teardown),
        cmocka_unit_test_setup_teardown(another_id, setup, teardown),
        cmocka_unit_test_setup_teardown(unasked, setup, teardown),
        cmocka_unit_test_setup_teardown(silence, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_without_end, setup, teardown),
        cmocka_unit_test_setup_teardown(a_closed_pipe, setup, teardown),
        cmocka_unit_test_setup_teardown(what_its_owner_does_not_take, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_started_again_later_each_time, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_asked_while_it_is_down_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(it_takes_its_children_along, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_does_not_read_fills_no_more_than_its_queue, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
