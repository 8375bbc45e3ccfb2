/* From files to events: whose they are, and when they happened. */
#include "elections_read.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "cli/input.h"
#include "cli/visible.h"

#define MONO_MAX_MS (INT64_C(1) << 50) /* far beyond any clock, and far from where sums overflow */

/* ---- complaints */

int elections_fail_line(const struct elections_reading *reading, const char *what)
{
    return msk_fail(reading->err, MSK_E_INVALID, "%s: line %zu: %s", msk_input_name(reading->path), reading->line,
                    what);
}

int elections_fail_memory(const struct elections_reading *reading)
{
    int code = reading->log->arena.error ? reading->log->arena.error : MSK_E_NOMEM;
    return msk_fail(reading->err, code, "%s: line %zu: %s", msk_input_name(reading->path), reading->line,
                    msk_error_sentence(code));
}

/* ---- names */

/* An id: printable, bounded, so that it can be shown and drawn as it is. */
static bool is_id(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr("<>&\"'", text[i]))
            return false;
    return len > 0 && len <= ELECTIONS_ID_MAX;
}

int elections_find_node(struct elections_reading *reading, const char *id, size_t *out)
{
    struct elections_log *log = reading->log;
    if (!is_id(id))
        return elections_fail_line(reading, "a peer id is wanted");
    for (*out = 0; *out < log->node_count; ++*out)
        if (strcmp(log->nodes[*out].id, id) == 0)
            return 0;
    if (*out == ELECTIONS_NODES_MAX)
        return elections_fail_line(reading, "more nodes than can be told apart");
    struct elections_node *nodes = elections_grow(log->nodes, log->node_count, sizeof *nodes, ELECTIONS_NODES_MAX);
    if (!nodes)
        return elections_fail_memory(reading);
    log->nodes = nodes;
    nodes[*out].id = elections_text(log, "%s", id);
    if (!nodes[*out].id)
        return elections_fail_memory(reading);
    log->node_count++;
    return 0;
}

static int find_group(struct elections_reading *reading, const char *id, size_t *out)
{
    struct elections_log *log = reading->log;
    if (!is_id(id))
        return elections_fail_line(reading, "a group id is wanted");
    for (*out = 0; *out < log->group_count; ++*out)
        if (strcmp(log->groups[*out], id) == 0)
            return 0;
    if (*out == ELECTIONS_GROUPS_MAX)
        return elections_fail_line(reading, "more groups than can be told apart");
    const char **groups = elections_grow(log->groups, log->group_count, sizeof *groups, ELECTIONS_GROUPS_MAX);
    if (!groups)
        return elections_fail_memory(reading);
    log->groups = groups;
    groups[*out] = elections_text(log, "%s", id);
    if (!groups[*out])
        return elections_fail_memory(reading);
    log->group_count++;
    return 0;
}

/* ---- runs */

/* "ada" for "/var/log/ada.events" */
static const char *label_of(struct elections_log *log, const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    char shown[MSK_VISIBLE_SIZE];
    int len = (int)strcspn(name, ".");
    return *name == '-' || len == 0 ? NULL : elections_text(log, "%.*s", len, msk_visible(name, shown) + 1);
}

static int begin_run(struct elections_reading *reading, size_t node)
{
    struct elections_log *log = reading->log;
    struct elections_run *runs = elections_grow(log->runs, log->run_count, sizeof *runs, ELECTIONS_RUNS_MAX);
    if (!runs)
        return log->run_count == ELECTIONS_RUNS_MAX
                   ? elections_fail_line(reading, "more runs of nodes than can be compared")
                   : elections_fail_memory(reading);
    log->runs = runs;
    runs[log->run_count] = (struct elections_run){.node = node, .file = reading->path, .last_ms = INT64_MIN};
    reading->runs[node] = log->run_count++;
    return 0;
}

