#include "runtime/http.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/assert.h"
#include "quic/address.h"
#include "quic/ring.h"

#define READ_SIZE 2048
#define BACKLOG   16

struct client {
    uv_tcp_t tcp;
    struct msk_http *http;
    struct msk_ring ring;
    uint64_t limit_ms; /* on the loop's clock */
    struct msk_builder input, output;
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool answered, writing, ended, closed; /* ended: it sends no more */
};

struct msk_http {
    uv_loop_t *loop;
    uv_tcp_t listener;
    uv_timer_t timer; /* of the client whose time ends first */
    struct msk_http_page page;
    union msk_address address;
    struct msk_ring clients; /* in the order in which they came, and have to go */
    size_t client_count, open_handles;
    bool closing;
    char read_buffer[READ_SIZE]; /* shared: libuv fills it and calls back before it asks again */
};

/* ---- the end of a client */

static void on_client_closed(uv_handle_t *handle)
{
    struct client *client = handle->data;
    client->http->client_count--;
    msk_ring_remove(&client->ring);
    msk_builder_free(&client->input);
    msk_builder_free(&client->output);
    msk_free(client);
}

static void close_client(struct client *client)
{
    if (client->closed)
        return;
    client->closed = true;
    uv_close((uv_handle_t *)&client->tcp, on_client_closed);
}

static void on_timer(uv_timer_t *timer);

