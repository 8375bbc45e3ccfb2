/* Gossip on its connections: streams, frames, dials, closes, broadcasts (wire.md C.1, C.2, D.1). Lines read: link <
 * what. */
#include "gossip_rig.h"

#include "core/gossip_links.h"
#include "core/plumtree.h"

/* ---- dialling and streams */

static void the_topic_goes_before_the_first_message_of_each_link(void **state)
{
    (void)state;
    join('B');
    expect_lines("dial B as 100 at :7\n");
    opened(100, 'B');
    expect_lines("100 < topic\n100 < join\n");
    header(100, 4);
    hex_frame(100, 4, NEIGHBOR_HIGH);
    expect_lines("100 < neighbor high\nup B\n");
    opened(1, 'B'); /* it dialled, too: the newest connection serves from now on */
    broadcast(msk_bytes_of_text("x"));
    expect_lines("1 < topic\n1 < gossip x round 0\n");
    hex_frame(100, 4, NEIGHBOR_LOW); /* both are read */
    header(1, 8);
    hex_frame(1, 8, NEIGHBOR_LOW);
    expect_lines("1 < neighbor low\n");
    closed(1); /* the older one is as good again */
    broadcast(msk_bytes_of_text("y"));
    expect_lines("100 < gossip y round 0\n");
    closed(100);
    expect_lines("down B\n");
}

static void the_shortest_dialogue_that_works(void **state)
{
    (void)state;
    struct msk_transport_addr own[] = {address_of(7001),
                                       {.kind = MSK_ADDR_RELAY, .relay = msk_bytes_of_text("https://r/")}};
    assert_int_equal(msk_gossip_set_addresses(gossip, &(struct msk_transport_addr_set){own, 2}), 0);
    opened(1, 'B');
    header(1, 0);
    hex_frame(1, 0, JOIN);
    assert_int_equal(actions.count, 3); /* an event, the topic, and: */
    assert_int_equal(actions.items[2].kind, MSK_ACTION_SEND);
    /* neighbor, high, 9 bytes of peer data: no relay, one IPv4 address, port 7001 */
    char text[64];
    msk_hex_encode(MSK_BYTES(actions.items[2].send.data, actions.items[2].send.len), text);
    assert_string_equal(text, "00040001090001007f000001d936");
    forget_lines();
    hex_frame(1, 0, NEIGHBOR_HIGH);
    gossip_frame(1, msk_bytes_of_text("x"), 0);
    expect_lines("heard B: x\n");
    assert_int_equal(broadcast(msk_bytes_of_text("y")), 0);
    expect_lines("1 < gossip y round 0\n");
}

static void what_is_said_while_dialling_waits(void **state)
{
    (void)state;
    for (int i = 0; i < MSK_GOSSIP_QUEUE_MAX + 3; i++)
        join('B');
    expect_lines("dial B as 100 at :7\n");
    opened(100, 'B');
    trace_actions();
    assert_int_equal(count_of(&trace, "100 < join"), MSK_GOSSIP_QUEUE_MAX);
}

static void a_failed_dial_is_a_lost_peer(void **state)
{
    (void)state;
    neighbours(1, "BC");
    membership_frame(1,
                     &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE_REPLY,
                                              .shuffle_reply.nodes = {(struct msk_peer_info[]){info('P', NULL)}, 1}});
    expect_lines("dial P as 100 at :7\n");
    closed(100);
    char lines[128], name[MSK_DIGEST_SHORT_SIZE];
    snprintf(lines, sizeof lines, "could not reach %s for gossip: nobody is there\n",
             msk_digest_short(key_of('P'), name));
    expect_lines(lines);
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS);
    expect_lines(""); /* it is out of mind */
}

static void peers_are_dialled_where_their_data_says(void **state)
{
    (void)state;
    addressless = "PQ";
    neighbours(1, "BC");
    struct msk_socket_addr address = address_of(4433).ip;
    struct msk_peer_data data = {.addresses = {&address, 1}};
    struct msk_builder encoded;
    msk_builder_init(&encoded, 100);
    assert_int_equal(msk_encode(MSK_TYPE(peer_data), &data, &encoded), 0);
    struct msk_peer_info joiner = {.peer_id = peer('P'), .has_data = true, .data = msk_builder_view(&encoded)};
    membership_frame(1,
                     &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN, .forward_join = {.peer = joiner}});
    expect_lines("dial P as 100 at :4433\n");
    msk_builder_free(&encoded);
    /* Without an IP address there is nothing to dial, which is said. */
    membership_frame(
        1, &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN, .forward_join.peer = info('Q', "\1\1r")});
    char lines[128], name[MSK_DIGEST_SHORT_SIZE];
    snprintf(lines, sizeof lines, "could not reach %s for gossip: no IP address of it is known\n",
             msk_digest_short(key_of('Q'), name));
    expect_lines(lines);
}

