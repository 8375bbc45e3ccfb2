/* Logs and snapshots in a data directory: what was written is read again, and what was altered is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "base/alloc.h"
#include "store/store.h"

static const struct msk_store_identity identity = {.peer_id = {{1}}, .network_id = {{2}}};
static const struct msk_digest group = {{7}}, other_group = {{8}};

struct fixture {
    char directory[64], database[96];
    struct msk_store *store;
};

static void open_store(struct fixture *fixture)
{
    struct msk_error err = {0};
    if (msk_store_open_directory(fixture->directory, &identity, &fixture->store, &err))
        fail_msg("%s", err.text);
}

static void open_again(struct fixture *fixture)
{
    msk_store_close(fixture->store);
    open_store(fixture);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/mosaik-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    snprintf(fixture->database, sizeof fixture->database, "%s/mosaik.db", fixture->directory);
    open_store(fixture);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    msk_store_close(fixture->store);
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

/* ---- writing */

static void write_change(struct fixture *fixture, const struct msk_store_change *change)
{
    struct msk_error err = {0};
    if (msk_store_write(fixture->store, &(struct msk_store_batch){.changes = change, .change_count = 1}, &err))
        fail_msg("%s", err.text);
}

/* Entries `first` to `last` of `term`, each with a command that tells its place; what was behind them is gone. */
static void append_of(struct fixture *fixture, const struct msk_digest *id, uint64_t term, uint64_t first,
                      uint64_t last, struct msk_cursor committed)
{
    struct msk_log log;
    struct msk_builder encoded;
    msk_log_init(&log);
    msk_builder_init(&encoded, MSK_LOG_BYTES_MAX);
    for (uint64_t i = first; i <= last; i++)
        assert_int_equal(msk_log_append(&log, term, MSK_BYTES(&i, sizeof i)), 0);
    for (uint64_t i = 1; i <= log.count;) {
        struct msk_bytes part;
        i += msk_log_encoded(&log, i, log.count, &part);
        msk_builder_append(&encoded, part.data, part.len);
    }
    write_change(fixture, &(struct msk_store_change){.kind = MSK_STORE_APPEND,
                                                     .group = *id,
                                                     .first = first,
                                                     .count = last + 1 - first,
                                                     .cursor = committed,
                                                     .data = encoded.data,
                                                     .len = encoded.len});
    msk_builder_free(&encoded);
    msk_log_free(&log);
}

static void append(struct fixture *fixture, uint64_t term, uint64_t first, uint64_t last)
{
    append_of(fixture, &group, term, first, last, (struct msk_cursor){1, 1});
}

static void snapshot(struct fixture *fixture, uint64_t index, const char *text)
{
    write_change(fixture, &(struct msk_store_change){.kind = MSK_STORE_SNAPSHOT,
                                                     .group = group,
                                                     .cursor = {1, index},
                                                     .data = (uint8_t *)(uintptr_t)text,
                                                     .len = strlen(text)});
}

/* ---- reading */

static int load(struct fixture *fixture, struct msk_store_log *out, struct msk_log *log, struct msk_error *err)
{
    msk_log_init(log);
    int rc = msk_store_load_log(fixture->store, &group, out, err);
    return rc ? rc : msk_store_load_entries(fixture->store, &group, out->last, log, err);
}

static struct msk_store_log expect_log(struct fixture *fixture, uint64_t last, uint64_t last_term)
{
    struct msk_store_log stored;
    struct msk_log log;
    struct msk_error err = {0};
    if (load(fixture, &stored, &log, &err))
        fail_msg("%s", err.text);
    assert_int_equal(stored.last, last);
    assert_int_equal(log.count, last);
    assert_int_equal(log.last_term, last_term);
    for (uint64_t i = 1; i <= last; i++) {
        struct msk_log_entry entry;
        assert_true(msk_log_get(&log, i, &entry));
        assert_memory_equal(entry.command.data, &i, sizeof i);
    }
    msk_log_free(&log);
    return stored;
}

static void starts_empty(void **state)
{
    struct msk_store_log stored = expect_log(*state, 0, 0);
    assert_int_equal(stored.committed.index, 0);
    assert_int_equal(stored.snapshot_at.index, 0);
    assert_null(stored.snapshot);
}

static void remembers_entries_and_what_is_committed(void **state)
{
    struct fixture *fixture = *state;
    append_of(fixture, &group, 1, 1, 3000, (struct msk_cursor){0, 0});
    append_of(fixture, &group, 2, 3001, 3001, (struct msk_cursor){1, 2999});
    append_of(fixture, &other_group, 9, 1, 1, (struct msk_cursor){9, 1});
    open_again(fixture);
    struct msk_store_log stored = expect_log(fixture, 3001, 2);
    assert_int_equal(stored.committed.term, 1);
    assert_int_equal(stored.committed.index, 2999);
}

