/* The control socket from both ends: requests in order, nonsense, slow watchers, clients that leave. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "runtime/client.h"
#include "runtime/control.h"
#include "runtime/unix_socket.h"

struct fixture {
    uv_loop_t loop;
    char directory[64], path[96];
    struct msk_control *control;
    struct msk_control_request *pending;
    size_t left_count;
};

/* ---- what the node under test can do */

static void run_echo(void *context, const json_t *arguments, struct msk_control_request *request)
{
    (void)context;
    msk_control_answer(request, json_pack("{s:O}", "said", json_object_get(arguments, "say")));
}

static void run_refuse(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct msk_error err;
    (void)context;
    (void)arguments;
    msk_fail(&err, MSK_E_NOTFOUND, "nothing here");
    msk_control_refuse(request, &err);
}

static void run_later(void *context, const json_t *arguments, struct msk_control_request *request)
{
    struct fixture *fixture = context;
    (void)arguments;
    fixture->pending = request;
}

/* An answer that does not fit into one. */
static void run_lengthy(void *context, const json_t *arguments, struct msk_control_request *request)
{
    (void)context;
    (void)arguments;
    char *text = malloc(MSK_CONTROL_ANSWER_MAX);
    assert_non_null(text);
    memset(text, 'x', MSK_CONTROL_ANSWER_MAX);
    msk_control_answer(request, json_stringn(text, MSK_CONTROL_ANSWER_MAX));
    free(text);
}

static void on_left(void *context)
{
    struct fixture *fixture = context;
    fixture->left_count++;
    msk_control_answer(fixture->pending, json_object());
    fixture->pending = NULL;
}

/* As "later", but its client's leaving ends it. */
static void run_noticing(void *context, const json_t *arguments, struct msk_control_request *request)
{
    run_later(context, arguments, request);
    msk_control_on_leave(request, on_left, context);
}

static void run_watch(void *context, const json_t *arguments, struct msk_control_request *request)
{
    (void)context;
    (void)arguments;
    msk_control_stream(request);
}

static const struct msk_control_verb verbs[] = {{"echo", run_echo},         {"refuse", run_refuse},
                                                {"later", run_later},       {"watch", run_watch},
                                                {"noticing", run_noticing}, {"lengthy", run_lengthy}};

#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static void listen_again(struct fixture *fixture)
{
    struct msk_error err;
    if (msk_control_new(&fixture->loop, fixture->path, verbs, VERB_COUNT, fixture, &fixture->control, &err))
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    signal(SIGPIPE, SIG_IGN);
    strcpy(fixture->directory, "/tmp/mosaik-control-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->path, sizeof fixture->path, "%s/sock", fixture->directory);
    uv_loop_init(&fixture->loop);
    listen_again(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    msk_control_free(fixture->control);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    unlink(fixture->path);
    assert_int_equal(rmdir(fixture->directory), 0);
    free(fixture);
    return 0;
}

/* ---- raw clients, driven from the same thread */

static int connect_raw(const struct fixture *fixture)
{
    struct msk_error err;
    int fd;
    assert_int_equal(msk_unix_connect(fixture->path, &fd, &err), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* One line, or NULL at the end of the connection; the loop runs meanwhile. The caller's. */
static char *hear(struct fixture *fixture, int fd)
{
    size_t len = 0, size = 1u << 16;
    char *line = malloc(size);
    for (;;) {
        ssize_t n = read(fd, line + len, 1);
        if (n == 0 || (n < 0 && errno != EAGAIN)) {
            free(line);
            return NULL;
        }
        if (n < 0) {
            uv_run(&fixture->loop, UV_RUN_NOWAIT);
            continue;
        }
        if (line[len] == '\n') {
            line[len] = 0;
            return line;
        }
        assert_true(++len < size);
    }
}

static void expect_line(struct fixture *fixture, int fd, const char *expected)
{
    char *line = hear(fixture, fd);
    assert_non_null(line);
    assert_string_equal(line, expected);
    free(line);
}

static void expect_end(struct fixture *fixture, int fd)
{
    assert_null(hear(fixture, fd));
    close(fd);
}

static void run_a_little(struct fixture *fixture)
{
    for (int i = 0; i < 50; i++)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
}

/* ---- requests */

static void requests_are_answered_in_order(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"echo\",\"say\":1}\n{\"cmd\":\"refuse\"}\n{\"cmd\":\"ec");
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{\"said\":1}}");
    expect_line(fixture, fd, "{\"ok\":false,\"error\":\"nothing here\",\"code\":\"NOTFOUND\"}");
    say(fd, "ho\",\"say\":\"2\"}\n");
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{\"said\":\"2\"}}");
    close(fd);
}

static void an_answer_may_come_later_and_holds_up_only_its_own_connection(void **state)
{
    struct fixture *fixture = *state;
    int waiting = connect_raw(fixture), other = connect_raw(fixture);
    say(waiting, "{\"cmd\":\"later\"}\n{\"cmd\":\"echo\",\"say\":2}\n");
    say(other, "{\"cmd\":\"echo\",\"say\":3}\n");
    expect_line(fixture, other, "{\"ok\":true,\"result\":{\"said\":3}}");
    run_a_little(fixture);
    assert_non_null(fixture->pending);
    msk_control_answer(fixture->pending, json_pack("{s:b}", "late", 1));
    expect_line(fixture, waiting, "{\"ok\":true,\"result\":{\"late\":true}}");
    expect_line(fixture, waiting, "{\"ok\":true,\"result\":{\"said\":2}}");
    close(waiting);
    close(other);
}

static void who_has_said_everything_still_gets_the_answer(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"later\"}\n");
    shutdown(fd, SHUT_WR);
    run_a_little(fixture);
    msk_control_answer(fixture->pending, json_object());
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{}}");
    expect_end(fixture, fd);
}

static void who_left_is_answered_into_the_void(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 3; i++) {
        int fd = connect_raw(fixture);
        say(fd, "{\"cmd\":\"later\"}\n");
        run_a_little(fixture);
        close(fd);
        run_a_little(fixture);
        msk_control_answer(fixture->pending, json_object());
        run_a_little(fixture);
    }
}

