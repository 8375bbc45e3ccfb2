/* store.h: what must survive a crash, behind one small interface: in memory, or a directory with an SQLite database.
 *
 * Every call blocks until the disk has answered: the runtime makes them in its pool, one at a time. A store is used by
 * one thread at a time. */
#ifndef MSK_STORE_STORE_H
#define MSK_STORE_STORE_H

#include "base/error.h"
#include "core/action.h"

#define MSK_STORE_FORMAT     1    /* of the tables; another number is refused */
#define MSK_STORE_GROUPS_MAX 4096 /* a directory with more records than this is not read */

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

/* Keeps everything until it is closed. 0 or MSK_E_NOMEM. */
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

/* Keep `records`, all or none: they are on disk when this returns 0; of two for one group the later counts.
 * MSK_E_IO (also a full disk), MSK_E_DAMAGED, MSK_E_NOMEM. After a failure it is unknown what the disk holds:
 * nothing that depends on these records may be sent, and only a new start tells. */
int msk_store_write(struct msk_store *store, const struct msk_store_record *records, size_t count,
                    struct msk_error *err);

#endif
