/* machine_exec.h: a program of the user as the state machine of a group (--machine exec:COMMAND, core/machine.h; its
 * lines are in mosaik-formats(5)).
 *
 * It may die at any time: it is started again, given the last snapshot and told the entries behind that once more, so
 * that no entry is left out and none is applied twice to the same state. Meanwhile its group goes on; only what waits
 * for applied entries waits longer. */
#ifndef MSK_RUNTIME_MACHINE_EXEC_H
#define MSK_RUNTIME_MACHINE_EXEC_H

#include "core/node.h"
#include "runtime/child.h"

#define MSK_MACHINE_TIMEOUT_DEFAULT_MS 30000 /* for each answer */

/* What it needs of its node; everything stays the caller's. */
struct msk_machine_exec_host {
    struct msk_children *children;
    struct msk_node *node;
    struct msk_actions *actions;
    /* Something was added to `actions`. */
    void (*turn)(void *context);
    void *context;
};

struct msk_machine_exec;

/* The machine for one group that is about to join with `config`, whose machine is exec:COMMAND: fills in the functions
 * that config->raft.machine lacks and their context; COMMAND is given to sh. `*out` outlives the group.
 * 0 or MSK_E_NOMEM. */
int msk_machine_exec_new(const struct msk_machine_exec_host *host, struct msk_group_config *config,
                         struct msk_machine_exec **out);
void msk_machine_exec_free(struct msk_machine_exec *exec); /* NULL is fine */

#endif
