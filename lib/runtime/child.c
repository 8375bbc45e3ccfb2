#include "runtime/child.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "runtime/child_process.h"

struct request {
    struct msk_ring ring;
    uint64_t id, number;
    int kind;
    uint8_t *line; /* owned until it is written */
    size_t len;
};

struct msk_child {
    struct msk_ring ring; /* among the children */
    struct msk_children *children;
    const char *const *argv;
    uint64_t timeout_ms, last_id;
    struct msk_child_owner owner;
    struct msk_process *process; /* NULL: it does not run */
    uint64_t started_ms, retry_ms;
    uv_timer_t *timer;        /* the restart, or the limit of the oldest request; NULL: stopped */
    struct msk_ring requests; /* oldest first */
    size_t pending, pending_bytes;
};

static void fail(struct msk_child *child, const char *reason);

/* ---- time */

static void free_timer(uv_handle_t *handle)
{
    msk_free(handle);
}

static void on_timeout(uv_timer_t *timer)
{
    struct msk_child *child = timer->data;
    char reason[MSK_CHILD_REASON_MAX];
    snprintf(reason, sizeof reason, "it did not answer within %llu ms", (unsigned long long)child->timeout_ms);
    fail(child, reason);
}

/* The oldest request has become another one. */
static void watch_oldest(struct msk_child *child)
{
    if (child->pending > 0)
        uv_timer_start(child->timer, on_timeout, child->timeout_ms, 0);
    else
        uv_timer_stop(child->timer);
}

/* ---- requests */

static void remove_request(struct msk_child *child, struct request *request)
{
    msk_ring_remove(&request->ring);
    child->pending--;
    child->pending_bytes -= request->len;
    msk_free(request->line);
    msk_free(request);
}

static void drop_requests(struct msk_child *child)
{
    struct request *request;
    while ((request = MSK_RING_FIRST(&child->requests, struct request, ring)))
        remove_request(child, request);
}

static void send_line(struct msk_child *child, struct request *request)
{
    uint8_t *line = request->line;
    request->line = NULL; /* the process's; without memory the time limit notices */
    (void)msk_process_write(child->process, line, request->len);
}

/* {"id":1, and then the members of the message. */
static uint8_t *make_line(uint64_t id, json_t *message, size_t *len)
{
    struct msk_builder line;
    char *text = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    *len = 0;
    if (!text)
        return NULL;
    msk_builder_init(&line, MSK_CHILD_QUEUE_BYTES_MAX);
    msk_builder_printf(&line, "{\"id\":%llu,", (unsigned long long)id);
    msk_builder_append(&line, text + 1, strlen(text) - 1);
    msk_builder_byte(&line, '\n');
    free(text);
    return msk_builder_take(&line, len);
}

int msk_child_ask(struct msk_child *child, json_t *message, int kind, uint64_t number)
{
    struct request *request = msk_calloc(1, sizeof *request);
    if (!request) {
        json_decref(message);
        return MSK_E_NOMEM;
    }
    *request = (struct request){.id = ++child->last_id, .kind = kind, .number = number};
    msk_ring_init(&request->ring);
    request->line = make_line(request->id, message, &request->len);
    bool too_many =
        child->pending == MSK_CHILD_QUEUE_MAX || request->len > MSK_CHILD_QUEUE_BYTES_MAX - child->pending_bytes;
    if (!request->line || too_many || !child->timer) {
        int rc = request->line ? MSK_E_LIMIT : MSK_E_NOMEM;
        msk_free(request->line);
        msk_free(request);
        return rc;
    }
    msk_ring_push(&child->requests, &request->ring);
    child->pending_bytes += request->len;
    if (child->pending++ == 0 && child->process)
        watch_oldest(child);
    if (child->process)
        send_line(child, request);
    return 0;
}

size_t msk_child_pending(const struct msk_child *child)
{
    return child->pending;
}

bool msk_child_is_busy(const struct msk_child *child)
{
    return child->pending >= MSK_CHILD_QUEUE_MAX / 2 || child->pending_bytes >= MSK_CHILD_QUEUE_BYTES_MAX / 2;
}

/* ---- answers */

static bool is_answer_to(const json_t *answer, const struct request *request)
{
    const json_t *id = json_object_get(answer, "id");
    return request && json_is_integer(id) && (uint64_t)json_integer_value(id) == request->id;
}

