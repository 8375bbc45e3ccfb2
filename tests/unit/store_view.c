/* A data directory seen from outside: what a store wrote is seen whole, beside it and after it; what is altered is
 * named, and the rest is seen nevertheless. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "store/view.h"

static const struct msk_store_identity identity = {.peer_id = {{1}}, .network_id = {{2}}};
static const struct msk_digest group = {{7}}, other_group = {{8}};

struct fixture {
    char directory[64], database[96];
    struct msk_store *store;
    struct msk_view *view;
    char seen[4096]; /* "INDEX.TERM " of each entry, with ? where it may be altered; "[damage] " in between */
    struct msk_view_state state;
    uint64_t until; /* the scan ends with this index */
    int64_t place;  /* of the last row seen */
};

static int setup(void **state)
{
    struct msk_error err = {0};
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/mosaik-view-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->database, sizeof fixture->database, "%s/mosaik.db", fixture->directory);
    assert_int_equal(msk_store_open_directory(fixture->directory, &identity, &fixture->store, &err), 0);
    fixture->until = UINT64_MAX;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    msk_view_close(fixture->view);
    msk_store_close(fixture->store);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static void write_batch(struct fixture *fixture, const struct msk_store_batch *batch)
{
    struct msk_error err = {0};
    if (msk_store_write(fixture->store, batch, &err))
        fail_msg("%s", err.text);
}

static void write_hard(struct fixture *fixture, uint64_t term)
{
    const struct msk_store_record record = {.group = group, .hard = {.term = term}};
    write_batch(fixture, &(struct msk_store_batch){.records = &record, .record_count = 1});
}

/* A row of entries, whose commands are their indices in a byte. */
static void append_of(struct fixture *fixture, const struct msk_digest *id, uint64_t term, uint64_t first,
                      uint64_t last, struct msk_cursor committed)
{
    struct msk_builder encoded;
    msk_builder_init(&encoded, 4096);
    for (uint64_t i = first; i <= last; i++)
        msk_builder_append(&encoded, (uint8_t[]){(uint8_t)term, 1, (uint8_t)i}, 3);
    const struct msk_store_change change = {.kind = MSK_STORE_APPEND,
                                            .group = *id,
                                            .first = first,
                                            .count = last + 1 - first,
                                            .cursor = committed,
                                            .data = encoded.data,
                                            .len = encoded.len};
    write_batch(fixture, &(struct msk_store_batch){.changes = &change, .change_count = 1});
    msk_builder_free(&encoded);
}

static void append(struct fixture *fixture, uint64_t term, uint64_t first, uint64_t last)
{
    append_of(fixture, &group, term, first, last, (struct msk_cursor){1, 1});
}

static void snapshot(struct fixture *fixture, uint64_t term, uint64_t index, size_t len)
{
    uint8_t *data = calloc(1, len);
    const struct msk_store_change change = {
        .kind = MSK_STORE_SNAPSHOT, .group = group, .cursor = {term, index}, .data = data, .len = len};
    write_batch(fixture, &(struct msk_store_batch){.changes = &change, .change_count = 1});
    free(data);
}

/* As most tests begin: four rows, with those of another group in between. */
static void fill(struct fixture *fixture)
{
    write_hard(fixture, 2);
    append(fixture, 1, 1, 1);
    append(fixture, 1, 2, 3);
    append_of(fixture, &other_group, 1, 1, 2, (struct msk_cursor){0});
    append(fixture, 2, 4, 4);
    append_of(fixture, &group, 2, 5, 6, (struct msk_cursor){2, 4});
}

