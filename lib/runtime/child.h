/* child.h: a program of the user as a part of a node: it is asked in lines of JSON on its standard input and answers
 * each with a line on its standard output, in order.
 *
 * It runs in a process group of its own, which dies with it. Whatever it does wrong (it ends, is silent for too long,
 * writes what is no answer) has one consequence: it is killed, what was asked is dropped, the owner is told, and it is
 * started again, later each time it does not last. */
#ifndef MSK_RUNTIME_CHILD_H
#define MSK_RUNTIME_CHILD_H

#include <jansson.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/error.h"
#include "quic/ring.h"

#define MSK_CHILD_LINE_MAX        (16u << 20) /* of an answer, without its end */
#define MSK_CHILD_QUEUE_MAX       1024        /* requests without an answer */
#define MSK_CHILD_QUEUE_BYTES_MAX (256u << 20)
#define MSK_CHILD_SAID_MAX        1000 /* bytes of a line on its standard error; the rest is cut */
#define MSK_CHILD_SAID_RATE       50   /* such lines a second; the others are counted */
#define MSK_CHILD_REASON_MAX      160
#define MSK_CHILD_RETRY_MIN_MS    100
#define MSK_CHILD_RETRY_MAX_MS    30000
#define MSK_CHILD_CALM_MS         10000 /* whoever lasts so long is started again at once */

/* All children of a loop. Zero-initialise but for `loop`, and msk_ring_init(&ring). */
struct msk_children {
    uv_loop_t *loop;
    struct msk_ring ring;
    size_t processes; /* not yet gone, also of children that were freed */
};

void msk_children_init(struct msk_children *children, uv_loop_t *loop);

/* Kill all of them: nothing is told any more, and all that is left to do with them is msk_child_free. `processes` is 0
 * once the loop has seen them end. */
void msk_children_stop(struct msk_children *children);

struct msk_child_owner {
    /* It was started, and has been given what was asked so far. */
    void (*started)(void *context, int pid);
    /* The answer to the oldest request, with what msk_child_ask was given. NULL, or what is wrong with it: a static
     * text, and `failed` follows. */
    const char *(*answered)(void *context, int kind, uint64_t number, const json_t *answer);
    /* A request is dropped; right before `failed`. NULL: not wanted. */
    void (*dropped)(void *context, int kind, uint64_t number, const char *reason);
    /* All requests are dropped; those made from now on wait for its restart. */
    void (*failed)(void *context, const char *reason, uint64_t retry_ms);
    /* A line of its standard error: printable text. */
    void (*said)(void *context, const char *text);
    void *context;
};

struct msk_child;

/* `argv` (ended by NULL; the program is searched in PATH) is the caller's and outlives the child. It is started by the
 * loop. `timeout_ms`: for each answer, from when all before it were given. NULL without memory. */
struct msk_child *msk_child_new(struct msk_children *children, const char *const *argv, uint64_t timeout_ms,
                                const struct msk_child_owner *owner);

/* Kills it; NULL is fine. Not from within a call to the owner. */
void msk_child_free(struct msk_child *child);

/* Ask: a line with the members of `message` (an object that is not empty; stolen) behind "id", which the answer must
 * repeat. `kind` and `number` are the caller's. 0, MSK_E_LIMIT or MSK_E_NOMEM. */
int msk_child_ask(struct msk_child *child, json_t *message, int kind, uint64_t number);

/* Requests without an answer; whether they are so many that only what must be asked should still be. */
size_t msk_child_pending(const struct msk_child *child);
bool msk_child_is_busy(const struct msk_child *child);

#endif
