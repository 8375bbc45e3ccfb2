/* elections.h: what the event streams of several nodes tell together about the elections of their groups (groups.md 7,
 * 8).
 *
 * Four steps: elections_read.c and elections_fields.c turn files into events, elections_clock.c puts those of all
 * nodes on one clock, elections_judge.c and what follows it find out what happened in each group, and the last ones
 * tell it: as text, as JSON, as a drawing. Only the first touches files. */
#ifndef MOSAIK_INSPECT_ELECTIONS_H
#define MOSAIK_INSPECT_ELECTIONS_H

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "base/arena.h"
#include "cli/output.h"

#define ELECTIONS_FILE_MAX     (1u << 30)   /* bytes of one file */
#define ELECTIONS_MEMORY_MAX   (256u << 20) /* texts of all events */
#define ELECTIONS_EVENTS_MAX   (1u << 22)
#define ELECTIONS_RUNS_MAX     256 /* runs of nodes: a node that is started again begins another */
#define ELECTIONS_NODES_MAX    256
#define ELECTIONS_GROUPS_MAX   256
#define ELECTIONS_LIST_MAX     (1u << 20) /* of anything else */
#define ELECTIONS_ID_MAX       64         /* bytes of a peer or group id */
#define ELECTIONS_ID_SHOWN     10
#define ELECTIONS_NONE         SIZE_MAX
#define ELECTIONS_UNKNOWN_TERM 0 /* nobody stands in term 0 */

/* Kinds of events that have a say; all others are counted. */
enum elections_kind {
    ELECTIONS_NODE_STARTED,
    ELECTIONS_NODE_STOPPING,
    ELECTIONS_GROUP_JOINED,
    ELECTIONS_GROUP_LEFT,
    ELECTIONS_GROUP_FAILED,
    ELECTIONS_MEMBERS_MODE,
    ELECTIONS_BOND_FORMED,
    ELECTIONS_BOND_CLOSED,
    ELECTIONS_TERM_CHANGED,
    ELECTIONS_ROLE_CHANGED,
    ELECTIONS_STARTED,
    ELECTIONS_HELD_BACK,
    ELECTIONS_VOTE_CAST,
    ELECTIONS_VOTE_RECEIVED,
    ELECTIONS_WON,
    ELECTIONS_TIMEOUT,
    ELECTIONS_LEADER_CHANGED,
    ELECTIONS_LEADER_LOST,
    ELECTIONS_STEPPED_DOWN,
    ELECTIONS_TWO_LEADERS,
    ELECTIONS_FORK_SUSPECTED,
    ELECTIONS_FORK_DETECTED,
    ELECTIONS_GROUP_HALTED,
    ELECTIONS_GROUP_RESYNCED,
    ELECTIONS_UNCERTAIN,
    ELECTIONS_DIGEST,
    ELECTIONS_APPEND_RECEIVED,
    ELECTIONS_APPEND_ACKED,
    ELECTIONS_LOG_TRUNCATED,
    ELECTIONS_COMMIT,
    ELECTIONS_OTHER
};

#define ELECTIONS_NUMBERS 4

/* An event as far as elections are concerned. `peer`, `text` and `numbers` are the fields that the table in
 * elections_fields.c names for its kind. */
struct elections_event {
    enum elections_kind kind;
    size_t run, node;
    size_t group; /* ELECTIONS_NONE: of the node, or of all its groups */
    size_t peer;  /* ELECTIONS_NONE: none given */
    uint64_t term, seq;
    uint64_t numbers[ELECTIONS_NUMBERS];
    const char *text; /* NULL: none */
    int64_t local_ms; /* on the clock of its run */
    int64_t at_ms;    /* on the common clock, since the first event of all */
    size_t after;     /* the event that caused it, ELECTIONS_NONE: not known */
};

/* The events of one node from one file, from its start or the first line on. */
struct elections_run {
    size_t node;
    const char *file;
    size_t event_count, gap_count, first_gap_line;
    uint64_t missing, last_seq; /* numbers that the stream skips */
    bool has_mono, has_wall;
    int64_t anchor_ms; /* wall clock where the monotonic one reads 0 */
    int64_t last_ms;
    int64_t offset_ms;     /* to be added to local_ms: set by elections_align */
    int64_t correction_ms; /* how much of that is not explained by the wall clock */
    bool is_loose;         /* nothing ties this clock to the others */
};

struct elections_node {
    const char *id;
    const char *label; /* of the file it wrote, NULL: it wrote none */
};

struct elections_log {
    struct msk_arena arena;
    struct elections_event *events; /* after elections_align in their order in time */
    size_t event_count;
    struct elections_run *runs;
    size_t run_count;
    struct elections_node *nodes;
    size_t node_count;
    const char **groups;
    size_t group_count;
    const char **notes; /* what to know about the input: cut lines, gaps, clocks */
    size_t note_count;
    size_t other_count, duplicate_count; /* events without a say; events given twice */
    int64_t base_ms;                     /* the first event, as offsets count */
    int64_t start_ms;                    /* wall clock of it; 0: no stream tells */
};

