/* Gossip on its connections: streams, frames, dials, closes, bounds (wire.md C.1, C.2, D.1). Lines read: link < what.
 */
#include "gossip_trace.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "core/gossip.h"
#include "core/gossip_links.h"
#include "core/plumtree.h"
#include "vectors.h"

#define FIRST_DIAL 100

static struct trace trace;
static struct msk_gossip *gossip; /* of A */
static struct msk_actions actions;
static struct msk_now now;
static uint64_t last_dial;
static const char *addressless; /* peers whose address the catalog does not know */
static struct msk_digest topic;

static uint64_t new_link(void *context)
{
    (void)context;
    return last_dial++;
}

static struct msk_transport_addr address_of(uint16_t port)
{
    return (struct msk_transport_addr){.kind = MSK_ADDR_IP,
                                       .ip = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = port}};
}

static size_t find_addresses(void *context, struct msk_now at, const struct msk_digest *id,
                             struct msk_transport_addr *out, size_t max)
{
    (void)context;
    assert_true(max > 0 && at.mono_ms == now.mono_ms);
    out[0] = address_of(7);
    return strchr(addressless, name_of(id)) == NULL;
}

static int set_up(void **state)
{
    (void)state;
    msk_alloc_fail_after(UINT64_MAX);
    trace_init(&trace, "xyz");
    msk_actions_init(&actions);
    now = (struct msk_now){.mono_ms = 1000, .wall_ms = 1700000000000};
    last_dial = FIRST_DIAL;
    addressless = "";
    memset(topic.bytes, 0x77, sizeof topic.bytes);
    struct msk_gossip_config config = {
        .self = peer('A'), .topic = topic, .seed = 1, .owner = {NULL, new_link, find_addresses}};
    return msk_gossip_new(&config, now, &gossip);
}

static int tear_down(void **state)
{
    (void)state;
    msk_alloc_fail_after(UINT64_MAX);
    msk_gossip_free(gossip);
    msk_actions_free(&actions);
    msk_builder_free(&trace.lines);
    return 0;
}

/* ---- what it wants done, as lines */

static void trace_body(const struct msk_action *action)
{
    struct msk_bytes body = MSK_BYTES(action->send.data, action->send.len);
    if (msk_bytes_equal(body, MSK_BYTES(topic.bytes, MSK_DIGEST_LEN))) {
        msk_builder_text(&trace.lines, " topic");
        return;
    }
    struct msk_arena arena;
    struct msk_gossip_message message;
    msk_arena_init(&arena, 1 << 16);
    assert_int_equal(msk_decode(MSK_TYPE(gossip_message), body, &arena, &message, NULL), 0);
    assert_true(body.len < 4096);
    if (message.kind == MSK_GOSSIP_MEMBERSHIP)
        trace_membership(&trace, &message.membership);
    else
        trace_broadcast(&trace, &message.broadcast);
    msk_arena_free(&arena);
}

static void trace_event(const struct msk_event *event)
{
    if (event->kind == MSK_EVENT_NEIGHBOUR_UP || event->kind == MSK_EVENT_NEIGHBOUR_DOWN)
        return; /* told by the news as well */
    msk_event_sentence(event, &trace.lines);
    msk_builder_text(&trace.lines, "\n");
}

