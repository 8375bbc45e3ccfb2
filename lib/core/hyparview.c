#include "core/hyparview.h"

#include "base/assert.h"

void msk_hyparview_init(struct msk_hyparview *view, const struct msk_digest *self, const struct msk_gossip_port *port,
                        struct msk_random *random, uint64_t now_ms)
{
    *view = (struct msk_hyparview){
        .self = {.id = *self}, .port = port, .random = random, .shuffle_ms = now_ms + MSK_SHUFFLE_INTERVAL_MS};
    view->active = (struct msk_view){.peers = view->active_peers, .max = MSK_ACTIVE_MAX};
    view->passive = (struct msk_view){.peers = view->passive_peers, .max = MSK_PASSIVE_MAX};
    view->pending = (struct msk_view){.peers = view->pending_peers, .max = MSK_PENDING_MAX};
}

void msk_hyparview_set_data(struct msk_hyparview *view, struct msk_bytes data)
{
    msk_assert(data.len <= MSK_PEER_DATA_MAX);
    msk_view_remember(&view->self, &(struct msk_peer_info){.has_data = true, .data = data});
}

bool msk_hyparview_is_active(const struct msk_hyparview *view, const struct msk_digest *peer)
{
    return msk_view_find(&view->active, peer) != NULL;
}

bool msk_hyparview_wants(const struct msk_hyparview *view, const struct msk_digest *peer)
{
    return msk_hyparview_is_active(view, peer) || msk_view_find(&view->pending, peer);
}

static bool is_self(const struct msk_hyparview *view, const struct msk_digest *peer)
{
    return msk_digest_equal(&view->self.id, peer);
}

/* ---- what we say */

static void say(const struct msk_hyparview *view, const struct msk_peer_info *to, const struct msk_membership *what)
{
    struct msk_gossip_message message = {.kind = MSK_GOSSIP_MEMBERSHIP, .membership = *what};
    view->port->send(view->port->context, to, &message);
}

static void drop(const struct msk_hyparview *view, const struct msk_digest *peer)
{
    view->port->drop(view->port->context, peer);
}

static void say_disconnect(const struct msk_hyparview *view, const struct msk_peer_info *to, bool alive)
{
    say(view, to, &(struct msk_membership){.kind = MSK_MEMBERSHIP_DISCONNECT, .disconnect = {.alive = alive}});
}

/* At most `wanted` peers: random passive ones first, then active ones. */
static void say_shuffle_reply(const struct msk_hyparview *view, const struct msk_peer_info *to, size_t wanted)
{
    if (wanted > MSK_SHUFFLE_NODES_MAX)
        wanted = MSK_SHUFFLE_NODES_MAX;
    struct msk_peer_info nodes[MSK_SHUFFLE_NODES_MAX];
    size_t count = msk_view_sample(&view->passive, view->random, &to->peer_id, wanted, nodes);
    count += msk_view_sample(&view->active, view->random, &to->peer_id, wanted - count, nodes + count);
    say(view, to,
        &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE_REPLY, .shuffle_reply.nodes = {nodes, count}});
}

/* Goodbye to a peer that lives on without us, with other peers it may turn to. */
static void turn_away(const struct msk_hyparview *view, const struct msk_peer_info *peer)
{
    say_shuffle_reply(view, peer, MSK_SHUFFLE_ACTIVE + MSK_SHUFFLE_PASSIVE);
    say_disconnect(view, peer, true);
    drop(view, &peer->peer_id);
}

/* "Send neighbor". Nothing while an earlier one is unanswered. */
static void say_neighbor(struct msk_hyparview *view, uint64_t now_ms, const struct msk_peer_info *to,
                         enum msk_neighbor_priority priority)
{
    if (msk_view_find(&view->pending, &to->peer_id))
        return;
    msk_view_add(&view->pending, to)->until_ms = now_ms + MSK_NEIGHBOR_TIMEOUT_MS;
    struct msk_peer_info self = msk_view_info(&view->self);
    say(view, to,
        &(struct msk_membership){.kind = MSK_MEMBERSHIP_NEIGHBOR,
                                 .neighbor = {.priority = priority, .has_data = self.has_data, .data = self.data}});
}

/* ---- the views */

/* What was just said of a peer, or what we knew of it before where nothing was said. A copy: views move their peers. */
static struct msk_view_peer known(const struct msk_hyparview *view, const struct msk_peer_info *info)
{
    const struct msk_view *const views[] = {&view->active, &view->pending, &view->passive};
    struct msk_view_peer best = {.id = info->peer_id};
    msk_view_remember(&best, info);
    for (size_t i = 0; i < 3 && !best.has_data; i++) {
        const struct msk_view_peer *peer = msk_view_find(views[i], &info->peer_id);
        if (peer)
            best = *peer;
    }
    return best;
}

