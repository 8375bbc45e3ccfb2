/* gossip_trace.h: what a layer of gossip asks for, as lines that a test reads: peers are letters, broadcasts go by
 * their content. */
#ifndef GOSSIP_TRACE_H
#define GOSSIP_TRACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/gossip_port.h"
#include "crypto/blake3.h"
#include "crypto/ed25519.h"

#define TRACE_MAX (1u << 20)

struct trace {
    struct msk_builder lines;
    struct msk_gossip_port port;
    const char *contents; /* one letter each: the broadcasts whose ids the trace knows */
};

/* Peers have real keys, as ids must be points of the curve wherever they are decoded. */
static inline const struct msk_digest *key_of(unsigned char name)
{
    static struct msk_digest keys[128];
    uint8_t secret[MSK_SECRET_LEN] = {name};
    if (msk_digest_is_zero(&keys[name]))
        assert_int_equal(msk_ed25519_public(secret, &keys[name]), 0);
    return &keys[name];
}

static inline struct msk_digest peer(char name)
{
    return *key_of((unsigned char)name);
}

static inline char name_of(const struct msk_digest *id)
{
    for (unsigned char name = 'A'; name <= 'z'; name++)
        if (msk_digest_equal(key_of(name), id))
            return (char)name;
    return '?';
}

/* What we know of a peer: its data is a text, NULL for none. */
static inline struct msk_peer_info info(char name, const char *data)
{
    return (struct msk_peer_info){
        .peer_id = peer(name), .has_data = data != NULL, .data = msk_bytes_of_text(data ? data : "")};
}

static inline void trace_infos(struct trace *trace, const struct msk_peer_info_seq *nodes)
{
    for (size_t i = 0; i < nodes->count; i++) {
        msk_builder_printf(&trace->lines, " %c", name_of(&nodes->items[i].peer_id));
        if (nodes->items[i].has_data)
            msk_builder_printf(&trace->lines, "(%.*s)", (int)nodes->items[i].data.len, nodes->items[i].data.data);
    }
}

static inline void trace_data(struct trace *trace, bool has_data, struct msk_bytes data)
{
    if (has_data)
        msk_builder_printf(&trace->lines, " (%.*s)", (int)data.len, data.data);
}

static inline void trace_membership(struct trace *trace, const struct msk_membership *message)
{
    struct msk_builder *lines = &trace->lines;
    switch (message->kind) {
    case MSK_MEMBERSHIP_JOIN:
        msk_builder_text(lines, " join");
        trace_data(trace, message->join.has_data, message->join.data);
        return;
    case MSK_MEMBERSHIP_FORWARD_JOIN:
        msk_builder_text(lines, " forward join");
        trace_infos(trace, &(struct msk_peer_info_seq){(struct msk_peer_info *)&message->forward_join.peer, 1});
        msk_builder_printf(lines, " ttl %u", message->forward_join.ttl);
        return;
    case MSK_MEMBERSHIP_SHUFFLE:
        msk_builder_printf(lines, " shuffle of %c ttl %u:", name_of(&message->shuffle.origin), message->shuffle.ttl);
        trace_infos(trace, &message->shuffle.nodes);
        return;
    case MSK_MEMBERSHIP_SHUFFLE_REPLY:
        msk_builder_text(lines, " shuffle reply:");
        trace_infos(trace, &message->shuffle_reply.nodes);
        return;
    case MSK_MEMBERSHIP_NEIGHBOR:
        msk_builder_printf(lines, " neighbor %s", message->neighbor.priority == MSK_PRIORITY_HIGH ? "high" : "low");
        trace_data(trace, message->neighbor.has_data, message->neighbor.data);
        return;
    case MSK_MEMBERSHIP_DISCONNECT:
        msk_builder_printf(lines, " disconnect %s", message->disconnect.alive ? "alive" : "for good");
        return;
    }
    fail_msg("unknown membership message %d", message->kind);
}

static inline struct msk_digest id_of(char content)
{
    return msk_blake3(MSK_BYTES(&content, 1));
}

static inline char content_of(const struct trace *trace, const struct msk_digest *id)
{
    for (const char *content = trace->contents; content && *content; content++) {
        struct msk_digest known = id_of(*content);
        if (msk_digest_equal(&known, id))
            return *content;
    }
    return '?';
}

static inline void trace_broadcast(struct trace *trace, const struct msk_broadcast *message)
{
    struct msk_builder *lines = &trace->lines;
    switch (message->kind) {
    case MSK_BROADCAST_GOSSIP:
        msk_builder_printf(lines, " gossip %c round %u", content_of(trace, &message->gossip.id),
                           message->gossip.scope.round);
        return;
    case MSK_BROADCAST_PRUNE:
        msk_builder_text(lines, " prune");
        return;
    case MSK_BROADCAST_GRAFT:
        msk_builder_printf(lines, " graft %c round %u",
                           message->graft.has_id ? content_of(trace, &message->graft.id) : '-', message->graft.round);
        return;
    case MSK_BROADCAST_I_HAVE:
        msk_builder_text(lines, " i-have");
        for (size_t i = 0; i < message->haves.count; i++)
            msk_builder_printf(lines, " %c:%u", content_of(trace, &message->haves.items[i].id),
                               message->haves.items[i].round);
        return;
    }
    fail_msg("unknown broadcast message %d", message->kind);
}

static inline void trace_send(void *context, const struct msk_peer_info *to, const struct msk_gossip_message *message)
{
    struct trace *trace = context;
    msk_builder_printf(&trace->lines, "%c <", name_of(&to->peer_id));
    if (message->kind == MSK_GOSSIP_MEMBERSHIP)
        trace_membership(trace, &message->membership);
    else
        trace_broadcast(trace, &message->broadcast);
    msk_builder_text(&trace->lines, "\n");
}

static inline void trace_drop(void *context, const struct msk_digest *dropped)
{
    struct trace *trace = context;
    msk_builder_printf(&trace->lines, "drop %c\n", name_of(dropped));
}

static inline void trace_neighbour(void *context, const struct msk_digest *neighbour, bool up)
{
    struct trace *trace = context;
    msk_builder_printf(&trace->lines, "%s %c\n", up ? "up" : "down", name_of(neighbour));
}

static inline void trace_init(struct trace *trace, const char *contents)
{
    msk_builder_init(&trace->lines, TRACE_MAX);
    trace->port = (struct msk_gossip_port){trace, trace_send, trace_drop, trace_neighbour};
    trace->contents = contents;
}

static inline const char *trace_text(const struct trace *trace)
{
    return trace->lines.len ? (const char *)trace->lines.data : "";
}

/* Exactly these lines were written since the last look. */
static inline void expect(struct trace *trace, const char *lines)
{
    if (strcmp(trace_text(trace), lines) != 0)
        fail_msg("expected:\n%s\ngot:\n%s", lines, trace_text(trace));
    msk_builder_reset(&trace->lines);
}

/* How many lines contain this since the last look. */
static inline size_t count_of(const struct trace *trace, const char *part)
{
    size_t count = 0;
    for (const char *at = trace_text(trace); (at = strstr(at, part)) != NULL; at++)
        count++;
    return count;
}

#endif
