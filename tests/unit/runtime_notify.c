/* Readiness as a service manager or a parent process sees it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/notify.h"
#include "runtime/unix_socket.h"

static void expect_told_at(const char *path)
{
    struct sockaddr_un address;
    socklen_t len;
    struct msk_error err;
    char text[64] = "";
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(msk_unix_address(path, &address, &len, &err), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(msk_notify("READY=1", &err), 0);
    assert_int_equal(recv(fd, text, sizeof text - 1, MSG_DONTWAIT), 7);
    assert_string_equal(text, "READY=1");
    close(fd);
}

static void a_socket_in_the_file_system_is_told(void **state)
{
    char directory[] = "/tmp/mosaik-notify-XXXXXX", path[64];
    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/sock", directory);
    expect_told_at(path);
    unlink(path);
    rmdir(directory);
}

static void an_abstract_socket_is_told(void **state)
{
    char path[64];
    (void)state;
    snprintf(path, sizeof path, "@mosaik-notify-%ld", (long)getpid());
    expect_told_at(path);
}

static void without_a_manager_nothing_is_said(void **state)
{
    struct msk_error err;
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(msk_notify("READY=1", &err), 0);
    setenv("NOTIFY_SOCKET", "", 1);
    assert_int_equal(msk_notify("READY=1", &err), 0);
}

static void an_unusable_socket_is_named(void **state)
{
    struct msk_error err;
    char path[200];
    (void)state;
    setenv("NOTIFY_SOCKET", "/nowhere/sock", 1);
    assert_int_equal(msk_notify("READY=1", &err), MSK_E_UNREACHABLE);
    assert_string_equal(err.text, "NOTIFY_SOCKET: /nowhere/sock: No such file or directory");
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    setenv("NOTIFY_SOCKET", path, 1);
    assert_int_equal(msk_notify("READY=1", &err), MSK_E_INVALID);
}

static void the_ready_descriptor_gets_a_line_and_is_closed(void **state)
{
    int fds[2];
    char text[16] = "";
    struct msk_error err;
    (void)state;
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(msk_notify_ready_fd(fds[1], &err), 0);
    assert_int_equal(read(fds[0], text, sizeof text), 6);
    assert_string_equal(text, "ready\n");
    assert_int_equal(read(fds[0], text, sizeof text), 0); /* the end: it is closed */
    close(fds[0]);
    assert_int_equal(msk_notify_ready_fd(fds[1], &err), MSK_E_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_socket_in_the_file_system_is_told),
        cmocka_unit_test(an_abstract_socket_is_told),
        cmocka_unit_test(without_a_manager_nothing_is_said),
        cmocka_unit_test(an_unusable_socket_is_named),
        cmocka_unit_test(the_ready_descriptor_gets_a_line_and_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