/* "Passive insert" */
static void add_passive(struct msk_hyparview *view, const struct msk_peer_info *info)
{
    struct msk_view *passive = &view->passive;
    if (is_self(view, &info->peer_id) || msk_hyparview_is_active(view, &info->peer_id))
        return;
    struct msk_view_peer *peer = msk_view_find(passive, &info->peer_id);
    if (peer) {
        msk_view_remember(peer, info);
        return;
    }
    if (passive->count == passive->max) {
        struct msk_digest leaves = msk_view_pick(passive, view->random, NULL, NULL)->id;
        msk_view_remove(passive, &leaves, NULL);
    }
    msk_view_add(passive, info);
}

static void add_passive_all(struct msk_hyparview *view, const struct msk_peer_info_seq *nodes)
{
    for (size_t i = 0; i < nodes->count; i++)
        add_passive(view, &nodes->items[i]);
}

/* `removed` gets a copy. */
static bool remove_active(struct msk_hyparview *view, const struct msk_digest *peer, struct msk_view_peer *removed)
{
    if (!msk_view_remove(&view->active, peer, removed))
        return false;
    /* It must not hold a place among the pending when it is no neighbour: see MSK_PENDING_MAX. */
    msk_view_remove(&view->pending, &removed->id, NULL);
    view->port->neighbour(view->port->context, &removed->id, false);
    return true;
}

/* "Dropping a random active peer" */
static void drop_random_active(struct msk_hyparview *view)
{
    struct msk_digest unlucky = msk_view_pick(&view->active, view->random, NULL, NULL)->id;
    struct msk_view_peer peer;
    remove_active(view, &unlucky, &peer);
    struct msk_peer_info info = msk_view_info(&peer);
    turn_away(view, &info);
    add_passive(view, &info);
}

/* "Add active"; false: refused for want of room. */
static bool add_active(struct msk_hyparview *view, uint64_t now_ms, const struct msk_peer_info *said,
                       enum msk_neighbor_priority priority, bool reply)
{
    struct msk_view_peer copy = known(view, said);
    struct msk_peer_info info = msk_view_info(&copy);
    struct msk_view_peer *active = msk_view_find(&view->active, &copy.id);
    if (active) {
        msk_view_remember(active, &info);
    } else {
        if (view->active.count == view->active.max && priority == MSK_PRIORITY_LOW)
            return false;
        if (view->active.count == view->active.max)
            drop_random_active(view);
        msk_view_add(&view->active, &info);
        msk_view_remove(&view->passive, &copy.id, NULL);
        view->port->neighbour(view->port->context, &copy.id, true);
    }
    if (reply)
        say_neighbor(view, now_ms, &info, priority);
    return true;
}

/* A passive peer that may be asked to become active. */
static struct msk_view_peer *pick_askable(struct msk_hyparview *view, uint64_t now_ms)
{
    struct msk_view_peer *chosen = NULL;
    uint64_t candidates = 0;
    for (size_t i = 0; i < view->passive.count; i++) {
        struct msk_view_peer *peer = &view->passive.peers[i];
        if (peer->until_ms <= now_ms && !msk_view_find(&view->pending, &peer->id) &&
            msk_random_below(view->random, ++candidates) == 0)
            chosen = peer;
    }
    return chosen;
}

/* "Refill". With no neighbour at all one peer is asked that cannot refuse; the others, asked politely, follow its
 * answer. */
static void refill(struct msk_hyparview *view, uint64_t now_ms)
{
    while (view->active.count + view->pending.count < MSK_ACTIVE_MAX) {
        enum msk_neighbor_priority priority = view->active.count == 0 ? MSK_PRIORITY_HIGH : MSK_PRIORITY_LOW;
        struct msk_view_peer *peer = pick_askable(view, now_ms);
        if (!peer)
            return;
        struct msk_peer_info info = msk_view_info(peer);
        say_neighbor(view, now_ms, &info, priority);
        if (priority == MSK_PRIORITY_HIGH)
            return;
    }
}

/* ---- what we hear, row by row */

static void on_join(struct msk_hyparview *view, uint64_t now_ms, const struct msk_peer_info *joiner)
{
    add_active(view, now_ms, joiner, MSK_PRIORITY_HIGH, true);
    struct msk_membership forward = {.kind = MSK_MEMBERSHIP_FORWARD_JOIN,
                                     .forward_join = {.peer = *joiner, .ttl = MSK_FORWARD_JOIN_TTL}};
    for (size_t i = 0; i < view->active.count; i++) {
        struct msk_peer_info to = msk_view_info(&view->active.peers[i]);
        if (!msk_digest_equal(&to.peer_id, &joiner->peer_id))
            say(view, &to, &forward);
    }
}

