/* Meshes with members of the reference: simultaneous dials, spare connections, help for others (groups.md 2.6,
 * observed.md). */
#include "node_reference.h"

#define SEEDS 60

struct mixed {
    struct net *net;
    struct msk_group_config group;
    struct reference refs[NET_PLACES_MAX + 1];
    int count, first_ref; /* places below it are nodes of ours */
};

/* Nodes at places 1.. and members of the reference behind them, all begun within `spread_ms` through place 1. */
static struct mixed *mixed_start(uint64_t seed, int ours, int theirs, uint64_t spread_ms)
{
    struct mixed *mixed = calloc(1, sizeof *mixed);
    struct net *net = mixed->net = net_new(seed);
    net->without_gossip = true; /* these members of the reference do not speak it */
    mixed->group = net_group_config(net, "g");
    mixed->count = ours + theirs;
    mixed->first_ref = ours + 1;
    net->delay_ms = msk_random_below(&net->random, 10);
    net->jitter_ms = msk_random_below(&net->random, 10);
    for (int i = 1; i <= mixed->count; i++) {
        if (i <= ours) {
            net_start(net, i, (const int[]){1, 0});
            net_join(net, i, &mixed->group);
        } else {
            reference_begin(&mixed->refs[i], net, i, &mixed->group, ours ? 1 : i == 1 ? 0 : 1);
        }
        net_run_for(net, msk_random_below(&net->random, spread_ms + 1));
    }
    return mixed;
}

static void mixed_free(struct mixed *mixed)
{
    for (int i = mixed->first_ref; i <= mixed->count; i++)
        reference_end_of(&mixed->refs[i]);
    net_free(mixed->net);
    free(mixed);
}

static bool bonded_from(const struct mixed *mixed, int a, int b)
{
    return a < mixed->first_ref ? net_bonded(mixed->net, a, b, &mixed->group.id) : mixed->refs[a].bonds[b] != NULL;
}

static bool all_bonded(const struct mixed *mixed, int from)
{
    for (int a = 1; a <= mixed->count; a++)
        for (int b = 1; b <= mixed->count; b++)
            if (a != b && (a < from || b < from) && !bonded_from(mixed, a, b))
                return false;
    return true;
}

/* Every pair that has one of us in it bonds, and stays bonded. */
static void our_pairs_bond(int ours, int theirs)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct mixed *mixed = mixed_start(seed, ours, theirs, seed % 3 ? 0 : 40);
        uint64_t took_ms = NET_UNTIL(mixed->net, 5000, all_bonded(mixed, mixed->first_ref));
        if (took_ms > 2000)
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)took_ms);
        net_run_for(mixed->net, 6000);
        if (!all_bonded(mixed, mixed->first_ref))
            fail_msg("seed %llu: lost a bond again", (unsigned long long)seed);
        for (int i = 1; i < mixed->first_ref; i++)
            assert_int_equal(net_events(mixed->net, i, MSK_EVENT_BOND_CLOSED), 0);
        mixed_free(mixed);
    }
}

static void one_of_us_among_two(void **state)
{
    (void)state;
    our_pairs_bond(1, 2);
}

static void two_of_us_with_one(void **state)
{
    (void)state;
    our_pairs_bond(2, 1);
}

static void two_of_us_with_three(void **state)
{
    (void)state;
    our_pairs_bond(2, 3);
}

/* Members of the reference that closed each other's connections stay apart until an entry changes: ours does. */
static void pairs_of_the_reference_are_helped(void **state)
{
    (void)state;
    unsigned apart = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct mixed *mixed = mixed_start(seed, 1, 3, 0);
        NET_UNTIL(mixed->net, 5000, all_bonded(mixed, mixed->first_ref));
        net_run_for(mixed->net, 500);
        apart += !all_bonded(mixed, mixed->count + 1);
        uint64_t took_ms = NET_UNTIL(mixed->net, 10000, all_bonded(mixed, mixed->count + 1));
        if (took_ms > 10000)
            fail_msg("seed %llu: a pair stays apart", (unsigned long long)seed);
        mixed_free(mixed);
    }
    print_message("in %u of %d starts a pair was apart at first\n", apart, SEEDS);
    assert_true(apart > 0); /* else this shows nothing */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_us_among_two),
        cmocka_unit_test(two_of_us_with_one),
        cmocka_unit_test(two_of_us_with_three),
        cmocka_unit_test(pairs_of_the_reference_are_helped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
