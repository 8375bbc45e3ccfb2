/* child_process.h: one run of a program: its process, its three pipes, and what it writes as lines. Internal to
 * child.c. */
#ifndef MSK_RUNTIME_CHILD_PROCESS_H
#define MSK_RUNTIME_CHILD_PROCESS_H

#include "runtime/child.h"

/* What is told of a process until it is dropped. */
struct msk_process_owner {
    void (*line)(void *context, struct msk_bytes line);
    void (*said)(void *context, const char *text);
    /* It cannot go on; it is to be dropped. */
    void (*broken)(void *context, const char *reason);
    void *context;
};

struct msk_process;

/* 0, or MSK_E_NOMEM, MSK_E_IO with the reason. */
int msk_process_start(struct msk_children *children, const char *const *argv, const struct msk_process_owner *owner,
                      struct msk_process **out, struct msk_error *err);
int msk_process_pid(const struct msk_process *process);

/* `data` is taken over. False: no memory, or it cannot be written to. */
bool msk_process_write(struct msk_process *process, uint8_t *data, size_t len);

/* Kill its group and tell nothing more; it goes when the loop has seen it end. */
void msk_process_drop(struct msk_process *process);

#endif
