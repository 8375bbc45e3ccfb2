/* Commands and queries of callers: taken by the leader, forwarded by followers, answered (groups.md 3.8, W-10, W-11).
 */
#include <string.h>

#include "base/alloc.h"
#include "core/raft_state.h"

#define TIMEOUT_DEFAULT_MS 2000

static uint64_t after(struct msk_now now, uint64_t ms)
{
    uint64_t deadline_ms;
    return __builtin_add_overflow(now.mono_ms, ms, &deadline_ms) ? MSK_NEVER : deadline_ms;
}

static void refuse(const struct msk_raft *raft, uint64_t request, enum msk_outcome outcome, const char *reason,
                   struct msk_actions *out)
{
    msk_act_reply(out, &raft->config.group, request, outcome, 0, 0, reason);
}

static void send_forward(struct msk_raft *raft, const struct msk_digest *to, const struct msk_forward *forward,
                         struct msk_actions *out)
{
    struct msk_raft_message message = {.kind = MSK_RAFT_FORWARD, .forward = *forward};
    msk_raft_send_early(raft, to, &message, out);
}

/* The leader, if it can be asked. */
static const struct msk_digest *reachable_leader(const struct msk_raft *raft)
{
    const struct msk_raft_peer *peer = raft->has_leader ? msk_raft_peer_find(raft, &raft->leader) : NULL;
    return peer && peer->bonded && raft->role == MSK_ROLE_FOLLOWER && !raft->halted && !raft->failed ? &peer->id : NULL;
}

/* ---- commands, as leader */

static void place(struct msk_raft *raft, struct msk_now now, struct msk_request *request,
                  const struct msk_bytes *commands, struct msk_actions *out)
{
    uint64_t before = raft->log.count;
    if (raft->requests.count == MSK_REQUESTS_MAX) {
        refuse(raft, request->number, MSK_OUTCOME_REFUSED, "too many requests wait", out);
        return;
    }
    request->state = MSK_REQUEST_PLACED;
    request->term = raft->hard.term;
    request->first = before + 1;
    request->last = before + request->count;
    request->deadline_ms = request->give_up_ms;
    /* In the table before the commands are in the log: that may commit them. */
    if (request->executes && !msk_request_add(raft, request)) {
        refuse(raft, request->number, MSK_OUTCOME_REFUSED, "out of memory", out);
        return;
    }
    int result = msk_raft_propose(raft, now, commands, request->count, out);
    if (result < 0) {
        if (request->executes)
            msk_raft_forget_request(raft, request->number);
        refuse(raft, request->number, MSK_OUTCOME_REFUSED, result == MSK_E_LIMIT ? "the log is full" : "out of memory",
               out);
    } else if (!request->executes) {
        msk_act_reply(out, &raft->config.group, request->number, MSK_OUTCOME_ASSIGNED, request->first, request->last,
                      NULL);
    }
}

/* 3.8: acknowledged once they are in our log (W-11); an empty list is not answered. */
static void take_command(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                         const struct msk_forward_command *command, struct msk_actions *out)
{
    uint64_t before = raft->log.count;
    size_t count = command->commands.count;
    if (count == 0 || msk_raft_propose(raft, now, command->commands.items, count, out) < 0 || !command->has_request_id)
        return;
    struct msk_forward ack = {.kind = MSK_FORWARD_COMMAND_ACK,
                              .command_ack = {command->request_id, {before + 1, before + count}}};
    send_forward(raft, from, &ack, out);
}

/* ---- commands, as follower */

static size_t bytes_of(const struct msk_bytes *commands, size_t count)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count && bytes <= MSK_REQUEST_BYTES_MAX; i++)
        bytes += sizeof(uint64_t) + (commands[i].len < MSK_REQUEST_BYTES_MAX ? commands[i].len : MSK_REQUEST_BYTES_MAX);
    return bytes;
}