static void trace_actions(void)
{
    struct msk_builder *lines = &trace.lines;
    for (size_t i = 0; i < actions.count; i++) {
        const struct msk_action *action = &actions.items[i];
        if (action->kind == MSK_ACTION_DIAL) {
            assert_int_equal(action->dial.alpn, MSK_ALPN_ANNOUNCE);
            msk_builder_printf(lines, "dial %c as %u at", name_of(&action->dial.peer), (unsigned)action->link);
            for (size_t n = 0; n < action->dial.addresses.count; n++)
                msk_builder_printf(lines, " :%u", action->dial.addresses.items[n].ip.port);
            msk_builder_text(lines, "\n");
        } else if (action->kind == MSK_ACTION_SEND) {
            msk_builder_printf(lines, "%u <", (unsigned)action->link);
            trace_body(action);
            msk_builder_text(lines, "\n");
        } else if (action->kind == MSK_ACTION_CLOSE) {
            msk_builder_printf(lines, "close %u with %u%s\n", (unsigned)action->link, (unsigned)action->close.code,
                               action->close.flush ? " flushed" : "");
        } else {
            trace_event(&action->event);
        }
    }
    msk_actions_clear(&actions);
    for (struct msk_gossip_news news; msk_gossip_next(gossip, &news);) {
        static const char *const kinds[] = {"heard", "up", "down"};
        msk_builder_printf(lines, "%s %c", kinds[news.kind], name_of(&news.peer));
        if (news.kind == MSK_NEWS_DELIVERED)
            msk_builder_printf(lines, ": %.*s", (int)(news.content.len < 20 ? news.content.len : 20),
                               news.content.data);
        msk_builder_text(lines, "\n");
    }
}

static void expect_lines(const char *lines)
{
    trace_actions();
    expect(&trace, lines);
}

static void forget_lines(void)
{
    trace_actions();
    msk_builder_reset(&trace.lines);
}

/* ---- what happens to it */

static void opened(uint64_t link, char name)
{
    struct msk_digest id = peer(name);
    msk_gossip_link_opened(gossip, now, link, &id, &actions);
}

static void closed(uint64_t link)
{
    msk_gossip_link_closed(gossip, now, link, "nobody is there", &actions);
}

static void frame(uint64_t link, uint64_t stream, struct msk_bytes body)
{
    msk_gossip_stream_frame(gossip, now, link, stream, body, &actions);
}

static void header(uint64_t link, uint64_t stream)
{
    frame(link, stream, MSK_BYTES(topic.bytes, MSK_DIGEST_LEN));
}

static void hex_frame(uint64_t link, uint64_t stream, const char *hex)
{
    uint8_t body[256]; /* not from the allocator, which may be failing */
    size_t len = strlen(hex) / 2;
    assert_true(len <= sizeof body);
    assert_int_equal(msk_hex_decode(hex, strlen(hex), body, len, NULL), 0);
    frame(link, stream, MSK_BYTES(body, len));
}

static void message_frame(uint64_t link, uint64_t stream, const struct msk_gossip_message *message)
{
    struct msk_builder body;
    msk_builder_init(&body, 1 << 16);
    assert_int_equal(msk_encode(MSK_TYPE(gossip_message), message, &body), 0);
    frame(link, stream, msk_builder_view(&body));
    msk_builder_free(&body);
}

static void membership_frame(uint64_t link, const struct msk_membership *message)
{
    message_frame(link, 0, &(struct msk_gossip_message){.kind = MSK_GOSSIP_MEMBERSHIP, .membership = *message});
}

static void gossip_frame(uint64_t link, struct msk_bytes content, uint16_t round)
{
    struct msk_gossip_message message = {
        .kind = MSK_GOSSIP_BROADCAST,
        .broadcast = {.kind = MSK_BROADCAST_GOSSIP,
                      .gossip = {.id = msk_blake3(content), .content = content, .scope = {.round = round}}}};
    message_frame(link, 0, &message);
}

#define JOIN          "000000"
#define NEIGHBOR_HIGH "00040000"
#define NEIGHBOR_LOW  "00040100"
#define GOODBYE_ALIVE "00050100"

/* A neighbour on an accepted link. Nothing is outstanding afterwards. */
static void neighbour(uint64_t link, char name)
{
    opened(link, name);
    header(link, 0);
    hex_frame(link, 0, NEIGHBOR_HIGH);
    hex_frame(link, 0, NEIGHBOR_HIGH); /* its answer to our answer */
    forget_lines();
}

static void neighbours(uint64_t first_link, const char *names)
{
    for (; *names; names++)
        neighbour(first_link++, *names);
}

static void tick_after(uint64_t ms)
{
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
    msk_gossip_tick(gossip, now, &actions);
}

