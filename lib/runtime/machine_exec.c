#include "runtime/machine_exec.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/now.h"

enum asked { ASKED_RESTORE, ASKED_APPLY, ASKED_QUERY, ASKED_SNAPSHOT };

struct msk_machine_exec {
    struct msk_machine machine;
    struct msk_machine_exec_host host;
    struct msk_digest group;
    char *command;
    const char *argv[4];
    uint64_t timeout_ms;

    struct msk_child *child; /* while the group is */
    size_t stale;            /* the oldest requests, whose answers are of no interest any more */
    bool restore_due;        /* the program does not know where to begin */
    json_t *snapshot;        /* the last one; NULL: the beginning */
    bool takes_none;         /* the program has no snapshots */
};

/* ---- asking */

static void ask_to_restore(struct msk_machine_exec *exec)
{
    json_t *state = exec->snapshot ? json_incref(exec->snapshot) : json_null();
    json_t *message = json_pack("{s:s, s:o}", "do", "restore", "state", state);
    if (message && msk_child_ask(exec->child, message, ASKED_RESTORE, 0) == 0)
        exec->restore_due = false;
}

/* Requests go behind the one that tells where to begin. */
static int ask(struct msk_machine_exec *exec, json_t *message, enum asked kind, uint64_t number)
{
    if (message && exec->restore_due)
        ask_to_restore(exec);
    if (message && !exec->restore_due)
        return msk_child_ask(exec->child, message, kind, number);
    json_decref(message);
    return MSK_E_NOMEM;
}

/* What is no command is left out: it is without effect on every member alike. 0 or MSK_E_NOMEM. */
static int append_entry(const struct msk_machine_exec *exec, uint64_t index, struct msk_bytes command, json_t *entries)
{
    json_t *json;
    if (exec->machine.has_idle && msk_bytes_equal(command, exec->machine.idle))
        return 0;
    int rc = msk_machine_print_json(exec->machine.command, command, &json, NULL);
    if (rc < 0)
        return rc == MSK_E_NOMEM ? rc : 0;
    json_t *entry = json_pack("{s:I, s:o}", "index", (json_int_t)index, "command", json);
    return json_array_append_new(entries, entry) < 0 ? MSK_E_NOMEM : 0;
}

static int apply(void *state, const struct msk_machine_batch *batch)
{
    struct msk_machine_exec *exec = state;
    json_t *entries = json_array();
    int rc = 0;
    for (size_t i = 0; i < batch->count && rc == 0; i++)
        rc = append_entry(exec, batch->first + i, batch->entries[i].command, entries);
    if (rc < 0 || json_array_size(entries) == 0) {
        json_decref(entries);
        return rc;
    }
    rc = ask(exec, json_pack("{s:s, s:o}", "do", "apply", "entries", entries), ASKED_APPLY, 0);
    return rc < 0 ? rc : MSK_MACHINE_LATER;
}

static int query_state(void *state, uint64_t ticket, struct msk_bytes query, struct msk_builder *result)
{
    struct msk_machine_exec *exec = state;
    json_t *json;
    (void)result;
    int rc =
        msk_child_is_busy(exec->child) ? MSK_E_LIMIT : msk_machine_print_json(exec->machine.query, query, &json, NULL);
    if (rc < 0)
        return rc;
    rc = ask(exec, json_pack("{s:s, s:o}", "do", "query", "query", json), ASKED_QUERY, ticket);
    return rc < 0 ? rc : MSK_MACHINE_LATER;
}

static int snapshot(void *state, struct msk_builder *out)
{
    struct msk_machine_exec *exec = state;
    (void)out;
    if (exec->takes_none)
        return MSK_E_REFUSED;
    int rc = ask(exec, json_pack("{s:s}", "do", "snapshot"), ASKED_SNAPSHOT, 0);
    return rc < 0 ? rc : MSK_MACHINE_LATER;
}

