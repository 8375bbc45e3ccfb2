/* What the machine is told and asked, and what it answers, at once or later (machine.h). */
#include "base/alloc.h"
#include "base/assert.h"
#include "core/raft_state.h"

/* ---- applying */

/* A halted member applies nothing new, but what it once had; by the reference's rules a log may also be cut below what
 * is committed, before a slow machine was told of it (W-3). */
static uint64_t apply_end(const struct msk_raft *raft)
{
    uint64_t end = raft->halted ? raft->reached : raft->committed.index;
    return end < raft->log.count ? end : raft->log.count;
}

/* Committed entries of one term behind what is applied, as many as fit. */
static struct msk_machine_batch next_batch(const struct msk_raft *raft, struct msk_log_entry *entries)
{
    struct msk_machine_batch batch = {.first = raft->applied + 1, .entries = entries};
    size_t bytes = 0;
    uint64_t end = apply_end(raft);
    for (uint64_t index = batch.first; index <= end && batch.count < MSK_MACHINE_APPLY_MAX; index++) {
        bool there = msk_log_get(&raft->log, index, &entries[batch.count]);
        msk_assert(there);
        bytes += entries[batch.count].command.len;
        if (batch.count > 0 && (entries[batch.count].term != batch.term || bytes > MSK_MACHINE_APPLY_BYTES))
            break;
        batch.term = entries[batch.count++].term;
    }
    return batch;
}

static void set_applied(struct msk_raft *raft, uint64_t index)
{
    raft->applied = index;
    raft->reached = index > raft->reached ? index : raft->reached;
}

static bool may_apply(const struct msk_raft *raft)
{
    return !raft->applying && !raft->failed && raft->applied < apply_end(raft);
}

void msk_raft_apply(struct msk_raft *raft, struct msk_actions *out)
{
    struct msk_log_entry entries[MSK_MACHINE_APPLY_MAX];
    while (may_apply(raft)) {
        struct msk_machine_batch batch = next_batch(raft, entries);
        int result = raft->machine->apply(raft->machine_state, &batch);
        if (result < 0)
            msk_raft_fail(raft, "the machine failed", out);
        else if (result == MSK_MACHINE_LATER)
            raft->applying = raft->applied + batch.count;
        else
            set_applied(raft, raft->applied + batch.count);
    }
}

/* ---- queries */

static void answer(struct msk_raft *raft, const struct msk_request *request, struct msk_bytes result,
                   struct msk_actions *out)
{
    if (!request->for_peer) {
        msk_act_answer(out, &raft->config.group, request->number, raft->applied, result);
        return;
    }
    struct msk_raft_message response = {
        .kind = MSK_RAFT_FORWARD,
        .forward = {.kind = MSK_FORWARD_QUERY_RESPONSE, .query_response = {request->number, result, raft->applied}}};
    msk_raft_send_early(raft, &request->peer, &response, out);
}

static void no_answer(struct msk_raft *raft, const struct msk_request *request, int result, struct msk_actions *out)
{
    const char *reason = result == MSK_E_LIMIT    ? "too many requests wait"
                         : result == MSK_E_NOMEM  ? "out of memory"
                         : result == MSK_E_CLOSED ? "the machine's program failed before it answered"
                                                  : "the machine does not answer this query";
    if (!request->for_peer)
        msk_act_reply(out, &raft->config.group, request->number, MSK_OUTCOME_REFUSED, 0, 0, reason);
}

/* MSK_MACHINE_LATER, or it has ended. */
static int ask_now(struct msk_raft *raft, const struct msk_request *request, struct msk_bytes query,
                   struct msk_actions *out)
{
    struct msk_builder result;
    msk_builder_init(&result, MSK_MACHINE_RESULT_MAX);
    int rc = raft->machine->query_state(raft->machine_state, request->id, query, &result);
    rc = rc == 0 ? result.error : rc;
    if (rc == 0)
        answer(raft, request, msk_builder_view(&result), out);
    else if (rc != MSK_MACHINE_LATER)
        no_answer(raft, request, rc, out);
    msk_builder_free(&result);
    return rc;
}

/* Until the machine has applied what the answer is to rest on. */
static void hold(struct msk_raft *raft, struct msk_request *request, struct msk_bytes query, struct msk_actions *out)
{
    request->held = true;
    request->len = query.len;
    request->commands = msk_memdup(query.data, query.len);
    if (request->commands && msk_request_add(raft, request))
        return;
    no_answer(raft, request, request->commands ? MSK_E_LIMIT : MSK_E_NOMEM, out);
    msk_free(request->commands);
}

