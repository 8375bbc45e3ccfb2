#include "runtime/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "runtime/control.h"
#include "runtime/now.h"
#include "runtime/unix_socket.h"

#define READ_SIZE 16384

struct msk_client {
    int fd;
    struct msk_builder input;
    size_t consumed; /* of the input: lines already given out */
};

int msk_client_open(const char *path, struct msk_client **out, struct msk_error *err)
{
    struct msk_client *client = msk_calloc(1, sizeof *client);
    if (!client)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = msk_unix_connect(path, &client->fd, err);
    if (rc) {
        msk_free(client);
        return msk_wrap(err, rc, "control socket");
    }
    msk_builder_init(&client->input, MSK_CONTROL_ANSWER_MAX);
    *out = client;
    return 0;
}

void msk_client_close(struct msk_client *client)
{
    if (!client)
        return;
    close(client->fd);
    msk_builder_free(&client->input);
    msk_free(client);
}

static int fail_gone(struct msk_error *err)
{
    return msk_fail(err, MSK_E_UNREACHABLE, "the node has closed its control socket");
}

static int send_line(struct msk_client *client, const json_t *object, struct msk_error *err)
{
    char *text = json_dumps(object, JSON_COMPACT);
    if (!text)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    size_t len = strlen(text), sent = 0;
    text[len] = '\n'; /* in place of the zero: the length is known */
    while (sent <= len) {
        ssize_t n = send(client->fd, text + sent, len + 1 - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            break;
        sent += n > 0 ? (size_t)n : 0;
    }
    free(text);
    return sent > len ? 0 : fail_gone(err);
}

/* More input, or the reason why there is none. */
static int receive(struct msk_client *client, uint64_t deadline_ms, struct msk_error *err)
{
    uint64_t now_ms = msk_now().mono_ms;
    if (deadline_ms != MSK_NEVER && now_ms >= deadline_ms)
        return msk_fail(err, MSK_E_TIMEOUT, "the node has not answered in time");
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    uint64_t left_ms = deadline_ms - now_ms;
    int ready = poll(&poll_fd, 1, deadline_ms == MSK_NEVER || left_ms > INT32_MAX ? -1 : (int)left_ms);
    if (ready <= 0)
        return 0; /* interrupted or out of time: the caller asks again */
    uint8_t buffer[READ_SIZE];
    ssize_t n = recv(client->fd, buffer, sizeof buffer, 0);
    if (n < 0 && errno == EINTR)
        return 0;
    if (n <= 0)
        return fail_gone(err);
    msk_builder_append(&client->input, buffer, (size_t)n);
    if (client->input.error)
        return msk_fail(err, client->input.error, "an answer of the node: %s", msk_error_sentence(client->input.error));
    return 0;
}

/* The next line as JSON: a new reference. */
static int next_line(struct msk_client *client, uint64_t deadline_ms, json_t **out, struct msk_error *err)
{
    for (size_t searched = client->consumed;;) {
        const uint8_t *end = NULL;
        if (client->input.len > searched)
            end = memchr(client->input.data + searched, '\n', client->input.len - searched);
        if (end) {
            const char *line = (const char *)client->input.data + client->consumed;
            size_t len = (size_t)(end - (const uint8_t *)line);
            *out = json_loadb(line, len, 0, NULL);
            client->consumed += len + 1;
            return *out ? 0 : msk_fail(err, MSK_E_PROTOCOL, "the node's answer is no line of JSON");
        }
        msk_builder_consume(&client->input, client->consumed);
        client->consumed = 0;
        searched = client->input.len;
        int rc = receive(client, deadline_ms, err);
        if (rc)
            return rc;
    }
}

static int code_of_name(const char *name)
{
#define X(code_name, code, exit_status, sentence) \
    if (name && strcmp(name, #code_name) == 0)    \
        return code;
    MSK_ERROR_MAP(X)
#undef X
    return MSK_E_PROTOCOL;
}

static uint64_t deadline_after(uint64_t timeout_ms)
{
    uint64_t now_ms = msk_now().mono_ms;
    return timeout_ms > MSK_NEVER - now_ms ? MSK_NEVER : now_ms + timeout_ms;
}

int msk_client_call(struct msk_client *client, json_t *request, uint64_t timeout_ms, json_t **result,
                    struct msk_error *err)
{
    json_t *answer = NULL;
    if (!request)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = send_line(client, request, err);
    json_decref(request);
    if (rc == 0)
        rc = next_line(client, deadline_after(timeout_ms), &answer, err);
    if (rc)
        return rc;
    if (json_is_true(json_object_get(answer, "ok"))) {
        *result = json_incref(json_object_get(answer, "result"));
        if (!*result)
            rc = msk_fail(err, MSK_E_PROTOCOL, "the node's answer has no result");
    } else {
        const char *text = json_string_value(json_object_get(answer, "error"));
        rc = msk_fail(err, code_of_name(json_string_value(json_object_get(answer, "code"))), "%s",
                      text ? text : "the node's answer has no reason");
    }
    json_decref(answer);
    return rc;
}

int msk_client_next(struct msk_client *client, uint64_t timeout_ms, json_t **event, struct msk_error *err)
{
    int rc = next_line(client, deadline_after(timeout_ms), event, err);
    return rc == MSK_E_UNREACHABLE ? msk_fail(err, MSK_E_CLOSED, "the node has closed its control socket") : rc;
}
