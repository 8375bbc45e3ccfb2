/* A whole network of gossip under a virtual clock: first calm, then with crashes, departures, restarts, newcomers, slow
 * frames and failing dials. Everything announced must reach everybody who stayed, in few hops and with bounded traffic.
 *
 * The same seed gives the same run. MSK_SIM_NODES and MSK_SIM_SEED choose others than the 100 nodes and seed 1 of
 * `make check`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/map.h"
#include "core/gossip.h"
#include "crypto/ed25519.h"

#define CONTENT_LEN     300 /* an entry with a few groups */
#define BROADCASTS_MAX  256
#define IDLE_TIMEOUT_MS 10000 /* how long a crash goes unnoticed: MSK_NET_GOSSIP_SILENCE_MS */
#define DIAL_TIMEOUT_MS 10000
#define REJOIN_MS       5000  /* as the announcer does for a node without neighbours */
#define SETTLED_MS      10000 /* who is up longer than this must hear everything ... */
#define HEARD_WITHIN_MS 10000 /* ... within this */
#define UNHEARD         UINT8_MAX

/* The phases: all are born within the first. */
#define GROWTH_MS 10000
#define CALM_MS   20000
#define CHURN_MS  90000

struct node {
    struct msk_gossip *gossip;
    struct msk_digest id;
    uint32_t index;
    bool live;
    uint64_t born_ms, died_ms; /* of the present life */
    uint64_t tick_ms;          /* scheduled */
    uint64_t alone_ms;         /* since when without neighbours */
    uint64_t frames, bytes, copies, dials;
};

/* The end of the dialler is link 2k, the other one 2k + 1. */
struct connection {
    uint32_t node[2];
    bool open[2];
    uint64_t last_arrival_ms[2]; /* of what this end sent: streams keep their order */
};

enum event_kind { TICK, OPENED, CLOSED, FRAME, CRASH, DEPART, BIRTH, SAY };

struct event {
    uint64_t at_ms, order;
    enum event_kind kind;
    uint64_t subject; /* a link; a node; of SAY a broadcast */
    uint8_t *data;
    size_t len;
};

struct said {
    uint64_t at_ms;
    uint32_t by;
    uint8_t *hops;      /* per node */
    uint64_t *heard_ms; /* per node */
};

/* What one phase came to. */
struct figures {
    size_t said, expected, heard, twice;
    unsigned hops_max;
    uint64_t delay_max_ms, frames, bytes, frames_max, copies, dials;
    size_t neighbours_min;
};

static struct world {
    uint64_t now_ms, seed;
    struct msk_random random;
    size_t node_count;
    struct node *nodes;
    struct msk_map by_id;
    struct connection *connections;
    size_t connection_count, connection_capacity;
    struct event *heap;
    size_t heap_count, heap_capacity;
    uint64_t order;
    struct said said[BROADCASTS_MAX];
    size_t said_count, twice;
    uint64_t checksum;         /* of everything that happened */
    double slow, dial_failure; /* probabilities */
    struct msk_actions actions;
} world;

static struct msk_now now(void)
{
    return (struct msk_now){.mono_ms = world.now_ms, .wall_ms = (int64_t)world.now_ms};
}

static uint64_t below(uint64_t bound)
{
    return msk_random_below(&world.random, bound);
}

static bool happens(double probability)
{
    return msk_random_unit(&world.random) < probability;
}

static uint64_t latency_ms(void)
{
    return 5 + below(36);
}

/* ---- events in order of time */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void *grown(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : 1024;
    void *larger = msk_realloc(items, *capacity * size);
    assert_non_null(larger);
    return larger;
}

static void schedule(struct event event)
{
    world.heap = grown(world.heap, world.heap_count, &world.heap_capacity, sizeof *world.heap);
    event.order = world.order++;
    size_t at = world.heap_count++;
    for (; at > 0 && is_before(&event, &world.heap[(at - 1) / 2]); at = (at - 1) / 2)
        world.heap[at] = world.heap[(at - 1) / 2];
    world.heap[at] = event;
}

static struct event next_event(void)
{
    struct event first = world.heap[0], last = world.heap[--world.heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < world.heap_count; at = child) {
        if (child + 1 < world.heap_count && is_before(&world.heap[child + 1], &world.heap[child]))
            child++;
        if (!is_before(&world.heap[child], &last))
            break;
        world.heap[at] = world.heap[child];
    }
    world.heap[at] = last;
    return first;
}

/* ---- what a node wants done */

static struct connection *connection_of(uint64_t link)
{
    return &world.connections[link / 2];
}

