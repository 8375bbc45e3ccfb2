/* condition.h: what `mosaik-node wait` can wait for, as text and as a question to the node (cli.md). */
#ifndef MSK_RUNTIME_CONDITION_H
#define MSK_RUNTIME_CONDITION_H

#include "core/node.h"

/* What is written, and what follows it. LEADER_IS, COMMITTED and so on take a value behind their text. */
#define MSK_CONDITION_MAP(X)                     \
    X(ONLINE, "online", NOTHING)                 \
    X(OFFLINE, "offline", NOTHING)               \
    X(LEADER, "leader", NOTHING)                 \
    X(LEADER_IS, "leader=", PEER)                \
    X(IS_LEADER, "is-leader", NOTHING)           \
    X(IS_FOLLOWER, "is-follower", NOTHING)       \
    X(LEADER_CHANGED, "leader-changed", NOTHING) \
    X(COMMITTED, "committed>=", NUMBER)          \
    X(BONDS, "bonds>=", NUMBER)                  \
    X(BONDED, "bonded=", PEER)

enum msk_condition_kind {
#define X(name, text, value) MSK_CONDITION_##name,
    MSK_CONDITION_MAP(X)
#undef X
};

struct msk_condition {
    enum msk_condition_kind kind;
    struct msk_digest peer;
    uint64_t number;
};

/* 0 or MSK_E_INVALID, which lists what there is. */
int msk_condition_parse(const char *text, struct msk_condition *out, struct msk_error *err);

/* Whether it holds now. `before` is the group's state when the waiting began: LEADER_CHANGED compares leader and term.
 */
bool msk_condition_holds(const struct msk_condition *condition, const struct msk_node *node,
                         const struct msk_digest *group, const struct msk_group_view *now,
                         const struct msk_group_view *before);

#endif
