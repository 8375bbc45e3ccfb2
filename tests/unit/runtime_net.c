/* Links over real sockets on loopback: two nets in one loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "runtime/net.h"
#include "runtime/now.h"
#include "wire/close_code.h"
#include "wire/frame.h"

#define LIMIT_MS 10000

/* One side: what it was told, and what it does about it. */
struct side {
    struct msk_net *net;
    uint64_t last_link;
    uint64_t link; /* the newest opened */
    size_t opened, closed;
    struct msk_link_info info;
    struct msk_link_close close;
    char detail[400];
    struct msk_builder frames; /* all payloads, joined */
    size_t frame_count, frame_max;
    uint64_t deadline_ms;
    size_t acts;
    bool echo;
};

static uv_loop_t loop;
static struct side ada, bob;

static uint64_t on_new_link(void *context)
{
    struct side *side = context;
    return ++side->last_link;
}

static void on_opened(void *context, uint64_t link, const struct msk_link_info *info)
{
    struct side *side = context;
    side->link = link;
    side->info = *info;
    side->opened++;
}

static void on_frame(void *context, uint64_t link, struct msk_bytes frame)
{
    struct side *side = context;
    msk_builder_append(&side->frames, frame.data, frame.len);
    side->frame_count++;
    if (side->echo)
        msk_net_send(side->net, link, frame);
}

static void on_closed(void *context, uint64_t link, const struct msk_link_close *close)
{
    struct side *side = context;
    (void)link;
    side->close = *close;
    snprintf(side->detail, sizeof side->detail, "%s", close->detail ? close->detail : "");
    side->closed++;
}

static size_t on_frame_max(void *context, uint64_t link)
{
    const struct side *side = context;
    (void)link;
    return side->frame_max;
}

static void on_act(void *context)
{
    struct side *side = context;
    side->acts++;
}

static uint64_t on_deadline_ms(void *context)
{
    const struct side *side = context;
    return side->deadline_ms;
}

static void open_side(struct side *side, uint8_t name, const enum msk_alpn *alpns, size_t alpn_count)
{
    uint8_t secret[32] = {name};
    const struct msk_socket_addr listen = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}};
    const struct msk_net_config config = {
        .secret = secret, .listen = &listen, .listen_count = 1, .alpns = alpns, .alpn_count = alpn_count};
    const struct msk_net_owner owner = {.new_link = on_new_link,
                                        .opened = on_opened,
                                        .frame = on_frame,
                                        .closed = on_closed,
                                        .frame_max = on_frame_max,
                                        .act = on_act,
                                        .deadline_ms = on_deadline_ms,
                                        .context = side};
    struct msk_error err;
    *side = (struct side){.frame_max = MSK_FRAME_MAX_BOND, .deadline_ms = MSK_NEVER};
    msk_builder_init(&side->frames, 64u << 20);
    if (msk_net_new(&loop, &config, &owner, &side->net, &err))
        fail_msg("%s", err.text);
}

