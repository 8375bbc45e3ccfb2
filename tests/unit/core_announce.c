/* Announcements: what a node tells through gossip and what it believes (wire.md 4.7, D.1). Lines read: link < what. */
#include "gossip_trace.h"

#include "base/alloc.h"
#include "core/announce.h"
#include "vectors.h"
#include "wire/departure.h"

#define START_WALL_MS  INT64_C(1700000000000)
#define VECTOR_NETWORK "3a15da9332ddf3c130882c97f6674a45edf90ecbe482c92f51b1822ec7dcf0d5"

static struct trace trace;
static struct msk_own_entry own; /* of A */
static struct msk_catalog catalog;
static struct msk_announcer *announcer;
static struct msk_actions actions;
static struct msk_now now;
static uint64_t last_dial;
static struct msk_digest network;

static uint64_t new_link(void *context)
{
    (void)context;
    return last_dial++;
}

static int set_up(void **state)
{
    (void)state;
    uint8_t secret[MSK_SECRET_LEN] = {'A'};
    msk_alloc_fail_after(UINT64_MAX);
    trace_init(&trace, NULL);
    msk_actions_init(&actions);
    now = (struct msk_now){.mono_ms = 1000000, .wall_ms = START_WALL_MS};
    last_dial = 100;
    assert_int_equal(msk_hex_decode(VECTOR_NETWORK, 64, network.bytes, MSK_DIGEST_LEN, NULL), 0);
    if (msk_own_entry_init(&own, secret, &network, 0, 1, now) < 0)
        return -1;
    msk_catalog_init(&catalog, &own.signed_entry.entry.address.peer_id, &network, 0);
    struct msk_announcer_config config = {
        .network_id = network, .seed = 1, .own = &own, .catalog = &catalog, .new_link = new_link};
    return msk_announcer_new(&config, now, &announcer);
}

static int tear_down(void **state)
{
    (void)state;
    msk_alloc_fail_after(UINT64_MAX);
    msk_announcer_free(announcer);
    msk_catalog_free(&catalog);
    msk_own_entry_free(&own);
    msk_actions_free(&actions);
    msk_builder_free(&trace.lines);
    return 0;
}

/* ---- what it does, as lines; an entry goes by the milliseconds since the start of its `updated` */

static void trace_announcement(struct msk_bytes content)
{
    struct msk_arena arena;
    struct msk_announcement announcement;
    msk_arena_init(&arena, 1 << 18);
    assert_int_equal(msk_decode(MSK_TYPE(announcement), content, &arena, &announcement, NULL), 0);
    if (announcement.kind == MSK_ANNOUNCE_ENTRY)
        msk_builder_printf(&trace.lines, " entry +%d",
                           (int)(announcement.entry.entry.version.updated_ms - START_WALL_MS));
    else
        msk_builder_text(&trace.lines, " departure");
    msk_arena_free(&arena);
}

static void trace_body(struct msk_bytes body)
{
    struct msk_arena arena;
    struct msk_gossip_message message;
    msk_arena_init(&arena, 1 << 16);
    assert_int_equal(msk_decode(MSK_TYPE(gossip_message), body, &arena, &message, NULL), 0);
    if (message.kind == MSK_GOSSIP_BROADCAST && message.broadcast.kind == MSK_BROADCAST_GOSSIP)
        trace_announcement(message.broadcast.gossip.content);
    else if (message.kind == MSK_GOSSIP_BROADCAST)
        trace_broadcast(&trace, &message.broadcast);
    else if (message.membership.kind == MSK_MEMBERSHIP_JOIN || message.membership.kind == MSK_MEMBERSHIP_NEIGHBOR)
        msk_builder_text(&trace.lines, message.membership.kind == MSK_MEMBERSHIP_JOIN ? " join" : " neighbor");
    else
        trace_membership(&trace, &message.membership);
    msk_arena_free(&arena);
}

