/* node_reference.h: a member that behaves as the reference does where bonds form and end: it dials whom it learns of on
 * every change of its catalog, keeps the first connection that it completed and closes later ones with 30429, and has
 * no redial timer (groups.md 2.1 to 2.7, wire.md 4.5 to 4.8). No consensus. */
#ifndef MSK_TESTS_NODE_REFERENCE_H
#define MSK_TESTS_NODE_REFERENCE_H

#include "node_fake.h"

struct reference {
    struct net *net;
    int place;
    struct msk_group_config group;
    int64_t started_ms, updated_ms;
    struct msk_signed_peer_entry *known[NET_PLACES_MAX + 1]; /* its catalog */
    bool synced[NET_PLACES_MAX + 1];
    struct net_conn *bonds[NET_PLACES_MAX + 1];
    uint64_t announce_ms, beat_ms;
    unsigned duplicates; /* closed with 30429 */
};

static inline int reference_end(const struct reference *ref, const struct net_conn *conn)
{
    return conn->ends[0].place == ref->place ? 0 : 1;
}

static inline int reference_peer(const struct reference *ref, const struct net_conn *conn)
{
    return conn->ends[1 - reference_end(ref, conn)].place;
}

static inline struct msk_signed_peer_entry *reference_own(const struct reference *ref)
{
    return fake_entry_of(ref->net, ref->place, &ref->group.id,
                         (struct msk_entry_version){ref->started_ms, ref->updated_ms});
}

/* groups.md 2.1: no ordering, no backoff, no list of dials in flight. */
static inline void reference_dial(struct reference *ref, int place)
{
    if (place != ref->place && place > 0 && !ref->bonds[place])
        fake_dial(ref->net, ref->place, place, MSK_ALPN_GROUPS);
}

static inline void reference_scan(struct reference *ref)
{
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (ref->known[i] && msk_peer_entry_lists_group(&ref->known[i]->entry, &ref->group.id))
            reference_dial(ref, i);
}

static inline void reference_sync(struct reference *ref, int place)
{
    ref->synced[place] = true;
    fake_dial(ref->net, ref->place, place, MSK_ALPN_SYNC);
}

/* true: the catalog changed. */
static inline bool reference_learn(struct reference *ref, const struct msk_signed_peer_entry *entry)
{
    int place = net_place_of(ref->net, &entry->entry.address.peer_id);
    if (place == 0 || place == ref->place)
        return false;
    if (ref->known[place] && msk_entry_version_compare(&entry->entry.version, &ref->known[place]->entry.version) <= 0)
        return false;
    msk_signed_peer_entry_free(ref->known[place]);
    ref->known[place] = msk_signed_peer_entry_copy(entry);
    if (!ref->synced[place])
        reference_sync(ref, place);
    return true;
}

static inline void reference_send_snapshot(struct reference *ref, struct net_conn *conn)
{
    struct msk_signed_peer_entry entries[NET_PLACES_MAX + 1] = {*reference_own(ref)};
    size_t count = 1;
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (ref->known[i])
            entries[count++] = *ref->known[i];
    struct msk_catalog_snapshot snapshot = {{entries, count}};
    fake_send(ref->net, conn, reference_end(ref, conn), MSK_TYPE(catalog_snapshot), &snapshot);
}

static inline struct msk_signed_peer_entry_seq reference_bonds(const struct reference *ref,
                                                               struct msk_signed_peer_entry *space)
{
    struct msk_signed_peer_entry_seq list = {space, 0};
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (ref->bonds[i] && ref->known[i])
            space[list.count++] = *ref->known[i];
    return list;
}

static inline void reference_send_entry(struct reference *ref, struct net_conn *conn, enum msk_bond_message_kind kind,
                                        const struct msk_signed_peer_entry *entry)
{
    struct msk_bond_message message = {.kind = kind, .entry = *entry};
    fake_send(ref->net, conn, reference_end(ref, conn), MSK_TYPE(bond_message), &message);
}

static inline void reference_send_kind(struct reference *ref, struct net_conn *conn, enum msk_bond_message_kind kind)
{
    struct msk_bond_message message = {.kind = kind};
    fake_send(ref->net, conn, reference_end(ref, conn), MSK_TYPE(bond_message), &message);
}

