#include "runtime/control.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "quic/ring.h"
#include "runtime/lines.h"
#include "runtime/unix_socket.h"

#define READ_SIZE 16384

/* Embedded in its client: one is under way at a time. */
struct msk_control_request {
    bool open; /* given to a verb, not answered yet */
    void (*left)(void *context);
    void *context;
};

struct client {
    uv_pipe_t pipe;
    struct msk_control *control;
    struct msk_ring ring;
    struct msk_control_request request;
    struct msk_builder input;
    struct msk_lines output;
    uv_write_t write;
    bool writing, watching;
    bool ended;  /* it sends no more */
    bool closed; /* its handle is being closed, or is */
    bool gone;   /* closing has finished: only an open request keeps it */
};

struct msk_control {
    uv_loop_t *loop;
    uv_pipe_t listener;
    const struct msk_control_verb *verbs;
    size_t verb_count;
    void *context;
    struct msk_ring clients;
    size_t client_count, watcher_count;
    bool over, closing, listener_closed;
    const char *path;
    char read_buffer[READ_SIZE]; /* shared: libuv fills it and calls back before it asks again */
};

static void serve(struct client *client);

/* ---- the end of a client */

static void free_client(struct client *client)
{
    msk_builder_free(&client->input);
    msk_lines_free(&client->output);
    msk_free(client);
}

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->gone = true;
    msk_ring_remove(&client->ring);
    client->control->client_count--;
    if (!client->request.open)
        free_client(client);
}

static void close_client(struct client *client)
{
    if (client->closed)
        return;
    client->closed = true;
    client->control->watcher_count -= client->watching;
    client->watching = false;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    if (client->request.open && client->request.left)
        client->request.left(client->request.context);
}

/* ---- output */

static void write_next(struct client *client);

static void on_written(uv_write_t *write, int status)
{
    struct client *client = write->data;
    client->writing = false;
    if (status < 0) {
        close_client(client);
        return;
    }
    msk_lines_written(&client->output);
    write_next(client);
    serve(client);
}

static void write_next(struct client *client)
{
    if (client->writing || client->closed)
        return;
    struct msk_bytes piece = msk_lines_next(&client->output);
    if (piece.len == 0)
        return;
    uv_buf_t buffer = uv_buf_init((char *)piece.data, (unsigned)piece.len);
    client->write.data = client;
    client->writing = uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) == 0;
    if (!client->writing)
        close_client(client);
}

static void send_error(struct client *client, int code, const char *text);

/* Steals `answer`. A client that cannot be answered is closed rather than left waiting. */
static void send_answer(struct client *client, json_t *answer)
{
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    json_decref(answer);
    if (text && strlen(text) >= MSK_CONTROL_ANSWER_MAX) {
        free(text);
        send_error(client, MSK_E_LIMIT, "the answer is too long");
        return;
    }
    bool queued = text && msk_lines_push(&client->output, msk_bytes_of_text(text));
    free(text);
    if (queued)
        write_next(client);
    else
        close_client(client);
}

static void send_error(struct client *client, int code, const char *text)
{
    send_answer(client, json_pack("{s:b, s:s, s:s}", "ok", 0, "error", text, "code", msk_error_name(code)));
}

static struct client *client_of(struct msk_control_request *request)
{
    msk_assert(request->open);
    request->open = false;
    return MSK_RING_ITEM(request, struct client, request);
}

/* The request has been answered: the next one, or the end of a client that left meanwhile. */
static void go_on(struct client *client)
{
    if (client->gone)
        free_client(client);
    else
        serve(client);
}

void msk_control_answer(struct msk_control_request *request, json_t *result)
{
    struct client *client = client_of(request);
    if (client->closed)
        json_decref(result);
    else
        send_answer(client, result ? json_pack("{s:b, s:o}", "ok", 1, "result", result) : NULL);
    go_on(client);
}

void msk_control_refuse(struct msk_control_request *request, const struct msk_error *err)
{
    struct client *client = client_of(request);
    if (!client->closed)
        send_error(client, err->code, err->text);
    go_on(client);
}

