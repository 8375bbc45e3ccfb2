/* Logs and snapshots. SQLite notices torn pages but not altered values: each row carries the hash of what it says. */
#include <string.h>

#include "base/alloc.h"
#include "crypto/blake3.h"
#include "store/sqlite_parts.h"

void msk_sqlite_row_begin(const struct msk_sqlite_row *row, struct msk_blake3 *hash)
{
    msk_blake3_init(hash);
    msk_blake3_update(hash, msk_bytes_of_text(row->table));
    msk_blake3_update(hash, MSK_BYTES(row->group->bytes, MSK_DIGEST_LEN));
    for (int i = 0; i < row->number_count; i++) {
        uint8_t bytes[8];
        for (int at = 0; at < 8; at++)
            bytes[at] = (uint8_t)(row->numbers[i] >> (8 * at));
        msk_blake3_update(hash, MSK_BYTES(bytes, sizeof bytes));
    }
}

static struct msk_digest row_checksum(const struct msk_sqlite_row *row)
{
    struct msk_blake3 hash;
    msk_sqlite_row_begin(row, &hash);
    msk_blake3_update(&hash, row->data);
    return msk_blake3_finish(&hash);
}

static int put_row(struct msk_sqlite_store *store, enum msk_sqlite_statement which, const struct msk_sqlite_row *row,
                   struct msk_error *err)
{
    sqlite3_stmt *put = store->statements[which];
    struct msk_digest sum = row_checksum(row);
    int column = 1;
    int rc = msk_sqlite_bind_digest(put, column++, row->group);
    for (int i = 0; i < row->number_count && rc == SQLITE_OK; i++)
        rc = sqlite3_bind_int64(put, column++, (int64_t)row->numbers[i]);
    if (rc == SQLITE_OK)
        rc = msk_sqlite_bind_digest(put, column++, &sum);
    if (rc == SQLITE_OK && row->has_data) /* no bytes are not NULL */
        rc = sqlite3_bind_blob64(put, column, row->data.len ? row->data.data : (const uint8_t *)"", row->data.len,
                                 SQLITE_STATIC);
    return rc == SQLITE_OK ? msk_sqlite_step(store->db, put, err) : msk_sqlite_fail(store->db, rc, err);
}

bool msk_sqlite_read_row(sqlite3_stmt *get, int column, struct msk_sqlite_row *row)
{
    struct msk_digest stored, expected;
    for (int i = 0; i < row->number_count; i++)
        row->numbers[i] = (uint64_t)sqlite3_column_int64(get, column++);
    bool has_sum = msk_sqlite_column_digest(get, column++, &stored);
    if (row->has_data) {
        const void *data = sqlite3_column_blob(get, column);
        row->data = MSK_BYTES(data, (size_t)sqlite3_column_bytes(get, column));
    }
    expected = row_checksum(row);
    return has_sum && msk_digest_equal(&stored, &expected);
}

static int bind_place(struct msk_sqlite_store *store, sqlite3_stmt *statement, const struct msk_digest *group,
                      uint64_t index, struct msk_error *err)
{
    int rc = msk_sqlite_bind_digest(statement, 1, group);
    if (rc == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 1)
        rc = sqlite3_bind_int64(statement, 2, (int64_t)index);
    return rc == SQLITE_OK ? 0 : msk_sqlite_fail(store->db, rc, err);
}

static int run_at(struct msk_sqlite_store *store, enum msk_sqlite_statement which, const struct msk_digest *group,
                  uint64_t index, struct msk_error *err)
{
    sqlite3_stmt *statement = store->statements[which];
    int rc = bind_place(store, statement, group, index, err);
    return rc ? rc : msk_sqlite_step(store->db, statement, err);
}

static int fail_damaged(const struct msk_digest *group, const char *what, uint64_t index, struct msk_error *err)
{
    char text[MSK_DIGEST_SHORT_SIZE];
    return msk_fail(err, MSK_E_DAMAGED, "log of group %s…: entry %llu: %s", msk_digest_short(group, text),
                    (unsigned long long)index, what);
}

/* ---- writing */

static int put_entries(struct msk_sqlite_store *store, const struct msk_digest *group, uint64_t first, uint64_t count,
                       struct msk_bytes entries, struct msk_error *err)
{
    const struct msk_sqlite_row row = {.table = "log",
                                       .group = group,
                                       .numbers = {first, count},
                                       .number_count = 2,
                                       .has_data = true,
                                       .data = entries};
    return put_row(store, MSK_SQLITE_PUT_ENTRIES, &row, err);
}

