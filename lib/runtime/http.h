/* http.h: one page for programs that ask over HTTP/1.1: GET and HEAD of one path, one request a connection. */
#ifndef MSK_RUNTIME_HTTP_H
#define MSK_RUNTIME_HTTP_H

#include <uv.h>

#include "base/bytes.h"
#include "base/error.h"
#include "wire/messages.h"

#define MSK_HTTP_CLIENTS_MAX 32         /* connections at once; more are closed as they come */
#define MSK_HTTP_REQUEST_MAX 8192       /* bytes of a request's lines */
#define MSK_HTTP_ANSWER_MAX  (1u << 20) /* bytes of an answer */

struct msk_http;

struct msk_http_page {
    const char *path, *content_type;
    void (*write)(void *context, struct msk_builder *out); /* the page as it is now */
    void *context;
    uint64_t patience_ms; /* from a connection to its end, whatever the client does */
};

/* Listen at `address`; port 0: any. `page` is copied, what it points to outlives the server. 0, MSK_E_NOMEM, MSK_E_IO
 * naming the address. */
int msk_http_new(uv_loop_t *loop, const struct msk_socket_addr *address, const struct msk_http_page *page,
                 struct msk_http **out, struct msk_error *err);

/* Where it listens. */
void msk_http_address(const struct msk_http *http, struct msk_socket_addr *out);

/* Drops all connections; runs the loop for that. NULL is fine. */
void msk_http_free(struct msk_http *http);

#endif
