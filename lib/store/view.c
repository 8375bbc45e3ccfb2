#include "store/view.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "store/view_parts.h"

#define FORMAT_MIN 2                            /* the first with logs */
#define URI_SIZE   (3 * MSK_FILE_PATH_MAX + 32) /* every byte may take three */

/* ---- how to open it */

static bool has_file(const struct msk_view *view, const char *suffix, bool filled)
{
    char path[MSK_FILE_PATH_MAX];
    struct stat status;
    return msk_directory_path(view->directory, MSK_DATABASE_NAME, suffix, path, NULL) == 0 &&
           stat(path, &status) == 0 && (!filled || status.st_size > 0);
}

/* A running node has both files; one that ended well has removed both. */
static enum msk_view_way choose_way(const struct msk_view *view)
{
    if (has_file(view, "-wal", false) && has_file(view, "-shm", false))
        return MSK_VIEW_BESIDE;
    return has_file(view, "-wal", true) ? MSK_VIEW_ALONE : MSK_VIEW_STILL;
}

/* "file:" and the path, with what has a meaning in a URI as %XX. */
static void put_uri(const char *path, char out[URI_SIZE])
{
    size_t len = (size_t)snprintf(out, URI_SIZE, "file:%s", path[0] == '/' ? "//" : "");
    for (const unsigned char *at = (const unsigned char *)path; *at; at++)
        len += (size_t)snprintf(out + len, URI_SIZE - len, strchr("%?#", *at) ? "%%%02X" : "%c", *at);
    snprintf(out + len, URI_SIZE - len, "?immutable=1");
}

