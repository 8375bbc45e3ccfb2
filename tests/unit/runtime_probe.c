/* Short programs' links: against a peer that echoes, in a thread of its own. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "runtime/net.h"
#include "runtime/now.h"
#include "runtime/probe.h"
#include "wire/close_code.h"

#define TIMEOUT_MS 10000

/* Echoes frames; "close" makes it close with 401, "more" sends three. */
struct echo {
    uv_loop_t loop;
    uv_async_t stop;
    struct msk_net *net;
    struct msk_digest peer_id;
    struct msk_socket_addr address;
    uint64_t last_link;
    uint64_t closed_code;
    atomic_size_t closed; /* raised after the code is there */
    pthread_t thread;
};
static struct echo echo;

static uint64_t on_new_link(void *context)
{
    (void)context;
    return ++echo.last_link;
}

static void on_opened(void *context, uint64_t link, const struct msk_link_info *info)
{
    (void)context;
    (void)link;
    (void)info;
}

static void on_frame(void *context, uint64_t link, struct msk_bytes frame)
{
    (void)context;
    if (msk_bytes_equal(frame, msk_bytes_of_text("close"))) {
        msk_net_close(echo.net, link, MSK_CLOSE_UNKNOWN_PEER, true);
        return;
    }
    for (int i = 0; i < (msk_bytes_equal(frame, msk_bytes_of_text("more")) ? 3 : 1); i++)
        msk_net_send(echo.net, link, frame);
}

static void on_closed(void *context, uint64_t link, const struct msk_link_close *close)
{
    (void)context;
    (void)link;
    echo.closed_code = close->code;
    echo.closed++;
}

static size_t on_frame_max(void *context, uint64_t link)
{
    (void)context;
    (void)link;
    return MSK_FRAME_MAX_BOND;
}

static void on_act(void *context)
{
    (void)context;
}

static uint64_t on_deadline_ms(void *context)
{
    (void)context;
    return MSK_NEVER;
}

static void on_stop(uv_async_t *stop)
{
    uv_close((uv_handle_t *)stop, NULL);
    msk_net_free(echo.net);
}

static void *run_echo(void *argument)
{
    (void)argument;
    uv_run(&echo.loop, UV_RUN_DEFAULT);
    return NULL;
}

static int setup(void **state)
{
    static const uint8_t secret[32] = {1}, own_secret[32] = {2};
    static const enum msk_alpn alpns[] = {MSK_ALPN_PING};
    const struct msk_socket_addr listen = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}};
    const struct msk_net_config config = {
        .secret = secret, .listen = &listen, .listen_count = 1, .alpns = alpns, .alpn_count = 1};
    const struct msk_net_owner owner = {.new_link = on_new_link,
                                        .opened = on_opened,
                                        .frame = on_frame,
                                        .closed = on_closed,
                                        .frame_max = on_frame_max,
                                        .act = on_act,
                                        .deadline_ms = on_deadline_ms};
    struct msk_error err;
    echo = (struct echo){0};
    uv_loop_init(&echo.loop);
    uv_async_init(&echo.loop, &echo.stop, on_stop);
    assert_int_equal(msk_net_new(&echo.loop, &config, &owner, &echo.net, &err), 0);
    echo.peer_id = *msk_net_peer_id(echo.net);
    msk_net_address(echo.net, 0, &echo.address);
    pthread_create(&echo.thread, NULL, run_echo, NULL);
    return msk_probe_new(own_secret, (struct msk_probe **)state, &err);
}

static int teardown(void **state)
{
    msk_probe_free(*state);
    uv_async_send(&echo.stop);
    pthread_join(echo.thread, NULL);
    return uv_loop_close(&echo.loop);
}

static void dial(struct msk_probe *probe)
{
    const struct msk_peer_address peer = {.peer = echo.peer_id, .address = echo.address};
    struct msk_error err;
    if (msk_probe_dial(probe, &peer, MSK_ALPN_PING, 1000, TIMEOUT_MS, &err))
        fail_msg("%s", err.text);
}

static void say(struct msk_probe *probe, const char *text)
{
    struct msk_error err;
    assert_int_equal(msk_probe_send(probe, msk_bytes_of_text(text), &err), 0);
}

static void hear(struct msk_probe *probe, const char *text)
{
    struct msk_bytes frame;
    struct msk_error err;
    if (msk_probe_receive(probe, TIMEOUT_MS, &frame, &err))
        fail_msg("%s", err.text);
    assert_true(msk_bytes_equal(frame, msk_bytes_of_text(text)));
}

