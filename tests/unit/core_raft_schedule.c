/* Thousands of short random lives with --members: at most one leader a term, and committed entries that agree.
 * A failure names its seed; the same seed gives the same life. */
#include "raft_trace.h"

#define RUNS  2000
#define STEPS 250

struct life {
    struct world *world;
    struct msk_random random;
    uint64_t seed;
    bool crashes;
    uint64_t elected, committed;
};

static int below(struct life *life, int bound)
{
    return (int)msk_random_below(&life->random, (uint64_t)bound);
}

static int someone(struct life *life)
{
    return 1 + below(life, life->world->count);
}

/* ---- what can happen */

static void time_passes(struct life *life)
{
    struct world *world = life->world;
    int number = someone(life);
    world->now_ms += (uint64_t)below(life, 700);
    if (below(life, 3) > 0)
        beat(world);
    if (raft_of(world, number))
        tick(world, number);
}

static void a_timer_fires(struct life *life)
{
    int number = someone(life);
    if (raft_of(life->world, number) && raft_of(life->world, number)->timer_ms != MSK_NEVER)
        timer_of(life->world, number);
}

/* The first parcel of some link: links keep their order. */
static void something_arrives(struct life *life)
{
    struct world *world = life->world;
    if (world->parcel_count == 0)
        return;
    struct parcel chosen = world->parcels[below(life, (int)world->parcel_count)];
    for (size_t i = 0; i < world->parcel_count; i++)
        if (world->parcels[i].from == chosen.from && world->parcels[i].to == chosen.to) {
            if (may_leave(world, &world->parcels[i]))
                deliver_parcel(world, i);
            return;
        }
}

static void a_record_is_written(struct life *life)
{
    int number = someone(life);
    if (raft_of(life->world, number))
        disk(life->world, number);
}

static void a_bond_changes(struct life *life)
{
    struct world *world = life->world;
    int a = someone(life), b = someone(life);
    if (a == b || !raft_of(world, a) || !raft_of(world, b))
        return;
    if (world->bonded[a][b] && world->bonded[b][a])
        unbond(world, a, b);
    else if (!world->bonded[a][b] && !world->bonded[b][a])
        bond(world, a, b);
}

static void one_side_notices_first(struct life *life)
{
    int a = someone(life), b = someone(life);
    if (a != b && raft_of(life->world, a) && life->world->bonded[a][b])
        unbond_one_way(life->world, a, b);
}

static void a_way_is_cut_or_healed(struct life *life)
{
    int a = someone(life), b = someone(life);
    life->world->cut[a][b] = life->world->cut[b][a] = !life->world->cut[a][b];
}

static void a_process_dies_or_returns(struct life *life)
{
    int number = someone(life);
    if (!life->crashes)
        return;
    if (raft_of(life->world, number)) {
        crash(life->world, number);
        unbond_from_all(life->world, number);
    } else {
        start(life->world, number);
    }
}

static void a_leader_takes_a_command(struct life *life)
{
    int number = someone(life);
    life->world->now_ms++; /* commands are told apart by their time */
    if (raft_of(life->world, number) && raft_of(life->world, number)->role == MSK_ROLE_LEADER)
        propose(life->world, number);
}

static const struct {
    int weight;
    void (*happens)(struct life *life);
} happenings[] = {
    {5, time_passes},
    {3, a_timer_fires},
    {60, something_arrives},
    {30, a_record_is_written},
    {2, a_bond_changes},
    {1, one_side_notices_first},
    {1, a_way_is_cut_or_healed},
    {1, a_process_dies_or_returns},
    {6, a_leader_takes_a_command},
};

static void step(struct life *life)
{
    int total = 0, chosen;
    for (size_t i = 0; i < sizeof happenings / sizeof happenings[0]; i++)
        total += happenings[i].weight;
    chosen = below(life, total);
    for (size_t i = 0; i < sizeof happenings / sizeof happenings[0]; i++) {
        chosen -= happenings[i].weight;
        if (chosen < 0) {
            happenings[i].happens(life);
            return;
        }
    }
}

/* ---- what must hold */

static bool same_committed(const struct msk_raft *a, const struct msk_raft *b)
{
    uint64_t end = a->committed.index < b->committed.index ? a->committed.index : b->committed.index;
    for (uint64_t i = 1; i <= end; i++) {
        struct msk_log_entry one, other;
        assert_true(msk_log_get(&a->log, i, &one) && msk_log_get(&b->log, i, &other));
        if (one.term != other.term || !msk_bytes_equal(one.command, other.command))
            return false;
    }
    return true;
}

static void check(struct life *life)
{
    struct world *world = life->world;
    if (world->two_leaders)
        fail_msg("seed %d: two leaders in a term", (int)life->seed);
    for (int a = 1; a <= world->count; a++)
        for (int b = a + 1; b <= world->count; b++)
            if (raft_of(world, a) && raft_of(world, b) && !same_committed(raft_of(world, a), raft_of(world, b)))
                fail_msg("seed %d: %d and %d have committed different entries", (int)life->seed, a, b);
}

static void live(struct life *life)
{
    static const int sizes[] = {1, 2, 3, 3, 3, 4, 5, 5};
    msk_random_seed(&life->random, life->seed);
    int count = sizes[below(life, 8)];
    life->world = world_new(count, (uint32_t)count);
    life->world->now_ms += life->seed * 1000;
    life->world->slow_disk = true;
    start_all(life->world);
    for (int i = 0; i < STEPS; i++) {
        step(life);
        check(life);
        msk_builder_reset(&life->world->trace);
    }
    for (size_t term = 1; term < 4096; term++)
        life->elected += life->world->leader_terms[term] != 0;
    for (int i = 1; i <= count; i++)
        life->committed += raft_of(life->world, i) ? raft_of(life->world, i)->committed.index : 0;
    world_free(life->world);
}

static void live_many(bool crashes)
{
    struct life life = {.crashes = crashes};
    for (life.seed = 1; life.seed <= RUNS; life.seed++)
        live(&life);
    print_message("%d elections, %d commits\n", (int)life.elected, (int)life.committed);
    assert_true(life.elected > RUNS / 2); /* the lives are not empty */
    assert_true(life.committed > RUNS / 2);
}

static void one_leader_a_term_and_equal_commits(void **state)
{
    (void)state;
    live_many(false);
}

static void one_leader_a_term_whatever_crashes(void **state)
{
    (void)state;
    live_many(true);
}

/* The same lives under the reference's rules do break both, or the checks above see nothing. */
static void the_reference_would_be_found_out(void **state)
{
    (void)state;
    int two_leaders = 0;
    for (uint64_t seed = 1; seed <= 300 && two_leaders == 0; seed++) {
        struct life life = {.seed = seed, .crashes = true};
        msk_random_seed(&life.random, seed);
        life.world = world_new(3, 3);
        life.world->config.reference_rules = true;
        start_all(life.world);
        for (int i = 0; i < STEPS; i++)
            step(&life);
        two_leaders = life.world->two_leaders;
        world_free(life.world);
    }
    assert_true(two_leaders > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_leader_a_term_and_equal_commits),
        cmocka_unit_test(one_leader_a_term_whatever_crashes),
        cmocka_unit_test(the_reference_would_be_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
