/* A data directory that is not what it should be: refused with a sentence that says why, never taken for an empty one.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <sqlite3.h>

#include "store/store.h"

static const struct msk_store_identity ours = {.peer_id = {{1}}, .network_id = {{2}}};

struct fixture {
    char root[64], directory[96], database[128];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->root, "/tmp/mosaik-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    snprintf(fixture->directory, sizeof fixture->directory, "%s/data", fixture->root);
    snprintf(fixture->database, sizeof fixture->database, "%s/mosaik.db", fixture->directory);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", fixture->root);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static struct msk_store *open_ours(struct fixture *fixture)
{
    struct msk_error err = {0};
    struct msk_store *store = NULL;
    if (msk_store_open_directory(fixture->directory, &ours, &store, &err))
        fail_msg("%s", err.text);
    return store;
}

/* A store with records of many groups, closed again. */
static void fill(struct fixture *fixture)
{
    struct msk_store *store = open_ours(fixture);
    struct msk_store_record records[200] = {0};
    struct msk_error err = {0};
    for (size_t i = 0; i < 200; i++)
        records[i] = (struct msk_store_record){.group = {{(uint8_t)i, 9}}, .hard = {.term = i + 1, .has_vote = true}};
    assert_int_equal(msk_store_write(store, &(struct msk_store_batch){.records = records, .record_count = 200}, &err),
                     0);
    msk_store_close(store);
}

/* Opening and reading everything gives `code` with `text` somewhere in the message. */
static void expect_refusal(const char *directory, const struct msk_store_identity *identity, int code, const char *text)
{
    struct msk_store *store = NULL;
    struct msk_store_record *records = NULL;
    size_t count;
    struct msk_error err = {0};
    int rc = msk_store_open_directory(directory, identity, &store, &err);
    if (rc == 0)
        rc = msk_store_load(store, &records, &count, &err);
    msk_store_close(rc == 0 || store ? store : NULL);
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, text))
        fail_msg("\"%s\" does not say \"%s\"", err.text, text);
}

static void overwrite(const char *path, off_t offset, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, data, len, offset), len);
    close(fd);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void another_peer(void **state)
{
    struct fixture *fixture = *state;
    struct msk_store_identity other = ours;
    other.peer_id.bytes[0] = 0x99;
    fill(fixture);
    expect_refusal(fixture->directory, &other, MSK_E_DAMAGED, "belongs to peer 0100000000");
}

static void another_network(void **state)
{
    struct fixture *fixture = *state;
    struct msk_store_identity other = ours;
    other.network_id.bytes[0] = 0x99;
    fill(fixture);
    expect_refusal(fixture->directory, &other, MSK_E_DAMAGED, "belongs to network 0200000000");
}

static void another_format(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture->database, "PRAGMA user_version = 77");
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "format 77");
}

static void a_foreign_database(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(mkdir(fixture->directory, 0700), 0);
    run_sql(fixture->database, "CREATE TABLE recipes (name TEXT)");
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "another program");
}

static void not_a_database(void **state)
{
    struct fixture *fixture = *state;
    char text[4096];
    memset(text, 'x', sizeof text);
    assert_int_equal(mkdir(fixture->directory, 0700), 0);
    overwrite(fixture->database, 0, text, sizeof text);
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "not a database");
}

static void an_empty_file(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    assert_int_equal(truncate(fixture->database, 0), 0);
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "is empty");
}

static void a_log_without_its_database(void **state)
{
    struct fixture *fixture = *state;
    char wal[160];
    fill(fixture);
    snprintf(wal, sizeof wal, "%s-wal", fixture->database);
    assert_int_equal(rename(fixture->database, wal), 0);
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "mosaik.db is gone");
}

/* Cut at every page and in the middle of every page: never taken for a smaller whole. */
static void a_torn_file(void **state)
{
    struct fixture *fixture = *state;
    struct stat status;
    fill(fixture);
    assert_int_equal(stat(fixture->database, &status), 0);
    assert_true(status.st_size > 4 * 4096);
    for (off_t len = status.st_size - 2048; len > 0; len -= 2048) {
        assert_int_equal(truncate(fixture->database, len), 0);
        expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "");
    }
}

static void a_vanished_identity(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture->database, "DELETE FROM identity");
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "whose it is");
}

static void a_vanished_table(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture->database, "DROP TABLE hard_state");
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "hard_state");
}

