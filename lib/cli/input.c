#include "cli/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/visible.h"

#define READ_SIZE 4096

const char *msk_input_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

int msk_input_fail(const char *path, struct msk_error *err)
{
    return msk_fail(err, MSK_E_IO, "%s: %s", msk_input_name(path), strerror(errno));
}

static int read_all(int fd, const char *path, struct msk_builder *out, struct msk_error *err)
{
    uint8_t chunk[READ_SIZE];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) != 0 && !out->error) {
        if (n > 0)
            msk_builder_append(out, chunk, (size_t)n);
        else if (errno != EINTR)
            return msk_input_fail(path, err);
    }
    msk_wipe(chunk, sizeof chunk);
    if (out->error == MSK_E_LIMIT)
        return msk_fail(err, MSK_E_INVALID, "%s: larger than %zu bytes", msk_input_name(path), out->max);
    if (out->error)
        return msk_fail(err, out->error, "%s: %s", msk_input_name(path), msk_error_sentence(out->error));
    return 0;
}

int msk_input_read(const char *path, struct msk_builder *out, mode_t *mode, struct msk_error *err)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return msk_input_fail(path, err);
    int rc = read_all(fd, path, out, err);
    struct stat status;
    if (mode)
        *mode = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? status.st_mode & 07777 : 0;
    if (!standard)
        close(fd);
    return rc;
}

int msk_input_read_json(const char *path, size_t max, json_t **out, struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, max);
    int rc = msk_input_read(path, &text, NULL, err);
    if (rc == 0) {
        json_error_t where;
        const char *data = text.data ? (const char *)text.data : "";
        *out = json_loadb(data, text.len, JSON_REJECT_DUPLICATES, &where);
        if (!*out)
            rc = msk_fail(err, MSK_E_INVALID, "%s: line %d, column %d: %s", msk_input_name(path), where.line,
                          where.column, where.text);
    }
    msk_builder_free(&text);
    return rc;
}

int msk_input_bad_digit(const char *name, struct msk_bytes text, size_t offset, struct msk_error *err)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        column = text.data[i] == '\n' ? 1 : column + 1;
        line += text.data[i] == '\n';
    }
    char shown[MSK_VISIBLE_SIZE];
    msk_visible((char[]){(char)text.data[offset], 0}, shown);
    return msk_fail(err, MSK_E_INVALID, "%s: line %zu, column %zu: %s is no hex digit", name, line, column,
                    text.data[offset] ? shown : "a zero byte");
}