static void trace_event(const struct msk_event *event)
{
    switch (event->kind) {
    case MSK_EVENT_NEIGHBOUR_UP:
    case MSK_EVENT_NEIGHBOUR_DOWN:
    case MSK_EVENT_ANNOUNCED:
        return; /* seen elsewhere */
    default:
        msk_event_sentence(event, &trace.lines);
        msk_builder_text(&trace.lines, "\n");
    }
}

static void trace_actions(void)
{
    for (size_t i = 0; i < actions.count; i++) {
        const struct msk_action *action = &actions.items[i];
        if (action->kind == MSK_ACTION_EVENT) {
            trace_event(&action->event);
        } else if (action->kind == MSK_ACTION_DIAL) {
            msk_builder_printf(&trace.lines, "dial %c\n", name_of(&action->dial.peer));
        } else if (action->kind == MSK_ACTION_CLOSE) {
            msk_builder_printf(&trace.lines, "close %u\n", (unsigned)action->link);
        } else if (action->send.len > MSK_DIGEST_LEN || action->send.data[0] < 2) { /* not the topic */
            msk_builder_printf(&trace.lines, "%u <", (unsigned)action->link);
            trace_body(MSK_BYTES(action->send.data, action->send.len));
            msk_builder_text(&trace.lines, "\n");
        }
    }
    msk_actions_clear(&actions);
}

/* What a node does after every call: act on what was heard. */
static void act(void)
{
    struct msk_heard heard;
    while (msk_announcer_next(announcer, now, &heard, &actions)) {
        trace_actions();
        if (heard.kind == MSK_HEARD_ENTRY) {
            enum msk_catalog_outcome outcome =
                msk_catalog_offer(&catalog, now, heard.entry, MSK_SOURCE_GOSSIP, MSK_STANDING_STRANGER, NULL);
            msk_builder_printf(&trace.lines, "%c of %c: %s\n", name_of(&heard.from), name_of(&heard.peer),
                               msk_catalog_outcome_text(outcome));
        } else if (heard.kind == MSK_HEARD_DEPARTURE) {
            msk_builder_printf(&trace.lines, "%c of %c: departed\n", name_of(&heard.from), name_of(&heard.peer));
            assert_true(msk_catalog_remove(&catalog, &heard.peer));
        } else {
            assert_int_equal(msk_own_entry_refresh(&own, now), 0);
            msk_announcer_tell(announcer, now, &actions);
        }
    }
    trace_actions();
}

static void expect_lines(const char *lines)
{
    act();
    expect(&trace, lines);
}

static void forget_lines(void)
{
    act();
    msk_builder_reset(&trace.lines);
}

static void frame(uint64_t link, struct msk_bytes body)
{
    msk_gossip_stream_frame(msk_announcer_gossip(announcer), now, link, 0, body, &actions);
}

static void opened(uint64_t link, char name)
{
    struct msk_digest id = peer(name);
    msk_gossip_link_opened(msk_announcer_gossip(announcer), now, link, &id, &actions);
}

static void closed(uint64_t link)
{
    msk_gossip_link_closed(msk_announcer_gossip(announcer), now, link, NULL, &actions);
}

/* It joins over a link of its own. */
static void come(uint64_t link, char name)
{
    opened(link, name);
    frame(link, MSK_BYTES(network.bytes, MSK_DIGEST_LEN));
    frame(link, MSK_BYTES("\0\0\0", 3));
    frame(link, MSK_BYTES("\0\4\0\0", 4)); /* and answers our answer */
}

static void tick_after(uint64_t ms)
{
    now.mono_ms += ms;
    now.wall_ms += (int64_t)ms;
    msk_announcer_tick(announcer, now, &actions);
}

static void deliver(uint64_t link, struct msk_bytes content)
{
    struct msk_builder body;
    struct msk_gossip_message message = {
        .kind = MSK_GOSSIP_BROADCAST,
        .broadcast = {.kind = MSK_BROADCAST_GOSSIP, .gossip = {.id = msk_blake3(content), .content = content}}};
    msk_builder_init(&body, 4096);
    assert_int_equal(msk_encode(MSK_TYPE(gossip_message), &message, &body), 0);
    frame(link, msk_builder_view(&body));
    msk_builder_free(&body);
}