/* How many of `count` entries make one row, and how long they are. */
static uint64_t measure_run(struct msk_bytes entries, uint64_t count, size_t *len)
{
    uint64_t taken = 0;
    for (*len = 0; taken < count; taken++) {
        struct msk_log_entry entry;
        size_t next = msk_log_read_entry(MSK_BYTES(entries.data + *len, entries.len - *len), &entry);
        if (next == 0 || (taken > 0 && *len + next > MSK_STORE_RUN_BYTES))
            break;
        *len += next;
    }
    return taken;
}

/* In rows short enough to be read for a few of their entries. */
static int put_runs(struct msk_sqlite_store *store, const struct msk_store_change *change, struct msk_error *err)
{
    struct msk_bytes rest = MSK_BYTES(change->data, change->len);
    uint64_t done = 0;
    int rc = 0;
    while (rc == 0 && done < change->count) {
        size_t len;
        uint64_t count = measure_run(rest, change->count - done, &len);
        if (count == 0)
            return fail_damaged(&change->group, "it is not whole", change->first + done, err);
        rc = put_entries(store, &change->group, change->first + done, count, MSK_BYTES(rest.data, len), err);
        rest = MSK_BYTES(rest.data + len, rest.len - len);
        done += count;
    }
    return rc;
}

/* The first `keep` entries of a row that has `count`. */
static int shorten(struct msk_bytes entries, uint64_t count, uint64_t keep, struct msk_builder *out)
{
    struct msk_log log;
    msk_log_init(&log);
    int rc = msk_log_append_encoded(&log, entries, count);
    for (uint64_t first = 1; first <= keep && rc == 0;) {
        struct msk_bytes part;
        first += msk_log_encoded(&log, first, keep, &part);
        msk_builder_append(out, part.data, part.len);
    }
    msk_log_free(&log);
    return rc ? rc : out->error;
}

/* The row in which `first` lies behind its beginning, if there is one, without what is from `first` on. */
static int read_kept(struct msk_sqlite_store *store, const struct msk_digest *group, uint64_t first,
                     uint64_t *kept_first, uint64_t *kept_count, struct msk_builder *kept, struct msk_error *err)
{
    sqlite3_stmt *get = store->statements[MSK_SQLITE_GET_BEFORE];
    *kept_count = 0;
    int rc = bind_place(store, get, group, first, err);
    if (rc)
        return rc;
    int step = sqlite3_step(get);
    if (step != SQLITE_ROW && step != SQLITE_DONE)
        rc = msk_sqlite_fail(store->db, step, err);
    if (step == SQLITE_ROW) {
        *kept_first = (uint64_t)sqlite3_column_int64(get, 0);
        uint64_t count = (uint64_t)sqlite3_column_int64(get, 1);
        if (first - *kept_first < count) {
            struct msk_sqlite_row row = {.table = "log", .group = group, .number_count = 2, .has_data = true};
            *kept_count = first - *kept_first;
            rc = msk_sqlite_read_row(get, 0, &row) ? shorten(row.data, count, *kept_count, kept) : MSK_E_DAMAGED;
            if (rc == MSK_E_DAMAGED)
                fail_damaged(group, "bad checksum", *kept_first, err);
            else if (rc)
                msk_fail(err, rc, "%s", msk_error_sentence(rc));
        }
    }
    sqlite3_reset(get);
    return rc;
}

/* Entries from `first` on are gone, also where they share a row with some that stay. */
static int cut(struct msk_sqlite_store *store, const struct msk_digest *group, uint64_t first, struct msk_error *err)
{
    struct msk_builder kept;
    uint64_t kept_first = 0, kept_count;
    msk_builder_init(&kept, MSK_LOG_BYTES_MAX);
    int rc = read_kept(store, group, first, &kept_first, &kept_count, &kept, err);
    if (rc == 0)
        rc = run_at(store, MSK_SQLITE_CUT_ENTRIES, group, kept_count ? kept_first : first, err);
    if (rc == 0 && kept_count)
        rc = put_entries(store, group, kept_first, kept_count, msk_builder_view(&kept), err);
    msk_builder_free(&kept);
    return rc;
}

