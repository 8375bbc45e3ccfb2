/* What a view says of one group: records and entries, each checked, and what is wrong with them told. */
#include <inttypes.h>
#include <string.h>

#include "base/alloc.h"
#include "store/view_parts.h"

#define SNAPSHOT_PART 65536 /* bytes read at once */

static int bind_group(struct msk_view *view, const char *sql, const struct msk_digest *group, sqlite3_stmt **out,
                      struct msk_error *err)
{
    int rc = msk_sqlite_prepare(view->db, sql, out, err);
    if (rc)
        return rc;
    rc = msk_sqlite_bind_digest(*out, 1, group);
    if (rc == SQLITE_OK)
        return 0;
    sqlite3_finalize(*out);
    return msk_sqlite_fail(view->db, rc, err);
}

/* The one row of a group: 1 if it is there. What cannot be read is damage to tell, and `*lost`. */
static int step_record(struct msk_view *view, sqlite3_stmt *statement, const char *what, bool *lost,
                       const struct msk_view_visitor *visitor, struct msk_error *err)
{
    int step = sqlite3_step(statement);
    if (step == SQLITE_ROW || step == SQLITE_DONE)
        return step == SQLITE_ROW;
    if (!msk_view_is_damage(step))
        return msk_sqlite_fail(view->db, step, err);
    msk_view_tell(visitor, 0, 0, "%s: cannot be read: %s", what, sqlite3_errmsg(view->db));
    *lost = true;
    return 0;
}

static int read_hard(struct msk_view *view, const struct msk_digest *group, const struct msk_view_visitor *visitor,
                     struct msk_view_state *out, struct msk_error *err)
{
    static const char what[] = "term and vote";
    struct msk_store_record record;
    sqlite3_stmt *get;
    int rc =
        bind_group(view, "SELECT group_id, term, vote, checksum FROM hard_state WHERE group_id = ?", group, &get, err);
    if (rc)
        return rc;
    rc = step_record(view, get, what, &out->lost_hard, visitor, err);
    if (rc == 1) {
        out->has_hard = msk_sqlite_read_record(get, &record, NULL) == 0;
        out->hard = out->has_hard ? record.hard : (struct msk_hard_state){0};
        out->lost_hard = !out->has_hard;
        if (out->lost_hard)
            msk_view_tell(visitor, 0, 0, "%s: bad checksum", what);
    }
    sqlite3_finalize(get);
    return rc < 0 ? rc : 0;
}

static int read_end(struct msk_view *view, const struct msk_digest *group, const struct msk_view_visitor *visitor,
                    struct msk_view_state *out, struct msk_error *err)
{
    static const char what[] = "end of the log and committed position";
    struct msk_sqlite_row row = {.table = "log_state", .group = group, .number_count = 3};
    sqlite3_stmt *get;
    int rc =
        bind_group(view, "SELECT last, committed_term, committed_index, checksum FROM log_state WHERE group_id = ?",
                   group, &get, err);
    if (rc)
        return rc;
    rc = step_record(view, get, what, &out->lost_last, visitor, err);
    if (rc == 1) {
        out->has_last = msk_sqlite_read_row(get, 0, &row);
        if (out->has_last) {
            out->last = row.numbers[0];
            out->committed = (struct msk_cursor){row.numbers[1], row.numbers[2]};
        } else {
            out->lost_last = true;
            msk_view_tell(visitor, 0, 0, "%s: bad checksum", what);
        }
    }
    sqlite3_finalize(get);
    return rc < 0 ? rc : 0;
}

