/* Streams: order, flow control, queues, ends; under loss, reordering and a full socket. */

#include "quic_world.h"

static struct msk_bytes pattern(size_t len)
{
    uint8_t *data = msk_calloc(1, len);
    assert_non_null(data);
    for (size_t i = 0; i < len; i++)
        data[i] = (uint8_t)(i * 31 + i / 251);
    return MSK_BYTES(data, len);
}

static struct msk_quic_stream *open_stream(struct node *node, bool bidirectional)
{
    struct msk_quic_stream *stream;
    assert_int_equal(msk_quic_stream_open(node->conns[0], bidirectional, &stream), 0);
    return stream;
}

static void write_all(struct msk_quic_stream *stream, struct msk_bytes data)
{
    assert_int_equal(msk_quic_stream_write(stream, &data, 1), 0);
}

static void assert_received(const struct node *node, struct msk_bytes expected)
{
    assert_int_equal(node->received.len, expected.len);
    assert_memory_equal(node->received.data, expected.data, expected.len);
}

struct pair {
    struct world *world;
    struct node *a, *b;
};

static struct pair connected_pair(void)
{
    struct pair pair = {.world = world_new()};
    pair.a = world_add(pair.world, NULL);
    pair.b = world_add(pair.world, NULL);
    world_connect(pair.world, pair.a, pair.b);
    return pair;
}

/* ---- carrying data */

static void small_writes_arrive_in_order(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    for (int i = 0; i < 100; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d,", i);
        struct msk_bytes parts[] = {msk_bytes_of_text("n"), msk_bytes_of_text(text)};
        assert_int_equal(msk_quic_stream_write(stream, parts, 2), 0);
    }
    msk_quic_stream_finish(stream);
    world_run(pair.world, 100);
    assert_int_equal(pair.b->opened, 1);
    assert_int_equal(pair.b->ended, 1);
    assert_memory_equal(pair.b->received.data, "n0,n1,n2,n3,", 12);
    assert_int_equal(pair.b->received.len, 390);
    assert_int_equal(msk_quic_stream_queued(stream), 0);
    world_free(pair.world);
}

static void both_directions_of_a_stream_are_independent(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    write_all(stream, msk_bytes_of_text("question"));
    msk_quic_stream_finish(stream);
    world_run(pair.world, 10);
    assert_int_equal(pair.b->ended, 1);
    write_all(pair.b->stream, msk_bytes_of_text("answer"));
    msk_quic_stream_finish(pair.b->stream);
    world_run(pair.world, 10);
    assert_received(pair.a, msk_bytes_of_text("answer"));
    assert_int_equal(pair.a->ended, 1);
    assert_int_equal(msk_quic_stream_write(stream, &(struct msk_bytes){0}, 1), MSK_E_CLOSED);
    world_free(pair.world);
}

static void an_acceptor_may_open_streams_too(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_quic_stream *stream = open_stream(pair.b, false);
    write_all(stream, msk_bytes_of_text("gossip"));
    msk_quic_stream_finish(stream);
    world_run(pair.world, 10);
    assert_received(pair.a, msk_bytes_of_text("gossip"));
    assert_int_equal(pair.a->ended, 1);
    assert_true(msk_quic_stream_local(stream) && !msk_quic_stream_bidirectional(stream));
    assert_true(!msk_quic_stream_local(pair.a->stream) && !msk_quic_stream_bidirectional(pair.a->stream));
    world_free(pair.world);
}

/* ---- a bad network */

static bool bad_network(struct world *world, struct packet *packet, void *context)
{
    (void)context;
    if (msk_random_unit(&world->random) < 0.1)
        return false;
    packet->at_ns += msk_random_below(&world->random, 5 * MS); /* reorders */
    if (msk_random_unit(&world->random) < 0.1) {
        struct packet *copy = msk_memdup(packet, sizeof *packet);
        assert_non_null(copy);
        copy->at_ns += MS;
        world_insert(world, copy);
    }
    return true;
}

static void loss_reordering_and_duplicates_do_no_harm(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct world *world = world_new();
        struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
        msk_random_seed(&world->random, seed);
        world->meddle = bad_network;
        world_dial_as(world, a, b, &b->id, ALPN);
        world_run(world, 8000);
        assert_int_equal(a->connected + b->connected, 2);
        struct msk_bytes data = pattern(300000);
        write_all(open_stream(a, true), data);
        write_all(open_stream(b, true), data);
        world_run(world, 20000);
        assert_received(a, data);
        assert_received(b, data);
        msk_free((void *)data.data);
        world_free(world);
    }
}

static void a_full_socket_loses_nothing(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(500000);
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    write_all(stream, data);
    for (int rounds = 0; rounds < 3000 && pair.b->received.len < data.len; rounds++) {
        pair.a->socket_takes = (size_t)(rounds % 2); /* full every other millisecond */
        world_run(pair.world, 1);
    }
    assert_received(pair.b, data);
    struct msk_quic_conn_stats stats;
    msk_quic_conn_stats(pair.a->conns[0], &stats);
    assert_int_equal(stats.packets_lost, 0);
    msk_free((void *)data.data);
    world_free(pair.world);
}

