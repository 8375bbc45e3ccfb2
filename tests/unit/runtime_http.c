/* The page server: what it answers, and what it makes of clients that mean no good. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "quic/address.h"
#include "runtime/http.h"

#define PATIENCE_MS 300
#define ANSWER_MAX  (2u << 20)

static uv_loop_t loop;
static struct msk_http *http;
static size_t page_len;
static char answer[ANSWER_MAX];

static void write_page(void *context, struct msk_builder *out)
{
    (void)context;
    for (size_t i = 0; i < page_len; i++)
        msk_builder_byte(out, 'x');
}

static void on_wake_up(uv_timer_t *timer)
{
    (void)timer;
}

static int setup(void **state)
{
    (void)state;
    const struct msk_socket_addr any_port = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}};
    const struct msk_http_page page = {
        .path = "/page", .content_type = "text/plain", .write = write_page, .patience_ms = PATIENCE_MS};
    struct msk_error err;
    signal(SIGPIPE, SIG_IGN);
    page_len = 5;
    uv_loop_init(&loop);
    return msk_http_new(&loop, &any_port, &page, &http, &err);
}

static int teardown(void **state)
{
    (void)state;
    msk_http_free(http);
    return uv_loop_close(&loop);
}

static int dial(void)
{
    struct msk_socket_addr bound;
    union msk_address address;
    msk_http_address(http, &bound);
    msk_address_from_wire(&bound, &address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, &address.any, msk_address_len(&address)), 0);
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN)
            return; /* it listens no more */
        text += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        uv_run(&loop, UV_RUN_NOWAIT);
    }
}

/* All that comes until the connection ends, which it must; closes it. */
static const char *hear(int fd)
{
    size_t len = 0;
    uv_timer_t timer; /* so that the loop comes back to look at our end, too */
    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_wake_up, 1, 1);
    for (;;) {
        ssize_t n = recv(fd, answer + len, sizeof answer - 1 - len, MSG_DONTWAIT);
        if (n > 0)
            len += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            break;
        else
            uv_run(&loop, UV_RUN_ONCE);
    }
    answer[len] = 0;
    close(fd);
    uv_close((uv_handle_t *)&timer, NULL);
    uv_run(&loop, UV_RUN_NOWAIT);
    return answer;
}

static const char *ask(const char *request)
{
    int fd = dial();
    say(fd, request, strlen(request));
    return hear(fd);
}

static void expect_status(const char *request, const char *status)
{
    char line[64];
    snprintf(line, sizeof line, "HTTP/1.1 %s\r\n", status);
    if (strncmp(ask(request), line, strlen(line)) != 0)
        fail_msg("%s: answered with %.60s", request, answer);
}

static void the_page_is_given_to_who_asks(void **state)
{
    (void)state;
    assert_string_equal(ask("GET /page HTTP/1.1\r\nHost: x\r\n\r\n"),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n"
                        "Cache-Control: no-store\r\nConnection: close\r\n\r\nxxxxx");
    expect_status("GET /page?name=value HTTP/1.1\r\n\r\n", "200 OK");
    expect_status("GET http://host:1/page HTTP/1.1\r\n\r\n", "200 OK");
    expect_status("GET /page HTTP/1.0\r\n\r\n", "200 OK");
}

