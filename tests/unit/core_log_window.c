/* Logs of which only the newest entries stay in memory: what is still known of the others, and who lags gets them from
 * the disk. */
#include "raft_trace.h"

#define SOME 5000u /* more than the window has */

/* ---- the log alone */

/* Entries that differ from each other, of a new term every 20,000. */
static void lengthen(struct msk_log *log, uint64_t count, size_t command_len)
{
    uint8_t command[4096] = {0};
    assert_true(command_len <= sizeof command);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t number = log->count + 1;
        memcpy(command, &number, sizeof number);
        assert_int_equal(msk_log_append(log, 1 + number / 20000, MSK_BYTES(command, command_len)), 0);
    }
}

static void assert_equal_to(const struct msk_log *log, const struct msk_log *whole, uint64_t index)
{
    struct msk_log_entry entry, expected;
    assert_true(msk_log_get(log, index, &entry));
    assert_true(msk_log_get(whole, index, &expected));
    assert_int_equal(entry.term, expected.term);
    assert_true(msk_bytes_equal(entry.command, expected.command));
}

static void assert_same_digest(struct msk_log *log, struct msk_log *whole, uint64_t index)
{
    struct msk_digest digest = msk_log_digest(log, index), expected = msk_log_digest(whole, index);
    assert_true(msk_digest_equal(&digest, &expected));
}

static void old_entries_leave(void **state)
{
    (void)state;
    struct msk_log log, whole;
    struct msk_log_entry entry;
    uint64_t term;
    msk_log_init(&log);
    msk_log_init(&whole);
    lengthen(&whole, MSK_LOG_WINDOW_ENTRIES + SOME, 8);
    lengthen(&log, 100, 8);
    assert_same_digest(&log, &whole, 100);
    lengthen(&log, MSK_LOG_WINDOW_ENTRIES + SOME - 100, 8);
    assert_int_equal(log.gone, 0); /* nobody else keeps them */
    msk_log_spare(&log, log.count);
    assert_int_equal(log.gone, SOME / MSK_LOG_BLOCK * MSK_LOG_BLOCK);
    assert_false(msk_log_get(&log, log.gone, &entry));
    for (uint64_t index = log.gone + 1; index <= log.count; index += 777)
        assert_equal_to(&log, &whole, index);
    for (uint64_t index = 1; index <= log.count; index += 777) {
        assert_true(msk_log_term_at(&log, index, &term));
        assert_int_equal(term, 1 + index / 20000);
    }
    for (uint64_t index = log.count; index >= log.gone; index -= 7000) /* also backwards */
        assert_same_digest(&log, &whole, index);
    assert_same_digest(&log, &whole, log.gone);
    msk_log_free(&log);
    msk_log_free(&whole);
}

static void only_what_is_spared_leaves(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    msk_log_spare(&log, 3 * MSK_LOG_BLOCK); /* before it is there, as at a start */
    lengthen(&log, MSK_LOG_WINDOW_ENTRIES + 20 * MSK_LOG_BLOCK, 8);
    assert_int_equal(log.gone, 2 * MSK_LOG_BLOCK); /* the last spared one stays */
    msk_log_spare(&log, 2 * MSK_LOG_BLOCK);        /* never goes back */
    msk_log_spare(&log, UINT64_MAX);
    assert_int_equal(log.count - log.gone, MSK_LOG_WINDOW_ENTRIES);
    lengthen(&log, 100 * MSK_LOG_BLOCK, 8);
    assert_in_range(log.count - log.gone, MSK_LOG_WINDOW_ENTRIES, MSK_LOG_WINDOW_ENTRIES + MSK_LOG_BLOCK);
    msk_log_free(&log);
}

static void long_entries_leave_earlier(void **state)
{
    (void)state;
    struct msk_log log;
    msk_log_init(&log);
    msk_log_spare(&log, UINT64_MAX);
    lengthen(&log, 10 * MSK_LOG_BLOCK, 4000);
    assert_true(log.bytes <= MSK_LOG_WINDOW_BYTES);
    assert_int_equal(log.gone, 8 * MSK_LOG_BLOCK);
    msk_log_free(&log);
}

static void what_is_left_can_be_cut(void **state)
{
    (void)state;
    struct msk_log log, whole;
    uint64_t term;
    msk_log_init(&log);
    msk_log_init(&whole);
    msk_log_spare(&log, MSK_LOG_BLOCK * 10);
    lengthen(&log, MSK_LOG_WINDOW_ENTRIES + 10 * MSK_LOG_BLOCK, 8);
    lengthen(&whole, 40000, 8);
    msk_log_truncate(&log, 40001);
    assert_int_equal(log.count, 40000);
    assert_int_equal(log.last_term, 3);
    assert_false(msk_log_term_at(&log, 40001, &term));
    assert_same_digest(&log, &whole, 40000);
    lengthen(&log, 3000, 8);
    lengthen(&whole, 3000, 8);
    assert_same_digest(&log, &whole, 43000);
    msk_log_truncate(&log, 1); /* a history that is given up */
    assert_int_equal(log.count + log.gone + log.bytes, 0);
    lengthen(&log, 10, 8);
    assert_equal_to(&log, &whole, 10);
    msk_log_free(&log);
    msk_log_free(&whole);
}

