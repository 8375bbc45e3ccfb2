/* Groups that a node joins: with what is stored of them, and with a program where that is the machine. */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/now.h"
#include "runtime/runtime_internal.h"

static int keep_name(struct msk_runtime *runtime, const struct msk_group_config *config, struct msk_error *err)
{
    if (runtime->name_count == MSK_RUNTIME_JOINS_MAX)
        return msk_fail(err, MSK_E_LIMIT, "this node has joined %d groups since it started, which is the limit",
                        MSK_RUNTIME_JOINS_MAX);
    struct msk_group_name *names = msk_realloc(runtime->names, (runtime->name_count + 1) * sizeof *names);
    if (!names)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    runtime->names = names;
    names[runtime->name_count] = (struct msk_group_name){.id = config->id};
    memcpy(names[runtime->name_count++].alias, config->alias, sizeof config->alias);
    return 0;
}

/* Where the size of a group is declared, say how far that reaches (design: stock and members mode). */
static void explain_members(struct msk_runtime *runtime, const struct msk_group_config *config)
{
    char text[256];
    snprintf(text, sizeof text,
             "majorities are counted of %u declared members: with members of this kind nothing acknowledged is lost; "
             "members of the reference count those they are bonded with",
             config->raft.members);
    msk_journal_warn(&runtime->journal, "note: %s", text);
    MSK_EMIT(&runtime->actions, &config->id, MEMBERS_MODE, MSK_F_TEXT("text", text),
             MSK_F_U64("members", config->raft.members));
}

/* A group whose log is read again, and how far it reached. */
struct stored_log {
    struct msk_disk *disk;
    struct msk_digest group;
    uint64_t last;
};

static int load_entries(void *context, struct msk_log *log, struct msk_error *err)
{
    const struct stored_log *stored = context;
    return msk_disk_load_entries(stored->disk, &stored->group, stored->last, log, err);
}

static int join_with_log(struct msk_runtime *runtime, const struct msk_group_config *config,
                         const struct msk_store_log *log, struct msk_error *err)
{
    const struct msk_hard_state *hard = msk_disk_hard(runtime->disk, &config->id);
    struct stored_log stored = {.disk = runtime->disk, .group = config->id, .last = log->last};
    const struct msk_saved saved = {
        .hard = hard ? *hard : (struct msk_hard_state){0},
        .committed = log->committed,
        .snapshot_at = log->snapshot_at,
        .snapshot = MSK_BYTES(log->snapshot, log->snapshot_len),
        .load = load_entries,
        .context = &stored,
    };
    return msk_node_join(runtime->node, msk_now(), config, &saved, &runtime->actions, err);
}

/* Give a group whose machine is a program what runs it. */
static int add_program(struct msk_runtime *runtime, struct msk_group_config *config, struct msk_error *err)
{
    const struct msk_machine_exec_host host = {.children = &runtime->children,
                                               .node = runtime->node,
                                               .actions = &runtime->actions,
                                               .turn = msk_runtime_turn,
                                               .context = runtime};
    struct msk_machine_exec **machines =
        msk_realloc(runtime->machines, (runtime->machine_count + 1) * sizeof *machines);
    if (machines)
        runtime->machines = machines;
    if (!machines || msk_machine_exec_new(&host, config, &machines[runtime->machine_count]) < 0)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    runtime->machine_count++;
    return 0;
}

static int join_as_saved(struct msk_runtime *runtime, const struct msk_group_config *config, struct msk_error *err)
{
    struct msk_store_log log;
    int rc = msk_disk_load_log(runtime->disk, &config->id, &log, err);
    if (rc == 0)
        rc = join_with_log(runtime, config, &log, err);
    msk_free(log.snapshot);
    return rc == MSK_E_DAMAGED ? msk_wrap(err, rc, "data directory %.200s", runtime->config->data_directory) : rc;
}

/* For those who look at the directory; the group does without. */
static void store_name(struct msk_runtime *runtime, const struct msk_group_config *config)
{
    struct msk_error err;
    if (msk_disk_name_group(runtime->disk, &config->id, config->alias, config->machine, &err))
        msk_journal_warn(&runtime->journal, "warning: the name of a group was not stored: %s", err.text);
}

int msk_runtime_join(struct msk_runtime *runtime, const struct msk_group_config *config, struct msk_error *err)
{
    int rc = keep_name(runtime, config, err);
    if (rc)
        return rc;
    struct msk_group_config complete = *config;
    complete.raft.stored = msk_disk_is_durable(runtime->disk);
    bool is_program = config->raft.machine && !config->raft.machine->create;
    if (is_program)
        rc = add_program(runtime, &complete, err);
    if (rc == 0)
        rc = join_as_saved(runtime, &complete, err);
    if (rc != 0 && is_program)
        msk_machine_exec_free(runtime->machines[--runtime->machine_count]);
    if (rc != 0)
        runtime->name_count--;
    if (rc == 0)
        store_name(runtime, config);
    if (rc == 0 && config->raft.members > 0)
        explain_members(runtime, config);
    return rc;
}
