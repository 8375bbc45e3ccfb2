/* What every store keeps, in memory and in a directory alike. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "store/store.h"

static const struct msk_store_identity identity = {.peer_id = {{1}}, .network_id = {{2}}};

struct fixture {
    char directory[64];
    bool durable;
    struct msk_store *store;
};

static struct msk_store *open_directory(const char *directory)
{
    struct msk_error err = {0};
    struct msk_store *store = NULL;
    if (msk_store_open_directory(directory, &identity, &store, &err))
        fail_msg("%s", err.text);
    return store;
}

static int setup(void **state, bool durable)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    strcpy(fixture->directory, "/tmp/mosaik-store-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    fixture->durable = durable;
    if (durable)
        fixture->store = open_directory(fixture->directory);
    else
        assert_int_equal(msk_store_open_memory(&fixture->store), 0);
    *state = fixture;
    return 0;
}

static int setup_memory(void **state)
{
    return setup(state, false);
}

static int setup_directory(void **state)
{
    return setup(state, true);
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

static struct msk_store_record record(uint8_t group, uint64_t term, int vote)
{
    struct msk_store_record out = {.group = {{group}}, .hard = {.term = term, .has_vote = vote >= 0}};
    if (vote >= 0)
        out.hard.vote.bytes[5] = (uint8_t)vote;
    return out;
}

static void write_all(struct msk_store *store, const struct msk_store_record *records, size_t count)
{
    struct msk_error err = {0};
    if (msk_store_write(store, &(struct msk_store_batch){.records = records, .record_count = count}, &err))
        fail_msg("%s", err.text);
}

/* The record of a group; its absence is term 0. */
static struct msk_hard_state load_one(struct msk_store *store, uint8_t group, size_t *total)
{
    struct msk_store_record *records;
    struct msk_hard_state found = {0};
    struct msk_error err = {0};
    assert_int_equal(msk_store_load(store, &records, total, &err), 0);
    for (size_t i = 0; i < *total; i++)
        if (records[i].group.bytes[0] == group)
            found = records[i].hard;
    msk_free(records);
    return found;
}

static void starts_empty(void **state)
{
    struct fixture *fixture = *state;
    size_t total;
    load_one(fixture->store, 7, &total);
    assert_int_equal(total, 0);
}

static void keeps_the_newest_record_of_each_group(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_store_record first[] = {record(7, 1, -1), record(8, 5, 0xaa), record(7, 2, 0xbb)};
    const struct msk_store_record second[] = {record(8, 6, -1)};
    size_t total;
    write_all(fixture->store, first, 3);
    write_all(fixture->store, second, 1);

    struct msk_hard_state of_7 = load_one(fixture->store, 7, &total);
    assert_int_equal(total, 2);
    assert_int_equal(of_7.term, 2);
    assert_true(of_7.has_vote);
    assert_int_equal(of_7.vote.bytes[5], 0xbb);

    struct msk_hard_state of_8 = load_one(fixture->store, 8, &total);
    assert_int_equal(of_8.term, 6);
    assert_false(of_8.has_vote);
}

static void keeps_the_greatest_term(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_store_record greatest = record(1, UINT64_MAX, 3);
    size_t total;
    write_all(fixture->store, &greatest, 1);
    assert_true(load_one(fixture->store, 1, &total).term == UINT64_MAX);
}

static void says_whether_writing_takes_time(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(msk_store_is_durable(fixture->store), fixture->durable);
}

static void survives_allocation_failure(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_store_record one = record(7, 1, 2);
    write_all(fixture->store, &one, 1);
    for (uint64_t successes = 0; successes < 20; successes++) {
        struct msk_store_record *records;
        size_t count;
        struct msk_error err = {0};
        msk_alloc_fail_after(successes);
        int rc = msk_store_load(fixture->store, &records, &count, &err);
        msk_alloc_fail_after(UINT64_MAX);
        if (rc == 0) {
            assert_int_equal(count, 1);
            msk_free(records);
            assert_true(successes > 0);
            return;
        }
        assert_int_equal(rc, MSK_E_NOMEM);
        assert_null(records);
    }
    fail_msg("loading one record took more than 20 allocations");
}

static void a_directory_remembers(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_store_record one = record(7, 9, 4);
    size_t total;
    write_all(fixture->store, &one, 1);
    msk_store_close(fixture->store);
    fixture->store = open_directory(fixture->directory);
    struct msk_hard_state hard = load_one(fixture->store, 7, &total);
    assert_int_equal(hard.term, 9);
    assert_int_equal(hard.vote.bytes[5], 4);
}

/* Writes ever higher terms and tells each through the pipe once it is written, until it is killed. */
static void write_until_killed(const char *directory, int told)
{
    struct msk_store *store = open_directory(directory);
    for (uint64_t term = 1;; term++) {
        const struct msk_store_record next = record(7, term, (int)(term & 0x7f));
        write_all(store, &next, 1);
        if (write(told, &term, sizeof term) != sizeof term)
            _exit(1);
    }
}

static uint64_t kill_after(pid_t child, int told, uint64_t wanted)
{
    uint64_t term = 0;
    while (term < wanted)
        assert_int_equal(read(told, &term, sizeof term), sizeof term);
    kill(child, SIGKILL);
    for (uint64_t later; read(told, &later, sizeof later) == sizeof later;)
        term = later;
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    return term;
}

/* W-6: what was reported written is there after kill -9, and the next process may open the directory at once. */
static void term_and_vote_survive_being_killed(void **state)
{
    struct fixture *fixture = *state;
    size_t total;
    msk_store_close(fixture->store);
    for (uint64_t wanted = 1; wanted < 40; wanted += 13) {
        int pipe_fds[2];
        assert_int_equal(pipe(pipe_fds), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(fixture->directory, pipe_fds[1]);
        close(pipe_fds[1]);
        uint64_t told = kill_after(child, pipe_fds[0], wanted);
        close(pipe_fds[0]);

        fixture->store = open_directory(fixture->directory);
        struct msk_hard_state hard = load_one(fixture->store, 7, &total);
        assert_true(hard.term >= told);
        assert_int_equal(hard.vote.bytes[5], hard.term & 0x7f);
        msk_store_close(fixture->store);
    }
    fixture->store = open_directory(fixture->directory);
}

#define BOTH(test)         cmocka_unit_test_setup_teardown(test, setup_memory, teardown), IN_DIRECTORY(test)
#define IN_DIRECTORY(test) cmocka_unit_test_setup_teardown(test, setup_directory, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(starts_empty),
        BOTH(keeps_the_newest_record_of_each_group),
        BOTH(keeps_the_greatest_term),
        BOTH(says_whether_writing_takes_time),
        BOTH(survives_allocation_failure),
        IN_DIRECTORY(a_directory_remembers),
        IN_DIRECTORY(term_and_vote_survive_being_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