static int append(struct msk_sqlite_store *store, const struct msk_store_change *change, struct msk_error *err)
{
    const struct msk_sqlite_row state = {
        .table = "log_state",
        .group = &change->group,
        .numbers = {change->first + change->count - 1, change->cursor.term, change->cursor.index},
        .number_count = 3,
    };
    bool follows =
        store->has_tail && msk_digest_equal(&store->tail_group, &change->group) && change->first == store->tail + 1;
    int rc = follows ? 0 : cut(store, &change->group, change->first, err);
    store->has_tail = true;
    store->tail_group = change->group;
    store->tail = state.numbers[0];
    if (rc == 0 && change->first == 1 && change->cursor.index == 0)
        rc = run_at(store, MSK_SQLITE_DROP_SNAPSHOT, &change->group, 0, err);
    if (rc == 0)
        rc = put_runs(store, change, err);
    return rc ? rc : put_row(store, MSK_SQLITE_PUT_STATE, &state, err);
}

int msk_sqlite_put_change(struct msk_sqlite_store *store, const struct msk_store_change *change, struct msk_error *err)
{
    if (change->kind == MSK_STORE_APPEND)
        return append(store, change, err);
    const struct msk_sqlite_row snapshot = {
        .table = "snapshot",
        .group = &change->group,
        .numbers = {change->cursor.term, change->cursor.index},
        .number_count = 2,
        .has_data = true,
        .data = MSK_BYTES(change->data, change->len),
    };
    return put_row(store, MSK_SQLITE_PUT_SNAPSHOT, &snapshot, err);
}

/* ---- reading */

/* The one row that a group has: 1 if it is there. The statement must be reset by the caller. */
static int get_row(struct msk_sqlite_store *store, sqlite3_stmt *get, struct msk_sqlite_row *row, struct msk_error *err)
{
    char group[MSK_DIGEST_SHORT_SIZE];
    int rc = bind_place(store, get, row->group, 0, err);
    if (rc)
        return rc;
    int step = sqlite3_step(get);
    if (step == SQLITE_DONE)
        return 0;
    if (step != SQLITE_ROW)
        return msk_sqlite_fail(store->db, step, err);
    return msk_sqlite_read_row(get, 0, row) ? 1
                                            : msk_fail(err, MSK_E_DAMAGED, "%s of group %s…: bad checksum", row->table,
                                                       msk_digest_short(row->group, group));
}

static int load_state(struct msk_sqlite_store *store, const struct msk_digest *group, struct msk_store_log *out,
                      struct msk_error *err)
{
    sqlite3_stmt *get = store->statements[MSK_SQLITE_GET_STATE];
    struct msk_sqlite_row row = {.table = "log_state", .group = group, .number_count = 3};
    int rc = get_row(store, get, &row, err);
    if (rc > 0) {
        out->last = row.numbers[0];
        out->committed = (struct msk_cursor){.term = row.numbers[1], .index = row.numbers[2]};
    }
    sqlite3_reset(get);
    return rc < 0 ? rc : 0;
}

static int load_snapshot(struct msk_sqlite_store *store, const struct msk_digest *group, struct msk_store_log *out,
                         struct msk_error *err)
{
    sqlite3_stmt *get = store->statements[MSK_SQLITE_GET_SNAPSHOT];
    struct msk_sqlite_row row = {.table = "snapshot", .group = group, .number_count = 2, .has_data = true};
    int rc = get_row(store, get, &row, err);
    if (rc > 0) {
        out->snapshot_at = (struct msk_cursor){.term = row.numbers[0], .index = row.numbers[1]};
        out->snapshot_len = row.data.len;
        out->snapshot = row.data.len ? msk_memdup(row.data.data, row.data.len) : NULL;
        if (row.data.len && !out->snapshot)
            rc = msk_fail(err, MSK_E_NOMEM, "%s", msk_error_sentence(MSK_E_NOMEM));
    }
    sqlite3_reset(get);
    return rc < 0 ? rc : 0;
}

int msk_sqlite_load_log(struct msk_store *base, const struct msk_digest *group, struct msk_store_log *out,
                        struct msk_error *err)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    int rc = load_state(store, group, out, err);
    if (rc == 0)
        rc = load_snapshot(store, group, out, err);
    if (rc)
        *out = (struct msk_store_log){0};
    return rc;
}