static void a_full_socket_does_not_spin(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    write_all(open_stream(pair.a, true), msk_bytes_of_text("x"));
    pair.a->socket_takes = 0;
    node_work(pair.world, pair.a);
    assert_true(msk_quic_deadline(pair.a->quic) > pair.world->now_ns);
    world_free(pair.world);
}

/* ---- flow control */

static void a_slow_reader_holds_the_writer_back(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(1000000);
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    pair.b->reads_nothing = true;
    write_all(stream, data);
    world_run(pair.world, 2000);
    struct msk_bytes seen = msk_quic_stream_peek(pair.b->stream);
    assert_int_equal(seen.len, 128u << 10); /* the window, no more */
    assert_true(msk_quic_stream_queued(stream) >= data.len - seen.len);
    /* The other direction is not held up (W-24). */
    write_all(pair.b->stream, msk_bytes_of_text("still talking"));
    world_run(pair.world, 10);
    assert_received(pair.a, msk_bytes_of_text("still talking"));
    /* Reading on lets the rest come. */
    pair.b->reads_nothing = false;
    msk_builder_append(&pair.b->received, seen.data, seen.len);
    msk_quic_stream_consume(pair.b->stream, seen.len);
    world_run(pair.world, 5000);
    assert_received(pair.b, data);
    msk_free((void *)data.data);
    world_free(pair.world);
}

static void reading_in_bits_is_enough(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(400000);
    pair.b->reads_nothing = true;
    write_all(open_stream(pair.a, true), data);
    size_t at = 0;
    for (int rounds = 0; rounds < 2000 && at < data.len; rounds++) {
        world_run(pair.world, 1);
        struct msk_bytes seen = pair.b->stream ? msk_quic_stream_peek(pair.b->stream) : (struct msk_bytes){0};
        size_t len = seen.len < 1000 ? seen.len : 1000;
        assert_memory_equal(seen.data, data.data + at, len);
        msk_quic_stream_consume(pair.b->stream, len);
        at += len;
    }
    assert_int_equal(at, data.len);
    msk_free((void *)data.data);
    world_free(pair.world);
}

static void both_push_more_than_the_windows_at_once(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(6000000);
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    write_all(stream, data);
    world_run(pair.world, 1);
    while (!pair.b->stream)
        world_run(pair.world, 1);
    write_all(pair.b->stream, data);
    world_run(pair.world, 20000);
    assert_received(pair.a, data);
    assert_received(pair.b, data);
    struct msk_quic_conn_stats stats;
    msk_quic_conn_stats(pair.a->conns[0], &stats);
    assert_int_equal(stats.queued, 0);
    assert_true(stats.rtt_us >= 2000 && stats.rtt_us < 40000);
    msk_free((void *)data.data);
    world_free(pair.world);
}

static void one_stuck_stream_leaves_the_others_room(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(400000);
    pair.b->reads_nothing = true;
    write_all(open_stream(pair.a, true), data);
    world_run(pair.world, 500);
    pair.b->reads_nothing = false;
    write_all(open_stream(pair.a, true), msk_bytes_of_text("second"));
    world_run(pair.world, 100);
    assert_received(pair.b, msk_bytes_of_text("second"));
    msk_free((void *)data.data);
    world_free(pair.world);
}

/* ---- limits of our own */

static void the_send_queue_has_an_end_and_tells_when_it_drains(void **state)
{
    (void)state;
    struct msk_quic_config config;
    world_config(&config, 1);
    config.send_queue_max = 300000;
    struct world *world = world_new();
    struct node *a = world_add(world, &config), *b = world_add(world, NULL);
    world_connect(world, a, b);
    struct msk_bytes data = pattern(300001), most = MSK_BYTES(data.data, 250000), some = MSK_BYTES(data.data, 50001);
    struct msk_quic_stream *stream = open_stream(a, true);
    assert_int_equal(msk_quic_stream_write(stream, &data, 1), MSK_E_LIMIT);
    write_all(stream, most);
    assert_int_equal(msk_quic_stream_write(stream, &some, 1), MSK_E_LIMIT);
    assert_int_equal(msk_quic_stream_queued(stream), most.len);
    assert_int_equal(a->changes & MSK_QUIC_WRITABLE, 0);
    world_run(world, 2000);
    assert_int_equal(a->changes & MSK_QUIC_WRITABLE, MSK_QUIC_WRITABLE);
    assert_int_equal(msk_quic_stream_queued(stream), 0);
    write_all(stream, some);
    msk_free((void *)data.data);
    world_free(world);
}