static void who_left_is_noticed_once(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"noticing\"}\n");
    run_a_little(fixture);
    assert_int_equal(fixture->left_count, 0);
    close(fd);
    run_a_little(fixture);
    assert_int_equal(fixture->left_count, 1);
    run_a_little(fixture);
    assert_int_equal(fixture->left_count, 1);
}

static void who_still_reads_has_not_left(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"noticing\"}\n");
    run_a_little(fixture);
    shutdown(fd, SHUT_WR);
    run_a_little(fixture);
    assert_int_equal(fixture->left_count, 0);
    msk_control_answer(fixture->pending, json_object());
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{}}");
    expect_end(fixture, fd);
    assert_int_equal(fixture->left_count, 0);
}

static void an_answer_too_long_is_told(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"lengthy\"}\n{\"cmd\":\"echo\",\"say\":1}\n");
    expect_line(fixture, fd, "{\"ok\":false,\"error\":\"the answer is too long\",\"code\":\"LIMIT\"}");
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{\"said\":1}}");
    close(fd);
}

static void in_the_end_requests_are_refused(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"later\"}\n{\"cmd\":\"echo\"}\n");
    run_a_little(fixture);
    msk_control_end(fixture->control);
    msk_control_answer(fixture->pending, json_object());
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{}}");
    expect_line(fixture, fd, "{\"ok\":false,\"error\":\"the node is stopping\",\"code\":\"CLOSED\"}");
    close(fd);
}

static void nonsense_is_answered_with_the_reason(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    say(fd, "garbage\n[1]\n{\"cmd\":\"dance\"}\n{\"cmd\":\"echo\",\"cmd\":\"echo\"}\n\n");
    expect_line(fixture, fd,
                "{\"ok\":false,\"error\":\"not a line of JSON: column 7: '[' or '{' expected near 'garbage'\","
                "\"code\":\"INVALID\"}");
    expect_line(fixture, fd, "{\"ok\":false,\"error\":\"not a request: no member \\\"cmd\\\"\",\"code\":\"INVALID\"}");
    expect_line(fixture, fd, "{\"ok\":false,\"error\":\"unknown command \\\"dance\\\"\",\"code\":\"INVALID\"}");
    for (int i = 0; i < 2; i++) {
        char *line = hear(fixture, fd);
        assert_non_null(strstr(line, "not a line of JSON"));
        free(line);
    }
    close(fd);
}