static int setup(void **state)
{
    static const enum msk_alpn alpns[] = {MSK_ALPN_GROUPS, MSK_ALPN_PING};
    (void)state;
    uv_loop_init(&loop);
    open_side(&ada, 1, alpns, 2);
    open_side(&bob, 2, alpns, 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    msk_net_free(ada.net);
    msk_net_free(bob.net);
    msk_builder_free(&ada.frames);
    msk_builder_free(&bob.frames);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

#define RUN_UNTIL(condition)                                \
    do {                                                    \
        uint64_t give_up_ms = msk_now().mono_ms + LIMIT_MS; \
        while (!(condition)) {                              \
            uv_run(&loop, UV_RUN_ONCE);                     \
            if (msk_now().mono_ms > give_up_ms)             \
                fail_msg("in vain: %s", #condition);        \
        }                                                   \
    } while (0)

static struct msk_transport_addr_set addresses_of(const struct side *side, struct msk_transport_addr *storage)
{
    *storage = (struct msk_transport_addr){.kind = MSK_ADDR_IP};
    msk_net_address(side->net, 0, &storage->ip);
    return (struct msk_transport_addr_set){.items = storage, .count = 1};
}

/* A link from ada to bob, open at both ends. */
static void dial(void)
{
    struct msk_transport_addr storage;
    const struct msk_transport_addr_set addresses = addresses_of(&bob, &storage);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(bob.net), MSK_ALPN_GROUPS, &addresses);
    msk_net_turn(ada.net);
    RUN_UNTIL(ada.opened == 1 && bob.opened == 1);
}

static void send_text(struct side *side, const char *text)
{
    msk_net_send(side->net, side->link, msk_bytes_of_text(text));
    msk_net_turn(side->net);
}

static void both_ends_know_each_other(void **state)
{
    uint8_t of_ada[32], of_bob[32];
    struct msk_socket_addr address;
    (void)state;
    dial();
    assert_true(msk_digest_equal(&ada.info.peer, msk_net_peer_id(bob.net)));
    assert_true(msk_digest_equal(&bob.info.peer, msk_net_peer_id(ada.net)));
    assert_true(ada.info.dialled);
    assert_false(bob.info.dialled);
    assert_int_equal(bob.info.alpn, MSK_ALPN_GROUPS);
    msk_net_address(ada.net, 0, &address);
    assert_memory_equal(&bob.info.remote, &address, sizeof address);
    struct msk_bytes label = msk_bytes_of_text("some label");
    assert_int_equal(ada.info.export_secret(ada.info.export_context, ada.link, label, of_ada), 0);
    assert_int_equal(bob.info.export_secret(bob.info.export_context, bob.link, label, of_bob), 0);
    assert_memory_equal(of_ada, of_bob, 32);
    assert_int_equal(ada.info.export_secret(ada.info.export_context, 99, label, of_ada), MSK_E_CLOSED);
}

static void frames_arrive_whole_and_in_order_both_ways(void **state)
{
    (void)state;
    dial();
    bob.echo = true;
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d,", i);
        msk_net_send(ada.net, ada.link, msk_bytes_of_text(text));
    }
    msk_net_send(ada.net, ada.link, MSK_BYTES("", 0)); /* an empty frame is one, too */
    msk_net_turn(ada.net);
    RUN_UNTIL(ada.frame_count == 101);
    assert_true(msk_bytes_equal(msk_builder_view(&ada.frames), msk_builder_view(&bob.frames)));
    assert_memory_equal(ada.frames.data, "0,1,2,3,", 8);
}

/* W-24: neither waits for the other to read while it writes. */
static void large_frames_cross_each_other(void **state)
{
    enum { LEN = 12 << 20 };
    (void)state;
    dial();
    send_text(&ada, "hello");
    RUN_UNTIL(bob.frame_count == 1);
    uint8_t *large = calloc(1, LEN);
    for (size_t i = 0; i < LEN; i++)
        large[i] = (uint8_t)(i * 31 >> 7);
    msk_net_send(ada.net, ada.link, MSK_BYTES(large, LEN));
    msk_net_send(bob.net, bob.link, MSK_BYTES(large, LEN));
    msk_net_turn(ada.net);
    msk_net_turn(bob.net);
    RUN_UNTIL(ada.frame_count == 1 && bob.frame_count == 2);
    assert_memory_equal(ada.frames.data, large, LEN);
    assert_memory_equal(bob.frames.data + 5, large, LEN);
    free(large);
}

static void a_frame_longer_than_acceptable_ends_the_link_with_400(void **state)
{
    (void)state;
    dial();
    bob.frame_max = 10;
    send_text(&ada, "0123456789");
    send_text(&ada, "0123456789a");
    RUN_UNTIL(ada.closed == 1 && bob.closed == 1);
    assert_int_equal(bob.frame_count, 1);
    assert_int_equal(bob.close.by, MSK_CLOSED_LOCAL);
    assert_int_equal(bob.close.code, MSK_CLOSE_PROTOCOL_VIOLATION);
    assert_int_equal(ada.close.by, MSK_CLOSED_PEER);
    assert_int_equal(ada.close.code, MSK_CLOSE_PROTOCOL_VIOLATION);
}

static void a_close_carries_its_code_and_what_was_sent_before(void **state)
{
    (void)state;
    dial();
    send_text(&ada, "hello");
    RUN_UNTIL(bob.frame_count == 1);
    msk_net_send(ada.net, ada.link, msk_bytes_of_text("farewell"));
    msk_net_close(ada.net, ada.link, MSK_CLOSE_CANCELLED, true);
    msk_net_send(ada.net, ada.link, msk_bytes_of_text("too late"));
    msk_net_turn(ada.net);
    RUN_UNTIL(bob.closed == 1);
    assert_int_equal(bob.close.by, MSK_CLOSED_PEER);
    assert_int_equal(bob.close.code, MSK_CLOSE_CANCELLED);
    assert_int_equal(bob.frame_count, 2);
    assert_memory_equal(bob.frames.data, "hellofarewell", 13);
    RUN_UNTIL(msk_net_quiet(ada.net));
    assert_int_equal(ada.closed, 0); /* who asked for it is not told */
}

static void after_frame_max_zero_nothing_more_is_read(void **state)
{
    (void)state;
    dial();
    bob.frame_max = 0;
    send_text(&ada, "hello");
    msk_net_close(ada.net, ada.link, MSK_CLOSE_SUCCESS, true);
    msk_net_turn(ada.net);
    RUN_UNTIL(bob.closed == 1);
    assert_int_equal(bob.frame_count, 0);
    assert_int_equal(bob.close.code, MSK_CLOSE_SUCCESS);
}

static void a_node_that_departs_takes_no_more_links(void **state)
{
    (void)state;
    struct msk_transport_addr storage;
    const struct msk_transport_addr_set addresses = addresses_of(&bob, &storage);
    msk_net_refuse(bob.net);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(bob.net), MSK_ALPN_GROUPS, &addresses);
    msk_net_turn(ada.net);
    RUN_UNTIL(ada.closed == 1);
    assert_int_equal(ada.close.by, MSK_CLOSED_PEER);
    assert_int_equal(ada.close.code, MSK_CLOSE_CANCELLED);
    assert_int_equal(bob.opened, 0);
}