static void join(char name, uint16_t port)
{
    struct msk_digest id = peer(name);
    struct msk_socket_addr address = address_of(port).ip;
    msk_gossip_join(gossip, now, &id, &(struct msk_socket_addr_seq){&address, port != 0}, &actions);
}

static int broadcast(struct msk_bytes content)
{
    return msk_gossip_broadcast(gossip, now, content, &actions);
}

/* ---- dialling and streams */

static void the_topic_goes_before_the_first_message_of_each_link(void **state)
{
    (void)state;
    join('B', 9);
    expect_lines("dial B as 100 at :9 :7\n");
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
        join('B', 0);
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

/* ---- bounds */

static void connections_have_a_bound(void **state)
{
    (void)state;
    neighbours(1000, "BCDEF");
    for (uint64_t link = 0; link < MSK_GOSSIP_LINKS_MAX; link++) {
        now.mono_ms++;
        opened(link, (char)('a' + link % 26));
    }
    expect_lines("close 0 with 0 flushed\nclose 1 with 0 flushed\nclose 2 with 0 flushed\nclose 3 with 0 flushed\n"
                 "close 4 with 0 flushed\n"); /* the longest silent strangers */
    assert_int_equal(msk_gossip_neighbour_count(gossip), 5);
}

static void connections_of_one_peer_have_a_bound(void **state)
{
    (void)state;
    for (uint64_t link = 0; link <= MSK_GOSSIP_PER_PEER_MAX; link++)
        opened(link, 'B');
    expect_lines("close 0 with 0 flushed\n");
}

static void connections_all_of_neighbours_leave_no_room(void **state)
{
    (void)state;
    neighbours(0, "BCDEF");
    for (uint64_t link = 10; link < 10 + 3 * 5; link++)
        opened(link, "BCDEF"[link % 5]);
    for (char name = 'a'; name < 'a' + MSK_ASKED_MAX; name++) { /* asked to be neighbours */
        addressless = "";
        opened(100u + (unsigned)name * 4, name);
        opened(101u + (unsigned)name * 4, name);
        opened(102u + (unsigned)name * 4, name);
        opened(103u + (unsigned)name * 4, name);
        membership_frame(
            0, &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN, .forward_join.peer = info(name, NULL)});
    }
    forget_lines();
    opened(5000, 'z');
    expect_lines("close 5000 with 0\n");
}

static void dials_have_a_bound(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'z'; name++)
        join(name, 0);
    trace_actions();
    assert_int_equal(count_of(&trace, "dial "), MSK_GOSSIP_DIALS_MAX);
}

static void streams_have_a_bound(void **state)
{
    (void)state;
    neighbour(1, 'B');
    for (uint64_t stream = 1; stream < MSK_GOSSIP_STREAMS_MAX; stream++)
        header(1, stream);
    msk_gossip_stream_ended(gossip, now, 1, 3, &actions);
    header(1, 100);
    expect_lines("");
    header(1, 101);
    trace_actions();
    assert_int_equal(count_of(&trace, "too many gossip streams on one connection\nclose 1 with 400\n"), 1);
}

