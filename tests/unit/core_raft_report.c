/* What members report for others to compare and to see: digests, the leader's committee, commits that do not come
 * (groups.md 8.1). */
#include "raft_trace.h"

/* Number 1 leads term 2 of `count` members, whose logs hold one entry of term 1 each. */
static struct world *led(int count, uint32_t declared)
{
    struct world *world = world_new(count, declared);
    begin_in_term(world, 1);
    start_all(world);
    for (int i = 1; i <= count; i++)
        give(world, i, 1, 1);
    elect(world, 1);
    return world;
}

static void ack(struct world *world, int from, enum msk_vote vote, uint64_t index)
{
    struct msk_raft_message message = {.kind = MSK_RAFT_APPEND_ENTRIES_RESPONSE,
                                       .append_entries_response = {raft_of(world, 1)->hard.term, index, vote}};
    receive(world, 1, from, &message);
}

static void only(struct world *world, enum msk_event_kind kind)
{
    for (int i = 0; i < MSK_EVENT_COUNT; i++)
        hide(world, (enum msk_event_kind)i);
    show(world, kind);
    forget(world);
}

static void members_report_equal_digests(void **state)
{
    (void)state;
    struct world *world = led(2, 0);
    only(world, MSK_EVENT_STATE_DIGEST);
    propose(world, 1);
    deliver(world);
    struct msk_digest one, two;
    assert_true(msk_raft_digest(raft_of(world, 1), 2, &one));
    assert_true(msk_raft_digest(raft_of(world, 2), 2, &two));
    assert_true(msk_digest_equal(&one, &two));
    char digest[MSK_DIGEST_SHORT_SIZE], lines[256];
    msk_digest_short(&one, digest);
    snprintf(lines, sizeof lines, "1 entries 1 to 2 have the digest %s\n2 entries 1 to 2 have the digest %s\n", digest,
             digest);
    expect(world, lines);
    world_free(world);
}

static void a_committee_grows_and_shrinks(void **state)
{
    (void)state;
    struct world *world = world_new(3, 0);
    begin_in_term(world, 1);
    only(world, MSK_EVENT_COMMITTEE_CHANGED);
    start_all(world);
    for (int i = 1; i <= 3; i++)
        give(world, i, 1, 1);
    elect(world, 1);
    forget(world);
    ack(world, 2, MSK_VOTE_ABSTAINED, 1);
    expect(world, "1 committee 1 3, quorum 2\n");
    ack(world, 2, MSK_VOTE_GRANTED, 1);
    expect(world, "1 committee 1 2 3, quorum 2\n");
    ack(world, 2, MSK_VOTE_GRANTED, 1);
    unbond(world, 1, 3);
    expect(world, "1 committee 1 2, quorum 2\n");
    unbond(world, 1, 2);
    expect(world, "1 committee 1, quorum 1\n");
    world_free(world);
}

static void a_declared_size_bounds_the_quorum(void **state)
{
    (void)state;
    struct world *world = led(3, 5);
    only(world, MSK_EVENT_COMMITTEE_CHANGED);
    ack(world, 2, MSK_VOTE_ABSTAINED, 1);
    expect(world, "1 committee 1 3, quorum 3\n");
    world_free(world);
}

/* Heartbeats go round, and nobody acknowledges. */
static void beats(struct world *world, int count)
{
    for (int i = 0; i < count; i++) {
        world->now_ms += 500;
        for (int peer = 2; peer <= world->count; peer++)
            msk_raft_heard(raft_of(world, 1), world_now(world), id_of(world, peer));
        timer_of(world, 1);
    }
}

static void a_commit_that_does_not_come(void **state)
{
    (void)state;
    struct world *world = led(3, 3);
    only(world, MSK_EVENT_COMMIT_STALLED);
    show(world, MSK_EVENT_COMMIT_RESUMED);
    propose(world, 1);
    beats(world, 3);
    expect(world, "");
    beats(world, 6);
    uint64_t last = raft_of(world, 1)->log.count;
    assert_int_equal(raft_of(world, 1)->committed.index, last - 1);
    assert_non_null(strstr((const char *)world->trace.data, "too few members have acknowledged, 1 of 2, missing 2 3"));
    forget(world);
    beats(world, 6);
    expect(world, ""); /* once */
    ack(world, 3, MSK_VOTE_GRANTED, last);
    assert_non_null(strstr((const char *)world->trace.data, "1 commits again: "));
    forget(world);
    beats(world, 9);
    expect(world, "");
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_report_equal_digests),
        cmocka_unit_test(a_committee_grows_and_shrinks),
        cmocka_unit_test(a_declared_size_bounds_the_quorum),
        cmocka_unit_test(a_commit_that_does_not_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
