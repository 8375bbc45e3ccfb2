#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PID_TEXT_SIZE 24

int msk_directory_path(const char *directory, const char *name, const char *suffix, char out[MSK_FILE_PATH_MAX],
                       struct msk_error *err)
{
    int n = snprintf(out, MSK_FILE_PATH_MAX, "%s/%s%s", directory, name, suffix);
    if (n < 0 || n >= MSK_FILE_PATH_MAX)
        return msk_fail(err, MSK_E_INVALID, "the path is longer than %d bytes", MSK_FILE_PATH_MAX - 1);
    return 0;
}

static int fail_errno(struct msk_error *err, const char *what, const char *path)
{
    return msk_fail(err, MSK_E_IO, "cannot %s %s: %s", what, path, strerror(errno));
}

/* Only for the message: a holder that is just starting may not have written its id yet. */
static int fail_locked(int fd, const char *directory, struct msk_error *err)
{
    char text[PID_TEXT_SIZE] = "";
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    long pid = n > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return msk_fail(err, MSK_E_REFUSED,
                        "process %ld has it open: stop that node, or give this one its own directory", pid);
    return msk_fail(err, MSK_E_REFUSED, "another process has %s open", directory);
}

static int write_pid(int fd, const char *path, struct msk_error *err)
{
    char text[PID_TEXT_SIZE];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)len, 0) != len)
        return fail_errno(err, "write", path);
    return 0;
}

int msk_directory_lock(const char *directory, int *lock_fd, struct msk_error *err)
{
    char path[MSK_FILE_PATH_MAX];
    int rc = msk_directory_path(directory, MSK_LOCK_NAME, "", path, err);
    if (rc)
        return rc;
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return fail_errno(err, "create", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return fail_errno(err, "create", path);
    /* flock, not fcntl: it belongs to this open file, so a second store in the same process is refused too. */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        rc = errno == EWOULDBLOCK ? fail_locked(fd, directory, err) : fail_errno(err, "lock", path);
    else
        rc = write_pid(fd, path, err);
    if (rc) {
        close(fd);
        return rc;
    }
    *lock_fd = fd;
    return 0;
}

int msk_directory_has_database(const char *directory, bool *exists, struct msk_error *err)
{
    char path[MSK_FILE_PATH_MAX], wal[MSK_FILE_PATH_MAX];
    int rc = msk_directory_path(directory, MSK_DATABASE_NAME, "", path, err);
    if (rc == 0)
        rc = msk_directory_path(directory, MSK_DATABASE_NAME, "-wal", wal, err);
    if (rc)
        return rc;
    struct stat status;
    *exists = stat(path, &status) == 0;
    if (!*exists && errno != ENOENT)
        return fail_errno(err, "look at", path);
    /* SQLite would take either for a new, empty database, and the node would have forgotten its vote. */
    if (*exists && status.st_size == 0)
        return msk_fail(err, MSK_E_DAMAGED, "%s is empty", path);
    if (!*exists && access(wal, F_OK) == 0)
        return msk_fail(err, MSK_E_DAMAGED, "%s is there, but %s is gone", wal, MSK_DATABASE_NAME);
    return 0;
}

static int sync_path(const char *path, int flags, struct msk_error *err)
{
    int fd = open(path, flags | O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(err, "open", path);
    int rc = fsync(fd) == 0 ? 0 : fail_errno(err, "sync", path);
    close(fd);
    return rc;
}

int msk_directory_adopt(const char *directory, const char *path, struct msk_error *err)
{
    char final[MSK_FILE_PATH_MAX];
    int rc = msk_directory_path(directory, MSK_DATABASE_NAME, "", final, err);
    if (rc == 0)
        rc = sync_path(path, 0, err);
    if (rc)
        return rc;
    if (rename(path, final) != 0)
        return fail_errno(err, "create", final);
    return sync_path(directory, O_DIRECTORY, err);
}
