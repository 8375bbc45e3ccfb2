/* Whole nodes: meshes from cold start, crossing dials, partitions, restarts, leaving (groups.md 2, observed.md). */
#include "node_net.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_nodes_sync_bond_and_elect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
