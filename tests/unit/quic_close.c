/* How connections end, on both sides and on neither (wire.md 3.3, transport.md). */

#include "quic_world.h"

static size_t connections(const struct node *node)
{
    struct msk_quic_stats stats;
    msk_quic_stats(node->quic, &stats);
    return stats.connections;
}

static void send_text(struct msk_quic_conn *conn, const char *text)
{
    struct msk_quic_stream *stream;
    struct msk_bytes part = msk_bytes_of_text(text);
    assert_int_equal(msk_quic_stream_open(conn, true, &stream), 0);
    assert_int_equal(msk_quic_stream_write(stream, &part, 1), 0);
}

static bool drop_all(struct world *world, struct packet *packet, void *context)
{
    (void)world, (void)packet, (void)context;
    return false;
}

/* ---- by the application */

static void check_close(struct node *closer, struct node *other, struct world *world)
{
    msk_quic_conn_close(closer->conns[0], world->now_ns, 30404, "GroupNotFound", 0);
    world_run(world, 10);
    assert_int_equal(closer->closed, 1);
    assert_int_equal(closer->close.by, MSK_QUIC_BY_LOCAL);
    assert_int_equal(closer->close.code, 30404);
    assert_int_equal(other->closed, 1);
    assert_int_equal(other->close.by, MSK_QUIC_BY_PEER);
    assert_int_equal(other->close.error, 0);
    assert_int_equal(other->close.code, 30404);
    assert_string_equal(other->close.reason, "GroupNotFound");
    assert_string_equal(other->close.detail, "closed by the peer with 30404 GroupNotFound");
}

static void code_and_reason_arrive(void **state)
{
    (void)state;
    for (int direction = 0; direction < 2; direction++) {
        struct world *world = world_new();
        struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
        world_connect(world, a, b);
        check_close(direction ? a : b, direction ? b : a, world);
        assert_false(msk_quic_idle(direction ? a->quic : b->quic)); /* it may still have to repeat itself */
        world_run(world, 5000);
        assert_int_equal(connections(a) + connections(b), 0);
        assert_true(msk_quic_idle(a->quic) && msk_quic_idle(b->quic));
        world_free(world);
    }
}

static void unprintable_and_long_reasons_are_tamed(void **state)
{
    (void)state;
    char reason[MSK_QUIC_REASON_MAX + 50];
    memset(reason, 'x', sizeof reason - 1);
    reason[sizeof reason - 1] = 0;
    reason[1] = '\n';
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    msk_quic_conn_close(a->conns[0], world->now_ns, 0, reason, 0);
    world_run(world, 10);
    assert_int_equal(strlen(b->close.reason), MSK_QUIC_REASON_MAX);
    assert_memory_equal(b->close.reason, "x?x", 3);
    world_free(world);
}

struct lose {
    unsigned left;
};

static bool lose_some(struct world *world, struct packet *packet, void *context)
{
    (void)world, (void)packet;
    struct lose *lose = context;
    if (lose->left == 0)
        return true;
    lose->left--;
    return false;
}

/* The peer has nothing to say, so nothing would make us repeat a lost close but our own timer. */
static void a_lost_close_is_repeated(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world->meddle = lose_some;
    world->context = &(struct lose){2};
    msk_quic_conn_close(a->conns[0], world->now_ns, 401, "UnknownPeer", 0);
    world_run(world, 500);
    assert_int_equal(b->closed, 1);
    assert_int_equal(b->close.code, 401);
    world_free(world);
}

static void a_talking_peer_is_told_again(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world->meddle = lose_some;
    world->context = &(struct lose){1};
    msk_quic_conn_close(a->conns[0], world->now_ns, 401, "UnknownPeer", 0);
    node_work(world, a);
    send_text(b->conns[0], "hello?");
    world_run(world, 3); /* long before the repetition by timer */
    assert_int_equal(b->closed, 1);
    assert_int_equal(b->close.code, 401);
    world_free(world);
}

static void both_close_at_once(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    msk_quic_conn_close(a->conns[0], world->now_ns, 200, "Success", 0);
    msk_quic_conn_close(b->conns[0], world->now_ns, 102, "Cancelled", 0);
    world_run(world, 5000);
    assert_int_equal(a->close.code, 200);
    assert_int_equal(b->close.code, 102);
    assert_int_equal(a->closed + b->closed, 2);
    assert_int_equal(connections(a) + connections(b), 0);
    assert_true(world->sent < 100);
    world_free(world);
}

