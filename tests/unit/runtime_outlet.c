/* Streams of lines that never make the loop wait for their reader. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/outlet.h"

static uv_loop_t loop;

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    return uv_loop_close(&loop);
}

static void push(struct msk_outlet *outlet, const char *text)
{
    msk_outlet_push(outlet, msk_bytes_of_text(text));
}

static void finish(struct msk_outlet *outlet)
{
    while (!msk_outlet_idle(outlet))
        uv_run(&loop, UV_RUN_ONCE);
    msk_outlet_free(outlet);
}

static void read_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, out, size - 1);
    assert_true(n >= 0);
    out[n] = 0;
    close(fd);
}

static void lines_are_appended_to_a_file(void **state)
{
    (void)state;
    char path[] = "/tmp/mosaik-outlet-XXXXXX", text[64];
    struct msk_outlet *outlet;
    struct msk_error err;
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "old\n", 4), 4);
    close(fd);
    assert_int_equal(msk_outlet_of_file(&loop, path, true, &outlet, &err), 0);
    msk_outlet_push_now(outlet, msk_bytes_of_text("first"));
    read_file(path, text, sizeof text);
    assert_string_equal(text, "old\nfirst\n");
    push(outlet, "second");
    push(outlet, "third");
    finish(outlet);
    read_file(path, text, sizeof text);
    assert_string_equal(text, "old\nfirst\nsecond\nthird\n");
    unlink(path);
}

static void a_file_that_cannot_be_opened_is_named(void **state)
{
    (void)state;
    struct msk_outlet *outlet;
    struct msk_error err;
    assert_int_equal(msk_outlet_of_file(&loop, "/nowhere/events", true, &outlet, &err), MSK_E_IO);
    assert_string_equal(err.text, "/nowhere/events: No such file or directory");
}

static void failing_writes_are_told_and_do_not_stop_it(void **state)
{
    (void)state;
    struct msk_outlet *outlet;
    struct msk_error err;
    assert_int_equal(msk_outlet_of_file(&loop, "/dev/full", true, &outlet, &err), 0);
    push(outlet, "lost");
    while (!msk_outlet_idle(outlet))
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(msk_outlet_failure(outlet), ENOSPC);
    assert_int_equal(msk_outlet_failure(outlet), 0);
    push(outlet, "lost too");
    finish(outlet);
}

/* Everything up to the end of the pipe, a piece at a time while the loop runs. */
static char *drain(int fd, struct msk_outlet *outlet)
{
    size_t len = 0, size = 4u << 20;
    char *text = malloc(size);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    for (;;) {
        ssize_t n = read(fd, text + len, size - len - 1);
        if (n > 0)
            len += (size_t)n;
        else if (msk_outlet_idle(outlet))
            break;
        else
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    text[len] = 0;
    return text;
}

/* Nobody reads the pipe: pushing returns all the same, memory is bounded, and later the reader finds every line that
 * was not dropped, in order, and the number of those that were. */
static void a_reader_that_sleeps_holds_nobody_up(void **state)
{
    (void)state;
    int fds[2];
    struct msk_outlet *outlet;
    char line[1000];
    const size_t count = 4000;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(msk_outlet_of_fd(&loop, fds[1], true, &outlet), 0);
    for (size_t i = 0; i < count; i++) {
        snprintf(line, sizeof line, "%06zu", i);
        memset(line + 6, '.', sizeof line - 7);
        line[sizeof line - 1] = 0;
        push(outlet, line);
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    char *text = drain(fds[0], outlet);
    size_t lines = 0, dropped = 0;
    char *rest = text;
    for (char *at; (at = strsep(&rest, "\n")) && *at;) {
        const char *gap = strstr(at, "\"dropped\":");
        if (gap)
            dropped += strtoul(gap + 10, NULL, 10);
        else
            assert_int_equal(strtoul(at, NULL, 10), lines++ + dropped);
    }
    assert_true(dropped > 0);
    assert_int_equal(lines + dropped, count);
    assert_true(lines * sizeof line <= 2 * MSK_OUTLET_QUEUE_MAX + 65536);
    free(text);
    finish(outlet);
    close(fds[0]);
    close(fds[1]);
}

static void a_reader_that_is_gone_is_a_failure(void **state)
{
    (void)state;
    int fds[2];
    struct msk_outlet *outlet;
    assert_int_equal(pipe(fds), 0);
    close(fds[0]);
    assert_int_equal(msk_outlet_of_fd(&loop, fds[1], false, &outlet), 0);
    push(outlet, "to nobody");
    while (!msk_outlet_idle(outlet))
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(msk_outlet_failure(outlet), EPIPE);
    finish(outlet);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_appended_to_a_file),
        cmocka_unit_test(a_file_that_cannot_be_opened_is_named),
        cmocka_unit_test(failing_writes_are_told_and_do_not_stop_it),
        cmocka_unit_test(a_reader_that_sleeps_holds_nobody_up),
        cmocka_unit_test(a_reader_that_is_gone_is_a_failure),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
