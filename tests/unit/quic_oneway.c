/* One-way streams with frames, as gossip uses them (wire.md C.1), and connections that are not waited for long. */

#include "quic/oneway.h"
#include "quic_world.h"

#define FRAME_MAX 4096

/* One end: its events of streams go to the one-way connection, what arrives is written down as text. */
struct side {
    struct node *node;
    struct msk_quic_oneway oneway;
    char log[512];
    int end; /* of the last stream that ended */
};

struct pair {
    struct world *world;
    struct side a, b;
};

static struct pair connected_pair(const struct msk_quic_config *second)
{
    struct pair pair = {.world = world_new()};
    pair.a.node = world_add(pair.world, NULL);
    pair.b.node = world_add(pair.world, second);
    world_connect(pair.world, pair.a.node, pair.b.node);
    msk_quic_oneway_init(&pair.a.oneway, pair.a.node->conns[0]);
    msk_quic_oneway_init(&pair.b.oneway, pair.b.node->conns[0]);
    return pair;
}

static void pair_free(struct pair *pair)
{
    msk_quic_oneway_free(&pair->a.oneway);
    msk_quic_oneway_free(&pair->b.oneway);
    world_free(pair->world);
}

/* "1:text " for a frame of the first stream, "1. " for its end. */
static void take_frames(struct side *side, struct msk_quic_incoming *incoming)
{
    struct msk_bytes frame;
    size_t used = strlen(side->log);
    int rc;
    while ((rc = msk_quic_incoming_next(incoming, FRAME_MAX, &frame, NULL)) == 1)
        used += (size_t)snprintf(side->log + used, sizeof side->log - used, "%llu:%.*s ",
                                 (unsigned long long)incoming->number, (int)frame.len, (const char *)frame.data);
    if (rc == 0)
        return;
    snprintf(side->log + used, sizeof side->log - used, "%llu. ", (unsigned long long)incoming->number);
    side->end = rc;
    msk_quic_incoming_release(incoming);
}

static void work(struct pair *pair, struct side *side)
{
    struct msk_quic_event event;
    struct world_socket socket = {pair->world, side->node};
    while (msk_quic_next_event(side->node->quic, &event)) {
        if (event.kind == MSK_QUIC_STREAM) {
            struct msk_quic_incoming *incoming = msk_quic_oneway_event(&side->oneway, &event);
            if (incoming)
                take_frames(side, incoming);
        } else if (event.kind == MSK_QUIC_STREAMS) {
            assert_int_equal(msk_quic_oneway_retry(&side->oneway), 0);
        } else {
            node_event(side->node, &event);
        }
    }
    msk_quic_flush(side->node->quic, pair->world->now_ns, world_send, &socket);
}

static void run(struct pair *pair, unsigned span_ms)
{
    for (unsigned ms = 0; ms < span_ms; ms++) {
        pair->world->now_ns += MS;
        world_deliver(pair->world);
        work(pair, &pair->a);
        work(pair, &pair->b);
    }
}

static void say(struct side *side, const char *text)
{
    assert_int_equal(msk_quic_oneway_send(&side->oneway, msk_bytes_of_text(text)), 0);
}

static void frames_go_both_ways(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    say(&pair.a, "one");
    say(&pair.a, "two");
    run(&pair, 100);
    say(&pair.b, "answer");
    say(&pair.a, "three");
    run(&pair, 100);
    assert_string_equal(pair.b.log, "1:one 1:two 1:three ");
    assert_string_equal(pair.a.log, "1:answer ");
    msk_quic_oneway_finish(&pair.a.oneway);
    run(&pair, 100);
    assert_string_equal(pair.b.log, "1:one 1:two 1:three 1. ");
    assert_int_equal(pair.b.end, MSK_E_CLOSED);
    assert_int_equal(msk_quic_oneway_send(&pair.a.oneway, msk_bytes_of_text("late")), MSK_E_CLOSED);
    assert_int_equal(pair.a.node->closed + pair.b.node->closed, 0);
    pair_free(&pair);
}

/* A stream that is opened beside ours, with raw bytes. */
static struct msk_quic_stream *open_stream(struct side *side, bool bidirectional, struct msk_bytes bytes)
{
    struct msk_quic_stream *stream;
    assert_int_equal(msk_quic_stream_open(side->node->conns[0], bidirectional, &stream), 0);
    assert_int_equal(msk_quic_stream_write(stream, &bytes, 1), 0);
    return stream;
}