static uint16_t cut_ttl(uint16_t ttl)
{
    return ttl > MSK_WALK_TTL_MAX ? MSK_WALK_TTL_MAX : ttl;
}

/* Ask the peer a walk ended with. Strangers decide who that is, so their number is bounded. */
static void ask_joiner(struct msk_hyparview *view, uint64_t now_ms, const struct msk_peer_info *joiner)
{
    struct msk_view_peer *active = msk_view_find(&view->active, &joiner->peer_id);
    if (active)
        msk_view_remember(active, joiner);
    if (active || view->pending.count < MSK_ASKED_MAX)
        say_neighbor(view, now_ms, joiner, MSK_PRIORITY_HIGH);
    else
        add_passive(view, joiner);
}

static void on_forward_join(struct msk_hyparview *view, uint64_t now_ms, const struct msk_digest *from,
                            const struct msk_peer_info *joiner, uint16_t said_ttl)
{
    uint16_t ttl = cut_ttl(said_ttl);
    if (is_self(view, &joiner->peer_id))
        return;
    if (msk_hyparview_is_active(view, &joiner->peer_id) || ttl == 0 || view->active.count <= 1) {
        ask_joiner(view, now_ms, joiner);
        return;
    }
    if (ttl == MSK_FORWARD_JOIN_PASSIVE_TTL)
        add_passive(view, joiner);
    const struct msk_view_peer *next = msk_view_pick(&view->active, view->random, from, NULL);
    if (msk_view_find(&view->pending, &joiner->peer_id) || !next)
        return;
    struct msk_peer_info to = msk_view_info(next);
    say(view, &to,
        &(struct msk_membership){.kind = MSK_MEMBERSHIP_FORWARD_JOIN,
                                 .forward_join = {.peer = *joiner, .ttl = (uint16_t)(ttl - 1)}});
}

static void on_shuffle(struct msk_hyparview *view, const struct msk_digest *from, const struct msk_membership *message)
{
    const struct msk_digest *origin = &message->shuffle.origin;
    const struct msk_peer_info_seq *nodes = &message->shuffle.nodes;
    uint16_t ttl = cut_ttl(message->shuffle.ttl);
    if (is_self(view, origin))
        return;
    const struct msk_view_peer *next = msk_view_pick(&view->active, view->random, origin, from);
    if (ttl > 0 && view->active.count > 1 && next) {
        struct msk_peer_info to = msk_view_info(next);
        say(view, &to,
            &(struct msk_membership){.kind = MSK_MEMBERSHIP_SHUFFLE,
                                     .shuffle = {.origin = *origin, .nodes = *nodes, .ttl = (uint16_t)(ttl - 1)}});
        return;
    }
    struct msk_peer_info to = {.peer_id = *origin};
    for (size_t i = 0; i < nodes->count; i++)
        if (msk_digest_equal(&nodes->items[i].peer_id, origin))
            to = nodes->items[i];
    struct msk_view_peer copy = known(view, &to);
    to = msk_view_info(&copy);
    say_shuffle_reply(view, &to, nodes->count); /* before the origin's own nodes could be among ours */
    add_passive_all(view, nodes);
}

static void on_neighbor(struct msk_hyparview *view, uint64_t now_ms, const struct msk_peer_info *said,
                        enum msk_neighbor_priority priority)
{
    struct msk_view_peer copy = known(view, said);
    struct msk_peer_info peer = msk_view_info(&copy);
    bool is_answer = msk_view_remove(&view->pending, &copy.id, NULL);
    if (!add_active(view, now_ms, &peer, priority, !is_answer))
        turn_away(view, &peer);
    else if (is_answer)
        refill(view, now_ms);
}

static void on_disconnect(struct msk_hyparview *view, uint64_t now_ms, const struct msk_digest *from, bool alive)
{
    struct msk_view_peer peer;
    msk_view_remove(&view->pending, from, NULL);
    if (remove_active(view, from, &peer) && alive) {
        struct msk_peer_info info = msk_view_info(&peer);
        add_passive(view, &info);
    }
    struct msk_view_peer *passive = msk_view_find(&view->passive, from);
    if (passive && alive) {
        passive->said_alive = true;
        passive->until_ms = now_ms + MSK_REFUSED_PAUSE_MS;
    } else if (passive) {
        msk_view_remove(&view->passive, from, NULL);
    }
    refill(view, now_ms);
}

void msk_hyparview_handled(struct msk_hyparview *view, const struct msk_digest *from)
{
    if (!msk_hyparview_wants(view, from))
        drop(view, from);
}

