/* From files to events. */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/input.h"
#include "cli/visible.h"
#include "elections.h"

#define MONO_MAX_MS (INT64_C(1) << 50) /* far beyond any clock, and far from where sums overflow */

/* Which fields of an event have a say. Other programs' events need no more than these (docs/events.md). */
static const struct row {
    const char *name;
    enum elections_kind kind;
    const char *peer, *text, *numbers[ELECTIONS_NUMBERS];
    bool needs_peer, needs_term; /* an event without them says nothing */
} rows[] = {
    {.name = "node_started", .kind = ELECTIONS_NODE_STARTED},
    {.name = "node_stopping", .kind = ELECTIONS_NODE_STOPPING, .text = "reason"},
    {.name = "node_stopped", .kind = ELECTIONS_NODE_STOPPING},
    {.name = "group_joined", .kind = ELECTIONS_GROUP_JOINED},
    {.name = "group_left", .kind = ELECTIONS_GROUP_LEFT},
    {.name = "group_failed", .kind = ELECTIONS_GROUP_FAILED, .text = "reason"},
    {.name = "members_mode", .kind = ELECTIONS_MEMBERS_MODE, .numbers = {"members"}},
    {.name = "bond_formed", .kind = ELECTIONS_BOND_FORMED, .peer = "peer", .text = "bond", .needs_peer = true},
    {.name = "bond_closed",
     .kind = ELECTIONS_BOND_CLOSED,
     .peer = "peer",
     .text = "by",
     .numbers = {"code"},
     .needs_peer = true},
    {.name = "term_changed", .kind = ELECTIONS_TERM_CHANGED, .text = "cause", .numbers = {"old"}, .needs_term = true},
    {.name = "role_changed", .kind = ELECTIONS_ROLE_CHANGED, .text = "new", .needs_term = true},
    {.name = "election_started", .kind = ELECTIONS_STARTED, .needs_term = true},
    {.name = "election_held_back", .kind = ELECTIONS_HELD_BACK, .text = "reason"},
    {.name = "vote_cast",
     .kind = ELECTIONS_VOTE_CAST,
     .peer = "candidate",
     .text = "reason",
     .numbers = {"row"},
     .needs_peer = true,
     .needs_term = true},
    {.name = "vote_received", .kind = ELECTIONS_VOTE_RECEIVED, .peer = "peer", .needs_peer = true, .needs_term = true},
    {.name = "election_won",
     .kind = ELECTIONS_WON,
     .numbers = {"granted", "denied", "abstained", "quorum"},
     .needs_term = true},
    {.name = "election_timeout",
     .kind = ELECTIONS_TIMEOUT,
     .numbers = {"granted", "denied", "abstained", "quorum"},
     .needs_term = true},
    {.name = "leader_changed", .kind = ELECTIONS_LEADER_CHANGED, .peer = "new"},
    {.name = "leader_lost", .kind = ELECTIONS_LEADER_LOST, .peer = "old", .text = "reason"},
    {.name = "leader_stepped_down", .kind = ELECTIONS_STEPPED_DOWN, .text = "reason", .needs_term = true},
    {.name = "two_leaders",
     .kind = ELECTIONS_TWO_LEADERS,
     .peer = "second",
     .text = "first",
     .needs_peer = true,
     .needs_term = true},
    {.name = "fork_suspected", .kind = ELECTIONS_FORK_SUSPECTED, .peer = "peer", .text = "text", .needs_peer = true},
    {.name = "fork_detected",
     .kind = ELECTIONS_FORK_DETECTED,
     .peer = "peer",
     .text = "text",
     .numbers = {"index"},
     .needs_peer = true},
    {.name = "group_halted", .kind = ELECTIONS_GROUP_HALTED, .text = "text", .numbers = {"committed"}},
    {.name = "group_resynced", .kind = ELECTIONS_GROUP_RESYNCED, .text = "text", .numbers = {"committed"}},
    {.name = "command_uncertain", .kind = ELECTIONS_UNCERTAIN, .text = "outcome", .numbers = {"from", "to"}},
    {.name = "state_digest", .kind = ELECTIONS_DIGEST, .text = "digest", .numbers = {"committed"}},
    {.name = "append_received", .kind = ELECTIONS_APPEND_RECEIVED, .peer = "leader", .needs_peer = true},
    {.name = "append_acked", .kind = ELECTIONS_APPEND_ACKED, .peer = "peer", .numbers = {"index"}, .needs_peer = true},
    {.name = "log_truncated", .kind = ELECTIONS_LOG_TRUNCATED, .numbers = {"from", "committed"}},
    {.name = "commit_advanced", .kind = ELECTIONS_COMMIT, .numbers = {"from", "to"}},
    {.name = "committed", .kind = ELECTIONS_COMMIT, .numbers = {NULL, "committed"}},
};

