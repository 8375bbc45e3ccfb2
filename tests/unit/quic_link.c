/* Frames on the one stream of a link (wire.md 3, W-25, W-26). */

#include "quic/link.h"
#include "quic_world.h"

#define FRAME_MAX 65536

/* A link on each side; the events of streams go to the links instead of being recorded. */
struct side {
    struct node *node;
    struct msk_quic_link link;
    bool ready;
};

struct pair {
    struct world *world;
    struct side a, b;
};

static struct pair connected_pair(const struct msk_quic_config *config)
{
    struct pair pair = {.world = world_new()};
    pair.a.node = world_add(pair.world, config);
    pair.b.node = world_add(pair.world, NULL);
    world_connect(pair.world, pair.a.node, pair.b.node);
    assert_int_equal(msk_quic_link_init(&pair.a.link, pair.a.node->conns[0]), 0);
    assert_int_equal(msk_quic_link_init(&pair.b.link, pair.b.node->conns[0]), 0);
    return pair;
}

static void pair_free(struct pair *pair)
{
    msk_quic_link_free(&pair->a.link);
    msk_quic_link_free(&pair->b.link);
    world_free(pair->world);
}

static void take_events(struct pair *pair, struct side *side)
{
    struct msk_quic_event event;
    struct world_socket socket = {pair->world, side->node};
    while (msk_quic_next_event(side->node->quic, &event))
        if (event.kind == MSK_QUIC_STREAM)
            side->ready |= msk_quic_link_event(&side->link, &event);
        else
            node_event(side->node, &event);
    msk_quic_flush(side->node->quic, pair->world->now_ns, world_send, &socket);
}

static void run(struct pair *pair, unsigned span_ms)
{
    for (unsigned ms = 0; ms < span_ms; ms++) {
        pair->world->now_ns += MS;
        world_deliver(pair->world);
        take_events(pair, &pair->a);
        take_events(pair, &pair->b);
    }
}

static void send_frame(struct side *side, struct msk_bytes frame)
{
    assert_int_equal(msk_quic_link_send(&side->link, frame), 0);
}

static void expect_frame(struct side *side, struct msk_bytes expected)
{
    struct msk_bytes frame;
    assert_int_equal(msk_quic_link_next(&side->link, FRAME_MAX, &frame, NULL), 1);
    assert_int_equal(frame.len, expected.len);
    if (frame.len)
        assert_memory_equal(frame.data, expected.data, frame.len);
}

static void expect_end(struct side *side, int rc, const char *text)
{
    struct msk_bytes frame;
    struct msk_error err = {0};
    assert_int_equal(msk_quic_link_next(&side->link, FRAME_MAX, &frame, &err), rc);
    assert_string_equal(err.text, text);
}

/* Bytes on the stream that are no frames of ours. */
static void write_raw(struct side *side, const void *data, size_t len)
{
    struct msk_bytes part = MSK_BYTES(data, len);
    assert_int_equal(msk_quic_stream_write(side->link.stream, &part, 1), 0);
}

static void frames_go_both_ways(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    assert_int_equal(msk_quic_link_send(&pair.b.link, msk_bytes_of_text("first")),
                     MSK_E_CLOSED);        /* the dialler speaks first */
    send_frame(&pair.a, MSK_BYTES("", 0)); /* a ping query is empty */
    send_frame(&pair.a, msk_bytes_of_text("two"));
    run(&pair, 5);
    expect_frame(&pair.b, MSK_BYTES("", 0));
    expect_frame(&pair.b, msk_bytes_of_text("two"));
    expect_end(&pair.b, 0, "");
    send_frame(&pair.b, msk_bytes_of_text("answer"));
    run(&pair, 5);
    assert_true(pair.a.ready && pair.b.ready);
    expect_frame(&pair.a, msk_bytes_of_text("answer"));
    pair_free(&pair);
}

static void the_length_is_big_endian(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    write_raw(&pair.a, "\0\0\0\x02hi", 6);
    run(&pair, 5);
    expect_frame(&pair.b, msk_bytes_of_text("hi"));
    pair_free(&pair);
}

static void a_frame_larger_than_all_windows_arrives(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    size_t len = 5000000;
    uint8_t *data = msk_calloc(1, len);
    assert_non_null(data);
    memset(data, 0x5a, len);
    send_frame(&pair.a, MSK_BYTES(data, len));
    struct msk_bytes frame = {0};
    int rc = 0;
    for (int rounds = 0; rounds < 2000 && rc == 0; rounds++) {
        run(&pair, 1);
        rc = msk_quic_link_next(&pair.b.link, len, &frame, NULL);
    }
    assert_int_equal(rc, 1);
    assert_int_equal(frame.len, len);
    assert_memory_equal(frame.data, data, len);
    expect_end(&pair.b, 0, "");
    assert_int_equal(pair.b.link.reader.buffer.capacity, 0); /* idle again */
    msk_free(data);
    pair_free(&pair);
}

