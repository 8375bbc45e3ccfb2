#include "base/alloc.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

/* A machine's snapshot follows the last one after so many entries, and after this share of those in the last. */
#define SNAPSHOT_ENTRIES_MIN 10000
#define SNAPSHOT_SHARE       4

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

void msk_runtime_read(void *context, const struct msk_disk_read *read, size_t count, struct msk_bytes entries,
                      const struct msk_error *err)
{
    struct msk_runtime *runtime = context;
    if (err)
        msk_journal_warn(&runtime->journal, "warning: stored entries for a peer: %s", err->text);
    msk_node_entries_read(runtime->node, msk_now(), &read->group, read->number, count, entries, &runtime->actions);
    if (!runtime->acting)
        msk_net_turn(runtime->net);
}

/* ---- actions */

static void fail(struct msk_runtime *runtime, int rc, const char *reason)
{
    msk_fail(&runtime->err, rc, "%s", reason);
    runtime->result = rc;
    msk_runtime_stop(runtime, reason);
}

static void persist(struct msk_runtime *runtime, const struct msk_action *action)
{
    int rc = msk_disk_put(runtime->disk, &action->persist.group, &action->persist.hard, action->persist.sequence);
    if (rc)
        fail(runtime, rc, msk_error_sentence(rc));
}

/* What waits for this change must never be sent without it. */
static void change_log(struct msk_runtime *runtime, const struct msk_store_change *change, uint64_t sequence)
{
    int rc = msk_disk_change(runtime->disk, change, sequence);
    if (rc)
        fail(runtime, rc, rc == MSK_E_LIMIT ? "the disk does not keep up" : msk_error_sentence(rc));
}

/* Whoever wants it asks again, or others. */
static void read_entries(struct msk_runtime *runtime, const struct msk_action *action)
{
    const struct msk_disk_read read = {
        .group = action->read.group,
        .number = action->read.number,
        .first = action->read.first,
        .count = action->read.count,
        .bytes_max = action->read.bytes_max,
    };
    struct msk_error err;
    int rc = msk_disk_read(runtime->disk, &read);
    if (rc) {
        msk_fail(&err, rc, "%s", msk_error_sentence(rc));
        msk_runtime_read(runtime, &read, 0, MSK_BYTES("", 0), &err);
    }
}

static void append(struct msk_runtime *runtime, struct msk_action *action)
{
    const struct msk_store_change change = {
        .kind = MSK_STORE_APPEND,
        .group = action->append.group,
        .first = action->append.first,
        .count = action->append.count,
        .cursor = action->append.committed,
        .data = action->append.data,
        .len = action->append.len,
    };
    action->append.data = NULL;
    change_log(runtime, &change, action->append.sequence);
}

/* Entries are only ever read again behind the last snapshot: this bounds the time of a start. A state may be as large
 * as its log, so that the distance grows with that. */
static void snapshot_when_due(struct msk_runtime *runtime, const struct msk_digest *group)
{
    struct msk_group_view view;
    const struct msk_machine *machine = msk_node_machine(runtime->node, group);
    bool is_read_again = msk_disk_is_durable(runtime->disk) || (machine && machine->may_be_lost);
    if (!is_read_again || msk_node_group_view(runtime->node, group, &view))
        return;
    uint64_t last = view.raft.snapshot_index, distance = last / SNAPSHOT_SHARE;
    if (view.raft.applied > last + (distance > SNAPSHOT_ENTRIES_MIN ? distance : SNAPSHOT_ENTRIES_MIN))
        msk_node_snapshot(runtime->node, msk_now(), group, &runtime->actions);
}

static void keep_snapshot(struct msk_runtime *runtime, struct msk_action *action)
{
    const struct msk_store_change change = {
        .kind = MSK_STORE_SNAPSHOT,
        .group = action->snapshot.group,
        .cursor = action->snapshot.at,
        .data = action->snapshot.data,
        .len = action->snapshot.len,
    };
    action->snapshot.data = NULL;
    change_log(runtime, &change, action->snapshot.sequence);
}

static void execute(struct msk_runtime *runtime, struct msk_action *action)
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
        append(runtime, action);
        snapshot_when_due(runtime, &action->append.group);
        break;
    case MSK_ACTION_SNAPSHOT:
        keep_snapshot(runtime, action);
        break;
    case MSK_ACTION_READ:
        read_entries(runtime, action);
        break;
    case MSK_ACTION_REPLY:
        msk_calls_reply(&runtime->calls, action);
        break;
    case MSK_ACTION_VALIDATE:
        msk_validators_ask(&runtime->validators, action);
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