static void count_gap(struct elections_run *run, uint64_t seq, size_t line)
{
    if (run->last_seq && seq > run->last_seq + 1) {
        run->first_gap_line = run->gap_count++ ? run->first_gap_line : line;
        run->missing += seq - run->last_seq - 1;
    }
    run->last_seq = seq;
}

/* When the event happened, on the clock of its run. Clocks that go backwards show that the node was started again, or
 * that a wall clock was set. */
static int read_time(struct elections_reading *reading, const json_t *json, struct elections_event *event)
{
    const json_t *mono = json_object_get(json, "mono_ms");
    const char *ts = elections_member_text(json, "ts");
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
    if (!json_is_integer(mono) && !ts)
        return elections_fail_line(reading, "neither ts nor mono_ms says when");
    if (ts && msk_time_parse(ts, strlen(ts), &seconds, &nanoseconds))
        return elections_fail_line(reading, "ts is no RFC 3339 time");
    int64_t wall_ms = seconds * 1000 + nanoseconds / 1000000, mono_ms = json_integer_value(mono);
    if (mono_ms < 0 || mono_ms > MONO_MAX_MS)
        return elections_fail_line(reading, "mono_ms out of range");
    struct elections_run *run = &reading->log->runs[event->run];
    if (run->event_count && run->has_mono && json_is_integer(mono) && mono_ms < run->last_ms) {
        int rc = begin_run(reading, event->node);
        if (rc)
            return rc;
        event->run = reading->runs[event->node];
        run = &reading->log->runs[event->run];
    }
    if (run->event_count == 0)
        *run = (struct elections_run){.node = run->node,
                                      .file = run->file,
                                      .has_mono = json_is_integer(mono),
                                      .has_wall = ts != NULL,
                                      .anchor_ms = json_is_integer(mono) ? wall_ms - mono_ms : 0};
    if (run->has_mono != json_is_integer(mono) && !(ts && run->has_wall))
        return elections_fail_line(reading, "no time on the clock of the lines before");
    event->local_ms = !run->has_mono ? wall_ms : json_is_integer(mono) ? mono_ms : wall_ms - run->anchor_ms;
    if (run->event_count && event->local_ms < run->last_ms)
        event->local_ms = run->last_ms; /* the order of the lines is certain, a wall clock is not */
    run->last_ms = event->local_ms;
    return 0;
}

/* ---- lines */

static int add_event(struct elections_reading *reading, const struct elections_event *event)
{
    struct elections_log *log = reading->log;
    struct elections_event *events =
        elections_grow(log->events, log->event_count, sizeof *events, ELECTIONS_EVENTS_MAX);
    if (!events)
        return log->event_count == ELECTIONS_EVENTS_MAX
                   ? elections_fail_line(reading, "more events than can be compared")
                   : elections_fail_memory(reading);
    log->events = events;
    events[log->event_count++] = *event;
    return 0;
}

/* Whose event it is, and in which of its runs. */
static int find_run(struct elections_reading *reading, const json_t *json, enum elections_kind kind,
                    struct elections_event *event)
{
    const char *node = elections_member_text(json, "node");
    if (!node && kind == ELECTIONS_NODE_STARTED && elections_member_text(json, "peer_id")) {
        reading->self = elections_text(reading->log, "%s", elections_member_text(json, "peer_id"));
        if (!reading->self)
            return elections_fail_memory(reading);
    }
    if (!node)
        node = reading->self;
    if (!node)
        return elections_fail_line(reading, "no \"node\", and no node_started before it: whose event is this?");
    int rc = elections_find_node(reading, node, &event->node);
    if (rc)
        return rc;
    if (reading->runs[event->node] == ELECTIONS_NONE ||
        (kind == ELECTIONS_NODE_STARTED && reading->log->runs[reading->runs[event->node]].event_count > 0))
        rc = begin_run(reading, event->node);
    event->run = reading->runs[event->node];
    if (rc == 0 && !reading->log->nodes[event->node].label)
        reading->log->nodes[event->node].label = label_of(reading->log, reading->path);
    return rc;
}

