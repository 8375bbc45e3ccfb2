/* elections_read.h: reading one file of events: what elections_read.c and elections_fields.c share. */
#ifndef MOSAIK_INSPECT_ELECTIONS_READ_H
#define MOSAIK_INSPECT_ELECTIONS_READ_H

#include "elections.h"

/* A kind of event, and which of its fields have a say. */
struct elections_row {
    const char *name;
    enum elections_kind kind;
    const char *peer, *text, *numbers[ELECTIONS_NUMBERS];
    bool needs_peer, needs_term; /* an event without them says nothing */
};

/* What one file is read with. */
struct elections_reading {
    struct elections_log *log;
    const char *path;
    size_t line;
    const char *self;                 /* whose events they are, where they do not say */
    size_t runs[ELECTIONS_NODES_MAX]; /* the present run of each node in this file, ELECTIONS_NONE: none yet */
    struct msk_error *err;
};

/* MSK_E_INVALID, or the memory's error, with the place. */
int elections_fail_line(const struct elections_reading *reading, const char *what);
int elections_fail_memory(const struct elections_reading *reading);

/* The number of a node among the log's, which it joins if need be. 0, MSK_E_INVALID, MSK_E_NOMEM, MSK_E_LIMIT. */
int elections_find_node(struct elections_reading *reading, const char *id, size_t *out);

/* Members of an event. Text: NULL where there is none. Numbers, also those in a text or of a position in the log: 0
 * where there is none above it. `member` may be NULL. */
const char *elections_member_text(const json_t *object, const char *member);
uint64_t elections_member_number(const json_t *object, const char *member);

/* The row of an event; one of kind ELECTIONS_OTHER where it has no say. */
const struct elections_row *elections_row_of(const char *name);
/* All that its row names, into `event`; texts are the log's. Errors as above. */
int elections_read_fields(struct elections_reading *reading, const json_t *json, const struct elections_row *row,
                          struct elections_event *event);

#endif