static void deliver_announcement(uint64_t link, const struct msk_announcement *announcement)
{
    struct msk_builder content;
    msk_builder_init(&content, 4096);
    assert_int_equal(msk_encode(MSK_TYPE(announcement), announcement, &content), 0);
    deliver(link, msk_builder_view(&content));
    msk_builder_free(&content);
}

/* ---- others' entries and departures */

static struct msk_announcement entry_of(char name, int64_t updated_ms)
{
    uint8_t secret[MSK_SECRET_LEN] = {(uint8_t)name};
    struct msk_announcement announcement = {.kind = MSK_ANNOUNCE_ENTRY,
                                            .entry.entry = {.protocol = msk_bytes_of_text("0.4.2"),
                                                            .network = network,
                                                            .version = {START_WALL_MS, updated_ms},
                                                            .address = {.peer_id = peer(name)}}};
    assert_int_equal(msk_peer_entry_sign(&announcement.entry, secret), 0);
    return announcement;
}

static void learn_of(char name, int64_t updated_ms)
{
    struct msk_announcement entry = entry_of(name, updated_ms);
    assert_int_equal(msk_catalog_offer(&catalog, now, &entry.entry, MSK_SOURCE_SYNC, MSK_STANDING_STRANGER, NULL),
                     MSK_CATALOG_ADDED);
}

static struct msk_announcement departure_of(char name, int64_t updated_ms, int64_t at_ms)
{
    uint8_t secret[MSK_SECRET_LEN] = {(uint8_t)name};
    struct msk_announcement announcement = {
        .kind = MSK_ANNOUNCE_DEPARTURE,
        .departure = {.peer_id = peer(name),
                      .last_version = {START_WALL_MS, updated_ms},
                      .timestamp = {.seconds = at_ms / 1000, .nanoseconds = (uint32_t)(at_ms % 1000) * 1000000}}};
    assert_int_equal(msk_departure_sign(&announcement.departure, secret), 0);
    return announcement;
}

static void expect_verdict(const struct msk_announcement *announcement, enum msk_announcement_verdict verdict)
{
    assert_string_equal(msk_announcement_verdict_text(msk_announcement_judge(announcement, now.wall_ms, &catalog)),
                        msk_announcement_verdict_text(verdict));
}

/* ---- what is believed */

