/* calls.h: requests of the control socket that the node answers with a REPLY: execute, feed and query (cli.md "JSON
 * members"). A client has one under way, so that there are never more than clients. */
#ifndef MSK_RUNTIME_CALLS_H
#define MSK_RUNTIME_CALLS_H

#include "core/node.h"
#include "quic/ring.h"
#include "runtime/control.h"

#define MSK_CALL_COMMANDS_MAX   (64u << 10) /* in one request */
#define MSK_CALL_BYTES_MAX      (4u << 20)  /* of its encoded commands */
#define MSK_CALL_TIMEOUT_MAX_MS (UINT64_C(30) * 24 * 3600 * 1000)

struct msk_calls {
    struct msk_ring ring;
    uint64_t last_number;
};

enum msk_call_kind { MSK_CALL_EXECUTE, MSK_CALL_FEED, MSK_CALL_QUERY };

void msk_calls_init(struct msk_calls *calls);

/* Take over a request about `group`: {"commands":[...],"hex"?,"timeout_ms"?} of execute and feed,
 * {"query"?,"weak"?,"hex"?} of query. What cannot be read is refused at once; otherwise the answer follows from
 * msk_calls_reply. A client that leaves is forgotten, by the node too. */
void msk_calls_begin(struct msk_calls *calls, struct msk_node *node, enum msk_call_kind kind,
                     const struct msk_digest *group, const json_t *arguments, struct msk_control_request *request,
                     struct msk_actions *out);

/* Hand a REPLY on; one that nobody waits for is passed by. */
void msk_calls_reply(struct msk_calls *calls, const struct msk_action *reply);

/* Refuse them all: the node stops. */
void msk_calls_end(struct msk_calls *calls);

#endif
