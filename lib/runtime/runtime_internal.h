/* runtime_internal.h: the parts of a running node, shared by runtime.c (life), join.c (groups), started.c (its first
 * line), execute.c (actions), commands.c (control requests) and metrics.c. */
#ifndef MSK_RUNTIME_RUNTIME_INTERNAL_H
#define MSK_RUNTIME_RUNTIME_INTERNAL_H

#include "runtime/calls.h"
#include "runtime/disk.h"
#include "runtime/file_watch.h"
#include "runtime/group_json.h"
#include "runtime/http.h"
#include "runtime/journal.h"
#include "runtime/machine_exec.h"
#include "runtime/net.h"
#include "runtime/runtime.h"
#include "runtime/ticket_files.h"
#include "runtime/validators.h"
#include "runtime/waits.h"

enum msk_phase { MSK_PHASE_STARTING, MSK_PHASE_RUNNING, MSK_PHASE_STOPPING, MSK_PHASE_OVER };

#define MSK_SIGNAL_COUNT 3

/* A group's name, kept after it was left: late events still carry it. */
struct msk_group_name {
    struct msk_digest id;
    char alias[MSK_ALIAS_MAX + 1];
};

struct msk_runtime {
    const struct msk_runtime_config *config;
    uv_loop_t loop;
    bool loop_open;
    enum msk_phase phase;
    struct msk_journal journal;
    struct msk_disk *disk;
    struct msk_node *node;
    struct msk_net *net;
    struct msk_control *control;
    struct msk_http *metrics;
    struct msk_waits waits;
    struct msk_calls calls;
    struct msk_ticket_files tickets;
    struct msk_file_watch ticket_watch;
    uv_signal_t signals[MSK_SIGNAL_COUNT];
    size_t signal_count;

    struct msk_actions actions;   /* asked for by the node, not executed yet */
    struct msk_actions executing; /* empty outside of msk_runtime_execute */
    struct msk_actions held;      /* messages that wait for a record to be stored */
    uint64_t stored_sequence;
    bool acting;

    struct msk_group_name *names;
    struct msk_group_copy **copies; /* joined over the control socket */
    size_t name_count, copy_count;
    struct msk_children children;
    struct msk_machine_exec **machines; /* of groups joined so far */
    size_t machine_count;
    struct msk_validators validators;

    uint64_t stop_by_ms; /* MSK_NEVER: nobody wants to stop */
    int result;          /* of the run, with its sentence */
    struct msk_error err;
};

/* Execute what the node has asked for, and what that leads to, until nothing is left. */
void msk_runtime_execute(struct msk_runtime *runtime);

/* A record is stored: tell the node, and send what waited. */
void msk_runtime_stored(void *context, uint64_t sequence);

/* What a peer wanted from the disk goes to the node. */
void msk_runtime_read(void *context, const struct msk_disk_read *read, size_t count, struct msk_bytes entries,
                      const struct msk_error *err);

/* Join one group; as msk_node_join. What it asks for is executed by the next turn. */
int msk_runtime_join(struct msk_runtime *runtime, const struct msk_group_config *config, struct msk_error *err);

/* A program's answers may come while nothing else happens. */
void msk_runtime_turn(void *context);

/* Begin to depart; nothing if that has begun. */
void msk_runtime_stop(struct msk_runtime *runtime, const char *reason);

/* Tell that the node has started, as the first line on standard output. */
void msk_runtime_announce_start(struct msk_runtime *runtime);

/* Serve figures under the names that the reference uses (groups.md 8.2) in Prometheus' text format, at the configured
 * address under /metrics. Errors of msk_http_new. */
int msk_runtime_serve_metrics(struct msk_runtime *runtime, struct msk_error *err);

/* The requests of the control socket, the context being the runtime. */
extern const struct msk_control_verb msk_runtime_verbs[];
extern const size_t msk_runtime_verb_count;

#endif
