/* disk.h: records on their way to the store: those that come while one transaction is being written share the next
 * (group commit), and the loop never waits (W-6). Between two transactions what peers want to read has its turn. */
#ifndef MSK_RUNTIME_DISK_H
#define MSK_RUNTIME_DISK_H

#include <uv.h>

#include "store/store.h"

#define MSK_DISK_WAITING_MAX (1u << 30) /* bytes of changes that wait for a transaction to end */
#define MSK_DISK_READS_MAX   4096       /* that wait for their turn */

struct msk_disk;

/* Stored entries that somebody wants: as the action READ of core/action.h. */
struct msk_disk_read {
    struct msk_digest group;
    uint64_t number, first, count;
    size_t bytes_max;
};

struct msk_disk_owner {
    /* Every record up to `sequence` is stored. */
    void (*stored)(void *context, uint64_t sequence);
    /* A transaction failed; nothing is written any more, and nothing that waits for it may ever be sent. */
    void (*failed)(void *context, const struct msk_error *err);
    /* What msk_disk_read wanted: `count` entries, encoded, valid during the call; none, and why, if it failed. */
    void (*read)(void *context, const struct msk_disk_read *read, size_t count, struct msk_bytes entries,
                 const struct msk_error *err);
    void *context;
};

/* Reads what the store holds, blocking: meant for the start. On success the store is the disk's; on failure it stays
 * the caller's. 0, MSK_E_NOMEM, or msk_store_load's errors. */
int msk_disk_new(uv_loop_t *loop, struct msk_store *store, const struct msk_disk_owner *owner, struct msk_disk **out,
                 struct msk_error *err);

/* The newest record of a group, stored or on its way; NULL if there is none. Valid until the next put. */
const struct msk_hard_state *msk_disk_hard(const struct msk_disk *disk, const struct msk_digest *group);

/* Take in a record; sequences grow. It replaces one of the same group that has not been given to the store yet, so that
 * no more can wait than there are groups. 0 or MSK_E_NOMEM. */
int msk_disk_put(struct msk_disk *disk, const struct msk_digest *group, const struct msk_hard_state *hard,
                 uint64_t sequence);

/* Take in a change of a log, and its data also on failure. A snapshot replaces one of the same group that waits.
 * 0, MSK_E_NOMEM, or MSK_E_LIMIT: the disk does not keep up. After a failure nothing is written any
 * more. */
int msk_disk_change(struct msk_disk *disk, const struct msk_store_change *change, uint64_t sequence);

/* Ask for stored entries; `read` tells them later, after msk_disk_flush. 0, MSK_E_LIMIT, MSK_E_NOMEM. */
int msk_disk_read(struct msk_disk *disk, const struct msk_disk_read *read);

/* As the functions of store.h, after everything put so far: they wait for the disk. */
int msk_disk_load_log(struct msk_disk *disk, const struct msk_digest *group, struct msk_store_log *out,
                      struct msk_error *err);
int msk_disk_load_entries(struct msk_disk *disk, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                          struct msk_error *err);
int msk_disk_name_group(struct msk_disk *disk, const struct msk_digest *group, const char *alias, const char *machine,
                        struct msk_error *err);
bool msk_disk_is_durable(const struct msk_disk *disk);

/* Begin to write what has been put, or to read, unless that is going on (its end will). A store that takes no time
 * reports through `stored` before this returns. */
void msk_disk_flush(struct msk_disk *disk);

/* Nothing put that is not stored, nothing asked for that is not told. Also true after a failure. */
bool msk_disk_idle(const struct msk_disk *disk);

/* Waits for a running transaction, writes what is left, and closes the store; nothing is reported any more. NULL is
 * fine. */
void msk_disk_free(struct msk_disk *disk);

#endif