static void run_sql(struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture->database, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

/* ---- looking */

static void note(struct fixture *fixture, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void note(struct fixture *fixture, const char *format, ...)
{
    size_t len = strlen(fixture->seen);
    va_list args;
    va_start(args, format);
    vsnprintf(fixture->seen + len, sizeof fixture->seen - len, format, args);
    va_end(args);
}

static bool on_entry(void *context, const struct msk_view_entry *entry)
{
    struct fixture *fixture = context;
    assert_int_equal(entry->entry.command.len, 1);
    assert_true(entry->first <= entry->index && entry->index <= entry->last);
    note(fixture, "%" PRIu64 ".%" PRIu64 "%s ", entry->index, entry->entry.term, entry->sound ? "" : "?");
    fixture->place = entry->place;
    return entry->index < fixture->until;
}

static void on_damage(void *context, const struct msk_view_damage *damage)
{
    note(context, "[%s] ", damage->text);
}

static int look_from(struct fixture *fixture, int64_t place, struct msk_error *err)
{
    const struct msk_view_visitor visitor = {on_entry, on_damage, fixture};
    fixture->seen[0] = 0;
    int rc =
        fixture->view ? msk_view_renew(fixture->view, err) : msk_view_open(fixture->directory, &fixture->view, err);
    if (rc == 0)
        rc = msk_view_check_file(fixture->view, &visitor, err);
    if (rc == 0)
        rc = msk_view_state(fixture->view, &group, &visitor, &fixture->state, err);
    return rc ? rc : msk_view_scan(fixture->view, &group, &fixture->state, place, &visitor, err);
}

static void expect(struct fixture *fixture, const char *text)
{
    struct msk_error err = {0};
    if (look_from(fixture, 0, &err))
        fail_msg("%s", err.text);
    assert_string_equal(fixture->seen, text);
}

/* ---- tests */

static void a_whole_log(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    snapshot(fixture, 1, 3, 200000);
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    assert_int_equal(fixture->state.last, 6);
    assert_int_equal(fixture->state.committed.index, 4);
    assert_int_equal(fixture->state.hard.term, 2);
    assert_int_equal(fixture->state.snapshot_at.index, 3);
    assert_int_equal(fixture->state.snapshot_bytes, 200000);
    assert_true(msk_digest_equal(&msk_view_identity(fixture->view)->peer_id, &identity.peer_id));
}

static void a_snapshot_is_committed(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    snapshot(fixture, 2, 6, 0);
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    assert_int_equal(fixture->state.committed.index, 6);
}

static void groups_and_their_names(void **state)
{
    struct fixture *fixture = *state;
    struct msk_view_group *groups;
    struct msk_error err = {0};
    size_t count;
    fill(fixture);
    assert_int_equal(msk_store_name_group(fixture->store, &group, "main", "counter", &err), 0);
    assert_int_equal(msk_store_name_group(fixture->store, &group, "main", "kv", &err), 0);
    assert_int_equal(msk_view_open(fixture->directory, &fixture->view, &err), 0);
    assert_int_equal(msk_view_groups(fixture->view, &groups, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_true(msk_digest_equal(&groups[0].id, &group));
    assert_string_equal(groups[0].alias, "main");
    assert_string_equal(groups[0].machine, "kv");
    assert_true(msk_digest_equal(&groups[1].id, &other_group));
    assert_string_equal(groups[1].alias, "");
    msk_free(groups);
}

/* What the store writes meanwhile is seen by the next look, not by this one; and the store never waits. */
static void beside_the_store(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_view_visitor visitor = {on_entry, on_damage, fixture};
    struct msk_error err = {0};
    fill(fixture);
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    append(fixture, 2, 5, 5);
    fixture->seen[0] = 0;
    assert_int_equal(msk_view_scan(fixture->view, &group, &fixture->state, 0, &visitor, &err), 0);
    assert_string_equal(fixture->seen, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 ");
    assert_false(msk_view_is_outdated(fixture->view));
}

static void after_the_store(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    fill(fixture);
    msk_store_close(fixture->store);
    fixture->store = NULL;
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    assert_false(msk_view_is_outdated(fixture->view));
    assert_int_equal(msk_store_open_directory(fixture->directory, &identity, &fixture->store, &err), 0);
    assert_true(msk_view_is_outdated(fixture->view));
}

static void a_scan_ends_early_and_goes_on_from_its_place(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    fill(fixture);
    fixture->until = 4;
    expect(fixture, "1.1 2.1 3.1 4.2 ");
    fixture->until = UINT64_MAX;
    assert_int_equal(look_from(fixture, fixture->place, &err), 0);
    assert_string_equal(fixture->seen, "4.2 5.2 6.2 ");
    assert_int_equal(look_from(fixture, fixture->place + 1, &err), 0);
    assert_string_equal(fixture->seen, "");
}

static void an_altered_entry(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture, "UPDATE log SET entries = x'010109010103' WHERE first = 2");
    expect(fixture, "1.1 [entries 2 to 3: bad checksum: one of them is not as it was written] 2.1? 3.1? 4.2 5.2 6.2 ");
}

static void an_altered_place(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture, "UPDATE log SET first = 200 WHERE first = 2");
    expect(fixture, "1.1 [the run of entries in row 2, behind entry 1: bad checksum] [entries 2 to 3 are missing] "
                    "4.2 5.2 6.2 ");
}

static void a_row_that_vanished(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture, "DELETE FROM log WHERE first IN (1, 5)");
    expect(fixture, "[entry 1 is missing] 2.1 3.1 4.2 [entries 5 to 6 are missing] ");
}

static void an_end_that_vanished(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture, "DELETE FROM log_state");
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 [nothing tells where the log ends and what is committed] ");
}

static void an_altered_end(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture, "UPDATE log_state SET committed_index = 2");
    expect(fixture, "[end of the log and committed position: bad checksum] 1.1 2.1 3.1 4.2 5.2 6.2 ");
    assert_int_equal(fixture->state.committed.index, 0);
}