static void a_lingering_close_delivers_first(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world->meddle = lose_some;
    world->context = &(struct lose){1};
    send_text(a->conns[0], "last words");
    msk_quic_conn_close(a->conns[0], world->now_ns, 204, "GracefulShutdown", 10000);
    node_work(world, a);
    assert_int_equal(a->closed, 0);
    world_run(world, 1000);
    assert_int_equal(b->received.len, 10);
    assert_int_equal(b->close.code, 204);
    world_free(world);
}

static void lingering_has_an_end(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world->meddle = drop_all;
    send_text(a->conns[0], "last words");
    msk_quic_conn_close(a->conns[0], world->now_ns, 204, "GracefulShutdown", 400);
    world_run(world, 399);
    assert_int_equal(a->closed, 0);
    world_run(world, 2);
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->close.by, MSK_QUIC_BY_LOCAL);
    world_free(world);
}

static void nothing_but_the_end_is_reported_after_closing(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    struct msk_quic_conn *conn = a->conns[0];
    send_text(b->conns[0], "too late");
    node_work(world, b);
    world->now_ns += MS;
    world_deliver_one(world);
    msk_quic_conn_close(conn, world->now_ns, 0, "", 0);
    msk_quic_conn_close(conn, world->now_ns, 7, "again", 0);
    struct msk_quic_stream *stream;
    uint8_t out[32];
    assert_int_equal(msk_quic_stream_open(conn, true, &stream), MSK_E_CLOSED);
    assert_int_equal(msk_quic_conn_export(conn, MSK_BYTES("x", 1), MSK_BYTES("", 0), out), MSK_E_CLOSED);
    world_run(world, 10);
    assert_int_equal(a->opened, 0);
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->close.code, 0);
    world_free(world);
}

static void data_before_the_close_can_be_read(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    send_text(a->conns[0], "and goodbye");
    node_work(world, a);
    msk_quic_conn_close(a->conns[0], world->now_ns, 200, "Success", 0);
    node_work(world, a);
    world->now_ns += MS;
    while (world->in_flight) /* both arrive before b looks at any event */
        world_deliver_one(world);
    world_run(world, 10);
    assert_int_equal(b->received.len, 11);
    assert_int_equal(b->closed, 1);
    world_free(world);
}

static void shutdown_closes_and_refuses(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL), *c = world_add(world, NULL);
    world_connect(world, a, b);
    world_connect(world, b, c);
    world_dial_as(world, a, b, &a->id, ALPN);
    msk_quic_shutdown(a->quic, world->now_ns, 102, "Cancelled");
    world_run(world, 3);
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->dials_failed, 0);
    assert_int_equal(b->closed, 1);
    assert_int_equal(b->close.code, 102);
    assert_int_equal(c->closed, 0);
    world_dial_as(world, c, a, &a->id, ALPN);
    world_run(world, 100);
    assert_int_equal(c->close.code, 2);
    world_run(world, 5000);
    assert_true(msk_quic_idle(a->quic));
    world_free(world);
}

/* ---- by silence */

static void silence_ends_after_the_idle_timeout(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world->meddle = drop_all;
    world_run(world, 28000);
    assert_int_equal(a->closed + b->closed, 0);
    world_run(world, 10000);
    assert_int_equal(a->closed, 1);
    assert_int_equal(b->closed, 1);
    assert_int_equal(a->close.by, MSK_QUIC_BY_TRANSPORT);
    assert_int_equal(a->close.error, MSK_E_TIMEOUT);
    assert_int_equal(connections(a) + connections(b), 0);
    world_free(world);
}

static void keep_alives_hold_an_idle_connection(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    uint64_t before = world->sent;
    world_run(world, 100000);
    assert_int_equal(a->closed + b->closed, 0);
    uint64_t sent = world->sent - before;
    assert_in_range(sent, 30, 120); /* a ping every 5 s and its acknowledgement, from one side or both */
    world_free(world);
}