/* groups.md 2.3, step 7; 2.4, step 12. */
static inline void reference_register(struct reference *ref, struct net_conn *conn)
{
    int peer = reference_peer(ref, conn);
    if (ref->bonds[peer]) {
        ref->duplicates++;
        net_close(ref->net, conn, reference_end(ref, conn), MSK_CLOSE_ALREADY_BONDED);
        return;
    }
    ref->bonds[peer] = conn;
    reference_send_kind(ref, conn, MSK_BOND_PING);
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (i != peer && ref->bonds[i] && ref->known[peer])
            reference_send_entry(ref, ref->bonds[i], MSK_BOND_FORMED, ref->known[peer]);
}

static inline void reference_listed(struct reference *ref, const struct msk_signed_peer_entry_seq *list)
{
    for (size_t i = 0; i < list->count; i++)
        reference_dial(ref, net_place_of(ref->net, &list->items[i].entry.address.peer_id));
}

static inline void reference_accept(struct reference *ref, struct net_conn *conn,
                                    const struct msk_handshake_start *start)
{
    struct msk_signed_peer_entry space[NET_PLACES_MAX];
    struct msk_digest proof = fake_proof(ref->net, conn, 0, &ref->group);
    struct msk_handshake_end end = {.proof = fake_proof(ref->net, conn, 1, &ref->group),
                                    .bonds = reference_bonds(ref, space)};
    uint64_t code = ref->bonds[reference_peer(ref, conn)]      ? MSK_CLOSE_ALREADY_BONDED
                    : !msk_digest_equal(&proof, &start->proof) ? MSK_CLOSE_INVALID_PROOF
                                                               : 0;
    if (code) {
        net_close(ref->net, conn, 1, code);
        return;
    }
    fake_send(ref->net, conn, 1, MSK_TYPE(handshake_end), &end);
    reference_listed(ref, &start->bonds);
    reference_register(ref, conn);
}

static inline void reference_message(struct reference *ref, struct net_conn *conn,
                                     const struct msk_bond_message *message)
{
    switch (message->kind) {
    case MSK_BOND_PING:
        reference_send_kind(ref, conn, MSK_BOND_PONG);
        break;
    case MSK_BOND_DEPARTURE:
        ref->bonds[reference_peer(ref, conn)] = NULL;
        net_close(ref->net, conn, reference_end(ref, conn), MSK_CLOSE_CANCELLED);
        break;
    case MSK_BOND_PEER_ENTRY_UPDATE:
        if (reference_learn(ref, &message->entry))
            reference_scan(ref);
        break;
    case MSK_BOND_FORMED:
        reference_dial(ref, net_place_of(ref->net, &message->entry.entry.address.peer_id));
        break;
    case MSK_BOND_PONG:
    case MSK_BOND_RAFT:
        break;
    }
}

static inline void reference_group_frame(struct reference *ref, struct net_conn *conn, struct msk_bytes frame)
{
    int peer = reference_peer(ref, conn), end = reference_end(ref, conn);
    struct msk_arena arena;
    union {
        struct msk_handshake_start start;
        struct msk_handshake_end end;
        struct msk_bond_message message;
    } in;
    bool first = conn->ends[end].frame_count == 1;
    if (!first) {
        assert_true(fake_decode(MSK_TYPE(bond_message), frame, &arena, &in.message));
        if (ref->bonds[peer] == conn)
            reference_message(ref, conn, &in.message);
    } else if (end == 1 && !ref->known[peer]) {
        net_close(ref->net, conn, end, MSK_CLOSE_UNKNOWN_PEER);
        return;
    } else if (end == 1) {
        assert_true(fake_decode(MSK_TYPE(handshake_start), frame, &arena, &in.start));
        reference_accept(ref, conn, &in.start);
    } else {
        assert_true(fake_decode(MSK_TYPE(handshake_end), frame, &arena, &in.end));
        reference_listed(ref, &in.end.bonds);
        reference_register(ref, conn);
    }
    msk_arena_free(&arena);
}