static void a_request_that_never_ends_is_refused(void **state)
{
    struct fixture *fixture = *state;
    int fd = connect_raw(fixture);
    char piece[65536];
    memset(piece, 'x', sizeof piece);
    for (size_t sent = 0; sent <= 2 * MSK_CONTROL_REQUEST_MAX; sent += sizeof piece) {
        if (write(fd, piece, sizeof piece) < 0 && errno != EAGAIN)
            break;
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    expect_line(fixture, fd, "{\"ok\":false,\"error\":\"the request is too long\",\"code\":\"LIMIT\"}");
    expect_end(fixture, fd);
}

static void only_so_many_connections(void **state)
{
    struct fixture *fixture = *state;
    int fds[MSK_CONTROL_CLIENTS_MAX];
    for (size_t i = 0; i < MSK_CONTROL_CLIENTS_MAX; i++) {
        fds[i] = connect_raw(fixture);
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    }
    int one_more = connect_raw(fixture);
    expect_line(fixture, one_more,
                "{\"ok\":false,\"error\":\"too many connections to the control socket\",\"code\":\"LIMIT\"}");
    expect_end(fixture, one_more);
    say(fds[0], "{\"cmd\":\"echo\",\"say\":1}\n");
    expect_line(fixture, fds[0], "{\"ok\":true,\"result\":{\"said\":1}}");
    for (size_t i = 0; i < MSK_CONTROL_CLIENTS_MAX; i++)
        close(fds[i]);
    run_a_little(fixture);
    int again = connect_raw(fixture);
    say(again, "{\"cmd\":\"echo\",\"say\":1}\n");
    expect_line(fixture, again, "{\"ok\":true,\"result\":{\"said\":1}}");
    close(again);
}

/* ---- watching */

static void publish(struct fixture *fixture, size_t number, size_t len)
{
    char line[4096];
    memset(line, '.', len);
    snprintf(line, sizeof line, "{\"n\":%zu,\"fill\":\"", number);
    line[strlen(line)] = '.';
    memcpy(line + len - 2, "\"}", 3);
    msk_control_publish(fixture->control, msk_bytes_of_text(line));
}

static int watch(struct fixture *fixture)
{
    int fd = connect_raw(fixture);
    say(fd, "{\"cmd\":\"watch\"}\n");
    expect_line(fixture, fd, "{\"ok\":true,\"result\":{}}");
    return fd;
}

static void watchers_get_events_and_others_do_not(void **state)
{
    struct fixture *fixture = *state;
    assert_false(msk_control_is_watched(fixture->control));
    int watching = watch(fixture), other = connect_raw(fixture);
    assert_true(msk_control_is_watched(fixture->control));
    msk_control_publish(fixture->control, msk_bytes_of_text("{\"event\":1}"));
    msk_control_publish(fixture->control, msk_bytes_of_text("{\"event\":2}"));
    expect_line(fixture, watching, "{\"event\":1}");
    expect_line(fixture, watching, "{\"event\":2}");
    say(other, "{\"cmd\":\"echo\",\"say\":1}\n");
    expect_line(fixture, other, "{\"ok\":true,\"result\":{\"said\":1}}");
    close(watching);
    run_a_little(fixture);
    assert_false(msk_control_is_watched(fixture->control));
    close(other);
}

static void a_slow_watcher_is_told_what_it_missed_and_the_others_miss_nothing(void **state)
{
    struct fixture *fixture = *state;
    enum { COUNT = 3000, LENGTH = 1000 };
    int slow = watch(fixture), quick = watch(fixture);
    for (size_t i = 0; i < COUNT; i++) {
        publish(fixture, i, LENGTH);
        char *line = hear(fixture, quick);
        json_t *event = json_loads(line, 0, NULL);
        assert_int_equal(json_integer_value(json_object_get(event, "n")), i);
        json_decref(event);
        free(line);
    }
    msk_control_publish(fixture->control, msk_bytes_of_text("{\"n\":-1}"));
    size_t seen = 0, dropped = 0;
    for (json_int_t n = 0; n >= 0;) {
        char *line = hear(fixture, slow);
        json_t *event = json_loads(line, 0, NULL);
        const json_t *gap = json_object_get(event, "dropped");
        if (gap)
            dropped += (size_t)json_integer_value(gap);
        else if ((n = json_integer_value(json_object_get(event, "n"))) >= 0)
            assert_int_equal(n, seen++ + dropped);
        json_decref(event);
        free(line);
        if (gap && n >= 0 && seen + dropped == COUNT + 1)
            break; /* the last one was dropped as well */
    }
    assert_true(dropped > 0);
    assert_true(seen * LENGTH <= 2 * MSK_CONTROL_WATCH_MAX + (1u << 20));
    close(slow);
    close(quick);
}

/* ---- the socket itself */

static void it_is_for_its_owner_only_and_goes_with_the_node(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    assert_int_equal(stat(fixture->path, &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    int fd = connect_raw(fixture);
    run_a_little(fixture);
    msk_control_close(fixture->control);
    expect_end(fixture, fd);
    assert_int_equal(stat(fixture->path, &status), -1);
}

static void what_is_in_the_way(void **state)
{
    struct fixture *fixture = *state;
    struct msk_control *second;
    struct msk_error err;
    assert_int_equal(msk_control_new(&fixture->loop, fixture->path, verbs, VERB_COUNT, fixture, &second, &err),
                     MSK_E_REFUSED);
    assert_non_null(strstr(err.text, "another process listens there"));
    msk_control_free(fixture->control);

    int fd, file;
    assert_int_equal(msk_unix_listen(fixture->path, &fd, &err), 0);
    close(fd); /* as a crash leaves it: the socket stays, the listener is gone */
    listen_again(fixture);
    msk_control_free(fixture->control);

    file = open(fixture->path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_int_equal(msk_control_new(&fixture->loop, fixture->path, verbs, VERB_COUNT, fixture, &second, &err),
                     MSK_E_REFUSED);
    assert_non_null(strstr(err.text, "is not a socket"));
    unlink(fixture->path);

    char path[200];
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = 0;
    assert_int_equal(msk_control_new(&fixture->loop, path, verbs, VERB_COUNT, fixture, &second, &err), MSK_E_INVALID);
    assert_int_equal(msk_control_new(&fixture->loop, "/nowhere/sock", verbs, VERB_COUNT, fixture, &second, &err),
                     MSK_E_IO);
    listen_again(fixture);
}

/* ---- the client of the short programs, in a thread of its own */

struct conversation {
    const char *path;
    int echo, refuse, late, watched, ended;
    json_int_t said;
    struct msk_error refusal, lateness;
    volatile bool done;
};

static void *converse(void *argument)
{
    struct conversation *talk = argument;
    struct msk_client *client;
    struct msk_error err;
    json_t *result, *event;
    if (msk_client_open(talk->path, &client, &err))
        return NULL;
    talk->echo = msk_client_call(client, json_pack("{s:s, s:i}", "cmd", "echo", "say", 7), 5000, &result, &err);
    talk->said = json_integer_value(json_object_get(result, "said"));
    json_decref(result);
    talk->refuse = msk_client_call(client, json_pack("{s:s}", "cmd", "refuse"), 5000, &result, &talk->refusal);
    if (msk_client_call(client, json_pack("{s:s}", "cmd", "watch"), 5000, &result, &err) == 0)
        json_decref(result);
    talk->watched = msk_client_next(client, 5000, &event, &err);
    json_decref(event);
    talk->late = msk_client_next(client, 1, &event, &talk->lateness);
    talk->done = true;
    talk->ended = msk_client_next(client, MSK_NEVER, &event, &err);
    msk_client_close(client);
    return NULL;
}

static void a_client_converses(void **state)
{
    struct fixture *fixture = *state;
    struct conversation talk = {.path = fixture->path};
    pthread_t thread;
    pthread_create(&thread, NULL, converse, &talk);
    while (!msk_control_is_watched(fixture->control))
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    msk_control_publish(fixture->control, msk_bytes_of_text("{\"event\":1}"));
    while (!talk.done)
        uv_run(&fixture->loop, UV_RUN_NOWAIT);
    msk_control_free(fixture->control);
    pthread_join(thread, NULL);
    listen_again(fixture);

    assert_int_equal(talk.echo, 0);
    assert_int_equal(talk.said, 7);
    assert_int_equal(talk.refuse, MSK_E_NOTFOUND);
    assert_string_equal(talk.refusal.text, "nothing here");
    assert_int_equal(talk.watched, 0);
    assert_int_equal(talk.late, MSK_E_TIMEOUT);
    assert_int_equal(talk.ended, MSK_E_CLOSED);
}

static void a_client_without_a_node(void **state)
{
    struct fixture *fixture = *state;
    struct msk_client *client;
    struct msk_error err;
    msk_control_free(fixture->control);
    assert_int_equal(msk_client_open(fixture->path, &client, &err), MSK_E_UNREACHABLE);
    assert_non_null(strstr(err.text, "No such file or directory"));
    listen_again(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_are_answered_in_order),
        TEST(an_answer_may_come_later_and_holds_up_only_its_own_connection),
        TEST(who_has_said_everything_still_gets_the_answer),
        TEST(who_left_is_answered_into_the_void),
        TEST(who_left_is_noticed_once),
        TEST(an_answer_too_long_is_told),
        TEST(who_still_reads_has_not_left),
        TEST(in_the_end_requests_are_refused),
        TEST(nonsense_is_answered_with_the_reason),
        TEST(a_request_that_never_ends_is_refused),
        TEST(only_so_many_connections),
        TEST(watchers_get_events_and_others_do_not),
        TEST(a_slow_watcher_is_told_what_it_missed_and_the_others_miss_nothing),
        TEST(it_is_for_its_owner_only_and_goes_with_the_node),
        TEST(what_is_in_the_way),
        TEST(a_client_converses),
        TEST(a_client_without_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