static void arm_timer(struct msk_http *http)
{
    const struct client *first = MSK_RING_FIRST(&http->clients, struct client, ring);
    uint64_t now_ms = uv_now(http->loop);
    if (first && !http->closing)
        uv_timer_start(&http->timer, on_timer, first->limit_ms > now_ms ? first->limit_ms - now_ms : 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct msk_http *http = timer->data;
    for (struct msk_ring *at = http->clients.next; at != &http->clients; at = at->next) {
        struct client *client = MSK_RING_ITEM(at, struct client, ring);
        if (client->limit_ms <= uv_now(http->loop))
            close_client(client);
    }
    arm_timer(http);
}

/* ---- answers */

enum status { OK, BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, TOO_LARGE, FAILED, BAD_VERSION };

static const struct {
    const char *line, *headers;
} statuses[] = {
    [OK] = {"200 OK", ""},
    [BAD_REQUEST] = {"400 Bad Request", ""},
    [NOT_FOUND] = {"404 Not Found", ""},
    [NOT_ALLOWED] = {"405 Method Not Allowed", "Allow: GET, HEAD\r\n"},
    [TOO_LARGE] = {"431 Request Header Fields Too Large", ""},
    [FAILED] = {"500 Internal Server Error", ""},
    [BAD_VERSION] = {"505 HTTP Version Not Supported", ""},
};

static void on_shutdown(uv_shutdown_t *shutdown, int status)
{
    if (status < 0)
        close_client(shutdown->data);
}

/* Its end is awaited rather than forced: closing while something unread has arrived would take the answer back. */
static void on_written(uv_write_t *write, int status)
{
    struct client *client = write->data;
    client->writing = false;
    client->shutdown.data = client;
    if (status < 0 || client->ended ||
        (!client->closed && uv_shutdown(&client->shutdown, (uv_stream_t *)&client->tcp, on_shutdown)))
        close_client(client);
}

static void send_answer(struct client *client, enum status status, const char *type, struct msk_bytes body, bool head)
{
    struct msk_builder *out = &client->output;
    msk_builder_printf(out,
                       "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
                       "Connection: close\r\n%s\r\n",
                       statuses[status].line, type, body.len, statuses[status].headers);
    if (!head)
        msk_builder_append(out, body.data, body.len);
    uv_buf_t buffer = uv_buf_init((char *)out->data, (unsigned)out->len);
    client->answered = true;
    client->write.data = client;
    client->writing = true;
    if (out->error || uv_write(&client->write, (uv_stream_t *)&client->tcp, &buffer, 1, on_written))
        close_client(client);
}

static void send_status(struct client *client, enum status status)
{
    char text[64];
    snprintf(text, sizeof text, "%s\n", statuses[status].line);
    send_answer(client, status, "text/plain; charset=utf-8", msk_bytes_of_text(text), false);
}

static void send_page(struct client *client, bool head)
{
    const struct msk_http_page *page = &client->http->page;
    struct msk_builder body;
    msk_builder_init(&body, MSK_HTTP_ANSWER_MAX);
    page->write(page->context, &body);
    if (body.error)
        send_status(client, FAILED);
    else
        send_answer(client, OK, page->content_type, msk_builder_view(&body), head);
    msk_builder_free(&body);
}

/* ---- requests */

/* The path of a target, which may be a whole URL (RFC 9112 3.2.2) and have a query. */
static bool is_path(const char *target, const char *path)
{
    if (strncmp(target, "http://", 7) == 0)
        target += strcspn(target + 7, "/?") + 7;
    size_t len = strcspn(target, "?");
    return len == strlen(path) && memcmp(target, path, len) == 0;
}

/* `request` is a whole one, of which only the first line counts here. */
static void answer(struct client *client, char *request)
{
    char *rest = request, *line = strsep(&rest, "\r\n");
    const char *method = strsep(&line, " "), *target = strsep(&line, " "), *version = line;
    bool head = strcmp(method, "HEAD") == 0;
    if (!target || !version || strncmp(version, "HTTP/", 5) != 0 || strchr(version, ' '))
        send_status(client, BAD_REQUEST);
    else if (strncmp(version, "HTTP/1.", 7) != 0)
        send_status(client, BAD_VERSION);
    else if (!is_path(target, client->http->page.path))
        send_status(client, NOT_FOUND);
    else if (!head && strcmp(method, "GET") != 0)
        send_status(client, NOT_ALLOWED);
    else
        send_page(client, head);
}

static void take(struct client *client, struct msk_bytes data)
{
    msk_builder_append(&client->input, data.data, data.len);
    struct msk_bytes input = msk_builder_view(&client->input);
    const uint8_t *end = input.len ? memmem(input.data, input.len, "\r\n\r\n", 4) : NULL;
    if (client->input.error == MSK_E_LIMIT)
        send_status(client, TOO_LARGE);
    else if (client->input.error)
        close_client(client);
    else if (end && memchr(input.data, 0, (size_t)(end - input.data)))
        send_status(client, BAD_REQUEST);
    else if (end)
        answer(client, (char *)client->input.data);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    struct client *client = handle->data;
    (void)suggested;
    *buffer = uv_buf_init(client->http->read_buffer, READ_SIZE);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct client *client = stream->data;
    client->ended = count < 0;
    if (client->ended && !client->writing)
        close_client(client);
    else if (count > 0 && !client->answered) /* what follows the request, its body perhaps, is of no interest */
        take(client, MSK_BYTES(buffer->base, (size_t)count));
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct msk_http *http = listener->data;
    struct client *client = status == 0 ? msk_calloc(1, sizeof *client) : NULL;
    if (!client)
        return;
    uv_tcp_init(http->loop, &client->tcp);
    client->tcp.data = client;
    client->http = http;
    http->client_count++;
    client->limit_ms = uv_now(http->loop) + http->page.patience_ms;
    msk_builder_init(&client->input, MSK_HTTP_REQUEST_MAX);
    msk_builder_init(&client->output, MSK_HTTP_ANSWER_MAX + MSK_HTTP_REQUEST_MAX);
    msk_ring_init(&client->ring);
    msk_ring_push(&http->clients, &client->ring);
    if (uv_accept(listener, (uv_stream_t *)&client->tcp) || http->client_count > MSK_HTTP_CLIENTS_MAX ||
        uv_read_start((uv_stream_t *)&client->tcp, on_alloc, on_read))
        close_client(client);
    arm_timer(http);
}

/* ---- beginning and end */

static int listen_at(struct msk_http *http)
{
    struct sockaddr_storage bound;
    int len = sizeof bound;
    int rc = uv_tcp_bind(&http->listener, &http->address.any, 0);
    if (rc == 0)
        rc = uv_listen((uv_stream_t *)&http->listener, BACKLOG, on_connection);
    if (rc == 0)
        rc = uv_tcp_getsockname(&http->listener, (struct sockaddr *)&bound, &len);
    if (rc == 0)
        msk_assert(msk_address_from_sockaddr((struct sockaddr *)&bound, &http->address) == 0);
    return rc;
}

int msk_http_new(uv_loop_t *loop, const struct msk_socket_addr *address, const struct msk_http_page *page,
                 struct msk_http **out, struct msk_error *err)
{
    char text[MSK_ADDRESS_TEXT_SIZE];
    struct msk_http *http = msk_calloc(1, sizeof *http);
    if (!http)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    http->loop = loop;
    http->page = *page;
    http->open_handles = 2;
    msk_ring_init(&http->clients);
    msk_address_from_wire(address, &http->address);
    uv_tcp_init(loop, &http->listener);
    uv_timer_init(loop, &http->timer);
    http->listener.data = http->timer.data = http;
    int rc = listen_at(http);
    if (rc) {
        msk_http_free(http);
        union msk_address wanted;
        msk_address_from_wire(address, &wanted);
        return msk_fail(err, MSK_E_IO, "%s: %s", msk_address_text(&wanted, text), uv_strerror(rc));
    }
    *out = http;
    return 0;
}

void msk_http_address(const struct msk_http *http, struct msk_socket_addr *out)
{
    msk_address_to_wire(&http->address, out);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct msk_http *http = handle->data;
    http->open_handles--;
}

void msk_http_free(struct msk_http *http)
{
    if (!http)
        return;
    http->closing = true;
    uv_close((uv_handle_t *)&http->listener, on_handle_closed);
    uv_close((uv_handle_t *)&http->timer, on_handle_closed);
    for (struct msk_ring *at = http->clients.next; at != &http->clients; at = at->next)
        close_client(MSK_RING_ITEM(at, struct client, ring));
    while (http->open_handles > 0 || !msk_ring_empty(&http->clients))
        uv_run(http->loop, UV_RUN_NOWAIT);
    msk_free(http);
}
