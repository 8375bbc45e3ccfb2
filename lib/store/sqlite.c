#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "crypto/blake3.h"
#include "store/directory.h"
#include "store/sqlite_parts.h"

#define BUSY_TIMEOUT_MS 10000 /* only somebody's sqlite3 shell can hold the database: the directory is locked */
#define CACHE_KIB       512
#define STRINGIFY_(x)   #x
#define STRINGIFY(x)    STRINGIFY_(x)

#define FORMAT_SETTING                                                                                  \
    "PRAGMA application_id = " STRINGIFY(MSK_SQLITE_APPLICATION_ID) ";"                                 \
                                                                    "PRAGMA user_version = " STRINGIFY( \
                                                                        MSK_STORE_FORMAT) ";"

static const char schema[] =
    FORMAT_SETTING "CREATE TABLE identity (peer_id BLOB NOT NULL, network_id BLOB NOT NULL);"
                   "CREATE TABLE hard_state (group_id BLOB PRIMARY KEY, term INTEGER NOT NULL, vote BLOB,"
                   " checksum BLOB NOT NULL) WITHOUT ROWID;" MSK_SQLITE_LOG_SCHEMA MSK_SQLITE_NAME_SCHEMA;

/* What older formats lack: 1 had no logs (nothing was replicated then), 2 no names of groups. */
static const char *const upgrades[MSK_STORE_FORMAT] = {
    [1] = "BEGIN IMMEDIATE;" FORMAT_SETTING MSK_SQLITE_LOG_SCHEMA MSK_SQLITE_NAME_SCHEMA "COMMIT;",
    [2] = "BEGIN IMMEDIATE;" FORMAT_SETTING MSK_SQLITE_NAME_SCHEMA "COMMIT;",
};

/* FULL: a transaction is on disk when COMMIT returns (W-6). */
static const char settings[] = "PRAGMA journal_mode = WAL;"
                               "PRAGMA synchronous = FULL;"
                               "PRAGMA cache_size = -" STRINGIFY(CACHE_KIB) ";";

static const char *const statements[MSK_SQLITE_STATEMENTS] = {
#define X(name, sql) (sql),
    MSK_SQLITE_STATEMENT_MAP(X)
#undef X
};

static int code_of(int sqlite_rc)
{
    switch (sqlite_rc & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR: /* a table is missing or has other columns: the statements themselves are constants */
        return MSK_E_DAMAGED;
    case SQLITE_NOMEM:
        return MSK_E_NOMEM;
    default:
        return MSK_E_IO;
    }
}

int msk_sqlite_fail(sqlite3 *db, int sqlite_rc, struct msk_error *err)
{
    int system = db ? sqlite3_system_errno(db) : 0;
    if ((sqlite_rc & 0xff) == SQLITE_IOERR && system)
        return msk_fail(err, MSK_E_IO, "%s: %s", sqlite3_errmsg(db), strerror(system));
    return msk_fail(err, code_of(sqlite_rc), "%s", db ? sqlite3_errmsg(db) : sqlite3_errstr(sqlite_rc));
}

static int run(sqlite3 *db, const char *sql, struct msk_error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : msk_sqlite_fail(db, rc, err);
}

int msk_sqlite_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out, struct msk_error *err)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, out, NULL);
    return rc == SQLITE_OK ? 0 : msk_sqlite_fail(db, rc, err);
}

int msk_sqlite_step(sqlite3 *db, sqlite3_stmt *statement, struct msk_error *err)
{
    int rc = sqlite3_step(statement);
    int result = rc == SQLITE_DONE ? 0 : msk_sqlite_fail(db, rc, err);
    sqlite3_reset(statement);
    return result;
}

int msk_sqlite_bind_digest(sqlite3_stmt *statement, int column, const struct msk_digest *digest)
{
    return sqlite3_bind_blob(statement, column, digest->bytes, MSK_DIGEST_LEN, SQLITE_STATIC);
}

bool msk_sqlite_column_digest(sqlite3_stmt *statement, int column, struct msk_digest *out)
{
    const void *data = sqlite3_column_blob(statement, column);
    if (!data || sqlite3_column_bytes(statement, column) != MSK_DIGEST_LEN)
        return false;
    memcpy(out->bytes, data, MSK_DIGEST_LEN);
    return true;
}

