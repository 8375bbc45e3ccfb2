/* Records on their way to a store: gathered while a transaction runs, told when they are on disk, never after a
 * failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "runtime/disk.h"
#include "store/store_impl.h"

/* A store whose writes wait until they are let go, so that a test decides when a transaction ends. */
struct slow_store {
    struct msk_store base;
    int let_go[2]; /* a pipe: one byte a transaction, 'x' makes it fail */
    struct msk_store_record written[64];
    size_t written_count, transactions;
    struct msk_store_change changes[16]; /* without their data */
    size_t change_count;
    bool closed;
};

static int slow_load(struct msk_store *base, struct msk_store_record **records, size_t *count, struct msk_error *err)
{
    (void)base;
    (void)err;
    static const struct msk_store_record known = {.group = {{9}}, .hard = {.term = 90}};
    *records = msk_memdup(&known, sizeof known);
    *count = 1;
    return 0;
}

static int slow_write(struct msk_store *base, const struct msk_store_batch *batch, struct msk_error *err)
{
    struct slow_store *store = (struct slow_store *)base;
    char byte;
    if (read(store->let_go[0], &byte, 1) != 1 || byte == 'x')
        return msk_fail(err, MSK_E_IO, "the disk is gone");
    if (batch->record_count > 0)
        memcpy(store->written + store->written_count, batch->records, batch->record_count * sizeof *batch->records);
    store->written_count += batch->record_count;
    for (size_t i = 0; i < batch->change_count; i++)
        store->changes[store->change_count++] = batch->changes[i];
    store->transactions++;
    return 0;
}

static void slow_close(struct msk_store *base)
{
    struct slow_store *store = (struct slow_store *)base;
    store->closed = true;
}

/* Every entry is empty; there is none from index 100 on. */
static int slow_read_entries(struct msk_store *base, const struct msk_digest *group, uint64_t first, uint64_t count,
                             size_t bytes_max, struct msk_builder *out, uint64_t *entry_count, struct msk_error *err)
{
    (void)base, (void)group, (void)bytes_max;
    if (first >= 100)
        return msk_fail(err, MSK_E_NOTFOUND, "entry %d is not stored", (int)first);
    for (*entry_count = 0; *entry_count < count; ++*entry_count)
        msk_builder_append(out, "\x01", 2);
    return out->error;
}

static const struct msk_store_ops slow_ops = {
    .durable = true, .load = slow_load, .read_entries = slow_read_entries, .write = slow_write, .close = slow_close};

struct fixture {
    uv_loop_t loop;
    struct slow_store store;
    struct msk_disk *disk;
    uint64_t stored; /* the last sequence reported */
    size_t reports, failures;
    struct msk_error failure; /* the last one */
    char told[32];            /* in order: 's' stored, a digit: so many entries read, '-': none */
};

static void note(struct fixture *fixture, char what)
{
    size_t len = strlen(fixture->told);
    assert_true(len + 1 < sizeof fixture->told);
    fixture->told[len] = what;
}

static void on_read(void *context, const struct msk_disk_read *what, size_t count, struct msk_bytes entries,
                    const struct msk_error *err)
{
    assert_int_equal(entries.len, 2 * count);
    assert_true(err ? count == 0 && strstr(err->text, "is not stored") : count == what->count);
    note(context, count ? (char)('0' + count) : '-');
}

static void on_stored(void *context, uint64_t sequence)
{
    struct fixture *fixture = context;
    assert_true(sequence > fixture->stored);
    fixture->stored = sequence;
    fixture->reports++;
    note(fixture, 's');
}

static void on_failed(void *context, const struct msk_error *err)
{
    struct fixture *fixture = context;
    fixture->failure = *err;
    fixture->failures++;
}

static void open_disk(struct fixture *fixture, struct msk_store *store)
{
    const struct msk_disk_owner owner = {.stored = on_stored, .failed = on_failed, .read = on_read, .context = fixture};
    struct msk_error err;
    assert_int_equal(msk_disk_new(&fixture->loop, store, &owner, &fixture->disk, &err), 0);
}

static int setup(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){.store.base.ops = &slow_ops};
    assert_int_equal(uv_loop_init(&fixture.loop), 0);
    assert_int_equal(pipe(fixture.store.let_go), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    close(fixture->store.let_go[1]); /* a transaction that still waits fails */
    msk_disk_free(fixture->disk);
    close(fixture->store.let_go[0]);
    assert_int_equal(uv_loop_close(&fixture->loop), 0);
    return 0;
}

static void put(struct fixture *fixture, uint8_t group, uint64_t term, uint64_t sequence)
{
    const struct msk_digest id = {{group}};
    const struct msk_hard_state hard = {.term = term};
    assert_int_equal(msk_disk_put(fixture->disk, &id, &hard, sequence), 0);
    msk_disk_flush(fixture->disk);
}

static void let_go(struct fixture *fixture, char byte)
{
    size_t before = fixture->reports + fixture->failures;
    assert_int_equal(write(fixture->store.let_go[1], &byte, 1), 1);
    while (fixture->reports + fixture->failures == before)
        uv_run(&fixture->loop, UV_RUN_ONCE);
}

