#include "runtime/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int msk_recorder_open(struct msk_recorder *recorder, const char *path, struct msk_error *err)
{
    msk_builder_init(&recorder->gathered, MSK_RECORDER_MAX);
    recorder->path = path;
    recorder->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    return recorder->fd < 0 ? msk_fail(err, MSK_E_IO, "%s: %s", path, strerror(errno)) : 0;
}

int msk_recorder_flush(struct msk_recorder *recorder, struct msk_error *err)
{
    struct msk_bytes rest = msk_builder_view(&recorder->gathered);
    while (rest.len > 0) {
        ssize_t n = write(recorder->fd, rest.data, rest.len);
        if (n < 0 && errno != EINTR)
            return msk_fail(err, MSK_E_IO, "%s: %s", recorder->path, strerror(errno));
        if (n > 0)
            rest = MSK_BYTES(rest.data + n, rest.len - (size_t)n);
    }
    msk_builder_reset(&recorder->gathered);
    return 0;
}

int msk_recorder_done(struct msk_recorder *recorder, struct msk_error *err)
{
    if (recorder->gathered.error)
        return msk_fail(err, recorder->gathered.error, "%s: %s", recorder->path,
                        msk_error_sentence(recorder->gathered.error));
    return recorder->gathered.len < MSK_RECORDER_PIECE ? 0 : msk_recorder_flush(recorder, err);
}

void msk_recorder_close(struct msk_recorder *recorder)
{
    msk_builder_free(&recorder->gathered);
    if (recorder->fd >= 0)
        close(recorder->fd);
    recorder->fd = -1;
}