static int read_event(struct elections_reading *reading, const json_t *json)
{
    struct elections_event event = {.peer = ELECTIONS_NONE, .group = ELECTIONS_NONE, .after = ELECTIONS_NONE};
    const char *name = elections_member_text(json, "event"), *group = elections_member_text(json, "group");
    if (!name)
        return elections_fail_line(reading, "no \"event\"");
    const struct elections_row *row = elections_row_of(name);
    if (row->kind == ELECTIONS_OTHER) /* nothing but its number is of interest: its time may be given in any way */
        reading->log->other_count++;
    if (row->kind == ELECTIONS_OTHER && !elections_member_text(json, "node") && !reading->self)
        return 0;
    event.kind = row->kind;
    int rc = find_run(reading, json, row->kind, &event);
    if (!group)
        group = elections_member_text(json, "group_id");
    if (rc == 0 && group && row->kind != ELECTIONS_NODE_STARTED)
        rc = find_group(reading, group, &event.group);
    if (rc == 0 &&
        (row->kind != ELECTIONS_OTHER || elections_member_text(json, "ts") || json_object_get(json, "mono_ms")))
        rc = read_time(reading, json, &event);
    if (rc)
        return rc;
    event.seq = elections_member_number(json, "seq");
    struct elections_run *run = &reading->log->runs[event.run];
    if (event.seq)
        count_gap(run, event.seq, reading->line);
    run->event_count++;
    if (row->kind == ELECTIONS_OTHER)
        return 0;
    rc = elections_read_fields(reading, json, row, &event);
    return rc ? rc : add_event(reading, &event);
}

/* A stream that is still being written, or was cut by a crash, ends in half a line. */
static int read_line(struct elections_reading *reading, const char *line, size_t len, bool is_cut)
{
    json_error_t error;
    char complaint[MSK_ERROR_TEXT_MAX];
    if (strspn(line, " \t\r") >= len)
        return 0;
    json_t *json = json_loadb(line, len, 0, &error);
    if (!json && is_cut)
        return elections_note(reading->log, "%s: the last line, %zu, is incomplete and left out",
                              msk_input_name(reading->path), reading->line)
                   ? elections_fail_memory(reading)
                   : 0;
    snprintf(complaint, sizeof complaint, "no JSON: %s", error.text);
    int rc = !json                   ? elections_fail_line(reading, complaint)
             : !json_is_object(json) ? elections_fail_line(reading, "an object is wanted")
                                     : read_event(reading, json);
    json_decref(json);
    return rc;
}

static int note_gaps(struct elections_reading *reading, size_t first_run)
{
    struct elections_log *log = reading->log;
    int failed = 0;
    for (size_t i = first_run; i < log->run_count; i++) {
        const struct elections_run *run = &log->runs[i];
        if (run->gap_count)
            failed |= elections_note(log, "%s: %" PRIu64 " events of %.*s are missing, the first before line %zu",
                                     msk_input_name(run->file), run->missing, ELECTIONS_SHORT(log, run->node),
                                     run->first_gap_line);
    }
    return failed ? elections_fail_memory(reading) : 0;
}

int elections_read(struct elections_log *log, const char *path, struct msk_error *err)
{
    struct msk_builder file;
    struct elections_reading reading = {.log = log, .path = path, .err = err};
    size_t first_run = log->run_count;
    for (size_t i = 0; i < ELECTIONS_NODES_MAX; i++)
        reading.runs[i] = ELECTIONS_NONE;
    msk_builder_init(&file, ELECTIONS_FILE_MAX);
    int rc = msk_input_read(path, &file, NULL, err);
    for (size_t at = 0; rc == 0 && at < file.len;) {
        const char *line = (const char *)file.data + at, *end = memchr(line, '\n', file.len - at);
        size_t len = end ? (size_t)(end - line) : file.len - at;
        reading.line++;
        rc = read_line(&reading, line, len, !end);
        at += len + 1;
    }
    msk_builder_free(&file);
    return rc ? rc : note_gaps(&reading, first_run);
}
