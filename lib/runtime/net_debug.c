#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/net_internal.h"

/* These files are for looking into connections, not for operation: written in place, a few bytes at a time. */

#define PATH_MAX_LEN 4096

static void write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno != EINTR)
            return; /* the log ends here; the connection goes on */
        at += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
}

static void on_qlog(void *context, const char *name, struct msk_bytes piece, bool last)
{
    struct msk_net *net = context;
    char path[PATH_MAX_LEN];
    (void)last;
    snprintf(path, sizeof path, "%s/%s.sqlog", net->qlog_directory, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (fd < 0)
        return;
    write_all(fd, piece.data, piece.len);
    close(fd);
}

static void on_keylog(void *context, const char *line)
{
    struct msk_net *net = context;
    write_all(net->keylog_fd, line, strlen(line));
    write_all(net->keylog_fd, "\n", 1);
}

static int check_directory(const char *path, struct msk_error *err)
{
    struct stat status;
    int failed_errno = 0;
    if (strlen(path) > PATH_MAX_LEN / 2)
        failed_errno = ENAMETOOLONG;
    else if (stat(path, &status) != 0)
        failed_errno = errno;
    else if (!S_ISDIR(status.st_mode))
        failed_errno = ENOTDIR;
    else if (access(path, W_OK | X_OK) != 0)
        failed_errno = errno;
    return failed_errno ? msk_fail(err, MSK_E_IO, "qlog directory %.200s: %s", path, strerror(failed_errno)) : 0;
}

int msk_net_debug_open(struct msk_net *net, const struct msk_net_config *config, struct msk_quic_config *quic,
                       struct msk_error *err)
{
    net->keylog_fd = -1;
    quic->context = net;
    if (config->qlog_directory) {
        int rc = check_directory(config->qlog_directory, err);
        if (rc)
            return rc;
        net->qlog_directory = config->qlog_directory;
        quic->qlog = on_qlog;
    }
    if (config->keylog_path) {
        net->keylog_fd = open(config->keylog_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (net->keylog_fd < 0)
            return msk_fail(err, MSK_E_IO, "key log %s: %s", config->keylog_path, strerror(errno));
        quic->keylog = on_keylog;
    }
    return 0;
}

void msk_net_debug_close(struct msk_net *net)
{
    if (net->keylog_fd >= 0)
        close(net->keylog_fd);
}
