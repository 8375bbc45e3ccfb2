#include "runtime/file_watch.h"

#include <limits.h>
#include <string.h>

#include "base/assert.h"

/* ---- what a file was like */

static struct stat look(const char *path)
{
    struct stat now;
    if (stat(path, &now) != 0)
        memset(&now, 0, sizeof now);
    return now;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
           same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_ctim, &b->st_ctim);
}

static void on_delay(uv_timer_t *timer)
{
    struct msk_file_watch *watch = timer->data;
    watch->pending = false;
    for (size_t i = 0; i < watch->file_count; i++) {
        struct stat now = look(watch->files[i].path);
        if (is_same(&now, &watch->files[i].seen))
            continue;
        watch->files[i].seen = now;
        watch->changed(watch->context, i);
    }
}

/* ---- directories */

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* "." for a file in the working directory. MSK_E_INVALID: the path is too long. */
static int directory_of(const char *path, char out[PATH_MAX])
{
    size_t len = (size_t)(name_of(path) - path);
    if (len >= PATH_MAX)
        return MSK_E_INVALID;
    memcpy(out, len ? path : ".", len ? len : 1);
    out[len ? len : 1] = 0;
    return 0;
}

/* Others write in the same directory: only our own names count, and any change of names, since ours may be a link. */
static bool may_concern(const struct msk_file_watch *watch, const char *name, int events)
{
    if (!name || events & UV_RENAME)
        return true;
    for (size_t i = 0; i < watch->file_count; i++)
        if (strcmp(name_of(watch->files[i].path), name) == 0)
            return true;
    return false;
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status)
{
    struct msk_file_watch *watch = handle->data;
    if (watch->pending || status < 0 || !may_concern(watch, name, events))
        return;
    watch->pending = true;
    uv_timer_start(&watch->delay, on_delay, MSK_FILE_WATCH_DELAY_MS, 0);
}

static bool is_watched(const struct msk_file_watch *watch, const char *directory)
{
    char known[PATH_MAX];
    size_t size;
    for (size_t i = 0; i < watch->directory_count; i++) {
        size = sizeof known;
        if (uv_fs_event_getpath((uv_fs_event_t *)&watch->directories[i], known, &size) == 0 &&
            strcmp(known, directory) == 0)
            return true;
    }
    return false;
}

static int watch_directory(struct msk_file_watch *watch, uv_loop_t *loop, const char *path, struct msk_error *err)
{
    char directory[PATH_MAX];
    if (directory_of(path, directory) < 0)
        return msk_fail(err, MSK_E_IO, "%s: the name is too long", path);
    if (is_watched(watch, directory))
        return 0;
    uv_fs_event_t *handle = &watch->directories[watch->directory_count++];
    uv_fs_event_init(loop, handle);
    handle->data = watch;
    int rc = uv_fs_event_start(handle, on_event, directory, 0);
    return rc ? msk_fail(err, MSK_E_IO, "%s: cannot be watched: %s", directory, uv_strerror(rc)) : 0;
}

int msk_file_watch_start(struct msk_file_watch *watch, uv_loop_t *loop, const char *const *paths, size_t count,
                         struct msk_error *err)
{
    int result = 0;
    msk_assert(count <= MSK_FILE_WATCH_MAX);
    watch->file_count = count;
    uv_timer_init(loop, &watch->delay);
    watch->delay.data = watch;
    watch->started = true;
    for (size_t i = 0; i < count; i++) {
        int rc = watch_directory(watch, loop, paths[i], result ? NULL : err);
        result = result ? result : rc;
        watch->files[i] = (struct msk_watched_file){paths[i], look(paths[i])};
    }
    return result;
}

void msk_file_watch_stop(struct msk_file_watch *watch)
{
    if (!watch->started)
        return;
    uv_close((uv_handle_t *)&watch->delay, NULL);
    for (size_t i = 0; i < watch->directory_count; i++)
        uv_close((uv_handle_t *)&watch->directories[i], NULL);
    watch->started = false;
}
