#include "runtime/child_process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define READ_SIZE    65536
#define LAST_WORD_MS 500 /* it closed a pipe: how it ends may still be told */

enum { PIPE_IN, PIPE_OUT, PIPE_ERR, PIPE_COUNT };

struct msk_process {
    struct msk_children *children;
    struct msk_process_owner owner;
    bool dropped, exited;
    size_t open_handles;
    uv_process_t process;
    uv_pipe_t pipes[PIPE_COUNT];
    uv_timer_t last_word;
    struct msk_builder line; /* the beginning of one */
    char said[MSK_CHILD_SAID_MAX + 1];
    size_t said_len;
    uint64_t said_from_ms; /* the second that is counted, */
    size_t said_count, unsaid_count;
    char reading[READ_SIZE];
};

/* ---- the end */

static void on_handle_closed(uv_handle_t *handle)
{
    struct msk_process *process = handle->data;
    if (--process->open_handles > 0)
        return;
    process->children->processes--;
    msk_builder_free(&process->line);
    msk_free(process);
}

static void close_handle(void *handle)
{
    if (!uv_is_closing(handle))
        uv_close(handle, on_handle_closed);
}

static void kill_group(const struct msk_process *process)
{
    kill(-process->process.pid, SIGKILL);
}

void msk_process_drop(struct msk_process *process)
{
    process->dropped = true;
    kill_group(process);
    for (size_t i = 0; i < PIPE_COUNT; i++)
        close_handle(&process->pipes[i]);
    close_handle(&process->last_word);
    if (process->exited)
        close_handle(&process->process);
}

static void say(struct msk_process *process)
{
    uint64_t now_ms = uv_now(process->children->loop);
    if (now_ms - process->said_from_ms >= 1000) {
        char text[64];
        snprintf(text, sizeof text, "(%zu lines left out)", process->unsaid_count);
        if (process->unsaid_count > 0)
            process->owner.said(process->owner.context, text);
        process->said_from_ms = now_ms;
        process->said_count = process->unsaid_count = 0;
    }
    process->said[process->said_len] = 0;
    if (process->said_count++ < MSK_CHILD_SAID_RATE)
        process->owner.said(process->owner.context, process->said);
    else
        process->unsaid_count++;
    process->said_len = 0;
}

static void on_ended(uv_process_t *handle, int64_t status, int number)
{
    struct msk_process *process = handle->data;
    char reason[MSK_CHILD_REASON_MAX];
    process->exited = true;
    if (process->dropped) {
        close_handle(handle);
        return;
    }
    if (process->said_len > 0)
        say(process);
    if (number)
        snprintf(reason, sizeof reason, "it was killed by signal %d (%s)", number, strsignal(number));
    else
        snprintf(reason, sizeof reason, "it ended with status %d%s", (int)status,
                 status == 127 ? ": its command was not found" : "");
    process->owner.broken(process->owner.context, reason);
}

static void on_last_word(uv_timer_t *timer)
{
    struct msk_process *process = timer->data;
    process->owner.broken(process->owner.context, "it closed its standard input or output");
}

/* ---- what it writes */

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
    struct msk_process *process = handle->data;
    (void)suggested;
    *out = uv_buf_init(process->reading, READ_SIZE);
}

/* The lines that end in these bytes. Whoever is told of one may drop the process. */
static void take_lines(struct msk_process *process, struct msk_bytes bytes)
{
    while (bytes.len > 0 && !process->dropped) {
        const uint8_t *end = memchr(bytes.data, '\n', bytes.len);
        size_t len = end ? (size_t)(end - bytes.data) : bytes.len;
        msk_builder_append(&process->line, bytes.data, len);
        if (process->line.error) {
            char reason[MSK_CHILD_REASON_MAX];
            snprintf(reason, sizeof reason, "it wrote a line of more than %u bytes", MSK_CHILD_LINE_MAX);
            process->owner.broken(process->owner.context,
                                  process->line.error == MSK_E_LIMIT ? reason : "out of memory");
            return;
        }
        if (!end)
            return;
        process->owner.line(process->owner.context, msk_builder_view(&process->line));
        if (process->line.capacity > READ_SIZE)
            msk_builder_free(&process->line);
        else
            msk_builder_reset(&process->line);
        bytes = MSK_BYTES(end + 1, bytes.len - len - 1);
    }
}

