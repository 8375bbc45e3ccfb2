/* view.h: a data directory as it lies there, for those who only look: while its node runs, damaged, or on a file system
 * that cannot be written. Nothing in it is changed, and no node has to wait.
 *
 * Beside a running node, or after one that was killed, reading goes through the shared memory that SQLite keeps for
 * this (mosaik.db-shm); nothing else is touched. */
#ifndef MSK_STORE_VIEW_H
#define MSK_STORE_VIEW_H

#include "core/node.h"
#include "store/store.h"

#define MSK_VIEW_MACHINE_MAX  255
#define MSK_VIEW_FILE_FAULTS  20 /* of those that SQLite finds in the file itself, so many are told */
#define MSK_VIEW_DAMAGE_TEXT  320
#define MSK_VIEW_BUSY_MS      5000
#define MSK_VIEW_RESUME_STEPS 44 /* doubling steps over rows that cannot be read */

struct msk_view;

struct msk_view_group {
    struct msk_digest id;
    char alias[MSK_ALIAS_MAX + 1], machine[MSK_VIEW_MACHINE_MAX + 1]; /* "": not told */
};

/* What is stored of a group besides its entries. Members whose record is missing or damaged are zero. */
struct msk_view_state {
    struct msk_hard_state hard;
    uint64_t last;               /* index of the last entry */
    struct msk_cursor committed; /* as was known when entries were last written, or the snapshot's if that is later */
    struct msk_cursor snapshot_at;
    uint64_t snapshot_bytes;
    bool has_hard, has_last;   /* the records of `hard`, and of `last` and `committed`, are as they were written */
    bool lost_hard, lost_last; /* they are not, or cannot be read */
};

struct msk_view_entry {
    uint64_t index;
    struct msk_log_entry entry; /* valid during the call */
    struct msk_bytes encoded;   /* the same, as log.h has it */
    bool sound;                 /* what it was read from is as it was written */
    int64_t place;        /* of the row it is in, which has the entries from `first` to `last`; it stays where it */
    uint64_t first, last; /* is as long as it is there, and later rows come behind it */
};

/* Something that is not as it was written. */
struct msk_view_damage {
    uint64_t first, last; /* the entries that are concerned; 0: none in particular */
    const char *text;
};

/* Called while looking; any may be NULL. */
struct msk_view_visitor {
    /* In order of their index, each at most once. False ends the scan. */
    bool (*entry)(void *context, const struct msk_view_entry *entry);
    void (*damage)(void *context, const struct msk_view_damage *damage);
    void *context;
};

/* Open what is at `directory`. The view is of one moment: that of its first use after this or msk_view_renew.
 * MSK_E_IO: it is not there or cannot be read. MSK_E_INVALID: it is no data directory of this program, or of a format
 * that this program does not know. MSK_E_DAMAGED: nothing of it can be read. MSK_E_NOMEM. */
int msk_view_open(const char *directory, struct msk_view **out, struct msk_error *err);
void msk_view_close(struct msk_view *view); /* NULL is fine */

/* Look again, at what is there now. Errors as msk_view_open; the view is then of no use any more. */
int msk_view_renew(struct msk_view *view, struct msk_error *err);

/* A node was started on the directory while it was being read as one without: what was seen may be of two moments. */
bool msk_view_is_outdated(const struct msk_view *view);

/* Whose it is; NULL: that cannot be read. */
const struct msk_store_identity *msk_view_identity(const struct msk_view *view);

/* All groups that something is stored of, as far as that can be read: an array of the caller's (msk_free).
 * MSK_E_LIMIT, MSK_E_NOMEM. */
int msk_view_groups(struct msk_view *view, struct msk_view_group **groups, size_t *count, struct msk_error *err);

/* Term and vote, end of the log and snapshot, each checked; damage goes to `visitor`. 0, MSK_E_NOMEM, MSK_E_IO. */
int msk_view_state(struct msk_view *view, const struct msk_digest *group, const struct msk_view_visitor *visitor,
                   struct msk_view_state *out, struct msk_error *err);

/* Everything of the file: what SQLite itself finds damaged. */
int msk_view_check_file(struct msk_view *view, const struct msk_view_visitor *visitor, struct msk_error *err);

/* The entries of a group that `state` describes, each run checked for its checksum, for gaps and the order of terms,
 * and all of them against `state`. What cannot be read is told and passed over. `place` 0: from the first one on; else
 * from the row on that has this place. */
int msk_view_scan(struct msk_view *view, const struct msk_digest *group, const struct msk_view_state *state,
                  int64_t place, const struct msk_view_visitor *visitor, struct msk_error *err);

#endif
