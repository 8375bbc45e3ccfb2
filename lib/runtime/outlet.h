/* outlet.h: a stream of lines into a file, pipe or terminal that never makes the loop wait: a thread of the pool
 * writes, one piece at a time, and lines that outrun the reader are dropped and counted (lines.h). */
#ifndef MSK_RUNTIME_OUTLET_H
#define MSK_RUNTIME_OUTLET_H

#include <uv.h>

#include "base/error.h"
#include "runtime/lines.h"

#define MSK_OUTLET_QUEUE_MAX (1u << 20) /* bytes that may wait, twice: gathered and being written */

struct msk_outlet;

/* Lines for `fd`, or for the file `path`, created if need be and appended to. `json` as in lines.h.
 * 0, MSK_E_NOMEM, or MSK_E_IO naming the file. */
int msk_outlet_of_fd(uv_loop_t *loop, int fd, bool json, struct msk_outlet **out);
int msk_outlet_of_file(uv_loop_t *loop, const char *path, bool json, struct msk_outlet **out, struct msk_error *err);

void msk_outlet_push(struct msk_outlet *outlet, struct msk_bytes line);

/* The same, but returns only when it is written, however long the reader takes: before the loop runs. The outlet must
 * be idle. */
void msk_outlet_push_now(struct msk_outlet *outlet, struct msk_bytes line);

/* Everything pushed has been written (or could not be). */
bool msk_outlet_idle(const struct msk_outlet *outlet);

/* errno of a write that failed since the last call, else 0. The lines of that write are lost. */
int msk_outlet_failure(struct msk_outlet *outlet);

/* Free it; what is not written is lost. An outlet that is not idle must not be freed before the loop has stopped for
 * good, as a thread may be using it: that one is left to the end of the process. NULL is fine. */
void msk_outlet_free(struct msk_outlet *outlet);

#endif