void msk_hyparview_receive(struct msk_hyparview *view, uint64_t now_ms, const struct msk_digest *from,
                           const struct msk_membership *message)
{
    struct msk_peer_info sender = {.peer_id = *from};
    switch (message->kind) {
    case MSK_MEMBERSHIP_JOIN:
        sender.has_data = message->join.has_data;
        sender.data = message->join.data;
        on_join(view, now_ms, &sender);
        break;
    case MSK_MEMBERSHIP_FORWARD_JOIN:
        on_forward_join(view, now_ms, from, &message->forward_join.peer, message->forward_join.ttl);
        break;
    case MSK_MEMBERSHIP_SHUFFLE:
        on_shuffle(view, from, message);
        break;
    case MSK_MEMBERSHIP_SHUFFLE_REPLY:
        add_passive_all(view, &message->shuffle_reply.nodes);
        refill(view, now_ms);
        break;
    case MSK_MEMBERSHIP_NEIGHBOR:
        sender.has_data = message->neighbor.has_data;
        sender.data = message->neighbor.data;
        on_neighbor(view, now_ms, &sender, message->neighbor.priority);
        break;
    case MSK_MEMBERSHIP_DISCONNECT:
        on_disconnect(view, now_ms, from, message->disconnect.alive);
        return;
    }
    msk_hyparview_handled(view, from);
}

/* ---- the rest */

void msk_hyparview_join(struct msk_hyparview *view, const struct msk_digest *peer)
{
    if (is_self(view, peer))
        return;
    struct msk_peer_info self = msk_view_info(&view->self), to = {.peer_id = *peer};
    say(view, &to,
        &(struct msk_membership){.kind = MSK_MEMBERSHIP_JOIN, .join = {.has_data = self.has_data, .data = self.data}});
}

void msk_hyparview_lost(struct msk_hyparview *view, uint64_t now_ms, const struct msk_digest *peer)
{
    struct msk_view_peer gone;
    msk_view_remove(&view->pending, peer, NULL);
    if (!remove_active(view, peer, &gone)) {
        struct msk_view_peer *passive = msk_view_find(&view->passive, peer);
        if (passive && passive->said_alive)
            passive->said_alive = false;
        else if (passive)
            msk_view_remove(&view->passive, peer, NULL);
    }
    refill(view, now_ms);
}

void msk_hyparview_leave(struct msk_hyparview *view)
{
    while (view->active.count > 0) {
        struct msk_digest id = view->active.peers[0].id;
        struct msk_view_peer peer;
        remove_active(view, &id, &peer);
        struct msk_peer_info info = msk_view_info(&peer);
        say_shuffle_reply(view, &info, MSK_SHUFFLE_ACTIVE + MSK_SHUFFLE_PASSIVE);
        say_disconnect(view, &info, false);
        drop(view, &info.peer_id);
    }
    view->pending.count = 0;
}

/* Peers that did not answer in time: forgotten, unless they became neighbours on their own. */
static void give_up_pending(struct msk_hyparview *view, uint64_t now_ms)
{
    bool any = false;
    for (size_t i = 0; i < view->pending.count;) {
        struct msk_view_peer silent = view->pending.peers[i];
        if (silent.until_ms > now_ms) {
            i++;
            continue;
        }
        msk_view_remove(&view->pending, &silent.id, NULL);
        msk_view_remove(&view->passive, &silent.id, NULL);
        any = true;
    }
    if (any)
        refill(view, now_ms);
}

static void shuffle(struct msk_hyparview *view)
{
    const struct msk_view_peer *chosen = msk_view_pick(&view->active, view->random, NULL, NULL);
    if (!chosen)
        return;
    struct msk_peer_info to = msk_view_info(chosen), nodes[MSK_SHUFFLE_NODES_MAX];
    size_t count = msk_view_sample(&view->active, view->random, &to.peer_id, MSK_SHUFFLE_ACTIVE, nodes);
    count += msk_view_sample(&view->passive, view->random, &to.peer_id, MSK_SHUFFLE_PASSIVE, nodes + count);
    nodes[count++] = msk_view_info(&view->self);
    say(view, &to,
        &(struct msk_membership){
            .kind = MSK_MEMBERSHIP_SHUFFLE,
            .shuffle = {.origin = view->self.id, .nodes = {nodes, count}, .ttl = MSK_SHUFFLE_TTL}});
}

void msk_hyparview_tick(struct msk_hyparview *view, uint64_t now_ms)
{
    give_up_pending(view, now_ms);
    if (now_ms >= view->shuffle_ms) {
        view->shuffle_ms = now_ms + MSK_SHUFFLE_INTERVAL_MS;
        shuffle(view);
    }
}

uint64_t msk_hyparview_deadline(const struct msk_hyparview *view)
{
    uint64_t deadline = view->shuffle_ms;
    for (size_t i = 0; i < view->pending.count; i++)
        if (view->pending.peers[i].until_ms < deadline)
            deadline = view->pending.peers[i].until_ms;
    return deadline;
}