/* The state may be large: it is hashed in parts. */
static int hash_snapshot(struct msk_view *view, int64_t rowid, struct msk_blake3 *hash, uint64_t *len)
{
    sqlite3_blob *blob;
    int rc = sqlite3_blob_open(view->db, "main", "snapshot", "state", rowid, 0, &blob);
    if (rc != SQLITE_OK)
        return rc;
    uint8_t *part = msk_calloc(1, SNAPSHOT_PART);
    int total = sqlite3_blob_bytes(blob);
    rc = part ? SQLITE_OK : SQLITE_NOMEM;
    for (int at = 0; at < total && rc == SQLITE_OK; at += SNAPSHOT_PART) {
        int n = total - at < SNAPSHOT_PART ? total - at : SNAPSHOT_PART;
        rc = sqlite3_blob_read(blob, part, n, at);
        msk_blake3_update(hash, MSK_BYTES(part, rc == SQLITE_OK ? (size_t)n : 0));
    }
    *len = (uint64_t)total;
    msk_free(part);
    sqlite3_blob_close(blob);
    return rc;
}

/* The row under the cursor: rowid, term, position, checksum. */
static int check_snapshot(struct msk_view *view, sqlite3_stmt *get, const struct msk_digest *group,
                          const struct msk_view_visitor *visitor, struct msk_view_state *out, struct msk_error *err)
{
    struct msk_sqlite_row row = {.table = "snapshot", .group = group, .number_count = 2};
    struct msk_blake3 hash;
    struct msk_digest stored = {{0}}, computed;
    for (int i = 0; i < row.number_count; i++)
        row.numbers[i] = (uint64_t)sqlite3_column_int64(get, i + 1);
    (void)msk_sqlite_column_digest(get, 3, &stored);
    msk_sqlite_row_begin(&row, &hash);
    int rc = hash_snapshot(view, sqlite3_column_int64(get, 0), &hash, &out->snapshot_bytes);
    if (rc != SQLITE_OK && !msk_view_is_damage(rc))
        return msk_sqlite_fail(view->db, rc, err);
    computed = msk_blake3_finish(&hash);
    if (rc == SQLITE_OK && msk_digest_equal(&stored, &computed))
        out->snapshot_at = (struct msk_cursor){row.numbers[0], row.numbers[1]};
    else
        msk_view_tell(visitor, 0, 0, "snapshot: %s", rc == SQLITE_OK ? "bad checksum" : "cannot be read to its end");
    return 0;
}

static int read_snapshot(struct msk_view *view, const struct msk_digest *group, const struct msk_view_visitor *visitor,
                         struct msk_view_state *out, struct msk_error *err)
{
    bool lost; /* then it is as if there was none */
    sqlite3_stmt *get;
    int rc =
        bind_group(view, "SELECT rowid, term, position, checksum FROM snapshot WHERE group_id = ?", group, &get, err);
    if (rc)
        return rc;
    rc = step_record(view, get, "snapshot", &lost, visitor, err);
    if (rc == 1)
        rc = check_snapshot(view, get, group, visitor, out, err);
    sqlite3_finalize(get);
    return rc;
}

int msk_view_state(struct msk_view *view, const struct msk_digest *group, const struct msk_view_visitor *visitor,
                   struct msk_view_state *out, struct msk_error *err)
{
    *out = (struct msk_view_state){0};
    int rc = read_hard(view, group, visitor, out, err);
    if (rc == 0)
        rc = read_end(view, group, visitor, out, err);
    if (rc == 0)
        rc = read_snapshot(view, group, visitor, out, err);
    if (rc == 0 && out->snapshot_at.index > out->committed.index)
        out->committed = out->snapshot_at;
    return rc;
}

/* ---- entries */

/* How far a scan has come. */
struct scan {
    struct msk_view *view;
    const struct msk_digest *group;
    const struct msk_view_state *state;
    const struct msk_view_visitor *visitor;
    sqlite3_stmt *get;
    uint64_t next, term; /* index and least term of what should come next */
    bool enough;
};

/* The first row at `place` or behind it, of any group. */
static int seek(struct scan *scan, int64_t place)
{
    sqlite3_reset(scan->get);
    int rc = sqlite3_bind_int64(scan->get, 1, place);
    return rc == SQLITE_OK ? sqlite3_step(scan->get) : rc;
}

/* Pages behind `place` cannot be read: a later place from which reading goes on, by doubling steps, then back to the
 * first one by halves. False: there is none. */