static const struct row other = {.kind = ELECTIONS_OTHER};

/* What one file is read with. */
struct reading {
    struct elections_log *log;
    const char *path;
    size_t line;
    const char *self;                 /* whose events they are, where they do not say */
    size_t runs[ELECTIONS_NODES_MAX]; /* the present run of each node in this file, ELECTIONS_NONE: none yet */
    struct msk_error *err;
};

/* ---- lists */

void *elections_grow(void *items, size_t count, size_t size, size_t max)
{
    char *grown = items;
    if (count >= max)
        return NULL;
    if ((count & (count - 1)) == 0) /* the room doubles whenever it is full: at 0 and at each power of two */
        grown = msk_realloc(items, (count ? 2 * count : 1) * size);
    if (grown)
        memset(grown + count * size, 0, size);
    return grown;
}

const char *elections_text(struct elections_log *log, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return msk_arena_copy(&log->arena, text, strlen(text));
}

static int add_note(struct elections_log *log, const char *text)
{
    const char **notes = text ? elections_grow(log->notes, log->note_count, sizeof *notes, ELECTIONS_LIST_MAX) : NULL;
    if (!notes)
        return MSK_E_NOMEM;
    log->notes = notes;
    notes[log->note_count++] = text;
    return 0;
}

int elections_note(struct elections_log *log, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return add_note(log, elections_text(log, "%s", text));
}

void elections_log_free(struct elections_log *log)
{
    msk_free(log->events);
    msk_free(log->runs);
    msk_free(log->nodes);
    msk_free(log->groups);
    msk_free(log->notes);
    msk_arena_free(&log->arena);
    *log = (struct elections_log){0};
}

/* ---- complaints */

static int fail_line(const struct reading *reading, const char *what)
{
    return msk_fail(reading->err, MSK_E_INVALID, "%s: line %zu: %s", msk_input_name(reading->path), reading->line,
                    what);
}

static int fail_memory(const struct reading *reading)
{
    int code = reading->log->arena.error ? reading->log->arena.error : MSK_E_NOMEM;
    return msk_fail(reading->err, code, "%s: line %zu: %s", msk_input_name(reading->path), reading->line,
                    msk_error_sentence(code));
}

/* ---- names */

static const char *text_of(const json_t *object, const char *member)
{
    return member ? json_string_value(json_object_get(object, member)) : NULL;
}

/* An id: printable, bounded, so that it can be shown and drawn as it is. */
static bool is_id(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++)
        if (text[i] <= ' ' || text[i] >= 0x7f || strchr("<>&\"'", text[i]))
            return false;
    return len > 0 && len <= ELECTIONS_ID_MAX;
}

static int find_node(struct reading *reading, const char *id, size_t *out)
{
    struct elections_log *log = reading->log;
    if (!is_id(id))
        return fail_line(reading, "a peer id is wanted");
    for (*out = 0; *out < log->node_count; ++*out)
        if (strcmp(log->nodes[*out].id, id) == 0)
            return 0;
    if (*out == ELECTIONS_NODES_MAX)
        return fail_line(reading, "more nodes than can be told apart");
    struct elections_node *nodes = elections_grow(log->nodes, log->node_count, sizeof *nodes, ELECTIONS_NODES_MAX);
    if (!nodes)
        return fail_memory(reading);
    log->nodes = nodes;
    nodes[*out].id = elections_text(log, "%s", id);
    if (!nodes[*out].id)
        return fail_memory(reading);
    log->node_count++;
    return 0;
}

