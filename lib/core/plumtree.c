#include "core/plumtree.h"

#include "base/assert.h"
#include "base/error.h"
#include "crypto/blake3.h"

void msk_plumtree_init(struct msk_plumtree *tree, const struct msk_gossip_port *port, uint64_t seed)
{
    tree->port = port;
    tree->peer_count = 0;
    tree->lazy_push_ms = MSK_NEVER;
    msk_gossip_memory_init(&tree->memory, seed);
    msk_wanted_init(&tree->wanted, seed);
}

void msk_plumtree_free(struct msk_plumtree *tree)
{
    msk_gossip_memory_free(&tree->memory);
    msk_wanted_free(&tree->wanted);
}

/* ---- neighbours */

static struct msk_plumtree_peer *find(struct msk_plumtree *tree, const struct msk_digest *peer)
{
    for (size_t i = 0; i < tree->peer_count; i++)
        if (msk_digest_equal(&tree->peers[i].id, peer))
            return &tree->peers[i];
    return NULL;
}

void msk_plumtree_neighbour(struct msk_plumtree *tree, const struct msk_digest *peer, bool up)
{
    struct msk_plumtree_peer *known = find(tree, peer);
    msk_assert(up == !known);
    if (up) {
        msk_assert(tree->peer_count < MSK_ACTIVE_MAX);
        struct msk_plumtree_peer *added = &tree->peers[tree->peer_count++];
        added->id = *peer;
        added->eager = true;
        added->queued = 0;
    } else {
        msk_wanted_forget_peer(&tree->wanted, peer);
        *known = tree->peers[--tree->peer_count];
    }
}

bool msk_plumtree_is_eager(const struct msk_plumtree *tree, const struct msk_digest *peer)
{
    for (size_t i = 0; i < tree->peer_count; i++)
        if (msk_digest_equal(&tree->peers[i].id, peer))
            return tree->peers[i].eager;
    return false;
}

/* ---- what we say */

static void say(const struct msk_plumtree *tree, const struct msk_plumtree_peer *to, const struct msk_broadcast *what)
{
    struct msk_peer_info info = {.peer_id = to->id};
    struct msk_gossip_message message = {.kind = MSK_GOSSIP_BROADCAST, .broadcast = *what};
    tree->port->send(tree->port->context, &info, &message);
}

static void say_prune(struct msk_plumtree *tree, struct msk_plumtree_peer *to)
{
    to->eager = false;
    say(tree, to, &(struct msk_broadcast){.kind = MSK_BROADCAST_PRUNE});
}

static void say_graft(struct msk_plumtree *tree, struct msk_plumtree_peer *to, const struct msk_digest *id,
                      uint16_t round)
{
    struct msk_broadcast graft = {.kind = MSK_BROADCAST_GRAFT, .graft = {.has_id = id != NULL, .round = round}};
    if (id)
        graft.graft.id = *id;
    to->eager = true;
    say(tree, to, &graft);
}

static void say_i_haves(struct msk_plumtree *tree, struct msk_plumtree_peer *to)
{
    if (to->queued == 0)
        return;
    say(tree, to, &(struct msk_broadcast){.kind = MSK_BROADCAST_I_HAVE, .haves = {to->queue, to->queued}});
    to->queued = 0;
}

static struct msk_broadcast gossip(const struct msk_digest *id, struct msk_bytes content, uint16_t round)
{
    return (struct msk_broadcast){
        .kind = MSK_BROADCAST_GOSSIP,
        .gossip = {.id = *id, .content = content, .scope = {.kind = MSK_SCOPE_SWARM, .round = round}}};
}

/* Everything to the eager neighbours, the id to the lazy ones; nothing to `except` (may be NULL). */
static void spread(struct msk_plumtree *tree, uint64_t now_ms, const struct msk_digest *id, struct msk_bytes content,
                   uint16_t round, const struct msk_digest *except)
{
    struct msk_broadcast whole = gossip(id, content, round);
    for (size_t i = 0; i < tree->peer_count; i++) {
        struct msk_plumtree_peer *peer = &tree->peers[i];
        if (except && msk_digest_equal(&peer->id, except))
            continue;
        if (peer->eager) {
            say(tree, peer, &whole);
            continue;
        }
        peer->queue[peer->queued++] = (struct msk_have){.id = *id, .round = round};
        if (peer->queued == MSK_I_HAVE_MAX)
            say_i_haves(tree, peer);
        else if (tree->lazy_push_ms == MSK_NEVER)
            tree->lazy_push_ms = now_ms + MSK_LAZY_PUSH_MS;
    }
}

int msk_plumtree_broadcast(struct msk_plumtree *tree, uint64_t now_ms, struct msk_bytes content)
{
    struct msk_digest id = msk_blake3(content);
    if (msk_gossip_memory_find(&tree->memory, &id))
        return MSK_E_EXISTS;
    int error = msk_gossip_memory_add(&tree->memory, now_ms, &id, content, 0);
    if (error < 0)
        return error;
    spread(tree, now_ms, &id, content, 0, NULL);
    return 0;
}