static int take_entries(sqlite3_stmt *get, const struct msk_digest *group, struct msk_log *log, struct msk_error *err)
{
    struct msk_sqlite_row row = {.table = "log", .group = group, .number_count = 2, .has_data = true};
    uint64_t next = log->count + 1;
    if (!msk_sqlite_read_row(get, 0, &row))
        return fail_damaged(group, "bad checksum", row.numbers[0], err);
    if (row.numbers[0] != next)
        return fail_damaged(group, row.numbers[0] > next ? "it is missing" : "it is there twice", next, err);
    int rc = msk_log_append_encoded(log, row.data, row.numbers[1]);
    return rc ? msk_wrap(err, msk_fail(err, rc, "%s", msk_error_sentence(rc)), "log entries from %llu on",
                         (unsigned long long)next)
              : 0;
}

int msk_sqlite_load_entries(struct msk_store *base, const struct msk_digest *group, uint64_t last, struct msk_log *log,
                            struct msk_error *err)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    sqlite3_stmt *get = store->statements[MSK_SQLITE_GET_ENTRIES];
    int rc = bind_place(store, get, group, 0, err);
    int step = SQLITE_DONE;
    while (rc == 0 && (step = sqlite3_step(get)) == SQLITE_ROW)
        rc = take_entries(get, group, log, err);
    if (rc == 0 && step != SQLITE_DONE)
        rc = msk_sqlite_fail(store->db, step, err);
    sqlite3_reset(get);
    if (rc == 0 && log->count < last)
        rc = fail_damaged(group, "it is missing", log->count + 1, err);
    if (rc == 0 && log->count > last)
        rc = fail_damaged(group, "it is behind the end", last + 1, err);
    return rc;
}

/* ---- reading a part */

/* Where it ends and what may still be taken. */
struct part {
    uint64_t next, left;
    size_t bytes_left;
    struct msk_builder *out;
    uint64_t *read;
};

/* Of the entries of a row those that are wanted. False: that is all. */
static bool take_part(const struct msk_sqlite_row *row, struct part *part)
{
    struct msk_bytes rest = row->data;
    for (uint64_t i = 0, index = row->numbers[0]; i < row->numbers[1] && part->left > 0; i++, index++) {
        struct msk_log_entry entry;
        size_t len = msk_log_read_entry(rest, &entry);
        if (len == 0 || (*part->read > 0 && len > part->bytes_left))
            return false;
        if (index == part->next) {
            msk_builder_append(part->out, rest.data, len);
            part->bytes_left -= len < part->bytes_left ? len : part->bytes_left;
            part->next++;
            part->left--;
            (*part->read)++;
        }
        rest = MSK_BYTES(rest.data + len, rest.len - len);
    }
    return part->left > 0 && part->bytes_left > 0;
}

int msk_sqlite_read_entries(struct msk_store *base, const struct msk_digest *group, uint64_t first, uint64_t count,
                            size_t bytes_max, struct msk_builder *out, uint64_t *read, struct msk_error *err)
{
    struct msk_sqlite_store *store = (struct msk_sqlite_store *)base;
    sqlite3_stmt *get = store->statements[MSK_SQLITE_GET_FROM];
    struct part part = {.next = first, .left = count, .bytes_left = bytes_max, .out = out, .read = read};
    int rc = bind_place(store, get, group, first, err), step = SQLITE_DONE;
    bool wants_more = rc == 0;
    while (wants_more && (step = sqlite3_step(get)) == SQLITE_ROW) {
        struct msk_sqlite_row row = {.table = "log", .group = group, .number_count = 2, .has_data = true};
        if (!msk_sqlite_read_row(get, 0, &row) || row.numbers[0] > part.next) {
            rc = fail_damaged(group, row.numbers[0] > part.next ? "it is missing" : "bad checksum", part.next, err);
            break;
        }
        wants_more = take_part(&row, &part);
    }
    if (rc == 0 && step != SQLITE_DONE && step != SQLITE_ROW)
        rc = msk_sqlite_fail(store->db, step, err);
    sqlite3_reset(get);
    if (rc == 0 && out->error)
        rc = msk_fail(err, out->error, "%s", msk_error_sentence(out->error));
    if (rc == 0 && *read == 0)
        rc = msk_fail(err, MSK_E_NOTFOUND, "entry %llu is not stored", (unsigned long long)first);
    return rc;
}
