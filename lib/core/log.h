/* log.h: the replicated log of one group in memory: entries with their terms, from index 1 (groups.md 3.1, 5).
 *
 * Entries lie as they are written in an AppendEntries (term, length, command), many to a block: a run of them is sent
 * and stored without being encoded again, and one costs its bytes and four more. Where somebody else keeps what is old,
 * only a window of the newest ones stays. */
#ifndef MSK_CORE_LOG_H
#define MSK_CORE_LOG_H

#include "base/digest.h"
#include "core/rolling.h"
#include "wire/messages.h"

#define MSK_LOG_ENTRIES_MAX    (1u << 24)        /* in memory */
#define MSK_LOG_BYTES_MAX      (1u << 30)        /* of encoded entries, in memory */
#define MSK_LOG_BLOCK          MSK_ROLLING_BLOCK /* entries of a block */
#define MSK_LOG_TERMS_MAX      (1u << 20)        /* changes of the term from one entry to the next */
#define MSK_LOG_WINDOW_ENTRIES (1u << 16)        /* that stay in memory even if they may leave, */
#define MSK_LOG_WINDOW_BYTES   (8u << 20)        /* unless they are longer than this */

struct msk_log_block;
struct msk_log_run;

struct msk_log {
    struct msk_log_block **blocks;
    size_t block_count, block_capacity;
    uint64_t count;
    size_t bytes;
    uint64_t last_term;
    uint64_t kept;  /* entries up to here are never removed (W-3) */
    uint64_t spare; /* entries up to here may leave memory */
    uint64_t gone;  /* entries up to here have left it: the first block begins behind them */

    struct msk_log_run *runs; /* of entries of one term, from index 1 */
    size_t run_count, run_capacity;

    struct msk_digest *ends; /* digest at the end of each block from the first entry on, known of the first `ended` */
    size_t ended, end_capacity;
    struct msk_rolling rolling;
};

/* Term first, then index (groups.md 0): negative, zero, positive. */
int msk_cursor_compare(struct msk_cursor a, struct msk_cursor b);

void msk_log_init(struct msk_log *log);
void msk_log_free(struct msk_log *log);

/* The position of the last entry, (0,0) if there is none. */
struct msk_cursor msk_log_last(const struct msk_log *log);

/* The term of index 0 is 0; false where there is no entry. Of those that are gone it is known. */
bool msk_log_term_at(const struct msk_log *log, uint64_t index, uint64_t *term);

/* False where there is no entry in memory; the command is valid until the log changes. */
bool msk_log_get(const struct msk_log *log, uint64_t index, struct msk_log_entry *out);

/* Behind the last entry; `command` is copied. 0, MSK_E_NOMEM or MSK_E_LIMIT (nothing changed). */
int msk_log_append(struct msk_log *log, uint64_t term, struct msk_bytes command);

/* Behind the last entry, what msk_log_encoded gave. MSK_E_DAMAGED: it is not `count` whole entries; what came before
 * the damage is appended, as after the errors of msk_log_append. */
int msk_log_append_encoded(struct msk_log *log, struct msk_bytes encoded, uint64_t count);

/* The first of encoded entries; its command lies in them. How many bytes it takes, 0: there is no whole one. */
size_t msk_log_read_entry(struct msk_bytes encoded, struct msk_log_entry *out);

/* The encoded entries from `first` on, which are in memory, until `last` or the end of their block: how many. Valid
 * until the log changes. */
uint64_t msk_log_encoded(const struct msk_log *log, uint64_t first, uint64_t last, struct msk_bytes *out);

/* Remove the entries from `index` on; beyond the last one that is nothing. `index` is above what is kept, and 1 or
 * above what is gone. */
void msk_log_truncate(struct msk_log *log, uint64_t index);

/* From now on entries up to `index`, which are there, stay; never goes back. */
void msk_log_keep(struct msk_log *log, uint64_t index);

/* Entries up to `index`, there or to come, are kept elsewhere: the oldest blocks leave memory while more than the
 * window is in it. Never goes back. */
void msk_log_spare(struct msk_log *log, uint64_t index);

/* Whether the digest at `index` can be told: it is there or was, and not so long ago that only those of ends of blocks
 * are kept. */
bool msk_log_has_digest(const struct msk_log *log, uint64_t index);

/* The digest of all entries up to `index`, which can be told: equal on two members whose logs are equal up to there
 * (rolling.h). What was asked for at higher indices makes it cheap: then one block is hashed at most. */
struct msk_digest msk_log_digest(struct msk_log *log, uint64_t index);

#endif