/* The commands one after another, each behind its length; NULL without memory. */
static uint8_t *pack(const struct msk_bytes *commands, size_t count, size_t bytes)
{
    uint8_t *packed = msk_calloc(1, bytes), *at = packed;
    for (size_t i = 0; packed && i < count; i++) {
        uint64_t len = commands[i].len;
        memcpy(at, &len, sizeof len);
        if (len)
            memcpy(at + sizeof len, commands[i].data, (size_t)len);
        at += sizeof len + (size_t)len;
    }
    return packed;
}

static void forward(struct msk_raft *raft, struct msk_now now, struct msk_request *request,
                    const struct msk_bytes *commands, struct msk_actions *out)
{
    const struct msk_digest *leader = reachable_leader(raft);
    if (!leader) {
        refuse(raft, request->number, MSK_OUTCOME_OFFLINE,
               raft->has_leader ? "the leader cannot be reached" : "no leader is known", out);
        return;
    }
    uint64_t timeout_ms = raft->config.forward_timeout_ms ? raft->config.forward_timeout_ms : TIMEOUT_DEFAULT_MS;
    request->state = MSK_REQUEST_FORWARDED;
    request->id = msk_random_next(&raft->random);
    request->deadline_ms = after(now, timeout_ms);
    request->len = bytes_of(commands, request->count);
    request->commands = pack(commands, request->count, request->len);
    if (!request->commands || !msk_request_add(raft, request)) {
        refuse(raft, request->number, MSK_OUTCOME_REFUSED,
               request->commands ? "too many requests wait" : "out of memory", out);
        msk_free(request->commands);
        return;
    }
    struct msk_forward message = {
        .kind = MSK_FORWARD_COMMAND,
        .command = {{(struct msk_bytes *)commands, request->count}, true, request->id},
    };
    send_forward(raft, leader, &message, out);
}

static void request_commands(struct msk_raft *raft, struct msk_now now, struct msk_request *request,
                             const struct msk_bytes *commands, struct msk_actions *out)
{
    if (request->count == 0)
        refuse(raft, request->number, MSK_OUTCOME_REFUSED, "there are no commands", out);
    else if (bytes_of(commands, request->count) > MSK_REQUEST_BYTES_MAX)
        refuse(raft, request->number, MSK_OUTCOME_REFUSED, "the commands are too long", out);
    else if (raft->role == MSK_ROLE_LEADER)
        place(raft, now, request, commands, out);
    else
        forward(raft, now, request, commands, out);
    msk_raft_save(raft, out);
}

void msk_raft_execute(struct msk_raft *raft, struct msk_now now, uint64_t request, const struct msk_bytes *commands,
                      size_t count, uint64_t timeout_ms, struct msk_actions *out)
{
    struct msk_request waits = {.number = request,
                                .executes = true,
                                .count = count,
                                .give_up_ms = timeout_ms ? after(now, timeout_ms) : MSK_NEVER};
    request_commands(raft, now, &waits, commands, out);
}

void msk_raft_feed(struct msk_raft *raft, struct msk_now now, uint64_t request, const struct msk_bytes *commands,
                   size_t count, struct msk_actions *out)
{
    request_commands(raft, now, &(struct msk_request){.number = request, .count = count}, commands, out);
}

/* The one that waits in this state with this id; NULL: none does, any more. */
static struct msk_request *find_request(struct msk_raft *raft, enum msk_request_state state, uint64_t id)
{
    for (size_t i = 0; i < raft->requests.count; i++)
        if (raft->requests.items[i].state == state && raft->requests.items[i].id == id)
            return &raft->requests.items[i];
    return NULL;
}

static void take_ack(struct msk_raft *raft, const struct msk_digest *from, const struct msk_forward_command_ack *ack,
                     struct msk_actions *out)
{
    struct msk_request *request = find_request(raft, MSK_REQUEST_FORWARDED, ack->request_id);
    if (!request || !raft->has_leader || !msk_digest_equal(&raft->leader, from))
        return;
    if (ack->assigned.start == 0 || ack->assigned.end < ack->assigned.start ||
        ack->assigned.end - ack->assigned.start != request->count - 1) {
        msk_request_end(raft, request, MSK_OUTCOME_UNKNOWN, "the leader's acknowledgement does not fit", out);
        return;
    }
    request->first = ack->assigned.start;
    request->last = ack->assigned.end;
    if (!request->executes) {
        msk_request_end(raft, request, MSK_OUTCOME_ASSIGNED, NULL, out);
        return;
    }
    request->state = MSK_REQUEST_PLACED;
    msk_request_wait(raft, request, request->give_up_ms);
    msk_requests_committed(raft, out);
}

