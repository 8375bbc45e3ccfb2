/* mosaik-inspect log --follow: what a running node appends, and what it replaces. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/alloc.h"
#include "crypto/blake3.h"
#include "log.h"

#define LOOK_AGAIN_MS 1000 /* where the file system tells nothing of changes, as a remote one */
#define NOTICES_SIZE  4096

static volatile sig_atomic_t ended;

static void end_on_signal(int number)
{
    (void)number;
    ended = 1;
}

/* ---- which entries were seen */

static uint64_t mark_of(const struct msk_log_entry *entry)
{
    struct msk_blake3 hash;
    uint64_t mark;
    msk_blake3_init(&hash);
    msk_blake3_update(&hash, MSK_BYTES(&entry->term, sizeof entry->term));
    msk_blake3_update(&hash, entry->command);
    const struct msk_digest digest = msk_blake3_finish(&hash);
    memcpy(&mark, digest.bytes, sizeof mark);
    return mark;
}

int log_follow_init(struct log_follow *follow, struct log_show *show, struct msk_error *err)
{
    *follow = (struct log_follow){.show = show, .marks = msk_calloc(LOG_REMEMBERED, sizeof *follow->marks)};
    return follow->marks ? 0 : msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
}

void log_follow_free(struct log_follow *follow)
{
    msk_free(follow->marks);
}

static void tell_replaced(struct log_follow *follow, uint64_t from)
{
    char text[128];
    if (follow->seen == from)
        snprintf(text, sizeof text, "entry %" PRIu64 " was taken back: it was not committed", from);
    else
        snprintf(text, sizeof text, "entries %" PRIu64 " to %" PRIu64 " were taken back: they were not committed", from,
                 follow->seen);
    follow->seen = from - 1;
    log_show_change(follow->show, "truncated", from, text);
}

bool log_follow_entry(struct log_follow *follow, const struct msk_view_entry *entry)
{
    uint64_t mark = mark_of(&entry->entry), *place = &follow->marks[entry->index % LOG_REMEMBERED];
    bool remembered = entry->index + LOG_REMEMBERED > follow->seen;
    if (entry->last <= follow->show->state.committed.index)
        follow->place = entry->place;
    if (entry->index <= follow->seen && (!remembered || *place == mark))
        return true;
    if (entry->index <= follow->seen)
        tell_replaced(follow, entry->index);
    follow->seen = entry->index;
    *place = mark;
    return log_show_entry(follow->show, entry) && entry->index < follow->show->to;
}

/* ---- looking again */

static bool on_entry(void *context, const struct msk_view_entry *entry)
{
    return !ended && log_follow_entry(context, entry);
}

/* The same place is found at every look. */
static bool is_told(const struct log_show *show, const char *text)
{
    for (size_t i = 0; i < json_array_size(show->damage); i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(show->damage, i), "text")), text) == 0)
            return true;
    return show->faults >= LOG_DAMAGE_MAX;
}

static void on_damage(void *context, const struct msk_view_damage *damage)
{
    struct log_follow *follow = context;
    if (!is_told(follow->show, damage->text))
        log_show_damage(follow->show, damage);
}

static void tell_state(struct log_follow *follow, const struct msk_view_state *state)
{
    char text[96];
    if (state->committed.index < follow->committed) {
        snprintf(text, sizeof text, "the node has given up its log, and takes that of its group");
        log_show_change(follow->show, "restarted", follow->committed, text);
        follow->seen = 0;
        follow->place = 0;
    } else if (state->committed.index > follow->committed) {
        snprintf(text, sizeof text, "committed up to %" PRIu64, state->committed.index);
        log_show_change(follow->show, "committed", state->committed.index, text);
    }
    follow->committed = state->committed.index;
}

static int look(struct log_follow *follow, struct msk_view *view, struct msk_error *err)
{
    const struct msk_view_visitor visitor = {on_entry, on_damage, follow};
    struct msk_view_state state;
    int rc = msk_view_renew(view, err);
    if (rc == 0)
        rc = msk_view_state(view, &follow->show->group.id, &visitor, &state, err);
    if (rc)
        return rc;
    follow->show->state = state;
    tell_state(follow, &state);
    if (state.last < follow->seen)
        tell_replaced(follow, state.last + 1);
    rc = msk_view_scan(view, &follow->show->group.id, &state, follow->place, &visitor, err);
    fflush(follow->show->out->stream);
    return rc;
}

static bool is_over(const struct log_follow *follow)
{
    return ended || follow->seen >= follow->show->to || follow->show->no_memory || ferror(follow->show->out->stream);
}

/* Until something in the directory changes, a signal comes, or a while has passed. */
static void await_change(int notices, const sigset_t *unblocked)
{
    char ignored[NOTICES_SIZE];
    struct pollfd poll_fd = {.fd = notices, .events = POLLIN};
    const struct timespec limit = {.tv_sec = LOOK_AGAIN_MS / 1000};
    if (ppoll(&poll_fd, 1, &limit, unblocked) > 0)
        while (read(notices, ignored, sizeof ignored) > 0)
            continue;
}

/* Signals come only while waiting, so that none is missed between looking at `ended` and that. */
static void catch_signals(sigset_t *unblocked)
{
    struct sigaction action = {.sa_handler = end_on_signal};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, unblocked);
    sigdelset(unblocked, SIGINT);
    sigdelset(unblocked, SIGTERM);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int log_follow_run(struct log_follow *follow, struct msk_view *view, const char *directory, struct msk_error *err)
{
    sigset_t unblocked;
    int rc = 0;
    int notices = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (notices >= 0)
        inotify_add_watch(notices, directory, IN_MODIFY | IN_CREATE | IN_MOVED_TO);
    follow->committed = follow->show->state.committed.index;
    catch_signals(&unblocked);
    while (rc == 0 && !is_over(follow)) {
        rc = look(follow, view, err);
        if (rc == 0 && !is_over(follow))
            await_change(notices, &unblocked);
    }
    if (notices >= 0)
        close(notices);
    return rc;
}