static void head_has_no_body(void **state)
{
    (void)state;
    const char *text = ask("HEAD /page HTTP/1.1\r\n\r\n");
    assert_non_null(strstr(text, "Content-Length: 5\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
}

static void everything_else_is_told_so(void **state)
{
    (void)state;
    expect_status("GET / HTTP/1.1\r\n\r\n", "404 Not Found");
    expect_status("GET /pages HTTP/1.1\r\n\r\n", "404 Not Found");
    expect_status("GET /pag HTTP/1.1\r\n\r\n", "404 Not Found");
    expect_status("GET http:// HTTP/1.1\r\n\r\n", "404 Not Found");
    expect_status("DELETE /page HTTP/1.1\r\n\r\n", "405 Method Not Allowed");
    assert_non_null(strstr(answer, "\r\nAllow: GET, HEAD\r\n"));
    expect_status("GET /page HTTP/2.0\r\n\r\n", "505 HTTP Version Not Supported");
    expect_status("GET /page\r\n\r\n", "400 Bad Request");
    expect_status("GET\r\n\r\n", "400 Bad Request");
    expect_status("\r\n\r\n", "400 Bad Request");
    expect_status("GET /page HTTP/1.1 or so\r\n\r\n", "400 Bad Request");
    expect_status("GET /page FTP/1.1\r\n\r\n", "400 Bad Request");
}

/* Closing with something unread would make the system take the answer back. */
static void a_body_does_not_lose_the_answer(void **state)
{
    (void)state;
    size_t len = 1u << 20;
    char *request = calloc(1, len);
    int used = snprintf(request, len, "POST /page HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
    int fd = dial();
    say(fd, request, (size_t)used);
    say(fd, request, len);
    shutdown(fd, SHUT_WR);
    assert_memory_equal(hear(fd), "HTTP/1.1 405", 12);
    free(request);
}

static void requests_may_come_in_pieces_and_end_with_their_sender(void **state)
{
    (void)state;
    const char *request = "GET /page HTTP/1.1\r\n\r\n";
    int fd = dial();
    for (size_t i = 0; i < strlen(request); i++)
        say(fd, request + i, 1);
    shutdown(fd, SHUT_WR);
    assert_memory_equal(hear(fd), "HTTP/1.1 200", 12);
}

static void an_answer_is_whole_or_an_error(void **state)
{
    (void)state;
    page_len = MSK_HTTP_ANSWER_MAX;
    assert_int_equal(strlen(strstr(ask("GET /page HTTP/1.1\r\n\r\n"), "\r\n\r\n")), 4 + page_len);
    page_len = MSK_HTTP_ANSWER_MAX + 1;
    expect_status("GET /page HTTP/1.1\r\n\r\n", "500 Internal Server Error");
}

static void requests_are_bounded(void **state)
{
    (void)state;
    char *request = calloc(1, MSK_HTTP_REQUEST_MAX + 2);
    memset(request, 'a', MSK_HTTP_REQUEST_MAX + 1);
    expect_status(request, "431 Request Header Fields Too Large");
    memcpy(request, "GET /page HTTP/1.1\r\n", 20);
    expect_status(request, "431 Request Header Fields Too Large");
    free(request);
    int fd = dial();
    say(fd, "GET /page\0 HTTP/1.1\r\n\r\n", 23);
    assert_memory_equal(hear(fd), "HTTP/1.1 400", 12);
}

static void who_does_not_ask_is_let_go(void **state)
{
    (void)state;
    uint64_t start_ns = uv_hrtime();
    int fd = dial();
    say(fd, "GET /page", 9);
    assert_string_equal(hear(fd), "");
    assert_true(uv_hrtime() - start_ns >= UINT64_C(1000000) * (PATIENCE_MS - 10));
    assert_memory_equal(ask("GET /page HTTP/1.1\r\n\r\n"), "HTTP/1.1 200", 12);
}

static void connections_are_bounded_and_free_again(void **state)
{
    (void)state;
    int fds[MSK_HTTP_CLIENTS_MAX];
    for (size_t i = 0; i < MSK_HTTP_CLIENTS_MAX; i++) {
        fds[i] = dial();
        uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_string_equal(ask("GET /page HTTP/1.1\r\n\r\n"), "");
    for (size_t i = 0; i < MSK_HTTP_CLIENTS_MAX; i++)
        hear(fds[i]);
    expect_status("GET /page HTTP/1.1\r\n\r\n", "200 OK");
}

static void an_address_in_use_is_named(void **state)
{
    (void)state;
    struct msk_socket_addr bound;
    struct msk_error err;
    struct msk_http *second;
    msk_http_address(http, &bound);
    assert_int_equal(msk_http_new(&loop, &bound, &(struct msk_http_page){.path = "/"}, &second, &err), MSK_E_IO);
    assert_memory_equal(err.text, "127.0.0.1:", 10);
    assert_non_null(strstr(err.text, ": address already in use"));
}

static void it_ends_while_clients_are_there(void **state)
{
    (void)state;
    int fd = dial();
    say(fd, "GET", 3); /* the teardown sees that nothing is left open */
    close(fd);
    int other = dial();
    uv_run(&loop, UV_RUN_NOWAIT);
    close(other);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(the_page_is_given_to_who_asks),
        T(head_has_no_body),
        T(everything_else_is_told_so),
        T(a_body_does_not_lose_the_answer),
        T(requests_may_come_in_pieces_and_end_with_their_sender),
        T(an_answer_is_whole_or_an_error),
        T(requests_are_bounded),
        T(who_does_not_ask_is_let_go),
        T(connections_are_bounded_and_free_again),
        T(an_address_in_use_is_named),
        T(it_ends_while_clients_are_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
