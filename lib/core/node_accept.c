/* Accepted bond connections until their group is known: checks 1 to 6 of groups.md 2.4, under one deadline (W-19). */
#include "base/alloc.h"
#include "core/node_parts.h"
#include "wire/close_code.h"

static bool may_accept(const struct msk_node *node, const struct msk_digest *peer)
{
    size_t of_peer = 0;
    for (size_t i = 0; i < node->accepting_count; i++)
        of_peer += msk_digest_equal(&node->accepting[i]->link->info.peer, peer);
    return node->accepting_count < MSK_ACCEPTING_MAX && of_peer < MSK_ACCEPTING_PEER_MAX;
}

void msk_node_accept_opened(struct msk_node *node, struct msk_now now, struct msk_link *link, struct msk_actions *out)
{
    bool allowed = may_accept(node, &link->info.peer);
    struct msk_accepting *accepting = allowed ? msk_calloc(1, sizeof *accepting) : NULL;
    if (!allowed)
        MSK_EMIT(out, NULL, LIMIT_HIT, MSK_F_TEXT("which", "handshakes"), MSK_F_DIGEST("peer", &link->info.peer),
                 MSK_F_U64("value", node->accepting_count));
    if (!accepting) {
        msk_host_close(&node->host, link, MSK_CLOSE_TIMEOUT, false, out);
        return;
    }
    *accepting = (struct msk_accepting){.link = link, .limit_ms = now.mono_ms + MSK_HANDSHAKE_TIMEOUT_MS};
    link->context = accepting;
    node->accepting[node->accepting_count++] = accepting;
}

/* The link goes on without it. */
static void forget(struct msk_node *node, struct msk_accepting *accepting)
{
    size_t at = 0;
    while (node->accepting[at] != accepting)
        at++;
    node->accepting[at] = node->accepting[--node->accepting_count];
    msk_free(accepting->frame);
    msk_free(accepting);
}

static void reject(struct msk_node *node, struct msk_link *link, uint64_t code, const char *check,
                   struct msk_actions *out)
{
    MSK_EMIT(out, NULL, HANDSHAKE_REJECTED, MSK_F_DIGEST("peer", &link->info.peer), MSK_F_U64("code", code),
             MSK_F_TEXT("phrase", msk_close_name(code)), MSK_F_TEXT("check", check));
    msk_host_close(&node->host, link, code, false, out);
}

/* Checks 5 and 6, then the group's own. False: later. */
static bool find_group(struct msk_node *node, struct msk_now now, struct msk_link *link,
                       const struct msk_signed_peer_entry *entry, struct msk_handshake_start *start,
                       struct msk_actions *out)
{
    if (!msk_digest_equal(&start->network_id, &node->catalog.network_id)) {
        reject(node, link, MSK_CLOSE_DIFFERENT_NETWORK, "5", out);
        return true;
    }
    struct msk_group *group = msk_node_group(node, &start->group_id);
    if (!group || group->failed) {
        reject(node, link, MSK_CLOSE_GROUP_NOT_FOUND, "6", out);
        return true;
    }
    int pending = msk_group_begin(out);
    bool done = msk_mesh_accept(group->mesh, now, link, entry, start, out);
    msk_group_end(group, pending, out);
    return done;
}

/* What the peer said first. False: later. */
static bool take_start(struct msk_node *node, struct msk_now now, struct msk_link *link, struct msk_bytes frame,
                       struct msk_actions *out)
{
    /* Before anything is read, but not before the peer has spoken: a dialler of the reference expects it then. */
    const struct msk_signed_peer_entry *entry = msk_catalog_find(&node->catalog, now.wall_ms, &link->info.peer);
    if (!entry) {
        reject(node, link, MSK_CLOSE_UNKNOWN_PEER, "3", out);
        return true;
    }
    struct msk_arena arena;
    struct msk_handshake_start start;
    struct msk_error err = {0};
    bool done = true;
    msk_arena_init(&arena, MSK_DECODE_BUDGET(frame.len));
    int error = msk_decode_unchecked(MSK_TYPE(handshake_start), frame, &arena, &start, &err);
    if (error == 0)
        done = find_group(node, now, link, entry, &start, out);
    else if (error == MSK_E_NOMEM)
        reject(node, link, MSK_CLOSE_UNEXPECTED_CLOSE, "4", out);
    else {
        MSK_EMIT(out, NULL, PROTOCOL_VIOLATION, MSK_F_DIGEST("peer", &link->info.peer), MSK_F_TEXT("detail", err.text));
        reject(node, link, MSK_CLOSE_PROTOCOL_VIOLATION, "4a", out);
    }
    msk_arena_free(&arena);
    return done;
}

void msk_node_accept_frame(struct msk_node *node, struct msk_now now, struct msk_link *link, struct msk_bytes frame,
                           struct msk_actions *out)
{
    struct msk_accepting *accepting = link->context;
    bool spoke = accepting->frame != NULL;
    if (spoke)
        reject(node, link, MSK_CLOSE_PROTOCOL_VIOLATION, "4a", out);
    else if (!take_start(node, now, link, frame, out)) {
        link->context = accepting;
        accepting->frame = msk_memdup(frame.data, frame.len);
        accepting->len = frame.len;
        if (accepting->frame)
            return;
        reject(node, link, MSK_CLOSE_UNEXPECTED_CLOSE, "4", out);
    }
    forget(node, accepting);
}

void msk_node_accept_again(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    for (size_t i = node->accepting_count; i-- > 0;) { /* backwards: what is forgotten is replaced by the last one */
        struct msk_accepting *accepting = node->accepting[i];
        uint8_t *frame = accepting->frame;
        if (!frame)
            continue;
        accepting->frame = NULL;
        msk_node_accept_frame(node, now, accepting->link, MSK_BYTES(frame, accepting->len), out);
        msk_free(frame);
    }
}

void msk_node_accept_closed(struct msk_node *node, struct msk_link *link, const struct msk_link_close *close,
                            struct msk_actions *out)
{
    forget(node, link->context);
    if (close->stream_ended)
        reject(node, link, close->inside_frame ? MSK_CLOSE_INVALID_HANDSHAKE : MSK_CLOSE_UNEXPECTED_CLOSE, "4a", out);
    else
        msk_links_remove(&node->links, link);
}

void msk_node_accept_tick(struct msk_node *node, struct msk_now now, struct msk_actions *out)
{
    for (size_t i = node->accepting_count; i > 0; i--) {
        struct msk_accepting *accepting = node->accepting[i - 1];
        struct msk_link *link = accepting->link;
        if (accepting->limit_ms > now.mono_ms)
            continue;
        forget(node, accepting);
        reject(node, link, MSK_CLOSE_TIMEOUT, "4", out);
    }
}

uint64_t msk_node_accept_deadline(const struct msk_node *node)
{
    uint64_t deadline_ms = MSK_NEVER;
    for (size_t i = 0; i < node->accepting_count; i++)
        if (node->accepting[i]->limit_ms < deadline_ms)
            deadline_ms = node->accepting[i]->limit_ms;
    return deadline_ms;
}

void msk_node_accept_stop(struct msk_node *node, struct msk_actions *out)
{
    while (node->accepting_count > 0) {
        struct msk_link *link = node->accepting[0]->link;
        forget(node, node->accepting[0]);
        msk_host_close(&node->host, link, MSK_CLOSE_CANCELLED, false, out);
    }
}
