#include "core/action.h"

#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "wire/frame.h"

#define RAFT_MESSAGE_MAX (MSK_FRAME_MAX_BOND - 1) /* the bond puts its tag in front (groups.md 2.7) */

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
    case MSK_ACTION_PERSIST:
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
    memset(action, 0, sizeof *action);
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
    struct msk_event event = {.kind = kind, .has_group = group != NULL, .field_count = count};
    if (group)
        event.group = *group;
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

void msk_act_raft(struct msk_actions *out, const struct msk_digest *to, const struct msk_raft_message *message,
                  uint64_t after)
{
    struct msk_action *action = prepare(out, MSK_ACTION_RAFT);
    if (!action)
        return;
    struct msk_builder encoded;
    msk_builder_init(&encoded, RAFT_MESSAGE_MAX);
    int error = msk_encode(MSK_TYPE(raft_message), message, &encoded);
    action->after = after;
    action->raft.to = *to;
    action->raft.data = msk_builder_take(&encoded, &action->raft.len);
    commit(out, error < 0 ? error : action->raft.data ? 0 : MSK_E_NOMEM);
}
