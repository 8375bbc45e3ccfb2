#include "core/gossip.h"

#include "base/alloc.h"
#include "base/assert.h"
#include "core/gossip_links.h"
#include "core/plumtree.h"
#include "wire/close_code.h"

#define NEWS_MAX    16          /* one call brings one delivery, and five lost neighbours at the most */
#define DECODED_MAX (64u << 10) /* 4096 bytes become at most some 120 peers */

struct msk_gossip {
    struct msk_gossip_owner owner;
    struct msk_digest self;
    bool left;
    struct msk_random random;
    struct msk_gossip_port port;
    struct msk_hyparview membership;
    struct msk_plumtree broadcast;
    struct msk_gossip_links links;
    struct msk_gossip_news news[NEWS_MAX];
    size_t news_first, news_count;
    struct msk_builder body; /* the message being sent */
    struct msk_arena arena;  /* the message received last */
    /* For the time of one call. */
    struct msk_now now;
    uint64_t now_ms; /* monotonic */
    struct msk_actions *out;
};

static void enter(struct msk_gossip *gossip, struct msk_now now, struct msk_actions *out)
{
    gossip->now = now;
    gossip->now_ms = now.mono_ms;
    gossip->out = out;
}

static void add_news(struct msk_gossip *gossip, enum msk_gossip_news_kind kind, const struct msk_digest *peer,
                     struct msk_bytes content)
{
    msk_assert(gossip->news_count < NEWS_MAX); /* the owner takes them after every call */
    gossip->news[(gossip->news_first + gossip->news_count++) % NEWS_MAX] =
        (struct msk_gossip_news){.kind = kind, .peer = *peer, .content = content};
}

bool msk_gossip_next(struct msk_gossip *gossip, struct msk_gossip_news *out)
{
    if (gossip->news_count == 0)
        return false;
    *out = gossip->news[gossip->news_first];
    gossip->news_first = (gossip->news_first + 1) % NEWS_MAX;
    gossip->news_count--;
    return true;
}

/* ---- connections */

static void close_link(struct msk_gossip *gossip, struct msk_gossip_link *link, uint64_t code, bool flush)
{
    msk_act_close(gossip->out, link->number, code, flush);
    msk_gossip_links_remove(&gossip->links, link);
}

/* The peer is lost with its last connection, unless we ended that ourselves. */
static void note_lost(struct msk_gossip *gossip, const struct msk_digest *peer)
{
    if (!msk_gossip_links_newest(&gossip->links, peer))
        msk_hyparview_lost(&gossip->membership, gossip->now_ms, peer);
}

static void note_unreachable(struct msk_gossip *gossip, const struct msk_digest *peer, const char *reason)
{
    MSK_EMIT(gossip->out, NULL, NEIGHBOUR_UNREACHABLE, MSK_F_DIGEST("peer", peer), MSK_F_TEXT("reason", reason));
}

struct addresses {
    struct msk_transport_addr items[MSK_GOSSIP_ADDRESSES];
    size_t count;
};

static void add_address(struct addresses *set, const struct msk_transport_addr *address)
{
    if (address->kind != MSK_ADDR_IP || set->count == MSK_GOSSIP_ADDRESSES)
        return;
    for (size_t i = 0; i < set->count; i++)
        if (msk_compare(MSK_TYPE(transport_addr), &set->items[i], address) == 0)
            return;
    set->items[set->count++] = *address;
}

/* What the peer's data says comes first; data that cannot be read says nothing. */
static void add_told_addresses(struct addresses *set, const struct msk_peer_info *peer)
{
    struct msk_arena arena;
    struct msk_peer_data data;
    msk_arena_init(&arena, DECODED_MAX);
    if (peer->has_data && peer->data.len > 0 && msk_decode(MSK_TYPE(peer_data), peer->data, &arena, &data, NULL) == 0)
        for (size_t i = 0; i < data.addresses.count; i++)
            add_address(set, &(struct msk_transport_addr){.kind = MSK_ADDR_IP, .ip = data.addresses.items[i]});
    msk_arena_free(&arena);
}