static void on_line(void *context, struct msk_bytes line)
{
    struct msk_child *child = context;
    struct request *request = MSK_RING_FIRST(&child->requests, struct request, ring);
    json_t *answer = json_loadb((const char *)line.data, line.len, JSON_ALLOW_NUL, NULL);
    const char *fault = NULL;
    if (!answer || !json_is_object(answer)) {
        fault = "it wrote a line that is no JSON object";
    } else if (!is_answer_to(answer, request)) {
        fault = "it wrote a line whose \"id\" is not that of the oldest request";
    } else {
        int kind = request->kind;
        uint64_t number = request->number;
        remove_request(child, request);
        watch_oldest(child);
        fault = child->owner.answered(child->owner.context, kind, number, answer);
    }
    json_decref(answer);
    if (fault)
        fail(child, fault);
}

static void on_said(void *context, const char *text)
{
    struct msk_child *child = context;
    child->owner.said(child->owner.context, text);
}

static void on_broken(void *context, const char *reason)
{
    fail(context, reason);
}

/* ---- life */

static void on_start(uv_timer_t *timer)
{
    struct msk_child *child = timer->data;
    const struct msk_process_owner owner = {.line = on_line, .said = on_said, .broken = on_broken, .context = child};
    struct msk_error err;
    if (msk_process_start(child->children, child->argv, &owner, &child->process, &err)) {
        fail(child, err.text);
        return;
    }
    child->started_ms = uv_now(child->children->loop);
    for (struct msk_ring *at = child->requests.next; at != &child->requests; at = at->next) {
        struct request *request = MSK_RING_ITEM(at, struct request, ring);
        if (request->line)
            send_line(child, request);
    }
    watch_oldest(child);
    child->owner.started(child->owner.context, msk_process_pid(child->process));
}

static void end_process(struct msk_child *child)
{
    if (child->process)
        msk_process_drop(child->process);
    child->process = NULL;
}

static void tell_dropped(const struct msk_child *child, const char *reason)
{
    for (struct msk_ring *at = child->requests.next; child->owner.dropped && at != &child->requests; at = at->next) {
        const struct request *request = MSK_RING_ITEM(at, struct request, ring);
        child->owner.dropped(child->owner.context, request->kind, request->number, reason);
    }
}

static void fail(struct msk_child *child, const char *reason)
{
    uint64_t now_ms = uv_now(child->children->loop), retry_ms = child->retry_ms * 2;
    bool calm = child->process && now_ms - child->started_ms >= MSK_CHILD_CALM_MS;
    end_process(child);
    tell_dropped(child, reason);
    drop_requests(child);
    if (calm || retry_ms < MSK_CHILD_RETRY_MIN_MS)
        retry_ms = MSK_CHILD_RETRY_MIN_MS;
    child->retry_ms = retry_ms < MSK_CHILD_RETRY_MAX_MS ? retry_ms : MSK_CHILD_RETRY_MAX_MS;
    uv_timer_start(child->timer, on_start, child->retry_ms, 0);
    child->owner.failed(child->owner.context, reason, child->retry_ms);
}

struct msk_child *msk_child_new(struct msk_children *children, const char *const *argv, uint64_t timeout_ms,
                                const struct msk_child_owner *owner)
{
    struct msk_child *child = msk_calloc(1, sizeof *child);
    uv_timer_t *timer = child ? msk_calloc(1, sizeof *timer) : NULL;
    if (!timer) {
        msk_free(child);
        return NULL;
    }
    *child = (struct msk_child){
        .children = children, .argv = argv, .timeout_ms = timeout_ms, .owner = *owner, .timer = timer};
    msk_ring_init(&child->ring);
    msk_ring_init(&child->requests);
    msk_ring_push(&children->ring, &child->ring);
    uv_timer_init(children->loop, timer);
    timer->data = child;
    uv_timer_start(timer, on_start, 0, 0);
    return child;
}

static void stop(struct msk_child *child)
{
    end_process(child);
    drop_requests(child);
    msk_ring_remove(&child->ring);
    if (child->timer)
        uv_close((uv_handle_t *)child->timer, free_timer);
    child->timer = NULL;
}

void msk_child_free(struct msk_child *child)
{
    if (!child)
        return;
    stop(child);
    msk_free(child);
}

void msk_children_init(struct msk_children *children, uv_loop_t *loop)
{
    *children = (struct msk_children){.loop = loop};
    msk_ring_init(&children->ring);
}

void msk_children_stop(struct msk_children *children)
{
    struct msk_child *child;
    while (children->loop && (child = MSK_RING_FIRST(&children->ring, struct msk_child, ring)))
        stop(child);
}