static void the_peer_limits_streams_and_allows_more(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_quic_stream *streams[64], *more;
    for (int i = 0; i < 64; i++) {
        streams[i] = open_stream(pair.a, false);
        write_all(streams[i], msk_bytes_of_text("x"));
    }
    assert_int_equal(msk_quic_stream_open(pair.a->conns[0], false, &more), MSK_E_LIMIT);
    world_run(pair.world, 100);
    assert_int_equal(pair.a->streams_allowed, 0);
    for (int i = 0; i < 64; i++)
        msk_quic_stream_release(streams[i], 0);
    world_run(pair.world, 100);
    assert_int_equal(pair.b->ended, 64);
    assert_int_equal(pair.a->streams_allowed, 1);
    assert_int_equal(msk_quic_stream_open(pair.a->conns[0], false, &more), 0);
    world_free(pair.world);
}

/* ---- ends */

static void a_reset_is_told_with_its_code(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    write_all(stream, msk_bytes_of_text("begun"));
    world_run(pair.world, 10);
    msk_quic_stream_reset(stream, 77);
    assert_int_equal(msk_quic_stream_write(stream, &(struct msk_bytes){0}, 1), MSK_E_CLOSED);
    world_run(pair.world, 10);
    assert_int_equal(pair.b->reset, 1);
    assert_int_equal(pair.b->reset_code, 77);
    assert_int_equal(pair.b->ended, 0);
    /* The other direction lives on. */
    write_all(pair.b->stream, msk_bytes_of_text("well"));
    world_run(pair.world, 10);
    assert_received(pair.a, msk_bytes_of_text("well"));
    world_free(pair.world);
}

static void a_released_stream_refuses_what_comes(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(1000000);
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    write_all(stream, MSK_BYTES(data.data, 100));
    world_run(pair.world, 10);
    msk_quic_stream_release(pair.b->stream, 5);
    write_all(stream, data);
    world_run(pair.world, 1000);
    assert_int_equal(pair.a->changes & MSK_QUIC_STOPPED, MSK_QUIC_STOPPED);
    assert_int_equal(msk_quic_stream_queued(stream), 0);
    assert_int_equal(pair.b->received.len, 100);
    /* Dropped data has not used up the connection's window. */
    write_all(open_stream(pair.a, true), data);
    world_run(pair.world, 2000);
    assert_int_equal(pair.b->received.len, 100 + data.len);
    msk_free((void *)data.data);
    world_free(pair.world);
}

static void what_was_written_before_release_is_delivered(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_bytes data = pattern(200000);
    struct msk_quic_stream *stream = open_stream(pair.a, false);
    write_all(stream, data);
    msk_quic_stream_release(stream, 0);
    world_run(pair.world, 1000);
    assert_received(pair.b, data);
    assert_int_equal(pair.b->ended, 1);
    msk_free((void *)data.data);
    world_free(pair.world);
}

static void streams_survive_until_the_end_is_heard(void **state)
{
    (void)state;
    struct pair pair = connected_pair();
    struct msk_quic_stream *stream = open_stream(pair.a, true);
    write_all(stream, msk_bytes_of_text("x"));
    world_run(pair.world, 10);
    struct msk_quic_stream *accepted = pair.b->stream;
    msk_quic_conn_close(pair.a->conns[0], pair.world->now_ns, 0, "", 0);
    node_work(pair.world, pair.a);
    pair.world->now_ns += MS;
    world_deliver_one(pair.world);
    /* b's connection is over, but b has not looked yet: nothing it does with the stream may hurt. */
    struct msk_bytes part = msk_bytes_of_text("y");
    assert_int_equal(msk_quic_stream_write(accepted, &part, 1), MSK_E_CLOSED);
    msk_quic_stream_finish(accepted);
    msk_quic_stream_reset(accepted, 1);
    assert_int_equal(msk_quic_stream_peek(accepted).len, 0);
    msk_quic_stream_release(accepted, 0);
    world_run(pair.world, 10);
    assert_int_equal(pair.b->closed, 1);
    world_free(pair.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small_writes_arrive_in_order),
        cmocka_unit_test(both_directions_of_a_stream_are_independent),
        cmocka_unit_test(an_acceptor_may_open_streams_too),
        cmocka_unit_test(loss_reordering_and_duplicates_do_no_harm),
        cmocka_unit_test(a_full_socket_loses_nothing),
        cmocka_unit_test(a_full_socket_does_not_spin),
        cmocka_unit_test(a_slow_reader_holds_the_writer_back),
        cmocka_unit_test(reading_in_bits_is_enough),
        cmocka_unit_test(both_push_more_than_the_windows_at_once),
        cmocka_unit_test(one_stuck_stream_leaves_the_others_room),
        cmocka_unit_test(the_send_queue_has_an_end_and_tells_when_it_drains),
        cmocka_unit_test(the_peer_limits_streams_and_allows_more),
        cmocka_unit_test(a_reset_is_told_with_its_code),
        cmocka_unit_test(a_released_stream_refuses_what_comes),
        cmocka_unit_test(what_was_written_before_release_is_delivered),
        cmocka_unit_test(streams_survive_until_the_end_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