/* ---- queries */

uint64_t msk_raft_query_deadline(const struct msk_raft *raft, struct msk_now now)
{
    return after(now, raft->config.query_timeout_ms ? raft->config.query_timeout_ms : TIMEOUT_DEFAULT_MS);
}

static void ask_leader(struct msk_raft *raft, struct msk_now now, struct msk_request *request, struct msk_bytes query,
                       struct msk_actions *out)
{
    const struct msk_digest *leader = reachable_leader(raft);
    request->state = MSK_REQUEST_ASKED;
    request->id = msk_random_next(&raft->random);
    request->deadline_ms = msk_raft_query_deadline(raft, now);
    if (!leader) {
        refuse(raft, request->number, MSK_OUTCOME_OFFLINE,
               raft->has_leader ? "the leader cannot be reached" : "no leader is known", out);
        return;
    }
    if (!msk_request_add(raft, request)) {
        refuse(raft, request->number, MSK_OUTCOME_REFUSED, "too many requests wait", out);
        return;
    }
    struct msk_forward message = {.kind = MSK_FORWARD_QUERY, .query = {query, request->id}};
    send_forward(raft, leader, &message, out);
}

void msk_raft_query(struct msk_raft *raft, struct msk_now now, uint64_t number, struct msk_bytes query, bool strong,
                    struct msk_actions *out)
{
    struct msk_request request = {.number = number};
    if (raft->failed)
        refuse(raft, number, MSK_OUTCOME_OFFLINE, "the group failed", out);
    else if (!strong)
        msk_raft_ask_machine(raft, now, &request, query, out);
    else if (raft->role != MSK_ROLE_LEADER)
        ask_leader(raft, now, &request, query, out);
    else
        msk_raft_read(raft, now, &request, query, out);
    msk_raft_save(raft, out);
}

/* ---- from peers */

/* One leader asks another only when it is none any more: then its question is none about us either. */
static void take_query(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                       const struct msk_forward_query *query, struct msk_actions *out)
{
    struct msk_request request = {.for_peer = true, .number = query->request_id, .peer = *from};
    if (raft->role == MSK_ROLE_LEADER)
        msk_raft_read(raft, now, &request, query->query, out);
    else if (raft->role == MSK_ROLE_FOLLOWER && msk_raft_defends(raft))
        msk_raft_confirm(raft, from, query->request_id, out);
}

static void take_response(struct msk_raft *raft, const struct msk_digest *from,
                          const struct msk_forward_query_response *response, struct msk_actions *out)
{
    struct msk_request *request = find_request(raft, MSK_REQUEST_ASKED, response->request_id);
    if (msk_raft_confirmed(raft, from, response) || !request)
        return;
    uint64_t number = request->number;
    msk_request_remove(raft, request);
    msk_act_answer(out, &raft->config.group, number, response->position, response->result);
}

void msk_raft_forward_received(struct msk_raft *raft, struct msk_now now, const struct msk_digest *from,
                               const struct msk_forward *forward, struct msk_actions *out)
{
    switch (forward->kind) {
    case MSK_FORWARD_COMMAND:
        if (raft->role == MSK_ROLE_LEADER)
            take_command(raft, now, from, &forward->command, out);
        return;
    case MSK_FORWARD_COMMAND_ACK:
        take_ack(raft, from, &forward->command_ack, out);
        return;
    case MSK_FORWARD_QUERY:
        take_query(raft, now, from, &forward->query, out);
        return;
    case MSK_FORWARD_QUERY_RESPONSE:
        take_response(raft, from, &forward->query_response, out);
        return;
    }
}
