/* bond_scene.h: a member alone in its group at place 1, and peers in the test's hands. */
#ifndef TESTS_BOND_SCENE_H
#define TESTS_BOND_SCENE_H

#include "node_fake.h"

#define US    1
#define PEER  2
#define OTHER 3

struct scene {
    struct net *net;
    struct msk_group_config group;
    struct msk_signed_peer_entry *entry; /* the peer's */
};

/* A node alone in its group; the peer's place is held by the test and not known to it yet. */
static inline struct scene alone(void)
{
    struct scene scene = {.net = net_new(7)};
    scene.group = net_group_config(scene.net, "g");
    net_start(scene.net, US, NULL);
    net_join(scene.net, US, &scene.group);
    fake_take(scene.net, PEER, NULL);
    fake_take(scene.net, OTHER, NULL);
    scene.entry = fake_entry(scene.net, PEER, NULL, 0);
    return scene;
}

/* The peer is in its catalog, without listing the group: nobody dials it. */
static inline struct scene known(void)
{
    struct scene scene = alone();
    fake_introduce(scene.net, PEER, US, scene.entry);
    return scene;
}

static inline struct net_conn *open_link(struct scene *scene)
{
    struct net_conn *conn = fake_dial(scene->net, PEER, US, MSK_ALPN_GROUPS);
    assert_true(NET_UNTIL(scene->net, 1000, conn->open) < 1000);
    return conn;
}

static inline const char *text_of(const struct msk_event *event, const char *name)
{
    for (size_t i = 0; i < event->field_count; i++)
        if (strcmp(event->fields[i].name, name) == 0)
            return event->fields[i].text;
    return NULL;
}

static inline void expect_refusal(struct scene *scene, struct net_conn *conn, uint64_t code, const char *check)
{
    assert_int_equal(fake_closed(scene->net, conn, 0, 100), code);
    assert_int_equal(net_events(scene->net, US, MSK_EVENT_HANDSHAKE_REJECTED), 1);
    assert_string_equal(text_of(&scene->net->places[US].last[MSK_EVENT_HANDSHAKE_REJECTED], "check"), check);
    assert_int_equal(net_view(scene->net, US, &scene->group.id).bond_count, 0);
    net_free(scene->net);
}

/* Bonded, a moment ago. */
static inline struct net_conn *bonded(struct scene *scene)
{
    struct net_conn *conn = fake_bond(scene->net, PEER, US, &scene->group);
    assert_true(NET_UNTIL(scene->net, 100, net_bonded(scene->net, US, PEER, &scene->group.id)) < 100);
    net_run_for(scene->net, 10);
    return conn;
}

static inline void send_entry(struct scene *scene, struct net_conn *conn, enum msk_bond_message_kind kind,
                              const struct msk_signed_peer_entry *entry)
{
    struct msk_bond_message message = {.kind = kind, .entry = *entry};
    fake_send(scene->net, conn, 0, MSK_TYPE(bond_message), &message);
}

static inline struct net_conn *last_conn(const struct net *net, enum msk_alpn alpn, int from)
{
    for (size_t i = net->conn_count; i > 0; i--)
        if (net->conns[i - 1]->alpn == alpn && net->conns[i - 1]->ends[0].place == from)
            return net->conns[i - 1];
    return NULL;
}

/* The peer lists the group, lets us sync, and waits for our HandshakeStart. */
static inline struct net_conn *dialled(struct scene *scene)
{
    scene->entry = fake_entry(scene->net, PEER, &scene->group.id, 0);
    fake_introduce(scene->net, PEER, US, scene->entry);
    assert_true(NET_UNTIL(scene->net, 1000, net_conn_total(scene->net, US, PEER, MSK_ALPN_GROUPS) == 1) < 1000);
    struct net_conn *conn = last_conn(scene->net, MSK_ALPN_GROUPS, US);
    assert_true(NET_UNTIL(scene->net, 1000, conn->ends[1].frame_count == 1) < 1000);
    return conn;
}

#endif
