#include "runtime/calls.h"

#include "base/alloc.h"
#include "runtime/now.h"

struct call {
    struct msk_ring ring;
    struct msk_control_request *request;
    msk_call_ended *ended; /* of a caller in this process, in place of `request` */
    void *context;
    struct msk_node *node;
    const struct msk_machine *machine;
    struct msk_digest group;
    uint64_t number;
    enum msk_call_kind kind;
    size_t count; /* of commands */
    bool hex;
};

/* What was read from a request; `ask` points into the other two: encoded commands one after another, or one query. */
struct arguments {
    struct msk_call_ask ask;
    struct msk_builder encoded;
    struct msk_bytes *commands;
};

void msk_calls_init(struct msk_calls *calls)
{
    *calls = (struct msk_calls){0};
    msk_ring_init(&calls->ring);
}

static void free_call(struct call *call)
{
    msk_ring_remove(&call->ring);
    msk_free(call);
}

static void end(struct call *call, const struct msk_action *reply)
{
    call->ended(call->context, reply);
    free_call(call);
}

static void refuse(struct call *call, int code, const char *text)
{
    struct msk_error err;
    if (call->ended) {
        end(call, NULL);
        return;
    }
    msk_fail(&err, code, "%s", text);
    msk_control_refuse(call->request, &err);
    free_call(call);
}

/* ---- reading */

static int read_flag(const json_t *arguments, const char *name, bool *out, struct msk_error *err)
{
    const json_t *flag = json_object_get(arguments, name);
    *out = json_is_true(flag);
    return !flag || json_is_boolean(flag) ? 0 : msk_fail(err, MSK_E_INVALID, "\"%s\" must be true or false", name);
}

static int read_timeout(const json_t *arguments, uint64_t *out_ms, struct msk_error *err)
{
    const json_t *timeout = json_object_get(arguments, "timeout_ms");
    json_int_t number = json_integer_value(timeout);
    *out_ms = (uint64_t)number;
    if (!timeout || (json_is_integer(timeout) && number >= 0 && (uint64_t)number <= MSK_CALL_TIMEOUT_MAX_MS))
        return 0;
    return msk_fail(err, MSK_E_INVALID, "\"timeout_ms\" must be a number from 0 to 30 days");
}

static int read_command(const struct call *call, const json_t *json, size_t i, struct arguments *out,
                        struct msk_error *err)
{
    size_t before = out->encoded.len;
    int rc = msk_machine_read_json(call->hex ? NULL : call->machine->command, json, &out->encoded, err);
    if (rc < 0)
        return msk_wrap(err, rc, "commands[%zu]", i);
    out->commands[i].len = out->encoded.len - before;
    return 0;
}

static int read_commands(const struct call *call, const json_t *arguments, struct arguments *out, struct msk_error *err)
{
    const json_t *list = json_object_get(arguments, "commands"), *item;
    size_t i;
    size_t count = json_array_size(list);
    int rc = read_timeout(arguments, &out->ask.timeout_ms, err);
    if (rc)
        return rc;
    if (count == 0 || count > MSK_CALL_COMMANDS_MAX)
        return msk_fail(err, MSK_E_INVALID, "\"commands\" must be a list of 1 to %u commands", MSK_CALL_COMMANDS_MAX);
    out->commands = msk_calloc(count, sizeof *out->commands);
    if (!out->commands)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    json_array_foreach(list, i, item)
    {
        rc = read_command(call, item, i, out, err);
        if (rc)
            return rc;
    }
    const uint8_t *at = out->encoded.data; /* only now it stays where it is */
    for (i = 0; i < count; i++) {
        out->commands[i].data = at;
        at += out->commands[i].len;
    }
    out->ask.commands = out->commands;
    out->ask.count = count;
    return 0;
}

static int read_query(const struct call *call, const json_t *arguments, struct arguments *out, struct msk_error *err)
{
    json_t *query = json_object_get(arguments, "query");
    json_t *nothing = call->hex || !call->machine->query ? json_string("") : json_null();
    int rc = read_flag(arguments, "weak", &out->ask.weak, err);
    if (rc == 0) {
        rc =
            msk_machine_read_json(call->hex ? NULL : call->machine->query, query ? query : nothing, &out->encoded, err);
        if (rc < 0)
            msk_wrap(err, rc, "query");
    }
    json_decref(nothing);
    out->ask.query = msk_builder_view(&out->encoded);
    return rc < 0 ? rc : 0;
}

static int read_arguments(struct call *call, const json_t *arguments, struct arguments *out, struct msk_error *err)
{
    int rc = read_flag(arguments, "hex", &call->hex, err);
    if (rc)
        return rc;
    return call->kind == MSK_CALL_QUERY ? read_query(call, arguments, out, err)
                                        : read_commands(call, arguments, out, err);
}

/* ---- asking */

/* The client has gone. */
static void on_left(void *context)
{
    struct call *call = context;
    msk_node_forget_request(call->node, &call->group, call->number);
    refuse(call, MSK_E_CLOSED, "nobody waits for the answer");
}