void msk_raft_ask_machine(struct msk_raft *raft, struct msk_now now, struct msk_request *request,
                          struct msk_bytes query, struct msk_actions *out)
{
    request->state = MSK_REQUEST_LOCAL;
    request->id = msk_random_next(&raft->random);
    request->last = raft->reached;
    request->deadline_ms = msk_raft_query_deadline(raft, now);
    if (raft->applied < request->last)
        hold(raft, request, query, out);
    else if (raft->requests.count == MSK_REQUESTS_MAX)
        no_answer(raft, request, MSK_E_LIMIT, out);
    else if (ask_now(raft, request, query, out) == MSK_MACHINE_LATER && !msk_request_add(raft, request))
        no_answer(raft, request, MSK_E_NOMEM, out);
}

/* Those that waited for what is applied by now. */
static void ask_held(struct msk_raft *raft, struct msk_actions *out)
{
    for (size_t i = 0; i < raft->requests.count;) {
        struct msk_request *request = &raft->requests.items[i];
        if (!request->held || request->last > raft->applied) {
            i++;
            continue;
        }
        request->held = false;
        if (ask_now(raft, request, MSK_BYTES(request->commands, request->len), out) == MSK_MACHINE_LATER)
            i++;
        else
            msk_request_remove(raft, request);
    }
}

static struct msk_request *find_asked(struct msk_raft *raft, uint64_t ticket)
{
    for (size_t i = 0; i < raft->requests.count; i++) {
        struct msk_request *request = &raft->requests.items[i];
        if (request->state == MSK_REQUEST_LOCAL && !request->held && request->id == ticket)
            return request;
    }
    return NULL;
}

/* ---- snapshots */

static void keep_snapshot(struct msk_raft *raft, struct msk_bytes state, struct msk_actions *out)
{
    msk_raft_save(raft, out); /* the entries it stands for come first */
    raft->snapshot_index = raft->snapshot_at.index;
    raft->record = ++*raft->config.sequence;
    msk_act_snapshot(out, &raft->config.group, raft->snapshot_at, state, raft->record);
}

void msk_raft_snapshot(struct msk_raft *raft, struct msk_actions *out)
{
    struct msk_builder state;
    if (!raft->machine->snapshot || raft->applied <= raft->snapshot_index || raft->snapshotting || raft->failed)
        return;
    raft->snapshot_wanted = raft->applying > 0;
    if (raft->snapshot_wanted)
        return;
    raft->snapshot_at = (struct msk_cursor){.index = raft->applied};
    msk_log_term_at(&raft->log, raft->applied, &raft->snapshot_at.term);
    msk_builder_init(&state, MSK_MACHINE_SNAPSHOT_MAX);
    int rc = raft->machine->snapshot(raft->machine_state, &state);
    raft->snapshotting = rc == MSK_MACHINE_LATER;
    if (rc == 0 && !state.error)
        keep_snapshot(raft, msk_builder_view(&state), out);
    msk_builder_free(&state);
}

/* ---- what came later */

void msk_raft_machine_applied(struct msk_raft *raft, struct msk_now now, int result, struct msk_actions *out)
{
    if (!raft->applying || raft->failed)
        return;
    set_applied(raft, raft->applying);
    raft->applying = 0;
    if (result < 0)
        msk_raft_fail(raft, "the machine failed", out);
    if (raft->snapshot_wanted)
        msk_raft_snapshot(raft, out);
    msk_raft_apply(raft, out);
    msk_requests_committed(raft, out);
    ask_held(raft, out);
    msk_raft_reads_settle(raft, now, out);
    msk_raft_spare(raft);
}

void msk_raft_machine_answered(struct msk_raft *raft, struct msk_now now, uint64_t ticket, int result,
                               struct msk_bytes bytes, struct msk_actions *out)
{
    struct msk_request *request = find_asked(raft, ticket);
    (void)now;
    if (!request)
        return;
    if (result < 0)
        no_answer(raft, request, result, out);
    else
        answer(raft, request, bytes, out);
    msk_request_remove(raft, request);
}

void msk_raft_machine_snapshotted(struct msk_raft *raft, int result, struct msk_bytes state, struct msk_actions *out)
{
    if (!raft->snapshotting || raft->failed)
        return;
    raft->snapshotting = false;
    if (result == 0)
        keep_snapshot(raft, state, out);
}

/* Queries under way end; those that wait for applied entries wait on. */
static void drop_queries(struct msk_raft *raft, struct msk_actions *out)
{
    for (size_t i = 0; i < raft->requests.count;) {
        struct msk_request *request = &raft->requests.items[i];
        if (request->state != MSK_REQUEST_LOCAL || request->held) {
            i++;
            continue;
        }
        no_answer(raft, request, MSK_E_CLOSED, out);
        msk_request_remove(raft, request);
    }
}

void msk_raft_machine_lost(struct msk_raft *raft, struct msk_actions *out)
{
    if (raft->failed)
        return;
    MSK_EMIT(out, &raft->config.group, MACHINE_LOST, MSK_F_U64("from", raft->snapshot_index),
             MSK_F_U64("to", raft->reached));
    drop_queries(raft, out);
    raft->applied = raft->snapshot_index;
    raft->applying = 0;
    raft->snapshotting = false;
    msk_raft_apply(raft, out);
}