static uint64_t new_link(void *context)
{
    const struct node *node = context;
    world.connections =
        grown(world.connections, world.connection_count, &world.connection_capacity, sizeof *world.connections);
    world.connections[world.connection_count] = (struct connection){.node = {node->index, UINT32_MAX}};
    return 2 * world.connection_count++;
}

/* Everybody knows everybody's address, as from the catalog: the port is the node's number. */
static size_t find_addresses(void *context, struct msk_now at, const struct msk_digest *peer,
                             struct msk_transport_addr *out, size_t max)
{
    (void)context;
    (void)at;
    (void)max;
    const struct node *node = msk_map_get(&world.by_id, peer->bytes, MSK_DIGEST_LEN);
    *out = (struct msk_transport_addr){.kind = MSK_ADDR_IP, .ip = {.version = MSK_IPV4, .port = (uint16_t)node->index}};
    return 1;
}

static void dial(const struct msk_action *action)
{
    struct connection *connection = connection_of(action->link);
    connection->node[1] = action->dial.addresses.items[0].ip.port;
    if (!world.nodes[connection->node[1]].live) {
        schedule((struct event){.at_ms = world.now_ms + DIAL_TIMEOUT_MS, .kind = CLOSED, .subject = action->link});
    } else if (happens(world.dial_failure)) {
        schedule((struct event){.at_ms = world.now_ms + 1000, .kind = CLOSED, .subject = action->link});
    } else {
        uint64_t up_ms = world.now_ms + 2 * latency_ms();
        connection->last_arrival_ms[0] = up_ms + latency_ms();
        schedule((struct event){.at_ms = up_ms, .kind = OPENED, .subject = action->link});
        schedule((struct event){.at_ms = connection->last_arrival_ms[0], .kind = OPENED, .subject = action->link + 1});
    }
}

/* When something sent now arrives: after what was sent before it. Lost packets only come late. */
static uint64_t arrival_ms(uint64_t link)
{
    uint64_t *last = &connection_of(link)->last_arrival_ms[link % 2];
    uint64_t at_ms = world.now_ms + latency_ms() + (happens(world.slow) ? 200 + below(800) : 0);
    *last = at_ms > *last ? at_ms : *last;
    return *last;
}

static void carry_out(struct node *node)
{
    for (size_t i = 0; i < world.actions.count; i++) {
        struct msk_action *action = &world.actions.items[i];
        if (action->kind == MSK_ACTION_DIAL) {
            node->dials++;
            dial(action);
        } else if (action->kind == MSK_ACTION_SEND && connection_of(action->link)->open[action->link % 2]) {
            node->frames++;
            node->bytes += action->send.len;
            node->copies += action->send.len > CONTENT_LEN && action->send.data[0] == MSK_GOSSIP_BROADCAST;
            schedule((struct event){.at_ms = arrival_ms(action->link),
                                    .kind = FRAME,
                                    .subject = action->link ^ 1,
                                    .data = action->send.data,
                                    .len = action->send.len});
            action->send.data = NULL;
        } else if (action->kind == MSK_ACTION_CLOSE && connection_of(action->link)->open[action->link % 2]) {
            connection_of(action->link)->open[action->link % 2] = false;
            schedule((struct event){.at_ms = arrival_ms(action->link), .kind = CLOSED, .subject = action->link ^ 1});
        }
    }
    assert_int_equal(world.actions.error, 0);
    msk_actions_clear(&world.actions);
}

static void note_heard(const struct node *node, const struct msk_gossip_news *news)
{
    uint32_t number;
    memcpy(&number, news->content.data, sizeof number);
    struct said *said = &world.said[number];
    const struct node *from = msk_map_get(&world.by_id, news->peer.bytes, MSK_DIGEST_LEN);
    if (said->hops[node->index] != UNHEARD) {
        world.twice += said->at_ms > node->born_ms; /* a restarted node remembers nothing */
        return;
    }
    said->hops[node->index] = (uint8_t)(said->hops[from->index] + 1);
    said->heard_ms[node->index] = world.now_ms;
}

/* After every call of a node. */
static void settle(struct node *node)
{
    carry_out(node);
    for (struct msk_gossip_news news; msk_gossip_next(node->gossip, &news);)
        if (news.kind == MSK_NEWS_DELIVERED)
            note_heard(node, &news);
    if (msk_gossip_neighbour_count(node->gossip) > 0)
        node->alone_ms = world.now_ms;
    uint64_t deadline_ms = msk_gossip_deadline(node->gossip);
    if (node->alone_ms + REJOIN_MS < deadline_ms)
        deadline_ms = node->alone_ms + REJOIN_MS;
    if (deadline_ms < node->tick_ms) {
        node->tick_ms = deadline_ms > world.now_ms ? deadline_ms : world.now_ms + 1;
        schedule((struct event){.at_ms = node->tick_ms, .kind = TICK, .subject = node->index});
    }
}