static int ask(struct call *call, const struct msk_call_ask *ask, struct msk_actions *out)
{
    switch (call->kind) {
    case MSK_CALL_EXECUTE:
        return msk_node_execute(call->node, msk_now(), &call->group, call->number, ask->commands, ask->count,
                                ask->timeout_ms, out);
    case MSK_CALL_FEED:
        return msk_node_feed(call->node, msk_now(), &call->group, call->number, ask->commands, ask->count, out);
    case MSK_CALL_QUERY:
        return msk_node_query(call->node, msk_now(), &call->group, call->number, ask->query, !ask->weak, out);
    }
    return MSK_E_INTERNAL;
}

static struct call *new_call(struct msk_node *node, enum msk_call_kind kind, const struct msk_digest *group)
{
    struct call *call = msk_calloc(1, sizeof *call);
    if (!call)
        return NULL;
    *call = (struct call){.node = node, .machine = msk_node_machine(node, group), .group = *group, .kind = kind};
    msk_ring_init(&call->ring);
    return call;
}

static void list(struct msk_calls *calls, struct call *call)
{
    call->number = ++calls->last_number;
    msk_ring_push(&calls->ring, &call->ring);
}

int msk_calls_ask(struct msk_calls *calls, struct msk_node *node, enum msk_call_kind kind,
                  const struct msk_digest *group, const struct msk_call_ask *what, msk_call_ended *ended, void *context,
                  struct msk_actions *out)
{
    struct call *call = new_call(node, kind, group);
    if (!call)
        return MSK_E_NOMEM;
    call->ended = ended;
    call->context = context;
    list(calls, call);
    int rc = ask(call, what, out);
    if (rc)
        free_call(call);
    return rc;
}

static void begin(struct msk_calls *calls, struct call *call, const json_t *json, struct msk_actions *out)
{
    struct arguments arguments = {0};
    struct msk_error err;
    msk_builder_init(&arguments.encoded, MSK_CALL_BYTES_MAX);
    int rc = read_arguments(call, json, &arguments, &err);
    if (rc == 0) {
        call->count = arguments.ask.count;
        list(calls, call);
        msk_control_on_leave(call->request, on_left, call);
        rc = ask(call, &arguments.ask, out);
        if (rc)
            msk_fail(&err, rc, "%s", rc == MSK_E_NOTFOUND ? "the group has failed" : msk_error_sentence(rc));
    }
    if (rc)
        refuse(call, err.code, err.text);
    msk_free(arguments.commands);
    msk_builder_free(&arguments.encoded);
}

void msk_calls_begin(struct msk_calls *calls, struct msk_node *node, enum msk_call_kind kind,
                     const struct msk_digest *group, const json_t *arguments, struct msk_control_request *request,
                     struct msk_actions *out)
{
    struct call *call = new_call(node, kind, group);
    if (!call) {
        struct msk_error err;
        msk_fail(&err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
        msk_control_refuse(request, &err);
        return;
    }
    call->request = request;
    begin(calls, call, arguments, out);
}

/* ---- answering */

static struct call *find(const struct msk_calls *calls, const struct msk_digest *group, uint64_t number)
{
    for (struct msk_ring *at = calls->ring.next; at != &calls->ring; at = at->next) {
        struct call *call = MSK_RING_ITEM(at, struct call, ring);
        if (call->number == number && msk_digest_equal(&call->group, group))
            return call;
    }
    return NULL;
}

static void answer_query(struct call *call, struct msk_bytes value, uint64_t position)
{
    json_t *result;
    struct msk_error err;
    int rc = msk_machine_print_json(call->hex ? NULL : call->machine->result, value, &result, &err);
    if (rc < 0) {
        msk_wrap(&err, rc, "result");
        refuse(call, rc, err.text);
        return;
    }
    msk_control_answer(call->request, json_pack("{s:o, s:I}", "result", result, "position", (json_int_t)position));
    free_call(call);
}

static void answer_outcome(struct call *call, const struct msk_action *reply)
{
    const char *outcome = msk_outcome_name(reply->reply.outcome), *reason = reply->reply.reason;
    json_t *answer = call->kind == MSK_CALL_QUERY
                         ? json_pack("{s:s, s:s*}", "outcome", outcome, "reason", reason)
                         : json_pack("{s:I, s:I, s:I, s:s, s:s*}", "index", (json_int_t)reply->reply.last, "first",
                                     (json_int_t)reply->reply.first, "count", (json_int_t)call->count, "outcome",
                                     outcome, "reason", reason);
    msk_control_answer(call->request, answer);
    free_call(call);
}

void msk_calls_reply(struct msk_calls *calls, const struct msk_action *reply)
{
    struct call *call = find(calls, &reply->reply.group, reply->reply.request);
    if (!call)
        return;
    if (call->ended)
        end(call, reply);
    else if (reply->reply.outcome == MSK_OUTCOME_REFUSED)
        refuse(call, MSK_E_REFUSED, reply->reply.reason);
    else if (reply->reply.outcome == MSK_OUTCOME_ANSWERED)
        answer_query(call, MSK_BYTES(reply->reply.result, reply->reply.len), reply->reply.position);
    else
        answer_outcome(call, reply);
}

void msk_calls_end(struct msk_calls *calls)
{
    struct call *call;
    while ((call = MSK_RING_FIRST(&calls->ring, struct call, ring)))
        refuse(call, MSK_E_CLOSED, "the node is stopping");
}