static void add_known_addresses(const struct msk_gossip *gossip, struct addresses *set, const struct msk_digest *peer)
{
    struct msk_transport_addr known[MSK_GOSSIP_ADDRESSES];
    size_t count = gossip->owner.find_addresses(gossip->owner.context, gossip->now, peer, known, MSK_GOSSIP_ADDRESSES);
    for (size_t i = 0; i < count; i++)
        add_address(set, &known[i]);
}

static struct msk_gossip_link *dial(struct msk_gossip *gossip, const struct msk_peer_info *peer)
{
    struct addresses addresses = {.count = 0};
    add_told_addresses(&addresses, peer);
    add_known_addresses(gossip, &addresses, &peer->peer_id);
    if (addresses.count == 0) {
        note_unreachable(gossip, &peer->peer_id, "no IP address of it is known");
        return NULL;
    }
    if (gossip->links.dials >= MSK_GOSSIP_DIALS_MAX)
        return NULL;
    uint64_t number = gossip->owner.new_link(gossip->owner.context);
    struct msk_gossip_link *link = msk_gossip_links_add(&gossip->links, gossip->now_ms, number, &peer->peer_id);
    if (link)
        msk_act_dial(gossip->out, number, &peer->peer_id, MSK_ALPN_ANNOUNCE,
                     &(struct msk_transport_addr_set){addresses.items, addresses.count});
    return link;
}

/* ---- what the layers ask for */

/* Goodbyes and broadcasts go to whom we are connected with; the rest is worth a dial. */
static bool is_worth_a_dial(const struct msk_gossip_message *message)
{
    return message->kind == MSK_GOSSIP_MEMBERSHIP && message->membership.kind != MSK_MEMBERSHIP_DISCONNECT;
}

static void port_send(void *context, const struct msk_peer_info *to, const struct msk_gossip_message *message)
{
    struct msk_gossip *gossip = context;
    msk_builder_reset(&gossip->body);
    int error = msk_encode(MSK_TYPE(gossip_message), message, &gossip->body);
    if (error < 0) { /* what others said may grow beyond the limit when it is passed on: it ends here */
        gossip->out->error = error == MSK_E_NOMEM ? error : gossip->out->error;
        return;
    }
    struct msk_gossip_link *link = msk_gossip_links_newest(&gossip->links, &to->peer_id);
    if (!link && is_worth_a_dial(message))
        link = dial(gossip, to);
    if (link)
        msk_gossip_links_say(&gossip->links, gossip->now_ms, link, msk_builder_view(&gossip->body), gossip->out);
}

static void port_drop(void *context, const struct msk_digest *peer)
{
    struct msk_gossip *gossip = context;
    struct msk_gossip_link *link;
    while ((link = msk_gossip_links_newest(&gossip->links, peer)) != NULL && link->open)
        close_link(gossip, link, 0, true);
}

static void port_neighbour(void *context, const struct msk_digest *peer, bool up)
{
    struct msk_gossip *gossip = context;
    msk_plumtree_neighbour(&gossip->broadcast, peer, up);
    add_news(gossip, up ? MSK_NEWS_NEIGHBOUR_UP : MSK_NEWS_NEIGHBOUR_DOWN, peer, (struct msk_bytes){0});
    struct msk_field total = MSK_F_U64("neighbours", gossip->membership.active.count);
    if (up)
        MSK_EMIT(gossip->out, NULL, NEIGHBOUR_UP, MSK_F_DIGEST("peer", peer), total);
    else
        MSK_EMIT(gossip->out, NULL, NEIGHBOUR_DOWN, MSK_F_DIGEST("peer", peer), total);
}

/* ---- life */