/* ---- lives */

static void join_somebody(struct node *node)
{
    for (int tries = 0; tries < 3; tries++) {
        struct node *other = &world.nodes[below(world.node_count)];
        if (other == node || !other->live)
            continue;
        msk_gossip_join(node->gossip, now(), &other->id, &world.actions);
        carry_out(node);
        return;
    }
}

static void be_born(struct node *node)
{
    struct msk_gossip_config config = {
        .self = node->id, .seed = msk_random_next(&world.random), .owner = {node, new_link, find_addresses}};
    node->live = true;
    node->born_ms = node->alone_ms = world.now_ms;
    node->died_ms = node->tick_ms = MSK_NEVER;
    assert_int_equal(msk_gossip_new(&config, now(), &node->gossip), 0);
    join_somebody(node);
    settle(node);
}

/* Without a word: the others notice by their idle timeouts. */
static void die(struct node *node)
{
    node->live = false;
    node->died_ms = world.now_ms;
    msk_gossip_free(node->gossip);
    node->gossip = NULL;
    for (uint64_t link = 0; link < 2 * world.connection_count; link++) {
        struct connection *connection = connection_of(link);
        if (connection->node[link % 2] != node->index || !connection->open[link % 2])
            continue;
        connection->open[link % 2] = false;
        schedule((struct event){.at_ms = world.now_ms + IDLE_TIMEOUT_MS, .kind = CLOSED, .subject = link ^ 1});
    }
}

static void say(struct node *node, uint32_t number)
{
    uint8_t content[CONTENT_LEN];
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)(number + i * 7);
    memcpy(content, &number, sizeof number);
    struct said *said = &world.said[number];
    said->at_ms = world.now_ms;
    said->by = node->index;
    said->hops[node->index] = 0;
    said->heard_ms[node->index] = world.now_ms;
    if (msk_gossip_broadcast(node->gossip, now(), MSK_BYTES(content, sizeof content), &world.actions) < 0)
        said->at_ms = 0; /* it had no neighbours */
    settle(node);
}

static struct node *random_live_node(void)
{
    struct node *node;
    do
        node = &world.nodes[below(world.node_count)];
    while (!node->live);
    return node;
}

/* ---- time goes by */

static void tick(struct node *node)
{
    node->tick_ms = MSK_NEVER;
    msk_gossip_tick(node->gossip, now(), &world.actions);
    if (node->alone_ms + REJOIN_MS <= world.now_ms) {
        node->alone_ms = world.now_ms;
        join_somebody(node);
    }
    settle(node);
}

static void happen_to_link(const struct event *event)
{
    uint64_t link = event->subject;
    struct connection *connection = connection_of(link);
    struct node *node = &world.nodes[connection->node[link % 2]];
    bool *open = &connection->open[link % 2];
    if (!node->live || (event->kind == FRAME && !*open))
        return;
    if (event->kind == OPENED) {
        *open = true;
        msk_gossip_link_opened(node->gossip, now(), link, &world.nodes[connection->node[1 - link % 2]].id,
                               &world.actions);
    } else if (event->kind == FRAME) {
        msk_gossip_stream_frame(node->gossip, now(), link, 0, MSK_BYTES(event->data, event->len), &world.actions);
    } else {
        *open = false;
        msk_gossip_link_closed(node->gossip, now(), link, NULL, &world.actions);
    }
    settle(node);
}

static void happen(const struct event *event)
{
    struct node *node = event->kind == SAY ? random_live_node() : &world.nodes[event->subject % world.node_count];
    switch (event->kind) {
    case TICK:
        if (node->live && node->tick_ms == world.now_ms)
            tick(node);
        return;
    case OPENED:
    case CLOSED:
    case FRAME:
        happen_to_link(event);
        return;
    case CRASH:
        if (node->live)
            die(node);
        return;
    case DEPART:
        if (!node->live)
            return;
        msk_gossip_leave(node->gossip, now(), &world.actions);
        settle(node);
        die(node);
        return;
    case BIRTH:
        if (!node->live)
            be_born(node);
        return;
    case SAY:
        say(node, (uint32_t)event->subject);
        return;
    }
}

static void run_until(uint64_t end_ms)
{
    while (world.heap_count > 0 && world.heap[0].at_ms <= end_ms) {
        struct event event = next_event();
        world.now_ms = event.at_ms;
        world.checksum = world.checksum * 31 + event.at_ms + event.subject * 7 + event.kind + event.len;
        happen(&event);
        msk_free(event.data);
    }
    world.now_ms = end_ms;
}

