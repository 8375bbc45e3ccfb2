/* client.h: the other end of the control socket (control.h), for short programs: blocking, without a loop. */
#ifndef MSK_RUNTIME_CLIENT_H
#define MSK_RUNTIME_CLIENT_H

#include <jansson.h>

#include "base/clock.h"
#include "base/error.h"

struct msk_client;

/* 0, MSK_E_NOMEM, MSK_E_INVALID (path too long), MSK_E_UNREACHABLE. */
int msk_client_open(const char *path, struct msk_client **out, struct msk_error *err);
void msk_client_close(struct msk_client *client); /* NULL is fine */

/* Send `request` (stolen) and wait for its answer: a new reference in `*result`.
 * What the node refuses comes back with the node's code and sentence. MSK_E_TIMEOUT after `timeout_ms` (MSK_NEVER:
 * none), MSK_E_UNREACHABLE when the node goes away, MSK_E_PROTOCOL for an answer that is none, MSK_E_NOMEM. */
int msk_client_call(struct msk_client *client, json_t *request, uint64_t timeout_ms, json_t **result,
                    struct msk_error *err);

/* The next event after a call of "watch": a new reference. Errors as above; MSK_E_CLOSED at the end of the stream. */
int msk_client_next(struct msk_client *client, uint64_t timeout_ms, json_t **event, struct msk_error *err);

#endif
