#include "cli/secret.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/input.h"
#include "cli/output.h"
#include "crypto/identity.h"

#define HEX_LEN        (2 * MSK_DIGEST_LEN)
#define READ_BY_OTHERS (S_IRWXG | S_IRWXO)

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void trim_end(struct msk_builder *text)
{
    while (text->len && is_space(text->data[text->len - 1]))
        text->len--;
}

int msk_key_file_read(const char *path, struct msk_builder *out, struct msk_error *err)
{
    mode_t mode;
    /* All the room at once: growing would leave copies of the secret behind. */
    if (!msk_builder_reserve(out, out->max))
        return msk_fail(err, out->error, "%s: %s", msk_input_name(path), msk_error_sentence(out->error));
    msk_builder_reset(out);
    int rc = msk_input_read(path, out, &mode, err);
    if (rc == 0) {
        trim_end(out);
        if (out->len == 0)
            rc = msk_fail(err, MSK_E_INVALID, "%s: empty", msk_input_name(path));
    }
    if (rc < 0)
        msk_key_file_free(out);
    else if (mode & READ_BY_OTHERS)
        msk_warn("%s: others may read this secret (mode %04o): chmod 600", msk_input_name(path), (unsigned)mode);
    return rc;
}

void msk_key_file_free(struct msk_builder *text)
{
    if (text->data)
        msk_wipe(text->data, text->capacity);
    msk_builder_free(text);
}

/* Exactly 64 hex digits. */
static int parse_hex(const char *path, struct msk_bytes text, uint8_t out[MSK_DIGEST_LEN], struct msk_error *err)
{
    size_t offset;
    if (msk_hex_decode((const char *)text.data, text.len, out, MSK_DIGEST_LEN, &offset) == 0)
        return 0;
    if (offset < text.len)
        return msk_input_bad_digit(msk_input_name(path), text, offset, err);
    return msk_fail(err, MSK_E_INVALID, "%s: %zu hex digits where %d are expected", msk_input_name(path), text.len,
                    HEX_LEN);
}

int msk_secret_read(const char *path, uint8_t secret[MSK_SECRET_LEN], struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_KEY_FILE_MAX);
    int rc = msk_key_file_read(path, &text, err);
    if (rc == 0)
        rc = parse_hex(path, msk_builder_view(&text), secret, err);
    msk_key_file_free(&text);
    return rc;
}

/* ---- group keys */

/* A person writes no words of 32 and more hex digits: this is a key with a few bytes lost or changed. */
static bool is_almost_hex(struct msk_bytes text)
{
    size_t others = 0;
    for (size_t i = 0; i < text.len; i++)
        others += !isxdigit(text.data[i]);
    return text.len >= HEX_LEN / 2 && others <= 2;
}

static void warn_guessable(void)
{
    msk_warn("the group key is made from a text: who guesses the text holds the key; "
             "\"mosaik-keygen group-key\" makes one that cannot be guessed");
}

static int parse_group_key(const char *path, struct msk_bytes text, struct msk_digest *key, struct msk_error *err)
{
    size_t offset;
    if (is_almost_hex(text))
        return parse_hex(path, text, key->bytes, err);
    if (!msk_utf8_valid(text, &offset) || memchr(text.data, 0, text.len))
        return msk_fail(err, MSK_E_INVALID, "%s: neither 64 hex digits nor a text", msk_input_name(path));
    *key = msk_digest_of_text(text);
    warn_guessable();
    return 0;
}

int msk_group_key_read(const char *path, struct msk_digest *key, struct msk_error *err)
{
    struct msk_builder text;
    msk_builder_init(&text, MSK_KEY_FILE_MAX);
    int rc = msk_key_file_read(path, &text, err);
    if (rc == 0)
        rc = parse_group_key(path, msk_builder_view(&text), key, err);
    msk_key_file_free(&text);
    return rc;
}

struct msk_digest msk_group_key_of_text(const char *text)
{
    struct msk_digest key;
    if (msk_hex_decode(text, strlen(text), key.bytes, MSK_DIGEST_LEN, NULL) == 0)
        return key;
    warn_guessable();
    return msk_digest_of_string(text);
}

/* ---- writing */

int msk_secret_random(void *out, size_t len, struct msk_error *err)
{
    for (size_t filled = 0; filled < len;) {
        ssize_t n = getrandom((uint8_t *)out + filled, len - filled, 0);
        if (n < 0 && errno != EINTR)
            return msk_fail(err, MSK_E_IO, "random numbers: %s", strerror(errno));
        filled += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int write_all(int fd, struct msk_bytes text)
{
    while (text.len) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno != EINTR)
            return MSK_E_IO;
        if (n > 0)
            text = MSK_BYTES(text.data + n, text.len - (size_t)n);
    }
    return fsync(fd) < 0 && errno != EINVAL ? MSK_E_IO : 0;
}

/* Write and close; the file goes away if that fails. */
static int fill(int fd, const char *path, struct msk_bytes text, struct msk_error *err)
{
    int rc = write_all(fd, text);
    if (rc < 0)
        msk_input_fail(path, err);
    if (close(fd) < 0 && rc == 0)
        rc = msk_input_fail(path, err);
    if (rc < 0)
        unlink(path);
    return rc;
}

static int write_new(const char *path, struct msk_bytes text, struct msk_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno == EEXIST)
        return msk_fail(err, MSK_E_EXISTS, "%s: exists already\n--force overwrites it", path);
    return fd < 0 ? msk_input_fail(path, err) : fill(fd, path, text, err);
}

int msk_secret_write(const char *path, struct msk_bytes text, bool force, struct msk_error *err)
{
    struct stat status;
    if (!force || stat(path, &status) < 0)
        return write_new(path, text, err);
    if (!S_ISREG(status.st_mode))
        return msk_fail(err, MSK_E_REFUSED, "%s: not a regular file", path);
    char beside[PATH_MAX];
    if ((size_t)snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= sizeof beside)
        return msk_fail(err, MSK_E_INVALID, "%s: too long a name", path);
    int fd = mkostemp(beside, O_CLOEXEC); /* with mode 0600 */
    if (fd < 0)
        return msk_input_fail(path, err);
    int rc = fill(fd, beside, text, err);
    if (rc == 0 && rename(beside, path) < 0) {
        rc = msk_input_fail(path, err);
        unlink(beside);
    }
    return rc;
}

void msk_secret_warn_output(void)
{
    struct stat status;
    if (fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) && status.st_mode & READ_BY_OTHERS)
        msk_warn("others may read the file that this secret goes to (mode %04o): use --output, or umask 077",
                 (unsigned)(status.st_mode & 07777));
}
