/* node_fake.h: a place on the network of node_net.h held by a test: it dials, sends any bytes, closes, and sees exactly
 * what comes back. It can also make the messages that a proper member would send. */
#ifndef MSK_TESTS_NODE_FAKE_H
#define MSK_TESTS_NODE_FAKE_H

#include "crypto/proof.h"
#include "node_net.h"

#define FAKE_FRAME_MAX (1u << 22)

/* Hold a place; `fake` may be NULL: then the test looks at the connections itself. */
static inline void fake_take(struct net *net, int number, const struct net_fake *fake)
{
    net->places[number].faked = true;
    net->places[number].fake = fake ? *fake : (struct net_fake){0};
}

/* ---- entries */

static inline void fake_sign(const struct net *net, int number, struct msk_signed_peer_entry *entry)
{
    assert_int_equal(msk_peer_entry_sign(entry, net->places[number].secret), 0);
}

/* The entry of a place with the given version, listing `group` (may be NULL), signed; it belongs to the network. */
static inline struct msk_signed_peer_entry *fake_entry_of(struct net *net, int number, const struct msk_digest *group,
                                                          struct msk_entry_version version)
{
    const struct net_place *place = &net->places[number];
    struct msk_transport_addr address = {.kind = MSK_ADDR_IP, .ip = place->address};
    struct msk_digest groups[1] = {group ? *group : (struct msk_digest){{0}}};
    const struct msk_signed_peer_entry entry = {.entry = {.protocol = msk_bytes_of_text(MSK_PROTOCOL_VERSION),
                                                          .network = net->network_id,
                                                          .version = version,
                                                          .address = {place->id, {&address, 1}},
                                                          .groups = {groups, group != NULL}}};
    assert_true(net->entry_count < NET_ENTRIES_MAX);
    struct msk_signed_peer_entry *copy = net->entries[net->entry_count++] = msk_signed_peer_entry_copy(&entry);
    fake_sign(net, number, copy);
    return copy;
}

/* The same, as a process that runs since the beginning would make it `age_ms` ago. */
static inline struct msk_signed_peer_entry *fake_entry(struct net *net, int number, const struct msk_digest *group,
                                                       int64_t age_ms)
{
    struct msk_entry_version version = {NET_EPOCH_MS, NET_EPOCH_MS + (int64_t)net->now_ms - age_ms};
    return fake_entry_of(net, number, group, version);
}

/* ---- connections */

static inline struct net_conn *fake_dial(struct net *net, int from, int to, enum msk_alpn alpn)
{
    return net_conn_new(net, from, to, alpn, 0);
}

static inline void fake_send_bytes(struct net *net, struct net_conn *conn, int end, struct msk_bytes bytes)
{
    if (!conn->ends[end].told && conn->open)
        net_post(net, conn, end, bytes, false, 0);
}

static inline void fake_send(struct net *net, struct net_conn *conn, int end, const struct msk_type *type,
                             const void *value)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, FAKE_FRAME_MAX);
    assert_int_equal(msk_encode(type, value, &encoded), 0);
    fake_send_bytes(net, conn, end, msk_builder_view(&encoded));
    msk_builder_free(&encoded);
}

/* A frame that the fake received; false: it is no such message. Free the arena. */
static inline bool fake_decode(const struct msk_type *type, struct msk_bytes frame, struct msk_arena *arena, void *out)
{
    msk_arena_init(arena, 1u << 24);
    return msk_decode(type, frame, arena, out, NULL) == 0;
}

/* The frame number `at` that came to an end. */
static inline struct msk_bytes fake_frame(const struct net_conn *conn, int end, size_t at)
{
    assert_true(at < conn->ends[end].frame_count);
    return MSK_BYTES(conn->ends[end].frames[at].data, conn->ends[end].frames[at].len);
}

/* How many bond messages of a kind came to an end. */
static inline unsigned fake_count(const struct net_conn *conn, int end, enum msk_bond_message_kind kind)
{
    unsigned count = 0;
    for (size_t i = 0; i < conn->ends[end].frame_count; i++) {
        struct msk_bytes frame = fake_frame(conn, end, i);
        count += frame.len > 0 && frame.data[0] == kind;
    }
    return count;
}

/* ---- handshakes */

static inline struct msk_digest fake_proof(struct net *net, const struct net_conn *conn, int author_end,
                                           const struct msk_group_config *group)
{
    const int place = conn->ends[author_end].place;
    struct msk_bytes parts[] = {MSK_BYTES(&conn->number, sizeof conn->number), MSK_BYTES(group->id.bytes, 32)};
    struct msk_digest exported = msk_digest_of_parts(parts, 2);
    return msk_bond_proof(&group->key, &exported, &net->places[place].id);
}

static inline struct msk_handshake_start fake_start(struct net *net, const struct net_conn *conn,
                                                    const struct msk_group_config *group)
{
    return (struct msk_handshake_start){
        .network_id = net->network_id, .group_id = group->id, .proof = fake_proof(net, conn, 0, group)};
}

/* Make the place known to a node by a catalog sync, and wait for its end. */
static inline void fake_introduce(struct net *net, int from, int to, struct msk_signed_peer_entry *entry)
{
    struct net_conn *conn = fake_dial(net, from, to, MSK_ALPN_SYNC);
    assert_true(NET_UNTIL(net, 5000, conn->open) < 5000);
    struct msk_catalog_snapshot snapshot = {{entry, 1}};
    fake_send(net, conn, 0, MSK_TYPE(catalog_snapshot), &snapshot);
    assert_true(NET_UNTIL(net, 5000, conn->ends[0].frame_count == 1) < 5000);
    net_close(net, conn, 0, MSK_CLOSE_SUCCESS);
    net_run_for(net, 10);
}

/* Dial a node's group and say a proper HandshakeStart; the connection, open, with the answer on its way. */
static inline struct net_conn *fake_bond(struct net *net, int from, int to, const struct msk_group_config *group)
{
    struct net_conn *conn = fake_dial(net, from, to, MSK_ALPN_GROUPS);
    assert_true(NET_UNTIL(net, 5000, conn->open) < 5000);
    struct msk_handshake_start start = fake_start(net, conn, group);
    fake_send(net, conn, 0, MSK_TYPE(handshake_start), &start);
    return conn;
}

/* Run until the other side closes this end; the code. */
static inline uint64_t fake_closed(struct net *net, struct net_conn *conn, int end, uint64_t limit_ms)
{
    if (NET_UNTIL(net, limit_ms, conn->ends[end].closed) > limit_ms)
        fail_msg("not closed within %llu ms", (unsigned long long)limit_ms);
    return conn->ends[end].code;
}

#endif