/* ---- dials that fail */

static void nobody_there_is_known_at_once(void **state)
{
    struct msk_transport_addr storage;
    (void)state;
    const struct msk_transport_addr_set addresses = addresses_of(&bob, &storage);
    const struct msk_digest peer = *msk_net_peer_id(bob.net);
    msk_net_free(bob.net);
    bob.net = NULL;
    uv_run(&loop, UV_RUN_NOWAIT);
    uint64_t before_ms = msk_now().mono_ms;
    msk_net_dial(ada.net, ++ada.last_link, &peer, MSK_ALPN_GROUPS, &addresses);
    msk_net_turn(ada.net);
    RUN_UNTIL(ada.closed == 1);
    assert_int_equal(ada.close.by, MSK_CLOSED_TRANSPORT);
    assert_true(msk_now().mono_ms - before_ms < 2000); /* ICMP says so, no time-out is waited for */
}

static void somebody_else_there_is_refused(void **state)
{
    struct msk_transport_addr storage;
    (void)state;
    const struct msk_transport_addr_set addresses = addresses_of(&bob, &storage);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(ada.net), MSK_ALPN_GROUPS, &addresses);
    msk_net_turn(ada.net);
    RUN_UNTIL(ada.closed == 1);
    assert_int_equal(ada.close.by, MSK_CLOSED_TRANSPORT);
    assert_int_equal(bob.opened, 0);
}

static void a_protocol_that_is_not_served_is_refused(void **state)
{
    struct msk_transport_addr storage;
    (void)state;
    const struct msk_transport_addr_set addresses = addresses_of(&bob, &storage);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(bob.net), MSK_ALPN_STREAMS, &addresses);
    msk_net_turn(ada.net);
    RUN_UNTIL(ada.closed == 1);
    assert_int_equal(ada.close.by, MSK_CLOSED_TRANSPORT);
    assert_true(ada.detail[0] != 0);
}

static void a_dial_without_addresses_or_memory_fails_at_once(void **state)
{
    struct msk_transport_addr storage;
    (void)state;
    const struct msk_transport_addr_set none = {0}, addresses = addresses_of(&bob, &storage);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(bob.net), MSK_ALPN_GROUPS, &none);
    assert_int_equal(ada.closed, 1);
    msk_alloc_fail_after(0);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(bob.net), MSK_ALPN_GROUPS, &addresses);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(ada.closed, 2);
}

static void a_dial_can_be_taken_back(void **state)
{
    struct msk_transport_addr storage;
    (void)state;
    const struct msk_transport_addr_set addresses = addresses_of(&bob, &storage);
    msk_net_dial(ada.net, ++ada.last_link, msk_net_peer_id(bob.net), MSK_ALPN_GROUPS, &addresses);
    msk_net_close(ada.net, ada.last_link, MSK_CLOSE_DROPPED, false);
    msk_net_turn(ada.net);
    RUN_UNTIL(msk_net_quiet(ada.net));
    assert_int_equal(ada.opened + ada.closed, 0);
}

/* ---- time */

static void the_owner_is_called_at_its_deadline_and_not_before(void **state)
{
    (void)state;
    ada.deadline_ms = msk_now().mono_ms + 30;
    msk_net_turn(ada.net);
    size_t before = ada.acts;
    RUN_UNTIL(ada.acts > before);
    assert_true(msk_now().mono_ms >= ada.deadline_ms);
    assert_int_equal(ada.acts, before + 1);
    ada.deadline_ms = MSK_NEVER;
    msk_net_turn(ada.net);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ends_know_each_other),
        TEST(frames_arrive_whole_and_in_order_both_ways),
        TEST(large_frames_cross_each_other),
        TEST(a_frame_longer_than_acceptable_ends_the_link_with_400),
        TEST(a_close_carries_its_code_and_what_was_sent_before),
        TEST(after_frame_max_zero_nothing_more_is_read),
        TEST(a_node_that_departs_takes_no_more_links),
        TEST(nobody_there_is_known_at_once),
        TEST(somebody_else_there_is_refused),
        TEST(a_protocol_that_is_not_served_is_refused),
        TEST(a_dial_without_addresses_or_memory_fails_at_once),
        TEST(a_dial_can_be_taken_back),
        TEST(the_owner_is_called_at_its_deadline_and_not_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
