/* action.h: what pure code wants done, as a list: send, dial, close, persist, tell.
 *
 * The owner of the core executes a list in order. An action with `after` set may be executed only once the record with
 * that sequence number is on disk (persist before send); others pass it by. */
#ifndef MSK_CORE_ACTION_H
#define MSK_CORE_ACTION_H

#include "base/bytes.h"
#include "core/event.h"
#include "wire/alpn.h"
#include "wire/messages.h"

/* What must survive a crash besides the log (groups.md 3.1, W-6). */
struct msk_hard_state {
    uint64_t term;
    bool has_vote;
    struct msk_digest vote; /* whom we granted, or for whom we abstained, in `term` (W-7) */
};

enum msk_action_kind {
    MSK_ACTION_EVENT,
    MSK_ACTION_PERSIST, /* store `persist.hard`, then call msk_node_persisted with `persist.sequence` */
    MSK_ACTION_DIAL,    /* open link `link` to a peer; answer with link_opened or link_closed */
    MSK_ACTION_SEND,    /* one frame on `link`; unknown or closed links are ignored */
    MSK_ACTION_CLOSE,   /* end `link` with an application code; `flush`: once all sent is delivered or 200 ms passed */
    MSK_ACTION_RAFT     /* between raft and its group only: an encoded raft message for a peer */
};

struct msk_action {
    enum msk_action_kind kind;
    uint64_t link;
    uint64_t after; /* 0: at once */
    union {
        struct msk_event event;
        struct {
            struct msk_digest group;
            struct msk_hard_state hard;
            uint64_t sequence; /* counts up over all groups of a node, from 1 */
        } persist;
        struct {
            struct msk_digest peer;
            enum msk_alpn alpn;
            struct msk_transport_addr_set addresses; /* owned, IP addresses only */
        } dial;
        struct {
            uint8_t *data; /* owned: the frame's payload without its length */
            size_t len;
        } send;
        struct {
            uint64_t code;
            bool flush;
        } close;
        struct {
            struct msk_digest to;
            uint8_t *data; /* owned */
            size_t len;
        } raft;
    };
};

#define MSK_ACTIONS_MAX (64u << 10) /* in one list: an owner executes and clears it after each call */

struct msk_actions {
    struct msk_action *items;
    size_t count, capacity;
    int error; /* MSK_E_NOMEM or MSK_E_LIMIT once an action was not added: the node then fails the group it is from */
};

void msk_actions_init(struct msk_actions *actions);
void msk_actions_clear(struct msk_actions *actions); /* frees what the actions own, keeps the array */
void msk_actions_free(struct msk_actions *actions);

/* Append; texts, lists and bytes are copied. Failure sets actions->error. `group` may be NULL. */
void msk_act_event(struct msk_actions *out, const struct msk_digest *group, enum msk_event_kind kind,
                   const struct msk_field *fields, size_t count);
#define MSK_EMIT(out, group, kind, ...)                                            \
    msk_act_event(out, group, MSK_EVENT_##kind, (struct msk_field[]){__VA_ARGS__}, \
                  sizeof((struct msk_field[]){__VA_ARGS__}) / sizeof(struct msk_field))

void msk_act_persist(struct msk_actions *out, const struct msk_digest *group, const struct msk_hard_state *hard,
                     uint64_t sequence);
void msk_act_dial(struct msk_actions *out, uint64_t link, const struct msk_digest *peer, enum msk_alpn alpn,
                  const struct msk_transport_addr_set *addresses);
void msk_act_send(struct msk_actions *out, uint64_t link, struct msk_bytes frame, uint64_t after);
void msk_act_close(struct msk_actions *out, uint64_t link, uint64_t code, bool flush);
/* Encodes `message`. */
void msk_act_raft(struct msk_actions *out, const struct msk_digest *to, const struct msk_raft_message *message,
                  uint64_t after);

#endif