/* ---- phases */

static void plan_broadcasts(size_t count, uint64_t within_ms)
{
    for (size_t i = 0; i < count; i++) {
        assert_true(world.said_count < BROADCASTS_MAX);
        struct said *said = &world.said[world.said_count];
        said->hops = msk_calloc(world.node_count, 1);
        said->heard_ms = msk_calloc(world.node_count, sizeof *said->heard_ms);
        memset(said->hops, UNHEARD, world.node_count);
        schedule((struct event){.at_ms = world.now_ms + below(within_ms), .kind = SAY, .subject = world.said_count++});
    }
}

static void plan_lives(enum event_kind kind, size_t count, uint64_t within_ms)
{
    for (size_t i = 0; i < count; i++)
        schedule(
            (struct event){.at_ms = world.now_ms + below(within_ms), .kind = kind, .subject = below(world.node_count)});
}

/* Who was up long enough before, and long enough after, has to hear it. */
static bool had_to_hear(const struct node *node, const struct said *said)
{
    return said->at_ms > 0 && node->index != said->by && node->born_ms + SETTLED_MS <= said->at_ms &&
           node->died_ms >= said->at_ms + HEARD_WITHIN_MS;
}

static void forget_traffic(void)
{
    world.twice = 0;
    for (size_t i = 0; i < world.node_count; i++)
        world.nodes[i].frames = world.nodes[i].bytes = world.nodes[i].copies = world.nodes[i].dials = 0;
}

static void count_broadcast(const struct said *said, struct figures *figures)
{
    for (size_t i = 0; i < world.node_count; i++) {
        if (!had_to_hear(&world.nodes[i], said))
            continue;
        figures->expected++;
        if (said->hops[i] == UNHEARD || said->heard_ms[i] > said->at_ms + HEARD_WITHIN_MS)
            continue;
        figures->heard++;
        uint64_t delay_ms = said->heard_ms[i] - said->at_ms;
        figures->delay_max_ms = delay_ms > figures->delay_max_ms ? delay_ms : figures->delay_max_ms;
        figures->hops_max = said->hops[i] > figures->hops_max ? said->hops[i] : figures->hops_max;
    }
}

static void count_node(const struct node *node, struct figures *figures)
{
    figures->frames += node->frames;
    figures->bytes += node->bytes;
    figures->copies += node->copies;
    figures->dials += node->dials;
    figures->frames_max = node->frames > figures->frames_max ? node->frames : figures->frames_max;
    if (!node->live || node->born_ms + SETTLED_MS > world.now_ms)
        return;
    size_t neighbours = msk_gossip_neighbour_count(node->gossip);
    figures->neighbours_min = neighbours < figures->neighbours_min ? neighbours : figures->neighbours_min;
}

static struct figures count_up(size_t first)
{
    struct figures figures = {.said = world.said_count - first, .twice = world.twice, .neighbours_min = MSK_ACTIVE_MAX};
    for (size_t b = first; b < world.said_count; b++)
        count_broadcast(&world.said[b], &figures);
    for (size_t i = 0; i < world.node_count; i++)
        count_node(&world.nodes[i], &figures);
    return figures;
}

static void print_figures(const char *phase, const struct figures *figures, uint64_t ms)
{
    double per_node = (double)world.node_count * (double)ms / 1000;
    printf("%5zu nodes, seed %llu, %-5s: %zu said, %zu of %zu heard, %zu twice, at most %u hops and %llu ms; "
           "%.2f copies each; per node and second %.1f frames, %.0f bytes, %.3f dials; busiest node %.1f frames; "
           "at least %zu neighbours\n",
           world.node_count, (unsigned long long)world.seed, phase, figures->said, figures->heard, figures->expected,
           figures->twice, figures->hops_max, (unsigned long long)figures->delay_max_ms,
           (double)figures->copies / (double)(figures->heard ? figures->heard : 1), (double)figures->frames / per_node,
           (double)figures->bytes / per_node, (double)figures->dials / per_node,
           (double)figures->frames_max * 1000 / (double)ms, figures->neighbours_min);
}

