/* file_watch.h: tells when files have changed, also by another one taking their place (rename), or by a link in their
 * directory pointing elsewhere.
 *
 * The directories are watched, not the files: a file that is replaced is another one. */
#ifndef MSK_RUNTIME_FILE_WATCH_H
#define MSK_RUNTIME_FILE_WATCH_H

#include <stdbool.h>
#include <sys/stat.h>
#include <uv.h>

#include "base/error.h"

#define MSK_FILE_WATCH_MAX      64
#define MSK_FILE_WATCH_DELAY_MS 50 /* from the first sign of a change: what is written in pieces is read once */

/* Zero-initialise; must not move while it runs, and outlives the loop's closing. */
struct msk_file_watch {
    void (*changed)(void *context, size_t index); /* the file at this index of `paths` */
    void *context;
    uv_timer_t delay;
    bool started, pending;
    size_t file_count, directory_count;
    struct msk_watched_file {
        const char *path;
        struct stat seen; /* zero: not there */
    } files[MSK_FILE_WATCH_MAX];
    uv_fs_event_t directories[MSK_FILE_WATCH_MAX];
};

/* Watch `count` files, at most MSK_FILE_WATCH_MAX; `paths` stay the caller's. `changed` and `context` are set by the
 * caller before. MSK_E_IO names the directory that cannot be watched: the others are. MSK_E_NOMEM. */
int msk_file_watch_start(struct msk_file_watch *watch, uv_loop_t *loop, const char *const *paths, size_t count,
                         struct msk_error *err);
void msk_file_watch_stop(struct msk_file_watch *watch); /* its handles close with the loop's next turn */

#endif