int msk_gossip_new(const struct msk_gossip_config *config, struct msk_now now, struct msk_gossip **out)
{
    struct msk_gossip *gossip = msk_calloc(1, sizeof *gossip);
    if (!gossip)
        return MSK_E_NOMEM;
    gossip->owner = config->owner;
    gossip->self = config->self;
    gossip->port = (struct msk_gossip_port){gossip, port_send, port_drop, port_neighbour};
    msk_random_seed(&gossip->random, config->seed);
    msk_builder_init(&gossip->body, MSK_GOSSIP_BODY_MAX);
    msk_arena_init(&gossip->arena, DECODED_MAX);
    msk_hyparview_init(&gossip->membership, &config->self, &gossip->port, &gossip->random, now.mono_ms);
    msk_plumtree_init(&gossip->broadcast, &gossip->port, msk_random_next(&gossip->random));
    msk_gossip_links_init(&gossip->links, &config->topic);
    *out = gossip;
    return 0;
}

void msk_gossip_free(struct msk_gossip *gossip)
{
    if (!gossip)
        return;
    msk_gossip_links_free(&gossip->links);
    msk_plumtree_free(&gossip->broadcast);
    msk_builder_free(&gossip->body);
    msk_arena_free(&gossip->arena);
    msk_free(gossip);
}

int msk_gossip_set_addresses(struct msk_gossip *gossip, const struct msk_transport_addr_set *addresses)
{
    struct msk_socket_addr ips[MSK_GOSSIP_ADDRESSES];
    struct msk_peer_data data = {.addresses = {ips, 0}};
    for (size_t i = 0; i < addresses->count && data.addresses.count < MSK_GOSSIP_ADDRESSES; i++)
        if (addresses->items[i].kind == MSK_ADDR_IP)
            ips[data.addresses.count++] = addresses->items[i].ip;
    struct msk_builder encoded;
    msk_builder_init(&encoded, MSK_PEER_DATA_MAX);
    int error = msk_encode(MSK_TYPE(peer_data), &data, &encoded);
    if (error == 0)
        msk_hyparview_set_data(&gossip->membership, msk_builder_view(&encoded));
    msk_builder_free(&encoded);
    return error;
}

void msk_gossip_join(struct msk_gossip *gossip, struct msk_now now, const struct msk_digest *peer,
                     struct msk_actions *out)
{
    if (gossip->left)
        return;
    enter(gossip, now, out);
    msk_hyparview_join(&gossip->membership, peer);
}

int msk_gossip_broadcast(struct msk_gossip *gossip, struct msk_now now, struct msk_bytes content,
                         struct msk_actions *out)
{
    if (gossip->left)
        return MSK_E_CLOSED;
    if (content.len > MSK_GOSSIP_CONTENT_MAX)
        return MSK_E_LIMIT;
    if (gossip->membership.active.count == 0)
        return MSK_E_UNREACHABLE;
    enter(gossip, now, out);
    return msk_plumtree_broadcast(&gossip->broadcast, gossip->now_ms, content);
}

void msk_gossip_leave(struct msk_gossip *gossip, struct msk_now now, struct msk_actions *out)
{
    if (gossip->left)
        return;
    enter(gossip, now, out);
    msk_hyparview_leave(&gossip->membership);
    while (gossip->links.count > 0)
        close_link(gossip, &gossip->links.items[0], 0, true);
    gossip->left = true;
}

/* ---- what the connections say */

/* An open connection that serves nothing at present. */
static bool is_strangers(const struct msk_gossip *gossip, const struct msk_gossip_link *link)
{
    return link->open && !msk_hyparview_wants(&gossip->membership, &link->peer);
}

/* Room for a new connection: the one of a stranger that has been silent longest makes it. */
static bool make_room(struct msk_gossip *gossip)
{
    if (gossip->links.count < MSK_GOSSIP_LINKS_MAX)
        return true;
    struct msk_gossip_link *idlest = NULL;
    for (size_t i = 0; i < gossip->links.count; i++) {
        struct msk_gossip_link *link = &gossip->links.items[i];
        if (is_strangers(gossip, link) && (!idlest || link->active_ms < idlest->active_ms))
            idlest = link;
    }
    if (!idlest)
        return false;
    close_link(gossip, idlest, 0, true);
    return true;
}

