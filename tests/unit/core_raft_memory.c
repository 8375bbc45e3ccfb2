/* Whichever request for memory fails: raft says so in its action list, and what it has said so far is still true. */
#include "raft_trace.h"

#define REQUESTS_MAX 500

/* One life with every kind of work in it. Whether memory ran out anywhere. */
struct life {
    struct world *world;
    bool failed;
};

/* What perform() does, but a failure is noted, and nothing is carried out. */
static void take(struct life *life, struct msk_actions *actions)
{
    assert_true(actions->error == 0 || actions->error == MSK_E_NOMEM);
    life->failed |= actions->error != 0;
    msk_actions_free(actions);
}

static void hand_in(struct life *life, int from, struct msk_raft_message message)
{
    struct msk_actions actions = {0};
    int result =
        msk_raft_receive(raft_of(life->world, 1), world_now(life->world), id_of(life->world, from), &message, &actions);
    assert_int_equal(result, 0);
    take(life, &actions);
}

static void bond_with(struct life *life, int peer)
{
    struct msk_actions actions = {0};
    msk_raft_bonded(raft_of(life->world, 1), world_now(life->world), id_of(life->world, peer), &actions);
    take(life, &actions);
}

static void wake(struct life *life)
{
    struct msk_actions actions = {0};
    life->world->now_ms += 10000;
    msk_raft_tick(raft_of(life->world, 1), world_now(life->world), &actions);
    take(life, &actions);
}

static void written(struct life *life, uint64_t sequence)
{
    struct msk_actions actions = {0};
    msk_raft_persisted(raft_of(life->world, 1), world_now(life->world), sequence, &actions);
    take(life, &actions);
}

static void live(struct life *life)
{
    struct world *world = life->world;
    struct msk_log_entry entries[2] = {{2, MSK_BYTES("a", 1)}, {2, MSK_BYTES("b", 1)}};
    struct msk_raft_message entries_of_2 = append(world, 2, 2, at(0, 0), 2);
    entries_of_2.append_entries.entries = (struct msk_log_entry_seq){entries, 2};
    bond_with(life, 2);
    bond_with(life, 3);
    wake(life);
    written(life, world->members[1].sequence);
    hand_in(life, 2,
            (struct msk_raft_message){.kind = MSK_RAFT_REQUEST_VOTE_RESPONSE,
                                      .request_vote_response = {1, MSK_VOTE_GRANTED}});
    wake(life);
    hand_in(life, 2, request_vote(world, 2, 2, at(0, 0)));
    hand_in(life, 2, entries_of_2);
    hand_in(life, 3, append(world, 3, 2, at(0, 0), 0));    /* a second leader */
    hand_in(life, 2, append(world, 2, 2, at(2, 9), 2));    /* does not fit */
    hand_in(life, 3, request_vote(world, 2, 9, at(0, 0))); /* names another */
    wake(life);
    wake(life);
}

static void every_request_may_fail(void **state)
{
    (void)state;
    struct life life = {.failed = true};
    for (uint64_t n = 0; life.failed; n++) {
        assert_true(n < REQUESTS_MAX);
        life = (struct life){.world = world_new(3, 0)};
        start(life.world, 1);
        msk_alloc_fail_after(n);
        live(&life);
        msk_alloc_fail_after(UINT64_MAX);
        /* Only what is in the log is committed, and only what is recorded was given out. */
        assert_true(raft_of(life.world, 1)->committed.index <= raft_of(life.world, 1)->log.count);
        assert_true(raft_of(life.world, 1)->record <= life.world->members[1].sequence);
        if (!life.failed)
            assert_int_equal(raft_of(life.world, 1)->committed.index, 2);
        world_free(life.world);
    }
}

static void a_raft_that_cannot_be_made(void **state)
{
    (void)state;
    struct msk_raft_config config = {.election_timeout_ms = 1};
    struct msk_raft *raft;
    msk_alloc_fail_after(0);
    int result = msk_raft_new(&config, NULL, (struct msk_now){0}, &raft, NULL);
    msk_alloc_fail_after(UINT64_MAX);
    assert_int_equal(result, MSK_E_NOMEM);
    msk_raft_free(NULL);
}

/* A group cannot have more peers than there is room for; the last one is turned away, and told. */
static void more_peers_than_there_is_room_for(void **state)
{
    (void)state;
    struct world *world = world_new(1, 0);
    struct msk_actions actions = {0};
    start(world, 1);
    for (int i = 0; i <= MSK_RAFT_PEERS_MAX; i++) {
        struct msk_digest id = {{1, (uint8_t)(i >> 8), (uint8_t)i}};
        msk_raft_bonded(raft_of(world, 1), world_now(world), &id, &actions);
    }
    assert_int_equal(actions.error, 0);
    assert_int_equal(actions.count, 1);
    assert_int_equal(actions.items[0].event.kind, MSK_EVENT_LIMIT_HIT);
    assert_int_equal(msk_raft_bonded_count(raft_of(world, 1)), MSK_RAFT_PEERS_MAX + 1);
    for (int i = MSK_RAFT_PEERS_MAX; i >= 0; i--) {
        struct msk_digest id = {{1, (uint8_t)(i >> 8), (uint8_t)i}};
        msk_raft_unbonded(raft_of(world, 1), world_now(world), &id, &actions);
    }
    assert_int_equal(msk_raft_bonded_count(raft_of(world, 1)), 1);
    msk_actions_free(&actions);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_may_fail),
        cmocka_unit_test(a_raft_that_cannot_be_made),
        cmocka_unit_test(more_peers_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
