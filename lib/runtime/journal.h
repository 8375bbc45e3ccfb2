/* journal.h: where events go: the event file or standard output as lines of JSON, those who watch, and, from warnings
 * on, standard error as sentences (groups.md 8.1); and the file of frames (frame_log.h). */
#ifndef MSK_RUNTIME_JOURNAL_H
#define MSK_RUNTIME_JOURNAL_H

#include "core/event.h"
#include "runtime/control.h"
#include "runtime/outlet.h"

/* What a group is called in events. */
typedef const char *(*msk_alias_fn)(void *context, const struct msk_digest *group); /* NULL: it has no name */

/* A file of lines, perhaps standard output. */
struct msk_journal_file {
    struct msk_outlet *outlet; /* NULL: none is wanted */
    bool failed;               /* said once */
};

struct msk_journal {
    struct msk_digest node, network;
    uint64_t seq; /* of the last event */
    struct msk_outlet *standard_output, *standard_error;
    struct msk_journal_file events, frames;
    struct msk_control *control; /* whose watchers are told; NULL: none */
    msk_alias_fn alias_of;
    void *context;
};

/* Open the outlets; the paths are files, "-" for standard output, or NULL. msk_journal_free is to be called in any
 * case. MSK_E_NOMEM, MSK_E_IO naming the file. */
int msk_journal_open(struct msk_journal *journal, uv_loop_t *loop, const char *events_path, const char *frames_path,
                     struct msk_error *err);

/* Tell one event. `extra` (stolen, may be NULL) adds members to the JSON. Without memory it is lost, not its number. */
void msk_journal_tell(struct msk_journal *journal, struct msk_now now, const struct msk_event *event, json_t *extra);

/* The same, and on standard output in any case, where it is when this returns: the first line of a node (cli.md). */
void msk_journal_announce(struct msk_journal *journal, struct msk_now now, const struct msk_event *event,
                          json_t *extra);

/* One line of the file of frames, which must be wanted. */
void msk_journal_frame(struct msk_journal *journal, struct msk_bytes line);

/* A sentence for the operator on standard error. */
void msk_journal_warn(struct msk_journal *journal, const char *format, ...) __attribute__((format(printf, 2, 3)));

bool msk_journal_idle(const struct msk_journal *journal);
void msk_journal_free(struct msk_journal *journal);

#endif
