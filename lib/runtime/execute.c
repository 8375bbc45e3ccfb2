#include "base/alloc.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

/* ---- persist before send */

/* Without memory, or with MSK_ACTIONS_MAX held behind a disk that hangs, the message is lost: as on a network, and
 * never sent too early. */
static void hold(struct msk_runtime *runtime, const struct msk_action *send)
{
    msk_act_send(&runtime->held, send->link, MSK_BYTES(send->send.data, send->send.len), send->after);
}

static void send_held(struct msk_runtime *runtime)
{
    struct msk_actions *held = &runtime->held;
    size_t kept = 0;
    for (size_t i = 0; i < held->count; i++) {
        struct msk_action *action = &held->items[i];
        if (action->after > runtime->stored_sequence) {
            held->items[kept++] = *action;
            continue;
        }
        msk_net_send(runtime->net, action->link, MSK_BYTES(action->send.data, action->send.len));
        msk_free(action->send.data);
    }
    held->count = kept;
}

void msk_runtime_stored(void *context, uint64_t sequence)
{
    struct msk_runtime *runtime = context;
    runtime->stored_sequence = sequence;
    send_held(runtime);
    msk_node_persisted(runtime->node, msk_now(), sequence, &runtime->actions);
    if (!runtime->acting)
        msk_net_turn(runtime->net);
}

/* ---- actions */

static void persist(struct msk_runtime *runtime, const struct msk_action *action)
{
    if (msk_disk_put(runtime->disk, &action->persist.group, &action->persist.hard, action->persist.sequence) == 0)
        return;
    msk_fail(&runtime->err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    runtime->result = MSK_E_NOMEM;
    msk_runtime_stop(runtime, "out of memory");
}

static void execute(struct msk_runtime *runtime, const struct msk_action *action)
{
    switch (action->kind) {
    case MSK_ACTION_EVENT:
        msk_journal_tell(&runtime->journal, msk_now(), &action->event, NULL);
        break;
    case MSK_ACTION_PERSIST:
        persist(runtime, action);
        break;
    case MSK_ACTION_DIAL:
        msk_net_dial(runtime->net, action->link, &action->dial.peer, action->dial.alpn, &action->dial.addresses);
        break;
    case MSK_ACTION_SEND:
        if (action->after > runtime->stored_sequence)
            hold(runtime, action);
        else
            msk_net_send(runtime->net, action->link, MSK_BYTES(action->send.data, action->send.len));
        break;
    case MSK_ACTION_CLOSE:
        msk_net_close(runtime->net, action->link, action->close.code, action->close.flush);
        break;
    case MSK_ACTION_APPEND:
    case MSK_ACTION_SNAPSHOT:
    case MSK_ACTION_REPLY:
        break;
    case MSK_ACTION_RAFT: /* a node turns these into frames; they do not leave it */
        break;
    }
}

void msk_runtime_execute(struct msk_runtime *runtime)
{
    while (runtime->actions.count > 0) {
        /* What executing leads to is gathered in the other list. */
        struct msk_actions spare = runtime->executing;
        runtime->executing = runtime->actions;
        runtime->actions = spare;
        for (size_t i = 0; i < runtime->executing.count; i++)
            execute(runtime, &runtime->executing.items[i]);
        msk_actions_clear(&runtime->executing);
        msk_disk_flush(runtime->disk);
    }
}