static void entries_may_be_fifty_seconds_off(void **state)
{
    (void)state;
    static const struct {
        int64_t off_ms;
        enum msk_announcement_verdict verdict;
    } rows[] = {
        {0, MSK_ANNOUNCEMENT_ACCEPTED},          {-50000, MSK_ANNOUNCEMENT_ACCEPTED},
        {-50001, MSK_ANNOUNCEMENT_STALE},        {50000, MSK_ANNOUNCEMENT_ACCEPTED},
        {50001, MSK_ANNOUNCEMENT_FUTURE},        {-START_WALL_MS, MSK_ANNOUNCEMENT_STALE},
        {INT64_MIN / 2, MSK_ANNOUNCEMENT_STALE}, {INT64_MAX / 2, MSK_ANNOUNCEMENT_FUTURE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct msk_announcement entry = entry_of('B', START_WALL_MS + rows[i].off_ms);
        expect_verdict(&entry, rows[i].verdict);
    }
}

static void departures_are_judged_in_full(void **state)
{
    (void)state;
    struct msk_announcement departure = departure_of('B', START_WALL_MS, START_WALL_MS);
    expect_verdict(&departure, MSK_ANNOUNCEMENT_UNKNOWN);
    learn_of('B', START_WALL_MS);
    expect_verdict(&departure, MSK_ANNOUNCEMENT_ACCEPTED); /* of the very version known */
    departure = departure_of('B', START_WALL_MS + 1, START_WALL_MS - 50000);
    expect_verdict(&departure, MSK_ANNOUNCEMENT_ACCEPTED);
    departure = departure_of('B', START_WALL_MS - 1, START_WALL_MS);
    expect_verdict(&departure, MSK_ANNOUNCEMENT_SUPERSEDED);
    departure = departure_of('B', START_WALL_MS, START_WALL_MS - 50001);
    expect_verdict(&departure, MSK_ANNOUNCEMENT_STALE);
    departure = departure_of('B', START_WALL_MS, START_WALL_MS + 50001);
    expect_verdict(&departure, MSK_ANNOUNCEMENT_FUTURE);
    departure = departure_of('B', START_WALL_MS, START_WALL_MS);
    departure.departure.signature[3] ^= 1;
    expect_verdict(&departure, MSK_ANNOUNCEMENT_BAD_SIGNATURE);
}

static void what_is_heard_reaches_the_catalog(void **state)
{
    (void)state;
    come(1, 'N');
    forget_lines();
    struct msk_announcement first = entry_of('B', START_WALL_MS), second = entry_of('B', START_WALL_MS + 1);
    struct msk_announcement departure = departure_of('B', START_WALL_MS + 1, START_WALL_MS);
    deliver_announcement(1, &first);
    expect_lines("N of B: new\n");
    deliver_announcement(1, &second);
    expect_lines("N of B: newer\n");
    deliver_announcement(1, &first); /* the very same message again */
    expect_lines("1 < prune\n");
    deliver_announcement(1, &departure);
    expect_lines("N of B: departed\n");
    assert_int_equal(catalog.count, 0);
}

static void what_is_refused_is_reported_with_its_reason(void **state)
{
    (void)state;
    come(1, 'N');
    forget_lines();
    struct msk_announcement late = entry_of('B', START_WALL_MS - 50001);
    struct msk_announcement stray = departure_of('B', START_WALL_MS, START_WALL_MS);
    char lines[256], name[MSK_DIGEST_SHORT_SIZE];
    msk_digest_short(key_of('B'), name);
    deliver_announcement(1, &late);
    snprintf(lines, sizeof lines, "refused an entry of %s through gossip: signed more than 50 s ago\n", name);
    expect_lines(lines);
    deliver_announcement(1, &stray);
    snprintf(lines, sizeof lines, "refused a departure of %s: the peer is not known\n", name);
    expect_lines(lines);
    deliver(1, MSK_BYTES("\2", 1));
    act();
    assert_int_equal(count_of(&trace, "cannot be read: announcement: "), 1);
}

/* ---- what is told */

static void a_new_neighbour_is_told_our_entry(void **state)
{
    (void)state;
    come(1, 'B');
    expect_lines("1 < neighbor\n1 < entry +1\n");
    come(2, 'C');
    expect_lines("2 < neighbor\n1 < forward join C ttl 6\n");
    tick_after(MSK_ANNOUNCE_PAUSE_MS - 1);
    expect_lines(""); /* neighbours that come and go cannot make us talk without end */
    assert_int_equal(msk_announcer_deadline(announcer), now.mono_ms + 1);
    tick_after(1);
    expect_lines("1 < entry +501\n2 < entry +501\n");
}

static void a_change_is_told_at_once(void **state)
{
    (void)state;
    struct msk_digest group = {{1}};
    assert_int_equal(msk_own_entry_add_group(&own, now, &group), 1);
    msk_announcer_tell(announcer, now, &actions);
    expect_lines(""); /* nobody listens */
    come(1, 'B');
    forget_lines();
    struct msk_socket_addr address = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = 9};
    assert_int_equal(msk_own_entry_set_addresses(&own, now, &address, 1), 1);
    msk_announcer_tell(announcer, now, &actions);
    expect_lines("1 < entry +3\n");
    come(2, 'C'); /* and the new address goes to neighbours, too */
    bool told = false;
    for (size_t i = 0; i < actions.count; i++)
        told |= actions.items[i].kind == MSK_ACTION_SEND && actions.items[i].link == 2 &&
                actions.items[i].send.len == 5 + 8 && actions.items[i].send.data[1] == MSK_MEMBERSHIP_NEIGHBOR;
    assert_true(told);
}

