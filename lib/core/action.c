#include "core/action.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "wire/frame.h"

void msk_actions_init(struct msk_actions *actions)
{
    *actions = (struct msk_actions){0};
}

static void free_action(struct msk_action *action)
{
    switch (action->kind) {
    case MSK_ACTION_EVENT:
        msk_event_free(&action->event);
        return;
    case MSK_ACTION_DIAL:
        msk_free(action->dial.addresses.items);
        return;
    case MSK_ACTION_SEND:
        msk_free(action->send.data);
        return;
    case MSK_ACTION_RAFT:
        msk_free(action->raft.data);
        return;
    case MSK_ACTION_APPEND:
        msk_free(action->append.data);
        return;
    case MSK_ACTION_SNAPSHOT:
        msk_free(action->snapshot.data);
        return;
    case MSK_ACTION_REPLY:
        msk_free(action->reply.result);
        return;
    case MSK_ACTION_VALIDATE:
        msk_free(action->validate.data);
        return;
    case MSK_ACTION_PERSIST:
    case MSK_ACTION_READ:
    case MSK_ACTION_CLOSE:
        return;
    }
}

void msk_actions_clear(struct msk_actions *actions)
{
    for (size_t i = 0; i < actions->count; i++)
        free_action(&actions->items[i]);
    actions->count = 0;
    actions->error = 0;
}

void msk_actions_free(struct msk_actions *actions)
{
    msk_actions_clear(actions);
    msk_free(actions->items);
    msk_actions_init(actions);
}

/* Room for one more; NULL after setting the error. The action counts only once `count` is raised. */
static struct msk_action *prepare(struct msk_actions *out, enum msk_action_kind kind)
{
    if (out->count == MSK_ACTIONS_MAX) {
        out->error = MSK_E_LIMIT;
        return NULL;
    }
    if (out->count == out->capacity) {
        size_t capacity = out->capacity ? out->capacity * 2 : 16;
        struct msk_action *items = msk_realloc(out->items, capacity * sizeof *items);
        if (!items) {
            out->error = MSK_E_NOMEM;
            return NULL;
        }
        out->items = items;
        out->capacity = capacity;
    }
    struct msk_action *action = &out->items[out->count];
    bool is_event = kind == MSK_ACTION_EVENT; /* most of an action's size is room for fields, set as far as used */
    memset(action, 0, is_event ? offsetof(struct msk_action, event.fields) : sizeof *action);
    action->kind = kind;
    return action;
}

static void commit(struct msk_actions *out, int error)
{
    if (error < 0)
        out->error = error;
    else
        out->count++;
}

void msk_act_event(struct msk_actions *out, const struct msk_digest *group, enum msk_event_kind kind,
                   const struct msk_field *fields, size_t count)
{
    msk_assert(count <= MSK_EVENT_FIELDS_MAX);
    struct msk_action *action = prepare(out, MSK_ACTION_EVENT);
    if (!action)
        return;
    struct msk_event event;
    event.kind = kind;
    event.has_group = group != NULL;
    event.group = group ? *group : (struct msk_digest){0};
    event.field_count = count;
    memcpy(event.fields, fields, count * sizeof *fields);
    commit(out, msk_event_copy(&event, &action->event));
}

void msk_act_persist(struct msk_actions *out, const struct msk_digest *group, const struct msk_hard_state *hard,
                     uint64_t sequence)
{
    struct msk_action *action = prepare(out, MSK_ACTION_PERSIST);
    if (!action)
        return;
    action->persist.group = *group;
    action->persist.hard = *hard;
    action->persist.sequence = sequence;
    commit(out, 0);
}

void msk_act_read(struct msk_actions *out, const struct msk_digest *group, uint64_t number, uint64_t first,
                  uint64_t count, size_t bytes_max)
{
    struct msk_action *action = prepare(out, MSK_ACTION_READ);
    if (!action)
        return;
    action->read.group = *group;
    action->read.number = number;
    action->read.first = first;
    action->read.count = count;
    action->read.bytes_max = bytes_max;
    commit(out, 0);
}

static int copy_ip_addresses(const struct msk_transport_addr_set *from, struct msk_transport_addr_set *to)
{
    to->items = msk_calloc(from->count, sizeof *to->items);
    if (!to->items)
        return MSK_E_NOMEM;
    for (size_t i = 0; i < from->count; i++)
        if (from->items[i].kind == MSK_ADDR_IP)
            to->items[to->count++] = from->items[i];
    return 0;
}

void msk_act_dial(struct msk_actions *out, uint64_t link, const struct msk_digest *peer, enum msk_alpn alpn,
                  const struct msk_transport_addr_set *addresses)
{
    struct msk_action *action = prepare(out, MSK_ACTION_DIAL);
    if (!action)
        return;
    action->link = link;
    action->dial.peer = *peer;
    action->dial.alpn = alpn;
    commit(out, copy_ip_addresses(addresses, &action->dial.addresses));
}

