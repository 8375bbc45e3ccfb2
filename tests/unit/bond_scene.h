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

#endif