/* As a node does it: the own entry's timer runs out, it is signed anew and told. */
static void our_entry_is_told_every_45_seconds_or_so(void **state)
{
    (void)state;
    come(1, 'B');
    tick_after(MSK_ANNOUNCE_PAUSE_MS);
    forget_lines();
    uint64_t told_ms = now.mono_ms;
    int64_t version = own.signed_entry.entry.version.updated_ms;
    for (int i = 0; i < 100; i++) {
        tick_after(own.refresh_ms - now.mono_ms);
        assert_int_equal(msk_own_entry_refresh(&own, now), 0);
        msk_announcer_tell(announcer, now, &actions);
        act();
        assert_int_equal(count_of(&trace, "1 < entry"), 1);
        assert_true(own.signed_entry.entry.version.updated_ms > version);
        if (i > 0)
            assert_in_range(now.mono_ms - told_ms, 22500, 67500);
        told_ms = now.mono_ms;
        version = own.signed_entry.entry.version.updated_ms;
        msk_builder_reset(&trace.lines);
    }
}

static void an_entry_too_large_is_reported_and_never_sent(void **state)
{
    (void)state;
    static uint8_t data[4000];
    struct msk_ticket ticket = {.class_id = {{1}}, .data = MSK_BYTES(data, sizeof data)};
    come(1, 'B');
    forget_lines();
    assert_int_equal(msk_own_entry_add_ticket(&own, now, &ticket), 1);
    msk_announcer_tell(announcer, now, &actions);
    expect_lines("our own entry takes 4218 bytes, gossip carries 4056: it travels by catalog syncs and bonds only\n");
    tick_after(45000);
    assert_int_equal(msk_own_entry_refresh(&own, now), 0);
    msk_announcer_tell(announcer, now, &actions);
    expect_lines(""); /* said once */
    struct msk_digest id = own.tickets[0].id;
    assert_int_equal(msk_own_entry_remove_ticket(&own, now, &id), 1);
    msk_announcer_tell(announcer, now, &actions);
    act();
    assert_int_equal(count_of(&trace, "1 < entry"), 1);
    assert_true(msk_gossip_is_neighbour(msk_announcer_gossip(announcer), key_of('B')));
}

/* The largest entry that fits, and the smallest that does not (wire.md 6). */
static void the_limit_is_exact(void **state)
{
    (void)state;
    static uint8_t data[4000];
    come(1, 'B');
    forget_lines();
    for (size_t len = 3800; len < 3850; len++) {
        struct msk_ticket ticket = {.class_id = {{1}}, .data = MSK_BYTES(data, len)};
        struct msk_builder encoded;
        assert_int_equal(msk_own_entry_add_ticket(&own, now, &ticket), 1);
        msk_builder_init(&encoded, 8192);
        assert_int_equal(msk_encode(MSK_TYPE(signed_peer_entry), &own.signed_entry, &encoded), 0);
        msk_announcer_tell(announcer, now, &actions);
        act();
        assert_int_equal(count_of(&trace, "1 < entry"), encoded.len <= MSK_PEER_ENTRY_GOSSIP_MAX);
        assert_int_equal(count_of(&trace, "our own entry takes"), encoded.len > MSK_PEER_ENTRY_GOSSIP_MAX);
        msk_builder_reset(&trace.lines);
        msk_builder_free(&encoded);
        struct msk_digest id = own.tickets[0].id;
        assert_int_equal(msk_own_entry_remove_ticket(&own, now, &id), 1);
    }
}

