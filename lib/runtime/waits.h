/* waits.h: requests that wait for conditions: looked at after every change of the node, never polled (cli.md "wait").
 */
#ifndef MSK_RUNTIME_WAITS_H
#define MSK_RUNTIME_WAITS_H

#include "quic/ring.h"
#include "runtime/condition.h"
#include "runtime/control.h"

#define MSK_WAIT_CONDITIONS_MAX 16
#define MSK_WAIT_TIMEOUT_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

struct msk_waits {
    struct msk_ring ring;
};

void msk_waits_init(struct msk_waits *waits);

/* Take over a request {"conditions":[TEXT,...],"timeout_ms":N} about `group`. Bad arguments are refused at once;
 * otherwise
 * {"condition","met","waited_ms"} follows from msk_waits_check. */
void msk_waits_add(struct msk_waits *waits, const struct msk_node *node, struct msk_now now,
                   const struct msk_digest *group, const json_t *arguments, struct msk_control_request *request);

/* Answer those whose conditions all hold now, or whose time is over. */
void msk_waits_check(struct msk_waits *waits, const struct msk_node *node, struct msk_now now);

/* When the next one's time is over: mono_ms, or MSK_NEVER. */
uint64_t msk_waits_deadline(const struct msk_waits *waits);

/* Refuse them all: the node stops. */
void msk_waits_end(struct msk_waits *waits);

#endif