static void an_announced_length_reserves_nothing(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    write_raw(&pair.a,
              "\x03\xff\xff\xff"
              "begin",
              9);
    run(&pair, 5);
    struct msk_bytes frame;
    assert_int_equal(msk_quic_link_next(&pair.b.link, 64u << 20, &frame, NULL), 0);
    assert_in_range(pair.b.link.reader.buffer.capacity, 1, 4096);
    pair_free(&pair);
}

static void a_longer_frame_than_allowed_is_an_error(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    send_frame(&pair.a, msk_bytes_of_text("fine"));
    write_raw(&pair.a, "\0\x01\0\x01", 4);
    run(&pair, 5);
    expect_frame(&pair.b, msk_bytes_of_text("fine"));
    expect_end(&pair.b, MSK_E_LIMIT, "frame at offset 8 announces 65537 bytes, at most 65536 are taken");
    pair_free(&pair);
}

static void the_limit_may_change_between_frames(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    send_frame(&pair.a, msk_bytes_of_text("abc"));
    send_frame(&pair.a, msk_bytes_of_text("longer"));
    run(&pair, 5);
    struct msk_bytes frame;
    assert_int_equal(msk_quic_link_next(&pair.b.link, 3, &frame, NULL), 1);
    assert_int_equal(msk_quic_link_next(&pair.b.link, 6, &frame, NULL), 1);
    assert_int_equal(frame.len, 6);
    pair_free(&pair);
}

static void the_three_ends_differ(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    send_frame(&pair.a, msk_bytes_of_text("last"));
    msk_quic_stream_finish(pair.a.link.stream);
    run(&pair, 5);
    expect_frame(&pair.b, msk_bytes_of_text("last"));
    expect_end(&pair.b, MSK_E_CLOSED, "the peer ended the stream");
    pair_free(&pair);

    pair = connected_pair(NULL);
    write_raw(&pair.a,
              "\0\0\0\x05"
              "abc",
              7);
    msk_quic_stream_finish(pair.a.link.stream);
    run(&pair, 5);
    expect_end(&pair.b, MSK_E_PROTOCOL, "the stream ends 7 bytes into a frame");
    pair_free(&pair);

    pair = connected_pair(NULL);
    send_frame(&pair.a, msk_bytes_of_text("x"));
    run(&pair, 5);
    msk_quic_stream_reset(pair.a.link.stream, 9);
    run(&pair, 5);
    expect_frame(&pair.b, msk_bytes_of_text("x"));
    expect_end(&pair.b, MSK_E_IO, "the peer reset the stream with 9");
    pair_free(&pair);
}

static void further_streams_are_refused(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    send_frame(&pair.a, msk_bytes_of_text("on the link"));
    run(&pair, 5);
    for (int i = 0; i < 100; i++) {
        struct msk_quic_stream *extra;
        struct msk_bytes part = msk_bytes_of_text("\0\0\0\1y");
        int rc = msk_quic_stream_open(pair.a.node->conns[0], i % 2, &extra);
        if (rc == 0)
            assert_int_equal(msk_quic_stream_write(extra, &part, 1), 0);
        run(&pair, 5);
    }
    expect_frame(&pair.b, msk_bytes_of_text("on the link"));
    expect_end(&pair.b, 0, "");
    assert_int_equal(pair.a.node->closed + pair.b.node->closed, 0);
    pair_free(&pair);
}

static void a_peer_that_does_not_read_fills_the_queue(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 1);
    config.send_queue_max = 1000000;
    struct pair pair = connected_pair(&config);
    uint8_t frame[50000] = {0};
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++) {
        rc = msk_quic_link_send(&pair.a.link, MSK_BYTES(frame, sizeof frame));
        run(&pair, 5);
    }
    assert_int_equal(rc, MSK_E_LIMIT);
    pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_both_ways),
        cmocka_unit_test(the_length_is_big_endian),
        cmocka_unit_test(a_frame_larger_than_all_windows_arrives),
        cmocka_unit_test(an_announced_length_reserves_nothing),
        cmocka_unit_test(a_longer_frame_than_allowed_is_an_error),
        cmocka_unit_test(the_limit_may_change_between_frames),
        cmocka_unit_test(the_three_ends_differ),
        cmocka_unit_test(further_streams_are_refused),
        cmocka_unit_test(a_peer_that_does_not_read_fills_the_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
