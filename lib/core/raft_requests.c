/* The table of those who wait: for places, for commits, for answers (3.8, W-11). */
#include <string.h>

#include "base/alloc.h"
#include "core/raft_state.h"

struct msk_request *msk_request_add(struct msk_raft *raft, const struct msk_request *request)
{
    struct msk_requests *table = &raft->requests;
    if (table->count == MSK_REQUESTS_MAX || request->len > MSK_REQUEST_BYTES_MAX - table->bytes)
        return NULL;
    if (table->count == table->capacity) {
        size_t capacity = table->capacity ? table->capacity * 2 : 16;
        struct msk_request *items = msk_realloc(table->items, capacity * sizeof *items);
        if (!items)
            return NULL;
        table->items = items;
        table->capacity = capacity;
    }
    struct msk_request *added = &table->items[table->count++];
    *added = *request;
    table->bytes += request->len;
    table->doubted += request->state == MSK_REQUEST_DOUBTED;
    msk_request_wait(raft, added, request->deadline_ms);
    return added;
}

void msk_request_wait(struct msk_raft *raft, struct msk_request *request, uint64_t deadline_ms)
{
    request->deadline_ms = deadline_ms;
    if (raft->requests.count == 1 || deadline_ms < raft->requests.next_ms)
        raft->requests.next_ms = deadline_ms;
}

void msk_request_remove(struct msk_raft *raft, struct msk_request *request)
{
    struct msk_requests *table = &raft->requests;
    table->bytes -= request->len;
    table->doubted -= request->state == MSK_REQUEST_DOUBTED;
    msk_free(request->commands);
    *request = table->items[--table->count];
    if (table->count == 0)
        table->next_ms = MSK_NEVER;
}

void msk_requests_free(struct msk_raft *raft)
{
    while (raft->requests.count > 0)
        msk_request_remove(raft, raft->requests.items);
    msk_free(raft->requests.items);
    raft->requests = (struct msk_requests){.next_ms = MSK_NEVER};
}

void msk_request_end(struct msk_raft *raft, struct msk_request *request, enum msk_outcome outcome, const char *reason,
                     struct msk_actions *out)
{
    struct msk_request ended = *request;
    ended.commands = NULL;
    msk_request_remove(raft, request);
    if (ended.for_peer)
        return;
    if (outcome == MSK_OUTCOME_LOST || outcome == MSK_OUTCOME_UNKNOWN)
        MSK_EMIT(out, &raft->config.group, COMMAND_UNCERTAIN, MSK_F_ID64("request", ended.number),
                 MSK_F_U64("from", ended.first), MSK_F_U64("to", ended.last),
                 MSK_F_TEXT("outcome", msk_outcome_name(outcome)), MSK_F_TEXT("reason", reason));
    msk_act_reply(out, &raft->config.group, ended.number, outcome, ended.first, ended.last, reason);
}

void msk_raft_forget_request(struct msk_raft *raft, uint64_t number)
{
    for (size_t i = 0; i < raft->requests.count; i++) {
        struct msk_request *request = &raft->requests.items[i];
        if (!request->for_peer && request->number == number) {
            msk_request_remove(raft, request);
            return;
        }
    }
}

/* ---- commits */

/* The very commands that the leader was asked to place are where it said. */
static bool are_there(const struct msk_raft *raft, const struct msk_request *request)
{
    struct msk_log_entry entry;
    size_t offset = 0;
    for (uint64_t index = request->first; index <= request->last; index++) {
        uint64_t len;
        memcpy(&len, request->commands + offset, sizeof len);
        struct msk_bytes command = MSK_BYTES(request->commands + offset + sizeof len, (size_t)len);
        if (!msk_log_get(&raft->log, index, &entry) || !msk_bytes_equal(entry.command, command))
            return false;
        offset += sizeof len + (size_t)len;
    }
    return true;
}

/* W-11: an index is no proof. Where we placed the commands ourselves the term of the last one tells, else their bytes.
 */
static void end_committed(struct msk_raft *raft, struct msk_request *request, struct msk_actions *out)
{
    uint64_t term;
    bool was_placed_here = request->term != 0;
    (void)msk_log_term_at(&raft->log, request->last, &term);
    if (was_placed_here ? term == request->term : are_there(raft, request))
        msk_request_end(raft, request, MSK_OUTCOME_COMMITTED, NULL, out);
    else if (!was_placed_here && request->first <= raft->log.gone)
        msk_request_end(raft, request, MSK_OUTCOME_UNKNOWN, "its place was told too late to be compared", out);
    else
        msk_request_end(raft, request, MSK_OUTCOME_LOST, "other commands were committed in its place", out);
}

void msk_requests_committed(struct msk_raft *raft, struct msk_actions *out)
{
    for (size_t i = 0; i < raft->requests.count;) {
        struct msk_request *request = &raft->requests.items[i];
        if (request->state == MSK_REQUEST_PLACED && request->last <= raft->applied)
            end_committed(raft, request, out);
        else
            i++;
    }
}

/* ---- the end of patience */

static const char *lateness(const struct msk_raft *raft, const struct msk_request *request)
{
    if (request->state == MSK_REQUEST_DOUBTED)
        return msk_raft_read_doubt(raft, request);
    return request->state == MSK_REQUEST_PLACED ? "not committed in time" : "no answer in time";
}

/* What is true of a request whose answer does not come. */
static void end_unanswered(struct msk_raft *raft, struct msk_request *request, const char *reason,
                           struct msk_actions *out)
{
    bool may_be_done = request->state == MSK_REQUEST_FORWARDED || request->state == MSK_REQUEST_PLACED;
    msk_request_end(raft, request, may_be_done ? MSK_OUTCOME_UNKNOWN : MSK_OUTCOME_OFFLINE, reason, out);
}

void msk_requests_expire(struct msk_raft *raft, struct msk_now now, struct msk_actions *out)
{
    uint64_t next_ms = MSK_NEVER;
    if (raft->requests.next_ms > now.mono_ms)
        return;
    for (size_t i = 0; i < raft->requests.count;) {
        struct msk_request *request = &raft->requests.items[i];
        if (request->deadline_ms <= now.mono_ms) {
            end_unanswered(raft, request, lateness(raft, request), out);
            continue;
        }
        next_ms = request->deadline_ms < next_ms ? request->deadline_ms : next_ms;
        i++;
    }
    raft->requests.next_ms = next_ms;
}

void msk_requests_abandon(struct msk_raft *raft, const char *reason, struct msk_actions *out)
{
    while (raft->requests.count > 0)
        end_unanswered(raft, raft->requests.items, reason, out);
}

void msk_raft_requests_leaderless(struct msk_raft *raft, struct msk_actions *out)
{
    for (size_t i = 0; i < raft->requests.count;) {
        struct msk_request *request = &raft->requests.items[i];
        if (request->state == MSK_REQUEST_FORWARDED || request->state == MSK_REQUEST_ASKED ||
            request->state == MSK_REQUEST_DOUBTED)
            end_unanswered(raft, request, "the leader is gone", out);
        else
            i++;
    }
}