static void an_altered_term_and_snapshot(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    snapshot(fixture, 1, 2, 10);
    run_sql(fixture, "UPDATE hard_state SET term = 9; UPDATE snapshot SET state = zeroblob(11)");
    expect(fixture, "[term and vote: bad checksum] [snapshot: bad checksum] 1.1 2.1 3.1 4.2 5.2 6.2 ");
    run_sql(fixture, "DELETE FROM hard_state; DELETE FROM snapshot");
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 [there is a log, but neither term nor vote] ");
}

/* Each record is as it was written, but they do not go together. */
static void records_that_contradict_each_other(void **state)
{
    struct fixture *fixture = *state;
    write_hard(fixture, 2);
    append(fixture, 1, 1, 2);
    append(fixture, 3, 3, 3);
    snapshot(fixture, 1, 3, 1);
    append_of(fixture, &group, 2, 4, 4, (struct msk_cursor){2, 9});
    expect(fixture, "1.1 2.1 [entry 3 has term 3, the node only 2] [entry 3 has term 3, but the snapshot is of term 1] "
                    "3.3 [entry 4 has term 2 behind one of term 3] 4.2 "
                    "[entry 9 is committed, but the log ends with 4] ");
}

static void too_many_entries(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    fill(fixture);
    run_sql(fixture, "CREATE TABLE kept AS SELECT * FROM log WHERE first >= 4");
    append(fixture, 2, 4, 4);
    run_sql(fixture, "INSERT OR IGNORE INTO log SELECT * FROM kept; DROP TABLE kept");
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 [entries 5 to 6 are behind the end of the log] ");
    /* The node refuses it, too. */
    struct msk_log log;
    msk_log_init(&log);
    assert_int_equal(msk_store_load_entries(fixture->store, &group, 4, &log, &err), MSK_E_DAMAGED);
    msk_log_free(&log);
}

/* A directory of the format before names is shown as it is, and gets them from its next node. */
static void without_names(void **state)
{
    struct fixture *fixture = *state;
    struct msk_view_group *groups;
    struct msk_error err = {0};
    size_t count;
    fill(fixture);
    msk_store_close(fixture->store);
    fixture->store = NULL;
    run_sql(fixture, "DROP TABLE group_name; PRAGMA user_version = 2");
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    assert_int_equal(msk_view_groups(fixture->view, &groups, &count, &err), 0);
    assert_int_equal(count, 2);
    assert_string_equal(groups[0].alias, "");
    msk_free(groups);
    assert_int_equal(msk_store_open_directory(fixture->directory, &identity, &fixture->store, &err), 0);
    assert_int_equal(msk_store_name_group(fixture->store, &group, "main", "counter", &err), 0);
    expect(fixture, "1.1 2.1 3.1 4.2 5.2 6.2 ");
    assert_int_equal(msk_view_groups(fixture->view, &groups, &count, &err), 0);
    assert_string_equal(groups[0].alias, "main");
    msk_free(groups);
}

static void without_memory(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    fill(fixture);
    snapshot(fixture, 1, 2, 10);
    int rc = MSK_E_NOMEM;
    for (uint64_t n = 0; rc == MSK_E_NOMEM; n++) {
        msk_view_close(fixture->view);
        fixture->view = NULL;
        msk_alloc_fail_after(n);
        rc = look_from(fixture, 0, &err);
        msk_alloc_fail_after(UINT64_MAX);
        assert_true(n < 100);
    }
    assert_int_equal(rc, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_whole_log),
        TEST(a_snapshot_is_committed),
        TEST(groups_and_their_names),
        TEST(beside_the_store),
        TEST(after_the_store),
        TEST(a_scan_ends_early_and_goes_on_from_its_place),
        TEST(an_altered_entry),
        TEST(an_altered_place),
        TEST(a_row_that_vanished),
        TEST(an_end_that_vanished),
        TEST(an_altered_end),
        TEST(an_altered_term_and_snapshot),
        TEST(records_that_contradict_each_other),
        TEST(too_many_entries),
        TEST(without_names),
        TEST(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