static void streams_are_told_apart(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    const uint8_t x[] = {0, 0, 0, 1, 'x'}, part[] = {0, 0, 0, 9, 'y'};
    say(&pair.a, "one");
    run(&pair, 50);
    open_stream(&pair.a, false, MSK_BYTES(x, sizeof x));
    struct msk_quic_stream *broken = open_stream(&pair.a, false, MSK_BYTES(part, sizeof part));
    run(&pair, 50);
    msk_quic_stream_reset(broken, 7);
    run(&pair, 50);
    assert_int_equal(pair.b.end, MSK_E_IO);
    say(&pair.a, "two");
    run(&pair, 50);
    assert_string_equal(pair.b.log, "1:one 2:x 3. 1:two ");
    pair_free(&pair);
}

static void streams_in_both_directions_are_refused(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    const uint8_t x[] = {0, 0, 0, 1, 'x'};
    open_stream(&pair.a, true, MSK_BYTES(x, sizeof x));
    say(&pair.a, "one");
    run(&pair, 100);
    assert_string_equal(pair.b.log, "1:one ");
    pair_free(&pair);
}

static void too_many_streams_are_refused(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    const uint8_t x[] = {0, 0, 0, 1, 'x'};
    for (int i = 0; i < MSK_QUIC_ONEWAY_STREAMS_MAX + 2; i++)
        open_stream(&pair.a, false, MSK_BYTES(x, sizeof x));
    run(&pair, 100);
    assert_string_equal(pair.b.log, "1:x 2:x 3:x 4:x 5:x 6:x 7:x 8:x ");
    assert_int_equal(pair.b.node->closed, 0);
    pair_free(&pair);
}

static void a_long_frame_is_not_waited_for(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    const uint8_t announced[] = {0xff, 0xff, 0xff, 0xff};
    open_stream(&pair.a, false, MSK_BYTES(announced, sizeof announced));
    run(&pair, 100);
    assert_int_equal(pair.b.end, MSK_E_LIMIT);
    pair_free(&pair);
}

/* What is said before the peer allows a stream arrives once it does. */
static void frames_wait_for_a_stream(void **state)
{
    (void)state;
    struct msk_quic_config one;
    world_config(&one, 2);
    one.streams_uni_max = 1;
    struct pair pair = connected_pair(&one);
    struct msk_quic_stream *only = open_stream(&pair.a, false, msk_bytes_of_text(""));
    say(&pair.a, "one");
    say(&pair.a, "two");
    run(&pair, 100);
    assert_string_equal(pair.b.log, "");
    msk_quic_stream_finish(only);
    run(&pair, 200);
    assert_string_equal(pair.b.log, "1. 2:one 2:two ");
    say(&pair.a, "three");
    run(&pair, 100);
    assert_string_equal(pair.b.log, "1. 2:one 2:two 2:three ");
    pair_free(&pair);
}

static bool drop_all(struct world *world, struct packet *packet, void *context)
{
    (void)world, (void)packet, (void)context;
    return false;
}

static void who_does_not_read_meets_a_limit(void **state)
{
    (void)state;
    struct pair pair = connected_pair(NULL);
    static uint8_t frame[FRAME_MAX];
    size_t taken = 0;
    int rc;
    pair.world->meddle = drop_all;
    while ((rc = msk_quic_oneway_send(&pair.a.oneway, MSK_BYTES(frame, sizeof frame))) == 0)
        taken += sizeof frame;
    assert_int_equal(rc, MSK_E_LIMIT);
    assert_in_range(taken, MSK_QUIC_ONEWAY_QUEUE_MAX / 2, MSK_QUIC_ONEWAY_QUEUE_MAX);
    pair_free(&pair);
}

static void patience_ends_before_the_idle_timeout(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    msk_quic_conn_set_patience(a->conns[0], world->now_ns, 10000);
    world_run(world, 60000); /* keep-alives are answered */
    assert_int_equal(a->closed + b->closed, 0);
    world->meddle = drop_all;
    world_run(world, 10500);
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->close.error, MSK_E_TIMEOUT);
    assert_int_equal(b->closed, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_go_both_ways),
        cmocka_unit_test(streams_are_told_apart),
        cmocka_unit_test(streams_in_both_directions_are_refused),
        cmocka_unit_test(too_many_streams_are_refused),
        cmocka_unit_test(a_long_frame_is_not_waited_for),
        cmocka_unit_test(frames_wait_for_a_stream),
        cmocka_unit_test(who_does_not_read_meets_a_limit),
        cmocka_unit_test(patience_ends_before_the_idle_timeout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