/* SQLite notices torn pages but not altered values: every record carries the hash of what it says. */
static struct msk_digest checksum(const struct msk_store_record *record)
{
    struct msk_blake3 hash;
    uint8_t fixed[9];
    for (int i = 0; i < 8; i++)
        fixed[i] = (uint8_t)(record->hard.term >> (8 * i));
    fixed[8] = record->hard.has_vote;
    msk_blake3_init(&hash);
    msk_blake3_update(&hash, MSK_BYTES(record->group.bytes, MSK_DIGEST_LEN));
    msk_blake3_update(&hash, MSK_BYTES(fixed, sizeof fixed));
    if (record->hard.has_vote)
        msk_blake3_update(&hash, MSK_BYTES(record->hard.vote.bytes, MSK_DIGEST_LEN));
    return msk_blake3_finish(&hash);
}

/* ---- records */

int msk_sqlite_read_record(sqlite3_stmt *statement, struct msk_store_record *out, struct msk_error *err)
{
    struct msk_digest stored, expected;
    *out = (struct msk_store_record){.hard.term = (uint64_t)sqlite3_column_int64(statement, 1)};
    if (!msk_sqlite_column_digest(statement, 0, &out->group))
        return msk_fail(err, MSK_E_DAMAGED, "a record has no group id");
    out->hard.has_vote = msk_sqlite_column_digest(statement, 2, &out->hard.vote);
    expected = checksum(out);
    if (!msk_sqlite_column_digest(statement, 3, &stored) || !msk_digest_equal(&stored, &expected)) {
        char group[MSK_DIGEST_SHORT_SIZE];
        return msk_fail(err, MSK_E_DAMAGED, "term and vote of group %s…: bad checksum",
                        msk_digest_short(&out->group, group));
    }
    return 0;
}

static int read_all(sqlite3 *db, sqlite3_stmt *statement, struct msk_builder *rows, struct msk_error *err)
{
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        struct msk_store_record record;
        int rc = msk_sqlite_read_record(statement, &record, err);
        if (rc)
            return rc;
        msk_builder_append(rows, &record, sizeof record);
        if (rows->error == MSK_E_LIMIT)
            return msk_fail(err, MSK_E_LIMIT, "records of more than %d groups", MSK_STORE_GROUPS_MAX);
        if (rows->error)
            return msk_fail(err, rows->error, "%s", msk_error_sentence(rows->error));
    }
    return step == SQLITE_DONE ? 0 : msk_sqlite_fail(db, step, err);
}

static int sqlite_load(struct msk_store *base, struct msk_store_record **records, size_t *count, struct msk_error *err)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    sqlite3_stmt *statement = NULL;
    struct msk_builder rows;
    msk_builder_init(&rows, MSK_STORE_GROUPS_MAX * sizeof **records);
    int rc = msk_sqlite_prepare(store->db, "SELECT group_id, term, vote, checksum FROM hard_state", &statement, err);
    if (rc == 0)
        rc = read_all(store->db, statement, &rows, err);
    sqlite3_finalize(statement);
    if (rc == 0 && rows.len > 0) {
        size_t len;
        *records = (struct msk_store_record *)(void *)msk_builder_take(&rows, &len);
        *count = len / sizeof **records;
    }
    msk_builder_free(&rows);
    return rc;
}

static int put_record(struct msk_sqlite_store *store, const struct msk_store_record *record, struct msk_error *err)
{
    sqlite3_stmt *put = store->statements[MSK_SQLITE_PUT_HARD];
    struct msk_digest sum = checksum(record);
    int rc = msk_sqlite_bind_digest(put, 1, &record->group);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(put, 2, (int64_t)record->hard.term);
    if (rc == SQLITE_OK)
        rc = record->hard.has_vote ? msk_sqlite_bind_digest(put, 3, &record->hard.vote) : sqlite3_bind_null(put, 3);
    if (rc == SQLITE_OK)
        rc = msk_sqlite_bind_digest(put, 4, &sum);
    return rc == SQLITE_OK ? msk_sqlite_step(store->db, put, err) : msk_sqlite_fail(store->db, rc, err);
}

static int put_batch(struct msk_sqlite_store *store, const struct msk_store_batch *batch, struct msk_error *err)
{
    int rc = 0;
    for (size_t i = 0; i < batch->record_count && rc == 0; i++)
        rc = put_record(store, &batch->records[i], err);
    for (size_t i = 0; i < batch->change_count && rc == 0; i++)
        rc = msk_sqlite_put_change(store, &batch->changes[i], err);
    return rc;
}