static void cuts_between_what_was_written_together(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 1, 2000);
    append(fixture, 1, 2001, 2010);
    append(fixture, 2, 2001, 2001); /* in place of all of the second */
    expect_log(fixture, 2001, 2);
    append(fixture, 3, 1500, 1500); /* in the middle of the first */
    expect_log(fixture, 1500, 3);
    append(fixture, 3, 1400, 1399); /* nothing in their place */
    expect_log(fixture, 1399, 1);
    append(fixture, 4, 1, 2);
    expect_log(fixture, 2, 4);
}

static void keeps_the_last_snapshot(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 1, 20);
    snapshot(fixture, 10, "ten");
    snapshot(fixture, 20, "twenty");
    open_again(fixture);
    struct msk_store_log stored = expect_log(fixture, 20, 1);
    assert_int_equal(stored.snapshot_at.index, 20);
    assert_int_equal(stored.snapshot_at.term, 1);
    assert_int_equal(stored.snapshot_len, 6);
    assert_memory_equal(stored.snapshot, "twenty", 6);
    msk_free(stored.snapshot);

    snapshot(fixture, 20, ""); /* a state of no bytes is one, too */
    stored = expect_log(fixture, 20, 1);
    assert_int_equal(stored.snapshot_at.index, 20);
    assert_int_equal(stored.snapshot_len, 0);
}

static void a_log_taken_anew_has_no_snapshot(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 1, 20);
    snapshot(fixture, 10, "ten");
    append_of(fixture, &group, 1, 1, 0, (struct msk_cursor){0, 0});
    struct msk_store_log stored = expect_log(fixture, 0, 0);
    assert_int_equal(stored.snapshot_at.index, 0);
    assert_null(stored.snapshot);
}

/* ---- a part of it */

static int read_part(struct fixture *fixture, uint64_t first, uint64_t count, size_t bytes_max, uint64_t *read,
                     struct msk_error *err)
{
    struct msk_builder out;
    msk_builder_init(&out, MSK_LOG_BYTES_MAX);
    int rc = msk_store_read_entries(fixture->store, &group, first, count, bytes_max, &out, read, err);
    struct msk_bytes rest = msk_builder_view(&out);
    for (uint64_t i = 0; rc == 0 && i < *read; i++) {
        struct msk_log_entry entry;
        uint64_t index = first + i;
        size_t len = msk_log_read_entry(rest, &entry);
        assert_int_not_equal(len, 0);
        assert_memory_equal(entry.command.data, &index, sizeof index);
        rest = MSK_BYTES(rest.data + len, rest.len - len);
    }
    assert_true(rc < 0 || rest.len == 0);
    msk_builder_free(&out);
    return rc;
}

/* Of ten thousand entries of ten bytes, written at once, and ten more behind them. */
static void parts_are_read(void **state)
{
    static const struct {
        uint64_t first, count;
        size_t bytes_max;
        uint64_t read;
    } parts[] = {
        {1, 10, 1000, 10},
        {5000, 3000, 1 << 20, 3000},
        {9995, 10, 1000, 10},
        {10001, 100, 1 << 20, 10},
        {1, 20000, 1 << 20, 10010},
        {7, 100, 35, 3},
        {7, 100, 1, 1},
        {10010, 1, 1, 1},
        {9999, 100, 30, 3},
        {10000, 1, 1000, 1},
    };
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    uint64_t read;
    append(fixture, 1, 1, 10000);
    append(fixture, 1, 10001, 10010);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        assert_int_equal(read_part(fixture, parts[i].first, parts[i].count, parts[i].bytes_max, &read, &err), 0);
        assert_int_equal(read, parts[i].read);
    }
    assert_int_equal(read_part(fixture, 10011, 1, 1000, &read, &err), MSK_E_NOTFOUND);
}

static void run_sql(const struct fixture *fixture, const char *sql);

static void what_is_damaged_is_not_read(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    uint64_t read;
    append(fixture, 1, 1, 10);
    append(fixture, 1, 11, 20);
    append(fixture, 1, 21, 30);
    run_sql(fixture, "UPDATE log SET checksum = x'00' WHERE first = 11");
    assert_int_equal(read_part(fixture, 1, 10, 1000, &read, &err), 0);
    assert_int_equal(read_part(fixture, 15, 10, 1000, &read, &err), MSK_E_DAMAGED);
    assert_non_null(strstr(err.text, "entry 15: bad checksum"));
    run_sql(fixture, "DELETE FROM log WHERE first = 11");
    assert_int_equal(read_part(fixture, 15, 10, 1000, &read, &err), MSK_E_DAMAGED);
    assert_non_null(strstr(err.text, "entry 15: it is missing"));
}

/* ---- all or nothing */

static void a_batch_that_fails_leaves_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    append(fixture, 1, 1, 4);
    uint8_t torn[] = {1, 200};
    const struct msk_store_change changes[] = {
        {.kind = MSK_STORE_APPEND, .group = group, .first = 5, .count = 2, .data = torn, .len = sizeof torn},
        {.kind = MSK_STORE_APPEND, .group = group, .first = 6, .count = 0}, /* cuts into what is no entry */
    };
    assert_int_equal(
        msk_store_write(fixture->store, &(struct msk_store_batch){.changes = changes, .change_count = 2}, &err),
        MSK_E_DAMAGED);
    expect_log(fixture, 4, 1);
}