void msk_control_on_leave(struct msk_control_request *request, void (*left)(void *context), void *context)
{
    msk_assert(request->open);
    request->left = left;
    request->context = context;
}

void msk_control_stream(struct msk_control_request *request)
{
    struct client *client = client_of(request);
    if (!client->closed) {
        client->watching = true;
        client->control->watcher_count++;
        msk_lines_free(&client->output); /* nothing is under way: this request was the only one */
        msk_lines_init(&client->output, MSK_CONTROL_WATCH_MAX, true);
        send_answer(client, json_pack("{s:b, s:{}}", "ok", 1, "result"));
    }
    go_on(client);
}

void msk_control_publish(struct msk_control *control, struct msk_bytes line)
{
    for (struct msk_ring *at = control->clients.next; at != &control->clients; at = at->next) {
        struct client *client = MSK_RING_ITEM(at, struct client, ring);
        if (!client->watching)
            continue;
        msk_lines_push(&client->output, line);
        write_next(client);
    }
}

bool msk_control_is_watched(const struct msk_control *control)
{
    return control->watcher_count > 0;
}

/* ---- input */

static const struct msk_control_verb *find_verb(const struct msk_control *control, const char *name)
{
    for (size_t i = 0; i < control->verb_count; i++)
        if (strcmp(control->verbs[i].name, name) == 0)
            return &control->verbs[i];
    return NULL;
}

static void run_request(struct client *client, struct msk_bytes line)
{
    struct msk_error err;
    json_error_t where;
    json_t *object = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &where);
    const char *name = json_string_value(json_object_get(object, "cmd"));
    const struct msk_control_verb *verb = name ? find_verb(client->control, name) : NULL;
    if (verb && !client->control->over) {
        client->request = (struct msk_control_request){.open = true};
        verb->run(client->control->context, object, &client->request);
    } else {
        if (verb)
            msk_fail(&err, MSK_E_CLOSED, "the node is stopping");
        else if (!object)
            msk_fail(&err, MSK_E_INVALID, "not a line of JSON: column %d: %s", where.column, where.text);
        else if (!name)
            msk_fail(&err, MSK_E_INVALID, "not a request: no member \"cmd\"");
        else
            msk_fail(&err, MSK_E_INVALID, "unknown command \"%.40s\"", name);
        send_error(client, err.code, err.text);
    }
    json_decref(object);
}

/* Run the requests that have arrived, one at a time: the next only when the answer of the last one has left. */
static void serve(struct client *client)
{
    while (!client->closed && !client->request.open && !client->watching && msk_lines_empty(&client->output)) {
        struct msk_bytes in = msk_builder_view(&client->input);
        const uint8_t *end = in.len ? memchr(in.data, '\n', in.len) : NULL;
        if (!end)
            break;
        size_t len = (size_t)(end - in.data);
        uint8_t *line = msk_memdup(in.data, len);
        msk_builder_consume(&client->input, len + 1);
        if (client->input.len == 0)
            msk_builder_free(&client->input);
        if (line)
            run_request(client, MSK_BYTES(line, len));
        else
            close_client(client);
        msk_free(line);
    }
    bool finished = client->ended || client->control->closing;
    if (finished && !client->request.open && msk_lines_empty(&client->output))
        close_client(client);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    (void)suggested;
    struct client *client = handle->data;
    *buffer = uv_buf_init(client->control->read_buffer, READ_SIZE);
}

/* Whether the other side reads no more either. */
static bool has_hung_up(const struct client *client)
{
    struct pollfd poll_fd = {.fd = -1};
    return uv_fileno((const uv_handle_t *)&client->pipe, &poll_fd.fd) == 0 && poll(&poll_fd, 1, 0) > 0 &&
           (poll_fd.revents & POLLHUP);
}

