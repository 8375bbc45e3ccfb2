/* Whole nodes: meshes from cold start, crossing dials, partitions, restarts, leaving (groups.md 2, observed.md). */
#include "node_net.h"

#define SEEDS 40

/* Several nodes that begin within `spread_ms`, each knowing the places in `bootstrap`. */
static struct net *cold_start(uint64_t seed, int count, uint64_t spread_ms, const int *bootstrap,
                              struct msk_group_config *config)
{
    struct net *net = net_new(seed);
    *config = net_group_config(net, "g");
    net->delay_ms = msk_random_below(&net->random, 20);
    net->jitter_ms = msk_random_below(&net->random, 20);
    for (int i = 1; i <= count; i++) {
        net_start(net, i, bootstrap);
        net_join(net, i, config);
        net_run_for(net, msk_random_below(&net->random, spread_ms + 1));
    }
    return net;
}

static void two_nodes_sync_bond_and_elect(void **state)
{
    (void)state;
    struct net *net = net_new(1);
    struct msk_group_config config = net_group_config(net, "g");
    net_start(net, 1, NULL);
    net_join(net, 1, &config);
    net_start(net, 2, (const int[]){1, 0});
    net_join(net, 2, &config);
    assert_true(NET_UNTIL(net, 2000, net_full_mesh(net, 2, &config.id)) < 50);
    assert_true(NET_UNTIL(net, 10000, net_leader(net, 2, &config.id)) < 10000);
    net_free(net);
}

static void mesh_within_two_seconds(int count, const int *bootstrap)
{
    uint64_t slowest_ms = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct msk_group_config config;
        struct net *net = cold_start(seed, count, seed % 2 ? 0 : 300, bootstrap, &config);
        uint64_t took_ms = NET_UNTIL(net, 4000, net_full_mesh(net, count, &config.id));
        if (took_ms > 2000)
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)took_ms);
        slowest_ms = took_ms > slowest_ms ? took_ms : slowest_ms;
        /* It stays: no connection is given up once the spare ones are gone. */
        net_run_for(net, 3000);
        assert_true(net_full_mesh(net, count, &config.id));
        for (int i = 1; i <= count; i++) {
            assert_int_equal(net_events(net, i, MSK_EVENT_BOND_CLOSED), 0);
            assert_int_equal(net_events(net, i, MSK_EVENT_BOND_FORMED), count - 1);
            assert_int_equal(net_view(net, i, &config.id).bond_count, count - 1);
            assert_int_equal(net_events(net, i, MSK_EVENT_MESH_INCOMPLETE), 0);
        }
        net_free(net);
    }
    print_message("slowest of %d meshes of %d: %llu ms\n", SEEDS, count, (unsigned long long)slowest_ms);
}

static void mesh_of_three_through_one(void **state)
{
    (void)state;
    mesh_within_two_seconds(3, (const int[]){1, 0});
}

static void mesh_of_three_knowing_each_other(void **state)
{
    (void)state;
    mesh_within_two_seconds(3, (const int[]){1, 2, 3, 0});
}

static void mesh_of_five_through_one(void **state)
{
    (void)state;
    mesh_within_two_seconds(5, (const int[]){1, 0});
}

static void mesh_of_five_knowing_each_other(void **state)
{
    (void)state;
    mesh_within_two_seconds(5, (const int[]){1, 2, 3, 4, 5, 0});
}

/* One first packet in five gets lost. */
static void mesh_of_three_in_spite_of_loss(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct net *net = net_new(seed);
        struct msk_group_config config = net_group_config(net, "g");
        net->delay_ms = 10;
        net->jitter_ms = 10;
        net->loss = 0.2;
        for (int i = 1; i <= 3; i++) {
            net_start(net, i, (const int[]){1, 0});
            net_join(net, i, &config);
        }
        uint64_t took_ms = NET_UNTIL(net, 4000, net_full_mesh(net, 3, &config.id));
        if (took_ms > 2000)
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)took_ms);
        net_free(net);
    }
}

