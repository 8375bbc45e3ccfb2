/* Whether members have the same history, by the digests they report and by what they found out themselves. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "elections.h"

/* A digest that a node reported of its committed entries up to an index. */
struct report {
    uint64_t index;
    const char *digest;
    size_t node;
    int64_t at_ms;
};

struct forks {
    struct elections_log *log;
    struct elections_group *group;
    struct report *reports;
    size_t report_count;
    const char **suspicions;  /* per node: the last fork that it told of, with both positions */
    uint64_t *lost, *unknown; /* per node: commands */
};

int elections_flag(struct elections_log *log, struct elections_group *group, const char *name, uint64_t term,
                   int64_t at_ms, const char *format, va_list arguments)
{
    char text[512];
    vsnprintf(text, sizeof text, format, arguments);
    for (size_t i = 0; i < group->flag_count; i++)
        if (strcmp(group->flags[i].name, name) == 0 && strcmp(group->flags[i].text, text) == 0)
            return 0;
    struct elections_flag *list = elections_grow(group->flags, group->flag_count, sizeof *list, ELECTIONS_LIST_MAX);
    const char *kept = list ? elections_text(log, "%s", text) : NULL;
    if (list)
        group->flags = list;
    if (!kept)
        return MSK_E_NOMEM;
    list[group->flag_count++] = (struct elections_flag){.name = name, .term = term, .at_ms = at_ms, .text = kept};
    return 0;
}

static int add_flag(struct forks *forks, const char *name, int64_t at_ms, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int add_flag(struct forks *forks, const char *name, int64_t at_ms, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int rc = elections_flag(forks->log, forks->group, name, ELECTIONS_UNKNOWN_TERM, at_ms, format, arguments);
    va_end(arguments);
    return rc;
}

/* ---- digests */

static int add_report(struct forks *forks, const struct elections_event *event)
{
    if (!event->text)
        return 0;
    struct report *list = elections_grow(forks->reports, forks->report_count, sizeof *list, ELECTIONS_EVENTS_MAX);
    if (!list)
        return MSK_E_NOMEM;
    forks->reports = list;
    list[forks->report_count++] = (struct report){event->numbers[0], event->text, event->node, event->at_ms};
    return 0;
}

static int compare_reports(const void *left, const void *right)
{
    const struct report *a = left, *b = right;
    if (a->index != b->index)
        return a->index < b->index ? -1 : 1;
    return strcmp(a->digest, b->digest);
}

/* The first index at which two differ is enough: from there on they always do. */
static int check_reports(struct forks *forks)
{
    uint64_t agreed = 0;
    if (forks->report_count)
        qsort(forks->reports, forks->report_count, sizeof *forks->reports, compare_reports);
    for (size_t i = 1; i < forks->report_count; i++) {
        const struct report *a = &forks->reports[i - 1], *b = &forks->reports[i];
        if (a->index != b->index)
            continue;
        if (strcmp(a->digest, b->digest) != 0)
            return add_flag(forks, "committed_differs", a->at_ms > b->at_ms ? a->at_ms : b->at_ms,
                            "entries %" PRIu64 " to %" PRIu64
                            ": %.*s committed others (digest %.10s) than %.*s (%.10s)",
                            agreed + 1, a->index, ELECTIONS_SHORT(forks->log, a->node), a->digest,
                            ELECTIONS_SHORT(forks->log, b->node), b->digest);
        if (a->node != b->node)
            agreed = a->index;
    }
    return 0;
}

/* ---- what nodes found out themselves */

/* The node's own sentence has its position, its last suspicion also the other's. */
static int flag_end(struct forks *forks, const char *name, const struct elections_event *event)
{
    const char *suspicion = forks->suspicions[event->node];
    return add_flag(forks, name, event->at_ms, "%.*s: %s%s%s", ELECTIONS_SHORT(forks->log, event->node),
                    event->text ? event->text : "no details told", suspicion ? "; before: " : "",
                    suspicion ? suspicion : "");
}

static int take_event(struct forks *forks, const struct elections_event *event)
{
    switch (event->kind) {
    case ELECTIONS_DIGEST:
        return add_report(forks, event);
    case ELECTIONS_FORK_SUSPECTED:
    case ELECTIONS_FORK_DETECTED:
        forks->suspicions[event->node] = event->text;
        return 0;
    case ELECTIONS_GROUP_HALTED:
        return flag_end(forks, "group_halted", event);
    case ELECTIONS_GROUP_RESYNCED:
        return flag_end(forks, "group_resynced", event);
    case ELECTIONS_UNCERTAIN: {
        bool lost = event->text && strcmp(event->text, "lost") == 0;
        uint64_t known = event->numbers[0] && event->numbers[1] >= event->numbers[0];
        *(lost ? &forks->lost[event->node] : &forks->unknown[event->node]) +=
            known ? event->numbers[1] - event->numbers[0] + 1 : 1;
        return 0;
    }
    default:
        return 0;
    }
}

/* Whoever waited was told, so that nothing is wrong; but they may have to ask again. */
static int note_uncertain(const struct forks *forks)
{
    int failed = 0;
    for (size_t i = 0; i < forks->log->node_count; i++)
        if (forks->lost[i] || forks->unknown[i])
            failed |=
                elections_note(forks->log,
                               "%.*s: commands of its callers: %" PRIu64 " lost to others at their places, of %" PRIu64
                               " it is not known whether they were executed",
                               ELECTIONS_SHORT(forks->log, i), forks->lost[i], forks->unknown[i]);
    return failed;
}

int elections_find_forks(struct elections_log *log, struct elections_group *group)
{
    struct forks forks = {
        .log = log,
        .group = group,
        .suspicions = msk_calloc(log->node_count, sizeof *forks.suspicions),
        .lost = msk_calloc(log->node_count, sizeof *forks.lost),
        .unknown = msk_calloc(log->node_count, sizeof *forks.unknown),
    };
    int failed = !forks.suspicions || !forks.lost || !forks.unknown;
    for (size_t i = 0; !failed && i < log->event_count; i++)
        if (elections_concerns(group, &log->events[i]))
            failed = take_event(&forks, &log->events[i]);
    failed = failed || check_reports(&forks) || note_uncertain(&forks);
    msk_free(forks.reports);
    msk_free(forks.suspicions);
    msk_free(forks.lost);
    msk_free(forks.unknown);
    return failed ? MSK_E_NOMEM : 0;
}
