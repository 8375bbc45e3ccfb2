#include "runtime/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/assert.h"

struct msk_outlet {
    uv_loop_t *loop;
    uv_work_t work;
    struct msk_lines lines;
    int fd, failed_errno;
    bool owns_fd, writing; /* writing: lines.writing and failed_errno belong to the thread */
};

int msk_outlet_of_fd(uv_loop_t *loop, int fd, bool json, struct msk_outlet **out)
{
    struct msk_outlet *outlet = msk_calloc(1, sizeof *outlet);
    if (!outlet)
        return MSK_E_NOMEM;
    outlet->loop = loop;
    outlet->fd = fd;
    msk_lines_init(&outlet->lines, MSK_OUTLET_QUEUE_MAX, json);
    *out = outlet;
    return 0;
}

int msk_outlet_of_file(uv_loop_t *loop, const char *path, bool json, struct msk_outlet **out, struct msk_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return msk_fail(err, MSK_E_IO, "%s: %s", path, strerror(errno));
    int rc = msk_outlet_of_fd(loop, fd, json, out);
    if (rc) {
        close(fd);
        return msk_fail(err, rc, "%s", msk_error_sentence(rc));
    }
    (*out)->owns_fd = true;
    return 0;
}

/* In a thread of the pool: the piece, however long the reader takes. */
static void write_piece(uv_work_t *work)
{
    struct msk_outlet *outlet = work->data;
    struct msk_bytes rest = msk_builder_view(&outlet->lines.writing);
    while (rest.len > 0) {
        ssize_t n = write(outlet->fd, rest.data, rest.len);
        if (n >= 0)
            rest = MSK_BYTES(rest.data + n, rest.len - (size_t)n);
        else if (errno == EAGAIN)
            poll(&(struct pollfd){.fd = outlet->fd, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR) {
            outlet->failed_errno = errno; /* this piece is lost; the next may fare better */
            return;
        }
    }
}

static void write_next(struct msk_outlet *outlet);

static void on_written(uv_work_t *work, int status)
{
    (void)status;
    struct msk_outlet *outlet = work->data;
    outlet->writing = false;
    msk_lines_written(&outlet->lines);
    write_next(outlet);
}

static void write_next(struct msk_outlet *outlet)
{
    if (msk_lines_next(&outlet->lines).len == 0)
        return;
    outlet->work.data = outlet;
    outlet->writing = true;
    uv_queue_work(outlet->loop, &outlet->work, write_piece, on_written);
}

void msk_outlet_push(struct msk_outlet *outlet, struct msk_bytes line)
{
    msk_lines_push(&outlet->lines, line);
    if (!outlet->writing)
        write_next(outlet);
}

void msk_outlet_push_now(struct msk_outlet *outlet, struct msk_bytes line)
{
    msk_assert(msk_outlet_idle(outlet));
    msk_lines_push(&outlet->lines, line);
    msk_lines_next(&outlet->lines);
    outlet->work.data = outlet;
    write_piece(&outlet->work);
    msk_lines_written(&outlet->lines);
}

bool msk_outlet_idle(const struct msk_outlet *outlet)
{
    return !outlet->writing && msk_lines_empty(&outlet->lines);
}

int msk_outlet_failure(struct msk_outlet *outlet)
{
    if (outlet->writing)
        return 0;
    int failed_errno = outlet->failed_errno;
    outlet->failed_errno = 0;
    return failed_errno;
}

void msk_outlet_free(struct msk_outlet *outlet)
{
    if (!outlet || outlet->writing)
        return;
    msk_lines_free(&outlet->lines);
    if (outlet->owns_fd)
        close(outlet->fd);
    msk_free(outlet);
}