static void terms_are_limited(void **state)
{
    (void)state;
    struct msk_log log;
    uint64_t term = 0;
    msk_log_init(&log);
    while (term < MSK_LOG_TERMS_MAX) {
        term++;
        assert_int_equal(msk_log_append(&log, term, MSK_BYTES("", 0)), 0);
    }
    assert_int_equal(msk_log_append(&log, term + 1, MSK_BYTES("", 0)), MSK_E_LIMIT);
    assert_int_equal(msk_log_append(&log, term, MSK_BYTES("", 0)), 0);
    msk_log_free(&log);
}

/* ---- members */

static void execute(struct world *world, int leader, size_t count)
{
    struct msk_actions actions = {0};
    struct msk_bytes *commands = calloc(count, sizeof *commands);
    assert_non_null(commands);
    for (size_t i = 0; i < count; i++)
        commands[i] = MSK_BYTES("some text", i % 10);
    msk_raft_execute(raft_of(world, leader), world_now(world), 1, commands, count, 0, &actions);
    free(commands);
    perform(world, leader, &actions);
    deliver(world);
    assert_int_equal(world->ended[(world->ended_count - 1) % ENDED_MAX].outcome, MSK_OUTCOME_COMMITTED);
}

/* 1 leads 2 with more entries than stay in memory; 3 is not there. */
static struct world *long_history(void)
{
    struct world *world = world_new(3, 3);
    world->config.stored = true;
    start(world, 1);
    start(world, 2);
    bond(world, 1, 2);
    elect(world, 1);
    for (int i = 0; i < 8; i++)
        execute(world, 1, 10000);
    return world;
}

static void assert_follows(struct world *world, int number)
{
    struct msk_raft *leader = raft_of(world, 1), *follower = raft_of(world, number);
    struct msk_digest theirs, ours;
    assert_int_equal(follower->committed.index, leader->committed.index);
    assert_int_equal(follower->applied, leader->committed.index);
    assert_true(msk_raft_digest(leader, leader->committed.index, &theirs));
    assert_true(msk_raft_digest(follower, leader->committed.index, &ours));
    assert_true(msk_digest_equal(&theirs, &ours));
}

static void join_late(struct world *world)
{
    start(world, 3);
    bond(world, 1, 3);
    bond(world, 2, 3);
    deliver(world);
    execute(world, 1, 1);
}

static void members_keep_a_window(void **state)
{
    (void)state;
    struct world *world = long_history();
    struct msk_digest digest;
    for (int i = 1; i <= 2; i++) {
        const struct msk_log *log = &raft_of(world, i)->log;
        assert_int_equal(log->count, 80000);
        assert_in_range(log->count - log->gone, MSK_LOG_WINDOW_ENTRIES, MSK_LOG_WINDOW_ENTRIES + MSK_LOG_BLOCK);
    }
    assert_false(msk_raft_digest(raft_of(world, 1), 10, &digest));
    world_free(world);
}

static void who_lags_gets_them_from_the_disk(void **state)
{
    (void)state;
    struct world *world = long_history();
    join_late(world);
    assert_true(world->reads > 0);
    assert_follows(world, 2);
    assert_follows(world, 3);
    assert_true(raft_of(world, 3)->log.gone > 0);
    world_free(world);
}

static void a_disk_that_cannot_be_read_sends_them_to_others(void **state)
{
    (void)state;
    struct world *world = long_history();
    world->unreadable = 2;
    join_late(world);
    run(world, 60000); /* whoever does not answer is given up after a while */
    assert_follows(world, 3);
    world_free(world);
}

static void without_a_disk_all_stay(void **state)
{
    (void)state;
    struct world *world = world_new(1, 1);
    start(world, 1);
    elect(world, 1);
    for (int i = 0; i < 8; i++)
        execute(world, 1, 10000);
    assert_int_equal(raft_of(world, 1)->log.gone, 0);
    world_free(world);
}

/* The leader's acknowledgement comes when the entry has long left memory: nobody knows whose it was. */
static void a_place_told_too_late_is_unknown(void **state)
{
    (void)state;
    struct world *world = world_new(2, 0);
    world->config.stored = true;
    start_all(world);
    elect(world, 2);
    struct msk_actions actions = {0};
    struct msk_bytes command = MSK_BYTES("mine", 4);
    msk_raft_execute(raft_of(world, 1), world_now(world), 1, &command, 1, 0, &actions);
    perform(world, 1, &actions);
    const struct msk_raft_message ack = {
        .kind = MSK_RAFT_FORWARD,
        .forward = {.kind = MSK_FORWARD_COMMAND_ACK, .command_ack = {raft_of(world, 1)->requests.items[0].id, {1, 1}}},
    };
    lose(world, 1, 2);
    for (int i = 0; i < 8; i++)
        execute(world, 2, 10000);
    execute(world, 2, 1); /* tells the last commit */
    assert_true(raft_of(world, 1)->log.gone > 0);
    receive(world, 1, 2, &ack);
    assert_int_equal(world->ended[(world->ended_count - 1) % ENDED_MAX].outcome, MSK_OUTCOME_UNKNOWN);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(old_entries_leave),
        cmocka_unit_test(only_what_is_spared_leaves),
        cmocka_unit_test(long_entries_leave_earlier),
        cmocka_unit_test(what_is_left_can_be_cut),
        cmocka_unit_test(terms_are_limited),
        cmocka_unit_test(members_keep_a_window),
        cmocka_unit_test(who_lags_gets_them_from_the_disk),
        cmocka_unit_test(a_disk_that_cannot_be_read_sends_them_to_others),
        cmocka_unit_test(without_a_disk_all_stay),
        cmocka_unit_test(a_place_told_too_late_is_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