void msk_gossip_link_opened(struct msk_gossip *gossip, struct msk_now now, uint64_t number,
                            const struct msk_digest *peer, struct msk_actions *out)
{
    enter(gossip, now, out);
    struct msk_gossip_link *link = msk_gossip_links_find(&gossip->links, number);
    bool welcome = !gossip->left && !msk_digest_equal(peer, &gossip->self);
    if (!link && welcome && make_room(gossip))
        link = msk_gossip_links_add(&gossip->links, gossip->now_ms, number, peer);
    if (!link) {
        msk_act_close(out, number, 0, false);
        return;
    }
    msk_gossip_links_opened(&gossip->links, gossip->now_ms, link, out);
    struct msk_gossip_link *excess = msk_gossip_links_excess(&gossip->links, peer);
    if (excess)
        close_link(gossip, excess, 0, true);
}

/* The reference stops reading and stays deaf; we end the connection, so that both sides know. */
static void violation(struct msk_gossip *gossip, struct msk_gossip_link *link, const char *detail)
{
    struct msk_digest peer = link->peer;
    MSK_EMIT(gossip->out, NULL, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", &peer), MSK_F_TEXT("detail", detail));
    close_link(gossip, link, MSK_CLOSE_PROTOCOL_VIOLATION, false);
    note_lost(gossip, &peer);
}

static void receive(struct msk_gossip *gossip, const struct msk_digest *from, const struct msk_gossip_message *message)
{
    if (message->kind == MSK_GOSSIP_MEMBERSHIP) {
        msk_hyparview_receive(&gossip->membership, gossip->now_ms, from, &message->membership);
        return;
    }
    struct msk_bytes content;
    if (msk_plumtree_receive(&gossip->broadcast, gossip->now_ms, from, &message->broadcast, &content))
        add_news(gossip, MSK_NEWS_DELIVERED, from, content);
    msk_hyparview_handled(&gossip->membership, from);
}

static void read_message(struct msk_gossip *gossip, struct msk_gossip_link *link, struct msk_bytes frame)
{
    struct msk_digest from = link->peer;
    struct msk_gossip_message message;
    struct msk_error err;
    msk_arena_free(&gossip->arena);
    int error = msk_decode(MSK_TYPE(gossip_message), frame, &gossip->arena, &message, &err);
    if (error == MSK_E_NOMEM)
        gossip->out->error = error;
    else if (error < 0)
        violation(gossip, link, err.text);
    else
        receive(gossip, &from, &message);
}

void msk_gossip_stream_frame(struct msk_gossip *gossip, struct msk_now now, uint64_t number, uint64_t stream_number,
                             struct msk_bytes frame, struct msk_actions *out)
{
    enter(gossip, now, out);
    struct msk_gossip_link *link = msk_gossip_links_find(&gossip->links, number);
    if (!link || !link->open)
        return;
    link->active_ms = gossip->now_ms;
    struct msk_gossip_stream *stream = msk_gossip_link_stream(link, stream_number);
    if (!stream) {
        violation(gossip, link, "too many gossip streams on one connection");
    } else if (frame.len > MSK_FRAME_MAX_GOSSIP) {
        violation(gossip, link, "a gossip frame longer than 4096 bytes");
    } else if (stream->state == MSK_STREAM_IS_READ) {
        read_message(gossip, link, frame);
    } else if (stream->state == MSK_STREAM_AWAITS_HEADER) {
        struct msk_bytes topic = MSK_BYTES(gossip->links.topic.bytes, MSK_DIGEST_LEN);
        if (frame.len < MSK_DIGEST_LEN)
            violation(gossip, link, "a gossip stream header shorter than a topic");
        else
            stream->state = msk_bytes_equal(MSK_BYTES(frame.data, MSK_DIGEST_LEN), topic) ? MSK_STREAM_IS_READ
                                                                                          : MSK_STREAM_IS_IGNORED;
    }
}

void msk_gossip_stream_ended(struct msk_gossip *gossip, struct msk_now now, uint64_t number, uint64_t stream,
                             struct msk_actions *out)
{
    enter(gossip, now, out);
    struct msk_gossip_link *link = msk_gossip_links_find(&gossip->links, number);
    if (!link)
        return;
    msk_gossip_link_forget_stream(link, stream);
    /* After a goodbye the reference waits for the other side to close (wire.md C.1). */
    if (link->stream_count == 0 && is_strangers(gossip, link))
        close_link(gossip, link, 0, true);
}

void msk_gossip_link_closed(struct msk_gossip *gossip, struct msk_now now, uint64_t number, const char *detail,
                            struct msk_actions *out)
{
    enter(gossip, now, out);
    struct msk_gossip_link *link = msk_gossip_links_find(&gossip->links, number);
    if (!link)
        return;
    struct msk_digest peer = link->peer;
    if (!link->open)
        note_unreachable(gossip, &peer, detail ? detail : "no connection");
    msk_gossip_links_remove(&gossip->links, link);
    note_lost(gossip, &peer);
}

/* ---- time, looking in */

static void close_idle_links(struct msk_gossip *gossip)
{
    for (size_t i = gossip->links.count; i-- > 0;) {
        struct msk_gossip_link *link = &gossip->links.items[i];
        if (is_strangers(gossip, link) && link->active_ms + MSK_GOSSIP_IDLE_MS <= gossip->now_ms)
            close_link(gossip, link, 0, true);
    }
}

void msk_gossip_tick(struct msk_gossip *gossip, struct msk_now now, struct msk_actions *out)
{
    if (gossip->left)
        return;
    enter(gossip, now, out);
    msk_hyparview_tick(&gossip->membership, gossip->now_ms);
    msk_plumtree_tick(&gossip->broadcast, gossip->now_ms);
    close_idle_links(gossip);
}

uint64_t msk_gossip_deadline(const struct msk_gossip *gossip)
{
    if (gossip->left)
        return MSK_NEVER;
    uint64_t deadline = msk_hyparview_deadline(&gossip->membership);
    if (msk_plumtree_deadline(&gossip->broadcast) < deadline)
        deadline = msk_plumtree_deadline(&gossip->broadcast);
    for (size_t i = 0; i < gossip->links.count; i++) {
        const struct msk_gossip_link *link = &gossip->links.items[i];
        if (is_strangers(gossip, link) && link->active_ms + MSK_GOSSIP_IDLE_MS < deadline)
            deadline = link->active_ms + MSK_GOSSIP_IDLE_MS;
    }
    return deadline;
}

size_t msk_gossip_neighbour_count(const struct msk_gossip *gossip)
{
    return gossip->membership.active.count;
}

bool msk_gossip_is_neighbour(const struct msk_gossip *gossip, const struct msk_digest *peer)
{
    return msk_hyparview_is_active(&gossip->membership, peer);
}

json_t *msk_gossip_json(const struct msk_gossip *gossip)
{
    const struct msk_view *active = &gossip->membership.active;
    json_t *neighbours = json_array();
    char id[MSK_DIGEST_TEXT_SIZE];
    for (size_t i = 0; i < active->count; i++)
        json_array_append_new(
            neighbours, json_pack("{s:s, s:s}", "peer", msk_digest_text(&active->peers[i].id, id), "push",
                                  msk_plumtree_is_eager(&gossip->broadcast, &active->peers[i].id) ? "eager" : "lazy"));
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I}", "neighbours", neighbours, "passive",
        (json_int_t)gossip->membership.passive.count, "pending", (json_int_t)gossip->membership.pending.count, "links",
        (json_int_t)gossip->links.count, "remembered", (json_int_t)gossip->broadcast.memory.by_id.count, "cached_bytes",
        (json_int_t)gossip->broadcast.memory.payload_bytes, "wanted", (json_int_t)gossip->broadcast.wanted.count);
}