/* Half a minute is tolerated; beyond that nobody takes the entry, which is said and not tried without end. */
static void clocks_may_differ_by_less_than_50_s(void **state)
{
    (void)state;
    static const int64_t skews_ms[] = {30000, -30000, 100000};
    for (size_t i = 0; i < 3; i++) {
        struct net *net = net_new(3);
        struct msk_group_config config = net_group_config(net, "g");
        net->places[2].clock_skew_ms = skews_ms[i];
        for (int n = 1; n <= 2; n++) {
            net_start(net, n, (const int[]){1, 0});
            net_join(net, n, &config);
        }
        net_run_for(net, 60000);
        bool tolerated = skews_ms[i] < 50000;
        assert_int_equal(net_full_mesh(net, 2, &config.id), tolerated);
        if (!tolerated) {
            assert_true(net_events(net, 1, MSK_EVENT_CLOCK_SKEW) > 0);
            int64_t estimate_ms = net->places[1].last[MSK_EVENT_CLOCK_SKEW].fields[1].i64;
            assert_in_range(estimate_ms, 50001, 100000); /* less by the age of the entry */
            assert_true(net_events(net, 2, MSK_EVENT_PEER_QUARANTINED) > 0);
            assert_true(net_conn_total(net, 1, 2, MSK_ALPN_GROUPS) < 20);
        }
        net_free(net);
    }
}

/* Cut in one direction only: both sides notice, and both are back soon. */
static void one_way_cut_heals_within_two_seconds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct msk_group_config config;
        struct net *net = cold_start(seed, 3, 0, (const int[]){1, 0}, &config);
        net_run_for(net, 10000);
        net->cut[1][2] = true;
        net_run_for(net, 7000 + msk_random_below(&net->random, 20000));
        assert_false(net_full_mesh(net, 3, &config.id));
        net->cut[1][2] = false;
        uint64_t took_ms = NET_UNTIL(net, 5000, net_full_mesh(net, 3, &config.id));
        if (took_ms > 2000)
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)took_ms);
        net_free(net);
    }
}

static void partition_heals_within_two_seconds(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct msk_group_config config;
        struct net *net = cold_start(seed, 3, 0, (const int[]){1, 0}, &config);
        net_run_for(net, 10000);
        assert_true(net_full_mesh(net, 3, &config.id));
        int alone = 1 + (int)(seed % 3);
        for (int i = 1; i <= 3; i++)
            if (i != alone)
                net_cut(net, alone, i, true);
        /* Up to long after their entries are gone from each other's catalogs. */
        net_run_for(net, 6000 + msk_random_below(&net->random, seed % 4 ? 30000 : 500000));
        assert_int_equal(net_view(net, alone, &config.id).bond_count, 0);
        for (int i = 1; i <= 3; i++)
            net_cut(net, alone, i, false);
        uint64_t took_ms = NET_UNTIL(net, 5000, net_full_mesh(net, 3, &config.id));
        if (took_ms > 2000)
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)took_ms);
        net_run_for(net, 5000);
        assert_true(net_full_mesh(net, 3, &config.id));
        assert_int_not_equal(net_leader(net, 3, &config.id), 0);
        net_free(net);
    }
}

static void killed_node_comes_back(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct msk_group_config config;
        struct net *net = cold_start(seed, 3, 0, (const int[]){1, 2, 3, 0}, &config);
        net_run_for(net, 9000);
        net_kill(net, 2);
        /* Before and after the others notice. */
        net_run_for(net, 300 + msk_random_below(&net->random, 9000));
        net_start(net, 2, (const int[]){1, 3, 0});
        net_join(net, 2, &config);
        uint64_t took_ms = NET_UNTIL(net, 5000, net_full_mesh(net, 3, &config.id));
        if (took_ms > 2000)
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)took_ms);
        net_run_for(net, 8000);
        assert_true(net_full_mesh(net, 3, &config.id));
        net_free(net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_sync_bond_and_elect),       cmocka_unit_test(mesh_of_three_through_one),
        cmocka_unit_test(mesh_of_three_knowing_each_other),    cmocka_unit_test(mesh_of_five_through_one),
        cmocka_unit_test(mesh_of_five_knowing_each_other),     cmocka_unit_test(mesh_of_three_in_spite_of_loss),
        cmocka_unit_test(clocks_may_differ_by_less_than_50_s), cmocka_unit_test(one_way_cut_heals_within_two_seconds),
        cmocka_unit_test(partition_heals_within_two_seconds),  cmocka_unit_test(killed_node_comes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
