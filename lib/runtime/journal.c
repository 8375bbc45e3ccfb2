#include "runtime/journal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SENTENCE_MAX 4096

int msk_journal_open(struct msk_journal *journal, uv_loop_t *loop, const char *events_path, struct msk_error *err)
{
    if (msk_outlet_of_fd(loop, STDOUT_FILENO, true, &journal->standard_output) ||
        msk_outlet_of_fd(loop, STDERR_FILENO, false, &journal->standard_error))
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    if (!events_path)
        return 0;
    if (strcmp(events_path, "-") == 0) {
        journal->file = journal->standard_output;
        return 0;
    }
    int rc = msk_outlet_of_file(loop, events_path, true, &journal->file, err);
    return rc ? msk_wrap(err, rc, "events") : 0;
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

static void check_file(struct msk_journal *journal)
{
    int failed_errno = journal->file ? msk_outlet_failure(journal->file) : 0;
    if (failed_errno == 0 || journal->file_failed)
        return;
    journal->file_failed = true;
    msk_journal_warn(journal, "warning: events could not be written: %s", strerror(failed_errno));
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

static void tell(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra,
                 bool on_standard_output)
{
    bool watched = journal->control && msk_control_is_watched(journal->control);
    journal->seq++;
    check_file(journal);
    tell_operator(journal, event);
    if (!watched && !journal->file && !on_standard_output)
        return;
    char *text = line_of(journal, now, event, extra);
    if (!text)
        return;
    struct msk_bytes line = msk_bytes_of_text(text);
    if (journal->file)
        msk_outlet_push(journal->file, line);
    if (on_standard_output && journal->file != journal->standard_output)
        msk_outlet_push(journal->standard_output, line);
    if (watched)
        msk_control_publish(journal->control, line);
    free(text);
}

void msk_journal_tell(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra)
{
    tell(journal, now, event, extra, false);
    json_decref(extra);
}

void msk_journal_announce(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra)
{
    tell(journal, now, event, extra, true);
    json_decref(extra);
}

bool msk_journal_idle(const struct msk_journal *journal)
{
    return msk_outlet_idle(journal->standard_output) && msk_outlet_idle(journal->standard_error) &&
           (!journal->file || msk_outlet_idle(journal->file));
}

void msk_journal_free(struct msk_journal *journal)
{
    if (journal->file != journal->standard_output)
        msk_outlet_free(journal->file);
    msk_outlet_free(journal->standard_output);
    msk_outlet_free(journal->standard_error);
}
