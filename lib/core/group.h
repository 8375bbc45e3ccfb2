/* group.h: one group in a node: its mesh and its raft, tied together and supervised (groups.md 1.7, W-22). */
#ifndef MSK_CORE_GROUP_H
#define MSK_CORE_GROUP_H

#include "core/mesh.h"
#include "core/node.h"

struct msk_group {
    struct msk_group_config config; /* texts and the list of validators owned */
    const struct msk_host *host;
    struct msk_mesh *mesh;
    struct msk_raft *raft;
    int broken; /* actions of it got lost (MSK_E_*): it is to be failed */
    const char
        *failed; /* an internal error stopped it: why. Its bonds are closed, its id is withdrawn; NULL: it runs */
    uint64_t report_ms; /* failed: when to try again to say so, since that takes memory too; MSK_NEVER: it was said */
};

/* 0; MSK_E_INVALID with the setting at fault (groups.md 1.3); MSK_E_NOMEM. `config` and `saved` as in msk_node_join. */
int msk_group_new(const struct msk_host *host, const struct msk_group_config *config, const struct msk_saved *saved,
                  uint64_t seed, uint64_t *sequence, struct msk_now now, struct msk_group **out, struct msk_error *err);
void msk_group_free(struct msk_group *group);

/* Reports the group and starts looking for members. */
void msk_group_start(struct msk_group *group, struct msk_now now, struct msk_actions *out);

/* Depart: told to each bond, flushed, then closed with 102. */
void msk_group_leave(struct msk_group *group, struct msk_now now, struct msk_actions *out);

/* Around everything asked of a group: actions that get lost meanwhile are its own. `pending` is what was lost before.
 */
int msk_group_begin(struct msk_actions *out);
void msk_group_end(struct msk_group *group, int pending, struct msk_actions *out);

/* Stop a broken group: close its bonds with 102, and report. From then on only time is of interest to it. */
void msk_group_fail(struct msk_group *group, struct msk_now now, struct msk_actions *out);

/* One call from outside that its raft answers (node.h): what comes of it is routed. */
struct msk_group_request {
    enum {
        MSK_GROUP_EXECUTE,
        MSK_GROUP_FEED,
        MSK_GROUP_QUERY,
        MSK_GROUP_APPLIED,
        MSK_GROUP_ANSWERED,
        MSK_GROUP_SNAPSHOTTED,
        MSK_GROUP_LOST,
        MSK_GROUP_ENTRIES_READ,
        MSK_GROUP_SNAPSHOT
    } kind;
    uint64_t number;
    const struct msk_bytes *commands; /* or the one query, answer, state */
    size_t count;                     /* of commands, or of entries read */
    uint64_t timeout_ms;
    bool strong;
    int result;
};
void msk_group_request(struct msk_group *group, struct msk_now now, const struct msk_group_request *request,
                       struct msk_actions *out);

void msk_group_persisted(struct msk_group *group, struct msk_now now, uint64_t sequence, struct msk_actions *out);
void msk_group_tick(struct msk_group *group, struct msk_now now, struct msk_actions *out);
uint64_t msk_group_deadline(const struct msk_group *group);

#endif