static bool resume(struct scan *scan, int64_t *place)
{
    int64_t bad = *place, good = 0;
    for (int i = 0; i < MSK_VIEW_RESUME_STEPS && !good; i++) {
        int64_t at = *place + (INT64_C(1) << i);
        int step = seek(scan, at);
        if (step == SQLITE_DONE)
            return false;
        if (step == SQLITE_ROW)
            good = at;
        else
            bad = at;
    }
    while (good - bad > 1) {
        int64_t middle = bad + (good - bad) / 2;
        if (seek(scan, middle) == SQLITE_ROW)
            good = middle;
        else
            bad = middle;
    }
    *place = good;
    return good != 0;
}

static void tell_missing(struct scan *scan, uint64_t first, uint64_t last)
{
    if (first == last)
        msk_view_tell(scan->visitor, first, last, "entry %" PRIu64 " is missing", first);
    else
        msk_view_tell(scan->visitor, first, last, "entries %" PRIu64 " to %" PRIu64 " are missing", first, last);
}

/* What the snapshot and the committed position say of this entry. */
static void check_position(const struct scan *scan, const char *what, struct msk_cursor at, uint64_t index,
                           uint64_t term)
{
    if (at.index == index && at.term != term)
        msk_view_tell(scan->visitor, index, index,
                      "entry %" PRIu64 " has term %" PRIu64 ", but the %s is of term %" PRIu64, index, term, what,
                      at.term);
}

static void check_entry(struct scan *scan, uint64_t index, uint64_t term)
{
    if (term < scan->term)
        msk_view_tell(scan->visitor, index, index, "entry %" PRIu64 " has term %" PRIu64 " behind one of term %" PRIu64,
                      index, term, scan->term);
    if (scan->state->has_hard && term > scan->state->hard.term && scan->term <= scan->state->hard.term)
        msk_view_tell(scan->visitor, index, index, "entry %" PRIu64 " has term %" PRIu64 ", the node only %" PRIu64,
                      index, term, scan->state->hard.term);
    check_position(scan, "snapshot", scan->state->snapshot_at, index, term);
    check_position(scan, "committed position", scan->state->committed, index, term);
    scan->term = term;
}

/* The entries of one run, which begins at scan->next or before it. */
static void visit_run(struct scan *scan, const struct msk_sqlite_row *row, int64_t place, bool sound)
{
    struct msk_bytes left = row->data;
    uint64_t first = row->numbers[0], count = row->numbers[1];
    struct msk_view_entry entry = {.sound = sound, .place = place, .first = first, .last = first + count - 1};
    for (uint64_t i = 0; i < count && !scan->enough; i++) {
        size_t len = msk_log_read_entry(left, &entry.entry);
        if (len == 0) {
            if (sound)
                msk_view_tell(scan->visitor, first + i, entry.last,
                              "entries %" PRIu64 " to %" PRIu64 " are not entries", first + i, entry.last);
            break;
        }
        entry.encoded = MSK_BYTES(left.data, len);
        left = MSK_BYTES(left.data + len, left.len - len);
        entry.index = first + i;
        if (entry.index < scan->next)
            continue;
        if (sound)
            check_entry(scan, entry.index, entry.entry.term);
        scan->enough = scan->visitor->entry && !scan->visitor->entry(scan->visitor->context, &entry);
    }
    if (first + count > scan->next)
        scan->next = first + count;
}

/* Whether an altered row can be where and as long as it says, so that its entries are worth showing. */
static bool is_plausible(const struct scan *scan, const struct msk_sqlite_row *row)
{
    return row->numbers[0] == scan->next && row->numbers[1] >= 1 && row->numbers[1] <= row->data.len / 2;
}

static void take_altered(struct scan *scan, const struct msk_sqlite_row *row, int64_t place)
{
    if (!is_plausible(scan, row)) {
        msk_view_tell(scan->visitor, 0, 0,
                      "the run of entries in row %" PRId64 ", behind entry %" PRIu64 ": bad checksum", place,
                      scan->next - 1);
        return;
    }
    uint64_t last = scan->next + row->numbers[1] - 1;
    msk_view_tell(scan->visitor, scan->next, last,
                  "entries %" PRIu64 " to %" PRIu64 ": bad checksum: one of them is not as it was written", scan->next,
                  last);
    visit_run(scan, row, place, false);
}