static int find_group(struct reading *reading, const char *id, size_t *out)
{
    struct elections_log *log = reading->log;
    if (!is_id(id))
        return fail_line(reading, "a group id is wanted");
    for (*out = 0; *out < log->group_count; ++*out)
        if (strcmp(log->groups[*out], id) == 0)
            return 0;
    if (*out == ELECTIONS_GROUPS_MAX)
        return fail_line(reading, "more groups than can be told apart");
    const char **groups = elections_grow(log->groups, log->group_count, sizeof *groups, ELECTIONS_GROUPS_MAX);
    if (!groups)
        return fail_memory(reading);
    log->groups = groups;
    groups[*out] = elections_text(log, "%s", id);
    if (!groups[*out])
        return fail_memory(reading);
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

static int begin_run(struct reading *reading, size_t node)
{
    struct elections_log *log = reading->log;
    struct elections_run *runs = elections_grow(log->runs, log->run_count, sizeof *runs, ELECTIONS_RUNS_MAX);
    if (!runs)
        return log->run_count == ELECTIONS_RUNS_MAX ? fail_line(reading, "more runs of nodes than can be compared")
                                                    : fail_memory(reading);
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
static int read_time(struct reading *reading, const json_t *json, struct elections_event *event)
{
    const json_t *mono = json_object_get(json, "mono_ms");
    const char *ts = text_of(json, "ts");
    int64_t seconds = 0;
    uint32_t nanoseconds = 0;
    if (!json_is_integer(mono) && !ts)
        return fail_line(reading, "neither ts nor mono_ms says when");
    if (ts && msk_time_parse(ts, strlen(ts), &seconds, &nanoseconds))
        return fail_line(reading, "ts is no RFC 3339 time");
    int64_t wall_ms = seconds * 1000 + nanoseconds / 1000000, mono_ms = json_integer_value(mono);
    if (mono_ms < 0 || mono_ms > MONO_MAX_MS)
        return fail_line(reading, "mono_ms out of range");
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
        return fail_line(reading, "no time on the clock of the lines before");
    event->local_ms = !run->has_mono ? wall_ms : json_is_integer(mono) ? mono_ms : wall_ms - run->anchor_ms;
    if (run->event_count && event->local_ms < run->last_ms)
        event->local_ms = run->last_ms; /* the order of the lines is certain, a wall clock is not */
    run->last_ms = event->local_ms;
    return 0;
}

/* ---- lines */

static const struct row *row_of(const char *name)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return &other;
}

static uint64_t number_of(const json_t *json, const char *member)
{
    const json_t *value = member ? json_object_get(json, member) : NULL;
    if (json_is_object(value)) /* a position in the log */
        value = json_object_get(value, "index");
    json_int_t number =
        json_is_string(value) ? (json_int_t)strtoull(json_string_value(value), NULL, 10) : json_integer_value(value);
    return number > 0 ? (uint64_t)number : 0;
}

/* Texts are shown on terminals and in drawings: control characters (also those of two bytes) and what XML forbids have
 * no place there. */
static const char *clean_text(struct elections_log *log, const char *text)
{
    char *copy = msk_arena_copy(&log->arena, text, strlen(text));
    for (char *at = copy; at && *at; at++) {
        const unsigned char *byte = (const unsigned char *)at;
        if (byte[0] < 0x20 || byte[0] == 0x7f)
            *at = '?';
        else if (byte[0] == 0xc2 && byte[1] < 0xa0)
            at[0] = at[1] = '?';
        else if (byte[0] == 0xef && byte[1] == 0xbf && byte[2] >= 0xbe)
            at[0] = at[1] = at[2] = '?';
    }
    return copy;
}

static int read_fields(struct reading *reading, const json_t *json, const struct row *row,
                       struct elections_event *event)
{
    const char *peer = text_of(json, row->peer), *text = text_of(json, row->text);
    char complaint[MSK_ERROR_TEXT_MAX];
    event->term = number_of(json, row->kind == ELECTIONS_TERM_CHANGED ? "new" : "term");
    if (row->needs_term && event->term == 0 && row->kind != ELECTIONS_ROLE_CHANGED) {
        snprintf(complaint, sizeof complaint, "%s without a term", row->name);
        return fail_line(reading, complaint);
    }
    if (row->kind == ELECTIONS_LEADER_CHANGED && !peer)
        peer = text_of(json, "leader"); /* as the events of the reference's adapter call it */
    if (row->needs_peer && !peer) {
        snprintf(complaint, sizeof complaint, "%s without \"%s\"", row->name, row->peer);
        return fail_line(reading, complaint);
    }
    int rc = peer ? find_node(reading, peer, &event->peer) : 0;
    for (size_t i = 0; i < ELECTIONS_NUMBERS; i++)
        event->numbers[i] = number_of(json, row->numbers[i]);
    if (row->kind == ELECTIONS_VOTE_CAST || row->kind == ELECTIONS_VOTE_RECEIVED) {
        static const char *const answers[] = {"granted", "denied", "abstained"};
        const char *answer = text_of(json, "answer");
        size_t i = 0;
        while (i < 3 && !(answer && strcmp(answer, answers[i]) == 0))
            i++;
        if (i == 3)
            return fail_line(reading, "a vote's answer is granted, denied or abstained");
        event->numbers[1] = i;
    }
    if (rc == 0 && text && !(event->text = clean_text(reading->log, text)))
        rc = fail_memory(reading);
    return rc;
}

/* Whom a candidate asked: a list of ids, shortened, as one text. */
static int read_asked(struct reading *reading, const json_t *json, struct elections_event *event)
{
    struct msk_builder text;
    const json_t *item;
    size_t i;
    msk_builder_init(&text, ELECTIONS_NODES_MAX * (ELECTIONS_ID_SHOWN + 1));
    json_array_foreach(json_object_get(json, "asked"), i, item)
    {
        const char *id = json_string_value(item);
        size_t node = 0;
        int rc = id ? find_node(reading, id, &node) : fail_line(reading, "asked is a list of peer ids");
        if (rc) {
            msk_builder_free(&text);
            return rc;
        }
        msk_builder_printf(&text, "%s%.*s", i ? " " : "", ELECTIONS_SHORT(reading->log, node));
    }
    event->text = msk_arena_copy(&reading->log->arena, text.len ? (const char *)text.data : "", text.len);
    msk_builder_free(&text);
    return event->text ? 0 : fail_memory(reading);
}

static int add_event(struct reading *reading, const struct elections_event *event)
{
    struct elections_log *log = reading->log;
    struct elections_event *events =
        elections_grow(log->events, log->event_count, sizeof *events, ELECTIONS_EVENTS_MAX);
    if (!events)
        return log->event_count == ELECTIONS_EVENTS_MAX ? fail_line(reading, "more events than can be compared")
                                                        : fail_memory(reading);
    log->events = events;
    events[log->event_count++] = *event;
    return 0;
}

/* Whose event it is, and in which of its runs. */
static int find_run(struct reading *reading, const json_t *json, enum elections_kind kind,
                    struct elections_event *event)
{
    const char *node = text_of(json, "node");
    if (!node && kind == ELECTIONS_NODE_STARTED && text_of(json, "peer_id")) {
        reading->self = elections_text(reading->log, "%s", text_of(json, "peer_id"));
        if (!reading->self)
            return fail_memory(reading);
    }
    if (!node)
        node = reading->self;
    if (!node)
        return fail_line(reading, "no \"node\", and no node_started before it: whose event is this?");
    int rc = find_node(reading, node, &event->node);
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

static int read_event(struct reading *reading, const json_t *json)
{
    struct elections_event event = {.peer = ELECTIONS_NONE, .group = ELECTIONS_NONE, .after = ELECTIONS_NONE};
    const char *name = text_of(json, "event"), *group = text_of(json, "group");
    if (!name)
        return fail_line(reading, "no \"event\"");
    const struct row *row = row_of(name);
    if (row->kind == ELECTIONS_OTHER) /* nothing but its number is of interest: its time may be given in any way */
        reading->log->other_count++;
    if (row->kind == ELECTIONS_OTHER && !text_of(json, "node") && !reading->self)
        return 0;
    event.kind = row->kind;
    int rc = find_run(reading, json, row->kind, &event);
    if (!group)
        group = text_of(json, "group_id");
    if (rc == 0 && group && row->kind != ELECTIONS_NODE_STARTED)
        rc = find_group(reading, group, &event.group);
    if (rc == 0 && (row->kind != ELECTIONS_OTHER || text_of(json, "ts") || json_object_get(json, "mono_ms")))
        rc = read_time(reading, json, &event);
    if (rc)
        return rc;
    event.seq = number_of(json, "seq");
    struct elections_run *run = &reading->log->runs[event.run];
    if (event.seq)
        count_gap(run, event.seq, reading->line);
    run->event_count++;
    if (row->kind == ELECTIONS_OTHER)
        return 0;
    rc = read_fields(reading, json, row, &event);
    if (rc == 0 && row->kind == ELECTIONS_STARTED)
        rc = read_asked(reading, json, &event);
    return rc ? rc : add_event(reading, &event);
}

/* A stream that is still being written, or was cut by a crash, ends in half a line. */
static int read_line(struct reading *reading, const char *line, size_t len, bool is_cut)
{
    json_error_t error;
    char complaint[MSK_ERROR_TEXT_MAX];
    if (strspn(line, " \t\r") >= len)
        return 0;
    json_t *json = json_loadb(line, len, 0, &error);
    if (!json && is_cut)
        return elections_note(reading->log, "%s: the last line, %zu, is incomplete and left out",
                              msk_input_name(reading->path), reading->line)
                   ? fail_memory(reading)
                   : 0;
    snprintf(complaint, sizeof complaint, "no JSON: %s", error.text);
    int rc = !json                   ? fail_line(reading, complaint)
             : !json_is_object(json) ? fail_line(reading, "an object is wanted")
                                     : read_event(reading, json);
    json_decref(json);
    return rc;
}

static int note_gaps(struct reading *reading, size_t first_run)
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
    return failed ? fail_memory(reading) : 0;
}

int elections_read(struct elections_log *log, const char *path, struct msk_error *err)
{
    struct msk_builder file;
    struct reading reading = {.log = log, .path = path, .err = err};
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
