#include "runtime/unix_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 64

int msk_unix_address(const char *path, struct sockaddr_un *out, socklen_t *len, struct msk_error *err)
{
    size_t path_len = strlen(path);
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (path_len == 0)
        return msk_fail(err, MSK_E_INVALID, "the path of a socket is empty");
    if (path_len >= sizeof out->sun_path)
        return msk_fail(err, MSK_E_INVALID, "%.120s...: the path of a socket has at most %zu bytes", path,
                        sizeof out->sun_path - 1);
    memcpy(out->sun_path, path, path_len);
    if (path[0] == '@')
        out->sun_path[0] = 0;
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + path_len + (path[0] != '@'));
    return 0;
}

/* A socket of `type` and the address of `path`. */
static int make_socket(const char *path, int type, int *fd, struct sockaddr_un *address, socklen_t *len,
                       struct msk_error *err)
{
    int rc = msk_unix_address(path, address, len, err);
    if (rc)
        return rc;
    *fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    return *fd < 0 ? msk_fail(err, MSK_E_IO, "socket: %s", strerror(errno)) : 0;
}

int msk_unix_connect(const char *path, int *fd, struct msk_error *err)
{
    struct sockaddr_un address;
    socklen_t len = 0;
    int rc = make_socket(path, SOCK_STREAM, fd, &address, &len, err);
    if (rc)
        return rc;
    if (connect(*fd, (struct sockaddr *)&address, len) == 0)
        return 0;
    int connect_errno = errno;
    struct stat status;
    bool is_other = stat(path, &status) == 0 && !S_ISSOCK(status.st_mode);
    close(*fd);
    return msk_fail(err, MSK_E_UNREACHABLE, "%s: %s", path,
                    is_other                        ? "this is no socket"
                    : connect_errno == ECONNREFUSED ? "nobody listens there any more"
                                                    : strerror(connect_errno));
}

/* Only a refusal proves that nobody listens; one who is too busy to accept does. */
static int check_stale(const char *path, struct msk_error *err)
{
    struct sockaddr_un address;
    socklen_t len = 0;
    int fd, rc = make_socket(path, SOCK_STREAM | SOCK_NONBLOCK, &fd, &address, &len, err);
    if (rc)
        return rc;
    if (connect(fd, (struct sockaddr *)&address, len) == 0 || errno == EAGAIN)
        rc = msk_fail(err, MSK_E_REFUSED, "%s: another process listens there", path);
    else if (errno != ECONNREFUSED)
        rc = msk_fail(err, MSK_E_IO, "%s: %s", path, strerror(errno));
    close(fd);
    return rc;
}

/* Make way for a new socket: nothing there, or one that was left behind. */
static int remove_stale(const char *path, struct msk_error *err)
{
    struct stat status;
    if (lstat(path, &status) != 0)
        return errno == ENOENT ? 0 : msk_fail(err, MSK_E_IO, "%s: %s", path, strerror(errno));
    if (!S_ISSOCK(status.st_mode))
        return msk_fail(err, MSK_E_REFUSED, "%s: exists and is not a socket", path);
    int rc = check_stale(path, err);
    if (rc == 0 && unlink(path) != 0)
        rc = msk_fail(err, MSK_E_IO, "%s: %s", path, strerror(errno));
    return rc;
}

int msk_unix_listen(const char *path, int *fd, struct msk_error *err)
{
    struct sockaddr_un address;
    socklen_t len = 0;
    int rc = remove_stale(path, err);
    if (rc == 0)
        rc = make_socket(path, SOCK_STREAM, fd, &address, &len, err);
    if (rc)
        return rc;
    mode_t mask = umask(0177); /* there is no moment at which others could connect */
    bool listening = bind(*fd, (struct sockaddr *)&address, len) == 0 && listen(*fd, BACKLOG) == 0;
    int listen_errno = errno;
    umask(mask);
    if (listening)
        return 0;
    close(*fd);
    return msk_fail(err, MSK_E_IO, "%s: %s", path, strerror(listen_errno));
}
