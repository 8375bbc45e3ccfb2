#include "runtime/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SENTENCE_MAX 4096

static int open_file(struct msk_journal *journal, uv_loop_t *loop, const char *path, const char *what,
                     struct msk_journal_file *file, struct msk_error *err)
{
    if (!path)
        return 0;
    if (strcmp(path, "-") == 0) {
        file->outlet = journal->standard_output;
        return 0;
    }
    int rc = msk_outlet_of_file(loop, path, true, &file->outlet, err);
    return rc ? msk_wrap(err, rc, "%s", what) : 0;
}

int msk_journal_open(struct msk_journal *journal, uv_loop_t *loop, const char *events_path, const char *frames_path,
                     struct msk_error *err)
{
    if (msk_outlet_of_fd(loop, STDOUT_FILENO, true, &journal->standard_output) ||
        msk_outlet_of_fd(loop, STDERR_FILENO, false, &journal->standard_error))
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = open_file(journal, loop, events_path, "events", &journal->events, err);
    return rc ? rc : open_file(journal, loop, frames_path, "frames", &journal->frames, err);
}

static void push_text(struct msk_journal *journal, const char *text, size_t len)
{
    msk_outlet_push(journal->standard_error, MSK_BYTES(text, len));
}

void msk_journal_warn(struct msk_journal *journal, const char *format, ...)
{
    char text[SENTENCE_MAX] = "mosaik-node: ";
    size_t prefix = strlen(text);
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text + prefix, sizeof text - prefix, format, args);
    va_end(args);
    if (len >= 0)
        push_text(journal, text, strlen(text));
}

/* From warnings on an operator should see it who has only a terminal. */
static void tell_operator(struct msk_journal *journal, const struct msk_event *event)
{
    enum msk_level level = msk_event_level(event->kind);
    if (level < MSK_LEVEL_WARN)
        return;
    struct msk_builder sentence;
    msk_builder_init(&sentence, SENTENCE_MAX);
    msk_event_sentence(event, &sentence);
    if (!sentence.error)
        msk_journal_warn(journal, "%s: %s", level == MSK_LEVEL_WARN ? "warning" : "error", (const char *)sentence.data);
    msk_builder_free(&sentence);
}

static void check_file(struct msk_journal *journal, struct msk_journal_file *file, const char *what)
{
    int failed_errno = file->outlet ? msk_outlet_failure(file->outlet) : 0;
    if (failed_errno == 0 || file->failed)
        return;
    file->failed = true;
    msk_journal_warn(journal, "warning: %s could not be written: %s", what, strerror(failed_errno));
}

static char *line_of(const struct msk_journal *journal, struct msk_now now, const struct msk_event *event,
                     json_t *extra)
{
    const struct msk_event_frame frame = {
        .now = now,
        .node = &journal->node,
        .network = &journal->network,
        .alias = event->has_group ? journal->alias_of(journal->context, &event->group) : NULL,
        .seq = journal->seq,
    };
    json_t *json = msk_event_to_json(event, &frame);
    char *line = NULL;
    if (json && (!extra || json_object_update(json, extra) == 0))
        line = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    return line;
}

/* Count it, and put it into words for those who listen: NULL if nobody does. */
static char *prepare(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra,
                     bool wanted)
{
    journal->seq++;
    check_file(journal, &journal->events, "events");
    tell_operator(journal, event);
    char *line = wanted || journal->events.outlet ? line_of(journal, now, event, extra) : NULL;
    json_decref(extra);
    return line;
}

void msk_journal_tell(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra)
{
    bool watched = journal->control && msk_control_is_watched(journal->control);
    char *line = prepare(journal, now, event, extra, watched);
    if (!line)
        return;
    if (journal->events.outlet)
        msk_outlet_push(journal->events.outlet, msk_bytes_of_text(line));
    if (watched)
        msk_control_publish(journal->control, msk_bytes_of_text(line));
    free(line);
}

void msk_journal_announce(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra)
{
    char *line = prepare(journal, now, event, extra, true);
    if (!line)
        return;
    msk_outlet_push_now(journal->standard_output, msk_bytes_of_text(line));
    if (journal->events.outlet && journal->events.outlet != journal->standard_output)
        msk_outlet_push(journal->events.outlet, msk_bytes_of_text(line));
    free(line);
}

void msk_journal_frame(struct msk_journal *journal, struct msk_bytes line)
{
    check_file(journal, &journal->frames, "frames");
    msk_outlet_push(journal->frames.outlet, line);
}

static bool file_idle(const struct msk_journal_file *file)
{
    return !file->outlet || msk_outlet_idle(file->outlet);
}

bool msk_journal_idle(const struct msk_journal *journal)
{
    return msk_outlet_idle(journal->standard_output) && msk_outlet_idle(journal->standard_error) &&
           file_idle(&journal->events) && file_idle(&journal->frames);
}

void msk_journal_free(struct msk_journal *journal)
{
    if (journal->events.outlet != journal->standard_output)
        msk_outlet_free(journal->events.outlet);
    if (journal->frames.outlet != journal->standard_output)
        msk_outlet_free(journal->frames.outlet);
    msk_outlet_free(journal->standard_output);
    msk_outlet_free(journal->standard_error);
}