static void one_never_talks_to_oneself(void **state)
{
    (void)state;
    opened(1, 'A');
    expect_lines("close 1 with 0\n");
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
    join('T', 0);
    forget_lines();
    msk_gossip_leave(gossip, now, &actions);
    expect_lines("1 < shuffle reply:\n1 < disconnect for good\nclose 1 with 0 flushed\nclose 100 with 0 flushed\n"
                 "close 2 with 0 flushed\ndown B\n");
    assert_int_equal(msk_gossip_deadline(gossip), MSK_NEVER);
    assert_int_equal(broadcast(msk_bytes_of_text("x")), MSK_E_CLOSED);
    join('B', 0);
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

/* ---- vectors, noise, want of memory */

/* Every message of the vectors can be heard, and those the reference cannot read are refused. */
static void hear_vector(struct vector *vector)
{
    static const char *const skipped[] = {"stream header: the topic id", "peer data: "};
    for (size_t i = 0; i < sizeof skipped / sizeof skipped[0]; i++)
        if (strncmp(vector->name, skipped[i], strlen(skipped[i])) == 0)
            return;
    bool is_decode = json_object_get(vector->input, "op") != NULL;
    bool is_bad = json_object_get(vector->json, "error") != NULL;
    opened(1, 'B');
    header(1, 0);
    frame(1, 0, is_decode ? hex_member(vector, vector->input, "bytes") : hex_member(vector, vector->json, "hex"));
    trace_actions();
    if (count_of(&trace, "broke the protocol") != is_bad)
        vector_fail(vector, trace_text(&trace));
    msk_builder_reset(&trace.lines);
    tear_down(NULL);
    assert_int_equal(set_up(NULL), 0);
}

static void the_vectors_are_understood(void **state)
{
    (void)state;
    static const struct vector_op ops[] = {{"", hear_vector}, {"decode", hear_vector}, {0}};
    vectors_run("gossip", ops);
}

/* Frames made of noise, and messages with single bits changed. */
static void noise_does_no_harm(void **state)
{
    (void)state;
    static const char *const seeds[] = {JOIN, NEIGHBOR_HIGH, GOODBYE_ALIVE, "010301", "01020003", "0101"};
    struct msk_random noise;
    msk_random_seed(&noise, 3);
    for (uint64_t link = 0; link < 20000; link++) {
        uint8_t body[64];
        const char *seed = seeds[msk_random_below(&noise, 6)];
        size_t len = strlen(seed) / 2;
        assert_int_equal(msk_hex_decode(seed, strlen(seed), body, len, NULL), 0);
        for (size_t i = len; i < sizeof body; i++)
            body[i] = (uint8_t)msk_random_next(&noise);
        body[msk_random_below(&noise, len)] ^= (uint8_t)(1u << msk_random_below(&noise, 8));
        opened(link, (char)('B' + msk_random_below(&noise, 20)));
        header(link, 0);
        frame(link, 0, MSK_BYTES(body, msk_random_below(&noise, sizeof body)));
        tick_after(msk_random_below(&noise, 300));
        forget_lines();
        assert_true(msk_gossip_neighbour_count(gossip) <= MSK_ACTIVE_MAX);
    }
}

/* The same little life with the first, second, ... request for memory failing. */
static void little_life(void)
{
    opened(1, 'B');
    header(1, 0);
    hex_frame(1, 0, JOIN);
    opened(2, 'C');
    header(2, 0);
    hex_frame(2, 0, JOIN);
    join('D', 9);
    opened(FIRST_DIAL, 'D');
    broadcast(msk_bytes_of_text("x"));
    hex_frame(2, 0, "0101");
    broadcast(msk_bytes_of_text("y"));
    hex_frame(1, 0, "010301d2e63c51de771d0c79d40a9a9b1cfa3750bdc8bd195fc6bb059916e1eed2389200");
    tick_after(200);
    closed(1);
    msk_gossip_leave(gossip, now, &actions);
}

static void want_of_memory_is_survived(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t successes = 0; failed; successes++) {
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
        msk_alloc_fail_after(successes);
        little_life();
        void *spare = msk_calloc(1, 1);
        failed = spare == NULL;
        msk_free(spare);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(successes < 1000);
        for (struct msk_gossip_news news; msk_gossip_next(gossip, &news);)
            ;
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TEST(connections_have_a_bound),
        TEST(connections_of_one_peer_have_a_bound),
        TEST(connections_all_of_neighbours_leave_no_room),
        TEST(dials_have_a_bound),
        TEST(streams_have_a_bound),
        TEST(one_never_talks_to_oneself),
        TEST(a_broadcast_fits_one_message_or_is_refused),
        TEST(what_others_said_too_large_ends_here),
        TEST(content_is_delivered_once),
        TEST(leaving_closes_everything),
        TEST(status_tells_who_is_who),
        TEST(the_vectors_are_understood),
        TEST(noise_does_no_harm),
        TEST(want_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