static int restore(void *state, struct msk_bytes bytes)
{
    struct msk_machine_exec *exec = state;
    json_t *json = NULL;
    if (bytes.len > 0) {
        json = json_loadb((const char *)bytes.data, bytes.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        if (!json)
            return MSK_E_DAMAGED;
    }
    json_decref(exec->snapshot);
    exec->snapshot = json;
    exec->stale = msk_child_pending(exec->child);
    exec->restore_due = true;
    return 0;
}

/* ---- answers */

static const char *take_result(struct msk_machine_exec *exec, uint64_t ticket, const json_t *answer)
{
    const json_t *result = json_object_get(answer, "result");
    struct msk_builder bytes;
    const char *fault = NULL;
    int rc = MSK_E_INVALID;
    msk_builder_init(&bytes, MSK_MACHINE_RESULT_MAX);
    if (result)
        rc = msk_machine_read_json(exec->machine.result, result, &bytes, NULL);
    else if (!json_object_get(answer, "error"))
        fault = "its answer to a query has neither \"result\" nor \"error\"";
    else
        rc = MSK_E_REFUSED;
    msk_node_machine_answered(exec->host.node, msk_now(), &exec->group, ticket, rc, msk_builder_view(&bytes),
                              exec->host.actions);
    msk_builder_free(&bytes);
    return fault;
}

/* From now on the program begins there when it is started again. */
static const char *take_snapshot(struct msk_machine_exec *exec, json_t *state)
{
    exec->takes_none = json_is_null(state);
    char *text = exec->takes_none ? NULL : json_dumps(state, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);
    int rc = exec->takes_none ? MSK_E_REFUSED : text ? 0 : MSK_E_NOMEM;
    if (rc == 0) {
        json_decref(exec->snapshot);
        exec->snapshot = json_incref(state);
    }
    msk_node_machine_snapshotted(exec->host.node, msk_now(), &exec->group, rc, msk_bytes_of_text(text ? text : ""),
                                 exec->host.actions);
    free(text);
    return NULL;
}

static const char *take_answer(struct msk_machine_exec *exec, int kind, uint64_t number, const json_t *answer)
{
    json_t *state = json_object_get(answer, "state");
    switch ((enum asked)kind) {
    case ASKED_QUERY:
        return take_result(exec, number, answer);
    case ASKED_SNAPSHOT:
        return state ? take_snapshot(exec, state) : "its answer to a snapshot has no \"state\"";
    case ASKED_RESTORE:
        return json_object_get(answer, "error") ? "it does not take the state it is to begin with" : NULL;
    case ASKED_APPLY:
        if (json_object_get(answer, "error"))
            return "it cannot apply committed commands";
        msk_node_machine_applied(exec->host.node, msk_now(), &exec->group, 0, exec->host.actions);
        return NULL;
    }
    return NULL;
}

static const char *on_answered(void *context, int kind, uint64_t number, const json_t *answer)
{
    struct msk_machine_exec *exec = context;
    if (exec->stale > 0) {
        exec->stale--;
        return NULL;
    }
    const char *fault = take_answer(exec, kind, number, answer);
    if (!fault)
        exec->host.turn(exec->host.context);
    return fault;
}

/* ---- its life */

static void on_started(void *context, int pid)
{
    struct msk_machine_exec *exec = context;
    MSK_EMIT(exec->host.actions, &exec->group, PROGRAM_STARTED, MSK_F_TEXT("program", "machine"),
             MSK_F_U64("pid", (uint64_t)pid), MSK_F_TEXT("command", exec->command));
    exec->takes_none = false;
    if (exec->restore_due)
        ask_to_restore(exec); /* whether it speaks at all shows at once */
    exec->host.turn(exec->host.context);
}

static void on_failed(void *context, const char *reason, uint64_t retry_ms)
{
    struct msk_machine_exec *exec = context;
    exec->stale = 0;
    exec->restore_due = true;
    MSK_EMIT(exec->host.actions, &exec->group, PROGRAM_FAILED, MSK_F_TEXT("program", "machine"),
             MSK_F_TEXT("reason", reason), MSK_F_U64("retry_in_ms", retry_ms));
    msk_node_machine_lost(exec->host.node, msk_now(), &exec->group, exec->host.actions);
    exec->host.turn(exec->host.context);
}

static void on_said(void *context, const char *text)
{
    struct msk_machine_exec *exec = context;
    MSK_EMIT(exec->host.actions, &exec->group, PROGRAM_SAID, MSK_F_TEXT("program", "machine"),
             MSK_F_TEXT("line", text));
    exec->host.turn(exec->host.context);
}

static int create(void *context, void **state)
{
    struct msk_machine_exec *exec = context;
    const struct msk_child_owner owner = {
        .started = on_started, .answered = on_answered, .failed = on_failed, .said = on_said, .context = exec};
    exec->restore_due = true;
    exec->child = msk_child_new(exec->host.children, exec->argv, exec->timeout_ms, &owner);
    *state = exec;
    return exec->child ? 0 : MSK_E_NOMEM;
}

static void destroy(void *state)
{
    struct msk_machine_exec *exec = state;
    if (!exec)
        return;
    msk_child_free(exec->child);
    exec->child = NULL;
}

int msk_machine_exec_new(const struct msk_machine_exec_host *host, struct msk_group_config *config,
                         struct msk_machine_exec **out)
{
    struct msk_machine_exec *exec = msk_calloc(1, sizeof *exec);
    char *command = exec ? msk_strdup(config->machine + strlen(MSK_MACHINE_EXEC_PREFIX)) : NULL;
    if (!command) {
        msk_free(exec);
        return MSK_E_NOMEM;
    }
    *exec = (struct msk_machine_exec){
        .machine = *config->raft.machine,
        .host = *host,
        .group = config->id,
        .command = command,
        .argv = {"/bin/sh", "-c", command, NULL},
        .timeout_ms = config->machine_timeout_ms ? config->machine_timeout_ms : MSK_MACHINE_TIMEOUT_DEFAULT_MS,
    };
    exec->machine.create = create;
    exec->machine.destroy = destroy;
    exec->machine.apply = apply;
    exec->machine.query_state = query_state;
    exec->machine.snapshot = snapshot;
    exec->machine.restore = restore;
    config->raft.machine = &exec->machine;
    config->raft.machine_context = exec;
    *out = exec;
    return 0;
}

void msk_machine_exec_free(struct msk_machine_exec *exec)
{
    if (!exec)
        return;
    msk_child_free(exec->child);
    json_decref(exec->snapshot);
    msk_free(exec->command);
    msk_free(exec);
}