static void found_world(size_t node_count, uint64_t seed)
{
    world = (struct world){.now_ms = 1000, .seed = seed, .node_count = node_count};
    msk_random_seed(&world.random, seed);
    msk_actions_init(&world.actions);
    world.nodes = msk_calloc(node_count, sizeof *world.nodes);
    for (uint32_t i = 0; i < node_count; i++) {
        struct node *node = &world.nodes[i];
        uint8_t secret[MSK_SECRET_LEN] = {(uint8_t)i, (uint8_t)(i >> 8)};
        node->index = i;
        node->died_ms = 0;
        assert_int_equal(msk_ed25519_public(secret, &node->id), 0);
        assert_int_equal(msk_map_put(&world.by_id, node->id.bytes, MSK_DIGEST_LEN, node), 0);
        schedule((struct event){.at_ms = world.now_ms + below(GROWTH_MS), .kind = BIRTH, .subject = i});
    }
}

static void end_world(void)
{
    for (size_t i = 0; i < world.node_count; i++)
        msk_gossip_free(world.nodes[i].gossip);
    for (size_t i = 0; i < world.heap_count; i++)
        msk_free(world.heap[i].data);
    for (size_t i = 0; i < world.said_count; i++) {
        msk_free(world.said[i].hops);
        msk_free(world.said[i].heard_ms);
    }
    msk_map_free(&world.by_id);
    msk_free(world.nodes);
    msk_free(world.connections);
    msk_free(world.heap);
    msk_actions_free(&world.actions);
}

static size_t number_from(const char *name, size_t fallback)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : fallback;
}

static unsigned log2_of(size_t count)
{
    unsigned log = 0;
    while (count >>= 1)
        log++;
    return log;
}

static struct figures live_calmly(size_t broadcasts)
{
    forget_traffic();
    size_t first = world.said_count;
    plan_broadcasts(broadcasts, CALM_MS - HEARD_WITHIN_MS);
    run_until(world.now_ms + CALM_MS);
    struct figures figures = count_up(first);
    print_figures("calm", &figures, CALM_MS);
    return figures;
}

/* In a minute and a half a tenth of the nodes crashes, a twentieth departs, and as many come or come back; one frame in
 * fifty is late, one dial in twenty fails. */
static struct figures live_dangerously(size_t broadcasts)
{
    forget_traffic();
    world.slow = 0.02;
    world.dial_failure = 0.05;
    size_t first = world.said_count;
    uint64_t within_ms = CHURN_MS - HEARD_WITHIN_MS;
    plan_lives(CRASH, world.node_count / 10, within_ms);
    plan_lives(DEPART, world.node_count / 20, within_ms);
    plan_lives(BIRTH, world.node_count, within_ms); /* most of these are alive: nothing happens to them */
    plan_broadcasts(broadcasts, within_ms);
    run_until(world.now_ms + CHURN_MS);
    struct figures figures = count_up(first);
    print_figures("churn", &figures, CHURN_MS);
    return figures;
}

static void everybody_hears_everything(void **state)
{
    (void)state;
    size_t broadcasts = 100;
    found_world(number_from("MSK_SIM_NODES", 100), number_from("MSK_SIM_SEED", 1));
    run_until(world.now_ms + GROWTH_MS + SETTLED_MS);
    unsigned log = log2_of(world.node_count);

    struct figures calm = live_calmly(broadcasts);
    assert_int_equal(calm.heard, calm.expected);
    assert_true(calm.expected >= (world.node_count - 1) * broadcasts * 9 / 10);
    assert_int_equal(calm.twice, 0);
    assert_true(calm.hops_max <= 4 * log);
    assert_true(calm.copies <= 2 * calm.heard); /* a flood would send more than three */
    assert_true(calm.frames <= 8 * calm.heard);
    assert_true(calm.neighbours_min > 0);

    struct figures churn = live_dangerously(broadcasts);
    assert_true(churn.heard * 1000 >= churn.expected * 999);
    assert_true(churn.expected >= world.node_count * broadcasts / 2);
    assert_int_equal(churn.twice, 0);
    assert_true(churn.hops_max <= 6 * log);
    assert_true(churn.copies <= 2 * churn.heard);
    assert_true(churn.frames <= 10 * churn.heard);
    assert_true(2 * churn.dials <= world.node_count * CHURN_MS / 1000); /* views come to rest */
    end_world();
}

static uint64_t checksum_of_a_run(uint64_t seed)
{
    found_world(30, seed);
    run_until(world.now_ms + GROWTH_MS + SETTLED_MS);
    live_dangerously(10);
    uint64_t checksum = world.checksum;
    end_world();
    return checksum;
}

static void the_same_seed_gives_the_same_run(void **state)
{
    (void)state;
    uint64_t first = checksum_of_a_run(5);
    assert_true(checksum_of_a_run(5) == first);
    assert_true(checksum_of_a_run(6) != first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_hears_everything),
        cmocka_unit_test(the_same_seed_gives_the_same_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