static uint64_t known_term(const struct fixture *fixture, uint8_t group)
{
    const struct msk_digest id = {{group}};
    const struct msk_hard_state *hard = msk_disk_hard(fixture->disk, &id);
    return hard ? hard->term : 0;
}

static void what_comes_during_a_transaction_shares_the_next(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    put(fixture, 1, 10, 1);
    put(fixture, 1, 11, 2);
    put(fixture, 2, 20, 3);
    put(fixture, 1, 12, 4); /* replaces term 11, which nobody will ever need */
    assert_false(msk_disk_idle(fixture->disk));
    let_go(fixture, '.');
    assert_int_equal(fixture->stored, 1);
    let_go(fixture, '.');
    assert_int_equal(fixture->stored, 4);
    assert_true(msk_disk_idle(fixture->disk));
    assert_int_equal(fixture->store.transactions, 2);
    assert_int_equal(fixture->store.written_count, 3);
    uint64_t terms = fixture->store.written[1].hard.term + fixture->store.written[2].hard.term;
    assert_int_equal(terms, 12 + 20);
}

static void the_newest_record_is_known_before_it_is_stored(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    assert_int_equal(known_term(fixture, 9), 90);
    assert_int_equal(known_term(fixture, 1), 0);
    put(fixture, 1, 10, 1);
    put(fixture, 9, 91, 2);
    assert_int_equal(known_term(fixture, 1), 10);
    assert_int_equal(known_term(fixture, 9), 91);
    assert_int_equal(fixture->reports, 0);
    let_go(fixture, '.');
    let_go(fixture, '.');
}

static void after_a_failure_nothing_is_written_any_more(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    put(fixture, 1, 10, 1);
    put(fixture, 2, 20, 2);
    let_go(fixture, 'x');
    assert_int_equal(fixture->failures, 1);
    assert_int_equal(fixture->failure.code, MSK_E_IO);
    assert_string_equal(fixture->failure.text, "the disk is gone");
    assert_true(msk_disk_idle(fixture->disk));
    put(fixture, 3, 30, 3);
    assert_true(msk_disk_idle(fixture->disk));
    assert_int_equal(fixture->reports, 0);
    assert_int_equal(fixture->store.written_count, 0);
}

static void what_is_left_is_written_at_the_end(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    put(fixture, 1, 10, 1);
    put(fixture, 2, 20, 2);
    assert_int_equal(write(fixture->store.let_go[1], "..", 2), 2);
    msk_disk_free(fixture->disk);
    fixture->disk = NULL;
    assert_int_equal(fixture->store.written_count, 2);
    assert_true(fixture->store.closed);
    assert_int_equal(fixture->reports, 0);
}

static void a_store_in_memory_reports_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct msk_store *memory;
    assert_int_equal(msk_store_open_memory(&memory), 0);
    open_disk(fixture, memory);
    put(fixture, 1, 10, 1);
    assert_int_equal(fixture->stored, 1);
    put(fixture, 1, 11, 2);
    assert_int_equal(fixture->stored, 2);
    assert_true(msk_disk_idle(fixture->disk));
}

static void memory_may_run_out(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_digest id = {{1}};
    const struct msk_hard_state hard = {.term = 1};
    open_disk(fixture, &fixture->store.base);
    msk_alloc_fail_after(0);
    assert_int_equal(msk_disk_put(fixture->disk, &id, &hard, 1), MSK_E_NOMEM);
    msk_alloc_fail_after(UINT64_MAX);
    assert_true(msk_disk_idle(fixture->disk));
    assert_int_equal(msk_disk_put(fixture->disk, &id, &hard, 1), 0);
    msk_alloc_fail_after(0);
    msk_disk_flush(fixture->disk);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(fixture->failure.code, MSK_E_NOMEM);
}

static int change(struct fixture *fixture, uint64_t first, uint64_t sequence)
{
    const struct msk_store_change append = {
        .kind = MSK_STORE_APPEND, .group = {{1}}, .first = first, .count = 1, .data = msk_memdup("entry", 5), .len = 5};
    return msk_disk_change(fixture->disk, &append, sequence);
}

static int snapshot(struct fixture *fixture, uint64_t index, uint64_t sequence)
{
    const struct msk_store_change taken = {
        .kind = MSK_STORE_SNAPSHOT, .group = {{1}}, .cursor = {1, index}, .data = msk_memdup("state", 5), .len = 5};
    return msk_disk_change(fixture->disk, &taken, sequence);
}

static void changes_of_a_log_keep_their_order(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    assert_int_equal(change(fixture, 1, 1), 0);
    msk_disk_flush(fixture->disk);
    assert_int_equal(change(fixture, 2, 2), 0);
    assert_int_equal(snapshot(fixture, 1, 3), 0);
    assert_int_equal(change(fixture, 3, 4), 0);
    assert_int_equal(snapshot(fixture, 2, 5), 0); /* the first is of no use any more */
    assert_int_equal(change(fixture, 2, 6), 0);
    msk_disk_flush(fixture->disk);
    let_go(fixture, '.');
    assert_int_equal(fixture->stored, 1);
    let_go(fixture, '.');
    assert_int_equal(fixture->stored, 6);
    const struct msk_store_change *written = fixture->store.changes;
    assert_int_equal(fixture->store.change_count, 5);
    assert_int_equal(written[1].first, 2);
    assert_int_equal(written[2].first, 3);
    assert_int_equal(written[3].cursor.index, 2);
    assert_int_equal(written[4].first, 2);
}