/* The row under the cursor: rowid, group_id, first, count, checksum, entries. */
static void take_row(struct scan *scan)
{
    struct msk_sqlite_row row = {.table = "log", .group = scan->group, .number_count = 2, .has_data = true};
    struct msk_digest group;
    int64_t place = sqlite3_column_int64(scan->get, 0);
    if (!msk_sqlite_column_digest(scan->get, 1, &group) || !msk_digest_equal(&group, scan->group))
        return;
    bool sound = msk_sqlite_read_row(scan->get, 2, &row);
    uint64_t first = row.numbers[0];
    if (scan->next == 0) /* the first row of a scan that begins at a place */
        scan->next = first;
    if (!sound) {
        take_altered(scan, &row, place);
        return;
    }
    if (first > scan->next)
        tell_missing(scan, scan->next, first - 1);
    else if (first < scan->next)
        msk_view_tell(scan->visitor, first, scan->next - 1, "entries %" PRIu64 " to %" PRIu64 " are there twice", first,
                      scan->next - 1);
    if (first > scan->next)
        scan->next = first;
    visit_run(scan, &row, place, true);
}

/* Where the scan is, for people. */
static uint64_t before(const struct scan *scan)
{
    return scan->next ? scan->next - 1 : 0;
}

static void check_end(struct scan *scan)
{
    uint64_t last = scan->next - 1;
    const struct msk_view_state *state = scan->state;
    if (state->has_last && last < state->last)
        tell_missing(scan, last + 1, state->last);
    if (state->has_last && last > state->last)
        msk_view_tell(scan->visitor, state->last + 1, last,
                      "entries %" PRIu64 " to %" PRIu64 " are behind the end of the log", state->last + 1, last);
    if (!state->has_last && !state->lost_last && last > 0)
        msk_view_tell(scan->visitor, 0, 0, "nothing tells where the log ends and what is committed");
    if (state->has_last && state->committed.index > state->last)
        msk_view_tell(scan->visitor, 0, 0, "entry %" PRIu64 " is committed, but the log ends with %" PRIu64,
                      state->committed.index, state->last);
    if (!state->has_hard && !state->lost_hard && last > 0)
        msk_view_tell(scan->visitor, 0, 0, "there is a log, but neither term nor vote");
}

static int scan_rows(struct scan *scan, int64_t place, struct msk_error *err)
{
    for (;;) {
        int step = seek(scan, place);
        if (step == SQLITE_DONE || scan->enough)
            return 0;
        if (step == SQLITE_ROW) {
            place = sqlite3_column_int64(scan->get, 0) + 1;
            take_row(scan);
        } else if (!msk_view_is_damage(step)) {
            return msk_sqlite_fail(scan->view->db, step, err);
        } else {
            msk_view_tell(scan->visitor, 0, 0, "behind entry %" PRIu64 ": cannot be read: %s", before(scan),
                          sqlite3_errmsg(scan->view->db));
            if (!resume(scan, &place))
                return 0;
        }
    }
}

int msk_view_scan(struct msk_view *view, const struct msk_digest *group, const struct msk_view_state *state,
                  int64_t place, const struct msk_view_visitor *visitor, struct msk_error *err)
{
    struct scan scan = {.view = view, .group = group, .state = state, .visitor = visitor, .next = place == 0};
    int rc = msk_sqlite_prepare(view->db,
                                "SELECT rowid, group_id, first, count, checksum, entries FROM log WHERE rowid >= ?"
                                " ORDER BY rowid LIMIT 1",
                                &scan.get, err);
    if (rc)
        return rc;
    rc = scan_rows(&scan, place, err);
    sqlite3_finalize(scan.get);
    if (rc == 0 && !scan.enough && scan.next > 0)
        check_end(&scan);
    return rc;
}