static inline void reference_sync_frame(struct reference *ref, struct net_conn *conn, struct msk_bytes frame)
{
    struct msk_arena arena;
    struct msk_catalog_snapshot snapshot;
    bool changed = false;
    if (reference_end(ref, conn) == 1)
        reference_send_snapshot(ref, conn);
    assert_true(fake_decode(MSK_TYPE(catalog_snapshot), frame, &arena, &snapshot));
    for (size_t i = 0; i < snapshot.entries.count; i++)
        changed = reference_learn(ref, &snapshot.entries.items[i]) || changed;
    msk_arena_free(&arena);
    if (reference_end(ref, conn) == 0)
        net_close(ref->net, conn, 0, MSK_CLOSE_SUCCESS);
    if (changed)
        reference_scan(ref);
}

/* ---- what the network calls */

static inline void reference_on_opened(struct net *net, struct net_conn *conn, int end, void *context)
{
    struct reference *ref = context;
    struct msk_signed_peer_entry space[NET_PLACES_MAX];
    if (end == 1)
        return;
    if (conn->alpn == MSK_ALPN_SYNC)
        reference_send_snapshot(ref, conn);
    if (conn->alpn != MSK_ALPN_GROUPS)
        return;
    struct msk_handshake_start start = fake_start(net, conn, &ref->group);
    start.bonds = reference_bonds(ref, space);
    fake_send(net, conn, 0, MSK_TYPE(handshake_start), &start);
}

static inline void reference_on_frame(struct net *net, struct net_conn *conn, int end, struct msk_bytes frame,
                                      void *context)
{
    struct reference *ref = context;
    if (conn->alpn == MSK_ALPN_GROUPS) {
        reference_group_frame(ref, conn, frame);
    } else if (conn->alpn == MSK_ALPN_SYNC) {
        reference_sync_frame(ref, conn, frame);
    } else if (conn->alpn == MSK_ALPN_PING && end == 1) {
        fake_send(net, conn, 1, MSK_TYPE(signed_peer_entry), reference_own(ref));
    }
}

static inline void reference_on_closed(struct net *net, struct net_conn *conn, int end, uint64_t code, void *context)
{
    (void)net;
    struct reference *ref = context;
    int peer = reference_peer(ref, conn);
    if (ref->bonds[peer] == conn)
        ref->bonds[peer] = NULL;
    if (conn->alpn == MSK_ALPN_GROUPS && end == 0 && code == MSK_CLOSE_UNKNOWN_PEER)
        reference_sync(ref, peer); /* and dials again on what it learns */
}

/* Announces itself every 22 to 68 s, which also makes it look through its catalog; pings its bonds. */
static inline void reference_on_tick(struct net *net, void *context)
{
    struct reference *ref = context;
    if (ref->announce_ms <= net->now_ms) {
        ref->announce_ms = net->now_ms + 22500 + msk_random_below(&net->random, 45000);
        ref->updated_ms = NET_EPOCH_MS + (int64_t)net->now_ms;
        const struct msk_signed_peer_entry *own = reference_own(ref);
        for (int i = 1; i <= NET_PLACES_MAX; i++)
            if (ref->bonds[i])
                reference_send_entry(ref, ref->bonds[i], MSK_BOND_PEER_ENTRY_UPDATE, own);
        reference_scan(ref);
    }
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        if (ref->bonds[i])
            reference_send_kind(ref, ref->bonds[i], MSK_BOND_PING);
    net->places[ref->place].fake.due_ms = net->now_ms + 450;
}

/* Start at a place, syncing with the place `bootstrap` (0: nobody). `ref` stays the caller's. */
static inline void reference_begin(struct reference *ref, struct net *net, int place,
                                   const struct msk_group_config *group, int bootstrap)
{
    int64_t wall_ms = NET_EPOCH_MS + (int64_t)net->now_ms;
    *ref = (struct reference){.net = net,
                              .place = place,
                              .group = *group,
                              .started_ms = wall_ms,
                              .updated_ms = wall_ms,
                              .announce_ms = net->now_ms + 22500 + msk_random_below(&net->random, 45000)};
    fake_take(net, place,
              &(struct net_fake){ref, reference_on_opened, reference_on_frame, reference_on_closed, reference_on_tick,
                                 net->now_ms + 450});
    if (bootstrap)
        reference_sync(ref, bootstrap);
}

static inline void reference_end_of(struct reference *ref)
{
    for (int i = 1; i <= NET_PLACES_MAX; i++)
        msk_signed_peer_entry_free(ref->known[i]);
}

#endif