/* A group that is joined while its own changes are on their way must find them. */
static void reading_waits_for_what_was_put(void **state)
{
    struct fixture *fixture = *state;
    const struct msk_digest group = {{1}};
    struct msk_store_log stored;
    struct msk_error err = {0};
    open_disk(fixture, &fixture->store.base);
    assert_int_equal(change(fixture, 1, 1), 0);
    msk_disk_flush(fixture->disk);
    assert_int_equal(change(fixture, 2, 2), 0);
    assert_int_equal(write(fixture->store.let_go[1], "..", 2), 2);
    assert_int_equal(msk_disk_load_log(fixture->disk, &group, &stored, &err), 0);
    assert_int_equal(fixture->store.change_count, 2);
    while (fixture->reports == 0)
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_int_equal(fixture->stored, 2);
    assert_true(msk_disk_idle(fixture->disk));

    assert_int_equal(change(fixture, 3, 3), 0);
    assert_int_equal(write(fixture->store.let_go[1], ".", 1), 1);
    assert_int_equal(msk_disk_load_log(fixture->disk, &group, &stored, &err), 0);
    assert_int_equal(fixture->stored, 3);
}

static void a_change_that_is_lost_ends_the_writing(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    const struct msk_store_change too_much = {
        .kind = MSK_STORE_APPEND, .group = {{1}}, .first = 1, .count = 1, .len = (size_t)MSK_DISK_WAITING_MAX + 1};
    assert_int_equal(msk_disk_change(fixture->disk, &too_much, 1), MSK_E_LIMIT);
    put(fixture, 1, 10, 2);
    assert_true(msk_disk_idle(fixture->disk));
    assert_int_equal(fixture->store.transactions, 0);
}

static void want(struct fixture *fixture, uint64_t first, uint64_t count)
{
    const struct msk_disk_read what = {.group = {{1}}, .number = first, .first = first, .count = count};
    assert_int_equal(msk_disk_read(fixture->disk, &what), 0);
    msk_disk_flush(fixture->disk);
}

static void await_told(struct fixture *fixture, const char *told)
{
    while (strlen(fixture->told) < strlen(told))
        uv_run(&fixture->loop, UV_RUN_ONCE);
    assert_string_equal(fixture->told, told);
}

static void readers_and_writers_take_turns(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    want(fixture, 1, 1); /* at once */
    await_told(fixture, "1");
    put(fixture, 1, 10, 1);
    want(fixture, 2, 2);
    want(fixture, 100, 3);
    put(fixture, 1, 11, 2);
    assert_false(msk_disk_idle(fixture->disk));
    let_go(fixture, '.');
    await_told(fixture, "1s2"); /* then the second transaction waits to be let go */
    let_go(fixture, '.');
    await_told(fixture, "1s2s-");
    assert_true(msk_disk_idle(fixture->disk));
}

/* What is put while entries are read is written when somebody must wait for it, and told once. */
static void a_start_does_not_wait_for_readers(void **state)
{
    struct fixture *fixture = *state;
    struct msk_store_log log;
    struct msk_error err;
    const struct msk_digest id = {{1}};
    open_disk(fixture, &fixture->store.base);
    want(fixture, 1, 1);
    put(fixture, 1, 10, 1);
    assert_int_equal(write(fixture->store.let_go[1], ".", 1), 1);
    assert_int_equal(msk_disk_load_log(fixture->disk, &id, &log, &err), 0);
    assert_int_equal(fixture->store.transactions, 1);
    await_told(fixture, "s1");
    assert_int_equal(fixture->stored, 1);
    assert_true(msk_disk_idle(fixture->disk));
}

static void readers_are_limited(void **state)
{
    struct fixture *fixture = *state;
    open_disk(fixture, &fixture->store.base);
    const struct msk_disk_read what = {.group = {{1}}, .first = 1, .count = 1};
    for (int i = 0; i < MSK_DISK_READS_MAX; i++)
        assert_int_equal(msk_disk_read(fixture->disk, &what), 0);
    assert_int_equal(msk_disk_read(fixture->disk, &what), MSK_E_LIMIT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_comes_during_a_transaction_shares_the_next),
        TEST(the_newest_record_is_known_before_it_is_stored),
        TEST(after_a_failure_nothing_is_written_any_more),
        TEST(what_is_left_is_written_at_the_end),
        TEST(a_store_in_memory_reports_at_once),
        TEST(memory_may_run_out),
        TEST(changes_of_a_log_keep_their_order),
        TEST(reading_waits_for_what_was_put),
        TEST(a_change_that_is_lost_ends_the_writing),
        TEST(readers_and_writers_take_turns),
        TEST(a_start_does_not_wait_for_readers),
        TEST(readers_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