static void on_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct msk_process *process = stream->data;
    if (n > 0)
        take_lines(process, MSK_BYTES(buffer->base, (size_t)n));
    else if (n < 0) {
        uv_read_stop(stream);
        uv_timer_start(&process->last_word, on_last_word, LAST_WORD_MS, 0);
    }
}

/* Printable, so that it harms neither JSON nor a terminal. */
static void on_error_output(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct msk_process *process = stream->data;
    if (n < 0)
        uv_read_stop(stream);
    for (ssize_t i = 0; i < n && !process->dropped; i++) {
        char byte = buffer->base[i];
        if (byte == '\n')
            say(process);
        else if (process->said_len < MSK_CHILD_SAID_MAX)
            process->said[process->said_len++] = byte == '\t' ? ' ' : byte < ' ' || byte > '~' ? '?' : byte;
    }
}

/* ---- what it is told */

struct write {
    uv_write_t request;
    uint8_t *data;
};

static void on_written(uv_write_t *request, int status)
{
    struct write *write = request->data;
    struct msk_process *process = request->handle->data;
    msk_free(write->data);
    msk_free(write);
    if (status < 0 && !process->dropped) /* its end says more than this */
        uv_timer_start(&process->last_word, on_last_word, LAST_WORD_MS, 0);
}

bool msk_process_write(struct msk_process *process, uint8_t *data, size_t len)
{
    struct write *write = msk_calloc(1, sizeof *write);
    uv_buf_t buffer = uv_buf_init((char *)data, (unsigned)len);
    if (write) {
        write->data = data;
        write->request.data = write;
        if (uv_write(&write->request, (uv_stream_t *)&process->pipes[PIPE_IN], &buffer, 1, on_written) == 0)
            return true;
    }
    msk_free(write);
    msk_free(data);
    return false;
}

/* ---- the beginning */

int msk_process_pid(const struct msk_process *process)
{
    return process->process.pid;
}

static void init_handles(struct msk_process *process)
{
    uv_loop_t *loop = process->children->loop;
    for (size_t i = 0; i < PIPE_COUNT; i++) {
        uv_pipe_init(loop, &process->pipes[i], 0);
        process->pipes[i].data = process;
    }
    uv_timer_init(loop, &process->last_word);
    process->last_word.data = process->process.data = process;
    process->open_handles = PIPE_COUNT + 2;
}

static int spawn(struct msk_process *process, const char *const *argv)
{
    uv_stdio_container_t stdio[PIPE_COUNT];
    for (size_t i = 0; i < PIPE_COUNT; i++) {
        stdio[i].flags = UV_CREATE_PIPE | (i == PIPE_IN ? UV_READABLE_PIPE : UV_WRITABLE_PIPE);
        stdio[i].data.stream = (uv_stream_t *)&process->pipes[i];
    }
    const uv_process_options_t options = {
        .exit_cb = on_ended,
        .file = argv[0],
        .args = (char **)argv,
        .flags = UV_PROCESS_DETACHED, /* a group of its own */
        .stdio_count = PIPE_COUNT,
        .stdio = stdio,
    };
    int rc = uv_spawn(process->children->loop, &process->process, &options);
    process->process.data = process;
    return rc;
}

int msk_process_start(struct msk_children *children, const char *const *argv, const struct msk_process_owner *owner,
                      struct msk_process **out, struct msk_error *err)
{
    struct msk_process *process = msk_calloc(1, sizeof *process);
    if (!process)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    process->children = children;
    process->owner = *owner;
    children->processes++;
    msk_builder_init(&process->line, MSK_CHILD_LINE_MAX);
    init_handles(process);
    int rc = spawn(process, argv);
    if (rc < 0) {
        process->exited = process->dropped = true;
        for (size_t i = 0; i < PIPE_COUNT; i++)
            close_handle(&process->pipes[i]);
        close_handle(&process->last_word);
        close_handle(&process->process);
        return msk_fail(err, MSK_E_IO, "it cannot be started: %s", uv_strerror(rc));
    }
    uv_read_start((uv_stream_t *)&process->pipes[PIPE_OUT], on_room, on_output);
    uv_read_start((uv_stream_t *)&process->pipes[PIPE_ERR], on_room, on_error_output);
    *out = process;
    return 0;
}