static void on_read(uv_stream_t *stream, ssize_t len, const uv_buf_t *buffer)
{
    struct client *client = stream->data;
    if (len == UV_EOF) {
        client->ended = true; /* it may still wait for an answer: `echo ... | nc -U` ends its side first */
        if (client->request.open && client->request.left && has_hung_up(client)) {
            close_client(client);
            return;
        }
    } else if (len < 0) {
        close_client(client);
        return;
    } else {
        msk_builder_append(&client->input, buffer->base, (size_t)len);
    }
    if (client->input.error) {
        uv_read_stop(stream);
        client->ended = true;
        msk_builder_free(&client->input);
        if (!client->request.open)
            send_error(client, MSK_E_LIMIT, "the request is too long");
    }
    serve(client);
}

/* ---- accepting */

static void on_connection(uv_stream_t *listener, int status)
{
    struct msk_control *control = listener->data;
    struct client *client = status == 0 ? msk_calloc(1, sizeof *client) : NULL;
    if (!client)
        return;
    client->control = control;
    msk_ring_init(&client->ring);
    msk_builder_init(&client->input, MSK_CONTROL_REQUEST_MAX);
    msk_lines_init(&client->output, MSK_CONTROL_ANSWER_MAX, true);
    uv_pipe_init(control->loop, &client->pipe, 0);
    client->pipe.data = client;
    msk_ring_push(&control->clients, &client->ring);
    control->client_count++;
    if (uv_accept(listener, (uv_stream_t *)&client->pipe) != 0) {
        close_client(client);
        return;
    }
    if (control->client_count > MSK_CONTROL_CLIENTS_MAX) {
        client->ended = true;
        send_error(client, MSK_E_LIMIT, "too many connections to the control socket");
        return;
    }
    if (uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) != 0)
        close_client(client);
}

int msk_control_new(uv_loop_t *loop, const char *path, const struct msk_control_verb *verbs, size_t verb_count,
                    void *context, struct msk_control **out, struct msk_error *err)
{
    int fd;
    struct msk_control *control = msk_calloc(1, sizeof *control);
    if (!control)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = msk_unix_listen(path, &fd, err);
    if (rc) {
        msk_free(control);
        return msk_wrap(err, rc, "control socket");
    }
    control->loop = loop;
    control->path = path;
    control->verbs = verbs;
    control->verb_count = verb_count;
    control->context = context;
    msk_ring_init(&control->clients);
    uv_pipe_init(loop, &control->listener, 0);
    control->listener.data = control;
    int uv_rc = uv_pipe_open(&control->listener, fd);
    if (uv_rc == 0)
        uv_rc = uv_listen((uv_stream_t *)&control->listener, MSK_CONTROL_CLIENTS_MAX, on_connection);
    if (uv_rc) {
        msk_control_free(control);
        return msk_fail(err, MSK_E_IO, "control socket %s: %s", path, uv_strerror(uv_rc));
    }
    *out = control;
    return 0;
}

static void on_listener_closed(uv_handle_t *handle)
{
    struct msk_control *control = handle->data;
    control->listener_closed = true;
}

void msk_control_end(struct msk_control *control)
{
    if (control)
        control->over = true;
}

void msk_control_close(struct msk_control *control)
{
    if (control->closing)
        return;
    control->closing = true;
    unlink(control->path);
    uv_close((uv_handle_t *)&control->listener, on_listener_closed);
    for (struct msk_ring *at = control->clients.next; at != &control->clients; at = at->next)
        serve(MSK_RING_ITEM(at, struct client, ring));
}

static bool is_closed(const struct msk_control *control)
{
    return control->listener_closed && msk_ring_empty(&control->clients);
}

void msk_control_free(struct msk_control *control)
{
    if (!control)
        return;
    msk_control_close(control);
    for (struct msk_ring *at = control->clients.next; at != &control->clients; at = at->next)
        close_client(MSK_RING_ITEM(at, struct client, ring));
    while (!is_closed(control))
        uv_run(control->loop, UV_RUN_NOWAIT);
    msk_free(control);
}