static void an_altered_term(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture->database, "UPDATE hard_state SET term = term + 1 WHERE term = 18");
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "group 1109000000…: bad checksum");
}

static void a_forgotten_vote(void **state)
{
    struct fixture *fixture = *state;
    fill(fixture);
    run_sql(fixture->database, "UPDATE hard_state SET vote = NULL WHERE term = 3");
    expect_refusal(fixture->directory, &ours, MSK_E_DAMAGED, "bad checksum");
}

static void opened_twice(void **state)
{
    struct fixture *fixture = *state;
    char who[48];
    struct msk_store *store = open_ours(fixture);
    snprintf(who, sizeof who, "process %ld has it open", (long)getpid());
    expect_refusal(fixture->directory, &ours, MSK_E_REFUSED, who);
    msk_store_close(store);
    msk_store_close(open_ours(fixture));
}

static void a_file_in_its_place(void **state)
{
    struct fixture *fixture = *state;
    overwrite(fixture->directory, 0, "x", 1);
    expect_refusal(fixture->directory, &ours, MSK_E_IO, "Not a directory");
}

static void no_parent_directory(void **state)
{
    struct fixture *fixture = *state;
    expect_refusal(fixture->directory + 1, &ours, MSK_E_IO, "No such file or directory");
}

/* What is open goes on working, and would be lost with the process. */
static void a_database_that_was_removed(void **state)
{
    struct fixture *fixture = *state;
    struct msk_store *store = open_ours(fixture);
    struct msk_error err = {0};
    struct msk_store_record record = {.hard = {.term = 9}};
    const struct msk_store_batch batch = {.records = &record, .record_count = 1};
    assert_int_equal(msk_store_write(store, &batch, &err), 0);
    assert_int_equal(unlink(fixture->database), 0);
    assert_int_equal(msk_store_write(store, &batch, &err), MSK_E_IO);
    assert_non_null(strstr(err.text, "was removed"));
    msk_store_close(store);
}

static void a_path_too_long(void **state)
{
    (void)state;
    char path[5000];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = 0;
    expect_refusal(path, &ours, MSK_E_INVALID, "longer than");
}

/* A crash while the store was being created leaves a draft behind; it does not stand in the way. */
static void an_abandoned_draft(void **state)
{
    struct fixture *fixture = *state;
    char draft[160];
    snprintf(draft, sizeof draft, "%s.new", fixture->database);
    assert_int_equal(mkdir(fixture->directory, 0700), 0);
    overwrite(draft, 0, "half", 4);
    fill(fixture);
}

static struct rlimit unlimited;

static void limit_file_size(rlim_t size)
{
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    struct rlimit limit = {.rlim_cur = size, .rlim_max = unlimited.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Nothing more can be written: the write fails with a reason, and what was kept before is kept. */
static void no_room_left(void **state)
{
    struct fixture *fixture = *state;
    struct msk_error err = {0};
    struct msk_store_record *records;
    size_t count;
    fill(fixture);
    struct msk_store *store = open_ours(fixture);
    limit_file_size(0);
    const struct msk_store_record more = {.group = {{3, 9}}, .hard = {.term = 1000}};
    int rc = msk_store_write(store, &(struct msk_store_batch){.records = &more, .record_count = 1}, &err);
    setrlimit(RLIMIT_FSIZE, &unlimited);
    msk_store_close(store);
    assert_int_equal(rc, MSK_E_IO);
    assert_true(err.text[0] != 0);

    store = open_ours(fixture);
    assert_int_equal(msk_store_load(store, &records, &count, &err), 0);
    assert_int_equal(count, 200);
    for (size_t i = 0; i < count; i++)
        assert_true(records[i].hard.term <= 200);
    free(records);
    msk_store_close(store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(another_peer),        TEST(another_network),
        TEST(another_format),      TEST(a_foreign_database),
        TEST(not_a_database),      TEST(an_empty_file),
        TEST(a_torn_file),         TEST(a_log_without_its_database),
        TEST(a_vanished_identity), TEST(a_vanished_table),
        TEST(an_altered_term),     TEST(a_forgotten_vote),
        TEST(opened_twice),        TEST(a_file_in_its_place),
        TEST(no_parent_directory), TEST(a_database_that_was_removed),
        TEST(a_path_too_long),     TEST(an_abandoned_draft),
        TEST(no_room_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
