/* hyparview_rig.h: one membership layer, that of A, what arrives there, and states to start from; for its tests. */
#ifndef HYPARVIEW_RIG_H
#define HYPARVIEW_RIG_H

#include "gossip_trace.h"

#include "core/hyparview.h"

static struct trace trace;
static struct msk_random randomness;
static struct msk_hyparview view; /* of A */
static uint64_t now_ms;

static inline int set_up(void **state)
{
    (void)state;
    trace_init(&trace, NULL);
    msk_random_seed(&randomness, 1);
    now_ms = 1000;
    struct msk_digest self = peer('A');
    msk_hyparview_init(&view, &self, &trace.port, &randomness, now_ms);
    msk_hyparview_set_data(&view, msk_bytes_of_text("a"));
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    msk_builder_free(&trace.lines);
    return 0;
}

/* ---- messages that arrive */

static inline void receive(char from, const struct msk_membership *message)
{
    struct msk_digest id = peer(from);
    msk_hyparview_receive(&view, now_ms, &id, message);
}

static inline void join(char from)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_JOIN});
}

static inline void neighbor(char from, enum msk_neighbor_priority priority)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_NEIGHBOR, .neighbor.priority = priority});
}

static inline void forward_join(char from, char joiner, uint16_t ttl)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN,
                                           .forward_join = {.peer = info(joiner, "addr"), .ttl = ttl}});
}

static inline void disconnect(char from, bool alive)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_DISCONNECT, .disconnect.alive = alive});
}

static inline struct msk_peer_info_seq nodes_of(const char *names)
{
    static struct msk_peer_info nodes[64];
    size_t count = strlen(names);
    for (size_t i = 0; i < count; i++)
        nodes[i] = info(names[i], "d");
    return (struct msk_peer_info_seq){nodes, count};
}

static inline void shuffle(char from, char origin, const char *names, uint16_t ttl)
{
    receive(from, &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE,
                                           .shuffle = {.origin = peer(origin), .nodes = nodes_of(names), .ttl = ttl}});
}

static inline void shuffle_reply(char from, const char *names)
{
    receive(from,
            &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE_REPLY, .shuffle_reply.nodes = nodes_of(names)});
}

static inline void lost(char name)
{
    struct msk_digest id = peer(name);
    msk_hyparview_lost(&view, now_ms, &id);
}

static inline void tick_after(uint64_t ms)
{
    now_ms += ms;
    msk_hyparview_tick(&view, now_ms);
}

/* ---- states to start from */

static inline void forget_trace(void)
{
    msk_builder_reset(&trace.lines);
}

/* These are neighbours, and nothing is outstanding. */
static inline void neighbours(const char *names)
{
    for (; *names; names++)
        neighbor(*names, MSK_PRIORITY_HIGH);
    tick_after(MSK_NEIGHBOR_TIMEOUT_MS);
    forget_trace();
}

/* These are known, without anything being said about it: there is no room for more neighbours while they are added. */
static inline void passive(const char *names)
{
    for (; *names; names++) {
        struct msk_peer_info known = info(*names, "p");
        msk_view_add(&view.passive, &known);
    }
}

static inline bool is_active(char name)
{
    struct msk_digest id = peer(name);
    return msk_hyparview_is_active(&view, &id);
}

static inline const struct msk_view_peer *in_passive(char name)
{
    struct msk_digest id = peer(name);
    return msk_view_find(&view.passive, &id);
}

static inline const struct msk_view_peer *in_pending(char name)
{
    struct msk_digest id = peer(name);
    return msk_view_find(&view.pending, &id);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