static void a_departure_has_half_a_second_to_spread(void **state)
{
    (void)state;
    come(1, 'B');
    forget_lines();
    msk_announcer_depart(announcer, now, &actions);
    expect_lines("1 < departure\n");
    assert_false(msk_announcer_departed(announcer));
    come(2, 'C'); /* is not told our entry any more */
    assert_int_equal(msk_own_entry_refresh(&own, now), 0);
    msk_announcer_tell(announcer, now, &actions);
    forget_lines();
    tick_after(MSK_DEPARTURE_WINDOW_MS - 1);
    expect_lines("");
    assert_int_equal(msk_announcer_deadline(announcer), now.mono_ms + 1);
    tick_after(1);
    act();
    assert_true(msk_announcer_departed(announcer));
    assert_int_equal(count_of(&trace, "1 < disconnect for good\nclose 1\n"), 1);
    assert_int_equal(count_of(&trace, "2 < disconnect for good\nclose 2\n"), 1);
    assert_int_equal(msk_announcer_deadline(announcer), MSK_NEVER);
}

static void without_neighbours_one_leaves_at_once(void **state)
{
    (void)state;
    msk_announcer_depart(announcer, now, &actions);
    assert_true(msk_announcer_departed(announcer));
    expect_lines("");
}

/* ---- finding neighbours */

static void a_lonely_node_asks_around(void **state)
{
    (void)state;
    struct msk_socket_addr address = {.version = MSK_IPV4, .ip = {127, 0, 0, 1}, .port = 9};
    tick_after(0);
    expect_lines(""); /* nobody is known */
    assert_int_equal(msk_announcer_add_bootstrap(announcer, now, key_of('B'), &address), 0);
    assert_int_equal(msk_announcer_deadline(announcer), now.mono_ms);
    tick_after(0);
    expect_lines("dial B\n");
    closed(100);
    forget_lines();
    uint64_t next_ms = msk_announcer_deadline(announcer);
    assert_in_range(next_ms - now.mono_ms, MSK_REJOIN_INTERVAL_MS / 2, MSK_REJOIN_INTERVAL_MS * 3 / 2);
    tick_after(next_ms - now.mono_ms);
    expect_lines("dial B\n");
    opened(101, 'B');
    expect_lines("101 < join\n");
    frame(101, MSK_BYTES(network.bytes, MSK_DIGEST_LEN));
    frame(101, MSK_BYTES("\0\4\0\0", 4));
    forget_lines();
    tick_after(MSK_REJOIN_INTERVAL_MS * 2);
    expect_lines(""); /* one neighbour is company */
    closed(101);
    forget_lines();
    assert_true(msk_announcer_deadline(announcer) <= now.mono_ms + MSK_REJOIN_INTERVAL_MS / 2);
    tick_after(MSK_REJOIN_INTERVAL_MS / 2);
    expect_lines("dial B\n");
}

static void learn_with_address(char name, int64_t updated_ms)
{
    uint8_t secret[MSK_SECRET_LEN] = {(uint8_t)name};
    struct msk_transport_addr address = {.kind = MSK_ADDR_IP, .ip = {.version = MSK_IPV4, .port = 9}};
    struct msk_announcement entry = entry_of(name, updated_ms);
    entry.entry.entry.address.addresses = (struct msk_transport_addr_set){&address, 1};
    assert_int_equal(msk_peer_entry_sign(&entry.entry, secret), 0);
    msk_catalog_offer(&catalog, now, &entry.entry, MSK_SOURCE_SYNC, MSK_STANDING_STRANGER, NULL);
}

static void some_known_peers_are_asked(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'z'; name++)
        learn_with_address(name, START_WALL_MS);
    tick_after(0);
    act();
    assert_int_equal(count_of(&trace, "dial"), MSK_JOIN_MAX);
}