static int run(struct msk_view *view, const char *sql, struct msk_error *err)
{
    int rc = sqlite3_exec(view->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? 0 : msk_sqlite_fail(view->db, rc, err);
}

/* Without shared memory SQLite keeps its index of the write-ahead log to itself where it believes to be alone. A
 * connection that cannot write does not take the log into the database when it ends, but must not try either. */
static int prepare_way(struct msk_view *view, struct msk_error *err)
{
    sqlite3_busy_timeout(view->db, MSK_VIEW_BUSY_MS);
    sqlite3_db_config(view->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    return view->way == MSK_VIEW_ALONE ? run(view, "PRAGMA locking_mode = EXCLUSIVE", err) : 0;
}

static int open_as(struct msk_view *view, enum msk_view_way way, struct msk_error *err)
{
    char path[MSK_FILE_PATH_MAX], uri[URI_SIZE];
    int rc = msk_directory_path(view->directory, MSK_DATABASE_NAME, "", path, err);
    if (rc)
        return rc;
    put_uri(path, uri);
    view->way = way;
    int opened = sqlite3_open_v2(way == MSK_VIEW_STILL ? uri : path, &view->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                                 way == MSK_VIEW_ALONE ? "unix-none" : NULL);
    return opened == SQLITE_OK ? prepare_way(view, err) : msk_sqlite_fail(view->db, opened, err);
}

static void close_database(struct msk_view *view)
{
    sqlite3_close(view->db);
    view->db = NULL;
}

/* ---- what it is */

static int number(struct msk_view *view, const char *sql, int64_t *out, struct msk_error *err)
{
    sqlite3_stmt *statement;
    int rc = msk_sqlite_prepare(view->db, sql, &statement, err);
    if (rc)
        return rc;
    int step = sqlite3_step(statement);
    *out = step == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    if (step != SQLITE_ROW)
        rc = msk_sqlite_fail(view->db, step, err);
    sqlite3_finalize(statement);
    return rc;
}

/* From here on everything is of one moment. A file that lost its end is refused by SQLite at its first page, unless it
 * is told that its tables are being mended. */
static int begin(struct msk_view *view, struct msk_error *err)
{
    static const char first_look[] = "PRAGMA user_version";
    int64_t ignored;
    int rc = run(view, "BEGIN", err);
    view->is_short = false;
    rc = rc ? rc : number(view, first_look, &ignored, err);
    if (rc != MSK_E_DAMAGED || sqlite3_errcode(view->db) == SQLITE_NOTADB)
        return rc;
    view->is_short = true;
    rc = run(view, "PRAGMA writable_schema = ON", err);
    return rc ? rc : number(view, first_look, &ignored, err);
}

static int check_kind(struct msk_view *view, struct msk_error *err)
{
    int64_t application, format;
    int rc = number(view, "PRAGMA application_id", &application, err);
    if (rc == 0)
        rc = number(view, "PRAGMA user_version", &format, err);
    if (rc)
        return rc;
    if (application != MSK_SQLITE_APPLICATION_ID)
        return msk_fail(err, MSK_E_INVALID, "its %s is the database of another program", MSK_DATABASE_NAME);
    if (format < FORMAT_MIN || format > MSK_STORE_FORMAT)
        return msk_fail(err, MSK_E_INVALID, "it has format %lld, this program reads formats %d to %d",
                        (long long)format, FORMAT_MIN, MSK_STORE_FORMAT);
    view->has_names = format >= 3;
    return 0;
}

/* Not even this is needed to read a log. */
static void read_identity(struct msk_view *view)
{
    sqlite3_stmt *statement;
    view->has_identity = false;
    if (msk_sqlite_prepare(view->db, "SELECT peer_id, network_id FROM identity", &statement, NULL))
        return;
    view->has_identity = sqlite3_step(statement) == SQLITE_ROW &&
                         msk_sqlite_column_digest(statement, 0, &view->identity.peer_id) &&
                         msk_sqlite_column_digest(statement, 1, &view->identity.network_id);
    sqlite3_finalize(statement);
}

static int look(struct msk_view *view, enum msk_view_way way, struct msk_error *err)
{
    int rc = open_as(view, way, err);
    if (rc == 0)
        rc = begin(view, err);
    if (rc == 0)
        rc = check_kind(view, err);
    if (rc == 0)
        read_identity(view);
    return rc;
}

int msk_view_renew(struct msk_view *view, struct msk_error *err)
{
    bool exists;
    close_database(view);
    int rc = msk_directory_has_database(view->directory, &exists, err);
    if (rc == 0 && !exists)
        rc = msk_fail(err, MSK_E_IO, "no %s is there: it is no data directory, or no node has used it",
                      MSK_DATABASE_NAME);
    if (rc)
        return rc;
    enum msk_view_way way = choose_way(view);
    rc = look(view, way, err);
    if (rc == MSK_E_IO && way == MSK_VIEW_BESIDE) {
        /* Its node has just ended; or nobody can have it open, since the file system cannot be written. */
        close_database(view);
        way = choose_way(view);
        rc = look(view, way == MSK_VIEW_BESIDE ? MSK_VIEW_ALONE : way, err);
    }
    return rc;
}

int msk_view_open(const char *directory, struct msk_view **out, struct msk_error *err)
{
    struct msk_view *view = msk_calloc(1, sizeof *view);
    if (!view)
        return msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    int rc = snprintf(view->directory, sizeof view->directory, "%s", directory) < MSK_FILE_PATH_MAX
                 ? msk_view_renew(view, err)
                 : msk_fail(err, MSK_E_INVALID, "the path is longer than %d bytes", MSK_FILE_PATH_MAX - 1);
    if (rc) {
        msk_view_close(view);
        return msk_wrap(err, rc, "data directory %.200s", directory);
    }
    *out = view;
    return 0;
}

void msk_view_close(struct msk_view *view)
{
    if (!view)
        return;
    close_database(view);
    msk_free(view);
}

bool msk_view_is_outdated(const struct msk_view *view)
{
    return view->way != MSK_VIEW_BESIDE && has_file(view, "-shm", false);
}

const struct msk_store_identity *msk_view_identity(const struct msk_view *view)
{
    return view->has_identity ? &view->identity : NULL;
}

/* ---- groups */

static void copy_column(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    snprintf(out, size, "%s", text ? text : "");
}

static void read_name(struct msk_view *view, struct msk_view_group *group)
{
    sqlite3_stmt *get;
    if (!view->has_names ||
        msk_sqlite_prepare(view->db, "SELECT alias, machine FROM group_name WHERE group_id = ?", &get, NULL))
        return;
    if (msk_sqlite_bind_digest(get, 1, &group->id) == SQLITE_OK && sqlite3_step(get) == SQLITE_ROW) {
        copy_column(get, 0, group->alias, sizeof group->alias);
        copy_column(get, 1, group->machine, sizeof group->machine);
    }
    sqlite3_finalize(get);
}

static bool is_listed(const struct msk_builder *list, const struct msk_digest *id)
{
    const struct msk_view_group *groups = (const struct msk_view_group *)(const void *)list->data;
    for (size_t i = 0; i < list->len / sizeof *groups; i++)
        if (msk_digest_equal(&groups[i].id, id))
            return true;
    return false;
}

/* The groups of one table; as many as can be read. */
static void list_groups(struct msk_view *view, const char *sql, struct msk_builder *list)
{
    sqlite3_stmt *statement;
    if (msk_sqlite_prepare(view->db, sql, &statement, NULL))
        return;
    while (!list->error && sqlite3_step(statement) == SQLITE_ROW) {
        struct msk_view_group group = {0};
        if (!msk_sqlite_column_digest(statement, 0, &group.id) || is_listed(list, &group.id))
            continue;
        read_name(view, &group);
        msk_builder_append(list, &group, sizeof group);
    }
    sqlite3_finalize(statement);
}

/* Of each table, since any may be damaged. */
int msk_view_groups(struct msk_view *view, struct msk_view_group **groups, size_t *count, struct msk_error *err)
{
    struct msk_builder list;
    size_t len = 0;
    msk_builder_init(&list, MSK_STORE_GROUPS_MAX * sizeof **groups);
    list_groups(view, "SELECT group_id FROM hard_state", &list);
    list_groups(view, "SELECT group_id FROM log_state", &list);
    list_groups(view, "SELECT group_id FROM log WHERE first = 1", &list);
    int rc = list.error == MSK_E_LIMIT
                 ? msk_fail(err, MSK_E_LIMIT, "records of more than %d groups", MSK_STORE_GROUPS_MAX)
             : list.error ? msk_fail(err, list.error, "%s", msk_error_sentence(list.error))
                          : 0;
    *groups = list.len && !rc ? (struct msk_view_group *)(void *)msk_builder_take(&list, &len) : NULL;
    *count = len / sizeof **groups;
    msk_builder_free(&list);
    return rc;
}

/* ---- damage */

void msk_view_tell(const struct msk_view_visitor *visitor, uint64_t first, uint64_t last, const char *format, ...)
{
    char text[MSK_VIEW_DAMAGE_TEXT];
    va_list args;
    if (!visitor->damage)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    for (char *at = text; *at; at++) /* SQLite has lines */
        if (*at == '\n')
            *at = ' ';
    visitor->damage(visitor->context, &(struct msk_view_damage){first, last, text});
}

bool msk_view_is_damage(int sqlite_rc)
{
    int code = sqlite_rc & 0xff;
    return code == SQLITE_CORRUPT || sqlite_rc == SQLITE_IOERR_SHORT_READ || code == SQLITE_NOTADB;
}

int msk_view_check_file(struct msk_view *view, const struct msk_view_visitor *visitor, struct msk_error *err)
{
    char sql[64];
    sqlite3_stmt *statement;
    if (view->is_short)
        msk_view_tell(visitor, 0, 0, "%s: its end is missing", MSK_DATABASE_NAME);
    snprintf(sql, sizeof sql, "PRAGMA integrity_check(%d)", MSK_VIEW_FILE_FAULTS);
    int rc = msk_sqlite_prepare(view->db, sql, &statement, err);
    if (rc)
        return rc;
    int step;
    while ((step = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        if (text && strcmp(text, "ok") != 0)
            msk_view_tell(visitor, 0, 0, "%s: %s", MSK_DATABASE_NAME, text);
    }
    if (step != SQLITE_DONE && msk_view_is_damage(step))
        msk_view_tell(visitor, 0, 0, "%s: %s", MSK_DATABASE_NAME, sqlite3_errmsg(view->db));
    else if (step != SQLITE_DONE)
        rc = msk_sqlite_fail(view->db, step, err);
    sqlite3_finalize(statement);
    return rc;
}
