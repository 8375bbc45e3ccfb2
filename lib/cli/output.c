#include "cli/output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/visible.h"

static bool wants_colour(FILE *stream)
{
    const char *term = getenv("TERM");
    return !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0 && isatty(fileno(stream));
}

struct msk_output msk_output_standard(bool json)
{
    return (struct msk_output){.stream = stdout, .json = json, .colour = wants_colour(stdout)};
}

const char *msk_style(const struct msk_output *out, enum msk_style style)
{
    static const char *const sequences[] = {
        [MSK_STYLE_PLAIN] = "\033[0m",  [MSK_STYLE_BOLD] = "\033[1m",    [MSK_STYLE_RED] = "\033[31m",
        [MSK_STYLE_GREEN] = "\033[32m", [MSK_STYLE_YELLOW] = "\033[33m",
    };
    return out->colour ? sequences[style] : "";
}

static int write_json(const struct msk_output *out, json_t *object, size_t flags)
{
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_ENCODE_ANY | flags) : NULL;
    json_decref(object);
    if (!text)
        return MSK_E_NOMEM;
    fprintf(out->stream, "%s\n", text);
    free(text);
    return 0;
}

int msk_output_json(const struct msk_output *out, json_t *object)
{
    return write_json(out, object, 0);
}

int msk_output_figures(const struct msk_output *out, json_t *object)
{
    return write_json(out, object, JSON_REAL_PRECISION(15));
}

/* One line on standard error: program, label, text. */
static void complain(enum msk_style style, const char *label, struct msk_bytes text)
{
    struct msk_output to = {.stream = stderr, .colour = wants_colour(stderr)};
    struct msk_builder line;
    msk_builder_init(&line, 8 * MSK_ERROR_TEXT_MAX);
    msk_visible_append(&line, text);
    fprintf(stderr, "%s%s:%s %s%s\n", msk_style(&to, style), program_invocation_short_name,
            msk_style(&to, MSK_STYLE_PLAIN), label, line.error ? msk_error_sentence(line.error) : (char *)line.data);
    msk_builder_free(&line);
}

void msk_warn(const char *format, ...)
{
    char text[MSK_ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    complain(MSK_STYLE_YELLOW, "warning: ", msk_bytes_of_text(text));
}

int msk_report(const struct msk_error *err)
{
    const char *text = err->text[0] ? err->text : msk_error_sentence(err->code), *advice = strrchr(text, '\n');
    size_t len = advice ? (size_t)(advice - text) : strlen(text);
    bool is_bug = err->code == MSK_E_INTERNAL || err->code == MSK_E_CRYPTO;
    complain(MSK_STYLE_RED, "", MSK_BYTES(text, len));
    if (advice || is_bug)
        complain(MSK_STYLE_PLAIN, "",
                 msk_bytes_of_text(advice ? advice + 1 : "this is a bug: please report the line above"));
    return msk_error_exit_status(err->code);
}

/* A closed descriptor is opened in the direction that it is not used in: using it fails as it would have, and no file
 * opened later takes its number. */
void msk_output_prepare(void)
{
    static const int unusable[] = {[STDIN_FILENO] = O_WRONLY, [STDOUT_FILENO] = O_RDONLY, [STDERR_FILENO] = O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", unusable[fd]) != fd)
            _exit(msk_error_exit_status(MSK_E_IO));
    signal(SIGPIPE, SIG_IGN);
}

int msk_output_finish(int status)
{
    errno = 0;
    bool failed = ferror(stdout) != 0;
    failed |= fflush(stdout) != 0;
    if (!failed || errno == EPIPE)
        return status;
    struct msk_error err;
    msk_fail(&err, MSK_E_IO, "standard output: %s", strerror(errno ? errno : EIO));
    return msk_report(&err);
}
