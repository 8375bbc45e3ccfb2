/* gossip_rig.h: one gossip, that of A, what happens to it, and what it wants done as lines; for its tests.
 * Lines read: link < what. */
#ifndef GOSSIP_RIG_H
#define GOSSIP_RIG_H

#include "gossip_trace.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/text.h"
#include "core/gossip.h"

#define FIRST_DIAL 100

static struct trace trace;
static struct msk_gossip *gossip; /* of A */
static struct msk_actions actions;
static struct msk_now now;
static uint64_t last_dial;
static const char *addressless; /* peers whose address the catalog does not know */
static struct msk_digest topic;

static inline uint64_t new_link(void *context)
{
    (void)context;
    return last_dial++;
}

static inline struct msk_transport_addr address_of(uint16_t port)
{
    return (struct msk_transport_addr){.kind = MSK_ADDR_IP,
                                       .ip = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = port}};
}

static inline size_t find_addresses(void *context, struct msk_now at, const struct msk_digest *id,
                                    struct msk_transport_addr *out, size_t max)
{
    (void)context;
    assert_true(max > 0 && at.mono_ms == now.mono_ms);
    out[0] = address_of(7);
    return strchr(addressless, name_of(id)) == NULL;
}

static inline int set_up(void **state)
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

static inline int tear_down(void **state)
{
    (void)state;
    msk_alloc_fail_after(UINT64_MAX);
    msk_gossip_free(gossip);
    msk_actions_free(&actions);
    msk_builder_free(&trace.lines);
    return 0;
}

/* ---- what it wants done, as lines */

static inline void trace_body(const struct msk_action *action)
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

static inline void trace_event(const struct msk_event *event)
{
    if (event->kind == MSK_EVENT_NEIGHBOUR_UP || event->kind == MSK_EVENT_NEIGHBOUR_DOWN)
        return; /* told by the news as well */
    msk_event_sentence(event, &trace.lines);
    msk_builder_text(&trace.lines, "\n");
}

static inline void trace_actions(void)
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

static inline void expect_lines(const char *lines)
{
    trace_actions();
    expect(&trace, lines);
}

static inline void forget_lines(void)
{
    trace_actions();
    msk_builder_reset(&trace.lines);
}

/* ---- what happens to it */

static inline void opened(uint64_t link, char name)
{
    struct msk_digest id = peer(name);
    msk_gossip_link_opened(gossip, now, link, &id, &actions);
}

static inline void closed(uint64_t link)
{
    msk_gossip_link_closed(gossip, now, link, "nobody is there", &actions);
}

static inline void frame(uint64_t link, uint64_t stream, struct msk_bytes body)
{
    msk_gossip_stream_frame(gossip, now, link, stream, body, &actions);
}

static inline void header(uint64_t link, uint64_t stream)
{
    frame(link, stream, MSK_BYTES(topic.bytes, MSK_DIGEST_LEN));
}

static inline void hex_frame(uint64_t link, uint64_t stream, const char *hex)
{
    uint8_t body[256]; /* not from the allocator, which may be failing */
    size_t len = strlen(hex) / 2;
    assert_true(len <= sizeof body);
    assert_int_equal(msk_hex_decode(hex, strlen(hex), body, len, NULL), 0);
    frame(link, stream, MSK_BYTES(body, len));
}

static inline void message_frame(uint64_t link, uint64_t stream, const struct msk_gossip_message *message)
{
    struct msk_builder body;
    msk_builder_init(&body, 1 << 16);
    assert_int_equal(msk_encode(MSK_TYPE(gossip_message), message, &body), 0);
    frame(link, stream, msk_builder_view(&body));
    msk_builder_free(&body);
}

static inline void membership_frame(uint64_t link, const struct msk_membership *message)
{
    message_frame(link, 0, &(struct msk_gossip_message){.kind = MSK_GOSSIP_MEMBERSHIP, .membership = *message});
}

static inline void gossip_frame(uint64_t link, struct msk_bytes content, uint16_t round)
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
static inline void neighbour(uint64_t link, char name)
{
    opened(link, name);
    header(link, 0);
    hex_frame(link, 0, NEIGHBOR_HIGH);
    hex_frame(link, 0, NEIGHBOR_HIGH); /* its answer to our answer */
    forget_lines();
}

static inline void neighbours(uint64_t first_link, const char *names)
{
    for (; *names; names++)
        neighbour(first_link++, *names);
}

static inline void tick_after(uint64_t ms)
{
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
    msk_gossip_tick(gossip, now, &actions);
}

static inline void join(char name)
{
    struct msk_digest id = peer(name);
    msk_gossip_join(gossip, now, &id, &actions);
}

static inline int broadcast(struct msk_bytes content)
{
    return msk_gossip_broadcast(gossip, now, content, &actions);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
