/* calls.h: requests that the node answers with a REPLY: execute, feed and query (cli.md "JSON members"), of clients of
 * the control socket and of the process itself. A client has one under way, so that there are never more than clients.
 */
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

/* What a caller in this process asks: encoded commands, or one query. */
struct msk_call_ask {
    const struct msk_bytes *commands;
    size_t count;
    uint64_t timeout_ms; /* as msk_node_execute */
    struct msk_bytes query;
    bool weak;
};

/* The REPLY, valid during the call: asking again is allowed. NULL: the node stops. */
typedef void msk_call_ended(void *context, const struct msk_action *reply);

/* The same without socket and JSON: `ended` follows from msk_calls_reply or msk_calls_end. 0, MSK_E_NOMEM, or
 * MSK_E_NOTFOUND: no such group, or it has failed. `ask` stays the caller's. */
int msk_calls_ask(struct msk_calls *calls, struct msk_node *node, enum msk_call_kind kind,
                  const struct msk_digest *group, const struct msk_call_ask *ask, msk_call_ended *ended, void *context,
                  struct msk_actions *out);

/* Hand a REPLY on; one that nobody waits for is passed by. */
void msk_calls_reply(struct msk_calls *calls, const struct msk_action *reply);

/* Refuse them all: the node stops. */
void msk_calls_end(struct msk_calls *calls);

#endif
