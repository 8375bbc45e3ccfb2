/* store.h: what must survive a crash, behind one small interface: in memory, or a directory with an SQLite database.
 *
 * Every call blocks until the disk has answered: the runtime makes them in its pool, one at a time. A store is used by
 * one thread at a time. */
#ifndef MSK_STORE_STORE_H
#define MSK_STORE_STORE_H

#include "base/error.h"
#include "core/action.h"
#include "core/log.h"

#define MSK_STORE_FORMAT     3           /* of the tables; an older one is brought up to it, a newer one refused */
#define MSK_STORE_RUN_BYTES  (64u << 10) /* of entries that are stored, and read again, together; one may be longer */
#define MSK_STORE_GROUPS_MAX 4096        /* a directory with more records than this is not read */

struct msk_store;

/* Whose data a directory holds; another node's, or the same node's in another network, is refused. */
struct msk_store_identity {
    struct msk_digest peer_id, network_id;
};

/* What one group must not forget (groups.md 3.1, W-6). */
struct msk_store_record {
    struct msk_digest group;
    struct msk_hard_state hard;
};

/* A change of one group's log, as the actions APPEND and SNAPSHOT of core/action.h say it. */
struct msk_store_change {
    struct msk_digest group;
    enum { MSK_STORE_APPEND, MSK_STORE_SNAPSHOT } kind;
    uint64_t first, count;    /* APPEND: these entries stand from `first` on, and nothing behind them */
    struct msk_cursor cursor; /* APPEND: committed; SNAPSHOT: the last entry it contains */
    uint8_t *data;            /* encoded entries, or the machine's state; its holder's */
    size_t len;
};

/* What belongs into one transaction, changes in order. */
struct msk_store_batch {
    const struct msk_store_record *records;
    size_t record_count;
    const struct msk_store_change *changes;
    size_t change_count;
};

/* What is stored about a log, its entries aside. All zero: nothing. */
struct msk_store_log {
    uint64_t last; /* index of the last entry */
    struct msk_cursor committed, snapshot_at;
    uint8_t *snapshot; /* the caller's (msk_free) */
    size_t snapshot_len;
};

/* Keeps records until it is closed, and nothing of a log: that is in memory anyway. 0 or MSK_E_NOMEM. */
int msk_store_open_memory(struct msk_store **out);

/* Open `directory`, created (0700) with an empty store if it is not there or empty. It stays locked until the store is
 * closed or the process ends.
 * MSK_E_REFUSED: another process has it open.
 * MSK_E_DAMAGED: of another peer or network, not a store of this program, another format, torn or altered.
 * MSK_E_IO: it cannot be created, read or written; the text says why. MSK_E_NOMEM. */
int msk_store_open_directory(const char *directory, const struct msk_store_identity *identity, struct msk_store **out,
                             struct msk_error *err);

void msk_store_close(struct msk_store *store); /* NULL is fine */

/* Whether writing takes time: then it belongs into the pool. */
bool msk_store_is_durable(const struct msk_store *store);

/* The newest record of every group, in no order: an array of the caller's (msk_free). 0, MSK_E_NOMEM, MSK_E_IO,
 * MSK_E_LIMIT, or MSK_E_DAMAGED naming the group whose record does not match its checksum. */
int msk_store_load(struct msk_store *store, struct msk_store_record **records, size_t *count, struct msk_error *err);

/* MSK_E_DAMAGED names group and index; MSK_E_IO, MSK_E_NOMEM. `*out` is zero after a failure. */
int msk_store_load_log(struct msk_store *store, const struct msk_digest *group, struct msk_store_log *out,
                       struct msk_error *err);

/* Append the entries up to `last`, which msk_store_load_log told, to the empty `log`. MSK_E_DAMAGED: one is altered or
 * missing; also what msk_log_append_encoded returns. */
int msk_store_load_entries(struct msk_store *store, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                           struct msk_error *err);

/* Tell those who look at the directory (view.h) what a group is called here and which machine it has; nothing is
 * written where it says so already. MSK_E_IO, MSK_E_DAMAGED, MSK_E_NOMEM. */
int msk_store_name_group(struct msk_store *store, const struct msk_digest *group, const char *alias,
                         const char *machine, struct msk_error *err);

/* Append encoded entries from `first` on to `out`: `*read` of them, at most `count`, at least one, and no more than
 * `bytes_max` bytes unless the first alone is longer. MSK_E_NOTFOUND: there is none at `first`; MSK_E_DAMAGED names
 * group and index; MSK_E_IO, MSK_E_NOMEM. */
int msk_store_read_entries(struct msk_store *store, const struct msk_digest *group, uint64_t first, uint64_t count,
                           size_t bytes_max, struct msk_builder *out, uint64_t *read, struct msk_error *err);

/* Keep a batch, all or nothing: it is on disk when this returns 0; of two records for one group the later counts.
 * MSK_E_IO (also a full disk, and a database that is no longer in its place), MSK_E_DAMAGED, MSK_E_NOMEM. After a
 * failure it is unknown what the disk holds: nothing that depends on the batch may be sent, and only a new start tells.
 */
int msk_store_write(struct msk_store *store, const struct msk_store_batch *batch, struct msk_error *err);

#endif