/* Read one file into the log. An incomplete last line is a note.
 * MSK_E_IO, MSK_E_INVALID with file and line, MSK_E_LIMIT, MSK_E_NOMEM. */
int elections_read(struct elections_log *log, const char *path, struct msk_error *err);
int elections_note(struct elections_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void elections_log_free(struct elections_log *log);

/* Estimate how the clocks of the runs differ, from events of which one must have caused the other, and bring all events
 * into one order. 0 or MSK_E_NOMEM. */
int elections_align(struct elections_log *log);

/* Room for one more behind `count` items of `size` bytes, zeroed: the list, perhaps moved. NULL without memory or
 * beyond `max` items; the old list is then still valid. */
void *elections_grow(void *items, size_t count, size_t size, size_t max);

/* ---- what happened in a group */

struct elections_vote {
    size_t voter;
    const char *answer; /* "granted", "denied", "abstained" */
    const char *reason; /* NULL: only the candidate tells of it */
    uint64_t row;       /* of the voting table; 0: not known */
    int64_t at_ms;      /* cast or, if only the candidate tells, received */
    int64_t received_ms;
    bool cast, received;
};

/* Somebody who stood. */
struct elections_candidacy {
    size_t node;
    uint64_t term;
    int64_t at_ms;
    const char *asked;   /* NULL: only voters tell of it */
    const char *outcome; /* "won", "no_majority", "superseded", "open" */
    bool counted;        /* the candidate told its tally: */
    uint64_t granted, denied, abstained, quorum;
    struct elections_vote *votes;
    size_t vote_count;
};

/* Why a leader is no longer followed. */
enum elections_end {
    ELECTIONS_LEADS_ON, /* until the last event */
    ELECTIONS_SILENT,
    ELECTIONS_DEPARTED,
    ELECTIONS_SUPERSEDED,
    ELECTIONS_STOOD_DOWN,
    ELECTIONS_FAILED
};

/* Somebody who led. */
struct elections_reign {
    size_t node;
    uint64_t term;
    bool told;        /* by the leader itself; otherwise only by followers */
    bool ended;       /* the leader itself told so */
    int64_t from_ms;  /* won */
    int64_t to_ms;    /* until when it took itself for the leader, as far as it is known */
    int64_t heard_ms; /* until when others heard it, as far as they tell */
    enum elections_end end;
    const char *why; /* a sentence */
    size_t by;       /* who took over, ELECTIONS_NONE: nobody */
};

/* What should not have happened. */
struct elections_flag {
    const char *name;
    uint64_t term;
    int64_t at_ms;
    const char *text;
};

struct elections_group {
    size_t index;                            /* among the log's groups */
    bool *is_member;                         /* per node */
    size_t members;                          /* seen */
    uint64_t declared;                       /* 0: not */
    int64_t from_ms, to_ms;                  /* first and last event of it */
    struct elections_candidacy *candidacies; /* in their order in time */
    size_t candidacy_count;
    struct elections_reign *reigns; /* likewise */
    size_t reign_count;
    struct elections_flag *flags;
    size_t flag_count;
    int64_t first_wait_ms; /* before the first leader */
    int64_t leaderless_ms; /* afterwards */
};

struct elections_report {
    struct elections_group *groups;
    size_t count, flag_count;
};

/* Judge every group. `members`: the declared size of the groups, 0: as the events tell. The report points into the log.
 * 0, MSK_E_NOMEM or MSK_E_LIMIT. */
int elections_judge(struct elections_log *log, uint64_t members, struct elections_report *report);
void elections_report_free(struct elections_report *report);

/* The parts of it, each for one group whose earlier parts are done. */
int elections_find_ends(struct elections_log *log, struct elections_group *group);
int elections_find_flags(struct elections_log *log, struct elections_group *group);
int elections_find_forks(struct elections_log *log, struct elections_group *group);
/* The same thing is flagged once, whoever tells it. 0 or MSK_E_NOMEM. */
int elections_flag(struct elections_log *log, struct elections_group *group, const char *name, uint64_t term,
                   int64_t at_ms, const char *format, va_list arguments) __attribute__((format(printf, 6, 0)));
bool elections_concerns(const struct elections_group *group, const struct elections_event *event);
/* Text that lives as long as the log; NULL without memory. */
const char *elections_text(struct elections_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- telling it */

/* "f31a02ae43", for "%.*s". */
#define ELECTIONS_SHORT(log, node) ELECTIONS_ID_SHOWN, (log)->nodes[node].id

const char *elections_end_name(enum elections_end end);
void elections_print(const struct elections_log *log, const struct elections_report *report,
                     const struct msk_output *out);
json_t *elections_to_json(const struct elections_log *log, const struct elections_report *report);
/* The timeline of all groups, one below the other. 0 or MSK_E_IO. */
int elections_draw(const struct elections_log *log, const struct elections_report *report, FILE *stream);

#endif