static void without_keep_alives_it_ends(void **state)
{
    (void)state;
    struct msk_quic_config first, second;
    world_config(&first, 1);
    world_config(&second, 2);
    first.keep_alive_ms = second.keep_alive_ms = 0;
    second.idle_timeout_ms = 8000; /* the lesser of both counts */
    struct world *world = world_new();
    struct node *a = world_add(world, &first), *b = world_add(world, &second);
    world_connect(world, a, b);
    world_run(world, 9000);
    assert_int_equal(a->closed, 1);
    assert_int_equal(b->closed, 1);
    world_free(world);
}

/* ---- by amnesia */

static void restart(struct node *node, uint8_t secret)
{
    struct msk_quic_config config;
    struct msk_error err;
    msk_quic_free(node->quic);
    world_config(&config, secret);
    assert_int_equal(msk_quic_new(&config, &node->quic, &err), 0);
}

/* Only an acceptor can: a dialler's first connection id comes without a reset token (RFC 9000 18.2). */
static void a_restarted_acceptor_resets(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    restart(b, 2);
    send_text(a->conns[0], "are you there?");
    world_run(world, 10);
    assert_int_equal(a->closed, 1);
    assert_int_equal(a->close.by, MSK_QUIC_BY_TRANSPORT);
    assert_int_equal(a->close.error, MSK_E_CLOSED);
    assert_non_null(strstr(a->close.detail, "stateless reset"));
    world_free(world);
}

static void nobody_else_can_reset(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    restart(b, 77); /* another node took over the address */
    send_text(a->conns[0], "are you there?");
    world_run(world, 1000);
    struct msk_quic_stats stats;
    msk_quic_stats(b->quic, &stats);
    assert_true(stats.resets_sent > 0);
    assert_int_equal(a->closed, 0);
    world_free(world);
}

static void two_that_forgot_do_not_go_on_for_ever(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    uint8_t stray[100];
    memset(stray, 0x41, sizeof stray);
    world_post(world, &a->address, &b->address, MSK_BYTES(stray, sizeof stray));
    world_run(world, 1000);
    assert_in_range(world->sent, 2, 60);
    world_free(world);
}

/* ---- migration */

static bool rebind(struct world *world, struct packet *packet, void *context)
{
    (void)world;
    const struct node *a = context;
    union msk_address public = world_address(50, 9999);
    if (msk_address_equal(&packet->from, &a->address))
        packet->from = public;
    else if (msk_address_equal(&packet->to, &public))
        packet->to = a->address;
    return true;
}

static void a_new_source_port_is_followed(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct node *a = world_add(world, NULL), *b = world_add(world, NULL);
    world_connect(world, a, b);
    world->meddle = rebind;
    world->context = a;
    send_text(a->conns[0], "from elsewhere");
    world_run(world, 2000);
    assert_int_equal(b->received.len, 14);
    struct msk_quic_conn_info info;
    char text[MSK_ADDRESS_TEXT_SIZE];
    msk_quic_conn_info(b->conns[0], &info);
    assert_string_equal(msk_address_text(&info.remote, text), "10.0.0.50:9999");
    world_run(world, 60000);
    assert_int_equal(a->closed + b->closed, 0);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_and_reason_arrive),
        cmocka_unit_test(unprintable_and_long_reasons_are_tamed),
        cmocka_unit_test(a_lost_close_is_repeated),
        cmocka_unit_test(a_talking_peer_is_told_again),
        cmocka_unit_test(both_close_at_once),
        cmocka_unit_test(a_lingering_close_delivers_first),
        cmocka_unit_test(lingering_has_an_end),
        cmocka_unit_test(nothing_but_the_end_is_reported_after_closing),
        cmocka_unit_test(data_before_the_close_can_be_read),
        cmocka_unit_test(shutdown_closes_and_refuses),
        cmocka_unit_test(silence_ends_after_the_idle_timeout),
        cmocka_unit_test(keep_alives_hold_an_idle_connection),
        cmocka_unit_test(without_keep_alives_it_ends),
        cmocka_unit_test(a_restarted_acceptor_resets),
        cmocka_unit_test(nobody_else_can_reset),
        cmocka_unit_test(two_that_forgot_do_not_go_on_for_ever),
        cmocka_unit_test(a_new_source_port_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