static void silent_peers_are_sought(void **state)
{
    (void)state;
    come(1, 'B');
    learn_with_address('B', START_WALL_MS); /* a neighbour may be silent */
    learn_with_address('C', START_WALL_MS);
    learn_with_address('D', START_WALL_MS);
    now.mono_ms += MSK_SILENT_AFTER_MS;
    now.wall_ms += MSK_SILENT_AFTER_MS;
    tick_after(0);
    act();
    assert_int_equal(count_of(&trace, "dial"), 0);
    learn_with_address('D', now.wall_ms);
    tick_after(MSK_SEEK_INTERVAL_MS);
    act();
    assert_int_equal(count_of(&trace, "dial"), 1);
    assert_int_equal(count_of(&trace, "dial C"), 1);
    for (int i = 0; i < 10; i++)
        tick_after(MSK_SEEK_INTERVAL_MS);
    act();
    assert_int_equal(count_of(&trace, "< join"), 0);
}

/* ---- vectors, want of memory */

static void hear_vector(struct vector *vector)
{
    const json_t *entry = json_object_get(vector->input, "entry");
    bool is_bad = json_object_get(vector->json, "error") != NULL;
    come(1, 'N');
    forget_lines();
    deliver(1, is_bad ? hex_member(vector, vector->input, "bytes") : hex_member(vector, vector->json, "hex"));
    struct msk_heard heard;
    bool taken = msk_announcer_next(announcer, now, &heard, &actions);
    if (entry) {
        struct msk_digest id = digest_member(vector, entry, "id");
        assert_true(taken && heard.kind == MSK_HEARD_ENTRY && msk_digest_equal(&heard.peer, &id));
        msk_catalog_offer(&catalog, now, heard.entry, MSK_SOURCE_GOSSIP, MSK_STANDING_STRANGER, NULL);
    } else if (!is_bad) {
        /* The peer of both departures was heard before; one of them names an older version than that. */
        bool is_current = number_member(vector, vector->input, "updated_ms") > (uint64_t)START_WALL_MS;
        assert_int_equal(taken, is_current);
        assert_true(!taken || heard.kind == MSK_HEARD_DEPARTURE);
        trace_actions();
        assert_int_equal(count_of(&trace, "a newer entry of the peer is known"), !is_current);
    } else {
        assert_false(taken);
        trace_actions();
        assert_int_equal(count_of(&trace, "cannot be read"), 1);
    }
    closed(1);
    forget_lines();
}

static void the_vectors_are_understood(void **state)
{
    (void)state;
    static const struct vector_op ops[] = {{"", hear_vector}, {"decode", hear_vector}, {0}};
    vectors_run("announce", ops);
}

static void want_of_memory_is_survived(void **state)
{
    (void)state;
    bool failed = true;
    for (uint64_t successes = 0; failed; successes++) {
        tear_down(NULL);
        assert_int_equal(set_up(NULL), 0);
        learn_with_address('C', START_WALL_MS);
        msk_alloc_fail_after(successes);
        struct msk_heard heard;
        msk_announcer_tick(announcer, now, &actions);
        come(1, 'B');
        while (msk_announcer_next(announcer, now, &heard, &actions))
            if (heard.kind == MSK_HEARD_REFRESH)
                msk_announcer_tell(announcer, now, &actions);
        msk_announcer_depart(announcer, now, &actions);
        tick_after(MSK_DEPARTURE_WINDOW_MS);
        assert_true(msk_announcer_departed(announcer));
        void *spare = msk_calloc(1, 1);
        failed = spare == NULL;
        msk_free(spare);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(successes < 1000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(entries_may_be_fifty_seconds_off),
        TEST(departures_are_judged_in_full),
        TEST(what_is_heard_reaches_the_catalog),
        TEST(what_is_refused_is_reported_with_its_reason),
        TEST(a_new_neighbour_is_told_our_entry),
        TEST(a_change_is_told_at_once),
        TEST(our_entry_is_told_every_45_seconds_or_so),
        TEST(an_entry_too_large_is_reported_and_never_sent),
        TEST(the_limit_is_exact),
        TEST(a_departure_has_half_a_second_to_spread),
        TEST(without_neighbours_one_leaves_at_once),
        TEST(a_lonely_node_asks_around),
        TEST(some_known_peers_are_asked),
        TEST(silent_peers_are_sought),
        TEST(the_vectors_are_understood),
        TEST(want_of_memory_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
