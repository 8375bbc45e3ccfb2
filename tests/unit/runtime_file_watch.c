/* Files that are written, replaced, deleted and made again: each change is told once it is over, and of which file. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/file_watch.h"

#define FILES        3
#define PATIENCE_MS  10000
#define UNCHANGED_MS (4 * MSK_FILE_WATCH_DELAY_MS) /* nothing is told for so long: nothing will be */

static uv_loop_t loop;
static struct msk_file_watch watch;
static char directory[] = "/tmp/mosaik-watch-XXXXXX";
static char paths[FILES][64]; /* "a", "b" in the directory, "c" in one below that may be missing */
static unsigned told[FILES];

static void on_changed(void *context, size_t index)
{
    (void)context;
    told[index]++;
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static int begin(struct msk_error *err)
{
    const char *const list[FILES] = {paths[0], paths[1], paths[2]};
    watch = (struct msk_file_watch){.changed = on_changed};
    memset(told, 0, sizeof told);
    return msk_file_watch_start(&watch, &loop, list, FILES, err);
}

static int setup(void **state)
{
    (void)state;
    strcpy(directory + sizeof directory - 7, "XXXXXX");
    if (!mkdtemp(directory))
        return -1;
    for (size_t i = 0; i < FILES; i++)
        snprintf(paths[i], sizeof paths[i], "%s/%s%c", directory, i == 2 ? "sub/" : "", 'a' + (char)i);
    write_file(paths[0], "one");
    write_file(paths[1], "one");
    return uv_loop_init(&loop);
}

static int teardown(void **state)
{
    (void)state;
    char command[96];
    msk_file_watch_stop(&watch);
    uv_run(&loop, UV_RUN_DEFAULT);
    snprintf(command, sizeof command, "rm -r '%s'", directory);
    return uv_loop_close(&loop) || system(command) ? -1 : 0;
}

static void on_time(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

/* Run until a file was told `count` times, or until time is over. */
static void run_until(size_t file, unsigned count, uint64_t limit_ms)
{
    uv_timer_t timer;
    bool over = false;
    timer.data = &over;
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_time, limit_ms, 0);
    while (told[file] < count && !over)
        uv_run(&loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
}

/* It is told once more, and no other is. */
static void expect_change(size_t file)
{
    unsigned before[FILES];
    memcpy(before, told, sizeof told);
    run_until(file, before[file] + 1, PATIENCE_MS);
    for (size_t i = 0; i < FILES; i++)
        assert_int_equal(told[i], before[i] + (i == file));
}

static void expect_none(void)
{
    unsigned before[FILES];
    memcpy(before, told, sizeof told);
    run_until(0, told[0] + 1, UNCHANGED_MS);
    assert_memory_equal(told, before, sizeof told);
}

static void start(void)
{
    char below[64];
    struct msk_error err;
    snprintf(below, sizeof below, "%s/sub", directory);
    assert_int_equal(mkdir(below, 0700), 0);
    assert_int_equal(begin(&err), 0);
    assert_int_equal(watch.directory_count, 2);
}

static void a_file_written_in_place_is_told(void **state)
{
    (void)state;
    start();
    write_file(paths[1], "another text");
    expect_change(1);
    write_file(paths[0], "another text");
    expect_change(0);
}

static void a_file_renamed_over_it_is_told(void **state)
{
    (void)state;
    char other[80];
    start();
    snprintf(other, sizeof other, "%s.new", paths[0]);
    write_file(other, "two");
    expect_none();
    assert_int_equal(rename(other, paths[0]), 0);
    expect_change(0);
}

static void one_that_goes_and_comes_back_is_told(void **state)
{
    (void)state;
    start();
    unlink(paths[1]);
    expect_change(1);
    write_file(paths[1], "one");
    expect_change(1);
    write_file(paths[2], "made later");
    expect_change(2);
}

/* As secrets of containers change: the file is a link, and what changes is where its directory points. */
static void a_link_that_points_elsewhere_is_told(void **state)
{
    (void)state;
    char target[80], link[80];
    snprintf(target, sizeof target, "%s/target", directory);
    snprintf(link, sizeof link, "%s/link", directory);
    write_file(target, "two");
    unlink(paths[0]);
    assert_int_equal(symlink("b", paths[0]), 0);
    start();
    assert_int_equal(symlink("target", link), 0);
    assert_int_equal(rename(link, paths[0]), 0);
    expect_change(0);
}

static void others_in_the_directory_do_not_count(void **state)
{
    (void)state;
    char other[80];
    start();
    snprintf(other, sizeof other, "%s/other", directory);
    write_file(other, "text");
    unlink(other);
    expect_none();
}

/* Many signs are one change. */
static void what_is_written_in_pieces_is_told_once(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 10; i++)
        write_file(paths[0], "0123456789" + i);
    expect_change(0);
    expect_none();
}

static void a_missing_directory_is_named_and_the_others_are_watched(void **state)
{
    (void)state;
    struct msk_error err;
    assert_int_equal(begin(&err), MSK_E_IO);
    assert_non_null(strstr(err.text, "/sub"));
    assert_non_null(strstr(err.text, ": cannot be watched: no such file or directory"));
    write_file(paths[0], "two");
    expect_change(0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_file_written_in_place_is_told),
        T(a_file_renamed_over_it_is_told),
        T(one_that_goes_and_comes_back_is_told),
        T(a_link_that_points_elsewhere_is_told),
        T(others_in_the_directory_do_not_count),
        T(what_is_written_in_pieces_is_told_once),
        T(a_missing_directory_is_named_and_the_others_are_watched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
