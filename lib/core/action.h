/* action.h: what pure code wants done, as a list: send, dial, close, persist, tell, reply.
 *
 * The owner of the core executes a list in order. An action with `after` set may be executed only once the record with
 * that sequence number is on disk (persist before send); others pass it by. */
#ifndef MSK_CORE_ACTION_H
#define MSK_CORE_ACTION_H

#include "base/bytes.h"
#include "core/event.h"
#include "crypto/validator.h"
#include "wire/alpn.h"
#include "wire/messages.h"

/* What must survive a crash besides the log (groups.md 3.1, W-6). */
struct msk_hard_state {
    uint64_t term;
    bool has_vote;
    struct msk_digest vote; /* whom we granted, or for whom we abstained, in `term` (W-7) */
};

/* What became of a request made through node.h (groups.md 3.8, W-11). */
enum msk_outcome {
    MSK_OUTCOME_COMMITTED, /* execute: all of its commands are committed */
    MSK_OUTCOME_ASSIGNED,  /* feed: the leader has given them their places */
    MSK_OUTCOME_ANSWERED,  /* query */
    MSK_OUTCOME_LOST,      /* another command was committed at one of its places */
    MSK_OUTCOME_UNKNOWN,   /* it was sent, and may be executed or not */
    MSK_OUTCOME_OFFLINE,   /* nothing of it left this node: no leader is known or reachable */
    MSK_OUTCOME_REFUSED    /* it cannot be what it says: `reason` */
};

enum msk_action_kind {
    MSK_ACTION_EVENT,
    MSK_ACTION_PERSIST,  /* store `persist.hard`, then call msk_node_persisted with `persist.sequence` */
    MSK_ACTION_APPEND,   /* store `append`, then call msk_node_persisted with `append.sequence` */
    MSK_ACTION_SNAPSHOT, /* store `snapshot` in place of an earlier one, then the same */
    MSK_ACTION_READ,     /* read stored entries, then call msk_node_entries_read with `read.number` */
    MSK_ACTION_REPLY,    /* the end of a request of this node's caller */
    MSK_ACTION_VALIDATE, /* ask the program of `validate.validator`, then call msk_node_validated */
    MSK_ACTION_DIAL,     /* open link `link` to a peer; answer with link_opened or link_closed */
    MSK_ACTION_SEND,     /* one frame on `link`; unknown or closed links are ignored */
    MSK_ACTION_CLOSE,    /* end `link` with an application code; `flush`: once all sent is delivered or 200 ms passed */
    MSK_ACTION_RAFT      /* between raft and its group only: an encoded bond message for a peer */
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
            uint64_t sequence; /* counts up over all groups of a node, from 1; also that of the next two */
        } persist;
        /* Whatever the stored log has from index `first` on is replaced by these entries (none: it is cut there).
         * They are as on the wire: term, length, command of each (msk_log_append_encoded reads them again). Where
         * `first` is 1 and `committed` 0 everything stored before is gone, snapshots too.
         * A store in memory need not keep them. */
        struct {
            struct msk_digest group;
            uint64_t first, count;
            uint8_t *data; /* owned */
            size_t len;
            struct msk_cursor committed; /* as far as known when this was written; within the log */
            uint64_t sequence;
        } append;
        struct {
            struct msk_digest group;
            struct msk_cursor at; /* the last entry it contains, committed */
            uint8_t *data;        /* owned */
            size_t len;
            uint64_t sequence;
        } snapshot;
        struct {
            struct msk_digest group;
            uint64_t number;
            uint64_t first, count; /* stored */
            size_t bytes_max;      /* of encoded entries; one is read even if it alone is longer */
        } read;
        struct {
            struct msk_digest group;
            uint64_t request; /* the caller's number */
            enum msk_outcome outcome;
            uint64_t first, last; /* places of the commands, 0: none known */
            uint64_t position;    /* committed index at which a query was answered */
            uint8_t *result;      /* owned: a query's encoded result */
            size_t len;
            const char *reason; /* static, in words; NULL where all went well */
        } reply;
        struct {
            uint64_t number;                       /* of the question */
            const struct msk_validator *validator; /* the owner's own, of a group that it joined */
            struct msk_digest peer, class_id;
            uint8_t *data; /* owned: the ticket's */
            size_t len;
        } validate;
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
            uint8_t *data; /* owned: a whole bond frame */
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
void msk_act_read(struct msk_actions *out, const struct msk_digest *group, uint64_t number, uint64_t first,
                  uint64_t count, size_t bytes_max);
void msk_act_dial(struct msk_actions *out, uint64_t link, const struct msk_digest *peer, enum msk_alpn alpn,
                  const struct msk_transport_addr_set *addresses);
/* Copies the ticket's data. */
void msk_act_validate(struct msk_actions *out, uint64_t number, const struct msk_validator *validator,
                      const struct msk_ticket *ticket, const struct msk_digest *peer);
void msk_act_send(struct msk_actions *out, uint64_t link, struct msk_bytes frame, uint64_t after);
void msk_act_close(struct msk_actions *out, uint64_t link, uint64_t code, bool flush);
/* These copy `append.data`, `snapshot.data`, `reply.result`. */
void msk_act_snapshot(struct msk_actions *out, const struct msk_digest *group, struct msk_cursor at,
                      struct msk_bytes data, uint64_t sequence);
void msk_act_reply(struct msk_actions *out, const struct msk_digest *group, uint64_t request, enum msk_outcome outcome,
                   uint64_t first, uint64_t last, const char *reason);
void msk_act_answer(struct msk_actions *out, const struct msk_digest *group, uint64_t request, uint64_t position,
                    struct msk_bytes result);
/* Takes `data` over (also on failure, and it may be NULL: out of memory). */
void msk_act_append(struct msk_actions *out, const struct msk_digest *group, uint64_t first, uint64_t count,
                    uint8_t *data, size_t len, struct msk_cursor committed, uint64_t sequence);
const char *msk_outcome_name(enum msk_outcome outcome); /* "committed", "assigned", "answered", ... */

/* To a peer. The first takes the whole frame over (bond tag and encoded message), as msk_act_append; the second encodes
 * `message`. */
void msk_act_raft_frame(struct msk_actions *out, const struct msk_digest *to, uint8_t *frame, size_t len,
                        uint64_t after);
void msk_act_raft(struct msk_actions *out, const struct msk_digest *to, const struct msk_raft_message *message,
                  uint64_t after);

#endif