static void frames_go_and_come(void **state)
{
    struct msk_probe *probe = *state;
    struct msk_quic_conn_info info;
    uint8_t exported[32];
    dial(probe);
    msk_quic_conn_info(msk_probe_conn(probe), &info);
    assert_true(info.connected_ns > info.started_ns);
    assert_true(msk_digest_equal(&info.peer, &echo.peer_id));
    assert_int_equal(msk_probe_export(probe, msk_bytes_of_text("label"), exported), 0);
    say(probe, "one");
    hear(probe, "one");
    say(probe, "more");
    say(probe, "two");
    for (int i = 0; i < 3; i++)
        hear(probe, "more");
    hear(probe, "two");
    assert_null(msk_probe_end(probe));
}

static void one_link_after_another(void **state)
{
    struct msk_probe *probe = *state;
    for (int i = 0; i < 3; i++) {
        dial(probe);
        say(probe, "hello");
        hear(probe, "hello");
    }
    msk_probe_close(probe, MSK_CLOSE_SUCCESS);
    assert_null(msk_probe_conn(probe));
    while (echo.closed < 3) /* in its own thread */
        sched_yield();
    assert_int_equal(echo.closed_code, MSK_CLOSE_SUCCESS);
}

static void a_close_of_the_peer_is_told_with_its_code(void **state)
{
    struct msk_probe *probe = *state;
    struct msk_bytes frame;
    struct msk_error err;
    dial(probe);
    say(probe, "close");
    assert_int_equal(msk_probe_receive(probe, TIMEOUT_MS, &frame, &err), MSK_E_CLOSED);
    assert_string_equal(err.text, "closed by the peer: 401 UnknownPeer");
    assert_int_equal(msk_probe_end(probe)->code, MSK_CLOSE_UNKNOWN_PEER);
    assert_int_equal(msk_probe_end(probe)->by, MSK_CLOSED_PEER);
    assert_int_equal(msk_probe_send(probe, msk_bytes_of_text("x"), &err), MSK_E_CLOSED);
}

static void silence_ends_in_a_time_out(void **state)
{
    struct msk_probe *probe = *state;
    struct msk_bytes frame;
    struct msk_error err;
    dial(probe);
    uint64_t before_ms = msk_now().mono_ms;
    assert_int_equal(msk_probe_receive(probe, 20, &frame, &err), MSK_E_TIMEOUT);
    assert_true(msk_now().mono_ms - before_ms >= 20);
    say(probe, "hello");
    hear(probe, "hello");
}

static void dials_that_fail_say_why(void **state)
{
    struct msk_probe *probe = *state;
    struct msk_error err;
    struct msk_peer_address peer = {.peer = echo.peer_id, .address = echo.address};
    assert_int_equal(msk_probe_dial(probe, &peer, MSK_ALPN_GROUPS, 1000, TIMEOUT_MS, &err), MSK_E_UNREACHABLE);
    assert_true(err.text[0] != 0);
    peer.peer = *msk_probe_peer_id(probe);
    assert_int_equal(msk_probe_dial(probe, &peer, MSK_ALPN_PING, 1000, TIMEOUT_MS, &err), MSK_E_UNREACHABLE);
    peer = (struct msk_peer_address){.peer = echo.peer_id,
                                     .address = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = 9}};
    assert_int_equal(msk_probe_dial(probe, &peer, MSK_ALPN_PING, 1000, TIMEOUT_MS, &err), MSK_E_UNREACHABLE);
    assert_null(msk_probe_conn(probe));
    dial(probe);
}

static void a_frame_too_long_ends_the_link(void **state)
{
    struct msk_probe *probe = *state;
    char text[2000];
    struct msk_bytes frame;
    struct msk_error err;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    dial(probe);
    say(probe, text);
    assert_int_equal(msk_probe_receive(probe, TIMEOUT_MS, &frame, &err), MSK_E_CLOSED);
    assert_int_equal(msk_probe_end(probe)->code, MSK_CLOSE_PROTOCOL_VIOLATION);
    assert_int_equal(msk_probe_end(probe)->by, MSK_CLOSED_LOCAL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_go_and_come),
        TEST(one_link_after_another),
        TEST(a_close_of_the_peer_is_told_with_its_code),
        TEST(silence_ends_in_a_time_out),
        TEST(dials_that_fail_say_why),
        TEST(a_frame_too_long_ends_the_link),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
