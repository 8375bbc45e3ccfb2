/* sqlite_parts.h: what the parts of the SQLite store share: sqlite.c (database, terms and votes), sqlite_log.c (logs
 * and snapshots). */
#ifndef MSK_STORE_SQLITE_PARTS_H
#define MSK_STORE_SQLITE_PARTS_H

#include <sqlite3.h>

#include "store/store_impl.h"

/* Entries lie as they came: a row a run of them. `last` tells a log that lost its end from one that has it. */
#define MSK_SQLITE_LOG_SCHEMA                                                                               \
    "CREATE TABLE log (group_id BLOB NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"             \
    " checksum BLOB NOT NULL, entries BLOB NOT NULL, PRIMARY KEY (group_id, first));"                       \
    "CREATE TABLE log_state (group_id BLOB PRIMARY KEY, last INTEGER NOT NULL, committed_term INTEGER NOT " \
    "NULL, committed_index INTEGER NOT NULL, checksum BLOB NOT NULL) WITHOUT ROWID;"                        \
    "CREATE TABLE snapshot (group_id BLOB PRIMARY KEY, term INTEGER NOT NULL, position INTEGER NOT NULL,"   \
    " checksum BLOB NOT NULL, state BLOB NOT NULL);"

/* All begin with the group as their first parameter. */
#define MSK_SQLITE_STATEMENT_MAP(X)                                                                          \
    X(PUT_HARD, "INSERT OR REPLACE INTO hard_state VALUES (?, ?, ?, ?)")                                     \
    X(PUT_ENTRIES, "INSERT INTO log VALUES (?, ?, ?, ?, ?)")                                                 \
    X(CUT_ENTRIES, "DELETE FROM log WHERE group_id = ? AND first >= ?")                                      \
    X(GET_BEFORE, "SELECT first, count, checksum, entries FROM log WHERE group_id = ? AND first < ?"         \
                  " ORDER BY first DESC LIMIT 1")                                                            \
    X(GET_ENTRIES, "SELECT first, count, checksum, entries FROM log WHERE group_id = ? ORDER BY first")      \
    X(PUT_STATE, "INSERT OR REPLACE INTO log_state VALUES (?, ?, ?, ?, ?)")                                  \
    X(GET_STATE, "SELECT last, committed_term, committed_index, checksum FROM log_state WHERE group_id = ?") \
    X(PUT_SNAPSHOT, "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?)")                                \
    X(GET_SNAPSHOT, "SELECT term, position, checksum, state FROM snapshot WHERE group_id = ?")               \
    X(DROP_SNAPSHOT, "DELETE FROM snapshot WHERE group_id = ?")

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
};

/* ---- sqlite.c */

int msk_sqlite_fail(sqlite3 *db, int sqlite_rc, struct msk_error *err);
int msk_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct msk_error *err);
/* Run a statement that returns nothing, and make it ready for the next time. */
int msk_sqlite_step(sqlite3 *db, sqlite3_stmt *statement, struct msk_error *err);
int msk_sqlite_bind_digest(sqlite3_stmt *statement, int column, const struct msk_digest *digest);
bool msk_sqlite_column_digest(sqlite3_stmt *statement, int column, struct msk_digest *out);

/* ---- sqlite_log.c: as in store_impl.h; a change is part of the caller's transaction */

int msk_sqlite_put_change(struct msk_sqlite_store *store, const struct msk_store_change *change, struct msk_error *err);
int msk_sqlite_load_log(struct msk_store *base, const struct msk_digest *group, struct msk_store_log *out,
                        struct msk_error *err);
int msk_sqlite_load_entries(struct msk_store *base, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                            struct msk_error *err);

#endif
