/* log.h: mosaik-inspect log in its parts: log.c (what to look at), log_show.c (how it is shown), log_follow.c (what
 * comes later); and what diff uses of it. */
#ifndef MOSAIK_INSPECT_LOG_H
#define MOSAIK_INSPECT_LOG_H

#include "cli/output.h"
#include "core/machine.h"
#include "store/view.h"

#define LOG_DAMAGE_MAX    100        /* places that an answer lists; more are counted */
#define LOG_REMEMBERED    (1u << 16) /* entries that may be replaced and are still told apart, with --follow */
#define LOG_RECORD_FORMAT 1          /* "v" */

/* The group that `text` (alias or id) means, or the only one for NULL. MSK_E_NOTFOUND; MSK_E_INVALID lists them. */
int log_choose_group(struct msk_view *view, const char *text, struct msk_view_group *out, struct msk_error *err);

/* --schema of log and diff: the type of the commands of a program that is not ours. */
#define LOG_SCHEMA_ROW(place)                                                        \
    {                                                                                \
        .name = "schema", .letter = 's', .type = &msk_value_file, .offset = (place), \
        .help = "the types of the group's commands: as mosaik-node run --schema"     \
    }

/* Read it (NULL: none is given): `*type` is its, MSK_E_INVALID: it tells no type of commands. `*schema` is the
 * caller's. */
int log_read_schema(const char *path, struct msk_schema **schema, const struct msk_type **type, struct msk_error *err);

/* The type of the commands of a group, as far as its directory tells; NULL: they are bytes. */
const struct msk_type *log_command_type(const struct msk_view_group *group);

/* {"index","term"} and the command: as "command", or as "hex" where it is of no type or is not of that one. */
json_t *log_entry_json(uint64_t index, const struct msk_log_entry *entry, const struct msk_type *type);

/* ---- log_show.c */

struct log_show {
    const struct msk_output *out;
    bool stream; /* --json is one object a line, as they come */
    struct msk_view_group group;
    const struct msk_type *type;
    uint64_t from, to; /* which are shown */
    struct msk_view_state state;

    uint64_t entries, faults; /* shown; found */
    json_t *damage;           /* the first of them */
    char first_fault[MSK_VIEW_DAMAGE_TEXT];
    bool begun, no_memory;
};

void log_show_head(struct log_show *show, const struct msk_view *view);
void log_show_state(struct log_show *show, const struct msk_view *view);
/* False: no more can be written. */
bool log_show_entry(struct log_show *show, const struct msk_view_entry *entry);
void log_show_damage(struct log_show *show, const struct msk_view_damage *damage);
/* A line that --follow has about something else than an entry: `kind` with `name` and `index`, and `text` for people.
 */
void log_show_change(struct log_show *show, const char *kind, uint64_t index, const char *text);
void log_show_end(struct log_show *show); /* also after a failure, wherever that was */

/* ---- log_follow.c */

/* Tell what comes until a signal, or until `to` was shown. What was shown before went through log_follow_entry. */
struct log_follow {
    struct log_show *show;
    uint64_t seen;      /* index of the last entry */
    uint64_t committed; /* as last told */
    int64_t place;      /* of the last row whose entries all stay */
    uint64_t *marks;    /* of entry N at N % LOG_REMEMBERED: what it was */
};

int log_follow_init(struct log_follow *follow, struct log_show *show, struct msk_error *err);
void log_follow_free(struct log_follow *follow);
bool log_follow_entry(struct log_follow *follow, const struct msk_view_entry *entry);
int log_follow_run(struct log_follow *follow, struct msk_view *view, const char *directory, struct msk_error *err);

#endif