/* A file that was deleted takes everything, and nobody will ever read it. */
static int check_in_place(struct msk_sqlite_store *store, struct msk_error *err)
{
    int moved = 0;
    int rc = sqlite3_file_control(store->db, NULL, SQLITE_FCNTL_HAS_MOVED, &moved);
    if (rc != SQLITE_OK)
        return msk_sqlite_fail(store->db, rc, err);
    return moved ? msk_fail(err, MSK_E_IO, "the database was removed, or another one is in its place") : 0;
}

static int sqlite_write(struct msk_store *base, const struct msk_store_batch *batch, struct msk_error *err)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    int rc = msk_sqlite_step(store->db, store->statements[MSK_SQLITE_BEGIN], err);
    if (rc)
        return rc;
    rc = put_batch(store, batch, err);
    if (rc == 0)
        rc = msk_sqlite_step(store->db, store->statements[MSK_SQLITE_COMMIT], err);
    if (rc) {
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL); /* the first error is the one to tell */
        store->has_tail = false;
    }
    return rc ? rc : check_in_place(store, err);
}

static int sqlite_name_group(struct msk_store *base, const struct msk_digest *group, const char *alias,
                             const char *machine, struct msk_error *err)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    sqlite3_stmt *put = store->statements[MSK_SQLITE_PUT_NAME];
    int rc = msk_sqlite_bind_digest(put, 1, group);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(put, 2, alias, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(put, 3, machine, -1, SQLITE_STATIC);
    return rc == SQLITE_OK ? msk_sqlite_step(store->db, put, err) : msk_sqlite_fail(store->db, rc, err);
}

static void sqlite_close(struct msk_store *base)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    for (size_t i = 0; i < MSK_SQLITE_STATEMENTS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close(store->db);
    if (store->lock_fd >= 0)
        close(store->lock_fd); /* last: while it is held nobody else opens the database */
    msk_free(store);
}

static const struct msk_store_ops sqlite_ops = {
    .durable = true,
    .load = sqlite_load,
    .load_log = msk_sqlite_load_log,
    .load_entries = msk_sqlite_load_entries,
    .read_entries = msk_sqlite_read_entries,
    .write = sqlite_write,
    .name_group = sqlite_name_group,
    .close = sqlite_close,
};

/* ---- opening */

static int insert_identity(sqlite3 *db, const struct msk_store_identity *identity, struct msk_error *err)
{
    sqlite3_stmt *insert;
    int rc = msk_sqlite_prepare(db, "INSERT INTO identity VALUES (?, ?)", &insert, err);
    if (rc)
        return rc;
    if (msk_sqlite_bind_digest(insert, 1, &identity->peer_id) ||
        msk_sqlite_bind_digest(insert, 2, &identity->network_id))
        rc = msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    else
        rc = msk_sqlite_step(db, insert, err);
    sqlite3_finalize(insert);
    return rc;
}

static int fill_database(const char *path, const struct msk_store_identity *identity, struct msk_error *err)
{
    sqlite3 *db = NULL;
    int opened = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    int rc = opened == SQLITE_OK ? run(db, schema, err) : msk_sqlite_fail(db, opened, err);
    if (rc == 0)
        rc = insert_identity(db, identity, err);
    sqlite3_close(db);
    return rc;
}

/* Under another name first: a database that has its name is complete, whenever the power went. */
static int create_database(const char *directory, const struct msk_store_identity *identity, struct msk_error *err)
{
    char path[MSK_FILE_PATH_MAX];
    int rc = msk_directory_path(directory, MSK_DATABASE_NAME, ".new", path, err);
    if (rc)
        return rc;
    unlink(path);
    rc = fill_database(path, identity, err);
    if (rc == 0)
        rc = msk_directory_adopt(directory, path, err);
    if (rc)
        unlink(path);
    return rc;
}

