/* control.h: the socket through which programs talk to a running node: requests and answers as lines of JSON.
 *
 * A request is {"cmd":NAME, ...its arguments}; the answer {"ok":true,"result":{...}} or
 * {"ok":false,"error":SENTENCE,"code":NAME of error.h}. A connection may carry any number, one after another. After
 * "watch" it carries events instead, until either side closes. The process must ignore SIGPIPE. */
#ifndef MSK_RUNTIME_CONTROL_H
#define MSK_RUNTIME_CONTROL_H

#include <jansson.h>
#include <uv.h>

#include "base/bytes.h"
#include "base/error.h"

#define MSK_CONTROL_CLIENTS_MAX 128          /* connections at once; more are told so and closed */
#define MSK_CONTROL_REQUEST_MAX (1u << 20)   /* bytes sent ahead of our answers */
#define MSK_CONTROL_ANSWER_MAX  (16u << 20)  /* bytes of one line */
#define MSK_CONTROL_WATCH_MAX   (256u << 10) /* bytes of events that may wait for one watcher, twice */

struct msk_control;
struct msk_control_request;

/* Answers `request` now or later, but exactly once, by one of the functions below. `arguments` is the request's object,
 * valid until it returns. */
struct msk_control_verb {
    const char *name;
    void (*run)(void *context, const json_t *arguments, struct msk_control_request *request);
};

/* Listen at `path` (0600). A socket that nobody listens at any more is replaced. `verbs` and `path` stay the caller's
 * and outlive the control. 0, MSK_E_NOMEM, MSK_E_INVALID (path too long), MSK_E_REFUSED (a node listens there, or it is
 * no socket), MSK_E_IO. */
int msk_control_new(uv_loop_t *loop, const char *path, const struct msk_control_verb *verbs, size_t verb_count,
                    void *context, struct msk_control **out, struct msk_error *err);

/* Run no verb any more: what is asked from now on is refused, for the node that would answer is being taken apart. NULL
 * is fine. */
void msk_control_end(struct msk_control *control);

/* Accept no more connections, remove the socket, close every connection once what was answered is written. */
void msk_control_close(struct msk_control *control);

/* Drops connections that were not over by themselves, then frees. NULL is fine. All requests must have been answered.
 */
void msk_control_free(struct msk_control *control);

/* ---- answering. The request is gone afterwards, also where its client left meanwhile. */

void msk_control_answer(struct msk_control_request *request, json_t *result); /* steals; NULL: memory is out */
void msk_control_refuse(struct msk_control_request *request, const struct msk_error *err);
void msk_control_stream(struct msk_control_request *request); /* from now on events */

/* `left` is called once if the client goes before the answer; nobody will read that, but it must still be given. One
 * that only ended its own side still reads, and is seen to go no earlier than its answer is written. */
void msk_control_on_leave(struct msk_control_request *request, void (*left)(void *context), void *context);

/* One event, to all that watch; a watcher too slow for it finds a gap told in the stream (lines.h). */
void msk_control_publish(struct msk_control *control, struct msk_bytes line);
bool msk_control_is_watched(const struct msk_control *control);

#endif
