/* sqlite_parts.h: what the parts of the SQLite store share: sqlite.c (database, terms and votes), sqlite_log.c (logs
 * and snapshots), view.c and view_check.c (the same for those who only look). */
#ifndef MSK_STORE_SQLITE_PARTS_H
#define MSK_STORE_SQLITE_PARTS_H

#include <sqlite3.h>

#include "crypto/blake3.h"
#include "store/store_impl.h"

#define MSK_SQLITE_APPLICATION_ID 0x4d6f7361 /* "Mosa", in the header of the file: tells our databases from others */

/* What a group is called and which machine it has, for those who look at the directory. */
#define MSK_SQLITE_NAME_SCHEMA                                                                   \
    "CREATE TABLE group_name (group_id BLOB PRIMARY KEY, alias TEXT NOT NULL, machine TEXT NOT " \
    "NULL) WITHOUT ROWID;"

/* Entries lie as they came: a row a run of them, rows of a group in order of their rowid, too (they are removed at the
 * end only). `last` tells a log that lost its end from one that has it. */
#define MSK_SQLITE_LOG_SCHEMA                                                                               \
    "CREATE TABLE log (group_id BLOB NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"             \
    " checksum BLOB NOT NULL, entries BLOB NOT NULL, PRIMARY KEY (group_id, first));"                       \
    "CREATE TABLE log_state (group_id BLOB PRIMARY KEY, last INTEGER NOT NULL, committed_term INTEGER NOT " \
    "NULL, committed_index INTEGER NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;"                        \
    "CREATE TABLE snapshot (group_id BLOB PRIMARY KEY, term INTEGER NOT NULL, position INTEGER NOT NULL,"   \
    " checksum BLOB NOT NULL, state BLOB NOT NULL);"

/* All but the first two begin with the group as their first parameter. */
#define MSK_SQLITE_STATEMENT_MAP(X)                                                                          \
    X(BEGIN, "BEGIN IMMEDIATE")                                                                              \
    X(COMMIT, "COMMIT")                                                                                      \
    X(PUT_HARD, "INSERT OR REPLACE INTO hard_state VALUES (?, ?, ?, ?)")                                     \
    X(PUT_ENTRIES, "INSERT INTO log VALUES (?, ?, ?, ?, ?)")                                                 \
    X(CUT_ENTRIES, "DELETE FROM log WHERE group_id = ? AND first >= ?")                                      \
    X(GET_BEFORE, "SELECT first, count, checksum, entries FROM log WHERE group_id = ? AND first < ?"         \
                  " ORDER BY first DESC LIMIT 1")                                                            \
    X(GET_ENTRIES, "SELECT first, count, checksum, entries FROM log WHERE group_id = ? ORDER BY first")      \
    X(GET_FROM, "SELECT first, count, checksum, entries FROM log WHERE group_id = ?1 AND first >= ifnull("   \
                "(SELECT max(first) FROM log WHERE group_id = ?1 AND first <= ?2), ?2) ORDER BY first")      \
    X(PUT_STATE, "INSERT OR REPLACE INTO log_state VALUES (?, ?, ?, ?, ?)")                                  \
    X(GET_STATE, "SELECT last, committed_term, committed_index, checksum FROM log_state WHERE group_id = ?") \
    X(PUT_SNAPSHOT, "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)")                                \
    X(GET_SNAPSHOT, "SELECT term, position, checksum, state FROM snapshot WHERE group_id = ?")               \
    X(DROP_SNAPSHOT, "DELETE FROM snapshot WHERE group_id = ?")                                              \
    X(PUT_NAME, "INSERT INTO group_name VALUES (?1, ?2, ?3) ON CONFLICT (group_id) DO UPDATE SET"            \
                " alias = ?2, machine = ?3 WHERE alias <> ?2 OR machine <> ?3")

enum msk_sqlite_statement {
#define X(name, sql) MSK_SQLITE_##name,
    MSK_SQLITE_STATEMENT_MAP(X)
#undef X
        MSK_SQLITE_STATEMENTS
};

struct msk_sqlite_store {
    struct msk_store base;
    sqlite3 *db;
    sqlite3_stmt *statements[MSK_SQLITE_STATEMENTS];
    int lock_fd;

    /* The log that was written to last, and where it ends: what follows that has nothing to cut. */
    bool has_tail;
    struct msk_digest tail_group;
    uint64_t tail;
};

/* ---- sqlite.c */

int msk_sqlite_fail(sqlite3 *db, int sqlite_rc, struct msk_error *err);
int msk_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct msk_error *err);
/* Run a statement that returns nothing, and make it ready for the next time. */
int msk_sqlite_step(sqlite3 *db, sqlite3_stmt *statement, struct msk_error *err);
int msk_sqlite_bind_digest(sqlite3_stmt *statement, int column, const struct msk_digest *digest);
bool msk_sqlite_column_digest(sqlite3_stmt *statement, int column, struct msk_digest *out);

/* Columns group_id, term, vote, checksum. MSK_E_DAMAGED; `out->group` then still says whose it is, zero: not even
 * that. */
int msk_sqlite_read_record(sqlite3_stmt *statement, struct msk_store_record *out, struct msk_error *err);

/* ---- sqlite_log.c */

#define MSK_SQLITE_NUMBERS_MAX 3

/* What a row says: group, numbers in the order of their columns, and perhaps bytes. */
struct msk_sqlite_row {
    const char *table;
    const struct msk_digest *group;
    uint64_t numbers[MSK_SQLITE_NUMBERS_MAX];
    int number_count;
    bool has_data;
    struct msk_bytes data;
};

/* The checksum of all that comes before the bytes; they follow. */
void msk_sqlite_row_begin(const struct msk_sqlite_row *row, struct msk_blake3 *hash);
/* The row under the cursor: from `column` on the numbers, the checksum and the bytes, which are SQLite's until its next
 * step. False: it is not what was written. */
bool msk_sqlite_read_row(sqlite3_stmt *get, int column, struct msk_sqlite_row *row);

/* As in store_impl.h; a change is part of the caller's transaction */

int msk_sqlite_put_change(struct msk_sqlite_store *store, const struct msk_store_change *change, struct msk_error *err);
int msk_sqlite_load_log(struct msk_store *base, const struct msk_digest *group, struct msk_store_log *out,
                        struct msk_error *err);
int msk_sqlite_load_entries(struct msk_store *base, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                            struct msk_error *err);
int msk_sqlite_read_entries(struct msk_store *base, const struct msk_digest *group, uint64_t first, uint64_t count,
                            size_t bytes_max, struct msk_builder *out, uint64_t *read, struct msk_error *err);

#endif