void msk_act_validate(struct msk_actions *out, uint64_t number, const struct msk_validator *validator,
                      const struct msk_ticket *ticket, const struct msk_digest *peer)
{
    struct msk_action *action = prepare(out, MSK_ACTION_VALIDATE);
    if (!action)
        return;
    action->validate.number = number;
    action->validate.validator = validator;
    action->validate.peer = *peer;
    action->validate.class_id = ticket->class_id;
    action->validate.data = msk_memdup(ticket->data.data, ticket->data.len);
    action->validate.len = ticket->data.len;
    commit(out, action->validate.data ? 0 : MSK_E_NOMEM);
}

void msk_act_send(struct msk_actions *out, uint64_t link, struct msk_bytes frame, uint64_t after)
{
    struct msk_action *action = prepare(out, MSK_ACTION_SEND);
    if (!action)
        return;
    action->link = link;
    action->after = after;
    action->send.data = msk_memdup(frame.data, frame.len);
    action->send.len = frame.len;
    commit(out, action->send.data ? 0 : MSK_E_NOMEM);
}

void msk_act_close(struct msk_actions *out, uint64_t link, uint64_t code, bool flush)
{
    struct msk_action *action = prepare(out, MSK_ACTION_CLOSE);
    if (!action)
        return;
    action->link = link;
    action->close.code = code;
    action->close.flush = flush;
    commit(out, 0);
}

void msk_act_append(struct msk_actions *out, const struct msk_digest *group, uint64_t first, uint64_t count,
                    uint8_t *data, size_t len, struct msk_cursor committed, uint64_t sequence)
{
    struct msk_action *action = prepare(out, MSK_ACTION_APPEND);
    if (!action) {
        msk_free(data);
        return;
    }
    action->append.group = *group;
    action->append.first = first;
    action->append.count = count;
    action->append.data = data;
    action->append.len = len;
    action->append.committed = committed;
    action->append.sequence = sequence;
    commit(out, data ? 0 : MSK_E_NOMEM);
}

void msk_act_snapshot(struct msk_actions *out, const struct msk_digest *group, struct msk_cursor at,
                      struct msk_bytes data, uint64_t sequence)
{
    struct msk_action *action = prepare(out, MSK_ACTION_SNAPSHOT);
    if (!action)
        return;
    action->snapshot.group = *group;
    action->snapshot.at = at;
    action->snapshot.data = msk_memdup(data.data, data.len);
    action->snapshot.len = data.len;
    action->snapshot.sequence = sequence;
    commit(out, action->snapshot.data ? 0 : MSK_E_NOMEM);
}

const char *msk_outcome_name(enum msk_outcome outcome)
{
    static const char *const names[] = {
        [MSK_OUTCOME_COMMITTED] = "committed", [MSK_OUTCOME_ASSIGNED] = "assigned", [MSK_OUTCOME_ANSWERED] = "answered",
        [MSK_OUTCOME_LOST] = "lost",           [MSK_OUTCOME_UNKNOWN] = "unknown",   [MSK_OUTCOME_OFFLINE] = "offline",
        [MSK_OUTCOME_REFUSED] = "refused",
    };
    return names[outcome];
}

void msk_act_reply(struct msk_actions *out, const struct msk_digest *group, uint64_t request, enum msk_outcome outcome,
                   uint64_t first, uint64_t last, const char *reason)
{
    struct msk_action *action = prepare(out, MSK_ACTION_REPLY);
    if (!action)
        return;
    action->reply.group = *group;
    action->reply.request = request;
    action->reply.outcome = outcome;
    action->reply.first = first;
    action->reply.last = last;
    action->reply.reason = reason;
    commit(out, 0);
}

void msk_act_answer(struct msk_actions *out, const struct msk_digest *group, uint64_t request, uint64_t position,
                    struct msk_bytes result)
{
    struct msk_action *action = prepare(out, MSK_ACTION_REPLY);
    if (!action)
        return;
    action->reply.group = *group;
    action->reply.request = request;
    action->reply.outcome = MSK_OUTCOME_ANSWERED;
    action->reply.position = position;
    action->reply.result = msk_memdup(result.data, result.len);
    action->reply.len = result.len;
    commit(out, action->reply.result ? 0 : MSK_E_NOMEM);
}

void msk_act_raft_frame(struct msk_actions *out, const struct msk_digest *to, uint8_t *frame, size_t len,
                        uint64_t after)
{
    struct msk_action *action = prepare(out, MSK_ACTION_RAFT);
    if (!action) {
        msk_free(frame);
        return;
    }
    action->after = after;
    action->raft.to = *to;
    action->raft.data = frame;
    action->raft.len = len;
    commit(out, frame ? 0 : MSK_E_NOMEM);
}

void msk_act_raft(struct msk_actions *out, const struct msk_digest *to, const struct msk_raft_message *message,
                  uint64_t after)
{
    struct msk_builder frame;
    msk_builder_init(&frame, MSK_FRAME_MAX_BOND);
    msk_builder_byte(&frame, MSK_BOND_RAFT); /* the bond's tag (groups.md 2.7) */
    int error = msk_encode(MSK_TYPE(raft_message), message, &frame);
    size_t len;
    uint8_t *data = msk_builder_take(&frame, &len);
    if (error < 0 && error != MSK_E_NOMEM) {
        out->error = error;
        msk_free(data);
        return;
    }
    msk_act_raft_frame(out, to, data, len, after);
}