static void other_topics_are_ignored(void **state)
{
    (void)state;
    opened(1, 'B');
    frame(1, 0, MSK_BYTES("0123456789abcdef0123456789abcdef", 32));
    hex_frame(1, 0, JOIN);
    hex_frame(1, 0, "ffff");
    expect_lines("");
    header(1, 4);
    hex_frame(1, 4, JOIN);
    trace_actions();
    assert_int_equal(count_of(&trace, "up B"), 1);
}

static void unreadable_frames_end_the_connection(void **state)
{
    (void)state;
    static const struct {
        const char *hex, *detail;
    } rows[] = {
        {"02", "gossip_message: "},
        {"", "gossip_message: "},
        {"0006", "gossip_message.membership: "},
        {"0104", "gossip_message.broadcast: "},
    };
    for (uint64_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        neighbour(i, 'B');
        hex_frame(i, 0, rows[i].hex);
        trace_actions();
        char close[64];
        snprintf(close, sizeof close, "\nclose %u with 400\ndown B\n", (unsigned)i);
        assert_int_equal(count_of(&trace, " broke the protocol: "), 1);
        assert_int_equal(count_of(&trace, rows[i].detail), 1);
        assert_int_equal(count_of(&trace, close), 1);
        hex_frame(i, 0, JOIN); /* on its way already */
        closed(i);
        msk_builder_reset(&trace.lines);
        expect_lines("");
    }
}

static void headers_and_frames_have_a_size(void **state)
{
    (void)state;
    static uint8_t big[4097];
    opened(1, 'B');
    frame(1, 0, MSK_BYTES(topic.bytes, 31));
    trace_actions();
    assert_int_equal(count_of(&trace, "a gossip stream header shorter than a topic\nclose 1 with 400\n"), 1);
    opened(2, 'B');
    memcpy(big, topic.bytes, sizeof topic.bytes);
    frame(2, 0, MSK_BYTES(big, 33)); /* bytes after the value are ignored */
    hex_frame(2, 0, "0005010099");
    msk_builder_reset(&trace.lines);
    expect_lines("");
    frame(2, 0, MSK_BYTES(big, sizeof big));
    trace_actions();
    assert_int_equal(count_of(&trace, "longer than 4096 bytes\nclose 2 with 400\n"), 1);
}

/* ---- ends of connections */

static void a_goodbye_is_flushed_before_the_close(void **state)
{
    (void)state;
    neighbours(1, "BCDEF");
    opened(9, 'G');
    header(9, 0);
    hex_frame(9, 0, NEIGHBOR_LOW);
    trace_actions();
    assert_int_equal(count_of(&trace, "9 < topic\n9 < shuffle reply:"), 1);
    assert_int_equal(count_of(&trace, "9 < disconnect alive\nclose 9 with 0 flushed\n"), 1);
    msk_builder_reset(&trace.lines);
    closed(9); /* nothing follows from what we did ourselves */
    hex_frame(9, 0, NEIGHBOR_HIGH);
    expect_lines("");
}

static void after_the_peers_goodbye_we_close(void **state)
{
    (void)state;
    neighbours(1, "BC");
    hex_frame(1, 0, GOODBYE_ALIVE);
    expect_lines("down B\n");
    msk_gossip_stream_ended(gossip, now, 1, 0, &actions);
    expect_lines("close 1 with 0 flushed\n");
    msk_gossip_stream_ended(gossip, now, 2, 0, &actions); /* a neighbour may open another stream */
    expect_lines("");
    header(2, 4);
    gossip_frame(2, msk_bytes_of_text("x"), 0); /* on stream 0, which is new again: no header */
    trace_actions();
    assert_int_equal(count_of(&trace, "heard"), 0);
}

static void silent_strangers_are_closed(void **state)
{
    (void)state;
    neighbour(1, 'B');
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS);
    opened(2, 'S');
    uint64_t opened_ms = now.mono_ms;
    assert_int_equal(msk_gossip_deadline(gossip), opened_ms + MSK_GOSSIP_IDLE_MS);
    tick_after(MSK_GOSSIP_IDLE_MS - 1);
    expect_lines("");
    header(2, 0); /* a sign of life */
    tick_after(MSK_GOSSIP_IDLE_MS - 1);
    expect_lines("");
    tick_after(1);
    expect_lines("close 2 with 0 flushed\n");
    tick_after(MSK_GOSSIP_IDLE_MS);
    expect_lines(""); /* a neighbour may be silent */
}

