/* log.h: the replicated log of one group in memory: entries with their terms, from index 1 (groups.md 3.1, 5). */
#ifndef MSK_CORE_LOG_H
#define MSK_CORE_LOG_H

#include "wire/messages.h"

#define MSK_LOG_ENTRIES_MAX (1u << 20)
#define MSK_LOG_BYTES_MAX   (256u << 20) /* of commands */

struct msk_log {
    struct msk_log_entry *entries; /* entry k has index k + 1; commands are owned */
    size_t count, capacity;
    size_t bytes;
    uint64_t kept; /* entries up to here are never removed (W-3) */
};

/* Term first, then index (groups.md 0): negative, zero, positive. */
int msk_cursor_compare(struct msk_cursor a, struct msk_cursor b);

void msk_log_init(struct msk_log *log);
void msk_log_free(struct msk_log *log);

/* The position of the last entry, (0,0) if there is none. */
struct msk_cursor msk_log_last(const struct msk_log *log);

/* The term of index 0 is 0; false where there is no entry. */
bool msk_log_term_at(const struct msk_log *log, uint64_t index, uint64_t *term);

/* NULL where there is no entry; valid until the log changes. */
const struct msk_log_entry *msk_log_get(const struct msk_log *log, uint64_t index);

/* Behind the last entry; `command` is copied. 0, MSK_E_NOMEM or MSK_E_LIMIT (nothing changed). */
int msk_log_append(struct msk_log *log, uint64_t term, struct msk_bytes command);

/* Remove the entries from `index` on; beyond the last one that is nothing. `index` is above what is kept. */
void msk_log_truncate(struct msk_log *log, uint64_t index);

/* From now on entries up to `index`, which are there, stay; never goes back. */
void msk_log_keep(struct msk_log *log, uint64_t index);

#endif