static int pragma_number(sqlite3 *db, const char *sql, int64_t *out, struct msk_error *err)
{
    sqlite3_stmt *statement;
    int rc = msk_sqlite_prepare(db, sql, &statement, err);
    if (rc)
        return rc;
    int step = sqlite3_step(statement);
    if (step == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else
        rc = msk_sqlite_fail(db, step, err);
    sqlite3_finalize(statement);
    return rc;
}

/* The format this program writes; an older one becomes it. */
static int check_format(sqlite3 *db, struct msk_error *err)
{
    int64_t application = 0, format = 0;
    int rc = pragma_number(db, "PRAGMA application_id", &application, err);
    if (rc == 0)
        rc = pragma_number(db, "PRAGMA user_version", &format, err);
    if (rc)
        return rc;
    if (application != MSK_SQLITE_APPLICATION_ID)
        return msk_fail(err, MSK_E_DAMAGED, "it is the database of another program");
    if (format > 0 && format < MSK_STORE_FORMAT)
        return run(db, upgrades[format], err);
    if (format != MSK_STORE_FORMAT)
        return msk_fail(err, MSK_E_DAMAGED, "it has format %lld, this program knows format %d", (long long)format,
                        MSK_STORE_FORMAT);
    return 0;
}

static int fail_owner(const char *what, const struct msk_digest *stored, const struct msk_digest *ours,
                      struct msk_error *err)
{
    char theirs_text[MSK_DIGEST_SHORT_SIZE], ours_text[MSK_DIGEST_SHORT_SIZE];
    return msk_fail(err, MSK_E_DAMAGED, "it belongs to %s %s…, this is %s…", what,
                    msk_digest_short(stored, theirs_text), msk_digest_short(ours, ours_text));
}

static int check_identity(sqlite3 *db, const struct msk_store_identity *ours, struct msk_error *err)
{
    struct msk_store_identity stored;
    sqlite3_stmt *statement;
    int rc = msk_sqlite_prepare(db, "SELECT peer_id, network_id FROM identity", &statement, err);
    if (rc)
        return rc;
    int step = sqlite3_step(statement);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = msk_sqlite_fail(db, step, err);
    else if (step == SQLITE_DONE || !msk_sqlite_column_digest(statement, 0, &stored.peer_id) ||
             !msk_sqlite_column_digest(statement, 1, &stored.network_id))
        rc = msk_fail(err, MSK_E_DAMAGED, "it does not say whose it is");
    else if (!msk_digest_equal(&stored.peer_id, &ours->peer_id))
        rc = fail_owner("peer", &stored.peer_id, &ours->peer_id, err);
    else if (!msk_digest_equal(&stored.network_id, &ours->network_id))
        rc = fail_owner("network", &stored.network_id, &ours->network_id, err);
    sqlite3_finalize(statement);
    return rc;
}

static int open_database(struct msk_sqlite_store *store, const char *path, const struct msk_store_identity *identity,
                         struct msk_error *err)
{
    int opened = sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (opened != SQLITE_OK)
        return msk_sqlite_fail(store->db, opened, err);
    sqlite3_busy_timeout(store->db, BUSY_TIMEOUT_MS);
    int rc = check_format(store->db, err);
    if (rc == 0)
        rc = check_identity(store->db, identity, err);
    if (rc == 0)
        rc = run(store->db, settings, err);
    for (size_t i = 0; i < MSK_SQLITE_STATEMENTS && rc == 0; i++)
        rc = msk_sqlite_prepare(store->db, statements[i], &store->statements[i], err);
    return rc;
}

static int open_locked(struct msk_sqlite_store *store, const char *directory, const struct msk_store_identity *identity,
                       struct msk_error *err)
{
    char path[MSK_FILE_PATH_MAX];
    bool exists;
    int rc = msk_directory_lock(directory, &store->lock_fd, err);
    if (rc == 0)
        rc = msk_directory_has_database(directory, &exists, err);
    if (rc == 0 && !exists)
        rc = create_database(directory, identity, err);
    if (rc == 0)
        rc = msk_directory_path(directory, MSK_DATABASE_NAME, "", path, err);
    return rc ? rc : open_database(store, path, identity, err);
}

int msk_store_open_directory(const char *directory, const struct msk_store_identity *identity, struct msk_store **out,
                             struct msk_error *err)
{
    struct msk_sqlite_store *store = msk_calloc(1, sizeof *store);
    if (!store)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    *store = (struct msk_sqlite_store){.base.ops = &sqlite_ops, .lock_fd = -1};
    int rc = open_locked(store, directory, identity, err);
    if (rc) {
        sqlite_close(&store->base);
        return msk_wrap(err, rc, "data directory %.200s", directory);
    }
    *out = &store->base;
    return 0;
}