/* ---- broadcasts */

static void a_broadcast_fits_one_message_or_is_refused(void **state)
{
    (void)state;
    static uint8_t content[MSK_GOSSIP_CONTENT_MAX + 1];
    assert_int_equal(broadcast(MSK_BYTES(content, 10)), MSK_E_UNREACHABLE);
    neighbours(1, "BC");
    assert_int_equal(broadcast(MSK_BYTES(content, sizeof content)), MSK_E_LIMIT);
    expect_lines("");
    assert_int_equal(broadcast(MSK_BYTES(content, sizeof content - 1)), 0);
    size_t sent = 0;
    for (size_t i = 0; i < actions.count; i++)
        if (actions.items[i].send.len > MSK_DIGEST_LEN) {
            sent++;
            assert_int_equal(actions.items[i].send.len, 4095);
        }
    assert_int_equal(sent, 2);
}

static void what_others_said_too_large_ends_here(void **state)
{
    (void)state;
    static uint8_t content[MSK_GOSSIP_CONTENT_MAX + 1];
    neighbours(1, "BC");
    gossip_frame(1, MSK_BYTES(content, sizeof content), 0); /* 4096 bytes may be read, but not written */
    trace_actions();
    assert_int_equal(count_of(&trace, "heard B"), 1);
    assert_int_equal(count_of(&trace, "<"), 0);
    assert_int_equal(actions.error, 0);
}

static void content_is_delivered_once(void **state)
{
    (void)state;
    neighbours(1, "BC");
    gossip_frame(1, msk_bytes_of_text("x"), 0);
    expect_lines("2 < gossip x round 1\nheard B: x\n");
    gossip_frame(2, msk_bytes_of_text("x"), 1);
    expect_lines("2 < prune\n");
    opened(3, 'S'); /* a stranger's word counts, and ends its visit */
    header(3, 0);
    gossip_frame(3, msk_bytes_of_text("y"), 0);
    expect_lines("1 < gossip y round 1\nclose 3 with 0 flushed\nheard S: y\n");
    tick_after(MSK_LAZY_PUSH_MS);
    expect_lines("2 < i-have y:1\n");
}

static void leaving_closes_everything(void **state)
{
    (void)state;
    neighbours(1, "B");
    opened(2, 'S');
    join('T');
    forget_lines();
    msk_gossip_leave(gossip, now, &actions);
    expect_lines("1 < shuffle reply:\n1 < disconnect for good\nclose 1 with 0 flushed\nclose 100 with 0 flushed\n"
                 "close 2 with 0 flushed\ndown B\n");
    assert_int_equal(msk_gossip_deadline(gossip), MSK_NEVER);
    assert_int_equal(broadcast(msk_bytes_of_text("x")), MSK_E_CLOSED);
    join('B');
    tick_after(100000);
    expect_lines("");
    opened(3, 'B');
    expect_lines("close 3 with 0\n");
}

static void status_tells_who_is_who(void **state)
{
    (void)state;
    neighbours(1, "BC");
    hex_frame(1, 0, "0101"); /* prune */
    json_t *status = msk_gossip_json(gossip);
    json_t *neighbours = json_object_get(status, "neighbours");
    assert_int_equal(json_array_size(neighbours), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(neighbours, 0), "push")), "lazy");
    assert_string_equal(json_string_value(json_object_get(json_array_get(neighbours, 1), "push")), "eager");
    assert_int_equal(json_integer_value(json_object_get(status, "links")), 2);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_topic_goes_before_the_first_message_of_each_link),
        TEST(the_shortest_dialogue_that_works),
        TEST(what_is_said_while_dialling_waits),
        TEST(a_failed_dial_is_a_lost_peer),
        TEST(peers_are_dialled_where_their_data_says),
        TEST(other_topics_are_ignored),
        TEST(unreadable_frames_end_the_connection),
        TEST(headers_and_frames_have_a_size),
        TEST(a_goodbye_is_flushed_before_the_close),
        TEST(after_the_peers_goodbye_we_close),
        TEST(silent_strangers_are_closed),
        TEST(a_broadcast_fits_one_message_or_is_refused),
        TEST(what_others_said_too_large_ends_here),
        TEST(content_is_delivered_once),
        TEST(leaving_closes_everything),
        TEST(status_tells_who_is_who),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