/* ---- damage */

static void run_sql(const struct fixture *fixture, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(fixture->database, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* Each of these makes three rows of ten entries and a snapshot unreadable, with this text. */
static const struct {
    const char *sql, *text;
} damages[] = {
    {"UPDATE log SET entries = replace(entries, x'05', x'06') WHERE first = 1", "group 0700000000…: entry 1: bad"},
    {"UPDATE log SET count = 9 WHERE first = 11", "entry 11: bad checksum"},
    {"UPDATE log SET checksum = x'00' WHERE first = 21", "entry 21: bad checksum"},
    {"DELETE FROM log WHERE first = 1", "entry 1: it is missing"},
    {"DELETE FROM log WHERE first = 11", "entry 11: it is missing"},
    {"DELETE FROM log WHERE first = 21", "entry 21: it is missing"},
    {"DELETE FROM log_state", "entry 1: it is behind the end"},
    {"UPDATE log_state SET last = 20", "log_state of group 0700000000…: bad checksum"},
    {"UPDATE log_state SET committed_index = 0", "log_state of group 0700000000…: bad checksum"},
    {"UPDATE snapshot SET state = 'nine'", "snapshot of group 0700000000…: bad checksum"},
    {"UPDATE snapshot SET position = 9", "snapshot of group 0700000000…: bad checksum"},
};

static void expect_damage(struct fixture *fixture, const char *sql, const char *text)
{
    struct msk_store_log stored;
    struct msk_log log;
    struct msk_error err = {0};
    append_of(fixture, &group, 1, 1, 0, (struct msk_cursor){0, 0});
    append(fixture, 1, 1, 10);
    append(fixture, 1, 11, 20);
    append(fixture, 1, 21, 30);
    snapshot(fixture, 10, "ten");
    msk_store_close(fixture->store);
    run_sql(fixture, sql);
    open_store(fixture);
    assert_int_equal(load(fixture, &stored, &log, &err), MSK_E_DAMAGED);
    if (!strstr(err.text, text))
        fail_msg("%s: \"%s\" does not say \"%s\"", sql, err.text, text);
    msk_log_free(&log);
    msk_free(stored.snapshot);
}

static void what_was_altered_is_named(void **state)
{
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++)
        expect_damage(*state, damages[i].sql, damages[i].text);
}

static void format_1_is_brought_up(void **state)
{
    struct fixture *fixture = *state;
    struct msk_store_record *records, one = {.group = group, .hard = {.term = 5}};
    size_t count;
    struct msk_error err = {0};
    assert_int_equal(
        msk_store_write(fixture->store, &(struct msk_store_batch){.records = &one, .record_count = 1}, &err), 0);
    msk_store_close(fixture->store);
    run_sql(fixture, "DROP TABLE log; DROP TABLE log_state; DROP TABLE snapshot; DROP TABLE group_name; "
                     "PRAGMA user_version = 1");
    open_store(fixture);
    open_again(fixture);
    assert_int_equal(msk_store_load(fixture->store, &records, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(records[0].hard.term, 5);
    msk_free(records);
    append(fixture, 5, 1, 3);
    expect_log(fixture, 3, 5);
}

static void memory_may_run_out(void **state)
{
    struct fixture *fixture = *state;
    append(fixture, 1, 1, 10);
    snapshot(fixture, 10, "ten");
    for (uint64_t successes = 0; successes < 20; successes++) {
        struct msk_store_log stored;
        struct msk_log log;
        struct msk_error err = {0};
        msk_alloc_fail_after(successes);
        int rc = load(fixture, &stored, &log, &err);
        msk_alloc_fail_after(UINT64_MAX);
        msk_log_free(&log);
        msk_free(stored.snapshot);
        if (rc == 0) {
            assert_true(successes > 0);
            return;
        }
        assert_int_equal(rc, MSK_E_NOMEM);
    }
    fail_msg("a small log took more than 20 allocations");
}

static void a_store_in_memory_keeps_no_log(void **state)
{
    struct fixture *fixture = *state;
    msk_store_close(fixture->store);
    assert_int_equal(msk_store_open_memory(&fixture->store), 0);
    append(fixture, 1, 1, 10);
    snapshot(fixture, 10, "ten");
    struct msk_store_log stored = expect_log(fixture, 0, 0);
    assert_null(stored.snapshot);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(starts_empty),
        TEST(remembers_entries_and_what_is_committed),
        TEST(cuts_between_what_was_written_together),
        TEST(keeps_the_last_snapshot),
        TEST(a_log_taken_anew_has_no_snapshot),
        TEST(parts_are_read),
        TEST(what_is_damaged_is_not_read),
        TEST(a_batch_that_fails_leaves_nothing),
        TEST(what_was_altered_is_named),
        TEST(format_1_is_brought_up),
        TEST(memory_may_run_out),
        TEST(a_store_in_memory_keeps_no_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