/* ---- what we hear, row by row */

/* A lazy neighbour had it in far fewer rounds than the one who brought it: they change places in the tree. */
static void optimise(struct msk_plumtree *tree, const struct msk_digest *id, uint16_t round,
                     struct msk_plumtree_peer *sender)
{
    struct msk_note nearest;
    if (!msk_wanted_arrived(&tree->wanted, id, &nearest) || nearest.round + MSK_OPTIMISATION_THRESHOLD > round)
        return;
    struct msk_plumtree_peer *better = find(tree, &nearest.peer);
    if (!better || better == sender)
        return;
    if (!better->eager)
        say_graft(tree, better, NULL, nearest.round);
    if (sender)
        say_prune(tree, sender);
}

static bool on_gossip(struct msk_plumtree *tree, uint64_t now_ms, const struct msk_digest *from,
                      const struct msk_broadcast *message)
{
    const struct msk_digest *id = &message->gossip.id;
    struct msk_plumtree_peer *sender = find(tree, from);
    struct msk_digest hash = msk_blake3(message->gossip.content);
    if (!msk_digest_equal(&hash, id))
        return false;
    if (msk_gossip_memory_find(&tree->memory, id)) {
        if (sender)
            say_prune(tree, sender);
        return false;
    }
    if (message->gossip.scope.kind == MSK_SCOPE_NEIGHBOURS)
        return true;
    uint16_t round = message->gossip.scope.round;
    uint16_t next_round = round == UINT16_MAX ? round : (uint16_t)(round + 1);
    /* Without memory it is as good as lost: passed on but not remembered it could come round for ever. */
    if (msk_gossip_memory_add(&tree->memory, now_ms, id, message->gossip.content, next_round) < 0)
        return false;
    spread(tree, now_ms, id, message->gossip.content, next_round, from);
    optimise(tree, id, round, sender);
    return true;
}

static void on_graft(struct msk_plumtree *tree, struct msk_plumtree_peer *sender, const struct msk_broadcast *message)
{
    sender->eager = true;
    const struct msk_remembered *item =
        message->graft.has_id ? msk_gossip_memory_find(&tree->memory, &message->graft.id) : NULL;
    if (!item || !item->payload)
        return;
    struct msk_broadcast whole = gossip(&item->id, MSK_BYTES(item->payload, item->len), item->round);
    say(tree, sender, &whole);
}

static void on_i_have(struct msk_plumtree *tree, uint64_t now_ms, const struct msk_plumtree_peer *sender,
                      const struct msk_have_seq *haves)
{
    for (size_t i = 0; i < haves->count; i++) {
        const struct msk_have *have = &haves->items[i];
        if (!msk_gossip_memory_find(&tree->memory, &have->id) &&
            msk_wanted_note(&tree->wanted, now_ms, &have->id, &sender->id, have->round) < 0)
            return; /* no room for the others either; the tree may still bring them */
    }
}

bool msk_plumtree_receive(struct msk_plumtree *tree, uint64_t now_ms, const struct msk_digest *from,
                          const struct msk_broadcast *message, struct msk_bytes *content)
{
    struct msk_plumtree_peer *sender = find(tree, from);
    if (!sender && message->kind != MSK_BROADCAST_GOSSIP)
        return false;
    switch (message->kind) {
    case MSK_BROADCAST_GOSSIP:
        *content = message->gossip.content;
        return on_gossip(tree, now_ms, from, message);
    case MSK_BROADCAST_PRUNE:
        sender->eager = false;
        break;
    case MSK_BROADCAST_GRAFT:
        on_graft(tree, sender, message);
        break;
    case MSK_BROADCAST_I_HAVE:
        on_i_have(tree, now_ms, sender, &message->haves);
        break;
    }
    return false;
}

/* ---- time */

static void graft_what_is_due(struct msk_plumtree *tree, uint64_t now_ms)
{
    struct msk_digest id;
    struct msk_note ask;
    while (msk_wanted_due(&tree->wanted, now_ms, &id, &ask)) {
        struct msk_plumtree_peer *peer = find(tree, &ask.peer);
        if (peer)
            say_graft(tree, peer, &id, ask.round);
    }
}

void msk_plumtree_tick(struct msk_plumtree *tree, uint64_t now_ms)
{
    if (now_ms >= tree->lazy_push_ms) {
        tree->lazy_push_ms = MSK_NEVER;
        for (size_t i = 0; i < tree->peer_count; i++)
            say_i_haves(tree, &tree->peers[i]);
    }
    graft_what_is_due(tree, now_ms);
    msk_gossip_memory_sweep(&tree->memory, now_ms);
}

uint64_t msk_plumtree_deadline(const struct msk_plumtree *tree)
{
    uint64_t deadlines[] = {tree->lazy_push_ms, msk_wanted_deadline(&tree->wanted),
                            msk_gossip_memory_deadline(&tree->memory)};
    uint64_t first = MSK_NEVER;
    for (size_t i = 0; i < sizeof deadlines / sizeof deadlines[0]; i++)
        if (deadlines[i] < first)
            first = deadlines[i];
    return first;
}
